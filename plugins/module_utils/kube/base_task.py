# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no task of this room can work with, whatever the option: found before anything else is done."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.model import Document
from ansible_collections.okestack.oci.plugins.module_utils.run import Context

DEPTH, VALUES = 200, 400_000
"""More levels, or more values, than any definition has: a circle, or a small text that expands to a huge one."""


class KubeTask(ABC):
    """A task on the Kubernetes side, whose options are checked before all else."""

    def execute(self, params: Document, context: Context) -> Document:
        if problems := list(dict.fromkeys(_bad(params))):
            raise KubeError("\n".join(problems[:20]))
        return self.perform(params, context)

    @abstractmethod
    def perform(self, params: Document, context: Context) -> Document:
        """The task itself. Raises KubeError."""


def _bad(params: Mapping[str, Any]) -> Iterator[str]:
    for name, value in params.items():
        yield from _values(value, str(name))


def _values(value: Any, path: str) -> Iterator[str]:
    """What is wrong with a value and what is in it. Not by recursion: it may be in itself."""
    waiting: list[tuple[Any, str, int]] = [(value, path, 0)]
    for seen in range(VALUES + 1):
        if not waiting:
            return
        one, where, depth = waiting.pop()
        if seen == VALUES:
            yield f"{path}: more than {VALUES} values"
            return
        if depth > DEPTH:
            yield f"{path}: more than {DEPTH} levels deep, or in itself"
            return
        if isinstance(one, Mapping):
            for key, inner in one.items():
                if problem := _text(key) if isinstance(key, str) else "":
                    yield f"{where}: a key {problem}"
                waiting.append((inner, f"{where}.{key}" if isinstance(key, str) and not problem else where, depth + 1))
        elif isinstance(one, (list, tuple)):
            waiting += [(inner, f"{where}[{number}]", depth + 1) for number, inner in enumerate(one)]
        elif isinstance(one, str):
            if problem := _text(one):
                yield f"{where}: {problem}"
        elif isinstance(one, float) and not math.isfinite(one):
            yield f"{where}: {one} is not a number that can be sent"
        elif isinstance(one, (bytes, set)):
            yield f"{where}: {type(one).__name__} cannot be sent: write text, for example base64"


def _text(text: str) -> str:
    if "\0" in text:
        return "holds a character NUL"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "holds half a character (a lone surrogate), which is not text"
    return ""
