# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service in memory, for tests of what reads, writes and waits for one resource."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import SimpleNamespace as Row
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError
from ansible_collections.okestack.oci.plugins.module_utils.lifecycle import Lifecycle
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, ResourceType
from ansible_collections.okestack.oci.plugins.module_utils.reader import Reader
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish
from ansible_collections.okestack.oci.plugins.module_utils.work_requests import WorkRequests
from ansible_collections.okestack.oci.plugins.module_utils.writer import Writer

Answer = Callable[..., Any] | Document | CloudError | None
"""What an operation answers: a document, an error, or a function of its arguments that gives one of both."""


class Clock:
    """Seconds that pass while somebody waits, and no other."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class _Stop(threading.Event):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.now += timeout or 0
        return self.is_set()


class Service:
    """A session whose calls are answered by operation; the last of several answers is repeated. No network, no time."""

    home_region = "home"
    tenancy = "ocid1.tenancy.oc1..t"

    def __init__(self, region: str = "home", **answers: Answer | list[Answer]) -> None:
        self.region = region
        self.answers = {name: list(given) if isinstance(given, list) else [given] for name, given in answers.items()}
        self.calls: list[tuple[Any, ...]] = []
        self.options: list[dict[str, Any]] = []
        """The keyword arguments of each call."""
        self.lines: list[str] = []
        self.clock = Clock()
        self.stop = _Stop(self.clock)
        self.connection = Row(retry_timeout=60.0)

    def report(self, line: str) -> None:
        self.lines.append(line)

    def client(self, name: str, region: str | None = None, endpoint: str | None = None) -> str:
        return region or endpoint or self.region

    def call(self, client: str, operation: str, *arguments: Any, **options: Any) -> Any:
        """An answer with the headers of its document's `_headers`. A document of nothing is an empty answer."""
        self.calls.append((client, operation, *arguments))
        self.options.append(options)
        left = self.answers[operation]
        answer = left.pop(0) if len(left) > 1 else left[0]
        if callable(answer):
            answer = answer(*arguments, **options)
        if isinstance(answer, CloudError):
            raise answer
        data = {name: value for name, value in (answer or {}).items() if name != "_headers"}
        return Row(data=Row(**data) if data else None, headers=dict((answer or {}).get("_headers", {})))

    def look(self) -> Service:
        """Nothing is shared between tasks here."""
        return self

    def look_again(self) -> bool:
        return False

    def lists_whole(self, *asked: Any, **options: Any) -> bool:
        del asked, options
        return False

    def pages(self, client: str, operation: str, *arguments: Any, **options: Any) -> list[Any]:
        self.calls.append((client, operation, *arguments))
        self.options.append(options)
        rows = self.answers[operation]
        return [Row(**row) for row in rows if isinstance(row, dict)]


def parts(service: Service, type_: ResourceType, wish: Wish, **more: Any) -> tuple[Reader, Lifecycle, Writer]:
    """What works on one resource of a type."""
    reader = Reader(service, type_, wish, **more)  # type: ignore[arg-type]
    requests = WorkRequests(service, type_, reader.label, "c")  # type: ignore[arg-type]
    lifecycle = Lifecycle(reader, requests, service.clock)
    return reader, lifecycle, Writer(reader, lifecycle, requests)


def operations(calls: Iterable[tuple[Any, ...]]) -> list[str]:
    """The operations of calls, in order."""
    return [call[1] for call in calls]


GONE = CloudError("it is not there", status=404, code="NotAuthorizedOrNotFound")
