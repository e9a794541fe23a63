"""One region and one ground for all walks; each step begins from a snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localregion.testing import Region

from ..modules.conftest import Door
from .prerequisites import Prerequisites
from .walks import Walks


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walks]:
    with Region.started(Path(tmp_path_factory.mktemp("region"))) as region:
        # The walk changes each field that an update can have, and wants to see it changed.
        region.inner.services["containerengine"].pools.without_effect = frozenset()
        yield Walks(Prerequisites(Door(region), region))
