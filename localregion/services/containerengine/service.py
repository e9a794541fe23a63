# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes Engine: clusters, virtual node pools, add-ons, work requests.

A cluster is a record and, unless the region is `pure`, a control plane of real programs (backends/control_plane.py)
with the cloud's controllers beside it; a pool is a record, addresses for its nodes and a process that plays them
(localregion.virtual_node). Life-cycle times: a cluster 6 minutes, its deletion 4.7 (published logs), a pool 3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from localregion import ocids
from localregion.core.store import Record
from localregion.core.validate import Form
from localregion.services.base import Service
from localregion.services.containerengine.addons import Addons
from localregion.services.containerengine.clusters import Clusters
from localregion.services.containerengine.node_processes import NodeProcesses
from localregion.services.containerengine.running_clusters import RunningClusters
from localregion.services.containerengine.virtual_node_pools import VirtualNodePools
from localregion.services.resources import Call, Kind, Reply
from localregion.services.work_requests import WorkRequestForm

if TYPE_CHECKING:
    from localregion.services.context import Context

FORM = Form(
    nulls=True,
    milliseconds=False,
    empty={
        "lifecycleDetails": "", "nsgIds": [],
        "backendNsgIds": [], "faultDomain": [], "serviceLbSubnetIds": [], "availableKubernetesUpgrades": [],
        "initialVirtualNodeLabels": [], "taints": [], "configurations": [], "Cluster.endpoints": {},
        "ClusterSummary.endpoints": {}, "keyDetails": [],
    },
    left_out={
        # recorded of a cluster that was never updated
        "ClusterMetadata": frozenset({
            "timeDeleted", "deletedByUserId", "deletedByWorkRequestId", "timeUpdated", "updatedByUserId",
            "updatedByWorkRequestId", "timeCredentialExpiration",
        }),
    },
)  # fmt: skip
"""How OKE writes: recorded of clusters and work requests; of the rest a guess by what they do."""


class ContainerEngine(Service):
    """The container_engine package of the SDK."""

    name = "containerengine"
    etag_form = "064x"
    package = "container_engine"
    kinds = (
        Kind("cluster", model="Cluster", resource="clusters", name_field="name"),
        Kind(
            "virtual_node_pool",
            model="VirtualNodePool",
            resource="cluster-virtualnode-pools",
            start=ocids.TENANCY,
        ),
        Kind("virtual_node", model="VirtualNode", resource="cluster-virtualnode-pools", operations=()),
        Kind("addon", model="Addon", resource="clusters", name_field="name", operations=(), remember=None),
    )
    access = {
        "create_kubeconfig": ("use", "clusters"),
        "get_cluster_options": ("inspect", "clusters"),
        "list_pod_shapes": ("inspect", "cluster-pod-shapes"),
        "list_addon_options": ("inspect", "clusters"),
        "list_addons": ("inspect", "clusters"),
        "get_addon": ("read", "clusters"),
        "install_addon": ("manage", "clusters"),
        "update_addon": ("manage", "clusters"),
        "disable_addon": ("manage", "clusters"),
        "get_work_request": ("read", "cluster-work-requests"),
        "list_work_requests": ("inspect", "cluster-work-requests"),
        "list_work_request_errors": ("read", "cluster-work-requests"),
        "list_work_request_logs": ("read", "cluster-work-requests"),
    }
    work_request_form = WorkRequestForm("clustersworkrequest", below="/20180222", retry_after="30")
    form = FORM
    etag_without_document = False

    def __init__(self, region: Context) -> None:
        super().__init__(region)
        self.running_clusters = RunningClusters(self)
        self.processes = NodeProcesses(self, self.running_clusters)
        self.addons = self.add(Addons(self))
        self.pools = self.add(VirtualNodePools(self, self.running_clusters, self.processes))
        self.clusters = self.add(Clusters(self, self.running_clusters, self.pools, self.addons))
        self._returning: list[asyncio.Task[None]] = []

    async def resume(self) -> None:
        """Start the programs' build, the control planes that were there, and what was under way."""
        if not self.region.settings.pure:
            await self.running_clusters.start()
            for cluster in self.living("cluster"):
                if cluster.state in ("ACTIVE", "UPDATING") or cluster.private.get("started"):
                    task = self.region.tasks.spawn(self._come_back(cluster.id), f"cluster {cluster.id}")
                    self._returning.append(task)
        await super().resume()

    async def _come_back(self, cluster_id: str) -> None:
        """Bring a cluster's parts back after a restart of the region; try again until it works."""
        while True:
            cluster = self.store.find(cluster_id)
            if cluster is None or cluster.dead or cluster.state in ("DELETING", "DELETED"):
                return
            try:
                await self.running_clusters.bring_up(cluster, self.log.info)
                for pool in self.living("virtual_node_pool", parent=cluster_id):
                    await self.processes.run(pool)
                return
            except Exception:
                self.log.exception("bringing back %s", cluster_id)
                await asyncio.sleep(5)

    async def stop(self) -> None:
        """Stop what is under way (the records know how to go on) and every part."""
        tasks = [*self.transitions.tasks(), *self._returning]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.running_clusters.stop()

    def finish(self, call: Call, reply: Reply) -> None:
        """Send the caller's rate limit, as OKE does."""
        reply.headers = {"x-rate-limit-limit": "16.70", **reply.headers}

    def target(self, call: Call) -> Record | None:
        """A path names an add-on by its name within a cluster."""
        if (name := call.path.get("addon_name")) is not None:
            return self.addons.find(call.path["cluster_id"], name) or super().target(call)
        return super().target(call)

    def target_variables(self, record: Record) -> Mapping[str, str]:
        """Policies know clusters, not their add-ons."""
        cluster = self.store.find(record.parent or "") if record.kind == "addon" else None
        return super().target_variables(cluster or record)
