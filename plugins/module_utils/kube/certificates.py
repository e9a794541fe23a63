# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Self-signed server certificates, made and judged in memory."""

from __future__ import annotations

import datetime
import ipaddress
import re
from dataclasses import dataclass

from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:  # comes with oci; absent only where imports are checked
    x509 = None  # type: ignore[assignment]
    UnsupportedAlgorithm = ValueError  # type: ignore[assignment,misc]

MOST_DAYS = 36500
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


@dataclass(frozen=True)
class Wanted:
    """What a certificate is for."""

    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    valid_days: int
    renew_before_days: int

    def check(self) -> None:
        """:raises KubeError: no name at all, an invalid address, times that make no sense."""
        problems = []
        if not self.dns_names and not self.ip_addresses:
            problems.append("a certificate needs dns_names or ip_addresses")
        for text in self.ip_addresses:
            try:
                ipaddress.ip_address(text)
            except ValueError:
                problems.append(f"ip_addresses: {text!r} is not an address")
        for text in self.dns_names:
            labels = text.removeprefix("*.").removesuffix(".").split(".")
            if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
                problems.append(f"dns_names: {text!r} is not a DNS name")
        if self.valid_days > MOST_DAYS:
            problems.append(f"valid_days ({self.valid_days}) must be at most {MOST_DAYS}")
        if self.valid_days < 1 or self.renew_before_days < 0 or self.renew_before_days >= self.valid_days:
            problems.append(f"valid_days ({self.valid_days}) must exceed renew_before_days ({self.renew_before_days})")
        if problems:
            raise KubeError("; ".join(problems))


def end_of_certificate(pem: str) -> float | None:
    """When a certificate ends, in seconds since the epoch; None where the text cannot be read as one."""
    if x509 is None:
        return None
    try:
        return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp()
    except ValueError:
        return None


def make(wanted: Wanted, now: datetime.datetime) -> tuple[str, str]:
    """A certificate that is its own authority, and its key (P-256); both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    common = (wanted.dns_names or wanted.ip_addresses)[0][:64]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    others: list[x509.GeneralName] = [x509.DNSName(text) for text in wanted.dns_names]
    others += [x509.IPAddress(ipaddress.ip_address(text)) for text in wanted.ip_addresses]
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=wanted.valid_days))
        .add_extension(x509.SubjectAlternativeName(others), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


def unfit(certificate: str, key: str, wanted: Wanted, now: datetime.datetime) -> str:
    """Why a certificate and key do not serve what is wanted; empty where they do."""
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return "it cannot be read"
    if not matches(certificate, key):
        return "its key is another one's"
    if set(names.get_values_for_type(x509.DNSName)) != set(wanted.dns_names):
        return "its DNS names differ"
    addresses = {ipaddress.ip_address(text) for text in wanted.ip_addresses}
    if set(names.get_values_for_type(x509.IPAddress)) != addresses:
        return "its addresses differ"
    if _until(found) - now < datetime.timedelta(days=wanted.renew_before_days):
        return f"it ends on {_until(found):%Y-%m-%d}"
    return ""


def matches(certificate: str, key: str) -> bool:
    """Whether a key is that of the (first) certificate."""
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
        private = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return found.public_key().public_bytes(*form) == private.public_key().public_bytes(*form)


def describe(certificate: str) -> dict[str, object]:
    """What may be shown of a (first) certificate: names, end, fingerprint."""
    found = x509.load_pem_x509_certificate(certificate.encode())
    names: list[str] = []
    try:
        others = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [*others.get_values_for_type(x509.DNSName), *map(str, others.get_values_for_type(x509.IPAddress))]
    except x509.ExtensionNotFound:
        pass
    return {
        "fingerprint": found.fingerprint(hashes.SHA256()).hex(),
        "names": names,
        "not_after": _until(found).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _until(certificate: x509.Certificate) -> datetime.datetime:
    end: datetime.datetime = certificate.not_valid_after_utc
    return end
