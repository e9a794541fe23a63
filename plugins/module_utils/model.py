# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a resource type is: plain, frozen data. Knows neither HTTP nor Ansible.

A type (``ResourceType``) is declared in ``types/``; everything the engine does for it is read from here.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as _field
from datetime import UTC, datetime
from enum import Enum
from typing import Any

Document = dict[str, Any]
"""A resource as the SDK's ``to_dict`` shows it: snake_case names, plain values."""

DEPLOYMENT, COMPONENT = "okestack-deployment", "okestack-component"
OWNER_LABEL = "okestack.oci/owner"
"""The free-form tags by which the site's roles say whose a resource is."""

Address = tuple[str, ...]
"""The values that name one resource to the service's operations, mostly its id alone."""

# --- values that are known only after a resource is made ---------------------------------------------------------

_MARK = "(known after apply"


def placeholder(resource: str, name: str, path: str) -> str:
    """The stand-in for a value that only the service can give, e.g. ``(known after apply: vcn main id)``.

    A plain string, found by substring, so that templates may put it inside of other text (a policy's statement).
    """
    return f"{_MARK}: {resource} {name} {path})"


def is_unknown(value: Any) -> bool:
    """Whether a value is, or as text holds, a placeholder."""
    return isinstance(value, str) and _MARK in value


def holds_unknown(value: Any) -> bool:
    """Whether a value holds a placeholder anywhere inside."""
    if isinstance(value, Mapping):
        return any(holds_unknown(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return any(holds_unknown(v) for v in value)
    return is_unknown(value)


# --- fields ------------------------------------------------------------------------------------------------------


class Change(Enum):
    """How a field of an existing resource changes."""

    UPDATE = "update"  # in place, by the type's update operation
    STEPS = "steps"  # in place, by operations of its own (Field.steps)
    MOVE = "move"  # by the service's change-compartment operation
    REPLACE = "replace"  # only with a new resource
    ONCE = "once"  # sent when the resource is made; the service does not show it, so it is not compared
    WITH = "with"  # how other changes are carried out: sent along with an update; alone it is not a difference


class _Unset:
    """A field without a service default."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = _Unset()


@dataclass(frozen=True)
class Call:
    """One write: an operation of the type's client. The engine adds the resource's id.

    ``arguments`` are further keyword arguments; ``body`` becomes the operation's details model, whose name
    follows from the operation's.
    """

    operation: str
    body: Document | None = None
    arguments: Mapping[str, Any] = _field(default_factory=dict)
    guarded: bool = False  # takes if-match
    repeatable: bool = True  # sending it twice does no harm


Steps = Callable[[Any, Any, Document], list[Call]]
"""(value before, value wanted, the resource as observed) -> writes, in order."""

Refusal = Callable[[Any, Any], "str | None"]
"""(value before, value wanted) -> why the service never takes that change; None: it does."""

Among = Callable[[Any, Document], Any]
"""(session, what is declared over what is there) -> the values the region has, texts; None: they are not known yet."""


Constant = Callable[[Any, str], str]
"""(session, name) -> the meaning of a name that is not a resource of ours. Raises ResourceError if there is none."""


@dataclass(frozen=True)
class Shorthands:
    """Shorter ways to declare rows of a list: ``options``, as in an argument spec, that are not fields themselves."""

    options: Mapping[str, Mapping[str, Any]]
    spread: Callable[[Document], list[Document]]  # a row -> the service's own rows
    problems: Callable[[Document], Iterable[str]]  # a row -> what does not fit in it, each with its path


@dataclass(frozen=True)
class Field:
    """A field of a resource: an option of its module under the SDK's name.

    ``type``, ``elements``, ``choices``: as in an argument spec. ``fields``: of a nested dict or of a list's dicts.
    ``default``: what the service takes for a field not given inside a declarative list.
    ``canonical``: maps a value to what is compared; both sides go through it.
    """

    name: str
    type: str = "str"
    elements: str | None = None
    fields: tuple[Field, ...] = ()
    choices: tuple[Any, ...] = ()
    change: Change = Change.UPDATE
    required: bool = False  # needed to create
    secret: bool = False
    default: Any = UNSET
    canonical: Callable[[Any], Any] | None = None
    ordered: bool = False  # a list whose order matters
    # Of a dict of several kinds: the nested field that tells which. What one kind had is not kept for another.
    discriminator: str | None = None
    reference: str | None = None  # the type whose id this is; in a declared set a name may stand for the id
    # (field beside it, its value -> the type) where that decides
    reference_by: tuple[str, Mapping[str, str]] | None = None
    steps: Steps | None = None
    on_create: bool = True  # part of the create model; else applied right after
    on_update: bool = True  # a nested field: part of the update model
    create_default: Any = UNSET  # sent with a create where the option is not given, since the service wants it
    alone: bool = False  # the service refuses it together with other fields in one update
    read: str | None = None  # the name under which get shows it, where that differs
    # A field beside it that excludes it: where that is given, a replacement does not inherit this one.
    instead_of: str | None = None
    refusal: Refusal | None = None  # a change that the service never takes
    whole: Callable[[list[Any]], list[Any]] | None = None  # of a list: the rows that the service makes of those given
    # (what is there, what is declared) -> whether that will do, though the two differ: the service does the rest itself
    fulfils: Callable[[Any, Any], bool] | None = None
    # (session, what is there, what is declared) -> what is meant, None for nothing of both: a series, or no word,
    # becomes a value that the region has
    choose: Callable[[Any, Document, Any], Any] | None = None
    shorthands: Shorthands | None = None  # of a list's rows
    among: Among | None = None  # an enum the service extends: asked only where a write is planned that sets the field


@dataclass(frozen=True)
class States:
    """The life-cycle states of a type, by what they mean to the engine."""

    ready: tuple[str, ...] = ("AVAILABLE",)
    failed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ("TERMINATED",)
    going: tuple[str, ...] = ("TERMINATING",)
    scheduled: tuple[str, ...] = ()  # its deletion is set for later and can be cancelled
    resting: tuple[str, ...] = ()  # stable, changeable, though not in use (a stopped DB system)
    frozen: tuple[str, ...] = ()  # stable, though the service takes no update in it (a disabled key)
    busy: tuple[str, ...] = ()  # end without another call
    field: str = "lifecycle_state"

    def of(self, document: Mapping[str, Any]) -> str:
        """The state a document shows; a type without a life cycle is always ready."""
        return document.get(self.field) or self.ready[0]

    def living(self, document: Mapping[str, Any]) -> bool:
        """Whether the document is of a resource that is there (also one whose deletion is set for later)."""
        return self.of(document) not in self.gone + self.going

    def settled(self, document: Mapping[str, Any]) -> bool:
        """Whether the resource rests in a state in which it can be changed."""
        return self.of(document) in self.ready + self.resting + self.frozen + self.scheduled


@dataclass(frozen=True)
class Deletion:
    """How a type is removed: at once (``delete_x``), or by setting a date (``schedule_x_deletion``)."""

    operation: str | None = None
    cancel: str | None = None  # the operation that cancels a set date
    days: tuple[int, int] | None = None  # how far ahead the date may be
    options: Mapping[str, str] = _field(default_factory=dict)  # option -> the operation's argument
    # (the resource as observed) -> why the service would not remove it, and what to do; None: it would
    protected: Callable[[Document], str | None] | None = None


@dataclass(frozen=True)
class Action:
    """A value of the option ``state`` beside present and absent: an operation on the resource once it is as declared.

    It is done where the resource is not in ``state`` (a life-cycle state), or ``always``, which is: unless it was just
    made or ``due`` says that it need not be. ``options``: option of the module -> field of the operation's details.
    """

    operation: str
    state: str
    always: bool = False
    options: Mapping[str, str] = _field(default_factory=dict)
    body: Callable[[Document], Document] | None = None  # (resource) -> what else the operation's details hold
    due: Callable[[Read, Document, Document], bool] | None = None  # (read, resource, the options that are not fields)
    refusal: Callable[[Document], str | None] | None = None  # (resource) -> why it cannot be, and what to do
    token: bool = False  # accepts a retry token, by which it may be sent again


Read = Callable[..., Document]
"""(operation, arguments) -> what a read of the type's client answers, as a document. Raises CloudError."""


@dataclass(frozen=True)
class ResourceType:
    """A resource type of Oracle's API, as data.

    Names follow from ``name`` where the SDK is regular; ``client`` is ``package.Class``.
    ``unmanaged`` lists the fields of the SDK's create and update models that are not options, each with the reason; one
    of a nested model by its path (``backup_policy.copy_policies``).
    """

    name: str
    client: str
    fields: tuple[Field, ...]
    name_field: str = "display_name"
    parent: str | None = None  # field that narrows the search (vcn_id)
    # Fields whose values, in this order, address the resource in get, update and delete. All but the id are given to
    # create and list as well; where the id is not among them, they are the identity, and get finds it.
    address: tuple[str, ...] = ("id",)
    scope: tuple[str, ...] = ("compartment_id",)
    noun: str | None = None  # the SDK's own noun, where it differs (`db_system` for mysql_db_system)
    name_filter: str | None = "display_name"  # the list operation's argument that filters by name; None: it has none
    list_complete: bool = True  # a list shows whole resources, not summaries
    create: str | None = None  # the operation, where it is not create_<noun>
    states: States = States()
    deletion: Deletion = Deletion()
    actions: Mapping[str, Action] = _field(default_factory=dict)  # value of `state` -> what it does
    # What the service cannot do with it (move, tags, rename, replace, twins, failed, revive, list) -> why.
    lacks: Mapping[str, str] = _field(default_factory=dict)
    moves_by: tuple[str, str] | None = None  # (operation, field of its details), where not change_<noun>_compartment
    home_region: bool = False
    constants: Mapping[str, Constant] = _field(default_factory=dict)  # kind of a reference -> what its names mean
    # What a type is about by definition, where the service's resource is wider: arguments of every list, and fields of
    # every create (public IPs: those that are reserved).
    list_constants: Mapping[str, Any] = _field(default_factory=dict)
    create_constants: Mapping[str, Any] = _field(default_factory=dict)
    work_requests: str | None = None  # client with get_work_request, list_work_request_errors, list_work_request_logs
    # Its work requests are listed by resource, their errors and logs by compartment as well (Kubernetes Engine).
    work_requests_by_compartment: bool = False
    endpoint_option: str | None = None  # option that holds the endpoint of the service (a vault's)
    unmanaged: Mapping[str, str] = _field(default_factory=dict)
    extra_options: Mapping[str, Mapping[str, Any]] = _field(default_factory=dict)  # options that are not fields
    checks: tuple[Callable[[Document], Iterable[str]], ...] = ()
    # Only where a service is odd. `session` is cloud.Session.
    # (session, document, desired): adds fields that get does not show
    complete: Callable[[Any, Document, Document], Document] | None = None
    # (session, body, what is there): the body of a create (nothing is there) or an update as the service takes it
    encode: Callable[[Any, Document, Document | None], Document] | None = None
    usable: Callable[[Any, Document], str | None] | None = None  # why a resource in a ready state cannot be used yet
    granted: tuple[str, ...] = ()  # fields that need a grant to it: while that is new, it may fail for it
    ignored_updates: tuple[str, ...] = ()  # fields of which the service may accept an update and leave them as they are
    noted_in: str | None = None  # a field with freeform tags that are heeded, where that is noted: `plan.NOTE`
    # (session, desired) -> why what it lives in takes no write yet; raises CloudError where that will not change
    held: Callable[[Any, Document], str | None] | None = None
    # (session, desired, id): what the resource lives in now (see `place`), where it is not in what is declared: a move
    elsewhere: Callable[[Any, Document, str], tuple[str, ...] | None] | None = None
    # (resource) -> (kind, host, port) of where it answers; kind: public, private or hostname
    answers_at: Callable[[Mapping[str, Any]], Iterable[tuple[str, Any, Any]]] | None = None
    wait_timeout: int = 1200  # seconds

    # -- names that follow ----------------------------------------------------------------------------------------

    @property
    def sdk_noun(self) -> str:
        return self.noun or self.name

    @property
    def create_operation(self) -> str:
        return self.create or f"create_{self.sdk_noun}"

    @property
    def create_details(self) -> str:
        """The name of the create operation's details model."""
        return camel(self.create_operation) + "Details"

    @property
    def update_details(self) -> str:
        """The name of the update operation's details model."""
        return camel(self.update_operation) + "Details"

    @property
    def get_operation(self) -> str:
        return f"get_{self.sdk_noun}"

    @property
    def list_operation(self) -> str:
        return f"list_{plural(self.sdk_noun)}"

    @property
    def update_operation(self) -> str:
        return f"update_{self.sdk_noun}"

    @property
    def delete_operation(self) -> str:
        return self.deletion.operation or f"delete_{self.sdk_noun}"

    @property
    def move(self) -> tuple[str, str]:
        """The operation that moves it to another compartment, and the field of its details that names that one."""
        return self.moves_by or (f"change_{self.sdk_noun}_compartment", "compartment_id")

    @property
    def place(self) -> tuple[str, ...]:
        """The part of the address that is known before the resource is: what it lives in."""
        return tuple(f for f in self.address if f != "id")

    @property
    def package(self) -> str:
        return self.client.partition(".")[0]

    @property
    def read_model(self) -> str:
        return camel(self.sdk_noun)

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """Identity, the type's own fields, and tags."""
        head = []
        own = {f.name for f in self.fields}
        if "compartment_id" in self.scope and "compartment_id" not in own:
            head.append(
                Field(
                    "compartment_id",
                    change=Change.REPLACE if "move" in self.lacks else Change.MOVE,
                    required=True,
                    reference="compartment",
                )
            )
        if self.name_field not in own:
            head.append(Field(self.name_field, required=True))
        return (*head, *self.fields, *(() if "tags" in self.lacks else TAGS))

    def field(self, name: str) -> Field:
        """The field of that name; KeyError where there is none."""
        for candidate in self.all_fields:
            if candidate.name == name:
                return candidate
        raise KeyError(name)

    def problems(self, desired: Document) -> Iterator[str]:
        """What the service would refuse of a declaration, as far as its values tell: each with its path."""
        yield from _ill_named(desired)
        for check in self.checks:
            yield from check(desired)

    def label(self, options: Mapping[str, Any]) -> str:
        """How people call one resource: ``subnet pods``."""
        name = options.get(self.name_field) or options.get("id") or "(unnamed)"
        return f"{self.name} {'(known after apply)' if is_unknown(name) else name}"


TAGS: tuple[Field, ...] = (
    Field("freeform_tags", type="dict"),
    Field("defined_tags", type="dict"),
)


MAX_NAME = 255
MAX_FREEFORM_TAGS, MAX_DEFINED_TAGS = 10, 64
MAX_TAG_KEY, MAX_TAG_VALUE = 100, 256
"""Characters and numbers that services take (pages "Tagging Overview" and "Resource Identifiers")."""
_DNS_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9]{0,14}")


def _ill_named(desired: Mapping[str, Any]) -> Iterator[str]:
    """What is too long or has another form in names and tags, which all services take alike."""
    for name in ("display_name", "name"):
        value = desired.get(name)
        if isinstance(value, str) and not is_unknown(value) and len(value) > MAX_NAME:
            yield f"{name}: {len(value)} characters, {MAX_NAME} at most"
    label = desired.get("dns_label")
    if label and not is_unknown(label) and not _DNS_LABEL.fullmatch(str(label)):
        yield f"dns_label: {label!r} is not a letter followed by up to 14 letters and digits"
    freeform, defined = desired.get("freeform_tags") or {}, desired.get("defined_tags") or {}
    if isinstance(freeform, Mapping):
        if len(freeform) > MAX_FREEFORM_TAGS:
            yield f"freeform_tags: {len(freeform)} tags, a resource has at most {MAX_FREEFORM_TAGS}"
        yield from _ill_tagged(freeform, "freeform_tags")
    if isinstance(defined, Mapping):
        spaces = {name: tags for name, tags in defined.items() if isinstance(tags, Mapping)}
        if (number := sum(len(tags) for tags in spaces.values())) > MAX_DEFINED_TAGS:
            yield f"defined_tags: {number} tags, a resource has at most {MAX_DEFINED_TAGS}"
        for name, tags in spaces.items():
            yield from _ill_tagged(tags, f"defined_tags.{name}")


def _ill_tagged(tags: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, value in tags.items():
        if not 1 <= len(str(key)) <= MAX_TAG_KEY:
            yield f"{path}: the key {str(key)[:20]!r}... has {len(str(key))} characters, 1 to {MAX_TAG_KEY} are taken"
        if not is_unknown(value) and len(str(value)) > MAX_TAG_VALUE:
            yield f"{path}.{key}: {len(str(value))} characters, {MAX_TAG_VALUE} at most"


def camel(name: str) -> str:
    """``add_vcn_cidr`` -> ``AddVcnCidr``, the SDK's naming of models."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def plural(noun: str) -> str:
    """``policy`` -> ``policies``, ``vcn`` -> ``vcns``."""
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


# --- references --------------------------------------------------------------------------------------------------


def references(fields: Sequence[Field], value: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    """(path, kind, name) of each name in a resource's fields that refers to another resource."""
    for field in fields:
        inner = value.get(field.name)
        where = f"{path}.{field.name}" if path else field.name
        if inner is None:
            continue
        if isinstance(inner, list):
            for index, item in enumerate(inner):
                if isinstance(item, Mapping):
                    yield from references(field.fields, item, f"{where}[{index}]")
                elif (kind := reference_of(field, value)) and is_name(item):
                    yield f"{where}[{index}]", kind, item
        elif isinstance(inner, Mapping):
            yield from references(field.fields, inner, where)
        elif (kind := reference_of(field, value)) and is_name(inner):
            yield where, kind, inner


def reference_of(field: Field, beside: Mapping[str, Any]) -> str | None:
    """The type that a field's value is the id of, as the value beside it decides; None for other values."""
    if field.reference_by:
        name, kinds = field.reference_by
        return kinds.get(beside.get(name) or "")
    return field.reference


def is_name(value: Any) -> bool:
    """Whether a value refers to a resource by name: it is not an OCID, and known."""
    return isinstance(value, str) and value != "" and not value.startswith("ocid") and not is_unknown(value)


def resolved(fields: Sequence[Field], value: Mapping[str, Any], find: Callable[[str, str], str]) -> Document:
    """A copy in which each name that refers to a resource is its id (``find``: (kind, name) -> id)."""
    made: Document = dict(value)
    for field in fields:
        inner = value.get(field.name)
        if inner is None:
            continue
        kind = reference_of(field, value)
        if isinstance(inner, list):
            made[field.name] = [
                resolved(field.fields, item, find)
                if isinstance(item, Mapping)
                else find(kind, item)
                if kind and is_name(item)
                else item
                for item in inner
            ]
        elif isinstance(inner, Mapping) and field.fields:
            made[field.name] = resolved(field.fields, inner, find)
        elif kind and is_name(inner):
            made[field.name] = find(kind, inner)
    return made


# --- shorthands --------------------------------------------------------------------------------------------------


def spread(fields: Sequence[Field], value: Document) -> tuple[Document, dict[str, str], list[str]]:
    """A declaration whose rows are the service's own, though it used shorthands.

    Beside it which row came from which (`security_rules[7]` -> `security_rules[2]`), and what is wrong with shorthands,
    each with its path.
    """
    made, rows, problems = dict(value), {}, []
    for field in fields:
        declared_rows = value.get(field.name)
        if field.shorthands is None or not isinstance(declared_rows, list):
            continue
        made[field.name] = []
        for place, row in enumerate(declared_rows):
            problems += [f"{field.name}[{place}].{problem}" for problem in field.shorthands.problems(row)]
            for own in field.shorthands.spread(row):
                rows[f"{field.name}[{len(made[field.name])}]"] = f"{field.name}[{place}]"
                made[field.name].append(own)
    return made, rows, problems


def as_declared(problem: str, rows: Mapping[str, str]) -> str:
    """A problem whose path begins with a row, with the row as it was declared."""
    row, bracket, rest = problem.partition("]")
    return rows.get(row + bracket, row + bracket) + rest


# --- comparison ---------------------------------------------------------------------------------------------------


def canonical(field: Field, value: Any) -> Any:
    """What is compared: defaults filled in, formats normalised, lists without order sorted, nothing and empty the same.

    A service shows an empty list, dict or text as nothing or as empty, as it likes. ``default`` is for a value not
    given, which inside of a list's item it is by declaration, elsewhere only where the service shows nothing.
    """
    if value is None:
        return None if field.default in (UNSET, None) else canonical(field, field.default)
    if is_unknown(value):
        return value
    form = _canonical(field, value)
    return None if form in ("", [], {}) else form


def _canonical(field: Field, value: Any) -> Any:
    if field.type == "list":
        value = field.whole(value) if field.whole else value
        inner = Field(field.name, type=field.elements or "str", fields=field.fields, canonical=field.canonical)
        items = [canonical(inner, v) for v in value]
        if field.ordered:
            return items
        unique = {json.dumps(i, sort_keys=True, default=str): i for i in items}
        return [unique[k] for k in sorted(unique)]
    if field.type == "dict" and field.fields:
        return {f.name: shown for f in field.fields if (shown := canonical(f, value.get(f.name))) is not None}
    if field.canonical:
        return field.canonical(value)
    if field.type == "int" and isinstance(value, str) and value.isdigit():
        return int(value)
    return value


def declared(field: Field, value: Any) -> Any:
    """A value as a declaration would give it: without what the service adds to it and without nulls."""
    if field.fields and isinstance(value, list):
        return [declared(field, v) for v in value]
    if field.fields and isinstance(value, Mapping):
        return {f.name: declared(f, value[f.name]) for f in field.fields if value.get(f.name) is not None}
    return value


def same(field: Field, there: Any, wanted: Any) -> bool:
    """Whether two values of a field mean the same to the service, or the one that is there does for the other."""
    if holds_unknown(there) or holds_unknown(wanted):
        return False
    if canonical(field, there) == canonical(field, wanted):
        return True
    return bool(field.fulfils and there and wanted and field.fulfils(there, wanted))


# --- the canonical forms that types share ------------------------------------------------------------------------


def cidr(value: Any) -> Any:
    """A CIDR in the form the service stores (host bits cleared, IPv6 compressed); other text as it is."""
    try:
        return str(ipaddress.ip_network(str(value), strict=False))
    except ValueError:
        return value


def time_of(value: Any) -> datetime:
    """A time of ISO 8601, in UTC, which it is where it names no zone. Raises ValueError."""
    when = datetime.fromisoformat(str(value).upper())
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)


def moment(value: Any) -> Any:
    """A time to the second, since services cut off what is below; other text as it is."""
    try:
        return time_of(value).isoformat(timespec="seconds")
    except ValueError:
        return value


def caseless(value: Any) -> Any:
    """Text whose case the service ignores."""
    return value.lower() if isinstance(value, str) else value


def spaced(value: Any) -> Any:
    """Text in which runs of white space count as one blank (policy statements)."""
    return " ".join(value.split()) if isinstance(value, str) else value
