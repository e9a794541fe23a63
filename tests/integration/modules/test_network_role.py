"""The role network through ansible-playbook: by default nothing is mirrored; on demand, a subnet is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import oci
import yaml

from localregion.testing import Region

from .playbook import ROOT, play

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


def test_a_survey_of_the_role_alone(region: Region, tmp_path: Path) -> None:
    """Every optional answer left empty, lists as the text that was typed; the role is one of a play's ``roles``."""
    spec = yaml.safe_load((ROOT / "roles/network/meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    answers = {
        **dict.fromkeys(spec["options"], ""),
        "network_compartment_id": region.compartment_id,
        "network_deployment": "asked",
        "network_api_client_cidrs": '["192.0.2.0/24"]',
        "network_lb_client_cidrs": "[192.0.2.0/24, 198.51.100.0/24]",
        "network_lb_is_public": "false",
    }
    play(region, tmp_path, [], "-e", json.dumps(answers), roles=["okestack.oci.network"])
    network = region.client(oci.core.VirtualNetworkClient)
    (vcn,) = network.list_vcns(region.compartment_id, display_name="asked").data
    assert vcn.cidr_blocks == ["10.0.0.0/16"]
    subnets = {one.display_name: one for one in network.list_subnets(region.compartment_id, vcn_id=vcn.id).data}
    assert subnets["lb"].prohibit_public_ip_on_vnic and not subnets["api"].prohibit_public_ip_on_vnic
    play(region, tmp_path, [], "-e", json.dumps(answers), roles=["okestack.oci.network"])
