"""What every service of the local region is written on.

A service is a class listed in `services/__init__.py`: its kinds of resources declared as data (`Kind`), and a method
for each operation that is more than reading. A method has the SDK's name of the operation, gets a `Call` and returns a
`Reply`. The framework does the same for all of them: signature, body and parameters against the SDK's models,
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

import builtins
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from localregion.core.errors import ServiceError, missing, not_found, not_implemented, related_not_found
from localregion.core.schema import Model, Operation
from localregion.core.store import Document, Record
from localregion.core.validate import PLAIN, Form
from localregion.services import lists
from localregion.services.lists import Filters
from localregion.services.registration import operation, registered, step
from localregion.services.resources import Call, Handler, Kind, Reply
from localregion.services.transitions import Also, Transitions
from localregion.services.work_requests import WorkRequest, WorkRequestForm, WorkRequests

if TYPE_CHECKING:
    from localregion.services.context import Context


class Service:
    """A service of the region: the base class."""

    package: ClassVar[str]
    name: ClassVar[str]
    """The service's name in `Context.services` and in its records."""
    kinds: ClassVar[tuple[Kind, ...]] = ()
    access: ClassVar[Mapping[str, tuple[str, str] | None]] = {}
    """Operation to (verb, resource type) of the policy statement it needs, where it differs from what its name says
    (list: inspect, get: read, else manage). None: the method asks `authorize` itself."""
    work_request_form: ClassVar[WorkRequestForm] = WorkRequestForm()
    work_requests_of: ClassVar[tuple[str, ...]] = ()
    """The services whose work requests it answers for, where not its own."""
    form: ClassVar[Form] = PLAIN
    """How it writes its documents: whether what has no value is null or not there, the form of its times."""
    etag_without_document: ClassVar[bool] = True
    """Whether an answer without a document has an etag."""
    etag_form: ClassVar[str] = "032x"
    """Its etags: how many digits, and whether hexadecimal (x) or decimal (d)."""

    def __init__(self, region: Context) -> None:
        self.region = region
        self.store = region.store
        self.store.etag_forms[self.name] = self.etag_form
        self.clock = region.clock
        self.log = logging.getLogger(f"localregion.{self.name}")
        self.requests = WorkRequests(
            region, self.name, self.package, self.work_request_form, self.unseen, self.work_requests_of
        )
        self.transitions = Transitions(region, self.name, self.package, self.requests, self.update, self._details)
        self._kinds = {kind.name: kind for kind in (*self.kinds, self.requests.kind)}
        self.handlers: dict[str, Handler] = self._generic_operations()
        for part in (self.requests, self):
            self._register(part)

    # for the framework

    def handler(self, operation: str) -> Handler | None:
        """What answers an operation; None when nothing does."""
        return self.handlers.get(operation)

    def add(self, part: _Part) -> _Part:
        """Register the operations and steps of a part; returns it."""
        self._register(part)
        return part

    def _register(self, part: object) -> None:
        self.handlers |= registered(part, operation)
        self.transitions.steps |= registered(part, step)

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
        self.transitions.resume()

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
        self.transitions.start(record, after, to, also=also, request=request, failed=failed)
        return record

    def _details(self, record: Record, error: ServiceError) -> Document:
        shown = "lifecycleDetails" in self._model(self.kind_of(record)).fields
        return {"lifecycleDetails": error.message} if shown else {}

    async def settled(self, record_id: str) -> Record | None:
        """Wait until no change of state of the record is to come, and give it as it is then (for tests and parts)."""
        return await self.transitions.settled(record_id)

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
        filters: Filters | None = None,
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
        tests = lists.filters(declared, self._model(declared), call, own)
        records = [
            record for record in records
            if self.region.visible(record) and all(test(record) for test in tests) and (where is None or where(record))
        ]  # fmt: skip
        return self.page(call, [record.doc for record in lists.in_order(call, records)])

    def page(self, call: Call, items: Iterable[Any], extra: Mapping[str, Any] | None = None) -> Reply:
        """One page of a list of documents, as `lists.page`."""
        return lists.page(call, items, extra)

    def check_list(self, kind: str, call: Call) -> None:
        """What a service demands of a list's query beyond the SDK's models. Raises 400 or 404."""

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
        operation_type: str,
        resources: Sequence[tuple[str, str, Record | str]],
        *,
        compartment: str | None = None,
    ) -> WorkRequest:
        """A new work request.

        Resources: (action it ends with: CREATED, UPDATED, DELETED or RELATED, or still IN_PROGRESS; entity type;
        record or its id).
        """
        return self.requests.new(operation_type, resources, compartment=compartment)

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
