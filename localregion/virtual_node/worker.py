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
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from localregion.host.podman import REGISTRY_PREFIX
from localregion.virtual_node import admission, env, pods, probes, volumes
from localregion.virtual_node.api import MERGE, STRATEGIC, ApiError
from localregion.virtual_node.container_spec import container_spec
from localregion.virtual_node.containers import ContainerState, Image, ImageError, RuntimeFailure
from localregion.virtual_node.images import full_name
from localregion.virtual_node.network import NO_CAPACITY, Attachment, NetworkError
from localregion.virtual_node.pods import ContainerRun, PodRun, Terminated
from localregion.virtual_node.probing import Prober
from localregion.virtual_node.tokens import PodTokens

if TYPE_CHECKING:
    from localregion.virtual_node.config import VirtualNode
    from localregion.virtual_node.host import PodHost

log = logging.getLogger(__name__)

Json = dict[str, Any]
_T = TypeVar("_T")

# Of a pod: the OCID of its private IP.
PRIVATE_IP = "oci.oraclecloud.com/pod.info.private_ip_ocid"
RESOLVER = "169.254.169.254"
# Virtual Kubelet's word for a pod that its provider does not run.
REFUSED = "ProviderFailed"
_CONFIG_RETRY = 5.0
# An image that the region still makes is asked for again after this long.
_MAKING_RETRY = 2.0
# How often its pods say how long that has lasted.
_MAKING_TOLD = 15.0


class Worker:
    """The life of one pod. `update`, `removed` and `look` tell it what happened; none of them blocks."""

    def __init__(self, host: PodHost, node: VirtualNode, pod: Json, found: list[ContainerState]) -> None:
        self.host = host
        self.node = node
        self.pod = pod
        self.uid: str = pod["metadata"]["uid"]
        self.run = pods.recall(pod, time.time()) if host.runtime.with_files else PodRun.of(pod["spec"])
        self.folders = host.folders(self.uid)
        self.attachment: Attachment | None = None
        self._found = found
        self._admitted = False
        self._mounted = False
        self._looking = True
        self._tokens = PodTokens(host, self.folders)
        self._pull_delays: dict[str, float] = {}
        self._making_told: dict[str, tuple[float, str]] = {}
        self._delay = 0.0
        self._wake = asyncio.Event()
        self._ending = asyncio.Event()
        self._now = asyncio.Event()
        self._sent = ""
        self._prober = Prober(host, self.run, lambda: self.pod, self._wake.set, self._kill, self._event)
        self._sending = asyncio.Lock()
        self._stopped: set[str] = set()
        self._busy: asyncio.Task[Any] | None = None
        if pod["metadata"].get("deletionTimestamp"):
            self._ending.set()
        self.task = asyncio.create_task(self._live(), name=f"pod {self.name}")

    @property
    def name(self) -> str:
        """namespace/name."""
        return f"{self.pod['metadata']['namespace']}/{self.pod['metadata']['name']}"

    def update(self, pod: Json) -> None:
        """The pod has changed in the API server."""
        if int(pod["metadata"]["resourceVersion"]) >= int(self.pod["metadata"]["resourceVersion"]):
            self.pod = pod
        if pod["metadata"].get("deletionTimestamp"):
            if pod["metadata"].get("deletionGracePeriodSeconds") == 0:
                self._now.set()
            self._ending.set()
        self._wake.set()

    def removed(self) -> None:
        """The pod has gone from the API server."""
        self._now.set()
        self._ending.set()
        self._wake.set()

    def look(self) -> None:
        """A container of the pod may have ended."""
        self._looking = True
        self._wake.set()

    def stop(self) -> list[asyncio.Task[None]]:
        """Leave the pod as it is (the process ends); the tasks to wait for."""
        tasks = [self.task, *self._prober.tasks()]
        for task in tasks:
            task.cancel()
        return tasks

    # --- the loop

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
                except (RuntimeFailure, NetworkError, ApiError, httpx.HTTPError, OSError) as error:
                    log.warning("%s: not ended yet: %s: %s", self.name, type(error).__name__, error)
                    await asyncio.sleep(self._next_delay())
        finally:
            ending.cancel()
            if work is not None:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
        self.host.finished(self.uid)

    def _result(self, work: asyncio.Task[float | None]) -> float | None:
        try:
            return work.result()
        except (ApiError, httpx.HTTPError, RuntimeFailure, OSError) as error:
            log.info("%s: %s: %s", self.name, type(error).__name__, error)
        except Exception as error:
            log.exception("%s", self.name)
            self._event("FailedSync", f"error syncing pod: {type(error).__name__}", warning=True)
        return time.time() + self._next_delay()

    def _next_delay(self) -> float:
        self._delay = min(self._delay * 2 or 0.5, 30.0)
        return self._delay

    async def _sync(self) -> float | None:
        spec, run = self.pod["spec"], self.run
        if (self.pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") and not self._admitted:
            return None
        if not self._admitted:
            found = admission.problems(self.pod)
            self._admitted = True
            if found:
                run.refusal = (REFUSED, f"Error creating pod: [{'; '.join(found)}]")
                self._event("ProviderCreateFailed", run.refusal[1], warning=True)
        if run.refusal:
            await self._push()
            return None
        if not run.start_time:
            run.start_time = pods.seconds((self.pod.get("status") or {}).get("startTime")) or time.time()
            if self.host.runtime.with_files:
                await self._push()
        if not await self._prepare():
            await self._push()
            return time.time() + self._next_delay()
        self._delay = 0.0
        await self._look()
        decision = pods.decide(spec, run, time.time())
        if decision.expired:
            await self._expire()
        for name in decision.start:
            await self._start(name)
        await self._push()
        wake = pods.decide(spec, run, time.time()).wake_at
        renew = await self._tokens.renew(self.pod) if self._mounted and self.host.runtime.with_files else None
        moments = [moment for moment in (wake, renew) if moment is not None]
        return min(moments) if moments else None

    async def _prepare(self) -> bool:
        """VNIC and volumes. False if something is missing; an event says what."""
        if self.attachment is None:
            try:
                # Not of a pod that has begun: its container instance exists already.
                missing = [] if self.run.ip else await self.host.network.forbidden()
                if missing:
                    self._wait_for(
                        "FailedCreatePodSandBox",
                        "Failed to create the pod's container instance: NotAuthorizedOrNotFound: no policy of the root"
                        " compartment lets virtual nodes associate compute-container-instances with"
                        f" {', '.join(missing)} (Required IAM Policies for Using Virtual Nodes)",
                    )
                    return False
                await self._unbroken(self._attach())
            except NetworkError as error:
                if error.code == NO_CAPACITY:
                    self._wait_for("ProviderCreateFailed", f"Error creating pod: [{error}]")
                else:
                    self._wait_for("FailedCreatePodSandBox", f"Failed to attach the pod's VNIC: {error}")
                return False
        if not self._mounted and self.host.runtime.with_files:
            try:
                await self._mount()
            except volumes.VolumeError as error:
                self._event("FailedMount", f"MountVolume.SetUp failed: {error}", warning=True)
                return False
        self._mounted = True
        if self._found:
            await self._adopt()
        return True

    def _wait_for(self, reason: str, message: str) -> None:
        """Say in an event and in the containers' status what the pod waits for."""
        self._event(reason, message, warning=True)
        for one in self.run.containers.values():
            if one.state == "waiting" and one.reason == "ContainerCreating":
                one.message = message

    async def _attach(self) -> None:
        attachment = self.attachment = await self.host.network.attach(self.node, self.pod)
        self.run.ip = attachment.ip
        for one in self.run.containers.values():
            one.message = "" if one.state == "waiting" and one.reason == "ContainerCreating" else one.message
        meta = self.pod["metadata"]
        if attachment.private_ip_id and (meta.get("annotations") or {}).get(PRIVATE_IP) != attachment.private_ip_id:
            body = {"metadata": {"uid": self.uid, "annotations": {PRIVATE_IP: attachment.private_ip_id}}}
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
            await self.host.api.call("PATCH", path, body, content_type=MERGE)
        if self.host.runtime.with_files:
            self.folders.make()
            record = {"name": self.name, "vnic": attachment.vnic_id, "ip": attachment.ip, "netns": attachment.netns}
            (self.folders.root / "pod.json").write_text(json.dumps(record))

    async def _unbroken(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do something to its end even if the pod is deleted meanwhile: what is half made could not be undone."""
        task = self._busy = asyncio.create_task(work)
        return await asyncio.shield(task)

    async def _mount(self) -> None:
        """Make the volumes. What a ConfigMap or a Secret held when the pod began stays, also over a restart of us."""
        spec = self.pod["spec"]
        marker = self.folders.root / "mounted"
        tokens = {need: await self._tokens.ask(self.pod, need) for need in volumes.token_needs(spec)}
        if marker.exists():
            for volume in spec.get("volumes") or ():
                if "emptyDir" in volume:
                    self.folders.write(volume, None)
            for need, token in tokens.items():
                self._tokens.write(self.pod, need, token)
            return
        objects = await self.host.read(self.pod, volumes.references(spec))
        for volume in spec.get("volumes") or ():
            self.folders.write(volume, volumes.render(volume, self.pod, objects, tokens))
        meta = self.pod["metadata"]
        config = self.host.config
        name = env.hostname(self.pod)
        sub = spec.get("subdomain")
        domain = f"{sub}.{meta['namespace']}.svc.{config.cluster_domain}" if sub else ""
        self.folders.etc("hosts", env.hosts_file(self.run.ip, name, domain, spec.get("hostAliases") or ()))
        self.folders.etc(
            "resolv.conf",
            env.resolv_conf(spec, meta["namespace"], config.cluster_dns, config.cluster_domain, RESOLVER),
        )
        self.folders.etc("hostname", name + "\n")
        marker.touch()

    # --- containers

    async def _adopt(self) -> None:
        """Take over containers that an earlier process started."""
        newest: dict[str, ContainerState] = {}
        for state in self._found:
            if state.container in self.run.containers and not state.never_started:
                old = newest.get(state.container)
                if old is None or old.attempt < state.attempt:
                    newest[state.container] = state
        for name, listed in newest.items():
            one = self.run.containers[name]
            found = await self.host.runtime.inspect(listed.id)
            if found is None:
                continue
            one.created_before = True
            if one.container_id != found.id:
                # Started, but never told to the API server.
                one.started = one.ready = False
            told = one.container_id == found.id and one.terminated and one.terminated.reason != "Unknown"
            one.container_id, one.restart_count = found.id, found.attempt
            if found.running or not told:
                one.state, one.reason, one.message, one.terminated = "running", "", "", None
                one.started_at = found.started_at
                # One that has ended is noticed by the look that follows.
                self._looking = True
                if found.running:
                    self._prober.watch(name)
        self._found = []

    async def _look(self) -> None:
        """Take note of containers that have ended."""
        if not self._looking:
            return
        self._looking = False
        for one in self.run.containers.values():
            if one.state == "running":
                state = await self.host.runtime.inspect(one.container_id)
                if state is None or not state.running:
                    self._note_exit(one, self._how(one, state))

    def _how(self, one: ContainerRun, state: ContainerState | None) -> Terminated:
        now = time.time()
        if state is None:
            return Terminated(137, "ContainerStatusUnknown", "", one.started_at, now, one.container_id)
        # podman misses an out-of-memory kill of a container's first process on cgroup v1: what nobody here killed
        # although it had a memory limit was that.
        container = next(c for c in self.pod["spec"]["containers"] if c["name"] == one.name)
        limited = bool(((container.get("resources") or {}).get("limits") or {}).get("memory"))
        killed = state.exit_code == 137 and limited and one.container_id not in self._stopped
        return Terminated(
            state.exit_code,
            pods.exit_reason(state.exit_code, state.oom_killed or killed),
            "",
            state.started_at or one.started_at,
            state.finished_at or now,
            state.id,
        )

    def _note_exit(self, one: ContainerRun, end: Terminated) -> None:
        self._prober.stop(one.name)
        meta = self.pod["metadata"]
        title = f"{meta['name']}_{meta['namespace']}({self.uid})"
        pods.note_exit(one, end, self.pod["spec"].get("restartPolicy", "Always"), title, time.time())
        if one.reason == "CrashLoopBackOff":
            self._event("BackOff", f"Back-off restarting failed container {one.name} in pod {title}", warning=True)

    async def _start(self, name: str) -> None:
        container = next(c for c in self.pod["spec"]["containers"] if c["name"] == name)
        one = self.run.containers[name]
        before = one.container_id
        attempt = one.restart_count + 1 if one.created_before else 0
        runtime = self.host.runtime
        try:
            if making := await self._making(container["image"]):
                pods.note_waiting(one, "ContainerCreating", making, time.time() + _MAKING_RETRY)
                return
            image = await self._image(container, attempt)
            assert self.attachment is not None
            spec = await container_spec(
                self.host, self.node, self.pod, self.attachment, self.folders, container, attempt, image
            )
            if before:
                await runtime.remove(before)
            made = await self._unbroken(runtime.create(spec))
        except ImageError as error:
            await self._no_image(one, container["image"], error)
            return
        except env.ConfigError as error:
            self._event("Failed", f"Error: {error}", warning=True)
            pods.note_waiting(one, "CreateContainerConfigError", str(error), time.time() + _CONFIG_RETRY)
            return
        except RuntimeFailure as error:
            self._event("Failed", f"Error: {error}", warning=True)
            pods.note_waiting(one, "CreateContainerError", str(error), time.time() + pods.BACKOFF_FIRST)
            # Perhaps its network namespace is gone: asking for the VNIC again makes it anew.
            self.attachment = None
            return
        self._pull_delays.pop(name, None)
        if self.host.runtime.with_files:
            self._event("Created", f"Container created: {name}")
        try:
            await self._unbroken(runtime.run(made))
        except RuntimeFailure as error:
            self._event("Failed", f"Error: {error}", warning=True)
            now = time.time()
            pods.note_running(one, made, image.reference, now)
            self._note_exit(one, Terminated(128, "StartError", str(error), 0.0, now, made))
            return
        pods.note_running(one, made, image.reference, time.time())
        if self.host.runtime.with_files:
            self._event("Started", f"Container started: {name}")
        problem = await self._hook(container, "postStart")
        if problem:
            self._event("FailedPostStartHook", problem, warning=True)
            self._stopped.add(made)
            await runtime.stop(made, self.host.config.termination_grace_seconds)
            self.look()
            return
        self._prober.watch(name)

    async def _making(self, image: str) -> str:
        """What an image of the region's own still waits for: until then its pull simply lasts, so that no back-off
        delays a pod and nobody takes it for broken."""
        prefix, _, name = full_name(image).partition("/")
        if prefix != REGISTRY_PREFIX or not self.host.runtime.with_files:
            return ""
        try:
            making = await self.host.network.making(name)
        except NetworkError as error:
            log.info("%s: %s: %s", self.name, image, error)
            return ""
        when, told = self._making_told.get(image, (0.0, ""))
        # All but the time that it has taken, which is another each second.
        same = told.rpartition(",")[0] == making.rpartition(",")[0]
        if making and same and told and time.monotonic() - when < _MAKING_TOLD:
            return told
        if making:
            self._making_told[image] = (time.monotonic(), making)
            self._event("Pulling", f'Pulling image "{image}": {making}', topic=f"making {image}")
        return making

    async def _image(self, container: Json, attempt: int) -> Image:
        name, policy = container["image"], container.get("imagePullPolicy", "IfNotPresent")
        images = self.host.images
        if policy == "Never" or (attempt and policy == "IfNotPresent"):
            here = await images.local(name)
            if here is not None:
                return here
            if policy == "Never":
                raise ImageError(
                    "ErrImageNeverPull", f'Container image "{name}" is not present with pull policy of Never'
                )
        if not self.host.runtime.with_files:
            return await images.pull(name, ())
        names = [entry["name"] for entry in self.pod["spec"].get("imagePullSecrets") or () if entry.get("name")]
        found = await self.host.read(self.pod, {env.Reference("secret", secret) for secret in names})
        self._event("Pulling", f'Pulling image "{name}"')
        began = time.monotonic()
        image = await images.pull(name, [secret for secret in found.values() if secret])
        self._event("Pulled", f'Successfully pulled image "{name}" in {(time.monotonic() - began) * 1000:.0f}ms')
        return image

    async def _no_image(self, one: ContainerRun, image: str, error: ImageError) -> None:
        delay = self._pull_delays[one.name] = pods.next_pull_delay(self._pull_delays.get(one.name, 0.0))
        retry = time.time() + delay
        self._event("Failed", f'Failed to pull image "{image}": {error.message}', warning=True)
        self._event("Failed", f"Error: {error.reason}", warning=True)
        pods.note_waiting(one, error.reason, error.message, retry)
        if error.reason == "ErrImagePull":
            await self._push()
            message = f'Back-off pulling image "{image}": {error.reason}: {error.message}'
            pods.note_waiting(one, "ImagePullBackOff", message, retry)
            self._event("BackOff", f'Back-off pulling image "{image}"')

    async def _hook(self, container: Json, kind: str) -> str:
        """Run a lifecycle hook; what went wrong, empty if nothing did."""
        hook = (container.get("lifecycle") or {}).get(kind)
        if not hook or not self.host.runtime.with_files:
            return ""
        seconds = self.host.config.termination_grace_seconds
        one = self.run.containers[container["name"]]
        try:
            if "exec" in hook:
                code, output = await self.host.runtime.execute(one.container_id, hook["exec"]["command"], seconds)
                if code != 0:
                    return f"{kind} hook of {one.name} failed: {'timed out' if code is None else output.strip()}"
            elif "httpGet" in hook:
                target = probes.HttpTarget.of(hook["httpGet"], container, self.run.ip)
                result = await probes.http(target, seconds, self.host.version)
                if not result.ok:
                    return f"{kind} hook of {one.name} failed: {result.message}"
            elif "sleep" in hook:
                await asyncio.sleep(float(hook["sleep"]["seconds"]))
        except (RuntimeFailure, ValueError) as error:
            return f"{kind} hook of {one.name} failed: {error}"
        return ""

    async def _kill(self, container: Json, container_id: str) -> None:
        self._stopped.add(container_id)
        problem = await self._hook(container, "preStop")
        if problem:
            self._event("FailedPreStopHook", problem, warning=True)
        try:
            await self.host.runtime.stop(container_id, self.host.config.termination_grace_seconds)
        except RuntimeFailure as error:
            log.warning("%s: %s", self.name, error)
        self.look()

    # --- the end

    async def _expire(self) -> None:
        self._event("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        await self._stop_all(self.host.config.termination_grace_seconds)
        self.run.failure = (
            "DeadlineExceeded",
            "Pod was active on the node longer than the specified deadline",
        )

    async def _stop_all(self, grace: float) -> None:
        """Stop running containers side by side and note how they ended; at once when the pod is gone meanwhile."""
        running = [
            container
            for container in self.pod["spec"]["containers"]
            if self.run.containers[container["name"]].state == "running"
        ]
        for container in running:
            self._prober.stop(container["name"])
            self._stopped.add(self.run.containers[container["name"]].container_id)
            if self.host.runtime.with_files:
                self._event("Killing", f"Stopping container {container['name']}")

        async def one_stop(container: Json) -> None:
            one = self.run.containers[container["name"]]
            began = time.monotonic()
            if grace:
                try:
                    problem = await asyncio.wait_for(self._hook(container, "preStop"), grace)
                except TimeoutError:
                    problem = f"preStop hook of {one.name} timed out"
                if problem:
                    self._event("FailedPreStopHook", problem, warning=True)
            left = max(grace - (time.monotonic() - began), 2.0) if grace else 0.0
            await self.host.runtime.stop(one.container_id, left)

        stops = [asyncio.create_task(one_stop(container)) for container in running]
        hurry = asyncio.create_task(self._hurry(running) if grace else asyncio.sleep(0))
        try:
            await asyncio.gather(*stops)
        finally:
            for task in (hurry, *stops):
                task.cancel()
            await asyncio.gather(hurry, *stops, return_exceptions=True)
        for container in running:
            one = self.run.containers[container["name"]]
            end = self._how(one, await self.host.runtime.inspect(one.container_id))
            one.state, one.terminated, one.started, one.ready = "terminated", end, False, False

    async def _hurry(self, running: list[Json]) -> None:
        """Kill what is being stopped once nobody waits for it any more."""
        await self._now.wait()
        for container in running:
            await self.host.runtime.stop(self.run.containers[container["name"]].container_id, 0)

    async def _end(self) -> None:
        """Stop and remove everything of the pod, then the pod itself."""
        host = self.host
        if self._busy is not None:
            await asyncio.gather(self._busy, return_exceptions=True)
        self._prober.stop_all()
        if self._found and not self.run.ended:
            await self._adopt()
            self._prober.stop_all()
        grace = 0.0 if self._now.is_set() else host.config.termination_grace_seconds
        if not self.run.ended:
            await self._stop_all(grace)
            self.run.ended = True
        if not self._now.is_set():
            await self._push()
        if host.runtime.with_files:
            for state in await host.runtime.list():
                if state.pod_uid == self.uid:
                    await host.runtime.remove(state.id)
        else:
            for one in self.run.containers.values():
                await host.runtime.remove(one.container_id)
        await host.detach(self.uid, self.attachment)
        if host.runtime.with_files:
            await asyncio.to_thread(self.folders.remove)
        if not self._now.is_set() or self.pod["metadata"].get("deletionGracePeriodSeconds") == 0:
            meta = self.pod["metadata"]
            await host.api.delete(
                f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}",
                {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}},
            )

    # --- saying so

    def _event(self, reason: str, message: str, *, warning: bool = False, topic: str = "") -> None:
        self.host.events.note(self.pod, self.node.name, reason, message, warning=warning, topic=topic)

    async def _push(self) -> None:
        """Tell the API server the pod's status if it is another than before."""
        async with self._sending:
            status = pods.status(self.pod, self.run, self.node.address, time.time())
            text = json.dumps(status, sort_keys=True)
            if text == self._sent:
                return
            meta = self.pod["metadata"]
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status"
            body = {"metadata": {"uid": self.uid}, "status": status}
            try:
                answer = await self.host.api.call("PATCH", path, body, content_type=STRATEGIC)
            except ApiError as error:
                if error.status in (404, 409):  # gone, or another pod of its name
                    return
                raise
            self._sent = text
            if int(answer["metadata"]["resourceVersion"]) > int(self.pod["metadata"]["resourceVersion"]):
                self.pod = answer


__all__ = ["REFUSED", "PodRun", "Worker"]
