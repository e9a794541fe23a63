# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often a wait looks, what it says meanwhile, when it gives up."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError, Stopped
from ansible_collections.okestack.oci.plugins.module_utils.waiting import News, Pauses, Wait


class Clock:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 50.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds


@pytest.mark.parametrize(
    ("timeout", "interval", "slept"),
    [
        (10, 3, [0.2, 0.4, 0.8, 1.6, 3, 3, 1.0]),
        (1, 10, [0.2, 0.4, 0.4]),
        (1, 0.5, [0.2, 0.4, 0.4]),
        (0, 10, []),
    ],
)
def test_looks_come_less_and_less_often_and_the_last_is_at_the_end(
    timeout: float, interval: float, slept: list[float]
) -> None:
    clock = Clock()
    pauses = Pauses(timeout, interval, clock.sleep, clock)
    while pauses.next():
        pass
    assert clock.slept == slept
    assert pauses.elapsed == pytest.approx(timeout)


def test_after_a_change_the_next_look_comes_soon() -> None:
    clock = Clock()
    pauses = Pauses(100, 10, clock.sleep, clock)
    for change in (False, False, True, False):
        if change:
            pauses.soon()
        pauses.next()
    assert clock.slept == [0.2, 0.4, 0.2, 0.4]
    assert not pauses.long
    for _ in range(3):
        pauses.next()
    assert pauses.long


def test_a_change_is_said_at_once_and_what_stays_after_each_heartbeat() -> None:
    news, said = News(heartbeat=30), []
    for now, text in [(0, "a"), (10, "a"), (20, "b"), (40, "b"), (50, "b"), (60, "b"), (61, "a")]:
        if news.due(text, now):
            said.append((now, text))
            news.said(text, now)
    assert said == [(0, "a"), (20, "b"), (50, "b"), (61, "a")]


class Event(threading.Event):
    """An event that somebody sets after some pauses; no time passes but the clock's."""

    def __init__(self, clock: Clock, after: int) -> None:
        super().__init__()
        self.clock, self.after = clock, after

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.sleep(timeout or 0)
        self.after -= 1
        return self.after < 0


def waiting(clock: Clock, lines: list[str], after: int = 1000) -> Wait:
    return Wait("subnet a", timeout=100, interval=20, report=lines.append, stop=Event(clock, after), clock=clock)


def test_a_wait_says_what_it_sees_and_how_long_it_takes() -> None:
    clock, lines = Clock(), list[str]()
    one = waiting(clock, lines)
    with pytest.raises(ResourceError, match=r"^not there after 1m40s$"):
        while True:
            one.tell("CREATING" if clock.now < 60 else "UPDATING", "" if clock.now < 60 else "a log")
            one.pause(lambda took: f"not there after {took}")
    assert lines == [
        "subnet a: CREATING 0s", "subnet a: UPDATING 12s - a log", "subnet a: UPDATING 45s - a log",
        "subnet a: UPDATING 1m25s - a log",
    ]  # fmt: skip


def test_a_wait_that_is_stopped_ends() -> None:
    with pytest.raises(Stopped, match="subnet a: stopped while waiting"):
        waiting(Clock(), [], after=0).pause(str)
