# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that hold the network's rules: alike in several modules, at different paths, so they are put together here."""

from __future__ import annotations

import json
from typing import Any

Options = dict[str, Any]


def _option(*description: str, type: str = "str", **more: Any) -> Options:
    return {"description": list(description), "type": type, **more}


def _rows(*description: str, **more: Any) -> Options:
    return _option(*description, type="list", elements="dict", **more)


def _text(options: Options) -> str:
    """A fragment: YAML takes JSON."""
    return json.dumps({"options": options})


# --- what all kinds of rules match by ----------------------------------------------------------------------------


def _range(whose: str) -> Options:
    lowest = _option("The lowest port, from 1 to 65535.", type="int", required=True)
    highest = _option("The highest port, the same as the lowest for one port.", type="int", required=True)
    return _option(
        f"The ports that packets {whose}. All if not given.", type="dict", suboptions={"min": lowest, "max": highest}
    )


def _match(at: str) -> Options:
    """``at``: the path of the list, for references to the protocol."""
    ports = {"destination_port_range": _range("go to"), "source_port_range": _range("come from")}
    icmp = {
        "type": _option('The ICMP type, for example 3 for "destination unreachable".', type="int", required=True),
        "code": _option(
            'The ICMP code, for example 4 for "fragmentation needed", by which hosts discover a path\'s packet size. All '
            "codes if not given.",
            type="int",
        ),
    }
    return {
        "tcp_options": _option(
            f"The TCP ports, for O({at}[].protocol='6') only. All ports if not given.", type="dict", suboptions=ports
        ),
        "udp_options": _option(
            f"The UDP ports, for O({at}[].protocol='17') only. All ports if not given.", type="dict", suboptions=ports
        ),
        "icmp_options": _option(
            f"The kind of ICMP message, for O({at}[].protocol='1') and O({at}[].protocol='58') only. All kinds if not "
            "given.",
            type="dict",
            suboptions=icmp,
        ),
    }


NUMBERS = "V(1) for ICMP, V(6) for TCP, V(17) for UDP, V(58) for ICMPv6"


# --- security lists and groups -----------------------------------------------------------------------------------


def _security_rule(at: str, protocol: Options | None = None) -> Options:
    return {
        "protocol": protocol or _option(f"The protocol, V(all) or its number, {NUMBERS}.", required=True),
        "is_stateless": _option("Whether answers need a rule of their own. V(false) if not given.", type="bool"),
        **_match(at),
        "description": _option("What the rule is good for."),
    }


def _list_rules(prefix: str = "") -> Options:
    """The rules of a security list, for both directions."""
    made: Options = {}
    for way, option, peer, whom in (
        ("come in", "ingress_security_rules", "source", "Whom packets come from"),
        ("go out", "egress_security_rules", "destination", "Whom packets go to"),
    ):
        at = f"{prefix}{option}"
        made[option] = _rows(
            f"The rules for packets that {way}, in any order. The list given replaces the current one; an empty list removes "
            "all.",
            "Changed in place, all together. None by default.",
            suboptions={
                **_security_rule(at),
                peer: _option(
                    f"{whom}, a CIDR block or the CIDR label of a service, or V(all) for that of all of Oracle's services.",
                    required=True,
                ),
                f"{peer}_type": _option(
                    f"What O({at}[].{peer}) is. V(CIDR_BLOCK) if not given.",
                    choices=["CIDR_BLOCK", "SERVICE_CIDR_BLOCK"],
                ),
            },
        )
    return made


def _group_rules(prefix: str = "") -> Options:
    """The rules of a network security group; ``prefix``: their path in a whole network, where groups have names."""
    at = f"{prefix}security_rules"
    kinds = ["CIDR_BLOCK", "SERVICE_CIDR_BLOCK", "NETWORK_SECURITY_GROUP"]
    group = "the name or OCID" if prefix else "the OCID"
    label = "the CIDR label of a service (V(all) is that of all of Oracle's services)"
    protocol = _option(
        f"The protocol, V(all) or its number, {NUMBERS}. Needed without O({at}[].tcp_ports) and O({at}[].udp_ports)."
    )
    rule: Options = {
        "direction": _option(
            "Whether the rule is for packets that come in, V(INGRESS), or go out, V(EGRESS).",
            choices=["INGRESS", "EGRESS"],
            required=True,
        ),
        **_security_rule(at, protocol),
    }
    for peer, direction, whom in (
        ("source", "INGRESS", "Whom packets come from"),
        ("destination", "EGRESS", "Whom packets go to"),
    ):
        needed = f" Needed for O({at}[].direction={direction}), or O({at}[].{peer}s)."
        rule[peer] = _option(
            f"{whom}, a CIDR block, {label}, or {group} of a network security group of the same VCN.{needed}"
        )
        rule[f"{peer}_type"] = _option(f"What O({at}[].{peer}) is.{needed}", choices=kinds)
    for many, one in (("sources", "source"), ("destinations", "destination")):
        rule[many] = _option(
            f"Several of them, which make a rule each, instead of O({at}[].{one}). V(CIDR_BLOCK) is their type if none is "
            "given.",
            type="list",
            elements="str",
        )
    for kind in ("TCP", "UDP"):
        rule[f"{kind.lower()}_ports"] = _option(
            f"{kind} ports and ranges that packets go to, as text, for example V(443) or V(30000-32767). Each makes a rule.",
            type="list",
            elements="str",
        )
    return {
        "security_rules": _rows(
            "The rules, in any order. The list given replaces the current one; an empty list removes all. Rules are not looked "
            "at if it is not given.",
            "Changed in place, at most 25 in a request.",
            suboptions=rule,
        )
    }


# --- capture filters ---------------------------------------------------------------------------------------------


def _captured(at: str) -> Options:
    return {
        "rule_action": _option(
            "Whether packets that match are taken or left out. V(INCLUDE) if not given.", choices=["INCLUDE", "EXCLUDE"]
        ),
        "source_cidr": _option("Packets from this CIDR block. From anywhere if not given."),
        "destination_cidr": _option("Packets to this CIDR block. To anywhere if not given."),
        "protocol": _option(f"The protocol's number, {NUMBERS}. All protocols if not given."),
        **_match(at),
    }


def _capture_rules(prefix: str = "") -> Options:
    mirrored, logged = f"{prefix}vtap_capture_filter_rules", f"{prefix}flow_log_capture_filter_rules"
    return {
        "vtap_capture_filter_rules": _rows(
            f"What is mirrored, for O({prefix}filter_type=VTAP) only; at most 10 rules, of which the first that matches a "
            "packet applies.",
            "Changed in place, all together. The list given replaces the current one, in its order; an empty list removes all.",
            suboptions={
                "traffic_direction": _option(
                    "Whether the rule is for packets that come to the source, V(INGRESS), or leave it, V(EGRESS).",
                    choices=["INGRESS", "EGRESS"],
                    required=True,
                ),
                **_captured(mirrored),
            },
        ),
        "flow_log_capture_filter_rules": _rows(
            f"What is logged, for O({prefix}filter_type=FLOWLOG) only; at most 10 rules, in any order.",
            "Changed in place, all together. The list given replaces the current one; an empty list removes all.",
            suboptions={
                "priority": _option(
                    "Its place among the rules, from 0 to 9, unique. The lowest that matches a packet applies.",
                    type="int",
                    required=True,
                ),
                "is_enabled": _option("Whether the rule is applied. Defaults to V(true).", type="bool"),
                "sampling_rate": _option(
                    "One of so many flows is logged, from 1 to 100000. V(1), all of them, if not given.", type="int"
                ),
                "flow_log_type": _option(
                    "Whether traffic that is let through, that is rejected, or both is logged. V(ALL) if not given.",
                    choices=["ALL", "REJECT", "ACCEPT"],
                ),
                **_captured(logged),
            },
        ),
    }


# --- parts of a whole network ------------------------------------------------------------------------------------


def _part(*description: str, options: Options) -> Options:
    """A list of parts, each with a name and tags."""
    return _rows(
        *description,
        suboptions={
            "id": _option("Its OCID, where its name alone does not tell which it is. It has to be there."),
            "display_name": _option("Its name, by which it is found and by which other parts name it.", required=True),
            **options,
            "freeform_tags": _option("Tags of this part, beside those of O(freeform_tags).", type="dict"),
            "defined_tags": _option("Tags of namespaces of this part, instead of O(defined_tags).", type="dict"),
        },
    )


class ModuleDocFragment:
    """A variant for each module that has rules."""

    # With annotations: ansible-test reads the plain assignments of this class, and takes them for text.

    SECURITY_LIST: str = _text(_list_rules())
    NETWORK_SECURITY_GROUP: str = _text(_group_rules())
    CAPTURE_FILTER: str = _text(_capture_rules())
    VIRTUAL_NETWORK: str = _text(
        {
            "security_lists": _part(
                "Security lists. Their rules are the rules that stand.", options=_list_rules("security_lists[].")
            ),
            "default_security_list": _option(
                "The security list that comes with the VCN. Where security groups are to decide give it two empty lists.",
                type="dict",
                suboptions=_list_rules("default_security_list."),
            ),
            "network_security_groups": _part(
                "Network security groups with their rules. Groups may name each other.",
                options=_group_rules("network_security_groups[]."),
            ),
            "capture_filters": _part(
                "Capture filters, which say what VTAPs mirror or flow logs hold. They are in the compartment rather than in "
                "the VCN.",
                options={
                    "filter_type": _option(
                        "What uses it. Changing the type requires replacing the filter.",
                        choices=["VTAP", "FLOWLOG"],
                        required=True,
                    ),
                    **_capture_rules("capture_filters[]."),
                },
            ),
        }
    )
