#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vcn_info
short_description: Look up virtual cloud networks
description:
  - Lists the VCNs of a compartment, or one by its OCID.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  display_name:
    description:
      - Their name.
    type: str
extends_documentation_fragment:
  - okestack.oci.lookup
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.vcn
  - module: okestack.oci.virtual_network
  - module: okestack.oci.subnet_info
"""

EXAMPLES = r"""
- name: The deployment's network
  okestack.oci.vcn_info:
    compartment_id: "{{ compartment_id }}"
    freeform_tags:
      okestack-deployment: shop
  register: found

- name: Its ranges
  ansible.builtin.debug:
    msg: "{{ found.vcns[0].cidr_blocks }}"
"""

RETURN = r"""
vcns:
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
    cidr_blocks:
      description: Its ranges.
      type: list
      elements: str
      sample: [10.0.0.0/16]
    vcn_domain_name:
      description: The domain of its host names.
      type: str
      sample: shop.oraclevcn.com
    default_route_table_id:
      description: OCID of its default route table.
      type: str
    default_security_list_id:
      description: OCID of its default security list.
      type: str
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.network import VCN


def main() -> None:
    run_module(InfoTask(VCN))


if __name__ == "__main__":
    main()
