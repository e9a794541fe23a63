# SPDX-License-Identifier: GPL-3.0-or-later
"""MySQL itself, which no stable Debian has: fetched once out of Debian's unstable suite into the cache.

What lies there is what a server needs and no more: the programs, the plugins that the region uses, the libraries that
they load (the unstable suite's own, with their loader, so that they run on whatever is around them), and a template of
a data folder, since making one takes longer than all else. That suite moves: what was fetched stays, also in a bundle.

Layout: `<cache>/mysql/<key>/` with `bin/`, `lib/`, `plugin/`, `share/`, `data.tar` and `version`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import platform
import shutil
import tarfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from localregion.host.content import content_key
from localregion.host.process import LONG, ProcessError, run
from localregion.host.programs import RETRY_SECONDS, ProgramError, human_time

log = logging.getLogger(__name__)

SUITE = "sid"
PACKAGES = ("mysql-server-core", "mysql-client-core")
REVISION = "1"
"""Raised when something else is taken out of the packages, or the template is made in another way."""

_PROGRAMS = {"mysqld": "usr/sbin", "mysql": "usr/bin", "mysqlbinlog": "usr/bin"}
_PLUGINS = ("auth_socket.so", "component_reference_cache.so", "group_replication.so", "mysql_clone.so")
_TEMPLATE = "data.tar"
_BLOCK = 64 * 1024

INNODB = {
    "innodb-redo-log-capacity": "32M",
    "innodb-log-buffer-size": "4M",
    "innodb-use-native-aio": "OFF",
    "innodb-flush-method": "fsync",
    "innodb-buffer-pool-dump-at-shutdown": "OFF",
    "innodb-buffer-pool-load-at-startup": "OFF",
}
"""What the template is made with: a server of the same settings has nothing to resize."""


def mysql_key() -> str:
    """The folder's name in the cache."""
    return content_key(REVISION, SUITE, platform.machine(), *PACKAGES)


@dataclass(frozen=True)
class MysqlRoot:
    """MySQL's files in the cache."""

    folder: Path

    @property
    def version(self) -> str:
        """As the server says it, without the package's part: 9.7.4."""
        return (self.folder / "version").read_text().strip()

    def command(self, name: str) -> list[str]:
        """The beginning of a command line: mysqld, mysql or mysqlbinlog, run by their own loader."""
        lib = self.folder / "lib"
        (loader,) = lib.glob("ld-linux*")
        return [str(loader), "--library-path", str(lib), str(self.folder / "bin" / name)]

    def settings(self) -> dict[str, str]:
        """Where a server finds what belongs to it."""
        return {
            "basedir": str(self.folder),
            "plugin-dir": str(self.folder / "plugin"),
            "lc-messages-dir": str(self.folder / "share"),
            "character-sets-dir": str(self.folder / "share" / "charsets"),
        }

    def unpack(self, target: Path) -> None:
        """Make a data folder out of the template; blocks of zeros, most of it, become holes."""
        target.mkdir(mode=0o700)
        with tarfile.open(self.folder / _TEMPLATE) as archive:
            for member in archive:
                place = target / member.name
                if member.isdir():
                    place.mkdir(exist_ok=True)
                elif (source := archive.extractfile(member)) is not None:
                    with place.open("wb") as file:
                        while block := source.read(_BLOCK):
                            if block.count(0) == len(block):
                                file.seek(len(block), os.SEEK_CUR)
                            else:
                                file.write(block)
                        file.truncate(member.size)


class MysqlPrograms:
    """MySQL in one cache. One object a process; safe to use beside other processes."""

    def __init__(self, cache: Path) -> None:
        self.folder = cache / "mysql" / mysql_key()
        self._task: asyncio.Task[MysqlRoot] | None = None
        self._began = 0.0
        self._failed: tuple[float, ProgramError] | None = None

    def find(self) -> MysqlRoot | None:
        """What is in the cache."""
        return MysqlRoot(self.folder) if (self.folder / "version").exists() else None

    def start(self) -> None:
        """Fetch it in the background (within a running event loop) unless it is there."""
        if self.find() is None and self._task is None:
            self._began = time.monotonic()
            self._task = asyncio.create_task(self.fetch(), name="mysql")

    async def get(self) -> MysqlRoot:
        """MySQL, waiting for it to be fetched if need be. Raises ProgramError where it can't be had; who asks again
        within a while gets the same answer at once."""
        if found := self.find():
            return found
        if self._failed is not None and time.monotonic() - self._failed[0] < RETRY_SECONDS:
            raise self._failed[1]
        self.start()
        assert self._task is not None
        task = self._task
        try:
            return await asyncio.shield(task)
        except ProgramError as error:
            if self._task is task:
                self._task, self._failed = None, (time.monotonic(), error)
            raise

    async def stop(self) -> None:
        """End what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    def lacking(self) -> str:
        """Why it could not be had; empty where it is there, or was not asked for yet."""
        if self.find() is not None:
            return ""
        if self._failed is not None:
            return str(self._failed[1])
        done = self._task is not None and self._task.done() and not self._task.cancelled()
        return str(self._task.exception() or "") if done and self._task is not None else ""

    def progress(self) -> str:
        """For people, while it is being fetched: `fetching MySQL, 20s`."""
        if self._task is None or self._task.done():
            return ""
        return f"fetching MySQL, {human_time(time.monotonic() - self._began)}"

    def said(self) -> str:
        """For people: what there is, what is being fetched, or why it could not be had."""
        if found := self.find():
            return f"MySQL {found.version}"
        if self.lacking():
            return f"MariaDB: {self.lacking()}"
        return self.progress() or "MySQL is not fetched yet"

    async def fetch(self) -> MysqlRoot:
        """Fetch it unless it is there. Raises ProgramError."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        async with _locked(self.folder.with_name(f".{self.folder.name}.lock")):
            # Another process may have fetched it while this one waited, or may have been killed at it.
            if found := self.find():
                return found
            new = self.folder.with_name(f".{self.folder.name}.new")
            await asyncio.to_thread(shutil.rmtree, new, True)
            try:
                new.mkdir()
                await self._make(new)
                new.rename(self.folder)
            except (ProcessError, OSError) as error:
                raise ProgramError(_why(error)) from error
            finally:
                await asyncio.to_thread(shutil.rmtree, new, True)
        return MysqlRoot(self.folder)

    async def _make(self, new: Path) -> None:
        packages = new / "packages"
        command = ["nice", "-n", "5", "mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(PACKAGES)}"]
        # A mirror that is not updated for a while serves a signed list that is past its date.
        command += ["--aptopt=Acquire::Retries 1", "--aptopt=Acquire::Check-Valid-Until false"]
        await run([*command, SUITE, str(packages)], env={**os.environ, "TMPDIR": str(new)}, timeout=LONG, tied=True)
        await self._take(packages, new)
        await asyncio.to_thread(shutil.rmtree, packages)
        await self._template(MysqlRoot(new))
        said = (await run([*MysqlRoot(new).command("mysqld"), "--no-defaults", "--version"])).stdout
        (new / "version").write_text(said.partition(" Ver ")[2].split()[0].partition("-")[0] + "\n")

    async def _take(self, packages: Path, new: Path) -> None:
        """Copy what is needed out of the unpacked packages."""
        for name in ("bin", "lib", "plugin", "share"):
            (new / name).mkdir()
        wanted = [packages / folder / name for name, folder in _PROGRAMS.items()]
        wanted += [packages / "usr/lib/mysql/plugin" / name for name in _PLUGINS]
        for path in wanted:
            shutil.copy(path, new / ("bin" if path.name in _PROGRAMS else "plugin"))
        for name in ("charsets", "english"):
            await asyncio.to_thread(shutil.copytree, packages / "usr/share/mysql" / name, new / "share" / name)
        (loader,) = _loader(packages)
        libraries = ":".join(str(path) for path in (packages / "usr/lib").glob("*-linux-gnu*"))
        for path in wanted:
            listed = (await run([str(loader), "--library-path", libraries, "--list", str(path)])).stdout
            for line in listed.splitlines():
                found = Path(line.partition("=>")[2].split("(")[0].strip() or "/")
                if found.is_file() and not (new / "lib" / found.name).exists():
                    shutil.copy(found, new / "lib" / found.name)
        shutil.copy(loader, new / "lib" / loader.name)

    async def _template(self, root: MysqlRoot) -> None:
        data, files = root.folder / "data", root.folder / "files"
        files.mkdir(mode=0o700)
        options = root.settings() | INNODB | {"datadir": str(data), "user": "root", "secure-file-priv": str(files)}
        options |= {"auto-generate-certs": "OFF", "caching-sha2-password-auto-generate-rsa-keys": "OFF"}
        options |= {"sha256-password-auto-generate-rsa-keys": "OFF"}
        command = [*root.command("mysqld"), "--no-defaults", "--initialize-insecure"]
        await run([*command, *(f"--{name}={value}" for name, value in options.items())], timeout=LONG, tied=True)
        # Each server makes an identity of its own.
        (data / "auto.cnf").unlink(missing_ok=True)

        def pack() -> None:
            with tarfile.open(root.folder / _TEMPLATE, "w") as archive:
                for path in sorted(data.rglob("*")):
                    archive.add(path, path.relative_to(data).as_posix(), recursive=False)
            shutil.rmtree(data)
            files.rmdir()

        await asyncio.to_thread(pack)


def _loader(packages: Path) -> list[Path]:
    """The loader of the unpacked programs, as a file and not as a link that leads out of their folder."""
    found = sorted({path.resolve() for path in (packages / "usr/lib").glob("*-linux-gnu*/ld-linux*.so.*")})
    return found[:1]


def _why(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    why = next((line for line in reversed(lines) if line.startswith("E:")), lines[-1] if lines else "")
    return f"MySQL could not be fetched out of Debian's suite {SUITE}: {why[:300]}"


@contextlib.asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """A lock among processes; it goes with the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.5)
        yield
    finally:
        os.close(descriptor)
