# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a deployment as hosts, found by its tags."""

from __future__ import annotations

DOCUMENTATION = r"""
name: deployment
short_description: The parts of a deployment, found by their tags
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
description:
  - Lists the resources of a compartment that carry the freeform tag C(okestack-deployment), as everything does that the
    collection's roles make. Load balancers that Services of Kubernetes made are among them.
  - Each is a host named C(<type>.<name>), for example C(mysql_db_system.shop), in the groups C(type_<type>),
    C(component_<component>) and C(deployment_<deployment>).
  - Its variable C(part) holds what M(okestack.oci.resource_info) tells of a resource, and C(part.component) and
    C(part.deployment).
  - Nothing signs in to such a host. Its connection is V(local), so that modules of the collection can be played on it.
  - The file's name ends with C(.okestack.yml) or C(.okestack.yaml).
options:
  plugin:
    description: The plugin's name, which makes the file one for it.
    type: str
    required: true
    choices: [okestack.oci.deployment]
  compartment_id:
    description:
      - OCID of the compartment to search. Compartments below it are not searched.
      - May be a template.
    type: str
    required: true
  deployment:
    description:
      - The deployment's name, the value of the tag.
      - May be a template. If not given, the parts of all deployments are listed.
    type: str
  types:
    description:
      - Names of types, as the modules that keep them are called, or V(load_balancer). If not given, all.
    type: list
    elements: str
extends_documentation_fragment:
  - okestack.oci.connection
  - ansible.builtin.constructed
seealso:
  - module: okestack.oci.resource_info
"""

EXAMPLES = r"""
# shop.okestack.yml
plugin: okestack.oci.deployment
compartment_id: "{{ lookup('ansible.builtin.env', 'COMPARTMENT_ID') }}"
deployment: shop
compose:
  ansible_host: part.addresses[0].host
keyed_groups:
  - prefix: state
    key: part.lifecycle_state | lower

# ansible-inventory -i shop.okestack.yml --graph
# ansible -i shop.okestack.yml type_mysql_db_system -m okestack.oci.mysql_db_system -a "id={{ part.id }} state=stopped"
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.template import trust_as_template
from ansible_collections.okestack.oci.plugins.module_utils.cloud import CONNECTION_OPTIONS, Connection, Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.info import (
    check_types,
    known_types,
    line,
    matching,
    survey,
)
from ansible_collections.okestack.oci.plugins.module_utils.model import COMPONENT, DEPLOYMENT


class InventoryModule(BaseInventoryPlugin, Constructable):
    """Reads a `*.okestack.yml`."""

    NAME = "okestack.oci.deployment"

    def verify_file(self, path: str) -> bool:
        """Whether the file is one for this plugin."""
        return bool(super().verify_file(path)) and path.endswith((".okestack.yml", ".okestack.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Adds the deployment's parts."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        try:
            parts = self._parts()
        except (CloudError, ResourceError) as error:
            raise AnsibleParserError(f"{path}: {error}") from None
        names = Counter(_host_name(p) for p in parts)
        for part in parts:
            name = _host_name(part)
            if names[name] > 1 and part["id"]:  # the service lets several have one name
                name = f"{name}-{part['id'][-6:]}"
            self._add(name, part)

    def _parts(self) -> list[dict[str, Any]]:
        deployment = self._templated("deployment")
        names = self.get_option("types")
        check_types(names or ())
        connection = Connection.from_options({n: self._templated(n) for n in CONNECTION_OPTIONS})
        session = Session(connection, warn=self.display.warning)
        skipped = None if names else lambda name, error: self.display.warning(f"{name}: not listed: {error}")
        found = survey(session, names or known_types(), self._templated("compartment_id"), skipped)
        tags = {DEPLOYMENT: deployment} if deployment else {}
        return [
            {
                **line(type_, d),
                "deployment": d["freeform_tags"][DEPLOYMENT],
                "component": d["freeform_tags"].get(COMPONENT),
            }
            for type_, document in found
            for d in matching(type_, [document], tags=tags)
            if DEPLOYMENT in (d.get("freeform_tags") or {})
        ]

    def _templated(self, option: str) -> Any:
        value = self.get_option(option)
        return self.templar.template(value) if isinstance(value, (str, dict)) else value

    def _add(self, name: str, part: Mapping[str, Any]) -> None:
        self.inventory.add_host(name)
        for key in ("type", "component", "deployment"):
            if part[key]:
                self.inventory.add_host(name, self.inventory.add_group(self._sanitize_group_name(f"{key}_{part[key]}")))
        variables = {
            "part": _plain(dict(part)),
            "ansible_connection": _plain("local"),
            "ansible_python_interpreter": trust_as_template("{{ ansible_playbook_python }}"),
        }
        for key, value in variables.items():
            self.inventory.set_variable(name, key, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict)


def _plain(value: Any) -> Any:
    """Texts without a template in them marked as harmless: others are exported as ``{"__ansible_unsafe": ...}``, which
    AWX would take for the value."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, str) and not any(mark in value for mark in ("{{", "{%", "{#")):
        return trust_as_template(value)
    return value


def _host_name(part: Mapping[str, Any]) -> str:
    """A name without what means something in patterns of hosts and in lists of them."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{part['type']}.{part['name']}")
