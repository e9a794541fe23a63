# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that only read: resources of one type (``<type>_info``), of any type (``resource_info``), services."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session, to_document
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Document,
    ResourceType,
    holds_unknown,
    plural,
)
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.reader import Reader, public
from ansible_collections.okestack.oci.plugins.module_utils.redaction import looks_secret
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types
from ansible_collections.okestack.oci.plugins.module_utils.types.load_balancer import LOAD_BALANCER
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish

# --- looking up --------------------------------------------------------------------------------------------------


class Listing:
    """Lists resources of one type. ``known`` holds what is given of them: compartment, parent, place, endpoint."""

    def __init__(self, session: Session, type_: ResourceType, known: Mapping[str, Any]) -> None:
        self.session, self.type = session, type_
        self.known = {k: v for k, v in known.items() if v is not None}
        # What a type adds to a resource it does only for fields that are asked for; what is secret is not.
        asked = {f.name: None for f in type_.all_fields if not f.secret}
        extra = {n: self.known.get(n) for n in type_.extra_options}
        self._reader = Reader(session, type_, Wish(fields={**asked, **self.known}, extra=extra))

    def get(self, document: Mapping[str, Any]) -> Document | None:
        """One, whole, by the address that a document and what is known give; None where it is gone or hidden."""
        values = {**self.known, **document}
        return self._reader.get(tuple(str(values[n]) for n in self.type.address))

    def rows(self, name: str | None = None) -> list[Document]:
        """As the service lists them, of one name where it filters by name."""
        if not listed(self.type):
            there = self.get({})
            return [there] if there else []
        arguments = {
            **self.type.list_constants,
            **{n: self.known[n] for n in narrowed_by(self.type) if n in self.known},
        }
        at = {n: self.known[n] for n in placed_in(self.type)}
        asked = (self._reader.client, self.type.list_operation, *at.values())
        by_name = {self.type.name_filter: name} if name and self.type.name_filter else {}
        if by_name and not self.session.lists_whole(self.type.name, by_name, *asked, **arguments):
            arguments |= by_name
        rows = self.session.pages(*asked, **arguments)
        shown_as = {f.name: f.read for f in self.type.all_fields if f.read and f.name == self.type.name_field}
        found: list[Document] = [{**at, **to_document(row)} for row in rows]
        return [{**d, **{n: d.get(r) for n, r in shown_as.items()}} for d in found]

    def whole(self, documents: Sequence[Document]) -> list[Document]:
        """The documents of a list with all that get and the type add, side by side; without what went meanwhile."""
        if not self.type.list_complete:
            return [d for d in side_by_side(self.get, documents) if d]
        return side_by_side(self._reader.completed, documents) if self.type.complete else list(documents)


def placed_in(type_: ResourceType) -> tuple[str, ...]:
    """The fields that name what resources of a type are listed by, beside the compartment (a log's group)."""
    return tuple(n for n in type_.place if n != type_.name_field or not listed(type_))


def narrowed_by(type_: ResourceType) -> tuple[str, ...]:
    """The list operation's further arguments: the compartment and the parent."""
    return tuple(n for n in (*type_.scope, type_.parent) if n and n not in type_.place)


def listed(type_: ResourceType) -> bool:
    """Whether there can be several in one place; else the place is the whole address."""
    own_name = type_.name_field in type_.address and not type_.field(type_.name_field).reference
    return "id" in type_.address or own_name


def matching(
    type_: ResourceType,
    documents: Iterable[Document],
    *,
    name: str | None = None,
    tags: Mapping[str, Any] | None = None,
    states: Sequence[str] | None = None,
) -> list[Document]:
    """Those of a name, with all the tags, in one of the states; without states all that are not gone."""
    wanted = {str(k): str(v) for k, v in (tags or {}).items()}
    return [
        d
        for d in documents
        if (name is None or d.get(type_.name_field) == name)
        and wanted.items() <= (d.get("freeform_tags") or {}).items()
        and (type_.states.of(d) in states if states else type_.states.of(d) not in type_.states.gone)
    ]


# --- <type>_info -------------------------------------------------------------------------------------------------


class InfoTask:
    """Looks up the resources of a type. The result's key is the plural of the type's name."""

    def __init__(self, type_: ResourceType) -> None:
        self.type = type_
        self.name = f"{type_.name}_info"
        self.result = plural(type_.name)

    @property
    def constraints(self) -> Mapping[str, Any]:
        """A compartment, unless the id says which."""
        if self.type.place or "compartment_id" not in self.type.scope:
            return {}
        return {"required_one_of": [("compartment_id", "id")]}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        type_ = self.type
        spec: dict[str, dict[str, Any]] = {n: {"type": "str", "required": True} for n in placed_in(type_)}
        if type_.endpoint_option:
            spec[type_.endpoint_option] = {"type": "str", "required": True}
        for name in narrowed_by(type_):
            spec[name] = {"type": "str"}
        if not listed(type_):
            return spec
        if "id" in type_.address:
            spec["id"] = {"type": "str"}
        spec[type_.name_field] = {"type": "str"}
        if "freeform_tags" in {f.name for f in type_.all_fields}:
            spec["freeform_tags"] = {"type": "dict"}
        spec["lifecycle_states"] = {"type": "list", "elements": "str"}
        if not type_.list_complete:
            spec["details"] = {"type": "bool", "default": True}
        for name, option in spec.items():
            if looks_secret(name):
                option["no_log"] = False
        return spec

    def execute(self, params: Document, context: Context) -> Document:
        hidden = {f.name for f in self.type.all_fields if f.secret}
        found = [public(d) or {} for d in self._find(params, context.session.look())]
        return {"changed": False, self.result: [{k: v for k, v in d.items() if k not in hidden} for d in found]}

    def look(self, params: Document, session: Session) -> None:
        """Reads what is there, so that the task itself need not."""
        self._find(params, session.look())

    def _find(self, params: Document, session: Session) -> list[Document]:
        type_, name = self.type, params.get(self.type.name_field)
        if holds_unknown(params):
            return []  # what it belongs to is itself only planned
        known = (*placed_in(type_), *narrowed_by(type_), type_.endpoint_option)
        listing = Listing(session, type_, {n: params.get(n) for n in known if n})
        wanted: Document = {"tags": params.get("freeform_tags"), "states": params.get("lifecycle_states")}
        if params.get("id"):
            found = listing.get({"id": params["id"]})
            return matching(type_, [found] if found else [], name=name, **wanted)
        rows = matching(type_, listing.rows(name), name=name, **wanted)
        return rows if params.get("details") is False else listing.whole(rows)


# --- resource_info -----------------------------------------------------------------------------------------------


def known_types() -> dict[str, ResourceType]:
    """All types that can be looked up, by name."""
    return {**all_types(), LOAD_BALANCER.name: LOAD_BALANCER}


def survey(
    session: Session,
    names: Iterable[str],
    compartment_id: str,
    refused: Callable[[str, CloudError], None] | None = None,
    look_into: Callable[[Document], bool] = lambda holder: True,
) -> list[tuple[ResourceType, Document]]:
    """The resources of some types in a compartment, as their lists show them; lists are read side by side.

    What is listed by what it lives in (logs, keys) is looked for in those that are in the compartment, as far as
    ``look_into`` says: each is a call. ``refused`` gets the types that cannot be listed here; without it, or where
    none can, the error is raised: it is the compartment that is wrong then.
    """
    types = known_types()
    wanted = list(dict.fromkeys(names))
    holders = {n: _holder(types, types[n]) for n in types}
    needed: list[str] = []
    for name in wanted:
        while name not in needed:
            needed.append(name)
            name = (holders[name] or ("", name))[1]
    found: dict[str, list[Document]] = {}
    unlisted: dict[str, CloudError] = {}

    def look(job: tuple[str, Document]) -> list[Document]:
        name, known = job
        try:
            return Listing(session, types[name], {"compartment_id": compartment_id, **known}).rows()
        except CloudError as error:
            if refused is None or error.status not in (401, 403, 404, 501):
                raise
            unlisted[name] = error
            return []

    while left := [n for n in needed if n not in found]:
        jobs: list[tuple[str, Document]] = []
        read = set(found)  # in rounds before this one
        for name in left:
            holder = holders[name]
            if holder is None:
                jobs.append((name, {}))
            elif holder[1] in read:
                option, owner, field = holder
                jobs += [
                    (name, {option: d[field]})
                    for d in found[owner]
                    if types[owner].states.settled(d) and d.get(field) and look_into(d)
                ]
            else:
                continue
            found[name] = []
        for (name, _known), rows in zip(jobs, side_by_side(look, jobs), strict=True):
            found[name] += rows
    if unlisted and unlisted.keys() >= {n for n in needed if holders[n] is None}:
        raise next(iter(unlisted.values()))
    for name, error in sorted(unlisted.items()):
        if refused is not None:
            refused(name, error)
    return [(types[n], d) for n in wanted for d in found[n]]


def _holder(types: Mapping[str, ResourceType], type_: ResourceType) -> tuple[str, str, str] | None:
    """(option, type, field) where a type is listed by a field of resources of another type, beside the compartment."""
    for option in placed_in(type_):
        return option, type_.field(option).reference or "", "id"
    if type_.endpoint_option:
        for other in types.values():
            if type_.endpoint_option in _model_fields(other):
                return type_.endpoint_option, other.name, type_.endpoint_option
    return None


def _model_fields(type_: ResourceType) -> Iterable[str]:
    models = importlib.import_module(f"oci.{type_.package}.models")
    fields: dict[str, str] = getattr(models, type_.read_model)().swagger_types
    return fields


class ResourceInfo:
    """Resources of any type, by compartment and tags."""

    name = "resource_info"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "compartment_id": {"type": "str", "required": True},
            "types": {"type": "list", "elements": "str"},
            "freeform_tags": {"type": "dict"},
            "lifecycle_states": {"type": "list", "elements": "str"},
        }

    def execute(self, params: Document, context: Context) -> Document:
        names = params.get("types")
        check_types(names or ())
        if holds_unknown(params):
            return {"changed": False, "resources": []}
        found = survey(
            context.session,
            names or known_types(),
            params["compartment_id"],
            None if names else lambda name, error: context.warn(f"{name}: not listed: {error}"),
        )
        wanted: Document = {"tags": params.get("freeform_tags"), "states": params.get("lifecycle_states")}
        rows = [line(type_, d) for type_, document in found for d in matching(type_, [document], **wanted)]
        return {"changed": False, "resources": rows}


def check_types(names: Iterable[str]) -> None:
    """Raises ResourceError where a name is not that of a type."""
    types = known_types()
    wrong = [n for n in names if n not in types]
    if wrong:
        raise ResourceError(f"types: there is no {', '.join(wrong)}; there are {', '.join(sorted(types))}")


def line(type_: ResourceType, document: Mapping[str, Any]) -> Document:
    """What is returned of a resource among those of other types."""
    return {
        "type": type_.name,
        "id": document.get("id"),
        "name": document.get(type_.name_field),
        "lifecycle_state": type_.states.of(document),
        **{n: document.get(n) for n in ("compartment_id", "time_created", "freeform_tags", "defined_tags")},
        **{n: document.get(n) for n in placed_in(type_)},
        "addresses": addresses(type_, document),
    }


def addresses(type_: ResourceType, document: Mapping[str, Any]) -> list[Document]:
    """Where a resource answers: ``kind`` (public, private, hostname), ``host``, and ``port`` where it is of one."""
    found = type_.answers_at(document) if type_.answers_at else ()
    return [{"kind": k, "host": h, **({"port": p} if p else {})} for k, h, p in found if h]


# --- load balancers ----------------------------------------------------------------------------------------------


class LoadBalancerInfo(InfoTask):
    """Looks up load balancers, by an address too, and tells whether their backends answer."""

    def __init__(self) -> None:
        super().__init__(LOAD_BALANCER)

    def look(self, params: Document, session: Session) -> None:
        """Nothing: they change with what a cluster's own controllers do."""

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            **super().argument_spec(),
            "ip_address": {"type": "str"},
            "health": {"type": "bool", "default": False},
        }

    def execute(self, params: Document, context: Context) -> Document:
        session, address = context.session, params.get("ip_address")
        found = self._find(params, session)
        if address:
            found = [d for d in found if address in [row["host"] for row in addresses(self.type, d)]]
        if params.get("health"):
            found = side_by_side(lambda d: {**d, "health": _health(session, d)}, found)
        return {"changed": False, self.result: [public(d) for d in found]}


def _health(session: Session, balancer: Mapping[str, Any]) -> Document:
    """How a load balancer is, and under ``backend_sets`` each of its backend sets by name."""
    client = session.client(LOAD_BALANCER.client)

    def ask(operation: str, *arguments: str) -> Document:
        answer: Document = to_document(session.call(client, operation, balancer["id"], *arguments).data)
        return answer

    sets = sorted(balancer.get("backend_sets") or {})
    whole = ask("get_load_balancer_health")
    return {**whole, "backend_sets": {name: ask("get_backend_set_health", name) for name in sets}}


# --- services ----------------------------------------------------------------------------------------------------


class NetworkServicesInfo:
    """The services which a service gateway of the region can reach (ListServices)."""

    name = "network_services_info"
    constraints: dict[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {}

    def execute(self, params: Document, context: Context) -> Document:
        """``services``: all of them; ``all_services``: the one that includes all, "All <region> Services"."""
        del params
        session = context.session
        rows = session.rows(session.client("core.VirtualNetworkClient"), "list_services")
        every = next((r for r in rows if r["cidr_block"].startswith("all-")), None)
        return {"changed": False, "services": rows, "all_services": every}


TASKS: tuple[Task, ...] = (LoadBalancerInfo(), NetworkServicesInfo(), ResourceInfo())
