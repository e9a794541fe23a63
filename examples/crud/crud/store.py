"""The items in the database: one table, one class. Works with MySQL 8 and 9 and with MariaDB."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pymysql
from sqlalchemy import Engine, RowMapping, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from crud.config import ConfigError, Database

NAME_LENGTH = 120
DESCRIPTION_LENGTH = 2000

# utf8mb4_bin would sort by code point; the server's default collation of utf8mb4 differs between the products and
# nothing here depends on it.
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS items (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  name VARCHAR({NAME_LENGTH}) NOT NULL,
  description VARCHAR({DESCRIPTION_LENGTH}) NOT NULL DEFAULT '',
  created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""

COLUMNS = "id, name, description, created_at, updated_at"

# Server errors that another try may mend: too many connections, shutdown in progress, lock wait, deadlock, read-only
# while a failover runs, the application's password being changed, the table not made yet.
PASSING = {1040, 1045, 1053, 1146, 1203, 1205, 1213, 1290, 1792, 1836}


# The server ended the connection: at a shutdown, by a KILL (MariaDB), after wait_timeout.
ENDED = {1053, 1927, 4031}


class Unavailable(Exception):
    """The database does not answer now; a later try may succeed. The text never holds a password."""


def connect(target: Database, **options: Any) -> pymysql.connections.Connection[Any]:
    """A new encrypted connection. Its password is read now, so that a changed file is used by the next connection."""
    return pymysql.connect(
        host=target.host,
        port=target.port,
        user=target.user,
        password=target.password.read(),
        ssl=target.tls(),
        charset="utf8mb4",
        connect_timeout=3,
        read_timeout=10,
        write_timeout=10,
        init_command="SET time_zone = '+00:00'",
        **options,
    )


def engine(target: Database, *, size: int = 5) -> Engine:
    """A pool of connections. Each is tried before use, so a restarted database costs no failed request."""
    return create_engine(
        "mysql+pymysql://",
        creator=lambda: connect(target, database=target.name),
        pool_size=size,
        max_overflow=size,
        pool_timeout=5,
        pool_recycle=1800,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
    )


def item(row: RowMapping) -> dict[str, Any]:
    """A row as the API shows it: times in ISO 8601, UTC."""
    return {key: f"{value.isoformat()}Z" if isinstance(value, datetime) else value for key, value in row.items()}


class Items:
    """Create, read, update and delete. Every method blocks and raises Unavailable when the database does not answer."""

    def __init__(self, pool: Engine) -> None:
        self.pool = pool

    def _run(self, statement: str, /, *, again: bool = False, **values: Any) -> tuple[list[RowMapping], int, int]:
        """Run one statement in a transaction of its own: (rows, rows matched, id made).

        `again`: whether it may run twice, which it does once more where its connection is lost on the way.
        """
        try:
            with self.pool.begin() as connection:
                result = connection.execute(text(statement), values)
                rows = list(result.mappings()) if result.returns_rows else []
                return rows, result.rowcount, 0 if result.returns_rows else int(result.lastrowid or 0)
        except PoolTimeout:
            raise Unavailable("every connection to the database is in use") from None
        except ConfigError as error:
            raise Unavailable(str(error)) from None
        except DBAPIError as error:
            # The text of the driver's error may repeat the statement and its values: only its number leaves here.
            number = error.orig.args[0] if error.orig is not None and error.orig.args else 0
            if again and (error.connection_invalidated or number in ENDED):
                return self._run(statement, **values)
            if isinstance(error, OperationalError) or error.connection_invalidated or number in PASSING:
                raise Unavailable(f"the database does not answer ({type(error.orig).__name__} {number})") from None
            raise

    def check(self) -> None:
        """Raise Unavailable unless the items' table can be read."""
        self._run("SELECT id FROM items LIMIT 1", again=True)

    def list(self, *, limit: int, after: int) -> list[dict[str, Any]]:
        """Items in the order they were made, those with an id above `after`, at most `limit`."""
        rows, _, _ = self._run(
            f"SELECT {COLUMNS} FROM items WHERE id > :after ORDER BY id LIMIT :limit",
            again=True,
            after=after,
            limit=limit,
        )
        return [item(row) for row in rows]

    def get(self, item_id: int) -> dict[str, Any] | None:
        """One item, or None."""
        rows, _, _ = self._run(f"SELECT {COLUMNS} FROM items WHERE id = :id", again=True, id=item_id)
        return item(rows[0]) if rows else None

    def create(self, name: str, description: str) -> dict[str, Any]:
        """A new item, as stored."""
        _, _, item_id = self._run(
            "INSERT INTO items (name, description) VALUES (:name, :description)", name=name, description=description
        )
        made = self.get(item_id)
        # Somebody may delete it at once; what was made is still returned.
        return made or {"id": item_id, "name": name, "description": description}

    def update(self, item_id: int, name: str, description: str) -> dict[str, Any] | None:
        """The item with its new content, or None when it is gone."""
        self._run(
            "UPDATE items SET name = :name, description = :description, updated_at = CURRENT_TIMESTAMP(6)"
            " WHERE id = :id",
            again=True,
            id=item_id,
            name=name,
            description=description,
        )
        return self.get(item_id)

    def delete(self, item_id: int) -> bool:
        """Whether there was such an item to delete."""
        _, count, _ = self._run("DELETE FROM items WHERE id = :id", id=item_id)
        return count > 0
