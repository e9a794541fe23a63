# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of DB systems, in the VNICs of their DB systems: MySQL, or MariaDB where MySQL can't be had. A `pure`
region has none."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localregion.backends.mysql import (
    MariaDb,
    MySql,
    MysqlError,
    MysqlGroup,
    MysqlServer,
    Product,
    dissolve,
    keep_logs,
    product_of,
    recover,
)
from localregion.core.errors import ServiceError
from localregion.core.store import Document, Record
from localregion.host.pki import Authority
from localregion.host.programs import ProgramError
from localregion.services.base import Part, Service
from localregion.services.mysql import model
from localregion.settings import FAULT_DOMAINS

if TYPE_CHECKING:
    from localregion.services.network.vnics import Vnic


class Servers(Part):
    """Starts and stops servers, and does to them what only a server can do."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.running: dict[str, MysqlServer | MysqlGroup] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def lock(self, record_id: str) -> asyncio.Lock:
        """Held while the server of a DB system is started or stopped."""
        return self._locks.setdefault(record_id, asyncio.Lock())

    async def stop_all(self) -> None:
        """End the servers; their data stay."""
        await asyncio.gather(*(server.stop() for server in self.running.values()))

    def _folder(self, system: Record) -> Path:
        return self.region.settings.state / "mysql" / system.id.rsplit(".", 1)[-1][-16:]

    async def _make(self, system: Record) -> MysqlServer | MysqlGroup:
        """The server's object, or its members': what made its data runs it. MariaDB is always alone."""
        state, folder = self.region.settings.state, self._folder(system)
        there = self.running.get(system.id)
        if there is None or (
            not there.running and isinstance(there, MysqlGroup) is not system.doc["isHighlyAvailable"]
        ):
            authority = Authority.load_or_create(state, f"okestack {self.region.settings.name} region")
            product = there.product if there is not None else await self._product(system)
            if system.doc["isHighlyAvailable"] and isinstance(product, MySql):
                there = MysqlGroup(
                    folder, authority=authority, product=product, moved=lambda number: self._moved(system.id, number)
                )
            else:
                await dissolve(folder)
                there = MysqlServer(folder, authority=authority, product=product)
            self.running[system.id] = there
        return there

    def _moved(self, system_id: str, number: int) -> None:
        """Show where the primary is: the members are in a fault domain each, the first in the one asked for."""
        system = self.service.get("db_system", system_id)
        first = FAULT_DOMAINS.index(system.doc["faultDomain"])
        domain = FAULT_DOMAINS[(first + number - 1) % len(FAULT_DOMAINS)]
        placement = system.doc["currentPlacement"] | {"faultDomain": domain}
        if placement != system.doc["currentPlacement"]:
            self.service.update(system, {"currentPlacement": placement})

    async def _product(self, system: Record) -> Product:
        backup = self.store.find(system.private.get("backup", ""))
        wanted = product_of(self._folder(system)) or (backup.private.get("product") if backup else None)
        if wanted != MariaDb.name:
            try:
                return MySql(await self.region.mysql.get())
            except ProgramError as error:
                if wanted is not None:
                    raise ServiceError(500, "InternalError", f"The data are MySQL's: {error}") from error
        return MariaDb()

    def details(self, system: Record) -> Document:
        """What the document says of a server that is not MySQL."""
        server = self.running.get(system.id)
        if server is None or server.product.name == MySql.name:
            return {}
        alone = ", without secondaries" if system.doc["isHighlyAvailable"] else ""
        return {"lifecycleDetails": f"The server is MariaDB{alone}: {self.region.mysql.lacking() or 'its data are'}."}

    def _server(self, system: Record) -> MysqlServer | MysqlGroup:
        """The server that runs. Raises MysqlError when none was started."""
        if system.id not in self.running:
            raise MysqlError("the server does not run")
        return self.running[system.id]

    async def start(self, system: Record, vnic: Vnic) -> None:
        """Let the server run in the VNIC's namespace and answer; makes it from nothing the first time."""
        if self.region.settings.pure:
            return
        doc, private = system.doc, system.private
        password = self.region.sealer.open(private["password"], system.id).decode() if "password" in private else None
        backup = self.store.find(private.get("backup", ""))
        restore = self._dump_path(backup) if backup else None
        try:
            server = await self._make(system)
            if restore is not None and self._logs(system).exists():
                restore = await self._recover(system, vnic, restore)
            await server.start(
                netns=vnic.netns,
                address=vnic.private_ip,
                names=(vnic.fqdn,) if vnic.fqdn else (),
                port=doc["port"],
                port_x=doc["portX"],
                admin=private.get("admin"),
                password=password,
                configuration=given_variables(self.store.find(doc["configurationId"]), server=True)
                | _variables(doc, server.product),
                restore=restore,
            )
            await asyncio.to_thread(shutil.rmtree, self._logs(system).parent, True)
        except MysqlError as error:
            raise ServiceError(500, "InternalError", f"The server of the DB System does not start: {error}") from error

    def keeps_logs(self, system: Record) -> bool:
        """Whether changes after a backup can be repeated: MariaDB keeps no logs here."""
        return self.region.settings.pure or product_of(self._folder(system)) == MySql.name

    def _logs(self, system: Record) -> Path:
        """The logs that a DB system is recovered with, once."""
        return self._folder(system) / "recovery" / "logs"

    async def keep_logs(self, source: Record, system: Record) -> None:
        """Keep the changes of a DB system for one that is to be made of it."""
        if self.region.settings.pure:
            return
        target = self._logs(system)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._folder(system).chmod(0o700)
        try:
            await keep_logs(self._server(source), target)
        except MysqlError as error:
            await self.destroy(system)
            raise ServiceError(500, "InternalError", f"The logs of the DB System cannot be read: {error}") from error

    async def _recover(self, system: Record, vnic: Vnic, backup: Path) -> Path:
        """A backup with the changes up to the point in time that was asked for."""
        point = system.private.get("recovery_point")
        logs, product = self._logs(system), await self._product(system)
        if not isinstance(product, MySql):
            raise MysqlError("its backup is not MySQL's")
        return await recover(
            logs.with_name("server"),
            backup=backup,
            logs=logs,
            until=model.moment(point, "source.recoveryPoint") if point else None,
            product=product,
            authority=Authority.load_or_create(
                self.region.settings.state, f"okestack {self.region.settings.name} region"
            ),
            netns=vnic.netns,
            address=vnic.private_ip,
        )

    async def stop(self, system: Record, shutdown: str | None = None) -> None:
        """Stop the server, FAST unless `shutdown` says SLOW or IMMEDIATE; its data stay."""
        if server := self.running.get(system.id):
            await server.stop(shutdown or "FAST")

    async def destroy(self, system: Record) -> None:
        """Stop the server and delete its data."""
        if not self.region.settings.pure:
            if server := self.running.pop(system.id, None):
                await server.destroy()
            else:
                await asyncio.to_thread(shutil.rmtree, self._folder(system), True)

    async def set_password(self, system: Record) -> None:
        """Give the administrator the password that an update brought, if it did."""
        if self.region.settings.pure or "password" not in system.private:
            return
        password = self.region.sealer.open(system.private["password"], system.id).decode()
        try:
            await self._server(system).set_admin(system.private["admin"], password)
        except MysqlError as error:
            raise ServiceError(500, "InternalError", f"The password was not changed: {error}") from error

    async def set_access(self, system: Record) -> None:
        """RESTRICTED lets only the administrator in."""
        if self.region.settings.pure:
            return
        locked: list[list[str]] = []
        try:
            server = self._server(system)
            if system.doc["accessMode"] == "RESTRICTED":
                locked = await server.restrict()
            else:
                await server.admit(system.private.get("locked", []))
        except MysqlError as error:
            raise ServiceError(500, "InternalError", f"The access mode was not changed: {error}") from error
        self.service.update(self.service.get("db_system", system.id), {}, private={"locked": locked})

    def _dump_path(self, backup: Record) -> Path:
        suffix = {product.name: product.dump_suffix for product in (MySql, MariaDb)}[
            backup.private.get("product", MariaDb.name)
        ]
        return self.region.settings.state / "mysql" / "backups" / f"{backup.id.rsplit('.', 1)[-1]}.{suffix}"

    async def dump(self, system: Record, backup: Record) -> None:
        """Write the data of a DB system into a backup's file."""
        if not self.region.settings.pure:
            try:
                server = self._server(system)
                backup = self.service.update(backup, {}, private={"product": server.product.name})
                await server.dump(self._dump_path(backup))
            except MysqlError as error:
                raise ServiceError(500, "InternalError", f"The backup failed: {error}") from error
        self.service.update(backup, {}, private={"copied": self.clock.timestamp()})

    async def delete_dump(self, backup: Record) -> None:
        """Delete a backup's file."""
        path = self._dump_path(backup)
        if path.exists():
            await asyncio.to_thread(shutil.rmtree if path.is_dir() else Path.unlink, path)


def given_variables(configuration: Record | None, *, server: bool = False) -> dict[str, Any]:
    """The variables that a custom configuration was given, in wire names or (`server`) as the server's options."""
    given = dict(configuration.private.get("given", {})) if configuration else {}
    return dict(model.server_variables(given)) if server else given


def _variables(doc: Document, product: Product) -> dict[str, str]:
    """The document's modes as variables of the server."""
    variables: dict[str, str] = {}
    if doc["databaseMode"] == "READ_ONLY":
        variables |= product.read_only
    if doc["accessMode"] == "RESTRICTED":
        variables |= product.restricted
    if doc["crashRecovery"] == "DISABLED":
        variables["innodb_doublewrite"] = "OFF"
    return variables
