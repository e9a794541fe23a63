"""The daemon: the region's one process, with its parts as children.

`run` is what `localregion run` does, in the foreground; `localregion up` starts that in the background. A killed
daemon takes its children with it, and `clean_up` removes what else it left (namespaces, containers, mounts): the next
start and `localregion down` both call it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import functools
import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localregion import settings as names
from localregion.backends.fabric import Fabric
from localregion.backends.images import Images
from localregion.backends.images import clean as clean_images
from localregion.backends.null_fabric import NullFabric
from localregion.core import endpoints
from localregion.host.containers import Credentials
from localregion.host.http_server import Server, listen, make_server
from localregion.host.podman_service import PodmanService
from localregion.host.programs import Programs
from localregion.http import front
from localregion.http.app import Api
from localregion.http.control import control_app
from localregion.http.metadata import metadata_app
from localregion.operator_files import write_bundle, write_operator
from localregion.region import Region
from localregion.services import SERVICES
from localregion.settings import Settings

log = logging.getLogger(__name__)


class AlreadyRunning(RuntimeError):
    """Another daemon serves this state, or has the region's name."""


def make_podman(settings: Settings) -> PodmanService:
    """The region's containers."""
    registries = {f"{names.REGION_KEY.lower()}.ocir.{names.REALM_DOMAIN}": settings.registry_address}
    return PodmanService(settings.name, settings.state / "containers", registries)


def make_fabric(settings: Settings, programs: Programs | None = None) -> Fabric:
    """The region's network. Without programs it has no resolver: for cleaning up."""
    domains = dict.fromkeys((names.REALM_DOMAIN, settings.realm_domain))
    return Fabric(
        settings.name,
        settings.state / "fabric",
        coredns=functools.partial(programs.path, "coredns") if programs else None,
        service_zones=tuple(zone for domain in domains for zone in endpoints.zones(domain)),
    )


async def clean_up(settings: Settings) -> None:
    """Remove from the machine what a dead daemon may have left; the state stays."""
    if not settings.pure:
        await make_podman(settings).clean()
        await make_fabric(settings).destroy()
        await asyncio.to_thread(clean_images, settings.cache)
    front.clean_up(settings)
    settings.control_socket.unlink(missing_ok=True)


@contextlib.contextmanager
def name_of_ours(settings: Settings) -> Iterator[None]:
    """Hold the region's name, which its namespaces, containers and sockets have on this machine. Raises AlreadyRunning
    when a daemon with another state has it: all that is found by the name would be that daemon's."""
    # A socket without a file: it ends with the process, however that ends.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mark:
        try:
            mark.bind(f"\0{settings.control_socket}")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise AlreadyRunning(
                f"another region named {settings.name} runs on this machine, with a state other than {settings.state}:"
                f" `localregion --name {settings.name} status` with its OKESTACK_STATE shows it. Choose another name"
                " (--name, OKESTACK_REGION), or set OKESTACK_STATE to its state."
            ) from None
        yield


@contextlib.contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Hold the region's lock, with our process id in it. Raises AlreadyRunning."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.state / "daemon.lock").open("a+") as file, contextlib.ExitStack() as held:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(f"a daemon already serves {settings.state}") from None
        held.enter_context(name_of_ours(settings))
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def daemon_pid(settings: Settings) -> int | None:
    """The process id of the daemon that holds the lock, if one does."""
    path = settings.state / "daemon.lock"
    if not path.exists():
        return None
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            text = file.read().strip()
            return int(text) if text else None
    return None


class Daemon:
    """The region and what serves it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self.front = front.Front(settings)
        self.programs = Programs(settings.cache)
        self.podman = None if settings.pure else make_podman(settings)
        fabric = NullFabric() if settings.pure else make_fabric(settings, self.programs)
        self.region = Region(settings, fabric, SERVICES)
        self.region.programs = None if settings.pure else self.programs
        self.region.podman = self.podman
        self.region.announce = self.front.announce
        self.images: Images | None = None
        self._serving: list[tuple[Server, asyncio.Task[Any]]] = []

    async def run(self) -> None:
        """Start, serve until asked to stop, stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        # Addresses first: one that is taken is reported before anything is made.
        sockets = [listen(address, self.settings.port) for address in self._addresses()]
        metadata = listen(self.settings.metadata_address, self.settings.port)
        named = self.front.listen()
        try:
            await self._start(sockets, named, metadata)
            log.info("the region answers at %s", self.settings.endpoint)
            await self.stopping.wait()
        finally:
            await self._stop()

    def _addresses(self) -> tuple[str, str]:
        return self.settings.api_address, self.settings.other_api_address

    async def _start(self, sockets: list[socket.socket], named: list[socket.socket], metadata: socket.socket) -> None:
        region = self.region
        self._serve(control_app(region, self.stopping.set, self._more), [self._control()])
        if self.podman is not None:
            self.programs.start()
            self.region.mysql.start()
            await self.podman.start()
            await region.fabric.start()
        await region.start()
        write_operator(self.settings, region.services["identity"])
        leaf = self.front.leaf()
        write_bundle(self.settings)
        if self.podman is not None:
            # The same API inside the VCNs, by TLS on the services' address.
            named = [*named, await region.fabric.serve_in(region.fabric.root, names.SERVICE_ADDRESS, 443)]
        if named:
            self._serve(Api(region), named, tls=(str(leaf.certificate), str(leaf.key)))
        self._serve(Api(region), sockets)
        self._serve(metadata_app(region.federation), [metadata])
        if self.podman is not None:
            self._supply(self.podman)

    def _supply(self, podman: PodmanService) -> None:
        """Make the site's images in the background, for the region's registry."""
        registry = self.region.services["artifacts"].registry
        token = self.settings.operator_dir / "auth_token"
        self.images = Images(
            self.settings.cache,
            podman=podman,
            registry=registry,
            program=self.programs.path,
            building=self.programs.progress,
            credentials=lambda: Credentials(f"{names.NAMESPACE}/{names.OPERATOR_NAME}", token.read_text().strip()),
        )
        self.region.images = self.images
        self.images.start()

    def _control(self) -> socket.socket:
        path = self.settings.control_socket
        path.unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            sock.bind(str(path))
        finally:
            os.umask(mask)
        sock.listen(16)
        sock.setblocking(False)
        return sock

    def _serve(self, application: Any, sockets: list[socket.socket], *, tls: tuple[str, str] | None = None) -> None:
        server = make_server(application, tls=tls)
        self._serving.append((server, asyncio.create_task(server.serve(sockets=sockets))))

    def _more(self) -> dict[str, Any]:
        images = self.images.progress() if self.images is not None else {}
        pure = self.settings.pure
        running, database = ("", "") if pure else (self.programs.progress(), self.region.mysql.said())
        return {
            "pid": os.getpid(), "programs": running, "database": database, "images": images, "api_only": pure,
            "https_problem": self.front.problem,
        }  # fmt: skip

    async def _stop(self) -> None:
        log.info("stopping")
        for server, _ in self._serving:
            server.should_exit = True
        await asyncio.gather(*(task for _, task in self._serving), return_exceptions=True)
        images = [self.images.stop] if self.images is not None else []
        parts = [self.region.mysql.stop, self.programs.stop, self.podman.stop] if self.podman is not None else []
        for end in (*images, self.region.stop, *parts):
            try:
                await end()
            except Exception:
                log.exception("stopping: %s", getattr(end, "__qualname__", end))
        self.front.close()
        self.settings.control_socket.unlink(missing_ok=True)
        log.info("stopped")


def run(settings: Settings) -> int:
    """Be the daemon. Gives the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        with locked(settings):
            asyncio.run(_run(settings))
    except (AlreadyRunning, OSError) as error:
        log.error("%s", error)
        return 1
    return 0


async def _run(settings: Settings) -> None:
    await clean_up(settings)
    await Daemon(settings).run()


def log_path(settings: Settings) -> Path:
    """Where a daemon in the background writes its log."""
    return settings.logs_dir / "daemon.log"
