# SPDX-License-Identifier: GPL-3.0-or-later
"""The live parts of clusters: endpoints, control planes, the doors and controllers beside them, the internal API."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localregion.access.policies import Principal, resource_principal
from localregion.core.errors import ServiceError
from localregion.core.store import Record
from localregion.host.programs import Programs
from localregion.services import lookup
from localregion.services.base import Part, Service
from localregion.services.containerengine import model
from localregion.services.containerengine.service_load_balancers import ServiceLoadBalancers

if TYPE_CHECKING:
    from localregion.backends.control_plane import ControlPlane
    from localregion.backends.kms_plugin import EncryptionKey
    from localregion.backends.kubernetes_authentication import Server

Doc = dict[str, Any]
Say = Callable[[str], None]


@dataclass
class Running:
    """The live parts of one cluster."""

    plane: Any
    authentication: Any = None
    workload: Any = None
    controller: Any = None
    pools: dict[str, list[Any]] = field(default_factory=dict)


class RunningClusters(Part):
    """Starts and stops what is behind clusters. In a `pure` region they are endpoints only."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.live: dict[str, Running] = {}
        self.load_balancers = ServiceLoadBalancers(service)
        self._internal: Any = None
        self._locks: dict[str, asyncio.Lock] = {}

    async def start(self) -> None:
        """Start the programs' build and the internal API."""
        if self.region.programs is None:
            self.region.programs = Programs(self.region.settings.cache)
        self.region.programs.start()
        await self._serve_internal()

    async def stop(self) -> None:
        """Stop every part of every cluster."""
        await asyncio.gather(*(self.stop_cluster(cluster_id) for cluster_id in list(self.live)), return_exceptions=True)
        if self._internal is not None:
            await self._internal.stop()
            self._internal = None
            self.internal_socket.unlink(missing_ok=True)
        if self.region.programs is not None:
            await self.region.programs.stop()

    @property
    def internal_socket(self) -> Path:
        """Where the internal API listens."""
        return Path(self.region.settings.state) / "internal.sock"

    async def _serve_internal(self) -> None:
        """The internal API, for the processes of virtual nodes."""
        from localregion.backends.kubernetes_authentication import Server
        from localregion.services.containerengine.internal_api import internal_app

        if self._internal is not None:
            return
        path = self.internal_socket
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(128)
        listener.setblocking(False)
        self._internal = Server(internal_app(self.region), listener)
        self._internal.start()

    # places

    def folder(self, cluster_id: str) -> Path:
        """The cluster's data, certificates and logs."""
        return Path(self.region.settings.state) / "clusters" / model.folder_name(cluster_id)

    def _run_folder(self, cluster_id: str) -> Path:
        """Sockets: a path of a unix socket has at most 107 characters."""
        folder = self.folder(cluster_id) / "run"
        if len(str(folder)) < 80:
            return folder
        return Path("/run") / self.region.settings.prefix / model.folder_name(cluster_id)

    # keys and certificates

    def check_key(self, cluster: Record) -> None:
        """The cluster's use of its Vault key must be granted before it is made. Raises ServiceError."""
        key_id = cluster.doc.get("kmsKeyId")
        if not key_id:
            return
        try:
            lookup.kms(self.region).cryptography.may_use(_principal(cluster), key_id)
        except ServiceError as error:
            raise ServiceError(
                400,
                "KmsKeyNotAuthorizedOrNotFound",
                f"The cluster cannot use the key {key_id}: it needs a policy such as 'Allow any-user to use keys in"
                f" compartment ... where all {{request.principal.type='cluster', target.key.id='{key_id}'}}'",
            ) from error

    def _encryption(self, cluster: Record) -> EncryptionKey | None:
        from localregion.backends.kms_plugin import EncryptionKey

        key_id = cluster.doc.get("kmsKeyId")
        if not key_id:
            return None
        principal = _principal(cluster)

        cryptography = lookup.kms(self.region).cryptography

        async def encrypt(plaintext: bytes) -> tuple[bytes, str]:
            return cryptography.encrypt_as(principal, key_id, plaintext)

        async def decrypt(ciphertext: bytes) -> bytes:
            return cryptography.decrypt_as(principal, key_id, ciphertext)

        async def version() -> str:
            return cryptography.version_for(principal, key_id)

        return EncryptionKey(encrypt, decrypt, version)

    async def authority(self, cluster: Record) -> bytes:
        """The certificate of the cluster's authority (PEM)."""
        running = self.live.get(cluster.id)
        if running is not None:
            return bytes(running.plane.certificates.authority.certificate_pem)
        from localregion.host.pki import Authority

        folder = self.folder(cluster.id) / "pki"
        return Authority.load_or_create(folder, f"OKE CA {cluster.id[-12:]}").certificate_pem

    # endpoints

    async def _attach_endpoint(self, cluster: Record) -> Any:
        config = cluster.doc["endpointConfig"]
        return await lookup.network(self.region).vnics.attach(
            subnet_id=config["subnetId"],
            display_name="kubernetes-api",
            owner_id=cluster.id,
            nsg_ids=tuple(config["nsgIds"]),
            hostname=model.short_name(cluster.id),
            public=config["isPublicIpEnabled"],
        )

    async def pure_endpoints(self, cluster: Record) -> Doc:
        """Addresses as there would be, without programs behind them."""
        return _endpoints(cluster, await self._attach_endpoint(cluster))

    async def move_endpoint(self, cluster: Record, config: Doc) -> Doc:
        """Give the endpoint its groups and take or give its public address; can run twice. Gives the endpoints."""
        network = lookup.network(self.region)
        vnic = await self._attach_endpoint(cluster)
        await network.vnics.set_groups(vnic.id, config["nsgIds"])
        vnic = await network.vnics.set_public(vnic.id, public=config["isPublicIpEnabled"])
        running = self.live.get(cluster.id)
        if vnic.public_ip and running is not None:
            from localregion.backends.control_plane import ClusterError
            from localregion.backends.fabric import FabricError

            try:
                await running.plane.serve_as(vnic.public_ip)
                await self.region.fabric.expose(vnic.public_ip, 6443, vnic.private_ip, 6443)
            except (ClusterError, FabricError, OSError) as error:
                await network.vnics.set_public(vnic.id, public=cluster.doc["endpointConfig"]["isPublicIpEnabled"])
                text = f"the endpoint has no public address: {error}"
                raise ServiceError(500, "InternalServerError", text) from error
        return _endpoints(cluster, vnic)

    # life

    async def upgrade(self, cluster_id: str, version: str, say: Say) -> None:
        """Replace the control plane by one of another release. Raises ServiceError; then it is as it was."""
        if self.region.settings.pure:
            return
        await self.awake(cluster_id)
        try:
            await self.live[cluster_id].plane.upgrade(version, say)
        except Exception as error:
            self.log.exception("upgrading %s", cluster_id)
            text = f"the control plane was not upgraded to {version}: {error}"
            raise ServiceError(500, "InternalServerError", text) from error

    async def bring_up(self, cluster: Record, say: Say) -> Doc:
        """Network, control plane, doors and controllers of a cluster; idempotent. Gives its endpoints."""
        async with self._locks.setdefault(cluster.id, asyncio.Lock()):
            vnic = await self._attach_endpoint(cluster)
            if cluster.id not in self.live:
                await self._start_cluster(cluster, vnic, say)
                fresh = self.fresh(cluster.id)
                if not fresh.private.get("started"):
                    self.service.update(fresh, {}, private={"started": True})
            return _endpoints(cluster, vnic)

    async def _start_cluster(self, cluster: Record, vnic: Any, say: Say) -> None:
        plane = self._control_plane(cluster, vnic)
        running = self.live[cluster.id] = Running(plane)
        try:
            # Before the API server, which asks it about tokens.
            running.authentication = await self._authentication(cluster.id, vnic)
            running.authentication.start()
            await plane.start(say)
            running.workload = await self._workload_identity(cluster.id, plane, vnic)
            running.workload.start()
            running.controller = self.load_balancers.controller(cluster.id, plane.client)
            if running.controller is not None:
                running.controller.start()
            if vnic.public_ip:
                await self.region.fabric.expose(vnic.public_ip, 6443, vnic.private_ip, 6443)
        except BaseException:
            await self.stop_cluster(cluster.id)
            raise

    def _control_plane(self, cluster: Record, vnic: Any) -> ControlPlane:
        from localregion.backends.control_plane import ControlPlane, Endpoint, ServiceNetwork

        cidr = cluster.doc["options"]["kubernetesNetworkConfig"]["servicesCidr"]
        return ControlPlane(
            cluster_id=cluster.id,
            folder=self.folder(cluster.id),
            run=self._run_folder(cluster.id),
            endpoint=Endpoint(vnic.netns, vnic.private_ip, vnic.public_ip, vnic.fqdn),
            fabric=self.region.fabric,
            programs=self.region.programs,
            version=cluster.doc["kubernetesVersion"],
            services=ServiceNetwork(cidr, *model.service_addresses(cidr)),
            encryption=self._encryption(cluster),
        )

    async def _authentication(self, cluster_id: str, vnic: Any) -> Server:
        """The webhook by which the API server knows the tokens of the region's principals."""
        from localregion.backends.cluster_flags import AUTHENTICATION_PORT
        from localregion.backends.kubernetes_authentication import Server, authentication_app

        app = authentication_app(
            cluster_id, self.region.authenticator, lambda principal: self._manages(principal, cluster_id)
        )
        return Server(app, await self.region.fabric.serve_in(vnic.netns, "127.0.0.1", AUTHENTICATION_PORT))

    def _manages(self, principal: Principal, cluster_id: str) -> bool:
        cluster = self.fresh(cluster_id)
        variables = dict(self.service.target_variables(cluster))
        return bool(self.region.iam.allows(principal, "manage", "clusters", cluster.compartment, variables))

    async def _workload_identity(self, cluster_id: str, plane: ControlPlane, vnic: Any) -> Server:
        """Where service accounts of the cluster get tokens of the region."""
        from localregion.backends.cluster_objects import WORKLOAD_PORT
        from localregion.backends.kubernetes_authentication import Server, workload_app

        leaf = plane.certificates.server("workload", "oke-workload-identity", plane.server_names())
        app = workload_app(
            cluster_id,
            lambda: self.fresh(cluster_id).compartment or "",
            lambda: plane.client,
            self.region.tokens,
            lambda: self.fresh(cluster_id).doc["type"] == "ENHANCED_CLUSTER",
        )
        return Server(app, await self.region.fabric.serve_in(vnic.netns, vnic.private_ip, WORKLOAD_PORT), leaf)

    async def awake(self, cluster_id: str) -> None:
        """Wait until the control plane of a cluster runs: after a restart of the region it takes some seconds."""
        if self.region.settings.pure:
            return
        while True:
            async with self._locks.setdefault(cluster_id, asyncio.Lock()):
                if cluster_id in self.live:
                    return
            cluster = self.store.find(cluster_id)
            if cluster is None or cluster.state not in ("ACTIVE", "UPDATING"):
                raise ServiceError(409, "IncorrectState", f"cluster {cluster_id} is not ACTIVE")
            await asyncio.sleep(0.2)

    async def stop_cluster(self, cluster_id: str) -> None:
        """Stop the parts of a cluster; its data stays."""
        running = self.live.pop(cluster_id, None)
        if running is None:
            return
        if running.controller is not None:
            await running.controller.stop()
        await asyncio.gather(
            *(process.stop() for members in running.pools.values() for process in members), return_exceptions=True
        )
        for server in (running.workload, running.authentication):
            if server is not None:
                await server.stop()
        await running.plane.stop()

    async def tear_down(self, cluster: Record) -> None:
        """Parts, addresses and data of a cluster go."""
        await self.stop_cluster(cluster.id)
        await lookup.network(self.region).vnics.detach_all(cluster.id)
        await asyncio.to_thread(shutil.rmtree, self.folder(cluster.id), ignore_errors=True)


def _principal(cluster: Record) -> Principal:
    return resource_principal("cluster", cluster.id, cluster.compartment or "")


def _endpoints(cluster: Record, vnic: Any) -> Doc:
    # The name outside of the VCN is shown but does not resolve: the region's clusters answer at their addresses.
    endpoints = {
        "kubernetes": f"{model.endpoint_name(cluster.id)}:6443",
        "privateEndpoint": f"{vnic.private_ip}:6443",
    }
    if vnic.public_ip:
        endpoints["publicEndpoint"] = f"{vnic.public_ip}:6443"
    if vnic.fqdn:
        endpoints["vcnHostnameEndpoint"] = f"{vnic.fqdn}:6443"
    return endpoints
