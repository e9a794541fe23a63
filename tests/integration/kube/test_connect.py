# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to a cluster's API, a real one: endpoint kinds, a tunnel, a proxy, authorities and the certificate's name."""

from __future__ import annotations

import datetime
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.kube import certificates, connect
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import Client
from ansible_collections.okestack.oci.plugins.module_utils.run import Context

from tests.integration.kube.control_plane import TOKEN
from tests.integration.kube.test_tasks import run, succeeded

CLUSTER = "ocid1.cluster.oc1..x"
NEAR = "127.84.0.2"
"""Where relay and proxy listen; the API server's certificate does not name it."""
HOST = "api.vcn.oraclevcn.example"
"""A name that only the proxy knows."""
Handler = Callable[[socket.socket], None]


def _pipe(one: socket.socket, other: socket.socket) -> None:
    def copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            end.close()

    threading.Thread(target=copy, args=(one, other), daemon=True).start()
    copy(other, one)


class Listener:
    """Accepts on an address of loopback; each connection in a thread of its own."""

    def __init__(self, handle: Handler) -> None:
        self.socket = socket.create_server((NEAR, 0))
        self.port = int(self.socket.getsockname()[1])
        self.connections = 0
        self._handle = handle
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _peer = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()


@pytest.fixture
def server(kubeconfig: Path) -> tuple[str, int]:
    """Address and port of the API server."""
    url = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    host, _colon, port = url.removeprefix("https://").rpartition(":")
    return host, int(port)


@pytest.fixture
def tunnel(server: tuple[str, int]) -> Iterator[Listener]:
    """The near end of a bastion's tunnel to the API server."""
    listener = Listener(lambda connection: _pipe(connection, socket.create_connection(server)))
    yield listener
    listener.socket.close()


class Proxy(Listener):
    """An HTTP proxy that knows one name of the VCN and takes nothing but CONNECT."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.asked: list[str] = []
        super().__init__(self._serve)

    def _serve(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        method, target, _version = head.split(b"\r\n")[0].decode().split()
        self.asked.append(f"{method} {target}")
        host, _colon, port = target.rpartition(":")
        assert method == "CONNECT"
        upstream = socket.create_connection((self.server[0] if host == HOST else host, int(port)))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        _pipe(connection, upstream)


@pytest.fixture
def proxy(server: tuple[str, int]) -> Iterator[Proxy]:
    made = Proxy(server)
    yield made
    made.socket.close()


class Cloud:
    """The service as far as it tells how a cluster is reached: another address for each kind of endpoint."""

    region = "r-1"
    connection = SimpleNamespace(config_file="~/.oci/config", profile="DEFAULT", auth_type="api_key")

    def __init__(self, kubeconfig: Path, tunnel: Listener, server: tuple[str, int]) -> None:
        self.document = yaml.safe_load(kubeconfig.read_text())
        self.servers = {
            "PUBLIC_ENDPOINT": f"https://{server[0]}:{server[1]}",
            "PRIVATE_ENDPOINT": f"https://{NEAR}:{tunnel.port}",
            "VCN_HOSTNAME": f"https://{HOST}:{server[1]}",
        }
        self.asked: list[str] = []
        self.signed = 0

    @property
    def signer(self) -> Any:
        self.signed += 1
        return object()

    def look(self) -> Cloud:
        return self

    def client(self, name: str) -> str:
        return name

    def call(self, client: str, operation: str, *args: Any, **kwargs: Any) -> Any:
        assert (operation, args) == ("create_kubeconfig", (CLUSTER,))
        kind = kwargs["create_cluster_kubeconfig_content_details"]["endpoint"]
        self.asked.append(kind)
        self.document["clusters"][0]["cluster"]["server"] = self.servers[kind]
        return SimpleNamespace(data=SimpleNamespace(text=yaml.safe_dump(self.document)))


@pytest.fixture
def cloud(kubeconfig: Path, tunnel: Listener, server: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setattr(connect, "make_token", lambda signer, region, cluster_id: TOKEN)
    return Cloud(kubeconfig, tunnel, server)


def ask(cloud: Cloud, module: str = "kubernetes_info", **params: Any) -> dict[str, Any]:
    context = Context()
    context._session = cloud  # type: ignore[assignment]
    if not {"access", "kubeconfig"} & params.keys():
        params = {"cluster_id": CLUSTER, **params}
    if module == "kubernetes_info":
        params = {"kind": "Namespace", "name": "default", **params}
    return run(module, within=context, **params)


def test_public_endpoint_unless_another_is_named(cloud: Cloud, tunnel: Listener) -> None:
    assert succeeded(ask(cloud))["resources"]
    assert cloud.asked == ["PUBLIC_ENDPOINT"] and tunnel.connections == 0


def test_private_endpoint_whose_certificate_has_another_name(cloud: Cloud, tunnel: Listener) -> None:
    refused = ask(cloud, endpoint_kind="PRIVATE_ENDPOINT")
    assert refused["failed"] and "not trusted" in refused["msg"]
    for name in ("kubernetes.default.svc", "127.84.0.1"):
        assert succeeded(ask(cloud, endpoint_kind="PRIVATE_ENDPOINT", tls_server_name=name))["resources"]
    wrong = ask(cloud, endpoint_kind="PRIVATE_ENDPOINT", tls_server_name="elsewhere.example")
    assert wrong["failed"] and "not trusted" in wrong["msg"]
    assert set(cloud.asked) == {"PRIVATE_ENDPOINT"} and tunnel.connections == 4


def test_host_name_of_the_vcn_through_a_proxy(cloud: Cloud, proxy: Proxy, server: tuple[str, int]) -> None:
    way = {
        "endpoint_kind": "VCN_HOSTNAME",
        "cluster_proxy_url": f"http://{NEAR}:{proxy.port}",
        "tls_server_name": "kubernetes",
    }
    assert succeeded(ask(cloud, **way))["resources"]
    assert cloud.asked == ["VCN_HOSTNAME"] and proxy.asked == [f"CONNECT {HOST}:{server[1]}"]


CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}}
EVERY_TASK: dict[str, dict[str, Any]] = {
    "kubernetes_info": {},
    "kubernetes_manifest": {"definition": CONFIG_MAP},
    "kubernetes_wait": {"kind": "Namespace", "name": "default"},
    "kubernetes_secret": {"name": "way", "namespace": "default", "self_signed": {"dns_names": ["a.example"]}},
}


@pytest.mark.parametrize("module", EVERY_TASK)
def test_every_task_takes_a_proxy(cloud: Cloud, proxy: Proxy, module: str) -> None:
    succeeded(ask(cloud, module, cluster_proxy_url=f"http://{NEAR}:{proxy.port}", **EVERY_TASK[module]))
    assert proxy.asked


@pytest.mark.parametrize("module", EVERY_TASK)
def test_every_task_takes_a_tunnel_by_kubeconfig_too(
    cloud: Cloud, tunnel: Listener, kubeconfig: Path, module: str
) -> None:
    way = {
        "kubeconfig": str(kubeconfig),
        "cluster_endpoint": f"https://{NEAR}:{tunnel.port}/",
        "tls_server_name": "kubernetes.default",
    }
    succeeded(ask(cloud, module, **way, **EVERY_TASK[module]))
    assert tunnel.connections and cloud.asked == []


def test_a_proxy_that_is_not_there_is_told(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "Client", lambda connection, **_: Client(connection, retry_timeout=0))
    refused = ask(cloud, cluster_proxy_url=f"http://{NEAR}:1")
    assert refused["failed"] and "no answer" in refused["msg"] and "proxy" in refused["msg"]


def test_authorities_by_file_and_by_text(cloud: Cloud, client: Client, tmp_path: Path) -> None:
    right = client.connection.ca or ""
    (tmp_path / "ca.pem").write_text(right)
    assert succeeded(ask(cloud, cluster_ca_file=str(tmp_path / "ca.pem")))["resources"]
    assert succeeded(ask(cloud, cluster_ca_certificate=right))["resources"]
    wanted = certificates.Wanted(("a.example",), (), 10, 1)
    foreign, _key = certificates.make(wanted, datetime.datetime.now(datetime.UTC))
    refused = ask(cloud, cluster_ca_certificate=foreign)
    assert refused["failed"] and "not trusted" in refused["msg"]
    missing = ask(cloud, cluster_ca_file=str(tmp_path / "none"))
    assert missing["failed"] and "cluster_ca_file" in missing["msg"]


def test_access_spares_the_tasks_that_follow_the_question(cloud: Cloud, tunnel: Listener, proxy: Proxy) -> None:
    """All of the way is in it: address, authority, proxy and the certificate's name."""
    way = {
        "endpoint_kind": "PRIVATE_ENDPOINT",
        "cluster_proxy_url": f"http://{NEAR}:{proxy.port}",
        "tls_server_name": "kubernetes",
    }
    access = succeeded(ask(cloud, "kubeconfig", **way))["access"]
    assert access["cluster_endpoint"] == f"https://{NEAR}:{tunnel.port}" and cloud.asked == ["PRIVATE_ENDPOINT"]
    assert TOKEN not in str(access)
    for module, options in EVERY_TASK.items():
        seen = len(proxy.asked)
        succeeded(ask(cloud, module, access=access, **options))
        assert len(proxy.asked) > seen, module
    assert cloud.asked == ["PRIVATE_ENDPOINT"]
    assert succeeded(ask(cloud, access={"cluster_id": CLUSTER}))["resources"]
    assert cloud.asked == ["PRIVATE_ENDPOINT", "PUBLIC_ENDPOINT"], "what it lacks is asked of the service"


def test_a_token_serves_the_requests_of_a_task(cloud: Cloud) -> None:
    objects = [{**CONFIG_MAP, "metadata": {"name": f"c-{n}", "namespace": "default"}} for n in range(5)]
    succeeded(ask(cloud, "kubernetes_manifest", definition=objects))
    assert cloud.signed == 1


def test_the_kubeconfig_has_the_same_way(cloud: Cloud, tunnel: Listener, proxy: Proxy, tmp_path: Path) -> None:
    path = tmp_path / "config"
    way = {
        "endpoint_kind": "PRIVATE_ENDPOINT",
        "cluster_proxy_url": f"http://{NEAR}:{proxy.port}",
        "tls_server_name": "kubernetes",
    }
    succeeded(ask(cloud, "kubeconfig", path=str(path), context="private", **way))
    cluster = yaml.safe_load(path.read_text())["clusters"][0]["cluster"]
    assert cluster["server"] == f"https://{NEAR}:{tunnel.port}"
    assert (cluster["proxy-url"], cluster["tls-server-name"]) == (way["cluster_proxy_url"], "kubernetes")
    # And is read so: the user's exec helper cannot sign here, so a token takes its place.
    document = yaml.safe_load(path.read_text())
    document["users"][0]["user"] = {"token": TOKEN}
    path.write_text(yaml.safe_dump(document))
    assert succeeded(ask(cloud, kubeconfig=str(path)))["resources"]
    assert proxy.asked and tunnel.connections
