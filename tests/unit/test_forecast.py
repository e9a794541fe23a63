# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource that check mode shows: what is declared, what is there, and placeholders for the rest."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.forecast import shape, would_be
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, is_unknown
from ansible_collections.okestack.oci.plugins.module_utils.plan import Plan
from ansible_collections.okestack.oci.plugins.module_utils.types.network import SUBNET, VCN
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import VAULT_SECRET
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish

THERE: Document = {"id": "i", "display_name": "a", "cidr_block": "10.0.0.0/24", "lifecycle_state": "AVAILABLE"}


def test_of_what_is_not_there_each_value_is_a_placeholder_as_deep_as_the_model() -> None:
    made = shape(VCN, Wish(fields={"display_name": "main"}))
    assert made["lifecycle_state"] == "AVAILABLE"
    assert is_unknown(made["id"]) and "main" in made["id"]
    assert isinstance(made["cidr_blocks"], list) and all(map(is_unknown, made["cidr_blocks"]))
    assert made["freeform_tags"] == {}


@pytest.mark.parametrize(
    ("plan", "observed", "expected"),
    [
        (Plan("create", create={"display_name": "a", "cidr_block": "10.0.1.0/24"}), None,
         {"display_name": "a", "cidr_block": "10.0.1.0/24"}),
        (Plan("replace", create={"display_name": "a", "cidr_block": "10.0.1.0/24"}), THERE,
         {"cidr_block": "10.0.1.0/24"}),
        (Plan("update", after={"display_name": "b"}), THERE,
         {"id": "i", "display_name": "b", "cidr_block": "10.0.0.0/24"}),
        (Plan("none"), THERE, THERE),
        (Plan("none"), None, {"display_name": "b"}),
    ],
    ids=["created", "replaced", "changed", "as it is", "its owner is only planned"],
)  # fmt: skip
def test_what_there_would_be(plan: Plan, observed: Document | None, expected: Document) -> None:
    found = would_be(SUBNET, Wish(fields={"display_name": "b", "cidr_block": "10.0.1.0/24"}), plan, observed)
    assert {name: found[name] for name in expected} == expected
    assert is_unknown(found["id"]) is (observed is None or plan.kind == "replace"), "a new resource has a new id"


def test_secrets_are_not_in_it() -> None:
    fields: dict[str, Any] = {"secret_name": "s", "content": "very secret"}
    for plan in (Plan("create", create=fields), Plan("update", after={"content": "very secret"})):
        assert "very secret" not in str(would_be(VAULT_SECRET, Wish(fields=fields), plan, {"id": "i"}))
