"""The journey with Oracle's SDK for Python. What it has to do is said in tests/clients/journey.py."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Any

import oci

CONFIG = oci.config.from_file(os.environ["OCI_CONFIG_FILE"], os.environ["OCI_CONFIG_PROFILE"])
IDENTITY = oci.identity.IdentityClient(CONFIG)
NETWORK = oci.core.VirtualNetworkClient(CONFIG)
VAULTS = oci.key_management.KmsVaultClient(CONFIG)
SECRETS = oci.vault.VaultsClient(CONFIG)
MYSQL = oci.mysql.DbSystemClient(CONFIG)
ENGINE = oci.container_engine.ContainerEngineClient(CONFIG)
REGISTRY = oci.artifacts.ArtifactsClient(CONFIG)


def until(get: Callable[[str], Any], identifier: str, *states: str) -> Any:
    """Wait until a resource is in one of the states."""
    client, first = get.__self__, get(identifier)  # type: ignore[attr-defined]
    done = oci.wait_until(
        client, first, evaluate_response=lambda answer: answer.data.lifecycle_state in states,
        max_interval_seconds=1, max_wait_seconds=60,
    )  # fmt: skip
    return done.data


def made_by(work_request_id: str, entity: str) -> str:
    """Wait for a work request of the container engine; the OCID of what it made or changed."""
    first = ENGINE.get_work_request(work_request_id)
    done = oci.wait_until(ENGINE, first, "status", "SUCCEEDED", max_interval_seconds=1, max_wait_seconds=60).data
    return next(str(one.identifier) for one in done.resources if one.entity_type.lower() == entity)


def named(rows: list[Any], name: str) -> Any:
    """The one row of a list with a name."""
    (found,) = [row for row in rows if getattr(row, "display_name", None) == name or getattr(row, "name", "") == name]
    return found


def network(compartment: str) -> tuple[str, str]:
    """A VCN with a second block and a subnet; their OCIDs."""
    models = oci.core.models
    vcn = NETWORK.create_vcn(
        models.CreateVcnDetails(compartment_id=compartment, display_name="made", cidr_blocks=["10.0.0.0/16"])
    ).data
    until(NETWORK.get_vcn, vcn.id, "AVAILABLE")
    NETWORK.update_vcn(vcn.id, models.UpdateVcnDetails(display_name="journey", freeform_tags={"by": "python"}))
    assert named(NETWORK.list_vcns(compartment).data, "journey").id == vcn.id
    added = NETWORK.add_vcn_cidr(vcn.id, models.AddVcnCidrDetails(cidr_block="10.1.0.0/16"))
    requests = oci.work_requests.WorkRequestClient(CONFIG)
    first = requests.get_work_request(added.headers["opc-work-request-id"])
    done = oci.wait_until(requests, first, "status", "SUCCEEDED", max_interval_seconds=1, max_wait_seconds=60).data
    assert [one.identifier for one in done.resources if one.entity_type == "vcn"] == [vcn.id]
    subnet = NETWORK.create_subnet(
        models.CreateSubnetDetails(
            compartment_id=compartment, vcn_id=vcn.id, display_name="made", cidr_block="10.0.1.0/24"
        )
    ).data
    until(NETWORK.get_subnet, subnet.id, "AVAILABLE")
    NETWORK.update_subnet(subnet.id, models.UpdateSubnetDetails(display_name="journey"))
    assert named(NETWORK.list_subnets(compartment, vcn_id=vcn.id).data, "journey").id == subnet.id
    return vcn.id, subnet.id


def beside(compartment: str, vcn: str) -> None:
    """A security group with a rule, and the gateways."""
    models = oci.core.models
    every = next(one for one in NETWORK.list_services().data if one.cidr_block.startswith("all-"))
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "network_security_group": ("NetworkSecurityGroup", {}),
        "internet_gateway": ("InternetGateway", {"is_enabled": True}),
        "nat_gateway": ("NatGateway", {}),
        "service_gateway": ("ServiceGateway", {"services": [models.ServiceIdRequestDetails(service_id=every.id)]}),
    }
    for kind, (model, values) in kinds.items():
        create, update = getattr(models, f"Create{model}Details"), getattr(models, f"Update{model}Details")
        get, change, remove = (getattr(NETWORK, f"{verb}_{kind}") for verb in ("get", "update", "delete"))
        body = create(compartment_id=compartment, vcn_id=vcn, display_name="made", **values)
        made = getattr(NETWORK, f"create_{kind}")(body).data.id
        until(get, made, "AVAILABLE")
        change(made, update(display_name="journey"))
        until(get, made, "AVAILABLE")
        listed = getattr(NETWORK, f"list_{kind}s")(compartment_id=compartment, vcn_id=vcn).data
        assert named(listed, "journey").id == made
        if kind == "network_security_group":
            rules(made)
        remove(made)
        until(get, made, "TERMINATED")


def rules(group: str) -> None:
    """A security group's rules: added, listed, changed, removed."""
    models = oci.core.models
    rule: dict[str, Any] = {"direction": "INGRESS", "protocol": "6", "source": "10.0.0.0/16"}
    rule |= {"source_type": "CIDR_BLOCK"}
    added = NETWORK.add_network_security_group_security_rules(
        group,
        models.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=[models.AddSecurityRuleDetails(**rule)]),
    )
    (made,) = added.data.security_rules
    changed = models.UpdateSecurityRuleDetails(id=made.id, description="changed", **rule)
    NETWORK.update_network_security_group_security_rules(
        group, models.UpdateNetworkSecurityGroupSecurityRulesDetails(security_rules=[changed])
    )
    (found,) = NETWORK.list_network_security_group_security_rules(group).data
    assert found.description == "changed"
    NETWORK.remove_network_security_group_security_rules(
        group, models.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=[found.id])
    )
    assert NETWORK.list_network_security_group_security_rules(group).data == []


def policy(compartment: str) -> None:
    """A policy."""
    models = oci.identity.models
    statement = f"Allow any-user to inspect vcns in compartment id {compartment}"
    made = IDENTITY.create_policy(
        models.CreatePolicyDetails(
            compartment_id=compartment, name="journey", description="made", statements=[statement]
        )
    ).data
    IDENTITY.update_policy(made.id, models.UpdatePolicyDetails(description="changed"))
    assert named(IDENTITY.list_policies(compartment).data, "journey").description == "changed"
    IDENTITY.delete_policy(made.id)


def vault(compartment: str) -> None:
    """A vault with a key, which encrypts, and a secret."""
    models = oci.key_management.models
    made = VAULTS.create_vault(
        models.CreateVaultDetails(compartment_id=compartment, display_name="made", vault_type="DEFAULT")
    ).data
    made = until(VAULTS.get_vault, made.id, "ACTIVE")
    VAULTS.update_vault(made.id, models.UpdateVaultDetails(display_name="journey"))
    assert named(VAULTS.list_vaults(compartment).data, "journey").id == made.id

    keys = oci.key_management.KmsManagementClient(CONFIG, made.management_endpoint)
    shape = models.KeyShape(algorithm="AES", length=32)
    key = keys.create_key(
        models.CreateKeyDetails(compartment_id=compartment, display_name="made", key_shape=shape)
    ).data
    until(keys.get_key, key.id, "ENABLED")
    keys.update_key(key.id, models.UpdateKeyDetails(display_name="journey"))
    until(keys.get_key, key.id, "ENABLED")
    assert named(keys.list_keys(compartment).data, "journey").id == key.id
    crypto = oci.key_management.KmsCryptoClient(CONFIG, made.crypto_endpoint)
    plain = base64.b64encode(b"word").decode()
    sealed = crypto.encrypt(models.EncryptDataDetails(key_id=key.id, plaintext=plain)).data.ciphertext
    assert crypto.decrypt(models.DecryptDataDetails(key_id=key.id, ciphertext=sealed)).data.plaintext == plain

    models = oci.vault.models
    content = models.Base64SecretContentDetails(content=plain)
    secret = SECRETS.create_secret(
        models.CreateSecretDetails(
            compartment_id=compartment, secret_name="journey", description="made", vault_id=made.id, key_id=key.id,
            secret_content=content,
        )
    ).data  # fmt: skip
    until(SECRETS.get_secret, secret.id, "ACTIVE")
    SECRETS.update_secret(secret.id, models.UpdateSecretDetails(description="changed"))
    until(SECRETS.get_secret, secret.id, "ACTIVE")
    (row,) = SECRETS.list_secrets(compartment, name="journey").data
    assert (row.id, row.description) == (secret.id, "changed")
    bundle = oci.secrets.SecretsClient(CONFIG).get_secret_bundle(secret.id).data
    assert bundle.secret_bundle_content.content == plain
    SECRETS.schedule_secret_deletion(secret.id, models.ScheduleSecretDeletionDetails())
    keys.schedule_key_deletion(key.id, oci.key_management.models.ScheduleKeyDeletionDetails())
    until(keys.get_key, key.id, "PENDING_DELETION")
    VAULTS.schedule_vault_deletion(made.id, oci.key_management.models.ScheduleVaultDeletionDetails())
    until(VAULTS.get_vault, made.id, "PENDING_DELETION")


def database(compartment: str, domain: str, subnet: str) -> None:
    """A DB system."""
    models = oci.mysql.models
    made = MYSQL.create_db_system(
        models.CreateDbSystemDetails(
            compartment_id=compartment, display_name="made", availability_domain=domain, subnet_id=subnet,
            shape_name="MySQL.2", admin_username="manager", admin_password="Journey-Passw0rd",
            data_storage_size_in_gbs=50,
        )
    ).data  # fmt: skip
    made = until(MYSQL.get_db_system, made.id, "ACTIVE")
    assert made.system_tags == {}
    MYSQL.update_db_system(made.id, models.UpdateDbSystemDetails(display_name="journey"))
    until(MYSQL.get_db_system, made.id, "ACTIVE")
    assert named(MYSQL.list_db_systems(compartment).data, "journey").id == made.id
    MYSQL.delete_db_system(made.id)
    until(MYSQL.get_db_system, made.id, "DELETED")


def cluster(compartment: str, domain: str, vcn: str, subnet: str) -> None:
    """A cluster with a pool of virtual nodes."""
    models = oci.container_engine.models
    version = ENGINE.get_cluster_options("all").data.kubernetes_versions[-1]
    begun = ENGINE.create_cluster(
        models.CreateClusterDetails(
            compartment_id=compartment, name="made", vcn_id=vcn, kubernetes_version=version, type="ENHANCED_CLUSTER",
            cluster_pod_network_options=[models.OciVcnIpNativeClusterPodNetworkOptionDetails()],
            endpoint_config=models.CreateClusterEndpointConfigDetails(subnet_id=subnet, is_public_ip_enabled=True),
        )
    )  # fmt: skip
    made = made_by(begun.headers["opc-work-request-id"], "cluster")
    changed = ENGINE.update_cluster(made, models.UpdateClusterDetails(name="journey"))
    assert made_by(changed.headers["opc-work-request-id"], "cluster") == made
    assert named(ENGINE.list_clusters(compartment).data, "journey").id == made

    placement = models.PlacementConfiguration(
        availability_domain=domain, fault_domain=["FAULT-DOMAIN-1"], subnet_id=subnet
    )
    begun = ENGINE.create_virtual_node_pool(
        models.CreateVirtualNodePoolDetails(
            compartment_id=compartment, cluster_id=made, display_name="made", size=1,
            placement_configurations=[placement],
            pod_configuration=models.PodConfiguration(subnet_id=subnet, shape="Pod.Standard.E4.Flex"),
        )
    )  # fmt: skip
    pool = made_by(begun.headers["opc-work-request-id"], "virtualnodepool")
    changed = ENGINE.update_virtual_node_pool(pool, models.UpdateVirtualNodePoolDetails(display_name="journey"))
    made_by(changed.headers["opc-work-request-id"], "virtualnodepool")
    assert named(ENGINE.list_virtual_node_pools(compartment, cluster_id=made).data, "journey").id == pool
    gone = ENGINE.delete_virtual_node_pool(pool)
    made_by(gone.headers["opc-work-request-id"], "virtualnodepool")
    gone = ENGINE.delete_cluster(made)
    made_by(gone.headers["opc-work-request-id"], "cluster")


def repository(compartment: str) -> None:
    """A repository of container images."""
    models = oci.artifacts.models
    made = REGISTRY.create_container_repository(
        models.CreateContainerRepositoryDetails(compartment_id=compartment, display_name="journey")
    ).data
    REGISTRY.update_container_repository(made.id, models.UpdateContainerRepositoryDetails(is_public=True))
    listed = REGISTRY.list_container_repositories(compartment).data.items
    assert named(listed, "journey").is_public
    REGISTRY.delete_container_repository(made.id)
    until(REGISTRY.get_container_repository, made.id, "DELETED")


def main() -> None:
    """The whole journey."""
    found = IDENTITY.list_compartments(CONFIG["tenancy"]).data
    compartment = named(found, "okestack").id
    domain = IDENTITY.list_availability_domains(CONFIG["tenancy"]).data[0].name
    vcn, subnet = network(compartment)
    beside(compartment, vcn)
    policy(compartment)
    vault(compartment)
    database(compartment, domain, subnet)
    cluster(compartment, domain, vcn, subnet)
    repository(compartment)
    NETWORK.delete_subnet(subnet)
    until(NETWORK.get_subnet, subnet, "TERMINATED")
    NETWORK.delete_vcn(vcn)
    until(NETWORK.get_vcn, vcn, "TERMINATED")


if __name__ == "__main__":
    main()
