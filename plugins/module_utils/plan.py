# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is declared and what is there to what is to be done. Pure functions: no I/O, no clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as _field
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import PlanError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    UNSET,
    Call,
    Change,
    Document,
    Field,
    ResourceType,
    canonical,
    declared,
    holds_unknown,
    is_unknown,
    same,
)

SECRET_BEFORE, SECRET_SHOWN = "(secret)", "(secret, changed)"  # unlike, or the diff would be empty
UNKNOWN_SHOWN = "(known after apply)"
SERVICE_TAGS = "Oracle-Tags"  # the namespace of defined tags that the service sets itself


@dataclass(frozen=True)
class Plan:
    """What is to be done for one resource.

    ``kind``: none, create, update, replace, delete or revive (a deletion set for later is taken back; what else differs
    is in ``after``, and is planned again when the resource is there again).
    ``create``: the body of the create call. ``calls``: writes on the resource itself, in order; after a create those
    that the create model cannot carry. ``before`` and ``after`` hold only what changes.
    """

    kind: str = "none"
    create: Document | None = None
    calls: tuple[Call, ...] = ()
    before: Document = _field(default_factory=dict)
    after: Document = _field(default_factory=dict)

    @property
    def changes(self) -> bool:
        return self.kind != "none"


VERBS = {"create": "created", "update": "changed", "replace": "replaced", "delete": "removed"}
"""What is done to a resource or an object, as results' ``changes`` and the run's summary say it."""


def operations(type_: ResourceType, plan: Plan) -> tuple[str, ...]:
    """The writes that carry a plan out, in order, as ``SERVICE.OPERATION``."""
    made = [call.operation for call in plan.calls]
    if plan.kind in ("create", "replace"):
        made.insert(0, type_.create_operation)
    if plan.kind in ("delete", "replace"):
        made.insert(0, type_.delete_operation)
    return tuple(f"{type_.package}.{operation}" for operation in made)


# --- the values after a change -----------------------------------------------------------------------------------


def merged(field: Field, wanted: Any, there: Any, purge_tags: bool = False) -> Any:
    """The whole value after the change: what is not given in a nested dict keeps its value."""
    if field.name in ("freeform_tags", "defined_tags"):
        return _merged_tags(wanted, there or {}, purge_tags, nested=field.name == "defined_tags")
    if field.type == "dict" and field.fields and isinstance(wanted, Mapping):
        base = there if isinstance(there, Mapping) else {}
        kind = field.discriminator
        if kind and wanted.get(kind) not in (None, base.get(kind)):
            base = {}
        whole: Document = {}
        for f in field.fields:
            given, old = wanted.get(f.name), base.get(f.name)
            value = old if given is None else merged(f, given, old)
            if value is not None:
                whole[f.name] = value
        return whole
    if field.whole and isinstance(wanted, list):
        return field.whole(wanted)
    return wanted


def _merged_tags(wanted: Mapping[str, Any], there: Mapping[str, Any], purge: bool, nested: bool) -> Document:
    """Tags as they stand afterwards. A value of None removes its key. ``Oracle-Tags`` are the service's own."""
    kept = {k: v for k, v in there.items() if not purge or (nested and k == SERVICE_TAGS)}
    for key, value in wanted.items():
        if nested and isinstance(value, Mapping):
            kept[key] = _merged_tags(value, (there.get(key) or {}), purge, nested=False)
        elif value is None:
            kept.pop(key, None)
        else:
            kept[key] = value if nested else str(value)
    return kept


# --- one resource ------------------------------------------------------------------------------------------------


def plan_present(
    type_: ResourceType,
    desired: Document,
    observed: Document | None,
    *,
    purge_tags: bool = False,
    allow_replace: bool = False,
) -> Plan:
    """What makes ``observed`` (None: nothing there) what ``desired`` declares.

    ``desired`` holds only the options given. Raises PlanError where a field cannot be changed in place and
    replacement is not allowed.
    """
    if observed is None:
        return _plan_create(type_, desired)
    label = _title(type_, observed, desired)
    if type_.states.of(observed) in type_.states.failed:
        _refuse_protected(type_, observed)
        if "replace" in type_.lacks:
            raise PlanError(f"{label}: it has failed and cannot be recreated: {type_.lacks['replace']}")
        made = _plan_create(type_, desired)
        state = type_.states.field
        return Plan("replace", made.create, made.calls, {state: observed.get(state)}, {state: type_.states.ready[0]})
    revive = type_.states.of(observed) in type_.states.scheduled
    changed = _changed(type_, desired, observed, purge_tags)
    if not changed and not revive:
        return Plan()
    changed += _sent_with(type_, desired, observed, changed)
    problems = [f"{label}: {row}" for f, old, new in changed for row in _refused(f, f.name, old, new)]
    fixed = [row for f, old, new in changed for row in _fixed(f, f.name, old, new)]
    if fixed and "replace" in type_.lacks:
        problems.append(
            f"{label}: the service cannot change {'; '.join(fixed)}. "
            f"It cannot be recreated either: {type_.lacks['replace']}. "
            "Declare the value that is there."
        )
    elif fixed and not allow_replace:
        problems.append(
            f"{label}: the service cannot change {'; '.join(fixed)}. "
            "Set allow_replace: true to delete and recreate it, or declare the value that is there."
        )
    if problems:
        raise PlanError("\n".join(problems))
    seen = [(f, old, new) for f, old, new in changed if f.change is not Change.WITH or not same(f, old, new)]
    before = {f.name: shown(f, old, new)[0] for f, old, new in seen}
    after = {f.name: shown(f, old, new)[1] for f, old, new in seen}
    if fixed:
        _refuse_protected(type_, observed)
        made = _plan_create(type_, {**_inherited(type_, observed, desired), **desired})
        return Plan("replace", made.create, made.calls, before, after)
    if revive and type_.deletion.cancel:
        state = type_.states.field
        before[state], after[state] = type_.states.of(observed), type_.states.ready[0]
        return Plan("revive", None, (Call(type_.deletion.cancel),), before, after)
    return Plan("update", None, tuple(_calls(type_, changed, observed)), before, after)


NOTE = "okestack-left-as-it-was"
"""The freeform tag in a type's ``noted_in`` that says which updates the service accepted and did not make, as
``FIELD:DIGEST``, a digest of the value that is there and the one declared. Nothing is remembered elsewhere: by it the
next run neither sends nor claims that update, until either value changes."""


def noted(type_: ResourceType, observed: Document) -> dict[str, str]:
    """What a resource's note says: field -> digest."""
    tags = (observed.get(type_.noted_in or "") or {}).get("freeform_tags") or {}
    rows = (row.partition(":") for row in str(tags.get(NOTE) or "").split())
    return {name: digest for name, _colon, digest in rows}


def note_of(type_: ResourceType, names: Sequence[str], desired: Document, after: Document, purge_tags: bool) -> str:
    """The note that ``names`` are as they are in ``after`` though an update asked for what ``desired`` declares."""
    made = noted(type_, after)
    for name in names:
        field = type_.field(name)
        there = after.get(field.read or name)
        made[name] = _digest(field, there, merged(field, desired[name], there, purge_tags))
    return " ".join(f"{name}:{digest}" for name, digest in sorted(made.items()))


def _left_before(type_: ResourceType, field: Field, observed: Document, old: Any, new: Any) -> bool:
    """Whether the service was asked for this change before, and left the field as it was."""
    if not type_.noted_in or field.name not in type_.ignored_updates or holds_unknown(new):
        return False
    return noted(type_, observed).get(field.name) == _digest(field, old, new)


def _digest(field: Field, old: Any, new: Any) -> str:
    text = json.dumps([canonical(field, old), canonical(field, new)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _changed(
    type_: ResourceType, desired: Document, observed: Document, purge_tags: bool
) -> list[tuple[Field, Any, Any]]:
    """The fields that differ: (field, value before, value wanted)."""
    revive = type_.states.of(observed) in type_.states.scheduled
    changed: list[tuple[Field, Any, Any]] = []
    for field in type_.all_fields:
        if revive and field.secret:
            continue  # what is to be deleted cannot be read
        if field.name in desired and field.change not in (Change.ONCE, Change.WITH):
            old = observed.get(field.read or field.name)
            new = merged(field, desired[field.name], old, purge_tags)
            differs = not same(field, old, new) or _has_duplicates(field, old)
            if differs and not _left_before(type_, field, observed, old, new):
                changed.append((field, old, new))
    return changed


def _sent_with(
    type_: ResourceType, desired: Document, observed: Document, changed: Sequence[tuple[Field, Any, Any]]
) -> list[tuple[Field, Any, Any]]:
    """The fields that are only sent with an update of others, where there is one."""
    if not any(f.change is Change.UPDATE and not f.alone for f, _old, _new in changed):
        return []
    given = [f for f in type_.all_fields if f.change is Change.WITH and f.name in desired]
    there = {f.name: observed.get(f.read or f.name) for f in given}
    return [(f, there[f.name], merged(f, desired[f.name], there[f.name])) for f in given]


def _has_duplicates(field: Field, there: Any) -> bool:
    """Whether a list that is kept row by row holds one twice (a write of a rule that was sent again)."""
    by_row = field.change is Change.STEPS and field.fields and isinstance(there, list)
    return bool(by_row) and len(canonical(field, there) or []) < len(there)


def plan_absent(type_: ResourceType, observed: Document | None) -> Plan:
    """What removes a resource: nothing where it is gone or its deletion is set. Raises PlanError where the service
    would refuse it."""
    if observed is None or type_.states.of(observed) in type_.states.scheduled:
        return Plan()
    _refuse_protected(type_, observed)
    return Plan("delete", before={f: observed.get(f) for f in ("id", type_.name_field) if f in observed})


def _refuse_protected(type_: ResourceType, observed: Document) -> None:
    if type_.deletion.protected and (reason := type_.deletion.protected(observed)):
        raise PlanError(f"{_title(type_, observed)}: {reason}")


def _title(type_: ResourceType, observed: Document, desired: Mapping[str, Any] | None = None) -> str:
    """What people call a resource that is there, with its id where it has one of its own."""
    label = type_.label({**observed, **(desired or {})})
    return f"{label} ({observed['id']})" if observed.get("id") else label


def plan_later(type_: ResourceType, desired: Document) -> Plan:
    """What will be changed of something that is itself only planned, and will be there by then."""
    changed = [(f, None, merged(f, desired[f.name], None)) for f in type_.all_fields if f.name in desired]
    calls = tuple(_calls(type_, changed, {}))
    return Plan("update", calls=calls, after=dict(desired)) if calls else Plan()


def _plan_create(type_: ResourceType, desired: Document) -> Plan:
    body: Document = {}
    later: list[tuple[Field, Any, Any]] = []
    after: Document = {}
    for field in type_.all_fields:
        if field.name not in desired:
            if field.create_default is not UNSET:
                body[field.name] = field.create_default
            continue
        value = merged(field, desired[field.name], None)
        if field.on_create:
            body[field.name] = value
        elif value not in ([], None) and field.name not in type_.address:
            later.append((field, None, value))
        after[field.name] = shown(field, None, value)[1]
    return Plan("create", body, tuple(_calls(type_, later, {})), {}, after)


def _inherited(type_: ResourceType, observed: Document, desired: Document) -> Document:
    """What a replacement takes over from the resource it replaces: the fields of the declaration that are shown."""
    inherited = {
        f.name: declared(f, observed[f.read or f.name])
        for f in type_.all_fields
        if f.on_create and observed.get(f.read or f.name) not in (None, [], {}) and f.instead_of not in desired
    }
    if "defined_tags" in inherited:  # the service sets its own and refuses them in a request
        inherited["defined_tags"] = {k: v for k, v in inherited["defined_tags"].items() if k != SERVICE_TAGS}
    return inherited


def _calls(type_: ResourceType, changed: Sequence[tuple[Field, Any, Any]], observed: Document) -> list[Call]:
    """The writes for changed fields: the move first, steps next, all plain fields in one update."""
    calls: list[Call] = []
    update: Document = {}
    for field, old, new in changed:
        if field.change is Change.MOVE:
            operation, target = type_.move
            calls.append(Call(operation, {target: new}))  # those of the network take no if-match
        elif field.change is Change.STEPS:
            if field.steps is None:
                raise PlanError(f"{type_.name}.{field.name} declares no steps")
            calls += field.steps(old, new, observed)
        elif field.alone:
            calls.append(Call(type_.update_operation, {field.name: _changeable(field, new)}, guarded=True))
        else:
            update[field.name] = _changeable(field, new)
    if update:
        calls.append(Call(type_.update_operation, update, guarded=True))
    return calls


def _fixed(field: Field, path: str, old: Any, new: Any) -> list[str]:
    """The changes, as text, which the service can only make with a new resource."""
    if field.change is Change.REPLACE:
        before, after = shown(field, old, new)
        return [f"{path}: {before!r} -> {after!r}"]
    return [row for inner in _inside(field, path, old, new) for row in _fixed(*inner)]


def _refused(field: Field, path: str, old: Any, new: Any) -> list[str]:
    """The changes, as text, which the service never accepts."""
    if field.refusal and (reason := field.refusal(old, new)):
        return [f"{path}: {old!r} -> {new!r}: {reason}"]
    return [row for inner in _inside(field, path, old, new) for row in _refused(*inner)]


def _inside(field: Field, path: str, old: Any, new: Any) -> Iterator[tuple[Field, str, Any, Any]]:
    """What changes inside of a dict: (field, path, value before, value wanted)."""
    if field.type == "dict" and isinstance(new, Mapping):
        there = old if isinstance(old, Mapping) else {}
        for f in field.fields:
            if f.name in new and not same(f, there.get(f.name), new[f.name]):
                yield f, f"{path}.{f.name}", there.get(f.name), new[f.name]


def extensible(
    fields: Sequence[Field], desired: Mapping[str, Any], observed: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, Field, Any]]:
    """(path, field, value) of what a write would set of the fields whose values the region extends."""
    for field in fields:
        new, old = desired.get(field.name), observed.get(field.read or field.name)
        where = f"{path}{field.name}"
        if new is None or same(field, old, new) or (field.refusal and field.refusal(old, new)):
            continue
        if field.among and isinstance(new, list):
            item_field = replace(field, type=field.elements or "str", elements=None)
            yield from ((f"{where}[{i}]", item_field, v) for i, v in enumerate(new) if not is_unknown(v))
        elif field.among:
            if not is_unknown(new):
                yield where, field, new
        elif field.fields and isinstance(new, list):
            for index, item in enumerate(new):
                yield from extensible(field.fields, item, {}, f"{where}[{index}].")
        elif field.fields and isinstance(new, Mapping):
            yield from extensible(field.fields, new, old if isinstance(old, Mapping) else {}, f"{where}.")


def _changeable(field: Field, value: Any) -> Any:
    """A value without the parts which an update cannot carry."""
    if field.type == "dict" and field.fields and isinstance(value, Mapping):
        return {f.name: _changeable(f, value[f.name]) for f in field.fields if f.name in value and f.on_update}
    return value


# --- what people are shown ---------------------------------------------------------------------------------------


def shown(field: Field, old: Any, new: Any) -> tuple[Any, Any]:
    """A field's before and after for a diff: only what changes of a list or a dict, never a secret."""
    if field.secret:
        return (None if old is None else SECRET_BEFORE), SECRET_SHOWN
    if field.type == "list" and isinstance(old, list) and isinstance(new, list) and not field.ordered:
        keep_old = [v for v in old if not any(same(field, [v], [w]) for w in new)]
        keep_new = [v for v in new if not any(same(field, [v], [w]) for w in old)]
        if keep_old or keep_new:
            old, new = keep_old, keep_new
    elif field.fields and isinstance(old, Mapping) and isinstance(new, Mapping):
        rows = [
            (f.name, *shown(f, old.get(f.name), new.get(f.name)))
            for f in field.fields
            if not same(f, old.get(f.name), new.get(f.name))
        ]
        return {n: a for n, a, _b in rows if a is not None}, {n: b for n, _a, b in rows if b is not None}
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = [k for k in {**old, **new} if old.get(k) != new.get(k)]
        old, new = {k: old[k] for k in keys if k in old}, {k: new[k] for k in keys if k in new}
    return visible(declared(field, old)), visible(declared(field, new))


def visible(value: Any) -> Any:
    """A value with placeholders as people read them."""
    if isinstance(value, Mapping):
        return {k: visible(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [visible(v) for v in value]
    return UNKNOWN_SHOWN if is_unknown(value) and value.startswith("(") and value.endswith(")") else value
