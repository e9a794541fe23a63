"""A second machine without any network takes its first run from a bundle."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from localregion import bundle
from tests.e2e.second_machine import Machine
from tests.e2e.site import Site


@pytest.fixture
def machine() -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="okestack-bundle-"))
    made = Machine(folder)
    yield made
    made.remove()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.whole
def test_a_site_without_network(site: Site, machine: Machine) -> None:
    """`site`: with it all that goes into a bundle has been made. `make bench ARGS=bundle` prints how long it takes."""
    file = machine.home / "site.bundle"
    site.region.localregion("bundle", "save", str(file), seconds=900)
    assert file.stat().st_size <= 500e6
    machine.make("bundle-load", f"FILE={file}")
    assert bundle.wheels_folder(machine.home / ".cache" / "okestack").is_dir()
    said = machine.make("site")
    assert re.search(r"failed=0 .*\n(.*\n)*https://127\.77\.\d+\.\d+/\n$", said), said[-4000:]
