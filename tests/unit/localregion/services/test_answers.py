# SPDX-License-Identifier: GPL-3.0-or-later
"""What the services always send is never missing from their documents: each field that the model of an answer declares
is a key of it, unless it is listed here with the reason why it is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import oci
import pytest
import requests
from oci.container_engine import ContainerEngineClient
from oci.mysql import DbBackupsClient, DbSystemClient

from localregion import settings as names
from localregion.core import validate
from localregion.testing import Region
from tests.unit.localregion.support import Net, make_key, make_vault

LEFT_OUT = {
    "Key.timeOfDeletion": "recorded: a new key has none (evidence kms-06)",
    "KeyShape.curveId": "recorded of an AES key (evidence kms-06)",
    **dict.fromkeys(
        (
            "ClusterMetadata.timeDeleted", "ClusterMetadata.deletedByUserId",
            "ClusterMetadata.deletedByWorkRequestId", "ClusterMetadata.timeUpdated", "ClusterMetadata.updatedByUserId",
            "ClusterMetadata.updatedByWorkRequestId", "ClusterMetadata.timeCredentialExpiration",
        ),
        "recorded of a cluster that was never updated (evidence oke-04)",
    ),
}  # fmt: skip

Paths = dict[str, str]


class Wire:
    """Documents as they are sent: the SDK would show null for what is missing."""

    def __init__(self, region: Region) -> None:
        self.region = region
        config = region.config
        self.signer = oci.signer.Signer(config["tenancy"], config["user"], config["fingerprint"], config["key_file"])
        self.paths: Paths = {"region": region.compartment_id}

    def get(self, path: str) -> Any:
        url = path if path.startswith("http") else self.region.endpoint + path
        answer = requests.get(url, auth=self.signer, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with Region.started(tmp_path_factory.mktemp("region")) as region:
        yield _furnished(Wire(region))


def _furnished(wire: Wire) -> Wire:
    """One of each kind, made with as little as it takes."""
    region = wire.region
    compartment = region.compartment_id
    vault = make_vault(region)
    key = make_key(region, vault)
    secrets = region.client(oci.vault.VaultsClient)
    secret = secrets.create_secret(
        oci.vault.models.CreateSecretDetails(
            compartment_id=compartment, vault_id=vault.id, key_id=key.id, secret_name="s",
            secret_content=oci.vault.models.Base64SecretContentDetails(content="eA=="),
        )
    ).data  # fmt: skip
    net = Net(region)
    subnets = {name: net.subnet(f"10.0.{number}.0/24", name).id for number, name in enumerate(("api", "nodes", "db"))}
    engine = region.client(ContainerEngineClient)
    oke = oci.container_engine.models
    request = engine.create_cluster(
        oke.CreateClusterDetails(
            name="c", compartment_id=compartment, vcn_id=net.vcn.id, kubernetes_version="v1.36.1",
            type="ENHANCED_CLUSTER", cluster_pod_network_options=[oke.OciVcnIpNativeClusterPodNetworkOptionDetails()],
            endpoint_config=oke.CreateClusterEndpointConfigDetails(subnet_id=subnets["api"]),
        )
    ).headers["opc-work-request-id"]  # fmt: skip
    region.settle()
    cluster = engine.list_clusters(compartment).data[0].id
    engine.create_virtual_node_pool(
        oke.CreateVirtualNodePoolDetails(
            compartment_id=compartment, cluster_id=cluster, display_name="p", size=1,
            placement_configurations=[
                oke.PlacementConfiguration(availability_domain=names.AVAILABILITY_DOMAIN, subnet_id=subnets["nodes"])
            ],
            pod_configuration=oke.PodConfiguration(subnet_id=subnets["nodes"], shape="Pod.Standard.E4.Flex"),
        )
    )  # fmt: skip
    region.settle()
    pool = engine.list_virtual_node_pools(compartment).data[0].id
    systems, my = region.client(DbSystemClient), oci.mysql.models
    system = systems.create_db_system(
        my.CreateDbSystemDetails(
            compartment_id=compartment, shape_name="MySQL.2", subnet_id=subnets["db"], admin_username="manager",
            admin_password="Very-Secret-Words-1", data_storage_size_in_gbs=50,
        )
    ).data.id  # fmt: skip
    region.settle()
    systems.add_heat_wave_cluster(system, my.AddHeatWaveClusterDetails(shape_name="HeatWave.32GB", cluster_size=1))
    region.settle()
    backups = region.client(DbBackupsClient)
    backup = backups.create_backup(my.CreateBackupDetails(db_system_id=system)).data.id
    region.settle()
    wire.paths |= {
        "vault": vault.id, "keys": vault.management_endpoint, "key": key.id, "version": key.current_key_version,
        "secret": secret.id, "cluster": cluster, "pool": pool, "request": request, "system": system, "backup": backup,
        "node": engine.list_virtual_nodes(pool).data[0].id,
        "made": backups.get_backup(backup).data.db_system_snapshot.configuration_id,
    }  # fmt: skip
    return wire


ANSWERS: tuple[tuple[str, str, Callable[[Paths], str]], ...] = (
    ("key_management", "Vault", lambda p: f"/20180608/vaults/{p['vault']}"),
    ("key_management", "list[VaultSummary]", lambda p: f"/20180608/vaults?compartmentId={p['region']}"),
    ("key_management", "Key", lambda p: f"{p['keys']}/20180608/keys/{p['key']}"),
    ("key_management", "list[KeySummary]", lambda p: f"{p['keys']}/20180608/keys?compartmentId={p['region']}"),
    ("key_management", "KeyVersion", lambda p: f"{p['keys']}/20180608/keys/{p['key']}/keyVersions/{p['version']}"),
    ("key_management", "list[KeyVersionSummary]", lambda p: f"{p['keys']}/20180608/keys/{p['key']}/keyVersions"),
    ("key_management", "VaultUsage", lambda p: f"/20180608/vaults/{p['vault']}/usage"),
    ("vault", "Secret", lambda p: f"/20180608/secrets/{p['secret']}"),
    ("vault", "list[SecretSummary]", lambda p: f"/20180608/secrets?compartmentId={p['region']}"),
    ("vault", "SecretVersion", lambda p: f"/20180608/secrets/{p['secret']}/version/1"),
    ("vault", "list[SecretVersionSummary]", lambda p: f"/20180608/secrets/{p['secret']}/versions"),
    ("secrets", "SecretBundle", lambda p: f"/20190301/secretbundles/{p['secret']}"),
    ("secrets", "list[SecretBundleVersionSummary]", lambda p: f"/20190301/secretbundles/{p['secret']}/versions"),
    ("container_engine", "Cluster", lambda p: f"/20180222/clusters/{p['cluster']}"),
    ("container_engine", "list[ClusterSummary]", lambda p: f"/20180222/clusters?compartmentId={p['region']}"),
    ("container_engine", "VirtualNodePool", lambda p: f"/20180222/virtualNodePools/{p['pool']}"),
    (
        "container_engine", "list[VirtualNodePoolSummary]",
        lambda p: f"/20180222/virtualNodePools?compartmentId={p['region']}",
    ),
    (
        "container_engine", "VirtualNode",
        lambda p: f"/20180222/virtualNodePools/{p['pool']}/virtualNodes/{p['node']}",
    ),
    ("container_engine", "Addon", lambda p: f"/20180222/clusters/{p['cluster']}/addons/CoreDNS"),
    ("container_engine", "list[AddonSummary]", lambda p: f"/20180222/clusters/{p['cluster']}/addons"),
    ("container_engine", "list[AddonOptionSummary]", lambda p: "/20180222/addonOptions?kubernetesVersion=v1.36.1"),
    ("container_engine", "WorkRequest", lambda p: f"/20180222/workRequests/{p['request']}"),
    (
        "container_engine", "list[WorkRequestSummary]",
        lambda p: f"/20180222/workRequests?compartmentId={p['region']}",
    ),
    ("container_engine", "ClusterOptions", lambda p: "/20180222/clusterOptions/all"),
    ("container_engine", "list[PodShapeSummary]", lambda p: f"/20180222/podShapes?compartmentId={p['region']}"),
    ("mysql", "DbSystem", lambda p: f"/20190415/dbSystems/{p['system']}"),
    ("mysql", "list[DbSystemSummary]", lambda p: f"/20190415/dbSystems?compartmentId={p['region']}"),
    ("mysql", "HeatWaveCluster", lambda p: f"/20190415/dbSystems/{p['system']}/heatWaveCluster"),
    ("mysql", "Backup", lambda p: f"/20190415/backups/{p['backup']}"),
    ("mysql", "list[BackupSummary]", lambda p: f"/20190415/backups?compartmentId={p['region']}"),
    ("mysql", "Configuration", lambda p: f"/20190415/configurations/{p['made']}"),
    ("mysql", "list[ConfigurationSummary]", lambda p: f"/20190415/configurations?compartmentId={p['region']}"),
    ("mysql", "list[ShapeSummary]", lambda p: f"/20190415/shapes?compartmentId={p['region']}"),
    ("mysql", "list[VersionSummary]", lambda p: f"/20190415/versions?compartmentId={p['region']}"),
    ("mysql", "list[WorkRequestSummary]", lambda p: f"/20190415/workRequests?compartmentId={p['region']}"),
)  # fmt: skip


@pytest.mark.parametrize(("package", "answer", "path"), ANSWERS, ids=[f"{row[0]}-{row[1]}" for row in ANSWERS])
def test_every_field_is_there(wire: Wire, package: str, answer: str, path: Callable[[Paths], str]) -> None:
    doc = wire.get(path(wire.paths))
    assert list(_lacking(wire.region.inner.schema, package, answer, doc)) == []


def _lacking(schema: Any, package: str, type_name: str, value: Any) -> Iterator[str]:
    """The fields that a document, and those in it, do not have."""
    if match := re.match(r"list\[(.+)\]$", type_name):
        assert isinstance(value, list)
        for item in value:
            yield from _lacking(schema, package, match[1], item)
        return
    model = schema.model(package, type_name)
    if model is None or not isinstance(value, dict):
        return
    if model.discriminator and (named := model.subtypes.get(str(value.get(model.discriminator)))):
        model = schema.model(package, named) or model
    for wire, field in model.fields.items():
        if wire not in value:
            if f"{model.name}.{wire}" not in LEFT_OUT:
                yield f"{model.name}.{wire}"
        elif value[wire] is not None:
            yield from _lacking(schema, package, field.type, value[wire])


def test_what_is_left_out_is_what_is_listed(wire: Wire) -> None:
    packages = {package for package, _, _ in ANSWERS}
    forms = [service.form for service in wire.region.inner.services.values() if service.package in packages]
    assert {f"{model}.{name}" for form in forms for model, left in form.left_out.items() for name in left} == {
        *LEFT_OUT
    }


def test_tags_are_empty_and_never_null(wire: Wire) -> None:
    for path in (f"/20190415/dbSystems/{wire.paths['system']}", f"/20180222/clusters/{wire.paths['cluster']}"):
        doc = wire.get(path)
        assert (doc["freeformTags"], doc["systemTags"]) == ({}, {}) and isinstance(doc["definedTags"], dict)


def test_no_model_of_an_answer_lacks_its_tags(wire: Wire) -> None:
    """Every model that an operation of the region answers with, and those in it; of a document with nothing in it."""
    schema = wire.region.inner.schema
    lacking: set[str] = set()
    seen: set[tuple[str, str]] = set()

    def look(service: Any, type_name: str) -> None:
        inner = re.sub(r"^(list\[|dict\(str, )+|[\])]+$", "", type_name)
        model = schema.model(service.package, inner)
        if model is None or (service.name, inner) in seen:
            return
        seen.add((service.name, inner))
        for below in (*model.subtypes.values(), *(field.type for field in model.fields.values())):
            look(service, below)
        shown = validate.reply(schema, service.package, inner, {}, strict=False, form=service.form)
        left_out = service.form.left_out.get(inner, frozenset())
        tags = validate.TAGS & set(model.fields)
        lacking.update(f"{service.package}.{inner}.{name}" for name in tags if shown.get(name) != {})
        if service.form.nulls:
            assert set(shown) == set(model.fields) - left_out

    for service in wire.region.inner.services.values():
        for (package, name), operation in schema.operations.items():
            if package == service.package and operation.response and service.handler(name):
                look(service, operation.response)
    assert len(seen) > 150
    assert lacking == set()
