#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: role_options
short_description: Check the variables of roles before anything is written
description:
  - Checks types, formats (CIDR blocks, OCIDs, names, versions, images), files and programs, finds placeholders in angle brackets and
    variables that look like a role's but are not, and reports all of it at once.
  - What needs a fact that an earlier role sets is checked when that is there.
version_added: 0.1.0
author:
  - Okestack contributors (@okestack)
options:
  roles:
    description: Names of roles of this collection; the role that the task is in unless given.
    type: list
    elements: str
  entry_point:
    description: The entry point of the role whose options are checked.
    type: str
    default: main
  site:
    description:
      - Whether what playbooks of this collection take from an inventory besides is checked too, and with O(roles) what only the
        region knows.
    type: bool
    default: false
extends_documentation_fragment:
  - okestack.oci.attributes
"""

EXAMPLES = r"""
- name: Check the variables of two roles
  okestack.oci.role_options:
    roles: [network, mysql]
"""

RETURN = r"""# """
