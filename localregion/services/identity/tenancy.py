# SPDX-License-Identifier: GPL-3.0-or-later
"""The tenancy, its regions and domains: fixed."""

from __future__ import annotations

from localregion import ocids
from localregion import settings as names
from localregion.core.errors import not_found
from localregion.services.base import Part
from localregion.services.registration import operation
from localregion.services.resources import Call, Reply


class Tenancy(Part):
    """Reads what never changes."""

    @operation
    async def get_tenancy(self, call: Call) -> Reply:
        """The tenancy."""
        if call.path["tenancy_id"] != names.TENANCY_ID:
            raise not_found()
        return Reply(
            doc={
                "id": names.TENANCY_ID, "name": names.TENANCY_NAME, "description": "A tenancy of the local region",
                "homeRegionKey": names.REGION_KEY, "freeformTags": {}, "definedTags": {},
            }
        )  # fmt: skip

    @operation
    async def list_regions(self, call: Call) -> Reply:
        """The regions of the realm."""
        known = {names.REGION_KEY: names.REGION, names.OTHER_REGION_KEY: names.OTHER_REGION}
        return Reply(doc=[{"key": key, "name": name} for key, name in known.items()])

    @operation
    async def list_region_subscriptions(self, call: Call) -> Reply:
        """The regions that the tenancy uses; one is its home."""
        if call.path["tenancy_id"] != names.TENANCY_ID:
            raise not_found()
        known = {names.REGION_KEY: names.REGION, names.OTHER_REGION_KEY: names.OTHER_REGION}
        return Reply(
            doc=[
                {"regionKey": key, "regionName": name, "status": "READY", "isHomeRegion": name == names.REGION}
                for key, name in known.items()
            ]
        )

    @operation
    async def list_availability_domains(self, call: Call) -> Reply:
        """The one availability domain."""
        self._known_compartment(call)
        domain = {"name": names.AVAILABILITY_DOMAIN, "id": ocids.fixed("availabilitydomain", names.AVAILABILITY_DOMAIN)}
        return Reply(doc=[domain | {"compartmentId": names.TENANCY_ID}])

    @operation
    async def list_fault_domains(self, call: Call) -> Reply:
        """The three fault domains of the availability domain."""
        self._known_compartment(call)
        if call.query["availability_domain"] != names.AVAILABILITY_DOMAIN:
            raise not_found()
        return Reply(
            doc=[
                {
                    "name": name, "id": ocids.fixed("faultdomain", name),
                    "compartmentId": call.query["compartment_id"], "availabilityDomain": names.AVAILABILITY_DOMAIN,
                }
                for name in names.FAULT_DOMAINS
            ]
        )  # fmt: skip

    def _known_compartment(self, call: Call) -> None:
        if not self.region.compartment_exists(call.query["compartment_id"]):
            raise not_found()
