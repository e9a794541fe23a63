# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small changes to manifests that somebody else wrote: what a chart's values cannot say. Pure functions.

A path is written with dots: `spec.template.spec.containers[0].image`. `[*]` is every member of a list, `[name=web]`
the member with that name, `["a.b/c"]` a key that holds dots, `**` any number of levels.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError

from .objects import Item

_STEP = re.compile(
    r"""\.?(?:(?P<deep>\*\*)|(?P<key>[^.\[\]]+))"""
    r"""|\[(?:(?P<index>-?\d+)|(?P<all>\*)|"(?P<quoted>[^"]*)"|(?P<field>[^=\]]+)=(?P<value>[^\]]*))\]"""
)


def parse_path(path: str) -> list[tuple[str, Any]]:
    """Steps of a path.

    :raises KubeError: it is not one.
    """
    steps: list[tuple[str, Any]] = []
    place = 0
    while place < len(path):
        found = _STEP.match(path, place)
        if not found:
            raise KubeError(f"patches: {path!r} is not a path: stuck at {path[place:]!r}")
        place = found.end()
        if found["deep"]:
            steps.append(("deep", None))
        elif found["all"]:
            steps.append(("all", None))
        elif found["index"] is not None:
            steps.append(("index", int(found["index"])))
        elif found["field"] is not None:
            steps.append(("member", (found["field"], found["value"])))
        else:
            steps.append(("key", found["key"] if found["key"] is not None else found["quoted"]))
    if not steps or steps[-1][0] == "deep":
        raise KubeError(f"patches: {path!r} names nothing")
    return steps


def remove(document: Any, path: str) -> int:
    """Take out what the path names; how many places there were."""
    places = list(_places(document, parse_path(path)))
    # From the end, so that members of a list keep their numbers until it is their turn.
    for holder, key in reversed(places):
        del holder[key]
    return len(places)


def put(document: Any, path: str, value: Any) -> int:
    """Set what the path names; keys on the way that are not there are made, unless the path has wildcards there."""
    places = list(_places(document, parse_path(path), make=True))
    for holder, key in places:
        holder[key] = value
    return len(places)


def _places(value: Any, steps: Sequence[tuple[str, Any]], make: bool = False) -> Iterator[tuple[Any, Any]]:
    kind, what = steps[0]
    rest = steps[1:]
    if kind == "deep":
        yield from _places(value, rest)
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        for each in list(inner):
            yield from _places(each, steps)
        return
    keys: list[Any] = []
    if kind == "key":
        if isinstance(value, MutableMapping):
            if what in value:
                keys = [what]
            elif make:
                if not rest:
                    keys = [what]
                elif rest[0][0] == "key":
                    value[what] = {}
                    keys = [what]
    elif isinstance(value, list):
        if kind == "all":
            keys = list(range(len(value)))
        elif kind == "index":
            keys = [what] if -len(value) <= what < len(value) else []
        else:
            field, wanted = what
            keys = [n for n, row in enumerate(value) if isinstance(row, Mapping) and str(row.get(field)) == wanted]
    for key in keys:
        if rest:
            yield from _places(value[key], rest, make)
        else:
            yield value, key


def patch(items: Sequence[Item], patches: Sequence[Mapping[str, Any]]) -> None:
    """Apply patches (`kind`, `name`, `namespace`: patterns; `set`: path to value; `remove`: paths) to the items.

    :raises KubeError: a patch fits no object, or one of its paths nothing in any: it would do nothing unseen.
    """
    problems = []
    for number, row in enumerate(patches):
        chosen = [item for item in items if _fits(item, row)]
        if not chosen:
            wanted = f"kind {row.get('kind') or '*'}, name {row.get('name') or '*'}"
            problems.append(f"patches[{number}]: no object fits {wanted}")
            continue
        for path in row.get("remove") or ():
            if not sum(remove(item.manifest, path) for item in chosen):
                problems.append(f"patches[{number}].remove: nothing at {path}")
        for path, value in (row.get("set") or {}).items():
            if not sum(put(item.manifest, path, value) for item in chosen):
                problems.append(f"patches[{number}].set: nothing at {path}")
    if problems:
        raise KubeError("; ".join(problems))


def _fits(item: Item, row: Mapping[str, Any]) -> bool:
    return all(
        not row.get(name) or fnmatch.fnmatchcase(str(actual or ""), str(row[name]))
        for name, actual in (("kind", item.key.kind), ("name", item.key.name), ("namespace", item.key.namespace))
    )
