# SPDX-License-Identifier: GPL-3.0-or-later
"""VNICs, by which the region's parts are in subnets, and their private IPs."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from localregion import settings as names
from localregion.core.errors import conflict, invalid, limit_exceeded, missing
from localregion.core.store import Record
from localregion.services.base import Part, Service
from localregion.services.network import checks, rules
from localregion.services.network.packets import Packets
from localregion.services.network.public_ips import PublicIps
from localregion.services.registration import operation, step
from localregion.services.resources import Call, Reply
from localregion.services.work_requests import WorkRequest

LINGERING = 1.0
"""Cloud minutes that a VNIC stays after its owner is gone: one to three were seen."""
MAX_GROUPS = 5


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


class Vnics(Part):
    """The operations of VNICs and private IPs, and VNICs for the parts of the region.

    ``on_detached`` is called with the id of a VNIC that is removed. A VNIC is given out when ``packets`` lets pass what
    it may send.
    """

    def __init__(
        self, service: Service, public_ips: PublicIps, packets: Packets, on_detached: Callable[[str], None]
    ) -> None:
        super().__init__(service)
        self._public_ips, self._packets, self._on_detached = public_ips, packets, on_detached
        self._addresses: dict[str, set[int]] = {}
        self._vnics: dict[tuple[str, str], str] = {}
        self._hosts: dict[str, str] = {}

    async def take_up(self) -> None:
        """Read what is allocated, at the region's start; give the fabric the addresses that its own namespace holds."""
        self._addresses.clear()
        self._vnics.clear()
        for vnic in self.service.living("vnic"):
            if vnic.state == "TERMINATING":
                continue
            self._vnics[vnic.private["owner"], vnic.private["name"]] = vnic.id
            if vnic.private.get("held"):
                subnet = self.service.get("subnet", vnic.doc["subnetId"])
                await self.region.fabric.add_address(subnet.id, subnet.doc["cidrBlock"], vnic.doc["privateIp"])

    def forget_subnet(self, subnet_id: str) -> None:
        """Forget the addresses of a subnet that is deleted."""
        self._addresses.pop(subnet_id, None)

    @operation
    async def list_private_ips(self, call: Call) -> Reply:
        """The private IPs of a VNIC or subnet."""
        if not {"vnic_id", "subnet_id", "ip_address"} & set(call.query):
            raise missing("vnicId or subnetId")
        return self.service.list("private_ip", call, dead=False)

    @operation
    async def update_vnic(self, call: Call) -> Reply:
        """New name, tags or groups of a VNIC."""
        vnic = self.service.get("vnic", call.path["vnic_id"])
        if "nsgIds" in call.body:
            self._check_groups(self.service.get("subnet", vnic.doc["subnetId"]), call.body["nsgIds"])
        self.service.apply(vnic, call, "displayName", "freeformTags", "definedTags", "nsgIds", "skipSourceDestCheck")
        return self.service.show(vnic)

    def check_placement(self, subnet_id: str, nsg_ids: Iterable[str] = (), *, public: bool = False) -> Record:
        """The subnet for a new VNIC, checked together with its groups. Raises 400, 404 or 409 as a create does."""
        subnet = self.service.get("subnet", subnet_id)
        checks.available(subnet, "Subnet")
        if public and subnet.doc.get("prohibitPublicIpOnVnic"):
            raise invalid(f"The subnet {subnet_id} prohibits public IP addresses.")
        self._check_groups(subnet, list(nsg_ids))
        return subnet

    def _check_groups(self, subnet: Record, groups: list[str]) -> None:
        if len(groups) > MAX_GROUPS:
            raise limit_exceeded(f"A VNIC can be in at most {MAX_GROUPS} network security groups.")
        vcn = self.service.get("vcn", subnet.parent)
        for group in groups:
            checks.of_vcn(self.service, "network_security_group", group, vcn)

    async def attach(
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

        A missing network namespace is made again: after a restart, ask for each VNIC that is still in use. Raises as
        `check_placement`, and 400 LimitExceeded when the subnet has no free address.
        """
        known = self.store.find(self._vnics.get((owner_id, display_name), ""))
        if known is None or known.dead:
            place = self.check_placement(subnet_id, nsg_ids, public=public)
            known = self._new_vnic(place, display_name, owner_id, list(nsg_ids), hostname, private_ip, public)
            new = True
        else:
            new = False
        subnet = self.service.get("subnet", known.doc["subnetId"])
        try:
            netns = await self.region.fabric.attach(
                known.id, subnet.id, subnet.doc["cidrBlock"], known.doc["privateIp"]
            )
        except Exception:
            if new:  # nobody uses it: free its address and host name
                await self.detach(known.id, at_once=True)
            raise
        if known.private.get("netns") != netns:
            fresh = self.store.find(known.id) or known
            fresh.private["netns"] = netns
            known = self.store.save(fresh, etag=False)
        self._packets.note()  # after a restart its document is as it was, its link is new
        await self._packets.settled()
        if known.doc.get("hostnameLabel"):
            self.tell_hosts()
        return self._as_vnic(known)

    async def hold_address(
        self, *, subnet_id: str, display_name: str, owner_id: str, nsg_ids: Iterable[str] = ()
    ) -> Vnic:
        """A VNIC whose address the region's own namespace holds (a virtual node's). Else as
        `attach`; removed by `detach`."""
        known = self.store.find(self._vnics.get((owner_id, display_name), ""))
        if new := known is None or known.dead:
            known = self._new_vnic(
                self.check_placement(subnet_id, nsg_ids), display_name, owner_id, list(nsg_ids), None, None, False
            )
            known.private["held"] = True
            known = self.store.save(known, etag=False)
        subnet = self.service.get("subnet", known.doc["subnetId"])
        try:
            await self.region.fabric.add_address(subnet.id, subnet.doc["cidrBlock"], known.doc["privateIp"])
        except Exception:
            if new:
                await self.detach(known.id, at_once=True)
            raise
        await self._packets.settled()
        return self._as_vnic(known)

    def _new_vnic(
        self, subnet: Record, display_name: str, owner_id: str, groups: list[str], hostname: str | None,
        private_ip: str | None, public: bool,
    ) -> Record:  # fmt: skip
        address = self._take_address(subnet, private_ip)
        place = {"subnetId": subnet.id, "availabilityDomain": names.AVAILABILITY_DOMAIN, "displayName": display_name}
        mac = ":".join(f"{byte:02X}" for byte in ipaddress.IPv4Address(address).packed)
        document = place | {
            "privateIp": address, "publicIp": self._public_ips.take() if public else None, "nsgIds": groups,
            "hostnameLabel": hostname, "isPrimary": True, "skipSourceDestCheck": False, "macAddress": f"02:00:{mac}",
        }  # fmt: skip
        vnic = self.service.create(
            "vnic", None, document, state="AVAILABLE", compartment=subnet.compartment, parent=subnet.id,
            private={"owner": owner_id, "name": display_name},
        )  # fmt: skip
        self.service.create(
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

    def of(self, owner_id: str) -> list[Vnic]:
        """The VNICs that an owner holds."""
        held = [vnic_id for (owner, _), vnic_id in self._vnics.items() if owner == owner_id]
        return [self._as_vnic(vnic) for vnic_id in held if (vnic := self.store.find(vnic_id))]

    async def set_groups(self, vnic_id: str, nsg_ids: Iterable[str]) -> None:
        """Put a VNIC into other network security groups."""
        vnic = self.service.get("vnic", vnic_id)
        groups = list(nsg_ids)
        self._check_groups(self.service.get("subnet", vnic.doc["subnetId"]), groups)
        self.service.update(vnic, {"nsgIds": groups})

    async def set_public(self, vnic_id: str, *, public: bool) -> Vnic:
        """Give a VNIC a public address, or remove it with what is relayed there. Idempotent."""
        vnic = self.service.get("vnic", vnic_id)
        present = vnic.doc.get("publicIp")
        if public and not present:
            self.check_placement(vnic.doc["subnetId"], public=True)
            vnic = self.service.update(vnic, {"publicIp": self._public_ips.take()})
        elif present and not public:
            await self.region.fabric.unexpose(present)
            vnic = self.service.update(vnic, {"publicIp": None})
        return self._as_vnic(vnic)

    async def detach(self, vnic_id: str, *, at_once: bool = False) -> None:
        """Remove a VNIC, its names and what is relayed to it; does nothing the second time.

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
        for address in self.service.living("private_ip", parent=vnic.id):
            for public in self.service.living("public_ip"):
                if public.doc.get("privateIpId") == address.id:
                    self._public_ips.release(public.id)
        self._on_detached(vnic.id)
        self._vnics.pop((vnic.private["owner"], vnic.private["name"]), None)
        named = vnic.doc.get("hostnameLabel")
        vnic = self.service.update(vnic, {"publicIp": None, "hostnameLabel": None}, state="TERMINATING")
        if at_once or not self.clock.minute:
            await self._vnic_gone(vnic, None)
        else:
            self.service.transition(vnic, LINGERING, None, also=self._vnic_gone)
        if named:
            self.tell_hosts()

    async def detach_all(self, owner_id: str) -> None:
        """Remove the VNICs that an owner holds."""
        for vnic in self.of(owner_id):
            await self.detach(vnic.id)

    @step
    async def _vnic_gone(self, vnic: Record, _: WorkRequest | None) -> None:
        for address in self.service.living("private_ip", parent=vnic.id):
            self.store.remove(address.id)
        self.used(vnic.doc["subnetId"]).discard(int(ipaddress.IPv4Address(vnic.doc["privateIp"])))
        self.store.remove(vnic.id)

    def used(self, subnet_id: str) -> set[int]:
        """The addresses of a subnet that are taken."""
        if subnet_id not in self._addresses:
            self._addresses[subnet_id] = {
                int(ipaddress.IPv4Address(vnic.doc["privateIp"]))
                for vnic in self.service.living("vnic", parent=subnet_id)
            }
        return self._addresses[subnet_id]

    def _take_address(self, subnet: Record, wanted: str | None) -> str:
        """A free address: the first two and the last of a subnet are the network's own.

        Addresses go round, so that one just given up is not given at once to another.
        """
        cidr, used = rules.network(subnet.doc["cidrBlock"]), self.used(subnet.id)
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

    def tell_hosts(self) -> None:
        """Give the fabric the VNICs' host names, where they changed."""
        hosts = {}
        for vnic in self.service.living("vnic"):
            if vnic.doc.get("hostnameLabel") and (name := self._fqdn(vnic)):
                hosts[name] = vnic.doc["privateIp"]
        if hosts != self._hosts:
            self._hosts = hosts
            self.region.fabric.set_hosts(hosts)
