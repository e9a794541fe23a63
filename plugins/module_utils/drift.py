# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs from a declaration, what of it is gone, what belongs to nobody.

The declaration is what the site's roles ask for: the door records what each of their tasks keeps and what it would
change (``recording``). What is in the compartments beside that is one list a type (``info.survey``). Judging is pure.
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError
from ansible_collections.okestack.oci.plugins.module_utils.info import known_types, survey
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    COMPONENT,
    DEPLOYMENT,
    OWNER_LABEL,
    Document,
    ResourceType,
)
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task
from ansible_collections.okestack.oci.plugins.module_utils.types.identity import POLICY
from ansible_collections.okestack.oci.plugins.module_utils.types.load_balancer import LOAD_BALANCER

DIFFERS, GONE, LEFT_OVER, UNMANAGED, UNKNOWN = "differs", "gone", "left_over", "unmanaged", "unknown"
KINDS = (DIFFERS, GONE, LEFT_OVER, UNMANAGED)
MOST_SHOWN = 50
"""Findings of one kind that the table names; the rest is counted."""
SYSTEM = ("kube-system", "kube-public", "kube-node-lease")
_WORDS = {"created": GONE, "changed": DIFFERS, "replaced": DIFFERS}


# --- judging -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """One thing that is not as declared. ``holder``: the OCID of what it lives in, where that is a finding too."""

    kind: str
    type: str
    name: str
    id: str | None = None
    what: str = ""
    before: Any = None
    after: Any = None
    repaired: bool = False
    holder: str | None = None

    def document(self) -> Document:
        return dict(vars(self))


def changed(seen: Iterable[Mapping[str, Any]], repaired: bool) -> Iterator[Finding]:
    """What tasks would change, or have: each thing once, though several tasks ask for it.

    What is only made together with something that is gone (a group's rules, the VCN's own security list) is part of it.
    """
    rows = [row for one in seen for row in one.get("changes") or []]
    gone = {str(row["name"]) for row in rows if row["change"] == "created"}
    vcn_gone = any(name.startswith("vcn ") for name in gone)
    reported: set[tuple[str, str]] = set()
    for row in rows:
        kind, name = _WORDS.get(row["change"], LEFT_OVER), str(row["name"])
        part = name.removesuffix(" rules") in gone or (name == "default_security_list" and vcn_gone)
        if (kind, name) in reported or (kind == DIFFERS and part):
            continue
        reported.add((kind, name))
        type_, _blank, own = name.partition(" ")
        before, after = row.get("before"), row.get("after")
        what = "needs a new one: " if row["change"] == "replaced" else ""
        what += ", ".join(_fields(before, after)) if kind == DIFFERS else ""
        yield Finding(kind, type_, own, None, what, before, after, repaired)


def _fields(before: Any, after: Any) -> list[str]:
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return []
    return [_field(name, before.get(name), after.get(name)) for name in sorted({*before, *after})]


def _field(name: str, before: Any, after: Any) -> str:
    plain = all(isinstance(v, (str, int, float, bool, type(None))) and len(str(v)) <= 40 for v in (before, after))
    return f"{name} is {_shown(before)}, not {_shown(after)}" if plain else name


def _shown(value: Any) -> str:
    return "nothing" if value in (None, "") else str(value)


def beside(
    found: Iterable[tuple[ResourceType, Document]],
    declared: Iterable[str],
    deployment: str,
    whole: bool,
    services: Sequence[str] | None,
    spaces: Collection[str] = (),
) -> Iterator[Finding]:
    """What lists show that no task keeps: of the deployment (left over) or of nobody (unmanaged).

    ``whole``: all tasks said what they keep. ``services``: uids of the cluster's Services, by which load balancers are
    called; None: they could not be asked. ``spaces``: namespaces in which the deployment has an application, this
    one or one beside it, whose grants are not left over.
    """
    declared = {*declared}
    rows = [(t, d) for t, d in found if t.states.living(d) and t.states.of(d) not in t.states.scheduled]
    known = {*declared}
    for _type, document in rows:  # a VCN's own security list and route table are part of it
        known |= {v for k, v in document.items() if k.startswith("default_") and k.endswith("_id")}
    stray: dict[str, Finding] = {}
    holders: dict[str, str | None] = {}
    for type_, document in rows:
        tags, id_ = document.get("freeform_tags") or {}, str(document.get("id"))
        if id_ in known:
            continue
        made = Finding(UNMANAGED, type_.name, str(document.get(type_.name_field)), id_)
        if tags.get(DEPLOYMENT) == deployment:
            if type_ is LOAD_BALANCER:
                if services is None or document.get("display_name") in services:
                    continue
                made = replace(made, what="no Service of the cluster has it")
            elif not whole:
                continue  # who declares it may not have been asked
            elif type_ is POLICY and _of_workloads(document, declared, spaces):
                continue  # it goes with its application, or with the cluster
            made = replace(made, kind=LEFT_OVER, what=made.what or "carries the deployment's tags, no role declares it")
        elif DEPLOYMENT in tags or COMPONENT in tags:
            continue  # another deployment's, or shared by all
        stray[id_] = made
        holders[id_] = document.get(type_.parent) if type_.parent else None
    for id_, one in stray.items():
        holder = holders[id_]
        yield replace(one, holder=holder if holder in stray else None)


def _of_workloads(policy: Mapping[str, Any], clusters: Collection[str], spaces: Collection[str]) -> bool:
    """Whether it lets workloads read that are there: of a declared cluster, in a namespace with an application."""
    text = " ".join(policy.get("statements") or ())
    named = set(re.findall(r"request\.principal\.cluster_id\s*=\s*'([^']+)'", text))
    where = set(re.findall(r"request\.principal\.namespace\s*=\s*'([^']+)'", text))
    return bool(named & {*clusters} and where & {*spaces})


def objects_beside(objects: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Kubernetes objects that no role applied and no other object owns, outside of the system's namespaces."""
    for thing in objects:
        meta = thing.get("metadata") or {}
        space, name = meta.get("namespace"), str(meta.get("name"))
        if space in SYSTEM or meta.get("ownerReferences") or OWNER_LABEL in (meta.get("labels") or {}):
            continue
        if (thing.get("kind"), space, name) == ("Service", "default", "kubernetes"):
            continue
        yield Finding(UNMANAGED, str(thing.get("kind")), f"{space}/{name}" if space else name, meta.get("uid"))


def _spaces(objects: Iterable[Mapping[str, Any]], deployment: str) -> set[str]:
    """Namespaces with objects that a deployment's roles applied."""
    metas = [thing.get("metadata") or {} for thing in objects]
    owned = [m for m in metas if str((m.get("labels") or {}).get(OWNER_LABEL)).startswith(f"{deployment}.")]
    return {str(m["namespace"]) for m in owned if m.get("namespace")}


def heeded(findings: Iterable[Finding], ignore: Sequence[str]) -> list[Finding]:
    """Without what is to be passed over: OCIDs, and patterns of a type and a name (``vcn landing-*``).

    What lives in an unmanaged resource that is passed over goes with it. What is declared is never passed over.
    """
    rows = list(findings)
    passed = {
        f.id
        for f in rows
        if f.kind in (LEFT_OVER, UNMANAGED)
        and any(f.id == p or fnmatch.fnmatchcase(f"{f.type} {f.name}", p) for p in ignore)
    }
    passed.discard(None)
    return [f for f in rows if f.id not in passed and (f.holder is None or f.holder not in passed)]


def table(findings: Sequence[Finding], deployment: str) -> list[str]:
    """A line for each finding; what lives in a finding is counted there."""
    within = Counter(f.holder for f in findings if f.holder)
    own = [f for f in findings if not f.holder]
    lines = []
    for kind in (UNKNOWN, *KINDS):
        rows = [f for f in own if f.kind == kind]
        for one in rows[:MOST_SHOWN]:
            word = "repaired" if one.repaired else kind.replace("_", " ")
            inside = f"with {count} in it" if (count := within[one.id or ""]) else ""
            more = "; ".join(part for part in (one.what, inside) if part)
            id_ = f" ({one.id})" if one.id else ""
            lines.append(f"{word:11}{f'{one.type} {one.name}'.strip()}{id_}{f': {more}' if more else ''}")
        if len(rows) > MOST_SHOWN:
            lines.append(f"{kind.replace('_', ' '):11}and {len(rows) - MOST_SHOWN} more")
    return lines or [f"{deployment} is as declared, and nothing is beside it"]


# --- the task ----------------------------------------------------------------------------------------------------


class SiteDrift:
    """Judges what the roles' tasks recorded and what is in the compartments beside it; prints a table, returns it."""

    name = "site_drift"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "compartment_ids": {"type": "list", "elements": "str", "required": True},
            "deployment": {"type": "str", "required": True},
            "seen": {"type": "list", "elements": "dict", "required": True},
            "objects": {"type": "list", "elements": "dict"},
            "stopped": {"type": "str"},
            "ignore": {"type": "list", "elements": "str", "default": []},
            "fail_on": {"type": "list", "elements": "str", "choices": list(KINDS), "default": []},
        }

    def execute(self, params: Document, context: Context) -> Document:
        stopped, seen, objects = params.get("stopped"), params["seen"], params.get("objects")
        declared = {i for one in seen for i in one.get("ids") or []}
        findings = [*changed(seen, not context.check_mode)]
        if stopped:
            findings.append(Finding(UNKNOWN, "declaration", "", None, f"compared only up to here: {stopped}"))
        found, unlisted = self._listed(params["compartment_ids"], declared, context)
        findings += [Finding(UNKNOWN, name, "", None, f"not listed: {why}") for name, why in unlisted.items()]
        services = None
        if objects is not None:
            services = [str(o["metadata"]["uid"]) for o in objects if o.get("kind") == "Service"]
            findings += objects_beside(objects)
        elif any(t.name == "oke_cluster" and d.get("id") in declared for t, d in found):
            findings.append(Finding(UNKNOWN, "objects", "in the cluster", None, "the Kubernetes API was not asked"))
        else:
            services = []
        spaces = _spaces(objects or (), params["deployment"])
        findings += beside(found, declared, params["deployment"], not stopped, services, spaces)
        findings = heeded(findings, params["ignore"])
        lines = table(findings, params["deployment"])
        for line in lines:
            context.report(line)
        failing = [f for f in findings if f.kind == UNKNOWN or (f.kind in params["fail_on"] and not f.repaired)]
        return {
            "changed": False,
            "findings": [f.document() for f in findings],
            "counts": {kind: sum(f.kind == kind for f in findings) for kind in (*KINDS, UNKNOWN)},
            "failing": [f.document() for f in failing],
            "table": lines,
        }

    def _listed(
        self, compartments: Iterable[str], declared: set[str], context: Context
    ) -> tuple[list[tuple[ResourceType, Document]], dict[str, str]]:
        """What the compartments hold, of all types that carry tags. Only what is declared is looked into."""
        found: list[tuple[ResourceType, Document]] = []
        unlisted: dict[str, str] = {}

        def refused(name: str, error: CloudError) -> None:
            unlisted[name] = str(error)

        names = [name for name, type_ in known_types().items() if "tags" not in type_.lacks]
        for compartment in dict.fromkeys(compartments):
            found += survey(context.session, names, compartment, refused, lambda d: d.get("id") in declared)
        return found, unlisted


TASKS: tuple[Task, ...] = (SiteDrift(),)
