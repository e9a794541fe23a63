"""Packets in namespaces of the fabric, and what the documents of the network say of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localregion.backends.flow_records import Flow, FlowReader
from localregion.backends.mirrors import PORT, Mirror
from localregion.backends.node_ports import PROXY_HEALTH_PORT, NodePort
from localregion.backends.packet_filter import Documents, mac
from localregion.host import namespaces
from tests.integration.localregion.backends.filter_lab import Lab, Place, lab

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

Doc = dict[str, Any]
PLACES = {
    "lb": Place("lb", "10.7.1.0/24", "10.7.1.10"),
    "pod": Place("pods", "10.7.2.0/24", "10.7.2.10"),
    "other": Place("pods", "10.7.2.0/24", "10.7.2.11"),
    "stranger": Place("pods", "10.7.2.0/24", "10.7.2.12"),
    "db": Place("db", "10.7.3.0/24", "10.7.3.10"),
    "alien": Place("alien", "10.8.1.0/24", "10.8.1.10"),
}
MEMBERS = {"lb": ["lb"], "pod": ["pods"], "other": ["pods"], "db": ["db"], "alien": ["alien"]}
TCP, UDP, ICMP = "6", "17", "1"
PORTS = (80, 443, 3306)


def rule(direction: str, peer: str, protocol: str = TCP, ports: tuple[int, int] | None = None, **more: Any) -> Doc:
    """A rule of a group: a peer is a block, or else a group's name."""
    side = "source" if direction == "INGRESS" else "destination"
    kind = "CIDR_BLOCK" if "/" in peer else "NETWORK_SECURITY_GROUP"
    made: Doc = {"direction": direction, side: peer, f"{side}Type": kind, "protocol": protocol, "isStateless": False}
    if ports:
        made["tcpOptions" if protocol == TCP else "udpOptions"] = {
            "destinationPortRange": {"min": ports[0], "max": ports[1]}
        }
    return {**made, **more}


GROUPS: dict[str, list[Doc]] = {
    "lb": [
        rule("INGRESS", "203.0.113.0/24", ports=(443, 443)),
        rule("EGRESS", "pods", ports=(80, 80)),
    ],
    "pods": [
        rule("INGRESS", "pods", "all"), rule("EGRESS", "pods", "all"),
        rule("INGRESS", "lb", ports=(80, 80)),
        rule("EGRESS", "db", ports=(3306, 3306)),
        rule("EGRESS", "198.18.0.0/15", ports=(443, 443)),
    ],
    "db": [rule("INGRESS", "pods", ports=(3306, 3306))],
    "alien": [rule("INGRESS", "0.0.0.0/0", "all"), rule("EGRESS", "0.0.0.0/0", "all")],
}  # fmt: skip


def documents(**changes: Any) -> Documents:
    """A load balancer, two pods of a group and a stranger, a database; and another VCN that lets all pass."""
    subnets: list[Doc] = [
        {"id": place.subnet, "vcnId": "far" if place.subnet == "alien" else "vcn", "cidrBlock": place.block,
         "routeTableId": f"{place.subnet}-routes", "securityListIds": []}
        for place in {place.subnet: place for place in PLACES.values()}.values()
    ]  # fmt: skip
    vnics = [
        {"id": name, "privateIp": place.address, "subnetId": place.subnet, "nsgIds": MEMBERS.get(name, []),
         "publicIp": "127.81.1.1" if name == "lb" else None}
        for name, place in PLACES.items()
    ]  # fmt: skip
    made = Documents(
        vcns=[{"id": "vcn", "cidrBlocks": ["10.7.0.0/16"]}, {"id": "far", "cidrBlocks": ["10.8.0.0/16"]}],
        subnets=subnets,
        route_tables=[
            {"id": "lb-routes", "routeRules": [{"destination": "0.0.0.0/0", "networkEntityId": "internet"}]},
            {"id": "pods-routes", "routeRules": [
                {"destination": "all-lcl-services", "destinationType": "SERVICE_CIDR_BLOCK", "networkEntityId": "osn"},
                {"destination": "0.0.0.0/0", "networkEntityId": "nat"},
            ]},
            {"id": "db-routes", "routeRules": []},
        ],
        gateways={
            "internet_gateway": [{"id": "internet", "vcnId": "vcn", "isEnabled": True}],
            "nat_gateway": [{"id": "nat", "vcnId": "vcn", "blockTraffic": False}],
            "service_gateway": [{"id": "osn", "vcnId": "vcn", "blockTraffic": False, "services": [{"serviceId": "s"}]}],
        },
        groups=GROUPS,
        vnics=vnics,
        services={"s": "all-lcl-services"},
    )  # fmt: skip
    return replace(made, **changes)


FLOWS = [
    ("pod", "db", 3306, True), ("pod", "db", 80, False), ("stranger", "db", 3306, False), ("lb", "db", 3306, False),
    ("pod", "other", 80, True), ("stranger", "other", 80, False), ("pod", "stranger", 80, False),
    ("lb", "pod", 80, True), ("lb", "pod", 443, False), ("db", "pod", 80, False),
    ("outside", "lb", 443, True), ("outside", "lb", 80, False), ("outside", "pod", 80, False),
    ("outside", "alien", 80, False),
    ("pod", "services", 443, True), ("db", "services", 443, False), ("lb", "services", 443, False),
    ("alien", "pod", 80, False), ("pod", "alien", 80, False), ("alien", "services", 443, False),
]  # fmt: skip


async def check(made: Lab, flows: list[tuple[str, str, int, bool]]) -> None:
    found = await asyncio.gather(*(made.passes(*flow[:3]) for flow in flows))
    assert [(*flow[:3], got) for flow, got in zip(flows, found, strict=True)] == flows


def test_packets_pass_as_the_documents_say(tmp_path: Path) -> None:
    async def body() -> None:
        async with lab(tmp_path, PLACES, PORTS) as made:
            await made.fabric.filter(documents())
            await check(made, FLOWS)

    asyncio.run(body())


def test_a_rule_that_goes_ends_connections_that_stand(tmp_path: Path) -> None:
    async def body() -> None:
        async with lab(tmp_path, PLACES, PORTS) as made:
            await made.fabric.filter(documents())
            one = await made.connect("pod", "db", 3306)
            assert one
            await made.fabric.filter(documents(groups={**GROUPS, "db": []}))
            assert not await made.echo(one)
            assert not await made.passes("pod", "db", 3306)
            await made.fabric.filter(documents())
            assert await made.echo(one, 5)

    asyncio.run(body())


def test_stateless_rules_need_a_rule_for_answers(tmp_path: Path) -> None:
    async def body() -> None:
        async with lab(tmp_path, PLACES, PORTS) as made:
            there = rule("INGRESS", "pods", ports=(3306, 3306), isStateless=True)
            ports = {"sourcePortRange": {"min": 3306, "max": 3306}}
            back = rule("EGRESS", "pods", isStateless=True, tcpOptions=ports)
            await made.fabric.filter(documents(groups={**GROUPS, "db": [there]}))
            assert not await made.passes("pod", "db", 3306)
            await made.fabric.filter(documents(groups={**GROUPS, "db": [there, back]}))
            assert await made.passes("pod", "db", 3306)

    asyncio.run(body())


@pytest.mark.parametrize(
    ("gateway", "change", "flow"),
    [
        ("internet_gateway", {"isEnabled": False}, ("outside", "lb", 443)),
        ("service_gateway", {"blockTraffic": True}, ("pod", "services", 443)),
        ("service_gateway", {"services": []}, ("pod", "services", 443)),
    ],
)
def test_gateways_that_are_closed(tmp_path: Path, gateway: str, change: Doc, flow: tuple[str, str, int]) -> None:
    async def body() -> None:
        async with lab(tmp_path, PLACES, PORTS) as made:
            now = documents()
            await made.fabric.filter(now)
            assert await made.passes(*flow)
            closed = {**now.gateways, gateway: [{**now.gateways[gateway][0], **change}]}
            await made.fabric.filter(replace(now, gateways=closed))
            assert not await made.passes(*flow)

    asyncio.run(body())


@pytest.mark.parametrize("spread", [True, False])
def test_node_ports_are_judged_as_they_were_asked_for(tmp_path: Path, spread: bool) -> None:
    """Rules are about a pod's address and the node port, not about the port that it leads to."""

    async def body() -> None:
        async with lab(tmp_path, PLACES, PORTS) as made:
            await made._serve(made.fabric.root, "0.0.0.0", PROXY_HEALTH_PORT)
            pod = PLACES["pod"].address
            await made.fabric.lead_node_ports(
                [
                    NodePort(pod, "tcp", 30443, 443, spread=spread),
                    NodePort(pod, "tcp", 30080, 80, spread=spread),
                    NodePort(pod, "tcp", 31000, PROXY_HEALTH_PORT, health=True),
                    NodePort(pod, "tcp", PROXY_HEALTH_PORT, PROXY_HEALTH_PORT, health=True),
                ]
            )
            for ports, passing in (((30443, 31000), {30443, 31000}), ((80, 80), {80}), ((10256, 10256), {10256})):
                both = {
                    "lb": [rule("EGRESS", "pods", ports=ports)],
                    "pods": [rule("INGRESS", "lb", ports=ports)],
                }
                await made.fabric.filter(documents(groups={**GROUPS, **both}))
                tried = [("lb", "pod", port, port in passing) for port in (80, 443, 30080, 30443, 31000, 10256)]
                await check(made, [*tried, ("db", "pod", 30443, False), ("db", "pod", 31000, False)])
                for end in both:  # one end's rules alone are not enough
                    await made.fabric.filter(documents(groups={**GROUPS, **both, end: []}))
                    await check(made, [(*flow[:3], False) for flow in tried])

    asyncio.run(body())


def test_nobody_sends_under_anothers_address(tmp_path: Path) -> None:
    async def body() -> None:
        async with lab(tmp_path, PLACES, PORTS) as made:
            await made.fabric.filter(documents())
            await made.fabric._ip("addr add 10.7.2.99/24 dev eth0", netns=made.netns["stranger"])
            one = made.fabric.socket_in(made.netns["stranger"])
            one.bind(("10.7.2.99", 0))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().sock_connect(one, (PLACES["db"].address, 3306)), 0.4)
            one.close()

    asyncio.run(body())


def _frame(source: str, target: bytes, kind: int, payload: bytes) -> bytes:
    return target + bytes.fromhex(source.replace(":", "")) + struct.pack("!H", kind) + payload


def _claim(card: str, address: str) -> bytes:
    """An answer that nobody asked for: an address is at a card."""
    mine = bytes.fromhex(card.replace(":", "")) + socket.inet_aton(address)
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + mine + b"\xff" * 6 + socket.inet_aton(address)


@pytest.mark.parametrize("attack", ["its address by ARP", "its card", "its card, by frames of no protocol"])
def test_a_neighbour_cannot_take_what_is_for_another(tmp_path: Path, attack: str) -> None:
    """NET_RAW is a pod's by the service's list, so it can send any frame."""
    own, victim = PLACES["stranger"].address, PLACES["other"].address
    everybody = b"\xff" * 6
    frames = {
        "its address by ARP": _frame(mac(own), everybody, 0x0806, _claim(mac(own), victim)),
        "its card": _frame(mac(victim), everybody, 0x0806, _claim(mac(victim), own)),
        "its card, by frames of no protocol": _frame(mac(victim), everybody, 0x88B5, bytes(46)),
    }

    async def body() -> None:
        async with lab(tmp_path, PLACES, PORTS) as made:
            await made.fabric.filter(documents())
            assert await made.passes("pod", "other", 80)
            raw = namespaces.inside(
                made.netns["stranger"], lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            )
            with raw:
                raw.bind(("eth0", 0))
                for _ in range(3):
                    raw.send(frames[attack])
                await asyncio.sleep(0.1)
                # What is sent to the victim still gets there, and nothing of it to the neighbour.
                raw.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        raw.recv(2000)
                assert await made.passes("pod", "other", 80)
                seen = []
                with contextlib.suppress(BlockingIOError):
                    while True:
                        seen.append(raw.recv(2000))
            assert not [frame for frame in seen if frame[:6] == bytes.fromhex(mac(victim).replace(":", ""))]

    asyncio.run(body())


def test_flows_are_seen_at_both_ends(tmp_path: Path) -> None:
    """What passes is recorded at both VNICs, what the rules at one end drop is refused there."""

    async def body() -> set[tuple[str, str, str, int, str]]:
        async with lab(tmp_path, PLACES, PORTS) as made:
            await made.fabric.filter(documents())
            reader = FlowReader(made.fabric.root, lambda: {place.address for place in PLACES.values()})
            await reader.start()
            seen: list[Flow] = []
            try:
                assert await made.passes("pod", "db", 3306)
                assert not await made.passes("pod", "db", 443)
                assert not await made.passes("alien", "stranger", 80)
                assert not await made.passes("lb", "pod", 443)
                async with asyncio.timeout(60):
                    while not {"10.7.1.10", "10.7.2.10", "10.7.3.10"} <= {flow.address for flow in seen}:
                        seen += await reader.flows()
                        await asyncio.sleep(0.1)
            finally:
                reader.stop()
            assert all(flow.packets > 0 and flow.size > 0 for flow in seen)
            return {
                (flow.address, flow.packet.source, flow.packet.destination, flow.packet.port, flow.action)
                for flow in seen
                if flow.packet.port in PORTS
            }

    found = asyncio.run(body())
    pod, db, lb = (PLACES[name].address for name in ("pod", "db", "lb"))
    assert found == {
        (pod, pod, db, 3306, "ACCEPT"),
        (db, pod, db, 3306, "ACCEPT"),
        (pod, pod, db, 443, "REJECT"),
        (lb, lb, pod, 443, "REJECT"),
    }


def test_a_vtap_copies_what_its_filter_chooses(tmp_path: Path) -> None:
    """In VXLAN to the target, the frame inside: what the pod sends to the database's port, and the answers."""

    async def body() -> set[tuple[str, str, bool]]:
        async with lab(tmp_path, PLACES, PORTS) as made:
            await made.fabric.filter(documents())
            rules = [
                {"trafficDirection": way, "ruleAction": "INCLUDE", "protocol": "6",
                 "tcpOptions": {side: {"min": 3306, "max": 3306}}}
                for way, side in (("EGRESS", "destinationPortRange"), ("INGRESS", "sourcePortRange"))
            ]  # fmt: skip
            vtap = Mirror("vtap", 4711, PLACES["stranger"].address, "10.7.2.1", ("pod",), rules)
            await made.fabric.mirror([vtap])
            target = made.fabric.socket_in(made.netns["stranger"], socket.AF_INET, socket.SOCK_DGRAM)
            target.bind((PLACES["stranger"].address, PORT))
            loop = asyncio.get_running_loop()
            seen: set[tuple[str, str, bool]] = set()
            try:
                assert await made.passes("pod", "other", 80)
                assert await made.passes("pod", "db", 3306)
                async with asyncio.timeout(60):
                    while len(seen) < 2:
                        copied = await loop.sock_recv(target, 9000)
                        assert int.from_bytes(copied[4:7], "big") == 4711
                        inner = copied[8 + 14 :]
                        ports = struct.unpack("!HH", inner[20:24])
                        ends = socket.inet_ntoa(inner[12:16]), socket.inet_ntoa(inner[16:20])
                        seen.add((*ends, inner[9] == socket.IPPROTO_TCP and 3306 in ports))
            finally:
                target.close()
            await made.fabric.mirror([])
            assert await made.passes("pod", "db", 3306)
            return seen

    pod, db = (PLACES[name].address for name in ("pod", "db"))
    assert asyncio.run(body()) == {(pod, db, True), (db, pod, True)}
