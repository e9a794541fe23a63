# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules say of themselves, held against what they take."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils import registry
from ansible_collections.okestack.oci.plugins.module_utils.info import InfoTask
from ansible_collections.okestack.oci.plugins.module_utils.model import ResourceType, placeholder
from ansible_collections.okestack.oci.plugins.module_utils.run import Task, full_spec, validated
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "plugins" / "modules"
FRAGMENTS = "ansible_collections.okestack.oci.plugins.doc_fragments"
ACTIONS = {p.stem for p in MODULES.parent.glob("action/*.py")}
"""Of these the module's file holds the documentation only."""
NAMES = sorted({p.stem for p in MODULES.glob("*.py")} - ACTIONS)
TYPES = all_types()

JUDGES = ("site_result", "site_rotation", "site_scale", "site_upgrade")
"""They change nothing either."""

SECRET_OPTIONS = {("vault_secret", "content")}
"""All options that hold a secret. A new one is a decision: each is a place from which one could leak."""


def released() -> set[str]:
    """Versions that were released, and the one in galaxy.yml."""
    log = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())
    return {*log["releases"], yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]}


def parts(name: str) -> dict[str, Any]:
    """DOCUMENTATION, EXAMPLES and RETURN of a module's file, parsed, without importing it."""
    tree = ast.parse((MODULES / f"{name}.py").read_text())
    return {
        node.targets[0].id: yaml.safe_load(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def documented_options(name: str) -> dict[str, Any]:
    """The options of a module, those of its fragments included; the module's own win, as in Ansible."""
    documentation = parts(name)["DOCUMENTATION"]
    options: dict[str, Any] = {}
    for fragment in documentation.get("extends_documentation_fragment", []):
        room, _, variant = fragment.removeprefix("okestack.oci.").partition(".")
        holder = importlib.import_module(f"{FRAGMENTS}.{room}").ModuleDocFragment
        options |= yaml.safe_load(getattr(holder, variant.upper() or "DOCUMENTATION")).get("options", {})
    return options | (documentation.get("options") or {})


def task_of(name: str) -> Task:
    task = registry.task(name)
    assert task is not None, f"the registry knows no task {name}"
    return task


def differences(path: str, documented: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[str]:
    """Where a documented set of options is not what the argument spec takes."""
    for name in sorted(documented.keys() | spec.keys()):
        where = f"{path}{name}"
        if name not in documented or name not in spec:
            yield f"{where}: {'undocumented' if name in spec else 'documented, but no option'}"
            continue
        told, taken = documented[name], spec[name]
        for key, default in (("type", "str"), ("elements", None), ("required", False), ("default", None)):
            if told.get(key, default) != taken.get(key, default):
                yield f"{where}.{key}: documented as {told.get(key)!r}, taken as {taken.get(key)!r}"
        if list(told.get("choices", [])) != list(taken.get("choices") or []):
            yield f"{where}.choices: documented {told.get('choices')}, taken {taken.get('choices')}"
        if sorted(told.get("aliases", [])) != sorted(taken.get("aliases") or []):
            yield f"{where}.aliases: documented {told.get('aliases')}, taken {taken.get('aliases')}"
        if not told.get("description"):
            yield f"{where}: has no description"
        yield from differences(f"{where}.", told.get("suboptions") or {}, taken.get("options") or {})


def test_every_task_has_a_module_and_the_other_way_round() -> None:
    assert set(NAMES) == set(registry.OTHERS) | set(TYPES) | {f"{name}_info" for name in TYPES}


@pytest.mark.parametrize("name", NAMES)
def test_options_are_documented_as_they_are_taken(name: str) -> None:
    assert list(differences("", documented_options(name), full_spec(task_of(name)))) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_module_names_itself_and_what_it_supports(name: str) -> None:
    documentation = parts(name)["DOCUMENTATION"]
    assert documentation["module"] == name
    assert documentation["version_added"] in released()
    fragments = documentation["extends_documentation_fragment"]
    reads = name.endswith(
        (
            "_info",
            "_wait",
            "_path",
            "_check",
            "_findings",
            "_preflight",
            "_drift",
            "_inventory",
            "_plan",
            "_report",
            "_leftovers",
            "_run",  # what it starts is gone when it ends
            *JUDGES,
        )
    )
    assert ("okestack.oci.attributes.info" if reads else "okestack.oci.attributes") in fragments


def secrets_in(spec: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, option in spec.items():
        if option.get("no_log"):
            yield f"{path}{name}"
        yield from secrets_in(option.get("options") or {}, f"{path}{name}.")


def test_exactly_the_options_that_hold_secrets_are_hidden() -> None:
    hidden = {(name, path) for name in NAMES for path in secrets_in(full_spec(task_of(name)))}
    assert hidden == SECRET_OPTIONS


@pytest.mark.parametrize("name", sorted(TYPES))
def test_times_that_are_the_types_own_are_told(name: str) -> None:
    text = " ".join(parts(name)["DOCUMENTATION"]["description"])
    told = re.search(r"O\(wait_timeout\) is (\d+) seconds", text)
    assert (int(told[1]) if told else Wish().wait_timeout) == TYPES[name].wait_timeout
    days = TYPES[name].deletion.days
    if days:
        described = " ".join(documented_options(name)["deletion_days"]["description"])
        assert f"from {days[0]} to {days[1]}" in described


# --- examples ----------------------------------------------------------------------------------------------------


def example_tasks() -> Iterator[Any]:
    for name in NAMES:
        for number, task in enumerate(parts(name)["EXAMPLES"]):
            yield pytest.param(name, task, id=f"{name}-{number}")


def unknown(value: Any) -> Any:
    """An example's values; what is templated is only known later."""
    if isinstance(value, Mapping):
        return {k: unknown(v) for k, v in value.items()}
    if isinstance(value, list):
        return [unknown(v) for v in value]
    return placeholder("example", "x", "y") if isinstance(value, str) and "{{" in value else value


def test_every_module_has_an_example_of_itself() -> None:
    shown = {(p.values[0], k) for p in example_tasks() for k in p.values[1]}
    assert [n for n in NAMES if (n, f"okestack.oci.{n}") not in shown] == []


@pytest.mark.parametrize(("name", "task"), list(example_tasks()))
def test_examples_are_taken_by_the_modules_they_call(name: str, task: Mapping[str, Any]) -> None:
    calls = {k: v for k, v in task.items() if "." in k}
    assert len(calls) == 1 and task["name"], "a task has a name and calls one module by its full name"
    (full, args), *_ = calls.items()
    if not full.startswith("okestack.oci."):
        return
    called = task_of(full.removeprefix("okestack.oci."))
    known = list(unknown_options("", args or {}, full_spec(called)))
    assert known == [], f"{full}: no such options"
    validated(called, unknown(args or {}))


@pytest.mark.parametrize("name", sorted(TYPES))
def test_an_example_gives_all_that_making_one_needs(name: str) -> None:
    needed = {f.name for f in TYPES[name].all_fields if f.required}
    given = [set(task.get(f"okestack.oci.{name}") or ()) for task in parts(name)["EXAMPLES"]]
    assert any(needed <= options for options in given), f"no example gives all of {sorted(needed)}"


def unknown_options(path: str, args: Any, spec: Mapping[str, Any]) -> Iterator[str]:
    for item in args if isinstance(args, list) else [args]:
        for name, value in item.items() if isinstance(item, Mapping) else ():
            if name not in spec:
                yield f"{path}{name}"
            elif spec[name].get("options"):
                yield from unknown_options(f"{path}{name}.", value, spec[name]["options"])


# --- results -----------------------------------------------------------------------------------------------------

RESULT_TYPES = {"str": "str", "datetime": "str", "int": "int", "bool": "bool", "float": "float", "object": "dict"}


def result_type(declared: str) -> str:
    if declared.startswith("list["):
        return "list"
    if declared.startswith("dict("):
        return "dict"
    return RESULT_TYPES.get(declared, "dict")


@pytest.mark.parametrize("name", sorted(TYPES))
def test_results_are_those_of_the_services_model(name: str) -> None:
    type_: ResourceType = TYPES[name]
    returned = parts(name)["RETURN"]
    assert set(returned) == {name, "changes", "diff", "duration"}
    model = getattr(importlib.import_module(f"oci.{type_.package}.models"), type_.read_model)()
    shown = {field: result_type(kind) for field, kind in model.swagger_types.items()}
    added = {f.name: f.type for f in type_.fields if f.name not in shown and not f.secret}  # by the type's complete()
    told = {field: entry["type"] for field, entry in returned[name]["contains"].items()}
    strange = {f: t for f, t in told.items() if (shown | added).get(f) != t}
    assert not strange, f"RETURN of {name}: the model lacks these, or has other types for them: {strange}"
    assert {*type_.address, type_.name_field} <= set(told)
    assert not {f.name for f in type_.all_fields if f.secret} & set(told)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_what_is_looked_up_is_of_the_services_model(name: str) -> None:
    type_ = TYPES[name]
    (key, returned), *more = parts(f"{name}_info")["RETURN"].items()
    assert key == InfoTask(type_).result and not more
    model = getattr(importlib.import_module(f"oci.{type_.package}.models"), type_.read_model)()
    shown = {field: result_type(kind) for field, kind in model.swagger_types.items()}
    added = {f.name: f.type for f in type_.fields if f.name not in shown and not f.secret}
    told = {field: entry["type"] for field, entry in returned["contains"].items()}
    strange = {f: t for f, t in told.items() if (shown | added).get(f) != t}
    assert not strange, f"RETURN of {name}_info: the model lacks these, or has other types for them: {strange}"


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_of_the_type_they_show(name: str) -> None:
    kinds = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict, "float": float}

    def wrong(path: str, entries: Mapping[str, Any]) -> Iterator[str]:
        for key, entry in entries.items():
            sample = entry.get("sample")
            if sample is not None and not isinstance(sample, kinds[entry["type"]]):
                yield f"{path}{key}: {sample!r} is not of type {entry['type']}"
            yield from wrong(f"{path}{key}.", entry.get("contains") or {})

    assert list(wrong("", parts(name)["RETURN"] or {})) == []
