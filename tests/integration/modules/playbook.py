"""Tasks played by ansible-playbook against a region under test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from localregion.testing import Region

ROOT = Path(__file__).parents[3]


def ansible(
    program: str, *arguments: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """One of Ansible's programs, run in a folder with the collection's settings and further variables."""
    env = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", **(environment or {})}
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    return subprocess.run(command, cwd=folder, env=env, text=True, capture_output=True, stdin=subprocess.DEVNULL)


def play(
    region: Region,
    folder: Path,
    tasks: list[dict[str, Any]],
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    signed: bool = True,
    roles: Sequence[str] = (),
) -> str:
    """What ansible-playbook printed, errors last. Raises AssertionError where it failed.

    Tasks sign as the operator, or with ``signed`` false as the environment says. ``roles`` are played before them.
    """
    defaults = {"config_file": str(region.config_file)} if signed else {}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {"group/okestack.oci.all": {**defaults, "endpoints": {"default": region.endpoint}}},
        "roles": list(roles),
        "tasks": tasks,
    }
    path = folder / "play.yml"
    path.write_text(json.dumps([play]))
    done = ansible("ansible-playbook", "-i", "localhost,", str(path), *arguments, environment=environment)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout + done.stderr
