#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: site_upgrade
short_description: Find what blocks an upgrade to another version of Kubernetes
version_added: 0.1.0
description:
  - Says which version is meant, and all that blocks the upgrade, each with what to do. That is a version that is not offered, older,
    or more than one minor release ahead; API versions that somebody asked the API server for and that the version does not have;
    disruption budgets that allow no pod to be moved, so that no node can be emptied; declared versions of add-ons that do not go
    with it.
  - API versions are those that the API server counted since it started. What asks once a year it cannot know.
  - It only reads, and does not fail where something blocks the upgrade.
options:
  current_version:
    description: The control plane's version.
    type: str
    required: true
  offered_versions:
    description: The versions that it can be upgraded to.
    type: list
    elements: str
    required: true
  version:
    description: The version that is wanted, V(v1.36.1), or a minor release, V(v1.36), for the newest of it. Unless given the newest offered.
    type: str
  addons:
    description: The declared add-ons, each with its C(name) and, where it is declared, its C(version).
    type: list
    elements: dict
    default: []
  accept_unseen:
    description: Whether to go on where the Kubernetes API cannot be reached.
    type: bool
    default: false
extends_documentation_fragment:
  - okestack.oci.cluster
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.oke_cluster
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: Can it be upgraded?
  okestack.oci.site_upgrade:
    cluster_id: "{{ cluster.oke_cluster.id }}"
    current_version: "{{ cluster.oke_cluster.kubernetes_version }}"
    offered_versions: "{{ cluster.oke_cluster.available_kubernetes_upgrades }}"
"""

RETURN = r"""
version:
  description: The version that is meant.
  type: str
  returned: success
  sample: v1.36.1
findings:
  description: What was found.
  type: list
  elements: dict
  returned: success
  sample:
    - hop: disruption budgets
      status: broken
      what: shop/shop allows no pod to be moved (1 of 1 pods serve)
      todo: have another pod of it, mend those that do not serve, or let the budget allow one less
broken:
  description: What blocks the upgrade.
  type: list
  elements: dict
  returned: success
  sample: []
unknown:
  description: What could not be looked at.
  type: list
  elements: dict
  returned: success
  sample: []
first_broken:
  description: The first obstacle. V(null) where there is none.
  type: str
  returned: success
  sample: version
table:
  description: The lines that were printed.
  type: list
  elements: str
  returned: success
  sample: ["ok      version  v1.36.0 to v1.36.1"]
"""

from ansible_collections.okestack.oci.plugins.module_utils.kube.upgrade_task import SiteUpgrade
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(SiteUpgrade())


if __name__ == "__main__":
    main()
