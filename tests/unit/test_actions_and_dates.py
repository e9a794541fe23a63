# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletions with a chosen date, actions that are done each time, states that take no update, and what kinds keep."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import forecast
from ansible_collections.okestack.oci.plugins.module_utils.apply import Engine
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Connection, Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import PlanError, ResourceError, Uncertain
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Action,
    Change,
    Deletion,
    Document,
    Field,
    ResourceType,
    States,
)
from ansible_collections.okestack.oci.plugins.module_utils.plan import plan_present
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish, time_of_deletion

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


@pytest.mark.parametrize(
    ("given", "when"),
    [
        ({"days": 7}, "2027-01-22T08:01:00.000Z"),
        ({"days": 8}, "2027-01-23T08:01:00.000Z"),
        ({"days": 30}, "2027-02-14T07:59:00.000Z"),
        ({}, "2027-02-14T07:59:00.000Z"),
        ({"date": "2027-01-31"}, "2027-01-31T00:00:00.000Z"),
        ({"date": "2027-01-31T12:30:00Z"}, "2027-01-31T12:30:00.000Z"),
        ({"date": "2027-01-31T12:30:00+02:00"}, "2027-01-31T10:30:00.000Z"),
        ({"date": "2027-01-22T08:00:00"}, "2027-01-22T08:00:00.000Z"),
    ],
)
def test_a_deletion_is_set_to_days_ahead_or_to_a_date(given: dict[str, Any], when: str) -> None:
    assert time_of_deletion((7, 30), **given, now=NOW) == when


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"days": 6}, "deletion_days: 6 is outside of 7 to 30"),
        ({"days": 0}, "deletion_days: 0 is outside of 7 to 30"),
        ({"days": 31}, "deletion_days: 31 is outside of 7 to 30"),
        (
            {"date": "2027-01-22"},
            "time_of_deletion: 2027-01-22 is outside of 7 to 30 days from now: 2027-01-22T08:00Z to 2027-02-14T08:00Z",
        ),
        ({"date": "2027-02-15"}, "time_of_deletion: 2027-02-15 is outside of 7 to 30 days"),
        ({"date": "next week"}, "time_of_deletion: 'next week' is not a date"),
        ({"date": "2027-01-31", "days": 16}, "deletion_days, time_of_deletion: give one of them"),
    ],
)
def test_a_date_that_the_service_refuses_is_told_with_those_it_takes(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ResourceError) as refused:
        time_of_deletion((7, 30), **given, now=NOW)
    assert str(refused.value).startswith(reason)


def _older(read: Any, thing: Document, options: Document) -> bool:
    return "after" not in options or read("get_age", thing["id"])["days"] >= options["after"]


def _asymmetric(thing: Document) -> str | None:
    return "it is of no use: make another" if thing.get("useless") else None


THING = ResourceType(
    name="thing",
    client="core.ThingClient",
    states=States(ready=("ENABLED",), failed=("FAILED",), frozen=("DISABLED",), scheduled=("PENDING",)),
    deletion=Deletion("schedule_thing_deletion", cancel="cancel_thing_deletion", days=(7, 30)),
    lacks={"replace": "its name stays taken"},
    actions={
        "enabled": Action("enable_thing", "ENABLED"),
        "disabled": Action("disable_thing", "DISABLED"),
        "rotated": Action(
            "rotate_thing",
            "ENABLED",
            always=True,
            due=_older,
            refusal=_asymmetric,
            token=True,
            body=lambda thing: {"size": thing["size"]},
        ),
    },
    fields=(
        Field("size", type="int"),
        Field("vcn_id", change=Change.REPLACE),
        Field("content", secret=True),
        Field(
            "form",
            type="dict",
            discriminator="kind",
            fields=(Field("kind"), Field("length", type="int"), Field("text")),
        ),
    ),
)
THERE: Document = {
    "id": "ocid1.thing.1",
    "compartment_id": "c1",
    "display_name": "a",
    "size": 1,
    "vcn_id": "v1",
    "content": "very secret",
    "form": {"kind": "round", "length": 3, "text": "x"},
    "lifecycle_state": "ENABLED",
}


class Fake(Engine):
    """An engine whose resource is in memory."""

    def __init__(self, there: Document | None, *, age: int = 0, **wish: Any) -> None:
        fields = {"compartment_id": "c1", "display_name": "a", **wish.pop("fields", {})}
        super().__init__(Session(Connection()), THING, Wish(fields=fields, **wish), first_look=lambda: there)
        self.there = there
        self.writes: list[tuple[str, Any]] = []
        answer = type("Response", (), {"data": {"days": age}})
        self.session.call = lambda client, operation, *arguments, **_more: answer  # type: ignore[method-assign]
        self.session.client = lambda *_arguments, **_more: None  # type: ignore[method-assign]
        self.reader.get = lambda address: self.there  # type: ignore[method-assign]
        self.writer.write = self._write  # type: ignore[method-assign]

    def _write(self, call: Any, address: Any, etag: Any, there: Any = None) -> None:
        self.writes.append((call.operation, call.body))
        assert call.repeatable == ("opc_retry_token" in call.arguments) or call.guarded
        state = {"enable_thing": "ENABLED", "disable_thing": "DISABLED"}.get(call.operation)
        self.there = {**(self.there or {}), **({"lifecycle_state": state} if state else {})}


@pytest.mark.parametrize(
    ("options", "age", "rotated"),
    [({}, 0, True), ({"after": 30}, 29, False), ({"after": 30}, 30, True), ({"after": 0}, 0, True)],
)
@pytest.mark.parametrize("check", [True, False])
def test_what_is_done_each_time_is_done_when_it_is_due(
    options: dict[str, Any], age: int, rotated: bool, check: bool
) -> None:
    engine = Fake(THERE, age=age, state="rotated", extra=options)
    outcome = engine.run(check=check)
    assert outcome.plan.changes is rotated
    assert outcome.plan.after == ({"lifecycle_state": "ENABLED (rotated)"} if rotated else {})
    assert engine.writes == ([("rotate_thing", {"size": 1})] if rotated and not check else [])


@pytest.mark.parametrize("check", [True, False])
def test_what_was_just_made_is_not_rotated_at_once(monkeypatch: pytest.MonkeyPatch, check: bool) -> None:
    engine = Fake(None, state="rotated")
    monkeypatch.setattr(forecast, "shape", lambda type_, wish: {})
    monkeypatch.setattr(engine.writer, "create", lambda body, replaces="": ("ocid1.thing.1",))
    monkeypatch.setattr(engine, "_carry_out", lambda plan, address, observed: THERE)
    outcome = engine.run(check=check)
    assert (outcome.plan.kind, engine.writes) == ("create", [])
    assert "lifecycle_state" not in outcome.plan.after


def test_an_action_that_cannot_be_is_refused_before_the_first_write() -> None:
    engine = Fake({**THERE, "useless": True}, state="rotated", fields={"size": 2})
    with pytest.raises(ResourceError, match="it is of no use: make another"):
        engine.run()
    assert engine.writes == []


@pytest.mark.parametrize("taken", [True, False])
def test_an_action_without_a_clear_answer_is_told_by_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    engine = Fake(THERE, state="disabled")

    def write(call: Any, address: Any, etag: Any) -> None:
        engine.there = {**THERE, "lifecycle_state": "DISABLED" if taken else "ENABLED"}
        raise Uncertain("lost", status=502)

    monkeypatch.setattr(engine.writer, "write", write)
    if taken:
        outcome = engine.run()
        assert outcome.plan.changes and outcome.resource is not None
        assert outcome.resource["lifecycle_state"] == "DISABLED"
    else:
        with pytest.raises(ResourceError, match="is ENABLED after disable_thing, not DISABLED"):
            engine.run()


def test_what_is_done_each_time_is_not_done_twice_without_a_clear_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Fake(THERE, state="rotated")

    def write(call: Any, address: Any, etag: Any) -> None:
        raise Uncertain("lost", status=502)

    monkeypatch.setattr(engine.writer, "write", write)
    with pytest.raises(ResourceError, match="rotate_thing may have taken effect, look before you run this again: lost"):
        engine.run()


@pytest.mark.parametrize("state", ["present", "disabled"])
@pytest.mark.parametrize("check", [True, False])
def test_a_state_that_takes_no_update_is_told(state: str, check: bool) -> None:
    engine = Fake({**THERE, "lifecycle_state": "DISABLED"}, state=state, fields={"size": 2})
    with pytest.raises(ResourceError, match=r"it is DISABLED, in which the service changes nothing \(size\)"):
        engine.run(check=check)
    assert engine.writes == []
    assert Fake({**THERE, "lifecycle_state": "DISABLED"}, state=state).run(check=check).plan.kind == "none"


@pytest.mark.parametrize("check", [True, False])
def test_what_is_to_be_enabled_is_so_before_its_update(check: bool) -> None:
    engine = Fake({**THERE, "lifecycle_state": "DISABLED"}, state="enabled", fields={"size": 2})
    outcome = engine.run(check=check)
    assert outcome.plan.after == {"size": 2, "lifecycle_state": "ENABLED"}
    assert [operation for operation, _ in engine.writes] == ([] if check else ["enable_thing", "update_thing"])


def test_what_cannot_be_replaced_is_not_whatever_is_allowed() -> None:
    for allowed in (True, False):
        with pytest.raises(PlanError, match="It cannot be recreated either: its name stays taken"):
            plan_present(THING, {"vcn_id": "v2"}, THERE, allow_replace=allowed)


def test_what_has_failed_and_cannot_be_replaced_is_reported() -> None:
    failed = {**THERE, "lifecycle_state": "FAILED"}
    with pytest.raises(ResourceError) as refused:
        Fake(failed).run()
    assert "is FAILED" in str(refused.value) and "allow_replace" not in str(refused.value)
    with pytest.raises(ResourceError, match="it has failed and cannot be recreated: its name stays taken"):
        Fake(failed, allow_replace=True).run()


def test_one_kind_keeps_nothing_of_another() -> None:
    form = {"kind": "round", "length": 4}
    same_kind = plan_present(THING, {"form": form}, THERE).calls[0].body
    assert same_kind == {"form": {"kind": "round", "length": 4, "text": "x"}}
    other = plan_present(THING, {"form": {"kind": "square"}}, THERE).calls[0].body
    assert other == {"form": {"kind": "square"}}


def test_a_secret_that_was_read_is_in_no_result() -> None:
    outcome = Fake(THERE, fields={"content": "very secret"}).run()
    assert outcome.plan.kind == "none"
    assert outcome.resource is not None and "content" not in outcome.resource


def test_the_date_of_a_deletion_is_in_the_diff() -> None:
    outcome = Fake(THERE, state="absent", time_of_deletion=None, deletion_days=8).run(check=True)
    assert outcome.plan.after["lifecycle_state"] == "PENDING"
    assert outcome.plan.after["time_of_deletion"].endswith("Z")
