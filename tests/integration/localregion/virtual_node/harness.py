# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster and a little region for the virtual kubelet: real etcd, API server, controllers, scheduler and podman.

Everything runs in network namespaces whose names start with `vnt`: one with a bridge for nodes and pods, one for each
pod. The daemon's internal API is played by a small server here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import httpx

from localregion.backends import cluster_flags, cluster_objects
from localregion.backends.registry import OperatorAccess, Registry
from localregion.host.containers import ContainerState, Credentials
from localregion.host.pki import Authority
from localregion.host.podman import REGISTRY_PREFIX
from localregion.host.podman_service import PodmanService
from localregion.virtual_node.config import Config, VirtualNode
from tests.integration.localregion.podman_tools import push

Json = dict[str, Any]
ROOT = Path(__file__).parents[4]
NAME = "vnt"
APISERVER = "10.9.0.5"
NODES = ("10.9.1.11", "10.9.1.12", "10.9.1.13")
POD_GATEWAY = "10.9.32.1"
IMAGE = "localhost/vnt:1"
REGISTRY = ("127.83.0.9", 14050)
USER, PASSWORD = "ns/operator", "a-password-of-the-tests"
PRIVATE = f"{REGISTRY_PREFIX}/ns/private/app:1"
PUBLIC = f"{REGISTRY_PREFIX}/ns/mirror/app:1"
PROGRAMS = (
    "sh",
    "cat",
    "env",
    "id",
    "sleep",
    "ls",
    "touch",
    "rm",
    "stat",
    "dd",
    "echo",
    "true",
    "false",
    "hostname",
    "perl",
    "mknod",
    "unshare",
    "mount",
)
# Answers 200 while /tmp/ok is there, else 503.
HTTP_SERVER = """
use IO::Socket::INET;
$SIG{TERM} = sub { exit 0 };
my $s = IO::Socket::INET->new(LocalPort => $ARGV[0] || 8080, Listen => 5, ReuseAddr => 1) or die "no socket: $!";
while (1) {
  my $c = $s->accept or next;
  while (my $line = <$c>) { last if $line =~ /^\\r?\\n$/; }
  my $code = -e "/tmp/ok" ? "200 OK" : "503 Service Unavailable";
  print $c "HTTP/1.1 $code\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok";
  close $c;
}
"""


def sh(*command: str, check: bool = True) -> str:
    """Run a command to its end."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{command}: {done.stderr}")
    return done.stdout


def ip(*words: str, netns: str = NAME) -> None:
    """`ip` in a namespace."""
    sh("ip", "-n", netns, *words)


class Region:
    """The internal API of the daemon: VNICs as namespaces on a bridge."""

    def __init__(self, folder: Path) -> None:
        self.vnics: dict[str, Json] = {}
        self.log: list[str] = []
        self.broken = False
        self.making: dict[str, str] = {}
        self.forbidden: list[str] = []
        self.full = False
        self._lock = threading.Lock()
        self._next = 10
        region = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self, status: int, body: Any) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if region.full:
                    message = "cannot provision pod due to insufficient capacity"
                    self._answer(500, {"code": "OutOfHostCapacity", "message": message})
                elif region.broken:
                    self._answer(500, {"code": "InternalError", "message": "the subnet has no free address"})
                else:
                    self._answer(200, region.attach(body))

            def do_GET(self) -> None:
                url = urllib.parse.urlsplit(self.path)
                if url.path == "/internal/images":
                    name = urllib.parse.parse_qs(url.query)["name"][0]
                    self._answer(200, {"making": region.making.get(name, "")})
                    return
                if url.path == "/internal/policy":
                    self._answer(200, {"missing": region.forbidden})
                    return
                items = [{"id": v["id"], "displayName": v["key"].rpartition("/")[2]} for v in region.vnics.values()]
                self._answer(200, {"items": items})

            def do_DELETE(self) -> None:
                region.detach(self.path.rpartition("/")[2])
                self._answer(200, {})

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *words: Any) -> None:
                pass

        self.socket = folder / "internal.sock"
        self.server = ThreadingUnixStreamServer(str(self.socket), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def attach(self, body: Json) -> Json:
        with self._lock:
            key = f"{body['ownerId']}/{body['displayName']}"
            for vnic in self.vnics.values():
                if vnic["key"] == key:
                    return vnic
            number = self._next
            self._next += 1
            name = f"{NAME}-{number}"
            address = f"10.9.32.{number}"
            self.vnics[name] = {
                "id": name,
                "key": key,
                "privateIp": address,
                "netns": name,
                "nsg": body["nsgIds"],
                "privateIpId": f"ocid1.privateip.{number}",
            }
        self._join(name, number, address)
        return self.vnics[name]

    def again(self) -> None:
        """Make all VNICs again, as a region does that was stopped."""
        for name, vnic in self.vnics.items():
            number = int(name.rpartition("-")[2])
            # By name: a namespace lets its links go only some time after its last process is gone.
            ip("link", "del", f"v{number}")
            sh("ip", "netns", "del", name)
            self._join(name, number, vnic["privateIp"])

    def _join(self, name: str, number: int, address: str) -> None:
        sh("ip", "netns", "add", name)
        ip("link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", f"v{number}", "master", "pods", "up")
        ip("link", "set", "lo", "up", netns=name)
        ip("addr", "add", f"{address}/24", "dev", "eth0", netns=name)
        ip("link", "set", "eth0", "up", netns=name)
        ip("route", "add", "default", "via", POD_GATEWAY, netns=name)

    def detach(self, name: str) -> None:
        with self._lock:
            self.vnics.pop(name, None)
        sh("ip", "netns", "del", name, check=False)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        for name in list(self.vnics):
            self.detach(name)


class Lab:
    """The cluster; `api` is an administrator's client."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.programs = programs
        self.processes: list[subprocess.Popen[bytes]] = []
        self.kubelet: subprocess.Popen[bytes] | None = None
        self.authority = Authority.load_or_create(folder / "pki", "vnt")
        (folder / "registry").mkdir()
        (folder / "registry" / "token").write_text(PASSWORD)
        self.registry = Registry(
            folder / "registry",
            address=REGISTRY[0],
            port=REGISTRY[1],
            authority=Authority.load_or_create(folder / "registry" / "pki", "registry"),
            access=OperatorAccess(USER, folder / "registry" / "token", lambda name: name.startswith("ns/mirror/")),
        )
        prefix = f"{REGISTRY_PREFIX}"
        self.podman = PodmanService(NAME, folder / "containers", {prefix: self.registry.host})
        self.config_file = folder / "pool.json"
        self._loop = asyncio.new_event_loop()

    # --- up and down

    def up(self) -> None:
        self.clean()
        sh("ip", "netns", "add", NAME)
        ip("link", "set", "lo", "up")
        for bridge, addresses in (("nodes", (APISERVER, *NODES)), ("pods", (POD_GATEWAY,))):
            ip("link", "add", bridge, "type", "bridge")
            for address in addresses:
                ip("addr", "add", f"{address}/{24 if bridge == 'pods' else 16}", "dev", bridge)
            ip("link", "set", bridge, "up")
        sh("nsenter", f"--net=/var/run/netns/{NAME}", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.region = Region(self.folder)
        self._control_plane()
        # podman's service runs in an event loop of its own.
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.wait_for(asyncio.run_coroutine_threadsafe(self.podman.start(), self._loop))
        self._image()

    def wait_for(self, future: Any) -> Any:
        return future.result(120)

    def run(self, work: Any) -> Any:
        """Run a coroutine in podman's loop."""
        return self.wait_for(asyncio.run_coroutine_threadsafe(work, self._loop))

    def down(self) -> None:
        self.stop_kubelet()
        if self._loop.is_running():
            self.run(self.registry.stop())
            self.run(self.podman.stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
        # Nothing of it is to be kept: no orderly end.
        for process in self.processes:
            process.kill()
            process.wait(10)
        self.region.close()
        self.clean()

    def clean(self) -> None:
        """Remove namespaces left behind."""
        for line in sh("ip", "netns", "list").splitlines():
            name = line.split()[0]
            if name == NAME or name.startswith(f"{NAME}-"):
                sh("ip", "netns", "del", name)

    def _spawn(self, name: str, *flags: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        command = ["nsenter", f"--net=/var/run/netns/{NAME}", "--", str(self.programs / name), *flags]
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder))

    def _leaf(self, name: str, user: str, groups: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> tuple[str, str]:
        leaf = self.authority.issue(
            self.folder / "pki", name, common_name=user, organizations=groups, names=names, client=not names
        )
        return str(leaf.certificate), str(leaf.key)

    def _control_plane(self) -> None:
        sh("openssl", "genrsa", "-out", str(self.folder / "sa.key"), "2048")
        serving = self._leaf("apiserver", "kube-apiserver", names=(APISERVER, "127.0.0.1", "10.96.0.1", "kubernetes"))
        client = self._leaf("kubelet-client", "kube-apiserver-kubelet-client")
        admin = self._leaf("admin", "admin", ("system:masters",))
        self.ca = str(self.authority.certificate_path)
        self._spawn(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            "--log-level=error",
            "--unsafe-no-fsync",
        )
        self._spawn(
            "kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--bind-address={APISERVER}",
            f"--advertise-address={APISERVER}",
            f"--client-ca-file={self.ca}",
            f"--tls-cert-file={serving[0]}",
            f"--tls-private-key-file={serving[1]}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder / 'sa.key'}",
            f"--service-account-signing-key-file={self.folder / 'sa.key'}",
            "--authorization-mode=Node,RBAC",
            f"--kubelet-client-certificate={client[0]}",
            f"--kubelet-client-key={client[1]}",
            f"--kubelet-certificate-authority={self.ca}",
            "--kubelet-preferred-address-types=InternalIP",
        )
        self._api_context = ssl.create_default_context(cafile=self.ca)
        self._api_context.load_cert_chain(*admin)
        kubeconfig = self.folder / "admin.kubeconfig"
        kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [
                        {
                            "name": "c",
                            "cluster": {"server": f"https://{APISERVER}:6443", "certificate-authority": self.ca},
                        }
                    ],
                    "users": [{"name": "u", "user": {"client-certificate": admin[0], "client-key": admin[1]}}],
                    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                    "current-context": "x",
                }
            )
        )
        self.api = _Client(self._api_context)
        self.until(lambda: self.api.ready(), 60, "API server")
        for path, body in cluster_objects.cluster_objects("10.96.5.5"):
            with contextlib.suppress(httpx.HTTPStatusError):
                self.api.post(path.rpartition("/")[0], body)
        self._spawn(
            "kube-controller-manager",
            f"--kubeconfig={kubeconfig}",
            f"--service-account-private-key-file={self.folder / 'sa.key'}",
            f"--root-ca-file={self.ca}",
            "--leader-elect=false",
            "--use-service-account-credentials=false",
            *cluster_flags.MANY_PODS,
        )
        self._spawn("kube-scheduler", f"--kubeconfig={kubeconfig}", "--leader-elect=false", *cluster_flags.MANY_PODS)
        self.until(
            lambda: self.api.try_get("/api/v1/namespaces/default/serviceaccounts/default"), 60, "service account"
        )

    def _image(self) -> None:
        root = self.folder / "image"
        for name in ("bin", "etc", "tmp", "srv"):
            (root / name).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        (root / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/tmp:/bin/sh\n")
        # perl of perl-base serves HTTP: every Debian has it.
        for name in PROGRAMS:
            program = Path(shutil.which(name) or name).resolve()
            shutil.copy(program, root / "bin" / name)
            for library in re.findall(r"(/\S+) \(", sh("ldd", str(program), check=False)):
                target = root / library.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(library, target)
        perl = next(Path("/usr/lib").glob("*/perl-base"))
        shutil.copytree(perl, root / str(perl).lstrip("/"))
        (root / "srv" / "http.pl").write_text(HTTP_SERVER)
        sh("tar", "-C", str(root), "-cf", str(self.folder / "image.tar"), ".")
        podman = self.podman.client
        self.run(podman.import_tar(self.folder / "image.tar", IMAGE))
        self.run(self.registry.start())
        for name in (PRIVATE, PUBLIC):
            self.run(push(self.podman, IMAGE, name, Credentials(USER, PASSWORD)))

    # --- the kubelet

    def config(self, **changes: Any) -> Config:
        client = self._leaf("nodes", "oke:virtual-nodes:pool", ("oke:virtual-nodes",))
        serving = self._leaf("kubelet", "system:node:pool", names=NODES)
        domains = ("FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3")
        values: Json = {
            "cluster_id": "ocid1.cluster.oc1.lcl.test",
            "pool_id": "ocid1.virtualnodepool.oc1.lcl.test",
            "compartment_id": "ocid1.compartment.oc99..aaaaaaaa7pza377joqhckec5cqkvubvs5cesbfdcku6abded3m74a3yutlwp",
            "region": "local-1",
            "kubernetes_version": "v1.36.1",
            "apiserver": f"https://{APISERVER}:6443",
            "ca_file": self.ca,
            "client_certificate": client[0],
            "client_key": client[1],
            "serving_certificate": serving[0],
            "serving_key": serving[1],
            "cluster_dns": "10.96.5.5",
            "cluster_domain": "cluster.local",
            "service_cidr": "10.96.0.0/16",
            "region_netns": NAME,
            "internal_socket": str(self.region.socket),
            "state_dir": str(self.folder / "pool"),
            "containers_dir": str(self.folder / "containers"),
            "pod_subnet_id": "ocid1.subnet.oc1.lcl.pods",
            "pod_subnet_cidr": "10.9.32.0/19",
            "pod_nsg_ids": ("ocid1.networksecuritygroup.oc1.lcl.pods",),
            "labels": {"tier": "app"},
            "termination_grace_seconds": 2.0,
            "nodes": tuple(
                VirtualNode(
                    id=f"ocid1.virtualnode.oc1.lcl.{index}",
                    name=address,
                    display_name=f"oke-{index}",
                    address=address,
                    availability_domain="Lcl1:LOCAL-1-AD-1",
                    fault_domain=domains[index],
                    subnet_id="ocid1.subnet.oc1.lcl.nodes",
                )
                for index, address in enumerate(NODES)
            ),
        }
        return Config(**(values | changes))

    def start_kubelet(self, config: Config | None = None) -> None:
        self.kubelet = self._kubelet(config or self.config(), self.config_file)

    def another_kubelet(self, config: Config) -> subprocess.Popen[bytes]:
        """A process for one more pool; the caller ends it."""
        return self._kubelet(config, self.folder / f"{config.pool_id}.json")

    def member(self, name: str) -> subprocess.Popen[bytes]:
        """One of several processes for the pool; the caller ends it."""
        return self._kubelet(self.config(), self.config_file, "--member", name)

    def _kubelet(self, config: Config, file: Path, *flags: str) -> subprocess.Popen[bytes]:
        config.save(file)
        log = (self.folder / "kubelet.log").open("ab")
        command = [sys.executable, "-m", "localregion.virtual_node", "--config", str(file), *flags]
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)

    def change(self, config: Config) -> None:
        """A new configuration for the running kubelet."""
        config.save(self.config_file)
        assert self.kubelet is not None
        self.kubelet.send_signal(signal.SIGHUP)

    def stop_kubelet(self, number: int = signal.SIGTERM) -> int | None:
        if self.kubelet is None:
            return None
        self.kubelet.send_signal(number)
        code = self.kubelet.wait(20)
        self.kubelet = None
        return code

    # --- what tests ask

    def until(self, question: Callable[[], Any], seconds: float, what: str) -> Any:
        """Ask until the answer is true; it."""
        deadline = time.monotonic() + seconds
        answer: Any = None
        while time.monotonic() < deadline:
            answer = question()
            if answer:
                return answer
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds} s: {what}; last answer: {answer}")

    def schedulable(self) -> int:
        """How many nodes are Ready and take pods."""
        count = 0
        for node in self.api.get("/api/v1/nodes")["items"]:
            conditions = node.get("status", {}).get("conditions") or ()
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
            count += ready and not node["spec"].get("taints") and not node["spec"].get("unschedulable")
        return count

    def pod(self, name: str) -> Json | None:
        return self.api.try_get(f"/api/v1/namespaces/default/pods/{name}")

    def make_pod(self, name: str, container: Json | None = None, **spec: Any) -> Json:
        """Create a pod of one container."""
        one = {"name": "main", "image": IMAGE, "command": ["sleep", "1000"]} | (container or {})
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, **spec.pop("metadata", {})},
            "spec": {"containers": [one], **spec},
        }
        return self.api.post("/api/v1/namespaces/default/pods", body)

    def phase(self, name: str, phase: str, seconds: float = 30) -> Json:
        """Wait for a pod's phase; the pod."""

        def question() -> Json | None:
            pod = self.pod(name)
            return pod if pod and pod.get("status", {}).get("phase") == phase else None

        try:
            found: Json = self.until(question, seconds, f"{name} {phase}")
        except AssertionError as error:
            raise AssertionError(
                f"{error}; it is {(self.pod(name) or {}).get('status')}; events {self.events(name)}"
            ) from None
        return found

    def ready(self, name: str, seconds: float = 30) -> Json:
        """Wait until a pod is Ready; the pod."""

        def question() -> Json | None:
            pod = self.pod(name)
            conditions = (pod or {}).get("status", {}).get("conditions") or ()
            return pod if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions) else None

        try:
            found: Json = self.until(question, seconds, f"{name} Ready")
        except AssertionError as error:
            raise AssertionError(
                f"{error}; it is {(self.pod(name) or {}).get('status')}; events {self.events(name)}"
            ) from None
        return found

    def logs(self, name: str, **query: str) -> str:
        """The log as `kubectl logs` gets it."""
        return self.api.text(f"/api/v1/namespaces/default/pods/{name}/log", query)

    def delete(self, name: str, **options: Any) -> None:
        self.api.delete(f"/api/v1/namespaces/default/pods/{name}", options or None)

    def gone(self, name: str, seconds: float = 30) -> None:
        self.until(lambda: self.pod(name) is None, seconds, f"{name} gone")

    def events(self, name: str) -> list[tuple[str, str, str]]:
        """(type, reason, message) of a pod's events."""
        items = self.api.get("/api/v1/namespaces/default/events")["items"]
        return [(e["type"], e["reason"], e["message"]) for e in items if e["involvedObject"]["name"] == name]

    def containers(self) -> list[ContainerState]:
        """podman's own list."""
        found: list[ContainerState] = self.run(self.podman.client.list())
        return found


class _Client:
    """The API server, asked from inside its namespace (each connection through a socket of a thread in there)."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._thread = _Inside(NAME)

    def _call(
        self, method: str, path: str, body: Any = None, query: Any = None, kind: str = "application/json"
    ) -> httpx.Response:
        def work(client: httpx.Client) -> httpx.Response:
            content = None if body is None else json.dumps(body)
            return client.request(method, path, params=query, content=content, headers={"Content-Type": kind})

        response = self._thread.call(work, self._context)
        if response.status_code >= 400:
            raise httpx.HTTPStatusError(
                f"{response.status_code} {response.text}", request=response.request, response=response
            )
        return response

    def ready(self) -> bool:
        try:
            return self._call("GET", "/readyz").text == "ok"
        except httpx.HTTPError:
            return False

    def get(self, path: str) -> Json:
        return self._call("GET", path).json()

    def try_get(self, path: str) -> Json | None:
        try:
            return self.get(path)
        except httpx.HTTPStatusError as error:
            if error.response.status_code == 404:
                return None
            raise

    def try_text(self, path: str) -> str | None:
        """The text; None where there is no answer."""
        try:
            return self.text(path)
        except httpx.HTTPError:
            return None

    def text(self, path: str, query: Any = None) -> str:
        return self._call("GET", path, query=query).text

    def post(self, path: str, body: Json) -> Json:
        return self._call("POST", path, body).json()

    def merge(self, path: str, body: Json) -> Json:
        return self._call("PATCH", path, body, kind="application/merge-patch+json").json()

    def strategic(self, path: str, body: Json) -> Json:
        return self._call("PATCH", path, body, kind="application/strategic-merge-patch+json").json()

    def delete(self, path: str, body: Json | None = None) -> None:
        self._call("DELETE", path, body)

    def upgrade(self, path: str) -> httpx.Response:
        """What `kubectl exec` begins with."""
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "SPDY/3.1",
            "X-Stream-Protocol-Version": "v4.channel.k8s.io",
        }
        response = self._thread.call(lambda client: client.post(path, headers=headers), self._context)
        if response.status_code >= 400:
            raise httpx.HTTPStatusError(response.text, request=response.request, response=response)
        return response

    def raw(self, work: Callable[[httpx.Client], httpx.Response], context: ssl.SSLContext) -> httpx.Response:
        """A request of any kind from inside the namespace."""
        return self._thread.call(work, context)


class _Inside:
    """A thread that lives in a network namespace and does one thing after the other there."""

    def __init__(self, name: str) -> None:
        import queue

        self._name = name
        self._queue: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._main, daemon=True).start()

    def _main(self) -> None:
        from localregion.host import namespaces

        namespaces.enter(self._name)
        clients: dict[int, httpx.Client] = {}
        while True:
            work, context, box, done = self._queue.get()
            try:
                client = clients.get(id(context))
                if client is None:
                    client = clients[id(context)] = httpx.Client(
                        base_url=f"https://{APISERVER}:6443", verify=context, timeout=30
                    )
                box.append(work(client))
            except BaseException as error:  # handed to who asked
                box.append(error)
            done.set()

    def call(self, work: Callable[[httpx.Client], httpx.Response], context: ssl.SSLContext) -> httpx.Response:
        box: list[Any] = []
        done = threading.Event()
        self._queue.put((work, context, box, done))
        done.wait(60)
        if isinstance(box[0], BaseException):
            raise box[0]
        found: httpx.Response = box[0]
        return found


def lab(folder: Path, programs: Path) -> Iterator[Lab]:
    """A lab that is up, and down at the end."""
    one = Lab(folder, programs)
    try:
        one.up()
        yield one
    finally:
        one.down()
