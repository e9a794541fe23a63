# SPDX-License-Identifier: GPL-3.0-or-later
"""A highly available DB system: three members with group replication, in the namespace of the DB system's VNIC.

Each member has an address of its own there, which nobody outside sees. What comes to the endpoint's address is led to
the primary (nftables, so the server sees who its client is); when the group has chosen another, to that. A member that
ends is started again and joins; when all were lost at once, the one that has all of the others' data forms it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localregion.backends.mysql.products import MySql, MysqlError, quoted
from localregion.backends.mysql.server import MysqlServer
from localregion.core.tasks import note_failure
from localregion.host.pki import Authority
from localregion.host.process import LONG, ProcessError, run

__all__ = ["MEMBERS", "MysqlGroup", "dissolve"]

log = logging.getLogger(__name__)

MEMBERS = 3
_NETWORK = "169.254.3"
_USER = f"{quoted('ocirpl')}@{quoted(_NETWORK + '.%')}"
_LEADER = "leader"
_NO_TABLE = "table ip okestack_mysql {}\ndelete table ip okestack_mysql\n"
_LOOK, _SEARCH = 1.0, 0.2
"""Seconds between looks at the group while all is well, and while it is not."""
_ASKED = (
    "SELECT MEMBER_HOST, MEMBER_STATE, MEMBER_ROLE, @@GLOBAL.super_read_only"
    " FROM performance_schema.replication_group_members;"
)


def _address(number: int) -> str:
    return f"{_NETWORK}.{number}"


def _talk(number: int) -> str:
    """Where a member hears the others: a port of its own, since it listens at all addresses."""
    return f"{_address(number)}:{33070 + number}"


@dataclass(frozen=True)
class View:
    """What one member says of the group: by member, its state and role."""

    states: Mapping[int, tuple[str, str]]
    read_only: bool

    @classmethod
    def read(cls, rows: str) -> View:
        """Of the rows of `_ASKED`."""
        states, read_only = {}, False
        for row in rows.splitlines():
            host, state, role, only = row.split("\t")
            read_only = only == "1"
            if host.startswith(f"{_NETWORK}."):
                states[int(host.rpartition(".")[2])] = (state, role)
        return cls(states, read_only)

    def of(self, number: int) -> str:
        """The state of a member; OFFLINE when it is in no group."""
        return self.states.get(number, ("OFFLINE", ""))[0]

    def leads(self, number: int) -> bool:
        """Whether the member is the primary of a group that can decide."""
        reached = sum(state != "UNREACHABLE" for state, _ in self.states.values())
        return self.states.get(number) == ("ONLINE", "PRIMARY") and 2 * reached > len(self.states)

    @property
    def whole(self) -> bool:
        """Whether all members are at work."""
        return [state for state, _ in self.states.values()] == ["ONLINE"] * MEMBERS


class MysqlGroup:
    """Three servers that are one. `folder` is the DB system's own; the first member's data lie where a single server's
    would. `moved` gets the number (1 to 3) of a new primary."""

    def __init__(
        self, folder: Path, *, authority: Authority, product: MySql, moved: Callable[[int], None] | None = None
    ) -> None:
        self.folder = folder
        self.product = product
        self.leader = 1
        self._moved = moved or (lambda number: None)
        folders = [folder, *(folder / f"member-{number}" for number in range(2, MEMBERS + 1))]
        self.members = {
            number: MysqlServer(place, authority=authority, product=product)
            for number, place in enumerate(folders, start=1)
        }
        self._password = secrets.token_urlsafe(24)
        self._woken = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._netns, self._endpoint = "", ("", 0, 0)
        self._launch: dict[str, Any] = {}
        self._read_only = False

    # -- life -----------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether its members run."""
        return any(member.running for member in self.members.values())

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
        """As a single server's. Returns when all members are in the group."""
        if self.running:
            return 0.0
        began = asyncio.get_running_loop().time()
        there = [number for number, member in self.members.items() if member.data.exists()] or [1]
        made = any((member.folder / "admin.json").exists() for member in self.members.values())
        if not made and not (admin and password):
            raise MysqlError("a new DB system needs an administrator's name and password")
        configuration = dict(configuration or {})
        self._read_only = configuration.pop("super_read_only", "OFF") == "ON"
        self._netns, self._endpoint = netns, (address, port, port_x)
        self._launch = {"netns": netns, "names": (*names, address), "port": port, "port_x": port_x}
        self._launch |= {"configuration": configuration}
        try:
            for number in self.members:
                await run(["ip", "addr", "replace", f"{_address(number)}/32", "dev", "lo"], netns=netns)
            await asyncio.gather(*(self._run(number, restore) for number in there))
            await self._found(there)
            if not made and admin and password:
                await self.set_admin(admin, password)
            await self._lead(self.leader)
            lacking = [number for number in self.members if number not in there]
            for number in lacking:
                await self._copy(number)
            await asyncio.gather(*(self._run(number) for number in lacking))
            for number in self.members:
                if number != self.leader:
                    await self._join(number)
        except ProcessError as error:
            await self.stop()
            raise MysqlError(str(error)) from error
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._keep(), name=f"mysql group {self.folder.name}")
        return asyncio.get_running_loop().time() - began

    async def stop(self, shutdown: str = "FAST") -> None:
        """Stop the members, the primary last; the data stay."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
            self._watch = None
        others = [member for number, member in self.members.items() if number != self.leader]
        await asyncio.gather(*(member.stop(shutdown) for member in others))
        await self.members[self.leader].stop(shutdown)
        if self._netns:
            # The namespace may have gone before.
            with contextlib.suppress(ProcessError):
                await run(["nft", "-f", "-"], netns=self._netns, stdin=_NO_TABLE)

    async def destroy(self) -> None:
        """Stop them and delete their data."""
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self.folder, True)

    async def _run(self, number: int, restore: Path | None = None) -> None:
        own, name = _address(number), str(uuid.uuid5(uuid.NAMESPACE_OID, self.folder.name))
        group = {
            "server-id": str(number),
            "report-host": own,
            "group-replication-group-name": name,
            "group-replication-local-address": _talk(number),
            "group-replication-group-seeds": ",".join(map(_talk, self.members)),
            "group-replication-ip-allowlist": f"{_NETWORK}.0/24",
            "group-replication-recovery-use-ssl": "ON",
            # Only the group makes a member writable. A killed primary is there again before another is chosen, and
            # would take writes that the group never sees.
            "super-read-only": "ON",
            # The group decides as soon as it suspects, and a member without the others' majority gives up soon.
            "group-replication-member-expel-timeout": "0",
            "group-replication-unreachable-majority-timeout": "10",
            "group-replication-exit-state-action": "OFFLINE_MODE",
            "group-replication-autorejoin-tries": "0",
            "group-replication-message-cache-size": str(128 * 1024**2),
        }
        await self.members[number].launch(
            **self._launch, address=own, restore=restore, more=group, on_exit=self._woken.set
        )

    async def _copy(self, number: int) -> None:
        """Give a member that has none the primary's data. (A server makes one copy at a time.)"""
        member = self.members[number]
        fresh = member.folder / "data.new"
        await asyncio.to_thread(shutil.rmtree, member.folder, True)
        member.folder.mkdir(mode=0o700)
        await self.sql(f"CLONE LOCAL DATA DIRECTORY = {quoted(str(fresh))};", timeout=LONG)
        (member.folder / "product").write_text(self.product.name)
        fresh.rename(member.data)

    # -- the group ------------------------------------------------------------------------------------------------

    async def _found(self, numbers: Sequence[int]) -> None:
        """Begin a group with the member that has all of what the others have."""
        held = {}
        for number in numbers:
            held[number] = (
                await self.members[number].sql("SELECT REPLACE(@@GLOBAL.gtid_executed, '\\n', '');")
            ).strip()
        self.leader = await self._fullest(held)
        member = self.members[self.leader]
        try:
            await member.sql(
                "STOP GROUP_REPLICATION; SET GLOBAL offline_mode = OFF;"
                " SET GLOBAL group_replication_bootstrap_group = ON; START GROUP_REPLICATION;"
            )
        finally:
            await member.sql("SET GLOBAL group_replication_bootstrap_group = OFF;")
        while True:
            view = await self._view(self.leader)
            if view is not None and view.leads(self.leader) and not view.read_only:
                break
            await asyncio.sleep(_SEARCH)
        await member.sql(
            f"CREATE USER IF NOT EXISTS {_USER}; ALTER USER {_USER} IDENTIFIED BY {quoted(self._password)} REQUIRE SSL;"
            f" GRANT REPLICATION SLAVE, CONNECTION_ADMIN, BACKUP_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO {_USER};"
        )

    async def _fullest(self, held: Mapping[int, str]) -> int:
        for number, own in held.items():
            others = [other for other in held.values() if other != own]
            lacking = " AND ".join(f"GTID_SUBTRACT({quoted(other)}, {quoted(own)}) = ''" for other in others)
            if (await self.members[number].sql(f"SELECT {lacking or '1'};")).strip() == "1":
                return number
        raise MysqlError("no member of the group has all of what the others have")

    async def _join(self, number: int) -> None:
        await self.members[number].sql(
            "STOP GROUP_REPLICATION; SET GLOBAL offline_mode = OFF;"
            f" START GROUP_REPLICATION USER = 'ocirpl', PASSWORD = {quoted(self._password)};",
            timeout=LONG,
        )

    async def _view(self, number: int) -> View | None:
        """What a member says; None when it does not answer."""
        try:
            return View.read(await self.members[number].sql(_ASKED, timeout=10.0))
        except MysqlError:
            return None

    async def _lead(self, number: int) -> None:
        """Lead the endpoint's address to a member."""
        address, *ports = self._endpoint
        if self._read_only:
            await self.members[number].sql("SET GLOBAL super_read_only = ON;")
        rules = "\n".join(f"ip daddr {address} tcp dport {port} dnat to {_address(number)}:{port}" for port in ports)
        chain = f"chain lead {{\ntype nat hook prerouting priority -100\n{rules}\n}}"
        table = f"{_NO_TABLE}table ip okestack_mysql {{\n{chain}\n}}\n"
        await run(["nft", "-f", "-"], netns=self._netns, stdin=table)
        if number != self.leader:
            log.info("%s: member %d is the primary now", self.folder.name, number)
        self.leader = number
        (self.folder / _LEADER).write_text(str(number))
        self._moved(number)

    async def _keep(self) -> None:
        """Follow the primary, and bring members that ended back into the group."""
        pause = _LOOK
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause)
            self._woken.clear()
            try:
                pause = _LOOK if await self._look() else _SEARCH
            except Exception as error:
                pause = _LOOK
                note_failure(log, self.folder.name, error, MysqlError, ProcessError)

    async def _look(self) -> bool:
        """Whether all is well with the group; what can be done about it is done."""
        view = await self._view(self.leader)
        if view is not None and view.leads(self.leader) and view.whole:
            return True
        views = {number: await self._view(number) for number in self.members}
        leaders = [number for number, seen in views.items() if seen is not None and seen.leads(number)]
        for number in leaders:
            seen = views[number]
            if number != self.leader and seen is not None and not seen.read_only:
                await self._lead(number)
        out = [number for number, seen in views.items() if seen is not None and seen.of(number) in ("OFFLINE", "ERROR")]
        if leaders:
            for number in out:
                await self._join(number)
        elif len(out) == MEMBERS:
            await self._found(out)
            await self._lead(self.leader)
        return False

    # -- what is in it --------------------------------------------------------------------------------------------

    @property
    def data(self) -> Path:
        """The primary's data folder."""
        return self.members[self.leader].data

    async def sql(self, text: str, *, timeout: float = 120.0) -> str:
        """Statements for the primary."""
        return await self.members[self.leader].sql(text, timeout=timeout)

    async def set_admin(self, admin: str, password: str) -> None:
        """Make the administrator, or change the password. Raises MysqlError."""
        await self.members[self.leader].set_admin(admin, password)

    async def restrict(self) -> list[list[str]]:
        """Let nobody but the administrator in."""
        for member in self.members.values():
            await member.restrict()
        return []

    async def admit(self, locked: Sequence[Sequence[str]]) -> None:
        """Let everybody in again."""
        for member in self.members.values():
            await member.admit(locked)

    async def dump(self, path: Path) -> None:
        """Write all schemas and users to `path`. Raises MysqlError."""
        await self.members[self.leader].dump(path)


async def dissolve(folder: Path) -> None:
    """Make a stopped group's folder a single server's, with the primary's data. Nothing where there was no group."""
    mark = folder / _LEADER
    if not mark.exists():
        return
    number = int(mark.read_text())
    if number != 1:
        source = folder / f"member-{number}"
        old = folder / "data.old"
        # Each step looks first: it may be the second try.
        if (source / "data").exists():
            if (folder / "data").exists():
                await asyncio.to_thread(shutil.rmtree, old, True)
                (folder / "data").rename(old)
            (source / "data").rename(folder / "data")
        await asyncio.to_thread(shutil.rmtree, old, True)
    for other in folder.glob("member-*"):
        await asyncio.to_thread(shutil.rmtree, other)
    mark.unlink()
