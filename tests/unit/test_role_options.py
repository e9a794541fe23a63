"""Bad values of every option of every role: each is refused by a sentence that begins with the variable's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.model import placeholder
from ansible_collections.okestack.oci.plugins.module_utils.role_options import (
    answered,
    deployment,
    free_database,
    misspelt,
    unknown,
    wrong,
)

ROOT = Path(__file__).parents[2]
OPTIONS: dict[str, dict[str, Any]] = {
    name: option
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml"))
    for name, option in yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"].items()
}
BAD: dict[str, list[Any]] = {
    "str": [["a"], {"a": 1}, True, "<AD 1>"],
    "path": [["a"], {"a": 1}],
    "int": ["many", [1], {"a": 1}, True, -1, "", 1.5],
    "bool": ["maybe", [1], {"a": 1}, "", 7],
    "list": ["a", '["a"]', {"a": 1}, "", ["<your address>/32"]],
    "dict": ["a", '{"a": 1}', ["a"], "", {"a": {"b": ["<user>"]}}],
}


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_a_bad_value_is_refused_with_its_name(name: str) -> None:
    option = OPTIONS[name]
    for value in BAD[option.get("type", "str")]:
        found = list(wrong(name, option, value))
        assert found and all(text.startswith(name) for text in found), (value, found)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_what_is_known_only_after_a_run_passes(name: str) -> None:
    if OPTIONS[name].get("type", "str") not in ("list", "dict"):
        assert list(wrong(name, OPTIONS[name], placeholder("vcn", "shop", "id"))) == []


@pytest.mark.parametrize("name", ["PROD", "Shop-Prod", "shop", "a1"])
def test_names_of_deployments(name: str) -> None:
    assert deployment(name) is None


@pytest.mark.parametrize("name", ["My Shop", "1shop", "büro", "a" * 41, "shop-", "-shop", "shop_1"])
def test_no_names_of_deployments(name: str) -> None:
    assert deployment(name)


@pytest.mark.parametrize("user", ["axabc1/Engineering/deploy@example.com", "axabc1/Our Domain/robot", "axabc1/robot"])
def test_a_registry_s_user_may_be_of_an_identity_domain(user: str) -> None:
    name = "app_ingress_registry_username"
    assert list(wrong(name, OPTIONS[name], user)) == []


def test_a_misspelt_variable_is_told_with_the_nearest() -> None:
    assert list(unknown("network", ["network_flowlogs", "other_x"], ["network_flow_logs", "network_wait"])) == [
        "network_flowlogs: the role network has no such variable; did you mean network_flow_logs?"
    ]


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_an_empty_answer_is_none(name: str) -> None:
    assert answered({name: "", "other": ""}, OPTIONS, json.loads) == {"other": ""}
    assert answered({name: " \n"}, OPTIONS, json.loads) == {}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("dict", '{"a": [1]}', {"a": [1]}),
        ("dict", ' {"a": 1}\n', {"a": 1}),
        ("list", '["a"]', ["a"]),
        ("list", "[]", []),
        ("str", "[]", "[]"),
        ("dict", "{{ given }}", "{{ given }}"),
        ("list", "a", "a"),
        ("int", "3", "3"),
        ("bool", False, False),
        ("dict", None, None),
    ],
)
def test_json_text_is_what_it_describes(kind: str, text: Any, value: Any) -> None:
    assert answered({"x": text}, {"x": {"type": kind}}, json.loads) == {"x": value}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("okestack_comparment_id", "okestack_compartment_id"),
        ("okestack_regoin", "okestack_region"),
        ("okestack_state", None),
        ("okestack_cache", None),
        ("other_region", None),
        ("okestack_region", None),
    ],
)
def test_a_variable_of_the_site_that_is_nearly_spelt_right(name: str, near: str | None) -> None:
    known = ["okestack_compartment_id", "okestack_region", "okestack_ca_file", "okestack_availability_domain"]
    told = [f"{name}: the site has no such variable; did you mean {near}?"] if near else []
    assert list(misspelt([name], known)) == told


@pytest.mark.parametrize(
    ("values", "count"),
    [
        (("MySQL.Free", False, 50), 0),
        (("MySQL.Free", "false", "50"), 0),
        (("MySQL.Free", "yes", None), 1),
        (("MySQL.Free", True, 80), 2),
        (("MySQL.2", True, 80), 0),
        ((None, None, None), 0),
    ],
)
def test_what_a_free_database_cannot_be(values: tuple[Any, ...], count: int) -> None:
    assert len(list(free_database(*values))) == count
