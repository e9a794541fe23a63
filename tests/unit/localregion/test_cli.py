"""What the command line prints of a region that does not run, and of its logs."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from localregion import cli


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OKESTACK_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def run(*arguments: str) -> int:
    return cli.main(["--name", "clitest", *arguments])


def call(**values: object) -> str:
    line = {
        "time": "2026-11-22T02:46:54.226Z", "principal": "ocid1.user.oc1..operator", "operation": "core.get_vcn",
        "method": "GET", "path": "/20160918/vcns/x", "status": 200, "code": "", "ms": 0.31, "request_id": "a/b/c",
        "reason": "",
    }  # fmt: skip
    return json.dumps(line | values) + "\n"


def test_nothing_runs(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == 3
    assert "not running" in capsys.readouterr().out
    assert run("fault", "core.*") == 1
    assert "`localregion up` starts it" in capsys.readouterr().err
    assert run("logs") == 1
    assert "no log yet" in capsys.readouterr().err


def test_reset_removes_only_a_regions_state(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state.mkdir()
    (state / "letters.txt").write_text("mine")
    assert run("reset") == 1
    assert "not the state of a region" in capsys.readouterr().err
    assert (state / "letters.txt").exists()


def test_logs_read_well(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (state / "logs").mkdir(parents=True)
    path = state / "logs" / "api.jsonl"
    path.write_text(call() + call(status=401, code="NotAuthenticated", reason="no signature", principal="-"))
    assert run("logs", "-n", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["02:46:54.226", "200", "0.3", "ms", "core.get_vcn", "operator"]
    assert lines[1].endswith("NotAuthenticated no signature")


def test_logs_follow(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("one\ntwo\n")
    lines = cli._tail(path, 1, follow=True)
    assert next(lines) == "two"

    def write() -> None:
        time.sleep(0.3)
        with path.open("a") as file:
            file.write("th")
            file.flush()
            time.sleep(0.3)
            file.write("ree\n")

    threading.Thread(target=write).start()
    assert next(lines) == "three"
