# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this folder need to find programs and places."""

from __future__ import annotations

import socket

ADDRESS = "127.84.0.1"
TOKEN = "token-of-the-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
