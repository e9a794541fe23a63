"""Every module of a resource type, walked through its life against the region.

Check from nothing, make, again, change in check mode, change, again, drift made behind its back, absent in check mode,
absent, absent again. The cases say only what differs; what a step must do is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils import registry
from ansible_collections.okestack.oci.plugins.module_utils.apply import Engine
from ansible_collections.okestack.oci.plugins.module_utils.cloud import Connection, Session, to_model
from ansible_collections.okestack.oci.plugins.module_utils.model import camel, holds_unknown
from ansible_collections.okestack.oci.plugins.module_utils.run import ResourceTask, validated

from localregion.testing import Region

from .conftest import Door

Options = dict[str, Any]
TYPES = registry.types()


class Ground:
    """What the cases stand on: resources of other types, made once by the modules themselves."""

    def __init__(self, door: Door, region: Region) -> None:
        self.door, self.region = door, region
        self.compartment_id = region.compartment_id
        common: Options = {"compartment_id": self.compartment_id}
        self.vcn_id = door("vcn", **common, display_name="ground", cidr_blocks=["10.0.0.0/16"], dns_label="ground")[
            "vcn"
        ]["id"]
        spare = door("vcn", **common, display_name="spare", cidr_blocks=["10.20.0.0/16"])
        self.spare_vcn_id = spare["vcn"]["id"]
        in_vcn = {**common, "vcn_id": self.vcn_id}
        self.gateway_id = door("internet_gateway", **in_vcn, display_name="ground")["internet_gateway"]["id"]
        self.nsg_id = door("network_security_group", **in_vcn, display_name="ground")["network_security_group"]["id"]
        self.subnets = {
            name: door("subnet", **in_vcn, display_name=name, cidr_block=cidr, dns_label=name)["subnet"]["id"]
            for name, cidr in (
                ("db", "10.0.2.0/24"),
                ("api", "10.0.3.0/28"),
                ("nodes", "10.0.4.0/24"),
                ("pods", "10.0.8.0/22"),
            )
        }
        services = door("network_services_info")
        self.service_ids = [row["id"] for row in services["services"]]
        vault = door("vault", **common, display_name="ground")["vault"]
        self.vault_id, self.management_endpoint = vault["id"], vault["management_endpoint"]
        self.key_id = door(
            "vault_key",
            **common,
            display_name="ground",
            management_endpoint=self.management_endpoint,
            key_shape={"algorithm": "AES", "length": 32},
        )["vault_key"]["id"]
        secret = door(
            "vault_secret",
            **common,
            vault_id=self.vault_id,
            key_id=self.key_id,
            secret_name="ground",
            enable_auto_generation=True,
            secret_generation_context={
                "generation_type": "PASSPHRASE",
                "generation_template": "DBAAS_DEFAULT_PASSWORD",
                "passphrase_length": 24,
            },
        )
        self.secret_id = secret["vault_secret"]["id"]
        identity = region.client(oci.identity.IdentityClient)
        self.ad = identity.list_availability_domains(self.compartment_id).data[0].name
        self._cluster: str | None = None

    @property
    def cluster_id(self) -> str:
        if self._cluster is None:
            made = self.door(
                "oke_cluster", compartment_id=self.compartment_id, name="ground", **CASES["oke_cluster"].make(self)
            )
            self._cluster = made["oke_cluster"]["id"]
        return self._cluster


@dataclass(frozen=True)
class Case:
    """``make``: options beside compartment and name. ``change``: changed ones. ``drift``: an update behind its back."""

    make: Callable[[Ground], Options]
    change: Options
    drift: Options = field(default_factory=dict)
    scheduled: bool = False  # its deletion is only dated


def _rule(low: int, high: int, source: str = "192.0.2.0/24") -> Options:
    ports = {"destination_port_range": {"min": low, "max": high}}
    return {"protocol": "6", "source": source, "source_type": "CIDR_BLOCK", "tcp_options": ports}


def _in_vcn(**more: Any) -> Callable[[Ground], Options]:
    return lambda g: {"vcn_id": g.vcn_id, **{k: v(g) if callable(v) else v for k, v in more.items()}}


CASES: dict[str, Case] = {
    "vcn": Case(
        lambda g: {"cidr_blocks": ["10.8.0.0/16"], "dns_label": "walk"},
        {"cidr_blocks": ["10.8.0.0/16", "10.9.0.0/16"]},
        {"freeform_tags": {"stray": "1", "kept": "no"}},
    ),
    "subnet": Case(
        _in_vcn(cidr_block="10.0.100.0/24", dns_label="walk"),
        {"freeform_tags": {"kept": "changed"}},
        {"display_name": "drifted"},
    ),
    "internet_gateway": Case(
        lambda g: {"vcn_id": g.spare_vcn_id, "is_enabled": True}, {"is_enabled": False}, {"is_enabled": True}
    ),
    "nat_gateway": Case(_in_vcn(block_traffic=False), {"block_traffic": True}, {"block_traffic": False}),
    "service_gateway": Case(
        _in_vcn(services=lambda g: [{"service_id": g.service_ids[0]}]),
        {"block_traffic": True},
        {"block_traffic": False},
    ),
    "route_table": Case(
        _in_vcn(route_rules=lambda g: [{"destination": "0.0.0.0/0", "network_entity_id": g.gateway_id}]),
        {"route_rules": []},
        {"route_rules": [{"destination": "192.0.2.0/24", "network_entity_id": "gateway_id"}]},
    ),
    "security_list": Case(
        _in_vcn(ingress_security_rules=[_rule(80, 80)]),
        {"ingress_security_rules": [_rule(80, 81)]},
        {"ingress_security_rules": []},
    ),
    "network_security_group": Case(
        _in_vcn(security_rules=[{"direction": "INGRESS", **_rule(80, 80)}]),
        {"security_rules": [{"direction": "INGRESS", **_rule(80, 443)}]},
        {"freeform_tags": {"kept": "no"}},
    ),
    "policy": Case(
        lambda g: {
            "description": "d",
            "statements": ["Allow group Administrators to read vaults in compartment okestack"],
        },
        {"statements": ["Allow group Administrators to manage vaults in compartment okestack"]},
        {"statements": ["Allow group Administrators to inspect vaults in compartment okestack"]},
    ),
    "vault": Case(lambda g: {}, {"freeform_tags": {"kept": "changed"}}, {"freeform_tags": {}}, scheduled=True),
    "vault_key": Case(
        lambda g: {"management_endpoint": g.management_endpoint, "key_shape": {"algorithm": "AES", "length": 32}},
        {"freeform_tags": {"kept": "changed"}},
        {"freeform_tags": {}},
        scheduled=True,
    ),
    "vault_secret": Case(
        lambda g: {"vault_id": g.vault_id, "key_id": g.key_id, "content": "canary-one"},
        {"content": "canary-two"},
        {"description": "drifted"},
        scheduled=True,
    ),
    "mysql_db_system": Case(
        lambda g: {
            "subnet_id": g.subnets["db"],
            "shape_name": "MySQL.2",
            "availability_domain": g.ad,
            "admin_username": "admin",
            "admin_password_secret_id": g.secret_id,
            "data_storage_size_in_gbs": 50,
            "hostname_label": "walk",
            "backup_policy": {"is_enabled": True, "retention_in_days": 7},
            "maintenance": {"window_start_time": "sun 02:00"},
        },
        {
            "data_storage_size_in_gbs": 100,
            "backup_policy": {"retention_in_days": 9},
            "maintenance": {"window_start_time": "sat 03:00"},
        },
        {"description": "drifted", "freeform_tags": {}},
    ),
    "oke_cluster": Case(
        lambda g: {
            "vcn_id": g.vcn_id,
            "kubernetes_version": "v1.35.4",
            "type": "ENHANCED_CLUSTER",
            "cluster_pod_network_options": [{"cni_type": "OCI_VCN_IP_NATIVE"}],
            "endpoint_config": {"subnet_id": g.subnets["api"], "is_public_ip_enabled": False, "nsg_ids": []},
        },
        {"endpoint_config": {"nsg_ids": ["nsg_id"]}, "freeform_tags": {"kept": "changed"}},
        {"freeform_tags": {}},
    ),
    "virtual_node_pool": Case(
        lambda g: {
            "cluster_id": g.cluster_id,
            "size": 1,
            "placement_configurations": [
                {"availability_domain": g.ad, "fault_domain": ["FAULT-DOMAIN-1"], "subnet_id": g.subnets["nodes"]}
            ],
            "pod_configuration": {"subnet_id": g.subnets["pods"], "shape": "Pod.Standard.E4.Flex"},
            "taints": [],
        },
        {"size": 2, "initial_virtual_node_labels": [{"key": "team", "value": "a"}]},
        {"size": 3},
    ),
    "container_repository": Case(lambda g: {"is_public": False}, {"is_public": True}, {"is_public": False}),
}


@pytest.fixture(scope="module")
def ground(region: Region) -> Ground:
    return Ground(Door(region), region)


def test_every_type_has_a_case() -> None:
    assert set(CASES) == set(TYPES)


@pytest.mark.parametrize("name", CASES)
def test_life(name: str, door: Door, region: Region, ground: Ground) -> None:
    case, type_ = CASES[name], TYPES[name]
    options = {
        "compartment_id": ground.compartment_id,
        type_.name_field: "walk",
        "freeform_tags": {"kept": "yes"},
        **_filled(case.make(ground), ground),
    }
    where = {k: options[k] for k in ("compartment_id", type_.name_field, type_.parent, type_.endpoint_option) if k}
    changed_options = {**options, **_filled(case.change, ground)}

    region.forget_calls()
    planned = door(name, check=True, **options)
    assert planned["changed"], "a create in check mode is a change"
    assert holds_unknown(planned[name]["id"])
    assert planned["diff"]["before"] == {}
    assert _writes(region) == [], "check mode wrote"

    made = door(name, **options)
    assert made["changed"]
    id_ = made[name]["id"]
    assert id_.startswith("ocid1.")
    assert made[name][type_.states.field] in type_.states.ready

    region.forget_calls()
    again = door(name, **options)
    assert not again["changed"], again.get("diff")
    assert "diff" not in again
    assert again[name]["id"] == id_
    assert _writes(region) == [], "a second run wrote"

    region.forget_calls()
    would = door(name, check=True, **changed_options)
    assert would["changed"]
    assert set(would["diff"]["after"]) == set(case.change), "the diff shows what changes and nothing else"
    assert _writes(region) == [], "check mode wrote"

    change = door(name, **changed_options)
    assert change["changed"]
    assert change[name]["id"] == id_, "changed in place"
    assert change["diff"]["after"] == would["diff"]["after"], "check mode foretold the change"
    assert not door(name, **changed_options)["changed"]

    _drift(region, type_, id_, _filled(case.drift, ground), where)
    known = {"id": id_, **changed_options} if type_.name_field in case.drift else changed_options
    repaired = door(name, **known)
    assert repaired["changed"] == bool(set(case.drift) & set(known)), "drift in a declared field is repaired"
    assert not door(name, **known)["changed"]
    if "stray" in case.drift.get("freeform_tags", {}):
        assert repaired[name]["freeform_tags"]["stray"] == "1", "a tag that is not declared stays"
        purged = door(name, **known, purge_tags=True)
        assert purged["changed"] and "stray" not in purged[name]["freeform_tags"]

    region.forget_calls()
    assert door(name, check=True, state="absent", **where)["changed"]
    assert _writes(region) == [], "check mode wrote"
    assert door(name, state="absent", **where)["changed"]
    assert not door(name, state="absent", **where)["changed"]

    back = door(name, **options)
    assert back["changed"]
    assert (back[name]["id"] == id_) == case.scheduled, "what was only dated for deletion is revived, else made anew"
    door(name, state="absent", **where)


@pytest.mark.parametrize("name", ["vcn", "subnet", "network_security_group"])
def test_two_of_a_name_are_refused(name: str, door: Door, region: Region, ground: Ground) -> None:
    case, type_ = CASES[name], TYPES[name]
    options = {"compartment_id": ground.compartment_id, type_.name_field: "twin", **case.make(ground)}
    first = door(name, **options)[name]["id"]
    network = region.client(oci.core.VirtualNetworkClient)
    details = {k: v for k, v in options.items() if k not in ("security_rules", "dns_label")}
    if name == "subnet":
        details["cidr_block"] = "10.0.101.0/24"
    made = getattr(network, f"create_{name}")(to_model("core", f"Create{camel(name)}Details", details)).data.id
    region.settle()
    refused = door(name, fails=True, **options)
    assert first in refused["msg"] and made in refused["msg"] and "id" in refused["msg"]
    for id_ in (first, made):
        door(name, state="absent", id=id_)


def _filled(value: Any, ground: Ground) -> Any:
    """Names of the ground's attributes as their values, where a table could not hold them."""
    if isinstance(value, dict):
        return {k: _filled(v, ground) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, ground) for v in value]
    return getattr(ground, value) if value in ("gateway_id", "nsg_id") else value


def _writes(region: Region) -> list[str]:
    return [call.operation for call in region.writes()]


def _drift(region: Region, type_: Any, id_: str, changes: Options, where: Options) -> None:
    """Changes a resource as another client would, past the engine."""
    if not changes:
        return
    connection = Connection(config_file=str(region.config_file), endpoints={"default": region.endpoint})
    params, _ = validated(ResourceTask(type_), where)
    client = Engine(Session(connection), type_, ResourceTask(type_).wish(params)).client
    model = to_model(type_.package, type_.update_model or f"{camel(type_.update_operation)}Details", changes)
    getattr(client, type_.update_operation)(id_, model)
    region.settle()
