"""What the tests do with containers and the region does not: push, wait, run a command; by podman's command line."""

from __future__ import annotations

import asyncio

from localregion.host.containers import Credentials
from localregion.host.podman import Podman
from localregion.host.podman_service import PodmanService
from localregion.host.process import run


async def push(service: PodmanService, image: str, destination: str, credentials: Credentials | None) -> None:
    """Push an image of the storage. Raises ProcessError with podman's words."""
    for prefix, address in service.registries.items():  # where a prefix leads is for pulls only
        if destination.startswith(f"{prefix}/"):
            destination = address + destination.removeprefix(prefix)
    known = [f"--creds={credentials.username}:{credentials.password}"] if credentials else []
    command = ["podman", "push", "--quiet", "--tls-verify=false", *known, image, destination]
    await run(command, env=service.environment)


async def wait(podman: Podman, container: str, seconds: float) -> int:
    """Wait until a container has ended; its exit code."""
    async with asyncio.timeout(seconds):
        while True:
            state = await podman.inspect(container)
            assert state is not None
            if not state.running and state.status in ("exited", "stopped"):
                return state.exit_code
            await asyncio.sleep(0.1)


async def execute(container: str, *command: str) -> str:
    """Run a command in a container, as the virtual node does; its output."""
    return (await run(["runc", "exec", container, *command])).stdout
