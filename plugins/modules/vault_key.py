#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vault_key
short_description: Keep a master encryption key of a vault
description:
  - Makes, changes and removes a master encryption key. Keys are kept at their vault's own endpoint.
  - A key cannot be deleted at once. O(state=absent) sets a date, and O(state=present) takes it back while it has not
    come.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment. Without O(id) the resource is looked for in it.
      - Needed to make it. With O(id) another compartment moves it there, in place.
    type: str
  display_name:
    description:
      - Name of the resource, by which it is found without O(id). The service does not keep it unique; where several
        have it the task fails and lists them.
      - Needed to make it. With O(id) another name renames it, in place.
    type: str
  management_endpoint:
    description:
      - URL of the vault's own endpoint, which M(okestack.oci.vault) returns. Always needed.
    type: str
  key_shape:
    description:
      - What kind of key it is. Needed to make it; another kind takes a new key.
    type: dict
    suboptions:
      algorithm:
        description:
          - The algorithm. Secrets and a cluster's etcd take a symmetric key, V(AES).
        type: str
        choices: [AES, RSA, ECDSA]
        required: true
      length:
        description:
          - "The length in bytes: 16, 24 or 32 for V(AES), 256, 384 or 512 for V(RSA), 32, 48 or 66 for V(ECDSA)."
        type: int
        required: true
      curve_id:
        description:
          - The curve of an V(ECDSA) key, for example V(NIST_P256).
        type: str
  protection_mode:
    description:
      - Whether it never leaves the hardware security module, V(HSM), or is kept and used on servers, V(SOFTWARE). The
        service takes V(HSM) if not given.
      - Another mode takes a new key.
    type: str
    choices: [HSM, SOFTWARE]
  is_auto_rotation_enabled:
    description:
      - Whether the service gives it a new version from time to time. Changed in place; only vaults of type
        V(VIRTUAL_PRIVATE) can.
    type: bool
  auto_key_rotation_details:
    description:
      - When it rotates. Changed in place.
    type: dict
    suboptions:
      rotation_interval_in_days:
        description:
          - Days from one rotation to the next, from 60 to 365.
        type: int
  deletion_days:
    description:
      - With O(state=absent), how many days ahead the deletion is set, from 7 to 30. The latest if not given.
    type: int
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.vault
  - module: okestack.oci.vault_secret
"""

EXAMPLES = r"""
- name: A key that lives in the hardware security module
  okestack.oci.vault_key:
    compartment_id: "{{ compartment_id }}"
    management_endpoint: "{{ kept.vault.management_endpoint }}"
    display_name: secrets
    key_shape: {algorithm: AES, length: 32}
    protection_mode: HSM

- name: Set its deletion, a month from now
  okestack.oci.vault_key:
    compartment_id: "{{ compartment_id }}"
    management_endpoint: "{{ kept.vault.management_endpoint }}"
    display_name: secrets
    state: absent
"""

RETURN = r"""
vault_key:
  description:
    - The key as the service shows it, or as it would be in check mode. V(null) when it is absent.
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
    lifecycle_state:
      description: State of its life cycle.
      type: str
      sample: ENABLED
    time_created:
      description: When it was made.
      type: str
      sample: "2026-11-20T08:00:00.000000+00:00"
    time_of_deletion:
      description: When it will be deleted, where that is set.
      type: str
    vault_id:
      description: OCID of its vault.
      type: str
    current_key_version:
      description: OCID of the version that encrypts now.
      type: str
    key_shape:
      description: What kind of key it is.
      type: dict
      sample: {algorithm: AES, length: 32, curve_id: null}
    protection_mode:
      description: How it is protected.
      type: str
      sample: HSM
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
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import VAULT_KEY


def main() -> None:
    run_module(VAULT_KEY)


if __name__ == "__main__":
    main()
