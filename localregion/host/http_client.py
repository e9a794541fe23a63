# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP clients of the region's own parts: they never go through a proxy, and may go through a unix socket."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx

# A log line for each request helps nobody.
logging.getLogger("httpx").setLevel(logging.WARNING)


def http_client(
    base_url: str = "",
    *,
    timeout: httpx.Timeout | float = 5.0,
    limits: httpx.Limits | None = None,
    socket: Path | None = None,
    tls: ssl.SSLContext | None = None,
    source: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.AsyncClient:
    """A client. ``timeout`` in seconds; ``source`` is an address of this machine to connect from."""
    transport = httpx.AsyncHTTPTransport(
        verify=tls or True,
        limits=limits or httpx.Limits(max_connections=100, max_keepalive_connections=20),
        uds=str(socket) if socket else None,
        local_address=source,
        trust_env=False,
    )
    return httpx.AsyncClient(base_url=base_url, transport=transport, timeout=timeout, headers=headers, trust_env=False)
