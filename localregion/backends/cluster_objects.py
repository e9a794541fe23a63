# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that every cluster of OKE has: roles, bindings, the Service of its DNS, the port of workload identity."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx

from localregion.host.kubernetes_client import KubeClient, KubeError

log = logging.getLogger(__name__)

WORKLOAD_PORT = 12250
WORKLOAD_PORT_NAME = "proxymux"
"""As OCI's SDKs call what answers there."""
MANAGERS_GROUP = "oke:cluster-managers"
"""Group of the users whom a policy lets manage the cluster; cluster-admin."""
NODES_GROUP = "oke:virtual-nodes"


async def make_objects(client: KubeClient, dns_address: str) -> None:
    """Apply what every cluster of OKE has. Raises KubeError or httpx.HTTPError after two minutes."""
    deadline = asyncio.get_running_loop().time() + 120.0
    for path, document in cluster_objects(dns_address):
        while True:
            try:
                await client.apply(path, document)
                break
            except (KubeError, httpx.HTTPError):
                # The first seconds of an API server: namespaces and default roles are still being made.
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.2)


async def keep_workload_port(client: KubeClient) -> None:
    """The Service `kubernetes` leads to port 12250 too: SDKs look for workload identity at KUBERNETES_SERVICE_HOST.

    kube-apiserver writes that Service and its endpoints itself. It leaves further ports alone, but writes the
    endpoints again after a restart.
    """
    port = {"name": WORKLOAD_PORT_NAME, "port": WORKLOAD_PORT, "protocol": "TCP"}
    service = "/api/v1/namespaces/default/services/kubernetes"
    endpoints = "/api/v1/namespaces/default/endpoints/kubernetes"
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
    pause = 0.2
    while True:
        try:
            found = await client.get(service)
            if found is not None and _lacks(found["spec"]["ports"]):
                ports = [*found["spec"]["ports"], port | {"targetPort": WORKLOAD_PORT}]
                await client.merge(service, {"spec": {"ports": ports}})
            found = await client.get(endpoints)
            if found is not None and found.get("subsets") and _lacks(found["subsets"][0]["ports"]):
                subset = found["subsets"][0]
                subset["ports"].append(port)
                version = found["metadata"]["resourceVersion"]
                await client.merge(endpoints, {"metadata": {"resourceVersion": version}, "subsets": [subset]})
            found = await client.get(slices)
            if found is not None and _lacks(found["ports"]):
                await client.merge(slices, {"ports": [*found["ports"], port]})
        except (KubeError, httpx.HTTPError, OSError) as error:
            log.debug("port %d of the Service kubernetes: %s", WORKLOAD_PORT, error)
        except Exception:  # goes on: pods would have no identity after the API server's next start
            log.exception("port %d of the Service kubernetes", WORKLOAD_PORT)
        await asyncio.sleep(pause)
        # The API server writes its endpoints in its first seconds, and looks at them every ten.
        pause = min(5.0, pause * 1.3)


def _lacks(ports: list[dict[str, Any]]) -> bool:
    return all(port["port"] != WORKLOAD_PORT for port in ports)


def _role(name: str, rules: list[dict[str, Any]], subject: dict[str, str]) -> list[tuple[str, dict[str, Any]]]:
    base = "/apis/rbac.authorization.k8s.io/v1"
    group = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    return [(f"{base}/clusterroles/{name}", role), _binding(name, name, subject)]


def _binding(name: str, role: str, subject: dict[str, str]) -> tuple[str, dict[str, Any]]:
    group = "rbac.authorization.k8s.io"
    return (
        f"/apis/{group}/v1/clusterrolebindings/{name}",
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": group, **subject}],
        },
    )


def cluster_objects(dns_address: str) -> list[tuple[str, dict[str, Any]]]:
    """The objects that every cluster of OKE has, with their paths."""
    read = ["get", "list", "watch"]
    every = [*read, "create", "update", "patch", "delete"]
    nodes = [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": every},
        {"apiGroups": [""], "resources": ["nodes/status", "pods/status"], "verbs": ["get", "update", "patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": [*read, "delete", "patch"]},
        {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets", "configmaps", "services", "serviceaccounts"], "verbs": read},
        {"apiGroups": [""], "resources": ["persistentvolumeclaims", "persistentvolumes", "namespaces"], "verbs": read},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": every},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ]
    dns = [
        {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"},
        },
        "spec": {
            "clusterIP": dns_address,
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
            ],
        },
    }
    return [
        _binding("oke-cluster-managers", "cluster-admin", {"kind": "Group", "name": MANAGERS_GROUP}),
        _binding(
            "oke-kubelet-api", "system:kubelet-api-admin", {"kind": "User", "name": "kube-apiserver-kubelet-client"}
        ),
        *_role("oke:virtual-nodes", nodes, {"kind": "Group", "name": NODES_GROUP}),
        *_role("oke:coredns", dns, {"kind": "User", "name": "oke:coredns"}),
        ("/api/v1/namespaces/kube-system/services/kube-dns", service),
    ]
