# SPDX-License-Identifier: GPL-3.0-or-later
"""A kube-apiserver of our own for the tests of this folder."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import Client
from ansible_collections.okestack.oci.plugins.module_utils.kube.config import read_kubeconfig

from tests.integration.kube.control_plane import running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that talks to the API server needs the programs, and so comes last."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "kubeconfig" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.programs)


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A kubeconfig of an administrator of a running API server."""
    with running(tmp_path_factory.mktemp("control-plane")) as path:
        yield path


@pytest.fixture(scope="session")
def client(kubeconfig: Path) -> Client:
    return Client(read_kubeconfig(str(kubeconfig)))


@pytest.fixture
def space(client: Client) -> str:
    """A namespace of the test's own."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    client.request("POST", "/api/v1/namespaces", body=manifest)
    return name
