"""Declarations with one fault each, and the steps of the walk that should not survive it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.model import UNSET, Change, Field, ResourceType, caseless

from .case import Case, Leaf
from .walk import Walk

Fields = tuple[Field, ...]


@dataclass(frozen=True)
class Mutant:
    """``steps``: where the fault can show; the declaration's own checks come before them."""

    title: str
    type: ResourceType
    steps: tuple[str, ...]


def mutants(walk: Walk) -> Iterator[Mutant]:
    """Every mutant of a type."""
    yield from _fields(walk)
    yield from _identity(walk)
    yield from _states(walk)


# --- fields ------------------------------------------------------------------------------------------------------


def _fields(walk: Walk) -> Iterator[Mutant]:
    fixed = [
        p + ("[]" if f.type == "list" else "") for p, f in _each(walk.declared.fields) if f.change is Change.REPLACE
    ]
    for path, field in _each(walk.declared.fields):
        steps = (*walk.steps_of(path), *(("move",) if field.change is Change.MOVE else ()))
        for title, changed in _changed(field, walk.case, path, any(path.startswith(f"{p}.") for p in fixed)):
            if path in _found_by(walk.declared) and changed and changed.reference == field.reference:
                continue  # what it is found by is never another value of the one that was found
            mutated = replace(walk.declared, fields=_put(walk.declared.fields, path, changed))
            yield Mutant(f"{path}: {title}", mutated, steps)
    for head in walk.declared.all_fields:
        if head.name == "compartment_id" and head.change is Change.MOVE:
            stuck = replace(walk.declared, lacks={**walk.declared.lacks, "move": "mutant"})
            yield Mutant("compartment_id: cannot be moved", stuck, ("move",))


def _found_by(declared: ResourceType) -> tuple[str, ...]:
    """The fields that are the whole address of what has no id of its own."""
    return () if "id" in declared.address else declared.address


def _changed(field: Field, case: Case, path: str, inside_fixed: bool) -> Iterator[tuple[str, Field | None]]:
    yield "dropped", None
    if not field.fields and field.change is not Change.ONCE and not case.leaves.get(path, Leaf()).implied:
        yield "compared as if all were equal", replace(field, canonical=lambda value: "same", ordered=False)
    if _free_text(field) and _differs_by_case(case.leaves.get(path, Leaf())):
        yield "compared without case", replace(field, canonical=caseless)
    if field.ordered:
        yield "compared without order", replace(field, ordered=False)
    if field.default is not UNSET:
        yield "without the service's default", replace(field, default=UNSET)
    if field.reference or field.reference_by:
        yield "refers to nothing", replace(field, reference=None, reference_by=None)
    if field.secret:
        yield "no secret", replace(field, secret=False)
    for way in _OTHER_WAYS[field.change]:
        # A field inside of another changes with it, but for those of a dict that are fixed where it is not.
        fixed = way is Change.REPLACE and "[]" not in path and not inside_fixed
        if "." not in path or field.change is Change.REPLACE or fixed:
            yield f"changes by {way.value}, not by {field.change.value}", replace(field, change=way)


_OTHER_WAYS = {
    Change.UPDATE: (Change.REPLACE, Change.ONCE),
    Change.STEPS: (Change.UPDATE, Change.REPLACE),
    Change.MOVE: (Change.UPDATE,),
    Change.REPLACE: (Change.UPDATE, Change.ONCE),
    Change.ONCE: (Change.UPDATE,),
    Change.WITH: (Change.UPDATE, Change.ONCE),
}


def _free_text(field: Field) -> bool:
    text = "str" in (field.type, field.elements)
    return text and not (field.choices or field.canonical or field.reference or field.secret)


def _differs_by_case(leaf: Leaf) -> bool:
    others = [v for v in (leaf.second, leaf.drift) if isinstance(v, str) and v != leaf.first]
    return isinstance(leaf.first, str) and leaf.first.lower() in [other.lower() for other in others]


def _each(fields: Fields, prefix: str = "") -> Iterator[tuple[str, Field]]:
    """(path as the walk has it, field), nested ones too."""
    for field in fields:
        yield f"{prefix}{field.name}", field
        yield from _each(field.fields, f"{prefix}{field.name}{'[]' if field.type == 'list' else ''}.")


def _put(fields: Fields, path: str, changed: Field | None) -> Fields:
    """Fields with the one under a path changed or taken out."""
    head, _dot, rest = path.partition(".")
    head = head.removesuffix("[]")
    made: list[Field] = []
    for field in fields:
        if field.name != head:
            made.append(field)
        elif rest:
            made.append(replace(field, fields=_put(field.fields, rest, changed)))
        elif changed is not None:
            made.append(changed)
    return tuple(made)


# --- identity and states ----------------------------------------------------------------------------------------


def _identity(walk: Walk) -> Iterator[Mutant]:
    declared = walk.declared
    steps = ("identity", "create")
    if declared.parent:
        yield Mutant("identity: without its parent", replace(declared, parent=None), steps)
    for name in declared.scope:
        kept = tuple(n for n in declared.scope if n != name)
        yield Mutant(f"identity: without {name}", replace(declared, scope=kept), steps)
    for name in declared.place:
        kept = tuple(n for n in declared.address if n != name)
        yield Mutant(f"address: without {name}", replace(declared, address=kept), steps)
    yield Mutant("identity: without its name", replace(declared, name_field="id"), steps)


_STATE_STEPS = {
    "ready": ("create", "states"),
    "failed": ("failed",),
    "gone": ("states", "absent"),
    "going": ("states",),
    "scheduled": ("revive",),
    "resting": ("states",),
    "frozen": ("states",),
}


def _states(walk: Walk) -> Iterator[Mutant]:
    for kind, steps in _STATE_STEPS.items():
        told = getattr(walk.declared.states, kind)
        for state in told:
            kept: dict[str, Any] = {kind: tuple(s for s in told if s != state)}
            states = replace(walk.declared.states, **kept)
            known = tuple(s for s in steps if s in walk.steps())
            yield Mutant(f"states: {state} is not {kind}", replace(walk.declared, states=states), known)


Check = Callable[[ResourceType], None]
