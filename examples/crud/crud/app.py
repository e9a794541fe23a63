"""The HTTP face: a page, a JSON API and the two health checks."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crud import __version__
from crud.store import DESCRIPTION_LENGTH, NAME_LENGTH, Items, Unavailable

STATIC = Path(__file__).parent / "static"
BODY_LIMIT = 16 * 1024  # bytes
PAGE_LIMIT = 500  # items in one answer
BIGGEST_ID = 2**63 - 1

log = logging.getLogger("crud")


@dataclass
class Health:
    """Whether this process is going away: ready only while it is not."""

    draining: bool = False


class Invalid(Exception):
    """The content of a request breaks the rules: what is wrong, by field."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = dict(fields)


def error(status: int, message: str, **more: Any) -> JSONResponse:
    """An error as the API tells it."""
    return JSONResponse({"error": message, **more}, status, {"Retry-After": "1"} if status == 503 else None)


async def content(request: Request) -> tuple[str, str]:
    """Name and description of the request's body.

    Raises HTTPException 400 (not JSON), 413 (too long), 415 (another content type) and Invalid (422).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "the body must be application/json")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413, f"the body is longer than {BODY_LIMIT} bytes")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not valid JSON") from None
    return validate(given)


def validate(given: Any) -> tuple[str, str]:
    """Name and description, trimmed. Raises Invalid with every field that is wrong."""
    if not isinstance(given, dict):
        raise HTTPException(400, "the body must be a JSON object")
    # A key may hold what UTF-8 cannot: it is returned in characters that fit an answer.
    unknown = (key[:64].encode("utf-8", "replace").decode() for key in given if key not in ("name", "description"))
    wrong = dict.fromkeys(unknown, "unknown field")
    values = {}
    for key, default, shortest, longest in (("name", None, 1, NAME_LENGTH), ("description", "", 0, DESCRIPTION_LENGTH)):
        value = given.get(key, default)
        if not isinstance(value, str):
            wrong[key] = "must be a string" if key in given else "is required"
            continue
        values[key] = value = value.strip()
        if not shortest <= len(value) <= longest:
            wrong[key] = "must not be empty" if not value else f"is longer than {longest} characters"
        elif "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
            wrong[key] = "holds characters that cannot be stored"
    if wrong:
        raise Invalid(wrong)
    return values["name"], values["description"]


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query. Raises Invalid."""
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 19 or not low <= int(text) <= high:
        raise Invalid({name: f"must be a number from {low} to {high}"})
    return int(text)


class SecurityHeaders:
    """Headers that keep a browser to what the page is: no foreign content, no frames, no guessing of types."""

    VALUES = {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.VALUES.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/") or scope["path"] in ("/healthz", "/livez"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def create_app(items: Items, health: Health | None = None) -> Starlette:
    """The application over a store of items."""
    state = health or Health()

    async def page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    async def livez(_: Request) -> Response:
        """Alive: this process answers. A database that does not answer is not a reason to restart it."""
        return JSONResponse({"status": "ok", "version": __version__})

    async def healthz(_: Request) -> Response:
        """Ready: requests can be served now, which needs the database."""
        if state.draining:
            return error(503, "going away")
        await run_in_threadpool(items.check)
        return JSONResponse({"status": "ok", "version": __version__})

    async def collection(request: Request) -> Response:
        if request.method == "POST":
            name, description = await content(request)
            made = await run_in_threadpool(items.create, name, description)
            return JSONResponse(made, 201, {"Location": f"/api/items/{made['id']}"})
        limit = number(request, "limit", 100, 1, PAGE_LIMIT)
        after = number(request, "after", 0, 0, BIGGEST_ID)
        found = await run_in_threadpool(lambda: items.list(limit=limit, after=after))
        headers = {}
        if len(found) == limit:
            headers["Link"] = f'</api/items?limit={limit}&after={found[-1]["id"]}>; rel="next"'
        return JSONResponse(found, headers=headers)

    async def single(request: Request) -> Response:
        item_id = int(request.path_params["item_id"])
        if item_id > BIGGEST_ID:
            return error(404, "there is no such item")
        if request.method == "DELETE":
            gone = await run_in_threadpool(items.delete, item_id)
            return Response(status_code=204) if gone else error(404, "there is no such item")
        if request.method == "PUT":
            found = await run_in_threadpool(items.update, item_id, *await content(request))
        else:
            found = await run_in_threadpool(items.get, item_id)
        return JSONResponse(found) if found is not None else error(404, "there is no such item")

    async def on_http(_: Request, raised: Exception) -> Response:
        assert isinstance(raised, HTTPException)
        answer = error(raised.status_code, raised.detail)
        answer.headers.update(raised.headers or {})
        return answer

    async def on_invalid(_: Request, raised: Exception) -> Response:
        assert isinstance(raised, Invalid)
        return error(422, "the content is not valid", fields=raised.fields)

    async def on_unavailable(_: Request, raised: Exception) -> Response:
        log.warning("%s", raised)
        return error(503, "the database does not answer now")

    async def on_error(_: Request, raised: Exception) -> Response:
        return error(500, "something went wrong here")

    handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
        HTTPException: on_http,
        Invalid: on_invalid,
        Unavailable: on_unavailable,
        Exception: on_error,
    }
    return Starlette(
        routes=[
            Route("/", page),
            Route("/livez", livez),
            Route("/healthz", healthz),
            Route("/api/items", collection, methods=["GET", "POST"]),
            Route("/api/items/{item_id:int}", single, methods=["GET", "PUT", "DELETE"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers=handlers,
    )
