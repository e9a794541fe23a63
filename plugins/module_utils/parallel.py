# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same work for several things, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

WIDTH = 10
"""Calls under way at a time."""


def side_by_side(work: Callable[[T], R], items: Iterable[T], together: type[Exception] | None = None) -> list[R]:
    """``work`` on each item, its results in the order of the items.

    The first error is raised and what has not begun is left; errors of the class ``together`` are collected instead,
    and raised as one that holds the texts of all.
    """
    waiting = list(items)
    if len(waiting) == 1:
        return [work(waiting[0])]
    results: list[R] = []
    problems: list[Exception] = []
    pool = ThreadPoolExecutor(WIDTH)
    try:
        for future in [pool.submit(work, item) for item in waiting]:
            try:
                results.append(future.result())
            except Exception as error:
                if together is None or not isinstance(error, together):
                    raise
                problems.append(error)
    finally:
        # Not waited for: a task's time-out must be able to leave at once.
        pool.shutdown(wait=False, cancel_futures=True)
    if len(problems) == 1:
        raise problems[0]
    if together is not None and problems:
        raise together("\n".join(dict.fromkeys(str(problem) for problem in problems)))
    return results
