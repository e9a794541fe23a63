# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a run's time goes: begin and end of each task, call of the API, request to Kubernetes and rendering of a chart,
one JSON line each, appended to the file that OKESTACK_SPANS names.

A callback is loaded in ansible-playbook itself; the workers that are forked from it inherit what it wraps.
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: spans
type: aggregate
short_description: Where a run's time goes
description: Appends begin and end of tasks and calls to the file named by E(OKESTACK_SPANS).
author: The okestack.oci authors (@okestack)
"""


def _append(kind: str, name: str, began: float, ended: float) -> None:
    line = json.dumps({"kind": kind, "name": name, "began": began, "ended": ended}) + "\n"
    with Path(os.environ["OKESTACK_SPANS"]).open("a") as file:
        file.write(line)


def _timed(kind: str, name: Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.time()
        try:
            return function(*args, **kwargs)
        finally:
            _append(kind, name(*args, **kwargs), began, time.time())

    return timed


class CallbackModule(CallbackBase):
    """Wraps what goes out of the process, and notes the tasks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "spans"

    def __init__(self) -> None:
        super().__init__()
        self.task: tuple[str, float] | None = None

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Before the first worker is forked."""
        import oci.base_client
        from ansible_collections.okestack.oci.plugins.module_utils.kube import chart, client, tasks

        api, kube = oci.base_client.BaseClient, client.Client
        api.request = _timed(
            "api", lambda _self, request, *_a, **_k: f"{request.method} {request.url.split('//')[-1]}", api.request
        )
        kube._send = _timed(  # type: ignore[method-assign]
            "kubernetes", lambda _self, method, path, *_: f"{method} {path}", kube._send
        )
        chart.render = tasks.render = _timed("chart", lambda wanted, *_: wanted.release, chart.render)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """The next task, and so the end of the one before."""
        self._end()
        self.task = (f"{task.action}: {task.name}", time.time())

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end."""
        self._end()

    def _end(self) -> None:
        if self.task:
            _append("task", self.task[0], self.task[1], time.time())
            self.task = None
