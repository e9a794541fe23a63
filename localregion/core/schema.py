"""Operations and models of the services, read from the source of the `oci` SDK.

The SDK is generated from the services' own specifications: each client method names its path, method, parameters and
answer, each model its fields, which of them are required, and the values of its enums. All of it is read with `ast`,
without importing the SDK (2 s for a dozen services), and kept as one file in the cache.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PACKAGES = (
    "identity", "core", "key_management", "vault", "secrets", "mysql", "container_engine", "load_balancer", "artifacts",
    "logging", "loggingsearch", "limits", "object_storage", "work_requests", "vn_monitoring",
)  # fmt: skip
_FORMAT = 4


@dataclass(frozen=True)
class Parameter:
    """A parameter in path, query or header: its name in Python and on the wire, allowed values and type."""

    name: str
    wire: str
    required: bool = False
    enum: tuple[str, ...] = ()
    type: str = "str"


@dataclass(frozen=True)
class Operation:
    """One operation of a service, as its SDK client calls it."""

    package: str
    client: str
    name: str
    method: str
    path: str
    path_params: tuple[Parameter, ...] = ()
    query_params: tuple[Parameter, ...] = ()
    header_params: tuple[Parameter, ...] = ()
    body: str | None = None
    body_required: bool = False
    response: str | None = None

    @property
    def full_name(self) -> str:
        """package.operation"""
        return f"{self.package}.{self.name}"

    @property
    def api_name(self) -> str:
        """Its name in the API's documentation, as `request.operation` has it: GetSecretBundle."""
        return "".join(word.capitalize() for word in self.name.split("_"))

    def takes(self, header: str) -> bool:
        """Whether the operation knows a header (`if-match`, `opc-retry-token`)."""
        return any(parameter.wire == header for parameter in self.header_params)


@dataclass(frozen=True)
class Field:
    """A field of a model: its Python name, type as the SDK writes it, whether it is required, its allowed values."""

    name: str
    type: str
    required: bool = False
    enum: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """A model: its fields by wire name; for a base of several, which field distinguishes them and how."""

    name: str
    fields: dict[str, Field] = field(default_factory=dict)
    discriminator: str | None = None
    subtypes: dict[str, str] = field(default_factory=dict)


class Schema:
    """All operations and models."""

    def __init__(self, operations: list[Operation], models: Mapping[str, Mapping[str, Model]]) -> None:
        self.operations = {(operation.package, operation.name): operation for operation in operations}
        self.models = models
        self.routes = _Routes(operations)

    def model(self, package: str, name: str) -> Model | None:
        """The model of a package, or None for plain types."""
        models = self.models.get(package)
        return models.get(name) if models else None

    @classmethod
    def load(cls, cache: Path | None = None, packages: tuple[str, ...] = PACKAGES) -> Schema:
        """The schema of the installed SDK, from the cache if it is there.

        Otherwise the paths of services that the region lacks are read too: the first client that asks for one, and all
        others meanwhile, would wait for seconds.
        """
        key = f"{_FORMAT} {importlib.metadata.version('oci')} {' '.join(packages)}"
        path = cache / f"schema-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json" if cache else None
        if path and path.exists():
            try:
                return cls._from_json(json.loads(path.read_text()))
            except (ValueError, KeyError, TypeError):
                path.unlink(missing_ok=True)
        schema = cls._read(packages)
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(f".{id(schema)}")
            new.write_text(json.dumps(schema._to_json(), separators=(",", ":")))
            new.replace(path)
            _outlines(cache)
        return schema

    @classmethod
    def _read(cls, packages: tuple[str, ...]) -> Schema:
        root = _sdk()
        operations = [op for package in packages for op in _read_operations(root / package)]
        return cls(operations, {package: _read_models(root / package / "models") for package in packages})

    def _to_json(self) -> Any:
        models = {
            package: {
                name: [
                    {wire: [f.name, f.type, int(f.required), list(f.enum)] for wire, f in model.fields.items()},
                    model.discriminator,
                    model.subtypes,
                ]
                for name, model in models.items()
            }
            for package, models in self.models.items()
        }
        return {"operations": [asdict(operation) for operation in self.operations.values()], "models": models}

    @classmethod
    def _from_json(cls, data: Any) -> Schema:
        def parameters(values: list[dict[str, Any]]) -> tuple[Parameter, ...]:
            return tuple(Parameter(**(value | {"enum": tuple(value["enum"])})) for value in values)

        operations = [
            Operation(
                **(value | {name: parameters(value[name]) for name in ("path_params", "query_params", "header_params")})
            )
            for value in data["operations"]
        ]
        return cls(operations, {package: _Cached(models) for package, models in data["models"].items()})


class _Cached(Mapping[str, Model]):
    """The models of a package as they lie in the cache: each is made when it is first asked for, since few are."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self._raw = raw
        self._made: dict[str, Model] = {}

    def __getitem__(self, name: str) -> Model:
        if name not in self._made:
            fields, discriminator, subtypes = self._raw[name]
            shown = {wire: Field(f[0], f[1], bool(f[2]), tuple(f[3])) for wire, f in fields.items()}
            self._made[name] = Model(name, shown, discriminator, subtypes)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class _Routes:
    """A tree of path segments; the leaves hold the operations of each method."""

    def __init__(self, operations: list[Operation]) -> None:
        self._root: dict[str, Any] = {}
        for operation in operations:
            node = self._root
            for segment in _segments(operation.path):
                node = node.setdefault("{}" if "{" in segment else segment, {})
            node.setdefault("", {}).setdefault(operation.method, []).append(operation)

    def find(self, path: str) -> dict[str, list[tuple[Operation, dict[str, str]]]]:
        """The operations at a path by method, each with its path parameters (names as in the SDK's path)."""
        segments = _segments(path)
        leaves = self._walk(self._root, segments)
        found: dict[str, list[tuple[Operation, dict[str, str]]]] = {}
        for leaf in leaves:
            for method, operations in leaf.items():
                found.setdefault(method, []).extend((op, _bind(op.path, segments)) for op in operations)
        return found

    def _walk(self, node: dict[str, Any], segments: list[str]) -> list[dict[str, list[Operation]]]:
        if not segments:
            return [node[""]] if "" in node else []
        found = []
        for name in (segments[0], "{}"):
            if name and name in node:
                found += self._walk(node[name], segments[1:])
        return found


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _bind(pattern: str, segments: list[str]) -> dict[str, str]:
    return {name[1:-1]: value for name, value in zip(_segments(pattern), segments, strict=True) if name.startswith("{")}


# the services that the region lacks

_OUTLINE = re.compile(
    r"""^    def (?P<name>\w+)\(|'base_path': '(?P<base>[^']*)'|^        resource_path = "(?P<path>[^"]*)\""""
    r"""|^        method = "(?P<method>\w+)\"""",
    re.MULTILINE,
)


def elsewhere(cache: Path | None = None) -> _Routes:
    """The paths of every operation of the SDK, of services that the region lacks too, so that these can say what they
    are: names and paths only."""
    return _Routes([
        Operation(package, client, name, method, found) for package, client, name, method, found in _outlines(cache)
    ])  # fmt: skip


def _outlines(cache: Path | None) -> list[list[str]]:
    """Package, client, name, method and path of each operation of the SDK, from the cache if it is there; otherwise by
    a quick look at the text (8,400 operations in 1.5 s, several times as long on a busy machine)."""
    path = cache / f"operations-{importlib.metadata.version('oci')}.json" if cache else None
    rows: list[list[str]] = []
    if path and path.exists():
        try:
            rows = json.loads(path.read_text())
        except ValueError:
            rows = []
    if not rows:
        clients = [file for file in sorted(_sdk().glob("*/*_client.py")) if not file.name.startswith("async_")]
        rows = [row for client in clients for row in _outline(client)]
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(f".{id(rows)}")
            new.write_text(json.dumps(rows))
            new.replace(path)
    return rows


def _outline(path: Path) -> Iterator[list[str]]:
    base = name = found = ""
    for match in _OUTLINE.finditer(path.read_text()):
        if match["name"]:
            name = match["name"]
        elif match["base"] is not None:
            base = match["base"].rstrip("/")
        elif match["path"]:
            found = match["path"]
        else:
            yield [path.parent.name, path.stem.removesuffix("_client"), name, match["method"], base + found]


def _sdk() -> Path:
    spec = importlib.util.find_spec("oci")
    if spec is None or spec.origin is None:
        raise RuntimeError("the Python package `oci` is not installed")
    return Path(spec.origin).parent


# reading the clients

_PARAMETER = re.compile(r":param (\S+) (\w+): \((?:required|optional)\)")


def _read_operations(package: Path) -> Iterator[Operation]:
    for path in sorted(package.glob("*_client.py")):
        tree = ast.parse(path.read_text())
        client = next((node for node in tree.body if isinstance(node, ast.ClassDef)), None)
        if client is None:
            continue
        base = ""
        for node in client.body:
            if not isinstance(node, ast.FunctionDef):
                continue
            if node.name == "__init__":
                base = _base_path(node)
            else:
                operation = _read_operation(package.name, path.stem.removesuffix("_client"), base, node)
                if operation:
                    yield operation


def _base_path(init: ast.FunctionDef) -> str:
    for node in ast.walk(init):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "base_path" and isinstance(value, ast.Constant):
                    return str(value.value).rstrip("/")
    return ""


def _read_operation(package: str, client: str, base: str, function: ast.FunctionDef) -> Operation | None:
    values: dict[str, Any] = {}
    dicts: dict[str, dict[str, str]] = {}
    enums: dict[str, tuple[str, ...]] = {}
    for node in ast.walk(function):
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)):
            continue
        name = node.targets[0].id
        if isinstance(node.value, ast.Constant):
            values.setdefault(name, node.value.value)
        elif isinstance(node.value, ast.List) and name.endswith("_allowed_values"):
            enums[name.removesuffix("_allowed_values")] = tuple(ast.literal_eval(node.value))
        elif isinstance(node.value, ast.List) and name == "required_arguments":
            values[name] = ast.literal_eval(node.value)
        elif isinstance(node.value, ast.Dict) and name.endswith("_params"):
            dicts.setdefault(name, _parameter_names(node.value))
    if "resource_path" not in values or "method" not in values:
        return None
    required = {argument.arg for argument in function.args.args}
    body_name, response = _call_arguments(function)
    types = {name: kind for kind, name in _PARAMETER.findall(ast.get_docstring(function) or "")}
    body_type = re.sub(r"oci\.\w+\.models\.", "", types.get(body_name, "object")) if body_name else None

    def needed(kind: str, python: str) -> bool:
        return kind == "path_params" or python in required

    def parameters(kind: str) -> tuple[Parameter, ...]:
        return tuple(
            Parameter(python, wire, needed(kind, python), enums.get(python, ()), types.get(python, "str"))
            for wire, python in dicts.get(kind, {}).items()
            if python
        )

    return Operation(
        package=package, client=client, name=function.name,
        method=values["method"], path=base + values["resource_path"],
        path_params=parameters("path_params"), query_params=parameters("query_params"),
        header_params=parameters("header_params"), body=body_type, body_required=body_name in required,
        response=response,
    )  # fmt: skip


def _parameter_names(node: ast.Dict) -> dict[str, str]:
    """Wire name to Python name: of `"limit": kwargs.get("limit", missing)`, `"scope": scope`, or a call of it."""
    names = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant):
            continue
        python = ""
        if isinstance(value, ast.Name):
            python = value.id
        elif isinstance(value, ast.Call):
            call = value
            if isinstance(call.func, ast.Attribute) and call.func.attr != "get" and call.args:
                inner = call.args[0]
                python = inner.id if isinstance(inner, ast.Name) else ""
                call = inner if isinstance(inner, ast.Call) else call
            first = call.args[0] if call.args else None
            if isinstance(call.func, ast.Attribute) and call.func.attr == "get" and isinstance(first, ast.Constant):
                python = str(first.value)
        names[str(key.value)] = python
    return names


def _call_arguments(function: ast.FunctionDef) -> tuple[str | None, str | None]:
    """The variable sent as the body and the type of the answer."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            arguments = {keyword.arg: keyword.value for keyword in node.keywords}
            if "resource_path" not in arguments:
                continue
            body, response = arguments.get("body"), arguments.get("response_type")
            name = body.id if isinstance(body, ast.Name) else None
            if isinstance(body, ast.Call) and body.args and isinstance(body.args[0], ast.Constant):
                name = str(body.args[0].value)
            return name, str(response.value) if isinstance(response, ast.Constant) else None
    return None, None


# reading the models

_REQUIRED = "**[Required]**"


def _read_models(folder: Path) -> dict[str, Model]:
    classes: dict[str, tuple[list[str], Model]] = {}
    for path in sorted(folder.glob("*.py")):
        if path.name == "__init__.py":
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id != "object"]
                classes[node.name] = (bases, _read_model(node))
    return {name: _inherit(name, classes) for name in classes}


def _read_model(node: ast.ClassDef) -> Model:
    types: dict[str, str] = {}
    wires: dict[str, str] = {}
    required: set[str] = set()
    enums: dict[str, tuple[str, ...]] = {}
    discriminator: str | None = None
    subtypes: dict[str, str] = {}
    for item in node.body:
        if not isinstance(item, ast.FunctionDef):
            continue
        if item.name == "__init__":
            types, wires = _model_maps(item)
        elif item.name == "get_subtype":
            discriminator, subtypes = _subtypes(item)
        elif any(isinstance(decorator, ast.Name) for decorator in item.decorator_list):
            if (ast.get_docstring(item) or "").startswith(_REQUIRED):
                required.add(item.name)
        else:
            for target, value in _assignments(item):
                if isinstance(target, ast.Name) and target.id == "allowed_values":
                    enums[item.name] = tuple(ast.literal_eval(value))
    fields = {
        wire: Field(name, types[name], name in required, enums.get(name, ()))
        for name, wire in wires.items()
        if name in types
    }
    return Model(node.name, fields, discriminator, subtypes)


def _assignments(function: ast.FunctionDef) -> Iterator[tuple[ast.expr, ast.expr]]:
    for statement in function.body:
        if isinstance(statement, ast.Assign):
            yield statement.targets[0], statement.value


def _model_maps(init: ast.FunctionDef) -> tuple[dict[str, str], dict[str, str]]:
    maps: dict[str, dict[str, str]] = {}
    for target, value in _assignments(init):
        if isinstance(target, ast.Attribute) and target.attr in ("swagger_types", "attribute_map"):
            maps[target.attr] = ast.literal_eval(value)
    return maps.get("swagger_types", {}), maps.get("attribute_map", {})


def _subtypes(function: ast.FunctionDef) -> tuple[str | None, dict[str, str]]:
    discriminator: str | None = None
    subtypes: dict[str, str] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            discriminator = str(node.slice.value)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Compare):
            value, answer = node.test.comparators[0], node.body[0]
            name = answer.value if isinstance(answer, ast.Return) else None
            if isinstance(value, ast.Constant) and isinstance(name, ast.Constant):
                subtypes[str(value.value)] = str(name.value)
    return discriminator, subtypes


def _inherit(name: str, classes: dict[str, tuple[list[str], Model]]) -> Model:
    """A model with what its bases say of its fields: a subtype repeats the fields, but not that they are required."""
    bases, model = classes[name]
    fields = dict(model.fields)
    for base in bases:
        if base not in classes:
            continue
        for wire, inherited in _inherit(base, classes).fields.items():
            own = fields.get(wire, inherited)
            fields[wire] = Field(own.name, own.type, own.required or inherited.required, own.enum or inherited.enum)
    return Model(name, fields, model.discriminator, model.subtypes)
