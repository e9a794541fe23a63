"""Say whether this pod reaches its database, and whom it speaks to there: `python3 -m crud.check`.

It signs in as the application does, by the same environment, and prints one line: as whom, over which TLS, and until
when the certificate that was checked holds. It changes nothing.

Exit status: 0 it works, 1 the database refused or did not answer, 2 the environment is not usable.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Mapping
from typing import Any

import pymysql

from crud.config import ConfigError, Database, database
from crud.store import connect


def check(target: Database) -> str:
    """What is to say of a connection that works. Raises pymysql.MySQLError, OSError and ConfigError."""
    connection = connect(target, database=target.name)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        secured: Any = vars(connection).get("_sock")  # pymysql shows it nowhere else
        version = secured.version() if isinstance(secured, ssl.SSLSocket) else "no TLS"
        shown = secured.getpeercert() if isinstance(secured, ssl.SSLSocket) else None
        trust = (
            f"its certificate is checked, and ends {shown['notAfter']}" if shown else "its certificate is not checked"
        )
    return f"{target.user} signs in at {target.host}:{target.port} over {version}; {trust}"


def main(env: Mapping[str, str] | None = None) -> int:
    """Run with the environment given (default: the process's). Returns the exit status."""
    try:
        target = database(os.environ if env is None else env)
        print(check(target))
    except ConfigError as error:
        print(error)
        return 2
    except (pymysql.MySQLError, OSError) as error:
        # The server's text names user and address, never the password.
        print(f"{target.host}:{target.port} refuses {target.user}: {error.args[-1] if error.args else error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
