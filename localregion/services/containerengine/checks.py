# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operations of the Kubernetes Engine check alike: what bodies name of the network, and states."""

from __future__ import annotations

from collections.abc import Sequence

from localregion.core.errors import incorrect_state, invalid, related_not_found
from localregion.core.store import Record, Store
from localregion.services.containerengine import model


def network_resource(store: Store, kind: str, record_id: str) -> Record:
    """A resource of the network that a body names. Raises 400."""
    record = store.find(record_id)
    if record is None or record.dead or record.kind != kind:
        raise related_not_found()
    return record


def subnet(store: Store, subnet_id: str, vcn_id: str, field: str, *, regional: bool = False) -> Record:
    """A subnet of a VCN that a body names. Raises 400."""
    found = network_resource(store, "subnet", subnet_id)
    if found.doc.get("vcnId") != vcn_id:
        raise invalid(f"{field}: the subnet {subnet_id} is not in the VCN {vcn_id}")
    if regional and found.doc.get("availabilityDomain"):
        raise invalid(f"{field}: the subnet {subnet_id} must be regional")
    return found


def groups(store: Store, given: Sequence[str] | None, vcn_id: str, field: str) -> list[str]:
    """The network security groups of a VCN that a body names. Raises 400."""
    result = model.nsg_ids(given, field)
    for nsg_id in result:
        if network_resource(store, "network_security_group", nsg_id).doc.get("vcnId") != vcn_id:
            raise invalid(f"{field}: the network security group {nsg_id} is not in the VCN {vcn_id}")
    return result


def active(record: Record) -> None:
    """Whether a record can be changed. Raises 409."""
    if record.state != "ACTIVE":
        raise incorrect_state(f"{record.kind} {record.id} is {record.state}; it must be ACTIVE")
