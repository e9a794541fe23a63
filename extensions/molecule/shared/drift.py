#!/usr/bin/env python
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift as another client makes it, by Oracle's SDK and Kubernetes' own: `drift.py SCENARIO DEPLOYMENT`.

It ends well only when the change is seen to be there.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import kubernetes
import oci
import yaml

sys.path[:0] = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(":")
from ansible_collections.okestack.oci.plugins.module_utils.kube.oke_token import make_token  # noqa: E402

COMPARTMENT = "ocid1.compartment.oc99..aaaaaaaa7pza377joqhckec5cqkvubvs5cesbfdcku6abded3m74a3yutlwp"
"""The local region's own."""


def client(kind: Any) -> Any:
    """One of the SDK's clients, with the operator's file."""
    return kind(oci.config.from_file(os.environ["OCI_CONFIG_FILE"]), service_endpoint=os.environ["OCI_ENDPOINT"])


def ours(rows: Any, deployment: str, **more: Any) -> Any:
    """The one that the deployment made, of those that a list shows."""
    found = [
        row
        for row in rows.data
        if row.freeform_tags.get("okestack-deployment") == deployment
        and row.lifecycle_state in ("ACTIVE", "AVAILABLE")
        and all(getattr(row, name) == value for name, value in more.items())
    ]
    if len(found) != 1:
        raise SystemExit(f"{len(found)} of {more or deployment}, not one")
    return found[0]


def seen(check: Callable[[], bool]) -> None:
    """Wait until it is so; five minutes at the most."""
    deadline = time.monotonic() + 300
    while not check():
        if time.monotonic() > deadline:
            raise SystemExit("the change is not seen")
        time.sleep(0.5)


def network(deployment: str) -> None:
    """A rule that lets anybody at the database, and no way out."""
    api, models = client(oci.core.VirtualNetworkClient), oci.core.models
    group = ours(api.list_network_security_groups(compartment_id=COMPARTMENT), deployment, display_name="mysql")
    rule = models.AddSecurityRuleDetails(
        direction="INGRESS", protocol="6", source="0.0.0.0/0", source_type="CIDR_BLOCK"
    )
    api.add_network_security_group_security_rules(
        group.id, models.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=[rule])
    )
    gateway = ours(api.list_nat_gateways(COMPARTMENT), deployment)
    api.update_nat_gateway(gateway.id, models.UpdateNatGatewayDetails(block_traffic=True))
    seen(lambda: len(api.list_network_security_group_security_rules(group.id).data) == 3)
    seen(lambda: bool(api.get_nat_gateway(gateway.id).data.block_traffic))


def vault_secret(deployment: str) -> None:
    """A secret that is called something else."""
    api = client(oci.vault.VaultsClient)
    secret = ours(api.list_secrets(COMPARTMENT), deployment, secret_name=f"{deployment}-mysql-app")
    api.update_secret(secret.id, oci.vault.models.UpdateSecretDetails(description="mine"))
    seen(lambda: api.get_secret(secret.id).data.description == "mine")


def mysql(deployment: str) -> None:
    """A DB system that cannot be removed."""
    api, models = client(oci.mysql.DbSystemClient), oci.mysql.models
    system = ours(api.list_db_systems(COMPARTMENT), deployment)
    policy = models.UpdateDeletionPolicyDetails(is_delete_protected=True)
    api.update_db_system(system.id, models.UpdateDbSystemDetails(deletion_policy=policy))
    seen(lambda: bool(api.get_db_system(system.id).data.deletion_policy.is_delete_protected))


def oke_virtual_pool(deployment: str) -> None:
    """A virtual node less."""
    api, models = client(oci.container_engine.ContainerEngineClient), oci.container_engine.models
    pool = ours(api.list_virtual_node_pools(COMPARTMENT), deployment)
    api.update_virtual_node_pool(pool.id, models.UpdateVirtualNodePoolDetails(size=2))
    seen(lambda: api.get_virtual_node_pool(pool.id).data.size == 2)


def external_secrets(deployment: str) -> None:
    """A policy that lets every workload read every secret, and an ExternalSecret less."""
    api = client(oci.identity.IdentityClient)
    name = f"{deployment}-external-secrets-crud.crud"
    policy = ours(api.list_policies(COMPARTMENT), deployment, name=name)
    wide = [f"Allow any-user to read secret-bundles in compartment id {COMPARTMENT}"]
    api.update_policy(policy.id, oci.identity.models.UpdatePolicyDetails(statements=wide))
    seen(lambda: list(api.get_policy(policy.id).data.statements) == wide)
    objects = kubernetes.client.CustomObjectsApi(cluster(deployment))
    objects.delete_namespaced_custom_object("external-secrets.io", "v1", "crud", "externalsecrets", "database")


def app_ingress(deployment: str) -> None:
    """One pod instead of three, and no budget."""
    api = cluster(deployment)
    apps = kubernetes.client.AppsV1Api(api)
    apps.patch_namespaced_deployment_scale("crud", "crud", {"spec": {"replicas": 1}})
    kubernetes.client.PolicyV1Api(api).delete_namespaced_pod_disruption_budget("crud", "crud")
    seen(lambda: apps.read_namespaced_deployment("crud", "crud").spec.replicas == 1)


def site(deployment: str) -> None:
    """Of the network and of the application."""
    network(deployment)
    app_ingress(deployment)


def cluster(deployment: str) -> kubernetes.client.ApiClient:
    """A client of the deployment's cluster with a token of now."""
    engine = client(oci.container_engine.ContainerEngineClient)
    found = ours(engine.list_clusters(COMPARTMENT), deployment)
    shown = yaml.safe_load(engine.create_kubeconfig(found.id).data.text)["clusters"][0]["cluster"]
    configuration = kubernetes.client.Configuration(host=shown["server"])
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(base64.b64decode(shown["certificate-authority-data"]))
    configuration.ssl_ca_cert = file.name
    token = make_token(engine.base_client.signer, os.environ["OCI_REGION"], found.id)
    configuration.api_key["authorization"] = f"Bearer {token}"
    return kubernetes.client.ApiClient(configuration)


SCENARIOS = {
    one.__name__: one for one in (network, vault_secret, mysql, oke_virtual_pool, external_secrets, app_ingress, site)
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](sys.argv[2])
