"""playbooks/preflight.yml on the API: what would stop a site is reported all at once, and nothing is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from localregion.testing import Region

from .playbook import ROOT, ansible, inventory, site_variables
from .test_verify import SHOWN


@pytest.fixture
def preflight(region: Region, tmp_path: Path) -> Any:
    """Runs it with variables; its status and its findings."""
    hosts = inventory(tmp_path, {})
    given = site_variables(region, "goes", oke_virtual_pool_kubernetes_version="v1.36.1")

    def run(**variables: Any) -> tuple[int, list[dict[str, Any]]]:
        extra = json.dumps({**given, **variables})
        arguments = ("-i", hosts, "playbooks/preflight.yml", "-e", extra)
        region.forget_calls()
        done = ansible("ansible-playbook", *arguments, folder=ROOT, environment=SHOWN)
        assert region.writes() == []
        shown = re.search(r"^\s*RUN: (\{.*)", done.stdout, re.S | re.M)
        assert shown, done.stdout[-3000:] + done.stderr[-1000:]
        found: list[dict[str, Any]] = json.JSONDecoder().raw_decode(shown[1])[0]["okestack_findings"]
        return done.returncode, found

    return run


def test_where_nothing_stands_in_the_way_it_ends_well(preflight: Any) -> None:
    status, findings = preflight()
    assert [f for f in findings if f["status"] == "broken"] == []
    assert status == 0
    hops = [f["hop"] for f in findings if f["status"] == "ok"]
    assert {"credentials", "clock", "policies", "addresses", "limits", "chart"} <= set(hops)


def test_eight_problems_planted_together_are_all_told(
    region: Region, preflight: Any, tmp_path: Path, no_faults_after: None
) -> None:
    (tmp_path / "token").write_text("\n")
    region.faults.add("*.list_vaults", status=404, code="NotAuthorizedOrNotFound", times=None)
    status, findings = preflight(
        network_lb_client_cidrs=["everybody"],
        oke_virtual_pool_services_cidr="10.0.128.0/17",
        network_subnet_cidrs={
            "api": "10.0.0.0/28",
            "lb": "10.0.1.0/24",
            "mysql": "10.0.2.0/24",
            "nodes": "10.0.16.0/20",
            "pods": "10.0.32.0/29",
        },
        oke_virtual_pool_size=99,
        app_ingress_image="lcl.ocir.okestack.test/okestacklocal/nobody/has-it:1",
        app_ingress_registry_auth_token_file=str(tmp_path / "token"),
        external_secrets_helm_path="/nowhere/helm",
    )
    assert status == 2
    broken = {(f["hop"], f["what"]) for f in findings if f["status"] == "broken"}
    for hop, what in (
        ("variables", "network_lb_client_cidrs"),
        ("policies", "vaults may not be read"),
        ("addresses", "oke_virtual_pool_services_cidr 10.0.128.0/17 overlaps"),
        ("addresses", "subnet pods (10.0.32.0/29)"),
        ("limits", "99 virtual nodes are planned"),
        ("image", "nobody/has-it:1 is not in the registry"),
        ("image", "is empty"),
        ("chart", "/nowhere/helm"),
    ):
        assert any(h == hop and what in w for h, w in broken), (hop, what, broken)
    assert all(f["todo"] for f in findings if f["status"] == "broken")
