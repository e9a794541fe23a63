"""The registry with the real docker-registry and podman."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from localregion.backends.registry import OperatorAccess, Registry, RegistryError
from localregion.host.containers import Credentials
from localregion.host.pki import Authority
from localregion.host.podman import ImageError
from localregion.host.podman_service import PodmanService
from localregion.host.process import ProcessError
from tests.integration.localregion.podman_tools import push

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="containers need root")]

NAME = "tregistry"
ADDRESS, PORT = "127.81.4.1", 14850
REMOTE = "lcl.ocir.okestack.test/okestacklocal"
USER = "okestacklocal/operator"


def test_public_and_private_repositories(tmp_path: Path, tiny_rootfs: Path) -> None:
    token = tmp_path / "auth_token"
    token.write_text("the-token")
    public = {"okestacklocal/mirror/tiny"}
    pushed: list[tuple[str, str, str]] = []

    async def on_push(repository: str, tag: str, digest: str) -> None:
        pushed.append((repository, tag, digest))

    async def body() -> None:
        authority = Authority.load_or_create(tmp_path, "test")
        access = OperatorAccess(USER, token, public.__contains__)

        def make() -> Registry:
            return Registry(
                tmp_path / "registry", address=ADDRESS, port=PORT, authority=authority, access=access, on_push=on_push
            )

        registry = make()
        service = PodmanService(NAME, tmp_path / "containers", {"lcl.ocir.okestack.test": registry.host})
        await registry.start()
        await service.start()
        try:
            podman = service.client
            operator, wrong = Credentials(USER, "the-token"), Credentials(USER, "another")
            await podman.import_tar(tiny_rootfs, "localhost/tiny:1")
            for repository in ("mirror/tiny", "private/app"):
                await push(service, "localhost/tiny:1", f"{REMOTE}/{repository}:1", operator)
            for credentials in (None, wrong):
                with pytest.raises(ProcessError, match=r"access to the resource is denied|authentication required"):
                    await push(service, "localhost/tiny:1", f"{REMOTE}/mirror/other:1", credentials)
            await podman.remove_image("localhost/tiny:1")
            for name in ("mirror/tiny", "private/app"):
                await podman.remove_image(f"{REMOTE}/{name}:1")

            # Anyone may pull what is public; what is private needs its user.
            image = await podman.pull(f"{REMOTE}/mirror/tiny:1")
            assert image.digest.startswith("sha256:")
            for credentials in (None, wrong):
                with pytest.raises(ImageError) as caught:
                    await podman.pull(f"{REMOTE}/private/app:1", credentials=credentials)
                assert caught.value.reason == "unauthorized", caught.value
            await podman.pull(f"{REMOTE}/private/app:1", credentials=operator)
            # What is in the storage is given to nobody who asks for it again without credentials.
            with pytest.raises(ImageError):
                await podman.pull(f"{REMOTE}/private/app:1", always=True)
            with pytest.raises(ImageError) as caught:
                await podman.pull(f"{REMOTE}/private/none:1", credentials=operator)
            assert caught.value.reason == "not-found", caught.value

            assert await registry.repositories() == ["okestacklocal/mirror/tiny", "okestacklocal/private/app"]
            (found,) = await registry.images("okestacklocal/private/app")
            assert found.tag == "1" and found.digest == image.digest and found.size > 10_000
            assert await registry.images("okestacklocal/none") == []
            for _ in range(100):
                if len(pushed) == 2:
                    break
                await asyncio.sleep(0.05)
            assert {entry[0] for entry in pushed} == {"okestacklocal/mirror/tiny", "okestacklocal/private/app"}

            # Stopped and started, the images are there; a second one at the same address says what is wrong.
            await registry.stop()
            registry = make()
            await registry.start()
            assert await registry.has("okestacklocal/private/app", "1")
            with pytest.raises(RegistryError, match=str(PORT + 1)):
                await make().start()
            await registry.delete("okestacklocal/private/app", found.digest)
            assert not await registry.has("okestacklocal/private/app", "1")
            for file in (tmp_path / "registry").glob("*.yml"):
                assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert b"the-token" not in (tmp_path / "registry" / "registry.log").read_bytes()
        finally:
            await service.stop()
            await registry.stop()

    asyncio.run(body())
