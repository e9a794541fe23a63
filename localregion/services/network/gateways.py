# SPDX-License-Identifier: GPL-3.0-or-later
"""Internet, NAT and service gateways, and the services that the last can enable."""

from __future__ import annotations

from localregion.core.errors import conflict, invalid, not_found
from localregion.core.store import Document, Record
from localregion.services.base import Part, Service
from localregion.services.network import checks, rules
from localregion.services.network.public_ips import PublicIps
from localregion.services.registration import operation
from localregion.services.resources import Call, Reply

GATEWAYS = ("internet_gateway", "nat_gateway", "service_gateway")


class Gateways(Part):
    """Makes and checks the documents of gateways."""

    def __init__(self, service: Service, public_ips: PublicIps) -> None:
        super().__init__(service)
        self._public_ips = public_ips

    def internet(self, vcn: Record, body: Document, _: Record | None) -> Document:
        """The fields of a gateway: the route table that it names must be the VCN's. Raises 400 or 404."""
        if "routeTableId" in body:
            checks.of_vcn(self.service, "route_table", body["routeTableId"], vcn)
        return {}

    def nat(self, vcn: Record, body: Document, record: Record | None) -> Document:
        """The fields of a NAT gateway, with a public IP: a reserved one, or one of its own."""
        self.internet(vcn, body, record)
        if record is not None:
            return {}
        if "publicIpId" in body:
            address = self.service.get("public_ip", body["publicIpId"])
            if address.doc["lifetime"] != "RESERVED" or address.state != "AVAILABLE":
                raise conflict(f"The public IP {address.id} is not a reserved one that is free.")
        else:
            address = self._public_ips.make("EPHEMERAL", body["compartmentId"], state="ASSIGNED")
        blocked = body.get("blockTraffic", False)
        return {"blockTraffic": blocked, "natIp": address.doc["ipAddress"], "publicIpId": address.id}

    def service_gateway(self, vcn: Record, body: Document, record: Record | None) -> Document:
        """The fields of a service gateway, with the services that it enables."""
        self.internet(vcn, body, record)
        changes: Document = {"blockTraffic": body.get("blockTraffic", False)} if record is None else {}
        if "services" in body:
            changes["services"] = self._enabled([entry["serviceId"] for entry in body["services"]], vcn, record)
        return changes

    def _enabled(self, identifiers: list[str], vcn: Record, record: Record | None) -> list[Document]:
        """The services of a gateway, as it shows them; those that routes use cannot be removed."""
        known = {service["id"]: service for service in rules.SERVICES}
        if any(identifier not in known for identifier in identifiers):
            raise not_found()
        if len(set(identifiers)) != len(identifiers) or len(identifiers) > 1:
            raise invalid("A service gateway can enable only one of the region's services: one holds the other.")
        kept = {known[identifier]["cidrBlock"] for identifier in identifiers}
        for table in self.service.living("route_table", parent=vcn.id) if record else ():
            for rule in table.doc["routeRules"]:
                if record and rule["networkEntityId"] == record.id and rule["destination"] not in kept:
                    raise conflict(f"The Route Table {table.id} has a rule for {rule['destination']} to {record.id}.")
        return [{"serviceId": identifier, "serviceName": known[identifier]["name"]} for identifier in identifiers]

    @operation
    async def attach_service_id(self, call: Call) -> Reply:
        """Enable a service on a gateway."""
        gateway = self.service.get("service_gateway", call.path["service_gateway_id"])
        present = [entry["serviceId"] for entry in gateway.doc["services"]]
        return self._change_services(gateway, [*present, call.body["serviceId"]])

    @operation
    async def detach_service_id(self, call: Call) -> Reply:
        """Take a service off a gateway."""
        gateway = self.service.get("service_gateway", call.path["service_gateway_id"])
        kept = [entry["serviceId"] for entry in gateway.doc["services"] if entry["serviceId"] != call.body["serviceId"]]
        return self._change_services(gateway, kept)

    def _change_services(self, gateway: Record, identifiers: list[str]) -> Reply:
        vcn = self.service.get("vcn", gateway.parent)
        return self.service.show(self.service.update(gateway, {"services": self._enabled(identifiers, vcn, gateway)}))

    @operation
    async def list_services(self, call: Call) -> Reply:
        """The services that a service gateway can enable."""
        return self.service.page(call, rules.SERVICES)

    @operation
    async def get_service(self, call: Call) -> Reply:
        """One of these services."""
        for service in rules.SERVICES:
            if service["id"] == call.path["service_id"]:
                return Reply(doc=service)
        raise not_found()

    def nat_created(self, gateway: Record) -> None:
        """The public IP of a new NAT gateway is assigned to it."""
        if address := self.store.find(gateway.doc["publicIpId"]):
            entity = {"assignedEntityId": gateway.id, "assignedEntityType": "NAT_GATEWAY"}
            self.service.update(address, entity, state="ASSIGNED")

    async def nat_gone(self, gateway: Record) -> None:
        """The public IP of a NAT gateway that is deleted is free again, or goes with it."""
        self._public_ips.release(gateway.doc.get("publicIpId"))
