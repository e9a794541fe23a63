"""The life of a resource type, step by step, against the region: the same steps for every type.

Which fields there are comes from the SDK's models (`sdk.paths`), their values from `cases`. A step runs with the type's
declaration, or with a mutated one: then the step has to fail.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.apply import Engine
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Connection, Session, to_document, to_model
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, ResourceType, holds_unknown
from ansible_collections.okestack.oci.plugins.module_utils.plan import SECRET_SHOWN
from ansible_collections.okestack.oci.plugins.module_utils.run import ResourceTask, validated

from localregion.core.store import Record
from localregion.testing import Region, Snapshot
from tests.unit import test_types as checks

from . import sdk
from .case import NOT_GIVEN, Case, Leaf
from .prerequisites import Prerequisites

NAME = "walk"
Options = dict[str, Any]
Step = Callable[[], None]


@dataclass(frozen=True)
class Made:
    """A resource as the type's own declaration made it, and the region with it."""

    snapshot: Snapshot
    document: Document


_LONG_AGO = "2026-01-01T00:00:00Z"


class Walk:
    """The steps of one type. ``declared`` is its declaration; ``type`` the one under test, that or a mutant of it."""

    OPTIONAL = frozenset({"rename", "move", "tags", "twins", "failed", "revive", "replace"})
    """What a type may lack, if its declaration says why."""

    def __init__(self, declared: ResourceType, case: Case, ground: Prerequisites, bare: Snapshot) -> None:
        self.declared = self.type = declared
        self.case, self.ground = case, ground
        self.region: Region = ground.region
        self.bare = bare
        self.paths = sdk.paths(declared)
        self._replaced: Any = None

    # -- steps ----------------------------------------------------------------------------------------------------

    @classmethod
    def names_of(cls, declared: ResourceType, case: Case) -> list[str]:
        """The names of all steps, without a region."""
        bare = cls.__new__(cls)
        bare.declared, bare.case, bare.paths = declared, case, sdk.paths(declared)
        bare.case = replace(case, leaves={path: case.leaves.get(path, Leaf()) for path in bare.paths})
        return list(bare.steps())

    def steps(self) -> dict[str, Step]:
        """All steps of the type by name; what it lacks is left out."""
        found: dict[str, Step] = {"create": self.create, "states": self.states, "absent": self.absent}
        found["identity"] = self.identity
        if "id" in self.declared.address:
            found["rename"] = self.rename if "rename" not in self.declared.lacks else self.not_renamed
            found["move"] = self.move if "move" not in self.declared.lacks else self.not_moved
        for path in self.paths.values():
            found.update(self._field_steps(path))
        optional = {"tags": self.tags, "twins": self.twins, "failed": self.failed, "revive": self.revive}
        found.update({name: step for name, step in optional.items() if name not in self.declared.lacks})
        return found

    def steps_of(self, path: str) -> list[str]:
        """The steps that a field, or what is nested in it, takes part in."""
        within = [p for name, p in self.paths.items() if name == path or name.startswith((f"{path}.", f"{path}[]."))]
        own = [step for p in within for step, _run in self._field_steps(p)] or ["rename"]
        return [step for step in (*own, "create") if step in self.steps()]

    def run(self, step: str, type_: ResourceType | None = None) -> None:
        """Run a step with the declaration, or with a mutant of it. Raises AssertionError, or what the fault causes."""
        self.type = type_ or self.declared
        self.region.faults.clear()
        self._replaced = None
        if step == "create":
            self.region.restore(self.bare)
        else:
            self.region.restore(self.made.snapshot)
        self.steps()[step]()

    def _field_steps(self, path: sdk.Path) -> Iterator[tuple[str, Step]]:
        leaf = self.case.leaves[path.name]
        emptied = path.kind.startswith("list[") and "." not in path.name and not leaf.kept
        needed = {f.name for f in self.declared.all_fields if f.required}
        emptied = emptied and path.name not in checks.required(self.declared) | needed
        if leaf.unread or leaf.second is NOT_GIVEN:
            yield f"{path.name} is not compared", lambda: self.not_compared(path, leaf)
        elif leaf.by or (path.changeable and not leaf.fixed):
            yield f"{path.name} changes", lambda: self.change(path, leaf)
            if leaf.rides:
                yield f"{path.name} is not a change alone", lambda: self.rides(path, leaf)
            elif not leaf.unsupported and not leaf.kept:
                yield f"{path.name} drifts", lambda: self.drift(path, leaf)
            if emptied and leaf.first is not NOT_GIVEN and leaf.second != [] and not leaf.unsupported:
                yield f"{path.name} is emptied", lambda: self.change(path, replace(leaf, second=[]))
        else:
            yield f"{path.name} is refused", lambda: self.refused(path, leaf)
            if "replace" not in self.declared.lacks and not leaf.irreplaceable and not leaf.unsupported:
                yield f"{path.name} is replaced", lambda: self.replaced(path, leaf)
        if leaf.spellings:
            yield f"{path.name} is spelt otherwise", lambda: self.spelt(path, leaf)

    # -- the life -------------------------------------------------------------------------------------------------

    def create(self) -> None:
        """Check mode from nothing, create, again, check again."""
        options = self.options()
        planned = self.quiet(check=True, **options)
        assert planned["changed"], "a create in check mode is a change"
        assert planned["diff"]["before"] == {}
        assert set(planned["diff"]["after"]) <= set(options)
        if "id" in self.declared.address:
            assert holds_unknown(planned[self.type.name]["id"])
        made = self.door(**options)
        assert made["changed"]
        document = made[self.type.name]
        assert document[self.declared.states.field] in self.declared.states.ready
        for path, leaf in self.case.leaves.items():
            if "." not in path and not leaf.unread and leaf.first is not NOT_GIVEN and not self._secret(path):
                assert path in document or self.declared.field(path).read in document, f"{path} is not in the result"
        for check in (False, True):
            self.unchanged(check=check, **options)

    def states(self) -> None:
        """Each state of the SDK's enum as it is meant: none is taken for another."""
        states = self.declared.states
        options = self.options()
        for state in (*states.ready, *states.resting, *states.frozen):
            self._force(state)
            self.unchanged(**options)
        for state in (*states.gone, *states.going):
            self._force(state)
            assert self.door(check=True, **options)["diff"]["before"] == {}, f"one in {state} is not there any more"
        for state in states.busy:
            self._force(state)
            told = self.door(fails=True, wait_timeout=0, **options)["msg"]
            assert f"is still {state}" in told, f"{state} passes: wait for it"

    def identity(self) -> None:
        """One of this name elsewhere is another one."""
        record = self.record()
        for change in self._elsewhere():
            self.region.restore(self.made.snapshot)
            self._rewrite(record.id, change)
            planned = self.quiet(check=True, **self.options())
            assert planned["changed"] and planned["diff"]["before"] == {}, f"{change} makes it another one"

    def _elsewhere(self) -> Iterator[Document]:
        declared, ground = self.declared, self.ground
        if "id" in declared.address:
            if "twins" not in declared.lacks or not declared.parent:
                yield {_wire(declared.name_field): "another"}
            if "compartment_id" in declared.scope:
                yield {"compartmentId": ground.other_compartment_id}
            if declared.parent:
                yield {_wire(declared.parent): self._parent_elsewhere(declared.parent)}

    def _parent_elsewhere(self, parent: str) -> str:
        leaf = self.case.leaves.get(parent)
        if leaf is not None and leaf.second is not NOT_GIVEN:
            return str(self.fill(leaf.second))
        return "ocid1.elsewhere.oc1..x"

    def absent(self) -> None:
        """Absent in check mode, absent, absent again."""
        where = self.where()
        assert self.quiet(check=True, state="absent", **where)["changed"]
        gone = self.door(state="absent", **where)
        dated = {self.declared.states.field, "time_of_deletion"} if self.declared.states.scheduled else set()
        assert gone["changed"] and set(gone["diff"]["after"]) == dated
        assert not self.quiet(state="absent", **where)["changed"]
        if not self.declared.states.scheduled:
            again = self.door(**self.options())
            assert again["changed"] and ("id" not in self.declared.address or again[self.type.name]["id"] != self.id)

    def revive(self) -> None:
        """Present after a pending deletion: the same one, with what else differs."""
        for state in self.declared.states.scheduled:
            self.region.restore(self.made.snapshot)
            assert self.door(state="absent", **self.where())["changed"]
            self._force(state)
            assert not self.quiet(state="absent", **self.where())["changed"], f"{state} is as good as absent"
        self._force("PENDING_DELETION")
        options = {**self.options(), "freeform_tags": {"kept": "revived"}}
        assert self.quiet(check=True, **options)["changed"]
        back = self.door(**options)
        assert back["changed"] and back[self.type.name]["id"] == self.id
        assert back[self.type.name]["freeform_tags"]["kept"] == "revived"
        self.unchanged(**options)

    # -- fields ---------------------------------------------------------------------------------------------------

    def change(self, path: sdk.Path, leaf: Leaf) -> None:
        """Check, then do, then again."""
        options, before = self._prepared(leaf)
        changed = self.with_second(options, path, leaf)
        top = _top(path.name)
        tops = {top, *(_top(name) for name, value in leaf.along.items() if value is not None)}
        would = self.quiet(check=True, **changed)
        assert would["changed"], f"{path.name}: a change is seen"
        assert set(would["diff"]["after"]) == tops, "the diff shows what changes and nothing else"
        if leaf.unsupported:
            return
        self.region.forget_calls()
        did = self.door(**changed)
        assert did["changed"] and did["diff"] == would["diff"], "check mode foretold the change"
        assert self._same_one(did), "changed in place"
        written = {call.operation.partition(".")[2] for call in self.region.writes()}
        if leaf.by:
            assert written <= set(leaf.by), f"changed by {leaf.by}, not by {written}"
        else:
            assert self.declared.update_operation in written
        if self._secret(path.name):
            assert SECRET_SHOWN in json.dumps(did["diff"])
        elif top in before:
            assert _deep(before[top]) != _deep(self.raw()[top]), "the service has the new value"
        self.unchanged(**changed)

    def rides(self, path: sdk.Path, leaf: Leaf) -> None:
        """Neither another value of it alone nor one that another client set is a difference."""
        options, _before = self._prepared(leaf)
        for check in (True, False):
            self.unchanged(check=check, **self.with_value(options, path.name, leaf.second))
        if not leaf.kept:
            self._drift(path, leaf, options)
            self.unchanged(**options)

    def drift(self, path: sdk.Path, leaf: Leaf) -> None:
        """Changed behind its back by another client: seen, repaired, and then quiet."""
        options, before = self._prepared(leaf)
        if leaf.first is NOT_GIVEN and path.name not in leaf.beside:
            self.not_managed(path, leaf, options)
            return
        self._drift(path, leaf, options)
        top = _top(path.name)
        assert self.quiet(check=True, **options)["changed"], f"{path.name}: drift is seen"
        repaired = self.door(**options)
        assert repaired["changed"] and set(repaired["diff"]["after"]) == {top}
        assert self._same_one(repaired)
        if top in before and not self._secret(path.name):
            assert _deep(self.raw()[top], ids=False) == _deep(before[top], ids=False), "it is again what it was"
        self.unchanged(**options)

    def not_managed(self, path: sdk.Path, leaf: Leaf, given: Options) -> None:
        """An option not given is not managed: what another client sets stays."""
        assert self.door(**self.with_second(given, path, leaf))["changed"]
        if "[]" not in path.name:
            self.unchanged(**given)

    def refused(self, path: sdk.Path, leaf: Leaf) -> None:
        """What cannot change is refused by name, before anything is written."""
        options, _before = self._prepared(leaf)
        if path.name in self._identity():  # by its id, since with another parent it would be another one
            options["id"] = self.id
        for check in (True, False):
            refused = self.quiet(check=check, fails=True, **self.with_value(options, path.name, leaf.second))
            assert path.name.replace("[]", "").rpartition(".")[2] in refused["msg"], refused["msg"]
            if path.name.split(".")[0] not in self._identity() and "replace" not in self.declared.lacks:
                assert "allow_replace" in refused["msg"], refused["msg"]

    def replaced(self, path: sdk.Path, leaf: Leaf) -> None:
        """Replaced, but only when that is allowed."""
        if path.name in self._identity():
            return
        options, _before = self._prepared(leaf)
        options = {**self.with_value(options, path.name, leaf.second), "allow_replace": True}
        would = self.quiet(check=True, **options)
        assert would["changed"] and would["changes"][0]["change"] == "replaced"
        did = self.door(**options)
        assert did["changed"] and did[self.type.name].get("id") != self.id
        self.unchanged(**{k: v for k, v in options.items() if k != "allow_replace"})

    def not_compared(self, path: sdk.Path, leaf: Leaf) -> None:
        """Sent when the resource is made; later it is not a difference."""
        options, _before = self._prepared(leaf)
        if leaf.second is NOT_GIVEN:
            assert leaf.only, f"{path.name}: no second value and no reason (only=)"
        else:
            options = self.with_value(options, path.name, leaf.second)
        self.unchanged(**options)

    def spelt(self, path: sdk.Path, leaf: Leaf) -> None:
        """Other ways to write a value mean the same."""
        for spelling in leaf.spellings:
            options, _before = self._prepared(leaf)
            self.unchanged(**self.with_value(options, path.name, spelling))

    def _prepared(self, leaf: Leaf) -> tuple[Options, Document]:
        """The options of a field's steps, with the resource brought to them, and what the service shows of it."""
        options = self.options()
        for path, value in leaf.beside.items():
            options = self.with_value(options, path, value)
        if leaf.beside and leaf.unsupported:  # the region cannot make it so: it shows what the service would
            tops = {_top(path) for path in leaf.beside}
            self._rewrite(self.record().id, {_wire(top): _wired(options[top]) for top in tops})
            self.unchanged(**options)
        elif leaf.beside:
            prepared = self._door(self.declared, **options, **({"allow_replace": True}))
            self._replaced = prepared[self.declared.name].get("id")
        return options, self.raw()

    def _drift(self, path: sdk.Path, leaf: Leaf, options: Options) -> None:
        if leaf.drift is NOT_GIVEN:
            drifted = self.with_second(options, path, leaf)
        else:
            drifted = self.with_value(options, path.name, leaf.drift)
        if leaf.by:  # by operations of its own: another client is another run
            assert self._door(self.declared, **drifted)["changed"]
        else:
            top = _top(path.name)
            self._update({self.declared.field(top).name: drifted[top]})

    def _update(self, body: Document) -> None:
        """An update sent past the engine."""
        declared, engine = self.declared, self._engine()
        room, model = checks.models(declared), checks.update_model(declared)
        details = to_model(declared.package, declared.update_details, sdk.fits(room, model, body))
        kwargs = {f"{declared.update_operation}_details": details}
        getattr(engine.reader.client, declared.update_operation)(*self.address, **kwargs)
        self.region.settle()

    # -- tags, names, places --------------------------------------------------------------------------------------

    def tags(self) -> None:
        """Only the keys given are managed, unless the rest is to go."""
        options = self.options()
        self._update({"freeform_tags": {"kept": "no", "stray": "1"}})
        assert self.quiet(check=True, **options)["changed"]
        repaired = self.door(**options)
        assert repaired["changed"] and set(repaired["diff"]["after"]) == {"freeform_tags"}
        assert self.raw()["freeform_tags"] == {"kept": "yes", "stray": "1"}, "a tag that is not declared stays"
        added = {**options, "freeform_tags": {"kept": "yes", "added": "2"}}
        assert self.door(**added)["changed"]
        self.unchanged(**added)
        purged = self.door(**added, purge_tags=True)
        assert purged["changed"] and self.raw()["freeform_tags"] == {"kept": "yes", "added": "2"}
        self.unchanged(**added, purge_tags=True)
        assert self.door(**{**options, "freeform_tags": {}}, purge_tags=True)["changed"]
        assert not self.raw()["freeform_tags"]

    def rename(self) -> None:
        """Another name, by id."""
        field = self.declared.name_field
        options = {**self.options(), "id": self.id, field: "renamed"}
        assert self.quiet(check=True, **options)["diff"] == {
            **self.door(**options)["diff"],
        }
        assert self.raw()[self.declared.field(field).read or field] == "renamed"
        self.unchanged(**options)

    def not_renamed(self) -> None:
        """Another name is refused, since the service cannot give it."""
        self._not_changed(self.declared.name_field, "renamed")

    def not_moved(self) -> None:
        """Another compartment is refused, since the service cannot move it."""
        if "compartment_id" in {f.name for f in self.declared.all_fields}:
            self._not_changed("compartment_id", self.ground.other_compartment_id)

    def _not_changed(self, field: str, value: str) -> None:
        refused = self.quiet(fails=True, **{**self.options(), "id": self.id, field: value})
        assert field in refused["msg"], refused["msg"]
        assert ("allow_replace" in refused["msg"]) == ("replace" not in self.declared.lacks), refused["msg"]

    def move(self) -> None:
        """To another compartment, or whatever else it lives in, by id."""
        there = self.fill(dict(self.case.elsewhere)) or {"compartment_id": self.ground.other_compartment_id}
        options = {**self.options(), "id": self.id, **there}
        assert self.quiet(check=True, **options)["changed"]
        moved = self.door(**options)
        assert moved["changed"] and set(moved["diff"]["after"]) == set(there)
        for name, value in there.items():
            assert moved[self.type.name][name] == self.record().doc[_wire(name)] == value
        self.unchanged(**options)

    def twins(self) -> None:
        """Two of a name are refused with both ids; by id each can be had."""
        twin = self._copy()
        for check in (True, False):
            told = self.quiet(check=check, fails=True, **self.options())["msg"]
            assert self.id in told and twin in told and "id" in told
        self.unchanged(**{**self.options(), "id": self.id})

    def failed(self) -> None:
        """One in FAILED is named and refused; recreated only when that is allowed."""
        options = self.options()
        for state in self.declared.states.failed:
            self.region.restore(self.made.snapshot)
            self._force(state)
            if self.type.granted:  # what failed just after a grant was written is made again
                self._rewrite(
                    self.record().id, {"metadata": {**self.record().doc["metadata"], "timeCreated": _LONG_AGO}}
                )
            told = self.quiet(fails=True, **options)["msg"]
            assert state in told and (self.id or "") in told
            assert ("allow_replace" in told) == ("replace" not in self.declared.lacks)
            if "replace" not in self.declared.lacks:
                would = self.quiet(check=True, allow_replace=True, **options)
                assert would["changes"][0]["change"] == "replaced"
                did = self.door(allow_replace=True, **options)
                assert did["changed"] and ("id" not in self.declared.address or did[self.type.name]["id"] != self.id)

    # -- what the steps are made of -------------------------------------------------------------------------------

    def options(self) -> Options:
        """The options the resource is made with."""
        made: Options = {self.declared.name_field: NAME, **self.fill(dict(self.case.options))}
        names = {f.name for f in self.declared.all_fields}
        if "compartment_id" in names:
            made["compartment_id"] = self.ground.compartment_id
        if "freeform_tags" in names:
            made["freeform_tags"] = {"kept": "yes"}
        for path, leaf in sorted(self.case.leaves.items(), key=lambda row: row[0].count("[]")):
            if leaf.first is not NOT_GIVEN:
                made = self.with_value(made, path, leaf.first)
        return {k: v for k, v in made.items() if k in names or k in self.declared.extra_options}

    def where(self) -> Options:
        """The options that find it."""
        return {k: v for k, v in self.options().items() if k in self._identity()}

    def _identity(self) -> set[str]:
        declared = self.declared
        return {
            n
            for n in (*declared.scope, declared.parent, declared.name_field, declared.endpoint_option, *declared.place)
            if n
        }

    def with_value(self, options: Options, path: str, value: Any) -> Options:
        """Options with another value under a path; None takes it out."""
        made = copy.deepcopy(options)
        at: Any = made
        parts = path.split(".")
        for part in parts[:-1]:
            name = part.removesuffix("[]")
            at = at.setdefault(name, [{}] if part.endswith("[]") else {})
            if part.endswith("[]"):
                at = at[0]
        filled = self.fill(value)
        if filled is None:
            at.pop(parts[-1], None)
        else:
            at[parts[-1]] = filled
        return made

    def with_second(self, options: Options, path: sdk.Path, leaf: Leaf) -> Options:
        """Options with a field's second value, and what has to change with it."""
        made = self.with_value(options, path.name, leaf.second)
        for name, value in leaf.along.items():
            made = self.with_value(made, name, value)
        return made

    def fill(self, value: Any) -> Any:
        """A value of a table with the ground's own in it."""
        if callable(value):
            return self.fill(value(self.ground))
        if isinstance(value, dict):
            return {k: self.fill(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.fill(v) for v in value]
        return copy.deepcopy(value)

    def door(self, **options: Any) -> Options:
        return self._door(self.type, **options)

    def quiet(self, **options: Any) -> Options:
        """A task that writes nothing."""
        self.region.forget_calls()
        result = self.door(**options)
        assert [c.operation for c in self.region.writes()] == [], "it wrote"
        return result

    def unchanged(self, **options: Any) -> None:
        """A task for which there is nothing to do."""
        result = self.quiet(**options)
        assert not result["changed"], f"a second run changes {result.get('diff')}"
        assert "diff" not in result

    def _door(self, type_: ResourceType, **options: Any) -> Options:
        options.setdefault("wait_timeout", 2)
        options.setdefault("wait_interval", 0.05)
        return self.ground.door(type_, **options)

    @cached_property
    def made(self) -> Made:
        """Made by the type's own declaration, once."""
        self.region.restore(self.bare)
        document = self._door(self.declared, **self.options())[self.declared.name]
        return Made(self.region.snapshot(), document)

    @property
    def id(self) -> Any:
        """The resource's id; a step whose other values take another resource has one of its own."""
        return self._replaced or self.made.document.get("id")

    @property
    def address(self) -> tuple[str, ...]:
        options = self.options()
        return tuple(str(self.id if n == "id" else options[n]) for n in self.declared.address)

    def _engine(self) -> Engine:
        connection = Connection(config_file=str(self.region.config_file), endpoints={"default": self.region.endpoint})
        params, _ = validated(ResourceTask(self.declared), self.where())
        return Engine(Session(connection), self.declared, ResourceTask(self.declared).wish(params))

    def raw(self) -> Document:
        """The resource as the service shows it, with what the type completes it by (an NSG's rules)."""
        engine = self._engine()
        document: Document = to_document(getattr(engine.reader.client, self.declared.get_operation)(*self.address).data)
        if self.declared.complete:
            document = self.declared.complete(engine.session, document, {})
        return document

    def _same_one(self, result: Options) -> bool:
        return bool(result[self.type.name].get("id") == self.id)

    def _secret(self, path: str) -> bool:
        return self.declared.field(_top(path)).secret

    # -- the region's own records, as no client could change them -----------------------------------------------------

    def record(self) -> Record:
        """The region's record of the resource."""

        async def found() -> Record | None:
            store = self.region.inner.store
            if self.id:
                return store.find(str(self.id))
            shown = [_wire(self.declared.field(n).read or n) for n in self.declared.address]
            place = dict(zip(shown, self.address, strict=True))
            rows = store.select(kind=self.declared.sdk_noun, dead=None)
            return next((r for r in rows if all(v in (r.doc.get(k), r.parent) for k, v in place.items())), None)

        record: Record | None = self.region.run(found())
        assert record is not None
        return record

    def _force(self, state: str) -> None:
        key = _wire(self.declared.states.field)
        self._rewrite(self.record().id, {key: state})

    def _rewrite(self, record_id: str, change: Document) -> None:
        async def written() -> None:
            store = self.region.inner.store
            record = store.find(record_id)
            assert record is not None
            old = dict(record.doc)
            record.doc.update(change)
            if "compartmentId" in change:
                record.compartment = change["compartmentId"]
            parents = [k for k in change if record.parent is not None and old.get(k) == record.parent]
            if parents:
                record.parent = change[parents[0]]
            store.save(record)

        self.region.run(written())

    def _copy(self) -> str:
        """Another one of the same name; its id."""

        async def copied() -> str:
            store = self.region.inner.store
            record = store.find(str(self.id))
            assert record is not None
            twin = f"{record.id[:-4]}twin"
            store.insert(replace(record, id=twin, doc={**record.doc, "id": twin}))
            return twin

        made: str = self.region.run(copied())
        return made


def _top(path: str) -> str:
    return path.split(".")[0].removesuffix("[]")


def _wire(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def _wired(value: Any) -> Any:
    """A value under the names that the API has for its fields."""
    if isinstance(value, list):
        return [_wired(v) for v in value]
    if isinstance(value, dict):
        return {_wire(k): _wired(v) for k, v in value.items()}
    return value


def _deep(value: Any, ids: bool = True) -> str:
    """A value as text, lists in no order."""
    if isinstance(value, list):
        return json.dumps(sorted(_deep(v, ids) for v in value))
    if isinstance(value, dict):
        return json.dumps(
            {k: _deep(v, ids) for k, v in sorted(value.items()) if ids or k not in ("id", "time_created")}
        )
    return json.dumps(value, default=str)
