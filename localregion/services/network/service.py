"""The network service: VCNs and what lives in them, addresses, and the VNICs that the region's parts are joined by.

Conflicts follow the real service: https://docs.oracle.com/iaas/api/#/en/iaas/latest/Vcn/DeleteVcn and its siblings.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localregion import ocids
from localregion import settings as names
from localregion.services.base import (
    SECOND,
    Call,
    Document,
    Handler,
    Kind,
    Record,
    Reply,
    ServiceError,
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
from localregion.services.network.addresses import WORDS
from localregion.services.network.capture import Capture
from localregion.services.registration import operation, step

DOMAIN = "oraclevcn.com"
MAX_CIDRS = 5
MAX_VCNS = 50
MAX_GROUP_RULES = 120
MAX_RULES_A_CALL = 25
MAX_LIST_RULES = 200
MAX_ROUTE_RULES = 200


def _kind(name: str, model: str, resource: str, **values: Any) -> Kind:
    return Kind(name, model=model, resource=resource, dead_state="TERMINATED", remember=10.0, **values)


@dataclass(frozen=True)
class Child:
    """What is particular to a kind that lives in a VCN.

    ``normalise`` names the method that makes its document (of VCN, body, and record when it is an update); ``limit``:
    how many a VCN may have; ``users``: (kind, field) whose field holds the id of one in use; ``seconds``: how long it
    is TERMINATING; ``slow``: the fields whose change takes as long, in state UPDATING; ``provisioned``: whether it is
    PROVISIONING first, that long: most are AVAILABLE in the answer to their creation.
    """

    normalise: str
    limit: int | None = None
    users: tuple[tuple[str, str], ...] = ()
    seconds: float = 1.0
    slow: tuple[str, ...] = ()
    provisioned: bool = False


_ROUTED = (("route_table", "routeRules"),)
_CHILDREN: Mapping[str, Child] = {
    "subnet": Child("_subnet", 300, (("vnic", "subnetId"),), seconds=2.0, slow=("cidrBlock",)),
    "internet_gateway": Child("_internet_gateway", 1, _ROUTED),
    "nat_gateway": Child("_nat_gateway", 1, _ROUTED, seconds=3.0),
    "service_gateway": Child("_service_gateway", 1, _ROUTED, seconds=7.0),
    "route_table": Child(
        "_route_table", 300,
        tuple((kind, "routeTableId") for kind in ("subnet", "internet_gateway", "nat_gateway", "service_gateway")),
    ),
    "security_list": Child("_security_list", 300, (("subnet", "securityListIds"),)),
    "dhcp_options": Child("_dhcp_options", 300, (("subnet", "dhcpOptionsId"),)),
    "network_security_group": Child("_group", None, (("vnic", "nsgIds"),)),
    "vtap": Child(
        "_vtap", slow=("sourceId", "targetId", "targetIp", "captureFilterId", "isVtapEnabled"), provisioned=True
    ),
}  # fmt: skip

_DEFAULTS = {"defaultRouteTableId": "route_table", "defaultSecurityListId": "security_list",
             "defaultDhcpOptionsId": "dhcp_options"}  # fmt: skip
_GATEWAYS = ("internet_gateway", "nat_gateway", "service_gateway")


class Network(Capture):
    """The virtual network part of the core services."""

    name = "network"
    package = "core"
    work_request_entity = "coreservicesworkrequest"
    kinds = (
        _kind("vcn", "Vcn", "vcns", start=ocids.TENANCY),
        _kind("subnet", "Subnet", "subnets"),
        _kind("internet_gateway", "InternetGateway", "internet-gateways"),
        _kind("nat_gateway", "NatGateway", "nat-gateways"),
        _kind("service_gateway", "ServiceGateway", "service-gateways"),
        _kind("route_table", "RouteTable", "route-tables"),
        _kind("security_list", "SecurityList", "security-lists"),
        _kind("dhcp_options", "DhcpOptions", "dhcp-options", plural="dhcp_options"),
        _kind("network_security_group", "NetworkSecurityGroup", "network-security-groups"),
        _kind("capture_filter", "CaptureFilter", "capture-filters"),
        _kind("vtap", "Vtap", "vtaps"),
        _kind("public_ip", "PublicIp", "public-ips"),
        _kind("private_ip", "PrivateIp", "private-ips", operations=("get",), start=ocids.PLACED),
        _kind("vnic", "Vnic", "vnics", operations=("get",), start=ocids.PLACED),
    )
    access = {
        "list_services": ("inspect", "service-gateways"),
        "get_service": ("inspect", "service-gateways"),
        "list_network_security_group_security_rules": ("inspect", "network-security-groups"),
        "list_network_security_group_vnics": ("inspect", "network-security-groups"),
        "add_network_security_group_security_rules": ("manage", "network-security-groups"),
        "update_network_security_group_security_rules": ("manage", "network-security-groups"),
        "remove_network_security_group_security_rules": ("manage", "network-security-groups"),
    }

    def __init__(self, region: Any) -> None:
        super().__init__(region)
        for kind, child in _CHILDREN.items():
            self.handlers |= {
                f"create_{kind}": self._create_operation(kind, child),
                f"update_{kind}": self._update_operation(kind, child),
                f"delete_{kind}": self._delete_operation(kind, child),
            }

    # what lives in a VCN, as its table says

    def _create_operation(self, kind: str, child: Child) -> Handler:
        normalise = getattr(self, child.normalise)

        async def create(call: Call) -> Reply:
            vcn = self.get("vcn", call.body["vcnId"])
            self._check_available(vcn, "VCN")
            if child.limit is not None and len(self.living(kind, parent=vcn.id)) >= child.limit:
                raise limit_exceeded(f"{WORDS[kind].replace('Gateway', 'gateway')} limit per VCN reached")
            document = normalise(vcn, call.body, None)
            state = "PROVISIONING" if child.provisioned else "AVAILABLE"
            record = self.create(kind, call, document, state=state, parent=vcn.id)
            self._created(kind, record)
            if child.provisioned:
                self.transition(record, child.seconds * SECOND, "AVAILABLE")
            return self.show(record)

        return create

    def _update_operation(self, kind: str, child: Child) -> Handler:
        normalise = getattr(self, child.normalise)

        async def update(call: Call) -> Reply:
            record = self.get(kind, next(reversed(call.path.values())))
            self._check_available(record, WORDS[kind])
            vcn = self.get("vcn", record.parent)
            if kind in ("subnet", "route_table"):
                self._check_available(vcn, "VCN")
            changes = {**call.body, **normalise(vcn, call.body, record)}
            slow = any(name in changes and changes[name] != record.doc.get(name) for name in child.slow)
            self.update(record, changes)
            if slow:
                self.transition(record, child.seconds * SECOND, "AVAILABLE", via="UPDATING")
            return self.show(record)

        return update

    def _delete_operation(self, kind: str, child: Child) -> Handler:
        async def delete(call: Call) -> Reply:
            record = self.get(kind, next(reversed(call.path.values())))
            if record.state in ("TERMINATING", "PROVISIONING"):
                raise incorrect_state(f"The {WORDS[kind]} {record.id} is {record.state}.")
            vcn = self.get("vcn", record.parent)
            if record.id in (vcn.doc[field] for field in _DEFAULTS):
                raise conflict(f"The {WORDS[kind]} {record.id} is the default of VCN {vcn.id} and cannot be deleted.")
            self._check_unused(record, child.users)
            self.transition(record, child.seconds * SECOND, "TERMINATED", via="TERMINATING", also=self._gone)
            return self.accepted()

        return delete

    @step
    async def _gone(self, record: Record, _: WorkRequest | None) -> None:
        """What goes with a resource: a NAT gateway's address, a subnet's bridge, the truth of rules about a group."""
        if record.kind == "nat_gateway":
            self._release_public(record.doc.get("publicIpId"))
        elif record.kind == "subnet":
            self._addresses.pop(record.id, None)
            self._stop_vtaps(record.id)
            await self.region.fabric.remove_subnet(record.id)
        elif record.kind == "network_security_group":
            self._invalidate_rules(record.id)

    def _created(self, kind: str, record: Record) -> None:
        if kind == "nat_gateway":
            address = self.store.find(record.doc["publicIpId"])
            if address:
                entity = {"assignedEntityId": record.id, "assignedEntityType": "NAT_GATEWAY"}
                self.update(address, entity, state="ASSIGNED")

    def _check_unused(self, record: Record, users: Iterable[tuple[str, str]]) -> None:
        """Raises 409 when another resource holds the record's id."""
        for kind, field in users:
            place = {"parent": record.parent} if kind in _CHILDREN else {}
            for user in self.living(kind, **place):
                if _holds(user.doc.get(field), record.id):
                    if (record.kind, kind) == ("network_security_group", "vnic"):
                        why = "cannot be deleted since it still has vnics attached to it"
                        raise ServiceError(412, "PreconditionFailed", f"NetworkSecurityGroup {record.id} {why}")
                    # every VNIC here is one that a service has made
                    word = "service VNIC" if kind == "vnic" else WORDS[kind]
                    raise conflict(
                        f"The {WORDS[record.kind]} {record.id} references the {word} {user.id}."
                        " You must remove the reference to proceed with this operation."
                    )

    def check_list(self, kind: str, call: Call) -> None:
        """A compartment must be named, and a VCN that is asked for must exist."""
        if not {"compartment_id", "vlan_id"} & set(call.query) and kind in _CHILDREN:
            raise missing("compartmentId")
        if "vcn_id" in call.query:
            self.get("vcn", call.query["vcn_id"])

    # VCNs

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
        if len(self.living("vcn")) >= MAX_VCNS:
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
        vcn = self.create("vcn", call, document, state="AVAILABLE")
        vcn = self.update(vcn, self._make_defaults(vcn))
        return self.show(vcn)

    def _check_room(self, cidrs: list[ipaddress.IPv4Network], own: str | None = None) -> None:
        """Refuses addresses of another VCN's: with real parts all VCNs are in one network namespace. Raises 501."""
        if self.region.settings.pure:
            return
        for other in self.living("vcn"):
            for cidr in cidrs:
                if other.id != own and any(cidr.overlaps(block) for block in _cidrs(other)):
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
        for field, kind in _DEFAULTS.items():
            document = {"vcnId": vcn.id, "displayName": f"Default {words[kind]} for {vcn.name}"} | contents[kind]
            made[field] = self.create(kind, None, document, state="AVAILABLE", parent=vcn.id).id
        return made

    @operation
    async def update_vcn(self, call: Call) -> Reply:
        """New name or tags."""
        vcn = self.get("vcn", call.path["vcn_id"])
        self._check_available(vcn, "VCN")
        rules.check_security_attributes(call.body.get("securityAttributes", {}))
        self.apply(vcn, call, "displayName", "freeformTags", "definedTags", "securityAttributes", "isZprOnly")
        return self.show(vcn)

    @operation
    async def delete_vcn(self, call: Call) -> Reply:
        """Delete an empty VCN, its default objects with it."""
        vcn = self.get("vcn", call.path["vcn_id"])
        if vcn.state in ("TERMINATING", "PROVISIONING", "UPDATING"):
            raise incorrect_state(f"The VCN {vcn.id} is {vcn.state}.")
        if any(self.living(kind, parent=vcn.id) for kind in _GATEWAYS):
            raise incorrect_state(f"{vcn.id} is associated with Gateway that is in use")
        defaults = {vcn.doc[field] for field in _DEFAULTS}
        for kind in _CHILDREN:
            for record in self.living(kind, parent=vcn.id):
                if record.id not in defaults:
                    raise conflict(
                        f"The VCN {vcn.id} references the {WORDS[kind]} {record.id}."
                        " You must remove the reference to proceed with this operation."
                    )
        self.transition(vcn, SECOND, "TERMINATED", via="TERMINATING", also=self._empty_vcn)
        return self.accepted()

    @step
    async def _empty_vcn(self, vcn: Record, _: WorkRequest | None) -> None:
        for field, kind in _DEFAULTS.items():
            record = self.store.find(vcn.doc[field])
            if record and not record.dead and record.kind == kind:
                self.retire(record)

    @operation
    async def change_vcn_compartment(self, call: Call) -> Reply:
        """Move a VCN, its default objects with it."""
        vcn = self.get("vcn", call.path["vcn_id"])
        for field in _DEFAULTS:
            self.move(self.get(_DEFAULTS[field], vcn.doc[field]), call)
        return self.move(vcn, call)

    @operation
    async def add_vcn_cidr(self, call: Call) -> Reply:
        """One more CIDR block."""
        vcn, cidr = self._vcn_for_cidr(call), rules.sized(call.body["cidrBlock"])
        blocks = [*_cidrs(vcn), cidr]
        if len(blocks) > MAX_CIDRS:
            raise limit_exceeded(f"A VCN has at most {MAX_CIDRS} CIDR blocks.")
        return self._set_cidrs(call, vcn, blocks, "AddVcnCidr")

    @operation
    async def modify_vcn_cidr(self, call: Call) -> Reply:
        """Another CIDR block in the place of one."""
        vcn, old = self._vcn_for_cidr(call), rules.network(call.body["originalCidrBlock"])
        new = rules.sized(call.body["newCidrBlock"])
        blocks = _cidrs(vcn)
        if old not in blocks:
            raise invalid(f"The CIDR block {old} is not one of VCN {vcn.id}.")
        return self._set_cidrs(call, vcn, [new if block == old else block for block in blocks], "ModifyVcnCidr")

    @operation
    async def remove_vcn_cidr(self, call: Call) -> Reply:
        """A CIDR block less; not the last, and none with a subnet in it."""
        vcn, cidr = self._vcn_for_cidr(call), rules.network(call.body["cidrBlock"])
        blocks = [block for block in _cidrs(vcn) if block != cidr]
        if len(blocks) == len(_cidrs(vcn)):
            raise invalid(f"The CIDR block {cidr} is not one of VCN {vcn.id}.")
        if not blocks:
            raise invalid(f"The CIDR block {cidr} is the only one of VCN {vcn.id} and cannot be removed.")
        return self._set_cidrs(call, vcn, blocks, "RemoveVcnCidr")

    def _vcn_for_cidr(self, call: Call) -> Record:
        vcn = self.get("vcn", call.path["vcn_id"])
        self._check_available(vcn, "VCN")
        return vcn

    def _set_cidrs(self, call: Call, vcn: Record, blocks: list[ipaddress.IPv4Network], operation: str) -> Reply:
        rules.check_disjoint(blocks, ())
        self._check_room(blocks, vcn.id)
        for subnet in self.living("subnet", parent=vcn.id):
            cidr = rules.network(subnet.doc["cidrBlock"])
            if not any(cidr.subnet_of(block) for block in blocks):
                raise conflict(f"The subnet {subnet.id} with CIDR {cidr} would be outside of the VCN's CIDR blocks.")
        for table in self.living("route_table", parent=vcn.id):
            for rule in table.doc["routeRules"]:
                used = rules.within(rule["destination"], _cidrs(vcn))
                if used and not rules.within(rule["destination"], blocks):
                    raise conflict(
                        f"The Route Table {table.id} has a rule for {rule['destination']}, which would be out."
                    )
        # recorded: the VCN stays IN_PROGRESS in its work request, also when that has succeeded
        request = self.work_request(call, operation, [("IN_PROGRESS", "vcn", vcn)])
        changes = {"cidrBlock": str(blocks[0]), "cidrBlocks": [str(block) for block in blocks]}
        self.update(vcn, changes)
        self.transition(vcn, 2 * SECOND, "AVAILABLE", via="UPDATING", request=request, failed="AVAILABLE")
        return self.accepted(request, 202, vcn)

    # subnets

    def _subnet(self, vcn: Record, body: Document, record: Record | None) -> Document:
        changes: Document = {}
        if record is None:
            cidr = self._new_subnet_cidr(vcn, body)
            mac = ":".join(f"{byte:02X}" for byte in cidr.network_address.packed[1:])
            changes |= {
                "cidrBlock": str(cidr), "ipv4CidrBlocks": [str(cidr)], "virtualRouterIp": str(cidr[1]),
                "virtualRouterMac": f"00:00:17:{mac}",
            }  # fmt: skip
            changes |= self._subnet_domain(vcn, body) | _subnet_access(body)
        elif "cidrBlock" in body:
            changes |= self._grown_subnet(vcn, record, rules.sized(body["cidrBlock"]))
        if body.get("availabilityDomain") not in (None, names.AVAILABILITY_DOMAIN):
            raise invalid(f"The availability domain {body['availabilityDomain']} does not exist.")
        for field, kind, default in (
            ("routeTableId", "route_table", "defaultRouteTableId"),
            ("dhcpOptionsId", "dhcp_options", "defaultDhcpOptionsId"),
        ):
            if field in body:
                self._of_vcn(kind, body[field], vcn)
            elif record is None:
                changes[field] = vcn.doc[default]
        return changes | self._subnet_lists(vcn, body, record)

    def _subnet_lists(self, vcn: Record, body: Document, record: Record | None) -> Document:
        if "securityListIds" not in body:
            return {} if record else {"securityListIds": [vcn.doc["defaultSecurityListId"]]}
        lists = body["securityListIds"]
        if len(lists) > 5 or len(set(lists)) != len(lists):
            raise invalid("securityListIds must name at most 5 different security lists.")
        for identifier in lists:
            self._of_vcn("security_list", identifier, vcn)
        return {}

    def _new_subnet_cidr(self, vcn: Record, body: Document) -> ipaddress.IPv4Network:
        if ("cidrBlock" in body) == ("ipv4CidrBlocks" in body):
            raise invalid("Exactly one of cidrBlock and ipv4CidrBlocks must be given.")
        blocks = body.get("ipv4CidrBlocks", [body.get("cidrBlock")])
        if len(blocks) != 1:
            raise invalid("The local region's subnets have one CIDR block.")
        if body.get("ipv6CidrBlock") or body.get("ipv6CidrBlocks"):
            raise invalid("The local region has no IPv6.")
        return self._fitting(vcn, rules.sized(blocks[0]), None)

    def _fitting(self, vcn: Record, cidr: ipaddress.IPv4Network, own: str | None) -> ipaddress.IPv4Network:
        if not any(cidr.subnet_of(block) for block in _cidrs(vcn)):
            blocks = ", ".join(vcn.doc["cidrBlocks"])
            raise invalid(f"The requested CIDR {cidr} is invalid: it is not within the VCN's CIDR blocks {blocks}.")
        others = (
            (f"subnet {subnet.id}", rules.network(subnet.doc["cidrBlock"]))
            for subnet in self.living("subnet", parent=vcn.id)
            if subnet.id != own
        )
        rules.check_disjoint([cidr], others)
        return cidr

    def _grown_subnet(self, vcn: Record, record: Record, cidr: ipaddress.IPv4Network) -> Document:
        old = rules.network(record.doc["cidrBlock"])
        if cidr == old:
            return {"cidrBlock": str(cidr)}
        if cidr.network_address != old.network_address:
            raise invalid(f"The new CIDR {cidr} must have the network address of the old one, {old}.")
        self._fitting(vcn, cidr, record.id)
        for number in self._used(record.id):
            address = ipaddress.IPv4Address(number)
            if address not in cidr or address == cidr.broadcast_address:
                raise conflict(f"The address {address} is in use and does not fit the new CIDR {cidr}.")
        return {"cidrBlock": str(cidr), "ipv4CidrBlocks": [str(cidr)]}

    def _subnet_domain(self, vcn: Record, body: Document) -> Document:
        label = body.get("dnsLabel")
        if label is None:
            return {}
        rules.dns_label(label)
        if not vcn.doc.get("vcnDomainName"):
            raise invalid(f"DNS label {label}: the VCN {vcn.id} has none itself.")
        if any(subnet.doc.get("dnsLabel") == label for subnet in self.living("subnet", parent=vcn.id)):
            raise invalid(f"DNS label {label} is not unique within the VCN {vcn.id}.")
        return {"subnetDomainName": f"{label}.{vcn.doc['vcnDomainName']}"}

    # gateways

    def _gateway(self, vcn: Record, body: Document) -> Document:
        if "routeTableId" in body:
            self._of_vcn("route_table", body["routeTableId"], vcn)
        return {}

    def _internet_gateway(self, vcn: Record, body: Document, _: Record | None) -> Document:
        return self._gateway(vcn, body)

    def _nat_gateway(self, vcn: Record, body: Document, record: Record | None) -> Document:
        self._gateway(vcn, body)
        if record is not None:
            return {}
        if "publicIpId" in body:
            address = self.get("public_ip", body["publicIpId"])
            if address.doc["lifetime"] != "RESERVED" or address.state != "AVAILABLE":
                raise conflict(f"The public IP {address.id} is not a reserved one that is free.")
        else:
            address = self._make_public_ip("EPHEMERAL", body["compartmentId"], state="ASSIGNED")
        blocked = body.get("blockTraffic", False)
        return {"blockTraffic": blocked, "natIp": address.doc["ipAddress"], "publicIpId": address.id}

    def _service_gateway(self, vcn: Record, body: Document, record: Record | None) -> Document:
        self._gateway(vcn, body)
        changes: Document = {"blockTraffic": body.get("blockTraffic", False)} if record is None else {}
        if "services" in body:
            changes["services"] = self._enabled([entry["serviceId"] for entry in body["services"]], vcn, record)
        return changes

    def _enabled(self, identifiers: list[str], vcn: Record, record: Record | None) -> list[Document]:
        """The services of a gateway, as it shows them; those that routes use cannot go."""
        known = {service["id"]: service for service in rules.SERVICES}
        if any(identifier not in known for identifier in identifiers):
            raise not_found()
        if len(set(identifiers)) != len(identifiers) or len(identifiers) > 1:
            raise invalid("A service gateway can enable only one of the region's services: one holds the other.")
        kept = {known[identifier]["cidrBlock"] for identifier in identifiers}
        for table in self.living("route_table", parent=vcn.id) if record else ():
            for rule in table.doc["routeRules"]:
                if record and rule["networkEntityId"] == record.id and rule["destination"] not in kept:
                    raise conflict(f"The Route Table {table.id} has a rule for {rule['destination']} to {record.id}.")
        return [{"serviceId": identifier, "serviceName": known[identifier]["name"]} for identifier in identifiers]

    @operation
    async def attach_service_id(self, call: Call) -> Reply:
        """Enable a service on a gateway."""
        gateway = self.get("service_gateway", call.path["service_gateway_id"])
        present = [entry["serviceId"] for entry in gateway.doc["services"]]
        return self._change_services(gateway, [*present, call.body["serviceId"]])

    @operation
    async def detach_service_id(self, call: Call) -> Reply:
        """Take a service off a gateway."""
        gateway = self.get("service_gateway", call.path["service_gateway_id"])
        kept = [entry["serviceId"] for entry in gateway.doc["services"] if entry["serviceId"] != call.body["serviceId"]]
        return self._change_services(gateway, kept)

    def _change_services(self, gateway: Record, identifiers: list[str]) -> Reply:
        vcn = self.get("vcn", gateway.parent)
        return self.show(self.update(gateway, {"services": self._enabled(identifiers, vcn, gateway)}))

    @operation
    async def list_services(self, call: Call) -> Reply:
        """The services that a service gateway can enable."""
        return self.page(call, rules.SERVICES)

    @operation
    async def get_service(self, call: Call) -> Reply:
        """One of these services."""
        for service in rules.SERVICES:
            if service["id"] == call.path["service_id"]:
                return Reply(doc=service)
        raise not_found()

    # route tables, security lists, DHCP options

    def _route_table(self, vcn: Record, body: Document, _: Record | None) -> Document:
        if "routeRules" not in body:
            return {}
        shown = [rules.route_rule(rule) for rule in body["routeRules"]]
        if len(shown) > MAX_ROUTE_RULES:
            raise limit_exceeded(f"A route table has at most {MAX_ROUTE_RULES} rules.")
        seen: set[str] = set()
        for rule in shown:
            if rule["destination"] in seen:
                raise invalid(f"There is more than one route rule for {rule['destination']}.")
            seen.add(rule["destination"])
            self._check_route(vcn, rule)
        return {"routeRules": shown}

    def _check_route(self, vcn: Record, rule: Document) -> None:
        target = self.store.find(rule["networkEntityId"])
        if target is None or target.dead or target.service != self.name or target.state == "TERMINATING":
            raise not_found()
        if target.kind not in (*_GATEWAYS, "private_ip"):
            raise invalid(f"{target.id} cannot be the target of a route rule.")
        if target.kind in _GATEWAYS and target.parent != vcn.id:
            raise invalid(f"The target {target.id} of a route rule is not of VCN {vcn.id}.")
        if (target.kind == "service_gateway") != (rule["destinationType"] == "SERVICE_CIDR_BLOCK"):
            raise invalid(f"A route rule to {target.id} cannot have a destination of type {rule['destinationType']}.")
        if target.kind == "service_gateway":
            enabled = {entry["serviceId"] for entry in target.doc["services"]}
            if not any(s["id"] in enabled and s["cidrBlock"] == rule["destination"] for s in rules.SERVICES):
                raise invalid(f"{rule['destination']} is not enabled on the service gateway {target.id}.")

    def _security_list(self, _vcn: Record, body: Document, _: Record | None) -> Document:
        changes = {}
        for field, shape in (("ingressSecurityRules", rules.ingress_rule), ("egressSecurityRules", rules.egress_rule)):
            if field in body:
                if len(body[field]) > MAX_LIST_RULES:
                    raise limit_exceeded(f"A security list has at most {MAX_LIST_RULES} rules of a direction.")
                changes[field] = [shape(rule) for rule in body[field]]
        return changes

    def _dhcp_options(self, _vcn: Record, body: Document, _: Record | None) -> Document:
        if "options" not in body:
            return {}
        kinds = [option["type"] for option in body["options"]]
        if "DomainNameServer" not in kinds or len(set(kinds)) != len(kinds):
            raise invalid("options must have one DomainNameServer and at most one SearchDomain.")
        for option in body["options"]:
            if option.get("serverType") == "CustomDnsServer" and not option.get("customDnsServers"):
                raise missing("options.customDnsServers")
        return {"options": body["options"]}

    # network security groups and their rules

    def _group(self, _vcn: Record, _body: Document, _: Record | None) -> Document:
        return {}

    def _rules(self, call: Call) -> tuple[Record, list[Document]]:
        group = self.get("network_security_group", call.path["network_security_group_id"])
        return group, group.private.get("rules", [])

    def _rule(self, group: Record, rule: Document) -> Document:
        """A rule in its kept form; a group it names must be of the same VCN."""
        shown = rules.group_rule(rule)
        for side in ("source", "destination"):
            if shown.get(f"{side}Type") == "NETWORK_SECURITY_GROUP":
                self._of_vcn("network_security_group", shown[side], self.get("vcn", group.parent))
        return shown

    @operation
    async def list_network_security_group_security_rules(self, call: Call) -> Reply:
        """The rules of a group, all or of one direction."""
        _, present = self._rules(call)
        wanted = call.query.get("direction")
        newest_first = call.query.get("sort_order", "ASC") == "DESC"
        shown = [rule for rule in present if wanted in (None, rule["direction"])]
        return self.page(call, reversed(shown) if newest_first else shown)

    @operation
    async def add_network_security_group_security_rules(self, call: Call) -> Reply:
        """Add up to 25 rules; a repeated call adds them again (there is no retry token)."""
        group, present = self._rules(call)
        added = call.body.get("securityRules", [])
        _check_batch(added)
        if len(present) + len(added) > MAX_GROUP_RULES:
            raise limit_exceeded(f"A network security group has at most {MAX_GROUP_RULES} rules.")
        now = self.clock.timestamp()
        new = [
            self._rule(group, rule) | {"id": secrets.token_hex(3).upper(), "isValid": True, "timeCreated": now}
            for rule in added
        ]
        self.update(group, {}, private={"rules": present + new})
        return Reply(doc={"securityRules": new})

    @operation
    async def update_network_security_group_security_rules(self, call: Call) -> Reply:
        """Put up to 25 rules in the place of those with their ids."""
        group, present = self._rules(call)
        changed = call.body.get("securityRules", [])
        _check_batch(changed)
        by_id = {rule["id"]: rule for rule in present}
        for rule in changed:
            old = by_id.get(rule["id"])
            if old is None:
                raise not_found()
            kept = {name: old[name] for name in ("id", "isValid", "timeCreated")}
            by_id[rule["id"]] = self._rule(group, rule) | kept | {"isValid": True}
        self.update(group, {}, private={"rules": [by_id[rule["id"]] for rule in present]})
        return Reply(doc={"securityRules": [by_id[rule["id"]] for rule in changed]})

    @operation
    async def remove_network_security_group_security_rules(self, call: Call) -> Reply:
        """Remove up to 25 rules by their ids."""
        group, present = self._rules(call)
        gone = call.body.get("securityRuleIds", [])
        _check_batch(gone)
        if set(gone) - {rule["id"] for rule in present}:
            raise not_found()
        self.update(group, {}, private={"rules": [rule for rule in present if rule["id"] not in gone]})
        return self.accepted()

    def _invalidate_rules(self, group_id: str) -> None:
        for group in self.living("network_security_group"):
            present = group.private.get("rules", [])
            if any(group_id in (rule.get("source"), rule.get("destination")) for rule in present):
                for rule in present:
                    rule["isValid"] = rule["isValid"] and group_id not in (rule.get("source"), rule.get("destination"))
                self.update(group, {}, private={"rules": present})

    @operation
    async def list_network_security_group_vnics(self, call: Call) -> Reply:
        """The VNICs in a group."""
        group, _ = self._rules(call)
        return self.page(
            call,
            [
                {"vnicId": vnic.id, "resourceId": vnic.private["owner"], "timeAssociated": vnic.doc["timeCreated"]}
                for vnic in self.living("vnic")
                if group.id in vnic.doc.get("nsgIds", [])
            ],
        )


def _holds(value: Any, record_id: str) -> bool:
    """Whether a field holds an id: itself, in a list, or as the target of a route rule."""
    if isinstance(value, list):
        return any(_holds(item, record_id) for item in value)
    if isinstance(value, dict):
        return value.get("networkEntityId") == record_id
    return bool(value == record_id)


def _cidrs(vcn: Record) -> list[ipaddress.IPv4Network]:
    return [rules.network(text) for text in vcn.doc["cidrBlocks"]]


def _check_batch(items: list[Any]) -> None:
    if not 1 <= len(items) <= MAX_RULES_A_CALL:
        raise invalid(f"A call takes 1 to {MAX_RULES_A_CALL} rules; these are {len(items)}.")


def _subnet_access(body: Document) -> Document:
    """The two flags that say whether a subnet is private: one, or both alike."""
    given = {body[name] for name in ("prohibitInternetIngress", "prohibitPublicIpOnVnic") if name in body}
    if len(given) > 1:
        raise invalid("prohibitInternetIngress and prohibitPublicIpOnVnic must have the same value.")
    private = next(iter(given), False)
    return {"prohibitInternetIngress": private, "prohibitPublicIpOnVnic": private}


def _default_dhcp(vcn: Record) -> list[Document]:
    options: list[Document] = [
        {"type": "DomainNameServer", "serverType": "VcnLocalPlusInternet", "customDnsServers": []}
    ]
    if domain := vcn.doc.get("vcnDomainName"):
        options.append({"type": "SearchDomain", "searchDomainNames": [domain]})
    return options
