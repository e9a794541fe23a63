#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_info
short_description: Look at objects of Kubernetes
version_added: 0.1.0
description:
  - Returns one object by its name, or those of a kind.
  - Values of Secrets are not returned, only their keys.
  - In check mode a cluster that is only planned has no objects.
options:
  api_version:
    description: API version of the kind.
    type: str
    default: v1
  kind:
    description: The kind.
    type: str
    required: true
  name:
    description: Name of the one object to look at.
    type: str
  namespace:
    description: Namespace to look in. If not given, all for a list, the default one for a name.
    type: str
  label_selector:
    description: Only objects with these labels, for example V(app=web,tier!=front).
    type: str
  field_selector:
    description: Only objects with these fields, for example V(status.phase=Running).
    type: str
extends_documentation_fragment:
  - okestack.oci.cluster
  - okestack.oci.connection
  - okestack.oci.attributes.info
author:
  - The okestack.oci authors (@okestack)
"""

EXAMPLES = r"""
- name: Virtual nodes
  okestack.oci.kubernetes_info:
    cluster_id: "{{ cluster.id }}"
    kind: Node
    label_selector: node-role.kubernetes.io/virtual-node
  register: nodes
"""

RETURN = r"""
resources:
  description: The objects, as the API shows them, without managed fields and values of Secrets.
  type: list
  elements: dict
  returned: always
  sample:
    - apiVersion: v1
      kind: ConfigMap
      metadata: {name: settings, namespace: shop}
      data: {colour: green}
"""

from ansible_collections.okestack.oci.plugins.module_utils.kube.tasks import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main():
    run_module(InfoTask())


if __name__ == "__main__":
    main()
