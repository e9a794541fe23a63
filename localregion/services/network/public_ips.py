# SPDX-License-Identifier: GPL-3.0-or-later
"""Public IPs: addresses of the host's loopback network, of which the fabric relays to private ones."""

from __future__ import annotations

from localregion import settings as names
from localregion.core.errors import (
    conflict,
    incorrect_state,
    invalid,
    limit_exceeded,
    missing,
    not_found,
    not_implemented,
)
from localregion.core.store import Record
from localregion.services.base import Part
from localregion.services.registration import operation
from localregion.services.resources import SECOND, Call, Reply

MAX_RESERVED = 50
_PUBLIC_OFFSET = 256
"""Public addresses begin here in the host's loopback network: 127.77.1.0."""


class PublicIps(Part):
    """The operations of public IPs, and addresses for gateways and VNICs."""

    def make(
        self, lifetime: str, compartment: str, *, state: str, call: Call | None = None, domain: str | None = None
    ) -> Record:
        """A new public IP. `lifetime`: RESERVED or EPHEMERAL; `domain`: the availability domain of a private IP's."""
        scope = "AVAILABILITY_DOMAIN" if domain else "REGION"
        document = {"ipAddress": self.take(), "lifetime": lifetime, "scope": scope,
                    "availabilityDomain": domain}  # fmt: skip
        return self.service.create("public_ip", call, document, state=state, compartment=compartment)

    def take(self) -> str:
        """The first address that nothing has."""
        used = {record.doc["ipAddress"] for record in self.service.living("public_ip")}
        used |= {vnic.doc["publicIp"] for vnic in self.service.living("vnic") if vnic.doc.get("publicIp")}
        offset = _PUBLIC_OFFSET
        while (address := self.region.settings.host_address(offset)) in used:
            offset += 1
        return address

    def release(self, public_ip_id: str | None) -> None:
        """Free a public IP: a reserved one is available again, an ephemeral one goes."""
        record = self.store.find(public_ip_id) if public_ip_id else None
        if record is None or record.dead:
            return
        if record.doc["lifetime"] == "RESERVED":
            freed = {"assignedEntityId": None, "assignedEntityType": None, "privateIpId": None}
            self.service.update(record, freed, state="AVAILABLE")
        else:
            self.service.retire(record)

    @operation
    async def create_public_ip(self, call: Call) -> Reply:
        """A public IP: reserved, or for a private IP as long as that lives."""
        private_ip = self._free_private_ip(call.body["privateIpId"]) if call.body.get("privateIpId") else None
        if "publicIpPoolId" in call.body:
            raise not_implemented("public IP pools: the region has no pools of addresses")
        domain = None
        if call.body["lifetime"] == "EPHEMERAL":
            if private_ip is None:
                raise missing("privateIpId")
            domain = names.AVAILABILITY_DOMAIN
        elif sum(one.doc["lifetime"] == "RESERVED" for one in self.service.living("public_ip")) >= MAX_RESERVED:
            raise limit_exceeded(f"The limit of {MAX_RESERVED} reserved public IPs has been reached.")
        record = self.make(
            call.body["lifetime"], call.body["compartmentId"], state="PROVISIONING", call=call, domain=domain
        )
        if private_ip:
            self._assign(record, private_ip)
        self.service.transition(record, SECOND, "ASSIGNED" if private_ip else "AVAILABLE")
        return self.service.show(record)

    def _free_private_ip(self, private_ip_id: str) -> Record:
        private_ip = self.service.get("private_ip", private_ip_id)
        if any(record.doc.get("assignedEntityId") == private_ip_id for record in self.service.living("public_ip")):
            raise conflict(f"The private IP {private_ip_id} has a public IP already.")
        if self.service.get("subnet", private_ip.doc["subnetId"]).doc.get("prohibitPublicIpOnVnic"):
            raise invalid(f"The subnet {private_ip.doc['subnetId']} prohibits public IP addresses.")
        return private_ip

    def _assign(self, record: Record, private_ip: Record) -> None:
        entity = {
            "privateIpId": private_ip.id, "assignedEntityId": private_ip.id, "assignedEntityType": "PRIVATE_IP",
        }  # fmt: skip
        self.service.update(record, entity)
        if vnic := self.store.find(private_ip.doc.get("vnicId", "")):
            self.service.update(vnic, {"publicIp": record.doc["ipAddress"]})

    def assign_reserved(self, public_ip: Record, vnic_id: str) -> None:
        """Give a reserved public IP to a VNIC of a part of the region; freed when the VNIC goes."""
        self._assign(public_ip, self.service.living("private_ip", parent=vnic_id)[0])
        self.service.update(public_ip, {}, state="ASSIGNED")

    @operation
    async def update_public_ip(self, call: Call) -> Reply:
        """New name or tags; a reserved one can be given to a private IP (`privateIpId`), or be freed ("")."""
        record = self.service.get("public_ip", call.path["public_ip_id"])
        self._check_rests(record)
        wanted = call.body.get("privateIpId")
        if wanted is not None and wanted != record.doc.get("privateIpId", ""):
            self._reassign(record, wanted)
        self.service.apply(record, call, "displayName", "freeformTags", "definedTags")
        return self.service.show(record)

    def _check_rests(self, record: Record) -> None:
        if record.state not in ("AVAILABLE", "ASSIGNED"):
            raise incorrect_state(f"The public IP {record.id} is {record.state}.")

    def _reassign(self, record: Record, private_ip_id: str) -> None:
        """Give a reserved address to another private IP, or to none; both take a moment."""
        if record.doc["lifetime"] != "RESERVED" or record.doc.get("assignedEntityType") == "NAT_GATEWAY":
            raise conflict(f"The public IP {record.id} cannot be assigned to another private IP.")
        private_ip = self._free_private_ip(private_ip_id) if private_ip_id else None
        self._unassign(record)
        if private_ip:
            self._assign(record, private_ip)
        state, via = ("ASSIGNED", "ASSIGNING") if private_ip else ("AVAILABLE", "UNASSIGNING")
        self.service.transition(record, SECOND, state, via=via)

    def _unassign(self, record: Record) -> None:
        private_ip = self.store.find(record.doc.get("privateIpId", ""))
        if private_ip and (vnic := self.store.find(private_ip.doc.get("vnicId", ""))):
            self.service.update(vnic, {"publicIp": None})
        self.service.update(record, {"assignedEntityId": None, "assignedEntityType": None, "privateIpId": None})

    @operation
    async def change_public_ip_compartment(self, call: Call) -> Reply:
        """Move a reserved public IP; others are in the compartment of what they belong to."""
        record = self.service.get("public_ip", call.path["public_ip_id"])
        if record.doc["lifetime"] != "RESERVED":
            raise invalid(f"The public IP {record.id} is not reserved: it cannot be moved.")
        return self.service.move(record, call)

    @operation
    async def delete_public_ip(self, call: Call) -> Reply:
        """Delete a public IP that no gateway uses."""
        record = self.service.get("public_ip", call.path["public_ip_id"])
        if record.doc.get("assignedEntityType") == "NAT_GATEWAY":
            raise conflict(f"The public IP {record.id} references the NAT Gateway {record.doc['assignedEntityId']}.")
        self._check_rests(record)
        self._unassign(record)
        self.service.transition(record, SECOND, "TERMINATED", via="TERMINATING")
        return self.service.accepted()

    @operation
    async def list_public_ips(self, call: Call) -> Reply:
        """The public IPs of a compartment: the region's, or those of a domain's private IPs."""
        if (call.query["scope"] == "AVAILABILITY_DOMAIN") != ("availability_domain" in call.query):
            raise invalid("availabilityDomain is given with scope AVAILABILITY_DOMAIN, and only then.")
        return self.service.list("public_ip", call)

    @operation
    async def get_public_ip_by_ip_address(self, call: Call) -> Reply:
        """The public IP with this address."""
        return self._one("ipAddress", call.body["ipAddress"])

    @operation
    async def get_public_ip_by_private_ip_id(self, call: Call) -> Reply:
        """The public IP of a private IP."""
        return self._one("privateIpId", call.body["privateIpId"])

    def _one(self, field: str, value: str) -> Reply:
        for record in self.service.living("public_ip"):
            if record.doc.get(field) == value:
                return self.service.show(record)
        raise not_found()
