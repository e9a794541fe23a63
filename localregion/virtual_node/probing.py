# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the containers of a pod how they are, for as long as they run."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from localregion.virtual_node import probes
from localregion.virtual_node.containers import RuntimeFailure
from localregion.virtual_node.pods import ContainerRun, PodRun
from localregion.virtual_node.protocols import PodHost

log = logging.getLogger(__name__)

Json = dict[str, Any]


class Note(Protocol):
    """Writes an event of the pod."""

    def __call__(self, reason: str, message: str, *, warning: bool = False) -> None: ...


class Prober:
    """The probes of one pod.

    ``pod`` gives the pod as it is now; ``changed`` is called when a container has become (un)ready or started; ``kill``
    ends a container that is not alive; ``note`` writes an event.
    """

    def __init__(
        self,
        host: PodHost,
        run: PodRun,
        pod: Callable[[], Json],
        changed: Callable[[], None],
        kill: Callable[[Json, str], Awaitable[None]],
        note: Note,
    ) -> None:
        self._host = host
        self._run = run
        self._pod = pod
        self._changed = changed
        self._kill = kill
        self._event = note
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}

    def tasks(self) -> list[asyncio.Task[None]]:
        """All that are under way."""
        return [task for each in self._tasks.values() for task in each]

    def watch(self, name: str) -> None:
        """Start what asks a container that has just started (or been adopted) how it is."""
        container = next(c for c in self._pod()["spec"]["containers"] if c["name"] == name)
        one = self._run.containers[name]
        self.stop(name)
        kinds = ("startupProbe", "livenessProbe", "readinessProbe")
        asked = {kind: container[kind] for kind in kinds if container.get(kind)}
        if not self._host.runtime.with_files:
            asked = {}
        one.started = one.started or "startupProbe" not in asked
        one.ready = one.ready or "readinessProbe" not in asked
        self._tasks[name] = [
            asyncio.create_task(self._probe(one, container, kind, probe)) for kind, probe in asked.items()
        ]

    def stop(self, name: str) -> None:
        mine = asyncio.current_task()
        for task in self._tasks.pop(name, ()):
            if task is not mine:
                task.cancel()

    async def _probe(self, one: ContainerRun, container: Json, kind: str, probe: Json) -> None:
        period, timeout = float(probe.get("periodSeconds") or 10), float(probe.get("timeoutSeconds") or 1)
        tally = probes.Tally.of(probe)
        container_id = one.container_id
        initial = one.started_at + float(probe.get("initialDelaySeconds") or 0) - time.time()
        await asyncio.sleep(max(initial, 0.0))
        word = {"startupProbe": "Startup", "livenessProbe": "Liveness", "readinessProbe": "Readiness"}[kind]
        while one.container_id == container_id and one.state == "running":
            began = time.monotonic()
            if kind == "startupProbe" or one.started:
                try:
                    result = await self._ask(one, container, probe, timeout)
                except Exception as error:  # must not end the asking: the container would stay as it was seen last
                    log.exception("%s of %s", kind, one.name)
                    result = probes.Result(False, f"{type(error).__name__}: {error}")
                if one.container_id != container_id or one.state != "running":
                    return
                if not result.ok:
                    self._event("Unhealthy", f"{word} probe failed: {result.message}", warning=True)
                verdict = tally.note(result.ok)
                if kind == "readinessProbe" and verdict is not None and verdict != one.ready:
                    one.ready = verdict
                    self._changed()
                elif kind == "startupProbe" and verdict:
                    one.started = True
                    self._changed()
                    return
                elif kind != "readinessProbe" and verdict is False:
                    why = f"Container {one.name} failed {word.lower()} probe, will be restarted"
                    self._event("Killing", why)
                    await self._kill(container, container_id)
                    return
            # Until a container has started, look often: its other probes begin then.
            step = period if one.started or kind == "startupProbe" else min(period, 1.0)
            await asyncio.sleep(max(step - (time.monotonic() - began), 0.05))

    async def _ask(self, one: ContainerRun, container: Json, probe: Json, timeout: float) -> probes.Result:
        if "exec" in probe:
            try:
                code, output = await self._host.runtime.execute(
                    one.container_id, probe["exec"].get("command") or [], timeout
                )
            except RuntimeFailure as error:
                return probes.Result(False, str(error))
            return probes.exec_result(code, output, timeout)
        try:
            if "tcpSocket" in probe:
                port = probes.port_number(container, probe["tcpSocket"]["port"])
                return await probes.tcp(probe["tcpSocket"].get("host") or self._run.ip, port, timeout)
            target = probes.HttpTarget.of(probe["httpGet"], container, self._run.ip)
        except (KeyError, ValueError) as error:
            return probes.Result(False, f"probe cannot be asked: {error}")
        return await probes.http(target, timeout, self._host.version)

    def stop_all(self) -> None:
        """No longer ask any."""
        for name in list(self._tasks):
            self.stop(name)
