"""What tasks saw of a site, judged: fifteen breakages made by hand and more, each named with what to do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.findings import SiteFindings, judged, table
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, run_task

Doc = dict[str, Any]
DOMAINS = ["FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"]


def condition(status: str = "True", **more: Any) -> Doc:
    return {"conditions": [{"type": "Ready", "status": status, **more}]}


def node(number: int, status: str = "True") -> Doc:
    labels = {"oci.oraclecloud.com/fault-domain": f"FAULT-DOMAIN-{number}"}
    told = condition(status, reason="KubeletReady" if status == "True" else "NodeStatusUnknown")
    return {"metadata": {"name": f"10.0.16.{number}", "labels": labels}, "status": told}


def pod(node_number: int, phase: str = "Running", **meta: Any) -> Doc:
    name = {"name": f"crud-{node_number}", "namespace": "crud", **meta}
    return {"metadata": name, "spec": {"nodeName": f"10.0.16.{node_number}"}, "status": {"phase": phase}}


def deployment(name: str, ready: int, replicas: int = 3) -> Doc:
    space, _slash, own = name.partition("/")
    return {
        "metadata": {"name": own, "namespace": space},
        "spec": {"replicas": replicas},
        "status": {"readyReplicas": ready},
    }


def thing(name: str, status: str = "True", **more: Any) -> Doc:
    space, _slash, own = name.partition("/")
    return {"metadata": {"name": own, "namespace": space}, "status": condition(status, **more)}


def resource(state: str, **more: Any) -> Doc:
    return {"display_name": "shop", "id": "ocid1.x..a", "lifecycle_state": state, **more}


def flow(verdict: str, expect: str = "reachable", **more: Any) -> Doc:
    as_expected = None if verdict == "undecided" else verdict == expect
    made = {"source": "pods", "destination": "database", "traffic": "tcp 3306", "purpose": "to the database"}
    return {
        **made,
        "verdict": verdict,
        "expect": expect,
        "as_expected": as_expected,
        "reason": "why",
        "open": [],
        **more,
    }


def balancer(status: str = "OK", total: int = 3, bad: tuple[str, ...] = (), state: str = "ACTIVE") -> Doc:
    each = {"status": status, "total_backend_count": total, "critical_state_backend_names": list(bad)}
    health = {"status": status, "backend_sets": {"TCP-443": each}}
    return {"display_name": "uid", "id": "ocid1.loadbalancer..a", "lifecycle_state": state, "health": health}


NODES = {"resources": [node(n) for n in (1, 2, 3)]}
VCN = {"key": "vcns", "names": ["shop"], "word": "VCN"}
SIZE = {"size": 3, "fault_domains": DOMAINS}
CERTIFICATE = {"names": ["shop.example"], "not_after": "2026-12-01T00:00:00Z"}
STEP = {"step": "a write", "ok": True, "status": 201, "text": "status 201"}


@pytest.mark.parametrize(
    ("check", "observed", "expected", "status", "what"),
    [
        # what is as it should be
        ("resource", {"vcns": [resource("AVAILABLE")]}, VCN, "ok", "VCN shop (ocid1.x..a) is AVAILABLE"),
        ("answers", NODES, {"who": "the API", "key": "resources"}, "ok", "the API answers"),
        ("answers", {"resources": []}, {"who": "the API", "key": "resources"}, "ok", "the API answers"),
        ("nodes", NODES, SIZE, "ok", "3 of 3 nodes are Ready, in FAULT-DOMAIN-1, FAULT-DOMAIN-2, FAULT-DOMAIN-3"),
        ("deployments", {"resources": [deployment("crud/crud", 3)]}, {"names": ["crud/crud"]}, "ok", "3 of 3 pods"),
        ("spread", {"resources": [pod(n) for n in (1, 2, 3)]}, {"nodes": NODES}, "ok", "3 pods are on 3 of 3 nodes"),
        ("spread", {"resources": [pod(1)]}, {"nodes": NODES}, "ok", "1 pods are on 1 of 3 nodes"),
        ("conditions", {"resources": [thing("crud/vault", reason="Valid")]}, {"names": ["crud/vault"]}, "ok", "Valid"),
        ("backends", {"load_balancers": [balancer()]}, {}, "ok", "3 backends of TCP-443 are healthy"),
        ("certificate", {"certificate": {**CERTIFICATE, "days_left": 20}}, {"days": 14}, "ok", "in 20 days"),
        ("url", {"steps": [STEP], "url": "https://x/"}, {}, "ok", "a write through https://x/"),
        ("paths", {"flows": [flow("reachable"), flow("blocked", "blocked")]}, {}, "ok", "2 flows are open or closed"),
        ("command", {"ok": True, "output": "crud signs in"}, {}, "ok", "crud signs in"),
        ("encryption", {"oke_clusters": [{"name": "shop", "kms_key_id": "k"}]},
         {"key_id": "k", "keys": {"vault_keys": [{"id": "k", "lifecycle_state": "ENABLED"}]}}, "ok", "encrypted by k"),
        ("encryption", {"oke_clusters": [{"name": "shop", "kms_key_id": "k"}]}, {"key_id": "k"}, "ok", "by k"),
        # breakages
        ("command", {"ok": False, "output": ""}, {"todo": "see to it"}, "broken", "it printed nothing"),
        ("encryption", {"oke_clusters": [{"name": "shop", "kms_key_id": None}]}, {"key_id": "k"}, "broken",
         "by no key of yours, not by k"),
        ("encryption", {"oke_clusters": [{"name": "shop", "kms_key_id": "k"}]},
         {"key_id": "k", "keys": {"vault_keys": [{"id": "k", "lifecycle_state": "DISABLED"}]}}, "broken",
         "by k, which is DISABLED"),
        ("resource", {"vcns": []}, VCN, "broken", "there is no VCN shop"),
        ("resource", {"vcns": [resource("AVAILABLE")]}, VCN | {"names": ["hall"], "id": "ocid1.x..a"}, "ok",
         "VCN shop (ocid1.x..a) is AVAILABLE"),
        ("resource", {"vcns": [resource("AVAILABLE")]}, VCN | {"id": "ocid1.x..b"}, "broken",
         "there is no VCN ocid1.x..b"),
        ("resource", {"vcns": [resource("FAILED", lifecycle_details="no capacity")]}, VCN, "broken",
         "is FAILED: no capacity"),
        ("resource", {"vcns": [resource("PENDING_DELETION")]}, VCN, "broken", "PENDING_DELETION"),
        ("resource", {"vcns": [resource("UPDATING")]}, VCN, "broken", "UPDATING"),
        ("resource", {"vcns": [resource("ACTIVE"), resource("ACTIVE")]}, VCN, "broken", "2 have the name shop"),
        ("answers", {"msg": "no answer: Connection refused"}, {"who": "the API", "key": "resources"}, "broken",
         "the API does not answer: no answer: Connection refused"),
        ("nodes", {"resources": [node(1), node(2, "Unknown"), node(3)]}, SIZE, "broken",
         "node 10.0.16.2 in FAULT-DOMAIN-2 is not Ready: NodeStatusUnknown"),
        ("nodes", {"resources": [node(1), node(1), node(3)]}, SIZE, "broken", "no node is Ready in FAULT-DOMAIN-2"),
        ("nodes", {"resources": [node(1)]}, SIZE, "broken", "1 of 3 nodes are there"),
        ("deployments", {"resources": [deployment("crud/crud", 1)]}, {"names": ["crud/crud"]}, "broken", "1 of 3 pods"),
        ("deployments", {"resources": []}, {"names": ["crud/crud"]}, "broken", "there is no deployment crud/crud"),
        ("deployments", {"resources": [deployment("crud/crud", 0, 0)]}, {"names": ["crud/crud"]}, "broken", "0 of 0"),
        ("spread", {"resources": [pod(1), pod(1), pod(2)]}, {"nodes": NODES}, "broken",
         "3 pods are on 2 of 3 nodes: 10.0.16.1, 10.0.16.2"),
        ("spread", {"resources": [pod(1, "Pending")]}, {"nodes": NODES}, "broken", "no pod is running"),
        ("conditions", {"resources": [thing("crud/vault", "False", message="NotAuthorizedOrNotFound")]},
         {"names": ["crud/vault"], "word": "SecretStore"}, "broken",
         "SecretStore crud/vault is not Ready: NotAuthorizedOrNotFound"),
        ("conditions", {"resources": []}, {"names": ["crud/db"], "word": "ExternalSecret"}, "broken",
         "there is no ExternalSecret crud/db"),
        ("backends", {"load_balancers": []}, {}, "broken", "no load balancer"),
        ("backends", {"load_balancers": [balancer("CRITICAL", 3, ("10.0.16.2:31443",))]}, {}, "broken",
         "TCP-443 is CRITICAL with 3 backends: 10.0.16.2:31443"),
        ("backends", {"load_balancers": [balancer("OK", 0)]}, {}, "broken", "with 0 backends"),
        ("certificate", {"certificate": {**CERTIFICATE, "days_left": 3}}, {"days": 14}, "broken", "in 3 days"),
        ("url", {"url": "https://x/", "steps": [{**STEP, "ok": False, "text": "status 500 instead of 201"}]}, {},
         "broken", "a write through https://x/: status 500"),
        ("paths", {"flows": [flow("blocked")]}, {}, "broken",
         "pods to database, tcp 3306 (to the database) is blocked: why"),
        ("paths", {"flows": [flow("partly", "blocked", open=["tcp 22"])]}, {}, "broken", "is open for tcp 22"),
        # what nobody knows
        ("paths", {"flows": [flow("undecided")]}, {}, "unknown", "why"),
        ("backends", {"load_balancers": [balancer("UNKNOWN")]}, {}, "unknown", "not known yet"),
        ("nodes", {"skipped": True}, SIZE, "unknown", "not looked at"),
        ("answers", {"skipped": True}, {"who": "x", "key": "resources"}, "unknown", "not looked at"),
        ("nodes", {}, SIZE, "unknown", "not looked at"),
        ("resource", {"msg": "vault.list_vaults: 404"}, {**VCN, "key": "vaults"}, "unknown", "vault.list_vaults: 404"),
        ("certificate", {"certificate": None, "msg": "no"}, {"days": 1}, "unknown", "no"),
        ("command", {"ok": None, "msg": "check mode starts no pod"}, {}, "unknown", "check mode starts no pod"),
    ],
)  # fmt: skip
def test_a_hop(check: str, observed: Doc, expected: Doc, status: str, what: str) -> None:
    findings = judged([{"hop": "it", "check": check, "observed": observed, "expected": expected}])
    found = [f for f in findings if f.status == status and what in f.what]
    assert found, [f.document() for f in findings]
    assert status != "broken" or all(f.todo for f in findings if f.status == "broken"), "each says what to do"
    if status == "ok":
        assert {f.status for f in findings} == {"ok"}


def test_results_of_loops_are_taken_together() -> None:
    turns = {"results": [{"resources": [deployment("a/x", 3)]}, {"resources": [deployment("b/y", 2)]}]}
    findings = judged([{"hop": "d", "check": "deployments", "observed": turns, "expected": {"names": ["a/x", "b/y"]}}])
    assert [f.status for f in findings] == ["ok", "broken"]


def test_the_table_has_a_line_for_each_and_the_result_names_the_first() -> None:
    hops = [
        {"hop": "network", "check": "resource", "observed": {"vcns": [resource("AVAILABLE")]}, "expected": VCN},
        {"hop": "nodes", "check": "nodes", "observed": {"resources": [node(1)]}, "expected": SIZE},
        {"hop": "application", "check": "url", "observed": {"skipped": True}},
    ]
    lines: list[str] = []
    result = run_task(SiteFindings(), {"hops": hops}, Context(report=lines.append))
    assert (result["changed"], result["first_broken"]) == (False, "nodes")
    assert [f["hop"] for f in result["unknown"]] == ["application"]
    assert lines == result["table"] == table(judged(hops))
    assert lines[0].startswith("ok      network      VCN shop")
    assert lines[1].startswith("BROKEN  nodes        no node is Ready in FAULT-DOMAIN-2")
    assert lines[2].strip().startswith("-> ")
    assert lines[-1].startswith("unknown application  not looked at")


def test_what_is_no_result_is_refused() -> None:
    hop = {"hop": "nodes", "check": "nodes", "observed": {"resources": [{"no": "node"}]}}
    assert "not a result of the task" in run_task(SiteFindings(), {"hops": [hop]}, Context())["msg"]
