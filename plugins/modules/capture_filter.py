#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: capture_filter
short_description: Keep a capture filter for mirrored traffic or flow logs
description:
  - Makes, changes and removes a capture filter, which says what a virtual test access point mirrors or what a flow log
    of a VCN holds. The rules given are the rules that stand.
  - A change holds for everything that uses the filter. One that is in use cannot be removed.
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
  filter_type:
    description:
      - What uses it, virtual test access points, V(VTAP), or flow logs, V(FLOWLOG).
      - Required to create it. Changing the type requires replacing the filter.
    type: str
    choices: [VTAP, FLOWLOG]
extends_documentation_fragment:
  - okestack.oci.rules.capture_filter
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.capture_filter_info
  - module: okestack.oci.vtap
"""

EXAMPLES = r"""
- name: Mirror what comes in by HTTP, but not from the load balancers' subnet
  okestack.oci.capture_filter:
    compartment_id: "{{ compartment_id }}"
    display_name: web
    filter_type: VTAP
    vtap_capture_filter_rules:
      - traffic_direction: INGRESS
        rule_action: EXCLUDE
        source_cidr: 10.0.1.0/24
      - traffic_direction: INGRESS
        protocol: "6"
        tcp_options:
          destination_port_range: {min: 80, max: 80}

- name: Log one of ten flows, and every rejected one
  okestack.oci.capture_filter:
    compartment_id: "{{ compartment_id }}"
    display_name: flows
    filter_type: FLOWLOG
    flow_log_capture_filter_rules:
      - priority: 0
        flow_log_type: REJECT
      - priority: 1
        sampling_rate: 10
"""

RETURN = r"""
capture_filter:
  description:
    - The filter as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
    filter_type:
      description: What uses it.
      type: str
      sample: VTAP
    vtap_capture_filter_rules:
      description: Its rules, where it is for virtual test access points.
      type: list
      elements: dict
    flow_log_capture_filter_rules:
      description: Its rules, where it is for flow logs.
      type: list
      elements: dict
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
from ansible_collections.okestack.oci.plugins.module_utils.types.network import CAPTURE_FILTER


def main() -> None:
    run_module(CAPTURE_FILTER)


if __name__ == "__main__":
    main()
