"""What a walk of a type has to know beside what the SDK's models say: values for its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class _NotGiven:
    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = _NotGiven()


@dataclass(frozen=True)
class Leaf:
    """Values for one field of the SDK's create and update models.

    Any of them may be, or hold, a callable of the ground (``lambda g: g.vcn_id``).
    """

    first: Any = NOT_GIVEN  # what the walk makes the resource with; not given: it is made without
    second: Any = NOT_GIVEN  # what the field is changed to; not given: see `only`
    drift: Any = NOT_GIVEN  # what another client sets behind the engine's back; not given: `second`
    spellings: tuple[Any, ...] = ()  # other ways to write `first`, which mean the same to the service
    beside: Mapping[str, Any] = field(default_factory=dict)  # path -> its value in this field's steps (None: not given)
    along: Mapping[str, Any] = field(default_factory=dict)  # path -> what has to change with `second`
    rides: str = ""  # why it is not a change alone, but only with what is in `along`
    by: tuple[str, ...] = ()  # the operations that change it, where the update model does not have it
    fixed: str = ""  # why a change needs a new resource although the update model has the field
    unread: str = ""  # why get does not show it
    unsupported: str = ""  # why the region under test cannot do it (501): a change is only planned
    only: str = ""  # why there is no second value
    kept: str = ""  # why it cannot be emptied, for a list; or why another client cannot make it drift
    implied: str = ""  # why no comparison hangs on it alone: another field differs whenever it does
    irreplaceable: str = ""  # why the walk cannot have the resource recreated with `second`


@dataclass(frozen=True)
class Case:
    """``leaves``: by the path of a field in the SDK's models: ``backup_policy.retention_in_days``, and for a field of a
    list's items ``route_rules[].description``, which is set in the first item. ``options``: further options of the
    module (the endpoint of a vault)."""

    leaves: Mapping[str, Leaf]
    options: Mapping[str, Any] = field(default_factory=dict)
    elsewhere: Mapping[str, Any] = field(default_factory=dict)  # where it is moved to, if that is not a compartment
