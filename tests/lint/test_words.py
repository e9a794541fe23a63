"""Words that English has, but not with the meaning in which this project's texts used them."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lint.conftest import ROOT

pytestmark = pytest.mark.lint

PLAINER = {
    r"\banew\b": "again, or: replaced, renewed",
    r"\b(?:is|are|was|were) told\b(?! apart)|\btold (?:of|at once|elsewhere)\b": "reported, shown, said",
    r"(?<![Tt]here )(?<!what )\b(?:is|are|was|were) no (?!longer\b|more\b)": "is not a ...",
    r"(?<![Tt]here )\b(?:is|are|was|were) none\b": "is not one; must be one of ...",
    r"\bwhat stands\b(?! in the way)": "what is there",
}
"""What is not to be written, a pattern, and what to write in its place."""
TEXTS = (".cfg", ".j2", ".md", ".rst", ".toml", ".yaml", ".yml")
STRINGS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that people read: all of a text; of a program, comments and strings."""
    text = path.read_text()
    if path.suffix in TEXTS:
        yield from enumerate(text.splitlines(), 1)
    elif path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in STRINGS:
                yield from enumerate(token.string.splitlines(), token.start[0])


def findings(path: Path) -> Iterator[str]:
    """Each line with such words, and what to write."""
    for number, line in prose(path):
        for pattern, plainer in PLAINER.items():
            if found := re.search(pattern, line):
                yield f"{path}:{number}: {found[0]!r} (write: {plainer}): {line.strip()}"


def test_texts_are_in_plain_words(sources: list[Path]) -> None:
    own = Path(__file__).relative_to(ROOT)
    found = [text for name in sources if name != own and not name.is_symlink() for text in findings(name)]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("id: 'x' is no OCID", 1),
        ("All of it is told at once.", 1),
        ("what is none of them", 1),
        ("made anew", 1),
        ("there is no such VCN, and there are none beside it", 0),
        ("it is no longer there", 0),
        ("how they are told apart, and what is None", 0),
    ],
)
def test_which_words_are_found(tmp_path: Path, text: str, count: int) -> None:
    path = tmp_path / "text.md"
    path.write_text(text)
    assert len(list(findings(path))) == count
