# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: names, credentials of pull secrets (pure), and pulling.

A pod on a virtual node is a container instance of its own: it finds no image that another pod has pulled, so every
pod's first start asks the registry, with that pod's own credentials, whatever its imagePullPolicy. Layers that are here
already are not fetched again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import fnmatch
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from localregion.host.containers import Credentials
from localregion.virtual_node.containers import ImageError, LocalImage, Runtime

Json = dict[str, Any]
_NAME = re.compile(
    r"^[a-zA-Z0-9.-]+(:[0-9]+)?/[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?$"
)


def full_name(image: str) -> str:
    """An image's name with registry and tag. Raises ImageError (InvalidImageName)."""
    first, slash, _ = image.partition("/")
    name = image
    if not slash:
        name = f"docker.io/library/{image}"
    elif not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{image}"
    if "@" not in name and ":" not in name.rpartition("/")[2]:
        name += ":latest"
    if not _NAME.match(name):
        raise ImageError("InvalidImageName", f'Failed to apply default image tag "{image}": invalid reference format')
    return name


def credentials(image: str, secrets: Iterable[Json]) -> list[Credentials]:
    """The credentials of pull secrets that fit an image (a full name), the most specific first."""
    found: list[tuple[int, Credentials]] = []
    for secret in secrets:
        for registry, entry in _auths(secret).items():
            pattern = re.sub(r"^https?://", "", registry).rstrip("/")
            pattern = re.sub(r"/v[12]$", "", pattern)
            if pattern == "index.docker.io":
                pattern = "docker.io"
            if _fits(pattern, image):
                credential = _credential(entry)
                if credential:
                    found.append((len(pattern), credential))
    found.sort(key=lambda pair: -pair[0])
    unique: list[Credentials] = []
    for _, credential in found:
        if credential not in unique:
            unique.append(credential)
    return unique


def _auths(secret: Json) -> dict[str, Json]:
    data = secret.get("data") or {}
    try:
        if ".dockerconfigjson" in data:
            return dict(json.loads(base64.b64decode(data[".dockerconfigjson"])).get("auths") or {})
        if ".dockercfg" in data:
            return dict(json.loads(base64.b64decode(data[".dockercfg"])))
    except (ValueError, binascii.Error, AttributeError):
        pass
    return {}


def _credential(entry: Json) -> Credentials | None:
    if entry.get("username"):
        return Credentials(entry["username"], entry.get("password", ""))
    try:
        user, _, password = base64.b64decode(entry.get("auth", "")).decode().partition(":")
    except (ValueError, binascii.Error):
        return None
    return Credentials(user, password) if user else None


def _fits(pattern: str, image: str) -> bool:
    host, _, path = pattern.partition("/")
    name, _, rest = image.partition("/")
    host_name, _, host_port = host.partition(":")
    name_name, _, name_port = name.partition(":")
    if host_port != name_port:
        return False
    parts, wanted = name_name.split("."), host_name.split(".")
    if len(parts) != len(wanted) or not all(fnmatch.fnmatchcase(a, b) for a, b in zip(parts, wanted, strict=True)):
        return False
    return rest.startswith(path)


class Images:
    """Pulls images for pods; one pull of an image with the same credentials at a time serves all who ask."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._pulls: dict[tuple[str, tuple[Credentials, ...]], asyncio.Task[LocalImage]] = {}

    async def local(self, image: str) -> LocalImage | None:
        """The image if it is here."""
        return await self._runtime.image(full_name(image))

    async def pull(self, image: str, secrets: Sequence[Json]) -> LocalImage:
        """The image, from its registry. Raises ImageError (ErrImagePull, InvalidImageName)."""
        name = full_name(image)
        keys = tuple(credentials(name, secrets))
        task = self._pulls.get((name, keys))
        if task is None:
            task = asyncio.create_task(self._pull(name, keys))
            self._pulls[name, keys] = task
            task.add_done_callback(lambda _: self._pulls.pop((name, keys), None))
        return await asyncio.shield(task)

    async def _pull(self, name: str, keys: tuple[Credentials, ...]) -> LocalImage:
        problem = ""
        for credential in keys or (None,):
            try:
                return await self._runtime.pull(name, credential)
            except ImageError as error:
                problem = problem or error.message
        raise ImageError("ErrImagePull", f'failed to pull image "{name}": {problem}')
