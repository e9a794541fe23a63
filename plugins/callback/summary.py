# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends a run with one screen: what was (or would be) made, changed, replaced and removed, by name."""

from __future__ import annotations

DOCUMENTATION = r"""
name: summary
type: aggregate
short_description: One screen at the end of a run
version_added: 0.1.0
description:
  - Lists the resources and objects that the modules of okestack.oci made, changed, replaced and removed, or in check mode
    would make, change, replace and remove.
  - Its last line is the value of the custom statistic C(url), where a play has set one.
author:
  - okestack contributors (@okestack)
requirements:
  - Enable it with C(callbacks_enabled = okestack.oci.summary).
"""

from typing import Any

from ansible.plugins.callback import CallbackBase

WORDS = {
    "created": ("made", "to make", "green"),
    "changed": ("changed", "to change", "yellow"),
    "replaced": ("replaced", "to replace", "red"),
    "removed": ("removed", "to remove", "red"),
}


class CallbackModule(CallbackBase):
    """Collects the changes that results tell of and prints them once, at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "okestack.oci.summary"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.changes: dict[str, list[str]] = {verb: [] for verb in WORDS}
        self.check = False

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task that went well; loops come item by item."""
        self._note(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """One item of a loop."""
        self._note(result)

    def _note(self, result: Any) -> None:
        data = getattr(result, "result", None) or getattr(result, "_result", {})
        task = getattr(result, "task", None) or getattr(result, "_task", None)
        self.check = self.check or bool(getattr(task, "check_mode", False))
        if not data.get("changed") or "results" in data:
            return
        for name, verb in changes_of(data):
            if name not in self.changes[verb]:
                self.changes[verb].append(name)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end of the run."""
        for verb, (done, planned, color) in WORDS.items():
            names = self.changes[verb]
            if names:
                self._display.display(f"{planned if self.check else done} ({len(names)}):", color=color)
                for name in names:
                    self._display.display(f"  {name}", color=color)
        custom = getattr(stats, "custom", {}) or {}
        url = next((values["url"] for values in custom.values() if values.get("url")), None)
        if url and not self.check:
            self._display.display(str(url))


def changes_of(data: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, verb) of each change in a result's ``changes``, as the collection's modules return them."""
    return [(str(row["name"]), str(row["change"])) for row in data.get("changes") or [] if row.get("change") in WORDS]
