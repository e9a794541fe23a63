#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: log_group
short_description: Keep a log group
description:
  - Makes, changes, moves and removes a log group, which holds logs and says who may read them.
  - Only an empty one can be removed.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment. Without O(id) the resource is looked for in it.
      - Needed to make it. With O(id) another compartment moves it there with its logs, in place.
    type: str
  display_name:
    description:
      - Name of the log group, the only one of its compartment.
      - Needed to make it. With O(id) another name changes it, in place.
    type: str
  description:
    description:
      - What the log group is for. Changed in place.
    type: str
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.log_group_info
  - module: okestack.oci.log
"""

EXAMPLES = r"""
- name: A place for the shop's logs
  okestack.oci.log_group:
    compartment_id: "{{ compartment_id }}"
    display_name: shop
    description: What goes through the shop's network
  register: logs
"""

RETURN = r"""
log_group:
  description:
    - The log group as the service shows it, or as it would be in check mode. V(null) when it is absent.
    - It holds all fields of the service's model under the SDK's names. Here are those that count most.
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
    description:
      description: What it is for.
      type: str
    lifecycle_state:
      description: State of its life cycle.
      type: str
      sample: ACTIVE
    time_created:
      description: When it was made.
      type: str
      sample: "2026-11-20T08:00:00.000000+00:00"
    freeform_tags:
      description: All its tags without a namespace.
      type: dict
    defined_tags:
      description: All its tags of namespaces.
      type: dict
duration:
  description: How long making, changing or removing it and waiting for it took, in seconds.
  returned: when something changes
  type: float
  sample: 2.4
diff:
  description: What changes, and nothing else. Secrets and values not known yet are named, not shown.
  returned: when something changes
  type: dict
  contains:
    before:
      description: The fields that change, as they were. Empty where the resource is made.
      type: dict
    after:
      description: The same fields as they are now, or would be in check mode.
      type: dict
    before_header:
      description: The resource.
      type: str
    after_header:
      description: The resource and what happens to it.
      type: str
changes:
  description: What was done, or would be in check mode, as a name and a word for it.
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
"""

from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.logging import LOG_GROUP


def main() -> None:
    run_module(LOG_GROUP)


if __name__ == "__main__":
    main()
