#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_wait
short_description: Wait until objects of Kubernetes are ready or gone
version_added: 0.1.0
description:
  - Waits for one object, or for all that have some labels.
  - Prints a line at each change of state and every 30 seconds. A time-out tells what the pods wait for and their
    last warnings.
  - A suspended Job, a paused Deployment, a failed Job and a pod that virtual nodes refuse end the wait as an error.
  - In check mode it does not wait.
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
    description: Name of the object. One of O(name) and O(label_selector) is required.
    type: str
  namespace:
    description: Its namespace.
    type: str
  label_selector:
    description: The objects that have these labels now.
    type: str
  state:
    description: What is waited for.
    type: str
    choices: [ready, absent]
    default: ready
  conditions:
    description:
      - Conditions that must all hold, for example V(Ready) or V(Progressing=False).
      - If not given, what ready means for the kind; only kinds of Kubernetes itself are known.
    type: list
    elements: str
  wait_timeout:
    description: For how long, in seconds.
    type: int
    default: 600
  wait_interval:
    description: The longest pause, in seconds, between two looks.
    type: float
    default: 10.0
extends_documentation_fragment:
  - okestack.oci.cluster
  - okestack.oci.connection
  - okestack.oci.attributes.info
author:
  - The okestack.oci authors (@okestack)
"""

EXAMPLES = r"""
- name: Until the database's password has come from the Vault
  okestack.oci.kubernetes_wait:
    cluster_id: "{{ cluster.id }}"
    api_version: external-secrets.io/v1
    kind: ExternalSecret
    namespace: shop
    name: database
    conditions: [Ready]
"""

RETURN = r"""
resources:
  description: The objects as they are then; empty in check mode and with O(state=absent).
  type: list
  elements: dict
  returned: always
  sample:
    - apiVersion: external-secrets.io/v1
      kind: ExternalSecret
      metadata: {name: database, namespace: shop}
      status: {conditions: [{type: Ready, status: "True"}]}
duration:
  description: How long it took, in seconds.
  type: float
  returned: always
  sample: 12.3
"""

from ansible_collections.okestack.oci.plugins.module_utils.kube.tasks import WaitTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main():
    run_module(WaitTask())


if __name__ == "__main__":
    main()
