# SPDX-License-Identifier: GPL-3.0-or-later
"""The EXAMPLES of the modules of a cluster, played as they stand against a cluster of their own: planned, done, again.

The cluster is reached by a kubeconfig instead of its OCID, the chart comes from the cache, and nothing is waited for
that only controllers do.
"""

from __future__ import annotations

import datetime
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import ApiError
from ansible_collections.okestack.oci.plugins.module_utils.kube import certificates
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import Client
from ansible_collections.okestack.oci.plugins.module_utils.kube.config import read_kubeconfig

from tests.integration.kube.control_plane import running
from tests.integration.modules.test_examples import APART, Played, module_of, steps
from tests.programs import folder as programs
from tests.unit.test_documentation import NAMES, ROOT, parts

ELSEWHERE = {"kubernetes_run": "pods", "kubernetes_secret_check": "a vault"}
"""What needs more than an API server: tests/e2e/test_verify.py plays them as verify.yml does."""
PLAYED = [n for n in NAMES if APART.match(n) and n not in ELSEWHERE]
WEB = "127.84.0.9"
TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: shop}
data: {colour: green}
"""
STORE = {
    "apiVersion": "external-secrets.io/v1",
    "kind": "ExternalSecret",
    "metadata": {"name": "database", "namespace": "shop"},
    "spec": {"secretStoreRef": {"name": "vault"}, "target": {"name": "database"}},
}


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster of this file's own: a chart fills it with what belongs to no namespace."""
    with running(tmp_path_factory.mktemp("examples-cluster")) as path:
        yield path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The application at its load balancer; the certificate that it shows."""
    made, key = certificates.make(
        certificates.Wanted(("shop.example.com",), (), 10, 1), datetime.datetime.now(datetime.UTC)
    )
    pem = tmp_path_factory.mktemp("web") / "pem"
    pem.write_text(made + key)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer((WEB, 443), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def _tasks(name: str, kubeconfig: Path) -> list[dict[str, Any]]:
    """A module's tasks, with another way to the cluster."""
    archives = sorted((programs().parents[1] / "charts").glob("external-secrets-*.tgz"))
    tasks = []
    for task in parts(name)["EXAMPLES"]:
        args = dict(task[module_of(task)])
        if args.pop("cluster_id", None):
            args["kubeconfig"] = str(kubeconfig)
        if "chart" in args:
            if not archives:
                continue  # where nothing of the internet can be had
            chart = {k: v for k, v in args["chart"].items() if k not in ("repo", "version")}
            args |= {"chart": {**chart, "path": str(archives[-1])}, "wait": False}
        tasks += steps({**task, module_of(task): args})
    return tasks


def _play(folder: Path, kubeconfig: Path, names: list[str], variables: dict[str, Any]) -> Played:
    plays = [
        {
            "name": name,
            "hosts": name,
            "connection": "local",
            "gather_facts": False,
            "ignore_errors": True,
            "vars": {"ansible_python_interpreter": sys.executable, **variables},
            "tasks": _tasks(name, kubeconfig),
        }
        for name in names
    ]
    (folder / "play.yml").write_text(json.dumps(plays))
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {n: {} for n in names}}}))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.json", "play.yml"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    environment |= {"HOME": str(folder), "PATH": f"{programs()}:{os.environ['PATH']}"}
    log = folder / "out"
    with log.open("w") as out:
        subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=300
        )
    return Played(log.read_text())


@pytest.fixture(scope="module")
def played(kubeconfig: Path, certificate: str, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """All of them, those that wait at the end, when what they wait for is there."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "templates").mkdir()
    (folder / "templates" / "shop.yml.j2").write_text(TEMPLATE)
    (folder / ".oci").mkdir()
    (folder / ".oci" / "auth_token").write_text("a-token-of-the-registry")
    variables = {"tls": {"secret": {"certificate": certificate}}, "ingress": {"addresses": [WEB]}}
    variables["compartment_id"] = "ocid1.compartment.oc1..aaaaaaaaexample"
    client = Client(read_kubeconfig(str(kubeconfig)))
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ingress"}}
    client.request("POST", "/api/v1/namespaces", body=namespace)
    first = _play(folder, kubeconfig, [n for n in PLAYED if n != "kubernetes_wait"], variables)
    _brought(client)
    second = _play(folder, kubeconfig, ["kubernetes_wait"], variables)
    both = Played(first.out + "\nPLAY " + second.out)
    assert set(both.hosts) == set(PLAYED), both.out
    return both


def _brought(client: Client) -> None:
    """A secret that External Secrets has brought: its kind comes with the chart, or from here."""
    group, plural = "external-secrets.io", "externalsecrets"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": "ExternalSecret"},
            "versions": [{**version, "subresources": {"status": {}}}],
        },
    }
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    there = [d["metadata"]["name"] for d in client.request("GET", definitions)["items"]]
    if definition["metadata"]["name"] not in there:  # type: ignore[index]
        client.request("POST", definitions, body=definition)
    hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    client.request("DELETE", hooks)  # no pod runs here that would answer
    path = f"/apis/{group}/v1/namespaces/shop/{plural}"
    made = _posted(client, path, STORE)
    conditions = {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-22T00:00:00Z"}]}
    client.request("PUT", f"{path}/database/status", body={**made, "status": conditions})


def _posted(client: Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """An object of a kind that the server may not serve yet."""
    until = time.monotonic() + 30
    while True:
        try:
            return client.request("POST", path, body=body)
        except ApiError as error:
            if error.status != 404 or time.monotonic() > until:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize("name", PLAYED)
def test_examples_run(played: Played, kubeconfig: Path, name: str) -> None:
    ok, changed, failed = played.hosts[name]
    assert failed == 0 and ok == len(_tasks(name, kubeconfig)), played.of(name)
    assert changed or name.endswith(("_info", "_wait", "_check", "_leftovers")), "no example of it changes anything"
