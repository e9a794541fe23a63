# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption at rest of what the region must not keep in clear: key material, secrets, database passwords, TLS keys.

One AES-256-GCM root key a region, in a file of its own (0600) beside the database: a copy of the database alone reveals
nothing. The context (record's id and purpose) is authenticated, so a sealed value moved to another record does not
open.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["SealError", "Sealer"]

_NONCE = 12


class SealError(Exception):
    """A sealed value cannot be opened: another root key, another context, or damage."""


class Sealer:
    """Seals bytes into text with the region's root key.

    :param path: the key's file; made with a new key (0600) when absent.
    """

    def __init__(self, path: Path) -> None:
        self._key = _load_or_make(path)
        self._aead = AESGCM(self._key)

    def seal(self, data: bytes, context: str) -> str:
        """Encrypt; the answer is base64 text."""
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + self._aead.encrypt(nonce, data, context.encode())).decode()

    def open(self, sealed: str, context: str) -> bytes:
        """Decrypt what :meth:`seal` made for the same context. Raises :class:`SealError`."""
        raw = base64.b64decode(sealed)
        try:
            return self._aead.decrypt(raw[:_NONCE], raw[_NONCE:], context.encode())
        except InvalidTag:
            raise SealError(f"the sealed value of {context} does not open with this region's root key") from None

    def digest(self, data: bytes, context: str) -> str:
        """A keyed hash: shows whether contents are equal without storing them; useless without the key file."""
        return hmac.new(self._key, context.encode() + b"\0" + data, hashlib.sha256).hexdigest()


def _load_or_make(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(os.urandom(32))
        file.flush()
        os.fsync(file.fileno())
    # Two regions may start at once: the second one uses the first one's key.
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    new.unlink()
    return path.read_bytes()
