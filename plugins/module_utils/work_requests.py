# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work requests behind the writes of one task: whether they run, what they log, how they failed."""

from __future__ import annotations

from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import Address, ResourceType

UNDER_WAY = ("ACCEPTED", "IN_PROGRESS", "WAITING", "CANCELING", "CANCELLING")
ENDED_BADLY = ("FAILED", "CANCELED")


class WorkRequests:
    """Those of one resource of a type. ``label`` names it in errors."""

    def __init__(self, session: Session, type_: ResourceType, label: str, compartment_id: str | None) -> None:
        self._session, self._type, self._label = session, type_, label
        self._compartment_id = compartment_id
        self._last: str | None = None  # of this task's last write
        self._done: str | None = None

    def remember(self, response: Any) -> None:
        """Notes the work request that a write answered with, if any."""
        self._last = response.headers.get("opc-work-request-id") or self._last

    def get(self, id_: str) -> Any:
        """A work request by its id."""
        return self._session.call(self._client, "get_work_request", id_).data

    def under_way(self) -> bool:
        """Whether the request of this task's last write still runs. Raises ResourceError where it failed.

        A resource may show its old, settled state before the request is taken up, and again after it failed.
        """
        if not self._last or not self._type.work_requests or self._last == self._done:
            return False
        try:
            request = self.get(self._last)
        except CloudError as error:
            if error.status != 404:
                raise
            return False  # who may not read it waits for the state alone
        if request.status in ENDED_BADLY:
            raise ResourceError(f"{self._label}: {self.text(request.id)}")
        if request.status in UNDER_WAY:
            return True
        self._done = self._last
        return False

    def activity(self, address: Address) -> str:
        """What the newest request last logged; empty where there is nothing to say."""
        request = self._newest(address)
        if request is None or request.status not in ("ACCEPTED", "IN_PROGRESS"):
            return ""
        logs = self._rows(request, "list_work_request_logs")
        return str(max(logs, key=lambda r: str(r.timestamp)).message) if logs else ""

    def summary(self, address: Address) -> str:
        """The newest request with its errors, as text; empty where there is none."""
        request = self._newest(address)
        return self.text(request.id) if request is not None else ""

    def text(self, id_: str) -> str:
        """A request's state and errors."""
        request = self.get(id_)
        errors = "; ".join(f"{r.code}: {r.message}" for r in self._rows(request, "list_work_request_errors"))
        return f"Work request {id_} is {request.status}{': ' + errors.rstrip('.') if errors else ''}."

    @property
    def _client(self) -> Any:
        region = self._session.home_region if self._type.home_region else None
        return self._session.client(self._type.work_requests or "", region=region)

    def _newest(self, address: Address) -> Any:
        """The request of this task's last write, else the newest the service lists for the resource, else None."""
        if not self._type.work_requests:
            return None
        try:
            if self._last:
                return self.get(self._last)
            if not self._compartment_id or not self._type.work_requests_by_compartment:
                return None
            scope, resource = self._compartment_id, address[-1]
            rows = self._session.pages(self._client, "list_work_requests", scope, resource_id=resource)
        except CloudError:
            return None
        return max(rows, key=lambda r: str(r.time_accepted), default=None)

    def _rows(self, request: Any, operation: str) -> list[Any]:
        shown = operation.rpartition("_")[2]  # errors, logs: identity shows them with the request
        if hasattr(request, shown):
            return list(getattr(request, shown) or [])
        scope = [request.compartment_id] if self._type.work_requests_by_compartment else []
        try:
            return self._session.pages(self._client, operation, *scope, request.id)
        except CloudError:
            return []


def made_by(request: Any, noun: str) -> str | None:
    """The id of the resource of a kind that a work request makes; None while it names none."""
    wanted = noun.replace("_", "")
    kinds = [
        ((row.entity_type or "").lower().replace("_", "").replace("-", ""), row)
        for row in request.resources or []
        if row.identifier
    ]
    exact = [row for kind, row in kinds if kind == wanted]
    close = [row for kind, row in kinds if wanted in kind and row.action_type != "RELATED"]
    return next((str(row.identifier) for row in (*exact, *close)), None)
