"""The operator's own files: an OCI configuration that any client can use, its API key, and the registry's token."""

from __future__ import annotations

import os
import secrets
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localregion import settings as names
from localregion.access.signatures import fingerprint
from localregion.host.pki import key_pem, new_key, public_key_pem, write_private

if TYPE_CHECKING:
    from localregion.services.identity.service import Identity
    from localregion.settings import Settings

_CONFIG = """[DEFAULT]
user={user}
fingerprint={fingerprint}
tenancy={tenancy}
region={region}
key_file={key_file}
"""

_LABEL = b"OCI_API_KEY\n"
"""The line that the OCI CLI wants at the end of a key's file; it warns without."""


_SESSION = """[DEFAULT]
fingerprint=session
tenancy={tenancy}
region={region}
key_file={key_file}
security_token_file={token_file}
"""


def write_session(folder: Path, issue: Callable[[str], str]) -> Path:
    """A configuration with a session token in `folder`, its path; `issue` gives the token for a public key (PEM)."""
    key = new_key("rsa")
    write_private(folder / "session_key.pem", key_pem(key) + _LABEL)
    write_private(folder / "session_token", issue(public_key_pem(key).decode()))
    values = {
        "tenancy": names.TENANCY_ID,
        "region": names.REGION,
        "key_file": folder / "session_key.pem",
        "token_file": folder / "session_token",
    }
    write_private(folder / "config", _SESSION.format(**values))
    return folder / "config"


def write_operator(settings: Settings, identity: Identity) -> None:
    """Make what is missing of the operator's files, and put the key on the operator's user."""
    folder = settings.operator_dir
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key_file, token_file = folder / "key.pem", folder / "auth_token"
    if not key_file.exists():
        write_private(key_file, key_pem(new_key("rsa")) + _LABEL)
    if not token_file.exists():
        write_private(token_file, secrets.token_urlsafe(24))
    key = serialization.load_pem_private_key(key_file.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{key_file} is not an RSA key")
    identity.users.register_key(names.OPERATOR_ID, public_key_pem(key).decode())
    values = {
        "user": names.OPERATOR_ID, "fingerprint": fingerprint(key.public_key()), "tenancy": names.TENANCY_ID,
        "region": names.REGION, "key_file": key_file,
    }  # fmt: skip
    write_private(folder / "config", _CONFIG.format(**values))


_MACHINE_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)  # fmt: skip


def write_bundle(settings: Settings) -> Path:
    """What clients of the region trust, in one file: the certificates that this person's programs trust already
    (SSL_CERT_FILE, else the machine's) and the region's own. Its path."""
    own = (settings.state / "ca.pem").read_text()
    given = os.environ.get("SSL_CERT_FILE", "")
    places = [given, ssl.get_default_verify_paths().cafile or "", *_MACHINE_BUNDLES]
    trusted = ""
    for place in places:
        # A bundle of a region's own is what this made for another shell.
        if place and Path(place).name != settings.bundle.name and Path(place).is_file():
            trusted = Path(place).read_text(errors="replace").rstrip("\n") + "\n"
            break
    text = trusted + own
    if not settings.bundle.exists() or settings.bundle.read_text(errors="replace") != text:
        write_private(settings.bundle, text)
    return settings.bundle
