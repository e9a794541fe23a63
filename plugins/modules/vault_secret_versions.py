#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vault_secret_versions
short_description: Let old versions of secrets go
version_added: 0.1.0
description:
  - A secret holds 30 versions. The module keeps the newest and sets the date of the others' deletion, in a day, the earliest that
    the service takes. A version that has a stage (V(CURRENT), V(PREVIOUS), V(PENDING), V(LATEST)) stays.
  - At most 30 versions of a secret can be on their way out at once; the rest goes in a later run.
options:
  secret_ids:
    description:
      - OCIDs of the secrets.
    type: list
    elements: str
    required: true
  keep:
    description:
      - How many versions stay, the current one among them, at least 2.
    type: int
    default: 10
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.vault_secret
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: Another password
  okestack.oci.vault_secret:
    state: rotated
    id: "{{ password.vault_secret.id }}"

- name: Keep it and the one before
  okestack.oci.vault_secret_versions:
    secret_ids: ["{{ password.vault_secret.id }}"]
    keep: 2
"""

RETURN = r"""
leaving:
  description: The versions whose deletion was set, or would be in check mode, as C(secret_id) and C(version_number).
  type: list
  elements: dict
  returned: success
  sample: [{secret_id: ocid1.vaultsecret.oc1..aaaaexample, version_number: 1}]
diff:
  description: The same as text.
  type: dict
  returned: when something changes
  sample: {before: "version 1 of ocid1.vaultsecret.oc1..aaaaexample\n", after: ""}
changes:
  description: The same for the run's summary.
  type: list
  elements: dict
  returned: when something changes
  sample: [{name: version 1 of ocid1.vaultsecret.oc1..aaaaexample, change: removed}]
"""

from ansible_collections.okestack.oci.plugins.module_utils.rotation import VaultSecretVersions
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(VaultSecretVersions())


if __name__ == "__main__":
    main()
