# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task asks of one resource, and what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from dataclasses import field as _field
from datetime import UTC, datetime, timedelta

from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, time_of
from ansible_collections.okestack.oci.plugins.module_utils.plan import Plan


@dataclass(frozen=True)
class Wish:
    """What a task asks of one resource. Times in seconds."""

    state: str = "present"
    id: str | None = None
    fields: Document = _field(default_factory=dict)
    extra: Document = _field(default_factory=dict)  # the type's options that are not fields
    purge_tags: bool = False
    allow_replace: bool = False
    wait: bool = True
    wait_timeout: float = 1200.0
    wait_interval: float = 10.0
    deletion_days: int | None = None
    time_of_deletion: str | None = None  # a date, or a date and time, of ISO 8601


@dataclass(frozen=True)
class Outcome:
    """What came of it: the resource as it is now (or would be), and the plan that was followed."""

    plan: Plan
    resource: Document | None
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()  # of a plan only: the writes that would be made, in order


def time_of_deletion(
    bounds: tuple[int, int], days: int | None = None, date: str | None = None, now: float | None = None
) -> str:
    """When a deletion is set to come, as RFC 3339: some days ahead, at a date, or as late as can be.

    A date without a time is its beginning, a time without a zone is UTC. ``now``: seconds since the epoch. Raises
    ResourceError where it is outside of the days that the service takes.
    """
    first, last = bounds
    today = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    if days is not None and date is not None:
        raise ResourceError("deletion_days, time_of_deletion: give one of them")
    if date is not None:
        try:
            when = time_of(date)
        except ValueError:
            raise ResourceError(f"time_of_deletion: {date!r} is not a date of ISO 8601, like 2027-01-31") from None
        earliest, latest = today + timedelta(days=first), today + timedelta(days=last)
        if not earliest <= when <= latest:
            raise ResourceError(
                f"time_of_deletion: {date} is outside of {first} to {last} days from now: "
                f"{earliest:%Y-%m-%dT%H:%M}Z to {latest:%Y-%m-%dT%H:%M}Z"
            )
    else:
        days = last if days is None else days
        if not first <= days <= last:
            raise ResourceError(f"deletion_days: {days} is outside of {first} to {last}")
        # The service measures from when it gets the request: a minute from either end allows for the way there.
        when = today + timedelta(days=days, minutes=-1 if days == last else 1)
    return when.strftime("%Y-%m-%dT%H:%M:%S.000Z")
