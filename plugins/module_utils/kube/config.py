# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach an API server: read from a kubeconfig's text. Knows nothing of who made the text."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import KubeError

try:
    import yaml
except ImportError:  # ansible's own requirement; absent only where imports are checked
    yaml = None  # type: ignore[assignment]


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


def load_yaml(text: str) -> Any:
    """One YAML document; libyaml's loader where it is there (ten times faster)."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def from_kubeconfig(
    text: str, context: str | None = None, folder: Path | None = None, use_exec: bool = True
) -> Connection:
    """The connection of a kubeconfig's current (or the named) context.

    :param folder: relative paths in the file start here.
    :param use_exec: whether the user's exec helper is to be called for tokens.
    :raises KubeError: not a kubeconfig, no such context, or a way of authenticating that we do not know.
    """
    document = load_yaml(text)
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
    )


def read_kubeconfig(path: str, context: str | None = None) -> Connection:
    """:raises KubeError: the file cannot be read or is not a kubeconfig."""
    file = Path(path).expanduser()
    try:
        text = file.read_text()
    except OSError as error:
        raise KubeError(f"kubeconfig {file}: {error.strerror}") from None
    try:
        return from_kubeconfig(text, context, file.parent)
    except yaml.YAMLError:
        raise KubeError(f"kubeconfig {file}: not YAML") from None


def _named(document: Mapping[str, Any], section: str, part: str, name: Any) -> Mapping[str, Any]:
    for entry in document.get(section) or ():
        if entry.get("name") == name:
            return entry.get(part) or {}
    raise KubeError(f"the kubeconfig has no {part} {name!r}")


def _text(section: Mapping[str, Any], key: str, folder: Path | None) -> str | None:
    if data := section.get(f"{key}-data"):
        return base64.b64decode(data).decode()
    if path := section.get(key):
        try:
            return ((folder or Path()) / Path(path).expanduser()).read_text()
        except OSError as error:
            raise KubeError(f"{key} {path} of the kubeconfig: {error.strerror}") from None
    return None


def _token(user: Mapping[str, Any], folder: Path | None) -> Callable[[], str] | None:
    if user.get("token"):
        return lambda: str(user["token"])
    if user.get("tokenFile"):
        path = (folder or Path()) / user["tokenFile"]
        return lambda: path.read_text().strip()
    if user.get("exec"):
        return _Exec(user["exec"])
    if user.get("auth-provider") or user.get("username"):
        raise KubeError("the kubeconfig's user has auth-provider or a password: Kubernetes no longer takes these")
    return None


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
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
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
