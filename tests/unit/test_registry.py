# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which task a module runs."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.okestack.oci.plugins.module_utils import registry
from ansible_collections.okestack.oci.plugins.module_utils.run import full_spec
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types

MODULES = {path.stem for path in (Path(__file__).parents[2] / "plugins" / "modules").glob("*.py")} - {"role_options"}
"""All but the one that has an action plugin of its own."""


def test_each_module_has_a_task_of_its_name_and_each_task_a_module() -> None:
    for name in MODULES:
        task = registry.task(name)
        assert task is not None and task.name == name, name
    assert all_types().keys() | registry.OTHERS.keys() <= MODULES
    assert registry.task("nothing") is None and registry.task("nothing_info") is None


def test_no_task_has_an_option_of_the_connection() -> None:
    """Such an option would be set for the connection and for the task."""
    for name in MODULES:
        task = registry.task(name)
        assert task is not None
        own = task.argument_spec()
        class_ = type("Bare", (), {"name": name, "constraints": {}, "argument_spec": lambda self: {}})
        assert own.keys().isdisjoint(full_spec(class_())), name
