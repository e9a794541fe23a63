"""What a VCN of the region lets pass: read with few calls, shown by OCID and name, as its rules and routes change."""

from __future__ import annotations

from typing import Any

import oci
import pytest

from localregion.testing import Region

from .conftest import Door
from .test_virtual_network import DECLARED

Options = dict[str, Any]
PARTIES: list[Options] = [
    {"name": "front", "subnet": "front", "groups": ["front"]},
    {"name": "back", "subnet": "back", "groups": ["back"]},
    {"name": "clients", "address": "192.0.2.0/24"},
    {"name": "internet", "address": "0.0.0.0/0"},
    {"name": "services", "service": "all"},
]


@pytest.fixture(scope="module")
def made(region: Region) -> Options:
    result: Options = Door(region)("virtual_network", compartment_id=region.compartment_id, **DECLARED)
    facts: Options = result["virtual_network"]
    return facts


def flow(source: str, destination: str, port: int, expect: str | None = None) -> Options:
    made: Options = {"source": source, "destination": destination, "protocol": "tcp", "ports": [str(port)]}
    return {**made, "expect": expect} if expect else made


def test_answers_name_what_decides(door: Door, region: Region, made: Options) -> None:
    region.forget_calls()
    wanted = [flow("front", "back", 5, "reachable"), flow("back", "front", 5, "blocked"), flow("clients", "front", 443)]
    result = door("network_path", vcn_id=made["vcn"]["id"], parties=PARTIES, flows=wanted, matrix=True)
    assert region.writes() == []
    assert region.count("*") == 11, "the VCN, seven lists, the rules of two groups, the services"
    assert (result["changed"], result["unexpected"]) == (False, [])
    there, back, clients = result["flows"]
    group = made["network_security_groups"]["front"]
    assert there["forward"][0]["by"]["id"] == group["id"] and there["forward"][0]["by"]["name"] == "front"
    assert f"no egress rule of group back ({made['network_security_groups']['back']['id']})" in back["reason"]
    assert made["internet_gateways"]["internet"]["id"] in clients["reason"]
    rows = {(r["source"], r["destination"]): r["open"] for r in result["matrix"]}
    assert rows["front", "back"] == ["tcp 1-9"]
    assert rows["clients", "front"] == ["tcp 80", "tcp 443"]
    assert rows["internet", "back"] == rows["back", "services"] == []


def test_declared_and_observed_answer_alike(door: Door, made: Options) -> None:
    observed = door("network_path", vcn_id=made["vcn"]["id"], parties=PARTIES, matrix=True)["matrix"]
    declared = door("network_path", declared=DECLARED, parties=PARTIES, matrix=True)["matrix"]

    def shown(rows: list[Options]) -> list[Any]:
        return [(r["source"], r["destination"], r["open"], r["undecided"]) for r in rows]

    assert shown(observed) == shown(declared)


def test_a_rule_taken_away_is_seen(door: Door, region: Region, made: Options) -> None:
    network = region.client(oci.core.VirtualNetworkClient)
    group = made["network_security_groups"]["back"]["id"]
    rules = network.list_network_security_group_security_rules(group).data
    details = oci.core.models.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=[r.id for r in rules])
    network.remove_network_security_group_security_rules(group, details)
    try:
        wanted = [flow("front", "back", 5, "reachable")]
        result = door("network_path", vcn_id=made["vcn"]["id"], parties=PARTIES, flows=wanted)
        (found,) = result["unexpected"]
        assert found["verdict"] == "blocked" and f"no ingress rule of group back ({group})" in found["reason"]
    finally:
        door("virtual_network", compartment_id=region.compartment_id, **DECLARED)


def test_an_address_has_the_groups_of_its_vnic_and_a_group_the_places_of_its_members(
    door: Door, region: Region, made: Options
) -> None:
    group, subnet = made["network_security_groups"]["back"]["id"], made["subnets"]["back"]["id"]
    alone: list[Options] = [PARTIES[0], {"name": "back", "groups": ["back"]}]
    message = door("network_path", vcn_id=made["vcn"]["id"], parties=alone, fails=True)["msg"]
    assert "parties[1]: no VNIC is seen in back: name the subnet too" in message
    balancer = oci.load_balancer.models
    client = region.client(oci.load_balancer.LoadBalancerClient)
    client.create_load_balancer(
        balancer.CreateLoadBalancerDetails(
            compartment_id=region.compartment_id,
            display_name="member",
            shape_name="100Mbps",
            subnet_ids=[subnet],
            is_private=True,
            network_security_group_ids=[group],
        )
    )
    region.settle()
    (member,) = client.list_load_balancers(region.compartment_id, display_name="member").data
    address: Options = {"name": "member", "address": member.ip_addresses[0].ip_address}
    nobody: Options = {"name": "nobody", "address": "10.30.2.200"}
    wanted = [flow("front", n, 5) for n in ("back", "member", "nobody")]
    parties = [*alone, address, nobody]
    result = door("network_path", vcn_id=made["vcn"]["id"], parties=parties, flows=wanted)
    assert [f["verdict"] for f in result["flows"]] == ["reachable", "reachable", "blocked"]
    assert any("no VNIC with 10.30.2.200 is seen" in w for w in door.warnings)


def test_check_mode_answers_too(door: Door, made: Options) -> None:
    wanted = [flow("front", "back", 5, "reachable")]
    result = door("network_path", check=True, vcn_id=made["vcn"]["id"], parties=PARTIES, flows=wanted)
    assert result["flows"][0]["verdict"] == "reachable" and not result["changed"]


def test_a_vcn_that_is_not_there_is_named(door: Door, region: Region, made: Options) -> None:
    gone = made["vcn"]["id"][:-6] + "aaaaaa"
    message = door("network_path", vcn_id=gone, parties=PARTIES, fails=True)["msg"]
    assert "get_vcn" in message and "404" in message
