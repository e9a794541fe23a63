"""Who imports whom, read from the sources: nothing is run, so an import inside a function or under `TYPE_CHECKING`
counts like any other, and so does a module that `import_module` takes by its name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

Graph = dict[str, set[str]]
"""Each module, by its full name, and the modules of the same sources that it imports."""
Arrow = tuple[str, str]
"""Who imports, and what."""


@dataclass(frozen=True)
class Room:
    """Some modules that do one thing, and the rooms that they may import from."""

    name: str
    modules: tuple[str, ...]
    """Modules by name; `kube.*` is everything in a package. The longest match counts."""
    imports: tuple[str, ...] = ()


def modules_in(folder: Path, package: str) -> dict[str, Path]:
    """The modules of a folder by their full names, without `__init__.py` that hold no code."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        if path.name == "__init__.py" and not any(
            not isinstance(n, ast.Expr) for n in ast.parse(path.read_text()).body
        ):
            continue
        parts = list(path.relative_to(folder).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join((package, *parts))] = path
    return found


def graph_of(modules: Mapping[str, Path]) -> Graph:
    """Read every module; what is imported from elsewhere is left out."""
    return {name: _imports(name, path, modules) - {name} for name, path in modules.items()}


def _imports(name: str, path: Path, modules: Mapping[str, Path]) -> set[str]:
    tree = ast.parse(path.read_text(), str(path))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {_module(alias.name, modules) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join((*above, *filter(None, [node.module])))
            found |= {_module(f"{base}.{alias.name}", modules) for alias in node.names}
    return (found | _by_name(tree, name, package, modules)) - {""}


def _module(name: str, modules: Mapping[str, Path]) -> str:
    """The module that a dotted name is, or is found in; empty for a stranger's."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def _by_name(tree: ast.Module, name: str, package: str, modules: Mapping[str, Path]) -> set[str]:
    """What a module that calls `import_module` may import with it: each string of its own that is a module's name, and
    for a name that is put together (`f"{PACKAGE}.{name}"`) each of its strings that names a module there, or all that
    are there if none does."""
    if not any(
        isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__") for node in ast.walk(tree)
    ):
        return set()
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    known = {"__name__": name, "__package__": package} | {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = {string for string in strings if string in modules}
    for string in strings:
        dots = len(string) - len(string.lstrip("."))
        above = package.split(".")[: len(package.split(".")) - dots + 1]
        found |= {".".join((*above, string[dots:]))} & set(modules) if dots else set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        prefix, whole = _beginning(node, known)
        if whole:
            found |= {prefix} & set(modules)
            continue
        there = {other for other in modules if prefix.endswith(".") and other.startswith(prefix)}
        found |= {f"{prefix}{string}" for string in strings} & there or there
    return found


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _beginning(node: ast.JoinedStr, known: Mapping[str, str]) -> tuple[str, bool]:
    """The part of an f-string that is known, and whether that is all of it."""
    text = ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
        elif isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) and part.value.id in known:
            text += known[part.value.id]
        else:
            return text, False
    return text, True


def circles(graph: Graph, without: Iterable[Arrow] = ()) -> list[list[str]]:
    """The groups of modules of which each is reached from each other (Tarjan's algorithm), in alphabetical order."""
    left_out = set(without)
    seen: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        seen[module] = low[module] = len(seen)
        stack.append(module)
        for imported in sorted(graph[module]):
            if (module, imported) in left_out:
                continue
            if imported not in seen:
                visit(imported)
                low[module] = min(low[module], low[imported])
            elif imported in stack:
                low[module] = min(low[module], seen[imported])
        if low[module] == seen[module]:
            at = stack.index(module)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for module in sorted(graph):
        if module not in seen:
            visit(module)
    return sorted(found)


def room_of(module: str, rooms: Iterable[Room]) -> Room | None:
    """The room that a module belongs to."""
    fitting = [(len(entry), room) for room in rooms for entry in room.modules if _belongs(module, entry)]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _belongs(module: str, entry: str) -> bool:
    package = entry.removesuffix(".*")
    return module == package or (entry != package and module.startswith(f"{package}."))


def upward(graph: Graph, rooms: Iterable[Room]) -> set[Arrow]:
    """The imports that the rooms' directions do not allow."""
    rooms = tuple(rooms)
    found = set()
    for module, imported in graph.items():
        here = room_of(module, rooms)
        for other in imported:
            there = room_of(other, rooms)
            if here and there and here is not there and there.name not in here.imports:
                found.add((module, other))
    return found


def faults(graph: Graph, rooms: Iterable[Room], known: Iterable[Arrow]) -> list[str]:
    """What is wrong with these imports beside the known deviations, and which of those no longer are; a line each."""
    rooms, known = tuple(rooms), set(known)
    against = upward(graph, rooms)
    on_circle = {(a, b) for circle in circles(graph) for a in circle for b in graph[a] & set(circle)}
    found = [f"{module}: is in no room" for module in sorted(graph) if room_of(module, rooms) is None]
    found += [f"{room.name}: no module is called {entry}" for room in rooms for entry in room.modules
              if not any(_belongs(module, entry) for module in graph)]  # fmt: skip
    for module, other in sorted(against - known):
        here, there = room_of(module, rooms), room_of(other, rooms)
        assert here and there
        found.append(f"{module} imports {other}: room {here.name} may not import from {there.name}")
    found += [f"a circle of imports: {', '.join(circle)}" for circle in circles(graph, known)]
    found += [f"no deviation any more, take it off the list: {module} -> {other}"
              for module, other in sorted(known - against - on_circle)]  # fmt: skip
    return found


def table(rooms: Iterable[Room], package: str) -> str:
    """The rooms as a table of Markdown."""
    rows = ["| room | modules | imports from |", "|---|---|---|"]
    for room in rooms:
        names = ", ".join(f"`{name.removeprefix(package) or name}`" for name in room.modules)
        rows.append(f"| {room.name} | {names} | {', '.join(room.imports) or 'none'} |")
    return "\n".join(rows)
