# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every declared type, held against the SDK: fields, kinds, choices, states, operations and their arguments."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.cloud import to_model
from ansible_collections.okestack.oci.plugins.module_utils.info import listed
from ansible_collections.okestack.oci.plugins.module_utils.model import Call, Change, Field, ResourceType, camel
from ansible_collections.okestack.oci.plugins.module_utils.plan import plan_present
from ansible_collections.okestack.oci.plugins.module_utils.types import all_types

TYPES = all_types()
every_type = pytest.mark.parametrize("type_", TYPES.values(), ids=TYPES)

TRANSLATED = {("vault_secret", "content"), ("mysql_db_system", "admin_password_secret_id")}
"""Options of ours that become another field of the service's model when they are sent (``encode``)."""


def models(type_: ResourceType) -> Any:
    return importlib.import_module(f"oci.{type_.package}.models")


def create_model(type_: ResourceType) -> type:
    made: type = getattr(models(type_), type_.create_details)
    return made


def update_model(type_: ResourceType) -> type:
    made: type = getattr(models(type_), type_.update_details)
    return made


def client(type_: ResourceType, which: str | None = None) -> type:
    package, _, name = (which or type_.client).partition(".")
    made: type = getattr(importlib.import_module(f"oci.{package}"), name)
    return made


def attributes(room: Any, model: Any) -> dict[str, str]:
    """The attributes of a model and of all that derive from it, with their declared types."""
    derived = (c for c in vars(room).values() if hasattr(model, "get_subtype") and inspect.isclass(c))
    found: dict[str, str] = {}
    for candidate in (model, *(c for c in derived if issubclass(c, model))):
        found |= candidate().swagger_types
    return found


def nested_model(room: Any, declared: str) -> type | None:
    inner = declared.removeprefix("list[").removesuffix("]")
    found = getattr(room, inner.rpartition(".")[2], None)
    return found if inspect.isclass(found) else None


def undeclared(room: Any, model: type, fields: tuple[Field, ...], path: str = "") -> Iterator[str]:
    """Paths of a model, nested ones too, for which there is no field. A nested model without fields is one gap."""
    by_name = {f.name: f for f in fields}
    for name, declared in attributes(room, model).items():
        inner = nested_model(room, declared)
        if name not in by_name:
            yield f"{path}{name}"
        elif inner is not None:
            yield from undeclared(room, inner, by_name[name].fields, f"{path}{name}.")


@every_type
def test_all_that_the_service_takes_is_declared_or_left_out_for_a_reason(type_: ResourceType) -> None:
    room = models(type_)
    gaps = {
        path
        for model in (create_model(type_), update_model(type_))
        for path in undeclared(room, model, type_.all_fields)
    }
    assert gaps == set(type_.unmanaged), "undeclared and without a reason, or a reason for what is declared or gone"
    assert all(type_.unmanaged.values())


KINDS = {"str": "str", "int": "int", "bool": "bool", "float": "float", "datetime": "str"}


def kind_of(declared: str) -> tuple[str, str | None]:
    """The option's type and elements for a type as the SDK declares it."""
    if declared.startswith("list["):
        return "list", KINDS.get(declared[5:-1], "dict")
    return KINDS.get(declared, "dict"), None


def misfits(type_: ResourceType, model: type, fields: tuple[Field, ...], path: str = "") -> Iterator[str]:
    room = models(type_)
    declared = attributes(room, model)
    for field in fields:
        if field.name not in declared:
            continue
        where = f"{path}{field.name}"
        if (field.type, field.elements) != kind_of(declared[field.name]):
            yield f"{where}: {field.type} of {field.elements}, the SDK has {declared[field.name]}"
        known = values(room, model, field.name)
        if field.choices and not set(field.choices) <= known:
            yield f"{where}: {set(field.choices) - known} are not values of it"
        inner = nested_model(room, declared[field.name])
        if inner is not None and field.fields:
            yield from misfits(type_, inner, field.fields, f"{where}.")
            unknown = {f.name for f in field.fields} - set(attributes(room, inner))
            if unknown and inner is nested_model(room, attributes(room, create_model(type_)).get(field.name, "")):
                yield f"{where}: {unknown} are not attributes of {inner.__name__}"


def values(room: Any, model: type, name: str) -> set[str]:
    """All values the SDK names for an attribute, in this model or the one it reads it from."""
    prefix = f"{name.upper()}_"
    holders = [model, *(c for c in vars(room).values() if inspect.isclass(c) and _same_family(c, model))]
    return {v for h in holders for n, v in vars(h).items() if n.startswith(prefix) and isinstance(v, str)}


def _same_family(candidate: type, model: type) -> bool:
    def stem(c: type) -> str:
        return c.__name__.removeprefix("Create").removeprefix("Update").removeprefix("Add").removesuffix("Details")

    return stem(candidate) == stem(model) or issubclass(candidate, model)


@every_type
def test_fields_are_of_the_kind_the_service_takes(type_: ResourceType) -> None:
    found = [*misfits(type_, create_model(type_), type_.all_fields), *misfits(type_, update_model(type_), type_.fields)]
    assert found == []


@every_type
def test_fields_change_the_way_the_service_can(type_: ResourceType) -> None:
    """What changes in place is in the update model; what is sent with a create is in the create model."""
    made, changed = (set(m().swagger_types) for m in (create_model(type_), update_model(type_)))
    wrong = []
    for field in type_.all_fields:
        if (type_.name, field.name) in TRANSLATED:
            continue
        if field.on_create != (field.name in made):
            wrong.append(f"{field.name}: on_create is {field.on_create}")
        if field.change is Change.UPDATE and field.name not in changed:
            wrong.append(f"{field.name}: not in the update model")
        if field.change is Change.REPLACE and field.name in changed:
            wrong.append(f"{field.name}: the service can change it in place")
        if field.change is Change.STEPS and field.steps is None:
            wrong.append(f"{field.name}: has no steps")
    assert wrong == []


@every_type
def test_what_is_compared_is_shown(type_: ResourceType) -> None:
    """A field that is compared must be in what get shows, else each run would change it."""
    shown = {*getattr(models(type_), type_.read_model)().swagger_types, *type_.place}  # get is given the place
    hidden = {f.name for f in type_.all_fields if f.change is not Change.ONCE and (f.read or f.name) not in shown}
    assert not hidden or type_.complete, f"{hidden}: nothing shows them"
    added = {
        "vault_secret": {"content"},
        "network_security_group": {"security_rules"},
        "mysql_db_system": {"admin_username", "admin_password_secret_id"},
    }
    assert hidden == added.get(type_.name, set())


def service_states(type_: ResourceType) -> set[str]:
    """The life-cycle states the SDK names for a type."""
    model = getattr(models(type_), type_.read_model)
    field = type_.states.field.upper()
    mine = re.compile(f"{field}_(?!DETAILS_)")  # of LIFECYCLE_STATE, not of LIFECYCLE_STATE_DETAILS
    return {v for n, v in vars(model).items() if mine.match(n) and isinstance(v, str)} - {"UNKNOWN_ENUM_VALUE"}


@every_type
def test_each_state_of_the_service_means_something(type_: ResourceType) -> None:
    known, states = service_states(type_), type_.states
    told = [
        *(*states.ready, *states.failed, *states.gone, *states.going),
        *(*states.scheduled, *states.resting, *states.frozen, *states.busy),
    ]
    assert sorted(told) == sorted(known)


def keyword_arguments(type_: ResourceType, operation: str) -> set[str]:
    """The arguments an operation of the SDK takes: those of its signature, and those it lists in its source."""
    method = getattr(client(type_), operation)
    listed = re.search(r"expected_kwargs = \[(.*?)\]", inspect.getsource(method), re.DOTALL)
    return {*inspect.signature(method).parameters, *re.findall(r'"(\w+)"', listed[1] if listed else "")}


@every_type
def test_operations_are_the_sdks(type_: ResourceType) -> None:
    assert listed(type_) == hasattr(client(type_), type_.list_operation), "whether there may be several in one place"
    if listed(type_):
        listing = keyword_arguments(type_, type_.list_operation)
        wanted = {*type_.scope, type_.parent, type_.name_filter, *type_.list_constants} - {None}
        assert wanted <= listing, f"{type_.list_operation} takes no {wanted - listing}"
        if type_.name_filter is None:
            assert not {"display_name", "name"} & listing, "the service filters by name: say so"
    creation = keyword_arguments(type_, type_.create_operation)
    assert {f"{type_.create_operation}_details", "opc_retry_token"} <= creation
    assert f"{type_.update_operation}_details" in keyword_arguments(type_, type_.update_operation)
    deletion = keyword_arguments(type_, type_.delete_operation)
    assert set(type_.deletion.options.values()) <= deletion
    assert set(type_.deletion.options) <= set(type_.extra_options)
    for operation in filter(None, (type_.get_operation, type_.delete_operation, type_.deletion.cancel)):
        first = list(inspect.signature(getattr(client(type_), operation)).parameters)[1]
        assert first.endswith("_id"), f"{operation}: the engine gives the id as its first argument"
    has_move = hasattr(client(type_), type_.move[0])
    assert has_move == ("move" not in type_.lacks), "whether it can be moved to another compartment"


@every_type
def test_work_requests_are_asked_for_as_the_service_wants(type_: ResourceType) -> None:
    listing = getattr(client(type_, type_.work_requests), "list_work_request_errors", None)
    by_compartment = listing is not None and "compartment_id" in inspect.signature(listing).parameters
    assert type_.work_requests_by_compartment == by_compartment


STEPS: list[tuple[str, str, Any, Any]] = [
    ("vcn", "cidr_blocks", ["10.0.0.0/16"], ["10.0.0.0/15", "192.168.0.0/24"]),
    ("vcn", "cidr_blocks", ["10.0.0.0/16", "192.168.0.0/24"], ["10.0.0.0/16"]),
    (
        "oke_cluster",
        "endpoint_config",
        {"subnet_id": "s"},
        {"subnet_id": "s", "nsg_ids": [], "is_public_ip_enabled": True},
    ),
    ("vault_secret", "content", "old", "new"),
    ("network_security_group", "security_rules", [], [{"direction": "INGRESS", "protocol": "6"}]),
    ("network_security_group", "security_rules", [{"id": "1", "direction": "INGRESS", "protocol": "6"}], []),
    (
        "network_security_group",
        "security_rules",
        [{"id": "1", "direction": "INGRESS", "protocol": "6"}],
        [{"direction": "INGRESS", "protocol": "6", "description": "new"}],
    ),
]


@every_type
def test_writes_take_what_the_engine_gives_them(type_: ResourceType) -> None:
    """The id first, then the details, and if-match where a write is guarded; a body of the model it names."""
    fields = {f.name: f for f in type_.all_fields}
    calls = [Call(type_.update_operation, {}, guarded=True)]
    if "move" not in type_.lacks:
        calls += plan_present(type_, {"compartment_id": "b"}, {"id": "x", "compartment_id": "a"}).calls
    for name, field, before, after in STEPS:
        if name == type_.name:
            made = fields[field].steps(before, after, {})  # type: ignore[misc]
            assert made
            calls += made
    for call in calls:
        taken = keyword_arguments(type_, call.operation)
        assert f"{call.operation}_details" in taken
        assert not call.guarded or "if_match" in taken, f"{call.operation} takes no if-match"
        to_model(type_.package, camel(call.operation) + "Details", call.body or {})


def test_every_field_with_steps_is_tried() -> None:
    stepped = {(t.name, f.name) for t in TYPES.values() for f in t.all_fields if f.change is Change.STEPS}
    assert stepped == {(name, field) for name, field, _before, _after in STEPS}


def required(type_: ResourceType) -> set[str]:
    """The fields that the SDK marks as required to create."""
    model = create_model(type_)
    return {name for name in model().swagger_types if "**[Required]**" in (getattr(model, name).__doc__ or "")}


@every_type
def test_required_is_what_the_service_requires(type_: ResourceType) -> None:
    """What the SDK marks as required to create is required, has a value sent for it, or is translated to."""
    needed = required(type_)
    given = {f.name for f in type_.all_fields if f.required or repr(f.create_default) != "UNSET"}
    given |= set(type_.create_constants)
    assert needed - given == set()


def _groups(fields: tuple[Field, ...], path: str = "") -> Iterator[tuple[str, tuple[Field, ...]]]:
    """(path, fields that stand beside each other), nested ones too."""
    yield path, fields
    for field in fields:
        if field.fields:
            yield from _groups(field.fields, f"{path}{field.name}.")


@every_type
def test_every_id_says_what_it_is_of(type_: ResourceType) -> None:
    """What holds an id, or a name in its place, names the type it is of; where a field beside it decides, by that."""
    silent = []
    for path, fields in _groups(type_.fields):
        beside = {f.name: f for f in fields}
        for field in fields:
            decider = beside.get(f"{field.name}_type")
            if decider is not None and not field.name.endswith("_id"):
                known = field.reference_by is not None and set(field.reference_by[1]) <= set(decider.choices)
            else:
                an_id = (
                    field.name.endswith(("_id", "_ids"))
                    and not field.choices
                    and field.name not in ("curve_id", "client_id")
                )
                known = not an_id or bool(field.reference or field.reference_by)
            if not known:
                silent.append(f"{path}{field.name}")
    assert silent == []
