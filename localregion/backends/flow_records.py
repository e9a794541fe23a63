# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows of VNICs as flow logs tell of them: of each VNIC, direction and window one record with packets and bytes.

What passed is read from the kernel's table of connections, each look against the one before, and as connections end;
what security rules dropped comes from the log group that the filter's chains write to. A packet that a rule at its
target dropped passed its source's, which says ACCEPT. Packets that no route led on are in no flow log.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localregion.backends.packet_filter import LOG_GROUP
from localregion.host import namespaces, netfilter
from localregion.host.netfilter import Connection, Logged, Tuple

ACCEPT, REJECT = "ACCEPT", "REJECT"
_UNSEEN = ipaddress.IPv4Network("169.254.0.0/16")
"""Traffic with the metadata service and the resolver is in no flow log."""
_WORDS = {1: "ICMP", 6: "TCP", 17: "UDP"}
_OPTIONS = {1: "icmpOptions", 6: "tcpOptions", 17: "udpOptions"}


@dataclass(frozen=True)
class Flow:
    """What one VNIC saw of a flow within a window. ``address``: the VNIC's. Times are seconds since 1970."""

    address: str
    packet: Tuple
    action: str
    packets: int
    size: int
    start: float
    end: float

    @property
    def identifier(self) -> str:
        """The same for all records of a flow."""
        one = self.packet
        text = f"{one.source} {one.destination} {one.source_port} {one.port} {one.protocol}"
        return f"{zlib.crc32(text.encode()):08x}"

    def data(self) -> dict[str, Any]:
        """As a log shows it."""
        return {
            "action": self.action,
            "bytesOut": self.size,
            "destinationAddress": self.packet.destination,
            "destinationPort": self.packet.port,
            "endTime": int(self.end),
            "flowid": self.identifier,
            "packets": self.packets,
            "protocol": self.packet.protocol,
            "protocolName": _WORDS.get(self.packet.protocol, str(self.packet.protocol)),
            "sourceAddress": self.packet.source,
            "sourcePort": self.packet.source_port,
            "startTime": int(self.start),
            "status": "OK",
            "version": "2",
        }


class Window:
    """Counts flows until they are asked for."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Tuple, str], list[float]] = {}
        self._seen: dict[tuple[int, Tuple], tuple[int, int]] = {}

    def begin(self, there: Iterable[Connection]) -> None:
        """Count from what connections have had by now."""
        for connection in there:
            for packet, count in _ways(connection):
                self._seen[connection.identifier, packet] = count

    def look(self, there: Sequence[Connection], addresses: Collection[str], now: float) -> None:
        """All connections that stand, seen from the VNICs with these addresses."""
        for connection in there:
            self._passed(connection, addresses, now)
        standing = {(connection.identifier, packet) for connection in there for packet, _count in _ways(connection)}
        self._seen = {key: count for key, count in self._seen.items() if key in standing}

    def ended(self, connection: Connection, addresses: Collection[str], now: float) -> None:
        """A connection that has ended."""
        self._passed(connection, addresses, now)
        for packet, count in _ways(connection):
            self._seen[connection.identifier, packet] = count

    def _passed(self, connection: Connection, addresses: Collection[str], now: float) -> None:
        for packet, (packets, size) in _ways(connection):
            before = self._seen.get((connection.identifier, packet), (0, 0))
            self._seen[connection.identifier, packet] = packets, size
            # What went through a name of a Service is recorded with the pod behind it, as the cloud sees it.
            for address in {packet.source, packet.destination} & set(addresses):
                self._count(address, packet, ACCEPT, packets - before[0], size - before[1], now)

    def dropped(self, logged: Logged, addresses: Collection[str], now: float) -> None:
        """A packet that rules let not pass, at its source (`e`) or at its target (`i`)."""
        packet = logged.packet
        here, there = (packet.source, packet.destination)
        if logged.prefix == "e":
            self._count(here, packet, REJECT, 1, logged.length, now)
            return
        self._count(there, packet, REJECT, 1, logged.length, now)
        if here in addresses:
            self._count(here, packet, ACCEPT, 1, logged.length, now)

    def _count(self, address: str, packet: Tuple, action: str, packets: int, size: int, now: float) -> None:
        if packets <= 0 or any(ipaddress.IPv4Address(each) in _UNSEEN for each in (packet.source, packet.destination)):
            return
        row = self._counts.setdefault((address, packet, action), [0, 0, now, now])
        row[0], row[1], row[3] = row[0] + packets, row[1] + size, now

    def flows(self) -> list[Flow]:
        """What was counted; counting starts again at zero."""
        found = [Flow(*key, int(row[0]), int(row[1]), row[2], row[3]) for key, row in self._counts.items()]
        self._counts.clear()
        return found


def _ways(connection: Connection) -> Iterator[tuple[Tuple, tuple[int, int]]]:
    """Both directions as the ends see them, rewritten addresses of Services taken back."""
    sent, answered = connection.sent, connection.answered
    yield (
        Tuple(sent.source, answered.source, sent.protocol, sent.source_port, _port(sent, answered)),
        (connection.sent_count),
    )
    yield (
        Tuple(answered.source, sent.source, sent.protocol, _port(sent, answered), sent.source_port),
        (connection.answered_count),
    )


def _port(sent: Tuple, answered: Tuple) -> int:
    """The port that was asked: at the target's own address as it was asked for, else where the answers come from."""
    return sent.port if sent.destination == answered.source else answered.source_port


def chosen(flow: Flow, rules: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a capture filter's rules have a flow logged: the first that fits decides, and how many it leaves out."""
    for rule in sorted(rules, key=lambda rule: rule["priority"]):
        if rule["isEnabled"] and _fits(rule, flow):
            wanted = zlib.crc32(flow.identifier.encode()) % rule["samplingRate"] == 0
            return bool(rule["ruleAction"] == "INCLUDE" and wanted)
    return False


def _fits(rule: Mapping[str, Any], flow: Flow) -> bool:
    packet = flow.packet
    if rule["flowLogType"] not in ("ALL", flow.action):
        return False
    if rule.get("protocol") not in (None, str(packet.protocol)):
        return False
    for side, address in (("sourceCidr", packet.source), ("destinationCidr", packet.destination)):
        block = rule.get(side)
        if block and (":" in block or ipaddress.IPv4Address(address) not in ipaddress.IPv4Network(block)):
            return False
    options = rule.get(_OPTIONS.get(packet.protocol, "")) or {}
    for name, port in (("sourcePortRange", packet.source_port), ("destinationPortRange", packet.port)):
        if (span := options.get(name)) and not span["min"] <= port <= span["max"]:
            return False
    return True


class FlowReader:
    """Reads the flows of a fabric's root namespace, from the event loop. ``addresses`` gives the VNICs'."""

    def __init__(self, netns: str, addresses: Callable[[], Collection[str]]) -> None:
        self._netns, self._addresses = netns, addresses
        self._window = Window()
        self._sockets: list[socket.socket] = []

    async def start(self) -> None:
        """Count from now on. Raises OSError."""
        await asyncio.to_thread(namespaces.inside, self._netns, netfilter.count)
        self._window.begin(await self._connections())
        loop = asyncio.get_running_loop()
        ended = namespaces.inside(self._netns, netfilter.open_ended)
        self._sockets.append(ended)
        logged = namespaces.inside(self._netns, lambda: netfilter.open_log(LOG_GROUP))
        self._sockets.append(logged)
        loop.add_reader(ended, self._take, ended, self._ended)
        loop.add_reader(logged, self._take, logged, self._logged)

    def stop(self) -> None:
        """Count no more."""
        for one in self._sockets:
            asyncio.get_running_loop().remove_reader(one)
            one.close()
        self._sockets.clear()

    async def flows(self) -> list[Flow]:
        """What was seen since the last call."""
        there = await self._connections()
        self._window.look(there, self._addresses(), time.time())
        return self._window.flows()

    async def _connections(self) -> list[Connection]:
        return await asyncio.to_thread(namespaces.inside, self._netns, netfilter.connections)

    def _take(self, one: socket.socket, read: Callable[[bytes], None]) -> None:
        # ENOBUFS: more came than there was room for; what is lost of drops is lost.
        with contextlib.suppress(BlockingIOError, OSError):
            while data := one.recv(2**17):
                read(data)

    def _ended(self, data: bytes) -> None:
        for connection in netfilter.read_connections(data):
            self._window.ended(connection, self._addresses(), time.time())

    def _logged(self, data: bytes) -> None:
        for each in netfilter.read_logged(data):
            self._window.dropped(each, self._addresses(), time.time())


__all__ = ["ACCEPT", "REJECT", "Flow", "FlowReader", "Window", "chosen"]
