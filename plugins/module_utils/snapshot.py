# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of a play have read moments ago, shared by them: their workers are forks of one process.

Kept in memory only, until the run writes or waits for the first time, and for half a minute at the most. It decides
only that there is nothing to do, or what check mode shows; who finds something to do looks again
(`cloud.Session.look_again`). What a write of the run does not change (``lasting``: the home region, a server that
does not answer) is kept for the run, or until another answer is kept in its place.
Which plays share is decided by who knows their tasks (`plugin_utils/coming.py`).
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import pickle
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

SECONDS = 30.0
"""How old what was read may be."""
LARGEST, WHOLE = 4 << 20, 64 << 20
"""Bytes of one answer that is kept, and of all of them."""
_HEAD = struct.Struct("!32sdI")  # key, when it was asked for, bytes that follow


@dataclass(frozen=True)
class Kept:
    """An answer, and when it was asked for (`time.monotonic`, which all processes share)."""

    value: Any
    began: float


class Snapshot:
    """The answers of a run. `open` is called by Ansible's parent process, `enter` by each task that may share."""

    def __init__(self) -> None:
        self._file = -1
        self._ended = mmap.mmap(-1, 1)  # shared by all forks
        self._lock = threading.Lock()
        self._read = 0
        self._found: dict[bytes, tuple[float, bytes]] = {}
        self._play = ""

    def open(self) -> None:
        """Begins to keep, for this process and those that are forked from it."""
        if self._file < 0 and hasattr(os, "memfd_create"):
            self._file = os.memfd_create("okestack", os.MFD_CLOEXEC)

    def enter(self, play: str) -> None:
        """This process shares with the tasks of a play; "" ends that."""
        self._play = play

    def close(self) -> None:
        """Forgets all, and keeps no more."""
        if self._file >= 0:
            os.close(self._file)
        self.__init__()  # type: ignore[misc]

    def end(self) -> None:
        """The run changes something, or waits for a change: from now on every task reads for itself."""
        self._ended[0] = 1

    @property
    def is_open(self) -> bool:
        """Whether this process shares what it reads."""
        return self._file >= 0 and bool(self._play) and not self._ended[0]

    def get(self, key: bytes, lasting: bool = False) -> Kept | None:
        """The answer kept under a key; None where there is none that is believed."""
        if not self._shares(lasting):
            return None
        with self._locked():
            self._catch_up()
            found = self._found.get(key if lasting else self._of_play(key))
        if found is None or (not lasting and time.monotonic() - found[0] >= SECONDS):
            return None
        return Kept(pickle.loads(found[1]), found[0])

    def keep(self, key: bytes, value: Any, began: float, lasting: bool = False) -> None:
        """Keeps what was asked for at a moment; ``lasting``: for every play, until the run ends."""
        if not self._shares(lasting):
            return
        packed = pickle.dumps(value)
        if len(packed) > LARGEST:
            return
        row = _HEAD.pack(key if lasting else self._of_play(key), began, len(packed)) + packed
        with self._locked():
            size = os.fstat(self._file).st_size
            if size + len(row) <= WHOLE:
                os.pwrite(self._file, row, size)

    def _shares(self, lasting: bool) -> bool:
        return self._file >= 0 if lasting else self.is_open

    def _of_play(self, key: bytes) -> bytes:
        return key_of(self._play, key)

    def _catch_up(self) -> None:
        """Reads what others have kept meanwhile."""
        new = os.pread(self._file, os.fstat(self._file).st_size - self._read, self._read)
        at = 0
        while at < len(new):
            key, began, length = _HEAD.unpack_from(new, at)
            at += _HEAD.size + length
            self._found[key] = (began, new[at - length : at])
        self._read += len(new)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Among threads and processes; the system lets go of a killed worker's."""
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)


def key_of(*parts: Any) -> bytes:
    """Of all that decides an answer: who asks, whom, and what for."""
    return hashlib.sha256(repr(parts).encode()).digest()


SNAPSHOT = Snapshot()
"""The run's."""
