# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work side by side: the order of results, what an error ends, and what needs something else first."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.parallel import WIDTH, in_order, side_by_side


class Wrong(Exception):
    """What may go wrong for several at a time."""


def _refuse(number: int) -> int:
    if number % 2:
        raise Wrong(f"{number} is odd")
    return -number


@pytest.mark.parametrize("items", [[], [4], [4, 2, 0], list(range(0, 60, 2))])
def test_results_come_in_the_order_of_the_items(items: list[int]) -> None:
    assert side_by_side(_refuse, items) == [-item for item in items]


@pytest.mark.parametrize(
    ("items", "text"), [([1], "1 is odd"), ([2, 3], "3 is odd"), ([1, 2, 3, 1], "1 is odd\n3 is odd")]
)
def test_errors_of_a_class_are_raised_together_each_once(items: list[int], text: str) -> None:
    with pytest.raises(Wrong) as raised:
        side_by_side(_refuse, items, Wrong)
    assert str(raised.value) == text


def test_any_other_error_is_the_first() -> None:
    with pytest.raises(Wrong, match=r"^1 is odd$"):
        side_by_side(_refuse, [2, 1, 3])
    with pytest.raises(Wrong, match=r"^1 is odd$"):
        side_by_side(_refuse, [2, 1, 3], KeyError)


def test_as_many_run_at_a_time_as_are_allowed() -> None:
    together = threading.Barrier(WIDTH)
    assert side_by_side(lambda _: together.wait(30) >= 0, range(WIDTH)) == [True] * WIDTH


NEEDS: Mapping[str, set[str]] = {"subnet": {"vcn", "table"}, "table": {"gateway"}, "gateway": {"vcn"}, "vcn": set()}


def test_each_comes_after_what_it_needs() -> None:
    done: list[str] = []
    assert in_order(done.append, NEEDS, (), lambda: False) == {}
    assert done == ["vcn", "gateway", "table", "subnet"]
    assert in_order(done.append, {}, (), lambda: False) == {}


def test_after_an_error_nothing_new_begins() -> None:
    done: list[str] = []

    def work(key: str) -> None:
        done.append(key)
        if key == "gateway":
            raise Wrong("no gateway")

    problems = in_order(work, NEEDS, (Wrong,), lambda: False)
    assert {key: str(error) for key, error in problems.items()} == {"gateway": "no gateway"}
    assert done == ["vcn", "gateway"]


def test_what_is_independent_runs_side_by_side_and_its_errors_are_all_told() -> None:
    together = threading.Barrier(3)

    def work(key: str) -> None:
        together.wait(30)
        if key != "a":
            raise Wrong(key)

    assert set(in_order(work, {key: set() for key in "abc"}, (Wrong,), lambda: False)) == {"b", "c"}


def test_an_error_of_another_class_ends_it() -> None:
    with pytest.raises(ZeroDivisionError):
        in_order(lambda key: 1 // len(key[1:]), {"a": set(), "b": {"a"}}, (Wrong,), lambda: False)
