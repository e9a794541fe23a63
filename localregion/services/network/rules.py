"""What the network service makes of CIDRs and rules: checked, and written in one form.

Each function takes the wire form of a request and gives the form that the service keeps and shows. All raise 400
InvalidParameter.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from localregion import ocids
from localregion import settings as names
from localregion.core.errors import invalid, missing
from localregion.core.store import Document, Record

_DNS_LABEL = re.compile(r"[a-z][a-z0-9]{0,14}")
_TCP, _UDP, _ICMP, _ICMPV6 = "6", "17", "1", "58"

SERVICES = (
    {
        "id": ocids.fixed("service", "all", region=names.REGION),
        "name": f"All {names.REGION_KEY} Services In Oracle Services Network",
        "description": f"All {names.REGION_KEY} Services In Oracle Services Network",
        "cidrBlock": f"all-{names.REGION_KEY.lower()}-services-in-oracle-services-network",
    },
    {
        "id": ocids.fixed("service", "object storage", region=names.REGION),
        "name": f"OCI {names.REGION_KEY} Object Storage",
        "description": f"OCI {names.REGION_KEY} Object Storage",
        "cidrBlock": f"oci-{names.REGION_KEY.lower()}-objectstorage",
    },
)
"""The services a service gateway can enable; the first holds the second."""


def network(text: str, what: str = "CIDR") -> ipaddress.IPv4Network:
    """An IPv4 CIDR; host bits are cut off, as the service does."""
    try:
        if "/" not in text:
            raise ValueError
        return ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise invalid(f"The requested {what} {text} is invalid: it must be a CIDR block such as 10.0.0.0/16.") from None


def sized(text: str) -> ipaddress.IPv4Network:
    """The CIDR of a VCN or subnet: /16 to /30."""
    found = network(text)
    if not 16 <= found.prefixlen <= 30:
        raise invalid(f"The requested CIDR {text} is invalid: its size must be between /16 and /30.")
    return found


def any_cidr(text: str, what: str) -> str:
    """A CIDR of either family, as rules have them, in one form."""
    try:
        if "/" not in text:
            raise ValueError
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise invalid(f"{what} {text} is not a valid CIDR block.") from None


def blocks(vcn: Record) -> list[ipaddress.IPv4Network]:
    """The CIDR blocks of a VCN."""
    return [network(text) for text in vcn.doc["cidrBlocks"]]


def dns_label(text: str) -> str:
    """A DNS label of a VCN or subnet."""
    if not _DNS_LABEL.fullmatch(text):
        raise invalid(
            f"DNS label {text} must be an alphanumeric string of at most 15 characters that begins with a letter."
        )
    return text


def service_cidr(text: str, what: str) -> str:
    """The `cidrBlock` of a service."""
    if text not in {service["cidrBlock"] for service in SERVICES}:
        raise invalid(f"{what} {text} is not the CIDR label of a service of this region.")
    return text


def check_disjoint(cidrs: Iterable[ipaddress.IPv4Network], others: Iterable[tuple[str, ipaddress.IPv4Network]]) -> None:
    """Raises when one of the CIDRs overlaps another of them, or one of the others (owner, CIDR)."""
    seen: list[tuple[str, ipaddress.IPv4Network]] = list(others)
    for cidr in cidrs:
        for owner, other in seen:
            if cidr.overlaps(other):
                raise invalid(f"The requested CIDR {cidr} is invalid: {owner} with CIDR {other} overlaps with it.")
        seen.append(("another requested block", cidr))


def within(destination: str, blocks: Iterable[ipaddress.IPv4Network]) -> bool:
    """Whether a rule's destination is an IPv4 CIDR inside of one of the blocks."""
    try:
        cidr = ipaddress.IPv4Network(destination)
    except ValueError:
        return False  # a service's label, or IPv6
    return any(cidr.subnet_of(block) for block in blocks)


def route_rule(rule: Mapping[str, Any]) -> Document:
    """A route rule; the deprecated `cidrBlock` becomes the destination, and shows as well."""
    if "destination" in rule and "cidrBlock" in rule:
        raise invalid("A route rule cannot have both cidrBlock and destination.")
    destination = rule.get("destination") or rule.get("cidrBlock")
    if destination is None:
        raise missing("routeRules.destination")
    kind = rule.get("destinationType", "CIDR_BLOCK")
    if rule.get("routeType", "STATIC") != "STATIC":
        raise invalid("A route rule's routeType can only be STATIC.")
    shown: Document = {"networkEntityId": rule["networkEntityId"], "destinationType": kind, "routeType": "STATIC"}
    if kind == "CIDR_BLOCK":
        shown["destination"] = shown["cidrBlock"] = any_cidr(destination, "The route rule's destination")
    else:
        shown["destination"] = service_cidr(destination, "The route rule's destination")
    return shown | _kept(rule, "description")


def ingress_rule(rule: Mapping[str, Any]) -> Document:
    """A security list's rule for what comes in."""
    return _peer(rule, "source", ("CIDR_BLOCK", "SERVICE_CIDR_BLOCK")) | _traffic(rule)


def egress_rule(rule: Mapping[str, Any]) -> Document:
    """A security list's rule for what goes out."""
    return _peer(rule, "destination", ("CIDR_BLOCK", "SERVICE_CIDR_BLOCK")) | _traffic(rule)


def group_rule(rule: Mapping[str, Any]) -> Document:
    """A rule of a network security group, without its id."""
    near, far = ("source", "destination") if rule["direction"] == "INGRESS" else ("destination", "source")
    if rule.get(far) or rule.get(f"{far}Type"):
        raise invalid(f"An {rule['direction']} rule has no {far}.")
    for name in (near, f"{near}Type"):
        if not rule.get(name):
            raise missing(f"securityRules.{name}")
    kinds = ("CIDR_BLOCK", "SERVICE_CIDR_BLOCK", "NETWORK_SECURITY_GROUP")
    return {"direction": rule["direction"]} | _peer(rule, near, kinds) | _traffic(rule)


def _peer(rule: Mapping[str, Any], side: str, kinds: tuple[str, ...]) -> Document:
    kind = rule.get(f"{side}Type", "CIDR_BLOCK")
    if kind not in kinds:
        raise invalid(f"{side}Type must be one of {', '.join(kinds)}")
    peer = rule[side]
    if kind == "CIDR_BLOCK":
        peer = any_cidr(peer, f"The rule's {side}")
    elif kind == "SERVICE_CIDR_BLOCK":
        peer = service_cidr(peer, f"The rule's {side}")
    return {side: peer, f"{side}Type": kind}


def _traffic(rule: Mapping[str, Any]) -> Document:
    protocol = rule["protocol"]
    if protocol != "all" and not (protocol.isdecimal() and str(int(protocol)) == protocol and int(protocol) <= 255):
        raise invalid(f"protocol must be all or an IPv4 protocol number; it is '{protocol}'")
    shown: Document = {"protocol": protocol, "isStateless": rule.get("isStateless", False)}
    for name, fitting in (("tcpOptions", (_TCP,)), ("udpOptions", (_UDP,)), ("icmpOptions", (_ICMP, _ICMPV6))):
        options = rule.get(name)
        if options is None:
            continue
        if protocol not in fitting:
            raise invalid(f"{name} is only possible with protocol {' or '.join(fitting)}, not {protocol}")
        shown[name] = _icmp(options) if name == "icmpOptions" else _ports(options, name)
    return shown | _kept(rule, "description")


def mirror_rule(rule: Mapping[str, Any], _: int) -> Document:
    """A rule of a capture filter for VTAPs."""
    return {"trafficDirection": rule["trafficDirection"]} | _captured(rule)


def flow_log_rule(rule: Mapping[str, Any], index: int) -> Document:
    """A rule of a capture filter for flow logs; without a priority its place says it."""
    shown = {
        "isEnabled": rule.get("isEnabled", True), "priority": rule.get("priority", index),
        "samplingRate": rule.get("samplingRate", 1), "flowLogType": rule.get("flowLogType", "ALL"),
    }  # fmt: skip
    if not 0 <= shown["priority"] <= 9:
        raise invalid(f"priority must be within 0 to 9; it is {shown['priority']}")
    if not 1 <= shown["samplingRate"] <= 100_000:
        raise invalid(f"samplingRate must be within 1 to 100000; it is {shown['samplingRate']}")
    return shown | _captured(rule)


def _captured(rule: Mapping[str, Any]) -> Document:
    """What both kinds of capture filters' rules have. Without a protocol a rule is for all."""
    shown: Document = {"ruleAction": rule.get("ruleAction", "INCLUDE")}
    for side in ("sourceCidr", "destinationCidr"):
        if side in rule:
            shown[side] = any_cidr(rule[side], side)
    protocol = rule.get("protocol")
    if protocol is not None and protocol not in (_TCP, _UDP, _ICMP, _ICMPV6):
        raise invalid(f"protocol must be 1, 6, 17 or 58; it is '{protocol}'")
    options = {name: rule[name] for name in ("tcpOptions", "udpOptions", "icmpOptions") if name in rule}
    match = _traffic({"protocol": protocol or "all", **options})
    return shown | {name: match[name] for name in options} | _kept(rule, "protocol")


def address(text: str, what: str) -> str:
    """An address of either family."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise invalid(f"{what} {text} is not a valid IP address.") from None


def check_security_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    """The labels of Zero Trust Packet Routing: namespace, name, and a value with a mode."""
    for space, labels in attributes.items():
        for name, label in labels.items():
            if not isinstance(label, dict) or set(label) != {"value", "mode"}:
                raise invalid(f"The security attribute {space}.{name} must have a value and a mode.")
            if label["mode"] not in ("enforce", "audit"):
                raise invalid(f"The mode of the security attribute {space}.{name} must be enforce or audit.")


def _ports(options: Mapping[str, Any], where: str) -> Document:
    shown: Document = {}
    for name in ("destinationPortRange", "sourcePortRange"):
        if name in options:
            low, high = options[name]["min"], options[name]["max"]
            if not 1 <= low <= high <= 65535:
                raise invalid(f"{where}.{name} must be within 1 to 65535, min not above max; it is {low} to {high}")
            shown[name] = {"min": low, "max": high}
    return shown


def _icmp(options: Mapping[str, Any]) -> Document:
    for name in ("type", "code"):
        if name in options and not 0 <= options[name] <= 255:
            raise invalid(f"icmpOptions.{name} must be within 0 to 255")
    return {name: options[name] for name in ("type", "code") if name in options}


def _kept(rule: Mapping[str, Any], *fields: str) -> Document:
    return {name: rule[name] for name in fields if rule.get(name) is not None}
