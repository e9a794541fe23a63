# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of a pod: started, watched, stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from localregion.host.containers import ContainerState
from localregion.virtual_node import env, pods
from localregion.virtual_node.container_spec import container_spec
from localregion.virtual_node.containers import ImageError, RuntimeFailure, attempt, container_name
from localregion.virtual_node.hooks import run_hook
from localregion.virtual_node.pod_images import PodImages
from localregion.virtual_node.pod_state import PodState
from localregion.virtual_node.pods import ContainerRun, Terminated
from localregion.virtual_node.probing import Prober

log = logging.getLogger(__name__)

Json = dict[str, Any]

_CONFIG_RETRY = 5.0
# An image that the region still makes is asked for again after this long.
_MAKING_RETRY = 2.0


class PodContainers:
    """The containers of one pod; does what the worker decides. ``changed`` wakes the worker."""

    def __init__(self, pod: PodState, changed: Callable[[], None]) -> None:
        self._pod = pod
        self._changed = changed
        self._images = PodImages(pod)
        self._looking = True
        self._stopped: set[str] = set()
        self._pull_delays: dict[str, float] = {}
        self.prober = Prober(pod.host, pod.run, lambda: pod.doc, changed, self._kill, pod.event)

    def look_again(self) -> None:
        """A container may have ended."""
        self._looking = True
        self._changed()

    async def adopt(self, found: list[ContainerState]) -> None:
        """Take over containers that an earlier process started."""
        newest: dict[str, ContainerState] = {}
        for state in found:
            name = container_name(state)
            if name in self._pod.run.containers and not state.never_started:
                old = newest.get(name)
                if old is None or attempt(old) < attempt(state):
                    newest[name] = state
        for name, listed in newest.items():
            one = self._pod.run.containers[name]
            now = await self._pod.host.runtime.inspect(listed.id)
            if now is None:
                continue
            one.created_before = True
            if one.container_id != now.id:
                # Started, but the API server does not know.
                one.started = one.ready = False
            same = one.container_id == now.id
            known = same and one.terminated and one.terminated.reason != "Unknown"
            one.container_id, one.restart_count = now.id, attempt(now)
            if now.running or not known:
                one.state, one.reason, one.message, one.terminated = "running", "", "", None
                # To the second it may be another one than the pod says: podman's clock reads before ours.
                one.started_at = one.started_at if same and one.started_at else now.started_at
                # If it has ended, `look` notices that.
                self._looking = True
                if now.running:
                    self.prober.watch(name)

    async def look(self) -> None:
        """Note the containers that have ended, after `look_again`."""
        if not self._looking:
            return
        self._looking = False
        for one in self._pod.run.containers.values():
            if one.state == "running":
                state = await self._pod.host.runtime.inspect(one.container_id)
                if state is None or not state.running:
                    self._note_exit(one, self._how(one, state))

    def _how(self, one: ContainerRun, state: ContainerState | None) -> Terminated:
        now = time.time()
        if state is None:
            return Terminated(137, "ContainerStatusUnknown", "", one.started_at, now, one.container_id)
        # podman misses an out-of-memory kill of a container's first process on cgroup v1: a container with a memory
        # limit that was killed, but not from here, ran out of memory.
        container = self._pod.container(one.name)
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
        self.prober.stop(one.name)
        meta = self._pod.doc["metadata"]
        title = f"{meta['name']}_{meta['namespace']}({self._pod.uid})"
        pods.note_exit(one, end, self._pod.doc["spec"].get("restartPolicy", "Always"), title, time.time())
        if one.reason == "CrashLoopBackOff":
            self._pod.event("BackOff", f"Back-off restarting failed container {one.name} in pod {title}", warning=True)

    # Long: one start from its image to its probes, with each way in which it can fail.
    async def start(self, name: str) -> None:
        """Start a container."""
        pod = self._pod
        container = pod.container(name)
        one = pod.run.containers[name]
        before = one.container_id
        number = one.restart_count + 1 if one.created_before else 0
        runtime = pod.host.runtime
        try:
            if making := await self._images.making(container["image"]):
                pods.note_waiting(one, "ContainerCreating", making, time.time() + _MAKING_RETRY)
                return
            image = await self._images.of(container, number)
            assert pod.attachment is not None
            spec = await container_spec(
                pod.host, pod.node, pod.doc, pod.attachment, pod.folders, container, number, image
            )
            if before:
                await runtime.remove(before)
            made = await pod.unbroken(runtime.create(spec))
        except ImageError as error:
            await self._no_image(one, container["image"], error)
            return
        except env.ConfigError as error:
            pod.event("Failed", f"Error: {error}", warning=True)
            pods.note_waiting(one, "CreateContainerConfigError", str(error), time.time() + _CONFIG_RETRY)
            return
        except RuntimeFailure as error:
            pod.event("Failed", f"Error: {error}", warning=True)
            pods.note_waiting(one, "CreateContainerError", str(error), time.time() + pods.BACKOFF_FIRST)
            # Its network namespace may be gone: asking for the VNIC again makes a new one.
            pod.attachment = None
            return
        self._pull_delays.pop(name, None)
        if pod.host.runtime.with_files:
            pod.event("Created", f"Container created: {name}")
        try:
            await pod.unbroken(runtime.run(made))
        except RuntimeFailure as error:
            pod.event("Failed", f"Error: {error}", warning=True)
            now = time.time()
            pods.note_running(one, made, image.reference, now)
            self._note_exit(one, Terminated(128, "StartError", str(error), 0.0, now, made))
            return
        pods.note_running(one, made, image.reference, time.time())
        if pod.host.runtime.with_files:
            pod.event("Started", f"Container started: {name}")
        problem = await run_hook(pod, container, "postStart")
        if problem:
            pod.event("FailedPostStartHook", problem, warning=True)
            self._stopped.add(made)
            await runtime.stop(made, pod.host.config.termination_grace_seconds)
            self.look_again()
            return
        self.prober.watch(name)

    async def _no_image(self, one: ContainerRun, image: str, error: ImageError) -> None:
        delay = self._pull_delays[one.name] = pods.next_pull_delay(self._pull_delays.get(one.name, 0.0))
        retry = time.time() + delay
        self._pod.event("Failed", f'Failed to pull image "{image}": {error.message}', warning=True)
        self._pod.event("Failed", f"Error: {error.reason}", warning=True)
        pods.note_waiting(one, error.reason, error.message, retry)
        if error.reason == "ErrImagePull":
            await self._pod.publish()
            message = f'Back-off pulling image "{image}": {error.reason}: {error.message}'
            pods.note_waiting(one, "ImagePullBackOff", message, retry)
            self._pod.event("BackOff", f'Back-off pulling image "{image}"')

    async def _kill(self, container: Json, container_id: str) -> None:
        self._stopped.add(container_id)
        problem = await run_hook(self._pod, container, "preStop")
        if problem:
            self._pod.event("FailedPreStopHook", problem, warning=True)
        try:
            await self._pod.host.runtime.stop(container_id, self._pod.host.config.termination_grace_seconds)
        except RuntimeFailure as error:
            log.warning("%s: %s", self._pod.name, error)
        self.look_again()

    async def stop_all(self, grace: float) -> None:
        """Stop running containers side by side and note how they ended; kill them as soon as the pod is gone."""
        running = [
            container
            for container in self._pod.doc["spec"]["containers"]
            if self._pod.run.containers[container["name"]].state == "running"
        ]
        for container in running:
            self.prober.stop(container["name"])
            self._stopped.add(self._pod.run.containers[container["name"]].container_id)
            if self._pod.host.runtime.with_files:
                self._pod.event("Killing", f"Stopping container {container['name']}")

        async def one_stop(container: Json) -> None:
            one = self._pod.run.containers[container["name"]]
            began = time.monotonic()
            if grace:
                try:
                    problem = await asyncio.wait_for(run_hook(self._pod, container, "preStop"), grace)
                except TimeoutError:
                    problem = f"preStop hook of {one.name} timed out"
                if problem:
                    self._pod.event("FailedPreStopHook", problem, warning=True)
            left = max(grace - (time.monotonic() - began), 2.0) if grace else 0.0
            await self._pod.host.runtime.stop(one.container_id, left)

        stops = [asyncio.create_task(one_stop(container)) for container in running]
        hurry = asyncio.create_task(self._hurry(running) if grace else asyncio.sleep(0))
        try:
            await asyncio.gather(*stops)
        finally:
            for task in (hurry, *stops):
                task.cancel()
            await asyncio.gather(hurry, *stops, return_exceptions=True)
        for container in running:
            one = self._pod.run.containers[container["name"]]
            end = self._how(one, await self._pod.host.runtime.inspect(one.container_id))
            one.state, one.terminated, one.started, one.ready = "terminated", end, False, False

    async def _hurry(self, running: list[Json]) -> None:
        """Kill what is being stopped as soon as nobody waits for it any more."""
        await self._pod.gone.wait()
        for container in running:
            await self._pod.host.runtime.stop(self._pod.run.containers[container["name"]].container_id, 0)
