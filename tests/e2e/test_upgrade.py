"""A cluster of an earlier release of Kubernetes is upgraded while the application answers, with real programs of both
releases: `make upgrade-test`. The earlier one is built first, which takes minutes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import kubernetes
import oci
import pytest

from localregion.host.programs import KUBERNETES_VERSION as NEW
from localregion.host.programs import OTHER_VERSIONS
from tests import programs
from tests.e2e.site import Region, Site
from tests.e2e.test_operations import RATE, Load

pytestmark = pytest.mark.whole
OLD = OTHER_VERSIONS[0]


@pytest.fixture
def site() -> Iterator[Site]:
    """A site of the earlier release."""
    programs.folder()
    programs.folder(OLD)
    region = Region("upgrade", "127.85.0.0/16", Path(tempfile.mkdtemp(prefix="okestack-upgrade-")))
    try:
        region.localregion("up")
        run = region.playbook("-e", f"oke_virtual_pool_kubernetes_version={OLD}").wait(1800)
        yield Site(region, run.lines[-1].strip())
    finally:
        region.remove()


def nodes(site: Site) -> dict[str, str]:
    """Their addresses, with the version that each has."""
    return {node.metadata.name: node.status.node_info.kubelet_version for node in site.core().list_node().items}


def served(site: Site) -> str:
    """The API server's version."""
    return str(kubernetes.client.VersionApi(site.kubernetes()).get_code().git_version)


def seconds(site: Site, operation: str) -> tuple[float, float]:
    """Of the work request of an operation: how long it took, and from its line about the API server to the next."""
    engine = site.region.client(oci.container_engine.ContainerEngineClient)
    compartment = site.region.compartment_id
    (request,) = [row for row in engine.list_work_requests(compartment).data if row.operation_type == operation]
    assert request.status == "SUCCEEDED", request
    lines = sorted(engine.list_work_request_logs(compartment, request.id).data, key=lambda line: line.timestamp)
    at = [datetime.fromisoformat(line.timestamp) for line in lines]
    began = [number for number, line in enumerate(lines) if line.message.startswith("replacing the API server")]
    away = (at[began[0] + 1] - at[began[0]]).total_seconds() if began else 0.0
    return (request.time_finished - request.time_started).total_seconds(), away


def test_no_request_fails_while_kubernetes_is_upgraded(site: Site) -> None:
    assert served(site) == OLD
    before = nodes(site)
    assert len(before) == 3 and set(before.values()) == {OLD}
    cluster = site.core().read_namespace("kube-system").metadata.uid
    with site.http as http:
        item = http.post("/api/items", json={"name": "under load"}).json()["id"]
    load = Load(site.url, item)
    try:
        load.until(10 * RATE)
        answers = json.dumps({"oke_virtual_pool_kubernetes_version": NEW})
        run = site.region.playbook("-e", answers, playbook="playbooks/upgrade.yml").wait(1800)
        load.until(load.done + 10 * RATE)
    finally:
        load.stop()
    for told in (f"{OLD} -> {NEW}", "3 were replaced, one by one"):
        assert told in run.text, run.end
    assert served(site) == NEW
    after = nodes(site)
    assert len(after) == 3 and set(after.values()) == {NEW} and not set(after) & set(before), (before, after)
    assert site.core().read_namespace("kube-system").metadata.uid == cluster, "it is another etcd"
    assert site.external_secret()["status"] == "True"
    load.report("\nupgrade.yml")
    took, away = seconds(site, "CLUSTER_UPDATE")
    cycled, _ = seconds(site, "VIRTUALNODEPOOL_CYCLING")
    print(
        f"{OLD} to {NEW}: control plane in {took:.0f} s, of which no API server for {away:.0f} s;"
        f" 3 virtual nodes replaced in {cycled:.0f} s; {load.done / (load.ended - load.began):.0f} requests a second"
    )
    assert site.region.playbook().wait().recap()["changed"] == 0, "the inventory has this version"
