# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs behind load balancers: an HAProxy in the VNIC of each, and relays from the host to its public address."""

from __future__ import annotations

import asyncio

from localregion.backends.fabric import FabricError
from localregion.backends.haproxy import Haproxy, HaproxyError
from localregion.core.errors import ServiceError, not_found
from localregion.core.store import Record
from localregion.services import lookup
from localregion.services.base import Part, Service


class RunningBalancers(Part):
    """Starts and ends proxies. A `pure` region has none."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._proxies: dict[str, Haproxy] = {}
        self._exposed: dict[str, set[int]] = {}

    def _proxy(self, balancer: Record) -> Haproxy:
        if balancer.id not in self._proxies:
            vnic = lookup.network(self.region).vnics.of(balancer.id)[0]
            folder = self.region.settings.state / "load-balancers" / balancer.id.rsplit(".", 1)[-1][-16:]
            self._proxies[balancer.id] = Haproxy(folder, netns=vnic.netns, address=vnic.private_ip)
        return self._proxies[balancer.id]

    async def serve(self, balancer: Record) -> None:
        """Have HAProxy serve the load balancer as its document says, and the host relay its public address."""
        vnic = lookup.network(self.region).vnics.of(balancer.id)[0]
        if not self.region.settings.pure:
            keys = {name: self.certificate_key(balancer, name) for name in balancer.private.get("keys", {})}
            try:
                await self._proxy(balancer).apply(balancer.doc, keys)
            except HaproxyError as error:
                raise ServiceError(500, "InternalError", str(error)) from error
        if vnic.public_ip is None:
            return
        wanted = {each["port"] for each in balancer.doc["listeners"].values()}
        exposed = self._exposed.setdefault(balancer.id, set())
        for port in sorted(exposed - wanted):
            await self.region.fabric.unexpose(vnic.public_ip, port)
        try:
            for port in sorted(wanted - exposed):
                await self.region.fabric.expose(vnic.public_ip, port, vnic.private_ip, port)
        except FabricError as error:
            raise ServiceError(500, "InternalError", str(error)) from error
        self._exposed[balancer.id] = wanted

    async def end(self, balancer: Record) -> None:
        """End HAProxy and the relays of a load balancer."""
        for vnic in lookup.network(self.region).vnics.of(balancer.id):
            if vnic.public_ip is not None:
                await self.region.fabric.unexpose(vnic.public_ip)
        self._exposed.pop(balancer.id, None)
        if not self.region.settings.pure and lookup.network(self.region).vnics.of(balancer.id):
            await self._proxy(balancer).destroy()
        self._proxies.pop(balancer.id, None)

    async def stop_all(self) -> None:
        """End the proxies; the documents stay."""
        await asyncio.gather(*(proxy.stop() for proxy in self._proxies.values()))

    async def health(self, balancer: Record) -> dict[str, dict[str, str]]:
        """Backend set and backend to OK, WARNING, CRITICAL or UNKNOWN, as HAProxy sees them."""
        if balancer.id not in self._proxies:
            return {}
        return await self._proxies[balancer.id].health()

    def certificate_key(self, balancer: Record, name: str) -> bytes:
        """The private key (PEM) of a certificate. 404 when the certificate has none."""
        sealed = balancer.private.get("keys", {}).get(name)
        if sealed is None:
            raise not_found()
        return self.region.sealer.open(sealed, f"{balancer.id} {name}")
