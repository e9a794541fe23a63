# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task leaves as a fact of what it keeps and changed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import registry
from ansible_collections.okestack.oci.plugins.module_utils.recording import record
from ansible_collections.okestack.oci.plugins.module_utils.run import Task

Doc = dict[str, Any]


def task(name: str) -> Task:
    found = registry.task(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "result", "ids", "changes"),
    [
        ("vcn", {"changed": False, "vcn": {"id": "ocid1.vcn..a", "compartment_id": "ocid1.c..x",
                                           "default_security_list_id": "ocid1.securitylist..d"}},
         ["ocid1.securitylist..d", "ocid1.vcn..a"], []),
        ("nat_gateway", {"changed": True, "nat_gateway": {"id": "ocid1.nat..a"},
                         "changes": [{"name": "nat_gateway nat", "change": "changed"}],
                         "diff": {"before": {"block_traffic": True}, "after": {"block_traffic": False}}},
         ["ocid1.nat..a"],
         [{"name": "nat_gateway nat", "change": "changed", "before": {"block_traffic": True},
           "after": {"block_traffic": False}}]),
        ("virtual_network", {"changed": True, "changes": [{"name": "vcn shop", "change": "created"},
                                                          {"name": "subnet a", "change": "changed"}],
                             "diff": {"before": {"subnet a": {"x": 1}},
                                      "after": {"subnet a": {"x": 2}, "vcn": {"y": 3}}}},
         [], [{"name": "vcn shop", "change": "created", "before": None, "after": {"y": 3}},
              {"name": "subnet a", "change": "changed", "before": {"x": 1}, "after": {"x": 2}}]),
        ("kubernetes_secret", {"changed": True, "secret": {}, "diff": {"before": {}, "after": {}},
                               "objects": [{"action": "create", "kind": "Secret", "namespace": "n", "name": "s"}]},
         [], [{"name": "Secret n/s", "change": "created", "before": None, "after": None}]),
    ],
)  # fmt: skip
def test_a_task_records_what_it_keeps_and_changes(name: str, result: Doc, ids: list[str], changes: list[Doc]) -> None:
    (value,) = record(task(name), result, "seen_1")["ansible_facts"].values()
    assert value == {"ids": ids, "changes": changes}


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("vcn_info", {"changed": False, "vcns": [{"id": "ocid1.vcn..a"}]}),
        ("vcn", {"failed": True, "changed": False, "msg": "no"}),
        ("vcn", {"changed": False, "vcn": None}),
    ],
)
def test_looking_failing_and_nothing_record_nothing(name: str, result: Doc) -> None:
    assert record(task(name), result, "seen") == {}


def test_each_record_has_a_name_of_its_own() -> None:
    one = record(task("vcn"), {"vcn": {"id": "ocid1.vcn..a"}}, "seen_1")["ansible_facts"]
    other = record(task("vcn"), {"vcn": {"id": "ocid1.vcn..b"}}, "seen_1")["ansible_facts"]
    assert one.keys() != other.keys() and all(key.startswith("seen_1_") for key in one | other)
