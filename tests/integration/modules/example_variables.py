"""The variables that the modules' EXAMPLES use, each made in the region when it is first asked for.

A variable is what a user would have registered: ``network`` is the result of the module ``vcn``, ``password`` that of
``vault_secret``. Each module's examples have their own: a compartment, and in it only what they name.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import oci

from localregion.testing import Region

from .conftest import Door

Result = dict[str, Any]
SHOP = {"okestack-deployment": "shop"}


class ExampleVariables:
    """What the examples of one module stand on. ``folder``: for files that they read."""

    def __init__(self, region: Region, name: str, folder: Path) -> None:
        self.region, self.name, self.folder = region, name, folder
        self._door = Door(region)

    def _make(self, module: str, /, **options: Any) -> Result:
        options = {"compartment_id": self.compartment_id, "freeform_tags": SHOP, **options}
        return self._result(module, **options)

    def _result(self, module: str, /, **options: Any) -> Result:
        """What people have at hand of a resource: what the module returns, or the resource itself."""
        made = self._door(module, **options)[module]
        return {**made, module: made}

    def _in_vcn(self, module: str, name: str, /, **options: Any) -> Result:
        return self._make(module, vcn_id=self.network["vcn"]["id"], display_name=name, **options)

    # -- identity -------------------------------------------------------------------------------------------------

    @cached_property
    def compartment_id(self) -> str:
        identity = self.region.client(oci.identity.IdentityClient)
        details = oci.identity.models.CreateCompartmentDetails(
            compartment_id=self.region.compartment_id, name=f"examples-{self.name}", description="for examples"
        )
        made: str = identity.create_compartment(details).data.id
        self.region.settle()
        return made

    @cached_property
    def compartment(self) -> Result:
        return self._make("compartment", name=f"{self.name}-below", description="for examples")

    @cached_property
    def policy(self) -> Result:
        statement = f"Allow any-user to inspect vcns in compartment id {self.compartment_id}"
        return self._make("policy", name=f"examples-{self.name}", description="for examples", statements=[statement])

    @cached_property
    def availability_domain(self) -> str:
        identity = self.region.client(oci.identity.IdentityClient)
        name: str = identity.list_availability_domains(self.compartment_id).data[0].name
        return name

    # -- network --------------------------------------------------------------------------------------------------

    @cached_property
    def network(self) -> Result:
        return self._make("vcn", display_name="shop", cidr_blocks=["10.0.0.0/16"], dns_label="shop")

    @cached_property
    def internet(self) -> Result:
        return self._in_vcn("internet_gateway", "internet")

    @cached_property
    def nat(self) -> Result:
        return self._in_vcn("nat_gateway", "nat")

    @cached_property
    def found(self) -> Result:
        return self._door("network_services_info")

    @cached_property
    def services(self) -> Result:
        service = {"service_id": self.found["all_services"]["id"]}
        return self._in_vcn("service_gateway", "services", services=[service])

    @cached_property
    def private_routes(self) -> Result:
        return self._in_vcn("route_table", "private", route_rules=[])

    @cached_property
    def empty_list(self) -> Result:
        return self._in_vcn("security_list", "empty", ingress_security_rules=[], egress_security_rules=[])

    def _subnet(self, name: str, cidr: str) -> Result:
        return self._in_vcn("subnet", name, cidr_block=cidr, dns_label=name)

    @cached_property
    def api_subnet(self) -> Result:
        return self._subnet("api", "10.0.0.0/28")

    @cached_property
    def lb_subnet(self) -> Result:
        return self._subnet("lb", "10.0.1.0/24")

    @cached_property
    def mysql_subnet(self) -> Result:
        return self._subnet("mysql", "10.0.2.0/24")

    @cached_property
    def nodes_subnet(self) -> Result:
        return self._subnet("nodes", "10.0.3.0/24")

    @cached_property
    def pods_subnet(self) -> Result:
        return self._subnet("pods", "10.0.16.0/20")

    def _group(self, name: str) -> Result:
        return self._in_vcn("network_security_group", name, security_rules=[])

    @cached_property
    def api_group(self) -> Result:
        return self._group("api")

    @cached_property
    def mysql_group(self) -> Result:
        group = "NETWORK_SECURITY_GROUP"
        names = f"VNIC_CREATE, VNIC_UPDATE, VNIC_ASSOCIATE_{group}, VNIC_DISASSOCIATE_{group}"
        where = f"in compartment id {self.compartment_id} where request.principal.type='mysqldbsystem'"
        self._make(
            "policy",
            name=f"db-systems-{self.name}",
            description="DB systems join groups",
            statements=[f"Allow any-user to {{{each}}} {where}" for each in (f"{group}_UPDATE_MEMBERS", names)],
        )
        self.region.settle()
        return self._group("mysql-group")

    @cached_property
    def pods_group(self) -> Result:
        return self._group("pods")

    @cached_property
    def pods(self) -> Result:
        return self.pods_group

    @cached_property
    def address(self) -> Result:
        return self._make("public_ip", display_name="shop")

    @cached_property
    def mirrored(self) -> Result:
        rule = {"traffic_direction": "INGRESS"}
        return self._make("capture_filter", display_name="shop", filter_type="VTAP", vtap_capture_filter_rules=[rule])

    # -- logging --------------------------------------------------------------------------------------------------

    @cached_property
    def logs(self) -> Result:
        """A log group with a flow log in it."""
        group = self._make("log_group", display_name="shop")
        source = {
            "source_type": "OCISERVICE",
            "service": "flowlogs",
            "category": "subnet",
            "resource": self.api_subnet["subnet"]["id"],
        }
        where = {"log_group_id": group["log_group"]["id"], "display_name": "api"}
        self._door("log", **where, log_type="SERVICE", configuration={"source": source})
        return group

    # -- vault ----------------------------------------------------------------------------------------------------

    @cached_property
    def kept(self) -> Result:
        return self._make("vault", display_name="shop")

    def _key(self, name: str) -> Result:
        endpoint = self.kept["vault"]["management_endpoint"]
        shape = {"algorithm": "AES", "length": 32}
        return self._make("vault_key", display_name=name, management_endpoint=endpoint, key_shape=shape)

    @cached_property
    def key(self) -> Result:
        return self._key("shop")

    @cached_property
    def etcd_key(self) -> Result:
        """One that the cluster may use."""
        made = self._key("etcd")
        key = f"target.key.id='{made['vault_key']['id']}'"
        where = f"compartment id {self.compartment_id} where all {{request.principal.type='cluster', {key}}}"
        grant = {"name": f"etcd-{self.name}", "description": "for examples"}
        self._make("policy", **grant, statements=[f"Allow any-user to use keys in {where}"])
        return made

    @cached_property
    def password(self) -> Result:
        return self._make(
            "vault_secret",
            secret_name="shop-mysql-password",
            vault_id=self.kept["vault"]["id"],
            key_id=self.key["vault_key"]["id"],
            enable_auto_generation=True,
            secret_generation_context={
                "generation_type": "PASSPHRASE",
                "generation_template": "DBAAS_DEFAULT_PASSWORD",
                "passphrase_length": 24,
            },
        )

    def _file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content)
        return str(path)

    @cached_property
    def token_file(self) -> str:
        return self._file("token", "a-token-that-somebody-else-issued")

    @cached_property
    def next_token_file(self) -> str:
        return self._file("next-token", "the-next-token-that-somebody-else-issued")

    # -- database, cluster, registry ------------------------------------------------------------------------------

    @cached_property
    def database(self) -> Result:
        return self._make(
            "mysql_db_system",
            display_name="shop",
            shape_name="MySQL.2",
            subnet_id=self.mysql_subnet["subnet"]["id"],
            admin_username="admin",
            admin_password_secret_id=self.password["vault_secret"]["id"],
            data_storage_size_in_gbs=50,
        )

    @cached_property
    def heatwave(self) -> Result:
        where = {"db_system_id": self.database["id"], "shape_name": "HeatWave.512GB", "cluster_size": 1}
        return self._result("mysql_heatwave_cluster", **where)

    @cached_property
    def cluster(self) -> Result:
        return self._make(
            "oke_cluster",
            name="shop",
            type="ENHANCED_CLUSTER",
            kubernetes_version="v1.36.1",
            vcn_id=self.network["vcn"]["id"],
            endpoint_config={"subnet_id": self.api_subnet["subnet"]["id"], "is_public_ip_enabled": True},
            cluster_pod_network_options=[{"cni_type": "OCI_VCN_IP_NATIVE"}],
        )

    @cached_property
    def addon(self) -> Result:
        return self._result("oke_addon", cluster_id=self.cluster["id"], addon_name="CertManager")

    @cached_property
    def pool(self) -> Result:
        domain, subnet = self.availability_domain, self.nodes_subnet["subnet"]["id"]
        return self._make(
            "virtual_node_pool",
            display_name="app",
            cluster_id=self.cluster["oke_cluster"]["id"],
            size=1,
            placement_configurations=[{"availability_domain": domain, "subnet_id": subnet}],
            pod_configuration={"shape": "Pod.Standard.E4.Flex", "subnet_id": self.pods_subnet["subnet"]["id"]},
        )

    @cached_property
    def service(self) -> Result:
        """A Service of type LoadBalancer as kubernetes_info shows it, and the load balancer that is made for it."""
        models = oci.load_balancer.models
        uid = f"00000000-0000-4000-8000-{abs(hash(self.name)) % 10**12:012d}"
        checker = models.HealthCheckerDetails(protocol="HTTP", url_path="/healthz", port=10256)
        details = models.CreateLoadBalancerDetails(
            compartment_id=self.compartment_id,
            display_name=uid,
            shape_name="flexible",
            shape_details=models.ShapeDetails(minimum_bandwidth_in_mbps=10, maximum_bandwidth_in_mbps=100),
            subnet_ids=[self.lb_subnet["id"]],
            freeform_tags=SHOP,
            backend_sets={
                "TCP-80": models.BackendSetDetails(policy="ROUND_ROBIN", health_checker=checker, backends=[])
            },
            listeners={"TCP-80": models.ListenerDetails(default_backend_set_name="TCP-80", port=80, protocol="TCP")},
        )
        self.region.client(oci.load_balancer.LoadBalancerClient).create_load_balancer(details)
        self.region.settle()
        return {"resources": [{"metadata": {"name": "traefik", "namespace": "ingress", "uid": uid}}]}

    @cached_property
    def images(self) -> Result:
        return self._make("container_repository", display_name="shop/api")


ONE_OF = {
    "resource": "network",
    "vcn": "network",
    "subnet": "mysql_subnet",
    "internet_gateway": "internet",
    "nat_gateway": "nat",
    "service_gateway": "services",
    "route_table": "private_routes",
    "security_list": "empty_list",
    "network_security_group": "pods_group",
    "public_ip": "address",
    "capture_filter": "mirrored",
    "vault": "kept",
    "vault_key": "key",
    "vault_secret": "password",
    "compartment": "compartment",
    "policy": "policy",
    "mysql_db_system": "database",
    "mysql_heatwave_cluster": "heatwave",
    "oke_cluster": "cluster",
    "oke_addon": "addon",
    "virtual_node_pool": "pool",
    "load_balancer": "service",
    "container_repository": "images",
}
"""The variable that is one of a type, for examples that look one up."""
