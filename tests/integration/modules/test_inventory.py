"""The inventory of a deployment's parts, by ansible-inventory against the region."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import oci
import pytest
import yaml

from localregion.testing import Region

from ..types.prerequisites import Prerequisites
from .conftest import Door
from .playbook import ROOT, ansible

PLUGIN = ROOT / "plugins" / "inventory" / "deployment.py"


def _tags(deployment: str, component: str) -> dict[str, str]:
    return {"okestack-deployment": deployment, "okestack-component": component}


@pytest.fixture(scope="module")
def ground(region: Region) -> Prerequisites:
    """Two deployments in one compartment, and what belongs to none."""
    door = Door(region)
    ground = Prerequisites(door, region)
    common: dict[str, Any] = {"compartment_id": region.compartment_id}
    network = _tags("shop", "network")
    vcn = door("vcn", **common, display_name="shop", cidr_blocks=["10.40.0.0/16"], freeform_tags=network)["vcn"]
    in_vcn = {**common, "vcn_id": vcn["id"], "freeform_tags": network}
    door("nat_gateway", **in_vcn, display_name="out of it")
    twin = oci.core.models.CreateVcnDetails(
        **common, display_name="shop", cidr_blocks=["10.41.0.0/16"], freeform_tags=_tags("stage", "network")
    )
    region.client(oci.core.VirtualNetworkClient).create_vcn(twin)
    door(
        "mysql_db_system",
        **common,
        display_name="shop",
        freeform_tags=_tags("shop", "mysql"),
        shape_name="MySQL.2",
        subnet_id=ground.subnets["db"],
        admin_username="admin",
        admin_password_secret_id=ground.secret_id,
        data_storage_size_in_gbs=50,
    )
    balancer = oci.load_balancer.models.CreateLoadBalancerDetails(
        **common,
        display_name="ingress",
        shape_name="flexible",
        shape_details=oci.load_balancer.models.ShapeDetails(minimum_bandwidth_in_mbps=10, maximum_bandwidth_in_mbps=10),
        subnet_ids=[ground.subnets["nodes"]],
        freeform_tags=_tags("shop", "app-ingress"),
    )
    region.client(oci.load_balancer.LoadBalancerClient).create_load_balancer(balancer)
    region.settle()
    return ground


def _inventory(region: Region, folder: Path, fails: bool = False, **options: Any) -> Any:
    """What ansible-inventory makes of a source; its error where it fails."""
    source = {
        "plugin": "okestack.oci.deployment",
        "config_file": str(region.config_file),
        "endpoints": {"default": region.endpoint},
        "compartment_id": region.compartment_id,
        **options,
    }
    path = folder / "shop.okestack.yml"
    path.write_text(json.dumps(source))
    environment = {"NAME": "shop", "COMPARTMENT_ID": region.compartment_id}
    environment["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"] = "true"
    done = ansible("ansible-inventory", "-i", str(path), "--list", "--export", "--export", environment=environment)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stderr if fails else json.loads(done.stdout)


def test_parts_by_name_type_and_component(region: Region, ground: Prerequisites, tmp_path: Path) -> None:
    shown = _inventory(region, tmp_path, deployment="{{ lookup('ansible.builtin.env', 'NAME') }}")
    parts = {n: v["part"] for n, v in shown["_meta"]["hostvars"].items()}
    assert set(parts) == {"vcn.shop", "nat_gateway.out-of-it", "mysql_db_system.shop", "load_balancer.ingress"}
    assert shown["type_mysql_db_system"]["hosts"] == ["mysql_db_system.shop"]
    assert shown["component_app_ingress"]["hosts"] == ["load_balancer.ingress"]
    assert sorted(shown["component_network"]["hosts"]) == ["nat_gateway.out-of-it", "vcn.shop"]
    assert len(shown["deployment_shop"]["hosts"]) == 4
    database = parts["mysql_db_system.shop"]
    assert database["id"].startswith("ocid1.mysqldbsystem.") and database["lifecycle_state"] == "ACTIVE"
    assert database["component"] == "mysql" and database["deployment"] == "shop"
    assert {"kind": "private", "host": "10.0.2.2", "port": 3306} in database["addresses"]
    assert [a["kind"] for a in parts["nat_gateway.out-of-it"]["addresses"]] == ["public"]
    assert parts["load_balancer.ingress"]["addresses"][0]["kind"] == "public"
    assert parts["vcn.shop"]["addresses"] == []
    assert shown["_meta"]["hostvars"]["vcn.shop"]["ansible_connection"] == "local"


def test_the_documented_example(region: Region, ground: Prerequisites, tmp_path: Path) -> None:
    example = yaml.safe_load(re.search(r'EXAMPLES = r"""(.*?)"""', PLUGIN.read_text(), re.DOTALL)[1])  # type: ignore[index]
    shown = _inventory(region, tmp_path, **example)
    assert "mysql_db_system.shop" in shown["state_active"]["hosts"]
    hosts = shown["_meta"]["hostvars"]
    assert hosts["mysql_db_system.shop"]["ansible_host"] == "10.0.2.2" and "ansible_host" not in hosts["vcn.shop"]


def test_composed_variables_and_groups(region: Region, ground: Prerequisites, tmp_path: Path) -> None:
    shown = _inventory(
        region,
        tmp_path,
        deployment="shop",
        types=["mysql_db_system", "vcn"],
        strict=True,
        compose={"ansible_host": "part.addresses[0].host | default('none')"},
        groups={"running": "part.lifecycle_state == 'ACTIVE'"},
        keyed_groups=[{"prefix": "state", "key": "part.lifecycle_state | lower"}],
    )
    assert set(shown["_meta"]["hostvars"]) == {"vcn.shop", "mysql_db_system.shop"}
    assert shown["_meta"]["hostvars"]["mysql_db_system.shop"]["ansible_host"] == "10.0.2.2"
    assert shown["running"]["hosts"] == shown["state_active"]["hosts"] == ["mysql_db_system.shop"]


def test_all_deployments_with_parts_of_one_name(region: Region, ground: Prerequisites, tmp_path: Path) -> None:
    shown = _inventory(region, tmp_path, types=["vcn"])
    hosts = shown["_meta"]["hostvars"]
    assert len(hosts) == 2 and all(n == f"vcn.shop-{v['part']['id'][-6:]}" for n, v in hosts.items())
    assert len(shown["deployment_stage"]["hosts"]) == 1, "what carries no tag is not a part"


def test_errors_are_told(region: Region, ground: Prerequisites, tmp_path: Path) -> None:
    assert "there is no vpc" in _inventory(region, tmp_path, fails=True, types=["vpc"])
    assert "no such configuration file" in _inventory(region, tmp_path, fails=True, config_file="/none")


def test_a_module_runs_on_a_part(region: Region, ground: Prerequisites, tmp_path: Path) -> None:
    _inventory(region, tmp_path, deployment="shop")
    options = {"id": "{{ part.id }}", "freeform_tags": {"seen": "yes"}, "config_file": str(region.config_file)}
    play = {
        "hosts": "type_vcn",
        "gather_facts": False,
        "tasks": [{"okestack.oci.vcn": {**options, "endpoints": {"default": region.endpoint}}}],
    }
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    done = ansible("ansible-playbook", "-i", "shop.okestack.yml", "play.yml", folder=tmp_path)
    assert done.returncode == 0 and "changed=1" in done.stdout, done.stdout + done.stderr


def test_texts_are_exported_as_they_are_but_for_templates(
    region: Region, ground: Prerequisites, tmp_path: Path
) -> None:
    vcn = oci.core.models.CreateVcnDetails(
        compartment_id=region.compartment_id,
        display_name="{{ 6 * 7 }}",
        cidr_blocks=["10.42.0.0/16"],
        freeform_tags=_tags("odd", "network"),
    )
    region.client(oci.core.VirtualNetworkClient).create_vcn(vcn)
    region.settle()
    plain = _inventory(region, tmp_path, deployment="shop")
    assert "__ansible_unsafe" not in json.dumps(plain)
    odd = _inventory(region, tmp_path, deployment="odd")
    ((host, variables),) = odd["_meta"]["hostvars"].items()
    assert variables["part"]["name"] == {"__ansible_unsafe": "{{ 6 * 7 }}"}
    done = ansible("ansible", "-i", "shop.okestack.yml", host, "-m", "debug", "-a", "var=part.name", folder=tmp_path)
    assert "42" not in done.stdout and "6 * 7" in done.stdout, done.stdout
