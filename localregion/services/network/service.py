# SPDX-License-Identifier: GPL-3.0-or-later
"""The network service: VCNs and what lives in them, addresses, and the VNICs that the region's parts are joined by.

Conflicts follow the real service: https://docs.oracle.com/iaas/api/#/en/iaas/latest/Vcn/DeleteVcn and its siblings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localregion import ocids
from localregion.core.errors import missing
from localregion.services.base import Service
from localregion.services.network.capture import CaptureFilters, Vtaps
from localregion.services.network.children import Child, Children
from localregion.services.network.gateways import GATEWAYS, Gateways
from localregion.services.network.packets import Packets
from localregion.services.network.public_ips import PublicIps
from localregion.services.network.security_groups import SecurityGroups
from localregion.services.network.subnets import Subnets
from localregion.services.network.tables import Tables
from localregion.services.network.vcns import Vcns
from localregion.services.network.vnics import Vnics
from localregion.services.resources import Call, Kind
from localregion.services.work_requests import WorkRequestForm

if TYPE_CHECKING:
    from localregion.services.context import Context


def _kind(name: str, model: str, resource: str, **values: Any) -> Kind:
    return Kind(name, model=model, resource=resource, dead_state="TERMINATED", remember=10.0, **values)


class Network(Service):
    """The virtual network part of the core services."""

    name = "network"
    etag_form = "08x"
    package = "core"
    work_request_form = WorkRequestForm("coreservicesworkrequest")
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

    def __init__(self, region: Context) -> None:
        super().__init__(region)
        self.add(CaptureFilters(self))
        vtaps = self.add(Vtaps(self))
        self.public_ips = self.add(PublicIps(self))
        self.packets = Packets(region)
        self.vnics = self.add(Vnics(self, self.public_ips, self.packets, vtaps.stop))
        subnets = Subnets(self, self.vnics, vtaps)
        gateways = self.add(Gateways(self, self.public_ips))
        tables = Tables(self)
        groups = self.add(SecurityGroups(self))
        routed = (("route_table", "routeRules"),)
        kinds = {
            "subnet": Child(
                subnets.document, 300, (("vnic", "subnetId"),), seconds=2.0, slow=("cidrBlock",), gone=subnets.gone
            ),
            "internet_gateway": Child(gateways.internet, 1, routed),
            "nat_gateway": Child(
                gateways.nat, 1, routed, seconds=3.0, created=gateways.nat_created, gone=gateways.nat_gone
            ),
            "service_gateway": Child(gateways.service_gateway, 1, routed, seconds=7.0),
            "route_table": Child(
                tables.route_table, 300, tuple((kind, "routeTableId") for kind in ("subnet", *GATEWAYS))
            ),
            "security_list": Child(tables.security_list, 300, (("subnet", "securityListIds"),)),
            "dhcp_options": Child(tables.dhcp_options, 300, (("subnet", "dhcpOptionsId"),)),
            "network_security_group": Child(groups.document, None, (("vnic", "nsgIds"),), gone=groups.gone),
            "vtap": Child(
                vtaps.document,
                slow=("sourceId", "targetId", "targetIp", "captureFilterId", "isVtapEnabled"),
                provisioned=True,
            ),
        }
        self._children = self.add(Children(self, kinds))
        self.handlers |= self._children.operations()
        self.add(Vcns(self, kinds))

    async def resume(self) -> None:
        """Read what is allocated, take up changes of state, give the fabric its addresses and names."""
        await self.vnics.take_up()
        await super().resume()
        self.vnics.tell_hosts()
        self.packets.start()

    def check_list(self, kind: str, call: Call) -> None:
        """A compartment must be given, and a VCN that is given must exist."""
        if not {"compartment_id", "vlan_id"} & set(call.query) and kind in self._children.children:
            raise missing("compartmentId")
        if "vcn_id" in call.query:
            self.get("vcn", call.query["vcn_id"])
