#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: network_security_group
short_description: Keep a network security group and its rules
description:
  - Makes, changes and removes a network security group (NSG) together with its rules.
  - Of the rules given, those that are there already stay untouched. New ones are added first, those that differ only
    in ports or description are changed next, and what is not given is removed last, so that nothing is closed for a
    moment.
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
      - Required to create it. Changing the VCN requires replacing the group.
    type: str
extends_documentation_fragment:
  - okestack.oci.rules.network_security_group
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.network_security_group_info
  - module: okestack.oci.security_list
"""

EXAMPLES = r"""
- name: The database's group
  okestack.oci.network_security_group:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
    display_name: mysql
    security_rules:
      - direction: INGRESS
        source: "{{ pods.network_security_group.id }}"
        source_type: NETWORK_SECURITY_GROUP
        protocol: "6"
        tcp_options:
          destination_port_range: {min: 3306, max: 3306}
        description: application to database
      - direction: INGRESS
        source: 10.0.0.0/16
        source_type: CIDR_BLOCK
        protocol: "1"
        icmp_options: {type: 3, code: 4}
        description: path discovery
"""

RETURN = r"""
network_security_group:
  description:
    - The group as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
    security_rules:
      description: Its rules with their ids, where O(security_rules) is given.
      type: list
      elements: dict
      sample:
        - id: 04ABEC
          direction: INGRESS
          protocol: "6"
          source: 10.0.0.0/16
          source_type: CIDR_BLOCK
          is_stateless: false
          is_valid: true
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
from ansible_collections.okestack.oci.plugins.module_utils.types.network import NETWORK_SECURITY_GROUP


def main() -> None:
    run_module(NETWORK_SECURITY_GROUP)


if __name__ == "__main__":
    main()
