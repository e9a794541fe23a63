"""Recorded answers of the cloud against the region's: status, code, names of headers, keys, and the forms of values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

TRANSPORT = frozenset({"connection", "content-encoding", "content-length", "date", "server", "transfer-encoding"})
"""Headers of the HTTP server and of what is in front of it, not of the service; the records are without them."""

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


def differences(
    recorded: Mapping[str, Any], answer: Any, *, newer: frozenset[str] = frozenset(), whole: bool = True
) -> set[str]:
    """What of an answer (a `requests.Response`) is not as recorded. ``newer``: keys that the API has had since;
    ``whole``: whether the record has all headers of the service, not only those that a report happened to quote."""
    found = set()
    if isinstance(recorded["status"], int) and answer.status_code != recorded["status"]:
        found.add(f"status {answer.status_code}, not {recorded['status']}")
    if "headers" in recorded:
        sent = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in TRANSPORT}
        found |= set(_compare_headers(recorded["headers"], sent, whole=whole))
    body = answer.json() if answer.content else None
    return found | set(_compare("", recorded.get("body"), body, newer))


def _compare_headers(recorded: Mapping[str, str], sent: Mapping[str, str], *, whole: bool) -> Iterator[str]:
    for name in sorted({*recorded, *(sent if whole else ())}):
        if name not in sent:
            yield f"header {name} missing"
        elif name not in recorded:
            yield f"header {name} more"
        elif _header_form(name, recorded[name]) != _header_form(name, sent[name]):
            yield f"header {name}: {_header_form(name, sent[name])}"


def _header_form(name: str, value: str) -> str:
    """What is compared of a header: the type of content, how an etag or a request id is put together, else the form."""
    if name == "content-type":
        return value
    if name == "etag":
        text, _, rest = value.partition("--")
        # Short ones are numbers, some in hexadecimal (net-01, net-03).
        kind = "a number" if len(text) < 10 else f"{len(text)} letters"
        return f"{kind}, then --{rest}" if rest else kind
    if name == "opc-request-id":
        return "/".join(f"{len(part)} letters" for part in value.split("/"))
    return form(value)


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
