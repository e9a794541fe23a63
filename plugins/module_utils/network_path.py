# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network lets pass: a pure function from a VCN's documents to answers. No I/O, no Ansible, no SDK.

A party is somebody at one end: addresses of a subnet with the groups of their VNICs, addresses outside of the VCN, or
services of Oracle. Traffic between two of them is cut into classes that no rule and no route tells apart (addresses,
protocols, ports, kinds of ICMP); one packet of each class is decided, so an answer holds for all of it. Rules and
routes are those of the service: security lists and groups add up, a stateless rule goes before a stateful one, the
longest prefix decides a route, what stays in the VCN needs none. IPv4 only, as virtual nodes are.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

Document = dict[str, Any]
Span = tuple[int, int]
"""A range of numbers (addresses, ports), both ends included."""

ICMP, TCP, UDP = 1, 6, 17
NUMBERS = {"icmp": ICMP, "tcp": TCP, "udp": UDP}
_WORDS = {v: k for k, v in NUMBERS.items()}
_OTHER_PROTOCOL = 254
"""Stands for each protocol that no rule names (for experiments, by its RFC)."""
PORTS: Span = (1, 65535)
CLIENT_PORTS: Span = (1024, 65535)
"""Where connections come from, unless said otherwise."""
ECHO, ECHO_REPLY = 8, 0

OPEN, CLOSED, UNDECIDED = "open", "closed", "undecided"
REACHABLE, BLOCKED, PARTLY = "reachable", "blocked", "partly"
_VERDICTS = {OPEN: REACHABLE, CLOSED: BLOCKED, UNDECIDED: UNDECIDED}

_INTERNAL = tuple(
    ipaddress.ip_network(n)
    for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")
)
"""Addresses that nothing on the internet has."""
_OTHER_GATEWAYS = {
    "drg": "a DRG",
    "localpeeringgateway": "a local peering gateway",
    "privateip": "a private IP",
    "vnic": "a VNIC",
}


# --- what there is -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Network:
    """A VCN's documents as the API shows them, each kind by OCID (declared ones by whatever they are named by).

    A group's document holds its ``security_rules``; gateways are of all kinds together, each with ``kind``
    (``internet_gateway`` and so on); ``services``: a service's OCID -> its CIDR label.
    """

    vcn: Document
    subnets: Mapping[str, Document] = field(default_factory=dict)
    route_tables: Mapping[str, Document] = field(default_factory=dict)
    security_lists: Mapping[str, Document] = field(default_factory=dict)
    groups: Mapping[str, Document] = field(default_factory=dict)
    gateways: Mapping[str, Document] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def blocks(self) -> tuple[Span, ...]:
        """The VCN's addresses."""
        return tuple(span_of(b) for b in self.vcn.get("cidr_blocks") or [])

    @cached_property
    def _rules(self) -> dict[tuple[str, str], tuple[Rule, ...]]:
        return {}

    def rules(self, kind: str, identifier: str) -> tuple[Rule, ...]:
        """The rules of a ``security_list`` or a ``network_security_group``, read once."""
        key = (kind, identifier)
        if key not in self._rules:
            owners = self.security_lists if kind == "security_list" else self.groups
            self._rules[key] = tuple(_rules_of(kind, owners.get(identifier) or {"id": identifier}))
        return self._rules[key]


@dataclass(frozen=True)
class Party:
    """Somebody at one end: in the VCN with ``subnet_id``, Oracle's services with ``service`` (a label), else outside.

    ``public``: whether it has a public address; None: if its subnet lets it have one.
    """

    name: str
    spans: tuple[Span, ...] = ()
    subnet_id: str = ""
    groups: tuple[str, ...] = ()
    service: str = ""
    public: bool | None = None


@dataclass(frozen=True)
class Traffic:
    """What is asked for. ``protocol`` None: all of them; ``icmp_type`` None: all kinds."""

    protocol: int | None = None
    ports: Span = PORTS
    source_ports: Span = CLIENT_PORTS
    icmp_type: int | None = None
    icmp_code: int | None = None


@dataclass(frozen=True)
class Packet:
    """One packet, standing for its class. Addresses are numbers; None is an address of a service."""

    source: int | None
    destination: int | None
    protocol: int
    source_port: int = 0
    port: int = 0
    icmp_type: int = 0
    icmp_code: int = 0

    @property
    def reply(self) -> Packet | None:
        """What comes back; None where nothing does (an ICMP message other than an echo request)."""
        back = replace(
            self,
            source=self.destination,
            destination=self.source,
            source_port=self.port,
            port=self.source_port,
        )
        if self.protocol != ICMP:
            return back
        return replace(back, icmp_type=ECHO_REPLY, icmp_code=0) if self.icmp_type == ECHO else None


@dataclass(frozen=True)
class Rule:
    """A security rule, compiled. ``peer``: a span of addresses, or the text of a label or a group's id."""

    kind: str
    owner_id: str
    owner_name: str
    identifier: str
    way: str
    stateless: bool
    protocol: int | None
    peer_type: str
    peer: str
    span: Span | None
    ports: Span | None
    source_ports: Span | None
    icmp_type: int | None
    icmp_code: int | None
    description: str

    def lets(self, packet: Packet, other: int | None, party: Party) -> bool:
        """Whether it lets a packet pass whose other end is this party's."""
        if self.protocol not in (None, packet.protocol) or not self._meets(other, party):
            return False
        if self.protocol in (TCP, UDP):
            return _within(packet.port, self.ports) and _within(packet.source_port, self.source_ports)
        if self.protocol == ICMP and self.icmp_type is not None:
            return packet.icmp_type == self.icmp_type and self.icmp_code in (None, packet.icmp_code)
        return True

    def _meets(self, other: int | None, party: Party) -> bool:
        if self.peer_type == "NETWORK_SECURITY_GROUP":
            return self.peer in party.groups
        if self.peer_type == "SERVICE_CIDR_BLOCK":
            return bool(party.service) and covers(self.peer, party.service)
        if self.span is None:
            return False
        if other is None:  # a service: which addresses it has nobody says
            return self.span == (0, 2**32 - 1)
        return self.span[0] <= other <= self.span[1]

    def document(self, groups: Mapping[str, Document]) -> Document:
        """As an answer shows it: whose it is, by OCID and name, and what it says."""
        return {
            "type": self.kind,
            "id": self.owner_id,
            "name": self.owner_name,
            "rule": self.identifier,
            "description": self.description or None,
            "text": self.text(groups),
        }

    def text(self, groups: Mapping[str, Document]) -> str:
        peer = self.peer
        if self.peer_type == "NETWORK_SECURITY_GROUP":
            peer = f"group {(groups.get(peer) or {}).get('display_name') or peer}"
        what = "all" if self.protocol is None else _WORDS.get(self.protocol, f"protocol {self.protocol}")
        if self.ports:
            what += f" {_span_text(self.ports)}"
        if self.source_ports:
            what += f" from port {_span_text(self.source_ports)}"
        if self.icmp_type is not None:
            what += f" {self.icmp_type}" + ("" if self.icmp_code is None else f"/{self.icmp_code}")
        way = f"{self.way} {what} {'from' if self.way == 'INGRESS' else 'to'} {peer}"
        return f"{way}, stateless" if self.stateless else way


@dataclass(frozen=True)
class Step:
    """One thing that a packet meets, and what it says. ``by``: the rule, route or gateway that decides."""

    point: str
    verdict: str
    text: str
    by: Document | None = None
    stateless: bool = False

    def document(self) -> Document:
        return {"point": self.point, "verdict": self.verdict, "text": self.text, "by": self.by}


@dataclass(frozen=True)
class Decision:
    """What happens to one packet and to what comes back."""

    packet: Packet
    forward: tuple[Step, ...]
    back: tuple[Step, ...]

    @property
    def verdict(self) -> str:
        return worst((*self.forward, *self.back))

    @property
    def reason(self) -> str:
        """What stops it, or what nobody knows; where all is open what lets it through, from one end to the other."""
        verdict = self.verdict
        steps = (*self.forward, *self.back)
        if verdict == OPEN:
            return "; ".join(s.text for s in self.forward)
        return next(s.text for s in steps if s.verdict == verdict)


@dataclass(frozen=True)
class Answer:
    """What was found for traffic between two parties.

    ``open``, ``undecided``: that part of the traffic, as text. ``decision`` tells of one packet: one that is stopped
    where some are.
    """

    verdict: str
    open: tuple[str, ...]
    undecided: tuple[str, ...]
    decision: Decision
    passing: Decision | None = None


def worst(steps: Iterable[Step]) -> str:
    """What becomes of a packet that meets all of these."""
    verdicts = {s.verdict for s in steps}
    return next((v for v in (CLOSED, UNDECIDED) if v in verdicts), OPEN)


# --- texts to numbers --------------------------------------------------------------------------------------------


def span_of(text: Any) -> Span:
    """The addresses of an IPv4 address or CIDR block. Raises ValueError."""
    network = ipaddress.ip_network(str(text))
    if network.version != 4:
        raise ValueError(f"{text} is not IPv4")
    return int(network.network_address), int(network.broadcast_address)


def address_text(number: int | None) -> str:
    return "a service" if number is None else str(ipaddress.IPv4Address(number))


def internet(block: Span, own: Iterable[Span]) -> tuple[Span, ...]:
    """The addresses of a block that are on the internet: without those of private networks and of the VCN itself.

    A block that lies within private addresses is taken as it is.
    """
    taken = [span_of(n) for n in _INTERNAL]
    if any(low <= block[0] and block[1] <= high for low, high in taken):
        return (block,)
    left = [block]
    for low, high in (*taken, *own):
        left = [part for span in left for part in _without(span, (low, high))]
    return tuple(left)


def _without(span: Span, hole: Span) -> Iterator[Span]:
    if hole[1] < span[0] or span[1] < hole[0]:
        yield span
        return
    if span[0] < hole[0]:
        yield span[0], hole[0] - 1
    if hole[1] < span[1]:
        yield hole[1] + 1, span[1]


def covers(label: str, other: str) -> bool:
    """Whether a service's CIDR label includes another one's addresses too: that of all services does."""
    return label == other or label.startswith("all")


def _within(number: int, span: Span | None) -> bool:
    return span is None or span[0] <= number <= span[1]


def _span_text(span: Span) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def _rules_of(kind: str, owner: Document) -> Iterator[Rule]:
    if kind == "security_list":
        rows = [
            ({**rule, "direction": way}, f"{option}[{index}]")
            for way, option in (("INGRESS", "ingress_security_rules"), ("EGRESS", "egress_security_rules"))
            for index, rule in enumerate(owner.get(option) or [])
        ]
    else:
        rules = owner.get("security_rules") or []
        rows = [(rule, str(rule.get("id") or f"security_rules[{i}]")) for i, rule in enumerate(rules)]
    for rule, identifier in rows:
        way = str(rule["direction"])
        side = "source" if way == "INGRESS" else "destination"
        peer, peer_type = str(rule.get(side)), rule.get(f"{side}_type") or "CIDR_BLOCK"
        text = str(rule.get("protocol") or "all").lower()
        protocol = None if text == "all" else int(text)
        ports = rule.get({TCP: "tcp_options", UDP: "udp_options"}.get(protocol or 0, "")) or {}
        icmp = rule.get("icmp_options") or {}
        yield Rule(
            kind=kind,
            owner_id=str(owner.get("id")),
            owner_name=str(owner.get("display_name") or owner.get("id")),
            identifier=identifier,
            way=way,
            stateless=bool(rule.get("is_stateless")),
            protocol=protocol,
            peer_type=str(peer_type),
            peer=peer,
            span=_block(peer) if peer_type == "CIDR_BLOCK" else None,
            ports=_ports(ports.get("destination_port_range")),
            source_ports=_ports(ports.get("source_port_range")),
            icmp_type=icmp.get("type") if protocol == ICMP else None,
            icmp_code=icmp.get("code") if protocol == ICMP else None,
            description=str(rule.get("description") or ""),
        )


def _block(text: str) -> Span | None:
    """The addresses of a rule's block; None for one of IPv6, which meets nobody here."""
    network = ipaddress.ip_network(text, strict=False)
    return span_of(network) if network.version == 4 else None


def _ports(value: Mapping[str, Any] | None) -> Span | None:
    return (int(value["min"]), int(value["max"])) if value else None


# --- one packet --------------------------------------------------------------------------------------------------


def decide(network: Network, source: Party, destination: Party, packet: Packet) -> Decision:
    """What happens to a packet from one party to another, and to the packets that answer it."""
    return _Way(network, source, destination).decide(packet)


class _Way:
    """The way between two parties, in both directions."""

    def __init__(self, network: Network, source: Party, destination: Party) -> None:
        self.network, self.source, self.destination = network, source, destination
        self._cut: dict[tuple[str, bool], tuple[Rule, ...]] = {}

    def decide(self, packet: Packet) -> Decision:
        source, destination = self.source, self.destination
        if destination.subnet_id and source.service:
            step = Step(f"to {destination.name}", CLOSED, "Oracle's services open no connections into a VCN")
            return Decision(packet, (step,), ())
        if not (source.subnet_id or destination.subnet_id):
            text = f"{source.name} and {destination.name} are both outside of the VCN, which has no part in it"
            return Decision(packet, (Step("outside", UNDECIDED, text),), ())
        forward: list[Step] = []
        if source.subnet_id:
            forward.append(self._secured("EGRESS", source, destination, packet))
            forward += self._routed(source, destination, packet.destination)
        else:
            forward += self._from_outside(destination, packet)
        if destination.subnet_id:
            forward.append(self._secured("INGRESS", destination, source, packet))
        return Decision(packet, tuple(forward), tuple(self._back(packet, forward)))

    def _back(self, packet: Packet, forward: Sequence[Step]) -> Iterator[Step]:
        reply = packet.reply
        if reply is None:
            return
        source, destination = self.source, self.destination
        if destination.subnet_id:
            yield self._answered("EGRESS", destination, source, reply, forward[-1])
            yield from self._route_back(reply)
        if source.subnet_id:
            yield self._answered("INGRESS", source, destination, reply, forward[0])

    # security lists and groups

    def _secured(self, way: str, here: Party, there: Party, packet: Packet) -> Step:
        """What the security lists and groups at one end say of a packet. They add up; a stateless rule comes first."""
        word = "into" if way == "INGRESS" else "out of"
        point = f"rules {word} {here.name}"
        if self.network.vcn.get("is_zpr_only"):
            return Step(point, UNDECIDED, "the VCN leaves it to Zero Trust Packet Routing (is_zpr_only)")
        other = packet.source if way == "INGRESS" else packet.destination
        found = [r for r in self.rules(way, here) if r.lets(packet, other, there)]
        if found:
            chosen = next((r for r in found if r.stateless), found[0])
            by = chosen.document(self.network.groups)
            named = f"{by['type'].replace('_', ' ')} {by['name']}, rule {by['rule']}"
            summary = f' "{chosen.description}"' if chosen.description else ""
            return Step(point, OPEN, f"{named}{summary}: {by['text']}", by, chosen.stateless)
        towards = "from" if way == "INGRESS" else "to"
        whom = there.name if other is None else f"{there.name} ({address_text(other)})"
        text = f"no {way.lower()} rule of {self._owners(here)} lets {packet_text(packet)} {towards} {whom} pass"
        return Step(point, CLOSED, text)

    def _answered(self, way: str, here: Party, there: Party, reply: Packet, first: Step) -> Step:
        """Answers pass where the connection is tracked; where its rule was stateless they need a rule themselves."""
        word = "into" if way == "INGRESS" else "out of"
        if first.verdict == UNDECIDED:
            return Step(f"answers {word} {here.name}", UNDECIDED, first.text)
        if first.verdict == OPEN and first.stateless:
            step = self._secured(way, here, there, reply)
            why = f"the rule of the way there is stateless, and {step.text}" if step.verdict == CLOSED else step.text
            return replace(step, point=f"answers {word} {here.name}", text=why)
        if first.verdict == CLOSED:
            return Step(f"answers {word} {here.name}", CLOSED, first.text)
        return Step(f"answers {word} {here.name}", OPEN, "the connection is tracked (a stateful rule)", first.by)

    def rules(self, way: str, here: Party) -> tuple[Rule, ...]:
        """The rules at one end, of its groups and its subnet's security lists."""
        key = (way, here is self.source)
        if key not in self._cut:
            subnet = self.network.subnets[here.subnet_id]
            lists = [("security_list", i) for i in subnet.get("security_list_ids") or []]
            owners = [*(("network_security_group", g) for g in here.groups), *lists]
            self._cut[key] = tuple(r for o in owners for r in self.network.rules(*o) if r.way == way)
        return self._cut[key]

    def _owners(self, here: Party) -> str:
        subnet = self.network.subnets[here.subnet_id]
        names = [f"group {_named(self.network.groups, g)}" for g in here.groups]
        lists = subnet.get("security_list_ids") or []
        names += [f"security list {_named(self.network.security_lists, i)}" for i in lists]
        return ", ".join(names) or f"{here.name} (no group, no security list)"

    # routes and gateways

    def _routed(self, here: Party, there: Party, address: int | None) -> Iterator[Step]:
        """How a packet leaves its subnet, and what its gateway says."""
        step, target = self._route(here, there, address)
        yield step
        if target:
            yield self._gateway(target, here, there)

    def _route(self, here: Party, there: Party, address: int | None) -> tuple[Step, str]:
        """The route of the longest prefix, the VCN's own among them: a step, and the gateway that it leads to."""
        subnet = self.network.subnets[here.subnet_id]
        table = self.network.route_tables.get(str(subnet.get("route_table_id"))) or {}
        point = f"routes of {here.name}"
        local = _prefix(self.network.blocks, address)
        chosen, length = None, -1
        for index, rule in enumerate(table.get("route_rules") or []):
            if rule.get("route_type") == "LOCAL":
                continue
            fits = _fit(rule, there, address)
            if fits > length:
                chosen, length = (index, rule), fits
        if local >= 0 and local > length:
            return Step(point, OPEN, "local: both ends are in the VCN"), ""
        if chosen is None:
            whom = there.name if address is None else f"{there.name} ({address_text(address)})"
            return Step(point, CLOSED, f"route table {_called(table, subnet)} has no route to {whom}"), ""
        index, rule = chosen
        target = str(rule.get("network_entity_id"))
        by = {
            "type": "route_table",
            "id": table.get("id"),
            "name": table.get("display_name"),
            "rule": f"route_rules[{index}]",
            "description": rule.get("description"),
            "text": f"{rule.get('destination')} by {_named(self.network.gateways, target)}",
        }
        return Step(point, OPEN, f"route table {_called(table, subnet)}: {by['text']}", by), target

    def _gateway(self, target: str, here: Party, there: Party) -> Step:
        gateway = self.network.gateways.get(target)
        name = _named(self.network.gateways, target)
        if gateway is None:
            kind = target.split(".")[1] if target.startswith("ocid1.") else ""
            if kind in _OTHER_GATEWAYS:
                text = f"the route goes to {_OTHER_GATEWAYS[kind]}, {target}: what lies behind it is not looked at"
                return Step(f"gateway {target}", UNDECIDED, text, {"type": kind, "id": target, "name": None})
            return Step(f"gateway {target}", CLOSED, f"the route goes to {target}, which is not there (a black hole)")
        kind = str(gateway["kind"])
        by = {"type": kind, "id": gateway.get("id"), "name": gateway.get("display_name")}
        point, word = f"{kind.replace('_', ' ')} {name}", kind.replace("_", " ")

        def step(verdict: str, text: str) -> Step:
            return Step(point, verdict, text, by)

        state = gateway.get("lifecycle_state", "AVAILABLE")
        if state != "AVAILABLE":
            return step(CLOSED, f"the {word} {name} is {state}")
        if there.subnet_id:
            return step(CLOSED, f"the route leads out of the VCN by the {word} {name}")
        if kind == "internet_gateway":
            if not gateway.get("is_enabled", True):
                return step(CLOSED, f"the internet gateway {name} is disabled")
            return self._publicly(step, here, name)
        if gateway.get("block_traffic"):
            return step(CLOSED, f"the {word} {name} blocks traffic (block_traffic)")
        if kind == "service_gateway":
            return self._by_services(step, gateway, name, there)
        return step(OPEN, f"NAT gateway {name}: out, and answers back")

    def _publicly(self, step: Callable[[str, str], Step], here: Party, name: str) -> Step:
        subnet = self.network.subnets[here.subnet_id]
        called = _named(self.network.subnets, here.subnet_id)
        if _private(subnet):
            return step(
                CLOSED,
                f"the internet gateway {name} needs a public address, which subnet {called} prohibits"
                " (prohibit_public_ip_on_vnic)",
            )
        if here.public is False:
            return step(CLOSED, f"the internet gateway {name} needs a public address, and {here.name} has none")
        sure = "" if here.public else f", as far as {here.name} has a public address"
        return step(OPEN, f"internet gateway {name}{sure}")

    def _by_services(self, step: Callable[[str, str], Step], gateway: Document, name: str, there: Party) -> Step:
        if not there.service:
            return step(CLOSED, f"the service gateway {name} leads to Oracle's services only, not to {there.name}")
        ids = [str(s.get("service_id")) for s in gateway.get("services") or []]
        labels = [self.network.services.get(i, i) for i in ids]
        if any(covers(label, there.service) for label in labels):
            return step(OPEN, f"service gateway {name}")
        return step(
            CLOSED, f"the service gateway {name} opens {', '.join(labels) or 'no service'}, not {there.service}"
        )

    def _from_outside(self, here: Party, packet: Packet) -> Iterator[Step]:
        """What a packet from outside of the VCN comes in by."""
        point = f"way into {here.name}"
        source = packet.source or 0
        back, target = self._route(here, self.source, source)
        if any(_within(source, span_of(n)) for n in _INTERNAL):
            kind = target.split(".")[1] if target.startswith("ocid1.") else ""
            if kind in _OTHER_GATEWAYS:
                yield self._gateway(target, here, self.source)
            else:
                text = f"{address_text(source)} is not an address of the internet, and {here.name} has no route to it"
                yield Step(point, CLOSED, text, back.by)
            return
        ways = [(i, g) for i, g in self.network.gateways.items() if g["kind"] == "internet_gateway"]
        if not ways:
            yield Step(point, CLOSED, "the VCN has no internet gateway: nothing outside can open a connection into it")
            return
        identifier, gateway = ways[0]
        step = self._gateway(identifier, here, self.source)
        yield step
        table = self.network.route_tables.get(str(gateway.get("route_table_id")))
        if step.verdict == OPEN and table and any(_fit(r, here, packet.destination) >= 0 for r in table["route_rules"]):
            text = f"route table {_called(table, {})} of the internet gateway sends it elsewhere first"
            yield Step(point, UNDECIDED, text, {"type": "route_table", "id": table.get("id")})

    def _route_back(self, reply: Packet) -> Iterator[Step]:
        """The way of answers out of the subnet that was asked; a gateway takes only those of its own connections."""
        here, there = self.destination, self.source
        step, target = self._route(here, there, reply.destination)
        yield replace(step, point=f"routes back from {here.name}")
        if not target or there.subnet_id:
            if target:
                yield self._gateway(target, here, there)
            return
        gateway = self.network.gateways.get(target)
        if gateway is not None and gateway["kind"] != "internet_gateway":
            word = str(gateway["kind"]).replace("_", " ")
            name = _named(self.network.gateways, target)
            text = f"answers would leave by the {word} {name}, which knows nothing of them"
            by = {"type": gateway["kind"], "id": gateway.get("id"), "name": gateway.get("display_name")}
            yield Step(f"routes back from {here.name}", CLOSED, text, by)
        else:
            yield self._gateway(target, here, there)


def _named(documents: Mapping[str, Document], identifier: str) -> str:
    """A name, and the OCID where the name is not the key itself."""
    name = (documents.get(identifier) or {}).get("display_name")
    real = identifier.startswith("ocid1.")
    return f"{name} ({identifier})" if name and real else str(name or identifier)


def _called(table: Mapping[str, Any], subnet: Mapping[str, Any]) -> str:
    identifier = str(table.get("id") or subnet.get("route_table_id"))
    return _named({identifier: dict(table)}, identifier)


def _private(subnet: Mapping[str, Any]) -> bool:
    return bool(subnet.get("prohibit_public_ip_on_vnic") or subnet.get("prohibit_internet_ingress"))


def _prefix(blocks: Iterable[Span], address: int | None) -> int:
    """The length of the longest prefix of blocks that holds an address; -1: none does."""
    return max((_length(b) for b in blocks if address is not None and b[0] <= address <= b[1]), default=-1)


def _length(span: Span) -> int:
    return 32 - (span[1] - span[0]).bit_length()


def _fit(rule: Mapping[str, Any], there: Party, address: int | None) -> int:
    """How closely a route fits an address, as a prefix's length; a service's own label is closest. -1: not at all."""
    destination = str(rule.get("destination") or rule.get("cidr_block") or "")
    if rule.get("destination_type") == "SERVICE_CIDR_BLOCK":
        if not (there.service and covers(destination, there.service)):
            return -1
        return 34 if destination == there.service else 33
    span = _block(destination)
    if span is None:
        return -1
    if address is None:
        return 0 if span == (0, 2**32 - 1) else -1
    return _length(span) if span[0] <= address <= span[1] else -1


# --- all traffic of a kind ---------------------------------------------------------------------------------------


def analyse(network: Network, source: Party, destination: Party, traffic: Traffic) -> Answer:
    """What becomes of traffic between two parties: of all of it, class by class."""
    way = _Way(network, source, destination)
    rules = [r for p in (source, destination) if p.subnet_id for w in ("INGRESS", "EGRESS") for r in way.rules(w, p)]
    cuts = [r.span for r in rules if r.span] + _route_cuts(network, source, destination)
    ends = [(s, d) for s in _representatives(source, cuts) for d in _representatives(destination, cuts)]
    every = list(_classes(traffic, rules))
    first: dict[str, Decision] = {}
    holding: dict[str, list[_Class]] = {OPEN: [], UNDECIDED: [], CLOSED: []}
    for each in every:
        for start, end in ends:
            decision = way.decide(replace(each.packet, source=start, destination=end))
            verdict = decision.verdict
            first.setdefault(verdict, decision)
            if each not in holding[verdict][-1:]:
                holding[verdict].append(each)
    if UNDECIDED in first and len(first) > 1 and not {OPEN, CLOSED} <= first.keys():
        summary = UNDECIDED
    else:
        summary = PARTLY if len(first) > 1 else _VERDICTS[next(iter(first))]
    shown = next(first[v] for v in (CLOSED, UNDECIDED, OPEN) if v in first)
    return Answer(summary, _texts(holding[OPEN], every), _texts(holding[UNDECIDED], every), shown, first.get(OPEN))


@dataclass(frozen=True)
class _Class:
    """Traffic that no rule tells apart."""

    packet: Packet
    ports: Span = (0, 0)
    kind: str = ""


def _classes(traffic: Traffic, rules: Sequence[Rule]) -> Iterator[_Class]:
    named = sorted({r.protocol for r in rules if r.protocol is not None} | {ICMP, TCP, UDP})
    if traffic.protocol is None:
        protocols = [*named, next((n for n in range(_OTHER_PROTOCOL, 0, -1) if n not in named), 0)]
    else:
        protocols = [traffic.protocol]
    for protocol in protocols:
        same = [r for r in rules if r.protocol == protocol]
        if protocol in (TCP, UDP):
            # Answers are looked at by the same rules with the ports the other way round.
            spans = [s for r in same for s in (r.ports, r.source_ports) if s]
            for ports in _split(traffic.ports, spans):
                for source in _split(traffic.source_ports, spans):
                    packet = Packet(None, None, protocol, source_port=source[0], port=ports[0])
                    yield _Class(packet, ports, _WORDS[protocol])
        elif protocol == ICMP:
            for kind, code in _icmp(traffic, same):
                summary = "icmp other" if kind > 255 else f"icmp {kind}" + ("" if code > 255 else f"/{code}")
                yield _Class(Packet(None, None, protocol, icmp_type=kind, icmp_code=code), kind=summary)
        else:
            summary = f"protocol {protocol}" if protocol in named or traffic.protocol else "other protocols"
            yield _Class(Packet(None, None, protocol), kind=summary)


def _icmp(traffic: Traffic, rules: Sequence[Rule]) -> list[tuple[int, int]]:
    """Kinds of ICMP messages; 256 is any type or code that no rule names."""
    named = {(r.icmp_type, r.icmp_code) for r in rules if r.icmp_type is not None}
    types = {t for t, _c in named if t is not None} | {ECHO, 256}
    if traffic.icmp_type is not None:
        types = {traffic.icmp_type}
    kinds = []
    for each in sorted(types):
        codes = {c for t, c in named if t == each and c is not None} | ({0} if each == ECHO else {256})
        if traffic.icmp_code is not None:
            codes = {traffic.icmp_code}
        kinds += [(each, code) for code in sorted(codes)]
    return kinds


def _split(span: Span, others: Iterable[Span]) -> list[Span]:
    """A span cut at the ends of others: no other begins or ends within a part."""
    starts = {span[0]}
    for low, high in others:
        starts |= {n for n in (low, high + 1) if span[0] < n <= span[1]}
    order = sorted(starts)
    return list(zip(order, [*(n - 1 for n in order[1:]), span[1]], strict=True))


def _representatives(party: Party, cuts: Sequence[Span]) -> list[int | None]:
    """An address for each class of a party's addresses, distinguished by the blocks that hold them."""
    if party.service and not party.spans:
        return [None]
    seen: dict[tuple[int, ...], int] = {}
    for span in party.spans:
        for low, _high in _split(span, cuts):
            seen.setdefault(tuple(i for i, c in enumerate(cuts) if c[0] <= low <= c[1]), low)
    return list(seen.values())


def _route_cuts(network: Network, *parties: Party) -> list[Span]:
    cuts = [*network.blocks, *(span_of(n) for n in _INTERNAL)]
    for party in parties:
        subnet = network.subnets.get(party.subnet_id) or {}
        table = network.route_tables.get(str(subnet.get("route_table_id"))) or {}
        for rule in table.get("route_rules") or []:
            if rule.get("destination_type") != "SERVICE_CIDR_BLOCK":
                span = _block(str(rule.get("destination") or rule.get("cidr_block")))
                cuts += [span] if span else []
    return cuts


def _texts(some: Sequence[_Class], every: Sequence[_Class]) -> tuple[str, ...]:
    """Classes as people say them: neighbouring ports together, ``all`` where it is all that was asked for."""
    protocols = {c.packet.protocol for c in every}
    if len(protocols) > 1 and len(some) == len(every):
        return ("all",)
    texts: list[str] = []
    for protocol in dict.fromkeys(c.packet.protocol for c in some):
        mine = [c for c in some if c.packet.protocol == protocol]
        if protocol in (TCP, UDP):
            texts += [f"{_WORDS[protocol]} {_span_text(s)}" for s in _merged({c.ports for c in mine})]
        elif protocol == ICMP and len(mine) == sum(c.packet.protocol == ICMP for c in every) > 1:
            texts.append("icmp")
        else:
            texts += [c.kind for c in mine]
    return tuple(texts)


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def packet_text(packet: Packet) -> str:
    """A packet's protocol and port as people say them."""
    word = _WORDS.get(packet.protocol, f"protocol {packet.protocol}")
    if packet.protocol in (TCP, UDP):
        return f"{word} {packet.port}"
    if packet.protocol == ICMP and packet.icmp_type <= 255:
        return f"{word} {packet.icmp_type}" + (f"/{packet.icmp_code}" if packet.icmp_code <= 255 else "")
    return word


__all__ = [
    "CLIENT_PORTS",
    "NUMBERS",
    "PORTS",
    "Answer",
    "Decision",
    "Network",
    "Packet",
    "Party",
    "Rule",
    "Step",
    "Traffic",
    "address_text",
    "analyse",
    "covers",
    "decide",
    "internet",
    "packet_text",
    "span_of",
]
