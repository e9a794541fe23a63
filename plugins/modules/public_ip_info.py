#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: public_ip_info
short_description: Look up reserved public addresses
description:
  - Lists the reserved public IPv4 addresses of a compartment, or one by its OCID.
  - Ephemeral addresses are not listed, since they come and go with what has them.
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
  - module: okestack.oci.public_ip
"""

EXAMPLES = r"""
- name: The deployment's reserved addresses
  okestack.oci.public_ip_info:
    compartment_id: "{{ compartment_id }}"
    freeform_tags:
      okestack-deployment: shop
  register: found

- name: Addresses that nothing uses
  ansible.builtin.debug:
    msg: "{{ found.public_ips | rejectattr('assigned_entity_id') | map(attribute='ip_address') }}"
"""

RETURN = r"""
public_ips:
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
      sample: ASSIGNED
    ip_address:
      description: The address.
      type: str
      sample: 192.0.2.10
    assigned_entity_id:
      description: OCID of what it is assigned to. V(null) where that is nothing.
      type: str
      sample: ocid1.privateip.oc1.eu-frankfurt-1.aaaaexample
    assigned_entity_type:
      description: What that is.
      type: str
      sample: PRIVATE_IP
    private_ip_id:
      description: OCID of the private address that it is mapped to.
      type: str
      sample: ocid1.privateip.oc1.eu-frankfurt-1.aaaaexample
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.network import PUBLIC_IP


def main() -> None:
    run_module(InfoTask(PUBLIC_IP))


if __name__ == "__main__":
    main()
