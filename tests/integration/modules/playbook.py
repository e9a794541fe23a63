"""Tasks played by ansible-playbook against a region under test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from localregion.testing import Region

ROOT = Path(__file__).parents[3]


def play(region: Region, folder: Path, tasks: list[dict[str, Any]], *arguments: str) -> str:
    """What ansible-playbook printed. Raises AssertionError where it failed."""
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
