"""What a run has read: shared by forks, and believed for as long as nobody in the run can have changed it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from ansible_collections.okestack.oci.plugins.module_utils import snapshot, waiting
from ansible_collections.okestack.oci.plugins.module_utils.snapshot import Snapshot, key_of
from ansible_collections.okestack.oci.plugins.module_utils.waiting import Pauses

KEY = key_of("who", "list_vcns", {"compartment_id": "c"})


@pytest.fixture
def kept() -> Iterator[Snapshot]:
    made = Snapshot()
    made.open()
    made.enter("play")
    made.keep(KEY, ["a"], time.monotonic())
    yield made
    made.close()


def test_what_was_kept_is_there(kept: Snapshot) -> None:
    found = kept.get(KEY)
    assert found is not None
    assert found.value == ["a"]
    assert kept.get(key_of("somebody else", "list_vcns", {"compartment_id": "c"})) is None


def test_what_a_fork_keeps_its_siblings_have(kept: Snapshot) -> None:
    child = os.fork()
    if not child:
        kept.keep(key_of("child"), {"b": 1}, time.monotonic())
        os._exit(0)
    os.waitpid(child, 0)
    found = kept.get(key_of("child"))
    assert found is not None
    assert found.value == {"b": 1}


def test_the_write_of_a_fork_ends_belief(kept: Snapshot) -> None:
    child = os.fork()
    if not child:
        kept.end()
        os._exit(0)
    os.waitpid(child, 0)
    assert kept.get(KEY) is None
    kept.keep(KEY, ["b"], time.monotonic())
    assert kept.get(KEY) is None, "and it does not begin again"


def test_a_wait_ends_belief(kept: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SNAPSHOT", kept)
    assert Pauses(1, 1, sleep=lambda seconds: None).next()
    assert kept.get(KEY) is None


def test_another_play_has_its_own(kept: Snapshot) -> None:
    kept.enter("another play")
    assert kept.get(KEY) is None
    kept.enter("play")
    assert kept.get(KEY) is not None
    kept.enter("")
    assert kept.get(KEY) is None


def test_it_grows_old(kept: Snapshot) -> None:
    kept.keep(KEY, ["old"], time.monotonic() - snapshot.SECONDS)
    assert kept.get(KEY) is None


def test_what_a_write_does_not_change_is_kept_for_the_run(kept: Snapshot) -> None:
    kept.keep(key_of("home"), "fra", time.monotonic() - 2 * snapshot.SECONDS, lasting=True)
    kept.enter("another play")
    kept.end()
    found = kept.get(key_of("home"), lasting=True)
    assert found is not None
    assert found.value == "fra"
    assert kept.get(key_of("home")) is None


def test_what_is_too_large_is_not_kept(kept: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "LARGEST", 10)
    kept.keep(key_of("large"), "x" * 100, time.monotonic())
    assert kept.get(key_of("large")) is None
    monkeypatch.setattr(snapshot, "WHOLE", 10)
    kept.keep(key_of("small"), 1, time.monotonic())
    assert kept.get(key_of("small")) is None


def test_nothing_is_kept_before_it_is_open() -> None:
    made = Snapshot()
    made.keep(KEY, 1, time.monotonic())
    assert made.get(KEY) is None
