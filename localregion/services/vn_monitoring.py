# SPDX-License-Identifier: GPL-3.0-or-later
"""The Path Analyzer: whether one end reaches another by the network's documents, and which of them decide.

An analysis is a work request, whose result shows each node of the way there (and back, where it is asked for) with the
rule, the list or group that it is of, and the route; `routeAnalysisDescription` says the same in words. The decision is
`packet_path`'s, of the same pieces as the packet filter's table. Sources:
https://docs.oracle.com/iaas/Content/Network/Concepts/path_analyzer.htm, and the SDK's models. What a caller may not see
is not hidden from the answer: the service's own policies for it (`vnpa-service`) are not asked.
"""

from __future__ import annotations

from localregion.backends.packet_filter import Decisions
from localregion.backends.packet_path import ICMP, TCP, UDP, End, Hop, Packet, Paths, Routed, Secured
from localregion.core.errors import invalid, missing, not_implemented
from localregion.core.store import Document
from localregion.services import lookup
from localregion.services.base import Service
from localregion.services.registration import operation
from localregion.services.resources import Call, Kind, Reply
from localregion.services.work_requests import KIND, WorkRequestForm

_RESOURCE = "vn-path-analyzer-test"
_PROTOCOLS = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP"}


class VnMonitoring(Service):
    """Path analyzer tests, and analyses."""

    name = "vn_monitoring"
    package = "vn_monitoring"
    kinds = (Kind("path_analyzer_test", model="PathAnalyzerTest", resource=_RESOURCE, entity="vnpathanalyzertest"),)
    work_request_form = WorkRequestForm("vnmonitoringworkrequest")
    access = {
        "get_path_analysis": None,
        "get_work_request": ("read", _RESOURCE),
        "list_work_requests": ("inspect", _RESOURCE),
        "list_work_request_errors": ("inspect", _RESOURCE),
        "list_work_request_logs": ("inspect", _RESOURCE),
        "list_work_request_results": ("inspect", _RESOURCE),
    }

    # tests

    @operation
    async def create_path_analyzer_test(self, call: Call) -> Reply:
        """Keep a question, to ask it again."""
        self._question(call.body)
        return self.show(self.create("path_analyzer_test", call, self._updated(), state="ACTIVE"))

    @operation
    async def update_path_analyzer_test(self, call: Call) -> Reply:
        """Change name, tags or the question."""
        record = self.get("path_analyzer_test", call.path["path_analyzer_test_id"])
        self._question(record.doc | call.body)
        return self.show(self.update(record, {**call.body, **self._updated()}))

    @operation
    async def delete_path_analyzer_test(self, call: Call) -> Reply:
        """Forget it."""
        self.retire(self.get("path_analyzer_test", call.path["path_analyzer_test_id"]))
        return self.accepted()

    def _updated(self) -> Document:
        return {"timeUpdated": self.clock.timestamp()}

    # analyses

    @operation
    async def get_path_analysis(self, call: Call) -> Reply:
        """Analyse a path, by what is there at this moment; the work request has the result."""
        asked, test = call.body, None
        if asked["type"] == "PERSISTED_QUERY":
            test = self.get("path_analyzer_test", asked["pathAnalyzerTestId"], related=True)
            asked = test.doc
        compartment = str(asked["compartmentId"])
        self.authorize(call, "read", _RESOURCE, compartment)
        question = self._question(asked)
        resources = [("CREATED", "vnpathanalyzertest", test)] if test else []
        request = self.work_request("CREATE_PATH_ANALYSIS_RESULT", resources, compartment=compartment)
        request.begin()
        path = self._path(asked, *question)
        record = request.record
        record.private["result"] = {
            "resultType": "PATH_ANALYSIS", "paths": [path], "timeCreated": self.clock.timestamp()
        }  # fmt: skip
        self.store.save(record, etag=False)
        request.finish()
        return self.accepted(request, 202)

    @operation
    async def list_work_request_results(self, call: Call) -> Reply:
        """The result of an analysis."""
        record = self.store.find(call.path["work_request_id"])
        if record is None or record.kind != KIND or record.service != self.name:
            raise self.unseen(KIND)
        return self.page(call, [record.private["result"]] if "result" in record.private else [])

    def _question(self, asked: Document) -> tuple[Paths, End, End, Packet]:
        """The network's paths, both ends and the packet of a question. Raises 400, 404 and 501."""
        protocol, given = asked["protocol"], asked.get("protocolParameters")
        word = _PROTOCOLS.get(protocol)
        if given and given["type"] != word:
            raise invalid(f"protocolParameters.type is {given['type']}, and protocol is {protocol}")
        if word in ("TCP", "UDP") and not given:
            raise missing("protocolParameters")
        given = given or {}
        paths = Paths(Decisions(lookup.network(self.region).packets.documents()))
        source = self._end(paths, asked["sourceEndpoint"], "sourceEndpoint")
        destination = self._end(paths, asked["destinationEndpoint"], "destinationEndpoint")
        if not (source.subnet or destination.subnet):
            raise invalid("sourceEndpoint and destinationEndpoint are both outside of all VCNs")
        packet = Packet(
            source.address, destination.address, protocol, given.get("sourcePort"), given.get("destinationPort"),
            given.get("icmpType"), given.get("icmpCode"),
        )  # fmt: skip
        return paths, source, destination, packet

    def _end(self, paths: Paths, endpoint: Document, where: str) -> End:
        kind = endpoint["type"]
        network = lookup.network(self.region)
        if kind in ("VNIC", "IP_ADDRESS", "SUBNET"):
            address, subnet_id = endpoint["address"], endpoint.get("subnetId")
            if kind == "VNIC":
                vnic = network.get("vnic", endpoint["vnicId"], related=True)
                subnet_id = vnic.doc["subnetId"]
                if address != vnic.doc["privateIp"]:
                    raise invalid(f"{where}.address: {address} is not an address of {vnic.id}")
            elif kind == "SUBNET":
                network.get("subnet", subnet_id, related=True)
            try:
                return paths.end(address, subnet_id)
            except ValueError as error:
                raise invalid(f"{where}.address: {error}") from None
        if kind in ("LOAD_BALANCER", "LOAD_BALANCER_LISTENER"):
            found = self.region.services["load_balancer"].get("load_balancer", endpoint["loadBalancerId"], related=True)
            return paths.end(network.vnics.of(found.id)[0].private_ip)
        raise not_implemented(f"{where}.type {kind} in vn_monitoring: the local region has no such resource")

    def _path(self, asked: Document, paths: Paths, source: End, destination: End, packet: Packet) -> Document:
        there = paths.there(source, destination, packet)
        answer: Document = {"forwardRoute": _route(there, paths)}
        both = (asked.get("queryOptions") or {}).get("isBiDirectionalAnalysis")
        back = paths.back(there) if both else None
        if back:
            answer["returnRoute"] = _route(back, paths)
        nodes = [node for route in answer.values() for node in route["nodes"]]
        topology = {
            "type": "PATH", "relationships": [], "limitedEntities": [], "timeCreated": self.clock.timestamp(),
            "entities": [{"id": each} for each in dict.fromkeys(node["entityId"] for node in nodes)],
        }  # fmt: skip
        return answer | {"topology": topology}


# --- documents ---------------------------------------------------------------------------------------------------


def _route(hop: Hop, paths: Paths) -> Document:
    """One way with what decides at each node of it."""
    traffic = _traffic(hop.packet)
    nodes: list[Document] = []
    if hop.source.subnet:
        start: Document = {"egressSecurityAction": _secured(hop.egress, hop.source)} if hop.egress else {}
        if hop.routed:
            start["nextHopRoutingAction"] = _routed(hop.routed, hop.source)
        nodes.append(_node(hop.source, traffic) | start)
    for way in (hop.routed, hop.entrance):
        if way and way.gateway:
            nodes.append(_gateway(way, hop, traffic))
    if hop.destination.subnet:
        end = {"ingressSecurityAction": _secured(hop.ingress, hop.destination)} if hop.ingress else {}
        nodes.append({key: value for key, value in (_node(hop.destination, {}) | end).items() if value})
    status = "UNREACHABLE" if not hop.passes else "INDETERMINATE" if hop.partial else "REACHABLE"
    return {"reachabilityStatus": status, "nodes": nodes, "routeAnalysisDescription": hop.text()}


def _node(end: End, traffic: Document) -> Document:
    entity = (end.vnic or end.subnet or {}).get("id")
    return {"type": "VISIBLE", "entityId": entity, "egressTraffic": traffic}


def _gateway(way: Routed, hop: Hop, traffic: Document) -> Document:
    """The node of a gateway, which may send on under another address."""
    assert way.gateway is not None
    kind, gateway = way.gateway
    node: Document = {"type": "VISIBLE", "entityId": gateway["id"]}
    inside = hop.source if hop.source.subnet else hop.destination
    public = gateway.get("natIp") if kind == "nat_gateway" else (inside.vnic or {}).get("publicIp")
    if kind != "service_gateway" and public and way.passes:
        side = "sourceAddress" if hop.source.subnet else "destinationAddress"
        node["egressTraffic"] = traffic | {side: public if hop.source.subnet else inside.address}
        node["transformationDescription"] = f"{inside.address} is {public} outside"
    else:
        node["egressTraffic"] = traffic
    return node


def _traffic(packet: Packet) -> Document:
    parameters: Document = {}
    if packet.protocol == ICMP and packet.icmp_type is not None:
        parameters = {"icmpType": packet.icmp_type, "icmpCode": packet.icmp_code}
    elif packet.port is not None:
        parameters = {"sourcePort": packet.source_port, "destinationPort": packet.port}
    shown = {name: value for name, value in parameters.items() if value is not None}
    return {
        "protocol": packet.protocol, "sourceAddress": packet.source, "destinationAddress": packet.destination,
        **({"trafficProtocolParameters": {"type": _PROTOCOLS[packet.protocol], **shown}} if shown else {}),
    }  # fmt: skip


def _secured(one: Secured, end: End) -> Document:
    """What lists and groups decide at one end: the rule, or all that have none."""
    if one.rule is None:
        groups, lists = Paths.owners(end)
        details = {"isRestrictedOrPartial": False, "evaluatedSecurityListIds": lists, "evaluatedNsgIds": groups}
        return {"action": "DENIED", "actionType": "IMPLICIT", "deniedSecurityActionDetails": details}
    group = one.owner.startswith("ocid1.networksecuritygroup.")
    kind = "NSG" if group else f"{one.direction}_SECURITY_LIST"
    rule = one.rule if group else {name: value for name, value in one.rule.items() if name != "direction"}
    configuration = {
        "type": f"STATEFUL_{kind}" if one.tracked else kind,
        "nsgId" if group else "securityListId": one.owner,
        "securityRule": rule,
    }
    details = {"isRestrictedOrPartial": one.partial, "allowedSecurityConfiguration": configuration}
    return {"action": "ALLOWED", "actionType": "EXPLICIT", "allowedSecurityActionDetails": details}


def _routed(way: Routed, end: End) -> Document:
    table = (end.subnet or {}).get("routeTableId")
    if not way.passes:
        details = {"isRestrictedOrPartial": False, "evaluatedVcnRouteTableId": table}
        return {"action": "NO_ROUTE", "actionType": "IMPLICIT", "noRouteRoutingActionDetails": details}
    if way.rule is None:
        return {"action": "FORWARDED", "actionType": "IMPLICIT"}
    configuration = {"type": "VCN", "vcnRouteTableId": table, "routeRule": way.rule}
    details = {"isRestrictedOrPartial": False, "forwardedRoutingConfiguration": configuration}
    return {"action": "FORWARDED", "actionType": "EXPLICIT", "forwardedRoutingActionDetails": details}


__all__ = ["VnMonitoring"]
