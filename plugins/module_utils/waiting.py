# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to wait for something: how often to look, what to say meanwhile, when to give up. Knows no service."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError, Stopped
from ansible_collections.okestack.oci.plugins.module_utils.snapshot import SNAPSHOT

HEARTBEAT = 30.0
"""Seconds between lines about a wait in which nothing changes."""
FIRST_PAUSE = 0.2
"""Seconds before the second look; each further pause is twice as long, up to the interval."""


class Pauses:
    """When to look again: soon at first, then less and less often, until time is up. Times in seconds."""

    def __init__(
        self,
        timeout: float,
        interval: float,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``interval``: the longest pause between two looks."""
        self._timeout, self._interval, self._sleep, self._clock = timeout, interval, sleep, clock
        self._started = clock()
        self._next = FIRST_PAUSE

    @property
    def elapsed(self) -> float:
        """Seconds since the wait began."""
        return self._clock() - self._started

    @property
    def long(self) -> bool:
        """Whether it takes so long by now that people want to know what the service is doing."""
        return self._next > 1.5

    def soon(self) -> None:
        """Something changed: the next pause is short again."""
        self._next = FIRST_PAUSE

    def next(self) -> bool:
        """Pauses until the next look; False, without a pause, when time is up. The last look is at the end of it."""
        left = self._timeout - self.elapsed
        if left <= 0:
            return False
        SNAPSHOT.end()  # who waits expects a change
        self._sleep(min(self._next, self._interval, left))
        self._next *= 2
        return True


class News:
    """What was last said of one thing: a change is said at once, what stays the same after each heartbeat."""

    def __init__(self, heartbeat: float = HEARTBEAT) -> None:
        """``heartbeat``: seconds."""
        self._heartbeat = heartbeat
        self._said, self._spoken = "", 0.0

    def changed(self, text: str) -> bool:
        """Whether this is something else than what was last said."""
        return text != self._said

    def due(self, text: str, now: float) -> bool:
        """Whether to say it, ``now`` seconds after the wait began."""
        return self.changed(text) or now - self._spoken >= self._heartbeat

    def said(self, text: str, now: float) -> None:
        """It was said."""
        self._said, self._spoken = text, now


class Wait:
    """One wait for one thing: ``tell`` what is seen, ``pause`` before the next look. Times in seconds.

    ``label`` begins each line and each error.
    """

    def __init__(
        self,
        label: str,
        *,
        timeout: float,
        interval: float,
        report: Callable[[str], None],
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.label = label
        self._report, self._stop = report, stop
        self._pauses = Pauses(timeout, interval, self._sleep, clock)
        self._news = News()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return self._pauses.elapsed

    @property
    def long(self) -> bool:
        """Whether it takes so long by now that people want to know what the service is doing."""
        return self._pauses.long

    def tell(self, state: str, text: str = "") -> None:
        """A line about a change, and one every half minute."""
        line, now = f"{state} {text}".strip(), self.elapsed
        if self._news.due(line, now):
            self._report(f"{self.label}: {state} {duration(now)}{' - ' + text if text else ''}")
            self._news.said(line, now)

    def pause(self, failure: Callable[[str], str]) -> None:
        """Until the next look. When time is up: ResourceError with what ``failure`` makes of the time it took."""
        if not self._pauses.next():
            raise ResourceError(failure(duration(self.elapsed)))

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped(f"{self.label}: stopped while waiting")


def duration(seconds: float) -> str:
    """Seconds as people say them: ``45s``, ``2m30s``, ``1h05m``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
