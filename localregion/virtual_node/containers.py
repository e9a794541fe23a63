# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers as a node sees them: what it asks for, what it is told, and the protocol of what runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from localregion.virtual_node.volumes import Mount


class ImageError(Exception):
    """An image cannot be had; `reason` is the container's waiting reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Credential:
    """A user and a password for a registry. Never shown."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credential({self.username!r})"


class RuntimeFailure(Exception):
    """A container could not be made, started or asked; the message is the runtime's."""


@dataclass(frozen=True)
class Image:
    """An image that is here."""

    id: str
    reference: str
    """Name with digest, as a pod's imageID shows it."""
    user: str = ""


@dataclass(frozen=True)
class ContainerSpec:
    """One container to be run."""

    name: str
    pod_uid: str
    container: str
    attempt: int
    image_id: str
    hostname: str
    netns: str
    """Name of the pod's network namespace."""
    command: list[str] | None
    args: list[str] | None
    environment: Mapping[str, str]
    working_dir: str
    mounts: Sequence[Mount]
    log_path: str
    user: str = ""
    read_only: bool = False
    no_new_privileges: bool = False
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    cpu_limit: float = 0.0
    """CPUs; 0 for no limit."""
    memory_limit: int = 0
    """Bytes; 0 for no limit."""


@dataclass(frozen=True)
class ContainerState:
    """What the runtime says of a container of this pool."""

    id: str
    pod_uid: str
    container: str
    attempt: int
    running: bool
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    never_started: bool = False


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
    async def image(self, name: str) -> Image | None: ...
    async def pull(self, name: str, credential: Credential | None) -> Image: ...
    async def create(self, spec: ContainerSpec) -> str: ...
    async def run(self, container_id: str) -> None: ...
    async def stop(self, container_id: str, grace: float) -> None: ...
    async def remove(self, container_id: str) -> None: ...
    async def inspect(self, container_id: str) -> ContainerState | None: ...
    async def list(self) -> list[ContainerState]: ...
    async def execute(self, container_id: str, command: Sequence[str], timeout: float) -> tuple[int | None, str]: ...
    async def usage(self, container_ids: Sequence[str]) -> dict[str, Usage]: ...
    def exits(self) -> AsyncIterator[str]: ...
