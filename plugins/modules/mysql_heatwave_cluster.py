#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mysql_heatwave_cluster
short_description: Keep the HeatWave cluster of a DB System
description:
  - Adds, changes and removes the HeatWave cluster of a MySQL DB System, whose nodes answer analytical queries from
    memory. A DB System has one at most, which is found by O(db_system_id).
  - The DB System has to be V(ACTIVE). While the cluster is added, changed or removed the DB System is V(UPDATING) and
    takes no other change; the module waits for both.
  - Compartment and tags are those of the DB System. It is removed with it.
  - O(wait_timeout) is 3600 seconds if not given.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  state:
    description:
      - V(present) adds the cluster, or changes what differs from the options given. Whether it runs is left alone.
      - V(started) and V(stopped) see to that as well. Nodes that are stopped are not paid for, and their data are
        reloaded when they start.
      - V(restarted) does so in each run, unless the cluster was added or started in it.
      - V(absent) removes it.
    type: str
    choices: [present, absent, started, stopped, restarted]
    default: present
  db_system_id:
    description:
      - OCID of the DB System, which M(okestack.oci.mysql_db_system) returns. Always needed.
    type: str
  shape_name:
    description:
      - The shape of its nodes, for example V(HeatWave.512GB). One that the region does not offer is refused with those
        that it does. V(HeatWave.Free) goes with a DB System of shape V(MySQL.Free) only.
      - Required to add it. Changed in place; the nodes are recreated and answer no queries meanwhile.
    type: str
  cluster_size:
    description:
      - How many nodes it has. How many a shape takes at most is the service's to say.
      - Required to add it. Changed in place; the nodes are recreated and answer no queries meanwhile.
    type: int
  is_lakehouse_enabled:
    description:
      - Whether it queries files of the object storage as well. The service's default is V(false). Changed in place.
    type: bool
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.mysql_db_system
  - module: okestack.oci.mysql_heatwave_cluster_info
"""

EXAMPLES = r"""
- name: Two nodes for the shop's reports
  okestack.oci.mysql_heatwave_cluster:
    db_system_id: "{{ database.mysql_db_system.id }}"
    shape_name: HeatWave.512GB
    cluster_size: 2

- name: No nodes to pay for over the weekend
  okestack.oci.mysql_heatwave_cluster:
    db_system_id: "{{ database.mysql_db_system.id }}"
    state: stopped

- name: On Monday with one more, and with the files in the object storage
  okestack.oci.mysql_heatwave_cluster:
    db_system_id: "{{ database.mysql_db_system.id }}"
    state: started
    cluster_size: 3
    is_lakehouse_enabled: true

- name: Do without
  okestack.oci.mysql_heatwave_cluster:
    db_system_id: "{{ database.mysql_db_system.id }}"
    state: absent
"""

RETURN = r"""
mysql_heatwave_cluster:
  description:
    - The cluster as the service shows it, or as it would be in check mode. V(null) if it is absent.
    - It contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: dict
  contains:
    db_system_id:
      description: OCID of its DB System.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: ACTIVE
    lifecycle_details:
      description: What the service says about its state.
      type: str
    shape_name:
      description: The shape of its nodes.
      type: str
      sample: HeatWave.512GB
    cluster_size:
      description: How many nodes it has.
      type: int
      sample: 2
    is_lakehouse_enabled:
      description: Whether it queries files of the object storage as well.
      type: bool
      sample: false
    cluster_nodes:
      description: Its nodes.
      type: list
      elements: dict
      sample: [{node_id: node-0, lifecycle_state: ACTIVE}]
    time_created:
      description: When it was added.
      type: str
      sample: "2026-11-20T08:00:00.000000+00:00"
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
from ansible_collections.okestack.oci.plugins.module_utils.types.mysql import MYSQL_HEATWAVE_CLUSTER


def main() -> None:
    run_module(MYSQL_HEATWAVE_CLUSTER)


if __name__ == "__main__":
    main()
