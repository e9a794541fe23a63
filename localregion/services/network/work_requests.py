"""The work requests of the core services, which have a service of their own; its path is also identity's."""

from __future__ import annotations

from localregion.core.errors import not_found
from localregion.core.store import Record
from localregion.services.base import Service
from localregion.services.registration import operation
from localregion.services.resources import Call, Reply
from localregion.services.work_requests import KIND

_OWNERS = ("network",)


class WorkRequests(Service):
    """Reads what the network service notes."""

    name = "work_requests"
    package = "work_requests"

    def knows(self, record: Record) -> bool:
        """The work requests of the core services."""
        return record.kind == KIND and record.service in _OWNERS

    def _named(self, call: Call) -> Record:
        record = self.store.find(call.path["work_request_id"])
        if record is None or not self.knows(record):
            raise not_found()
        return record

    @operation
    async def get_work_request(self, call: Call) -> Reply:
        """A work request of the core services."""
        return self.show(self._named(call))

    @operation
    async def list_work_request_errors(self, call: Call) -> Reply:
        """The errors of a work request, the newest first."""
        return self.page(call, reversed(self._named(call).private["errors"]))

    @operation
    async def list_work_request_logs(self, call: Call) -> Reply:
        """The log of a work request, the newest first."""
        return self.page(call, reversed(self._named(call).private["logs"]))

    @operation
    async def list_work_requests(self, call: Call) -> Reply:
        """The work requests of the core services in a compartment, also those of one resource."""
        found = [
            record.doc
            for owner in _OWNERS
            for record in reversed(self.store.select(owner, KIND, compartment=call.query["compartment_id"]))
            if "resource_id" not in call.query
            or call.query["resource_id"] in {resource["identifier"] for resource in record.doc["resources"]}
        ]
        return self.page(call, found)
