"""A region under its services' own names, for all clients, and the programs of those that have to be made first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.journey import CLI, HERE, Region
from tests.lint.conftest import go, run


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    """The region, up; one for each client, since deleted things are listed for a while."""
    made = Region(tmp_path / "state")
    made.run("up", "--api-only")
    try:
        yield made
    finally:
        made.run("reset", check=False)


@pytest.fixture(scope="package")
def go_journey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journey's program with the SDK for Go, built (half a minute the first time)."""
    folder = tmp_path_factory.mktemp("go")
    build = [go(folder), "build", "-gcflags=all=-N -l", "-o", str(folder / "journey"), "."]
    run(build, cwd=HERE / "go", CGO_ENABLED="0", GOFLAGS="-mod=readonly", GOWORK="off", GOTOOLCHAIN="local")
    return folder / "journey"


@pytest.fixture(scope="package")
def typescript_journey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journey's file with the SDK for TypeScript, what it imports beside it; Node.js runs it as it is."""
    folder = tmp_path_factory.mktemp("typescript")
    for path in (HERE / "typescript").glob("*.*"):
        if path.is_file():
            shutil.copy2(path, folder)
    search = f"{CLI}{os.pathsep}{os.environ['PATH']}"
    # The authorities that this machine was given, as pip and Go take them: Node.js has its own otherwise.
    npm = [str(CLI / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    run(npm, cwd=folder, PATH=search, NODE_USE_SYSTEM_CA="1")
    return folder / "journey.ts"
