#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vault_secret
short_description: Keep a secret of a vault
description:
  - Makes, changes and removes a secret, whose content the service generates or the task gives.
  - Content given is compared with the current version and makes a new one only where it differs. It is never shown.
  - A secret cannot be deleted at once, and its name stays taken until it is. O(state=absent) sets a date, and
    O(state=present) takes it back while it has not come.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment. Without O(id) the resource is looked for in it.
      - Needed to make it. With O(id) another compartment moves it there, in place.
    type: str
  secret_name:
    description:
      - Name of the secret, unique in the vault. Letters, digits, hyphens, underscores and periods.
      - Needed to make it. Another name takes a new secret.
    type: str
  vault_id:
    description:
      - OCID of the vault, in which the secret is looked for.
      - Needed to make it. Another vault takes a new secret.
    type: str
  key_id:
    description:
      - OCID of the key that encrypts it, a symmetric one (V(AES)) of the same vault.
      - Needed to make it. Another key takes a new secret.
    type: str
  description:
    description:
      - What it is for; no place for confidential text. Changed in place.
    type: str
  metadata:
    description:
      - Keys and values about its use, for example the database's address; no place for confidential text. Changed in
        place, all together.
    type: dict
  content:
    description:
      - The content as text. Other content makes a new version, which becomes the current one.
      - To compare it the module reads the secret, which takes the right to C(read secret-bundles).
      - Not together with O(enable_auto_generation=true).
    type: str
  enable_auto_generation:
    description:
      - Whether the service generates the content when it is made. It takes O(secret_generation_context).
    type: bool
  secret_generation_context:
    description:
      - What the service generates.
    type: dict
    suboptions:
      generation_type:
        description:
          - The kind of content.
        type: str
        choices: [PASSPHRASE, SSH_KEY, BYTES]
        required: true
      generation_template:
        description:
          - The service's template for it. For V(PASSPHRASE) V(SECRETS_DEFAULT_PASSWORD) or V(DBAAS_DEFAULT_PASSWORD),
            for V(SSH_KEY) for example V(RSA_2048), for V(BYTES) V(BYTES_512) or V(BYTES_1024).
        type: str
        required: true
      passphrase_length:
        description:
          - How many characters a V(PASSPHRASE) has.
        type: int
      secret_template:
        description:
          - Text around what is generated, in which the service fills in its placeholders. Without it the content is
            what is generated and nothing else.
        type: str
  deletion_days:
    description:
      - With O(state=absent), how many days ahead the deletion is set, from 1 to 30. The latest if not given.
    type: int
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.vault
  - module: okestack.oci.vault_key
  - module: okestack.oci.mysql_db_system
"""

EXAMPLES = r"""
- name: A password that nobody has to know
  okestack.oci.vault_secret:
    compartment_id: "{{ compartment_id }}"
    vault_id: "{{ kept.vault.id }}"
    key_id: "{{ key.vault_key.id }}"
    secret_name: shop-mysql-admin
    enable_auto_generation: true
    secret_generation_context:
      generation_type: PASSPHRASE
      generation_template: DBAAS_DEFAULT_PASSWORD
      passphrase_length: 24

- name: A token that somebody else issued
  okestack.oci.vault_secret:
    compartment_id: "{{ compartment_id }}"
    vault_id: "{{ kept.vault.id }}"
    key_id: "{{ key.vault_key.id }}"
    secret_name: shop-mail-token
    content: "{{ lookup('ansible.builtin.file', token_file) }}"
"""

RETURN = r"""
vault_secret:
  description:
    - The secret, without its content, as the service shows it, or as it would be in check mode. V(null) when it is
      absent.
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
    secret_name:
      description: Its name.
      type: str
    lifecycle_state:
      description: State of its life cycle.
      type: str
      sample: ACTIVE
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
    key_id:
      description: OCID of the key that encrypts it.
      type: str
    current_version_number:
      description: Number of the current version.
      type: int
      sample: 1
    is_auto_generation_enabled:
      description: Whether the service generates its content.
      type: bool
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
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import VAULT_SECRET


def main() -> None:
    run_module(VAULT_SECRET)


if __name__ == "__main__":
    main()
