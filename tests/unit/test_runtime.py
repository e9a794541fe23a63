"""meta/runtime.yml, the modules' files and the tasks behind them name the same things."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils import registry
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    {path.stem for path in ROOT.glob("plugins/modules/*.py")} - {path.stem for path in ROOT.glob("plugins/action/*.py")}
)


@pytest.fixture(scope="module")
def runtime() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    return loaded


def test_every_module_is_in_the_group_and_behind_the_door(runtime: dict[str, Any]) -> None:
    assert MODULES
    assert runtime["action_groups"]["all"] == MODULES
    assert runtime["plugin_routing"] == {"modules": {name: {"action_plugin": "okestack.oci.door"} for name in MODULES}}


def test_the_file_is_current() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_runtime.py"))["runtime"]()
    assert (ROOT / "meta" / "runtime.yml").read_text() == made, "run `make generated`"


def test_every_module_has_a_task_and_every_task_a_module() -> None:
    assert [name for name in MODULES if registry.task(name) is None] == []
    assert sorted(set(all_types()) - set(MODULES)) == []


def test_what_return_blocks_have_in_common_is_current() -> None:
    completed = runpy.run_path(str(ROOT / "docs" / "make_returns.py"))["completed"]
    stale = [
        path.stem
        for path in sorted((ROOT / "plugins" / "modules").glob("*.py"))
        if path.read_text() != completed(path.stem, path.read_text())
    ]
    assert stale == [], "run `make generated`"
