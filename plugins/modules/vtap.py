#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vtap
short_description: Keep a virtual test access point, which mirrors traffic
description:
  - Makes, changes and removes a virtual test access point (VTAP), which mirrors what passes a source to a target in the
    same VCN, as a capture filter says. Starts and stops it.
  - The traffic of a source can be mirrored by one VTAP at a time.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment. Unless O(id) is given, the resource is looked up in it.
      - Required to create it. With O(id), a different compartment moves the resource there, in place.
    type: str
  display_name:
    description:
      - Name of the resource, by which it is found unless O(id) is given. The service does not keep names unique; if
        several resources have this name, the task fails and lists them.
      - Required to create it. With O(id), a different name renames the resource, in place.
    type: str
  vcn_id:
    description:
      - OCID of the VCN in which the resource is looked up.
      - Required to create it. Changing the VCN requires replacing the VTAP.
    type: str
  source_id:
    description:
      - OCID of what is listened at, a subnet, VNIC, load balancer or database for example.
      - Required to create it. Changed in place.
    type: str
  source_type:
    description:
      - What O(source_id) is, for example V(SUBNET), V(VNIC) or V(LOAD_BALANCER). Changed in place.
    type: str
  target_id:
    description:
      - OCID of the VNIC or network load balancer that gets the packets. Give it or O(target_ip). Changed in place.
    type: str
  target_ip:
    description:
      - Address that gets the packets. Changed in place.
    type: str
  target_type:
    description:
      - What the target is, V(VNIC), V(NETWORK_LOAD_BALANCER) or V(IP_ADDRESS). Changed in place.
    type: str
  capture_filter_id:
    description:
      - OCID of the capture filter that says what is mirrored, one of the type V(VTAP).
      - Required to create it. Changed in place.
    type: str
  is_vtap_enabled:
    description:
      - Whether it mirrors. Defaults to V(false) at creation. Changed in place.
    type: bool
  vxlan_network_identifier:
    description:
      - The number that mirrored packets carry, from 0 to 16777215, by which the target tells VTAPs apart. By default
        the service chooses one at creation. Changed in place.
    type: int
  traffic_mode:
    description:
      - Whether mirrored packets yield to others where there is not room for all, V(DEFAULT), or not, V(PRIORITY).
        Changed in place.
    type: str
    choices: [DEFAULT, PRIORITY]
  max_packet_size:
    description:
      - How much of a packet is mirrored, in bytes. Changed in place.
    type: int
  source_private_endpoint_ip:
    description:
      - Address of the source's private endpoint, where it has one. Changed in place.
    type: str
  source_private_endpoint_subnet_id:
    description:
      - OCID of the subnet of the source's private endpoint. Changed in place.
    type: str
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.vtap_info
  - module: okestack.oci.capture_filter
  - module: okestack.oci.virtual_network
"""

EXAMPLES = r"""
- name: What is to be mirrored
  okestack.oci.capture_filter:
    compartment_id: "{{ compartment_id }}"
    display_name: all
    filter_type: VTAP
    vtap_capture_filter_rules:
      - traffic_direction: INGRESS
      - traffic_direction: EGRESS
  register: everything

- name: Mirror what passes the pods' subnet to a host that looks at it
  okestack.oci.vtap:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
    display_name: pods
    source_type: SUBNET
    source_id: "{{ pods_subnet.subnet.id }}"
    target_type: IP_ADDRESS
    target_ip: 10.0.2.10
    capture_filter_id: "{{ everything.capture_filter.id }}"
    vxlan_network_identifier: 4096
    is_vtap_enabled: true

- name: Stop it
  okestack.oci.vtap:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
    display_name: pods
    is_vtap_enabled: false
"""

RETURN = r"""
vtap:
  description:
    - The access point as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
      sample: AVAILABLE
    time_created:
      description: When it was created.
      type: str
      sample: "2026-11-20T08:00:00.000000+00:00"
    vcn_id:
      description: OCID of its VCN.
      type: str
    source_id:
      description: OCID of its source.
      type: str
    source_type:
      description: What its source is.
      type: str
      sample: SUBNET
    target_id:
      description: OCID of its target, where that is a resource.
      type: str
    target_ip:
      description: Address of its target, where that is one.
      type: str
      sample: 10.0.2.10
    capture_filter_id:
      description: OCID of its capture filter.
      type: str
    is_vtap_enabled:
      description: Whether it is to mirror.
      type: bool
    lifecycle_state_details:
      description: Whether it mirrors.
      type: str
      sample: RUNNING
    vxlan_network_identifier:
      description: The number that mirrored packets carry.
      type: int
      sample: 4096
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
from ansible_collections.okestack.oci.plugins.module_utils.types.network import VTAP


def main() -> None:
    run_module(VTAP)


if __name__ == "__main__":
    main()
