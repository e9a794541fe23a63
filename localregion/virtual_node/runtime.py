# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs containers: podman, and a runtime that only says it runs them (density tests).

podman is asked through its API on a unix socket (host/podman.py): create 20 ms, start 120 ms (runc and conmon), list
15 ms. The kernel tells of an exit (pidfd), so nothing polls. Containers belong to conmon and outlive this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from localregion.host.podman import ContainerSpec as PodmanSpec
from localregion.host.podman import ContainerState as PodmanState
from localregion.host.podman import Credentials, Podman, PodmanError
from localregion.host.podman import Mount as PodmanMount
from localregion.host.process import lives
from localregion.virtual_node.containers import (
    ContainerSpec,
    ContainerState,
    Credential,
    Image,
    ImageError,
    RuntimeFailure,
    Usage,
)

log = logging.getLogger(__name__)

LABEL_POOL = "okestack.virtual-node-pool"
LABEL_POD = "okestack.pod-uid"
LABEL_CONTAINER = "okestack.container"
LABEL_ATTEMPT = "okestack.attempt"
# The exit code of a container of which nobody knows how it ended.
_LOST = 255
_NOT_STARTED = ("created", "configured", "initialized")


class PodmanRuntime:
    """Containers by the region's podman."""

    with_files = True

    def __init__(self, podman: Podman, pool: str) -> None:
        self._podman = podman
        self._pool = pool
        # Beside podman's socket: what cleans up after podman unmounts and removes it too.
        self.memory = podman.socket.parent / "memory"
        # runc and conmon start on few cores: more at once only make each slower.
        self._starts = asyncio.Semaphore(3)
        self._ends: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._followed: dict[str, list[int]] = {}
        self._lost: dict[str, float] = {}
        self._reaping: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Wait until podman's service answers. Raises RuntimeFailure after a minute."""
        for _ in range(300):
            if await self._podman.ping():
                await asyncio.to_thread(self._mount_memory)
                return
            await asyncio.sleep(0.2)
        raise RuntimeFailure(f"podman's service does not answer at {self._podman.socket}")

    def _mount_memory(self) -> None:
        self.memory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.memory.is_mount():
            return
        command = ["mount", "-t", "tmpfs", "-o", "mode=0700,nosuid,nodev", "okestack-memory", str(self.memory)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeFailure(f"no memory for volumes: {done.stderr.strip()}")

    async def close(self) -> None:
        """Close the connections; containers go on."""
        for number in list(self._followed):
            self._unfollow(number)
        await self._podman.close()

    async def image(self, name: str) -> Image | None:
        with _as_failures():
            found = await self._podman.image(name)
        if found is None:
            return None
        repository = name.partition("@")[0]
        if ":" in repository.rpartition("/")[2]:
            repository = repository.rpartition(":")[0]
        reference = f"{repository}@{found.digest}" if found.digest else f"sha256:{found.id}"
        return Image(found.id, reference, found.user)

    async def pull(self, name: str, credential: Credential | None) -> Image:
        # Names of this host are podman's own images: no registry has them (tests).
        if not name.startswith("localhost/"):
            keys = Credentials(credential.username, credential.password) if credential else None
            try:
                await self._podman.pull(name, credentials=keys, always=True, timeout=900.0)
            except PodmanError as error:
                raise ImageError("ErrImagePull", str(error)) from error
        found = await self.image(name)
        if found is None:
            raise ImageError("ErrImagePull", f"{name}: not found")
        return found

    async def create(self, spec: ContainerSpec) -> str:
        wanted = PodmanSpec(
            name=spec.name,
            image=spec.image_id,
            netns=spec.netns,
            command=spec.command,
            args=spec.args,
            env=spec.environment,
            working_dir=spec.working_dir or None,
            hostname=spec.hostname,
            user=spec.user or None,
            mounts=[
                PodmanMount(destination=mount.destination, source=Path(mount.source), read_only=mount.read_only)
                for mount in spec.mounts
            ],
            read_only=spec.read_only,
            privilege_escalation=not spec.no_new_privileges,
            cap_add=spec.add_capabilities,
            cap_drop=spec.drop_capabilities,
            cpus=spec.cpu_limit or None,
            memory=spec.memory_limit or None,
            labels={
                LABEL_POOL: self._pool,
                LABEL_POD: spec.pod_uid,
                LABEL_CONTAINER: spec.container,
                LABEL_ATTEMPT: str(spec.attempt),
            },
            log_file=Path(spec.log_path),
        )
        async with self._starts:
            with _as_failures():
                try:
                    return await self._podman.create(wanted)
                except PodmanError:
                    # Left by a start that was cut off.
                    await self._podman.remove(spec.name)
                    return await self._podman.create(wanted)

    async def run(self, container_id: str) -> None:
        async with self._starts:
            with _as_failures():
                await self._podman.start(container_id)
        state = await self.inspect(container_id)
        if state is not None and not state.running:
            self._ends.put_nowait((state.id, state.pod_uid))

    async def stop(self, container_id: str, grace: float) -> None:
        with _as_failures():
            if grace <= 0:
                await self._podman.kill(container_id)
            else:
                await self._podman.stop(container_id, max(int(grace + 0.999), 1))

    async def remove(self, container_id: str) -> None:
        with _as_failures():
            await self._podman.remove(container_id)
        self._lost.pop(container_id, None)

    async def inspect(self, container_id: str) -> ContainerState | None:
        with _as_failures():
            found = await self._podman.inspect(container_id)
        if found is None:
            return None
        labels = found.labels
        if found.id in self._lost:
            # podman goes on to call it running: nobody told it of the end.
            return ContainerState(
                found.id,
                labels.get(LABEL_POD, ""),
                labels.get(LABEL_CONTAINER, ""),
                int(labels.get(LABEL_ATTEMPT, 0)),
                False,
                found.started_at.timestamp() if found.started_at else 0.0,
                self._lost[found.id],
                _LOST,
            )
        self._follow(found)
        return ContainerState(
            found.id,
            labels.get(LABEL_POD, ""),
            labels.get(LABEL_CONTAINER, ""),
            int(labels.get(LABEL_ATTEMPT, 0)),
            found.running or found.status == "stopping",
            found.started_at.timestamp() if found.started_at else 0.0,
            found.finished_at.timestamp() if found.finished_at else 0.0,
            found.exit_code,
            found.oom_killed,
            found.status in _NOT_STARTED,
        )

    async def list(self) -> list[ContainerState]:
        with _as_failures():
            found = await self._podman.list({LABEL_POOL: self._pool})
        return [
            ContainerState(
                number,
                labels.get(LABEL_POD, ""),
                labels.get(LABEL_CONTAINER, ""),
                int(labels.get(LABEL_ATTEMPT, 0)),
                state in ("running", "paused", "stopping") and number not in self._lost,
                never_started=state in _NOT_STARTED,
            )
            for number, _, state, labels in found
        ]

    async def execute(self, container_id: str, command: Sequence[str], timeout: float) -> tuple[int | None, str]:
        # Not through podman: its exec costs three times as much and leaves a monitor behind for five minutes.
        process = await asyncio.create_subprocess_exec(
            "runc",
            "exec",
            container_id,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(timeout):
                output, _ = await process.communicate()
        except TimeoutError:
            return None, ""
        finally:
            if process.returncode is None:
                # runc hands it on to the command.
                process.terminate()
                self._reap(process)
        return process.returncode, output.decode("utf-8", "replace")

    def _reap(self, process: asyncio.subprocess.Process) -> None:
        async def reap() -> None:
            try:
                await asyncio.wait_for(process.wait(), 2.0)
            except TimeoutError:
                process.kill()
                await process.wait()

        task = asyncio.create_task(reap())
        self._reaping.add(task)
        task.add_done_callback(self._reaping.discard)

    async def usage(self, container_ids: Sequence[str]) -> dict[str, Usage]:
        with _as_failures():
            found = await self._podman.stats(container_ids)
            if container_ids and not found:
                # One that has ended meanwhile spoils the answer for all.
                running = {state.id for state in await self.list() if state.running}
                found = await self._podman.stats([number for number in container_ids if number in running])
        return {number: Usage(*values) for number, values in found.items()}

    async def exits(self) -> AsyncIterator[str]:
        """The pod uid of each container of the pool that ends, for ever."""
        while True:
            number, uid = await self._ends.get()
            # The process is gone a moment before podman knows how it ended.
            for _ in range(100):
                try:
                    state = await self.inspect(number)
                except RuntimeFailure:
                    break
                if state is None or not state.running:
                    break
                await asyncio.sleep(0.02)
            else:
                await self._lose(number)
            yield uid

    async def _lose(self, number: str) -> None:
        """Give a container up whose monitor was killed: podman never learns of its end, and what it writes goes
        nowhere."""
        with contextlib.suppress(PodmanError):
            found = await self._podman.inspect(number)
            if found is None or not found.running or lives(found.conmon):
                return
            if lives(found.pid):
                await asyncio.create_subprocess_exec("runc", "kill", found.id, "KILL")
            log.warning("container %s has lost its monitor and is given up", found.name)
            self._lost[found.id] = time.time()

    def _follow(self, found: PodmanState) -> None:
        """Be told when a container's process or its monitor ends. The kernel does it: podman's own event needs its
        clean-up to run."""
        if found.id in self._followed or not found.running or not found.pid:
            return
        uid = found.labels.get(LABEL_POD, "")
        handles: list[int] = []
        try:
            for number in (found.pid, found.conmon):
                if number:
                    handles.append(os.pidfd_open(number))
        except OSError:  # gone already
            for handle in handles:
                os.close(handle)
            self._ends.put_nowait((found.id, uid))
            return
        self._followed[found.id] = handles
        for handle in handles:
            asyncio.get_running_loop().add_reader(handle, self._ended, found.id, uid)

    def _ended(self, number: str, uid: str) -> None:
        self._unfollow(number)
        self._ends.put_nowait((number, uid))

    def _unfollow(self, number: str) -> None:
        for handle in self._followed.pop(number):
            asyncio.get_running_loop().remove_reader(handle)
            os.close(handle)


@contextlib.contextmanager
def _as_failures() -> Iterator[None]:
    try:
        yield
    except PodmanError as error:
        raise RuntimeFailure(str(error)) from error


class NullRuntime:
    """Runs nothing and says it does: containers are entries in a table, gone with the process."""

    with_files = False

    def __init__(self) -> None:
        self.memory = Path("/nowhere")
        self._table: dict[str, ContainerState] = {}
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def image(self, name: str) -> Image | None:
        return Image("none", name)

    async def pull(self, name: str, credential: Credential | None) -> Image:
        del credential
        return Image("none", name)

    async def create(self, spec: ContainerSpec) -> str:
        number = f"{next(self._numbers):064x}"
        self._table[number] = ContainerState(
            number, spec.pod_uid, spec.container, spec.attempt, False, never_started=True
        )
        return number

    async def run(self, container_id: str) -> None:
        old = self._table[container_id]
        self._table[container_id] = ContainerState(old.id, old.pod_uid, old.container, old.attempt, True, time.time())

    async def stop(self, container_id: str, grace: float) -> None:
        del grace
        old = self._table.get(container_id)
        if old and old.running:
            self._table[container_id] = ContainerState(
                old.id, old.pod_uid, old.container, old.attempt, False, old.started_at, time.time(), 0
            )

    async def remove(self, container_id: str) -> None:
        self._table.pop(container_id, None)

    async def inspect(self, container_id: str) -> ContainerState | None:
        return self._table.get(container_id)

    async def list(self) -> list[ContainerState]:
        return list(self._table.values())

    async def execute(self, container_id: str, command: Sequence[str], timeout: float) -> tuple[int | None, str]:
        raise RuntimeFailure("there are no containers here")

    async def usage(self, container_ids: Sequence[str]) -> dict[str, Usage]:
        return {number: Usage(0.0, 0) for number in container_ids}

    async def exits(self) -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield ""
