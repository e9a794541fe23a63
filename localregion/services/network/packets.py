# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the fabric's packet filter as the documents say: each change of one of them is in force a moment later."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import TYPE_CHECKING, Any

from localregion.backends.mirrors import Mirror
from localregion.backends.packet_filter import Documents
from localregion.core.store import Record
from localregion.services.network import rules
from localregion.services.network.gateways import GATEWAYS

if TYPE_CHECKING:
    from localregion.services.context import Context

log = logging.getLogger(__name__)

_KINDS = ("vcn", "subnet", "route_table", "security_list", "network_security_group", "vnic", *GATEWAYS)
_MIRRORING = ("vtap", "capture_filter")
_AGAIN = 1.0
"""Seconds after which a table that could not be loaded is tried again."""


class Packets:
    """The filter of one region. Changes that come while a table is loaded are in the next one, all together."""

    def __init__(self, region: Context) -> None:
        self._region = region
        self._written = 0
        self._in_force = 0
        self._due = asyncio.Event()
        self._turn = asyncio.Event()
        """Set, and replaced, when a table is in force or could not be loaded."""
        self._fault: Exception | None = None
        self._running = False

    def start(self) -> None:
        """Filter from now on; nothing where the region has no packets."""
        if self._region.settings.pure or self._running:
            return
        self._running = True
        self._region.store.watch((*_KINDS, *_MIRRORING), self.note)
        self.note()
        self._region.tasks.spawn(self._keep(), "packet filter")

    def note(self) -> None:
        """Something that decides about packets has changed: a document, or which VNICs there are."""
        self._written += 1
        self._due.set()

    async def settled(self) -> None:
        """Wait until all that was written before is in force. Raises what keeps it from being so."""
        wanted = self._written
        while self._running and self._in_force < wanted:
            await self._turn.wait()
            if self._fault:
                raise self._fault

    async def _keep(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            version, self._fault = self._written, None
            try:
                await self._region.fabric.filter(self.documents())
                self._in_force = version
                await self._mirror()
            except Exception as error:
                log.exception("the packet filter stays as it was")
                self._fault = error
            turn, self._turn = self._turn, asyncio.Event()
            turn.set()
            if self._fault:
                await asyncio.sleep(_AGAIN)
                self._due.set()

    async def _mirror(self) -> None:
        """Copy what VTAPs are for; one that can't be leaves all else as it is."""
        try:
            await self._region.fabric.mirror(self.mirrors())
        except Exception:
            log.exception("VTAPs do not mirror")

    def mirrors(self) -> list[Mirror]:
        """The VTAPs that run now."""
        select = self._region.store.select
        vnics, subnets = select("network", "vnic"), select("network", "subnet")
        found = []
        for vtap in select("network", "vtap"):
            doc = vtap.doc
            target = next((one for one in vnics if one.id == doc.get("targetId")), None)
            address = ipaddress.IPv4Address(target.doc["privateIp"] if target else doc.get("targetIp") or "0.0.0.0")
            blocks = [ipaddress.IPv4Network(one.doc["cidrBlock"]) for one in subnets if one.parent == vtap.parent]
            place = next((block for block in blocks if address in block), None)
            filter_ = self._region.store.find(doc["captureFilterId"])
            if not doc["isVtapEnabled"] or place is None or filter_ is None or vtap.state == "TERMINATING":
                continue
            sources = [
                one.id for one in vnics
                if doc["sourceId"] in (one.id, one.doc["subnetId"], one.private.get("owner"))
                and one.doc["privateIp"] != str(address)
            ]  # fmt: skip
            rules = filter_.doc.get("vtapCaptureFilterRules") or []
            identifier = doc["vxlanNetworkIdentifier"]
            found.append(Mirror(vtap.id, identifier, str(address), str(place[1]), tuple(sources), rules))
        return found

    def documents(self) -> Documents:
        """What decides about packets now."""
        kinds = {kind: self._region.store.select("network", kind) for kind in _KINDS}

        def shown(kind: str) -> list[dict[str, Any]]:
            return [_document(record) for record in kinds[kind]]

        return Documents(
            vcns=shown("vcn"),
            subnets=shown("subnet"),
            route_tables=shown("route_table"),
            security_lists=shown("security_list"),
            gateways={kind: shown(kind) for kind in GATEWAYS},
            groups={group.id: group.private.get("rules", []) for group in kinds["network_security_group"]},
            vnics=shown("vnic"),
            services={service["id"]: service["cidrBlock"] for service in rules.SERVICES},
        )


def _document(record: Record) -> dict[str, Any]:
    return {**record.doc, "id": record.id}
