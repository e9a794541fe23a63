"""The Path Analyzer: questions, answers that name what decides, refusals."""

from __future__ import annotations

from typing import Any

import oci
import pytest
from oci.vn_monitoring import VnMonitoringClient
from oci.vn_monitoring import models as m

from localregion.services import lookup
from tests.unit.localregion.support import Net


@pytest.fixture
def net(region: Any) -> Net:
    return Net(region)


@pytest.fixture
def analyzer(region: Any) -> VnMonitoringClient:
    return region.client(VnMonitoringClient)


def vnic(region: Any, subnet: Any, name: str, *groups: Any) -> Any:
    attach = lookup.network(region.inner).vnics.attach(
        subnet_id=subnet.id, display_name=name, owner_id="test", nsg_ids=[group.id for group in groups]
    )
    return region.run(attach)


def group(region: Any, net: Net, *rules: Any) -> Any:
    client = region.client(oci.core.VirtualNetworkClient)
    details = oci.core.models.CreateNetworkSecurityGroupDetails(compartment_id=region.compartment_id, vcn_id=net.vcn.id)
    made = client.create_network_security_group(details).data
    region.settle()
    if rules:
        adding = oci.core.models.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=list(rules))
        client.add_network_security_group_security_rules(made.id, adding)
    return made


def rule(direction: str, port: int) -> Any:
    ports = oci.core.models.TcpOptions(destination_port_range=oci.core.models.PortRange(min=port, max=port))
    side = "destination" if direction == "EGRESS" else "source"
    peer = {side: "10.0.0.0/16", f"{side}_type": "CIDR_BLOCK"}
    return oci.core.models.AddSecurityRuleDetails(direction=direction, protocol="6", tcp_options=ports, **peer)


def asked(region: Any, source: Any, destination: Any, port: int | None = 3306, **values: Any) -> dict[str, Any]:
    return {
        "compartment_id": region.compartment_id,
        "protocol": 6,
        "source_endpoint": source,
        "destination_endpoint": destination,
        "protocol_parameters": m.TcpProtocolParameters(destination_port=port),
        "query_options": m.QueryOptions(is_bi_directional_analysis=True),
        **values,
    }


def result(analyzer: VnMonitoringClient, details: Any) -> Any:
    """The path that an analysis ends with."""
    request = analyzer.get_path_analysis(details).headers["opc-work-request-id"]
    assert analyzer.get_work_request(request).data.status == "SUCCEEDED"
    (found,) = analyzer.list_work_request_results(request).data.items
    (path,) = found.paths
    return path


def test_an_analysis_names_what_decides(region: Any, net: Net, analyzer: VnMonitoringClient) -> None:
    pods, database = net.subnet("10.0.8.0/24", "pods"), net.subnet("10.0.9.0/24", "mysql")
    out, into = group(region, net, rule("EGRESS", 3306)), group(region, net, rule("INGRESS", 3306))
    pod, mysql = vnic(region, pods, "pod", out), vnic(region, database, "mysql", into)
    ends = (
        m.VnicEndpoint(vnic_id=pod.id, address=pod.private_ip),
        m.VnicEndpoint(vnic_id=mysql.id, address=mysql.private_ip),
    )
    path = result(analyzer, m.AdhocGetPathAnalysisDetails(**asked(region, *ends)))
    assert path.forward_route.reachability_status == path.return_route.reachability_status == "REACHABLE"
    start, end = path.forward_route.nodes
    assert (start.entity_id, end.entity_id) == (pod.id, mysql.id)
    assert (start.next_hop_routing_action.action, start.next_hop_routing_action.action_type) == (
        "FORWARDED",
        "IMPLICIT",
    )
    assert start.egress_traffic.traffic_protocol_parameters.destination_port == 3306
    allowed = end.ingress_security_action.allowed_security_action_details.allowed_security_configuration
    (its,) = net.client.list_network_security_group_security_rules(into.id).data
    assert (allowed.type, allowed.nsg_id, allowed.security_rule.id) == ("NSG", into.id, its.id)
    back = path.return_route.nodes[0].egress_security_action.allowed_security_action_details
    assert back.allowed_security_configuration.type == "STATEFUL_NSG"
    assert f"rule {its.id} of {into.id} lets TCP 3306 into" in path.forward_route.route_analysis_description

    path = result(analyzer, m.AdhocGetPathAnalysisDetails(**asked(region, *ends, port=33060)))
    assert path.forward_route.reachability_status == "UNREACHABLE"
    denied = path.forward_route.nodes[-1].ingress_security_action
    assert (denied.action, denied.denied_security_action_details.evaluated_nsg_ids) == ("DENIED", [into.id])
    assert f"no ingress rule of {into.id}" in path.forward_route.route_analysis_description


def test_a_way_out_leads_by_a_gateway(region: Any, net: Net, analyzer: VnMonitoringClient) -> None:
    subnet = net.subnet("10.0.10.0/24", "private")
    pod = vnic(region, subnet, "out")
    ends = m.SubnetEndpoint(subnet_id=subnet.id, address=pod.private_ip), m.IpAddressEndpoint(address="192.0.2.7")
    question = asked(region, *ends, 443)
    path = result(analyzer, m.AdhocGetPathAnalysisDetails(**question))
    routing = path.forward_route.nodes[0].next_hop_routing_action
    assert routing.action == "NO_ROUTE"
    assert routing.no_route_routing_action_details.evaluated_vcn_route_table_id == subnet.route_table_id
    place = {"compartment_id": region.compartment_id, "vcn_id": net.vcn.id}
    nat = net.client.create_nat_gateway(oci.core.models.CreateNatGatewayDetails(**place)).data
    region.settle()
    route = oci.core.models.RouteRule(destination="0.0.0.0/0", destination_type="CIDR_BLOCK", network_entity_id=nat.id)
    net.client.update_route_table(subnet.route_table_id, oci.core.models.UpdateRouteTableDetails(route_rules=[route]))
    region.settle()
    test = analyzer.create_path_analyzer_test(m.CreatePathAnalyzerTestDetails(display_name="out", **question)).data
    path = result(analyzer, m.PersistedGetPathAnalysisDetails(path_analyzer_test_id=test.id))
    assert path.forward_route.reachability_status == "REACHABLE", path.forward_route.route_analysis_description
    start, gateway = path.forward_route.nodes
    led = start.next_hop_routing_action.forwarded_routing_action_details.forwarded_routing_configuration
    assert (led.vcn_route_table_id, led.route_rule.network_entity_id) == (subnet.route_table_id, nat.id)
    assert (gateway.entity_id, gateway.egress_traffic.source_address) == (nat.id, nat.nat_ip)


def test_tests_are_kept(region: Any, net: Net, analyzer: VnMonitoringClient) -> None:
    subnet = net.subnet("10.0.11.0/24", "kept")
    pod = vnic(region, subnet, "kept")
    question = asked(
        region, m.VnicEndpoint(vnic_id=pod.id, address=pod.private_ip), m.IpAddressEndpoint(address="10.0.11.200")
    )
    made = analyzer.create_path_analyzer_test(m.CreatePathAnalyzerTestDetails(display_name="kept", **question)).data
    assert (made.lifecycle_state, made.source_endpoint.vnic_id) == ("ACTIVE", pod.id)
    changed = analyzer.update_path_analyzer_test(
        made.id, m.UpdatePathAnalyzerTestDetails(protocol_parameters=m.TcpProtocolParameters(destination_port=80))
    ).data
    assert changed.protocol_parameters.destination_port == 80
    names = [one.display_name for one in analyzer.list_path_analyzer_tests(region.compartment_id).data.items]
    assert "kept" in names
    analyzer.delete_path_analyzer_test(made.id)
    assert analyzer.get_path_analyzer_test(made.id).data.lifecycle_state == "DELETED"


def test_what_cannot_be_asked_is_refused(region: Any, net: Net, analyzer: VnMonitoringClient, refused: Any) -> None:
    subnet = net.subnet("10.0.12.0/24", "refused")
    here, there = (m.SubnetEndpoint(subnet_id=subnet.id, address=f"10.0.12.{number}") for number in (5, 6))
    outside = m.IpAddressEndpoint(address="192.0.2.7")

    def ask(**values: Any) -> None:
        analyzer.get_path_analysis(m.AdhocGetPathAnalysisDetails(**{**asked(region, here, there), **values}))

    for status, code, text, values in (
        (400, "InvalidParameter", "protocol is 17", {"protocol": 17}),
        (400, "MissingParameter", "protocolParameters", {"protocol_parameters": None}),
        (400, "InvalidParameter", "both outside", {"source_endpoint": outside, "destination_endpoint": outside}),
        (400, "InvalidParameter", "not in the subnet",
         {"source_endpoint": m.SubnetEndpoint(subnet_id=subnet.id, address="10.0.13.5")}),
        (501, "NotImplemented", "sourceEndpoint.type ON_PREM",
         {"source_endpoint": m.OnPremEndpoint(address="10.9.0.1")}),
    ):  # fmt: skip
        with refused(status, code, text):
            ask(**values)
