#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: policy
short_description: Keep a policy
description:
  - Makes, changes and removes a policy, whose statements grant rights. The statements given are the statements that
    stand.
  - Policies are written in the tenancy's home region, which the module looks up. What they grant holds a few seconds
    later.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment, or V(tenancy) for the root compartment of the tenancy that the task signs in to.
        Unless O(id) is given, the resource is looked up in it.
      - Required to create it. The service cannot move it, so changing the compartment requires replacing the policy.
    type: str
  name:
    description:
      - Name of the policy, unique in the tenancy. Changing the name requires replacing the policy.
      - Required to create it.
    type: str
  description:
    description:
      - What the policy is for. Required to create it. Changed in place.
    type: str
  statements:
    description:
      - The statements in the policy language, in any order. White space is ignored when they are compared.
      - Required to create it. Changed in place, all together.
    type: list
    elements: str
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.policy_info
"""

EXAMPLES = r"""
- name: Let one workload read one secret
  okestack.oci.policy:
    compartment_id: "{{ compartment_id }}"
    name: shop-app-secrets
    description: What the application's pods may read
    statements:
      - >-
        Allow any-user to read secret-bundles in compartment id {{ compartment_id }} where all {
        request.principal.type = 'workload', request.principal.cluster_id = '{{ cluster.oke_cluster.id }}',
        request.principal.namespace = 'shop', request.principal.service_account = 'external-secrets',
        target.secret.id = '{{ password.vault_secret.id }}' }
"""

RETURN = r"""
policy:
  description:
    - The policy as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
    name:
      description: Its name.
      type: str
    description:
      description: What it is for.
      type: str
    statements:
      description: Its statements.
      type: list
      elements: str
    lifecycle_state:
      description: Its life-cycle state.
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
from ansible_collections.okestack.oci.plugins.module_utils.types.identity import POLICY


def main() -> None:
    run_module(POLICY)


if __name__ == "__main__":
    main()
