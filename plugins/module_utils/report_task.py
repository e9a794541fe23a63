# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task ``site_report``: reads what a site has, one list a type, and has ``report`` make a page of it."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import to_document
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError
from ansible_collections.okestack.oci.plugins.module_utils.info import Listing, addresses, survey
from ansible_collections.okestack.oci.plugins.module_utils.model import DEPLOYMENT, Document, ResourceType
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.report import (
    BAD,
    BUSY,
    OK,
    OPEN,
    OUTSIDE,
    SERVICES,
    SHUT,
    WRONG,
    Flow,
    Group,
    Place,
    Site,
    Thing,
    everything,
    page,
)
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task
from ansible_collections.okestack.oci.plugins.module_utils.types import kubernetes_engine, mysql, network, vault
from ansible_collections.okestack.oci.plugins.module_utils.types.load_balancer import LOAD_BALANCER

GATEWAYS = (network.INTERNET_GATEWAY, network.NAT_GATEWAY, network.SERVICE_GATEWAY)
TYPES = (
    network.VCN, network.SUBNET, *GATEWAYS, vault.VAULT, vault.VAULT_KEY, vault.VAULT_SECRET, mysql.MYSQL_DB_SYSTEM,
    kubernetes_engine.OKE_CLUSTER, kubernetes_engine.VIRTUAL_NODE_POOL, LOAD_BALANCER,
)  # fmt: skip
RESERVED = 3
"""Addresses of a subnet that the service keeps: the first two and the last."""
DOMAIN_LABEL = "oci.oraclecloud.com/fault-domain"
_MARKED = ("differs", "left_over")
_KINDS = {"mysql_db_system": "DB system", "oke_cluster": "cluster", "virtual_node_pool": "node pool",
          "vault_key": "key", "vault_secret": "secret", "nat_gateway": "NAT gateway", "vcn": "VCN"}  # fmt: skip
Rows = Mapping[str, Sequence[Document]]


def thing(type_: ResourceType, document: Mapping[str, Any], note: str = "", mark: str = "") -> Thing:
    """A resource as the page shows it."""
    state = type_.states.of(document)
    good = type_.states.ready + type_.states.resting
    health = OK if state in good else BAD if state in type_.states.failed else BUSY
    kind = _KINDS.get(type_.name, type_.name.replace("_", " "))
    return Thing(kind, str(document.get(type_.name_field)), state, health, note, mark, str(document.get("id") or ""))


def marks(findings: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """(type, name or OCID) -> how it is not as declared."""
    found: dict[tuple[str, str], str] = {}
    for one in findings:
        if one.get("kind") in _MARKED:
            shown = str(one.get("what") or str(one["kind"]).replace("_", " "))
            for name in (one.get("name"), one.get("id")):
                found.setdefault((str(one.get("type")), str(name)), shown)
    return found


# --- from Kubernetes' objects ------------------------------------------------------------------------------------


def node_things(nodes: Iterable[Mapping[str, Any]]) -> tuple[Group, ...]:
    """The virtual nodes, by fault domain."""
    domains: dict[str, list[Thing]] = {}
    for node in nodes:
        meta, status = node.get("metadata") or {}, node.get("status") or {}
        ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or [])
        version = str((status.get("nodeInfo") or {}).get("kubeletVersion") or "")
        one = Thing(
            "virtual node", str(meta.get("name")), "Ready" if ready else "NotReady", OK if ready else BAD, version
        )
        domains.setdefault(str((meta.get("labels") or {}).get(DOMAIN_LABEL) or "nodes"), []).append(one)
    return tuple(Group(domain, tuple(domains[domain])) for domain in sorted(domains))


def pod_things(pods: Iterable[Mapping[str, Any]]) -> tuple[Group, ...]:
    """The pods, by namespace."""
    spaces: dict[str, list[Thing]] = {}
    for pod in pods:
        meta, status = pod.get("metadata") or {}, pod.get("status") or {}
        phase = str(status.get("phase") or "Unknown")
        ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or [])
        good = phase == "Succeeded" or (phase == "Running" and ready)
        health = OK if good else BAD if phase in ("Failed", "Unknown") else BUSY
        note = ", ".join(str(v) for v in (status.get("podIP"), (pod.get("spec") or {}).get("nodeName")) if v)
        one = Thing("pod", str(meta.get("name")), phase if good or phase != "Running" else "not ready", health, note)
        spaces.setdefault(str(meta.get("namespace")), []).append(one)
    return tuple(
        Group(f"{space}, {len(rows)} pod{'s' if len(rows) > 1 else ''}", tuple(rows), dots=True)
        for space, rows in sorted(spaces.items())
    )


def flows_of(answers: Iterable[Mapping[str, Any]], places: Mapping[str, str]) -> tuple[Flow, ...]:
    """What ``network_path`` answered, between places. ``places``: name of a party -> key of its place."""
    found = []
    for one in answers:
        source, destination = (places.get(str(one.get(end)), OUTSIDE) for end in ("source", "destination"))
        passes = one.get("verdict") in ("reachable", "partly")
        verdict = WRONG if one.get("as_expected") is False else OPEN if passes else SHUT
        traffic = str(one.get("traffic") or "all")
        purpose, reason = str(one.get("purpose") or ""), str(one.get("reason") or "")
        found.append(Flow(source, destination, traffic, verdict, purpose, reason))
    return tuple(found)


def place_of(party: Mapping[str, Any], subnets: Mapping[str, str]) -> str:
    """The key of the place that a party of ``network_path`` is in. ``subnets``: name or OCID -> OCID."""
    if party.get("service"):
        return SERVICES
    return subnets.get(str(party.get("subnet")), OUTSIDE)


# --- the task ----------------------------------------------------------------------------------------------------


class SiteReport:
    """Makes the page."""

    name = "site_report"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        rows: dict[str, Any] = {"type": "list", "elements": "dict", "default": []}
        return {
            "compartment_ids": {"type": "list", "elements": "str", "required": True},
            "deployment": {"type": "str", "required": True},
            "vcn_id": {"type": "str"},
            "parties": dict(rows),
            "flows": dict(rows),
            "nodes": {"type": "list", "elements": "dict"},
            "pods": {"type": "list", "elements": "dict"},
            "load_balancers": dict(rows),
            "certificate": {"type": "dict"},
            "findings": {"type": "list", "elements": "dict"},
        }

    def execute(self, params: Document, context: Context) -> Document:
        site = _Reading(params, context).site()
        ill = [f"{where}: {one.kind} {one.name} {one.state}" for where, one in everything(site) if one.health == BAD]
        wrong = [f"{f.source} to {f.destination}: {f.traffic}" for f in site.flows if f.verdict == WRONG]
        summary: Document = {
            "things": sum(1 for _one in everything(site)),
            "not_in_order": ill,
            "not_as_declared": None if site.findings is None else len(site.findings),
            "flows_not_as_they_should_be": len(wrong),
            "free_addresses": {p.name: p.free for p in site.places},
            "certificate_days": site.certificate_days,
            "not_seen": list(site.notes),
        }
        for line in _lines(summary):
            context.report(line)
        return {"changed": False, "html": page(site), "summary": summary, "table": _lines(summary)}


def _lines(summary: Mapping[str, Any]) -> list[str]:
    drift, days = summary["not_as_declared"], summary["certificate_days"]
    lines = [
        f"{'in order':17}{summary['things'] - len(summary['not_in_order'])} of {summary['things']}",
        f"{'not as declared':17}{'not looked for' if drift is None else drift}",
        f"{'wrong flows':17}{summary['flows_not_as_they_should_be']}",
        f"{'free addresses':17}{', '.join(f'{n} {c}' for n, c in summary['free_addresses'].items()) or 'unknown'}",
        f"{'certificate':17}{'not seen' if days is None else f'{days} days'}",
    ]
    return lines + [f"{'not in order':17}{one}" for one in summary["not_in_order"]]


class _Reading:
    """One look at a site."""

    def __init__(self, params: Document, context: Context) -> None:
        self.params, self.session = params, context.session
        self.notes: list[str] = []
        self.marks = marks(params.get("findings") or [])
        self.region = str(context.session.region)

    def site(self) -> Site:
        params = self.params
        rows = self._rows()
        vcn = next((d for d in rows["vcn"] if d["id"] == params.get("vcn_id")), None)
        inside = [d for d in rows["subnet"] if vcn and d.get("vcn_id") == vcn["id"]]
        used = dict(zip((d["id"] for d in inside), side_by_side(self._used, inside), strict=True))
        places = {d["id"]: self._place(d, used[d["id"]]) for d in inside}
        self._fill(places, rows)
        order = [p.get("subnet") for p in params["parties"]]
        subnets = {n: d["id"] for d in inside for n in (d["display_name"], d["id"])}
        ranks = {subnets[s]: n for n, s in reversed(list(enumerate(["lb", *order]))) if s in subnets}
        keys = sorted(places, key=lambda k: (ranks.get(k, len(order) + 1), places[k].name))
        parties = {p["name"]: place_of(p, subnets) for p in params["parties"]}
        certificate = params.get("certificate") or {}
        findings = params.get("findings")
        shown = [(str(f["kind"]).replace("_", " "), _sentence(f)) for f in findings or []]
        gateways = [
            self._thing(t, d, ", ".join(str(a["host"]) for a in addresses(t, d)))
            for t in GATEWAYS
            for d in rows[t.name]
            if vcn and d.get("vcn_id") == vcn["id"]
        ]
        return Site(
            name=params["deployment"],
            region=self.region,
            time=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            compartments=tuple(self._compartment(c) for c in dict.fromkeys(params["compartment_ids"])),
            vcn=self._thing(network.VCN, vcn, ", ".join(vcn.get("cidr_blocks") or [])) if vcn else None,
            gateways=tuple(gateways),
            places=tuple(places[k] for k in keys),
            outside=(
                Place(OUTSIDE, "Internet", self._clients(parties)),
                Place(SERVICES, "Oracle services", "vault and registry", groups=self._vault(rows)),
            ),
            flows=flows_of(params["flows"], parties),
            findings=None if findings is None else tuple(shown),
            certificate_days=certificate.get("days_left"),
            notes=tuple(self.notes),
        )

    def _rows(self) -> dict[str, list[Document]]:
        """One list a type and compartment; of a vault's keys and secrets those of the deployment."""

        def refused(name: str, error: CloudError) -> None:
            self.notes.append(f"{name}: {error}")

        rows: dict[str, list[Document]] = {t.name: [] for t in TYPES}
        for compartment in dict.fromkeys(self.params["compartment_ids"]):
            for type_, document in survey(self.session, [t.name for t in TYPES], compartment, refused):
                if type_.states.living(document):
                    rows[type_.name].append(document)
        if self.params.get("vcn_id") not in [d["id"] for d in rows["vcn"]]:
            self.notes.append("the network: there is no such VCN in the compartments")
        if self.params.get("pods") is None:
            self.notes.append("nodes and pods: the Kubernetes API did not answer")
        return rows

    def _used(self, subnet: Document) -> int | None:
        client = self.session.client(network.CLIENT)
        try:
            return len(self.session.rows(client, "list_private_ips", subnet_id=subnet["id"]))
        except CloudError as error:
            self.notes.append(f"free addresses of {subnet['display_name']}: {error}")
            return None

    def _place(self, subnet: Document, used: int | None) -> Place:
        size = ipaddress.ip_network(subnet["cidr_block"]).num_addresses - RESERVED
        private = subnet.get("prohibit_public_ip_on_vnic")
        return Place(
            key=subnet["id"],
            name=subnet["display_name"],
            note=f"{subnet['cidr_block']} · {'private' if private else 'public'}",
            free=None if used is None else max(0, size - used),
            size=None if used is None else size,
            mark=self._mark(network.SUBNET, subnet),
        )

    def _fill(self, places: dict[str, Place], rows: Rows) -> None:
        """Puts what is in subnets into their places."""

        def add(subnet_id: Any, *groups: Group) -> None:
            if subnet_id in places and groups:
                places[subnet_id] = replace(places[subnet_id], groups=(*places[subnet_id].groups, *groups))

        healths = {d["id"]: d for d in self.params["load_balancers"]}
        days = (self.params.get("certificate") or {}).get("days_left")
        for document in rows["load_balancer"]:
            hosts = ", ".join(str(a["host"]) for a in addresses(LOAD_BALANCER, document))
            note = "; ".join([hosts] + ([f"certificate {days} days"] if days is not None else []))
            one = self._thing(LOAD_BALANCER, document, note)
            status = (healths.get(document["id"]) or {}).get("health") or {}
            if status.get("status") in ("CRITICAL", "WARNING"):
                one = replace(
                    one, health=BAD if status["status"] == "CRITICAL" else BUSY, state=f"backends {status['status']}"
                )
            for subnet_id in (document.get("subnet_ids") or [])[:1]:
                add(subnet_id, Group("", (one,)))
        for document in rows["oke_cluster"]:
            one = self._thing(kubernetes_engine.OKE_CLUSTER, document, str(document.get("kubernetes_version") or ""))
            add((document.get("endpoint_config") or {}).get("subnet_id"), Group("", (one,)))
        clusters = {d["id"] for d in rows["oke_cluster"] if d.get("vcn_id") == self.params.get("vcn_id")}
        nodes, pods = self.params.get("nodes"), self.params.get("pods")
        for number, document in enumerate(d for d in rows["virtual_node_pool"] if d.get("cluster_id") in clusters):
            one = self._thing(kubernetes_engine.VIRTUAL_NODE_POOL, document, f"{document.get('size')} nodes")
            where = [row.get("subnet_id") for row in document.get("placement_configurations") or []]
            add(next(iter(where), None), Group("", (one,)), *(node_things(nodes or []) if number == 0 else ()))
            if number == 0:
                add((document.get("pod_configuration") or {}).get("subnet_id"), *pod_things(pods or []))
        systems = [d for d in rows["mysql_db_system"] if self._ours(d)]
        for document in Listing(self.session, mysql.MYSQL_DB_SYSTEM, {}).whole(systems):
            facts = (document.get("shape_name"), f"{document.get('data_storage_size_in_gbs')} GB",
                     "highly available" if document.get("is_highly_available") else "")  # fmt: skip
            one = self._thing(mysql.MYSQL_DB_SYSTEM, document, ", ".join(str(f) for f in facts if f))
            add(document.get("subnet_id"), Group("", (one,)))

    def _vault(self, rows: Rows) -> tuple[Group, ...]:
        found = [
            self._thing(type_, document)
            for type_ in (vault.VAULT, vault.VAULT_KEY, vault.VAULT_SECRET)
            for document in rows[type_.name]
            if self._ours(document)
        ]
        return (Group("", tuple(found)),) if found else ()

    def _ours(self, document: Mapping[str, Any]) -> bool:
        return bool((document.get("freeform_tags") or {}).get(DEPLOYMENT) == self.params["deployment"])

    def _thing(self, type_: ResourceType, document: Mapping[str, Any], note: str = "") -> Thing:
        return thing(type_, document, note, self._mark(type_, document))

    def _mark(self, type_: ResourceType, document: Mapping[str, Any]) -> str:
        names = (str(document.get(type_.name_field)), str(document.get("id")))
        return next((self.marks[type_.name, n] for n in names if (type_.name, n) in self.marks), "")

    def _compartment(self, compartment_id: str) -> str:
        client = self.session.client("identity.IdentityClient")
        try:
            found = to_document(self.session.call(client, "get_compartment", compartment_id).data)
        except CloudError:
            return compartment_id
        return str(found["name"])

    def _clients(self, parties: Mapping[str, str]) -> str:
        names = [n.removeprefix("client ") for n, key in parties.items() if key == OUTSIDE and n.startswith("client ")]
        return f"clients {', '.join(names)}" if names else ""


def _sentence(finding: Mapping[str, Any]) -> str:
    id_ = f" ({finding['id']})" if finding.get("id") else ""
    what = f": {finding['what']}" if finding.get("what") else ""
    return f"{finding.get('type')} {finding.get('name')}{id_}{what}"


TASKS: tuple[Task, ...] = (SiteReport(),)
