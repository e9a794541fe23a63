# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for the network's types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..case import Case, Leaf

PEER = "192.0.2.0/24"
SPELT_PEER = "192.0.2.9/24"
OTHER_PEER = "198.51.100.0/24"
IN_VCN = {"vcn_id": Leaf(lambda g: g.vcn_id, lambda g: g.spare_vcn_id)}
IN_SPARE_VCN = {"vcn_id": Leaf(lambda g: g.spare_vcn_id, lambda g: g.vcn_id)}
"""Gateways, of which a VCN has one of a kind: the ground's VCN has them all."""
SPARE_TABLE = Leaf(lambda g: g.spare_route_table_ids[0], lambda g: g.spare_route_table_ids[1])


def _ports(low: int, high: int) -> dict[str, Any]:
    return {"min": low, "max": high}


def _tcp(low: int, high: int, **more: Any) -> dict[str, Any]:
    """Part of a rule for TCP."""
    return {"protocol": "6", "tcp_options": {"destination_port_range": _ports(low, high)}, **more}


def _matching(rules: str, plain: Leaf) -> dict[str, Leaf]:
    """What all kinds of rules match by. The first rule of the list is for TCP, ports 80 to 89 from ports 1024 to 2048.

    ``plain`` is for the protocol of a rule without ports.
    """
    item = f"{rules}[]"
    no_ports = {f"{item}.tcp_options": None}
    udp_options = {"destination_port_range": _ports(53, 60), "source_port_range": _ports(1024, 2048)}
    udp = {**no_ports, f"{item}.protocol": "17", f"{item}.udp_options": udp_options}
    icmp = {**no_ports, f"{item}.protocol": "1", f"{item}.icmp_options": {"type": 3, "code": 4}}
    return {
        f"{item}.protocol": replace(plain, beside={**no_ports, **plain.beside}),
        f"{item}.tcp_options.destination_port_range.min": Leaf(80, 81),
        f"{item}.tcp_options.destination_port_range.max": Leaf(89, 90),
        f"{item}.tcp_options.source_port_range.min": Leaf(1024, 1025),
        f"{item}.tcp_options.source_port_range.max": Leaf(2048, 2049),
        f"{item}.udp_options.destination_port_range.min": Leaf(second=54, beside=udp),
        f"{item}.udp_options.destination_port_range.max": Leaf(second=61, beside=udp),
        f"{item}.udp_options.source_port_range.min": Leaf(second=1025, beside=udp),
        f"{item}.udp_options.source_port_range.max": Leaf(second=2049, beside=udp),
        f"{item}.icmp_options.type": Leaf(second=11, beside=icmp),
        f"{item}.icmp_options.code": Leaf(second=1, beside=icmp),
    }


def _service(peer: str, **more: Any) -> Leaf:
    """The kind of a peer (``peer``: its path), which becomes a service."""
    along = {peer: lambda g: g.services[0]["cidr_block"]}
    return Leaf("CIDR_BLOCK", "SERVICE_CIDR_BLOCK", along=along, implied="another kind is another text", **more)


def _security_rule(rules: str) -> dict[str, Leaf]:
    """The rules of security lists and groups, but for whom they are about."""
    every = Leaf(second="58", beside={f"{rules}[].protocol": "all"})
    return {
        **_matching(rules, every),
        f"{rules}[].is_stateless": Leaf(False, True),
        f"{rules}[].description": Leaf("clients", "Clients"),
    }


def _list_rules(rules: str, side: str) -> dict[str, Leaf]:
    """The rules of one direction of a security list."""
    first = [_tcp(80, 89, **{side: PEER}), _tcp(443, 443, **{side: PEER})]
    return {
        rules: Leaf(
            first,
            lambda g: [
                {side: g.services[0]["cidr_block"], f"{side}_type": "SERVICE_CIDR_BLOCK", "protocol": "all"},
                {side: PEER, "protocol": "1"},
            ],
            drift=[],
        ),
        **_security_rule(rules),
        f"{rules}[].{side}": Leaf(PEER, OTHER_PEER, spellings=(SPELT_PEER,)),
        f"{rules}[].{side}_type": _service(f"{rules}[].{side}"),
    }


def _group_rule(**values: Any) -> dict[str, Any]:
    return {"direction": "INGRESS", "source": PEER, "source_type": "CIDR_BLOCK", **_tcp(80, 89), **values}


BY_RULE = tuple(f"{verb}_network_security_group_security_rules" for verb in ("add", "update", "remove"))
OUTWARD = {
    "security_rules[].source": None,
    "security_rules[].source_type": None,
    "security_rules[].destination": PEER,
    "security_rules[].destination_type": "CIDR_BLOCK",
}
TO_OUTSIDE = {"security_rules[].direction": "EGRESS", **OUTWARD}
GROUP_RULES = {
    "security_rules": Leaf(
        lambda g: [_group_rule(), _group_rule(source=g.other_nsg_id, source_type="NETWORK_SECURITY_GROUP")],
        lambda g: [
            _group_rule(),
            {
                "direction": "EGRESS",
                "destination": g.services[0]["cidr_block"],
                "destination_type": "SERVICE_CIDR_BLOCK",
                **_tcp(443, 443),
            },
        ],
        drift=[],
    ),
    **_security_rule("security_rules"),
    "security_rules[].direction": Leaf("INGRESS", "EGRESS", along=OUTWARD, implied="who goes out has a destination"),
    "security_rules[].source": Leaf(PEER, OTHER_PEER, spellings=(SPELT_PEER,)),
    "security_rules[].source_type": _service("security_rules[].source"),
    "security_rules[].destination": Leaf(second=OTHER_PEER, beside=TO_OUTSIDE, spellings=(SPELT_PEER,)),
    "security_rules[].destination_type": replace(
        _service("security_rules[].destination", beside=TO_OUTSIDE), first=Leaf().first
    ),
}


def _captured(rules: str, first: bool = True, beside: dict[str, Any] | None = None) -> dict[str, Leaf]:
    """What the rules of both kinds of capture filters have; ``first``: the list is part of what the walk makes."""
    own = {
        **_matching(rules, Leaf(second="17", beside={f"{rules}[].protocol": "58"})),
        f"{rules}[].rule_action": Leaf("INCLUDE", "EXCLUDE", spellings=(None,)),
        f"{rules}[].source_cidr": Leaf(PEER, OTHER_PEER),
        f"{rules}[].destination_cidr": Leaf("10.0.0.0/16", "10.0.0.0/17"),
    }
    if first:
        return own
    return {
        path: replace(leaf, first=Leaf().first, beside={**(beside or {}), **leaf.beside}) for path, leaf in own.items()
    }


VTAP_RULES = "vtap_capture_filter_rules"
FLOW_RULES = "flow_log_capture_filter_rules"
CAPTURED: dict[str, Any] = {
    "rule_action": "INCLUDE",
    "source_cidr": PEER,
    "destination_cidr": "10.0.0.0/16",
    "protocol": "6",
    "tcp_options": {"destination_port_range": _ports(80, 89), "source_port_range": _ports(1024, 2048)},
}
"""The first rule of a filter, as its leaves make it."""
MIRROR_RULE = {"traffic_direction": "INGRESS", **CAPTURED}
FLOW_RULE = {"priority": 1, "is_enabled": True, "sampling_rate": 1, "flow_log_type": "ALL", **CAPTURED}
FOR_FLOWS = {"filter_type": "FLOWLOG", VTAP_RULES: None, FLOW_RULES: [FLOW_RULE]}
"""Beside a filter's leaves: it is one for flow logs."""


CASES = {
    "vcn": Case(
        leaves={
            "cidr_blocks": Leaf(
                ["10.8.0.0/16", "10.9.0.0/16"],
                ["10.8.0.0/17", "192.168.0.0/24"],
                spellings=(["10.9.0.0/16", "10.8.0.0/16"],),
                by=("add_vcn_cidr", "modify_vcn_cidr", "remove_vcn_cidr"),
            ),
            "dns_label": Leaf("walk", "walk2", spellings=("WALK",)),
            "is_zpr_only": Leaf(False, True),
            "security_attributes": Leaf(
                {"oracle-zpr": {"app": {"value": "walk", "mode": "enforce"}}},
                {"oracle-zpr": {"app": {"value": "Walk", "mode": "enforce"}}},
            ),
        },
    ),
    "subnet": Case(
        leaves={
            **IN_VCN,
            "cidr_block": Leaf("10.0.100.0/24", "10.0.100.0/25"),
            "availability_domain": Leaf(
                lambda g: g.ad,
                "local-1-AD-9",
                spellings=(lambda g: g.ad.lower(),),
                irreplaceable="the region has one domain",
            ),
            "dns_label": Leaf("walk", "walk2", spellings=("WALK",)),
            "dhcp_options_id": Leaf(lambda g: g.dhcp_options_ids[0], lambda g: g.dhcp_options_ids[1]),
            "route_table_id": Leaf(lambda g: g.route_table_ids[0], lambda g: g.route_table_ids[1]),
            "security_list_ids": Leaf(
                lambda g: g.security_list_ids,
                lambda g: g.security_list_ids[1:],
                drift=[],
                spellings=(lambda g: g.security_list_ids[::-1],),
            ),
            "prohibit_internet_ingress": Leaf(second=True, beside={"prohibit_public_ip_on_vnic": None}),
            "prohibit_public_ip_on_vnic": Leaf(False, True),
        },
    ),
    "internet_gateway": Case(
        leaves={**IN_SPARE_VCN, "is_enabled": Leaf(True, False), "route_table_id": SPARE_TABLE},
    ),
    "nat_gateway": Case(
        leaves={
            **IN_SPARE_VCN,
            "block_traffic": Leaf(False, True),
            "public_ip_id": Leaf(lambda g: g.public_ip_ids[0], lambda g: g.public_ip_ids[1]),
            "route_table_id": SPARE_TABLE,
        },
    ),
    "service_gateway": Case(
        leaves={
            **IN_SPARE_VCN,
            "services": Leaf(
                lambda g: [{"service_id": g.services[0]["id"]}], lambda g: [{"service_id": g.services[1]["id"]}]
            ),
            "services[].service_id": Leaf(lambda g: g.services[0]["id"], lambda g: g.services[1]["id"], spellings=()),
            "block_traffic": Leaf(False, True),
            "route_table_id": SPARE_TABLE,
        },
    ),
    "route_table": Case(
        leaves={
            **IN_VCN,
            "route_rules": Leaf(
                lambda g: [
                    {"destination": PEER, "network_entity_id": g.internet_gateway_id},
                    {"destination": OTHER_PEER, "network_entity_id": g.nat_gateway_id},
                ],
                lambda g: [
                    {
                        "destination": g.services[0]["cidr_block"],
                        "destination_type": "SERVICE_CIDR_BLOCK",
                        "network_entity_id": g.service_gateway_id,
                    }
                ],
                drift=[],
            ),
            "route_rules[].destination": Leaf(PEER, "203.0.113.0/24", spellings=(SPELT_PEER,)),
            "route_rules[].destination_type": Leaf(
                "CIDR_BLOCK",
                "SERVICE_CIDR_BLOCK",
                along={
                    "route_rules[].destination": lambda g: g.services[0]["cidr_block"],
                    "route_rules[].network_entity_id": lambda g: g.service_gateway_id,
                },
                implied="a service is another text through another gateway",
            ),
            "route_rules[].network_entity_id": Leaf(lambda g: g.internet_gateway_id, lambda g: g.nat_gateway_id),
            "route_rules[].description": Leaf("to the world", "To the world"),
        },
    ),
    "security_list": Case(
        leaves={
            **IN_VCN,
            **_list_rules("ingress_security_rules", "source"),
            **_list_rules("egress_security_rules", "destination"),
        },
    ),
    "network_security_group": Case(
        leaves={**IN_VCN, **{path: replace(leaf, by=BY_RULE) for path, leaf in GROUP_RULES.items()}},
    ),
    "public_ip": Case(
        leaves={
            "private_ip_id": Leaf(lambda g: g.private_ip_ids[0], "", drift=lambda g: g.private_ip_ids[1]),
            "public_ip_pool_id": Leaf(
                second="ocid1.publicippool.oc1.local-1.two",
                beside={"public_ip_pool_id": "ocid1.publicippool.oc1.local-1.one"},
                unsupported="the region has no addresses of one's own",
            ),
        },
    ),
    "capture_filter": Case(
        leaves={
            "filter_type": Leaf("VTAP", "FLOWLOG", beside={VTAP_RULES: []}),
            VTAP_RULES: Leaf(
                [MIRROR_RULE, {"traffic_direction": "EGRESS", "rule_action": "EXCLUDE"}],
                [{"traffic_direction": "EGRESS"}],
                drift=[{"traffic_direction": "EGRESS", "rule_action": "EXCLUDE"}, MIRROR_RULE],  # its order matters
            ),
            f"{VTAP_RULES}[].traffic_direction": Leaf("INGRESS", "EGRESS"),
            **_captured(VTAP_RULES),
            FLOW_RULES: Leaf(second=[{**FLOW_RULE, "priority": 2}, FLOW_RULE], beside=FOR_FLOWS),
            f"{FLOW_RULES}[].priority": Leaf(second=2, beside=FOR_FLOWS),
            f"{FLOW_RULES}[].is_enabled": Leaf(second=False, beside=FOR_FLOWS, spellings=(None,)),
            f"{FLOW_RULES}[].sampling_rate": Leaf(second=10, beside=FOR_FLOWS, spellings=(None,)),
            f"{FLOW_RULES}[].flow_log_type": Leaf(second="REJECT", beside=FOR_FLOWS, spellings=(None,)),
            **_captured(FLOW_RULES, first=False, beside=FOR_FLOWS),
        },
    ),
    "vtap": Case(
        leaves={
            **IN_VCN,
            "source_id": Leaf(lambda g: g.subnets["db"], lambda g: g.subnets["nodes"]),
            "source_type": Leaf(
                "SUBNET",
                "VNIC",
                along={"source_id": lambda g: g.vnic_ids[0]},
                implied="a source says by its id what it is",
                kept="it cannot change without the source",
            ),
            "target_id": Leaf(
                second=lambda g: g.vnic_ids[1],
                beside={"target_ip": None, "target_type": None, "target_id": lambda g: g.vnic_ids[0]},
            ),
            "target_ip": Leaf("10.0.4.9", "10.0.4.10"),
            "target_type": Leaf(
                "IP_ADDRESS",
                "VNIC",
                along={"target_ip": None, "target_id": lambda g: g.vnic_ids[0]},
                implied="a target says what it is",
                kept="it cannot change without the target",
            ),
            "capture_filter_id": Leaf(lambda g: g.capture_filter_ids[0], lambda g: g.capture_filter_ids[1]),
            "is_vtap_enabled": Leaf(False, True),
            "vxlan_network_identifier": Leaf(7, 8),
            "traffic_mode": Leaf("DEFAULT", "PRIORITY"),
            "max_packet_size": Leaf(1500, 9000),
            "source_private_endpoint_ip": Leaf("10.0.2.9", "10.0.2.10"),
            "source_private_endpoint_subnet_id": Leaf(lambda g: g.subnets["db"], lambda g: g.subnets["nodes"]),
        },
    ),
}
