# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs behind DB systems: a VNIC in the subnet, and the server in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localregion.core.store import Document, Record
from localregion.services import lookup
from localregion.services.base import Part, Service
from localregion.services.mysql.servers import Servers

if TYPE_CHECKING:
    from localregion.services.network.vnics import Vnic


class RunningSystems(Part):
    """Makes DB systems reachable."""

    def __init__(self, service: Service, servers: Servers) -> None:
        super().__init__(service)
        self._servers = servers

    async def ensure(self, system_id: str) -> Document:
        """Give the DB system its VNIC and its server; idempotent. The document's fields that follow from them."""
        async with self._servers.lock(system_id):
            system = self.service.get("db_system", system_id)
            vnic = await self.attach(system.id, system.doc)
            await self._servers.start(system, vnic)
            return self.addresses(system, vnic) | self._servers.details(system)

    async def attach(self, system_id: str, doc: Document) -> Vnic:
        """Give a DB system its VNIC; idempotent. Raises as `Vnics.attach`."""
        return await lookup.network(self.region).vnics.attach(
            subnet_id=doc["subnetId"],
            display_name="mysql",  # not the DB system's name: that changes
            owner_id=system_id,
            nsg_ids=doc["nsgIds"],
            hostname=doc.get("hostnameLabel"),
            private_ip=doc.get("ipAddress"),
        )

    async def detach(self, system_id: str) -> None:
        """Give the VNIC of a DB system up."""
        await lookup.network(self.region).vnics.detach_all(system_id)

    def addresses(self, system: Record, vnic: Vnic) -> Document:
        """The fields of the document that follow from the VNIC."""
        doc = system.doc
        endpoint = {
            "ipAddress": vnic.private_ip,
            "ipAddressVersion": "IPV4",
            "port": doc["port"],
            "portX": doc["portX"],
            "modes": ["READ", "WRITE"] if doc["databaseMode"] == "READ_WRITE" else ["READ"],
            "status": "ACTIVE",
            "resourceType": "DBSYSTEM",
            "resourceId": system.id,
        }
        if doc.get("hostnameLabel") and vnic.fqdn:
            endpoint["hostname"] = vnic.fqdn
        return {"ipAddress": vnic.private_ip, "endpoints": [endpoint]}
