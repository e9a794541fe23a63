"""A whole declared network: one plan, one diff, references by name, all problems at once."""

from __future__ import annotations

import copy
from typing import Any

import oci
import pytest

from localregion.testing import Region

from .conftest import Door

DECLARED: dict[str, Any] = {
    "vcn": {"display_name": "whole", "cidr_blocks": ["10.30.0.0/16"], "dns_label": "whole"},
    "freeform_tags": {"okestack-deployment": "whole"},
    "default_security_list": {"ingress_security_rules": [], "egress_security_rules": []},
    "internet_gateways": [{"display_name": "internet"}],
    "nat_gateways": [{"display_name": "nat"}],
    "service_gateways": [{"display_name": "services", "services": [{"service_id": "all"}]}],
    "route_tables": [
        {"display_name": "public", "route_rules": [{"destination": "0.0.0.0/0", "network_entity_id": "internet"}]},
        {
            "display_name": "private",
            "route_rules": [
                {"destination": "0.0.0.0/0", "network_entity_id": "nat"},
                {"destination": "all", "destination_type": "SERVICE_CIDR_BLOCK", "network_entity_id": "services"},
            ],
        },
    ],
    "network_security_groups": [
        {
            "display_name": "front",
            "security_rules": [
                {"direction": "INGRESS", "sources": ["192.0.2.0/24", "198.51.100.0/24"], "tcp_ports": ["80", "443"]},
                {
                    "direction": "EGRESS",
                    "destinations": ["back"],
                    "destination_type": "NETWORK_SECURITY_GROUP",
                    "tcp_ports": ["1-9"],
                },
            ],
        },
        {
            "display_name": "back",
            "security_rules": [
                {
                    "direction": "INGRESS",
                    "sources": ["front"],
                    "source_type": "NETWORK_SECURITY_GROUP",
                    "tcp_ports": ["1-9"],
                }
            ],
        },
    ],
    "subnets": [
        {"display_name": "front", "cidr_block": "10.30.1.0/24", "route_table_id": "public"},
        {
            "display_name": "back",
            "cidr_block": "10.30.2.0/24",
            "route_table_id": "private",
            "prohibit_public_ip_on_vnic": True,
        },
    ],
}
PARTS = 2 + 3 + 2 + 2 + 2 + 2
"""The VCN and its default list, gateways, tables, groups, their rules, subnets."""


@pytest.fixture
def declared(region: Region) -> dict[str, Any]:
    return {"compartment_id": region.compartment_id, **copy.deepcopy(DECLARED)}


def test_life(door: Door, region: Region, declared: dict[str, Any]) -> None:
    region.forget_calls()
    planned = door("virtual_network", check=True, **declared)
    assert planned["changed"] and len(planned["changes"]) == PARTS
    assert "vcn whole" in [row["name"] for row in planned["changes"]]
    assert region.writes() == []
    assert planned["diff"]["after"]["subnet front"]["route_table_id"] == "(known after apply)"

    made = door("virtual_network", **declared)
    assert len(made["changes"]) == PARTS
    facts = made["virtual_network"]
    assert facts["subnets"]["front"]["route_table_id"] == facts["route_tables"]["public"]["id"]
    network = region.client(oci.core.VirtualNetworkClient)
    rules = network.list_network_security_group_security_rules(facts["network_security_groups"]["front"]["id"]).data
    assert len(rules) == 2 * 2 + 1
    assert {r.destination for r in rules if r.direction == "EGRESS"} == {facts["network_security_groups"]["back"]["id"]}
    default = network.get_security_list(facts["vcn"]["default_security_list_id"]).data
    assert default.ingress_security_rules == [] and default.egress_security_rules == []

    region.forget_calls()
    assert not door("virtual_network", **declared)["changed"]
    assert region.writes() == []
    reads = [call.operation for call in region.calls]
    assert reads.count("core.list_network_security_group_security_rules") == 2, "one list for each group's rules"
    others = [r for r in reads if "security_rules" not in r]
    assert len(others) == len(set(others)), f"at most one list for each type: {sorted(others)}"

    network.update_subnet(facts["subnets"]["back"]["id"], oci.core.models.UpdateSubnetDetails(freeform_tags={}))
    network.remove_network_security_group_security_rules(
        facts["network_security_groups"]["front"]["id"],
        oci.core.models.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=[rules[0].id]),
    )
    region.settle()
    repaired = door("virtual_network", **declared)
    assert {row["name"] for row in repaired["changes"]} == {"subnet back", "network_security_group front rules"}
    assert not door("virtual_network", **declared)["changed"]

    where = {k: declared[k] for k in ("compartment_id", "freeform_tags")} | {"vcn": {"display_name": "whole"}}
    assert door("virtual_network", check=True, state="absent", **where)["changed"]
    removed = door("virtual_network", state="absent", **where)
    assert {row["change"] for row in removed["changes"]} == {"removed"}
    assert not door("virtual_network", state="absent", **where)["changed"]


def test_all_problems_are_told_at_once_before_the_first_change(
    door: Door, region: Region, declared: dict[str, Any]
) -> None:
    declared["subnets"][1]["cidr_block"] = "10.30.1.128/25"
    declared["subnets"].append({"display_name": "far", "cidr_block": "10.99.0.0/24"})
    declared["subnets"].append({"display_name": "front", "cidr_block": "10.30.9.1/24", "route_table_id": "nowhere"})
    declared["network_security_groups"][0]["security_rules"].append(
        {
            "direction": "INGRESS",
            "protocol": "1",
            "source": "192.0.2.0/24",
            "source_type": "CIDR_BLOCK",
            "tcp_options": {},
        }
    )
    region.forget_calls()
    told = door("virtual_network", fails=True, **declared)["msg"]
    assert "subnets[1].cidr_block: 10.30.1.128/25 overlaps subnets[0].cidr_block" in told
    assert "subnets[2].cidr_block: 10.99.0.0/24 is outside of the VCN's 10.30.0.0/16" in told
    assert "subnets[3].display_name: 'front' is already that of subnets[0]" in told
    assert "subnets[3].cidr_block: 10.30.9.1/24 has host bits set" in told
    assert region.writes() == []


def test_an_unknown_name_is_told_with_its_path(door: Door, region: Region, declared: dict[str, Any]) -> None:
    declared["subnets"][0]["route_table_id"] = "nowhere"
    declared["network_security_groups"][0]["security_rules"][1]["destinations"] = ["nobody"]
    region.forget_calls()
    told = door("virtual_network", fails=True, **declared)["msg"]
    assert "subnets[0].route_table_id: there is no route table 'nowhere' in this declaration" in told
    assert "there is no network security group 'nobody' in this declaration" in told
    assert region.writes() == []
