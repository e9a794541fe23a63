# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks saw of a site, judged hop by hop: ``ok``, ``broken`` or ``unknown``, each with what to do. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.model import Document
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task

OK, BROKEN, UNKNOWN = "ok", "broken", "unknown"
SITE = "run site.yml, which repairs what differs from the inventory"
DOMAIN_LABEL = "oci.oraclecloud.com/fault-domain"
MOST_SHOWN = 10
"""Findings of one kind that are listed one by one; the rest is counted."""


@dataclass(frozen=True)
class Finding:
    """What is known of a hop. ``todo``: what a person does about it, where it is broken."""

    hop: str
    status: str
    what: str
    todo: str = ""

    def document(self) -> Document:
        return {"hop": self.hop, "status": self.status, "what": self.what, "todo": self.todo or None}


Row = tuple[str, str, str]
"""Status, what, and what to do."""
Check = Callable[[Mapping[str, Any], Mapping[str, Any]], Iterable[Row]]


class Unseen(Exception):
    """A result says nothing of what is looked for; the text says why."""


# --- results of tasks --------------------------------------------------------------------------------------------


def seen(result: Mapping[str, Any], key: str) -> Any:
    """What a task returned under a key. Raises Unseen where it failed or was skipped."""
    if result.get(key) is not None:
        return result[key]
    if result.get("skipped") or not result:
        raise Unseen("not looked at: what it takes is not there")
    raise Unseen(str(result.get("msg") or f"the task returned no {key}"))


def rows_of(result: Mapping[str, Any], key: str) -> list[Document]:
    """The same for a list, of all turns of a task that looped."""
    if "results" not in result:
        return list(seen(result, key))
    return [row for turn in result["results"] for row in seen(turn, key)]


# --- checks ------------------------------------------------------------------------------------------------------


def _resource(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """One resource of each name, in a state in which it works. ``key``, ``names``, ``ready``; ``id``: the one that is
    given by its OCID, whatever its name."""
    found = rows_of(result, expected["key"])
    by = expected.get("by", "display_name")
    word = str(expected.get("word") or str(expected["key"]).rstrip("s").replace("_", " "))
    ready = expected.get("ready") or ["ACTIVE", "AVAILABLE", "ENABLED"]
    for name in expected["names"]:
        given = expected.get("id")
        mine = [r for r in found if (r.get("id") == given if given else r.get(by) == name)]
        if not mine and given:
            yield BROKEN, f"there is no {word} {given}", "give the OCID of one that is there, or none"
        elif not mine:
            yield BROKEN, f"there is no {word} {name}", SITE
        for row in mine:
            state = row.get("lifecycle_state")
            summary = f"{word} {row.get(by)} ({row.get('id')}) is {state}"
            if row.get("lifecycle_details") and state not in ready:
                summary += f": {row['lifecycle_details']}"
            if state in ready:
                yield OK, summary, ""
            elif str(state).endswith("ING"):
                yield BROKEN, summary, "wait until the service is done with it, and verify again"
            elif state == "PENDING_DELETION":
                yield BROKEN, summary, "run site.yml, which cancels the deletion"
            else:
                yield BROKEN, summary, f"look at it in the console; {SITE}"
        if len(mine) > 1:
            yield (
                BROKEN,
                f"{len(mine)} have the name {name}",
                "remove the one that nobody uses, or name the right one by its id",
            )


def _answers(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """That whoever was asked answered. ``who``, ``key``."""
    try:
        seen(result, expected["key"])
    except Unseen as error:
        if result.get("skipped") or not result:
            raise
        todo = (
            "see to the route from here to it: the API's group, the address it is reached at, a proxy, the credentials"
        )
        yield BROKEN, f"{expected['who']} does not answer: {error}", todo
    else:
        yield OK, f"{expected['who']} answers", ""


def _paths(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """Rules and routes, as network_path reported them."""
    flows = seen(result, "flows")
    wrong = [f for f in flows if f["as_expected"] is False]
    unsure = [f for f in flows if f["expect"] and f["as_expected"] is None]
    for flow in wrong[:MOST_SHOWN]:
        summary = f"{flow['source']} to {flow['destination']}, {flow['traffic']}"
        why = f" ({flow['purpose']})" if flow.get("purpose") else ""
        if flow["expect"] == "blocked":
            todo = "close it: who must not reach whom is decided by rules; " + SITE
            yield (
                BROKEN,
                f"{summary}{why} should be closed, and is open for {', '.join(flow['open'])}: {flow['reason']}",
                todo,
            )
        else:
            yield BROKEN, f"{summary}{why} is {flow['verdict']}: {flow['reason']}", SITE
    if len(wrong) > MOST_SHOWN:
        yield BROKEN, f"and {len(wrong) - MOST_SHOWN} more", SITE
    for flow in unsure[:MOST_SHOWN]:
        yield UNKNOWN, f"{flow['source']} to {flow['destination']}, {flow['traffic']}: {flow['reason']}", ""
    if flows and not wrong:
        yield OK, f"{len(flows) - len(unsure)} flows are open or closed as they should be", ""


def _nodes(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """Enough nodes Ready, and one in each fault domain. ``size``, ``fault_domains``."""
    nodes = seen(result, "resources")
    ready, todo = [], "look at the virtual node in the console; " + SITE
    for node in nodes:
        name = node["metadata"]["name"]
        state = _condition(node)
        if state.get("status") == "True":
            ready.append(node)
        else:
            summary = state.get("message") or state.get("reason") or "it says nothing"
            yield BROKEN, f"node {name} in {_domain(node)} is not Ready: {summary}", todo
    domains = {_domain(n) for n in ready}
    for missing in sorted(set(expected.get("fault_domains") or []) - domains):
        yield BROKEN, f"no node is Ready in {missing}", todo
    size = int(expected.get("size") or 0)
    if len(nodes) < size:
        yield BROKEN, f"{len(nodes)} of {size} nodes are there", SITE
    if len(ready) == len(nodes) >= size:
        yield OK, f"{len(ready)} of {size or len(nodes)} nodes are Ready, in {', '.join(sorted(domains))}", ""


def _domain(node: Mapping[str, Any]) -> str:
    return str((node["metadata"].get("labels") or {}).get(DOMAIN_LABEL) or "no fault domain")


def _condition(thing: Mapping[str, Any], name: str = "Ready") -> Document:
    rows = (thing.get("status") or {}).get("conditions") or []
    return next((dict(r) for r in rows if r.get("type") == name), {})


def _deployments(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """That all replicas are ready. ``names``: namespace/name."""
    found = {_path(d): d for d in rows_of(result, "resources")}
    for name in expected["names"]:
        one = found.get(name)
        if one is None:
            yield BROKEN, f"there is no deployment {name}", SITE
            continue
        wanted, ready = one["spec"].get("replicas", 1), (one.get("status") or {}).get("readyReplicas", 0)
        if ready < wanted or not wanted:
            why = _condition(one, "Available").get("message") or ""
            todo = f"see what its pods say: kubectl -n {name.partition('/')[0]} describe pods; kubectl logs"
            yield BROKEN, f"{ready} of {wanted} pods of {name} are ready{f': {why}' if why else ''}", todo
        else:
            yield OK, f"{ready} of {wanted} pods of {name} are ready", ""


def _path(thing: Mapping[str, Any]) -> str:
    return f"{thing['metadata'].get('namespace')}/{thing['metadata']['name']}"


def _spread(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """That pods of one kind are on as many nodes as there are, or as there are pods. ``nodes``: the nodes' result."""
    pods = [p for p in seen(result, "resources") if (p.get("status") or {}).get("phase") == "Running"]
    pods = [p for p in pods if not p["metadata"].get("deletionTimestamp")]
    nodes = [n for n in seen(expected["nodes"], "resources") if _condition(n).get("status") == "True"]
    used = {p["spec"].get("nodeName") for p in pods}
    best = min(len(pods), len(nodes))
    if not pods:
        yield BROKEN, "no pod is running", SITE
    elif len(used) < best:
        todo = "restart the deployment, whose constraints spread its pods when they are made: kubectl rollout restart"
        yield (
            BROKEN,
            f"{len(pods)} pods are on {len(used)} of {len(nodes)} nodes: {', '.join(sorted(map(str, used)))}",
            todo,
        )
    else:
        yield OK, f"{len(pods)} pods are on {len(used)} of {len(nodes)} nodes", ""


def _conditions(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """That objects are Ready. ``names``: namespace/name; ``todo``."""
    found = {_path(d): d for d in rows_of(result, "resources")}
    word = expected.get("word", "object")
    for name in expected["names"]:
        state = _condition(found.get(name, {}))
        if name not in found:
            yield BROKEN, f"there is no {word} {name}", SITE
        elif state.get("status") != "True":
            summary = state.get("message") or state.get("reason") or "nothing is said of it yet"
            yield BROKEN, f"{word} {name} is not Ready: {summary}", str(expected.get("todo") or SITE)
        else:
            yield OK, f"{word} {name} is Ready ({state.get('reason') or state.get('message')})", ""


def _backends(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """That a load balancer's backends answer its health checks."""
    balancers = seen(result, "load_balancers")
    todo = "see the ingress controller's pods, and the rules from the load balancer's group to the pods"
    if not balancers:
        yield BROKEN, "the Service has no load balancer", SITE
    for one in balancers:
        named = f"load balancer {one['display_name']} ({one['id']})"
        if one["lifecycle_state"] != "ACTIVE":
            yield BROKEN, f"{named} is {one['lifecycle_state']}", "wait until the service is done with it"
        health = one.get("health") or {}
        for name, each in sorted((health.get("backend_sets") or {}).items()):
            total = each.get("total_backend_count") or 0
            bad = [*(each.get("critical_state_backend_names") or []), *(each.get("warning_state_backend_names") or [])]
            if each.get("status") == "OK" and total:
                yield OK, f"{total} backends of {name} are healthy", ""
            elif each.get("status") == "UNKNOWN" and total and not bad:
                yield UNKNOWN, f"{named}: the health of {name} is not known yet", ""
            else:
                summary = f": {', '.join(bad)}" if bad else ""
                yield BROKEN, f"{named}: {name} is {each.get('status')} with {total} backends{summary}", todo
        if not health.get("backend_sets"):
            yield BROKEN, f"{named} has no backends", SITE


def _certificate(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """That the certificate that clients see holds for some days yet. ``days``."""
    one, least = seen(result, "certificate"), int(expected.get("days", 0))
    left = one["days_left"]
    summary = f"the certificate for {', '.join(one['names']) or 'no name'} ends {one['not_after']}, in {left} days"
    if left < least:
        yield (
            BROKEN,
            summary,
            "give a new one (app_ingress_tls_certificate_file), or run site.yml, which renews its own",
        )
    else:
        yield OK, summary, ""


def _url(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """What url_check did through the URL."""
    steps = seen(result, "steps")
    todo = "see the application's pods and its log: kubectl logs; then load balancer, rules and database above"
    for step in steps:
        if not step["ok"]:
            yield BROKEN, f"{step['step']} through {result.get('url')}: {step['text']}", todo
            return
    yield OK, f"{', '.join(s['step'] for s in steps)} through {result.get('url')}", ""


def _command(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """What a command in a pod said. ``todo``."""
    ok, output = seen(result, "ok"), str(result.get("output") or "it printed nothing")
    yield (OK, output, "") if ok else (BROKEN, output, str(expected.get("todo") or SITE))


def _encryption(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """That a cluster's Secrets are encrypted by a key that works. ``key_id``; ``keys``: the result that tells of it."""
    wanted = expected.get("key_id")
    if not wanted:
        return
    states = {key["id"]: key.get("lifecycle_state") for key in (expected.get("keys") or {}).get("vault_keys") or []}
    for cluster in rows_of(result, "oke_clusters"):
        key = cluster.get("kms_key_id")
        summary = f"Secrets of {cluster.get('name')} in etcd are encrypted by {key or 'no key of yours'}"
        if key != wanted:
            todo = "only a new cluster takes another key; say oke_virtual_pool_kms_key_id where this one is right"
            yield BROKEN, f"{summary}, not by {wanted}", todo
        elif states.get(key, "ENABLED") != "ENABLED":
            todo = "enable it, or cancel its deletion, before the API server has to read a Secret; " + SITE
            yield BROKEN, f"{summary}, which is {states[key]}", todo
        else:
            yield OK, summary, ""


def _said(result: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Row]:
    """Findings that a module made on its own."""
    del expected
    for row in seen(result, "findings"):
        yield row["status"], row["what"], row.get("todo") or ""


CHECKS: Mapping[str, Check] = {
    "answers": _answers,
    "backends": _backends,
    "certificate": _certificate,
    "command": _command,
    "conditions": _conditions,
    "deployments": _deployments,
    "encryption": _encryption,
    "findings": _said,
    "nodes": _nodes,
    "paths": _paths,
    "resource": _resource,
    "spread": _spread,
    "url": _url,
}


# --- all hops ----------------------------------------------------------------------------------------------------


def judged(hops: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """The findings of all hops, in their order. A hop whose task failed or was skipped is ``unknown``."""
    findings: list[Finding] = []
    for hop in hops:
        try:
            rows = list(CHECKS[hop["check"]](hop.get("observed") or {}, hop.get("expected") or {}))
        except Unseen as error:
            rows = [(UNKNOWN, str(error), "")]
        findings += [Finding(str(hop["hop"]), *row) for row in rows]
    return findings


def table(findings: Sequence[Finding]) -> list[str]:
    """A line for each finding, and one below for what is to be done."""
    words = {OK: "ok", BROKEN: "BROKEN", UNKNOWN: "unknown"}
    width = max((len(f.hop) for f in findings), default=0)
    lines = []
    for each in findings:
        lines.append(f"{words[each.status]:8}{each.hop:{width}}  {each.what}")
        if each.todo:
            lines.append(f"{'':8}{'':{width}}  -> {each.todo}")
    return lines


def report_findings(findings: Sequence[Finding], context: Context) -> Document:
    """Prints the table; the findings as a task's result."""
    lines = table(findings)
    for line in lines:
        context.report(line)
    broken = [f for f in findings if f.status == BROKEN]
    return {
        "changed": False,
        "findings": [f.document() for f in findings],
        "broken": [f.document() for f in broken],
        "first_broken": broken[0].hop if broken else None,
        "unknown": [f.document() for f in findings if f.status == UNKNOWN],
        "table": lines,
    }


class SiteFindings:
    """Judges what other tasks saw, prints the table and returns it."""

    name = "site_findings"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        hop: dict[str, dict[str, Any]] = {
            "hop": {"type": "str", "required": True},
            "check": {"type": "str", "required": True, "choices": sorted(CHECKS)},
            "observed": {"type": "dict"},
            "expected": {"type": "dict"},
        }
        return {"hops": {"type": "list", "elements": "dict", "required": True, "options": hop}}

    def execute(self, params: Document, context: Context) -> Document:
        try:
            findings = judged(params["hops"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ResourceError(
                f"hops: what was observed is not a result of the task that it is of: {error!r}"
            ) from None
        return report_findings(findings, context)


def result_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each thing that was seen to: what it was, what it is, and what else is to say of it."""
    width = max((len(str(row["what"])) for row in rows), default=0)
    lines = []
    for row in rows:
        before, after = (str(row[key]) if row.get(key) not in (None, "") else "" for key in ("before", "after"))
        if before and after and before != after:
            summary = f"{before} -> {after}"
        else:
            summary = (f"{before} (as it was)" if before == after else after or before) if before or after else ""
        note = str(row.get("note") or "")
        lines.append(f"{row['what']!s:{width}}  {summary}{': ' if summary and note else ''}{note}".rstrip())
    return lines


class SiteResult:
    """Prints what a playbook did as a table, and returns it."""

    name = "site_result"
    constraints: Mapping[str, Any] = {}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        row: dict[str, dict[str, Any]] = {
            "what": {"type": "str", "required": True},
            "before": {"type": "str"},
            "after": {"type": "str"},
            "note": {"type": "str"},
        }
        return {"rows": {"type": "list", "elements": "dict", "required": True, "options": row}}

    def execute(self, params: Document, context: Context) -> Document:
        lines = result_table(params["rows"])
        for line in lines:
            context.report(line)
        rows = [{k: row.get(k) or None for k in ("what", "before", "after", "note")} for row in params["rows"]]
        return {"changed": False, "rows": rows, "table": lines}


TASKS: tuple[Task, ...] = (SiteFindings(), SiteResult())
