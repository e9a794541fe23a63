"""The links of what people read lead somewhere, and a broken one is found."""

from __future__ import annotations

import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK = runpy.run_path(str(ROOT / "docs" / "check_links.py"))


def test_every_link_leads_somewhere() -> None:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert list(CHECK["broken"]([ROOT / name for name in listed.split()])) == []


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("page.md", "[x](gone.md)", "no such file"),
        ("page.md", "[x](page.md#gone)", "no such place"),
        ("page.md", "[x](#gone)", "no such place"),
        ("page.md", "# A title, here\n[x](#a-title-here)", None),
        ("page.md", "[x](https://github.com/okestack/okestack.oci/blob/main/README.md)", None),
        ("page.md", "[x](https://github.com/okestack/okestack.oci/blob/main/GONE.md)", "no such file"),
        ("page.md", "`[x](gone.md)`\n```\n[x](gone.md)\n```", None),
        ("page.html", '<a href="page.html#here">x</a><p id="here">', None),
        ("page.html", '<a href="page.html#gone">x</a><p id="here">', "no such place"),
        ("page.html", '<img src="gone.png">', "no such file"),
        ("page.html", '<a href="https://example.com/x">x</a>', None),
    ],
)
def test_a_broken_link_is_found(tmp_path: Path, name: str, text: str, what: str | None) -> None:
    page = tmp_path / name
    page.write_text(text)
    elsewhere: set[str] = set()
    found = list(CHECK["broken"]([page], elsewhere))
    assert [what in one for one in found] == ([True] if what else [])
    assert elsewhere == ({"https://example.com/x"} if "example.com" in text else set())
