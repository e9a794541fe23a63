# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a site for machines: what tasks in check mode recorded that they would do, as one JSON document."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import Document
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task

PARTS = {"created": "add", "changed": "change", "replaced": "replace", "removed": "remove"}
"""What would happen, as tasks say it -> the plan's part that lists it."""
_REQUESTS = {"created": ("apply",), "changed": ("apply",), "replaced": ("delete", "apply"), "removed": ("delete",)}


def plan(deployment: str, seen: Iterable[Mapping[str, Any]]) -> Document:
    """The plan: each thing once, though several tasks ask for it, in the order of the tasks' names for them."""
    made: Document = {"deployment": deployment, **{part: [] for part in PARTS.values()}}
    listed: set[tuple[str, str]] = set()
    for row in sorted((row for one in seen for row in one.get("changes") or []), key=lambda row: str(row["name"])):
        part, name = PARTS.get(row["change"], "change"), str(row["name"])
        if (part, name) in listed:
            continue
        listed.add((part, name))
        type_, _blank, own = name.partition(" ")
        calls = row.get("calls")
        if calls is None:  # no resource of the cloud: an object of the cluster, a file
            whose = "file" if type_ == "kubeconfig" else "kubernetes"
            calls = [f"{whose}.{verb}" for verb in _REQUESTS[row["change"]]]
        sides = {"before": row.get("before"), "after": row.get("after")}
        made[part].append({"type": type_, "name": own, **sides, "calls": list(calls)})
    made["counts"] = {part: len(made[part]) for part in PARTS.values()}
    return made


class SitePlan:
    """Makes the plan of what tasks recorded, and writes it where it is asked for."""

    name = "site_plan"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "deployment": {"type": "str", "required": True},
            "seen": {"type": "list", "elements": "dict", "required": True},
            "path": {"type": "path"},
        }

    def execute(self, params: Document, context: Context) -> Document:
        made = plan(params["deployment"], params["seen"])
        counts = made["counts"]
        anything = any(counts.values())
        line = ", ".join(f"{count} to {part}" for part, count in counts.items() if count)
        context.report(f"{made['deployment']}: {line or 'nothing is to be done'}")
        if params.get("path"):
            _write(Path(params["path"]).expanduser(), json.dumps(made, indent=2) + "\n")
        return {"changed": False, "plan": made, "anything": anything}


def _write(path: Path, text: str) -> None:
    """Whole or not at all. Raises ResourceError."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        raise ResourceError(f"path: the plan cannot be written to {path}: {error.strerror}") from None


TASKS: tuple[Task, ...] = (SitePlan(),)
