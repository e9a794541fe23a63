#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vault_secret_info
short_description: Look up secrets, without what they hold
description:
  - Lists the secrets of a compartment or of one vault in it, or one by its OCID.
  - What a secret holds is never read.
  - The service's list leaves out some fields; reading them takes one call for each secret.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  vault_id:
    description:
      - OCID of the vault they are in.
    type: str
  secret_name:
    description:
      - Their name.
    type: str
extends_documentation_fragment:
  - okestack.oci.lookup
  - okestack.oci.lookup.details
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.vault_secret
  - module: okestack.oci.vault_info
"""

EXAMPLES = r"""
- name: Which secrets does the vault hold?
  okestack.oci.vault_secret_info:
    compartment_id: "{{ compartment_id }}"
    vault_id: "{{ kept.vault.id }}"
  register: found

- name: When each got its last version
  ansible.builtin.debug:
    msg: "{{ found.vault_secrets | items2dict('secret_name', 'time_created') }}"
"""

RETURN = r"""
vault_secrets:
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
    secret_name:
      description: Its name.
      type: str
      sample: shop-mysql-admin
    compartment_id:
      description: OCID of its compartment.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: ACTIVE
    vault_id:
      description: OCID of its vault.
      type: str
    key_id:
      description: OCID of the key that encrypts it.
      type: str
    current_version_number:
      description: Number of the version that is read.
      type: int
      sample: 1
    description:
      description: What it is for.
      type: str
      sample: Password of the database's administrator
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
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import VAULT_SECRET


def main() -> None:
    run_module(InfoTask(VAULT_SECRET))


if __name__ == "__main__":
    main()
