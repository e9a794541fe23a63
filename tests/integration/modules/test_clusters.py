"""Clusters, pools and add-ons: what the walk of every type does not show - rules of upgrades, adoption, cycling."""

from __future__ import annotations

import mmap
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oci
import pytest
from ansible_collections.okestack.oci.plugins.module_utils import cloud
from oci.container_engine import ContainerEngineClient, models

from localregion.core.errors import ServiceError
from localregion.testing import Region

from .conftest import Door
from .playbook import play

Options = dict[str, Any]


class Site:
    """A network and an enhanced cluster on it."""

    def __init__(self, region: Region) -> None:
        self.region, self.door = region, Door(region)
        self.client = region.client(ContainerEngineClient)
        self.common: Options = {"compartment_id": region.compartment_id}
        self.vcn_id = self.door(
            "vcn", **self.common, display_name="shop", cidr_blocks=["10.0.0.0/16"], dns_label="shop"
        )["vcn"]["id"]
        self.subnets = {
            name: self._in_vcn("subnet", name, cidr_block=cidr, dns_label=name)
            for name, cidr in (("api", "10.0.0.0/28"), ("nodes", "10.0.1.0/24"), ("pods", "10.0.16.0/20"))
        }
        self.group = self._in_vcn("network_security_group", "api", security_rules=[])
        identity = region.client(oci.identity.IdentityClient)
        self.ad = identity.list_availability_domains(region.compartment_id).data[0].name

    def _in_vcn(self, module: str, name: str, **options: Any) -> str:
        made = self.door(module, **self.common, vcn_id=self.vcn_id, display_name=name, **options)[module]
        return str(made["id"])

    def options(self, name: str, **values: Any) -> Options:
        return {
            **self.common,
            "name": name,
            "vcn_id": self.vcn_id,
            "kubernetes_version": "v1.36.1",
            "type": "ENHANCED_CLUSTER",
            "endpoint_config": {"subnet_id": self.subnets["api"]},
            "cluster_pod_network_options": [{"cni_type": "OCI_VCN_IP_NATIVE"}],
            **values,
        }

    def cluster(self, name: str, **values: Any) -> Options:
        made: Options = self.door("oke_cluster", **self.options(name, **values))["oke_cluster"]
        return made

    def pool_options(self, cluster_id: str, **values: Any) -> Options:
        return {
            **self.common,
            "cluster_id": cluster_id,
            "display_name": "app",
            "size": 2,
            "placement_configurations": [{"availability_domain": self.ad, "subnet_id": self.subnets["nodes"]}],
            "pod_configuration": {"subnet_id": self.subnets["pods"], "shape": "Pod.Standard.E4.Flex"},
            **values,
        }

    def nodes(self, pool_id: str) -> set[str]:
        return {node.id for node in self.client.list_virtual_nodes(pool_id).data}

    def refused(self, module: str, **options: Any) -> str:
        """The message of a task that fails, in check mode and not, without a write."""
        self.region.forget_calls()
        told = {self.door(module, check=check, fails=True, **options)["msg"] for check in (True, False)}
        assert self.region.writes() == [], "it wrote"
        (message,) = told
        return str(message)


def force(region: Region, record_id: str, **changes: Any) -> None:
    """Change a record of the region as no client could."""

    async def write() -> None:
        record = region.inner.store.find(record_id)
        assert record is not None
        record.doc.update(changes)
        region.inner.store.save(record)

    region.run(write())


@pytest.fixture(scope="module")
def site(region: Region) -> Site:
    return Site(region)


@pytest.fixture(scope="module")
def shared(site: Site) -> Options:
    return site.cluster("shared")


# --- upgrades ----------------------------------------------------------------------------------------------------


def test_a_control_plane_goes_up_by_one_minor_version_and_never_down(site: Site) -> None:
    site.cluster("climber", kubernetes_version="v1.35.2")
    up = site.options("climber", kubernetes_version="v1.36.0")
    assert site.door("oke_cluster", check=True, **up)["diff"]["after"] == {"kubernetes_version": "v1.36.0"}
    made = site.door("oke_cluster", **up)
    assert made["changed"] and made["oke_cluster"]["available_kubernetes_upgrades"] == ["v1.36.1"]
    for allow_replace in (False, True):
        down = site.options("climber", kubernetes_version="v1.35.2", allow_replace=allow_replace)
        told = site.refused("oke_cluster", **down)
        assert "'v1.36.0' -> 'v1.35.2': a control plane goes to newer versions only" in told
    site.door("oke_cluster", **site.options("climber"))
    newest = site.refused("oke_cluster", **site.options("climber", kubernetes_version="v1.37.0"))
    assert newest.endswith("this region has no 'v1.37.0', it has v1.36.1")
    site.door("oke_cluster", id=made["oke_cluster"]["id"], state="absent")


def test_a_series_and_no_version_mean_the_newest_once(site: Site, region: Region) -> None:
    """When the cluster is made, or comes to the series; later runs leave it alone."""
    client, name = site.client, "follower"

    def there() -> str:
        (found,) = client.list_clusters(region.compartment_id, name=name, lifecycle_state=["ACTIVE"]).data
        return str(found.kubernetes_version)

    series = site.options(name, kubernetes_version="v1.35")
    planned = site.door("oke_cluster", check=True, **series)
    assert planned["diff"]["after"]["kubernetes_version"] == "v1.35.2"
    assert planned["oke_cluster"]["kubernetes_version"] == "v1.35.2"
    site.door("oke_cluster", **series)
    assert there() == "v1.35.2"
    none = {key: value for key, value in series.items() if key != "kubernetes_version"}
    for options in (series, none):
        assert not site.door("oke_cluster", **options)["changed"]
    site.door("oke_cluster", **site.options(name, kubernetes_version="v1.36.0"))
    up = site.options(name, kubernetes_version="v1.36")
    assert not site.door("oke_cluster", **up)["changed"], "it has one of the series"
    told = site.refused("oke_cluster", **series)
    assert "'v1.36.0' -> 'v1.35': a control plane goes to newer versions only" in told
    told = site.refused("oke_cluster", **site.options(name, kubernetes_version="v1.38"))
    assert told.endswith("this region has no 'v1.38', it has v1.36.1")
    made = site.door("oke_cluster", id=site.door("oke_cluster", **none)["oke_cluster"]["id"], state="absent")
    assert made["changed"]
    planned = site.door("oke_cluster", check=True, **none)
    assert planned["oke_cluster"]["kubernetes_version"] == "v1.36.1"
    assert site.door("oke_cluster", **none)["oke_cluster"]["kubernetes_version"] == "v1.36.1"
    site.door("oke_cluster", **none, state="absent")


def test_who_may_not_list_versions_names_one(site: Site, region: Region) -> None:
    none = {key: value for key, value in site.options("named").items() if key != "kubernetes_version"}
    region.faults.add("container_engine.get_cluster_options", status=404, times=None)
    try:
        assert "to make it these options are needed: kubernetes_version" in site.refused("oke_cluster", **none)
    finally:
        region.faults.clear()


def test_a_change_that_fails_is_told_though_the_cluster_is_active_again(
    site: Site, region: Region, shared: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(vnic_id: str, *, public: bool) -> None:
        raise ServiceError(500, "InternalServerError", "there is no address left")

    monkeypatch.setattr(region.inner.services["network"].vnics, "set_public", fail)
    endpoint = {"subnet_id": site.subnets["api"], "is_public_ip_enabled": True}
    told = site.door("oke_cluster", fails=True, **site.options("shared", endpoint_config=endpoint))["msg"]
    assert "there is no address left" in told and "FAILED" in told
    assert site.client.get_cluster(shared["id"]).data.lifecycle_state == "ACTIVE"


def test_versions_and_shapes_that_the_region_lacks_are_told_with_those_it_has(site: Site, shared: Options) -> None:
    told = site.refused("oke_cluster", **site.options("new", kubernetes_version="v1.20.1"))
    assert told.endswith("this region has no 'v1.20.1', it has v1.35.2, v1.36.0, v1.36.1")
    shape = {"subnet_id": site.subnets["pods"], "shape": "Pod.Standard.E9.Flex"}
    told = site.refused("virtual_node_pool", **site.pool_options(shared["id"], pod_configuration=shape))
    assert "pod_configuration.shape" in told and "Pod.Standard.E4.Flex" in told


def test_an_enhanced_cluster_stays_one(site: Site, shared: Options) -> None:
    told = site.refused("oke_cluster", **site.options("shared", type="BASIC_CLUSTER", allow_replace=True))
    assert "type: 'ENHANCED_CLUSTER' -> 'BASIC_CLUSTER': an enhanced cluster does not become a basic one" in told


# --- adoption ----------------------------------------------------------------------------------------------------


def test_what_another_client_made_is_adopted_and_keeps_what_is_not_declared(site: Site, region: Region) -> None:
    details = models.CreateClusterDetails(
        name="theirs",
        compartment_id=region.compartment_id,
        vcn_id=site.vcn_id,
        kubernetes_version="v1.36.0",
        type="ENHANCED_CLUSTER",
        freeform_tags={"team": "them"},
        endpoint_config=models.CreateClusterEndpointConfigDetails(
            subnet_id=site.subnets["api"], nsg_ids=[site.group], is_public_ip_enabled=True
        ),
        cluster_pod_network_options=[models.OciVcnIpNativeClusterPodNetworkOptionDetails()],
        options=models.ClusterCreateOptions(
            service_lb_config=models.ServiceLbConfigDetails(freeform_tags={"made-for": "them"}),
            open_id_connect_discovery=models.OpenIdConnectDiscovery(is_open_id_connect_discovery_enabled=True),
        ),
    )
    site.client.create_cluster(details)
    region.settle()
    theirs = site.client.list_clusters(region.compartment_id, name="theirs").data[0].id
    declared = site.options("theirs", kubernetes_version="v1.36.0")
    by_id = {k: v for k, v in declared.items() if k not in ("compartment_id", "name")}
    for options in (declared, {**by_id, "id": theirs}):
        found = site.door("oke_cluster", **options)
        assert not found["changed"] and found["oke_cluster"]["id"] == theirs
    changed = site.door("oke_cluster", **declared, options={"service_lb_config": {"freeform_tags": {"ours": "too"}}})
    assert changed["diff"]["after"] == {"options": {"service_lb_config": {"freeform_tags": {"ours": "too"}}}}
    now = site.client.get_cluster(theirs).data
    assert now.options.service_lb_config.freeform_tags == {"made-for": "them", "ours": "too"}
    assert now.options.open_id_connect_discovery.is_open_id_connect_discovery_enabled
    assert (now.freeform_tags, now.endpoint_config.nsg_ids) == ({"team": "them"}, [site.group])
    assert now.endpoint_config.is_public_ip_enabled
    endpoint = {"endpoint_config": {"subnet_id": site.subnets["api"], "is_public_ip_enabled": False}}
    region.forget_calls()
    hidden = site.door("oke_cluster", **{**declared, **endpoint})["oke_cluster"]
    assert [call.operation for call in region.writes()] == ["container_engine.update_cluster_endpoint_config"]
    assert hidden["endpoints"]["public_endpoint"] is None and hidden["endpoint_config"]["nsg_ids"] == [site.group]
    site.door("oke_cluster", id=theirs, state="absent")


def test_a_kubeconfig_is_for_an_endpoint_that_there_is(site: Site, shared: Options, tmp_path: Path) -> None:
    options = {"cluster_id": shared["id"], "path": str(tmp_path / "config"), "context": "shop"}
    told = site.door("kubeconfig", fails=True, **options, endpoint_kind="PUBLIC_ENDPOINT")["msg"]
    assert "no endpoint of type PUBLIC_ENDPOINT" in told
    for kind, field in (("PRIVATE_ENDPOINT", "private_endpoint"), ("VCN_HOSTNAME", "vcn_hostname_endpoint")):
        if address := shared["endpoints"].get(field):
            made = site.door("kubeconfig", **options, endpoint_kind=kind)
            assert made["changed"] and made["server"] == f"https://{address}"
            assert not site.door("kubeconfig", **options, endpoint_kind=kind)["changed"]
    assert shared["endpoints"]["private_endpoint"]


# --- pools -------------------------------------------------------------------------------------------------------


def test_cycling_reaches_the_nodes_along_with_another_change_only(site: Site, shared: Options) -> None:
    cycling = {"is_virtual_node_cycling_enabled": True, "maximum_surge": "1"}
    options = site.pool_options(shared["id"], display_name="cycled")
    pool = site.door("virtual_node_pool", **options)["virtual_node_pool"]
    first = site.nodes(pool["id"])
    options["virtual_node_pool_cycling_details"] = cycling
    assert not site.door("virtual_node_pool", **options)["changed"], "alone it is not a change"
    options["initial_virtual_node_labels"] = [{"key": "tier", "value": "app"}]
    planned = site.door("virtual_node_pool", check=True, **options)["diff"]["after"]
    assert planned == {
        "initial_virtual_node_labels": [{"key": "tier", "value": "app"}],
        "virtual_node_pool_cycling_details": {"is_virtual_node_cycling_enabled": True},
    }
    assert site.door("virtual_node_pool", **options)["diff"]["after"] == planned
    second = site.nodes(pool["id"])
    assert len(second) == 2 and not first & second, "every node is a new one"
    assert not site.door("virtual_node_pool", **options)["changed"]
    del options["virtual_node_pool_cycling_details"]
    options["taints"] = [{"key": "only", "value": "us", "effect": "NoSchedule"}]
    site.door("virtual_node_pool", **options)
    assert site.nodes(pool["id"]) == second, "not given, it is not sent"
    site.door("virtual_node_pool", id=pool["id"], state="absent", eviction_grace_duration="PT0M")


def test_an_update_that_the_service_does_not_heed_is_no_change_and_told(site: Site, shared: Options) -> None:
    """OKE accepts an update of a pool's groups and tags and leaves them (likely: evidence oke-13)."""
    options = site.pool_options(shared["id"], display_name="unheeded", freeform_tags={"a": "b"})
    pool = site.door("virtual_node_pool", **options)["virtual_node_pool"]
    wanted = {**options, "nsg_ids": [site.group], "freeform_tags": {"a": "c"}}
    assert site.door("virtual_node_pool", check=True, **wanted)["changed"], "nobody knows yet"
    result = site.door("virtual_node_pool", **wanted)
    assert not result["changed"] and result["virtual_node_pool"]["freeform_tags"] == {"a": "b"}
    (told,) = site.door.warnings
    assert "accepted an update of nsg_ids, freeform_tags and left it as it was" in told
    site.door.warnings.clear()
    for check in (True, False):
        site.region.forget_calls()
        assert not site.door("virtual_node_pool", check=check, **wanted)["changed"]
        assert not site.region.writes() and not site.door.warnings, "said once, and not asked again"
    more = {**wanted, "size": 1, "virtual_node_tags": {"freeform_tags": {"mine": "too"}}}
    result = site.door("virtual_node_pool", **more)
    assert result["diff"]["after"]["size"] == 1 and set(result["diff"]["after"]) == {"size", "virtual_node_tags"}
    assert not site.door("virtual_node_pool", **more)["changed"] and not site.door.warnings
    other = {**more, "freeform_tags": {"a": "d"}}
    assert not site.door("virtual_node_pool", **other)["changed"]
    (told,) = site.door.warnings
    assert "an update of freeform_tags and" in told, "another value is asked for, once"
    site.region.forget_calls()
    assert not site.door("virtual_node_pool", **other)["changed"] and not site.region.writes()
    site.door("virtual_node_pool", id=pool["id"], state="absent", eviction_grace_duration="PT0M")


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"eviction_grace_duration": "PT61M", "state": "absent"}, "eviction_grace_duration: 'PT61M'"),
        ({"eviction_grace_duration": "60", "state": "absent"}, "from PT0M to PT60M"),
        ({"virtual_node_pool_cycling_details": {"maximum_surge": "some"}}, "maximum_surge: 'some'"),
        ({"virtual_node_pool_cycling_details": {"maximum_unavailable": "101%"}}, "maximum_unavailable: '101%'"),
        (
            {"virtual_node_pool_cycling_details": {"is_virtual_node_cycling_enabled": True, "maximum_surge": "0"}},
            "no node can be replaced",
        ),
        ({"nsg_ids": [f"ocid1.nsg.oc1..{n}" for n in range(6)]}, "nsg_ids: the service takes at most 5"),
    ],
)
def test_a_pool_that_cannot_be_is_refused_before_anything_is_asked(
    site: Site, shared: Options, values: Options, word: str
) -> None:
    assert word in site.refused("virtual_node_pool", **site.pool_options(shared["id"], **values))
    assert site.region.calls == []


def test_a_pool_is_there_when_its_nodes_are(site: Site, shared: Options, region: Region) -> None:
    options = site.pool_options(shared["id"], display_name="slow")
    pool = site.door("virtual_node_pool", **options)["virtual_node_pool"]
    node_id = sorted(site.nodes(pool["id"]))[0]

    force(region, node_id, lifecycleState="CREATING", virtualNodeError="out of capacity")
    for state in ("ACTIVE", "NEEDS_ATTENTION"):
        force(region, pool["id"], lifecycleState=state)
        told = site.door("virtual_node_pool", fails=True, wait_timeout=0, **options)["msg"]
        assert "1 of 2 virtual nodes ACTIVE" in told and "out of capacity" in told
    force(region, node_id, lifecycleState="ACTIVE")
    assert not site.door("virtual_node_pool", **options)["changed"]
    site.door("virtual_node_pool", id=pool["id"], state="absent", eviction_grace_duration="PT5M")


def test_placements_of_one_domain_are_the_same_in_every_form(site: Site, shared: Options) -> None:
    """OKE keeps one of an availability domain (evidence oke-12); one that names no fault domain means all."""
    row = {"availability_domain": site.ad, "subnet_id": site.subnets["nodes"]}
    domains = [f"FAULT-DOMAIN-{number}" for number in (1, 2, 3)]
    apart = [{**row, "fault_domain": [domain]} for domain in domains]
    together = [{**row, "fault_domain": domains}]
    named = {"display_name": "placed", "size": 3}
    made = site.door("virtual_node_pool", **site.pool_options(shared["id"], placement_configurations=apart, **named))
    (kept,) = made["virtual_node_pool"]["placement_configurations"]
    assert kept["fault_domain"] == domains
    for form in (together, apart, apart[::-1], [{**together[0], "availability_domain": site.ad.lower()}]):
        options = site.pool_options(shared["id"], placement_configurations=form, **named)
        assert not site.door("virtual_node_pool", **options)["changed"], form
    fewer = site.pool_options(shared["id"], placement_configurations=apart[:2], **named)
    assert site.door("virtual_node_pool", check=True, **fewer)["changed"]
    site.door("virtual_node_pool", state="absent", **fewer, eviction_grace_duration="PT0M")


@pytest.mark.parametrize("readable", [True, False], ids=["its request is read", "its request is hidden"])
def test_a_removal_that_ends_in_needs_attention_is_told_at_once(
    site: Site, shared: Options, region: Region, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    """A pool's deletion can hang without a reason (evidence oke-10); without its request the state has to tell."""
    options = site.pool_options(shared["id"], display_name=f"stuck-{readable}")
    pool = site.door("virtual_node_pool", **options)["virtual_node_pool"]
    region.faults.add("container_engine.pool_deleted", step=True, status=500, message="")
    if not readable:
        region.faults.add("container_engine.get_work_request", status=404, times=None)
    monkeypatch.setattr(region.inner.clock, "minute", 1.0)
    told = site.door("virtual_node_pool", fails=True, state="absent", wait_timeout=60, wait_interval=0.1, **options)
    monkeypatch.undo()
    region.faults.clear()
    assert pool["id"] in told["msg"] or "Work request" in told["msg"]
    assert "wait_timeout" not in told["msg"], "it did not wait to the end of its time"
    if not readable:
        assert re.search(r"is NEEDS_ATTENTION after \d+s of its removal", told["msg"]) and "run again" in told["msg"]
    assert site.client.get_virtual_node_pool(pool["id"]).data.lifecycle_state == "NEEDS_ATTENTION"
    again: Options = {"force_deletion_after_grace": True, "eviction_grace_duration": "PT0M"}
    assert site.door("virtual_node_pool", state="absent", **options, **again)["changed"]


# --- add-ons -----------------------------------------------------------------------------------------------------


def test_an_add_on_that_every_cluster_has_is_changed_in_place(site: Site, shared: Options) -> None:
    options = {"cluster_id": shared["id"], "addon_name": "CoreDNS"}
    assert not site.door("oke_addon", **options)["changed"], "it is there from the beginning"
    settings = [{"key": "minReplica", "value": "2"}]
    made = site.door("oke_addon", **options, version="v1.13.1", configurations=settings)
    assert made["changed"] and made["oke_addon"]["current_installed_version"] == "v1.13.1"
    assert not site.door("oke_addon", **options)["changed"], "what is not given stays"
    assert site.client.get_addon(shared["id"], "CoreDNS").data.configurations[0].value == "2"


def test_add_ons_that_there_are_not_are_told_with_those_there_are(site: Site, shared: Options) -> None:
    told = site.refused("oke_addon", cluster_id=shared["id"], addon_name="CertManger")
    assert "addon_name" in told and "CertManager" in told
    told = site.refused("oke_addon", cluster_id=shared["id"], addon_name="CertManager", version="v9.9.9")
    assert told.endswith("version: this region has no 'v9.9.9', it has v1.17.4, v1.18.2")


def test_an_add_on_that_needs_attention_is_told_with_its_error(site: Site, shared: Options, region: Region) -> None:
    where = {"cluster_id": shared["id"], "addon_name": "Istio"}
    site.door("oke_addon", **where)

    fault = {"code": "NoNodes", "message": "no node to run on", "status": "0"}
    force(region, "/".join(where.values()), lifecycleState="NEEDS_ATTENTION", addonError=fault)
    told = site.door("oke_addon", fails=True, wait_timeout=0, **where)["msg"]
    assert "NEEDS_ATTENTION: NoNodes: no node to run on" in told
    assert not site.door("oke_addon", wait=False, **where)["changed"]
    region.forget_calls()
    site.door("oke_addon", **where, state="absent", is_remove_existing_add_on=False)
    (call,) = region.writes()
    assert call.operation == "container_engine.disable_addon"


@pytest.mark.parametrize("module", ["virtual_node_pool", "oke_addon"])
def test_what_belongs_to_a_cluster_waits_while_that_changes(site: Site, region: Region, module: str) -> None:
    cluster = site.cluster(f"busy-{module}")
    options = {
        "virtual_node_pool": site.pool_options(cluster["id"]),
        "oke_addon": {"cluster_id": cluster["id"], "addon_name": "CertManager"},
    }[module]
    force(region, cluster["id"], lifecycleState="UPDATING")
    region.forget_calls()
    told = site.door(module, fails=True, wait_timeout=0, **options)["msg"]
    assert "its cluster is UPDATING" in told and region.writes() == []
    assert site.door(module, check=True, **options)["changed"], "a plan does not wait"
    timer = threading.Timer(0.5, force, (region, cluster["id"]), {"lifecycleState": "ACTIVE"})
    timer.start()
    assert site.door(module, wait_timeout=10, **options)["changed"]
    assert any("its cluster is UPDATING" in line for line in site.door.lines)
    timer.join()
    force(region, cluster["id"], lifecycleState="UPDATING")
    assert not site.door(module, **options)["changed"], "where nothing is to be done nothing is waited for"
    force(region, cluster["id"], lifecycleState="ACTIVE")
    site.door("oke_cluster", id=cluster["id"], state="absent")


# --- the role ----------------------------------------------------------------------------------------------------


def test_the_role_keeps_cluster_pool_and_add_ons_and_finds_them_kept(
    site: Site, region: Region, tmp_path: Path
) -> None:
    variables = {
        "oke_virtual_pool_compartment_id": region.compartment_id,
        "oke_virtual_pool_deployment": "rolled",
        "oke_virtual_pool_kubernetes_version": "v1.36.0",
        "oke_virtual_pool_vcn_id": site.vcn_id,
        "oke_virtual_pool_endpoint_subnet_id": site.subnets["api"],
        "oke_virtual_pool_endpoint_nsg_ids": [site.group],
        "oke_virtual_pool_load_balancer_subnet_ids": [site.subnets["nodes"]],
        "oke_virtual_pool_kms_key_id": "",
        "oke_virtual_pool_kms_key_compartment_id": region.compartment_id,
        "oke_virtual_pool_node_subnet_id": site.subnets["nodes"],
        "oke_virtual_pool_node_nsg_ids": [],
        "oke_virtual_pool_pod_subnet_id": site.subnets["pods"],
        "oke_virtual_pool_pod_nsg_ids": [],
        "oke_virtual_pool_size": 1,
        "okestack_availability_domain": site.ad,
        "oke_virtual_pool_addons": [
            {"name": "CertManager", "configurations": [{"key": "numOfReplicas", "value": "2"}]},
            {"name": "CoreDNS", "version": "v1.14.7"},
        ],
    }
    variables["oke_virtual_pool_repositories"] = ["rolled/app", "shared/app"]
    registry = region.client(oci.artifacts.ArtifactsClient)
    theirs = {"okestack-deployment": "other"}
    registry.create_container_repository(
        oci.artifacts.models.CreateContainerRepositoryDetails(
            compartment_id=region.compartment_id, display_name="shared/app", is_public=False, freeform_tags=theirs
        )
    )
    cycling = {"is_virtual_node_cycling_enabled": True}

    def run(*arguments: str, **more: Any) -> str:
        role = {"ansible.builtin.include_role": {"name": "okestack.oci.oke_virtual_pool"}, "vars": variables | more}
        return play(region, tmp_path, [role], *arguments)

    planned = run("--check")
    assert "changed=0" not in planned
    for version in ("v1.36", ""):
        assert "changed=0" not in run("--check", oke_virtual_pool_kubernetes_version=version)
    assert site.client.list_clusters(region.compartment_id, name="rolled").data == []
    run()
    made = site.client.list_clusters(region.compartment_id, name="rolled", lifecycle_state=["ACTIVE"]).data[0]
    assert site.client.get_addon(made.id, "CertManager").data.configurations[0].value == "2"
    rows = registry.list_container_repositories(region.compartment_id).data.items
    owners = {row.display_name: row.freeform_tags.get("okestack-deployment") for row in rows}
    assert (owners["rolled/app"], owners["shared/app"]) == ("rolled", "other")
    pool = site.client.list_virtual_node_pools(region.compartment_id, cluster_id=made.id).data[0]
    first = site.nodes(pool.id)
    for version in ("v1.36.0", "v1.36", ""):
        assert "changed=0" in run(oke_virtual_pool_kubernetes_version=version)
    run(
        oke_virtual_pool_kubernetes_version="v1.36.1",
        oke_virtual_pool_cycling_details=cycling,
        oke_virtual_pool_labels={"tier": "app"},
    )
    assert site.client.get_cluster(made.id).data.kubernetes_version == "v1.36.1"
    assert not first & site.nodes(pool.id)


# --- a grant that is not known yet ----------------------------------------------------------------------------------


@pytest.fixture(name="keyed", scope="module")
def _keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    """A region in which a cloud minute is a second, so that a policy holds after 0.75 s; and a vault in it."""
    with Region.started(Path(tmp_path_factory.mktemp("keyed")), minute=1.0) as region:
        site = Site(region)
        vault = site.door("vault", **site.common, display_name="v", vault_type="DEFAULT")["vault"]
        yield site, vault["management_endpoint"]


def _key(site: Site, endpoint: str, name: str) -> str:
    shape = {"algorithm": "AES", "length": 32}
    options: Options = {"display_name": name, "management_endpoint": endpoint, "key_shape": shape}
    return str(site.door("vault_key", **site.common, **options)["vault_key"]["id"])


def _grant(site: Site, name: str, key: str) -> None:
    where = f"where all {{request.principal.type='cluster', target.key.id='{key}'}}"
    statement = f"Allow any-user to use keys in compartment id {site.region.compartment_id} {where}"
    site.door("policy", **site.common, name=name, description="d", statements=[statement])


def _made(site: Site, name: str) -> list[str]:
    clusters = site.client.list_clusters(site.region.compartment_id, name=name).data
    return sorted(cluster.lifecycle_state for cluster in clusters)


@pytest.mark.parametrize("begun", [False, True], ids=["in one task", "begun and waited for"])
def test_a_cluster_that_failed_for_a_new_grant_is_made_again(keyed: tuple[Site, str], begun: bool) -> None:
    site, endpoint = keyed
    name = f"granted-{begun}"
    key = _key(site, endpoint, name)
    _grant(site, name, key)
    if begun:
        assert site.door("oke_cluster", **site.options(name, kms_key_id=key), wait=False)["changed"]
    done = site.door("oke_cluster", **site.options(name, kms_key_id=key))
    assert done["oke_cluster"]["lifecycle_state"] == "ACTIVE", done
    assert done["changed"]
    states = _made(site, name)
    assert states.count("ACTIVE") == 1 and states.count("DELETED") == len(states) - 1 > 0, states
    assert not site.door("oke_cluster", **site.options(name, kms_key_id=key))["changed"]


def test_a_cluster_that_failed_without_a_new_grant_stays(
    keyed: tuple[Site, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, endpoint = keyed
    options = site.options("alone", kms_key_id=_key(site, endpoint, "alone"))
    monkeypatch.setattr(cloud, "_written", mmap.mmap(-1, 8))  # as in a run that writes nothing in identity
    failed = site.door("oke_cluster", **options, fails=True)
    assert "KmsKeyNotAuthorizedOrNotFound" in failed["msg"], failed
    refused = site.door("oke_cluster", **options, fails=True)
    assert "Remove it (state: absent)" in refused["msg"], refused
    assert _made(site, "alone") == ["FAILED"]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-3600, False), (-30, True), (0, True), (80, True), (170, False), (None, False)]
)
def test_what_is_made_while_identity_is_fresh(
    seconds: float | None, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "_written", mmap.mmap(-1, 8))
    if seconds is not None:
        cloud._note_identity_write()
    assert cloud.made_while_fresh(time.time() + (seconds or 0)) is expected
