# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions. Ansible's parent imports this package where it looks for a task's action, and does not load the door
itself; each task's worker would, with the SDK."""

from __future__ import annotations

from ansible.context import CLIARGS

if not CLIARGS.get("syntax"):  # no task will run
    from . import door  # noqa: F401
