"""Lists: which records a call's query asks for, in which order, and one page of them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from localregion.core.errors import invalid, not_implemented
from localregion.core.schema import Model
from localregion.core.store import Record
from localregion.services.resources import Call, Kind, Reply

if TYPE_CHECKING:
    from localregion.services.context import Context

Filters = Mapping[str, Callable[[Record, Any], bool]]
"""What query parameters mean that are not fields."""

_PAGING = frozenset({"limit", "page", "sort_by", "sort_order"})
_SCOPE = frozenset({"compartment_id"})


def filters(kind: Kind, model: Model, call: Call, own: Filters) -> list[Callable[[Record], bool]]:
    """The conditions of a call's query: a parameter compares with the field of its name, unless `own` says what it
    means. Raises 501 for one that fits neither."""
    by_python = {"name": kind.name_field} | {f.name: wire for wire, f in model.fields.items()}
    tests: list[Callable[[Record], bool]] = []
    for name, value in call.query.items():
        if name in own:
            tests.append(lambda record, test=own[name], value=value: test(record, value))  # type: ignore[misc]
        elif name in _PAGING or name in _SCOPE:
            continue
        elif (wire := by_python.get(name)) is not None:
            wanted = {_plain(item) for item in (value if isinstance(value, list) else [value])}
            tests.append(lambda record, wire=wire, wanted=wanted: _plain(record.doc.get(wire)) in wanted)  # type: ignore[misc]
        else:
            raise not_implemented(f"the parameter {name} of {call.operation.full_name}")
    return tests


def in_order(call: Call, records: Sequence[Record]) -> list[Record]:
    """The records as a call wants them sorted: the newest first, unless it says otherwise."""
    by_name = call.query.get("sort_by", "").replace("_", "").upper() in ("DISPLAYNAME", "NAME")
    descending = call.query.get("sort_order", "ASC" if by_name else "DESC") == "DESC"
    key: Callable[[Record], Any] = (lambda record: record.name.lower()) if by_name else (lambda record: record.seq)
    return sorted(records, key=key, reverse=descending)


def page(call: Call, items: Iterable[Any], extra: Mapping[str, Any] | None = None) -> Reply:
    """One page of a list of documents, in the operation's form: a plain list, or a collection with `items`."""
    everything = list(items)
    limit = call.query.get("limit", 100)
    if not 1 <= limit <= 1000:
        raise invalid("limit must be between 1 and 1000")
    start = _page_start(call)
    headers = {}
    if start + limit < len(everything):
        headers["opc-next-page"] = _page_token(call, start + limit)
    shown = everything[start : start + limit]
    if (call.operation.response or "").startswith("list["):
        return Reply(200, shown, headers)
    return Reply(200, {"items": shown, **(extra or {})}, headers)


def _plain(value: Any) -> Any:
    """A value comparable with a query parameter: booleans and numbers as they are written there."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None else str(value)


def _page_key(call: Call) -> str:
    scope = {name: value for name, value in call.query.items() if name not in ("page", "limit")}
    text = json.dumps([call.operation.full_name, call.path, scope], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _page_token(call: Call, start: int) -> str:
    return base64.urlsafe_b64encode(f"{start}:{_page_key(call)}".encode()).decode().rstrip("=")


def _page_start(call: Call) -> int:
    token = call.query.get("page")
    if not token:
        return 0
    try:
        start, key = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().split(":")
        if key == _page_key(call):
            return int(start)
    except ValueError:
        pass
    raise invalid("The page token is not of this list.")


def in_subtree(region: Context, call: Call, parameter: str) -> dict[str, Callable[[Record, Any], bool]]:
    """Filters of a list that can look below a compartment; `parameter` is the query's word for it."""
    below = call.query.get(parameter) is True

    def within(record: Record, compartment: str) -> bool:
        if not below:
            return record.compartment == compartment
        return compartment in region.ancestry(record.compartment or "")

    return {"compartment_id": within, parameter: lambda record, value: True}
