"""Faults on chosen calls: errors, latency, dropped connections, lost answers, and new resources not shown at once.

Set through the admin API (`POST /faults` on the control socket) or, in a test, through `region.faults.add(...)`.
"""

from __future__ import annotations

import fnmatch
import itertools
from dataclasses import asdict, dataclass, field
from typing import Any

_IDS = itertools.count(1)


class Drop(Exception):
    """The connection is to be cut without an answer."""


@dataclass
class Fault:
    """What happens to calls of the operations that match.

    ``operation`` is a pattern on `package.operation` (`core.create_*`). Of the calls that match, the first `skip` pass,
    the next `times` (None: all) suffer. ``delay`` seconds go by first. ``drop`` is "before" (the call does nothing) or
    "after" (it takes effect and its answer is lost); else an error answer of `status`, `code`, `message`, if `status`
    is given. ``body`` is answered in place of the service's own, as a proxy would: with the call's effect, or without
    it (`drop` "before", or a `status`).

    With ``step`` it is not a call that fails but one of the region's own steps, named by package and what
    the service calls it: `container_engine.pool_deleted` with a status lets a pool's deletion end in NEEDS_ATTENTION.
    """

    operation: str = "*"
    status: int | None = None
    code: str = ""
    message: str = "Fault injected"
    delay: float = 0.0
    drop: str | None = None
    times: int | None = 1
    skip: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    step: bool = False
    id: int = field(default_factory=lambda: next(_IDS))
    seen: int = 0
    hit: int = 0


_CODES = {
    400: "InvalidParameter", 401: "NotAuthenticated", 404: "NotAuthorizedOrNotFound", 409: "IncorrectState",
    412: "NoEtagMatch", 429: "TooManyRequests", 500: "InternalError", 502: "BadGateway", 503: "ServiceUnavailable",
}  # fmt: skip


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self.hidden = 0.0
        """Seconds for which a new resource is not listed and not found (404)."""
        self.unresolved = 0.0
        """Seconds for which a new vault's own endpoints cut every connection, in place of a name without an address."""

    def add(self, operation: str = "*", **values: Any) -> Fault:
        """Add a fault; see `Fault`. Raises ValueError for a bad one."""
        fault = Fault(operation, **values)
        if fault.drop not in (None, "before", "after"):
            raise ValueError("drop must be before or after")
        if fault.status is not None:
            fault.code = fault.code or _CODES.get(fault.status, "InternalError")
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()
        self.hidden = self.unresolved = 0.0

    def list(self) -> list[dict[str, Any]]:
        """The faults in force, with how many calls they saw and hit."""
        return [asdict(fault) for fault in self._faults]

    def hit(self, operation: str, *, step: bool = False) -> Fault | None:
        """The fault that this call, or this step, suffers."""
        for fault in self._faults:
            if fault.step != step or not fnmatch.fnmatchcase(operation, fault.operation):
                continue
            fault.seen += 1
            if fault.seen <= fault.skip or (fault.times is not None and fault.hit >= fault.times):
                continue
            fault.hit += 1
            return fault
        return None
