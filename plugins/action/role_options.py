# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the variables of roles before anything is written; see plugins/modules/role_options.py."""

from __future__ import annotations

import functools
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as ansible_version
from ansible_collections.okestack.oci.plugins.module_utils import cloud, role_options
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.run import untagged
from ansible_collections.okestack.oci.plugins.plugin_utils import coming

ROLES = Path(__file__).parents[2] / "roles"
PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
FACTS = {"network", "vault", "mysql", "cluster", "app"}
"""What roles set for those that follow: a variable that needs one is checked when it is there."""
ASKED = {
    *role_options.REGIONAL,
    *(name for group in role_options.IN_ONE_VCN for name in group),
    *(name for pair in role_options.GIVEN.items() for name in pair if name),
    *role_options.COMPARTMENTS,
}
"""What the region is asked about, and what that depends on."""
OLDEST_ANSIBLE = (2, 19)


@functools.cache
def described(role: str) -> tuple[dict[str, dict[str, Any]], frozenset[str]]:
    """The entry points of a role with their options, and every name that the role itself uses."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    specs = yaml.load((ROLES / role / "meta/argument_specs.yml").read_text(), loader)["argument_specs"]
    texts = [path.read_text() for path in sorted(ROLES.glob(f"{role}/*/*")) if path.is_file()]
    names = {word for text in texts for word in re.findall(rf"\b{role}_\w+", text)}
    return {entry: spec.get("options") or {} for entry, spec in specs.items()}, frozenset(names)


@functools.cache
def of_playbooks() -> tuple[dict[str, dict[str, Any]], dict[str, frozenset[str]]]:
    """What playbooks take from an inventory beside the roles' options, and by playbook every name of its own."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    options: dict[str, dict[str, Any]] = yaml.load((PLAYBOOKS / "vars/inventory.yml").read_text(), loader)
    text = "\n".join(path.read_text() for path in sorted(PLAYBOOKS.glob("**/*.yml")))
    names = {}
    for path in sorted(PLAYBOOKS.glob("*.yml")):
        if path.stem == "site":
            continue  # it has none; and `site_` is what people begin their own with
        own = rf"\b{path.stem}_\w+"
        names[path.stem] = frozenset(re.findall(own, text))
    return options, names


@functools.cache
def every_option() -> dict[str, dict[str, Any]]:
    """The options of all entry points of all roles, and what playbooks take from an inventory besides."""
    options = dict(of_playbooks()[0])
    for path in ROLES.glob("*/meta/argument_specs.yml"):
        for entry in described(path.parents[1].name)[0].values():
            options |= entry
    return options


every_option()  # once, in the parent of all workers


class ActionModule(ActionBase):
    """Says all that is wrong at once."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        own = self._task._role.get_name().rpartition(".")[2] if self._task._role else None
        roles = self._task.args.get("roles") or ([own] if own else [])
        entry = self._task.args.get("entry_point") or "main"
        problems = [*_machine(roles, variables)]
        whole = boolean(self._task.args.get("site") or False)
        site, own_names = of_playbooks() if whole else ({}, {})
        for name, option in site.items():
            if option.get("required"):
                if entry == "main" or name.startswith("okestack_"):
                    problems += self._wrong(name, option, variables)
            elif self._given(name, variables, unknown=name) not in (None, ""):
                problems += self._wrong(name, option, variables)
        for playbook, names in own_names.items():
            problems += role_options.unknown(playbook, variables, names, site, f"the playbook {playbook}.yml")
        for role in roles:
            entries, names = described(role)
            for name, option in entries[entry].items():
                if name not in site and (name in variables or (role == own and option.get("required"))):
                    problems += self._wrong(name, option, variables)
            problems += role_options.unknown(role, variables, names, {*chain(*entries.values())}, f"the role {role}")
            for check, names_of in role_options.TOGETHER.get(role, ()) if entry == "main" else ():
                problems += check(*(self._given(name, variables) for name in names_of))
        problems += role_options.misspelt(
            variables, {*site, *(f"okestack_{name}" for name in cloud.CONNECTION_OPTIONS)}
        )
        if whole and roles and entry == "main" and cloud.oci is not None:
            problems += self._region(variables, problems)
        if problems:
            lines = "\n".join(dict.fromkeys(problems))
            return {**result, "failed": True, "msg": f"Nothing has been written. To be put right first:\n{lines}"}
        return result

    def _region(self, variables: Mapping[str, Any], problems: list[str]) -> list[str]:
        """Values that the region does not have, except for variables that have another problem already."""
        given = {name: self._given(f"okestack_{name}", variables) for name in cloud.CONNECTION_OPTIONS}
        given = {name: value for name, value in given.items() if value not in (None, "")}
        checked = ArgumentSpecValidator(dict(cloud.CONNECTION_OPTIONS)).validate(given)
        if checked.error_messages:
            return [f"okestack_*: {message}" for message in checked.error_messages]
        wrong = {re.split(r"[:.\[]", line)[0] for line in problems}
        if {"okestack_compartment_id", "okestack_region", "okestack_endpoints"} & wrong:
            return []
        connection = cloud.Connection.from_options({**checked.validated_parameters, "retry_timeout": 5.0})
        asked = {name: None if name in wrong else self._given(name, variables) for name in ASKED}
        home = self._given("okestack_compartment_id", variables)
        places = [home, asked["oke_virtual_pool_kms_key_compartment_id"], asked["vault_secret_compartment_id"]]
        coming.enter(self._task)
        try:
            ahead = coming.reading(self._task, self._templar, variables)
            session = cloud.Session(connection, warn=self._display.warning, ahead=ahead)

            def look_ahead() -> list[str]:
                session.look_ahead()
                return []

            looks: list[Callable[[], list[str]]] = [
                look_ahead,
                lambda: role_options.not_in_region(session.look(), home, asked),
                lambda: role_options.not_of_one_network(session, asked, lambda: self._network(session, variables)),
                lambda: role_options.not_in_vault(session.look(), asked, places),
                lambda: role_options.compartments_not_seen(session, home, asked),
            ]
            return [problem for found in side_by_side(lambda look: look(), looks) for problem in found]
        except CloudError as error:
            return [f"okestack_*: {error}"]

    def _network(self, session: cloud.Session, variables: Mapping[str, Any]) -> str | None:
        """The OCID of the VCN that the role network keeps; None where it is not made yet."""
        where = self._given("network_compartment_id", variables) or self._given("okestack_compartment_id", variables)
        name = self._given("network_name", variables) or self._given("okestack_deployment", variables)
        client = session.client("core.VirtualNetworkClient")
        rows = session.rows(client, "list_vcns", where, display_name=name, lifecycle_state="AVAILABLE")
        return str(rows[0]["id"]) if len(rows) == 1 else None

    def _given(self, name: str, variables: Mapping[str, Any], unknown: Any = None) -> Any:
        """A variable's value as plain data; None where it is not there, `unknown` where it is not known yet."""
        try:
            return untagged(self._templar.template(variables[name]))
        except KeyError:
            return None
        except AnsibleError:
            return unknown

    def _wrong(self, name: str, option: Mapping[str, Any], variables: Mapping[str, Any]) -> Iterator[str]:
        try:
            value = self._templar.template(variables[name]) if name in variables else None
        except AnsibleUndefinedVariable as error:
            missing = re.findall(r"'(\w+)' is undefined", str(error))
            if not missing or missing[-1] not in FACTS:
                yield f"{name}: {error}"
            return
        except AnsibleError as error:
            yield f"{name}: {error}"
            return
        yield from role_options.wrong(name, option, untagged(value))


def _machine(roles: list[str], variables: Mapping[str, Any]) -> Iterator[str]:
    """What this machine lacks."""
    if tuple(int(part) for part in ansible_version.split(".")[:2]) < OLDEST_ANSIBLE:
        yield f"ansible-core {ansible_version} is older than 2.19: {sys.executable} -m pip install 'ansible-core>=2.19'"
    if cloud.oci is None:
        yield cloud.SDK_MISSING
    if "external_secrets" in roles and not variables.get("external_secrets_helm_path") and not shutil.which("helm"):
        yield "the program helm is not on PATH: install it, or name it with external_secrets_helm_path"
