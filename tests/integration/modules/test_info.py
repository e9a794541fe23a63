"""Looking up: one type by place, name, tags and state; any type by compartment and tags."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils.info import known_types
from ansible_collections.okestack.oci.plugins.module_utils.model import placeholder, plural
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types

from localregion.testing import Region

from .conftest import Door
from .playbook import play

CANARY = "canary-two-of-the-vault"
SHOP = {"okestack-deployment": "shop"}
OTHER = {"okestack-deployment": "other"}
Ids = dict[str, str]


@pytest.fixture(scope="module")
def ids(region: Region) -> Ids:
    """Resources of two deployments in one compartment, by a name for each."""
    door = Door(region)
    common: dict[str, Any] = {"compartment_id": region.compartment_id, "freeform_tags": SHOP}
    made: Ids = {}

    def make(module: str, key: str, **options: Any) -> dict[str, Any]:
        document: dict[str, Any] = door(module, **{**common, **options})[module]
        made[key] = document["id"]
        return document

    vcn = make("vcn", "vcn", display_name="shop", cidr_blocks=["10.0.0.0/16"])
    make("vcn", "other", display_name="other", cidr_blocks=["10.1.0.0/16"], freeform_tags=OTHER)
    gone = make("vcn", "gone", display_name="gone", cidr_blocks=["10.2.0.0/16"])
    door("vcn", id=gone["id"], state="absent")
    in_vcn = {"vcn_id": vcn["id"]}
    make("subnet", "subnet", **in_vcn, display_name="pods", cidr_block="10.0.1.0/24")
    rule = {"direction": "EGRESS", "destination": "0.0.0.0/0", "destination_type": "CIDR_BLOCK", "protocol": "all"}
    make("network_security_group", "group", **in_vcn, display_name="pods", security_rules=[rule])
    vault = make("vault", "vault", display_name="shop")
    shape = {"algorithm": "AES", "length": 32}
    endpoint = made["endpoint"] = vault["management_endpoint"]
    key = make("vault_key", "key", display_name="shop", management_endpoint=endpoint, key_shape=shape)
    where = {"vault_id": vault["id"], "key_id": key["id"]}
    make("vault_secret", "secret", **where, secret_name="shop-token", content=CANARY)
    return made


def found(door: Door, module: str, **options: Any) -> list[str]:
    """The OCIDs that an info module finds."""
    result = door(f"{module}_info", **options)
    assert not result["changed"]
    return [d["id"] for d in result[plural(module)]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["vcn", "other"]),
        ({"display_name": "shop"}, ["vcn"]),
        ({"display_name": "SHOP"}, []),
        ({"freeform_tags": SHOP}, ["vcn"]),
        ({"freeform_tags": {**SHOP, "more": "1"}}, []),
        ({"display_name": "other", "freeform_tags": SHOP}, []),
        ({"lifecycle_states": ["AVAILABLE"]}, ["vcn", "other"]),
        ({"lifecycle_states": ["TERMINATED"]}, ["gone"]),
        ({"lifecycle_states": ["TERMINATED", "AVAILABLE"], "freeform_tags": SHOP}, ["vcn", "gone"]),
        ({"compartment_id": placeholder("compartment", "shop", "id")}, []),
    ],
)
def test_filters(door: Door, ids: Ids, region: Region, options: dict[str, Any], expected: list[str]) -> None:
    found_ids = found(door, "vcn", **{"compartment_id": region.compartment_id, **options})
    assert sorted(found_ids) == sorted(ids[e] for e in expected)


def test_one_by_its_id(door: Door, ids: Ids) -> None:
    assert found(door, "vcn", id=ids["vcn"]) == [ids["vcn"]]
    assert found(door, "vcn", id=ids["gone"]) == [], "what is gone is not there"
    assert found(door, "vcn", id=ids["vcn"].replace("vcn", "subnet")) == []
    assert found(door, "vcn", id=ids["vcn"], freeform_tags=OTHER) == []


def test_a_compartment_or_an_id_is_needed(door: Door) -> None:
    with pytest.raises(Exception, match="one of the following is required: compartment_id, id"):
        door("vcn_info")


def test_a_parent_narrows(door: Door, ids: Ids, region: Region) -> None:
    common: dict[str, Any] = {"compartment_id": region.compartment_id}
    assert found(door, "subnet", **common, vcn_id=ids["vcn"]) == [ids["subnet"]]
    assert found(door, "subnet", **common, vcn_id=ids["other"]) == []


def test_what_a_list_does_not_show_is_read_too(door: Door, ids: Ids, region: Region) -> None:
    common: dict[str, Any] = {"compartment_id": region.compartment_id}
    group = door("network_security_group_info", **common)["network_security_groups"][0]
    assert group["security_rules"][0]["destination"] == "0.0.0.0/0"
    at: dict[str, Any] = {**common, "management_endpoint": ids["endpoint"]}
    whole = door("vault_key_info", **at)["vault_keys"][0]
    assert whole["key_shape"]["length"] == 32
    region.forget_calls()
    short = door("vault_key_info", **at, details=False)["vault_keys"][0]
    assert "key_shape" not in short and short["id"] == whole["id"]
    assert _operations(region) == ["list_keys"]


def test_a_secrets_content_is_neither_read_nor_shown(door: Door, ids: Ids, region: Region) -> None:
    region.forget_calls()
    result = door("vault_secret_info", compartment_id=region.compartment_id, secret_name="shop-token")
    assert result["vault_secrets"][0]["id"] == ids["secret"]
    assert "content" not in result["vault_secrets"][0]
    assert set(_operations(region)) == {"list_secrets", "get_secret"}


def test_every_type_can_be_looked_up_where_there_is_none(door: Door, region: Region) -> None:
    """Also that each list takes the arguments that it is given."""
    elsewhere = _compartment(region, "empty")
    result = door("resource_info", compartment_id=elsewhere)
    assert result["resources"] == []
    listed = set(_operations(region))
    for name, type_ in known_types().items():
        parents = type_.endpoint_option or type_.place
        assert parents or type_.list_operation in listed, name


# --- resource_info -----------------------------------------------------------------------------------------------


def test_resources_of_all_types_by_tags(door: Door, ids: Ids, region: Region) -> None:
    rows = door("resource_info", compartment_id=region.compartment_id, freeform_tags=SHOP)["resources"]
    keys = ("vcn", "subnet", "group", "vault", "key", "secret")
    assert {r["id"] for r in rows} == {ids[k] for k in keys}, "keys too, which only their vault lists"
    assert {(r["type"], r["name"]) for r in rows} >= {("vcn", "shop"), ("vault_key", "shop")}
    assert all(r["freeform_tags"]["okestack-deployment"] == "shop" and r["lifecycle_state"] for r in rows)
    assert CANARY not in str(rows)


def test_resources_of_some_types(door: Door, ids: Ids, region: Region) -> None:
    common: dict[str, Any] = {"compartment_id": region.compartment_id}
    rows = door("resource_info", **common, types=["vault_key"])["resources"]
    assert [r["id"] for r in rows] == [ids["key"]], "its vault is looked for, not given"
    refused = door("resource_info", **common, types=["vpc"], fails=True)
    assert "there is no vpc" in refused["msg"] and "vcn" in refused["msg"]


def test_a_type_that_may_not_be_listed(door: Door, ids: Ids, region: Region) -> None:
    common: dict[str, Any] = {"compartment_id": region.compartment_id}
    region.faults.add("mysql.list_db_systems", status=404, code="NotAuthorizedOrNotFound")
    try:
        refused = door("resource_info", **common, types=["mysql_db_system"], fails=True)
        assert "NotAuthorizedOrNotFound" in refused["msg"]
        rows = door("resource_info", **common, freeform_tags=SHOP)["resources"]
        assert ids["vcn"] in [r["id"] for r in rows], "the others are listed"
    finally:
        region.faults.clear()


def test_a_compartment_in_which_nothing_may_be_listed_is_an_error(door: Door) -> None:
    refused = door("resource_info", compartment_id="ocid1.compartment.oc1..nowhere", fails=True)
    assert "404 NotAuthorizedOrNotFound" in refused["msg"]


def test_lists_are_read_once_each(door: Door, ids: Ids, region: Region) -> None:
    region.forget_calls()
    door("resource_info", compartment_id=region.compartment_id)
    counts = Counter(_operations(region))
    assert all(o.startswith(("list_", "get_heat_wave")) for o in counts), counts
    assert {o: n for o, n in counts.items() if n > 1} == {}


def test_every_type_says_where_it_is_listed() -> None:
    """What is listed by what it lives in refers to a type that can be looked up."""
    for type_ in all_types().values():
        for name in type_.place:
            if name != type_.name_field:
                assert type_.field(name).reference in all_types(), f"{type_.name}.{name}"


def test_as_processes_of_their_own(ids: Ids, region: Region, tmp_path: Path) -> None:
    """All types are sent along."""
    apart = {"async": 60, "poll": 1, "register": "found"}
    where = {"compartment_id": region.compartment_id, "freeform_tags": SHOP}
    play(
        region,
        tmp_path,
        [
            {"okestack.oci.vcn_info": where, **apart},
            {"ansible.builtin.assert": {"that": f"found.vcns | map(attribute='id') == ['{ids['vcn']}']"}},
            {"okestack.oci.resource_info": where, **apart},
            {"ansible.builtin.assert": {"that": f"'{ids['key']}' in found.resources | map(attribute='id')"}},
        ],
    )


def _operations(region: Region) -> list[str]:
    return [c.operation.rpartition(".")[2] for c in region.calls]


def _compartment(region: Region, name: str) -> str:
    identity = region.client(oci.identity.IdentityClient)
    details = oci.identity.models.CreateCompartmentDetails(
        compartment_id=region.compartment_id, name=name, description="for tests"
    )
    made: str = identity.create_compartment(details).data.id
    region.settle()
    return made
