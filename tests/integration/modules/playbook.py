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
HOST = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}


def site_variables(region: Region, deployment: str, **more: Any) -> dict[str, Any]:
    """What an inventory says of a site in this region, as short as it may be."""
    return {
        "okestack_deployment": deployment,
        "okestack_region": "local-1",
        "okestack_availability_domain": "Lcl1:LOCAL-1-AD-1",
        "okestack_compartment_id": region.compartment_id,
        "okestack_config_file": str(region.config_file),
        "okestack_endpoints": {"default": region.endpoint, "local-2": region.other_endpoint},
        "network_api_client_cidrs": ["192.0.2.0/24"],
        "network_lb_client_cidrs": ["192.0.2.0/24"],
        "app_ingress_image": "r.example/crud:1",
        "external_secrets_helm_path": "/bin/true",
        **more,
    }


def inventory(folder: Path, host: Mapping[str, Any] = HOST) -> str:
    """An inventory of this machine alone, in a folder; its path."""
    path = folder / "hosts.yml"
    path.write_text(json.dumps({"okestack": {"hosts": {"localhost": dict(host)}}}))
    return str(path)


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
