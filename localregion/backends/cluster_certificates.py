# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates and kubeconfigs of one cluster's parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from localregion.host.pki import Authority, Leaf, key_pem, new_key, public_key_pem, write_private


class ClusterCertificates:
    """What a cluster's authority has signed, in a folder."""

    def __init__(self, cluster_id: str, folder: Path) -> None:
        self._cluster_id = cluster_id
        self.folder = folder

    @property
    def authority(self) -> Authority:
        """The cluster's certificate authority."""
        return Authority.load_or_create(self.folder, f"OKE CA {self._cluster_id[-12:]}")

    @property
    def ca_file(self) -> Path:
        """The certificate that clients of the cluster trust."""
        return self.authority.certificate_path

    def client(self, file: str, user: str, groups: Sequence[str] = ()) -> Leaf:
        """A client certificate for a Kubernetes user."""
        return self.authority.issue(
            self.folder, file, common_name=user, organizations=groups, server=False, client=True
        )

    def server(self, file: str, user: str, names: Sequence[str]) -> Leaf:
        """A serving certificate of the cluster's authority."""
        return self.authority.issue(self.folder, file, common_name=user, names=names, server=True)

    def kubeconfig(self, file: str, leaf: Leaf, server: str) -> Path:
        """A kubeconfig for a part, at a server's URL; its path."""
        cluster = {"server": server, "certificate-authority": str(self.ca_file)}
        user = {"client-certificate": str(leaf.certificate), "client-key": str(leaf.key)}
        return write_kubeconfig(self.folder / f"{file}.kubeconfig", cluster, user)

    def make(self, server_names: Sequence[str]) -> dict[str, Leaf]:
        """The certificates of the control plane's parts, by name; kept ones stay while they fit."""
        authority = self.authority
        front = Authority.load_or_create(self.folder, "OKE front proxy CA", file="front-proxy-ca")
        service_account = self.folder / "service-account.key"
        if not service_account.exists():
            key = new_key("rsa")
            (self.folder / "service-account.pub").write_bytes(public_key_pem(key))
            # The private half last: where it is, both are.
            write_private(service_account, key_pem(key))
        return {
            "apiserver": authority.issue(self.folder, "apiserver", common_name="kube-apiserver", names=server_names),
            "kubelet-client": self.client("kubelet-client", "kube-apiserver-kubelet-client"),
            "front-proxy": front.issue(
                self.folder, "front-proxy", common_name="front-proxy-client", server=False, client=True
            ),
            "controller-manager": self.client("controller-manager", "system:kube-controller-manager"),
            "scheduler": self.client("scheduler", "system:kube-scheduler"),
            "region": self.client("region", "oke:region", ("system:masters",)),
        }


def write_kubeconfig(path: Path, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    """A kubeconfig of one cluster and user, readable by root alone; its path."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    write_private(path, yaml.safe_dump(document))
    return path
