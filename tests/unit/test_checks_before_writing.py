# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before the first write: values the region lacks, changes the service never takes, protection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.apply import Engine
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Connection, Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, PlanError, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.lifecycle import Lifecycle
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Change,
    Deletion,
    Document,
    Field,
    ResourceType,
    States,
    caseless,
    placeholder,
)
from ansible_collections.okestack.oci.plugins.module_utils.plan import plan_absent, plan_present
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, ResourceTask
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish

UNKNOWN = placeholder("vcn", "main", "id")
ASKED: list[tuple[str, Document]] = []


def _shapes(session: Any, document: Document) -> list[str] | None:
    ASKED.append(("shapes", document))
    if document.get("compartment_id") == UNKNOWN:
        return None
    if document.get("compartment_id") == "hidden":
        raise CloudError("no", status=404)
    if document.get("compartment_id") == "broken":
        raise CloudError("broken", status=500)
    return ["Small.1", "Small.2"]


def _zones(session: Any, document: Document) -> list[str]:
    ASKED.append(("zones", document))
    return ["AD-1", "AD-2"]


def _grows(before: Any, after: Any) -> str | None:
    return f"it never shrinks, declare at least {before}" if before is not None and after < before else None


def _kept(observed: Document) -> str | None:
    return "deletion_policy.is_delete_protected is true: set it to false first" if observed.get("kept") else None


THING = ResourceType(
    name="thing",
    client="core.ThingClient",
    states=States(failed=("FAILED",)),
    deletion=Deletion(protected=_kept),
    fields=(
        Field("shape", among=_shapes),
        Field("size", type="int", refusal=_grows),
        Field("vcn_id", change=Change.REPLACE),
        Field("zones", type="list", elements="str", canonical=caseless, among=_zones),
        Field("data", type="dict", fields=(Field("most", type="int", refusal=_grows), Field("shape", among=_shapes))),
        Field("rows", type="list", elements="dict", fields=(Field("zone", among=_zones), Field("note"))),
    ),
)
THERE: Document = {
    "id": "ocid1.thing.1",
    "compartment_id": "c1",
    "display_name": "a",
    "shape": "Gone.1",
    "size": 50,
    "vcn_id": "v1",
    "zones": ["AD-9"],
    "data": {"most": 100, "shape": "Gone.1"},
    "rows": [{"zone": "AD-9", "note": None}],
    "lifecycle_state": "AVAILABLE",
}


def refusals(desired: Document, observed: Document | None = THERE, **options: Any) -> list[str]:
    """The lines a task with these options fails with in check mode; none where it does not fail."""
    ASKED.clear()
    wish = Wish(fields={"compartment_id": "c1", "display_name": "a", **desired}, **options)
    engine = Engine(Session(Connection()), THING, wish, first_look=lambda: observed)
    try:
        engine._plan(engine.reader.find())
    except (ResourceError, PlanError) as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize("observed", [None, THERE], ids=["made", "changed"])
def test_a_value_the_region_lacks_is_refused_with_its_path_and_those_it_has(observed: Document | None) -> None:
    assert refusals({"shape": "Huge.9"}, observed) == [
        "thing a: shape: this region has no 'Huge.9', it has Small.1, Small.2"
    ]
    assert refusals({"data": {"shape": "Huge.9"}}, observed) == [
        "thing a: data.shape: this region has no 'Huge.9', it has Small.1, Small.2"
    ]
    assert refusals({"zones": ["ad-1", "AD-3"]}, observed) == [
        "thing a: zones[1]: this region has no 'AD-3', it has AD-1, AD-2"
    ]
    assert refusals({"rows": [{"zone": "AD-1"}, {"zone": "AD-3"}]}, observed) == [
        "thing a: rows[1].zone: this region has no 'AD-3', it has AD-1, AD-2"
    ]
    assert refusals({"shape": "Small.1", "zones": ["ad-1"], "data": {"shape": "Small.2"}}, observed) == []


def test_a_region_is_asked_only_where_a_write_would_set_the_field() -> None:
    """What is there may be older than what the region still offers."""
    assert refusals({"shape": "Gone.1", "zones": ["ad-9"], "data": {"shape": "Gone.1", "most": 200}, "size": 60}) == []
    assert ASKED == []
    assert refusals({"rows": [{"zone": "AD-9"}]}) == [] and ASKED == []
    assert refusals({"shape": "Small.1"}) == []
    assert [name for name, _document in ASKED] == ["shapes"]


def test_a_region_is_asked_about_the_resource_as_it_would_be() -> None:
    refusals({"shape": "Small.1", "size": 60})
    assert ASKED[0][1] == {**THERE, "shape": "Small.1", "size": 60}


@pytest.mark.parametrize("compartment", ["hidden", UNKNOWN])
def test_what_cannot_be_told_is_left_to_the_service(compartment: str) -> None:
    assert refusals({"compartment_id": compartment, "shape": "Huge.9"}, None) == []
    assert refusals({"shape": UNKNOWN, "zones": [UNKNOWN], "data": UNKNOWN}, None) == []


def test_a_region_that_does_not_answer_is_no_reason_to_go_on() -> None:
    with pytest.raises(CloudError):
        refusals({"compartment_id": "broken", "shape": "Huge.9"}, None)


def test_what_a_region_offers_is_asked_once_a_session() -> None:
    session, asked = Session(Connection()), []
    for _time in range(2):
        assert session.remembered("shapes", lambda: asked.append(1) or ["a"]) == ["a"]  # type: ignore[func-returns-value]
    assert session.remembered("versions", lambda: ["b"]) == ["b"]
    assert asked == [1]


@pytest.mark.parametrize("allow_replace", [False, True])
def test_a_change_the_service_never_takes_is_refused_with_both_values(allow_replace: bool) -> None:
    with pytest.raises(PlanError) as caught:
        plan_present(THING, {"size": 40, "data": {"most": 90}}, THERE, allow_replace=allow_replace)
    assert str(caught.value).splitlines() == [
        "thing a (ocid1.thing.1): size: 50 -> 40: it never shrinks, declare at least 50",
        "thing a (ocid1.thing.1): data.most: 100 -> 90: it never shrinks, declare at least 100",
    ]
    assert plan_present(THING, {"size": 60, "data": {"most": 200}}, THERE).kind == "update"


def test_all_of_it_is_told_at_once() -> None:
    told = refusals({"size": 40, "vcn_id": "v2", "shape": "Huge.9", "zones": ["AD-3"]})
    assert [line.split(": ")[1] for line in told] == [
        "size",
        "the service cannot change vcn_id",
        "shape",
        "zones[0]",
    ]


@pytest.mark.parametrize("state", ["AVAILABLE", "FAILED"])
def test_what_is_protected_is_neither_removed_nor_replaced(state: str) -> None:
    kept = {**THERE, "kept": True, "lifecycle_state": state}
    for attempt in (
        lambda: plan_absent(THING, kept),
        lambda: plan_present(THING, {"vcn_id": "v2"}, kept, allow_replace=True),
    ):
        with pytest.raises(PlanError, match=r"thing a \(ocid1.thing.1\): .*is_delete_protected is true: set it to"):
            attempt()
    if state == "AVAILABLE":
        assert plan_present(THING, {"size": 60}, kept).kind == "update"
    assert plan_absent(THING, {**kept, "kept": False}).kind == "delete"


def _lives_in(*answers: str | Exception | None) -> tuple[ResourceType, list[str]]:
    """A type that lives in something which answers so, look after look; what its engine did."""
    left, done = list(answers), []

    def held(session: Any, desired: Document) -> str | None:
        answer = left.pop(0)
        done.append(f"asked: {answer}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return replace(THING, held=held), done


def _deleting(type_: ResourceType, done: list[str], monkeypatch: pytest.MonkeyPatch, **options: Any) -> Engine:
    wish = Wish(state="absent", fields={"compartment_id": "c1", "display_name": "a"}, wait_interval=0.001, **options)
    session = Session(Connection(), report=done.append)
    monkeypatch.setattr(Session, "client", lambda *_arguments, **_more: None)

    def call(*_arguments: Any, **_more: Any) -> Mock:
        done.append("deleted")
        return Mock(headers={})

    monkeypatch.setattr(Session, "call", call)
    monkeypatch.setattr(Lifecycle, "wait", lambda *_arguments, **_more: done.append("gone"))
    return Engine(session, type_, wish, first_look=lambda: THERE)


def test_what_a_resource_lives_in_is_waited_for_before_a_write_and_after_a_deletion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    type_, done = _lives_in("its home is UPDATING", "its home is UPDATING", None, "its home is UPDATING", None)
    _deleting(type_, done, monkeypatch).run()
    kept = [line for line in done if not line.startswith("thing a: delete_thing")]
    assert [line for line in kept if "0s" not in line] == [
        "asked: its home is UPDATING",
        "asked: its home is UPDATING",
        "asked: None",
        "deleted",
        "gone",
        "asked: its home is UPDATING",
        "asked: None",
    ]
    assert sum("its home is UPDATING 0s" in line for line in kept) == 2, "said once a wait"


def test_what_will_not_pass_by_itself_is_told_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for check in (True, False):
        type_, done = _lives_in(CloudError("its home is INACTIVE: start it first"))
        with pytest.raises(CloudError, match="start it first"):
            _deleting(type_, done, monkeypatch).run(check=check)
        assert "deleted" not in done


def test_without_a_wait_the_service_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    type_, done = _lives_in("its home is UPDATING")
    _deleting(type_, done, monkeypatch, wait=False).run()
    assert "deleted" in done


def test_a_wait_for_what_a_resource_lives_in_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    type_, done = _lives_in(*["its home is UPDATING"] * 1000)
    with pytest.raises(ResourceError, match=r"thing a: its home is UPDATING after 0s \(wait_timeout\)"):
        _deleting(type_, done, monkeypatch, wait_timeout=0).run()
    assert "deleted" not in done


def test_a_resource_without_an_id_of_its_own_is_told_by_its_name() -> None:
    with pytest.raises(PlanError, match=r"^thing a: size: 50 -> 40"):
        plan_present(THING, {"size": 40}, {k: v for k, v in THERE.items() if k != "id"})


def test_a_change_that_is_refused_anyway_is_not_asked_about() -> None:
    def newer(before: Any, after: Any) -> str | None:
        return "never back" if before and after < before else None

    offered: list[Document] = []
    type_ = ResourceType(
        name="thing",
        client="core.ThingClient",
        fields=(Field("version", refusal=newer, among=lambda session, document: offered.append(document) or ["3"]),),  # type: ignore[func-returns-value]
    )

    def told(version: str) -> str:
        wish = Wish(fields={"compartment_id": "c1", "display_name": "a", "version": version})
        there = {**THERE, "version": "2"}
        with pytest.raises(ResourceError) as caught:
            Engine(Session(Connection()), type_, wish, first_look=lambda: there).run(check=True)
        return str(caught.value)

    assert told("1") == "thing a (ocid1.thing.1): version: '2' -> '1': never back"
    assert not offered
    assert told("4") == "thing a: version: this region has no '4', it has 3"


def test_options_that_are_no_fields_are_checked_with_the_others() -> None:
    type_ = ResourceType(
        name="thing",
        client="core.ThingClient",
        fields=(),
        extra_options={"grace": {"type": "int"}},
        checks=(lambda options: ["grace: too long"] if options.get("grace", 0) > 60 else [],),
    )
    options = {"state": "absent", "compartment_id": "c1", "display_name": "a", "grace": 61}
    with pytest.raises(ResourceError, match="grace: too long"):
        ResourceTask(type_).execute(options, Context())
