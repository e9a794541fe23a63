"""The HTTP server: uvicorn on sockets of the region's choosing."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class _Protocol(HttpToolsProtocol):
    """Lets the application cut its connection (`scope["transport"]`), for faults."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.scope["transport"] = self.transport  # type: ignore[typeddict-unknown-key]


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
