# SPDX-License-Identifier: GPL-3.0-or-later
"""Contents that the Vault service generates (`secretGenerationContext`).

Keywords and default structures are those of the SDK's models. Lengths and alphabets of the two passphrase templates
are published nowhere; here: SECRETS_DEFAULT_PASSWORD 25 by default (12 to 32 allowed) with one of each class at
least, DBAAS_DEFAULT_PASSWORD 15 by default (9 to 30) with two of each class and the special characters Oracle
Database takes (`_`, `#`, `-`), beginning with a letter. Both satisfy the password rule of MySQL DB systems.
"""

from __future__ import annotations

import base64
import json
import secrets
import string
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

__all__ = ["GenerationError", "check", "generate"]

PASSPHRASE = "%GENERATED_PASSPHRASE%"
PUBLIC_KEY = "%GENERATED_PUBLIC_KEY%"
PRIVATE_KEY = "%GENERATED_PRIVATE_KEY%"
BYTES = "%GENERATED_BYTES%"

_KEYWORDS = {"PASSPHRASE": (PASSPHRASE,), "SSH_KEY": (PUBLIC_KEY, PRIVATE_KEY), "BYTES": (BYTES,)}
_TEMPLATES = {
    "PASSPHRASE": ("SECRETS_DEFAULT_PASSWORD", "DBAAS_DEFAULT_PASSWORD"),
    "SSH_KEY": ("RSA_2048", "RSA_3072", "RSA_4096"),
    "BYTES": ("BYTES_512", "BYTES_1024"),
}
# template: minimum, default, maximum length, of each class at least, special characters
_PASSWORDS = {
    "SECRETS_DEFAULT_PASSWORD": (12, 25, 32, 1, "!#$%*+-.=?@_~"),
    "DBAAS_DEFAULT_PASSWORD": (9, 15, 30, 2, "_#-"),
}


class GenerationError(ValueError):
    """A generation context that the service refuses; the message says why."""


def check(context: dict[str, Any]) -> None:
    """Refuse a context that cannot be generated from. `context` has the wire names. Raises :class:`GenerationError`."""
    kind = context["generationType"]
    if kind not in _TEMPLATES:
        raise GenerationError(f"generationType must be one of {', '.join(_TEMPLATES)}")
    template = context.get("generationTemplate")
    if template not in _TEMPLATES[kind]:
        raise GenerationError(f"generationTemplate of {kind} must be one of {', '.join(_TEMPLATES[kind])}")
    structure = context.get("secretTemplate")
    if structure is not None:
        missing = [word for word in _KEYWORDS[kind] if word not in structure]
        if missing:
            raise GenerationError(f"secretTemplate must contain {' and '.join(missing)}")
    if kind == "PASSPHRASE" and context.get("passphraseLength") is not None:
        low, _, high, _, _ = _PASSWORDS[template]
        if not low <= context["passphraseLength"] <= high:
            raise GenerationError(f"passphraseLength of {template} must be between {low} and {high}")


def generate(context: dict[str, Any]) -> bytes:
    """New content after a context that :func:`check` accepted: what a reader of the secret gets after base64.

    SSH keys take up to some seconds (RSA 4096): call it in a thread.
    """
    kind, template, structure = context["generationType"], context["generationTemplate"], context.get("secretTemplate")
    if kind == "PASSPHRASE":
        return (
            (structure or PASSPHRASE).replace(PASSPHRASE, _password(template, context.get("passphraseLength"))).encode()
        )
    if kind == "BYTES":
        # The number is bits: 64 or 128 bytes, stored as base64 text.
        made = base64.b64encode(secrets.token_bytes(int(template.removeprefix("BYTES_")) // 8)).decode()
        return (structure or BYTES).replace(BYTES, made).encode()
    key = rsa.generate_private_key(public_exponent=65537, key_size=int(template.removeprefix("RSA_")))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    if structure is None:
        return json.dumps({"publicKey": public, "privateKey": private}).encode()
    # Within a JSON structure the line ends of PEM have to be escaped, elsewhere not.
    if structure.lstrip().startswith("{"):
        public, private = json.dumps(public)[1:-1], json.dumps(private)[1:-1]
    return str(structure).replace(PUBLIC_KEY, public).replace(PRIVATE_KEY, private).encode()


def _password(template: str, length: int | None) -> str:
    _, default, _, each, special = _PASSWORDS[template]
    size = length or default
    classes = [string.ascii_uppercase, string.ascii_lowercase, string.digits, special]
    chosen = [secrets.choice(letters) for letters in classes for _ in range(each)]
    chosen += [secrets.choice("".join(classes)) for _ in range(size - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    # Oracle Database wants a letter first; harmless for the other template.
    first = next(place for place, letter in enumerate(chosen) if letter in string.ascii_letters)
    chosen[0], chosen[first] = chosen[first], chosen[0]
    return "".join(chosen)
