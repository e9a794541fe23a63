"""Programs that are run, watched and ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from localregion.host.process import Process, ProcessError, run

ROOT = Path(__file__).parents[4]


def alive(number: int) -> bool:
    """Whether a process exists and is not only waiting to be reaped."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


async def gone(*numbers: int, seconds: float = 5.0) -> bool:
    for _ in range(int(seconds / 0.02)):
        if not any(alive(number) for number in numbers):
            return True
        await asyncio.sleep(0.02)
    return False


def test_run_gives_output_and_errors_without_arguments() -> None:
    async def body() -> None:
        done = await run(["sh", "-c", "cat; echo err >&2"], stdin="in")
        assert (done.returncode, done.stdout, done.stderr) == (0, "in", "err\n")
        with pytest.raises(ProcessError) as caught:
            await run(["sh", "-c", "echo what it said >&2; exit 3", "a-secret-argument"])
        assert str(caught.value) == "sh ended with 3: what it said"
        assert (await run(["sh", "-c", "exit 3"], check=False)).returncode == 3
        with pytest.raises(ProcessError, match="is not installed"):
            await run(["no-such-program"])

    asyncio.run(body())


def test_the_users_environment_does_not_reach_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "of the user")
    done = asyncio.run(run(["env"], env={"OURS": "1"}))
    assert "A_SECRET" not in done.stdout and "OURS=1" in done.stdout and "/usr/sbin" in done.stdout


@pytest.mark.parametrize("way", ["timeout", "cancel"])
def test_an_ended_run_takes_its_children_with_it(tmp_path: Path, way: str) -> None:
    script = f"sleep 300 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/self; wait"

    async def body() -> None:
        task = asyncio.create_task(run(["sh", "-c", script], timeout=0.5 if way == "timeout" else 60))
        for _ in range(200):
            if (tmp_path / "self").exists() and (tmp_path / "self").read_text():
                break
            await asyncio.sleep(0.02)
        if way == "cancel":
            task.cancel()
        with pytest.raises(ProcessError if way == "timeout" else asyncio.CancelledError):
            await task
        assert await gone(int((tmp_path / "child").read_text()), int((tmp_path / "self").read_text()))

    asyncio.run(body())


def test_a_program_is_started_again_until_it_is_stopped(tmp_path: Path) -> None:
    ends: list[int] = []

    async def body() -> None:
        child = Process("child", ["sh", "-c", "echo started; sleep 300"], log=tmp_path / "log", on_exit=ends.append)
        await child.start()
        first = child.pid
        assert first is not None and alive(first)

        async def said(times: int) -> None:
            for _ in range(200):
                if (tmp_path / "log").read_text().count("started") == times:
                    return
                await asyncio.sleep(0.02)

        await said(1)
        os.kill(first, signal.SIGKILL)
        await said(2)
        second = child.pid
        assert second not in (None, first) and ends == [-9]
        await child.stop()
        assert second is not None and await gone(second)
        assert not child.running and child.pid is None
        assert (tmp_path / "log").read_text() == "started\nstarted\n"
        assert (tmp_path / "log").stat().st_mode & 0o077 == 0

    asyncio.run(body())


def test_a_program_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    async def body() -> None:
        child = Process(
            "child", ["sh", "-c", "trap '' TERM; echo up; sleep 300"], log=tmp_path / "log", stop_timeout=0.3
        )
        await child.start()

        async def up() -> bool:
            return "up" in (tmp_path / "log").read_text()

        await child.wait_ready(up, timeout=5)
        number = child.pid
        await child.stop()
        assert number is not None and await gone(number)

    asyncio.run(body())


def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async def body() -> None:
        child = Process("child", ["sh", "-c", "echo the reason >&2; exit 4"], log=tmp_path / "log", restart=False)
        await child.start()
        with pytest.raises(ProcessError, match="child ended with 4: the reason"):
            await child.wait_ready(never, timeout=5)
        slow = Process("slow", ["sleep", "300"], log=tmp_path / "slow")
        await slow.start()
        with pytest.raises(ProcessError, match="slow is not ready after"):
            await slow.wait_ready(never, timeout=0.2)
        await slow.stop()

    asyncio.run(body())


def test_a_killed_parent_takes_its_programs_with_it(tmp_path: Path) -> None:
    script = f"""
import asyncio, os
from pathlib import Path
from localregion.host.process import Process, run
async def main():
    child = Process("child", ["sleep", "300"], log=Path({str(tmp_path)!r}) / "log")
    await child.start()
    asyncio.create_task(run(["sh", "-c", "echo $$ > {tmp_path}/tied; sleep 300"], tied=True))
    while not Path("{tmp_path}/tied").exists() or not Path("{tmp_path}/tied").read_text():
        await asyncio.sleep(0.02)
    print(child.pid, flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == -9, done.stderr
    assert asyncio.run(gone(int(done.stdout), int((tmp_path / "tied").read_text())))
