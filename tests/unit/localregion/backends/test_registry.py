# SPDX-License-Identifier: GPL-3.0-or-later
"""What the registry's token service makes of malformed requests, or of somebody else's."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from localregion.backends.registry import OperatorAccess, Registry
from localregion.host.pki import Authority

TOKEN = "right"
GET = "GET /token?service=x&scope=repository:ns/private/app:pull,push HTTP/1.1\r\n"


def basic(text: bytes) -> str:
    return f"authorization: Basic {base64.b64encode(text).decode()}\r\n"


def asked(folder: Path, request: bytes) -> tuple[int, list[dict[str, Any]], bytes]:
    """The status of the answer, what went wrong beside it, and the answer."""
    (folder / "token").write_text(TOKEN)
    registry = Registry(
        folder, address="127.0.0.1", port=1, authority=Authority.load_or_create(folder / "pki", "x"),
        access=OperatorAccess("ns/operator", folder / "token", lambda name: name.startswith("ns/mirror/")),
    )  # fmt: skip
    registry._key = ec.generate_private_key(ec.SECP256R1())
    registry._hook = "hook"
    wrong: list[dict[str, Any]] = []

    async def body() -> bytes:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: wrong.append(context))
        async with await asyncio.start_server(registry._serve, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(request)
            answer = await reader.read()
            writer.close()
        return answer

    answer = asyncio.run(body())
    return int(answer.split()[1]), wrong, answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nothing\r\n\r\n", 400),
        (GET.encode() + b"content-length: many\r\n\r\n", 400),
        (GET.encode() + b"content-length: -5\r\n\r\n", 400),
        (GET.encode() + b"content-length: 99999999999\r\n\r\n", 413),
        (b"GET http://[::1 HTTP/1.1\r\n\r\n", 400),
        (GET.encode() + b"authorization: Basic \xff\r\n\r\n", 400),
        (f"{GET}{basic(b'name:' + bytes([255]))}\r\n".encode(), 400),
        (f"{GET}{basic(b'ns/operator:wrong')}\r\n".encode(), 401),
        ((GET + basic("ns/operat\u00f6r:right".encode()) + "\r\n").encode(), 401),
        (b"POST /token HTTP/1.1\r\ncontent-length: 2\r\n\r\n\xff\xfe", 400),
        (b"POST /events HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", 401),
        (b"POST /events HTTP/1.1\r\nauthorization: Bearer h\xf6ok\r\ncontent-length: 2\r\n\r\n{}", 401),
        (b"POST /events HTTP/1.1\r\nauthorization: Bearer hook\r\ncontent-length: 1\r\n\r\n{", 400),
        (b"DELETE /token HTTP/1.1\r\n\r\n", 404),
    ],
)
def test_what_is_no_request_or_nobodys_is_refused(tmp_path: Path, request_: bytes, status: int) -> None:
    found, wrong, _answer = asked(tmp_path, request_)
    assert (found, wrong) == (status, [])


@pytest.mark.parametrize(("login", "actions"), [("", []), (basic(f"ns/operator:{TOKEN}".encode()), ["pull", "push"])])
def test_a_token_grants_what_the_caller_may(tmp_path: Path, login: str, actions: list[str]) -> None:
    status, wrong, answer = asked(tmp_path, f"{GET}{login}\r\n".encode())
    token = answer.partition(b'"token": "')[2].partition(b'"')[0].decode()
    (grant,) = jwt.decode(token, options={"verify_signature": False})["access"]
    assert (status, wrong, grant["actions"]) == (200, [], actions)
