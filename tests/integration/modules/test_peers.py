"""What users of oracle.oci suffered from, one test each: it does not happen here.

The rows of faults are listed in `ROWS`; those that other files prove are named there, so that none is lost.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils import registry
from ansible_collections.okestack.oci.plugins.module_utils.model import ResourceType
from ansible_collections.okestack.oci.plugins.module_utils.run import ResourceTask, full_spec
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types

from localregion.testing import Region

from ..types.prerequisites import Prerequisites
from .conftest import Door
from .playbook import ROOT, play

ROWS: dict[str, list[str]] = {
    "identity of a resource": [
        "test_a_vcn_with_another_tag_is_not_made_twice",
        "test_a_node_pool_of_another_size_is_not_made_twice",
        "test_a_secret_is_found_by_its_secret_name",
    ],
    "drift": [
        "test_a_removed_tag_is_drift",
        "test_a_doubled_rule_is_drift",
        "test_a_changed_vcn_cidr_is_drift",
        "test_a_rule_widened_by_dropping_its_ports_is_drift",
    ],
    "check mode": [
        "test_every_module_takes_check_mode",
        "test_a_create_in_check_mode_answers_what_would_be",
        "test_an_update_in_check_mode_answers_the_new_object",
    ],
    "diff mode": ["test_every_change_has_a_diff"],
    "secrets": [
        "test_changed_content_is_a_new_version_without_an_id",
        "test_the_same_content_makes_no_new_version_with_an_id",
        "test_a_secrets_content_is_generated_and_never_returned",
        "test_no_secret_and_no_authorization_header_at_vvv",
    ],
    "NSG rules": ["test_a_changed_port_leaves_no_rule_open"],
    "security lists, route tables": [
        "test_rules_in_another_order_are_no_change",
        "test_a_rule_that_another_client_adds_meanwhile_is_not_overwritten_blindly",
    ],
    "virtual node pool": [
        "test_keys_of_labels_and_taints_are_shown",
        "test_a_pool_is_ready_when_its_nodes_are",
    ],
    "MySQL": [
        "test_a_second_run_of_a_db_system_changes_nothing",
        "test_an_update_of_a_db_system_sends_only_what_changes",
        "test_groups_secure_connections_and_data_storage_of_a_db_system_are_managed",
    ],
    "kubeconfig": ["test_a_second_run_leaves_the_kubeconfig_unchanged"],
    "waits": [
        "test_waits_look_as_often_as_wait_interval_says",
        "test_a_404_after_a_create_is_waited_through",
    ],
    "retries": [
        "test_if_match_is_sent_with_each_update",
        "test_a_change_by_somebody_else_is_never_overwritten_blindly",
        "test_rate_limits_and_conflicts_are_retried_as_retry_after_says",
        "test_a_create_that_goes_wrong_once_makes_one",
    ],
    "authentication": [
        "test_oke_workload_identity_authenticates",
        "test_instance_principal_authenticates",
        "test_resource_principal_authenticates",
    ],
    "cost": [
        "test_a_refused_connection_is_told_within_seconds",
        "test_no_call_leaves_for_the_internet",
        "test_the_sdk_is_loaded_once_a_run_and_not_once_a_task",
        "test_a_task_imports_no_service_that_it_does_not_use",
    ],
    "in the cluster": ["test_kubernetes_objects_have_modules"],
    "packaging": ["test_every_module_is_in_the_group_and_behind_the_door"],
}


def test_every_fault_has_its_tests() -> None:
    """A row whose tests are gone fails here."""
    written: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        written |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert {row: [t for t in tests if t not in written] for row, tests in ROWS.items()} == {row: [] for row in ROWS}


@pytest.fixture(scope="module")
def ground(region: Region) -> Prerequisites:
    return Prerequisites(Door(region), region)


@pytest.fixture
def network(region: Region) -> Any:
    return region.client(oci.core.VirtualNetworkClient)


def _vcn(region: Region, name: str, **more: Any) -> dict[str, Any]:
    return {"compartment_id": region.compartment_id, "display_name": name, "cidr_blocks": ["10.70.0.0/16"], **more}


def _writes(region: Region) -> list[str]:
    return [call.operation.rpartition(".")[2] for call in region.writes()]


# --- identity ----------------------------------------------------------------------------------------------------


def test_a_vcn_with_another_tag_is_not_made_twice(door: Door, region: Region, network: Any) -> None:
    first = door("vcn", **_vcn(region, "tagged", freeform_tags={"stage": "one"}))
    second = door("vcn", **_vcn(region, "tagged", freeform_tags={"stage": "two"}))
    assert second["changed"] and second["vcn"]["id"] == first["vcn"]["id"]
    assert len(network.list_vcns(region.compartment_id, display_name="tagged").data) == 1


def _pool(ground: Prerequisites, **more: Any) -> dict[str, Any]:
    return {
        "compartment_id": ground.compartment_id,
        "cluster_id": ground.cluster_id,
        "display_name": "peers",
        "size": 1,
        "placement_configurations": [
            {"availability_domain": ground.ad, "fault_domain": ["FAULT-DOMAIN-1"], "subnet_id": ground.subnets["nodes"]}
        ],
        "pod_configuration": {"subnet_id": ground.subnets["pods"], "shape": "Pod.Standard.E4.Flex"},
        **more,
    }


def test_a_node_pool_of_another_size_is_not_made_twice(door: Door, ground: Prerequisites) -> None:
    first = door("virtual_node_pool", **_pool(ground))
    second = door("virtual_node_pool", **_pool(ground, size=2))
    assert second["changed"] and second["virtual_node_pool"]["id"] == first["virtual_node_pool"]["id"]
    door("virtual_node_pool", state="absent", id=first["virtual_node_pool"]["id"])


def _secret(ground: Prerequisites, name: str, **more: Any) -> dict[str, Any]:
    where = {"compartment_id": ground.compartment_id, "vault_id": ground.vault_id, "key_id": ground.key_id}
    return {**where, "secret_name": name, **more}


def test_a_secret_is_found_by_its_secret_name(door: Door, ground: Prerequisites) -> None:
    first = door("vault_secret", **_secret(ground, "found", content="canary-found"))
    again = door("vault_secret", **_secret(ground, "found", content="canary-found"))
    assert not again["changed"] and again["vault_secret"]["id"] == first["vault_secret"]["id"]


# --- drift -------------------------------------------------------------------------------------------------------


def test_a_removed_tag_is_drift(door: Door, region: Region, network: Any) -> None:
    vcn = _vcn(region, "untagged", freeform_tags={"owner": "a", "stage": "b"})
    id_ = door("vcn", **vcn)["vcn"]["id"]
    network.update_vcn(id_, oci.core.models.UpdateVcnDetails(freeform_tags={"owner": "a"}))
    repaired = door("vcn", **vcn)
    assert repaired["changed"] and repaired["diff"]["after"] == {"freeform_tags": {"stage": "b"}}
    assert network.get_vcn(id_).data.freeform_tags == {"owner": "a", "stage": "b"}


def _group(ground: Prerequisites, name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    where = {"compartment_id": ground.compartment_id, "vcn_id": ground.vcn_id}
    return {**where, "display_name": name, "security_rules": list(rules)}


def _rule(low: int, high: int) -> dict[str, Any]:
    ports = {"destination_port_range": {"min": low, "max": high}}
    peer = {"source": "192.0.2.0/24", "source_type": "CIDR_BLOCK"}
    return {"direction": "INGRESS", "protocol": "6", **peer, "tcp_options": ports}


def _rules(network: Any, group: str) -> list[Any]:
    return list(network.list_network_security_group_security_rules(group).data)


def test_a_doubled_rule_is_drift(door: Door, ground: Prerequisites, network: Any) -> None:
    group = _group(ground, "doubled", _rule(80, 80))
    id_ = door("network_security_group", **group)["network_security_group"]["id"]
    models = oci.core.models
    ports = models.TcpOptions(destination_port_range=models.PortRange(min=80, max=80))
    same = models.AddSecurityRuleDetails(
        direction="INGRESS", protocol="6", source="192.0.2.0/24", source_type="CIDR_BLOCK", tcp_options=ports
    )
    network.add_network_security_group_security_rules(
        id_, models.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=[same])
    )
    assert len(_rules(network, id_)) == 2
    assert door("network_security_group", **group)["changed"]
    assert len(_rules(network, id_)) == 1


def test_a_changed_vcn_cidr_is_drift(door: Door, region: Region, network: Any) -> None:
    vcn = _vcn(region, "cidr")
    id_ = door("vcn", **vcn)["vcn"]["id"]
    network.add_vcn_cidr(id_, oci.core.models.AddVcnCidrDetails(cidr_block="10.99.0.0/16"))
    region.settle()
    assert door("vcn", **vcn)["changed"]
    assert network.get_vcn(id_).data.cidr_blocks == ["10.70.0.0/16"]


def test_a_rule_widened_by_dropping_its_ports_is_drift(door: Door, ground: Prerequisites, network: Any) -> None:
    group = _group(ground, "widened", _rule(443, 443))
    id_ = door("network_security_group", **group)["network_security_group"]["id"]
    rule = _rules(network, id_)[0]
    wide = oci.core.models.UpdateSecurityRuleDetails(
        id=rule.id, direction="INGRESS", protocol="6", source=rule.source, source_type=rule.source_type
    )
    network.update_network_security_group_security_rules(
        id_, oci.core.models.UpdateNetworkSecurityGroupSecurityRulesDetails(security_rules=[wide])
    )
    assert _rules(network, id_)[0].tcp_options is None
    assert door("network_security_group", **group)["changed"]
    assert _rules(network, id_)[0].tcp_options.destination_port_range.min == 443


# --- check and diff mode -----------------------------------------------------------------------------------------


def _modules() -> list[str]:
    actions = {p.stem for p in ROOT.glob("plugins/action/*.py")}
    return sorted({p.stem for p in ROOT.glob("plugins/modules/*.py")} - actions - {"__init__"})


@pytest.mark.parametrize("name", _modules())
def test_every_module_takes_check_mode(name: str) -> None:
    text = (ROOT / "plugins" / "modules" / f"{name}.py").read_text(encoding="utf-8")
    assert re.search(r"check_mode:\n\s+support: full", text) or "okestack.oci.attributes" in text
    assert registry.task(name) is not None, "run by the one door, which has check mode for all"


def test_a_create_in_check_mode_answers_what_would_be(door: Door, region: Region) -> None:
    planned = door("vcn", check=True, **_vcn(region, "planned", dns_label="planned"))
    assert planned["changed"] and planned["vcn"]["dns_label"] == "planned"
    assert planned["vcn"]["id"] == "(known after apply: vcn planned id)"


def test_an_update_in_check_mode_answers_the_new_object(door: Door, region: Region) -> None:
    door("vcn", **_vcn(region, "foretold", freeform_tags={"a": "1"}))
    planned = door("vcn", check=True, **_vcn(region, "foretold", freeform_tags={"a": "2"}))
    assert planned["vcn"]["freeform_tags"]["a"] == "2"


def test_every_change_has_a_diff(door: Door, region: Region) -> None:
    made = door("vcn", **_vcn(region, "diffed"))
    assert made["diff"]["before"] == {} and made["diff"]["after"]["cidr_blocks"] == ["10.70.0.0/16"]
    changed = door("vcn", **_vcn(region, "diffed", freeform_tags={"a": "1"}))
    assert changed["diff"]["after"] == {"freeform_tags": {"a": "1"}}
    removed = door("vcn", state="absent", compartment_id=region.compartment_id, display_name="diffed")
    assert removed["diff"]["before"]["display_name"] == "diffed" and removed["diff"]["after"] == {}


# --- secrets -----------------------------------------------------------------------------------------------------


def _version(region: Region, secret_id: str) -> Any:
    return region.client(oci.vault.VaultsClient).get_secret(secret_id).data.current_version_number


def test_changed_content_is_a_new_version_without_an_id(door: Door, region: Region, ground: Prerequisites) -> None:
    id_ = door("vault_secret", **_secret(ground, "renewed", content="canary-one"))["vault_secret"]["id"]
    assert door("vault_secret", **_secret(ground, "renewed", content="canary-two"))["changed"]
    assert _version(region, id_) == 2


def test_the_same_content_makes_no_new_version_with_an_id(door: Door, region: Region, ground: Prerequisites) -> None:
    id_ = door("vault_secret", **_secret(ground, "kept", content="canary-kept"))["vault_secret"]["id"]
    assert not door("vault_secret", **_secret(ground, "kept", content="canary-kept"), id=id_)["changed"]
    assert _version(region, id_) == 1


def test_a_secrets_content_is_generated_and_never_returned(door: Door, region: Region, ground: Prerequisites) -> None:
    made = door(
        "vault_secret",
        **_secret(ground, "generated", enable_auto_generation=True),
        secret_generation_context={
            "generation_type": "PASSPHRASE",
            "generation_template": "SECRETS_DEFAULT_PASSWORD",
            "passphrase_length": 24,
        },
    )
    bundle = region.client(oci.secrets.SecretsClient).get_secret_bundle(made["vault_secret"]["id"]).data
    content = bundle.secret_bundle_content.content
    assert len(content) > 20 and content not in json.dumps(made)
    given = door("vault_secret", **_secret(ground, "given", content="canary-given"))
    assert "canary-given" not in json.dumps(given)


def test_no_secret_and_no_authorization_header_at_vvv(region: Region, ground: Prerequisites, tmp_path: Path) -> None:
    options = _secret(ground, "verbose", content="canary-verbose")
    out = play(region, tmp_path, [{"okestack.oci.vault_secret": options}], "-vvvv", "--diff")
    assert "canary-verbose" not in out and "Y2FuYXJ5LXZlcmJvc2" not in out
    assert "authorization" not in out.lower() and "Signature version" not in out


# --- rules -------------------------------------------------------------------------------------------------------


def test_a_changed_port_leaves_no_rule_open(door: Door, region: Region, ground: Prerequisites, network: Any) -> None:
    id_ = door("network_security_group", **_group(ground, "port", _rule(80, 80)))["network_security_group"]["id"]
    before = _rules(network, id_)[0].id
    region.forget_calls()
    assert door("network_security_group", **_group(ground, "port", _rule(8080, 8080)))["changed"]
    assert _writes(region) == ["update_network_security_group_security_rules"], "no moment with both or with none"
    (rule,) = _rules(network, id_)
    assert rule.tcp_options.destination_port_range.min == 8080 and rule.id == before


def _list(ground: Prerequisites, name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    where = {"compartment_id": ground.compartment_id, "vcn_id": ground.vcn_id}
    kept = [{k: v for k, v in rule.items() if k != "direction"} for rule in rules]
    return {**where, "display_name": name, "ingress_security_rules": kept}


def test_rules_in_another_order_are_no_change(door: Door, region: Region, ground: Prerequisites) -> None:
    rules = [_rule(80, 80), _rule(443, 443), _rule(1024, 2048)]
    door("security_list", **_list(ground, "ordered", *rules))
    region.forget_calls()
    assert not door("security_list", **_list(ground, "ordered", *reversed(rules)))["changed"]
    assert _writes(region) == []


def test_a_rule_that_another_client_adds_meanwhile_is_not_overwritten_blindly(
    door: Door, region: Region, ground: Prerequisites
) -> None:
    """The list as it was planned from is gone: the service says 412, and the plan is made again."""
    door("security_list", **_list(ground, "meanwhile", _rule(80, 80)))
    region.faults.add("core.update_security_list", status=412, code="NoEtagMatch")
    region.forget_calls()
    assert door("security_list", **_list(ground, "meanwhile", _rule(81, 81)))["changed"]
    operations = [call.operation.rpartition(".")[2] for call in region.calls]
    first = operations.index("update_security_list")
    assert {"list_security_lists", "get_security_list"} & set(operations[first + 1 :]), "read again after the refusal"
    assert operations.count("update_security_list") == 2


# --- node pools --------------------------------------------------------------------------------------------------


def test_keys_of_labels_and_taints_are_shown(region: Region, ground: Prerequisites, tmp_path: Path) -> None:
    labels = {"initial_virtual_node_labels": [{"key": "ocid1", "value": "v"}]}
    taints = {"taints": [{"key": "virtual", "value": "only", "effect": "NoSchedule"}]}
    options = {**_pool(ground, **labels, **taints), "display_name": "labelled"}
    shown = {"ansible.builtin.debug": {"msg": "the id is {{ made.virtual_node_pool.id }}"}}
    out = play(region, tmp_path, [{"okestack.oci.virtual_node_pool": options, "register": "made"}, shown])
    assert "the id is ocid1.virtualnodepool" in out, "a key that is part of an OCID scrubs no OCID"
    assert "VALUE_SPECIFIED_IN_NO_LOG" not in out


def test_a_pool_is_ready_when_its_nodes_are(door: Door, region: Region, ground: Prerequisites) -> None:
    made = door("virtual_node_pool", **{**_pool(ground, size=3), "display_name": "nodes"})["virtual_node_pool"]
    nodes = region.client(oci.container_engine.ContainerEngineClient).list_virtual_nodes(made["id"]).data
    assert [n.lifecycle_state for n in nodes] == ["ACTIVE"] * 3
    assert region.count("containerengine.list_virtual_nodes") or region.count("container_engine.list_virtual_nodes")


# --- MySQL -------------------------------------------------------------------------------------------------------


def _db_system(ground: Prerequisites, **more: Any) -> dict[str, Any]:
    return {
        "compartment_id": ground.compartment_id,
        "display_name": "peers",
        "subnet_id": ground.subnets["db"],
        "shape_name": "MySQL.2",
        "availability_domain": ground.ad,
        "admin_username": "admin",
        "admin_password_secret_id": ground.secret_id,
        "data_storage_size_in_gbs": 50,
        **more,
    }


def test_a_second_run_of_a_db_system_changes_nothing(door: Door, region: Region, ground: Prerequisites) -> None:
    door("mysql_db_system", **_db_system(ground))
    region.forget_calls()
    assert not door("mysql_db_system", **_db_system(ground))["changed"]
    assert _writes(region) == []


def test_an_update_of_a_db_system_sends_only_what_changes(door: Door, ground: Prerequisites, bodies: list[Any]) -> None:
    door("mysql_db_system", **_db_system(ground))
    bodies.clear()
    assert door("mysql_db_system", **_db_system(ground, description="new"))["changed"]
    assert bodies == [("update_db_system", {"description": "new"})], "no null, nothing that stays"


def test_groups_secure_connections_and_data_storage_of_a_db_system_are_managed(
    door: Door, ground: Prerequisites
) -> None:
    managed = {
        "nsg_ids": [ground.nsg_id],
        "secure_connections": {"certificate_generation_type": "SYSTEM"},
        "data_storage": {"is_auto_expand_storage_enabled": True, "max_storage_size_in_gbs": 1024},
    }
    assert ground.mysql_policy_id, "DB systems may join groups"
    assert door("mysql_db_system", **_db_system(ground, **managed))["changed"]
    assert not door("mysql_db_system", **_db_system(ground, **managed))["changed"]
    assert door("mysql_db_system", **_db_system(ground, **{**managed, "nsg_ids": []}))["changed"]


# --- waits, cost -------------------------------------------------------------------------------------------------


def test_waits_look_as_often_as_wait_interval_says(door: Door, region: Region, ground: Prerequisites) -> None:
    """A resource that stays under way is looked at every `wait_interval` seconds."""
    region.faults.hidden = 1.0
    region.forget_calls()
    door("vcn", **_vcn(region, "interval"), wait_interval=0.05)
    often = region.count("core.get_vcn")
    region.forget_calls()
    door("vcn", **_vcn(region, "interval 2"), wait_interval=0.5)
    seldom = region.count("core.get_vcn")
    region.faults.clear()
    assert often > 2 * seldom


def test_a_task_imports_no_service_that_it_does_not_use() -> None:
    """A module as a process of its own loads the SDK's package of its service and no other."""
    code = """
import sys
from ansible_collections.okestack.oci.plugins.module_utils import registry
registry.task("vcn")
loaded = {m for m in sys.modules if m.startswith(("oci.mysql", "oci.core", "oci.container_engine", "kubernetes"))}
assert not loaded, loaded
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "collections")}
    done = subprocess.run([sys.executable, "-c", code], env=env, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


# --- packaging ---------------------------------------------------------------------------------------------------


def test_kubernetes_objects_have_modules() -> None:
    assert {"kubernetes_manifest", "kubernetes_secret", "kubernetes_wait", "kubernetes_info"} <= set(_modules())


@pytest.mark.parametrize("type_", all_types().values(), ids=all_types())
def test_options_named_key_are_not_hidden(type_: ResourceType) -> None:
    """no_log is where a secret is and nowhere else: it blanks its values out of every result."""
    for name, option in full_spec(ResourceTask(type_)).items():
        if option.get("no_log"):
            assert type_.field(name).secret
