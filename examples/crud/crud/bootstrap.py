"""Make the database ready for the application: `python3 -m crud.bootstrap`, as often as one likes.

As ADMIN_USER (ADMIN_PASSWORD_FILE or ADMIN_PASSWORD) it waits until the database at DB_HOST answers, makes the schema
DB_NAME and its table, and the user APP_USER with APP_PASSWORD_FILE or APP_PASSWORD, who must use TLS and may read and
write the rows of that schema, nothing else. BOOTSTRAP_TIMEOUT (seconds, default 600) bounds the wait.

Exit status: 0 done, 1 the database refused or did not answer in time, 2 the environment is not usable.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pymysql

from crud.config import ConfigError, Database, Secret, database, number, required, secret
from crud.store import SCHEMA, connect

# What the server says while it starts, or while the endpoint's address is not served yet.
NOT_YET = {1040, 1053, 2002, 2003, 2005, 2006, 2013, 2014, 2026, 2055}
GRANTED = "SELECT, INSERT, UPDATE, DELETE"


class BootstrapError(Exception):
    """The database cannot be made ready; the text says why and holds no password."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"bootstrap: {text}", flush=True)


def name(value: str, variable: str, longest: int) -> str:
    """A schema's or user's name of plain characters, quoted alike by every product. Raises ConfigError."""
    if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9_]{{0,{longest - 1}}}", value):
        raise ConfigError(f"{variable} must be a letter, then letters, digits and _, at most {longest} characters")
    return value


def wait_for(target: Database, timeout: float) -> pymysql.connections.Connection[Any]:
    """A connection as soon as the server accepts one.

    Raises BootstrapError after `timeout` seconds, and at once when the server answers with a refusal that waiting does
    not mend (a wrong password).
    """
    deadline = time.monotonic() + timeout
    pause, printed = 0.2, ""
    while True:
        try:
            return connect(target, autocommit=True)
        except pymysql.MySQLError as error:
            number_ = error.args[0] if error.args else 0
            reason = f"{type(error).__name__} {number_}: {error.args[-1] if error.args else ''}"
            if number_ not in NOT_YET or "CERTIFICATE_VERIFY_FAILED" in reason:
                raise BootstrapError(f"{target.host}:{target.port} refuses {target.user}: {reason}") from None
        except OSError as error:
            reason = str(error)
        if time.monotonic() > deadline:
            raise BootstrapError(f"{target.host}:{target.port} did not answer in {timeout:.0f} s: {reason}")
        if reason != printed:
            say(f"waiting for {target.host}:{target.port} ({reason})")
            printed = reason
        time.sleep(pause)
        pause = min(pause * 2, 5)


def granted_name(schema: str, *, partial_revokes: Sequence[str] | None) -> str:
    """A schema's name as a grant takes it; `partial_revokes` is the server's variable as SHOW VARIABLES tells it.

    In a grant _ stands for any character unless it is escaped. A server with partial revokes (MySQL HeatWave) takes
    the name as it is, an escape for a part of it.
    """
    literal = partial_revokes is not None and str(partial_revokes[1]).upper() in ("ON", "1")
    return schema if literal else schema.replace("_", "\\_")


def unexpected_grants(grants: list[str], schema: str) -> list[str]:
    """The grants (as SHOW GRANTS writes them, without passwords) that reach beyond the schema's rows."""
    wanted = set(GRANTED.split(", "))
    beyond = []
    for grant in grants:
        match = re.match(r"GRANT (?P<what>.+?) ON (?P<where>\S+) TO ", grant)
        plain = grant.partition(" IDENTIFIED BY")[0]
        if match is None:
            beyond.append(plain)
            continue
        what = {part.strip() for part in match["what"].split(",")}
        where = match["where"].replace("`", "").replace("\\_", "_")
        usage = what == {"USAGE"} and where == "*.*"
        own = what <= wanted and where == f"{schema}.*"
        if not (usage or own) or "WITH GRANT OPTION" in plain:
            beyond.append(plain)
    return beyond


def bootstrap(target: Database, user: str, password: Secret, timeout: float) -> None:
    """Make schema, table and user. Raises BootstrapError, and ConfigError when a password cannot be read."""
    secret_text = password.read()
    schema = target.name
    connection = wait_for(target, timeout)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            say(f"{target.host} answers: {cursor.fetchone()[0]}, {connection.host_info}")
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{schema}` CHARACTER SET utf8mb4")
            cursor.execute(f"USE `{schema}`")
            cursor.execute(SCHEMA)
            say(f"schema {schema} and its table exist")
            try:
                cursor.execute(f"CREATE USER IF NOT EXISTS '{user}'@'%%' IDENTIFIED BY %s REQUIRE SSL", (secret_text,))
                cursor.execute(f"ALTER USER '{user}'@'%%' IDENTIFIED BY %s REQUIRE SSL", (secret_text,))
            except pymysql.MySQLError as error:
                # The server's text may quote the statement, and with it the password.
                raise BootstrapError(f"the user {user} cannot be made: error {error.args[0]}") from None
            cursor.execute("SHOW VARIABLES LIKE 'partial_revokes'")
            pattern = granted_name(schema, partial_revokes=cursor.fetchone())
            cursor.execute(f"GRANT {GRANTED} ON `{pattern}`.* TO '{user}'@'%'")
            cursor.execute(f"SHOW GRANTS FOR '{user}'@'%'")
            beyond = unexpected_grants([row[0] for row in cursor.fetchall()], schema)
            if beyond:
                raise BootstrapError(f"the user {user} may do more than it should, revoke first: {'; '.join(beyond)}")
            say(f"user {user} has its password, must use TLS, and may {GRANTED} in {schema}")
    except pymysql.MySQLError as error:
        raise BootstrapError(f"{type(error).__name__} {error.args}") from None


def main(env: Mapping[str, str] | None = None) -> int:
    """Run with the environment given (default: the process's). Returns the exit status."""
    given = os.environ if env is None else env
    try:
        target = database(given, user="ADMIN_USER", password="ADMIN_PASSWORD")
        name(target.name, "DB_NAME", 64)
        user = name(required(given, "APP_USER"), "APP_USER", 32)
        if user.lower() == target.user.lower():
            raise ConfigError("APP_USER and ADMIN_USER must differ")
        bootstrap(target, user, secret(given, "APP_PASSWORD"), number(given, "BOOTSTRAP_TIMEOUT", 600, 1, 86400))
    except ConfigError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 2
    except BootstrapError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
