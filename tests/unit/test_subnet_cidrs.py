"""A VCN's first block, cut up."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.okestack.oci.plugins.filter.subnet_cidrs import subnet_cidrs
from ansible_collections.okestack.oci.plugins.module_utils.role_options import misplaced_subnets, services_in_network


def test_a_block_of_16() -> None:
    found = {"api": "10.4.0.0/28", "lb": "10.4.1.0/24", "mysql": "10.4.2.0/24", "nodes": "10.4.16.0/20"}
    assert subnet_cidrs(["10.4.0.0/16", "10.5.0.0/16"]) == {**found, "pods": "10.4.32.0/19"}


@pytest.mark.parametrize(
    "block", ["10.0.0.0/16", "172.16.128.0/17", "192.168.64.0/18", "10.9.32.0/19", "10.9.240.0/20"]
)
def test_the_subnets_lie_in_the_block_apart(block: str) -> None:
    found = subnet_cidrs([block])
    assert list(misplaced_subnets([block], found)) == []
    assert max(found, key=lambda name: ipaddress.ip_network(found[name]).num_addresses) == "pods"


@pytest.mark.parametrize(
    "blocks", [[], None, "10.0.0.0/16", ["10.0.0.0"], ["10.0.0.0/21"], ["10.0.0.0/8"], ["fd00::/48"]]
)
def test_what_cannot_be_cut_up_is_told(blocks: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="no subnets"):
        subnet_cidrs(blocks)


def test_services_apart_from_the_network() -> None:
    assert list(services_in_network("10.96.0.0/16", ["10.0.0.0/16"])) == []
    assert list(services_in_network("nothing", ["10.0.0.0/16"])) == []
    (told,) = services_in_network("10.96.0.0/16", ["10.0.0.0/16", "10.96.128.0/20"])
    assert told.startswith("oke_virtual_pool_services_cidr: 10.96.0.0/16 overlaps with 10.96.128.0/20")
