#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kubernetes_run
short_description: Run a command in a pod like those of a Deployment
version_added: 0.1.0
description:
  - Starts a pod with image, environment, volumes and service account of a Deployment's first container, runs a command in it, waits
    for its end, returns what it printed and removes the pod. Virtual nodes have no C(kubectl exec); this tells what the
    Deployment's pods can reach, and works where none of them runs.
  - The pod has none of the Deployment's labels, so that no Service sends it requests. One that a run left which was killed is
    removed by the next.
  - It does not fail where the command does, nor where no pod starts, but says so.
  - In check mode nothing is started.
options:
  deployment:
    description: Name of the Deployment.
    type: str
    required: true
  namespace:
    description: Its namespace.
    type: str
    required: true
  command:
    description: The command, as a list. No shell reads it.
    type: list
    elements: str
    required: true
  wait_timeout:
    description: How long the pod may take, its start included, in seconds.
    type: int
    default: 300
extends_documentation_fragment:
  - okestack.oci.cluster
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.url_check
  - module: okestack.oci.site_findings
author:
  - The okestack.oci authors (@okestack)
"""

EXAMPLES = r"""
- name: Do the application's pods reach the database?
  okestack.oci.kubernetes_run:
    cluster_id: "{{ cluster.id }}"
    deployment: shop
    namespace: shop
    command: [python3, -m, crud.check]
  register: through
"""

RETURN = r"""
ok:
  description: Whether the command ended with 0. V(null) in check mode.
  type: bool
  returned: success
  sample: true
output:
  description: The last lines that it printed, or why no pod ran it.
  type: str
  returned: success
  sample: shop signs in at 10.0.4.2:3306 over TLSv1.3; its certificate is checked, and ends Nov 29 09:00:00 2036 GMT
"""

from ansible_collections.okestack.oci.plugins.module_utils.kube.look_tasks import RunTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main():
    run_module(RunTask())


if __name__ == "__main__":
    main()
