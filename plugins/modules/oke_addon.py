#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: oke_addon
short_description: Keep an add-on of an OKE cluster
description:
  - Installs, changes and disables an add-on of an enhanced cluster, that is a program that OKE installs in it and
    upgrades, for example V(CertManager) or V(KubernetesMetricsServer).
  - Add-ons that every cluster has (V(CoreDNS), V(KubeProxy) and the like) are there from the beginning. Their version
    and settings are changed in the same way.
  - Which add-ons and versions there are depends on the cluster's version of Kubernetes. What the region does not have is
    refused before anything is changed.
  - An add-on without a node to run on needs attention, for which the task waits until there is one. Keep the pool of
    nodes first, or set O(wait=false).
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  cluster_id:
    description:
      - OCID of the cluster.
    type: str
  addon_name:
    description:
      - Name of the add-on, as C(oci ce addon-option list) has it. There is one of a name in a cluster.
    type: str
  version:
    description:
      - The version that it stays at. Changed in place.
      - An add-on that is installed without one is upgraded by the service. The service has no way back to that but
        disabling and installing it again.
    type: str
  configurations:
    description:
      - Its settings. Changed in place; the list given replaces the current one.
    type: list
    elements: dict
    suboptions:
      key:
        description:
          - Name of the setting, for example V(numOfReplicas) or V(tolerations).
        type: str
        required: true
      value:
        description:
          - Its value in text. Where it is JSON, spaces and the order of keys are ignored.
        type: str
        required: true
  is_override_existing:
    description:
      - Whether an installation that is in the cluster already, made by other means, is taken over. Counts when the
        add-on is installed, and not afterwards.
    type: bool
  is_remove_existing_add_on:
    description:
      - With O(state=absent), whether its objects are removed from the cluster. With V(false) they stay, and the service
        does not look after them any more.
    type: bool
    default: true
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.oke_addon_info
  - module: okestack.oci.oke_cluster
"""

EXAMPLES = r"""
- name: Certificates for workloads, kept up to date by the service
  okestack.oci.oke_addon:
    cluster_id: "{{ cluster.id }}"
    addon_name: CertManager
    configurations:
      - key: numOfReplicas
        value: "2"
      - key: tolerations
        value: '[{"key": "dedicated", "operator": "Exists"}]'

- name: DNS of one version
  okestack.oci.oke_addon:
    cluster_id: "{{ cluster.id }}"
    addon_name: CoreDNS
    version: v1.14.7

- name: Certificates by other means
  okestack.oci.oke_addon:
    cluster_id: "{{ cluster.id }}"
    addon_name: CertManager
    state: absent
"""

RETURN = r"""
oke_addon:
  description:
    - The add-on as the service shows it, or as it would be in check mode. V(null) if it is absent.
    - It contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: dict
  contains:
    addon_name:
      description: Its name.
      type: str
      sample: CertManager
    cluster_id:
      description: OCID of its cluster.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: ACTIVE
    version:
      description: The version that it stays at. V(null) where the service chooses and upgrades it.
      type: str
      sample: v1.18.2
    current_installed_version:
      description: The version that runs.
      type: str
      sample: v1.18.2
    configurations:
      description: Its settings.
      type: list
      elements: dict
      sample: [{key: numOfReplicas, value: "2"}]
    addon_error:
      description: What is wrong with it.
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
from ansible_collections.okestack.oci.plugins.module_utils.types.kubernetes_engine import OKE_ADDON


def main() -> None:
    run_module(OKE_ADDON)


if __name__ == "__main__":
    main()
