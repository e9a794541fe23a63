"""A second machine without any network: a fresh clone, an empty home, and a bundle."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localregion import bundle
from tests.e2e.site import ROOT, Site

MACHINE = """
ip link set lo up
test -z "$(ip route get 192.0.2.1 2>/dev/null)"
make bundle-load FILE="$1"
make site </dev/null
make destroy
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="okestack-bundle-"))
    yield made
    subprocess.run([sys.executable, "-m", "localregion", "reset"], cwd=ROOT, env=environment(made), capture_output=True)
    shutil.rmtree(made, ignore_errors=True)


def environment(folder: Path) -> dict[str, str]:
    """A stranger's, but for the region's name."""
    (folder / "home").mkdir(exist_ok=True)
    return {
        "HOME": str(folder / "home"),
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "OKESTACK_REGION": "bundle",
        "TMPDIR": tempfile.gettempdir(),
    }


def test_a_site_without_network(site: Site, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`site`: with it all that goes into a bundle has been made."""
    file, clone = folder / "site.bundle", folder / "clone"
    site.region.localregion("bundle", "save", str(file), seconds=900)
    assert file.stat().st_size <= 500e6
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in tracked.decode().rstrip("\0").split("\0"):
        if (ROOT / name).exists() or (ROOT / name).is_symlink():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name, follow_symlinks=False)
    began = time.monotonic()
    done = subprocess.run(
        ["unshare", "--net", "bash", "-euc", MACHINE, "machine", str(file)],
        cwd=clone, env=environment(folder) | {"PYTHON": getattr(sys, "_base_executable", sys.executable)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    took = time.monotonic() - began
    assert done.returncode == 0, done.stdout[-8000:]
    assert re.search(r"failed=0 .*\n(.*\n)*https://127\.77\.\d+\.\d+/\n", done.stdout), done.stdout[-4000:]
    cache = folder / "home" / ".cache" / "okestack"
    assert bundle.wheels_folder(cache).is_dir()
    with capsys.disabled():
        print(f"\n  bundle of {file.stat().st_size / 1e6:.0f} MB: loaded, site made and removed in {took:.0f} s")
