"""A list of objects that stays up to date whatever answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from localregion.host.informer import Informer, Json
from localregion.host.kubernetes_client import KubeError


def pod(uid: str, version: str) -> Json:
    return {"metadata": {"uid": uid, "name": uid, "resourceVersion": version}}


class Answers:
    """An API server whose lists and watches are given one after the other; an exception is raised."""

    def __init__(self, lists: list[Any], watches: list[Any]) -> None:
        self.lists, self.watches = lists, watches

    async def list(self, path: str, query: Any) -> tuple[list[Json], str]:
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer, "1"

    async def events(self, path: str, query: Any, version: str) -> AsyncIterator[Json]:
        for event in self.watches.pop(0) if self.watches else ():
            if isinstance(event, Exception):
                raise event
            yield event
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    "failure", [KubeError(500, "x", "y"), ValueError("x"), KeyError("metadata"), RuntimeError("not expected")], ids=repr
)
def test_no_failure_ends_it(failure: Exception) -> None:
    changes: list[tuple[str, str]] = []
    added = {"type": "ADDED", "object": pod("b", "2")}
    api: Any = Answers([failure, [pod("a", "1")]], [[failure], [added]])

    async def body() -> None:
        informer = Informer(api, "/pods", {}, lambda kind, item: changes.append((kind, item["metadata"]["uid"])))
        running = asyncio.create_task(informer.run())
        async with asyncio.timeout(20):
            while set(informer.objects) != {"a", "b"}:
                assert not running.done(), running.exception()
                await asyncio.sleep(0.01)
        running.cancel()

    asyncio.run(body())
    assert changes == [("ADDED", "a"), ("ADDED", "b")]
