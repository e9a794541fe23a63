"""The server of a DB system: one MariaDB in the namespace of its VNIC, with its own data folder.

What is as in the service: TLS with a certificate of the region's authority, an administrator without SUPER, FILE or
SHUTDOWN who cannot log in as root, data that outlive a restart, port 3306 at the private address. What is not: MariaDB
says it is MariaDB, and has no X Protocol, so **nothing listens on port 33060** (a classic-protocol relay there would
only confuse an X client). MariaDB cannot take the `mysql` schema out of a global privilege, so the administrator may
read and write it, unlike in the service.

Passwords are hashed here (mysql_native_password) and only the hash is sent, over the server's unix socket, where only
the machine's root can log in. They are in no command line, file or log.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from localregion.host.pki import Authority
from localregion.host.process import LONG, Process, ProcessError, base_environment, run

__all__ = ["MysqlError", "MysqlServer", "native_password_hash"]

ADMIN_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES,"
    " CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, BINLOG MONITOR, CREATE VIEW, SHOW VIEW,"
    " CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, DELETE HISTORY"
)

_DEFAULTS: dict[str, str] = {
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_unicode_ci",
    "max-connections": "500",
    "innodb-buffer-pool-size": "96M",
    "innodb-log-file-size": "48M",
    # What the operating system has, a killed server does not lose; only a machine's power cut is covered by 1.
    "innodb-flush-log-at-trx-commit": "2",
    "innodb-use-native-aio": "OFF",
    "performance-schema": "OFF",
    "skip-name-resolve": "ON",
    "local-infile": "OFF",
    "symbolic-links": "OFF",
    "tls-version": "TLSv1.2,TLSv1.3",
}
# Set by the region, not by a configuration.
_OURS = (
    "datadir", "socket", "pid-file", "port", "bind-address", "user", "ssl-cert", "ssl-key", "ssl-ca",
    "secure-file-priv",
    "skip-networking", "init-file", "plugin-load", "plugin-load-add", "plugin-dir", "skip-grant-tables", "general-log",
    "general-log-file", "log-error", "tmpdir",
)  # fmt: skip

_SHUTDOWN = {"SLOW": 0, "FAST": 1, "IMMEDIATE": 2}
"""Values of innodb_fast_shutdown, by the service's words."""


class MysqlError(Exception):
    """The server could not be made, started or changed. The message holds no password."""


def native_password_hash(password: str) -> str:
    """What mysql_native_password stores: `*` and the SHA-1 of the SHA-1."""
    inner = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper()


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class MysqlServer:
    """One server. `folder` is its own (`<state>/mysql/<id>`) and holds everything of it.

    All methods may be repeated: `start` on a running server and `stop` on a stopped one do nothing.
    """

    def __init__(self, folder: Path, *, authority: Authority) -> None:
        self.folder = folder
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
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        new = not self.data.exists()
        if new:
            if not (admin and password):
                raise MysqlError("a new DB system needs an administrator's name and password")
            await self._install()
        self._write_config(address, port, names, configuration or {})
        process = Process(
            f"mariadbd {self.folder.name}",
            ["mariadbd", f"--defaults-file={self.folder / 'my.cnf'}"],
            log=self.folder / "mysql.log",
            netns=netns,
            cwd=self.folder,
            stop_timeout=30.0,
            # An orderly end also when the daemon is killed.
            death_signal=signal.SIGTERM,
        )
        self._process = process
        try:
            await process.start()
            await process.wait_ready(self._answers, interval=0.05)
            if not (self.folder / "admin.json").exists():
                if restore is not None:
                    await self._restore(restore)
                if not (admin and password):
                    raise MysqlError("the administrator was never made, and no password is given")
                await self.set_admin(admin, password)
        except ProcessError as error:
            await self.stop()
            raise MysqlError(str(error)) from error
        except BaseException:
            await self.stop()
            raise
        return asyncio.get_running_loop().time() - began

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
                    await self._sql(f"SET GLOBAL innodb_fast_shutdown = {_SHUTDOWN[shutdown]};", timeout=10.0)
            await self._process.stop()
            self._process = None

    async def destroy(self) -> None:
        """Stop it and delete its data."""
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self.folder, True)

    async def _install(self) -> None:
        # Made aside and moved: a half-made folder would be taken for a server's data after a crash.
        fresh = self.folder / "data.new"
        await asyncio.to_thread(shutil.rmtree, fresh, True)
        try:
            await run(
                [
                    "mysql_install_db",
                    "--no-defaults",
                    f"--datadir={fresh}",
                    "--user=root",
                    "--auth-root-authentication-method=socket",
                    "--auth-root-socket-user=root",
                    "--skip-test-db",
                    "--skip-name-resolve",
                    f"--innodb-log-file-size={_DEFAULTS['innodb-log-file-size']}",
                ],
                cwd=self.folder,
                timeout=LONG,
            )
        except ProcessError as error:
            raise MysqlError(str(error)) from error
        fresh.rename(self.data)

    def _write_config(self, address: str, port: int, names: tuple[str, ...], configuration: Mapping[str, str]) -> None:
        leaf = self.authority.issue(
            self.folder / "tls", "server", common_name=names[0] if names else address, names=[*names, address]
        )
        files = self.folder / "files"
        files.mkdir(exist_ok=True)
        settings = dict(_DEFAULTS)
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
        lines = ["[mariadbd]", *(f"{key} = {value}" for key, value in settings.items())]
        path = self.folder / "my.cnf"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n")

    async def _answers(self) -> bool:
        """Whether the server greets at its socket."""
        folder = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
        made = socket.socket(socket.AF_UNIX)
        made.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(made, f"/proc/self/fd/{folder}/s")
            return bool(await asyncio.wait_for(loop.sock_recv(made, 1), 5.0))
        finally:
            made.close()
            os.close(folder)

    # -- what is in it --------------------------------------------------------------------------------------------

    async def _sql(self, text: str, *, timeout: float = 120.0) -> str:
        """Run statements as root over the socket; tab-separated rows. They come by stdin and are never shown."""
        if self._process is None:
            raise MysqlError("the server does not run")
        command = ["mariadb", "--no-defaults", "--socket=s", "--user=root", "--batch", "--skip-column-names"]
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
        user = f"{_quoted(admin)}@'%'"
        statements = [
            f"CREATE USER IF NOT EXISTS {user};",
            f"ALTER USER {user} IDENTIFIED VIA mysql_native_password USING '{native_password_hash(password)}';",
            f"GRANT {ADMIN_PRIVILEGES} ON *.* TO {user} WITH GRANT OPTION;",
        ]
        with contextlib.suppress(OSError, ValueError, KeyError):
            before = json.loads(path.read_text())["name"]
            if before != admin:
                statements.append(f"DROP USER IF EXISTS {_quoted(before)}@'%';")
        await self._sql("SET NAMES utf8mb4;\n" + "\n".join(statements) + "\nFLUSH PRIVILEGES;\n")
        path.write_text(json.dumps({"name": admin}))

    async def lock_accounts(self) -> list[list[str]]:
        """Lock every account but the administrator's and the server's own, and end their connections; gives those that
        were not locked before, as [user, host]."""
        admin = json.loads((self.folder / "admin.json").read_text())["name"]
        rows = await self._sql(
            "SET NAMES utf8mb4;\nSELECT HEX(user), HEX(host) FROM mysql.global_priv"
            f" WHERE user NOT IN ('', 'root', 'mariadb.sys', 'PUBLIC', {_quoted(admin)})"
            " AND NOT COALESCE(JSON_VALUE(priv, '$.is_role'), 0)"
            " AND NOT COALESCE(JSON_VALUE(priv, '$.account_locked'), 0);"
        )
        accounts = [[bytes.fromhex(part).decode() for part in row.split("\t")] for row in rows.splitlines()]
        statements = [
            f"{begin} {_quoted(user)}@{_quoted(host)}{end};"
            for user, host in accounts
            for begin, end in (("ALTER USER", " ACCOUNT LOCK"), ("KILL CONNECTION USER", ""))
        ]
        if statements:
            await self._sql("SET NAMES utf8mb4;\n" + "\n".join(statements) + "\n")
        return accounts

    async def unlock_accounts(self, accounts: Sequence[Sequence[str]]) -> None:
        """Unlock what `lock_accounts` gave; accounts dropped since are left out."""
        users = [f"{_quoted(user)}@{_quoted(host)}" for user, host in accounts]
        statements = [f"ALTER USER IF EXISTS {user} ACCOUNT UNLOCK;" for user in users]
        if statements:
            await self._sql("SET NAMES utf8mb4;\n" + "\n".join(statements) + "\n")

    async def dump(self, path: Path) -> int:
        """Write all schemas and users to a file (0600, complete or not there); its size in bytes."""
        if self._process is None:
            raise MysqlError("the server does not run")
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            process = await asyncio.create_subprocess_exec(
                *["mariadb-dump", "--no-defaults", "--socket=s", "--user=root", "--all-databases"],
                *["--single-transaction", "--routines", "--events", "--triggers", "--flush-privileges"],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=handle,
                stderr=asyncio.subprocess.PIPE,
                cwd=self.folder,
                env=base_environment(),
            )
            _, said = await process.communicate()
        finally:
            os.close(handle)
        if process.returncode != 0:
            new.unlink(missing_ok=True)
            raise MysqlError(f"the dump failed: {said.decode(errors='replace')[-500:]}")
        new.replace(path)
        return path.stat().st_size

    async def _restore(self, path: Path) -> None:
        handle = os.open(path, os.O_RDONLY)
        try:
            process = await asyncio.create_subprocess_exec(
                *["mariadb", "--no-defaults", "--socket=s", "--user=root", "--batch"],
                stdin=handle,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                cwd=self.folder,
                env=base_environment(),
            )
            _, said = await process.communicate()
        finally:
            os.close(handle)
        if process.returncode != 0:
            raise MysqlError(f"the backup could not be read: {said.decode(errors='replace').partition(' at line')[0]}")
