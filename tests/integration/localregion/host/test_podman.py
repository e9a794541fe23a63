"""Containers with the real podman."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from localregion.backends.fabric import Fabric
from localregion.host.containers import ContainerSpec, Mount
from localregion.host.podman import ImageError, Podman, PodmanError
from localregion.host.podman_service import PodmanService
from localregion.host.process import run
from tests.integration.localregion.podman_tools import wait

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="containers need root")]

NAME = "tpodman"
IMAGE = "localhost/tiny:1"


@contextlib.asynccontextmanager
async def region(folder: Path, tar: Path) -> AsyncIterator[tuple[Podman, str, Fabric]]:
    """A podman client, and the namespace of a VNIC at 10.9.5.10."""
    made = Fabric(NAME, folder / "fabric")
    service = PodmanService(NAME, folder / "containers", {"lcl.ocir.okestack.test": "127.81.2.1:1"})
    await made.start()
    await service.start()
    try:
        client = Podman.open(folder / "containers")
        await client.import_tar(tar, IMAGE, changes=['CMD ["/bin/sh", "-c", "echo from the image"]', "ENV FROM=image"])
        netns = await made.attach("vnic", "subnet", "10.9.5.0/24", "10.9.5.10")
        yield client, netns, made
        await client.close()
    finally:
        await service.stop()
        await made.stop()


def shell(netns: str, text: str, **more: object) -> ContainerSpec:
    spec = ContainerSpec(name="one", image=IMAGE, netns=netns, command=["/bin/sh", "-c"], args=[text])
    return replace(spec, **more)  # type: ignore[arg-type]


def left() -> list[str]:
    """Mounts, processes and cgroups of this test's region that are there now."""
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if NAME in line]
    monitors = subprocess.run(
        ["pgrep", "-f", f"conmon.*okestack-{NAME}"], capture_output=True, text=True
    ).stdout.split()
    cgroups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/okestack-{NAME}*")]
    runtime = [path for path in (f"/run/okestack-{NAME}",) if Path(path).exists()]
    return mounts + monitors + cgroups + runtime


def test_a_container_runs_as_it_was_asked(tmp_path: Path, tiny_rootfs: Path) -> None:
    async def body() -> None:
        async with region(tmp_path, tiny_rootfs) as (podman, netns, _):
            image = await podman.image(IMAGE)
            assert image is not None and image.command[-1] == "echo from the image" and image.env["FROM"] == "image"
            assert await podman.image("localhost/none:1") is None
            (tmp_path / "resolv").write_text("nameserver 10.96.5.5\n")
            (tmp_path / "cache").mkdir()
            (tmp_path / "cache").chmod(0o777)
            spec = shell(
                netns,
                "env; id; cat /etc/resolv.conf /proc/net/fib_trie; ls /cache; hostname;"
                " touch /x || echo read-only; touch /cache/y && ls /cache; cat /proc/self/status; sleep 60",
                env={"SECRET": "two\nlines"},
                user="1000:2000",
                hostname="pod-1",
                read_only=True,
                privilege_escalation=False,
                cap_drop=["ALL"],
                cpus=0.5,
                memory=100 * 1024 * 1024,
                labels={"pod": "a"},
                log_file=tmp_path / "log",
                mounts=[
                    Mount(tmp_path / "resolv", "/etc/resolv.conf", read_only=True),
                    Mount(tmp_path / "cache", "/cache"),
                ],
            )
            ident = await podman.create(spec)
            with pytest.raises(PodmanError, match="already in use"):
                await podman.create(spec)
            took = await podman.start(ident)
            assert took < 5
            for _ in range(100):
                text = (tmp_path / "log").read_text()
                if "CapEff" in text:
                    break
                await asyncio.sleep(0.05)
            lines = [line.split(" ", 3)[3] for line in text.splitlines()]
            said = "\n".join(lines)
            assert "SECRET=two\nlines" in said and "FROM=image" in said
            assert "uid=1000" in said and "gid=2000" in said and "nameserver 10.96.5.5" in said
            assert "10.9.5.10" in said and "pod-1" in lines and "read-only" in lines and "y" in lines
            assert "CapEff:\t0000000000000000" in said and "NoNewPrivs:\t1" in said
            state = await podman.inspect(ident)
            assert state is not None and state.running and state.pid and state.started_at
            assert state.labels["pod"] == "a"
            limits = list(Path("/sys/fs/cgroup").glob(f"**/okestack-{NAME}/*{ident}*/memory.limit_in_bytes"))
            limits += list(Path("/sys/fs/cgroup").glob(f"**/okestack-{NAME}/*{ident}*/memory.max"))
            assert {path.read_text().strip() for path in limits if "conmon" not in str(path)} == {"104857600"}
            assert [item.name for item in await podman.list({"pod": "a"})] == ["one"]
            assert await podman.list({"pod": "b"}) == []
            assert (await podman.stats([ident]))[ident][1] > 0
            # The secret is in no process list but the container's own environment.
            listed = (await run(["ps", "-eo", "args"])).stdout
            assert "two\nlines" not in listed and "SECRET=two" not in listed
            await podman.stop(ident, timeout=0)
            state = await podman.inspect(ident)
            assert state is not None and not state.running and state.exit_code == 137 and state.finished_at
            await podman.remove(ident)
            await podman.remove(ident)
            assert await podman.inspect(ident) is None

    asyncio.run(body())
    assert left() == []


def test_ends_are_seen(tmp_path: Path, tiny_rootfs: Path) -> None:
    async def body() -> None:
        async with region(tmp_path, tiny_rootfs) as (podman, netns, _):
            ident = await podman.create(shell(netns, "exit 7", labels={"pod": "a"}))
            await podman.start(ident)
            assert await wait(podman, ident, 10) == 7
            # Started again, as a kubelet does with a new container; and a command that is not there.
            second = await podman.create(shell(netns, "true", name="two", command=["/bin/nothing"]))
            with pytest.raises(PodmanError, match=r"no such file|not found"):
                await podman.start(second)
            # What the image says, when nothing else is asked.
            third = await podman.create(
                ContainerSpec(name="three", image=IMAGE, netns=netns, log_file=tmp_path / "log")
            )
            await podman.start(third)
            assert await wait(podman, third, 10) == 0
            assert "from the image" in (tmp_path / "log").read_text()

    asyncio.run(body())


def test_a_service_that_dies_comes_back(tmp_path: Path, tiny_rootfs: Path) -> None:
    async def body() -> None:
        async with region(tmp_path, tiny_rootfs) as (podman, netns, _):
            first = await podman.create(shell(netns, "sleep 1000", name="first"))
            await podman.start(first)
            for number in range(2):
                served = int((await run(["pgrep", "-f", f"podman.*okestack-{NAME}/podman.sock"])).stdout.split()[0])
                os.kill(served, 9)
                # What runs goes on; the next call waits for the service.
                ident = await podman.create(shell(netns, "exit 5", name=f"next{number}"))
                await podman.start(ident)
                assert await wait(podman, ident, 10) == 5
                state = await podman.inspect(first)
                assert state is not None and state.running

    asyncio.run(body())
    assert left() == []


def test_a_registry_that_is_not_there(tmp_path: Path, tiny_rootfs: Path) -> None:
    async def body() -> None:
        async with region(tmp_path, tiny_rootfs) as (podman, _, _made):
            with pytest.raises(ImageError) as caught:
                await podman.pull("lcl.ocir.okestack.test/okestacklocal/x:1")
            assert caught.value.reason == "unreachable"
            assert (await podman.pull(IMAGE)).names[0] == IMAGE

    asyncio.run(body())


def test_nothing_is_left_after_a_kill(tmp_path: Path, tiny_rootfs: Path) -> None:
    script = f"""
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_podman import region, shell
async def main():
    async with region(Path({str(tmp_path)!r}), Path({str(tiny_rootfs)!r})) as (podman, netns, made):
        for number in range(3):
            await podman.start(await podman.create(shell(netns, "sleep 1000", name=f"c{{number}}")))
        os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[4]
    )
    assert done.returncode == -9, done.stderr
    assert left() != []

    async def after() -> None:
        await PodmanService(NAME, tmp_path / "containers").clean()
        await Fabric(NAME, tmp_path / "fabric").destroy()

    asyncio.run(after())
    assert left() == []
