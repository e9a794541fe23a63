# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters and virtual node pools (SDK package ``container_engine``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Call,
    Change,
    Deletion,
    Document,
    Field,
    ResourceType,
    States,
    caseless,
)

CLIENT = "container_engine.ContainerEngineClient"
_STATES = States(ready=("ACTIVE",), failed=("FAILED",), gone=("DELETED",), going=("DELETING",))


def _endpoint_steps(before: Any, after: Any, observed: Document) -> list[Call]:
    """The endpoint has an operation of its own, and its subnet stays."""
    del before, observed
    body = {k: v for k, v in after.items() if k in ("nsg_ids", "is_public_ip_enabled")}
    return [Call("update_cluster_endpoint_config", body, guarded=True)]


OKE_CLUSTER = ResourceType(
    name="oke_cluster",
    title="OKE cluster",
    noun="cluster",
    client=CLIENT,
    work_requests=CLIENT,
    name_field="name",
    name_filter="name",
    list_complete=False,
    lacks={"move": "there is no ChangeClusterCompartment"},
    states=_STATES,
    wait_timeout=3600,
    fields=(
        Field("vcn_id", change=Change.REPLACE, required=True, reference="vcn"),
        Field("kubernetes_version", required=True),
        Field("type", choices=("BASIC_CLUSTER", "ENHANCED_CLUSTER")),
        Field("kms_key_id", change=Change.REPLACE, reference="vault_key"),
        Field(
            "endpoint_config",
            type="dict",
            change=Change.STEPS,
            steps=_endpoint_steps,
            fields=(
                Field("subnet_id", change=Change.REPLACE, reference="subnet"),
                Field("nsg_ids", type="list", elements="str", reference="network_security_group"),
                Field("is_public_ip_enabled", type="bool"),
            ),
        ),
        Field(
            "cluster_pod_network_options",
            type="list",
            elements="dict",
            change=Change.REPLACE,
            fields=(Field("cni_type", choices=("OCI_VCN_IP_NATIVE", "FLANNEL_OVERLAY"), required=True),),
        ),
        Field(
            "options",
            type="dict",
            fields=(
                Field("service_lb_subnet_ids", type="list", elements="str", change=Change.REPLACE, on_update=False),
                Field(
                    "kubernetes_network_config",
                    type="dict",
                    change=Change.REPLACE,
                    on_update=False,
                    fields=(Field("pods_cidr"), Field("services_cidr")),
                ),
                Field(
                    "service_lb_config",
                    type="dict",
                    fields=(
                        Field("freeform_tags", type="dict"),
                        Field("defined_tags", type="dict"),
                        Field("backend_nsg_ids", type="list", elements="str"),
                    ),
                ),
                Field(
                    "persistent_volume_config",
                    type="dict",
                    fields=(Field("freeform_tags", type="dict"), Field("defined_tags", type="dict")),
                ),
            ),
        ),
    ),
    unmanaged={
        "image_policy_config": "not managed yet",
        "endpoint_config.security_attributes": "not managed yet",
        "options.ip_families": "OKE virtual nodes are IPv4 only",
        "options.add_ons": "dashboard and Tiller, which virtual nodes do not run",
        "options.admission_controller_options": "pod security policies, which Kubernetes 1.25 dropped",
        "options.open_id_connect_token_authentication_config": "not managed yet",
        "options.open_id_connect_discovery": "not managed yet",
    },
)

_KEY_VALUE = (Field("key", required=True), Field("value"))


def _nodes_active(session: Any, document: Document) -> str | None:
    """A pool is usable when its nodes are: the pool itself is ACTIVE before them."""
    nodes = session.rows(session.client(CLIENT), "list_virtual_nodes", document["id"])
    faults = [f"{n['display_name']}: {n['virtual_node_error']}" for n in nodes if n.get("virtual_node_error")]
    active = sum(1 for n in nodes if n["lifecycle_state"] == "ACTIVE")
    if active >= (document.get("size") or 0):
        return None
    return f"{active} of {document.get('size')} virtual nodes ACTIVE" + (f" ({'; '.join(faults)})" if faults else "")


def _pool_problems(desired: Document) -> Iterable[str]:
    if len(desired.get("nsg_ids") or []) > 5:
        yield "nsg_ids: the service takes at most 5"
    if len((desired.get("pod_configuration") or {}).get("nsg_ids") or []) > 5:
        yield "pod_configuration.nsg_ids: the service takes at most 5"


VIRTUAL_NODE_POOL = ResourceType(
    name="virtual_node_pool",
    title="Virtual node pool",
    client=CLIENT,
    work_requests=CLIENT,
    parent="cluster_id",
    name_filter="name",
    list_complete=False,
    lacks={"move": "it goes with its cluster"},
    states=replace(_STATES, resting=("NEEDS_ATTENTION",)),
    usable=_nodes_active,
    wait_timeout=2400,
    checks=(_pool_problems,),
    deletion=Deletion(
        options={
            "eviction_grace_duration": "override_eviction_grace_duration_vnp",
            "force_deletion_after_grace": "is_force_deletion_after_override_grace_duration_vnp",
        }
    ),
    extra_options={"eviction_grace_duration": {"type": "str"}, "force_deletion_after_grace": {"type": "bool"}},
    fields=(
        Field("cluster_id", change=Change.REPLACE, required=True, reference="oke_cluster"),
        Field("size", type="int", required=True),
        Field(
            "placement_configurations",
            type="list",
            elements="dict",
            required=True,
            fields=(
                Field("availability_domain", canonical=caseless, required=True),
                Field("fault_domain", type="list", elements="str", default=[]),
                Field("subnet_id", required=True, reference="subnet"),
            ),
        ),
        Field(
            "pod_configuration",
            type="dict",
            required=True,
            fields=(
                Field("subnet_id", required=True, reference="subnet"),
                Field("shape", change=Change.REPLACE, required=True),
                Field("nsg_ids", type="list", elements="str", reference="network_security_group"),
            ),
        ),
        Field("nsg_ids", type="list", elements="str", reference="network_security_group"),
        Field("initial_virtual_node_labels", type="list", elements="dict", fields=_KEY_VALUE),
        Field("taints", type="list", elements="dict", fields=(*_KEY_VALUE, Field("effect", required=True))),
        Field(
            "virtual_node_tags",
            type="dict",
            fields=(Field("freeform_tags", type="dict"), Field("defined_tags", type="dict")),
        ),
        Field(
            "virtual_node_pool_cycling_details",
            type="dict",
            change=Change.UPDATE,
            fields=(
                Field("is_virtual_node_cycling_enabled", type="bool"),
                Field("maximum_surge"),
                Field("maximum_unavailable"),
            ),
        ),
    ),
)
