"""Containers: podman with a storage and a configuration of the region's own.

Two sides:

* `PodmanService` (the daemon's): writes the configuration under `<containers folder>`, runs podman's API service on a
  unix socket, and cleans up everything, also what a killed daemon left.
* `Podman` (any process run by root): a client of that socket. `Podman.open(containers_folder)` is all it needs.

Calls go through the socket and not through podman's command line: 20 ms instead of 150, and environment variables
with secrets never show in a process list. runc and cgroupfs, since crun refuses hybrid cgroups.
Names of containers are the caller's; labels are how it finds them again.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import json
import os
import resource
import shutil
import signal
import time
import urllib.parse
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from localregion.host.process import LONG, NETNS, Process, ProcessError, run
from localregion.host.seccomp import write_profile

__all__ = [
    "ContainerSpec",
    "ContainerState",
    "Credentials",
    "Event",
    "ExecResult",
    "Image",
    "ImageError",
    "Mount",
    "Podman",
    "PodmanError",
    "PodmanService",
]

REGISTRY_PREFIX = "lcl.ocir.okestack.test"
_API = "/v4.0.0/libpod"
_PROGRAMS = ("conmon", "podman", "runc", "netavark")
_MARKER = "podman.json"


class PodmanError(Exception):
    """Podman refused or failed. `status` is HTTP's, or 0 when it could not be reached; `again`: it was asked
    twice, since the first answer never came."""

    def __init__(self, message: str, status: int = 0, *, again: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.again = again


class ImageError(PodmanError):
    """An image could not be pulled: `reason` is `not-found`, `unauthorized` or `unreachable`."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of a registry."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Image:
    """An image in the storage, and what its configuration says."""

    id: str
    digest: str
    """sha256:... of the manifest; empty for an image that was made here."""
    names: tuple[str, ...]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    env: Mapping[str, str]
    user: str
    working_dir: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A file or folder of the host (`source`), or a tmpfs when `source` is None."""

    destination: str
    source: Path | None = None
    read_only: bool = False
    size: int | None = None
    """Bytes, of a tmpfs."""
    mode: int = 0o1777
    """Of a tmpfs' root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container to make. None means: what the image says."""

    name: str
    image: str
    """Reference or id of an image in the storage (pull it first)."""
    netns: str | None
    """Name of the network namespace (`/var/run/netns/NAME`); None: a namespace without network."""
    command: Sequence[str] | None = None
    """Kubernetes' `command`: replaces the image's ENTRYPOINT, and its CMD is then not used."""
    args: Sequence[str] | None = None
    """Kubernetes' `args`: replaces the image's CMD."""
    env: Mapping[str, str] = field(default_factory=dict)
    working_dir: str | None = None
    hostname: str | None = None
    user: str | None = None
    """`uid`, `uid:gid` or a name of the image's /etc/passwd."""
    groups: Sequence[str] = ()
    mounts: Sequence[Mount] = ()
    """/etc/resolv.conf, /etc/hosts and /etc/hostname are podman's unless they are mounted here."""
    read_only: bool = False
    """The root file system cannot be written."""
    privilege_escalation: bool = True
    cap_add: Sequence[str] = ()
    cap_drop: Sequence[str] = ()
    """Names without CAP_, or ALL."""
    cpus: float | None = None
    """Limit in CPUs."""
    memory: int | None = None
    """Limit in bytes."""
    pids: int | None = None
    nofile: int = 65536
    labels: Mapping[str, str] = field(default_factory=dict)
    log_file: Path | None = None
    """Standard output and error, in the CRI form: `<RFC 3339 nano> <stdout|stderr> <F|P> <text>`."""
    stop_timeout: int = 30


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What podman knows of a container."""

    id: str
    name: str
    status: str
    """created, running, exited, ... (podman's word)."""
    running: bool
    pid: int
    exit_code: int
    oom_killed: bool
    error: str
    created_at: dt.datetime | None
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    image: str
    image_id: str
    labels: Mapping[str, str]
    log_file: Path | None
    conmon: int = 0
    """Process id of its monitor."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a container: `create`, `init`, `start`, `died`, `oom`, `stop`, `kill`, `remove`, ..."""

    time: float
    action: str
    id: str
    name: str
    exit_code: int | None
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExecResult:
    exit_code: int
    output: str
    """Standard output and error as they came."""


def _when(text: str | None) -> dt.datetime | None:
    if not text or text.startswith("0001"):
        return None
    # Podman writes nanoseconds, Python reads microseconds.
    head, _, tail = text.partition(".")
    if tail:
        digits = "".join(iter_digits(tail))
        zone = tail[len(digits) :]
        text = f"{head}.{digits[:6]}{zone}"
    return dt.datetime.fromisoformat(text)


def iter_digits(text: str) -> list[str]:
    """The leading digits of a text."""
    result: list[str] = []
    for character in text:
        if not character.isdigit():
            break
        result.append(character)
    return result


def _bare(image_id: str) -> str:
    return image_id.removeprefix("sha256:")


class Podman:
    """A client of the region's podman. Safe to use from several tasks; one object for each event loop."""

    def __init__(
        self, socket: Path, *, cgroup_parent: str, seccomp: Path, registries: Mapping[str, str] | None = None
    ) -> None:
        self.socket = socket
        self.seccomp = seccomp
        self.cgroup_parent = cgroup_parent
        self.registries = dict(registries or {})
        transport = httpx.AsyncHTTPTransport(uds=str(socket), limits=httpx.Limits(max_connections=256))
        self._http = httpx.AsyncClient(
            transport=transport, base_url="http://podman", timeout=httpx.Timeout(120.0, connect=10.0), trust_env=False
        )
        self._pulls: dict[str, asyncio.Lock] = {}
        # Two images unpacked at a time: more only makes each slower.
        self._pull_slots = asyncio.Semaphore(2)

    @classmethod
    def open(cls, containers: Path) -> Podman:
        """The client for a containers folder that a `PodmanService` has prepared."""
        known = json.loads((containers / _MARKER).read_text())
        return cls(
            Path(known["socket"]),
            cgroup_parent=known["cgroup_parent"],
            seccomp=Path(known["seccomp"]),
            registries=known["registries"],
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        accept: Sequence[int] = (),
    ) -> httpx.Response:
        # The service is restarted when it dies: a refused or broken connection is tried again for a while.
        deadline = time.monotonic() + 15.0
        again = False
        while True:
            try:
                response = await self._http.request(
                    method,
                    _API + path,
                    # (httpx takes an empty mapping for "no query at all", also of the path's own.)
                    params={k: v for k, v in (params or {}).items() if v is not None} or None,
                    json=body if content is None else None,
                    content=content,
                    headers=dict(headers or {}),
                    timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
                )
                break
            except (httpx.ConnectError, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                if time.monotonic() > deadline or content is not None:
                    raise PodmanError(f"podman does not answer at {self.socket}: {error}") from error
                again = again or not isinstance(error, httpx.ConnectError)
                await asyncio.sleep(0.1)
            except httpx.HTTPError as error:
                raise PodmanError(f"podman {method} {path}: {type(error).__name__} {error}") from error
        if response.is_error and response.status_code not in accept:
            raise PodmanError(self._message(response), response.status_code, again=again)
        return response

    @staticmethod
    def _message(response: httpx.Response) -> str:
        try:
            document = response.json()
            return str(document.get("message") or document.get("cause") or document)
        except ValueError:
            return response.text.strip()[:1000] or f"HTTP {response.status_code}"

    # -- images ---------------------------------------------------------------------------------------------------

    async def image(self, reference: str) -> Image | None:
        """An image of the storage, or None."""
        response = await self._call("GET", f"/images/{_quote(reference)}/json", accept=(404,))
        if response.status_code == 404:
            return None
        document = response.json()
        config = document.get("Config") or {}
        return Image(
            id=_bare(document["Id"]),
            digest=document.get("Digest") or "",
            names=tuple(document.get("RepoTags") or ()) + tuple(document.get("RepoDigests") or ()),
            entrypoint=tuple(config.get("Entrypoint") or ()),
            command=tuple(config.get("Cmd") or ()),
            env=dict(item.partition("=")[::2] for item in config.get("Env") or ()),
            user=config.get("User") or "",
            working_dir=config.get("WorkingDir") or "/",
            size=int(document.get("Size") or 0),
        )

    async def pull(
        self, reference: str, *, credentials: Credentials | None = None, always: bool = False, timeout: float = LONG
    ) -> Image:
        """The image, pulled when it is not in the storage (or `always`). Raises ImageError. Kubernetes checks the
        credentials of each pod only with `always` (imagePullPolicy), and so does this."""
        async with self._pulls.setdefault(reference, asyncio.Lock()):
            if not always and (present := await self.image(reference)) is not None:
                return present
            async with self._pull_slots:
                await self._pull(reference, credentials, timeout)
            image = await self.image(reference)
            if image is None:
                raise ImageError(f"{reference}: pulled, but not in the storage", "unreachable")
            return image

    async def _pull(self, reference: str, credentials: Credentials | None, timeout: float) -> None:
        headers = {}
        if credentials is not None:
            # By host, that of the real place too: plain X-Registry-Auth is not sent where a prefix leads elsewhere.
            # (podman keeps it in a file under its TMPDIR, 0600 in a 0700 folder, until the pull has ended.)
            host = reference.partition("/")[0]
            known = {"username": credentials.username, "password": credentials.password}
            headers["X-Registry-Config"] = _base64(dict.fromkeys((host, self.registries.get(host, host)), known))
        response = await self._call(
            "POST",
            "/images/pull",
            params={"reference": reference, "policy": "always", "quiet": "true"},
            headers=headers,
            timeout=timeout,
            accept=range(400, 600),
        )
        # The status is sent before the work is done; a failure is a line in the body.
        problems = [self._message(response)] if response.is_error else []
        for line in response.text.splitlines():
            with contextlib.suppress(ValueError, AttributeError):
                if error := json.loads(line).get("error"):
                    problems.append(str(error))
        if problems:
            raise ImageError(f"{reference}: {problems[0]}", _pull_reason(problems[0]))

    async def push(
        self, reference: str, destination: str, *, credentials: Credentials | None = None, timeout: float = LONG
    ) -> None:
        """Push an image of the storage to `destination` (a full reference). Raises ImageError."""
        headers = {"X-Registry-Auth": _registry_auth(credentials)} if credentials else {}
        # Where a prefix leads holds for pulls only.
        for prefix, address in self.registries.items():
            if destination.startswith(f"{prefix}/"):
                destination = address + destination.removeprefix(prefix)
        response = await self._call(
            "POST",
            f"/images/{_quote(reference)}/push",
            params={"destination": destination, "quiet": "true"},
            headers=headers,
            timeout=timeout,
            accept=range(400, 600),
        )
        problem = self._message(response) if response.is_error else ""
        for line in response.text.splitlines():
            with contextlib.suppress(ValueError, AttributeError):
                problem = problem or json.loads(line).get("error") or ""
        if problem:
            raise ImageError(f"{destination}: {problem}", _pull_reason(problem))

    async def import_tar(
        self, tar: Path, reference: str, *, changes: Sequence[str] = (), timeout: float = LONG
    ) -> Image:
        """A root file system as an image. `changes`: Containerfile lines (`ENTRYPOINT [...]`, `USER 1000`, ...)."""

        async def chunks() -> AsyncIterator[bytes]:
            with tar.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, 1 << 20):
                    yield chunk

        query = urllib.parse.urlencode([("reference", reference)] + [("changes", change) for change in changes])
        await self._call(
            "POST",
            f"/images/import?{query}",
            content=chunks(),
            headers={"Content-Type": "application/x-tar"},
            timeout=timeout,
        )
        image = await self.image(reference)
        if image is None:
            raise PodmanError(f"{reference} was imported but is not there")
        return image

    async def tag(self, image: str, reference: str) -> None:
        """Give an image one more name (`repository:tag`)."""
        repository, _, tag = reference.rpartition(":")
        await self._call("POST", f"/images/{_quote(image)}/tag", params={"repo": repository, "tag": tag})

    async def remove_image(self, reference: str) -> None:
        """Remove an image; nothing when it is not there."""
        await self._call("DELETE", f"/images/{_quote(reference)}", params={"force": "true"}, accept=(404,))

    # -- containers -----------------------------------------------------------------------------------------------

    async def create(self, spec: ContainerSpec) -> str:
        """Make a container, not started yet; its id. Raises PodmanError: status 409 or 500 when the name is taken,
        404 when the image is not in the storage."""
        try:
            response = await self._call("POST", "/containers/create", body=self.document(spec))
        except PodmanError as error:
            if error.again and "in use" in str(error) and (made := await self.inspect(spec.name)) is not None:
                # Made by the request whose answer was lost.
                return made.id
            raise
        return str(response.json()["Id"])

    def document(self, spec: ContainerSpec) -> dict[str, Any]:
        """The request body for a spec (podman's SpecGenerator)."""
        mounts: list[dict[str, Any]] = []
        for mount in spec.mounts:
            access = "ro" if mount.read_only else "rw"
            if mount.source is None:
                options = [access, "nosuid", "nodev", f"mode={mount.mode:o}"]
                if mount.size is not None:
                    options.append(f"size={mount.size}")
                mounts.append(
                    {"destination": mount.destination, "type": "tmpfs", "source": "tmpfs", "options": options}
                )
            else:
                mounts.append(
                    {
                        "destination": mount.destination,
                        "type": "bind",
                        "source": str(mount.source),
                        "options": ["rbind", access, "rprivate"],
                    }
                )
        limits: dict[str, Any] = {}
        if spec.memory is not None:
            limits["memory"] = {"limit": spec.memory}
        if spec.cpus is not None:
            limits["cpu"] = {"quota": max(1000, int(spec.cpus * 100_000)), "period": 100_000}
        limits["pids"] = {"limit": spec.pids if spec.pids is not None else 4096}
        document: dict[str, Any] = {
            "name": spec.name,
            "image": spec.image,
            "env": dict(spec.env),
            "labels": dict(spec.labels),
            "mounts": mounts,
            "read_only_filesystem": spec.read_only,
            "no_new_privileges": not spec.privilege_escalation,
            "cap_add": list(spec.cap_add),
            "cap_drop": list(spec.cap_drop),
            "seccomp_profile_path": str(self.seccomp),
            "resource_limits": limits,
            "r_limits": [
                _rlimit("nofile", resource.RLIMIT_NOFILE, spec.nofile),
                _rlimit("nproc", resource.RLIMIT_NPROC, 16384),
            ],
            "cgroup_parent": self.cgroup_parent,
            "stop_timeout": spec.stop_timeout,
            "image_volume_mode": "tmpfs",
            "httpproxy": False,
            "netns": {"nsmode": "path", "value": str(NETNS / spec.netns)} if spec.netns else {"nsmode": "none"},
        }
        if spec.command is not None:
            document["entrypoint"] = list(spec.command)
            # An empty CMD must be said, or the image's is appended.
            document["command"] = list(spec.args or ())
        elif spec.args is not None:
            document["command"] = list(spec.args)
        if spec.working_dir is not None:
            document["work_dir"] = spec.working_dir
        if spec.hostname is not None:
            document["hostname"] = spec.hostname
        if spec.user is not None:
            document["user"] = spec.user
        if spec.groups:
            document["groups"] = list(spec.groups)
        if spec.log_file is not None:
            document["log_configuration"] = {"driver": "k8s-file", "path": str(spec.log_file)}
        return document

    async def start(self, container: str) -> float:
        """Start a container; the seconds it took. Raises PodmanError with the runtime's message (a command that is
        not in the image, ...)."""
        begin = time.monotonic()
        await self._call("POST", f"/containers/{container}/start")
        return time.monotonic() - begin

    async def stop(self, container: str, timeout: int = 30) -> None:
        """SIGTERM (or the image's STOPSIGNAL), SIGKILL after `timeout` seconds. Nothing when it is gone or ended."""
        await self._call(
            "POST",
            f"/containers/{container}/stop",
            params={"timeout": timeout},
            timeout=timeout + 60.0,
            accept=(304, 404),
        )

    async def kill(self, container: str, signal_name: str = "KILL") -> None:
        """Send a signal; nothing when it does not run."""
        await self._call(
            "POST", f"/containers/{container}/kill", params={"signal": signal_name}, accept=(404, 409, 500)
        )

    async def remove(self, container: str, *, force: bool = True) -> None:
        """Remove a container with its storage; killed first when it runs. Nothing when it is gone."""
        await self._call(
            "DELETE",
            f"/containers/{container}",
            params={"force": "true" if force else "false", "timeout": "0" if force else None},
            accept=(404,),
        )

    async def inspect(self, container: str) -> ContainerState | None:
        """What podman knows of a container, or None."""
        response = await self._call("GET", f"/containers/{container}/json", accept=(404,))
        if response.status_code == 404:
            return None
        document = response.json()
        state = document["State"]
        log = ((document.get("HostConfig") or {}).get("LogConfig") or {}).get("Path") or ""
        return ContainerState(
            id=document["Id"],
            name=document["Name"],
            status=state["Status"],
            running=bool(state["Running"]),
            pid=int(state.get("Pid") or 0),
            exit_code=int(state.get("ExitCode") or 0),
            oom_killed=bool(state.get("OOMKilled")),
            error=state.get("Error") or "",
            created_at=_when(document.get("Created")),
            started_at=_when(state.get("StartedAt")),
            finished_at=_when(state.get("FinishedAt")),
            image=document.get("ImageName") or "",
            image_id=_bare(document.get("Image") or ""),
            labels=dict((document.get("Config") or {}).get("Labels") or {}),
            log_file=Path(log) if log else None,
            conmon=int(state.get("ConmonPid") or 0),
        )

    async def list(self, labels: Mapping[str, str] | None = None) -> list[tuple[str, str, str, dict[str, str]]]:
        """(id, name, state, labels) of all containers that carry these labels, ended ones too."""
        filters = {"label": [f"{key}={value}" for key, value in (labels or {}).items()]} if labels else {}
        response = await self._call("GET", "/containers/json", params={"all": "true", "filters": json.dumps(filters)})
        return [
            (item["Id"], (item.get("Names") or [""])[0], item["State"], dict(item.get("Labels") or {}))
            for item in response.json() or ()
        ]

    async def wait(self, container: str, timeout: float | None = None) -> int:
        """Wait until a container has ended; its exit code. Raises TimeoutError, PodmanError when it is gone.

        Looks at it (podman 4.3's own wait call can hang 20 s after a kill); watch `events()` to be told at once."""
        async with asyncio.timeout(timeout):
            while True:
                state = await self.inspect(container)
                if state is None:
                    raise PodmanError(f"container {container} is gone", 404)
                if not state.running and state.status in ("exited", "stopped"):
                    return state.exit_code
                await asyncio.sleep(0.2)

    async def exec(
        self, container: str, command: Sequence[str], *, timeout: float = 30.0, env: Mapping[str, str] | None = None
    ) -> ExecResult:
        """Run a command in a running container. Raises TimeoutError (the command is left to itself, as with kubelet)
        and PodmanError when it cannot be started."""
        body: dict[str, Any] = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        if env:
            body["Env"] = [f"{key}={value}" for key, value in env.items()]
        async with asyncio.timeout(timeout):
            session = (await self._call("POST", f"/containers/{container}/exec", body=body)).json()["Id"]
            response = await self._call(
                "POST", f"/exec/{session}/start", body={"Detach": False, "Tty": False}, timeout=timeout + 5.0
            )
            document = (await self._call("GET", f"/exec/{session}/json")).json()
        return ExecResult(int(document.get("ExitCode") or 0), _demultiplex(response.content))

    async def stats(self, containers: Sequence[str]) -> dict[str, tuple[float, int]]:
        """CPU seconds used so far and bytes of memory, by container id, of those that run."""
        if not containers:
            return {}
        response = await self._call(
            "GET", "/containers/stats", params={"containers": list(containers), "stream": "false"}, accept=(404,)
        )
        if response.status_code == 404:
            return {}
        return {
            item["ContainerID"]: (int(item.get("CPUNano") or 0) / 1e9, int(item.get("MemUsage") or 0))
            for item in (response.json().get("Stats") or ())
        }

    async def events(self, *, since: float | None = None) -> AsyncIterator[Event]:
        """Events of containers, for ever; connects again when the service was restarted, without losing any (some
        may come twice). `since`: seconds since the epoch; default now."""
        last = since if since is not None else time.time()
        while True:
            try:
                params = {"stream": "true", "since": f"{last:.9f}", "filters": json.dumps({"type": ["container"]})}
                async with self._http.stream(
                    "GET", f"{_API}/events", params=params, timeout=httpx.Timeout(10.0, read=None)
                ) as response:
                    async for line in response.aiter_lines():
                        if event := _event(line):
                            last = max(last, event.time)
                            yield event
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.5)

    async def ping(self) -> bool:
        """Whether the service answers."""
        try:
            return not (await self._http.get(f"{_API}/_ping", timeout=5.0)).is_error
        except httpx.HTTPError:
            return False


def _rlimit(name: str, number: int, wanted: int) -> dict[str, Any]:
    # Above our own hard limit it is refused where root lacks CAP_SYS_RESOURCE; podman lowers its own nproc to 32,768.
    hard = resource.getrlimit(number)[1]
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    return {"type": name, "hard": value, "soft": value}


def _event(line: str) -> Event | None:
    if not line.strip():
        return None
    document = json.loads(line)
    actor = document.get("Actor") or {}
    attributes = dict(actor.get("Attributes") or {})
    code = attributes.pop("containerExitCode", None)
    name = attributes.pop("name", "")
    for internal in ("image", "podId"):
        attributes.pop(internal, None)
    action = document.get("Action", "")
    return Event(
        time=int(document.get("timeNano") or 0) / 1e9,
        action=action,
        id=actor.get("ID", ""),
        name=name,
        exit_code=int(code) if action == "died" and code is not None else None,
        labels=attributes,
    )


def _quote(reference: str) -> str:
    return reference.replace("%", "%25").replace("@", "%40")


def _base64(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode()


def _registry_auth(credentials: Credentials) -> str:
    return _base64({"username": credentials.username, "password": credentials.password})


def _pull_reason(message: str) -> str:
    lower = message.lower()
    if any(word in lower for word in ("unauthorized", "authentication required", "access to the resource is denied")):
        return "unauthorized"
    if any(word in lower for word in ("manifest unknown", "name unknown", "not found", "404")):
        return "not-found"
    return "unreachable"


def _demultiplex(data: bytes) -> str:
    """The text of an attached stream: frames of 8 bytes (stream, 0, 0, 0, length) and their content."""
    parts: list[bytes] = []
    position = 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position + 4 : position + 8], "big")
        parts.append(data[position + 8 : position + 8 + length])
        position += 8 + length
    return b"".join(parts).decode(errors="replace")


def _toml(value: str | Path) -> str:
    return json.dumps(str(value))


class PodmanService:
    """Podman's own service for one region: configuration, process, clean-up.

    `containers`: `<state>/containers`. What must not outlive a boot is under `/run/okestack-<name>`; the socket is
    there too, since a unix socket's path may have 107 characters only. `registries` maps an image prefix to a
    registry's address (plain HTTP on a loopback address).
    """

    def __init__(self, name: str, containers: Path, registries: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.containers = containers
        self.registries = dict(registries or {})
        self.runtime = Path("/run") / f"okestack-{name}"
        self.socket = self.runtime / "podman.sock"
        self.cgroup_parent = f"/okestack-{name}"
        self.seccomp = containers / "etc" / "seccomp.json"
        self._process: Process | None = None
        self._client: Podman | None = None

    @property
    def client(self) -> Podman:
        """A client for the daemon's own use; made once."""
        if self._client is None:
            self._client = Podman(
                self.socket, cgroup_parent=self.cgroup_parent, seccomp=self.seccomp, registries=self.registries
            )
        return self._client

    @property
    def environment(self) -> dict[str, str]:
        """What makes a podman command use this storage and configuration."""
        folder = self.containers / "etc"
        return {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
            "TMPDIR": str(self.containers / "tmp"),
        }

    def prepare(self) -> None:
        """Write the configuration and the marker that `Podman.open` reads."""
        folder = self.containers / "etc"
        for name in ("etc", "tmp", "storage/libpod", "networks"):
            path = self.containers / name
            path.mkdir(parents=True, exist_ok=True)
        self.containers.chmod(0o700)
        self.runtime.mkdir(mode=0o700, exist_ok=True)
        (folder / "containers.conf").write_text(
            "[containers]\n"
            'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
            'log_driver = "k8s-file"\n'
            "[engine]\n"
            'cgroup_manager = "cgroupfs"\n'
            'runtime = "runc"\n'
            'events_logger = "file"\n'
            'lock_type = "file"\n'
            f"tmp_dir = {_toml(self.runtime / 'libpod')}\n"
            f"static_dir = {_toml(self.containers / 'storage' / 'libpod')}\n"
            f"volume_path = {_toml(self.containers / 'volumes')}\n"
            f"image_copy_tmp_dir = {_toml(self.containers / 'tmp')}\n"
            "num_locks = 8192\n"
            "[network]\n"
            f"network_config_dir = {_toml(self.containers / 'networks')}\n"
        )
        (folder / "storage.conf").write_text(
            "[storage]\n"
            'driver = "overlay"\n'
            f"graphroot = {_toml(self.containers / 'storage')}\n"
            f"runroot = {_toml(self.runtime / 'storage')}\n"
        )
        lines = ["unqualified-search-registries = []", 'short-name-mode = "enforcing"']
        for prefix, address in self.registries.items():
            lines += ["[[registry]]", f"prefix = {_toml(prefix)}", f"location = {_toml(address)}", "insecure = true"]
            lines += ["[[registry]]", f"location = {_toml(address)}", "insecure = true"]
        (folder / "registries.conf").write_text("\n".join(lines) + "\n")
        write_profile(self.seccomp)
        marker = self.containers / _MARKER
        known = {
            "socket": str(self.socket),
            "cgroup_parent": self.cgroup_parent,
            "seccomp": str(self.seccomp),
            "registries": self.registries,
        }
        marker.write_text(json.dumps(known))

    async def start(self) -> None:
        """Start the service, ready when it answers."""
        self.prepare()
        if self._process is not None and self._process.running:
            return
        self.socket.unlink(missing_ok=True)
        self._process = Process(
            "podman",
            ["podman", "--log-level", "error", "system", "service", "--time", "0", f"unix://{self.socket}"],
            log=self.containers / "podman.log",
            env=self.environment,
            # A container's monitor runs where podman does, and leaves a file `oom` there when memory ends.
            cwd=self.runtime,
            stop_timeout=5.0,
        )
        await self._process.start()
        await self._process.wait_ready(self.client.ping, interval=0.05)

    async def stop(self) -> None:
        """Stop the service and remove every container, mount and cgroup. Images stay."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self._process is not None:
            await self._process.stop()
            self._process = None
        await self.clean()

    async def clean(self) -> None:
        """Remove what is left of containers, with no service and no memory of them: also after a crash."""
        if (self.containers / "etc" / "containers.conf").exists() and await self._any_container():
            with contextlib.suppress(ProcessError):
                await run(["podman", "rm", "--all", "--force", "--time", "0"], env=self.environment, timeout=120.0)
        await asyncio.to_thread(self._clean)

    async def _any_container(self) -> bool:
        """Whether podman may know of a container; its database says, podman itself takes 0.2 s to."""
        return (self.containers / "storage" / "libpod").exists() and (
            bool(self._processes()) or (self.containers / "storage" / "overlay-containers" / "containers.json").exists()
        )

    def _processes(self) -> list[int]:
        """Monitors, podman's services and clean-ups of this region."""
        return processes_of(self.containers, self.runtime, programs=_PROGRAMS)

    def _clean(self) -> None:
        # Containers first (they are in the cgroups), then their monitors (their command lines name our folders).
        for number in _cgroup_processes(self.cgroup_parent):
            _kill(number)
        for number in self._processes():
            _kill(number)
        _wait_gone(lambda: _cgroup_processes(self.cgroup_parent) + self._processes())
        unmount_below(self.containers, self.runtime)
        remove_cgroups(self.cgroup_parent)
        shutil.rmtree(self.runtime, ignore_errors=True)

    async def reset(self) -> None:
        """Forget all: containers and images."""
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self.containers, True)

    async def build(
        self,
        context: Path,
        containerfile: Path,
        tag: str,
        *,
        arguments: Mapping[str, str],
        netns: str | None = None,
        timeout: float = LONG,
    ) -> None:
        """`podman build` (which the service's API offers only for uploaded contexts). RUN steps get the network of
        `netns`, or none. Raises ProcessError with the build's last lines."""
        network = f"ns:{NETNS / netns}" if netns else "none"
        command = ["podman", "build", "--network", network, "--pull=never", "--tag", tag, "--file", str(containerfile)]
        command += ["--layers", "--format", "oci", "--runtime", "runc", "--security-opt", f"seccomp={self.seccomp}"]
        for key, value in arguments.items():
            command += ["--build-arg", f"{key}={value}"]
        await run([*command, str(context)], env=self.environment, timeout=timeout, tied=True)


def _quiet_read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _hierarchies() -> list[Path]:
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [root]
    return [path for path in root.iterdir() if path.is_dir()] if root.exists() else []


def _cgroup_processes(parent: str) -> list[int]:
    """Processes in any cgroup at or below `parent`, in whatever hierarchy."""
    found: set[int] = set()
    for hierarchy in _hierarchies():
        top = hierarchy / parent.strip("/")
        if not top.is_dir():
            continue
        for folder, _, _ in os.walk(top):
            for number in _quiet_read(Path(folder) / "cgroup.procs").split():
                found.add(int(number))
    found.discard(os.getpid())
    return sorted(found)


def remove_cgroups(parent: str) -> None:
    """Remove the cgroups of the region; those with a process stay."""
    for hierarchy in _hierarchies():
        top = hierarchy / parent.strip("/")
        if not top.is_dir():
            continue
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()


def processes_of(*folders: Path, programs: Collection[str] | None = None) -> list[int]:
    """Processes (of these programs, if given) whose command line or environment names one of the folders; never our
    own."""
    needles = [str(folder) for folder in folders]
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        words = _quiet_read(entry / "cmdline").split("\0")
        if programs is not None and Path(words[0]).name not in programs:
            continue
        text = "\0".join(words) + "\0" + _quiet_read(entry / "environ")
        if any(_names(needle, text) for needle in needles):
            found.append(int(entry.name))
    return found


def _names(folder: str, text: str) -> bool:
    """Whether a text names the folder or something below it (not a sibling whose name begins alike)."""
    position = text.find(folder)
    while position >= 0:
        following = text[position + len(folder) : position + len(folder) + 1]
        if following in ("", "/", "\0", " ", ":", ","):
            return True
        position = text.find(folder, position + 1)
    return False


def _kill(number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(number, signal.SIGKILL)


def _wait_gone(remaining: Any, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while remaining() and time.monotonic() < deadline:
        time.sleep(0.02)


def unmount_below(*folders: Path) -> None:
    """Unmount everything at or below the folders, innermost first; detached when busy."""
    points = []
    for line in _quiet_read(Path("/proc/self/mountinfo")).splitlines():
        point = line.split(" ")[4].encode().decode("unicode_escape")
        if any(point == str(folder) or point.startswith(f"{folder}/") for folder in folders):
            points.append(point)
    for point in sorted(points, key=len, reverse=True):
        unmount(Path(point))


def unmount(path: Path) -> None:
    """Detach a mount; nothing when there is none."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.umount2(str(path).encode(), 2)  # MNT_DETACH
