# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of one pool: one leads and does the work, the others answer beside it and take over.

They share a folder. Who holds the lock of its file leads; the kernel gives the lock back with the process. Each writes
down when it last was alive, by the clock that all processes share. One that is there, and has not been alive for
`HUNG` seconds, hangs: another kills it. Its port then takes no more connections, and the lock is free. Who started the
processes starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import time
from pathlib import Path

log = logging.getLogger(__name__)

HUNG = 6.0
_BEAT = 1.0
_TRY = 0.2


class Member:
    """This process among those of its pool. `folder` lies on the machine, and is root's."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.leads = False
        self._folder = folder
        self._lock: int | None = None

    async def lead(self) -> None:
        """Wait until nobody else leads, and lead until the process ends."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_TRY)
        self.leads = True
        self.beat()
        log.info("%s leads", self.name)

    async def watch(self) -> None:
        """Say that this process is alive, and end those that are not, until cancelled."""
        while True:
            before = time.monotonic()
            try:
                self.beat()
            except OSError as error:
                log.warning("%s: %s", self._folder, error)
            await asyncio.sleep(_BEAT)
            # Whoever stood still itself (a stopped machine) knows nothing about the others.
            if time.monotonic() - before < 2 * _BEAT:
                self.end_the_hung()

    def beat(self) -> None:
        """Write down that this process is alive. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = {"pid": os.getpid(), "begun": _begun(os.getpid()), "at": time.monotonic(), "leads": self.leads}
        temporary = self._folder / f".{self.name}"
        temporary.write_text(json.dumps(state))
        temporary.replace(self._folder / f"{self.name}.json")

    def end_the_hung(self) -> None:
        """Kill the other processes that are there and have not been alive for a while."""
        for path in self._folder.glob("*.json"):
            if path.stem == self.name:
                continue
            try:
                state = json.loads(path.read_text())
                pid, silent = int(state["pid"]), time.monotonic() - float(state["at"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
            # A number is given again: only the very process that wrote this.
            if silent < HUNG or pid == os.getpid() or _begun(pid) != state.get("begun"):
                continue
            log.warning("%s has not been alive for %.0f s: killed", path.stem, silent)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _begun(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
