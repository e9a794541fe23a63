# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same work for several things, side by side: for a list, or for things of which some need others first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

WIDTH = 10
"""Calls under way at a time, as many as Terraform's default."""


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


def in_order(
    work: Callable[[str], object],
    needs: Mapping[str, Collection[str]],
    together: tuple[type[Exception], ...],
    stopped: Callable[[], bool],
) -> dict[str, Exception]:
    """``work`` on each key of ``needs`` once the keys that it needs are done, side by side.

    Returns the errors of the classes ``together`` by key; after the first nothing new begins. Any other error is
    raised at once. What is running is waited for, unless ``stopped``.
    """
    left = {key: set(others) for key, others in needs.items()}
    running: dict[Future[object], str] = {}
    problems: dict[str, Exception] = {}
    pool = ThreadPoolExecutor(WIDTH)
    try:
        while left or running:
            for key in [key for key, others in left.items() if not others and not problems]:
                del left[key]
                running[pool.submit(work, key)] = key
            if not running:
                break
            finished, _running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                key = running.pop(future)
                try:
                    future.result()
                except together as error:
                    problems[key] = error
                for others in left.values():
                    others.discard(key)
    finally:
        pool.shutdown(wait=not stopped(), cancel_futures=True)
    return problems
