"""Which system calls a container may make: the distribution's profile, without those that lead out of a container.

Debian's profile (containers/common) lets everybody make user namespaces, so that containers can be run inside of
containers. In a namespace of its own a process has all capabilities there, whatever its container was refused. Root's
keyrings and the kernel's log are the host's: no namespace divides them.
"""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

DEFAULT = Path("/usr/share/containers/seccomp.json")
"""Comes with podman (package golang-github-containers-common)."""

# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET.
_NEW_NAMESPACES = 0x7E020000
_BY_FLAGS = ("clone", "unshare")
"""Calls whose first argument says what they make. On s390 it is clone's second: the region does not run there."""
_UNREADABLE = "clone3"
"""Its flags are in memory, where no filter looks: it is not there, and the C library takes clone."""
_REFUSED = (
    "setns", "mount", "umount", "umount2", "pivot_root", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount",
    "open_tree", "mount_setattr", "add_key", "keyctl", "request_key", "syslog",
)  # fmt: skip


def profile(base: dict[str, Any]) -> dict[str, Any]:
    """A distribution's profile, narrowed: no namespaces and mounts, no keyrings, no kernel log."""
    narrowed = {*_BY_FLAGS, _UNREADABLE, *_REFUSED}
    rules = [{**rule, "names": [name for name in rule["names"] if name not in narrowed]} for rule in base["syscalls"]]
    plain = {"index": 0, "value": _NEW_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    new = [
        {"names": list(_BY_FLAGS), "action": "SCMP_ACT_ALLOW", "args": [plain]},
        {"names": list(_REFUSED), "action": "SCMP_ACT_ERRNO", "args": [], "errnoRet": errno.EPERM},
        {"names": [_UNREADABLE], "action": "SCMP_ACT_ERRNO", "args": [], "errnoRet": errno.ENOSYS},
    ]
    return {**base, "syscalls": [rule for rule in rules if rule["names"]] + new}


def write_profile(path: Path, base: Path = DEFAULT) -> None:
    """Write the containers' profile. Raises OSError when the distribution's is not there."""
    path.write_text(json.dumps(profile(json.loads(base.read_text()))))
