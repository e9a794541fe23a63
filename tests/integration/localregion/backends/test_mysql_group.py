# SPDX-License-Identifier: GPL-3.0-or-later
"""Three members of a highly available DB system: what was acknowledged outlives the primary."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql
import pytest

from localregion.backends.fabric import Fabric
from localregion.backends.mysql import MySql, MysqlGroup, MysqlServer, dissolve
from localregion.backends.mysql.group import MEMBERS, View
from localregion.host import namespaces
from localregion.host.mysql_programs import MysqlPrograms
from localregion.host.pki import Authority
from localregion.settings import Settings

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")]

NAME = "tgroup"
ADDRESS, CLIENT = "10.9.8.10", "10.9.9.10"
PASSWORD = "Very-Secret-Words-1"


def connect() -> Any:
    """A client of the endpoint, by TLS."""
    return pymysql.connect(
        host=ADDRESS, user="admin", password=PASSWORD, ssl={"check_hostname": False}, autocommit=True,
        connect_timeout=3, read_timeout=10, write_timeout=10,
    )  # fmt: skip


class Load(threading.Thread):
    """Inserts numbers one after the other, and notes those whose insertion was acknowledged."""

    def __init__(self, netns: str) -> None:
        super().__init__(daemon=True)
        self.netns, self.over = netns, threading.Event()
        self.acknowledged: list[int] = []
        self.refused = 0

    def run(self) -> None:
        namespaces.inside(self.netns, self._insert)

    def _insert(self) -> None:
        number, connection = 0, None
        while not self.over.is_set():
            number += 1
            try:
                connection = connection or connect()
                connection.cursor().execute("INSERT INTO app.t VALUES (%s)", (number,))
                self.acknowledged.append(number)
            except (pymysql.MySQLError, OSError):
                self.refused += 1
                connection = None
                time.sleep(0.05)


async def until(what: Callable[[], Any], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        await asyncio.sleep(0.1)


async def whole(group: MysqlGroup) -> None:
    """Wait until all members are at work again."""
    deadline = time.monotonic() + 300
    while (view := await group._view(group.leader)) is None or not view.whole:
        assert time.monotonic() < deadline, view
        await asyncio.sleep(0.2)


def test_a_view_is_read() -> None:
    rows = "169.254.3.1\tONLINE\tPRIMARY\t0\n169.254.3.2\tUNREACHABLE\tSECONDARY\t0\n169.254.3.3\tUNREACHABLE\t\t0\n"
    view = View.read(rows)
    assert (view.of(1), view.of(2), view.leads(1), view.whole) == ("ONLINE", "UNREACHABLE", False, False)
    assert View.read(rows.replace("3.3\tUNREACHABLE", "3.3\tONLINE")).leads(1)
    assert View.read("\tOFFLINE\t\t1\n").of(1) == "OFFLINE"


def test_no_acknowledged_write_is_lost_with_the_primary(tmp_path: Path) -> None:
    authority = Authority.load_or_create(tmp_path, "test")
    folder = tmp_path / "system"

    async def body() -> None:
        product = MySql(await MysqlPrograms(Settings().cache).get())
        fabric = Fabric(NAME, tmp_path / "fabric")
        await fabric.start()
        moved: list[int] = []
        server: Any = MysqlGroup(folder, authority=authority, product=product, moved=moved.append)
        try:
            netns = await fabric.attach("db", "mysql", "10.9.8.0/24", ADDRESS)
            client = await fabric.attach("client", "pods", "10.9.9.0/24", CLIENT)
            place: dict[str, Any] = {"netns": netns, "address": ADDRESS, "names": ("db.site",)}

            def ask(*statements: str) -> Any:
                with connect() as connection, connection.cursor() as cursor:
                    for statement in statements:
                        cursor.execute(statement)
                    return cursor.fetchall()

            async def use(*statements: str) -> Any:
                return await asyncio.to_thread(namespaces.inside, client, lambda: ask(*statements))

            seconds = await server.start(**place, admin="admin", password=PASSWORD)
            print(f"three members after {seconds:.1f} s")
            assert (await use("SELECT USER(), @@port"))[0] == (f"admin@{CLIENT}", 3306)
            await use("CREATE DATABASE app", "CREATE TABLE app.t (n INT PRIMARY KEY)")
            await whole(server)

            load = Load(client)
            load.start()
            await until(lambda: len(load.acknowledged) > 50)
            first = server.leader
            began, before = time.monotonic(), len(load.acknowledged)
            os.kill(server.members[first]._process.pid, 9)
            await until(lambda: server.leader != first)
            await until(lambda: len(load.acknowledged) > before + 50)
            print(f"a new primary writes after {time.monotonic() - began:.1f} s")
            # It comes back into the group, which outlives a second loss so.
            await whole(server)
            load.over.set()
            await asyncio.to_thread(load.join, 30)
            assert moved[-1] == server.leader != first
            there = {row[0] for row in await use("SELECT n FROM app.t")}
            assert not set(load.acknowledged) - there, "acknowledged writes are lost"
            assert load.refused

            # All are killed at once: they find together again.
            for member in server.members.values():
                os.kill(member._process.pid, 9)
            await asyncio.sleep(1)
            await whole(server)
            assert {row[0] for row in await use("SELECT n FROM app.t")} == there

            # Stopped and started, and then as one server with the primary's data.
            await server.stop()
            await server.start(**place)
            await whole(server)
            assert len(server.members) == MEMBERS
            await use("INSERT INTO app.t VALUES (-1)")
            await server.stop()
            await dissolve(folder)
            server = MysqlServer(folder, authority=authority, product=product)
            await server.start(**place)
            assert {row[0] for row in await use("SELECT n FROM app.t")} == there | {-1}
        finally:
            await server.stop()
            await fabric.stop()

    asyncio.run(body())
