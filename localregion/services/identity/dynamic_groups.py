# SPDX-License-Identifier: GPL-3.0-or-later
"""Dynamic groups: instances and other resources, by a rule."""

from __future__ import annotations

from localregion import settings as names
from localregion.access.policies import parse_rule
from localregion.core.errors import invalid
from localregion.services.base import Part, Service
from localregion.services.identity.naming import check_free, check_texts
from localregion.services.identity.policies import Policies
from localregion.services.registration import operation
from localregion.services.resources import Call, Reply


class DynamicGroups(Part):
    """The operations of dynamic groups."""

    def __init__(self, service: Service, policies: Policies) -> None:
        super().__init__(service)
        self._policies = policies

    @operation
    async def create_dynamic_group(self, call: Call) -> Reply:
        """Create a group of instances and other resources, by a rule; in the root compartment only."""
        check_texts(call.body)
        if call.body["compartmentId"] != names.TENANCY_ID:
            raise invalid("compartmentId must be the tenancy's: dynamic groups are in the root compartment.")
        check_free(self.service, "dynamic_group", call.body["name"], "DynamicGroup", names.TENANCY_ID)
        parse_rule(call.body["matchingRule"])
        group = self.service.create("dynamic_group", call, state="ACTIVE")
        self._policies.changed()
        return self.service.show(group)

    @operation
    async def update_dynamic_group(self, call: Call) -> Reply:
        """Change rule, description or tags; the name stays."""
        check_texts(call.body)
        group = self.service.get("dynamic_group", call.path["dynamic_group_id"])
        if "matchingRule" in call.body:
            parse_rule(call.body["matchingRule"])
        self.service.apply(group, call, "description", "matchingRule", "freeformTags", "definedTags")
        self._policies.changed()
        return self.service.show(group)

    @operation
    async def delete_dynamic_group(self, call: Call) -> Reply:
        """Delete a dynamic group; statements about it no longer allow anything."""
        self.service.retire(self.service.get("dynamic_group", call.path["dynamic_group_id"]))
        self._policies.changed()
        return self.service.accepted()
