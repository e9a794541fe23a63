# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operations on DB systems have in common: the DB system they are for, and their work requests."""

from __future__ import annotations

from collections.abc import Sequence

from localregion.core.store import Record
from localregion.services.base import Service
from localregion.services.checks import in_state
from localregion.services.resources import Call
from localregion.services.work_requests import WorkRequest


def db_system(service: Service, call: Call, *states: str) -> Record:
    """The DB system of a call, in one of these states. Raises 404 or 409."""
    return in_state(service.get("db_system", call.path["db_system_id"]), *states, kind="DB System")


def begun(service: Service, kind: str, resources: Sequence[tuple[str, str, Record | str]]) -> WorkRequest:
    """A work request that is under way from the start."""
    request = service.work_request(kind, resources)
    request.begin()
    request.progress(5, "The request is being carried out")
    return request
