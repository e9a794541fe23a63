# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks behind the modules, through the door's own function, against a real API server."""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.kube import certificates
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import Client
from ansible_collections.okestack.oci.plugins.module_utils.kube.tasks import TASKS
from ansible_collections.okestack.oci.plugins.module_utils.model import placeholder
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, run_task

from tests.integration.kube.control_plane import ADDRESS, free_port
from tests.programs import program

NAMED = {task.name: task for task in TASKS}
UNKNOWN_CLUSTER = placeholder("oke_cluster", "c", "id")


def run(module: str, check: bool = False, within: Context | None = None, **params: Any) -> dict[str, Any]:
    """Run a task with its defaults filled in, as the door does after validation."""
    task = NAMED[module]
    filled = _defaults(task.argument_spec())
    filled.update(params)
    for key, option in task.argument_spec().items():
        if option.get("options") and isinstance(params.get(key), dict):
            filled[key] = {**_defaults(option["options"]), **params[key]}
    return dict(run_task(task, filled, within or Context(check_mode=check)))


def _defaults(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: option.get("default") for name, option in spec.items()}


def succeeded(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result["msg"]
    return result


@pytest.fixture
def kube(kubeconfig: Path) -> dict[str, Any]:
    return {"kubeconfig": str(kubeconfig)}


MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {a: "1"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two}
"""


def test_manifest_from_text_file_and_folder(kube: dict[str, Any], space: str, tmp_path: Path) -> None:
    first = succeeded(run("kubernetes_manifest", definition=MANIFEST, namespace=space, **kube))
    assert first["changed"] and [row["action"] for row in first["objects"]] == ["create", "create"]
    (tmp_path / "a.yml").write_text(MANIFEST)
    for src in (tmp_path, tmp_path / "a.yml"):
        assert not succeeded(run("kubernetes_manifest", src=str(src), namespace=space, **kube))["changed"]
    gone = succeeded(
        run("kubernetes_manifest", check=True, state="absent", definition=MANIFEST, namespace=space, **kube)
    )
    assert [row["action"] for row in gone["objects"]] == ["delete", "delete"]


def test_a_planned_cluster_needs_no_server() -> None:
    result = succeeded(run("kubernetes_manifest", check=True, definition=MANIFEST, cluster_id=UNKNOWN_CLUSTER))
    assert result["changed"] and result["diff"]["after"]["ConfigMap default/one"]["data"] == {"a": "1"}
    assert succeeded(run("kubernetes_info", check=True, kind="Pod", cluster_id=UNKNOWN_CLUSTER))["resources"] == []


def test_missing_namespaces_are_made_once(kube: dict[str, Any], client: Client, space: str) -> None:
    options = {"definition": MANIFEST, "namespace": f"{space}-new", "create_namespaces": True, **kube}
    planned = succeeded(run("kubernetes_manifest", check=True, **options))
    assert next((row["kind"], row["action"]) for row in planned["objects"]) == ("Namespace", "create")
    succeeded(run("kubernetes_manifest", **options))
    assert not succeeded(run("kubernetes_manifest", **options))["changed"]


def test_lint_stops_before_the_server_is_asked() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    pod["spec"] = {"hostNetwork": True, "containers": [{"name": "a", "image": "i", "tty": True}]}
    result = run("kubernetes_manifest", definition=pod, virtual_nodes=True, kubeconfig="/nonexistent")
    assert result["failed"]
    assert "Pod p: spec.hostNetwork" in result["msg"] and "spec.containers[0].tty" in result["msg"]


def test_load_balancer_address(kube: dict[str, Any], client: Client, space: str) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "lb"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }
    options = {"definition": service, "namespace": space, **kube}
    planned = succeeded(run("kubernetes_manifest", check=True, **options))
    assert planned["addresses"] == ["(known after apply: Service lb address)"]
    succeeded(run("kubernetes_manifest", wait=False, **options))
    path = client.resource("v1", "Service").path(space, "lb") + "/status"
    body = {"status": {"loadBalancer": {"ingress": [{"ip": "127.84.0.9"}]}}}
    client.request("PATCH", path, body=body, content_type="application/merge-patch+json")
    again = succeeded(run("kubernetes_manifest", **options))
    assert not again["changed"] and again["addresses"] == ["127.84.0.9"]


def test_pods_are_made_anew_when_a_secret_changes(kube: dict[str, Any], client: Client, space: str) -> None:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [{"name": "web", "image": "i"}],
            "volumes": [{"name": "s", "secret": {"secretName": "s"}}],
        },
    }
    web = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "1"}}
    resource = client.resource("v1", "Secret")
    client.request("POST", resource.path(space), body=secret)
    options = {"definition": web, "namespace": space, "restart_on_change": True, "wait": False, **kube}
    assert succeeded(run("kubernetes_manifest", **options))["changed"]
    assert not succeeded(run("kubernetes_manifest", **options))["changed"]
    body = {"stringData": {"a": "2"}}
    client.request("PATCH", resource.path(space, "s"), body=body, content_type="application/merge-patch+json")
    changed = succeeded(run("kubernetes_manifest", **options))
    assert changed["changed"]
    assert "okestack.oci/contents" in json.dumps(changed["diff"]["after"])


def test_chart_with_values_and_patches(kube: dict[str, Any], space: str, tmp_path: Path) -> None:
    helm = str(program("helm"))
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "crds").mkdir()
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: demo\nversion: 1.0.0\n")
    (chart / "values.yaml").write_text("colour: red\n")
    text = """
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-c", namespace: "{{ .Release.Namespace }}"}
data: {colour: "{{ .Values.colour }}", drop: "me"}
---
apiVersion: v1
kind: Pod
metadata: {name: hook, annotations: {helm.sh/hook: test}}
"""
    (chart / "templates" / "all.yaml").write_text(text)
    options: dict[str, Any] = {
        "chart": {"path": str(chart), "release": "r", "values": {"colour": "green"}},
        "patches": [{"kind": "ConfigMap", "remove": ["data.drop"], "set": {"data.added": "yes"}}],
        "namespace": space,
        "helm_path": helm,
        **kube,
    }
    done = succeeded(run("kubernetes_manifest", **options))
    assert [(row["kind"], row["name"]) for row in done["objects"]] == [("ConfigMap", "r-c")]
    assert done["diff"]["after"][f"ConfigMap {space}/r-c"]["data"] == {"colour": "green", "added": "yes"}
    assert not succeeded(run("kubernetes_manifest", **options))["changed"]
    broken = run("kubernetes_manifest", **{**options, "chart": {"path": str(tmp_path / "none"), "release": "r"}})
    assert broken["failed"] and "helm template" in broken["msg"]


TOKEN = "correct-horse-battery-staple"


def test_registry_secret(kube: dict[str, Any], client: Client, space: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    registry = {"server": "r.example", "username": "ns/me", "auth_token_file": str(tmp_path / "token")}
    options = {"name": "registry", "namespace": space, "registry": registry, **kube}
    planned = succeeded(run("kubernetes_secret", check=True, **options))
    made = succeeded(run("kubernetes_secret", **options))
    assert planned["changed"] and made["changed"]
    assert not succeeded(run("kubernetes_secret", **options))["changed"]
    live = client.get(client.resource("v1", "Secret"), space, "registry")
    assert live is not None and live["type"] == "kubernetes.io/dockerconfigjson"
    login = json.loads(base64.b64decode(live["data"][".dockerconfigjson"]))["auths"]["r.example"]
    assert login["password"] == TOKEN and base64.b64decode(login["auth"]).decode() == f"ns/me:{TOKEN}"
    (tmp_path / "token").write_text("another-token")
    changed = succeeded(run("kubernetes_secret", **options))
    assert changed["diff"]["after"] == {
        f"Secret {space}/registry": {"data": {".dockerconfigjson": "(secret, changed)"}}
    }
    for result in (planned, made, changed):
        assert TOKEN not in json.dumps(result) and login["auth"] not in json.dumps(result)


def test_registry_secret_from_the_vault(kube: dict[str, Any], client: Client, space: str) -> None:
    content = SimpleNamespace(content=base64.b64encode(TOKEN.encode()).decode())
    bundle = SimpleNamespace(data=SimpleNamespace(secret_bundle_content=content, version_number=1))
    session = SimpleNamespace(client=lambda name: name, call=lambda *args, **kwargs: bundle)
    context = Context()
    context._session = session  # type: ignore[assignment]
    registry = {"server": "r.example", "username": "me", "auth_token_secret_id": "ocid1.vaultsecret.oc1..x"}
    options = {"name": "registry", "namespace": space, "registry": registry, **kube}
    result = succeeded(run("kubernetes_secret", within=context, **options))
    assert result["changed"] and TOKEN in context.secrets
    unknown = {**registry, "auth_token_secret_id": placeholder("vault_secret", "s", "id")}
    planned = succeeded(run("kubernetes_secret", check=True, **{**options, "name": "other", "registry": unknown}))
    assert planned["changed"]


def test_self_signed_secret(kube: dict[str, Any], client: Client, space: str) -> None:
    options: dict[str, Any] = {"name": "tls", "namespace": space, **kube}
    first = {"dns_names": ["a.example"]}
    planned = succeeded(run("kubernetes_secret", check=True, self_signed=first, **options))
    assert planned["changed"] and "known after apply" in planned["secret"]["certificate"]
    made = succeeded(run("kubernetes_secret", self_signed=first, **options))
    again = succeeded(run("kubernetes_secret", self_signed=first, **options))
    assert made["changed"] and not again["changed"] and again["secret"] == made["secret"]
    assert made["secret"]["names"] == ["a.example"]
    live = client.get(client.resource("v1", "Secret"), space, "tls")
    assert live is not None and live["data"]["tls.key"] not in json.dumps([planned, made, again])
    address = succeeded(run("kubernetes_secret", self_signed={"ip_addresses": ["127.84.0.9"]}, **options))
    assert address["changed"] and address["secret"]["names"] == ["127.84.0.9"]
    unknown = {"ip_addresses": [placeholder("Service", "lb", "address")]}
    assert succeeded(run("kubernetes_secret", check=True, self_signed=unknown, **options))["changed"]


def test_secret_from_files(kube: dict[str, Any], space: str, tmp_path: Path) -> None:
    import datetime

    wanted = certificates.Wanted(("a.example",), (), 10, 1)
    certificate, key = certificates.make(wanted, datetime.datetime.now(datetime.UTC))
    _other, foreign = certificates.make(wanted, datetime.datetime.now(datetime.UTC))
    for name, text in (("c", certificate), ("k", key), ("f", foreign)):
        (tmp_path / name).write_text(text)
    options = {"name": "tls", "namespace": space, "certificate_file": str(tmp_path / "c"), **kube}
    assert "is not the key" in run("kubernetes_secret", key_file=str(tmp_path / "f"), **options)["msg"]
    assert succeeded(run("kubernetes_secret", key_file=str(tmp_path / "k"), **options))["changed"]
    assert not succeeded(run("kubernetes_secret", key_file=str(tmp_path / "k"), **options))["changed"]


def test_info_hides_the_values_of_secrets(kube: dict[str, Any], client: Client, space: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": TOKEN}}
    client.request("POST", client.resource("v1", "Secret").path(space), body=secret)
    by_name = succeeded(run("kubernetes_info", kind="Secret", name="s", namespace=space, **kube))["resources"]
    listed = succeeded(run("kubernetes_info", kind="Secret", namespace=space, **kube))["resources"]
    assert by_name == listed and by_name[0]["data"] == {"a": "(secret)"}
    assert succeeded(run("kubernetes_info", kind="Secret", name="none", namespace=space, **kube))["resources"] == []


def test_wait(kube: dict[str, Any], client: Client, space: str) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"a": "b"}}}
    client.request(
        "POST",
        client.resource("v1", "Pod").path(space),
        body={**pod, "spec": {"containers": [{"name": "a", "image": "i"}]}},
    )
    late = run("kubernetes_wait", kind="Pod", name="p", namespace=space, wait_timeout=1, **kube)
    assert late["failed"] and "Pod" in late["msg"] and "Pending" in late["msg"]
    body = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    path = client.resource("v1", "Pod").path(space, "p") + "/status"
    client.request("PATCH", path, body=body, content_type="application/merge-patch+json")
    assert succeeded(run("kubernetes_wait", kind="Pod", label_selector="a=b", namespace=space, **kube))["resources"]
    unknown = run("kubernetes_wait", kind="ConfigMap", name="c", namespace=space, **kube)
    assert unknown["failed"] and "set conditions" in unknown["msg"]
    assert succeeded(run("kubernetes_wait", kind="Pod", name="none", namespace=space, state="absent", **kube))


class Session:
    """As much of a cloud session as kubeconfigs need."""

    region = "r-1"
    connection = SimpleNamespace(config_file="~/.oci/config", profile="DEFAULT", auth_type="api_key")

    def __init__(self, kubeconfig: Path) -> None:
        self.text = kubeconfig.read_text()
        self.calls: list[Any] = []

    @property
    def signer(self) -> Any:
        raise AssertionError("nothing is signed to write a file")

    def client(self, name: str) -> str:
        return name

    def call(self, client: str, operation: str, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((operation, args, kwargs))
        return SimpleNamespace(data=SimpleNamespace(text=self.text))


def test_kubeconfig(kubeconfig: Path, tmp_path: Path) -> None:
    session = Session(kubeconfig)

    def keep(check: bool = False, **params: Any) -> dict[str, Any]:
        context = Context(check_mode=check)
        context._session = session  # type: ignore[assignment]
        options = {"path": str(tmp_path / "sub" / "config"), "cluster_id": "ocid1.cluster.oc1..x", "context": "mine"}
        return run("kubeconfig", within=context, **{**options, **params})

    path = tmp_path / "sub" / "config"
    assert succeeded(keep(check=True))["changed"] and not path.exists()
    assert succeeded(keep(check=True, cluster_id=UNKNOWN_CLUSTER))["changed"]
    first = succeeded(keep(endpoint_kind="PRIVATE_ENDPOINT"))
    assert first["changed"] and path.stat().st_mode & 0o777 == 0o600
    details = session.calls[-1][2]["create_cluster_kubeconfig_content_details"]
    assert details == {"tokenVersion": "2.0.0", "endpoint": "PRIVATE_ENDPOINT"}
    assert not succeeded(keep())["changed"]
    document = yaml.safe_load(path.read_text())
    assert document["current-context"] == "mine"
    helper = document["users"][0]["user"]["exec"]
    assert helper["args"][1:5] == ["--cluster-id", "ocid1.cluster.oc1..x", "--region", "r-1"]
    assert Path(helper["args"][0]).is_file() and "token-of-the-tests" not in path.read_text()

    path.chmod(0o644)
    assert succeeded(keep())["changed"] and path.stat().st_mode & 0o777 == 0o600
    # Others' entries stay.
    succeeded(keep(context="second", set_current=False, cluster_endpoint="https://127.0.0.1:6443", tls_server_name="n"))
    document = yaml.safe_load(path.read_text())
    assert [row["name"] for row in document["contexts"]] == ["mine", "second"]
    assert document["current-context"] == "mine"
    assert document["clusters"][1]["cluster"]["tls-server-name"] == "n"
    assert succeeded(keep(state="absent"))["changed"]
    assert [row["name"] for row in yaml.safe_load(path.read_text())["users"]] == ["second"]
    assert succeeded(keep(state="absent", context="second"))["changed"] and not path.exists()
    assert not succeeded(keep(state="absent", context="second"))["changed"]
    path.write_text("just text")
    broken = keep()
    assert broken["failed"] and path.read_text() == "just text"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """An HTTPS server for site.example; its port and certificate."""
    import datetime

    wanted = certificates.Wanted(("site.example",), (), 10, 1)
    certificate, key = certificates.make(wanted, datetime.datetime.now(datetime.UTC))
    (tmp_path / "pem").write_text(certificate + key)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ok = self.path == "/ok?x=1" and self.headers["Host"].startswith("site.example")
            self.send_response(200 if ok else 503)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: Any) -> None:
            pass

    port = free_port()
    made = http.server.ThreadingHTTPServer((ADDRESS, port), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "pem")
    made.socket = tls.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield port, certificate
    made.shutdown()
    made.server_close()


def test_url(server: tuple[int, str]) -> None:
    port, certificate = server

    def ask(path: str, **params: Any) -> dict[str, Any]:
        options: dict[str, Any] = {"address": ADDRESS, "ca_certificate": certificate, "wait_timeout": 1}
        return run("url_wait", **{**options, "url": f"https://site.example:{port}{path}", **params})

    assert succeeded(ask("/ok?x=1", contains="hello"))["status"] == 200
    assert "status 503" in ask("/no")["msg"]
    assert "without the text" in ask("/ok?x=1", contains="bye")["msg"]
    assert "certificate does not hold" in ask("/ok?x=1", ca_certificate=None)["msg"]
    assert "certificate does not hold" in ask("/ok?x=1", url=f"https://other.example:{port}/ok")["msg"]
    assert "no answer" in ask("/", url=f"https://site.example:{free_port()}/")["msg"]
    assert "not an http" in ask("/", url="ftp://x/")["msg"]
    unknown = f"https://{placeholder('Service', 'lb', 'address')}/"
    assert succeeded(run("url_wait", check=True, url=unknown))["status"] is None
