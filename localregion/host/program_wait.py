# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a program that may still be built, and saying so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from localregion.host.programs import RETRY_SECONDS, ProgramError, Programs, retried_text

Report = Callable[[str], None]


async def wait_for_program(programs: Programs, name: str, report: Report) -> Path:
    """The program's path; says what is being built while it is not there.

    A build that fails is reported and tried again: its cause may pass (a killed compiler, a full disk, no
    network), while a cluster that FAILED for it would stay so.
    """
    while True:
        try:
            return await _built(programs, name, report)
        except ProgramError as error:
            report(f"waiting for {name}, {retried_text(error)}")
            await asyncio.sleep(RETRY_SECONDS)


async def _built(programs: Programs, name: str, report: Report) -> Path:
    waiting = asyncio.ensure_future(programs.path(name))
    last, said = "", 0.0
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=1.0)
            if done:
                return waiting.result()
            progress = programs.progress()
            # One line for each program, and one every half minute.
            key = progress.rsplit(",", 1)[0]
            if progress and (key != last or time.monotonic() - said >= 30):
                report(f"waiting for {name}: {progress}")
                last, said = key, time.monotonic()
    finally:
        waiting.cancel()
