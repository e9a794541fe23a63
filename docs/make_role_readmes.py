#!/usr/bin/env python
"""Write roles' READMEs, and what Galaxy shows of them, from their argument specs: `python docs/make_role_readmes.py`.

A README that is written by hand (its first line is not ours) stays. A test holds the others against what this prints.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
HEAD = "<!-- Made from meta/argument_specs.yml by docs/make_role_readmes.py. -->"


def plain(text: str | list[str]) -> str:
    """Ansible's markup as Markdown."""
    joined = " ".join([text] if isinstance(text, str) else text)
    return re.sub(r"\b[COVEM]\(([^)]*)\)", r"`\1`", joined).replace("|", "\\|").replace("\n", " ").strip()


def shown(value: Any) -> str:
    """A default on one line of a table."""
    if value is None:
        return ""
    text = value if isinstance(value, str) and value else yaml.safe_dump(value, default_flow_style=True, width=10000)
    text = text.removesuffix("\n...\n").strip()
    return "`" + text.replace("|", "\\|").replace("\n", " ") + "`"


def readme(role: Path) -> str:
    """The README of a role."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    main = specs["main"]
    lines = [HEAD, f"# {role.name}", "", f"{main['short_description']}.", ""]
    lines += [f"- {plain(line)}" for line in main.get("description", [])]
    entries = [(name, spec["short_description"]) for name, spec in specs.items() if name != "main"]
    if entries:
        lines += ["", "| entry point | |", "|---|---|"]
        lines += [f"| `{name}` | {plain(text)} |" for name, text in entries]
    lines += ["", "| variable | type | meaning | default |", "|---|---|---|---|"]
    for name, option in main["options"].items():
        kind = option.get("type", "str") + (f" of {option['elements']}" if "elements" in option else "")
        default = "**required**" if option.get("required") and name not in defaults else shown(defaults.get(name))
        lines.append(f"| `{name}` | {kind} | {plain(option['description'])} | {default} |")
        for key, part in (option.get("options") or {}).items():
            need = " (required)" if part.get("required") else ""
            lines.append(f"| &nbsp;&nbsp;`{key}` | {part.get('type', 'str')} | {plain(part['description'])}{need} | |")
    return "\n".join(lines) + "\n"


def galaxy(role: Path) -> str:
    """A role's meta/main.yml: Galaxy shows a description from there alone."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    collection = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    core = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"]
    info = {
        "author": collection["authors"][0],
        "description": specs["main"]["short_description"],
        "license": collection["license"][0],
        "min_ansible_version": ".".join(re.findall(r"\d+", core)[:2]),
    }
    said = yaml.safe_dump({"galaxy_info": info}, sort_keys=False, width=150)
    return f"---\n# {HEAD.strip('<!-> ')}\n{said}"


def main() -> None:
    """Write them all."""
    for specs in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        path = specs.parents[1] / "README.md"
        if not path.exists() or path.read_text().startswith(HEAD):
            path.write_text(readme(path.parent))
        specs.with_name("main.yml").write_text(galaxy(path.parent))


if __name__ == "__main__":
    main()
