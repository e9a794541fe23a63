"""Bad values of the variables of all roles, made from their argument specs: each is refused by its name before the play
writes anything.

Each case is a host of its own in one run of site.yml. A sample runs with the other tests; `make campaign` runs all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from localregion.testing import Region

from ..campaign import chosen
from ..integration.modules.playbook import ROOT, ansible
from ..integration.modules.test_role_options import Inventory

SITE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "playbooks/vars/inventory.yml").read_text())
OPTIONS: dict[str, dict[str, Any]] = {
    name: option
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml"))
    for name, option in yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"].items()
} | SITE

TYPES: dict[str, list[Any]] = {
    "str": [["a"], {"a": 1}, True, "<here>", "x" * 5000, "a\0b", "a\nb", "{{ nothing_of_this_name }}"],
    "path": [["a"], {"a": 1}, "/nowhere/at all", "<here>"],
    "int": ["many", [1], {"a": 1}, True, -1, "", 1.5, 2**70, ".inf", "nan"],
    "bool": ["maybe", [1], {"a": 1}, "", 7],
    "list": ["a", '["a"]', {"a": 1}, "", [["a"]], ["<here>"], [None]],
    "dict": ["a", '{"a": 1}', ["a"], "", {"a": {"b": ["<here>"]}}],
}
NAMES: tuple[tuple[str, list[Any]], ...] = (
    (r"\w+_cidrs?|\w+_cidr_blocks", ["nobody", "10.0.0.0/33", "203.0.113.5", "10.0.0.1/24", "10.0.0.0/-1"]),
    (r"\w+_availability_domain", ["Lcl1:LOCAL-1-AD-9", "AD-1", ""]),
    (r"\w+_ids?", ["nobody", "ocid1.instance.oc1..aaaa", "ocid1"]),
    (r"\w+_compartment_id", ["ocid1.compartment.oc1..aaaaforeign"]),
    (r"\w+_(deployment|namespace|class)", ["My Shop", "-shop", "x" * 300]),
    (r"\w+_(name|label|group|user|username|admin|account)", ["x" * 300]),
    (r"\w+_image", ["My Image", "x:" + "1" * 300]),
    (r"\w+_(url|endpoint)", ["nowhere", "http://[::1", "ftp://a.example", "http://u:word@a.example"]),
    (r"\w+_(lb|client)_\w+", [[]]),
    (r"\w+_port", ["x", "70000", 0]),
    (r"app_ingress_(?!helm)\w+_path", ["x y", "healthz"]),
    (r"\w+_file", ["/nowhere/at all"]),
)


MADE = ("external_secrets_helm_path", "app_ingress_helm_path", "adopt_directory", "site_plan_file")
"""Paths of what need not be there yet: the region may build helm meanwhile, a playbook makes its folder or file."""


@dataclass(frozen=True)
class Case:
    name: str
    value: Any
    told: str
    """What the refusal holds."""

    def __str__(self) -> str:
        return f"{self.name}: {self.value!r}"[:160]


def cases() -> Iterator[Case]:
    """Each bad value of each option, and each name misspelt."""
    for name, option in sorted(OPTIONS.items()):
        kind = option.get("type", "str")
        for value in TYPES[kind]:
            if value == "" and name in SITE and not option.get("required"):
                continue  # a playbook's default
            if name in MADE and value == "/nowhere/at all":
                continue
            if option.get("commas") and isinstance(value, str):
                continue  # text is a list
            yield Case(name, value, name)
        for pattern, values in NAMES:
            if re.fullmatch(pattern, name):
                for value in values:
                    whole = kind == "list" and not isinstance(value, list)
                    yield Case(name, [value] if whole else value, name)
        if not name.startswith(("okestack_", "site_")):  # with which people begin names of their own
            yield Case(name[:-2] + name[-1] + name[-2] if name[-1] != name[-2] else name + "x", "x", "no such variable")


@pytest.fixture
def inventory(region: Region, tmp_path: Path) -> Inventory:
    made = Inventory(region, "dev", tmp_path)
    made.fill()
    return made


def refusals(inventory: Inventory, played: list[Case]) -> tuple[dict[int, str], str]:
    """What is said of each case, by its number, and all that was printed."""
    rows: dict[str, Mapping[str, Any]] = {
        f"case{n}": {**inventory.given, case.name: case.value, "ansible_connection": "local"}
        for n, case in enumerate(played)
    }
    (inventory.folder / "hosts").write_text(json.dumps({"okestack": {"hosts": rows}}))
    done = ansible(
        "ansible-playbook",
        "-i",
        str(inventory.folder),
        "-f",
        "4",
        str(ROOT / "site.yml"),
        environment={"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
    )
    said: dict[int, str] = {}
    for number, text in re.findall(r"^fatal: \[case(\d+)\]: FAILED! => (.*)$", done.stdout, re.M):
        said.setdefault(int(number), str(json.loads(text).get("msg")))
    return said, done.stdout + done.stderr


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("no_faults_after")
def test_no_bad_value_is_found_after_a_write(region: Region, inventory: Inventory, whole: bool) -> None:
    played = chosen(list(cases()), whole, 80)
    # What passes the check shall not build a site each: its first write is refused.
    for verb in ("create", "update", "add", "change"):
        region.faults.add(f"*.{verb}_*", status=400, message="the check has passed", times=None)
    said, printed = refusals(inventory, played)
    faults = []
    for number, case in enumerate(played):
        told = said.get(number, printed[-500:])
        if "To be put right first" not in told or case.told not in told:
            faults.append(f"{case}: {told[:300]}")
    assert not faults, f"{len(faults)} of {len(played)}:\n" + "\n".join(faults)
    assert not region.writes()
