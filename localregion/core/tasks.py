"""Background work of the region: started by name, its failures logged, ended with the region."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


def note_failure(log: logging.Logger, what: str, error: Exception, *expected: type[Exception]) -> None:
    """Log a failure that work in the background goes on after: one that is expected in a line, others as faults.

    Work without an end has to catch every exception: ended, nobody would begin it again.
    """
    if isinstance(error, expected):
        log.warning("%s: %s: %s", what, type(error).__name__, error)
    else:
        log.error("%s", what, exc_info=error)


class Tasks:
    """The tasks under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start work in the background."""
        task = asyncio.get_running_loop().create_task(work, name=name, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s failed", task.get_name(), exc_info=error)

    async def idle(self) -> None:
        """Wait until nothing is under way (for tests, where cloud time is zero)."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self) -> None:
        """End all."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
