#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: public_ip
short_description: Keep a reserved public IP address
description:
  - Makes, changes and removes a reserved public IP address, which stays the same while what it is given to comes and
    goes, a NAT gateway or a load balancer for example.
  - Ephemeral addresses live as long as what they belong to, and are not kept by this module.
  - An address that a NAT gateway has cannot be removed. One that is removed is lost; nobody gets it back.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment. Unless O(id) is given, the resource is looked up in it.
      - Required to create it. With O(id), a different compartment moves the resource there, in place.
    type: str
  display_name:
    description:
      - Name of the resource, by which it is found unless O(id) is given. The service does not keep names unique; if
        several resources have this name, the task fails and lists them.
      - Required to create it. With O(id), a different name renames the resource, in place.
    type: str
  private_ip_id:
    description:
      - OCID of the private IP that the address is given to, which must not have a public one yet. Changed in place; an
        empty text takes it away from where it is.
      - Leave it out for an address of a NAT gateway or a load balancer, which are given it by their own options.
    type: str
  public_ip_pool_id:
    description:
      - OCID of a pool of one's own addresses that it comes from. Without it the address is one of Oracle's.
      - Changing the pool requires replacing the address.
    type: str
extends_documentation_fragment:
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.public_ip_info
  - module: okestack.oci.nat_gateway
"""

EXAMPLES = r"""
- name: An address that partners can let in
  okestack.oci.public_ip:
    compartment_id: "{{ compartment_id }}"
    display_name: outbound
  register: outbound

- name: Let everything private go out by it
  okestack.oci.nat_gateway:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
    display_name: nat
    public_ip_id: "{{ outbound.public_ip.id }}"
"""

RETURN = r"""
public_ip:
  description:
    - The address as the service shows it, or as it would be in check mode. V(null) if it is absent.
    - It contains all fields of the service's model under the SDK's names. The most important are listed here.
  returned: success
  type: dict
  contains:
    id:
      description: OCID of the resource.
      type: str
    compartment_id:
      description: OCID of its compartment.
      type: str
    display_name:
      description: Its name.
      type: str
    lifecycle_state:
      description: Its life-cycle state.
      type: str
      sample: AVAILABLE
    time_created:
      description: When it was created.
      type: str
      sample: "2026-11-20T08:00:00.000000+00:00"
    ip_address:
      description: The address.
      type: str
      sample: 203.0.113.7
    assigned_entity_id:
      description: OCID of what it is given to, a private IP or a NAT gateway. V(null) where it is free.
      type: str
    assigned_entity_type:
      description: What it is given to.
      type: str
      sample: NAT_GATEWAY
    private_ip_id:
      description: OCID of the private IP it is given to.
      type: str
    freeform_tags:
      description: Its free-form tags.
      type: dict
    defined_tags:
      description: Its defined tags.
      type: dict
duration:
  description: How long it took to create, change or remove the resource and to wait for it, in seconds.
  returned: when something changes
  type: float
  sample: 2.4
diff:
  description: Only what changes. Secrets, and values that are not known yet, are named but not shown.
  returned: when something changes
  type: dict
  contains:
    before:
      description: The fields that change, with their previous values. Empty if the resource is created.
      type: dict
    after:
      description: The same fields with their new values.
      type: dict
    before_header:
      description: The resource.
      type: str
    after_header:
      description: The resource and what happens to it.
      type: str
changes:
  description: What was done, or would be done in check mode.
  returned: when something changes
  type: list
  elements: dict
  contains:
    name:
      description: The resource.
      type: str
    change:
      description: What happened to it, V(created), V(changed), V(replaced) or V(removed).
      type: str
    calls:
      description: In check mode, the calls that would be made, in order.
      type: list
      elements: str
"""

from ansible_collections.okestack.oci.plugins.module_utils.run import run_module
from ansible_collections.okestack.oci.plugins.module_utils.types.network import PUBLIC_IP


def main() -> None:
    run_module(PUBLIC_IP)


if __name__ == "__main__":
    main()
