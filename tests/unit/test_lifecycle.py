# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a wait for a resource's state ends with, and when: tables of the states that a service shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import reader as module
from ansible_collections.okestack.oci.plugins.module_utils.errors import Failed, ResourceError, Stopped
from ansible_collections.okestack.oci.plugins.module_utils.model import Document, Field, ResourceType, States
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish

from .service import GONE, Service, parts

THING = ResourceType(
    name="thing",
    client="core.ThingClient",
    states=States(
        ready=("ACTIVE",), failed=("FAILED",), gone=("DELETED",), going=("DELETING",), scheduled=("PENDING",),
        resting=("STOPPED",), busy=("CREATING",),
    ),
    fields=(Field("size", type="int"),),
)  # fmt: skip
WISH = Wish(fields={"compartment_id": "c", "display_name": "a"}, wait_timeout=300, wait_interval=10)


@pytest.fixture(autouse=True)
def _documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "to_document", lambda row: dict(vars(row)))


def seen(*states: str, **more: Any) -> Service:
    """A service that shows one state after another; `404` is not there."""
    return Service(get_thing=[GONE if s == "404" else {"id": "i", "lifecycle_state": s, **more} for s in states])


@pytest.mark.parametrize(
    ("states", "gone", "ends"),
    [
        (["ACTIVE"], False, "ACTIVE"),
        (["CREATING", "CREATING", "ACTIVE"], False, "ACTIVE"),
        (["CREATING", "STOPPED"], False, "STOPPED"),
        (["404", "404", "CREATING", "ACTIVE"], False, "ACTIVE"),
        (["DELETING", "DELETED"], True, None),
        (["DELETING", "404"], True, None),
        (["ACTIVE", "DELETING", "404"], True, None),
        (["DELETING", "PENDING"], True, "PENDING"),
    ],
)
def test_what_a_wait_ends_with(states: list[str], gone: bool, ends: str | None) -> None:
    service = seen(*states)
    found = parts(service, THING, WISH)[1].wait(("i",), gone=gone)
    assert found.get("lifecycle_state") == ends
    assert len(service.calls) == len(states)
    told = [line for line in service.lines if "CREATING" in line]
    assert len(told) == ("CREATING" in states), "a state is said once"


@pytest.mark.parametrize(
    ("states", "gone", "error", "text"),
    [
        (["CREATING", "FAILED"], False, Failed, r"thing a \(i\) is FAILED after 0s: out of host capacity"),
        (["DELETING", "FAILED"], True, ResourceError, "is FAILED after 0s of its removal"),
        (["DELETING", "ACTIVE"], True, ResourceError, "is ACTIVE after 0s of its removal"),
        (["CREATING"], False, ResourceError, r"is still CREATING after 5m00s \(wait_timeout\)"),
        (["404"], False, ResourceError, r"not there \(404\) for 1m00s"),
    ],
)
def test_what_a_wait_fails_with(states: list[str], gone: bool, error: type[Exception], text: str) -> None:
    with pytest.raises(ResourceError, match=text) as raised:
        parts(seen(*states, lifecycle_details="out of host capacity"), THING, WISH)[1].wait(("i",), gone=gone)
    assert type(raised.value) is error


def test_a_task_that_is_stopped_waits_no_longer() -> None:
    service = seen("CREATING")
    service.stop.set()
    with pytest.raises(Stopped):
        parts(service, THING, WISH)[1].wait(("i",))


def _answers(session: Any, document: Document) -> str | None:
    return None if document.get("answers") else "its endpoint does not answer"


@pytest.mark.parametrize(
    ("state", "reads"), [("ACTIVE", 2), ("STOPPED", 2), ("CREATING", 0)], ids=["ready", "resting", "not yet settled"]
)
def test_what_rests_is_waited_for_until_it_can_be_used(state: str, reads: int) -> None:
    document = {"id": "i", "lifecycle_state": state}
    service = Service(get_thing=[document, {**document, "answers": True}])
    found = parts(service, replace(THING, usable=_answers), WISH)[1].usable(document)
    assert len(service.calls) == reads and bool((found or {}).get("answers")) == bool(reads)
    assert parts(service, THING, WISH)[1].usable(document) is document
    assert parts(service, THING, WISH)[1].usable(None) is None


@pytest.mark.parametrize(
    ("held", "wish", "seconds"),
    [(3, WISH, 1.4), (3, replace(WISH, wait=False), 0), (0, WISH, 0)],
    ids=["waited for", "not to be waited for", "free"],
)
def test_what_it_lives_in_is_waited_for_before_a_write(held: int, wish: Wish, seconds: float) -> None:
    left = [held]

    def busy(session: Any, fields: Document) -> str | None:
        left[0] -= 1
        return "its owner is UPDATING" if left[0] >= 0 else None

    service = Service()
    parts(service, replace(THING, held=busy), wish)[1].wait_for_holder()
    assert service.clock.now == pytest.approx(seconds)


def test_what_was_just_written_may_not_be_shown_yet() -> None:
    assert parts(seen("404", "404", "ACTIVE"), THING, WISH)[1].seen(("i",))["id"] == "i"
    with pytest.raises(ResourceError, match="the service does not show it after 1m00s; run again"):
        parts(seen("404"), THING, WISH)[1].seen(("i",))
