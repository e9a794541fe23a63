"""Whether this machine can run a region, and what to do when it cannot: all of it at once, before anything starts.

`check(settings)` gives the problems, `require(settings)` raises them as one message; `install()` installs the system
packages with apt, and starts no service while doing so. Used by `localregion up` and the Makefile
(`python -m localregion.host.prerequisites [install|check]`, which needs nothing but Python).
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PACKAGES", "Problem", "SystemUnfit", "check", "install", "listener", "missing_packages", "require", "room"]

PACKAGES: dict[str, tuple[str, ...]] = {
    "podman": ("podman",),
    "runc": ("runc",),
    "conmon": ("conmon",),
    "netavark": ("/usr/lib/podman/netavark",),
    "catatonit": ("catatonit",),
    "iptables": ("iptables", "iptables-save"),
    "nftables": ("nft",),
    "iproute2": ("ip", "ss"),
    "util-linux": ("nsenter", "setpriv"),
    "mariadb-server-core": ("mariadbd", "mysql_install_db"),
    "mariadb-client": ("mariadb", "mariadb-dump"),
    "haproxy": ("haproxy",),
    "docker-registry": ("docker-registry",),
    "mmdebstrap": ("mmdebstrap",),
    "ca-certificates": ("/etc/ssl/certs/ca-certificates.crt",),
}
"""Debian packages, and the programs (or files) each must have brought."""

_SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_GIB = 1024**3
_MEMORY = 5 * _GIB

# What a first run puts where, as measured with `du` on Debian 12, and half as much again.
_STATE_ROOM = 2 * _GIB
_CACHE_ROOM = 2 * _GIB
_GO_BUILD_ROOM = 4 * _GIB
_GO_MODULES_ROOM = 5 * _GIB


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a region from running here, and what to do about it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}\n    {self.remedy}"


class SystemUnfit(Exception):
    """This machine cannot run the region; `problems` says why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"The local region cannot run on this machine:\n{lines}")


def _program(name: str) -> bool:
    if name.startswith("/"):
        return Path(name).exists()
    search = os.environ.get("PATH", "").split(":") + list(_SYSTEM_PATH)
    return shutil.which(name, path=":".join(search)) is not None


def missing_packages() -> list[str]:
    """Packages whose programs are not there."""
    return [package for package, programs in PACKAGES.items() if not all(_program(name) for name in programs)]


def apt_command(packages: Iterable[str]) -> str:
    """What a person would type; `make system` does the same without starting services."""
    return f"apt-get install --no-install-recommends {' '.join(packages)}"


def _platform() -> list[Problem]:
    problems = []
    if platform.system() != "Linux":
        remedy = "Use a Linux machine (or a virtual one); Debian 12 is what it is tested on."
        return [Problem(f"it runs {platform.system()}, and network namespaces are Linux's", remedy)]
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is run before anything is installed
        version = platform.python_version()
        problems.append(Problem(f"Python is {version}", "Python 3.11 or later is needed: apt-get install python3"))
    if os.geteuid() != 0:
        problems.append(
            Problem(
                "it is not run by root", "Run the same command with sudo, or as root: namespaces and mounts need it."
            )
        )
    return problems


def _programs() -> list[Problem]:
    missing = missing_packages()
    if not missing:
        return []
    remedy = f"Run: {apt_command(missing)}" if shutil.which("apt-get") else f"Install {', '.join(missing)}."
    absent = [name for package in missing for name in PACKAGES[package] if not _program(name)]
    return [Problem(f"programs are missing: {', '.join(absent)}", remedy)]


def _kernel() -> list[Problem]:
    """What the kernel must have, found by using it where that leaves nothing."""
    problems = []
    filesystems = _read("/proc/filesystems").split()
    if "overlay" not in filesystems and not _modprobe("overlay"):
        problems.append(Problem("the kernel has no overlay file system", "Run: modprobe overlay"))
    if not Path("/sys/fs/cgroup").is_dir() or not (
        Path("/sys/fs/cgroup/cgroup.controllers").exists() or Path("/sys/fs/cgroup/memory").exists()
    ):
        problems.append(
            Problem("no cgroups at /sys/fs/cgroup", "Mount them: systemd does, a container may not have them.")
        )
    if os.geteuid() == 0 and all(_program(name) for name in ("unshare", "ip", "iptables")):
        tests = {
            "network namespaces": "true",
            "bridges": "ip link add t0 type bridge",
            "veth pairs": "ip link add t1 type veth peer name t2",
            "NAT by iptables": "iptables -t nat -A POSTROUTING -m comment --comment t -j MASQUERADE",
        }
        for what, line in tests.items():
            done = subprocess.run(
                ["unshare", "--net", "sh", "-c", line],
                capture_output=True,
                text=True,
                env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{':'.join(_SYSTEM_PATH)}"},
            )
            if done.returncode != 0:
                said = done.stderr.strip().splitlines()[-1:] or ["no message"]
                remedy = "Use a machine with a complete kernel, root with CAP_NET_ADMIN and CAP_SYS_ADMIN."
                problems.append(Problem(f"no {what} here: {said[0]}", remedy))
                break
    return problems


def _modprobe(name: str) -> bool:
    with contextlib.suppress(OSError):
        return subprocess.run(["modprobe", name], capture_output=True).returncode == 0
    return False


def _addresses(addresses: Iterable[tuple[str, int]]) -> list[Problem]:
    problems = []
    for address, port in addresses:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((address, port))
                attempt.listen(1)
            except OSError as error:
                holder = listener(address, port)
                by = f" by {holder}" if holder else ""
                problems.append(
                    Problem(
                        f"{address}:{port} is taken{by} ({error.strerror})",
                        "End what uses it, or choose other addresses: OKESTACK_NETWORK=127.N.0.0/16, OKESTACK_PORT=N.",
                    )
                )
    return problems


def listener(address: str, port: int) -> str:
    """Name and id of the process that listens there, if known."""
    with contextlib.suppress(OSError):
        done = subprocess.run(["ss", "-H", "-l", "-n", "-t", "-p", f"sport = :{port}"], capture_output=True, text=True)
        for line in done.stdout.splitlines():
            local = line.split()[3] if len(line.split()) > 3 else ""
            if local.startswith((f"{address}:", "0.0.0.0:", "*:", "[::]:")) and 'users:(("' in line:
                name, _, rest = line.partition('users:(("')[2].partition('"')
                return f"{name} (process {rest.partition('pid=')[2].partition(',')[0]})"
    return ""


def room(state: Path, cache: Path, *, build: bool) -> dict[Path, int]:
    """Folder -> the bytes that a first run puts into it. `build`: whether programs have to be built, which fills Go's
    own caches too."""
    wanted = {state: _STATE_ROOM}
    if build:
        home = Path(os.environ.get("HOME") or cache)
        go = Path(os.environ.get("GOPATH") or home / "go")
        caches = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
        wanted[cache] = _CACHE_ROOM
        wanted[Path(os.environ.get("GOCACHE") or caches / "go-build")] = _GO_BUILD_ROOM
        wanted[Path(os.environ.get("GOMODCACHE") or go / "pkg" / "mod")] = _GO_MODULES_ROOM
    return wanted


def _disks(wanted: Mapping[Path, int]) -> list[Problem]:
    """File systems without the room for all that goes into them. What is in a folder already is part of its room."""
    disks: dict[int, list[tuple[Path, Path, int]]] = {}
    for folder, size in wanted.items():
        there = folder
        while not there.exists():
            there = there.parent
        if there == folder and not folder.is_dir():
            continue  # said elsewhere
        disks.setdefault(there.stat().st_dev, []).append((folder, there, size))
    problems = []
    for folders in disks.values():
        needed = sum(max(0, size - _used(folder, size)) for folder, _there, size in folders)
        free = shutil.disk_usage(folders[0][1]).free
        if free < needed:
            names = ", ".join(f"{folder} ({size / _GIB:.0f} GiB)" for folder, _there, size in folders)
            problems.append(
                Problem(
                    f"{free / _GIB:.1f} GiB are free where {needed / _GIB:.1f} GiB are needed: {names}",
                    "Make room, or name folders elsewhere: OKESTACK_STATE, OKESTACK_CACHE, GOCACHE, GOMODCACHE.",
                )
            )
    return problems


def _used(folder: Path, enough: int) -> int:
    """Bytes in a folder, counted until there are enough."""
    total = 0
    for place, _folders, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_blocks * 512
        if total >= enough:
            break
    return total


def _resources(folders: Mapping[Path, int]) -> list[Problem]:
    problems = []
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:") and int(line.split()[1]) * 1024 < _MEMORY:
            memory = int(line.split()[1]) / 1024**2
            problems.append(Problem(f"it has {memory:.1f} GiB of memory", "5 GiB are needed, 8 to build the programs."))
    for folder in folders:
        if folder.exists() and not folder.is_dir():
            problems.append(
                Problem(f"{folder} is not a folder", "Remove it, or set OKESTACK_STATE and OKESTACK_CACHE.")
            )
    return problems + _disks(folders)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def check(
    *,
    listen: Iterable[tuple[str, int]] = (),
    folders: Mapping[Path, int] | None = None,
    programs: bool = True,
) -> list[Problem]:
    """Everything that keeps a region from running here; empty when nothing does.

    `listen`: addresses and ports of the host that it will use (leave out those of a region that runs); `folders`: see
    `room`. Takes 50 ms, changes nothing."""
    problems = _platform()
    if platform.system() != "Linux":
        return problems
    if programs:
        problems += _programs()
    return problems + _kernel() + _addresses(listen) + _resources(folders or {})


def require(
    *, listen: Iterable[tuple[str, int]] = (), folders: Mapping[Path, int] | None = None, programs: bool = True
) -> None:
    """Raise SystemUnfit, which lists every problem, when there is any."""
    if problems := check(listen=listen, folders=folders, programs=programs):
        raise SystemUnfit(problems)


def install(packages: Sequence[str] | None = None) -> list[str]:
    """Install what is missing with apt, as root, without starting any service, now or at a boot; what was installed. A
    service that was there before is left as it was. Raises SystemUnfit when it cannot be done, with the command to
    type."""
    wanted = list(packages) if packages is not None else missing_packages()
    if not wanted:
        return []
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SystemUnfit(_programs() or [Problem("packages are missing", apt_command(wanted))])
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", *wanted]
    print(f"installing {len(wanted)} system packages with apt: {', '.join(wanted)}", flush=True)
    with _no_services():
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            # The lists may be old or absent.
            subprocess.run(["apt-get", "update", "--quiet"], env=environment, capture_output=True)
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        said = "\n    ".join(done.stderr.strip().splitlines()[-5:])
        raise SystemUnfit([Problem(f"apt-get could not install {', '.join(wanted)}:\n    {said}", apt_command(wanted))])
    still = missing_packages()
    if still:
        raise SystemUnfit(_programs())
    return wanted


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Debian's packages start their services when they are configured, unless this file says that they may not; and
    they have them started at each boot, unless the link that does it is removed again."""
    before = _started_at_boot()
    try:
        with _policy():
            yield
    finally:
        for link in _started_at_boot() - before:
            link.unlink(missing_ok=True)


def _started_at_boot() -> set[Path]:
    """systemd's links to what it starts."""
    units = Path("/etc/systemd/system")
    return {link for kind in ("wants", "requires") for link in units.glob(f"*.{kind}/*")}


@contextlib.contextmanager
def _policy() -> Iterator[None]:
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        # Someone's own policy: left alone.
        yield
        return
    policy.write_text("#!/bin/sh\n# Made for the installation of packages for okestack's local region.\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m localregion.host.prerequisites install|check`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given not in (["install"], ["check"]):
        print("usage: python -m localregion.host.prerequisites install|check", file=sys.stderr)
        return 2
    try:
        if given == ["install"]:
            if problems := _platform():
                raise SystemUnfit(problems)
            installed = install()
            print(f"installed {', '.join(installed)}" if installed else "system packages: all there")
        else:
            require()
            print("this machine can run the local region")
    except SystemUnfit as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
