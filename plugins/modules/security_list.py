#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: security_list
short_description: Keep a security list of a virtual cloud network
description:
  - Makes, changes and removes a security list, whose rules hold for everything in the subnets that use it. The rules
    given are the rules that stand.
  - The default security list of a VCN is kept by its O(id), and cannot be removed.
  - Rules of security lists and of network security groups add up. Where groups are to decide, empty the list.
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
  vcn_id:
    description:
      - OCID of the VCN in which the resource is looked up.
      - Required to create it. Changing the VCN requires replacing the list.
    type: str
extends_documentation_fragment:
  - okestack.oci.rules.security_list
  - okestack.oci.resource
  - okestack.oci.resource.by_id
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.security_list_info
  - module: okestack.oci.network_security_group
  - module: okestack.oci.subnet
"""

EXAMPLES = r"""
- name: Empty the VCN's default security list, for security groups decide
  okestack.oci.security_list:
    id: "{{ network.vcn.default_security_list_id }}"
    ingress_security_rules: []
    egress_security_rules: []

- name: A list that lets in HTTPS and lets everything out
  okestack.oci.security_list:
    compartment_id: "{{ compartment_id }}"
    vcn_id: "{{ network.vcn.id }}"
    display_name: web
    ingress_security_rules:
      - source: 0.0.0.0/0
        protocol: "6"
        tcp_options:
          destination_port_range: {min: 443, max: 443}
    egress_security_rules:
      - destination: 0.0.0.0/0
        protocol: all
"""

RETURN = r"""
security_list:
  description:
    - The security list as the service shows it, or as it would be in check mode. V(null) if it is absent.
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
    vcn_id:
      description: OCID of its VCN.
      type: str
    ingress_security_rules:
      description: Its rules for packets that come in.
      type: list
      elements: dict
    egress_security_rules:
      description: Its rules for packets that go out.
      type: list
      elements: dict
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
from ansible_collections.okestack.oci.plugins.module_utils.types.network import SECURITY_LIST


def main() -> None:
    run_module(SECURITY_LIST)


if __name__ == "__main__":
    main()
