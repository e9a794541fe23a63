# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of DB systems: a MariaDB for each, in the VNIC of its DB system. A `pure` region has none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localregion.backends.mysql import MysqlError, MysqlServer
from localregion.core.errors import ServiceError
from localregion.host.pki import Authority
from localregion.services.base import Document, Part, Record, Service
from localregion.services.mysql import model
from localregion.services.sealing import Sealer, sealer

if TYPE_CHECKING:
    from localregion.services.network.addresses import Vnic


class Servers(Part):
    """Starts and stops servers, and does to them what only a server can do."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.running: dict[str, MysqlServer] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    @property
    def sealer(self) -> Sealer:
        """Seals the administrator's password until the server has it."""
        return sealer(self.region.settings.state)

    def lock(self, record_id: str) -> asyncio.Lock:
        """Held while the server of a DB system is started or stopped."""
        return self._locks.setdefault(record_id, asyncio.Lock())

    async def stop_all(self) -> None:
        """End the servers; their data stay."""
        await asyncio.gather(*(server.stop() for server in self.running.values()))

    def _server(self, system: Record) -> MysqlServer:
        if system.id not in self.running:
            state = self.region.settings.state
            authority = Authority.load_or_create(state, f"okestack {self.region.settings.name} region")
            self.running[system.id] = MysqlServer(
                state / "mysql" / system.id.rsplit(".", 1)[-1][-16:], authority=authority
            )
        return self.running[system.id]

    async def start(self, system: Record, vnic: Vnic) -> None:
        """Let the server run in the VNIC's namespace and answer; makes it from nothing the first time."""
        if self.region.settings.pure:
            return
        doc, private = system.doc, system.private
        password = self.sealer.open(private["password"], system.id).decode() if "password" in private else None
        backup = self.store.find(private.get("backup", ""))
        try:
            await self._server(system).start(
                netns=vnic.netns,
                address=vnic.private_ip,
                names=(vnic.fqdn,) if vnic.fqdn else (),
                port=doc["port"],
                admin=private.get("admin"),
                password=password,
                configuration=given_variables(self.store.find(doc["configurationId"]), server=True) | _variables(doc),
                restore=self._dump_path(backup) if backup else None,
            )
        except MysqlError as error:
            raise ServiceError(500, "InternalError", f"The server of the DB System does not start: {error}") from error

    async def stop(self, system: Record, shutdown: str | None = None) -> None:
        """Stop the server, FAST unless `shutdown` says SLOW or IMMEDIATE; its data stay."""
        if not self.region.settings.pure:
            await self._server(system).stop(shutdown or "FAST")

    async def destroy(self, system: Record) -> None:
        """Stop the server and delete its data."""
        if not self.region.settings.pure:
            await self._server(system).destroy()
            self.running.pop(system.id, None)

    async def set_password(self, system: Record) -> None:
        """Give the administrator the password that an update brought, if it did."""
        if self.region.settings.pure or "password" not in system.private:
            return
        password = self.sealer.open(system.private["password"], system.id).decode()
        try:
            await self._server(system).set_admin(system.private["admin"], password)
        except MysqlError as error:
            raise ServiceError(500, "InternalError", f"The password was not changed: {error}") from error

    async def set_access(self, system: Record) -> None:
        """RESTRICTED lets only the administrator in: the other accounts are locked, and unlocked afterwards.

        In the service that is MySQL's `offline_mode`, which MariaDB does not have.
        """
        if self.region.settings.pure:
            return
        server = self._server(system)
        try:
            if system.doc["accessMode"] == "RESTRICTED":
                locked = await server.lock_accounts()
            else:
                await server.unlock_accounts(system.private.get("locked", []))
                locked = []
        except MysqlError as error:
            raise ServiceError(500, "InternalError", f"The access mode was not changed: {error}") from error
        self.service.update(self.service.get("db_system", system.id), {}, private={"locked": locked})

    def _dump_path(self, backup: Record) -> Path:
        return self.region.settings.state / "mysql" / "backups" / f"{backup.id.rsplit('.', 1)[-1]}.sql"

    async def dump(self, system: Record, backup: Record) -> None:
        """Write the data of a DB system into a backup's file."""
        if self.region.settings.pure:
            return
        try:
            await self._server(system).dump(self._dump_path(backup))
        except MysqlError as error:
            raise ServiceError(500, "InternalError", f"The backup failed: {error}") from error

    async def delete_dump(self, backup: Record) -> None:
        """Delete a backup's file."""
        self._dump_path(backup).unlink(missing_ok=True)


def given_variables(configuration: Record | None, *, server: bool = False) -> dict[str, Any]:
    """The variables that a custom configuration was given, in wire names or (`server`) as MariaDB's options."""
    given = dict(configuration.private.get("given", {})) if configuration else {}
    return dict(model.server_variables(given)) if server else given


def _variables(doc: Document) -> dict[str, str]:
    """The document's modes as variables of the server."""
    variables = {}
    if doc["databaseMode"] == "READ_ONLY":
        variables["read_only"] = "ON"
    if doc["crashRecovery"] == "DISABLED":
        variables["innodb_doublewrite"] = "OFF"
    return variables
