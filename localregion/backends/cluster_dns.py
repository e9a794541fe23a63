# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's DNS: what CoreDNS serves, and how the Service kube-dns leads to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from localregion.backends.cluster_flags import CLUSTER_DOMAIN

VCN_RESOLVER = "169.254.169.254"
SLICE = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns-oke"


def corefile(address: str, kubeconfig: Path) -> str:
    """CoreDNS's configuration at an address of the pod subnet."""
    return f""".:53 {{
    bind {address}
    errors
    health 127.0.0.1:8080
    kubernetes {CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    forward . {VCN_RESOLVER}
    cache 30
    loop
    loadbalance
}}
"""


def endpoint_slice(address: str) -> dict[str, Any]:
    """Leads kube-dns to an address."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns-oke",
            "namespace": "kube-system",
            "labels": {
                "kubernetes.io/service-name": "kube-dns",
                "endpointslice.kubernetes.io/managed-by": "oke",
            },
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        ],
    }
