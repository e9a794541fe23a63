"""Bodies and parameters against the SDK's models: required fields, types, enums, nothing unknown."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from localregion.core.errors import ServiceError, invalid, missing
from localregion.core.schema import Model, Operation, Parameter, Schema

_LIST = re.compile(r"list\[(.+)\]$")
_DICT = re.compile(r"dict\(str, (.+)\)$")
_FRACTION = re.compile(r"\.\d+(?=Z|[+-])")
MAX_NAME = 255
_TRUTH = {"true": True, "false": False}


def parameters(
    operation: Operation, path: Mapping[str, str], query: Iterable[tuple[str, str]]
) -> tuple[dict[str, str], dict[str, Any]]:
    """Path and query parameters by their Python names, converted to their types. Raises 400."""
    in_path = {parameter.name: unquote(path[parameter.wire]) for parameter in operation.path_params}
    given: dict[str, list[str]] = {}
    for name, value in query:
        given.setdefault(name, []).append(value)
    in_query: dict[str, Any] = {}
    for parameter in operation.query_params:
        values = given.pop(parameter.wire, None)
        if values is not None and values != [""]:
            in_query[parameter.name] = _parameter(parameter, values)
        elif parameter.required:
            raise missing(parameter.wire)
    if given:
        raise invalid(f"Unknown query parameter: {', '.join(sorted(given))}")
    return in_path, in_query


def _parameter(parameter: Parameter, values: list[str]) -> Any:
    if parameter.type.startswith("list["):
        items = [item for value in values for item in value.split(",")]
        for item in items:
            _check_enum(parameter.wire, item, parameter.enum)
        return items
    if len(values) > 1:
        raise invalid(f"{parameter.wire} is given more than once")
    value = values[0]
    _check_enum(parameter.wire, value, parameter.enum)
    if parameter.type == "int":
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise invalid(f"{parameter.wire} must be an integer")
        return int(value)
    if parameter.type == "bool":
        if value.lower() not in _TRUTH:
            raise invalid(f"{parameter.wire} must be true or false")
        return _TRUTH[value.lower()]
    return value


_UNLISTED = {("WorkRequest", "operationType"): ("MOVE_COMPARTMENT",)}
"""Values that services answer with and the SDK does not know: it shows UNKNOWN_ENUM_VALUE."""


def _check_enum(where: str, value: Any, enum: tuple[str, ...]) -> None:
    if enum and value not in enum:
        raise invalid(f"{where} must be one of {', '.join(enum)}; it is '{value}'")


def body(
    schema: Schema, package: str, type_name: str, value: Any, *, lacking: Callable[[str], ServiceError] = missing
) -> Any:
    """A request's body, nulls dropped. Raises 400, naming the field; `lacking` makes the error for one that is
    required."""
    checked = _Checker(schema, package, lacking=lacking).value(type_name, value, "")
    if isinstance(checked, dict) and not 1 <= len(checked.get("displayName", "-")) <= MAX_NAME:
        raise invalid(f"displayName must have 1 to {MAX_NAME} characters")
    return checked


TAGS = frozenset({"freeformTags", "definedTags", "systemTags", "securityAttributes"})
"""Fields that every service sends wherever its model has them; empty is `{}`, which clients take for no change."""


@dataclass(frozen=True)
class Form:
    """How a service writes its documents.

    With ``nulls`` every field of a model is in the document, also one that has no value: it is null, or what
    ``empty`` says by the field's name (`{"nsgIds": []}`), or by model and field (`{"Cluster.endpoints": {}}`).
    ``left_out``: model to the fields that are not there while they have no value, because the service is seen to leave
    them out. ``nullable``: what the SDK calls required and is null for a while all the same (`"DbSystem.port"`).
    Without ``milliseconds`` times are in whole seconds.
    """

    nulls: bool = False
    empty: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, frozenset[str]] = field(default_factory=dict)
    nullable: frozenset[str] = frozenset()
    milliseconds: bool = True


PLAIN = Form()


def reply(schema: Schema, package: str, type_name: str, value: Any, *, strict: bool, form: Form = PLAIN) -> Any:
    """An answer cut to what its model shows, in a service's form. With `strict`, raises a 500 when it breaks the
    model."""
    shown = _Projection(schema, package, form).value(type_name, value)
    if strict:
        try:
            _Checker(schema, package, nullable=form.nullable).value(type_name, shown, "")
        except ServiceError as error:
            message = f"The answer breaks {package}.{type_name}: {error.message}"
            raise ServiceError(500, "InternalError", message) from error
    return shown


class _Projection:
    def __init__(self, schema: Schema, package: str, form: Form) -> None:
        self._schema = schema
        self._package = package
        self._form = form

    def value(self, type_name: str, value: Any) -> Any:
        if value is None:
            return None
        if match := _LIST.match(type_name):
            return [self.value(match[1], item) for item in value]
        if _DICT.match(type_name):
            return value
        if type_name == "datetime" and not self._form.milliseconds:
            return _FRACTION.sub("", value)
        model = self._schema.model(self._package, type_name)
        if model is None or not isinstance(value, dict):
            return value
        return self._model(subtype(self._schema, self._package, model, value) or model, value)

    def _model(self, model: Model, value: dict[str, Any]) -> dict[str, Any]:
        shown = {}
        left_out = self._form.left_out.get(model.name, frozenset())
        for wire, declared in model.fields.items():
            item = value.get(wire)
            if item is not None:
                shown[wire] = self.value(declared.type, item)
            elif wire in TAGS:
                shown[wire] = {}
            elif self._form.nulls and wire not in left_out:
                empty = self._form.empty
                shown[wire] = empty.get(f"{model.name}.{wire}", empty.get(wire))
        return shown


def subtype(schema: Schema, package: str, model: Model, value: Mapping[str, Any]) -> Model | None:
    """The model that a document of a polymorphic base has; the model itself if it has no subtypes; None if unknown."""
    if not model.subtypes or model.discriminator is None:
        return model
    name = model.subtypes.get(str(value.get(model.discriminator)))
    found = schema.model(package, name) if name else None
    if found is None or found.name == model.name:
        return found
    return subtype(schema, package, found, value)


class _Checker:
    def __init__(
        self,
        schema: Schema,
        package: str,
        *,
        nullable: frozenset[str] = frozenset(),
        lacking: Callable[[str], ServiceError] = missing,
    ) -> None:
        self._schema = schema
        self._package = package
        self._nullable = nullable
        self._lacking = lacking

    def value(self, type_name: str, value: Any, where: str) -> Any:
        if match := _LIST.match(type_name):
            if not isinstance(value, list):
                raise self._wrong(where, "a list", value)
            return [self.value(match[1], item, f"{where}[{index}]") for index, item in enumerate(value)]
        if match := _DICT.match(type_name):
            if not isinstance(value, dict):
                raise self._wrong(where, "an object", value)
            return {name: self.value(match[1], item, _join(where, name)) for name, item in value.items()}
        model = self._schema.model(self._package, type_name)
        if model is not None:
            return self._model(model, value, where)
        return self._plain(type_name, value, where)

    def _model(self, model: Model, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(where, "an object", value)
        if model.discriminator and value.get(model.discriminator) is None and model.subtypes:
            raise self._lacking(_join(where, model.discriminator))
        actual = subtype(self._schema, self._package, model, value)
        if actual is None:
            allowed = ", ".join(model.subtypes)
            raise invalid(f"{_join(where, str(model.discriminator))} must be one of {allowed}")
        unknown = set(value) - set(actual.fields)
        if unknown:
            raise invalid(f"Unknown field: {_join(where, min(unknown))}")
        checked = {}
        for wire, declared in actual.fields.items():
            item = value.get(wire)
            if item is None:
                if declared.required and f"{actual.name}.{wire}" not in self._nullable:
                    raise self._lacking(_join(where, wire))
                continue
            place = _join(where, wire)
            checked[wire] = self.value(declared.type, item, place)
            for one in item if isinstance(item, list) else [item]:
                _check_enum(place, one, declared.enum and (*declared.enum, *_UNLISTED.get((actual.name, wire), ())))
        return checked

    def _plain(self, type_name: str, value: Any, where: str) -> Any:
        if type_name in ("object", "bytearray", "bytes", "stream", "file"):
            return value
        if type_name == "str":
            if not isinstance(value, str):
                raise self._wrong(where, "a string", value)
        elif type_name == "int":
            if isinstance(value, bool) or not isinstance(value, int):
                raise self._wrong(where, "an integer", value)
        elif type_name in ("float", "long"):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise self._wrong(where, "a number", value)
        elif type_name == "bool":
            if not isinstance(value, bool):
                raise self._wrong(where, "true or false", value)
        elif type_name in ("datetime", "date"):
            self._datetime(value, where)
        else:
            raise LookupError(f"type {type_name} of {self._package} is not known")
        return value

    def _datetime(self, value: Any, where: str) -> None:
        try:
            dt.datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise self._wrong(where, "a date and time of RFC 3339", value) from None

    @staticmethod
    def _wrong(where: str, wanted: str, value: Any) -> ServiceError:
        # the value itself stays out of the message: it may be a password
        return invalid(f"{where or 'The body'} must be {wanted}, not {type(value).__name__}")


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
