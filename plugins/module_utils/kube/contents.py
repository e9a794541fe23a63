# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New pods when what they mount has changed: on virtual nodes a running pod never sees new contents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .objects import Item

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
    """The template of the pods that an object makes anew when it changes."""
    if manifest.get("kind") not in ("Deployment", "StatefulSet", "Job"):
        return None
    template = (manifest.get("spec") or {}).get("template")
    return template if isinstance(template, dict) else None


def references(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, name) of the ConfigMaps and Secrets that a pod reads when it starts."""
    for volume in spec.get("volumes") or ():
        if volume.get("configMap"):
            yield "ConfigMap", str(volume["configMap"].get("name"))
        if volume.get("secret"):
            yield "Secret", str(volume["secret"].get("secretName"))
        for source in (volume.get("projected") or {}).get("sources") or ():
            for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                if source.get(key):
                    yield kind, str(source[key].get("name"))
    for container in spec.get("containers") or ():
        for row in container.get("envFrom") or ():
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if row.get(key):
                    yield kind, str(row[key].get("name"))
        for row in container.get("env") or ():
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if (row.get("valueFrom") or {}).get(key):
                    yield kind, str(row["valueFrom"][key].get("name"))


def _digest(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
