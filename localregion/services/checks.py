# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that operations of several services make alike."""

from __future__ import annotations

from localregion.core.errors import incorrect_state
from localregion.core.store import Record


def in_state(record: Record, *states: str, kind: str = "") -> Record:
    """The record, if it is in one of these states. `kind`: its name in messages. Raises 409."""
    if record.state not in states:
        name = kind or record.kind.replace("_", " ").capitalize()
        raise incorrect_state(f"{name} {record.id} is in state {record.state}, not {' or '.join(states)}")
    return record
