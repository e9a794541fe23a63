"""The network service as a client sees it: life cycles, defaults, normal forms, conflicts, limits."""

from __future__ import annotations

import dataclasses
from typing import Any

import oci
import pytest
from oci.core import models as m

from tests.unit.localregion.support import Net

ANY = "0.0.0.0/0"


@pytest.fixture
def vcn(region: Any, vcns: Any) -> Any:
    made = vcns.create_vcn(
        m.CreateVcnDetails(
            compartment_id=region.compartment_id, cidr_blocks=["10.0.0.0/16"], display_name="net", dns_label="net"
        )
    ).data
    region.settle()
    return vcns.get_vcn(made.id).data


def subnet(region: Any, vcns: Any, vcn: Any, cidr: str = "10.0.1.0/24", **values: Any) -> Any:
    made = vcns.create_subnet(
        m.CreateSubnetDetails(compartment_id=region.compartment_id, vcn_id=vcn.id, cidr_block=cidr, **values)
    ).data
    region.settle()
    return vcns.get_subnet(made.id).data


def test_vcn_comes_with_defaults(region: Any, vcns: Any, vcn: Any) -> None:
    assert vcn.lifecycle_state == "AVAILABLE"
    assert (vcn.cidr_block, vcn.cidr_blocks) == ("10.0.0.0/16", ["10.0.0.0/16"])
    assert vcn.vcn_domain_name == "net.oraclevcn.com"
    table = vcns.get_route_table(vcn.default_route_table_id).data
    assert (table.display_name, table.route_rules) == ("Default Route Table for net", [])
    lists = vcns.get_security_list(vcn.default_security_list_id).data
    assert [rule.protocol for rule in lists.ingress_security_rules] == ["6", "1", "1"]
    assert [rule.destination for rule in lists.egress_security_rules] == [ANY]
    options = vcns.get_dhcp_options(vcn.default_dhcp_options_id).data.options
    assert {option.type for option in options} == {"DomainNameServer", "SearchDomain"}


def test_what_is_made_is_available_at_once(region: Any, vcns: Any) -> None:
    region.inner.clock.minute = 60.0
    vcn = Net(region).vcn
    place = {"compartment_id": region.compartment_id, "vcn_id": vcn.id}
    made = [
        vcn,
        vcns.create_subnet(m.CreateSubnetDetails(cidr_block="10.0.1.0/24", **place)).data,
        vcns.create_internet_gateway(m.CreateInternetGatewayDetails(is_enabled=True, **place)).data,
        vcns.create_nat_gateway(m.CreateNatGatewayDetails(**place)).data,
        vcns.create_route_table(m.CreateRouteTableDetails(route_rules=[], **place)).data,
        vcns.create_network_security_group(m.CreateNetworkSecurityGroupDetails(**place)).data,
    ]
    assert {one.lifecycle_state for one in made} == {"AVAILABLE"}


def test_a_vnic_lingers_after_its_owner(region: Any, vcns: Any, refused: Any) -> None:
    net = Net(region)
    subnet, group = net.subnet("10.0.1.0/24", "one"), net.group("g")
    network = region.inner.services["network"]
    place = {"subnet_id": subnet.id, "owner_id": "o", "nsg_ids": [group.id]}
    vnic = region.run(network.vnics.attach(display_name="n", hostname="host", **place))
    region.inner.clock.minute = 1.0
    region.run(network.vnics.detach(vnic.id))
    assert vcns.get_vnic(vnic.id).data.lifecycle_state == "TERMINATING"
    assert [one.vnic_id for one in vcns.list_network_security_group_vnics(group.id).data] == [vnic.id]
    with refused(409, "Conflict", f"references the service VNIC {vnic.id}"):
        vcns.delete_subnet(subnet.id)
    with refused(412, "PreconditionFailed", "still has vnics attached to it"):
        vcns.delete_network_security_group(group.id)
    # its name is free, its address is not yet
    again = region.run(network.vnics.attach(display_name="n", hostname="host", **place))
    assert again.id != vnic.id and again.private_ip != vnic.private_ip
    region.settle()
    with refused(404, "NotAuthorizedOrNotFound"):
        vcns.get_vnic(vnic.id)
    region.run(network.vnics.detach(again.id, at_once=True))
    vcns.delete_subnet(subnet.id)
    vcns.delete_network_security_group(group.id)


def test_an_attachment_that_fails_keeps_nothing(region: Any) -> None:
    subnet = Net(region).subnet("10.0.1.0/24", "one")
    network = region.inner.services["network"]

    class Broken:
        async def attach(self, *args: Any) -> str:
            raise OSError("no such bridge")

        async def add_address(self, *args: Any) -> None:
            raise OSError("no such bridge")

        def __getattr__(self, name: str) -> Any:
            return getattr(whole, name)

    whole, region.inner.fabric = region.inner.fabric, Broken()
    with pytest.raises(OSError, match="no such bridge"):
        region.run(network.vnics.attach(subnet_id=subnet.id, display_name="n", owner_id="o", hostname="host"))
    with pytest.raises(OSError, match="no such bridge"):
        region.run(network.vnics.hold_address(subnet_id=subnet.id, display_name="n", owner_id="o"))
    region.inner.fabric = whole

    async def left() -> list[Any]:
        return [*network.living("vnic"), *network.living("private_ip")]

    assert region.run(left()) == []


def test_the_work_request_of_a_cidr_keeps_its_vcn_in_progress(region: Any, vcns: Any) -> None:
    vcn = Net(region).vcn
    answer = vcns.add_vcn_cidr(vcn.id, m.AddVcnCidrDetails(cidr_block="10.1.0.0/16"))
    region.settle()
    requests = region.client(oci.work_requests.WorkRequestClient)
    request = requests.get_work_request(answer.headers["opc-work-request-id"]).data
    (resource,) = request.resources
    assert (request.status, resource.entity_type, resource.action_type, resource.identifier) == (
        "SUCCEEDED", "vcn", "IN_PROGRESS", vcn.id,
    )  # fmt: skip


def test_vcns_that_overlap_are_refused_where_parts_are_real(region: Any, vcns: Any, refused: Any) -> None:
    Net(region)
    region.inner.settings = dataclasses.replace(region.settings, pure=False)
    with refused(501, "NotImplemented", "10.0.0.0/20 overlaps 10.0.0.0/16"):
        vcns.create_vcn(m.CreateVcnDetails(compartment_id=region.compartment_id, cidr_blocks=["10.0.0.0/20"]))
    assert len(vcns.list_vcns(region.compartment_id).data) == 1
    vcns.create_vcn(m.CreateVcnDetails(compartment_id=region.compartment_id, cidr_blocks=["10.1.0.0/16"]))


def test_a_list_shows_what_is_made(region: Any, vcns: Any) -> None:
    made = vcns.create_vcn(m.CreateVcnDetails(compartment_id=region.compartment_id, cidr_blocks=["10.1.0.0/16"])).data
    assert made.display_name.startswith("vcn20")
    region.settle()
    listed = vcns.list_vcns(region.compartment_id).data
    assert [(one.id, one.lifecycle_state) for one in listed] == [(made.id, "AVAILABLE")]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"cidr_block": "10.0.0.0/16", "cidr_blocks": ["10.1.0.0/16"]},
        {"cidr_blocks": ["10.0.0.0/8"]},
        {"cidr_blocks": ["10.0.0.0/31"]},
        {"cidr_blocks": ["10.0.0.0"]},
        {"cidr_blocks": ["10.0.0.0/16", "10.0.1.0/24"]},
        {"cidr_blocks": ["10.0.0.0/16"], "dns_label": "not-a-label"},
        {"cidr_blocks": ["10.0.0.0/16"], "dns_label": "1net"},
    ],
)
def test_bad_vcns_are_refused(region: Any, vcns: Any, refused: Any, values: dict[str, Any]) -> None:
    with refused(400, "InvalidParameter"):
        vcns.create_vcn(m.CreateVcnDetails(compartment_id=region.compartment_id, **values))
    assert vcns.list_vcns(region.compartment_id).data == []


def test_subnet_defaults_and_names(region: Any, vcns: Any, vcn: Any) -> None:
    made = subnet(region, vcns, vcn, "10.0.1.7/24", dns_label="app", prohibit_public_ip_on_vnic=True)
    assert made.cidr_block == "10.0.1.0/24"
    assert made.virtual_router_ip == "10.0.1.1"
    assert made.subnet_domain_name == "app.net.oraclevcn.com"
    assert (made.prohibit_internet_ingress, made.prohibit_public_ip_on_vnic) == (True, True)
    assert made.security_list_ids == [vcn.default_security_list_id]
    assert made.route_table_id == vcn.default_route_table_id


def test_subnets_must_fit(region: Any, vcns: Any, vcn: Any, refused: Any) -> None:
    subnet(region, vcns, vcn, "10.0.1.0/24", dns_label="app")
    with refused(400, "InvalidParameter", "overlaps"):
        subnet(region, vcns, vcn, "10.0.0.0/20")
    with refused(400, "InvalidParameter", "not within"):
        subnet(region, vcns, vcn, "10.1.0.0/24")
    with refused(400, "InvalidParameter", "unique"):
        subnet(region, vcns, vcn, "10.0.2.0/24", dns_label="app")
    with refused(400, "InvalidParameter", "same value"):
        subnet(region, vcns, vcn, "10.0.2.0/24", prohibit_internet_ingress=True, prohibit_public_ip_on_vnic=False)


def test_what_is_in_use_stays(region: Any, vcns: Any, vcn: Any, refused: Any) -> None:
    gateway = vcns.create_internet_gateway(
        m.CreateInternetGatewayDetails(compartment_id=region.compartment_id, vcn_id=vcn.id, is_enabled=True)
    ).data
    region.settle()
    rule = m.RouteRule(destination=ANY, destination_type="CIDR_BLOCK", network_entity_id=gateway.id)
    table = vcns.create_route_table(
        m.CreateRouteTableDetails(compartment_id=region.compartment_id, vcn_id=vcn.id, route_rules=[rule])
    ).data
    region.settle()
    used = subnet(region, vcns, vcn, route_table_id=table.id)
    with refused(409, "Conflict", gateway.id, table.id):
        vcns.delete_internet_gateway(gateway.id)
    with refused(409, "Conflict", used.id):
        vcns.delete_route_table(table.id)
    with refused(409, "IncorrectState", "Gateway"):
        vcns.delete_vcn(vcn.id)
    with refused(409, "Conflict", "default"):
        vcns.delete_security_list(vcn.default_security_list_id)
    for delete, record_id in (
        (vcns.delete_subnet, used.id),
        (vcns.delete_route_table, table.id),
        (vcns.delete_internet_gateway, gateway.id),
        (vcns.delete_vcn, vcn.id),
    ):
        delete(record_id)
        region.settle()
    assert vcns.get_vcn(vcn.id).data.lifecycle_state == "TERMINATED"
    assert vcns.get_security_list(vcn.default_security_list_id).data.lifecycle_state == "TERMINATED"


def test_a_vcn_has_one_gateway_of_a_kind(region: Any, vcns: Any, vcn: Any, refused: Any) -> None:
    details = m.CreateNatGatewayDetails(compartment_id=region.compartment_id, vcn_id=vcn.id)
    gateway = vcns.create_nat_gateway(details).data
    assert gateway.nat_ip.startswith("127.0.1.")
    address = vcns.get_public_ip(gateway.public_ip_id).data
    assert (address.lifecycle_state, address.lifetime) == ("ASSIGNED", "EPHEMERAL")
    assert address.assigned_entity_id == gateway.id
    with refused(400, "LimitExceeded"):
        vcns.create_nat_gateway(details)
    region.settle()
    vcns.delete_nat_gateway(gateway.id)
    region.settle()
    assert vcns.get_public_ip(gateway.public_ip_id).data.lifecycle_state == "TERMINATED"


def test_routes_to_services_go_through_a_service_gateway(region: Any, vcns: Any, vcn: Any, refused: Any) -> None:
    everything = vcns.list_services().data[0]
    gateway = vcns.create_service_gateway(
        m.CreateServiceGatewayDetails(
            compartment_id=region.compartment_id, vcn_id=vcn.id,
            services=[m.ServiceIdRequestDetails(service_id=everything.id)],
        )
    ).data  # fmt: skip
    region.settle()
    assert gateway.services[0].service_name == everything.name
    bad = m.RouteRule(destination=ANY, destination_type="CIDR_BLOCK", network_entity_id=gateway.id)
    good = m.RouteRule(
        destination=everything.cidr_block, destination_type="SERVICE_CIDR_BLOCK", network_entity_id=gateway.id
    )
    update = vcns.update_route_table
    with refused(400, "InvalidParameter"):
        update(vcn.default_route_table_id, m.UpdateRouteTableDetails(route_rules=[bad]))
    shown = update(vcn.default_route_table_id, m.UpdateRouteTableDetails(route_rules=[good])).data.route_rules
    assert [(rule.destination, rule.cidr_block, rule.route_type) for rule in shown] == [
        (everything.cidr_block, None, "STATIC")
    ]
    with refused(409, "Conflict"):
        vcns.update_service_gateway(gateway.id, m.UpdateServiceGatewayDetails(services=[]))


def test_rules_of_security_lists_take_one_form(region: Any, vcns: Any, vcn: Any, refused: Any) -> None:
    ports = m.TcpOptions(destination_port_range=m.PortRange(min=80, max=80))
    details = m.UpdateSecurityListDetails(
        ingress_security_rules=[m.IngressSecurityRule(source="192.168.1.9/24", protocol="6", tcp_options=ports)],
        egress_security_rules=[],
    )
    shown = vcns.update_security_list(vcn.default_security_list_id, details).data
    rule = shown.ingress_security_rules[0]
    assert (rule.source, rule.source_type, rule.is_stateless) == ("192.168.1.0/24", "CIDR_BLOCK", False)
    assert shown.egress_security_rules == []
    for bad in (
        m.IngressSecurityRule(source=ANY, protocol="tcp"),
        m.IngressSecurityRule(source=ANY, protocol="17", tcp_options=ports),
        m.IngressSecurityRule(source="somewhere", protocol="all"),
        m.IngressSecurityRule(
            source=ANY, protocol="6", tcp_options=m.TcpOptions(destination_port_range=m.PortRange(min=9, max=8))
        ),
    ):
        with refused(400, "InvalidParameter"):
            vcns.update_security_list(
                vcn.default_security_list_id, m.UpdateSecurityListDetails(ingress_security_rules=[bad])
            )


def test_rules_of_groups(region: Any, vcns: Any, vcn: Any, refused: Any) -> None:
    group, other = (
        vcns.create_network_security_group(
            m.CreateNetworkSecurityGroupDetails(compartment_id=region.compartment_id, vcn_id=vcn.id)
        ).data
        for _ in range(2)
    )
    region.settle()
    add, update, remove = (
        getattr(vcns, f"{verb}_network_security_group_security_rules") for verb in ("add", "update", "remove")
    )

    def rule(kind: Any = m.AddSecurityRuleDetails, **values: Any) -> Any:
        base = {
            "direction": "INGRESS", "protocol": "all", "source": other.id, "source_type": "NETWORK_SECURITY_GROUP",
        }  # fmt: skip
        return kind(**(base | values))

    added = add(
        group.id, m.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=[rule(), rule(protocol="1")])
    ).data.security_rules
    assert all(one.is_valid and not one.is_stateless and len(one.id) == 6 for one in added)
    changed = update(
        group.id,
        m.UpdateNetworkSecurityGroupSecurityRulesDetails(
            security_rules=[rule(m.UpdateSecurityRuleDetails, id=added[1].id, protocol="6")]
        ),
    ).data.security_rules
    assert [(one.id, one.protocol) for one in changed] == [(added[1].id, "6")]
    with refused(400, "MissingParameter"):
        add(group.id, m.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=[rule(source=None)]))
    with refused(400, "InvalidParameter", "25"):
        add(group.id, m.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=[rule()] * 26))
    with refused(404, "NotAuthorizedOrNotFound"):
        remove(group.id, m.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=["FFFFFF"]))
    remove(group.id, m.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=[added[0].id]))
    vcns.delete_network_security_group(other.id)
    region.settle()
    left = vcns.list_network_security_group_security_rules(group.id).data
    assert [(one.id, one.is_valid) for one in left] == [(added[1].id, False)]


def test_cidrs_of_a_vcn_change_by_work_requests(region: Any, vcns: Any, vcn: Any, refused: Any) -> None:
    answer = vcns.add_vcn_cidr(vcn.id, m.AddVcnCidrDetails(cidr_block="10.1.0.0/16"))
    region.settle()
    requests = region.client(oci.work_requests.WorkRequestClient)
    request = requests.get_work_request(answer.headers["opc-work-request-id"]).data
    assert (request.status, request.percent_complete) == ("SUCCEEDED", 100.0)
    assert request.resources[0].identifier == vcn.id
    subnet(region, vcns, vcn, "10.1.0.0/24")
    with refused(409, "Conflict"):
        vcns.remove_vcn_cidr(vcn.id, m.RemoveVcnCidrDetails(cidr_block="10.1.0.0/16"))
    with refused(409, "Conflict"):
        vcns.modify_vcn_cidr(
            vcn.id, m.ModifyVcnCidrDetails(original_cidr_block="10.1.0.0/16", new_cidr_block="10.2.0.0/16")
        )
    with refused(400, "InvalidParameter", "overlaps"):
        vcns.add_vcn_cidr(vcn.id, m.AddVcnCidrDetails(cidr_block="10.1.128.0/20"))
    vcns.remove_vcn_cidr(vcn.id, m.RemoveVcnCidrDetails(cidr_block="10.0.0.0/16"))
    region.settle()
    assert vcns.get_vcn(vcn.id).data.cidr_blocks == ["10.1.0.0/16"]


def test_vnics_take_addresses(region: Any, vcns: Any, vcn: Any, refused: Any) -> None:
    place = subnet(region, vcns, vcn, "10.0.1.0/29", dns_label="app")
    network = region.inner.services["network"]

    def attach(name: str, **values: Any) -> Any:
        return region.run(network.vnics.attach(subnet_id=place.id, display_name=name, owner_id="owner", **values))

    first = attach("one", hostname="db", public=True)
    assert (first.private_ip, first.fqdn) == ("10.0.1.2", "db.app.net.oraclevcn.com")
    assert first.public_ip and first.netns
    assert attach("one") == first
    assert vcns.get_vnic(first.id).data.private_ip == "10.0.1.2"
    assert [one.ip_address for one in vcns.list_private_ips(vnic_id=first.id).data] == ["10.0.1.2"]
    with refused(409, "Conflict", first.id):
        vcns.delete_subnet(place.id)
    others = [attach(str(number)) for number in range(4)]
    assert len({vnic.private_ip for vnic in others} | {first.private_ip}) == 5
    with pytest.raises(Exception, match="LimitExceeded"):
        attach("too many")
    for vnic in network_vnics(region):
        region.run(network.vnics.detach(vnic.id))
    assert attach("after").private_ip == "10.0.1.2"


def network_vnics(region: Any) -> list[Any]:
    async def get() -> list[Any]:
        found: list[Any] = region.inner.services["network"].vnics.of("owner")
        return found

    return list(region.run(get()))


def test_a_subnet_can_grow(region: Any, vcns: Any, vcn: Any, refused: Any) -> None:
    place = subnet(region, vcns, vcn, "10.0.4.0/24")
    subnet(region, vcns, vcn, "10.0.6.0/24")
    grown = vcns.update_subnet(place.id, m.UpdateSubnetDetails(cidr_block="10.0.4.0/23")).data
    assert grown.cidr_block == "10.0.4.0/23"
    with refused(400, "InvalidParameter", "overlaps"):
        vcns.update_subnet(place.id, m.UpdateSubnetDetails(cidr_block="10.0.4.0/22"))


def test_reserved_addresses(region: Any, vcns: Any) -> None:
    made = vcns.create_public_ip(
        m.CreatePublicIpDetails(compartment_id=region.compartment_id, lifetime="RESERVED", display_name="front")
    ).data
    region.settle()
    listed = vcns.list_public_ips("REGION", region.compartment_id, lifetime="RESERVED").data
    assert [(one.id, one.lifecycle_state) for one in listed] == [(made.id, "AVAILABLE")]
    found = vcns.get_public_ip_by_ip_address(m.GetPublicIpByIpAddressDetails(ip_address=made.ip_address)).data
    assert found.id == made.id
    vcns.delete_public_ip(made.id)


def test_a_vcn_of_nowhere_is_not_listed(region: Any, vcns: Any, refused: Any) -> None:
    with refused(404, "NotAuthorizedOrNotFound"):
        vcns.list_subnets(region.compartment_id, vcn_id="ocid1.vcn.oc1.local-1.none")
    with refused(404, "NotAuthorizedOrNotFound"):
        vcns.list_vcns("ocid1.compartment.oc1..none")
