"""What a site's virtual nodes do: 100 pods with containers, pods that follow the load, a process of theirs lost."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes

from tests.bench.bench import line
from tests.e2e.site import Region, Site, eventually
from tests.e2e.test_operations import BY_LOAD, RATE, Load

MANY = 100
NAMESPACE = "crud"
PATIENCE = 1800.0


def measure(region: Region, site: Site) -> None:
    """Prints how long each takes. The site has to stand, and is afterwards what it was."""
    apps = kubernetes.client.AppsV1Api(site.kubernetes())
    application = apps.read_namespaced_deployment("crud", NAMESPACE).spec.template.spec
    _many(apps, site, application)
    _lost(apps, site, application)
    _by_load(region, site)


def _deploy(apps: Any, name: str, application: Any, replicas: int) -> float:
    """Pods of the application's image that do nothing; seconds until all are Ready."""
    container = {"name": "main", "image": application.containers[0].image, "command": ["sleep", "infinity"]}
    secrets = [{"name": secret.name} for secret in application.image_pull_secrets or ()]
    pod = {
        "containers": [container], "imagePullSecrets": secrets, "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
    }  # fmt: skip
    template = {"metadata": {"labels": {"app": name}}, "spec": pod}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    began = time.monotonic()
    apps.create_namespaced_deployment(NAMESPACE, {"metadata": {"name": name}, "spec": spec})
    return until(
        began,
        lambda: apps.read_namespaced_deployment(name, NAMESPACE).status.ready_replicas == replicas,
        f"{name} Ready",
    )


def until(began: float, check: Callable[[], Any], what: str) -> float:
    """Seconds since `began`, once it is true."""
    eventually(check, what, PATIENCE)
    return time.monotonic() - began


def _many(apps: Any, site: Site, application: Any) -> None:
    took, core = _deploy(apps, "hundred", application, MANY), site.core()
    line(f"{MANY} pods with containers on three virtual nodes: Ready", f"{took:.0f} s")
    began = time.monotonic()
    apps.delete_namespaced_deployment("hundred", NAMESPACE)
    took = until(
        began, lambda: not core.list_namespaced_pod(NAMESPACE, label_selector="app=hundred").items, "they are gone"
    )
    line("    deleted", f"{took:.0f} s")


def _working(site: Site) -> int:
    """The process id of the member that does the work of the pool's nodes; 0 when there is none."""
    for path in Path("/run").glob("**/*.members/*.json"):
        state = json.loads(path.read_text())
        command = Path(f"/proc/{state['pid']}/cmdline")
        if state["leads"] and command.exists() and str(site.region.state).encode() in command.read_bytes():
            return int(state["pid"])
    return 0


def _lost(apps: Any, site: Site, application: Any) -> None:
    for name, number in (("killed", signal.SIGKILL), ("hung", signal.SIGSTOP)):
        first = int(eventually(lambda: _working(site), "a member works"))
        os.kill(first, number)
        took = _deploy(apps, name, application, 1)
        assert _working(site) not in (0, first)
        apps.delete_namespaced_deployment(name, NAMESPACE)
        line(f"the working process of virtual nodes {name}: a new pod Ready", f"{took:.1f} s")


def _by_load(region: Region, site: Site) -> None:
    with site.http as http:
        item = http.post("/api/items", json={"name": "under load"}).json()["id"]
    load = Load(site.url, item)

    def pods() -> tuple[int, int]:
        return len(site.pods(NAMESPACE, "crud")), len(site.pods("ingress", "traefik"))

    try:
        load.at(1)
        region.playbook("-e", json.dumps(BY_LOAD)).wait()
        eventually(lambda: pods() == (3, 2), "as few pods as there must be", PATIENCE)
        load.at(RATE * 20)
        took = until(time.monotonic(), lambda: pods() == (5, 3), "as many pods as there may be")
        line("under load: 3 to 5 pods of the application, 2 to 3 of the ingress", f"{took:.0f} s")
        load.at(1)
        took = until(time.monotonic(), lambda: pods() == (3, 2), "as few pods as there must be")
        line("    without it: back", f"{took:.0f} s")
    finally:
        load.stop()
    line("    requests, failed of them", f"{load.done}, {len(load.failed)}", "0")
    region.playbook().wait()
    with site.http as http:
        http.delete(f"/api/items/{item}")
