#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vault
short_description: Keep a vault
description:
  - Makes, changes and removes a vault, which holds keys and secrets.
  - A vault cannot be deleted at once. O(state=absent) sets a date, and O(state=present) takes it back while it has
    not come.
  - Its keys and secrets go with it. The service refuses a date before that of a key which is to be deleted already.
  - It waits until a new vault's own endpoint answers, which may be later than the vault is V(ACTIVE).
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
  vault_type:
    description:
      - V(VIRTUAL_PRIVATE) has a partition of the hardware security module for itself, and is charged for it. Defaults
        to V(DEFAULT) at creation.
      - Changing the type requires replacing the vault; keys and secrets cannot be moved into the new one.
    type: str
    choices: [DEFAULT, VIRTUAL_PRIVATE]
  deletion_days:
    description:
      - With O(state=absent), how many days ahead the deletion is set, from 7 to 30. The latest if not given.
      - A date that is set already stays. O(state=present) takes it back, and another run can then set a new one.
    type: int
  time_of_deletion:
    description:
      - With O(state=absent), the date of the deletion in place of O(deletion_days), within the same limits.
      - "A date or a time of ISO 8601, for example V(2027-01-31) or V(2027-01-31T18:00:00Z). Without a time it is the day's
        beginning, without a zone UTC."
    type: str
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.vault_info
  - module: okestack.oci.vault_key
  - module: okestack.oci.vault_secret
"""

EXAMPLES = r"""
- name: The site's vault
  okestack.oci.vault:
    compartment_id: "{{ compartment_id }}"
    display_name: shop
  register: kept

- name: Another name for it
  okestack.oci.vault:
    id: "{{ kept.vault.id }}"
    display_name: shop-keys

- name: Delete it, with its keys and secrets, in seven days
  okestack.oci.vault:
    compartment_id: "{{ compartment_id }}"
    display_name: shop-keys
    state: absent
    deletion_days: 7

- name: Keep it after all, with all that is in it
  okestack.oci.vault:
    compartment_id: "{{ compartment_id }}"
    display_name: shop-keys
"""

RETURN = r"""
vault:
  description:
    - The vault as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
      sample: ACTIVE
    time_created:
      description: When it was created.
      type: str
      sample: "2026-11-20T08:00:00.000000+00:00"
    time_of_deletion:
      description: When it will be deleted, where that is set.
      type: str
    vault_type:
      description: Its type.
      type: str
      sample: DEFAULT
    management_endpoint:
      description: URL at which its keys are kept, the option of the same name of M(okestack.oci.vault_key).
      type: str
      sample: https://example-management.kms.eu-frankfurt-1.oraclecloud.com
    crypto_endpoint:
      description: URL at which its keys encrypt and decrypt.
      type: str
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
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import VAULT


def main() -> None:
    run_module(VAULT)


if __name__ == "__main__":
    main()
