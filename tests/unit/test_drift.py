"""What differs, is gone, was left over or is nobody's: from what tasks recorded and what lists show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.drift import (
    Finding,
    beside,
    changed,
    heeded,
    objects_beside,
    table,
)
from ansible_collections.okestack.oci.plugins.module_utils.info import known_types

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
Doc = dict[str, Any]
TYPES = known_types()
OURS = {"okestack-deployment": "shop", "okestack-component": "network"}


def change(name: str, how: str = "changed", before: Any = None, after: Any = None) -> Doc:
    return {"changes": [{"name": name, "change": how, "before": before, "after": after}]}


# --- what tasks would change -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([change("subnet lb", "created")], [("gone", "subnet", "lb", "")]),
        ([change("nat_gateway n", "changed", {"block_traffic": True}, {"block_traffic": False})],
         [("differs", "nat_gateway", "n", "block_traffic is True, not False")]),
        ([change("subnet a", "replaced", {"cidr_block": "10.0.0.0/24"}, {"cidr_block": "10.0.1.0/24"})],
         [("differs", "subnet", "a", "needs a new one: cidr_block is 10.0.0.0/24, not 10.0.1.0/24")]),
        ([change("route_table r", "changed", {"route_rules": [{}]}, {"route_rules": []})],
         [("differs", "route_table", "r", "route_rules")]),
        ([change("vcn v", "changed", {"dns_label": None}, {"dns_label": "v"})],
         [("differs", "vcn", "v", "dns_label is nothing, not v")]),
        ([change("Deployment n/old", "removed")], [("left_over", "Deployment", "n/old", "")]),
        ([change("mysql_db_system d"), change("mysql_db_system d")], [("differs", "mysql_db_system", "d", "")]),
        ([change("network_security_group g", "created"), change("network_security_group g rules")],
         [("gone", "network_security_group", "g", "")]),
        ([change("vcn v", "created"), change("default_security_list")], [("gone", "vcn", "v", "")]),
        ([change("network_security_group g rules")], [("differs", "network_security_group", "g rules", "")]),
    ],
)  # fmt: skip
def test_changes_are_findings(seen: list[Doc], expected: list[tuple[str, ...]]) -> None:
    assert [(f.kind, f.type, f.name, f.what) for f in changed(seen, False)] == expected
    assert all(f.repaired for f in changed(seen, True))


# --- what is beside ----------------------------------------------------------------------------------------------


def row(type_: str, id_: str, state: str = "AVAILABLE", **more: Any) -> tuple[Any, Doc]:
    return TYPES[type_], {"id": id_, "display_name": id_[-1], "lifecycle_state": state, **more}


@pytest.mark.parametrize(
    ("rows", "declared", "whole", "services", "expected"),
    [
        ([row("vcn", "v")], ["v"], True, [], []),
        ([row("vcn", "v")], [], True, [], [("unmanaged", "v", None)]),
        ([row("vcn", "v"), row("subnet", "s", vcn_id="v")], [], True, [],
         [("unmanaged", "v", None), ("unmanaged", "s", "v")]),
        ([row("subnet", "s", vcn_id="v")], ["v"], True, [], [("unmanaged", "s", None)]),
        ([row("vcn", "v", default_security_list_id="d"), row("security_list", "d", vcn_id="v")], ["v"], True, [], []),
        ([row("vcn", "v", freeform_tags=OURS)], [], True, [], [("left_over", "v", None)]),
        ([row("vcn", "v", freeform_tags=OURS)], [], False, [], []),
        ([row("vcn", "v", freeform_tags={"okestack-deployment": "other"})], [], True, [], []),
        ([row("policy", "p", "ACTIVE", freeform_tags={"okestack-component": "tenancy"})], [], True, [], []),
        ([row("vcn", "v", "TERMINATED"), row("vault", "w", "PENDING_DELETION")], [], True, [], []),
        ([row("load_balancer", "l", "ACTIVE", freeform_tags=OURS)], [], True, ["l"], []),
        ([row("load_balancer", "l", "ACTIVE", freeform_tags=OURS)], [], True, [], [("left_over", "l", None)]),
        ([row("load_balancer", "l", "ACTIVE", freeform_tags=OURS)], [], True, None, []),
        ([row("load_balancer", "l", "ACTIVE")], [], True, ["l"], [("unmanaged", "l", None)]),
    ],
)  # fmt: skip
def test_what_no_task_keeps(
    rows: list[Any], declared: list[str], whole: bool, services: list[str] | None, expected: list[Any]
) -> None:
    assert [(f.kind, f.id, f.holder) for f in beside(rows, declared, "shop", whole, services)] == expected


@pytest.mark.parametrize(
    ("cluster", "space", "found"),
    [("c", "shop", []), ("c", "gone", ["left_over"]), ("other", "shop", ["left_over"])],
)
def test_the_grant_of_another_application_that_is_there_is_not_left_over(
    cluster: str, space: str, found: list[str]
) -> None:
    where = f"request.principal.cluster_id='{cluster}', request.principal.namespace='{space}'"
    statement = f"Allow any-user to read vaults in compartment id p where all {{{where}}}"
    rows = [row("policy", "p", "ACTIVE", freeform_tags=OURS, statements=[statement])]
    assert [f.kind for f in beside(rows, ["c"], "shop", True, [], {"shop"})] == found


@pytest.mark.parametrize(
    ("meta", "kind", "found"),
    [
        ({"namespace": "a", "name": "x"}, "Deployment", ["a/x"]),
        ({"namespace": "a", "name": "x", "labels": {"okestack.oci/owner": "shop.application"}}, "Deployment", []),
        ({"namespace": "kube-system", "name": "coredns"}, "Deployment", []),
        ({"namespace": "a", "name": "x", "ownerReferences": [{"kind": "X"}]}, "Service", []),
        ({"namespace": "default", "name": "kubernetes"}, "Service", []),
        ({"name": "x"}, "Namespace", ["x"]),
    ],
)
def test_objects_of_nobody(meta: Doc, kind: str, found: list[str]) -> None:
    assert [f.name for f in objects_beside([{"kind": kind, "metadata": meta}])] == found


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ([], ["v", "s", "w", "d"]),
        (["v"], ["w", "d"]),
        (["vcn landing-*"], ["w", "d"]),
        (["subnet *"], ["v", "w", "d"]),
        (["vcn *"], ["d"]),
        (["*"], ["d"]),
    ],
)
def test_what_is_passed_over(ignore: list[str], left: list[str]) -> None:
    rows = [
        Finding("unmanaged", "vcn", "landing-1", "v"),
        Finding("unmanaged", "subnet", "in-it", "s", holder="v"),
        Finding("left_over", "vcn", "old", "w"),
        Finding("differs", "vcn", "landing-own", "d"),
    ]
    assert [f.id for f in heeded(rows, ignore)] == left


def test_the_table_counts_what_lives_in_a_finding_and_what_is_too_much() -> None:
    rows = [Finding("unmanaged", "vcn", "v", "1"), Finding("unmanaged", "subnet", "s", "2", holder="1")]
    assert table(rows, "shop") == ["unmanaged  vcn v (1): with 1 in it"]
    assert table([], "shop") == ["shop is as declared, and nothing is beside it"]
    assert table([Finding("differs", "vcn", "v", repaired=True, what="x")], "shop") == ["repaired   vcn v: x"]
    many = [Finding("gone", "subnet", str(n)) for n in range(60)]
    assert table(many, "shop")[50:] == ["gone       and 10 more"]


def test_drift_asks_the_roles_as_the_site_does() -> None:
    def roles(tasks: list[Doc]) -> list[Doc]:
        return [t["ansible.builtin.import_role"] for t in tasks if "ansible.builtin.import_role" in t]

    (site,) = yaml.safe_load((PLAYBOOKS / "site.yml").read_text())
    (drift,) = yaml.safe_load((PLAYBOOKS / "drift.yml").read_text())
    (block,) = [t["block"] for t in drift["tasks"] if "block" in t]
    assert roles(block) == roles(site["tasks"])
    assert block[0]["okestack.oci.role_options"] == site["tasks"][0]["okestack.oci.role_options"]
    assert drift["module_defaults"] == site["module_defaults"]
