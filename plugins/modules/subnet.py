#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: subnet
short_description: Keep a subnet of a virtual cloud network
description:
  - Makes, changes and removes a subnet of a VCN.
  - A subnet made without O(security_list_ids) gets the VCN's default security list, which lets in SSH from anywhere.
    Empty that list, with M(okestack.oci.security_list), where network security groups are to decide.
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
      - Required to create it. Changing the VCN requires replacing the subnet.
    type: str
  cidr_block:
    description:
      - The IPv4 address range, as a CIDR block within one of the VCN's.
      - Required to create it. Resized in place where the new range begins at the same address and holds all addresses
        in use.
    type: str
  availability_domain:
    description:
      - The availability domain of a subnet that is to lie in one only, for example V(Uocm:PHX-AD-1). Without it the
        subnet is regional, which virtual nodes need.
      - Changing the domain requires replacing the subnet.
    type: str
  dns_label:
    description:
      - Label of the subnet in the names of its hosts, unique in the VCN. Letters and digits, a letter first, at most
        15. The VCN must have a label too.
      - Changing the label requires replacing the subnet.
    type: str
  dhcp_options_id:
    description:
      - OCID of the DHCP options. Defaults to the VCN's default DHCP options. Changed in place.
    type: str
  route_table_id:
    description:
      - OCID of the route table. Defaults to the VCN's default route table. Changed in place.
    type: str
  security_list_ids:
    description:
      - OCIDs of the security lists, whose rules add to those of network security groups. Changed in place; the list
        given replaces the current one, at most 5. With an empty list only groups decide.
    type: list
    elements: str
  prohibit_internet_ingress:
    description:
      - Whether nothing from the internet may reach the subnet. The service sets O(prohibit_public_ip_on_vnic) to the
        same; give only one of the two.
      - Changing it requires replacing the subnet.
    type: bool
  prohibit_public_ip_on_vnic:
    description:
      - Whether the subnet is private, so that nothing in it can have a public address. Defaults to V(false) at
        creation.
      - Changing it requires replacing the subnet.
    type: bool
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.subnet_info
  - module: okestack.oci.vcn
  - module: okestack.oci.route_table
  - module: okestack.oci.security_list
"""

EXAMPLES = r"""
- name: A private subnet for pods
  okestack.oci.subnet:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
    display_name: pods
    cidr_block: 10.0.32.0/19
    dns_label: pods
    prohibit_public_ip_on_vnic: true
    route_table_id: "{{ private_routes.route_table.id }}"
    security_list_ids: ["{{ empty_list.security_list.id }}"]

- name: Remove it
  okestack.oci.subnet:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
    display_name: pods
    state: absent
"""

RETURN = r"""
subnet:
  description:
    - The subnet as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
    cidr_block:
      description: Its address range.
      type: str
      sample: 10.0.32.0/19
    virtual_router_ip:
      description: The address of its gateway.
      type: str
      sample: 10.0.32.1
    subnet_domain_name:
      description: The domain of its host names.
      type: str
      sample: pods.shop.oraclevcn.com
    route_table_id:
      description: OCID of its route table.
      type: str
    security_list_ids:
      description: OCIDs of its security lists.
      type: list
      elements: str
    prohibit_public_ip_on_vnic:
      description: Whether it is private.
      type: bool
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
from ansible_collections.okestack.oci.plugins.module_utils.types.network import SUBNET


def main() -> None:
    run_module(SUBNET)


if __name__ == "__main__":
    main()
