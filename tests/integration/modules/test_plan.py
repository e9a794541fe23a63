"""site.yml's check mode as a JSON file: it lists what the run then makes, and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils.info import known_types

from localregion.testing import Region

from .playbook import ROOT, ansible, inventory, site_variables

NAME = "planned"
CLOUD = ("--tags", "mysql,oke_virtual_pool")
"""All roles that need no Kubernetes API."""
VERBS = {"made": "add", "changed": "change", "replaced": "replace", "removed": "remove"}
Site = Callable[..., tuple[int, str, dict[str, Any]]]


@pytest.fixture
def site(region: Region, tmp_path: Path) -> Site:
    """Plays site.yml; its status, what it printed and the plan that it wrote."""
    hosts = inventory(tmp_path)
    file = tmp_path / "plan.json"
    given = site_variables(
        region, NAME, oke_virtual_pool_kubernetes_version="v1.36.1", oke_virtual_pool_repositories=["planned/crud"]
    )

    def run(*arguments: str, **variables: Any) -> tuple[int, str, dict[str, Any]]:
        extra = json.dumps({**given, **variables})
        command = ("-i", hosts, "site.yml", "-v", "-e", extra, *arguments)
        region.forget_calls()
        done = ansible("ansible-playbook", *command, folder=ROOT, environment={"OKESTACK_PLAN_FILE": str(file)})
        if "--check" in arguments:
            assert [c for c in region.writes() if not c.operation.endswith("create_kubeconfig")] == []
        text = done.stdout + done.stderr
        return done.returncode, text, json.loads(file.read_text()) if file.exists() else {}

    return run


def names(plan: dict[str, Any]) -> set[tuple[str, str]]:
    return {(part, f"{row['type']} {row['name']}".strip()) for part in VERBS.values() for row in plan[part]}


def done(text: str) -> set[tuple[str, str]]:
    """What the screen at the end of a run says that was done."""
    found, part = set(), ""
    for line in text.splitlines():
        if head := re.fullmatch(r"(made|changed|replaced|removed) \(\d+\):", line):
            part = VERBS[head[1]]
        elif part and line.startswith("  "):
            found.add((part, line[2:]))
        else:
            part = ""
    return found


def test_a_site_from_nothing_is_planned_as_it_is_made(region: Region, site: Site) -> None:
    status, text, plan = site("--check")
    assert status == 0, text[-3000:]
    assert plan["deployment"] == NAME and plan["counts"]["add"] == len(plan["add"]) > 40
    types = known_types()
    cloud = {(part, name) for part, name in names(plan) if name.split(" ")[0] in {*types, "default_security_list"}}
    objects = names(plan) - cloud
    assert {("add", "Deployment crud/crud"), ("add", "ExternalSecret crud/database")} <= objects
    assert all(row["calls"] for part in VERBS.values() for row in plan[part])
    assert next(r for r in plan["add"] if r["type"] == "Deployment")["calls"] == ["kubernetes.apply"]

    status, text, less = site("--check", *CLOUD, site_fail_on_changes=True)
    assert status == 2 and "The site is not as the inventory says" in text
    later = {name for _part, name in cloud - names(less)}
    assert names(less) <= cloud and all(name.startswith(f"policy {NAME}-external-secrets") for name in later)

    status, text, stale = site(*CLOUD, site_fail_on_changes=True)
    assert status == 0 and stale == less, text[-3000:]  # out of check mode nothing is planned, and nothing fails
    assert done(text) == names(less)
    calls = Counter(call for part in VERBS.values() for row in less[part] for call in row["calls"])
    sent = Counter(c.operation for c in region.writes() if not c.operation.endswith("create_kubeconfig"))
    assert sent == calls

    status, text, plan = site("--check", *CLOUD, site_fail_on_changes="true")
    assert status == 0 and sum(plan["counts"].values()) == 0, text[-3000:]
    assert f"{NAME}: nothing is to be done" in text


def test_what_differs_is_told_with_before_and_after(region: Region, site: Site) -> None:
    network = region.client(oci.core.VirtualNetworkClient)
    (vcn,) = network.list_vcns(region.compartment_id, display_name=NAME).data
    (nat,) = network.list_nat_gateways(region.compartment_id, vcn_id=vcn.id).data
    network.update_nat_gateway(nat.id, oci.core.models.UpdateNatGatewayDetails(block_traffic=True))
    region.settle()
    status, _text, plan = site("--check", "--tags", "network", site_fail_on_changes=True)
    row = {"type": "nat_gateway", "name": "nat", "before": {"block_traffic": True}, "after": {"block_traffic": False}}
    assert plan["change"] == [{**row, "calls": ["core.update_nat_gateway"]}]
    assert status == 2
    assert plan["counts"] == {"add": 0, "change": 1, "replace": 0, "remove": 0}
    network.update_nat_gateway(nat.id, oci.core.models.UpdateNatGatewayDetails(block_traffic=False))


def test_a_plan_that_cannot_be_made_leaves_none(site: Site) -> None:
    status, _text, plan = site("--check", "--tags", "network", network_lb_client_cidrs=["10.0.0.0/8"])
    assert status == 0 and plan["counts"]["change"] > 0
    status, text, plan = site("--check", "--tags", "network", network_subnet_cidrs={"api": "10.0.0.0/28"})
    assert status == 2 and plan == {}, text[-2000:]


@pytest.mark.parametrize(
    ("tag", "played", "skipped"),
    [
        ("vault_secret", ["vault_secret"], ["network", "mysql", "app_ingress"]),
        ("mysql", ["network", "vault_secret", "mysql"], ["oke_virtual_pool", "external_secrets", "app_ingress"]),
        ("oke_virtual_pool", ["network", "vault_secret", "oke_virtual_pool"], ["mysql", "external_secrets"]),
        ("app_ingress", ["network", "mysql", "external_secrets", "app_ingress"], []),
    ],
)
def test_a_role_s_tag_plays_it_with_what_it_stands_on(
    site: Site, tag: str, played: list[str], skipped: list[str]
) -> None:
    status, text, plan = site("--check", "--tags", tag, okestack_deployment="nothing-yet")
    assert status == 0 and plan, text[-3000:]
    roles = set(re.findall(r"^TASK \[okestack\.oci\.(\w+) :", text, re.M))
    assert set(played) <= roles and not set(skipped) & roles
