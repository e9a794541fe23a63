# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of a pod: those that the region still builds, and pulls."""

from __future__ import annotations

import logging
import time
from typing import Any

from localregion.host.podman import REGISTRY_PREFIX
from localregion.virtual_node import env
from localregion.virtual_node.containers import ImageError, LocalImage
from localregion.virtual_node.images import full_name
from localregion.virtual_node.network import NetworkError
from localregion.virtual_node.pod_state import PodState

log = logging.getLogger(__name__)

Json = dict[str, Any]

# Seconds between two events about the same build.
_SAY_AGAIN = 15.0


class PodImages:
    """Gets the images of one pod."""

    def __init__(self, pod: PodState) -> None:
        self._pod = pod
        self._said: dict[str, tuple[float, str]] = {}

    async def making(self, image: str) -> str:
        """What an image that the region builds still waits for; empty if nothing. Until then its pull is under way, so
        that no back-off delays a pod and it does not look broken."""
        prefix, _, name = full_name(image).partition("/")
        if prefix != REGISTRY_PREFIX or not self._pod.host.runtime.with_files:
            return ""
        try:
            making = await self._pod.host.network.making(name)
        except NetworkError as error:
            log.info("%s: %s: %s", self._pod.name, image, error)
            return ""
        when, last = self._said.get(image, (0.0, ""))
        # All but the time that it has taken, which changes each second.
        same = last.rpartition(",")[0] == making.rpartition(",")[0]
        if making and same and last and time.monotonic() - when < _SAY_AGAIN:
            return last
        if making:
            self._said[image] = (time.monotonic(), making)
            self._pod.event("Pulling", f'Pulling image "{image}": {making}', topic=f"making {image}")
        return making

    async def of(self, container: Json, attempt: int) -> LocalImage:
        """The image of a container, pulled as its policy says. Raises ImageError."""
        name, policy = container["image"], container.get("imagePullPolicy", "IfNotPresent")
        images = self._pod.host.images
        if policy == "Never" or (attempt and policy == "IfNotPresent"):
            here = await images.local(name)
            if here is not None:
                return here
            if policy == "Never":
                raise ImageError(
                    "ErrImageNeverPull", f'Container image "{name}" is not present with pull policy of Never'
                )
        if not self._pod.host.runtime.with_files:
            return await images.pull(name, ())
        names = [entry["name"] for entry in self._pod.doc["spec"].get("imagePullSecrets") or () if entry.get("name")]
        found = await self._pod.host.read(self._pod.doc, {env.Reference("secret", secret) for secret in names})
        self._pod.event("Pulling", f'Pulling image "{name}"')
        began = time.monotonic()
        image = await images.pull(name, [secret for secret in found.values() if secret])
        self._pod.event("Pulled", f'Successfully pulled image "{name}" in {(time.monotonic() - began) * 1000:.0f}ms')
        return image
