"""The work requests of the core services, which have a service of their own; its path is also identity's."""

from __future__ import annotations

from localregion.services.base import Call, Record, Reply, Service, not_found
from localregion.services.registration import operation

_OWNERS = ("network",)


class WorkRequests(Service):
    """Reads what the network service notes."""

    name = "work_requests"
    package = "work_requests"

    def knows(self, record: Record) -> bool:
        """The work requests of the core services."""
        return record.kind == "work_request" and record.service in _OWNERS

    def get_any_work_request(self, record_id: str) -> Record:
        """As in the base, for those of the core services."""
        record = self.store.find(record_id)
        if record is None or not self.knows(record):
            raise not_found()
        return record

    @operation
    async def list_work_requests(self, call: Call) -> Reply:
        """The work requests of the core services in a compartment, also those of one resource."""
        found = [
            record.doc
            for owner in _OWNERS
            for record in reversed(self.store.select(owner, "work_request", compartment=call.query["compartment_id"]))
            if "resource_id" not in call.query
            or call.query["resource_id"] in {resource["identifier"] for resource in record.doc["resources"]}
        ]
        return self.page(call, found)
