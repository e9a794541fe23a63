# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod's worker and a node's port need of the kubelet, as protocols: `kubelet.Kubelet` is both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from localregion.host.kubernetes_client import KubeClient
from localregion.virtual_node import env
from localregion.virtual_node.config import Config
from localregion.virtual_node.containers import Runtime
from localregion.virtual_node.events import Events
from localregion.virtual_node.images import Images
from localregion.virtual_node.network import Attachment, Network
from localregion.virtual_node.volumes import PodFolders

Json = dict[str, Any]


class PodHost(Protocol):
    """What a worker needs to run its pod."""

    config: Config
    runtime: Runtime
    network: Network
    api: KubeClient
    events: Events
    images: Images
    version: str

    def folders(self, uid: str) -> PodFolders:
        """The folders of a pod."""

    async def read(self, pod: Json, wanted: Iterable[env.Reference]) -> dict[tuple[str, str], Json | None]:
        """Secrets and ConfigMaps of a pod's namespace, None for each that is not there."""

    async def service_variables(self, namespace: str, links: bool) -> dict[str, str]:
        """A container's variables for Services."""

    async def detach(self, uid: str, attachment: Attachment | None) -> None:
        """Give a pod's VNIC back. Raises NetworkError."""

    def finished(self, uid: str) -> None:
        """A pod has gone, and all that was made for it."""


class NodeHost(Protocol):
    """What a node's port needs to answer."""

    config: Config
    runtime: Runtime
    api: KubeClient

    def folders(self, uid: str) -> PodFolders:
        """The folders of a pod."""

    def pods(self, node_name: str) -> list[Json]:
        """The pods of a node."""
