"""A pure local region for unit tests: the API alone, its clock at zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import oci
import pytest

from localregion.testing import Region


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    """A new region."""
    with Region.started(tmp_path / "region") as started:
        yield started


@pytest.fixture
def vcns(region: Region) -> Any:
    """The operator's client of the network service."""
    return region.client(oci.core.VirtualNetworkClient)


@pytest.fixture
def identity(region: Region) -> Any:
    """The operator's client of the identity service."""
    return region.client(oci.identity.IdentityClient)


@contextmanager
def _refused(status: int, code: str, *words: str) -> Iterator[None]:
    with pytest.raises(oci.exceptions.ServiceError) as caught:
        yield
    assert (caught.value.status, caught.value.code) == (status, code), caught.value.message
    for word in words:
        assert word in caught.value.message


@pytest.fixture
def refused() -> Callable[..., Any]:
    """`with refused(404, "NotAuthorizedOrNotFound"):` the call in it is answered so, words in the message."""
    return _refused
