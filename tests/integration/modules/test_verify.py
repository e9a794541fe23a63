"""playbooks/verify.yml on the API alone: it looks at every hop, names the broken ones and changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oci
import pytest

from localregion.testing import Region

from .playbook import ROOT, ansible, inventory, play, site_variables

NAME = "looks"
SHOWN = {"ANSIBLE_SHOW_CUSTOM_STATS": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}


@pytest.fixture(scope="module")
def given(region: Region) -> dict[str, Any]:
    return site_variables(region, NAME)


@pytest.fixture
def verify(region: Region, tmp_path: Path, given: dict[str, Any]) -> Callable[..., list[dict[str, Any]]]:
    """Runs it with the inventory's variables alone; the findings that machines get."""
    hosts = inventory(tmp_path, {})

    def run(**more: Any) -> list[dict[str, Any]]:
        arguments = ("-i", hosts, "playbooks/verify.yml", "-e", json.dumps(given | more))
        region.forget_calls()
        done = ansible("ansible-playbook", *arguments, folder=ROOT, environment=SHOWN)
        assert done.returncode == 2, done.stdout[-4000:] + done.stderr[-2000:]
        assert "changed=0" in done.stdout and region.writes() == []
        shown = re.search(r"^\s*RUN: (\{.*)", done.stdout, re.S | re.M)
        assert shown, done.stdout[-3000:]
        found: list[dict[str, Any]] = json.JSONDecoder().raw_decode(shown[1])[0]["okestack_findings"]
        return found

    return run


def broken(findings: list[dict[str, Any]]) -> dict[str, str]:
    return {f["hop"]: f["what"] for f in findings if f["status"] == "broken"}


def test_where_nothing_is_every_hop_says_so(verify: Any) -> None:
    findings = verify()
    assert findings[0]["what"] == f"there is no VCN {NAME}"
    assert {"network", "vault", "secrets", "database", "cluster", "virtual node pool"} <= broken(findings).keys()
    unknown = {f["hop"] for f in findings if f["status"] == "unknown"}
    assert {"rules and routes", "Kubernetes API", "nodes", "secret stores", "load balancer", "application"} <= unknown


def test_what_is_there_is_looked_at_and_what_is_taken_away_is_named(
    region: Region, verify: Any, given: dict[str, Any], tmp_path: Path
) -> None:
    roles = [{"ansible.builtin.import_role": {"name": f"okestack.oci.{name}"}} for name in ("network", "vault_secret")]
    play(region, tmp_path, roles, "-e", json.dumps(given))
    findings = verify()
    ok = {f["hop"]: f["what"] for f in findings if f["status"] == "ok"}
    assert {"network", "rules and routes", "vault", "vault's key", "secrets"} <= ok.keys()
    assert re.fullmatch(r"2\d flows are open or closed as they should be", ok["rules and routes"])

    network = region.client(oci.core.VirtualNetworkClient)
    (vcn,) = network.list_vcns(region.compartment_id, display_name=NAME).data
    group = (
        network.list_network_security_groups(compartment_id=region.compartment_id, vcn_id=vcn.id, display_name="mysql")
        .data[0]
        .id
    )
    rules = network.list_network_security_group_security_rules(group).data
    models = oci.core.models
    network.remove_network_security_group_security_rules(
        group, models.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=[r.id for r in rules])
    )
    open_to_all = models.AddSecurityRuleDetails(
        direction="INGRESS", protocol="all", source="10.0.0.0/8", source_type="CIDR_BLOCK"
    )
    network.add_network_security_group_security_rules(
        group, models.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=[open_to_all])
    )
    table = next(
        t for t in network.list_route_tables(region.compartment_id, vcn_id=vcn.id).data if t.display_name == "public"
    )
    network.update_route_table(table.id, models.UpdateRouteTableDetails(route_rules=[]))
    vaults = region.client(oci.vault.VaultsClient)
    (secret,) = vaults.list_secrets(region.compartment_id, name=f"{NAME}-mysql-app").data
    vaults.schedule_secret_deletion(secret.id, oci.vault.models.ScheduleSecretDeletionDetails())
    region.settle()
    found = [f["what"] for f in verify() if f["status"] == "broken"]
    assert any(w.startswith("client 192.0.2.0/24 to api, tcp 6443") and "no route" in w for w in found), found
    assert any(f"secret {NAME}-mysql-app" in w and "PENDING_DELETION" in w for w in found), found


def test_what_has_a_name_of_its_own_is_found_by_it(
    region: Region, verify: Any, given: dict[str, Any], tmp_path: Path
) -> None:
    own = {
        "okestack_deployment": "named",
        "vault_secret_name": "own-vault",
        "vault_secret_key_name": "own-key",
        "vault_secret_secrets": [{"name": "mysql-admin", "secret_name": "own-secret"}, {"name": "mysql-app"}],
    }
    role = [{"ansible.builtin.import_role": {"name": "okestack.oci.vault_secret"}}]
    play(region, tmp_path, role, "-e", json.dumps(given | own))
    hops = ("vault", "vault's key", "secrets")
    found = [(f["hop"], f["status"]) for f in verify(**own) if f["hop"] in hops]
    assert found == [("vault", "ok"), ("vault's key", "ok"), ("secrets", "ok"), ("secrets", "ok")]

    # Or by its OCID, whatever its name.
    vaults = region.client(oci.key_management.KmsVaultClient).list_vaults(region.compartment_id).data
    (vault,) = [each for each in vaults if each.display_name == "own-vault"]
    by_ocid = own | {"vault_secret_name": "another", "vault_secret_vault_id": vault.id}
    assert [(f["hop"], f["status"]) for f in verify(**by_ocid) if f["hop"] in hops] == found
    (gone,) = [
        f for f in verify(mysql_db_system_id=vault.id.replace("vault", "mysqldbsystem")) if f["hop"] == "database"
    ]
    assert gone["status"] == "broken" and "there is no DB system ocid1.mysqldbsystem" in gone["what"], gone
