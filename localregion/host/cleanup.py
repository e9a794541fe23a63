"""What a killed daemon may leave behind: processes, control groups and mounts, found by the region's names."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Collection
from pathlib import Path


def _quiet_read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _hierarchies() -> list[Path]:
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [root]
    return [path for path in root.iterdir() if path.is_dir()] if root.exists() else []


def cgroup_processes(parent: str) -> list[int]:
    """Processes in any cgroup at or below `parent`, in whatever hierarchy."""
    found: set[int] = set()
    for hierarchy in _hierarchies():
        top = hierarchy / parent.strip("/")
        if not top.is_dir():
            continue
        for folder, _, _ in os.walk(top):
            for number in _quiet_read(Path(folder) / "cgroup.procs").split():
                found.add(int(number))
    found.discard(os.getpid())
    return sorted(found)


def remove_cgroups(parent: str) -> None:
    """Remove the cgroups of the region; those with a process stay."""
    for hierarchy in _hierarchies():
        top = hierarchy / parent.strip("/")
        if not top.is_dir():
            continue
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()


def processes_of(*folders: Path, programs: Collection[str] | None = None) -> list[int]:
    """Processes (of these programs, if given) whose command line or environment names one of the folders; never our
    own."""
    needles = [str(folder) for folder in folders]
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        words = _quiet_read(entry / "cmdline").split("\0")
        if programs is not None and Path(words[0]).name not in programs:
            continue
        text = "\0".join(words) + "\0" + _quiet_read(entry / "environ")
        if any(_names(needle, text) for needle in needles):
            found.append(int(entry.name))
    return found


def _names(folder: str, text: str) -> bool:
    """Whether a text names the folder or something below it (not a sibling whose name begins alike)."""
    position = text.find(folder)
    while position >= 0:
        following = text[position + len(folder) : position + len(folder) + 1]
        if following in ("", "/", "\0", " ", ":", ","):
            return True
        position = text.find(folder, position + 1)
    return False


def kill(number: int) -> None:
    """Kill a process; nothing if it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(number, signal.SIGKILL)


def wait_gone(remaining: Callable[[], list[int]], seconds: float = 5.0) -> None:
    """Wait until no process remains, but not longer."""
    deadline = time.monotonic() + seconds
    while remaining() and time.monotonic() < deadline:
        time.sleep(0.02)


def unmount_below(*folders: Path) -> None:
    """Unmount everything at or below the folders, innermost first; detached when busy."""
    points = []
    for line in _quiet_read(Path("/proc/self/mountinfo")).splitlines():
        point = line.split(" ")[4].encode().decode("unicode_escape")
        if any(point == str(folder) or point.startswith(f"{folder}/") for folder in folders):
            points.append(point)
    for point in sorted(points, key=len, reverse=True):
        unmount(Path(point))


def unmount(path: Path) -> None:
    """Detach a mount, if there is one."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.umount2(str(path).encode(), 2)  # MNT_DETACH
