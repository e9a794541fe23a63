# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a set of objects to what is declared, by server-side apply; say before what would change, by its dry run.

Every object is read first, all side by side, and applied in a dry run where it is not plainly what is declared: what
the server would refuse is found, all of it, before the first write, and what would not change is not written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import ApiError, KubeError, UnknownKind
from ansible_collections.okestack.oci.plugins.module_utils.model import OWNER_LABEL
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.plan import VERBS
from ansible_collections.okestack.oci.plugins.module_utils.retries import Retry

from .changes import Change, Options, compared, creation, difference
from .client import FIELD_MANAGER, WELL_KNOWN, Client, Resource
from .field_ownership import below, client_side, has_replicas, is_applied, minus, taken_over, without
from .objects import (
    Item,
    Key,
    autoscaled,
    holds,
    key_of,
    overlaid,
    owner_of,
    rank,
    rows_of,
    settled,
    stages,
)
from .removal import Remover
from .wait import Predicate, Target, Waiter, definition, predicate_for

DISCOVERY_SECONDS = 30.0
"""How long an established definition may be missing in what the server says that it has."""
_CANNOT_CHANGE = (
    "immutable",
    "updates to statefulset spec for fields",
    "cannot change roleRef",
    "may not change fields other than",
    "may not change once set",
)


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
        self.remover = Remover(client, options, report, warn, unknown, sleep)
        self.held: list[str] = []
        """What is paused and was not waited for."""

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
            changes += self.remover.to_prune([change.key for change in changes])
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
        self._scaled = autoscaled(item for item, _resource in here)
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
            return creation(item, resource, "" if self.client and resource else "planned")
        live = self.client.get(resource, key.namespace, key.name)
        if live is not None and live["metadata"].get("deletionTimestamp"):
            return creation(item, resource, "after the one being deleted", live)
        if live is not None:
            self._look_at_owner(key, live, resource.namespaced)
        change = self._compared(item, resource, live)
        if live is None:
            return change
        if self.options.allow_replace and change.action in ("none", "update") and (failed := failure(key, live)):
            after = overlaid(settled(live), item.manifest)
            change = difference("replace", item, resource, live, after, f"it {failed}")
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
        if live is not None and not adopted and is_applied(item.manifest, live, FIELD_MANAGER):
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
        kept = self._kept_replicas(item, live)
        if kept is not None:
            after["spec"]["replicas"] = kept
        change = compared(item, resource, live, dry, after)
        if live is not None and (fixed := fixed_by_balancer(live, after)):
            if not self.options.allow_replace:
                raise KubeError(
                    f"{item.key}: its load balancer cannot change {', '.join(fixed)} in place. Set allow_replace: true "
                    "to have the Service, and with it the load balancer and its address, deleted and recreated"
                )
            change.action, change.note = "replace", "its load balancer cannot change in place"
            return change
        change.note = undone or change.note
        change.replicas = kept
        if adopted:
            change.action, change.take = "update", client_side
            change.note = change.note or f"what kubectl apply declared becomes managed by {FIELD_MANAGER}"
        return change

    def _kept_replicas(self, item: Item, live: Mapping[str, Any] | None) -> int | None:
        """The replicas of what was declared with a number, and has an autoscaler instead now."""
        key, spec = item.key, item.manifest.get("spec") or {}
        if live is None or "replicas" in spec or not has_replicas(live, FIELD_MANAGER):
            return None
        if (key.api_version, key.kind, key.namespace, key.name) not in self._scaled:
            return None
        return int((live.get("spec") or {}).get("replicas", 1))

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
            return creation(item, resource, "in a namespace that is planned")
        conflict = _conflict(error, item.key)
        if conflict:
            raise conflict from None
        if live is not None and error.status == 422 and any(text in error.message for text in _CANNOT_CHANGE):
            if not self.options.allow_replace:
                raise KubeError(
                    f"{item.key} cannot be changed in place: {error}. "
                    "Set allow_replace: true to have it deleted and recreated"
                ) from None
            after = overlaid(settled(live), item.manifest)
            return difference("replace", item, resource, live, after, "cannot change in place")
        twice = [str(cause.get("field")) for cause in error.causes if cause.get("reason") == "FieldValueDuplicate"]
        if live is not None and twice and self.options.force:
            # Another manager changed the key that identifies a list's members: its member is there beside ours.
            after = overlaid(settled(live), item.manifest)
            change = difference("update", item, resource, live, after, f"undoes members of others in {twice[0]}")
            change.take = below(twice[0])
            return change
        no_dry_run = error.status == 400 and "dry run" in error.message
        if no_dry_run or (self.options.check_mode and self.unknown(item.manifest)):
            # The server cannot tell: compare with what is declared alone.
            if live is None:
                return creation(item, resource)
            if holds(live, item.manifest):
                return Change("none", item.key, item, resource, live)
            return difference("update", item, resource, live, overlaid(settled(live), item.manifest), "")
        raise KubeError(f"{item.key} ({item.source}): {error}") from None

    def _apply(self, resource: Resource, item: Item, dry_run: bool, force: bool) -> dict[str, Any]:
        """Apply, patient with admission webhooks and service accounts that are just coming up."""
        client = self.server
        retry = Retry(self.options.webhook_timeout, longest=5.0)
        said = False
        while True:
            try:
                return client.apply(resource, item.manifest, dry_run=dry_run, force=force)
            except ApiError as error:
                starting = error.webhook_unavailable or (
                    not dry_run and error.status == 403 and "error looking up service account" in error.message
                )
                pause = retry.pause() if starting else None
                if pause is None:
                    raise
                if not said:
                    self.report(f"{item.key}: waiting for an admission webhook: {error.message[:200]}")
                    said = True
            self.sleep(pause)

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
                for api_version, kind in _scopes([change.item for change in definitions if change.item]):
                    self._served(api_version, kind)
        gone = [change for change in changes if change.action == "delete"]
        if gone:
            self.remover.delete(gone)

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
            if change.replicas is not None:
                self._leave_replicas(resource, change)
            change.live = self._apply(resource, item, dry_run=False, force=self.options.force)
        except ApiError as error:
            conflict = _conflict(error, change.key)
            if conflict:
                raise conflict from None
            raise KubeError(f"{change.key} ({item.source}): {error}") from None
        self.report(f"{change.key}: {VERBS[change.action]}{f' ({change.note})' if change.note else ''}")
        return change

    def _served(self, api_version: str, kind: str) -> None:
        """Wait until the server names a kind that was defined: it does so a moment after it has established the
        definition, and the next task asks for it as well.

        :raises UnknownKind: it does not within `DISCOVERY_SECONDS`.
        """
        retry = Retry(DISCOVERY_SECONDS, first=0.1, longest=2.0)
        while True:
            try:
                self.server.resource(api_version, kind)
                return
            except UnknownKind:
                pause = retry.pause()
                if pause is None:
                    raise
            self.sleep(pause)
            self.server.forget()

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

    def _leave_replicas(self, resource: Resource, change: Change) -> None:
        """Let the number of replicas be another manager's too: it stays when the apply that follows gives it up."""
        key = change.key
        metadata = {"name": key.name, "namespace": key.namespace}
        manifest = {"apiVersion": key.api_version, "kind": key.kind, "metadata": metadata}
        manifest["spec"] = {"replicas": change.replicas}
        self.server.apply(resource, manifest, force=True, manager=f"{FIELD_MANAGER}.replicas")

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
            return "The next run recreates it"
        return "Set allow_replace: true to have it deleted and recreated, or delete it"

    def _delete_pods(self, target: Target) -> None:
        """Pods of a Job that is complete: kept, they go on being billed; the Job stays as the record."""
        client = self.server
        pods = client.resource("v1", "Pod")
        for row in client.list(pods, target.namespace, f"batch.kubernetes.io/job-name={target.name}"):
            if (row.get("status") or {}).get("phase") == "Succeeded":
                client.delete(pods, target.namespace, row["metadata"]["name"])

    def absent(self, items: Sequence[Item]) -> list[Change]:
        """Delete what is there, the last of the order first, and wait until it is gone."""
        return self.remover.absent(items)

    def _waiter(self, client: Client, quiet: float = 0.0) -> Waiter:
        return Waiter(client, self.report, self.options.timeout, self.options.interval, self.sleep, quiet=quiet)


def _scopes(items: Sequence[Item]) -> dict[tuple[str, str], bool]:
    """Kinds that definitions of the set itself bring and that are served, and whether they are namespaced."""
    found = {}
    for item in items:
        if item.key.kind != "CustomResourceDefinition":
            continue
        spec = item.manifest.get("spec") or {}
        names = spec.get("names")
        kind = names.get("kind") if isinstance(names, Mapping) else None
        for version in rows_of(spec.get("versions")):
            if version.get("served", True):
                found[(f"{spec.get('group')}/{version.get('name')}", str(kind))] = spec.get("scope") != "Cluster"
    return found


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
"""Kinds that end; one that has failed stays so until it is recreated."""

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
