"""Containers: podman with a storage and a configuration of the region's own.

Two sides:

* `PodmanService` (the daemon's, in `podman_service`) writes the configuration under `<containers folder>` and runs
  podman's API service on a unix socket.
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
import re
import resource
import time
import urllib.parse
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from localregion.host.containers import ContainerSpec, ContainerState, Credentials, Image, Mount
from localregion.host.http_client import http_client
from localregion.host.process import LONG, NETNS

__all__ = ["MARKER", "REGISTRY_PREFIX", "ImageError", "Podman", "PodmanError", "document"]

REGISTRY_PREFIX = "lcl.ocir.okestack.test"
MARKER = "podman.json"
_API = "/v4.0.0/libpod"


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


def _when(text: str | None) -> float:
    """Seconds since the epoch of a time of podman's; 0 for none."""
    if not text or text.startswith("0001"):
        return 0.0
    # Podman writes nanoseconds, Python reads microseconds.
    return dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()


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
        self._http = http_client(
            "http://podman",
            timeout=httpx.Timeout(120.0, connect=10.0),
            limits=httpx.Limits(max_connections=256),
            socket=socket,
        )
        self._pulls: dict[str, asyncio.Lock] = {}
        # Two images unpacked at a time: more only makes each slower.
        self._pull_slots = asyncio.Semaphore(2)

    @classmethod
    def open(cls, containers: Path) -> Podman:
        """The client for a containers folder that a `PodmanService` has prepared."""
        known = json.loads((containers / MARKER).read_text())
        return cls(
            Path(known["socket"]),
            cgroup_parent=known["cgroup_parent"],
            seccomp=Path(known["seccomp"]),
            registries=known["registries"],
        )

    async def close(self) -> None:
        """Close the connections."""
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
            command=tuple(config.get("Cmd") or ()),
            env=dict(item.partition("=")[::2] for item in config.get("Env") or ()),
            user=config.get("User") or "",
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

    async def remove_image(self, reference: str) -> None:
        """Remove an image; nothing when it is not there."""
        await self._call("DELETE", f"/images/{_quote(reference)}", params={"force": "true"}, accept=(404,))

    async def create(self, spec: ContainerSpec) -> str:
        """Make a container, not started yet; its id. Raises PodmanError: status 409 or 500 when the name is taken,
        404 when the image is not in the storage."""
        try:
            body = document(spec, seccomp=self.seccomp, cgroup_parent=self.cgroup_parent)
            response = await self._call("POST", "/containers/create", body=body)
        except PodmanError as error:
            if error.again and "in use" in str(error) and (made := await self.inspect(spec.name)) is not None:
                # Made by the request whose answer was lost.
                return made.id
            raise
        return str(response.json()["Id"])

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
        return ContainerState(
            id=document["Id"],
            name=document["Name"],
            status=state["Status"],
            running=bool(state["Running"]) or state["Status"] == "stopping",
            pid=int(state.get("Pid") or 0),
            exit_code=int(state.get("ExitCode") or 0),
            oom_killed=bool(state.get("OOMKilled")),
            started_at=_when(state.get("StartedAt")),
            finished_at=_when(state.get("FinishedAt")),
            labels=dict((document.get("Config") or {}).get("Labels") or {}),
            conmon=int(state.get("ConmonPid") or 0),
        )

    async def list(self, labels: Mapping[str, str] | None = None) -> list[ContainerState]:
        """All containers that carry these labels, ended ones too, without their processes and times."""
        filters = {"label": [f"{key}={value}" for key, value in (labels or {}).items()]} if labels else {}
        response = await self._call("GET", "/containers/json", params={"all": "true", "filters": json.dumps(filters)})
        return [
            ContainerState(
                id=item["Id"],
                name=(item.get("Names") or [""])[0],
                status=item["State"],
                running=item["State"] in ("running", "paused", "stopping"),
                labels=dict(item.get("Labels") or {}),
            )
            for item in response.json() or ()
        ]

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

    async def ping(self) -> bool:
        """Whether the service answers."""
        try:
            return not (await self._http.get(f"{_API}/_ping", timeout=5.0)).is_error
        except httpx.HTTPError:
            return False


def document(spec: ContainerSpec, *, seccomp: Path, cgroup_parent: str) -> dict[str, Any]:
    """The request body for a spec (podman's SpecGenerator)."""
    document: dict[str, Any] = {
        "name": spec.name,
        "image": spec.image,
        "env": dict(spec.env),
        "labels": dict(spec.labels),
        "mounts": [_mount(mount) for mount in spec.mounts],
        "read_only_filesystem": spec.read_only,
        "no_new_privileges": not spec.privilege_escalation,
        "cap_add": list(spec.cap_add),
        "cap_drop": list(spec.cap_drop),
        "seccomp_profile_path": str(seccomp),
        "resource_limits": _limits(spec),
        "r_limits": [
            _rlimit("nofile", resource.RLIMIT_NOFILE, 65536),
            _rlimit("nproc", resource.RLIMIT_NPROC, 16384),
        ],
        "cgroup_parent": cgroup_parent,
        "stop_timeout": 30,
        "image_volume_mode": "tmpfs",
        "httpproxy": False,
        "netns": {"nsmode": "path", "value": str(NETNS / spec.netns)} if spec.netns else {"nsmode": "none"},
    }
    if spec.command is not None:
        document["entrypoint"] = list(spec.command)
        # Without an empty CMD the image's is appended.
        document["command"] = list(spec.args or ())
    elif spec.args is not None:
        document["command"] = list(spec.args)
    given = {"work_dir": spec.working_dir, "hostname": spec.hostname, "user": spec.user}
    document |= {name: value for name, value in given.items() if value is not None}
    if spec.log_file is not None:
        # In the CRI form: `TIME stdout|stderr F|P TEXT`.
        document["log_configuration"] = {"driver": "k8s-file", "path": str(spec.log_file)}
    return document


def _mount(mount: Mount) -> dict[str, Any]:
    access = "ro" if mount.read_only else "rw"
    options = ["rbind", access, "rprivate"]
    return {"destination": mount.destination, "type": "bind", "source": str(mount.source), "options": options}


def _limits(spec: ContainerSpec) -> dict[str, Any]:
    limits: dict[str, Any] = {"pids": {"limit": 4096}}
    if spec.memory is not None:
        limits["memory"] = {"limit": spec.memory}
    if spec.cpus is not None:
        limits["cpu"] = {"quota": max(1000, int(spec.cpus * 100_000)), "period": 100_000}
    return limits


def _rlimit(name: str, number: int, wanted: int) -> dict[str, Any]:
    # Above our own hard limit it is refused where root lacks CAP_SYS_RESOURCE; podman lowers its own nproc to 32,768.
    hard = resource.getrlimit(number)[1]
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    return {"type": name, "hard": value, "soft": value}


def _quote(reference: str) -> str:
    return reference.replace("%", "%25").replace("@", "%40")


def _base64(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode()


def _pull_reason(message: str) -> str:
    lower = message.lower()
    if any(word in lower for word in ("unauthorized", "authentication required", "access to the resource is denied")):
        return "unauthorized"
    if any(word in lower for word in ("manifest unknown", "name unknown", "not found", "404")):
        return "not-found"
    return "unreachable"
