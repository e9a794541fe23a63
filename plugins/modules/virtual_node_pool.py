#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: virtual_node_pool
short_description: Keep a pool of virtual nodes
description:
  - Makes, changes and removes a pool of virtual nodes, which run pods of an enhanced OKE cluster without any machines
    to look after.
  - It waits until every node of the pool is V(ACTIVE), which is later than the pool is.
  - O(wait_timeout) is 2400 seconds if not given.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment. Unless O(id) is given, the resource is looked up in it.
      - Required to create it. The service cannot move it, so changing the compartment requires replacing the pool.
    type: str
  display_name:
    description:
      - Name of the resource, by which it is found unless O(id) is given. The service does not keep names unique; if
        several resources have this name, the task fails and lists them.
      - Required to create it. With O(id), a different name renames the resource, in place.
    type: str
  cluster_id:
    description:
      - OCID of the cluster in which the pool is looked up.
      - Required to create it. Changing the cluster requires replacing the pool.
    type: str
  size:
    description:
      - How many virtual nodes there are, spread evenly over O(placement_configurations). Required to create it.
        Changed in place.
    type: int
  placement_configurations:
    description:
      - Where the nodes lie. For the highest redundancy three nodes, with one item for each availability domain, or
        one for each fault domain where the region has one availability domain only.
      - Required to create it. Changed in place; the list given replaces the current one.
    type: list
    elements: dict
    suboptions:
      availability_domain:
        description:
          - The availability domain, for example V(Uocm:PHX-AD-1).
        type: str
        required: true
      fault_domain:
        description:
          - The fault domains, for example V(FAULT-DOMAIN-1). The service chooses if none is given.
        type: list
        elements: str
      subnet_id:
        description:
          - OCID of the regional subnet of the nodes.
        type: str
        required: true
  pod_configuration:
    description:
      - What pods of the nodes get. Required to create it.
    type: dict
    suboptions:
      subnet_id:
        description:
          - OCID of the regional subnet from which pods get their addresses. Changed in place.
        type: str
        required: true
      shape:
        description:
          - The shape of pods, for example V(Pod.Standard.E4.Flex). The service lists those of the region. Changing
            the shape requires replacing the pool.
        type: str
        required: true
      nsg_ids:
        description:
          - OCIDs of the pods' network security groups, at most 5. Changed in place; the list given replaces the
            current one.
        type: list
        elements: str
  nsg_ids:
    description:
      - OCIDs of the nodes' network security groups, at most 5. Changed in place; the list given replaces the current
        one.
      - The service may accept an update of these, and of the pool's own tags, and leave them as they were. The task then
        warns with the field's name, is unchanged, and notes it in the tag C(okestack-left-as-it-was) of
        O(virtual_node_tags). Later runs, in check mode too, neither ask for nor claim the same change again.
    type: list
    elements: str
  initial_virtual_node_labels:
    description:
      - Labels that nodes get when they join the cluster. Changed in place; the list given replaces the current one.
    type: list
    elements: dict
    suboptions:
      key:
        description:
          - The label's key.
        type: str
        required: true
      value:
        description:
          - The label's value.
        type: str
  taints:
    description:
      - Taints of the nodes. Changed in place; the list given replaces the current one.
    type: list
    elements: dict
    suboptions:
      key:
        description:
          - The taint's key.
        type: str
        required: true
      value:
        description:
          - The taint's value.
        type: str
      effect:
        description:
          - What happens to pods that do not tolerate it, for example V(NoSchedule).
        type: str
        required: true
  virtual_node_tags:
    description:
      - Tags of the nodes. Changed in place.
    type: dict
    suboptions:
      freeform_tags:
        description:
          - Tags without a namespace.
        type: dict
      defined_tags:
        description:
          - Tags of namespaces.
        type: dict
  virtual_node_pool_cycling_details:
    description:
      - Whether and how nodes are replaced, a few at a time, so that a change of the pool reaches them.
      - It is sent with each change of other options. It is not compared, and is not a change in itself.
    type: dict
    suboptions:
      is_virtual_node_cycling_enabled:
        description:
          - Whether they are replaced. The service leaves them as they are if not given.
        type: bool
      maximum_surge:
        description:
          - How many nodes more there may be meanwhile, as a number or a percentage in text. 1 if not given.
        type: str
      maximum_unavailable:
        description:
          - How many nodes fewer there may be meanwhile, as a number or a percentage in text. 0 if not given.
        type: str
  eviction_grace_duration:
    description:
      - With O(state=absent), how long pods have to leave a node, in ISO 8601 from V(PT0M) to V(PT60M). The service
        takes V(PT60M) if not given. Another value is refused before anything is changed.
    type: str
  force_deletion_after_grace:
    description:
      - With O(state=absent), whether nodes go even if pods have not left when that time is over.
    type: bool
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.virtual_node_pool_info
  - module: okestack.oci.oke_cluster
"""

EXAMPLES = r"""
- name: One virtual node in each fault domain
  okestack.oci.virtual_node_pool:
    compartment_id: "{{ compartment_id }}"
    cluster_id: "{{ cluster.oke_cluster.id }}"
    display_name: app
    size: 3
    placement_configurations:
      - availability_domain: "{{ availability_domain }}"
        fault_domain: [FAULT-DOMAIN-1]
        subnet_id: "{{ nodes_subnet.subnet.id }}"
      - availability_domain: "{{ availability_domain }}"
        fault_domain: [FAULT-DOMAIN-2]
        subnet_id: "{{ nodes_subnet.subnet.id }}"
      - availability_domain: "{{ availability_domain }}"
        fault_domain: [FAULT-DOMAIN-3]
        subnet_id: "{{ nodes_subnet.subnet.id }}"
    pod_configuration:
      subnet_id: "{{ pods_subnet.subnet.id }}"
      shape: Pod.Standard.E4.Flex
      nsg_ids: ["{{ pods_group.network_security_group.id }}"]
    nsg_ids: ["{{ pods_group.network_security_group.id }}"]

- name: Give nodes another label, and replace them one after the other so that each has it
  okestack.oci.virtual_node_pool:
    compartment_id: "{{ compartment_id }}"
    cluster_id: "{{ cluster.oke_cluster.id }}"
    display_name: app
    initial_virtual_node_labels:
      - key: tier
        value: app
    virtual_node_pool_cycling_details:
      is_virtual_node_cycling_enabled: true
      maximum_surge: "1"
      maximum_unavailable: "0"

- name: Remove it at once
  okestack.oci.virtual_node_pool:
    compartment_id: "{{ compartment_id }}"
    cluster_id: "{{ cluster.oke_cluster.id }}"
    display_name: app
    state: absent
    eviction_grace_duration: PT0M
    force_deletion_after_grace: true
"""

RETURN = r"""
virtual_node_pool:
  description:
    - The pool as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
    display_name:
      description: Its name.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: ACTIVE
    time_created:
      description: When it was created.
      type: str
      sample: "2026-11-20T08:00:00.000000+00:00"
    lifecycle_details:
      description: What the service says about its state.
      type: str
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
      description: Where its nodes lie.
      type: list
      elements: dict
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
from ansible_collections.okestack.oci.plugins.module_utils.types.kubernetes_engine import VIRTUAL_NODE_POOL


def main() -> None:
    run_module(VIRTUAL_NODE_POOL)


if __name__ == "__main__":
    main()
