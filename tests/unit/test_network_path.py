"""What a network lets pass: tables over the core, and properties over networks made at random."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import network_path as core
from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import placeholder
from ansible_collections.okestack.oci.plugins.module_utils.network_path import Network, Party, Traffic, analyse
from ansible_collections.okestack.oci.plugins.module_utils.network_path_task import (
    NetworkPath,
    declared_network,
    traffic_of,
)
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, run_task
from hypothesis import given, settings
from hypothesis import strategies as st

Options = dict[str, Any]

GROUP, SERVICES = "NETWORK_SECURITY_GROUP", "SERVICE_CIDR_BLOCK"


def rule(
    way: str, peer: str, protocol: str = "all", ports: Any = None, source_ports: Any = None, **more: Any
) -> Options:
    """A group's rule; ports are a number or a range."""
    side = "source" if way == "INGRESS" else "destination"
    kind = "CIDR_BLOCK" if "/" in peer else SERVICES if peer == "all" else GROUP
    made = {"direction": way, side: peer, f"{side}_type": kind, "protocol": protocol, **more}
    return {**made, **_ports(protocol, ports, source_ports)}


def _ports(protocol: str, ports: Any, source_ports: Any) -> Options:
    name = {"6": "tcp_options", "17": "udp_options"}.get(protocol)
    made = {}
    for field, value in (("destination_port_range", ports), ("source_port_range", source_ports)):
        if value:
            low, high = value if isinstance(value, tuple) else (value, value)
            made[field] = {"min": low, "max": high}
    return {name: made} if name and made else {}


SITE: Options = {
    "vcn": {"display_name": "shop", "cidr_blocks": ["10.0.0.0/16"]},
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
                {"destination": "all", "destination_type": SERVICES, "network_entity_id": "services"},
            ],
        },
    ],
    "network_security_groups": [
        {
            "display_name": "lb",
            "security_rules": [
                rule("INGRESS", "203.0.113.0/24", "6", ports=443, description="clients"),
                rule("EGRESS", "nodes", "6", ports=(30000, 32767)),
            ],
        },
        {
            "display_name": "nodes",
            "security_rules": [
                rule("INGRESS", "lb", "6", ports=(30000, 32767), description="load balancer to pods"),
                rule("INGRESS", "nodes"),
                rule("EGRESS", "nodes"),
                rule("EGRESS", "mysql", "6", ports=3306, description="application to database"),
                rule("EGRESS", "all", "6", ports=443, description="OCI services"),
                rule("EGRESS", "0.0.0.0/0", "1", icmp_options={"type": 3, "code": 4}),
            ],
        },
        {"display_name": "mysql", "security_rules": [rule("INGRESS", "nodes", "6", ports=3306)]},
    ],
    "subnets": [
        {"display_name": "lb", "cidr_block": "10.0.1.0/24", "route_table_id": "public"},
        {
            "display_name": "mysql",
            "cidr_block": "10.0.2.0/24",
            "route_table_id": "private",
            "prohibit_public_ip_on_vnic": True,
        },
        {
            "display_name": "pods",
            "cidr_block": "10.0.32.0/19",
            "route_table_id": "private",
            "prohibit_public_ip_on_vnic": True,
        },
    ],
}
PARTIES: list[Options] = [
    {"name": "clients", "address": "203.0.113.0/24"},
    {"name": "internet", "address": "0.0.0.0/0"},
    {"name": "others", "address": "198.51.100.7"},
    {"name": "services", "service": "all"},
    {"name": "storage", "service": "oci-fra-objectstorage"},
    {"name": "lb", "subnet": "lb", "groups": ["lb"]},
    {"name": "pods", "subnet": "pods", "groups": ["nodes"]},
    {"name": "pod", "address": "10.0.32.7", "groups": ["nodes"]},
    {"name": "mysql", "subnet": "mysql", "groups": ["mysql"]},
    {"name": "bare", "subnet": "pods"},
]


def ask(declared: Options = SITE, /, fails: bool = False, parties: Any = None, **options: Any) -> Options:
    params = {"declared": copy.deepcopy(declared), "parties": copy.deepcopy(parties or PARTIES), **options}
    result = run_task(NetworkPath(), params, Context())
    assert bool(result.get("failed")) == fails, result
    return result


def flow(source: str, destination: str, protocol: str = "tcp", ports: Any = None, /, **more: Any) -> Options:
    made = {"source": source, "destination": destination, "protocol": protocol, **more}
    return {**made, "ports": [str(ports)]} if ports else made


def one(declared: Options, *args: Any, **more: Any) -> Options:
    answer: Options = ask(declared, flows=[flow(*args, **more)])["flows"][0]
    return answer


def without(table: str, name: str, option: str, index: int) -> Options:
    declared = copy.deepcopy(SITE)
    del next(d for d in declared[table] if d["display_name"] == name)[option][index]
    return declared


def changed(table: str, name: str, **values: Any) -> Options:
    declared = copy.deepcopy(SITE)
    next(d for d in declared[table] if d["display_name"] == name).update(values)
    return declared


# --- the site ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "verdict", "reason"),
    [
        (("pods", "mysql", "tcp", 3306), "reachable", "application to database"),
        (("pod", "mysql", "tcp", 3306), "reachable", "local: both ends are in the VCN"),
        (("pods", "mysql", "tcp", 22), "blocked", "no egress rule of group nodes"),
        (("pods", "mysql", "udp", 3306), "blocked", "no egress rule of group nodes"),
        (("mysql", "pods", "tcp", 3306), "blocked", "no egress rule of group mysql"),
        (("lb", "pods", "tcp", "30000-32767"), "reachable", "load balancer to pods"),
        (("lb", "pods", "tcp", "29999-30001"), "partly", "lets tcp 29999 to pods"),
        (("lb", "mysql", "tcp", 3306), "blocked", "no egress rule of group lb"),
        (("clients", "lb", "tcp", 443), "reachable", '"clients": INGRESS tcp 443 from 203.0.113.0/24'),
        (("clients", "lb", "tcp", 80), "blocked", "no ingress rule of group lb"),
        (("others", "lb", "tcp", 443), "blocked", "from others (198.51.100.7)"),
        (("internet", "lb", "tcp", 443), "partly", "no ingress rule of group lb"),
        (("clients", "pods", "tcp", 30000), "blocked", "needs a public address, which subnet pods prohibits"),
        (("clients", "mysql", "tcp", 3306), "blocked", "prohibit_public_ip_on_vnic"),
        (("pods", "services", "tcp", 443), "reachable", "service gateway services"),
        (("pods", "storage", "tcp", 443), "reachable", "service gateway services"),
        (("pods", "services", "tcp", 80), "blocked", "no egress rule"),
        (("pods", "others", "tcp", 443), "blocked", "no egress rule"),
        (("pods", "others", "icmp", None), "partly", "no egress rule"),
        (("services", "pods", "tcp", 443), "blocked", "open no connections into a VCN"),
        (("clients", "others", "tcp", 443), "undecided", "outside of the VCN"),
        (("bare", "mysql", "tcp", 3306), "blocked", "security list Default Security List for shop"),
        (("pods", "pod", "all", None), "reachable", "INGRESS all from group nodes"),
    ],
)
def test_the_sites_flows(asked: tuple[Any, ...], verdict: str, reason: str) -> None:
    answer = one(SITE, *asked)
    assert answer["verdict"] == verdict, answer
    assert reason in answer["reason"], answer["reason"]


@pytest.mark.parametrize(
    ("declared", "asked", "deciding"),
    [
        (
            without("network_security_groups", "nodes", "security_rules", 3),
            ("pods", "mysql", "tcp", 3306),
            "group nodes",
        ),
        (
            without("network_security_groups", "mysql", "security_rules", 0),
            ("pods", "mysql", "tcp", 3306),
            "group mysql",
        ),
        (without("network_security_groups", "nodes", "security_rules", 0), ("lb", "pods", "tcp", 30001), "group nodes"),
        (without("network_security_groups", "lb", "security_rules", 1), ("lb", "pods", "tcp", 30001), "group lb"),
        (without("network_security_groups", "lb", "security_rules", 0), ("clients", "lb", "tcp", 443), "group lb"),
        (
            without("network_security_groups", "nodes", "security_rules", 4),
            ("pods", "services", "tcp", 443),
            "group nodes",
        ),
        (
            without("route_tables", "public", "route_rules", 0),
            ("clients", "lb", "tcp", 443),
            "table public has no route",
        ),
        (changed("internet_gateways", "internet", is_enabled=False), ("clients", "lb", "tcp", 443), "is disabled"),
        (
            changed("subnets", "lb", route_table_id="private"),
            ("clients", "lb", "tcp", 443),
            "answers would leave by the",
        ),
        (changed("subnets", "lb", prohibit_public_ip_on_vnic=True), ("clients", "lb", "tcp", 443), "prohibits"),
        (
            {**SITE, "internet_gateways": [], "route_tables": SITE["route_tables"][1:], "subnets": SITE["subnets"][1:]},
            ("clients", "pods", "tcp", 30001),
            "no internet gateway",
        ),
        (
            changed("service_gateways", "services", block_traffic=True),
            ("pods", "services", "tcp", 443),
            "block_traffic",
        ),
        (changed("service_gateways", "services", services=[]), ("pods", "services", "tcp", 443), "opens no service"),
    ],
)
def test_what_is_taken_away_is_named(declared: Options, asked: tuple[Any, ...], deciding: str) -> None:
    parties = [p for p in PARTIES if p.get("subnet", "pods") in [s["display_name"] for s in declared["subnets"]]]
    answer = ask(declared, parties=parties, flows=[flow(*asked)])["flows"][0]
    assert answer["verdict"] == "blocked", answer
    assert deciding in answer["reason"], answer["reason"]


def test_without_the_service_route_services_are_reached_by_nat_where_a_rule_lets_it() -> None:
    declared = without("route_tables", "private", "route_rules", 1)
    answer = one(declared, "pods", "services", "tcp", 443)
    assert (answer["verdict"], answer["forward"][-1]["by"]["type"]) == ("reachable", "nat_gateway")


# --- one rule at a time ------------------------------------------------------------------------------------------


def pair(
    out: list[Options],
    into: list[Options],
    back_out: Sequence[Options] = (),
    back_in: Sequence[Options] = (),
) -> Network:
    """Two subnets in a VCN, each with a security list: what leaves a and comes to b, and the other way round."""
    lists = {
        "a": {"id": "a", "egress_security_rules": [*out], "ingress_security_rules": [*back_in]},
        "b": {"id": "b", "ingress_security_rules": [*into], "egress_security_rules": [*back_out]},
    }
    subnets = {
        name: {"id": name, "display_name": name, "cidr_block": block, "security_list_ids": [name]}
        for name, block in (("a", "10.0.0.0/24"), ("b", "10.0.1.0/24"))
    }
    return Network({"id": "v", "cidr_blocks": ["10.0.0.0/16"]}, subnets, security_lists=lists)


A = Party("a", (core.span_of("10.0.0.0/24"),), "a")
B = Party("b", (core.span_of("10.0.1.0/24"),), "b")
OUT, INTO = rule("EGRESS", "10.0.1.0/24"), rule("INGRESS", "10.0.0.0/24")


def tcp(port: int = 80, **more: Any) -> Traffic:
    return Traffic(core.TCP, (port, port), **more)


@pytest.mark.parametrize(
    ("rules", "traffic", "verdict"),
    [
        (([OUT], [INTO]), tcp(), "reachable"),
        (([OUT], []), tcp(), "blocked"),
        (([], [INTO]), tcp(), "blocked"),
        (([rule("EGRESS", "10.0.1.0/25")], [INTO]), tcp(), "partly"),
        (([rule("EGRESS", "10.0.1.0/25"), rule("EGRESS", "10.0.1.128/25")], [INTO]), tcp(), "reachable"),
        (([rule("EGRESS", "10.0.1.0/24", "6", ports=80)], [INTO]), tcp(), "reachable"),
        (([rule("EGRESS", "10.0.1.0/24", "6", ports=80)], [INTO]), tcp(81), "blocked"),
        (([rule("EGRESS", "10.0.1.0/24", "6", ports=80)], [INTO]), Traffic(core.UDP, (80, 80)), "blocked"),
        (([rule("EGRESS", "10.0.1.0/24", "6", ports=80)], [INTO]), Traffic(core.TCP, (79, 80)), "partly"),
        # ports on both sides
        (([OUT], [rule("INGRESS", "10.0.0.0/24", "6", ports=80, source_ports=(1024, 65535))]), tcp(), "reachable"),
        (([OUT], [rule("INGRESS", "10.0.0.0/24", "6", ports=80, source_ports=(32768, 60999))]), tcp(), "partly"),
        (
            ([OUT], [rule("INGRESS", "10.0.0.0/24", "6", source_ports=(32768, 60999))]),
            tcp(source_ports=(40000, 50000)),
            "reachable",
        ),
        (([OUT], [rule("INGRESS", "10.0.0.0/24", "6", source_ports=20)]), tcp(), "blocked"),
        # ICMP
        (
            ([OUT], [rule("INGRESS", "10.0.0.0/24", "1", icmp_options={"type": 8})]),
            Traffic(1, icmp_type=8),
            "reachable",
        ),
        (
            ([OUT], [rule("INGRESS", "10.0.0.0/24", "1", icmp_options={"type": 3, "code": 4})]),
            Traffic(1, icmp_type=3, icmp_code=4),
            "reachable",
        ),
        (
            ([OUT], [rule("INGRESS", "10.0.0.0/24", "1", icmp_options={"type": 3, "code": 4})]),
            Traffic(1, icmp_type=3),
            "partly",
        ),
        (
            ([OUT], [rule("INGRESS", "10.0.0.0/24", "1", icmp_options={"type": 3})]),
            Traffic(1, icmp_type=3, icmp_code=1),
            "reachable",
        ),
        (([OUT], [rule("INGRESS", "10.0.0.0/24", "1")]), Traffic(1), "reachable"),
        (([OUT], [rule("INGRESS", "10.0.0.0/24", "1")]), tcp(), "blocked"),
        # other protocols
        (([OUT], [rule("INGRESS", "10.0.0.0/24", "50")]), Traffic(50), "reachable"),
        (([OUT], [rule("INGRESS", "10.0.0.0/24", "50")]), Traffic(51), "blocked"),
        (([OUT], [rule("INGRESS", "::/0")]), tcp(), "blocked"),
    ],
)
def test_rules(rules: tuple[list[Options], ...], traffic: Traffic, verdict: str) -> None:
    assert analyse(pair(*rules), A, B, traffic).verdict == verdict


STATELESS = {"is_stateless": True}
S_OUT, S_INTO = (
    rule("EGRESS", "10.0.1.0/24", "6", ports=80, **STATELESS),
    rule("INGRESS", "10.0.0.0/24", "6", ports=80, **STATELESS),
)
S_BACK_OUT = rule("EGRESS", "10.0.0.0/24", "6", source_ports=80, **STATELESS)
S_BACK_IN = rule("INGRESS", "10.0.1.0/24", "6", source_ports=80, **STATELESS)
ECHO_OUT = rule("EGRESS", "10.0.1.0/24", "1", icmp_options={"type": 8}, **STATELESS)
ECHO_BACK = rule("INGRESS", "10.0.1.0/24", "1", icmp_options={"type": 0}, **STATELESS)


@pytest.mark.parametrize(
    ("rules", "traffic", "verdict", "forward"),
    [
        (([S_OUT], [S_INTO], [], []), tcp(), "blocked", "open"),
        (([S_OUT], [S_INTO], [S_BACK_OUT], []), tcp(), "blocked", "open"),
        (([S_OUT], [S_INTO], [], [S_BACK_IN]), tcp(), "blocked", "open"),
        (([S_OUT], [S_INTO], [S_BACK_OUT], [S_BACK_IN]), tcp(), "reachable", "open"),
        (([S_OUT], [INTO], [], [S_BACK_IN]), tcp(), "reachable", "open"),  # each end tracks for itself
        (([OUT], [S_INTO], [S_BACK_OUT], []), tcp(), "reachable", "open"),
        (([OUT, S_OUT], [INTO], [], []), tcp(), "blocked", "open"),  # both match: the stateless one decides
        (([OUT, S_OUT], [INTO], [], []), tcp(81), "reachable", "open"),
        (([S_OUT], [INTO], [], [rule("INGRESS", "10.0.1.0/24")]), tcp(), "reachable", "open"),
        (([ECHO_OUT], [INTO], [], []), Traffic(1, icmp_type=8), "blocked", "open"),
        (([ECHO_OUT], [INTO], [], [ECHO_BACK]), Traffic(1, icmp_type=8), "reachable", "open"),
        (
            ([rule("EGRESS", "10.0.1.0/24", "1", **STATELESS)], [INTO], [], []),
            Traffic(1, icmp_type=3),
            "reachable",
            "open",
        ),  # nothing answers an error message
    ],
)
def test_stateless_rules(rules: Any, traffic: Traffic, verdict: str, forward: str) -> None:
    answer = analyse(pair(*rules), A, B, traffic)
    assert answer.verdict == verdict
    assert core.worst(answer.decision.forward) == forward


# --- routes ------------------------------------------------------------------------------------------------------


def routed(route_rules: list[Options], **vcn: Any) -> Network:
    """A subnet that lets all pass, with these routes; every gateway is there."""
    declared = copy.deepcopy(SITE)
    declared["vcn"] |= vcn
    del declared["default_security_list"]
    declared["subnets"] = [{"display_name": "a", "cidr_block": "10.0.0.0/24", "route_table_id": "routes"}]
    declared["route_tables"] = [{"display_name": "routes", "route_rules": route_rules}]
    return declared_network(declared)


def route(destination: str, target: str) -> Options:
    kind = "CIDR_BLOCK" if "/" in destination else SERVICES
    return {"destination": destination, "destination_type": kind, "network_entity_id": target}


OUTSIDE = Party("there", (core.span_of("198.51.100.7"),))


@pytest.mark.parametrize(
    ("routes", "there", "verdict", "reason"),
    [
        ([], OUTSIDE, "blocked", "route table routes has no route to there"),
        ([route("0.0.0.0/0", "nat")], OUTSIDE, "reachable", "NAT gateway nat"),
        ([route("0.0.0.0/0", "nat"), route("198.51.100.0/24", "internet")], OUTSIDE, "reachable", "internet gateway"),
        (
            [route("198.51.100.0/24", "nat"), route("198.51.100.7/32", "ocid1.drg.oc1..a")],
            OUTSIDE,
            "undecided",
            "a DRG",
        ),
        ([route("198.51.100.0/24", "ocid1.drg.oc1..a"), route("198.51.100.7/32", "nat")], OUTSIDE, "reachable", "NAT"),
        ([route("0.0.0.0/0", "ocid1.localpeeringgateway.oc1..a")], OUTSIDE, "undecided", "a local peering gateway"),
        ([route("0.0.0.0/0", "ocid1.privateip.oc1..a")], OUTSIDE, "undecided", "a private IP"),
        ([route("0.0.0.0/0", "ocid1.natgateway.oc1..gone")], OUTSIDE, "blocked", "black hole"),
        ([route("0.0.0.0/0", "services")], OUTSIDE, "blocked", "leads to Oracle's services only"),
        (
            [route("10.0.0.128/25", "ocid1.privateip.oc1..a")],
            Party("b", (core.span_of("10.0.0.200"),), "a"),
            "undecided",
            "a private IP",
        ),
        ([route("10.0.0.0/8", "nat")], Party("b", (core.span_of("10.0.0.200"),), "a"), "reachable", "local"),
        ([route("0.0.0.0/0", "nat")], Party("b", (core.span_of("10.0.0.200"),), "a"), "reachable", "local"),
        ([route("all", "services")], Party("s", service="oci-fra-objectstorage"), "reachable", "service gateway"),
        ([route("oci-fra-objectstorage", "services")], Party("s", service="all"), "blocked", "no route to s"),
        (
            [route("0.0.0.0/0", "nat"), route("all", "services")],
            Party("s", service="all"),
            "reachable",
            "service gateway",
        ),
    ],
)
def test_routes(routes: list[Options], there: Party, verdict: str, reason: str) -> None:
    here = Party("here", (core.span_of("10.0.0.5"),), "a")
    answer = analyse(routed(routes), here, there, tcp(22))
    assert answer.verdict == verdict, answer.decision.reason
    assert reason in answer.decision.reason, answer.decision.reason


def test_public_addresses() -> None:
    network = routed([route("0.0.0.0/0", "internet")])
    here = Party("here", (core.span_of("10.0.0.5"),), "a")
    for public, verdict in ((None, "reachable"), (True, "reachable"), (False, "blocked")):
        party = Party(here.name, here.spans, here.subnet_id, public=public)
        assert analyse(network, party, OUTSIDE, tcp()).verdict == verdict
        assert analyse(network, OUTSIDE, party, tcp(22)).verdict == verdict, "the default list lets SSH in"


def test_private_addresses_outside_come_in_by_a_drg_only() -> None:
    office = Party("office", (core.span_of("192.168.7.0/24"),))
    here = Party("here", (core.span_of("10.0.0.5"),), "a")
    blocked = analyse(routed([route("0.0.0.0/0", "internet")]), office, here, tcp(22))
    assert (blocked.verdict, "not an address of the internet" in blocked.decision.reason) == ("blocked", True)
    by_drg = routed([route("192.168.0.0/16", "ocid1.drg.oc1..a")])
    assert analyse(by_drg, office, here, tcp(22)).verdict == "undecided"
    assert analyse(by_drg, office, here, tcp(23)).verdict == "blocked", "the rules are looked at all the same"


def test_where_zero_trust_routing_decides_nothing_is_claimed() -> None:
    network = routed([route("0.0.0.0/0", "nat")], is_zpr_only=True)
    answer = analyse(network, Party("here", (core.span_of("10.0.0.5"),), "a"), OUTSIDE, tcp())
    assert (answer.verdict, "Zero Trust" in answer.decision.reason) == ("undecided", True)


def test_the_internet_is_what_is_neither_private_nor_the_vcn() -> None:
    spans = core.internet(core.span_of("0.0.0.0/0"), [core.span_of("198.51.100.0/24")])
    for text, inside in (
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("172.32.0.1", True),
        ("192.168.0.1", False),
        ("8.8.8.8", True),
        ("198.51.100.9", False),
        ("198.51.101.1", True),
        ("100.64.0.1", False),
        ("255.255.255.255", True),
    ):
        number = core.span_of(text)[0]
        assert any(low <= number <= high for low, high in spans) == inside, text
    assert core.internet(core.span_of("10.9.0.0/16"), []) == (core.span_of("10.9.0.0/16"),)


# --- the whole matrix --------------------------------------------------------------------------------------------


def test_the_matrix_says_all_that_is_open_in_less_than_a_second() -> None:
    begun = time.process_time()
    matrix = ask(matrix=True)["matrix"]
    taken = time.process_time() - begun
    rows = {(r["source"], r["destination"]): r["open"] for r in matrix}
    assert len(rows) == len(PARTIES) * (len(PARTIES) - 1)
    assert rows["pods", "mysql"] == ["tcp 3306"]
    assert rows["clients", "lb"] == ["tcp 443"]
    assert rows["lb", "pods"] == ["tcp 30000-32767"]
    assert rows["pods", "pod"] == ["all"]
    assert rows["pods", "others"] == ["icmp 3/4"]
    assert rows["mysql", "pods"] == rows["internet", "pods"] == rows["lb", "mysql"] == []
    assert taken < 1, f"{taken:.2f} s"


def test_what_should_be_is_compared() -> None:
    answers = ask(
        flows=[
            flow("pods", "mysql", "tcp", 3306, expect="reachable", purpose="database"),
            flow("lb", "mysql", "all", expect="blocked"),
            flow("pods", "mysql", "all", expect="blocked"),
            flow("pods", "mysql", "tcp", 33060, expect="reachable"),
            flow("clients", "others", "tcp", 1, expect="blocked"),
            flow("pods", "mysql", "tcp", 3306),
        ]
    )
    assert [f["as_expected"] for f in answers["flows"]] == [True, True, False, False, None, None]
    open_one, closed_one = answers["unexpected"]
    assert open_one["open"] == ["tcp 3306"] and "application to database" in open_one["reason"]
    assert "no egress rule of group nodes" in closed_one["reason"]
    assert answers["flows"][0]["forward"][0]["by"]["name"] == "nodes"
    assert answers["changed"] is False


# --- bad options -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        (
            {"parties": [{"name": "a", "subnet": "nowhere"}]},
            ["parties[0].subnet: the VCN has no subnet 'nowhere'; it has lb"],
        ),
        (
            {"parties": [{"name": "a", "subnet": "lb", "groups": ["x", "lb"]}, {"name": "b", "subnet": "y"}]},
            ["parties[0].groups[0]: the VCN has no network security group 'x'", "parties[1].subnet"],
        ),
        (
            {"parties": [{"name": "a"}, {"name": "a", "address": "10.0.0.300"}]},
            ["parties[0]: needs subnet", "parties[1].name: 'a' is already", "parties[1].address"],
        ),
        ({"parties": [{"name": "a", "service": "all", "subnet": "lb"}]}, ["parties[0].subnet: a service has none"]),
        ({"parties": [{"name": "a", "address": "10.0.9.1"}]}, ["in none of its subnets"]),
        ({"parties": [{"name": "a", "address": "10.0.1.5", "subnet": "pods"}]}, ["is in subnet lb, not in pods"]),
        ({"parties": [{"name": "a", "address": "192.0.2.1", "subnet": "pods"}]}, ["is not in the VCN"]),
        ({"parties": [{"name": "a", "groups": ["lb"]}]}, ["no VNIC is seen in lb: name the subnet"]),
        ({"flows": [flow("pods", "nobody", "tcp", 1)]}, ["flows[0].destination: 'nobody' is not a name of parties"]),
        ({"flows": [flow("pods", "lb", "icmp", 1)]}, ["flows[0].ports: needs protocol tcp or udp"]),
        ({"flows": [flow("pods", "lb", "tcp", "90-80")]}, ["flows[0].ports[0]: 90-80 is not a range"]),
        ({"flows": [flow("pods", "lb", "tcp", "https")]}, ["flows[0].ports[0]: 'https' is neither a port"]),
        ({"flows": [flow("pods", "lb", "sctp")]}, ["flows[0].protocol: 'sctp' is neither"]),
        ({"flows": [flow("pods", "lb", "tcp", icmp_code=3)]}, ["flows[0].icmp_code: needs icmp_type"]),
    ],
)
def test_bad_options_are_told_all_at_once(options: Options, problems: list[str]) -> None:
    message = ask(fails=True, **{"flows": [], **options})["msg"]
    for problem in problems:
        assert problem in message, message


def test_a_declaration_is_checked() -> None:
    declared = changed("subnets", "lb", route_table_id="nowhere", cidr_block="10.0.32.0/24")
    declared["route_tables"][0]["route_rules"][0]["network_entity_id"] = "gone"
    message = ask(declared, fails=True)["msg"]
    assert "declared.subnets[0].route_table_id: no route table 'nowhere' is declared" in message
    assert "declared.route_tables[0].route_rules[0].network_entity_id: no gateway 'gone' is declared" in message
    assert "overlaps" in message
    with pytest.raises(ResourceError, match="subnetz"):
        declared_network({**SITE, "subnetz": []})


def test_a_vcn_that_is_only_planned_gives_no_answers() -> None:
    params = {"vcn_id": placeholder("vcn", "shop", "id"), "parties": PARTIES, "flows": []}
    assert run_task(NetworkPath(), params, Context())["planned"] is True


# --- properties --------------------------------------------------------------------------------------------------

BLOCKS = ["0.0.0.0/0", "10.0.0.0/24", "10.0.0.0/25", "10.0.1.0/24", "10.0.1.64/26", "198.51.100.0/24"]
SPANS = st.sampled_from([(80, 80), (80, 443), (1, 1023), (443, 443), (1024, 65535), (32768, 60999), None])


@st.composite
def rules(draw: Any, way: str, stateless: bool | None = None) -> Options:
    protocol = draw(st.sampled_from(["all", "6", "17", "1", "50"]))
    made = rule(
        way,
        draw(st.sampled_from(BLOCKS)),
        protocol,
        ports=draw(SPANS),
        source_ports=draw(SPANS),
        is_stateless=draw(st.booleans()) if stateless is None else stateless,
    )
    if protocol == "1" and draw(st.booleans()):
        made["icmp_options"] = {"type": draw(st.sampled_from([0, 3, 8]))}
    return made


def lists(way: str, stateless: bool | None = None) -> Any:
    return st.lists(rules(way, stateless), max_size=4)


NETWORKS = st.builds(pair, lists("EGRESS"), lists("INGRESS"), lists("EGRESS"), lists("INGRESS"))
TRAFFIC = st.sampled_from(
    [tcp(80), tcp(443), Traffic(core.UDP, (80, 443)), Traffic(1, icmp_type=8), Traffic(1), Traffic(50), Traffic()]
)


def packets(traffic: Traffic, ports: tuple[int, ...] = (1, 79, 80, 81, 443, 1023, 1024, 60999, 61000, 65535)) -> Any:
    protocols = [traffic.protocol] if traffic.protocol is not None else [1, 6, 17, 50, 99]
    within = [p for p in ports if traffic.ports[0] <= p <= traffic.ports[1]]
    starts = [p for p in (1024, 32767, 32768, 60999, 61000, 65535) if traffic.source_ports[0] <= p]
    types = [traffic.icmp_type] if traffic.icmp_type is not None else [0, 3, 8, 11]
    return st.builds(
        core.Packet,
        st.integers(*core.span_of("10.0.0.0/24")),
        st.integers(*core.span_of("10.0.1.0/24")),
        st.sampled_from(protocols),
        st.sampled_from(starts),
        st.sampled_from(within),
        st.sampled_from(types),
        st.sampled_from([0, 4]),
    )


@settings(deadline=None, max_examples=150)
@given(NETWORKS, TRAFFIC, st.data())
def test_the_answer_holds_for_each_packet(network: Network, traffic: Traffic, data: Any) -> None:
    answer = analyse(network, A, B, traffic)
    packet = data.draw(packets(traffic))
    verdict = core.decide(network, A, B, packet).verdict
    if answer.verdict == "reachable":
        assert verdict == "open"
    elif answer.verdict == "blocked":
        assert verdict == "closed"


@settings(deadline=None, max_examples=100)
@given(lists("EGRESS"), lists("INGRESS"), rules("EGRESS", False), rules("INGRESS", False), TRAFFIC, st.data())
def test_a_stateful_rule_more_takes_nothing_away(
    out: Any, into: Any, more_out: Any, more_into: Any, traffic: Traffic, data: Any
) -> None:
    packet = data.draw(packets(traffic))
    before = core.decide(pair(out, into), A, B, packet)
    after = core.decide(pair([*out, more_out], [*into, more_into]), A, B, packet)
    if before.verdict == "open":
        assert after.verdict == "open"


@settings(deadline=None, max_examples=100)
@given(lists("EGRESS"), lists("INGRESS"), rules("EGRESS", True), rules("INGRESS", True), TRAFFIC, st.data())
def test_a_stateless_rule_more_takes_nothing_away_of_the_way_there(
    out: Any, into: Any, more_out: Any, more_into: Any, traffic: Traffic, data: Any
) -> None:
    packet = data.draw(packets(traffic))
    if core.worst(core.decide(pair(out, into), A, B, packet).forward) == "open":
        assert core.worst(core.decide(pair([*out, more_out], [*into, more_into]), A, B, packet).forward) == "open"


@settings(deadline=None, max_examples=100)
@given(lists("EGRESS", False), lists("INGRESS", False), TRAFFIC, st.data())
def test_where_all_is_stateful_answers_come_back(out: Any, into: Any, traffic: Traffic, data: Any) -> None:
    decision = core.decide(pair(out, into), A, B, data.draw(packets(traffic)))
    assert core.worst(decision.back) == (core.worst(decision.forward) if decision.back else "open")


@settings(deadline=None, max_examples=100)
@given(NETWORKS, TRAFFIC)
def test_the_order_of_rules_does_not_count(network: Network, traffic: Traffic) -> None:
    turned = Network(
        network.vcn,
        network.subnets,
        network.route_tables,
        {
            i: {k: v[::-1] if isinstance(v, list) else v for k, v in d.items()}
            for i, d in network.security_lists.items()
        },
    )
    there, back = analyse(network, A, B, traffic), analyse(turned, A, B, traffic)
    assert (there.verdict, there.open) == (back.verdict, back.open)


def test_ports_given_as_several_ranges_are_all_looked_at() -> None:
    assert [t.ports for t in traffic_of({"protocol": "tcp", "ports": ["80", "90-95"]})] == [(80, 80), (90, 95)]
    answer = ask(flows=[{**flow("pods", "mysql"), "ports": ["3306", "33060"]}])["flows"][0]
    assert (answer["verdict"], answer["open"]) == ("partly", ["tcp 3306"])
