# SPDX-License-Identifier: GPL-3.0-or-later
"""The server of a DB system in the namespace of its VNIC, with its own data folder.

As in the service: TLS with a certificate of the region's authority, an administrator without SUPER, FILE or SHUTDOWN
who cannot log in as root, data that outlive a restart, port 3306 at the private address.

Statements go over the server's unix socket, where only the machine's root can log in. Passwords are in no command
line, file or log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from localregion.backends.mysql.products import MysqlError, Product, quoted
from localregion.host.pki import Authority
from localregion.host.process import Process, ProcessError, run
from localregion.host.unix_socket import connected

__all__ = ["MysqlError", "MysqlServer"]

# Set by the region, not by a configuration.
_OURS = (
    "datadir", "socket", "pid-file", "port", "bind-address", "user", "ssl-cert", "ssl-key", "ssl-ca",
    "secure-file-priv",
    "skip-networking", "init-file", "plugin-load", "plugin-load-add", "plugin-dir", "skip-grant-tables", "general-log",
    "general-log-file", "log-error", "tmpdir", "basedir",
)  # fmt: skip

_SHUTDOWN = {"SLOW": 0, "FAST": 1, "IMMEDIATE": 2}
"""Values of innodb_fast_shutdown, by the service's words."""


class MysqlServer:
    """One server. `folder` is its own (`<state>/mysql/<id>`) and holds everything of it.

    All methods may be repeated: `start` on a running server and `stop` on a stopped one do nothing.
    """

    def __init__(self, folder: Path, *, authority: Authority, product: Product) -> None:
        self.folder = folder
        self.product = product
        self.data = folder / "data"
        self.authority = authority
        self._process: Process | None = None

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(
        self,
        *,
        netns: str,
        address: str,
        names: tuple[str, ...] = (),
        port: int = 3306,
        port_x: int = 33060,
        admin: str | None = None,
        password: str | None = None,
        configuration: Mapping[str, str] | None = None,
        restore: Path | None = None,
    ) -> float:
        """Let it run at `address:port` in a namespace; made from nothing the first time (then `admin` and `password`
        are required), or from a dump. Returns the seconds until it answered. `names`: DNS names for its certificate.
        `configuration`: server variables. Raises MysqlError."""
        if self.running:
            return 0.0
        began = asyncio.get_running_loop().time()
        if not (self.data.exists() or (admin and password)):
            raise MysqlError("a new DB system needs an administrator's name and password")
        await self.launch(
            netns=netns, address=address, names=names, port=port, port_x=port_x,
            configuration=configuration, restore=restore,
        )  # fmt: skip
        try:
            if not (self.folder / "admin.json").exists():
                if restore is not None:
                    await self.product.fill(self.folder, restore)
                if not (admin and password):
                    raise MysqlError("the administrator was never made, and no password is given")
                await self.set_admin(admin, password)
        except BaseException:
            await self.stop()
            raise
        return asyncio.get_running_loop().time() - began

    async def launch(
        self,
        *,
        netns: str,
        address: str,
        names: tuple[str, ...],
        port: int,
        port_x: int,
        configuration: Mapping[str, str] | None,
        restore: Path | None = None,
        more: Mapping[str, str] | None = None,
        on_exit: Callable[[], None] | None = None,
    ) -> None:
        """Let the program run and answer at its socket, with data made from nothing or a backup the first time. `more`:
        settings of the region's own. `on_exit`: called each time it ends. Raises MysqlError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        if not self.data.exists():
            await self._install(restore)
        # Who reads it takes what a number means for another process that has it now.
        (self.folder / "s.lock").unlink(missing_ok=True)
        self._write_config(address, port, port_x, names, configuration or {}, more or {})

        def ended(_: int) -> None:
            (self.folder / "s.lock").unlink(missing_ok=True)
            if on_exit is not None:
                on_exit()

        process = Process(
            f"{self.product.daemon} {self.folder.name}",
            [*self.product.daemon_command(), f"--defaults-file={self.folder / 'my.cnf'}"],
            log=self.folder / "mysql.log",
            netns=netns,
            cwd=self.folder,
            stop_timeout=30.0,
            # An orderly end also when the daemon is killed.
            death_signal=signal.SIGTERM,
            on_exit=ended,
        )
        self._process = process
        try:
            await process.start()
            await process.wait_ready(self._answers, interval=0.05)
        except ProcessError as error:
            await self.stop()
            raise MysqlError(str(error)) from error
        except BaseException:
            await self.stop()
            raise

    @property
    def running(self) -> bool:
        """Whether the program runs (it may just be starting again after a crash)."""
        return self._process is not None

    async def stop(self, shutdown: str = "FAST") -> None:
        """Stop it in one of InnoDB's ways (SLOW, FAST, IMMEDIATE); the data stay."""
        if self._process is not None:
            if shutdown != "FAST":
                # Only how long the next start takes depends on it, so a server that does not answer is stopped all the
                # same.
                with contextlib.suppress(MysqlError):
                    await self.sql(f"SET GLOBAL innodb_fast_shutdown = {_SHUTDOWN[shutdown]};", timeout=10.0)
            await self._process.stop()
            self._process = None

    async def destroy(self) -> None:
        """Stop it and delete its data."""
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self.folder, True)

    async def _install(self, backup: Path | None) -> None:
        # Made aside and moved: a half-made folder would be taken for a server's data after a crash.
        fresh = self.folder / "data.new"
        await asyncio.to_thread(shutil.rmtree, fresh, True)
        try:
            await self.product.install(fresh, backup)
        except (ProcessError, OSError) as error:
            raise MysqlError(str(error)) from error
        (self.folder / "product").write_text(self.product.name)
        fresh.rename(self.data)

    def _write_config(
        self,
        address: str,
        port: int,
        port_x: int,
        names: tuple[str, ...],
        configuration: Mapping[str, str],
        more: Mapping[str, str],
    ) -> None:
        leaf = self.authority.issue(
            self.folder / "tls", "server", common_name=names[0] if names else address, names=[*names, address]
        )
        files = self.folder / "files"
        files.mkdir(mode=0o700, exist_ok=True)
        settings = dict(self.product.defaults)
        for name, value in configuration.items():
            key = name.replace("_", "-")
            if key in _OURS:
                raise MysqlError(f"the variable {name} cannot be set by a configuration")
            if "\n" in name + str(value):
                raise MysqlError(f"the variable {name} is not one line")
            settings[key] = str(value)
        settings |= {
            "user": "root",
            "datadir": str(self.data),
            # Relative to the data folder: an absolute path may be longer than the 107 characters a socket may have.
            "socket": "../s",
            "pid-file": str(self.folder / "pid"),
            "bind-address": address,
            "port": str(port),
            "ssl-cert": str(leaf.certificate),
            "ssl-key": str(leaf.key),
            "ssl-ca": str(self.authority.certificate_path),
            "secure-file-priv": str(files),
        }
        settings |= self.product.settings(address, port_x) | dict(more)
        lines = [f"[{self.product.daemon}]", *(f"{key} = {value}" for key, value in settings.items())]
        path = self.folder / "my.cnf"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n")

    async def _answers(self) -> bool:
        """Whether the server greets at its socket."""
        async with connected(self.folder / "s") as server:
            return bool(await asyncio.wait_for(asyncio.get_running_loop().sock_recv(server, 1), 5.0))

    # -- what is in it --------------------------------------------------------------------------------------------

    async def sql(self, text: str, *, timeout: float = 120.0) -> str:
        """Run statements as root over the socket; tab-separated rows. They come by stdin and are never shown."""
        if self._process is None:
            raise MysqlError("the server does not run")
        command = [*self.product.client_command(), "--no-defaults", "--socket=s", "--user=root"]
        command += ["--batch", "--skip-column-names"]
        try:
            # Its messages quote statements: only the number of the error is passed on.
            done = await run(command, stdin=text, cwd=self.folder, timeout=timeout, check=False)
        except ProcessError as error:
            raise MysqlError(str(error)) from error
        if done.returncode != 0:
            number = done.stderr.partition(" at line ")[0].strip()
            raise MysqlError(f"the server refused a statement: {number[:40] or done.returncode}")
        return done.stdout

    async def set_admin(self, admin: str, password: str) -> None:
        """Make the administrator, or change the password; another one made before is dropped. Raises MysqlError."""
        path = self.folder / "admin.json"
        statements = self.product.administrator(admin, password)
        with contextlib.suppress(OSError, ValueError, KeyError):
            before = json.loads(path.read_text())["name"]
            if before != admin:
                statements.append(f"DROP USER IF EXISTS {quoted(before)}@'%';")
        await self.sql("SET NAMES utf8mb4;\n" + "\n".join(statements) + "\n")
        path.write_text(json.dumps({"name": admin}))

    async def restrict(self) -> list[list[str]]:
        """Let nobody but the administrator in; what `admit` needs to undo it."""
        return await self.product.restrict(self.sql, json.loads((self.folder / "admin.json").read_text())["name"])

    async def admit(self, locked: Sequence[Sequence[str]]) -> None:
        """Let everybody in again."""
        await self.product.admit(self.sql, locked)

    async def dump(self, path: Path) -> None:
        """Write all schemas and users to `path`, complete or not there, readable by root alone. Raises MysqlError."""
        if self._process is None:
            raise MysqlError("the server does not run")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            await self.product.dump(self.sql, self.folder, path)
        except ProcessError as error:
            raise MysqlError(f"the dump failed: {error}") from error
