"""A site is taken down by the inventory that built it; where nothing is there, nothing fails and nothing is written."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import oci
import pytest
import yaml

from localregion.testing import Region

from .playbook import ROOT, ansible, inventory, play, site_variables


@pytest.fixture
def destroy(region: Region, tmp_path: Path) -> Any:
    """Runs playbooks/destroy.yml with the inventory's variables alone; what it printed."""
    hosts = inventory(tmp_path, {})
    given = site_variables(region, "goes")

    def run(*more: str, confirm: str | None = "goes", fails: bool = False) -> str:
        extra = {**given, **({"destroy_confirm": confirm} if confirm else {})}
        arguments = ("-i", hosts, "playbooks/destroy.yml", "-e", json.dumps(extra), *more)
        done = ansible("ansible-playbook", *arguments, folder=ROOT)
        assert (done.returncode != 0) == fails, done.stdout[-4000:] + done.stderr[-1000:]
        return done.stdout

    return run


def test_nothing_is_there(region: Region, destroy: Any) -> None:
    region.forget_calls()
    assert "changed=0" in destroy()
    assert region.writes() == []


def test_what_the_roles_made_is_removed(region: Region, destroy: Any, tmp_path: Path) -> None:
    roles = [{"ansible.builtin.import_role": {"name": f"okestack.oci.{name}"}} for name in ("network", "vault_secret")]
    roles.append({"ansible.builtin.import_role": {"name": "okestack.oci.mysql", "tasks_from": "begin"}})
    given = site_variables(region, "goes")
    play(region, tmp_path, roles, "-e", json.dumps(given))
    region.settle()
    region.forget_calls()
    assert "say -e destroy_confirm=goes" in destroy(confirm=None, fails=True)
    assert "Nothing has been removed" in destroy(confirm="other", fails=True)
    shown = destroy("--check", confirm=None)
    assert region.writes() == []
    for gone in ("vcn goes", "vault goes", "mysql_db_system goes", "subnet pods"):
        assert f"  {gone}\n" in shown.partition("to remove (")[2], gone
    told = destroy()
    assert "vault goes" in told and "PENDING_DELETION until 20" in told, told[-2000:]
    region.settle()
    network = region.client(oci.core.VirtualNetworkClient)
    vcns = network.list_vcns(region.compartment_id, display_name="goes", lifecycle_state="AVAILABLE").data
    assert vcns == []
    policies = region.client(oci.identity.IdentityClient).list_policies(region.compartment_id).data
    assert [policy.name for policy in policies if policy.name.startswith("goes")] == []
    assert "changed=0" in destroy()


def test_what_was_set_to_be_deleted_is_revived(region: Region, tmp_path: Path) -> None:
    vaults = region.client(oci.key_management.KmsVaultClient)
    (before,) = [v for v in vaults.list_vaults(region.compartment_id).data if v.display_name == "goes"]
    assert before.lifecycle_state == "PENDING_DELETION"
    given = site_variables(region, "goes")
    role = {"ansible.builtin.import_role": {"name": "okestack.oci.vault_secret"}}
    play(region, tmp_path, [role], "-e", json.dumps(given))
    assert vaults.get_vault(before.id).data.lifecycle_state == "ACTIVE"


def test_what_somebody_else_made_under_that_name_stays(region: Region, destroy: Any, tmp_path: Path) -> None:
    vaults = region.client(oci.key_management.KmsVaultClient)
    (vault,) = [v for v in vaults.list_vaults(region.compartment_id).data if v.display_name == "goes"]
    vaults.update_vault(vault.id, oci.key_management.models.UpdateVaultDetails(freeform_tags={}))
    network = region.client(oci.core.VirtualNetworkClient)
    models = oci.core.models
    details = models.CreateVcnDetails(
        compartment_id=region.compartment_id, display_name="goes", cidr_blocks=["10.0.0.0/16"]
    )
    vcn = network.create_vcn(details).data
    region.settle()
    region.forget_calls()
    assert "changed=0" in destroy()
    assert region.writes() == []
    assert vaults.get_vault(vault.id).data.lifecycle_state == "ACTIVE"
    assert network.get_vcn(vcn.id).data.lifecycle_state == "AVAILABLE"


def test_what_is_given_by_its_ocid_stays(region: Region, tmp_path: Path) -> None:
    """Of a given vault what the role put in goes; a given DB system and cluster stay whole."""
    roles = [{"ansible.builtin.import_role": {"name": f"okestack.oci.{name}"}} for name in ("network", "vault_secret")]
    roles += [
        {"ansible.builtin.import_role": {"name": f"okestack.oci.{name}", "tasks_from": part}}
        for name, part in (("mysql", "begin"), ("oke_virtual_pool", "begin"), ("oke_virtual_pool", "ready"))
    ]
    given = site_variables(region, "given")
    play(region, tmp_path, roles, "-e", json.dumps(given))
    region.settle()
    place = region.compartment_id
    vaults, secrets = region.client(oci.key_management.KmsVaultClient), region.client(oci.vault.VaultsClient)
    databases = region.client(oci.mysql.DbSystemClient)
    clusters = region.client(oci.container_engine.ContainerEngineClient)
    (vault,) = [row for row in vaults.list_vaults(place).data if row.display_name == "given"]
    keys = region.client(oci.key_management.KmsManagementClient, service_endpoint=vault.management_endpoint)
    (key,) = keys.list_keys(place).data
    (database,) = [row for row in databases.list_db_systems(place).data if row.display_name == "given"]
    (cluster,) = [row for row in clusters.list_clusters(place).data if row.name == "given"]
    ids = {
        "vault_secret_vault_id": vault.id,
        "mysql_db_system_id": database.id,
        "oke_virtual_pool_cluster_id": cluster.id,
    }

    def destroy(**more: str) -> str:
        extra = json.dumps({**given, **ids, **more, "destroy_confirm": "given"})
        arguments = ("-i", inventory(tmp_path, {}), "playbooks/destroy.yml", "-e", extra)
        tags = "--tags=vault_secret,mysql,oke_virtual_pool"
        done = ansible("ansible-playbook", *arguments, tags, folder=ROOT)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
        region.settle()
        return done.stdout

    destroy(vault_secret_key_id=key.id)
    assert vaults.get_vault(vault.id).data.lifecycle_state == "ACTIVE"
    assert keys.get_key(key.id).data.lifecycle_state == "ENABLED"
    assert {row.lifecycle_state for row in secrets.list_secrets(place, vault_id=vault.id).data} == {"PENDING_DELETION"}
    assert databases.get_db_system(database.id).data.lifecycle_state == "ACTIVE"
    assert clusters.get_cluster(cluster.id).data.lifecycle_state == "ACTIVE"
    pools = clusters.list_virtual_node_pools(place, cluster_id=cluster.id).data
    assert {pool.lifecycle_state for pool in pools} == {"DELETED"}
    destroy()
    assert keys.get_key(key.id).data.lifecycle_state == "PENDING_DELETION"
    assert vaults.get_vault(vault.id).data.lifecycle_state == "ACTIVE"
    assert "changed=0" in destroy()


def test_one_role_s_part_goes_by_its_tag(destroy: Any) -> None:
    roles = set(re.findall(r"^TASK \[okestack\.oci\.(\w+) :", destroy("--tags", "mysql"), re.M))
    assert roles == {"mysql"}


def left(region: Region, name: str) -> list[str]:
    """What of a deployment is there and is not set to be deleted."""
    network, place = region.client(oci.core.VirtualNetworkClient), region.compartment_id
    rows = [*network.list_vcns(place).data, *network.list_subnets(place).data]
    rows += network.list_network_security_groups(compartment_id=place).data
    rows += region.client(oci.mysql.DbSystemClient).list_db_systems(place).data
    rows += region.client(oci.key_management.KmsVaultClient).list_vaults(place).data
    rows += region.client(oci.identity.IdentityClient).list_policies(place).data
    gone = ("TERMINATED", "DELETED", "PENDING_DELETION", "SCHEDULING_DELETION")
    own = [r for r in rows if (r.freeform_tags or {}).get("okestack-deployment") == name]
    return [r.id for r in own if r.lifecycle_state not in gone]


def test_killed_at_random_points_it_ends_with_nothing_left(region: Region, tmp_path: Path, whole: bool) -> None:
    """kill -9 some writes after each start; 20 points with --whole. What is killed too late has come to its end."""
    given = {**site_variables(region, "killed"), "destroy_confirm": "killed"}
    hosts, chance, kills = inventory(tmp_path), random.Random(11), 0
    roles = [{"ansible.builtin.import_role": {"name": f"okestack.oci.{name}"}} for name in ("network", "vault_secret")]
    roles.append({"ansible.builtin.import_role": {"name": "okestack.oci.mysql", "tasks_from": "begin"}})
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        hosts,
        "playbooks/destroy.yml",
        "-e",
        json.dumps(given),
    ]
    env = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    while kills < (20 if whole else 3):
        play(region, tmp_path, roles, "-e", json.dumps(given))
        region.settle()
        assert left(region, "killed")
        for _run in range(20):
            region.forget_calls()
            writes = chance.randint(1, 4) if whole else chance.randint(4, 12)
            run = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while run.poll() is None and len(region.writes()) < writes:
                time.sleep(0.005)
            if run.poll() is not None:
                assert run.returncode == 0
                break
            run.kill()
            run.wait()
            kills += 1
        done = ansible("ansible-playbook", *command[1:], folder=ROOT)
        assert done.returncode == 0, done.stdout[-4000:]
        region.settle()
        assert left(region, "killed") == []


def test_what_others_put_into_the_network_is_named(region: Region, tmp_path: Path) -> None:
    """A load balancer in a subnet of it holds the network; once that is gone, the rest goes."""
    given = {**site_variables(region, "held"), "destroy_confirm": "held"}
    play(region, tmp_path, [{"ansible.builtin.import_role": {"name": "okestack.oci.network"}}], "-e", json.dumps(given))
    network = region.client(oci.core.VirtualNetworkClient)
    (vcn,) = network.list_vcns(region.compartment_id, display_name="held", lifecycle_state="AVAILABLE").data
    subnets = {row.display_name: row.id for row in network.list_subnets(region.compartment_id, vcn_id=vcn.id).data}
    balancers, models = region.client(oci.load_balancer.LoadBalancerClient), oci.load_balancer.models
    shape = models.ShapeDetails(minimum_bandwidth_in_mbps=10, maximum_bandwidth_in_mbps=10)
    details = models.CreateLoadBalancerDetails(
        compartment_id=region.compartment_id, display_name="theirs", shape_name="flexible", shape_details=shape,
        subnet_ids=[subnets["lb"]],
    )  # fmt: skip
    balancers.create_load_balancer(details)
    region.settle()
    (theirs,) = [
        row for row in balancers.list_load_balancers(region.compartment_id).data if row.display_name == "theirs"
    ]
    (sooner,) = yaml.safe_load((ROOT / "playbooks/destroy.yml").read_text())
    sooner["module_defaults"]["group/okestack.oci.all"]["retry_timeout"] = 2
    (tmp_path / "destroy.yml").write_text(json.dumps([sooner]))
    arguments = ("-i", inventory(tmp_path), str(tmp_path / "destroy.yml"), "-e", json.dumps(given))
    done = ansible("ansible-playbook", *arguments, folder=ROOT)
    text = done.stdout + done.stderr
    assert done.returncode == 2 and "409" in text and re.search(r"ocid1\.(vnic|privateip|loadbalancer)\.", text), text[
        -3000:
    ]
    balancers.delete_load_balancer(theirs.id)
    region.settle()
    assert ansible("ansible-playbook", *arguments, folder=ROOT).returncode == 0
    region.settle()
    assert left(region, "held") == []
