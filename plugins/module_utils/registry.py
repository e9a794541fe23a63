# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which task a module's name stands for. A type declared in one of the rooms below is found by itself."""

from __future__ import annotations

import gc
import importlib
from types import ModuleType

from ansible_collections.okestack.oci.plugins.module_utils import cloud
from ansible_collections.okestack.oci.plugins.module_utils.model import ResourceType
from ansible_collections.okestack.oci.plugins.module_utils.run import ResourceTask, Task
from ansible_collections.okestack.oci.plugins.module_utils.types import (
    identity,
    kubernetes_engine,
    logging,
    mysql,
    network,
    registry,
    vault,
)

_UTILS = "ansible_collections.okestack.oci.plugins.module_utils"
TYPE_ROOMS: tuple[ModuleType, ...] = (network, vault, mysql, kubernetes_engine, identity, registry, logging)
"""Imported by name, so that they come along where Ansible sends a module as a process of its own."""
TASK_ROOMS = ("info", "virtual_network", "kube.tasks")
"""Rooms whose module-level ``TASKS`` lists tasks that keep no single resource."""

# What most runs use; importing it once in Ansible's parent process spares every task the time.
_SDK = (
    "oci.core",
    "oci.identity",
    "oci.key_management",
    "oci.vault",
    "oci.secrets",
    "oci.mysql",
    "oci.container_engine",
    "oci.artifacts",
)


def types() -> dict[str, ResourceType]:
    """All declared resource types by name."""
    return {
        thing.name: thing for room in TYPE_ROOMS for thing in vars(room).values() if isinstance(thing, ResourceType)
    }


def task(name: str) -> Task | None:
    """The task behind a module's name; None where there is none."""
    declared = types()
    if name in declared:
        return ResourceTask(declared[name])
    looked_up = name.removesuffix("_info")
    if looked_up in declared:
        info: Task = importlib.import_module(f"{_UTILS}.info").InfoTask(declared[looked_up])
        return info
    for room in TASK_ROOMS:
        for candidate in importlib.import_module(f"{_UTILS}.{room}").TASKS:
            if candidate.name == name:
                chosen: Task = candidate
                return chosen
    return None


def preload() -> None:
    """Imports what tasks use. A missing SDK is told by the task that needs it."""
    types()
    for name in (*_SDK, *(f"{_UTILS}.{room}" for room in TASK_ROOMS)):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    cloud.warm_up({t.client for t in types().values() if f"oci.{t.package}" in _SDK})
    gc.collect()
    gc.freeze()  # so that a worker's collector does not copy the parent's pages
