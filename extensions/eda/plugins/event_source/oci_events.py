# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An event source of ansible-rulebook: what OCI's Events service tells of changes, by a webhook of Notifications."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession, web

DOCUMENTATION = r"""
---
short_description: Changes that OCI's Events service tells of
description:
  - Listens for what a topic of OCI Notifications posts to a subscription of the protocol HTTPS (custom URL).
  - Confirms the subscription, and gives one event for each part of the site that was changed, once it has been quiet
    for a moment.
  - The event holds C(oci.part), a tag of site.yml (V(network), V(vault_secret), V(mysql), V(oke_virtual_pool),
    V(app_ingress)), and C(oci.events), what was received.
  - A rule of the Events service sends to the topic what happens in the compartment.
options:
  host: {description: The address to listen on., type: str, default: 0.0.0.0}
  port: {description: The port to listen on., type: int, required: true}
  token:
    description: What the subscription's URL ends with (C(https://HOST/events?token=TOKEN)). Who has another is refused.
    type: str
    required: true
  deployment:
    description: The value of the tag C(okestack-deployment). Resources that carry another are passed over.
    type: str
  settle_seconds: {description: How long it must be quiet., type: float, default: 1}
  settle_at_most: {description: For how long events are held back where it is never quiet., type: float, default: 5}
  confirmation_hosts:
    description: Ends of host names that a confirmation may lead to.
    type: list
    elements: str
    default: [.oraclecloud.com]
"""

EXAMPLES = r"""
- okestack.oci.oci_events:
    port: 5000
    token: "{{ OKESTACK_EVENTS_TOKEN }}"
    deployment: shop
"""

PARTS = (
    ("virtualnetwork", "network"),
    ("networkloadbalancer", "app_ingress"),
    ("loadbalancer", "app_ingress"),
    ("mysql", "mysql"),
    ("heatwave", "mysql"),
    ("cluster", "oke_virtual_pool"),
    ("containerengine", "oke_virtual_pool"),
    ("virtualnode", "oke_virtual_pool"),
    ("keymanagement", "vault_secret"),
    ("kms", "vault_secret"),
    ("vault", "vault_secret"),
    ("secret", "vault_secret"),
)
"""How the service in an event's type begins, in lower case, and the tag of site.yml that keeps its resources."""
LARGEST = 1_000_000
"""Bytes of a message; Notifications sends 64 KiB at most."""


def part_of(event: Mapping[str, Any], deployment: str | None = None) -> str | None:
    """The part of the site that an event tells of; None: of none, or of another deployment.

    `com.oraclecloud.virtualnetwork.updatesubnet` tells of the network. What has begun is reported again at its end.
    """
    name = str(event.get("eventType", "")).lower()
    if name.endswith(".begin"):
        return None
    service = name.removeprefix("com.oraclecloud.").partition(".")[0]
    data = event.get("data")
    tags = (data.get("freeformTags") or {}) if isinstance(data, Mapping) else {}
    of = tags.get("okestack-deployment") if isinstance(tags, Mapping) else None
    if deployment and of and of != deployment:
        return None
    return next((part for prefix, part in PARTS if service.startswith(prefix)), None)


def events_in(body: bytes) -> list[dict[str, Any]]:
    """The events of a message. Raises ValueError where it is not one."""
    read = json.loads(body)
    rows = read if isinstance(read, list) else [read]
    if not all(isinstance(one, dict) and isinstance(one.get("eventType"), str) for one in rows):
        raise ValueError("not an event of OCI")
    return rows


class Source:
    """Receives messages and gives what they tell of, part by part."""

    def __init__(self, queue: asyncio.Queue[dict[str, Any]], args: Mapping[str, Any]) -> None:
        self.queue = queue
        self.token = str(args["token"])
        if not self.token:
            raise ValueError("token: is empty, so that anybody could start a repair")
        self.deployment = args.get("deployment") or None
        self.quiet = float(args.get("settle_seconds", 1))
        self.at_most = float(args.get("settle_at_most", 5))
        self.hosts: tuple[str, ...] = tuple(args.get("confirmation_hosts") or (".oraclecloud.com",))
        self.held: dict[str, list[dict[str, Any]]] = {}
        self.first = self.last = 0.0
        self.came = asyncio.Event()

    async def received(self, request: web.Request) -> web.Response:
        """One message of a topic, or its question whether the subscription is wanted."""
        if not hmac.compare_digest(request.query.get("token", "").encode(), self.token.encode()):
            return web.Response(status=401)
        confirmation = request.headers.get("X-OCI-NS-ConfirmationURL")
        if confirmation:
            return await self._confirm(confirmation)
        try:
            events = events_in(await request.read())
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        self.hold(events)
        return web.Response(status=200)

    async def _confirm(self, url: str) -> web.Response:
        """Follows the link where it leads to the service: anybody with the token could send the request."""
        parts = urlsplit(url)
        if parts.scheme != "https" or not (parts.hostname or "").endswith(self.hosts):
            return web.Response(status=400, text="the confirmation does not lead to the service")
        async with ClientSession() as session, session.get(url) as answer:
            return web.Response(status=200 if answer.status < 400 else 502)

    def hold(self, events: Iterable[dict[str, Any]]) -> None:
        """Keep events until it is quiet."""
        for event in events:
            part = part_of(event, self.deployment)
            if part:
                self.first = self.first if self.held else time.monotonic()
                self.last = time.monotonic()
                self.held.setdefault(part, []).append(event)
                self.came.set()

    def left(self) -> float:
        """Seconds until it is quiet, or has been noisy for too long."""
        return min(self.last + self.quiet, self.first + self.at_most) - time.monotonic()

    async def give(self) -> None:
        """Hand on what is held, again and again. Never returns."""
        while True:
            await self.came.wait()
            left = self.left()
            while left > 0:
                await asyncio.sleep(left)
                left = self.left()
            self.came.clear()
            held, self.held = self.held, {}
            for part, events in held.items():
                await self.queue.put({"oci": {"part": part, "events": events}})


async def main(queue: asyncio.Queue[dict[str, Any]], args: dict[str, Any]) -> None:
    """What ansible-rulebook calls: ends when it is cancelled."""
    source = Source(queue, args)
    application = web.Application(client_max_size=LARGEST)
    application.router.add_post("/events", source.received)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, args.get("host") or "0.0.0.0", int(args["port"])).start()
        await source.give()
    finally:
        await runner.cleanup()
