"""The region's time: real for dates, scaled for life cycles."""

from __future__ import annotations

import asyncio
import datetime as dt
import time


class Clock:
    """Real dates, and cloud minutes that last `minute` seconds (0: nothing takes time)."""

    def __init__(self, minute: float = 1.0) -> None:
        self.minute = minute

    def now(self) -> dt.datetime:
        """The time now, in UTC."""
        return dt.datetime.now(dt.UTC)

    def timestamp(self, when: dt.datetime | None = None) -> str:
        """A time as the API writes it: RFC 3339 with milliseconds."""
        when = when or self.now()
        return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"

    def timestamp_before(self, seconds: float) -> str:
        """The time so many seconds ago, as the API writes it."""
        return self.timestamp(self.now() - dt.timedelta(seconds=seconds))

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def seconds(self, minutes: float) -> float:
        """How many real seconds so many cloud minutes last."""
        return minutes * self.minute

    def due(self, minutes: float) -> float:
        """The epoch second at which so many cloud minutes from now have passed."""
        return time.time() + self.seconds(minutes)

    async def sleep(self, minutes: float) -> None:
        """Wait for cloud minutes."""
        await asyncio.sleep(self.seconds(minutes))

    async def sleep_until(self, due: float) -> None:
        """Wait until an epoch second; always yields once."""
        await asyncio.sleep(max(0.0, due - time.time()))
