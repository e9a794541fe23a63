# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for the container registry's types."""

from __future__ import annotations

from ..case import Case, Leaf

CASES = {
    "container_repository": Case(
        leaves={
            "is_public": Leaf(False, True),
            "is_immutable": Leaf(False, True),
            "readme.content": Leaf("# Images of the walk", "# Images of the Walk"),
            "readme.format": Leaf("TEXT_MARKDOWN", "TEXT_PLAIN"),
        },
    ),
}
