#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: site_scale
short_description: Tell whether a larger site has room
version_added: 0.1.0
description:
  - Holds what a site is to grow by against the addresses that are free in its subnets and what is left of the tenancy's limits,
    before anything is changed, and says what to do where it is too little. What stays or shrinks is not looked at.
  - It only reads, and does not fail where there is no room unless O(refuse) says so.
options:
  sizes:
    description:
      - What is scaled.
    type: list
    elements: dict
    required: true
    suboptions:
      what:
        description:
          - What is counted. Of C(virtual nodes) and C(Mbps of the load balancer) the limit is asked as well.
        type: str
        required: true
      now:
        description: How many there are.
        type: int
        required: true
      wanted:
        description: How many there are to be.
        type: int
        required: true
      subnet_id:
        description: OCID of the subnet in which each needs an address. One that is only planned is not looked at.
        type: str
      spare:
        description: How many more there are while they are replaced.
        type: int
        default: 0
  availability_domain:
    description:
      - Of limits that count by domain.
    type: str
  refuse:
    description:
      - Whether to fail where there is no room, with all that there is none for.
    type: bool
    default: false
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.site_preflight
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: Is there room for two more virtual nodes?
  okestack.oci.site_scale:
    sizes:
      - what: virtual nodes
        now: 3
        wanted: 5
"""

RETURN = r"""
findings:
  description: What was found.
  type: list
  elements: dict
  returned: success
  sample:
    - hop: pods
      status: broken
      what: subnet pods (10.0.32.0/28) has 4 free addresses for 6 more pods and 1 while they are replaced
      todo: "scale to 6 at most, or let the subnet grow first: a larger cidr_block with the same network address (network_subnet_cidrs)"
broken:
  description: What there is no room for.
  type: list
  elements: dict
  returned: success
  sample: []
unknown:
  description: What could not be looked at.
  type: list
  elements: dict
  returned: success
  sample: []
first_broken:
  description: The first that there is no room for. V(null) where there is room for all.
  type: str
  returned: success
  sample: pods
table:
  description: The lines that were printed.
  type: list
  elements: str
  returned: success
  sample: ["ok      virtual nodes  subnet nodes (10.0.16.0/20) has 4090 free addresses for 2 more virtual nodes"]
"""

from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.scaling import SiteScale


def main() -> None:
    run_module(SiteScale())


if __name__ == "__main__":
    main()
