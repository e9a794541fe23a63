#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: oke_addon_info
short_description: Look up add-ons of a cluster
description:
  - Lists the add-ons that are installed in an OKE cluster.
  - A list shows no settings; those take a call an add-on.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  cluster_id:
    description:
      - OCID of the cluster.
    type: str
    required: true
  addon_name:
    description:
      - Its name.
    type: str
  lifecycle_states:
    description:
      - States of the life cycle. Only resources in one of them are listed.
      - If not given, all are listed except those that are gone, which the service shows for a while.
    type: list
    elements: str
extends_documentation_fragment:
  - okestack.oci.lookup.details
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.oke_addon
  - module: okestack.oci.oke_cluster_info
"""

EXAMPLES = r"""
- name: The cluster's add-ons
  okestack.oci.oke_addon_info:
    cluster_id: "{{ cluster.oke_cluster.id }}"
  register: found

- name: Their versions
  ansible.builtin.debug:
    msg: "{{ found.oke_addons | items2dict('addon_name', 'current_installed_version') }}"
"""

RETURN = r"""
oke_addons:
  description:
    - The resources found, in the service's order. Empty if there are none.
    - Each contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: list
  elements: dict
  contains:
    addon_name:
      description: Its name.
      type: str
      sample: CertManager
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: ACTIVE
    cluster_id:
      description: OCID of its cluster.
      type: str
    version:
      description: The version that is asked for. V(null) where the service chooses and upgrades it.
      type: str
      sample: v1.11.1
    current_installed_version:
      description: The version that runs.
      type: str
      sample: v1.11.1
    configurations:
      description: Its settings.
      type: list
      elements: dict
      sample: [{key: replicas, value: "3"}]
    addon_error:
      description: What is wrong with it.
      type: dict
      sample: {code: null, message: null, status: null}
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.kubernetes_engine import OKE_ADDON


def main() -> None:
    run_module(InfoTask(OKE_ADDON))


if __name__ == "__main__":
    main()
