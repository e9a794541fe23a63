"""A site is taken down by the inventory that built it; where nothing is there, nothing fails and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import oci
import pytest

from localregion.testing import Region

from .playbook import ROOT, ansible, play

GIVEN: dict[str, Any] = {
    "okestack_deployment": "goes",
    "okestack_region": "local-1",
    "okestack_availability_domain": "Lcl1:LOCAL-1-AD-1",
    "network_api_client_cidrs": ["192.0.2.0/24"],
    "network_lb_client_cidrs": ["192.0.2.0/24"],
    "app_ingress_image": "r.example/crud:1",
}


@pytest.fixture
def destroy(region: Region, tmp_path: Path) -> Any:
    """Runs playbooks/destroy.yml with the inventory's variables alone; what it printed."""
    (tmp_path / "hosts.yml").write_text(json.dumps({"okestack": {"hosts": {"localhost": {}}}}))
    given = {
        **GIVEN,
        "okestack_compartment_id": region.compartment_id,
        "okestack_config_file": str(region.config_file),
        "okestack_endpoints": {"default": region.endpoint, "local-2": region.other_endpoint},
    }

    def run() -> str:
        arguments = ("-i", str(tmp_path / "hosts.yml"), "playbooks/destroy.yml", "-e", json.dumps(given))
        done = ansible("ansible-playbook", *arguments, folder=ROOT)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
        return done.stdout

    return run


def test_nothing_is_there(region: Region, destroy: Any) -> None:
    region.forget_calls()
    assert "changed=0" in destroy()
    assert region.writes() == []


def test_what_the_roles_made_is_removed(region: Region, destroy: Any, tmp_path: Path) -> None:
    roles = [{"ansible.builtin.import_role": {"name": f"okestack.oci.{name}"}} for name in ("network", "vault_secret")]
    roles.append({"ansible.builtin.import_role": {"name": "okestack.oci.mysql", "tasks_from": "begin"}})
    given = {**GIVEN, "okestack_compartment_id": region.compartment_id}
    play(region, tmp_path, roles, "-e", json.dumps(given))
    region.settle()
    destroy()
    region.settle()
    network = region.client(oci.core.VirtualNetworkClient)
    vcns = network.list_vcns(region.compartment_id, display_name="goes", lifecycle_state="AVAILABLE").data
    assert vcns == []
    policies = region.client(oci.identity.IdentityClient).list_policies(region.compartment_id).data
    assert [policy.name for policy in policies if policy.name.startswith("goes")] == []
    assert "changed=0" in destroy()
