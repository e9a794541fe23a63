"""The templates of `awx/` played as AWX plays them, by ansible-runner, against the region's API alone: which answers
reach tasks, what comes while a job runs, what it leaves, and that no secret is in any of it.

Without a Kubernetes API a site has network, vault and database; `tests/e2e` plays the workflow on a whole one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import oci
import pytest

from localregion.testing import Region
from tests.controller import Controller, Job, plain

from .test_role_options import FILLED

TOKEN = "-".join(("Kanarie7", "registry"))  # so that this file, which is part of the project, holds none
DEPLOYMENT = "okestack-prod"
CLOUD = "mysql"
"""A tag that plays what needs no Kubernetes API."""


def controller_of(region: Region, folder: Path, **settings: Any) -> Controller:
    """An AWX whose project is this repository, `inventories/prod` filled in; sign-in by the operator's key, as Oracle's
    console writes it. The inventory names another configuration, which the credential must outrank."""
    key = Path(region.config["key_file"]).read_text() + "OCI_API_KEY\n"
    names = {"tenancy": "awx_tenancy", "user": "awx_user", "fingerprint": "awx_fingerprint", "region": "awx_region"}
    given = {setting: region.config[name] for name, setting in names.items()}
    typed = {"cloud": {"key": key}, "registry": {"token": TOKEN}}
    made = Controller(folder, typed, **{**given, "awx_compartment": region.compartment_id, **settings})
    files = {}
    for path in (made.project / "inventories/prod").rglob("*.yml"):
        text = path.read_text()
        for placeholder, value in FILLED.items():
            text = text.replace(placeholder, region.compartment_id if value == "COMPARTMENT" else value)
        files[str(path.relative_to(made.project))] = text
    here = {
        "okestack_endpoints": {"default": region.endpoint, "local-2": region.other_endpoint},
        "okestack_config_file": "/nowhere/config",
        "okestack_auth_type": "resource_principal",
        "external_secrets_helm_path": "/bin/true",
        "mysql_deletion_policy": {"is_delete_protected": False, "final_backup": "SKIP_FINAL_BACKUP"},
    }
    made.commit({**files, "inventories/prod/group_vars/all/here.yml": json.dumps(here)})
    made.environment = {"OCI_ENDPOINT": region.endpoint}
    return made


@pytest.fixture(scope="module")
def awx(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Controller:
    return controller_of(region, tmp_path_factory.mktemp("awx"))


@pytest.fixture(scope="module")
def hosts(awx: Controller) -> dict[str, Any]:
    """What AWX keeps of the inventory's source."""
    return awx.update("inventories/prod")


def no_secret(region: Region, job: Job) -> None:
    """Neither key nor token is in what the worker sent, in an artifact, or in a file but those of the credentials."""
    body = Path(region.config["key_file"]).read_text().splitlines()[1]
    canaries = [body.encode(), TOKEN.encode(), base64.b64encode(TOKEN.encode())[:20]]
    left = [path for folder in (job.folder / "artifacts", job.worker) for path in folder.rglob("*") if path.is_file()]
    texts = {str(path): path.read_bytes() for path in left if path.parent.name != "env"} | {"stream": job.stream}
    assert [name for name, text in texts.items() if any(one in text for one in canaries)] == []
    assert any(canaries[0] in path.read_bytes() for path in (job.worker / "env").iterdir()), "it was given to the job"


PROBE = """
- hosts: okestack
  connection: local
  gather_facts: false
  tasks:
    - name: Probe
      ansible.builtin.debug:
        msg: "{{ dict(names | zip(query('ansible.builtin.vars', *names, default='(none)'))) }}"
      vars:
        names: %s
"""
ANSWERS: dict[str, Any] = {
    "app_ingress_image": "r.example/shop:2",
    "app_ingress_replicas": 2,
    "app_ingress_host": "",
    "app_ingress_resources": '{"cpu": "1", "memory": "1Gi"}',
    "network_lb_client_cidrs": '["192.0.2.0/24", "198.51.100.0/24"]',
    "mysql_is_highly_available": "false",
}


def test_an_answer_reaches_a_task_as_what_it_means(region: Region, awx: Controller, hosts: dict[str, Any]) -> None:
    names = [*ANSWERS, "oke_virtual_pool_size", "okestack_config_file", "okestack_auth_type"]
    awx.commit({"probe.yml": PROBE % json.dumps(names)})
    job = awx.launch("okestack prod site", ANSWERS, inventory=hosts, playbook="probe.yml")
    assert job.status == "successful", job.text
    (result,) = job.results("Probe")
    assert result["msg"] == {
        **ANSWERS,
        "app_ingress_host": "(none)",
        "app_ingress_resources": {"cpu": "1", "memory": "1Gi"},
        "network_lb_client_cidrs": ["192.0.2.0/24", "198.51.100.0/24"],
        "mysql_is_highly_available": False,
        "oke_virtual_pool_size": 3,  # not answered: the inventory's
        "okestack_config_file": f"{job.worker}/env/tmp_0_template_config",
        "okestack_auth_type": "api_key",
    }
    no_secret(region, job)


def test_a_plan_is_counted_for_who_approves(region: Region, awx: Controller, hosts: dict[str, Any]) -> None:
    region.forget_calls()
    job = awx.launch("okestack prod plan", ANSWERS, inventory=hosts)
    assert job.status == "successful", job.text[-3000:]
    assert [call for call in region.writes() if not call.operation.endswith("create_kubeconfig")] == []
    assert job.artifacts["okestack_plan"]["add"] > 40
    assert "r.example/shop:2" in job.text and "cpu: '1'" in job.text, "the answers are in the diff"
    no_secret(region, job)


def test_a_killed_job_is_launched_again_and_converges(region: Region, awx: Controller, hosts: dict[str, Any]) -> None:
    site = "okestack prod site"

    def begun(event: dict[str, Any]) -> bool:
        return "vcn okestack-prod" in event.get("stdout", "") or region.count("core.create_subnet") > 1

    killed = awx.launch(site, inventory=hosts, job_tags=CLOUD, watch=begun)
    assert killed.status == "killed" and region.count("mysql.create_db_system") == 0
    region.settle()
    job = awx.launch(site, inventory=hosts, job_tags=CLOUD)
    assert job.status == "successful", job.text[-3000:]
    network = region.client(oci.core.VirtualNetworkClient)
    (vcn,) = network.list_vcns(region.compartment_id, display_name=DEPLOYMENT).data
    names = [one.display_name for one in network.list_subnets(region.compartment_id, vcn_id=vcn.id).data]
    assert len(names) == len(set(names)) == 5
    assert region.count("mysql.create_db_system") == 1
    no_secret(region, job)

    # What people see comes while the job runs, each line as an event of its own.
    lines = [one for one in job.events if one["event"] == "verbose" and plain(one).startswith("  ")]
    assert lines, job.text
    first, last = (job.arrived[one["uuid"]] for one in (lines[0], job.events[-1]))
    assert first < last
    assert "network" in job.text and "made" in job.text

    again = awx.launch(site, inventory=hosts, job_tags=CLOUD, artifacts=job.artifacts)
    (stats,) = [one["event_data"] for one in again.events if one["event"] == "playbook_on_stats"]
    assert again.status == "successful" and stats["changed"] == {}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "verify": ({"verify_certificate_days": 14}, "Broken is"),
    "drift": ({"drift_fail_on": ["gone"], "drift_ignore": "vcn landing-*"}, "The site is not as declared"),
    "rotate passwords": ({"rotate_secret_names": ["mysql-app"], "rotate_secret_keep_versions": 5}, "cluster"),
    "scale": ({"oke_virtual_pool_size": 4, "app_ingress_autoscaling": '{"min": 2, "max": 4}'}, "cluster"),
    "upgrade": (
        {"oke_virtual_pool_kubernetes_version": "", "upgrade_accept_unseen": "true"},
        "There is not one cluster",
    ),
    "preflight": ({"preflight_growth_percent": 20}, "is not in the registry"),
}
"""What a site without a cluster is not enough for: the template's last words, answers, and what it says."""


def test_the_other_templates_are_played(region: Region, awx: Controller, hosts: dict[str, Any]) -> None:
    def launched(name: str, given: dict[str, Any] | None = None) -> Callable[[], Job]:
        return lambda: awx.launch(f"okestack prod {name}", given, inventory=hosts)

    wanted = {name: launched(name, given) for name, (given, _) in REFUSED.items()}
    wanted["report"] = launched("report", {"report_drift": "false", "report_directory": ""})
    wanted["adopt"] = launched(
        "adopt", {"okestack_deployment": DEPLOYMENT, "adopt_secrets": "", "adopt_overwrite": "true"}
    )
    wanted["destroy"] = launched("destroy", {"destroy_confirm": DEPLOYMENT})
    with ThreadPoolExecutor(2) as pool:
        jobs = dict(zip(wanted, pool.map(lambda launch: launch(), wanted.values()), strict=True))
    for name, job in jobs.items():
        no_secret(region, job)
        if name in REFUSED:
            assert job.status == "failed" and REFUSED[name][1] in job.text, (name, job.text[-3000:])
        else:
            assert job.status == "successful", (name, job.text[-3000:])
    for name in ("verify", "drift", "preflight"):
        assert jobs[name].artifacts["okestack_findings"], name
    adopted = jobs["adopt"].artifacts["okestack_inventory"]
    assert adopted["okestack_deployment"] == DEPLOYMENT
    assert {"okestack_config_file", "okestack_profile", "okestack_auth_type"} & set(adopted) == set()
    written = Path(jobs["report"].artifacts["okestack_report"]["file"]).name
    assert len(list(jobs["report"].worker.rglob(written))) == 1
    assert "to remove" in jobs["destroy"].text  # a check, by the template
    for job in jobs.values():
        assert all(name.startswith("okestack_") for name in job.artifacts)


def test_the_parts_are_hosts_with_plain_texts(region: Region, awx: Controller) -> None:
    found = awx.update("parts of prod")
    assert "__ansible_unsafe" not in json.dumps(found)
    parts = found["_meta"]["hostvars"]
    assert parts[f"vcn.{DEPLOYMENT}"]["part"]["lifecycle_state"] == "AVAILABLE"
    assert parts[f"vcn.{DEPLOYMENT}"]["ansible_connection"] == "local"


def test_it_is_taken_down_when_its_name_is_typed(region: Region, awx: Controller, hosts: dict[str, Any]) -> None:
    answers = {"destroy_confirm": DEPLOYMENT}
    job = awx.launch("okestack prod destroy", answers, inventory=hosts, job_type="run")
    assert job.status == "successful", job.text[-3000:]
    assert {row["what"].split()[0] for row in job.artifacts["okestack_left"]} <= {"vault", "policy"}
