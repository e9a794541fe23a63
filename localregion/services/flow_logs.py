# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the flow logs that are switched on: what the fabric saw of VNICs, each cloud minute.

The record's form: https://docs.oracle.com/iaas/Content/Logging/Reference/details_for_vcn_flow_logs.htm
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from localregion.backends.flow_records import Flow, FlowReader, chosen
from localregion.core.store import Document, Record
from localregion.services.log_content import LogContent

if TYPE_CHECKING:
    from localregion.services.context import Context

log = logging.getLogger(__name__)

SERVICE = "flowlogs"
CAPTURE_FILTER = "capture_filter"
"""The parameter of a flow log that names which traffic it shows."""
_SHORTEST = 1.0
"""Seconds between two looks at the least: one costs some 0.1 ms for each connection."""


class FlowLogs:
    """The flow logs of one region."""

    def __init__(self, region: Context, content: LogContent) -> None:
        self._region, self._content = region, content
        self._reader: FlowReader | None = None
        self._addresses: set[str] = set()

    def start(self) -> None:
        """Write from now on; nothing where the region has no packets."""
        if not self._region.settings.pure:
            self._region.tasks.spawn(self._keep(), "flow logs")

    async def _keep(self) -> None:
        while True:
            try:
                await self._turn()
            except Exception:
                log.exception("flows are not read; tried again")
                self._close()
            await asyncio.sleep(max(_SHORTEST, self._region.clock.minute))

    async def _turn(self) -> None:
        """Write what was seen since the turn before; read nothing while no flow log is on."""
        logs = [one for one in self._region.store.select("logging", "log") if _switched_on(one)]
        if not logs:
            self._close()
            return
        vnics = {one.doc["privateIp"]: one for one in self._region.store.select("network", "vnic")}
        self._addresses = set(vnics)
        if self._reader is None:
            reader = FlowReader(self._region.fabric.root, lambda: self._addresses)
            self._reader = reader
            await reader.start()
            return
        self.write(logs, vnics, await self._reader.flows())

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    def write(self, logs: Sequence[Record], vnics: dict[str, Record], flows: Sequence[Flow]) -> None:
        """Write flows into the logs that are for them. ``vnics``: by address."""
        for one in logs:
            source = one.doc["configuration"]["source"]
            rules = self._rules(source.get("parameters") or {})
            entries = []
            for flow in flows:
                vnic = vnics.get(flow.address)
                if vnic and source["resource"] in self._places(vnic) and (rules is None or chosen(flow, rules)):
                    entries.append(self._entry(one, vnic, flow))
            self._content.append(one.id, entries)

    def _places(self, vnic: Record) -> set[str]:
        """What a flow log of a VNIC's traffic can be for: itself, its subnet, its VCN."""
        subnet = self._region.store.find(vnic.doc["subnetId"])
        return {vnic.id, vnic.doc["subnetId"], str(subnet.doc["vcnId"]) if subnet else ""}

    def _rules(self, parameters: Document) -> Sequence[Document] | None:
        """The rules of a log's capture filter; None without one."""
        found = self._region.store.find(parameters.get(CAPTURE_FILTER, ""))
        return None if found is None else found.doc.get("flowLogCaptureFilterRules") or []

    def _entry(self, one: Record, vnic: Record, flow: Flow) -> Document:
        clock = self._region.clock
        return {
            "datetime": int(flow.start * 1000),
            "logContent": {
                "data": flow.data(),
                "id": str(uuid.uuid4()),
                "oracle": {
                    "compartmentid": one.compartment,
                    "ingestedtime": clock.timestamp(),
                    "loggroupid": one.parent,
                    "logid": one.id,
                    "tenantid": one.doc["tenancyId"],
                    "vniccompartmentocid": vnic.compartment,
                    "vnicocid": vnic.id,
                    "vnicsubnetocid": vnic.doc["subnetId"],
                },
                "source": vnic.doc.get("displayName") or "-",
                "specversion": "1.0",
                "time": clock.timestamp(dt.datetime.fromtimestamp(flow.start, dt.UTC)),
                "type": "com.oraclecloud.vcn.flowlogs.DataEvent",
            },
        }


def _switched_on(one: Record) -> bool:
    source = (one.doc.get("configuration") or {}).get("source") or {}
    return bool(one.state == "ACTIVE" and one.doc["isEnabled"] and source.get("service") == SERVICE)


__all__ = ["CAPTURE_FILTER", "SERVICE", "FlowLogs"]
