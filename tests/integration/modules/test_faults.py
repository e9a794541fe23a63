"""What a service does on bad days: it is late, loses answers, hides what it made, refuses a stale write."""

from __future__ import annotations

from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils import cloud

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


def test_a_stale_write_is_planned_again(door: Door, region: Region) -> None:
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
    assert "id: 'main' is not an OCID" in door("vcn", fails=True, id="main", freeform_tags={"a": "b"})["msg"]
    assert region.calls == []


@pytest.mark.parametrize(("status", "code"), [(409, "Conflict"), (409, "IncorrectState"), (412, "PreconditionFailed")])
def test_what_is_still_in_use_is_removed_when_it_is_free(door: Door, region: Region, status: int, code: str) -> None:
    """VNICs go a minute or more after their owner; a 412 without an If-Match is not a stale etag."""
    options = _vcn(region, f"held {code}")
    door("vcn", **options)
    region.faults.add("core.delete_vcn", status=status, code=code, message="it has VNIC ocid1.vnic.x", times=2)
    assert door("vcn", state="absent", **options)["changed"]
    assert any("still in use" in line and "ocid1.vnic.x" in line for line in door.lines)


def test_what_stays_in_use_is_told_with_its_holder(door: Door, region: Region) -> None:
    options = _vcn(region, "kept")
    door("vcn", **options)
    region.faults.add("core.delete_vcn", status=409, code="Conflict", message="it has VNIC ocid1.vnic.x", times=None)
    told = door("vcn", fails=True, state="absent", retry_timeout=1, **options)["msg"]
    for part in ("vcn kept", "in use after 1s", "409 Conflict", "ocid1.vnic.x"):
        assert part in told


def test_a_stale_etag_of_the_identity_service_is_planned_again(door: Door, region: Region) -> None:
    options: dict[str, Any] = {
        "compartment_id": region.compartment_id,
        "name": "stale",
        "statements": ["Allow any-user to inspect vaults in compartment okestack"],
    }
    door("policy", description="one", **options)
    region.faults.add("identity.update_policy", status=409, code="NoEtagMatch")
    changed = door("policy", description="two", **options)
    assert changed["changed"] and changed["policy"]["description"] == "two"


_LATE = [
    ("core.list_vcns", 404, "NotAuthorizedOrNotFound", ""),
    ("core.create_vcn", 404, "NotAuthorizedOrNotFound", ""),
    ("core.create_vcn", 400, "RelatedResourceNotAuthorizedOrNotFound", ""),
    ("core.create_vcn", 400, "InsufficientServicePermissions", ""),
    ("core.create_vcn", 400, "InvalidParameter", "The compartment is not in the compartment tree of the tenancy"),
    ("core.create_vcn", 409, "NotAuthorizedOrResourceAlreadyExists", ""),
]


@pytest.mark.parametrize(("operation", "status", "code", "message"), _LATE, ids=lambda v: str(v)[:40])
@pytest.mark.parametrize("written", [True, False], ids=["identity written", "not written"])
def test_a_service_that_has_not_heard_of_identity_is_asked_again(
    door: Door,
    region: Region,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    status: int,
    code: str,
    message: str,
    written: bool,
) -> None:
    """After a write to identity, and only then: else such an answer is what it says."""
    monkeypatch.setattr(cloud, "_written", bytearray(8))
    if written:
        cloud._note_identity_write()
    region.faults.add(operation, status=status, code=code, message=message or "not there", times=2)
    result = door("vcn", fails=None, **_vcn(region, f"late {status} {code} {written} {operation}"))
    assert bool(result.get("failed")) is not written, result


def test_a_404_that_stays_is_told_after_a_while(door: Door, region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "FRESH_SECONDS", 1.0)
    cloud._note_identity_write()
    region.faults.add("core.list_vcns", status=404, times=None)
    assert "404" in door("vcn", fails=True, retry_timeout=60, **_vcn(region, "never"))["msg"]
