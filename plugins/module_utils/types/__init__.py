# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource types, declared as data. A type in one of the rooms below is found without being named anywhere."""

from __future__ import annotations

from types import ModuleType

from ansible_collections.okestack.oci.plugins.module_utils.model import ResourceType
from ansible_collections.okestack.oci.plugins.module_utils.types import (
    identity,
    kubernetes_engine,
    logging,
    mysql,
    network,
    registry,
    vault,
)

ROOMS: tuple[ModuleType, ...] = (network, vault, mysql, kubernetes_engine, identity, registry, logging)
"""Imported by name, so that they come along where Ansible sends a module as a process of its own."""


def all_types() -> dict[str, ResourceType]:
    """All declared resource types by name."""
    return {thing.name: thing for room in ROOMS for thing in vars(room).values() if isinstance(thing, ResourceType)}
