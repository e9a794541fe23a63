# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compartments and policies: written in the home region wherever the run is; moves and deletions are waited for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError

from localregion.testing import Region

from .conftest import Door

Options = dict[str, Any]
POLICY: Options = {
    "description": "d",
    "statements": ["Allow group Administrators to read vaults in compartment okestack"],
}


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """A region in which things take their time: a cloud minute is a second."""
    with Region.started(Path(tmp_path_factory.mktemp("slow")), minute=1.0) as started:
        yield started


def compartment(door: Door, name: str, **options: Any) -> dict[str, Any]:
    options = {"compartment_id": door.region.compartment_id, "description": "d", **options}
    made: dict[str, Any] = door("compartment", name=name, **options)["compartment"]
    return made


@pytest.mark.parametrize(("module", "options"), [("policy", POLICY), ("compartment", {"description": "d"})])
def test_identity_is_written_in_the_home_region_wherever_the_run_is(
    door: Door, region: Region, monkeypatch: pytest.MonkeyPatch, module: str, options: dict[str, Any]
) -> None:
    asked: list[tuple[str, bool]] = []
    call = Session.call

    def noted(self: Session, client: Any, operation: str, *args: Any, **kwargs: Any) -> Any:
        asked.append((operation, client.base_client.endpoint.startswith(region.endpoint)))
        return call(self, client, operation, *args, **kwargs)

    monkeypatch.setattr(Session, "call", noted)
    where: Options = {"region": "local-2", "compartment_id": region.compartment_id, "name": "from-elsewhere"}
    made = door(module, **where, **options)
    assert made["changed"]
    written = [operation for operation, _home in asked].index(f"create_{module}")
    assert all(home for _operation, home in asked[written:]), "what was written is read where it was written"
    listing = {"policy": "list_policies", "compartment": "list_compartments"}[module]
    assert [operation for operation, home in asked if not home] == [listing, "list_region_subscriptions"]
    asked.clear()
    assert not door(module, **where, **options)["changed"]
    assert asked == [(listing, False)], "nothing to write: one call where the run is"
    assert door(module, **where, **{**options, "description": "D"})["changed"]
    assert door(module, **where, state="absent")["changed"]


def test_what_the_home_region_shows_counts_where_another_shows_it_late(
    door: Door, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: Options = {"compartment_id": region.compartment_id, "name": "late"}
    old = door("policy", **where, **POLICY)["policy"]
    newer: Options = {**POLICY, "description": "newer"}
    door("policy", **where, **newer)
    shown: list[dict[str, Any]] = [old]
    call = Session.call

    def late(self: Session, client: Any, operation: str, *args: Any, **kwargs: Any) -> Any:
        response = call(self, client, operation, *args, **kwargs)
        if client.base_client.endpoint.startswith(region.other_endpoint) and operation == "list_policies":
            response.data = [oci.identity.models.Policy(**row) for row in shown]
        if client.base_client.endpoint.startswith(region.other_endpoint) and operation == "get_policy":
            raise CloudError("not yet", status=404)
        return response

    monkeypatch.setattr(Session, "call", late)
    for seen in ([old], []):
        shown[:] = seen
        region.forget_calls()
        for options in (where, {"id": old["id"]}):
            assert not door("policy", region="local-2", **options, **newer)["changed"]
            assert not door("policy", region="local-2", check=True, **options, **newer)["changed"]
        assert region.writes() == []
    changed = door("policy", region="local-2", **where, **POLICY)
    assert changed["diff"]["before"] == {"description": "newer"} and changed["policy"]["description"] == "d"
    assert door("policy", region="local-2", **where, state="absent")["changed"]
    assert door("policy", region="local-2", **where, **POLICY)["policy"]["id"] != old["id"]


def test_a_compartments_deletion_is_waited_for_and_frees_its_name(slow: Region) -> None:
    door = Door(slow)
    first = compartment(door, "short-lived")
    gone = door("compartment", state="absent", compartment_id=slow.compartment_id, name="short-lived")
    assert gone["changed"] and gone["duration"] >= 2
    shown = slow.client(oci.identity.IdentityClient).get_compartment(first["id"]).data
    assert shown.lifecycle_state == "DELETED" and shown.name != "short-lived"
    assert not door("compartment", state="absent", id=first["id"])["changed"]
    assert compartment(door, "short-lived")["id"] != first["id"]


def test_a_deletion_under_way_is_waited_for_and_not_begun_again(slow: Region) -> None:
    door = Door(slow)
    made = compartment(door, "going")
    door("compartment", state="absent", id=made["id"], wait=False)
    slow.forget_calls()
    again = door("compartment", state="absent", id=made["id"])
    assert not again["changed"] and slow.writes() == []
    shown = slow.client(oci.identity.IdentityClient).get_compartment(made["id"]).data
    assert shown.lifecycle_state == "DELETED"


def test_a_compartment_with_something_in_it_is_refused_with_what_the_service_says(slow: Region) -> None:
    door = Door(slow)
    made = compartment(door, "full")
    vcn = door("vcn", compartment_id=made["id"], display_name="left", cidr_blocks=["10.0.0.0/16"])["vcn"]
    told = door("compartment", state="absent", id=made["id"], fails=True)["msg"]
    assert "is FAILED" in told and "not empty" in told and vcn["id"] in told
    assert compartment(door, "full")["id"] == made["id"]


def test_a_compartments_move_is_waited_for(slow: Region) -> None:
    door = Door(slow)
    parent, moving = compartment(door, "parent"), compartment(door, "moving")
    options: Options = {"id": moving["id"], "compartment_id": parent["id"]}
    moved = door("compartment", **options)
    assert moved["compartment"]["compartment_id"] == parent["id"] and moved["compartment"]["name"] == "moving"
    assert moved["diff"]["before"] == {"compartment_id": slow.compartment_id}
    assert not door("compartment", **options)["changed"]


def test_a_run_follows_what_a_rename_makes_of_statements(door: Door, region: Region) -> None:
    made = compartment(door, "team")
    options: Options = {"compartment_id": region.compartment_id, "name": "team-reads", "description": "d"}
    door("policy", **options, statements=["Allow any-user to read vaults in compartment team"])
    compartment(door, "crew", id=made["id"])
    kept = door("policy", **options, statements=["Allow any-user to read vaults in\n  compartment crew"])
    assert not kept["changed"], "the service wrote the new name into the statement"


def test_a_policys_name_is_fixed_and_its_statements_are_a_set(door: Door, region: Region) -> None:
    read, use = (
        f"Allow group Administrators to {verb} in compartment okestack" for verb in ("read vaults", "use keys")
    )
    options: Options = {"compartment_id": region.compartment_id, "name": "set", "description": "d"}
    made = door("policy", **options, statements=[read, use])["policy"]
    assert not door("policy", **options, statements=[use, f" {read}", use])["changed"]
    told = door("policy", id=made["id"], name="other", fails=True)["msg"]
    assert "name: 'set' -> 'other'" in told and "allow_replace" in told
    fewer = door("policy", **options, statements=[use])
    assert fewer["diff"]["before"] == {"statements": [read]} and fewer["diff"]["after"] == {"statements": []}
