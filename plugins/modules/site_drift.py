#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: site_drift
short_description: Report what differs from a declaration, is gone, or is managed by nobody
version_added: 0.1.0
description:
  - Takes what the tasks of the site's roles recorded, lists what is in the compartments beside it, prints a table and returns it.
  - Tasks record where the variable C(okestack_record) is set. Each then leaves a fact whose name begins with the variable's value,
    with the OCIDs that it keeps and what it changed, or would change in check mode. There a change that requires replacing a
    resource is planned as if their option C(allow_replace) were set.
  - Of a compartment one list is read for each type, page by page, side by side, whatever number of resources it holds. What lies in
    a vault, a log group or a cluster is listed where that is declared.
  - It writes nothing and does not fail where something differs.
options:
  compartment_ids:
    description:
      - OCIDs of the compartments of the site.
    type: list
    elements: str
    required: true
  deployment:
    description:
      - The deployment's name, the value of the freeform tag C(okestack-deployment).
    type: str
    required: true
  seen:
    description:
      - What the tasks recorded, the values of their facts.
    type: list
    elements: dict
    required: true
  objects:
    description:
      - Objects in the cluster, of the kinds that are to be looked at, Services among them, as
        M(okestack.oci.kubernetes_info) returns them. If not given, where a cluster is declared, this is reported as
        V(unknown).
    type: list
    elements: dict
  stopped:
    description:
      - Why the tasks did not come to their end, if they did not.
    type: str
  ignore:
    description:
      - Resources that belong to nobody and are not to be reported, each as an OCID or as a pattern of its type and
        name. What they contain is not reported either.
    type: list
    elements: str
    default: []
  fail_on:
    description:
      - Kinds of findings that RV(failing) holds, beside those that could not be judged.
    type: list
    elements: str
    choices: [differs, gone, left_over, unmanaged]
    default: []
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.resource_info
  - module: okestack.oci.site_findings
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: What is in the compartment that nobody declares?
  okestack.oci.site_drift:
    compartment_ids: ["{{ compartment_id }}"]
    deployment: shop
    seen: []
    ignore: [vcn landing-*]
    fail_on: [differs, gone]
"""

RETURN = r"""
findings:
  description: What is not as declared. C(kind) is V(differs), V(gone), V(left_over) (of the deployment, and declared no more),
    V(unmanaged) (of nobody) or V(unknown).
  type: list
  elements: dict
  returned: success
  sample:
    - kind: differs
      type: nat_gateway
      name: nat
      id: null
      what: block_traffic is True, not False
      before: {block_traffic: true}
      after: {block_traffic: false}
      repaired: false
      holder: null
counts:
  description: How many there are of each kind.
  type: dict
  returned: success
  sample: {differs: 1, gone: 0, left_over: 0, unmanaged: 2, unknown: 0}
failing:
  description: Those of O(fail_on) that were not repaired, and those that could not be judged.
  type: list
  elements: dict
  returned: success
  sample: []
table:
  description: The lines that were printed.
  type: list
  elements: str
  returned: success
  sample: ["differs    nat_gateway nat: block_traffic is True, not False"]
"""

from ansible_collections.okestack.oci.plugins.module_utils.drift import SiteDrift
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(SiteDrift())


if __name__ == "__main__":
    main()
