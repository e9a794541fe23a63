"""The region: the way of a call to the service that answers it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import secrets
import time
from collections import deque
from collections.abc import Iterator, Mapping, Set
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import parse_qsl

from localregion import settings as names
from localregion.access.policies import VERBS
from localregion.access.signatures import Refused, Request, raw_target
from localregion.core import bodies, validate
from localregion.core.endpoints import packages_at
from localregion.core.errors import ServiceError, invalid, missing, not_found, not_implemented
from localregion.core.faults import Drop, Fault
from localregion.core.schema import Operation, Schema, elsewhere
from localregion.core.store import Record
from localregion.services.base import Service
from localregion.services.context import Context
from localregion.services.resources import Call, Reply
from localregion.settings import Settings

log = logging.getLogger(__name__)

_Found = tuple[Operation, dict[str, str]]
"""An operation with the parameters that a path has for it."""
_PLACE = re.compile(r"\{\w+\}")
RETRY_TOKEN_SECONDS = 24 * 3600
_LOG_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True)
class CallRecord:
    """A line of the call log. ``reason`` says of a 401 or an internal error what the caller does not learn."""

    time: str
    principal: str
    operation: str
    method: str
    path: str
    status: int
    code: str
    ms: float
    request_id: str
    reason: str = ""


class Region(Context):
    """One region: the context of its services, and the way of a call through them.

    ``services`` are the classes of the services by their names, in the order in which they start.
    """

    def __init__(self, settings: Settings, fabric: Any, services: Mapping[str, type[Service]]) -> None:
        settings.state.mkdir(parents=True, exist_ok=True)
        settings.state.chmod(0o700)  # whoever made it
        settings.logs_dir.mkdir(parents=True, exist_ok=True)
        super().__init__(settings, fabric, _schema(settings.cache))
        self.calls: deque[CallRecord] = deque(maxlen=100_000)
        self._by_package: dict[str, list[Service]] = {}
        for name, made in services.items():
            service = self.services[name] = made(self)
            self._by_package.setdefault(service.package, []).append(service)
        self._log_file: TextIO | None = None
        self._token_locks: dict[tuple[str, str, str], asyncio.Lock] = {}

    async def start(self) -> None:
        """Bring the region to life: seed it, start the fabric, take up what was under way."""
        self._log_file = _open_log(self.settings.logs_dir / "api.jsonl")
        await self.fabric.start()
        for service in self.services.values():
            await service.resume()
        self.tasks.spawn(self._forget(), "forget")

    async def stop(self) -> None:
        """End parts and fabric; the state stays."""
        for service in reversed(self.services.values()):
            try:
                await service.stop()
            except Exception:
                log.exception("stopping %s", service.name)
        await self.tasks.stop()
        await self.fabric.stop()
        self.store.close()
        if self._log_file:
            self._log_file.close()

    async def _forget(self) -> None:
        while True:
            await asyncio.sleep(10)
            self.store.forget_due(time.time())

    # the way of a call

    async def handle(
        self, method: str, raw_path: bytes, query: bytes, headers: Mapping[str, str], content: bytes, region: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Answer a request: status, document (None: no body), headers. Raises Drop when the connection is to be cut."""
        began = time.perf_counter()
        request_id = _request_id(headers)
        trace = _Trace()
        try:
            request = Request(method, raw_target(raw_path, query), headers, content)
            reply = await self._answer(request, raw_path.decode("latin-1"), query, region, request_id, trace)
            status, doc, extra = reply.status, reply.doc, reply.headers
            if reply.record is not None and reply.etag and not reply.record.dead:
                extra = {"etag": reply.record.etag} | extra
        except ServiceError as error:
            status, doc, extra = error.status, {"code": error.code, "message": error.message}, trace.headers
            trace.code, trace.reason = error.code, getattr(error, "reason", trace.reason)
        except Drop:
            trace.code = "Drop"
            status, doc, extra = 0, None, {}
        except Exception as error:
            log.exception("%s %s (%s)", method, raw_path.decode("latin-1"), request_id)
            trace.code, trace.reason = "InternalError", repr(error)
            status, doc, extra = 500, {"code": "InternalError", "message": "Internal error"}, {}
        self._note(trace, method, raw_path.decode("latin-1"), status, time.perf_counter() - began, request_id)
        if not status:
            raise Drop
        return status, doc, extra | {"opc-request-id": request_id}

    def _note(self, trace: _Trace, method: str, path: str, status: int, seconds: float, request_id: str) -> None:
        line = CallRecord(
            time=self.clock.timestamp(), principal=trace.principal, operation=trace.operation, method=method, path=path,
            status=status, code=trace.code, ms=round(seconds * 1000, 2), request_id=request_id, reason=trace.reason,
        )  # fmt: skip
        self.calls.append(line)
        if self._log_file:
            self._log_file.write(json.dumps(asdict(line)) + "\n")

    async def _answer(
        self, request: Request, path: str, query: bytes, region: str, request_id: str, trace: _Trace
    ) -> Reply:
        if (request.method, path) == (self.federation.method, self.federation.path):
            return await self._federate(request, trace)
        operation, service, in_path = self._route(request.method, path, request.headers.get("host", ""))
        trace.operation = operation.full_name
        principal = self.authenticator.authenticate(request)
        trace.principal = principal.id
        fault = await self._suffer(operation.full_name, trace)
        if fault and fault.body is not None and (fault.drop or fault.status):
            return _instead(fault)
        if service is None or (handler := service.handler(operation.name)) is None:
            raise not_implemented(operation.full_name)
        path_values, query_values = validate.parameters(
            operation, in_path, parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        )
        call = Call(
            operation=operation, principal=principal, path=path_values, query=query_values, headers=request.headers,
            body=self._body(operation, request.content, service), content=request.content, request_id=request_id,
            region=region,
        )  # fmt: skip
        self.services["identity"].tags.check(call.body if isinstance(call.body, dict) else {})
        if region != names.REGION:
            service.check_region(call)
        call.target = service.target(call)
        if call.target and request.method == "GET" and not self.visible(call.target):
            raise not_found()
        self._authorize(service, call)
        self._check_etag(service, call)
        async with AsyncExitStack() as stack:
            reply = await self._repeated(call, stack)
            if reply is None:
                reply = await handler(call)
                self._remember(call, reply)
        service.finish(call, reply)
        if operation.response and reply.doc is not None:
            reply.doc = validate.reply(
                self.schema, operation.package, operation.response, reply.doc, strict=self.settings.strict_replies,
                form=service.form,
            )  # fmt: skip
        if fault and fault.body is not None:
            return _instead(fault)
        if fault and fault.drop == "after":
            raise Drop
        return reply

    def _route(self, method: str, path: str, host: str) -> tuple[Operation, Service | None, dict[str, str]]:
        """Operation, service and path parameters; of services that share a path, the one that knows the record. Who
        calls a service by its name gets no other's operations."""
        packages = packages_at(host, *dict.fromkeys((names.REALM_DOMAIN, self.settings.realm_domain)))
        by_method = _of(packages, self.schema.routes.find(path))
        by_method = by_method or _of(packages, _elsewhere(self.settings.cache).find(path))
        if not by_method:
            if packages and packages.isdisjoint(self._by_package):
                # Newer than the SDK that the paths are read from.
                raise not_implemented(f"{method} {path} of {' or '.join(sorted(packages))}")
            raise ServiceError(404, "NotFound", "No operation is known at this path.")
        if method not in by_method:
            raise ServiceError(405, "MethodNotAllowed", f"The resource does not support {method}.")
        found = _nearest(by_method[method])
        candidates: list[tuple[Operation, Service | None, dict[str, str]]] = []
        for operation, in_path in found:
            services = self._by_package.get(operation.package, [])
            candidates += [(operation, s, in_path) for s in services if s.handler(operation.name)]
        if not candidates:
            operation, in_path = found[0]
            return operation, None, in_path
        for operation, service, in_path in candidates if len(candidates) > 1 else []:
            record = self.store.find(next(reversed(in_path.values()))) if in_path else None
            if service and record and service.knows(record):
                return operation, service, in_path
        return candidates[0]

    async def _federate(self, request: Request, trace: _Trace) -> Reply:
        """The auth service: an instance's certificate for a session token."""
        trace.operation = self.federation.operation
        await self._suffer(trace.operation, trace)
        principal, token = self.federation.exchange(request)
        trace.principal = principal.id
        return Reply(doc={"token": token})

    async def _suffer(self, operation: str, trace: _Trace) -> Fault | None:
        fault = self.faults.hit(operation)
        if fault is None:
            return None
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.body is not None:
            return fault
        if fault.drop == "before":
            raise Drop
        if fault.status:
            trace.headers = fault.headers
            trace.reason = f"fault {fault.id}"
            raise ServiceError(fault.status, fault.code, fault.message)
        return fault

    def _body(self, operation: Operation, content: bytes, service: Service | None) -> Any:
        if operation.body is None or operation.body == "stream":
            return {}
        if not content and not operation.body_required:
            return {}
        # Oracle's SDK for TypeScript sends nothing in place of an empty object.
        value = bodies.parse(content) if content else {}
        lacking = service.lacking if service else missing
        return validate.body(self.schema, operation.package, operation.body, value, lacking=lacking)

    def _authorize(self, service: Service, call: Call) -> None:
        access = service.access.get(call.operation.name, ())
        if access is None:
            return
        verb, resource = access or (_verb(call.operation), service.resource_of(call.operation))
        variables: dict[str, str] = {}
        if call.target and (owner := self.services.get(call.target.service)):
            variables |= owner.target_variables(call.target)
        for place in self._places(call):
            if not self.iam.allows(call.principal, verb, resource, place, variables, call.operation.api_name):
                raise service.unseen(call.target.kind if call.target else None)
        self._authorize_named(call, verb, resource)

    def _places(self, call: Call) -> list[str | None]:
        """The compartments in which the caller must have the right: of all that the path names, else the one that body
        or query name, else of the resources that these name. None: anywhere, for what is of no compartment."""
        named = _named_compartment(call)
        below = [] if named else [*call.query.values(), call.body]
        found: list[Record | None] = [call.target] if call.target else []
        found += [self.store.find(one) for one in _identifiers([*call.path.values(), *([] if found else below)])]
        places = [record.compartment for record in found if record]
        return list(dict.fromkeys(places)) or [named]

    def _authorize_named(self, call: Call, verb: str, resource: str) -> None:
        """What a body names, the caller must have the right to use: a subnet, a group, a key. A compartment that
        something is moved to is a place where the caller must have the right to make it. Raises 404, as if it were not
        there."""
        for identifier in dict.fromkeys(_identifiers(call.body)):
            record = self.store.find(identifier)
            if record is None or record.dead or (call.target and record.id == call.target.id):
                continue
            owner = self.services[record.service]
            variables: dict[str, str] = {}
            place: str | None = record.id
            if record.kind == "compartment":
                needed = verb, resource
            else:
                needed, place = ("use", owner.kind_of(record).resource), record.compartment
                variables = dict(owner.target_variables(record))
            if not self.iam.allows(call.principal, *needed, place, variables, call.operation.api_name):
                raise not_found()

    def _check_etag(self, service: Service, call: Call) -> None:
        wanted = call.headers.get("if-match")
        if not wanted or wanted == "*" or call.target is None or not call.operation.takes("if-match"):
            return
        # The etag of a compressed answer says that it was one.
        if wanted.strip('"').removesuffix("--gzip") != call.target.etag:
            raise service.stale(call.target)

    async def _repeated(self, call: Call, stack: AsyncExitStack) -> Reply | None:
        """The answer to an earlier call with the same retry token; None for the first (others wait for its answer)."""
        token = self._retry_token(call)
        if token is None:
            return None
        if len(token[2]) > 64:
            raise invalid("opc-retry-token must have at most 64 characters")
        lock = self._token_locks.setdefault(token, asyncio.Lock())
        await stack.enter_async_context(lock)
        answer = self.store.get_answer(*token)
        if answer is None:
            return None
        record = self.store.find(answer["record"]) if answer["record"] else None
        if answer["digest"] != _digest(call) or (answer["record"] and (record is None or record.dead)):
            raise ServiceError(
                409, "InvalidatedRetryToken",
                "The retry token was used in an earlier request whose outcome has changed since, or with another body.",
            )  # fmt: skip
        return Reply(answer["status"], answer["doc"], answer["headers"], record)

    def _remember(self, call: Call, reply: Reply) -> None:
        token = self._retry_token(call)
        if token is None:
            return
        self.store.put_answer(
            *token, digest=_digest(call), expires=time.time() + RETRY_TOKEN_SECONDS, status=reply.status,
            headers=reply.headers, doc=reply.doc, record=reply.record.id if reply.record else None,
        )  # fmt: skip
        self._token_locks.pop(token, None)

    def _retry_token(self, call: Call) -> tuple[str, str, str] | None:
        token = call.headers.get("opc-retry-token")
        if not token or not call.operation.takes("opc-retry-token"):
            return None
        return call.principal.id, call.operation.full_name, token


def _open_log(path: Path) -> TextIO:
    """The call log, line by line; one that has grown large is put aside, and the one before it goes."""
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        path.replace(path.with_suffix(".1.jsonl"))
    return path.open("a", buffering=1)


@cache
def _schema(folder: Path) -> Schema:
    """Read once a process: tests start many regions."""
    return Schema.load(folder)


@cache
def _elsewhere(folder: Path) -> Any:
    """Read when a path is first asked for that no service of the region has."""
    return elsewhere(folder)


def _of(packages: Set[str], by_method: dict[str, list[_Found]]) -> dict[str, list[_Found]]:
    """Of the operations at a path those of some packages; all of them where none are named."""
    if not packages:
        return by_method
    kept = {method: [one for one in found if one[0].package in packages] for method, found in by_method.items()}
    return {method: found for method, found in kept.items() if found}


def _nearest(found: list[_Found]) -> list[_Found]:
    """Of the operations that fit a path those that name its words most exactly: the first, as they are found."""
    form = _PLACE.sub("{}", found[0][0].path)
    return [one for one in found if _PLACE.sub("{}", one[0].path) == form]


@dataclass
class _Trace:
    """What the log says of a call."""

    principal: str = "-"
    operation: str = "-"
    code: str = ""
    reason: str = ""
    headers: Any = None

    def __post_init__(self) -> None:
        self.headers = {}


def _identifiers(body: Any) -> Iterator[str]:
    """The OCIDs that stand as values in a body."""
    below = [body]
    while below:
        value = below.pop()
        if isinstance(value, dict):
            below += value.values()
        elif isinstance(value, list):
            below += value
        elif isinstance(value, str) and value.startswith("ocid1."):
            yield value


def _named_compartment(call: Call) -> str | None:
    """The compartment that a create's body or a list's query names."""
    in_body = call.body.get("compartmentId") if isinstance(call.body, dict) else None
    return in_body or call.query.get("compartment_id")


def _verb(operation: Operation) -> str:
    first = operation.name.partition("_")[0]
    verb = {"list": "inspect", "get": "read", "head": "read", "summarize": "inspect"}.get(first, "manage")
    return VERBS[VERBS.index(verb)]


def _digest(call: Call) -> str:
    scope = json.dumps([call.path, call.query], sort_keys=True, default=str).encode()
    body = json.dumps(call.body, sort_keys=True).encode() if isinstance(call.body, dict) else call.content
    return hashlib.sha256(scope + body).hexdigest()


def _instead(fault: Fault) -> Reply:
    """The answer of somebody between the caller and the service."""
    content = (fault.body or "").encode()
    kind = {"content-type": "text/html" if content.startswith(b"<") else "application/json"}
    return Reply(status=fault.status or 200, doc=content, headers=kind | fault.headers)


def _request_id(headers: Mapping[str, str]) -> str:
    """As the cloud makes them: the client's own part first, if it sent one, then two of the service's."""
    own = headers.get("opc-request-id", "")[:98] or secrets.token_hex(16).upper()
    return f"{own}/{secrets.token_hex(16).upper()}/{secrets.token_hex(16).upper()}"


__all__ = ["CallRecord", "Refused", "Region"]
