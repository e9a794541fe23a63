# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML from people: what is not YAML, refers to itself or expands to something huge is reported, not loaded."""

from __future__ import annotations

from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError

try:
    import yaml
except ImportError:  # ansible's own requirement; absent only where imports are checked
    yaml = None  # type: ignore[assignment]

EXPANDED, TIMES = 100_000, 10
"""A text may stand for so many values; for more only where they are not, by aliases, so many times those written."""


def load_all(text: str, source: str) -> list[Any]:
    """All documents of a text; libyaml's loader where it is there (ten times faster).

    :raises KubeError: not YAML, with the place; not the text's own words, which may be a secret.
    """
    found: list[Any] = []
    try:
        text.encode()
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                _weigh(node, source)
                found.append(loader.construct_document(node))
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        why = getattr(error, "problem", None) or "cannot be parsed"
        raise KubeError(f"{source}{place}: not YAML ({why})") from None
    except UnicodeEncodeError:
        raise KubeError(f"{source}: not YAML (half a character, a lone surrogate, is in it)") from None
    except RecursionError:
        raise KubeError(f"{source}: nested too deep") from None
    except (ValueError, OverflowError, TypeError):  # an invalid date, a key that cannot be one
        raise KubeError(f"{source}: not YAML (a value is not what it looks like)") from None
    return found


def _weigh(root: Any, source: str) -> None:
    """:raises KubeError: the document is in itself, or aliases make it huge."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()
    waiting = [(root, False)]
    while waiting:
        node, done = waiting.pop()
        inner = node.value if isinstance(node.value, list) else []
        parts = [part for row in inner for part in (row if isinstance(row, tuple) else (row,))]
        if done:
            open_nodes.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes[id(part)] for part in parts)
        elif id(node) in open_nodes:
            raise KubeError(f"{source} line {node.start_mark.line + 1}: an anchor is in itself")
        elif id(node) not in sizes:
            open_nodes.add(id(node))
            waiting.append((node, True))
            waiting += [(part, False) for part in parts if id(part) not in sizes]
    total = sizes.get(id(root), 0)
    if total > EXPANDED and total > TIMES * len(sizes):
        raise KubeError(f"{source}: its aliases make {len(sizes)} values {total}")
