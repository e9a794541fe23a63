# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task ``network_path``: a VCN as it is, or as ``virtual_network`` declares it, and what it lets pass."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils import network_path as core
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session, to_document
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Document,
    ResourceType,
    holds_unknown,
    references,
    spread,
)
from ansible_collections.okestack.oci.plugins.module_utils.network_path import Network, Party, Traffic
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task, given
from ansible_collections.okestack.oci.plugins.module_utils.types import network
from ansible_collections.okestack.oci.plugins.module_utils.types.kubernetes_engine import VIRTUAL_NODE_POOL
from ansible_collections.okestack.oci.plugins.module_utils.virtual_network import (
    VirtualNetwork,
    declaration_problems,
)

GATEWAYS = (network.INTERNET_GATEWAY, network.NAT_GATEWAY, network.SERVICE_GATEWAY)
READ = (network.SUBNET, network.ROUTE_TABLE, network.SECURITY_LIST, network.NETWORK_SECURITY_GROUP, *GATEWAYS)
"""What is listed of a VCN, one call a type."""
DEFAULT_INGRESS: tuple[Document, ...] = (
    {"source": "0.0.0.0/0", "protocol": "6", "tcp_options": {"destination_port_range": {"min": 22, "max": 22}}},
    {"source": "0.0.0.0/0", "protocol": "1", "icmp_options": {"type": 3, "code": 4}},
)
"""What a VCN's default security list lets in when it is made, beside ICMP 3 within the VCN. It lets all out."""
MEMBER_CALLS = 20
"""Members of a group that are looked at: their subnets count, not their number."""

_PARTY: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "subnet": {"type": "str"},
    "groups": {"type": "list", "elements": "str"},
    "address": {"type": "str"},
    "service": {"type": "str"},
    "public": {"type": "bool"},
}
_FLOW: dict[str, dict[str, Any]] = {
    "source": {"type": "str", "required": True},
    "destination": {"type": "str", "required": True},
    "protocol": {"type": "str", "default": "all"},
    "ports": {"type": "list", "elements": "str"},
    "source_ports": {"type": "str"},
    "icmp_type": {"type": "int"},
    "icmp_code": {"type": "int"},
    "expect": {"type": "str", "choices": [core.REACHABLE, core.BLOCKED]},
    "purpose": {"type": "str"},
}


class NetworkPath:
    """Tells which traffic passes between parties, and by which rules, routes and gateways."""

    name = "network_path"
    constraints: Mapping[str, Any] = {
        "required_one_of": [("vcn_id", "declared")],
        "mutually_exclusive": [("vcn_id", "declared")],
    }

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "vcn_id": {"type": "str"},
            "compartment_id": {"type": "str"},
            "declared": {"type": "dict"},
            "parties": {"type": "list", "elements": "dict", "required": True, "options": _PARTY},
            "flows": {"type": "list", "elements": "dict", "default": [], "options": _FLOW},
            "matrix": {"type": "bool", "default": False},
        }

    def execute(self, params: Document, context: Context) -> Document:
        """``flows``: an answer for each; ``unexpected``: those not as they should be; ``matrix``: what is open."""
        options = given(params, self.argument_spec())
        problems = [*_party_problems(options["parties"]), *_flow_problems(options)]
        if problems:
            raise ResourceError("\n".join(problems))
        if holds_unknown({k: options.get(k) for k in ("vcn_id", "parties")}):
            return {"changed": False, "planned": True, "flows": [], "unexpected": [], "matrix": []}
        place = _Declared(options["declared"]) if "declared" in options else _Observed(context.session, options)
        parties = _Parties(place, context.warn).all(options["parties"])
        answers = [_answered(place.network, parties, flow) for flow in options.get("flows") or []]
        named = [p["name"] for p in options["parties"]]
        pairs = [(a, b) for a in named for b in named if a != b] if options.get("matrix") else []
        return {
            "changed": False,
            "planned": False,
            "flows": answers,
            "unexpected": [a for a in answers if a["as_expected"] is False],
            "matrix": [_row(place.network, parties, a, b) for a, b in pairs],
        }


TASKS: tuple[Task, ...] = (NetworkPath(),)


# --- answers -----------------------------------------------------------------------------------------------------


def _answered(whole: Network, parties: Mapping[str, list[Party]], flow: Document) -> Document:
    """A flow with what was found, for all of its ports and all places of its parties."""
    found = [
        core.analyse(whole, source, destination, traffic)
        for traffic in traffic_of(flow)
        for source in parties[flow["source"]]
        for destination in parties[flow["destination"]]
    ]
    answer = _together(found)
    expected, verdict = flow.get("expect"), answer.verdict
    as_expected = None if expected is None or verdict == core.UNDECIDED else verdict == expected
    decision = answer.decision
    if expected == core.BLOCKED and answer.passing is not None:
        decision = answer.passing  # what should not pass, not what rightly doesn't
    return {
        **{k: flow.get(k) for k in ("source", "destination", "purpose")},
        "traffic": traffic_text(flow),
        "expect": expected,
        "verdict": verdict,
        "as_expected": as_expected,
        "open": list(answer.open),
        "reason": decision.reason,
        "forward": [s.document() for s in decision.forward],
        "back": [s.document() for s in decision.back],
    }


def _row(whole: Network, parties: Mapping[str, list[Party]], source: str, destination: str) -> Document:
    """What passes of all traffic between two parties."""
    found = [core.analyse(whole, a, b, Traffic()) for a in parties[source] for b in parties[destination]]
    answer = _together(found)
    return {
        "source": source,
        "destination": destination,
        "open": list(answer.open),
        "undecided": list(answer.undecided),
        "reason": None if answer.open else answer.decision.reason,
    }


def _together(answers: list[core.Answer]) -> core.Answer:
    """Several answers as one: for the ports of a flow, for the places of a party."""
    verdicts = {a.verdict for a in answers}
    first = answers[0]
    if len(verdicts) == 1 and len(answers) == 1:
        return first
    whole = core.PARTLY if {core.REACHABLE, core.BLOCKED} <= verdicts or core.PARTLY in verdicts else core.UNDECIDED
    shown = next((a for v in (core.BLOCKED, core.PARTLY, core.UNDECIDED) for a in answers if a.verdict == v), first)
    return replace(
        shown,
        verdict=first.verdict if len(verdicts) == 1 else whole,
        open=tuple(dict.fromkeys(t for a in answers for t in a.open)),
        undecided=tuple(dict.fromkeys(t for a in answers for t in a.undecided)),
        passing=next((a.passing for a in answers if a.passing), None),
    )


def traffic_of(flow: Document) -> list[Traffic]:
    """A flow's traffic, one for each range of its ports."""
    text = str(flow.get("protocol") or "all").lower()
    protocol = None if text == "all" else core.NUMBERS.get(text) or int(text)
    source = _span(flow["source_ports"]) if flow.get("source_ports") else core.CLIENT_PORTS
    ports = [_span(p) for p in flow.get("ports") or []] or [core.PORTS]
    return [Traffic(protocol, span, source, flow.get("icmp_type"), flow.get("icmp_code")) for span in ports]


def traffic_text(flow: Document) -> str:
    words = [str(flow.get("protocol") or "all").lower(), ",".join(str(p) for p in flow.get("ports") or [])]
    if flow.get("icmp_type") is not None:
        code = flow.get("icmp_code")
        words.append(f"{flow['icmp_type']}" + ("" if code is None else f"/{code}"))
    return " ".join(w for w in words if w)


def _span(text: Any) -> core.Span:
    low, _dash, high = str(text).partition("-")
    return int(low), int(high or low)


# --- what is wrong with options ----------------------------------------------------------------------------------


def _party_problems(parties: list[Document]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for index, party in enumerate(parties):
        path, name = f"parties[{index}]", party["name"]
        if name in seen:
            yield f"{path}.name: {name!r} is already that of parties[{seen[name]}]"
        seen.setdefault(name, index)
        own = [k for k in ("subnet", "groups", "address") if party.get(k)]
        if party.get("service"):
            for option in own:
                yield f"{path}.{option}: a service has none, it is outside of the VCN"
        elif not own:
            yield f"{path}: needs subnet, groups, address or service"
        if party.get("address") and not holds_unknown(party):
            try:
                core.span_of(party["address"])
            except ValueError as error:
                yield f"{path}.address: {error}"


def _flow_problems(options: Document) -> Iterator[str]:
    names = {p["name"] for p in options["parties"]}
    for index, flow in enumerate(options.get("flows") or []):
        path = f"flows[{index}]"
        for end in ("source", "destination"):
            if flow[end] not in names:
                yield f"{path}.{end}: {flow[end]!r} is not a name of parties ({', '.join(sorted(names))})"
        protocol = str(flow.get("protocol") or "all").lower()
        number = core.NUMBERS.get(protocol, int(protocol) if protocol.isdigit() else -1)
        if protocol != "all" and not 0 <= number <= 255:
            yield f"{path}.protocol: {flow['protocol']!r} is neither tcp, udp, icmp, all nor a number up to 255"
        for option in ("ports", "source_ports"):
            rows = flow.get(option) or []
            if rows and number not in (core.TCP, core.UDP):
                yield f"{path}.{option}: needs protocol tcp or udp, not {protocol}"
            many = isinstance(rows, list)
            for place, text in enumerate(rows if many else [rows]):
                if problem := _port_problem(text):
                    yield f"{path}.{option}{f'[{place}]' if many else ''}: {problem}"
        if flow.get("icmp_type") is not None and number != core.ICMP:
            yield f"{path}.icmp_type: needs protocol icmp, not {protocol}"
        if flow.get("icmp_code") is not None and flow.get("icmp_type") is None:
            yield f"{path}.icmp_code: needs icmp_type"


def _port_problem(text: Any) -> str:
    try:
        low, high = _span(text)
    except ValueError:
        return f"{text!r} is neither a port nor a range such as 30000-32767"
    return "" if 1 <= low <= high <= 65535 else f"{text} is not a range within 1-65535"


# --- parties -----------------------------------------------------------------------------------------------------


class _Parties:
    """Finds what the parties' names and addresses mean. All that is wrong is reported at once."""

    def __init__(self, place: _Declared | _Observed, warn: Callable[[str], None]) -> None:
        self.place, self.warn = place, warn
        self.problems: list[str] = []

    def all(self, rows: list[Document]) -> dict[str, list[Party]]:
        found = {row["name"]: self._party(f"parties[{n}]", row) for n, row in enumerate(rows)}
        if self.problems:
            raise ResourceError("\n".join(self.problems))
        self.place.learn_rules(sorted({g for parties in found.values() for p in parties for g in p.groups}))
        return found

    def _party(self, path: str, row: Document) -> list[Party]:
        known = self.place.network.groups
        groups = tuple(
            self._find(f"{path}.groups[{n}]", "network_security_group", known, g)
            for n, g in enumerate(row.get("groups") or [])
        )
        party = Party(row["name"], groups=groups, public=row.get("public"))
        if row.get("service"):
            return [replace(party, service=self.place.label(row["service"]))]
        blocks = self.place.network.blocks
        if row.get("address"):
            low, high = core.span_of(row["address"])
            if not any(b[0] <= low and high <= b[1] for b in blocks):
                if row.get("subnet") or groups:
                    self.problems.append(
                        f"{path}.address: {row['address']} is not in the VCN, so no subnet or group is"
                    )
                single = low == high
                return [replace(party, spans=((low, high),) if single else core.internet((low, high), blocks))]
            return self._inside(path, row, party, (low, high))
        if row.get("subnet"):
            subnet_id = self._find(f"{path}.subnet", "subnet", self.place.network.subnets, row["subnet"])
            subnet = self.place.network.subnets.get(subnet_id)
            return [replace(party, subnet_id=subnet_id, spans=(core.span_of(subnet["cidr_block"]),))] if subnet else []
        members = self.place.members(groups)
        if not members and not self.problems:
            self.problems.append(
                f"{path}: no VNIC is seen in {', '.join(row['groups'])}: name the subnet too that the group is for"
            )
        return [
            replace(party, subnet_id=s, groups=g, spans=(core.span_of(self.place.network.subnets[s]["cidr_block"]),))
            for s, g in members
        ]

    def _inside(self, path: str, row: Document, party: Party, span: core.Span) -> list[Party]:
        subnets = self.place.network.subnets
        holding = [
            i
            for i, s in subnets.items()
            if (b := core.span_of(s["cidr_block"])) and b[0] <= span[0] and span[1] <= b[1]
        ]
        if not holding:
            self.problems.append(f"{path}.address: {row['address']} is in the VCN, but in none of its subnets")
            return []
        party = replace(party, subnet_id=holding[0], spans=(span,))
        if row.get("subnet"):
            named = self._find(f"{path}.subnet", "subnet", subnets, row["subnet"])
            if named and named != holding[0]:
                other = subnets[holding[0]]["display_name"]
                self.problems.append(f"{path}.address: {row['address']} is in subnet {other}, not in {row['subnet']}")
        if row.get("groups") is not None or span[0] != span[1]:
            return [party]
        groups, public = self.place.vnic(holding[0], str(ipaddress.IPv4Address(span[0])))
        if groups is None:
            self.warn(f"{path}: no VNIC with {row['address']} is seen: only its subnet's security lists are looked at")
        return [replace(party, groups=tuple(groups or ()), public=public if party.public is None else party.public)]

    def _find(self, path: str, kind: str, documents: Mapping[str, Document], wanted: str) -> str:
        if wanted in documents:
            return wanted
        found = [i for i, d in documents.items() if d.get("display_name") == wanted]
        word = kind.replace("_", " ")
        if len(found) > 1:
            self.problems.append(f"{path}: several have the name {wanted!r}: {', '.join(found)}; give the OCID")
        elif not found:
            names = ", ".join(sorted(str(d.get("display_name")) for d in documents.values())) or "none"
            self.problems.append(f"{path}: the VCN has no {word} {wanted!r}; it has {names}")
        return found[0] if len(found) == 1 else ""


# --- a network as it is ------------------------------------------------------------------------------------------


class _Observed:
    """A VCN read from the service: one list a type, side by side, and the rules of those groups that count."""

    def __init__(self, session: Session, options: Document) -> None:
        self.session = session
        self.client = session.client(network.CLIENT)
        vcn = to_document(session.call(self.client, network.VCN.get_operation, options["vcn_id"]).data)
        self.compartment_id = str(options.get("compartment_id") or vcn["compartment_id"])
        self._vnics: dict[str, Document | None] = {}
        self._pools: list[Document] | None = None

        def rows(type_: ResourceType) -> list[Document]:
            arguments = {"compartment_id": self.compartment_id, "vcn_id": vcn["id"], **type_.list_constants}
            return [r for r in session.rows(self.client, type_.list_operation, **arguments) if type_.states.living(r)]

        listed = dict(zip((t.name for t in READ), side_by_side(rows, READ), strict=True))
        by_id = {name: {r["id"]: r for r in found} for name, found in listed.items()}
        self._add_missing(by_id)
        gateways = {i: {**d, "kind": t.name} for t in GATEWAYS for i, d in by_id[t.name].items()}
        self._services: list[Document] = []
        self.network = Network(
            vcn,
            by_id["subnet"],
            by_id["route_table"],
            by_id["security_list"],
            by_id["network_security_group"],
            gateways,
            {s["service_id"]: s["service_id"] for g in gateways.values() for s in g.get("services") or []},
        )

    def _add_missing(self, found: dict[str, dict[str, Document]]) -> None:
        """What subnets name and no list shows is in another compartment."""
        subnets = list(found["subnet"].values())
        wanted: list[tuple[ResourceType, str]] = []
        for type_, named in (
            (network.ROUTE_TABLE, [s.get("route_table_id") for s in subnets]),
            (network.SECURITY_LIST, [i for s in subnets for i in s.get("security_list_ids") or []]),
        ):
            wanted += [(type_, str(i)) for i in dict.fromkeys(named) if i and i not in found[type_.name]]

        def get(item: tuple[ResourceType, str]) -> Document:
            answer: Document = to_document(self.session.call(self.client, item[0].get_operation, item[1]).data)
            return answer

        for (type_, identifier), document in zip(wanted, side_by_side(get, wanted), strict=True):
            found[type_.name][identifier] = document

    def learn_rules(self, groups: Iterable[str]) -> None:
        """Reads the rules of groups, and the services' labels where a gateway or a party needs them."""
        wanted = list(groups)
        operation = "list_network_security_group_security_rules"
        rules = side_by_side(lambda g: self.session.rows(self.client, operation, g), wanted)
        known = {i: dict(d) for i, d in self.network.groups.items()}
        for group, rows in zip(wanted, rules, strict=True):
            known[group]["security_rules"] = rows
        services = {s["id"]: s["cidr_block"] for s in self._all_services()} if self.network.services else {}
        self.network = replace(self.network, groups=known, services=services)

    def label(self, name: str) -> str:
        if name != network.ALL_SERVICES:
            return name
        return next((str(s["cidr_block"]) for s in self._all_services() if s["cidr_block"].startswith("all")), name)

    def _all_services(self) -> list[Document]:
        if not self._services:
            self._services = self.session.rows(self.client, "list_services")
        return self._services

    def members(self, groups: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
        """Where the VNICs are that are in all of these groups: subnets, with the groups of the VNICs there."""
        if not groups or not all(groups):
            return []
        rows = self.session.rows(self.client, "list_network_security_group_vnics", groups[0])
        found = side_by_side(self._vnic, [str(r["vnic_id"]) for r in rows[:MEMBER_CALLS]])
        places = [
            (str(v["subnet_id"]), tuple(v.get("nsg_ids") or ()))
            for v in found
            if v and set(groups) <= set(v.get("nsg_ids") or ()) and v["subnet_id"] in self.network.subnets
        ]
        return list(dict.fromkeys(places))

    def vnic(self, subnet_id: str, address: str) -> tuple[list[str] | None, bool | None]:
        """The groups of the VNIC with an address, and whether it has a public one; a pod's groups are its pool's."""
        rows = self.session.rows(self.client, "list_private_ips", subnet_id=subnet_id, ip_address=address)
        vnic = self._vnic(str(rows[0]["vnic_id"])) if rows and rows[0].get("vnic_id") else None
        if vnic:
            return list(vnic.get("nsg_ids") or []), bool(vnic.get("public_ip"))
        for pool in self._virtual_node_pools():
            pods = pool.get("pod_configuration") or {}
            if pods.get("subnet_id") == subnet_id:
                return list(pods.get("nsg_ids") or []), False
        return None, None

    def _vnic(self, identifier: str) -> Document | None:
        """A VNIC; None where it is a service's own, which nobody else sees."""
        try:
            vnic: Document = to_document(self.session.call(self.client, "get_vnic", identifier).data)
        except CloudError as error:
            if error.status != 404:
                raise
            return None
        return vnic

    def _virtual_node_pools(self) -> list[Document]:
        if self._pools is None:
            type_, client = VIRTUAL_NODE_POOL, self.session.client(VIRTUAL_NODE_POOL.client)
            rows = self.session.rows(client, type_.list_operation, compartment_id=self.compartment_id)
            self._pools = [r for r in rows if type_.states.living(r)]
        return self._pools


# --- a network as it is declared ---------------------------------------------------------------------------------


@dataclass
class _Declared:
    """A VCN from the options of ``virtual_network``. What is declared is known by its name."""

    options: Document
    network: Network = field(init=False)

    def __post_init__(self) -> None:
        self.network = declared_network(self.options)

    def learn_rules(self, groups: Iterable[str]) -> None:
        """They are declared."""

    def label(self, name: str) -> str:
        return name

    def members(self, groups: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
        return []

    def vnic(self, subnet_id: str, address: str) -> tuple[list[str] | None, bool | None]:
        return None, None


def declared_network(options: Document) -> Network:
    """The network that ``virtual_network`` would make of its options, every OCID being a name.

    Raises ResourceError with every option that is not one of ``virtual_network``, and every name of nothing.
    """
    declared = _checked({"compartment_id": "declared", **options})
    problems = [f"declared.{p}" for p in declaration_problems(declared)]
    find = _Names(declared, problems)
    blocks = declared["vcn"].get("cidr_blocks") or []
    vcn = {**declared["vcn"], "id": declared["vcn"]["display_name"]}
    icmp = [{"source": b, "protocol": "1", "icmp_options": {"type": 3}} for b in blocks]
    own = declared.get("default_security_list") or {
        "ingress_security_rules": [*DEFAULT_INGRESS, *icmp],
        "egress_security_rules": [{"destination": "0.0.0.0/0", "protocol": "all"}],
    }
    default = f"Default Security List for {vcn['id']}"
    default_table = f"Default Route Table for {vcn['id']}"
    lists = {default: {"id": default, "display_name": default, **own}}
    lists |= find.documents("security_lists", network.SECURITY_LIST)
    tables: dict[str, Document] = {default_table: {"id": default_table, "display_name": default_table}}
    tables |= find.documents("route_tables", network.ROUTE_TABLE)
    subnets = find.documents("subnets", network.SUBNET)
    for subnet in subnets.values():
        subnet.setdefault("route_table_id", default_table)
        subnet.setdefault("security_list_ids", [default])
    gateways = {
        name: {**document, "kind": type_.name}
        for type_ in GATEWAYS
        for name, document in find.documents(f"{type_.name}s", type_).items()
    }
    groups = find.documents("network_security_groups", network.NETWORK_SECURITY_GROUP)
    if problems:
        raise ResourceError("\n".join(dict.fromkeys(problems)))
    return Network(vcn, subnets, tables, lists, groups, gateways)


def _checked(options: Document) -> Document:
    """The options as ``virtual_network`` takes them."""
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    spec = VirtualNetwork().argument_spec()
    result = ArgumentSpecValidator(spec).validate(options)
    if result.error_messages:
        raise ResourceError("\n".join(f"declared: {m}" for m in result.error_messages))
    return given(result.validated_parameters, spec)


class _Names:
    """The parts of a declaration by name, what they name looked for among them."""

    def __init__(self, declared: Document, problems: list[str]) -> None:
        self.declared, self.problems = declared, problems

        def names(option: str) -> set[str]:
            return {str(i["display_name"]) for i in declared.get(option) or []}

        self.known = {
            "route_table": names("route_tables"),
            "security_list": names("security_lists"),
            "network_security_group": names("network_security_groups"),
            "gateway": {n for t in GATEWAYS for n in names(f"{t.name}s")},
        }

    def documents(self, option: str, type_: ResourceType) -> dict[str, Document]:
        made: dict[str, Document] = {}
        for index, item in enumerate(self.declared.get(option) or []):
            document = {**item, "id": item["display_name"]}
            document = spread(type_.all_fields, document)[0]
            for where, kind, name in references(type_.all_fields, document, f"declared.{option}[{index}]"):
                if kind in self.known and name not in self.known[kind]:
                    self.problems.append(f"{where}: no {kind.replace('_', ' ')} {name!r} is declared")
            made[document["id"]] = document
        return made


__all__ = ["TASKS", "NetworkPath", "declared_network", "traffic_of", "traffic_text"]
