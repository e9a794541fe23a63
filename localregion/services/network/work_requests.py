"""The work requests of the core services, which have a service of their own; its path is also identity's."""

from __future__ import annotations

from localregion.core.store import Record
from localregion.services.base import Service
from localregion.services.work_requests import KIND


class WorkRequests(Service):
    """Reads what the network service notes."""

    name = "work_requests"
    package = "work_requests"
    work_requests_of = ("network",)

    def knows(self, record: Record) -> bool:
        """The work requests of the core services."""
        return record.kind == KIND and record.service in self.work_requests_of
