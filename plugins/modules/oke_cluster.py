#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: oke_cluster
short_description: Keep an OKE cluster
description:
  - Makes, changes and removes a Kubernetes cluster of the Kubernetes Engine (OKE), that is its control plane.
  - Virtual nodes take an enhanced cluster, O(type=ENHANCED_CLUSTER), with pod networking V(OCI_VCN_IP_NATIVE).
  - A cluster that another client made is adopted by its name or O(id). What is not given stays as that client made it.
  - A load balancer that was made for a Service does not go with the cluster; delete the Service first.
  - O(wait_timeout) is 3600 seconds if not given.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment. Unless O(id) is given, the resource is looked up in it.
      - Required to create it. The service cannot move it, so changing the compartment requires replacing the cluster.
    type: str
  name:
    description:
      - Name of the cluster, by which it is found unless O(id) is given. The service does not keep names unique; if
        several resources have this name, the task fails and lists them.
      - Required to create it. With O(id), a different name renames the resource, in place.
    type: str
  vcn_id:
    description:
      - OCID of the VCN. Required to create it. Changing the VCN requires replacing the cluster.
    type: str
  kubernetes_version:
    description:
      - The version of Kubernetes, for example V(v1.36.1). A newer one is an upgrade of the control plane in place, by one
        minor version at most. The service does not go back to an older one.
      - A series, for example V(v1.36), means the newest version of it when the cluster is created or upgraded; one
        that has a version of the series keeps it. If not given, a cluster is created with the newest version that the
        region offers, and one that is there is left at its own.
      - A version that the region, or the cluster's own C(available_kubernetes_upgrades), does not have is refused
        before anything is changed, with the versions there are.
      - Virtual nodes follow their control plane by themselves.
    type: str
  type:
    description:
      - The kind of cluster. A basic one becomes an enhanced one in place; the service does not go back.
    type: str
    choices: [BASIC_CLUSTER, ENHANCED_CLUSTER]
  kms_key_id:
    description:
      - OCID of the key by which Secrets are encrypted in etcd. A policy must let the cluster use it before the
        cluster is made.
      - Changing the key requires replacing the cluster.
    type: str
  endpoint_config:
    description:
      - Where the Kubernetes API answers.
    type: dict
    suboptions:
      subnet_id:
        description:
          - OCID of the regional subnet of the endpoint. Changing the subnet requires replacing the cluster.
        type: str
      nsg_ids:
        description:
          - OCIDs of the endpoint's network security groups. Changed in place; the list given replaces the current
            one.
        type: list
        elements: str
      is_public_ip_enabled:
        description:
          - Whether the endpoint has a public address too; its subnet must then be a public one. Changed in place.
        type: bool
      security_attributes:
        description:
          - Its attributes for Zero Trust Packet Routing, by namespace. Changed in place.
        type: dict
  image_policy_config:
    description:
      - Whether images must be signed. Changed in place.
    type: dict
    suboptions:
      is_policy_enabled:
        description:
          - Whether only images signed by one of the keys are run.
        type: bool
      key_details:
        description:
          - The keys. The list given replaces the current one.
        type: list
        elements: dict
        suboptions:
          kms_key_id:
            description:
              - OCID of a key of the Vault that images are signed with.
            type: str
  cluster_pod_network_options:
    description:
      - The pod networks that node pools can have. Others take a new cluster.
    type: list
    elements: dict
    suboptions:
      cni_type:
        description:
          - The kind of network. V(OCI_VCN_IP_NATIVE) gives each pod an address of a subnet.
        type: str
        choices: [OCI_VCN_IP_NATIVE, FLANNEL_OVERLAY]
        required: true
  options:
    description:
      - What the cluster makes in the cloud, and its own networks.
    type: dict
    suboptions:
      service_lb_subnet_ids:
        description:
          - OCIDs of the subnets for load balancers of Services. Others take a new cluster.
        type: list
        elements: str
      kubernetes_network_config:
        description:
          - The cluster's own address ranges. Others take a new cluster.
        type: dict
        suboptions:
          pods_cidr:
            description:
              - The range of pods where they do not get addresses of a subnet.
            type: str
          services_cidr:
            description:
              - The range of Services, 10.96.0.0/16 if not given.
            type: str
      service_lb_config:
        description:
          - What load balancers of Services get. Changed in place.
        type: dict
        suboptions:
          freeform_tags:
            description:
              - Their tags without a namespace.
            type: dict
          defined_tags:
            description:
              - Their tags of namespaces.
            type: dict
          backend_nsg_ids:
            description:
              - OCIDs of the backends' network security groups, whose rules the service then keeps.
            type: list
            elements: str
      persistent_volume_config:
        description:
          - What volumes of PersistentVolumeClaims get. Changed in place.
        type: dict
        suboptions:
          freeform_tags:
            description:
              - Their tags without a namespace.
            type: dict
          defined_tags:
            description:
              - Their tags of namespaces.
            type: dict
      open_id_connect_discovery:
        description:
          - Whether others can check tokens of the cluster's service accounts. Changed in place.
        type: dict
        suboptions:
          is_open_id_connect_discovery_enabled:
            description:
              - Whether the keys are published, at the cluster's C(open_id_connect_discovery_endpoint).
            type: bool
      open_id_connect_token_authentication_config:
        description:
          - A provider of identities whose tokens the Kubernetes API takes. Changed in place; what is not given of it
            stays.
        type: dict
        suboptions:
          is_open_id_connect_auth_enabled:
            description:
              - Whether such tokens are taken.
            type: bool
            required: true
          issuer_url:
            description:
              - URL of the provider, which begins with C(https://). Needed to take tokens.
            type: str
          client_id:
            description:
              - The audience that tokens must be for. Needed to take tokens.
            type: str
          username_claim:
            description:
              - The claim with the user's name. The service takes V(sub) if not given.
            type: str
          username_prefix:
            description:
              - What is put before the names of users.
            type: str
          groups_claim:
            description:
              - The claim with the user's groups.
            type: str
          groups_prefix:
            description:
              - What is put before the names of groups.
            type: str
          required_claims:
            description:
              - Claims that tokens must have. The list given replaces the current one.
            type: list
            elements: dict
            suboptions:
              key:
                description:
                  - The claim.
                type: str
                required: true
              value:
                description:
                  - Its value.
                type: str
          ca_certificate:
            description:
              - Certificate of the authority that signed the provider's certificate, PEM in Base64.
            type: str
          signing_algorithms:
            description:
              - Algorithms by which tokens may be signed, for example V(RS256). The list given replaces the current
                one.
            type: list
            elements: str
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.oke_cluster_info
  - module: okestack.oci.virtual_node_pool
  - module: okestack.oci.oke_addon
  - module: okestack.oci.policy
"""

EXAMPLES = r"""
- name: A cluster for virtual nodes
  okestack.oci.oke_cluster:
    compartment_id: "{{ compartment_id }}"
    name: shop
    vcn_id: "{{ network.vcn.id }}"
    type: ENHANCED_CLUSTER
    kubernetes_version: v1.35.2
    kms_key_id: "{{ etcd_key.vault_key.id }}"
    endpoint_config:
      subnet_id: "{{ api_subnet.subnet.id }}"
      nsg_ids: ["{{ api_group.network_security_group.id }}"]
      is_public_ip_enabled: true
    cluster_pod_network_options:
      - cni_type: OCI_VCN_IP_NATIVE
    options:
      service_lb_subnet_ids: ["{{ lb_subnet.subnet.id }}"]
      service_lb_config:
        freeform_tags:
          okestack-deployment: shop

- name: Upgrade it, by one minor version
  okestack.oci.oke_cluster:
    compartment_id: "{{ compartment_id }}"
    name: shop
    kubernetes_version: v1.36.1

- name: Take its public address away, and leave the rest as it is
  okestack.oci.oke_cluster:
    compartment_id: "{{ compartment_id }}"
    name: shop
    endpoint_config:
      is_public_ip_enabled: false

- name: Remove it
  okestack.oci.oke_cluster:
    compartment_id: "{{ compartment_id }}"
    name: shop
    state: absent
"""

RETURN = r"""
oke_cluster:
  description:
    - The cluster as the service shows it, or as it would be in check mode. V(null) if it is absent.
    - It contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: dict
  contains:
    id:
      description: OCID of the resource.
      type: str
    compartment_id:
      description: OCID of its compartment.
      type: str
    name:
      description: Its name.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: ACTIVE
    lifecycle_details:
      description: What the service says about its state.
      type: str
    vcn_id:
      description: OCID of its VCN.
      type: str
    type:
      description: The kind of cluster.
      type: str
      sample: ENHANCED_CLUSTER
    kubernetes_version:
      description: The version of its control plane.
      type: str
      sample: v1.35.2
    available_kubernetes_upgrades:
      description: Versions it can be upgraded to.
      type: list
      elements: str
    endpoints:
      description: Where the Kubernetes API answers, as host and port.
      type: dict
      sample:
        private_endpoint: 10.0.0.5:6443
        public_endpoint: 203.0.113.20:6443
        vcn_hostname_endpoint: example.api.shop.oraclevcn.com:6443
    endpoint_config:
      description: Subnet, groups and publicness of the endpoint.
      type: dict
    freeform_tags:
      description: Its free-form tags.
      type: dict
    defined_tags:
      description: Its defined tags.
      type: dict
duration:
  description: How long it took to create, change or remove the resource and to wait for it, in seconds.
  returned: when something changes
  type: float
  sample: 2.4
diff:
  description: Only what changes. Secrets, and values that are not known yet, are named but not shown.
  returned: when something changes
  type: dict
  contains:
    before:
      description: The fields that change, with their previous values. Empty if the resource is created.
      type: dict
    after:
      description: The same fields with their new values.
      type: dict
    before_header:
      description: The resource.
      type: str
    after_header:
      description: The resource and what happens to it.
      type: str
changes:
  description: What was done, or would be done in check mode.
  returned: when something changes
  type: list
  elements: dict
  contains:
    name:
      description: The resource.
      type: str
    change:
      description: What happened to it, V(created), V(changed), V(replaced) or V(removed).
      type: str
    calls:
      description: In check mode, the calls that would be made, in order.
      type: list
      elements: str
"""

from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.kubernetes_engine import OKE_CLUSTER


def main() -> None:
    run_module(OKE_CLUSTER)


if __name__ == "__main__":
    main()
