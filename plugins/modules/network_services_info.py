#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: network_services_info
short_description: List the services that a service gateway can reach
description:
  - Lists Oracle's services which a service gateway of the region can open, and the one that includes all of them.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.service_gateway
  - module: okestack.oci.route_table
"""

EXAMPLES = r"""
- name: Which services are there?
  okestack.oci.network_services_info:
  register: found

- name: A gateway to all of them
  okestack.oci.service_gateway:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
    display_name: services
    services:
      - service_id: "{{ found.all_services.id }}"
"""

RETURN = r"""
services:
  description: All services of the region.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: OCID of the service.
      type: str
    name:
      description: Its name.
      type: str
    description:
      description: What it covers.
      type: str
    cidr_block:
      description: Its CIDR label, the destination of routes and of rules.
      type: str
  sample:
    - id: ocid1.service.oc1.eu-frankfurt-1.aaaaexample
      name: OCI FRA Object Storage
      description: OCI FRA Object Storage
      cidr_block: oci-fra-objectstorage
all_services:
  description: The one that includes all services of the region. V(null) where the region has none.
  returned: success
  type: dict
  sample:
    id: ocid1.service.oc1.eu-frankfurt-1.aaaaexample2
    name: All FRA Services In Oracle Services Network
    description: All FRA Services In Oracle Services Network
    cidr_block: all-fra-services-in-oracle-services-network
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import NetworkServicesInfo
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(NetworkServicesInfo())


if __name__ == "__main__":
    main()
