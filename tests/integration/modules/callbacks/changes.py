# SPDX-License-Identifier: GPL-3.0-or-later
"""What each task changed or would: one JSON line each, appended to the file that OKESTACK_CHANGES names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: changes
type: aggregate
short_description: What each task changed or would
description: Appends a line for each result to the file named by E(OKESTACK_CHANGES).
author: The okestack.oci authors (@okestack)
"""


class CallbackModule(CallbackBase):
    """Appends a line for each result, of a loop for each turn."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "changes"

    def _append(self, result: Any, failed: bool = False) -> None:
        answer = result.result if hasattr(result, "result") else result._result
        task = result.task if hasattr(result, "task") else result._task
        for one in answer.get("results") or [answer]:
            diff = one.get("diff") or {}
            row = {
                "task": task.get_name(),
                "failed": failed or bool(one.get("failed")),
                "changed": bool(one.get("changed")),
                "msg": str(one.get("msg") or ""),
                "changes": one.get("changes") or [],
                "before": diff.get("before") if isinstance(diff, dict) else None,
                "after": diff.get("after") if isinstance(diff, dict) else None,
            }
            with Path(os.environ["OKESTACK_CHANGES"]).open("a") as file:
                file.write(json.dumps(row, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._append(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._append(result, True)
