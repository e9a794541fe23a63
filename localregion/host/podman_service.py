"""Podman's own service for one region: writes its configuration, runs it on a unix socket, and cleans up everything,
also what a killed daemon left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from localregion.host.cleanup import (
    cgroup_processes,
    kill,
    processes_of,
    remove_cgroups,
    unmount_below,
    wait_gone,
)
from localregion.host.podman import MARKER, Podman
from localregion.host.process import LONG, NETNS, Process, ProcessError, run
from localregion.host.seccomp import write_profile

_PROGRAMS = ("conmon", "podman", "runc", "netavark")


def _toml(value: str | Path) -> str:
    return json.dumps(str(value))


class PodmanService:
    """Podman's own service for one region: configuration, process, clean-up.

    `containers`: `<state>/containers`. What must not outlive a boot is under `/run/okestack-<name>`; the socket is
    there too, since a unix socket's path may have 107 characters only. `registries` maps an image prefix to a
    registry's address (plain HTTP on a loopback address).
    """

    def __init__(self, name: str, containers: Path, registries: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.containers = containers
        self.registries = dict(registries or {})
        self.runtime = Path("/run") / f"okestack-{name}"
        self.socket = self.runtime / "podman.sock"
        self.cgroup_parent = f"/okestack-{name}"
        self.seccomp = containers / "etc" / "seccomp.json"
        self._process: Process | None = None
        self._client: Podman | None = None

    @property
    def client(self) -> Podman:
        """A client for the daemon's own use; made once."""
        if self._client is None:
            self._client = Podman(
                self.socket, cgroup_parent=self.cgroup_parent, seccomp=self.seccomp, registries=self.registries
            )
        return self._client

    @property
    def environment(self) -> dict[str, str]:
        """What makes a podman command use this storage and configuration."""
        folder = self.containers / "etc"
        return {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
            "TMPDIR": str(self.containers / "tmp"),
        }

    def prepare(self) -> None:
        """Write the configuration and the marker that `Podman.open` reads."""
        folder = self.containers / "etc"
        for name in ("etc", "tmp", "storage/libpod", "networks"):
            path = self.containers / name
            path.mkdir(parents=True, exist_ok=True)
        self.containers.chmod(0o700)
        self.runtime.mkdir(mode=0o700, exist_ok=True)
        (folder / "containers.conf").write_text(
            "[containers]\n"
            'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
            'log_driver = "k8s-file"\n'
            "[engine]\n"
            'cgroup_manager = "cgroupfs"\n'
            'runtime = "runc"\n'
            'events_logger = "file"\n'
            'lock_type = "file"\n'
            f"tmp_dir = {_toml(self.runtime / 'libpod')}\n"
            f"static_dir = {_toml(self.containers / 'storage' / 'libpod')}\n"
            f"volume_path = {_toml(self.containers / 'volumes')}\n"
            f"image_copy_tmp_dir = {_toml(self.containers / 'tmp')}\n"
            "num_locks = 8192\n"
            "[network]\n"
            f"network_config_dir = {_toml(self.containers / 'networks')}\n"
        )
        (folder / "storage.conf").write_text(
            "[storage]\n"
            'driver = "overlay"\n'
            f"graphroot = {_toml(self.containers / 'storage')}\n"
            f"runroot = {_toml(self.runtime / 'storage')}\n"
        )
        lines = ["unqualified-search-registries = []", 'short-name-mode = "enforcing"']
        for prefix, address in self.registries.items():
            lines += ["[[registry]]", f"prefix = {_toml(prefix)}", f"location = {_toml(address)}", "insecure = true"]
            lines += ["[[registry]]", f"location = {_toml(address)}", "insecure = true"]
        (folder / "registries.conf").write_text("\n".join(lines) + "\n")
        write_profile(self.seccomp)
        marker = self.containers / MARKER
        known = {
            "socket": str(self.socket),
            "cgroup_parent": self.cgroup_parent,
            "seccomp": str(self.seccomp),
            "registries": self.registries,
        }
        marker.write_text(json.dumps(known))

    async def start(self) -> None:
        """Start the service, ready when it answers."""
        self.prepare()
        if self._process is not None and self._process.running:
            return
        self.socket.unlink(missing_ok=True)
        self._process = Process(
            "podman",
            ["podman", "--log-level", "error", "system", "service", "--time", "0", f"unix://{self.socket}"],
            log=self.containers / "podman.log",
            env=self.environment,
            # A container's monitor runs where podman does, and leaves a file `oom` there when memory ends.
            cwd=self.runtime,
            stop_timeout=5.0,
        )
        await self._process.start()
        await self._process.wait_ready(self.client.ping, interval=0.05)

    async def stop(self) -> None:
        """Stop the service and remove every container, mount and cgroup. Images stay."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self._process is not None:
            await self._process.stop()
            self._process = None
        await self.clean()

    async def clean(self) -> None:
        """Remove what is left of containers, with no service and no memory of them: also after a crash."""
        if (self.containers / "etc" / "containers.conf").exists() and await self._any_container():
            with contextlib.suppress(ProcessError):
                await run(["podman", "rm", "--all", "--force", "--time", "0"], env=self.environment, timeout=120.0)
        await asyncio.to_thread(self._clean)

    async def _any_container(self) -> bool:
        """Whether podman may know of a container; its database says, podman itself takes 0.2 s to."""
        return (self.containers / "storage" / "libpod").exists() and (
            bool(self._processes()) or (self.containers / "storage" / "overlay-containers" / "containers.json").exists()
        )

    def _processes(self) -> list[int]:
        """Monitors, podman's services and clean-ups of this region."""
        return processes_of(self.containers, self.runtime, programs=_PROGRAMS)

    def _clean(self) -> None:
        # Containers first (they are in the cgroups), then their monitors (their command lines name our folders).
        for number in cgroup_processes(self.cgroup_parent):
            kill(number)
        for number in self._processes():
            kill(number)
        wait_gone(lambda: cgroup_processes(self.cgroup_parent) + self._processes())
        unmount_below(self.containers, self.runtime)
        remove_cgroups(self.cgroup_parent)
        shutil.rmtree(self.runtime, ignore_errors=True)

    async def build(
        self,
        context: Path,
        containerfile: Path,
        tag: str,
        *,
        arguments: Mapping[str, str],
        netns: str | None = None,
        timeout: float = LONG,
    ) -> None:
        """`podman build` (which the service's API offers only for uploaded contexts). RUN steps get the network of
        `netns`, or none. Raises ProcessError with the build's last lines."""
        network = f"ns:{NETNS / netns}" if netns else "none"
        command = ["podman", "build", "--network", network, "--pull=never", "--tag", tag, "--file", str(containerfile)]
        command += ["--layers", "--format", "oci", "--runtime", "runc", "--security-opt", f"seccomp={self.seccomp}"]
        for key, value in arguments.items():
            command += ["--build-arg", f"{key}={value}"]
        await run([*command, str(context)], env=self.environment, timeout=timeout, tied=True)
