#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: resource_info
short_description: Look up resources of any type by compartment and tags
description:
  - Lists the resources of a compartment, of all types that this collection keeps and the load balancers that Services
    of Kubernetes made, or those of some types. The lists are read side by side.
  - Resources that a service lists only by what contains them are looked up there, for example keys in the
    compartment's vaults and logs in its log groups.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment to search. Compartments below it are not searched.
    type: str
    required: true
  types:
    description:
      - Names of types, as the modules that keep them are called, for example V(vcn), or V(load_balancer).
      - If not given, all. A type that cannot be listed, since policies do not allow it for example, is then left out
        with a warning; one that is named fails.
    type: list
    elements: str
  freeform_tags:
    description:
      - Tags without a namespace, as key and text. Only resources that have all of them are listed.
    type: dict
  lifecycle_states:
    description:
      - States of the life cycle. Only resources in one of them are listed.
      - If not given, all are listed but those that are gone, which the services go on to show for a while.
    type: list
    elements: str
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - plugin: okestack.oci.deployment
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: All that belongs to a deployment
  okestack.oci.resource_info:
    compartment_id: "{{ compartment_id }}"
    freeform_tags:
      okestack-deployment: shop
  register: found

- name: Its databases and load balancers
  okestack.oci.resource_info:
    compartment_id: "{{ compartment_id }}"
    types: [mysql_db_system, load_balancer]
    freeform_tags:
      okestack-deployment: shop

- name: Their names by type
  ansible.builtin.debug:
    msg: "{{ item.0 }}: {{ item.1 | map(attribute='name') | join(', ') }}"
  loop: "{{ found.resources | groupby('type') }}"
"""

RETURN = r"""
resources:
  description: What was found, type after type.
  returned: success
  type: list
  elements: dict
  contains:
    type:
      description: The name of its type.
      type: str
      sample: vcn
    id:
      description: Its OCID. V(null) where the service gives none, to an add-on of a cluster for example.
      type: str
      sample: ocid1.vcn.oc1.eu-frankfurt-1.aaaaexample
    name:
      description: Its name.
      type: str
      sample: shop
    lifecycle_state:
      description: State of its life cycle.
      type: str
      sample: AVAILABLE
    compartment_id:
      description: OCID of its compartment.
      type: str
      sample: ocid1.compartment.oc1..aaaaexample
    time_created:
      description: When it was made.
      type: str
      sample: "2026-11-20T08:00:00.000000+00:00"
    freeform_tags:
      description: Its tags without a namespace.
      type: dict
      sample: {okestack-deployment: shop, okestack-component: network}
    defined_tags:
      description: Its tags of namespaces.
      type: dict
      sample: {}
    addresses:
      description: Where it answers, in so far as it does, a database, a cluster or a load balancer for example.
      type: list
      elements: dict
      contains:
        kind:
          description: Whether it is a V(public) or a V(private) address, or a V(hostname) within the VCN.
          type: str
          sample: private
        host:
          description: The address or the name.
          type: str
          sample: 10.0.2.10
        port:
          description: The TCP port, where there is one.
          type: int
          sample: 3306
"""

from ansible_collections.okestack.oci.plugins.module_utils.info import ResourceInfo
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(ResourceInfo())


if __name__ == "__main__":
    main()
