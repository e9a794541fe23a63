# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an object is what is declared, told from the object alone: by the fields that the server keeps a record of as
applied by us (`metadata.managedFields`, format FieldsV1). Pure functions.

What is not plainly so is left to the server's dry run, so a wrong "no" costs a request and a wrong "yes" must not be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_IDENTITY = ("apiVersion", "kind")
_NAMES = ("name", "namespace")


def applied(live: Mapping[str, Any], manager: str) -> Mapping[str, Any] | None:
    """The record of the manager's last apply; None where there was none."""
    for row in (live.get("metadata") or {}).get("managedFields") or ():
        if row.get("manager") == manager and row.get("operation") == "Apply" and not row.get("subresource"):
            found: Mapping[str, Any] = row
            return found
    return None


def stands(manifest: Mapping[str, Any], live: Mapping[str, Any], manager: str) -> bool:
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
