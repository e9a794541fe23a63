# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs containers: podman, and a runtime that only says it runs them (density tests).

podman is asked through its API on a unix socket (host/podman.py): create 20 ms, start 120 ms (runc and conmon), list
15 ms. The kernel reports an exit (pidfd), so nothing polls. Containers belong to conmon and outlive this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import logging
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from localregion.host.containers import ContainerSpec, ContainerState, Credentials
from localregion.host.podman import Podman, PodmanError
from localregion.host.process import lives
from localregion.virtual_node.containers import ImageError, LocalImage, RuntimeFailure, Usage, pod_uid

log = logging.getLogger(__name__)

LABEL_POOL = "okestack.virtual-node-pool"
# The exit code of a container of which nobody knows how it ended.
_LOST = 255


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
        # One at a time: a second mount would hide what another process has put into the first.
        with self.memory.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
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

    async def image(self, name: str) -> LocalImage | None:
        with _as_failures():
            found = await self._podman.image(name)
        if found is None:
            return None
        repository = name.partition("@")[0]
        if ":" in repository.rpartition("/")[2]:
            repository = repository.rpartition(":")[0]
        reference = f"{repository}@{found.digest}" if found.digest else f"sha256:{found.id}"
        return LocalImage(found.id, reference, found.user)

    async def pull(self, name: str, credentials: Credentials | None) -> LocalImage:
        # Names of this host are podman's own images: no registry has them (tests).
        if not name.startswith("localhost/"):
            try:
                await self._podman.pull(name, credentials=credentials, always=True, timeout=900.0)
            except PodmanError as error:
                raise ImageError("ErrImagePull", str(error)) from error
        found = await self.image(name)
        if found is None:
            raise ImageError("ErrImagePull", f"{name}: not found")
        return found

    async def create(self, spec: ContainerSpec) -> str:
        wanted = replace(spec, labels={**spec.labels, LABEL_POOL: self._pool})
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
            self._ends.put_nowait((state.id, pod_uid(state)))

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
        if found.id in self._lost:
            # podman still calls it running: it did not notice the end.
            return replace(found, running=False, finished_at=self._lost[found.id], exit_code=_LOST)
        self._follow(found)
        return found

    async def list(self) -> list[ContainerState]:
        with _as_failures():
            found = await self._podman.list({LABEL_POOL: self._pool})
        return [replace(one, running=one.running and one.id not in self._lost) for one in found]

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

    def _follow(self, found: ContainerState) -> None:
        """Watch for the end of a container's process or its monitor. The kernel does it: podman's own event needs its
        clean-up to run."""
        if found.id in self._followed or not found.running or not found.pid:
            return
        uid = pod_uid(found)
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

    async def image(self, name: str) -> LocalImage | None:
        return LocalImage("none", name)

    async def pull(self, name: str, credentials: Credentials | None) -> LocalImage:
        del credentials
        return LocalImage("none", name)

    async def create(self, spec: ContainerSpec) -> str:
        number = f"{next(self._numbers):064x}"
        self._table[number] = ContainerState(
            id=number, name=spec.name, status="created", running=False, labels=spec.labels
        )
        return number

    async def run(self, container_id: str) -> None:
        old = self._table[container_id]
        self._table[container_id] = replace(old, status="running", running=True, started_at=time.time())

    async def stop(self, container_id: str, grace: float) -> None:
        del grace
        old = self._table.get(container_id)
        if old and old.running:
            self._table[container_id] = replace(old, status="exited", running=False, finished_at=time.time())

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
