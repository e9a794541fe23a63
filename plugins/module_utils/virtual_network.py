# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole virtual cloud network as one declaration: its parts refer to each other by name."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Document,
    ResourceType,
    is_name,
    is_unknown,
    spread,
)
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.reader import public, the_one
from ansible_collections.okestack.oci.plugins.module_utils.resource_set import (
    Node,
    ResourceSet,
    SetOutcome,
    removed,
)
from ansible_collections.okestack.oci.plugins.module_utils.run import (
    COMMON_OPTIONS,
    Context,
    Task,
    change_of,
    given,
    option_of,
)
from ansible_collections.okestack.oci.plugins.module_utils.types import network
from ansible_collections.okestack.oci.plugins.module_utils.wish import Wish

VCN = network.VCN
PARTS: dict[str, ResourceType] = {
    "public_ips": network.PUBLIC_IP,
    "internet_gateways": network.INTERNET_GATEWAY,
    "nat_gateways": network.NAT_GATEWAY,
    "service_gateways": network.SERVICE_GATEWAY,
    "route_tables": network.ROUTE_TABLE,
    "security_lists": network.SECURITY_LIST,
    "network_security_groups": network.NETWORK_SECURITY_GROUP,
    "subnets": network.SUBNET,
    "capture_filters": network.CAPTURE_FILTER,
    "vtaps": network.VTAP,
}
"""Option -> the type of its items; each comes after what it may use, but for the groups, which may use each other."""

GATEWAYS = ("internet_gateways", "nat_gateways", "service_gateways")


def _item_options(type_: ResourceType, skip: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
    spec: dict[str, dict[str, Any]] = {"id": {"type": "str"}} if "id" in type_.address else {}
    for field in type_.all_fields:
        if field.name not in skip:
            spec[field.name] = {**option_of(field), **({"required": True} if field.required else {})}
    return spec


class VirtualNetwork:
    """Keeps a declared network: a VCN and all its parts."""

    name = "virtual_network"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        spec: dict[str, dict[str, Any]] = {k: dict(v) for k, v in COMMON_OPTIONS.items() if k != "id"}
        spec["compartment_id"] = {"type": "str", "required": True}
        spec["freeform_tags"] = {"type": "dict"}
        spec["defined_tags"] = {"type": "dict"}
        spec["purge_tags"] = {"type": "bool", "default": False}
        skip = ("compartment_id", "vcn_id")
        spec["vcn"] = {"type": "dict", "required": True, "options": _item_options(VCN, skip)}
        del spec["vcn"]["options"]["cidr_blocks"]["required"]  # not to remove it
        for option, type_ in PARTS.items():
            spec[option] = {"type": "list", "elements": "dict", "options": _item_options(type_, skip)}
        spec["default_security_list"] = {
            "type": "dict",
            "options": {
                k: v
                for k, v in _item_options(network.SECURITY_LIST, skip).items()
                if k in ("ingress_security_rules", "egress_security_rules")
            },
        }
        return spec

    def execute(self, params: Document, context: Context) -> Document:
        declared = given(params, self.argument_spec())
        if declared.get("state") == "absent":
            return self._absent(declared, context)
        nodes, session = _nodes(declared), context.session
        whole = _whole(session, nodes, declared)
        problems = [*declaration_problems(declared), *_field_problems(nodes), *whole.unknown()]
        problems = problems or list(whole.unknown_to_the_region())
        if problems:
            raise ResourceError("\n".join(dict.fromkeys(problems)))
        outcome = whole.present(partial(_there, session.look(), nodes, declared), context.check_mode)
        called = {"vcn": f"vcn {declared['vcn']['display_name']}"}
        return {
            "changed": outcome.changed,
            "virtual_network": _facts(nodes, outcome),
            **_diff(outcome, called, declared),
        }

    def look(self, params: Document, session: Session) -> None:
        """Reads what is there, so that the task itself need not."""
        declared = given(params, self.argument_spec())
        nodes = _nodes(declared)
        whole, look = _whole(session, nodes, declared), session.look()
        reads: list[Callable[[], object]] = [
            lambda: list(whole.unknown_to_the_region()),
            lambda: whole.look(_there(look, nodes, declared)),
        ]
        side_by_side(lambda read: read(), reads)

    def _absent(self, declared: Document, context: Context) -> Document:
        """Removes the VCN of that name with all parts in it that carry the tags given, those that use others first.

        What is in the compartment rather than in the VCN goes only where the declaration names it.
        """
        tags = (declared.get("freeform_tags") or {}).items()
        named = {t.name: {i["display_name"] for i in declared.get(o) or []} for o, t in PARTS.items() if not t.parent}
        kinds = {t.name for t in PARTS.values() if t.parent or named[t.name]}
        listings = _listings(context.session, declared["compartment_id"], declared["vcn"], kinds)
        vcn = the_one(VCN, "vcn", listings.get(VCN.name, []))
        made_with_it = {v for k, v in (vcn or {}).items() if k.startswith("default_")}
        stages = [
            [
                (type_, row)
                for row in listings.get(type_.name, [])
                if type_.states.living(row)
                and row["id"] not in made_with_it
                and (type_.name not in named or row["display_name"] in named[type_.name])
                and tags <= (row.get("freeform_tags") or {}).items()
            ]
            for type_ in (*reversed(PARTS.values()), VCN)
        ]
        outcome = removed(context.session, _template(declared), stages, context.check_mode)
        return {"changed": outcome.changed, "virtual_network": None, **_diff(outcome, {}, declared)}


def _whole(session: Session, nodes: list[Node], declared: Document) -> ResourceSet:
    constants = {kind: partial(mean, session.look()) for kind, mean in network.SERVICES.items()}
    return ResourceSet(session, nodes, _template(declared), partial(_key, _names(nodes)), constants)


def _template(declared: Document) -> Wish:
    """What the wishes for all parts have in common."""
    return Wish(
        purge_tags=bool(declared.get("purge_tags")),
        allow_replace=bool(declared.get("allow_replace")),
        wait=declared.get("wait", True),
        wait_timeout=float(declared.get("wait_timeout", VCN.wait_timeout)),
        wait_interval=float(declared.get("wait_interval", 10.0)),
    )


TASKS: tuple[Task, ...] = (VirtualNetwork(),)


# --- from the declaration to nodes -------------------------------------------------------------------------------


def _nodes(declared: Document) -> list[Node]:
    """The resources of a declaration. A group's rules are a node of their own: groups may name each other."""
    common = {k: declared[k] for k in ("compartment_id", "freeform_tags", "defined_tags") if k in declared}
    vcn = {**common, **declared["vcn"]}
    own = vcn.pop("id", None)
    nodes = [Node("vcn", VCN, "vcn", vcn, own_id=own)]
    if "default_security_list" in declared:
        nodes.append(
            Node(
                "default_security_list",
                network.SECURITY_LIST,
                "default_security_list",
                dict(declared["default_security_list"]),
                id_of=("vcn", "default_security_list_id"),
                title="(the VCN's default)",
            )
        )
    for option, type_ in PARTS.items():
        for index, item in enumerate(declared.get(option) or []):
            path, name = f"{option}[{index}]", item.get("display_name")
            fields = {**common, **item, **({type_.parent: "vcn"} if type_.parent else {})}
            fields["freeform_tags"] = {**common.get("freeform_tags", {}), **item.get("freeform_tags", {})}
            if not fields["freeform_tags"]:
                del fields["freeform_tags"]
            id_ = fields.pop("id", None)
            key = f"{type_.name} {name}" + (f" ({id_})" if id_ else "")
            if type_ is network.VTAP and is_name(fields["source_id"]):
                fields.setdefault("source_type", "SUBNET")
            rules = fields.pop("security_rules", None) if type_ is network.NETWORK_SECURITY_GROUP else None
            nodes.append(Node(key, type_, path, fields, own_id=id_))
            if rules is not None:
                own, rows, _problems = spread(type_.all_fields, {"security_rules": rules})
                nodes.append(Node(f"{key} rules", type_, path, own, (key, "id"), title=str(name), rows=rows))
    return nodes


def _names(nodes: Iterable[Node]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    twice: set[tuple[str, str]] = set()
    for node in nodes:
        if node.id_of is None:
            name = (node.type.name, str(node.fields["display_name"]))
            twice |= {name} & found.keys()
            found[name] = node.key
    return {name: key for name, key in found.items() if name not in twice}  # of two, a name says neither


def _key(names: Mapping[tuple[str, str], str], kind: str, name: str) -> str:
    if kind == "vcn":
        return "vcn"
    if kind == "gateway":
        for option in GATEWAYS:
            if (PARTS[option].name, name) in names:
                return names[(PARTS[option].name, name)]
    return names[(kind, name)]


# --- what is wrong with a declaration ----------------------------------------------------------------------------


def _field_problems(nodes: Iterable[Node]) -> Iterable[str]:
    for node in nodes:
        for problem in node.type.problems(node.fields):
            yield node.with_path(problem)


def declaration_problems(declared: Document) -> Iterable[str]:
    """Names given twice, subnets outside of the VCN or over each other: all of them, each with its path."""
    for option in PARTS:
        seen: dict[str, int] = {}
        for index, item in enumerate(declared.get(option) or []):
            name = item.get("display_name")
            if name in seen and not item.get("id"):
                yield f"{option}[{index}].display_name: {name!r} is already that of {option}[{seen[name]}]"
            seen.setdefault(str(name), index)
    for option, type_ in PARTS.items():
        for index, item in enumerate(declared.get(option) or []):
            yield from (f"{option}[{index}].{problem}" for problem in spread(type_.all_fields, item)[2])
    yield from _ambiguous_gateways(declared)
    blocks = [n for n in (_network(b) for b in declared["vcn"].get("cidr_blocks") or []) if n]
    placed: list[tuple[str, Any]] = []
    for index, subnet in enumerate(declared.get("subnets") or []):
        path, cidr = f"subnets[{index}].cidr_block", _network(subnet.get("cidr_block"))
        if cidr is None:
            continue
        if blocks and not any(cidr.version == b.version and cidr.subnet_of(b) for b in blocks):
            yield f"{path}: {cidr} is outside of the VCN's {', '.join(str(b) for b in blocks)}"
        for where, other in placed:
            if cidr.overlaps(other):
                yield f"{path}: {cidr} overlaps {where} ({other})"
        placed.append((path, cidr))


def _ambiguous_gateways(declared: Document) -> Iterable[str]:
    """Gateways of different kinds that have a name in common by which a route goes."""
    named = {r["network_entity_id"] for t in declared.get("route_tables") or [] for r in t.get("route_rules") or []}
    first: dict[str, str] = {}
    for option in GATEWAYS:
        for index, item in enumerate(declared.get(option) or []):
            name, where = item["display_name"], f"{option}[{index}]"
            other = first.setdefault(name, where)
            if name in named and not other.startswith(option):
                yield f"{where}.display_name: {name!r} is also that of {other}, which a route names"


def _network(value: Any) -> Any:
    if is_unknown(value):
        return None
    try:
        return ipaddress.ip_network(str(value))
    except ValueError:
        return None  # reported by the type's own check


# --- looking, and telling ----------------------------------------------------------------------------------------


def _there(session: Session, nodes: Iterable[Node], declared: Document) -> dict[str, list[Document]]:
    """What is there of the kinds that a declaration names."""
    return _listings(session, declared["compartment_id"], declared["vcn"], {n.type.name for n in nodes})


def _listings(
    session: Session, compartment_id: str, vcn: Document, kinds: Collection[str]
) -> dict[str, list[Document]]:
    """What is there of some kinds: one list a type, side by side; nothing of what is in a VCN that is not there, by
    its id if that is given, else by its name."""
    if is_unknown(compartment_id):
        return {}
    client = session.client(network.CLIENT)

    def rows(type_: ResourceType, **narrow: str) -> list[Document]:
        arguments = {**type_.list_constants, "compartment_id": compartment_id, **narrow}
        return session.rows(client, type_.list_operation, **arguments)

    def lists(types: Sequence[ResourceType], **narrow: str) -> dict[str, list[Document]]:
        found = side_by_side(lambda type_: rows(type_, **narrow), types)
        return {type_.name: listed for type_, listed in zip(types, found, strict=True)}

    def within() -> dict[str, list[Document]]:
        given, name = vcn.get("id"), vcn["display_name"]
        vcns = rows(VCN) if given else rows(VCN, display_name=name)
        living = [
            v for v in vcns if VCN.states.living(v) and (v["id"] == given if given else v["display_name"] == name)
        ]
        parts = lists([t for t in wanted if t.parent], vcn_id=living[0]["id"]) if len(living) == 1 else {}
        return {VCN.name: living, **parts}

    def beside() -> dict[str, list[Document]]:
        return lists([t for t in wanted if not t.parent])

    wanted = [t for t in PARTS.values() if t.name in kinds]
    looks: list[Callable[[], dict[str, list[Document]]]] = [within, beside]
    return {name: listed for found in side_by_side(lambda look: look(), looks) for name, listed in found.items()}


def _facts(nodes: Iterable[Node], outcome: SetOutcome) -> Document:
    """The network as templates use it: ``vcn``, and each kind of part by name."""
    facts: Document = {"vcn": public(outcome.outcomes["vcn"].resource), **{option: {} for option in PARTS}}
    options = {t.name: o for o, t in PARTS.items()}
    for node in nodes:
        if node.id_of is None and node.key != "vcn":
            facts[options[node.type.name]][node.fields["display_name"]] = public(outcome.outcomes[node.key].resource)
    return facts


def _diff(outcome: SetOutcome, names: Mapping[str, str], declared: Document) -> Document:
    """Diff and changes; ``names``: what people call a node, where its key does not say it."""
    there = {k: o for k, o in outcome.outcomes.items() if o.plan.changes}
    changed = {k: o.plan for k, o in there.items()}
    if not changed:
        return {}
    before = {k: p.before for k, p in changed.items() if p.kind != "create"}
    after = {k: p.after for k, p in changed.items() if p.kind != "delete"}
    changes = [change_of(names.get(key, key), one) for key, one in there.items()]
    counts = Counter(row["change"] for row in changes)
    summary = ", ".join(f"{n} {v}" for v, n in counts.items())
    network = f"virtual_network {declared['vcn']['display_name']}"
    headers = {"before_header": network, "after_header": f"{network} ({summary})"}
    return {"changes": changes, "diff": {**headers, "before": before, "after": after}}
