# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which task a module runs, and what is done for all of them at once."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.okestack.oci.plugins.module_utils import (
    adoption,
    cloud,
    drift,
    findings,
    info,
    network_path_task,
    preflight,
    preload,
    report_task,
    rotation,
    scaling,
    signers,
    site_plan,
    virtual_network,
)
from ansible_collections.okestack.oci.plugins.module_utils.kube import look_tasks, upgrade_task, url_check_task
from ansible_collections.okestack.oci.plugins.module_utils.kube import tasks as kubernetes
from ansible_collections.okestack.oci.plugins.module_utils.run import ResourceTask, Task
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types

ROOMS = (
    info,
    virtual_network,
    network_path_task,
    findings,
    preflight,
    rotation,
    scaling,
    drift,
    site_plan,
    adoption,
    report_task,
    kubernetes,
    url_check_task,
    upgrade_task,
    look_tasks,
)
OTHERS: dict[str, Task] = {task.name: task for room in ROOMS for task in room.TASKS}
"""The tasks that keep no single resource, by name."""

# Packages of the SDK that most runs use.
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


def prepare(environment: Mapping[str, str] | None = None) -> None:
    """Does in Ansible's parent process, once a run, what each task would do (`preload`).

    ``environment`` says, beside the process' own, whether to sign in as the machine or pod that this is.
    """
    preload.import_packages(_SDK)
    if (nobody := preload.sign_once(signers.nobody)) is not None:
        preload.share_class_tables({t.client for t in all_types().values() if t.package in _SDK}, nobody)
    preload.freeze()
    signers.sign_in_place(cloud.Connection.from_options({}, environment).sign_in)
