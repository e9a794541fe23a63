#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: compartment
short_description: Keep a compartment
description:
  - Makes, changes, moves and removes a compartment.
  - Compartments are written in the tenancy's home region, which the module looks up, and hold in all regions.
  - Only an empty compartment can be removed. The service looks into it while it removes it, which takes minutes; where
    something is left in it, the task fails with what the service says of it.
  - A removed compartment is shown for some time, under another name; O(state=present) makes a new one.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the parent compartment, or of the tenancy. Unless O(id) is given, the compartment is looked up in it.
      - Required to create it. With O(id), a different parent moves it there, with all that is in it. The policies of
        the new parent then hold for it, and those of the old one no longer.
    type: str
  name:
    description:
      - Name of the compartment, the only one of its parent. Policies call it by its name.
      - Required to create it. With O(id), a different name changes it, in place.
    type: str
  description:
    description:
      - What the compartment is for. Required to create it. Changed in place.
    type: str
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.compartment_info
"""

EXAMPLES = r"""
- name: A compartment for the shop
  okestack.oci.compartment:
    compartment_id: "{{ compartment_id }}"
    name: shop
    description: All that the shop runs on
  register: shop

- name: A compartment in it, for what the shop logs
  okestack.oci.compartment:
    compartment_id: "{{ shop.compartment.id }}"
    name: logs
    description: What the shop logs
  register: logs

- name: Another name for it, and another parent
  okestack.oci.compartment:
    id: "{{ logs.compartment.id }}"
    compartment_id: "{{ compartment_id }}"
    name: shop-logs

- name: No compartment for logs
  okestack.oci.compartment:
    id: "{{ logs.compartment.id }}"
    state: absent
"""

RETURN = r"""
compartment:
  description:
    - The compartment as the service shows it, or as it would be in check mode. V(null) if it is absent.
    - It contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: dict
  contains:
    id:
      description: OCID of the resource.
      type: str
    compartment_id:
      description: OCID of its parent.
      type: str
    name:
      description: Its name.
      type: str
    description:
      description: What it is for.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: ACTIVE
    is_accessible:
      description: Whether who asks may see something in it.
      type: bool
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
from ansible_collections.okestack.oci.plugins.module_utils.types.identity import COMPARTMENT


def main() -> None:
    run_module(COMPARTMENT)


if __name__ == "__main__":
    main()
