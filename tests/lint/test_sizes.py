"""No class above 400 lines and no function above 60, unless a comment says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.sizes import ALLOWED, CLASS_LINES, FUNCTION_LINES, Long, everywhere, faults, long_ones

pytestmark = pytest.mark.lint


def test_sizes() -> None:
    assert faults(everywhere(), ALLOWED) == []


def function(name: str, lines: int) -> str:
    return "\n".join([f"def {name}():", *["    pass"] * (lines - 1)]) + "\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (function("f", FUNCTION_LINES), []),
        (function("f", FUNCTION_LINES + 1), [Long("f.py: f", 61, 60, False)]),
        ("# Long: a table\n" + function("f", 61), [Long("f.py: f", 61, 60, True)]),
        ("# A long function\n" + function("f", 61), [Long("f.py: f", 61, 60, False)]),
        ("# Long: a table\n@cache\n" + function("f", 61), [Long("f.py: f", 61, 60, True)]),
        ("class C:\n" + "    x = 1\n" * (CLASS_LINES - 1), []),
        ("class C:\n" + "    x = 1\n" * CLASS_LINES, [Long("f.py: C", 401, 400, False)]),
        ("class C:\n    async def m(self):\n" + "        x = 1\n" * 70, [Long("f.py: C.m", 71, 60, False)]),
        ("if x:\n    def m():\n" + "        x = 1\n" * 70, [Long("f.py: m", 71, 60, False)]),
    ],
)
def test_what_is_long(tmp_path: Path, text: str, found: list[Long]) -> None:
    (tmp_path / "f.py").write_text(text)
    assert list(long_ones(tmp_path / "f.py", "f.py")) == found


def test_an_allowance_may_only_shrink() -> None:
    long = Long("f.py: f", 100, 60, False)
    assert faults([long], {}) == ["f.py: f: 100 lines, 60 at most; or say why above it: # Long: ..."]
    assert faults([long], {"f.py: f": 99}) == ["f.py: f: 100 lines, and it may only shrink: 99 at most"]
    assert faults([long], {"f.py: f": 100}) == faults([long], {"f.py: f": 149}) == []
    assert faults([long], {"f.py: f": 150}) == ["f.py: f: 100 lines, so lower its allowance from 150"]
    assert faults([], {"f.py: f": 100}) == ["f.py: f: needs no allowance any more"]
    assert faults([Long("f.py: f", 100, 60, True)], {"f.py: f": 100}) == ["f.py: f: needs no allowance any more"]
