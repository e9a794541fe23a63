"""Bodies that a server of the region takes."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from localregion.host.http_server import MAX_BODY, limited


async def size(request: Request) -> Response:
    return Response(str(len(await request.body())))


@pytest.mark.parametrize(
    ("length", "answer"), [(0, (200, "0")), (MAX_BODY, (200, str(MAX_BODY))), (MAX_BODY + 1, (413, ""))]
)
def test_a_body_has_a_limit(length: int, answer: tuple[int, str]) -> None:
    app: Any = limited(Starlette(routes=[Route("/", size, methods=["POST"])]))

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await client.post("/", content=bytes(length))

    found = asyncio.run(call())
    assert (found.status_code, found.text) == answer
