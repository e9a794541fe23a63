# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for objects: what "ready" means for each kind is a table of pure functions, the waiting itself one loop."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import ApiError, KubeError
from ansible_collections.okestack.oci.plugins.module_utils.model import OWNER_LABEL
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.waiting import HEARTBEAT, News, Pauses, duration

from .client import FIELD_MANAGER, Client, Resource
from .objects import owner_of

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Status:
    """What an object's state means to somebody waiting for it."""

    ready: bool
    text: str
    failed: bool = False
    """It will not become ready by waiting."""
    held: bool = False
    """It is paused: there is nothing to wait for."""


Predicate = Callable[[Object], Status]


def condition_of(live: Object, kind: str) -> Mapping[str, Any]:
    """The named condition, or {}."""
    conditions: Iterable[Mapping[str, Any]] = (live.get("status") or {}).get("conditions") or ()
    return next((row for row in conditions if row.get("type") == kind), {})


def _seen(live: Object) -> bool:
    """Whether the controller has seen the newest generation."""
    status = live.get("status") or {}
    return int(status.get("observedGeneration") or 0) >= int((live.get("metadata") or {}).get("generation") or 0)


def condition(name: str, wanted: str = "True") -> Predicate:
    """Ready when a condition has a value, as the object's controller says for the newest generation."""

    def check(live: Object) -> Status:
        row = condition_of(live, name)
        if not row:
            return Status(False, f"no condition {name} yet")
        generation = (live.get("metadata") or {}).get("generation")
        if row.get("observedGeneration") and generation and row["observedGeneration"] < generation:
            return Status(False, f"{name} is that of an older generation")
        text = f"{name}={row.get('status')}"
        about = ": ".join(part for part in (row.get("reason"), row.get("message")) if part)
        ready = row.get("status") == wanted
        return Status(ready, text if ready or not about else f"{text} ({about})")

    return check


def deployment(live: Object) -> Status:
    status = live.get("status") or {}
    wanted = int((live.get("spec") or {}).get("replicas", 1))
    if not _seen(live):
        return Status(False, "not yet seen by its controller")
    updated = int(status.get("updatedReplicas") or 0)
    available = int(status.get("availableReplicas") or 0)
    old = int(status.get("replicas") or 0) - updated
    if updated < wanted:
        text = f"{updated} of {wanted} replicas updated"
    elif old > 0:
        text = f"{old} old replicas still to go"
    else:
        text = f"{available} of {wanted} available"
        if available >= wanted:
            return Status(True, text)
    if (live.get("spec") or {}).get("paused"):
        return Status(False, f"paused (spec.paused), {text}", held=True)
    # Not the end: a lack of capacity passes, and an image may be long in coming.
    if condition_of(live, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        text += ", ProgressDeadlineExceeded"
    return Status(False, text)


def stateful_set(live: Object) -> Status:
    status, spec = live.get("status") or {}, live.get("spec") or {}
    wanted = int(spec.get("replicas", 1))
    if not _seen(live):
        return Status(False, "not yet seen by its controller")
    ready = int(status.get("readyReplicas") or 0)
    if (spec.get("updateStrategy") or {}).get("type") != "OnDelete":
        updated = int(status.get("updatedReplicas") or 0)
        partition = int(((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0)
        if status.get("currentRevision") != status.get("updateRevision") and updated < wanted - partition:
            return Status(False, f"{updated} of {wanted - partition} replicas updated")
    return Status(ready >= wanted, f"{ready} of {wanted} ready")


def daemon_set(live: Object) -> Status:
    status = live.get("status") or {}
    if not _seen(live):
        return Status(False, "not yet seen by its controller")
    wanted = int(status.get("desiredNumberScheduled") or 0)
    updated = int(status.get("updatedNumberScheduled") or 0)
    ready = int(status.get("numberAvailable") or 0)
    return Status(updated >= wanted and ready >= wanted, f"{ready} of {wanted} available")


def job(live: Object) -> Status:
    failed = condition_of(live, "Failed")
    if failed.get("status") == "True":
        return Status(False, f"failed: {failed.get('reason', '')}: {failed.get('message', '')}", failed=True)
    if condition_of(live, "Complete").get("status") == "True":
        return Status(True, "complete")
    if (live.get("spec") or {}).get("suspend"):
        return Status(False, "suspended (spec.suspend)", held=True)
    status = live.get("status") or {}
    parts = [f"{status[name]} {name}" for name in ("active", "succeeded", "failed") if status.get(name)]
    return Status(False, ", ".join(parts) or "not started")


def pod(live: Object) -> Status:
    status = live.get("status") or {}
    phase = status.get("phase") or "Pending"
    if phase == "Succeeded":
        return Status(True, "Succeeded")
    if phase == "Failed":
        return Status(False, f"Failed: {status.get('reason', '')} {status.get('message', '')}".rstrip(), failed=True)
    if condition_of(live, "Ready").get("status") == "True":
        return Status(True, "Ready")
    trouble = pod_trouble(live)
    return Status(False, f"{phase}, {trouble}" if trouble else phase)


def pod_trouble(live: Object) -> str:
    """Why a pod does not run: what its containers wait for, or why it is not placed."""
    status = live.get("status") or {}
    found = []
    for row in status.get("containerStatuses") or ():
        waiting = (row.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") == "ContainerCreating":
            if waiting.get("message"):
                found.append(f"{row.get('name')}: {waiting['message']}")
        elif waiting.get("reason"):
            found.append(f"{row.get('name')}: {waiting['reason']} {waiting.get('message', '')}".rstrip())
        ended = (row.get("lastState") or {}).get("terminated") or (row.get("state") or {}).get("terminated") or {}
        if ended and ended.get("exitCode"):
            found.append(f"{row.get('name')} ended with {ended['exitCode']} {ended.get('message', '')}".rstrip())
    placed = condition_of(live, "PodScheduled")
    if placed.get("status") == "False":
        found.append(f"not scheduled: {placed.get('message', '')}")
    if not found and status.get("message"):
        found.append(f"{status.get('reason', '')} {status['message']}".strip())
    return "; ".join(found)


def _addresses(live: Object) -> list[str]:
    rows = ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [str(row.get("ip") or row.get("hostname")) for row in rows if row.get("ip") or row.get("hostname")]


def service(live: Object) -> Status:
    if (live.get("spec") or {}).get("type") != "LoadBalancer":
        return Status(True, "there")
    found = _addresses(live)
    return Status(bool(found), ", ".join(found) or "no address yet")


def ingress(live: Object) -> Status:
    found = _addresses(live)
    return Status(bool(found), ", ".join(found) or "no address yet")


def volume_claim(live: Object) -> Status:
    phase = (live.get("status") or {}).get("phase") or "Pending"
    return Status(phase == "Bound", phase, failed=phase == "Lost")


def definition(live: Object) -> Status:
    names = condition_of(live, "NamesAccepted")
    if names.get("status") == "False":
        return Status(False, f"names not accepted: {names.get('message', '')}", failed=True)
    return condition("Established")(live)


def namespace(live: Object) -> Status:
    phase = (live.get("status") or {}).get("phase") or "Active"
    return Status(phase == "Active", phase)


def autoscaler(live: Object) -> Status:
    """Its target has as many replicas as it wants, within its bounds: the controller has read what was declared. That
    there are metrics yet is not waited for; the first come a while after the first pod."""
    spec, status = live.get("spec") or {}, live.get("status") or {}
    least, most = int(spec.get("minReplicas") or 1), int(spec.get("maxReplicas") or 1)
    wanted, there = int(status.get("desiredReplicas") or 0), int(status.get("currentReplicas") or 0)
    if least <= wanted <= most and there == wanted:
        return Status(True, f"{there} replicas, from {least} to {most}")
    if condition_of(live, "ScalingActive").get("reason") == "ScalingDisabled":
        return Status(False, "disabled while its target has 0 replicas: kubectl scale it to one at least", held=True)
    able = condition_of(live, "AbleToScale")
    if able.get("status") == "False":
        return Status(False, f"unable to scale: {able.get('message') or able.get('reason') or ''}".rstrip(": "))
    return Status(False, f"{there} replicas, to be from {least} to {most}")


LOOK_UP_GRACE = 15.0
"""Seconds in which the operator looks a changed ExternalSecret up; it does not where only managers changed."""


def _age(timestamp: str) -> float:
    """Seconds since a time of the server's."""
    try:
        then = datetime.datetime.fromisoformat(timestamp)
    except ValueError:
        return 0.0
    return time.time() - then.timestamp()


def external_secret(live: Object) -> Status:
    """Ready, and looked up in its store since it was last written by us (both to the second)."""
    status = condition("Ready")(live)
    written = [
        str(row.get("time") or "")
        for row in (live.get("metadata") or {}).get("managedFields") or ()
        if row.get("manager") == FIELD_MANAGER and row.get("operation") == "Apply"
    ]
    refreshed = str((live.get("status") or {}).get("refreshTime") or "")
    if status.ready and written and refreshed < max(written) and _age(max(written)) < LOOK_UP_GRACE:
        return Status(False, "not looked up since it was changed")
    return status


# By API group and kind: a Service of another group is something else.
PREDICATES: Mapping[tuple[str, str], Predicate] = {
    ("apps", "Deployment"): deployment,
    ("apps", "StatefulSet"): stateful_set,
    ("apps", "DaemonSet"): daemon_set,
    ("batch", "Job"): job,
    ("autoscaling", "HorizontalPodAutoscaler"): autoscaler,
    ("", "Pod"): pod,
    ("", "Service"): service,
    ("", "PersistentVolumeClaim"): volume_claim,
    ("", "Namespace"): namespace,
    ("networking.k8s.io", "Ingress"): ingress,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definition,
    ("apiregistration.k8s.io", "APIService"): condition("Available"),
    ("external-secrets.io", "SecretStore"): condition("Ready"),
    ("external-secrets.io", "ExternalSecret"): external_secret,
}


def predicate_for(api_version: str, kind: str, conditions: Sequence[str] = ()) -> Predicate | None:
    """The kind's own meaning of ready, or all the given conditions (`Ready`, `Ready=False`)."""
    if conditions:
        checks = [condition(*text.split("=", 1)) for text in conditions]

        def every(live: Object) -> Status:
            results = [check(live) for check in checks]
            waiting = [result for result in results if not result.ready]
            return waiting[0] if waiting else Status(True, ", ".join(result.text for result in results))

        return every
    group = api_version.partition("/")[0] if "/" in api_version else ""
    return PREDICATES.get((group, kind))


@dataclass
class Target:
    """One object that is waited for."""

    resource: Resource
    namespace: str | None
    name: str
    predicate: Predicate
    live: Object | None = None
    """As last seen, if it was."""
    hint: str = ""
    """What to do if it has failed."""
    held: str = ""
    """Why it was not waited for."""

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.resource.kind} {where}{self.name}"


class Waiter:
    """Polls: soon at first, then less and less often; a change of state makes it look soon again."""

    def __init__(
        self,
        client: Client,
        report: Callable[[str], None],
        timeout: float = 600.0,
        interval: float = 10.0,
        sleep: Callable[[float], object] = time.sleep,
        heartbeat: float = HEARTBEAT,
        quiet: float = 0.0,
        consumers_come: bool = False,
    ) -> None:
        """
        :param timeout: seconds for everything that is waited for together.
        :param interval: longest pause between two looks, seconds.
        :param quiet: seconds in which nothing is reported, for what is nearly always done by then.
        :param consumers_come: whether a claim that is bound when a pod comes is waited for.
        """
        self.client = client
        self.report = report
        self.timeout = timeout
        self.interval = interval
        self.sleep = sleep
        self.heartbeat = heartbeat
        self.quiet = quiet
        self.consumers_come = consumers_come
        self.patience = 5.0
        self.started = time.monotonic()
        self._asked: dict[int, float] = {}

    def ready(self, targets: Sequence[Target]) -> list[Object]:
        """Wait until every target is ready; the objects as they are then.

        :raises KubeError: one cannot become ready, or the time is over; says why as far as the cluster tells.
        """
        last: dict[int, str] = {}

        def look(target: Target) -> Status:
            if target.live is None:
                target.live = self.client.get(target.resource, target.namespace, target.name)
            status = target.predicate(target.live) if target.live else Status(False, "not there yet")
            if status.failed:
                raise KubeError(f"{target}: {status.text}{target.hint}{self._explain(target)}")
            if not status.ready and target.live:
                status = self._outlook(target, target.live, status)
                self._end_if_refused(target, status)
            return status

        def step(pending: list[Target], progress: Callable[[Target, str], None]) -> list[Target]:
            left = []
            for target, status in zip(pending, side_by_side(look, pending, KubeError), strict=True):
                if status.held:
                    target.held = status.text
                    self.report(f"{target}: {status.text}: not waited for")
                    continue
                if status.ready:
                    if id(target) in last:
                        progress(target, status.text)
                    continue
                progress(target, status.text)
                last[id(target)] = status.text
                target.live = None
                left.append(target)
            return left

        pending = self._loop(list(targets), step)
        if pending:
            lines = [f"{target}: {last.get(id(target), '')}{self._explain(target)}" for target in pending]
            raise KubeError(f"not ready within {self.timeout:g}s: " + "\n".join(lines))
        return [target.live for target in targets if target.live is not None]

    def gone(self, targets: Sequence[Target]) -> None:
        """Wait until none of the objects is there.

        :raises KubeError: the time is over; names the finalizers that keep an object.
        """
        held: dict[int, str] = {}

        def look(target: Target) -> Object | None:
            try:
                return self.client.get(target.resource, target.namespace, target.name)
            except ApiError as error:
                if error.not_found:
                    return None
                raise

        def step(pending: list[Target], progress: Callable[[Target, str], None]) -> list[Target]:
            left = []
            for target, live in zip(pending, side_by_side(look, pending, KubeError), strict=True):
                if live is None:
                    if id(target) in held:
                        progress(target, "gone")
                    continue
                metadata, spec = live.get("metadata") or {}, live.get("spec") or {}
                finalizers = metadata.get("finalizers") or spec.get("finalizers")
                text = "being deleted" + (f", held by {', '.join(finalizers)}" if finalizers else "")
                text += "".join(f"; {left}" for left in _left_in(live))
                progress(target, text)
                held[id(target)] = text
                left.append(target)
            return left

        pending = self._loop(list(targets), step)
        if pending:
            lines = [f"{target}: {held.get(id(target), '')}" for target in pending]
            raise KubeError(f"not gone within {self.timeout:g}s: " + "\n".join(lines))

    def _loop(
        self, pending: list[Target], step: Callable[[list[Target], Callable[[Target, str], None]], list[Target]]
    ) -> list[Target]:
        pauses = Pauses(self.timeout - (time.monotonic() - self.started), self.interval, self.sleep)
        news = {id(target): News(self.heartbeat) for target in pending}

        def progress(target: Target, text: str) -> None:
            about, gist, now = news[id(target)], _gist(text), pauses.elapsed
            moved = about.changed(gist)
            if moved:
                pauses.soon()
            if now < self.quiet or not about.due(gist, now):
                return
            # Still the same after half a minute: people want to know whether it is stuck, and on what.
            why = "" if moved else self._trouble(target)
            self.report(f"{target}: {text} {duration(now)}{why}")
            about.said(gist, now)

        while pending := step(pending, progress):
            if not pauses.next():
                break
        return pending

    def _outlook(self, target: Target, live: Object, status: Status) -> Status:
        """The status with what other objects say about it: a class that is not there, or that binds late."""
        spec = live.get("spec") or {}
        if target.resource.kind == "PersistentVolumeClaim" and spec.get("storageClassName"):
            name = spec["storageClassName"]
            found = self._class("storage.k8s.io/v1", "StorageClass", name)
            if found is None:
                return Status(False, f"{status.text}: there is no StorageClass {name}")
            chosen = ((live.get("metadata") or {}).get("annotations") or {}).get("volume.kubernetes.io/selected-node")
            if found.get("volumeBindingMode") == "WaitForFirstConsumer" and not chosen:
                text = f"{status.text}: its class {name} waits for the first consumer, a pod"
                return Status(False, text, held=not self.consumers_come)
        if target.resource.kind == "Ingress" and spec.get("ingressClassName"):
            name = spec["ingressClassName"]
            if self._class("networking.k8s.io/v1", "IngressClass", name) is None:
                return Status(False, f"{status.text}: there is no IngressClass {name}")
        return status

    def _class(self, api_version: str, kind: str, name: str) -> Object | None:
        """A class; {} where it may not be read."""
        try:
            return self.client.get(self.client.resource(api_version, kind), None, name)
        except KubeError:
            return {}

    def _end_if_refused(self, target: Target, status: Status) -> None:
        """:raises KubeError: virtual nodes refuse the pods for good. Looked at now and then only: it takes requests."""
        now = time.monotonic()
        if target.resource.kind not in _WORKLOADS or now - self._asked.setdefault(id(target), now) < self.patience:
            return
        self._asked[id(target)] = now
        try:
            refused = [line for line in self._troubles(target) if _REFUSED.search(line)]
        except KubeError:
            return
        if refused:
            raise KubeError(f"{target}: {status.text}\n  " + "\n  ".join(dict.fromkeys(refused)))

    def _trouble(self, target: Target) -> str:
        """The first trouble, for a line of progress."""
        try:
            found = self._troubles(target)
        except KubeError:
            return ""
        return f" ({found[0][:200]})" if found else ""

    def _explain(self, target: Target) -> str:
        """What the cluster says about an object that does not become ready: its pods' troubles, its last warnings."""
        try:
            found = self._troubles(target)
        except KubeError:
            return ""
        return "".join(f"\n  {line}" for line in dict.fromkeys(found))

    def _troubles(self, target: Target) -> list[str]:
        found: list[str] = []
        names = {target.name}
        live = self.client.get(target.resource, target.namespace, target.name) or {}
        for row in self._pods_behind(target, live):
            names.add(row["metadata"]["name"])
            if trouble := pod_trouble(row):
                found.append(f"Pod {row['metadata']['name']}: {trouble}")
        if target.namespace:
            kind = self.client.resource("v1", "Event")
            events = self.client.list(kind, target.namespace, field_selector="type=Warning")
            mine = [
                row
                for row in events
                if (row.get("involvedObject") or {}).get("name") in names
                or (row.get("involvedObject") or {}).get("name", "").rpartition("-")[0] in names
            ]
            mine.sort(key=lambda row: str(row.get("lastTimestamp") or row.get("eventTime") or ""))
            for row in mine[-5:]:
                about = row["involvedObject"]
                found.append(f"{about.get('kind')} {about.get('name')}: {row.get('reason')}: {row.get('message')}")
        return found

    def _pods_behind(self, target: Target, live: Object) -> list[dict[str, Any]]:
        """The pods that an object waits for."""
        spec = live.get("spec") or {}
        if target.resource.kind == "Ingress":
            # Those of its controller, which came with its class under one owner.
            ingress_class = self._class("networking.k8s.io/v1", "IngressClass", str(spec.get("ingressClassName")))
            if not (owner := owner_of(ingress_class or {})):
                return []
            kind = self.client.resource("apps/v1", "Deployment")
            controllers = self.client.list(kind, label_selector=f"{OWNER_LABEL}={owner}")
            return [pod for one in controllers for pod in self._pods(one["metadata"]["namespace"], one)]
        return self._pods(target.namespace, live) if target.namespace else []

    def _pods(self, namespace: str, live: Object) -> list[dict[str, Any]]:
        """The pods that an object selects; of a Deployment those of its newest template."""
        selector = (live.get("spec") or {}).get("selector") or {}
        if live.get("kind") != "Service":
            selector = selector.get("matchLabels") or {}
        if not selector:
            return []
        chosen = ",".join(f"{key}={value}" for key, value in selector.items())
        pods = self.client.list(self.client.resource("v1", "Pod"), namespace, label_selector=chosen)
        revision = ((live.get("metadata") or {}).get("annotations") or {}).get(_REVISION)
        if live.get("kind") != "Deployment" or not revision:
            return pods
        sets = self.client.list(self.client.resource("apps/v1", "ReplicaSet"), namespace, label_selector=chosen)
        newest = {
            row["metadata"]["name"]
            for row in sets
            if (row["metadata"].get("annotations") or {}).get(_REVISION) == revision
        }
        owners = [{one.get("name") for one in pod["metadata"].get("ownerReferences") or ()} for pod in pods]
        return [pod for pod, of in zip(pods, owners, strict=True) if of & newest]


_REVISION = "deployment.kubernetes.io/revision"
_WORKLOADS = ("Deployment", "StatefulSet", "Job", "Pod")
_REFUSED = re.compile(r"Error creating pod: \[(?!.*insufficient capacity)")
"""What virtual nodes say of a pod that they never run; a lack of capacity is reported the same way and passes."""

_TIMES = re.compile(r"\b(?:\d+h\d+m|\d+m\d+s|\d+s|\d+%)")


def _gist(text: str) -> str:
    """A text without its times, which pass though nothing happens."""
    return _TIMES.sub("", text)


def _left_in(live: Object) -> list[str]:
    """What keeps a namespace that is being deleted, as its controller tells."""
    if live.get("kind") != "Namespace":
        return []
    rows = (live.get("status") or {}).get("conditions") or ()
    return [str(row.get("message")) for row in rows if row.get("status") == "True" and row.get("message")]
