# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same work for several objects, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .errors import KubeError

T = TypeVar("T")
R = TypeVar("R")
WIDTH = 8


def side_by_side(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Results in the items' order. All that fails is reported together.

    :raises KubeError: of the one item that failed, or one that holds the texts of all.
    """
    if len(items) == 1:
        return [work(items[0])]
    results: list[R] = []
    problems: list[KubeError] = []
    executor = ThreadPoolExecutor(max_workers=WIDTH)
    try:
        for future in [executor.submit(work, item) for item in items]:
            try:
                results.append(future.result())
            except KubeError as error:
                problems.append(error)
    finally:
        # Not waited for: a task's time-out must be able to leave at once.
        executor.shutdown(wait=False, cancel_futures=True)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise KubeError("\n".join(dict.fromkeys(str(problem) for problem in problems)))
    return results
