# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subnets of a VCN's first block; see subnet_cidrs.yml."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

_BLOCKS_OF_OCI = range(16, 21)
"""Prefix lengths of blocks that are cut up: OCI has none larger, and in a smaller one there is no room for all."""
_PLACES = {"lb": (1, 24), "mysql": (2, 24), "nodes": (16, 20), "pods": (32, 19)}
"""Subnet -> which 256th of the block it begins at, and its prefix length in a block of 16."""


def subnet_cidrs(blocks: Any) -> dict[str, str]:
    """CIDR blocks by the subnets' names. Raises AnsibleFilterError where the first block can't be cut up."""
    try:
        block = ipaddress.IPv4Network(blocks[0])
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise AnsibleFilterError(f"no subnets can be cut out of {blocks!r}: {error}") from None
    if block.prefixlen not in _BLOCKS_OF_OCI:
        raise AnsibleFilterError(
            f"no subnets are cut out of {block}, which is not a /16 to /20: list the subnets that you want"
        )
    smaller = block.prefixlen - 16
    found = {"api": f"{block.network_address}/28"}
    for name, (place, length) in _PLACES.items():
        found[name] = f"{block.network_address + place * (256 >> smaller)}/{length + smaller}"
    return found


class FilterModule:
    """The filter, under its name."""

    def filters(self) -> dict[str, Callable[[Any], dict[str, str]]]:
        """For Ansible."""
        return {"subnet_cidrs": subnet_cidrs}
