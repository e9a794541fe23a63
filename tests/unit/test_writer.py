# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent to create, update and remove one resource, and what is done with unclear answers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace as Row
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import reader, writer
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, ResourceError, Uncertain
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Call,
    Deletion,
    Document,
    Field,
    ResourceType,
    States,
)
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish

from .service import GONE, Answer, Service, operations, parts

THING = ResourceType(
    name="thing",
    client="core.ThingClient",
    states=States(ready=("ACTIVE",), gone=("DELETED",), going=("DELETING",)),
    work_requests="core.RequestClient",
    fields=(Field("size", type="int"), Field("content", secret=True)),
)
WISH = Wish(fields={"compartment_id": "c", "display_name": "a"}, wait=False)
BODY: Document = {"compartment_id": "c", "display_name": "a", "size": 1}
SPENT = CloudError("the token was used", status=409, code="InvalidatedRetryToken")


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reader, writer):
        monkeypatch.setattr(module, "to_document", lambda row: dict(vars(row)))
    monkeypatch.setattr(writer, "to_model", lambda package, model, body: {"model": model, **body})


def made(state: str = "ACTIVE", id_: str = "i") -> Document:
    return {"id": id_, "lifecycle_state": state}


def tokens(service: Service) -> list[str]:
    return [options["opc_retry_token"] for options in service.options if "opc_retry_token" in options]


def test_a_create_sends_the_body_and_a_token_that_the_next_run_makes_again() -> None:
    runs = [Service(create_thing=made()) for _ in range(2)]
    assert [parts(service, THING, WISH)[2].create(BODY) for service in runs] == [("i",)] * 2
    assert runs[0].options[0]["create_thing_details"] == {"model": "CreateThingDetails", **BODY}
    assert tokens(runs[0]) == tokens(runs[1])


@pytest.mark.parametrize(
    ("body", "replaces", "same"),
    [
        ({"size": 2}, "", False),
        ({"display_name": "b"}, "", False),
        ({"content": "very secret"}, "", True),
        ({}, "old", False),
    ],
    ids=["another size", "another name", "a secret is not in it", "in place of another"],
)
def test_another_resource_has_another_token(body: Document, replaces: str, same: bool) -> None:
    first, second = Service(create_thing=made()), Service(create_thing=made())
    parts(first, THING, WISH)[2].create(BODY)
    parts(second, THING, WISH)[2].create({**BODY, **body}, replaces)
    assert (tokens(first) == tokens(second)) is same


@pytest.mark.parametrize(
    ("answers", "creates"),
    [
        ([SPENT, made()], 2),
        ([made("DELETED"), made("DELETING"), made()], 3),
        ([made()], 1),
    ],
    ids=["the service calls it used up", "what an earlier run made is gone", "at once"],
)
def test_a_token_of_no_use_is_followed_by_the_next(answers: list[Any], creates: int) -> None:
    service = Service(create_thing=answers)
    assert parts(service, THING, WISH)[2].create(BODY) == ("i",)
    assert len(set(tokens(service))) == creates


def test_after_an_error_the_same_token_is_sent_again() -> None:
    service = Service(create_thing=[CloudError("no", status=500), made()])
    _reader, _lifecycle, one = parts(service, THING, WISH)
    with pytest.raises(CloudError):
        one.create(BODY)
    one.create(BODY)
    assert len(tokens(service)) == 2 and len(set(tokens(service))) == 1


def test_a_service_that_only_gives_what_is_gone_is_not_asked_for_ever() -> None:
    service = Service(create_thing=made("DELETED"))
    with pytest.raises(ResourceError, match="answers each create with a resource that is gone"):
        parts(service, THING, WISH)[2].create(BODY)
    assert len(set(tokens(service))) == 20


def test_an_answer_that_names_nothing_is_uncertain() -> None:
    with pytest.raises(Uncertain, match="names no resource and no work request"):
        parts(Service(create_thing={}), THING, WISH)[2].create(BODY)


def request(status: str, *ids: str) -> Document:
    resources = [Row(entity_type="thing", action_type="CREATED", identifier=id_) for id_ in ids]
    return {"id": "wr", "status": status, "resources": resources, "compartment_id": "c", "errors": []}


STARTED: Document = {"_headers": {"opc-work-request-id": "wr"}}


def test_the_id_comes_from_the_work_request_once_it_names_one() -> None:
    requests: list[Answer] = [request("ACCEPTED"), request("IN_PROGRESS"), request("IN_PROGRESS", "i")]
    service = Service(create_thing=STARTED, get_work_request=requests)
    assert parts(service, THING, WISH)[2].create(BODY) == ("i",)


@pytest.mark.parametrize(
    ("status", "text"), [("FAILED", "Work request wr is FAILED"), ("IN_PROGRESS", "names no resource after 1m00s")]
)
def test_a_work_request_that_makes_nothing_ends_it(status: str, text: str) -> None:
    service = Service(create_thing=STARTED, get_work_request=request(status))
    with pytest.raises(ResourceError, match=text):
        parts(service, THING, WISH)[2].create(BODY)


@pytest.mark.parametrize(
    ("call", "etag", "options"),
    [
        (Call("update_thing", {"size": 2}, guarded=True), "e",
         {"update_thing_details": {"model": "UpdateThingDetails", "size": 2}, "if_match": "e", "repeatable": True}),
        (Call("update_thing", {"size": 2}, guarded=True), None,
         {"update_thing_details": {"model": "UpdateThingDetails", "size": 2}, "repeatable": True}),
        (Call("start_thing", repeatable=False), "e", {"repeatable": False}),
    ],
)  # fmt: skip
def test_a_write_is_guarded_by_what_was_read(call: Call, etag: str | None, options: Document) -> None:
    service = Service(update_thing={}, start_thing={})
    parts(service, THING, WISH)[2].write(call, ("i",), etag)
    assert service.calls == [("home", call.operation, "i")]
    assert service.options == [options]


IN_USE = CloudError("a subnet is in it", status=409, code="Conflict", message="a subnet is in it")


@pytest.mark.parametrize(
    ("answers", "calls"), [([{}], 1), ([GONE], 1), ([IN_USE, IN_USE, {}], 3)], ids=["at once", "gone", "in use first"]
)
def test_a_removal(answers: list[Any], calls: int) -> None:
    service = Service(delete_thing=answers)
    parts(service, THING, WISH)[2].delete(made())
    assert operations(service.calls) == ["delete_thing"] * calls


def test_a_removal_that_something_keeps_says_what() -> None:
    with pytest.raises(ResourceError, match=r"thing a \(i\): in use after 1m00s: a subnet is in it"):
        parts(Service(delete_thing=IN_USE), THING, WISH)[2].delete(made())
    with pytest.raises(CloudError, match="not allowed"):
        parts(Service(delete_thing=CloudError("not allowed", status=403)), THING, WISH)[2].delete(made())


def test_a_removal_that_is_set_for_later_names_the_day() -> None:
    type_ = replace(THING, deletion=Deletion("schedule_thing_deletion", days=(7, 30), options={"force": "is_force"}))
    service = Service(schedule_thing_deletion={})
    wish = replace(WISH, time_of_deletion=None, deletion_days=7, extra={"force": True})
    parts(service, type_, wish)[2].delete(made())
    (sent,) = service.options
    assert sent["is_force"] is True
    details = sent["schedule_thing_deletion_details"]
    assert details["model"] == "ScheduleThingDeletionDetails" and details["time_of_deletion"].endswith("Z")
