# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there is room for a larger site, and how a result is described: by tables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.findings import result_table
from ansible_collections.okestack.oci.plugins.module_utils.preflight import Place
from ansible_collections.okestack.oci.plugins.module_utils.scaling import room


def row(now: int, wanted: int, spare: int = 1) -> dict[str, Any]:
    return {"what": "pods", "now": now, "wanted": wanted, "spare": spare, "subnet_id": "s"}


def places(used: int) -> dict[str, Place]:
    return {"s": Place("pods", "10.0.32.0/28", used)}


@pytest.mark.parametrize(
    ("one", "used", "status", "what"),
    [
        (row(3, 6), 5, "ok", "has 8 free addresses for 3 more pods and 1 while they are replaced"),
        (row(3, 10), 5, "ok", "has 8 free addresses for 7 more"),
        (row(3, 11), 5, "broken", "has 8 free addresses for 8 more"),
        (row(3, 4), 13, "broken", "has 0 free addresses for 1 more"),
        (row(3, 11, spare=0), 5, "ok", "for 8 more pods"),
    ],
)
def test_room(one: dict[str, Any], used: int, status: str, what: str) -> None:
    (found,) = room([one], places(used))
    assert found.status == status and what in found.what
    assert bool(found.todo) == (status == "broken")


def test_what_is_to_be_done() -> None:
    (found,) = room([row(3, 11)], places(5))
    assert found.todo.startswith("scale to 10 at most, or let the subnet grow first")
    (found,) = room([row(3, 4)], places(13))
    assert found.todo.startswith("scale to 3 at most")


def test_what_stays_or_shrinks_is_not_looked_at() -> None:
    assert list(room([row(3, 3), row(3, 1), {"what": "Mbps", "now": 1, "wanted": 9}], {})) == []


def test_a_result() -> None:
    assert result_table(
        [
            {"what": "nodes", "before": "3", "after": "4", "note": "oke_virtual_pool_size"},
            {"what": "load balancer", "before": "10", "after": "10"},
            {"what": "url", "note": "a write: status 201"},
            {"what": "secret", "after": "version 1"},
            {"what": "pods", "before": "", "after": None, "note": None},
        ]
    ) == [
        "nodes          3 -> 4: oke_virtual_pool_size",
        "load balancer  10 (as it was)",
        "url            a write: status 201",
        "secret         version 1",
        "pods",
    ]
    assert result_table([]) == []
