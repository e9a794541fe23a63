# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster with virtual nodes for the tests of this folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.localregion.virtual_node import harness

NEEDED = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


def programs() -> Path:
    """The folder of the region's programs: PATH, else its cache."""
    found = shutil.which("kube-apiserver")
    cache = Path(os.environ.get("OKESTACK_CACHE", "~/.cache/okestack")).expanduser() / "programs" / "current"
    folder = Path(found).parent if found else cache
    if not all((folder / name).exists() for name in NEEDED):
        pytest.skip("the region's programs are not built yet (localregion programs build)")
    return folder


@pytest.fixture(scope="session")
def bare_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Lab]:
    """A control plane and podman, without nodes."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    yield from harness.lab(tmp_path_factory.mktemp("vnt"), programs())


@pytest.fixture(scope="session")
def lab(bare_lab: harness.Lab) -> harness.Lab:
    """The cluster with three virtual nodes."""
    bare_lab.start_kubelet()
    bare_lab.until(lambda: bare_lab.schedulable() == 3, 30, "three nodes Ready and without a taint")
    return bare_lab
