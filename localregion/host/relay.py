"""Relays from the host into the region: what a public address is, and how the daemon reaches a server in a namespace
whose address the host cannot route to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from localregion.host import namespaces

_CHUNK = 256 * 1024
_CONNECT_TIMEOUT = 10.0


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Relay:
    """Listens at an address and port of the host, or at a unix socket of its owner's only; each connection gets one
    that `dial` makes.

    Both directions are copied until they end; the end of one is passed on (half-close), as a router would.
    A target that refuses resets the client's connection.
    """

    def __init__(self, listen: tuple[str, int] | Path, dial: Callable[[], Awaitable[Connection]]) -> None:
        self.listen = listen
        self._dial = dial
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen; a socket that was left behind is replaced. Raises OSError when the port is taken."""
        if self._server is not None:
            return
        if isinstance(self.listen, Path):
            self.listen.parent.mkdir(parents=True, exist_ok=True)
            self.listen.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, str(self.listen), limit=_CHUNK)
            self.listen.chmod(0o600)
        else:
            self._server = await asyncio.start_server(self._serve, *self.listen, backlog=1024, limit=_CHUNK)

    async def stop(self) -> None:
        """Stop listening and drop the connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if isinstance(self.listen, Path):
            self.listen.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            try:
                there_reader, there_writer = await self._dial()
            except (OSError, TimeoutError):
                _reset(writer)
                return
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_copy(reader, there_writer))
                    group.create_task(_copy(there_reader, writer))
            except* OSError:
                _reset(writer)
                _reset(there_writer)
            finally:
                there_writer.close()
        finally:
            self._tasks.discard(task)
            writer.close()


async def connect(netns: str, target: tuple[str, int], source: str = "") -> Connection:
    """A TCP connection from a namespace to a target, from a source address if given. Raises OSError or TimeoutError."""
    made = namespaces.socket_in(netns)
    try:
        if source:
            # IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect, so that it need not be free for all targets.
            made.setsockopt(socket.IPPROTO_IP, 24, 1)
            made.bind((source, 0))
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            await asyncio.get_running_loop().sock_connect(made, target)
        return await asyncio.open_connection(sock=made, limit=_CHUNK)
    except BaseException:
        made.close()
        raise


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST, not FIN: nobody was there, or it broke."""
    made = writer.get_extra_info("socket")
    if made is not None:
        with contextlib.suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()
