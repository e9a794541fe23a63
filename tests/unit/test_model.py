# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparison by tables: what means the same to the service, and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    UNSET,
    Change,
    Field,
    ResourceType,
    States,
    camel,
    cidr,
    declared,
    holds_unknown,
    is_unknown,
    placeholder,
    same,
    spaced,
)
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types

TYPES = all_types()
UNKNOWN = placeholder("vcn", "main", "id")

TEXT = Field("text")
NUMBER = Field("number", type="int")
FLAG = Field("flag", type="bool")
NAMES = Field("names", type="list", elements="str")
STEPS_IN_ORDER = Field("steps", type="list", elements="str", ordered=True)
BLOCKS = Field("blocks", type="list", elements="str", canonical=cidr)
FREE = Field("free", type="dict")
NEST = Field("nest", type="dict", fields=(TEXT, NUMBER, NAMES, Field("flag", type="bool", default=False)))
ROWS = Field("rows", type="list", elements="dict", fields=(*NEST.fields, Field("inner", type="dict", fields=(TEXT,))))
WITH_DEFAULT = Field("mode", default="A")


@pytest.mark.parametrize(
    ("field", "left", "right", "equal"),
    [
        (TEXT, "a", "a", True),
        (TEXT, "a", "A", False),
        (TEXT, "", None, True),
        (TEXT, " ", None, False),
        (NUMBER, 1, "1", True),
        (NUMBER, 1, 2, False),
        (NUMBER, 0, None, False),
        (FLAG, False, None, False),
        (FLAG, True, True, True),
        (NAMES, ["a", "b"], ["b", "a"], True),
        (NAMES, ["a", "a", "b"], ["b", "a"], True),
        (NAMES, ["a"], ["a", "b"], False),
        (NAMES, [], None, True),
        (NAMES, ["a"], [], False),
        (STEPS_IN_ORDER, ["a", "b"], ["b", "a"], False),
        (STEPS_IN_ORDER, ["a", "b"], ["a", "b"], True),
        (BLOCKS, ["10.0.0.0/16"], ["10.0.0.7/16"], True),
        (BLOCKS, ["10.0.0.0/16"], ["10.0.0.0/17"], False),
        (FREE, {"a": "1", "b": "2"}, {"b": "2", "a": "1"}, True),
        (FREE, {"a": "1"}, {"a": 1}, False),
        (FREE, {}, None, True),
        (NEST, {"text": "a", "flag": False}, {"text": "a"}, True),
        (NEST, {"text": "a", "added_by_service": 3}, {"text": "a"}, True),
        (NEST, {"text": "a", "names": []}, {"text": "a", "names": None}, True),
        (NEST, {"text": "a", "flag": True}, {"text": "a"}, False),
        (ROWS, [{"number": "1"}, {"text": "b"}], [{"text": "b"}, {"number": 1, "flag": False}], True),
        (ROWS, [{"text": "a", "inner": {"text": "x"}}], [{"text": "a", "inner": {"text": "y"}}], False),
        (ROWS, [{"text": "a", "inner": {}}], [{"text": "a", "inner": None}], True),
        (WITH_DEFAULT, None, "A", True),
        (WITH_DEFAULT, None, "B", False),
        (TEXT, UNKNOWN, UNKNOWN, False),
        (NAMES, ["a", UNKNOWN], ["a", UNKNOWN], False),
        (NEST, {"text": f"in {UNKNOWN} between"}, {"text": "x"}, False),
    ],
)
def test_same(field: Field, left: Any, right: Any, equal: bool) -> None:
    assert same(field, left, right) is equal
    assert same(field, right, left) is equal


@pytest.mark.parametrize(
    ("there", "declared", "does"),
    [
        ("8.4.5-u1-cloud", "8.4.5", True),
        ("8.4.5-u2-cloud", "8.4.5-u1-cloud", True),
        ("8.4.6", "8.4.5", True),
        ("8.4.5", "8.4", True),
        ("9.4.0", "9.3.2", True),
        ("9.4.0", "9", True),
        ("8.4.5", "8.4.6", False),
        ("8.4.5-u3-cloud", "8.4.6-u1-cloud", False),
        ("8.0.43", "8.4", False),
        ("8.4.6", "9", False),
        ("9.0.0", "8.4.5", False),
        ("8.4.5", "8.0", False),
        (None, "8.4", False),
    ],
)
def test_a_version_that_the_service_has_moved_on_from_is_there(there: Any, declared: str, does: bool) -> None:
    assert same(TYPES["mysql_db_system"].field("mysql_version"), there, declared) is does


RULE = TYPES["network_security_group"].field("security_rules")
ROUTES = TYPES["route_table"].field("route_rules")
STATEMENTS = TYPES["policy"].field("statements")
PLACEMENT = TYPES["virtual_node_pool"].field("placement_configurations")


@pytest.mark.parametrize(
    ("field", "shown", "wanted", "equal"),
    [
        pytest.param(
            RULE,
            [
                {
                    "id": "1",
                    "direction": "INGRESS",
                    "protocol": "all",
                    "source": "10.0.0.0/8",
                    "source_type": "CIDR_BLOCK",
                    "destination": None,
                    "destination_type": None,
                    "description": None,
                    "icmp_options": None,
                    "is_stateless": False,
                    "is_valid": True,
                    "tcp_options": None,
                    "udp_options": None,
                    "time_created": "2026-11-20T08:00:00Z",
                }
            ],
            [{"direction": "INGRESS", "protocol": "all", "source": "10.1.2.3/8", "source_type": "CIDR_BLOCK"}],
            True,
            id="a rule as the service shows it",
        ),
        pytest.param(
            RULE,
            [{"direction": "INGRESS", "protocol": "1", "icmp_options": {"type": 3, "code": None}}],
            [{"direction": "INGRESS", "protocol": "1", "icmp_options": {"type": 3, "code": 4}}],
            False,
            id="all codes are not one code",
        ),
        pytest.param(
            RULE,
            [{"direction": "INGRESS", "protocol": "1", "icmp_options": {"type": 3, "code": None}}],
            [{"direction": "INGRESS", "protocol": "1", "icmp_options": {"type": 3, "code": 0}}],
            False,
            id="code 0 is a code",
        ),
        pytest.param(
            RULE,
            [
                {
                    "direction": "INGRESS",
                    "protocol": "6",
                    "tcp_options": {"destination_port_range": {"min": 1, "max": 2}},
                }
            ],
            [{"direction": "INGRESS", "protocol": "6", "tcp_options": {"source_port_range": {"min": 1, "max": 2}}}],
            False,
            id="source ports are not destination ports",
        ),
        pytest.param(
            ROUTES,
            [
                {
                    "destination": "0.0.0.0/0",
                    "destination_type": "CIDR_BLOCK",
                    "network_entity_id": "gw",
                    "cidr_block": "0.0.0.0/0",
                    "route_type": "STATIC",
                    "description": None,
                }
            ],
            [{"destination": "0.0.0.0/0", "network_entity_id": "gw", "description": ""}],
            True,
            id="a route as the service shows it",
        ),
        pytest.param(
            STATEMENTS,
            ["Allow group A to read x in tenancy", "Allow group B to read x in tenancy"],
            ["Allow group B  to read x\n in tenancy\n", "Allow group A to read x in tenancy"],
            True,
            id="white space of statements",
        ),
        pytest.param(STATEMENTS, ["Allow group A to read x"], ["Allow group a to read x"], False, id="case of names"),
        pytest.param(
            PLACEMENT,
            [{"availability_domain": "Lcl1:LOCAL-1-AD-1", "fault_domain": [], "subnet_id": "s"}],
            [{"availability_domain": "lcl1:local-1-ad-1", "subnet_id": "s"}],
            True,
            id="no fault domain is an empty list",
        ),
        pytest.param(
            PLACEMENT,
            [{"availability_domain": "AD-1", "fault_domain": ["FD-1", "FD-2"], "subnet_id": "s"}],
            [
                {"availability_domain": "AD-1", "fault_domain": ["FD-2"], "subnet_id": "s"},
                {"availability_domain": "ad-1", "fault_domain": ["FD-1"], "subnet_id": "s"},
            ],
            True,
            id="a row for each fault domain is one with all of them",
        ),
        pytest.param(
            PLACEMENT,
            [{"availability_domain": "AD-1", "fault_domain": ["FD-1", "FD-2"], "subnet_id": "s"}],
            [
                {"availability_domain": "AD-1", "fault_domain": ["FD-1"], "subnet_id": "s"},
                {"availability_domain": "AD-1", "subnet_id": "s"},
            ],
            False,
            id="a row without fault domains means all of them",
        ),
    ],
)
def test_what_the_service_shows_is_what_was_declared(field: Field, shown: Any, wanted: Any, equal: bool) -> None:
    assert same(field, shown, wanted) is equal


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        (cidr, "10.0.0.5/24", "10.0.0.0/24"),
        (cidr, "10.0.0.5", "10.0.0.5/32"),
        (cidr, "2001:DB8:0:0::/64", "2001:db8::/64"),
        (cidr, "all-fra-services-in-oracle-services-network", "all-fra-services-in-oracle-services-network"),
        (cidr, UNKNOWN, UNKNOWN),
        (spaced, "a  b\n\tc ", "a b c"),
        (spaced, None, None),
        (camel, "add_vcn_cidr", "AddVcnCidr"),
        (camel, "vcn", "Vcn"),
    ],
)
def test_formats(function: Any, value: Any, expected: Any) -> None:
    assert function(value) == expected


def test_placeholders_are_found_inside_of_other_text() -> None:
    assert is_unknown(UNKNOWN) and is_unknown(f"Allow x where target.id = '{UNKNOWN}'")
    assert not is_unknown("(known after") and not is_unknown(None) and not is_unknown(3)
    assert holds_unknown({"a": [{"b": UNKNOWN}]}) and holds_unknown((UNKNOWN,))
    assert not holds_unknown({"a": ["b"], UNKNOWN: "as a key it has no meaning"})
    assert "vcn" in UNKNOWN and "main" in UNKNOWN and "id" in UNKNOWN


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (TEXT, "a", "a"),
        (FREE, {"a": None}, {"a": None}),
        (NEST, {"text": "a", "names": None, "added": 1}, {"text": "a"}),
        (ROWS, [{"text": "a", "inner": {"text": None, "x": 1}}, "odd"], [{"text": "a", "inner": {}}, "odd"]),
        (NEST, None, None),
    ],
)
def test_declared_is_without_what_the_service_adds(field: Field, value: Any, expected: Any) -> None:
    assert declared(field, value) == expected


# --- types and states --------------------------------------------------------------------------------------------

STATES = States(
    ready=("ACTIVE",), failed=("FAILED",), gone=("DELETED",), going=("DELETING",), scheduled=("SET",), resting=("OFF",)
)


@pytest.mark.parametrize(
    ("state", "living", "settled"),
    [
        ("ACTIVE", True, True),
        ("OFF", True, True),
        ("SET", True, True),
        ("CREATING", True, False),
        ("FAILED", True, False),
        ("DELETING", False, False),
        ("DELETED", False, False),
        (None, True, True),
    ],
)
def test_states(state: str | None, living: bool, settled: bool) -> None:
    document = {"lifecycle_state": state}
    assert STATES.living(document) is living
    assert STATES.settled(document) is settled


def test_names_follow_from_the_type() -> None:
    plain = ResourceType("policy", "identity.IdentityClient", fields=())
    odd = ResourceType("mysql_db_system", "mysql.DbSystemClient", fields=(), noun="db_system")
    assert (plain.list_operation, plain.create_operation) == ("list_policies", "create_policy")
    assert (plain.move[0], plain.package, plain.read_model) == (
        "change_policy_compartment",
        "identity",
        "Policy",
    )
    assert (odd.list_operation, odd.delete_operation, odd.read_model) == (
        "list_db_systems",
        "delete_db_system",
        "DbSystem",
    )


def test_identity_and_tags_are_fields_of_every_type() -> None:
    moved = ResourceType("a", "x.Y", fields=(Field("size"),))
    fixed = ResourceType(
        "a", "x.Y", fields=(Field("compartment_id", required=False),), lacks={"move": "-", "tags": "-"}
    )
    assert [f.name for f in moved.all_fields] == [
        "compartment_id",
        "display_name",
        "size",
        "freeform_tags",
        "defined_tags",
    ]
    assert moved.field("compartment_id").change is Change.MOVE
    assert moved.field("compartment_id").required and moved.field("display_name").required
    assert [f.name for f in fixed.all_fields] == ["display_name", "compartment_id"]
    with pytest.raises(KeyError):
        moved.field("nothing")


def test_a_resource_is_called_by_its_name_then_by_its_id() -> None:
    type_ = TYPES["subnet"]
    assert type_.label({"display_name": "pods", "id": "ocid1"}) == "subnet pods"
    assert type_.label({"id": "ocid1"}) == "subnet ocid1"
    assert type_.label({}) == "subnet (unnamed)"


def test_no_default_stands_on_a_field_that_can_be_left_alone() -> None:
    """Unset means untouched: only items of lists have defaults, since there a field not given has a meaning."""
    assert [(t.name, f.name) for t in TYPES.values() for f in t.all_fields if f.default is not UNSET] == []
