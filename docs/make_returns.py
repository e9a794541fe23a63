#!/usr/bin/env python
"""Write what the RETURN blocks of the resource types' modules have in common: `python docs/make_returns.py`.

A module's own file holds the fields of its type that are worth showing; how the result is introduced, the fields that
every type has, and what a change returns are here. A test compares.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEEPS = re.compile(r"run_module\([A-Z_]+\)")
LOOKS_UP = re.compile(r"run_module\(InfoTask\([A-Z_]+\)\)")

MODEL = "contains all fields of the service's model under the SDK's names. The most important are listed here."

FIELDS = {
    "id": "OCID of the resource.",
    "compartment_id": "OCID of its compartment.",
    "display_name": "Its name.",
    "lifecycle_state": "Its life-cycle state.",
    "time_created": "When it was created.",
    "freeform_tags": "Its free-form tags.",
    "defined_tags": "Its defined tags.",
}
"""Fields that every type has, and their descriptions; a module's samples stay as they are."""

OWN = {
    ("compartment", "compartment_id"),
    ("compartment_info", "compartment_id"),
    ("log", "compartment_id"),
    ("log_info", "compartment_id"),
    ("oke_addon", "time_created"),
    ("mysql_heatwave_cluster", "time_created"),
    ("log", "lifecycle_state"),
    ("log_info", "lifecycle_state"),
}
"""(module, field) that the module describes in its own words."""

CHANGE = """\
duration:
  description: How long it took to create, change or remove the resource and to wait for it, in seconds.
  returned: when something changes
  type: float
  sample: 2.4
diff:
  description: Only what changes. Secrets, and values that are not known yet, are named but not shown.
  returned: when something changes
  type: dict
  contains:
    before:
      description: The fields that change, with their previous values. Empty if the resource is created.
      type: dict
    after:
      description: The same fields with their new values.
      type: dict
    before_header:
      description: The resource.
      type: str
    after_header:
      description: The resource and what happens to it.
      type: str
changes:
  description: What was done, or would be done in check mode.
  returned: when something changes
  type: list
  elements: dict
  contains:
    name:
      description: The resource.
      type: str
    change:
      description: What happened to it, V(created), V(changed), V(replaced) or V(removed).
      type: str
    calls:
      description: In check mode, the calls that would be made, in order.
      type: list
      elements: str
"""


def completed(module: str, source: str) -> str:
    """A module's source with the common parts of its RETURN block as they are here."""
    keeps = bool(KEEPS.search(source))
    if not keeps and not LOOKS_UP.search(source):
        return source
    head, mark, rest = source.partition('RETURN = r"""\n')
    block, end, code = rest.partition('"""\n')
    if keeps:
        block = block[: block.index("\nduration:\n") + 1] + CHANGE
    block = re.sub(r"(?m)^    - (It|Each) (?:holds|contains) all fields .*$", rf"    - \1 {MODEL}", block)
    for name, text in FIELDS.items():
        if (module, name) in OWN:
            continue
        block = re.sub(rf"(?m)^(    {name}:\n      description: )[^\n]*$", lambda m, t=text: m[1] + t, block, count=1)
    return head + mark + block + end + code


if __name__ == "__main__":
    for path in sorted((ROOT / "plugins" / "modules").glob("*.py")):
        path.write_text(completed(path.stem, path.read_text()))
