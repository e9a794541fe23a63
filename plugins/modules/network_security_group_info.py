#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: network_security_group_info
short_description: Look up network security groups
description:
  - Lists the network security groups of a compartment or of one VCN in it, or one by its OCID, with their rules.
  - The rules of each group take a call of their own.
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
  - module: okestack.oci.network_security_group
"""

EXAMPLES = r"""
- name: The network's groups and their rules
  okestack.oci.network_security_group_info:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
  register: found

- name: Rules that let the whole internet in
  ansible.builtin.debug:
    msg: "{{ rules | selectattr('source', 'eq', '0.0.0.0/0') }}"
  vars:
    rules: "{{ found.network_security_groups | map(attribute='security_rules') | flatten }}"
"""

RETURN = r"""
network_security_groups:
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
    security_rules:
      description: Its rules.
      type: list
      elements: dict
      sample:
        - id: 04ABEC
          direction: INGRESS
          source: 10.0.0.0/16
          source_type: CIDR_BLOCK
          protocol: '6'
          is_valid: true
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.network import NETWORK_SECURITY_GROUP


def main() -> None:
    run_module(InfoTask(NETWORK_SECURITY_GROUP))


if __name__ == "__main__":
    main()
