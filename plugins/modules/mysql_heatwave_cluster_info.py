#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mysql_heatwave_cluster_info
short_description: Look up the HeatWave cluster of a DB System
description:
  - Tells about the HeatWave cluster of a MySQL DB System.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  db_system_id:
    description:
      - OCID of the DB System.
    type: str
    required: true
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.mysql_heatwave_cluster
  - module: okestack.oci.mysql_db_system_info
"""

EXAMPLES = r"""
- name: Has the database a HeatWave cluster?
  okestack.oci.mysql_heatwave_cluster_info:
    db_system_id: "{{ database.mysql_db_system.id }}"
  register: found

- name: How many nodes it has
  ansible.builtin.debug:
    msg: "{{ found.mysql_heatwave_clusters | sum(attribute='cluster_size') }}"
"""

RETURN = r"""
mysql_heatwave_clusters:
  description:
    - The one that it has. Empty where it has none.
    - Each contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: list
  elements: dict
  contains:
    db_system_id:
      description: OCID of its DB System.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: ACTIVE
    shape_name:
      description: The shape of its nodes.
      type: str
      sample: HeatWave.512GB
    cluster_size:
      description: How many nodes it has.
      type: int
      sample: 2
    is_lakehouse_enabled:
      description: Whether it queries files in the object storage as well.
      type: bool
      sample: false
    cluster_nodes:
      description: Its nodes.
      type: list
      elements: dict
      sample: [{node_id: example-0, lifecycle_state: ACTIVE}]
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.mysql import MYSQL_HEATWAVE_CLUSTER


def main() -> None:
    run_module(InfoTask(MYSQL_HEATWAVE_CLUSTER))


if __name__ == "__main__":
    main()
