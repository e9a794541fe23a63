"""Programs of the region: run once, or supervised (started again when they die, gone when the daemon is).

A supervised program is started through `setpriv --pdeathsig`, so a daemon that is killed takes its programs with it,
and, in a network namespace, through `nsenter --net=` (`ip netns exec` would also hide /sys/fs/cgroup). The kernel
ties the signal to the thread that forks: start programs from the event loop of the daemon's main thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NETNS = Path("/var/run/netns")
_LOG_LIMIT = 64 * 1024 * 1024
_BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
_STEADY = 60.0
"""Seconds that a program must have lived for its next crash to be treated as the first."""
LONG = 86400.0
"""Seconds for work that lasts as long as the machine makes it (unpacking, installing, compiling): it ends only what
hangs."""

__all__ = ["LONG", "NETNS", "Completed", "Process", "ProcessError", "base_environment", "in_netns", "lives", "run"]


class ProcessError(Exception):
    """A program failed. The message names the program, its code and the end of what it said, never its arguments."""


def base_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a program of the region gets of the environment: enough to run, nothing of the user's."""
    path = os.environ.get("PATH", "")
    for folder in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        if folder not in path.split(":"):
            path = f"{path}:{folder}" if path else folder
    env = {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8"}
    env.update(extra or {})
    return env


def lives(number: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def in_netns(netns: str | None, argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` in a network namespace (None: the host's)."""
    if netns is None:
        return list(argv)
    return ["nsenter", f"--net={NETNS / netns}", "--", *argv]


@dataclass(frozen=True, slots=True)
class Completed:
    """What a finished program left behind."""

    returncode: int
    stdout: str
    stderr: str


async def run(
    argv: Sequence[str],
    *,
    netns: str | None = None,
    stdin: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 120.0,
    check: bool = True,
    tied: bool = False,
) -> Completed:
    """Run a program to its end. Raises ProcessError when it fails (with `check`), is missing or takes longer than
    `timeout` seconds; then, and when the caller is cancelled, it is asked to end, and killed with what it started.
    `tied`: it also ends when the daemon is killed (for what takes long). Secrets go through `stdin` or a file, not
    through `argv`."""
    name = Path(argv[0]).name
    line = ["setpriv", "--pdeathsig", "TERM", "--", *argv] if tied else argv
    try:
        process = await asyncio.create_subprocess_exec(
            *in_netns(netns, line),
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=base_environment(env),
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise ProcessError(f"{name} is not installed") from error
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate(data)
    except TimeoutError as error:
        await _end(process)
        raise ProcessError(f"{name} did not end within {timeout:.0f} s") from error
    except asyncio.CancelledError:
        await _end(process)
        raise
    result = Completed(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))
    if check and process.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip())[-2000:]
        raise ProcessError(f"{name} ended with {process.returncode}: {said}")
    return result


async def _end(process: asyncio.subprocess.Process, patience: float = 5.0) -> None:
    """End a process and its group: by SIGTERM, then by SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await process.wait()
                # The group outlives its leader when that did not wait for its children.
                if number is signal.SIGTERM:
                    continue
                return


class Process:
    """One supervised program.

    `start()` returns when it has been forked, not when it is ready: use `wait_ready`. When it dies and `restart` is
    true it is started again after 0.2, 0.5, ... up to 30 s. Standard output and error go to `log` (appended; begun
    again above 64 MiB, 0600 since programs may write what only root should read).
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        netns: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: tuple[int, int] | None = None,
        restart: bool = True,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_timeout: float = 10.0,
        death_signal: signal.Signals = signal.SIGKILL,
        nice: int = 0,
        on_exit: Callable[[int], None] | None = None,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.netns = netns
        self.env = dict(env or {})
        self.cwd = cwd
        self.user = user
        self.restart = restart
        self.stop_signal = stop_signal
        self.stop_timeout = stop_timeout
        self.death_signal = death_signal
        self.nice = nice
        self.on_exit = on_exit
        self.restarts = 0
        self.started_at = 0.0
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The process id while it runs. (setpriv and nsenter exec: it is the program's own.)"""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def returncode(self) -> int | None:
        """How its last process ended (negative: a signal); None while it runs."""
        return self._process.returncode if self._process is not None else None

    def command(self) -> list[str]:
        """What is executed, wrappers included."""
        # nsenter needs root, so it comes before the change of user; that change clears the signal, so it comes last.
        line: list[str] = []
        if self.nice:
            line += ["nice", "-n", str(self.nice)]
        if self.netns is not None:
            line += ["nsenter", f"--net={NETNS / self.netns}", "--"]
        if self.user is not None:
            uid, gid = self.user
            line += ["setpriv", "--reuid", str(uid), "--regid", str(gid), "--clear-groups", "--"]
        line += ["setpriv", "--pdeathsig", self.death_signal.name.removeprefix("SIG"), "--"]
        return line + self.argv

    async def start(self) -> None:
        """Start it; does nothing when it runs already."""
        if self._watch is not None and not self._watch.done():
            return
        self._stopping = False
        await self._spawn()
        self._watch = asyncio.create_task(self._supervise(), name=f"process {self.name}")

    async def _spawn(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.unlink()
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                env=base_environment(self.env),
                cwd=self.cwd,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise ProcessError(f"{self.name}: {error.filename} is not there") from error
        finally:
            os.close(handle)
        self.started_at = time.monotonic()

    async def _supervise(self) -> None:
        failures = 0
        while True:
            process = self._process
            assert process is not None
            code = await process.wait()
            # What it started goes with it: a worker left behind would hold its port.
            self._kill_group(process.pid)
            if self.on_exit is not None:
                self.on_exit(code)
            if self._stopping or not self.restart:
                return
            failures = 0 if time.monotonic() - self.started_at > _STEADY else failures
            await asyncio.sleep(_BACKOFF[min(failures, len(_BACKOFF) - 1)])
            if self._stopping:
                return
            failures += 1
            self.restarts += 1
            try:
                await self._spawn()
            except Exception as error:
                # Keep trying: a program that is being replaced is there again in a moment.
                with self.log.open("a") as log:
                    log.write(f"not started: {error}\n")

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal; ignored when it does not run."""
        if self.running and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self) -> None:
        """Ask it to end, kill it after `stop_timeout` seconds; its process group with it."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            self.send_signal(self.stop_signal)
            try:
                async with asyncio.timeout(self.stop_timeout):
                    await process.wait()
            except TimeoutError:
                self._kill_group(process.pid)
                await process.wait()
        if process is not None:
            self._kill_group(process.pid)
        if self._watch is not None:
            if self.running is False:
                self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        self._process = None

    @staticmethod
    def _kill_group(pid: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Wait for the end of a program that is not restarted; its return code (negative: a signal)."""
        if self._watch is not None:
            await asyncio.shield(self._watch)
        return self.returncode if self.returncode is not None else 0

    async def wait_ready(
        self, check: Callable[[], Awaitable[bool]], *, timeout: float = 300.0, interval: float = 0.1
    ) -> float:
        """Wait until `check()` is true; the seconds it took. Raises ProcessError with the end of the log when the
        program ends for good, dies five times, or is not ready in time."""
        begin = time.monotonic()
        restarts = self.restarts
        while True:
            with contextlib.suppress(OSError):
                if await check():
                    return time.monotonic() - begin
            if not self.running and (not self.restart or self._stopping):
                raise ProcessError(f"{self.name} ended with {self.returncode}: {self.log_end()}")
            if self.restarts - restarts >= 5:
                raise ProcessError(f"{self.name} dies at once ({self.returncode}): {self.log_end()}")
            if time.monotonic() - begin > timeout:
                raise ProcessError(f"{self.name} is not ready after {timeout:.0f} s: {self.log_end()}")
            await asyncio.sleep(interval)

    def log_end(self, characters: int = 1500) -> str:
        """The last lines of its log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - characters))
                return file.read().decode(errors="replace").strip()
        except OSError:
            return "(no log)"
