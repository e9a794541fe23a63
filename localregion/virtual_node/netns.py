# SPDX-License-Identifier: GPL-3.0-or-later
"""Entering the region's network namespace.

The process is started in the host's namespace. Its main thread enters the region's before anything opens a socket: the
API server, probes and kubelet's ports are then ordinary sockets. Unix sockets (podman, the daemon) know no network
namespace.
"""

from __future__ import annotations

import ctypes
import os

from localregion.host.process import NETNS

_CLONE_NEWNET = 0x40000000


def enter(name: str) -> None:
    """Move the calling thread, and threads and processes it starts, into a named namespace. Raises OSError."""
    path = NETNS / name
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(handle, _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(path))
    finally:
        os.close(handle)
