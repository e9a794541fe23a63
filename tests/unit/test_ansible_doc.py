# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``ansible-doc`` shows of the modules and plugins: complete, and readable."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_documentation import NAMES, ROOT, SECRET_OPTIONS, parts

PLUGINS = {"inventory": ["deployment"], "callback": ["summary", "survey"], "filter": ["subnet_cidrs"]}
END = re.compile(r"[.?!:](\)|\")?$")


@cache
def shown(kind: str) -> dict[str, Any]:
    """All that ansible-doc says about the collection's plugins of a kind, by their short names."""
    names = [*NAMES, "role_options"] if kind == "module" else PLUGINS[kind]
    command = [str(Path(sys.executable).with_name("ansible-doc")), "-t", kind, "--json"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "collections")
    done = subprocess.run(
        [*command, *(f"okestack.oci.{n}" for n in names)], cwd=ROOT, env=environment, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return {full.removeprefix("okestack.oci."): entry for full, entry in json.loads(done.stdout).items()}


def texts(value: str | list[str] | None) -> list[str]:
    """A description as its paragraphs."""
    return [value] if isinstance(value, str) else list(value or [])


def options_of(options: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each option with its path, those inside of others too."""
    for name, option in options.items():
        yield f"{path}{name}", option
        yield from options_of(option.get("suboptions") or {}, f"{path}{name}.")


def returned(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each value of a result with its path."""
    for name, value in values.items():
        yield f"{path}{name}", value
        yield from returned(value.get("contains") or {}, f"{path}{name}.")


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_are_sentences(name: str) -> None:
    entry = shown("module")[name]
    described = [("", entry["doc"]), *options_of(entry["doc"].get("options") or {}), *returned(entry["return"] or {})]
    wrong = [
        f"{path}: {text!r}"
        for path, thing in described
        for text in texts(thing.get("description")) or [""]
        if not END.search(text.strip()) or not re.match(r"[A-Z0-9`\"(VOCM]", text.strip())
    ]
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_introduced_in_one_line(name: str) -> None:
    document = shown("module")[name]["doc"]
    short = document["short_description"]
    assert len(short) <= 80 and not short.endswith(".") and short[0].isupper()
    assert document["version_added"] and document["author"]
    assert {"check_mode", "diff_mode", "idempotent", "async", "action_group"} <= set(document["attributes"])
    assert shown("module")[name]["examples"].strip()


@pytest.mark.parametrize("name", NAMES)
def test_every_result_is_shown_by_a_sample_or_by_what_it_contains(name: str) -> None:
    values = shown("module")[name]["return"]
    assert values, "a module that returns nothing says so"
    assert [path for path, value in values.items() if not value.get("contains") and "sample" not in value] == []
    assert [path for path, value in returned(values) if not value.get("type")] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_referred_to_is_there(name: str) -> None:
    document = shown("module")[name]["doc"]
    for other in document.get("seealso") or []:
        full = other.get("module") or other.get("plugin") or ""
        known = NAMES if other.get("module") else PLUGINS.get(other.get("plugin_type", ""), [])
        assert not full.startswith("okestack.oci.") or full.removeprefix("okestack.oci.") in known, full
        assert full != f"okestack.oci.{name}", "it refers to itself"
    text = json.dumps(document)
    assert [m for m in re.findall(r"M\(okestack\.oci\.(\w+)\)", text) if m not in NAMES] == []
    mentioned = {m.partition("=")[0].strip() for m in re.findall(r"(?<![A-Z])O\(([^)#]+)\)", text)}
    options = {path for path, _ in options_of(document.get("options") or {})}
    assert {m for m in mentioned if re.sub(r"\[\]", "", m) not in options} == set()


@pytest.mark.parametrize("name", [n for n in NAMES if f"{n}_info" in NAMES])
def test_what_keeps_and_what_looks_up_refer_to_each_other(name: str) -> None:
    for one, other in ((name, f"{name}_info"), (f"{name}_info", name)):
        document = shown("module")[one]["doc"]
        assert f"okestack.oci.{other}" in [row.get("module") for row in document.get("seealso") or []]


@pytest.mark.parametrize("name", NAMES)
def test_no_example_holds_a_secret(name: str) -> None:
    secret = {option for module, option in SECRET_OPTIONS if module == name}

    def literal(value: Any, path: str = "") -> Iterator[str]:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                yield from literal(inner, f"{path}.{key}" if path else str(key))
        elif isinstance(value, list):
            for inner in value:
                yield from literal(inner, path)
        elif isinstance(value, str) and "{{" not in value:
            last = path.rpartition(".")[2]
            if path in secret or re.fullmatch(r"(\w+_)?(password|passphrase|auth_token|private_key)", last):
                yield path

    for task in parts(name)["EXAMPLES"]:
        assert [path for call, args in task.items() if "." in call for path in literal(args)] == []


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in PLUGINS.items() for name in names])
def test_plugins_that_are_no_modules(kind: str, name: str) -> None:
    document = shown(kind)[name]["doc"]
    assert document["short_description"] and document["version_added"] and document["description"]
    own = [
        (p, o) for p, o in options_of(document.get("options") or {}) if p in ("compartment_id", "deployment", "types")
    ]
    for path, option in own:
        assert all(END.search(t.strip()) for t in texts(option["description"])), path
