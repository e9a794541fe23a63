# SPDX-License-Identifier: GPL-3.0-or-later
"""What keys are made of: their shapes, new material, algorithms and paddings. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import os
import zlib
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from localregion.core.errors import invalid
from localregion.core.store import Document, Record

_LENGTHS = {"AES": (16, 24, 32), "RSA": (256, 384, 512), "ECDSA": (32, 48, 66)}
_CURVES: dict[str, tuple[int, type[ec.EllipticCurve]]] = {
    "NIST_P256": (32, ec.SECP256R1),
    "NIST_P384": (48, ec.SECP384R1),
    "NIST_P521": (66, ec.SECP521R1),
}


def shape(given: Document) -> Document:
    """The shape of a key as its document shows it. Raises 400."""
    kind, length, curve = given["algorithm"], given["length"], given.get("curveId")
    if length not in _LENGTHS[kind]:
        raise invalid(f"keyShape.length of {kind} must be one of {', '.join(map(str, _LENGTHS[kind]))}: {length}")
    if kind == "ECDSA":
        curve = curve or next(name for name, (size, _) in _CURVES.items() if size == length)
        if _CURVES[curve][0] != length:
            raise invalid(f"keyShape.curveId {curve} requires length {_CURVES[curve][0]}")
        return {"algorithm": kind, "length": length, "curveId": curve}
    if curve:
        raise invalid(f"keyShape.curveId is only allowed with ECDSA, not with {kind}")
    return {"algorithm": kind, "length": length}


def generate(of: Document) -> tuple[bytes, str | None]:
    """New material of a shape, and its public key (PEM) if it has one."""
    if of["algorithm"] == "AES":
        return os.urandom(of["length"]), None
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if of["algorithm"] == "RSA":
        private = rsa.generate_private_key(public_exponent=65537, key_size=of["length"] * 8)
    else:
        private = ec.generate_private_key(_CURVES[of["curveId"]][1]())
    material = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return material, public.decode()


def algorithm(key: Record, given: str | None) -> str:
    """The algorithm that a request asks for. Raises 400 where the key is of another kind."""
    kind = key.doc["keyShape"]["algorithm"]
    fitting = {"AES": ("AES_256_GCM",), "RSA": ("RSA_OAEP_SHA_1", "RSA_OAEP_SHA_256"), "ECDSA": ()}[kind]
    # AES_256_GCM is the request's default, also for keys that it does not fit.
    wanted = given or "AES_256_GCM"
    if wanted not in fitting:
        raise invalid(f"encryptionAlgorithm {wanted} does not fit a key of {kind}")
    return wanted


def oaep(name: str) -> padding.OAEP:
    """The padding of an RSA algorithm."""
    digest: hashes.HashAlgorithm = hashes.SHA256() if name.endswith("SHA_256") else hashes.SHA1()
    return padding.OAEP(padding.MGF1(digest), digest, None)


def associated(data: Any) -> bytes | None:
    """Associated data in one form. Raises 400."""
    if not data:
        return None
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    if len(text) >= 4096:
        raise invalid("associatedData must have fewer than 4096 characters")
    return text.encode()


def decoded(value: str, field: str) -> bytes:
    """The bytes of a base64 field. Raises 400."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"{field} is not base64") from None


def checksum(data: bytes) -> str:
    """The CRC32 that the service sends with a plaintext."""
    return str(zlib.crc32(data))
