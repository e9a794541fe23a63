"""The region's analysis of a packet against the collection's, in networks made at random, without a packet; and what it
says."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import network_path

from localregion.backends.packet_filter import Decisions, Documents
from localregion.backends.packet_path import TCP, Packet, Paths
from tests.integration.localregion.backends.test_network_path_agrees import Chance, analysed, flows, packet, told


def test_both_analyses_agree() -> None:
    differing = []
    for seed in range(30):
        chance, used = Chance(seed), itertools.count()
        documents = chance.documents()
        network, parties = analysed(documents)
        paths = Paths(Decisions(documents))
        for flow in flows(chance, 100, used):
            source, target, port, source_port, protocol = flow
            ends = parties[source], parties[target]
            decision = network_path.decide(network, *ends, packet(*ends, port, source_port, protocol))
            passes, why = told(paths, *flow)
            if passes != (decision.verdict == network_path.OPEN):
                differing.append(f"seed {seed}, {flow}: {why} / {decision.verdict}: {decision.reason}")
    assert differing == [], "\n".join(differing[:10])


RULE = {"id": "r1", "direction": "EGRESS", "destination": "10.7.2.0/24", "protocol": "6",
        "tcpOptions": {"destinationPortRange": {"min": 80, "max": 90}}}  # fmt: skip
ASKED = {**RULE, "direction": "INGRESS", "source": "10.7.1.0/24", "id": "r2", "isStateless": True}


def network(**groups: list[dict[str, Any]]) -> Paths:
    documents = Documents(
        vcns=[{"id": "vcn", "cidrBlocks": ["10.7.0.0/16"]}],
        subnets=[
            {"id": name, "vcnId": "vcn", "cidrBlock": block, "routeTableId": "rt", "securityListIds": ["list"]}
            for name, block in (("a", "10.7.1.0/24"), ("b", "10.7.2.0/24"))
        ],
        route_tables=[{"id": "rt", "routeRules": [{"destination": "0.0.0.0/0", "networkEntityId": "nat"}]}],
        security_lists=[{"id": "list", "ingressSecurityRules": [], "egressSecurityRules": []}],
        gateways={"nat_gateway": [{"id": "nat", "vcnId": "vcn", "blockTraffic": False}]},
        groups=groups,
        vnics=[
            {"id": "va", "privateIp": "10.7.1.10", "subnetId": "a", "nsgIds": ["out"]},
            {"id": "vb", "privateIp": "10.7.2.10", "subnetId": "b", "nsgIds": ["in"]},
        ],
    )
    return Paths(Decisions(documents))


@pytest.mark.parametrize(
    ("groups", "port", "source_port", "there", "back"),
    [
        ({}, 80, None, "no egress rule of out, list lets TCP 80 out of 10.7.1.10.", "no egress rule of in, list"),
        ({"out": [RULE]}, 80, None, "no ingress rule of in, list lets TCP 80 into 10.7.2.10.", "no egress rule of in"),
        (
            {"out": [RULE], "in": [ASKED]}, 80, 5000,
            "rule r1 of out lets TCP 80 out of 10.7.1.10; local: both ends are in the VCN; rule r2 of in lets TCP 80",
            "no egress rule of in, list lets TCP 5000 out of 10.7.2.10",
        ),
        (
            {"out": [RULE], "in": [{**ASKED, "isStateless": False}]}, 81, None, "rule r1 of out lets TCP 81",
            "the answer is let out of 10.7.2.10 by rule r2 of in, which is stateful; local",
        ),
    ],
)  # fmt: skip
def test_what_it_says(groups: dict[str, Any], port: int, source_port: int | None, there: str, back: str) -> None:
    paths = network(**groups)
    ends = paths.end("10.7.1.10"), paths.end("10.7.2.10", "b")
    hop = paths.there(*ends, Packet("10.7.1.10", "10.7.2.10", TCP, source_port, port))
    answer = paths.back(hop)
    assert answer
    assert hop.text().startswith(there) and answer.text().startswith(back)


def test_routes_and_what_is_left_open() -> None:
    wide = {**RULE, "destination": "0.0.0.0/0", "tcpOptions": {"sourcePortRange": {"min": 1, "max": 2}}}
    paths = network(out=[wide])
    hop = paths.there(paths.end("10.7.1.10"), paths.end("192.0.2.1"), Packet("10.7.1.10", "192.0.2.1", TCP, None, 443))
    assert hop.passes and hop.partial
    assert "the route to 0.0.0.0/0 of rt by the nat gateway nat." in hop.text()
    closed = paths.there(paths.end("192.0.2.1"), paths.end("10.7.1.10"), Packet("192.0.2.1", "10.7.1.10", TCP, None, 1))
    assert closed.text() == "the VCN has no internet gateway."
    with pytest.raises(ValueError, match=r"10\.7\.1\.10 is not in the subnet b"):
        paths.end("10.7.1.10", "b")
