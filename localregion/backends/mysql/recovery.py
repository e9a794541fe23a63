# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery to a point in time: a backup, and the changes that the binary logs of its server hold after it.

The logs are copied when the recovery is asked for. A server that nobody reaches takes the backup and runs them; each
change has a number (GTID), so one that the backup holds is passed over. Its data are then a backup like any other.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
from pathlib import Path

from localregion.backends.mysql.group import MysqlGroup
from localregion.backends.mysql.products import MySql, MysqlError, at_socket, quoted
from localregion.backends.mysql.server import MysqlServer
from localregion.host.pki import Authority
from localregion.host.process import LONG, ProcessError, run

__all__ = ["keep_logs", "recover"]

_PURGED = "purged"
"""The file with the numbers of the changes that the server's logs do not hold any more."""
_ALONE = {"skip-networking": "ON", "event-scheduler": "OFF", "mysqlx": "OFF"}


async def keep_logs(server: MysqlServer | MysqlGroup, target: Path) -> None:
    """Copy a running server's binary logs, up to its last change. Raises MysqlError."""
    rows = await server.sql("FLUSH BINARY LOGS; SHOW BINARY LOGS;")
    names = [row.partition("\t")[0] for row in rows.splitlines()][:-1]
    purged = await server.sql("SELECT REPLACE(@@GLOBAL.gtid_purged, '\\n', '');")
    await asyncio.to_thread(shutil.rmtree, target, True)
    target.mkdir(mode=0o700)
    (target / _PURGED).write_text(purged.strip())
    for name in names:
        await asyncio.to_thread(shutil.copyfile, server.data / name, target / name)


async def recover(
    folder: Path,
    *,
    backup: Path,
    logs: Path,
    until: dt.datetime | None,
    product: MySql,
    authority: Authority,
    netns: str,
    address: str,
) -> Path:
    """Make the data of a backup those of a later second (`until`; None: of the last change), in a folder of its own;
    where they are. Raises MysqlError."""
    await asyncio.to_thread(shutil.rmtree, folder, True)
    server = MysqlServer(folder, authority=authority, product=product)
    await server.launch(
        netns=netns, address=address, names=(), port=3306, port_x=33060, configuration=None, restore=backup, more=_ALONE
    )
    try:
        purged = (logs / _PURGED).read_text()
        if (await server.sql(f"SELECT GTID_SUBSET({quoted(purged)}, @@GLOBAL.gtid_executed);")).strip() != "1":
            raise MysqlError("binary logs between the backup and the point in time are gone")
        await _replay(product, server.folder, logs, until)
    finally:
        await server.stop()
    return server.data


async def _replay(product: MySql, folder: Path, logs: Path, until: dt.datetime | None) -> None:
    statements = folder / "changes.sql"
    # The end is left out: what was committed in that second is of later.
    end = [f"--stop-datetime={until.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"] if until is not None else []
    names = sorted(path.name for path in logs.iterdir() if path.name != _PURGED)
    command = [*product.root.command("mysqlbinlog"), "--no-defaults", f"--result-file={statements}", *end, *names]
    statements.touch(mode=0o600)
    try:
        await run(command, cwd=logs, env={"TZ": "UTC"}, timeout=LONG, tied=True)
        with statements.open("rb") as file:
            wrong = await at_socket(folder, [*product.client_command()], "--binary-mode", stdin=file.fileno())
    except ProcessError as error:
        raise MysqlError(str(error)) from error
    finally:
        statements.unlink()
    if wrong is not None:
        raise MysqlError(f"the changes after the backup could not be repeated: {wrong.partition(' at line')[0]}")
