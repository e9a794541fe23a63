# SPDX-License-Identifier: GPL-3.0-or-later
"""VTAPs: copies of what VNICs send and get, in VXLAN to a target, as one table of nftables: pure, from VTAPs to text.

A VNIC's link has what it sends at its ingress and what it gets at its egress. The rules of a capture filter count in
their order, the first that fits decides; what none fits is not copied. The target's own traffic never is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TABLE = "okestack"
PORT = 4789
"""Of VXLAN, at the target (UDP)."""
_HOOKS = {"EGRESS": "ingress", "INGRESS": "egress"}
_OPTIONS = {"6": ("tcp", "tcpOptions"), "17": ("udp", "udpOptions")}


@dataclass(frozen=True)
class Mirror:
    """A VTAP that runs. ``sources``: the VNICs' OCIDs; ``gateway``: from where it sends; ``rules``: the API's."""

    vtap_id: str
    identifier: int
    target: str
    gateway: str
    sources: tuple[str, ...]
    rules: Sequence[Mapping[str, Any]]

    @property
    def link(self) -> str:
        """The name of its VXLAN link: another one for another target or identifier."""
        text = f"{self.vtap_id} {self.identifier} {self.target}"
        return f"vt{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def compile_mirrors(mirrors: Collection[Mirror], ports: Mapping[str, str]) -> str:
    """The whole table, as `nft -f` takes it. ``ports``: of each VNIC that has a link, its name."""
    return "\n".join(_lines(mirrors, ports)) + "\n"


def _lines(mirrors: Collection[Mirror], ports: Mapping[str, str]) -> Iterator[str]:
    yield f"table netdev {TABLE} {{}}"
    yield f"delete table netdev {TABLE}"
    if not mirrors:
        return
    yield f"table netdev {TABLE} {{"
    for mirror in mirrors:
        for direction in _HOOKS:
            yield f"  chain {mirror.link}{direction[0].lower()} {{"
            yield from (f"    {line}" for rule in mirror.rules for line in _rule(rule, direction, mirror.link))
            yield "  }"
    copied: dict[str, list[Mirror]] = {}
    for mirror in mirrors:
        for source in mirror.sources:
            if source in ports:
                copied.setdefault(ports[source], []).append(mirror)
    for port, some in copied.items():
        for direction, hook in _HOOKS.items():
            way = direction[0].lower()
            yield f'  chain {way}{port} {{ type filter hook {hook} device "{port}" priority 0; policy accept;'
            yield from (f"    jump {mirror.link}{way}" for mirror in some)
            yield "  }"
    yield "}"


def _rule(rule: Mapping[str, Any], direction: str, link: str) -> Iterator[str]:
    """A rule as a line; nothing for one of the other direction or of IPv6."""
    protocol = rule.get("protocol")
    sides = (("sourceCidr", "saddr"), ("destinationCidr", "daddr"))
    blocks = [(side, rule[name]) for name, side in sides if name in rule]
    if rule["trafficDirection"] != direction or protocol == "58" or any(":" in block for _side, block in blocks):
        return
    texts = ["meta protocol ip"]
    texts += [f"ip {side} {block}" for side, block in blocks if block != "0.0.0.0/0"]
    if protocol is not None:
        texts.append(f"meta l4proto {protocol}")
    word, name = _OPTIONS.get(str(protocol), ("", ""))
    for option, field in (("sourcePortRange", "sport"), ("destinationPortRange", "dport")):
        if span := (rule.get(name) or {}).get(option):
            texts.append(f"{word} {field} {span['min']}-{span['max']}")
    if kind := rule.get("icmpOptions"):
        texts.append(f"icmp type {kind['type']}")
        if kind.get("code") is not None:
            texts.append(f"icmp code {kind['code']}")
    copy = [f'dup to "{link}"'] if rule["ruleAction"] == "INCLUDE" else []
    yield " ".join([*texts, *copy, "return"])


__all__ = ["PORT", "Mirror", "compile_mirrors"]
