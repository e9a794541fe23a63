# SPDX-License-Identifier: GPL-3.0-or-later
"""What the region says of an image of its own while that is being made, with a build slowed by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from localregion.backends import images
from localregion.backends.images import MIRROR, TRAEFIK_VERSION, Images

TRAEFIK = f"{MIRROR}/traefik:{TRAEFIK_VERSION}"


class Stub:
    """A registry and a podman of nothing."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.client = self

    async def has(self, repository: str, tag: str) -> bool:
        return f"{repository}:{tag}" in self.there

    async def images(self, repository: str) -> list[Any]:
        return []

    async def pull(self, reference: str, **_: Any) -> None:
        pass


def test_says_what_an_image_waits_for_until_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub: Any = Stub()

    async def pushed(layout: Path, registry: Any, repository: str, tag: str) -> str:
        stub.there.add(f"{repository}:{tag}")
        return ""

    monkeypatch.setattr(images, "push_layout", pushed)

    async def play() -> None:
        built, failing = asyncio.Event(), [True]
        program = tmp_path / "program"
        program.write_bytes(b"x")

        async def build(name: str) -> Path:
            await built.wait()
            if failing[0]:
                raise OSError("the disk is full")
            return program

        made = Images(
            tmp_path,
            podman=stub,
            registry=stub,
            program=build,
            building=lambda: "building traefik (9 of 9), 3m20s",
            application=None,
        )
        assert await made.making(TRAEFIK) == ""
        made.start()
        await asyncio.sleep(0.05)
        assert await made.making(TRAEFIK) == "building traefik (9 of 9), 3m20s"
        assert await made.making("okestacklocal/somebodys:1") == ""
        built.set()
        await asyncio.sleep(0.05)
        assert await made.making(TRAEFIK) == f"{TRAEFIK} is not made yet, tried again every 30 s: the disk is full"
        failing[0] = False
        await made.ensure(next(one for one in made.wanted() if one.name == TRAEFIK))
        assert await made.making(TRAEFIK) == ""
        await made.stop()
        # What an earlier run pushed can be pulled while it is built again.
        made.start()
        assert await made.making(TRAEFIK) == ""
        await made.stop()

    asyncio.run(play())
