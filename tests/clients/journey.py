"""What each client of Oracle's does against the region, written once; each client has its own program that does it.

The program gets what `localregion env` prints, a home of its own and `PATH`, nothing else. It reads the tenancy from
the profile, finds the compartment `okestack` and the first availability domain; then it makes, lists, changes and
deletes what is below, waiting as its client waits, looking at each answer. It ends with 0, everything gone again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CLI = ROOT / ".venv-cli" / "bin"
"""Programs in an environment of their own: the OCI CLI, Node.js (`make clients` installs them)."""
NAME = "tclients"
NETWORK = "127.94.0.0/16"


def _whole(package: str, one: str, many: str, *, delete: str = "") -> list[str]:
    return [
        f"{package}.{name}" for name in (f"create_{one}", f"list_{many}", f"update_{one}", delete or f"delete_{one}")
    ]


OPERATIONS = (
    "identity.list_compartments", "identity.list_availability_domains",
    *_whole("core", "vcn", "vcns"),
    "core.add_vcn_cidr", "work_requests.get_work_request",
    *_whole("core", "subnet", "subnets"),
    *_whole("core", "network_security_group", "network_security_groups"),
    *_whole("core", "internet_gateway", "internet_gateways"),
    *_whole("core", "nat_gateway", "nat_gateways"),
    "core.list_services", *_whole("core", "service_gateway", "service_gateways"),
    *(f"core.{verb}_network_security_group_security_rules" for verb in ("add", "list", "update", "remove")),
    *_whole("identity", "policy", "policies"),
    *_whole("key_management", "vault", "vaults", delete="schedule_vault_deletion"),
    *_whole("key_management", "key", "keys", delete="schedule_key_deletion"),
    "key_management.encrypt", "key_management.decrypt",
    *_whole("vault", "secret", "secrets", delete="schedule_secret_deletion"),
    *_whole("mysql", "db_system", "db_systems"),
    "container_engine.get_cluster_options", "container_engine.get_work_request",
    *_whole("container_engine", "cluster", "clusters"),
    *_whole("container_engine", "virtual_node_pool", "virtual_node_pools"),
    *_whole("artifacts", "container_repository", "container_repositories"),
)  # fmt: skip
"""Each has to be called and to succeed."""

_ENDED = {"DELETED", "TERMINATED", "DELETING", "TERMINATING", "PENDING_DELETION", "SCHEDULING_DELETION"}
_INSIDE = {"key_version", "secret_version"}
"""Kinds that go with what they are of, in a state of their own."""


@dataclass
class Region:
    """A region of the API alone, as a person starts it."""

    state: Path
    name: str = NAME
    network: str = NETWORK

    def run(self, *arguments: str, check: bool = True) -> str:
        """`localregion ARGUMENTS`; what it printed."""
        environment = os.environ | {
            "OKESTACK_STATE": str(self.state), "OKESTACK_NETWORK": self.network, "OKESTACK_MINUTE": "0.02",
        }  # fmt: skip
        command = [sys.executable, "-m", "localregion", "--name", self.name, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def shell(self, home: Path) -> dict[str, str]:
        """The environment of a shell that has evaluated `localregion env`, and nothing of the person's else."""
        told: dict[str, str] = json.loads(self.run("env", "--json"))
        return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"} | told

    def calls(self) -> list[dict[str, Any]]:
        """The calls that the API answered."""
        path = self.state / "logs" / "api.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def travel(self, command: list[str], home: Path, cwd: Path = HERE) -> None:
        """Let a client's program make the journey, and look at what the region says of it."""
        assert Path(command[0]).exists(), f"{command[0]} is not there: `make clients` installs it"
        before, living = len(self.calls()), self.living()
        done = subprocess.run(
            command, capture_output=True, text=True, env=self.shell(home), cwd=cwd, timeout=600, check=False
        )
        calls = self.calls()[before:]
        failed = [f"{call['operation']} {call['status']} {call['code']} {call['reason']}" for call in calls
                  if call["status"] >= 400 and not (call["method"] == "GET" and call["status"] == 404)]  # fmt: skip
        assert done.returncode == 0, "\n".join([done.stdout[-3000:], done.stderr[-6000:], *failed])
        assert failed == []
        succeeded = {call["operation"] for call in calls if call["status"] < 300}
        assert sorted(set(OPERATIONS) - succeeded) == []
        assert self.living() == living, "something is left behind"

    def living(self) -> dict[str, int]:
        """How many resources of each kind there are that nobody has deleted."""
        found: dict[str, dict[str, int]] = json.loads(self.run("status", "--json"))["resources"]
        alive = {
            kind: sum(count for state, count in states.items() if state not in _ENDED) for kind, states in found.items()
        }
        return {kind: count for kind, count in alive.items() if count and kind not in _INSIDE}
