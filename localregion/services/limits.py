# SPDX-License-Identifier: GPL-3.0-or-later
"""The Limits service: what the tenancy may make. Names as in the cloud, values of a plausible tenancy; what is used is
counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localregion import settings as names
from localregion.core.errors import not_found
from localregion.core.store import Document
from localregion.services.base import Service
from localregion.services.registration import operation
from localregion.services.resources import Call, Reply


@dataclass(frozen=True)
class Limit:
    """A limit. ``counts``: (service, kind) of the records that use it up; None where usage is unknown."""

    service: str
    name: str
    value: int
    description: str
    scope: str = "REGION"
    counts: tuple[str, str] | None = None


SERVICES = {
    "compute": "Compute",
    "container-engine": "Kubernetes Engine",
    "kms": "Key Management",
    "load-balancer": "LbaaS",
    "logging": "Logging",
    "mysql": "MySQL Database Service",
    "vaults": "Vault Secrets",
    "vcn": "Virtual Cloud Network",
}

LIMITS = (
    Limit("vcn", "vcn-count", 50, "Virtual Cloud Network Count", counts=("network", "vcn")),
    Limit("vcn", "reserved-public-ip-count", 50, "Reserved Public IP Count", counts=("network", "public_ip")),
    Limit("vcn", "nat-gateway-count", 50, "NAT Gateway Count", counts=("network", "nat_gateway")),
    Limit("container-engine", "cluster-count", 15, "Kubernetes Cluster Count", counts=("containerengine", "cluster")),
    Limit(
        "container-engine",
        "enhanced-cluster-count",
        15,
        "Enhanced Cluster Count",
        counts=("containerengine", "cluster"),
    ),
    Limit(
        "container-engine", "virtual-node-count", 30, "Virtual Node Count", counts=("containerengine", "virtual_node")
    ),
    Limit("kms", "vault-count", 10, "Vault Count", counts=("kms", "vault")),
    Limit("kms", "virtual-private-vault-count", 1, "Virtual Private Vault Count"),
    Limit("kms", "software-key-version-count", 1000, "Software Key Version Count", counts=("kms", "key_version")),
    Limit("vaults", "secret-count", 5000, "Secret Count", counts=("vault", "secret")),
    Limit(
        "load-balancer",
        "lb-flexible-count",
        50,
        "Flexible Load Balancer Count",
        counts=("load_balancer", "load_balancer"),
    ),
    Limit("load-balancer", "lb-flexible-bandwidth-sum", 5000, "Flexible Load Balancer Total Bandwidth (Mbps)"),
    Limit("mysql", "mysql-database-for-ecpu-count", 128, "MySQL ECPU Count", scope="AD"),
    Limit("mysql", "mysql-db-system-count", 10, "MySQL DB System Count", scope="AD", counts=("mysql", "db_system")),
    Limit("logging", "log-group-count", 100, "Log Group Count", counts=("logging", "log_group")),
    Limit("compute", "standard-e4-core-count", 300, "Cores for Standard.E4 based VM, BM and Pod Instances", scope="AD"),
    Limit(
        "compute",
        "standard-e4-memory-count",
        4800,
        "Memory (GB) for Standard.E4 based VM and Pod Instances",
        scope="AD",
    ),
    Limit(
        "compute", "standard-e3-core-ad-count", 300, "Cores for Standard.E3 based VM, BM and Pod Instances", scope="AD"
    ),
)


class Limits(Service):
    """Limits and what is left of them."""

    name = "limits"
    package = "limits"
    access = {
        "list_services": ("inspect", "resource-availability"),
        "list_limit_values": ("inspect", "resource-availability"),
        "list_limit_definitions": ("inspect", "resource-availability"),
        "get_resource_availability": ("read", "resource-availability"),
    }

    @operation
    async def list_services(self, call: Call) -> Reply:
        """The services that have limits."""
        self._tenancy(call)
        docs = [{"name": name, "description": text} for name, text in SERVICES.items()]
        return self.page(call, _sorted(call, docs))

    @operation
    async def list_limit_values(self, call: Call) -> Reply:
        """The limits of a service."""
        self._tenancy(call)
        found = self._of(call.query["service_name"])
        docs: list[Document] = []
        for limit in found:
            doc: Document = {"name": limit.name, "scopeType": limit.scope, "value": limit.value}
            if limit.scope == "AD":
                doc["availabilityDomain"] = names.AVAILABILITY_DOMAIN
            docs.append(doc)
        for parameter, field in (
            ("scope_type", "scopeType"),
            ("availability_domain", "availabilityDomain"),
            ("name", "name"),
        ):
            if parameter in call.query:
                docs = [doc for doc in docs if doc.get(field) == call.query[parameter]]
        return self.page(call, _sorted(call, docs))

    @operation
    async def list_limit_definitions(self, call: Call) -> Reply:
        """What the limits mean."""
        self._tenancy(call)
        docs: list[Document] = [
            {
                "name": limit.name,
                "serviceName": limit.service,
                "description": limit.description,
                "scopeType": limit.scope,
                "areQuotasSupported": True,
                "isResourceAvailabilitySupported": limit.counts is not None,
                "isDeprecated": False,
                "isEligibleForLimitIncrease": True,
                "isDynamic": False,
            }
            for limit in LIMITS
        ]
        for parameter, field in (("service_name", "serviceName"), ("name", "name")):
            if parameter in call.query:
                docs = [doc for doc in docs if doc[field] == call.query[parameter]]
        return self.page(call, _sorted(call, docs))

    @operation
    async def get_resource_availability(self, call: Call) -> Reply:
        """How much of a limit is used in a compartment (the tenancy: in all of them), and how much is left."""
        limit = next(
            (each for each in self._of(call.path["service_name"]) if each.name == call.path["limit_name"]), None
        )
        compartment = call.query["compartment_id"]
        if limit is None or not self.region.compartment_exists(compartment):
            raise not_found()
        if limit.counts is None:
            return Reply(200, {"effectiveQuotaValue": float(limit.value)})
        service, kind = limit.counts
        records = self.store.select(service, kind)
        used = len(records)
        return Reply(
            200,
            {
                "used": used,
                "available": max(0, limit.value - used),
                "fractionalUsage": float(used),
                "fractionalAvailability": float(max(0, limit.value - used)),
            },
        )

    def _tenancy(self, call: Call) -> None:
        """Lists are of the tenancy: any other compartment is not found."""
        compartment = call.query["compartment_id"]
        if not self.region.compartment_exists(compartment) or len(self.region.ancestry(compartment)) != 1:
            raise not_found()

    def _of(self, service: str) -> list[Limit]:
        if service not in SERVICES:
            raise not_found()
        return [limit for limit in LIMITS if limit.service == service]


def _sorted(call: Call, docs: list[Any]) -> list[Any]:
    return sorted(docs, key=lambda doc: str(doc["name"]), reverse=call.query.get("sort_order") == "DESC")


__all__ = ["LIMITS", "SERVICES", "Limits"]
