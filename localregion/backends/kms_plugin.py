# SPDX-License-Identifier: GPL-3.0-or-later
"""A KMS v2 plugin for kube-apiserver: wraps the keys of etcd's encryption with a Vault key.

kube-apiserver speaks gRPC (k8s.io/kms/apis/v2/api.proto) over a unix socket. The six small messages are read and
written here by hand: a generated module would bring protobuf's runtime for a dozen fields.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

# The daemon forks to start programs; gRPC's own care for forks only complains about that.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]

log = logging.getLogger(__name__)

Fields = dict[int, bytes]


def encode(fields: Fields) -> bytes:
    """Protobuf's wire form of length-delimited fields (strings, bytes)."""
    out = bytearray()
    for number, value in sorted(fields.items()):
        if value:
            out += _varint(number << 3 | 2) + _varint(len(value)) + value
    return bytes(out)


def decode(data: bytes) -> Fields:
    """The length-delimited fields of a message; a field given twice keeps its last value. Raises ValueError."""
    fields: Fields = {}
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        if tag & 7 != 2:
            raise ValueError(f"unexpected wire type {tag & 7}")
        length, at = _read_varint(data, at)
        if at + length > len(data):
            raise ValueError("the message is cut off")
        fields[tag >> 3] = data[at : at + length]
        at += length
    return fields


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("the message is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


@dataclass(frozen=True)
class EncryptionKey:
    """Calls of a Vault key in a cluster's name. Each raises where the key cannot be used: what it raises fails the API
    server's call, as in the cloud when the key is disabled or its grant is gone.

    ``encrypt`` gives the ciphertext and the OCID of the key's version, ``version`` the OCID of the one it would take.
    """

    encrypt: Callable[[bytes], Awaitable[tuple[bytes, str]]]
    decrypt: Callable[[bytes], Awaitable[bytes]]
    version: Callable[[], Awaitable[str]]


class KmsPlugin:
    """Serves one cluster's kube-apiserver on a unix socket.

    The key's version is the key's id to the API server, which asks for it once a minute: from another one on it
    encrypts what is written with that, and decrypts what there was with the earlier.
    """

    def __init__(self, socket: Path, key: EncryptionKey) -> None:
        self.socket = socket
        self._key = key
        self._version = ""
        """The last one that could be used: an answer without a key's id is refused."""
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen; replaces a socket left behind."""
        if self._server is not None:
            return
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        server = grpc.aio.server()
        methods = {
            name: grpc.unary_unary_rpc_method_handler(function, request_deserializer=decode, response_serializer=encode)
            for name, function in (
                ("Status", self._on_status),
                ("Encrypt", self._on_encrypt),
                ("Decrypt", self._on_decrypt),
            )
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("v2.KeyManagementService", methods),))
        server.add_insecure_port(f"unix:{self.socket}")
        await server.start()
        self.socket.chmod(0o600)
        self._server = server

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None
        self.socket.unlink(missing_ok=True)

    async def _on_status(self, request: Fields, context: grpc.aio.ServicerContext[Fields, Fields]) -> Fields:
        health = "ok"
        try:
            self._version = await self._key.version()
        except Exception as error:
            log.warning("the key of etcd cannot be used: %s", error)
            health = f"the key cannot be used: {error}"
        return {1: b"v2", 2: health.encode(), 3: self._version.encode()}

    async def _on_encrypt(self, request: Fields, context: grpc.aio.ServicerContext[Fields, Fields]) -> Fields:
        try:
            ciphertext, version = await self._key.encrypt(request.get(1, b""))
        except Exception as error:
            log.warning("encrypting for etcd failed: %s", error)
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"encrypting failed: {error}")
            raise
        return {1: ciphertext, 2: version.encode()}

    async def _on_decrypt(self, request: Fields, context: grpc.aio.ServicerContext[Fields, Fields]) -> Fields:
        try:
            return {1: await self._key.decrypt(request.get(1, b""))}
        except Exception as error:
            log.warning("decrypting for etcd failed: %s", error)
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"decrypting failed: {error}")
            raise
