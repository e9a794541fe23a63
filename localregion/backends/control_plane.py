# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane of one OKE cluster: real Kubernetes programs in the network namespace of the endpoint's VNIC.

What runs where:

* etcd, kube-apiserver, kube-controller-manager and kube-scheduler in the endpoint's namespace: the API server answers
  at `<private address>:6443`, etcd at that namespace's loopback only;
* kube-proxy in the region's root namespace, where the bridges of all subnets meet: cluster addresses lead to pods from
  there. It comes with the first node;
* CoreDNS at an address of the pod subnet, once a pool says which one that is.

In the cloud the control plane is hidden and scaled by OKE; flags that its users can see the effect of follow OKE
(audience `api` of service account tokens, VCN-native pods without a pod CIDR, no anonymous access).
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from localregion.backends import cluster_dns, cluster_flags
from localregion.backends.cluster_certificates import ClusterCertificates
from localregion.backends.cluster_flags import CLUSTER_DOMAIN
from localregion.backends.cluster_objects import keep_workload_port, make_objects
from localregion.backends.fabric import Fabric
from localregion.backends.kms_plugin import EncryptionKey, KmsPlugin
from localregion.host.kubernetes_client import KubeClient
from localregion.host.process import Process
from localregion.host.program_wait import Report, wait_for_program
from localregion.host.programs import OF_RELEASE, Programs
from localregion.host.relay import Relay

log = logging.getLogger(__name__)


class ClusterError(Exception):
    """The control plane could not be brought up; the text says which part and why."""


@dataclass(frozen=True)
class Endpoint:
    """Where the API server answers."""

    netns: str
    private_ip: str
    public_ip: str | None = None
    hostname: str | None = None
    """Full name in the VCN, where the subnet has a DNS label."""


@dataclass(frozen=True)
class DnsPlace:
    """Where CoreDNS runs."""

    netns: str
    address: str


@dataclass(frozen=True)
class ServiceNetwork:
    """The cluster's own addresses."""

    cidr: str = "10.96.0.0/16"
    kubernetes: str = "10.96.0.1"
    dns: str = "10.96.5.5"


class ControlPlane:
    """The parts of one cluster. `start` is idempotent and takes up what an earlier process left in `folder`."""

    def __init__(
        self,
        *,
        cluster_id: str,
        folder: Path,
        run: Path,
        endpoint: Endpoint,
        fabric: Fabric,
        programs: Programs,
        version: str,
        services: ServiceNetwork,
        encryption: EncryptionKey | None = None,
    ) -> None:
        """`version` is the release of Kubernetes, with its v; `folder` keeps data, certificates and logs; `run` (a
        short path) holds the sockets of this run."""
        self.cluster_id = cluster_id
        self.folder = folder
        self.endpoint = endpoint
        self.version = version
        self.encryption = encryption
        self.services = services
        self._fabric = fabric
        self._programs = programs
        self._run = run
        self._processes: dict[str, Process] = {}
        self._relay: Relay | None = None
        self._kms: KmsPlugin | None = None
        self._dns: DnsPlace | None = None
        self._proxy_name: str | None = None
        self._workload_port: asyncio.Task[None] | None = None
        self._client: KubeClient | None = None
        self.certificates = ClusterCertificates(cluster_id, folder / "pki")

    # Certificates

    def server_names(self) -> list[str]:
        """All names and addresses that the API server's certificate carries."""
        names = [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
            "localhost",
            self.services.kubernetes,
            "127.0.0.1",
            self.endpoint.private_ip,
        ]
        names += [name for name in (self.endpoint.hostname, self.endpoint.public_ip) if name]
        return names

    async def serve_as(self, public_ip: str, timeout: float = 90.0) -> None:
        """Have the API server's certificate name a new public address, and wait until it is served.

        The API server loads a changed certificate at once when it sees the file change, else within a minute. Raises
        ClusterError.
        """
        self.endpoint = replace(self.endpoint, public_ip=public_ip)
        certificates = await asyncio.to_thread(self.certificates.make, self.server_names())
        wanted = ssl.PEM_cert_to_DER_cert(certificates["apiserver"].certificate_pem.decode())
        context = ssl.create_default_context(cafile=str(self.certificates.ca_file))
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            _, writer = await asyncio.open_unix_connection(
                str(self.relay_socket), ssl=context, server_hostname="localhost"
            )
            served = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
            if served == wanted:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise ClusterError(f"the API server does not serve its new certificate after {timeout:.0f} s")
            await asyncio.sleep(0.5)

    # Life

    @property
    def relay_socket(self) -> Path:
        """Unix socket that leads to the API server."""
        return self._run / "apiserver.sock"

    @property
    def client(self) -> KubeClient:
        """A client of the API server with all rights."""
        if self._client is None:
            leaf = self.certificates.client("region", "oke:region", ("system:masters",))
            self._client = KubeClient(
                "https://localhost:6443",
                self.certificates.ca_file,
                leaf.certificate,
                leaf.key,
                manager="oke",
                socket=self.relay_socket,
            )
        return self._client

    async def start(self, report: Report = log.info) -> None:
        """Bring the control plane up and wait until it is ready. Raises ClusterError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._run.mkdir(parents=True, exist_ok=True, mode=0o700)
        etcd = await wait_for_program(self._programs, "etcd", report)
        programs = await self._of_release(self.version, report)
        self._relay = Relay(self.relay_socket, self._dial)
        await self._relay.start()
        if self.encryption is not None:
            self._kms = KmsPlugin(self._run / "kms.sock", self.encryption)
            await self._kms.start()
        report("starting etcd and the API server")
        data = self.folder / "etcd"
        data.mkdir(mode=0o700, exist_ok=True)
        await self._spawn("etcd", etcd, cluster_flags.etcd(data))
        await self._start_release(programs, report)
        self._workload_port = asyncio.create_task(keep_workload_port(self.client), name=f"port of {self.cluster_id}")

    async def upgrade(self, version: str, report: Report = log.info) -> None:
        """Have what is of a release be of another, on the same etcd; without effect where it is.

        There is one API server: while it is replaced nothing answers at its address. Pods and their addresses go on.
        Where the new one does not get ready the old one is started again; what it raises is raised then.
        """
        if version == self.version:
            return
        new = await self._of_release(version, report)
        old = await self._of_release(self.version, report)
        report(f"replacing the API server of {self.version} by one of {version}")
        try:
            await self._stop_release()
            await self._start_release(new, report)
        except Exception:
            await self._stop_release()
            await self._start_release(old, report)
            raise
        self.version = version

    async def _of_release(self, version: str, report: Report) -> dict[str, Path]:
        programs = self._programs.release(version)
        return {name: await wait_for_program(programs, name, report) for name in OF_RELEASE}

    async def _stop_release(self) -> None:
        # The API server last: the others write until they are gone.
        for name in reversed(OF_RELEASE):
            if process := self._processes.pop(name, None):
                await process.stop()

    async def _start_release(self, programs: Mapping[str, Path], report: Report) -> None:
        """API server, controller manager and scheduler, ready."""
        leaves = await asyncio.to_thread(self.certificates.make, self.server_names())
        cidr = self.services.cidr
        flags = cluster_flags.apiserver(self.certificates, leaves, self.endpoint.private_ip, cidr)
        if self.encryption is not None:
            configuration = self.certificates.folder / "encryption.yaml"
            flags += cluster_flags.encryption(configuration, self._run / "kms.sock")
        await self._spawn("kube-apiserver", programs["kube-apiserver"], flags)
        await self._wait_ready()
        report("the API server is ready; starting controller manager and scheduler")
        local = "https://127.0.0.1:6443"
        manager = self.certificates.kubeconfig("controller-manager", leaves["controller-manager"], local)
        await self._spawn(
            "kube-controller-manager",
            programs["kube-controller-manager"],
            cluster_flags.controller_manager(manager, self.certificates, cidr),
        )
        scheduler = self.certificates.kubeconfig("scheduler", leaves["scheduler"], local)
        await self._spawn("kube-scheduler", programs["kube-scheduler"], cluster_flags.scheduler(scheduler))
        await make_objects(self.client, self.services.dns)
        await self._wait_controllers()

    async def _spawn(self, name: str, program: Path, flags: Sequence[str], netns: str | None = None) -> None:
        if name in self._processes:
            return
        process = Process(
            name=f"{name} {self.cluster_id[-8:]}",
            argv=[str(program), *flags],
            netns=netns or self.endpoint.netns,
            log=self.folder / "logs" / f"{name}.log",
        )
        self._processes[name] = process
        await process.start()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await self._fabric.open_connection("127.0.0.1", 6443, netns=self.endpoint.netns)

    async def _wait_ready(self, timeout: float = 600.0) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not await self.client.ready():
            if loop.time() > deadline:
                raise ClusterError(
                    f"the API server was not ready after {timeout:.0f} s; see {self.folder}/logs/kube-apiserver.log"
                )
            await asyncio.sleep(0.2)

    async def _wait_controllers(self, timeout: float = 600.0) -> None:
        """Wait for the controller manager's first work: a cluster without default service accounts runs no pod."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        namespace = "/api/v1/namespaces/default"
        for path in (f"{namespace}/serviceaccounts/default", f"{namespace}/configmaps/kube-root-ca.crt"):
            while await self.client.get(path) is None:
                if loop.time() > deadline:
                    raise ClusterError(
                        f"the controller manager did nothing in {timeout:.0f} s;"
                        f" see {self.folder}/logs/kube-controller-manager.log"
                    )
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop every part; data stays."""
        if self._workload_port is not None:
            self._workload_port.cancel()
            await asyncio.gather(self._workload_port, return_exceptions=True)
            self._workload_port = None
        if self._client is not None:
            await self._client.close()
            self._client = None
        # etcd last: the others write until they are gone.
        last = ("kube-apiserver", "etcd")
        await asyncio.gather(*(process.stop() for name, process in self._processes.items() if name not in last))
        for name in last:
            if name in self._processes:
                await self._processes[name].stop()
        self._processes.clear()
        if self._relay is not None:
            await self._relay.stop()
            self._relay = None
        if self._kms is not None:
            await self._kms.stop()
            self._kms = None
        shutil.rmtree(self._run, ignore_errors=True)

    async def delete(self) -> None:
        """Stop and remove everything of the cluster."""
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    # Service proxy

    async def start_proxy(self, node_name: str, report: Report = log.info) -> None:
        """Run kube-proxy, if it does not run yet, under the name of one of the nodes (it waits for that Node object).

        One instance rewrites the addresses of Services for all pods. Node ports are at pods' addresses, where the
        fabric leads them to (`Fabric.lead_node_ports`), and not at nodes'.
        """
        if "kube-proxy" in self._processes:
            if self._proxy_name == node_name:
                return
            await self._processes.pop("kube-proxy").stop()
        program = await wait_for_program(self._programs, "kube-proxy", report)
        leaf = self.certificates.client("kube-proxy", "system:kube-proxy")
        kubeconfig = self.certificates.kubeconfig("kube-proxy", leaf, f"https://{self.endpoint.private_ip}:6443")
        self._proxy_name = node_name
        flags = cluster_flags.proxy(kubeconfig, node_name)
        await self._spawn("kube-proxy", program, flags, netns=self._fabric.root)

    @property
    def proxy_name(self) -> str | None:
        """The node under whose name kube-proxy runs."""
        return self._proxy_name

    # Cluster DNS

    async def start_dns(self, place: DnsPlace, report: Report = log.info) -> None:
        """Run CoreDNS at `place` and let the Service kube-dns lead there."""
        program = await wait_for_program(self._programs, "coredns", report)
        leaf = self.certificates.client("coredns", "oke:coredns")
        kubeconfig = self.certificates.kubeconfig("coredns", leaf, f"https://{self.endpoint.private_ip}:6443")
        corefile = self.folder / "Corefile"
        corefile.write_text(cluster_dns.corefile(place.address, kubeconfig))
        if "coredns" in self._processes and self._dns != place:
            await self.stop_dns()
        self._dns = place
        await self._spawn("coredns", program, [f"-conf={corefile}"], netns=place.netns)
        await self.client.apply(cluster_dns.SLICE, cluster_dns.endpoint_slice(place.address))

    async def stop_dns(self) -> None:
        """Stop CoreDNS: its place goes away."""
        self._dns = None
        process = self._processes.pop("coredns", None)
        if process is not None:
            await process.stop()
        if "kube-apiserver" in self._processes:
            await self.client.delete(cluster_dns.SLICE)
