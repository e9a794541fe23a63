# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters, virtual node pools and add-ons (SDK package ``container_engine``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import to_document
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    TAGS,
    Call,
    Change,
    Deletion,
    Document,
    Field,
    ResourceType,
    States,
    caseless,
    is_unknown,
)

CLIENT = "container_engine.ContainerEngineClient"
_STATES = States(
    ready=("ACTIVE",), failed=("FAILED",), gone=("DELETED",), going=("DELETING",), busy=("CREATING", "UPDATING")
)
_NOT_REVIVED = {"revive": "its deletion is not set for later"}
_KEY_VALUE = (Field("key", required=True), Field("value"))


# --- what a region offers ----------------------------------------------------------------------------------------


def _versions(session: Any, document: Document) -> list[str] | None:
    """The versions of Kubernetes: for a cluster that is there, those it can be upgraded to."""
    cluster_id = None
    if document.get("id") and document.get("lifecycle_state") != "FAILED":
        if upgrades := document.get("available_kubernetes_upgrades"):
            return list(upgrades)
        cluster_id = document["id"]  # it shows none: its options tell whether there are

    def ask() -> list[str]:
        client = session.client(CLIENT)
        answer = session.call(client, "get_cluster_options", cluster_id or "all", should_list_all_patch_versions=True)
        return list(answer.data.kubernetes_versions or [])

    offered: list[str] = session.remembered(("kubernetes versions", cluster_id), ask)
    return offered


def _one_for_each_domain(rows: list[Any]) -> list[Any]:
    """Placements as OKE keeps them: one of an availability domain and subnet, with all its fault domains. One that
    names none means all of them."""
    kept: dict[str, Any] = {}
    for row in rows:
        if not isinstance(row, Mapping):
            return rows
        named = dict(row)
        place = json.dumps([caseless(named.get("availability_domain")), named.get("subnet_id")])
        domains = named.get("fault_domain") or []
        if place not in kept:
            kept[place] = named
            continue
        there = kept[place].get("fault_domain") or []
        kept[place]["fault_domain"] = [*there, *(d for d in domains if d not in there)] if there and domains else []
    return list(kept.values())


def _pod_shapes(session: Any, document: Document) -> list[str] | None:
    compartment_id = document.get("compartment_id")
    if not compartment_id or is_unknown(compartment_id):
        return None

    def ask() -> list[str]:
        return [str(row["name"]) for row in session.rows(session.client(CLIENT), "list_pod_shapes", compartment_id)]

    names: list[str] = session.remembered(("pod shapes", compartment_id), ask)
    return names


def addon_options(session: Any, version: str) -> dict[str, list[str]]:
    """The add-ons that are offered for a version of Kubernetes, each with its versions. Raises CloudError."""
    rows = session.rows(session.client(CLIENT), "list_addon_options", version, should_show_all_versions=True)
    return {str(row["name"]): [str(v["version_number"]) for v in row.get("versions") or []] for row in rows}


def _addons_for(session: Any, document: Document) -> dict[str, list[str]] | None:
    """The add-ons for the cluster's version of Kubernetes, each with its versions."""
    cluster_id = document.get("cluster_id")
    if not cluster_id or is_unknown(cluster_id):
        return None

    def ask() -> dict[str, list[str]]:
        cluster = to_document(session.call(session.client(CLIENT), "get_cluster", cluster_id).data)
        return addon_options(session, cluster["kubernetes_version"])

    found: dict[str, list[str]] = session.remembered(("add-ons", cluster_id), ask)
    return found


def _addon_names(session: Any, document: Document) -> list[str] | None:
    found = _addons_for(session, document)
    return None if found is None else sorted(found)


def _addon_versions(session: Any, document: Document) -> list[str] | None:
    found = _addons_for(session, document)
    return None if found is None else found.get(str(document.get("addon_name")))


# --- clusters ----------------------------------------------------------------------------------------------------


def _never_down(before: Any, after: Any) -> str | None:
    if not before or is_unknown(after) or release(after) >= release(before):
        return None
    return "a control plane goes to newer versions only"


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version: (1, 36, 1) of `v1.36.1`."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def series(version: Any) -> bool:
    """Whether a version names a minor release only, as `v1.36` does."""
    return isinstance(version, str) and len(release(version)) == 2


def newest(offered: Iterable[str], wanted: str | None = None) -> str | None:
    """The newest version, of the series that is wanted; None where there is none."""
    found = [version for version in offered if wanted is None or release(version)[:2] == release(wanted)]
    return max(found, key=release, default=None)


def _chosen_version(session: Any, observed: Document, given: Any) -> str | None:
    """No version means the newest for a new cluster and any for one that is there, a series the newest of it unless the
    cluster has one of it."""
    there = observed.get("kubernetes_version") if observed.get("lifecycle_state") != "FAILED" else None
    if given and not series(given):
        return None
    if there and (not given or release(there)[:2] == release(given)):
        return str(there) if given else None
    if there and release(given) < release(there):
        return None  # back to an older one: refused
    return newest(_versions(session, observed) or (), given or None)


def _never_basic(before: Any, after: Any) -> str | None:
    if (before, after) == ("ENHANCED_CLUSTER", "BASIC_CLUSTER"):
        return "an enhanced cluster does not become a basic one again"
    return None


_ENDPOINT = ("nsg_ids", "is_public_ip_enabled", "security_attributes")


def _endpoint_steps(before: Any, after: Any, observed: Document) -> list[Call]:
    """The endpoint has an operation of its own, and its subnet stays."""
    del observed
    body = {k: after[k] for k in _ENDPOINT if k in after and after[k] != (before or {}).get(k)}
    return [Call("update_cluster_endpoint_config", body, guarded=True)]


_ENDPOINT_KINDS = {"public_endpoint": "public", "private_endpoint": "private", "vcn_hostname_endpoint": "hostname"}


def _endpoints(cluster: Mapping[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    for field, kind in _ENDPOINT_KINDS.items():
        host, _colon, port = str((cluster.get("endpoints") or {}).get(field) or "").rpartition(":")
        yield kind, host, int(port or 0)


OKE_CLUSTER = ResourceType(
    name="oke_cluster",
    noun="cluster",
    client=CLIENT,
    work_requests=CLIENT,
    work_requests_by_compartment=True,
    name_field="name",
    name_filter="name",
    list_complete=False,
    lacks={"move": "there is no ChangeClusterCompartment", **_NOT_REVIVED},
    states=_STATES,
    answers_at=_endpoints,
    wait_timeout=3600,
    granted=("kms_key_id",),  # Oracle's page: the policy must be there before the cluster is
    fields=(
        Field("vcn_id", change=Change.REPLACE, required=True, reference="vcn"),
        Field("kubernetes_version", required=True, choose=_chosen_version, refusal=_never_down, among=_versions),
        Field("type", choices=("BASIC_CLUSTER", "ENHANCED_CLUSTER"), refusal=_never_basic),
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
                Field("security_attributes", type="dict"),
            ),
        ),
        Field(
            "image_policy_config",
            type="dict",
            fields=(
                Field("is_policy_enabled", type="bool"),
                Field(
                    "key_details", type="list", elements="dict", fields=(Field("kms_key_id", reference="vault_key"),)
                ),
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
                Field(
                    "service_lb_subnet_ids",
                    type="list",
                    elements="str",
                    change=Change.REPLACE,
                    on_update=False,
                    reference="subnet",
                ),
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
                        *TAGS,
                        Field("backend_nsg_ids", type="list", elements="str", reference="network_security_group"),
                    ),
                ),
                Field("persistent_volume_config", type="dict", fields=TAGS),
                Field(
                    "open_id_connect_discovery",
                    type="dict",
                    fields=(Field("is_open_id_connect_discovery_enabled", type="bool"),),
                ),
                Field(
                    "open_id_connect_token_authentication_config",
                    type="dict",
                    fields=(
                        Field("is_open_id_connect_auth_enabled", type="bool", required=True),
                        Field("issuer_url"),
                        Field("client_id"),
                        Field("username_claim"),
                        Field("username_prefix"),
                        Field("groups_claim"),
                        Field("groups_prefix"),
                        Field("required_claims", type="list", elements="dict", fields=_KEY_VALUE),
                        Field("ca_certificate"),
                        Field("signing_algorithms", type="list", elements="str"),
                    ),
                ),
            ),
        ),
    ),
    unmanaged={
        "options.ip_families": "virtual nodes have IPv4 only, which is the service's default",
        "options.add_ons": "the dashboard and Tiller of old: add-ons are oke_addon's",
        "options.admission_controller_options": "pod security policies, which Kubernetes 1.25 dropped",
        "options.open_id_connect_token_authentication_config.configuration_file": (
            "another form of the fields beside it, which get hides"
        ),
    },
)


def _cluster_changes(session: Any, desired: Document) -> str | None:
    """A cluster that is made or changed refuses what is asked of its pools and add-ons until it is ACTIVE again."""
    cluster_id = desired.get("cluster_id")
    if not cluster_id or is_unknown(cluster_id):
        return None
    state = session.call(session.client(CLIENT), "get_cluster", cluster_id).data.lifecycle_state
    return f"its cluster is {state}" if state in _STATES.busy else None


# --- virtual node pools ------------------------------------------------------------------------------------------


def _nodes_active(session: Any, document: Document) -> str | None:
    """A pool is usable when its nodes are: the pool itself is ACTIVE before them."""
    nodes = session.rows(session.client(CLIENT), "list_virtual_nodes", document["id"])
    faults = [f"{n['display_name']}: {n['virtual_node_error']}" for n in nodes if n.get("virtual_node_error")]
    active = sum(1 for n in nodes if n["lifecycle_state"] == "ACTIVE")
    if active >= (document.get("size") or 0):
        return None
    return f"{active} of {document.get('size')} virtual nodes ACTIVE" + (f" ({'; '.join(faults)})" if faults else "")


_DURATION = re.compile(r"PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?\Z")


def _pool_problems(options: Document) -> Iterable[str]:
    if len(options.get("nsg_ids") or []) > 5:
        yield "nsg_ids: the service takes at most 5"
    if len((options.get("pod_configuration") or {}).get("nsg_ids") or []) > 5:
        yield "pod_configuration.nsg_ids: the service takes at most 5"
    details = options.get("virtual_node_pool_cycling_details") or {}
    for name in ("maximum_surge", "maximum_unavailable"):
        text = details.get(name)
        if text is not None and not is_unknown(text) and not re.fullmatch(r"\d+|(\d{1,2}|100)%", text):
            yield f"virtual_node_pool_cycling_details.{name}: {text!r} is neither a number nor a percentage up to 100%"
    if details.get("is_virtual_node_cycling_enabled") and _nothing(details, "maximum_surge", "maximum_unavailable"):
        yield "virtual_node_pool_cycling_details: with no node more and none fewer no node can be replaced"
    grace = options.get("eviction_grace_duration")
    if grace is not None and not is_unknown(grace) and _minutes(grace) is None:
        yield f"eviction_grace_duration: {grace!r} is not a duration from PT0M to PT60M"


def _nothing(details: Document, surge: str, unavailable: str) -> bool:
    """Whether both limits are zero; unless given they are 1 and 0."""
    return details.get(surge) in ("0", "0%") and details.get(unavailable) in (None, "0", "0%")


def _minutes(text: str) -> float | None:
    """An ISO 8601 duration in minutes; None where it is not one, or longer than the service takes."""
    match = _DURATION.match(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 60 + minutes + seconds / 60
    return total if total <= 60 else None


VIRTUAL_NODE_POOL = ResourceType(
    name="virtual_node_pool",
    client=CLIENT,
    work_requests=CLIENT,
    work_requests_by_compartment=True,
    parent="cluster_id",
    name_filter="name",
    list_complete=False,
    lacks={"move": "it stays with its cluster", **_NOT_REVIVED},
    states=replace(_STATES, resting=("NEEDS_ATTENTION",)),
    held=_cluster_changes,
    ignored_updates=("nsg_ids", "freeform_tags", "defined_tags"),
    noted_in="virtual_node_tags",
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
            whole=_one_for_each_domain,
            fields=(
                Field("availability_domain", canonical=caseless, required=True),
                Field("fault_domain", type="list", elements="str"),
                Field("subnet_id", required=True, reference="subnet"),
            ),
        ),
        Field(
            "pod_configuration",
            type="dict",
            required=True,
            fields=(
                Field("subnet_id", required=True, reference="subnet"),
                Field("shape", change=Change.REPLACE, required=True, among=_pod_shapes),
                Field("nsg_ids", type="list", elements="str", reference="network_security_group"),
            ),
        ),
        Field("nsg_ids", type="list", elements="str", reference="network_security_group"),
        Field("initial_virtual_node_labels", type="list", elements="dict", fields=_KEY_VALUE),
        Field("taints", type="list", elements="dict", fields=(*_KEY_VALUE, Field("effect", required=True))),
        Field("virtual_node_tags", type="dict", fields=TAGS),
        Field(
            "virtual_node_pool_cycling_details",
            type="dict",
            change=Change.WITH,
            fields=(
                Field("is_virtual_node_cycling_enabled", type="bool"),
                Field("maximum_surge"),
                Field("maximum_unavailable"),
            ),
        ),
    ),
)


# --- add-ons -----------------------------------------------------------------------------------------------------


def _json_text(value: Any) -> Any:
    """JSON without regard to how it is spaced and in which order its keys are; other text as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.dumps(json.loads(value), sort_keys=True)
    except ValueError:
        return value


def _addon_fault(session: Any, document: Document) -> str | None:
    """An add-on that NEEDS_ATTENTION is installed but does not do its work (it has no node to run on, say)."""
    del session
    fault = document.get("addon_error") or {}
    if document.get("lifecycle_state") != "NEEDS_ATTENTION" or not fault:
        return None
    return f"NEEDS_ATTENTION: {fault.get('code')}: {fault.get('message')}"


OKE_ADDON = ResourceType(
    name="oke_addon",
    noun="addon",
    client=CLIENT,
    work_requests=CLIENT,
    work_requests_by_compartment=True,
    address=("cluster_id", "addon_name"),
    scope=(),
    name_field="addon_name",
    name_filter=None,
    list_complete=False,
    create="install_addon",
    lacks={
        "move": "it belongs to its cluster",
        "tags": "it has none",
        "rename": "its name says what it is",
        "twins": "a cluster has an add-on once",
        **_NOT_REVIVED,
    },
    states=replace(_STATES, resting=("NEEDS_ATTENTION",)),
    held=_cluster_changes,
    usable=_addon_fault,
    deletion=Deletion("disable_addon", options={"is_remove_existing_add_on": "is_remove_existing_add_on"}),
    extra_options={"is_remove_existing_add_on": {"type": "bool", "default": True}},
    fields=(
        Field("cluster_id", change=Change.REPLACE, required=True, reference="oke_cluster", on_create=False),
        Field("addon_name", change=Change.REPLACE, required=True, read="name", among=_addon_names),
        Field("version", among=_addon_versions),
        Field(
            "configurations",
            type="list",
            elements="dict",
            fields=(Field("key", required=True), Field("value", required=True, canonical=_json_text)),
        ),
        Field("is_override_existing", type="bool", change=Change.ONCE),
    ),
)
