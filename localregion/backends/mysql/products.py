# SPDX-License-Identifier: GPL-3.0-or-later
"""What MySQL and MariaDB do differently: how data are made, what a server is started with, how its administrator is
made, who is let in, how data are copied."""

from __future__ import annotations

import abc
import asyncio
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from localregion.host.mysql_programs import INNODB, MysqlRoot
from localregion.host.process import LONG, ProcessError, base_environment, run

__all__ = ["MariaDb", "MySql", "MysqlError", "Product", "at_socket", "native_password_hash", "product_of", "quoted"]


class MysqlError(Exception):
    """The server could not be made, started or changed. The message holds no password."""


class Sql(Protocol):
    """Runs statements as root; rows separated by tabs."""

    async def __call__(self, text: str, *, timeout: float = ...) -> str: ...


def quoted(text: str) -> str:
    """A string of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def native_password_hash(password: str) -> str:
    """What mysql_native_password stores: `*` and the SHA-1 of the SHA-1."""
    inner = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper()


_COMMON = {
    "character-set-server": "utf8mb4",
    "max-connections": "500",
    "innodb-buffer-pool-size": "96M",
    # What the operating system has, a killed server does not lose; only a machine's power cut is covered by 1.
    "innodb-flush-log-at-trx-commit": "2",
    "innodb-use-native-aio": "OFF",
    "skip-name-resolve": "ON",
    "local-infile": "OFF",
    "tls-version": "TLSv1.2,TLSv1.3",
}


class Product(abc.ABC):
    """A database server's kind."""

    name: ClassVar[str]
    daemon: ClassVar[str]
    """The program's name, which is also the section of its configuration."""
    defaults: ClassVar[dict[str, str]]
    dump_suffix: ClassVar[str]
    read_only: ClassVar[dict[str, str]]
    """What keeps everybody from writing, the administrator too."""
    restricted: ClassVar[dict[str, str]]
    """What lets the administrator in alone, after a start."""

    @abc.abstractmethod
    def daemon_command(self) -> list[str]:
        """The beginning of the server's command line."""

    @abc.abstractmethod
    def client_command(self) -> list[str]:
        """The beginning of the client's command line."""

    @abc.abstractmethod
    def settings(self, address: str, port_x: int) -> dict[str, str]:
        """What no configuration can change."""

    @abc.abstractmethod
    async def install(self, target: Path, backup: Path | None) -> None:
        """Make a data folder, whole or not at all. Raises ProcessError or OSError."""

    @abc.abstractmethod
    async def fill(self, folder: Path, backup: Path) -> None:
        """Bring a backup into a new server that runs, where `install` did not. Raises MysqlError."""

    @abc.abstractmethod
    def administrator(self, name: str, password: str) -> list[str]:
        """The statements that make the administrator, or give another password."""

    @abc.abstractmethod
    async def restrict(self, sql: Sql, admin: str) -> list[list[str]]:
        """Let the administrator in alone, and end the others' connections; what `admit` has to be given."""

    @abc.abstractmethod
    async def admit(self, sql: Sql, locked: Sequence[Sequence[str]]) -> None:
        """Let everybody in again."""

    @abc.abstractmethod
    async def dump(self, sql: Sql, folder: Path, path: Path) -> None:
        """Write all schemas and users to `path`, readable by root alone. Raises MysqlError or ProcessError."""


class MySql(Product):
    """MySQL out of the cache, as near to the service as the community's edition is.

    Not in it: the thread pool, the audit and what HeatWave adds, so the privileges for these can't be granted.
    """

    name = "mysql"
    daemon = "mysqld"
    dump_suffix = "clone"
    read_only: ClassVar = {"super_read_only": "ON"}
    restricted: ClassVar = {"offline_mode": "ON"}
    defaults: ClassVar = _COMMON | INNODB | {
        "collation-server": "utf8mb4_0900_ai_ci",
        "partial-revokes": "ON",
        "gtid-mode": "ON",
        "enforce-gtid-consistency": "ON",
        "sync-binlog": "0",
        # The server's performance schema needs a quarter of a gigabyte, unless it is made for few.
        "table-open-cache": "400",
        "table-definition-cache": "400",
        "performance-schema-max-thread-instances": "200",
        "performance-schema-max-table-instances": "200",
        "performance-schema-max-table-handles": "200",
        "performance-schema-max-digest-length": "256",
        "performance-schema-digests-size": "200",
        "performance-schema-accounts-size": "20",
        "performance-schema-hosts-size": "20",
        "performance-schema-users-size": "20",
    }  # fmt: skip
    # Of the service's pages (default-mysql-privileges). Left out, since this edition lacks what they are for:
    # EXPORT_QUERY_RESULTS, OPTION_TRACKER_OBSERVER and VECTOR_STORE_LOAD_EXEC.
    static_privileges = (
        "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES,"
        " CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW,"
        " CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, CREATE ROLE, DROP ROLE"
    )
    dynamic_privileges = (
        "APPLICATION_PASSWORD_ADMIN, AUDIT_ADMIN, BACKUP_ADMIN, CONNECTION_ADMIN, FLUSH_OPTIMIZER_COSTS,"
        " FLUSH_PRIVILEGES, FLUSH_STATUS, FLUSH_TABLES, FLUSH_USER_RESOURCES, REPLICATION_APPLIER, ROLE_ADMIN,"
        " SET_ANY_DEFINER, SHOW_ROUTINE, TRANSACTION_GTID_TAG, XA_RECOVER_ADMIN"
    )
    revoked = (
        "INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES,"
        " CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT, TRIGGER"
    )

    def __init__(self, root: MysqlRoot) -> None:
        self.root = root

    def daemon_command(self) -> list[str]:
        """mysqld by its own loader."""
        return self.root.command("mysqld")

    def client_command(self) -> list[str]:
        """mysql by its own loader."""
        return self.root.command("mysql")

    def settings(self, address: str, port_x: int) -> dict[str, str]:
        """Its folders, its plugins, the X Protocol; no keys of its own making."""
        return self.root.settings() | {
            "plugin-load-add": "auth_socket.so;mysql_clone.so;group_replication.so",
            "group-replication-start-on-boot": "OFF",
            "mysqlx-bind-address": address,
            "mysqlx-port": str(port_x),
            "mysqlx-socket": "../x",
            "auto-generate-certs": "OFF",
            "caching-sha2-password-auto-generate-rsa-keys": "OFF",
            "sha256-password-auto-generate-rsa-keys": "OFF",
        }

    async def install(self, target: Path, backup: Path | None) -> None:
        """A copy of the template, or of the backup."""
        if backup is None:
            await asyncio.to_thread(self.root.unpack, target)
        else:
            await run(["cp", "--recursive", "--sparse=always", str(backup), str(target)], timeout=LONG, tied=True)

    async def fill(self, folder: Path, backup: Path) -> None:
        """All is there."""

    def administrator(self, name: str, password: str) -> list[str]:
        """As the service has it: its own list of privileges, none of them in the schemas `mysql` and `sys`."""
        user = f"{quoted(name)}@'%'"
        return [
            "SET @readonly = @@GLOBAL.super_read_only;",
            "SET GLOBAL super_read_only = OFF;",
            "ALTER USER root@localhost IDENTIFIED WITH auth_socket;",
            f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY {quoted(password)};",
            f"ALTER USER {user} IDENTIFIED BY {quoted(password)};",
            f"GRANT {self.static_privileges} ON *.* TO {user} WITH GRANT OPTION;",
            f"GRANT {self.dynamic_privileges} ON *.* TO {user} WITH GRANT OPTION;",
            *(f"REVOKE {self.revoked} ON {schema}.* FROM {user};" for schema in ("mysql", "sys")),
            "SET GLOBAL super_read_only = @readonly;",
        ]

    async def restrict(self, sql: Sql, admin: str) -> list[list[str]]:
        """By `offline_mode`, as in the service: who may administer connections is let in."""
        await sql("SET GLOBAL offline_mode = ON;")
        return []

    async def admit(self, sql: Sql, locked: Sequence[Sequence[str]]) -> None:
        """Out of `offline_mode`."""
        await sql("SET GLOBAL offline_mode = OFF;")

    async def dump(self, sql: Sql, folder: Path, path: Path) -> None:
        """The pages of all tables, as they are at its end, by the clone plugin."""
        new = path.with_name(path.name + ".new")
        await asyncio.to_thread(shutil.rmtree, new, True)
        try:
            await sql(f"CLONE LOCAL DATA DIRECTORY = {quoted(str(new))};", timeout=LONG)
            new.chmod(0o700)
            await asyncio.to_thread(shutil.rmtree, path, True)
            new.rename(path)
        finally:
            await asyncio.to_thread(shutil.rmtree, new, True)


class MariaDb(Product):
    """Debian's MariaDB, in MySQL's place.

    It says that it is MariaDB and has no X Protocol, so nothing listens on port 33060 (a classic-protocol relay there
    would only confuse an X client). It cannot take the `mysql` schema out of a global privilege, so the administrator
    may read and write it, unlike in the service.
    """

    name = "mariadb"
    daemon = "mariadbd"
    dump_suffix = "sql"
    read_only: ClassVar = {"read_only": "ON"}
    # Accounts stay locked.
    restricted: ClassVar = {}
    defaults: ClassVar = _COMMON | {
        "collation-server": "utf8mb4_unicode_ci",
        "innodb-log-file-size": "48M",
        "performance-schema": "OFF",
        "symbolic-links": "OFF",
    }
    privileges = (
        "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES,"
        " CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, BINLOG MONITOR, CREATE VIEW, SHOW VIEW,"
        " CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER, DELETE HISTORY"
    )

    def daemon_command(self) -> list[str]:
        """The system's own program."""
        return ["mariadbd"]

    def client_command(self) -> list[str]:
        """The system's own program."""
        return ["mariadb"]

    def settings(self, address: str, port_x: int) -> dict[str, str]:
        """Nothing more."""
        return {}

    async def install(self, target: Path, backup: Path | None) -> None:
        """An empty data folder; a backup is read by the server once it runs."""
        command = ["mysql_install_db", "--no-defaults", f"--datadir={target}", "--user=root"]
        command += ["--auth-root-authentication-method=socket", "--auth-root-socket-user=root", "--skip-test-db"]
        command += ["--skip-name-resolve", f"--innodb-log-file-size={self.defaults['innodb-log-file-size']}"]
        await run(command, cwd=target.parent, timeout=LONG)

    async def fill(self, folder: Path, backup: Path) -> None:
        """Run the statements of the backup."""
        handle = os.open(backup, os.O_RDONLY)
        try:
            wrong = await at_socket(folder, ["mariadb"], "--batch", stdin=handle)
        finally:
            os.close(handle)
        if wrong is not None:
            raise MysqlError(f"the backup could not be read: {wrong.partition(' at line')[0]}")

    def administrator(self, name: str, password: str) -> list[str]:
        """Near the service's; only the password's hash is sent."""
        user = f"{quoted(name)}@'%'"
        return [
            f"CREATE USER IF NOT EXISTS {user};",
            f"ALTER USER {user} IDENTIFIED VIA mysql_native_password USING '{native_password_hash(password)}';",
            f"GRANT {self.privileges} ON *.* TO {user} WITH GRANT OPTION;",
        ]

    async def restrict(self, sql: Sql, admin: str) -> list[list[str]]:
        """MariaDB has no `offline_mode`: lock every account but the administrator's and the server's own; those that
        were not locked before, as [user, host]."""
        rows = await sql(
            "SET NAMES utf8mb4;\nSELECT HEX(user), HEX(host) FROM mysql.global_priv"
            f" WHERE user NOT IN ('', 'root', 'mariadb.sys', 'PUBLIC', {quoted(admin)})"
            " AND NOT COALESCE(JSON_VALUE(priv, '$.is_role'), 0)"
            " AND NOT COALESCE(JSON_VALUE(priv, '$.account_locked'), 0);"
        )
        accounts = [[bytes.fromhex(part).decode() for part in row.split("\t")] for row in rows.splitlines()]
        statements = [
            f"{begin} {quoted(user)}@{quoted(host)}{end};"
            for user, host in accounts
            for begin, end in (("ALTER USER", " ACCOUNT LOCK"), ("KILL CONNECTION USER", ""))
        ]
        if statements:
            await sql("SET NAMES utf8mb4;\n" + "\n".join(statements) + "\n")
        return accounts

    async def admit(self, sql: Sql, locked: Sequence[Sequence[str]]) -> None:
        """Unlock what `restrict` gave; accounts dropped since are left out."""
        users = [f"{quoted(user)}@{quoted(host)}" for user, host in locked]
        statements = [f"ALTER USER IF EXISTS {user} ACCOUNT UNLOCK;" for user in users]
        if statements:
            await sql("SET NAMES utf8mb4;\n" + "\n".join(statements) + "\n")

    async def dump(self, sql: Sql, folder: Path, path: Path) -> None:
        """As statements."""
        new = path.with_name(path.name + ".new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        options = ("--single-transaction", "--routines", "--events", "--triggers", "--flush-privileges")
        try:
            wrong = await at_socket(folder, ["mariadb-dump"], "--all-databases", *options, stdout=handle)
        finally:
            os.close(handle)
        if wrong is not None:
            new.unlink(missing_ok=True)
            raise ProcessError(wrong[-500:])
        new.replace(path)


async def at_socket(
    folder: Path, client: Sequence[str], *options: str, stdin: int = asyncio.subprocess.DEVNULL,
    stdout: int = asyncio.subprocess.DEVNULL,
) -> str | None:  # fmt: skip
    """Run a client as root at the socket of a server's folder; what it said where it failed."""
    process = await asyncio.create_subprocess_exec(
        *[*client, "--no-defaults", "--socket=s", "--user=root", *options],
        stdin=stdin,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env=base_environment(),
    )
    _, said = await process.communicate()
    return said.decode(errors="replace") if process.returncode != 0 else None


def product_of(folder: Path) -> str | None:
    """The name of the product that made the data in a server's folder; None where there are none yet."""
    if not (folder / "data").exists():
        return None
    mark = folder / "product"
    return mark.read_text() if mark.exists() else MariaDb.name
