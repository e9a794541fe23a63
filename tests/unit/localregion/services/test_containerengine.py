# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters, virtual node pools and add-ons through the SDK's own client, without programs behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import oci
import pytest
import yaml
from oci.container_engine import ContainerEngineClient, models

from localregion import settings as names
from localregion.services.containerengine.internal_api import internal_app
from localregion.testing import Region
from tests.unit.localregion.services.test_identity import SKE
from tests.unit.localregion.support import Net, make_key, make_vault


@contextmanager
def refused(status: int, code: str, word: str = "") -> Iterator[None]:
    """The call in it is answered so."""
    with pytest.raises(oci.exceptions.ServiceError) as caught:
        yield
    assert (caught.value.status, caught.value.code) == (status, code), caught.value.message
    assert word in caught.value.message


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with Region.started(tmp_path_factory.mktemp("region")) as started:
        yield started


@pytest.fixture(scope="module")
def net(region: Region) -> Net:
    return Net(region)


class Engine:
    """The client, with waits."""

    def __init__(self, region: Region, net: Net) -> None:
        self.region, self.net = region, net
        self.client = region.client(ContainerEngineClient)
        self.api = net.subnet("10.0.0.0/28", "api").id
        self.lb = net.subnet("10.0.1.0/24", "lb").id
        self.nodes = net.subnet("10.0.16.0/24", "nodes").id
        self.pods = net.subnet("10.0.32.0/19", "pods").id

    def details(self, **values: Any) -> Any:
        return models.CreateClusterDetails(
            **{
                "name": "cluster",
                "compartment_id": self.region.compartment_id,
                "vcn_id": self.net.vcn.id,
                "kubernetes_version": "v1.36.1",
                "type": "ENHANCED_CLUSTER",
                "endpoint_config": models.CreateClusterEndpointConfigDetails(
                    subnet_id=self.api, is_public_ip_enabled=True
                ),
                "cluster_pod_network_options": [models.OciVcnIpNativeClusterPodNetworkOptionDetails()],
                **values,
            }
        )

    def finish(self, response: Any) -> Any:
        """The work request of a call, when it is done."""
        self.region.settle()
        return self.client.get_work_request(response.headers["opc-work-request-id"]).data

    def errors(self, request: Any) -> list[str]:
        found = self.client.list_work_request_errors(self.region.compartment_id, request.id).data
        return [error.message for error in found]

    def cluster(self, **values: Any) -> Any:
        request = self.finish(self.client.create_cluster(self.details(**values)))
        assert request.status == "SUCCEEDED", self.errors(request)
        return self.client.get_cluster(request.resources[0].identifier).data

    def delete(self, cluster_id: str) -> Any:
        return self.finish(self.client.delete_cluster(cluster_id))

    def pool_details(self, cluster_id: str, **values: Any) -> Any:
        return models.CreateVirtualNodePoolDetails(
            **{
                "compartment_id": self.region.compartment_id,
                "cluster_id": cluster_id,
                "display_name": "pool",
                "size": 3,
                "placement_configurations": [self.placement()],
                "pod_configuration": models.PodConfiguration(subnet_id=self.pods, shape="Pod.Standard.E4.Flex"),
                **values,
            }
        )

    def placement(self, *domains: str, subnet: str | None = None) -> Any:
        return models.PlacementConfiguration(
            availability_domain=names.AVAILABILITY_DOMAIN,
            fault_domain=list(domains),
            subnet_id=subnet or self.nodes,
        )

    def pool(self, cluster_id: str, **values: Any) -> Any:
        details = self.pool_details(cluster_id, **values)
        request = self.finish(self.client.create_virtual_node_pool(details))
        assert request.status == "SUCCEEDED", self.errors(request)
        return self.client.get_virtual_node_pool(request.resources[0].identifier).data

    def update_pool(self, pool_id: str, **values: Any) -> Any:
        details = models.UpdateVirtualNodePoolDetails(**values)
        request = self.finish(self.client.update_virtual_node_pool(pool_id, details))
        assert request.status == "SUCCEEDED", self.errors(request)
        return request

    def virtual_nodes(self, pool_id: str) -> list[Any]:
        return list(self.client.list_virtual_nodes(pool_id).data)


@pytest.fixture(scope="module")
def engine(region: Region, net: Net) -> Engine:
    return Engine(region, net)


@pytest.fixture(scope="module")
def cluster(engine: Engine) -> Any:
    """One for the tests that leave it as it is."""
    return engine.cluster(name="shared")


def test_a_cluster_is_made_by_a_work_request(engine: Engine) -> None:
    response = engine.client.create_cluster(engine.details(name="made", freeform_tags={"a": "b"}))
    assert response.status == 202
    assert response.data is None
    request = engine.finish(response)
    assert (request.operation_type, request.status) == ("CLUSTER_CREATE", "SUCCEEDED")
    (resource,) = request.resources
    assert (resource.entity_type, resource.action_type) == ("cluster", "CREATED")
    made = engine.client.get_cluster(resource.identifier).data
    assert (made.lifecycle_state, made.name, made.type) == ("ACTIVE", "made", "ENHANCED_CLUSTER")
    assert made.freeform_tags == {"a": "b"}
    assert made.endpoints.private_endpoint.startswith("10.0.0.") and made.endpoints.private_endpoint.endswith(":6443")
    assert made.endpoints.public_endpoint.startswith("127.")
    assert made.metadata.created_by_user_id == names.OPERATOR_ID
    assert made.metadata.created_by_work_request_id == request.id
    assert made.options.kubernetes_network_config.services_cidr == "10.96.0.0/16"
    logs = engine.client.list_work_request_logs(engine.region.compartment_id, request.id).data
    assert logs[0].message == "The cluster is active"
    listed = engine.client.list_clusters(engine.region.compartment_id, name="made", lifecycle_state=["ACTIVE"]).data
    assert [item.id for item in listed] == [made.id]
    # The subnet of its endpoint is in use.
    with refused(409, "Conflict"):
        engine.net.client.delete_subnet(engine.api)
    assert engine.delete(made.id).status == "SUCCEEDED"
    assert engine.client.get_cluster(made.id).data.lifecycle_state == "DELETED"


def test_what_the_api_leaves_open_gets_its_defaults(engine: Engine) -> None:
    endpoint = models.CreateClusterEndpointConfigDetails(subnet_id=engine.api)
    made = engine.cluster(type=None, cluster_pod_network_options=None, endpoint_config=endpoint)
    assert made.type == "BASIC_CLUSTER"
    assert made.cluster_pod_network_options[0].cni_type == "FLANNEL_OVERLAY"
    assert made.endpoint_config.is_public_ip_enabled is False
    assert made.endpoints.public_endpoint is None
    with refused(400, "InvalidParameter", "enhanced"):
        engine.client.create_virtual_node_pool(engine.pool_details(made.id))
    engine.delete(made.id)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"kubernetes_version": "v1.20.1"}, "kubernetesVersion"),
        ({"name": "has spaces"}, "name"),
        ({"endpoint_config": None}, "endpointConfig.subnetId"),
        ({"options": models.ClusterCreateOptions(service_lb_subnet_ids=["a", "b", "c"])}, "serviceLbSubnetIds"),
    ],
)
def test_bad_clusters_are_refused_at_once(engine: Engine, values: dict[str, Any], word: str) -> None:
    before = len(engine.client.list_clusters(engine.region.compartment_id).data)
    with refused(400, "InvalidParameter", word):
        engine.client.create_cluster(engine.details(**values))
    assert len(engine.client.list_clusters(engine.region.compartment_id).data) == before


def test_a_public_endpoint_needs_a_public_subnet(engine: Engine) -> None:
    private = engine.net.subnet("10.0.2.0/24", "private", private=True)
    endpoint = models.CreateClusterEndpointConfigDetails(subnet_id=private.id, is_public_ip_enabled=True)
    with refused(400, "InvalidParameter", "public"):
        engine.client.create_cluster(engine.details(endpoint_config=endpoint))


def test_the_keys_grant_must_hold_before(engine: Engine) -> None:
    region = engine.region
    key = make_key(region, make_vault(region))
    request = engine.finish(engine.client.create_cluster(engine.details(name="sealed", kms_key_id=key.id)))
    assert request.status == "FAILED"
    assert "request.principal.type='cluster'" in engine.errors(request)[0]
    failed = engine.client.get_cluster(request.resources[0].identifier).data
    assert failed.lifecycle_state == "FAILED"
    assert "cannot use the key" in failed.lifecycle_details
    engine.delete(failed.id)
    statement = (
        "Allow any-user to use keys in compartment okestack where all"
        f" {{request.principal.type='cluster', target.key.id='{key.id}'}}"
    )
    region.client(oci.identity.IdentityClient).create_policy(
        oci.identity.models.CreatePolicyDetails(
            compartment_id=region.compartment_id, name="key", description="-", statements=[statement]
        )
    )
    region.settle()
    made = engine.cluster(name="sealed", kms_key_id=key.id)
    assert made.kms_key_id == key.id
    engine.delete(made.id)


def test_updates_merge_and_end_active(engine: Engine) -> None:
    made = engine.cluster(type="BASIC_CLUSTER")
    details = models.UpdateClusterDetails(
        name="renamed",
        type="ENHANCED_CLUSTER",
        freeform_tags={"x": "y"},
        options=models.UpdateClusterOptionsDetails(
            service_lb_config=models.ServiceLbConfigDetails(freeform_tags={"lb": "yes"})
        ),
    )
    request = engine.finish(engine.client.update_cluster(made.id, details))
    assert (request.operation_type, request.status) == ("CLUSTER_UPDATE", "SUCCEEDED")
    now = engine.client.get_cluster(made.id).data
    assert (now.name, now.type, now.freeform_tags) == ("renamed", "ENHANCED_CLUSTER", {"x": "y"})
    assert now.options.service_lb_config.freeform_tags == {"lb": "yes"}
    assert now.options.kubernetes_network_config.services_cidr == "10.96.0.0/16"
    assert now.metadata.updated_by_work_request_id == request.id
    with refused(400, "InvalidParameter"):
        engine.client.update_cluster(made.id, models.UpdateClusterDetails(type="BASIC_CLUSTER"))
    engine.delete(made.id)


def test_the_endpoints_groups_and_its_publicness_change(engine: Engine) -> None:
    made = engine.cluster()
    group = engine.net.group("endpoint")

    def update(**values: Any) -> Any:
        details = models.UpdateClusterEndpointConfigDetails(**values)
        request = engine.finish(engine.client.update_cluster_endpoint_config(made.id, details))
        assert request.status == "SUCCEEDED", engine.errors(request)
        return engine.client.get_cluster(made.id).data

    now = update(nsg_ids=[group.id])
    assert now.endpoint_config.nsg_ids == [group.id]
    assert now.endpoints == made.endpoints
    assert len(engine.net.client.list_network_security_group_vnics(group.id).data) == 1
    hidden = update(is_public_ip_enabled=False)
    assert (hidden.endpoint_config.is_public_ip_enabled, hidden.endpoints.public_endpoint) == (False, None)
    assert hidden.endpoints.private_endpoint == made.endpoints.private_endpoint
    assert hidden.endpoint_config.nsg_ids == [group.id]
    details = models.CreateClusterKubeconfigContentDetails(token_version="2.0.0", endpoint="PUBLIC_ENDPOINT")
    with refused(400, "InvalidParameter", "PUBLIC_ENDPOINT"):
        engine.client.create_kubeconfig(made.id, create_cluster_kubeconfig_content_details=details)
    assert update(is_public_ip_enabled=True).endpoints.public_endpoint.startswith("127.")
    engine.delete(made.id)


def test_an_endpoint_in_a_private_subnet_stays_private(engine: Engine) -> None:
    private = engine.net.subnet("10.0.3.0/24", "hidden", private=True)
    made = engine.cluster(endpoint_config=models.CreateClusterEndpointConfigDetails(subnet_id=private.id))
    with refused(400, "InvalidParameter", "prohibits public IP"):
        engine.client.update_cluster_endpoint_config(
            made.id, models.UpdateClusterEndpointConfigDetails(is_public_ip_enabled=True)
        )
    engine.delete(made.id)


def test_a_control_plane_goes_up_one_minor_release_at_a_time(engine: Engine) -> None:
    made = engine.cluster(kubernetes_version="v1.35.2")
    pool = engine.pool(made.id, size=1)
    assert made.available_kubernetes_upgrades == ["v1.36.0", "v1.36.1"]
    assert engine.client.get_cluster_options(made.id).data.kubernetes_versions == ["v1.35.2", "v1.36.0", "v1.36.1"]

    def upgrade(version: str) -> Any:
        return engine.client.update_cluster(made.id, models.UpdateClusterDetails(kubernetes_version=version))

    with refused(400, "InvalidParameter", "Invalid kubernetesVersion"):
        upgrade("v1.36.9")
    assert engine.finish(upgrade("v1.36.0")).status == "SUCCEEDED"
    now = engine.client.get_cluster(made.id).data
    assert (now.kubernetes_version, now.available_kubernetes_upgrades) == ("v1.36.0", ["v1.36.1"])
    with refused(400, "InvalidParameter", "cannot be downgraded"):
        upgrade("v1.35.2")
    # Virtual nodes and the add-ons whose version is the service's follow.
    assert engine.client.get_virtual_node_pool(pool.id).data.kubernetes_version == "v1.36.0"
    assert [node.kubernetes_version for node in engine.virtual_nodes(pool.id)] == ["v1.36.0"]
    assert engine.client.get_addon(made.id, "KubeProxy").data.current_installed_version == "v1.36.0"
    assert engine.finish(upgrade("v1.36.1")).status == "SUCCEEDED"
    assert engine.client.get_cluster(made.id).data.available_kubernetes_upgrades == []
    engine.delete(made.id)


def test_a_version_that_oke_does_not_offer_is_refused_at_once(engine: Engine) -> None:
    with refused(400, "InvalidParameter", "Invalid kubernetesVersion"):
        engine.client.create_cluster(engine.details(kubernetes_version="v1.35.4"))


def test_a_second_cluster_is_refused_where_parts_are_real(
    engine: Engine, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = engine.client.list_clusters(engine.region.compartment_id).data
    monkeypatch.setattr(engine.region.inner, "settings", replace(engine.region.settings, pure=False))
    version = engine.client.get_cluster_options("all").data.kubernetes_versions[-1]
    with refused(501, "NotImplemented", "a second cluster with real parts"):
        engine.client.create_cluster(engine.details(name="second", kubernetes_version=version))
    assert engine.client.list_clusters(engine.region.compartment_id).data == before


def test_a_work_request_names_its_resources_from_the_start(tmp_path: Path) -> None:
    """As recorded of the service: evidence oke-01, oke-02, oke-04."""
    with Region.started(tmp_path / "region") as slow:
        engine = Engine(slow, Net(slow))
        made = engine.cluster()
        slow.inner.clock.minute = 3600
        response = engine.client.create_virtual_node_pool(engine.pool_details(made.id))
        assert (response.status, response.headers["x-rate-limit-limit"]) == (202, "16.70")
        assert "etag" not in response.headers and "content-type" not in response.headers
        answer = engine.client.get_work_request(response.headers["opc-work-request-id"])
        assert answer.headers["retry-after"] == "30"
        doc = answer.data
        assert (doc.status, doc.time_started, doc.time_finished) == ("ACCEPTED", None, None)
        pool, cluster = doc.resources
        assert (pool.entity_type, pool.action_type) == ("virtualnodepool", "IN_PROGRESS")
        assert pool.entity_uri == f"/virtualNodePools/{pool.identifier}"
        assert (cluster.entity_type, cluster.action_type) == ("cluster", "RELATED")
        assert (cluster.identifier, cluster.entity_uri) == (made.id, f"/clusters/{made.id}")
        assert doc.time_accepted.microsecond == made.metadata.time_created.microsecond == 0


def test_a_cluster_as_it_is_shown(engine: Engine, cluster: Any) -> None:
    assert cluster.lifecycle_details == ""
    name = f"{cluster.id[-11:]}.{names.REGION}.clusters.oci.{names.REALM_DOMAIN}:6443"
    assert cluster.endpoints.kubernetes == name
    assert cluster.endpoints.vcn_hostname_endpoint.startswith(f"{cluster.id[-11:]}.api.")
    assert engine.client.list_clusters(engine.region.compartment_id, name="shared").data[0].system_tags == {}


def test_an_update_of_a_pools_groups_and_tags_has_no_effect(engine: Engine, cluster: Any) -> None:
    """Evidence oke-13."""
    group = engine.net.group("late").id
    pool = engine.pool(cluster.id, freeform_tags={"a": "b"})
    request = engine.update_pool(pool.id, nsg_ids=[group], freeform_tags={"c": "d"}, defined_tags={}, size=1)
    assert request.operation_type == "VIRTUALNODEPOOL_UPDATE"
    now = engine.client.get_virtual_node_pool(pool.id).data
    assert (now.nsg_ids, now.freeform_tags, now.size) == ([], {"a": "b"}, 1)
    with refused(400, "RelatedResourceNotAuthorizedOrNotFound"):
        engine.update_pool(pool.id, nsg_ids=["ocid1.networksecuritygroup.none"])
    engine.finish(engine.client.delete_virtual_node_pool(pool.id))


def test_a_pools_deletion_can_end_in_needs_attention(engine: Engine, cluster: Any) -> None:
    pool = engine.pool(cluster.id, size=1)
    engine.region.faults.add("container_engine.pool_deleted", step=True, status=500, message="")
    assert engine.finish(engine.client.delete_virtual_node_pool(pool.id)).status == "FAILED"
    stuck = engine.client.get_virtual_node_pool(pool.id).data
    assert (stuck.lifecycle_state, stuck.lifecycle_details) == ("NEEDS_ATTENTION", "")
    assert engine.finish(engine.client.delete_virtual_node_pool(pool.id)).status == "SUCCEEDED"


def test_virtual_nodes_ask_whether_the_tenancys_policy_lets_pods_start(engine: Engine, cluster: Any) -> None:
    """A pool can be made without it, as in the cloud; its pods start only with it."""
    pool = engine.pool(cluster.id, size=1)

    async def ask(subnet_id: str) -> tuple[int, Any]:
        transport = httpx.ASGITransport(app=internal_app(engine.region.inner))
        async with httpx.AsyncClient(transport=transport, base_url="http://internal") as client:
            answer = await client.get("/internal/policy", params={"subnetId": subnet_id, "groups": "true"})
            return answer.status_code, answer.json()

    subnet_id = pool.pod_configuration.subnet_id
    needed = {"missing": ["subnets", "vnics", "network-security-group"]}
    assert engine.region.run(ask(subnet_id)) == (200, needed)
    details = oci.identity.models.CreatePolicyDetails(
        compartment_id=engine.region.tenancy_id, name="ske", description="d", statements=list(SKE)
    )
    identity = engine.region.client(oci.identity.IdentityClient)
    policy = identity.create_policy(details).data
    engine.region.settle()
    assert engine.region.run(ask(subnet_id)) == (200, {"missing": []})
    assert engine.region.run(ask("ocid1.subnet.none"))[0] == 404

    async def attach() -> tuple[int, Any]:
        transport = httpx.ASGITransport(app=internal_app(engine.region.inner))
        async with httpx.AsyncClient(transport=transport, base_url="http://internal") as client:
            body = {"subnetId": subnet_id, "displayName": "uid", "ownerId": pool.id}
            answer = await client.post("/internal/vnics", json=body)
            await client.delete(f"/internal/vnics/{answer.json().get('id', 'none')}")
            return answer.status_code, answer.json()

    engine.region.faults.add("container_engine.pod_created", step=True, status=500, times=1)
    message = "cannot provision pod due to insufficient capacity"
    assert engine.region.run(attach()) == (500, {"code": "OutOfHostCapacity", "message": message})
    status, vnic = engine.region.run(attach())
    assert (status, vnic["privateIpId"].split(".")[1]) == (200, "privateip")
    identity.delete_policy(policy.id)
    engine.finish(engine.client.delete_virtual_node_pool(pool.id))


def test_pods_wait_for_addresses_until_their_subnet_grows(engine: Engine, cluster: Any) -> None:
    """A /29 has room for five."""
    subnet = engine.net.subnet("10.0.72.0/29", "few")
    pool = engine.pool(
        cluster.id, size=1, pod_configuration=models.PodConfiguration(subnet_id=subnet.id, shape="Pod.Standard.E4.Flex")
    )

    async def attach(name: str) -> tuple[int, Any]:
        transport = httpx.ASGITransport(app=internal_app(engine.region.inner))
        async with httpx.AsyncClient(transport=transport, base_url="http://internal") as client:
            body = {"subnetId": subnet.id, "displayName": name, "ownerId": pool.id}
            answer = await client.post("/internal/vnics", json=body)
            return answer.status_code, answer.json()

    assert [engine.region.run(attach(f"pod-{number}"))[0] for number in range(5)] == [200] * 5
    message = f"The subnet {subnet.id} has no free address left."
    assert engine.region.run(attach("pod-5")) == (400, {"code": "LimitExceeded", "message": message})
    network = engine.region.client(oci.core.VirtualNetworkClient)
    network.update_subnet(subnet.id, oci.core.models.UpdateSubnetDetails(cidr_block="10.0.72.0/28"))
    engine.region.settle()
    status, vnic = engine.region.run(attach("pod-5"))
    assert (status, vnic["privateIp"]) == (200, "10.0.72.7")
    engine.finish(engine.client.delete_virtual_node_pool(pool.id))


def test_an_open_id_connect_file_is_shown_to_who_asks_for_it(engine: Engine) -> None:
    auth = models.OpenIdConnectTokenAuthenticationConfig(
        is_open_id_connect_auth_enabled=True, configuration_file="YQ=="
    )
    options = models.ClusterCreateOptions(open_id_connect_token_authentication_config=auth)
    made = engine.cluster(options=options, name="oidc")

    def shown(cluster: Any) -> Any:
        return cluster.options.open_id_connect_token_authentication_config.configuration_file

    asked = engine.client.get_cluster(made.id, should_include_oidc_config_file=True).data
    listed = engine.client.list_clusters(engine.region.compartment_id, name="oidc").data[0]
    assert (shown(made), shown(listed), shown(asked)) == (None, None, "YQ==")
    engine.delete(made.id)


def test_lists_are_sorted_as_they_are_asked_for(engine: Engine, cluster: Any) -> None:
    def names(**query: Any) -> list[str]:
        return [addon.name for addon in engine.client.list_addons(cluster.id, **query).data]

    assert names() == sorted(names())
    assert names(sort_order="DESC") == sorted(names(), reverse=True)
    offered = engine.client.list_addon_options("v1.36.1", sort_by="NAME", sort_order="DESC").data
    assert [option.name for option in offered] == sorted((option.name for option in offered), reverse=True)
    shapes = engine.client.list_pod_shapes(engine.region.compartment_id, sort_order="DESC").data
    assert shapes[0].name == "Pod.Standard.E4.Flex"


def test_image_policies_and_open_id_connect_are_kept(engine: Engine) -> None:
    made = engine.cluster()
    key = make_key(engine.region, make_vault(engine.region))
    update = models.UpdateClusterDetails(
        image_policy_config=models.UpdateImagePolicyConfigDetails(
            is_policy_enabled=True, key_details=[models.KeyDetails(kms_key_id=key.id)]
        ),
        options=models.UpdateClusterOptionsDetails(
            open_id_connect_discovery=models.OpenIdConnectDiscovery(is_open_id_connect_discovery_enabled=True),
        ),
    )
    engine.finish(engine.client.update_cluster(made.id, update))
    now = engine.client.get_cluster(made.id).data
    assert now.image_policy_config.key_details[0].kms_key_id == key.id
    assert now.open_id_connect_discovery_endpoint.startswith("https://")
    off = models.UpdateClusterDetails(
        image_policy_config=models.UpdateImagePolicyConfigDetails(is_policy_enabled=False),
        options=models.UpdateClusterOptionsDetails(
            open_id_connect_discovery=models.OpenIdConnectDiscovery(is_open_id_connect_discovery_enabled=False),
        ),
    )
    engine.finish(engine.client.update_cluster(made.id, off))
    now = engine.client.get_cluster(made.id).data
    assert now.open_id_connect_discovery_endpoint is None
    policy, auth = models.UpdateImagePolicyConfigDetails, models.OpenIdConnectTokenAuthenticationConfig
    strange = models.KeyDetails(kms_key_id="ocid1.key.oc1..none")
    options = models.UpdateClusterOptionsDetails(
        open_id_connect_token_authentication_config=auth(is_open_id_connect_auth_enabled=True)
    )
    for values, code, word in (
        ({"image_policy_config": policy(is_policy_enabled=True, key_details=[])}, "MissingParameter", "keyDetails"),
        ({"image_policy_config": policy(key_details=[strange])}, "RelatedResourceNotAuthorizedOrNotFound", ""),
        ({"options": options}, "MissingParameter", "issuerUrl"),
    ):
        with refused(400, code, word):
            engine.client.update_cluster(made.id, models.UpdateClusterDetails(**values))
    engine.delete(made.id)


def test_a_stale_etag_changes_nothing(engine: Engine, cluster: Any) -> None:
    with refused(412, "NoEtagMatch"):
        engine.client.update_cluster(cluster.id, models.UpdateClusterDetails(name="x"), if_match="stale")
    assert engine.client.get_cluster(cluster.id).data.name == "shared"


def test_kubeconfigs_name_the_endpoint_asked_for(engine: Engine, cluster: Any) -> None:
    def config(endpoint: str) -> Any:
        details = models.CreateClusterKubeconfigContentDetails(token_version="2.0.0", endpoint=endpoint)
        answer = engine.client.create_kubeconfig(cluster.id, create_cluster_kubeconfig_content_details=details)
        return yaml.safe_load(answer.data.content)

    public = config("PUBLIC_ENDPOINT")
    assert public["clusters"][0]["cluster"]["server"] == f"https://{cluster.endpoints.public_endpoint}"
    private = config("PRIVATE_ENDPOINT")
    assert private["clusters"][0]["cluster"]["server"] == f"https://{cluster.endpoints.private_endpoint}"
    named = config("VCN_HOSTNAME")
    assert named["clusters"][0]["cluster"]["server"] == f"https://{cluster.endpoints.vcn_hostname_endpoint}"
    assert {len({str(each["clusters"][0]["cluster"]["certificate-authority-data"]) for each in (public, private)})} == {
        1
    }
    details = models.CreateClusterKubeconfigContentDetails(token_version="1.0.0")
    with refused(400, "InvalidParameter", "tokenVersion"):
        engine.client.create_kubeconfig(cluster.id, create_cluster_kubeconfig_content_details=details)


def test_a_pool_has_a_node_in_each_fault_domain(engine: Engine, cluster: Any) -> None:
    pool = engine.pool(
        cluster.id,
        initial_virtual_node_labels=[models.InitialVirtualNodeLabel(key="tier", value="app")],
        taints=[models.Taint(key="only", value="us", effect="NoSchedule")],
        virtual_node_tags=models.VirtualNodeTags(freeform_tags={"node": "tag"}),
    )
    assert (pool.lifecycle_state, pool.size, pool.kubernetes_version) == ("ACTIVE", 3, "v1.36.1")
    nodes = engine.virtual_nodes(pool.id)
    assert {node.display_name for node in nodes} == {node.private_ip for node in nodes}
    assert sorted(node.fault_domain for node in nodes) == list(names.FAULT_DOMAINS)
    assert {node.lifecycle_state for node in nodes} == {"ACTIVE"}
    assert len({node.private_ip for node in nodes}) == 3
    assert all(node.private_ip.startswith("10.0.16.") and node.freeform_tags == {"node": "tag"} for node in nodes)
    assert engine.client.get_virtual_node(pool.id, nodes[0].id).data.private_ip == nodes[0].private_ip
    listed = engine.client.list_virtual_node_pools(engine.region.compartment_id, cluster_id=cluster.id).data
    assert pool.id in [item.id for item in listed]
    request = engine.finish(
        engine.client.delete_virtual_node_pool(pool.id, override_eviction_grace_duration_vnp="PT5M")
    )
    assert (request.operation_type, request.status) == ("VIRTUALNODEPOOL_DELETE", "SUCCEEDED")
    assert engine.client.get_virtual_node_pool(pool.id).data.lifecycle_state == "DELETED"


def test_size_and_placement_move_nodes(engine: Engine, cluster: Any) -> None:
    pool = engine.pool(cluster.id)
    first = {node.id for node in engine.virtual_nodes(pool.id)}
    engine.update_pool(pool.id, size=5)
    grown = engine.virtual_nodes(pool.id)
    assert first < {node.id for node in grown} and len(grown) == 5
    engine.update_pool(pool.id, size=2, placement_configurations=[engine.placement("FAULT-DOMAIN-2")])
    left = engine.virtual_nodes(pool.id)
    assert [node.fault_domain for node in left] == ["FAULT-DOMAIN-2"] * 2
    assert {node.id for node in left} <= {node.id for node in grown}
    engine.finish(engine.client.delete_virtual_node_pool(pool.id))


def test_cycling_replaces_every_node_and_needs_a_change(engine: Engine, cluster: Any) -> None:
    pool = engine.pool(cluster.id)
    before = {node.id for node in engine.virtual_nodes(pool.id)}
    cycling = models.VirtualNodePoolCyclingDetails(
        is_virtual_node_cycling_enabled=True, maximum_surge="1", maximum_unavailable="0"
    )
    with refused(400, "InvalidParameter", "cycling"):
        engine.client.update_virtual_node_pool(
            pool.id, models.UpdateVirtualNodePoolDetails(virtual_node_pool_cycling_details=cycling)
        )
    request = engine.update_pool(pool.id, display_name="cycled", virtual_node_pool_cycling_details=cycling)
    assert request.operation_type == "VIRTUALNODEPOOL_CYCLING"
    after = engine.virtual_nodes(pool.id)
    assert len(after) == 3 and not before & {node.id for node in after}
    engine.finish(engine.client.delete_virtual_node_pool(pool.id))


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"size": 0}, "size"),
        ({"pod_configuration": models.PodConfiguration(subnet_id="", shape="Pod.Standard.Z9.Flex")}, "shape"),
        ({"taints": [models.Taint(key="a", effect="Sometimes")]}, "effect"),
        ({"nsg_ids": [f"n{number}" for number in range(6)]}, "nsgIds"),
    ],
)
def test_bad_pools_are_refused_at_once(engine: Engine, cluster: Any, values: dict[str, Any], word: str) -> None:
    with refused(400, "InvalidParameter", word):
        engine.client.create_virtual_node_pool(engine.pool_details(cluster.id, **values))


def test_pools_of_subnets_that_are_not_there(engine: Engine, cluster: Any) -> None:
    details = engine.pool_details(cluster.id, placement_configurations=[engine.placement(subnet="ocid1.subnet.none")])
    with refused(400, "RelatedResourceNotAuthorizedOrNotFound"):
        engine.client.create_virtual_node_pool(details)


def test_a_cluster_takes_its_pools_along(engine: Engine) -> None:
    made = engine.cluster()
    pool = engine.pool(made.id)
    engine.delete(made.id)
    assert engine.client.get_virtual_node_pool(pool.id).data.lifecycle_state == "DELETED"
    with refused(404, "NotAuthorizedOrNotFound"):
        engine.client.delete_cluster(made.id)


def test_pod_shapes_and_versions(engine: Engine) -> None:
    shapes = engine.client.list_pod_shapes(engine.region.compartment_id).data
    assert {shape.name for shape in shapes} == {f"Pod.Standard.{series}.Flex" for series in ("A1", "E3", "E4")}
    assert engine.client.get_cluster_options("all").data.kubernetes_versions == ["v1.35.2", "v1.36.0", "v1.36.1"]


def test_add_ons_come_change_and_go(engine: Engine, cluster: Any) -> None:
    client = engine.client
    assert {addon.name for addon in client.list_addons(cluster.id).data} == {"CoreDNS", "KubeProxy", "OciVcnIpNative"}
    offered = {option.name: option for option in client.list_addon_options("v1.36.1").data}
    assert offered["CoreDNS"].is_essential and not offered["CertManager"].is_essential
    assert [version.version_number for version in offered["CertManager"].versions] == ["v1.17.4", "v1.18.2"]
    assert [option.name for option in client.list_addon_options("v1.36.1", addon_name="Istio").data] == ["Istio"]
    with refused(400, "InvalidParameter", "kubernetesVersion"):
        client.list_addon_options("v1.20.1")
    request = engine.finish(client.install_addon(cluster.id, models.InstallAddonDetails(addon_name="CertManager")))
    assert (request.operation_type, request.status) == ("ENABLE_ADDON", "SUCCEEDED")
    made = client.get_addon(cluster.id, "CertManager").data
    assert (made.lifecycle_state, made.version, made.current_installed_version) == ("ACTIVE", None, "v1.18.2")
    with refused(409, "Conflict"):
        client.install_addon(cluster.id, models.InstallAddonDetails(addon_name="CertManager"))
    over = models.InstallAddonDetails(addon_name="CertManager", version="v1.17.4", is_override_existing=True)
    engine.finish(client.install_addon(cluster.id, over))
    assert client.get_addon(cluster.id, "CertManager").data.current_installed_version == "v1.17.4"
    configuration = models.AddonConfiguration(key="numOfReplicas", value="2")
    engine.finish(
        client.update_addon(cluster.id, "CertManager", models.UpdateAddonDetails(configurations=[configuration]))
    )
    now = client.get_addon(cluster.id, "CertManager").data
    assert (now.configurations[0].value, now.version) == ("2", "v1.17.4")
    with refused(400, "InvalidParameter", "version"):
        client.update_addon(cluster.id, "CertManager", models.UpdateAddonDetails(version="v0.0.1"))
    engine.finish(client.disable_addon(cluster.id, "CertManager", is_remove_existing_add_on=True))
    with refused(404, "NotAuthorizedOrNotFound"):
        client.get_addon(cluster.id, "CertManager")
    with refused(400, "InvalidParameter", "addonName"):
        client.install_addon(cluster.id, models.InstallAddonDetails(addon_name="Nothing"))
    with refused(501, "NotImplemented", "CoreDNS"):
        client.disable_addon(cluster.id, "CoreDNS", is_remove_existing_add_on=True)


@pytest.mark.parametrize(
    ("name", "given", "code", "word"),
    [
        ("CertManager", {"replicas": "2"}, "InvalidParameter", "no key 'replicas'"),
        ("CertManager", {"numOfReplicas": "none"}, "InvalidParameter", "numOfReplicas"),
        ("CertManager", {"tolerations": "not JSON"}, "InvalidParameter", "tolerations"),
        (
            "NativeIngressController",
            {"authType": "instance"},
            "MissingParameter",
            "compartmentId, loadBalancerSubnetId",
        ),
    ],
)
def test_configurations_that_an_add_on_does_not_know(
    engine: Engine, cluster: Any, name: str, given: dict[str, str], code: str, word: str
) -> None:
    rows = [models.AddonConfiguration(key=key, value=value) for key, value in given.items()]
    with refused(400, code, word):
        engine.client.install_addon(cluster.id, models.InstallAddonDetails(addon_name=name, configurations=rows))


def test_add_ons_are_installed_side_by_side_and_hold_their_own_etags(engine: Engine, cluster: Any) -> None:
    client = engine.client
    for name in ("CertManager", "Istio"):
        client.install_addon(cluster.id, models.InstallAddonDetails(addon_name=name))
    engine.region.settle()
    first = client.get_addon(cluster.id, "CertManager")
    assert {client.get_addon(cluster.id, name).data.lifecycle_state for name in ("CertManager", "Istio")} == {"ACTIVE"}
    update = models.UpdateAddonDetails(version="v1.17.4")
    engine.finish(client.update_addon(cluster.id, "CertManager", update, if_match=first.headers["etag"]))
    with refused(412, "NoEtagMatch"):
        client.update_addon(cluster.id, "CertManager", update, if_match=first.headers["etag"])
    for name in ("CertManager", "Istio"):
        engine.finish(client.disable_addon(cluster.id, name, is_remove_existing_add_on=False))


def test_add_ons_of_a_basic_cluster_stay_as_they_are(engine: Engine) -> None:
    made = engine.cluster(type="BASIC_CLUSTER")
    with refused(400, "InvalidParameter", "enhanced"):
        engine.client.install_addon(made.id, models.InstallAddonDetails(addon_name="CertManager"))
    engine.delete(made.id)
    with refused(404, "NotAuthorizedOrNotFound"):
        engine.client.list_addons(made.id)


def test_a_retry_token_makes_one_cluster(engine: Engine) -> None:
    first = engine.client.create_cluster(engine.details(name="once"), opc_retry_token="token-1")
    again = engine.client.create_cluster(engine.details(name="once"), opc_retry_token="token-1")
    assert first.headers["opc-work-request-id"] == again.headers["opc-work-request-id"]
    engine.region.settle()
    found = engine.client.list_clusters(engine.region.compartment_id, name="once", lifecycle_state=["ACTIVE"]).data
    assert len(found) == 1
    engine.delete(found[0].id)


def test_what_is_under_way_goes_on_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "region"
    with Region.started(folder) as slow:
        engine = Engine(slow, Net(slow))
        slow.inner.clock.minute = 3600
        response = engine.client.create_cluster(engine.details())
        request_id = response.headers["opc-work-request-id"]
        assert engine.client.get_work_request(request_id).data.status in ("ACCEPTED", "IN_PROGRESS")
        (made,) = engine.client.list_clusters(slow.compartment_id).data
        with refused(409, "IncorrectState"):
            engine.client.delete_cluster(made.id)
        # The hours that it would still take.
        record = slow.inner.store.find(made.id)
        assert record is not None
        record.private["due"] = 0
        slow.inner.store.save(record)
        for pending in list(slow.inner.store.transitions()):
            slow.inner.store.put_transition(replace(pending, due=0.0))
    with Region.started(folder) as back:
        client = back.client(ContainerEngineClient)
        back.settle()
        assert client.get_cluster(made.id).data.lifecycle_state == "ACTIVE"
        assert client.get_work_request(request_id).data.status == "SUCCEEDED"
