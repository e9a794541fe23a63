# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door's own part: options in, results out, placeholders past the validation, secrets nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import (
    BadOptions,
    CloudError,
    PlanError,
    ResourceError,
)
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, Field, placeholder
from ansible_collections.okestack.oci.plugins.module_utils.plan import Plan
from ansible_collections.okestack.oci.plugins.module_utils.run import (
    Context,
    ResourceTask,
    diff_of,
    full_spec,
    given,
    option_of,
    run_task,
    stood_in,
    untagged,
    validated,
)
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types

TYPES = all_types()
UNKNOWN = placeholder("vcn", "main", "id")


class Sample:
    """A task that answers what it is given, or raises it."""

    name = "sample"
    constraints: Mapping[str, Any] = {"required_one_of": [("id", "size")]}

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "id": {"type": "str"},
            "size": {"type": "int"},
            "mode": {"type": "str", "choices": ["A", "B"]},
            "word": {"type": "str", "no_log": True},
            "words": {"type": "list", "elements": "str", "no_log": True},
            "nest": {"type": "dict", "options": {"word": {"type": "str", "no_log": True}, "n": {"type": "int"}}},
            "rows": {"type": "list", "elements": "dict", "options": {"word": {"type": "str", "no_log": True}}},
            "needed": {"type": "list", "elements": "int", "required": True},
        }

    def execute(self, params: Document, context: Context) -> Document:
        if isinstance(self.answer, Exception):
            raise self.answer
        answer: Document = self.answer
        return answer


# --- options -----------------------------------------------------------------------------------------------------


def test_options_are_coerced_by_ansibles_rules() -> None:
    params, secrets = validated(Sample(), {"size": "3", "needed": ["1", 2], "nest": {"n": "4"}, "profile": "DEV"})
    assert params["size"] == 3 and params["needed"] == [1, 2]
    assert params["nest"] == {"word": None, "n": 4}
    assert params["profile"] == "DEV" and params["retry_timeout"] == 300.0
    assert secrets == set()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"size": 1}, "missing required arguments: needed"),
        ({"size": "x", "needed": [1]}, "size"),
        ({"needed": [1]}, "one of the following is required: id, size"),
        ({"size": 1, "needed": [1], "mode": "C"}, "mode"),
        ({"size": 1, "needed": [1], "siez": 1}, "unsupported option: siez"),
        ({"size": 1, "needed": [1], "nest": {"m": 1}}, "m"),
    ],
)
def test_bad_options_are_named(args: Document, told: str) -> None:
    with pytest.raises(BadOptions) as caught:
        validated(Sample(), args)
    assert str(caught.value).startswith("sample: ") and told in str(caught.value)


def test_secrets_of_options_are_known_wherever_they_stand_and_not_told_in_errors() -> None:
    args: Document = {
        "word": "hunter22",
        "words": ["pass-one", "pass-two"],
        "nest": {"word": "in-a-nest"},
        "rows": [{"word": "in-a-row"}],
        "size": 1,
        "needed": [1],
    }
    _params, secrets = validated(Sample(), args)
    assert secrets == {"hunter22", "pass-one", "pass-two", "in-a-nest", "in-a-row"}
    with pytest.raises(BadOptions) as caught:
        validated(Sample(), {**args, "mode": "hunter22", "siez": "in-a-nest"})
    assert not any(s in str(caught.value) for s in secrets)


@pytest.mark.parametrize(
    ("name", "value", "stand_in"),
    [
        ("id", UNKNOWN, UNKNOWN),
        ("id", f"x {UNKNOWN}", f"x {UNKNOWN}"),
        ("word", UNKNOWN, UNKNOWN),
        ("size", UNKNOWN, 0),
        ("mode", UNKNOWN, "A"),
        ("needed", UNKNOWN, []),
        ("needed", [1, UNKNOWN], [1, 0]),
        ("nest", {"n": UNKNOWN}, {"n": 0}),
        ("nest", UNKNOWN, {}),
        ("rows", [{"word": UNKNOWN}], [{"word": UNKNOWN}]),
        ("size", 3, 3),
        ("unheard_of", UNKNOWN, UNKNOWN),
    ],
)
def test_something_stands_in_for_placeholders_that_ansible_would_coerce(name: str, value: Any, stand_in: Any) -> None:
    assert stood_in({name: value}, {"options": full_spec(Sample())}) == {name: stand_in}


def test_placeholders_pass_the_validation_and_come_back_as_they_are() -> None:
    args = {"size": UNKNOWN, "needed": [UNKNOWN], "mode": UNKNOWN, "id": UNKNOWN, "nest": {"n": UNKNOWN}}
    params, _secrets = validated(Sample(), args)
    assert {k: params[k] for k in args} == {**args, "nest": {"n": UNKNOWN, "word": None}}


def test_what_is_known_is_checked_beside_placeholders() -> None:
    with pytest.raises(BadOptions, match="size"):
        validated(Sample(), {"size": "x", "needed": [UNKNOWN]})
    with pytest.raises(BadOptions, match=r"unsupported option: nest\.m\b"):
        validated(Sample(), {"size": 1, "needed": [1], "nest": {"n": UNKNOWN, "m": 1}})
    with pytest.raises(BadOptions, match="rows"):
        validated(Sample(), {"size": 1, "needed": [1], "rows": [{"word": UNKNOWN, "wrod": "x"}]})
    with pytest.raises(BadOptions, match="one of the following is required: id, size"):
        validated(Sample(), {"needed": [UNKNOWN]})
    params, _secrets = validated(Sample(), {"size": "3", "needed": ["2", UNKNOWN], "rows": [{"word": UNKNOWN}]})
    assert params["size"] == 3 and params["needed"] == [2, UNKNOWN] and params["rows"] == [{"word": UNKNOWN}]


class Tagged(str):
    """As Ansible's strings that know where they come from."""


def test_untagged_is_plain_python() -> None:
    value = untagged({Tagged("a"): [Tagged("b"), True, 1, 1.5, None], "t": (Tagged("c"),)})
    assert value == {"a": ["b", True, 1, 1.5, None], "t": ["c"]}
    assert [type(k) for k in value] == [str, str]
    assert [type(v) for v in value["a"]] == [str, bool, int, float, type(None)]
    assert type(value["t"]) is list and type(value["t"][0]) is str


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"size": None, "id": "x"}, {"id": "x"}),
        ({"size": 0, "needed": [], "id": ""}, {"size": 0, "needed": [], "id": ""}),
        ({"nest": {"word": None, "n": 1}}, {"nest": {"n": 1}}),
        ({"rows": [{"word": None}, {"word": "a"}]}, {"rows": [{}, {"word": "a"}]}),
        ({"rows": UNKNOWN}, {"rows": UNKNOWN}),
        ({"endpoints": {"core": None, "a": {"b": None}}}, {"endpoints": {"core": None, "a": {"b": None}}}),
    ],
)
def test_given_drops_what_the_spec_fills_in_and_keeps_the_users_nulls(values: Document, expected: Document) -> None:
    assert given(values, full_spec(Sample())) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Field("size", type="int", required=True), {"type": "int"}),
        (Field("mode", choices=("A", "B")), {"type": "str", "choices": ["A", "B"]}),
        (Field("names", type="list", elements="str"), {"type": "list", "elements": "str"}),
        (Field("content", secret=True), {"type": "str", "no_log": True}),
        (Field("key_id"), {"type": "str", "no_log": False}),
        (Field("passphrase_length", type="int"), {"type": "int", "no_log": False}),
        (
            Field("nest", type="dict", fields=(Field("a", required=True), Field("b"))),
            {"type": "dict", "options": {"a": {"type": "str", "required": True}, "b": {"type": "str"}}},
        ),
    ],
)
def test_fields_as_options(field: Field, expected: Document) -> None:
    """Nothing is required by the spec itself: an absent resource or one with an id needs its identity only."""
    assert option_of(field) == expected


# --- wishes ------------------------------------------------------------------------------------------------------


def wish_of(name: str, **args: Any) -> Any:
    task = ResourceTask(TYPES[name])
    return task.wish(validated(task, args)[0])


def test_a_wish_holds_what_is_given_and_nothing_else() -> None:
    wish = wish_of("subnet", compartment_id="c", display_name="a", security_list_ids=[], freeform_tags={"gone": None})
    assert wish.fields == {
        "compartment_id": "c",
        "display_name": "a",
        "security_list_ids": [],
        "freeform_tags": {"gone": None},
    }
    assert (wish.state, wish.id, wish.purge_tags, wish.allow_replace, wish.wait) == (
        "present",
        None,
        False,
        False,
        True,
    )
    assert (wish.wait_timeout, wish.wait_interval, wish.deletion_days) == (1200.0, 10.0, None)


@pytest.mark.parametrize(("name", "seconds"), [("oke_cluster", 3600), ("virtual_node_pool", 2400), ("vcn", 1200)])
def test_the_time_to_wait_is_the_types_own_unless_given(name: str, seconds: int) -> None:
    assert wish_of(name, id="x").wait_timeout == seconds
    assert wish_of(name, id="x", wait_timeout=5).wait_timeout == 5


def test_options_that_are_no_fields_go_beside_them() -> None:
    wish = wish_of("vault_key", id="x", management_endpoint="https://m", deletion_days=7, state="absent")
    assert wish.extra == {"management_endpoint": "https://m"}
    assert "management_endpoint" not in wish.fields
    assert (wish.state, wish.deletion_days) == ("absent", 7)


@pytest.mark.parametrize(("name", "days"), [("vault", 6), ("vault", 31), ("vault_secret", 0), ("vault_key", -1)])
def test_a_date_that_the_service_refuses_is_refused_before(name: str, days: int) -> None:
    with pytest.raises(ResourceError, match="deletion_days"):
        wish_of(name, id="x", deletion_days=days)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"freeform_tags": {"a": 1, "b": True, "c": None, "d": UNKNOWN}, "wait_timeout": 0, "retry_timeout": 0}, []),
        (
            {"freeform_tags": {"a": {"b": "c"}, "d": [1]}},
            ["freeform_tags.a: {'b': 'c'} is not text", "freeform_tags.d"],
        ),
        ({"defined_tags": {"ns": {"key": "value", "gone": None}, "n2": UNKNOWN}}, []),
        ({"defined_tags": {"ns": "value"}}, ["defined_tags.ns: 'value' is not a dictionary"]),
        ({"defined_tags": {"ns": {"key": {"a": "b"}}}}, ["defined_tags.ns.key"]),
        ({"security_attributes": {"ns": {"role": {"value": "web", "mode": "enforce"}}}}, []),
        ({"security_attributes": {"ns": {"role": "web"}}}, ["security_attributes.ns.role: 'web' is not a dictionary"]),
        ({"subnets": [{}, {"freeform_tags": {"a": ["b"]}}]}, ["subnets[1].freeform_tags.a"]),
        ({"wait_timeout": -1}, ["wait_timeout: -1 seconds are less than 0"]),
        ({"request_timeout": 0.0}, ["request_timeout: 0.0 seconds are less than 0.1"]),
        ({"metadata": {"wait_timeout": -1}}, []),
    ],
)
def test_options_that_the_sdk_or_the_service_would_choke_on_are_told(params: Document, told: list[str]) -> None:
    result = run_task(Sample({"changed": False}), params, Context())
    rows = result.get("msg", "").splitlines()
    assert len(rows) == len(told) and all(row.startswith(t) for row, t in zip(rows, told, strict=True)), rows


# --- results -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [ResourceError("the size is wrong"), CloudError("the size is wrong", status=400), PlanError("the size is wrong")],
)
def test_errors_for_people_are_told_as_they_are(error: Exception) -> None:
    assert run_task(Sample(error), {}, Context()) == {"failed": True, "changed": False, "msg": "the size is wrong"}


def test_a_fault_of_ours_says_so_and_where() -> None:
    result = run_task(Sample(KeyError("gone")), {}, Context())
    assert result["failed"] and "please report it" in result["msg"]
    assert "KeyError: 'gone'" in result["msg"] and "test_run.py" in result["msg"]


@pytest.mark.parametrize(
    "answer",
    [
        {"changed": True, "msg": "it is hunter22", "hunter22": [{"a": "hunter22!"}]},
        ResourceError("the service refused hunter22"),
        ValueError("hunter22"),
    ],
)
def test_no_secret_leaves_in_a_result_or_an_error(answer: Any) -> None:
    context = Context(secrets={"hunter22"})
    text = json.dumps(run_task(Sample(answer), {}, context))
    assert "hunter22" not in text and "********" in text


def test_results_are_plain_data() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    result = run_task(Sample({"changed": False, "it": Odd(), "rows": (1, 2)}), {}, Context())
    assert result == {"changed": False, "it": "odd", "rows": [1, 2]}


@pytest.mark.parametrize(
    ("kind", "verb"),
    [
        ("create", "created"),
        ("replace", "replaced"),
        ("delete", "removed"),
        ("update", "changed"),
        ("revive", "changed"),
    ],
)
def test_a_diff_is_ansibles(kind: str, verb: str) -> None:
    diff = diff_of("subnet pods", Plan(kind, before={"a": 1}, after={"a": 2}))
    assert diff == {
        "before_header": "subnet pods",
        "after_header": f"subnet pods ({verb})",
        "before": {} if kind == "create" else {"a": 1},
        "after": {"a": 2},
    }
