# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network's documents let pass, as one table of nftables: a pure function from documents to text.

The kernel decides as the service does
(https://docs.oracle.com/iaas/Content/Network/Concepts/securityrules.htm):
* the rules of a subnet's security lists and of a VNIC's groups add up; what none of them lets pass is dropped, at both
  ends: on the way out of a VNIC and on the way into one, also within a subnet;
* a stateful rule lets answers pass, a stateless one does not, and goes first where both match;
* within a VCN no route is needed; out of it the longest prefix of the subnet's route table decides. An internet gateway
  serves addresses with a public IP, a NAT gateway what begins inside, a service gateway the services it has;
* nothing filters what a VCN's resolver (169.254.169.254) is asked.

Every packet in the direction of the connection's first goes through the rules, so a rule that is removed ends
connections that stand, too. (The service's pages do not say what becomes of these; ending them is the stricter.)

The connection's mark says who may answer: bit 2 the end that was asked, bit 1 says that the asking end takes
answers. What kube-proxy rewrites is judged as the cloud sees it: a port of a VCN's own address by what was asked for,
an address of a Service, which no VCN has, by the pod behind it.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localregion.backends.node_ports import PROXY_HEALTH_PORT

Document = dict[str, Any]

TABLE = "okestack"
INTERNET = "203.0.113.0/24"
"""Where clients outside seem to come from (`fabric.CLIENT_ADDRESS`)."""
SERVICES = "198.18.0.0/15"
"""The services' own addresses (`fabric.SERVICE_ADDRESS`)."""
LOG_GROUP = 5
"""Of the kernel's log (NFLOG): where the chains of rules write what none of them lets pass, for flow logs."""
RESOLVER = "169.254.169.254"
_ALL_SERVICES = "all-"
"""How the label of all services begins; nothing answers under the label of one alone."""
_ANSWERS, _ANSWERED = 2, 1
_TEXTS = {"INGRESS": ("source", "saddr"), "EGRESS": ("destination", "daddr")}


@dataclass(frozen=True)
class Documents:
    """What decides about packets, in the form of the API, each with its ``id``.

    ``gateways``: kind (``internet_gateway`` ...) to documents; ``groups``: a group's OCID to its rules; ``services``: a
    service's OCID to its CIDR label; ``ports``: the fabric's links, name to the address of the VNIC behind it.
    """

    vcns: Sequence[Document] = ()
    subnets: Sequence[Document] = ()
    route_tables: Sequence[Document] = ()
    security_lists: Sequence[Document] = ()
    gateways: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    vnics: Sequence[Document] = ()
    services: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, str] = field(default_factory=dict)


def mac(address: str) -> str:
    """The MAC address of the VNIC that has an IPv4 address: a locally administered one."""
    return "02:00:" + ":".join(f"{byte:02x}" for byte in ipaddress.IPv4Address(address).packed)


def compile_table(documents: Documents) -> str:
    """The whole table, as `nft -f` takes it: it replaces the one that is there, at once or not at all."""
    return "\n".join(_Compiler(documents).lines()) + "\n"


def _short(*words: str) -> str:
    return hashlib.sha256("|".join(words).encode()).hexdigest()[:10]


def _living(documents: Iterable[Document]) -> Iterator[Document]:
    for document in documents:
        if document.get("lifecycleState") not in ("TERMINATING", "TERMINATED"):
            yield document


def _elements(values: Iterable[str]) -> list[str]:
    text = ", ".join(values)
    return [f"    elements = {{ {text} }}"] if text else []


def _set(name: str, values: Iterable[str], kind: str = "ipv4_addr", *, blocks: bool = False) -> list[str]:
    flags = ["    flags interval", "    auto-merge"] if blocks else []
    return [f"  set {name} {{ type {kind}", *flags, *_elements(values), "  }"]


def _map(name: str, jumps: Mapping[str, str], *, blocks: bool = False) -> list[str]:
    flags = ["    flags interval"] if blocks else []
    elements = _elements(f"{address} : jump {chain}" for address, chain in jumps.items())
    return [f"  map {name} {{ type ipv4_addr : verdict", *flags, *elements, "  }"]


@dataclass(frozen=True)
class Route:
    """One of a subnet's routes. ``rule``: of its table; None: the VCN's own block."""

    block: ipaddress.IPv4Network
    rule: Document | None


class Decisions:
    """What decides about packets: what belongs together of the documents is looked up once."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.vnics = list(_living(documents.vnics))
        self.subnets = {each["id"]: each for each in documents.subnets}
        self.tables = {each["id"]: each for each in documents.route_tables}
        self.lists = {each["id"]: each for each in documents.security_lists}
        self.vcns = {each["id"]: each for each in documents.vcns}
        self.gateways = {
            each["id"]: (kind, each) for kind, some in documents.gateways.items() for each in _living(some)
        }

    def blocks(self) -> list[ipaddress.IPv4Network]:
        """All addresses of all VCNs."""
        return [ipaddress.IPv4Network(block) for vcn in self.vcns.values() for block in vcn["cidrBlocks"]]

    def public(self, vnic: Document) -> bool:
        """Whether the internet reaches a VNIC: by a public address and the VCN's internet gateway."""
        if not vnic.get("publicIp"):
            return False
        vcn = self.subnets[vnic["subnetId"]]["vcnId"]
        return any(
            kind == "internet_gateway" and gateway["vcnId"] == vcn and _open(kind, gateway)
            for kind, gateway in self.gateways.values()
        )

    def rules(self, groups: Sequence[str], lists: Sequence[str]) -> Iterator[tuple[str, Document]]:
        """The rules of groups and security lists, each with whose it is and its direction."""
        for group in groups:
            for rule in self.documents.groups.get(group, ()):
                if rule.get("isValid", True):
                    yield group, rule
        for each in lists:
            found = self.lists.get(each, {})
            for direction, name in (("INGRESS", "ingressSecurityRules"), ("EGRESS", "egressSecurityRules")):
                yield from ((each, {**rule, "direction": direction}) for rule in found.get(name) or [])

    def routes(self, subnet: Document) -> list[Route]:
        """A subnet's routes, the closest first, the VCN's own blocks among them."""
        table = self.tables.get(subnet["routeTableId"], {})
        own = [ipaddress.IPv4Network(block) for block in self.vcns[subnet["vcnId"]]["cidrBlocks"]]
        found: list[tuple[float, Route]] = [(block.prefixlen, Route(block, None)) for block in own]
        for rule in table.get("routeRules") or []:
            block = _destination(rule)
            if block is None:
                continue
            # A service's label is closer than any block.
            length = 33 if rule.get("destinationType") == "SERVICE_CIDR_BLOCK" else block.prefixlen + 0.5
            found.append((length, Route(block, rule)))
        return [route for _length, route in sorted(found, key=lambda each: -each[0])]

    def leads(self, gateway_id: str, *, answers: bool) -> tuple[str, str]:
        """The kind of a gateway, and why it lets nothing out of a VCN (empty: it does). ``answers``: to connections
        that came in; only an internet gateway has these."""
        kind, gateway = self.gateways.get(gateway_id, ("", {}))
        if not kind:
            return kind, f"{gateway_id} is not there"
        if not _open(kind, gateway):
            return kind, f"the {kind.replace('_', ' ')} is closed"
        if answers and kind != "internet_gateway":
            return kind, f"the {kind.replace('_', ' ')} knows nothing of the connection"
        if kind == "service_gateway" and not any(
            self.documents.services.get(each["serviceId"], "").startswith(_ALL_SERVICES)
            for each in gateway.get("services") or []
        ):
            return kind, "the service gateway opens no service"
        return kind, ""


class _Compiler(Decisions):
    """One compilation."""

    def lines(self) -> Iterator[str]:
        yield f"table inet {TABLE} {{}}"
        yield f"delete table inet {TABLE}"
        yield f"table bridge {TABLE} {{}}"
        yield f"delete table bridge {TABLE}"
        yield f"table inet {TABLE} {{"
        yield from self._sets()
        yield from self._combinations()
        yield from self._ways_out()
        yield from _BASE.splitlines()
        yield "}"
        yield from self._ports()

    # sets

    def _sets(self) -> Iterator[str]:
        yield from _set("inside", map(str, self.blocks()), blocks=True)
        yield from _set("gateways", (_gateway(subnet["cidrBlock"]) for subnet in self.subnets.values()))
        yield from _set("vnics", (vnic["privateIp"] for vnic in self.vnics))
        yield from _set("public", (vnic["privateIp"] for vnic in self.vnics if self.public(vnic)))
        members: dict[str, list[str]] = {group: [] for group in self.documents.groups}
        for vnic in self.vnics:
            for group in vnic.get("nsgIds") or []:
                members.setdefault(group, []).append(vnic["privateIp"])
        for group, addresses in members.items():
            yield from _set(_members(group), addresses)

    # rules

    def _combinations(self) -> Iterator[str]:
        """A chain for each way and each combination of groups and security lists that VNICs have."""
        maps: dict[str, dict[str, str]] = {kind: {} for kind in _WAYS}
        seen: set[str] = set()
        for vnic in self.vnics:
            groups = sorted(vnic.get("nsgIds") or [])
            lists = sorted(self.subnets[vnic["subnetId"]].get("securityListIds") or [])
            key = _short(*groups, "", *lists)
            if key not in seen:
                seen.add(key)
                rules = [rule for _owner, rule in self.rules(groups, lists)]
                for kind, way in _WAYS.items():
                    yield from _chain(f"{kind}{key}", rules, way)
            for kind in _WAYS:
                maps[kind][vnic["privateIp"]] = f"{kind}{key}"
        for kind, jumps in maps.items():
            yield from _map(kind, jumps)

    # routes

    def _ways_out(self) -> Iterator[str]:
        """A chain for each subnet's routes: for what begins there (`r`), and for answers (`b`)."""
        begun: dict[str, str] = {}
        answers: dict[str, str] = {}
        for subnet in self.subnets.values():
            key = _short(subnet["id"])
            for kind, jumps in (("r", begun), ("b", answers)):
                yield f"  chain {kind}{key} {{"
                yield from (f"    {line}" for line in self._routes(subnet, answers=kind == "b"))
                yield "    drop"
                yield "  }"
                jumps[subnet["cidrBlock"]] = f"{kind}{key}"
        yield from _map("r", begun, blocks=True)
        yield from _map("b", answers, blocks=True)

    def _routes(self, subnet: Document, *, answers: bool) -> Iterator[str]:
        """The closest first."""
        own = [ipaddress.IPv4Network(block) for block in self.vcns[subnet["vcnId"]]["cidrBlocks"]]
        for route in self.routes(subnet):
            if route.rule is None:
                yield f"ip daddr {route.block} return"
                continue
            # What is in the VCN is behind none of its gateways.
            within = any(route.block.subnet_of(each) for each in own)
            verdict = "" if within else self._verdict(route.rule["networkEntityId"], answers=answers)
            if verdict:
                yield f"ip daddr {route.block} {verdict}"
            yield f"ip daddr {route.block} drop"

    def _verdict(self, gateway_id: str, *, answers: bool) -> str:
        """What lets a packet pass by a gateway; empty: nothing does. Behind none of them is another VCN."""
        kind, closed = self.leads(gateway_id, answers=answers)
        if closed:
            return ""
        if kind == "internet_gateway":
            return "ip daddr != @inside ip saddr @public return"
        return "ip daddr != @inside return"

    # links

    def _ports(self) -> Iterator[str]:
        """Nobody sends under another's address (skipSourceDestCheck is of no effect: there are no such VNICs), nor from
        another's card: the bridge would learn to send that one's frames to them."""
        yield f"table bridge {TABLE} {{"
        pairs = (f'"{name}" . {address}' for name, address in self.documents.ports.items())
        yield from _set("ports", pairs, "ifname . ipv4_addr")
        cards = (f'"{name}" . {mac(address)}' for name, address in self.documents.ports.items())
        yield from _set("cards", cards, "ifname . ether_addr")
        yield "  chain ports { type filter hook prerouting priority 0; policy accept"
        yield '    iifname "v*" iifname . ether saddr != @cards drop'
        yield '    iifname "v*" ether type ip iifname . ip saddr != @ports drop'
        yield '    iifname "v*" ether type arp iifname . arp saddr ip != @ports drop'
        yield "  }"
        yield "}"


def _gateway(block: str) -> str:
    return str(ipaddress.IPv4Network(block)[1])


def _members(group: str) -> str:
    return f"n{_short(group)}"


def _open(kind: str, gateway: Document) -> bool:
    if gateway.get("lifecycleState", "AVAILABLE") != "AVAILABLE":
        return False
    return bool(gateway.get("isEnabled", True)) if kind == "internet_gateway" else not gateway.get("blockTraffic")


def _destination(rule: Document) -> ipaddress.IPv4Network | None:
    """The addresses that a route rule is for; None where nothing here has one of them."""
    text = str(rule["destination"])
    if rule.get("destinationType") == "SERVICE_CIDR_BLOCK":
        return ipaddress.IPv4Network(SERVICES) if text.startswith(_ALL_SERVICES) else None
    return None if ":" in text else ipaddress.IPv4Network(text)


@dataclass(frozen=True)
class _Way:
    """One of the ways in which a combination's rules are asked: ``other`` is the other end's address, ``port`` the port
    that was asked for, ``bit`` what a stateful rule adds to the connection's mark."""

    direction: str
    other: str
    port: str
    bit: int


_WAYS = {
    "e": _Way("EGRESS", "ip daddr", "th dport", _ANSWERED),
    "i": _Way("INGRESS", "ip saddr", "th dport", _ANSWERS),
    # towards what kube-proxy rewrites: as it was asked for
    "y": _Way("EGRESS", "ct original ip daddr", "ct original proto-dst", _ANSWERED),
    "x": _Way("INGRESS", "ip saddr", "ct original proto-dst", _ANSWERS),
}


def _chain(name: str, rules: Sequence[Document], way: _Way) -> Iterator[str]:
    """What one combination lets pass in one way: stateless rules first."""
    yield f"  chain {name} {{"
    mine = [rule for rule in rules if rule["direction"] == way.direction]
    lines: dict[str, None] = {}
    for rule in sorted(mine, key=lambda rule: not rule.get("isStateless")):
        match = _match(rule, way)
        if match is None:
            continue
        kept = f"ct mark & {3 ^ way.bit:#x}" if rule.get("isStateless") else f"ct mark | {way.bit:#x}"
        lines[" ".join(part for part in (*match, f"ct mark set {kept} return") if part)] = None
    yield from (f"    {line}" for line in lines)
    yield f'    log prefix "{way.direction[0].lower()}" group {LOG_GROUP} snaplen 64 drop'
    yield "  }"


def _match(rule: Document, way: _Way) -> tuple[str, str] | None:
    """A rule's peer and traffic; None where no packet of IPv4 fits."""
    peer = _peer(rule, way)
    protocol = str(rule["protocol"])
    if peer is None or protocol == "58":
        return None
    if protocol == "all":
        return peer, ""
    texts = [f"meta l4proto {protocol}"]
    options = rule.get("tcpOptions") or rule.get("udpOptions") or {}
    for name, field_ in (("sourcePortRange", "th sport"), ("destinationPortRange", way.port)):
        if span := options.get(name):
            texts.append(f"{field_} {span['min']}" + (f"-{span['max']}" if span["max"] != span["min"] else ""))
    kind = rule.get("icmpOptions")
    if kind:
        texts.append(f"icmp type {kind['type']}")
        if kind.get("code") is not None:
            texts.append(f"icmp code {kind['code']}")
    return peer, " ".join(texts)


def _peer(rule: Document, way: _Way) -> str | None:
    side, _field = _TEXTS[way.direction]
    value, kind = str(rule[side]), rule.get(f"{side}Type") or "CIDR_BLOCK"
    if kind == "NETWORK_SECURITY_GROUP":
        return f"{way.other} @{_members(value)}"
    if kind == "SERVICE_CIDR_BLOCK":
        return f"{way.other} {SERVICES}" if value.startswith(_ALL_SERVICES) else None
    if ":" in value:
        return None
    return "" if value == "0.0.0.0/0" else f"{way.other} {value}"


_BASE = f"""
  # What a connection begins with, and all that follows in its direction.
  chain begun {{
    ip saddr @inside ip saddr != @vnics drop
    ip saddr {INTERNET} ip daddr != @public drop
    ip saddr vmap @r
    ct status dnat ct original ip daddr @inside goto asked
    ip daddr @inside ip daddr != @vnics drop
    ip saddr vmap @e
    ip daddr vmap @i
  }}
  chain asked {{
    ct original ip daddr != @vnics drop
    ip saddr vmap @y
    ct original ip daddr vmap @x
  }}
  # An answer passes where a stateful rule let the question pass, else by the rules, which must not leave a mark then.
  chain answers {{
    ip saddr vmap @b
    ct mark {_ANSWERS | _ANSWERED} return
    ct mark {_ANSWERED} goto given
    ct mark {_ANSWERS} goto taken
    ip saddr vmap @e
    ct mark set 0
    ip daddr vmap @i
    ct mark set 0
  }}
  chain given {{
    ip saddr vmap @e
    ct mark set {_ANSWERED}
  }}
  chain taken {{
    ip daddr vmap @i
    ct mark set {_ANSWERS}
  }}
  chain rules {{
    ct state invalid drop
    ct state related goto begun
    ct direction reply goto answers
    goto begun
  }}
  chain forward {{ type filter hook forward priority filter; policy accept
    ip saddr @gateways accept
    ip daddr @gateways accept
    jump rules
  }}
  chain input {{ type filter hook input priority filter; policy accept
    iif lo accept
    ct direction reply ct original ip saddr @gateways accept
    ip daddr {RESOLVER} meta l4proto {{ tcp, udp }} th dport 53 accept
    ip daddr {{ {RESOLVER} }} drop
    # kube-proxy's health is a node's: no service's, and nothing of the internet
    ip daddr {{ {INTERNET}, {SERVICES} }} tcp dport {PROXY_HEALTH_PORT} drop
    # a check of a pod's health, which kube-proxy answers here
    ct status dnat ct original ip daddr @inside goto rules
    ip daddr @gateways icmp type echo-request accept
    ip daddr @gateways drop
    jump rules
  }}
  chain output {{ type filter hook output priority filter; policy accept
    oif lo accept
    ip saddr @gateways accept
    ip saddr {RESOLVER} accept
    jump rules
  }}"""

__all__ = ["INTERNET", "LOG_GROUP", "SERVICES", "Decisions", "Document", "Documents", "Route", "compile_table", "mac"]
