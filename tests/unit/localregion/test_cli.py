"""What the command line prints of a region that does not run, and of its logs."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from localregion import cli, daemon
from localregion.settings import Settings


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


@pytest.mark.parametrize("command", ["up", "down", "reset"])
def test_the_name_of_a_running_region_is_its_own(
    command: str, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state.mkdir()
    (state / "api-only").touch()  # (a region that needs no root)
    (state / "daemon.lock").touch()
    runs = Settings(name="clitest", state=tmp_path / "elsewhere", pure=True)
    removed: list[str] = []
    monkeypatch.setattr(daemon.front, "clean_up", lambda settings: removed.append(settings.name))
    arguments = [command, "--api-only"] if command == "up" else [command]
    with daemon.locked(runs):
        assert run(*arguments) == 1
    told = capsys.readouterr().err
    assert "another region named clitest runs on this machine" in told and "OKESTACK_STATE" in told
    assert "Traceback" not in told
    assert removed == [] and (state / "daemon.lock").exists()
    # It ends with its process, and its name is free.
    assert run("down") == 0
    assert removed == ["clitest"]


def test_where_it_is_refused_to_start_no_folder_stays(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Because of the name, or because of an address; a folder that was there before stays as it was."""
    monkeypatch.setattr(daemon.front, "clean_up", lambda settings: None)
    with daemon.locked(Settings(name="clitest", state=tmp_path / "elsewhere", pure=True)):
        assert run("up", "--api-only") == 1
        assert "another region named clitest runs" in capsys.readouterr().err and not state.exists()
        state.mkdir()
        (state / "kept").touch()
        assert run("up", "--api-only") == 1
    assert (state / "kept").exists() and not (state / "api-only").exists()
    (state / "kept").unlink()
    (state / "up.lock").unlink()
    state.rmdir()
    monkeypatch.setattr(cli, "_preflight", lambda settings: _refuse("127.77.0.1:14000 is taken"))
    assert run("up", "--api-only") == 1
    assert "is taken" in capsys.readouterr().err and not state.exists()


def _refuse(why: str) -> None:
    raise cli.Problem(why)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"OKESTACK_NETWORK": "127.89.0.0"}, ["OKESTACK_NETWORK is '127.89.0.0'", "127.77.0.0/16"]),
        ({"OKESTACK_NETWORK": "10.0.0.0/16"}, ["a network of loopback"]),
        ({"OKESTACK_NETWORK": "127.89.0.1/16"}, ["OKESTACK_NETWORK"]),
        ({"OKESTACK_NETWORK": "127.89.0.0/24"}, ["OKESTACK_NETWORK"]),
        ({"OKESTACK_NETWORK": "here"}, ["OKESTACK_NETWORK is 'here'"]),
        ({"OKESTACK_PORT": "abc"}, ["OKESTACK_PORT is 'abc'", "a port from 1"]),
        ({"OKESTACK_PORT": "70000"}, ["OKESTACK_PORT"]),
        ({"OKESTACK_PORT": "0"}, ["OKESTACK_PORT"]),
        ({"OKESTACK_MINUTE": "nan"}, ["OKESTACK_MINUTE is 'nan'"]),
        ({"OKESTACK_MINUTE": "-1"}, ["OKESTACK_MINUTE"]),
        ({"OKESTACK_KUBERNETES_VERSIONS": "v1.36"}, ["OKESTACK_KUBERNETES_VERSIONS is 'v1.36'", "v1.36.1"]),
        ({"OKESTACK_KUBERNETES_VERSIONS": ","}, ["OKESTACK_KUBERNETES_VERSIONS"]),
        ({"OKESTACK_REGION": "Two-3"}, ["OKESTACK_REGION", "'Two-3'"]),
        ({"OKESTACK_PORT": "abc", "OKESTACK_NETWORK": "x"}, ["OKESTACK_PORT", "OKESTACK_NETWORK"]),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("command", ["up", "down", "reset", "status"])
def test_bad_variables_are_told_all_at_once(
    command: str, variables: dict[str, str], words: list[str], state: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cli.main([command]) == 1
    told = capsys.readouterr().err
    assert all(word in told for word in words), told
    assert not state.exists()


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
