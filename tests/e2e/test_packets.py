"""The site's security rules, taken away one by one: each is for a hop, and without it just that hop is broken.

Packets are sent from the namespaces of the region's parts, so nothing is between them but the network.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import oci
import pytest
import yaml

from localregion.backends.fabric import CLIENT_ADDRESS, SERVICE_ADDRESS
from localregion.host import namespaces
from tests.e2e.site import BIN, ROOT, Region, Site
from tests.integration.localregion.backends.filter_lab import Echo, icmp

Rule = Any
_SECONDS = 0.6
NODE_PORT, HEALTH_PORT, ANY_PORT = 32751, 10256, 28080
TCP, UDP, ICMP = "6", "17", "1"


@dataclass(frozen=True)
class Hop:
    """Who sends what to whom: places by name."""

    source: str
    target: str
    port: int = 0
    protocol: str = TCP


HOPS = {
    "client to load balancer, 80": Hop("outside", "lb", 80),
    "client to load balancer": Hop("outside", "lb", 443),
    "client to API": Hop("outside", "api", 6443),
    "load balancer to pod": Hop("lb", "pod", NODE_PORT),
    "load balancer to pod, UDP": Hop("lb", "pod", NODE_PORT, UDP),
    "load balancer to health check": Hop("lb", "pod", HEALTH_PORT),
    "load balancer to health check, UDP": Hop("lb", "pod", HEALTH_PORT, UDP),
    "pod to pod": Hop("pod", "other", ANY_PORT),
    "pod to API": Hop("pod", "api", 6443),
    "pod to workload identity": Hop("pod", "api", 12250),
    "pod to services": Hop("pod", "services", 443),
    "pod to database": Hop("pod", "mysql", 3306),
    "pod to database, X": Hop("pod", "mysql", 33060),
    "API to pod": Hop("api", "pod", ANY_PORT),
    "API to services": Hop("api", "services", 443),
    "path discovery, pod to API": Hop("pod", "api", 6443, ICMP),
    "path discovery, API to pod": Hop("api", "pod", 6443, ICMP),
    "path discovery, pod to services": Hop("pod", "services", 443, ICMP),
}
INTERNET = ("nodes", "EGRESS", "all", "0.0.0.0/0", None)
ALL = "all services"
BREAKS: dict[tuple[str, str, str, str, tuple[int, int] | None], set[str]] = {
    ("lb", "INGRESS", TCP, "clients", (80, 80)): {"client to load balancer, 80"},
    ("lb", "INGRESS", TCP, "clients", (443, 443)): {"client to load balancer"},
    ("lb", "EGRESS", TCP, "nodes", (30000, 32767)): {"load balancer to pod"},
    ("lb", "EGRESS", TCP, "nodes", (10256, 10256)): {"load balancer to health check"},
    ("lb", "EGRESS", UDP, "nodes", (30000, 32767)): {"load balancer to pod, UDP"},
    ("lb", "EGRESS", UDP, "nodes", (10256, 10256)): {"load balancer to health check, UDP"},
    ("nodes", "INGRESS", TCP, "lb", (30000, 32767)): {"load balancer to pod"},
    ("nodes", "INGRESS", TCP, "lb", (10256, 10256)): {"load balancer to health check"},
    ("nodes", "INGRESS", UDP, "lb", (30000, 32767)): {"load balancer to pod, UDP"},
    ("nodes", "INGRESS", UDP, "lb", (10256, 10256)): {"load balancer to health check, UDP"},
    ("nodes", "INGRESS", "all", "nodes", None): {"pod to pod"},
    ("nodes", "EGRESS", "all", "nodes", None): {"pod to pod"},
    ("nodes", "INGRESS", TCP, "api", None): {"API to pod"},
    ("nodes", "INGRESS", ICMP, "api", None): {"path discovery, API to pod"},
    ("nodes", "EGRESS", TCP, "api", (6443, 6443)): {"pod to API"},
    ("nodes", "EGRESS", TCP, "api", (12250, 12250)): {"pod to workload identity"},
    # Oracle's list has it beside the rule for all addresses, which lets pass the same.
    ("nodes", "EGRESS", ICMP, "api", None): set(),
    ("nodes", "EGRESS", ICMP, "0.0.0.0/0", None): {"path discovery, pod to services"},
    ("nodes", "EGRESS", TCP, ALL, (443, 443)): {"pod to services"},
    ("nodes", "EGRESS", TCP, "mysql", (3306, 3306)): {"pod to database"},
    ("nodes", "EGRESS", TCP, "mysql", (33060, 33060)): {"pod to database, X"},
    ("mysql", "INGRESS", TCP, "nodes", (3306, 3306)): {"pod to database"},
    ("mysql", "INGRESS", TCP, "nodes", (33060, 33060)): {"pod to database, X"},
    ("api", "INGRESS", TCP, "clients", (6443, 6443)): {"client to API"},
    ("api", "INGRESS", TCP, "nodes", (6443, 6443)): {"pod to API"},
    ("api", "INGRESS", TCP, "nodes", (12250, 12250)): {"pod to workload identity"},
    ("api", "INGRESS", ICMP, "nodes", None): {"path discovery, pod to API"},
    ("api", "EGRESS", TCP, ALL, (443, 443)): {"API to services"},
    ("api", "EGRESS", TCP, "nodes", None): {"API to pod"},
    ("api", "EGRESS", ICMP, "nodes", None): {"path discovery, API to pod"},
}


class Network:
    """The site's groups, rules and VNICs, by the API."""

    def __init__(self, site: Site) -> None:
        self.region = site.region
        self.client = site.region.client(oci.core.VirtualNetworkClient)
        place = site.region.compartment_id
        groups = self.client.list_network_security_groups(compartment_id=place).data
        self.groups = {group.display_name: group.id for group in groups}
        self.names = {identifier: name for name, identifier in self.groups.items()}
        (vcn,) = self.client.list_vcns(place).data
        self.vcn_id = vcn.id

    def rules(self, group: str) -> list[Rule]:
        return list(self.client.list_network_security_group_security_rules(self.groups[group]).data)

    def key(self, group: str, rule: Rule) -> tuple[str, str, str, str, tuple[int, int] | None]:
        """What a rule is known by in this test."""
        options = rule.tcp_options or rule.udp_options
        span = options and options.destination_port_range
        peer = rule.source or rule.destination
        peer = self.names.get(peer, ALL if peer.startswith("all-") else peer)
        peer = "clients" if rule.direction == "INGRESS" and "/" in peer else peer
        return group, rule.direction, rule.protocol, peer, (span.min, span.max) if span else None

    @contextlib.contextmanager
    def without(self, group: str, rule: Rule) -> Iterator[None]:
        """The group without a rule, which comes back."""
        models = oci.core.models
        gone = models.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=[rule.id])
        self.client.remove_network_security_group_security_rules(self.groups[group], gone)
        try:
            yield
        finally:
            names = models.AddSecurityRuleDetails().attribute_map
            again = models.AddSecurityRuleDetails(**{name: getattr(rule, name) for name in names})
            self.client.add_network_security_group_security_rules(
                self.groups[group], models.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=[again])
            )

    def place(self, vnic: Any) -> tuple[str, str]:
        """The namespace and the address of a VNIC."""
        name = hashlib.sha256(vnic.id.encode()).hexdigest()[:10]
        return f"okestack-{self.region.name}-{name}", vnic.private_ip

    def places(self) -> dict[str, tuple[str, str]]:
        """Namespace and address of each place."""
        root = f"okestack-{self.region.name}"
        found = {"outside": (root, CLIENT_ADDRESS), "services": (root, SERVICE_ADDRESS)}
        pods = []
        for group, identifier in self.groups.items():
            for row in self.client.list_network_security_group_vnics(identifier).data:
                place = self.place(self.client.get_vnic(row.vnic_id).data)
                if group != "nodes":
                    found[group] = place
                elif namespaces.exists(place[0]):  # a node's address is the region's own
                    pods.append(place)
        found["pod"], found["other"] = pods[:2]
        return found


@dataclass
class Walk:
    """Tries hops."""

    places: dict[str, tuple[str, str]]
    standing: dict[tuple[str, str, int], socket.socket] = field(default_factory=dict)

    def opened(self, place: str, kind: int, protocol: int = 0) -> socket.socket:
        netns, address = self.places[place]
        made = namespaces.inside(netns, lambda: socket.socket(socket.AF_INET, kind, protocol))
        made.setblocking(False)
        made.bind((address, 0))
        return made

    async def connected(self, hop: Hop) -> socket.socket | None:
        one = self.opened(hop.source, socket.SOCK_STREAM)
        loop = asyncio.get_running_loop()
        try:
            await asyncio.wait_for(loop.sock_connect(one, (self.places[hop.target][1], hop.port)), _SECONDS)
        except (OSError, TimeoutError):
            one.close()
            return None
        return one

    async def passes(self, hop: Hop) -> bool:
        """Whether what the hop is for comes through."""
        if hop.protocol == ICMP:
            return await self.discovers(hop)
        if hop.protocol == TCP:
            one = await self.connected(hop)
            if one:
                one.close()
            return one is not None
        one = self.opened(hop.source, socket.SOCK_DGRAM)
        loop = asyncio.get_running_loop()
        try:
            one.connect((self.places[hop.target][1], hop.port))
            await loop.sock_sendall(one, b"x")
            return await asyncio.wait_for(loop.sock_recv(one, 1), _SECONDS) == b"x"
        except (OSError, TimeoutError):
            return False
        finally:
            one.close()

    async def stand(self, source: str, target: str, port: int) -> None:
        """A connection that path discovery is about."""
        one = await self.connected(Hop(source, target, port))
        assert one, f"{source} to {target}:{port}"
        self.standing[source, target, port] = one

    async def discovers(self, hop: Hop) -> bool:
        """Whether 'fragmentation needed' about a packet of an open connection reaches the packet's sender."""
        ends = (hop.source, hop.target)
        one = self.standing.get((*ends, hop.port)) or self.standing[*ends[::-1], hop.port]
        near, far = one.getsockname(), one.getpeername()
        if near[0] != self.places[hop.source][1]:
            near, far = far, near
        packed = [socket.inet_aton(end[0]) for end in (far, near)]
        cited = struct.pack("!BBHHHBBH", 0x45, 0, 1500, 0, 0x4000, 64, 6, 0) + packed[0] + packed[1]
        cited += struct.pack("!HHI", far[1], near[1], 0)
        sent = icmp(3, 4, struct.pack("!HH", 0, 1400) + cited)
        listening = self.opened(hop.target, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        sending = self.opened(hop.source, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_SECONDS):
                await loop.sock_sendto(sending, sent, (far[0], 0))
                while True:
                    message = (await loop.sock_recv(listening, 500))[20:]
                    if message[:2] == b"\x03\x04" and message[8:] == cited:
                        return True
        except (OSError, TimeoutError):
            return False
        finally:
            listening.close()
            sending.close()

    async def broken(self) -> set[str]:
        """The hops that nothing comes through."""
        passed = await asyncio.gather(*(self.passes(hop) for hop in HOPS.values()))
        return {name for name, came in zip(HOPS, passed, strict=True) if not came}


@contextlib.asynccontextmanager
async def answering(walk: Walk) -> AsyncIterator[None]:
    """Answer where no program of the site does."""
    servers: list[Any] = []
    for hop in set(HOPS.values()):
        netns, address = walk.places[hop.target]
        if hop.protocol == TCP and hop.port in (NODE_PORT, HEALTH_PORT, ANY_PORT, 33060, 80):
            with contextlib.suppress(OSError):  # the load balancer may listen at 80 itself
                listening = namespaces.listen_in(netns, address, hop.port)
                servers.append(await asyncio.start_server(lambda _r, w: w.close(), sock=listening))
        elif hop.protocol == UDP:
            one = namespaces.socket_in(netns, socket.AF_INET, socket.SOCK_DGRAM)
            one.bind((address, hop.port))
            transport, _protocol = await asyncio.get_running_loop().create_datagram_endpoint(Echo, sock=one)
            servers.append(transport)
    try:
        yield
    finally:
        for server in servers:
            server.close()


def told(region: Region, vcn_id: str, compartment_id: str) -> dict[str, Any]:
    """What okestack.oci.network_path says of pods and the database."""
    parties = [{"name": "pods", "groups": ["nodes"], "subnet": "pods"}, {"name": "db", "groups": ["mysql"]}]
    options = {
        "vcn_id": vcn_id, "compartment_id": compartment_id, "parties": parties,
        "flows": [{"source": "pods", "destination": "db", "protocol": "tcp", "ports": ["3306"]}],
        "config_file": str(region.config_file), "endpoints": {"default": region.endpoint}, "region": "local-1",
    }  # fmt: skip
    ended = subprocess.run(
        [BIN / "ansible", "localhost", "-m", "okestack.oci.network_path", "-a", json.dumps(options)],
        cwd=ROOT, env=region.env, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert "=>" in ended.stdout, ended.stdout + ended.stderr
    (answer,) = yaml.safe_load(ended.stdout.partition("=>")[2])["flows"]
    return dict(answer)


def run(work: Callable[[], Any]) -> Any:
    return asyncio.run(work())


@pytest.fixture
def network(site: Site) -> Network:
    return Network(site)


def test_without_a_rule_just_its_hop_is_broken(network: Network) -> None:
    """The rule for the internet is away meanwhile: it lets pass what most of the pods' rules do."""
    found = {group: network.rules(group) for group in network.groups}
    known = {network.key(group, rule): (group, rule) for group, rules in found.items() for rule in rules}
    assert set(known) == {*BREAKS, INTERNET}

    async def body() -> dict[Any, set[str]]:
        walk = Walk(network.places())
        seen = {}
        async with answering(walk):
            for ends in (("pod", "api", 6443), ("pod", "services", 443)):
                await walk.stand(*ends)
            with network.without(*known[INTERNET]):
                await asyncio.sleep(0.5)
                assert await walk.broken() == set()
                for key in BREAKS:
                    with network.without(*known[key]):
                        await asyncio.sleep(0.3)
                        seen[key] = await walk.broken()
                await asyncio.sleep(0.3)
                assert await walk.broken() == set()
        return seen

    assert run(body) == BREAKS


def test_the_analysis_names_what_is_missing(network: Network, site: Site) -> None:
    place = site.region.compartment_id
    (rule,) = [r for r in network.rules("mysql") if r.tcp_options.destination_port_range.min == 3306]
    assert told(site.region, network.vcn_id, place)["verdict"] == "reachable"
    with network.without("mysql", rule):
        answer = told(site.region, network.vcn_id, place)
    assert answer["verdict"] == "blocked" and "no ingress rule of group mysql" in json.dumps(answer)


def test_the_site_answers_with_the_rules_back(site: Site) -> None:
    with site.http as http:
        assert http.post("/api/items", json={"name": "after the rules"}).status_code == 201
