# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for clusters, virtual node pools and add-ons."""

from __future__ import annotations

from typing import Any

from ..case import Case, Leaf

ENDPOINT = ("update_cluster_endpoint_config",)
UP = "a control plane goes up only: what another client upgraded stays"
OIDC = "options.open_id_connect_token_authentication_config"
CYCLING = "virtual_node_pool_cycling_details"
RIDES = "it says how other changes reach the nodes"
_ATTRIBUTES: dict[str, Any] = {"oracle-zpr": {"tier": {"value": "api", "mode": "enforce"}}}


def _placement(*domains: str, subnet: str = "nodes") -> Any:
    """A placement in the ground's one availability domain."""
    return lambda g: [{"availability_domain": g.ad, "fault_domain": list(domains), "subnet_id": g.subnets[subnet]}]


CASES = {
    "oke_cluster": Case(
        leaves={
            "vcn_id": Leaf(
                lambda g: g.vcn_id, lambda g: g.spare_vcn_id, irreplaceable="its subnets are those of its VCN"
            ),
            "kubernetes_version": Leaf("v1.36.0", "v1.36.1", kept=UP),
            "type": Leaf("BASIC_CLUSTER", "ENHANCED_CLUSTER", kept=UP),
            "kms_key_id": Leaf(lambda g: g.cluster_key_id, lambda g: g.key_id),
            "endpoint_config.subnet_id": Leaf(lambda g: g.subnets["api"], lambda g: g.subnets["db"]),
            "endpoint_config.nsg_ids": Leaf(lambda g: [g.nsg_id], [], drift=lambda g: [g.other_nsg_id], by=ENDPOINT),
            "endpoint_config.is_public_ip_enabled": Leaf(False, True, by=ENDPOINT),
            "endpoint_config.security_attributes": Leaf(
                _ATTRIBUTES, {"oracle-zpr": {"tier": {"value": "API", "mode": "enforce"}}}, by=ENDPOINT
            ),
            "cluster_pod_network_options": Leaf([{"cni_type": "OCI_VCN_IP_NATIVE"}], [{"cni_type": "FLANNEL_OVERLAY"}]),
            "cluster_pod_network_options[].cni_type": Leaf("OCI_VCN_IP_NATIVE", "FLANNEL_OVERLAY"),
            "image_policy_config.is_policy_enabled": Leaf(True, False),
            "image_policy_config.key_details": Leaf(
                lambda g: [{"kms_key_id": g.key_id}],
                lambda g: [{"kms_key_id": g.key_id}, {"kms_key_id": g.cluster_key_id}],
            ),
            "image_policy_config.key_details[].kms_key_id": Leaf(lambda g: g.key_id, lambda g: g.cluster_key_id),
            "options.service_lb_subnet_ids": Leaf(lambda g: [g.subnets["api"]], lambda g: [g.subnets["db"]]),
            "options.kubernetes_network_config.pods_cidr": Leaf("10.244.0.0/16", "10.245.0.0/16"),
            "options.kubernetes_network_config.services_cidr": Leaf("10.96.0.0/16", "10.97.0.0/16"),
            "options.service_lb_config.freeform_tags": Leaf({"made-for": "shop"}, {"made-for": "Shop"}),
            "options.service_lb_config.defined_tags": Leaf({"cost": {"centre": "a"}}, {"cost": {"centre": "A"}}),
            "options.service_lb_config.backend_nsg_ids": Leaf(
                lambda g: [g.nsg_id], [], drift=lambda g: [g.other_nsg_id]
            ),
            "options.persistent_volume_config.freeform_tags": Leaf({"made-for": "shop"}, {"made-for": "Shop"}),
            "options.persistent_volume_config.defined_tags": Leaf({"cost": {"centre": "a"}}, {"cost": {"centre": "A"}}),
            "options.open_id_connect_discovery.is_open_id_connect_discovery_enabled": Leaf(False, True),
            f"{OIDC}.is_open_id_connect_auth_enabled": Leaf(True, False),
            f"{OIDC}.issuer_url": Leaf("https://issuer.example/a", "https://issuer.example/A"),
            f"{OIDC}.client_id": Leaf("shop", "Shop"),
            f"{OIDC}.username_claim": Leaf("email", "Email"),
            f"{OIDC}.username_prefix": Leaf("oidc:", "OIDC:"),
            f"{OIDC}.groups_claim": Leaf("roles", "Roles"),
            f"{OIDC}.groups_prefix": Leaf("oidc:", "OIDC:"),
            f"{OIDC}.required_claims": Leaf([{"key": "tenant", "value": "shop"}], [], drift=[{"key": "team"}]),
            f"{OIDC}.required_claims[].key": Leaf("tenant", "Tenant"),
            f"{OIDC}.required_claims[].value": Leaf("shop", "Shop"),
            f"{OIDC}.ca_certificate": Leaf("LS0tLS1CRUdJTg==", "LS0tLS1CRUdJtg=="),
            f"{OIDC}.signing_algorithms": Leaf(["RS256", "ES256"], ["RS256"], spellings=(["ES256", "RS256"],)),
        },
    ),
    "virtual_node_pool": Case(
        leaves={
            "cluster_id": Leaf(lambda g: g.cluster_id, lambda g: g.other_cluster_id),
            "size": Leaf(2, 3),
            "placement_configurations": Leaf(
                _placement("FAULT-DOMAIN-1"),
                _placement("FAULT-DOMAIN-2"),
                drift=_placement(subnet="pods"),
                kept="a pool has a place",
            ),
            "placement_configurations[].availability_domain": Leaf(
                lambda g: g.ad,
                f"{'x' * 4}:OTHER-AD-1",
                spellings=(lambda g: g.ad.lower(),),
                unsupported="the region has one availability domain",
            ),
            "placement_configurations[].fault_domain": Leaf(
                ["FAULT-DOMAIN-1"], [], drift=["FAULT-DOMAIN-1", "FAULT-DOMAIN-3"]
            ),
            "placement_configurations[].subnet_id": Leaf(lambda g: g.subnets["nodes"], lambda g: g.subnets["pods"]),
            "pod_configuration.subnet_id": Leaf(lambda g: g.subnets["pods"], lambda g: g.subnets["nodes"]),
            "pod_configuration.shape": Leaf(
                "Pod.Standard.E4.Flex", "Pod.Standard.E3.Flex", fixed="OKE's documentation makes a new pool for it"
            ),
            "pod_configuration.nsg_ids": Leaf(lambda g: [g.nsg_id], [], drift=lambda g: [g.other_nsg_id]),
            "nsg_ids": Leaf(lambda g: [g.nsg_id], lambda g: [g.nsg_id, g.other_nsg_id]),
            "initial_virtual_node_labels": Leaf(
                [{"key": "team", "value": "a"}, {"key": "tier"}],
                [{"key": "tier"}],
                spellings=([{"key": "tier", "value": ""}, {"key": "team", "value": "a"}],),
            ),
            "initial_virtual_node_labels[].key": Leaf("team", "Team"),
            "initial_virtual_node_labels[].value": Leaf("a", "A"),
            "taints": Leaf(
                [{"key": "only", "value": "us", "effect": "NoSchedule"}],
                [
                    {"key": "only", "value": "us", "effect": "NoSchedule"},
                    {"key": "late", "effect": "NoExecute"},
                ],
            ),
            "taints[].key": Leaf("only", "Only"),
            "taints[].value": Leaf("us", "Us"),
            "taints[].effect": Leaf("NoSchedule", "NoExecute"),
            "virtual_node_tags.freeform_tags": Leaf({"node": "a"}, {"node": "A"}),
            "virtual_node_tags.defined_tags": Leaf({"cost": {"centre": "a"}}, {"cost": {"centre": "A"}}),
            f"{CYCLING}.is_virtual_node_cycling_enabled": Leaf(
                False, True, along={"size": 3}, rides=RIDES, kept="the service refuses it alone"
            ),
            f"{CYCLING}.maximum_surge": Leaf("1", "2", along={"size": 3}, rides=RIDES),
            f"{CYCLING}.maximum_unavailable": Leaf("0", "50%", along={"size": 3}, rides=RIDES),
        },
    ),
    "oke_addon": Case(
        leaves={
            "version": Leaf("v1.17.4", "v1.18.2"),
            "configurations": Leaf(
                [{"key": "nodeSelectors", "value": '{"a": "b", "c": "d"}'}, {"key": "numOfReplicas", "value": "2"}],
                [{"key": "numOfReplicas", "value": "2"}],
                drift=[{"key": "numOfReplicas", "value": "3"}],
                spellings=(
                    [{"key": "numOfReplicas", "value": "2"}, {"key": "nodeSelectors", "value": '{"c":"d","a":"b"}'}],
                ),
            ),
            "configurations[].key": Leaf("nodeSelectors", "affinity"),
            "configurations[].value": Leaf('{"a": "b", "c": "d"}', '{"a": "B", "c": "d"}'),
            "is_override_existing": Leaf(False, True, unread="it says how the add-on is installed"),
        },
        options={"addon_name": "CertManager", "cluster_id": lambda g: g.cluster_id},
    ),
}
