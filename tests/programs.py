"""The Go programs, for tests that need them: built by now (tests/run builds them meanwhile), or built here."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from localregion.host.programs import KUBERNETES_VERSION

ROOT = Path(__file__).parents[1]


@cache
def folder(release: str = KUBERNETES_VERSION) -> Path:
    """The folder in which they all are, of a release of Kubernetes; waits until they are built."""
    command = [sys.executable, "-m", "localregion", "programs", "build", "--kubernetes", release]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-4000:]
    places = os.environ.get("OKESTACK_CACHE") or "~/.cache/okestack"
    return Path(places).expanduser() / "programs" / ("current" if release == KUBERNETES_VERSION else release)


def program(name: str) -> Path:
    """One of them."""
    found = folder() / name
    assert found.exists(), f"{found} is not there though all programs are built"
    return found
