"""A region for tests: in a thread of the test's process, on a free port, without fabric and parts, its clock at zero.

    with Region.started(tmp_path) as region:
        vcns = region.client(oci.core.VirtualNetworkClient)
        vcns.create_vcn(...)
        region.settle()                          # life cycles have come to their end
        assert region.count("core.create_vcn") == 1
        region.faults.add("core.create_subnet", status=500)

Services find `NullFabric` as their fabric and `settings.pure` true: parts are absent, and ready at once.
"""

from __future__ import annotations

import asyncio
import fnmatch
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import jwt

from localregion import operator_files, region
from localregion import settings as names
from localregion.access.policies import Principal, resource_principal
from localregion.backends.kubernetes_authentication import workload_app
from localregion.backends.null_fabric import NullFabric
from localregion.core.faults import Faults
from localregion.host.http_server import Server, listen, make_server
from localregion.host.pki import Authority, Leaf, key_pem, new_key, write_private
from localregion.http.app import Api
from localregion.http.metadata import metadata_app
from localregion.services import SERVICES
from localregion.settings import Settings

Snapshot = dict[str, list[tuple[Any, ...]]]


@cache
def _keys() -> tuple[bytes, bytes]:
    """Operator's key and token key, made once a process: each takes 100 ms."""
    return key_pem(new_key("rsa")), key_pem(new_key("rsa"))


class Region:
    """A region under test; see the module."""

    def __init__(self, folder: Path, *, minute: float = 0.0, cache: Path | None = None) -> None:
        """`folder`: where its state goes (used again, it goes on from there). ``minute``: seconds of a cloud minute."""
        settings = Settings(
            name="test", state=folder, cache=cache or Settings().cache, host_network="127.0.0.0/8", port=_free_port(),
            minute=minute, pure=True, strict_replies=True,
        )  # fmt: skip
        for name, pem in zip(("operator/key.pem", "token-key.pem"), _keys(), strict=True):
            if not (folder / name).exists():
                write_private(folder / name, pem)
        self.settings = settings
        self.endpoint = settings.endpoint
        self.other_endpoint = settings.other_endpoint
        self.metadata_url = settings.metadata_url
        self.config_file = settings.operator_dir / "config"
        self.compartment_id = names.COMPARTMENT_ID
        self.tenancy_id = names.TENANCY_ID
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop
        self._server: Server
        self.inner: region.Region
        """The region itself: only its loop's thread may touch it (`run`)."""

    @classmethod
    @contextmanager
    def started(cls, folder: Path, **options: Any) -> Iterator[Region]:
        """A running region, stopped at the end."""
        made = cls(folder, **options)
        made.start()
        try:
            yield made
        finally:
            made.stop()

    def start(self) -> None:
        """Start it; returns when it answers."""
        self._thread = threading.Thread(target=self._main, name="region", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure

    def stop(self) -> None:
        """Stop it; its state stays in the folder."""
        self._loop.call_soon_threadsafe(setattr, self._server, "should_exit", True)
        if self._thread:
            self._thread.join(timeout=10)

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # handed to the test
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.inner = region.Region(self.settings, NullFabric(), SERVICES)
        await self.inner.start()
        operator_files.write_operator(self.settings, self.inner.services["identity"])
        self._server = make_server(Api(self.inner))
        self._server.config.timeout_graceful_shutdown = 0
        sockets = [listen(address, self.settings.port) for address in ("127.0.0.1", "127.0.0.2")]
        async with self._beside(metadata_app(self.inner.federation), listen("127.0.0.3", self.settings.port)):
            self._loop.call_soon(self._ready.set)
            await self._server.serve(sockets=sockets)
        await self.inner.stop()

    @asynccontextmanager
    async def _beside(self, application: Any, sock: socket.socket, leaf: Leaf | None = None) -> AsyncIterator[None]:
        server = make_server(application, tls=(str(leaf.certificate), str(leaf.key)) if leaf else None)
        server.config.timeout_graceful_shutdown = 0
        serving = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving

    # what tests use

    @contextmanager
    def serving(self, application: Any, address: str, port: int = 0, leaf: Leaf | None = None) -> Iterator[str]:
        """An application on an address of loopback, in the region's loop; its URL. ``leaf``: by TLS."""
        sock = listen(address, port)
        beside = self._beside(application, sock, leaf)
        url = f"{'https' if leaf else 'http'}://{address}:{sock.getsockname()[1]}"
        self.run(beside.__aenter__())
        try:
            yield url
        finally:
            self.run(beside.__aexit__(None, None, None))

    def authority(self, folder: Path) -> Authority:
        """A certificate authority of a test's own; its certificate is `<folder>/ca.pem`."""
        return Authority.load_or_create(folder, "test")

    @contextmanager
    def by_tls(self, folder: Path) -> Iterator[tuple[str, Path]]:
        """The same API by TLS: its URL, and the file of the CA's certificate."""
        leaf = self.authority(folder).issue(folder, "api", common_name="api", names=["127.0.0.1", "localhost"])
        with self.serving(Api(self.inner), "127.0.0.1", leaf=leaf) as url:
            yield url, folder / "ca.pem"

    def resource_principal(self, kind: str, resource_id: str, folder: Path, *, seconds: int = 3600) -> dict[str, str]:
        """The variables that a resource's host sets for it (version 2.2), with files in `folder`."""
        principal = resource_principal(kind, resource_id, self.compartment_id)
        folder.mkdir(parents=True, exist_ok=True)
        self.session(principal, folder, seconds=seconds)
        return {
            "OCI_RESOURCE_PRINCIPAL_VERSION": "2.2",
            "OCI_RESOURCE_PRINCIPAL_RPST": str(folder / "session_token"),
            "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM": str(folder / "session_key.pem"),
            "OCI_RESOURCE_PRINCIPAL_REGION": names.REGION,
        }

    @contextmanager
    def workload(
        self, folder: Path, *, cluster_id: str, namespace: str, service_account: str, enhanced: bool = True
    ) -> Iterator[dict[str, str]]:
        """Port 12250 of a cluster on an address of its own, as its pods of a service account see it: the variables of
        such a pod, with files in `folder`. What a real API server says about the account's token is said here."""
        folder.mkdir(parents=True, exist_ok=True)
        address = "127." + ".".join(str(secrets.randbelow(254) + 1) for _ in range(3))
        leaf = self.authority(folder).issue(folder, "cluster", common_name="cluster", names=[address])
        account = f"system:serviceaccount:{namespace}:{service_account}"
        token = _service_account_token(account)
        (folder / "token").write_text(token)

        class Kube:
            async def call(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
                assert (method, path) == ("POST", "/apis/authentication.k8s.io/v1/tokenreviews")
                good = body["spec"]["token"] == token
                return {"status": {"authenticated": good, "user": {"username": account}} if good else {}}

        kube: Any = Kube
        application = workload_app(cluster_id, lambda: self.compartment_id, kube, self.inner.tokens, lambda: enhanced)
        with self.serving(application, address, 12250, leaf):
            yield {
                "KUBERNETES_SERVICE_HOST": address,
                "OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH": str(folder / "ca.pem"),
                "OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH": str(folder / "token"),
                "OCI_RESOURCE_PRINCIPAL_REGION": names.REGION,
            }

    @property
    def config(self) -> dict[str, Any]:
        """The operator's configuration for the SDK."""
        import oci

        return dict(oci.config.from_file(str(self.config_file)))

    def client(self, client_class: Any, *, endpoint: str | None = None, **options: Any) -> Any:
        """An SDK client of the operator's, without retries."""
        import oci

        values = {"retry_strategy": oci.retry.NoneRetryStrategy(), "service_endpoint": endpoint or self.endpoint}
        return client_class(self.config, **(values | options))

    def session(self, principal: Principal, folder: Path, *, seconds: int = 3600) -> Path:
        """An OCI configuration file with a session token (`security_token_file`) for a principal, in `folder`."""
        return operator_files.write_session(folder, lambda pem: self.inner.tokens.issue(principal, pem, seconds))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the region's loop and give its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def settle(self) -> None:
        """Wait until no change of state is under way."""
        self.run(self._settled())

    async def _settled(self) -> None:
        while pending := list(self.inner.store.transitions()):
            for one in pending:
                service = self.inner.services[one.service]
                await service.settled(one.record)
        # what services do aside, as letting changed policies hold, takes one more turn each
        for _ in range(3):
            await asyncio.sleep(0)

    def snapshot(self) -> Snapshot:
        """All that the region remembers, once it rests; `restore` takes it back to that."""
        self.settle()

        async def taken() -> Snapshot:
            return self.inner.store.dump()

        made: Snapshot = self.run(taken())
        return made

    def restore(self, snapshot: Snapshot) -> None:
        """Forget what was made or changed since a snapshot."""
        self.settle()

        async def taken_back() -> None:
            self.inner.store.load(snapshot)
            for name in ("network", "identity"):  # the services that keep in memory what they read
                await self.inner.services[name].resume()

        self.run(taken_back())

    @property
    def faults(self) -> Faults:
        """The faults in force: `add`, `clear`."""
        return self.inner.faults

    @property
    def calls(self) -> list[region.CallRecord]:
        """The calls answered so far."""
        return list(self.inner.calls)

    def forget_calls(self) -> None:
        """Reset the record of calls."""
        self.inner.calls.clear()

    def count(self, operation: str = "*") -> int:
        """How many calls there were of the operations that match a pattern (`core.create_*`)."""
        return sum(fnmatch.fnmatchcase(call.operation, operation) for call in self.inner.calls)

    def writes(self) -> list[region.CallRecord]:
        """The calls that changed something or tried to."""
        return [call for call in self.inner.calls if call.method not in ("GET", "HEAD")]


def _service_account_token(account: str) -> str:
    """A JWT that says what clients look at; who it is for is the TokenReview's part."""
    now = int(time.time())
    claims = {"iss": "https://kubernetes.default.svc", "sub": account, "iat": now, "exp": now + 3600}
    return jwt.encode(claims, "", algorithm="none")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
