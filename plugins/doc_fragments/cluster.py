# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by which a module reaches the API of a cluster (``kube.connect.CLUSTER_OPTIONS``)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  cluster_id:
    description:
      - OCID of the cluster. The service is asked for its address and certificate authority; requests carry tokens
        that are signed by the module, a new one each minute.
      - One of O(cluster_id), O(access) and O(kubeconfig) is required.
    type: str
  access:
    description:
      - How the cluster is reached, as M(okestack.oci.kubeconfig) returns it. Tasks that get it do not ask the
        service.
      - If address or authority are missing, the service is asked for them, as with O(cluster_id).
    type: dict
    suboptions:
      cluster_id:
        description: OCID of the cluster.
        type: str
        required: true
      cluster_endpoint:
        description: See O(cluster_endpoint).
        type: str
      cluster_ca_certificate:
        description: See O(cluster_ca_certificate).
        type: str
      cluster_proxy_url:
        description: See O(cluster_proxy_url).
        type: str
      tls_server_name:
        description: See O(tls_server_name).
        type: str
  endpoint_kind:
    description:
      - Which of the cluster's endpoints to use.
      - Used with O(cluster_id).
    type: str
    choices: [PUBLIC_ENDPOINT, PRIVATE_ENDPOINT, VCN_HOSTNAME]
    default: PUBLIC_ENDPOINT
  cluster_endpoint:
    description:
      - URL of the Kubernetes API where it is not reached at its own address, for example the near end of a bastion's tunnel,
        V(https://127.0.0.1:6443).
      - The certificate's name is then checked against O(tls_server_name).
    type: str
  cluster_proxy_url:
    description: URL of an HTTP proxy for requests to the Kubernetes API.
    type: str
  cluster_ca_file:
    description: File of CA certificates, in PEM, for the Kubernetes API, instead of those that the service or the kubeconfig name.
    type: path
  cluster_ca_certificate:
    description: The same as text.
    type: str
  tls_server_name:
    description: The name that the Kubernetes API's certificate must have, where it is not that of the address.
    type: str
  kubeconfig:
    description:
      - A kubeconfig to reach the cluster by, instead of O(cluster_id) and O(access).
      - Client certificates, tokens and exec helpers are understood.
    type: path
  context:
    description:
      - The context of O(kubeconfig). If not given, its current one.
    type: str
requirements:
  - The Python package C(urllib3) (which C(oci) brings along), for the Python that runs the task.
"""
