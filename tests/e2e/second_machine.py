"""Another machine, without any network: a fresh clone, an empty home, and a bundle."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.site import ROOT

ALONE = """
ip link set lo up
test -z "$(ip route get 192.0.2.1 2>/dev/null)"
"$@"
"""


class Machine:
    """Plays commands of the Makefile as a stranger does who has a clone and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.home, self.clone = folder / "home", folder / "clone"
        self.home.mkdir()
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in tracked.decode().rstrip("\0").split("\0"):
            if (ROOT / name).exists() or (ROOT / name).is_symlink():
                (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.clone / name, follow_symlinks=False)

    @property
    def environment(self) -> dict[str, str]:
        """A stranger's, but for the region's name."""
        return {
            "HOME": str(self.home),
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "OKESTACK_REGION": "bundle",
            "TMPDIR": tempfile.gettempdir(),
            "PYTHON": getattr(sys, "_base_executable", sys.executable),
        }

    def make(self, *arguments: str) -> str:
        """`make` in a network namespace without any network; its output. It must end well."""
        done = subprocess.run(
            ["unshare", "--net", "bash", "-euc", ALONE, "alone", "make", *arguments],
            cwd=self.clone, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-8000:]
        return done.stdout

    def remove(self) -> None:
        """End its region and forget it; the folder stays."""
        subprocess.run(
            [sys.executable, "-m", "localregion", "reset"], cwd=ROOT, env=self.environment, capture_output=True
        )
