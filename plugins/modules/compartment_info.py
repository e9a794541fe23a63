#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: compartment_info
short_description: Look up compartments
description:
  - Lists the compartments right below one, or one by its OCID.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  name:
    description:
      - Their name.
    type: str
extends_documentation_fragment:
  - okestack.oci.lookup
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.compartment
  - module: okestack.oci.resource_info
"""

EXAMPLES = r"""
- name: The compartments below
  okestack.oci.compartment_info:
    compartment_id: "{{ compartment_id }}"
  register: found
"""

RETURN = r"""
compartments:
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
    name:
      description: Its name.
      type: str
      sample: shop
    compartment_id:
      description: OCID of its compartment.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: ACTIVE
    description:
      description: What it is for.
      type: str
      sample: The shop
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.identity import COMPARTMENT


def main() -> None:
    run_module(InfoTask(COMPARTMENT))


if __name__ == "__main__":
    main()
