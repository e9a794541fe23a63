# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which resource a wish means, and how it is read: by its id, by its name, in the home region."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import reader as module
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Document,
    Field,
    ResourceType,
    States,
    placeholder,
)
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish

from .service import GONE, Service, operations, parts

THING = ResourceType(
    name="thing",
    client="core.ThingClient",
    states=States(ready=("ACTIVE",), scheduled=("PENDING_DELETION",), gone=("DELETED",), going=("DELETING",)),
    fields=(Field("size", type="int"), Field("content", secret=True)),
)
NAMED = Wish(fields={"compartment_id": "c", "display_name": "a"})


@pytest.fixture(autouse=True)
def _documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "to_document", lambda row: dict(vars(row)))


def row(id_: str, name: str = "a", state: str = "ACTIVE") -> Document:
    return {"id": id_, "display_name": name, "lifecycle_state": state}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([], None),
        ([row("1")], "1"),
        ([row("1", "b"), row("2")], "2"),
        ([row("1", state="DELETED"), row("2")], "2"),
        ([row("1", state="DELETING")], None),
        ([row("1", state="PENDING_DELETION")], "1"),
        ([row("1", state="PENDING_DELETION"), row("2")], "2"),
    ],
    ids=["none", "one", "by name", "living", "on its way out", "deletion set", "another serves"],
)
def test_the_one_of_a_name(rows: list[Document], found: str | None) -> None:
    service = Service(list_things=list(rows))
    document = parts(service, THING, NAMED)[0].find()
    assert (document or {}).get("id") == found
    assert service.options == [{"compartment_id": "c", "display_name": "a"}]


@pytest.mark.parametrize(
    ("rows", "state", "refused"),
    [
        ([row("1"), row("2")], "present", True),
        ([row("1"), row("2")], "absent", True),
        ([row("1", state="PENDING_DELETION"), row("2", state="PENDING_DELETION")], "present", True),
        ([row("1", state="PENDING_DELETION"), row("2", state="PENDING_DELETION")], "absent", False),
    ],
)
def test_two_of_a_name_are_refused_with_their_ids(rows: list[Document], state: str, refused: bool) -> None:
    reader = parts(Service(list_things=list(rows)), THING, replace(NAMED, state=state))[0]
    if refused:
        with pytest.raises(ResourceError, match=r"thing a: 2 have this name: 1, 2\. Give the id"):
            reader.find()
    else:
        assert reader.find()


UNKNOWN = placeholder("vcn", "v", "id")


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        (Wish(fields={"display_name": "a"}), "thing: to find it give compartment_id, or id"),
        (Wish(fields={}), "thing: to find it give compartment_id and display_name, or id"),
        (Wish(id="i"), "thing i: there is none with this id, or the policies do not show it"),
    ],
)
def test_what_cannot_be_found_is_refused(wish: Wish, problem: str) -> None:
    with pytest.raises(ResourceError) as refused:
        parts(Service(get_thing=GONE), THING, wish)[0].find()
    assert str(refused.value) == problem


@pytest.mark.parametrize("fields", [{"compartment_id": UNKNOWN, "display_name": "a"}, {"compartment_id": "c"}])
def test_what_is_only_planned_is_not_asked_for(fields: Document) -> None:
    service = Service()
    wish = Wish(fields=fields, id=None if "display_name" in fields else UNKNOWN)
    assert parts(service, THING, wish)[0].find() is None
    assert service.calls == []


def test_what_is_to_be_absent_may_be_gone() -> None:
    assert parts(Service(get_thing=GONE), THING, Wish(id="i", state="absent"))[0].find() is None


@pytest.mark.parametrize(
    ("answer", "found"),
    [(GONE, None), (row("i", state="DELETED"), None), ({**row("i"), "_headers": {"etag": "e"}}, "e")],
)
def test_one_by_its_id(answer: Any, found: str | None) -> None:
    document = parts(Service(get_thing=answer), THING, NAMED)[0].get(("i",))
    assert (document or {}).get("_etag") == found


def test_an_error_that_is_not_a_404_is_not_an_absence() -> None:
    with pytest.raises(CloudError, match="broken"):
        parts(Service(get_thing=CloudError("broken", status=500)), THING, NAMED)[0].get(("i",))


SUMMARIES = replace(THING, list_complete=False)


def test_a_summary_is_read_whole() -> None:
    service = Service(list_things=[row("1")], get_thing={**row("1"), "size": 3})
    assert (parts(service, SUMMARIES, NAMED)[0].find() or {})["size"] == 3
    assert operations(service.calls) == ["list_things", "get_thing"]


def test_what_the_caller_has_read_is_used_once() -> None:
    service = Service(list_things=[row("later")])
    reader = parts(service, THING, NAMED, first_look=lambda: row("first"))[0]
    assert [(reader.find() or {})["id"] for _ in range(2)] == ["first", "later"]


AT_HOME = replace(THING, home_region=True)


@pytest.mark.parametrize(
    ("type_", "region", "asked"),
    [(THING, "there", ["there"]), (AT_HOME, "there", ["there", "home"]), (AT_HOME, "home", ["home"])],
)
def test_what_is_written_in_the_home_region_is_looked_for_there_too(
    type_: ResourceType, region: str, asked: list[str]
) -> None:
    service = Service(region, list_things=[])
    assert parts(service, type_, NAMED)[0].find() is None
    assert [call[0] for call in service.calls] == asked


def test_marks_and_secrets_stay_inside() -> None:
    assert module.public({"id": "i", "_etag": "e"}) == {"id": "i"} and module.public(None) is None
    assert module.without_secrets(THING, {"id": "i", "content": "very secret"}) == {"id": "i"}
