"""Inventories say what the playbook wants, and nothing that no role knows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from localregion.settings import Settings

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
    assert sorted({name for name, option in REQUIRED.items() if option.get("required")} - set(given)) == []
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


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"OKESTACK_REGION": "other", "OKESTACK_NETWORK": "127.87.0.0/16", "OKESTACK_PORT": "15000"},
        {"OKESTACK_REGION": "other", "XDG_STATE_HOME": "/var/x", "XDG_CACHE_HOME": "/var/y"},
        {"OKESTACK_REGION": "other", "OKESTACK_STATE": "/var/s", "OKESTACK_CACHE": "/var/c"},
    ],
)
def test_the_local_region_is_found_where_its_environment_puts_it(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REGION", "STATE", "CACHE", "NETWORK", "PORT"):
        monkeypatch.delenv(f"OKESTACK_{name}", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    shown = "{{ {'state': okestack_state, 'cache': okestack_cache, 'endpoint': okestack_endpoints.default} | to_json }}"
    command = [str(Path(sys.executable).parent / "ansible"), "-i", "inventories/local", "local", "-o"]
    done = subprocess.run(
        [*command, "-m", "debug", "-a", json.dumps({"msg": f"<{shown}>"})], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    settings = Settings.from_environment(given.get("OKESTACK_REGION", "local"))
    found = json.loads(json.loads(done.stdout.partition("=>")[2])["msg"][1:-1])
    expected = {"state": str(settings.state), "cache": str(settings.cache), "endpoint": settings.endpoint}
    assert found == expected
