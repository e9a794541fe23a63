# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletions that are set for later: taken back, and beside a living resource of the same name."""

from __future__ import annotations

from typing import Any

import oci
import pytest

from localregion.testing import Region

from .conftest import Door

Options = dict[str, Any]


@pytest.fixture
def vault(door: Door, region: Region) -> dict[str, Any]:
    made: dict[str, Any] = door("vault", compartment_id=region.compartment_id, display_name="keeps")["vault"]
    return made


@pytest.fixture
def secret_options(door: Door, region: Region, vault: dict[str, Any]) -> dict[str, Any]:
    key = door(
        "vault_key",
        compartment_id=region.compartment_id,
        management_endpoint=vault["management_endpoint"],
        display_name="keeps",
        key_shape={"algorithm": "AES", "length": 32},
    )["vault_key"]
    return {"compartment_id": region.compartment_id, "vault_id": vault["id"], "key_id": key["id"]}


@pytest.mark.parametrize(("again", "versions"), [("first words", 1), ("second words", 2)])
def test_a_secret_that_comes_back_gets_a_new_version_only_for_new_content(
    door: Door, region: Region, secret_options: dict[str, Any], again: str, versions: int
) -> None:
    options = {**secret_options, "secret_name": f"comes-back-{versions}"}
    made = door("vault_secret", **options, content="first words")["vault_secret"]
    door("vault_secret", **options, state="absent", deletion_days=1)
    assert door("vault_secret", **options, state="absent")["changed"] is False
    planned = door("vault_secret", **options, content=again, description="back", check=True)
    assert planned["changed"] is True
    assert planned["diff"]["after"] == {"description": "back", "lifecycle_state": "ACTIVE"}
    back = door("vault_secret", **options, content=again, description="back")
    assert back["changed"] is True
    assert back["vault_secret"]["id"] == made["id"]
    assert back["vault_secret"]["lifecycle_state"] == "ACTIVE" and back["vault_secret"]["description"] == "back"
    client = region.client(oci.vault.VaultsClient)
    assert len(client.list_secret_versions(made["id"]).data) == versions
    assert door("vault_secret", **options, content=again, description="back")["changed"] is False


def test_a_vault_to_be_deleted_does_not_stand_in_the_way_of_a_living_one_of_its_name(
    door: Door, region: Region
) -> None:
    options: dict[str, Any] = {"compartment_id": region.compartment_id, "display_name": "twice"}
    first = door("vault", **options)["vault"]
    door("vault", **options, state="absent")
    client = region.client(oci.key_management.KmsVaultClient)
    second = client.create_vault(oci.key_management.models.CreateVaultDetails(**options, vault_type="DEFAULT")).data
    again = door("vault", **options)
    assert again["changed"] is False and again["vault"]["id"] == second.id != first["id"]
    door("vault", **options, state="absent")
    assert door("vault", **options, state="absent")["changed"] is False
    two_set = door("vault", **options, state="present", fails=True)
    assert first["id"] in two_set["msg"] and second.id in two_set["msg"]


@pytest.mark.parametrize("wait", [True, False])
def test_what_was_renamed_does_not_stand_in_for_a_new_one(door: Door, region: Region, wait: bool) -> None:
    """A create that is sent a second time within a day is answered with what the first one made, whatever it is now."""
    options: Options = {
        "compartment_id": region.compartment_id,
        "display_name": f"again-{wait}",
        "cidr_blocks": ["10.0.0.0/16"],
    }
    first = door("vcn", **options)["vcn"]["id"]
    door("vcn", id=first, display_name="renamed")
    second = door("vcn", **options, wait=wait)
    assert second["changed"] and second["vcn"]["id"] != first and second["vcn"]["display_name"] == f"again-{wait}"
    assert not door("vcn", **options)["changed"]
    for id_ in (first, second["vcn"]["id"]):
        door("vcn", id=id_, state="absent")
    third = door("vcn", **options)["vcn"]["id"]
    assert third not in (first, second["vcn"]["id"])
