#!/usr/bin/env python
"""Write the documentation's pages of playbooks and variables from what these say: `python docs/make_pages.py`.

With a folder as argument, write what Sphinx needs beside them: the labels of Ansible's own documentation.
"""

from __future__ import annotations

import re
import sys
import zlib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "docsite" / "rst"
PREFIX = "ansible_collections.okestack.oci.docsite."
LABELS = {
    # Those that generated pages point at, and where they are below https://docs.ansible.com/projects/ansible/latest/.
    "common_return_values": "reference_appendices/common_return_values.html",
    "callback_plugins": "plugins/callback.html",
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
}


def head(name: str, title: str) -> list[str]:
    """Label and title of a page that is made."""
    made = ".. Made by docs/make_pages.py."
    return [made, "", f".. _{PREFIX}{name}:", "", title, "=" * len(title), ""]


def plain(text: str | list[str]) -> str:
    """Ansible's markup as reStructuredText."""
    joined = " ".join([text] if isinstance(text, str) else text)
    marked = re.sub(r"\b[COVEM]\(([^)]*)\)", r"``\1``", joined)
    return re.sub(r"(?<!`)\*(?!`)", r"\*", marked).replace("\n", " ").strip()


def shown(value: Any) -> str:
    """A default on one line."""
    text = value if isinstance(value, str) and value else yaml.safe_dump(value, default_flow_style=True, width=10000)
    return "``" + " ".join(text.removesuffix("\n...\n").split()) + "``"


def variables() -> str:
    """Every variable of every role, with type, meaning and default."""
    lines = head("variables", "Variables")
    lines += ["An inventory sets them in ``group_vars/all/``; what it leaves out has the default.", ""]
    for specs in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        role = specs.parents[1]
        options = yaml.safe_load(specs.read_text())["argument_specs"]["main"]["options"]
        defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
        lines += [role.name, "-" * len(role.name), ""]
        for name, option in options.items():
            kind = option.get("type", "str") + (f" of {option['elements']}" if "elements" in option else "")
            needed = option.get("required") and name not in defaults
            default = "required" if needed else f"default {shown(defaults[name])}" if name in defaults else "no default"
            lines += [f"``{name}`` ({kind})", f"    {plain(option['description'])}", "", f"    {default}", ""]
    return "\n".join(lines).rstrip() + "\n"


def playbooks() -> str:
    """Every playbook, as its first comment tells of it."""
    lines = head("playbooks", "Playbooks")
    lines += ["In a clone ``playbooks/NAME.yml``; of an installed collection ``okestack.oci.NAME``.", ""]
    for path in sorted(ROOT.glob("playbooks/*.yml")):
        told = re.match(r"---\n((?:#.*\n)+)", path.read_text())
        words = " ".join(row.lstrip("# ") for row in told[1].splitlines()) if told else ""
        words = re.sub(r"(?<![\w-])(-e (?:'[^']*'|[\w=,.]*\w)|--[a-z]+(?: [a-z_]+)?)", r"``\1``", words)
        words = re.sub(r"(?<!`)\b([a-z_]+\.yml)\b", r"``\1``", words)
        lines += [path.stem, "-" * len(path.stem), "", words, ""]
    return "\n".join(lines).rstrip() + "\n"


def inventory() -> bytes:
    """The labels as Sphinx reads those of another documentation."""
    rows = "".join(f"{label} std:label -1 {place} {label}\n" for label, place in LABELS.items())
    told = "# Sphinx inventory version 2\n# Project: ansible\n# Version: \n"
    told += "# The remainder of this file is compressed using zlib.\n"
    return told.encode() + zlib.compress(rows.encode())


PAGES_MADE = {"playbooks.rst": playbooks, "variables.rst": variables}


def main() -> None:
    """Write them all."""
    if sys.argv[1:]:
        (Path(sys.argv[1]) / "ansible.inv").write_bytes(inventory())
        return
    for name, make in PAGES_MADE.items():
        (PAGES / name).write_text(make())


if __name__ == "__main__":
    main()
