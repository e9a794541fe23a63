# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual cloud network (SDK package ``core``, VirtualNetworkClient)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Call,
    Change,
    Document,
    Field,
    ResourceType,
    Shorthands,
    States,
    canonical,
    caseless,
    cidr,
    is_unknown,
)

CLIENT = "core.VirtualNetworkClient"
VCN_ID = Field("vcn_id", change=Change.REPLACE, required=True, reference="vcn")
STATES = States(busy=("PROVISIONING",))
CHANGING = States(busy=("PROVISIONING", "UPDATING"))
"""Of types which some changes take a while for."""
LACKS = {
    "failed": "the network service has no failed state: it refuses what it cannot make",
    "revive": "what is deleted is gone at once",
}
"""Steps of a life that nothing in the network has."""

Check = Callable[[Document], Iterable[str]]


# --- VCN ---------------------------------------------------------------------------------------------------------


def _cidr_steps(before: Any, after: Any, observed: Document) -> list[Call]:
    """A block that grows or shrinks in place is modified; the rest goes and comes, but never the last one first.

    The service takes no blocks that overlap, not even for a moment: what a block grows over goes before, what a block
    makes room for comes after it shrank.
    """
    old = [cidr(c) for c in before or []]
    new = [cidr(c) for c in after or []]
    leaving = [c for c in old if c not in new]
    coming = [c for c in new if c not in old]
    changed: list[Call] = []
    for block in list(coming):
        over = [c for c in leaving if _overlap(c, block)]
        if over:
            changed += [_cidr_call("remove", c) for c in over[1:]]
            body = {"original_cidr_block": over[0], "new_cidr_block": block}
            changed.append(Call("modify_vcn_cidr", body, guarded=True))
            leaving = [c for c in leaving if c not in over]
            coming.remove(block)
    added = [_cidr_call("add", c) for c in coming]
    removed = [_cidr_call("remove", c) for c in leaving]
    if len(leaving) == len(old):  # a VCN has one block at least
        return [*added[:1], *removed, *added[1:]]
    return [*changed, *removed, *added]


def _cidr_call(verb: str, block: str) -> Call:
    return Call(f"{verb}_vcn_cidr", {"cidr_block": block}, guarded=True)


def _overlap(left: str, right: str) -> bool:
    try:
        return ipaddress.ip_network(left).overlaps(ipaddress.ip_network(right))
    except (TypeError, ValueError):
        return False


def check_cidrs(*paths: str) -> Check:
    """A check that the options of these names hold CIDRs the service takes: host bits clear, no overlap in a list."""

    def check(desired: Document) -> Iterable[str]:
        for path in paths:
            value = desired.get(path)
            blocks = value if isinstance(value, list) else [value] if value else []
            seen: list[tuple[str, Any]] = []
            for index, block in enumerate(blocks):
                where = f"{path}[{index}]" if isinstance(value, list) else path
                if is_unknown(block):
                    continue
                try:
                    network = ipaddress.ip_network(str(block))
                except ValueError as error:
                    yield f"{where}: {error}"
                    continue
                for other_where, other in seen:
                    if network.version == other.version and network.overlaps(other):
                        yield f"{where}: {network} overlaps {other_where} ({other})"
                seen.append((where, network))

    return check


def _vcn_problems(desired: Document) -> Iterable[str]:
    if desired.get("cidr_blocks") == []:
        yield "cidr_blocks: a VCN has one block at least"


VCN = ResourceType(
    name="vcn",
    client=CLIENT,
    states=CHANGING,
    lacks=LACKS,
    fields=(
        Field(
            "cidr_blocks",
            type="list",
            elements="str",
            canonical=cidr,
            change=Change.STEPS,
            steps=_cidr_steps,
            required=True,
        ),
        Field("dns_label", canonical=caseless, change=Change.REPLACE),
        Field("is_zpr_only", type="bool"),
        Field("security_attributes", type="dict"),
    ),
    checks=(check_cidrs("cidr_blocks"), _vcn_problems),
    unmanaged={
        "cidr_block": "deprecated by the service in favour of cidr_blocks",
        "is_ipv6_enabled": "OKE virtual nodes are IPv4 only",
        "ipv6_private_cidr_blocks": "OKE virtual nodes are IPv4 only",
        "is_oracle_gua_allocation_enabled": "OKE virtual nodes are IPv4 only",
        "byoipv6_cidr_details": "OKE virtual nodes are IPv4 only",
    },
)

# --- subnets -----------------------------------------------------------------------------------------------------


def _subnet_problems(desired: Document) -> Iterable[str]:
    if len(desired.get("security_list_ids") or []) > 5:
        yield "security_list_ids: the service takes at most 5"
    flags = ("prohibit_internet_ingress", "prohibit_public_ip_on_vnic")
    if all(desired.get(flag) is not None for flag in flags):
        yield f"{flags[0]}: give only one of it and {flags[1]}"


SUBNET = ResourceType(
    name="subnet",
    client=CLIENT,
    states=CHANGING,
    lacks=LACKS,
    parent="vcn_id",
    fields=(
        VCN_ID,
        Field("cidr_block", canonical=cidr, required=True),
        Field("availability_domain", canonical=caseless, change=Change.REPLACE),
        Field("dns_label", canonical=caseless, change=Change.REPLACE),
        Field("dhcp_options_id", reference="dhcp_options"),
        Field("route_table_id", reference="route_table"),
        Field("security_list_ids", type="list", elements="str", reference="security_list"),
        Field("prohibit_internet_ingress", type="bool", change=Change.REPLACE, instead_of="prohibit_public_ip_on_vnic"),
        Field("prohibit_public_ip_on_vnic", type="bool", change=Change.REPLACE, instead_of="prohibit_internet_ingress"),
    ),
    checks=(check_cidrs("cidr_block"), _subnet_problems),
    unmanaged={
        "ipv4_cidr_blocks": "a second block of a subnet; cidr_block is the one that virtual nodes use",
        "ipv6_cidr_block": "OKE virtual nodes are IPv4 only",
        "ipv6_cidr_blocks": "OKE virtual nodes are IPv4 only",
    },
)

# --- the services of a region ------------------------------------------------------------------------------------

ALL_SERVICES = "all"
"""The name that means "All <region> Services in Oracle Services Network" where a service or its label belongs."""


def _services(session: Any) -> list[Document]:
    rows: list[Document] = session.remembered("services", lambda: session.rows(session.client(CLIENT), "list_services"))
    return rows


def _service(session: Any, name: str) -> str:
    """The id of a service, for a gateway: of all of them, or of the one with that label."""
    return str(_the_service(session, name)["id"])


def _service_cidr(session: Any, name: str) -> str:
    """The label of a service, for a rule or a route."""
    return str(_the_service(session, name)["cidr_block"])


def _the_service(session: Any, name: str) -> Document:
    rows = _services(session)
    for row in rows:
        label = str(row["cidr_block"])
        if label == name or (name == ALL_SERVICES and label.startswith("all-")):
            return row
    has = ", ".join(str(row["cidr_block"]) for row in rows) or "none"
    raise ResourceError(f"this region has no service {name!r}; it has {has}, and {ALL_SERVICES} for all of Oracle's")


SERVICES = {"service": _service, "service_cidr": _service_cidr}

# --- gateways ----------------------------------------------------------------------------------------------------

INTERNET_GATEWAY = ResourceType(
    name="internet_gateway",
    client=CLIENT,
    states=STATES,
    lacks=LACKS,
    parent="vcn_id",
    fields=(
        VCN_ID,
        Field("is_enabled", type="bool", create_default=True),
        Field("route_table_id", reference="route_table"),
    ),
)

NAT_GATEWAY = ResourceType(
    name="nat_gateway",
    answers_at=lambda gateway: [("public", gateway.get("nat_ip"), None)],
    client=CLIENT,
    states=STATES,
    lacks=LACKS,
    parent="vcn_id",
    fields=(
        VCN_ID,
        Field("block_traffic", type="bool"),
        Field("public_ip_id", change=Change.REPLACE, reference="public_ip"),
        Field("route_table_id", reference="route_table"),
    ),
)

SERVICE_GATEWAY = ResourceType(
    name="service_gateway",
    client=CLIENT,
    constants=SERVICES,
    states=STATES,
    lacks=LACKS,
    parent="vcn_id",
    name_filter=None,
    fields=(
        VCN_ID,
        Field(
            "services",
            type="list",
            elements="dict",
            fields=(Field("service_id", required=True, reference="service"),),
            required=True,
        ),
        Field("block_traffic", type="bool", on_create=False),
        Field("route_table_id", reference="route_table"),
    ),
)

# --- routes and security lists -----------------------------------------------------------------------------------


RULES_A_LIST = 200  # in each direction
ROUTES_A_TABLE = 200
"""The service's limits (its page "Service Limits")."""


def _own_routes(session: Any, document: Document, desired: Document) -> Document:
    """A table without the rules that the service adds: nobody declares them."""
    rules = [r for r in document.get("route_rules") or [] if r.get("route_type") != "LOCAL"]
    return {**document, "route_rules": rules}


def _route_problems(desired: Document) -> Iterable[str]:
    rules = desired.get("route_rules") or []
    if len(rules) > ROUTES_A_TABLE:
        yield f"route_rules: {len(rules)} rules, the service takes at most {ROUTES_A_TABLE}"
    for index, rule in enumerate(rules):
        for problem in _peer_problems(rule, "destination"):
            yield f"route_rules[{index}].{problem}"


ROUTE_TABLE = ResourceType(
    name="route_table",
    client=CLIENT,
    constants=SERVICES,
    states=STATES,
    lacks=LACKS,
    parent="vcn_id",
    fields=(
        VCN_ID,
        Field(
            "route_rules",
            type="list",
            elements="dict",
            create_default=[],
            fields=(
                Field(
                    "destination",
                    canonical=cidr,
                    required=True,
                    reference_by=("destination_type", {"SERVICE_CIDR_BLOCK": "service_cidr"}),
                ),
                Field("destination_type", choices=("CIDR_BLOCK", "SERVICE_CIDR_BLOCK"), default="CIDR_BLOCK"),
                Field("network_entity_id", required=True, reference="gateway"),
                Field("description"),
            ),
        ),
    ),
    complete=_own_routes,
    checks=(_route_problems,),
    unmanaged={
        "route_rules.cidr_block": "deprecated by the service in favour of destination",
        "route_rules.route_type": "the service tells by it which rules it added itself; those are left out",
    },
)

PORT_RANGE = (Field("min", type="int", required=True), Field("max", type="int", required=True))
PORTS = (
    Field("destination_port_range", type="dict", fields=PORT_RANGE),
    Field("source_port_range", type="dict", fields=PORT_RANGE),
)
PEER_TYPES = ("CIDR_BLOCK", "SERVICE_CIDR_BLOCK")
MATCH = (
    Field("protocol", required=True),
    Field("is_stateless", type="bool", default=False),
    Field("tcp_options", type="dict", fields=PORTS),
    Field("udp_options", type="dict", fields=PORTS),
    Field("icmp_options", type="dict", fields=(Field("type", type="int", required=True), Field("code", type="int"))),
    Field("description"),
)


def _rule_problems(rule: Document) -> Iterable[str]:
    """What the service would refuse in one rule (its page "Security Rules")."""
    protocol = str(rule.get("protocol", ""))
    if is_unknown(protocol):
        return
    if rule.get("protocol") is None:
        yield "protocol: is needed, all or a number (ICMP 1, TCP 6, UDP 17, ICMPv6 58)"
    elif protocol != "all" and not (protocol.isdigit() and int(protocol) <= 255):
        yield f"protocol: {rule.get('protocol')!r} is neither all nor a number (ICMP 1, TCP 6, UDP 17, ICMPv6 58)"
    for option, numbers in (("tcp_options", ("6",)), ("udp_options", ("17",)), ("icmp_options", ("1", "58"))):
        if rule.get(option) is not None and protocol not in numbers:
            yield f"{option}: needs protocol {' or '.join(numbers)}, not {rule.get('protocol')}"
    for option in ("tcp_options", "udp_options"):
        for name, ports in (rule.get(option) or {}).items():
            low, high = ports.get("min"), ports.get("max")
            if not (isinstance(low, int) and isinstance(high, int) and 1 <= low <= high <= 65535):
                yield f"{option}.{name}: {low}-{high} is not a range within 1-65535"
    for name, value in (rule.get("icmp_options") or {}).items():
        if isinstance(value, int) and not 0 <= value <= 255:
            yield f"icmp_options.{name}: {value} is outside of 0 to 255"


def _peer_problems(rule: Document, side: str) -> Iterable[str]:
    """Whether what a rule names as its ``source`` or ``destination`` is of the type that it says."""
    peer, type_ = rule.get(side), rule.get(f"{side}_type") or "CIDR_BLOCK"
    if peer is None or is_unknown(peer) or is_unknown(type_):
        return
    try:
        ipaddress.ip_network(str(peer), strict=False)
    except ValueError as error:
        if type_ == "CIDR_BLOCK":
            text = str(peer)
            why = str(error) if "/" in text else f"{text!r} is not a CIDR block"
            hint = "" if "/" in text else f"; anything else needs its {side}_type"
            yield f"{side}: {why}{hint}"
    else:
        if type_ != "CIDR_BLOCK":
            yield f"{side}: {peer!r} is a CIDR block, and {side}_type says {type_}"


def check_rules(path: str, *sides: str, most: int) -> Check:
    """A check of the rules in a list of this name, of which the service takes so many; ``sides``: where their peers
    stand."""

    def check(desired: Document) -> Iterable[str]:
        rules = desired.get(path) or []
        if len(rules) > most:
            yield f"{path}: {len(rules)} rules, the service takes at most {most}"
        for index, rule in enumerate(rules):
            for problem in (*_rule_problems(rule), *(p for side in sides for p in _peer_problems(rule, side))):
                yield f"{path}[{index}].{problem}"

    return check


SECURITY_LIST = ResourceType(
    name="security_list",
    client=CLIENT,
    constants=SERVICES,
    states=STATES,
    lacks=LACKS,
    parent="vcn_id",
    fields=(
        VCN_ID,
        Field(
            "ingress_security_rules",
            type="list",
            elements="dict",
            create_default=[],
            fields=(
                *MATCH,
                Field(
                    "source",
                    canonical=cidr,
                    required=True,
                    reference_by=("source_type", {"SERVICE_CIDR_BLOCK": "service_cidr"}),
                ),
                Field("source_type", choices=PEER_TYPES, default="CIDR_BLOCK"),
            ),
        ),
        Field(
            "egress_security_rules",
            type="list",
            elements="dict",
            create_default=[],
            fields=(
                *MATCH,
                Field(
                    "destination",
                    canonical=cidr,
                    required=True,
                    reference_by=("destination_type", {"SERVICE_CIDR_BLOCK": "service_cidr"}),
                ),
                Field("destination_type", choices=PEER_TYPES, default="CIDR_BLOCK"),
            ),
        ),
    ),
    checks=(
        check_rules("ingress_security_rules", "source", most=RULES_A_LIST),
        check_rules("egress_security_rules", "destination", most=RULES_A_LIST),
    ),
)

# --- network security groups -------------------------------------------------------------------------------------

NSG_PEER_TYPES = (*PEER_TYPES, "NETWORK_SECURITY_GROUP")
RULES_A_GROUP = 120  # the service's limit, both directions together
RULES_A_CALL = 25  # AddNetworkSecurityGroupSecurityRules, Update..., Remove...: at most 25 rules


def _spread(rule: Document) -> list[Document]:
    """A rule in the service's own form for each peer and each range of ports of its shorthands."""
    plain = {k: v for k, v in rule.items() if k not in SHORTHANDS.options}
    peers: list[Document] = [{}]
    for many, one in (("sources", "source"), ("destinations", "destination")):
        if many in rule:
            peers = [{one: p, f"{one}_type": rule.get(f"{one}_type", "CIDR_BLOCK")} for p in rule[many]]
    ports: list[Document] = []
    for many, option, protocol in (("tcp_ports", "tcp_options", "6"), ("udp_ports", "udp_options", "17")):
        for span in rule.get(many) or []:
            low, _dash, high = str(span).partition("-")
            limits = {"min": _number(low), "max": _number(high or low)}
            ports.append({"protocol": protocol, option: {"destination_port_range": limits}})
    return [{**plain, **peer, **port} for peer in peers for port in (ports or [{}])]


def _number(text: str) -> Any:
    return int(text) if text.strip().isdigit() else text


def _shorthand_problems(rule: Document) -> Iterable[str]:
    """What a rule says twice, or in two ways that do not fit."""
    for many, protocol in (("tcp_ports", "6"), ("udp_ports", "17")):
        if rule.get(many) and str(rule.get("protocol", protocol)) != protocol:
            yield f"{many}: needs protocol {protocol}, or none, not {rule['protocol']}"
    for many, one in (("sources", "source"), ("destinations", "destination")):
        if rule.get(many) and rule.get(one):
            yield f"{many}: {one} is given too; give one of them"
    if rule.get("sources") and rule.get("destinations"):
        yield "destinations: a rule has sources or destinations, by its direction"


_TEXTS = {"type": "list", "elements": "str"}
SHORTHANDS = Shorthands(
    dict.fromkeys(("sources", "destinations", "tcp_ports", "udp_ports"), _TEXTS), _spread, _shorthand_problems
)

SECURITY_RULES = Field(
    "security_rules",
    type="list",
    elements="dict",
    change=Change.STEPS,
    on_create=False,
    steps=lambda before, after, observed: _rule_steps(before or [], after or []),
    shorthands=SHORTHANDS,
    fields=(
        Field("direction", choices=("INGRESS", "EGRESS"), required=True),
        *(replace(f, required=False) for f in MATCH),  # ports of the shorthands imply a protocol
        Field(
            "source",
            canonical=cidr,
            reference_by=(
                "source_type",
                {"SERVICE_CIDR_BLOCK": "service_cidr", "NETWORK_SECURITY_GROUP": "network_security_group"},
            ),
        ),
        Field("source_type", choices=NSG_PEER_TYPES),
        Field(
            "destination",
            canonical=cidr,
            reference_by=(
                "destination_type",
                {"SERVICE_CIDR_BLOCK": "service_cidr", "NETWORK_SECURITY_GROUP": "network_security_group"},
            ),
        ),
        Field("destination_type", choices=NSG_PEER_TYPES),
    ),
)
_RULE = Field("rule", type="dict", fields=SECURITY_RULES.fields)


def _normal(rule: Document) -> Document:
    form: Document = canonical(_RULE, rule) or {}
    return form


def _rule_steps(before: list[Document], after: list[Document]) -> list[Call]:
    """Equal rules stay; those of one direction, peer and protocol become each other (``_LIKENESS``); the rest is added
    before it is removed, as far as the group has room for both.

    Nothing that stays is touched, and what replaces a rule is there before the rule goes.
    """
    there = list(before)
    wanted: list[Document] = []
    for rule in after:
        match = next((r for r in there if _normal(r) == _normal(rule)), None)
        if match is not None:
            there.remove(match)
        elif not any(_normal(rule) == _normal(w) for w in wanted):
            wanted.append(rule)
    updates: list[Document] = []
    for alike in _LIKENESS:
        for rule in list(wanted):
            match = next((r for r in there if alike(r, rule)), None)
            if match is not None:
                there.remove(match)
                wanted.remove(rule)
                updates.append({**rule, "id": match["id"]})
    room = max(0, RULES_A_GROUP - len(before)) if there else len(wanted)  # the rest has to wait until others went
    operation = "network_security_group_security_rules"
    adds = [
        [Call(f"add_{operation}", {"security_rules": rows}, repeatable=False) for rows in _chunks(part)]
        for part in (wanted[:room], wanted[room:])
    ]
    return [
        *adds[0],
        *(Call(f"update_{operation}", {"security_rules": rows}) for rows in _chunks(updates)),
        *(
            Call(f"remove_{operation}", {"security_rule_ids": [r["id"] for r in rows]}, repeatable=False)
            for rows in _chunks(there)
        ),
        *adds[1],
    ]


def _alike(*ignored: str) -> Callable[[Document, Document], bool]:
    names = [f.name for f in SECURITY_RULES.fields if f.name not in ignored]

    def alike(left: Document, right: Document) -> bool:
        a, b = _normal(left), _normal(right)
        return all(a.get(n) == b.get(n) for n in names)

    return alike


_MATCHING = ("is_stateless", "tcp_options", "udp_options", "icmp_options")
_LIKENESS = (_alike("description"), _alike(*_MATCHING), _alike(*_MATCHING, "description"))
"""Which rule becomes which: one that lets the same pass (its description changes) before one that was meant for the
same (its ports change), before any of the same direction, peer and protocol."""


def _chunks(rows: list[Document]) -> list[list[Document]]:
    return [rows[i : i + RULES_A_CALL] for i in range(0, len(rows), RULES_A_CALL)]


def _with_rules(session: Any, document: Document, desired: Document) -> Document:
    """The group together with its rules, which an operation of their own lists; only where they are managed."""
    if "security_rules" not in desired:
        return document
    rows = session.rows(session.client(CLIENT), "list_network_security_group_security_rules", document["id"])
    return {**document, "security_rules": rows}


def _nsg_problems(desired: Document) -> Iterable[str]:
    for index, rule in enumerate(desired.get("security_rules") or []):
        side = "source" if rule.get("direction") == "INGRESS" else "destination"
        if not rule.get(side) or not rule.get(f"{side}_type"):
            yield f"security_rules[{index}]: {rule.get('direction')} needs {side} and {side}_type"
        other = "destination" if side == "source" else "source"
        if rule.get(other) or rule.get(f"{other}_type"):
            yield f"security_rules[{index}].{other}: {rule.get('direction')} has a {side} and no {other}"


NETWORK_SECURITY_GROUP = ResourceType(
    name="network_security_group",
    client=CLIENT,
    constants=SERVICES,
    states=STATES,
    lacks=LACKS,
    parent="vcn_id",
    fields=(VCN_ID, SECURITY_RULES),
    complete=_with_rules,
    checks=(check_rules("security_rules", "source", "destination", most=RULES_A_GROUP), _nsg_problems),
)

# --- public addresses --------------------------------------------------------------------------------------------

PUBLIC_IP = ResourceType(
    name="public_ip",
    answers_at=lambda address: [("public", address.get("ip_address"), None)],
    client=CLIENT,
    name_filter=None,
    list_constants={"scope": "REGION", "lifetime": "RESERVED"},
    create_constants={"lifetime": "RESERVED"},
    states=States(ready=("AVAILABLE", "ASSIGNED"), busy=("PROVISIONING", "ASSIGNING", "UNASSIGNING", "UNASSIGNED")),
    lacks=LACKS,
    fields=(
        Field("private_ip_id", reference="private_ip"),
        Field("public_ip_pool_id", change=Change.REPLACE, reference="public_ip_pool"),
    ),
    unmanaged={"lifetime": "always RESERVED: an ephemeral address comes and goes with its private IP"},
)

# --- mirrored traffic --------------------------------------------------------------------------------------------

MAX_CAPTURE_RULES = 10
CAPTURED = (
    Field("rule_action", choices=("INCLUDE", "EXCLUDE"), default="INCLUDE"),
    Field("source_cidr", canonical=cidr),
    Field("destination_cidr", canonical=cidr),
    Field("protocol"),
    Field("icmp_options", type="dict", fields=(Field("type", type="int", required=True), Field("code", type="int"))),
    Field("tcp_options", type="dict", fields=PORTS),
    Field("udp_options", type="dict", fields=PORTS),
)
_RULES_OF = {"VTAP": "vtap_capture_filter_rules", "FLOWLOG": "flow_log_capture_filter_rules"}


def _filter_problems(desired: Document) -> Iterable[str]:
    """What the service would refuse in a capture filter (its page "Capture Filters")."""
    kind = desired.get("filter_type")
    for owner, option in _RULES_OF.items():
        rules = desired.get(option) or []
        if rules and kind in _RULES_OF and owner != kind:
            yield f"{option}: a filter of type {kind} has {_RULES_OF[str(kind)]}"
        if len(rules) > MAX_CAPTURE_RULES:
            yield f"{option}: {len(rules)} rules, a filter has at most {MAX_CAPTURE_RULES}"
        priorities: dict[Any, int] = {}
        for index, rule in enumerate(rules):
            where = f"{option}[{index}]"
            for problem in _rule_problems({**rule, "protocol": rule.get("protocol") or "all"}):
                yield f"{where}.{problem}"
            for name in ("source_cidr", "destination_cidr"):
                for problem in check_cidrs(name)(rule):
                    yield f"{where}.{problem}"
            priority = rule.get("priority")
            if priority is None or is_unknown(priority):
                continue
            if not 0 <= priority <= 9:
                yield f"{where}.priority: {priority} is outside of 0 to 9"
            if priority in priorities:
                yield f"{where}.priority: {priority} is already that of {option}[{priorities[priority]}]"
            priorities.setdefault(priority, index)


CAPTURE_FILTER = ResourceType(
    name="capture_filter",
    client=CLIENT,
    states=CHANGING,
    lacks=LACKS,
    fields=(
        Field("filter_type", choices=("VTAP", "FLOWLOG"), change=Change.REPLACE, required=True),
        Field(
            "vtap_capture_filter_rules",
            type="list",
            elements="dict",
            ordered=True,  # the first rule that fits decides
            instead_of="flow_log_capture_filter_rules",
            fields=(Field("traffic_direction", choices=("INGRESS", "EGRESS"), required=True), *CAPTURED),
        ),
        Field(
            "flow_log_capture_filter_rules",
            type="list",
            elements="dict",
            instead_of="vtap_capture_filter_rules",
            fields=(
                Field("priority", type="int", required=True),  # each has its own: they say the order
                Field("is_enabled", type="bool", default=True),
                Field("sampling_rate", type="int", default=1),
                Field("flow_log_type", choices=("ALL", "REJECT", "ACCEPT"), default="ALL"),
                *CAPTURED,
            ),
        ),
    ),
    checks=(_filter_problems,),
)


def _vtap_problems(desired: Document) -> Iterable[str]:
    """What the service would refuse in a VTAP."""
    if desired.get("target_id") and desired.get("target_ip"):
        yield "target_ip: the target is an address or a resource (target_id), not both"
    for name in ("target_ip", "source_private_endpoint_ip"):
        value = desired.get(name)
        if value and not is_unknown(value):
            try:
                ipaddress.ip_address(str(value))
            except ValueError as error:
                yield f"{name}: {error}"
    identifier = desired.get("vxlan_network_identifier")
    if isinstance(identifier, int) and not 0 <= identifier < 2**24:
        yield f"vxlan_network_identifier: {identifier} is outside of 0 to {2**24 - 1}"


VTAP = ResourceType(
    name="vtap",
    client=CLIENT,
    parent="vcn_id",
    states=CHANGING,
    lacks=LACKS,
    fields=(
        VCN_ID,
        Field("source_id", required=True, reference="vtap_source", reference_by=("source_type", {"SUBNET": "subnet"})),
        Field("source_type"),
        Field("target_id", reference="vtap_target"),
        Field("target_ip"),
        Field("target_type"),
        Field("capture_filter_id", required=True, reference="capture_filter"),
        Field("is_vtap_enabled", type="bool"),
        Field("vxlan_network_identifier", type="int"),
        Field("traffic_mode", choices=("DEFAULT", "PRIORITY")),
        Field("max_packet_size", type="int"),
        Field("source_private_endpoint_ip"),
        Field("source_private_endpoint_subnet_id", reference="subnet"),
    ),
    checks=(_vtap_problems,),
    unmanaged={"encapsulation_protocol": "the service knows one, VXLAN, which is the default"},
)
