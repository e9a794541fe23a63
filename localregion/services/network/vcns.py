# SPDX-License-Identifier: GPL-3.0-or-later
"""VCNs, with the objects that are made with them, and their CIDR blocks."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from localregion.core.errors import conflict, incorrect_state, invalid, limit_exceeded, not_implemented
from localregion.core.store import Document, Record
from localregion.services.base import Part, Service
from localregion.services.network import checks, rules
from localregion.services.network.children import DEFAULTS
from localregion.services.network.gateways import GATEWAYS
from localregion.services.registration import operation, step
from localregion.services.resources import SECOND, Call, Reply
from localregion.services.work_requests import WorkRequest

DOMAIN = "oraclevcn.com"
MAX_CIDRS = 5
MAX_VCNS = 50


class Vcns(Part):
    """The operations of VCNs. ``kinds``: what can live in one."""

    def __init__(self, service: Service, kinds: Iterable[str]) -> None:
        super().__init__(service)
        self._kinds = tuple(kinds)

    @operation
    async def create_vcn(self, call: Call) -> Reply:
        """A VCN with its default route table, security list and DHCP options."""
        body = call.body
        if ("cidrBlock" in body) == ("cidrBlocks" in body):
            raise invalid("Exactly one of cidrBlock and cidrBlocks must be given.")
        for field in ("isIpv6Enabled", "isOracleGuaAllocationEnabled"):
            if body.get(field):
                raise invalid(f"{field}: the local region has no IPv6.")
        cidrs = [rules.sized(text) for text in body.get("cidrBlocks", [body.get("cidrBlock")])]
        if not 1 <= len(cidrs) <= MAX_CIDRS:
            raise limit_exceeded(f"A VCN has 1 to {MAX_CIDRS} CIDR blocks.")
        rules.check_disjoint(cidrs, ())
        if len(self.service.living("vcn")) >= MAX_VCNS:
            raise limit_exceeded(
                "The following service limits were exceeded: vcn-count."
                " Request a service limit increase from the service limits page in the console."
            )
        self._check_room(cidrs)
        label = body.get("dnsLabel")
        document = {
            "cidrBlock": str(cidrs[0]), "cidrBlocks": [str(cidr) for cidr in cidrs],
            "vcnDomainName": f"{rules.dns_label(label)}.{DOMAIN}" if label else None,
            "isZprOnly": body.get("isZprOnly", False),
        }  # fmt: skip
        rules.check_security_attributes(body.get("securityAttributes", {}))
        vcn = self.service.create("vcn", call, document, state="AVAILABLE")
        vcn = self.service.update(vcn, self._make_defaults(vcn))
        return self.service.show(vcn)

    def _check_room(self, cidrs: list[ipaddress.IPv4Network], own: str | None = None) -> None:
        """Refuse addresses of another VCN: with real parts all VCNs are in one network namespace. Raises 501."""
        if self.region.settings.pure:
            return
        for other in self.service.living("vcn"):
            for cidr in cidrs:
                if other.id != own and any(cidr.overlaps(block) for block in rules.blocks(other)):
                    raise not_implemented(
                        f"VCNs whose addresses overlap ({cidr} overlaps {', '.join(other.doc['cidrBlocks'])} of"
                        f" {other.name}, {other.id}): choose another block, or another region (OKESTACK_REGION)"
                    )

    def _make_defaults(self, vcn: Record) -> Document:
        """The default objects of a VCN; gives the fields that name them."""
        everywhere, tcp, icmp = "0.0.0.0/0", "6", "1"
        ssh = {"source": everywhere, "protocol": tcp, "tcpOptions": {"destinationPortRange": {"min": 22, "max": 22}}}
        discovery = {"source": everywhere, "protocol": icmp, "icmpOptions": {"type": 3, "code": 4}}
        ingress = [ssh, discovery]
        ingress += [{"source": cidr, "protocol": icmp, "icmpOptions": {"type": 3}} for cidr in vcn.doc["cidrBlocks"]]
        contents: dict[str, Document] = {
            "route_table": {"routeRules": []},
            "security_list": {
                "ingressSecurityRules": [rules.ingress_rule(rule) for rule in ingress],
                "egressSecurityRules": [rules.egress_rule({"destination": everywhere, "protocol": "all"})],
            },
            "dhcp_options": {"options": _default_dhcp(vcn), "domainNameType": "CUSTOM_DOMAIN"},
        }
        words = {"route_table": "Route Table", "security_list": "Security List", "dhcp_options": "DHCP Options"}
        made = {}
        for field, kind in DEFAULTS.items():
            document = {"vcnId": vcn.id, "displayName": f"Default {words[kind]} for {vcn.name}"} | contents[kind]
            made[field] = self.service.create(kind, None, document, state="AVAILABLE", parent=vcn.id).id
        return made

    @operation
    async def update_vcn(self, call: Call) -> Reply:
        """New name or tags."""
        vcn = self.service.get("vcn", call.path["vcn_id"])
        checks.available(vcn, "VCN")
        rules.check_security_attributes(call.body.get("securityAttributes", {}))
        self.service.apply(vcn, call, "displayName", "freeformTags", "definedTags", "securityAttributes", "isZprOnly")
        return self.service.show(vcn)

    @operation
    async def delete_vcn(self, call: Call) -> Reply:
        """Delete an empty VCN, its default objects with it."""
        vcn = self.service.get("vcn", call.path["vcn_id"])
        if vcn.state in ("TERMINATING", "PROVISIONING", "UPDATING"):
            raise incorrect_state(f"The VCN {vcn.id} is {vcn.state}.")
        if any(self.service.living(kind, parent=vcn.id) for kind in GATEWAYS):
            raise incorrect_state(f"{vcn.id} is associated with Gateway that is in use")
        defaults = {vcn.doc[field] for field in DEFAULTS}
        for kind in self._kinds:
            for record in self.service.living(kind, parent=vcn.id):
                if record.id not in defaults:
                    raise conflict(
                        f"The VCN {vcn.id} references the {checks.WORDS[kind]} {record.id}."
                        " You must remove the reference to proceed with this operation."
                    )
        self.service.transition(vcn, SECOND, "TERMINATED", via="TERMINATING", also=self._empty_vcn)
        return self.service.accepted()

    @step
    async def _empty_vcn(self, vcn: Record, _: WorkRequest | None) -> None:
        for field, kind in DEFAULTS.items():
            record = self.store.find(vcn.doc[field])
            if record and not record.dead and record.kind == kind:
                self.service.retire(record)

    @operation
    async def change_vcn_compartment(self, call: Call) -> Reply:
        """Move a VCN, its default objects with it."""
        vcn = self.service.get("vcn", call.path["vcn_id"])
        for field in DEFAULTS:
            self.service.move(self.service.get(DEFAULTS[field], vcn.doc[field]), call)
        return self.service.move(vcn, call)

    @operation
    async def add_vcn_cidr(self, call: Call) -> Reply:
        """One more CIDR block."""
        vcn, cidr = self._vcn_for_cidr(call), rules.sized(call.body["cidrBlock"])
        blocks = [*rules.blocks(vcn), cidr]
        if len(blocks) > MAX_CIDRS:
            raise limit_exceeded(f"A VCN has at most {MAX_CIDRS} CIDR blocks.")
        return self._set_cidrs(vcn, blocks, "AddVcnCidr")

    @operation
    async def modify_vcn_cidr(self, call: Call) -> Reply:
        """Replace a CIDR block by another."""
        vcn, old = self._vcn_for_cidr(call), rules.network(call.body["originalCidrBlock"])
        new = rules.sized(call.body["newCidrBlock"])
        blocks = rules.blocks(vcn)
        if old not in blocks:
            raise invalid(f"The CIDR block {old} is not one of VCN {vcn.id}.")
        return self._set_cidrs(vcn, [new if block == old else block for block in blocks], "ModifyVcnCidr")

    @operation
    async def remove_vcn_cidr(self, call: Call) -> Reply:
        """Remove a CIDR block that is not the last one and has no subnet in it."""
        vcn, cidr = self._vcn_for_cidr(call), rules.network(call.body["cidrBlock"])
        blocks = [block for block in rules.blocks(vcn) if block != cidr]
        if len(blocks) == len(rules.blocks(vcn)):
            raise invalid(f"The CIDR block {cidr} is not one of VCN {vcn.id}.")
        if not blocks:
            raise invalid(f"The CIDR block {cidr} is the only one of VCN {vcn.id} and cannot be removed.")
        return self._set_cidrs(vcn, blocks, "RemoveVcnCidr")

    def _vcn_for_cidr(self, call: Call) -> Record:
        vcn = self.service.get("vcn", call.path["vcn_id"])
        checks.available(vcn, "VCN")
        return vcn

    def _set_cidrs(self, vcn: Record, blocks: list[ipaddress.IPv4Network], operation: str) -> Reply:
        rules.check_disjoint(blocks, ())
        self._check_room(blocks, vcn.id)
        for subnet in self.service.living("subnet", parent=vcn.id):
            cidr = rules.network(subnet.doc["cidrBlock"])
            if not any(cidr.subnet_of(block) for block in blocks):
                raise conflict(f"The subnet {subnet.id} with CIDR {cidr} would be outside of the VCN's CIDR blocks.")
        for table in self.service.living("route_table", parent=vcn.id):
            for rule in table.doc["routeRules"]:
                used = rules.within(rule["destination"], rules.blocks(vcn))
                if used and not rules.within(rule["destination"], blocks):
                    raise conflict(
                        f"The Route Table {table.id} has a rule for {rule['destination']}, which would be out."
                    )
        # recorded: the VCN stays IN_PROGRESS in its work request, also when that has succeeded
        request = self.service.work_request(operation, [("IN_PROGRESS", "vcn", vcn)])
        changes = {"cidrBlock": str(blocks[0]), "cidrBlocks": [str(block) for block in blocks]}
        self.service.update(vcn, changes)
        self.service.transition(vcn, 2 * SECOND, "AVAILABLE", via="UPDATING", request=request, failed="AVAILABLE")
        return self.service.accepted(request, 202, vcn)


def _default_dhcp(vcn: Record) -> list[Document]:
    options: list[Document] = [
        {"type": "DomainNameServer", "serverType": "VcnLocalPlusInternet", "customDnsServers": []}
    ]
    if domain := vcn.doc.get("vcnDomainName"):
        options.append({"type": "SearchDomain", "searchDomainNames": [domain]})
    return options
