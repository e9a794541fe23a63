# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes Engine: clusters, virtual node pools, add-ons, work requests.

A cluster is a record and, unless the region is `pure`, a control plane of real programs (backends/control_plane.py)
with the cloud's controllers beside it; a pool is a record, addresses for its nodes and a process that plays them
(localregion.virtual_node). Life-cycle times: a cluster 6 minutes, its deletion 4.7 (published logs), a pool 3.

The region's programs are of one release, so with real parts there is no other version to upgrade to; and image policies
and OpenID Connect, which would be recorded only, are refused there (501).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import shutil
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx

from localregion import ocids
from localregion import settings as names
from localregion.access.policies import Principal, resource_principal
from localregion.core import validate
from localregion.core.errors import ServiceError, conflict, incorrect_state, invalid, limit_exceeded, not_found
from localregion.core.validate import Form
from localregion.services.base import SECOND, Call, Kind, Record, Reply, WorkRequest, not_implemented, related_not_found
from localregion.services.containerengine import model
from localregion.services.containerengine.addons import Addons, in_order
from localregion.services.registration import operation, step
from localregion.virtual_node import config as node_config

if TYPE_CHECKING:
    from localregion.services.network.service import Network

Doc = dict[str, Any]
log = logging.getLogger(__name__)

CLUSTER_MINUTES = 6.0
CLUSTER_DELETE_MINUTES = 4.7
CLUSTER_UPDATE_MINUTES = 1.0
POOL_MINUTES = 3.0
NODE_DELETE_MINUTES = 1.0
_ACCEPTED = 5 * SECOND
"""How long a work request is ACCEPTED before its work begins."""
MAX_CLUSTERS = 15
NODE_READY_SECONDS = 600.0
_OKE = Principal("service", "oke")


FORM = Form(
    nulls=True,
    milliseconds=False,
    empty={
        "freeformTags": {}, "definedTags": {}, "systemTags": {}, "lifecycleDetails": "", "nsgIds": [],
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


@dataclass
class _Running:
    """The live parts of one cluster."""

    plane: Any
    authentication: Any = None
    workload: Any = None
    controller: Any = None
    pools: dict[str, Any] = field(default_factory=dict)


class ContainerEngine(Addons):
    """The container_engine package of the SDK."""

    name = "containerengine"
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
    work_request_entity = "clustersworkrequest"
    without_effect: frozenset[str] = frozenset({"nsgIds", "freeformTags", "definedTags"})
    """Fields of a virtual node pool whose update is accepted and changes nothing: so it is in the tests of Terraform's
    provider, which leave these out of its update. Likely, not certain."""
    form = FORM
    etag_without_document = False

    def __init__(self, region: Any) -> None:
        super().__init__(region)
        self._live: dict[str, _Running] = {}
        self._programs: Any = None
        self._internal: Any = None
        self._locks: dict[str, asyncio.Lock] = {}
        self._returning: list[asyncio.Task[None]] = []

    # Life of the service

    async def resume(self) -> None:
        """Start the programs' build, the control planes that were there, and what was under way."""
        if not self.region.settings.pure:
            from localregion.host import programs

            self._programs = programs.default()
            self._programs.start()
            await self._serve_internal()
            for cluster in self.living("cluster"):
                if cluster.state in ("ACTIVE", "UPDATING") or cluster.private.get("started"):
                    task = self.region.tasks.spawn(self._come_back(cluster.id), f"cluster {cluster.id}")
                    self._returning.append(task)
        await super().resume()

    def finish(self, call: Call, reply: Reply) -> None:
        """Tell the caller's rate, as OKE does."""
        reply.headers = {"x-rate-limit-limit": "16.70", **reply.headers}

    @operation
    async def get_work_request(self, call: Call) -> Reply:
        """A work request; while it is under way the answer says when to ask again."""
        reply = await super().get_work_request(call)
        if reply.record is not None and reply.record.state in ("ACCEPTED", "IN_PROGRESS"):
            reply.headers["retry-after"] = "30"
        return reply

    def entity_uri(self, record_id: str) -> str:
        """Where a resource can be read, below the API's version."""
        return super().entity_uri(record_id).removeprefix("/20180222")

    @property
    def _internal_socket(self) -> Path:
        return Path(self.region.settings.state) / "internal.sock"

    async def _serve_internal(self) -> None:
        """The internal API, for the processes of virtual nodes."""
        from localregion.backends.kubernetes_authentication import Server
        from localregion.services.containerengine.internal_api import internal_app

        if self._internal is not None:
            return
        path = self._internal_socket
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(128)
        listener.setblocking(False)
        self._internal = Server(internal_app(self.region), listener)
        self._internal.start()

    async def _come_back(self, cluster_id: str) -> None:
        """Bring a cluster's parts back after a restart of the region; try again until it works."""
        while True:
            cluster = self.store.find(cluster_id)
            if cluster is None or cluster.dead or cluster.state in ("DELETING", "DELETED"):
                return
            try:
                await self._bring_up(cluster, self.log.info)
                for pool in self.living("virtual_node_pool", parent=cluster_id):
                    await self._run_pool(pool)
                return
            except Exception:
                self.log.exception("bringing back %s", cluster_id)
                await asyncio.sleep(5)

    async def stop(self) -> None:
        """Stop what is under way (the records know how to go on) and every part."""
        tasks = [*self._running.values(), *self._returning]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(self._stop_parts(cluster_id) for cluster_id in list(self._live)), return_exceptions=True)
        if self._internal is not None:
            await self._internal.stop()
            self._internal = None
            self._internal_socket.unlink(missing_ok=True)
        if self._programs is not None:
            await self._programs.stop()

    @property
    def _network_service(self) -> Network:
        return cast("Network", self.region.services["network"])

    # Clusters

    def _network(self, kind: str, record_id: str) -> Record:
        """A resource of the network that a body names. Raises 400."""
        record = self.store.find(record_id)
        if record is None or record.dead or record.kind != kind:
            raise related_not_found()
        return record

    def _subnet(self, subnet_id: str, vcn_id: str, field: str, *, regional: bool = False) -> Record:
        subnet = self._network("subnet", subnet_id)
        if subnet.doc.get("vcnId") != vcn_id:
            raise invalid(f"{field}: the subnet {subnet_id} is not in the VCN {vcn_id}")
        if regional and subnet.doc.get("availabilityDomain"):
            raise invalid(f"{field}: the subnet {subnet_id} must be regional")
        return subnet

    def _nsgs(self, given: Sequence[str] | None, vcn_id: str, field: str) -> list[str]:
        result = model.nsg_ids(given, field)
        for nsg_id in result:
            if self._network("network_security_group", nsg_id).doc.get("vcnId") != vcn_id:
                raise invalid(f"{field}: the network security group {nsg_id} is not in the VCN {vcn_id}")
        return result

    @operation
    async def create_cluster(self, call: Call) -> Reply:
        """Check all, answer 202, build in the background."""
        body = call.body
        name = model.cluster_name(body["name"])
        version = model.kubernetes_version(body["kubernetesVersion"], self.offered_versions())
        vcn = self._network("vcn", body["vcnId"])
        cidrs = vcn.doc.get("cidrBlocks") or [vcn.doc["cidrBlock"]]
        pod_network = model.pod_network_options(body.get("clusterPodNetworkOptions"))
        native = pod_network[0]["cniType"] == "OCI_VCN_IP_NATIVE"
        options = model.cluster_options(body.get("options"), cidrs, native=native)
        for subnet_id in options["serviceLbSubnetIds"]:
            self._subnet(subnet_id, vcn.id, "options.serviceLbSubnetIds")
        self._nsgs(options["serviceLbConfig"].get("backendNsgIds"), vcn.id, "options.serviceLbConfig.backendNsgIds")
        given = body.get("endpointConfig") or {}
        if not given.get("subnetId"):
            raise invalid("endpointConfig.subnetId is required: the endpoint lies in a subnet of the VCN")
        subnet = self._subnet(given["subnetId"], vcn.id, "endpointConfig.subnetId")
        public = bool(given.get("isPublicIpEnabled", False))
        if public and subnet.doc.get("prohibitPublicIpOnVnic"):
            raise invalid("endpointConfig.isPublicIpEnabled: the subnet prohibits public IP addresses")
        endpoint = given | {
            "nsgIds": self._nsgs(given.get("nsgIds"), vcn.id, "endpointConfig.nsgIds"),
            "isPublicIpEnabled": public,
        }
        policy = self._image_policy(body.get("imagePolicyConfig"))
        self._check_recorded(options, policy, endpoint)
        self._check_limit()
        cluster = self.create(
            "cluster",
            call,
            {
                "name": name,
                "kubernetesVersion": version,
                "type": model.cluster_type(body),
                "endpointConfig": endpoint,
                "options": options,
                "clusterPodNetworkOptions": pod_network,
                "imagePolicyConfig": policy,
                "availableKubernetesUpgrades": model.upgrades(version, self.offered_versions()),
                "systemTags": {},
            },
            state="CREATING",
            parent=vcn.id,
            private={"due": self.clock.due(CLUSTER_MINUTES)},
            record_id=self._cluster_ocid(),
        )
        request = self.work_request(call, "CLUSTER_CREATE", [("CREATED", "cluster", cluster)])
        metadata = {
            "timeCreated": self.clock.timestamp(),
            "createdByUserId": call.principal.id,
            "createdByWorkRequestId": request.record.id,
        }
        cluster = self.update(cluster, {"metadata": metadata})
        self.transition(cluster, _ACCEPTED, "ACTIVE", also=self._cluster_created, request=request)
        return self.accepted(request, 202, cluster)

    def _cluster_ocid(self) -> str:
        """The OCID of a new cluster: the 11 letters that name it begin with a c, since a host name needs a letter."""
        ocid = self.kind("cluster").ocid()
        return f"{ocid[:-11]}c{ocid[-10:]}"

    def _image_policy(self, given: Doc | None, stored: Doc | None = None) -> Doc:
        policy = model.image_policy(given, stored)
        for detail in policy["keyDetails"]:
            key = self.store.find(detail.get("kmsKeyId") or "")
            if key is None or key.dead or key.kind != "key":
                raise related_not_found()
        return policy

    def _check_recorded(self, options: Doc, policy: Doc, endpoint: Doc) -> None:
        """Refuse what real parts would not do. Raises 501."""
        asked = model.only_recorded(options, policy)
        if endpoint.get("securityAttributes"):
            asked.append("endpointConfig.securityAttributes")
        if asked and not self.region.settings.pure:
            raise not_implemented(f"{', '.join(asked)} of clusters with real parts")

    def _check_limit(self) -> None:
        living = self.living("cluster")
        if len(living) >= MAX_CLUSTERS:
            raise limit_exceeded(f"The maximum number of clusters ({MAX_CLUSTERS}) has been reached.")
        running = [cluster for cluster in living if cluster.state != "FAILED"]
        if running and not self.region.settings.pure:
            # All clusters' service addresses are rewritten in the region's one namespace by one kube-proxy.
            raise not_implemented(
                f"a second cluster with real parts (service addresses of two would collide): delete {running[0].name},"
                f" {running[0].id}, first, or make this one in another region (OKESTACK_REGION)"
            )

    @step
    async def _cluster_created(self, cluster: Record, request: WorkRequest | None) -> Mapping[str, Any]:
        say = request.log if request else self.log.info
        self._check_key(cluster)
        say("Creating the cluster's control plane")
        if self.region.settings.pure:
            endpoints = await self._pure_endpoints(cluster)
        else:
            try:
                endpoints = await self._bring_up(cluster, say)
            except ServiceError:
                raise
            except Exception as error:
                self.log.exception("creating %s", cluster.id)
                await self._tear_down(cluster)
                raise ServiceError(500, "InternalServerError", f"the control plane was not created: {error}") from error
        await self.clock.sleep_until(cluster.private.get("due", 0))
        self.make_essential_addons(cluster)
        say("The cluster is active")
        return {"endpoints": endpoints} | self._discovery(cluster.id, cluster.doc["options"])

    def _discovery(self, cluster_id: str, options: Doc) -> Doc:
        """Where the public keys of service accounts' tokens would be found."""
        enabled = (options.get("openIdConnectDiscovery") or {}).get("isOpenIdConnectDiscoveryEnabled")
        issuer = f"https://objectstorage.{names.REGION}.{names.REALM_DOMAIN}/n/oke/b/oidc/o/{_short(cluster_id)}"
        return {"openIdConnectDiscoveryEndpoint": issuer if enabled else None}

    def _check_key(self, cluster: Record) -> None:
        """The cluster's use of its Vault key must be granted before it is made. Raises ServiceError."""
        key_id = cluster.doc.get("kmsKeyId")
        if not key_id:
            return
        try:
            self._kms().may_use(self._principal(cluster), key_id)
        except ServiceError as error:
            raise ServiceError(
                400,
                "KmsKeyNotAuthorizedOrNotFound",
                f"The cluster cannot use the key {key_id}: it needs a policy such as 'Allow any-user to use keys in"
                f" compartment ... where all {{request.principal.type='cluster', target.key.id='{key_id}'}}'",
            ) from error

    def _kms(self) -> Any:
        return self.region.services["kms"]

    def _principal(self, cluster: Record) -> Principal:
        return resource_principal("cluster", cluster.id, cluster.compartment or "")

    def _hostname(self, cluster: Record) -> str:
        return model.short_name(cluster.id)

    async def _attach_endpoint(self, cluster: Record) -> Any:
        config = cluster.doc["endpointConfig"]
        return await self._network_service.attach_vnic(
            subnet_id=config["subnetId"],
            display_name="kubernetes-api",
            owner_id=cluster.id,
            nsg_ids=tuple(config["nsgIds"]),
            hostname=self._hostname(cluster),
            public=config["isPublicIpEnabled"],
        )

    async def _pure_endpoints(self, cluster: Record) -> Doc:
        """Addresses as there would be, without programs behind them."""
        vnic = await self._attach_endpoint(cluster)
        return model.endpoints(cluster.id, vnic.private_ip, vnic.public_ip, vnic.fqdn)

    def folder(self, cluster_id: str) -> Path:
        """The cluster's data, certificates and logs."""
        return Path(self.region.settings.state) / "clusters" / _short(cluster_id)

    def _run_folder(self, cluster_id: str) -> Path:
        """Sockets: a path of a unix socket has at most 107 characters."""
        folder = self.folder(cluster_id) / "run"
        if len(str(folder)) < 80:
            return folder
        return Path("/run") / self.region.settings.prefix / _short(cluster_id)

    async def _bring_up(self, cluster: Record, say: Callable[[str], None]) -> Doc:
        """Network, control plane, doors and controllers of a cluster; idempotent. Gives its endpoints."""
        async with self._locks.setdefault(cluster.id, asyncio.Lock()):
            return await self._bring_up_alone(cluster, say)

    async def _bring_up_alone(self, cluster: Record, say: Callable[[str], None]) -> Doc:
        from localregion.backends import kubernetes_authentication, service_controllers
        from localregion.backends.control_plane import (
            AUTHENTICATION_PORT,
            WORKLOAD_PORT,
            ControlPlane,
            EncryptionKey,
            Endpoint,
            ServiceNetwork,
        )

        vnic = await self._attach_endpoint(cluster)
        endpoints = model.endpoints(cluster.id, vnic.private_ip, vnic.public_ip, vnic.fqdn)
        if cluster.id in self._live:
            return endpoints
        cidr = cluster.doc["options"]["kubernetesNetworkConfig"]["servicesCidr"]
        kubernetes, dns = model.service_addresses(cidr)
        key_id = cluster.doc.get("kmsKeyId")
        encryption = None
        if key_id:
            principal = self._principal(cluster)

            async def encrypt(plaintext: bytes) -> bytes:
                return bytes(self._kms().encrypt_as(principal, key_id, plaintext))

            async def decrypt(ciphertext: bytes) -> bytes:
                return bytes(self._kms().decrypt_as(principal, key_id, ciphertext))

            encryption = EncryptionKey(key_id, encrypt, decrypt)
        plane = ControlPlane(
            cluster_id=cluster.id,
            folder=self.folder(cluster.id),
            run=self._run_folder(cluster.id),
            endpoint=Endpoint(vnic.netns, vnic.private_ip, vnic.public_ip, vnic.fqdn),
            fabric=self.region.fabric,
            programs=self._programs,
            services=ServiceNetwork(cidr, kubernetes, dns),
            encryption=encryption,
        )
        running = self._live[cluster.id] = _Running(plane)
        try:
            # Before the API server, which asks it about tokens.
            running.authentication = kubernetes_authentication.Server(
                kubernetes_authentication.authentication_app(
                    cluster.id, self.region.authenticator, lambda principal: self._manages(principal, cluster.id)
                ),
                await self.region.fabric.serve_in(vnic.netns, "127.0.0.1", AUTHENTICATION_PORT),
            )
            running.authentication.start()
            await plane.start(say)
            leaf = plane.server_certificate("workload", "oke-workload-identity", plane.server_names())
            running.workload = kubernetes_authentication.Server(
                kubernetes_authentication.workload_app(
                    cluster.id,
                    lambda: self._fresh(cluster.id).compartment or "",
                    lambda: plane.client,
                    self.region.tokens,
                    lambda: self._fresh(cluster.id).doc["type"] == "ENHANCED_CLUSTER",
                ),
                await self.region.fabric.serve_in(vnic.netns, vnic.private_ip, WORKLOAD_PORT),
                leaf,
            )
            running.workload.start()
            if "load_balancer" in self.region.services:
                running.controller = service_controllers.ServiceController(
                    plane.client,
                    lambda: self._facts(cluster.id),
                    self._call_load_balancer,
                    lambda: max(0.05, min(1.0, self.clock.seconds(1 / 20))),
                )
                running.controller.start()
            if vnic.public_ip:
                await self.region.fabric.expose(vnic.public_ip, 6443, vnic.private_ip, 6443)
        except BaseException:
            await self._stop_parts(cluster.id)
            raise
        fresh = self._fresh(cluster.id)
        if not fresh.private.get("started"):
            self.update(fresh, {}, private={"started": True})
        return endpoints

    async def _awake(self, cluster_id: str) -> None:
        """Wait until the control plane of a cluster runs: after a restart of the region it takes some seconds."""
        if self.region.settings.pure:
            return
        while True:
            async with self._locks.setdefault(cluster_id, asyncio.Lock()):
                if cluster_id in self._live:
                    return
            cluster = self.store.find(cluster_id)
            if cluster is None or cluster.state not in ("ACTIVE", "UPDATING"):
                raise ServiceError(409, "IncorrectState", f"cluster {cluster_id} is not ACTIVE")
            await asyncio.sleep(0.2)

    def _fresh(self, record_id: str) -> Record:
        record = self.store.find(record_id)
        if record is None:
            raise not_found()
        return record

    def _manages(self, principal: Principal, cluster_id: str) -> bool:
        cluster = self._fresh(cluster_id)
        variables = dict(self.target_variables(cluster))
        return bool(self.region.iam.allows(principal, "manage", "clusters", cluster.compartment, variables))

    def _facts(self, cluster_id: str) -> Any:
        from localregion.backends.service_controllers import ClusterFacts

        cluster = self._fresh(cluster_id)
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

    async def _call_load_balancer(
        self, operation: str, parameters: Mapping[str, str], body: Doc | None
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

    async def _stop_parts(self, cluster_id: str) -> None:
        running = self._live.pop(cluster_id, None)
        if running is None:
            return
        if running.controller is not None:
            await running.controller.stop()
        await asyncio.gather(*(process.stop() for process in running.pools.values()), return_exceptions=True)
        for server in (running.workload, running.authentication):
            if server is not None:
                await server.stop()
        await running.plane.stop()

    async def _tear_down(self, cluster: Record) -> None:
        """Parts, addresses and data of a cluster."""
        await self._stop_parts(cluster.id)
        for vnic in self._network_service.vnics_of(cluster.id):
            await self._network_service.detach_vnic(vnic.id)
        await asyncio.to_thread(shutil.rmtree, self.folder(cluster.id), ignore_errors=True)

    @operation
    async def list_clusters(self, call: Call) -> Reply:
        """Clusters by compartment, name and states."""
        reply = self.list("cluster", call)
        reply.doc = [model.without_configuration_file(doc) for doc in reply.doc]
        return reply

    @operation
    async def get_cluster(self, call: Call) -> Reply:
        """A cluster; deleted ones stay readable for a while."""
        cluster = self.get("cluster", call.path["cluster_id"], dead=True)
        shown = call.query.get("should_include_oidc_config_file")
        return self.show(cluster, doc=cluster.doc if shown else model.without_configuration_file(cluster.doc))

    @operation
    async def update_cluster(self, call: Call) -> Reply:
        """Name, tags, options, image policy; basic to enhanced, never back; a newer version, one minor at a time."""
        cluster = self.get("cluster", call.path["cluster_id"])
        body, doc = call.body, cluster.doc
        changes: Doc = {}
        if "name" in body:
            changes["name"] = model.cluster_name(body["name"])
        if "kubernetesVersion" in body:
            version = model.upgraded(doc["kubernetesVersion"], body["kubernetesVersion"], self.offered_versions())
            changes["kubernetesVersion"] = version
            changes["availableKubernetesUpgrades"] = model.upgrades(version, self.offered_versions())
        if "type" in body:
            if body["type"] == "BASIC_CLUSTER" and doc["type"] == "ENHANCED_CLUSTER":
                raise invalid("An enhanced cluster cannot become a basic cluster")
            changes["type"] = body["type"]
        if "options" in body:
            changes["options"] = model.merged_options(doc["options"], body["options"])
            groups = (body["options"].get("serviceLbConfig") or {}).get("backendNsgIds")
            self._nsgs(groups, doc["vcnId"], "options.serviceLbConfig.backendNsgIds")
            changes |= self._discovery(cluster.id, changes["options"])
        if "imagePolicyConfig" in body:
            changes["imagePolicyConfig"] = self._image_policy(body["imagePolicyConfig"], doc["imagePolicyConfig"])
        self._check_recorded(changes.get("options", {}), changes.get("imagePolicyConfig", {}), {})
        changes |= {name: body[name] for name in ("freeformTags", "definedTags") if name in body}
        self._active(cluster)
        return self._update_cluster(call, cluster, changes)

    @operation
    async def update_cluster_endpoint_config(self, call: Call) -> Reply:
        """Network security groups of the endpoint, and whether it has a public address; its subnet stays."""
        cluster = self.get("cluster", call.path["cluster_id"])
        config, body = dict(cluster.doc["endpointConfig"]), call.body
        if body.get("isPublicIpEnabled"):
            subnet = self._network("subnet", config["subnetId"])
            if subnet.doc.get("prohibitPublicIpOnVnic"):
                raise invalid("isPublicIpEnabled: the subnet prohibits public IP addresses")
        if "nsgIds" in body:
            config["nsgIds"] = self._nsgs(body["nsgIds"], cluster.doc["vcnId"], "nsgIds")
        config |= {name: body[name] for name in ("isPublicIpEnabled", "securityAttributes") if name in body}
        self._check_recorded({}, {}, body)
        self._active(cluster)
        return self._update_cluster(call, cluster, {"endpointConfig": config})

    def _active(self, record: Record) -> None:
        if record.state != "ACTIVE":
            raise incorrect_state(f"{record.kind} {record.id} is {record.state}; it must be ACTIVE")

    def _update_cluster(self, call: Call, cluster: Record, changes: Doc) -> Reply:
        request = self.work_request(call, "CLUSTER_UPDATE", [("UPDATED", "cluster", cluster)])
        metadata = cluster.doc["metadata"] | {
            "timeUpdated": self.clock.timestamp(),
            "updatedByUserId": call.principal.id,
            "updatedByWorkRequestId": request.record.id,
        }
        cluster = self.update(cluster, {"metadata": metadata}, private={"update": changes})
        self.transition(
            cluster, CLUSTER_UPDATE_MINUTES, "ACTIVE", via="UPDATING", also=self._cluster_updated, request=request,
            failed="ACTIVE",
        )  # fmt: skip
        return self.accepted(request, 202, cluster)

    @step
    async def _cluster_updated(self, cluster: Record, request: WorkRequest | None) -> Mapping[str, Any]:
        changes: Doc = cluster.private.get("update") or {}
        if "endpointConfig" in changes:
            changes = changes | {"endpoints": await self._move_endpoint(cluster, changes["endpointConfig"])}
        if (version := changes.get("kubernetesVersion")) and version != cluster.doc["kubernetesVersion"]:
            (request.log if request else self.log.info)(f"Upgrading the control plane to {version}")
            self.upgrade_addons(cluster.id, version)
            for pool in self.living("virtual_node_pool", parent=cluster.id):
                # Virtual nodes are Oracle's to upgrade: they follow their control plane.
                for record in (pool, *self._nodes(pool)):
                    self.update(record, {"kubernetesVersion": version})
        return changes

    async def _move_endpoint(self, cluster: Record, config: Doc) -> Doc:
        """Give the endpoint its groups and take or give its public address; can run twice. Gives the endpoints."""
        network = self._network_service
        vnic = await self._attach_endpoint(cluster)
        await network.set_vnic_groups(vnic.id, config["nsgIds"])
        vnic = await network.set_vnic_public(vnic.id, public=config["isPublicIpEnabled"])
        running = self._live.get(cluster.id)
        if vnic.public_ip and running is not None:
            from localregion.backends.control_plane import ClusterError
            from localregion.backends.fabric import FabricError

            try:
                await running.plane.serve_as(vnic.public_ip)
                await self.region.fabric.expose(vnic.public_ip, 6443, vnic.private_ip, 6443)
            except (ClusterError, FabricError, OSError) as error:
                await network.set_vnic_public(vnic.id, public=cluster.doc["endpointConfig"]["isPublicIpEnabled"])
                text = f"the endpoint has no public address: {error}"
                raise ServiceError(500, "InternalServerError", text) from error
        return model.endpoints(cluster.id, vnic.private_ip, vnic.public_ip, vnic.fqdn)

    @operation
    async def delete_cluster(self, call: Call) -> Reply:
        """Delete a cluster with its pools; load balancers that its Services made remain."""
        cluster = self.get("cluster", call.path["cluster_id"])
        if cluster.state not in ("ACTIVE", "FAILED"):
            raise incorrect_state(f"cluster {cluster.id} is {cluster.state}; it must be ACTIVE or FAILED")
        busy = [
            pool for pool in self.living("virtual_node_pool", parent=cluster.id)
            if pool.state in ("CREATING", "UPDATING", "DELETING")
        ]  # fmt: skip
        if busy:
            raise conflict(f"virtual node pool {busy[0].id} of the cluster is {busy[0].state}")
        request = self.work_request(call, "CLUSTER_DELETE", [("DELETED", "cluster", cluster)])
        metadata = cluster.doc["metadata"] | {
            "deletedByUserId": call.principal.id,
            "deletedByWorkRequestId": request.record.id,
        }
        cluster = self.update(cluster, {"metadata": metadata}, private={"due": self.clock.due(CLUSTER_DELETE_MINUTES)})
        self.transition(cluster, _ACCEPTED, "DELETED", via="DELETING", also=self._cluster_deleted, request=request)
        return self.accepted(request, 202, cluster)

    @step
    async def _cluster_deleted(self, cluster: Record, request: WorkRequest | None) -> Mapping[str, Any]:
        for pool in self.living("virtual_node_pool", parent=cluster.id):
            if cluster.id in self._live:
                # Pods end with their cluster.
                await self._remove_nodes(pool, self._nodes(pool), 0.0)
            await self._forget_pool(pool)
            self.retire(pool)
        self.drop_addons(cluster.id)
        await self._drop_dns(cluster)
        await self._tear_down(cluster)
        await self.clock.sleep_until(cluster.private.get("due", 0))
        return {"metadata": cluster.doc["metadata"] | {"timeDeleted": self.clock.timestamp()}, "endpoints": None}

    @operation
    async def get_cluster_options(self, call: Call) -> Reply:
        """Versions and pod networks that there are, or those for a cluster."""
        offered: Sequence[str] = self.offered_versions()
        if (wanted := call.path["cluster_option_id"]) != "all":
            current = self.get("cluster", wanted).doc["kubernetesVersion"]
            offered = [current, *model.upgrades(current, offered)]
        networks = [{"cniType": "FLANNEL_OVERLAY"}, {"cniType": "OCI_VCN_IP_NATIVE"}]
        return Reply(200, {"kubernetesVersions": list(offered), "clusterPodNetworkOptions": networks})

    @operation
    async def create_kubeconfig(self, call: Call) -> Reply:
        """The kubeconfig of a cluster for one of its endpoints."""
        cluster = self.get("cluster", call.path["cluster_id"])
        body = call.body or {}
        if body.get("tokenVersion", "2.0.0") != "2.0.0":
            raise invalid("tokenVersion must be 2.0.0")
        if cluster.state not in ("ACTIVE", "UPDATING"):
            raise incorrect_state(f"cluster {cluster.id} is {cluster.state}; it must be ACTIVE")
        wanted = body.get("endpoint") or "PUBLIC_ENDPOINT"
        keys = {
            "PUBLIC_ENDPOINT": "publicEndpoint",
            "PRIVATE_ENDPOINT": "privateEndpoint",
            "VCN_HOSTNAME": "vcnHostnameEndpoint",
        }
        address = cluster.doc["endpoints"].get(keys.get(wanted, ""))
        if address is None:
            raise invalid(f"The cluster has no endpoint of type {wanted}")
        content = model.kubeconfig(cluster.id, f"https://{address}", await self._authority(cluster))
        return Reply(200, content.encode(), {"content-type": "application/x-yaml"})

    async def kubeconfigs(self) -> list[str]:
        """The kubeconfigs of all clusters that are up, oldest first, each for its public endpoint if it has one."""
        found = []
        for cluster in self.living("cluster"):
            endpoints = cluster.doc.get("endpoints") or {}
            address = endpoints.get("publicEndpoint") or endpoints.get("privateEndpoint")
            if cluster.state in ("ACTIVE", "UPDATING") and address:
                found.append(model.kubeconfig(cluster.id, f"https://{address}", await self._authority(cluster)))
        return found

    async def _authority(self, cluster: Record) -> bytes:
        running = self._live.get(cluster.id)
        if running is not None:
            return bytes(running.plane.authority.certificate_pem)
        from localregion.host.pki import Authority

        folder = self.folder(cluster.id) / "pki"
        return Authority.load_or_create(folder, f"OKE CA {cluster.id[-12:]}").certificate_pem

    # Virtual node pools

    def _pool_placement(self, given: Sequence[Doc], vcn_id: str) -> list[Doc]:
        rows = model.placement(given)
        for row in rows:
            self._subnet(row["subnetId"], vcn_id, "placementConfigurations.subnetId", regional=True)
        return rows

    def _pod_configuration(self, given: Doc, vcn_id: str) -> Doc:
        model.pod_shape(given["shape"])
        self._subnet(given["subnetId"], vcn_id, "podConfiguration.subnetId", regional=True)
        groups = self._nsgs(given.get("nsgIds"), vcn_id, "podConfiguration.nsgIds")
        return {"subnetId": given["subnetId"], "nsgIds": groups, "shape": given["shape"]}

    @operation
    async def create_virtual_node_pool(self, call: Call) -> Reply:
        """Check all, answer 202, make nodes in the background."""
        body = call.body
        cluster = self.get("cluster", body["clusterId"], related=True)
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
            "nsgIds": self._nsgs(body.get("nsgIds"), vcn_id, "nsgIds"),
            "initialVirtualNodeLabels": model.labels(body.get("initialVirtualNodeLabels")),
            "taints": model.taints(body.get("taints")),
            "virtualNodeTags": body.get("virtualNodeTags") or {"freeformTags": {}, "definedTags": {}},
            "virtualNodePoolCyclingDetails": model.cycling(body.get("virtualNodePoolCyclingDetails"), body["size"]),
            "systemTags": {},
            "timeUpdated": self.clock.timestamp(),
        }
        self._active(cluster)
        pool = self.create(
            "virtual_node_pool", call, doc, state="CREATING", parent=cluster.id,
            private={"due": self.clock.due(POOL_MINUTES)},
        )  # fmt: skip
        request = self.work_request(
            call, "VIRTUALNODEPOOL_CREATE", [("CREATED", "virtualnodepool", pool), ("RELATED", "cluster", cluster)]
        )
        self.transition(pool, _ACCEPTED, "ACTIVE", also=self._pool_converge, request=request)
        return self.accepted(request, 202, pool)

    @operation
    async def list_virtual_node_pools(self, call: Call) -> Reply:
        """Pools by compartment, cluster, name, states."""
        return self.list("virtual_node_pool", call)

    @operation
    async def update_virtual_node_pool(self, call: Call) -> Reply:
        """Everything but cluster, compartment and version changes in place, except what is `without_effect`."""
        pool = self.get("virtual_node_pool", call.path["virtual_node_pool_id"])
        cluster = self.get("cluster", pool.parent)
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
            changes["nsgIds"] = self._nsgs(body["nsgIds"], vcn_id, "nsgIds")
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
        request = self.work_request(
            call, operation, [("UPDATED", "virtualnodepool", pool), ("RELATED", "cluster", cluster)]
        )
        stale = [node.id for node in self._nodes(pool)] if cycling else []
        pool = self.update(pool, changes, private={"due": self.clock.due(CLUSTER_UPDATE_MINUTES), "stale": stale})
        self.transition(
            pool,
            _ACCEPTED,
            "ACTIVE",
            via="UPDATING",
            also=self._pool_converge,
            request=request,
            failed="NEEDS_ATTENTION",
        )
        return self.accepted(request, 202, pool)

    def _nodes(self, pool: Record) -> list[Record]:
        return self.living("virtual_node", parent=pool.id)

    @step
    async def _pool_converge(self, pool: Record, request: WorkRequest | None) -> Mapping[str, Any] | None:
        """Make the nodes of a pool what its document says, and wait until they are Ready."""
        await self._awake(pool.parent or "")
        say = request.log if request else self.log.info
        await self._cycle(pool, say)
        keep = {node.id: _place(node) for node in self._nodes(pool) if node.state != "DELETING"}
        added, surplus = model.plan_nodes(pool.doc["placementConfigurations"], pool.doc["size"], keep)
        for place in added:
            await self._add_node(pool, place)
        await self._run_pool(pool, say)
        if added:
            say(f"Creating {_nodes_text(len(added))}")
        await self._nodes_ready(pool, say)
        leaving = [node for node in self._nodes(pool) if node.id in surplus or node.state == "DELETING"]
        if leaving:
            say(f"Deleting {_nodes_text(len(leaving))}")
            await self._remove_nodes(pool, leaving, self.clock.seconds(60))
        await self.clock.sleep_until(pool.private.get("due", 0))
        return {"lifecycleDetails": None}

    async def _cycle(self, pool: Record, say: Callable[[str], None]) -> None:
        """Replace the nodes that were there before an update, a few at a time."""
        rows, size = pool.doc["placementConfigurations"], pool.doc["size"]
        surge, unavailable = model.cycling_limits(pool.doc.get("virtualNodePoolCyclingDetails") or {}, size)
        step = max(1, surge + unavailable)
        while True:
            old = set(pool.private.get("stale") or ())
            stale = [node for node in self._nodes(pool) if node.id in old]
            if not stale:
                break
            batch = stale[:step]
            first, rest = batch[:unavailable], batch[unavailable:]
            say(f"Cycling {_nodes_text(len(batch))}, {len(stale) - len(batch)} to go")
            if first:
                await self._remove_nodes(pool, first, self.clock.seconds(60))
            new = {node.id: _place(node) for node in self._nodes(pool) if node.id not in old}
            for place in model.plan_nodes(rows, min(size, len(new) + len(batch)), new)[0]:
                await self._add_node(pool, place)
            await self._run_pool(pool)
            await self._nodes_ready(pool, say)
            if rest:
                await self._remove_nodes(pool, rest, self.clock.seconds(60))

    async def _add_node(self, pool: Record, place: model.Place) -> Record:
        domain, fault_domain, subnet_id = place
        tags = pool.doc.get("virtualNodeTags") or {}
        kind = self.kind("virtual_node")
        node_id = kind.ocid()
        address = await self._network_service.hold_address(
            subnet_id=subnet_id,
            display_name="virtual-node",
            owner_id=node_id,
            nsg_ids=tuple(pool.doc["nsgIds"]),
        )
        return self.create(
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

    async def _run_pool(self, pool: Record, say: Callable[[str], None] | None = None) -> None:
        """Write the pool's configuration and have its process read it. `say` hears of programs that are still built."""
        if self.region.settings.pure:
            return
        running = self._live.get(pool.parent or "")
        if running is None:
            raise ServiceError(500, "InternalServerError", "the cluster's control plane does not run")
        from localregion.host.process import Process

        say = say or self.log.info
        await self._place_dns(running, pool, say)
        nodes = self._nodes(pool)
        if nodes and running.plane.proxy_name not in {node.doc["privateIp"] for node in self._all_nodes(pool.parent)}:
            await running.plane.start_proxy(nodes[0].doc["privateIp"], say)
        path = self._pool_folder(pool) / "config.json"
        config = await self._pool_config(pool, running, nodes)
        changed = True
        if path.exists():
            try:
                changed = node_config.Config.load(path) != config
            except (ValueError, TypeError):
                changed = True
        config.save(path)
        process = running.pools.get(pool.id)
        if process is None:
            process = running.pools[pool.id] = Process(
                f"virtual nodes {pool.id[-8:]}",
                [sys.executable, "-m", "localregion.virtual_node", "--config", str(path)],
                log=self._pool_folder(pool) / "virtual-node.log",
                env={"PYTHONPATH": str(Path(__file__).resolve().parents[3])},
            )
            await process.start()
        elif changed:
            process.send_signal(signal.SIGHUP)

    def _all_nodes(self, cluster_id: str | None) -> list[Record]:
        return [
            node for pool in self.living("virtual_node_pool", parent=cluster_id) for node in self._nodes(pool)
            if node.state != "DELETING"
        ]  # fmt: skip

    def _pool_folder(self, pool: Record) -> Path:
        return self.folder(pool.parent or "") / "pools" / _short(pool.id)

    async def _pool_config(self, pool: Record, running: _Running, nodes: Sequence[Record]) -> node_config.Config:
        plane = running.plane
        user = f"oke:virtual-nodes:{pool.id[-20:]}"
        client = plane.client_certificate(f"pool-{_short(pool.id)}", user, ("oke:virtual-nodes",))
        addresses = sorted(node.doc["privateIp"] for node in nodes)
        serving = plane.server_certificate(f"kubelet-{_short(pool.id)}", "oke-virtual-nodes", addresses)
        pods = pool.doc["podConfiguration"]
        settings = self.region.settings
        return node_config.Config(
            cluster_id=pool.parent or "",
            pool_id=pool.id,
            pool_name=pool.name,
            compartment_id=pool.compartment or "",
            region=names.REGION,
            region_key=names.REGION_KEY,
            kubernetes_version=pool.doc["kubernetesVersion"],
            apiserver=f"https://{plane.endpoint.private_ip}:6443",
            ca_file=str(plane.ca_file),
            client_certificate=str(client.certificate),
            client_key=str(client.key),
            serving_certificate=str(serving.certificate),
            serving_key=str(serving.key),
            cluster_dns=plane.services.dns,
            cluster_domain="cluster.local",
            service_cidr=plane.services.cidr,
            region_netns=self.region.fabric.root,
            internal_socket=str(self._internal_socket),
            state_dir=str(self._pool_folder(pool)),
            containers_dir=str(Path(settings.state) / "containers"),
            pod_subnet_id=pods["subnetId"],
            pod_subnet_cidr=str(self._fresh(pods["subnetId"]).doc["cidrBlock"]),
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

    async def _place_dns(self, running: _Running, pool: Record, say: Callable[[str], None]) -> None:
        """CoreDNS gets an address of the first pool's pod subnet."""
        from localregion.backends.control_plane import DnsPlace

        cluster = self._fresh(pool.parent or "")
        place = cluster.private.get("dns_subnet")
        if place is None:
            place = {"subnet": pool.doc["podConfiguration"]["subnetId"], "nsgs": pool.doc["podConfiguration"]["nsgIds"]}
            self.update(cluster, {}, private={"dns_subnet": place})
        vnic = await self._dns_vnic(cluster.id, place)
        await running.plane.start_dns(DnsPlace(vnic.netns, vnic.private_ip), say)

    async def _dns_vnic(self, cluster_id: str, place: Doc) -> Any:
        return await self._network_service.attach_vnic(
            subnet_id=place["subnet"],
            display_name="coredns",
            owner_id=f"{cluster_id}/dns",
            nsg_ids=tuple(place["nsgs"]),
        )

    async def _drop_dns(self, cluster: Record) -> None:
        cluster = self._fresh(cluster.id)
        if cluster.private.pop("dns_subnet", None) is None:
            return
        running = self._live.get(cluster.id)
        if running is not None:
            with contextlib.suppress(Exception):
                await running.plane.stop_dns()
        for vnic in self._network_service.vnics_of(f"{cluster.id}/dns"):
            await self._network_service.detach_vnic(vnic.id)
        self.store.save(cluster, etag=False)

    async def _node_object(self, pool: Record, node: Record) -> Doc | None:
        running = self._live.get(pool.parent or "")
        if running is None:
            raise ServiceError(500, "InternalServerError", "the cluster's control plane does not run")
        found: Doc | None = await running.plane.client.get(f"/api/v1/nodes/{node.doc['privateIp']}")
        return found

    async def _nodes_ready(self, pool: Record, say: Callable[[str], None]) -> None:
        """Wait until every node that stays is Ready. Raises ServiceError after some time."""
        deadline = asyncio.get_running_loop().time() + NODE_READY_SECONDS
        while True:
            waiting = [node for node in self._nodes(pool) if node.state == "CREATING"]
            for node in waiting:
                if self.region.settings.pure or await self._is_ready(pool, node):
                    self.update(node, {}, state="ACTIVE")
                    say(f"Virtual node {node.name} ({node.doc['faultDomain']}) is ready")
            if not [node for node in self._nodes(pool) if node.state == "CREATING"]:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise ServiceError(
                    500, "InternalServerError",
                    f"{len(waiting)} virtual nodes are not Ready after {NODE_READY_SECONDS:.0f} s"
                    + self._pool_log_end(pool),
                )  # fmt: skip
            await asyncio.sleep(0.3)

    def _pool_log_end(self, pool: Record) -> str:
        running = self._live.get(pool.parent or "")
        process = running.pools.get(pool.id) if running else None
        return f": {process.log_end(300)}" if process is not None else ""

    async def _is_ready(self, pool: Record, node: Record) -> bool:
        try:
            found = await self._node_object(pool, node)
        except (httpx.HTTPError, OSError, ssl.SSLError):
            return False
        conditions = (found or {}).get("status", {}).get("conditions") or []
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

    async def _remove_nodes(self, pool: Record, nodes: Sequence[Record], grace: float, *, force: bool = True) -> None:
        """Have nodes drained and removed; `grace` in seconds. Raises ServiceError when pods stay without `force`."""
        for node in nodes:
            self.update(node, {}, state="DELETING", private={"grace": grace})
        if not self.region.settings.pure:
            await self._run_pool(pool)
            deadline = asyncio.get_running_loop().time() + grace + 60.0
            left = list(nodes)
            while left:
                left = [node for node in left if await self._still_there(pool, node)]
                if left and asyncio.get_running_loop().time() > deadline:
                    if not force:
                        raise ServiceError(
                            409, "Conflict",
                            f"pods could not be evicted from {left[0].name} within the grace duration; set"
                            " is_force_deletion_after_override_grace_duration_vnp to delete it all the same",
                        )  # fmt: skip
                    running = self._live[pool.parent or ""]
                    for node in left:
                        await running.plane.client.delete(f"/api/v1/nodes/{node.doc['privateIp']}")
                    break
                if left:
                    await asyncio.sleep(0.3)
        for node in nodes:
            await self._network_service.detach_vnic(node.private["vnic"])
            self.retire(self._fresh(node.id))
        if not self.region.settings.pure:
            await self._run_pool(pool)

    async def _still_there(self, pool: Record, node: Record) -> bool:
        try:
            return await self._node_object(pool, node) is not None
        except (httpx.HTTPError, OSError):
            return True

    @operation
    async def delete_virtual_node_pool(self, call: Call) -> Reply:
        """Drain and delete the nodes, then the pool."""
        pool = self.get("virtual_node_pool", call.path["virtual_node_pool_id"])
        if pool.state in ("DELETING", "CREATING", "UPDATING"):
            raise incorrect_state(f"virtual node pool {pool.id} is {pool.state}")
        minutes = model.duration_minutes(call.query.get("override_eviction_grace_duration_vnp") or "PT60M")
        force = call.query.get("is_force_deletion_after_override_grace_duration_vnp")
        request = self.work_request(
            call, "VIRTUALNODEPOOL_DELETE",
            [("DELETED", "virtualnodepool", pool), ("RELATED", "cluster", pool.parent or "")],
        )  # fmt: skip
        private = {"grace": self.clock.seconds(minutes), "force": True if force is None else bool(force)}
        pool = self.update(pool, {}, private=private | {"due": self.clock.due(NODE_DELETE_MINUTES)})
        self.transition(
            pool,
            _ACCEPTED,
            "DELETED",
            via="DELETING",
            also=self._pool_deleted,
            request=request,
            failed="NEEDS_ATTENTION",
        )
        return self.accepted(request, 202, pool)

    @step
    async def _pool_deleted(self, pool: Record, request: WorkRequest | None) -> None:
        cluster = self.store.find(pool.parent or "")
        if cluster is not None and cluster.state in ("ACTIVE", "UPDATING"):
            await self._awake(cluster.id)
        nodes = self._nodes(pool)
        if nodes:
            (request.log if request else self.log.info)(f"Deleting {len(nodes)} virtual nodes")
            await self._remove_nodes(pool, nodes, pool.private.get("grace", 0.0), force=pool.private.get("force", True))
        await self._forget_pool(pool)
        await self.clock.sleep_until(pool.private.get("due", 0))

    async def _forget_pool(self, pool: Record) -> None:
        """End a pool's process, free its addresses, remove its folder; the last pool takes CoreDNS with it."""
        running = self._live.get(pool.parent or "")
        process = running.pools.pop(pool.id, None) if running else None
        if process is not None:
            await process.stop()
        for node in self._nodes(pool):
            await self._network_service.detach_vnic(node.private["vnic"])
            self.retire(node)
        # Of pods that were not there to be evicted any more.
        for vnic in self._network_service.vnics_of(pool.id):
            await self._network_service.detach_vnic(vnic.id)
        others = [other for other in self.living("virtual_node_pool", parent=pool.parent) if other.id != pool.id]
        cluster = self.store.find(pool.parent or "")
        if not others and cluster is not None:
            await self._drop_dns(cluster)
        await asyncio.to_thread(shutil.rmtree, self._pool_folder(pool), ignore_errors=True)

    @operation
    async def list_virtual_nodes(self, call: Call) -> Reply:
        """The nodes of a pool."""
        pool = self.get("virtual_node_pool", call.path["virtual_node_pool_id"])
        name = call.query.get("name")
        nodes = [node for node in self._nodes(pool) if name in (None, node.name)]
        return self.page(call, in_order(call, [node.doc for node in nodes]))

    @operation
    async def get_virtual_node(self, call: Call) -> Reply:
        """One node of a pool."""
        node = self.get("virtual_node", call.path["virtual_node_id"], dead=True)
        if node.parent != call.path["virtual_node_pool_id"]:
            raise not_found()
        return self.show(node)

    @operation
    async def list_pod_shapes(self, call: Call) -> Reply:
        """The shapes that pods can have."""
        domain = call.query.get("availability_domain")
        if domain not in (None, names.AVAILABILITY_DOMAIN):
            raise invalid(f"Invalid availabilityDomain: {domain}")
        name = call.query.get("name")
        return self.page(call, in_order(call, [shape for shape in model.POD_SHAPES if name in (None, shape["name"])]))


def _place(node: Record) -> model.Place:
    return node.doc["availabilityDomain"], node.doc["faultDomain"], node.doc["subnetId"]


def _nodes_text(count: int) -> str:
    return f"{count} virtual node{'s' if count > 1 else ''}"


def _short(record_id: str) -> str:
    """A short name for folders: they hold sockets, whose paths are short."""
    return hashlib.sha256(record_id.encode()).hexdigest()[:12]
