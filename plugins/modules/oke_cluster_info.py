#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: oke_cluster_info
short_description: Look up OKE clusters
description:
  - Lists the clusters of a compartment, or one by its OCID.
  - The service's list leaves out some fields; reading them takes one call for each cluster.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  name:
    description:
      - Their name.
    type: str
extends_documentation_fragment:
  - okestack.oci.lookup
  - okestack.oci.lookup.details
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.oke_cluster
  - module: okestack.oci.virtual_node_pool_info
  - module: okestack.oci.kubernetes_info
"""

EXAMPLES = r"""
- name: The cluster by its name
  okestack.oci.oke_cluster_info:
    compartment_id: "{{ compartment_id }}"
    name: shop
  register: found

- name: Its version, and the ones it can be upgraded to
  ansible.builtin.debug:
    msg: "{{ found.oke_clusters[0].kubernetes_version }}, {{ found.oke_clusters[0].available_kubernetes_upgrades }}"
"""

RETURN = r"""
oke_clusters:
  description:
    - The resources found, in the service's order. Empty if there are none.
    - Each contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: OCID of the resource.
      type: str
    name:
      description: Its name.
      type: str
      sample: shop
    compartment_id:
      description: OCID of its compartment.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: ACTIVE
    vcn_id:
      description: OCID of its VCN.
      type: str
    type:
      description: Whether it is basic or enhanced.
      type: str
      sample: ENHANCED_CLUSTER
    kubernetes_version:
      description: The version of its control plane.
      type: str
      sample: v1.36.1
    available_kubernetes_upgrades:
      description: Versions it can be upgraded to.
      type: list
      elements: str
      sample: [v1.36.1]
    endpoints:
      description: Where its API answers.
      type: dict
      sample:
        public_endpoint: 192.0.2.20:6443
        private_endpoint: 10.0.0.10:6443
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.kubernetes_engine import OKE_CLUSTER


def main() -> None:
    run_module(InfoTask(OKE_CLUSTER))


if __name__ == "__main__":
    main()
