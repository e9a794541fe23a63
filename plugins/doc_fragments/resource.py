# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that keeps one resource (``run.COMMON_OPTIONS``).

``resource.by_id`` is for what has an OCID of its own; other things are found in what they belong to.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  state:
    description:
      - V(present) creates the resource, or changes what differs from the options given. An option that is not given
        is not managed; an empty list or string that is given is.
      - V(absent) removes it.
    type: str
    choices: [present, absent]
    default: present
  allow_replace:
    description:
      - Whether a resource may be deleted and recreated for a change that the service cannot make in place, or because
        it is in a failed state.
      - With V(false) such a task fails and names the option.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until the resource can be used, or is gone.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds. The operation continues in the service when the time is up; another run resumes
        the wait.
      - The default is that of the type, 1200 where the module's description names no other.
    type: int
  wait_interval:
    description:
      - The longest pause between two reads of the resource, in seconds. The first read comes after 0.2 seconds, each
        further pause is twice as long.
    type: float
    default: 10.0
"""

    BY_ID = r"""
options:
  id:
    description:
      - OCID of the resource. It identifies the resource, and is required to rename one, to move it to another
        compartment, or where several have the same name.
      - Without it the resource is found by its compartment, its parent and its name among those that are not
        terminated.
    type: str
"""
