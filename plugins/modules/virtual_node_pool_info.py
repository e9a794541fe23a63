#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: virtual_node_pool_info
short_description: Look up virtual node pools
description:
  - Lists the virtual node pools of a compartment or of one cluster in it, or one by its OCID.
  - The service's list leaves out some fields; reading them takes one call for each pool.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  cluster_id:
    description:
      - OCID of the cluster they belong to.
    type: str
  display_name:
    description:
      - Their name.
    type: str
extends_documentation_fragment:
  - okestack.oci.lookup
  - okestack.oci.lookup.details
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.virtual_node_pool
  - module: okestack.oci.oke_cluster_info
"""

EXAMPLES = r"""
- name: The cluster's pools
  okestack.oci.virtual_node_pool_info:
    compartment_id: "{{ compartment_id }}"
    cluster_id: "{{ cluster.oke_cluster.id }}"
  register: found

- name: How many nodes it has
  ansible.builtin.debug:
    msg: "{{ found.virtual_node_pools | sum(attribute='size') }}"
"""

RETURN = r"""
virtual_node_pools:
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
    display_name:
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
    cluster_id:
      description: OCID of its cluster.
      type: str
    size:
      description: How many virtual nodes it has.
      type: int
      sample: 3
    kubernetes_version:
      description: The version of its nodes.
      type: str
      sample: v1.36.1
    placement_configurations:
      description: Where its nodes are.
      type: list
      elements: dict
      sample:
        - availability_domain: Uocm:EU-FRANKFURT-1-AD-1
          fault_domain:
          - FAULT-DOMAIN-1
          subnet_id: ocid1.subnet.oc1.eu-frankfurt-1.aaaaexample
    pod_configuration:
      description: Where its pods are and of which shape.
      type: dict
      sample:
        shape: Pod.Standard.E4.Flex
        subnet_id: ocid1.subnet.oc1.eu-frankfurt-1.aaaaexample2
        nsg_ids: []
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.kubernetes_engine import VIRTUAL_NODE_POOL


def main() -> None:
    run_module(InfoTask(VIRTUAL_NODE_POOL))


if __name__ == "__main__":
    main()
