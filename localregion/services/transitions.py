"""Changes of state to come: kept in the store, carried out in the background, taken up by a restarted region."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from localregion.core.errors import ServiceError
from localregion.core.store import Document, PendingTransition, Record
from localregion.services.work_requests import WorkRequest, WorkRequests

if TYPE_CHECKING:
    from localregion.services.context import Context

Also = Callable[[Record, "WorkRequest | None"], Awaitable[Mapping[str, Any] | None]]
"""What happens with a change of state: gets the record and its work request, may give changes of the document."""


class Update(Protocol):
    """Writes changes of a record, as `Service.update`."""

    def __call__(self, record: Record, changes: Mapping[str, Any], *, state: str | None = None) -> Record:
        """The record as it is then."""


class Transitions:
    """The changes of state of a service's records. ``update`` writes them; ``details`` gives the changes of a document
    that describe an error; ``steps`` are the registered steps by their names."""

    def __init__(
        self,
        region: Context,
        service: str,
        package: str,
        requests: WorkRequests,
        update: Update,
        details: Callable[[Record, ServiceError], Document],
    ) -> None:
        self._store, self._clock, self._tasks, self._faults = region.store, region.clock, region.tasks, region.faults
        self._service, self._package, self._requests = service, package, requests
        self._update, self._details = update, details
        self._log = logging.getLogger(f"localregion.{service}")
        self.steps: dict[str, Also] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    def resume(self) -> None:
        """Take up every change of state to come."""
        for pending in list(self._store.transitions(self._service)):
            self.run(pending)

    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that wait or are carried out."""
        return list(self._running.values())

    def start(
        self,
        record: Record,
        after: float,
        to: str | None,
        *,
        also: Also | None = None,
        request: WorkRequest | None = None,
        failed: str | None = "FAILED",
    ) -> None:
        """As `Service.transition`, without the state on the way."""
        method = getattr(also, "__name__", None) if also else None
        if method and self.steps.get(method) != also:
            raise TypeError(f"{method} must be a step of {self._service}: it is found by name after a restart")
        pending = PendingTransition(
            record=record.id, service=self._service, target=to, due=self._clock.due(after), also=method,
            request=request.record.id if request else None, failed=failed,
        )  # fmt: skip
        self._store.put_transition(pending)
        self.run(pending)

    def run(self, pending: PendingTransition) -> None:
        """Carry out a change of state when it is due. It replaces one of the same record."""
        earlier = self._running.get(pending.record)
        if earlier and earlier is not _current_task():
            earlier.cancel()
        task = self._tasks.spawn(self._transit(pending), f"{self._service} {pending.record} to {pending.target}")
        self._running[pending.record] = task
        task.add_done_callback(lambda done: self._ended(pending.record, done))

    def _ended(self, record_id: str, task: asyncio.Task[None]) -> None:
        if self._running.get(record_id) is task:
            del self._running[record_id]

    async def _transit(self, pending: PendingTransition) -> None:
        me = asyncio.current_task()
        await self._clock.sleep_until(pending.due)
        request = self._requests.find(pending.request)
        record = self._store.find(pending.record)
        if record is None:
            self._store.remove_transition(pending.record)
            return
        if request and request.record.state == "ACCEPTED":
            request.begin()
        changes: Mapping[str, Any] | None = None
        state, error = pending.target, None
        try:
            if pending.also:
                await self._stumble(pending.also)
                changes = await self.steps[pending.also](record, request)
        except asyncio.CancelledError:
            raise
        except ServiceError as failure:
            error = failure
        except Exception:
            self._log.exception("%s to %s", pending.record, pending.target)
            error = ServiceError(500, "InternalError", "Internal error; the region's log says more.")
        if self._running.get(pending.record) is not me:
            return  # another change of state took its place meanwhile
        if error:
            state, changes = pending.failed, self._details(record, error)
        if record := self._store.find(pending.record):
            self._update(record, changes or {}, state=state)
        if request:
            if error:
                request.error(error.code, error.message)
            request.finish(ok=error is None)
        self._store.remove_transition(pending.record)

    async def _stumble(self, also: str) -> None:
        """Suffer the fault of a step, if there is one. Raises ServiceError."""
        if fault := self._faults.hit(f"{self._package}.{also.strip('_')}", step=True):
            await asyncio.sleep(fault.delay)
            if fault.status:
                raise ServiceError(fault.status, fault.code, fault.message)

    async def settled(self, record_id: str) -> Record | None:
        """Wait until no change of state of the record is to come, and give it as it is then (for tests and parts)."""
        while task := self._running.get(record_id):
            await asyncio.wait([task])
        return self._store.find(record_id)


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
