# SPDX-License-Identifier: GPL-3.0-or-later
"""OKE's own calls of the load balancing API, for the Services of its clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from localregion.access.policies import Principal
from localregion.core import validate
from localregion.core.errors import ServiceError
from localregion.services.base import Part
from localregion.services.resources import Call

if TYPE_CHECKING:
    from localregion.backends.service_controllers import ClusterFacts, ServiceController

_OKE = Principal("service", "oke")


class ServiceLoadBalancers(Part):
    """What a cluster's controller of Services knows and asks of the region."""

    def controller(self, cluster_id: str, client: Any) -> ServiceController | None:
        """The controller of a cluster, not yet started. `client` is its Kubernetes API; None in a region without load
        balancers."""
        from localregion.backends.service_controllers import ServiceController

        if "load_balancer" not in self.region.services:
            return None
        return ServiceController(
            client,
            lambda: self._facts(cluster_id),
            self.call,
            lambda: max(0.05, min(1.0, self.clock.seconds(1 / 20))),
            self.region.fabric.lead_node_ports,
        )

    def _facts(self, cluster_id: str) -> ClusterFacts:
        from localregion.backends.service_controllers import ClusterFacts

        cluster = self.fresh(cluster_id)
        options = cluster.doc["options"]
        tags = options.get("serviceLbConfig") or {}
        return ClusterFacts(
            cluster.compartment or "",
            tuple(options.get("serviceLbSubnetIds") or ()),
            tags.get("freeformTags") or {},
            tags.get("definedTags") or {},
            self._reserved_ip,
        )

    def _reserved_ip(self, address: str) -> str | None:
        for record in self.store.select("network", "public_ip"):
            if record.doc.get("ipAddress") == address and record.doc.get("lifetime") == "RESERVED":
                return record.id
        return None

    async def call(
        self, operation: str, parameters: Mapping[str, str], body: dict[str, Any] | None
    ) -> tuple[Any, Mapping[str, str]]:
        """A call of the load balancing API by OKE itself, checked as any other."""
        service = self.region.services["load_balancer"]
        described = self.region.schema.operations[service.package, operation]
        handler = service.handler(operation)
        if handler is None:
            raise ServiceError(501, "NotImplemented", f"The local region does not implement {described.full_name}.")
        path = {item.name: parameters[item.name] for item in described.path_params}
        query = {name: value for name, value in parameters.items() if name not in path}
        checked = {}
        if body is not None:
            checked = validate.body(self.region.schema, service.package, described.body or "", body)
        call = Call(operation=described, principal=_OKE, path=path, query=query, body=checked, request_id="oke")
        call.target = service.target(call)
        reply = await handler(call)
        return reply.doc, reply.headers
