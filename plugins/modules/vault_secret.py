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
  - New content can wait as V(PENDING) until its consumers are prepared, and older versions can be made current again.
  - Generated content is never read. O(state=rotated) has it generated again.
  - A secret cannot be deleted at once, and its name stays taken until it is. O(state=absent) sets a date, and
    O(state=present) takes it back while it has not come.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  state:
    description:
      - V(present) makes the secret, or changes what differs from the options given. An option that is not given is
        not managed; an empty list or string that is given is.
      - V(rotated) has the service generate new content as well, which becomes the current version; that before stays
        readable as V(PREVIOUS). It does so in each run, unless the secret was made in it or O(rotate_after_days) says
        otherwise. Content that was given is rotated by giving another.
      - V(absent) sets the date of its deletion.
    type: str
    choices: [present, absent, rotated]
    default: present
  allow_replace:
    description:
      - Has no effect on a secret, which cannot be recreated while its name is taken. A change that the service cannot
        make in place fails with either value.
    type: bool
    default: false
  rotate_after_days:
    description:
      - With O(state=rotated), how old the current version must be, in days, for new content to be generated. A run
        before that changes nothing.
    type: int
  compartment_id:
    description:
      - OCID of the compartment. Unless O(id) is given, the resource is looked up in it.
      - Required to create it. With O(id), a different compartment moves the resource there, in place.
    type: str
  secret_name:
    description:
      - Name of the secret, unique in the vault. Letters, digits, hyphens, underscores and periods.
      - Required to create it. The service cannot change it.
    type: str
  vault_id:
    description:
      - OCID of the vault in which the secret is looked up.
      - Required to create it. The service cannot change it.
    type: str
  key_id:
    description:
      - OCID of the key that encrypts it, a symmetric one (V(AES)) of the same vault.
      - Required to create it. The service cannot change it.
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
      - The content as text. Other content makes a new version, which becomes the current one, or that of O(stage).
      - To compare it the module reads the secret, which takes the right to C(read secret-bundles).
      - A secret whose content was generated gets this one, and is not generated any more.
      - Not together with O(enable_auto_generation=true) or O(current_version_number).
    type: str
  stage:
    description:
      - Where O(content) is to be.
      - V(CURRENT) makes it what readers get. Where the version that is V(PENDING) holds it, that one is promoted.
      - V(PENDING) makes it a version that waits, unless it is the current one already. The first version of a secret
        is always the current one. Generated content cannot wait.
    type: str
    choices: [CURRENT, PENDING]
    default: CURRENT
  current_version_number:
    description:
      - Number of the version that readers get, to promote one that is V(PENDING) or to go back to an older one.
    type: int
  secret_rules:
    description:
      - Rules for its versions, at most one of each type. Changed in place, all together; an empty list removes them.
    type: list
    elements: dict
    suboptions:
      rule_type:
        description:
          - V(SECRET_EXPIRY_RULE) lets the content expire, V(SECRET_REUSE_RULE) refuses content that another version has.
        type: str
        choices: [SECRET_EXPIRY_RULE, SECRET_REUSE_RULE]
        required: true
      secret_version_expiry_interval:
        description:
          - Of V(SECRET_EXPIRY_RULE), how long a version is valid, from V(P1D) to V(P90D). It starts again with new
            content.
        type: str
      time_of_absolute_expiry:
        description:
          - Of V(SECRET_EXPIRY_RULE), when the secret expires, from 1 to 365 days ahead when it is set, for example
            V(2027-01-31T00:00:00Z).
        type: str
      is_secret_content_retrieval_blocked_on_expiry:
        description:
          - Of V(SECRET_EXPIRY_RULE), whether content that has expired cannot be read any more. V(false) if not given.
        type: bool
      is_enforced_on_deleted_secret_versions:
        description:
          - Of V(SECRET_REUSE_RULE), whether content of deleted versions is refused as well. V(false) if not given.
        type: bool
  enable_auto_generation:
    description:
      - Whether the service generates the content. It takes O(secret_generation_context).
      - Switched on, it makes a new version. Switched off, the current one stays.
    type: bool
  secret_generation_context:
    description:
      - What the service generates. A change generates a new version, which becomes the current one.
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
          - Text around what is generated, in which the service fills in its placeholders C(%GENERATED_PASSPHRASE%),
            C(%GENERATED_PUBLIC_KEY%) and C(%GENERATED_PRIVATE_KEY%), or C(%GENERATED_BYTES%). Without it the content is
            what is generated and nothing else, and keys are C(publicKey) and C(privateKey) of a JSON object.
        type: str
  deletion_days:
    description:
      - With O(state=absent), how many days ahead the deletion is set, from 1 to 30. The latest if not given.
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
  - module: okestack.oci.vault_secret_info
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

- name: Another password, if this one is a month old
  okestack.oci.vault_secret:
    compartment_id: "{{ compartment_id }}"
    vault_id: "{{ kept.vault.id }}"
    secret_name: shop-mysql-admin
    state: rotated
    rotate_after_days: 30

- name: A token that somebody else issued, good for 90 days
  okestack.oci.vault_secret:
    compartment_id: "{{ compartment_id }}"
    vault_id: "{{ kept.vault.id }}"
    key_id: "{{ key.vault_key.id }}"
    secret_name: shop-mail-token
    content: "{{ lookup('ansible.builtin.file', token_file) }}"
    secret_rules:
      - rule_type: SECRET_EXPIRY_RULE
        secret_version_expiry_interval: P90D
      - rule_type: SECRET_REUSE_RULE

- name: The next token, which nobody reads yet
  okestack.oci.vault_secret:
    compartment_id: "{{ compartment_id }}"
    vault_id: "{{ kept.vault.id }}"
    secret_name: shop-mail-token
    content: "{{ lookup('ansible.builtin.file', next_token_file) }}"
    stage: PENDING

- name: From now on it is the token
  okestack.oci.vault_secret:
    compartment_id: "{{ compartment_id }}"
    vault_id: "{{ kept.vault.id }}"
    secret_name: shop-mail-token
    current_version_number: 2

- name: Delete the secret on a day to come; its name stays taken until then
  okestack.oci.vault_secret:
    compartment_id: "{{ compartment_id }}"
    vault_id: "{{ kept.vault.id }}"
    secret_name: shop-mail-token
    state: absent
    time_of_deletion: "{{ '%Y-%m-%d' | strftime(now(utc=true).timestamp() + 14 * 86400) }}"
"""

RETURN = r"""
vault_secret:
  description:
    - The secret, without its content, as the service shows it, or as it would be in check mode. V(null) if it is
      absent.
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
    secret_name:
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
    time_of_current_version_expiry:
      description: When the current version expires, where a rule says so.
      type: str
    secret_rules:
      description: Its rules.
      type: list
      elements: dict
    is_auto_generation_enabled:
      description: Whether the service generates its content.
      type: bool
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
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import VAULT_SECRET


def main() -> None:
    run_module(VAULT_SECRET)


if __name__ == "__main__":
    main()
