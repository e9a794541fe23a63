"""Who imports whom: no circles, and each room knows only those below it. Read from the sources, so that an import
under TYPE_CHECKING, in a function or by `import_module` is included."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLLECTION = "ansible_collections.okestack.oci."

ROOMS = {
    "localregion": (
        "ocids", "settings", "core", "host", "access", "virtual_node", "backends", "services", "region", "http",
        "operator_files", "shell", "testing", "daemon", "bundle", "cli", "__main__",
    ),
    "plugins.module_utils": (
        "errors", "redaction", "parallel", "model", "answers", "snapshot", "retries", "waiting", "plan", "tokens",
        "preload", "signers", "cloud", "work_requests", "types", "wish", "reader", "lifecycle", "writer", "forecast",
        "apply", "resource_set", "run", "role_options", "virtual_network", "info", "network_path", "network_path_task",
        "findings", "preflight", "rotation", "scaling", "recording", "drift", "site_plan", "adoption", "report",
        "report_task", "kube", "registry",
    ),
}  # fmt: skip
"""The rooms of each tree, the lowest first: a module imports from its own room and those before it."""

PRINTED = {
    "localregion": ("localregion/README.md", "## Rooms"),
    "plugins.module_utils": ("CONTRIBUTING.md", "### The engine's rooms"),
}
"""Where each table is printed for people."""

Imports = Mapping[str, set[str]]


def modules(root: Path, tree: str) -> dict[str, Path]:
    """The modules of a tree by their dotted names."""
    folder = root.joinpath(*tree.split("."))
    found = {}
    for path in folder.rglob("*.py"):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        found[name] = path
    return found


def imported(name: str, path: Path) -> Iterator[str]:
    """Every dotted name that a module's source imports, relative ones resolved."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *(node.module.split(".") if node.module else ())])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            # Of one that is put together, what precedes the first gap.
            text = node.args[0]
            parts = text.values if isinstance(text, ast.JoinedStr) else [text]
            if not isinstance(parts[0], ast.Constant):
                raise ValueError(f"{path.name}, line {node.lineno}: import_module's name has to begin with plain text")
            yield str(parts[0].value).rstrip(".")


def imports(root: Path, tree: str) -> Imports:
    """Of each module of a tree, the modules of the tree that it imports."""
    known = modules(root, tree)
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        found[name] = set()
        for target in imported(name, path):
            one = target.removeprefix(COLLECTION)
            while one and one not in known:
                one = one.rpartition(".")[0]
            if one and one != name:
                found[name].add(one)
    return found


def circles(graph: Imports) -> list[list[str]]:
    """The modules that can be reached from themselves, each with what lies on its way."""
    reached: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        waiting = list(graph[start])
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting += graph[one]
        reached[start] = seen
    there = {name: sorted(other for other in seen if name in reached[other]) for name, seen in reached.items()}
    return [list(group) for group in sorted({tuple(group) for group in there.values() if group})]


def upward(graph: Imports, tree: str, rooms: tuple[str, ...]) -> list[str]:
    """The imports that lead to a room above the importing module's own; a room that the table lacks is above all."""
    height = {room: number for number, room in enumerate(rooms)}

    def room(name: str) -> int:
        return height.get(name.removeprefix(f"{tree}.").partition(".")[0], len(rooms))

    return sorted(
        f"{name} imports {other}"
        for name, others in graph.items()
        for other in others
        if name != tree and other != tree and room(other) > room(name)
    )


@pytest.mark.lint
@pytest.mark.parametrize("tree", [*ROOMS, "plugins"])
def test_nothing_is_imported_in_a_circle(tree: str) -> None:
    assert circles(imports(ROOT, tree)) == []


@pytest.mark.lint
@pytest.mark.parametrize(("tree", "rooms"), ROOMS.items())
def test_a_room_knows_those_below_it(tree: str, rooms: tuple[str, ...]) -> None:
    graph = imports(ROOT, tree)
    there = {name.removeprefix(f"{tree}.").partition(".")[0] for name in graph if name != tree}
    assert there == set(rooms), "the table lists the rooms that are there"
    assert upward(graph, tree, rooms) == []


def printed(text: str, heading: str) -> list[str]:
    """The rooms in the first column of the table below a heading, without endings."""
    section = text[text.index(f"{heading}\n") + len(heading) :].partition("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return [
        name.removesuffix("/").removesuffix(".py")
        for row in rows
        for name in re.findall(r"`([^`]+)`", row.split("|")[1])
    ]


@pytest.mark.lint
@pytest.mark.parametrize(("tree", "rooms"), ROOMS.items())
def test_the_tables_are_printed_as_they_are_held(tree: str, rooms: tuple[str, ...]) -> None:
    file, heading = PRINTED[tree]
    found = printed((ROOT / file).read_text(), heading)
    if tree == "localregion":  # from the top down, and with a folder that is not Python
        found = found[::-1][1:]
    assert found == list(rooms), f"the table in {file} differs from ROOMS"


@pytest.mark.lint
def test_the_region_and_the_collection_do_not_know_each_other() -> None:
    for tree, other in (("localregion", COLLECTION), ("plugins", "localregion")):
        for name, path in modules(ROOT, tree).items():
            assert not [one for one in imported(name, path) if f"{one}.".startswith(f"{other.rstrip('.')}.")], name


PLANTED = {
    "house/__init__.py": "",
    "house/low.py": "def later():\n    from importlib import import_module\n    return import_module('house.high')\n",
    "house/high.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.low import later\n",
    "house/top.py": "from .high import TYPE_CHECKING\n",
}


def test_a_planted_circle_and_a_planted_upward_import_are_found(tmp_path: Path) -> None:
    for name, text in PLANTED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    graph = imports(tmp_path, "house")
    assert circles(graph) == [["house.high", "house.low"]]
    assert upward(graph, "house", ("low", "high", "top")) == ["house.low imports house.high"]
    assert upward(graph, "house", ("low", "top")) == ["house.low imports house.high", "house.top imports house.high"]


def test_an_import_that_nobody_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / "low.py").write_text(
        "import importlib\nfor room in ROOMS:\n    importlib.import_module(room)\n"
    )
    with pytest.raises(ValueError, match=r"low\.py, line 3: import_module's name has to begin with plain text"):
        imports(tmp_path, "house")
