"""Inventories say what the playbook wants, and nothing that no role knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
INVENTORIES = ["local", "dev", "staging", "prod"]
REQUIRED = yaml.safe_load((ROOT / "playbooks" / "vars" / "inventory.yml").read_text())
SITE = {
    "okestack_state", "okestack_cache", "okestack_auth_type", "okestack_config_file", "okestack_profile",
    "okestack_endpoints", "okestack_ca_file", "okestack_proxy_url",
}  # fmt: skip


def values(inventory: str) -> dict[str, Any]:
    """All variables of an inventory's group_vars/all; one that is there twice fails."""
    found: dict[str, Any] = {}
    for path in sorted((ROOT / "inventories" / inventory / "group_vars" / "all").glob("*.yml")):
        for name, value in yaml.safe_load(path.read_text()).items():
            assert name not in found, f"{path}: {name} is there twice"
            found[name] = value
    return found


def options() -> set[str]:
    """The options of every entry point of every role."""
    known: set[str] = set()
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for spec in yaml.safe_load(path.read_text())["argument_specs"].values():
            known |= set(spec.get("options", {}))
    return known


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_an_inventory_says_what_is_wanted(inventory: str) -> None:
    given = values(inventory)
    assert sorted(set(REQUIRED) - set(given)) == []
    assert sorted(set(given) - options() - set(REQUIRED) - SITE) == [], "no role has these options"


def test_the_clouds_inventories_hold_the_same_variables() -> None:
    names = {inventory: set(values(inventory)) for inventory in INVENTORIES[1:]}
    assert names["dev"] == names["staging"]
    assert names["prod"] - names["dev"] <= {"mysql_deletion_policy"}


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_no_inventory_holds_a_password(inventory: str) -> None:
    held = [name for name in values(inventory) if "password" in name or name.endswith(("_token", "_secret"))]
    assert held == []


def test_the_local_region_s_builds_may_take_a_day() -> None:
    waits = {name for name in options() if name.endswith("_wait_timeout")}
    assert waits >= {f"{role}_wait_timeout" for role in ("oke_virtual_pool", "external_secrets", "app_ingress")}
    given = values("local")
    assert {given.get(name) for name in waits} == {86400}
