"""Campaigns: very many small cases of one kind. A seeded sample of them is played with the other tests, all of them by
`pytest --whole` (`make campaign`)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def chosen(cases: Sequence[T], whole: bool, size: int, seed: int = 9) -> list[T]:
    """The cases to play: all, or as many as `size`, the same each time, in their order."""
    if whole or len(cases) <= size:
        return list(cases)
    picked = sorted(random.Random(seed).sample(range(len(cases)), size))
    return [cases[n] for n in picked]
