#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: capture_filter_info
short_description: Look up capture filters
description:
  - Lists the capture filters of a compartment, or one by its OCID.
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
  - module: okestack.oci.capture_filter
  - module: okestack.oci.vtap_info
"""

EXAMPLES = r"""
- name: The deployment's filters
  okestack.oci.capture_filter_info:
    compartment_id: "{{ compartment_id }}"
    freeform_tags:
      okestack-deployment: shop
  register: found
"""

RETURN = r"""
capture_filters:
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
    filter_type:
      description: Whether it is for VTAPs or for flow logs.
      type: str
      sample: VTAP
    vtap_capture_filter_rules:
      description: Its rules, where it is for VTAPs.
      type: list
      elements: dict
      sample:
        - traffic_direction: INGRESS
          rule_action: INCLUDE
          source_cidr: 10.0.0.0/16
    flow_log_capture_filter_rules:
      description: Its rules, where it is for flow logs.
      type: list
      elements: dict
      sample:
        - sampling_rate: 10
          is_enabled: true
          priority: 0
          flow_log_type: ALL
          rule_action: INCLUDE
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.network import CAPTURE_FILTER


def main() -> None:
    run_module(InfoTask(CAPTURE_FILTER))


if __name__ == "__main__":
    main()
