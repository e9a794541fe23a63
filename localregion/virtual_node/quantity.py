# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes quantities: `250m`, `1.5`, `512Mi`, `1e3`."""

from __future__ import annotations

_FACTORS = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}


def quantity(text: str | int | float) -> float:
    """The number that a quantity means. Raises ValueError."""
    word = str(text)
    for suffix in sorted(_FACTORS, key=len, reverse=True):
        if word.endswith(suffix):
            return float(word[: -len(suffix)]) * _FACTORS[suffix]
    return float(word)
