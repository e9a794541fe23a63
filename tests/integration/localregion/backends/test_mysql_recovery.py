# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery to a point in time with the real MySQL."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest

from localregion.backends.fabric import Fabric
from localregion.backends.mysql import MySql, MysqlError, MysqlGroup, MysqlServer, keep_logs, recover
from localregion.host.mysql_programs import MysqlPrograms
from localregion.host.pki import Authority
from localregion.settings import Settings

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")]

NAME = "tmyrec"
ADDRESS = "10.9.12.10"
PASSWORD = "Some-Passw0rd"


async def rows(server: MysqlServer | MysqlGroup) -> list[str]:
    return (await server.sql("SELECT v FROM app.t ORDER BY id;")).split()


async def next_second() -> dt.datetime:
    """Wait for it: recovery counts in seconds. Returns it."""
    now = dt.datetime.now(dt.UTC)
    second = now.replace(microsecond=0) + dt.timedelta(seconds=1)
    await asyncio.sleep((second - now).total_seconds())
    return second


@pytest.mark.parametrize("kind", [MysqlServer, MysqlGroup])
def test_a_point_in_time(tmp_path: Path, kind: type[MysqlServer] | type[MysqlGroup]) -> None:
    authority = Authority.load_or_create(tmp_path, "test")

    async def body() -> None:
        product = MySql(await MysqlPrograms(Settings().cache).get())
        fabric = Fabric(NAME, tmp_path / "fabric")
        await fabric.start()
        source: Any = kind(tmp_path / "source", authority=authority, product=product)
        made = MysqlServer(tmp_path / "made", authority=authority, product=product)
        try:
            netns = await fabric.attach("db", "mysql", "10.9.12.0/24", ADDRESS)
            other = await fabric.attach("other", "mysql", "10.9.12.0/24", "10.9.12.11")
            await source.start(netns=netns, address=ADDRESS, admin="admin", password=PASSWORD)
            await source.sql(
                "CREATE DATABASE app; CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9));"
            )
            await source.sql("INSERT INTO app.t (v) VALUES ('backup');")
            await source.dump(tmp_path / "backup")
            await source.sql("INSERT INTO app.t (v) VALUES ('after'); FLUSH BINARY LOGS;")
            await source.sql("CREATE EVENT app.e ON SCHEDULE EVERY 1 SECOND DO INSERT INTO app.t (v) VALUES ('event');")
            await source.sql("DROP EVENT app.e; DELETE FROM app.t WHERE v = 'event';")
            await source.sql(f"CREATE USER app@'%' IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON app.* TO app@'%';")
            point = await next_second()
            await source.sql("DELETE FROM app.t;")
            assert await rows(source) == []

            async def again(until: dt.datetime | None) -> Path:
                return await recover(
                    tmp_path / "recovery", backup=tmp_path / "backup", logs=tmp_path / "logs", until=until,
                    product=product, authority=authority, netns=other, address="10.9.12.11",
                )  # fmt: skip

            await keep_logs(source, tmp_path / "logs")
            await source.sql("INSERT INTO app.t (v) VALUES ('later');")
            for until, wanted in ((point, ["backup", "after"]), (None, [])):
                data = await again(until)
                place: dict[str, Any] = {
                    "netns": other,
                    "address": "10.9.12.11",
                    "admin": "admin",
                    "password": PASSWORD,
                }
                await made.start(**place, restore=data)
                assert await rows(made) == wanted
                assert (await made.sql("SELECT user FROM mysql.user WHERE user = 'app';")).strip() == "app"
                await made.destroy()
            assert (tmp_path / "logs").stat().st_mode & 0o077 == 0

            # What lies between the backup and the logs is not passed over in silence.
            await source.sql("FLUSH BINARY LOGS; PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY;")
            await keep_logs(source, tmp_path / "logs")
            with pytest.raises(MysqlError, match="are gone"):
                await again(None)
        finally:
            await made.stop()
            await source.stop()
            await fabric.stop()

    asyncio.run(body())
