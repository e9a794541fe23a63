# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When what failed is tried again: pauses that double until time is up."""

from __future__ import annotations

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.retries import Retry


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def pauses(retry: Retry, clock: Clock, *wanted: float | None) -> list[float | None]:
    """The pauses after failures, each waited for; ``wanted`` is what the server asks for each time."""
    found = []
    for one in wanted:
        found.append(retry.pause(one))
        clock.now += found[-1] or 0
    return found


@pytest.mark.parametrize(
    ("timeout", "wanted", "expected"),
    [
        (100, (None,) * 5, [0.5, 1.0, 2.0, 4.0, 4.0]),
        (3, (None,) * 4, [0.5, 1.0, None, None]),
        (1.5, (None,) * 3, [0.5, 1.0, None]),
        (0, (None,), [None]),
        (100, (7.0, None, 0.0), [7.0, 1.0, 0.0]),
        (5, (7.0,), [None]),
    ],
    ids=["doubled to the longest", "until time is up", "the last at the end", "no time", "as asked", "asked too late"],
)
def test_pauses(timeout: float, wanted: tuple[float | None, ...], expected: list[float | None]) -> None:
    clock = Clock()
    assert pauses(Retry(timeout, longest=4.0, clock=clock), clock, *wanted) == expected


def test_a_pause_varies_by_the_given_share() -> None:
    found = {Retry(100, first=10, jitter=0.2).pause() or 0 for _ in range(50)}
    assert len(found) > 1 and all(8 <= one <= 12 for one in found)


@pytest.mark.parametrize(("seconds", "pause"), [(0.1, None), (1.0, 0.5), (1000.0, 0.5)])
def test_one_kind_of_failure_may_end_it_earlier(seconds: float, pause: float | None) -> None:
    retry = Retry(10, clock=Clock())
    retry.within(seconds)
    assert retry.pause() == pause
    assert Retry(10, clock=Clock()).pause(patience=seconds) == pause, "patience is for that failure alone"


def test_it_is_never_prolonged() -> None:
    clock = Clock()
    retry = Retry(1, clock=clock)
    retry.within(1000)
    assert pauses(retry, clock, None, None) == [0.5, None]
