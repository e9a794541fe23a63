# SPDX-License-Identifier: GPL-3.0-or-later
"""The screen at the end of a run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.callback.summary import Failure, failed_lines, lines_by_role, reason_of


def test_a_role_is_one_line() -> None:
    subnets = {f"subnet {name}": "network" for name in ("api", "lb", "pods")}
    changes = {
        "created": {**subnets, "vcn shop": "network", "vault shop": "vault_secret"},
        "changed": {"network_security_group api rules": "network"},
        "replaced": {},
        "removed": {"route_table a": "network", "log b": "network", "vtap c": "network", "subnet d": "network"},
    }
    assert lines_by_role(changes) == [
        "network       made 4 (3 subnet, vcn), changed 1 (network_security_group),"
        " removed 4 (route_table, log, vtap, ...)",
        "vault_secret  made 1 (vault)",
    ]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"msg": "no such subnet"}, "no such subnet"),
        ({"msg": "", "censored": "the output has been hidden"}, "the output has been hidden"),
        ({}, "no reason was given"),
        (
            {
                "msg": "One or more items failed",
                "results": [
                    {"failed": True, "msg": "first", "_ansible_item_label": "a"},
                    {"changed": True},
                    {"failed": True, "msg": "second", "_ansible_item_label": {"name": "b"}},
                ],
            },
            "a: first\nsecond",
        ),
    ],
)
def test_the_reason_of_a_failure_is_whole(result: dict[str, Any], reason: str) -> None:
    assert reason_of(result) == reason


def test_a_failure_says_what_where_why_and_what_to_do() -> None:
    lines = failed_lines([Failure("prod", "okestack.oci.mysql : Keep the DB system", "roles/mysql.yml:3", "one\ntwo")])
    assert lines[:5] == [
        "",
        "failed on prod: okestack.oci.mysql : Keep the DB system",
        "  one",
        "  two",
        "  at roles/mysql.yml:3",
    ]
    assert "run the same command again" in lines[-1]
