# SPDX-License-Identifier: GPL-3.0-or-later
"""Node objects of virtual nodes: what they report. Pure.

Source of labels and annotation: Oracle's pages on virtual nodes and the OCI cloud controller manager. The sizes beyond
the 1,000 pods are not documented: a pod is a container instance of its own, so a node holds what its pods ask for.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

from localregion.virtual_node.config import Config, Taint, VirtualNode
from localregion.virtual_node.pods import timestamp

Json = dict[str, Any]

KUBELET_PORT = 10250
LEASE_SECONDS = 40
POOL_ANNOTATION = "oci.oraclecloud.com/virtual-node-pool-id"
CAPACITY = {"cpu": "16k", "memory": "64Ti", "ephemeral-storage": "15000Gi", "pods": "1000"}
# Taints that the control plane sets and takes away, and that we never touch.
_FOREIGN_TAINTS = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")


def architecture(shape: str) -> str:
    """What `kubernetes.io/arch` says for pods of a shape: what this machine can run, whatever the shape's own."""
    del shape
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def labels(config: Config, node: VirtualNode) -> dict[str, str]:
    """The node's labels: OKE's, and the pool's initial ones where those do not contradict them."""
    # As everywhere in OKE, the zone is the availability domain without its tenancy prefix.
    zone = node.availability_domain.rpartition(":")[2]
    arch = architecture(config.shape)
    return dict(config.labels) | {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": arch,
        "node-role.kubernetes.io/virtual-node": "",
        "oci.oraclecloud.com/fault-domain": node.fault_domain,
        "topology.kubernetes.io/zone": zone,
        "topology.kubernetes.io/region": config.region,
        "failure-domain.beta.kubernetes.io/zone": zone,
        "failure-domain.beta.kubernetes.io/region": config.region,
        "displayName": node.display_name,
    }


def manifest(config: Config, node: VirtualNode) -> Json:
    """What the region owns of a Node, for a server-side apply: a label that leaves the pool leaves the node."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "labels": labels(config, node),
            "annotations": {POOL_ANNOTATION: config.pool_id},
        },
        "spec": {"providerID": node.id},
    }


def taints(current: Sequence[Json], applied: Sequence[Json], wanted: Sequence[Taint]) -> list[Json]:
    """The node's taints: the pool's (not those it had before), and what the control plane and people set."""
    ours = [{"key": t.key, "effect": t.effect, **({"value": t.value} if t.value else {})} for t in wanted]
    identities = {(t["key"], t["effect"]) for t in ours}
    before = {(t["key"], t["effect"]) for t in applied if not t["key"].startswith(_FOREIGN_TAINTS)}
    kept = [t for t in current if (t["key"], t["effect"]) not in identities | before]
    return kept + ours


def status(config: Config, node: VirtualNode, now: float, old: Json | None) -> Json:
    """The node's status, Ready; conditions keep the moment of their last change."""
    since = {c["type"]: c for c in (old or {}).get("conditions") or ()}
    conditions = []
    for kind, value, reason, message in (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("NetworkUnavailable", "False", "RouteCreated", "the VCN's own network"),
        ("Ready", "True", "KubeletReady", "virtual node is ready"),
    ):
        before = since.get(kind)
        changed = before["lastTransitionTime"] if before and before["status"] == value else timestamp(now)
        conditions.append(
            {
                "type": kind,
                "status": value,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": timestamp(now),
                "lastTransitionTime": changed,
            }
        )
    return {
        "capacity": CAPACITY,
        "allocatable": CAPACITY,
        "conditions": conditions,
        "addresses": [{"type": "InternalIP", "address": node.address}, {"type": "Hostname", "address": node.name}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
        "nodeInfo": {
            "architecture": architecture(config.shape),
            "operatingSystem": "linux",
            "kubeletVersion": config.kubernetes_version,
            "kubeProxyVersion": "",
            "containerRuntimeVersion": "podman://" if config.runtime == "podman" else "none://",
            "osImage": "virtual node of a local region",
            "kernelVersion": platform.release(),
            "machineID": node.id,
            "systemUUID": node.id,
            "bootID": "",
        },
    }


def lease(node: VirtualNode, now: float) -> Json:
    """The node's heartbeat."""
    import datetime as dt

    at = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": node.name, "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": node.name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": at},
    }
