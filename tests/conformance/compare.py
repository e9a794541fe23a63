"""Recorded answers of the cloud against the region's: status, code, names of headers, keys, and the forms of values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

HEADERS = ("etag", "opc-work-request-id", "opc-next-page", "retry-after", "x-rate-limit-limit")
"""The headers that clients act on. Of each the region has what the record has, and no more."""

WORDS = frozenset({"lifecycleState", "status", "code", "actionType", "entityType", "operationType", "type", "kind"})
"""Fields whose very value is compared; of others the form."""

_OCID = re.compile(r"ocid1\.[a-z0-9]+\.[a-z0-9]*\.[a-z0-9<>-]*(?:\.[a-z0-9<>-]+)*(?: part>)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_SHAPES = (
    ("an address", re.compile(r"\d+\.\d+\.\d+\.\d+")),
    ("a CIDR", re.compile(r"\d+\.\d+\.\d+\.\d+/\d+")),
    ("an availability domain", re.compile(r"\w{4}:[A-Z0-9-]+-AD-\d")),
    ("a MAC address", re.compile(r"([0-9A-F]{2}:){5}[0-9A-F]{2}")),
    ("an https URL", re.compile(r"https://.+")),
    ("an empty text", re.compile("")),
)


def differences(recorded: Mapping[str, Any], answer: Any, *, newer: frozenset[str] = frozenset()) -> set[str]:
    """What of an answer (a `requests.Response`) is not as recorded. ``newer``: keys that the API has had since."""
    found = set()
    if isinstance(recorded["status"], int) and answer.status_code != recorded["status"]:
        found.add(f"status {answer.status_code}, not {recorded['status']}")
    if "headers" in recorded:
        for name in HEADERS:
            if (name in recorded["headers"]) != (name in answer.headers):
                found.add(f"header {name} {'more' if name in answer.headers else 'missing'}")
            elif form(recorded["headers"].get(name)) != form(answer.headers.get(name)) and name != "etag":
                found.add(f"header {name}: {form(answer.headers.get(name))}")
    body = answer.json() if answer.content else None
    return found | set(_compare("", recorded.get("body"), body, newer))


def _compare(where: str, recorded: Any, actual: Any, newer: frozenset[str]) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(actual, dict):
        if where.rpartition(".")[2] in ("definedTags", "freeformTags", "systemTags"):
            return
        for key in recorded:
            place = f"{where}.{key}".lstrip(".")
            if key not in actual:
                yield f"{place} is missing"
            else:
                yield from _compare(place, recorded[key], actual[key], newer)
        for key in sorted(set(actual) - set(recorded)):
            if (place := f"{where}.{key}".lstrip(".")) not in newer:
                yield f"{place} is more"
        return
    if isinstance(recorded, list) and isinstance(actual, list):
        if bool(recorded) != bool(actual):
            yield f"{where} is {'empty' if recorded else 'not empty'}"
        for one, other in zip(recorded, actual, strict=False):
            yield from _compare(f"{where}[]", one, other, newer)
        return
    key = where.rpartition(".")[2]
    if key in WORDS and isinstance(recorded, str):
        if recorded != actual:
            yield f"{where} is {actual}, not {recorded}"
    elif key == "message":
        if without_ids(recorded) != without_ids(str(actual)):
            yield f"message: {without_ids(str(actual))}"
    elif form(recorded) != form(actual):
        yield f"{where} is {form(actual)}"


def form(value: Any) -> str:
    """What kind of value it is; of OCIDs the type, the number of parts, whether a region is named, the beginning and
    length of the unique part."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    if value.startswith("ocid1."):
        _, kind, _, region, *inner, unique = value.split(".")
        kind = "compartment" if kind == "tenancy" else kind  # the root one
        length = 60 if "<" in unique else len(unique)
        placed = "in a region" if region else "everywhere"
        return f"an OCID of {kind} {placed}, {5 + len(inner)} parts, {_start(kind, unique)} and {length} letters"
    if match := _TIME.fullmatch(value):
        return f"a time with {'milliseconds' if match[1] else 'seconds'}"
    return next((name for name, shape in _SHAPES if shape.fullmatch(value)), "a text")


def _start(kind: str, unique: str) -> str:
    """How a unique part begins. Of VNICs the middle of it is the region's; a VCN's had no letters of the tenancy in
    2018, and has them now (oke-10)."""
    if kind == "vcn":
        return unique[0]
    return re.sub(r"^ab(?!aaaaaa)[a-z]{3}ljr", "ab...ljr", unique[:8])


def without_ids(text: str) -> str:
    """A message without what differs each time."""
    return _OCID.sub(lambda match: f"<{match[0].split('.')[1]}>", text)
