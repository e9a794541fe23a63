#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kubernetes_secret_check
short_description: Compare Secrets of a cluster with the Vault's
version_added: 0.1.0
description:
  - Reads Secrets of Kubernetes and the current versions of the Vault's secrets that they are made of, compares them in memory, and
    tells which hold something else. What they hold is not shown.
  - It changes nothing and does not fail where something differs.
options:
  vault_id:
    description: OCID of the vault.
    type: str
    required: true
  secrets:
    description: The Secrets to look at.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the Secret.
        type: str
        required: true
      namespace:
        description: Its namespace.
        type: str
        required: true
      keys:
        description: The name of the Vault's secret by the key in the Secret.
        type: dict
        required: true
extends_documentation_fragment:
  - okestack.oci.cluster
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.kubernetes_info
  - module: okestack.oci.site_findings
author:
  - The okestack.oci authors (@okestack)
"""

EXAMPLES = r"""
- name: Does the application have the password that the Vault has?
  okestack.oci.kubernetes_secret_check:
    cluster_id: "{{ cluster.id }}"
    vault_id: "{{ vault.id }}"
    secrets:
      - {name: database, namespace: shop, keys: {log-in: shop-mysql-app}}
  register: compared
"""

RETURN = r"""
findings:
  description: For each key its C(status), V(ok), V(broken) or V(unknown), C(what) is so, and what to do about it (C(todo)).
  type: list
  elements: dict
  returned: success
  sample:
    - {status: ok, what: log-in of shop/database is what version 3 of shop-mysql-app holds, todo: null}
"""

from ansible_collections.okestack.oci.plugins.module_utils.kube.look_tasks import SecretCheckTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main():
    run_module(SecretCheckTask())


if __name__ == "__main__":
    main()
