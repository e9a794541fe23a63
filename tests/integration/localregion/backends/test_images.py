"""Images made here, pushed to the real registry and run by the real podman."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localregion.backends import images as module
from localregion.backends.images import Images, ImagesError, clean, layout_digest, push_layout, scratch_layout
from localregion.backends.registry import OperatorAccess, Registry
from localregion.host import content
from localregion.host.containers import ContainerSpec, Credentials
from localregion.host.pki import Authority
from localregion.host.podman_service import PodmanService
from tests.integration.localregion.podman_tools import wait

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="containers need root")]

NAME = "timages"
USER = "okestacklocal/operator"


@contextlib.asynccontextmanager
async def region(folder: Path) -> AsyncIterator[tuple[PodmanService, Registry]]:
    (folder / "token").write_text("t")
    registry = Registry(
        folder / "registry",
        address="127.81.6.1",
        port=14860,
        authority=Authority.load_or_create(folder, "test"),
        access=OperatorAccess(USER, folder / "token", lambda name: name.startswith("okestacklocal/mirror/")),
    )
    podman = PodmanService(NAME, folder / "containers", {"lcl.ocir.okestack.test": registry.host})
    await registry.start()
    await podman.start()
    try:
        yield podman, registry
    finally:
        await podman.stop()
        await registry.stop()


def static_program() -> Path:
    """catatonit, which podman brings, is linked statically."""
    return Path(shutil.which("catatonit") or "/usr/bin/catatonit")


async def ready(made: Images) -> None:
    for _ in range(600):
        if set(made.progress().values()) == {"ready"}:
            return
        await asyncio.sleep(0.1)
    pytest.fail(str(made.progress()))


def test_the_same_input_is_the_same_image(tmp_path: Path) -> None:
    for number in (1, 2):
        scratch_layout(
            tmp_path / str(number),
            {"/bin/program": static_program(), "/etc/passwd": b"x:x:1:1::/:/\n"},
            entrypoint=["/bin/program"],
            user="1:1",
        )
    assert layout_digest(tmp_path / "1") == layout_digest(tmp_path / "2")
    manifest = json.loads(
        (tmp_path / "1/blobs/sha256" / layout_digest(tmp_path / "1").removeprefix("sha256:")).read_text()
    )
    with tarfile.open(tmp_path / "1/blobs/sha256" / manifest["layers"][0]["digest"].removeprefix("sha256:")) as tar:
        entries = {entry.name: entry for entry in tar}
    assert entries["bin/program"].mode == 0o755 and entries["etc/passwd"].mode == 0o644
    assert entries["tmp"].mode == 0o1777 and {entry.uid for entry in entries.values()} == {0}


def test_the_registry_is_supplied_and_a_second_region_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_rootfs: Path
) -> None:
    asked: list[str] = []

    async def program(name: str) -> Path:
        asked.append(name)
        return static_program()

    # An application with a Containerfile as the example's; its base is the small root file system.
    application = tmp_path / "application"
    (application / "crud").mkdir(parents=True)
    (application / "crud/__init__.py").write_text('__version__ = "9.9.9"\n')
    (application / "requirements.txt").write_text("")
    (application / "vendor.sh").write_text(
        'mkdir -p "$(dirname "$0")/vendor" && echo vendored > "$(dirname "$0")/vendor/x"\n'
    )
    (application / "Containerfile").write_text(
        "ARG BASE_IMAGE=none\nFROM ${BASE_IMAGE}\nCOPY vendor/ /opt/vendor/\nCOPY crud/ /opt/crud/\nUSER 10001:10001\n"
        'CMD ["/bin/sh", "-c", "cat /opt/vendor/x; id -u"]\n'
    )

    async def body(folder: Path) -> None:
        folder.mkdir()
        async with region(folder) as (podman, registry):
            made = Images(
                tmp_path / "cache",
                podman=podman,
                registry=registry,
                program=program,
                credentials=lambda: Credentials(USER, "t"),
                application=application,
            )
            base = made.folder / f"base-{content.base_key()}"
            if not base.exists():
                base.parent.mkdir(parents=True)
                shutil.copy(tiny_rootfs, base)
            made.start()
            await ready(made)
            assert await registry.repositories() == [
                "okestacklocal/mirror/external-secrets",
                "okestacklocal/mirror/metrics-server",
                "okestacklocal/mirror/traefik",
                "okestacklocal/okestack/crud",
            ]
            for reference, text in (
                ("okestacklocal/okestack/crud:9.9.9", "vendored\n10001"),
                (f"okestacklocal/mirror/traefik:{module.TRAEFIK_VERSION}", "version"),
            ):
                # Pulled ahead: it is in the storage, from where a container starts.
                image = await podman.client.image(f"lcl.ocir.okestack.test/{reference}")
                assert image is not None and image.user in ("10001:10001", "65532:65532")
                spec = ContainerSpec(
                    name="c",
                    image=image.id,
                    netns=None,
                    args=["--version"] if "traefik" in reference else None,
                    log_file=folder / "log",
                    read_only=True,
                )
                ident = await podman.client.create(spec)
                await podman.client.start(ident)
                assert await wait(podman.client, ident, 30) == 0
                said = "\n".join(line.split(" ", 3)[3] for line in (folder / "log").read_text().splitlines())
                assert text in said
                await podman.client.remove(ident)
                (folder / "log").unlink()
            await made.stop()

    asyncio.run(body(tmp_path / "one"))
    made = {path.name: path.stat().st_ino for path in (tmp_path / "cache/images").iterdir()}
    assert len(made) == 5 and not [name for name in made if name.startswith(".")]
    # Nothing is made again for a second region.
    monkeypatch.setattr(module, "scratch_layout", lambda *args, **kwargs: pytest.fail("made again"))
    monkeypatch.setattr(Images, "_build", lambda *args, **kwargs: pytest.fail("built again"))
    asyncio.run(body(tmp_path / "two"))
    assert {path.name: path.stat().st_ino for path in (tmp_path / "cache/images").iterdir()} == made


def test_what_fails_is_said(tmp_path: Path) -> None:
    async def program(name: str) -> Path:
        raise RuntimeError(f"{name} could not be built")

    async def body() -> None:
        async with region(tmp_path) as (podman, registry):
            made = Images(tmp_path / "cache", podman=podman, registry=registry, program=program, application=None)
            made.start()
            for _ in range(100):
                if all("could not be built" in state for state in made.progress().values()):
                    break
                await asyncio.sleep(0.05)
            else:
                pytest.fail(str(made.progress()))
            await made.stop()
            scratch_layout(tmp_path / "layout", {}, entrypoint=["/x"], user="0")
            registry.port += 7
            with pytest.raises(ImagesError, match="could not be pushed"):
                await push_layout(tmp_path / "layout", registry, "okestacklocal/x", "1")
            registry.port -= 7

    asyncio.run(body())


def test_the_leavings_of_a_killed_process_go(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    context, half = folder / ".crud-00.999999999.context", folder / ".base-00.999999999.tar"
    context.mkdir(parents=True)
    half.write_text("half")
    (folder / f".base-00.{os.getppid()}.tar").write_text("of a process that runs")
    # A program that works on it still, deaf to what it is asked, its child, and a mount.
    script = f"trap '' TERM; (cd /; exec env -i sleep 1007) & : {half} ; wait; :"
    worker = subprocess.Popen(["sh", "-c", script], start_new_session=True)
    other = subprocess.Popen(["sleep", "1008"])
    subprocess.run(["mount", "-t", "tmpfs", "none", str(context)], check=True)
    try:
        clean(tmp_path)
        assert worker.wait(timeout=10) == -9
        assert other.poll() is None
        deadline = time.monotonic() + 10  # killed with it, the child is gone once the first process has heard of it
        while session := [entry for entry in Path("/proc").glob("[0-9]*") if _session(entry) == worker.pid]:
            assert time.monotonic() < deadline, session
            time.sleep(0.05)
    finally:
        for process in (worker, other):
            process.kill()
            process.wait()
    assert str(context) not in Path("/proc/self/mounts").read_text()
    assert [path.name for path in folder.iterdir()] == [f".base-00.{os.getppid()}.tar"]


def _session(entry: Path) -> int:
    try:
        words = (entry / "stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0
    return 0 if words[0] == "Z" else int(words[3])
