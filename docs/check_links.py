#!/usr/bin/env python
"""Check links of what people read: `python docs/check_links.py`, and with the site's folder those of its pages too.

Nothing is fetched. Files, pages and the places in them have to be there; links into this repository on GitHub have to
lead to a file of it. Other addresses are listed in external-links.txt of the site's folder, for who wants to ask them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
OURS = re.compile(r"https://github\.com/okestack/okestack\.oci/(?:blob|tree|edit)/main/([^#?]*)")


class Page(HTMLParser):
    """Where a page leads to, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif (name == "id" or (tag, name) == ("a", "name")) and value:
                self.places.add(value)


def of_markdown(text: str) -> tuple[list[str], set[str]]:
    """Links and headings' places of a page of Markdown, without what is in code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    places = {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text)), places


def read(path: Path) -> tuple[list[str], set[str]]:
    """Links and places of a page."""
    text = path.read_text()
    if path.suffix == ".md":
        return of_markdown(text)
    page = Page(text)
    return page.links, page.places


def broken(pages: list[Path], external: set[str] | None = None) -> Iterator[str]:
    """Each link that leads nowhere, with its page; addresses elsewhere are added to `external`."""
    known: dict[Path, tuple[list[str], set[str]]] = {}

    def of(path: Path) -> tuple[list[str], set[str]]:
        if path not in known:
            known[path] = read(path)
        return known[path]

    for page in pages:
        for link in of(page)[0]:
            ours = OURS.match(link)
            parts = urlsplit(link)
            if ours:
                if not (ROOT / unquote(ours[1])).exists():
                    yield f"{page}: {link}: there is no such file"
                continue
            if parts.scheme or parts.netloc:
                if external is not None and parts.scheme in ("http", "https"):
                    external.add(link)
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.exists():
                yield f"{page}: {link}: there is no such file"
                continue
            places = of(target)[1] | {"top"} if target.suffix in (".md", ".html") else None
            if parts.fragment and places is not None and unquote(parts.fragment) not in places:
                yield f"{page}: {link}: there is no such place"


def main() -> int:
    """Check, and tell."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pages = [ROOT / name for name in listed.split()]
    site = Path(sys.argv[1]).resolve() if sys.argv[1:] else None
    if site:
        pages += sorted(site.rglob("*.html"))
    external: set[str] = set()
    found = list(broken(pages, external))
    if site:
        (site.parent / "external-links.txt").write_text("".join(f"{link}\n" for link in sorted(external)))
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(pages)} pages, {len(found)} links that lead nowhere, {len(external)} addresses elsewhere (not asked)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
