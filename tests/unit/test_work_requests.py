# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work requests: which resource they make, and what of them ends or prolongs a wait."""

from __future__ import annotations

from types import SimpleNamespace as Row
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import ResourceType
from ansible_collections.okestack.oci.plugins.module_utils.work_requests import WorkRequests, made_by

LOG = ResourceType(name="log", client="logging.X", work_requests="logging.X", fields=())
COMPARTMENT = ResourceType(
    name="compartment", client="identity.X", work_requests="identity.X", fields=(), home_region=True
)


class Service:
    """A session with a service whose work request goes through the states given, and stays in the last."""

    home_region = "home"

    def __init__(self, *states: str, missing: bool = False, **shown: Any) -> None:
        self.states, self.missing, self.shown = list(states), missing, shown
        self.asked: list[str] = []
        self.regions: list[str | None] = []

    def client(self, name: str, region: str | None = None) -> str:
        self.regions.append(region)
        return name

    def call(self, client: str, operation: str, id_: str) -> Any:
        self.asked.append(operation)
        if self.missing:
            raise CloudError("not shown", status=404)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return Row(data=Row(id=id_, status=state, compartment_id="c", **self.shown))

    def pages(self, client: str, operation: str, *args: Any) -> list[Any]:
        self.asked.append(operation)
        return [Row(code="Limit", message="too many")]


def requests(service: Service, type_: ResourceType = LOG, remembered: bool = True) -> WorkRequests:
    made = WorkRequests(service, type_, "log x", "c")  # type: ignore[arg-type]
    if remembered:
        made.remember(Row(headers={"opc-work-request-id": "wr"}))
    return made


def test_a_wait_lasts_as_long_as_the_request_runs_and_asks_no_more_once_it_is_done() -> None:
    service = Service("ACCEPTED", "IN_PROGRESS", "SUCCEEDED")
    running = requests(service)
    assert [running.under_way() for _ in range(5)] == [True, True, False, False, False]
    assert service.asked == ["get_work_request"] * 3


def test_a_later_write_is_waited_for_again() -> None:
    running = requests(Service("SUCCEEDED", "ACCEPTED"))
    assert not running.under_way()
    running.remember(Row(headers={}))
    assert not running.under_way(), "a write without a work request leaves the one before"
    running.remember(Row(headers={"opc-work-request-id": "other"}))
    assert running.under_way()


@pytest.mark.parametrize("state", ["FAILED", "CANCELED"])
def test_a_request_that_ended_badly_is_told_with_its_errors(state: str) -> None:
    with pytest.raises(ResourceError, match=f"log x: Work request wr is {state}: Limit: too many"):
        requests(Service(state)).under_way()


def test_a_request_that_shows_its_errors_itself_is_not_asked_for_them() -> None:
    service = Service("FAILED", errors=[Row(code="Conflict", message="not empty")], logs=None)
    with pytest.raises(ResourceError, match="Conflict: not empty"):
        requests(service, COMPARTMENT).under_way()
    assert set(service.asked) == {"get_work_request"}
    assert set(service.regions) == {"home"}, "it is where the write was"


@pytest.mark.parametrize("service", [Service("NEEDS_ATTENTION"), Service("", missing=True)])
def test_a_request_that_neither_runs_nor_failed_leaves_the_wait_to_the_resources_state(service: Service) -> None:
    assert not requests(service).under_way()


def test_nothing_is_asked_where_no_write_had_a_request() -> None:
    service = Service("FAILED")
    assert not requests(service, remembered=False).under_way()
    assert service.asked == []


RESOURCES = [
    ([], None),
    ([("log", "CREATED", "made")], "made"),
    ([("log", "IN_PROGRESS", "made")], "made"),
    ([("log", "CREATED", None)], None),
    ([("loggroup", "RELATED", "group")], None),
    ([("loggroup", "RELATED", "group"), ("log", "CREATED", "made")], "made"),
    ([("loggroup", "CREATED", "group"), ("LOG", "CREATED", "made")], "made"),
    ([("service-log", "CREATED", "made")], "made"),
]


@pytest.mark.parametrize(("rows", "made"), RESOURCES)
def test_the_resource_that_a_request_makes(rows: list[tuple[str, str, str | None]], made: str | None) -> None:
    resources = [Row(entity_type=kind, action_type=action, identifier=id_) for kind, action, id_ in rows]
    assert made_by(Row(resources=resources or None), "log") == made


@pytest.mark.parametrize("entity", ["virtualnodepool", "virtual-node-pool", "VIRTUAL_NODE_POOL"])
def test_a_kind_is_known_however_it_is_written(entity: str) -> None:
    row = Row(entity_type=entity, action_type="CREATED", identifier="made")
    assert made_by(Row(resources=[row]), "virtual_node_pool") == "made"
