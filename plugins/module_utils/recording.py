# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task keeps and what it changed, or would, left as a fact for those who judge a whole site."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.model import Document
from ansible_collections.okestack.oci.plugins.module_utils.plan import VERBS
from ansible_collections.okestack.oci.plugins.module_utils.run import Task

RECORD = "okestack_record"
"""The variable that makes tasks record: its value begins the names of the facts that hold what they saw."""
PLANNED = "okestack_planned"
"""The same for a plan, in which a replacement is refused as in the run itself."""


def keeps(task: Task) -> bool:
    """Whether a task keeps something, rather than looks or waits."""
    return "state" in task.argument_spec()


def record(task: Task, result: Mapping[str, Any], begins: str) -> Document:
    """What a task's result says, as a fact of its own: the OCIDs that it keeps, what it changed or would change."""
    if result.get("failed") or not keeps(task):
        return {}
    seen = {"ids": sorted(set(_ids(result))), "changes": list(_changes(task, result))}
    if not seen["ids"] and not seen["changes"]:
        return {}
    name = hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return {"ansible_facts": {f"{begins}_{name}": seen}}


def _ids(value: Any) -> Iterator[str]:
    """The OCIDs of what a result shows, and of what the service made together with it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, str) and inner.startswith("ocid1."):
                if key == "id" or (key.startswith("default_") and key.endswith("_id")):
                    yield inner
            elif key != "diff":
                yield from _ids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _ids(inner)


def _changes(task: Task, result: Mapping[str, Any]) -> Iterator[Document]:
    if not result.get("changed"):
        return
    rows = list(result.get("changes") or [])
    if not rows:  # a Secret: only that it changed is reported, not what
        objects = [o for o in result.get("objects") or [] if o.get("action") != "none"]
        rows = [
            {"name": f"{o['kind']} {o['namespace']}/{o['name']}", "change": VERBS.get(o["action"], "changed")}
            for o in objects
        ] or [{"name": task.name, "change": "changed"}]
    diff = result.get("diff") or {}
    before, after = diff.get("before") or {}, diff.get("after") or {}
    for row in rows:
        name = str(row["name"])
        key = next((k for k in (name, name.partition(" ")[0]) if k in before or k in after), None)
        alone = len(rows) == 1 and key is None
        was, will = (before, after) if alone else (before.get(key), after.get(key))
        changed = {"name": name, "change": row["change"], "before": was or None, "after": will or None}
        yield {**changed, "calls": row["calls"]} if "calls" in row else changed
