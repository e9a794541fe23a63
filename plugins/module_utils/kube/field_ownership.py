# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an object is what is declared, judged from the object alone: by the fields that the server records as
applied by us (`metadata.managedFields`, format FieldsV1). Pure functions.

What is not plainly so is left to the server's dry run, so a wrong "no" costs a request and a wrong "yes" must not be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

CLIENT_SIDE = "kubectl-client-side-apply"
"""Field manager of `kubectl apply` without `--server-side`."""

Fields = Mapping[str, Any]
"""A set of fields, in the format FieldsV1."""

_IDENTITY = ("apiVersion", "kind")
_NAMES = ("name", "namespace")


def applied(live: Mapping[str, Any], manager: str) -> Mapping[str, Any] | None:
    """The record of the manager's last apply; None where there was none."""
    for row in (live.get("metadata") or {}).get("managedFields") or ():
        if row.get("manager") == manager and row.get("operation") == "Apply" and not row.get("subresource"):
            found: Mapping[str, Any] = row
            return found
    return None


def is_applied(manifest: Mapping[str, Any], live: Mapping[str, Any], manager: str) -> bool:
    """Whether an apply of the manifest would change nothing: the manager's fields are exactly those that are declared,
    and they hold what is declared."""
    record = applied(live, manager)
    if record is None or record.get("apiVersion") != manifest.get("apiVersion"):
        return False
    declared = {key: value for key, value in manifest.items() if key not in _IDENTITY}
    metadata = {key: value for key, value in (manifest.get("metadata") or {}).items() if key not in _NAMES}
    declared.pop("metadata", None)
    if metadata:
        declared["metadata"] = metadata
    return _same(record.get("fieldsV1") or {}, declared, live)


def _same(fields: Mapping[str, Any], declared: Any, live: Any) -> bool:
    if not fields:  # a value, or a list or a map that is managed as a whole
        return type(declared) is type(live) and bool(declared == live)
    owned = {key for key in fields if key != "."}
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        return owned == {f"f:{key}" for key in declared} and all(
            key in live and _same(fields[f"f:{key}"], value, live[key]) for key, value in declared.items()
        )
    if isinstance(declared, list) and isinstance(live, list) and len(owned) == len(declared):
        return all(_member(key, fields[key], declared, live) for key in owned)
    return False


def _member(key: str, fields: Mapping[str, Any], declared: list[Any], live: list[Any]) -> bool:
    """Whether a member of a list that is managed by its members is the declared one: `k:{keys}` or `v:value`."""
    kind, _colon, text = key.partition(":")
    value = json.loads(text)
    if kind == "v":
        return value in declared and value in live
    if kind != "k":
        return False
    # A key with a default (a port's protocol) may be left out of the declaration.
    wanted = [row for row in declared if isinstance(row, Mapping) and {**value, **row} == {**row, **value}]
    there = [row for row in live if isinstance(row, Mapping) and {**row, **value} == row]
    return len(wanted) == len(there) == 1 and _same(fields, wanted[0], there[0])


def has_replicas(live: Mapping[str, Any], manager: str) -> bool:
    """Whether the manager's last apply declared how many replicas there are."""
    fields = (applied(live, manager) or {}).get("fieldsV1") or {}
    return "f:replicas" in (fields.get("f:spec") or {})


# Taking fields over from other managers: what an apply alone does not do, since it only drops its own.


def client_side(row: Mapping[str, Any]) -> Fields | None:
    """The fields that a record holds for kubectl's client-side apply."""
    if row.get("manager") != CLIENT_SIDE or row.get("operation") != "Update" or row.get("subresource"):
        return None
    found: Fields = row.get("fieldsV1") or {}
    return found


def below(path: str) -> Callable[[Mapping[str, Any]], Fields | None]:
    """Of a record the fields of a list, by its path as in an API server's message (`spec.ports[1].name`)."""
    keys = [f"f:{name}" for name in path.partition("[")[0].split(".") if name]

    def pick(row: Mapping[str, Any]) -> Fields | None:
        fields = row.get("fieldsV1") or {}
        for key in keys:
            if row.get("subresource") or key not in fields:
                return None
            fields = fields[key]
        for key in reversed(keys):
            fields = {key: fields}
        return fields

    return pick


def taken_over(
    live: Mapping[str, Any], manager: str, api_version: str, pick: Callable[[Mapping[str, Any]], Fields | None]
) -> list[dict[str, Any]] | None:
    """An object's managedFields where the picked fields of others are the manager's own, as if it had applied them: an
    apply that does not declare them then removes them. None where there are none."""
    own = applied(live, manager)
    record = dict(
        own or {"manager": manager, "operation": "Apply", "apiVersion": api_version, "fieldsType": "FieldsV1"}
    )
    rows, found = [], False
    for row in (live.get("metadata") or {}).get("managedFields") or ():
        if row is own:
            continue
        fields = pick(row)
        if fields is None:
            rows.append(row)
            continue
        found = True
        record["fieldsV1"] = union(record["fieldsV1"], fields) if record.get("fieldsV1") else fields
        left = minus(row.get("fieldsV1") or {}, fields)
        if left:
            rows.append({**row, "fieldsV1": left})
    return [record, *rows] if found else None


def union(one: Fields, other: Fields) -> dict[str, Any]:
    """Fields of either."""
    if not one or not other:  # a leaf is compared as it is
        return {**one, **other, ".": {}} if one or other else {}
    return {**one, **other, **{key: union(one[key], other[key]) for key in one if key in other and key != "."}}


def minus(one: Fields, other: Fields) -> dict[str, Any]:
    """Fields of the first that are not in the second; {} where nothing is left."""
    left: dict[str, Any] = {}
    for key, inner in one.items():
        if key not in other:
            left[key] = inner
        elif key != ".":
            mine, yours = inner or {".": {}}, other[key] or {".": {}}
            rest = minus(mine, yours)
            if rest:
                left[key] = {} if rest == {".": {}} else rest
    return left


def without(value: Any, fields: Fields) -> Any:
    """A value without the given fields: what is left when their only manager gives them up."""
    if not fields or set(fields) == {"."}:
        return None
    if isinstance(value, Mapping):
        made = dict(value)
        for key, inner in fields.items():
            name = key[2:]
            if key.startswith("f:") and name in made:
                made[name] = without(made[name], inner)
                if made[name] is None or (made[name] in ({}, []) and "." in inner):
                    del made[name]
        return made
    if isinstance(value, list):
        rows = []
        for row in value:
            for key, inner in fields.items():
                kind, _colon, text = key.partition(":")
                if kind == "v" and json.loads(text) == row:
                    row = None
                elif kind == "k" and isinstance(row, Mapping) and {**row, **json.loads(text)} == row:
                    row = None if "." in inner or not inner else without(row, inner)
            if row is not None:
                rows.append(row)
        return rows
    return value
