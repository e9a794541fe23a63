# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletions that are scheduled days ahead (vaults, keys, secrets, their versions, backups) and may be cancelled until
then.

The dates are real ones, not scaled: at a cloud minute a second the region would lose a vault in under three hours.
"""

from __future__ import annotations

import asyncio
import datetime as dt

from localregion.core.errors import invalid
from localregion.core.store import Document, Record
from localregion.services.base import Service
from localregion.services.registration import step
from localregion.services.transitions import Also
from localregion.services.work_requests import WorkRequest

__all__ = ["DeletesLater", "parse_time"]

_LOOK = 30.0
"""Seconds between looks for what is due."""


class DeletesLater(Service):
    """A service some of whose records carry a date of deletion (private `delete_at`, seconds since the epoch)."""

    async def resume(self) -> None:
        """Take up changes of state, and look for what is due from now on."""
        await super().resume()
        self.region.tasks.spawn(self._reap(), f"{self.name} scheduled deletions")

    async def _reap(self) -> None:
        while True:
            for due in (self.delete_due, self.do_due):
                try:
                    await due()
                except Exception:
                    self.log.exception("what %s does by date; tried again", self.name)
            await asyncio.sleep(_LOOK)

    async def do_due(self) -> None:
        """What else a service does when its time has come. Nothing, unless it says more."""

    async def delete_due(self) -> None:
        """Delete what is due now."""
        now = self.clock.time()
        for kind in self.kinds:
            for record in self.living(kind.name):
                if (when := record.private.get("delete_at")) and when <= now:
                    try:
                        await self.expire(record)
                    except Exception:
                        self.log.exception("scheduled deletion of %s", record.id)

    async def expire(self, record: Record) -> None:
        """The date of a record has come. Extend it where more than the record goes."""
        self.retire(record)

    def schedule(self, record: Record, when: str | None) -> Record:
        """Set `timeOfDeletion` (None: take it away again)."""
        due = parse_time(when, "timeOfDeletion").timestamp() if when else None
        return self.update(record, {"timeOfDeletion": when}, private={"delete_at": due})

    def keep(self, record: Record, after: float, state: str, *, also: Also | None = None) -> Record:
        """Cancel a deletion: after so many cloud minutes the record is in `state` again. `also` replaces what is done
        then, and has to call `unschedule`."""
        return self.transition(record, after, state, via="CANCELLING_DELETION", also=also or self._kept)

    @step
    async def _kept(self, record: Record, request: WorkRequest | None) -> Document:
        return self.unschedule(record)

    def unschedule(self, record: Record) -> Document:
        """Forget the date of a record's deletion; the change of its document."""
        self.update(record, {}, private={"delete_at": None})
        return {"timeOfDeletion": None}

    def deletion_time(self, given: str | None, least: int, most: int = 30) -> str:
        """When to delete, as a timestamp: what the request says, or `most` days from now.

        Raises 400 unless it is between `least` and `most` days from when the request is received.
        """
        now = self.clock.now()
        if given is None:
            return self.clock.timestamp(now + dt.timedelta(days=most))
        when = parse_time(given, "timeOfDeletion")
        if not now + dt.timedelta(days=least) <= when <= now + dt.timedelta(days=most):
            raise invalid(f"timeOfDeletion must be between {least} and {most} days from now: {given}")
        return self.clock.timestamp(when.astimezone(dt.UTC))


def parse_time(value: str, field: str) -> dt.datetime:
    """An RFC 3339 time, in UTC. Raises 400."""
    try:
        when = dt.datetime.fromisoformat(value)
    except ValueError:
        raise invalid(f"{field} is not an RFC 3339 timestamp: '{value}'") from None
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)
