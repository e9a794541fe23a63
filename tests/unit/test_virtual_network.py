# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network as one declaration: what is wrong with it, and what its names mean."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import virtual_network
from ansible_collections.okestack.oci.plugins.module_utils.model import placeholder
from ansible_collections.okestack.oci.plugins.module_utils.virtual_network import declaration_problems

VCN = {"display_name": "v", "cidr_blocks": ["10.0.0.0/16"]}


def subnet(name: str, cidr: str) -> dict[str, Any]:
    return {"display_name": name, "cidr_block": cidr}


@pytest.mark.parametrize(
    ("parts", "problems"),
    [
        ({"subnets": [subnet("a", "10.0.0.0/24"), subnet("b", "10.0.1.0/24")]}, []),
        (
            {"subnets": [subnet("a", "10.0.0.0/24"), subnet("b", "10.0.0.128/25")]},
            ["subnets[1].cidr_block: 10.0.0.128/25 overlaps subnets[0].cidr_block (10.0.0.0/24)"],
        ),
        (
            {"subnets": [subnet("a", "10.1.0.0/24")]},
            ["subnets[0].cidr_block: 10.1.0.0/24 is outside of the VCN's 10.0.0.0/16"],
        ),
        ({"subnets": [subnet("a", "no block"), subnet("b", placeholder("x", "y", "z"))]}, []),
        (
            {"subnets": [subnet("a", "10.0.0.0/24"), subnet("a", "10.0.1.0/24")]},
            ["subnets[1].display_name: 'a' is already that of subnets[0]"],
        ),
        ({"public_ips": [{"display_name": "a"}, {"display_name": "a", "id": "ocid1.publicip.oc1..b"}]}, []),
        (
            {
                "internet_gateways": [{"display_name": "out"}],
                "nat_gateways": [{"display_name": "out"}],
                "route_tables": [{"display_name": "r", "route_rules": [{"network_entity_id": "out"}]}],
            },
            ["nat_gateways[0].display_name: 'out' is also that of internet_gateways[0], which a route names"],
        ),
        (
            {"internet_gateways": [{"display_name": "out"}], "nat_gateways": [{"display_name": "out"}]},
            [],  # no route goes by the name
        ),
    ],
)
def test_problems(parts: dict[str, Any], problems: list[str]) -> None:
    assert list(declaration_problems({"vcn": VCN, **parts})) == problems


def test_the_rules_of_a_group_are_a_node_of_their_own_since_groups_may_name_each_other() -> None:
    rule = {"direction": "INGRESS", "protocol": "6", "source": "b", "source_type": "NETWORK_SECURITY_GROUP"}
    declared = {
        "compartment_id": "c",
        "freeform_tags": {"x": "1"},
        "vcn": VCN,
        "network_security_groups": [{"display_name": "a", "security_rules": [rule]}, {"display_name": "b"}],
        "public_ips": [{"display_name": "p", "freeform_tags": {"y": "2"}}],
    }
    nodes = virtual_network._nodes(declared)
    assert {node.key for node in nodes} == {
        "vcn",
        "public_ip p",
        "network_security_group a",
        "network_security_group a rules",
        "network_security_group b",
    }
    by_key = {node.key: node for node in nodes}
    assert by_key["network_security_group a rules"].id_of == ("network_security_group a", "id")
    assert by_key["network_security_group b"].fields["vcn_id"] == "vcn"
    assert by_key["public_ip p"].fields["freeform_tags"] == {"x": "1", "y": "2"}
    assert "vcn_id" not in by_key["public_ip p"].fields


def test_a_name_of_two_means_neither_and_a_route_finds_its_gateway_of_any_kind() -> None:
    two = [{"display_name": "a", "id": f"ocid1.natgateway.oc1..{n}"} for n in "xy"]
    gateways = {"nat_gateways": [*two, {"display_name": "n"}], "service_gateways": [{"display_name": "s"}]}
    names = virtual_network._names(virtual_network._nodes({"compartment_id": "c", "vcn": VCN, **gateways}))
    assert ("nat_gateway", "a") not in names
    assert virtual_network._key(names, "gateway", "n") == "nat_gateway n"
    assert virtual_network._key(names, "gateway", "s") == "service_gateway s"
    assert virtual_network._key(names, "vcn", "whatever it is called") == "vcn"
    with pytest.raises(KeyError):
        virtual_network._key(names, "gateway", "a")
