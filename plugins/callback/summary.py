# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends a run with one screen: what each role made, changed and removed, or what failed and what to do."""

from __future__ import annotations

DOCUMENTATION = r"""
name: summary
type: aggregate
short_description: One screen at the end of a run
version_added: 0.1.0
description:
  - Says in one line a role what the modules of okestack.oci made, changed, replaced and removed. With C(-v), and in check
    mode, where it is the plan, each resource and object is named in a line of its own.
  - A role that made or changed anything gets its line when the run leaves it, too, so that a run that is killed (AWX cancels
    jobs so) has already said what it did. A run that is interrupted (Ctrl-C) ends with the screen as well.
  - Ends with what failed, where, why, and what to do. Where nothing failed its last line is the value of the custom
    statistic C(okestack_url), where a play has set one.
author:
  - okestack contributors (@okestack)
requirements:
  - Enable it with C(callbacks_enabled = okestack.oci.summary).
"""

import atexit
import os
from collections import Counter
from typing import Any, NamedTuple

from ansible.plugins.callback import CallbackBase

WORDS = {
    "created": ("made", "to make", "green"),
    "changed": ("changed", "to change", "yellow"),
    "replaced": ("replaced", "to replace", "red"),
    "removed": ("removed", "to remove", "red"),
}
NEXT_TIME = "Run the same command again: what is there already is kept, and the run goes on from it."
NEXT = "Once that is mended, run the same command again: what is there already is kept, and the run goes on from it."


class Failure(NamedTuple):
    """A task that ended a host's run."""

    host: str
    task: str
    path: str
    text: str


class CallbackModule(CallbackBase):
    """Collects the changes that results tell of and prints them once, at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "okestack.oci.summary"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.changes: dict[str, dict[str, str]] = {verb: {} for verb in WORDS}
        """What was done -> the name of each thing it was done to -> the role that did it."""
        self.failures: list[Failure] = []
        self.check = False
        self._role = ""
        self._told: dict[str, str] = {}
        """The line that was printed about a role while the run went on."""
        self._pid = os.getpid()
        atexit.register(self._broken_off)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """The next task: of the next role, maybe."""
        self._enter(_role_of(task))

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """The next handler."""
        self._enter(_role_of(task))

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task that went well; loops come item by item."""
        self._note(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """One item of a loop."""
        self._note(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task that failed; in a loop, the items have already said what was done."""
        self._note(result)
        if not ignore_errors:
            self._note_failure(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host that could not be reached."""
        self._note_failure(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end of the run."""
        atexit.unregister(self._broken_off)
        for line, color in self._changed_lines():
            self._display.display(line, color=color)
        hosts = getattr(stats, "failures", {}) or {}, getattr(stats, "dark", {}) or {}
        failures = [f for f in self.failures if any(f.host in counted for counted in hosts)]
        custom = getattr(stats, "custom", {}) or {}
        url = next((values["okestack_url"] for values in custom.values() if values.get("okestack_url")), None)
        if failures:
            for line in failed_lines(failures):
                self._display.display(line, color="red")
        elif url and not self.check and not any(hosts):
            self._display.display(str(url))

    def _enter(self, role: str) -> None:
        """Tell what the role did that is left. In check mode, and with -v, the last screen alone tells: it is the plan."""
        left, self._role = self._role, role
        if left in ("", role) or self.check or self._display.verbosity:
            return
        of_it = {verb: {n: by for n, by in names.items() if by == left} for verb, names in self.changes.items()}
        for line in lines_by_role(of_it):
            if self._told.get(left) != line:
                self._display.display(line)
            self._told[left] = line

    def _broken_off(self) -> None:
        """The end of a run that has no end: Ctrl-C, or a fault of Ansible's."""
        if os.getpid() != self._pid or not any(self.changes.values()):
            return
        self._display.display("")
        for line, color in self._changed_lines():
            self._display.display(line, color=color)
        self._display.display(f"The run was broken off. {NEXT_TIME}")

    def _note(self, result: Any) -> None:
        data, task = _data(result), _task(result)
        self.check = self.check or bool(getattr(task, "check_mode", False))
        if not data.get("changed") or "results" in data:
            return
        for name, verb in changes_of(data):
            self.changes[verb].setdefault(name, _role_of(task))

    def _note_failure(self, result: Any) -> None:
        task, data = _task(result), _data(result)
        host = getattr(result, "host", None) or getattr(result, "_host", None)
        path = str(task.get_path() or "") if hasattr(task, "get_path") else ""
        self.failures.append(Failure(str(host), str(task.get_name()), path, reason_of(data)))

    def _changed_lines(self) -> list[tuple[str, str | None]]:
        if self.check or self._display.verbosity:
            lines: list[tuple[str, str | None]] = []
            for verb, (done, planned, color) in WORDS.items():
                if names := self.changes[verb]:
                    lines.append((f"{planned if self.check else done} ({len(names)}):", color))
                    lines += [(f"  {name}", color) for name in names]
            return lines
        return [(line, None) for line in lines_by_role(self.changes)]


def _data(result: Any) -> dict[str, Any]:
    return getattr(result, "result", None) or getattr(result, "_result", {})


def _task(result: Any) -> Any:
    return getattr(result, "task", None) or getattr(result, "_task", None)


def _role_of(task: Any) -> str:
    role = getattr(task, "_role", None)
    return str(role.get_name().rpartition(".")[2]) if role else "the playbook"


def changes_of(data: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, verb) of each change in a result's ``changes``, as the collection's modules return them."""
    return [(str(row["name"]), str(row["change"])) for row in data.get("changes") or [] if row.get("change") in WORDS]


def lines_by_role(changes: dict[str, dict[str, str]]) -> list[str]:
    """`network: made 15 (5 subnet, 5 network_security_group, vcn, ...), changed 5`: a line a role, in their order.

    ``changes``: what was done -> names -> roles.
    """
    roles = list(dict.fromkeys(role for names in changes.values() for role in names.values()))
    width = max((len(role) for role in roles), default=0)
    lines = []
    for role in roles:
        parts = []
        for verb, names in changes.items():
            kinds = Counter(name.split(" ")[0] for name, by in names.items() if by == role)
            if kinds:
                summary = [f"{count} {kind}" if count > 1 else kind for kind, count in kinds.most_common(3)]
                more = ", ..." if len(kinds) > 3 else ""
                parts.append(f"{WORDS[verb][0]} {kinds.total()} ({', '.join(summary)}{more})")
        lines.append(f"{role:<{width}}  {', '.join(parts)}")
    return lines


def reason_of(data: dict[str, Any]) -> str:
    """Why a task failed, in full: its message, and of a loop those of the items that failed."""
    rows = [row for row in data.get("results") or [] if isinstance(row, dict) and row.get("failed")]
    if rows:
        return "\n".join(reason_of(row) for row in rows)
    text = str(data.get("msg") or data.get("censored") or data.get("exception") or "no reason was given").strip()
    label = data.get("_ansible_item_label")
    return f"{label}: {text}" if isinstance(label, str) else text


def failed_lines(failures: list[Failure]) -> list[str]:
    """What failed, where, why, and what to do."""
    lines = []
    for failure in failures:
        lines += ["", f"failed on {failure.host}: {failure.task}"]
        lines += [f"  {line}" for line in failure.text.splitlines()]
        lines += [f"  at {failure.path}"] if failure.path else []
    return [*lines, "", NEXT]
