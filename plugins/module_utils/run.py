# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Ansible to the engine and back: options to a wish, an outcome to ``changed``, ``diff`` and a result.

Scrubs secrets. The action plugin, the door, runs a task in Ansible's own process (``run_task``), where it costs no
interpreter start and can say what it waits for. What a module's file says, ``run_module(SUBNET)``, runs the same task
where the door leaves it to a process of its own (async, another host).
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as _field
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

from ansible_collections.okestack.oci.plugins.module_utils.apply import Engine
from ansible_collections.okestack.oci.plugins.module_utils.cloud import CONNECTION_OPTIONS, Connection, Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import BadOptions, ResourceError, TaskError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Document,
    Field,
    ResourceType,
    as_declared,
    is_name,
    is_unknown,
    references,
    resolved,
    spread,
)
from ansible_collections.okestack.oci.plugins.module_utils.plan import VERBS, Plan
from ansible_collections.okestack.oci.plugins.module_utils.reader import Reader, public
from ansible_collections.okestack.oci.plugins.module_utils.redaction import (
    looks_secret,
    passwords,
    scrub,
    secret_values,
    texts,
)
from ansible_collections.okestack.oci.plugins.module_utils.wish import Outcome, Wish, time_of_deletion

TENANCY = "tenancy"
"""As a ``compartment_id``: the root compartment of the tenancy that the task signs in to. It has the tenancy's OCID."""


@dataclass
class Context:
    """What a task may use: the mode it runs in, the session (made when first asked for), and ways to tell people."""

    check_mode: bool = False
    connection: Connection = _field(default_factory=Connection)
    report: Callable[[str], None] = lambda line: None
    warn: Callable[[str], None] = lambda text: None
    stop: threading.Event = _field(default_factory=threading.Event)
    secrets: set[str] = _field(default_factory=set)  # values a task learnt that must not be shown
    ahead: Callable[[Session], None] | None = None  # reads what coming tasks will ask for
    _session: Session | None = None

    @property
    def session(self) -> Session:
        if self._session is None:
            self._session = Session(self.connection, self.report, self.stop, self.warn, self.ahead)
        return self._session


class Task(Protocol):
    """What a module runs.

    ``argument_spec`` holds its own options (those of the connection are added). ``constraints`` are AnsibleModule's
    (``required_if`` and the like). ``execute`` gets validated options and returns a result with ``changed``; it raises
    TaskError for people, and puts values nobody may see into ``context.secrets``.
    """

    @property
    def name(self) -> str: ...

    @property
    def constraints(self) -> Mapping[str, Any]: ...

    def argument_spec(self) -> dict[str, dict[str, Any]]: ...

    def execute(self, params: Document, context: Context) -> Document: ...


# --- a resource type as a task -----------------------------------------------------------------------------------

COMMON_OPTIONS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "id": {"type": "str"},
    "allow_replace": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int"},
    "wait_interval": {"type": "float", "default": 10.0},
}


def option_of(field: Field) -> dict[str, Any]:
    """A field as an argument spec's option."""
    option: dict[str, Any] = {"type": field.type}
    if field.elements:
        option["elements"] = field.elements
    if field.choices:
        option["choices"] = list(field.choices)
    if field.fields:
        option["options"] = {
            f.name: {**option_of(f), **({"required": True} if f.required else {})} for f in field.fields
        }
    if field.shorthands:
        option["options"] |= {name: dict(shorthand) for name, shorthand in field.shorthands.options.items()}
    if field.secret:
        option["no_log"] = True
    elif looks_secret(field.name):
        option["no_log"] = False
    return option


class ResourceTask:
    """Keeps one resource of a type."""

    constraints: Mapping[str, Any] = {}

    def __init__(self, type_: ResourceType) -> None:
        self.type = type_
        self.name = type_.name

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        spec = dict(COMMON_OPTIONS)
        spec["state"] = {**spec["state"], "choices": ["present", "absent", *self.type.actions]}
        if "id" not in self.type.address:
            del spec["id"]
        for field in self.type.all_fields:
            spec[field.name] = option_of(field)
        for name, option in self.type.extra_options.items():
            spec[name] = dict(option)
        if "tags" not in self.type.lacks:
            spec["purge_tags"] = {"type": "bool", "default": False}
        if self.type.deletion.days:
            spec["deletion_days"] = {"type": "int"}
            spec["time_of_deletion"] = {"type": "str"}
        return spec

    def execute(self, params: Document, context: Context) -> Document:
        wish = self._normalised(self.wish(params), context.session)
        outcome = Engine(context.session, self.type, wish).run(check=context.check_mode)
        for warning in outcome.warnings:
            context.warn(warning)
        result: Document = {"changed": outcome.plan.changes, self.name: public(outcome.resource)}
        if outcome.plan.changes:
            label = self.type.label({**params, **(outcome.resource or {})})
            result["duration"] = outcome.seconds
            result["diff"] = diff_of(label, outcome.plan)
            result["changes"] = [change_of(label, outcome)]
        return result

    def look(self, params: Document, session: Session) -> None:
        """Reads what is there, so that the task itself need not."""
        wish = self.wish(params)
        if wish.state == "present":
            Reader(session, self.type, wish).find()

    def _normalised(self, wish: Wish, session: Session) -> Wish:
        """A wish in the service's own words: shorthands spread, names of the region's own resolved.

        Raises ResourceError with all that is wrong, each with the option's path.
        """
        fields, rows, problems = spread(self.type.all_fields, wish.fields)
        wish = replace(wish, fields=fields)
        found = [*self._names_in_place_of_ids(wish), *self.type.problems(fields | wish.extra)]
        problems += [as_declared(problem, rows) for problem in found]
        constants = {kind: partial(mean, session) for kind, mean in self.type.constants.items()}
        for path, kind, name in references(self.type.all_fields, fields, "") if constants and not problems else ():
            try:
                constants[kind](name)
            except ResourceError as error:
                problems.append(as_declared(f"{path}: {error}", rows))
        if problems:
            raise ResourceError("\n".join(dict.fromkeys(problems)))
        if not constants or wish.state == "absent":
            return wish
        return replace(wish, fields=resolved(self.type.all_fields, fields, lambda kind, name: constants[kind](name)))

    def _names_in_place_of_ids(self, wish: Wish) -> Iterable[str]:
        """Names where OCIDs belong, each with its option: the service would say no more than 404."""
        if is_name(wish.id):
            yield f"id: {wish.id!r} is not an OCID"
        for path, kind, name in references(self.type.all_fields, wish.fields, ""):
            if kind not in self.type.constants:
                yield f"{path}: {name!r} is not an OCID of a {kind.replace('_', ' ')}"

    def wish(self, params: Document) -> Wish:
        """The options of a task as what it asks for; an option not given is not managed."""
        declared = given(params, self.argument_spec())
        days, date = params.get("deletion_days"), params.get("time_of_deletion")
        if self.type.deletion.days:
            time_of_deletion(self.type.deletion.days, days, date)
        return Wish(
            state=params.get("state") or "present",
            id=params.get("id"),
            fields={f.name: declared[f.name] for f in self.type.all_fields if f.name in declared},
            extra={n: params[n] for n in self.type.extra_options if params.get(n) is not None},
            purge_tags=bool(params.get("purge_tags")),
            allow_replace=bool(params.get("allow_replace")),
            wait=params.get("wait", True),
            wait_timeout=float(_or(params.get("wait_timeout"), self.type.wait_timeout)),
            wait_interval=float(_or(params.get("wait_interval"), 10.0)),
            deletion_days=days,
            time_of_deletion=date,
        )


def _or(value: Any, default: Any) -> Any:
    """A value, zero too, or the default."""
    return default if value is None else value


def given(values: Mapping[str, Any], spec: Mapping[str, Mapping[str, Any]]) -> Document:
    """Options without the nulls that an argument spec fills in. In a dict without suboptions a null is the user's own
    (a tag that is to go) and stays."""
    made: Document = {}
    for name, value in values.items():
        options = spec.get(name, {}).get("options")
        if value is None:
            continue
        if options and isinstance(value, list):
            made[name] = [given(v, options) if isinstance(v, Mapping) else v for v in value]
        elif options and isinstance(value, Mapping):
            made[name] = given(value, options)
        else:
            made[name] = value
    return made


def verb_of(plan: Plan) -> str:
    """What a plan does, as the result's ``changes`` and the run's summary say it."""
    return VERBS.get(plan.kind, "changed")


def change_of(label: str, outcome: Outcome) -> Document:
    """A row of a result's ``changes``; one that is only planned holds its calls too."""
    row: Document = {"name": label, "change": verb_of(outcome.plan)}
    return {**row, "calls": list(outcome.calls)} if outcome.calls else row


def diff_of(label: str, plan: Plan) -> Document:
    """Ansible's diff: what changes, as YAML-like documents under the resource's name."""
    return {
        "before_header": label,
        "after_header": f"{label} ({verb_of(plan)})",
        "before": plan.before if plan.kind != "create" else {},
        "after": plan.after,
    }


# --- running a task ----------------------------------------------------------------------------------------------


def as_task(thing: ResourceType | Task) -> Task:
    return ResourceTask(thing) if isinstance(thing, ResourceType) else thing


def full_spec(task: Task) -> dict[str, dict[str, Any]]:
    """A task's options and those of the connection."""
    return {**task.argument_spec(), **{k: dict(v) for k, v in CONNECTION_OPTIONS.items()}}


def run_task(task: Task, params: Document, context: Context) -> Document:
    """Runs a task with validated options; the result is plain data from which secrets are scrubbed.

    Never raises: a failure is a result with ``failed`` and ``msg``.
    """
    try:
        if problems := list(ill_formed(params)):
            raise ResourceError("\n".join(problems))
        result = task.execute(mean_tenancy(params, lambda: context.session), context)
    except TaskError as error:
        result = {"failed": True, "changed": False, "msg": str(error)}
    except Exception as error:
        import traceback

        places = [
            f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}"
            for f in traceback.extract_tb(error.__traceback__)[-4:]
        ]
        result = {
            "failed": True,
            "changed": False,
            "msg": f"{task.name}: a fault in okestack.oci, please report it: {type(error).__name__}: {error} "
            f"(at {' < '.join(reversed(places))})",
        }
    plain = json.loads(json.dumps(result, default=str))
    shown: dict[str, Any] = scrub(plain, context.secrets | context.connection.secrets)
    return shown


def mean_tenancy(params: Document, session: Callable[[], Session]) -> Document:
    """A task's options, with the root compartment's OCID where it is meant."""
    if params.get("compartment_id") != TENANCY:
        return params
    return {**params, "compartment_id": session().tenancy}


_SECONDS = {"request_timeout": 0.1, "retry_timeout": 0.0, "timeout": 1.0, "wait_timeout": 0.0, "wait_interval": 0.0}
"""Options in seconds -> the least that makes sense."""
_YEAR = 31_536_000
_LEVELS = {"freeform_tags": 1, "defined_tags": 2, "security_attributes": 3}
"""Options without suboptions -> how deep their values lie. An argument spec cannot say so, and the SDK answers with a
TypeError."""


def ill_formed(values: Any, path: str = "") -> Iterator[str]:
    """What is wrong with options beyond what Ansible checks of them, each with its path."""
    if isinstance(values, (list, tuple)):
        for index, value in enumerate(values):
            yield from ill_formed(value, f"{path}[{index}]")
    elif isinstance(values, Mapping):
        for name, value in values.items():
            where = f"{path}.{name}" if path else str(name)
            least = None if path else _SECONDS.get(name)
            if name in _LEVELS and isinstance(value, Mapping):
                yield from _uneven(value, where, _LEVELS[name])
            elif least is not None and isinstance(value, (int, float)) and value < least:
                yield f"{where}: {value} seconds are less than {least:g}"
            elif least is not None and isinstance(value, (int, float)) and value > _YEAR:
                yield f"{where}: {value} seconds are more than a year"
            else:
                yield from ill_formed(value, where)


def _uneven(values: Mapping[str, Any], path: str, levels: int) -> Iterator[str]:
    for name, value in values.items():
        if value is None or is_unknown(value):
            continue
        if isinstance(value, Mapping) and levels > 1:
            yield from _uneven(value, f"{path}.{name}", levels - 1)
        elif levels > 1:
            yield f"{path}.{name}: {value!r} is not a dictionary"
        elif isinstance(value, (Mapping, list)):
            yield f"{path}.{name}: {value!r} is not text"


# --- options, checked --------------------------------------------------------------------------------------------


def validated(task: Task, args: Mapping[str, Any]) -> tuple[Document, set[str]]:
    """A task's arguments, checked and coerced by Ansible's own rules; placeholders pass by.

    Also returns the values of the secret options. Raises BadOptions.
    """
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
    from ansible.module_utils.errors import UnsupportedError

    spec = full_spec(task)
    if problems := [*unreadable(args)]:
        raise BadOptions(f"{task.name}: {problems[0]}")
    plain = untagged(args)
    if problems := [*of_another_kind(plain, spec)]:
        raise BadOptions(f"{task.name}: " + "; ".join(scrub(problems, secret_values(spec, plain))))
    secrets = secret_values(spec, plain)
    checked = ArgumentSpecValidator(spec, **task.constraints).validate(stood_in(plain, {"options": spec}))
    problems = [
        f"unsupported option: {error.msg}" if isinstance(error, UnsupportedError) else error.msg
        for error in checked.errors.errors
    ]
    if problems:
        raise BadOptions(f"{task.name}: " + "; ".join(scrub(problems, secrets)))
    return put_back(checked.validated_parameters, plain), secrets


_DEEPEST, _MOST = 100, 250_000
"""How deep and how many values options may be; an inventory's have some ten levels, a chart's values some thousands."""


def unreadable(value: Any, path: str = "") -> Iterator[str]:
    """What cannot be taken as options at all, whatever they are for; the first of it is enough.

    Anchors make a circle, or from a few lines millions of values.
    """
    seen = 0
    todo = [(value, path, 0)]
    while todo:
        value, path, depth = todo.pop()
        seen += 1
        if depth > _DEEPEST or seen > _MOST:
            top = re.split(r"[.[]", path)[0]
            yield f"{top}: nested deeper than {_DEEPEST} levels, or more than {_MOST} values (anchors in a circle?)"
            return
        if isinstance(value, str):
            if any("\ud800" <= character <= "\udfff" for character in value):
                yield f"{path}: holds half a character (a lone surrogate), which is not Unicode"
        elif isinstance(value, Mapping):
            todo += [(key, path, depth + 1) for key in value]
            todo += [(inner, f"{path}.{key}" if path else str(key), depth + 1) for key, inner in value.items()]
        elif isinstance(value, (list, tuple)):
            todo += [(inner, f"{path}[{index}]", depth + 1) for index, inner in enumerate(value)]


def of_another_kind(values: Any, spec: Mapping[str, Mapping[str, Any]], path: str = "") -> Iterator[str]:
    """Values which an argument spec is not asked about before they are used, or stumbles over."""
    for name, option in spec.items():
        if not isinstance(values, Mapping) or (value := values.get(name)) is None or is_unknown(value):
            continue
        where, kind = f"{path}{name}", option.get("type", "str")
        if kind in ("int", "float"):
            yield from _endless(value, where)
        elif kind == "list" and option.get("elements") in ("int", "float"):
            for row in value if isinstance(value, list) else [value]:
                yield from _endless(row, where)
        elif kind == "path" and isinstance(value, str):
            if len(value) > 4096 or any(len(part.encode()) > 255 for part in value.split("/")):
                yield f"{where}: a path of {len(value)} characters is too long for a file's"
        elif name == "proxy_url" and value and not _a_proxy(value):
            yield f"{where}: not a URL like http://host:port"  # it may hold a password
        elif option.get("options"):
            rows = value if kind == "list" and isinstance(value, list) else [value]
            for index, row in enumerate(rows):
                at = f"{where}[{index}]" if kind == "list" else where
                if isinstance(row, Mapping):
                    yield from of_another_kind(row, option["options"], f"{at}.")
                elif row is None or not isinstance(row, str):  # text may be a dictionary to Ansible, or a placeholder
                    yield f"{at}: {row!r} is not a dictionary"


def _a_proxy(url: Any) -> bool:
    try:
        parts = urlsplit(str(url))
        host, _port = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:
        return False
    return bool(host) and "://" in str(url) and str(url).isprintable() and " " not in str(url)


def _endless(value: Any, where: str) -> Iterator[str]:
    try:
        finite = math.isfinite(float(value))
    except OverflowError:
        finite = False
    except (TypeError, ValueError):
        return  # Ansible says what it is
    if not finite:
        yield f"{where}: {value} is not a number that can be used"


def untagged(value: Any) -> Any:
    """Task arguments as plain Python: Ansible tags values with their origin, which serialisers refuse."""
    if isinstance(value, Mapping):
        return {str(k): untagged(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [untagged(v) for v in value]
    if isinstance(value, bool):
        return value
    for plain in (int, float, str):
        if isinstance(value, plain):
            return plain(value)
    return value


_SAMPLES: Mapping[str, Any] = {"int": 0, "float": 0.0, "bool": False, "list": [], "path": "", "dict": {}}


def stood_in(value: Any, option: Mapping[str, Any]) -> Any:
    """A value with something that Ansible takes in place of each placeholder that it would coerce or refuse.

    A placeholder is text; an ``int`` option would refuse it. The other options are checked all the same.
    """
    choices, options, kind = option.get("choices"), option.get("options"), option.get("type", "str")
    if is_unknown(value):
        if options and kind == "dict":
            return {n: stood_in(value, o) for n, o in options.items() if o.get("required")}
        return choices[0] if choices and kind != "list" else _SAMPLES.get(kind, value)
    if isinstance(value, Mapping) and options:
        return {k: stood_in(v, options.get(k, {})) for k, v in value.items()}
    if isinstance(value, list):
        row = {"type": option.get("elements", "raw"), "options": options, "choices": choices}
        return [stood_in(v, row) for v in value]
    return value


def put_back(checked: Any, plain: Any) -> Any:
    """Checked options with the placeholders that they were given with."""
    if is_unknown(plain):
        return plain
    if isinstance(checked, Mapping) and isinstance(plain, Mapping):
        return {k: put_back(v, plain.get(k)) for k, v in checked.items()}
    if isinstance(checked, list) and isinstance(plain, list):
        return [put_back(c, p) for c, p in zip(checked, plain, strict=True)]
    return checked


def run_module(thing: ResourceType | Task) -> None:
    """The whole of a module's ``main``: as its own process, on any host that has the SDK."""
    from ansible.module_utils.basic import AnsibleModule

    task = as_task(thing)

    class Module(AnsibleModule):
        """Fails for bad options without the passwords of their URLs; the result repeats options at -vvv."""

        checked = False

        def fail_json(self, msg: str, **more: Any) -> None:
            if not self.checked:  # nobody knows yet what in them is secret
                more.setdefault("invocation", {})
            self.no_log_values |= {word for url in texts(self.params) for word in passwords(url)}
            super().fail_json(msg, **more)

    # Options may hold what only the task knows to be secret (a Secret's values): none goes into the system's log.
    module = Module(argument_spec=full_spec(task), supports_check_mode=True, no_log=True, **task.constraints)
    module.checked = True
    context = Context(
        check_mode=module.check_mode,
        connection=Connection.from_options(module.params),
        warn=module.warn,
    )
    result = run_task(task, dict(module.params), context)
    # The result repeats the options at -vvv.
    module.no_log_values |= {text for text in context.secrets | context.connection.secrets if len(text) >= 4}
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


__all__ = [
    "Context",
    "ResourceTask",
    "Task",
    "as_task",
    "full_spec",
    "run_module",
    "run_task",
    "validated",
]
