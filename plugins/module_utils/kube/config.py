# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach an API server: read from a kubeconfig's text. Knows nothing of who made the text."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.redaction import looks_secret, passwords, shown_url
from ansible_collections.okestack.oci.plugins.module_utils.tokens import end_of, has_ended, time_text

from .certificates import end_of_certificate
from .documents import load_all


@dataclass(frozen=True)
class Connection:
    """Where an API server is and how it is spoken to."""

    server: str
    """https://host:port"""
    ca: str | None = None
    """PEM text of the authority that signed the server's certificate; the system's authorities when None."""
    token: Callable[[], str] | None = None
    """Asked before each request: tokens of some providers live only minutes."""
    client_certificate: str | None = None
    client_key: str | None = None
    """PEM texts."""
    proxy_url: str | None = None
    tls_server_name: str | None = None
    verify: bool = True
    namespace: str = "default"
    hidden: frozenset[str] = frozenset()
    """What else of it nobody may see: a helper's variables that have the name of a secret."""

    @property
    def secrets(self) -> set[str]:
        """What of it nobody may see. Whoever asks for a token hides it."""
        return {*self.hidden, *passwords(self.proxy_url), *passwords(self.server), self.client_key or ""} - {""}


def load_yaml(text: str, source: str) -> Any:
    """The first YAML document; None of an empty text. Raises KubeError."""
    return next(iter(load_all(text, source)), None)


def from_kubeconfig(
    text: str, context: str | None = None, folder: Path | None = None, use_exec: bool = True
) -> Connection:
    """The connection of a kubeconfig's current (or the named) context.

    :param folder: relative paths in the file start here.
    :param use_exec: whether the user's exec helper is to be called for tokens.
    :raises KubeError: not a kubeconfig, no such context, or a way of authenticating that we do not know.
    """
    document = load_yaml(text, "the kubeconfig")
    if not isinstance(document, Mapping) or not document.get("clusters"):
        raise KubeError("the kubeconfig has no clusters")
    name = context or document.get("current-context")
    if not name:
        raise KubeError("the kubeconfig has no current-context: set the option context")
    entry = _named(document, "contexts", "context", name)
    cluster = _named(document, "clusters", "cluster", entry.get("cluster"))
    user = _named(document, "users", "user", entry.get("user")) if entry.get("user") else {}
    if not cluster.get("server"):
        raise KubeError(f"cluster {entry.get('cluster')} of the kubeconfig has no server")
    for what, row in (("cluster", cluster), ("context", entry), ("user", user)):
        for key, value in row.items():
            if key in _TEXTS and value is not None and not isinstance(value, str):
                raise KubeError(f"{key} of the kubeconfig's {what} is not text")
    return Connection(
        server=cluster["server"].rstrip("/"),
        ca=_text(cluster, "certificate-authority", folder),
        token=_token(user, folder) if use_exec else None,
        client_certificate=_text(user, "client-certificate", folder),
        client_key=_text(user, "client-key", folder),
        proxy_url=cluster.get("proxy-url"),
        tls_server_name=cluster.get("tls-server-name"),
        verify=not cluster.get("insecure-skip-tls-verify", False),
        namespace=entry.get("namespace") or "default",
        hidden=frozenset(_variables(user)),
    )


_TEXTS = [
    "server",
    "certificate-authority",
    "certificate-authority-data",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "proxy-url",
    "tls-server-name",
    "namespace",
    "tokenFile",
]


def problems_of(connection: Connection) -> Iterator[str]:
    """What of a connection cannot be used, before it is tried for a minute."""
    for what, url in (("server", connection.server), ("proxy", connection.proxy_url)):
        if url is None:
            continue
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and url.isprintable()
        except ValueError:
            good = False
        if not good or " " in url:
            yield f"{shown_url(url)!r} is not a URL of a {what}: https://HOST:PORT"
    if connection.tls_server_name and not connection.tls_server_name.isascii():
        yield f"tls_server_name: {connection.tls_server_name!r} is not a name of a server"
    end = end_of_certificate(connection.client_certificate) if connection.client_certificate else None
    if end is not None and end <= time.time():
        yield f"the client certificate of the kubeconfig expired at {time_text(end)}: get a new kubeconfig"


def read_kubeconfig(path: str, context: str | None = None) -> Connection:
    """:raises KubeError: the file cannot be read or is not a kubeconfig."""
    file = Path(path).expanduser()
    try:
        text = file.read_text()
    except (OSError, ValueError) as error:
        raise KubeError(f"kubeconfig {file}: {getattr(error, 'strerror', None) or 'not text'}") from None
    try:
        return from_kubeconfig(text, context, file.parent)
    except KubeError as error:
        raise KubeError(f"{file}: {error}") from None


def _named(document: Mapping[str, Any], section: str, part: str, name: Any) -> Mapping[str, Any]:
    rows = document.get(section) or []
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise KubeError(f"{section} of the kubeconfig is not a list of mappings")
    for entry in rows:
        if entry.get("name") == name:
            found = entry.get(part) or {}
            if not isinstance(found, Mapping):
                raise KubeError(f"{part} {name!r} of the kubeconfig is not a mapping")
            return found
    raise KubeError(f"the kubeconfig has no {part} {name!r}")


def _text(section: Mapping[str, Any], key: str, folder: Path | None) -> str | None:
    if data := section.get(f"{key}-data"):
        try:
            return base64.b64decode(data).decode()
        except ValueError:
            raise KubeError(f"{key}-data of the kubeconfig is not base64 of text") from None
    if path := section.get(key):
        try:
            return ((folder or Path()) / Path(path).expanduser()).read_text()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not text"
            raise KubeError(f"{key} {path} of the kubeconfig: {why}") from None
    return None


def _token(user: Mapping[str, Any], folder: Path | None) -> Callable[[], str] | None:
    if user.get("token"):
        return lambda: _living(str(user["token"]), "the token of the kubeconfig's user")
    if user.get("tokenFile"):
        path = (folder or Path()) / user["tokenFile"]

        def read() -> str:
            try:
                token = path.read_text().strip()
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or "not text"
                raise KubeError(f"tokenFile {path} of the kubeconfig: {why}") from None
            return _living(token, f"the token in {path}, the tokenFile of the kubeconfig,")

        return read
    if user.get("exec"):
        spec = user["exec"]
        words = [spec.get("command"), *_list(spec.get("args"))] if isinstance(spec, Mapping) else [None]
        variables = _list(spec.get("env")) if isinstance(spec, Mapping) else []
        pairs = [
            one.get(key) for row in variables for one in [row if isinstance(row, Mapping) else {}] for key in _PAIR
        ]
        if not words[0] or not all(isinstance(word, str) for word in [*words, *pairs]):
            raise KubeError("exec of the kubeconfig's user is not command, args and env as texts")
        return _Exec(spec)
    if user.get("auth-provider") or user.get("username"):
        raise KubeError("the kubeconfig's user has auth-provider or a password: Kubernetes no longer takes these")
    return None


def _variables(user: Mapping[str, Any]) -> Iterator[str]:
    """Values of an exec helper's variables that have the name of a secret."""
    spec = user.get("exec")
    rows = spec.get("env") if isinstance(spec, Mapping) else None
    for row in rows if isinstance(rows, list) else ():
        if (
            isinstance(row, Mapping)
            and looks_secret(str(row.get("name")).lower())
            and isinstance(row.get("value"), str)
        ):
            yield row["value"]


def _living(token: str, what: str) -> str:
    """A token; the API server would say of one that ended no more than Unauthorized."""
    if has_ended(token):
        raise KubeError(f"{what} expired at {time_text(end_of(token) or 0)}: put a new one there")
    return token


_PAIR = ("name", "value")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [None]


class _Exec:
    """Token of an exec helper (client.authentication.k8s.io), kept until shortly before it ends."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.spec = spec
        self.token = ""
        self.until = 0.0

    def __call__(self) -> str:
        if self.token and time.time() < self.until:
            return self.token
        command = [self.spec["command"], *(self.spec.get("args") or ())]
        environment = dict(os.environ)
        environment.update({pair["name"]: pair["value"] for pair in self.spec.get("env") or ()})
        environment["KUBERNETES_EXEC_INFO"] = json.dumps(
            {
                "apiVersion": self.spec.get("apiVersion", "client.authentication.k8s.io/v1"),
                "kind": "ExecCredential",
                "spec": {"interactive": False},
            }
        )
        try:
            done = subprocess.run(  # pylint: disable=ansible-bad-function
                command, env=environment, capture_output=True, text=True, timeout=60, check=False
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise KubeError(f"the kubeconfig's exec helper {command[0]}: {error}") from None
        if done.returncode:
            raise KubeError(f"the kubeconfig's exec helper {command[0]} ended with {done.returncode}: {done.stderr}")
        try:
            status = json.loads(done.stdout)["status"]
            self.token = status["token"]
        except (ValueError, KeyError, TypeError):
            raise KubeError(f"the kubeconfig's exec helper {command[0]} gave no token") from None
        self.until = time.time() + 60
        return self.token
