# SPDX-License-Identifier: GPL-3.0-or-later
"""What lives in a VCN: created, changed and deleted alike, as each kind declares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localregion.core.errors import ServiceError, conflict, incorrect_state, limit_exceeded
from localregion.core.store import Document, Record
from localregion.services.base import Part, Service
from localregion.services.network import checks
from localregion.services.registration import step
from localregion.services.resources import SECOND, Call, Handler, Reply
from localregion.services.work_requests import WorkRequest

DEFAULTS = {"defaultRouteTableId": "route_table", "defaultSecurityListId": "security_list",
            "defaultDhcpOptionsId": "dhcp_options"}  # fmt: skip
"""The fields in which a VCN has the objects that are made with it, and their kinds."""

MakeDocument = Callable[[Record, Document, "Record | None"], Document]
"""Gets the VCN, the body, and the record when it is an update; gives fields of the document, or raises."""


@dataclass(frozen=True)
class Child:
    """What is particular to a kind that lives in a VCN.

    ``document`` makes and checks its document; ``limit``: how many a VCN may have; ``users``: (kind, field) whose field
    holds the id of one in use; ``seconds``: how long it is TERMINATING; ``slow``: the fields whose change takes as
    long, in state UPDATING; ``provisioned``: whether it is PROVISIONING first, that long: most are AVAILABLE in the
    answer to their creation; ``created`` and ``gone``: what else happens then.
    """

    document: MakeDocument
    limit: int | None = None
    users: tuple[tuple[str, str], ...] = ()
    seconds: float = 1.0
    slow: tuple[str, ...] = ()
    provisioned: bool = False
    created: Callable[[Record], None] | None = None
    gone: Callable[[Record], Awaitable[None]] | None = None


class Children(Part):
    """Creates, updates and deletes what is declared."""

    def __init__(self, service: Service, children: Mapping[str, Child]) -> None:
        super().__init__(service)
        self.children = children

    def operations(self) -> dict[str, Handler]:
        """The operations by their names."""
        found: dict[str, Handler] = {}
        for kind, child in self.children.items():
            found |= {
                f"create_{kind}": self._create_operation(kind, child),
                f"update_{kind}": self._update_operation(kind, child),
                f"delete_{kind}": self._delete_operation(kind, child),
            }
        return found

    def _create_operation(self, kind: str, child: Child) -> Handler:
        async def create(call: Call) -> Reply:
            vcn = self.service.get("vcn", call.body["vcnId"])
            checks.available(vcn, "VCN")
            if child.limit is not None and len(self.service.living(kind, parent=vcn.id)) >= child.limit:
                raise limit_exceeded(f"{checks.WORDS[kind].replace('Gateway', 'gateway')} limit per VCN reached")
            document = child.document(vcn, call.body, None)
            state = "PROVISIONING" if child.provisioned else "AVAILABLE"
            record = self.service.create(kind, call, document, state=state, parent=vcn.id)
            if child.created:
                child.created(record)
            if child.provisioned:
                self.service.transition(record, child.seconds * SECOND, "AVAILABLE")
            return self.service.show(record)

        return create

    def _update_operation(self, kind: str, child: Child) -> Handler:
        async def update(call: Call) -> Reply:
            record = self.service.get(kind, next(reversed(call.path.values())))
            checks.available(record, checks.WORDS[kind])
            vcn = self.service.get("vcn", record.parent)
            if kind in ("subnet", "route_table"):
                checks.available(vcn, "VCN")
            changes = {**call.body, **child.document(vcn, call.body, record)}
            slow = any(name in changes and changes[name] != record.doc.get(name) for name in child.slow)
            self.service.update(record, changes)
            if slow:
                self.service.transition(record, child.seconds * SECOND, "AVAILABLE", via="UPDATING")
            return self.service.show(record)

        return update

    def _delete_operation(self, kind: str, child: Child) -> Handler:
        async def delete(call: Call) -> Reply:
            record = self.service.get(kind, next(reversed(call.path.values())))
            if record.state in ("TERMINATING", "PROVISIONING"):
                raise incorrect_state(f"The {checks.WORDS[kind]} {record.id} is {record.state}.")
            vcn = self.service.get("vcn", record.parent)
            if record.id in (vcn.doc[field] for field in DEFAULTS):
                raise conflict(
                    f"The {checks.WORDS[kind]} {record.id} is the default of VCN {vcn.id} and cannot be deleted."
                )
            self._check_unused(record, child.users)
            self.service.transition(record, child.seconds * SECOND, "TERMINATED", via="TERMINATING", also=self._gone)
            return self.service.accepted()

        return delete

    @step
    async def _gone(self, record: Record, _: WorkRequest | None) -> None:
        """What goes with a resource."""
        if gone := self.children[record.kind].gone:
            await gone(record)

    def _check_unused(self, record: Record, users: Iterable[tuple[str, str]]) -> None:
        """Raises 409 when another resource holds the record's id."""
        for kind, field in users:
            place = {"parent": record.parent} if kind in self.children else {}
            for user in self.service.living(kind, **place):
                if _holds(user.doc.get(field), record.id):
                    if (record.kind, kind) == ("network_security_group", "vnic"):
                        why = "cannot be deleted since it still has vnics attached to it"
                        raise ServiceError(412, "PreconditionFailed", f"NetworkSecurityGroup {record.id} {why}")
                    # every VNIC here is one that a service has made
                    word = "service VNIC" if kind == "vnic" else checks.WORDS[kind]
                    raise conflict(
                        f"The {checks.WORDS[record.kind]} {record.id} references the {word} {user.id}."
                        " You must remove the reference to proceed with this operation."
                    )


def _holds(value: Any, record_id: str) -> bool:
    """Whether a field holds an id: itself, in a list, or as the target of a route rule."""
    if isinstance(value, list):
        return any(_holds(item, record_id) for item in value)
    if isinstance(value, dict):
        return value.get("networkEntityId") == record_id
    return bool(value == record_id)
