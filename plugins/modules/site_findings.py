#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: site_findings
short_description: Judge what other tasks saw of a site, hop by hop
version_added: 0.1.0
description:
  - Takes the registered results of tasks that looked at a site, says of each hop whether it is V(ok), V(broken) or V(unknown),
    with what to do, prints them as a table and returns them.
  - A hop whose task failed or was skipped is V(unknown). Give the tasks C(failed_when=false), so that all hops are looked at.
  - It asks nobody and does not fail where something is broken.
options:
  hops:
    description:
      - What was looked at, in the order in which it depends on each other.
    type: list
    elements: dict
    required: true
    suboptions:
      hop:
        description:
          - What the hop is called.
        type: str
        required: true
      check:
        description:
          - How the result is judged. V(answers) that C(who) answered with C(key); V(resource) the resources C(names) under C(key) of an
            C(_info) module and their states; V(paths) M(okestack.oci.network_path); V(nodes) nodes of a cluster, C(size) and
            C(fault_domains); V(deployments) and V(conditions) objects of Kubernetes by C(names), as namespace/name; V(spread) pods
            over C(nodes); V(backends) M(okestack.oci.load_balancer_info); V(certificate), with C(days), and V(url)
            M(okestack.oci.url_check); V(command) M(okestack.oci.kubernetes_run); V(encryption) clusters by C(key_id), the state of
            which C(keys) tells; V(findings) what a task judged itself.
        type: str
        required: true
        choices: [answers, backends, certificate, command, conditions, deployments, encryption, findings, nodes, paths, resource, spread, url]
      observed:
        description:
          - The registered result.
        type: dict
      expected:
        description:
          - How it should be.
        type: dict
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.network_path
  - module: okestack.oci.url_check
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: Look for the VCN
  okestack.oci.vcn_info:
    compartment_id: "{{ compartment_id }}"
    display_name: shop
  register: seen
  failed_when: false

- name: Say how it is
  okestack.oci.site_findings:
    hops:
      - hop: network
        check: resource
        observed: "{{ seen }}"
        expected:
          key: vcns
          names: [shop]
"""

RETURN = r"""
findings:
  description: What is known, in the order of the hops.
  type: list
  elements: dict
  returned: success
  sample:
    - hop: nodes
      status: broken
      what: no node is Ready in FAULT-DOMAIN-2
      todo: look at the virtual node in the console; run site.yml, which repairs what differs from the inventory
broken:
  description: Those that are broken.
  type: list
  elements: dict
  returned: success
  sample: [{hop: network, status: broken, what: there is no VCN shop, todo: run site.yml}]
unknown:
  description: Those that could not be looked at.
  type: list
  elements: dict
  returned: success
  sample: [{hop: nodes, status: unknown, what: 'not looked at: what it takes is not there', todo: null}]
first_broken:
  description: The first hop that is broken, which others may depend on. V(null) where none is.
  type: str
  returned: success
  sample: nodes
table:
  description: The lines that were printed.
  type: list
  elements: str
  returned: success
  sample: ["ok      network  VCN shop (ocid1.vcn.oc1..aaaaexample) is AVAILABLE"]
"""

from ansible_collections.okestack.oci.plugins.module_utils.findings import SiteFindings
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(SiteFindings())


if __name__ == "__main__":
    main()
