# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a task's options to a client of the cluster's API: by the cluster's OCID, or by a kubeconfig."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.model import is_name, is_unknown
from ansible_collections.okestack.oci.plugins.module_utils.run import Context

from .client import Client
from .config import Connection, from_kubeconfig, read_kubeconfig
from .oke_token import make_token

ENDPOINT_KINDS = ["PUBLIC_ENDPOINT", "PRIVATE_ENDPOINT", "VCN_HOSTNAME"]

WAY_OPTIONS: dict[str, dict[str, Any]] = {
    "cluster_id": {"type": "str"},
    "endpoint_kind": {"type": "str", "choices": ENDPOINT_KINDS, "default": "PUBLIC_ENDPOINT"},
    "cluster_endpoint": {"type": "str"},
    "cluster_proxy_url": {"type": "str"},
    "cluster_ca_file": {"type": "path"},
    "cluster_ca_certificate": {"type": "str"},
    "tls_server_name": {"type": "str"},
}
"""The way to a cluster by its OCID."""

_KNOWN = ("cluster_id", "cluster_endpoint", "cluster_ca_certificate", "cluster_proxy_url", "tls_server_name")
CLUSTER_OPTIONS: dict[str, dict[str, Any]] = {
    **WAY_OPTIONS,
    "access": {
        "type": "dict",
        "options": {**{name: WAY_OPTIONS[name] for name in _KNOWN}, "cluster_id": {"type": "str", "required": True}},
    },
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
}
"""Options of every task that speaks to a cluster."""

WAY_CONSTRAINTS: dict[str, Any] = {"mutually_exclusive": [("cluster_ca_file", "cluster_ca_certificate")]}
CLUSTER_CONSTRAINTS: dict[str, Any] = {
    "required_one_of": [("cluster_id", "access", "kubeconfig")],
    "mutually_exclusive": [("cluster_id", "access", "kubeconfig"), *WAY_CONSTRAINTS["mutually_exclusive"]],
}


RETRY_TIMEOUT = 60.0
"""Seconds for which a request is repeated, unless the option of that name says less."""


class _Token:
    """A token of the cluster: signed here, and again long before it expires. The server asks the cloud about each."""

    KEPT = 60.0
    """Seconds; the server takes one for minutes."""

    def __init__(self, sign: Callable[[], str]) -> None:
        self._sign = sign
        self._lock = threading.Lock()
        self._text = ""
        self._until = 0.0

    def __call__(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                self._text, self._until = self._sign(), time.monotonic() + self.KEPT
            return self._text


def _hidden(token: Callable[[], str], context: Context) -> Callable[[], str]:
    """Tokens that nobody sees: a server's answer may repeat what it was sent."""

    def bearer_token() -> str:
        text = token()
        context.secrets.add(text)
        return text

    return bearer_token


def client_for(params: Mapping[str, Any], context: Context) -> Client | None:
    """The client; None where the cluster, or the kubeconfig's file, is only planned (check mode).

    :raises KubeError: the options do not lead to a cluster.
    """
    params = {**params, **{name: value for name, value in (params.get("access") or {}).items() if value is not None}}
    if context.check_mode and any(is_unknown(params.get(name)) for name in _KNOWN):
        return None
    if params.get("kubeconfig"):
        there = os.path.isfile(params["kubeconfig"])  # noqa: PTH113 - False too for what cannot be a path
        if context.check_mode and (is_unknown(params["kubeconfig"]) or not there):
            return None
        connection = adjusted(read_kubeconfig(params["kubeconfig"], params.get("context")), params)
    else:
        connection = cluster_connection(params, context)
    context.secrets |= connection.secrets
    if connection.token:
        connection = dataclasses.replace(connection, token=_hidden(connection.token, context))
    who = (params.get("kubeconfig"), params.get("context"), dataclasses.astuple(context.connection.sign_in))
    return Client(connection, retry_timeout=min(RETRY_TIMEOUT, context.connection.retry_timeout), who=who)


def cluster_connection(params: Mapping[str, Any], context: Context) -> Connection:
    """The cluster's address and authority, tokens signed here by the session's key.

    What the task does not say of the two is asked of the service (one call); nothing where it says both.
    """
    session, cluster_id = context.session, params["cluster_id"]
    if is_name(cluster_id):
        raise KubeError(f"cluster_id: {cluster_id!r} is not an OCID of a cluster")
    if params.get("cluster_endpoint") and (params.get("cluster_ca_certificate") or params.get("cluster_ca_file")):
        connection = Connection(server=params["cluster_endpoint"])
    else:
        answer = described(session, params)
        connection = from_kubeconfig(answer.data.text, use_exec=False)
    token = _Token(lambda: make_token(session.signer, session.region, cluster_id))
    return adjusted(dataclasses.replace(connection, token=token), params)


def described(session: Session, params: Mapping[str, Any]) -> Any:
    """The service's answer about the way to a cluster (CreateKubeconfig, which makes nothing)."""
    client = session.client("container_engine.ContainerEngineClient")
    # Wire names: a plain dict is sent as it is.
    details = {"tokenVersion": "2.0.0", "endpoint": params.get("endpoint_kind") or "PUBLIC_ENDPOINT"}
    return session.look().call(
        client, "create_kubeconfig", params["cluster_id"], create_cluster_kubeconfig_content_details=details
    )


def access_of(cluster_id: str, connection: Connection) -> dict[str, str]:
    """A connection as the option ``access`` of the tasks that follow: all of it is public."""
    way = {
        "cluster_id": cluster_id,
        "cluster_endpoint": connection.server,
        "cluster_ca_certificate": connection.ca,
        "cluster_proxy_url": connection.proxy_url,
        "tls_server_name": connection.tls_server_name,
    }
    return {name: value for name, value in way.items() if value}


def adjusted(connection: Connection, params: Mapping[str, Any]) -> Connection:
    """With what the task says about the way to the server: a tunnel, a proxy, another authority."""
    changes: dict[str, Any] = {}
    if params.get("cluster_endpoint"):
        changes["server"] = params["cluster_endpoint"].rstrip("/")
    if params.get("cluster_proxy_url"):
        changes["proxy_url"] = params["cluster_proxy_url"]
    if params.get("tls_server_name"):
        changes["tls_server_name"] = params["tls_server_name"]
    if params.get("cluster_ca_certificate"):
        changes["ca"] = params["cluster_ca_certificate"]
    elif params.get("cluster_ca_file"):
        try:
            changes["ca"] = Path(params["cluster_ca_file"]).read_text()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not text"
            raise KubeError(f"cluster_ca_file {params['cluster_ca_file']}: {why}") from None
    return dataclasses.replace(connection, **changes)
