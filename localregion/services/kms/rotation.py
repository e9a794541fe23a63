# SPDX-License-Identifier: GPL-3.0-or-later
"""The automatic rotation of keys: what a key's document says of it. Pure but for the clock."""

from __future__ import annotations

import datetime as dt

from localregion.core.clock import Clock
from localregion.core.errors import ServiceError, invalid
from localregion.core.store import Document, Record
from localregion.services.schedule import parse_time


def may_not_be_null(field: str) -> ServiceError:
    """The service's error for a field that a body lacks."""
    return invalid(f"{field} may not be null")


def day(when: dt.datetime) -> dt.datetime:
    """The beginning of a time's day: schedules of rotation go by days."""
    return when.replace(hour=0, minute=0, second=0, microsecond=0)


def rotation(clock: Clock, vault: Record, body: Document, old: Document) -> Document:
    """The fields of a key's automatic rotation after a create or an update. Raises 400."""
    enabled = body.get("isAutoRotationEnabled", old.get("isAutoRotationEnabled", False))
    given = body.get("autoKeyRotationDetails") or {}
    if not enabled:
        if given:
            raise invalid("autoKeyRotationDetails requires isAutoRotationEnabled")
        return {"isAutoRotationEnabled": False, "autoKeyRotationDetails": None}
    if vault.doc["vaultType"] != "VIRTUAL_PRIVATE":
        raise invalid("Automatic key rotation is supported in virtual private vaults only")
    details = (old.get("autoKeyRotationDetails") or {}) | given
    days = details.get("rotationIntervalInDays")
    if days is None:
        raise may_not_be_null("autoKeyRotationDetails.rotationIntervalInDays")
    if not 60 <= days <= 365:
        raise invalid(f"rotationIntervalInDays must be between 60 and 365: {days}")
    today = day(clock.now())
    start = today
    if details.get("timeOfScheduleStart"):
        start = day(parse_time(details["timeOfScheduleStart"], "timeOfScheduleStart").astimezone(dt.UTC))
    # The next one by the interval that is still to come: a schedule may have begun long ago.
    passed = max(0, (today - start).days // days)
    details |= {
        "timeOfScheduleStart": clock.timestamp(start),
        "timeOfNextRotation": clock.timestamp(start + dt.timedelta(days=(passed + 1) * days)),
    }
    return {"isAutoRotationEnabled": True, "autoKeyRotationDetails": details}
