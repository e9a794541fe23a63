# SPDX-License-Identifier: GPL-3.0-or-later
"""Who leads a pool's processes, and who ends whom."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localregion.virtual_node import members
from localregion.virtual_node.members import HUNG, Member


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def record(folder: Path, process: subprocess.Popen[bytes], **changes: Any) -> None:
    """What another member has written."""
    state = {"pid": process.pid, "begun": members._begun(process.pid), "at": time.monotonic(), "leads": True}
    (folder / "2.json").write_text(json.dumps(state | changes))


def test_one_leads_at_a_time(tmp_path: Path) -> None:
    async def both() -> list[bool]:
        one, two = Member(tmp_path, "1"), Member(tmp_path, "2")
        await one.lead()
        waiting = asyncio.create_task(two.lead())
        await asyncio.sleep(0.6)
        seen = [one.leads, two.leads]
        assert one._lock is not None
        members.os.close(one._lock)  # as the kernel does at its end
        await asyncio.wait_for(waiting, 60)
        return [*seen, two.leads]

    assert asyncio.run(both()) == [True, False, True]
    assert json.loads((tmp_path / "2.json").read_text())["leads"] is True
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_who_hangs_is_ended(tmp_path: Path, other: subprocess.Popen[bytes]) -> None:
    record(tmp_path, other, at=time.monotonic() - HUNG - 1)
    Member(tmp_path, "1").end_the_hung()
    assert other.wait(60) == -signal.SIGKILL


@pytest.mark.parametrize(
    "changes",
    [
        {"at": "now"},
        {"begun": "1"},  # its number is another process's now
        {"begun": ""},
        {"pid": None},
        {"at": None},
    ],
)
def test_who_lives_or_is_somebody_else_is_left_alone(
    tmp_path: Path, other: subprocess.Popen[bytes], changes: dict[str, Any]
) -> None:
    silent = {"at": time.monotonic() - HUNG - 1}
    record(tmp_path, other, **silent | changes | ({"at": time.monotonic()} if changes == {"at": "now"} else {}))
    (tmp_path / "3.json").write_text("{")
    Member(tmp_path, "1").end_the_hung()
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(0.3)


def test_oneself_is_never_ended(tmp_path: Path) -> None:
    one = Member(tmp_path, "1")
    one.beat()
    state = json.loads((tmp_path / "1.json").read_text())
    (tmp_path / "2.json").write_text(json.dumps(state | {"at": time.monotonic() - HUNG - 1}))
    one.end_the_hung()
