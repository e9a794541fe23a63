# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel's packet filter tells by netlink: connections with their counters, and packets that a rule logs.

Formats: linux/netfilter/nfnetlink_conntrack.h and nfnetlink_log.h. A socket belongs to the namespace it is opened in
(`namespaces.inside`). Only IPv4.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NETFILTER = 12
_CONNTRACK, _LOG = 1, 4
_GET, _DELETE = 1, 2
_PACKET, _CONFIG = 0, 1
_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_ERROR, _DONE = 2, 3
_DESTROYED = 1 << 2
"""The multicast group of connections that ended, as bind takes it."""
_COPIED = 64
_BUFFER = 4 * 2**20
_SO_RCVBUFFORCE = 33
_COUNTING = ("nf_conntrack_acct", "nf_conntrack_events")


@dataclass(frozen=True)
class Tuple:
    """One direction of a connection, or a packet: addresses, protocol, ports (0 where it has none)."""

    source: str
    destination: str
    protocol: int
    source_port: int = 0
    port: int = 0


@dataclass(frozen=True)
class Connection:
    """A connection: both directions, each with how many packets and bytes it has had."""

    identifier: int
    sent: Tuple
    answered: Tuple
    sent_count: tuple[int, int]
    answered_count: tuple[int, int]


@dataclass(frozen=True)
class Logged:
    """A packet that a rule logged: the rule's prefix, and how long the packet is."""

    prefix: str
    packet: Tuple
    length: int


def count() -> None:
    """Have connections of the namespace that the caller is in counted, and reported when they end."""
    for name in _COUNTING:
        Path("/proc/sys/net/netfilter", name).write_text("1")


def open_ended() -> socket.socket:
    """A socket that tells of connections that end."""
    return _opened(_DESTROYED)


def open_log(group: int) -> socket.socket:
    """A socket that gets the heads of the packets that rules log to a group. Raises OSError."""
    made = _opened(0)
    try:
        # to bind the group; to copy so many bytes of each packet
        for attribute in (struct.pack("=HHBxxx", 5, 1, 1), struct.pack("=HHIBxxx", 10, 2, socket.htonl(_COPIED), 2)):
            made.send(_message(_LOG << 8 | _CONFIG, _REQUEST | _ACK, attribute, group=group, family=0))
            number = -int(struct.unpack_from("=i", made.recv(4096), 16)[0])
            if number:
                raise OSError(number, f"log group {group} of the packet filter")
    except BaseException:
        made.close()
        raise
    made.setblocking(False)
    return made


def connections() -> list[Connection]:
    """All connections of the namespace that the caller is in; blocks some 0.1 ms for each."""
    with _opened(0) as made:
        made.setblocking(True)
        made.send(_message(_CONNTRACK << 8 | _GET, _REQUEST | _DUMP, b""))
        found: list[Connection] = []
        while True:
            data = made.recv(2**18)
            found += read_connections(data)
            if any(kind in (_DONE, _ERROR) for kind, _body in _messages(data)):
                return found


def read_connections(data: bytes) -> Iterator[Connection]:
    """The connections in what a socket gave."""
    for kind, body in _messages(data):
        if kind >> 8 != _CONNTRACK or kind & 0xFF not in (0, _DELETE):
            continue
        attributes = _attributes(body)
        sent, answered = _tuple(attributes.get(1, b"")), _tuple(attributes.get(2, b""))
        if sent and answered:
            (identifier,) = struct.unpack("!I", attributes[12]) if 12 in attributes else (0,)
            counts = (_count(attributes.get(9, b"")), _count(attributes.get(10, b"")))
            yield Connection(identifier, sent, answered, *counts)


def read_logged(data: bytes) -> Iterator[Logged]:
    """The packets in what a log socket gave."""
    for kind, body in _messages(data):
        if kind != _LOG << 8 | _PACKET:
            continue
        attributes = _attributes(body)
        packet = attributes.get(9, b"")
        if len(packet) < 20 or packet[0] >> 4 != 4:
            continue
        head, protocol = (packet[0] & 15) * 4, packet[9]
        ports = (0, 0)
        if protocol in (6, 17) and len(packet) >= head + 4:
            ports = struct.unpack_from("!HH", packet, head)
        (length,) = struct.unpack_from("!H", packet, 2)
        addresses = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        yield Logged(attributes.get(10, b"").rstrip(b"\0").decode(), Tuple(*addresses, protocol, *ports), length)


def _opened(groups: int) -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER)
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    made.bind((0, groups))
    if groups:
        made.setblocking(False)
    return made


def _message(kind: int, flags: int, attributes: bytes, *, group: int = 0, family: int = socket.AF_INET) -> bytes:
    body = struct.pack("=BBH", family, 0, socket.htons(group)) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Of each message its type and what follows its head of 20 bytes."""
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if length < 16:
            return
        yield kind, data[at + 20 : at + length]
        at += (length + 3) & ~3


def _attributes(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def _tuple(data: bytes) -> Tuple | None:
    attributes = _attributes(data)
    addresses, protocol = _attributes(attributes.get(1, b"")), _attributes(attributes.get(2, b""))
    if not {1, 2} <= addresses.keys() or 1 not in protocol:
        return None
    ports = [struct.unpack("!H", protocol[number])[0] if number in protocol else 0 for number in (2, 3)]
    return Tuple(socket.inet_ntoa(addresses[1]), socket.inet_ntoa(addresses[2]), protocol[1][0], *ports)


def _count(data: bytes) -> tuple[int, int]:
    attributes = _attributes(data)
    if not {1, 2} <= attributes.keys():
        return 0, 0
    return struct.unpack("!Q", attributes[1])[0], struct.unpack("!Q", attributes[2])[0]


__all__ = [
    "Connection",
    "Logged",
    "Tuple",
    "connections",
    "count",
    "open_ended",
    "open_log",
    "read_connections",
    "read_logged",
]
