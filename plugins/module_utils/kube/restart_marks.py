# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New pods when what they mount has changed: on virtual nodes a running pod never sees new contents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .objects import Item, rows_of

ANNOTATION = "okestack.oci/contents"
Version = Callable[[str, "str | None", str], "str | None"]
"""(kind, namespace, name) to something that differs whenever the contents do; None where the object is not there."""


def mark(items: Sequence[Item], version: Version, unknown: Callable[[str, str], str]) -> None:
    """Put an annotation on each pod template that changes with the ConfigMaps and Secrets its pods read.

    :param unknown: the mark for an object (kind, name) that does not exist yet.
    """
    declared = {(item.key.kind, item.key.namespace, item.key.name): item for item in items}
    for item in items:
        template = pod_template(item.manifest)
        if template is None:
            continue
        parts = []
        for kind, name in sorted(set(references(template.get("spec") or {}))):
            own = declared.get((kind, item.key.namespace, name))
            if own is not None and kind == "ConfigMap":
                parts.append(f"{kind}/{name}={_digest(own.manifest.get('data'), own.manifest.get('binaryData'))}")
            else:
                found = version(kind, item.key.namespace, name)
                parts.append(f"{kind}/{name}={unknown(kind, name) if found is None else found}")
        if parts:
            missing = [part for part in parts if "(" in part]
            text = missing[0].partition("=")[2] if missing else _digest(parts)
            metadata = template.setdefault("metadata", {})
            metadata["annotations"] = {**(metadata.get("annotations") or {}), ANNOTATION: text}


def pod_template(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The template of the pods that an object replaces when it changes."""
    if manifest.get("kind") not in ("Deployment", "StatefulSet", "Job"):
        return None
    template = (manifest.get("spec") or {}).get("template")
    return template if isinstance(template, dict) else None


def references(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, name) of the ConfigMaps and Secrets that a pod reads when it starts."""
    for volume in rows_of(spec.get("volumes")):
        if named := _named(volume, "configMap", "name"):
            yield "ConfigMap", named
        if named := _named(volume, "secret", "secretName"):
            yield "Secret", named
        projected = volume.get("projected")
        for source in rows_of(projected.get("sources") if isinstance(projected, Mapping) else None):
            yield from _both(source, "configMap", "secret")
    for container in rows_of(spec.get("containers")):
        for row in rows_of(container.get("envFrom")):
            yield from _both(row, "configMapRef", "secretRef")
        for row in rows_of(container.get("env")):
            if isinstance(row.get("valueFrom"), Mapping):
                yield from _both(row["valueFrom"], "configMapKeyRef", "secretKeyRef")


def _both(row: Mapping[str, Any], config_map: str, secret: str) -> Iterator[tuple[str, str]]:
    for key, kind in ((config_map, "ConfigMap"), (secret, "Secret")):
        if named := _named(row, key, "name"):
            yield kind, named


def _named(row: Mapping[str, Any], key: str, name: str) -> str:
    inner = row.get(key)
    return str(inner.get(name) or "") if isinstance(inner, Mapping) else ""


def _digest(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
