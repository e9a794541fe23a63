"""What the analyses of a network say of a packet, the collection's and the region's, and what becomes of it: the same,
in networks made at random.

`--flows N`: packets that are sent in all (2,000 unless given).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import network_path
from ansible_collections.okestack.oci.plugins.module_utils.network_path import Network, Packet, Party

from localregion.backends import packet_path
from localregion.backends.fabric import CLIENT_ADDRESS, SERVICE_ADDRESS
from localregion.backends.packet_filter import Decisions, Documents
from localregion.backends.packet_path import Paths
from tests.integration.localregion.backends.filter_lab import ICMP, OUTSIDE, SERVICES, TCP, UDP, Lab, Place, lab

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

Doc = dict[str, Any]
ALL, ONE = "all-lcl-services", "oci-lcl-objectstorage"
LABELS = {"ocid1.service.all": ALL, "ocid1.service.one": ONE}
SUBNETS = {"a": "10.7.1.0/24", "b": "10.7.2.0/24", "c": "10.7.3.0/24"}
PLACES = {
    "a1": Place("a", SUBNETS["a"], "10.7.1.10"), "a2": Place("a", SUBNETS["a"], "10.7.1.11"),
    "b1": Place("b", SUBNETS["b"], "10.7.2.10"), "b2": Place("b", SUBNETS["b"], "10.7.2.11"),
    "c1": Place("c", SUBNETS["c"], "10.7.3.10"),
}  # fmt: skip
GROUPS = ("g1", "g2", "g3")
PORTS = (80, 443)
PEERS = ("0.0.0.0/0", "10.7.0.0/16", "10.7.1.0/24", "10.7.2.10/32", "203.0.113.0/24", "192.0.2.0/24", "2001:db8::/32")
SOURCE_PORTS = {"low": (20000, 29999), "high": (30000, 39999)}


class Chance:
    """Documents of a network, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def some(self, values: Any, most: int) -> list[Any]:
        return self.random.sample(list(values), self.random.randint(0, min(most, len(values))))

    def likely(self, share: float) -> bool:
        return self.random.random() < share

    def rule(self, direction: str, *, groups: bool) -> Doc:
        side = "source" if direction == "INGRESS" else "destination"
        kind = self.random.choices(["CIDR_BLOCK", "NETWORK_SECURITY_GROUP", "SERVICE_CIDR_BLOCK"], [6, 4 * groups, 1])[
            0
        ]
        peers = {"CIDR_BLOCK": PEERS, "NETWORK_SECURITY_GROUP": GROUPS, "SERVICE_CIDR_BLOCK": (ALL, ONE)}[kind]
        protocol = self.random.choices(["all", "6", "17", "1", "58"], [2, 6, 3, 2, 0.3])[0]
        made: Doc = {
            "direction": direction, side: self.random.choice(peers), f"{side}Type": kind, "protocol": protocol,
            "isStateless": self.likely(0.25), "isValid": True,
        }  # fmt: skip
        if protocol in ("6", "17"):
            options: Doc = {}
            if self.likely(0.7):
                low, high = self.random.choice([(80, 80), (443, 443), (80, 443), (1, 79), (20000, 39999)])
                options["destinationPortRange"] = {"min": low, "max": high}
            if self.likely(0.3):
                low, high = self.random.choice([*SOURCE_PORTS.values(), (80, 443)])
                options["sourcePortRange"] = {"min": low, "max": high}
            if options:
                made["tcpOptions" if protocol == "6" else "udpOptions"] = options
        elif protocol == "1" and self.likely(0.6):
            made["icmpOptions"] = self.random.choice([{"type": 8}, {"type": 0}, {"type": 8, "code": 0}, {"type": 3}])
        return made

    def rules(self, most: int, *, groups: bool) -> list[Doc]:
        return [
            self.rule(self.random.choice(["INGRESS", "EGRESS"]), groups=groups)
            for _ in range(self.random.randint(0, most))
        ]

    def security_list(self, identifier: str) -> Doc:
        rules = self.rules(4, groups=False)
        if self.likely(0.4):
            rules.append({"direction": "EGRESS", "destination": "0.0.0.0/0", "destinationType": "CIDR_BLOCK",
                          "protocol": "all", "isStateless": False})  # fmt: skip
        return {
            "id": identifier,
            "ingressSecurityRules": [rule for rule in rules if rule["direction"] == "INGRESS"],
            "egressSecurityRules": [rule for rule in rules if rule["direction"] == "EGRESS"],
        }

    def route_table(self, identifier: str) -> Doc:
        rules = []
        for block in self.some(["0.0.0.0/0", "203.0.113.0/24", "10.0.0.0/8", "10.7.2.0/24"], 3):
            rules.append({"destination": block, "destinationType": "CIDR_BLOCK",
                          "networkEntityId": self.random.choice(["internet", "internet", "nat", "gone"])})  # fmt: skip
        for label in self.some([ALL, ONE], 2):
            rules.append({"destination": label, "destinationType": "SERVICE_CIDR_BLOCK", "networkEntityId": "osn"})
        return {"id": identifier, "routeRules": rules}

    def documents(self) -> Documents:
        lists = {f"l{name}": self.security_list(f"l{name}") for name in SUBNETS}
        return Documents(
            vcns=[{"id": "vcn", "cidrBlocks": ["10.7.0.0/16"]}],
            subnets=[
                {"id": name, "vcnId": "vcn", "cidrBlock": block, "routeTableId": f"r{name}",
                 "securityListIds": self.some(lists, 2), "prohibitPublicIpOnVnic": name == "c"}
                for name, block in SUBNETS.items()
            ],
            route_tables=[self.route_table(f"r{name}") for name in SUBNETS],
            security_lists=list(lists.values()),
            gateways={
                "internet_gateway": [{"id": "internet", "vcnId": "vcn", "isEnabled": self.likely(0.85)}],
                "nat_gateway": [{"id": "nat", "vcnId": "vcn", "blockTraffic": self.likely(0.2)}],
                "service_gateway": [{"id": "osn", "vcnId": "vcn", "blockTraffic": self.likely(0.2),
                                     "services": [{"serviceId": each} for each in self.some(LABELS, 2)]}],
            },
            groups={group: self.rules(8, groups=True) for group in GROUPS},
            vnics=[
                {"id": name, "privateIp": place.address, "subnetId": place.subnet, "nsgIds": self.some(GROUPS, 3),
                 "publicIp": "127.81.1.1" if place.subnet != "c" and self.likely(0.6) else None}
                for name, place in PLACES.items()
            ],
            services=LABELS,
        )  # fmt: skip


def snake(value: Any) -> Any:
    """A document as modules have it."""
    if isinstance(value, list):
        return [snake(item) for item in value]
    if isinstance(value, dict):
        return {"".join(f"_{c.lower()}" if c.isupper() else c for c in key): snake(item) for key, item in value.items()}
    return value


def analysed(documents: Documents) -> tuple[Network, dict[str, Party]]:
    """The same as the analysis takes it, and its parties."""
    network = Network(
        vcn=snake(documents.vcns[0]),
        subnets={each["id"]: snake(each) for each in documents.subnets},
        route_tables={each["id"]: snake(each) for each in documents.route_tables},
        security_lists={each["id"]: snake(each) for each in documents.security_lists},
        groups={name: {"id": name, "security_rules": snake(list(rules))} for name, rules in documents.groups.items()},
        gateways={
            each["id"]: {**snake(each), "kind": kind} for kind, some in documents.gateways.items() for each in some
        },
        services=dict(documents.services),
    )
    outside = network_path.span_of(CLIENT_ADDRESS)
    parties = {OUTSIDE: Party(OUTSIDE, (outside,)), SERVICES: Party(SERVICES, service=ALL)}
    for vnic in documents.vnics:
        parties[vnic["id"]] = Party(
            vnic["id"], (network_path.span_of(vnic["privateIp"]),), vnic["subnetId"], tuple(vnic["nsgIds"]),
            public=bool(vnic["publicIp"]),
        )  # fmt: skip
    return network, parties


def packet(source: Party, target: Party, port: int, source_port: int, protocol: int) -> Packet:
    start, end = (party.spans[0][0] if party.spans else None for party in (source, target))
    if protocol == ICMP:
        return Packet(start, end, ICMP, icmp_type=8, icmp_code=0)
    return Packet(start, end, protocol, source_port=source_port, port=port)


def told(paths: Paths, source: str, target: str, port: int, source_port: int, protocol: int) -> tuple[bool, str]:
    """What the region's analysis says of a packet and its answer: whether both pass, and why."""
    addresses = {OUTSIDE: CLIENT_ADDRESS, SERVICES: SERVICE_ADDRESS} | {n: p.address for n, p in PLACES.items()}
    start, end = paths.end(addresses[source]), paths.end(addresses[target])
    asked = (
        packet_path.Packet(start.address, end.address, ICMP, icmp_type=8, icmp_code=0)
        if protocol == ICMP
        else packet_path.Packet(start.address, end.address, protocol, source_port, port)
    )
    there = paths.there(start, end, asked)
    hops = [hop for hop in (there, paths.back(there)) if hop]
    return all(hop.passes for hop in hops), " ".join(hop.text() for hop in hops)


def flows(chance: Chance, count: int, used: itertools.count[int]) -> list[tuple[str, str, int, int, int]]:
    """(source, target, port, source port, protocol), each with a port of its own to come from."""
    pairs = [
        (source, target)
        for source in (OUTSIDE, *PLACES)
        for target in (SERVICES, *PLACES)
        if source != target and (source, target) != (OUTSIDE, SERVICES)
    ]
    made = []
    for _ in range(count):
        source, target = chance.random.choice(pairs)
        low, _high = chance.random.choice(list(SOURCE_PORTS.values()))
        protocol = chance.random.choices([TCP, UDP, ICMP], [6, 3, 1])[0]
        made.append((source, target, chance.random.choice(PORTS), low + next(used) % 10000, protocol))
    return made


async def differing(made: Lab, seed: int, count: int, used: itertools.count[int]) -> list[str]:
    """What the analysis and the packets of one network do not agree on."""
    chance = Chance(seed)
    documents = chance.documents()
    await made.fabric.filter(documents)
    network, parties = analysed(documents)
    paths = Paths(Decisions(documents))
    tried = flows(chance, count, used)
    passed = await asyncio.gather(*(made.passes(*flow) for flow in tried))
    found = []
    for flow, got in zip(tried, passed, strict=True):
        source, target, port, source_port, protocol = flow
        decision = network_path.decide(
            network, parties[source], parties[target],
            packet(parties[source], parties[target], port, source_port, protocol),
        )  # fmt: skip
        if decision.verdict == network_path.OPEN and not got:
            got = await made.passes(*flow)  # on a busy machine an answer comes late; what is dropped stays so
        if (decision.verdict == network_path.OPEN) != got:
            word = "came through" if got else "were dropped"
            found.append(f"seed {seed}, {flow}: packets {word}; the analysis: {decision.verdict}: {decision.reason}")
        passes, why = told(paths, *flow)
        if passes != got:
            found.append(f"seed {seed}, {flow}: the packets passed: {got}; the region's analysis: {why}")
    return found


@pytest.mark.timeout(1200)
def test_packets_and_analysis_agree(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    wanted, each = int(request.config.getoption("--flows")), 50

    async def body() -> tuple[list[str], int]:
        used = itertools.count()
        found: list[str] = []
        async with lab(tmp_path, PLACES, PORTS) as made:
            for seed in range(wanted // each):
                found += await differing(made, seed, each, used)
        return found, next(used)

    found, sent = asyncio.run(body())
    assert sent >= wanted
    assert found == [], "\n".join(found[:20])
