"""A fault in a declaration makes a test fail: each type with each fault, against the checks and the walk.

This is the test of the tests: a mutant that survives shows something that nobody would notice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.campaign import chosen
from tests.unit import test_types as checks

from .mutants import Mutant, mutants
from .walk import Walk
from .walks import TYPES, Walks

CHECKS = [
    thing for name, thing in vars(checks).items() if name.startswith("test_") and "type_" in thing.__annotations__
]
"""What holds a declaration against the SDK, without a region."""


def test_there_are_checks() -> None:
    assert len(CHECKS) >= 7


@pytest.mark.parametrize("name", TYPES)
def test_no_mutant_survives(walks: Walks, name: str, whole: bool) -> None:
    walk = walks[name]
    found = list(mutants(walk))
    assert len(found) > 3 * len(walk.declared.fields), "there are mutants of each field"
    survivors = [mutant.title for mutant in chosen(found, whole, len(found) // 3) if not _killed(walk, mutant)]
    assert survivors == []
    for step in ("create", "identity", "states", "absent"):
        walk.run(step)  # the declaration itself still passes: nothing but their faults ended the mutants


def _killed(walk: Walk, mutant: Mutant) -> bool:
    return any(_fails(check, mutant.type) for check in CHECKS) or any(
        _fails(walk.run, step, mutant.type) for step in mutant.steps
    )


def _fails(test: Callable[..., None], *arguments: Any) -> bool:
    """Whether a test fails, in whatever way the fault makes it."""
    try:
        test(*arguments)
    except Exception:
        return True
    return False
