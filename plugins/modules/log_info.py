#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: log_info
short_description: Look up logs of a log group
description:
  - Lists the logs of a log group, or one by its OCID.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  log_group_id:
    description:
      - OCID of the log group.
    type: str
    required: true
  id:
    description:
      - OCID of the resource to look up. If it does not exist, the result is empty.
    type: str
  display_name:
    description:
      - Their name.
    type: str
  freeform_tags:
    description:
      - Tags without a namespace, as key and text. Only resources that have all of them are listed.
    type: dict
  lifecycle_states:
    description:
      - States of the life cycle. Only resources in one of them are listed.
      - If not given, all are listed.
    type: list
    elements: str
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.log
  - module: okestack.oci.log_group_info
"""

EXAMPLES = r"""
- name: The logs of a group
  okestack.oci.log_info:
    log_group_id: "{{ logs.log_group.id }}"
  register: found

- name: What they are of
  ansible.builtin.debug:
    msg: "{{ found.logs | map(attribute='configuration.source.resource') }}"
"""

RETURN = r"""
logs:
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
      description: OCID of its log group's compartment.
      type: str
    lifecycle_state:
      description: State of its life cycle.
      type: str
      sample: ACTIVE
    log_group_id:
      description: OCID of its log group.
      type: str
    log_type:
      description: What writes it.
      type: str
      sample: SERVICE
    is_enabled:
      description: Whether something is written.
      type: bool
      sample: true
    retention_duration:
      description: How long what is written is kept, in days.
      type: int
      sample: 30
    configuration:
      description: What it is of, whose C(source) names service, resource and category.
      type: dict
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.logging import LOG


def main() -> None:
    run_module(InfoTask(LOG))


if __name__ == "__main__":
    main()
