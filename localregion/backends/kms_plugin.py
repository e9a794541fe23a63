# SPDX-License-Identifier: GPL-3.0-or-later
"""A KMS v2 plugin for kube-apiserver: wraps the keys of etcd's encryption with a Vault key.

kube-apiserver speaks gRPC (k8s.io/kms/apis/v2/api.proto) over a unix socket. The six small messages are read and
written here by hand: a generated module would bring protobuf's runtime for a dozen fields.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
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


class KmsPlugin:
    """Serves one cluster's kube-apiserver on a unix socket.

    `encrypt(plaintext) -> ciphertext`, `decrypt(ciphertext) -> plaintext` are calls of the Vault key in the cluster's
    name: what they raise fails the apiserver's call, as in the cloud when the key's grant is gone.
    """

    def __init__(
        self,
        socket: Path,
        key_id: str,
        encrypt: Callable[[bytes], Awaitable[bytes]],
        decrypt: Callable[[bytes], Awaitable[bytes]],
    ) -> None:
        self.socket = socket
        self.key_id = key_id
        self._encrypt = encrypt
        self._decrypt = decrypt
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
        return {1: b"v2", 2: b"ok", 3: self.key_id.encode()}

    async def _on_encrypt(self, request: Fields, context: grpc.aio.ServicerContext[Fields, Fields]) -> Fields:
        try:
            return {1: await self._encrypt(request.get(1, b"")), 2: self.key_id.encode()}
        except Exception as error:
            log.warning("encrypting with %s failed: %s", self.key_id, error)
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"encrypting with {self.key_id} failed: {error}")
            raise

    async def _on_decrypt(self, request: Fields, context: grpc.aio.ServicerContext[Fields, Fields]) -> Fields:
        try:
            return {1: await self._decrypt(request.get(1, b""))}
        except Exception as error:
            log.warning("decrypting with %s failed: %s", self.key_id, error)
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"decrypting with {self.key_id} failed: {error}")
            raise
