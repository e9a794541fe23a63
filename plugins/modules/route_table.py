#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: route_table
short_description: Keep a route table of a virtual cloud network
description:
  - Makes, changes and removes a route table. The rules given are the rules that stand.
  - The default route table of a VCN is kept by its O(id), and cannot be removed.
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
      - Required to create it. Changing the VCN requires replacing the route table.
    type: str
  route_rules:
    description:
      - The rules, in any order. Changed in place, all together. An empty list removes all; none by default.
    type: list
    elements: dict
    suboptions:
      destination:
        description:
          - What the rule is for, a CIDR block, or the CIDR label of a service for
            O(route_rules[].destination_type=SERVICE_CIDR_BLOCK), V(all) for that of all of Oracle's services.
        type: str
        required: true
      destination_type:
        description:
          - What O(route_rules[].destination) is. V(CIDR_BLOCK) if not given.
        type: str
        choices: [CIDR_BLOCK, SERVICE_CIDR_BLOCK]
      network_entity_id:
        description:
          - OCID of the gateway that the traffic goes to.
        type: str
        required: true
      description:
        description:
          - What the rule is good for.
        type: str
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.route_table_info
  - module: okestack.oci.subnet
  - module: okestack.oci.internet_gateway
  - module: okestack.oci.nat_gateway
  - module: okestack.oci.service_gateway
"""

EXAMPLES = r"""
- name: Routes of private subnets
  okestack.oci.route_table:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
    display_name: private
    route_rules:
      - destination: 0.0.0.0/0
        network_entity_id: "{{ nat.nat_gateway.id }}"
      - destination: "{{ found.all_services.cidr_block }}"
        destination_type: SERVICE_CIDR_BLOCK
        network_entity_id: "{{ services.service_gateway.id }}"

- name: Take all rules out of the VCN's default route table
  okestack.oci.route_table:
    id: "{{ network.vcn.default_route_table_id }}"
    route_rules: []
"""

RETURN = r"""
route_table:
  description:
    - The route table as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
    route_rules:
      description: Its rules.
      type: list
      elements: dict
      sample:
        - destination: 0.0.0.0/0
          destination_type: CIDR_BLOCK
          network_entity_id: ocid1.natgateway.oc1.eu-frankfurt-1.aaaaexample
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
from ansible_collections.okestack.oci.plugins.module_utils.types.network import ROUTE_TABLE


def main() -> None:
    run_module(ROUTE_TABLE)


if __name__ == "__main__":
    main()
