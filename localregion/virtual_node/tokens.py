# SPDX-License-Identifier: GPL-3.0-or-later
"""The service account tokens that a pod's volumes hold: asked of the API server, and renewed before they expire."""

from __future__ import annotations

import logging
import time
from typing import Any

import httpx

from localregion.host.kubernetes_client import KubeError
from localregion.virtual_node import pods, volumes
from localregion.virtual_node.protocols import PodHost
from localregion.virtual_node.volumes import PodFolders, TokenNeed, VolumeError

log = logging.getLogger(__name__)

Json = dict[str, Any]

_RETRY = 10.0


class PodTokens:
    """The tokens of one pod."""

    def __init__(self, host: PodHost, folders: PodFolders) -> None:
        self._host = host
        self._folders = folders
        self._renewals: list[tuple[float, TokenNeed]] = []

    def write(self, pod: Json, need: TokenNeed, token: str) -> None:
        """Put a token into its volume."""
        volume = next(v for v in pod["spec"]["volumes"] if v["name"] == need.volume)
        volumes.write_file(volumes.inside(self._folders.volume(volume), need.path), token.encode())

    async def ask(self, pod: Json, need: TokenNeed) -> str:
        """A new token, and a note of when it is due again. Raises VolumeError."""
        meta = pod["metadata"]
        account = pod["spec"].get("serviceAccountName") or "default"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [need.audience] if need.audience else [],
                "expirationSeconds": need.expiration_seconds,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]},
            },
        }
        path = f"/api/v1/namespaces/{meta['namespace']}/serviceaccounts/{account}/token"
        try:
            answer = await self._host.api.call("POST", path, body)
        except KubeError as error:
            raise VolumeError(f"failed to fetch token: {error.message}") from error
        status = answer["status"]
        # kubelet renews at four fifths of a token's life, and after a day at the latest.
        life = min((pods.seconds(status["expirationTimestamp"]) - time.time()) * 0.8, 86400.0)
        self._renewals.append((time.time() + max(life, _RETRY), need))
        return str(status["token"])

    async def renew(self, pod: Json) -> float | None:
        """Renew the tokens that are due; when the next one is."""
        for pair in [pair for pair in self._renewals if pair[0] <= time.time()]:
            self._renewals.remove(pair)
            need = pair[1]
            try:
                token = await self.ask(pod, need)
            except (VolumeError, httpx.HTTPError) as error:
                meta = pod["metadata"]
                log.warning("%s/%s: token not renewed: %s", meta["namespace"], meta["name"], error)
                self._renewals.append((time.time() + _RETRY, need))
                continue
            self.write(pod, need, token)
        return min((moment for moment, _ in self._renewals), default=None)
