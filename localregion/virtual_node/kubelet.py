# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual nodes of one pool: registers them, watches their pods, and gives each pod a worker.

A pool has two such processes (members.py). Both know the pods and answer at the nodes' ports (server.py); one leads
and does the rest, and the other takes up what is there when it is gone, as the first does after a restart."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import logging
import shutil
import time
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

import httpx

from localregion.core.tasks import note_failure
from localregion.host.containers import ContainerState
from localregion.host.informer import Informer
from localregion.host.kubernetes_client import MERGE, STRATEGIC, KubeClient, KubeError
from localregion.virtual_node import drain, env, node
from localregion.virtual_node.config import Config, VirtualNode
from localregion.virtual_node.containers import Runtime, RuntimeFailure, pod_uid
from localregion.virtual_node.events import Events
from localregion.virtual_node.images import Images
from localregion.virtual_node.members import Member
from localregion.virtual_node.network import Attachment, Network, NetworkError
from localregion.virtual_node.server import Server
from localregion.virtual_node.volumes import PodFolders
from localregion.virtual_node.worker import Worker

log = logging.getLogger(__name__)

Json = dict[str, Any]

_LEASE_EVERY = 10.0
_STATUS_EVERY = 60.0
# Exits are seen at once; this finds those that were missed.
_LOOK_EVERY = 20.0
_EVICT_AGAIN = 2.0


class NodeState:
    """One virtual node while this process plays it."""

    def __init__(self, config: VirtualNode) -> None:
        self.config = config
        self.tasks: list[asyncio.Task[None]] = []
        self.informer: Informer | None = None
        self.changed = asyncio.Event()
        self.removing = False


class Kubelet:
    """Plays all nodes of a pool. `reload` applies a new configuration; `run` goes on until it is cancelled. `member`:
    the name of this process, where the pool has another one."""

    def __init__(self, config: Config, runtime: Runtime, network: Network, member: str = "") -> None:
        self.config = config
        self.runtime = runtime
        self.network = network
        self.version = config.kubernetes_version.removeprefix("v").rpartition(".")[0]
        self.api, self._beats = (
            KubeClient(
                config.apiserver,
                Path(config.ca_file),
                Path(config.client_certificate),
                Path(config.client_key),
                manager="oke-virtual-node",
                source=config.source,
            )
            # Leases must not queue behind the pods of full nodes: these would be taken for lost.
            for _ in range(2)
        )
        self.events = Events(self.api)
        self.images = Images(runtime)
        self.nodes: dict[str, NodeState] = {}
        self.workers: dict[str, Worker] = {}
        self._services = Informer(self.api, "/api/v1/services", {}, lambda kind, item: None)
        self._server = Server(self)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._found: dict[str, list[ContainerState]] = defaultdict(list)
        self._state = Path(config.state_dir)
        key = hashlib.sha256(config.pool_id.encode()).hexdigest()[:12]
        self._memory = runtime.memory / key
        self._member = Member(runtime.memory / f"{key}.members", member) if member else None
        self._started = False
        self._leads = False

    # --- what workers use

    def folders(self, uid: str) -> PodFolders:
        """The folders of a pod."""
        if not uid or "/" in uid or uid.startswith("."):
            # They are removed as a whole one day: never those of all pods.
            raise ValueError(f"not a pod's uid: {uid!r}")
        return PodFolders(self._state / "pods" / uid, self._memory / uid)

    async def read(self, pod: Json, wanted: Iterable[env.Reference]) -> dict[tuple[str, str], Json | None]:
        """Secrets and ConfigMaps of a pod's namespace, None for each that is not there."""
        namespace = pod["metadata"]["namespace"]
        references = sorted(wanted, key=lambda r: (r.kind, r.name))
        found = await asyncio.gather(
            *(self.api.get(f"/api/v1/namespaces/{namespace}/{r.kind}s/{r.name}") for r in references)
        )
        return {(r.kind, r.name): item for r, item in zip(references, found, strict=True)}

    async def service_variables(self, namespace: str, links: bool) -> dict[str, str]:
        """A container's variables for Services; waits for the first list of them."""
        if links:
            await self._services.synced.wait()
        url = httpx.URL(self.config.apiserver)
        return env.service_variables(self._services.objects.values(), namespace, links, url.host, url.port or 6443)

    async def detach(self, uid: str, attachment: Attachment | None) -> None:
        """Give a pod's VNIC back, also one that only the pod's folder remembers. Raises NetworkError."""
        number = attachment.vnic_id if attachment else _record(self.folders(uid)).get("vnic", "")
        if number:
            await self.network.detach(number)

    def finished(self, uid: str) -> None:
        """A worker's pod has gone."""
        self.workers.pop(uid, None)

    # --- what the port of a node uses

    def pods(self, node_name: str) -> list[Json]:
        """The pods of a node."""
        state = self.nodes.get(node_name)
        return list(state.informer.objects.values()) if state and state.informer else []

    # --- running

    async def run(self) -> None:
        """Play the nodes until cancelled. Raises RuntimeFailure if the runtime does not come up."""
        await self.runtime.start()
        if self.runtime.with_files:
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._spawn(self._services.run())
        await self._server.start()
        self._started = True
        try:
            if self._member is not None:
                self._spawn(self._member.watch())
                self._arrange()
                await self._member.lead()
            await self._lead()
            await asyncio.Event().wait()
        finally:
            await self._close()

    async def _lead(self) -> None:
        """Begin the work, with what is there of it. Raises RuntimeFailure."""
        if self.runtime.with_files:
            for found in await self.runtime.list():
                self._found[pod_uid(found)].append(found)
        self._leads = True
        self._spawn(self.events.run())
        self._spawn(self._follow_exits())
        self._spawn(self._look_around())
        for state in self.nodes.values():
            self._play(state)
            for pod in list(state.informer.objects.values()) if state.informer else ():
                self._pod_changed(state, "ADDED", pod)
        self._arrange()
        self._spawn(self._orphans())

    async def _close(self) -> None:
        tasks: list[asyncio.Task[Any]] = list(self._tasks)
        for task in tasks:
            task.cancel()
        for worker in list(self.workers.values()):
            tasks += worker.stop()
        for state in self.nodes.values():
            tasks += state.tasks
            for task in state.tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.stop()
        await self.runtime.close()
        await self.network.close()
        await self.api.close()
        await self._beats.close()

    def reload(self, config: Config) -> None:
        """Take a new configuration: nodes, labels, taints, NSGs and subnets of later pods."""
        self.config = config
        if hasattr(self.network, "config"):
            self.network.config = config
        if self._started:
            self._spawn(self.api.come_from(config.source))
            self._spawn(self._beats.come_from(config.source))
            self._server.reload()
            self._arrange()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("a task of the kubelet ended", exc_info=task.exception())

    async def _follow_exits(self) -> None:
        while True:
            try:
                async for uid in self.runtime.exits():
                    if uid in self.workers:
                        self.workers[uid].look()
            except Exception as error:
                log.warning("events of the runtime: %s: %s", type(error).__name__, error)
            await asyncio.sleep(1.0)

    async def _look_around(self) -> None:
        """Find containers that ended without an event."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if not self.runtime.with_files:
                continue
            try:
                running = {state.id for state in await self.runtime.list() if state.running}
            except RuntimeFailure as error:
                log.warning("containers cannot be listed: %s", error)
                continue
            for worker in list(self.workers.values()):
                believed = {c.container_id for c in worker.run.containers.values() if c.state == "running"}
                if believed - running:
                    worker.look()

    async def _orphans(self) -> None:
        """Once all pods are known: remove what belongs to none."""
        for state in list(self.nodes.values()):
            if state.informer:
                await state.informer.synced.wait()
        if not self.runtime.with_files:
            return
        folder = self._state / "pods"
        known = {path.name for path in folder.iterdir()} if folder.exists() else set()
        try:
            vnics = await self.network.attached()
        except NetworkError as error:
            log.warning("VNICs cannot be listed: %s", error)
            vnics = {}
        for uid in sorted((known | set(self._found) | set(vnics)) - set(self.workers) - self._pods() - {""}):
            try:
                for container in self._found.pop(uid, []):
                    await self.runtime.remove(container.id)
                number = vnics.get(uid) or _record(self.folders(uid)).get("vnic", "")
                if number:
                    await self.network.detach(number)
                await asyncio.to_thread(self.folders(uid).remove)
                log.info("removed what was left of pod %s", uid)
            except (RuntimeFailure, NetworkError, OSError) as error:
                log.warning("pod %s is gone, but not all of it: %s", uid, error)
        if self._memory.exists():
            for path in self._memory.iterdir():
                if path.name not in self.workers:
                    await asyncio.to_thread(shutil.rmtree, path, True)

    def _pods(self) -> set[str]:
        return {uid for state in self.nodes.values() if state.informer for uid in state.informer.objects}

    # --- nodes

    def _arrange(self) -> None:
        """Bring the nodes in step with the configuration."""
        wanted = {one.name: one for one in self.config.nodes}
        for name, one in wanted.items():
            state = self.nodes.get(name)
            if state is None:
                state = self.nodes[name] = NodeState(one)
                informer = Informer(
                    self.api,
                    "/api/v1/pods",
                    {"fieldSelector": f"spec.nodeName={name}"},
                    functools.partial(self._pod_changed, state),
                )
                state.informer = informer
                state.tasks = [
                    asyncio.create_task(informer.run(), name=f"pods of {name}"),
                    asyncio.create_task(self._server.serve(name, one.address), name=f"port of {name}"),
                ]
                if self._leads:
                    self._play(state)
            state.config = one
            state.changed.set()
            if one.state == "DELETING" and self._leads and not state.removing:
                self._remove(state)
        for name, state in list(self.nodes.items()):
            if name in wanted or state.removing:
                continue
            if self._leads:
                self._remove(state)
            else:
                self._leave(state)

    def _play(self, state: NodeState) -> None:
        """Register the node, and say from now on that it is there."""
        state.tasks.append(asyncio.create_task(self._beat(state), name=f"node {state.config.name}"))

    def _leave(self, state: NodeState) -> None:
        """Answer for a node no more."""
        for task in state.tasks:
            task.cancel()
        self._server.close_port(state.config.name)
        self.nodes.pop(state.config.name, None)

    def _remove(self, state: NodeState) -> None:
        state.removing = True
        state.changed.set()
        self._spawn(self._drain(state))

    async def _beat(self, state: NodeState) -> None:
        """Register the node, then renew its lease and its status."""
        sent_at = 0.0
        applied: list[Json] | None = None
        delay = 0.5
        while not state.removing:
            now = time.time()
            try:
                if state.changed.is_set() or now - sent_at >= _STATUS_EVERY:
                    state.changed.clear()
                    applied = await self._register(state, now, applied)
                    sent_at = now
                await self._beats.apply(
                    f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{state.config.name}",
                    node.lease(state.config, now),
                )
                delay = 0.5
            except Exception as error:
                note_failure(log, f"node {state.config.name}", error, KubeError, httpx.HTTPError, OSError)
                state.changed.set()
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)
                continue
            try:
                await asyncio.wait_for(state.changed.wait(), _LEASE_EVERY)
            except TimeoutError:
                pass

    async def _register(self, state: NodeState, now: float, applied: list[Json] | None) -> list[Json]:
        """Make or mend the Node object; the taints that are now the pool's on it."""
        one, config = state.config, self.config
        path = f"/api/v1/nodes/{one.name}"
        wanted = [{"key": t.key, "effect": t.effect, "value": t.value} for t in config.taints]
        manifest = node.manifest(config, one)
        found = await self._beats.get(path)
        if found is None:
            # With its taints from the first moment, so that nothing is scheduled in between; all else comes by the
            # apply, whose fields are ours to take away again.
            bare = {"metadata": {"name": one.name}, "spec": {"taints": node.taints((), (), config.taints)}}
            await self._beats.call("POST", "/api/v1/nodes", bare, query={"fieldManager": "oke-virtual-node-taints"})
        found = await self._beats.apply(path, manifest)
        if applied is None:
            applied = self._applied_taints(one.name)
        current = found["spec"].get("taints") or []
        taints = node.taints(current, applied, config.taints)
        if taints != current:
            body = {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}, "spec": {"taints": taints}}
            await self._beats.call("PATCH", path, body, content_type=MERGE)
        if applied != wanted:
            self._applied_taints(one.name, wanted)
        body = {"status": node.status(config, one, now, found.get("status"))}
        await self._beats.call("PATCH", f"{path}/status", body, content_type=STRATEGIC)
        return wanted

    def _applied_taints(self, name: str, new: list[Json] | None = None) -> list[Json]:
        """The pool's taints that a node got last, remembered over restarts."""
        path = self._state / "taints" / f"{name}.json"
        if new is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(new))
            return new
        try:
            found: list[Json] = json.loads(path.read_text())
            return found
        except (OSError, ValueError):
            return []

    async def _drain(self, state: NodeState) -> None:
        """Cordon, evict, at the end delete what is left, then remove the Node."""
        one = state.config
        path = f"/api/v1/nodes/{one.name}"
        began = time.monotonic()
        assert state.informer is not None
        while True:
            try:
                await drain.cordon(self.api, path)
                await state.informer.synced.wait()
                left = [pod for pod in state.informer.objects.values() if not _deleting(pod)]
                late = time.monotonic() - began >= state.config.eviction_grace_seconds
                for pod in left:
                    await drain.evict(self.api, pod, force=late)
                if not state.informer.objects:
                    break
            except (KubeError, httpx.HTTPError, OSError) as error:
                log.info("drain of %s: %s", one.name, error)
            await asyncio.sleep(_EVICT_AGAIN)
        for task in state.tasks:
            task.cancel()
        self._server.close_port(one.name)
        while True:
            try:
                await self.api.delete(path)
                await self.api.delete(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{one.name}")
                break
            except (KubeError, httpx.HTTPError, OSError) as error:
                log.warning("node %s: %s", one.name, error)
                await asyncio.sleep(1.0)
        self.nodes.pop(one.name, None)
        (self._state / "taints" / f"{one.name}.json").unlink(missing_ok=True)
        log.info("node %s is gone", one.name)

    # --- pods

    def _pod_changed(self, state: NodeState, kind: str, pod: Json) -> None:
        if not self._leads:
            return
        uid = pod["metadata"]["uid"]
        worker = self.workers.get(uid)
        if kind == "DELETED":
            if worker is None and self.runtime.with_files and self.folders(uid).root.exists():
                worker = self._work(state, pod)
            if worker is not None:
                worker.removed()
        elif worker is not None:
            worker.update(pod)
        elif _deleting(pod) or (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
            self._work(state, pod)

    def _work(self, state: NodeState, pod: Json) -> Worker:
        uid = pod["metadata"]["uid"]
        worker = Worker(self, state.config, pod, self._found.pop(uid, []))
        self.workers[uid] = worker
        return worker


def _deleting(pod: Json) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _record(folders: PodFolders) -> Json:
    try:
        found: Json = json.loads((folders.root / "pod.json").read_text())
        return found
    except (OSError, ValueError):
        return {}
