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
import socket
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from localregion import operator_files, region
from localregion import settings as names
from localregion.api.app import Api
from localregion.api.server import Server, listen, make_server
from localregion.faults import Faults
from localregion.iam import Principal
from localregion.pki import key_pem, new_key, write_private
from localregion.settings import Settings


Snapshot = dict[str, list[tuple[Any, ...]]]


class NullFabric:
    """A fabric that makes nothing."""

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""

    async def destroy(self) -> None:
        """Nothing."""

    async def ensure_subnet(self, subnet_id: str, cidr: str) -> None:
        """Nothing."""

    async def remove_subnet(self, subnet_id: str) -> None:
        """Nothing."""

    async def attach(self, vnic_key: str, subnet_id: str, cidr: str, address: str) -> str:
        """No namespace; a name all the same."""
        return f"none-{vnic_key[-8:]}"

    async def detach(self, vnic_key: str) -> None:
        """Nothing."""

    async def add_address(self, subnet_id: str, cidr: str, address: str) -> None:
        """Nothing."""

    async def remove_address(self, subnet_id: str, address: str) -> None:
        """Nothing."""

    async def expose(self, public_ip: str, port: int, address: str, target_port: int) -> None:
        """Nothing."""

    async def unexpose(self, public_ip: str, port: int | None = None) -> None:
        """Nothing."""

    def set_hosts(self, names: Mapping[str, str]) -> None:
        """Nothing."""


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
        self.inner = region.Region(self.settings, NullFabric())
        await self.inner.start()
        operator_files.write_operator(self.settings, self.inner.services["identity"])  # type: ignore[arg-type]
        self._server = make_server(Api(self.inner))
        self._server.config.timeout_graceful_shutdown = 0
        sockets = [listen(address, self.settings.port) for address in ("127.0.0.1", "127.0.0.2")]
        self._loop.call_soon(self._ready.set)
        await self._server.serve(sockets=sockets)
        await self.inner.stop()

    # what tests use

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
        """Begin counting anew."""
        self.inner.calls.clear()

    def count(self, operation: str = "*") -> int:
        """How many calls there were of the operations that match a pattern (`core.create_*`)."""
        return sum(fnmatch.fnmatchcase(call.operation, operation) for call in self.inner.calls)

    def writes(self) -> list[region.CallRecord]:
        """The calls that changed something or tried to."""
        return [call for call in self.inner.calls if call.method not in ("GET", "HEAD")]


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
