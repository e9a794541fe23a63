# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes: counting results (pure), and asking a container (HTTP, HTTPS; exec goes through the runtime)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
_BODY_LIMIT = 10 * 1024


@dataclass(frozen=True)
class Result:
    """What one probe said."""

    ok: bool
    message: str = ""


@dataclass
class Tally:
    """Counts successes and failures in a row against a probe's thresholds."""

    success_threshold: int
    failure_threshold: int
    run: int = 0
    last: bool | None = None

    @classmethod
    def of(cls, probe: Json) -> Tally:
        return cls(int(probe.get("successThreshold") or 1), int(probe.get("failureThreshold") or 3))

    def note(self, ok: bool) -> bool | None:
        """Count a result; True or False when its threshold is reached (again), None while it is not."""
        self.run = self.run + 1 if ok == self.last else 1
        self.last = ok
        if self.run >= (self.success_threshold if ok else self.failure_threshold):
            return ok
        return None


def port_number(container: Json, port: int | str) -> int:
    """A port by number or by the name of one of the container's ports. Raises ValueError."""
    if isinstance(port, int):
        return port
    if port.isdigit():
        return int(port)
    for one in container.get("ports") or ():
        if one.get("name") == port:
            return int(one["containerPort"])
    raise ValueError(f"unknown port {port}")


@dataclass(frozen=True)
class HttpTarget:
    """Where an HTTP probe or hook goes."""

    scheme: str
    host: str
    port: int
    path: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, action: Json, container: Json, pod_ip: str) -> HttpTarget:
        """From an httpGet action. Raises ValueError for a port that is not there."""
        path = action.get("path") or "/"
        return cls(
            (action.get("scheme") or "HTTP").lower(),
            action.get("host") or pod_ip,
            port_number(container, action["port"]),
            path if path.startswith("/") else f"/{path}",
            {header["name"]: header["value"] for header in action.get("httpHeaders") or ()},
        )


def request_text(target: HttpTarget, version: str) -> bytes:
    """The request as kubelet sends it; a probe's own headers replace the usual ones, an empty value removes them."""
    headers = {
        "Host": f"{target.host}:{target.port}",
        "User-Agent": f"kube-probe/{version}",
        "Accept": "*/*",
        "Connection": "close",
    }
    names = {name.lower(): name for name in headers}
    for name, value in target.headers.items():
        headers.pop(names.get(name.lower(), name), None)
        if value or name.lower() == "host":
            headers[name] = value or f"{target.host}:{target.port}"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {target.path} HTTP/1.1\r\n{head}\r\n".encode()


async def http(target: HttpTarget, timeout: float, version: str) -> Result:
    """Ask once. 200 to 399 is a success; redirects are not followed; certificates are not verified (as kubelet)."""
    url = f"{target.scheme}://{target.host}:{target.port}{target.path}"
    context: ssl.SSLContext | None = None
    if target.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    writer = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(target.host, target.port, ssl=context)
            writer.write(request_text(target, version))
            await writer.drain()
            line = (await reader.readline()).decode("latin-1")
            status = int(line.split()[1])
            if 200 <= status < 400:
                return Result(True)
            return Result(False, f"HTTP probe failed with statuscode: {status}")
    except TimeoutError:
        return Result(False, f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)')
    except (IndexError, ValueError):
        return Result(False, f'Get "{url}": malformed HTTP response')
    except (OSError, ssl.SSLError) as error:
        return Result(False, f'Get "{url}": {error}')
    finally:
        if writer is not None:
            # Not after `close`: closed by both ends, a TLS transport of Python 3.11.2 cannot abort.
            writer.transport.abort()


async def tcp(host: str, port: int, timeout: float) -> Result:
    """Connect once."""
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return Result(False, f"dial tcp {host}:{port}: i/o timeout")
    except OSError as error:
        return Result(False, f"dial tcp {host}:{port}: {error}")
    writer.close()
    return Result(True)


def exec_result(code: int | None, output: str, seconds: float) -> Result:
    """From an exec probe's exit code; None where it ran longer than `seconds`."""
    if code is None:
        return Result(False, f"command timed out after {seconds:g}s")
    return Result(code == 0, output[:_BODY_LIMIT])
