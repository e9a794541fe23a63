# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tasks share what they read, and what the tasks of a play that are still to come will read, read together.

Nothing depends on it: what is read for nothing costs a call, what is not read the task reads itself.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils import registry
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session
from ansible_collections.okestack.oci.plugins.module_utils.model import Document
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.preload import enabled
from ansible_collections.okestack.oci.plugins.module_utils.run import given, mean_tenancy, untagged
from ansible_collections.okestack.oci.plugins.module_utils.snapshot import SNAPSHOT, key_of

OURS = "okestack.oci."
HARMLESS = frozenset(
    f"ansible.builtin.{name}"
    for name in (
        "assert",
        "debug",
        "fail",
        "file",
        "gather_facts",
        "import_role",
        "import_tasks",
        "include_vars",
        "meta",
        "set_fact",
        "set_stats",
        "setup",
        "validate_argument_spec",
    )
) | {"meta"}  # which Ansible adds itself
"""Tasks that change nothing in the cloud and do not wait for a change."""
INCLUDES = frozenset({"ansible.builtin.include_tasks", "ansible.builtin.include_role"})
"""What they bring is not known before; in our own roles it is of the same kind (a test holds that)."""
MOST_ITEMS = 50
"""Of a loop."""
_ASKS = re.compile(r"\b(lookup|query|q)\s*\(")


def enter(task: Any) -> None:
    """A task shares what is read with those of its play, where none of them can change the cloud without our seeing."""
    shares = False
    with contextlib.suppress(Exception):
        play = task.get_play()
        SNAPSHOT.enter(play._uuid)
        shares = enabled() and SNAPSHOT.is_open and _shares(play) and _is_harmless(task)
    if not shares:
        SNAPSHOT.enter("")


def _shares(play: Any) -> bool:
    """Whether all tasks of a play are such; looked at once a play."""
    key = key_of("tasks of the play")
    kept = SNAPSHOT.get(key)
    if kept is None:
        harmless = all(map(_is_harmless, [*_everything(play), *_handlers(play)]))
        SNAPSHOT.keep(key, harmless, time.monotonic())
        return harmless
    return bool(kept.value)


def reading(
    task: Any, templar: Any, variables: Mapping[str, Any], own: tuple[str, Document] | None = None
) -> Callable[[Session], None]:
    """Reads what the tasks after one will look at, and what it looks at itself: ``own``, its module and options."""

    def ahead(session: Session) -> None:
        jobs = [*([own] if own else []), *_jobs(task, templar, variables)]
        counts = Counter(name.removesuffix("_info") for name, _params in jobs)
        session.together |= {name for name, count in counts.items() if count > 1}
        side_by_side(lambda job: _look(session, *job), jobs)

    return ahead


def _look(session: Session, name: str, params: Document) -> None:
    """What cannot be read is the task's own to tell."""
    look = getattr(registry.task(name), "look", None)
    if look is not None:
        with contextlib.suppress(Exception):
            look(mean_tenancy(params, lambda: session), session)


def _name(task: Any) -> str:
    return str(task._resolved_action or task.action)  # the property warns of an action that is a template


def _is_harmless(task: Any) -> bool:
    name = _name(task)
    ours = task._role is not None and f"{task._role._role_collection}." == OURS
    return name.startswith(OURS) or name in HARMLESS or (ours and name in INCLUDES)


def _jobs(task: Any, templar: Any, variables: Mapping[str, Any]) -> Iterator[tuple[str, Document]]:
    """Modules and options of the tasks after one, as far as they can be known now."""
    for later in _after(task):
        name = _name(later)
        if not name.startswith(OURS) or later.async_val or later.loop_with:
            continue
        short = later.action.rpartition(".")[2]  # all modules are routed to the door
        task_of = registry.task(short)
        if task_of is None or not hasattr(task_of, "look"):
            continue
        known = {**variables, **later.get_vars()}
        for more in _items(later, templar, known):
            with contextlib.suppress(Exception):
                values = templar.copy_with_new_env(available_variables={**known, **more})
                if all(values.evaluate_conditional(condition) for condition in later.when):
                    yield short, dict(_options(later.args, task_of.argument_spec(), values))


def _items(task: Any, templar: Any, variables: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The variables of each round of a task's loop; none is a round as well."""
    if task.loop is None:
        yield {}
        return
    with contextlib.suppress(Exception):
        values = templar.copy_with_new_env(available_variables=dict(variables))
        for item in list(values.template(task.loop))[:MOST_ITEMS] if not _asks(task.loop) else ():
            yield {task.loop_control.loop_var if task.loop_control else "item": item}


def _options(args: Mapping[str, Any], spec: Mapping[str, Any], templar: Any) -> Iterator[tuple[str, Any]]:
    """A task's options that can be known; those that cannot are as if they were not given."""
    for name in args:
        with contextlib.suppress(Exception):
            if not _asks(args[name]):
                value = templar.template({name: args[name]})  # a dictionary: an omitted one is left out
                yield from untagged(given(value, spec)).items()


def _asks(value: Any) -> bool:
    """Whether a task's text asks a lookup, which is the task's own to do: it may make what it looks for."""
    return _ASKS.search(str(value)) is not None


def _after(task: Any) -> Iterator[Any]:
    """The tasks of a play after one, as far as they are written in it."""
    everything = _everything(task.get_play())
    places = {one._uuid: place for place, one in enumerate(everything)}
    at, node = None, task
    while at is None and node is not None:  # what is in an included file comes where that is included
        at, node = places.get(node._uuid), node._parent
    only, never = task.get_play().only_tags, task.get_play().skip_tags
    for later in everything[at + 1 :] if at is not None else ():
        if later.evaluate_tags(only, never, {}) if (never or set(only) != {"all"}) else "never" not in later.tags:
            yield later


def _everything(play: Any) -> list[Any]:
    """The tasks that a play is written to do, in their order."""
    blocks = [*play.pre_tasks, *(play._compile_roles() if play.roles else ()), *play.tasks, *play.post_tasks]
    return list(_tasks(blocks))


def _handlers(play: Any) -> list[Any]:
    return list(_tasks([*play.handlers, *(play.compile_roles_handlers() if play.roles else ())]))


def _tasks(blocks: list[Any]) -> Iterator[Any]:
    for one in blocks:
        if hasattr(one, "block"):
            yield from _tasks([*one.block, *one.rescue, *one.always])
        else:
            yield one
