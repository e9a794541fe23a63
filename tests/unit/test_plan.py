# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner by tables: what is declared and what is there, and what is to be done about it."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import PlanError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Call,
    Change,
    Deletion,
    Document,
    Field,
    ResourceType,
    States,
    placeholder,
)
from ansible_collections.okestack.oci.plugins.module_utils.plan import (
    SECRET_BEFORE,
    SECRET_SHOWN,
    Plan,
    merged,
    plan_absent,
    plan_present,
    shown,
    visible,
)
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types
from ansible_collections.okestack.oci.plugins.module_utils.types.network import RULES_A_CALL, RULES_A_GROUP

TYPES = all_types()
UNKNOWN = placeholder("vcn", "main", "id")


def _steps(before: Any, after: Any, observed: Document) -> list[Call]:
    return [Call("step", {"from": before, "to": after, "id": observed.get("id")})]


THING = ResourceType(
    name="thing",
    client="core.ThingClient",
    parent="vcn_id",
    states=States(
        ready=("AVAILABLE",), failed=("FAILED",), gone=("TERMINATED",), going=("TERMINATING",), scheduled=("SET",)
    ),
    deletion=Deletion("schedule_thing_deletion", cancel="cancel_thing_deletion", days=(7, 30)),
    fields=(
        Field("vcn_id", change=Change.REPLACE, required=True),
        Field("size", type="int"),
        Field("note"),
        Field("kind", create_default="PLAIN", change=Change.REPLACE),
        Field("stepped", type="list", elements="str", change=Change.STEPS, steps=_steps),
        Field("late", type="bool", on_create=False),
        Field("once", change=Change.ONCE),
        Field("gently", type="dict", change=Change.WITH, fields=(Field("surge"), Field("cycle", type="bool"))),
        Field("word", secret=True),
        Field("alone", type="dict", alone=True, fields=(Field("days", type="int"), Field("hour"))),
        Field("policy", type="dict", alone=True, fields=(Field("on", type="bool"),)),
        Field("odd", read="shown_odd"),
        Field(
            "nest",
            type="dict",
            fields=(
                Field("subnet_id", change=Change.REPLACE),
                Field("groups", type="list", elements="str"),
                Field("cidr", on_update=False, change=Change.REPLACE),
                Field("deep", type="dict", fields=(Field("a"), Field("b"))),
            ),
        ),
        Field("rows", type="list", elements="dict", fields=(Field("key", required=True), Field("value"))),
    ),
)
THERE: Document = {
    "id": "ocid1.thing.1",
    "compartment_id": "c1",
    "display_name": "a",
    "vcn_id": "v1",
    "size": 1,
    "note": None,
    "kind": "PLAIN",
    "stepped": ["x"],
    "late": False,
    "alone": {"days": 7, "hour": "02:00", "told_by_service": "now"},
    "policy": None,
    "shown_odd": "o",
    "nest": {"subnet_id": "s1", "groups": ["g1"], "cidr": "10.0.0.0/16", "deep": {"a": "1", "b": "2"}, "seen": 1},
    "rows": [{"key": "k", "value": None, "since": "monday"}],
    "freeform_tags": {"team": "a", "stage": "dev"},
    "defined_tags": {"Oracle-Tags": {"CreatedBy": "me"}, "cost": {"centre": "42"}},
    "lifecycle_state": "AVAILABLE",
}


def plan(desired: Document, observed: Document | None = THERE, **options: bool) -> Plan:
    return plan_present(THING, desired, observed, **options)


# --- nothing there -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("desired", "body", "calls"),
    [
        ({"size": 3}, {"size": 3, "kind": "PLAIN"}, []),
        ({"kind": "FINE"}, {"kind": "FINE"}, []),
        ({"once": "secret-id"}, {"kind": "PLAIN", "once": "secret-id"}, []),
        ({"late": True}, {"kind": "PLAIN"}, [("update_thing", {"late": True})]),
        ({"nest": {"groups": []}}, {"kind": "PLAIN", "nest": {"groups": []}}, []),
        ({"nest": {"deep": {"a": "1"}}}, {"kind": "PLAIN", "nest": {"deep": {"a": "1"}}}, []),
        ({"freeform_tags": {"a": 1, "b": None}}, {"kind": "PLAIN", "freeform_tags": {"a": "1"}}, []),
        ({"vcn_id": UNKNOWN}, {"kind": "PLAIN", "vcn_id": UNKNOWN}, []),
    ],
)
def test_create(desired: Document, body: Document, calls: list[Any]) -> None:
    made = plan(desired, None)
    assert made.kind == "create" and made.changes
    assert made.create == body
    assert [(c.operation, c.body) for c in made.calls] == calls
    assert made.before == {}


# --- what goes along ---------------------------------------------------------------------------------------------


def test_how_a_change_is_carried_out_is_no_change_of_itself() -> None:
    gently = {"cycle": True}
    there = {**THERE, "gently": {"cycle": False, "surge": "1"}}
    assert not plan({"gently": gently}, there).changes
    assert not plan({"gently": gently, "size": 1}, there).changes
    changed = plan({"gently": gently, "size": 2}, there)
    assert [(c.operation, c.body) for c in changed.calls] == [
        ("update_thing", {"size": 2, "gently": {"cycle": True, "surge": "1"}})
    ]
    assert changed.after == {"size": 2, "gently": {"cycle": True}}
    as_there = plan({"gently": {"surge": "1"}, "size": 2}, there)
    assert (as_there.calls[0].body or {})["gently"] == {"cycle": False, "surge": "1"}
    assert as_there.after == {"size": 2}, "what it is already is not a difference"
    # Operations of a field's own do not carry it.
    assert [c.operation for c in plan({"gently": gently, "stepped": ["y"]}, there).calls] == ["step"]
    made = plan({"gently": gently}, None)
    assert made.create == {"kind": "PLAIN", "gently": gently}


def test_a_create_shows_what_it_makes_but_no_secret_and_no_placeholder_as_it_is() -> None:
    made = plan({"word": "hunter2", "vcn_id": UNKNOWN, "note": f"in {UNKNOWN} it", "size": 1}, None)
    assert made.after["word"] == SECRET_SHOWN
    assert made.after["vcn_id"] == "(known after apply)"
    assert made.after["note"] == f"in {UNKNOWN} it"
    assert made.after["size"] == 1
    assert made.create is not None and made.create["word"] == "hunter2"


# --- something there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "desired",
    [
        {},
        {"size": 1, "display_name": "a", "compartment_id": "c1"},
        {"once": "other"},
        {"note": ""},
        {"late": False},
        {"stepped": ["x"]},
        {"odd": "o"},
        {"alone": {"days": 7}},
        {"alone": {}},
        {"policy": {}},
        {"nest": {"deep": {"b": "2"}}},
        {"nest": {"groups": ["g1"], "subnet_id": "s1"}},
        {"rows": [{"key": "k"}]},
        {"freeform_tags": {"team": "a"}},
        {"freeform_tags": {}},
        {"freeform_tags": {"gone": None}},
        {"defined_tags": {"cost": {"centre": 42}}},
    ],
)
def test_nothing_to_do(desired: Document) -> None:
    assert plan(desired) == Plan()
    assert not plan(desired).changes


UPDATES: list[tuple[str, Document, list[tuple[str, Any]], Document, Document]] = [
    ("a field", {"size": 2}, [("update_thing", {"size": 2})], {"size": 1}, {"size": 2}),
    (
        "its name",
        {"display_name": "b"},
        [("update_thing", {"display_name": "b"})],
        {"display_name": "a"},
        {"display_name": "b"},
    ),
    (
        "several fields in one update",
        {"size": 2, "note": "n"},
        [("update_thing", {"size": 2, "note": "n"})],
        {"size": 1, "note": None},
        {"size": 2, "note": "n"},
    ),
    (
        "the move first, steps next, the update last",
        {"compartment_id": "c2", "stepped": ["y"], "size": 2},
        [
            ("change_thing_compartment", {"compartment_id": "c2"}),
            ("step", {"from": ["x"], "to": ["y"], "id": "ocid1.thing.1"}),
            ("update_thing", {"size": 2}),
        ],
        {"compartment_id": "c1", "stepped": ["x"], "size": 1},
        {"compartment_id": "c2", "stepped": ["y"], "size": 2},
    ),
    (
        "what is refused together goes alone",
        {"alone": {"days": 8}, "policy": {"on": True}, "size": 2},
        [
            ("update_thing", {"alone": {"days": 8, "hour": "02:00"}}),
            ("update_thing", {"policy": {"on": True}}),
            ("update_thing", {"size": 2}),
        ],
        {"alone": {"days": 7}, "policy": None, "size": 1},
        {"alone": {"days": 8}, "policy": {"on": True}, "size": 2},
    ),
    (
        "a nested field: the rest keeps its values, what an update cannot carry is left out",
        {"nest": {"deep": {"a": "9"}}},
        [("update_thing", {"nest": {"subnet_id": "s1", "groups": ["g1"], "deep": {"a": "9", "b": "2"}}})],
        {"nest": {"deep": {"a": "1"}}},
        {"nest": {"deep": {"a": "9"}}},
    ),
    (
        "an empty list empties",
        {"nest": {"groups": []}, "rows": []},
        [("update_thing", {"nest": {"subnet_id": "s1", "groups": [], "deep": {"a": "1", "b": "2"}}, "rows": []})],
        {"nest": {"groups": ["g1"]}, "rows": [{"key": "k"}]},
        {"nest": {"groups": []}, "rows": []},
    ),
    (
        "of a list only what differs is shown, without what the service added",
        {"rows": [{"key": "k"}, {"key": "l", "value": "2"}]},
        [("update_thing", {"rows": [{"key": "k"}, {"key": "l", "value": "2"}]})],
        {"rows": []},
        {"rows": [{"key": "l", "value": "2"}]},
    ),
    (
        "a tag: keys not given stay",
        {"freeform_tags": {"stage": "prod", "new": "1"}},
        [("update_thing", {"freeform_tags": {"team": "a", "stage": "prod", "new": "1"}})],
        {"freeform_tags": {"stage": "dev"}},
        {"freeform_tags": {"stage": "prod", "new": "1"}},
    ),
    (
        "a tag taken away",
        {"freeform_tags": {"stage": None}},
        [("update_thing", {"freeform_tags": {"team": "a"}})],
        {"freeform_tags": {"stage": "dev"}},
        {"freeform_tags": {}},
    ),
    (
        "a field that is shown under another name",
        {"odd": "p"},
        [("update_thing", {"odd": "p"})],
        {"odd": "o"},
        {"odd": "p"},
    ),
    (
        "a secret is never shown",
        {"word": "new"},
        [("update_thing", {"word": "new"})],
        {"word": None},
        {"word": SECRET_SHOWN},
    ),
    (
        "what is known after apply differs",
        {"note": UNKNOWN},
        [("update_thing", {"note": UNKNOWN})],
        {"note": None},
        {"note": "(known after apply)"},
    ),
]


@pytest.mark.parametrize(
    ("desired", "calls", "before", "after"), [row[1:] for row in UPDATES], ids=[row[0] for row in UPDATES]
)
def test_update(desired: Document, calls: list[Any], before: Document, after: Document) -> None:
    made = plan(desired)
    assert made.kind == "update" and made.create is None
    assert [(c.operation, c.body) for c in made.calls] == calls
    assert (made.before, made.after) == (before, after)


def test_updates_are_guarded_by_the_etag() -> None:
    assert all(c.guarded for c in plan({"size": 2, "alone": {"days": 8}}).calls)


@pytest.mark.parametrize(
    ("field", "wanted", "there", "purge", "expected"),
    [
        ("freeform_tags", {"a": "1"}, {"b": "2"}, False, {"a": "1", "b": "2"}),
        ("freeform_tags", {"a": "1"}, {"b": "2"}, True, {"a": "1"}),
        ("freeform_tags", {}, {"b": "2"}, True, {}),
        ("freeform_tags", {"a": 5}, None, False, {"a": "5"}),
        ("defined_tags", {"n": {"a": 1}}, {"n": {"b": "2"}}, False, {"n": {"a": "1", "b": "2"}}),
        ("defined_tags", {"n": {"a": 1}}, {"n": {"b": "2"}, "m": {"c": "3"}}, True, {"n": {"a": "1"}}),
        (
            "defined_tags",
            {},
            {"Oracle-Tags": {"CreatedBy": "me"}, "m": {"c": "3"}},
            True,
            {"Oracle-Tags": {"CreatedBy": "me"}},
        ),
        ("defined_tags", {"n": {"b": None}}, {"n": {"b": "2", "c": "3"}}, False, {"n": {"c": "3"}}),
        ("defined_tags", {"n": None}, {"n": {"b": "2"}, "m": {"c": "3"}}, False, {"m": {"c": "3"}}),
    ],
)
def test_tags(field: str, wanted: Document, there: Document | None, purge: bool, expected: Document) -> None:
    assert merged(THING.field(field), wanted, there, purge) == expected


def test_tags_are_purged_only_where_they_are_declared() -> None:
    made = plan({"freeform_tags": {"team": "a"}}, purge_tags=True)
    assert made.before == {"freeform_tags": {"stage": "dev"}} and made.after == {"freeform_tags": {}}
    assert plan({"size": 1}, purge_tags=True) == Plan()
    assert plan({"defined_tags": {"cost": {"centre": "42"}}}, purge_tags=True) == Plan()


# --- replacement -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("desired", "told"),
    [
        ({"vcn_id": "v2"}, ["vcn_id: 'v1' -> 'v2'"]),
        ({"kind": "FINE", "vcn_id": "v2", "size": 9}, ["vcn_id: 'v1' -> 'v2'", "kind: 'PLAIN' -> 'FINE'"]),
        ({"nest": {"subnet_id": "s2", "groups": []}}, ["nest.subnet_id: 's1' -> 's2'"]),
        ({"nest": {"cidr": "10.1.0.0/16"}}, ["nest.cidr: '10.0.0.0/16' -> '10.1.0.0/16'"]),
    ],
)
def test_replacement_is_refused_with_the_fields_and_what_to_do(desired: Document, told: list[str]) -> None:
    with pytest.raises(PlanError) as caught:
        plan(desired)
    text = str(caught.value)
    assert "; ".join(told) in text
    assert "thing a (ocid1.thing.1)" in text and "allow_replace: true" in text


def test_a_replacement_takes_over_what_is_not_declared_but_not_what_the_service_adds() -> None:
    made = plan({"vcn_id": "v2", "late": True}, allow_replace=True)
    assert made.kind == "replace"
    assert made.create == {
        "compartment_id": "c1",
        "display_name": "a",
        "vcn_id": "v2",
        "size": 1,
        "kind": "PLAIN",
        "stepped": ["x"],
        "alone": {"days": 7, "hour": "02:00"},
        "odd": "o",
        "nest": {"subnet_id": "s1", "groups": ["g1"], "cidr": "10.0.0.0/16", "deep": {"a": "1", "b": "2"}},
        "rows": [{"key": "k"}],
        "freeform_tags": {"team": "a", "stage": "dev"},
        "defined_tags": {"cost": {"centre": "42"}},
    }
    assert [(c.operation, c.body) for c in made.calls] == [("update_thing", {"late": True})]
    assert (made.before, made.after) == ({"vcn_id": "v1", "late": False}, {"vcn_id": "v2", "late": True})


def test_a_replacement_does_not_take_over_what_the_declaration_excludes() -> None:
    observed = {"id": "s", "prohibit_internet_ingress": False, "prohibit_public_ip_on_vnic": False, "cidr_block": "c"}
    made = plan_present(TYPES["subnet"], {"prohibit_internet_ingress": True}, observed, allow_replace=True)
    assert made.create == {"cidr_block": "c", "prohibit_internet_ingress": True}
    observed = {"id": "f", "filter_type": "VTAP", "vtap_capture_filter_rules": [{"traffic_direction": "INGRESS"}]}
    desired = {"filter_type": "FLOWLOG", "flow_log_capture_filter_rules": [{"priority": 1}]}
    assert plan_present(TYPES["capture_filter"], desired, observed, allow_replace=True).create == desired


def test_allowing_replacement_does_not_make_one() -> None:
    assert plan({"size": 2}, allow_replace=True).kind == "update"


def test_a_failed_resource_is_replaced_from_the_declaration() -> None:
    made = plan({"size": 2}, {**THERE, "lifecycle_state": "FAILED"})
    assert made.kind == "replace"
    assert made.create == {"size": 2, "kind": "PLAIN"}
    assert (made.before, made.after) == ({"lifecycle_state": "FAILED"}, {"lifecycle_state": "AVAILABLE"})


# --- deletion ----------------------------------------------------------------------------------------------------


def test_a_deletion_that_is_set_is_taken_back_before_anything_else() -> None:
    made = plan({"size": 2, "word": "same as before"}, {**THERE, "lifecycle_state": "SET"})
    assert made.kind == "revive"
    assert [c.operation for c in made.calls] == ["cancel_thing_deletion"]
    assert made.before == {"size": 1, "lifecycle_state": "SET"}
    assert made.after == {"size": 2, "lifecycle_state": "AVAILABLE"}


@pytest.mark.parametrize(
    ("observed", "kind"),
    [
        (None, "none"),
        ({**THERE, "lifecycle_state": "SET"}, "none"),
        (THERE, "delete"),
        ({**THERE, "lifecycle_state": "FAILED"}, "delete"),
    ],
)
def test_absent(observed: Document | None, kind: str) -> None:
    made = plan_absent(THING, observed)
    assert made.kind == kind
    assert made.before == ({"id": "ocid1.thing.1", "display_name": "a"} if kind == "delete" else {})
    assert made.after == {}


# --- steps: the blocks of a VCN ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "calls"),
    [
        (["10.0.0.0/16"], ["10.0.0.0/16", "10.1.0.0/16"], [("add_vcn_cidr", {"cidr_block": "10.1.0.0/16"})]),
        (["10.0.0.0/16", "10.1.0.0/16"], ["10.0.0.0/16"], [("remove_vcn_cidr", {"cidr_block": "10.1.0.0/16"})]),
        (
            ["10.0.0.0/16"],
            ["10.0.0.0/15"],
            [("modify_vcn_cidr", {"original_cidr_block": "10.0.0.0/16", "new_cidr_block": "10.0.0.0/15"})],
        ),
        (
            ["10.0.0.0/16"],
            ["192.168.0.0/16"],
            [("add_vcn_cidr", {"cidr_block": "192.168.0.0/16"}), ("remove_vcn_cidr", {"cidr_block": "10.0.0.0/16"})],
        ),
        (
            ["10.0.0.0/16"],
            ["10.0.0.0/17", "10.0.128.0/17"],
            [
                ("modify_vcn_cidr", {"original_cidr_block": "10.0.0.0/16", "new_cidr_block": "10.0.0.0/17"}),
                ("add_vcn_cidr", {"cidr_block": "10.0.128.0/17"}),
            ],
        ),
        (  # what a block grows over goes before
            ["10.0.0.0/17", "10.0.128.0/17"],
            ["10.0.0.0/16"],
            [
                ("remove_vcn_cidr", {"cidr_block": "10.0.128.0/17"}),
                ("modify_vcn_cidr", {"original_cidr_block": "10.0.0.0/17", "new_cidr_block": "10.0.0.0/16"}),
            ],
        ),
        (  # there is always one, and never one more than needed
            ["10.0.0.0/16", "10.1.0.0/16"],
            ["10.2.0.0/16", "10.3.0.0/16"],
            [
                ("add_vcn_cidr", {"cidr_block": "10.2.0.0/16"}),
                ("remove_vcn_cidr", {"cidr_block": "10.0.0.0/16"}),
                ("remove_vcn_cidr", {"cidr_block": "10.1.0.0/16"}),
                ("add_vcn_cidr", {"cidr_block": "10.3.0.0/16"}),
            ],
        ),
    ],
)
def test_blocks_of_a_vcn(before: list[str], after: list[str], calls: list[Any]) -> None:
    observed = {"id": "v", "display_name": "v", "cidr_blocks": before, "lifecycle_state": "AVAILABLE"}
    made = plan_present(TYPES["vcn"], {"cidr_blocks": after}, observed)
    assert [(c.operation, c.body) for c in made.calls] == calls


# --- steps: the rules of a security group ------------------------------------------------------------------------


def rule(port: int | None = None, source: str = "10.0.0.0/16", protocol: str = "6", **more: Any) -> Document:
    made: Document = {
        "direction": "INGRESS",
        "protocol": protocol,
        "source": source,
        "source_type": "CIDR_BLOCK",
        **more,
    }
    if port is not None:
        made["tcp_options"] = {"destination_port_range": {"min": port, "max": port}}
    return made


def stored(id_: str, wanted: Document) -> Document:
    """A rule as the service lists it."""
    empty = dict.fromkeys(
        ("destination", "destination_type", "description", "icmp_options", "tcp_options", "udp_options")
    )
    return {**empty, "is_stateless": False, "is_valid": True, "time_created": "now", **wanted, "id": id_}


RULE_STEPS: list[tuple[str, list[Document], list[Document], list[tuple[str, Any]]]] = [
    ("equal ones stay", [stored("1", rule(80))], [rule(80)], []),
    ("order does not count", [stored("1", rule(80)), stored("2", rule(443))], [rule(443), rule(80)], []),
    ("a new one is added", [], [rule(80)], [("add", [rule(80)])]),
    ("one not given goes", [stored("1", rule(80)), stored("2", rule(443))], [rule(80)], [("remove", ["2"])]),
    ("an empty list removes all", [stored("1", rule(80))], [], [("remove", ["1"])]),
    ("other ports are an update", [stored("1", rule(80))], [rule(81)], [("update", [{**rule(81), "id": "1"}])]),
    (
        "a description is an update",
        [stored("1", rule(80, description="old"))],
        [rule(80, description="new")],
        [("update", [{**rule(80, description="new"), "id": "1"}])],
    ),
    (
        "another peer is another rule, added before the old one goes",
        [stored("1", rule(80))],
        [rule(80, source="10.1.0.0/16")],
        [("add", [rule(80, source="10.1.0.0/16")]), ("remove", ["1"])],
    ),
    (
        "another protocol is another rule",
        [stored("1", rule())],
        [rule(protocol="17")],
        [("add", [rule(protocol="17")]), ("remove", ["1"])],
    ),
    (
        "equal ones pair up first, so what is the same is not written",
        [stored("1", rule(80)), stored("2", rule(443))],
        [rule(443), rule(8443)],
        [("update", [{**rule(8443), "id": "1"}])],
    ),
    (
        "one whose ports stay keeps them",
        [stored("1", rule(80, description="a")), stored("2", rule(443, description="b"))],
        [rule(443, description="a"), rule(80, description="b")],
        [("update", [{**rule(443, description="a"), "id": "2"}, {**rule(80, description="b"), "id": "1"}])],
    ),
    (
        "one that was meant for the same becomes the new one",
        [stored("1", rule(80, description="a")), stored("2", rule(443, description="b"))],
        [rule(8443, description="b"), rule(8080, description="a")],
        [("update", [{**rule(8443, description="b"), "id": "2"}, {**rule(8080, description="a"), "id": "1"}])],
    ),
    (
        "new ones come before others change, and those before any goes",
        [stored("1", rule(80)), stored("2", rule(80, source="10.1.0.0/16"))],
        [rule(81), rule(82, protocol="17")],
        [("add", [rule(82, protocol="17")]), ("update", [{**rule(81), "id": "1"}]), ("remove", ["2"])],
    ),
    ("one declared twice is one", [], [rule(80), rule(80)], [("add", [rule(80)])]),
    ("one declared twice that is there", [stored("1", rule(80))], [rule(80), rule(80)], []),
    (
        "one that is there twice is one too many",
        [stored("1", rule(80)), stored("2", rule(80))],
        [rule(80)],
        [("remove", ["2"])],
    ),
    (
        "the same block in other words",
        [stored("1", rule(protocol="all", source="10.0.0.0/16"))],
        [rule(protocol="all", source="10.0.9.9/16")],
        [],
    ),
]


def named_calls(calls: tuple[Call, ...]) -> list[tuple[str, Any]]:
    rows = []
    for call in calls:
        body = call.body or {}
        rows.append((call.operation.partition("_")[0], body.get("security_rules") or body["security_rule_ids"]))
    return rows


def plan_rules(before: list[Document], after: list[Document]) -> Plan:
    observed = {"id": "g", "display_name": "g", "security_rules": before, "lifecycle_state": "AVAILABLE"}
    return plan_present(TYPES["network_security_group"], {"security_rules": after}, observed)


@pytest.mark.parametrize(("before", "after", "calls"), [r[1:] for r in RULE_STEPS], ids=[r[0] for r in RULE_STEPS])
def test_rules_of_a_group(before: list[Document], after: list[Document], calls: list[Any]) -> None:
    assert named_calls(plan_rules(before, after).calls) == calls


def played(rules: list[Document], calls: tuple[Call, ...]) -> list[Document]:
    """What a service that carries the calls out ends with."""
    there = {r["id"]: r for r in rules}
    for number, call in enumerate(calls):
        body = call.body or {}
        for index, row in enumerate(body.get("security_rules") or []):
            id_ = row.get("id") or f"new-{number}-{index}"
            assert ("id" in row) == call.operation.startswith("update")
            there[id_] = stored(id_, {k: v for k, v in row.items() if k != "id"})
        for id_ in body.get("security_rule_ids") or []:
            del there[id_]
    return list(there.values())


POOL = [rule(80), rule(443), rule(80, source="10.1.0.0/16"), rule(80, description="x")]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_rules_converge_from_any_to_any(count: int) -> None:
    for there in permutations(POOL, count):
        before = [stored(str(i), r) for i, r in enumerate(there)]
        for wanted in permutations(POOL, 2):
            after = played(before, plan_rules(before, list(wanted)).calls)
            assert plan_rules(after, list(wanted)) == Plan()
            kept = {r["id"] for r in before} & {r["id"] for r in after}
            assert len(kept) >= sum(1 for r in wanted if r in there), "what stays is not recreated"


def test_rules_are_sent_in_calls_of_the_size_that_the_service_takes() -> None:
    wanted = [rule(port) for port in range(1, 61)]
    calls = plan_rules([], wanted).calls
    assert [len((c.body or {})["security_rules"]) for c in calls] == [RULES_A_CALL, RULES_A_CALL, 10]
    gone = plan_rules([stored(str(p), rule(p)) for p in range(60)], []).calls
    assert [len((c.body or {})["security_rule_ids"]) for c in gone] == [RULES_A_CALL, RULES_A_CALL, 10]


def test_rules_that_a_group_has_no_room_for_wait_until_others_went() -> None:
    before = [stored(str(port), rule(port)) for port in range(100)]
    wanted = [rule(port, source="10.1.0.0/16") for port in range(1, 101)]
    calls = plan_rules(before, wanted).calls
    most = count = len(before)
    for call in calls:
        body = call.body or {}
        count += len(body.get("security_rules") or []) - len(body.get("security_rule_ids") or [])
        most = max(most, count)
    assert (most, count) == (RULES_A_GROUP, 100)
    assert calls[0].operation.startswith("add_"), "new ones come first"
    assert not plan_rules(played(before, calls), wanted).changes


def test_rules_take_neither_a_token_nor_an_etag_so_they_are_not_sent_twice_blindly() -> None:
    made = plan_rules([stored("1", rule(80)), stored("2", rule(81))], [rule(80, source="10.1.0.0/16"), rule(82)])
    assert {c.operation.partition("_")[0]: (c.repeatable, c.guarded) for c in made.calls} == {
        "add": (False, False),
        "update": (True, False),
        "remove": (False, False),
    }


# --- what the types say of themselves ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "observed", "desired", "calls"),
    [
        (
            "oke_cluster",
            {"endpoint_config": {"subnet_id": "s", "nsg_ids": None, "is_public_ip_enabled": False}},
            {"endpoint_config": {"subnet_id": "s", "nsg_ids": [], "is_public_ip_enabled": True}},
            [("update_cluster_endpoint_config", {"nsg_ids": [], "is_public_ip_enabled": True})],
        ),
        (
            "oke_cluster",
            {"options": {"service_lb_subnet_ids": ["s"], "service_lb_config": {"freeform_tags": {"a": "1"}}}},
            {"options": {"service_lb_subnet_ids": ["s"], "service_lb_config": {"freeform_tags": {"b": "2"}}}},
            [("update_cluster", {"options": {"service_lb_config": {"freeform_tags": {"a": "1", "b": "2"}}}})],
        ),
        (
            "mysql_db_system",
            {
                "backup_policy": {"is_enabled": True, "retention_in_days": 1, "told_by_the_service": []},
                "maintenance": None,
            },
            {
                "backup_policy": {"retention_in_days": 7},
                "maintenance": {"window_start_time": "sun 04:00"},
                "description": "d",
            },
            [
                ("update_db_system", {"backup_policy": {"is_enabled": True, "retention_in_days": 7}}),
                ("update_db_system", {"maintenance": {"window_start_time": "sun 04:00"}}),
                ("update_db_system", {"description": "d"}),
            ],
        ),
        (
            "vault_secret",
            {"content": "old", "description": "a"},
            {"content": "new", "description": "b"},
            [
                (
                    "update_secret",
                    {"secret_content": {"content_type": "BASE64", "stage": "CURRENT", "content": "bmV3"}},
                ),
                ("update_secret", {"description": "b"}),
            ],
        ),
        (
            "virtual_node_pool",
            {"size": 3, "pod_configuration": {"subnet_id": "s", "shape": "P", "nsg_ids": ["n"]}},
            {"size": 4, "pod_configuration": {"subnet_id": "t", "shape": "P"}},
            [
                (
                    "update_virtual_node_pool",
                    {"size": 4, "pod_configuration": {"subnet_id": "t", "shape": "P", "nsg_ids": ["n"]}},
                )
            ],
        ),
    ],
)
def test_writes_of_types(name: str, observed: Document, desired: Document, calls: list[Any]) -> None:
    type_ = TYPES[name]
    there = {"id": "x", type_.name_field: "x", type_.states.field: type_.states.ready[0], **observed}
    made = plan_present(type_, desired, there)
    assert [(c.operation, c.body) for c in sorted(made.calls, key=lambda c: calls_order(c, calls))] == calls
    assert "new" not in str(made.after.get("content")) and "old" not in str(made.before.get("content"))


def calls_order(call: Call, calls: list[Any]) -> int:
    """Fields that go alone may go in any order."""
    return calls.index((call.operation, call.body)) if (call.operation, call.body) in calls else -1


@pytest.mark.parametrize(
    ("name", "observed", "desired", "path"),
    [
        (
            "oke_cluster",
            {"endpoint_config": {"subnet_id": "s"}},
            {"endpoint_config": {"subnet_id": "t"}},
            "endpoint_config.subnet_id",
        ),
        ("oke_cluster", {"kms_key_id": None}, {"kms_key_id": "k"}, "kms_key_id"),
        (
            "virtual_node_pool",
            {"pod_configuration": {"subnet_id": "s", "shape": "P"}},
            {"pod_configuration": {"subnet_id": "s", "shape": "Q"}},
            "pod_configuration.shape",
        ),
        (
            "subnet",
            {"prohibit_public_ip_on_vnic": False},
            {"prohibit_public_ip_on_vnic": True},
            "prohibit_public_ip_on_vnic",
        ),
        ("vcn", {"dns_label": "a"}, {"dns_label": "b"}, "dns_label"),
        ("policy", {"name": "a"}, {"name": "b"}, "name"),
    ],
)
def test_what_types_cannot_change_in_place(name: str, observed: Document, desired: Document, path: str) -> None:
    type_ = TYPES[name]
    there = {"id": "x", type_.name_field: "x", type_.states.field: type_.states.ready[0], **observed}
    with pytest.raises(PlanError, match=path.replace(".", r"\.")):
        plan_present(type_, desired, there)


# --- what is refused before the first write ----------------------------------------------------------------------


LONG = "x" * 300
RULE = {"direction": "INGRESS", "protocol": "6", "source": "10.0.0.0/24", "source_type": "CIDR_BLOCK"}
OUT = {"direction": "EGRESS", "protocol": "all", "destination_type": "CIDR_BLOCK"}


@pytest.mark.parametrize(
    ("name", "desired", "problems"),
    [
        ("vcn", {"cidr_blocks": ["10.0.0.0/16", "192.168.0.0/24"]}, []),
        ("vcn", {"cidr_blocks": [UNKNOWN]}, []),
        ("vcn", {"cidr_blocks": ["10.0.0.1/16"]}, ["cidr_blocks[0]: 10.0.0.1/16 has host bits set"]),
        (
            "vcn",
            {"cidr_blocks": ["10.0.0.0/16", "ten", "10.0.4.0/24"]},
            ["cidr_blocks[1]: 'ten'", "cidr_blocks[2]: 10.0.4.0/24 overlaps cidr_blocks[0] (10.0.0.0/16)"],
        ),
        ("subnet", {"cidr_block": "10.0.0.0/33"}, ["cidr_block: '10.0.0.0/33'"]),
        ("subnet", {"security_list_ids": list("abcdef")}, ["security_list_ids: the service takes at most 5"]),
        ("network_security_group", {"security_rules": [rule(80)]}, []),
        (
            "network_security_group",
            {"security_rules": [{"direction": "EGRESS", "destination": "0.0.0.0/0", "destination_type": "CIDR_BLOCK"}]},
            ["security_rules[0].protocol: is needed, all or a number"],
        ),
        (
            "network_security_group",
            {"security_rules": [rule(80, protocol="17"), rule(80, protocol="TCP"), rule(0)]},
            [
                "security_rules[0].tcp_options: needs protocol 6, not 17",
                "security_rules[1].protocol: 'TCP' is neither all nor a number",
                "security_rules[1].tcp_options: needs protocol 6, not TCP",
                "security_rules[2].tcp_options.destination_port_range: 0-0 is not a range within 1-65535",
            ],
        ),
        (
            "network_security_group",
            {"security_rules": [{"direction": "EGRESS", "protocol": "all", "source": "10.0.0.0/8"}]},
            [
                "security_rules[0]: EGRESS needs destination and destination_type",
                "security_rules[0].source: EGRESS has a destination and no source",
            ],
        ),
        (
            "security_list",
            {"ingress_security_rules": [{"protocol": "6", "source": "0.0.0.0/0", "icmp_options": {"type": 3}}]},
            ["ingress_security_rules[0].icmp_options: needs protocol 1 or 58, not 6"],
        ),
        (
            "security_list",
            {
                "egress_security_rules": [
                    {"protocol": "1", "destination": "0.0.0.0/0", "icmp_options": {"type": 300, "code": 4}},
                    {"protocol": "256", "destination": "0.0.0.0/0"},
                ]
            },
            [
                "egress_security_rules[0].icmp_options.type: 300 is outside of 0 to 255",
                "egress_security_rules[1].protocol: '256' is neither all nor a number",
            ],
        ),
        ("vcn", {"cidr_blocks": []}, ["cidr_blocks: a VCN has one block at least"]),
        (
            "capture_filter",
            {
                "filter_type": "VTAP",
                "vtap_capture_filter_rules": [{}] * 10 + [{"source_cidr": "10.0.0.1/16"}],
                "flow_log_capture_filter_rules": [{"priority": 10}, {"priority": 3}, {"priority": 3}],
            },
            [
                "vtap_capture_filter_rules: 11 rules, a filter has at most 10",
                "vtap_capture_filter_rules[10].source_cidr: 10.0.0.1/16 has host bits set",
                "flow_log_capture_filter_rules: a filter of type VTAP has vtap_capture_filter_rules",
                "flow_log_capture_filter_rules[0].priority: 10 is outside of 0 to 9",
                "flow_log_capture_filter_rules[2].priority: 3 is already that of flow_log_capture_filter_rules[1]",
            ],
        ),
        (
            "capture_filter",
            {"filter_type": "FLOWLOG", "flow_log_capture_filter_rules": [{"priority": 1, "udp_options": {"x": {}}}]},
            [
                "flow_log_capture_filter_rules[0].udp_options: needs protocol 17, not all",
                "flow_log_capture_filter_rules[0].udp_options.x: None-None is not a range within 1-65535",
            ],
        ),
        (
            "vtap",
            {"target_id": "ocid1.vnic.a", "target_ip": "nowhere", "vxlan_network_identifier": 2**24},
            [
                "target_ip: the target is an address or a resource (target_id), not both",
                "target_ip: 'nowhere' does not appear to be an IPv4 or IPv6 address",
                "vxlan_network_identifier: 16777216 is outside of 0 to 16777215",
            ],
        ),
        ("vtap", {"target_id": UNKNOWN, "source_private_endpoint_ip": UNKNOWN, "vxlan_network_identifier": 0}, []),
        (
            "vault_secret",
            {"content": "x", "enable_auto_generation": True},
            ["content: cannot stand beside", "secret_generation_context: enable_auto_generation needs it"],
        ),
        (
            "virtual_node_pool",
            {"nsg_ids": list("abcdef"), "pod_configuration": {"nsg_ids": list("abcdef")}},
            ["nsg_ids: the service takes at most 5", "pod_configuration.nsg_ids: the service takes at most 5"],
        ),
        ("network_security_group", {"security_rules": [RULE]}, []),
        (
            "network_security_group",
            {"security_rules": [RULE] * 121},
            ["security_rules: 121 rules, the service takes at most 120"],
        ),
        (
            "network_security_group",
            {"security_rules": [RULE, {**RULE, "source": "anywhere"}]},
            [
                "security_rules[1].source: 'anywhere' is not a CIDR block; anything else needs its source_type",
            ],
        ),
        (
            "network_security_group",
            {"security_rules": [{**RULE, "source": "10.0.0.0/33"}]},
            [
                "security_rules[0].source: '10.0.0.0/33' does not appear to be an IPv4 or IPv6 network",
            ],
        ),
        (
            "network_security_group",
            {"security_rules": [{**RULE, "source_type": "NETWORK_SECURITY_GROUP"}]},
            [
                "security_rules[0].source: '10.0.0.0/24' is a CIDR block, and source_type says NETWORK_SECURITY_GROUP",
            ],
        ),
        (
            "network_security_group",
            {"security_rules": [{**RULE, "source": "all", "source_type": "SERVICE_CIDR_BLOCK"}]},
            [],
        ),
        (
            "network_security_group",
            {"security_rules": [{**RULE, "protocol": "ALL"}]},
            [
                "security_rules[0].protocol: 'ALL' is neither all nor a number (ICMP 1, TCP 6, UDP 17, ICMPv6 58)",
            ],
        ),
        (
            "network_security_group",
            {"security_rules": [{**RULE, "destination": "10.0.0.0/24"}]},
            [
                "security_rules[0].destination: INGRESS has a source and no destination",
            ],
        ),
        (
            "network_security_group",
            {"security_rules": [{**OUT, "destination": "group"}]},
            [
                "security_rules[0].destination: 'group' is not a CIDR block; anything else needs its destination_type",
            ],
        ),
        (
            "security_list",
            {"ingress_security_rules": [{"protocol": "6", "source": "nowhere"}]},
            [
                "ingress_security_rules[0].source: 'nowhere' is not a CIDR block; anything else needs its source_type",
            ],
        ),
        (
            "security_list",
            {"egress_security_rules": [{"protocol": "all", "destination": "0.0.0.0/0"}] * 201},
            [
                "egress_security_rules: 201 rules, the service takes at most 200",
            ],
        ),
        (
            "route_table",
            {"route_rules": [{"destination": "everywhere", "network_entity_id": "i"}]},
            [
                "route_rules[0].destination: 'everywhere' is not a CIDR block; anything else needs its "
                "destination_type",
            ],
        ),
        (
            "route_table",
            {
                "route_rules": [
                    {"destination": "all", "destination_type": "SERVICE_CIDR_BLOCK", "network_entity_id": "s"},
                ]
            },
            [],
        ),
        ("vcn", {"display_name": LONG}, ["display_name: 300 characters, 255 at most"]),
        ("vcn", {"dns_label": "1net"}, ["dns_label: '1net' is not a letter followed by up to 14 letters and digits"]),
        (
            "subnet",
            {"dns_label": "x" * 16},
            [f"dns_label: '{'x' * 16}' is not a letter followed by up to 14 letters and digits"],
        ),
        (
            "subnet",
            {"prohibit_internet_ingress": False, "prohibit_public_ip_on_vnic": True},
            ["prohibit_internet_ingress: give only one of it and prohibit_public_ip_on_vnic"],
        ),
        ("subnet", {"prohibit_internet_ingress": None, "prohibit_public_ip_on_vnic": True}, []),
        ("vcn", {"freeform_tags": {"a": LONG}}, ["freeform_tags.a: 300 characters, 256 at most"]),
        ("vcn", {"freeform_tags": {"": "a"}}, ["freeform_tags: the key ''... has 0 characters, 1 to 100 are taken"]),
        (
            "vcn",
            {"freeform_tags": {str(n): "" for n in range(11)}},
            ["freeform_tags: 11 tags, a resource has at most 10"],
        ),
        (
            "vcn",
            {"defined_tags": {"Cost": {"Center": LONG}}},
            ["defined_tags.Cost.Center: 300 characters, 256 at most"],
        ),
    ],
)
def test_bad_input_is_told_all_at_once_with_its_path(name: str, desired: Document, problems: list[str]) -> None:
    found = list(TYPES[name].problems(desired))
    assert len(found) == len(problems)
    for text, expected in zip(found, problems, strict=True):
        assert text.startswith(expected)


# --- what people are shown ---------------------------------------------------------------------------------------

ROWS = THING.field("rows")
NEST = THING.field("nest")


@pytest.mark.parametrize(
    ("field", "old", "new", "expected"),
    [
        (THING.field("size"), 1, 2, (1, 2)),
        (THING.field("word"), "old", "new", (SECRET_BEFORE, SECRET_SHOWN)),
        (THING.field("word"), None, "new", (None, SECRET_SHOWN)),
        (THING.field("stepped"), ["a", "b"], ["b", "c"], (["a"], ["c"])),
        (
            THING.field("freeform_tags"),
            {"a": "1", "b": "2"},
            {"a": "1", "b": "3", "c": "4"},
            ({"b": "2"}, {"b": "3", "c": "4"}),
        ),
        (ROWS, [{"key": "a", "since": 1}], [{"key": "a"}, {"key": UNKNOWN}], ([], [{"key": "(known after apply)"}])),
        (
            NEST,
            {"subnet_id": "s", "groups": ["a"], "deep": {"a": "1", "b": None}, "seen": 1},
            {"subnet_id": "s", "groups": ["a", "b"], "deep": {"a": "1", "b": "2"}},
            ({"groups": [], "deep": {}}, {"groups": ["b"], "deep": {"b": "2"}}),
        ),
        (NEST, None, {"subnet_id": "s", "groups": None}, (None, {"subnet_id": "s"})),
    ],
)
def test_shown(field: Field, old: Any, new: Any, expected: tuple[Any, Any]) -> None:
    assert shown(field, old, new) == expected


def test_visible_shortens_whole_placeholders_only() -> None:
    assert visible({"a": [UNKNOWN, f"x {UNKNOWN}"], "b": 1}) == {"a": ["(known after apply)", f"x {UNKNOWN}"], "b": 1}
