# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules support."""

from __future__ import annotations


class ModuleDocFragment:
    # Modules that keep something.
    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode and report what would change, without a write.
    support: full
    details:
      - It also plans resources that do not exist yet. Values that only the service can give are shown as C((known
        after apply)).
  diff_mode:
    description: Returns what changes, as before and after, in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: full
  action_group:
    description: Options can be set for all modules of the group in C(module_defaults).
    support: full
    membership:
      - okestack.oci.all
notes:
  - Where the connection is V(local) the module runs in Ansible's own process, which saves starting an interpreter and
    lets it print a line at each change of state and every 30 seconds. With C(async) or another connection it runs as
    a process of its own.
  - Options can be set once for all modules with C(module_defaults) and the group C(okestack.oci.all); those of a
    single module take precedence.
"""

    # Modules that only read.
    INFO = r"""
attributes:
  check_mode:
    description: Can run in check mode.
    support: full
    details:
      - The module only reads.
  diff_mode:
    description: Returns what changes, as before and after, in diff mode.
    support: N/A
    details:
      - The module only reads.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: full
  action_group:
    description: Options can be set for all modules of the group in C(module_defaults).
    support: full
    membership:
      - okestack.oci.all
notes:
  - Where the connection is V(local) the module runs in Ansible's own process, which saves starting an interpreter and
    lets it print a line at each change of state and every 30 seconds. With C(async) or another connection it runs as
    a process of its own.
  - Options can be set once for all modules with C(module_defaults) and the group C(okestack.oci.all); those of a
    single module take precedence.
"""
