"""One region and one site for the tests of test_site.py, in the order in which they are written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import programs
from tests.e2e.site import Region, Site


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is slow and needs the programs. test_site.py comes first: it sees the site being built, which
    others take as it is."""
    items.sort(key=lambda item: item.path.parent == Path(__file__).parent and item.path.name != "test_site.py")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.programs)
            item.add_marker(pytest.mark.timeout(3600))


@pytest.fixture(scope="session")
def region() -> Iterator[Region]:
    programs.folder()
    made = Region("e2e", "127.78.0.0/16", Path(tempfile.mkdtemp(prefix="okestack-e2e-")))
    yield made
    made.remove()


@pytest.fixture(scope="session")
def site(region: Region) -> Site:
    """The region started and the site built on it."""
    region.localregion("up")
    run = region.playbook("-vvv").wait()
    return Site(region, run.lines[-1].strip(), run.summary())
