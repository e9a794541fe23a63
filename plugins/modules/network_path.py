#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: network_path
short_description: Tell what a network lets pass, and which rule or route decides
description:
  - Answers whether one party can reach another on a protocol and port, and whether answers come back, from the rules of
    security lists and network security groups, routes, gateways and subnets of a VCN, or of one as
    M(okestack.oci.virtual_network) would make it.
  - An answer names what decides by OCID and name, a rule, a route, a gateway, or the lack of one. It holds for all addresses
    of the parties and all ports asked for; where they differ it is V(partly).
  - Security lists and groups add up. A stateless rule takes precedence over a stateful one, and then answers need a
    rule of their own. What stays in the VCN needs no route. An internet gateway takes public addresses only.
  - What lies behind a DRG, a peering gateway or a private IP as a route's target, and what Zero Trust Packet Routing decides,
    is not looked at; such an answer is V(undecided). IPv4 only.
  - It only reads, a call for each type of a network's parts and one for each group that the parties name.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  vcn_id:
    description:
      - OCID of the VCN as it is.
      - One of O(vcn_id) and O(declared) is required. They exclude each other.
    type: str
  compartment_id:
    description:
      - OCID of the compartment of the VCN's parts. That of the VCN if not given.
    type: str
  declared:
    description:
      - A VCN to be, as the options of M(okestack.oci.virtual_network), whose O(okestack.oci.virtual_network#module:compartment_id)
        is not needed here. Nothing is asked of the service. Its parts are known by their names.
    type: dict
  parties:
    description:
      - Who is at either end of the flows.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - What O(flows) call it.
        type: str
        required: true
      subnet:
        description:
          - Name or OCID of a subnet. All its addresses are meant, unless O(parties[].address) says which.
        type: str
      groups:
        description:
          - Names or OCIDs of the network security groups that its VNICs are in.
          - Without O(parties[].subnet) and O(parties[].address), the subnets are meant where the VNICs are that are in all of
            these groups.
        type: list
        elements: str
      address:
        description:
          - An IPv4 address or CIDR block, in a subnet of the VCN or outside. Of a block outside, the part is used
            that is on the internet, unless it is of private addresses altogether.
          - In the VCN the groups of an address that O(parties[].groups) does not give are those of its VNIC, or those for pods
            of the virtual node pool whose pods are in the subnet.
        type: str
      service:
        description:
          - CIDR label of services of Oracle, or V(all) for all of them.
        type: str
      public:
        description:
          - Whether it has a public address. If not given, what its VNIC says, or whether its subnet allows one.
        type: bool
  flows:
    description:
      - What is asked for.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description:
          - Name of the party that opens the connection.
        type: str
        required: true
      destination:
        description:
          - Name of the party that is connected to.
        type: str
        required: true
      protocol:
        description:
          - V(tcp), V(udp), V(icmp), another protocol's number, or V(all).
        type: str
        default: all
      ports:
        description:
          - Ports or ranges of the destination, for example V(443) or V(30000-32767). All if not given.
        type: list
        elements: str
      source_ports:
        description:
          - Port or range that the connection comes from. V(1024-65535) if not given.
        type: str
      icmp_type:
        description:
          - Type of an ICMP message, V(8) for an echo request. All types if not given.
        type: int
      icmp_code:
        description:
          - Code of an ICMP message. All codes if not given.
        type: int
      expect:
        description:
          - How it should be. V(reachable) means that all of it passes, V(blocked) that nothing of it does.
        type: str
        choices: [reachable, blocked]
      purpose:
        description:
          - What the flow is good for. Returned as it is.
        type: str
  matrix:
    description:
      - Whether to tell what passes of all traffic between each two of O(parties).
    type: bool
    default: false
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.virtual_network
  - module: okestack.oci.network_security_group
  - module: okestack.oci.security_list
  - module: okestack.oci.route_table
"""

EXAMPLES = r"""
- name: Can pods reach the database, and nobody else?
  okestack.oci.network_path:
    vcn_id: "{{ network.vcn.id }}"
    parties:
      - name: pods
        subnet: "{{ pods_subnet.id }}"
        groups: ["{{ pods_group.id }}"]
      - name: database
        subnet: "{{ mysql_subnet.id }}"
      - name: internet
        address: 0.0.0.0/0
    flows:
      - source: pods
        destination: database
        protocol: tcp
        ports: ["3306", "33060"]
        expect: reachable
        purpose: application to database
      - source: internet
        destination: database
        expect: blocked
  register: path

- name: What is not as it should be
  ansible.builtin.debug:
    msg: "{{ item.source }} to {{ item.destination }}, {{ item.traffic }}, is {{ item.verdict }}: {{ item.reason }}"
  loop: "{{ path.unexpected }}"

- name: All that would pass in a network that is not there yet
  okestack.oci.network_path:
    declared:
      vcn:
        display_name: shop
        cidr_blocks: [10.0.0.0/16]
      internet_gateways:
        - display_name: internet
      route_tables:
        - display_name: public
          route_rules:
            - destination: 0.0.0.0/0
              network_entity_id: internet
      network_security_groups:
        - display_name: web
          security_rules:
            - direction: INGRESS
              sources: [203.0.113.0/24]
              tcp_ports: ["443"]
      default_security_list:
        ingress_security_rules: []
        egress_security_rules: []
      subnets:
        - display_name: web
          cidr_block: 10.0.1.0/24
          route_table_id: public
    parties:
      - name: office
        address: 203.0.113.0/24
      - name: web
        subnet: web
        groups: [web]
    matrix: true
"""

RETURN = r"""
flows:
  description: An answer for each of O(flows), in their order.
  returned: success
  type: list
  elements: dict
  contains:
    source:
      description: Name of the party that opens the connection.
      type: str
    destination:
      description: Name of the party that is connected to.
      type: str
    traffic:
      description: Protocol and ports.
      type: str
      sample: tcp 3306,33060
    purpose:
      description: As it was given.
      type: str
    expect:
      description: As it was given.
      type: str
    verdict:
      description:
        - V(reachable) where all of it passes and answers come back, V(blocked) where nothing does, V(partly) where it depends
          on address or port, V(undecided) where something decides that is not looked at.
      type: str
    as_expected:
      description: Whether the verdict is what was expected. V(null) where nothing was, or where it is undecided.
      type: bool
    open:
      description: What of it passes.
      type: list
      elements: str
      sample: [tcp 3306]
    reason:
      description:
        - What stops it; where all passes, what lets it. Where it is V(partly), this and the steps are of a packet that is
          stopped, or of one that passes where O(flows[].expect=blocked).
      type: str
      sample: >-
        no egress rule of group pods (ocid1.networksecuritygroup.oc1..aaaaexample), security list Default Security List for shop
        (ocid1.securitylist.oc1..aaaaexample) lets tcp 3306 to database (10.0.2.0) pass
    forward:
      description: What the packet meets on its way, and what each of it says.
      type: list
      elements: dict
      contains:
        point:
          description: Where it is.
          type: str
          sample: rules out of pods
        verdict:
          description: V(open), V(closed) or V(undecided).
          type: str
        text:
          description: What it says.
          type: str
        by:
          description: The rule, route or gateway that decides. V(null) where there is none.
          type: dict
          sample:
            type: network_security_group
            id: ocid1.networksecuritygroup.oc1..aaaaexample
            name: pods
            rule: 04ABEC
            description: application to database
            text: EGRESS tcp 3306 to group mysql
    back:
      description: The same for what answers. Empty where nothing does, as with most kinds of ICMP.
      type: list
      elements: dict
unexpected:
  description: Those of the flows that are not as they were expected.
  returned: success
  type: list
  elements: dict
  sample: [{source: pods, destination: database, traffic: tcp 3306, expect: reachable, verdict: blocked}]
matrix:
  description: What passes between each two parties. Empty without O(matrix=true).
  returned: success
  type: list
  elements: dict
  contains:
    source:
      description: Name of the party that opens the connection.
      type: str
    destination:
      description: Name of the party that is connected to.
      type: str
    open:
      description: What passes, V(all) where that is everything.
      type: list
      elements: str
      sample: [tcp 3306, tcp 33060, icmp 3/4]
    undecided:
      description: What depends on something that is not looked at.
      type: list
      elements: str
    reason:
      description: What stops it, where nothing passes.
      type: str
planned:
  description: Whether the VCN is itself only planned, in check mode. Then there are no answers.
  returned: success
  type: bool
  sample: false
"""

from ansible_collections.okestack.oci.plugins.module_utils.network_path_task import NetworkPath
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(NetworkPath())


if __name__ == "__main__":
    main()
