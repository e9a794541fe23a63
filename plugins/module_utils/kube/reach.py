# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a task's options to a client of the cluster's API: by the cluster's OCID, or by a kubeconfig."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.model import is_unknown
from ansible_collections.okestack.oci.plugins.module_utils.run import Context

from .client import Client
from .config import Connection, from_kubeconfig, read_kubeconfig
from .errors import KubeError
from .oke_token import make_token

ENDPOINT_KINDS = ["PUBLIC_ENDPOINT", "PRIVATE_ENDPOINT", "VCN_HOSTNAME"]

CLUSTER_OPTIONS: dict[str, dict[str, Any]] = {
    "cluster_id": {"type": "str"},
    "endpoint_kind": {"type": "str", "choices": ENDPOINT_KINDS, "default": "PUBLIC_ENDPOINT"},
    "cluster_endpoint": {"type": "str"},
    "cluster_proxy_url": {"type": "str"},
    "cluster_ca_file": {"type": "path"},
    "tls_server_name": {"type": "str"},
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
}
"""Options of every task that speaks to a cluster."""

CLUSTER_CONSTRAINTS: dict[str, Any] = {
    "required_one_of": [("cluster_id", "kubeconfig")],
    "mutually_exclusive": [("cluster_id", "kubeconfig")],
}


def client_for(params: Mapping[str, Any], context: Context) -> Client | None:
    """The client; None where the cluster, or the kubeconfig's file, is only planned (check mode).

    :raises KubeError: the options do not lead to a cluster.
    """
    if context.check_mode and is_unknown(params.get("cluster_id")):
        return None
    if params.get("kubeconfig"):
        if context.check_mode and (is_unknown(params["kubeconfig"]) or not Path(params["kubeconfig"]).is_file()):
            return None
        connection = read_kubeconfig(params["kubeconfig"], params.get("context"))
    else:
        connection = cluster_connection(params, context)
    return Client(adjusted(connection, params), retry_timeout=60.0)


def cluster_connection(params: Mapping[str, Any], context: Context) -> Connection:
    """The cluster's address and authority from the service (one call), tokens signed here by the session's key."""
    session, cluster_id = context.session, params["cluster_id"]
    client = session.client("container_engine.ContainerEngineClient")
    # Wire names: a plain dict is sent as it is.
    details = {"tokenVersion": "2.0.0", "endpoint": params.get("endpoint_kind") or "PUBLIC_ENDPOINT"}
    answer = session.call(client, "create_kubeconfig", cluster_id, create_cluster_kubeconfig_content_details=details)
    connection = from_kubeconfig(answer.data.text, use_exec=False)
    return dataclasses.replace(connection, token=lambda: make_token(session.signer, session.region, cluster_id))


def adjusted(connection: Connection, params: Mapping[str, Any]) -> Connection:
    """With what the task says about the way to the server: a tunnel, a proxy, another authority."""
    changes: dict[str, Any] = {}
    if params.get("cluster_endpoint"):
        changes["server"] = params["cluster_endpoint"].rstrip("/")
    if params.get("cluster_proxy_url"):
        changes["proxy_url"] = params["cluster_proxy_url"]
    if params.get("tls_server_name"):
        changes["tls_server_name"] = params["tls_server_name"]
    if params.get("cluster_ca_file"):
        try:
            changes["ca"] = Path(params["cluster_ca_file"]).read_text()
        except OSError as error:
            raise KubeError(f"cluster_ca_file {params['cluster_ca_file']}: {error.strerror}") from None
    return dataclasses.replace(connection, **changes)
