# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of one packet and of what answers it, and which documents decide: the table of `packet_filter` in words.

Both are made of the same pieces (`packet_filter.Decisions`), so what is said here is what the kernel does; a test holds
it against packets, and against the collection's analysis, which is written without it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace

from localregion.backends.packet_filter import INTERNET, SERVICES, Decisions, Document, Route

ICMP, TCP, UDP = 1, 6, 17
_ECHO, _ECHO_REPLY = 8, 0
_WORDS = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP"}
_INTERNET, _SERVICES = ipaddress.IPv4Network(INTERNET), ipaddress.IPv4Network(SERVICES)


@dataclass(frozen=True)
class Packet:
    """One packet. Ports and ICMP's kinds are None where nobody said: what they decide about is then partial."""

    source: str
    destination: str
    protocol: int
    source_port: int | None = None
    port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None

    @property
    def reply(self) -> Packet | None:
        """What comes back; None where nothing does (an ICMP message other than an echo request)."""
        back = replace(
            self, source=self.destination, destination=self.source, source_port=self.port, port=self.source_port
        )
        if self.protocol != ICMP:
            return back
        return replace(back, icmp_type=_ECHO_REPLY, icmp_code=0) if self.icmp_type in (_ECHO, None) else None


@dataclass(frozen=True)
class End:
    """Who sends or is asked: an address, its subnet (None: outside of all VCNs), the VNIC that has it."""

    address: str
    subnet: Document | None = None
    vnic: Document | None = None


@dataclass(frozen=True)
class Secured:
    """What security lists and groups say at one end. ``rule`` and the ``owner`` it is of: what lets the packet pass,
    None: nothing does. ``tracked``: it passes as an answer, and the rule is that of the way there."""

    direction: str
    rule: Document | None = None
    owner: str = ""
    partial: bool = False
    tracked: bool = False


@dataclass(frozen=True)
class Routed:
    """Where a subnet's routes lead. ``rule``: of its table, None: the VCN's own. ``gateway``: kind and document."""

    passes: bool
    rule: Document | None = None
    gateway: tuple[str, Document] | None = None
    why: str = ""


@dataclass(frozen=True)
class Hop:
    """What a packet meets on one way: at the end it leaves, on the way, at the end it comes to."""

    packet: Packet
    source: End
    destination: End
    egress: Secured | None = None
    routed: Routed | None = None
    entrance: Routed | None = None
    """How it comes in from outside."""
    ingress: Secured | None = None

    @property
    def passes(self) -> bool:
        ways = (self.routed, self.entrance)
        rules = (self.egress, self.ingress)
        return all(way is None or way.passes for way in ways) and all(one is None or one.rule for one in rules)

    @property
    def partial(self) -> bool:
        """Whether it hangs on something that the question leaves open."""
        return any(one is not None and one.partial for one in (self.egress, self.ingress))

    def text(self) -> str:
        """What decides, in words: what stops the packet, or all that lets it pass."""
        found = list(_texts(self))
        stopping = [text for passes, text in found if not passes]
        return f"{stopping[0]}." if stopping else "; ".join(text for _passes, text in found) + "."


class Paths:
    """Decides about packets by a region's documents."""

    def __init__(self, decisions: Decisions) -> None:
        self.decisions = decisions

    def end(self, address: str, subnet_id: str | None = None) -> End:
        """Who has an address. ``subnet_id``: the subnet to take it for. Raises ValueError where it is not in it."""
        number = ipaddress.IPv4Address(address)
        for subnet in self.decisions.subnets.values():
            if number in ipaddress.IPv4Network(subnet["cidrBlock"]) and subnet_id in (None, subnet["id"]):
                vnic = next((one for one in self.decisions.vnics if one["privateIp"] == address), None)
                return End(address, subnet, vnic)
        if subnet_id is not None:
            raise ValueError(f"{address} is not in the subnet {subnet_id}")
        return End(address)

    def there(self, source: End, destination: End, packet: Packet) -> Hop:
        """What a connection's first packet meets."""
        hop = Hop(packet, source, destination)
        if source.subnet:
            hop = replace(
                hop, egress=self._secured("EGRESS", source, packet), routed=self._routed(source, packet, answers=False)
            )
        elif destination.subnet:
            hop = replace(hop, entrance=self._entrance(source, destination))
        if destination.subnet:
            hop = replace(hop, ingress=self._secured("INGRESS", destination, packet))
        return hop

    def back(self, there: Hop) -> Hop | None:
        """What the answer to a packet meets; None where nothing answers it."""
        reply = there.packet.reply
        if reply is None:
            return None
        source, destination = there.destination, there.source
        hop = Hop(reply, source, destination)
        if source.subnet:
            egress = self._answered("EGRESS", source, reply, there.ingress)
            hop = replace(hop, egress=egress, routed=self._routed(source, reply, answers=True))
        if destination.subnet:
            hop = replace(hop, ingress=self._answered("INGRESS", destination, reply, there.egress))
        return hop

    def _answered(self, direction: str, end: End, packet: Packet, first: Secured | None) -> Secured:
        """An answer passes by the stateful rule that let the question pass there, else by rules of its own."""
        if first is not None and first.rule is not None and not first.rule.get("isStateless"):
            return replace(first, direction=direction, tracked=True)
        return self._secured(direction, end, packet)

    def _secured(self, direction: str, end: End, packet: Packet) -> Secured:
        assert end.subnet is not None
        groups, lists = self.owners(end)
        other = packet.destination if direction == "EGRESS" else packet.source
        partial: Secured | None = None
        rules = [each for each in self.decisions.rules(groups, lists) if each[1]["direction"] == direction]
        for owner, rule in sorted(rules, key=lambda each: not each[1].get("isStateless")):
            fits = self._fits(rule, packet, other)
            if fits:
                return Secured(direction, rule, owner)
            if fits is None and partial is None:
                partial = Secured(direction, rule, owner, partial=True)
        return partial or Secured(direction)

    @staticmethod
    def owners(end: End) -> tuple[list[str], list[str]]:
        """The groups and security lists that are asked at an end."""
        groups = sorted((end.vnic or {}).get("nsgIds") or [])
        return groups, sorted((end.subnet or {}).get("securityListIds") or [])

    def _fits(self, rule: Document, packet: Packet, other: str) -> bool | None:
        """Whether a rule lets a packet pass whose other end has an address; None: that depends on what is not said."""
        if str(rule["protocol"]) not in ("all", str(packet.protocol)) or not self._meets(rule, other):
            return False
        if str(rule["protocol"]) == "all":
            return True
        wanted: list[tuple[int | None, range]] = []
        options = rule.get("tcpOptions") or rule.get("udpOptions") or {}
        for name, port in (("sourcePortRange", packet.source_port), ("destinationPortRange", packet.port)):
            if span := options.get(name):
                wanted.append((port, range(span["min"], span["max"] + 1)))
        if kind := rule.get("icmpOptions"):
            wanted.append((packet.icmp_type, range(kind["type"], kind["type"] + 1)))
            if kind.get("code") is not None:
                wanted.append((packet.icmp_code, range(kind["code"], kind["code"] + 1)))
        if any(value is not None and value not in span for value, span in wanted):
            return False
        return None if any(value is None for value, _span in wanted) else True

    def _meets(self, rule: Document, other: str) -> bool:
        side = "source" if rule["direction"] == "INGRESS" else "destination"
        value, kind = str(rule[side]), rule.get(f"{side}Type") or "CIDR_BLOCK"
        if kind == "NETWORK_SECURITY_GROUP":
            return any(one["privateIp"] == other and value in (one.get("nsgIds") or []) for one in self.decisions.vnics)
        if kind == "SERVICE_CIDR_BLOCK":
            return value.startswith("all-") and ipaddress.IPv4Address(other) in _SERVICES
        return ":" not in value and ipaddress.IPv4Address(other) in ipaddress.IPv4Network(value)

    def _routed(self, end: End, packet: Packet, *, answers: bool) -> Routed:
        """Where the longest prefix of a subnet's routes leads."""
        assert end.subnet is not None
        address = ipaddress.IPv4Address(packet.destination)
        inside = any(address in block for block in self.decisions.blocks())
        for route in self.decisions.routes(end.subnet):
            if address in route.block:
                return self._led(route, end, inside=inside, answers=answers)
        return Routed(passes=False, why="no route")

    def _led(self, route: Route, end: End, *, inside: bool, answers: bool) -> Routed:
        if route.rule is None:
            return Routed(passes=True)
        gateway = self.decisions.gateways.get(route.rule["networkEntityId"])
        kind, why = self.decisions.leads(route.rule["networkEntityId"], answers=answers)
        if not why and inside:
            why = "the destination is in a VCN"
        if not why and kind == "internet_gateway" and not self._public(end):
            why = f"{end.address} has no public IP"
        return Routed(not why, route.rule, gateway, why)

    def _public(self, end: End) -> bool:
        return end.vnic is not None and self.decisions.public(end.vnic)

    def _entrance(self, source: End, destination: End) -> Routed:
        """How something from outside of all VCNs comes in: by the internet gateway to a public address."""
        if ipaddress.IPv4Address(source.address) in _SERVICES:
            return Routed(passes=False, why="Oracle's services open no connections into a VCN")
        assert destination.subnet is not None
        vcn = destination.subnet["vcnId"]
        found = [each for each in self.decisions.gateways.values() if each[1]["vcnId"] == vcn]
        gateway = next((each for each in found if each[0] == "internet_gateway"), None)
        if gateway is None:
            return Routed(passes=False, why="the VCN has no internet gateway")
        _kind, why = self.decisions.leads(gateway[1]["id"], answers=False)
        if not why and not self._public(destination):
            why = f"{destination.address} has no public IP"
        return Routed(not why, gateway=gateway, why=why)


def _texts(hop: Hop) -> Iterator[tuple[bool, str]]:
    """What a packet meets, in order: whether it passes, and by or for what."""
    what = _WORDS.get(hop.packet.protocol, f"protocol {hop.packet.protocol}")
    if hop.packet.port is not None:
        what += f" {hop.packet.port}"

    def secured(one: Secured, end: End) -> tuple[bool, str]:
        way = "out of" if one.direction == "EGRESS" else "into"
        if one.rule is None:
            asked = ", ".join(each for owners in Paths.owners(end) for each in owners) or "no list and no group"
            return False, f"no {one.direction.lower()} rule of {asked} lets {what} {way} {end.address}"
        if one.tracked:
            return True, f"the answer is let {way} {end.address} by {_named(one)}, which is stateful"
        return True, f"{_named(one)} lets {what} {way} {end.address}"

    if hop.egress:
        yield secured(hop.egress, hop.source)
    for routed in (hop.routed, hop.entrance):
        if routed is None:
            continue
        by = f"the {routed.gateway[0].replace('_', ' ')} {routed.gateway[1]['id']}" if routed.gateway else ""
        if routed.rule is not None:
            subnet = hop.source.subnet or {}
            to = by or str(routed.rule["networkEntityId"])
            by = f"the route to {routed.rule['destination']} of {subnet.get('routeTableId')} by {to}"
        elif hop.source.subnet and not routed.why:
            by = "local: both ends are in the VCN"
        elif hop.source.subnet:
            by = f"the route table {hop.source.subnet.get('routeTableId')}"
        yield routed.passes, f"{by} ({routed.why})" if by and routed.why else by or routed.why
    if hop.ingress:
        yield secured(hop.ingress, hop.destination)


def _named(one: Secured) -> str:
    rule = one.rule or {}
    identifier = f"rule {rule['id']} of " if rule.get("id") else f"the {one.direction.lower()} rules of "
    return f"{identifier}{one.owner}"


__all__ = ["ICMP", "TCP", "UDP", "End", "Hop", "Packet", "Paths", "Routed", "Secured"]
