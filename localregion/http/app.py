"""The ASGI application: from HTTP to the region and back."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from localregion import settings as names
from localregion.core.faults import Drop
from localregion.host.http_server import Receive, Scope, Send, read_body

if TYPE_CHECKING:
    from localregion.region import Region


class Api:
    """The region's services on one address; requests for the second region come to another, or name it in Host."""

    def __init__(self, region: Region) -> None:
        self._region = region

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        content = await read_body(receive)
        if content is None:
            await _send(send, 413, b'{"code":"RequestEntityTooLarge","message":"The body is too large."}', {})
            return
        try:
            status, doc, extra = await self._region.handle(
                scope["method"], scope["raw_path"], scope["query_string"], headers, content, self._named(scope, headers)
            )
        except Drop:
            scope["transport"].abort()
            await receive()  # until the server has seen the end of the connection
            return
        content = _encode(doc)
        if extra.get("content-encoding") == "gzip":
            content = gzip.compress(content, compresslevel=1)
        await _send(send, status, content, _content_type(doc) | extra)

    def _named(self, scope: Scope, headers: dict[str, str]) -> str:
        """Which region a request is for."""
        server = scope.get("server") or ("", 0)
        host = headers.get("host", "")
        other = self._region.settings.other_api_address
        if server[0] == other or names.OTHER_REGION in host or host.partition(":")[0] == other:
            return names.OTHER_REGION
        return names.REGION


def _encode(doc: Any) -> bytes:
    if doc is None:
        return b""
    if isinstance(doc, bytes):
        return doc
    return json.dumps(doc, separators=(",", ":")).encode()


def _content_type(doc: Any) -> dict[str, str]:
    if doc is None:
        return {}
    return {"content-type": "application/octet-stream" if isinstance(doc, bytes) else "application/json"}


async def _send(send: Send, status: int, content: bytes, headers: dict[str, str]) -> None:
    pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})
