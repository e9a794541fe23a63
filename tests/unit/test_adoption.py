"""What is written of a site that was found, and what is said not to be."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.adoption import (
    Found,
    Note,
    declaration,
    inventory,
    left_alone,
    table,
    text_of,
)
from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.types import mysql, network

Doc = dict[str, Any]
SETTINGS = {"okestack_deployment": "shop", "okestack_region": "r-1", "app_ingress_image": "r/i:1"}
PLACE = "ocid1.compartment.oc1..a"


def ocid(kind: str, name: str) -> str:
    return f"ocid1.{kind}.oc1..{name}"


def part(kind: str, name: str, **values: Any) -> Doc:
    return {"id": ocid(kind, name), "display_name": name, "compartment_id": PLACE, "vcn_id": ocid("vcn", "v"), **values}


VCN = part("vcn", "v", cidr_blocks=["10.0.0.0/16"], default_security_list_id=ocid("securitylist", "default"))


def test_parts_name_each_other_where_the_name_is_clear() -> None:
    rule = {"destination": "0.0.0.0/0", "network_entity_id": ocid("natgateway", "nat"), "route_type": "STATIC"}
    drg = {"destination": "10.9.0.0/16", "network_entity_id": ocid("drg", "far")}
    found = Found(
        vcn=VCN,
        parts={
            "nat_gateways": [part("natgateway", "nat", block_traffic=False)],
            "route_tables": [part("routetable", "out", route_rules=[rule, drg])],
            "security_lists": [part("securitylist", "default", ingress_security_rules=[], egress_security_rules=[])],
            "subnets": [
                part("subnet", "a", cidr_block="10.0.0.0/24", route_table_id=ocid("routetable", "out"),
                     security_list_ids=[ocid("securitylist", "default")]),
            ],
        },
    )  # fmt: skip
    notes: list[Note] = []
    made = declaration(found, notes)
    assert [r["network_entity_id"] for r in made["route_tables"][0]["route_rules"]] == ["nat", ocid("drg", "far")]
    assert made["subnets"][0]["route_table_id"] == "out"
    assert made["subnets"][0]["security_list_ids"] == [ocid("securitylist", "default")]
    assert "security_lists" not in made and made["default_security_list"]["ingress_security_rules"] == []
    assert not any("id" in made["subnets"][0] for _ in made) and notes == []


def test_two_of_a_name_are_told_apart_by_their_ocids() -> None:
    tables = [{**part("routetable", n, route_rules=[]), "display_name": "same"} for n in ("one", "two")]
    subnet = part("subnet", "a", cidr_block="10.0.0.0/24", route_table_id=tables[1]["id"])
    found = Found(VCN, {"route_tables": tables, "subnets": [subnet]}, twins=frozenset(t["id"] for t in tables))
    made = declaration(found, [])
    assert [t["id"] for t in made["route_tables"]] == [t["id"] for t in tables]
    assert made["subnets"][0]["route_table_id"] == tables[1]["id"]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"crash_recovery": "ENABLED"}, ["crash_recovery ENABLED"]),
        ({"description": "", "nsg_ids": [], "rest": None}, []),
        ({"defined_tags": {"Oracle-Tags": {"CreatedBy": "me"}}}, []),
        ({"admin_username": "root"}, ["admin_username root"]),
    ],
)
def test_what_no_variable_holds_is_told(document: Doc, expected: list[str]) -> None:
    assert list(left_alone(mysql.MYSQL_DB_SYSTEM, document, ())) == expected


def test_what_the_collection_does_not_know_is_told() -> None:
    found = part("subnet", "a", cidr_block="10.0.0.0/24", ipv6_cidr_blocks=["2001:db8::/64"])
    assert list(left_alone(network.SUBNET, found, ("cidr_block", "vcn_id"))) == ["ipv6_cidr_blocks ['2001:db8::/64']"]


def test_what_is_missing_and_what_is_to_be_said() -> None:
    files, notes = inventory(Found(), {"okestack_deployment": "shop"}, {})
    assert [n.type for n in notes if n.kind == "missing"] == ["vcn", "vault", "mysql_db_system", "oke_cluster"]
    assert any(n.kind == "choice" and "image" in n.what for n in notes)
    assert files["application"]["app_ingress_image"].startswith("<")


def secret(name: str) -> Doc:
    return {"id": ocid("vaultsecret", name), "secret_name": name, "key_id": ocid("key", "k"), "compartment_id": PLACE}


@pytest.mark.parametrize(
    ("names", "chosen", "expected"),
    [
        (["shop-mysql-admin", "shop-mysql-app"], {}, ["mysql-admin", "mysql-app"]),
        (["db-root", "web-user", "other"], {}, ["mysql-admin", "mysql-app", "other"]),
        (["one", "two"], {"mysql-admin": "two", "mysql-app": "one"}, ["mysql-app", "mysql-admin"]),
        (["root-a", "root-b"], {}, ["root-a", "root-b", "mysql-admin", "mysql-app"]),
    ],
)
def test_secrets_get_the_sites_names(names: list[str], chosen: dict[str, str], expected: list[str]) -> None:
    box = {"id": ocid("vault", "v"), "display_name": "v", "compartment_id": PLACE}
    files, _notes = inventory(Found(vault=box, secrets=[secret(n) for n in names]), SETTINGS, chosen)
    assert [row["name"] for row in files["vault"]["vault_secret_secrets"]] == expected


def test_a_secret_that_is_not_there_cannot_be_chosen() -> None:
    box = {"id": ocid("vault", "v"), "display_name": "v", "compartment_id": PLACE}
    with pytest.raises(ResourceError, match="no secret 'x'"):
        inventory(Found(vault=box, secrets=[secret("a")]), SETTINGS, {"mysql-app": "x"})


def test_braces_in_names_are_no_templates() -> None:
    text = text_of({"name": "{{ lookup('pipe', 'id') }}", "plain": "a", "rows": [{"n": 1}]})
    assert "!unsafe '{{ lookup(''pipe'', ''id'') }}'" in text

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]
    assert yaml.load(text, Loader)["name"] == "{{ lookup('pipe', 'id') }}"


def test_the_table_has_a_line_for_each_note() -> None:
    lines = table([Note("missing", "vcn", "", None, "none")], {"subnet": 2})
    assert lines == ["found      2 subnet", "missing    vcn: none"]
