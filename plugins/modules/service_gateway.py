#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: service_gateway
short_description: Keep a service gateway of a virtual cloud network
description:
  - Makes, changes and removes a service gateway, by which private subnets reach Oracle's own services without the
    internet.
  - Each service it opens needs a rule in a route table whose destination is the service's CIDR label, see
    M(okestack.oci.route_table).
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
      - Required to create it. Changing the VCN requires replacing the gateway.
    type: str
  services:
    description:
      - The services it opens; the list given replaces the current one. M(okestack.oci.network_services_info) names
        those of the region.
      - Needed to make it; an empty list opens none. Changed in place.
    type: list
    elements: dict
    suboptions:
      service_id:
        description:
          - OCID of the service, its CIDR label, or V(all) for all of Oracle's services in the region.
        type: str
        required: true
  block_traffic:
    description:
      - Whether it lets nothing through. Changed in place, also right after creation.
    type: bool
  route_table_id:
    description:
      - OCID of a route table for traffic that comes in through the gateway. Usually none. Changed in place.
    type: str
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.service_gateway_info
  - module: okestack.oci.network_services_info
  - module: okestack.oci.route_table
"""

EXAMPLES = r"""
- name: Which services are there?
  okestack.oci.network_services_info:
  register: found

- name: The way from private subnets to all of Oracle's services
  okestack.oci.service_gateway:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
    display_name: services
    services:
      - service_id: all
"""

RETURN = r"""
service_gateway:
  description:
    - The gateway as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
    services:
      description: The services it opens.
      type: list
      elements: dict
      sample:
        - service_id: ocid1.service.oc1.eu-frankfurt-1.aaaaexample
          service_name: All FRA Services In Oracle Services Network
    block_traffic:
      description: Whether it lets nothing through.
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
from ansible_collections.okestack.oci.plugins.module_utils.types.network import SERVICE_GATEWAY


def main() -> None:
    run_module(SERVICE_GATEWAY)


if __name__ == "__main__":
    main()
