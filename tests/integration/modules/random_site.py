"""Sites as people make them, through the plain SDK: names, tags, rules and sizes of all kinds, from a seed."""

from __future__ import annotations

import ipaddress
import random
from typing import Any

import oci
from oci.container_engine import models as oke
from oci.core import models as core
from oci.key_management import models as kms
from oci.mysql import models as mysql
from oci.vault import models as vaults

from localregion.testing import Region

WORDS = ("shop", "Orders", "net", "prod env", "k8s", "Büro", "a-b_c.d", "{{ curly }}", "zz 9", "legacy (2019)")
OPEN = ("0.0.0.0/0", "10.0.0.0/8", "192.0.2.0/24", "203.0.113.7/32")


class RandomSite:
    """One site in a compartment of its own."""

    def __init__(self, region: Region, seed: int) -> None:
        self.region, self.random, self.seed = region, random.Random(seed), seed
        self.network = region.client(oci.core.VirtualNetworkClient)
        self.made = 0
        self.name = f"site{seed}"
        identity = region.client(oci.identity.IdentityClient)
        details = oci.identity.models.CreateCompartmentDetails(
            compartment_id=region.compartment_id, name=f"{self.name}-{self.random.randrange(10**6)}", description="x"
        )
        self.compartment_id = identity.create_compartment(details).data.id
        region.settle()
        self.ad = identity.list_availability_domains(region.compartment_id).data[0].name
        statements = [
            f"Allow any-user to manage all-resources in compartment id {self.compartment_id}",
            "Allow any-user to {NETWORK_SECURITY_GROUP_UPDATE_MEMBERS, VNIC_CREATE, VNIC_UPDATE,"
            " VNIC_ASSOCIATE_NETWORK_SECURITY_GROUP, VNIC_DISASSOCIATE_NETWORK_SECURITY_GROUP}"
            f" in compartment id {self.compartment_id}",
        ]
        identity.create_policy(
            oci.identity.models.CreatePolicyDetails(
                compartment_id=self.compartment_id, name="by-hand", description="x", statements=statements
            )
        )
        region.settle()

    # what is drawn

    def maybe(self, share: float = 0.5) -> bool:
        return self.random.random() < share

    def called(self, what: str) -> str:
        """A name, unlike the others'."""
        self.made += 1
        return f"{self.random.choice(WORDS)} {what} {self.made}"

    def _plain_name(self, what: str) -> str:
        """One that Kubernetes Engine takes."""
        return f"{self.random.choice(('shop', 'Prod-1', 'k8s_a'))}-{what}{self.seed}"

    def tags(self) -> dict[str, str]:
        keys = self.random.sample(
            ("team", "Cost Centre", "env", "okestack-deployment", "{{ note }}"), self.random.randrange(4)
        )
        return {key: self.random.choice(("a", "", "42", "{{ x }}", "yes", "ü")) for key in keys}

    def _base(self, what: str) -> dict[str, Any]:
        return {
            "compartment_id": self.compartment_id,
            "display_name": self.called(what),
            "freeform_tags": self.tags(),
        }

    def _ports(self, details: Any) -> Any:
        low = self.random.randrange(1, 60000)
        span = core.PortRange(min=low, max=low + self.random.randrange(100))
        return details(
            destination_port_range=span if self.maybe(0.8) else None,
            source_port_range=None if self.maybe(0.8) else span,
        )

    def _match(self) -> dict[str, Any]:
        protocol = self.random.choice(("all", "6", "17", "1", "50"))
        made: dict[str, Any] = {"protocol": protocol}
        if protocol == "6" and self.maybe(0.8):
            made["tcp_options"] = self._ports(core.TcpOptions)
        if protocol == "17" and self.maybe(0.8):
            made["udp_options"] = self._ports(core.UdpOptions)
        if protocol == "1" and self.maybe():
            made["icmp_options"] = core.IcmpOptions(type=3, code=4 if self.maybe() else None)
        if self.maybe():
            made["is_stateless"] = self.maybe()
        if self.maybe(0.7):
            made["description"] = self.random.choice(("web", "to {{ them }}", "Zugriff für alle", ""))
        return made

    # what is made

    def build(self) -> RandomSite:
        self.build_network()
        self.build_vault()
        self.build_database()
        self.build_cluster()
        return self

    def build_network(self) -> None:
        network, chance = self.network, self.random
        prefix = chance.choice((16, 18, 20))
        first = f"10.{self.seed % 200}.0.0/{prefix}"
        blocks = [first, *([f"172.{16 + self.seed % 16}.0.0/24"] if self.maybe() else [])]
        label = f"v{self.seed}x" if self.maybe(0.7) else None
        self.vcn = network.create_vcn(
            core.CreateVcnDetails(**self._base("vcn"), cidr_blocks=blocks, dns_label=label)
        ).data
        if self.maybe(0.4):  # another of the same name, of which nothing is the site's
            network.create_vcn(
                core.CreateVcnDetails(
                    compartment_id=self.compartment_id,
                    display_name=self.vcn.display_name,
                    cidr_blocks=["10.250.0.0/16"],
                )
            )
        self.region.settle()
        at = {"vcn_id": self.vcn.id}
        services = network.list_services().data
        gateways: list[str] = []
        public: list[str] = []
        if self.maybe(0.8):
            gateway = core.CreateInternetGatewayDetails(**self._base("igw"), **at, is_enabled=self.maybe(0.9))
            public.append(network.create_internet_gateway(gateway).data.id)
        for _count in range(chance.randrange(2)):
            address = None
            if self.maybe(0.4):
                reserved = core.CreatePublicIpDetails(**self._base("ip"), lifetime="RESERVED")
                address = network.create_public_ip(reserved).data.id
                self.region.settle()
            gateway = core.CreateNatGatewayDetails(
                **self._base("nat"), **at, block_traffic=self.maybe(0.3), public_ip_id=address
            )
            gateways.append(network.create_nat_gateway(gateway).data.id)
        if self.maybe(0.8):
            reached = [core.ServiceIdRequestDetails(service_id=chance.choice(services).id)]
            gateway = core.CreateServiceGatewayDetails(**self._base("sgw"), **at, services=reached)
            made = network.create_service_gateway(gateway).data
            self.service = next(s for s in services if s.id == reached[0].service_id)
            self.service_gateway = made.id
        else:
            self.service_gateway = ""
        self.region.settle()
        tables = [self._table(way) for way in (public, gateways, [])]
        if self.maybe(0.4):  # the VCN's own
            network.update_route_table(
                self.vcn.default_route_table_id, core.UpdateRouteTableDetails(route_rules=self._routes(gateways))
            )
        self.lists = [self._list() for _count in range(chance.randrange(1, 3))]
        if self.maybe():
            rules = [core.EgressSecurityRule(destination="0.0.0.0/0", protocol="all")]
            network.update_security_list(
                self.vcn.default_security_list_id,
                core.UpdateSecurityListDetails(ingress_security_rules=[], egress_security_rules=rules),
            )
        self._groups()
        own = ipaddress.ip_network(first)
        room = own.subnets(new_prefix=prefix + 4)
        self.subnets = {
            role: self._subnet(role, str(next(room)), tables) for role in ("api", "lb", "mysql", "nodes", "pods")
        }
        if self.maybe(0.3):
            self.subnets["pods"] = self.subnets["nodes"]
        if self.maybe(0.4):
            self._subnet("other", str(next(room)), tables)
        self.region.settle()

    def _routes(self, gateways: list[str]) -> list[Any]:
        rules = [core.RouteRule(destination="0.0.0.0/0", network_entity_id=g) for g in gateways[:1]]
        rules += [
            core.RouteRule(
                destination=f"198.51.{n}.0/24", destination_type="CIDR_BLOCK", network_entity_id=g, description="x"
            )
            for n, g in enumerate(gateways[1:])
        ]
        if self.service_gateway and self.maybe(0.7):
            rules.append(
                core.RouteRule(
                    destination=self.service.cidr_block,
                    destination_type="SERVICE_CIDR_BLOCK",
                    network_entity_id=self.service_gateway,
                )
            )
        return rules

    def _table(self, gateways: list[str]) -> str:
        rules = self._routes(gateways)
        if gateways and rules and any(g.split(".")[1] == "internetgateway" for g in gateways):
            rules = rules[:1]
        details = core.CreateRouteTableDetails(**self._base("table"), vcn_id=self.vcn.id, route_rules=rules)
        return str(self.network.create_route_table(details).data.id)

    def _list(self) -> str:
        inward = [
            core.IngressSecurityRule(source=self.random.choice(OPEN), **self._match())
            for _n in range(self.random.randrange(5))
        ]
        outward = [
            core.EgressSecurityRule(
                destination=self.random.choice(OPEN), destination_type="CIDR_BLOCK", **self._match()
            )
            for _n in range(self.random.randrange(4))
        ]
        if self.maybe(0.3):
            outward.append(
                core.EgressSecurityRule(
                    destination=self.network.list_services().data[0].cidr_block,
                    destination_type="SERVICE_CIDR_BLOCK",
                    protocol="6",
                )
            )
        if inward and self.maybe(0.3):
            inward.append(inward[0])  # two that are equal
        details = core.CreateSecurityListDetails(
            **self._base("list"), vcn_id=self.vcn.id, ingress_security_rules=inward, egress_security_rules=outward
        )
        return str(self.network.create_security_list(details).data.id)

    def _groups(self) -> None:
        bases = [self._base("group") for _count in range(self.random.randrange(2, 6))]
        if self.maybe(0.4):
            bases[1]["display_name"] = bases[0]["display_name"]
        self.groups = [
            self.network.create_network_security_group(
                core.CreateNetworkSecurityGroupDetails(**base, vcn_id=self.vcn.id)
            ).data.id
            for base in bases
        ]
        self.region.settle()
        for group in self.groups:
            rules = []
            for _count in range(self.random.randrange(30)):
                peer, kind = self.random.choice(
                    (
                        (self.random.choice(OPEN), "CIDR_BLOCK"),
                        (self.random.choice(self.groups), "NETWORK_SECURITY_GROUP"),
                    )
                )
                if self.maybe():
                    sides: dict[str, Any] = {"direction": "INGRESS", "source": peer, "source_type": kind}
                else:
                    sides = {"direction": "EGRESS", "destination": peer, "destination_type": kind}
                rules.append(core.AddSecurityRuleDetails(**sides, **self._match()))
            for start in range(0, len(rules), 25):
                self.network.add_network_security_group_security_rules(
                    group,
                    core.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=rules[start : start + 25]),
                )

    def _subnet(self, role: str, block: str, tables: list[str]) -> str:
        public = role == "lb" or (role == "api" and self.maybe())
        values: dict[str, Any] = {}
        if self.maybe(0.7):
            values["route_table_id"] = tables[0] if public else self.random.choice(tables[1:])
        if self.maybe(0.6):
            values["security_list_ids"] = self.random.sample(
                [*self.lists, self.vcn.default_security_list_id], self.random.randrange(1, len(self.lists) + 2)
            )
        if self.vcn.dns_label and self.maybe(0.7):
            values["dns_label"] = f"{role}{self.seed}"
        if self.maybe(0.7):
            values["prohibit_public_ip_on_vnic"] = not public
        details = core.CreateSubnetDetails(**self._base(role), vcn_id=self.vcn.id, cidr_block=block, **values)
        return str(self.network.create_subnet(details).data.id)

    def build_vault(self) -> None:
        client = self.region.client(oci.key_management.KmsVaultClient)
        kind = self.random.choice(("DEFAULT", "DEFAULT", "VIRTUAL_PRIVATE"))
        box = client.create_vault(kms.CreateVaultDetails(**self._base("vault"), vault_type=kind)).data
        self.region.settle()
        box = client.get_vault(box.id).data
        keys = self.region.client(oci.key_management.KmsManagementClient, endpoint=box.management_endpoint)
        self.keys = []
        for _count in range(self.random.randrange(1, 3)):
            shape = kms.KeyShape(algorithm="AES", length=self.random.choice((16, 32)))
            mode = self.random.choice(("SOFTWARE", "HSM"))
            details = kms.CreateKeyDetails(**self._base("key"), key_shape=shape, protection_mode=mode)
            self.keys.append(keys.create_key(details).data.id)
        self.region.settle()
        secrets = self.region.client(oci.vault.VaultsClient)
        plain = self.maybe()
        names = ["mysql-admin", "mysql-app"] if plain else [f"db-root.{self.seed}", f"db-user.{self.seed}"]
        names += [f"other{n}" for n in range(self.random.randrange(3))]
        for name in names:
            values: dict[str, Any] = {"key_id": self.random.choice(self.keys), "vault_id": box.id}
            if self.maybe():
                values["description"] = "a {{ secret }}"
            if self.maybe():
                context = vaults.PassphraseGenerationContext(
                    generation_template="DBAAS_DEFAULT_PASSWORD", passphrase_length=self.random.randrange(16, 30)
                )
                values |= {"enable_auto_generation": True, "secret_generation_context": context}
            else:
                values["secret_content"] = vaults.Base64SecretContentDetails(
                    content="c2VjcmV0LWNhbmFyeQ==", stage="CURRENT"
                )
            secrets.create_secret(
                vaults.CreateSecretDetails(
                    compartment_id=self.compartment_id, secret_name=name, freeform_tags=self.tags(), **values
                )
            )
        self.region.settle()

    def build_database(self) -> None:
        values: dict[str, Any] = {"subnet_id": self.subnets["mysql"], "availability_domain": self.ad}
        shape = self.random.choice(("MySQL.2", "MySQL.4", "MySQL.Free"))
        free = shape == "MySQL.Free"
        values["data_storage_size_in_gbs"] = 50 if free else self.random.choice((50, 100, 300))
        if self.maybe():
            values["nsg_ids"] = self.random.sample(self.groups, self.random.randrange(1, 3))
        if self.maybe():
            values["hostname_label"] = f"db{self.seed}"
        if self.maybe() and not free:
            values["is_highly_available"] = True
        if self.maybe() and not free:
            values["backup_policy"] = mysql.CreateBackupPolicyDetails(
                is_enabled=True, retention_in_days=self.random.randrange(2, 30), window_start_time="03:00"
            )
        if self.maybe():
            values["maintenance"] = mysql.CreateMaintenanceDetails(window_start_time="sun 02:30")
        if self.maybe():
            values["deletion_policy"] = mysql.CreateDeletionPolicyDetails(
                automatic_backup_retention="RETAIN", final_backup="REQUIRE_FINAL_BACKUP", is_delete_protected=True
            )
        if self.maybe():
            values["customer_contacts"] = [mysql.CustomerContact(email="ops@example.com")]
        if self.maybe():
            values["description"] = "orders {{ db }}"
        if self.maybe(0.4):
            values["crash_recovery"] = "DISABLED"
        details = mysql.CreateDbSystemDetails(
            **self._base("db"),
            shape_name=shape,
            admin_username=self.random.choice(("admin", "root_1")),
            admin_password="Canary-Pass-42!x",
            **values,
        )
        self.region.client(oci.mysql.DbSystemClient).create_db_system(details)
        self.region.settle()

    def build_cluster(self) -> None:
        client = self.region.client(oci.container_engine.ContainerEngineClient)
        base = self._base("cluster")
        base["display_name"] = self._plain_name("Cluster_a.b")
        groups = self.random.sample(self.groups, self.random.randrange(3))
        options = oke.ClusterCreateOptions(service_lb_subnet_ids=[self.subnets["lb"]])
        if self.maybe():
            options.kubernetes_network_config = oke.KubernetesNetworkConfig(services_cidr="10.240.0.0/16")
        if self.maybe(0.3):
            options.service_lb_config = oke.ServiceLbConfigDetails(freeform_tags={"lb": "yes"})
        subnet = self.network.get_subnet(self.subnets["api"]).data
        details = oke.CreateClusterDetails(
            name=base.pop("display_name"),
            **base,
            vcn_id=self.vcn.id,
            kubernetes_version=self.random.choice(client.get_cluster_options("all").data.kubernetes_versions),
            type="ENHANCED_CLUSTER",
            kms_key_id=self.random.choice(self.keys) if self.maybe() else None,
            endpoint_config=oke.CreateClusterEndpointConfigDetails(
                subnet_id=subnet.id,
                nsg_ids=groups,
                is_public_ip_enabled=not subnet.prohibit_public_ip_on_vnic and self.maybe(),
            ),
            cluster_pod_network_options=[oke.OciVcnIpNativeClusterPodNetworkOptionDetails()],
            options=options,
        )
        client.create_cluster(details)
        self.region.settle()
        cluster = client.list_clusters(self.compartment_id).data[0]
        domains = [f"FAULT-DOMAIN-{n}" for n in range(1, 4)]
        placement = oke.PlacementConfiguration(
            availability_domain=self.ad,
            fault_domain=self.random.sample(domains, self.random.randrange(1, 4)),
            subnet_id=self.subnets["nodes"],
        )
        values: dict[str, Any] = {}
        if self.maybe():
            values["initial_virtual_node_labels"] = [oke.InitialVirtualNodeLabel(key="tier", value="web")]
        if self.maybe():
            values["taints"] = [oke.Taint(key="only", value="web", effect="NoSchedule")]
        if self.maybe():
            values["virtual_node_tags"] = oke.VirtualNodeTags(freeform_tags={"node": "yes"}, defined_tags={})
        pool = oke.CreateVirtualNodePoolDetails(
            **{**self._base("pool"), "display_name": self._plain_name("pool-x")},
            cluster_id=cluster.id,
            size=self.random.randrange(1, 6),
            placement_configurations=[placement],
            pod_configuration=oke.PodConfiguration(
                subnet_id=self.subnets["pods"],
                shape=client.list_pod_shapes(self.compartment_id).data[0].name,
                nsg_ids=self.random.sample(self.groups, self.random.randrange(3)) or None,
            ),
            nsg_ids=self.random.sample(self.groups, self.random.randrange(2)) or None,
            **values,
        )
        client.create_virtual_node_pool(pool)
        self.region.settle()
