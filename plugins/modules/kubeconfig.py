#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig
short_description: Keep a cluster's entries in a kubeconfig
version_added: 0.1.0
description:
  - Writes cluster, user and context into a kubeconfig that its owner alone can read. Entries of other clusters in
    the same file stay, and so does what a person added to the cluster's own (a namespace, a proxy, variables).
  - The user's tokens are made by a helper of this collection, signed with the key of the profile; the OCI CLI is not
    needed.
    The file holds no secret.
  - Returns how the cluster is reached, for the option C(access) of the kubernetes modules.
options:
  state:
    description:
      - V(absent) takes the entries away, and the file with the last of them.
    type: str
    choices: [present, absent]
    default: present
  path:
    description:
      - The file, on the host that runs the task. Required with O(state=absent).
      - If not given, nothing is written.
    type: path
  context:
    description: Name of the context, and of the cluster and user that belong to it. Required with O(path).
    type: str
  cluster_id:
    description: OCID of the cluster. Required with O(state=present).
    type: str
  namespace:
    description: Namespace of the context.
    type: str
  set_current:
    description:
      - Whether the context becomes the file's current one.
      - If not given, only in a file that has none.
    type: bool
  endpoint_kind:
    description: Which of the cluster's endpoints to use.
    type: str
    choices: [PUBLIC_ENDPOINT, PRIVATE_ENDPOINT, VCN_HOSTNAME]
    default: PUBLIC_ENDPOINT
  cluster_endpoint:
    description: URL of the Kubernetes API where it is not reached at its own address, for example a tunnel's near end.
    type: str
  cluster_proxy_url:
    description: URL of an HTTP proxy for requests to the Kubernetes API.
    type: str
  cluster_ca_file:
    description: File of CA certificates, in PEM, for the Kubernetes API, instead of those that the service names.
    type: path
  cluster_ca_certificate:
    description: The same as text.
    type: str
  tls_server_name:
    description: The name that the Kubernetes API's certificate must have, where it is not that of the address.
    type: str
  python:
    description:
      - The Python that runs the helper; it needs the package C(oci). If not given, the one that runs the task.
    type: path
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes
author:
  - The okestack.oci authors (@okestack)
"""

EXAMPLES = r"""
- name: Kubeconfig for people
  okestack.oci.kubeconfig:
    path: ~/.kube/shop
    context: shop
    cluster_id: "{{ cluster.id }}"

- name: Through a bastion's tunnel
  okestack.oci.kubeconfig:
    path: ~/.kube/shop
    context: shop-private
    cluster_id: "{{ cluster.id }}"
    endpoint_kind: PRIVATE_ENDPOINT
    cluster_endpoint: https://127.0.0.1:6443
    tls_server_name: 10.0.0.10

- name: Ask once how the cluster is reached
  okestack.oci.kubeconfig:
    cluster_id: "{{ cluster.id }}"
  register: way

- name: Tasks that need not ask again
  okestack.oci.kubernetes_info:
    access: "{{ way.access }}"
    kind: Node
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: when O(path) is given
  sample: /home/me/.kube/shop
context:
  description: Name of the context.
  type: str
  returned: when O(path) is given
  sample: shop
access:
  description: How the cluster is reached. No part of it is secret.
  type: dict
  returned: O(state=present)
  contains:
    cluster_id:
      description: OCID of the cluster.
      type: str
    cluster_endpoint:
      description: URL of the Kubernetes API.
      type: str
    cluster_ca_certificate:
      description: Certificates, in PEM, of the authorities that sign the Kubernetes API's.
      type: str
    cluster_proxy_url:
      description: The proxy, where there is one.
      type: str
    tls_server_name:
      description: The name of the certificate, where it is not that of the address.
      type: str
server:
  description: URL of the Kubernetes API.
  type: str
  returned: O(state=present)
  sample: https://203.0.113.5:6443
"""

from ansible_collections.okestack.oci.plugins.module_utils.kube.kubeconfig_task import KubeconfigTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main():
    run_module(KubeconfigTask())


if __name__ == "__main__":
    main()
