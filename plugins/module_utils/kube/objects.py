# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes objects as data: reading, identity, order, difference. Pure functions."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.model import OWNER_LABEL

from .documents import load_all


@dataclass(frozen=True, order=True)
class Key:
    """What makes an object that object and no other."""

    api_version: str
    kind: str
    namespace: str | None
    name: str

    @property
    def group(self) -> str:
        return self.api_version.partition("/")[0] if "/" in self.api_version else ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass
class Item:
    """One object of a declaration."""

    manifest: dict[str, Any]
    source: str
    """Where it came from, for messages: `definition[2]`, `app.yml (document 1)`."""
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        self.key = key_of(self.manifest)


def key_of(manifest: Mapping[str, Any]) -> Key:
    """Identity of an object."""
    metadata = manifest.get("metadata") or {}
    return Key(
        str(manifest.get("apiVersion") or ""),
        str(manifest.get("kind") or ""),
        metadata.get("namespace") or None,
        str(metadata.get("name") or ""),
    )


def owner_of(live: Mapping[str, Any]) -> str:
    """The owner that an object's label names; empty where it has none."""
    return str(((live.get("metadata") or {}).get("labels") or {}).get(OWNER_LABEL) or "")


def items_of(documents: Iterable[Any], source: str) -> list[Item]:
    """Flatten documents (dicts, `List`s, empty ones) into items; all that is malformed is reported at once.

    :raises KubeError: something is not an object of Kubernetes.
    """
    found: list[Item] = []
    problems: list[str] = []
    for number, document in enumerate(documents):
        where = f"{source}[{number}]"
        if document is None or document == {}:
            continue
        if not isinstance(document, Mapping):
            problems.append(f"{where}: a {type(document).__name__}, not an object")
            continue
        if document.get("kind") == "List" and isinstance(document.get("items"), Sequence):
            found += items_of(document["items"], f"{where}.items")
            continue
        metadata = document.get("metadata")
        lacks = [name for name in ("apiVersion", "kind") if not isinstance(document.get(name), str)]
        if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str):
            lacks.append("metadata.name")
        if lacks:
            problems.append(f"{where}: lacks {', '.join(lacks)}")
            continue
        problems += [f"{where}.{problem}" for problem in _shapeless(document)]
        # A copy of our own (labels are added later), and without null, which apply would take as a value.
        found.append(Item(without_nulls(json.loads(json.dumps(document, default=str))), where))
    if problems:
        raise KubeError("; ".join(problems))
    return found


def _shapeless(document: Mapping[str, Any]) -> Iterator[str]:
    """Parts that are another thing than every object has there."""
    parts = ["spec", "metadata.labels", "metadata.annotations"]
    if document.get("kind") in _WITH_TEMPLATE:
        parts += ["spec.template", "spec.template.spec", "spec.template.metadata"]
    for part in parts:
        value: Any = document
        for name in part.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None and not isinstance(value, Mapping):
            yield f"{part}: {_TYPES.get(type(value), 'text')} where a mapping belongs"


_WITH_TEMPLATE = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")


def refuse_shapeless(items: Sequence[Item]) -> None:
    """:raises KubeError: after the patches it is not an object any more."""
    problems = []
    for item in items:
        metadata = item.manifest.get("metadata")
        if not isinstance(metadata, Mapping) or key_of(item.manifest) != item.key:
            problems.append(f"{item.source}: patches change which object it is")
        else:
            problems += [f"{item.source}.{problem}" for problem in _shapeless(item.manifest)]
    if problems:
        raise KubeError("\n".join(problems))


def without_nulls(value: Any) -> Any:
    """The same without keys whose value is null: templates leave those behind."""
    if isinstance(value, Mapping):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    return value


def parse_documents(text: str, source: str) -> list[Any]:
    """All YAML documents of a text.

    :raises KubeError: not YAML, with the place.
    """
    return load_all(text, source)


def read_files(path: Path) -> list[Item]:
    """Objects of a file, or of all *.yml, *.yaml and *.json in a folder, by name."""
    if os.path.isdir(path):  # noqa: PTH112 - False too for what cannot be a path
        try:
            inside = sorted(path.iterdir())
        except OSError as error:
            raise KubeError(f"{path}: {error.strerror}") from None
        files = [file for file in inside if file.suffix in (".yml", ".yaml", ".json") and file.is_file()]
        if not files:
            raise KubeError(f"{path}: no .yml, .yaml or .json in this folder")
    else:
        files = [path]
    found: list[Item] = []
    for file in files:
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise KubeError(f"{file}: {getattr(error, 'strerror', None) or 'not text'}") from None
        found += items_of(parse_documents(text, str(file)), str(file))
    return found


def refuse_duplicates(items: Sequence[Item]) -> None:
    """:raises KubeError: the same object is declared twice."""
    seen: dict[tuple[str, str, str | None, str], Item] = {}
    problems = []
    for item in items:
        identity = (item.key.group, item.key.kind, item.key.namespace, item.key.name)
        if identity in seen:
            problems.append(f"{item.key} is declared twice: {seen[identity].source} and {item.source}")
        seen[identity] = item
    if problems:
        raise KubeError("; ".join(problems))


# Secrets

_SECTIONS = ("data", "stringData")
_TYPES = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a mapping"}


def _secrets(items: Iterable[Item]) -> Iterator[tuple[Item, str, Any]]:
    for item in items:
        if item.key.kind == "Secret" and item.key.api_version == "v1":
            for section in _SECTIONS:
                if section in item.manifest:
                    yield item, section, item.manifest[section]


def refuse_odd_secrets(items: Sequence[Item], unknown: Callable[[Any], bool]) -> None:
    """What the server would refuse of a Secret's values, whose message would repeat them.

    :param unknown: whether a value holds a placeholder.
    :raises KubeError: values that are not text, or not base64 in `data`; none of them is in the text.
    """
    problems = []
    for item, section, values in _secrets(items):
        here = f"{item.key} ({item.source}): {section}"
        if not isinstance(values, Mapping):
            if not unknown(values):
                problems.append(
                    f"{here} is {_TYPES.get(type(values), 'a text')}: it must be a mapping of names to texts"
                )
            continue
        for name, value in values.items():
            if isinstance(value, (list, dict)):
                problems.append(f"{here}.{name} is {_TYPES[type(value)]}: write it as text, to_json makes one")
            elif not isinstance(value, str):
                problems.append(f"{here}.{name} is {_TYPES.get(type(value), 'no text')}: quote it")
            elif section == "data" and not unknown(value) and _decoded(value) is None:
                problems.append(f"{here}.{name} is not base64: give text as stringData, or encode it (b64encode)")
    if problems:
        raise KubeError("\n".join(problems))


def secret_texts(items: Sequence[Item]) -> set[str]:
    """What nobody may see of the Secrets' values, in all the forms in which a message may hold it.

    Not what names an object of the set: that can be seen anyway.
    """
    found: set[str] = set()
    for _item, section, values in _secrets(items):
        for value in _leaves(values):
            plain = (_decoded(value) if section == "data" else None) or value.encode(errors="surrogatepass")
            text = plain.decode(errors="replace")
            found |= {value, value.strip(), text, text.strip(), json.dumps(text)[1:-1]}
            found.add(base64.b64encode(plain).decode())
    open_names = {part for item in items for part in (item.key.kind, item.key.namespace, item.key.name)}
    return {text for text in found if text and text not in open_names}


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _decoded(text: str) -> bytes | None:
    """The bytes of base64 text, as strictly as the API server reads it; None where it is not base64."""
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError:
        return None


# What has to be there before the rest, and what is to come last.
_RANK = {
    "Namespace": 0,
    "CustomResourceDefinition": 1,
    "PriorityClass": 2,
    "StorageClass": 2,
    "IngressClass": 2,
    "ResourceQuota": 3,
    "LimitRange": 3,
    "ServiceAccount": 4,
    "Secret": 5,
    "ConfigMap": 5,
    "PersistentVolume": 6,
    "PersistentVolumeClaim": 7,
    "ClusterRole": 8,
    "Role": 8,
    "ClusterRoleBinding": 9,
    "RoleBinding": 9,
    "Service": 10,
    "PodDisruptionBudget": 11,
    "Deployment": 12,
    "StatefulSet": 12,
    "ReplicaSet": 12,
    "Pod": 12,
    "Job": 13,
    "CronJob": 13,
    "HorizontalPodAutoscaler": 14,
    "Ingress": 15,
    "APIService": 16,
    # Last: they stand in the way of what comes before them until their servers run.
    "MutatingWebhookConfiguration": 18,
    "ValidatingWebhookConfiguration": 18,
}
_OTHERS = 17


def rank(key: Key) -> int:
    """Place in the order of writing; custom resources come after what may define and serve them."""
    return _RANK.get(key.kind, _OTHERS)


def stages(items: Sequence[Item]) -> list[list[Item]]:
    """Groups in the order of writing; what is in one group may be written side by side."""
    ordered: dict[int, list[Item]] = {}
    for item in items:
        ordered.setdefault(rank(item.key), []).append(item)
    return [ordered[place] for place in sorted(ordered)]


# Differences

_SERVER_METADATA = (
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SECRET, SECRET_CHANGED = "(secret)", "(secret, changed)"


def settled(live: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what the server keeps for itself: what two states are compared by."""
    result = {key: value for key, value in live.items() if key != "status"}
    metadata = {key: value for key, value in (live.get("metadata") or {}).items() if key not in _SERVER_METADATA}
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(_LAST_APPLIED, None)
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    result["metadata"] = metadata
    return result


def masked(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two states of an object for people's eyes: a Secret's values say only whether they differ, schemas are folded."""
    one, other = dict(before), dict(after)
    if "CustomResourceDefinition" in (one.get("kind"), other.get("kind")):
        return _folded(one), _folded(other)
    if "Secret" not in (one.get("kind"), other.get("kind")):
        return one, other
    for section in _SECTIONS:
        old, new = one.get(section), other.get(section)
        if isinstance(old, Mapping):
            one[section] = dict.fromkeys(old, SECRET)
        if isinstance(new, Mapping):
            old = old if isinstance(old, Mapping) else {}
            other[section] = {
                key: SECRET if key in old and old[key] == value else SECRET_CHANGED for key, value in new.items()
            }
    return one, other


def autoscaled(items: Iterable[Item]) -> set[tuple[str, str, str | None, str]]:
    """What autoscalers of the set scale: API version, kind, namespace and name."""
    found = set()
    for item in items:
        if item.key.kind == "HorizontalPodAutoscaler" and item.key.group == "autoscaling":
            target = (item.manifest.get("spec") or {}).get("scaleTargetRef") or {}
            names = (str(target.get("apiVersion")), str(target.get("kind")))
            found.add((*names, item.key.namespace, str(target.get("name"))))
    return found


def rows_of(value: Any) -> list[Mapping[str, Any]]:
    """The mappings of a list, whatever else is in it."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, (list, tuple)) else []


def _folded(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition with a mark in place of each schema: thousands of lines that no one reads in a diff."""
    spec = dict(definition.get("spec") or {})
    if not spec:
        return dict(definition)
    spec["versions"] = [
        {**version, "schema": f"(schema {_mark(version['schema'])})"} if version.get("schema") else version
        for version in rows_of(spec.get("versions"))
    ]
    return {**definition, "spec": spec}


def _mark(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def changed_parts(before: Any, after: Any) -> tuple[Any, Any] | None:
    """Only what differs of two values; None where nothing does.

    Lists whose members all have a name are compared by name, others as a whole.
    """
    if before == after:
        return None
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        old, new = {}, {}
        for key in [*before, *(key for key in after if key not in before)]:
            if key not in before:
                new[key] = after[key]
            elif key not in after:
                old[key] = before[key]
            elif (part := changed_parts(before[key], after[key])) is not None:
                nested = isinstance(before[key], Mapping) and isinstance(after[key], Mapping)
                for side, value in zip((old, new), part, strict=True):
                    if not nested or value != {}:  # nothing of it on this side
                        side[key] = value
        return old, new
    if isinstance(before, list) and isinstance(after, list) and _by_name(before) and _by_name(after):
        olds, news = {row["name"]: row for row in before}, {row["name"]: row for row in after}
        old_rows, new_rows = [], []
        for name in [*olds, *(name for name in news if name not in olds)]:
            if name not in news:
                old_rows.append(olds[name])
            elif name not in olds:
                new_rows.append(news[name])
            elif (part := changed_parts(olds[name], news[name])) is not None:
                old_rows.append({"name": name, **part[0]})
                new_rows.append({"name": name, **part[1]})
        if old_rows or new_rows:
            return old_rows, new_rows
    return before, after


def _by_name(rows: list[Any]) -> bool:
    names = [row.get("name") for row in rows if isinstance(row, Mapping)]
    return len(names) == len(rows) > 0 and None not in names and len(set(names)) == len(names)


def holds(actual: Any, wanted: Any) -> bool:
    """Whether everything wanted is there already, whatever else there is.

    For the rare object whose dry run the server refuses; the server's own answer is better where it can be had.
    """
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and all(key in actual and holds(actual[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(wanted)
            and all(holds(one, other) for one, other in zip(actual, wanted, strict=True))
        )
    return bool(actual == wanted)


def overlaid(base: Any, top: Any) -> Any:
    """What is declared laid over what is there: the best guess of a result that the server cannot be asked for."""
    if isinstance(base, Mapping) and isinstance(top, Mapping):
        # An empty list or mapping says no more than the key's absence.
        given = {key: value for key, value in top.items() if key in base or value not in ([], {})}
        return {**base, **{key: overlaid(base.get(key), value) for key, value in given.items()}}
    if isinstance(base, list) and isinstance(top, list) and _by_name(base) and _by_name(top):
        rows = {row["name"]: row for row in base}
        return [overlaid(rows.get(row["name"]), row) for row in top]
    return top
