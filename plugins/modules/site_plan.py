#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: site_plan
short_description: Tell as JSON what a site's tasks would do
version_added: 0.1.0
description:
  - Takes what the tasks of the site's roles recorded in check mode, returns it as a plan and writes it to a file.
  - Tasks record where the variable C(okestack_planned) is set. Each then leaves a fact whose name begins with the variable's value.
  - The plan holds no secret; what is known only after the run is shown as C((known after apply)).
  - It asks nobody, and writes nothing but its file, in check mode too.
options:
  deployment:
    description:
      - The deployment's name.
    type: str
    required: true
  seen:
    description:
      - What the tasks recorded, the values of their facts.
    type: list
    elements: dict
    required: true
  path:
    description:
      - File to write the plan to, as JSON.
    type: path
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.site_drift
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: What would the site's tasks do?
  okestack.oci.site_plan:
    deployment: shop
    seen: []
"""

RETURN = r"""
plan:
  description: What would be done, under C(add), C(change), C(replace) and C(remove), and how much of each under C(counts). Of each
    thing C(type), C(name), C(before), C(after) and C(calls), the operations of the services in their order (C(kubernetes.apply) and
    C(kubernetes.delete) for an object of the cluster).
  type: dict
  returned: success
  sample:
    deployment: shop
    add: []
    change:
      - type: nat_gateway
        name: nat
        before: {block_traffic: true}
        after: {block_traffic: false}
        calls: [core.update_nat_gateway]
    replace: []
    remove: []
    counts: {add: 0, change: 1, replace: 0, remove: 0}
anything:
  description: Whether anything is to be done.
  type: bool
  returned: success
  sample: true
"""

from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.site_plan import SitePlan


def main() -> None:
    run_module(SitePlan())


if __name__ == "__main__":
    main()
