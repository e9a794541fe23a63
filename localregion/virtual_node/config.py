# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the process that plays the virtual nodes of one pool.

containerengine (the writer) makes one file for each pool, `<cluster folder>/pools/<pool id>/config.json`, starts
`python -m localregion.virtual_node --config FILE` in the host's network namespace, and sends SIGHUP after each change
of the file: the process then reads it again. The process exits non-zero when it cannot go on; the region restarts it.

What the two sides say to each other beyond this file they say through the Kubernetes API:

* a node is up when its Node object is Ready (the pool's work request waits for it);
* a node whose `state` is `DELETING` is to be drained (evictions, at most `eviction_grace_seconds`, then deletion) and
  its Node object removed; when the object is gone the region takes the node's address away and drops it from the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Taint:
    """One Kubernetes taint."""

    key: str
    effect: str
    value: str = ""


@dataclass(frozen=True)
class VirtualNode:
    """One virtual node of the pool."""

    id: str
    """OCID of the virtual node (`ocid1.virtualnode...`); providerID of the Node."""
    name: str
    """Name of the Node object: its address, as OKE names nodes."""
    display_name: str
    address: str
    """In the node subnet; held by the region's namespace, where kubelet's port answers."""
    availability_domain: str
    fault_domain: str
    subnet_id: str
    state: str = "ACTIVE"
    """ACTIVE or DELETING."""
    eviction_grace_seconds: float = 3600.0


@dataclass(frozen=True)
class Config:
    """Everything one pool's process needs to know."""

    # Who
    cluster_id: str
    pool_id: str
    compartment_id: str
    region: str
    kubernetes_version: str
    """With its leading v: v1.36.1; kubeletVersion of the nodes."""

    # The cluster, seen from the region's namespace
    apiserver: str
    """https://<private address>:6443; dial it from `region_netns`."""
    ca_file: str
    client_certificate: str
    client_key: str
    """User `oke:virtual-nodes:<pool id>`, group `oke:virtual-nodes` (RBAC made by the region)."""
    serving_certificate: str
    serving_key: str
    """For kubelet's port 10250 on every node's address; signed by the cluster's CA."""
    cluster_dns: str
    cluster_domain: str
    service_cidr: str

    # The region
    region_netns: str
    """Name of the region's root network namespace (/var/run/netns/NAME): 10250 is served there."""
    internal_socket: str
    """Unix socket of the daemon's internal HTTP API (services/containerengine/internal_api.py): POST /internal/vnics
    and so on."""
    state_dir: str
    """The pool's own folder (logs, volumes of pods); survives restarts."""
    containers_dir: str
    """Folder of podman's configuration and storage (host/podman.py)."""

    # Pods
    pod_subnet_id: str = ""
    pod_subnet_cidr: str = ""
    pod_nsg_ids: tuple[str, ...] = ()
    shape: str = "Pod.Standard.E4.Flex"
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    nodes: tuple[VirtualNode, ...] = ()
    runtime: str = "podman"
    """podman, or none: pods without containers for density tests."""
    termination_grace_seconds: float = 30.0
    """Between SIGTERM and SIGKILL. A pod's own terminationGracePeriodSeconds is ignored on virtual nodes."""

    @property
    def source(self) -> str | None:
        """The source address of calls to the API server: that of a node which stays, if there is one."""
        staying = sorted(self.nodes, key=lambda node: node.state != "ACTIVE")
        return staying[0].address if staying and self.region_netns else None

    @classmethod
    def load(cls, path: Path) -> Config:
        """Read the file; raises TypeError or ValueError if it is not one of ours."""
        return cls.from_dict(json.loads(path.read_text()))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Config:
        known = dict(data)
        known["pod_nsg_ids"] = tuple(known.get("pod_nsg_ids", ()))
        known["taints"] = tuple(Taint(**taint) for taint in known.get("taints", ()))
        known["nodes"] = tuple(VirtualNode(**node) for node in known.get("nodes", ()))
        return cls(**known)

    def save(self, path: Path) -> None:
        """Write atomically, readable by the owner only."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(asdict(self), indent=1))
        temporary.replace(path)
