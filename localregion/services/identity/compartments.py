# SPDX-License-Identifier: GPL-3.0-or-later
"""Compartments. A deletion and a move are work requests, as in the cloud:
https://docs.oracle.com/en-us/iaas/Content/Identity/compartments/managingcompartments.htm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localregion import settings as names
from localregion.core.errors import ServiceError, incorrect_state, invalid, limit_exceeded
from localregion.core.store import Record
from localregion.services.base import Part, Service
from localregion.services.checks import in_state
from localregion.services.identity.naming import check_free, check_texts
from localregion.services.identity.policies import POLICY_DELAY, Policies
from localregion.services.registration import operation, step
from localregion.services.resources import SECOND, Call, Reply
from localregion.services.work_requests import WorkRequest

_MOVE_TIME = 20 * SECOND
_DELETION_TIME = 2.0
"""Cloud minutes; the documentation says several."""
_MAX_DEPTH = 6
"""Levels of compartments below the root."""


class Compartments(Part):
    """The operations of compartments."""

    def __init__(self, service: Service, policies: Policies) -> None:
        super().__init__(service)
        self._policies = policies

    @operation
    async def list_compartments(self, call: Call) -> Reply:
        """The children of a compartment, or all below the tenancy."""
        below = call.query["compartment_id"]
        deep = call.query.get("compartment_id_in_subtree", False)
        if deep and below != names.TENANCY_ID:
            raise invalid("compartmentIdInSubtree can be true only for the tenancy (the root compartment).")
        return self.service.list(
            "compartment",
            call,
            {
                "compartment_id": lambda record, _: deep or record.compartment == below,
                "compartment_id_in_subtree": lambda record, _: True,
                "access_level": lambda record, _: True,
            },
            where=lambda record: record.id != names.TENANCY_ID,
        )

    @operation
    async def create_compartment(self, call: Call) -> Reply:
        """Create a compartment; names are unique in the parent."""
        check_texts(call.body)
        parent = call.body["compartmentId"]
        check_free(self.service, "compartment", call.body["name"], "Compartment", parent)
        self._check_depth(parent, 1)
        heard = {"heard_of": self.clock.due(POLICY_DELAY)} if self.clock.minute else {}
        compartment = self.service.create("compartment", call, {"isAccessible": True}, state="CREATING", private=heard)
        self.service.transition(compartment, SECOND, "ACTIVE")
        return self.service.show(compartment)

    @operation
    async def update_compartment(self, call: Call) -> Reply:
        """New name, description or tags."""
        compartment = self._changeable(call, "updated")
        check_texts(call.body)
        if "name" in call.body and call.body["name"] != compartment.name:
            check_free(
                self.service, "compartment", call.body["name"], "Compartment", compartment.compartment, compartment.id
            )
            self._policies.rename(compartment, call.body["name"])
        self.service.apply(compartment, call, "name", "description", "freeformTags", "definedTags")
        self._policies.changed()
        return self.service.show(compartment)

    @operation
    async def move_compartment(self, call: Call) -> Reply:
        """Move a compartment with all its contents to another parent; a work request."""
        compartment = self._changeable(call, "moved")
        target = self.service.get("compartment", call.body["targetCompartmentId"], related=True)
        in_state(target, "ACTIVE")
        if compartment.id in self.region.ancestry(target.id):
            raise invalid("A compartment cannot be moved to itself or to a compartment below it.")
        if target.id == compartment.compartment:
            raise invalid("The compartment is already in the target compartment.")
        check_free(self.service, "compartment", compartment.name, "Compartment", target.id)
        self._check_depth(target.id, self._levels(compartment.id))
        request = self.service.work_request("MOVE_COMPARTMENT", [("UPDATED", "compartment", compartment)])
        self.service.update(compartment, {}, private={"target": target.id})
        self.service.transition(compartment, _MOVE_TIME, "ACTIVE", also=self._moved, request=request, failed="ACTIVE")
        return self.service.accepted(request, 202, compartment)

    @step
    async def _moved(self, record: Record, request: WorkRequest | None) -> Mapping[str, Any]:
        self._policies.changed()
        return {"compartmentId": record.private["target"]}

    @operation
    async def delete_compartment(self, call: Call) -> Reply:
        """Delete an empty compartment; the work request fails if it was not empty."""
        compartment = self._changeable(call, "deleted")
        request = self.service.work_request("DELETE_COMPARTMENT", [("DELETED", "compartment", compartment)])
        self.service.transition(
            compartment, _DELETION_TIME, "DELETED", via="DELETING", also=self._deleted, request=request, failed="ACTIVE"
        )
        return self.service.accepted(request, 202)

    @step
    async def _deleted(self, record: Record, request: WorkRequest | None) -> Mapping[str, Any]:
        """Refuse if something is left in it. The deleted compartment gets another name, so its own is free again."""
        left = [r for r in self.store.select(compartment=record.id) if r.kind != "work_request"]
        if left:
            raise ServiceError(409, "Conflict", f"The compartment is not empty: {left[0].kind} {left[0].id}.")
        name = f"{record.name}.{record.id[-8:]}"
        self._policies.rename(record, name)
        self._policies.changed()
        return {"name": name}

    @operation
    async def recover_compartment(self, call: Call) -> Reply:
        """Undo a deletion; the compartment keeps the name that it got then."""
        compartment = in_state(self.service.get("compartment", call.path["compartment_id"], dead=True), "DELETED")
        if not self.region.compartment_is_active(str(compartment.compartment)):
            raise incorrect_state(f"The parent of compartment {compartment.id} is not ACTIVE")
        check_free(self.service, "compartment", compartment.name, "Compartment", compartment.compartment)
        compartment.dead, compartment.forget = False, None
        return self.service.show(self.service.update(compartment, {}, state="ACTIVE"))

    def _changeable(self, call: Call, verb: str) -> Record:
        compartment = self.service.get("compartment", call.path["compartment_id"], dead=True)
        if compartment.id == names.TENANCY_ID:
            raise invalid(f"The root compartment cannot be {verb}.")
        return in_state(compartment, "ACTIVE")

    def _levels(self, compartment: str) -> int:
        """How many levels a compartment with those below it has."""
        children = self.service.living("compartment", compartment=compartment)
        return 1 + max((self._levels(child.id) for child in children), default=0)

    def _check_depth(self, parent: str, levels: int) -> None:
        if len(self.region.ancestry(parent)) - 1 + levels > _MAX_DEPTH:
            raise limit_exceeded(f"The compartment would be nested deeper than {_MAX_DEPTH} levels.")
