# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module whose resource carries tags (``model.TAGS``)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  freeform_tags:
    description:
      - Tags without a namespace, as key and text. Changed in place.
      - Keys that are not given keep their values, unless O(purge_tags=true). A value of V(null) removes its key.
    type: dict
  defined_tags:
    description:
      - Tags of tag namespaces, as namespace, key and value. Changed in place.
      - Keys that are not given keep their values, unless O(purge_tags=true). The namespace V(Oracle-Tags) is the
        service's own and always stays.
    type: dict
  purge_tags:
    description:
      - Whether tags that are on the resource but not given are removed.
      - Applies to O(freeform_tags) and O(defined_tags) separately, and only if that option is given.
    type: bool
    default: false
"""
