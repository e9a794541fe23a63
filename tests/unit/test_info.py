# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking up: which resources are meant, and what a type is listed by."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.info import (
    addresses,
    check_types,
    known_types,
    matching,
    survey,
)

TYPES = known_types()
ROWS: list[dict[str, Any]] = [
    {"display_name": "a", "lifecycle_state": "AVAILABLE", "freeform_tags": {"x": "1", "y": "2"}},
    {"display_name": "b", "lifecycle_state": "PROVISIONING", "freeform_tags": None},
    {"display_name": "a", "lifecycle_state": "TERMINATED", "freeform_tags": {"x": "1"}},
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [0, 1]),
        ({"name": "a"}, [0]),
        ({"tags": {"x": 1}}, [0]),
        ({"tags": {"x": "1", "y": "3"}}, []),
        ({"states": ["TERMINATED", "PROVISIONING"]}, [1, 2]),
        ({"name": "a", "states": ["TERMINATED"]}, [2]),
    ],
)
def test_matching(wanted: dict[str, Any], found: list[int]) -> None:
    assert matching(TYPES["vcn"], ROWS, **wanted) == [ROWS[index] for index in found]


def test_a_type_that_is_not_known_is_named_with_those_that_are() -> None:
    check_types(["vcn", "load_balancer"])
    with pytest.raises(ResourceError, match=r"types: there is no vpc, drgs; there are .*vcn"):
        check_types(["vcn", "vpc", "drgs"])


class Lists:
    """A session whose lists have these rows, or end with an error."""

    def __init__(self, **rows: list[Any] | CloudError) -> None:
        self.answers, self.asked = rows, list[str]()

    def client(self, name: str, **_: Any) -> str:
        return name

    def pages(self, client: str, operation: str, *place: Any, **_: Any) -> list[Any]:
        del client
        self.asked.append(" ".join((operation, *map(str, place))))
        answer = self.answers[operation]
        if isinstance(answer, CloudError):
            raise answer
        return answer


REFUSED = CloudError("refused", status=404)


def test_a_survey_looks_for_logs_in_the_groups_that_are_there() -> None:
    groups = [{"id": "g1", "lifecycle_state": "ACTIVE"}, {"id": "g2", "lifecycle_state": "ACTIVE"}]
    session = Lists(list_log_groups=groups, list_logs=[{"id": "l", "lifecycle_state": "ACTIVE"}])
    found = survey(session, ["log"], "c", look_into=lambda holder: holder["id"] == "g2")  # type: ignore[arg-type]
    assert session.asked == ["list_log_groups", "list_logs g2"]
    assert [(type_.name, row["log_group_id"]) for type_, row in found] == [("log", "g2")]


def test_a_type_that_cannot_be_listed_is_refused_and_the_rest_is_found() -> None:
    refused: list[str] = []
    session = Lists(list_vcns=[{"id": "v"}], list_log_groups=REFUSED)
    found = survey(session, ["vcn", "log_group"], "c", lambda name, _: refused.append(name))  # type: ignore[arg-type]
    assert refused == ["log_group"] and [row["id"] for _, row in found] == ["v"]
    with pytest.raises(CloudError, match="refused"):  # it is the compartment
        survey(session, ["log_group"], "c", lambda name, _: refused.append(name))  # type: ignore[arg-type]


def test_addresses_name_their_ports_where_they_have_one() -> None:
    system = {"endpoints": [{"hostname": "db", "ip_address": "10.0.0.3", "port": 3306}]}
    assert {"kind": "private", "host": "10.0.0.3", "port": 3306} in addresses(TYPES["mysql_db_system"], system)
    assert addresses(TYPES["vcn"], {}) == []
