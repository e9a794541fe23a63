# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which plays share what their tasks read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.snapshot import SNAPSHOT
from ansible_collections.okestack.oci.plugins.plugin_utils import coming

ROOT = Path(__file__).parents[2]
WORDS = {
    "always", "always_run", "args", "async", "block", "changed_when", "check_mode", "delegate_to", "environment",
    "failed_when", "ignore_errors", "loop", "loop_control", "name", "no_log", "poll", "register", "rescue", "retries",
    "delay", "run_once", "tags", "until", "vars", "when",
}  # fmt: skip


def actions(tasks: list[dict[str, Any]]) -> Iterator[str]:
    """The actions of a file of tasks."""
    for task in tasks:
        for part in ("block", "rescue", "always"):
            yield from actions(task.get(part) or [])
        yield from set(task) - WORDS


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("roles/*/tasks/*.yml")), ids=lambda path: f"{path.parts[-3]}-{path.stem}"
)
def test_what_the_roles_include_changes_nothing_without_being_seen(path: Path) -> None:
    """So a play of our roles shares, whatever of them it includes."""
    for action in actions(yaml.safe_load(path.read_text())):
        known = action in coming.HARMLESS | coming.INCLUDES or action.startswith(coming.OURS)
        assert known, f"{action}: is it harmless? Then coming.HARMLESS has it"


def task(action: str, role: str = "") -> Any:
    of = SimpleNamespace(_role_collection=role) if role else None
    return SimpleNamespace(_resolved_action=action, action=action, _role=of, _uuid=action)


def play(*tasks: Any, handlers: tuple[Any, ...] = ()) -> Any:
    return SimpleNamespace(
        _uuid="play", pre_tasks=[], roles=[], tasks=list(tasks), post_tasks=[], handlers=list(handlers)
    )


@pytest.fixture(autouse=True)
def opened() -> Iterator[None]:
    SNAPSHOT.close()
    SNAPSHOT.open()
    yield
    SNAPSHOT.close()


@pytest.mark.parametrize(
    ("tasks", "handlers", "shares"),
    [
        ([task("okestack.oci.vcn"), task("ansible.builtin.set_fact")], (), True),
        ([task("okestack.oci.vcn"), task("ansible.builtin.command")], (), False),
        ([task("okestack.oci.vcn"), task("oracle.oci.oci_network_vcn")], (), False),
        ([task("okestack.oci.vcn")], (task("ansible.builtin.shell"),), False),
        ([task("okestack.oci.vcn"), task("ansible.builtin.include_tasks")], (), False),
        ([task("okestack.oci.vcn"), task("ansible.builtin.include_tasks", "okestack.oci")], (), True),
        ([task("okestack.oci.vcn"), task("ansible.builtin.include_role", "mine.own")], (), False),
        ([task("okestack.oci.vcn"), task("ansible.builtin.pause")], (), False),
        ([SimpleNamespace(block=[task("ansible.builtin.uri")], rescue=[], always=[])], (), False),
    ],
)
def test_only_a_play_whose_tasks_are_known_shares(tasks: list[Any], handlers: tuple[Any, ...], shares: bool) -> None:
    first = task("okestack.oci.vcn")
    first.get_play = lambda: play(*tasks, handlers=handlers)
    for _twice in range(2):
        coming.enter(first)
        assert SNAPSHOT.is_open is shares


def test_a_task_that_another_file_brought_shares_only_where_it_is_known() -> None:
    foreign = task("ansible.builtin.command")
    foreign.get_play = lambda: play(task("okestack.oci.vcn"))
    coming.enter(foreign)
    assert not SNAPSHOT.is_open


def test_what_cannot_be_told_is_not_shared() -> None:
    coming.enter(SimpleNamespace())
    assert not SNAPSHOT.is_open


def test_lookups_of_a_task_are_its_own() -> None:
    assert coming._asks({"content": "{{ lookup('ansible.builtin.password', 'x') }}"})
    assert coming._asks("{{ query('pipe', 'y') }}")
    assert not coming._asks({"display_name": "{{ lookup_name }}"})
