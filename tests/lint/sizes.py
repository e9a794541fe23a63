"""How long classes and functions are. As a program (`make lint` runs it) it prints the long ones."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("plugins", "localregion", "examples/crud/crud")
CLASS_LINES = 400
FUNCTION_LINES = 60
SLACK = 50
"""An allowance further above the size than this has to come down."""

_REASON = re.compile(r"#\s*Long: \S")

# What is longer today, and the lines it may have. Numbers may only be lowered, and entries removed.
ALLOWED = {
    "examples/crud/crud/app.py: create_app": 85,
}


@dataclass(frozen=True)
class Long:
    """A class or function above the limit."""

    name: str
    """`file: qualified name`."""
    lines: int
    limit: int
    reason: bool
    """Whether a comment `# Long: why` is on its line or on the one above."""


def long_ones(path: Path, shown: str) -> Iterator[Long]:
    """The classes and functions of a file that are above the limit, without their decorators."""
    text = path.read_text()
    rows = text.splitlines()

    def visit(node: ast.AST, within: str) -> Iterator[Long]:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from visit(child, within)
                continue
            limit = CLASS_LINES if isinstance(child, ast.ClassDef) else FUNCTION_LINES
            lines = (child.end_lineno or child.lineno) - child.lineno + 1
            if lines > limit:
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                near = rows[max(first - 2, 0) : child.lineno]
                yield Long(f"{shown}: {within}{child.name}", lines, limit, any(map(_REASON.search, near)))
            yield from visit(child, f"{within}{child.name}.")

    yield from visit(ast.parse(text, shown), "")


def everywhere(root: Path = ROOT) -> list[Long]:
    """All that is too long in the sources."""
    return [
        long
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*.py"))
        for long in long_ones(path, path.relative_to(root).as_posix())
    ]


def faults(found: list[Long], allowed: Mapping[str, int]) -> list[str]:
    """What is too long without a reason or an allowance, and which allowances are too generous; a line each."""
    sizes = {long.name: long for long in found if not long.reason}
    wrong = []
    for name, long in sizes.items():
        if name not in allowed:
            wrong.append(f"{name}: {long.lines} lines, {long.limit} at most; or say why above it: # Long: ...")
        elif long.lines > allowed[name]:
            wrong.append(f"{name}: {long.lines} lines, and it may only shrink: {allowed[name]} at most")
        elif allowed[name] - long.lines >= SLACK:
            wrong.append(f"{name}: {long.lines} lines, so lower its allowance from {allowed[name]}")
    return wrong + [f"{name}: needs no allowance any more" for name in allowed if name not in sizes]


if __name__ == "__main__":
    ordered = sorted(everywhere(), key=lambda long: -long.lines)
    for title, limit in (("Classes", CLASS_LINES), ("Functions", FUNCTION_LINES)):
        print(f"{title} above {limit} lines:")
        for long in ordered:
            if long.limit == limit:
                print(f"  {long.lines:5}  {long.name}{'  (says why)' if long.reason else ''}")
