# SPDX-License-Identifier: GPL-3.0-or-later
"""A small client of a cluster's Kubernetes API, for the region's own controllers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

log = logging.getLogger(__name__)

# One line for each request is of no use to anybody.
logging.getLogger("httpx").setLevel(logging.WARNING)

Object = dict[str, Any]


class KubeError(Exception):
    """The API server refused; `status` is the HTTP status, the text its own message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class KubeClient:
    """Calls one API server through a unix socket that leads to it (see Relay).

    Paths are the API's own (`/api/v1/nodes`). Errors: KubeError for an answer, httpx.HTTPError when there is none.
    """

    def __init__(self, socket: Path, server_name: str, ca: Path, certificate: Path, key: Path) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(certificate, key)
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket), verify=context),
            base_url=f"https://{server_name}:6443",
            timeout=httpx.Timeout(30.0, connect=5.0),
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

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
        response = await self._http.request(
            method,
            path,
            params=query,
            content=None if body is None else json.dumps(body),
            headers={} if body is None else {"Content-Type": content_type},
        )
        _check(response)
        if "json" in response.headers.get("content-type", ""):
            return response.json()
        return response.text

    async def get(self, path: str) -> Object | None:
        """The object, None when there is none."""
        try:
            found: Object = await self.call("GET", path)
        except KubeError as error:
            if error.status == 404:
                return None
            raise
        return found

    async def apply(self, path: str, body: Object, *, manager: str = "oke") -> Object:
        """Server-side apply by force: the region's objects are the region's."""
        applied: Object = await self.call(
            "PATCH",
            path,
            body,
            query={"fieldManager": manager, "force": "true"},
            content_type="application/apply-patch+yaml",
        )
        return applied

    async def merge(self, path: str, body: Object) -> Object:
        """JSON merge patch."""
        patched: Object = await self.call("PATCH", path, body, content_type="application/merge-patch+json")
        return patched

    async def delete(self, path: str, body: Object | None = None) -> None:
        """Delete; nothing to do when it is gone."""
        try:
            await self.call("DELETE", path, body)
        except KubeError as error:
            if error.status != 404:
                raise

    async def watch(self, path: str) -> AsyncIterator[tuple[str, Object]]:
        """What is there as `ADDED`, a `SYNCED` with the list itself, then each change; ends when the server ends it."""
        listed = await self.call("GET", path)
        for item in listed["items"]:
            yield "ADDED", item
        yield "SYNCED", listed
        version = listed["metadata"]["resourceVersion"]
        query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "300"}
        timeout = httpx.Timeout(30.0, read=330.0)
        async with self._http.stream("GET", path, params=query, timeout=timeout) as response:
            if response.status_code >= 400:
                await response.aread()
            _check(response)
            async for line in response.aiter_lines():
                if not line.strip():
                    continue
                event = json.loads(line)
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


class Relay:
    """A unix socket that leads into a network namespace: what the daemon and people on the host use to reach a server
    there, whose address the host cannot route to. The socket is its owner's only."""

    def __init__(self, socket: Path, dial: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]):
        self.socket = socket
        self._dial = dial
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; replaces a socket left behind."""
        if self._server is not None:
            return
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self.socket))
        self.socket.chmod(0o600)

    async def stop(self) -> None:
        """Close the socket and every connection through it."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.socket.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far_writer = await self._dial()
        except OSError:
            writer.close()
            self._tasks.discard(task)
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, far_writer))
                group.create_task(_pump(far_reader, writer))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, far_writer):
                with contextlib.suppress(OSError):
                    end.close()
            self._tasks.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
