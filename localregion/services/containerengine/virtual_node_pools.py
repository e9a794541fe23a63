# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual node pools and their nodes: what their operations check and answer, and how nodes come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from localregion import settings as names
from localregion.core.errors import ServiceError, incorrect_state, invalid, not_found
from localregion.core.store import Record
from localregion.services import lookup
from localregion.services.base import Part, Service
from localregion.services.containerengine import checks, model
from localregion.services.containerengine.addons import in_order
from localregion.services.containerengine.node_processes import NodeProcesses
from localregion.services.containerengine.running_clusters import RunningClusters, Say
from localregion.services.registration import operation, step
from localregion.services.resources import Call, Reply
from localregion.services.work_requests import WorkRequest

Doc = dict[str, Any]

CREATE_MINUTES = 3.0
UPDATE_MINUTES = 1.0
DELETE_MINUTES = 1.0
NODE_READY_SECONDS = 600.0


class VirtualNodePools(Part):
    """Virtual node pools, their nodes, and the shapes of pods."""

    without_effect: frozenset[str] = frozenset({"nsgIds", "freeformTags", "definedTags"})
    """Fields of a pool whose update is accepted and changes nothing: so it is in the tests of Terraform's provider,
    which leave these out of its update. Likely, not certain."""

    def __init__(self, service: Service, clusters: RunningClusters, processes: NodeProcesses) -> None:
        super().__init__(service)
        self._running, self.processes = clusters, processes

    def _pool_placement(self, given: Sequence[Doc], vcn_id: str) -> list[Doc]:
        rows = model.placement(given)
        for row in rows:
            checks.subnet(self.store, row["subnetId"], vcn_id, "placementConfigurations.subnetId", regional=True)
        return rows

    def _pod_configuration(self, given: Doc, vcn_id: str) -> Doc:
        model.pod_shape(given["shape"])
        checks.subnet(self.store, given["subnetId"], vcn_id, "podConfiguration.subnetId", regional=True)
        groups = checks.groups(self.store, given.get("nsgIds"), vcn_id, "podConfiguration.nsgIds")
        return {"subnetId": given["subnetId"], "nsgIds": groups, "shape": given["shape"]}

    @operation
    async def create_virtual_node_pool(self, call: Call) -> Reply:
        """Check all, answer 202, make nodes in the background."""
        body = call.body
        cluster = self.service.get("cluster", body["clusterId"], related=True)
        if cluster.doc["type"] != "ENHANCED_CLUSTER":
            raise invalid("Virtual node pools need an enhanced cluster")
        if cluster.doc["clusterPodNetworkOptions"][0]["cniType"] != "OCI_VCN_IP_NATIVE":
            raise invalid("Virtual node pools need a cluster with OCI_VCN_IP_NATIVE pod networking")
        vcn_id = cluster.doc["vcnId"]
        doc = {
            "displayName": body["displayName"],
            "kubernetesVersion": cluster.doc["kubernetesVersion"],
            "size": model.pool_size(body["size"]),
            "placementConfigurations": self._pool_placement(body["placementConfigurations"], vcn_id),
            "podConfiguration": self._pod_configuration(body["podConfiguration"], vcn_id),
            "nsgIds": checks.groups(self.store, body.get("nsgIds"), vcn_id, "nsgIds"),
            "initialVirtualNodeLabels": model.labels(body.get("initialVirtualNodeLabels")),
            "taints": model.taints(body.get("taints")),
            "virtualNodeTags": body.get("virtualNodeTags") or {"freeformTags": {}, "definedTags": {}},
            "virtualNodePoolCyclingDetails": model.cycling(body.get("virtualNodePoolCyclingDetails"), body["size"]),
            "systemTags": {},
            "timeUpdated": self.clock.timestamp(),
        }
        checks.active(cluster)
        pool = self.service.create(
            "virtual_node_pool", call, doc, state="CREATING", parent=cluster.id,
            private={"due": self.clock.due(CREATE_MINUTES)},
        )  # fmt: skip
        request = self.service.work_request(
            "VIRTUALNODEPOOL_CREATE", [("CREATED", "virtualnodepool", pool), ("RELATED", "cluster", cluster)]
        )
        self.service.transition(pool, model.ACCEPTED_MINUTES, "ACTIVE", also=self._pool_converge, request=request)
        return self.service.accepted(request, 202, pool)

    @operation
    async def update_virtual_node_pool(self, call: Call) -> Reply:
        """Everything but cluster, compartment and version changes in place, except what is `without_effect`."""
        pool = self.service.get("virtual_node_pool", call.path["virtual_node_pool_id"])
        cluster = self.service.get("cluster", pool.parent)
        body, vcn_id = call.body, cluster.doc["vcnId"]
        plain = ("displayName", "freeformTags", "definedTags", "virtualNodeTags")
        changes: Doc = {name: body[name] for name in plain if name in body}
        if "size" in body:
            changes["size"] = model.pool_size(body["size"])
        if "placementConfigurations" in body:
            changes["placementConfigurations"] = self._pool_placement(body["placementConfigurations"], vcn_id)
        if "podConfiguration" in body:
            changes["podConfiguration"] = self._pod_configuration(body["podConfiguration"], vcn_id)
        if "nsgIds" in body:
            changes["nsgIds"] = checks.groups(self.store, body["nsgIds"], vcn_id, "nsgIds")
        if "initialVirtualNodeLabels" in body:
            changes["initialVirtualNodeLabels"] = model.labels(body["initialVirtualNodeLabels"])
        if "taints" in body:
            changes["taints"] = model.taints(body["taints"])
        if "virtualNodePoolCyclingDetails" in body:
            size = int(changes.get("size") or pool.doc["size"])
            changes["virtualNodePoolCyclingDetails"] = model.cycling(body["virtualNodePoolCyclingDetails"], size)
        changes = {name: value for name, value in changes.items() if name not in self.without_effect}
        if pool.state not in ("ACTIVE", "NEEDS_ATTENTION"):
            raise incorrect_state(f"virtual node pool {pool.id} is {pool.state}; it must be ACTIVE")
        cycling = (changes.get("virtualNodePoolCyclingDetails") or {}).get("isVirtualNodeCyclingEnabled", False)
        differing = [name for name, value in changes.items() if pool.doc.get(name) != value]
        if cycling and set(differing) <= {"virtualNodePoolCyclingDetails"}:
            raise invalid("virtualNodePoolCyclingDetails: cycling needs a change of another property of the pool")
        operation = "VIRTUALNODEPOOL_CYCLING" if cycling else "VIRTUALNODEPOOL_UPDATE"
        request = self.service.work_request(
            operation, [("UPDATED", "virtualnodepool", pool), ("RELATED", "cluster", cluster)]
        )
        stale = [node.id for node in self.processes.nodes(pool)] if cycling else []
        pool = self.service.update(pool, changes, private={"due": self.clock.due(UPDATE_MINUTES), "stale": stale})
        self.service.transition(
            pool,
            model.ACCEPTED_MINUTES,
            "ACTIVE",
            via="UPDATING",
            also=self._pool_converge,
            request=request,
            failed="NEEDS_ATTENTION",
        )
        return self.service.accepted(request, 202, pool)

    @step
    async def _pool_converge(self, pool: Record, request: WorkRequest | None) -> Mapping[str, Any] | None:
        """Make the nodes of a pool what its document says, and wait until they are Ready."""
        await self._running.awake(pool.parent or "")
        say = request.log if request else self.log.info
        await self._cycle(pool, say)
        keep = {node.id: _place(node) for node in self.processes.nodes(pool) if node.state != "DELETING"}
        added, surplus = model.plan_nodes(pool.doc["placementConfigurations"], pool.doc["size"], keep)
        for place in added:
            await self._add_node(pool, place)
        await self.processes.run(pool, say)
        if added:
            say(f"Creating {_nodes_text(len(added))}")
        await self._nodes_ready(pool, say)
        leaving = [node for node in self.processes.nodes(pool) if node.id in surplus or node.state == "DELETING"]
        if leaving:
            say(f"Deleting {_nodes_text(len(leaving))}")
            await self.remove_nodes(pool, leaving, self.clock.seconds(60))
        await self.clock.sleep_until(pool.private.get("due", 0))
        return {"lifecycleDetails": None}

    async def _cycle(self, pool: Record, say: Say) -> None:
        """Replace the nodes that were there before an update, a few at a time."""
        rows, size = pool.doc["placementConfigurations"], pool.doc["size"]
        surge, unavailable = model.cycling_limits(pool.doc.get("virtualNodePoolCyclingDetails") or {}, size)
        step = max(1, surge + unavailable)
        while True:
            old = set(pool.private.get("stale") or ())
            stale = [node for node in self.processes.nodes(pool) if node.id in old]
            if not stale:
                break
            batch = stale[:step]
            first, rest = batch[:unavailable], batch[unavailable:]
            say(f"Cycling {_nodes_text(len(batch))}, {len(stale) - len(batch)} to go")
            if first:
                await self.remove_nodes(pool, first, self.clock.seconds(60))
            new = {node.id: _place(node) for node in self.processes.nodes(pool) if node.id not in old}
            for place in model.plan_nodes(rows, min(size, len(new) + len(batch)), new)[0]:
                await self._add_node(pool, place)
            await self.processes.run(pool)
            await self._nodes_ready(pool, say)
            if rest:
                await self.remove_nodes(pool, rest, self.clock.seconds(60))

    async def _add_node(self, pool: Record, place: model.Place) -> Record:
        domain, fault_domain, subnet_id = place
        tags = pool.doc.get("virtualNodeTags") or {}
        kind = self.service.kind("virtual_node")
        node_id = kind.ocid()
        address = await lookup.network(self.region).vnics.hold_address(
            subnet_id=subnet_id,
            display_name="virtual-node",
            owner_id=node_id,
            nsg_ids=tuple(pool.doc["nsgIds"]),
        )
        return self.service.create(
            "virtual_node", None,
            {
                "displayName": address.private_ip, "kubernetesVersion": pool.doc["kubernetesVersion"],
                "virtualNodePoolId": pool.id, "availabilityDomain": domain, "faultDomain": fault_domain,
                "subnetId": subnet_id, "nsgIds": pool.doc["nsgIds"], "privateIp": address.private_ip,
                "freeformTags": tags.get("freeformTags") or {}, "definedTags": tags.get("definedTags") or {},
                "systemTags": {},
            },
            state="CREATING", compartment=pool.compartment, parent=pool.id, record_id=node_id,
            private={"vnic": address.id},
        )  # fmt: skip

    async def _nodes_ready(self, pool: Record, say: Say) -> None:
        """Wait until every node that stays is Ready. Raises ServiceError after some time."""
        deadline = asyncio.get_running_loop().time() + NODE_READY_SECONDS
        while True:
            waiting = [node for node in self.processes.nodes(pool) if node.state == "CREATING"]
            for node in waiting:
                if self.region.settings.pure or await self.processes.is_ready(pool, node):
                    self.service.update(node, {}, state="ACTIVE")
                    say(f"Virtual node {node.name} ({node.doc['faultDomain']}) is ready")
            if not [node for node in self.processes.nodes(pool) if node.state == "CREATING"]:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise ServiceError(
                    500, "InternalServerError",
                    f"{len(waiting)} virtual nodes are not Ready after {NODE_READY_SECONDS:.0f} s"
                    + self.processes.log_end(pool),
                )  # fmt: skip
            await asyncio.sleep(0.3)

    async def remove_nodes(self, pool: Record, nodes: Sequence[Record], grace: float, *, force: bool = True) -> None:
        """Have nodes drained and removed; `grace` in seconds. Raises ServiceError when pods stay without `force`."""
        for node in nodes:
            self.service.update(node, {}, state="DELETING", private={"grace": grace})
        if not self.region.settings.pure:
            await self.processes.run(pool)
            deadline = asyncio.get_running_loop().time() + grace + 60.0
            left = list(nodes)
            while left:
                left = [node for node in left if await self.processes.is_there(pool, node)]
                if left and asyncio.get_running_loop().time() > deadline:
                    if not force:
                        raise ServiceError(
                            409, "Conflict",
                            f"pods could not be evicted from {left[0].name} within the grace duration; set"
                            " is_force_deletion_after_override_grace_duration_vnp to delete it all the same",
                        )  # fmt: skip
                    for node in left:
                        await self.processes.forget(pool, node)
                    break
                if left:
                    await asyncio.sleep(0.3)
        for node in nodes:
            await lookup.network(self.region).vnics.detach(node.private["vnic"])
            self.service.retire(self.fresh(node.id))
        if not self.region.settings.pure:
            await self.processes.run(pool)

    @operation
    async def delete_virtual_node_pool(self, call: Call) -> Reply:
        """Drain and delete the nodes, then the pool."""
        pool = self.service.get("virtual_node_pool", call.path["virtual_node_pool_id"])
        if pool.state in ("DELETING", "CREATING", "UPDATING"):
            raise incorrect_state(f"virtual node pool {pool.id} is {pool.state}")
        minutes = model.duration_minutes(call.query.get("override_eviction_grace_duration_vnp") or "PT60M")
        force = call.query.get("is_force_deletion_after_override_grace_duration_vnp")
        request = self.service.work_request(
            "VIRTUALNODEPOOL_DELETE",
            [("DELETED", "virtualnodepool", pool), ("RELATED", "cluster", pool.parent or "")],
        )  # fmt: skip
        private = {"grace": self.clock.seconds(minutes), "force": True if force is None else bool(force)}
        pool = self.service.update(pool, {}, private=private | {"due": self.clock.due(DELETE_MINUTES)})
        self.service.transition(
            pool,
            model.ACCEPTED_MINUTES,
            "DELETED",
            via="DELETING",
            also=self._pool_deleted,
            request=request,
            failed="NEEDS_ATTENTION",
        )
        return self.service.accepted(request, 202, pool)

    @step
    async def _pool_deleted(self, pool: Record, request: WorkRequest | None) -> None:
        cluster = self.store.find(pool.parent or "")
        if cluster is not None and cluster.state in ("ACTIVE", "UPDATING"):
            await self._running.awake(cluster.id)
        nodes = self.processes.nodes(pool)
        if nodes:
            (request.log if request else self.log.info)(f"Deleting {len(nodes)} virtual nodes")
            await self.remove_nodes(pool, nodes, pool.private.get("grace", 0.0), force=pool.private.get("force", True))
        await self.forget(pool)
        await self.clock.sleep_until(pool.private.get("due", 0))

    async def forget(self, pool: Record) -> None:
        """End a pool's process, free its addresses, remove its folder; the last pool takes CoreDNS with it."""
        await self.processes.stop(pool)
        for node in self.processes.nodes(pool):
            await lookup.network(self.region).vnics.detach(node.private["vnic"])
            self.service.retire(node)
        # Of pods that were not there to be evicted any more.
        await lookup.network(self.region).vnics.detach_all(pool.id)
        others = [
            other for other in self.service.living("virtual_node_pool", parent=pool.parent) if other.id != pool.id
        ]
        cluster = self.store.find(pool.parent or "")
        if not others and cluster is not None:
            await self.processes.drop_dns(cluster)
        await self.processes.clear(pool)

    @operation
    async def list_virtual_nodes(self, call: Call) -> Reply:
        """The nodes of a pool."""
        pool = self.service.get("virtual_node_pool", call.path["virtual_node_pool_id"])
        name = call.query.get("name")
        nodes = [node for node in self.processes.nodes(pool) if name in (None, node.name)]
        return self.service.page(call, in_order(call, [node.doc for node in nodes]))

    @operation
    async def get_virtual_node(self, call: Call) -> Reply:
        """One node of a pool."""
        node = self.service.get("virtual_node", call.path["virtual_node_id"], dead=True)
        if node.parent != call.path["virtual_node_pool_id"]:
            raise not_found()
        return self.service.show(node)

    @operation
    async def list_pod_shapes(self, call: Call) -> Reply:
        """The shapes that pods can have."""
        domain = call.query.get("availability_domain")
        if domain not in (None, names.AVAILABILITY_DOMAIN):
            raise invalid(f"Invalid availabilityDomain: {domain}")
        name = call.query.get("name")
        return self.service.page(
            call, in_order(call, [shape for shape in model.POD_SHAPES if name in (None, shape["name"])])
        )


def _place(node: Record) -> model.Place:
    return node.doc["availabilityDomain"], node.doc["faultDomain"], node.doc["subnetId"]


def _nodes_text(count: int) -> str:
    return f"{count} virtual node{'s' if count > 1 else ''}"
