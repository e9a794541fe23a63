# SPDX-License-Identifier: GPL-3.0-or-later
"""MySQL in the cache: what a data folder is made of, and what is said where it can't be had."""

from __future__ import annotations

import asyncio
import tarfile
from pathlib import Path

import pytest

from localregion.host.mysql_programs import MysqlPrograms, MysqlRoot
from localregion.host.programs import ProgramError

REFUSED = """#!/bin/sh
echo 'I: running apt-get update...' >&2
echo 'E: apt-get update failed: no such mirror' >&2
exit 25
"""


def test_a_data_folder_is_the_template_with_holes(tmp_path: Path) -> None:
    made = tmp_path / "made"
    (made / "mysql").mkdir(parents=True)
    contents = {
        "#ib_16384_0.dblwr": bytes(300_000),
        "ibdata1": bytes(200_000) + b"pages" + bytes(100_000),
        "mysql/general_log.frm": b"small",
        "empty": b"",
    }
    for name, content in contents.items():
        (made / name).write_bytes(content)
    root = tmp_path / "root"
    root.mkdir()
    with tarfile.open(root / "data.tar", "w") as archive:
        for path in sorted(made.rglob("*")):
            archive.add(path, path.relative_to(made).as_posix(), recursive=False)
    target = tmp_path / "data"
    MysqlRoot(root).unpack(target)
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == contents
    assert target.stat().st_mode & 0o077 == 0
    assert (target / "#ib_16384_0.dblwr").stat().st_blocks * 512 < 300_000


def test_where_it_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "mmdebstrap"
    program.parent.mkdir()
    program.write_text(REFUSED)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    mysql = MysqlPrograms(tmp_path / "cache")
    why = r"MySQL could not be fetched out of Debian's suite sid: E: apt-get update failed: no such mirror"

    async def body() -> None:
        assert (mysql.said(), mysql.progress(), mysql.lacking()) == ("MySQL is not fetched yet", "", "")
        mysql.start()
        assert mysql.said().startswith("fetching MySQL, ")
        with pytest.raises(ProgramError, match=why):
            await mysql.get()
        assert mysql.said().startswith("MariaDB: MySQL could not be fetched")
        # Asked again soon, it does not try again.
        program.unlink()
        with pytest.raises(ProgramError, match=why):
            await mysql.get()
        assert mysql.find() is None
        assert [path.name for path in mysql.folder.parent.iterdir()] == [f".{mysql.folder.name}.lock"]
        await mysql.stop()

    asyncio.run(body())
