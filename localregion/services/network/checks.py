# SPDX-License-Identifier: GPL-3.0-or-later
"""What several operations of the network check alike, and how its messages call the kinds."""

from __future__ import annotations

from localregion.core.errors import incorrect_state, invalid
from localregion.core.store import Record
from localregion.services.base import Service

WORDS = {
    "vcn": "VCN", "subnet": "Subnet", "route_table": "Route Table", "security_list": "Security List",
    "dhcp_options": "DHCP Options", "network_security_group": "Network Security Group", "vnic": "VNIC",
    "internet_gateway": "Internet Gateway", "nat_gateway": "NAT Gateway", "service_gateway": "Service Gateway",
    "public_ip": "public IP", "capture_filter": "Capture Filter", "vtap": "VTAP",
}  # fmt: skip


def available(record: Record, word: str) -> None:
    """Whether a resource can be changed or used. Raises 409."""
    if record.state != "AVAILABLE":
        raise incorrect_state(f"The {word} {record.id} must be in state AVAILABLE; it is {record.state}.")


def of_vcn(service: Service, kind: str, record_id: str, vcn: Record) -> Record:
    """A resource named in a body, which must be in the VCN. Raises 404 or 400."""
    record = service.get(kind, record_id)
    if record.parent != vcn.id:
        raise invalid(f"The {WORDS[kind]} {record_id} is not of VCN {vcn.id}.")
    return record
