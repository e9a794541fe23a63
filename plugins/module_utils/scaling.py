# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a larger site has room: the addresses that are free in its subnets, and what is left of the limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.findings import BROKEN, OK, Finding, report_findings
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, holds_unknown
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.preflight import Need, Place, left, limits, subnet_place
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task

LIMITS: Mapping[str, tuple[str, str]] = {
    "virtual nodes": ("container-engine", "virtual-node-count"),
    "Mbps of the load balancer": ("load-balancer", "lb-flexible-bandwidth-sum"),
}
"""What grows -> the service and the name of its limit."""


def grown(row: Mapping[str, Any]) -> int:
    """By how many a size grows; 0 where it stays or shrinks."""
    return max(0, int(row["wanted"]) - int(row["now"]))


def room(rows: Sequence[Mapping[str, Any]], places: Mapping[str, Place]) -> Iterator[Finding]:
    """The free addresses of each subnet against what is to be added. ``places``: by the subnet's id."""
    for row in rows:
        more = grown(row)
        place = places.get(str(row.get("subnet_id")))
        if place is None or not more:
            continue
        spare = int(row.get("spare") or 0)
        told_ = f"subnet {place.name} ({place.block}) has {place.free} free addresses for {more} more {row['what']}"
        if spare:
            told_ += f" and {spare} while they are replaced"
        if more + spare > place.free:
            most = int(row["now"]) + max(0, place.free - spare)
            todo = (
                f"scale to {most} at most, or let the subnet grow first: a larger cidr_block with the same network"
                " address (network_subnet_cidrs)"
            )
            yield Finding(str(row["what"]), BROKEN, told_, todo)
        else:
            yield Finding(str(row["what"]), OK, told_)


class SiteScale:
    """Tells whether there is room for sizes, before anything is changed."""

    name = "site_scale"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        row: dict[str, dict[str, Any]] = {
            "what": {"type": "str", "required": True},
            "now": {"type": "int", "required": True},
            "wanted": {"type": "int", "required": True},
            "subnet_id": {"type": "str"},
            "spare": {"type": "int", "default": 0},
        }
        return {
            "sizes": {"type": "list", "elements": "dict", "required": True, "options": row},
            "availability_domain": {"type": "str"},
            "refuse": {"type": "bool", "default": False},
        }

    def execute(self, params: Document, context: Context) -> Document:
        """``findings``, ``broken``, ``table`` as site_findings has them; with ``refuse`` raises ResourceError."""
        rows, session = params["sizes"], context.session
        for number, row in enumerate(rows):
            if row["wanted"] < 0:
                raise ResourceError(f"sizes[{number}].wanted: {row['wanted']} {row['what']}: no such size")
        growing = [row["subnet_id"] for row in rows if row.get("subnet_id") and grown(row)]
        asked = [identifier for identifier in dict.fromkeys(growing) if not holds_unknown(identifier)]
        places = dict(zip(asked, side_by_side(lambda each: subnet_place(session, each), asked), strict=True))
        needs = [
            Need(*LIMITS[row["what"]], grown(row), f"more {row['what']}")
            for row in rows
            if row["what"] in LIMITS and grown(row)
        ]
        findings = [*room(rows, places), *limits(needs, left(session, needs, params.get("availability_domain")))]
        broken = [f"{each.hop}: {each.what}\n  -> {each.todo}" for each in findings if each.status == BROKEN]
        if broken and params["refuse"]:
            raise ResourceError("\n".join(["There is no room, and nothing was changed:", *broken]))
        return report_findings(findings, context)


TASKS: tuple[Task, ...] = (SiteScale(),)
