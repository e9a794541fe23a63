#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mysql_db_system_info
short_description: Look up MySQL DB Systems
description:
  - Lists the DB Systems of a compartment, or one by its OCID.
  - The service's list leaves out some fields; reading them takes one call for each DB System.
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
  - okestack.oci.lookup.details
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.mysql_db_system
"""

EXAMPLES = r"""
- name: The deployment's database
  okestack.oci.mysql_db_system_info:
    compartment_id: "{{ compartment_id }}"
    freeform_tags:
      okestack-deployment: shop
  register: found

- name: Where it answers
  ansible.builtin.debug:
    msg: "{{ found.mysql_db_systems[0].endpoints }}"
"""

RETURN = r"""
mysql_db_systems:
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
    endpoints:
      description: Where it answers.
      type: list
      elements: dict
      sample:
        - hostname: mysql.db.shop.oraclevcn.com
          ip_address: 10.0.2.10
          port: 3306
          port_x: 33060
          status: ACTIVE
    mysql_version:
      description: The version of MySQL.
      type: str
      sample: 9.7.0
    shape_name:
      description: Its shape.
      type: str
      sample: MySQL.4
    is_highly_available:
      description: Whether two more instances stand ready.
      type: bool
      sample: false
    freeform_tags:
      description: Its free-form tags.
      type: dict
      sample: {okestack-deployment: shop}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.mysql import MYSQL_DB_SYSTEM


def main() -> None:
    run_module(InfoTask(MYSQL_DB_SYSTEM))


if __name__ == "__main__":
    main()
