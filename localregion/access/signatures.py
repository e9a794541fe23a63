"""Who calls: signatures of requests (draft-cavage, RSA-SHA256) by API keys and by session tokens.

Source: https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm. A `keyId` is
`<tenancy>/<user>/<fingerprint>`, or `ST$<jwt>`: a token of the region that names its holder and carries the public key
that the holder signs with.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import jwt
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from jwt.algorithms import RSAAlgorithm

from localregion.access.policies import Principal
from localregion.core.errors import ServiceError, not_authenticated
from localregion.host.pki import key_pem, new_key, write_private
from localregion.settings import TENANCY_ID

MAX_SKEW = 300
"""Seconds that a request's date may be off."""

MAX_KEYS = 1000
"""Keys that are remembered, so that requests need not read their user or token each time."""

_BODY_METHODS = ("POST", "PUT", "PATCH")
_PART = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Request:
    """What a signature covers: method, raw path with query, headers by lower-case name, and the body."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes


KeyLookup = Callable[[str, str, str], tuple[Principal, rsa.RSAPublicKey] | None]
"""(tenancy, user, fingerprint) to the user and the key, or None."""


@dataclass
class Authenticator:
    """Verifies requests. The reason of a refusal is for the region's own log; the caller learns no more than 401."""

    lookup: KeyLookup
    tokens: Tokens
    _keys: dict[str, tuple[Principal, rsa.RSAPublicKey, float]] = field(default_factory=dict)

    def forget(self) -> None:
        """Keys or groups have changed."""
        self._keys.clear()

    def authenticate(self, request: Request) -> Principal:
        """The caller. Raises 401 NotAuthenticated."""
        parts = signature_parts(request)
        principal, key = self._key(parts.get("keyId", ""))
        needed = {"(request-target)", "host"}
        if request.method in _BODY_METHODS:
            needed |= {"content-length", "content-type", "x-content-sha256"}
        verify(request, parts, key, needed)
        return principal

    def _key(self, key_id: str) -> tuple[Principal, rsa.RSAPublicKey]:
        found = self._keys.get(key_id)
        if found and found[2] > time.time():
            return found[0], found[1]
        if key_id.startswith("ST$"):
            principal, key, expires = self.tokens.read(key_id[3:])
        else:
            user_key = self.lookup(*key_id.split("/")) if key_id.count("/") == 2 else None
            if user_key is None:
                raise refused(f"unknown key {key_id}")
            (principal, key), expires = user_key, float("inf")
        if len(self._keys) >= MAX_KEYS:  # a workload signs with a new token each time: forget those that have expired
            self._keys = {name: known for name, known in self._keys.items() if time.time() < known[2] != float("inf")}
        self._keys[key_id] = principal, key, expires
        return principal, key


class Refused(ServiceError):
    """A 401 with the reason, for the log."""

    def __init__(self, reason: str) -> None:
        known = not_authenticated()
        super().__init__(known.status, known.code, known.message)
        self.reason = reason


def refused(reason: str) -> Refused:
    """A 401 whose reason only the log has."""
    return Refused(reason)


def signature_parts(request: Request) -> dict[str, str]:
    """The parts of a request's Authorization header. Raises 401 unless it is a known kind of signature."""
    header = request.headers.get("authorization", "")
    if not header.startswith("Signature "):
        raise refused("no signature")
    parts = dict(_PART.findall(header))
    if parts.get("algorithm") != "rsa-sha256":
        raise refused(f"algorithm {parts.get('algorithm')}")
    if parts.get("version", "1") != "1":
        raise refused(f"version {parts['version']}")
    return parts


def verify(request: Request, parts: Mapping[str, str], key: rsa.RSAPublicKey, needed: set[str]) -> None:
    """Check a signature, which has to cover what is `needed` and a recent date. Raises 401."""
    signed = parts.get("headers", "date").lower().split()
    absent = sorted(needed - set(signed))
    if absent or not {"date", "x-date"} & set(signed):
        raise refused(f"not signed: {', '.join(absent) or 'date'}")
    _check_date(request, "x-date" if "x-date" in signed else "date")
    try:
        signature = base64.b64decode(parts.get("signature", ""), validate=True)
        key.verify(signature, _signing_string(request, signed), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        raise refused("the signature does not fit") from None
    if "x-content-sha256" in signed:
        digest = base64.b64encode(hashlib.sha256(request.content).digest()).decode()
        if digest != request.headers["x-content-sha256"]:
            raise refused("the body does not fit its digest")


def _check_date(request: Request, header: str) -> None:
    """The date of the header that was signed: the other may be anybody's."""
    try:
        sent = email.utils.parsedate_to_datetime(request.headers.get(header, "")).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        raise refused("no readable date") from None
    if abs(time.time() - sent) > MAX_SKEW:
        raise refused("the date is off by more than five minutes")


def _signing_string(request: Request, signed: list[str]) -> bytes:
    lines = []
    for name in signed:
        if name == "(request-target)":
            lines.append(f"{name}: {request.method.lower()} {request.target}")
        elif name in request.headers:
            lines.append(f"{name}: {request.headers[name]}")
        else:
            raise refused(f"signed header {name} is missing")
    return "\n".join(lines).encode("latin-1", "replace")


def fingerprint(key: rsa.RSAPublicKey) -> str:
    """The fingerprint of an API key: MD5 of its DER form, in pairs."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.md5(der, usedforsecurity=False).hexdigest()
    return ":".join(digest[i : i + 2] for i in range(0, 32, 2))


def load_public_key(pem: str | bytes) -> rsa.RSAPublicKey:
    """An RSA public key from PEM. Raises ValueError."""
    try:
        key = serialization.load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("not an RSA key")
    return key


class Tokens:
    """Session tokens of the region: JWTs signed by a key of its own, kept in a file."""

    def __init__(self, path: Path | None) -> None:
        """`path`: the region's token key, made when it is not there; None keeps it in memory."""
        if path and path.exists():
            loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
            if not isinstance(loaded, rsa.RSAPrivateKey):
                raise ValueError(f"{path} is not an RSA key")
            self._key = loaded
        else:
            made = new_key("rsa")
            assert isinstance(made, rsa.RSAPrivateKey)
            self._key = made
            if path:
                write_private(path, key_pem(made))

    def issue(self, principal: Principal, public_key: str, seconds: int = 3600) -> str:
        """A token (the JWT, without `ST$`) for who signs with the key of this public half (PEM or base64 DER)."""
        key = load_public_key(as_pem(public_key))
        now = int(time.time())
        claims = {
            "iss": "authService.oracle.com", "aud": "oci", "sub": principal.id, "tenant": TENANCY_ID,
            "res_tenant": TENANCY_ID, "iat": now, "exp": now + seconds, "ptype": principal.type,
            "groups": sorted(principal.groups), "vars": dict(principal.variables),
            "res_compartment": principal.variables.get("request.principal.compartment.id", ""),
            "jwk": RSAAlgorithm.to_jwk(key),
        }  # fmt: skip
        return jwt.encode(claims, self._key, "RS256", headers={"kid": "local-1"})

    def read(self, token: str) -> tuple[Principal, rsa.RSAPublicKey, float]:
        """Holder, session key and expiry of a token. Raises 401."""
        try:
            claims = jwt.decode(token, self._key.public_key(), ["RS256"], audience="oci", options={"require": ["exp"]})
            key = RSAAlgorithm.from_jwk(claims["jwk"])
        except jwt.ExpiredSignatureError:
            raise refused("the session token has expired") from None
        except (jwt.PyJWTError, KeyError):
            raise refused("the session token is not the region's") from None
        assert isinstance(key, rsa.RSAPublicKey)
        principal = Principal(claims["ptype"], claims["sub"], frozenset(claims["groups"]), claims["vars"])
        return principal, key, float(claims["exp"])


def as_pem(key: str) -> str:
    """A public key as PEM; SDKs also send the body of it alone."""
    if "-----BEGIN" in key:
        return key
    plain = "".join(key.split())
    lines = "\n".join(plain[at : at + 64] for at in range(0, len(plain), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"


def raw_target(raw_path: bytes, query: bytes) -> str:
    """Path and query as they came over the wire."""
    path = raw_path.decode("latin-1")
    if any(ord(letter) < 33 for letter in path):
        path = quote(path)
    return f"{path}?{query.decode('latin-1')}" if query else path
