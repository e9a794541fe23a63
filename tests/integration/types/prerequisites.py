"""What the walks need: resources of other types, made by the modules themselves when first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import oci

from localregion.testing import Region

from ..modules.conftest import Door

Options = dict[str, Any]


class Prerequisites:
    """Ids by name. All is made before the first walk (`make`), so that a snapshot holds it."""

    def __init__(self, door: Door, region: Region) -> None:
        self.door, self.region = door, region
        self.compartment_id = region.compartment_id

    def make(self) -> None:
        """Make whatever this class offers."""
        for name, member in vars(type(self)).items():
            if isinstance(member, cached_property):
                getattr(self, name)

    def _id(self, module: str, name: str = "ground", name_field: str = "display_name", **options: Any) -> str:
        options = {"compartment_id": self.compartment_id, name_field: name, **options}
        made = self.door(module, **options)
        return str(made[module]["id"])

    # identity

    @cached_property
    def other_compartment_id(self) -> str:
        identity = self.region.client(oci.identity.IdentityClient)
        details = oci.identity.models.CreateCompartmentDetails(
            compartment_id=self.compartment_id, name="other", description="another one"
        )
        made = identity.create_compartment(details).data.id
        self.region.settle()
        return str(made)

    @cached_property
    def ad(self) -> str:
        identity = self.region.client(oci.identity.IdentityClient)
        return str(identity.list_availability_domains(self.compartment_id).data[0].name)

    @cached_property
    def tag_namespace(self) -> str:
        """The name of a tag namespace in which tags may have the key ``of``."""
        identity, models = self.region.client(oci.identity.IdentityClient), oci.identity.models
        details = models.CreateTagNamespaceDetails(
            compartment_id=self.compartment_id, name="ground", description="tags of the walk"
        )
        made = identity.create_tag_namespace(details).data
        identity.create_tag(made.id, models.CreateTagDetails(name="of", description="whose it is"))
        return str(made.name)

    # network

    @cached_property
    def vcn_id(self) -> str:
        return self._id("vcn", cidr_blocks=["10.0.0.0/16"], dns_label="ground")

    @cached_property
    def spare_vcn_id(self) -> str:
        """A VCN without anything of one kind (one internet gateway a VCN)."""
        return self._id("vcn", "spare", cidr_blocks=["10.20.0.0/16"], dns_label="spare")

    @cached_property
    def internet_gateway_id(self) -> str:
        return self._id("internet_gateway", vcn_id=self.vcn_id)

    @cached_property
    def nat_gateway_id(self) -> str:
        return self._id("nat_gateway", vcn_id=self.vcn_id)

    @cached_property
    def nsg_id(self) -> str:
        return self._id("network_security_group", vcn_id=self.vcn_id)

    @cached_property
    def other_nsg_id(self) -> str:
        return self._id("network_security_group", "other", vcn_id=self.vcn_id)

    @cached_property
    def route_table_id(self) -> str:
        return self._id("route_table", vcn_id=self.vcn_id)

    @cached_property
    def security_list_id(self) -> str:
        return self._id("security_list", vcn_id=self.vcn_id)

    @cached_property
    def subnets(self) -> dict[str, str]:
        blocks = {"db": "10.0.2.0/24", "api": "10.0.3.0/28", "nodes": "10.0.4.0/24", "pods": "10.0.8.0/22"}
        return {
            name: self._id("subnet", name, vcn_id=self.vcn_id, cidr_block=block, dns_label=name)
            for name, block in blocks.items()
        }

    @cached_property
    def service_gateway_id(self) -> str:
        return self._id("service_gateway", vcn_id=self.vcn_id, services=[{"service_id": self.services[0]["id"]}])

    @cached_property
    def route_table_ids(self) -> list[str]:
        return [self.route_table_id, self._id("route_table", "other", vcn_id=self.vcn_id)]

    @cached_property
    def spare_route_table_ids(self) -> list[str]:
        """Those of the spare VCN."""
        return [self._id("route_table", name, vcn_id=self.spare_vcn_id) for name in ("one", "two")]

    @cached_property
    def security_list_ids(self) -> list[str]:
        return [self.security_list_id, self._id("security_list", "other", vcn_id=self.vcn_id)]

    @cached_property
    def dhcp_options_ids(self) -> list[str]:
        """Sets of DHCP options, which the collection does not keep."""
        network, models = self.region.client(oci.core.VirtualNetworkClient), oci.core.models
        server = models.DhcpDnsOption(server_type="VcnLocalPlusInternet")
        in_vcn = {"compartment_id": self.compartment_id, "vcn_id": self.vcn_id, "options": [server]}
        made = [network.create_dhcp_options(models.CreateDhcpDetails(**in_vcn)).data.id for _ in range(2)]
        self.region.settle()
        return made

    @cached_property
    def vnic_ids(self) -> list[str]:
        """VNICs of instances, which the region does not offer: as its own parts get theirs."""
        network: Any = self.region.inner.services["network"]
        subnet_id = self.subnets["nodes"]
        return [
            str(self.region.run(network.vnics.attach(subnet_id=subnet_id, display_name=name, owner_id="ground")).id)
            for name in ("one", "two")
        ]

    @cached_property
    def private_ip_ids(self) -> list[str]:
        network = self.region.client(oci.core.VirtualNetworkClient)
        return [str(network.list_private_ips(vnic_id=vnic_id).data[0].id) for vnic_id in self.vnic_ids]

    @cached_property
    def public_ip_ids(self) -> list[str]:
        return [self._id("public_ip", name) for name in ("one", "two")]

    @cached_property
    def capture_filter_ids(self) -> list[str]:
        """Filters for VTAPs."""
        return [self._id("capture_filter", name, filter_type="VTAP") for name in ("one", "two")]

    # logging

    @cached_property
    def log_group_ids(self) -> list[str]:
        return [self._id("log_group", name) for name in ("ground", "other")]

    @cached_property
    def flow_log_filter_ids(self) -> list[str]:
        rule = {"is_enabled": True, "priority": 1, "sampling_rate": 1}
        return [
            self._id("capture_filter", name, filter_type="FLOWLOG", flow_log_capture_filter_rules=[rule])
            for name in ("flows", "other flows")
        ]

    @cached_property
    def services(self) -> list[dict[str, Any]]:
        """The services that a service gateway reaches: ``id``, ``cidr_block``."""
        return list(self.door("network_services_info")["services"])

    # vault

    @cached_property
    def vault(self) -> dict[str, Any]:
        made = self.door("vault", compartment_id=self.compartment_id, display_name="ground")
        return dict(made["vault"])

    @cached_property
    def vault_id(self) -> str:
        return str(self.vault["id"])

    @cached_property
    def management_endpoint(self) -> str:
        return str(self.vault["management_endpoint"])

    @cached_property
    def key_id(self) -> str:
        shape = {"algorithm": "AES", "length": 32}
        return self._id("vault_key", management_endpoint=self.management_endpoint, key_shape=shape)

    @cached_property
    def other_key_id(self) -> str:
        shape = {"algorithm": "AES", "length": 32}
        return self._id("vault_key", "other", management_endpoint=self.management_endpoint, key_shape=shape)

    @cached_property
    def private_vault(self) -> dict[str, Any]:
        """A vault whose keys can be rotated by the service."""
        options: Options = {"display_name": "private", "vault_type": "VIRTUAL_PRIVATE"}
        return dict(self.door("vault", compartment_id=self.compartment_id, **options)["vault"])

    @cached_property
    def cluster_key_id(self) -> str:
        """A key that clusters may use."""
        self._id(
            "policy",
            "cluster-keys",
            "name",
            description="Clusters encrypt their Secrets",
            statements=[
                "Allow any-user to use keys in compartment okestack where all {request.principal.type='cluster'}"
            ],
        )
        shape = {"algorithm": "AES", "length": 32}
        return self._id("vault_key", "cluster", management_endpoint=self.management_endpoint, key_shape=shape)

    @cached_property
    def secret_id(self) -> str:
        """A generated password that a DB system takes."""
        return self._id(
            "vault_secret",
            name_field="secret_name",
            vault_id=self.vault_id,
            key_id=self.key_id,
            enable_auto_generation=True,
            secret_generation_context={
                "generation_type": "PASSPHRASE",
                "generation_template": "DBAAS_DEFAULT_PASSWORD",
                "passphrase_length": 24,
            },
        )

    @cached_property
    def other_secret_id(self) -> str:
        return self._id(
            "vault_secret", "other", "secret_name", vault_id=self.vault_id, key_id=self.key_id, content="Other-Words-1"
        )

    # databases and clusters

    @cached_property
    def mysql_policy_id(self) -> str:
        """What DB systems themselves need to join network security groups."""
        vnics = "VNIC_CREATE, VNIC_UPDATE, VNIC_ASSOCIATE_NETWORK_SECURITY_GROUP"
        granted = ("NETWORK_SECURITY_GROUP_UPDATE_MEMBERS", f"{vnics}, VNIC_DISASSOCIATE_NETWORK_SECURITY_GROUP")
        made = self._id(
            "policy",
            "db-systems",
            "name",
            description="DB systems join groups",
            statements=[
                f"Allow any-user to {{{names}}} in compartment id {self.compartment_id}"
                " where request.principal.type='mysqldbsystem'"
                for names in granted
            ],
        )
        self.region.settle()
        return made

    @cached_property
    def mysql_configuration_id(self) -> str:
        """One of our own for the shape MySQL.2."""
        details = oci.mysql.models.CreateConfigurationDetails(
            compartment_id=self.compartment_id,
            display_name="ground",
            shape_name="MySQL.2",
            variables=oci.mysql.models.ConfigurationVariables(max_connections=100),
        )
        return str(self.region.client(oci.mysql.MysqlaasClient).create_configuration(details).data.id)

    @cached_property
    def cluster_id(self) -> str:
        return self._id(
            "oke_cluster",
            name_field="name",
            vcn_id=self.vcn_id,
            kubernetes_version="v1.36.1",
            type="ENHANCED_CLUSTER",
            cluster_pod_network_options=[{"cni_type": "OCI_VCN_IP_NATIVE"}],
            endpoint_config={"subnet_id": self.subnets["api"], "is_public_ip_enabled": False, "nsg_ids": []},
        )

    @cached_property
    def other_cluster_id(self) -> str:
        return self._id(
            "oke_cluster",
            "other",
            "name",
            vcn_id=self.vcn_id,
            kubernetes_version="v1.36.1",
            type="ENHANCED_CLUSTER",
            cluster_pod_network_options=[{"cni_type": "OCI_VCN_IP_NATIVE"}],
            endpoint_config={"subnet_id": self.subnets["api"]},
        )

    @cached_property
    def db_system_id(self) -> str:
        return self._id(
            "mysql_db_system",
            subnet_id=self.subnets["db"],
            shape_name="MySQL.2",
            availability_domain=self.ad,
            admin_username="admin",
            admin_password_secret_id=self.secret_id,
            data_storage_size_in_gbs=50,
        )
