"""What holds for all tests: their order, and a machine without traces of the person who runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.snapshot import SNAPSHOT

# Tests that need no programs come first, while those are built; the whole site comes last.
ORDER = ("unit", "conformance", "lint", "clients", "integration", "faults", "e2e", "bench")
# Side by side the files that take longest begin, so that no worker is left with one of them at the end.
LONGEST_FIRST = ("lint", "integration", "faults", "conformance", "unit")
PARTS = ("beside", "parts", "site")
# What such tests use is there once on a machine: ports, /etc/hosts, network namespaces, the programs.
ONE_BY_ONE = ("root", "programs")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--whole`: campaigns play all of their cases, and tests marked `whole` are played too. `--flows`: packets sent to
    compare them with the analysis. `--requests`: how many a site answers at least under load. `--part`:
    what shares a machine (pytest -n auto), what is played one by one beside that, or the site, which has it alone."""
    parser.addoption("--part", choices=PARTS, help="a part of the tests, as tests/run plays them; else all, one by one")
    parser.addoption("--whole", action="store_true", help="play all cases of the campaigns and all that takes long")
    parser.addoption("--flows", type=int, default=2000, help="packets sent to compare them with the analysis")
    parser.addoption("--requests", type=int, help="requests that a site answers under load (1,000; whole: 20,000)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A worker for each core, but no more than four: each has regions, and playbooks with processes of their own."""
    return min(os.cpu_count() or 1, 4)


@pytest.fixture(scope="session")
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether campaigns play all of their cases."""
    return bool(request.config.getoption("--whole"))


def _rank(item: pytest.Item, order: tuple[str, ...]) -> tuple[int, bool]:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    rank = order.index(folder) if folder in order else len(order)
    return rank, item.get_closest_marker("programs") is not None


def _part(item: pytest.Item) -> str:
    if item.get_closest_marker("e2e"):
        return "site"
    return "parts" if any(item.get_closest_marker(name) for name in ONE_BY_ONE) else "beside"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the part that is asked for. Sort by folder, then what needs the programs last; within that as written. The
    first of those may have to wait until they are built."""
    part = config.getoption("--part")

    def asked_for(item: pytest.Item) -> bool:
        rest = item.get_closest_marker("whole") and not config.getoption("--whole")
        return not rest and part in (None, _part(item))

    config.hook.pytest_deselected(items=[item for item in items if not asked_for(item)])
    items[:] = [item for item in items if asked_for(item)]
    items.sort(key=lambda item: _rank(item, LONGEST_FIRST if part == "beside" else ORDER))
    for item in items:
        if item.get_closest_marker("programs") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(3000))


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_user() -> None:
    """Nothing of Ansible's or the OCI clients' settings in the environment reaches a test."""
    for name in [name for name in os.environ if name.startswith(("ANSIBLE_", "OCI_"))]:
        del os.environ[name]


@pytest.fixture(autouse=True)
def _nothing_read_before() -> None:
    """What a test before this one read in the same process is another run's."""
    SNAPSHOT.close()
