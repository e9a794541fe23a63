# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that only read."""

from __future__ import annotations

from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.model import Document
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task


class NetworkServicesInfo:
    """The services which a service gateway of the region can reach (ListServices)."""

    name = "network_services_info"
    constraints: dict[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {}

    def execute(self, params: Document, context: Context) -> Document:
        """``services``: all of them; ``all_services``: the one that stands for all, "All <region> Services"."""
        del params
        session = context.session
        rows = session.rows(session.client("core.VirtualNetworkClient"), "list_services")
        every = next((r for r in rows if r["cidr_block"].startswith("all-")), None)
        return {"changed": False, "services": rows, "all_services": every}


TASKS: tuple[Task, ...] = (NetworkServicesInfo(),)
