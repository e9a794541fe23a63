# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for log groups and logs."""

from __future__ import annotations

from ..case import Case, Leaf

CASES = {
    "log_group": Case(leaves={"description": Leaf("logs of the walk", "logs of the Walk")}),
    "log": Case(
        leaves={
            "log_type": Leaf(
                "SERVICE",
                "CUSTOM",
                beside={"configuration": None},
                irreplaceable="the new one would take over a source, which a CUSTOM log has not",
            ),
            "is_enabled": Leaf(True, False),
            "retention_duration": Leaf(30, 90),
            "configuration.compartment_id": Leaf(second=lambda g: g.other_compartment_id),
            "configuration.source.source_type": Leaf("OCISERVICE", "OTHER", irreplaceable="the service has one alone"),
            "configuration.source.service": Leaf("flowlogs", "loadbalancer", irreplaceable="it has no flow logs"),
            "configuration.source.resource": Leaf(lambda g: g.subnets["db"], lambda g: g.subnets["api"]),
            "configuration.source.category": Leaf("subnet", "all"),
            "configuration.source.parameters": Leaf(
                lambda g: {"capture_filter": g.flow_log_filter_ids[0]},
                lambda g: {"capture_filter": g.flow_log_filter_ids[1]},
            ),
            "configuration.archiving.is_enabled": Leaf(False, True),
        },
        options={"log_group_id": lambda g: g.log_group_ids[0]},
        elsewhere={"log_group_id": lambda g: g.log_group_ids[1]},
    ),
}
