#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: load_balancer_info
short_description: Look up load balancers
description:
  - Lists the load balancers of a compartment, or one by its OCID, with their shapes, addresses, listeners and backend
    sets.
  - OKE makes a load balancer for each Service of type LoadBalancer. It lies in the cluster's compartment, its name is the
    Service's UID, and its tags are those of the Service's annotation or of the cluster's C(service_lb_config).
  - Such a load balancer is the Service's, which alone should change it. Its shape follows the annotations
    C(service.beta.kubernetes.io/oci-load-balancer-shape) and, where that is V(flexible), C(-shape-flex-min) and
    C(-shape-flex-max), in place.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  display_name:
    description:
      - Their name. That of one which a Service made is the Service's UID.
    type: str
  ip_address:
    description:
      - One of their addresses, for example the one in a Service's status.
    type: str
  health:
    description:
      - Whether to ask for the health of each, which takes one call for each load balancer and each backend set.
    type: bool
    default: false
extends_documentation_fragment:
  - okestack.oci.lookup
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.kubernetes_info
  - module: okestack.oci.kubernetes_manifest
"""

EXAMPLES = r"""
- name: The Service of the ingress controller
  okestack.oci.kubernetes_info:
    cluster_id: "{{ cluster.id }}"
    kind: Service
    namespace: ingress
    name: traefik
  register: service

- name: Its load balancer, and whether its backends answer
  okestack.oci.load_balancer_info:
    compartment_id: "{{ compartment_id }}"
    display_name: "{{ service.resources[0].metadata.uid }}"
    health: true
  register: found

- name: Its address and bandwidth
  ansible.builtin.debug:
    msg: "{{ item.ip_addresses[0].ip_address }}: {{ item.shape_name }} {{ item.shape_details }}, {{ item.health.status }}"
  loop: "{{ found.load_balancers }}"

- name: All of a deployment
  okestack.oci.load_balancer_info:
    compartment_id: "{{ compartment_id }}"
    freeform_tags:
      okestack-deployment: shop
"""

RETURN = r"""
load_balancers:
  description:
    - The resources found, in the service's order. Empty if there are none.
    - Each contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: OCID of the load balancer.
      type: str
    compartment_id:
      description: OCID of its compartment.
      type: str
    display_name:
      description: Its name.
      type: str
    lifecycle_state:
      description: State of its life cycle.
      type: str
      sample: ACTIVE
    shape_name:
      description: Its shape, V(flexible) or a fixed bandwidth.
      type: str
      sample: flexible
    shape_details:
      description: Its bandwidth, where the shape is flexible.
      type: dict
      sample: {minimum_bandwidth_in_mbps: 10, maximum_bandwidth_in_mbps: 100}
    ip_addresses:
      description: Its addresses.
      type: list
      elements: dict
      sample: [{ip_address: 203.0.113.30, is_public: true}]
    listeners:
      description: Its listeners by their names. OKE names those of a Service by protocol and port.
      type: dict
      sample: {TCP-443: {default_backend_set_name: TCP-443, port: 443, protocol: TCP}}
    backend_sets:
      description: Its backend sets by their names, each with its backends and health checker.
      type: dict
      sample: {TCP-443: {policy: ROUND_ROBIN, backends: [{ip_address: 10.0.16.2, port: 31443}]}}
    subnet_ids:
      description: OCIDs of its subnets.
      type: list
      elements: str
    network_security_group_ids:
      description: OCIDs of its network security groups.
      type: list
      elements: str
    freeform_tags:
      description: All its tags without a namespace.
      type: dict
    defined_tags:
      description: All its tags of namespaces.
      type: dict
    health:
      description:
        - How it is, and under C(backend_sets) each of its backend sets by name. Returned with O(health=true) only.
      type: dict
      sample:
        status: OK
        total_backend_set_count: 1
        critical_state_backend_set_names: []
        backend_sets:
          TCP-443: {status: OK, total_backend_count: 3, critical_state_backend_names: []}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import LoadBalancerInfo
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(LoadBalancerInfo())


if __name__ == "__main__":
    main()
