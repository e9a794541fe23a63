# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletes objects: those that are declared absent, and those of an owner that are not declared any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import ApiError, KubeError, UnknownKind
from ansible_collections.okestack.oci.plugins.module_utils.model import OWNER_LABEL
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side

from .changes import Change, Options, deletion
from .client import FIELD_MANAGER, Client, Resource
from .field_ownership import applied
from .objects import Item, Key, key_of, owner_of, rank, rows_of
from .wait import Target, Waiter, definition

_NEVER_PRUNED = ("Namespace", "CustomResourceDefinition", "PersistentVolume", "PersistentVolumeClaim", "Event")
"""What holds more than was declared, so that objects and data of others go with it; and what nobody declares."""


class Remover:
    """Deletes in one cluster. Without a client (a cluster that is only planned) there is nothing to delete."""

    def __init__(
        self,
        client: Client | None,
        options: Options,
        report: Callable[[str], None],
        warn: Callable[[str], None],
        unknown: Callable[[Any], bool],
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """:param unknown: whether a value holds a placeholder of something that is only planned."""
        self.client, self.options = client, options
        self.report, self.warn = report, warn
        self.unknown, self.sleep = unknown, sleep

    def absent(self, items: Sequence[Item]) -> list[Change]:
        """Delete what is there, the last of the order first, and wait until it is gone."""
        placed = self._placed_for_absence(items)
        if self.client is None:
            return []
        client = self.client

        def look(pair: tuple[Item, Resource]) -> Change:
            item, resource = pair
            live = client.get(resource, item.key.namespace, item.key.name)
            if live is None:
                return Change("none", item.key, None, resource)
            owner = owner_of(live)
            if self.options.owner and owner and owner != self.options.owner:
                return self._left(Change("none", item.key, None, resource), f"it belongs to {owner}")
            return deletion(item.key, resource, live)

        changes = side_by_side(look, placed, KubeError) if placed else []
        if self.options.prune:
            seen = {change.key for change in changes}
            changes += [change for change in self.to_prune([], shares=False) if change.key not in seen]
        self._spare_definitions(client, changes)
        if not self.options.check_mode:
            self.delete([change for change in changes if change.action == "delete"])
        return changes

    def to_prune(self, keep: Sequence[Key], shares: bool = True) -> list[Change]:
        """Objects with our owner label, applied by us, that are not declared any more - of any kind but a few.

        :param shares: whether what another task of the run has seen counts, where that is to be had.
        """
        if not self.options.owner:
            raise KubeError("prune needs owner")
        if self.client is None:
            return []
        client = self.client
        kept = {(key.group, key.kind, key.namespace, key.name) for key in keep}

        def not_kept(rows: Iterable[tuple[Resource, dict[str, Any]]]) -> list[Change]:
            found = []
            for resource, row in rows:
                key = key_of(row)
                left = ((row["metadata"].get("annotations") or {}).get("helm.sh/resource-policy")) == "keep"
                ours = owner_of(row) == self.options.owner
                if ours and not left and (key.group, key.kind, key.namespace, key.name) not in kept:
                    found.append(deletion(key, resource, row))
            return found

        earlier = False
        if shares and client.shares:  # of all owners, for the tasks that follow
            (rows, denied), earlier = client.shared("applied", lambda: _applied(client, OWNER_LABEL))
        else:
            rows, denied = _applied(client, f"{OWNER_LABEL}={self.options.owner}")
        found = not_kept(rows)
        if found and earlier and not self.options.check_mode:
            return self.to_prune(keep, shares=False)
        if denied:
            self.warn(f"prune may not list {', '.join(denied)}: what was once applied of these stays")
        return found

    def _left(self, change: Change, why: str) -> Change:
        self.warn(f"{change.key} is left: {why}")
        change.action, change.note, change.before = "none", f"left: {why}", {}
        return change

    def _spare_definitions(self, client: Client, changes: Sequence[Change]) -> None:
        """Leave the definitions of which somebody else has objects: these would go with them."""
        going = {
            (change.key.group, change.key.kind, change.key.namespace, change.key.name)
            for change in changes
            if change.action == "delete"
        }
        namespaces = {name for _group, kind, _namespace, name in going if kind == "Namespace"}

        def look(change: Change) -> None:
            for resource in _defined(change.live or {}):
                for row in client.list(resource, metadata_only=True):
                    key, owner = key_of(row), owner_of(row)
                    ours = owner and owner == self.options.owner
                    leaving = row["metadata"].get("deletionTimestamp") or key.namespace in namespaces
                    if ours or leaving or (key.group, key.kind, key.namespace, key.name) in going:
                        continue
                    self._left(change, f"{key} of {owner or 'somebody else'} is of its kind, and would go with it")
                    return

        definitions = [
            change for change in changes if change.action == "delete" and change.key.kind == "CustomResourceDefinition"
        ]
        if definitions:
            side_by_side(look, definitions, KubeError)

    def _placed_for_absence(self, items: Sequence[Item]) -> list[tuple[Item, Resource]]:
        found = []
        for item in items:
            if self.client is None or self.unknown(item.key.name) or self.unknown(item.key.namespace):
                continue
            try:
                resource = self.client.resource(item.key.api_version, item.key.kind)
            except UnknownKind:
                continue  # no kind, no object
            metadata = item.manifest["metadata"]
            if not resource.namespaced:
                metadata.pop("namespace", None)
            elif not metadata.get("namespace"):
                metadata["namespace"] = self.options.namespace or self.client.connection.namespace
            item.key = key_of(item.manifest)
            found.append((item, resource))
        return found

    def delete(self, changes: Sequence[Change]) -> None:
        """Sends the deletions, the last of the order first, and waits.

        :raises KubeError: in check mode's planned cluster.
        """
        if self.client is None:
            raise KubeError("the cluster is not there: its id is a placeholder of check mode")
        client = self.client
        waiter = Waiter(client, self.report, self.options.timeout, self.options.interval, self.sleep, quiet=2.0)
        for place in sorted({rank(change.key) for change in changes}, reverse=True):
            stage = [change for change in changes if rank(change.key) == place]

            def send(change: Change) -> Target:
                key = change.key
                resource = change.resource or client.resource(key.api_version, key.kind)
                uid = ((change.live or {}).get("metadata") or {}).get("uid")
                if client.delete(resource, key.namespace, key.name, uid):
                    self.report(f"{key}: deleted")
                return Target(resource, key.namespace, key.name, definition)

            targets = side_by_side(send, stage, KubeError)
            if self.options.wait:
                waiter.gone(targets)


def _applied(client: Client, selector: str) -> tuple[list[tuple[Resource, dict[str, Any]]], list[str]]:
    """What we applied, of any kind but a few, and the kinds that may not be listed."""
    denied: list[str] = []

    def find(resource: Resource) -> list[tuple[Resource, dict[str, Any]]]:
        try:
            rows = client.list(resource, label_selector=selector, metadata_only=True)
        except ApiError as error:
            if error.status == 403:
                denied.append(resource.plural)
            if error.status in (403, 404, 405):
                return []
            raise
        # Controllers copy labels (an EndpointSlice has its Service's): ours are those that we applied.
        return [(resource, row) for row in rows if applied(row, FIELD_MANAGER) is not None]

    kinds = [resource for resource in client.all_resources() if resource.kind not in _NEVER_PRUNED]
    found = [row for rows in side_by_side(find, kinds, KubeError) for row in rows]
    return found, sorted(denied)


def _defined(definition: Mapping[str, Any]) -> list[Resource]:
    """Where the objects of a definition are found, in one of its versions: all objects are in each of them."""
    spec = definition.get("spec") or {}
    names = spec.get("names") or {}
    served = [row["name"] for row in rows_of(spec.get("versions")) if row.get("served")]
    group, namespaced = spec.get("group"), spec.get("scope") != "Cluster"
    return [Resource(f"{group}/{name}", names["kind"], names["plural"], namespaced) for name in served[:1]]
