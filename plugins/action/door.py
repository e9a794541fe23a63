# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door: every module of the collection runs through this action plugin, in Ansible's own process.

`meta/runtime.yml` sends each module's name here. This file is loaded once, in the parent (`__init__.py` beside it
sees to it); each task's worker is forked from it and finds the SDK imported.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import module_loader
from ansible.utils.display import Display
from ansible_collections.okestack.oci.plugins.module_utils import recording, registry
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Connection
from ansible_collections.okestack.oci.plugins.module_utils.errors import BadOptions
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, run_task, validated
from ansible_collections.okestack.oci.plugins.module_utils.snapshot import SNAPSHOT
from ansible_collections.okestack.oci.plugins.plugin_utils import coming

PR_SET_PDEATHSIG = 1

if isinstance(sys.stdout, io.TextIOWrapper):
    # Ansible leaves it to the system when a file or a pipe gets what it prints: a wait of minutes would show nothing.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.reconfigure(line_buffering=True)

registry.prepare()
SNAPSHOT.open()


class ActionModule(ActionBase):
    """Runs the module's task here; as a module where that is asked for (async, another host)."""

    _supports_async = True
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        del tmp
        found = module_loader.find_plugin_with_context(self._task.action, collection_list=self._task.collections)
        name = (found.resolved_fqcn or self._task.action).rpartition(".")[2]
        elsewhere = getattr(self._connection, "transport", "") != "local"
        if self._task.async_val or elsewhere or self._task.until:
            SNAPSHOT.end()  # what another process does is not seen; who asks until something changes wants to see it
        coming.enter(self._task)
        if self._task.async_val or elsewhere:
            if not elsewhere:
                task_vars = _by_this_python(task_vars or {})
            return {
                **result,
                **self._execute_module(
                    module_name=f"okestack.oci.{name}", task_vars=task_vars, wrap_async=self._task.async_val
                ),
            }
        _die_with_parent()
        task = registry.task(name)
        if task is None:
            raise AnsibleActionFail(f"okestack.oci has no module {name}")
        if self._task.become:
            Display().warning(f"{name}: become is ignored; it runs in Ansible's own process")
        display = Display()
        stop = threading.Event()
        seen = (task_vars or {}).get(recording.RECORD)
        recorded = str(seen or (task_vars or {}).get(recording.PLANNED) or "")
        try:
            params, unsafe = validated(task, self._task.args)
            if seen and self._task.check_mode and "allow_replace" in params:
                params["allow_replace"] = True  # so that the plan goes on beyond a replacement
            context = Context(
                check_mode=self._task.check_mode,
                connection=Connection.from_options(params, self._environment()),
                report=lambda line: display.display(f"  {line}", color="bright blue"),
                warn=display.warning,
                stop=stop,
                secrets=unsafe,
                ahead=coming.reading(self._task, self._templar, task_vars or {}, (name, params)),
            )
            done = run_task(task, params, context)
            return {**result, **done, **(recording.record(task, done, recorded) if recorded else {})}
        except BadOptions as error:
            raise AnsibleActionFail(str(error)) from None
        finally:
            stop.set()

    def _environment(self) -> dict[str, str]:
        """The task's own ``environment:``, which a module would see in its process."""
        variables: dict[str, str] = {}
        for entry in self._task.environment or []:
            if isinstance(entry, Mapping):
                templated = self._templar.template(dict(entry))
                variables.update({str(k): str(v) for k, v in templated.items()})
        return variables


def _by_this_python(task_vars: dict[str, Any]) -> dict[str, Any]:
    """A task's variables, so that a process on this machine is run by the Python that runs Ansible and has the SDK.

    The one that Ansible would discover need not have it. One that is named explicitly is used.
    """
    named = str(C.config.get_config_value("INTERPRETER_PYTHON", variables=task_vars) or "auto")
    return {**task_vars, "ansible_python_interpreter": sys.executable} if named.startswith("auto") else task_vars


def _die_with_parent() -> None:
    """Ties this worker to ansible-playbook: killed with -9, it must not leave somebody who goes on writing."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
