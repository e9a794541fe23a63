"""What a service does on bad days: it is late, loses answers, hides what it made, refuses a stale write."""

from __future__ import annotations

from typing import Any

import oci
import pytest

from localregion.testing import Region

from .conftest import Door

pytestmark = pytest.mark.usefixtures("no_faults_after")


def _vcn(region: Region, name: str, **more: Any) -> dict[str, Any]:
    return {"compartment_id": region.compartment_id, "display_name": name, "cidr_blocks": ["10.50.0.0/16"], **more}


def _living(region: Region, name: str) -> int:
    found = region.client(oci.core.VirtualNetworkClient).list_vcns(region.compartment_id, display_name=name).data
    return len([v for v in found if v.lifecycle_state == "AVAILABLE"])


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "headers": {"retry-after": "0"}},
        {"status": 503},
        {"status": 500},
        {"status": 409, "code": "IncorrectState"},
        {"drop": "before"},
        {"drop": "after"},
    ],
    ids=str,
)
def test_a_create_that_goes_wrong_once_makes_one(door: Door, region: Region, fault: dict[str, Any]) -> None:
    name = f"once {fault}"
    region.faults.add("core.create_vcn", **fault)
    assert door("vcn", **_vcn(region, name))["changed"]
    assert _living(region, name) == 1
    assert not door("vcn", **_vcn(region, name))["changed"]


def test_a_create_whose_run_was_killed_is_found_by_its_token_while_lists_do_not_show_it(
    door: Door, region: Region
) -> None:
    """The answer to the create never reached the first run, and the list does not show the VCN to the second."""
    region.faults.add("core.create_vcn", drop="after", times=None)
    lost = door("vcn", fails=True, retry_timeout=0.1, **_vcn(region, "token"))
    assert "create_vcn" in lost["msg"] and "no answer" in lost["msg"]
    region.faults.clear()
    region.faults.hidden = 3.0
    assert door("vcn", **_vcn(region, "token"))["changed"]
    region.faults.clear()
    assert _living(region, "token") == 1


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"drop": "before"}, {"status": 500}], ids=str)
def test_rules_are_read_again_before_they_are_sent_again(door: Door, region: Region, fault: dict[str, Any]) -> None:
    vcn = door("vcn", **_vcn(region, f"rules {fault}"))["vcn"]["id"]
    rule = {"direction": "INGRESS", "protocol": "all", "source": "192.0.2.0/24", "source_type": "CIDR_BLOCK"}
    group = {
        "compartment_id": region.compartment_id,
        "vcn_id": vcn,
        "display_name": "group",
        "security_rules": [rule, {**rule, "source": "198.51.100.0/24"}],
    }
    region.faults.add("core.add_network_security_group_security_rules", **fault)
    made = door("network_security_group", **group)["network_security_group"]
    rules = region.client(oci.core.VirtualNetworkClient).list_network_security_group_security_rules(made["id"]).data
    assert sorted(r.source for r in rules) == ["192.0.2.0/24", "198.51.100.0/24"], "each rule once"


def test_a_stale_write_is_planned_anew(door: Door, region: Region) -> None:
    options = _vcn(region, "stale", freeform_tags={"a": "1"})
    door("vcn", **options)
    region.faults.add("core.update_vcn", status=412)
    changed = door("vcn", **{**options, "freeform_tags": {"a": "2"}})
    assert changed["changed"] and changed["vcn"]["freeform_tags"] == {"a": "2"}
    assert region.count("core.update_vcn") >= 2


def test_an_error_says_what_where_why_and_the_request(door: Door, region: Region) -> None:
    region.faults.add("core.create_vcn", status=400, code="LimitExceeded", message="No more VCNs", times=None)
    told = door("vcn", fails=True, **_vcn(region, "refused"))["msg"]
    for part in ("create_vcn", "400", "LimitExceeded", "No more VCNs", "request "):
        assert part in told


def test_names_where_ocids_belong_are_told_with_their_options(door: Door, region: Region) -> None:
    """All of them at once and before any call: the service would say no more than 404."""
    region.forget_calls()
    rule = {"destination": "0.0.0.0/0", "network_entity_id": "internet"}
    told = door(
        "route_table", fails=True, compartment_id="shop", vcn_id="main", display_name="public", route_rules=[rule]
    )["msg"]
    for path in ("compartment_id: 'shop'", "vcn_id: 'main'", "route_rules[0].network_entity_id: 'internet'"):
        assert path in told
    assert "id: 'main' is no OCID" in door("vcn", fails=True, id="main", freeform_tags={"a": "b"})["msg"]
    assert region.calls == []
