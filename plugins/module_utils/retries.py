# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When to try again what failed: pauses that double, until time is up. The caller decides whether to."""

from __future__ import annotations

import random
import time
from collections.abc import Callable


class Retry:
    """The attempts at one thing. Times in seconds."""

    def __init__(
        self,
        timeout: float,
        *,
        first: float = 0.5,
        longest: float = 30.0,
        jitter: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``jitter``: by which share a pause varies, so that many clients do not come at once."""
        self._clock, self._longest, self._jitter = clock, longest, jitter
        self._began = clock()
        self._until = self._began + timeout
        self._next = first

    def within(self, seconds: float) -> None:
        """Gives up earlier: so many seconds from now, if that is before the end."""
        self._until = min(self._until, self._clock() + seconds)

    def pause(self, wanted: float | None = None, patience: float | None = None) -> float | None:
        """How long to wait before the next attempt; None where it would come too late.

        ``wanted`` is what the server asks for. ``patience``: seconds since the first attempt, for this failure alone.
        """
        delay = self._next * random.uniform(1 - self._jitter, 1 + self._jitter) if wanted is None else wanted
        self._next = min(self._next * 2, self._longest)
        until = self._until if patience is None else self._began + patience
        return None if self._clock() + delay > until else delay
