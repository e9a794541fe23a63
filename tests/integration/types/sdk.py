"""What the SDK's models say of a type, independent of its declaration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.model import ResourceType

from tests.unit import test_types as checks


@dataclass(frozen=True)
class Path:
    """A field of a service's models: ``backup_policy.is_enabled``; ``route_rules[].description`` in a list's items."""

    name: str
    kind: str  # as the SDK declares it: str, list[str], list[RouteRule]
    changeable: bool  # the update model has it


BY_OPERATIONS = {
    "network_security_group": {"security_rules": ("AddSecurityRuleDetails", "list[AddSecurityRuleDetails]")}
}
"""Parts of a resource that operations of their own keep: option -> the model of one item, and the kind of the whole."""


def paths(type_: ResourceType) -> dict[str, Path]:
    """The fields to walk: all of the create and update models but identity, tags and what is left out for a reason."""
    room = checks.models(type_)
    made = dict(_gather(room, checks.create_model(type_)))
    changed = dict(_gather(room, checks.update_model(type_)))
    found = {name: Path(name, kind, name in changed) for name, kind in {**made, **changed}.items()}
    for owner, option in checks.TRANSLATED:
        if owner == type_.name:
            found[option] = Path(option, "str", True)
    for option, (model, kind) in BY_OPERATIONS.get(type_.name, {}).items():
        found[option] = Path(option, kind, True)
        inner = _gather(room, getattr(room, model), f"{option}[].", 1)
        found.update({name: Path(name, kind, True) for name, kind in inner})
    known = {"compartment_id", type_.name_field, "freeform_tags", "defined_tags", *type_.place}
    return {name: path for name, path in found.items() if name not in known and not _left_out(type_, name)}


def _gather(room: Any, model: type, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    for name, kind in checks.attributes(room, model).items():
        inner = checks.nested_model(room, kind)
        if inner is None or depth > 5:
            yield f"{prefix}{name}", kind
        elif kind.startswith("list["):
            yield f"{prefix}{name}", kind
            yield from _gather(room, inner, f"{prefix}{name}[].", depth + 1)
        else:
            yield from _gather(room, inner, f"{prefix}{name}.", depth + 1)


def _left_out(type_: ResourceType, name: str) -> bool:
    parts = name.replace("[]", "").split(".")
    return any(".".join(parts[: i + 1]) in type_.unmanaged for i in range(len(parts)))


def fits(room: Any, model: type, value: Any) -> Any:
    """A document without what a model has not."""
    known = checks.attributes(room, model)
    made = {}
    for name, inner in value.items():
        if name not in known:
            continue
        nested = checks.nested_model(room, known[name])
        if nested is not None and isinstance(inner, dict):
            made[name] = fits(room, nested, inner)
        elif nested is not None and isinstance(inner, list):
            made[name] = [fits(room, nested, item) for item in inner]
        else:
            made[name] = inner
    return made
