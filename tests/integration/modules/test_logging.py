# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log groups and logs: found in their group's path, moved to another by id, written by work requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils.model import holds_unknown, placeholder

from localregion.testing import Region

from .conftest import Door

Options = dict[str, Any]


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """A region in which things take their time: a cloud minute is two seconds."""
    with Region.started(Path(tmp_path_factory.mktemp("slow")), minute=2.0) as started:
        yield started


def group(door: Door, name: str, **options: Any) -> str:
    options = {"compartment_id": door.region.compartment_id, **options}
    return str(door("log_group", display_name=name, **options)["log_group"]["id"])


def subnet(door: Door, name: str) -> str:
    """A subnet in a VCN of its own."""
    common: Options = {"compartment_id": door.region.compartment_id, "display_name": name}
    vcn = door("vcn", **common, cidr_blocks=["10.0.0.0/16"])["vcn"]["id"]
    return str(door("subnet", **common, vcn_id=vcn, cidr_block="10.0.1.0/24")["subnet"]["id"])


def flow_log(group: str, resource: str, name: str = "flow", **options: Any) -> Options:
    source = {"source_type": "OCISERVICE", "service": "flowlogs", "category": "subnet", "resource": resource}
    log: Options = {"log_group_id": group, "display_name": name, "log_type": "SERVICE"}
    return {**log, "configuration": {"source": source}, **options}


def test_a_log_is_made_changed_and_removed_by_work_requests_that_are_waited_for(slow: Region) -> None:
    door = Door(slow)
    here, there = group(door, "here"), group(door, "there")
    options = flow_log(here, subnet(door, "slow"))
    made = door("log", **options)["log"]
    assert made["lifecycle_state"] == "ACTIVE" and made["log_group_id"] == here
    off = door("log", **{**options, "is_enabled": False})
    assert off["log"]["lifecycle_state"] == "INACTIVE"
    moved = door("log", id=made["id"], log_group_id=there)
    assert moved["log"]["log_group_id"] == there and moved["log"]["lifecycle_state"] == "INACTIVE"
    assert moved["diff"]["before"] == {"log_group_id": here} and moved["diff"]["after"] == {"log_group_id": there}
    assert door("log", state="absent", log_group_id=there, display_name="flow")["changed"]
    assert door("log_group", state="absent", id=there)["changed"], "nothing is left in it"


def test_a_log_is_found_in_whatever_group_it_is_and_moved_by_id(door: Door, region: Region) -> None:
    identity = region.client(oci.identity.IdentityClient)
    details = oci.identity.models.CreateCompartmentDetails(
        compartment_id=region.tenancy_id, name="beside", description="d"
    )
    beside = identity.create_compartment(details).data.id
    region.settle()
    far, near = group(door, "far", compartment_id=beside), group(door, "near")
    options = flow_log(far, subnet(door, "moves"))
    made = door("log", **options)["log"]
    for check in (True, False):
        moved = door("log", check=check, id=made["id"], log_group_id=near, retention_duration=60)
        assert moved["diff"]["after"] == {"log_group_id": near, "retention_duration": 60}
        assert moved["log"]["id"] == made["id"]
    region.forget_calls()
    assert not door("log", id=made["id"], log_group_id=near, retention_duration=60)["changed"]
    assert region.count("logging.get_log") == 1 and region.count("logging.list_log_groups") == 0
    assert not door("log", state="absent", id=made["id"], log_group_id=far)["changed"], "it is not there any more"
    told = door("log", id=f"{made['id'][:-4]}none", log_group_id=near, fails=True)["msg"]
    assert "none with this id" in told


def test_a_log_of_a_group_that_is_only_planned_is_planned(door: Door, region: Region) -> None:
    planned = placeholder("log_group", "flows", "id")
    region.forget_calls()
    made = door("log", check=True, **flow_log(planned, placeholder("subnet", "nodes", "id")))
    assert made["changed"] and made["diff"]["after"]["log_group_id"] == "(known after apply)"
    assert holds_unknown(made["log"]["id"])
    assert region.count("logging.*") == 0


def test_a_second_flow_log_of_a_subnet_is_refused_by_the_service(door: Door) -> None:
    here, logged = group(door, "one-each"), subnet(door, "one-each")
    first = door("log", **flow_log(here, logged))["log"]["id"]
    told = door("log", **flow_log(here, logged, "second"), fails=True)["msg"]
    assert "409 Conflict" in told and first in told
    told = door("log_group", state="absent", id=here, fails=True)["msg"]
    assert "409 Conflict" in told and "not empty" in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"retention_duration": 31}, "retention_duration: 31 must be one of 30, 60, 90, 120, 150, 180 days"),
        ({"log_type": "CUSTOM"}, "configuration.source: a CUSTOM log has none"),
    ],
)
def test_bad_options_are_refused_before_the_first_call(door: Door, region: Region, options: Options, told: str) -> None:
    region.forget_calls()
    refused = door("log", **flow_log("ocid1.loggroup.oc1..x", "ocid1.subnet.oc1..x", **options), fails=True)
    assert told in refused["msg"]
    assert region.count("*") == 0
