# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod's volumes: what they need, the files in them, and the pod's folders, which hold its logs and files of /etc too.

The first half is pure. What is mounted is written once: changes of a ConfigMap or a Secret do not reach a running pod
on virtual nodes. Only service account tokens are renewed.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from localregion.host.containers import Mount
from localregion.virtual_node.env import ConfigError, Objects, Reference

Json = dict[str, Any]
FILE_MODE = 0o644


class VolumeError(Exception):
    """A volume cannot be set up now; the pod waits (event FailedMount)."""


@dataclass(frozen=True)
class TokenNeed:
    """A service account token that a projected volume holds."""

    volume: str
    path: str
    audience: str
    expiration_seconds: int


def references(spec: Json) -> set[Reference]:
    """Every Secret and ConfigMap that the volumes hold."""
    found = set()
    for volume in spec.get("volumes") or ():
        if "configMap" in volume:
            found.add(Reference("configmap", volume["configMap"]["name"]))
        elif "secret" in volume:
            found.add(Reference("secret", volume["secret"]["secretName"]))
        for source in (volume.get("projected") or {}).get("sources") or ():
            for field, kind in (("configMap", "configmap"), ("secret", "secret")):
                if field in source:
                    found.add(Reference(kind, source[field]["name"]))
    return found


def token_needs(spec: Json) -> list[TokenNeed]:
    """Every service account token of the pod's projected volumes."""
    found = []
    for volume in spec.get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            token = source.get("serviceAccountToken")
            if token:
                seconds = int(token.get("expirationSeconds") or 3600)
                found.append(TokenNeed(volume["name"], token["path"], token.get("audience", ""), seconds))
    return found


def render(volume: Json, pod: Json, objects: Objects, tokens: Mapping[TokenNeed, str]) -> dict[str, bytes] | None:
    """The files of a volume by their path in it; None for an emptyDir. Raises VolumeError for what is missing."""
    if "configMap" in volume:
        body = volume["configMap"]
        return _files("configmap", body["name"], body, objects)
    if "secret" in volume:
        body = volume["secret"]
        return _files("secret", body["secretName"], body, objects)
    if "projected" not in volume:
        return None
    result: dict[str, bytes] = {}
    for source in volume["projected"].get("sources") or ():
        if "configMap" in source:
            result |= _files("configmap", source["configMap"]["name"], source["configMap"], objects)
        elif "secret" in source:
            result |= _files("secret", source["secret"]["name"], source["secret"], objects)
        elif "downwardAPI" in source:
            for item in source["downwardAPI"].get("items") or ():
                path = (item.get("fieldRef") or {}).get("fieldPath", "")
                known = {"metadata.namespace": "namespace", "metadata.name": "name", "metadata.uid": "uid"}
                if path not in known:
                    raise VolumeError(f"downward API field {path} is not supported by virtual nodes")
                result[item["path"]] = str(pod["metadata"][known[path]]).encode()
    for need, token in tokens.items():
        if need.volume == volume["name"]:
            result[need.path] = token.encode()
    return result


def _files(kind: str, name: str, body: Json, objects: Objects) -> dict[str, bytes]:
    found = objects.get((kind, name))
    if found is None:
        if body.get("optional"):
            return {}
        raise VolumeError(f'{kind} "{name}" not found')
    if kind == "secret":
        data = {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    else:
        data = {key: value.encode() for key, value in (found.get("data") or {}).items()}
        data |= {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
    if not body.get("items"):
        return data
    result = {}
    for item in body["items"]:
        if item["key"] not in data:
            if body.get("optional"):
                continue
            raise VolumeError(f'{kind} "{name}" has no key {item["key"]}')
        result[item["path"]] = data[item["key"]]
    return result


class PodFolders:
    """The folders of one pod on this machine.

    `root` is readable by its owner only, so that Secrets' files below it can have the mode that pods expect. An
    emptyDir of medium Memory lies in `memory_root`, a folder on a tmpfs.
    """

    def __init__(self, root: Path, memory_root: Path) -> None:
        self.root = root
        self.memory_root = memory_root

    def make(self) -> None:
        """Make what every pod has; does nothing to what is there."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("etc", "logs", "volumes"):
            (self.root / name).mkdir(exist_ok=True)

    def remove(self) -> None:
        """Remove everything of the pod. Blocking."""
        for folder in (self.root, self.memory_root):
            shutil.rmtree(folder, ignore_errors=True)

    def volume(self, volume: Json) -> Path:
        """Where a volume lies."""
        memory = (volume.get("emptyDir") or {}).get("medium") == "Memory"
        return (self.memory_root if memory else self.root / "volumes") / str(volume["name"])

    def write(self, volume: Json, files: Mapping[str, bytes] | None) -> None:
        """Make a volume; files are replaced one by one, each in one step."""
        folder = self.volume(volume)
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        if files is None:
            folder.chmod(0o777)
            return
        folder.chmod(0o755)
        for name, data in files.items():
            write_file(inside(folder, name), data)

    def etc(self, name: str, text: str) -> Path:
        """Write a file of /etc that the node provides."""
        path = self.root / "etc" / name
        if not path.exists():  # containers write to their hosts file: it is theirs once made
            write_file(path, text.encode())
        return path

    def log(self, container: str, attempt: int) -> Path:
        """The log file of one run of a container, in a folder that is made; podman writes it, `logs` reads it."""
        folder = self._logs_of(container)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{attempt}.log"

    def logs(self, container: str) -> list[Path]:
        """The log files of a container's runs, as far as they are kept, the newest last."""
        return sorted(self._logs_of(container).glob("*.log"), key=lambda path: int(path.stem))

    def _logs_of(self, container: str) -> Path:
        return self.root / "logs" / container

    def mounts(self, pod: Json, container: Json) -> list[Mount]:
        """The volumes as one container mounts them. Raises ConfigError."""
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
        result = []
        for mount in container.get("volumeMounts") or ():
            volume = volumes[mount["name"]]
            folder = self.volume(volume)
            empty = "emptyDir" in volume
            if mount.get("subPath"):
                # Refused before; a path below what a container has written is never followed here.
                raise ConfigError(f"unsupported VolumeMount option: subPath: {mount['subPath']}")
            result.append(Mount(folder, mount["mountPath"], bool(mount.get("readOnly")) or not empty))
        return result


def write_file(path: Path, data: bytes) -> None:
    """Write a file in one step, readable by all who can reach its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    new.chmod(FILE_MODE)
    new.replace(path)


def inside(folder: Path, name: str) -> Path:
    """A path below a folder. Raises ConfigError if it leads out."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise ConfigError(f"path {name} leads out of its volume")
    return folder / relative
