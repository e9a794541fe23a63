# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking containers how they are, whatever comes of one question."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from localregion.virtual_node.pods import PodRun
from localregion.virtual_node.probing import Prober


def test_a_question_that_fails_by_itself_does_not_end_the_asking() -> None:
    """As where Python's own TLS raised an AttributeError: the pod stayed unready for good."""
    spec = {"containers": [{"name": "main", "readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 0.01}}]}
    answers, notes = iter([AttributeError("'NoneType' object has no attribute '_abort'"), (0, "")]), []

    async def execute(container_id: str, command: list[str], timeout: float) -> Any:
        answer = next(answers, (0, ""))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def play() -> None:
        run, changed = PodRun.of(spec), asyncio.Event()
        one = run.containers["main"]
        one.state, one.container_id, one.started = "running", "c", True
        host: Any = SimpleNamespace(runtime=SimpleNamespace(with_files=True, execute=execute), version="1.36")

        async def kill(container: dict[str, Any], container_id: str) -> None:
            raise AssertionError("it is not restarted")

        def note(reason: str, message: str, *, warning: bool = False) -> None:
            notes.append(f"{reason}: {message}")

        prober = Prober(host, run, lambda: {"spec": spec}, changed.set, kill, note)
        prober.watch("main")
        async with asyncio.timeout(60):
            await changed.wait()
        assert one.ready
        prober.stop_all()

    asyncio.run(play())
    assert notes == ["Unhealthy: Readiness probe failed: AttributeError: 'NoneType' object has no attribute '_abort'"]
