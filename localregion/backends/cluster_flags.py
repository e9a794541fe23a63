# SPDX-License-Identifier: GPL-3.0-or-later
"""The command lines of a cluster's programs. Flags that users can see the effect of follow OKE."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from localregion.backends.cluster_certificates import ClusterCertificates, write_kubeconfig
from localregion.backends.node_ports import PROXY_HEALTH_PORT
from localregion.host.pki import Leaf, write_private

CLUSTER_DOMAIN = "cluster.local"
ISSUER = f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}"
AUDIENCES = ("api", ISSUER)
"""OKE's own audience first: clients of workload identity ask for tokens with it."""
AUTHENTICATION_PORT = 12251
"""Where kube-apiserver asks who a token is: on the loopback of its namespace."""
MANY_PODS = ("--kube-api-qps=300", "--kube-api-burst=500")
"""For controller manager and scheduler: their own 20 to 50 requests a second are too few for full nodes."""


def etcd(data: Path) -> list[str]:
    """etcd, at its namespace's loopback, with its data in a folder."""
    return [
        "--name=etcd",
        f"--data-dir={data}",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=etcd=http://127.0.0.1:2380",
        "--auto-compaction-retention=8h",
        "--log-level=warn",
    ]


def apiserver(
    certificates: ClusterCertificates, leaves: Mapping[str, Leaf], address: str, service_cidr: str
) -> list[str]:
    """kube-apiserver, which answers at an address of the VCN."""
    webhook = write_kubeconfig(
        certificates.folder / "authentication.kubeconfig",
        {"server": f"http://127.0.0.1:{AUTHENTICATION_PORT}/authenticate"},
        {},
    )
    return [
        "--etcd-servers=http://127.0.0.1:2379",
        "--bind-address=0.0.0.0",
        "--secure-port=6443",
        f"--advertise-address={address}",
        "--anonymous-auth=false",
        f"--client-ca-file={certificates.ca_file}",
        f"--tls-cert-file={leaves['apiserver'].certificate}",
        f"--tls-private-key-file={leaves['apiserver'].key}",
        f"--service-cluster-ip-range={service_cidr}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={certificates.folder / 'service-account.pub'}",
        f"--service-account-signing-key-file={certificates.folder / 'service-account.key'}",
        f"--api-audiences={','.join(AUDIENCES)}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--authentication-token-webhook-config-file={webhook}",
        "--authentication-token-webhook-version=v1",
        # A token lives four minutes; who may do what may change sooner.
        "--authentication-token-webhook-cache-ttl=10s",
        f"--kubelet-client-certificate={leaves['kubelet-client'].certificate}",
        f"--kubelet-client-key={leaves['kubelet-client'].key}",
        f"--kubelet-certificate-authority={certificates.ca_file}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={certificates.folder / 'front-proxy-ca.pem'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={leaves['front-proxy'].certificate}",
        f"--proxy-client-key-file={leaves['front-proxy'].key}",
        # To the pods of an aggregated API at their own addresses: this end is outside of the Services' network.
        "--enable-aggregator-routing=true",
        "--allow-privileged=true",
        "--profiling=false",
    ]


def encryption(configuration: Path, socket: Path) -> list[str]:
    """For kube-apiserver: encrypts Secrets with the plugin at a socket."""
    provider = {"apiVersion": "v2", "name": "oci-vault", "endpoint": f"unix://{socket}"}
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        # identity last: nothing is written with it.
        "resources": [{"resources": ["secrets"], "providers": [{"kms": provider}, {"identity": {}}]}],
    }
    write_private(configuration, yaml.safe_dump(document))
    return [f"--encryption-provider-config={configuration}"]


def controller_manager(kubeconfig: Path, certificates: ClusterCertificates, service_cidr: str) -> list[str]:
    """kube-controller-manager."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        # After a kill it would wait for its own old lease.
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={certificates.folder / 'service-account.key'}",
        f"--root-ca-file={certificates.ca_file}",
        f"--cluster-signing-cert-file={certificates.ca_file}",
        f"--cluster-signing-key-file={certificates.folder / 'ca-key.pem'}",
        f"--service-cluster-ip-range={service_cidr}",
        "--allocate-node-cidrs=false",
        # Autoscalers look three times as often as they do by default; the region's clock runs faster still.
        "--horizontal-pod-autoscaler-sync-period=5s",
        *MANY_PODS,
        "--profiling=false",
    ]


def scheduler(kubeconfig: Path) -> list[str]:
    """kube-scheduler."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        *MANY_PODS,
        "--profiling=false",
    ]


def proxy(kubeconfig: Path, node_name: str) -> list[str]:
    """kube-proxy, under the name of a node."""
    return [
        f"--kubeconfig={kubeconfig}",
        "--proxy-mode=iptables",
        # Pods sit behind bridges of their own: an answer must come back through here.
        "--masquerade-all",
        # Limits of connection tracking belong to the machine, not to a namespace.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
        "--iptables-min-sync-period=200ms",
        f"--hostname-override={node_name}",
        # No address of this namespace: a virtual node answers at no node port.
        "--nodeport-addresses=192.0.2.0/24",
        # What comes over a subnet's bridge is a pod's: also of a Service of policy Local it finds every pod.
        "--detect-local-mode=InterfaceNamePrefix",
        "--pod-interface-name-prefix=b",
        f"--healthz-bind-address=0.0.0.0:{PROXY_HEALTH_PORT}",
        "--metrics-bind-address=127.0.0.1:10249",
    ]
