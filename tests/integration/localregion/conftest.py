"""What the tests of real parts share: a podman of their own and a small image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAMS = ("sh", "cat", "env", "id", "sleep", "ls", "touch", "echo", "true", "false", "hostname")


@pytest.fixture(scope="session")
def tiny_rootfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system of a few programs of this machine and their libraries, as a tar archive: made in a moment."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    root = tmp_path_factory.mktemp("rootfs")
    (root / "etc").mkdir()
    (root / "tmp").mkdir(mode=0o1777)
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    wanted = {Path(found).resolve() for name in PROGRAMS if (found := shutil.which(name))}
    files: set[Path] = set()
    for program in wanted:
        said = subprocess.run(["ldd", str(program)], capture_output=True, text=True).stdout
        files.update(Path(found) for found in re.findall(r"(/\S+) \(", said))
    for file in files:
        target = root / str(file).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    (root / "bin").mkdir(exist_ok=True)
    for name in PROGRAMS:
        if found := shutil.which(name):
            shutil.copy(Path(found).resolve(), root / "bin" / name)
    archive = tmp_path_factory.mktemp("tar") / "rootfs.tar"
    subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
    return archive
