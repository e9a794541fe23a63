# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this folder need to find programs and places."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

ADDRESS = "127.84.0.1"
TOKEN = "token-of-the-tests"


def program(name: str) -> str:
    """Path of a program of the region's: PATH, else its cache."""
    cache = Path(os.environ.get("OKESTACK_CACHE", "~/.cache/okestack")).expanduser() / "programs" / "current"
    found = shutil.which(name) or shutil.which(name, path=str(cache))
    if not found:
        pytest.skip(f"{name} is not built yet (localregion programs build)")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
