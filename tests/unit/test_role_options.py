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
    autoscaling,
    bandwidths,
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
    known = ["network_flow_logs", "network_flowlog", "network_wait"]
    given = ["network_flowlogs", "other_x", "network_wait"]
    assert list(unknown("network", given, known, ["network_flow_logs"], "it")) == [
        "network_flowlogs: it has no such variable; did you mean network_flow_logs?"
    ]


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_an_empty_answer_is_none(name: str) -> None:
    assert answered({name: "", "other": ""}, OPTIONS, json.loads) == {"other": ""}
    assert answered({name: " \n"}, OPTIONS, json.loads) == {}
    # What Ansible makes of an empty text that AWX marks as unsafe.
    assert answered({name: None, "other": None}, OPTIONS, json.loads) == {"other": None}


def test_a_plan_is_written_to_a_folder_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths are those of the folder that ansible-playbook was called in."""
    monkeypatch.setenv("PWD", str(tmp_path))
    (tmp_path / "file").touch()

    def of(path: str) -> list[str]:
        return list(wrong("site_plan_file", {"type": "path"}, path))

    assert of("plan.json") == of(str(tmp_path / "plan.json")) == of("./plan.json") == []
    for path in ("none/plan.json", f"{tmp_path}/none/plan.json", "file/plan.json"):
        assert of(path) == [
            f"site_plan_file: {path!r} is in a folder that does not exist, or that you may not write in"
        ]


def test_a_version_that_became_a_number_is_refused() -> None:
    name = "oke_virtual_pool_kubernetes_version"
    (problem,) = wrong(name, OPTIONS[name], 1.3)  # of 1.30
    assert "1.3 is a number" in problem and "v1.30" in problem


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
        (("MySQL.Free", False, 50, {}, None), 0),
        (("MySQL.Free", "false", "50", None, {"shape_name": "HeatWave.Free"}), 0),
        (("MySQL.Free", "yes", None, {}, {"state": "absent"}), 1),
        (("MySQL.Free", True, 80, {"is_enabled": False}, {"shape_name": "HeatWave.32GB"}), 4),
        (("MySQL.2", True, 80, {"is_enabled": True}, {"shape_name": "HeatWave.32GB"}), 0),
        (("MySQL.2", False, 80, {}, {"shape_name": "HeatWave.Free"}), 1),
        ((None, None, None, None, None), 0),
    ],
)
def test_what_a_free_database_cannot_be(values: tuple[Any, ...], count: int) -> None:
    assert len(list(free_database(*values))) == count


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (("flexible", 10, 8000), ""),
        (("Flexible", "10", "10"), ""),
        (("flexible", 9, 100), "min_mbps"),
        (("flexible", 8001, 9000), "min_mbps"),
        (("flexible", 100, 50), "max_mbps"),
        (("flexible", 10, 8001), "max_mbps"),
        (("100Mbps", 1, 0), ""),
        (("flexible", "many", 0), ""),
        ((None, None, None), ""),
    ],
)
def test_bandwidths_of_a_flexible_load_balancer(values: tuple[Any, ...], named: str) -> None:
    told = list(bandwidths(*values))
    assert [line.partition(":")[0] for line in told] == ([f"app_ingress_load_balancer_{named}"] if named else [])


@pytest.mark.parametrize(
    ("bounds", "replicas", "named"),
    [
        ({}, 3, []),
        (None, 3, []),
        ({"max": 6}, 3, []),
        ({"min": 3, "max": 3}, 9, []),
        ({"min": "2", "max": "6", "cpu_percent": "70", "down_after_seconds": 60}, 3, []),
        ({"min": 2}, 3, ["max"]),
        ({"max": 2}, 3, ["max"]),
        ({"min": 5, "max": 4}, 3, ["max"]),
        ({"min": 0, "max": 4}, 0, ["min"]),
        ({"max": 4, "cpu_percent": 0, "down_after_seconds": 3601}, 1, ["cpu_percent", "down_after_seconds"]),
        ({"min": "many", "max": "more"}, 3, []),
    ],
)
def test_bounds_of_an_autoscaler(bounds: Any, replicas: Any, named: list[str]) -> None:
    told = list(autoscaling("app_ingress_autoscaling")(bounds, replicas))
    assert [line.partition(":")[0] for line in told] == [f"app_ingress_autoscaling.{key}" for key in named]
