# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that look up resources of a type (``info.InfoTask``)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  compartment_id:
    description:
      - OCID of the compartment that is looked in. Not those below it.
      - One of O(compartment_id) and O(id) is required.
    type: str
  id:
    description:
      - OCID of the one to look up. Where there is none with it the result is empty.
    type: str
  freeform_tags:
    description:
      - Tags without a namespace, as key and text. Only what carries all of them is listed.
    type: dict
  lifecycle_states:
    description:
      - States of the life cycle. Only what is in one of them is listed.
      - If not given, all are listed but those that are gone, which the service goes on to show for a while.
    type: list
    elements: str
"""

    # Where the list of a type shows less than each resource by itself.
    DETAILS = r"""
options:
  details:
    description:
      - Whether each is read by itself, side by side, for all its fields. With V(false) the result is what the list shows.
    type: bool
    default: true
"""
