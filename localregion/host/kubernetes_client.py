# SPDX-License-Identifier: GPL-3.0-or-later
"""The region's client of a cluster's Kubernetes API, for its controllers and the virtual nodes."""

from __future__ import annotations

import asyncio
import builtins
import json
import logging
import random
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from localregion.host.http_client import http_client

log = logging.getLogger(__name__)

Object = dict[str, Any]

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
_PAGE = 500
_CONNECTIONS = 12
"""A bound for what the API server sees at once from a pool of full nodes."""
_WATCH_SECONDS = (300, 600)
"""How long a watch lasts, at least and at most."""


class KubeError(Exception):
    """The API server refused; `status` is the HTTP status, the text its own message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class KubeClient:
    """Calls one API server: over the network, or through a unix socket that leads to it (see host/relay.py).

    Paths are the API's own (`/api/v1/nodes`). Errors: KubeError for an answer, httpx.HTTPError without one.
    ``manager`` is the field manager of server-side apply; ``source`` an address of this machine to connect from.
    """

    def __init__(
        self,
        server: str,
        ca: Path,
        certificate: Path,
        key: Path,
        *,
        manager: str,
        socket: Path | None = None,
        source: str | None = None,
    ) -> None:
        self._server, self._socket, self._source, self._manager = server, socket, source, manager
        self._context = ssl.create_default_context(cafile=str(ca))
        self._context.load_cert_chain(certificate, key)
        # httpx looks at every waiting request for each one that ends: let them wait here.
        self._turns = asyncio.Semaphore(_CONNECTIONS)
        self._open()

    def _open(self) -> None:
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        self._calls = self._client(httpx.Timeout(30.0, connect=5.0, pool=120.0), limits)
        self._watches = self._client(httpx.Timeout(30.0, connect=5.0, read=_WATCH_SECONDS[1] + 30.0), httpx.Limits())

    def _client(self, timeout: httpx.Timeout, limits: httpx.Limits) -> httpx.AsyncClient:
        return http_client(
            self._server, timeout=timeout, limits=limits, socket=self._socket, tls=self._context, source=self._source
        )

    async def come_from(self, source: str | None) -> None:
        """Connect from this address from now on: a node's, while it has it."""
        if source != self._source:
            old = (self._calls, self._watches)
            self._source = source
            self._open()
            for client in old:
                await client.aclose()

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
    ) -> Any:
        """One request; the decoded answer (text where it is not JSON)."""
        headers = {"Content-Type": content_type} if body is not None else None
        content = None if body is None else json.dumps(body)
        async with self._turns:
            response = await self._calls.request(method, path, params=query, content=content, headers=headers)
        _check(response)
        if "json" in response.headers.get("content-type", ""):
            return response.json()
        return response.text

    async def get(self, path: str) -> Object | None:
        """The object, or None if it does not exist."""
        try:
            found: Object = await self.call("GET", path)
        except KubeError as error:
            if error.status == 404:
                return None
            raise
        return found

    async def apply(self, path: str, body: Object) -> Object:
        """Server-side apply by force: what the manager owns goes with the next apply that does not name it."""
        query = {"fieldManager": self._manager, "force": "true"}
        applied: Object = await self.call("PATCH", path, body, query=query, content_type=APPLY)
        return applied

    async def merge(self, path: str, body: Object) -> Object:
        """JSON merge patch."""
        patched: Object = await self.call("PATCH", path, body, content_type=MERGE)
        return patched

    async def delete(self, path: str, body: Object | None = None) -> bool:
        """Delete an object; False when it is not there (or, with a uid as precondition, is another one)."""
        try:
            await self.call("DELETE", path, body)
        except KubeError as error:
            if error.status == 404 or (error.status == 409 and body and "preconditions" in body):
                return False
            raise
        return True

    async def list(self, path: str, query: Mapping[str, str]) -> tuple[builtins.list[Object], str]:
        """Every object (in pages) and the resource version of the list."""
        items: builtins.list[Object] = []
        more = ""
        while True:
            page = await self.call("GET", path, query={**query, "limit": str(_PAGE), "continue": more})
            items += page["items"]
            more = page["metadata"].get("continue", "")
            if not more:
                return items, page["metadata"]["resourceVersion"]

    async def events(self, path: str, query: Mapping[str, str], version: str) -> AsyncIterator[Object]:
        """The events of a watch from a resource version on, bookmarks among them, until the server ends it."""
        params = {
            **query,
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randint(*_WATCH_SECONDS)),
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

    async def watch(self, path: str) -> AsyncIterator[tuple[str, Object]]:
        """What is there as `ADDED`, a `SYNCED` with the list itself, then each change; ends when the server ends it."""
        listed = await self.call("GET", path)
        for item in listed["items"]:
            yield "ADDED", item
        yield "SYNCED", listed
        async for event in self.events(path, {}, listed["metadata"]["resourceVersion"]):
            if event["type"] == "ERROR":
                return
            if event["type"] != "BOOKMARK":
                yield event["type"], event["object"]

    async def ready(self) -> bool:
        """Whether /readyz answers ok."""
        try:
            return bool(await self.call("GET", "/readyz") == "ok")
        except (KubeError, httpx.HTTPError, OSError):
            return False

    async def event(self, involved: Object, reason: str, message: str, *, kind: str = "Normal", component: str) -> None:
        """Record an Event about an object; failures are logged, never raised."""
        namespace = involved["metadata"].get("namespace", "default")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{involved['metadata']['name']}.", "namespace": namespace},
            "involvedObject": {
                "apiVersion": involved.get("apiVersion", "v1"),
                "kind": involved.get("kind", "Service"),
                "name": involved["metadata"]["name"],
                "namespace": namespace,
                "uid": involved["metadata"].get("uid", ""),
            },
            "reason": reason,
            "message": message[:1000],
            "type": kind,
            "source": {"component": component},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            await self.call("POST", f"/api/v1/namespaces/{namespace}/events", body)
        except (KubeError, httpx.HTTPError) as error:
            log.info("no event recorded: %s", error)


def _check(response: httpx.Response) -> None:
    if response.status_code < 400:
        return
    try:
        status = response.json()
    except ValueError:
        status = {}
    raise KubeError(
        response.status_code,
        status.get("reason", "") if isinstance(status, dict) else "",
        status.get("message", response.text[:500]) if isinstance(status, dict) else response.text[:500],
    )
