"""Capture filters, and the VTAPs that mirror traffic by them (`packets` has the fabric do it).

Sources: https://docs.oracle.com/en-us/iaas/Content/Network/Concepts/capture-filters.htm and .../Network/Tasks/vtap.htm.
The range of packet sizes and what is shown for fields not given are not documented: taken from the console.
"""

from __future__ import annotations

import secrets
from typing import Any

from localregion.core.errors import conflict, invalid, limit_exceeded, missing, not_found
from localregion.core.store import Document, Record
from localregion.services.base import Part
from localregion.services.network import checks, rules
from localregion.services.registration import operation
from localregion.services.resources import SECOND, Call, Reply

MAX_CAPTURE_RULES = 10
_PACKET_SIZES = (64, 9000)
_IDENTIFIERS = 2**24
_RULES = {"VTAP": "vtapCaptureFilterRules", "FLOWLOG": "flowLogCaptureFilterRules"}
_SOURCES = {"subnet": "SUBNET", "vnic": "VNIC", "load_balancer": "LOAD_BALANCER"}
"""Kinds of the region that a VTAP can listen at, and the API's word for each."""


class CaptureFilters(Part):
    """The operations of capture filters."""

    @operation
    async def create_capture_filter(self, call: Call) -> Reply:
        """A filter for VTAPs or for flow logs, with up to ten rules."""
        kind = call.body["filterType"]
        document: Document = {_RULES[kind]: []} | self._filter_rules(kind, call.body)
        record = self.service.create("capture_filter", call, document, state="PROVISIONING")
        self.service.transition(record, SECOND, "AVAILABLE")
        return self.service.show(record)

    @operation
    async def update_capture_filter(self, call: Call) -> Reply:
        """New name, tags or rules; what uses the filter follows."""
        record = self.service.get("capture_filter", call.path["capture_filter_id"])
        checks.available(record, checks.WORDS["capture_filter"])
        changes = self._filter_rules(record.doc["filterType"], call.body)
        self.service.update(record, {**call.body, **changes})
        if changes:
            self.service.transition(record, SECOND, "AVAILABLE", via="UPDATING")
        return self.service.show(record)

    @operation
    async def delete_capture_filter(self, call: Call) -> Reply:
        """Delete a filter that nothing uses."""
        record = self.service.get("capture_filter", call.path["capture_filter_id"])
        checks.available(record, checks.WORDS["capture_filter"])
        for vtap in self.service.living("vtap"):
            if vtap.doc["captureFilterId"] == record.id:
                raise conflict(f"The Capture Filter {record.id} is associated with the VTAP {vtap.id}.")
        for log in self.store.select("logging", "log"):
            source = (log.doc.get("configuration") or {}).get("source") or {}
            if record.id in (source.get("parameters") or {}).values():
                raise conflict(f"The Capture Filter {record.id} is associated with the flow log {log.id}.")
        self.service.transition(record, SECOND, "TERMINATED", via="TERMINATING")
        return self.service.accepted()

    def _filter_rules(self, kind: str, body: Document) -> Document:
        """The rules of a body in their kept form. Raises 400 for those of the other kind of filter."""
        changes: Document = {}
        for owner, field in _RULES.items():
            given = body.get(field)
            if given and owner != kind:
                raise invalid(f"A capture filter of type {kind} cannot have {field}.")
            if given is None or owner != kind:
                continue
            if len(given) > MAX_CAPTURE_RULES:
                raise limit_exceeded(f"A capture filter has at most {MAX_CAPTURE_RULES} rules.")
            shape = rules.mirror_rule if kind == "VTAP" else rules.flow_log_rule
            changes[field] = [shape(rule, index) for index, rule in enumerate(given)]
            priorities = [rule["priority"] for rule in changes[field] if "priority" in rule]
            if len(set(priorities)) != len(priorities):
                raise invalid(f"Each of {field} must have a distinct priority.")
        return changes


class Vtaps(Part):
    """VTAPs: created, changed and removed as everything in a VCN (see `children`)."""

    def document(self, vcn: Record, body: Document, record: Record | None) -> Document:
        """The fields of a new VTAP, or the changes of one. Raises 400, 404 or 409."""
        old = record.doc if record else {}
        changes: Document = {}
        if record is None:
            changes |= {
                "encapsulationProtocol": "VXLAN", "vxlanNetworkIdentifier": secrets.randbelow(_IDENTIFIERS),
                "trafficMode": "DEFAULT", "maxPacketSize": _PACKET_SIZES[1], "isVtapEnabled": False,
            }  # fmt: skip
            changes = {name: value for name, value in changes.items() if name not in body}
            if "targetId" not in body and "targetIp" not in body:
                raise missing("targetId or targetIp")
        whole = old | body
        if record is None or {"sourceId", "sourceType"} & set(body):
            changes["sourceType"] = self._source_type(vcn, whole["sourceId"], body.get("sourceType"))
        changes |= self._target(vcn, body, old)
        if "captureFilterId" in body:
            chosen = self.service.get("capture_filter", body["captureFilterId"])
            if chosen.doc["filterType"] != "VTAP":
                raise invalid(f"The Capture Filter {chosen.id} is not of type VTAP.")
        if "sourcePrivateEndpointSubnetId" in body:
            checks.of_vcn(self.service, "subnet", body["sourcePrivateEndpointSubnetId"], vcn)
        if "sourcePrivateEndpointIp" in body:
            rules.address(body["sourcePrivateEndpointIp"], "sourcePrivateEndpointIp")
        if not 0 <= body.get("vxlanNetworkIdentifier", 0) < _IDENTIFIERS:
            raise invalid(f"vxlanNetworkIdentifier must be within 0 to {_IDENTIFIERS - 1}")
        low, high = _PACKET_SIZES
        if not low <= body.get("maxPacketSize", low) <= high:
            raise invalid(f"maxPacketSize must be within {low} to {high}")
        enabled = whole.get("isVtapEnabled", False)
        if enabled:
            self._check_mirrored_once(whole["sourceId"], record)
        return changes | {"lifecycleStateDetails": "RUNNING" if enabled else "STOPPED"}

    def _source_type(self, vcn: Record, source_id: str, given: str | None) -> str:
        """The type of a source, which must be in the VCN. Raises 404 or 400."""
        source = self.store.find(source_id)
        if source is None or source.dead or source.kind not in _SOURCES:
            raise not_found()
        subnet_id = source.id if source.kind == "subnet" else source.doc.get("subnetId") or source.doc["subnetIds"][0]
        checks.of_vcn(self.service, "subnet", subnet_id, vcn)
        found = _SOURCES[source.kind]
        if given not in (None, found):
            raise invalid(f"The source {source_id} is not of type {given}.")
        return found

    def _target(self, vcn: Record, body: Document, old: Document) -> Document:
        """The changes that a body's target makes: an address or a VNIC, the one in the place of the other."""
        if "targetId" in body and "targetIp" in body:
            raise invalid("Only one of targetId and targetIp can be given.")
        changes: Document = {}
        if "targetId" in body:
            vnic = self.service.get("vnic", body["targetId"])
            checks.of_vcn(self.service, "subnet", vnic.doc["subnetId"], vcn)
            changes = {"targetIp": None, "targetType": "VNIC"}
        elif "targetIp" in body:
            rules.address(body["targetIp"], "targetIp")
            changes = {"targetId": None, "targetType": "IP_ADDRESS"}
        kind = changes.get("targetType") or old.get("targetType")
        if body.get("targetType", kind) != kind:
            raise invalid(f"The target is not of type {body['targetType']}.")
        return changes

    def _check_mirrored_once(self, source_id: str, record: Record | None) -> None:
        for other in self.service.living("vtap"):
            own = record is not None and other.id == record.id
            if not own and other.doc["sourceId"] == source_id and other.doc["isVtapEnabled"]:
                raise conflict(f"The traffic of {source_id} is mirrored by the VTAP {other.id} already.")

    def stop(self, gone_id: str) -> None:
        """Stop the VTAPs whose source or target goes."""
        for vtap in self.service.living("vtap"):
            if gone_id in (vtap.doc["sourceId"], vtap.doc.get("targetId")):
                self.service.update(vtap, {"isVtapEnabled": False, "lifecycleStateDetails": "STOPPED"})

    @operation
    async def list_vtaps(self, call: Call) -> Reply:
        """The VTAPs of a compartment; with isVtapEnabled only those that run."""

        def running(record: Record, wanted: Any) -> bool:
            return not wanted or record.doc["isVtapEnabled"]

        filters = {"is_vtap_enabled": running, "source": lambda record, value: record.doc["sourceId"] == value}
        return self.service.list("vtap", call, filters)
