# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes that play the nodes of virtual node pools (localregion.virtual_node), and the cluster's parts that lie
on nodes or in their subnets: kube-proxy and CoreDNS."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from localregion import settings as names
from localregion.core.errors import ServiceError
from localregion.core.store import Record
from localregion.services import lookup
from localregion.services.base import Part, Service
from localregion.services.containerengine import model
from localregion.services.containerengine.running_clusters import Running, RunningClusters, Say
from localregion.virtual_node import config as node_config

Doc = dict[str, Any]


class NodeProcesses(Part):
    """Two processes for each pool, one of which takes over from the other; and what is asked about its nodes in the
    cluster."""

    def __init__(self, service: Service, clusters: RunningClusters) -> None:
        super().__init__(service)
        self._clusters = clusters

    async def run(self, pool: Record, say: Say | None = None) -> None:
        """Write the pool's configuration and have its process read it. `say` hears of programs that are still built."""
        if self.region.settings.pure:
            return
        from localregion.host.process import Process

        running = self._running(pool)
        say = say or self.log.info
        await self._place_dns(running, pool, say)
        nodes = self.nodes(pool)
        if nodes and running.plane.proxy_name not in {node.doc["privateIp"] for node in self._all_nodes(pool.parent)}:
            await running.plane.start_proxy(nodes[0].doc["privateIp"], say)
        path = self._folder(pool) / "config.json"
        config = await self._config(pool, running, nodes)
        changed = True
        if path.exists():
            try:
                changed = node_config.Config.load(path) != config
            except (ValueError, TypeError):
                changed = True
        config.save(path)
        members = running.pools.get(pool.id)
        if members is None:
            command = [sys.executable, "-m", "localregion.virtual_node", "--config", str(path), "--member"]
            members = running.pools[pool.id] = [
                Process(
                    f"virtual nodes {pool.id[-8:]} {member}",
                    [*command, member],
                    log=self._folder(pool) / f"virtual-node-{member}.log",
                    env={"PYTHONPATH": str(Path(__file__).resolve().parents[3])},
                )
                for member in ("1", "2")
            ]
            for process in members:
                await process.start()
        elif changed:
            for process in members:
                process.send_signal(signal.SIGHUP)

    def nodes(self, pool: Record) -> list[Record]:
        """The nodes of a pool, also those that are leaving."""
        return self.service.living("virtual_node", parent=pool.id)

    def _all_nodes(self, cluster_id: str | None) -> list[Record]:
        return [
            node for pool in self.service.living("virtual_node_pool", parent=cluster_id) for node in self.nodes(pool)
            if node.state != "DELETING"
        ]  # fmt: skip

    def _folder(self, pool: Record) -> Path:
        return self._clusters.folder(pool.parent or "") / "pools" / model.folder_name(pool.id)

    async def _config(self, pool: Record, running: Running, nodes: Sequence[Record]) -> node_config.Config:
        plane = running.plane
        user = f"oke:virtual-nodes:{pool.id[-20:]}"
        client = plane.certificates.client(f"pool-{model.folder_name(pool.id)}", user, ("oke:virtual-nodes",))
        addresses = sorted(node.doc["privateIp"] for node in nodes)
        serving = plane.certificates.server(f"kubelet-{model.folder_name(pool.id)}", "oke-virtual-nodes", addresses)
        pods = pool.doc["podConfiguration"]
        settings = self.region.settings
        return node_config.Config(
            cluster_id=pool.parent or "",
            pool_id=pool.id,
            compartment_id=pool.compartment or "",
            region=names.REGION,
            kubernetes_version=pool.doc["kubernetesVersion"],
            apiserver=f"https://{plane.endpoint.private_ip}:6443",
            ca_file=str(plane.certificates.ca_file),
            client_certificate=str(client.certificate),
            client_key=str(client.key),
            serving_certificate=str(serving.certificate),
            serving_key=str(serving.key),
            cluster_dns=plane.services.dns,
            cluster_domain="cluster.local",
            service_cidr=plane.services.cidr,
            region_netns=self.region.fabric.root,
            internal_socket=str(self._clusters.internal_socket),
            state_dir=str(self._folder(pool)),
            containers_dir=str(Path(settings.state) / "containers"),
            pod_subnet_id=pods["subnetId"],
            pod_subnet_cidr=str(self.fresh(pods["subnetId"]).doc["cidrBlock"]),
            pod_nsg_ids=tuple(pods["nsgIds"]),
            shape=pods["shape"],
            labels={item["key"]: item["value"] for item in pool.doc["initialVirtualNodeLabels"]},
            taints=tuple(
                node_config.Taint(item["key"], item["effect"], item.get("value") or "") for item in pool.doc["taints"]
            ),
            nodes=tuple(
                node_config.VirtualNode(
                    id=node.id,
                    name=node.doc["privateIp"],
                    display_name=node.name,
                    address=node.doc["privateIp"],
                    availability_domain=node.doc["availabilityDomain"],
                    fault_domain=node.doc["faultDomain"],
                    subnet_id=node.doc["subnetId"],
                    state="DELETING" if node.state == "DELETING" else "ACTIVE",
                    eviction_grace_seconds=float(node.private.get("grace", 3600.0)),
                )
                for node in nodes
            ),
        )

    async def _place_dns(self, running: Running, pool: Record, say: Say) -> None:
        """CoreDNS gets an address of the first pool's pod subnet."""
        from localregion.backends.control_plane import DnsPlace

        cluster = self.fresh(pool.parent or "")
        place = cluster.private.get("dns_subnet")
        if place is None:
            place = {"subnet": pool.doc["podConfiguration"]["subnetId"], "nsgs": pool.doc["podConfiguration"]["nsgIds"]}
            self.service.update(cluster, {}, private={"dns_subnet": place})
        vnic = await lookup.network(self.region).vnics.attach(
            subnet_id=place["subnet"],
            display_name="coredns",
            owner_id=f"{cluster.id}/dns",
            nsg_ids=tuple(place["nsgs"]),
        )
        await running.plane.start_dns(DnsPlace(vnic.netns, vnic.private_ip), say)

    async def drop_dns(self, cluster: Record) -> None:
        """CoreDNS ends, and its address is free again."""
        cluster = self.fresh(cluster.id)
        if cluster.private.pop("dns_subnet", None) is None:
            return
        running = self._clusters.live.get(cluster.id)
        if running is not None:
            with contextlib.suppress(Exception):
                await running.plane.stop_dns()
        await lookup.network(self.region).vnics.detach_all(f"{cluster.id}/dns")
        self.store.save(cluster, etag=False)

    async def _node_object(self, pool: Record, node: Record) -> Doc | None:
        running = self._running(pool)
        found: Doc | None = await running.plane.client.get(f"/api/v1/nodes/{node.doc['privateIp']}")
        return found

    def log_end(self, pool: Record) -> str:
        """The end of the logs of a pool's processes, to be put behind an error."""
        running = self._clusters.live.get(pool.parent or "")
        members = running.pools.get(pool.id, ()) if running else ()
        return "".join(f": {process.log_end(300)}" for process in members)

    async def is_ready(self, pool: Record, node: Record) -> bool:
        """Whether the cluster sees a node as Ready."""
        try:
            found = await self._node_object(pool, node)
        except (httpx.HTTPError, OSError, ssl.SSLError):
            return False
        conditions = (found or {}).get("status", {}).get("conditions") or []
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

    async def is_there(self, pool: Record, node: Record) -> bool:
        """Whether the cluster still has a node, as far as can be found out."""
        try:
            return await self._node_object(pool, node) is not None
        except (httpx.HTTPError, OSError):
            return True

    async def forget(self, pool: Record, node: Record) -> None:
        """Take a node out of its cluster, whatever is on it."""
        await self._running(pool).plane.client.delete(f"/api/v1/nodes/{node.doc['privateIp']}")

    async def stop(self, pool: Record) -> None:
        """End a pool's processes."""
        running = self._clusters.live.get(pool.parent or "")
        members = running.pools.pop(pool.id, ()) if running else ()
        await asyncio.gather(*(process.stop() for process in members))

    async def clear(self, pool: Record) -> None:
        """Remove what the process of a pool that is gone has written."""
        await asyncio.to_thread(shutil.rmtree, self._folder(pool), ignore_errors=True)

    def _running(self, pool: Record) -> Running:
        running = self._clusters.live.get(pool.parent or "")
        if running is None:
            raise ServiceError(500, "InternalServerError", "the cluster's control plane does not run")
        return running
