#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: site_preflight
short_description: Look for all that would stop a site
version_added: 0.1.0
description:
  - Reads what a site needs before its first change, and tells all that would stop it at once, each with what to do. These are
    the credentials, this machine's clock, whether each family of resources may be read, address blocks that overlap, the
    addresses of the pod and node subnets against what is planned, planned names of what is going or failed, the tenancy's limits
    and quotas against what is not there yet, the image, the registry's token file, and helm and the chart.
  - Whether something may be written cannot be asked. Images in registries other than Oracle's are not checked.
  - It does not fail where something would stop the site.
options:
  compartment_id:
    description:
      - OCID of the compartment of the site.
    type: str
    required: true
  planned:
    description:
      - What is planned, each key as far as it is to be looked at, of C(vcn_name), C(cidr_blocks), C(services_cidr), C(subnet_cidrs)
        (C(pods) and C(nodes)), C(nodes) (their number), C(pods) (their number by what they run), C(growth_percent), C(pod_shape),
        C(cores) (of all pods), C(availability_domain), C(names) (lists by type), C(given) (OCIDs by type), C(image),
        C(registry_token_file) and C(chart) (C(path), C(repo), C(version), C(helm)).
    type: dict
    required: true
  problems:
    description:
      - Other problems, one per line, to be reported together with those found here.
    type: str
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.site_findings
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: Would something stop the site?
  okestack.oci.site_preflight:
    compartment_id: "{{ compartment_id }}"
    planned:
      vcn_name: shop
      cidr_blocks: [10.0.0.0/16]
      services_cidr: 10.96.0.0/16
      subnet_cidrs: {pods: 10.0.32.0/19, nodes: 10.0.16.0/20}
      nodes: 3
      pods: {application: 3, ingress: 2}
      growth_percent: 50
      names: {vcn: [shop], oke_cluster: [shop]}
"""

RETURN = r"""
findings:
  description: The findings, most important first.
  type: list
  elements: dict
  returned: success
  sample:
    - hop: limits
      status: broken
      what: 3 virtual nodes are planned, 1 are left of virtual-node-count of container-engine
      todo: ask for more (Limits, Quotas and Usage), remove what is not used, or plan less; see quotas
broken:
  description: What would stop the site.
  type: list
  elements: dict
  returned: success
  sample: [{hop: image, status: broken, what: fra.ocir.io/ns/shop:1.0 is not in the registry, todo: build and push it}]
unknown:
  description: What could not be looked at.
  type: list
  elements: dict
  returned: success
  sample: [{hop: image, status: unknown, what: docker.io/library/shop:1 is not checked, todo: null}]
first_broken:
  description: The first that would stop it. V(null) where nothing would.
  type: str
  returned: success
  sample: limits
table:
  description: The lines that were printed.
  type: list
  elements: str
  returned: success
  sample: ["ok      credentials  the API answers in eu-frankfurt-1"]
"""

from ansible_collections.okestack.oci.plugins.module_utils.preflight import SitePreflight
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(SitePreflight())


if __name__ == "__main__":
    main()
