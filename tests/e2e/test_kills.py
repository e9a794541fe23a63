"""kill -9 of the playbook at up to five points, each time run again at once: it converges, without a duplicate."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import oci
import pytest

from tests import programs
from tests.e2e.site import Region, Run, Site

POINTS = (
    "vcn okestack: creating",
    "mysql_db_system okestack: creating",
    "oke_cluster okestack: CREATING 1s",
    "TASK [okestack.oci.external_secrets : Keep the operator from its own chart",
    "TASK [okestack.oci.app_ingress : Keep the application]",
)
SAMPLE = POINTS[1::2]


@pytest.fixture
def fresh() -> Iterator[Region]:
    programs.folder()
    made = Region("kill", "127.81.0.0/16", Path(tempfile.mkdtemp(prefix="okestack-kill-")))
    yield made
    made.remove()


def quiet(region: Region) -> None:
    """A worker left behind by the kill writes nothing more."""
    time.sleep(0.3)  # what was sent before the kill has been answered
    before = len(region.calls())
    time.sleep(1.5)
    assert region.writes(before) == []


def test_a_killed_run_converges(fresh: Region, whole: bool) -> None:
    fresh.localregion("up")
    run: Run | None = None
    for point in POINTS if whole else SAMPLE:
        run = fresh.playbook()
        run.until(point)
        run.kill()
        quiet(fresh)
    last = fresh.playbook().wait()
    site = Site(fresh, last.lines[-1].strip())
    with site.http as http:
        assert http.post("/api/items", json={"name": "after the kills"}).status_code == 201
    before = len(fresh.calls())
    assert fresh.playbook().wait().recap()["changed"] == 0
    assert fresh.writes(before) == []
    assert duplicates(fresh) == []
    # Each create was answered well exactly once.
    made = Counter(
        call["operation"] for call in fresh.writes() if ".create_" in call["operation"] and call["status"] < 300
    )
    for operation in ("core.create_vcn", "mysql.create_db_system", "container_engine.create_cluster"):
        assert made[operation] <= 2, made  # twice only where the same retry token was sent again


def duplicates(region: Region) -> list[str]:
    """Names that two living resources of one kind have."""
    compartment = region.compartment_id
    network = region.client(oci.core.VirtualNetworkClient)
    engine = region.client(oci.container_engine.ContainerEngineClient)
    listed = {
        "vcn": network.list_vcns(compartment).data,
        "subnet": network.list_subnets(compartment).data,
        "nsg": network.list_network_security_groups(compartment_id=compartment).data,
        "route table": network.list_route_tables(compartment).data,
        "nat": network.list_nat_gateways(compartment).data,
        "service gateway": network.list_service_gateways(compartment).data,
        "internet gateway": network.list_internet_gateways(compartment).data,
        "vault": region.client(oci.key_management.KmsVaultClient).list_vaults(compartment).data,
        "db system": region.client(oci.mysql.DbSystemClient).list_db_systems(compartment).data,
        "cluster": engine.list_clusters(compartment).data,
        "pool": engine.list_virtual_node_pools(compartment).data,
        "load balancer": region.client(oci.load_balancer.LoadBalancerClient).list_load_balancers(compartment).data,
    }
    found = []
    for kind, rows in listed.items():
        assert rows, kind
        living = [
            row for row in rows if row.lifecycle_state not in ("DELETED", "TERMINATED", "TERMINATING", "DELETING")
        ]
        names = Counter(getattr(row, "display_name", None) or row.name for row in living)
        found += [f"{kind} {name}: {count}" for name, count in names.items() if count > 1]
    return found
