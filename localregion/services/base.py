"""What every service of the local region is written on.

A service is a class listed in `services/__init__.py`: its kinds of resources declared as data (`Kind`), and a method
for each operation that is more than reading. A method has the SDK's name of the operation, takes a `Call` and gives a
`Reply`. What the framework does by itself, for all alike: signature, body and parameters against the SDK's models,
authorization, `if-match`, retry tokens, reading and listing (`get_<kind>`, `list_<kinds>`, `change_<kind>_compartment`
need no method), paging, work requests' own operations, the call's log; an operation without a method answers 501.

    class Network(Service):
        package = "core"
        kinds = (Kind("internet_gateway", model="InternetGateway", resource="internet-gateways"),)

        @operation
        async def create_internet_gateway(self, call: Call) -> Reply:
            gateway = self.create("internet_gateway", call, state="PROVISIONING")
            self.transition(gateway, 1 / 60, "AVAILABLE", also=self._connected)
            return self.show(gateway)

A change of state to come is kept in the store: a region that is killed and started again goes on with it. Therefore
`also` must be a registered step (see registration), able to run twice.
"""

from __future__ import annotations

import asyncio
import base64
import builtins
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from localregion import ocids
from localregion import settings as names
from localregion.core.errors import (
    ServiceError,
    already_exists,
    conflict,
    incorrect_state,
    invalid,
    limit_exceeded,
    missing,
    not_found,
    not_implemented,
    related_not_found,
)
from localregion.core.schema import Model, Operation
from localregion.core.store import Document, PendingTransition, Record
from localregion.core.validate import PLAIN, Form
from localregion.services.registration import operation, registered, step

if TYPE_CHECKING:
    from localregion.access.policies import Principal
    from localregion.services.context import Context

__all__ = [
    "Call", "Document", "Kind", "Record", "Reply", "Service", "ServiceError", "WorkRequest", "already_exists",
    "conflict", "incorrect_state", "invalid", "limit_exceeded", "missing", "not_found", "not_implemented",
    "related_not_found",
]  # fmt: skip

log = logging.getLogger(__name__)

SECOND = 1 / 60
"""A cloud second, in cloud minutes."""


@dataclass(frozen=True)
class Kind:
    """A kind of resource, declared.

    ``name`` is the word of the SDK's operations (`vcn`, `db_system`); ``model`` the SDK model that shows one;
    ``resource`` its resource type in policies; ``entity`` the word in its OCIDs (the name without underscores if
    empty); ``label`` the beginning of a default display name; ``dead_state`` the state of one that is deleted, readable
    for ``remember`` cloud minutes more (None: gone at once); ``everywhere`` says that it belongs to no region
    (identity); ``start`` is how the unique part of its OCIDs begins; ``name_field`` is where the wire document has its
    name; ``operations`` which of get, list and change_compartment the framework answers by itself; ``plural`` the word
    in list operations.
    """

    name: str
    model: str
    resource: str
    entity: str = ""
    label: str = ""
    plural: str = ""
    dead_state: str = "DELETED"
    remember: float | None = 60.0
    everywhere: bool = False
    start: str = ocids.PLAIN
    name_field: str = "displayName"
    state_field: str = "lifecycleState"
    operations: tuple[str, ...] = ("get", "list", "change_compartment")

    def ocid(self, *inner: str) -> str:
        """A new identifier; `inner` are the parts that a few types have before the unique one."""
        region = "" if self.everywhere else names.REGION
        return ocids.new(self.entity or self.name.replace("_", ""), *inner, start=self.start, region=region)

    @property
    def plural_name(self) -> str:
        """`vcns`, `policies`."""
        if self.plural:
            return self.plural
        return self.name[:-1] + "ies" if self.name[-1] == "y" and self.name[-2] not in "aeiou" else self.name + "s"


@dataclass
class Call:
    """One call of an operation, checked and authenticated.

    ``path`` and ``query`` hold the parameters by the SDK's Python names, ``body`` the wire document (nulls dropped),
    ``content`` the raw bytes. ``target`` is the record that the path names, when it names one that exists.
    """

    operation: Operation
    principal: Principal
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: Document = field(default_factory=dict)
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    region: str = names.REGION
    target: Record | None = None


@dataclass
class Reply:
    """An answer: status, wire document (or list, str, bytes), extra headers. ``record`` is what it shows or is about;
    its etag is told unless ``etag`` is False."""

    status: int = 200
    doc: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    record: Record | None = None
    etag: bool = True


@dataclass
class WorkRequest:
    """A work request under way: progress, log lines and errors that clients see."""

    service: Service
    record: Record

    def progress(self, percent: float, message: str | None = None) -> None:
        """How far it is (0 to 100); the message becomes a log line when it is new."""
        self._change({"percentComplete": float(percent)})
        if message:
            self.log(message)

    def log(self, message: str) -> None:
        """Add a log line (unless it is the last one again)."""
        record = self._fresh()
        lines = record.private.setdefault("logs", [])
        if not lines or lines[-1]["message"] != message:
            lines.append({"message": message, "timestamp": self.service.region.clock.timestamp()})
            self.service.region.store.save(record, etag=False)

    def error(self, code: str, message: str) -> None:
        """Add an error."""
        record = self._fresh()
        record.private.setdefault("errors", []).append(
            {"code": code, "message": message, "timestamp": self.service.region.clock.timestamp()}
        )
        self.service.region.store.save(record, etag=False)

    def finish(self, *, ok: bool = True) -> None:
        """SUCCEEDED or FAILED; resources in progress get the action they were announced with."""
        record = self._fresh()
        actions = record.private.get("actions", {})
        resources = [
            resource | {"actionType": actions.get(resource["identifier"], resource["actionType"]) if ok else "FAILED"}
            if resource["actionType"] == "IN_PROGRESS"
            else resource
            for resource in record.doc.get("resources", [])
        ]
        now = self.service.region.clock.timestamp()
        status = "SUCCEEDED" if ok else "FAILED"
        changes = {"status": status, "timeFinished": now, "timeUpdated": now, "resources": resources}
        self._change(changes | ({"percentComplete": 100.0} if ok else {}))

    def _fresh(self) -> Record:
        return self.service.region.store.find(self.record.id) or self.record

    def _change(self, changes: Document) -> None:
        record = self._fresh()
        record.doc |= changes
        self.record = self.service.region.store.save(record, etag=False)


Also = Callable[[Record, "WorkRequest | None"], Awaitable[Mapping[str, Any] | None]]
"""What happens with a change of state: gets the record and its work request, may give changes of the document."""

Handler = Callable[[Call], Awaitable[Reply]]

_PAGING = frozenset({"limit", "page", "sort_by", "sort_order"})
_SCOPE = frozenset({"compartment_id"})


class Service:
    """A service of the region: the base class."""

    package: ClassVar[str]
    name: ClassVar[str]
    """The service's name in `Context.services` and in its records."""
    kinds: ClassVar[tuple[Kind, ...]] = ()
    access: ClassVar[Mapping[str, tuple[str, str] | None]] = {}
    """Operation to (verb, resource type) of the policy statement it needs, where it differs from what its name says
    (list: inspect, get: read, else manage). None: the method asks `authorize` itself."""
    work_request_entity: ClassVar[str] = "workrequest"
    form: ClassVar[Form] = PLAIN
    """How it writes its documents: whether what has no value is null or not there, the form of its times."""
    etag_without_document: ClassVar[bool] = True
    """Whether an answer without a document tells an etag."""

    def __init__(self, region: Context) -> None:
        self.region = region
        self.store = region.store
        self.clock = region.clock
        self.log = logging.getLogger(f"localregion.{self.name}")
        self._kinds = {kind.name: kind for kind in (*self.kinds, _work_request_kind(self.work_request_entity))}
        self.handlers: dict[str, Handler] = self._generic_operations() | registered(self, operation)
        self._steps: dict[str, Also] = registered(self, step)
        self._running: dict[str, asyncio.Task[None]] = {}

    # for the framework

    def handler(self, operation: str) -> Handler | None:
        """What answers an operation; None when nothing does."""
        return self.handlers.get(operation)

    def add(self, part: _Part) -> _Part:
        """Take up the operations and steps of a part, and give it."""
        self.handlers |= registered(part, operation)
        self._steps |= registered(part, step)
        return part

    def _generic_operations(self) -> dict[str, Handler]:
        found: dict[str, Handler] = {}
        for kind in self.kinds:
            candidates = {
                "get": (f"get_{kind.name}", self._get_operation(kind)),
                "list": (f"list_{kind.plural_name}", self._list_operation(kind)),
                "change_compartment": (f"change_{kind.name}_compartment", self._move_operation(kind)),
            }
            found |= {name: handler for key, (name, handler) in candidates.items() if key in kind.operations}
        return found

    def _get_operation(self, kind: Kind) -> Handler:
        async def get(call: Call) -> Reply:
            return self.show(self.get(kind.name, next(reversed(call.path.values())), dead=True))

        return get

    def _list_operation(self, kind: Kind) -> Handler:
        async def list_(call: Call) -> Reply:
            return self.list(kind.name, call)

        return list_

    def _move_operation(self, kind: Kind) -> Handler:
        async def move(call: Call) -> Reply:
            record = self.get(kind.name, next(reversed(call.path.values())))
            return self.move(record, call)

        return move

    def target(self, call: Call) -> Record | None:
        """The innermost resource that the path names, by an OCID in it; a service whose paths have other words for
        one extends it. Its etag is what `if-match` is held against."""
        for value in reversed(call.path.values()):
            if (record := self.store.find(value)) is not None:
                return record
        return None

    def resource_of(self, operation: Operation) -> str:
        """The resource type of an operation in policies: that of the longest kind its name holds."""
        words = f"_{operation.name}_"
        fitting = [kind for kind in self.kinds if f"_{kind.name}_" in words or f"_{kind.plural_name}_" in words]
        if fitting:
            return max(fitting, key=lambda kind: len(kind.name)).resource
        return self.kinds[0].resource if self.kinds else "all-resources"

    def finish(self, call: Call, reply: Reply) -> None:
        """What the service adds to each of its answers (not to errors)."""

    def lacking(self, field: str) -> ServiceError:
        """The error for a field that a body lacks."""
        return missing(field)

    def stale(self, record: Record) -> ServiceError:
        """The error for an If-Match with an etag that is no longer the record's."""
        return ServiceError(412, "NoEtagMatch", "The If-Match header does not match the resource's current etag.")

    def knows_compartment(self, compartment: str) -> bool:
        """Whether something can be made in a compartment; a new one is heard of a while after identity has made it."""
        return self.region.compartment_is_active(compartment) and self.region.heard_of(compartment)

    def unseen(self, kind: str | None) -> ServiceError:
        """The error for a resource that is not there, or that the caller may not see: the same for both."""
        return not_found()

    async def resume(self) -> None:
        """At the region's start: take up every change of state to come. Extend it to start parts again; idempotent."""
        for pending in list(self.store.transitions(self.name)):
            self._run(pending)

    async def stop(self) -> None:
        """At the region's stop: end parts, keep state."""

    def check_region(self, call: Call) -> None:
        """Called for a request to the second region, which exists by name only. Raises 501; identity answers there."""
        raise not_implemented(f"{call.operation.full_name} in {call.region}: this region exists by name only")

    # records

    def kind(self, name: str) -> Kind:
        """A declared kind."""
        return self._kinds[name]

    def knows(self, record: Record) -> bool:
        """Whether a record is this service's (asked where services share a path)."""
        return record.service == self.name

    def kind_of(self, record: Record) -> Kind:
        """The kind of a record."""
        return self._kinds[record.kind]

    def create(
        self,
        kind: str,
        call: Call | None,
        doc: Mapping[str, Any] | None = None,
        *,
        state: str,
        compartment: str | None = None,
        parent: str | None = None,
        private: Mapping[str, Any] | None = None,
        record_id: str | None = None,
    ) -> Record:
        """A new record.

        Its document starts with the fields of the call's body that the kind's model shows (so secrets of a body are
        never in it), then `doc`; id, time, state, compartment, default name and empty tags are filled in where the
        model has them. Without a call, the region itself makes it. Raises 404 when the compartment does not exist.
        """
        declared = self._kinds[kind]
        model = self._model(declared)
        document = {name: value for name, value in (call.body if call else {}).items() if name in model.fields}
        document |= {name: value for name, value in (doc or {}).items() if value is not None}
        compartment = compartment or document.get("compartmentId")
        if compartment is None and parent is not None and (owner := self.store.find(parent)):
            compartment = owner.compartment
        now = self.clock.now()
        if call is not None and "definedTags" in model.fields:
            document["definedTags"] = self.region.default_tags(call.principal) | document.get("definedTags", {})
        defaults: Document = {
            "id": record_id or declared.ocid(),
            "compartmentId": compartment,
            "timeCreated": self.clock.timestamp(now),
            "freeformTags": {},
            "definedTags": {},
            declared.name_field: f"{declared.label or declared.name.replace('_', '')}{now:%Y%m%d%H%M%S}",
        }
        document = {name: value for name, value in defaults.items() if name in model.fields} | document
        document |= {name: value for name, value in {declared.state_field: state}.items() if name in model.fields}
        if call is not None and compartment and not self.knows_compartment(compartment):
            raise not_found()
        return self.store.insert(
            Record(
                id=document.get("id") or str(defaults["id"]), service=self.name, kind=kind, doc=document,
                private=dict(private or {}), compartment=compartment, parent=parent,
            )
        )  # fmt: skip

    def get(self, kind: str, record_id: str | None, *, dead: bool = False, related: bool = False) -> Record:
        """The record; a deleted one only with `dead`. Raises 404, or its 400 form with `related` (named in a body)."""
        record = self.store.find(record_id) if record_id else None
        if record is None or record.kind != kind or record.service != self.name or (record.dead and not dead):
            raise related_not_found() if related else self.unseen(kind)
        return record

    def living(self, kind: str, *, compartment: str | None = None, parent: str | None = None) -> builtins.list[Record]:
        """The records of a kind that are not deleted, oldest first."""
        return self.store.select(self.name, kind, compartment=compartment, parent=parent)

    def update(
        self,
        record: Record,
        changes: Mapping[str, Any],
        *,
        state: str | None = None,
        private: Mapping[str, Any] | None = None,
    ) -> Record:
        """Write changes of the wire document (None drops a field), a new state, private values; gives a new etag."""
        record.doc |= changes
        record.doc = {name: value for name, value in record.doc.items() if value is not None}
        record.private |= private or {}
        kind = self._kinds[record.kind]
        if state:
            record.doc[kind.state_field] = state
        if "timeUpdated" in self._model(kind).fields:
            record.doc["timeUpdated"] = self.clock.timestamp()
        record.compartment = record.doc.get("compartmentId", record.compartment)
        if record.state == kind.dead_state and not record.dead:
            record.dead = True
            if kind.remember is None:
                self.store.remove(record.id)
                return record
            seconds = self.clock.seconds(kind.remember)
            record.forget = self.clock.time() + seconds if seconds else None
        return self.store.save(record)

    def apply(self, record: Record, call: Call, *fields: str) -> Record:
        """Update the named fields (all that the model shows, if none is named) from the call's body."""
        shown = fields or tuple(self._model(self._kinds[record.kind]).fields)
        return self.update(record, {name: call.body[name] for name in shown if name in call.body})

    def move(self, record: Record, call: Call) -> Reply:
        """Move a record to the compartment of the body."""
        compartment = call.body["compartmentId"]
        if not self.knows_compartment(compartment):
            raise not_found()
        self.update(record, {"compartmentId": compartment})
        return Reply(204 if call.operation.response is None else 200, None, record=record)

    def retire(self, record: Record) -> Record:
        """Make a record dead now."""
        self.store.remove_transition(record.id)
        return self.update(record, {}, state=self._kinds[record.kind].dead_state)

    def transition(
        self,
        record: Record,
        after: float,
        to: str | None,
        *,
        via: str | None = None,
        also: Also | None = None,
        request: WorkRequest | None = None,
        failed: str | None = "FAILED",
    ) -> Record:
        """After so many cloud minutes run `also` and change the record's state; now, to the state `via` if given.

        It happens in the background and is taken up again by a restarted region. It replaces a change still to come of
        the same record. When `also` raises, the state becomes `failed` (None: it stays), and the work request fails
        with the error. ``to`` None leaves the state alone.
        """
        if via:
            record = self.update(record, {}, state=via)
        method = getattr(also, "__name__", None) if also else None
        if method and self._steps.get(method) != also:
            raise TypeError(f"{method} must be a step of {type(self).__name__}: it is found by name after a restart")
        pending = PendingTransition(
            record=record.id, service=self.name, target=to, due=self.clock.due(after), also=method,
            request=request.record.id if request else None, failed=failed,
        )  # fmt: skip
        self.store.put_transition(pending)
        self._run(pending)
        return record

    def _run(self, pending: PendingTransition) -> None:
        earlier = self._running.get(pending.record)
        if earlier and earlier is not _current_task():
            earlier.cancel()
        task = self.region.tasks.spawn(self._transit(pending), f"{self.name} {pending.record} to {pending.target}")
        self._running[pending.record] = task
        task.add_done_callback(lambda done: self._ended(pending.record, done))

    def _ended(self, record_id: str, task: asyncio.Task[None]) -> None:
        if self._running.get(record_id) is task:
            del self._running[record_id]

    async def _transit(self, pending: PendingTransition) -> None:
        me = asyncio.current_task()
        await self.clock.sleep_until(pending.due)
        request = self._request(pending.request)
        record = self.store.find(pending.record)
        if record is None:
            self.store.remove_transition(pending.record)
            return
        if request and request.record.state == "ACCEPTED":
            now = self.clock.timestamp()
            request._change({"status": "IN_PROGRESS", "timeStarted": now})
        changes: Mapping[str, Any] | None = None
        state, error = pending.target, None
        try:
            if pending.also:
                await self._stumble(pending.also)
                changes = await self._steps[pending.also](record, request)
        except asyncio.CancelledError:
            raise
        except ServiceError as failure:
            error = failure
        except Exception:
            self.log.exception("%s to %s", pending.record, pending.target)
            error = ServiceError(500, "InternalError", "Internal error; the region's log tells more.")
        if self._running.get(pending.record) is not me:
            return  # another change of state took its place meanwhile
        if error:
            state, changes = pending.failed, self._details(record, error)
        if record := self.store.find(pending.record):
            self.update(record, changes or {}, state=state)
        if request:
            if error:
                request.error(error.code, error.message)
            request.finish(ok=error is None)
        self.store.remove_transition(pending.record)

    async def _stumble(self, also: str) -> None:
        """Suffer the fault of a step, if there is one. Raises ServiceError."""
        if fault := self.region.faults.hit(f"{self.package}.{also.strip('_')}", step=True):
            await asyncio.sleep(fault.delay)
            if fault.status:
                raise ServiceError(fault.status, fault.code, fault.message)

    def _details(self, record: Record, error: ServiceError) -> Document:
        shown = "lifecycleDetails" in self._model(self.kind_of(record)).fields
        return {"lifecycleDetails": error.message} if shown else {}

    async def settled(self, record_id: str) -> Record | None:
        """Wait until no change of state of the record is to come, and give it as it is then (for tests and parts)."""
        while task := self._running.get(record_id):
            await asyncio.wait([task])
        return self.store.find(record_id)

    # answers

    def show(
        self,
        record: Record,
        status: int = 200,
        *,
        request: WorkRequest | None = None,
        doc: Mapping[str, Any] | None = None,
    ) -> Reply:
        """An answer that shows a record (or `doc` in its place), with its etag."""
        headers = {"opc-work-request-id": request.record.id} if request else {}
        return Reply(status, dict(record.doc if doc is None else doc), headers, record)

    def accepted(self, request: WorkRequest | None = None, status: int = 204, record: Record | None = None) -> Reply:
        """An answer without a document (as most deletions have)."""
        headers = {"opc-work-request-id": request.record.id} if request else {}
        return Reply(status, None, headers, record, self.etag_without_document)

    def list(
        self,
        kind: str,
        call: Call,
        filters: Mapping[str, Callable[[Record, Any], bool]] | None = None,
        *,
        where: Callable[[Record], bool] | None = None,
        dead: bool = True,
    ) -> Reply:
        """The records of a kind that the call's query asks for, sorted and paged, the newest first.

        A query parameter compares with the field of its name; `filters` says what others mean. One that fits neither
        answers 501: an ignored filter would be a wrong answer. Deleted records show as long as they are readable unless
        `dead` is False.
        """
        self.check_list(kind, call)
        declared = self._kinds[kind]
        compartment = call.query.get("compartment_id")
        if compartment is not None and not self.region.compartment_exists(compartment):
            raise not_found()
        own = filters or {}
        records = self.store.select(
            self.name, kind, compartment=None if "compartment_id" in own else compartment, dead=None if dead else False
        )
        tests = self._filters(declared, call, own)
        records = [
            record for record in records
            if self.region.visible(record) and all(test(record) for test in tests) and (where is None or where(record))
        ]  # fmt: skip
        return self.page(call, [record.doc for record in self._sorted(declared, call, records)])

    def check_list(self, kind: str, call: Call) -> None:
        """What a service demands of a list's query beyond the SDK's models. Raises 400 or 404."""

    def _filters(
        self, kind: Kind, call: Call, own: Mapping[str, Callable[[Record, Any], bool]]
    ) -> builtins.list[Callable[[Record], bool]]:
        by_python = {"name": kind.name_field} | {f.name: wire for wire, f in self._model(kind).fields.items()}
        tests: list[Callable[[Record], bool]] = []
        for name, value in call.query.items():
            if name in own:
                tests.append(lambda record, test=own[name], value=value: test(record, value))  # type: ignore[misc]
            elif name in _PAGING or name in _SCOPE:
                continue
            elif (wire := by_python.get(name)) is not None:
                wanted = {_plain(item) for item in (value if isinstance(value, list) else [value])}
                tests.append(lambda record, wire=wire, wanted=wanted: _plain(record.doc.get(wire)) in wanted)  # type: ignore[misc]
            else:
                raise not_implemented(f"the parameter {name} of {call.operation.full_name}")
        return tests

    def _sorted(self, kind: Kind, call: Call, records: Sequence[Record]) -> builtins.list[Record]:
        by_name = call.query.get("sort_by", "").replace("_", "").upper() in ("DISPLAYNAME", "NAME")
        descending = call.query.get("sort_order", "ASC" if by_name else "DESC") == "DESC"
        key: Callable[[Record], Any] = (lambda record: record.name.lower()) if by_name else (lambda record: record.seq)
        return sorted(records, key=key, reverse=descending)

    def page(self, call: Call, items: Iterable[Any], extra: Mapping[str, Any] | None = None) -> Reply:
        """One page of a list of documents, in the operation's form: a plain list, or a collection with `items`."""
        everything = list(items)
        limit = call.query.get("limit", 100)
        if not 1 <= limit <= 1000:
            raise invalid("limit must be between 1 and 1000")
        start = _page_start(call)
        headers = {}
        if start + limit < len(everything):
            headers["opc-next-page"] = _page_token(call, start + limit)
        shown = everything[start : start + limit]
        if (call.operation.response or "").startswith("list["):
            return Reply(200, shown, headers)
        return Reply(200, {"items": shown, **(extra or {})}, headers)

    # authorization

    def authorize(
        self, call: Call, verb: str, resource: str, compartment: str | None, target: Mapping[str, str] | None = None
    ) -> None:
        """Raises 404 unless a policy lets the caller do it. `target`: variables, {"target.secret.name": "x"}."""
        if not self.region.iam.allows(call.principal, verb, resource, compartment, target, call.operation.api_name):
            raise not_found()

    def target_variables(self, record: Record) -> Mapping[str, str]:
        """The variables of conditions that a record gives: `target.<kind>.id` and `.name`; a service adds its own."""
        base = f"target.{record.kind.replace('_', '-')}"
        return {f"{base}.id": record.id, f"{base}.name": record.name}

    # work requests

    def work_request(
        self,
        call: Call | None,
        operation_type: str,
        resources: Sequence[tuple[str, str, Record | str]],
        *,
        compartment: str | None = None,
    ) -> WorkRequest:
        """A new work request.

        Resources: (action it ends with: CREATED, UPDATED, DELETED or RELATED, or still IN_PROGRESS; entity type;
        record or its id).
        """
        affected, actions = [], {}
        for action, entity_type, resource in resources:
            identifier = resource.id if isinstance(resource, Record) else resource
            if isinstance(resource, Record):
                compartment = compartment or resource.compartment
            affected.append({
                "actionType": "RELATED" if action == "RELATED" else "IN_PROGRESS",
                "entityType": entity_type,
                "identifier": identifier,
                "entityUri": self.entity_uri(identifier),
            })  # fmt: skip
            actions[identifier] = action
        now = self.clock.timestamp()
        document = {
            "operationType": operation_type, "status": "ACCEPTED", "compartmentId": compartment, "resources": affected,
            "percentComplete": 0.0, "timeAccepted": now, "timeUpdated": now,
        }  # fmt: skip
        kind = self._kinds[_WORK_REQUEST]
        identifier = self.work_request_ocid()
        record = self.store.insert(
            Record(
                id=identifier, service=self.name, kind=kind.name, compartment=compartment,
                doc={"id": identifier} | document,
                private={"actions": actions, "logs": [], "errors": []},
            )
        )  # fmt: skip
        return WorkRequest(self, record)

    def work_request_ocid(self) -> str:
        """The identifier of a work request to come."""
        return self._kinds[_WORK_REQUEST].ocid()

    def entity_uri(self, record_id: str) -> str:
        """Where a resource of a work request can be read."""
        record = self.store.find(record_id)
        operation = self.region.schema.operations.get((self.package, f"get_{record.kind}")) if record else None
        if operation is None:
            return ""
        return operation.path.split("{")[0] + record_id

    def _request(self, record_id: str | None) -> WorkRequest | None:
        record = self.store.find(record_id) if record_id else None
        return WorkRequest(self, record) if record else None

    def work_request_doc(self, record: Record) -> Document:
        """The wire form of a work request; a service whose form differs overrides this."""
        return record.doc

    def get_any_work_request(self, record_id: str) -> Record:
        """A work request of this service. Raises 404."""
        return self.get(_WORK_REQUEST, record_id)

    @operation
    async def get_work_request(self, call: Call) -> Reply:
        """A work request by its id."""
        record = self.get_any_work_request(call.path["work_request_id"])
        return self.show(record, doc=self.work_request_doc(record))

    @operation
    async def list_work_requests(self, call: Call) -> Reply:
        """The work requests of a compartment, also those of one resource."""
        query = call.query
        wanted_ids = {query[name] for name in _WORK_REQUEST_SUBJECTS if name in query}
        wanted_ids |= {call.path["load_balancer_id"]} if "load_balancer_id" in call.path else set()
        found = []
        for record in reversed(self.store.select(self.name, _WORK_REQUEST, compartment=query.get("compartment_id"))):
            resources = record.doc["resources"]
            if (
                wanted_ids <= {resource["identifier"] for resource in resources}
                and ("resource_type" not in query or query["resource_type"] in {r["entityType"] for r in resources})
                and query.get("work_request_id", record.id) == record.id
                and ("status" not in query or record.doc["status"] in _values(query["status"]))
            ):
                found.append(self.work_request_doc(record))
        return self.page(call, found)

    @operation
    async def list_work_request_errors(self, call: Call) -> Reply:
        """The errors of a work request, the newest first."""
        record = self.get_any_work_request(call.path["work_request_id"])
        return self.page(call, reversed(record.private["errors"]))

    @operation
    async def list_work_request_logs(self, call: Call) -> Reply:
        """The log of a work request, the newest first."""
        record = self.get_any_work_request(call.path["work_request_id"])
        return self.page(call, reversed(record.private["logs"]))

    # small things

    def _model(self, kind: Kind) -> Model:
        model = self.region.schema.model(self.package, kind.model)
        if model is None:
            raise LookupError(f"{self.package} has no model {kind.model}")
        return model


class Part:
    """A piece of a service: operations and steps of its own, on the service's records. See `Service.add`."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.region = service.region
        self.store = service.store
        self.clock = service.clock
        self.log = service.log

    def fresh(self, record_id: str) -> Record:
        """A record of any service as it is now. Raises 404."""
        if (record := self.store.find(record_id)) is None:
            raise not_found()
        return record


_Part = TypeVar("_Part", bound=Part)

_WORK_REQUEST = "work_request"
_WORK_REQUEST_SUBJECTS = ("resource_id", "resource_identifier", "cluster_id", "load_balancer_id")


def _work_request_kind(entity: str) -> Kind:
    return Kind(_WORK_REQUEST, model="WorkRequest", resource="work-requests", entity=entity, operations=())


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _values(value: Any) -> builtins.list[Any]:
    return value if isinstance(value, list) else [value]


def _plain(value: Any) -> Any:
    """A value comparable with a query parameter: booleans and numbers as they are written there."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None else str(value)


def _page_key(call: Call) -> str:
    scope = {name: value for name, value in call.query.items() if name not in ("page", "limit")}
    text = json.dumps([call.operation.full_name, call.path, scope], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _page_token(call: Call, start: int) -> str:
    return base64.urlsafe_b64encode(f"{start}:{_page_key(call)}".encode()).decode().rstrip("=")


def _page_start(call: Call) -> int:
    token = call.query.get("page")
    if not token:
        return 0
    try:
        start, key = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().split(":")
        if key == _page_key(call):
            return int(start)
    except ValueError:
        pass
    raise invalid("The page token is not of this list.")
