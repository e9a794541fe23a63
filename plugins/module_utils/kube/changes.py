# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to happen to objects, and how people are shown it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .client import FIELD_MANAGER, Resource
from .field_ownership import Fields, applied
from .objects import Item, Key, changed_parts, masked, settled


@dataclass
class Change:
    """What is to happen to one object."""

    action: str
    """create, update, replace, delete or none."""
    key: Key
    item: Item | None = None
    resource: Resource | None = None
    """None while the kind is not there."""
    live: Mapping[str, Any] | None = None
    before: Any = field(default_factory=dict)
    after: Any = field(default_factory=dict)
    note: str = ""
    replicas: int | None = None
    """How many there are, where that is an autoscaler's from now on: a field left out would go back to one."""
    take: Callable[[Mapping[str, Any]], Fields | None] | None = None
    """Which fields of other managers become ours before the write, so that those not declared go."""

    def summary(self) -> dict[str, Any]:
        """For the result: who and what, no content."""
        shown: dict[str, Any] = {
            "action": self.action,
            "api_version": self.key.api_version,
            "kind": self.key.kind,
            "namespace": self.key.namespace,
            "name": self.key.name,
        }
        if self.note:
            shown["note"] = self.note
        return shown


@dataclass
class Options:
    """How a set is brought about."""

    namespace: str | None = None
    """For namespaced objects that name none."""
    owner: str | None = None
    """Value of the owner label that every object gets; what pruning goes by."""
    prune: bool = False
    force: bool = True
    """Take fields back that other managers set to other values."""
    allow_replace: bool = False
    check_mode: bool = False
    wait: bool = True
    timeout: float = 600.0
    interval: float = 10.0
    conditions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """For kinds whose readiness we do not know, by kind: `{"ExternalSecret": ["Ready"]}`."""
    create_namespaces: bool = False
    """Make the namespaces that objects are put into; one that is there is left as it is, and never deleted."""
    delete_finished_pods: bool = False
    webhook_timeout: float = 90.0
    """Seconds for which a write is repeated that an admission webhook's server did not answer."""


def creation(item: Item, resource: Resource | None, note: str = "", live: Mapping[str, Any] | None = None) -> Change:
    """An object to be made."""
    _before, after = masked({}, item.manifest)
    return Change("create", item.key, item, resource, live, {}, after, note)


def compared(
    item: Item, resource: Resource, live: Mapping[str, Any] | None, dry: Mapping[str, Any], after: Mapping[str, Any]
) -> Change:
    """What an apply does to an object, by the server's dry run."""
    if live is None:
        return creation(item, resource)
    if settled(live) != after:
        return difference("update", item, resource, live, after, "")
    if _own_fields(live) != _own_fields(dry):
        # The values are right, but who manages them is not: without this write they would not be ours to remove.
        note = "fields become managed by " + FIELD_MANAGER
        return Change("update", item.key, item, resource, live, {}, {}, note)
    return Change("none", item.key, item, resource, live)


def difference(
    action: str, item: Item, resource: Resource, live: Mapping[str, Any], after: Mapping[str, Any], note: str
) -> Change:
    """A change with the parts that differ."""
    parts = changed_parts(*masked(settled(live), after)) or ({}, {})
    return Change(action, item.key, item, resource, live, parts[0], parts[1], note)


def deletion(key: Key, resource: Resource, live: Mapping[str, Any]) -> Change:
    """An object to be deleted."""
    what = {"apiVersion": key.api_version, "kind": key.kind, "metadata": {"name": key.name}}
    if key.namespace:
        what["metadata"] = {"namespace": key.namespace, "name": key.name}
    return Change("delete", key, None, resource, live, what, {})


def _own_fields(live: Mapping[str, Any]) -> Any:
    """The fields that we manage of an object by apply; None where we never applied it."""
    return (applied(live, FIELD_MANAGER) or {}).get("fieldsV1")


def diff_of(changes: Sequence[Change]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Before and after of all changes, by object; only what changes."""
    before, after = {}, {}
    for change in changes:
        if change.action == "none":
            continue
        name = str(change.key)
        if change.before:
            before[name] = change.before
        if change.after:
            after[name] = change.after
        elif change.note and change.action != "delete":
            after[name] = f"({change.note})"
    return before, after
