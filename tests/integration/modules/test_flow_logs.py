# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role network with flow logs, played against the region: planned, made, left alone, changed, taken away."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from oci.core import VirtualNetworkClient
from oci.logging import LoggingManagementClient

from localregion.testing import Region

from .playbook import play

RULE = {"is_enabled": True, "priority": 1, "sampling_rate": 1}
FILTER = {"display_name": "flows", "filter_type": "FLOWLOG", "flow_log_capture_filter_rules": [RULE]}


def _role(region: Region, entry: str = "main", **variables: Any) -> list[dict[str, Any]]:
    common = {"okestack_compartment_id": region.compartment_id, "okestack_deployment": "shop"}
    clients = {"network_api_client_cidrs": ["192.0.2.0/24"], "network_lb_client_cidrs": ["0.0.0.0/0"]}
    role = {"name": "okestack.oci.network", "tasks_from": entry}
    return [{"ansible.builtin.include_role": role, "vars": {**common, **clients, **variables}}]


def _changed(printed: str) -> int:
    found = re.search(r"changed=(\d+)", printed)
    assert found, printed
    return int(found[1])


def test_flow_logs_of_the_subnets(region: Region, tmp_path: Path) -> None:
    logged = _role(region, network_flow_logs=True, network_flow_log_filter="flows", network_capture_filters=[FILTER])
    logs = region.client(LoggingManagementClient)

    region.forget_calls()
    printed = play(region, tmp_path, logged, "--check", "--diff")
    assert _changed(printed) == 3 and "log pods" in printed and "(known after apply)" in printed
    assert region.writes() == [], "a plan from nothing"
    assert _changed(play(region, tmp_path, logged)) == 3
    region.forget_calls()
    assert _changed(play(region, tmp_path, logged)) == 0
    assert region.writes() == []
    (group,) = logs.list_log_groups(region.compartment_id).data
    assert group.display_name == "shop-flows" and group.freeform_tags["okestack-deployment"] == "shop"
    kept = {log.display_name: log for log in logs.list_logs(group.id).data}
    subnets = {
        s.display_name: s.id for s in region.client(VirtualNetworkClient).list_subnets(region.compartment_id).data
    }
    assert {name: log.configuration.source.resource for name, log in kept.items()} == subnets
    assert {log.retention_duration for log in kept.values()} == {30}
    assert all(log.configuration.source.parameters["capture_filter"] for log in kept.values())

    longer = _role(region, network_flow_logs=True, network_flow_log_retention=90, network_capture_filters=[FILTER])
    assert _changed(play(region, tmp_path, longer)) == 1
    now = logs.list_logs(group.id).data
    assert {log.retention_duration for log in now} == {90} and {log.id for log in now} == {
        log.id for log in kept.values()
    }
    assert not any(log.configuration.source.parameters for log in now)

    region.forget_calls()
    assert _changed(play(region, tmp_path, _role(region, network_capture_filters=[FILTER]))) == 0
    assert region.count("logging.*") == 0, "what is not asked for costs nothing"

    gone = _role(region, "absent", network_capture_filters=[FILTER])
    assert _changed(play(region, tmp_path, gone, "--check")) == 3
    assert _changed(play(region, tmp_path, gone)) == 3
    assert logs.list_log_groups(region.compartment_id).data == []
    assert _changed(play(region, tmp_path, gone)) == 0
