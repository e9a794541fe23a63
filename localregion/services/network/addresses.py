"""Addresses of the network service: public and private IPs, and the VNICs that the region's parts are joined by."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from localregion import settings as names
from localregion.services.base import (
    SECOND,
    Call,
    Record,
    Reply,
    Service,
    WorkRequest,
    conflict,
    incorrect_state,
    invalid,
    limit_exceeded,
    missing,
    not_found,
    not_implemented,
)
from localregion.services.network import rules
from localregion.services.registration import operation, step

LINGERING = 1.0
"""Cloud minutes that a VNIC stays after its owner is gone: one to three were seen."""
MAX_GROUPS = 5
MAX_RESERVED = 50
_PUBLIC_OFFSET = 256
"""Public addresses begin here in the host's loopback network: 127.77.1.0."""

WORDS = {
    "vcn": "VCN", "subnet": "Subnet", "route_table": "Route Table", "security_list": "Security List",
    "dhcp_options": "DHCP Options", "network_security_group": "Network Security Group", "vnic": "VNIC",
    "internet_gateway": "Internet Gateway", "nat_gateway": "NAT Gateway", "service_gateway": "Service Gateway",
    "public_ip": "public IP", "capture_filter": "Capture Filter", "vtap": "VTAP",
}  # fmt: skip


@dataclass(frozen=True)
class Vnic:
    """A VNIC for a part of the region. ``netns``: its network namespace, empty where there is no fabric."""

    id: str
    subnet_id: str
    private_ip: str
    public_ip: str | None
    hostname: str | None
    fqdn: str | None
    netns: str
    display_name: str


class Addresses(Service):
    """The part of the network service that gives out addresses; `Network` is the whole."""

    def __init__(self, region: Any) -> None:
        super().__init__(region)
        self._addresses: dict[str, set[int]] = {}
        self._vnics: dict[tuple[str, str], str] = {}
        self._hosts: dict[str, str] = {}

    async def resume(self) -> None:
        """Read what is allocated; tell the fabric the names and the addresses that its own namespace holds."""
        self._addresses.clear()
        self._vnics.clear()
        for vnic in self.living("vnic"):
            if vnic.state == "TERMINATING":
                continue
            self._vnics[vnic.private["owner"], vnic.private["name"]] = vnic.id
            if vnic.private.get("held"):
                subnet = self.get("subnet", vnic.doc["subnetId"])
                await self.region.fabric.add_address(subnet.id, subnet.doc["cidrBlock"], vnic.doc["privateIp"])
        await super().resume()
        self._tell_hosts()

    def _check_available(self, record: Record, word: str) -> None:
        if record.state != "AVAILABLE":
            raise incorrect_state(f"The {word} {record.id} must be in state AVAILABLE; it is {record.state}.")

    def _of_vcn(self, kind: str, record_id: str, vcn: Record) -> Record:
        """A resource named in a body; it must be of the VCN."""
        record = self.get(kind, record_id)
        if record.parent != vcn.id:
            raise invalid(f"The {WORDS[kind]} {record_id} is not of VCN {vcn.id}.")
        return record

    # public addresses

    def _make_public_ip(
        self, lifetime: str, compartment: str, *, state: str, call: Call | None = None, domain: str | None = None
    ) -> Record:
        scope = "AVAILABILITY_DOMAIN" if domain else "REGION"
        document = {"ipAddress": self._take_public_address(), "lifetime": lifetime, "scope": scope,
                    "availabilityDomain": domain}  # fmt: skip
        return self.create("public_ip", call, document, state=state, compartment=compartment)

    def _take_public_address(self) -> str:
        used = {record.doc["ipAddress"] for record in self.living("public_ip")}
        used |= {vnic.doc["publicIp"] for vnic in self.living("vnic") if vnic.doc.get("publicIp")}
        offset = _PUBLIC_OFFSET
        while (address := self.region.settings.host_address(offset)) in used:
            offset += 1
        return address

    def _release_public(self, public_ip_id: str | None) -> None:
        """Free a public IP: a reserved one is available again, an ephemeral one goes."""
        record = self.store.find(public_ip_id) if public_ip_id else None
        if record is None or record.dead:
            return
        if record.doc["lifetime"] == "RESERVED":
            freed = {"assignedEntityId": None, "assignedEntityType": None, "privateIpId": None}
            self.update(record, freed, state="AVAILABLE")
        else:
            self.retire(record)

    @operation
    async def create_public_ip(self, call: Call) -> Reply:
        """A public IP: reserved, or for a private IP as long as that lives."""
        private_ip = self._free_private_ip(call.body["privateIpId"]) if call.body.get("privateIpId") else None
        if "publicIpPoolId" in call.body:
            raise not_implemented("public IP pools: the region has no addresses of one's own")
        domain = None
        if call.body["lifetime"] == "EPHEMERAL":
            if private_ip is None:
                raise missing("privateIpId")
            domain = names.AVAILABILITY_DOMAIN
        elif sum(one.doc["lifetime"] == "RESERVED" for one in self.living("public_ip")) >= MAX_RESERVED:
            raise limit_exceeded(f"The limit of {MAX_RESERVED} reserved public IPs has been reached.")
        record = self._make_public_ip(
            call.body["lifetime"], call.body["compartmentId"], state="PROVISIONING", call=call, domain=domain
        )
        if private_ip:
            self._assign(record, private_ip)
        self.transition(record, SECOND, "ASSIGNED" if private_ip else "AVAILABLE")
        return self.show(record)

    def _free_private_ip(self, private_ip_id: str) -> Record:
        private_ip = self.get("private_ip", private_ip_id)
        if any(record.doc.get("assignedEntityId") == private_ip_id for record in self.living("public_ip")):
            raise conflict(f"The private IP {private_ip_id} has a public IP already.")
        if self.get("subnet", private_ip.doc["subnetId"]).doc.get("prohibitPublicIpOnVnic"):
            raise invalid(f"The subnet {private_ip.doc['subnetId']} prohibits public IP addresses.")
        return private_ip

    def _assign(self, record: Record, private_ip: Record) -> None:
        entity = {
            "privateIpId": private_ip.id, "assignedEntityId": private_ip.id, "assignedEntityType": "PRIVATE_IP",
        }  # fmt: skip
        self.update(record, entity)
        if vnic := self.store.find(private_ip.doc.get("vnicId", "")):
            self.update(vnic, {"publicIp": record.doc["ipAddress"]})

    def assign_reserved(self, public_ip: Record, vnic_id: str) -> None:
        """Give a reserved public IP to a VNIC of a part of the region; freed when the VNIC goes."""
        self._assign(public_ip, self.living("private_ip", parent=vnic_id)[0])
        self.update(public_ip, {}, state="ASSIGNED")

    @operation
    async def update_public_ip(self, call: Call) -> Reply:
        """New name or tags; a reserved one can be given to a private IP (`privateIpId`), or be freed ("")."""
        record = self.get("public_ip", call.path["public_ip_id"])
        self._check_rests(record)
        wanted = call.body.get("privateIpId")
        if wanted is not None and wanted != record.doc.get("privateIpId", ""):
            self._reassign(record, wanted)
        self.apply(record, call, "displayName", "freeformTags", "definedTags")
        return self.show(record)

    def _check_rests(self, record: Record) -> None:
        if record.state not in ("AVAILABLE", "ASSIGNED"):
            raise incorrect_state(f"The public IP {record.id} is {record.state}.")

    def _reassign(self, record: Record, private_ip_id: str) -> None:
        """Give a reserved address to another private IP, or to none; both take a moment."""
        if record.doc["lifetime"] != "RESERVED" or record.doc.get("assignedEntityType") == "NAT_GATEWAY":
            raise conflict(f"The public IP {record.id} cannot be assigned anew.")
        private_ip = self._free_private_ip(private_ip_id) if private_ip_id else None
        self._unassign(record)
        if private_ip:
            self._assign(record, private_ip)
        state, via = ("ASSIGNED", "ASSIGNING") if private_ip else ("AVAILABLE", "UNASSIGNING")
        self.transition(record, SECOND, state, via=via)

    def _unassign(self, record: Record) -> None:
        private_ip = self.store.find(record.doc.get("privateIpId", ""))
        if private_ip and (vnic := self.store.find(private_ip.doc.get("vnicId", ""))):
            self.update(vnic, {"publicIp": None})
        self.update(record, {"assignedEntityId": None, "assignedEntityType": None, "privateIpId": None})

    @operation
    async def change_public_ip_compartment(self, call: Call) -> Reply:
        """Move a reserved public IP; others are where what they belong to is."""
        record = self.get("public_ip", call.path["public_ip_id"])
        if record.doc["lifetime"] != "RESERVED":
            raise invalid(f"The public IP {record.id} is not reserved: it cannot be moved.")
        return self.move(record, call)

    @operation
    async def delete_public_ip(self, call: Call) -> Reply:
        """Delete a public IP that no gateway uses."""
        record = self.get("public_ip", call.path["public_ip_id"])
        if record.doc.get("assignedEntityType") == "NAT_GATEWAY":
            raise conflict(f"The public IP {record.id} references the NAT Gateway {record.doc['assignedEntityId']}.")
        self._check_rests(record)
        self._unassign(record)
        self.transition(record, SECOND, "TERMINATED", via="TERMINATING")
        return self.accepted()

    @operation
    async def list_public_ips(self, call: Call) -> Reply:
        """The public IPs of a compartment: the region's, or those of a domain's private IPs."""
        if (call.query["scope"] == "AVAILABILITY_DOMAIN") != ("availability_domain" in call.query):
            raise invalid("availabilityDomain is given with scope AVAILABILITY_DOMAIN, and only then.")
        return self.list("public_ip", call)

    @operation
    async def get_public_ip_by_ip_address(self, call: Call) -> Reply:
        """The public IP with this address."""
        return self._one_public_ip("ipAddress", call.body["ipAddress"])

    @operation
    async def get_public_ip_by_private_ip_id(self, call: Call) -> Reply:
        """The public IP of a private IP."""
        return self._one_public_ip("privateIpId", call.body["privateIpId"])

    def _one_public_ip(self, field: str, value: str) -> Reply:
        for record in self.living("public_ip"):
            if record.doc.get(field) == value:
                return self.show(record)
        raise not_found()

    # private addresses and VNICs

    @operation
    async def list_private_ips(self, call: Call) -> Reply:
        """The private IPs of a VNIC or subnet."""
        if not {"vnic_id", "subnet_id", "ip_address"} & set(call.query):
            raise missing("vnicId or subnetId")
        return self.list("private_ip", call, dead=False)

    @operation
    async def update_vnic(self, call: Call) -> Reply:
        """New name, tags or groups of a VNIC."""
        vnic = self.get("vnic", call.path["vnic_id"])
        if "nsgIds" in call.body:
            self._check_groups(self.get("subnet", vnic.doc["subnetId"]), call.body["nsgIds"])
        self.apply(vnic, call, "displayName", "freeformTags", "definedTags", "nsgIds", "skipSourceDestCheck")
        return self.show(vnic)

    def check_placement(self, subnet_id: str, nsg_ids: Iterable[str] = (), *, public: bool = False) -> Record:
        """The subnet for a VNIC to come, checked with its groups. Raises 400/404/409 as a service's create does."""
        subnet = self.get("subnet", subnet_id)
        self._check_available(subnet, "Subnet")
        if public and subnet.doc.get("prohibitPublicIpOnVnic"):
            raise invalid(f"The subnet {subnet_id} prohibits public IP addresses.")
        self._check_groups(subnet, list(nsg_ids))
        return subnet

    def _check_groups(self, subnet: Record, groups: list[str]) -> None:
        if len(groups) > MAX_GROUPS:
            raise limit_exceeded(f"A VNIC can be in at most {MAX_GROUPS} network security groups.")
        vcn = self.get("vcn", subnet.parent)
        for group in groups:
            self._of_vcn("network_security_group", group, vcn)

    async def attach_vnic(
        self,
        *,
        subnet_id: str,
        display_name: str,
        owner_id: str,
        nsg_ids: Iterable[str] = (),
        hostname: str | None = None,
        private_ip: str | None = None,
        public: bool = False,
    ) -> Vnic:
        """A VNIC for a part of the region; the same one again for the same owner and display name.

        Its network namespace is made anew where it is gone: after a restart, ask again for what is to live on. Raises
        as `check_placement`, and 400 LimitExceeded when the subnet has no free address.
        """
        known = self.store.find(self._vnics.get((owner_id, display_name), ""))
        if known is None or known.dead:
            place = self.check_placement(subnet_id, nsg_ids, public=public)
            known = self._new_vnic(place, display_name, owner_id, list(nsg_ids), hostname, private_ip, public)
            new = True
        else:
            new = False
        subnet = self.get("subnet", known.doc["subnetId"])
        try:
            netns = await self.region.fabric.attach(
                known.id, subnet.id, subnet.doc["cidrBlock"], known.doc["privateIp"]
            )
        except Exception:
            if new:  # nobody has it: no address and no host name stay taken
                await self.detach_vnic(known.id, at_once=True)
            raise
        if known.private.get("netns") != netns:
            fresh = self.store.find(known.id) or known
            fresh.private["netns"] = netns
            known = self.store.save(fresh, etag=False)
        if known.doc.get("hostnameLabel"):
            self._tell_hosts()
        return self._as_vnic(known)

    async def hold_address(
        self, *, subnet_id: str, display_name: str, owner_id: str, nsg_ids: Iterable[str] = ()
    ) -> Vnic:
        """A VNIC whose address the region's own namespace holds (a virtual node: its NodePorts answer there). Else as
        `attach_vnic`; given up by `detach_vnic`."""
        known = self.store.find(self._vnics.get((owner_id, display_name), ""))
        if new := known is None or known.dead:
            known = self._new_vnic(
                self.check_placement(subnet_id, nsg_ids), display_name, owner_id, list(nsg_ids), None, None, False
            )
            known.private["held"] = True
            known = self.store.save(known, etag=False)
        subnet = self.get("subnet", known.doc["subnetId"])
        try:
            await self.region.fabric.add_address(subnet.id, subnet.doc["cidrBlock"], known.doc["privateIp"])
        except Exception:
            if new:
                await self.detach_vnic(known.id, at_once=True)
            raise
        return self._as_vnic(known)

    def _new_vnic(
        self, subnet: Record, display_name: str, owner_id: str, groups: list[str], hostname: str | None,
        private_ip: str | None, public: bool,
    ) -> Record:  # fmt: skip
        address = self._take_address(subnet, private_ip)
        place = {"subnetId": subnet.id, "availabilityDomain": names.AVAILABILITY_DOMAIN, "displayName": display_name}
        mac = ":".join(f"{byte:02X}" for byte in ipaddress.IPv4Address(address).packed)
        document = place | {
            "privateIp": address, "publicIp": self._take_public_address() if public else None, "nsgIds": groups,
            "hostnameLabel": hostname, "isPrimary": True, "skipSourceDestCheck": False, "macAddress": f"02:00:{mac}",
        }  # fmt: skip
        vnic = self.create(
            "vnic", None, document, state="AVAILABLE", compartment=subnet.compartment, parent=subnet.id,
            private={"owner": owner_id, "name": display_name},
        )  # fmt: skip
        self.create(
            "private_ip", None,
            place | {"ipAddress": address, "vnicId": vnic.id, "isPrimary": True, "hostnameLabel": hostname},
            state="", compartment=subnet.compartment, parent=vnic.id,
        )  # fmt: skip
        self._vnics[owner_id, display_name] = vnic.id
        return vnic

    def _as_vnic(self, record: Record) -> Vnic:
        return Vnic(
            id=record.id, subnet_id=record.doc["subnetId"], private_ip=record.doc["privateIp"],
            public_ip=record.doc.get("publicIp"), hostname=record.doc.get("hostnameLabel"), fqdn=self._fqdn(record),
            netns=record.private.get("netns", ""), display_name=record.private["name"],
        )  # fmt: skip

    def _fqdn(self, vnic: Record) -> str | None:
        subnet = self.store.find(vnic.doc["subnetId"])
        domain = subnet.doc.get("subnetDomainName") if subnet else None
        label = vnic.doc.get("hostnameLabel")
        return f"{label}.{domain}" if label and domain else None

    def vnics_of(self, owner_id: str) -> list[Vnic]:
        """The VNICs that an owner holds."""
        held = [vnic_id for (owner, _), vnic_id in self._vnics.items() if owner == owner_id]
        return [self._as_vnic(vnic) for vnic_id in held if (vnic := self.store.find(vnic_id))]

    async def set_vnic_groups(self, vnic_id: str, nsg_ids: Iterable[str]) -> None:
        """Put a VNIC into other network security groups."""
        vnic = self.get("vnic", vnic_id)
        groups = list(nsg_ids)
        self._check_groups(self.get("subnet", vnic.doc["subnetId"]), groups)
        self.update(vnic, {"nsgIds": groups})

    async def set_vnic_public(self, vnic_id: str, *, public: bool) -> Vnic:
        """Give a VNIC a public address, or take it away with what is relayed there. The same again does nothing."""
        vnic = self.get("vnic", vnic_id)
        present = vnic.doc.get("publicIp")
        if public and not present:
            self.check_placement(vnic.doc["subnetId"], public=True)
            vnic = self.update(vnic, {"publicIp": self._take_public_address()})
        elif present and not public:
            await self.region.fabric.unexpose(present)
            vnic = self.update(vnic, {"publicIp": None})
        return self._as_vnic(vnic)

    async def detach_vnic(self, vnic_id: str, *, at_once: bool = False) -> None:
        """Give up a VNIC, its names and what is relayed to it; nothing if that is done already.

        It lingers in its subnet and groups for a minute, with its private address, as the cloud's do; not with
        `at_once`, for one that never had an owner.
        """
        vnic = self.store.find(vnic_id)
        if vnic is None or vnic.kind != "vnic" or vnic.dead or vnic.state == "TERMINATING":
            return
        if vnic.private.get("held"):
            await self.region.fabric.remove_address(vnic.doc["subnetId"], vnic.doc["privateIp"])
        else:
            await self.region.fabric.detach(vnic_id)
        if public_ip := vnic.doc.get("publicIp"):
            await self.region.fabric.unexpose(public_ip)
        for address in self.living("private_ip", parent=vnic.id):
            for public in self.living("public_ip"):
                if public.doc.get("privateIpId") == address.id:
                    self._release_public(public.id)
        self._detached(vnic.id)
        self._vnics.pop((vnic.private["owner"], vnic.private["name"]), None)
        named = vnic.doc.get("hostnameLabel")
        vnic = self.update(vnic, {"publicIp": None, "hostnameLabel": None}, state="TERMINATING")
        if at_once or not self.clock.minute:
            await self._vnic_gone(vnic, None)
        else:
            self.transition(vnic, LINGERING, None, also=self._vnic_gone)
        if named:
            self._tell_hosts()

    @step
    async def _vnic_gone(self, vnic: Record, _: WorkRequest | None) -> None:
        for address in self.living("private_ip", parent=vnic.id):
            self.store.remove(address.id)
        self._used(vnic.doc["subnetId"]).discard(int(ipaddress.IPv4Address(vnic.doc["privateIp"])))
        self.store.remove(vnic.id)

    def _detached(self, vnic_id: str) -> None:
        """Called when a VNIC is given up."""

    def _used(self, subnet_id: str) -> set[int]:
        """The addresses of a subnet that are taken."""
        if subnet_id not in self._addresses:
            self._addresses[subnet_id] = {
                int(ipaddress.IPv4Address(vnic.doc["privateIp"])) for vnic in self.living("vnic", parent=subnet_id)
            }
        return self._addresses[subnet_id]

    def _take_address(self, subnet: Record, wanted: str | None) -> str:
        """A free address: the first two and the last of a subnet are the network's own.

        Addresses go round, so that one just given up is not given at once to another.
        """
        cidr, used = rules.network(subnet.doc["cidrBlock"]), self._used(subnet.id)
        first, last = int(cidr.network_address) + 2, int(cidr.broadcast_address) - 1
        if wanted is not None:
            number = int(ipaddress.IPv4Address(wanted))
            if not first <= number <= last:
                raise invalid(f"The address {wanted} cannot be used in the subnet {subnet.id}.")
            if number in used:
                raise conflict(f"The address {wanted} is in use already.")
        else:
            if len(used) > last - first:
                raise limit_exceeded(f"The subnet {subnet.id} has no free address left.")
            number = max(first, subnet.private.get("next", first))
            while number in used or number > last:
                number = first if number >= last else number + 1
            fresh = self.store.find(subnet.id) or subnet
            fresh.private["next"] = number + 1
            self.store.save(fresh, etag=False)
        used.add(number)
        return str(ipaddress.IPv4Address(number))

    def _tell_hosts(self) -> None:
        hosts = {}
        for vnic in self.living("vnic"):
            if vnic.doc.get("hostnameLabel") and (name := self._fqdn(vnic)):
                hosts[name] = vnic.doc["privateIp"]
        if hosts != self._hosts:
            self._hosts = hosts
            self.region.fabric.set_hosts(hosts)
