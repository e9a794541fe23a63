# SPDX-License-Identifier: GPL-3.0-or-later
"""Events about pods and nodes: recorded in order by one task; the same one again raises its count."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from typing import Any

import httpx

from localregion.host.kubernetes_client import MERGE, KubeClient, KubeError
from localregion.virtual_node.pods import timestamp

log = logging.getLogger(__name__)

Json = dict[str, Any]
_KNOWN = 4096
_QUEUE = 5000


class Events:
    """Records events without making anyone wait; drops them when thousands are waiting."""

    def __init__(self, api: KubeClient) -> None:
        self._api = api
        self._queue: asyncio.Queue[tuple[tuple[str, ...], Json]] = asyncio.Queue(_QUEUE)
        self._known: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()

    def note(
        self, about: Json, node: str, reason: str, message: str, *, warning: bool = False, topic: str = ""
    ) -> None:
        """Record an event about an object (its kind is Pod where it names none). One of the same reason and message, or
        of the same reason and `topic`, is written on, with a higher count."""
        meta = about["metadata"]
        namespace = meta.get("namespace", "default")
        kind = "Warning" if warning else "Normal"
        now = timestamp(time.time())
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{meta['name']}.", "namespace": namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": about.get("kind", "Pod"),
                "name": meta["name"],
                "namespace": meta.get("namespace", ""),
                "uid": meta.get("uid", ""),
                "resourceVersion": meta.get("resourceVersion", ""),
            },
            "reason": reason,
            "message": message[:1000],
            "type": kind,
            "source": {"component": "kubelet", "host": node},
            "reportingComponent": "kubelet",
            "reportingInstance": node,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self._queue.put_nowait(((namespace, meta.get("uid", ""), reason, topic or message), event))
        except asyncio.QueueFull:
            log.warning("event dropped: %s %s", reason, meta["name"])

    async def run(self) -> None:
        """Send what is noted until cancelled."""
        while True:
            key, event = await self._queue.get()
            try:
                await self._send(key, event)
            except (KubeError, httpx.HTTPError, OSError) as error:
                log.info("event %s not recorded: %s", event["reason"], error)

    async def _send(self, key: tuple[str, ...], event: Json) -> None:
        path = f"/api/v1/namespaces/{key[0]}/events"
        if key in self._known:
            name, count = self._known[key]
            body = {"count": count + 1, "lastTimestamp": event["lastTimestamp"], "message": event["message"]}
            try:
                await self._api.call("PATCH", f"{path}/{name}", body, content_type=MERGE)
                self._known[key] = (name, count + 1)
                return
            except KubeError as error:
                if error.status != 404:
                    raise
        made = await self._api.call("POST", path, event)
        self._known[key] = (made["metadata"]["name"], 1)
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)
