# SPDX-License-Identifier: GPL-3.0-or-later
"""What DB systems can be made of: shapes, versions and configurations, those of the service and custom ones."""

from __future__ import annotations

from typing import cast

from localregion.core.errors import conflict, invalid, not_found, not_implemented
from localregion.core.store import Document
from localregion.services.base import Part
from localregion.services.mysql import model
from localregion.services.mysql.servers import given_variables
from localregion.services.registration import operation
from localregion.services.resources import Call, Reply


class Configurations(Part):
    """The catalogues of the MySQL service, and custom configurations."""

    @operation
    async def list_shapes(self, call: Call) -> Reply:
        """Shapes of DB systems and HeatWave clusters."""
        shapes = [
            {"name": name, "cpuCoreCount": cpus, "memorySizeInGBs": memory, "isSupportedFor": ["DBSYSTEM"]}
            for name, (cpus, memory) in model.SHAPES.items()
        ] + [
            {"name": name, "cpuCoreCount": cpus, "memorySizeInGBs": memory, "isSupportedFor": ["HEATWAVECLUSTER"]}
            for name, (cpus, memory, _) in model.HEATWAVE_SHAPES.items()
        ]
        if wanted := call.query.get("is_supported_for"):
            shapes = [shape for shape in shapes if set(wanted) & set(cast("list[str]", shape["isSupportedFor"]))]
        if name := call.query.get("name"):
            shapes = [shape for shape in shapes if shape["name"] == name]
        return self.service.page(call, shapes)

    @operation
    async def list_versions(self, call: Call) -> Reply:
        """MySQL versions by family."""
        return self.service.page(
            call,
            [
                {
                    "versionFamily": family,
                    "versions": [
                        {"version": version, "description": f"MySQL {version}"} for version in reversed(all_of)
                    ],
                }
                for family, all_of in model.VERSIONS.items()
            ],
        )

    @operation
    async def list_configurations(self, call: Call) -> Reply:
        """The default configurations of the shapes."""
        query = call.query
        if not self.region.compartment_exists(query["compartment_id"]):
            raise not_found()
        compartment = query["compartment_id"]
        custom = [record.doc for record in self.service.living("configuration", compartment=compartment)]
        found = [*model.configurations().values(), *custom]
        for name, field in (
            ("configuration_id", "id"),
            ("lifecycle_state", "lifecycleState"),
            ("display_name", "displayName"),
            ("shape_name", "shapeName"),
        ):
            if name in query:
                found = [doc for doc in found if doc[field] == query[name]]
        if "type" in query:
            found = [doc for doc in found if doc["type"] in query["type"]]
        # DEFAULT before CUSTOM
        found.sort(key=lambda doc: (doc["shapeName"], doc["type"] == "CUSTOM", doc["displayName"]))
        return self.service.page(call, found)

    def known(self) -> dict[str, Document]:
        """Default and custom configurations by OCID."""
        custom = {record.id: record.doc for record in self.service.living("configuration")}
        return model.configurations() | custom

    @operation
    async def get_configuration(self, call: Call) -> Reply:
        """A configuration, default or custom."""
        default = model.configurations().get(call.path["configuration_id"])
        if default is not None:
            return Reply(200, default)
        return self.service.show(self.service.get("configuration", call.path["configuration_id"], dead=True))

    @operation
    async def create_configuration(self, call: Call) -> Reply:
        """Create a custom configuration: variables over those of a parent or of the shape's default."""
        body = call.body
        if body.get("options") or body.get("initVariables"):
            raise not_implemented("options and initialization variables of configurations")
        model.shape(body["shapeName"])
        parent_id = body.get("parentConfigurationId") or model.configuration_id(body["shapeName"], False)
        parent = self.known().get(parent_id)
        if parent is None:
            raise not_found()
        if parent["shapeName"] != body["shapeName"]:
            raise invalid(f"parentConfigurationId: {parent_id} is for shape {parent['shapeName']}")
        made = self.service.create(
            "configuration",
            call,
            {
                "type": "CUSTOM",
                "variables": parent["variables"] | (body.get("variables") or {}),
                "options": [],
                "parentConfigurationId": parent_id,
                "timeUpdated": self.clock.timestamp(),
            },
            state="ACTIVE",
            private={"given": given_variables(self.store.find(parent_id)) | (body.get("variables") or {})},
        )
        return self.service.show(made)

    @operation
    async def update_configuration(self, call: Call) -> Reply:
        """Change names and tags; the variables of a configuration cannot change."""
        found = self.service.get("configuration", call.path["configuration_id"])
        return self.service.show(
            self.service.apply(found, call, "displayName", "description", "freeformTags", "definedTags")
        )

    @operation
    async def delete_configuration(self, call: Call) -> Reply:
        """Delete a custom configuration that no DB system uses."""
        found = self.service.get("configuration", call.path["configuration_id"])
        users = [system.id for system in self.service.living("db_system") if system.doc["configurationId"] == found.id]
        if users:
            raise conflict(f"Configuration {found.id} is in use by {', '.join(users)}")
        self.service.retire(found)
        return self.service.accepted()
