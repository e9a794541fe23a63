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
  - It rotates a key, each time or when its current version is older than some days, and switches it on and off.
  - A key cannot be deleted at once. O(state=absent) sets a date, and O(state=present) takes it back while it has not
    come. The key is then enabled or disabled as it was before.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment. Unless O(id) is given, the resource is looked up in it.
      - Required to create it. With O(id), a different compartment moves the resource there, in place.
    type: str
  state:
    description:
      - V(present) makes the key, or changes what differs from the options given. An option that is not given is not
        managed, and whether the key is enabled is left alone.
      - V(enabled) and V(disabled) see to that as well. What a disabled key encrypted can neither be read nor written,
        secrets among it. The service changes nothing else of a disabled key, so that V(enabled) comes before other
        changes, and such a task with V(present) or V(disabled) fails.
      - V(rotated) gives the key a new version, which encrypts from then on; what older versions encrypted can still be
        read. It does so in each run, unless the key was made in it or O(rotate_after_days) says otherwise.
      - V(absent) sets the date of its deletion.
    type: str
    choices: [present, absent, enabled, disabled, rotated]
    default: present
  rotate_after_days:
    description:
      - With O(state=rotated), how old the current version must be, in days, for the key to get a new one. A run before
        that changes nothing.
    type: int
  display_name:
    description:
      - Name of the resource, by which it is found unless O(id) is given. The service does not keep names unique; if
        several resources have this name, the task fails and lists them.
      - Required to create it. With O(id), a different name renames the resource, in place.
    type: str
  management_endpoint:
    description:
      - URL of the vault's own endpoint, which M(okestack.oci.vault) returns. Always needed.
    type: str
  key_shape:
    description:
      - What kind of key it is. Required to create it.
      - Changing the shape requires replacing the key. With O(allow_replace=true) the deletion of the old one is set,
        and what it encrypted, secrets among it, cannot be read from then on.
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
          - The curve of an V(ECDSA) key. The service takes that of the length if not given.
        type: str
        choices: [NIST_P256, NIST_P384, NIST_P521]
  protection_mode:
    description:
      - Whether it never leaves the hardware security module, V(HSM), or is kept and used on servers, V(SOFTWARE). The
        service takes V(HSM) if not given.
      - Changing the mode requires replacing the key, as with O(key_shape).
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
          - Days from one rotation to the next, from 60 to 365. Needed to switch it on.
        type: int
      time_of_schedule_start:
        description:
          - The day from which they are counted, for example V(2027-01-31). The day on which it is switched on if not
            given. The service keeps no time of the day.
        type: str
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
attributes:
  idempotent:
    support: partial
    details:
      - With O(state=rotated) each run makes a new version, unless O(rotate_after_days) says when.
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.vault_key_info
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

- name: A new version of it once a quarter, whenever this runs
  okestack.oci.vault_key:
    compartment_id: "{{ compartment_id }}"
    management_endpoint: "{{ kept.vault.management_endpoint }}"
    display_name: secrets
    state: rotated
    rotate_after_days: 90

- name: A new version of it now
  okestack.oci.vault_key:
    compartment_id: "{{ compartment_id }}"
    management_endpoint: "{{ kept.vault.management_endpoint }}"
    display_name: secrets
    state: rotated

- name: A key by which nothing can be read for the time being
  okestack.oci.vault_key:
    compartment_id: "{{ compartment_id }}"
    management_endpoint: "{{ kept.vault.management_endpoint }}"
    display_name: archive
    key_shape: {algorithm: AES, length: 32}
    protection_mode: SOFTWARE
    state: disabled

- name: Set its deletion, as early as can be
  okestack.oci.vault_key:
    compartment_id: "{{ compartment_id }}"
    management_endpoint: "{{ kept.vault.management_endpoint }}"
    display_name: archive
    state: absent
    deletion_days: 7
"""

RETURN = r"""
vault_key:
  description:
    - The key as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
      sample: ENABLED
    time_created:
      description: When it was created.
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
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import VAULT_KEY


def main() -> None:
    run_module(VAULT_KEY)


if __name__ == "__main__":
    main()
