# SPDX-License-Identifier: GPL-3.0-or-later
"""One pod on its node as the parts of its worker see it: what it is, what became of it, and what is said of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from localregion.host.kubernetes_client import STRATEGIC, KubeError
from localregion.virtual_node import pods
from localregion.virtual_node.config import VirtualNode
from localregion.virtual_node.network import Attachment
from localregion.virtual_node.pods import PodRun
from localregion.virtual_node.protocols import PodHost

Json = dict[str, Any]
_T = TypeVar("_T")


class PodState:
    """``doc`` is the pod as the API server has it, ``run`` what became of it, ``attachment`` its VNIC; ``gone`` is set
    when nobody waits for its end, ``busy`` is what must not be broken off."""

    def __init__(self, host: PodHost, node: VirtualNode, doc: Json) -> None:
        self.host, self.node, self.doc = host, node, doc
        self.uid: str = doc["metadata"]["uid"]
        self.run = pods.recall(doc, time.time()) if host.runtime.with_files else PodRun.of(doc["spec"])
        self.folders = host.folders(self.uid)
        self.attachment: Attachment | None = None
        self.gone = asyncio.Event()
        self.busy: asyncio.Task[Any] | None = None
        self._sent = ""
        self._sending = asyncio.Lock()

    @property
    def name(self) -> str:
        """namespace/name."""
        return f"{self.doc['metadata']['namespace']}/{self.doc['metadata']['name']}"

    def container(self, name: str) -> Json:
        """A container of the pod as it is declared."""
        found: Json = next(each for each in self.doc["spec"]["containers"] if each["name"] == name)
        return found

    def event(self, reason: str, message: str, *, warning: bool = False, topic: str = "") -> None:
        """Write an event of the pod."""
        self.host.events.note(self.doc, self.node.name, reason, message, warning=warning, topic=topic)

    async def unbroken(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Finish something even if the pod is deleted meanwhile: what is half made could not be undone."""
        task = self.busy = asyncio.create_task(work)
        return await asyncio.shield(task)

    async def publish(self) -> None:
        """Write the pod's status to the API server if it has changed."""
        async with self._sending:
            status = pods.status(self.doc, self.run, self.node.address, time.time())
            text = json.dumps(status, sort_keys=True)
            if text == self._sent:
                return
            meta = self.doc["metadata"]
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status"
            body = {"metadata": {"uid": self.uid}, "status": status}
            try:
                answer = await self.host.api.call("PATCH", path, body, content_type=STRATEGIC)
            except KubeError as error:
                if error.status in (404, 409):  # gone, or another pod of its name
                    return
                raise
            self._sent = text
            if int(answer["metadata"]["resourceVersion"]) > int(self.doc["metadata"]["resourceVersion"]):
                self.doc = answer
