# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane of one OKE cluster: real Kubernetes programs in the network namespace of the endpoint's VNIC.

What runs where:

* etcd, kube-apiserver, kube-controller-manager and kube-scheduler in the endpoint's namespace: the API server answers
  at `<private address>:6443`, etcd at that namespace's loopback only;
* kube-proxy in the region's root namespace, where the bridges of all subnets meet: cluster addresses and NodePorts
  (on the nodes' addresses, which that namespace holds) lead to pods from there. It comes with the first node;
* CoreDNS at an address of the pod subnet, once a pool says which one that is.

In the cloud the control plane is hidden and scaled by OKE; flags that its users can see the effect of follow OKE
(audience `api` of service account tokens, VCN-native pods without a pod CIDR, no anonymous access).
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import yaml

from localregion.backends.fabric import Fabric
from localregion.backends.kms_plugin import KmsPlugin
from localregion.host.kubernetes_client import KubeClient, KubeError, Relay
from localregion.host.pki import Authority, Leaf, key_pem, new_key, public_key_pem, write_private
from localregion.host.process import Process
from localregion.host.programs import RETRY_SECONDS, ProgramError, Programs, told_again

log = logging.getLogger(__name__)

CLUSTER_DOMAIN = "cluster.local"
ISSUER = f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}"
AUDIENCES = ("api", ISSUER)
"""OKE's own audience first: clients of workload identity ask for tokens with it."""
AUTHENTICATION_PORT = 12251
"""Where kube-apiserver asks who a token is: on the loopback of its namespace."""
WORKLOAD_PORT = 12250
WORKLOAD_PORT_NAME = "proxymux"
"""As OCI's SDKs call what answers there."""
MANAGERS_GROUP = "oke:cluster-managers"
"""Group of the users whom a policy lets manage the cluster; cluster-admin."""
NODES_GROUP = "oke:virtual-nodes"
VCN_RESOLVER = "169.254.169.254"

Report = Callable[[str], None]


class ClusterError(Exception):
    """The control plane could not be brought up; the text says which part and why."""


@dataclass(frozen=True)
class EncryptionKey:
    """A Vault key and calls of it in the cluster's name."""

    key_id: str
    encrypt: Callable[[bytes], Awaitable[bytes]]
    decrypt: Callable[[bytes], Awaitable[bytes]]


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
        services: ServiceNetwork,
        encryption: EncryptionKey | None = None,
    ) -> None:
        """`folder` keeps data, certificates and logs; `run` (a short path) holds the sockets of this run."""
        self.cluster_id = cluster_id
        self.folder = folder
        self.endpoint = endpoint
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
        self._pki = folder / "pki"

    # Certificates

    @property
    def authority(self) -> Authority:
        """The cluster's certificate authority."""
        return Authority.load_or_create(self._pki, f"OKE CA {self.cluster_id[-12:]}")

    @property
    def ca_file(self) -> Path:
        """The certificate that clients of the cluster trust."""
        return self.authority.certificate_path

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

        The API server takes up a changed certificate by itself: at once when it sees the file change, else within a
        minute. Raises ClusterError.
        """
        self.endpoint = replace(self.endpoint, public_ip=public_ip)
        certificates = await asyncio.to_thread(self._make_certificates)
        wanted = ssl.PEM_cert_to_DER_cert(certificates["apiserver"].certificate_pem.decode())
        context = ssl.create_default_context(cafile=str(self.ca_file))
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

    def client_certificate(self, file: str, user: str, groups: Sequence[str] = ()) -> Leaf:
        """A client certificate for a Kubernetes user."""
        return self.authority.issue(self._pki, file, common_name=user, organizations=groups, server=False, client=True)

    def server_certificate(self, file: str, user: str, names: Sequence[str]) -> Leaf:
        """A serving certificate of the cluster's authority."""
        return self.authority.issue(self._pki, file, common_name=user, names=names, server=True)

    def _kubeconfig(self, file: str, leaf: Leaf, server: str) -> Path:
        path = self._pki / f"{file}.kubeconfig"
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "c", "cluster": {"server": server, "certificate-authority": str(self.ca_file)}},
            ],
            "users": [
                {"name": "u", "user": {"client-certificate": str(leaf.certificate), "client-key": str(leaf.key)}}
            ],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        write_private(path, yaml.safe_dump(document))
        return path

    # Life

    @property
    def relay_socket(self) -> Path:
        """Unix socket that leads to the API server."""
        return self._run / "apiserver.sock"

    @property
    def client(self) -> KubeClient:
        """A client of the API server with all rights."""
        if self._client is None:
            leaf = self.client_certificate("region", "oke:region", ("system:masters",))
            self._client = KubeClient(self.relay_socket, "localhost", self.ca_file, leaf.certificate, leaf.key)
        return self._client

    async def start(self, report: Report = log.info) -> None:
        """Bring the control plane up and wait until it is ready. Raises ClusterError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._run.mkdir(parents=True, exist_ok=True, mode=0o700)
        paths = {}
        for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            paths[name] = await self._program(name, report)
        certificates = await asyncio.to_thread(self._make_certificates)
        self._relay = Relay(self.relay_socket, self._dial)
        await self._relay.start()
        if self.encryption is not None:
            self._kms = KmsPlugin(
                self._run / "kms.sock", self.encryption.key_id, self.encryption.encrypt, self.encryption.decrypt
            )
            await self._kms.start()
        report("starting etcd and the API server")
        await self._spawn("etcd", paths["etcd"], self._etcd_flags())
        await self._spawn("kube-apiserver", paths["kube-apiserver"], self._apiserver_flags(certificates))
        await self._wait_ready()
        report("the API server is ready; starting controller manager and scheduler")
        local = "https://127.0.0.1:6443"
        await self._spawn(
            "kube-controller-manager",
            paths["kube-controller-manager"],
            self._controller_manager_flags(certificates, local),
        )
        scheduler = self._kubeconfig("scheduler", certificates["scheduler"], local)
        await self._spawn(
            "kube-scheduler",
            paths["kube-scheduler"],
            [
                f"--kubeconfig={scheduler}",
                f"--authentication-kubeconfig={scheduler}",
                f"--authorization-kubeconfig={scheduler}",
                "--leader-elect=false",
                "--bind-address=127.0.0.1",
                "--profiling=false",
            ],
        )
        await self._bootstrap()
        await self._wait_controllers()
        self._workload_port = asyncio.create_task(self._keep_workload_port(), name=f"port of {self.cluster_id}")

    async def _program(self, name: str, report: Report) -> Path:
        """The program's path; says what is being built while it is not there.

        A build that fails is said and tried again: its cause may go (a killed compiler, a full disk, no network), and a
        cluster that FAILED for it would stay so.
        """
        while True:
            try:
                return await self._built(name, report)
            except ProgramError as error:
                report(f"waiting for {name}, {told_again(error)}")
                await asyncio.sleep(RETRY_SECONDS)

    async def _built(self, name: str, report: Report) -> Path:
        waiting = asyncio.ensure_future(self._programs.path(name))
        told, said = "", 0.0
        try:
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=1.0)
                if done:
                    return waiting.result()
                progress = self._programs.progress()
                # One line for each program, and one every half minute.
                key = progress.rsplit(",", 1)[0]
                if progress and (key != told or time.monotonic() - said >= 30):
                    report(f"waiting for {name}: {progress}")
                    told, said = key, time.monotonic()
        finally:
            waiting.cancel()

    def _make_certificates(self) -> dict[str, Leaf]:
        authority = self.authority
        front = Authority.load_or_create(self._pki, "OKE front proxy CA", file="front-proxy-ca")
        service_account = self._pki / "service-account.key"
        if not service_account.exists():
            key = new_key("rsa")
            (self._pki / "service-account.pub").write_bytes(public_key_pem(key))
            # The private half last: it is what says that both are there.
            write_private(service_account, key_pem(key))
        return {
            "apiserver": authority.issue(
                self._pki, "apiserver", common_name="kube-apiserver", names=self.server_names()
            ),
            "kubelet-client": self.client_certificate("kubelet-client", "kube-apiserver-kubelet-client"),
            "front-proxy": front.issue(
                self._pki, "front-proxy", common_name="front-proxy-client", server=False, client=True
            ),
            "controller-manager": self.client_certificate("controller-manager", "system:kube-controller-manager"),
            "scheduler": self.client_certificate("scheduler", "system:kube-scheduler"),
            "region": self.client_certificate("region", "oke:region", ("system:masters",)),
        }

    def _etcd_flags(self) -> list[str]:
        data = self.folder / "etcd"
        data.mkdir(mode=0o700, exist_ok=True)
        return [
            "--name=etcd",
            f"--data-dir={data}",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--initial-advertise-peer-urls=http://127.0.0.1:2380",
            "--initial-cluster=etcd=http://127.0.0.1:2380",
            "--auto-compaction-retention=8h",
            "--log-level=warn",
        ]

    def _apiserver_flags(self, certificates: dict[str, Leaf]) -> list[str]:
        webhook = self._pki / "authentication.kubeconfig"
        write_private(
            webhook,
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [
                        {
                            "name": "c",
                            "cluster": {"server": f"http://127.0.0.1:{AUTHENTICATION_PORT}/authenticate"},
                        }
                    ],
                    "users": [{"name": "u", "user": {}}],
                    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                    "current-context": "x",
                }
            ),
        )
        flags = [
            "--etcd-servers=http://127.0.0.1:2379",
            "--bind-address=0.0.0.0",
            "--secure-port=6443",
            f"--advertise-address={self.endpoint.private_ip}",
            "--anonymous-auth=false",
            f"--client-ca-file={self.ca_file}",
            f"--tls-cert-file={certificates['apiserver'].certificate}",
            f"--tls-private-key-file={certificates['apiserver'].key}",
            f"--service-cluster-ip-range={self.services.cidr}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={self._pki / 'service-account.pub'}",
            f"--service-account-signing-key-file={self._pki / 'service-account.key'}",
            f"--api-audiences={','.join(AUDIENCES)}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--authentication-token-webhook-config-file={webhook}",
            "--authentication-token-webhook-version=v1",
            # A token lives four minutes; who may do what may change sooner.
            "--authentication-token-webhook-cache-ttl=10s",
            f"--kubelet-client-certificate={certificates['kubelet-client'].certificate}",
            f"--kubelet-client-key={certificates['kubelet-client'].key}",
            f"--kubelet-certificate-authority={self.ca_file}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--requestheader-client-ca-file={self._pki / 'front-proxy-ca.pem'}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={certificates['front-proxy'].certificate}",
            f"--proxy-client-key-file={certificates['front-proxy'].key}",
            "--allow-privileged=true",
            "--profiling=false",
        ]
        if self.encryption is not None:
            configuration = self._pki / "encryption.yaml"
            provider = {"apiVersion": "v2", "name": "oci-vault", "endpoint": f"unix://{self._run / 'kms.sock'}"}
            write_private(
                configuration,
                yaml.safe_dump(
                    {
                        "apiVersion": "apiserver.config.k8s.io/v1",
                        "kind": "EncryptionConfiguration",
                        # identity last: nothing is written with it.
                        "resources": [{"resources": ["secrets"], "providers": [{"kms": provider}, {"identity": {}}]}],
                    }
                ),
            )
            flags.append(f"--encryption-provider-config={configuration}")
        return flags

    def _controller_manager_flags(self, certificates: dict[str, Leaf], server: str) -> list[str]:
        kubeconfig = self._kubeconfig("controller-manager", certificates["controller-manager"], server)
        return [
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            # After a kill it would wait for its own old lease.
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self._pki / 'service-account.key'}",
            f"--root-ca-file={self.ca_file}",
            f"--cluster-signing-cert-file={self.ca_file}",
            f"--cluster-signing-key-file={self._pki / 'ca-key.pem'}",
            f"--service-cluster-ip-range={self.services.cidr}",
            "--allocate-node-cidrs=false",
            "--profiling=false",
        ]

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

        One instance serves the NodePorts of all nodes: their addresses are all in the region's namespace.
        """
        if "kube-proxy" in self._processes:
            if self._proxy_name == node_name:
                return
            await self._processes.pop("kube-proxy").stop()
        program = await self._program("kube-proxy", report)
        leaf = self.client_certificate("kube-proxy", "system:kube-proxy")
        kubeconfig = self._kubeconfig("kube-proxy", leaf, f"https://{self.endpoint.private_ip}:6443")
        self._proxy_name = node_name
        await self._spawn(
            "kube-proxy",
            program,
            [
                f"--kubeconfig={kubeconfig}",
                "--proxy-mode=iptables",
                # Pods sit behind bridges of their own: an answer must come back through here.
                "--masquerade-all",
                # Limits of connection tracking belong to the machine, not to a namespace.
                "--conntrack-max-per-core=0",
                "--conntrack-tcp-timeout-established=0s",
                "--conntrack-tcp-timeout-close-wait=0s",
                "--iptables-min-sync-period=200ms",
                f"--hostname-override={node_name}",
                "--healthz-bind-address=0.0.0.0:10256",
                "--metrics-bind-address=127.0.0.1:10249",
            ],
            netns=self._fabric.root,
        )

    @property
    def proxy_name(self) -> str | None:
        """The node under whose name kube-proxy runs."""
        return self._proxy_name

    # Cluster DNS

    async def start_dns(self, place: DnsPlace, report: Report = log.info) -> None:
        """Run CoreDNS at `place` and let the Service kube-dns lead there."""
        program = await self._program("coredns", report)
        leaf = self.client_certificate("coredns", "oke:coredns")
        kubeconfig = self._kubeconfig("coredns", leaf, f"https://{self.endpoint.private_ip}:6443")
        corefile = self.folder / "Corefile"
        corefile.write_text(
            f""".:53 {{
    bind {place.address}
    errors
    health 127.0.0.1:8080
    kubernetes {CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    forward . {VCN_RESOLVER}
    cache 30
    loop
    loadbalance
}}
"""
        )
        if "coredns" in self._processes and self._dns != place:
            await self.stop_dns()
        self._dns = place
        await self._spawn("coredns", program, [f"-conf={corefile}"], netns=place.netns)
        await self.client.apply(
            "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns-oke",
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": "kube-dns-oke",
                    "namespace": "kube-system",
                    "labels": {
                        "kubernetes.io/service-name": "kube-dns",
                        "endpointslice.kubernetes.io/managed-by": "oke",
                    },
                },
                "addressType": "IPv4",
                "endpoints": [{"addresses": [place.address], "conditions": {"ready": True}}],
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP"},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                ],
            },
        )

    async def stop_dns(self) -> None:
        """Stop CoreDNS: its place goes away."""
        self._dns = None
        process = self._processes.pop("coredns", None)
        if process is not None:
            await process.stop()
        if "kube-apiserver" in self._processes:
            await self.client.delete("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns-oke")

    # What every cluster of OKE has

    async def _bootstrap(self) -> None:
        deadline = asyncio.get_running_loop().time() + 120.0
        for path, document in _bootstrap_objects(self.services.dns):
            while True:
                try:
                    await self.client.apply(path, document)
                    break
                except (KubeError, httpx.HTTPError):
                    # The first seconds of an API server: namespaces and default roles are still being made.
                    if asyncio.get_running_loop().time() > deadline:
                        raise
                    await asyncio.sleep(0.2)

    async def _keep_workload_port(self) -> None:
        """The Service `kubernetes` leads to port 12250 too: SDKs look for workload identity at KUBERNETES_SERVICE_HOST.

        kube-apiserver writes that Service and its endpoints itself. It leaves further ports alone, but makes the
        endpoints anew when it has been away.
        """
        port = {"name": WORKLOAD_PORT_NAME, "port": WORKLOAD_PORT, "protocol": "TCP"}
        service = "/api/v1/namespaces/default/services/kubernetes"
        endpoints = "/api/v1/namespaces/default/endpoints/kubernetes"
        slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
        pause = 0.2
        while True:
            try:
                found = await self.client.get(service)
                if found is not None and _lacks(found["spec"]["ports"]):
                    ports = [*found["spec"]["ports"], port | {"targetPort": WORKLOAD_PORT}]
                    await self.client.merge(service, {"spec": {"ports": ports}})
                found = await self.client.get(endpoints)
                if found is not None and found.get("subsets") and _lacks(found["subsets"][0]["ports"]):
                    subset = found["subsets"][0]
                    subset["ports"].append(port)
                    version = found["metadata"]["resourceVersion"]
                    await self.client.merge(endpoints, {"metadata": {"resourceVersion": version}, "subsets": [subset]})
                found = await self.client.get(slices)
                if found is not None and _lacks(found["ports"]):
                    await self.client.merge(slices, {"ports": [*found["ports"], port]})
            except (KubeError, httpx.HTTPError, OSError) as error:
                log.debug("port %d of the Service kubernetes: %s", WORKLOAD_PORT, error)
            await asyncio.sleep(pause)
            # The API server writes its endpoints in its first seconds, and looks at them every ten.
            pause = min(5.0, pause * 1.3)


def _lacks(ports: list[dict[str, Any]]) -> bool:
    return all(port["port"] != WORKLOAD_PORT for port in ports)


def _role(name: str, rules: list[dict[str, Any]], subject: dict[str, str]) -> list[tuple[str, dict[str, Any]]]:
    base = "/apis/rbac.authorization.k8s.io/v1"
    group = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    return [(f"{base}/clusterroles/{name}", role), _binding(name, name, subject)]


def _binding(name: str, role: str, subject: dict[str, str]) -> tuple[str, dict[str, Any]]:
    group = "rbac.authorization.k8s.io"
    return (
        f"/apis/{group}/v1/clusterrolebindings/{name}",
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": group, **subject}],
        },
    )


def _bootstrap_objects(dns_address: str) -> list[tuple[str, dict[str, Any]]]:
    read = ["get", "list", "watch"]
    every = [*read, "create", "update", "patch", "delete"]
    nodes = [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": every},
        {"apiGroups": [""], "resources": ["nodes/status", "pods/status"], "verbs": ["get", "update", "patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": [*read, "delete", "patch"]},
        {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets", "configmaps", "services", "serviceaccounts"], "verbs": read},
        {"apiGroups": [""], "resources": ["persistentvolumeclaims", "persistentvolumes", "namespaces"], "verbs": read},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": every},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ]
    dns = [
        {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"},
        },
        "spec": {
            "clusterIP": dns_address,
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
            ],
        },
    }
    return [
        _binding("oke-cluster-managers", "cluster-admin", {"kind": "Group", "name": MANAGERS_GROUP}),
        _binding(
            "oke-kubelet-api", "system:kubelet-api-admin", {"kind": "User", "name": "kube-apiserver-kubelet-client"}
        ),
        *_role("oke:virtual-nodes", nodes, {"kind": "Group", "name": NODES_GROUP}),
        *_role("oke:coredns", dns, {"kind": "User", "name": "oke:coredns"}),
        ("/api/v1/namespaces/kube-system/services/kube-dns", service),
    ]
