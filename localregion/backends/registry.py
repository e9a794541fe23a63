"""The region's container registry: Debian's docker-registry with token authentication.

The registry itself only checks signed tokens (https://distribution.github.io/distribution/spec/auth/token/); who may do
what is decided here, by the region: so a public repository can be pulled by anyone and a private one by its users only.
The registry listens at the host's API address, port `<api port> + 50`, the token service one port above. Plain HTTP:
both are loopback addresses, and only podman and docker-like clients of this machine speak to them.

To clients the registry is `lcl.ocir.okestack.test` (podman's registries.conf maps it).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from localregion.host.http_client import http_client
from localregion.host.pki import Authority, write_private
from localregion.host.process import Process, ProcessError

__all__ = ["Access", "OperatorAccess", "PushedImage", "Registry", "RegistryError"]

SERVICE = "lcl.ocir.okestack.test"
_ISSUER = "okestack local region"
_TOKEN_SECONDS = 600
_MAX_BODY = 2**20
_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json,"
    " application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
)


class RegistryError(Exception):
    """The registry could not be started, or refused."""


@dataclass(frozen=True, slots=True)
class PushedImage:
    """One tag of a repository."""

    repository: str
    tag: str
    digest: str
    size: int
    """Bytes of its manifest, configuration and layers."""


class Access(Protocol):
    """Who may do what. Repositories are whole paths: `<namespace>/<repository>`."""

    async def authenticate(self, username: str, password: str) -> str | None:
        """The user of this name and password, or None."""
        ...

    async def allowed(self, user: str | None, repository: str, action: str) -> bool:
        """Whether a user (None: anyone) may `pull`, `push` or `delete`."""
        ...


class OperatorAccess:
    """The operator with the auth token may do all; anyone may pull public repositories."""

    def __init__(self, username: str, token: Path, public: Callable[[str], bool]) -> None:
        self.username = username
        self.token = token
        self.public = public

    async def authenticate(self, username: str, password: str) -> str | None:
        right = self.token.read_text().strip()
        same = hmac.compare_digest(password.encode(), right.encode())
        return username if same and hmac.compare_digest(username.encode(), self.username.encode()) else None

    async def allowed(self, user: str | None, repository: str, action: str) -> bool:
        return user == self.username or (action == "pull" and self.public(repository))


class Registry:
    """The registry and its token service.

    `folder`: `<state>/registry`. `address`, `port`: where the registry listens; the token service is at `port + 1`.
    `on_push` is called with (repository, tag, digest) after each push of a tag.
    """

    def __init__(
        self,
        folder: Path,
        *,
        address: str,
        port: int,
        authority: Authority,
        access: Access,
        on_push: Callable[[str, str, str], Awaitable[None]] | None = None,
    ) -> None:
        self.folder = folder
        self.address = address
        self.port = port
        self.access = access
        self.on_push = on_push
        self.authority = authority
        self._process: Process | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._hook = ""
        self._key: ec.EllipticCurvePrivateKey | None = None
        self._chain: list[str] = []

    @property
    def host(self) -> str:
        """address:port of the registry."""
        return f"{self.address}:{self.port}"

    def _configuration(self) -> str:
        document = {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.folder / "data")},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {
                "addr": self.host,
                "secret": secrets.token_hex(16),
                "headers": {"X-Content-Type-Options": ["nosniff"]},
            },
            "auth": {
                "token": {
                    "realm": f"http://{self.address}:{self.port + 1}/token",
                    "service": SERVICE,
                    "issuer": _ISSUER,
                    "rootcertbundle": str(self.authority.certificate_path),
                }
            },
        }
        if self.on_push is not None:
            endpoint = {
                "name": "region",
                "url": f"http://{self.address}:{self.port + 1}/events",
                "headers": {"Authorization": [f"Bearer {self._hook}"]},
                "timeout": "2s",
                "threshold": 5,
                "backoff": "1s",
            }
            document["notifications"] = {"endpoints": [endpoint]}
        # JSON is YAML.
        return json.dumps(document, indent=1)

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start both; ready when the registry answers. Raises RegistryError, also when an address is taken."""
        if self._process is not None:
            return
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        leaf = self.authority.issue(
            self.folder / "tls", "token", common_name="registry tokens", server=False, client=True
        )
        key = serialization.load_pem_private_key(leaf.key_pem, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        certificate = x509.load_pem_x509_certificate(leaf.certificate_pem)
        self._chain = [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]
        self._hook = secrets.token_urlsafe(24)
        try:
            self._server = await asyncio.start_server(self._serve, self.address, self.port + 1)
        except OSError as error:
            raise RegistryError(f"{self.address}:{self.port + 1} cannot be listened at: {error.strerror}") from error
        config = self.folder / "config.yml"
        write_private(config, self._configuration())
        self._process = Process(
            "docker-registry",
            ["docker-registry", "serve", str(config)],
            log=self.folder / "registry.log",
            stop_timeout=5.0,
        )
        try:
            await self._process.start()
            await self._process.wait_ready(self._answers, interval=0.05)
        except ProcessError as error:
            await self.stop()
            raise RegistryError(str(error)) from error

    async def stop(self) -> None:
        """Stop both; the images stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._process is not None:
            await self._process.stop()
            self._process = None

    async def _answers(self) -> bool:
        reader, writer = await asyncio.open_connection(self.address, self.port)
        writer.write(b"GET /v2/ HTTP/1.0\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            line = await reader.readline()
        writer.close()
        return b" 401 " in line

    # -- tokens ---------------------------------------------------------------------------------------------------

    def token(self, subject: str, access: Sequence[dict[str, Any]]) -> str:
        """A signed token for these grants."""
        assert self._key is not None
        now = int(time.time())
        claims = {
            "iss": _ISSUER,
            "sub": subject,
            "aud": SERVICE,
            "exp": now + _TOKEN_SECONDS,
            "nbf": now - 60,
            "iat": now,
            "jti": secrets.token_hex(8),
            "access": list(access),
        }
        return jwt.encode(claims, self._key, "ES256", headers={"x5c": self._chain})

    async def _grants(self, user: str | None, scopes: Sequence[str]) -> list[dict[str, Any]]:
        granted = []
        for scope in (part for value in scopes for part in value.split(" ") if part):
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            if kind != "repository" or not name:
                continue
            wanted = {"pull", "push", "delete"} if actions == "*" else set(actions.split(","))
            given = [
                action
                for action in sorted(wanted & {"pull", "push", "delete"})
                if await self.access.allowed(user, name, action)
            ]
            granted.append({"type": "repository", "name": name, "actions": given})
        return granted

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with asyncio.timeout(30):
                await self._answer(reader, writer)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            status, document = await self._answered(reader)
        except (ValueError, asyncio.LimitOverrunError):
            status, document = 400, {"message": "this is not a request"}
        extra = 'WWW-Authenticate: Basic realm="registry"\r\n' if status == 401 else ""
        content = json.dumps(document).encode()
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n{extra}"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
            + content
        )
        await writer.drain()

    async def _answered(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
        """Status and document for a request. Raises ValueError and LimitOverrunError where it is not one."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *lines = head.split("\r\n")
        method, target, _ = request.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        length = int(headers.get("content-length") or 0)
        if length > _MAX_BODY:
            return 413, {"message": "the body is too large"}
        body = await reader.readexactly(length)
        url = urlsplit(target)
        if url.path == "/token" and method in ("GET", "POST"):
            return await self._token(method, url.query, headers, body)
        if url.path == "/events" and method == "POST":
            return await self._event(headers, body), {}
        return 404, {"message": "not found"}

    async def _token(self, method: str, query: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        asked = parse_qs(query if method == "GET" else body.decode())
        user: str | None = None
        given: tuple[str, str] | None = None
        if headers.get("authorization", "").lower().startswith("basic "):
            try:
                text = base64.b64decode(headers["authorization"][6:], validate=True).decode()
            except ValueError:
                return 400, {"message": "Authorization is not Basic"}
            name, _, password = text.partition(":")
            given = (name, password)
        elif method == "POST" and asked.get("grant_type") == ["password"]:
            given = (asked.get("username", [""])[0], asked.get("password", [""])[0])
        if given is not None:
            user = await self.access.authenticate(*given)
            if user is None:
                return 401, {"message": "the user name or the auth token is wrong"}
        token = self.token(user or "", await self._grants(user, asked.get("scope", [])))
        issued = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return 200, {"token": token, "access_token": token, "expires_in": _TOKEN_SECONDS, "issued_at": issued}

    async def _event(self, headers: dict[str, str], body: bytes) -> int:
        given = headers.get("authorization", "").encode("latin-1")
        if not hmac.compare_digest(given, f"Bearer {self._hook}".encode()):
            return 401
        for event in json.loads(body).get("events") or ():
            target = event.get("target") or {}
            if event.get("action") == "push" and target.get("tag") and self.on_push is not None:
                await self.on_push(target["repository"], target["tag"], target["digest"])
        return 200

    # -- what is in it (for the artifacts service) ------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def client(
        self, *repositories: str, actions: Sequence[str] = ("pull",), timeout: httpx.Timeout | float = 5.0
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the registry with a token for repositories, or for the catalog."""
        grants = [{"type": "repository", "name": name, "actions": list(actions)} for name in repositories]
        if not repositories:
            grants = [{"type": "registry", "name": "catalog", "actions": ["*"]}]
        headers = {"Authorization": f"Bearer {self.token('region', grants)}", "Accept": _MANIFESTS}
        async with http_client(f"http://{self.host}", timeout=timeout, headers=headers) as client:
            yield client

    async def repositories(self) -> list[str]:
        """All repositories that ever had an image."""
        async with self.client() as client:
            found: list[str] = []
            while True:
                last = {"last": found[-1]} if found else {}
                answer = await client.get("/v2/_catalog", params={"n": 500, **last})
                answer.raise_for_status()
                page = answer.json()["repositories"] or []
                found += page
                if len(page) < 500:
                    return sorted(found)

    async def images(self, repository: str) -> list[PushedImage]:
        """The tags of a repository; empty when it has none."""
        async with self.client(repository) as client:
            answer = await client.get(f"/v2/{repository}/tags/list")
            if answer.status_code == 404:
                return []
            answer.raise_for_status()
            found = []
            for tag in sorted(answer.json().get("tags") or ()):
                manifest = await client.get(f"/v2/{repository}/manifests/{tag}")
                if manifest.status_code == 404:
                    continue
                manifest.raise_for_status()
                document = manifest.json()
                parts = [
                    document.get("config") or {},
                    *(document.get("layers") or ()),
                    *(document.get("manifests") or ()),
                ]
                size = len(manifest.content) + sum(int(part.get("size") or 0) for part in parts)
                found.append(PushedImage(repository, tag, manifest.headers["Docker-Content-Digest"], size))
            return found

    async def has(self, repository: str, tag: str) -> bool:
        """Whether a tag is there."""
        async with self.client(repository) as client:
            return not (await client.head(f"/v2/{repository}/manifests/{tag}")).is_error

    async def delete(self, repository: str, digest: str) -> None:
        """Delete an image with all its tags; nothing when it is not there."""
        async with self.client(repository, actions=("pull", "delete")) as client:
            answer = await client.delete(f"/v2/{repository}/manifests/{digest}")
            if answer.is_error and answer.status_code != 404:
                raise RegistryError(f"{repository}@{digest} was not deleted: {answer.status_code}")
