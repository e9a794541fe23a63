# SPDX-License-Identifier: GPL-3.0-or-later
"""One pod on its node, from its first sight to its end: a task that does what `pods.decide` says.

It sleeps until the pod changes, a container ends, a probe changes its mind or a moment comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import httpx

from localregion.core.tasks import note_failure
from localregion.host.containers import ContainerState
from localregion.host.kubernetes_client import MERGE, KubeError
from localregion.virtual_node import admission, env, pods, volumes
from localregion.virtual_node.containers import RuntimeFailure, pod_uid
from localregion.virtual_node.network import NO_CAPACITY, NetworkError
from localregion.virtual_node.pod_containers import PodContainers
from localregion.virtual_node.pod_state import PodState
from localregion.virtual_node.pods import PodRun
from localregion.virtual_node.tokens import PodTokens

if TYPE_CHECKING:
    from localregion.virtual_node.config import VirtualNode
    from localregion.virtual_node.protocols import PodHost

log = logging.getLogger(__name__)

Json = dict[str, Any]

# Of a pod: the OCID of its private IP.
PRIVATE_IP = "oci.oraclecloud.com/pod.info.private_ip_ocid"
RESOLVER = "169.254.169.254"
# Virtual Kubelet's word for a pod that its provider does not run.
REFUSED = "ProviderFailed"


class Worker:
    """The life of one pod. `update`, `removed` and `look` say what happened; none of them blocks."""

    def __init__(self, host: PodHost, node: VirtualNode, pod: Json, found: list[ContainerState]) -> None:
        self._pod = PodState(host, node, pod)
        self._found = found
        self._admitted = False
        self._mounted = False
        self._tokens = PodTokens(host, self._pod.folders)
        self._delay = 0.0
        self._wake = asyncio.Event()
        self._ending = asyncio.Event()
        self._containers = PodContainers(self._pod, self._wake.set)
        if pod["metadata"].get("deletionTimestamp"):
            self._ending.set()
        self.task = asyncio.create_task(self._live(), name=f"pod {self._pod.name}")

    @property
    def node(self) -> VirtualNode:
        """The node that the pod is on."""
        return self._pod.node

    @property
    def pod(self) -> Json:
        """The pod as the API server has it."""
        return self._pod.doc

    @property
    def run(self) -> PodRun:
        """What became of the pod."""
        return self._pod.run

    def update(self, pod: Json) -> None:
        """The pod has changed in the API server."""
        if int(pod["metadata"]["resourceVersion"]) >= int(self.pod["metadata"]["resourceVersion"]):
            self._pod.doc = pod
        if pod["metadata"].get("deletionTimestamp"):
            if pod["metadata"].get("deletionGracePeriodSeconds") == 0:
                self._pod.gone.set()
            self._ending.set()
        self._wake.set()

    def removed(self) -> None:
        """The pod has gone from the API server."""
        self._pod.gone.set()
        self._ending.set()
        self._wake.set()

    def look(self) -> None:
        """A container of the pod may have ended."""
        self._containers.look_again()

    def stop(self) -> list[asyncio.Task[None]]:
        """Leave the pod as it is (the process ends); the tasks to wait for."""
        tasks = [self.task, *self._containers.prober.tasks()]
        for task in tasks:
            task.cancel()
        return tasks

    async def _adopt(self) -> None:
        await self._containers.adopt(self._found)
        self._found = []

    async def _live(self) -> None:
        ending = asyncio.create_task(self._ending.wait())
        work: asyncio.Task[float | None] | None = None
        try:
            while not self._ending.is_set():
                self._wake.clear()
                work = asyncio.create_task(self._sync())
                await asyncio.wait({work, ending}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    work.cancel()
                    await asyncio.gather(work, return_exceptions=True)
                    break
                wake_at = self._result(work)
                timeout = None if wake_at is None else max(wake_at - time.time(), 0.01)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), timeout)
            while True:
                try:
                    await self._end()
                    break
                except Exception as error:
                    what = f"{self._pod.name}: not ended yet"
                    note_failure(log, what, error, RuntimeFailure, NetworkError, KubeError, httpx.HTTPError, OSError)
                    await asyncio.sleep(self._next_delay())
        finally:
            ending.cancel()
            if work is not None:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
        self._pod.host.finished(self._pod.uid)

    def _result(self, work: asyncio.Task[float | None]) -> float | None:
        try:
            return work.result()
        except (KubeError, httpx.HTTPError, RuntimeFailure, OSError) as error:
            log.info("%s: %s: %s", self._pod.name, type(error).__name__, error)
        except Exception as error:
            log.exception("%s", self._pod.name)
            self._pod.event("FailedSync", f"error syncing pod: {type(error).__name__}", warning=True)
        return time.time() + self._next_delay()

    def _next_delay(self) -> float:
        self._delay = min(self._delay * 2 or 0.5, 30.0)
        return self._delay

    async def _sync(self) -> float | None:
        spec, run = self._pod.doc["spec"], self._pod.run
        if (self._pod.doc.get("status") or {}).get("phase") in ("Succeeded", "Failed") and not self._admitted:
            return None
        if not self._admitted:
            found = admission.problems(self._pod.doc)
            self._admitted = True
            if found:
                run.refusal = (REFUSED, f"Error creating pod: [{'; '.join(found)}]")
                self._pod.event("ProviderCreateFailed", run.refusal[1], warning=True)
        if run.refusal:
            await self._pod.publish()
            return None
        if not run.start_time:
            run.start_time = pods.seconds((self._pod.doc.get("status") or {}).get("startTime")) or time.time()
            if self._pod.host.runtime.with_files:
                await self._pod.publish()
        if not await self._prepare():
            await self._pod.publish()
            return time.time() + self._next_delay()
        self._delay = 0.0
        await self._containers.look()
        decision = pods.decide(spec, run, time.time())
        if decision.expired:
            await self._expire()
        for name in decision.start:
            await self._containers.start(name)
        await self._pod.publish()
        wake = pods.decide(spec, run, time.time()).wake_at
        renew = await self._tokens.renew(self._pod.doc) if self._mounted and self._pod.host.runtime.with_files else None
        moments = [moment for moment in (wake, renew) if moment is not None]
        return min(moments) if moments else None

    async def _prepare(self) -> bool:
        """VNIC and volumes. False if something is missing; an event says what."""
        if self._pod.attachment is None:
            try:
                # Not for a pod that has begun: its container instance exists.
                missing = [] if self._pod.run.ip else await self._pod.host.network.forbidden()
                if missing:
                    self._wait_for(
                        "FailedCreatePodSandBox",
                        "Failed to create the pod's container instance: NotAuthorizedOrNotFound: no policy of the root"
                        " compartment lets virtual nodes associate compute-container-instances with"
                        f" {', '.join(missing)} (Required IAM Policies for Using Virtual Nodes)",
                    )
                    return False
                await self._pod.unbroken(self._attach())
            except NetworkError as error:
                if error.code == NO_CAPACITY:
                    self._wait_for("ProviderCreateFailed", f"Error creating pod: [{error}]")
                else:
                    self._wait_for("FailedCreatePodSandBox", f"Failed to attach the pod's VNIC: {error}")
                return False
        if not self._mounted and self._pod.host.runtime.with_files:
            try:
                await self._mount()
            except volumes.VolumeError as error:
                self._pod.event("FailedMount", f"MountVolume.SetUp failed: {error}", warning=True)
                return False
        self._mounted = True
        if self._found:
            await self._adopt()
        return True

    def _wait_for(self, reason: str, message: str) -> None:
        """Say in an event and in the containers' status what the pod waits for."""
        self._pod.event(reason, message, warning=True)
        for one in self._pod.run.containers.values():
            if one.state == "waiting" and one.reason == "ContainerCreating":
                one.message = message

    async def _attach(self) -> None:
        attachment = self._pod.attachment = await self._pod.host.network.attach(self._pod.node, self._pod.doc)
        self._pod.run.ip = attachment.ip
        for one in self._pod.run.containers.values():
            one.message = "" if one.state == "waiting" and one.reason == "ContainerCreating" else one.message
        meta = self._pod.doc["metadata"]
        if attachment.private_ip_id and (meta.get("annotations") or {}).get(PRIVATE_IP) != attachment.private_ip_id:
            body = {"metadata": {"uid": self._pod.uid, "annotations": {PRIVATE_IP: attachment.private_ip_id}}}
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
            await self._pod.host.api.call("PATCH", path, body, content_type=MERGE)
        if self._pod.host.runtime.with_files:
            self._pod.folders.make()
            record = {
                "name": self._pod.name,
                "vnic": attachment.vnic_id,
                "ip": attachment.ip,
                "netns": attachment.netns,
            }
            (self._pod.folders.root / "pod.json").write_text(json.dumps(record))

    async def _mount(self) -> None:
        """Make the volumes. ConfigMaps and Secrets stay as they were when the pod began, also over our restart."""
        pod = self._pod
        spec = pod.doc["spec"]
        marker = pod.folders.root / "mounted"
        tokens = {need: await self._tokens.ask(pod.doc, need) for need in volumes.token_needs(spec)}
        if marker.exists():
            for volume in spec.get("volumes") or ():
                if "emptyDir" in volume:
                    pod.folders.write(volume, None)
            for need, token in tokens.items():
                self._tokens.write(pod.doc, need, token)
            return
        objects = await pod.host.read(pod.doc, volumes.references(spec))
        for volume in spec.get("volumes") or ():
            pod.folders.write(volume, volumes.render(volume, pod.doc, objects, tokens))
        meta = pod.doc["metadata"]
        config = pod.host.config
        name = env.hostname(pod.doc)
        sub = spec.get("subdomain")
        domain = f"{sub}.{meta['namespace']}.svc.{config.cluster_domain}" if sub else ""
        pod.folders.etc("hosts", env.hosts_file(pod.run.ip, name, domain, spec.get("hostAliases") or ()))
        pod.folders.etc(
            "resolv.conf",
            env.resolv_conf(spec, meta["namespace"], config.cluster_dns, config.cluster_domain, RESOLVER),
        )
        pod.folders.etc("hostname", name + "\n")
        marker.touch()

    async def _expire(self) -> None:
        self._pod.event("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        await self._containers.stop_all(self._pod.host.config.termination_grace_seconds)
        self._pod.run.failure = (
            "DeadlineExceeded",
            "Pod was active on the node longer than the specified deadline",
        )

    async def _end(self) -> None:
        """Stop and remove everything of the pod, then the pod itself."""
        host = self._pod.host
        if self._pod.busy is not None:
            await asyncio.gather(self._pod.busy, return_exceptions=True)
        self._containers.prober.stop_all()
        if self._found and not self._pod.run.ended:
            await self._adopt()
            self._containers.prober.stop_all()
        grace = 0.0 if self._pod.gone.is_set() else host.config.termination_grace_seconds
        if not self._pod.run.ended:
            await self._containers.stop_all(grace)
            self._pod.run.ended = True
        if not self._pod.gone.is_set():
            await self._pod.publish()
        if host.runtime.with_files:
            for state in await host.runtime.list():
                if pod_uid(state) == self._pod.uid:
                    await host.runtime.remove(state.id)
        else:
            for one in self._pod.run.containers.values():
                await host.runtime.remove(one.container_id)
        await host.detach(self._pod.uid, self._pod.attachment)
        if host.runtime.with_files:
            await asyncio.to_thread(self._pod.folders.remove)
        if not self._pod.gone.is_set() or self._pod.doc["metadata"].get("deletionGracePeriodSeconds") == 0:
            meta = self._pod.doc["metadata"]
            await host.api.delete(
                f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}",
                {"gracePeriodSeconds": 0, "preconditions": {"uid": self._pod.uid}},
            )


__all__ = ["REFUSED", "PodRun", "Worker"]
