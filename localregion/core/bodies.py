"""Bodies of requests: JSON that can be kept and answered again, from whoever sends them."""

from __future__ import annotations

import json
import math
from typing import Any

from localregion.core.errors import ServiceError

MAX_DEPTH = 64
"""Levels of lists and objects; no model of the API has a tenth of it."""
_MAX_INTEGER = 2**63


def parse(content: bytes | str) -> Any:
    """The value of a body. Raises 400 CannotParseRequest for what is not JSON, or cannot be kept: NaN and
    infinite numbers, integers of more than 64 bits, halves of surrogate pairs, levels without end."""
    try:
        value = json.loads(content, parse_constant=_no_number)
        _check(value)
    except (ValueError, RecursionError):
        raise ServiceError(400, "CannotParseRequest", "The request's body is not JSON.") from None
    return value


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _check(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item
                below += item.values()
            elif isinstance(item, list):
                below += item
            elif isinstance(item, str):
                item.encode()
            elif isinstance(item, float) and not math.isfinite(item):
                raise ValueError("not finite")
            elif isinstance(item, int) and not -_MAX_INTEGER <= item < _MAX_INTEGER:
                raise ValueError("too large")
        if not below:
            return
        level = below
    raise ValueError("too deep")
