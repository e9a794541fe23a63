"""The images a site needs, made here: third-party programs from scratch, the example application by its Containerfile.

No registry of the internet is asked. Each image is made once into the cache as an OCI image layout (uncompressed: one
machine has no line to spare bytes for, and compressing 300 MB takes longer than all the rest), named by a hash of what
it is made of; a region pushes it from there to its own registry when it has no such tag yet, and pulls it ahead of the
first pod.

The application's base is a Debian with Python made by mmdebstrap (20 s, once); its libraries are installed by
`vendor.sh` beside its Containerfile with pip, outside of the build, which has no network.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import io
import json
import logging
import os
import platform
import shutil
import signal
import sys
import tarfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx

from localregion.backends.registry import Registry
from localregion.host.cleanup import processes_of, unmount_below
from localregion.host.containers import Credentials
from localregion.host.content import (
    BASE_PACKAGES,
    EXAMPLES,
    REVISION,
    SUITE,
    application_key,
    application_version,
    base_key,
    content_key,
)
from localregion.host.podman import PodmanError
from localregion.host.podman_service import PodmanService
from localregion.host.process import LONG, ProcessError, lives, run
from localregion.host.programs import RETRY_SECONDS, ProgramError, human_time, retried_text

__all__ = [
    "EXTERNAL_SECRETS_VERSION",
    "METRICS_SERVER_VERSION",
    "MIRROR",
    "TRAEFIK_VERSION",
    "Images",
    "ImagesError",
    "clean",
]

log = logging.getLogger(__name__)

NAMESPACE = "okestacklocal"
MIRROR = f"{NAMESPACE}/mirror"
APPLICATION = f"{NAMESPACE}/okestack/crud"
EXTERNAL_SECRETS_VERSION = "v0.20.4"
TRAEFIK_VERSION = "v3.6.7"
METRICS_SERVER_VERSION = "v0.8.0"
_NONROOT = 65532
_CHUNK = 4 * 1024 * 1024
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


class ImagesError(Exception):
    """An image could not be made or pushed; the text says what to do."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An image that the region's registry is to have."""

    repository: str
    tag: str
    make: Callable[[], Awaitable[Path]]
    """Gives its layout in the cache, made when it is not there."""

    @property
    def name(self) -> str:
        return f"{self.repository}:{self.tag}"


# -- layouts ---------------------------------------------------------------------------------------------------------


class _Hashing:
    """A file that hashes what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self.size += len(data)
        return self.file.write(data)


def _blob(layout: Path, data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    (layout / "blobs" / "sha256" / digest).write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def _write_layer(part: Path, files: Mapping[str, Path | bytes]) -> _Hashing:
    """The tar archive of a layer, with its digest and size."""
    with part.open("wb") as raw:
        hashing = _Hashing(raw)
        # (tarfile's stream mode takes any object with write.)
        with tarfile.open(fileobj=hashing, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
            folders = {"tmp"}
            for name in files:
                folders |= {str(parent) for parent in Path(name.lstrip("/")).parents if str(parent) != "."}
            for folder in sorted(folders):
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
                tar.addfile(entry)
            for name, source in sorted(files.items()):
                entry = tarfile.TarInfo(name.lstrip("/"))
                if isinstance(source, bytes):
                    entry.size, entry.mode = len(source), 0o644
                    tar.addfile(entry, io.BytesIO(source))
                else:
                    entry.size = source.stat().st_size
                    entry.mode = 0o755 if os.access(source, os.X_OK) else 0o644
                    with source.open("rb") as file:
                        tar.addfile(entry, file)
    return hashing


def scratch_layout(
    layout: Path,
    files: Mapping[str, Path | bytes],
    *,
    entrypoint: list[str],
    user: str,
    env: Iterable[str] = (),
    labels: Mapping[str, str] | None = None,
) -> None:
    """An image of these files (absolute path inside: file or content) and nothing else, as an OCI layout. Programs are
    executable, all is root's and read-only, /tmp is everyone's. The same input gives the same digests. Blocking."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    part = layout / "layer"
    hashing = _write_layer(part, files)
    layer = {"mediaType": _LAYER, "digest": f"sha256:{hashing.hash.hexdigest()}", "size": hashing.size}
    part.rename(blobs / hashing.hash.hexdigest())
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    created = dt.datetime.fromtimestamp(0, dt.UTC).isoformat()
    config = {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": user,
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *env],
            "Entrypoint": entrypoint,
            "WorkingDir": "/",
            "Labels": dict(labels or {}),
        },
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        "history": [{"created": created, "created_by": "okestack local region"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, **_blob(layout, json.dumps(config).encode())},
        "layers": [layer],
    }
    described = {"mediaType": _MANIFEST, **_blob(layout, json.dumps(manifest).encode())}
    (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))


def layout_digest(layout: Path) -> str:
    """The digest of a layout's one manifest."""
    digest: str = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    return digest


async def push_layout(layout: Path, registry: Registry, repository: str, tag: str) -> str:
    """Put a layout's image into a registry, under the region's own authority; its digest. What is there is not sent
    again. Raises ImagesError."""
    blobs = layout / "blobs" / "sha256"
    digest = layout_digest(layout)
    manifest = (blobs / digest.removeprefix("sha256:")).read_bytes()
    document = json.loads(manifest)
    base = f"http://{registry.host}/v2/{repository}"
    try:
        patience = httpx.Timeout(LONG, connect=30.0)
        async with registry.client(repository, actions=("pull", "push"), timeout=patience) as client:
            for blob in [document["config"], *document["layers"]]:
                if (await client.head(f"{base}/blobs/{blob['digest']}")).status_code == 200:
                    continue
                begun = await client.post(f"{base}/blobs/uploads/")
                begun.raise_for_status()
                place = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": blob["digest"]})
                sent = await client.put(
                    place,
                    content=_chunks(blobs / blob["digest"].removeprefix("sha256:")),
                    headers={"Content-Length": str(blob["size"]), "Content-Type": "application/octet-stream"},
                )
                sent.raise_for_status()
            kind = document.get("mediaType", _MANIFEST)
            put = await client.put(f"{base}/manifests/{tag}", content=manifest, headers={"Content-Type": kind})
            put.raise_for_status()
    except (httpx.HTTPError, OSError) as error:
        raise ImagesError(f"{repository}:{tag} could not be pushed to the region's registry: {error}") from error
    return digest


async def _chunks(path: Path) -> Any:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


def clean(cache: Path) -> None:
    """Remove what dead processes have left unfinished in the cache, with the programs that still work on it.
    (mmdebstrap does not end when it is asked to, nor with who started it.)"""
    for path in (cache / "images").glob(".*"):
        owner = next((part for part in path.name.split(".") if part.isdigit()), "")
        if not owner or lives(int(owner)):
            continue
        for session in {_session(number) for number in processes_of(path)} - {0, os.getsid(0)}:
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit() and _session(int(entry.name)) == session:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(entry.name), signal.SIGKILL)
        unmount_below(path)
        _discard(path)


def _session(number: int) -> int:
    try:
        return os.getsid(number)
    except OSError:
        return 0


# -- the images ------------------------------------------------------------------------------------------------------


class Images:
    """Makes the site's images and keeps the region's registry supplied with them, in the background.

    `program(name)` gives a Go program's path, and takes as long as building it does; `building()` says how far that is.
    `credentials`: the operator's, to pull the private application image ahead; `application`: its folder, None when
    this installation has none.
    """

    def __init__(
        self,
        cache: Path,
        *,
        podman: PodmanService,
        registry: Registry,
        program: Callable[[str], Awaitable[Path]],
        building: Callable[[], str] = lambda: "",
        credentials: Callable[[], Credentials] | None = None,
        application: Path | None = EXAMPLES,
        version: str | None = None,
    ) -> None:
        self.folder = cache / "images"
        # Of this process: several regions may share the cache.
        self._scratch_folder = self.folder / f".tmp.{os.getpid()}"
        self.podman = podman
        self.registry = registry
        self.program = program
        self.credentials = credentials
        self.application = application if application is not None and application.is_dir() else None
        self._version = version
        self.building = building
        self._states: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        # One at a time: they share two processors with the cluster that is being made.
        self._turn = asyncio.Lock()
        # The base waits for downloads more than it computes: it holds up nobody.
        self._base_turn = asyncio.Lock()

    def wanted(self) -> list[_Wanted]:
        """What the registry is to have."""
        found = [
            _Wanted(f"{MIRROR}/external-secrets", EXTERNAL_SECRETS_VERSION, self._external_secrets),
            _Wanted(f"{MIRROR}/traefik", TRAEFIK_VERSION, self._traefik),
            _Wanted(f"{MIRROR}/metrics-server", METRICS_SERVER_VERSION, self._metrics_server),
        ]
        if self.application is not None:
            found.insert(0, _Wanted(APPLICATION, self.application_version(), self._application))
        return found

    def application_version(self) -> str:
        """The example application's version, which is its image's tag."""
        assert self.application is not None
        return self._version or application_version(self.application)

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, in the background. What fails is tried again after half a minute, and said by `progress()`."""
        if self._tasks:
            return
        clean(self.folder.parent)
        for each in self.wanted():
            self._say(each.name, "waiting")
            self._tasks.append(asyncio.create_task(self._keep(each), name=f"image {each.name}"))

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        unmount_below(self._scratch_folder)
        _discard(self._scratch_folder)

    async def making(self, name: str) -> str:
        """For people: what an image (`repository:tag`) of the region's own still waits for, how far that is and how
        long it has taken; empty when the registry has it, and for images that are not made here."""
        state = self._states.get(name)
        if state in (None, "pulling", "ready"):
            return ""
        repository, _, tag = name.rpartition(":")
        with contextlib.suppress(httpx.HTTPError):
            if await self.registry.has(repository, tag):
                return ""
        if state == "pushing":
            return f"{name} is being pushed to the region's registry"
        if state == "waiting":
            return self.building() or f"{name} is to be made"
        if state == "making":
            return f"making the image {name}, {human_time(time.monotonic() - self._since.get(name, time.monotonic()))}"
        return f"{name} is not made yet, {state}"

    def _say(self, name: str, state: str) -> None:
        if self._states.get(name) != state:
            self._since[name] = time.monotonic()
        self._states[name] = state

    def progress(self) -> dict[str, str]:
        """Image (`repository:tag`) to `waiting`, `making`, `pushing`, `pulling`, `ready` or the error's text."""
        return dict(self._states)

    async def _keep(self, wanted: _Wanted) -> None:
        while True:
            self._say(wanted.name, "waiting")
            try:
                await self.ensure(wanted)
                return
            except Exception as error:
                self._say(wanted.name, retried_text(error))
                expected = isinstance(error, ImagesError | ProcessError | PodmanError | ProgramError | OSError)
                log.warning("image %s: %s", wanted.name, error, exc_info=not expected)
            await asyncio.sleep(RETRY_SECONDS)

    async def ensure(self, wanted: _Wanted) -> None:
        """Make one image, push it, pull it ahead. What is there already is not made again. Raises ImagesError."""
        layout = await wanted.make()
        async with self._turn:
            self._say(wanted.name, "pushing")
            present = {image.tag: image.digest for image in await self.registry.images(wanted.repository)}
            if present.get(wanted.tag) != layout_digest(layout):
                await push_layout(layout, self.registry, wanted.repository, wanted.tag)
            self._say(wanted.name, "pulling")
            with contextlib.suppress(PodmanError):
                # Ahead of the first pod; when it fails, that pod says why.
                reference = f"lcl.ocir.okestack.test/{wanted.name}"
                keys = self.credentials() if self.credentials is not None else None
                await self.podman.client.pull(reference, credentials=keys, always=True)
        self._say(wanted.name, "ready")

    async def _once(self, name: str, key: str, make: Callable[[Path], Awaitable[None]]) -> Path:
        """`<cache>/images/<name>-<key>`, made by `make(path)` when it is not there. Older ones of the name go away when
        they have not been used for a week."""
        path = self.folder / f"{name}-{key}"
        if path.exists():
            os.utime(path)
            return path
        async with self._base_turn if name == "base" else self._turn:
            for state in self._states:
                if state.rpartition("/")[2].startswith("crud:" if name == "base" else f"{name}:"):
                    self._say(state, "making")
            self.folder.mkdir(parents=True, exist_ok=True)
            new = self.folder / f".{name}-{key}.{os.getpid()}"
            _discard(new)
            try:
                await make(new)
                if not path.exists():
                    new.rename(path)
            finally:
                _discard(new)
        for old in self.folder.glob(f"{name}-*"):
            if old != path and time.time() - old.stat().st_mtime > 7 * 86400:
                _discard(old)
        return path

    # -- each of them -----------------------------------------------------------------------------------------------

    async def _external_secrets(self) -> Path:
        return await self._scratch("external-secrets", "/bin/external-secrets", EXTERNAL_SECRETS_VERSION)

    async def _traefik(self) -> Path:
        return await self._scratch("traefik", "/usr/local/bin/traefik", TRAEFIK_VERSION)

    async def _metrics_server(self) -> Path:
        return await self._scratch("metrics-server", "/metrics-server", METRICS_SERVER_VERSION)

    async def _scratch(self, name: str, inside: str, version: str) -> Path:
        program = (await self.program(name)).resolve()
        entry = program.stat()
        key = content_key(REVISION, inside, str(program), str(entry.st_size), str(entry.st_mtime_ns), version)
        files: dict[str, Path | bytes] = {
            inside: program,
            "/etc/ssl/certs/ca-certificates.crt": _AUTHORITIES,
            "/etc/passwd": f"root:x:0:0:root:/:/\nnonroot:x:{_NONROOT}:{_NONROOT}:nonroot:/tmp:/\n".encode(),
            "/etc/group": f"root:x:0:\nnonroot:x:{_NONROOT}:\n".encode(),
            # Go's resolver reads it: names of the pod's own hosts file come first.
            "/etc/nsswitch.conf": b"hosts: files dns\n",
        }

        async def make(path: Path) -> None:
            labels = {"org.opencontainers.image.title": name, "org.opencontainers.image.version": version}
            await asyncio.to_thread(
                scratch_layout,
                path,
                files,
                entrypoint=[inside],
                user=f"{_NONROOT}:{_NONROOT}",
                labels=labels,
            )

        return await self._once(name, key, make)

    async def base(self) -> Path:
        """The root file system of the application's base image, as a tar archive."""

        async def make(path: Path) -> None:
            # mmdebstrap takes the format from the name.
            tar = path.with_name(f"{path.name}.tar")
            command = ["nice", "-n", "5", "mmdebstrap", "--quiet", "--variant=essential"]
            command += [f"--include={','.join(BASE_PACKAGES)}", "--aptopt=Acquire::Retries 3"]
            # Documentation, manuals and translations: a third of the size.
            for pattern in ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"):
                command.append(f"--dpkgopt=path-exclude={pattern}")
            try:
                # Its chroot is made beside the archive: what a kill leaves of it is found there.
                self._scratch_folder.mkdir(exist_ok=True)
                env = {**os.environ, "TMPDIR": str(self._scratch_folder)}
                await run([*command, SUITE, str(tar)], env=env, timeout=LONG, tied=True)
                tar.rename(path)
            except ProcessError as error:
                raise ImagesError(f"the application's base image could not be made: {error}") from error
            finally:
                tar.unlink(missing_ok=True)

        return await self._once("base", base_key(), make)

    async def _application(self) -> Path:
        assert self.application is not None
        source = self.application
        key = application_key(source, self._version)
        path = self.folder / f"crud-{key}"
        if path.exists():
            return await self._once("crud", key, _never)
        base = await self.base()

        async def make(path: Path) -> None:
            context = path.with_name(f"{path.name}.context")
            _discard(context)
            try:
                await self._build(context, base, path, key)
            finally:
                _discard(context)

        return await self._once("crud", key, make)

    async def _build(self, context: Path, base: Path, path: Path, key: str) -> None:
        """The application's image by its own Containerfile, from a copy of its folder, as a layout at `path`."""
        assert self.application is not None
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        await asyncio.to_thread(shutil.copytree, self.application, context, ignore=ignore)
        try:
            env = {**os.environ, "PYTHON": sys.executable}
            await run(["bash", str(context / "vendor.sh")], env=env, timeout=LONG, tied=True)
        except ProcessError as error:
            raise ImagesError(f"the application's libraries could not be installed: {error}") from error
        base_image = f"localhost/okestack/base:{base_key()}"
        if await self.podman.client.image(base_image) is None:
            await self.podman.client.import_tar(base, base_image, changes=['CMD ["python3"]'])
        tag = f"localhost/okestack/crud:{key}"
        try:
            await self.podman.build(context, context / "Containerfile", tag, arguments={"BASE_IMAGE": base_image})
            command = ["podman", "save", "--quiet", "--uncompressed", "--format", "oci-dir", "--output", str(path), tag]
            await run(command, env=self.podman.environment, timeout=LONG, tied=True)
        except ProcessError as error:
            raise ImagesError(f"the application's image could not be built: {error}") from error
        await self.podman.client.remove_image(tag)


async def _never(path: Path) -> None:
    raise AssertionError(f"{path} is there")


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
