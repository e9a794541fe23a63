# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that look up resources of a type (``info.InfoTask``)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  compartment_id:
    description:
      - OCID of the compartment to search. Compartments below it are not searched.
      - One of O(compartment_id) and O(id) is required.
    type: str
  id:
    description:
      - OCID of the resource to look up. If it does not exist, the result is empty.
    type: str
  freeform_tags:
    description:
      - Tags without a namespace, as key and text. Only resources that have all of them are listed.
    type: dict
  lifecycle_states:
    description:
      - States of the life cycle. Only resources in one of them are listed.
      - If not given, all are listed except those that are gone, which the service shows for a while.
    type: list
    elements: str
"""

    # For types whose list leaves out fields.
    DETAILS = r"""
options:
  details:
    description:
      - Whether each resource is read for all its fields, in parallel. With V(false) the result is what the list
        shows.
    type: bool
    default: true
"""
