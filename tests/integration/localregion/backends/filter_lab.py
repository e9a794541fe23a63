"""VNICs in namespaces of a fabric that answer at TCP and UDP ports and to pings, to see which packets come through."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from localregion.backends.fabric import CLIENT_ADDRESS, SERVICE_ADDRESS, Fabric
from localregion.host import namespaces

OUTSIDE, SERVICES = "outside", "services"
TCP, UDP, ICMP = 6, 17, 1
_SECONDS = 0.4
"""Within which what passes is answered on a busy machine; what is dropped takes as long."""


@dataclass(frozen=True)
class Place:
    """Where a VNIC is."""

    subnet: str
    block: str
    address: str


class Lab:
    """Places by name, and what can be tried between them. ``outside`` and ``services`` are places too."""

    def __init__(self, fabric: Fabric, places: Mapping[str, Place]) -> None:
        self.fabric = fabric
        self.places = places
        self.netns = {OUTSIDE: fabric.root}
        self._servers: list[asyncio.Server | asyncio.DatagramTransport] = []

    async def begin(self, ports: Iterable[int]) -> None:
        """Attach all, and answer at these ports."""
        for name, place in self.places.items():
            self.netns[name] = await self.fabric.attach(name, place.subnet, place.block, place.address)
            for port in ports:
                await self._serve(self.netns[name], place.address, port)
        for port in ports:
            await self._serve(self.fabric.root, SERVICE_ADDRESS, port)

    def end(self) -> None:
        """Answer no more."""
        for server in self._servers:
            server.close()

    async def _serve(self, netns: str, address: str, port: int) -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await reader.read(100):
                    writer.write(data)
            writer.close()

        self._servers.append(await asyncio.start_server(echo, sock=await self.fabric.serve_in(netns, address, port)))
        one = self.fabric.socket_in(netns, socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((address, port))
        loop = asyncio.get_running_loop()
        transport, _protocol = await loop.create_datagram_endpoint(Echo, sock=one)
        self._servers.append(transport)

    def address(self, name: str) -> str:
        """Of a place."""
        return SERVICE_ADDRESS if name == SERVICES else self.places[name].address

    async def connect(self, source: str, target: str, port: int, source_port: int = 0) -> socket.socket | None:
        """A connection whose first byte came back; None where nothing answers."""
        one = self._socket(source, socket.SOCK_STREAM, source_port)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            loop = asyncio.get_running_loop()
            await asyncio.wait_for(loop.sock_connect(one, (self.address(target), port)), _SECONDS)
            if await self.echo(one):
                return one
        except (OSError, TimeoutError):
            pass
        one.close()
        return None

    def _socket(self, source: str, kind: int, source_port: int, protocol: int = 0) -> socket.socket:
        one = self.fabric.socket_in(self.netns[source], socket.AF_INET, kind)
        if source == OUTSIDE or source_port:
            one.bind((CLIENT_ADDRESS if source == OUTSIDE else self.address(source), source_port))
        return one

    async def echo(self, one: socket.socket, seconds: float = _SECONDS) -> bool:
        """Whether a byte comes back."""
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(one, b"x")
            return await asyncio.wait_for(loop.sock_recv(one, 1), seconds) == b"x"
        except (OSError, TimeoutError):
            return False

    async def passes(self, source: str, target: str, port: int, source_port: int = 0, protocol: int = TCP) -> bool:
        """Whether what is sent is answered."""
        if protocol == TCP:
            one = await self.connect(source, target, port, source_port)
        elif protocol == UDP:
            one = self._socket(source, socket.SOCK_DGRAM, source_port)
            one.connect((self.address(target), port))
            if not await self.echo(one):
                one.close()
                one = None
        else:
            return await self._ping(source, target, source_port)
        if one:
            one.close()
        return one is not None

    async def _ping(self, source: str, target: str, number: int) -> bool:
        one = namespaces.inside(
            self.netns[source], lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        )
        one.setblocking(False)
        one.bind((CLIENT_ADDRESS if source == OUTSIDE else self.address(source), 0))
        one.connect((self.address(target), 0))
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_SECONDS):
                await loop.sock_sendall(one, icmp(8, 0, struct.pack("!HH", number, 1)))
                while True:
                    message = (await loop.sock_recv(one, 200))[20:]
                    if message[0] == 0 and struct.unpack("!H", message[4:6])[0] == number:
                        return True
        except (OSError, TimeoutError):
            return False
        finally:
            one.close()


def icmp(kind: int, code: int, rest: bytes) -> bytes:
    """A message of ICMP with its checksum; `rest` is what follows it, an even number of bytes."""
    head = struct.pack("!BB", kind, code)
    total = sum(struct.unpack(f"!{(len(rest) + 2) // 2}H", head + rest))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return head + struct.pack("!H", 0xFFFF - total) + rest


class Echo(asyncio.DatagramProtocol):
    """Sends back what comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(data, addr)


@contextlib.asynccontextmanager
async def lab(folder: Path, places: Mapping[str, Place], ports: Iterable[int]) -> AsyncIterator[Lab]:
    """A fabric of its own with these places."""
    fabric = Fabric("tfilter", folder)
    await fabric.start()
    made = Lab(fabric, places)
    try:
        await made.begin(list(ports))
        yield made
    finally:
        made.end()
        await fabric.stop()
