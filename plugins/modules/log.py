#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: log
short_description: Keep a log
description:
  - Makes, changes, moves and removes a log of a log group. A log of type V(SERVICE) is what a service writes of one of
    its resources, such as the traffic that goes through a subnet; one of type V(CUSTOM) takes what applications send.
  - A resource has one flow log.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  log_group_id:
    description:
      - OCID of the log group in which the log is looked up. Always required.
      - With O(id), a different group moves the log there, in place; it is then looked up in the groups of that one's
        compartment and of those below, then in those of the tenancy.
    type: str
  display_name:
    description:
      - Name of the log, the only one of its group.
      - Required to create it. With O(id), a different name changes it, in place.
    type: str
  log_type:
    description:
      - What writes it. Changing the type requires replacing the log.
      - Required to create it.
    type: str
    choices: [CUSTOM, SERVICE]
  is_enabled:
    description:
      - Whether something is written. The service takes V(true) for a new log. Changed in place.
    type: bool
  retention_duration:
    description:
      - How long what is written is kept, in days, a multiple of 30 up to 180. The service takes 30 for a new log. Changed
        in place.
    type: int
  configuration:
    description:
      - What a log of type V(SERVICE) is of, which needs it.
    type: dict
    suboptions:
      compartment_id:
        description:
          - OCID of the compartment of what is logged, the log's own where it is not given. Changing it requires
            replacing the log.
        type: str
      source:
        description:
          - What is logged. All of it but O(configuration.source.parameters) can only be changed by replacing the log.
        type: dict
        required: true
        suboptions:
          source_type:
            description:
              - Kind of source, which is V(OCISERVICE).
            type: str
            required: true
          service:
            description:
              - Name of the service that writes, V(flowlogs) for the traffic of a network.
            type: str
            required: true
          resource:
            description:
              - OCID of the resource that is logged; for a flow log that of a subnet, a VCN or a VNIC.
            type: str
            required: true
          category:
            description:
              - Which of the service's logs; for a flow log V(subnet) (V(all) for older ones), V(vcn) or V(vnic), as
                O(configuration.source.resource) is one.
            type: str
            required: true
          parameters:
            description:
              - More about it, all together; for a flow log C(capture_filter), the OCID of a capture filter of type FLOWLOG
                that says which traffic is logged. Changed in place.
            type: dict
      archiving:
        description:
          - Whether it is archived. Changed in place.
        type: dict
        suboptions:
          is_enabled:
            description:
              - Whether it is archived.
            type: bool
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.log_info
  - module: okestack.oci.log_group
  - module: okestack.oci.capture_filter
"""

EXAMPLES = r"""
- name: A place for the shop's logs
  okestack.oci.log_group:
    compartment_id: "{{ compartment_id }}"
    display_name: shop
    description: What goes through the shop's network
  register: logs

- name: Log what goes through the nodes' subnet, for three months
  okestack.oci.log:
    log_group_id: "{{ logs.log_group.id }}"
    display_name: nodes
    log_type: SERVICE
    retention_duration: 90
    configuration:
      source:
        source_type: OCISERVICE
        service: flowlogs
        category: subnet
        resource: "{{ nodes_subnet.subnet.id }}"
  register: flow_log

- name: Stop logging for a while, and keep what was logged
  okestack.oci.log:
    log_group_id: "{{ logs.log_group.id }}"
    display_name: nodes
    is_enabled: false

- name: Somewhere else for what is to be looked through
  okestack.oci.log_group:
    compartment_id: "{{ compartment_id }}"
    display_name: shop-review
  register: review

- name: Move the log there
  okestack.oci.log:
    id: "{{ flow_log.log.id }}"
    log_group_id: "{{ review.log_group.id }}"
"""

RETURN = r"""
log:
  description:
    - The log as the service shows it, or as it would be in check mode. V(null) if it is absent.
    - It contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: dict
  contains:
    id:
      description: OCID of the resource.
      type: str
    log_group_id:
      description: OCID of its log group.
      type: str
    compartment_id:
      description: OCID of its log group's compartment.
      type: str
    display_name:
      description: Its name.
      type: str
    log_type:
      description: What writes it.
      type: str
      sample: SERVICE
    is_enabled:
      description: Whether something is written.
      type: bool
    retention_duration:
      description: How long what is written is kept, in days.
      type: int
      sample: 30
    configuration:
      description: What it is of, whose C(source) names service, resource and category.
      type: dict
    lifecycle_state:
      description: State of its life cycle, V(INACTIVE) where it is not enabled.
      type: str
      sample: ACTIVE
    time_created:
      description: When it was created.
      type: str
      sample: "2026-11-20T08:00:00.000000+00:00"
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
from ansible_collections.okestack.oci.plugins.module_utils.types.logging import LOG


def main() -> None:
    run_module(LOG)


if __name__ == "__main__":
    main()
