"""The role network through ansible-playbook: off by default nothing is mirrored; told to, a subnet is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import oci

from localregion.testing import Region

from .playbook import play

FILTERS = [
    {
        "display_name": "incoming",
        "filter_type": "VTAP",
        "vtap_capture_filter_rules": [{"traffic_direction": "INGRESS"}],
    }
]
VTAPS = [
    {
        "display_name": "pods",
        "source_id": "pods",
        "target_ip": "10.0.2.9",
        "capture_filter_id": "incoming",
        "is_vtap_enabled": True,
    }
]


def test_a_network_whose_pods_are_mirrored(region: Region, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "network_compartment_id": region.compartment_id,
        "network_deployment": "mirrored",
        "network_api_client_cidrs": ["192.0.2.0/24"],
        "network_lb_client_cidrs": ["0.0.0.0/0"],
    }
    mirrored = {**given, "network_capture_filters": FILTERS, "network_vtaps": VTAPS}
    role: dict[str, Any] = {"name": "okestack.oci.network"}

    def run(values: dict[str, Any], **more: Any) -> str:
        return play(region, tmp_path, [{"ansible.builtin.include_role": {**role, **more}, "vars": values}])

    network = region.client(oci.core.VirtualNetworkClient)
    run(given)
    assert network.list_vtaps(region.compartment_id).data == []
    run(mirrored)
    vtap = network.list_vtaps(region.compartment_id).data[0]
    assert (vtap.display_name, vtap.lifecycle_state_details) == ("pods", "RUNNING")
    assert network.get_subnet(vtap.source_id).data.display_name == "pods"
    region.forget_calls()
    run(mirrored)
    assert region.writes() == []
    run(mirrored, tasks_from="absent")
    left = [
        *network.list_vcns(region.compartment_id, lifecycle_state="AVAILABLE").data,
        *network.list_capture_filters(region.compartment_id, lifecycle_state="AVAILABLE").data,
    ]
    assert "incoming" not in [one.display_name for one in left]
    assert "mirrored" not in [one.display_name for one in left]
