#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vault_info
short_description: Look up vaults
description:
  - Lists the vaults of a compartment, or one by its OCID.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  display_name:
    description:
      - Their name.
    type: str
extends_documentation_fragment:
  - okestack.oci.lookup
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.vault
  - module: okestack.oci.vault_key_info
  - module: okestack.oci.vault_secret_info
"""

EXAMPLES = r"""
- name: The site's vault
  okestack.oci.vault_info:
    compartment_id: "{{ compartment_id }}"
    display_name: shop
  register: found

- name: Where its keys are kept
  ansible.builtin.debug:
    msg: "{{ found.vaults[0].management_endpoint }}"
"""

RETURN = r"""
vaults:
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
      sample: ACTIVE
    management_endpoint:
      description: Where its keys are managed.
      type: str
      sample: https://example-management.kms.eu-frankfurt-1.oraclecloud.com
    crypto_endpoint:
      description: Where its keys encrypt.
      type: str
      sample: https://example-crypto.kms.eu-frankfurt-1.oraclecloud.com
    vault_type:
      description: Whether it shares its hardware, V(DEFAULT), or not, V(VIRTUAL_PRIVATE).
      type: str
      sample: DEFAULT
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
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import VAULT


def main() -> None:
    run_module(InfoTask(VAULT))


if __name__ == "__main__":
    main()
