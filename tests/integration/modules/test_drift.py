"""playbooks/drift.yml on the API alone: what differs, what is gone, left over, nobody's; and repaired."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oci
import pytest

from localregion.testing import Region

from .conftest import Door
from .playbook import ROOT, ansible, inventory, play, site_variables
from .test_verify import SHOWN

NAME = "drifts"
models = oci.core.models
Findings = list[dict[str, Any]]


@pytest.fixture(scope="module")
def given(region: Region) -> dict[str, Any]:
    return site_variables(region, NAME, oke_virtual_pool_kubernetes_version="v1.36.1")


@pytest.fixture
def drift(region: Region, tmp_path: Path, given: dict[str, Any]) -> Callable[..., tuple[int, Findings, str]]:
    """Runs it with variables; its status, its findings and what it printed. Only a repair may write."""
    hosts = inventory(tmp_path)

    def run(**more: Any) -> tuple[int, Findings, str]:
        arguments = ("-i", hosts, "playbooks/drift.yml", "-e", json.dumps({**given, **more}))
        region.forget_calls()
        done = ansible("ansible-playbook", *arguments, folder=ROOT, environment=SHOWN)
        if not more.get("drift_repair"):
            assert region.writes() == []
        shown = re.search(r"^\s*RUN: (\{.*)", done.stdout, re.S | re.M)
        assert shown, done.stdout[-3000:] + done.stderr[-2000:]
        found: Findings = json.JSONDecoder().raw_decode(shown[1])[0]["okestack_findings"]
        return done.returncode, found, done.stdout

    return run


def told(findings: Findings) -> set[tuple[str, str, str]]:
    return {(f["kind"], f["type"], f["name"]) for f in findings}


def test_where_nothing_is_all_that_is_declared_is_gone(drift: Any) -> None:
    _status, findings, _text = drift()
    for type_, name in (("vcn", NAME), ("subnet", "pods"), ("vault", NAME), ("mysql_db_system", NAME)):
        assert ("gone", type_, name) in told(findings)
    assert {("gone", "oke_cluster", NAME), ("gone", "virtual_node_pool", NAME)} <= told(findings)


def test_what_people_did_by_hand_is_told_and_repaired(
    region: Region, drift: Any, given: dict[str, Any], tmp_path: Path
) -> None:
    roles = [{"ansible.builtin.import_role": {"name": f"okestack.oci.{name}"}} for name in ("network", "vault_secret")]
    play(region, tmp_path, roles, "-e", json.dumps(given))
    network = region.client(oci.core.VirtualNetworkClient)
    place = region.compartment_id
    (vcn,) = network.list_vcns(place, display_name=NAME).data
    parts = {s.display_name: s.id for s in network.list_subnets(place, vcn_id=vcn.id).data}
    network.delete_subnet(parts["lb"])
    (nat,) = network.list_nat_gateways(place, vcn_id=vcn.id).data
    network.update_nat_gateway(nat.id, models.UpdateNatGatewayDetails(block_traffic=True))
    (group,) = network.list_network_security_groups(compartment_id=place, vcn_id=vcn.id, display_name="mysql").data
    rule = models.AddSecurityRuleDetails(
        direction="INGRESS", protocol="all", source="10.0.0.0/8", source_type="CIDR_BLOCK"
    )
    network.add_network_security_group_security_rules(
        group.id, models.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=[rule])
    )
    door = Door(region)
    by_hand = door("vcn", compartment_id=place, display_name="by-hand", cidr_blocks=["10.9.0.0/16"])["vcn"]["id"]
    door("subnet", compartment_id=place, vcn_id=by_hand, display_name="inside", cidr_block="10.9.1.0/24")
    door("network_security_group", compartment_id=place, vcn_id=vcn.id, display_name="hole", security_rules=[])
    tags = {"okestack-deployment": NAME, "okestack-component": "network"}
    door("network_security_group", compartment_id=place, vcn_id=vcn.id, display_name="old", freeform_tags=tags)
    door("vcn", compartment_id=place, display_name="theirs", cidr_blocks=["10.8.0.0/16"],
         freeform_tags={"okestack-deployment": "other"})  # fmt: skip
    region.settle()

    status, findings, text = drift(drift_fail_on="differs,unmanaged")
    found = told(findings)
    expected = {
        ("gone", "subnet", "lb"),
        ("differs", "nat_gateway", "nat"),
        ("differs", "network_security_group", "mysql rules"),
        ("unmanaged", "vcn", "by-hand"),
        ("unmanaged", "subnet", "inside"),
        ("unmanaged", "network_security_group", "hole"),
    }
    assert expected <= found and status == 2, text
    theirs = {name for kind, type_, name in found if kind in ("unmanaged", "left_over")}
    assert theirs == {"by-hand", "inside", "hole", "old"}
    assert ("left_over", "network_security_group", "old") in found or "compared only" in text
    nat_row = next(f for f in findings if f["type"] == "nat_gateway")
    assert nat_row["what"] == "block_traffic is True, not False"
    inside = next(f for f in findings if f["name"] == "inside")
    assert inside["holder"] == by_hand and "vcn by-hand" in text

    _status, findings, _text = drift(drift_ignore=["vcn by-*", "network_security_group hole"])
    assert not any(name in ("by-hand", "inside", "hole") for _k, _t, name in told(findings))


def test_a_repair_repairs_and_leaves_alone_what_is_nobodys(region: Region, drift: Any, given: dict[str, Any]) -> None:
    _status, findings, text = drift(drift_repair=True)
    assert any(f["repaired"] and f["type"] == "nat_gateway" for f in findings), text
    network = region.client(oci.core.VirtualNetworkClient)
    (vcn,) = network.list_vcns(region.compartment_id, display_name=NAME).data
    subnets = {s.display_name for s in network.list_subnets(region.compartment_id, vcn_id=vcn.id).data}
    assert "lb" in subnets
    (nat,) = network.list_nat_gateways(region.compartment_id, vcn_id=vcn.id).data
    assert nat.block_traffic is False
    assert network.list_vcns(region.compartment_id, display_name="by-hand").data[0].lifecycle_state == "AVAILABLE"
