"""playbooks/adopt.yml: sites of all kinds, made by the plain SDK, and the first plan with what it wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localregion.testing import Region

from .playbook import ROOT, ansible, inventory
from .random_site import RandomSite
from .test_verify import SHOWN

SAMPLE, WHOLE = 2, 20
CANARIES = ("secret-canary", "c2VjcmV0LWNhbmFyeQ", "Canary-Pass")
TAGS = {"freeform_tags", "defined_tags"}
KUBERNETES = "Allow each store to read its secrets"
"""The first task of what is in the cluster: there the plan ends, since the region's API alone has none that answers."""


class Adopted:
    """What one run of the playbook gave."""

    def __init__(self, folder: Path, statistics: dict[str, Any], text: str) -> None:
        self.folder, self.text = folder, text
        self.variables: dict[str, Any] = statistics["okestack_inventory"]
        self.notes: list[dict[str, Any]] = statistics["okestack_findings"]


@pytest.fixture
def adopt(region: Region, tmp_path: Path) -> Callable[..., Adopted]:
    """Runs it for a compartment; it writes nothing there."""

    def run(compartment_id: str, **more: Any) -> Adopted:
        given = {
            "okestack_deployment": "taken",
            "okestack_region": "local-1",
            "okestack_availability_domain": "Lcl1:LOCAL-1-AD-1",
            "okestack_config_file": str(region.config_file),
            "okestack_endpoints": {"default": region.endpoint, "local-2": region.other_endpoint},
            "okestack_compartment_id": compartment_id,
            "app_ingress_image": "r.example/crud:1",
            "adopt_directory": str(tmp_path / "adopted"),
            **more,
        }
        (tmp_path / "now").mkdir(exist_ok=True)
        hosts = inventory(tmp_path / "now")
        region.forget_calls()
        arguments = ("-i", hosts, "playbooks/adopt.yml", "-e", json.dumps(given))
        done = ansible("ansible-playbook", *arguments, folder=ROOT, environment=SHOWN)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        assert region.writes() == []
        shown = re.search(r"^\s*RUN: (\{.*)", done.stdout, re.S | re.M)
        assert shown, done.stdout[-3000:]
        statistics = json.JSONDecoder().raw_decode(shown[1])[0]
        return Adopted(tmp_path / "adopted", statistics, done.stdout)

    return run


@pytest.fixture
def plan(region: Region, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """`site.yml --check` with an inventory: what each task would change, up to those that speak with the cluster."""

    def run(inventory: Path) -> list[dict[str, Any]]:
        told = tmp_path / "changes"
        told.unlink(missing_ok=True)
        environment = {
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "changes",
            "OKESTACK_CHANGES": str(told),
        }
        more = json.dumps({"external_secrets_helm_path": "/bin/false", "external_secrets_stores": "{{ app.none }}"})
        region.forget_calls()
        arguments = ("-i", str(inventory), "site.yml", "--check", "--diff", "-e", more)
        done = ansible("ansible-playbook", *arguments, folder=ROOT, environment=environment)
        made = [call.operation for call in region.writes()]
        assert made in ([], ["container_engine.create_kubeconfig"]), made  # which makes nothing: a read with a body
        rows = [json.loads(line) for line in told.read_text().splitlines()]
        failed = [row for row in rows if row["failed"]]
        assert not failed or KUBERNETES in failed[0]["task"], done.stdout[-6000:]
        assert failed and "'app' is undefined" in failed[0]["msg"], failed
        mine = [row for row in rows if "external_secrets" not in row["task"] and row["changed"]]
        assert any("oke_virtual_pool" in row["task"] for row in rows), done.stdout[-3000:]
        return mine

    return run


def paths(before: Any, after: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Where two documents differ."""
    if before == after:
        return set()
    if isinstance(before, dict) and isinstance(after, dict):
        return {p for k in {*before, *after} for p in paths(before.get(k), after.get(k), (*path, str(k)))}
    return {path}


def but_tags(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a plan changes apart from tags."""
    wrong = []
    for row in rows:
        made = [c for c in row["changes"] if c["change"] != "changed"]
        differing = paths(row["before"] or {}, row["after"] or {})
        if made or any(not TAGS & set(path) for path in differing) or not differing:
            wrong.append({**row, "differing": sorted(differing)})
    return wrong


@pytest.mark.timeout(5400)
def test_the_first_plan_changes_nothing_but_tags(
    region: Region, whole: bool, adopt: Callable[..., Adopted], plan: Callable[..., list[dict[str, Any]]]
) -> None:
    empty = region.snapshot()  # a tenancy has limits
    for seed in range(WHOLE if whole else SAMPLE):
        region.restore(empty)
        site = RandomSite(region, seed).build()
        adopted = adopt(site.compartment_id, okestack_deployment=f"taken{seed}", adopt_overwrite=True,
                        adopt_ids=[site.vcn.id])  # fmt: skip
        told = "".join(p.read_text() for p in adopted.folder.rglob("*.yml")) + adopted.text
        assert not any(canary in told for canary in CANARIES)
        wrong = but_tags(plan(adopted.folder))
        assert wrong == [], (seed, json.dumps(wrong, indent=1, ensure_ascii=False)[:6000], adopted.notes)
