"""A load balancer with the real HAProxy."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from localregion.backends.fabric import Fabric
from localregion.backends.haproxy import Haproxy, HaproxyError
from localregion.host.pki import Authority
from localregion.host.process import run

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")]

NAME = "thaproxy"
PUBLIC = "127.81.3.1"
BACKENDS = ("10.9.8.10", "10.9.8.11", "10.9.8.12")


class Server:
    """A backend: says who it is and what it was asked; /health answers `status`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.status = 200
        self.delay = 0.0
        self.listener: asyncio.Server | None = None

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                code = 200
                if b" /health " in head:
                    code = self.status
                elif self.delay:
                    await asyncio.sleep(self.delay)
                body = f"{self.address}\n".encode() + head
                writer.write(f"HTTP/1.1 {code} X\r\nContent-Length: {len(body)}\r\n\r\n".encode())
                writer.write(body)
                await writer.drain()
        writer.close()


def document(**more: Any) -> dict[str, Any]:
    checker = {
        "protocol": "HTTP", "port": 0, "urlPath": "/health", "returnCode": 200, "retries": 2, "timeoutInMillis": 1000,
        "intervalInMillis": 1000, "responseBodyRegex": ".*", "isForcePlainText": False,
    }  # fmt: skip
    backends = [
        {
            "name": f"{ip}:80",
            "ipAddress": ip,
            "port": 80,
            "weight": 1,
            "backup": False,
            "drain": False,
            "offline": False,
        }
        for ip in BACKENDS
    ]
    return {
        "id": "ocid1.loadbalancer.test",
        "backendSets": {
            "web": {"name": "web", "policy": "ROUND_ROBIN", "backends": backends, "healthChecker": checker} | more
        },
        "listeners": {
            "http": {
                "name": "http", "port": 80, "protocol": "HTTP", "defaultBackendSetName": "web",
                "connectionConfiguration": {"idleTimeout": 60},
            }
        },
        "certificates": {},
        "isRequestIdEnabled": True,
        "requestIdHeader": "X-Request-Id",
    }  # fmt: skip


@contextlib.asynccontextmanager
async def site(folder: Path) -> AsyncIterator[tuple[Haproxy, list[Server], Fabric]]:
    """A load balancer that is reached at PUBLIC, and three servers in namespaces of their own."""
    made = Fabric(NAME, folder / "fabric")
    await made.start()
    balancer: Haproxy | None = None
    try:
        netns = await made.attach("lb", "lbs", "10.9.9.0/24", "10.9.9.10")
        servers = [Server(address) for address in BACKENDS]
        for server in servers:
            place = await made.attach(server.address, "pods", "10.9.8.0/24", server.address)
            server.listener = await asyncio.start_server(
                server.handle, sock=await made.serve_in(place, server.address, 80)
            )
        for port in (80, 443, 9000):
            await made.expose(PUBLIC, port, "10.9.9.10", port)
        balancer = Haproxy(folder / ("deep-" * 25) / "lb", netns=netns, address="10.9.9.10")
        yield balancer, servers, made
    finally:
        if balancer is not None:
            await balancer.destroy()
        await made.stop()


def client(**more: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, timeout=10.0, **more)


async def until(balancer: Haproxy, wanted: dict[str, str], seconds: float = 10.0) -> None:
    """Wait until the health of set `web` is this, by address."""
    seen: Any = None
    for _ in range(int(seconds / 0.05)):
        seen = {name.partition(":")[0]: state for name, state in (await balancer.health()).get("web", {}).items()}
        if seen == wanted:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"health is {seen}, not {wanted}")


def test_http(tmp_path: Path) -> None:
    async def body() -> None:
        async with site(tmp_path) as (balancer, servers, _):
            await balancer.apply(document())
            await until(balancer, dict.fromkeys(BACKENDS, "OK"))
            async with client() as http:
                answers = [await http.get(f"http://{PUBLIC}/x") for _ in range(9)]
                assert Counter(a.text.splitlines()[0] for a in answers) == dict.fromkeys(BACKENDS, 3)
                head = answers[0].text.lower()
                assert "x-forwarded-for: 203.0.113.1" in head and "x-forwarded-proto: http" in head
                assert "x-forwarded-port: 80" in head and answers[0].headers["x-request-id"] in head
                # One answers 500 to the health check, one is gone: neither is asked any more.
                servers[0].status = 500
                listener = servers[1].listener
                assert listener is not None
                listener.close()
                await until(balancer, {BACKENDS[0]: "CRITICAL", BACKENDS[1]: "CRITICAL", BACKENDS[2]: "OK"})
                answers = [await http.get(f"http://{PUBLIC}/x") for _ in range(4)]
                assert {a.text.splitlines()[0] for a in answers} == {BACKENDS[2]}
                servers[2].status = 500
                await until(balancer, dict.fromkeys(BACKENDS, "CRITICAL"))
                assert (await http.get(f"http://{PUBLIC}/x")).status_code == 503
                servers[0].status = 200
                await until(balancer, {BACKENDS[0]: "OK", BACKENDS[1]: "CRITICAL", BACKENDS[2]: "CRITICAL"})
                assert (await http.get(f"http://{PUBLIC}/x")).status_code == 200

    asyncio.run(body())


def test_health_is_asked_at_the_port_that_is_given_now(tmp_path: Path) -> None:
    """Across a reload, which carries on what was known of the servers."""

    async def body() -> None:
        async with site(tmp_path) as (balancer, _, made):
            at = {}
            for address in BACKENDS:
                at[address] = await asyncio.start_server(
                    Server(address).handle, sock=await made.serve_in(made.netns_of(address), address, 81)
                )
            doc = document()
            checker = doc["backendSets"]["web"]["healthChecker"]
            for port, state in ((81, "OK"), (82, "CRITICAL"), (81, "OK"), (0, "OK"), (82, "CRITICAL")):
                checker["port"] = port
                await balancer.apply(copy.deepcopy(doc))
                await until(balancer, dict.fromkeys(BACKENDS, state))

    asyncio.run(body())


def test_reload_loses_nothing(tmp_path: Path) -> None:
    async def body() -> None:
        async with site(tmp_path) as (balancer, servers, _):
            doc = document()
            await balancer.apply(doc)
            servers[1].status = 500
            await until(balancer, {BACKENDS[0]: "OK", BACKENDS[1]: "CRITICAL", BACKENDS[2]: "OK"})
            for server in servers:
                server.delay = 0.05
            failures: list[str] = []
            done = 0
            stop = asyncio.Event()

            async def load() -> None:
                nonlocal done
                while not stop.is_set():
                    async with client() as http:
                        for _ in range(3):
                            try:
                                answer = await http.get(f"http://{PUBLIC}/x")
                            except httpx.HTTPError as error:
                                failures.append(repr(error))
                                continue
                            done += 1
                            # What is known of a backend's health outlives a reload.
                            if answer.status_code != 200 or answer.text.startswith(BACKENDS[1]):
                                failures.append(f"{answer.status_code} {answer.text[:20]}")

            tasks = [asyncio.create_task(load()) for _ in range(10)]
            pids = set()
            for number in range(5):
                doc = copy.deepcopy(doc)
                doc["backendSets"]["web"]["backends"][0]["weight"] = number + 2
                await balancer.apply(doc)
                pids.add((await balancer._ask("show info")).partition("Pid: ")[2].split()[0])
                await asyncio.sleep(0.2)
            # The same again is not a reload.
            await balancer.apply(doc)
            pids.add((await balancer._ask("show info")).partition("Pid: ")[2].split()[0])
            stop.set()
            await asyncio.gather(*tasks)
            assert failures == [] and done > 100 and len(pids) == 5
            # What HAProxy does not take leaves what runs as it is.
            bad = copy.deepcopy(doc)
            bad["backendSets"]["web"]["healthChecker"]["responseBodyRegex"] = "("
            with pytest.raises(HaproxyError):
                await balancer.apply(bad)
            async with client() as http:
                assert (await http.get(f"http://{PUBLIC}/x")).status_code == 200

    asyncio.run(body())


def test_tls_at_the_listener(tmp_path: Path) -> None:
    async def body() -> None:
        authority = Authority.load_or_create(tmp_path, "test")
        leaf = authority.issue(tmp_path, "site", common_name="site", names=[PUBLIC, "site.example"])
        async with site(tmp_path) as (balancer, _servers, _):
            doc = document(policy="IP_HASH")
            doc["certificates"]["site"] = {
                "certificateName": "site",
                "publicCertificate": leaf.certificate_pem.decode(),
                "caCertificate": authority.certificate_pem.decode(),
            }
            doc["listeners"]["https"] = doc["listeners"]["http"] | {
                "name": "https",
                "port": 443,
                "sslConfiguration": {
                    "certificateName": "site",
                    "protocols": ["TLSv1.2"],
                    "verifyPeerCertificate": False,
                },
            }
            await balancer.apply(doc, {"site": leaf.key_pem})
            await until(balancer, dict.fromkeys(BACKENDS, "OK"))
            context = ssl.create_default_context(cafile=str(authority.certificate_path))
            async with client(verify=context) as http:
                answers = [await http.get(f"https://{PUBLIC}/x") for _ in range(4)]
            assert len({answer.text.splitlines()[0] for answer in answers}) == 1
            assert "x-forwarded-proto: https" in answers[0].text.lower()
            newer = ssl.create_default_context(cafile=str(authority.certificate_path))
            newer.minimum_version = ssl.TLSVersion.TLSv1_3
            async with client(verify=newer) as http:
                with pytest.raises(httpx.ConnectError):
                    await http.get(f"https://{PUBLIC}/x")
            for file in balancer.folder.rglob("*.pem"):
                assert file.stat().st_mode & 0o077 == 0
            # A new certificate is served after the next apply.
            other = authority.issue(tmp_path, "other", common_name="other", names=[PUBLIC])
            doc["certificates"]["site"]["publicCertificate"] = other.certificate_pem.decode()
            await balancer.apply(doc, {"site": other.key_pem})
            shown = await run(
                ["openssl", "s_client", "-connect", f"{PUBLIC}:443", "-servername", "x", "-tls1_2"],
                stdin="",
                check=False,
            )
            assert "CN = other" in shown.stdout

    asyncio.run(body())


def test_tcp_and_persistence(tmp_path: Path) -> None:
    async def body() -> None:
        async with site(tmp_path) as (balancer, _servers, _):
            doc = document(lbCookieSessionPersistenceConfiguration={"cookieName": "route"}, policy="LEAST_CONNECTIONS")
            doc["backendSets"]["raw"] = doc["backendSets"]["web"] | {
                "name": "raw",
                "healthChecker": {
                    "protocol": "TCP", "port": 80, "retries": 3, "timeoutInMillis": 1000, "intervalInMillis": 1000,
                },
                "lbCookieSessionPersistenceConfiguration": None,
                "backends": [doc["backendSets"]["web"]["backends"][0] | {"drain": False}],
            }  # fmt: skip
            doc["backendSets"]["empty"] = doc["backendSets"]["raw"] | {"name": "empty", "backends": []}
            doc["listeners"]["raw"] = {
                "name": "raw", "port": 9000, "protocol": "TCP", "defaultBackendSetName": "raw",
                "connectionConfiguration": {"idleTimeout": 300, "backendTcpProxyProtocolVersion": 1},
            }  # fmt: skip
            await balancer.apply(doc)
            await until(balancer, dict.fromkeys(BACKENDS, "OK"))
            async with client() as http:
                first = await http.get(f"http://{PUBLIC}/x")
                assert "route" in first.cookies
                again = {(await http.get(f"http://{PUBLIC}/x")).text.splitlines()[0] for _ in range(6)}
                assert again == {first.text.splitlines()[0]}
            # The PROXY line comes before the request, so the server shows it as part of the head.
            reader, writer = await asyncio.open_connection(PUBLIC, 9000)
            writer.write(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
            said = await asyncio.wait_for(reader.read(2000), 5)
            writer.close()
            assert b"PROXY TCP4 203.0.113.1 10.9.9.10 " in said
            health = await balancer.health()
            assert set(health) >= {"web", "raw"}
            # Taken away again: nobody listens, and a load balancer without listeners is one too.
            await balancer.apply(document() | {"listeners": {}, "backendSets": {}})
            # The worker before may take a connection for a moment longer.
            deadline = time.monotonic() + 30
            while await answered(9000):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)

    asyncio.run(body())


async def answered(port: int) -> bool:
    """Whether a server sends anything back at a port of the public address within 2 seconds."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        reader, writer = await asyncio.open_connection(PUBLIC, port)
        writer.write(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            return await asyncio.wait_for(reader.read(2000), 2) != b""
        finally:
            writer.close()
    return False
