# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to wait for something: how often to look, what to say meanwhile, when to give up. Knows no service."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError, Stopped

HEARTBEAT = 30.0
"""Seconds between lines about a wait in which nothing changes."""
FIRST_PAUSE = 0.2
"""Seconds before the second look; each further pause is twice as long, up to the interval."""


class Wait:
    """One wait: ``tell`` what is seen, ``pause`` before the next look. Times in seconds.

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
        self.label, self.timeout, self.interval = label, timeout, interval
        self._report, self._stop, self._clock = report, stop, clock
        self._started = self._spoken = clock()
        self._next = FIRST_PAUSE
        self._said = ""

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return self._clock() - self._started

    @property
    def long(self) -> bool:
        """Whether it takes so long by now that people want to know what the service is doing."""
        return self._next > 1.5

    def tell(self, state: str, text: str = "") -> None:
        """A line about a change, and one every half minute."""
        line, now = f"{state} {text}".strip(), self._clock()
        if line != self._said or now - self._spoken >= HEARTBEAT:
            self._report(f"{self.label}: {state} {duration(self.elapsed)}{' - ' + text if text else ''}")
            self._said, self._spoken = line, now

    def pause(self, failure: Callable[[str], str]) -> None:
        """Until the next look. When time is up: ResourceError with what ``failure`` makes of the time it took."""
        if self.elapsed > self.timeout:
            raise ResourceError(failure(duration(self.elapsed)))
        if self._stop.wait(min(self._next, self.interval)):
            raise Stopped(f"{self.label}: stopped while waiting")
        self._next *= 2


def duration(seconds: float) -> str:
    """Seconds as people say them: ``45s``, ``2m30s``, ``1h05m``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
