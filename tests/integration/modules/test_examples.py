"""Every module's EXAMPLES, played as they stand: each task in check mode, then for good, then again.

`example_variables` makes what a user would have set or registered before. Modules of a cluster are played where
there is one:
``tests/integration/kube/test_examples.py``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import pytest
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types
from jinja2.defaults import DEFAULT_NAMESPACE

from localregion.testing import Region
from tests.unit.test_documentation import NAMES, parts

from .example_variables import ONE_OF, ExampleVariables
from .playbook import ansible

TYPES = all_types()
APART = re.compile(r"(okestack\.oci\.)?(kubernetes_\w+|url_\w+)$")
PLAYED = [n for n in NAMES if not APART.match(n)]
READING = re.compile(r"_(info|wait|path)$|^site_")
NO_VARIABLES = {*DEFAULT_NAMESPACE, "item", "lookup", "now", "omit", "playbook_dir", "query"}


def used(value: Any) -> Iterator[str]:
    """The variables in an example's templates."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from used(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from used(inner)
    elif isinstance(value, str) and ("{{" in value or "{%" in value):
        yield from (n.name for n in jinja2.Environment().parse(value).find_all(jinja2.nodes.Name))


def needed(name: str) -> set[str]:
    """The variables which a module's examples neither set nor register."""
    missing: set[str] = set()
    known = set(NO_VARIABLES)
    for task in tasks_of(name):
        conditions = {k: f"{{{{ {task[k]} }}}}" for k in ("when", "until") if isinstance(task.get(k), str)}
        missing |= set(used({**task, **conditions})) - known - set(task.get("vars") or ())
        known |= {task["register"]} if "register" in task else set()
    return missing


def module_of(task: Mapping[str, Any]) -> str:
    """The full name of the module that a task calls."""
    return next(k for k in task if "." in k)


def steps(task: dict[str, Any]) -> list[dict[str, Any]]:
    """A task and, where its module keeps something, the plan before and the same again.

    The plan foretells whether something changes; again nothing does, but what an action does each time.
    """
    full = module_of(task)
    name = full.removeprefix("okestack.oci.")
    if not full.startswith("okestack.oci.") or READING.search(name):
        return [task]
    state = (task[full] or {}).get("state", "present")
    action = TYPES[name].actions.get(state) if name in TYPES else None
    done = task.get("register", "done")
    foretold = f"({done} is changed) != (planned is changed)"
    same = f"(again is changed) != ({done} is changed)" if action and action.always else "again is changed"
    return [
        {**task, "name": f"{task['name']} (the plan)", "register": "planned", "check_mode": True},
        {**task, "register": done, "failed_when": foretold},
        {**task, "name": f"{task['name']} (again)", "register": "again", "failed_when": same},
    ]


def tasks_of(name: str) -> list[dict[str, Any]]:
    """The tasks of a module's play."""
    return [step for task in parts(name)["EXAMPLES"] if not APART.match(module_of(task)) for step in steps(task)]


class Played:
    """What came of a playbook with a play for each module."""

    def __init__(self, out: str) -> None:
        self.out = out
        recap = re.findall(r"^(\w+) +: ok=(\d+) +changed=(\d+) .*?failed=(\d+) .*?ignored=(\d+)", out, re.MULTILINE)
        self.hosts = {name: (int(ok), int(changed), sum(map(int, failed))) for name, ok, changed, *failed in recap}

    def of(self, name: str) -> str:
        """What one module's play said."""
        _, _, rest = self.out.partition(f"PLAY [{name}]")
        return rest.partition("\nPLAY ")[0][-6000:]


class Stage:
    """The grounds of all modules and the playbook on them."""

    def __init__(self, region: Region, folder: Path) -> None:
        self.region, self.folder = region, folder
        self.problems: dict[str, str] = {}
        hosts: dict[str, Any] = {}
        for name in PLAYED:
            ground = ExampleVariables(region, name, folder)
            try:
                looked_up = ONE_OF.get(READING.sub("", name)) if READING.search(name) else None
                if looked_up:
                    getattr(ground, looked_up)
                hosts[name] = {variable: getattr(ground, variable) for variable in sorted(needed(name))}
            except (AttributeError, AssertionError) as error:
                self.problems[name] = f"its examples' ground: {error}"
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))

    def play(self) -> Played:
        """Plays all examples."""
        options = {"config_file": str(self.region.config_file), "endpoints": {"default": self.region.endpoint}}
        plays = [
            {
                "name": name,
                "hosts": name,
                "connection": "local",
                "gather_facts": False,
                "ignore_errors": True,  # so that all that fails is reported
                "vars": {"ansible_python_interpreter": sys.executable},
                "module_defaults": {"group/okestack.oci.all": options},
                "tasks": tasks_of(name),
            }
            for name in PLAYED
            if name not in self.problems
        ]
        (self.folder / "play.yml").write_text(json.dumps(plays))
        arguments = ("-i", "hosts.json", "play.yml")
        done = ansible("ansible-playbook", *arguments, folder=self.folder, environment={"HOME": str(self.folder)})
        return Played(done.stdout + done.stderr)


@pytest.fixture(scope="module")
def stage(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(region, tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def played(stage: Stage) -> Played:
    return stage.play()


@pytest.mark.parametrize("name", PLAYED)
def test_examples_run(stage: Stage, played: Played, name: str) -> None:
    assert name not in stage.problems, stage.problems[name]
    ok, changed, failed = played.hosts.get(name, (0, 0, 1))
    assert failed == 0 and ok == len(tasks_of(name)), played.of(name) or played.out[-3000:]
    assert READING.search(name) or changed, "no example of it changes anything"
