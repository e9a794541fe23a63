#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: kubernetes_leftovers
short_description: Name what in a cluster would outlive it
version_added: 0.1.0
description:
  - Services of type LoadBalancer have a load balancer, claims a volume that is to be deleted with them. Both stay, hold their
    subnet and cost money where the cluster is deleted first, since who would delete them is gone with it. The module names them.
  - It changes nothing.
options:
  compartment_id:
    description: OCID of the cluster's compartment, in which its load balancers are.
    type: str
    required: true
  leaving_owner:
    description:
      - Services that the roles of this deployment applied are passed over.
    type: str
extends_documentation_fragment:
  - okestack.oci.cluster
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.kubernetes_info
  - module: okestack.oci.load_balancer_info
  - module: okestack.oci.oke_cluster
author:
  - The okestack.oci authors (@okestack)
"""

EXAMPLES = r"""
- name: What has to go before the cluster does?
  okestack.oci.kubernetes_leftovers:
    cluster_id: "{{ cluster.id }}"
    compartment_id: "{{ compartment_id }}"
  register: left
"""

RETURN = r"""
leftovers:
  description: Each as C(kind) and C(name) of the object, what it C(holds), that one's C(id) (V(null) where it is still being
    made), and all of it as a sentence (C(what)).
  type: list
  elements: dict
  returned: success
  sample:
    - kind: Service
      name: shop/web
      holds: load balancer
      id: ocid1.loadbalancer.oc1..aaaaexample
      what: Service shop/web has load balancer ocid1.loadbalancer.oc1..aaaaexample
"""

from ansible_collections.okestack.oci.plugins.module_utils.kube.look_tasks import LeftoversTask
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main():
    run_module(LeftoversTask())


if __name__ == "__main__":
    main()
