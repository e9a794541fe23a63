# SPDX-License-Identifier: GPL-3.0-or-later
"""Subnets: their blocks, names and what they refer to."""

from __future__ import annotations

import ipaddress

from localregion import settings as names
from localregion.core.errors import conflict, invalid
from localregion.core.store import Document, Record
from localregion.services.base import Part, Service
from localregion.services.network import checks, rules
from localregion.services.network.capture import Vtaps
from localregion.services.network.vnics import Vnics


class Subnets(Part):
    """Makes and checks the documents of subnets."""

    def __init__(self, service: Service, vnics: Vnics, vtaps: Vtaps) -> None:
        super().__init__(service)
        self._vnics, self._vtaps = vnics, vtaps

    def document(self, vcn: Record, body: Document, record: Record | None) -> Document:
        """The fields of a new subnet, or the changes of one. Raises 400, 404 or 409."""
        changes: Document = {}
        if record is None:
            cidr = self._new_cidr(vcn, body)
            mac = ":".join(f"{byte:02X}" for byte in cidr.network_address.packed[1:])
            changes |= {
                "cidrBlock": str(cidr), "ipv4CidrBlocks": [str(cidr)], "virtualRouterIp": str(cidr[1]),
                "virtualRouterMac": f"00:00:17:{mac}",
            }  # fmt: skip
            changes |= self._domain(vcn, body) | _access(body)
        elif "cidrBlock" in body:
            changes |= self._grown(vcn, record, rules.sized(body["cidrBlock"]))
        if body.get("availabilityDomain") not in (None, names.AVAILABILITY_DOMAIN):
            raise invalid(f"The availability domain {body['availabilityDomain']} does not exist.")
        for field, kind, default in (
            ("routeTableId", "route_table", "defaultRouteTableId"),
            ("dhcpOptionsId", "dhcp_options", "defaultDhcpOptionsId"),
        ):
            if field in body:
                checks.of_vcn(self.service, kind, body[field], vcn)
            elif record is None:
                changes[field] = vcn.doc[default]
        return changes | self._lists(vcn, body, record)

    def _lists(self, vcn: Record, body: Document, record: Record | None) -> Document:
        if "securityListIds" not in body:
            return {} if record else {"securityListIds": [vcn.doc["defaultSecurityListId"]]}
        lists = body["securityListIds"]
        if len(lists) > 5 or len(set(lists)) != len(lists):
            raise invalid("securityListIds must name at most 5 different security lists.")
        for identifier in lists:
            checks.of_vcn(self.service, "security_list", identifier, vcn)
        return {}

    def _new_cidr(self, vcn: Record, body: Document) -> ipaddress.IPv4Network:
        if ("cidrBlock" in body) == ("ipv4CidrBlocks" in body):
            raise invalid("Exactly one of cidrBlock and ipv4CidrBlocks must be given.")
        blocks = body.get("ipv4CidrBlocks", [body.get("cidrBlock")])
        if len(blocks) != 1:
            raise invalid("The local region's subnets have one CIDR block.")
        if body.get("ipv6CidrBlock") or body.get("ipv6CidrBlocks"):
            raise invalid("The local region has no IPv6.")
        return self._fitting(vcn, rules.sized(blocks[0]), None)

    def _fitting(self, vcn: Record, cidr: ipaddress.IPv4Network, own: str | None) -> ipaddress.IPv4Network:
        if not any(cidr.subnet_of(block) for block in rules.blocks(vcn)):
            blocks = ", ".join(vcn.doc["cidrBlocks"])
            raise invalid(f"The requested CIDR {cidr} is invalid: it is not within the VCN's CIDR blocks {blocks}.")
        others = (
            (f"subnet {subnet.id}", rules.network(subnet.doc["cidrBlock"]))
            for subnet in self.service.living("subnet", parent=vcn.id)
            if subnet.id != own
        )
        rules.check_disjoint([cidr], others)
        return cidr

    def _grown(self, vcn: Record, record: Record, cidr: ipaddress.IPv4Network) -> Document:
        old = rules.network(record.doc["cidrBlock"])
        if cidr == old:
            return {"cidrBlock": str(cidr)}
        if cidr.network_address != old.network_address:
            raise invalid(f"The new CIDR {cidr} must have the network address of the old one, {old}.")
        self._fitting(vcn, cidr, record.id)
        for number in self._vnics.used(record.id):
            address = ipaddress.IPv4Address(number)
            if address not in cidr or address == cidr.broadcast_address:
                raise conflict(f"The address {address} is in use and does not fit the new CIDR {cidr}.")
        return {"cidrBlock": str(cidr), "ipv4CidrBlocks": [str(cidr)]}

    def _domain(self, vcn: Record, body: Document) -> Document:
        label = body.get("dnsLabel")
        if label is None:
            return {}
        rules.dns_label(label)
        if not vcn.doc.get("vcnDomainName"):
            raise invalid(f"DNS label {label}: the VCN {vcn.id} has none itself.")
        if any(subnet.doc.get("dnsLabel") == label for subnet in self.service.living("subnet", parent=vcn.id)):
            raise invalid(f"DNS label {label} is not unique within the VCN {vcn.id}.")
        return {"subnetDomainName": f"{label}.{vcn.doc['vcnDomainName']}"}

    async def gone(self, subnet: Record) -> None:
        """A subnet's bridge goes with it, and the VTAPs that listen there stop."""
        self._vnics.forget_subnet(subnet.id)
        self._vtaps.stop(subnet.id)
        await self.region.fabric.remove_subnet(subnet.id)


def _access(body: Document) -> Document:
    """The two flags that say whether a subnet is private: one, or both alike."""
    given = {body[name] for name in ("prohibitInternetIngress", "prohibitPublicIpOnVnic") if name in body}
    if len(given) > 1:
        raise invalid("prohibitInternetIngress and prohibitPublicIpOnVnic must have the same value.")
    private = next(iter(given), False)
    return {"prohibitInternetIngress": private, "prohibitPublicIpOnVnic": private}
