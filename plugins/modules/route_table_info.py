#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: route_table_info
short_description: Look up route tables
description:
  - Lists the route tables of a compartment or of one VCN in it, or one by its OCID.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  vcn_id:
    description:
      - OCID of the VCN they are in.
    type: str
  display_name:
    description:
      - Their name.
    type: str
extends_documentation_fragment:
  - okestack.oci.lookup
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.route_table
"""

EXAMPLES = r"""
- name: The network's route tables
  okestack.oci.route_table_info:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
  register: found
"""

RETURN = r"""
route_tables:
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
      sample: AVAILABLE
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
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.network import ROUTE_TABLE


def main() -> None:
    run_module(InfoTask(ROUTE_TABLE))


if __name__ == "__main__":
    main()
