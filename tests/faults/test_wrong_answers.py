"""A 200 that is not the service's answer: each read of an existing site, each kind of body, once and for ever.

Never is a second of anything made, and no task says "ok" of what it could not read.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from localregion.testing import Region, Snapshot

from ..campaign import chosen
from ..integration.modules.conftest import Door
from ..integration.types.prerequisites import Prerequisites

PAGE = "<html><head><title>Sign in to the proxy</title></head><body>Please sign in.</body></html>"
BODIES = {
    "nothing": "",
    "a page": PAGE,
    "null": "null",
    "an empty object": "{}",
    "an object of somebody else's": '{"error": {"reason": "blocked"}}',
    "an object without its id": '{"displayName": "shop", "lifecycleState": "ACTIVE"}',
    "JSON that breaks off": '[{"id": "ocid1.vcn.oc1.',
    "a list of nothing much": "[1, 2]",
    "a list of lists": "[[]]",
    "items that are null": '{"items": null}',
    "items without ids": '{"items": [{}]}',
}

MINUTE = 60.0
"""How long is asked again, which a loaded machine needs; the second answer comes in a moment on others."""


@dataclass
class Site:
    """What is there: (module, options) of each of its parts, in order."""

    region: Region
    door: Door
    parts: list[tuple[str, dict[str, Any]]]
    snapshot: Snapshot
    reads: list[tuple[int, str]]  # (part, operation) of a run in which there is nothing to do


def _parts(ground: Prerequisites) -> list[tuple[str, dict[str, Any]]]:
    where = {"compartment_id": ground.compartment_id}
    network = {
        **where,
        "vcn": {"display_name": "site", "cidr_blocks": ["10.9.0.0/16"]},
        "internet_gateways": [{"display_name": "internet"}],
        "service_gateways": [{"display_name": "services", "services": [{"service_id": "all"}]}],
        "route_tables": [
            {"display_name": "out", "route_rules": [{"destination": "0.0.0.0/0", "network_entity_id": "internet"}]}
        ],
        "network_security_groups": [
            {
                "display_name": "lb",
                "security_rules": [{"direction": "INGRESS", "sources": ["0.0.0.0/0"], "tcp_ports": ["443"]}],
            }
        ],
        "subnets": [{"display_name": "lb", "cidr_block": "10.9.1.0/24", "route_table_id": "out"}],
    }
    named = {**where, "display_name": "site"}
    return [
        ("virtual_network", network),
        ("vcn", {**named, "cidr_blocks": ["10.9.0.0/16"]}),
        ("compartment", {**where, "name": "site", "description": "a site"}),
        (
            "policy",
            {
                **where,
                "name": "site",
                "description": "a site",
                "statements": ["Allow any-user to inspect vaults in compartment okestack"],
            },
        ),
        ("vault", named),
        (
            "vault_key",
            {
                **named,
                "management_endpoint": ground.management_endpoint,
                "key_shape": {"algorithm": "AES", "length": 32},
            },
        ),
        (
            "vault_secret",
            {**where, "secret_name": "site", "vault_id": ground.vault_id, "key_id": ground.key_id, "content": "Word-1"},
        ),
        (
            "mysql_db_system",
            {
                **named,
                "subnet_id": ground.subnets["db"],
                "shape_name": "MySQL.2",
                "admin_username": "admin",
                "admin_password_secret_id": ground.secret_id,
                "data_storage_size_in_gbs": 50,
            },
        ),
        (
            "oke_cluster",
            {
                **where,
                "name": "site",
                "vcn_id": ground.vcn_id,
                "kubernetes_version": "v1.36.1",
                "type": "ENHANCED_CLUSTER",
                "cluster_pod_network_options": [{"cni_type": "OCI_VCN_IP_NATIVE"}],
                "endpoint_config": {"subnet_id": ground.subnets["api"]},
            },
        ),
        (
            "virtual_node_pool",
            {
                **named,
                "cluster_id": ground.cluster_id,
                "size": 1,
                "placement_configurations": [
                    {
                        "availability_domain": ground.ad,
                        "fault_domain": ["FAULT-DOMAIN-1"],
                        "subnet_id": ground.subnets["nodes"],
                    }
                ],
                "pod_configuration": {"subnet_id": ground.subnets["pods"], "shape": "Pod.Standard.E4.Flex"},
            },
        ),
        ("container_repository", named),
        ("log_group", named),
    ]


@pytest.fixture(scope="module")
def site(region: Region) -> Site:
    door = Door(region)
    parts = _parts(Prerequisites(door, region))
    for module, options in parts:
        door(module, **options)
    reads: list[tuple[int, str]] = []
    for number, (module, options) in enumerate(parts):
        region.forget_calls()
        assert not door(module, **options)["changed"], module
        assert not region.writes()
        reads += [(number, operation) for operation in dict.fromkeys(call.operation for call in region.calls)]
    return Site(region, door, parts, region.snapshot(), reads)


def _read_cases(site: Site) -> list[tuple[int, str, str, int | None]]:
    # A young vault's endpoint is asked whether it answers: any other answer is waited for.
    reads = [(part, operation) for part, operation in site.reads if operation != "key_management.list_keys"]
    reads += [
        (n, "key_management.list_keys") for n, (module, _options) in enumerate(site.parts) if module == "vault_key"
    ]
    cases = itertools.product(reads, BODIES, (1, None))
    return [(part, operation, body, times) for (part, operation), body, times in cases]


@pytest.mark.usefixtures("no_faults_after")
def test_a_site_that_stands_is_never_read_as_none(site: Site, whole: bool) -> None:
    faults: list[str] = []
    for part, operation, body, times in chosen(_read_cases(site), whole, 60):
        faults += _read_wrongly(site, part, operation, body, times)
    assert not faults, "\n".join(faults)


def _read_wrongly(site: Site, part: int, operation: str, body: str, times: int | None) -> Iterator[str]:
    region, (module, options) = site.region, site.parts[part]
    case = f"{module}: {operation} answers {body} {'once' if times else 'for ever'}"
    region.faults.clear()
    region.forget_calls()
    region.faults.add(operation, body=BODIES[body], times=times)
    result = site.door(module, fails=None, retry_timeout=MINUTE if times else 0.2, **options)
    region.faults.clear()
    if writes := [call.operation for call in region.writes()]:
        yield f"{case}: wrote {', '.join(writes)}"
        region.restore(site.snapshot)
    if times and (result.get("failed") or result["changed"]):
        yield f"{case}: {result.get('msg', 'changed')}"
    if not times:
        told = result.get("msg", "")
        if not result.get("failed"):
            yield f"{case}: ended well"
        elif "but the answer is not" not in told or operation.partition(".")[2] not in told or "request" not in told:
            yield f"{case}: reported as {told}"


MADE = {
    "vcn": "core.create_vcn",
    "compartment": "identity.create_compartment",
    "policy": "identity.create_policy",
    "vault": "key_management.create_vault",
    "vault_key": "key_management.create_key",
    "vault_secret": "vault.create_secret",
    "mysql_db_system": "mysql.create_db_system",
    "oke_cluster": "container_engine.create_cluster",
    "virtual_node_pool": "container_engine.create_virtual_node_pool",
    "container_repository": "artifacts.create_container_repository",
    "log_group": "logging.create_log_group",
}


@pytest.mark.usefixtures("no_faults_after")
def test_a_create_whose_answer_is_another_makes_one(site: Site, whole: bool) -> None:
    faults: list[str] = []
    cases = list(itertools.product(MADE, ("nothing", "a page", "an empty object", "JSON that breaks off"), (1, None)))
    for module, body, times in chosen(cases, whole, 24):
        faults += _made_wrongly(site, module, body, times)
    assert not faults, "\n".join(faults)


def _made_wrongly(site: Site, module: str, body: str, times: int | None) -> Iterator[str]:
    region = site.region
    options = next(o for m, o in site.parts if m == module)
    name = next(n for n in ("display_name", "secret_name", "name") if n in options)
    options = {**options, name: "another"}
    case = f"{module}: its create answers {body} {'once' if times else 'for ever'}"
    before = _count(region)
    region.faults.add(MADE[module], body=BODIES[body], times=times)
    result = site.door(module, fails=None, retry_timeout=MINUTE if times else 0.2, **options)
    region.faults.clear()
    if result.get("failed"):
        yield f"{case}: {result['msg']}"
    again = site.door(module, fails=None, **options)
    if again.get("failed") or again.get("changed"):
        yield f"{case}: then {again.get('msg', 'changed again')}"
    kind = MADE[module].partition("create_")[2]
    if (made := _count(region).get(kind, 0) - before.get(kind, 0)) != 1:
        yield f"{case}: made {made}"
    region.restore(site.snapshot)


def _count(region: Region) -> dict[str, int]:
    counts: dict[str, int] = {}

    async def look() -> None:
        for record in region.inner.store.select():
            counts[record.kind] = counts.get(record.kind, 0) + 1

    region.run(look())
    return counts


@pytest.mark.parametrize("body", ["", PAGE, '{"reason": "no such page"}'], ids=["nothing", "a page", "an object"])
@pytest.mark.usefixtures("no_faults_after")
def test_a_404_that_is_not_the_services_tells_nothing(site: Site, body: str) -> None:
    """A proxy's 404 would read as "gone"."""
    module, options = next(part for part in site.parts if part[0] == "oke_cluster")
    site.region.forget_calls()
    site.region.faults.add("container_engine.get_cluster", status=404, body=body, times=None)
    told = site.door(module, fails=True, retry_timeout=0.2, **options)["msg"]
    assert "404, but the answer is" in told and not site.region.writes()
