#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: virtual_network
short_description: Keep a virtual cloud network with all its parts
description:
  - Makes, changes and removes a VCN with reserved public IPs, gateways, route tables, security lists, network security
    groups, subnets, capture filters and VTAPs in one task.
  - Parts refer to each other by name, where the service wants an OCID. What does not depend on each other is done
    side by side.
  - Everything is planned, and every problem reported with its path, before the first write.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  compartment_id:
    description:
      - OCID of the compartment that holds the network and all its parts.
    type: str
    required: true
  state:
    description:
      - V(present) makes the network, or changes what differs. Parts that are not declared are left alone.
      - V(absent) removes the VCN of that name and everything in it that carries all tags of O(freeform_tags), what
        uses others first. O(public_ips) and O(capture_filters), which are not in the VCN, go only where they are declared
        by name and carry the tags.
    type: str
    choices: [present, absent]
    default: present
  vcn:
    description:
      - The VCN itself. O(vcn.cidr_blocks) is needed to make it.
    type: dict
    required: true
    suboptions:
      id:
        description:
          - Its OCID, where its name alone does not tell which it is. It has to be there.
        type: str
      display_name:
        description:
          - Its name, by which it is found.
        type: str
        required: true
      cidr_blocks:
        description:
          - The IPv4 address ranges, as CIDR blocks without host bits that do not overlap. Changed in place.
        type: list
        elements: str
      dns_label:
        description:
          - Its label in the names of hosts. Changing the label requires replacing the VCN.
        type: str
      is_zpr_only:
        description:
          - Whether Zero Trust Packet Routing alone decides which traffic passes.
        type: bool
      security_attributes:
        description:
          - Security attributes for Zero Trust Packet Routing.
        type: dict
      freeform_tags:
        description:
          - Tags of this part, beside those of O(freeform_tags).
        type: dict
      defined_tags:
        description:
          - Tags of namespaces of this part, instead of O(defined_tags).
        type: dict
  public_ips:
    description:
      - Reserved public IPs, for NAT gateways and load balancers. They are in the compartment rather than in the VCN,
        and stay what they are when the VCN is recreated.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Its OCID, where its name alone does not tell which it is. It has to be there.
        type: str
      display_name:
        description:
          - Its name, by which it is found and by which other parts name it.
        type: str
        required: true
      private_ip_id:
        description:
          - OCID of the private IP that it is given to. An empty text takes it away from where it is.
        type: str
      public_ip_pool_id:
        description:
          - OCID of a pool of one's own addresses that it comes from. Changing the pool requires replacing the
            address.
        type: str
      freeform_tags:
        description:
          - Tags of this part, beside those of O(freeform_tags).
        type: dict
      defined_tags:
        description:
          - Tags of namespaces of this part, instead of O(defined_tags).
        type: dict
  internet_gateways:
    description:
      - Internet gateways. A VCN has at most one.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Its OCID, where its name alone does not tell which it is. It has to be there.
        type: str
      display_name:
        description:
          - Its name, by which it is found and by which other parts name it.
        type: str
        required: true
      is_enabled:
        description:
          - Whether it lets traffic through. Defaults to V(true) at creation.
        type: bool
      route_table_id:
        description:
          - Name or OCID of a route table for traffic that comes in through the gateway. Usually none.
        type: str
      freeform_tags:
        description:
          - Tags of this part, beside those of O(freeform_tags).
        type: dict
      defined_tags:
        description:
          - Tags of namespaces of this part, instead of O(defined_tags).
        type: dict
  nat_gateways:
    description:
      - NAT gateways.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Its OCID, where its name alone does not tell which it is. It has to be there.
        type: str
      display_name:
        description:
          - Its name, by which it is found and by which other parts name it.
        type: str
        required: true
      block_traffic:
        description:
          - Whether it lets nothing through.
        type: bool
      public_ip_id:
        description:
          - Name or OCID of a reserved public IP for it. Without it the service gives it an address of its own.
          - Changing it requires replacing the gateway.
        type: str
      route_table_id:
        description:
          - Name or OCID of a route table for traffic that comes in through the gateway. Usually none.
        type: str
      freeform_tags:
        description:
          - Tags of this part, beside those of O(freeform_tags).
        type: dict
      defined_tags:
        description:
          - Tags of namespaces of this part, instead of O(defined_tags).
        type: dict
  service_gateways:
    description:
      - Service gateways.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Its OCID, where its name alone does not tell which it is. It has to be there.
        type: str
      display_name:
        description:
          - Its name, by which it is found and by which other parts name it.
        type: str
        required: true
      services:
        description:
          - The services it opens; the list given replaces the current one.
        type: list
        elements: dict
        required: true
        suboptions:
          service_id:
            description:
              - OCID of the service, its CIDR label, or V(all) for all of Oracle's services in the region.
            type: str
            required: true
      block_traffic:
        description:
          - Whether it lets nothing through.
        type: bool
      route_table_id:
        description:
          - Name or OCID of a route table for traffic that comes in through the gateway. Usually none.
        type: str
      freeform_tags:
        description:
          - Tags of this part, beside those of O(freeform_tags).
        type: dict
      defined_tags:
        description:
          - Tags of namespaces of this part, instead of O(defined_tags).
        type: dict
  route_tables:
    description:
      - Route tables. Their rules are the rules that stand.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Its OCID, where its name alone does not tell which it is. It has to be there.
        type: str
      display_name:
        description:
          - Its name, by which it is found and by which other parts name it.
        type: str
        required: true
      route_rules:
        description:
          - The rules, in any order. An empty list removes all; none by default.
        type: list
        elements: dict
        suboptions:
          destination:
            description:
              - A CIDR block, or the CIDR label of a service; V(all) is that of all of Oracle's services.
            type: str
            required: true
          destination_type:
            description:
              - What O(route_tables[].route_rules[].destination) is. V(CIDR_BLOCK) if not given.
            type: str
            choices: [CIDR_BLOCK, SERVICE_CIDR_BLOCK]
          network_entity_id:
            description:
              - Name of a gateway of this declaration, or the OCID of one.
            type: str
            required: true
          description:
            description:
              - What the rule is good for.
            type: str
      freeform_tags:
        description:
          - Tags of this part, beside those of O(freeform_tags).
        type: dict
      defined_tags:
        description:
          - Tags of namespaces of this part, instead of O(defined_tags).
        type: dict
  subnets:
    description:
      - Subnets. Each must lie within O(vcn.cidr_blocks) and not overlap another.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Its OCID, where its name alone does not tell which it is. It has to be there.
        type: str
      display_name:
        description:
          - Its name, by which it is found and by which other parts name it.
        type: str
        required: true
      cidr_block:
        description:
          - The IPv4 address range, as a CIDR block.
        type: str
        required: true
      availability_domain:
        description:
          - The availability domain of a subnet that is to lie in one only. Changing it requires replacing the subnet.
        type: str
      dns_label:
        description:
          - Its label in the names of hosts. Changing the label requires replacing the subnet.
        type: str
      dhcp_options_id:
        description:
          - OCID of the DHCP options. Defaults to the VCN's default DHCP options.
        type: str
      route_table_id:
        description:
          - Name or OCID of the route table. Defaults to the VCN's default route table.
        type: str
      security_list_ids:
        description:
          - Names or OCIDs of the security lists, at most 5. Defaults to the VCN's default security list; an empty
            list means none.
        type: list
        elements: str
      prohibit_internet_ingress:
        description:
          - Whether nothing from the internet may reach it. Changing it requires replacing the subnet.
        type: bool
      prohibit_public_ip_on_vnic:
        description:
          - Whether it is private. Changing it requires replacing the subnet.
        type: bool
      freeform_tags:
        description:
          - Tags of this part, beside those of O(freeform_tags).
        type: dict
      defined_tags:
        description:
          - Tags of namespaces of this part, instead of O(defined_tags).
        type: dict
  vtaps:
    description:
      - Virtual test access points, which mirror what passes a subnet or another source.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Its OCID, where its name alone does not tell which it is. It has to be there.
        type: str
      display_name:
        description:
          - Its name, by which it is found and by which other parts name it.
        type: str
        required: true
      source_id:
        description:
          - Name of a subnet of this declaration, or the OCID of what is listened at.
        type: str
        required: true
      source_type:
        description:
          - What O(vtaps[].source_id) is. V(SUBNET) where that is a name.
        type: str
      target_id:
        description:
          - OCID of the VNIC or network load balancer that gets the packets. Give it or O(vtaps[].target_ip).
        type: str
      target_ip:
        description:
          - Address that gets the packets.
        type: str
      target_type:
        description:
          - What the target is, V(VNIC), V(NETWORK_LOAD_BALANCER) or V(IP_ADDRESS).
        type: str
      capture_filter_id:
        description:
          - Name or OCID of the capture filter that says what is mirrored.
        type: str
        required: true
      is_vtap_enabled:
        description:
          - Whether it mirrors. Defaults to V(false) at creation.
        type: bool
      vxlan_network_identifier:
        description:
          - The number that mirrored packets carry, from 0 to 16777215. By default the service chooses one at
            creation.
        type: int
      traffic_mode:
        description:
          - Whether mirrored packets yield to others, V(DEFAULT), or not, V(PRIORITY).
        type: str
        choices: [DEFAULT, PRIORITY]
      max_packet_size:
        description:
          - How much of a packet is mirrored, in bytes.
        type: int
      source_private_endpoint_ip:
        description:
          - Address of the source's private endpoint, where it has one.
        type: str
      source_private_endpoint_subnet_id:
        description:
          - Name or OCID of the subnet of the source's private endpoint.
        type: str
      freeform_tags:
        description:
          - Tags of this part, beside those of O(freeform_tags).
        type: dict
      defined_tags:
        description:
          - Tags of namespaces of this part, instead of O(defined_tags).
        type: dict
  allow_replace:
    description:
      - Whether a part may be deleted and recreated for a change that the service cannot make in place.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until all parts can be used, or are gone.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait for one part, in seconds. 1200 if not given.
    type: int
  wait_interval:
    description:
      - The longest pause between two looks at a part, in seconds.
    type: float
    default: 10.0
extends_documentation_fragment:
  - okestack.oci.rules.virtual_network
  - okestack.oci.tags
  - okestack.oci.connection
  - okestack.oci.attributes
seealso:
  - module: okestack.oci.vcn
  - module: okestack.oci.network_security_group
"""

EXAMPLES = r"""
- name: A network with a public and a private subnet
  okestack.oci.virtual_network:
    compartment_id: "{{ compartment_id }}"
    freeform_tags:
      okestack-deployment: shop
    vcn:
      display_name: shop
      cidr_blocks: [10.0.0.0/16]
      dns_label: shop
    default_security_list:
      ingress_security_rules: []
      egress_security_rules: []
    internet_gateways:
      - display_name: internet
    nat_gateways:
      - display_name: nat
    service_gateways:
      - display_name: services
        services:
          - service_id: all
    route_tables:
      - display_name: public
        route_rules:
          - {destination: 0.0.0.0/0, network_entity_id: internet}
      - display_name: private
        route_rules:
          - {destination: 0.0.0.0/0, network_entity_id: nat}
          - {destination: all, destination_type: SERVICE_CIDR_BLOCK, network_entity_id: services}
    network_security_groups:
      - display_name: web
        security_rules:
          - {direction: INGRESS, sources: [0.0.0.0/0], tcp_ports: ["80", "443"], description: clients}
          - {direction: EGRESS, destinations: [app], destination_type: NETWORK_SECURITY_GROUP, tcp_ports: [30000-32767]}
      - display_name: app
        security_rules:
          - {direction: INGRESS, sources: [web], source_type: NETWORK_SECURITY_GROUP, tcp_ports: [30000-32767]}
    subnets:
      - display_name: web
        cidr_block: 10.0.1.0/24
        route_table_id: public
      - display_name: app
        cidr_block: 10.0.2.0/24
        route_table_id: private
        prohibit_public_ip_on_vnic: true

- name: Mirror what passes a subnet, and go out by an address that stays
  okestack.oci.virtual_network:
    compartment_id: "{{ compartment_id }}"
    freeform_tags:
      okestack-deployment: watched
    vcn:
      display_name: watched
      cidr_blocks: [10.1.0.0/16]
    public_ips:
      - display_name: outbound
    nat_gateways:
      - display_name: nat
        public_ip_id: outbound
    subnets:
      - display_name: app
        cidr_block: 10.1.1.0/24
    capture_filters:
      - display_name: incoming
        filter_type: VTAP
        vtap_capture_filter_rules:
          - traffic_direction: INGRESS
    vtaps:
      - display_name: app
        source_id: app
        target_ip: 10.1.9.10
        capture_filter_id: incoming
        is_vtap_enabled: true

- name: Remove the network and what carries the deployment's tag in it
  okestack.oci.virtual_network:
    compartment_id: "{{ compartment_id }}"
    freeform_tags:
      okestack-deployment: shop
    vcn:
      display_name: shop
    state: absent
"""

RETURN = r"""
virtual_network:
  description: The network as it is, or would be in check mode. V(null) with O(state=absent).
  returned: success
  type: dict
  contains:
    public_ips:
      description: The reserved public IPs of the declaration, by name.
      type: dict
    capture_filters:
      description: The capture filters of the declaration, by name.
      type: dict
    vtaps:
      description: The VTAPs of the declaration, by name.
      type: dict
    vcn:
      description: The VCN, as RV(okestack.oci.vcn#module:vcn).
      type: dict
    internet_gateways:
      description: The internet gateways of the declaration, by name.
      type: dict
    nat_gateways:
      description: The NAT gateways of the declaration, by name.
      type: dict
    service_gateways:
      description: The service gateways of the declaration, by name.
      type: dict
    route_tables:
      description: The route tables of the declaration, by name.
      type: dict
    security_lists:
      description: The security lists of the declaration, by name.
      type: dict
    network_security_groups:
      description: The network security groups of the declaration, by name.
      type: dict
    subnets:
      description: The subnets of the declaration, by name.
      type: dict
diff:
  description: What changes, and nothing else, by part.
  returned: when something changes
  type: dict
  contains:
    before:
      description: For each part the fields that change, as they were.
      type: dict
    after:
      description: The same fields as they are now, or would be in check mode.
      type: dict
    before_header:
      description: What it is about.
      type: str
    after_header:
      description: How many parts are made, changed or removed.
      type: str
changes:
  description: What was done, or would be in check mode, as a name and a word for it.
  returned: when something changes
  type: list
  elements: dict
  contains:
    name:
      description: What it is about.
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
from ansible_collections.okestack.oci.plugins.module_utils.virtual_network import VirtualNetwork


def main() -> None:
    run_module(VirtualNetwork())


if __name__ == "__main__":
    main()
