# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which task a module's name stands for, and what is imported for all of them at once."""

from __future__ import annotations

import gc
import importlib

from ansible_collections.okestack.oci.plugins.module_utils import (
    cloud,
    drift,
    findings,
    info,
    network_path_task,
    preflight,
    virtual_network,
)
from ansible_collections.okestack.oci.plugins.module_utils.kube import tasks as kubernetes
from ansible_collections.okestack.oci.plugins.module_utils.kube import url_check_task
from ansible_collections.okestack.oci.plugins.module_utils.run import ResourceTask, Task
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types

ROOMS = (info, virtual_network, network_path_task, findings, preflight, drift, kubernetes, url_check_task)
OTHERS: dict[str, Task] = {task.name: task for room in ROOMS for task in room.TASKS}
"""The tasks that keep no single resource, by name."""

# What most runs use; importing it once in Ansible's parent process spares every task the time.
_SDK = (
    "core",
    "identity",
    "key_management",
    "vault",
    "secrets",
    "mysql",
    "container_engine",
    "artifacts",
)


def task(name: str) -> Task | None:
    """The task behind a module's name; None where there is none."""
    types = all_types()
    if name in types:
        return ResourceTask(types[name])
    looked_up = name.removesuffix("_info")
    if looked_up in types:
        return info.InfoTask(types[looked_up])
    return OTHERS.get(name)


def preload() -> None:
    """Imports what tasks use. A missing SDK is told by the task that needs it."""
    for name in _SDK:
        try:
            importlib.import_module(f"oci.{name}")
        except ImportError:
            continue
    cloud.warm_up({t.client for t in all_types().values() if t.package in _SDK})
    gc.collect()
    gc.freeze()  # so that a worker's collector does not copy the parent's pages
