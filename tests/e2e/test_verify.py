"""playbooks/verify.yml on the whole site: nothing is broken, then what is broken by hand is named."""

from __future__ import annotations

import json
from typing import Any

import kubernetes
import oci
import pytest

from tests.e2e.site import Region, Run, Site, eventually

MODELS = oci.core.models


def verify(region: Region, *arguments: str) -> Run:
    """Runs the playbook; it may end with what is broken."""
    aim = {"okestack_endpoints": {"default": region.endpoint, "local-2": f"http://{region.other_address}:14000"}}
    region.runs += 1
    command = ["ansible-playbook", "-i", "inventories/local", "playbooks/verify.yml", "-e", json.dumps(aim), *arguments]
    return Run(command, region.env, region.folder / f"run-{region.runs}.log")


def test_nothing_is_broken_and_nothing_is_changed(site: Site, region: Region) -> None:
    before = len(region.calls())
    run = verify(region).wait()
    assert run.recap()["changed"] == 0 and region.writes(before) == []
    assert "BROKEN" not in run.text and "unknown " not in run.text, run.end
    for hop in ("rules and routes", "nodes", "synced secrets", "spread", "load balancer", "certificate", "application"):
        assert f"ok      {hop} " in run.text, hop
    assert "a write, a read, a removal, a look that it is gone through https://" in run.text


@pytest.mark.parametrize(
    ("variables", "hop", "what"),
    [
        ({"verify_certificate_days": 400}, "certificate", "the certificate for"),
        ({"oke_virtual_pool_cluster_endpoint": "https://127.78.0.9:6443"}, "Kubernetes API", "does not answer"),
        ({"oke_virtual_pool_size": 4}, "nodes", "3 of 4 nodes are there"),
    ],
)
def test_what_is_not_as_declared_is_named(site: Site, region: Region, variables: Any, hop: str, what: str) -> None:
    run = verify(region, "-e", json.dumps(variables)).fails()
    assert f"Broken is {hop}" in run.text and what in run.text, run.end


def test_what_is_broken_by_hand_is_named_and_the_site_repairs_it(site: Site, region: Region) -> None:
    network = region.client(oci.core.VirtualNetworkClient)
    where = region.compartment_id
    (vcn,) = network.list_vcns(where, display_name="okestack").data
    groups = {
        g.display_name: g.id for g in network.list_network_security_groups(compartment_id=where, vcn_id=vcn.id).data
    }
    rules = network.list_network_security_group_security_rules(groups["mysql"]).data
    gone = MODELS.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=[r.id for r in rules])
    network.remove_network_security_group_security_rules(groups["mysql"], gone)
    (gateway,) = network.list_internet_gateways(where, vcn_id=vcn.id).data
    network.update_internet_gateway(gateway.id, MODELS.UpdateInternetGatewayDetails(is_enabled=False))
    identity = region.client(oci.identity.IdentityClient)
    (policy,) = [p for p in identity.list_policies(where).data if p.name == "okestack-mysql-network"]
    identity.delete_policy(policy.id)
    vaults = region.client(oci.vault.VaultsClient)
    details = oci.vault.models.ScheduleSecretDeletionDetails()
    vaults.schedule_secret_deletion(site.secret_id("mysql-admin"), details)
    custom = kubernetes.client.CustomObjectsApi(site.kubernetes())
    custom.delete_namespaced_custom_object("external-secrets.io", "v1", "crud", "externalsecrets", "database")
    apps = kubernetes.client.AppsV1Api(site.kubernetes())
    nothing: dict[str, Any] = {"spec": {"replicas": 0}}
    apps.patch_namespaced_deployment_scale("external-secrets", "external-secrets", nothing)
    apps.patch_namespaced_deployment_scale("crud", "crud", nothing)
    eventually(lambda: not site.pods("crud", "crud"), "the application is gone")

    text = verify(region).fails().text
    for what in (
        "pods to database, tcp 3306,33060 (application to database) is blocked",
        "is disabled",
        "there is no policy okestack-mysql-network",
        "is PENDING_DELETION",
        "there is no ExternalSecret crud/database",
        "0 of 0 pods of external-secrets/external-secrets",
        "0 of 0 pods of crud/crud",
        "no pod is running",
        "a write through https://",
    ):
        assert what in text, what
    for fine in ("vault", "database", "cluster", "nodes", "Kubernetes API"):
        assert f"ok      {fine} " in text, fine

    region.playbook().wait()
    verify(region).wait()
