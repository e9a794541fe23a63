# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with keys: encrypt, decrypt, data keys; also for the region's other services.

Keys are real: AES-GCM, RSA and EC material. What `encrypt` gives names the key version inside, as the service's
ciphertexts do: `decrypt` needs no version.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from localregion.core.errors import invalid, not_found
from localregion.core.store import Document, Record
from localregion.services.base import Part, Service
from localregion.services.checks import in_state
from localregion.services.kms import material
from localregion.services.kms.endpoints import VaultEndpoints
from localregion.services.registration import operation
from localregion.services.resources import Call, Reply

if TYPE_CHECKING:
    from localregion.access.policies import Principal

_MAGIC = b"\x01LR"
_NONCE = 12
_MOST_PLAINTEXT = 4096


class Cryptography(Part):
    """Encrypts and decrypts with the keys of vaults."""

    def __init__(self, service: Service, endpoints: VaultEndpoints) -> None:
        super().__init__(service)
        self._endpoints = endpoints

    @operation
    async def encrypt(self, call: Call) -> Reply:
        """Encrypt up to 4 KB."""
        key = self._usable(call.body["keyId"], call=call)
        plaintext = material.decoded(call.body["plaintext"], "plaintext")
        if len(plaintext) > _MOST_PLAINTEXT:
            raise invalid(f"plaintext must not be longer than {_MOST_PLAINTEXT} bytes")
        algorithm = material.algorithm(key, call.body.get("encryptionAlgorithm"))
        version = self._version(key, call.body.get("keyVersionId"))
        ciphertext = self._encrypt(version, plaintext, call.body.get("associatedData"), algorithm)
        return Reply(
            200,
            {
                "ciphertext": base64.b64encode(ciphertext).decode(),
                "keyId": key.id,
                "keyVersionId": version.id,
                "encryptionAlgorithm": algorithm,
            },
        )

    @operation
    async def decrypt(self, call: Call) -> Reply:
        """Decrypt what `encrypt` gave."""
        key = self._usable(call.body["keyId"], call=call)
        algorithm = material.algorithm(key, call.body.get("encryptionAlgorithm"))
        version, plaintext = self._decrypt(
            key, material.decoded(call.body["ciphertext"], "ciphertext"), call.body.get("associatedData"), algorithm
        )
        if call.body.get("keyVersionId") not in (None, version.id):
            raise invalid("The ciphertext is of another key version")
        return Reply(
            200,
            {
                "plaintext": base64.b64encode(plaintext).decode(),
                "plaintextChecksum": material.checksum(plaintext),
                "keyId": key.id,
                "keyVersionId": version.id,
                "encryptionAlgorithm": algorithm,
            },
        )

    @operation
    async def generate_data_encryption_key(self, call: Call) -> Reply:
        """A new key for the caller, encrypted by a key of the vault, and in clear if asked."""
        key = self._usable(call.body["keyId"], call=call)
        shape = material.shape(call.body["keyShape"])
        if shape["algorithm"] != "AES":
            raise invalid("keyShape of a data encryption key must be AES")
        material.algorithm(key, "AES_256_GCM")
        plaintext = os.urandom(shape["length"])
        ciphertext = self._encrypt(self._version(key, None), plaintext, call.body.get("associatedData"), "AES_256_GCM")
        doc = {"ciphertext": base64.b64encode(ciphertext).decode()}
        if call.body["includePlaintextKey"]:
            doc |= {
                "plaintext": base64.b64encode(plaintext).decode(),
                "plaintextChecksum": material.checksum(plaintext),
            }
        return Reply(200, doc)

    def may_use(self, principal: Principal, key_id: str) -> Record:
        """The key, if `principal` may use it (`use keys`, `target.key.id`) and it is ENABLED; else 404 or 409."""
        return self._usable(key_id, principal=principal)

    def encrypt_as(self, principal: Principal, key_id: str, plaintext: bytes) -> tuple[bytes, str]:
        """Encrypt in a principal's name (a cluster's etcd): the ciphertext, and the OCID of the key's version. 404
        without a grant, 409 when not ENABLED."""
        version = self._version(self.may_use(principal, key_id), None)
        return self._encrypt(version, plaintext, None, "AES_256_GCM"), version.id

    def version_for(self, principal: Principal, key_id: str) -> str:
        """The OCID of the version that would be encrypted with in a principal's name. Raises as `encrypt_as`."""
        return self._version(self.may_use(principal, key_id), None).id

    def decrypt_as(self, principal: Principal, key_id: str, ciphertext: bytes) -> bytes:
        """Decrypt in a principal's name; 400 when the ciphertext is not of this key."""
        return self._decrypt(self.may_use(principal, key_id), ciphertext, None, "AES_256_GCM")[1]

    def seal_with(self, key_id: str, plaintext: bytes, context: str) -> str:
        """Encrypt for the region's own keeping (contents of secrets); the key need not be asked for."""
        key = in_state(self.service.get("key", key_id), "ENABLED")
        ciphertext = self._encrypt(self._version(key, None), plaintext, {"context": context}, "AES_256_GCM")
        return base64.b64encode(ciphertext).decode()

    def open_with(self, key_id: str, sealed: str, context: str) -> bytes:
        """What :meth:`seal_with` sealed; 409 when the key is not ENABLED (any more)."""
        key = in_state(self.service.get("key", key_id), "ENABLED")
        return self._decrypt(key, base64.b64decode(sealed), {"context": context}, "AES_256_GCM")[1]

    def _usable(self, key_id: str, *, call: Call | None = None, principal: Principal | None = None) -> Record:
        key = self.service.get("key", key_id)
        if call is not None:
            self.service.authorize(call, "use", "keys", key.compartment, self.service.target_variables(key))
            self._endpoints.own(call, key)
        elif principal is None or not self.region.iam.allows(
            principal, "use", "keys", key.compartment, self.service.target_variables(key)
        ):
            raise not_found()
        return in_state(key, "ENABLED")

    def _version(self, key: Record, version_id: str | None) -> Record:
        version = self.service.get("key_version", version_id or key.doc["currentKeyVersion"])
        if version.parent != key.id:
            raise not_found()
        if version.state == "CREATING":  # being rotated: the version before it still serves
            version = [v for v in self.service.living("key_version", parent=key.id) if v.state == "ENABLED"][-1]
        return in_state(version, "ENABLED")

    def material(self, version: Record) -> bytes:
        """The material of a version, in clear."""
        return self.region.sealer.open(version.private["material"], version.id)

    def _encrypt(self, version: Record, plaintext: bytes, data: Document | None, algorithm: str) -> bytes:
        head = _MAGIC + bytes([len(version.id)]) + version.id.encode()
        secret = self.material(version)
        if algorithm == "AES_256_GCM":
            nonce = os.urandom(_NONCE)
            return head + nonce + AESGCM(secret).encrypt(nonce, plaintext, material.associated(data))
        private = serialization.load_der_private_key(secret, None)
        assert isinstance(private, rsa.RSAPrivateKey)
        try:
            return head + private.public_key().encrypt(plaintext, material.oaep(algorithm))
        except ValueError:
            raise invalid("plaintext is too long for this key") from None

    def _decrypt(self, key: Record, ciphertext: bytes, data: Document | None, algorithm: str) -> tuple[Record, bytes]:
        wrong = invalid("The ciphertext cannot be decrypted with this key and these associated data")
        if not ciphertext.startswith(_MAGIC) or len(ciphertext) < 5:
            raise wrong
        length = ciphertext[3]
        version_id = ciphertext[4 : 4 + length].decode(errors="replace")
        version = self.store.find(version_id)
        if version is None or version.parent != key.id or version.kind != "key_version":
            raise wrong
        in_state(version, "ENABLED")
        rest = ciphertext[4 + length :]
        secret = self.material(version)
        try:
            if algorithm == "AES_256_GCM":
                return version, AESGCM(secret).decrypt(rest[:_NONCE], rest[_NONCE:], material.associated(data))
            private = serialization.load_der_private_key(secret, None)
            assert isinstance(private, rsa.RSAPrivateKey)
            return version, private.decrypt(rest, material.oaep(algorithm))
        except (InvalidTag, ValueError):
            raise wrong from None
