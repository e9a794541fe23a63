# SPDX-License-Identifier: GPL-3.0-or-later
"""Node ports at pods' addresses, as one table of nftables: a pure function from ports to text.

In the cloud a kube-proxy beside each pod of a virtual node answers at the pod's own address and a Service's node port
(https://docs.oracle.com/iaas/Content/ContEng/Tasks/contengcomparingvirtualwithmanagednodes_topic.htm). Here the root
namespace of the region leads such packets to the pod's port, and checks of health to its one kube-proxy.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

PROXY_HEALTH_PORT = 10256
"""Where kube-proxy says whether it works."""
_SPREAD_MARK = "0x10000"


@dataclass(frozen=True, order=True)
class NodePort:
    """A port at a pod's address that leads to another: the pod's own, or for its health kube-proxy's."""

    address: str
    protocol: str
    port: int
    target: int
    spread: bool = False
    """Whether a kube-proxy may have sent it on: the pod sees an address of the pods' subnet, not the sender's."""
    health: bool = False


def compile_node_ports(ports: Collection[NodePort]) -> str:
    """The table of nft(8) that leads these ports and no others."""
    held, rules = [], []

    def keep(kind: str, name: str, found: list[str]) -> None:
        elements = f" elements = {{ {', '.join(found)} }};" if found else ""
        value = " : ipv4_addr . inet_service" if kind == "map" else ""
        held.append(f"  {kind} {name} {{ type ipv4_addr . inet_service{value};{elements} }}")

    for protocol in ("tcp", "udp"):
        mine = {one: f"{one.address} . {one.port}" for one in sorted(ports) if one.protocol == protocol}
        leading = [f"{key} : {one.address} . {one.target}" for one, key in mine.items() if not one.health]
        keep("map", f"{protocol}_leading", leading)
        keep("set", f"{protocol}_spread", [key for one, key in mine.items() if one.spread])
        keep("set", f"{protocol}_health", sorted({key for one, key in mine.items() if one.health}))
        here = f"    ip daddr . {protocol} dport"
        rules += [
            f"{here} @{protocol}_health redirect to :{PROXY_HEALTH_PORT}",
            f"{here} @{protocol}_spread meta mark set meta mark or {_SPREAD_MARK}",
            f"    dnat ip to ip daddr . {protocol} dport map @{protocol}_leading",
        ]
    return "\n".join(
        [
            "add table ip okestack_node_ports",
            "delete table ip okestack_node_ports",
            "table ip okestack_node_ports {",
            *held,
            "  chain prerouting {",
            "    type nat hook prerouting priority dstnat - 5;",
            *rules,
            "  }",
            "  chain postrouting {",
            "    type nat hook postrouting priority srcnat - 5;",
            f"    meta mark and {_SPREAD_MARK} == {_SPREAD_MARK} masquerade",
            "  }",
            "}",
            "",
        ]
    )


__all__ = ["PROXY_HEALTH_PORT", "NodePort", "compile_node_ports"]
