"""The region's block in the hosts file: whole or not there, and nothing else touched."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from localregion.host.hosts_file import HostsFile

OWN = "127.0.0.1 localhost\n# a person's line\n10.0.0.1\tprinter  # with a comment\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "hosts"
    made.write_text(OWN)
    return made


def test_written_changed_and_removed(path: Path) -> None:
    path.chmod(0o640)
    file = HostsFile("local", path)
    file.write({"iaas.local-1.okestack.test": "127.77.0.1"})
    assert path.read_text().startswith(OWN) and "\n127.77.0.1 iaas.local-1.okestack.test\n" in path.read_text()
    file.write({"x.test": "127.77.0.2"})
    assert "iaas" not in path.read_text() and path.read_text().count("begin") == 1
    assert path.stat().st_mode & 0o777 == 0o640
    file.clear()
    assert path.read_text() == OWN and list(path.parent.iterdir()) == [path]


def test_regions_side_by_side(path: Path) -> None:
    one, two = HostsFile("local", path), HostsFile("local2", path)
    one.write({"a.test": "127.77.0.1"})
    two.write({"b.test": "127.78.0.1"})
    one.write({"c.test": "127.77.0.1"})
    assert "a.test" not in path.read_text() and "b.test" in path.read_text() and "c.test" in path.read_text()
    one.clear()
    assert "127.78.0.1 b.test" in path.read_text()
    two.clear()
    assert path.read_text() == OWN


def test_a_file_without_a_last_line_end_keeps_its_line(path: Path) -> None:
    path.write_text("127.0.0.1 localhost")
    HostsFile("local", path).write({"a.test": "127.77.0.1"})
    assert path.read_text().startswith("127.0.0.1 localhost\n#")


def test_no_file(tmp_path: Path) -> None:
    HostsFile("local", tmp_path / "hosts").clear()
    assert not (tmp_path / "hosts").exists()
    HostsFile("local", tmp_path / "hosts").write({"a.test": "127.77.0.1"})
    assert "127.77.0.1 a.test" in (tmp_path / "hosts").read_text()


def test_many_writers_lose_nothing(path: Path) -> None:
    def write(number: int) -> None:
        for turn in range(20):
            HostsFile(f"r{number}", path).write({f"n{number}.test": f"127.0.{turn}.1"})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(f"127.0.19.1 n{number}.test\n" in path.read_text() for number in range(4))


def test_a_mounted_file_is_written_in_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    inode = path.stat().st_ino
    HostsFile("local", path).write({"a.test": "127.77.0.1"})
    assert path.stat().st_ino == inode and "127.77.0.1 a.test" in path.read_text()
    HostsFile("local", path).clear()
    assert path.read_text() == OWN and list(path.parent.iterdir()) == [path]
