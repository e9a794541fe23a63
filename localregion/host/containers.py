"""Containers and images as the region describes them: what is asked of podman, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of a registry."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Image:
    """An image in the storage, and what its configuration says."""

    id: str
    digest: str = ""
    """sha256:... of the manifest; empty for an image that was made here."""
    names: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the host (`source`) in a container."""

    source: Path
    destination: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container to make. None means: what the image says."""

    name: str
    image: str
    """Reference or id of an image in the storage (pull it first)."""
    netns: str | None
    """Name of the network namespace (`/var/run/netns/NAME`); None: a namespace without network."""
    command: Sequence[str] | None = None
    """Kubernetes' `command`: replaces the image's ENTRYPOINT, and its CMD is then not used."""
    args: Sequence[str] | None = None
    """Kubernetes' `args`: replaces the image's CMD."""
    env: Mapping[str, str] = field(default_factory=dict)
    working_dir: str | None = None
    hostname: str | None = None
    user: str | None = None
    """`uid`, `uid:gid` or a name of the image's /etc/passwd."""
    mounts: Sequence[Mount] = ()
    """/etc/resolv.conf, /etc/hosts and /etc/hostname are podman's unless they are mounted here."""
    read_only: bool = False
    """The root file system cannot be written."""
    privilege_escalation: bool = True
    cap_add: Sequence[str] = ()
    cap_drop: Sequence[str] = ()
    """Names without CAP_, or ALL."""
    cpus: float | None = None
    """Limit in CPUs."""
    memory: int | None = None
    """Limit in bytes."""
    labels: Mapping[str, str] = field(default_factory=dict)
    log_file: Path | None = None
    """Standard output and error, in the CRI form: `<RFC 3339 nano> <stdout|stderr> <F|P> <text>`."""


_NOT_STARTED = ("created", "configured", "initialized")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """What podman knows of a container."""

    id: str
    name: str
    status: str
    """created, running, exited, ... (podman's word)."""
    running: bool
    """Whether it runs, also one that is being stopped."""
    labels: Mapping[str, str] = field(default_factory=dict)
    pid: int = 0
    conmon: int = 0
    """Process id of its monitor."""
    started_at: float = 0.0
    """Seconds since the epoch; 0 for never."""
    finished_at: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False

    @property
    def never_started(self) -> bool:
        """Whether it was made and never started."""
        return self.status in _NOT_STARTED
