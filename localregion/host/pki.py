"""Certificates of the local region: one authority for a folder, leaf certificates for servers and clients.

Keys are EC P-256 (fast to make: 1 ms), files are PEM. Private keys are written 0600 before they hold anything.
Blocking but quick; safe to call from the event loop.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

__all__ = ["Authority", "Leaf", "certificate_matches_key", "key_pem", "new_key", "public_key_pem", "write_private"]

# A clock that is a little behind the region's must still accept a new certificate.
_SKEW = dt.timedelta(minutes=10)


def write_private(path: Path, data: bytes | str) -> None:
    """Write a file that only its owner can read, replacing an older one in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
    new.replace(path)


def new_key(kind: str = "ec") -> PrivateKey:
    """A new private key: `ec` (P-256) or `rsa` (2048 bits)."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    raise ValueError(f"unknown kind of key: {kind}")


def key_pem(key: PrivateKey) -> bytes:
    """The private key as unencrypted PKCS#8 PEM (EC keys too: every reader here takes it)."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_key_pem(key: PrivateKey) -> bytes:
    """The public half as SubjectPublicKeyInfo PEM."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    result: list[x509.GeneralName] = []
    for name in names:
        try:
            result.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            result.append(x509.DNSName(name))
    return result


def certificate_matches_key(certificate_pem: bytes | str, private_key_pem: bytes | str) -> bool:
    """Whether a certificate belongs to a private key. Raises ValueError when either is not readable PEM."""
    certificate = x509.load_pem_x509_certificate(_bytes(certificate_pem))
    key = serialization.load_pem_private_key(_bytes(private_key_pem), password=None)
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return certificate.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate and its key, as files. `bundle` holds both in one file (HAProxy's form), when written."""

    certificate: Path
    key: Path

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.read_bytes()

    @property
    def key_pem(self) -> bytes:
        return self.key.read_bytes()


@dataclass(frozen=True)
class Authority:
    """A certificate authority: signs, and its certificate is what clients trust.

    `Authority.load_or_create(folder, name)` keeps `<folder>/<file>.pem` (world-readable) and `<folder>/<file>-key.pem`
    (0600). The region's own lies at `<state>/ca.pem`; each cluster may have one of its own.
    """

    certificate_path: Path
    key_path: Path
    certificate: x509.Certificate
    key: PrivateKey

    @classmethod
    def load_or_create(cls, folder: Path, common_name: str, *, file: str = "ca", days: int = 3650) -> Authority:
        """The authority of a folder; made on the first call."""
        certificate_path, key_path = folder / f"{file}.pem", folder / f"{file}-key.pem"
        if not (certificate_path.exists() and key_path.exists()):
            key = new_key()
            now = dt.datetime.now(dt.UTC)
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
            certificate = (
                x509.CertificateBuilder()
                .subject_name(name)
                .issuer_name(name)
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - _SKEW)
                .not_valid_after(now + dt.timedelta(days=days))
                .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                .add_extension(_key_usage(authority=True), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                .sign(key, hashes.SHA256())
            )
            # The key first: after a crash a certificate without its key would look complete.
            write_private(key_path, key_pem(key))
            certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
            certificate_path.chmod(0o644)
        loaded = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
        if not isinstance(loaded, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
            raise ValueError(f"{key_path} is neither an EC nor an RSA key")
        return cls(certificate_path, key_path, x509.load_pem_x509_certificate(certificate_path.read_bytes()), loaded)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(
        self,
        key: PrivateKey,
        common_name: str,
        *,
        names: Sequence[str] = (),
        organizations: Sequence[str] = (),
        units: Sequence[str] = (),
        server: bool = True,
        client: bool = False,
        days: int = 825,
    ) -> bytes:
        """A certificate (PEM) for a key. `names`: DNS names (wildcards too) and IP addresses; `organizations` and
        `units`: O= (Kubernetes' groups) and OU= of the subject."""
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, value) for value in organizations]
        subject += [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, value) for value in units]
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]))
        uses = [ExtendedKeyUsageOID.SERVER_AUTH] * server + [ExtendedKeyUsageOID.CLIENT_AUTH] * client
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if uses:
            builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        folder: Path,
        file: str,
        *,
        common_name: str,
        names: Sequence[str] = (),
        organizations: Sequence[str] = (),
        server: bool = True,
        client: bool = False,
        days: int = 825,
    ) -> Leaf:
        """`<folder>/<file>.pem` and `<folder>/<file>-key.pem` (0600): kept while they still fit what is asked (same
        authority, subject and names, a week left), else made new. The folder is made when missing."""
        leaf = Leaf(folder / f"{file}.pem", folder / f"{file}-key.pem")
        if self._fits(leaf, common_name, names, organizations):
            return leaf
        folder.mkdir(parents=True, exist_ok=True)
        key = new_key()
        write_private(leaf.key, key_pem(key))
        leaf.certificate.write_bytes(
            self.sign(
                key,
                common_name,
                names=names,
                organizations=organizations,
                server=server,
                client=client,
                days=days,
            )
        )
        return leaf

    def _fits(self, leaf: Leaf, common_name: str, names: Sequence[str], organizations: Sequence[str]) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(leaf.certificate.read_bytes())
            if not certificate_matches_key(leaf.certificate_pem, leaf.key_pem):
                return False
            certificate.verify_directly_issued_by(self.certificate)
        except Exception:  # unreadable or of another authority: make a new one
            return False
        week = dt.timedelta(days=7)
        if certificate.not_valid_after_utc - dt.datetime.now(dt.UTC) < week:
            return False
        subject = certificate.subject
        if [a.value for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] != [common_name[:64]]:
            return False
        if [a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] != list(organizations):
            return False
        try:
            present = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            present = []
        return present == _general_names(names)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
