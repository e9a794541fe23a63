#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vault_key_info
short_description: Look up keys of a vault
description:
  - Lists the keys that a vault holds for a compartment, or one by its OCID.
  - The service's list leaves out some fields; reading them takes one call for each key.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  management_endpoint:
    description:
      - The vault's management endpoint, which RV(okestack.oci.vault_info#module:vaults[].management_endpoint) tells.
    type: str
    required: true
  display_name:
    description:
      - Their name.
    type: str
extends_documentation_fragment:
  - okestack.oci.lookup
  - okestack.oci.lookup.details
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.vault_key
  - module: okestack.oci.vault_info
"""

EXAMPLES = r"""
- name: Keys of the site's vault
  okestack.oci.vault_key_info:
    management_endpoint: "{{ kept.vault.management_endpoint }}"
    compartment_id: "{{ compartment_id }}"
  register: found
"""

RETURN = r"""
vault_keys:
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
      description: OCID of its compartment.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: ENABLED
    vault_id:
      description: OCID of its vault.
      type: str
    current_key_version:
      description: OCID of the version that encrypts now.
      type: str
    key_shape:
      description: Its algorithm and length in bytes.
      type: dict
      sample: {algorithm: AES, length: 32}
    protection_mode:
      description: Whether it lives in a hardware security module.
      type: str
      sample: HSM
    time_of_deletion:
      description: When it is deleted, if that is planned.
      type: str
      sample: "2026-12-20T08:00:00.000000+00:00"
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import VAULT_KEY


def main() -> None:
    run_module(InfoTask(VAULT_KEY))


if __name__ == "__main__":
    main()
