"""What would stop a site: each judgement by a table, without a service."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import preflight
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError
from ansible_collections.okestack.oci.plugins.module_utils.findings import Finding

PLAN: dict[str, Any] = {
    "vcn_name": "shop",
    "cidr_blocks": ["10.0.0.0/16"],
    "services_cidr": "10.96.0.0/16",
    "subnet_cidrs": {"pods": "10.0.32.0/24", "nodes": "10.0.16.0/28"},
    "nodes": 3,
    "pods": {"application": 3, "ingress": 2},
    "growth_percent": 50,
    "pod_shape": "Pod.Standard.E4.Flex",
    "cores": 5,
    "names": {"vcn": ["shop"], "oke_cluster": ["shop"], "mysql_db_system": ["shop"], "vault": ["shop"]},
}


def texts_of(findings: Any, status: str) -> list[str]:
    rows: list[Finding] = list(findings)
    assert all(f.todo for f in rows if f.status == "broken"), "each says what to do"
    return [f.what for f in rows if f.status == status]


@pytest.mark.parametrize(
    ("here", "there", "status", "what"),
    [
        (1000.0, 1000.4, "ok", "right within 1 s"),
        (1000.0, 940.0, "broken", "60 s ahead of"),
        (1000.0, 1400.0, "broken", "400 s behind the service's, which refuses"),
        (1000.0, None, "unknown", "sent no time"),
    ],
)
def test_the_clock(here: float, there: float | None, status: str, what: str) -> None:
    (found,) = texts_of(preflight.clock(here, there), status)
    assert what in found


def test_address_blocks() -> None:
    assert texts_of(preflight.blocks(PLAN, []), "broken") == []
    over = {**PLAN, "services_cidr": "10.0.128.0/17"}
    assert "overlaps the VCN's 10.0.0.0/16" in texts_of(preflight.blocks(over, []), "broken")[0]
    vcns = [
        {"display_name": "shop", "id": "a", "cidr_blocks": ["10.0.0.0/16"]},
        {"display_name": "other", "id": "b", "cidr_blocks": ["10.0.64.0/20"]},
        {"display_name": "apart", "id": "c", "cidr_blocks": ["10.1.0.0/16"]},
    ]
    (other,) = texts_of(preflight.blocks(PLAN, vcns), "unknown")
    assert other.startswith("VCN other (b) has 10.0.64.0/20 too")
    assert list(preflight.blocks({**PLAN, "cidr_blocks": ["10.0.0.0/99"]}, vcns)) == [], "reported with the variables"


@pytest.mark.parametrize(
    ("pods", "nodes", "count", "broken"),
    [
        ("10.0.32.0/24", "10.0.16.0/28", 3, []),
        ("10.0.32.0/29", "10.0.16.0/28", 3, ["subnet pods"]),
        ("10.0.32.0/28", "10.0.16.0/28", 3, []),  # 13 addresses for 12
        ("10.0.32.0/24", "10.0.16.0/30", 3, ["subnet nodes"]),
        ("10.0.32.0/28", "10.0.16.0/30", 9, ["subnet pods", "subnet nodes"]),
    ],
)
def test_room_for_pods_and_nodes(pods: str, nodes: str, count: int, broken: list[str]) -> None:
    plan = {**PLAN, "subnet_cidrs": {"pods": pods, "nodes": nodes}, "pods": {"application": count, "ingress": 2}}
    found = texts_of(preflight.room(plan), "broken")
    assert [w[: len(b)] for w, b in zip(found, broken, strict=True)] == broken
    todo = [f.todo for f in preflight.room(plan) if f.status == "broken"]
    assert all("at least: network_subnet_cidrs." in t for t in todo)


def test_addresses_that_others_have_are_not_free() -> None:
    plan = {**PLAN, "subnet_cidrs": {"pods": "10.0.32.0/28", "nodes": "10.0.16.0/24"}}
    assert texts_of(preflight.room(plan, {"nodes": 240, "pods": 1}), "ok") == [
        "subnet pods (10.0.32.0/28) has 12 free addresses for 5 pods, 3 more while they are replaced",
        "subnet nodes (10.0.16.0/24) has 13 free addresses for 3 virtual nodes, 1 more while they are replaced",
    ]
    (pods, nodes) = preflight.room(plan, {"nodes": 250, "pods": 2})
    assert "has 11 free addresses" in pods.what and "a /27 at least" in pods.todo and nodes.status == "broken"


def test_names_on_their_way_out() -> None:
    found = {
        "vault": [
            {"id": "v", "display_name": "shop", "lifecycle_state": "PENDING_DELETION", "time_of_deletion": "2027"},
            {"id": "w", "display_name": "other", "lifecycle_state": "FAILED"},
        ],
        "oke_cluster": [{"id": "c", "name": "shop", "lifecycle_state": "DELETING"}],
        "mysql_db_system": [{"id": "d", "display_name": "shop", "lifecycle_state": "FAILED"}],
    }
    rows = list(preflight.names(found, PLAN))
    assert texts_of(rows, "ok") == ["vault shop (v) is PENDING_DELETION until 2027: the site takes it back"]
    assert texts_of(rows, "broken") == ["oke cluster shop (c) is DELETING", "mysql db system shop (d) is FAILED"]


def test_limits_count_what_is_not_there_yet() -> None:
    from_nothing = {(n.service, n.limit): n.amount for n in preflight.needs(PLAN, {})}
    assert from_nothing["container-engine", "virtual-node-count"] == 3
    assert from_nothing["compute", "standard-e4-core-count"] == 5
    there = {"vcn": [{"id": "v", "display_name": "shop", "lifecycle_state": "AVAILABLE"}]}
    assert ("vcn", "vcn-count") not in {(n.service, n.limit) for n in preflight.needs(PLAN, there)}
    given = PLAN | {"given": {"mysql_db_system": "ocid1.mysqldbsystem.oc1..a"}}
    assert ("mysql", "mysql-db-system-count") not in {(n.service, n.limit) for n in preflight.needs(given, {})}
    needs = [preflight.Need("s", name, 3, "nodes") for name in ("enough", "few", "unknown")]
    rows = list(preflight.limits(needs, {("s", "enough"): 3, ("s", "few"): 2, ("s", "unknown"): None}))
    assert [f.status for f in rows] == ["ok", "broken", "unknown"]
    assert texts_of(rows, "broken") == ["3 nodes are planned, 2 are left of few of s"]


def test_families_that_may_not_be_read() -> None:
    refused = {"vault": CloudError("kms list_vaults: 404", status=404), "policy": CloudError("500", status=500)}
    rows = list(preflight.families(refused, ["vcn"]))
    assert "Allow group YOURS to manage vaults in compartment" in rows[0].todo
    assert "see what the service says" in rows[1].todo and rows[2].status == "ok"


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("fra.ocir.io/ns/shop/crud:1.0", ("shop/crud", "1.0")),
        ("ocir.eu-frankfurt-1.oci.oraclecloud.com/ns/crud", ("crud", "latest")),
        ("fra.ocir.io/ns/crud:1@sha256:" + "0" * 64, ("crud", "1")),
        ("docker.io/library/traefik:v3", None),
        ("quay.io/x/ocir:1", None),
    ],
)
def test_images_of_oracles_registry(name: str, place: Any) -> None:
    assert preflight.repository_of(name) == place


def test_an_image() -> None:
    assert texts_of(preflight.image("i", None), "unknown") and texts_of(preflight.image("i", [{"digest": "d"}]), "ok")
    assert texts_of(preflight.image("i", []), "broken") == ["i is not in the registry"]


def test_the_chart() -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **options: Any) -> Any:
        asked.append(command)
        return SimpleNamespace(returncode=len(asked) - 1, stderr="Error: no such\nversion")

    plan = {"path": "external-secrets", "repo": "https://charts.example", "version": "2.9.0", "helm": "/bin/true"}
    assert texts_of(preflight.chart(plan, run), "ok") == [
        "helm finds external-secrets --repo=https://charts.example --version=2.9.0"
    ]
    assert asked[0][3:] == ["--repo=https://charts.example", "--version=2.9.0", "--", "external-secrets"]
    assert "version" in texts_of(preflight.chart(plan, run), "broken")[0]
    assert texts_of(preflight.chart({**plan, "helm": "/nowhere/helm"}, run), "broken") == [
        "there is no program /nowhere/helm"
    ]
    assert list(preflight.chart({}, run)) == []
    asked.clear()
    (line,) = texts_of(preflight.chart({**plan, "repo": "https://me:canary@charts.example"}, run), "broken")
    assert "canary" not in line and not asked

    def slow(command: list[str], **options: Any) -> Any:
        raise subprocess.TimeoutExpired(command, 60)

    assert texts_of(preflight.chart(plan, slow), "broken")
