# SPDX-License-Identifier: GPL-3.0-or-later
"""The region's block in the machine's hosts file: how its host names resolve. Everything else in the file stays.

Each region has a block of its own, by its name; written in one step, under a lock, so that several regions and a reader
in between never see half of one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

HOSTS = Path("/etc/hosts")


class HostsFile:
    """The block of one region."""

    def __init__(self, region: str, path: Path = HOSTS) -> None:
        self.region = region
        self.path = path
        self._begin = f"# okestack {region}: begin (localregion up made this, localregion down removes it)"
        self._end = f"# okestack {region}: end"
        self._block = re.compile(
            rf"^# okestack {re.escape(region)}: begin.*?^# okestack {re.escape(region)}: end *\n?",
            re.DOTALL | re.MULTILINE,
        )

    def write(self, names: Mapping[str, str]) -> None:
        """Let names (host name to address) resolve, and no others of this region; none: the block goes. Raises OSError,
        as where only root may write."""
        lines = [f"{address} {name}" for name, address in sorted(names.items())]
        block = "\n".join([self._begin, *lines, self._end, ""]) if lines else ""
        if not block and not self._block.search(self._text()):
            return  # nothing to remove: who may not write need not
        with self._locked() as file:
            before = file.read()
            kept = self._block.sub("", before)
            if block and kept and not kept.endswith("\n"):
                kept += "\n"
            if kept + block != before:
                self._replace(file, kept + block)

    def clear(self) -> None:
        """Remove the block, if it is there. Raises OSError."""
        self.write({})

    def _text(self) -> str:
        try:
            return self.path.read_text()
        except FileNotFoundError:
            return ""

    @contextlib.contextmanager
    def _locked(self) -> Iterator[TextIO]:
        """The file, open and locked; again where another has put a new one in its place meanwhile."""
        while True:
            with self.path.open("a+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                here, there = os.fstat(file.fileno()), self.path.stat()
                if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
                    file.seek(0)
                    yield file
                    return

    def _replace(self, file: TextIO, text: str) -> None:
        path = self.path.resolve()
        new = path.with_name(f".{path.name}.okestack-{self.region}")
        try:
            new.write_text(text)
            shutil.copystat(path, new)
            os.chown(new, path.stat().st_uid, path.stat().st_gid)
            new.replace(path)
        except OSError as error:
            new.unlink(missing_ok=True)
            if error.errno not in (errno.EBUSY, errno.EXDEV):
                raise
            # A container's hosts file is mounted there: it can be written, not replaced.
            file.seek(0)
            file.truncate()
            file.write(text)
            file.flush()
