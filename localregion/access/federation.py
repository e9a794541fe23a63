# SPDX-License-Identifier: GPL-3.0-or-later
"""The auth service's `POST /v1/x509`: an instance's certificate for a session token; and those certificates.

An instance has a key and a certificate of the region's own authority, which names it, its compartment and its tenancy
as the cloud's do. It signs its request with that key (`keyId` is `<tenancy>/fed-x509/<SHA-1 of the certificate>`, or
`fed-x509-sha256`) and sends the public half of the session key that the token is to be bound to. Source: what the SDKs
send and read (oci.auth.federation_client, oci.auth.auth_utils of the Python SDK 2.189.0).
"""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from localregion.access import signatures
from localregion.access.policies import Principal, instance
from localregion.core import bodies
from localregion.core.errors import invalid, missing
from localregion.host.pki import Authority, key_pem, new_key
from localregion.settings import COMPARTMENT_ID, INSTANCE_ID, TENANCY_ID

TOKEN_SECONDS = 1200
CERTIFICATE_DAYS = 1
_HASHES = {"fed-x509": hashes.SHA1, "fed-x509-sha256": hashes.SHA256}


@dataclass(frozen=True)
class Identity:
    """An instance's certificate and key, as PEM, with the authority's certificate."""

    certificate: bytes
    key: bytes
    intermediate: bytes
    renew: dt.datetime


class Federation:
    """Instances' certificates and what they are good for. Only the region's loop uses it."""

    method, path, operation = "POST", "/v1/x509", "auth.get_security_token"

    def __init__(self, folder: Path, tokens: signatures.Tokens) -> None:
        """`folder` keeps the authority, made when an instance first asks for its certificate."""
        self._folder = folder
        self._tokens = tokens
        self._identities: dict[tuple[str, str], Identity] = {}
        self.token_seconds = TOKEN_SECONDS

    def _authority(self) -> Authority:
        return Authority.load_or_create(self._folder, "okestack instance identity")

    def identity(self, instance_id: str = INSTANCE_ID, compartment_id: str = COMPARTMENT_ID) -> Identity:
        """The instance's present certificate; a new one when half of its life is over."""
        found = self._identities.get((instance_id, compartment_id))
        now = dt.datetime.now(dt.UTC)
        if found is None or found.renew < now:
            key, authority = new_key("rsa"), self._authority()
            units = ("opc-certtype:instance", f"opc-compartment:{compartment_id}", f"opc-instance:{instance_id}",
                     f"opc-tenant:{TENANCY_ID}")  # fmt: skip
            certificate = authority.sign(
                key, instance_id, units=units, server=False, client=True, days=CERTIFICATE_DAYS
            )
            renew = now + dt.timedelta(days=CERTIFICATE_DAYS) / 2
            found = Identity(certificate, key_pem(key), authority.certificate_pem, renew)
            self._identities[instance_id, compartment_id] = found
        return found

    def exchange(self, request: signatures.Request) -> tuple[Principal, str]:
        """A session token for an instance. Raises 400 and 401."""
        body = _body(request)
        certificate = _certificate(body["certificate"])
        principal = self._owner(certificate)
        _check_signature(request, certificate)
        try:
            signatures.load_public_key(signatures.as_pem(body["publicKey"]))
        except ValueError:
            raise invalid("publicKey is not an RSA public key.") from None
        return principal, self._tokens.issue(principal, body["publicKey"], self.token_seconds)

    def _owner(self, certificate: x509.Certificate) -> Principal:
        try:
            certificate.verify_directly_issued_by(self._authority().certificate)
        except (ValueError, TypeError, InvalidSignature):
            raise signatures.refused("the certificate is not of the region's authority") from None
        now = dt.datetime.now(dt.UTC)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise signatures.refused("the certificate is not valid now")
        units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        said = dict(str(unit.value).partition(":")[::2] for unit in units)
        if said.get("opc-tenant") != TENANCY_ID or "opc-instance" not in said:
            raise signatures.refused("the certificate is of no instance of the tenancy")
        return instance(said["opc-instance"], said.get("opc-compartment", ""))


def _body(request: signatures.Request) -> dict[str, Any]:
    body = bodies.parse(request.content)
    if not isinstance(body, dict):
        raise invalid("The request's body is not an object.")
    for name in ("certificate", "publicKey"):
        if not isinstance(body.get(name), str):
            raise missing(name)
    return body


def _certificate(text: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(base64.b64decode(text))
    except ValueError:
        raise invalid("certificate is not the base64 of a certificate.") from None


def _check_signature(request: signatures.Request, certificate: x509.Certificate) -> None:
    parts = signatures.signature_parts(request)
    tenancy, _, rest = parts.get("keyId", "").partition("/")
    scheme, _, fingerprint = rest.partition("/")
    if tenancy != TENANCY_ID or scheme not in _HASHES:
        raise signatures.refused(f"keyId {parts.get('keyId')}")
    if fingerprint.replace(":", "").lower() != certificate.fingerprint(_HASHES[scheme]()).hex():
        raise signatures.refused("the fingerprint is not the certificate's")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise signatures.refused("not an RSA key")
    signatures.verify(request, parts, key, {"(request-target)", "content-length", "content-type", "x-content-sha256"})


__all__ = ["Federation", "Identity"]
