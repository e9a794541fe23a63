# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubelet's HTTPS port on each node's address: logs, numbers for metrics-server, and clear refusals.

A caller shows a client certificate of the cluster's authority (the API server) or a bearer token (metrics-server),
which a TokenReview checks; a SubjectAccessReview says what it may do, with kubelet's own names for it (`nodes/proxy`,
`nodes/metrics`, `nodes/stats`). The HTTP spoken is small: one GET or POST a connection, nothing is streamed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from localregion.host.kubernetes_client import KubeError
from localregion.virtual_node import logs
from localregion.virtual_node.containers import RuntimeFailure, Usage
from localregion.virtual_node.node import KUBELET_PORT
from localregion.virtual_node.pods import seconds, timestamp

if TYPE_CHECKING:
    from localregion.virtual_node.protocols import NodeHost

log = logging.getLogger(__name__)

Json = dict[str, Any]

_HEAD_LIMIT = 64 * 1024
_USAGE_SECONDS = 5.0
_ACCESS_SECONDS = 60.0
_TEXT = "text/plain; charset=utf-8"
_REFUSED = {
    "exec": "kubectl exec is not supported by virtual nodes",
    "run": "kubectl exec is not supported by virtual nodes",
    "attach": "kubectl attach is not supported by virtual nodes",
    "portForward": "kubectl port-forward is not supported by virtual nodes",
    "checkpoint": "checkpoints are not supported by virtual nodes",
    "cri": "kubectl exec is not supported by virtual nodes",
}
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    501: "Not Implemented",
}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = _TEXT

    @classmethod
    def text(cls, status: int, text: str) -> Answer:
        return cls(status, text.encode())


@dataclass(frozen=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...]


class Server:
    """The port of every node of a pool."""

    def __init__(self, host: NodeHost) -> None:
        self._host = host
        self._context: ssl.SSLContext | None = None
        self._ports: dict[str, asyncio.Server] = {}
        self._access: dict[tuple[User, str, str], tuple[float, bool]] = {}
        self._usage: dict[str, tuple[float, set[str], dict[str, Usage]]] = {}
        self._usage_lock = asyncio.Lock()

    async def start(self) -> None:
        """Read certificate and key. Raises OSError, ssl.SSLError."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self._host.config.ca_file)
        # Tokens are an alternative to certificates, so none is demanded at the handshake.
        context.verify_mode = ssl.CERT_OPTIONAL
        self._context = context
        self.reload()

    def reload(self) -> None:
        """Read certificate and key again (they may name more addresses now)."""
        if self._context is not None:
            config = self._host.config
            self._context.load_cert_chain(config.serving_certificate, config.serving_key)

    async def serve(self, node_name: str, address: str) -> None:
        """Listen on a node's address; tries again while the address is not there yet."""
        delay = 0.2
        while True:
            try:
                self._ports[node_name] = await asyncio.start_server(
                    lambda reader, writer: self._connection(node_name, reader, writer),
                    address,
                    KUBELET_PORT,
                    ssl=self._context,
                    limit=_HEAD_LIMIT,
                    # Beside the pool's other process.
                    reuse_port=True,
                )
                return
            except OSError as error:
                log.warning("port %s of node %s: %s", KUBELET_PORT, node_name, error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)

    def close_port(self, node_name: str) -> None:
        """Stop listening for a node."""
        server = self._ports.pop(node_name, None)
        if server:
            server.close()

    async def stop(self) -> None:
        """Close all ports."""
        for name in list(self._ports):
            self.close_port(name)

    async def _connection(self, node_name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(60.0):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *fields = head.split("\r\n")
                method, target, _ = line.split(" ", 2)
                headers = {n.strip().lower(): v.strip() for n, _, v in (f.partition(":") for f in fields if f)}
                try:
                    answer = await self._answer(node_name, method, target, headers, writer)
                except (KubeError, httpx.HTTPError, RuntimeFailure, OSError) as error:
                    answer = Answer.text(500, f"{type(error).__name__}: {error}")
                text = (
                    f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, '')}\r\n"
                    f"Content-Type: {answer.content_type}\r\n"
                    f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
                )
                writer.write(text.encode() + (b"" if method == "HEAD" else answer.body))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, TimeoutError, OSError) as error:
            log.debug("connection to %s: %s", node_name, error)
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 2.0)

    async def _answer(
        self, node_name: str, method: str, target: str, headers: Mapping[str, str], writer: asyncio.StreamWriter
    ) -> Answer:
        url = urllib.parse.urlsplit(target)
        query = {key: values[-1] for key, values in urllib.parse.parse_qs(url.query, keep_blank_values=True).items()}
        parts = [urllib.parse.unquote(part) for part in url.path.strip("/").split("/")]
        user = await self._who(headers, writer)
        if user is None:
            return Answer.text(401, "Unauthorized")
        resource = {"metrics": "metrics", "stats": "stats", "containerLogs": "proxy", "healthz": "proxy"}
        verb = {"GET": "get", "HEAD": "get", "POST": "create"}.get(method, "update")
        subresource = resource.get(parts[0], "proxy")
        if not await self._may(user, verb, subresource, node_name):
            return Answer.text(
                403, f"Forbidden (user={user.name}, verb={verb}, resource=nodes, subresource={subresource})"
            )
        if parts[0] in _REFUSED:
            return _refusal(_REFUSED[parts[0]])
        if method not in ("GET", "HEAD"):
            return Answer.text(405, "method not allowed")
        match parts:
            case ["healthz"]:
                return Answer.text(200, "ok")
            case ["containerLogs", namespace, pod, container]:
                return await self._logs(node_name, namespace, pod, container, query)
            case ["pods"]:
                return self._pods(node_name)
            case ["stats", "summary"]:
                return await self._summary(node_name)
            case ["metrics", "resource"]:
                return await self._resource_metrics(node_name)
        return Answer.text(404, "404 page not found")

    async def _who(self, headers: Mapping[str, str], writer: asyncio.StreamWriter) -> User | None:
        certificate = writer.get_extra_info("peercert")
        if certificate:
            subject = [pair for group in certificate.get("subject", ()) for pair in group]
            name = next((value for key, value in subject if key == "commonName"), "")
            groups = tuple(value for key, value in subject if key == "organizationName")
            return User(name, (*groups, "system:authenticated"))
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            return None
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "metadata": {},
            "spec": {"token": token.strip()},
        }
        status = (await self._host.api.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review))["status"]
        if not status.get("authenticated"):
            return None
        return User(status["user"]["username"], tuple(status["user"].get("groups") or ()))

    async def _may(self, user: User, verb: str, subresource: str, node_name: str) -> bool:
        key = (user, verb, subresource)
        known = self._access.get(key)
        if known and known[0] > time.monotonic():
            return known[1]
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {
                "user": user.name,
                "groups": list(user.groups),
                "resourceAttributes": {
                    "verb": verb,
                    "version": "v1",
                    "resource": "nodes",
                    "subresource": subresource,
                    "name": node_name,
                },
            },
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        allowed = bool((await self._host.api.call("POST", path, review))["status"].get("allowed"))
        if len(self._access) > 1000:
            self._access.clear()
        self._access[key] = (time.monotonic() + _ACCESS_SECONDS, allowed)
        return allowed

    async def _logs(
        self, node_name: str, namespace: str, pod_name: str, container: str, query: Mapping[str, str]
    ) -> Answer:
        if query.get("follow") in ("true", "1"):
            return Answer.text(400, "following logs (kubectl logs -f) is not supported by virtual nodes")
        wanted = {"name": pod_name, "namespace": namespace}
        found = (pod for pod in self._host.pods(node_name) if wanted.items() <= pod["metadata"].items())
        pod = next(found, None)
        if pod is None:
            return Answer.text(404, f'pod "{pod_name}" not found')
        if container not in {c["name"] for c in pod["spec"]["containers"]}:
            return Answer.text(404, f'container "{container}" not found in pod "{pod_name}"')
        try:
            options = logs.Options.of(query)
        except ValueError as error:
            return Answer.text(400, str(error))
        files = self._host.folders(pod["metadata"]["uid"]).logs(container)
        if options.previous:
            files = files[:-1]
        waiting = _waiting(pod, container)
        if not files and waiting and not options.previous:
            return Answer.text(400, f'container "{container}" in pod "{pod_name}" is waiting to start: {waiting}')
        if not files:
            what = "previous terminated container" if options.previous else "container"
            return Answer.text(400, f'{what} "{container}" in pod "{pod_name}" not found')
        body = await asyncio.to_thread(logs.read, files[-1], options, time.time())
        return Answer(200, body)

    def _pods(self, node_name: str) -> Answer:
        items = self._host.pods(node_name)
        return _json({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})

    async def _measure(self, node_name: str) -> dict[str, Usage]:
        """What the containers of a node use, by id."""
        async with self._usage_lock:
            ids = {one.id for pod in self._host.pods(node_name) for one in _running(pod)}
            at, known, usage = self._usage.get(node_name, (-_USAGE_SECONDS, set(), {}))
            # At once where a container is new.
            if time.monotonic() - at >= _USAGE_SECONDS or not ids <= known:
                usage = await self._host.runtime.usage(sorted(ids))
                self._usage[node_name] = (time.monotonic(), ids, usage)
            return usage

    async def _resource_metrics(self, node_name: str) -> Answer:
        usage = await self._measure(node_name)
        samples: dict[str, list[tuple[str, float]]] = {name: [] for name in _METRICS}
        node_cpu = node_memory = 0.0
        for pod in self._host.pods(node_name):
            meta = pod["metadata"]
            pod_labels = f'namespace="{meta["namespace"]}",pod="{meta["name"]}"'
            cpu = memory = 0.0
            for one in _running(pod):
                used = usage.get(one.id)
                if used is None:
                    continue
                own = f'container="{one.name}",{pod_labels}'
                samples["container_cpu_usage_seconds_total"].append((own, used.cpu_seconds))
                samples["container_memory_working_set_bytes"].append((own, used.memory_bytes))
                samples["container_start_time_seconds"].append((own, one.started_at))
                cpu += used.cpu_seconds
                memory += used.memory_bytes
            if cpu or memory:
                samples["pod_cpu_usage_seconds_total"].append((pod_labels, cpu))
                samples["pod_memory_working_set_bytes"].append((pod_labels, memory))
            node_cpu += cpu
            node_memory += memory
        samples["node_cpu_usage_seconds_total"].append(("", node_cpu))
        samples["node_memory_working_set_bytes"].append(("", node_memory))
        at = int(time.time() * 1000)
        lines = []
        for name, kind in _METRICS.items():
            lines.append(f"# TYPE {name} {kind}")
            lines += [
                f"{name}{{{labels}}} {value} {at}" if labels else f"{name} {value} {at}"
                for labels, value in samples[name]
            ]
        lines += ["# TYPE resource_scrape_error gauge", "resource_scrape_error 0"]
        return Answer(200, ("\n".join(lines) + "\n").encode(), "text/plain; version=0.0.4; charset=utf-8")

    async def _summary(self, node_name: str) -> Answer:
        usage = await self._measure(node_name)
        now = timestamp(time.time())
        pods: list[Json] = []
        for pod in self._host.pods(node_name):
            meta = pod["metadata"]
            containers: list[Json] = []
            for one in _running(pod):
                used = usage.get(one.id)
                if used:
                    containers.append(
                        {
                            "name": one.name,
                            "startTime": timestamp(one.started_at),
                            "cpu": {"time": now, "usageCoreNanoSeconds": int(used.cpu_seconds * 1e9)},
                            "memory": {"time": now, "workingSetBytes": used.memory_bytes},
                        }
                    )
            pods.append(
                {
                    "podRef": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
                    "startTime": (pod.get("status") or {}).get("startTime"),
                    "containers": containers,
                    "cpu": {
                        "time": now,
                        "usageCoreNanoSeconds": sum(c["cpu"]["usageCoreNanoSeconds"] for c in containers),
                    },
                    "memory": {"time": now, "workingSetBytes": sum(c["memory"]["workingSetBytes"] for c in containers)},
                }
            )
        node = {
            "nodeName": node_name,
            "cpu": {"time": now, "usageCoreNanoSeconds": sum(p["cpu"]["usageCoreNanoSeconds"] for p in pods)},
            "memory": {"time": now, "workingSetBytes": sum(p["memory"]["workingSetBytes"] for p in pods)},
        }
        return _json({"node": node, "pods": pods})


_METRICS = {
    "container_cpu_usage_seconds_total": "counter",
    "container_memory_working_set_bytes": "gauge",
    "container_start_time_seconds": "gauge",
    "node_cpu_usage_seconds_total": "counter",
    "node_memory_working_set_bytes": "gauge",
    "pod_cpu_usage_seconds_total": "counter",
    "pod_memory_working_set_bytes": "gauge",
}


@dataclass(frozen=True)
class _Running:
    """A container that runs, by its pod's status: every process of the pool sees that."""

    name: str
    id: str
    started_at: float


def _running(pod: Json) -> Iterator[_Running]:
    for one in (pod.get("status") or {}).get("containerStatuses") or ():
        begun = ((one.get("state") or {}).get("running") or {}).get("startedAt")
        if begun:
            yield _Running(one["name"], one.get("containerID", "").rpartition("//")[2], seconds(begun))


def _waiting(pod: Json, container: str) -> str:
    """Why a container waits; empty if it does not."""
    for one in (pod.get("status") or {}).get("containerStatuses") or ():
        if one["name"] == container:
            return str(((one.get("state") or {}).get("waiting") or {}).get("reason") or "")
    return ""


def _json(document: Json) -> Answer:
    return Answer(200, json.dumps(document).encode(), "application/json")


def _refusal(message: str) -> Answer:
    """kubectl shows the message of a Status."""
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": "NotImplemented",
        "code": 501,
    }
    return Answer(501, json.dumps(status).encode(), "application/json")
