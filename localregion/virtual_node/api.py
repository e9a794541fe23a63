# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server as a kubelet uses it: requests, and informers that list once and then watch."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx

log = logging.getLogger(__name__)

Json = dict[str, Any]

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
MANAGER = "oke-virtual-node"
_PAGE = 500
# A bound for what the API server sees at once from a pool of full nodes.
_CONNECTIONS = 12


class ApiError(Exception):
    """The API server refused; `status` is the HTTP status, `reason` Kubernetes' word for it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class Api:
    """Calls to one API server. ApiError for a refusal, httpx.HTTPError where there is no answer."""

    def __init__(self, server: str, ca_file: str, certificate: str, key: str) -> None:
        context = ssl.create_default_context(cafile=ca_file)
        context.load_cert_chain(certificate, key)
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        timeout = httpx.Timeout(30.0, connect=5.0, pool=120.0)
        self._calls = httpx.AsyncClient(
            base_url=server, verify=context, limits=limits, timeout=timeout, trust_env=False
        )
        # httpx looks at every waiting request for each one that ends: let them wait here.
        self._turns = asyncio.Semaphore(_CONNECTIONS)
        endless = httpx.Timeout(None, connect=5.0)
        self._watches = httpx.AsyncClient(base_url=server, verify=context, timeout=endless, trust_env=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.aclose()
        await self._watches.aclose()

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Json:
        """One request, its decoded answer."""
        headers = {"Content-Type": content_type} if body is not None else None
        content = None if body is None else json.dumps(body)
        async with self._turns:
            response = await self._calls.request(method, path, params=query, content=content, headers=headers)
        _check(response)
        answer: Json = response.json()
        return answer

    async def get(self, path: str) -> Json | None:
        """An object; None where there is none."""
        try:
            return await self.call("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def delete(self, path: str, body: Json | None = None) -> bool:
        """Delete an object; False when there was none (or, with a uid as precondition, another one)."""
        try:
            await self.call("DELETE", path, body)
        except ApiError as error:
            if error.status == 404 or (error.status == 409 and body and "preconditions" in body):
                return False
            raise
        return True

    async def apply(self, path: str, body: Json) -> Json:
        """Server-side apply by force: what we own leaves with the next apply that does not name it."""
        query = {"fieldManager": MANAGER, "force": "true"}
        return await self.call("PATCH", path, body, query=query, content_type=APPLY)

    async def list(self, path: str, query: Mapping[str, str]) -> tuple[list[Json], str]:
        """Every object (in pages) and the resource version of the list."""
        items: list[Json] = []
        more = ""
        while True:
            page = await self.call("GET", path, query={**query, "limit": str(_PAGE), "continue": more})
            items += page["items"]
            more = page["metadata"].get("continue", "")
            if not more:
                return items, page["metadata"]["resourceVersion"]

    async def watch(self, path: str, query: Mapping[str, str], version: str) -> AsyncIterator[Json]:
        """Events from a resource version on, bookmarks among them, until the server ends the watch."""
        params = {
            **query,
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randint(300, 600)),
        }
        async with self._watches.stream("GET", path, params=params) as response:
            if response.status_code >= 400:
                await response.aread()
                _check(response)
            rest = b""
            async for chunk in response.aiter_bytes():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line:
                        yield json.loads(line)


class Informer:
    """Keeps a list of objects in step with the API server and tells of each change.

    `changed(kind, object)` gets ADDED, MODIFIED and DELETED; it must not block. A list taken anew (after a lost watch)
    is told as the changes it amounts to.
    """

    def __init__(self, api: Api, path: str, query: Mapping[str, str], changed: Callable[[str, Json], None]) -> None:
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
                async for event in self._api.watch(self._path, self._query, version):
                    delay = 0.2
                    if event["type"] == "ERROR":
                        log.info("watch of %s: %s", self._path, event["object"].get("message"))
                        version = ""
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._note(event["type"], event["object"])
            except (ApiError, httpx.HTTPError, OSError, ValueError) as error:
                if isinstance(error, ApiError) and error.status == 410:
                    version = ""
                    continue
                log.info("watch of %s: %s: %s", self._path, type(error).__name__, error)
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


def _check(response: httpx.Response) -> None:
    if response.status_code < 400:
        return
    try:
        body = response.json()
        raise ApiError(response.status_code, body.get("reason", ""), body.get("message", ""))
    except (ValueError, AttributeError):
        raise ApiError(response.status_code, "", response.text[:500]) from None
