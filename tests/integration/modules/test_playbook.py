"""Every module once through ansible-playbook: in Ansible's own process, and as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import registry

from localregion.testing import Region

from .conftest import Door
from .test_every_module import CASES, TYPES, Ground, _filled

ROOT = Path(__file__).parents[3]
OTHERS = {"network_services_info", "virtual_network"}


def _play(region: Region, folder: Path, tasks: list[dict[str, Any]], *arguments: str) -> str:
    defaults = {"config_file": str(region.config_file), "endpoints": {"default": region.endpoint}}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {"group/okestack.oci.all": defaults},
        "tasks": tasks,
    }
    path = folder / "play.yml"
    path.write_text(json.dumps([play]))
    env = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", str(path), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def ground(region: Region) -> Ground:
    return Ground(Door(region), region)


def _tasks(ground: Ground) -> list[dict[str, Any]]:
    """Each module twice: the second time nothing changes."""
    tasks: list[dict[str, Any]] = [{"okestack.oci.network_services_info": {}}]
    common = {"compartment_id": ground.compartment_id}
    whole = {**common, "vcn": {"display_name": "whole", "cidr_blocks": ["10.60.0.0/16"]}}
    both = [("virtual_network", whole)]
    for name, case in CASES.items():
        both.append((name, {**common, TYPES[name].name_field: "played", **_filled(case.make(ground), ground)}))
    for name, options in both:
        tasks.append({f"okestack.oci.{name}": options, "register": "first", "failed_when": "first is not changed"})
        tasks.append({f"okestack.oci.{name}": options, "register": "second", "failed_when": "second is changed"})
    return tasks


def test_every_module_through_the_door(region: Region, ground: Ground, tmp_path: Path) -> None:
    tasks = _tasks(ground)
    named = {key.rpartition(".")[2] for task in tasks for key in task if key.startswith("okestack.")}
    assert named == set(TYPES) | OTHERS
    assert all(registry.task(name) for name in named)
    out = _play(region, tmp_path, tasks, "-vvv")
    assert f"ok={len(tasks)} " in out
    assert "  vcn played: creating" in out, "what is under way is told"
    assert "canary-one" not in out, "a secret option is not shown, not even at -vvv"


def test_a_module_as_a_process_of_its_own(region: Region, ground: Ground, tmp_path: Path) -> None:
    options = {"compartment_id": ground.compartment_id, "display_name": "apart", "cidr_blocks": ["10.61.0.0/16"]}
    task = {"okestack.oci.vcn": options, "async": 60, "poll": 1, "register": "made"}
    check = {"ansible.builtin.assert": {"that": ["made.vcn.id.startswith('ocid1.vcn.')", "made is changed"]}}
    _play(region, tmp_path, [task, check])
