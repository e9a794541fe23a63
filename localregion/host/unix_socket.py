"""A connection to a socket in a folder of any depth: a path may be longer than what a socket's address holds."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[socket.socket]:
    """A socket that is connected to the one at the path, closed at the end. Raises OSError."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    made = socket.socket(socket.AF_UNIX)
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, f"/proc/self/fd/{folder}/{path.name}")
        yield made
    finally:
        made.close()
        os.close(folder)
