# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster with virtual nodes for the tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import programs
from tests.integration.localregion.virtual_node import harness


@pytest.fixture(scope="session")
def bare_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Lab]:
    """A control plane and podman, without nodes."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    yield from harness.lab(tmp_path_factory.mktemp("vnt"), programs.folder())


@pytest.fixture(scope="session")
def lab(bare_lab: harness.Lab) -> harness.Lab:
    """The cluster with three virtual nodes."""
    bare_lab.start_kubelet()
    bare_lab.until(lambda: bare_lab.schedulable() == 3, 30, "three nodes Ready and without a taint")
    return bare_lab
