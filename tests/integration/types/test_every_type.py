"""Every declared type, walked through its life; the fields come from the SDK's models."""

from __future__ import annotations

import pytest

from tests.unit import test_types as checks

from . import sdk
from .walk import Walk
from .walks import CASES, TYPES, Walks

STEPS = [(name, step) for name in TYPES if name in CASES for step in Walks.names(name)]


def test_every_type_has_a_case() -> None:
    assert set(CASES) == set(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_every_field_of_the_models_has_values(name: str) -> None:
    assert name in CASES, f"no table in tests/integration/types/cases has a Case for {name}"
    assert set(CASES[name].leaves) == set(sdk.paths(TYPES[name]))


@pytest.mark.parametrize("name", TYPES)
def test_what_a_type_lacks_it_truly_lacks(name: str) -> None:
    """The steps left out are those the service cannot do, each with a reason."""
    type_ = TYPES[name]
    changeable = checks.update_model(type_)().swagger_types
    cannot = {
        "move": not hasattr(checks.client(type_), type_.move[0]),
        "rename": type_.name_field not in changeable and type_.field(type_.name_field).read not in changeable,
        "tags": "freeform_tags" not in changeable,
        "failed": "FAILED" not in checks.service_states(type_),
        "revive": "PENDING_DELETION" not in checks.service_states(type_),
    }
    assert set(type_.lacks) <= Walk.OPTIONAL
    assert all(type_.lacks.values())
    assert {step for step in type_.lacks if step in cannot} == {step for step, lacking in cannot.items() if lacking}


@pytest.mark.parametrize(("name", "step"), STEPS, ids=[f"{name}-{step.replace(' ', '_')}" for name, step in STEPS])
def test_step(walks: Walks, name: str, step: str) -> None:
    walks[name].run(step)
