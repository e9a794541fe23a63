#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: site_inventory
short_description: Describe what is in compartments as an inventory of the site's roles
version_added: 0.1.0
description:
  - Reads a network, a vault, a DB system and a cluster with virtual nodes, made by hand or by any tool, and gives the variables with
    which the site's roles keep them as they are. The first plan of C(site.yml) with them changes nothing but tags.
  - What no variable can hold is reported, and stays as it is. What is missing is reported, and C(site.yml) makes it.
  - Parts of the network name each other where a name is clear, and by OCID elsewhere. Resources that share a name are told apart by
    their OCIDs.
  - Of a compartment one list is read for each type, side by side; beside that the rules of each network security group.
  - It writes nothing, neither there nor here. C(playbooks/adopt.yml) writes the files.
options:
  compartment_ids:
    description:
      - OCIDs of the compartments to look at.
    type: list
    elements: str
    default: []
  ids:
    description:
      - OCIDs of a VCN, a vault, a DB system, a cluster or a virtual node pool, where there are several of a type. Their compartments
        are looked at too.
    type: list
    elements: str
    default: []
  secrets:
    description:
      - Which secrets hold the passwords of the database, C(mysql-admin) and C(mysql-app), by their names in the vault. Guessed by
        their names, and reported, unless given.
    type: dict
    default: {}
  settings:
    description:
      - Variables of the inventory that are used now and belong into the new one, C(okestack_deployment) among them.
    type: dict
    required: true
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.site_drift
  - module: okestack.oci.virtual_network
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: What would the inventory be of what is in a compartment?
  okestack.oci.site_inventory:
    compartment_ids: ["{{ compartment_id }}"]
    settings: {okestack_deployment: shop, okestack_region: eu-frankfurt-1, okestack_compartment_id: "{{ compartment_id }}"}
"""

RETURN = r"""
variables:
  description: The inventory's variables.
  type: dict
  returned: success
  sample: {okestack_deployment: shop, mysql_name: orders}
files:
  description: The inventory's files, each with C(path) and C(content).
  type: list
  elements: dict
  returned: success
  sample: [{path: hosts, content: "..."}]
notes:
  description: What the variables leave unsaid. C(kind) is V(unheld) (no variable holds it, it stays as it is), V(missing) (C(site.yml)
    makes it), V(choice) (a person has to look at it) or V(unknown) (it could not be listed).
  type: list
  elements: dict
  returned: success
  sample:
    - {kind: unheld, type: mysql_db_system, name: orders, id: ocid1.mysqldbsystem.oc1..a, what: crash_recovery ENABLED}
counts:
  description: How many notes there are of each kind.
  type: dict
  returned: success
  sample: {unheld: 1, missing: 0, choice: 0, unknown: 0}
table:
  description: The lines that were printed.
  type: list
  elements: str
  returned: success
  sample: ["found      1 vcn, 5 subnet"]
"""

from ansible_collections.okestack.oci.plugins.module_utils.adoption import SiteInventory
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(SiteInventory())


if __name__ == "__main__":
    main()
