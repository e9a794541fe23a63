"""What ansible-playbook prints above each task fits into a terminal of 80 columns, with the asterisks that follow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/*.yml")])
COLUMNS = 79
"""Ansible leaves the last one free."""


def named(entries: Any) -> Iterator[dict[str, Any]]:
    """Every task of a file, those in blocks and plays too."""
    for entry in entries or []:
        inner = [key for key in ("tasks", "block", "rescue", "always") if key in entry]
        if not inner or "hosts" in entry:
            yield entry
        for key in inner:
            yield from named(entry[key])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_title_is_one_line(path: Path) -> None:
    role = f"okestack.oci.{path.parts[-3]} : " if path.parent.name == "tasks" else ""
    for entry in named(yaml.safe_load(path.read_text())):
        title = f"PLAY [{entry['name']}] ***" if "hosts" in entry else f"TASK [{role}{entry['name']}] ***"
        assert len(title) <= COLUMNS, title


@pytest.mark.parametrize("name", ["site", "destroy"])
def test_variables_are_checked_once(name: str) -> None:
    """By the first task, and by what a role itself asks: Ansible's own look at the same specs would be another task."""
    (play,) = yaml.safe_load((ROOT / f"playbooks/{name}.yml").read_text())
    first, *tasks = play["tasks"]
    assert "okestack.oci.role_options" in first
    roles = [task["ansible.builtin.import_role"] for task in tasks if "ansible.builtin.import_role" in task]
    assert roles and all(role["rolespec_validate"] is False for role in roles)
