"""The compiled table, without a kernel: what is in it and what is not."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from localregion.backends.packet_filter import Documents, compile_table

Doc = dict[str, Any]


def documents(*rules: Doc, **changes: Any) -> Documents:
    """One VNIC in one group with these rules."""
    made = Documents(
        vcns=[{"id": "vcn", "cidrBlocks": ["10.7.0.0/16"]}],
        subnets=[{"id": "s", "vcnId": "vcn", "cidrBlock": "10.7.1.0/24", "routeTableId": "r", "securityListIds": []}],
        route_tables=[{"id": "r", "routeRules": []}],
        groups={"g": list(rules)},
        vnics=[{"id": "v", "privateIp": "10.7.1.10", "subnetId": "s", "nsgIds": ["g"]}],
    )
    return replace(made, **changes)


def chains(table: str, kind: str) -> list[list[str]]:
    """The lines of the chains whose names begin so."""
    found = re.findall(rf"^  chain {kind}[0-9a-f]{{10}} {{\n(.*?)^  }}$", table, re.S | re.M)
    return [[line.strip() for line in text.splitlines()] for text in found]


def egress(destination: str, **more: Any) -> Doc:
    return {"direction": "EGRESS", "destination": destination, "destinationType": "CIDR_BLOCK", "protocol": "6", **more}


PORT = {"destinationPortRange": {"min": 80, "max": 80}}
SPAN = {"destinationPortRange": {"min": 80, "max": 90}, "sourcePortRange": {"min": 1, "max": 9}}


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (egress("0.0.0.0/0", protocol="all"), ["ct mark set ct mark | 0x1 return"]),
        (egress("10.0.0.0/8"), ["ip daddr 10.0.0.0/8 meta l4proto 6 ct mark set ct mark | 0x1 return"]),
        (egress("0.0.0.0/0", tcpOptions=PORT), ["meta l4proto 6 th dport 80 ct mark set ct mark | 0x1 return"]),
        (
            egress("0.0.0.0/0", protocol="17", udpOptions=SPAN),
            ["meta l4proto 17 th sport 1-9 th dport 80-90 ct mark set ct mark | 0x1 return"],
        ),
        (
            egress("0.0.0.0/0", protocol="1", icmpOptions={"type": 3, "code": 4}),
            ["meta l4proto 1 icmp type 3 icmp code 4 ct mark set ct mark | 0x1 return"],
        ),
        (egress("0.0.0.0/0", isStateless=True), ["meta l4proto 6 ct mark set ct mark & 0x2 return"]),
        (egress("2001:db8::/32"), []),
        (egress("0.0.0.0/0", protocol="58"), []),
        (egress("0.0.0.0/0", isValid=False), []),
        (
            egress("all-lcl-services", destinationType="SERVICE_CIDR_BLOCK"),
            ["ip daddr 198.18.0.0/15 meta l4proto 6 ct mark set ct mark | 0x1 return"],
        ),
        (egress("oci-lcl-objectstorage", destinationType="SERVICE_CIDR_BLOCK"), []),
    ],
)
def test_a_rule(rule: Doc, lines: list[str]) -> None:
    (found,) = chains(compile_table(documents(rule)), "e")
    assert found == [*lines, 'log prefix "e" group 5 snaplen 64 drop']
    (other,) = chains(compile_table(documents(rule)), "i")
    assert other == ['log prefix "i" group 5 snaplen 64 drop']


def test_stateless_rules_come_first_and_equal_ones_once() -> None:
    rules = [egress("10.0.0.0/8"), egress("10.0.0.0/8"), egress("10.0.0.0/8", isStateless=True)]
    (found,) = chains(compile_table(documents(*rules)), "e")
    assert [line.rpartition("ct mark ")[2] for line in found[:-1]] == ["& 0x2 return", "| 0x1 return"]


def test_vnics_of_one_combination_share_their_chains() -> None:
    vnics = [{"id": f"v{n}", "privateIp": f"10.7.1.{n}", "subnetId": "s", "nsgIds": ["g"]} for n in range(10, 60)]
    table = compile_table(documents(egress("10.0.0.0/8"), vnics=vnics))
    assert len(chains(table, "e")) == 1
    assert table.count(": jump e") == 50


def test_one_that_is_terminating_is_nobody() -> None:
    gone = {"id": "v", "privateIp": "10.7.1.10", "subnetId": "s", "nsgIds": ["g"], "lifecycleState": "TERMINATING"}
    assert "10.7.1.10" not in compile_table(documents(vnics=[gone]))


ROUTES = [
    {"destination": "0.0.0.0/0", "networkEntityId": "nat"},
    {"destination": "203.0.113.0/24", "networkEntityId": "net"},
    {"destination": "all-lcl-services", "destinationType": "SERVICE_CIDR_BLOCK", "networkEntityId": "osn"},
    {"destination": "10.7.9.0/24", "networkEntityId": "nat"},
    {"destination": "192.0.2.0/24", "networkEntityId": "gone"},
]
GATEWAYS = {
    "nat_gateway": [{"id": "nat", "vcnId": "vcn"}],
    "internet_gateway": [{"id": "net", "vcnId": "vcn", "isEnabled": True}],
    "service_gateway": [{"id": "osn", "vcnId": "vcn", "services": [{"serviceId": "all"}]}],
}


def test_the_longest_prefix_decides_a_route() -> None:
    table = compile_table(
        documents(
            route_tables=[{"id": "r", "routeRules": ROUTES}], gateways=GATEWAYS, services={"all": "all-lcl-services"}
        )
    )
    (begun,), (answers,) = chains(table, "r"), chains(table, "b")
    assert begun == [
        "ip daddr 198.18.0.0/15 ip daddr != @inside return", "ip daddr 198.18.0.0/15 drop",
        "ip daddr 203.0.113.0/24 ip daddr != @inside ip saddr @public return", "ip daddr 203.0.113.0/24 drop",
        "ip daddr 10.7.9.0/24 drop",
        "ip daddr 192.0.2.0/24 drop",
        "ip daddr 10.7.0.0/16 return",
        "ip daddr 0.0.0.0/0 ip daddr != @inside return", "ip daddr 0.0.0.0/0 drop",
        "drop",
    ]  # fmt: skip
    assert [line for line in answers if line.endswith("return")] == [
        "ip daddr 203.0.113.0/24 ip daddr != @inside ip saddr @public return", "ip daddr 10.7.0.0/16 return",
    ]  # fmt: skip
