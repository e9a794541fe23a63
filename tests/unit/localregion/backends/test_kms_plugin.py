# SPDX-License-Identifier: GPL-3.0-or-later
"""The KMS v2 plugin, spoken to by a gRPC client over its socket."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest

from localregion.backends.kms_plugin import EncryptionKey, KmsPlugin, decode, encode


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 70000])
def test_messages_survive_the_wire(size: int) -> None:
    value = os.urandom(size)
    assert decode(encode({1: value, 3: b"key"})) == ({1: value} if size else {}) | {3: b"key"}


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05abc", b"\x08\x01", b"\xff"])
def test_broken_messages_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode(data)


def test_wraps_and_unwraps(tmp_path: Path) -> None:
    allowed, current = True, "ocid1.keyversion.x"

    async def version() -> str:
        if not allowed:
            raise PermissionError("no grant")
        return current

    async def encrypt(plaintext: bytes) -> tuple[bytes, str]:
        return plaintext[::-1], await version()

    async def decrypt(ciphertext: bytes) -> bytes:
        return ciphertext[::-1]

    async def run() -> None:
        nonlocal allowed, current
        socket = tmp_path / "kms.sock"
        socket.write_text("left behind by an earlier run")
        plugin = KmsPlugin(socket, EncryptionKey(encrypt, decrypt, version))
        await plugin.start()
        assert socket.stat().st_mode & 0o777 == 0o600
        async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:

            async def call(method: str, **fields: bytes) -> dict[int, bytes]:
                numbers = {"first": 1, "second": 2}
                stub = channel.unary_unary(
                    f"/v2.KeyManagementService/{method}", request_serializer=encode, response_deserializer=decode
                )
                answer: dict[int, bytes] = await stub({numbers[name]: value for name, value in fields.items()})
                return answer

            assert await call("Status") == {1: b"v2", 2: b"ok", 3: b"ocid1.keyversion.x"}
            assert await call("Encrypt", first=b"abc", second=b"uid") == {1: b"cba", 2: b"ocid1.keyversion.x"}
            current = "ocid1.keyversion.y"
            assert await call("Encrypt", first=b"abc", second=b"uid") == {1: b"cba", 2: b"ocid1.keyversion.y"}
            assert (await call("Status"))[3] == b"ocid1.keyversion.y"
            assert await call("Decrypt", first=b"cba", second=b"uid") == {1: b"abc"}
            allowed = False
            assert await call("Status") == {
                1: b"v2", 2: b"the key cannot be used: no grant", 3: b"ocid1.keyversion.y",
            }  # fmt: skip
            with pytest.raises(grpc.aio.AioRpcError, match="no grant"):
                await call("Encrypt", first=b"abc")
        await plugin.stop()
        assert not socket.exists()

    asyncio.run(run())
