"""The preflight of the machine: one message with all that is wrong."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from localregion.host import prerequisites


def test_all_problems_come_in_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(prerequisites, "_program", lambda name: name not in ("podman", "haproxy", "mysql_install_db"))
    with socket.create_server(("127.82.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "state").write_text("a file")
        with pytest.raises(prerequisites.SystemUnfit) as caught:
            prerequisites.require(listen=[("127.82.0.1", port), ("127.82.0.2", port)], folders={tmp_path / "state": 1})
    text = str(caught.value)
    assert "not run by root" in text
    assert "programs are missing: podman, mysql_install_db, haproxy" in text
    assert "apt-get install --no-install-recommends podman mariadb-server-core haproxy" in text
    assert f"127.82.0.1:{port} is taken" in text and f"(process {os.getpid()})" in text
    assert "127.82.0.2" not in text
    assert f"{tmp_path / 'state'} is not a folder" in text
    assert "OKESTACK_NETWORK" in text


def test_other_systems_are_told_so_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prerequisites.platform, "system", lambda: "Darwin")
    problems = prerequisites.check(listen=[("127.0.0.1", 1)])
    assert [problem.what for problem in problems] == ["it runs Darwin, and network namespaces are Linux's"]


def test_too_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    read = {"/proc/meminfo": "MemTotal:  2097152 kB\n"}
    monkeypatch.setattr(prerequisites, "_read", lambda path: read.get(str(path), "overlay"))
    assert "2.0 GiB of memory" in " ".join(str(problem) for problem in prerequisites.check(programs=False))


def test_each_disk_is_asked_for_what_goes_onto_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("GOCACHE", "GOMODCACHE", "GOPATH", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    state, cache = tmp_path / "not" / "there", tmp_path / "cache"
    built, first = prerequisites.room(state, cache, build=False), prerequisites.room(state, cache, build=True)
    assert list(built) == [state]
    assert list(first) == [state, cache, tmp_path / "home/.cache/go-build", tmp_path / "home/go/pkg/mod"]

    def problems(free: float, folders: dict[Path, int]) -> list[str]:
        usage = type("Usage", (), {"free": int(free * 1024**3)})
        monkeypatch.setattr(prerequisites.shutil, "disk_usage", lambda path: usage)
        return [str(p) for p in prerequisites.check(folders=folders, programs=False) if "GiB" in p.what]

    # A state in a small /tmp is reported, also when every program is built.
    (told,) = problems(1, built)
    assert f"1.0 GiB are free where 2.0 GiB are needed: {state} (2 GiB)" in told and "OKESTACK_STATE" in told
    assert problems(2.1, built) == []
    # Folders on one disk share its room.
    (told,) = problems(12, first)
    assert "12.0 GiB are free where 13.0 GiB are needed" in told and str(cache) in told
    # What is there already needs no room any more.
    monkeypatch.setattr(prerequisites, "_used", lambda folder, enough: enough if folder != state else 0)
    assert problems(2.1, first) == []


def test_nothing_is_installed_without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(prerequisites, "_program", lambda name: name != "haproxy")
    monkeypatch.setattr(prerequisites.subprocess, "run", lambda *args, **kwargs: pytest.fail("something was run"))
    with pytest.raises(prerequisites.SystemUnfit, match="apt-get install --no-install-recommends haproxy"):
        prerequisites.install()
    monkeypatch.setattr(prerequisites, "_program", lambda name: True)
    assert prerequisites.install() == []


def test_no_service_is_started_while_packages_are_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    policy, units = tmp_path / "policy-rc.d", tmp_path / "units"
    places = {"/usr/sbin/policy-rc.d": policy, "/etc/systemd/system": units}
    monkeypatch.setattr(prerequisites, "Path", lambda path: places.get(str(path)) or Path(path))
    wants = units / "multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "theirs.service").symlink_to("/lib/systemd/system/theirs.service")
    with prerequisites._no_services():
        assert "exit 101" in policy.read_text() and policy.stat().st_mode & 0o111
        (wants / "haproxy.service").symlink_to("/lib/systemd/system/haproxy.service")
    assert not policy.exists()
    # Nor is it at the next boot; what was started then before, still is.
    assert [link.name for link in wants.iterdir()] == ["theirs.service"]
    # Someone's own policy is left alone.
    policy.write_text("theirs")
    with prerequisites._no_services():
        assert policy.read_text() == "theirs"
    assert policy.read_text() == "theirs"
