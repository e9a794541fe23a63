"""Capture filters, VTAPs and public addresses as a client sees them: normal forms, states, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import oci
import pytest
from oci.core import models as m

from tests.unit.localregion.support import Net

PORTS = m.TcpOptions(destination_port_range=m.PortRange(min=443, max=443))


@pytest.fixture
def net(region: Any) -> Net:
    return Net(region)


@pytest.fixture
def capture(region: Any, vcns: Any) -> Callable[..., Any]:
    """Makes a capture filter; for VTAPs by default."""

    def make(filter_type: str = "VTAP", **values: Any) -> Any:
        made = vcns.create_capture_filter(
            m.CreateCaptureFilterDetails(compartment_id=region.compartment_id, filter_type=filter_type, **values)
        ).data
        region.settle()
        return vcns.get_capture_filter(made.id).data

    return make


@pytest.fixture
def vtap(region: Any, vcns: Any, net: Net, capture: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a VTAP of a subnet."""

    def make(source: Any, **values: Any) -> Any:
        given = {"target_ip": "10.0.9.9", "capture_filter_id": None} | values
        given["capture_filter_id"] = given["capture_filter_id"] or capture().id
        made = vcns.create_vtap(
            m.CreateVtapDetails(compartment_id=region.compartment_id, vcn_id=net.vcn.id, source_id=source.id, **given)
        ).data
        region.settle()
        return vcns.get_vtap(made.id).data

    return make


def attach(region: Any, subnet: Any, name: str = "one") -> Any:
    """A VNIC, as a part of the region gets it."""
    network = region.inner.services["network"]
    return region.run(network.vnics.attach(subnet_id=subnet.id, display_name=name, owner_id="owner"))


def private_ip(vcns: Any, vnic: Any) -> str:
    return str(vcns.list_private_ips(vnic_id=vnic.id).data[0].id)


# --- capture filters


def test_a_filter_takes_rules_of_its_type_in_one_form(vcns: Any, capture: Callable[..., Any]) -> None:
    rule = m.VtapCaptureFilterRuleDetails(
        traffic_direction="INGRESS", source_cidr="192.0.2.9/24", protocol="6", tcp_options=PORTS
    )
    made = capture(vtap_capture_filter_rules=[rule])
    shown = made.vtap_capture_filter_rules[0]
    assert (made.lifecycle_state, made.flow_log_capture_filter_rules) == ("AVAILABLE", None)
    assert (shown.rule_action, shown.source_cidr, shown.protocol) == ("INCLUDE", "192.0.2.0/24", "6")
    flows = capture("FLOWLOG", flow_log_capture_filter_rules=[m.FlowLogCaptureFilterRuleDetails(priority=3)])
    shown = flows.flow_log_capture_filter_rules[0]
    assert (shown.is_enabled, shown.sampling_rate, shown.flow_log_type) == (True, 1, "ALL")
    assert (shown.rule_action, shown.protocol, shown.priority) == ("INCLUDE", None, 3)
    assert [one.id for one in vcns.list_capture_filters(made.compartment_id, filter_type="FLOWLOG").data] == [flows.id]


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("VTAP", {"flow_log_capture_filter_rules": [m.FlowLogCaptureFilterRuleDetails()]}),
        ("FLOWLOG", {"vtap_capture_filter_rules": [m.VtapCaptureFilterRuleDetails(traffic_direction="INGRESS")]}),
        ("FLOWLOG", {"flow_log_capture_filter_rules": [m.FlowLogCaptureFilterRuleDetails(priority=1)] * 2}),
        ("FLOWLOG", {"flow_log_capture_filter_rules": [m.FlowLogCaptureFilterRuleDetails(priority=10)]}),
        ("FLOWLOG", {"flow_log_capture_filter_rules": [m.FlowLogCaptureFilterRuleDetails(sampling_rate=0)]}),
        ("FLOWLOG", {"flow_log_capture_filter_rules": [m.FlowLogCaptureFilterRuleDetails(source_cidr="here")]}),
        ("FLOWLOG", {"flow_log_capture_filter_rules": [m.FlowLogCaptureFilterRuleDetails(protocol="tcp")]}),
        ("FLOWLOG", {"flow_log_capture_filter_rules": [m.FlowLogCaptureFilterRuleDetails(tcp_options=PORTS)]}),
    ],
)
def test_bad_rules_are_refused(capture: Callable[..., Any], refused: Any, kind: str, rules: Any) -> None:
    with refused(400, "InvalidParameter"):
        capture(kind, **rules)


def test_a_filter_has_at_most_ten_rules(capture: Callable[..., Any], refused: Any) -> None:
    rule = m.VtapCaptureFilterRuleDetails(traffic_direction="INGRESS")
    assert len(capture(vtap_capture_filter_rules=[rule] * 10).vtap_capture_filter_rules) == 10
    with refused(400, "LimitExceeded"):
        capture(vtap_capture_filter_rules=[rule] * 11)


def test_a_filter_changes_and_goes_when_nothing_uses_it(
    region: Any, vcns: Any, net: Net, capture: Callable[..., Any], vtap: Callable[..., Any], refused: Any
) -> None:
    made = capture()
    rule = m.VtapCaptureFilterRuleDetails(traffic_direction="EGRESS")
    changed = vcns.update_capture_filter(made.id, m.UpdateCaptureFilterDetails(vtap_capture_filter_rules=[rule])).data
    assert changed.lifecycle_state == "UPDATING"
    region.settle()
    renamed = vcns.update_capture_filter(made.id, m.UpdateCaptureFilterDetails(display_name="new")).data
    assert (renamed.lifecycle_state, len(renamed.vtap_capture_filter_rules)) == ("AVAILABLE", 1)
    user = vtap(net.subnet("10.0.1.0/24", "app"), capture_filter_id=made.id)
    with refused(409, "Conflict", user.id):
        vcns.delete_capture_filter(made.id)
    vcns.delete_vtap(user.id)
    region.settle()
    vcns.delete_capture_filter(made.id)
    region.settle()
    assert vcns.get_capture_filter(made.id).data.lifecycle_state == "TERMINATED"


# --- VTAPs


def test_a_vtap_is_stopped_until_it_is_started(
    region: Any, vcns: Any, net: Net, vtap: Callable[..., Any], refused: Any
) -> None:
    source = net.subnet("10.0.1.0/24", "app")
    made = vtap(source, encapsulation_protocol="VXLAN")
    assert (made.lifecycle_state, made.lifecycle_state_details) == ("AVAILABLE", "STOPPED")
    assert (made.source_type, made.target_type, made.is_vtap_enabled) == ("SUBNET", "IP_ADDRESS", False)
    assert 0 <= made.vxlan_network_identifier < 2**24
    started = vcns.update_vtap(made.id, m.UpdateVtapDetails(is_vtap_enabled=True)).data
    assert (started.lifecycle_state, started.lifecycle_state_details) == ("UPDATING", "RUNNING")
    region.settle()
    assert vtap(source).lifecycle_state_details == "STOPPED"
    with refused(409, "Conflict", made.id):
        vtap(source, is_vtap_enabled=True)
    ids = {one.id for one in vcns.list_vtaps(made.compartment_id, is_vtap_enabled=True).data}
    assert ids == {made.id}
    assert len(vcns.list_vtaps(made.compartment_id, source=source.id, is_vtap_enabled=False).data) == 2


def test_a_vtaps_target_is_an_address_or_a_vnic(
    region: Any, vcns: Any, net: Net, vtap: Callable[..., Any], refused: Any
) -> None:
    source = net.subnet("10.0.1.0/24", "app")
    vnic = attach(region, source)
    made = vtap(source)
    changed = vcns.update_vtap(made.id, m.UpdateVtapDetails(target_id=vnic.id)).data
    assert (changed.target_id, changed.target_ip, changed.target_type) == (vnic.id, None, "VNIC")
    region.settle()
    with refused(400, "InvalidParameter", "one of"):
        vcns.update_vtap(made.id, m.UpdateVtapDetails(target_id=vnic.id, target_ip="10.0.9.9"))
    with refused(400, "InvalidParameter", "IP_ADDRESS"):
        vcns.update_vtap(made.id, m.UpdateVtapDetails(target_type="IP_ADDRESS"))
    with refused(400, "InvalidParameter", "address"):
        vcns.update_vtap(made.id, m.UpdateVtapDetails(target_ip="nowhere"))
    with refused(400, "MissingParameter"):
        vtap(source, target_ip=None)


def test_what_a_vtap_names_must_fit(
    region: Any, net: Net, capture: Callable[..., Any], vtap: Callable[..., Any], refused: Any
) -> None:
    source = net.subnet("10.0.1.0/24", "app")
    elsewhere = Net(region, "10.9.0.0/16", "other").subnet("10.9.1.0/24", "app")
    with refused(400, "InvalidParameter", "VCN"):
        vtap(elsewhere)
    with refused(404, "NotAuthorizedOrNotFound"):
        vtap(net.vcn)
    with refused(400, "InvalidParameter", "VNIC"):
        vtap(source, source_type="VNIC")
    with refused(400, "InvalidParameter", "type VTAP"):
        vtap(source, capture_filter_id=capture("FLOWLOG").id)
    with refused(400, "InvalidParameter", "maxPacketSize"):
        vtap(source, max_packet_size=10)
    with refused(400, "InvalidParameter", "vxlanNetworkIdentifier"):
        vtap(source, vxlan_network_identifier=2**24)


def test_a_vtap_stops_with_its_source_and_keeps_its_vcn(
    region: Any, vcns: Any, net: Net, vtap: Callable[..., Any], refused: Any
) -> None:
    source = net.subnet("10.0.1.0/24", "app")
    made = vtap(source, is_vtap_enabled=True)
    vcns.delete_subnet(source.id)
    region.settle()
    shown = vcns.get_vtap(made.id).data
    assert (shown.is_vtap_enabled, shown.lifecycle_state_details) == (False, "STOPPED")
    with refused(409, "Conflict", made.id):
        vcns.delete_vcn(net.vcn.id)


# --- public addresses


def test_a_reserved_address_moves_from_one_private_ip_to_another(
    region: Any, vcns: Any, net: Net, refused: Any
) -> None:
    place = net.subnet("10.0.1.0/24", "app")
    first, second = (attach(region, place, name) for name in ("one", "two"))
    details = {"compartment_id": region.compartment_id, "lifetime": "RESERVED"}
    made = vcns.create_public_ip(m.CreatePublicIpDetails(**details)).data
    region.settle()

    def give(private: str) -> Any:
        changing = vcns.update_public_ip(made.id, m.UpdatePublicIpDetails(private_ip_id=private)).data
        assert changing.lifecycle_state == ("ASSIGNING" if private else "UNASSIGNING")
        region.settle()
        return vcns.get_public_ip(made.id).data

    shown = give(private_ip(vcns, first))
    assert (shown.lifecycle_state, shown.assigned_entity_type) == ("ASSIGNED", "PRIVATE_IP")
    assert vcns.get_vnic(first.id).data.public_ip == made.ip_address
    give(private_ip(vcns, second))
    assert vcns.get_vnic(first.id).data.public_ip is None
    assert vcns.get_vnic(second.id).data.public_ip == made.ip_address
    other = vcns.create_public_ip(m.CreatePublicIpDetails(**details)).data
    region.settle()
    with refused(409, "Conflict"):
        vcns.update_public_ip(other.id, m.UpdatePublicIpDetails(private_ip_id=private_ip(vcns, second)))
    shown = give("")
    assert (shown.lifecycle_state, shown.private_ip_id, shown.assigned_entity_id) == ("AVAILABLE", None, None)
    vcns.delete_public_ip(made.id)
    region.settle()
    assert vcns.get_public_ip(made.id).data.lifecycle_state == "TERMINATED"


def test_reserved_addresses_are_limited(region: Any, vcns: Any, refused: Any) -> None:
    details = m.CreatePublicIpDetails(compartment_id=region.compartment_id, lifetime="RESERVED")
    for _ in range(50):
        vcns.create_public_ip(details)
    with refused(400, "LimitExceeded"):
        vcns.create_public_ip(details)


def test_addresses_are_listed_where_they_are(region: Any, vcns: Any, net: Net, refused: Any) -> None:
    vnic = attach(region, net.subnet("10.0.1.0/24", "app"))
    details = m.CreatePublicIpDetails(
        compartment_id=region.compartment_id, lifetime="EPHEMERAL", private_ip_id=private_ip(vcns, vnic)
    )
    made = vcns.create_public_ip(details).data
    region.settle()
    assert made.scope == "AVAILABILITY_DOMAIN"
    assert vcns.list_public_ips("REGION", region.compartment_id).data == []
    domain = made.availability_domain
    listed = vcns.list_public_ips("AVAILABILITY_DOMAIN", region.compartment_id, availability_domain=domain).data
    assert [one.id for one in listed] == [made.id]
    with refused(400, "InvalidParameter"):
        vcns.list_public_ips("AVAILABILITY_DOMAIN", region.compartment_id)
    with refused(400, "InvalidParameter", "reserved"):
        vcns.change_public_ip_compartment(made.id, m.ChangePublicIpCompartmentDetails(compartment_id=region.tenancy_id))
    private = net.subnet("10.0.2.0/24", "db", private=True)
    with refused(400, "InvalidParameter", "prohibits"):
        vcns.create_public_ip(
            m.CreatePublicIpDetails(
                compartment_id=region.compartment_id,
                lifetime="RESERVED",
                private_ip_id=private_ip(vcns, attach(region, private, "db")),
            )
        )


def test_a_nat_gateway_keeps_its_reserved_address(region: Any, vcns: Any, net: Net, refused: Any) -> None:
    reserved = m.CreatePublicIpDetails(compartment_id=region.compartment_id, lifetime="RESERVED")
    address = vcns.create_public_ip(reserved).data
    region.settle()
    gateway = vcns.create_nat_gateway(
        m.CreateNatGatewayDetails(
            compartment_id=region.compartment_id, vcn_id=net.vcn.id, public_ip_id=address.id, block_traffic=True
        )
    ).data
    region.settle()
    assert (gateway.nat_ip, gateway.block_traffic) == (address.ip_address, True)
    assert vcns.get_public_ip(address.id).data.assigned_entity_id == gateway.id
    with refused(409, "Conflict", gateway.id):
        vcns.delete_public_ip(address.id)
    opened = vcns.update_nat_gateway(gateway.id, m.UpdateNatGatewayDetails(block_traffic=False)).data
    assert opened.block_traffic is False
    vcns.delete_nat_gateway(gateway.id)
    region.settle()
    freed = vcns.get_public_ip(address.id).data
    assert (freed.lifecycle_state, freed.assigned_entity_id) == ("AVAILABLE", None)


# --- moves


def test_everything_moves_to_another_compartment(
    region: Any, vcns: Any, net: Net, identity: Any, capture: Callable[..., Any], vtap: Callable[..., Any]
) -> None:
    other = identity.create_compartment(
        oci.identity.models.CreateCompartmentDetails(
            compartment_id=region.compartment_id, name="other", description="other"
        )
    ).data.id
    region.settle()
    place = net.subnet("10.0.1.0/24", "app")
    in_vcn = {"compartment_id": region.compartment_id, "vcn_id": net.vcn.id}
    services = [m.ServiceIdRequestDetails(service_id=vcns.list_services().data[0].id)]
    made = {
        "subnet": place.id,
        "internet_gateway": vcns.create_internet_gateway(
            m.CreateInternetGatewayDetails(is_enabled=True, **in_vcn)
        ).data.id,
        "nat_gateway": vcns.create_nat_gateway(m.CreateNatGatewayDetails(**in_vcn)).data.id,
        "service_gateway": vcns.create_service_gateway(
            m.CreateServiceGatewayDetails(services=services, **in_vcn)
        ).data.id,
        "route_table": vcns.create_route_table(m.CreateRouteTableDetails(route_rules=[], **in_vcn)).data.id,
        "security_list": vcns.create_security_list(
            m.CreateSecurityListDetails(ingress_security_rules=[], egress_security_rules=[], **in_vcn)
        ).data.id,
        "network_security_group": net.group("app").id,
        "public_ip": vcns.create_public_ip(
            m.CreatePublicIpDetails(compartment_id=region.compartment_id, lifetime="RESERVED")
        ).data.id,
        "capture_filter": capture().id,
        "vtap": vtap(place).id,
        "vcn": net.vcn.id,
    }
    region.settle()
    for kind, record_id in made.items():
        model = getattr(m, "Change" + "".join(word.title() for word in kind.split("_")) + "CompartmentDetails")
        getattr(vcns, f"change_{kind}_compartment")(record_id, model(compartment_id=other))
        region.settle()
        shown = getattr(vcns, f"get_{kind}")(record_id).data
        assert (kind, shown.compartment_id, shown.lifecycle_state) == (kind, other, "AVAILABLE")


# --- VCNs and subnets


def test_zero_trust_labels_have_a_form(vcns: Any, net: Net, refused: Any) -> None:
    labels = {"oracle-zpr": {"app": {"value": "web", "mode": "enforce"}}}
    shown = vcns.update_vcn(net.vcn.id, m.UpdateVcnDetails(security_attributes=labels, is_zpr_only=True)).data
    assert (shown.security_attributes, shown.is_zpr_only) == (labels, True)
    for bad in ({"oracle-zpr": {"app": "web"}}, {"oracle-zpr": {"app": {"value": "web", "mode": "loud"}}}):
        with refused(400, "InvalidParameter"):
            vcns.update_vcn(net.vcn.id, m.UpdateVcnDetails(security_attributes=bad))


def test_a_vcns_block_keeps_what_routes_use(region: Any, vcns: Any, net: Net, refused: Any) -> None:
    hop = private_ip(vcns, attach(region, net.subnet("10.0.1.0/24", "app")))
    inside = m.RouteRule(destination="10.0.200.0/24", destination_type="CIDR_BLOCK", network_entity_id=hop)
    vcns.update_route_table(net.vcn.default_route_table_id, m.UpdateRouteTableDetails(route_rules=[inside]))
    with refused(409, "Conflict", "10.0.200.0/24"):
        vcns.modify_vcn_cidr(
            net.vcn.id, m.ModifyVcnCidrDetails(original_cidr_block="10.0.0.0/16", new_cidr_block="10.0.0.0/17")
        )
    vcns.update_route_table(net.vcn.default_route_table_id, m.UpdateRouteTableDetails(route_rules=[]))
    vcns.modify_vcn_cidr(
        net.vcn.id, m.ModifyVcnCidrDetails(original_cidr_block="10.0.0.0/16", new_cidr_block="10.0.0.0/17")
    )
    region.settle()
    assert vcns.get_vcn(net.vcn.id).data.cidr_blocks == ["10.0.0.0/17"]


def test_a_subnet_is_resized_around_what_is_in_use(region: Any, vcns: Any, net: Net, refused: Any) -> None:
    place = net.subnet("10.0.4.0/24", "app")
    network = region.inner.services["network"]
    region.run(network.vnics.attach(subnet_id=place.id, display_name="high", owner_id="owner", private_ip="10.0.4.100"))
    with refused(409, "Conflict", "in use"):
        vcns.update_subnet(place.id, m.UpdateSubnetDetails(cidr_block="10.0.4.0/26"))
    with refused(400, "InvalidParameter", "network address"):
        vcns.update_subnet(place.id, m.UpdateSubnetDetails(cidr_block="10.0.4.128/25"))
    narrow = Net(region, "10.9.0.0/24", "narrow")
    with refused(400, "InvalidParameter", "within"):
        vcns.update_subnet(narrow.subnet("10.9.0.0/25", "app").id, m.UpdateSubnetDetails(cidr_block="10.9.0.0/23"))
    changing = vcns.update_subnet(place.id, m.UpdateSubnetDetails(cidr_block="10.0.4.0/25")).data
    assert (changing.lifecycle_state, changing.cidr_block) == ("UPDATING", "10.0.4.0/25")
    region.settle()
    assert vcns.get_subnet(place.id).data.lifecycle_state == "AVAILABLE"


def test_a_subnet_needs_no_security_list(vcns: Any, net: Net, refused: Any) -> None:
    place = net.subnet("10.0.1.0/24", "app")
    assert vcns.update_subnet(place.id, m.UpdateSubnetDetails(security_list_ids=[])).data.security_list_ids == []
    with refused(400, "InvalidParameter"):
        lists = [net.vcn.default_security_list_id] * 2
        vcns.update_subnet(place.id, m.UpdateSubnetDetails(security_list_ids=lists))


def test_what_a_vtap_copies(
    region: Any, vcns: Any, net: Net, capture: Callable[..., Any], vtap: Callable[..., Any]
) -> None:
    pods, other = net.subnet("10.0.30.0/24", "mirrored"), net.subnet("10.0.31.0/24", "target")
    first, second, target = (attach(region, pods, "a"), attach(region, pods, "b"), attach(region, other, "c"))
    rule = m.VtapCaptureFilterRuleDetails(traffic_direction="EGRESS", protocol="6")
    chosen = capture(vtap_capture_filter_rules=[rule])
    given = {"target_ip": None, "target_id": target.id, "capture_filter_id": chosen.id, "is_vtap_enabled": True}
    made = vtap(pods, **given)
    packets = region.inner.services["network"].packets
    (mirror,) = packets.mirrors()
    assert (mirror.target, mirror.gateway, mirror.identifier) == (
        target.private_ip, "10.0.31.1", made.vxlan_network_identifier
    )  # fmt: skip
    assert set(mirror.sources) == {first.id, second.id}
    assert [(one["trafficDirection"], one["protocol"]) for one in mirror.rules] == [("EGRESS", "6")]
    # The target's own traffic is not copied to it.
    vcns.update_vtap(made.id, m.UpdateVtapDetails(target_id=first.id))
    region.settle()
    (mirror,) = packets.mirrors()
    assert set(mirror.sources) == {second.id}
    vcns.update_vtap(made.id, m.UpdateVtapDetails(is_vtap_enabled=False))
    region.settle()
    assert packets.mirrors() == []
