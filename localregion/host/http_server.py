"""The HTTP server: uvicorn on sockets that the region opens."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 256 * 1024
"""Bytes of a request's first line and headers: its parser takes any number."""
MAX_BODY = 4 * 1024 * 1024
"""Bytes of a request's body, where all of it is kept in memory."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Protocol(HttpToolsProtocol):
    """Lets the application cut its connection (`scope["transport"]`), for faults; ends one whose head has no end."""

    _head = 0
    """Bytes that came since a request began; -1 where its headers were complete."""

    def data_received(self, data: bytes) -> None:
        """Some bytes."""
        super().data_received(data)
        if self._head >= 0:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._head = 0

    def on_headers_complete(self) -> None:
        self._head = -1
        super().on_headers_complete()
        self.scope["transport"] = self.transport  # type: ignore[typeddict-unknown-key]


_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Server(uvicorn.Server):
    """A server that leaves signals to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the daemon ends its servers itself."""
        yield


def make_server(application: Any, *, tls: tuple[str, str] | None = None) -> Server:
    """A server for an ASGI application; `tls`: files of certificate and key. Serve with `serve(sockets=[...])`."""
    config = uvicorn.Config(
        application, http=_Protocol, ws="none", lifespan="off", loop="asyncio", access_log=False, log_level="critical",
        server_header=False, timeout_keep_alive=120, timeout_graceful_shutdown=3, proxy_headers=False,
        ssl_certfile=tls[0] if tls else None, ssl_keyfile=tls[1] if tls else None,
    )  # fmt: skip
    if tls:
        config.ssl_version = ssl.PROTOCOL_TLS_SERVER
    return Server(config)


async def read_body(receive: Receive) -> bytes | None:
    """All of a request's body, or what came of it before the client went away; None: it is larger than MAX_BODY."""
    content: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return content
        content += message.get("body", b"")
        if len(content) > MAX_BODY:
            return None
        if not message.get("more_body"):
            return content


def limited(application: Any) -> Any:
    """An ASGI application that is asked only with bodies of at most MAX_BODY bytes; larger ones get 413."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        content = await read_body(receive)
        if content is None:
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        read = [{"type": "http.request", "body": content}]

        async def given() -> MutableMapping[str, Any]:
            return read.pop() if read else await receive()

        await application(scope, given, send)

    return call


def listen(address: str, port: int) -> socket.socket:
    """A listening TCP socket. Its protocol is named: asyncio sets TCP_NODELAY only then. Raises OSError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, port))
        sock.listen(512)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
