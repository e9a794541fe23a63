"""Work requests: what services note of long operations, and how clients read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localregion.core.clock import Clock
from localregion.core.errors import ServiceError
from localregion.core.store import Document, Record, Store
from localregion.services.lists import page
from localregion.services.registration import operation
from localregion.services.resources import Call, Kind, Reply

if TYPE_CHECKING:
    from localregion.services.context import Context

KIND = "work_request"
_SUBJECTS = ("resource_id", "resource_identifier", "cluster_id", "load_balancer_id")


@dataclass(frozen=True)
class WorkRequestForm:
    """What is particular to a service's work requests.

    ``entity`` is the word in their OCIDs, ``ocid_parts`` gives further parts of one; ``below``: what paths of
    resources leave out at their beginning; ``document`` gives the wire form of a record; ``retry_after``: the header's
    value while one is under way.
    """

    entity: str = "workrequest"
    ocid_parts: Callable[[], tuple[str, ...]] = tuple
    below: str = ""
    document: Callable[[Record], Document] = lambda record: record.doc
    retry_after: str = ""


@dataclass
class WorkRequest:
    """A work request under way: progress, log lines and errors that clients see."""

    store: Store
    clock: Clock
    record: Record

    @property
    def status(self) -> str:
        """ACCEPTED, IN_PROGRESS, SUCCEEDED or FAILED."""
        return str(self._fresh().doc["status"])

    def begin(self) -> None:
        """It is under way from now on."""
        self._change({"status": "IN_PROGRESS", "timeStarted": self.clock.timestamp()})

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
            lines.append({"message": message, "timestamp": self.clock.timestamp()})
            self.store.save(record, etag=False)

    def error(self, code: str, message: str) -> None:
        """Add an error."""
        record = self._fresh()
        record.private.setdefault("errors", []).append(
            {"code": code, "message": message, "timestamp": self.clock.timestamp()}
        )
        self.store.save(record, etag=False)

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
        now = self.clock.timestamp()
        status = "SUCCEEDED" if ok else "FAILED"
        changes = {"status": status, "timeFinished": now, "timeUpdated": now, "resources": resources}
        self._change(changes | ({"percentComplete": 100.0} if ok else {}))

    def _fresh(self) -> Record:
        return self.store.find(self.record.id) or self.record

    def _change(self, changes: Document) -> None:
        record = self._fresh()
        record.doc |= changes
        self.record = self.store.save(record, etag=False)


class WorkRequests:
    """The work requests of a service: makes them, and answers their operations. ``unseen``: the service's error for
    one that is not there; ``answers_for``: the services whose work requests it answers for, where not its own."""

    def __init__(
        self,
        region: Context,
        service: str,
        package: str,
        form: WorkRequestForm,
        unseen: Callable[[str], ServiceError],
        answers_for: Sequence[str] = (),
    ) -> None:
        self._store, self._clock, self._operations = region.store, region.clock, region.schema.operations
        self._services = answers_for or (service,)
        self._service, self._package, self._form, self._unseen = service, package, form, unseen
        self.kind = Kind(KIND, model="WorkRequest", resource="work-requests", entity=form.entity, operations=())

    def new(
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
        affected, actions = [], {}
        for action, entity_type, resource in resources:
            identifier = resource.id if isinstance(resource, Record) else resource
            if isinstance(resource, Record):
                compartment = compartment or resource.compartment
            affected.append({
                "actionType": "RELATED" if action == "RELATED" else "IN_PROGRESS",
                "entityType": entity_type,
                "identifier": identifier,
                "entityUri": self._uri(identifier),
            })  # fmt: skip
            actions[identifier] = action
        now = self._clock.timestamp()
        document = {
            "operationType": operation_type, "status": "ACCEPTED", "compartmentId": compartment, "resources": affected,
            "percentComplete": 0.0, "timeAccepted": now, "timeUpdated": now,
        }  # fmt: skip
        identifier = self.kind.ocid(*self._form.ocid_parts())
        record = self._store.insert(
            Record(
                id=identifier, service=self._service, kind=KIND, compartment=compartment,
                doc={"id": identifier} | document,
                private={"actions": actions, "logs": [], "errors": []},
            )
        )  # fmt: skip
        return WorkRequest(self._store, self._clock, record)

    def find(self, record_id: str | None) -> WorkRequest | None:
        """A work request that is under way; None if there is none."""
        record = self._store.find(record_id) if record_id else None
        return WorkRequest(self._store, self._clock, record) if record else None

    def _uri(self, record_id: str) -> str:
        """Where a resource can be read."""
        record = self._store.find(record_id)
        operation = self._operations.get((self._package, f"get_{record.kind}")) if record else None
        if operation is None:
            return ""
        return (operation.path.split("{")[0] + record_id).removeprefix(self._form.below)

    def _get(self, record_id: str) -> Record:
        record = self._store.find(record_id)
        if record is None or record.kind != KIND or record.service not in self._services or record.dead:
            raise self._unseen(KIND)
        return record

    @operation
    async def get_work_request(self, call: Call) -> Reply:
        """A work request by its id."""
        record = self._get(call.path["work_request_id"])
        headers = {}
        if self._form.retry_after and record.state in ("ACCEPTED", "IN_PROGRESS"):
            headers["retry-after"] = self._form.retry_after
        return Reply(200, dict(self._form.document(record)), headers, record)

    @operation
    async def list_work_requests(self, call: Call) -> Reply:
        """The work requests of a compartment, also those of one resource."""
        query = call.query
        wanted_ids = {query[name] for name in _SUBJECTS if name in query}
        wanted_ids |= {call.path["load_balancer_id"]} if "load_balancer_id" in call.path else set()
        compartment = query.get("compartment_id")
        noted = [
            record for name in self._services for record in self._store.select(name, KIND, compartment=compartment)
        ]
        found = []
        for record in reversed(noted):
            resources = record.doc["resources"]
            if (
                wanted_ids <= {resource["identifier"] for resource in resources}
                and ("resource_type" not in query or query["resource_type"] in {r["entityType"] for r in resources})
                and query.get("work_request_id", record.id) == record.id
                and ("status" not in query or record.doc["status"] in _values(query["status"]))
            ):
                found.append(self._form.document(record))
        return page(call, found)

    @operation
    async def list_work_request_errors(self, call: Call) -> Reply:
        """The errors of a work request, the newest first."""
        record = self._get(call.path["work_request_id"])
        return page(call, reversed(record.private["errors"]))

    @operation
    async def list_work_request_logs(self, call: Call) -> Reply:
        """The log of a work request, the newest first."""
        record = self._get(call.path["work_request_id"])
        return page(call, reversed(record.private["logs"]))


def _values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
