"""What the environment says: the database, how far its TLS is trusted, the port.

Every error of the environment is a :class:`ConfigError` whose text names the variable and never shows a secret's value.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TLS_MODES = ("verify-ca", "verify-identity", "required")


class ConfigError(Exception):
    """The environment cannot be used; the text says which variable and what to do."""


@dataclass(frozen=True)
class Secret:
    """A password: held in a file that is read each time it is needed, or given as it is. Its repr shows neither."""

    path: Path | None = field(default=None, repr=False)
    value: str | None = field(default=None, repr=False)

    def read(self) -> str:
        """The password. Raises ConfigError when the file cannot be read or is empty."""
        if self.path is None:
            return self.value or ""
        try:
            # One newline at the end belongs to the file, not to the password.
            text = self.path.read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the password file {self.path}: {type(error).__name__}") from None
        if not text:
            raise ConfigError(f"the password file {self.path} is empty")
        return text


@dataclass(frozen=True)
class Database:
    """Where the database is and as whom to speak to it."""

    host: str
    port: int
    name: str
    user: str
    password: Secret
    tls_mode: str
    ca: Path | None

    def tls(self) -> ssl.SSLContext:
        """The TLS context of every connection: TLS 1.2 or later, the server's certificate checked as tls_mode says."""
        try:
            context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"DB_CA: {self.ca} is not a readable PEM file: {error}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # The server's own certificate in DB_CA pins it: what signed it need not be there.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self.tls_mode != "verify-identity":
            context.check_hostname = False
        if self.tls_mode == "required":
            context.verify_mode = ssl.CERT_NONE
        return context


def secret(env: Mapping[str, str], name: str) -> Secret:
    """The secret of NAME_FILE (preferred) or NAME. Raises ConfigError when neither or both are set."""
    path, value = env.get(f"{name}_FILE", ""), env.get(name, "")
    if path and value:
        raise ConfigError(f"set {name}_FILE or {name}, not both")
    if path:
        return Secret(path=Path(path))
    if value:
        return Secret(value=value)
    raise ConfigError(f"{name}_FILE (or {name}) is not set")


def required(env: Mapping[str, str], name: str) -> str:
    """The variable's value. Raises ConfigError when it is missing or empty."""
    value = env.get(name, "").strip()
    if not value:
        raise ConfigError(f"{name} is not set")
    return value


def number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """The variable as a whole number within low..high."""
    text = env.get(name, "").strip() or str(default)
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ConfigError(f"{name} must be a number from {low} to {high}, not {text!r}")
    return int(text)


def database(env: Mapping[str, str], *, user: str = "DB_USER", password: str = "DB_PASSWORD") -> Database:
    """The database the environment names.

    The connection is always encrypted. Whom it is encrypted to is checked as well unless DB_TLS says `required`:
    `verify-ca` (default) wants a certificate signed by DB_CA, `verify-identity` also the right host name in it.
    """
    mode = env.get("DB_TLS", "").strip() or "verify-ca"
    if mode not in TLS_MODES:
        raise ConfigError(f"DB_TLS must be one of {', '.join(TLS_MODES)}, not {mode!r}")
    ca = env.get("DB_CA", "").strip()
    if mode == "verify-ca" and not ca:
        raise ConfigError(
            "DB_CA is not set: name the PEM file of the database's certificate authority, "
            "or set DB_TLS=required to encrypt without checking the server's certificate"
        )
    if mode == "required" and ca:
        raise ConfigError("DB_TLS=required would ignore DB_CA: unset one of them")
    return Database(
        host=required(env, "DB_HOST"),
        port=number(env, "DB_PORT", 3306, 1, 65535),
        name=required(env, "DB_NAME"),
        user=required(env, user),
        password=secret(env, password),
        tls_mode=mode,
        ca=Path(ca) if ca else None,
    )
