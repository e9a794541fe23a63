"""Network namespaces by system call: made, entered for a socket, emptied and removed.

A namespace is a file `/run/netns/NAME`, as `ip netns` has them, so `ip -n NAME` and `nsenter --net=` work. The folder
is made a shared mount first, as `ip netns add` does: done later, by anybody, it would cover the names that are there.

All functions block for well under a millisecond unless they say otherwise. Linux, root.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

FOLDER = Path("/run/netns")

_CLONE_FS = 0x200
_CLONE_NEWNS = 0x20000
_CLONE_NEWNET = 0x40000000
_MS_BIND = 4096
_MS_REC = 16384
_MS_PRIVATE = 1 << 18
_MS_SHARED = 1 << 20
_MNT_DETACH = 2
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1

_T = TypeVar("_T")
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def in_thread(function: Callable[[], _T]) -> _T:
    """Run a function in a thread of its own and wait for it: a namespace entered there ends with the thread."""
    result: list[_T] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            result.append(function())
        except BaseException as error:  # handed to the caller
            failure.append(error)

    thread = threading.Thread(target=body, name="netns", daemon=True)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


def enter(name: str) -> None:
    """Move the calling thread, and threads and processes that it starts, into a namespace. Raises OSError."""
    handle = os.open(FOLDER / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(handle, _CLONE_NEWNET), f"entering the network namespace {name}")
    finally:
        os.close(handle)


def inside(name: str, function: Callable[[], _T]) -> _T:
    """Run a function in a thread that is in the namespace. Raises FileNotFoundError if it does not exist."""

    def body() -> _T:
        enter(name)
        return function()

    return in_thread(body)


def exists(name: str) -> bool:
    """Whether there is a namespace of this name (not a file without its mount, left by a crash)."""
    path = FOLDER / name
    return path.exists() and os.path.ismount(path)


def _share_folder() -> None:
    """The folder of namespaces, as a mount that is shared with other mount namespaces."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = os.fsencode(FOLDER)
    if _libc.mount(b"", folder, b"none", _MS_SHARED | _MS_REC, None) != 0:
        # It is not a mount yet.
        _check(_libc.mount(folder, folder, b"none", _MS_BIND | _MS_REC, None), f"mounting {FOLDER}")
        _check(_libc.mount(b"", folder, b"none", _MS_SHARED | _MS_REC, None), f"sharing {FOLDER}")


def create(name: str, sysctls: Mapping[str, str]) -> None:
    """A new namespace with its loopback up and these sysctls (`net.ipv4.ip_forward`); those that the kernel
    lacks are skipped. Does nothing when it exists."""
    if exists(name):
        return
    _share_folder()
    path = FOLDER / name
    path.touch(mode=0o444)

    def body() -> None:
        _check(_libc.unshare(_CLONE_NEWNET), "making a network namespace")
        source = f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"
        _check(
            _libc.mount(source.encode(), os.fsencode(path), b"none", _MS_BIND, None),
            f"keeping the network namespace {name}",
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            request = struct.pack("16sh14x", b"lo", 0)
            flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
            fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
        for key, value in sysctls.items():
            # This thread's namespace is the one that /proc/sys/net shows.
            with contextlib.suppress(FileNotFoundError):
                Path("/proc/sys", *key.split(".")).write_text(value)

    try:
        in_thread(body)
    except BaseException:
        remove(name)
        raise


def remove(name: str) -> None:
    """Remove a namespace; its interfaces go with it when the last process and socket in it have gone."""
    path = FOLDER / name
    # A daemon that was killed at the wrong moment may have mounted twice.
    while os.path.ismount(path):
        _check(_libc.umount2(os.fsencode(path), _MNT_DETACH), f"removing the network namespace {name}")
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        in_thread(lambda: _remove_covered(path))


def _remove_covered(path: Path) -> None:
    """Remove a name whose mount lies below another mount of the folder. For a thread of its own.

    What covers it is taken away in a mount namespace of this thread's own. There the file is a mount point no more, so
    that it can be removed; the kernel then detaches its mounts in every other mount namespace.
    """
    _check(_libc.unshare(_CLONE_NEWNS | _CLONE_FS), "making a mount namespace")
    _check(_libc.mount(b"", b"/", b"none", _MS_PRIVATE | _MS_REC, None), "keeping its mounts private")
    for place in (FOLDER, path):
        # A folder mounted over itself does not look like a mount: until there is none left (EINVAL).
        while _libc.umount2(os.fsencode(place), _MNT_DETACH) == 0:
            pass
    path.unlink(missing_ok=True)


def matching(pattern: re.Pattern[str]) -> list[str]:
    """Names of namespaces (and of left-over files) that match as a whole."""
    if not FOLDER.is_dir():
        return []
    return sorted(entry.name for entry in FOLDER.iterdir() if pattern.fullmatch(entry.name))


def processes(names: Iterable[str]) -> list[int]:
    """Ids of the processes whose main thread is in one of these namespaces; never our own."""
    inodes = set()
    for name in names:
        with contextlib.suppress(OSError):
            inodes.add((FOLDER / name).stat().st_ino)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if (entry / "ns/net").stat().st_ino in inodes:
                    found.append(int(entry.name))
    return found


def kill_processes(names: Iterable[str], *, timeout: float = 5.0) -> None:
    """Kill every process in these namespaces. Blocks until they are gone, at most `timeout` seconds."""
    known = list(names)
    deadline = time.monotonic() + timeout
    while remaining := processes(known):
        for number in remaining:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


def socket_in(
    name: str, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, *, blocking: bool = False
) -> socket.socket:
    """A socket that belongs to the namespace, usable from any thread afterwards."""

    def make() -> socket.socket:
        # asyncio sets TCP_NODELAY only on sockets that name their protocol: without it a call takes 44 ms.
        internet = family in (socket.AF_INET, socket.AF_INET6)
        protocol = socket.IPPROTO_TCP if internet and kind == socket.SOCK_STREAM else 0
        made = socket.socket(family, kind, protocol)
        made.setblocking(blocking)
        return made

    return inside(name, make)


def listen_in(name: str, address: str, port: int, *, backlog: int = 1024) -> socket.socket:
    """A listening TCP socket at an address of the namespace (for asyncio's or uvicorn's `sock`). Raises OSError."""
    made = socket_in(name)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen(backlog)
    except BaseException:
        made.close()
        raise
    return made
