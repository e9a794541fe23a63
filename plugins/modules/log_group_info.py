#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: log_group_info
short_description: Look up log groups
description:
  - Lists the log groups of a compartment, or one by its OCID.
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
  - module: okestack.oci.log_group
  - module: okestack.oci.log_info
"""

EXAMPLES = r"""
- name: Log groups of a compartment
  okestack.oci.log_group_info:
    compartment_id: "{{ compartment_id }}"
  register: found
"""

RETURN = r"""
log_groups:
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
      sample: ACTIVE
    description:
      description: What it is for.
      type: str
      sample: What goes through the shop's network
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.logging import LOG_GROUP


def main() -> None:
    run_module(InfoTask(LOG_GROUP))


if __name__ == "__main__":
    main()
