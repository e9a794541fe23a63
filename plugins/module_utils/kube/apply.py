# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a set of objects to what is declared, by server-side apply; say before what would change, by its dry run.

Every object is read first, all side by side, and applied in a dry run where it is not plainly what is declared: what
the server would refuse is found, all of it, before the first write, and what would not change is not written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import ApiError, KubeError, UnknownKind
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side

from .client import FIELD_MANAGER, WELL_KNOWN, Client, Resource
from .field_ownership import Fields, applied, below, client_side, minus, stands, taken_over, without
from .objects import (
    OWNER_LABEL,
    Item,
    Key,
    changed_parts,
    holds,
    key_of,
    overlaid,
    owner_of,
    rank,
    rows_of,
    settled,
    stages,
    veiled,
)
from .wait import Predicate, Target, Waiter, definition, predicate_for

_CANNOT_CHANGE = (
    "immutable",
    "updates to statefulset spec for fields",
    "cannot change roleRef",
    "may not change fields other than",
    "may not change once set",
)


_NEVER_PRUNED = ("Namespace", "CustomResourceDefinition", "PersistentVolume", "PersistentVolumeClaim", "Event")
"""What holds more than was declared, so that objects and data of others go with it; and what nobody declares."""


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
    take: Callable[[Mapping[str, Any]], Fields | None] | None = None
    """Which fields of other managers become ours before the write, so that those not declared go."""

    def summary(self) -> dict[str, Any]:
        """For the result: who and what, no content."""
        told: dict[str, Any] = {
            "action": self.action,
            "api_version": self.key.api_version,
            "kind": self.key.kind,
            "namespace": self.key.namespace,
            "name": self.key.name,
        }
        if self.note:
            told["note"] = self.note
        return told


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


class Applier:
    """One set of objects and one cluster. Without a client (a cluster that is only planned) everything is a create."""

    def __init__(
        self,
        client: Client | None,
        options: Options,
        report: Callable[[str], None],
        warn: Callable[[str], None] = lambda text: None,
        unknown: Callable[[Any], bool] = lambda value: False,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """
        :param unknown: whether a value holds a placeholder of something that is only planned.
        """
        self.client = client
        self.options = options
        self.report = report
        self.warn = warn
        self.unknown = unknown
        self.sleep = sleep
        self.held: list[str] = []
        """What is told to stand still and was not waited for."""

    @property
    def server(self) -> Client:
        """The client, where there must be one. Raises KubeError in check mode's planned cluster."""
        if self.client is None:
            raise KubeError("the cluster is not there: its id is a placeholder of check mode")
        return self.client

    # Present

    def present(self, items: Sequence[Item]) -> list[Change]:
        """Plan and, unless in check mode, carry it out and wait.

        :raises KubeError: what the server refuses, conflicts, a wait that ends badly.
        """
        changes = self.plan(items)
        if self.options.check_mode:
            return changes
        self._write(changes)
        if self.options.wait:
            self._wait(changes)
        return changes

    def plan(self, items: Sequence[Item]) -> list[Change]:
        """What would change; writes nothing."""
        placed = self._placed(items)
        if self.options.create_namespaces:
            placed = self._missing_namespaces([item for item, _resource in placed]) + placed
        changes = side_by_side(self._plan_one, placed, KubeError) if placed else []
        if self.options.prune:
            changes += self._to_prune([change.key for change in changes])
        return changes

    def _placed(self, items: Sequence[Item]) -> list[tuple[Item, Resource | None]]:
        """Each item with its place in the API, its namespace and owner label filled in."""
        scopes = _scopes(items)
        here = []
        for item in sorted(items, key=lambda one: rank(one.key)):
            key = item.key
            resource: Resource | None = None
            known = WELL_KNOWN.get((key.api_version, key.kind))
            namespaced = known.namespaced if known else scopes.get((key.api_version, key.kind), True)
            if self.client is not None and not self.unknown(key.api_version + key.kind):
                try:
                    resource = self.client.resource(key.api_version, key.kind)
                    namespaced = resource.namespaced
                except UnknownKind as error:
                    if (key.api_version, key.kind) not in scopes:
                        if not self.options.check_mode:
                            raise
                        self.warn(f"{key}: {error} Shown as to be created")
            metadata = item.manifest["metadata"]
            if not namespaced:
                metadata.pop("namespace", None)
            elif not metadata.get("namespace"):
                metadata["namespace"] = self.options.namespace or (
                    self.client.connection.namespace if self.client else "default"
                )
            if self.options.owner:
                metadata["labels"] = {**(metadata.get("labels") or {}), OWNER_LABEL: self.options.owner}
            item.manifest.pop("status", None)
            item.key = key_of(item.manifest)
            here.append((item, resource))
        self._namespaces = {item.key.name for item, _resource in here if item.key.kind == "Namespace"}
        return here

    def _missing_namespaces(self, items: Sequence[Item]) -> list[tuple[Item, Resource | None]]:
        wanted = {item.key.namespace for item in items if item.key.namespace} - self._namespaces
        resource = self.client.resource("v1", "Namespace") if self.client else None
        found: list[tuple[Item, Resource | None]] = []
        for name in sorted(wanted):
            if self.client and resource and not self.unknown(name) and self.client.get(resource, None, name):
                continue
            manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            found.append((Item(manifest, "create_namespaces"), resource))
        self._namespaces |= wanted
        return found

    def _plan_one(self, placed: tuple[Item, Resource | None]) -> Change:
        item, resource = placed
        key = item.key
        if self.client is None or resource is None or self.unknown(key.name) or self.unknown(key.namespace):
            return _create(item, resource, "" if self.client and resource else "planned")
        live = self.client.get(resource, key.namespace, key.name)
        if live is not None and live["metadata"].get("deletionTimestamp"):
            return _create(item, resource, "after the one being deleted", live)
        if live is not None:
            self._look_at_owner(key, live, resource.namespaced)
        change = self._compared(item, resource, live)
        if live is None:
            return change
        if self.options.allow_replace and change.action in ("none", "update") and (failed := failure(key, live)):
            after = overlaid(settled(live), item.manifest)
            change = _differ("replace", item, resource, live, after, f"it {failed}")
        return change

    def _look_at_owner(self, key: Key, live: Mapping[str, Any], namespaced: bool) -> None:
        """:raises KubeError: what there is once in a cluster is another's."""
        owner = owner_of(live)
        if not owner or owner == self.options.owner:
            return
        if namespaced:
            self.warn(f"{key} was applied under owner {owner}: it is taken over")
        else:
            raise KubeError(
                f"{key} belongs to {owner} (label {OWNER_LABEL}) and is there once for the whole cluster: it is not "
                f"taken over. Leave it out of this declaration or give it another name; or have {owner} give it up"
            )

    def _compared(self, item: Item, resource: Resource, live: Mapping[str, Any] | None) -> Change:
        """What an apply would change, by the server's own word."""
        adopted = self.options.force and live is not None and any(map(client_side, _records(live)))
        if live is not None and not adopted and stands(item.manifest, live, FIELD_MANAGER):
            return Change("none", item.key, item, resource, live)
        undone = ""
        try:
            try:
                dry = self._apply(resource, item, dry_run=True, force=False)
            except ApiError as error:
                held = _held(error)
                if not held or not self.options.force:
                    raise
                undone = self._undone(item.key, held)
                dry = self._apply(resource, item, dry_run=True, force=True)
        except ApiError as error:
            return self._refused(error, item, resource, live)
        after = settled(dry)
        if adopted:
            after = _without_client_side(after, dry)
        change = _compare(item, resource, live, dry, after)
        if live is not None and (fixed := fixed_by_balancer(live, after)):
            if not self.options.allow_replace:
                raise KubeError(
                    f"{item.key}: its load balancer cannot change {', '.join(fixed)} in place. Set allow_replace: true "
                    "to have the Service, and with it the load balancer and its address, deleted and made anew"
                )
            change.action, change.note = "replace", "its load balancer cannot change in place"
            return change
        change.note = undone or change.note
        if adopted:
            change.action, change.take = "update", client_side
            change.note = change.note or f"what kubectl apply declared becomes managed by {FIELD_MANAGER}"
        return change

    def _undone(self, key: Key, held: Mapping[str, Sequence[str]]) -> str:
        """Whose changes an apply undoes, in words."""
        for manager, fields in held.items():
            if ".spec.replicas" in fields and not manager.startswith("kubectl"):
                self.warn(
                    f"{key}: {manager} sets spec.replicas, an autoscaler perhaps: leave it out of the declaration, or "
                    "each run sets it back"
                )
        return "undoes " + "; ".join(f"{manager}: {', '.join(fields)}" for manager, fields in held.items())

    def _refused(self, error: ApiError, item: Item, resource: Resource, live: Mapping[str, Any] | None) -> Change:
        """What a refused dry run means."""
        if error.namespace_missing and (item.key.namespace in self._namespaces or self.options.check_mode):
            return _create(item, resource, "in a namespace that is planned")
        conflict = _conflict(error, item.key)
        if conflict:
            raise conflict from None
        if live is not None and error.status == 422 and any(text in error.message for text in _CANNOT_CHANGE):
            if not self.options.allow_replace:
                raise KubeError(
                    f"{item.key} cannot be changed in place: {error}. "
                    "Set allow_replace: true to have it deleted and made anew"
                ) from None
            after = overlaid(settled(live), item.manifest)
            return _differ("replace", item, resource, live, after, "cannot change in place")
        twice = [str(cause.get("field")) for cause in error.causes if cause.get("reason") == "FieldValueDuplicate"]
        if live is not None and twice and self.options.force:
            # Another manager changed what a list's members are told apart by: its member stands beside ours.
            after = overlaid(settled(live), item.manifest)
            change = _differ("update", item, resource, live, after, f"undoes members of others in {twice[0]}")
            change.take = below(twice[0])
            return change
        no_dry_run = error.status == 400 and "dry run" in error.message
        if no_dry_run or (self.options.check_mode and self.unknown(item.manifest)):
            # The server cannot tell: compare with what is declared alone.
            if live is None:
                return _create(item, resource)
            if holds(live, item.manifest):
                return Change("none", item.key, item, resource, live)
            return _differ("update", item, resource, live, overlaid(settled(live), item.manifest), "")
        raise KubeError(f"{item.key} ({item.source}): {error}") from None

    def _apply(self, resource: Resource, item: Item, dry_run: bool, force: bool) -> dict[str, Any]:
        """Apply, patient with admission webhooks and service accounts that are just coming up."""
        client = self.server
        until = time.monotonic() + self.options.webhook_timeout
        delay = 0.5
        said = False
        while True:
            try:
                return client.apply(resource, item.manifest, dry_run=dry_run, force=force)
            except ApiError as error:
                starting = error.webhook_unavailable or (
                    not dry_run and error.status == 403 and "error looking up service account" in error.message
                )
                if not starting or time.monotonic() + delay > until:
                    raise
                if not said:
                    self.report(f"{item.key}: waiting for an admission webhook: {error.message[:200]}")
                    said = True
            self.sleep(delay)
            delay = min(delay * 2, 5.0)

    def _write(self, changes: Sequence[Change]) -> None:
        client = self.server
        wanted = {id(change.item): change for change in changes if change.item and change.action != "none"}
        for stage in stages([change.item for change in wanted.values() if change.item]):
            written = side_by_side(self._write_one, [wanted[id(item)] for item in stage], KubeError)
            definitions = [change for change in written if change.key.kind == "CustomResourceDefinition"]
            if definitions:
                targets = [
                    Target(client.resource(change.key.api_version, change.key.kind), None, change.key.name, definition)
                    for change in definitions
                ]
                self._waiter(client, quiet=3.0).ready(targets)
                client.forget()
        gone = [change for change in changes if change.action == "delete"]
        if gone:
            self._delete(gone)

    def _write_one(self, change: Change) -> Change:
        client, item = self.server, change.item
        if item is None:
            raise ValueError(f"{change.key} is not declared, so there is nothing to write")
        resource = change.resource or client.resource(change.key.api_version, change.key.kind)
        change.resource = resource
        if change.live is not None and change.action in ("create", "replace"):
            if change.action == "replace":
                client.delete(resource, change.key.namespace, change.key.name, change.live["metadata"].get("uid"))
            target = Target(resource, change.key.namespace, change.key.name, definition)
            self._waiter(client, quiet=2.0).gone([target])
        try:
            if change.take and change.action == "update":
                self._take_over(resource, change)
            change.live = self._apply(resource, item, dry_run=False, force=self.options.force)
        except ApiError as error:
            conflict = _conflict(error, change.key)
            if conflict:
                raise conflict from None
            raise KubeError(f"{change.key} ({item.source}): {error}") from None
        self.report(f"{change.key}: {_PAST[change.action]}{f' ({change.note})' if change.note else ''}")
        return change

    def _take_over(self, resource: Resource, change: Change) -> None:
        """Make fields of others ours; the apply that follows removes those that are not declared."""
        key, client = change.key, self.server
        for attempt in range(5):
            live = client.get(resource, key.namespace, key.name)
            rows = change.take and live and taken_over(live, FIELD_MANAGER, key.api_version, change.take)
            if not rows or not live:
                return
            try:
                client.set_managers(resource, key.namespace, key.name, rows, live["metadata"]["resourceVersion"])
                return
            except ApiError as error:
                if error.status != 409 or attempt == 4:  # changed meanwhile: look again
                    raise

    def ready(self, changes: Sequence[Change]) -> bool:
        """Whether all objects were ready when they were last looked at; one just written without a wait is not."""
        if self.options.wait and not self.options.check_mode:
            return not self.held
        for change in changes:
            if change.action == "delete":
                continue
            predicate = self._predicate(change.key)
            if change.action != "none" or (predicate and not predicate(change.live or {}).ready):
                return False
        return True

    def _predicate(self, key: Key) -> Predicate | None:
        return predicate_for(key.api_version, key.kind, self.options.conditions.get(key.kind, ()))

    def _wait(self, changes: Sequence[Change]) -> None:
        targets, of = [], {}
        for change in changes:
            if change.action == "delete" or change.resource is None:
                continue
            predicate = self._predicate(change.key)
            if predicate is None:
                continue
            # What was written is looked at again: its controllers need a moment to say something about it.
            live = change.live if change.action == "none" else None
            target = Target(change.resource, change.key.namespace, change.key.name, predicate, live)
            if change.key.kind in _ONCE:
                target.hint = f". {self._again}"
            targets.append(target)
            of[id(target)] = change
        if not targets:
            return
        self._waiter(self.server).ready(targets)
        for target in targets:
            of[id(target)].live = target.live
            if target.held:
                self.held.append(f"{target}: {target.held}")
            if self.options.delete_finished_pods and target.resource.kind == "Job":
                self._delete_pods(target)

    @property
    def _again(self) -> str:
        if self.options.allow_replace:
            return "The next run makes it anew"
        return "Set allow_replace: true to have it deleted and made anew, or delete it"

    def _delete_pods(self, target: Target) -> None:
        """Pods of a Job that is complete: kept, they go on being billed; the Job stays as the record."""
        client = self.server
        pods = client.resource("v1", "Pod")
        for row in client.list(pods, target.namespace, f"batch.kubernetes.io/job-name={target.name}"):
            if (row.get("status") or {}).get("phase") == "Succeeded":
                client.delete(pods, target.namespace, row["metadata"]["name"])

    # Prune

    def _to_prune(self, keep: Sequence[Key]) -> list[Change]:
        """Objects with our owner label, applied by us, that are not declared any more - of any kind but a few."""
        if not self.options.owner:
            raise KubeError("prune needs owner")
        if self.client is None:
            return []
        client = self.client
        kept = {(key.group, key.kind, key.namespace, key.name) for key in keep}
        denied: list[str] = []

        def find(resource: Resource) -> list[Change]:
            try:
                rows = client.list(resource, label_selector=f"{OWNER_LABEL}={self.options.owner}", metadata_only=True)
            except ApiError as error:
                if error.status == 403:
                    denied.append(resource.plural)
                if error.status in (403, 404, 405):
                    return []
                raise
            gone = []
            for row in rows:
                key = key_of(row)
                # Controllers copy labels (an EndpointSlice has its Service's): ours are those that we applied.
                ours = applied(row, FIELD_MANAGER) is not None
                keep = ((row["metadata"].get("annotations") or {}).get("helm.sh/resource-policy")) == "keep"
                if ours and not keep and (key.group, key.kind, key.namespace, key.name) not in kept:
                    gone.append(_delete_change(key, resource, row))
            return gone

        kinds = [resource for resource in client.all_resources() if resource.kind not in _NEVER_PRUNED]
        found = [change for group in side_by_side(find, kinds, KubeError) for change in group]
        if denied:
            self.warn(f"prune may not list {', '.join(sorted(denied))}: what was once applied of these stays")
        return found

    # Absent

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
            return _delete_change(item.key, resource, live)

        changes = side_by_side(look, placed, KubeError) if placed else []
        if self.options.prune:
            seen = {change.key for change in changes}
            changes += [change for change in self._to_prune([]) if change.key not in seen]
        self._spare_definitions(client, changes)
        if not self.options.check_mode:
            self._delete([change for change in changes if change.action == "delete"])
        return changes

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

    def _delete(self, changes: Sequence[Change]) -> None:
        client = self.server
        waiter = self._waiter(client, quiet=2.0)
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

    def _waiter(self, client: Client, quiet: float = 0.0) -> Waiter:
        return Waiter(client, self.report, self.options.timeout, self.options.interval, self.sleep, quiet=quiet)


_PAST = {"create": "created", "update": "changed", "replace": "replaced"}


def _scopes(items: Sequence[Item]) -> dict[tuple[str, str], bool]:
    """Kinds that definitions of the set itself bring, and whether they are namespaced."""
    found = {}
    for item in items:
        if item.key.kind != "CustomResourceDefinition":
            continue
        spec = item.manifest.get("spec") or {}
        names = spec.get("names")
        kind = names.get("kind") if isinstance(names, Mapping) else None
        for version in rows_of(spec.get("versions")):
            found[(f"{spec.get('group')}/{version.get('name')}", str(kind))] = spec.get("scope") != "Cluster"
    return found


def _defined(definition: Mapping[str, Any]) -> list[Resource]:
    """Where the objects of a definition are found, in one of its versions: all objects are in each of them."""
    spec = definition.get("spec") or {}
    names = spec.get("names") or {}
    served = [row["name"] for row in rows_of(spec.get("versions")) if row.get("served")]
    group, namespaced = spec.get("group"), spec.get("scope") != "Cluster"
    return [Resource(f"{group}/{name}", names["kind"], names["plural"], namespaced) for name in served[:1]]


def _create(item: Item, resource: Resource | None, note: str = "", live: Mapping[str, Any] | None = None) -> Change:
    _before, after = veiled({}, item.manifest)
    return Change("create", item.key, item, resource, live, {}, after, note)


def _compare(
    item: Item, resource: Resource, live: Mapping[str, Any] | None, dry: Mapping[str, Any], after: Mapping[str, Any]
) -> Change:
    if live is None:
        return _create(item, resource)
    if settled(live) != after:
        return _differ("update", item, resource, live, after, "")
    if _own_fields(live) != _own_fields(dry):
        # The values are right, but who manages them is not: without this write they would not be ours to remove.
        note = "fields become managed by " + FIELD_MANAGER
        return Change("update", item.key, item, resource, live, {}, {}, note)
    return Change("none", item.key, item, resource, live)


def _differ(
    action: str, item: Item, resource: Resource, live: Mapping[str, Any], after: Mapping[str, Any], note: str
) -> Change:
    parts = changed_parts(*veiled(settled(live), after)) or ({}, {})
    return Change(action, item.key, item, resource, live, parts[0], parts[1], note)


def _delete_change(key: Key, resource: Resource, live: Mapping[str, Any]) -> Change:
    what = {"apiVersion": key.api_version, "kind": key.kind, "metadata": {"name": key.name}}
    if key.namespace:
        what["metadata"] = {"namespace": key.namespace, "name": key.name}
    return Change("delete", key, None, resource, live, what, {})


def _own_fields(live: Mapping[str, Any]) -> Any:
    """The fields that we manage of an object by apply; None where we never applied it."""
    return (applied(live, FIELD_MANAGER) or {}).get("fieldsV1")


def _records(live: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (live.get("metadata") or {}).get("managedFields") or ()


def _without_client_side(after: Any, dry: Mapping[str, Any]) -> Any:
    """An object without what nobody but kubectl's client-side apply declared."""
    rows = _records(dry)
    for fields in filter(None, map(client_side, rows)):
        for row in rows:
            if not client_side(row):
                fields = minus(fields, row.get("fieldsV1") or {})
        after = without(after, fields) if fields else after
    return settled(after)


def failure(key: Key, live: Mapping[str, Any]) -> str:
    """Why an object that runs once will never do what it is for; empty where it may."""
    predicate = predicate_for(key.api_version, key.kind) if key.kind in _ONCE else None
    status = predicate(live) if predicate else None
    return status.text if status and status.failed else ""


_ONCE = ("Job", "Pod")
"""Kinds that end; one that has failed stays so until it is made anew."""

_BALANCER = "service.beta.kubernetes.io/oci-load-balancer-"
_NETWORK_BALANCER = "oci-network-load-balancer.oraclecloud.com/"
_FIXED = {
    "oci.oraclecloud.com/load-balancer-type": "lb",
    f"{_BALANCER}internal": "false",
    f"{_BALANCER}subnet1": "",
    f"{_BALANCER}subnet2": "",
    f"{_NETWORK_BALANCER}internal": "false",
    f"{_NETWORK_BALANCER}subnet": "",
}
"""Annotations of a Service whose load balancer cannot follow them, and what their absence means."""


def fixed_by_balancer(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The annotations that differ and that the load balancer, once it is made, cannot follow."""
    if live.get("kind") != "Service" or live.get("apiVersion") != "v1":
        return []
    if any((one.get("spec") or {}).get("type") != "LoadBalancer" for one in (live, wanted)):
        return []
    if not ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
        return []  # there is none yet
    old, new = (dict((one.get("metadata") or {}).get("annotations") or {}) for one in (live, wanted))
    return [name for name, default in _FIXED.items() if old.get(name, default) != new.get(name, default)]


def _held(error: ApiError) -> dict[str, list[str]]:
    """Conflicts of field managers: which manager holds which fields with other values."""
    if error.status != 409:
        return {}
    rows = [cause for cause in error.causes if cause.get("reason") == "FieldManagerConflict"]
    held: dict[str, list[str]] = {}
    for cause in rows:
        message = str(cause.get("message") or "")
        manager = message.split('"')[1] if message.count('"') >= 2 else message
        held.setdefault(manager, []).append(str(cause.get("field") or ""))
    return held


def _conflict(error: ApiError, key: Key) -> KubeError | None:
    """Conflicts as text."""
    held = _held(error)
    if not held:
        return None
    texts = [f"{', '.join(fields)} by {manager}" for manager, fields in held.items()]
    return KubeError(
        f"{key}: fields are managed by others with other values: {'; '.join(texts)}. "
        "Set force: true to take them over, or leave them out of the declaration"
    )


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
