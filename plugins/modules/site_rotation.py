#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: site_rotation
short_description: Decide which passwords are to be generated again
version_added: 0.1.0
description:
  - Takes what other tasks saw, and says of each secret whether it is to be generated again, or whether an earlier turn, by a run
    that was killed or by hand, is still to be brought to its end. Over that nothing new may be generated, since the user of the
    turn after it may be the one that pods still sign in as.
  - It asks nobody and changes nothing. The playbook C(okestack.oci.rotate_secret) does the rest.
options:
  secrets:
    description:
      - The secrets to rotate, by the names under which O(versions) has them.
    type: list
    elements: str
    required: true
  versions:
    description:
      - The number of the current version by secret.
    type: dict
    required: true
  application:
    description:
      - Where its password is among them, C(secret) (its name), C(user) (the database's user whose the current version is),
        C(variable) (of the environment, with the user's name) and C(deployments) (what M(okestack.oci.kubernetes_info) returned).
    type: dict
  administrator:
    description:
      - Where the DB System's administrator's password is among them, C(secret) (its name), C(secret_id) and C(tag) (the DB
        System's free-form tag C(okestack-administrator)).
    type: dict
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.vault_secret
  - module: okestack.oci.vault_secret_versions
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: Whose turn is it?
  okestack.oci.site_rotation:
    secrets: [mysql-app]
    versions: {mysql-app: 3, mysql-admin: 1}
  register: turns
"""

RETURN = r"""
rotate:
  description: The secrets to be generated again.
  type: list
  elements: str
  returned: success
  sample: [mysql-app]
finish:
  description: Those of which an earlier turn is to be brought to its end first.
  type: list
  elements: str
  returned: success
  sample: []
turns:
  description: The same with the reasons.
  type: list
  elements: dict
  returned: success
  sample: [{secret: mysql-app, step: rotate, why: version 3 is in use everywhere}]
"""

from ansible_collections.okestack.oci.plugins.module_utils.rotation import SiteRotation
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(SiteRotation())


if __name__ == "__main__":
    main()
