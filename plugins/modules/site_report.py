#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: site_report
short_description: Make a page with a picture of what runs
version_added: 0.1.0
description:
  - Reads what a site has in the cloud, and makes one HTML page of it and of what other tasks saw, with a picture of the network and
    what runs in it, whether it is in order, the free addresses of each subnet, and the traffic that passes.
  - The page holds all that it shows, no script and nothing from elsewhere. It is light or dark as the reader's system is, and has a
    picture of its own for narrow screens. It shows names, states and OCIDs, and no tags, descriptions or contents of secrets.
  - Of a compartment one list is read for each type; beside that the addresses in use in each subnet of the VCN.
  - It writes nothing. C(playbooks/report.yml) writes the file.
options:
  compartment_ids:
    description:
      - OCIDs of the compartments of the site.
    type: list
    elements: str
    required: true
  deployment:
    description:
      - The deployment's name, the value of the freeform tag C(okestack-deployment).
    type: str
    required: true
  vcn_id:
    description:
      - OCID of the VCN. Without it the page shows no network.
    type: str
  parties:
    description:
      - The parties of O(flows), as M(okestack.oci.network_path) takes them.
    type: list
    elements: dict
    default: []
  flows:
    description:
      - What passes between them, as M(okestack.oci.network_path) returns it.
    type: list
    elements: dict
    default: []
  nodes:
    description:
      - The cluster's nodes, as M(okestack.oci.kubernetes_info) returns them.
    type: list
    elements: dict
  pods:
    description:
      - The cluster's pods. Without them the page says that they were not seen.
    type: list
    elements: dict
  load_balancers:
    description:
      - The load balancers with their health, as M(okestack.oci.load_balancer_info) returns them.
    type: list
    elements: dict
    default: []
  certificate:
    description:
      - The certificate that clients see, as M(okestack.oci.url_check) returns it.
    type: dict
  findings:
    description:
      - What is not as declared, as M(okestack.oci.site_drift) returns it. Without it the page says nothing of drift.
    type: list
    elements: dict
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.site_drift
  - module: okestack.oci.network_path
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: What runs in the compartment?
  okestack.oci.site_report:
    compartment_ids: ["{{ compartment_id }}"]
    deployment: shop
  register: report
"""

RETURN = r"""
html:
  description: The page.
  type: str
  returned: success
  sample: <!DOCTYPE html> ...
summary:
  description: What the page says at a glance. C(not_as_declared) is V(null) where drift was not looked for.
  type: dict
  returned: success
  sample:
    things: 21
    not_in_order: []
    not_as_declared: 0
    flows_not_as_they_should_be: 0
    free_addresses: {pods: 8100}
    certificate_days: 300
    not_seen: []
table:
  description: The lines that were printed.
  type: list
  elements: str
  returned: success
  sample: ["in order         21 of 21"]
"""

from ansible_collections.okestack.oci.plugins.module_utils.report_task import SiteReport
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(SiteReport())


if __name__ == "__main__":
    main()
