# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for identity's types."""

from __future__ import annotations

from ..case import Case, Leaf

_READ = "Allow group Administrators to read vaults in compartment okestack"
_USE = "Allow group Administrators to use keys in compartment okestack where target.key.name = 'walk'"

CASES = {
    "compartment": Case(leaves={"description": Leaf("what the walk works in", "what the Walk works in")}),
    "policy": Case(
        leaves={
            "description": Leaf("what the walk may do", "what the Walk may do"),
            "statements": Leaf(
                [_READ, _USE],
                [_READ, _USE.replace("'walk'", "'Walk'")],
                drift=[_READ],
                spellings=([_USE, _READ], [f"  {_READ} ", _USE.replace(" to ", "\n  to\t")]),
            ),
        },
    ),
}
