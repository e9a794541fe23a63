"""A whole declared network: one plan, one diff, references by name, all problems at once."""

from __future__ import annotations

import copy
from collections import Counter
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


WATCHED: dict[str, Any] = {
    "vcn": {"display_name": "watched", "cidr_blocks": ["10.40.0.0/16"]},
    "freeform_tags": {"okestack-deployment": "watched"},
    "public_ips": [{"display_name": "outbound"}],
    "nat_gateways": [{"display_name": "nat", "public_ip_id": "outbound"}],
    "subnets": [
        {"display_name": "app", "cidr_block": "10.40.1.0/24"},
        {"display_name": "one-domain", "cidr_block": "10.40.2.0/24"},
    ],
    "capture_filters": [
        {
            "display_name": "incoming",
            "filter_type": "VTAP",
            "vtap_capture_filter_rules": [{"traffic_direction": "INGRESS"}],
        }
    ],
    "vtaps": [
        {
            "display_name": "app",
            "source_id": "app",
            "target_ip": "10.40.9.9",
            "capture_filter_id": "incoming",
            "is_vtap_enabled": True,
        }
    ],
}


def test_mirrored_traffic_and_addresses_are_part_of_a_network(door: Door, region: Region) -> None:
    declared = {"compartment_id": region.compartment_id, **copy.deepcopy(WATCHED)}
    domain = region.client(oci.identity.IdentityClient).list_availability_domains(region.compartment_id).data[0].name
    declared["subnets"][1]["availability_domain"] = domain
    region.forget_calls()
    planned = door("virtual_network", check=True, **declared)
    assert region.writes() == []
    assert planned["diff"]["after"]["vtap app"]["source_id"] == "(known after apply)"
    assert planned["diff"]["after"]["nat_gateway nat"]["public_ip_id"] == "(known after apply)"
    made = door("virtual_network", **declared)
    facts = made["virtual_network"]
    assert {r["name"] for r in made["changes"]} == {r["name"] for r in planned["changes"]}
    assert facts["nat_gateways"]["nat"]["nat_ip"] == facts["public_ips"]["outbound"]["ip_address"]
    vtap = facts["vtaps"]["app"]
    assert (vtap["source_id"], vtap["source_type"]) == (facts["subnets"]["app"]["id"], "SUBNET")
    assert vtap["capture_filter_id"] == facts["capture_filters"]["incoming"]["id"]
    assert vtap["lifecycle_state_details"] == "RUNNING"
    assert (facts["subnets"]["app"]["availability_domain"], facts["subnets"]["one-domain"]["availability_domain"]) == (
        None,
        domain,
    )
    region.forget_calls()
    assert not door("virtual_network", **declared)["changed"]
    assert region.writes() == []

    declared["vtaps"][0]["is_vtap_enabled"] = False
    declared["capture_filters"][0]["vtap_capture_filter_rules"].append({"traffic_direction": "EGRESS"})
    stopped = door("virtual_network", **declared)
    assert {r["name"] for r in stopped["changes"]} == {"vtap app", "capture_filter incoming"}
    assert stopped["virtual_network"]["vtaps"]["app"]["lifecycle_state_details"] == "STOPPED"

    where: dict[str, Any] = {k: declared[k] for k in ("compartment_id", "freeform_tags")}
    where["vcn"] = {"display_name": "watched"}
    removed = door("virtual_network", state="absent", **where)
    assert {"vtap app", "nat_gateway nat", "vcn watched"} <= {r["name"] for r in removed["changes"]}
    network = region.client(oci.core.VirtualNetworkClient)
    assert network.get_public_ip(facts["public_ips"]["outbound"]["id"]).data.lifecycle_state == "AVAILABLE"
    rest: dict[str, Any] = {k: declared[k] for k in ("public_ips", "capture_filters")}
    assert not door("virtual_network", state="absent", **{**where, **rest, "freeform_tags": {"a": "b"}})["changed"]
    last = door("virtual_network", state="absent", **where, **rest)
    assert {r["name"] for r in last["changes"]} == {"public_ip outbound", "capture_filter incoming"}


def test_a_large_network_that_is_as_declared_is_only_read_and_each_list_once(door: Door, region: Region) -> None:
    """100 subnets and 100 groups with 500 rules: a list a type, and one of its rules for each group."""
    count, rules = 100, 5
    ports = [str(8000 + n) for n in range(rules)]
    declared: dict[str, Any] = {
        "compartment_id": region.compartment_id,
        "vcn": {"display_name": "large", "cidr_blocks": ["10.50.0.0/16"]},
        "network_security_groups": [
            {
                "display_name": f"group-{n}",
                "security_rules": [{"direction": "INGRESS", "sources": ["192.0.2.0/24"], "tcp_ports": ports}],
            }
            for n in range(count)
        ],
        "subnets": [{"display_name": f"subnet-{n}", "cidr_block": f"10.50.{n}.0/24"} for n in range(count)],
    }
    made = door("virtual_network", **declared)
    assert len(made["changes"]) == 1 + 3 * count
    region.forget_calls()
    again = door("virtual_network", **declared)
    assert not again["changed"] and region.writes() == []
    assert Counter(call.operation for call in region.calls) == {
        "core.list_vcns": 1,
        "core.list_subnets": 1,
        "core.list_network_security_groups": 1,
        "core.list_network_security_group_security_rules": count,
    }


def test_a_changed_port_changes_its_rule_and_leaves_the_others_alone(door: Door, region: Region) -> None:
    rule = {"direction": "INGRESS", "sources": ["192.0.2.0/24"], "tcp_ports": ["80", "443"]}
    declared: dict[str, Any] = {
        "compartment_id": region.compartment_id,
        "vcn": {"display_name": "rules", "cidr_blocks": ["10.60.0.0/16"]},
        "network_security_groups": [{"display_name": "web", "security_rules": [rule]}],
    }
    made = door("virtual_network", **declared)
    group_id = made["virtual_network"]["network_security_groups"]["web"]["id"]
    network = region.client(oci.core.VirtualNetworkClient)

    def there() -> dict[str, int]:
        found = network.list_network_security_group_security_rules(group_id).data
        return {r.id: r.tcp_options.destination_port_range.min for r in found}

    before = there()
    rule["tcp_ports"] = ["80", "8443"]
    region.forget_calls()
    assert [r["name"] for r in door("virtual_network", **declared)["changes"]] == ["network_security_group web rules"]
    assert [c.operation for c in region.writes()] == ["core.update_network_security_group_security_rules"]
    after = there()
    assert set(after) == set(before), "no rule was recreated"
    assert {i: p for i, p in after.items() if p == 80} == {i: p for i, p in before.items() if p == 80}
    assert sorted(after.values()) == [80, 8443]


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
    declared["nat_gateways"][0]["public_ip_id"] = "none"
    declared["internet_gateways"].append({"display_name": "nat"})
    rule = {"traffic_direction": "INGRESS"}
    declared["capture_filters"] = [{"display_name": "x", "filter_type": "FLOWLOG", "vtap_capture_filter_rules": [rule]}]
    declared["vtaps"] = [
        {"display_name": "x", "source_id": "far", "target_ip": "nowhere", "capture_filter_id": "nothing"}
    ]
    region.forget_calls()
    told = door("virtual_network", fails=True, **declared)["msg"]
    assert "subnets[1].cidr_block: 10.30.1.128/25 overlaps subnets[0].cidr_block" in told
    assert "subnets[2].cidr_block: 10.99.0.0/24 is outside of the VCN's 10.30.0.0/16" in told
    assert "subnets[3].display_name: 'front' is already that of subnets[0]" in told
    assert "subnets[3].cidr_block: 10.30.9.1/24 has host bits set" in told
    assert "subnets[3].route_table_id: there is no route table 'nowhere' in this declaration" in told
    assert "network_security_groups[0].security_rules[2].tcp_options: needs protocol 6, not 1" in told
    assert "vtaps[0].capture_filter_id: there is no capture filter 'nothing' in this declaration" in told
    assert "vtaps[0].target_ip: 'nowhere' does not appear to be" in told
    assert "capture_filters[0].vtap_capture_filter_rules: a filter of type FLOWLOG has" in told
    assert "nat_gateways[0].public_ip_id: there is no public ip 'none' in this declaration" in told
    assert "nat_gateways[0].display_name: 'nat' is also that of internet_gateways[1], which a route names" in told
    assert len(told.splitlines()) == 11, told
    assert [c.operation for c in region.calls] == []


def test_an_unknown_name_is_told_with_its_path(door: Door, region: Region, declared: dict[str, Any]) -> None:
    declared["subnets"][0]["route_table_id"] = "nowhere"
    declared["network_security_groups"][0]["security_rules"][1]["destinations"] = ["nobody"]
    region.forget_calls()
    told = door("virtual_network", fails=True, **declared)["msg"]
    assert "subnets[0].route_table_id: there is no route table 'nowhere' in this declaration" in told
    where = "network_security_groups[0].security_rules[1].destination"
    assert f"{where}: there is no network security group 'nobody' in this declaration" in told
    assert region.writes() == []


def test_what_a_whole_networks_words_mean_the_single_modules_take(door: Door, region: Region) -> None:
    """`all` for a service or its label, a label as it is, and rules with several peers and ports."""
    network = region.client(oci.core.VirtualNetworkClient)
    services = {row.cidr_block: row.id for row in network.list_services().data}
    every = next(label for label in services if label.startswith("all-"))
    single = next(label for label in services if not label.startswith("all-"))
    place: dict[str, Any] = {"compartment_id": region.compartment_id}
    vcn = door("vcn", **place, display_name="words", cidr_blocks=["10.31.0.0/16"])["vcn"]
    place["vcn_id"] = vcn["id"]

    def keeps(module: str, **options: Any) -> dict[str, Any]:
        assert door(module, check=True, **place, **options)["changed"]
        made = door(module, **place, **options)
        region.forget_calls()
        assert not door(module, **place, **options)["changed"] and not region.writes()
        found: dict[str, Any] = made[module]
        return found

    for name, word, label in (("s", "all", every), ("t", single, single)):
        gateway = keeps("service_gateway", display_name=name, services=[{"service_id": word}])
        assert [row["service_id"] for row in gateway["services"]] == [services[label]]
        route = {"destination": word, "destination_type": "SERVICE_CIDR_BLOCK", "network_entity_id": gateway["id"]}
        table = keeps("route_table", display_name=name, route_rules=[route])
        assert [row["destination"] for row in table["route_rules"]] == [label]
        door("service_gateway", fails=None, **place, display_name=name, state="absent")
        door("route_table", **place, display_name=name, state="absent")
        door("service_gateway", **place, display_name=name, state="absent")
    egress = {"destination": "all", "destination_type": "SERVICE_CIDR_BLOCK", "protocol": "6"}
    list_ = keeps("security_list", display_name="s", ingress_security_rules=[], egress_security_rules=[egress])
    assert [row["destination"] for row in list_["egress_security_rules"]] == [every]
    rules = [
        {"direction": "INGRESS", "sources": ["192.0.2.0/24", "198.51.100.0/24"], "tcp_ports": ["80", "443-444"]},
        {"direction": "EGRESS", "destination": "all", "destination_type": "SERVICE_CIDR_BLOCK", "tcp_ports": ["443"]},
    ]
    group = keeps("network_security_group", display_name="s", security_rules=rules)
    assert len(group["security_rules"]) == 2 * 2 + 1
    assert {row["destination"] for row in group["security_rules"] if row["direction"] == "EGRESS"} == {every}


def test_what_is_wrong_with_a_word_is_told_with_the_path_as_it_was_declared(door: Door, region: Region) -> None:
    place: dict[str, Any] = {
        "compartment_id": region.compartment_id,
        "vcn_id": "ocid1.vcn.oc99.local-1.a",
        "display_name": "words",
    }
    region.forget_calls()
    rules: list[dict[str, Any]] = [
        {"direction": "INGRESS", "sources": ["10.0.0.0/24", "10.0.1.0/24"], "tcp_ports": ["80"]},
        {"direction": "INGRESS", "sources": ["10.0.0.0/33", "nobody"], "tcp_ports": ["80", "90000"]},
        {"direction": "INGRESS", "sources": ["10.0.0.0/24"], "protocol": "all", "udp_ports": ["53"]},
        {"direction": "INGRESS", "sources": ["10.0.0.0/24"]},
    ]
    for check in (True, False):
        told = door("network_security_group", fails=True, check=check, **place, security_rules=rules)[
            "msg"
        ].splitlines()
        assert not region.calls
        for path, words in (
            ("security_rules[1].source", "10.0.0.0/33"),
            ("security_rules[1].source", "'nobody' is not a CIDR block"),
            ("security_rules[1].tcp_options.destination_port_range", "90000"),
            ("security_rules[2].udp_ports", "needs protocol 17"),
            ("security_rules[3].protocol", "is needed"),
        ):
            assert any(line.startswith(path) and words in line for line in told), (path, told)
        assert not any("[0]" in line or "[4]" in line for line in told)
    services = [{"service_id": "nobody"}]
    told = door("service_gateway", fails=True, **place, services=services)["msg"]
    assert told.startswith("services[0].service_id: this region has no service 'nobody'; it has ") and "all" in told
    whole: dict[str, Any] = {
        "vcn": {"display_name": "words"},
        "service_gateways": [{"display_name": "s", "services": services}],
    }
    told = door("virtual_network", fails=True, compartment_id=region.compartment_id, **whole)["msg"]
    assert told.startswith("service_gateways[0].services[0].service_id: this region has no service 'nobody'")
    assert not region.writes()
