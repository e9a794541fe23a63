# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a token (a JWT) says about itself, unverified. Knows neither who made it nor who takes it."""

from __future__ import annotations

import base64
import json
import time
from typing import Any


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token; empty where it is not a JWT."""
    try:
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def end_of(token: str) -> float | None:
    """When a token ends, in seconds since the epoch; None where it does not say."""
    end = claims_of(token).get("exp")
    return float(end) if isinstance(end, (int, float)) and not isinstance(end, bool) and 0 < end < 1e11 else None


def has_ended(token: str) -> bool:
    """Whether a token says that it has ended, by this machine's clock."""
    end = end_of(token)
    return end is not None and end <= time.time()


def time_text(seconds: float) -> str:
    """A time since the epoch as people read it, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))
