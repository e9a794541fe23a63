#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vcn
short_description: Keep a virtual cloud network
description:
  - Makes, changes and removes a virtual cloud network (VCN) of Oracle Cloud.
  - With a VCN the service makes a default route table, a default security list and default DHCP options, whose OCIDs
    are returned.
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
  cidr_blocks:
    description:
      - The IPv4 address ranges of the VCN, as CIDR blocks without host bits that do not overlap.
      - Required to create it. Changed in place; a block that overlaps a former one is resized, others are added
        before those not listed are removed.
    type: list
    elements: str
  dns_label:
    description:
      - Label of the VCN in the names of its hosts, C(<host>.<subnet label>.<dns_label>.oraclevcn.com). Letters and
        digits, a letter first, at most 15.
      - Without a label the names of hosts do not resolve. Changing the label requires replacing the VCN.
    type: str
  is_zpr_only:
    description:
      - Whether Zero Trust Packet Routing alone decides which traffic passes. Changed in place.
    type: bool
  security_attributes:
    description:
      - Security attributes for Zero Trust Packet Routing, as namespace, attribute, and a dictionary of value and
        mode. Changed in place, all together.
    type: dict
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.vcn_info
  - module: okestack.oci.subnet
  - module: okestack.oci.security_list
  - module: okestack.oci.route_table
"""

EXAMPLES = r"""
- name: Make the site's network
  okestack.oci.vcn:
    compartment_id: "{{ compartment_id }}"
    display_name: shop
    cidr_blocks: [10.0.0.0/16]
    dns_label: shop
    freeform_tags:
      okestack-deployment: shop
  register: made

- name: Give it a second range
  okestack.oci.vcn:
    id: "{{ made.vcn.id }}"
    cidr_blocks: [10.0.0.0/16, 10.1.0.0/16]

- name: Remove it
  okestack.oci.vcn:
    compartment_id: "{{ compartment_id }}"
    display_name: shop
    state: absent
"""

RETURN = r"""
vcn:
  description:
    - The VCN as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
    cidr_blocks:
      description: Its address ranges.
      type: list
      elements: str
      sample: [10.0.0.0/16]
    dns_label:
      description: Its label in names of hosts.
      type: str
    vcn_domain_name:
      description: The domain of its host names.
      type: str
      sample: shop.oraclevcn.com
    default_route_table_id:
      description: OCID of the route table that came with it.
      type: str
    default_security_list_id:
      description: OCID of the security list that came with it.
      type: str
    default_dhcp_options_id:
      description: OCID of the DHCP options that came with it.
      type: str
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
from ansible_collections.okestack.oci.plugins.module_utils.types.network import VCN


def main() -> None:
    run_module(VCN)


if __name__ == "__main__":
    main()
