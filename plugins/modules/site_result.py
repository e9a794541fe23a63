#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: site_result
short_description: Print what a playbook did as a table
version_added: 0.1.0
description:
  - Prints a line for each thing that a playbook saw to, with what it was and what it is, and returns the same for C(set_stats).
options:
  rows:
    description:
      - What was seen to.
    type: list
    elements: dict
    required: true
    suboptions:
      what:
        description: The thing.
        type: str
        required: true
      before:
        description: What it was.
        type: str
      after:
        description: What it is.
        type: str
      note:
        description: What else is to say.
        type: str
extends_documentation_fragment:
  - okestack.oci.connection
  - okestack.oci.attributes.info
seealso:
  - module: okestack.oci.site_findings
author:
  - Okestack contributors (@okestack)
"""

EXAMPLES = r"""
- name: Say what came of it
  okestack.oci.site_result:
    rows:
      - {what: virtual nodes, before: 3, after: 4}
"""

RETURN = r"""
rows:
  description: The rows as they were given, every key in each.
  type: list
  elements: dict
  returned: success
  sample: [{what: virtual nodes, before: "3", after: "4", note: null}]
table:
  description: The lines that were printed.
  type: list
  elements: str
  returned: success
  sample: ["virtual nodes  3 -> 4"]
"""

from ansible_collections.okestack.oci.plugins.module_utils.findings import SiteResult
from ansible_collections.okestack.oci.plugins.module_utils.run import run_module


def main() -> None:
    run_module(SiteResult())


if __name__ == "__main__":
    main()
