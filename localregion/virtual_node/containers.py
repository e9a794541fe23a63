# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers as a node sees them: whose they are, and the protocol of what runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from localregion.host.containers import ContainerSpec, ContainerState, Credentials


class ImageError(Exception):
    """An image is not available; `reason` is the container's waiting reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class RuntimeFailure(Exception):
    """A container could not be made, started or asked; the message is the runtime's."""


@dataclass(frozen=True)
class LocalImage:
    """An image in the storage, by the name that a pod has for it."""

    id: str
    reference: str
    """Name with digest, as a pod's imageID shows it."""
    user: str = ""


LABEL_POD = "okestack.pod-uid"
LABEL_CONTAINER = "okestack.container"
LABEL_ATTEMPT = "okestack.attempt"
"""By which a node finds the containers of its pods again."""


def pod_uid(state: ContainerState) -> str:
    """The pod that a container belongs to; empty if its labels do not say."""
    return state.labels.get(LABEL_POD, "")


def container_name(state: ContainerState) -> str:
    """The name of a container in its pod."""
    return state.labels.get(LABEL_CONTAINER, "")


def attempt(state: ContainerState) -> int:
    """How often the container was restarted before."""
    return int(state.labels.get(LABEL_ATTEMPT, 0))


@dataclass(frozen=True)
class Usage:
    """What a container uses: CPU seconds since its start, memory in bytes."""

    cpu_seconds: float
    memory_bytes: int


class Runtime(Protocol):
    """Runs containers of one pool. Raises RuntimeFailure; `pull` raises ImageError."""

    with_files: bool
    """Containers see files: volumes are to be made, images to be pulled, probes to be asked."""
    memory: Path
    """A folder on a tmpfs, for emptyDir volumes of medium Memory."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    async def image(self, name: str) -> LocalImage | None: ...
    async def pull(self, name: str, credentials: Credentials | None) -> LocalImage: ...
    async def create(self, spec: ContainerSpec) -> str: ...
    async def run(self, container_id: str) -> None: ...
    async def stop(self, container_id: str, grace: float) -> None: ...
    async def remove(self, container_id: str) -> None: ...
    async def inspect(self, container_id: str) -> ContainerState | None: ...
    async def list(self) -> list[ContainerState]: ...
    async def execute(self, container_id: str, command: Sequence[str], timeout: float) -> tuple[int | None, str]: ...
    async def usage(self, container_ids: Sequence[str]) -> dict[str, Usage]: ...
    def exits(self) -> AsyncIterator[str]: ...
