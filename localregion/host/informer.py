# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of Kubernetes objects that is kept up to date by a watch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from localregion.core.tasks import note_failure
from localregion.host.kubernetes_client import KubeClient, KubeError

log = logging.getLogger(__name__)

Json = dict[str, Any]


class Informer:
    """Keeps a list of objects in step with the API server and reports each change.

    `changed(kind, object)` gets ADDED, MODIFIED and DELETED; it must not block. A new list (after a lost watch) is
    given as the changes that it makes.
    """

    def __init__(
        self, api: KubeClient, path: str, query: Mapping[str, str], changed: Callable[[str, Json], None]
    ) -> None:
        self.objects: dict[str, Json] = {}
        self.synced = asyncio.Event()
        self._api = api
        self._path = path
        self._query = query
        self._changed = changed

    async def run(self) -> None:
        """List and watch until cancelled."""
        delay = 0.2
        version = ""
        while True:
            try:
                if not version:
                    items, version = await self._api.list(self._path, self._query)
                    self._replace(items)
                    self.synced.set()
                    delay = 0.2
                async for event in self._api.events(self._path, self._query, version):
                    delay = 0.2
                    if event["type"] == "ERROR":
                        log.info("watch of %s: %s", self._path, event["object"].get("message"))
                        version = ""
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._note(event["type"], event["object"])
            except Exception as error:
                if isinstance(error, KubeError) and error.status == 410:
                    version = ""
                    continue
                note_failure(log, f"watch of {self._path}", error, KubeError, httpx.HTTPError, OSError, ValueError)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)

    def _replace(self, items: list[Json]) -> None:
        now = {item["metadata"]["uid"]: item for item in items}
        for uid, item in list(self.objects.items()):
            if uid not in now:
                self._note("DELETED", item)
        for uid, item in now.items():
            old = self.objects.get(uid)
            if old is None:
                self._note("ADDED", item)
            elif old["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
                self._note("MODIFIED", item)

    def _note(self, kind: str, item: Json) -> None:
        uid = item["metadata"]["uid"]
        if kind == "DELETED":
            self.objects.pop(uid, None)
        else:
            self.objects[uid] = item
        try:
            self._changed(kind, item)
        except Exception:
            log.exception("%s %s", kind, item["metadata"].get("name"))
