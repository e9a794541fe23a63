# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there, made by whom and whatever, as an inventory of the site's roles.

Looking is one list a type (``info.survey``), then what a list does not show. Writing is pure (``inventory``): what the
roles have variables for goes into files, what they have none for is noted and stays as it is: they do not send it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError, ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.info import Listing, survey
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    COMPONENT,
    DEPLOYMENT,
    Change,
    Document,
    Field,
    ResourceType,
    canonical,
    declared,
    reference_of,
)
from ansible_collections.okestack.oci.plugins.module_utils.parallel import side_by_side
from ansible_collections.okestack.oci.plugins.module_utils.plan import SERVICE_TAGS
from ansible_collections.okestack.oci.plugins.module_utils.role_options import deployment
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, Task
from ansible_collections.okestack.oci.plugins.module_utils.types import (
    kubernetes_engine,
    mysql,
    network,
    registry,
    vault,
)
from ansible_collections.okestack.oci.plugins.module_utils.virtual_network import GATEWAYS, PARTS

try:
    import yaml
except ImportError:  # ansible's own requirement; absent only where imports are checked
    yaml = None  # type: ignore[assignment]

UNHELD, MISSING, CHOICE, UNKNOWN = "unheld", "missing", "choice", "unknown"
KINDS = (UNHELD, MISSING, CHOICE, UNKNOWN)
SITE: tuple[ResourceType, ...] = (
    network.VCN,
    *PARTS.values(),
    vault.VAULT,
    vault.VAULT_KEY,
    vault.VAULT_SECRET,
    mysql.MYSQL_DB_SYSTEM,
    kubernetes_engine.OKE_CLUSTER,
    kubernetes_engine.VIRTUAL_NODE_POOL,
    registry.CONTAINER_REPOSITORY,
)
GIVEN = {
    "vcn": network.VCN,
    "vault": vault.VAULT,
    "mysqldbsystem": mysql.MYSQL_DB_SYSTEM,
    "cluster": kubernetes_engine.OKE_CLUSTER,
    "virtualnodepool": kubernetes_engine.VIRTUAL_NODE_POOL,
}
"""The word in an OCID -> the type of which one can be given."""
_NOT_DECLARED = ("set by the service", "deprecated by the service")
_ALWAYS = ("lifetime", "encapsulation_protocol", "source", "route_rules.route_type", "ipv4_cidr_blocks")
"""Unmanaged fields that every resource shows and that say nothing of it."""
_NOT_CARRIED = (Change.ONCE, Change.WITH)
SECRETS = {"mysql-admin": ("admin", "root"), "mysql-app": ("app", "user")}
"""What the site calls its two secrets, and the words in others' names by which they are taken for them."""
UNMARKED = ("{{", "{%", "{#")
"""What Ansible would take for a template."""


@dataclass(frozen=True)
class Note:
    """Something that the inventory does not say: ``unheld`` (it stays as it is), ``missing`` (site.yml makes it),
    ``choice`` (a person has to say it), ``unknown`` (it could not be looked at)."""

    kind: str
    type: str
    name: str
    id: str | None = None
    what: str = ""

    def document(self) -> Document:
        return dict(vars(self))


@dataclass(frozen=True)
class Found:
    """A site as it is. ``twins``: ids of resources that share type, name and place with another."""

    vcn: Document | None = None
    parts: Mapping[str, Sequence[Document]] = field(default_factory=dict)  # option of virtual_network -> its documents
    vault: Document | None = None
    key: Document | None = None
    secrets: Sequence[Document] = ()
    db_system: Document | None = None
    cluster: Document | None = None
    pool: Document | None = None
    addons: Sequence[Document] = ()
    repositories: Sequence[Document] = ()
    twins: frozenset[str] = frozenset()


Files = dict[str, Document]
"""File below ``group_vars/all``, without its ending -> its variables."""


# --- writing: pure -----------------------------------------------------------------------------------------------


def inventory(found: Found, settings: Mapping[str, Any], chosen: Mapping[str, str]) -> tuple[Files, list[Note]]:
    """The variables of an inventory for a site, and what they leave unsaid.

    ``settings``: what the inventory says that is used now (deployment, region, how to sign in, the application).
    ``chosen``: the site's name of a secret -> the secret's name, where a person said it.
    """
    notes: list[Note] = []
    tags = {DEPLOYMENT: settings["okestack_deployment"]}
    files = {
        "main": _main(found, settings),
        "network": _network(found, settings, notes),
        "vault": _vault(found, tags, chosen, notes),
        "database": _database(found, tags, notes),
        "cluster": _cluster(found, tags, notes),
        "application": _application(found, settings, notes),
    }
    return {name: variables for name, variables in files.items() if variables}, notes


def held(fields: Iterable[Field], document: Mapping[str, Any]) -> Document:
    """A resource as a declaration of it: without what is secret, empty, or the service's own."""
    made: Document = {}
    for one in fields:
        value = declared(one, document.get(one.read or one.name))
        if one.secret or one.change in _NOT_CARRIED or value is None:
            continue
        rules = one.type == "list" and one.elements == "dict"  # declarative: none is said too
        if rules or canonical(one, value) is not None:
            made[one.name] = value
    return made


def left_alone(type_: ResourceType, document: Mapping[str, Any], said: Iterable[str]) -> Iterator[str]:
    """Fields of a resource that hold something and that a role has no variable for, with what they hold."""
    known = {*said, type_.name_field, "id", *type_.scope, type_.parent or "", *type_.address, "freeform_tags"}
    for one in type_.all_fields:
        value = declared(one, document.get(one.read or one.name))
        if one.name in known or one.secret or one.change in _NOT_CARRIED or canonical(one, value) is None:
            continue
        if one.name == "defined_tags" and not _defined(document):
            continue
        if _says(value):
            yield f"{one.name} {_shown(value)}"
    for path, why in type_.unmanaged.items():
        value = _dug(document, path.split("."))
        if value and path not in _ALWAYS and not why.startswith(_NOT_DECLARED):
            yield f"{path} {_shown(value)}"
    blocks = document.get("ipv4_cidr_blocks") or []
    if type_ is network.SUBNET and len(blocks) > 1:
        yield f"ipv4_cidr_blocks {_shown(blocks)}"


def _dug(value: Any, path: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [v for v in (_dug(row, path) for row in value) if v]
    if not path:
        return value
    return _dug(value.get(path[0]), path[1:]) if isinstance(value, Mapping) else None


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _defined(document: Mapping[str, Any]) -> Document:
    return {k: v for k, v in (document.get("defined_tags") or {}).items() if k != SERVICE_TAGS}


def _unheld(notes: list[Note], type_: ResourceType, document: Mapping[str, Any], *said: str) -> None:
    left = list(left_alone(type_, document, said))
    if left:
        name = str(document.get(type_.name_field))
        notes.append(Note(UNHELD, type_.name, name, document.get("id"), "; ".join(left)))


def _missing(notes: list[Note], type_: ResourceType) -> None:
    notes.append(Note(MISSING, type_.name, "", None, "none is there: site.yml makes it"))


def _main(found: Found, settings: Mapping[str, Any]) -> Document:
    made = {k: v for k, v in settings.items() if k.startswith("okestack_") and v not in (None, "")}
    system, pool = found.db_system or {}, found.pool or {}
    places = [system.get("availability_domain")]
    places += [row.get("availability_domain") for row in pool.get("placement_configurations") or []]
    domain = next((place for place in places if place), made.get("okestack_availability_domain"))
    return {**made, "okestack_availability_domain": domain or "<name of an availability domain>"}


def _placed(name: str, document: Mapping[str, Any] | None) -> Document:
    """The compartment of a role's resources: each role has its own."""
    return {f"{name}_compartment_id": document["compartment_id"]} if document else {}


def _told_apart(found: Found, variable: str, document: Mapping[str, Any] | None) -> Document:
    """The OCID, only where the name alone does not tell which it is."""
    return {variable: document["id"]} if document and document["id"] in found.twins else {}


# --- the network


def _network(found: Found, settings: Mapping[str, Any], notes: list[Note]) -> Document:
    vcn = found.vcn
    made: Document = {}
    if vcn is None:
        _missing(notes, network.VCN)
        for name in ("network_api_client_cidrs", "network_lb_client_cidrs"):
            made[name] = settings.get(name) or ["<a CIDR block>"]
        return made
    blocks = vcn.get("cidr_blocks") or []
    purposes = _purposes(found)
    documents = {d["id"]: d for d in found.parts.get("subnets", ())}
    placed = {role: documents[id_] for role, id_ in purposes.items() if id_ in documents}
    made = {
        **_placed("network", vcn),
        "network_name": vcn["display_name"],
        "network_cidr_blocks": blocks,
        "network_api_client_cidrs": _clients(found, (found.cluster or {}).get("endpoint_config"), {6443}) or blocks,
        "network_lb_client_cidrs": _clients(found, {"subnet_id": purposes.get("lb")}, {80, 443}) or blocks,
        "network_subnet_names": {role: d["display_name"] for role, d in placed.items()},
    }
    if len(placed) == len(_ROLES):
        made["network_subnet_cidrs"] = {role: placed[role]["cidr_block"] for role in _ROLES}
    made["network_declared"] = declaration(found, notes)
    return made


_ROLES = ("api", "lb", "mysql", "nodes", "pods")


def _purposes(found: Found) -> dict[str, str]:
    """What the site's subnets are for -> their OCIDs."""
    cluster, pool, system = found.cluster or {}, found.pool or {}, found.db_system or {}
    balancers = (cluster.get("options") or {}).get("service_lb_subnet_ids") or []
    places = pool.get("placement_configurations") or []
    known = {
        "api": (cluster.get("endpoint_config") or {}).get("subnet_id"),
        "lb": balancers[0] if balancers else None,
        "mysql": system.get("subnet_id"),
        "nodes": places[0].get("subnet_id") if places else None,
        "pods": (pool.get("pod_configuration") or {}).get("subnet_id"),
    }
    return {role: id_ for role, id_ in known.items() if id_}


def _clients(found: Found, place: Mapping[str, Any] | None, ports: set[int]) -> list[str]:
    """The CIDR blocks from which rules of a place let in traffic to one of the ports."""
    place = place or {}
    groups = {d["id"]: d for d in found.parts.get("network_security_groups", ())}
    subnets = {d["id"]: d for d in found.parts.get("subnets", ())}
    lists = {d["id"]: d for d in found.parts.get("security_lists", ())}
    rules: list[Mapping[str, Any]] = []
    for id_ in place.get("nsg_ids") or []:
        rules += [r for r in groups.get(id_, {}).get("security_rules") or [] if r.get("direction") == "INGRESS"]
    for id_ in subnets.get(str(place.get("subnet_id")), {}).get("security_list_ids") or []:
        rules += lists.get(id_, {}).get("ingress_security_rules") or []
    open_ = [r for r in rules if (r.get("source_type") or "CIDR_BLOCK") == "CIDR_BLOCK" and _lets_in(r, ports)]
    return list(dict.fromkeys(str(r["source"]) for r in open_ if r.get("source")))


def _lets_in(rule: Mapping[str, Any], ports: set[int]) -> bool:
    if rule.get("protocol") not in ("6", "all"):
        return False
    span = (rule.get("tcp_options") or {}).get("destination_port_range")
    return not span or any(span["min"] <= port <= span["max"] for port in ports)


def declaration(found: Found, notes: list[Note]) -> Document:
    """A network as ``virtual_network`` takes it. Parts name each other where that is clear, and by OCID elsewhere."""
    vcn = found.vcn or {}
    names = _names(found)
    made: Document = {"vcn": _item(network.VCN, vcn, found, names, notes)}
    for option, type_ in PARTS.items():
        rows = found.parts.get(option, ())
        items = []
        for document in rows:
            if document["id"] == vcn.get("default_security_list_id"):
                rules = _item(type_, document, found, names, notes)
                made["default_security_list"] = {
                    name: rules.get(name, []) for name in ("ingress_security_rules", "egress_security_rules")
                }
                continue
            items.append(_item(type_, document, found, names, notes))
        if items:
            made[option] = items
    return made


def _item(
    type_: ResourceType,
    document: Mapping[str, Any],
    found: Found,
    names: Mapping[str, str],
    notes: list[Note],
) -> Document:
    item = held(type_.all_fields, document)
    for name in ("compartment_id", "vcn_id"):
        item.pop(name, None)
    if type_ is network.SUBNET and item.get("prohibit_internet_ingress") == item.get("prohibit_public_ip_on_vnic"):
        item.pop("prohibit_internet_ingress", None)  # two words of the service for one thing
    if (
        type_ is network.PUBLIC_IP
        and document.get("private_ip_id")
        and document.get("assigned_entity_type") == "NAT_GATEWAY"
    ):
        item.pop("private_ip_id", None)
    if type_ is network.CAPTURE_FILTER:
        other = "flow_log" if item.get("filter_type") == "VTAP" else "vtap"
        item.pop(f"{other}_capture_filter_rules", None)
    item["defined_tags"] = _defined(document)
    if not item["defined_tags"]:
        del item["defined_tags"]
    gateways = (PARTS[option] for option in GATEWAYS)
    if type_ not in gateways:  # a gateway's table has rules that name the gateway: that would go round in a circle
        item = _by_name(type_.all_fields, item, names)
    _unheld(notes, type_, document, *(f.name for f in type_.all_fields))
    apart = {"id": document["id"]} if document["id"] in found.twins else {}
    return {**apart, "display_name": item.pop("display_name", ""), **item}


def _names(found: Found) -> dict[str, str]:
    """OCID -> the name by which parts may name it: only what no other is called, in the declaration."""
    default = (found.vcn or {}).get("default_security_list_id")
    rows = [(o, d) for o in PARTS for d in found.parts.get(o, ()) if d["id"] != default]
    groups = {o: "gateway" if o in GATEWAYS else o for o in PARTS}
    counts = Counter((groups[o], d.get("display_name")) for o, d in rows)
    return {
        d["id"]: d["display_name"]
        for o, d in rows
        if counts[groups[o], d.get("display_name")] == 1 and not str(d["display_name"]).startswith("ocid")
        if d["display_name"]
    }


def _by_name(fields: Sequence[Field], value: Document, names: Mapping[str, str]) -> Document:
    """A copy in which OCIDs of parts of the declaration are their names."""
    made = dict(value)
    for one in fields:
        inner = value.get(one.name)
        kind = reference_of(one, value)
        if isinstance(inner, list):
            made[one.name] = [
                _by_name(one.fields, dict(row), names)
                if isinstance(row, Mapping)
                else names.get(row, row)
                if kind
                else row
                for row in inner
            ]
        elif isinstance(inner, Mapping) and one.fields:
            made[one.name] = _by_name(one.fields, dict(inner), names)
        elif kind and isinstance(inner, str):
            made[one.name] = names.get(inner, inner)
    return made


# --- vault, database, cluster, application


def _tagged(document: Mapping[str, Any], tags: Mapping[str, str], component: str) -> Document:
    return {**(document.get("freeform_tags") or {}), **tags, COMPONENT: component}


def _vault(found: Found, tags: Mapping[str, str], chosen: Mapping[str, str], notes: list[Note]) -> Document:
    box, key = found.vault, found.key
    if box is None:
        _missing(notes, vault.VAULT)
        return {}
    made = {
        **_placed("vault_secret", box),
        "vault_secret_name": box["display_name"],
        **_told_apart(found, "vault_secret_vault_id", box),
        "vault_secret_vault_type": box.get("vault_type"),
    }
    _unheld(notes, vault.VAULT, box, "vault_type")
    if key is None:
        _missing(notes, vault.VAULT_KEY)
    else:
        shape = held(vault.VAULT_KEY.all_fields, key)
        made |= {
            "vault_secret_key_name": key["display_name"],
            **_told_apart(found, "vault_secret_key_id", key),
            "vault_secret_key_shape": shape.get("key_shape"),
            "vault_secret_key_protection_mode": key.get("protection_mode"),
        }
        _unheld(notes, vault.VAULT_KEY, key, "key_shape", "protection_mode")
    purposes = _purposes_of_secrets(found.secrets, chosen, notes)
    made["vault_secret_secrets"] = [_secret(d, purposes[d["secret_name"]], key, notes) for d in found.secrets] + [
        {"name": name} for name in SECRETS if name not in purposes.values()
    ]
    made["vault_secret_freeform_tags"] = {**tags, COMPONENT: "vault"}
    return made


def _purposes_of_secrets(secrets: Sequence[Document], chosen: Mapping[str, str], notes: list[Note]) -> dict[str, str]:
    """The name of each secret -> what the site calls it. Raises ResourceError where one chosen is not there."""
    names = [str(d["secret_name"]) for d in secrets]
    found: dict[str, str] = {}
    for purpose, name in chosen.items():
        if name not in names:
            raise ResourceError(
                f"secrets.{purpose}: there is no secret {name!r} in the vault; it has {', '.join(names)}"
            )
        found[name] = purpose
    for purpose, words in SECRETS.items():
        if purpose in found.values():
            continue
        fitting = [n for n in names if n not in found and (n.endswith(purpose) or any(w in n.lower() for w in words))]
        best = [n for n in fitting if n.endswith(purpose)] or fitting
        if len(best) == 1:
            found[best[0]] = purpose
            if not best[0].endswith(purpose):
                notes.append(
                    Note(CHOICE, "vault_secret", best[0], None, f"taken for the site's {purpose}, by its name")
                )
        elif names:
            what = f"which secret is the site's {purpose}? Say -e adopt_secrets; without, site.yml makes a new one"
            notes.append(Note(CHOICE, "vault_secret", purpose, None, what))
    return {name: found.get(name, name) for name in names}


def _secret(document: Document, name: str, key: Mapping[str, Any] | None, notes: list[Note]) -> Document:
    shown = held(vault.VAULT_SECRET.all_fields, document)
    made: Document = {"name": name, "secret_name": document["secret_name"]}
    for variable in ("description", "secret_rules"):
        if shown.get(variable):
            made[variable] = shown[variable]
    if not key or document.get("key_id") != key["id"]:
        made["key_id"] = document["key_id"]
    made["is_generated"] = bool(document.get("is_auto_generation_enabled"))
    if made["is_generated"] and shown.get("secret_generation_context"):
        made["secret_generation_context"] = shown["secret_generation_context"]
    said = ("vault_id", "key_id", "description", "secret_rules", "enable_auto_generation", "current_version_number")
    _unheld(notes, vault.VAULT_SECRET, document, *said, "secret_generation_context")
    return made


_SYSTEM = (
    "shape_name", "mysql_version", "data_storage_size_in_gbs", "data_storage", "is_highly_available",
    "secure_connections", "backup_policy", "maintenance", "deletion_policy", "customer_contacts",
)  # fmt: skip
"""Fields of a DB system that have a variable of their name."""


def _database(found: Found, tags: Mapping[str, str], notes: list[Note]) -> Document:
    system = found.db_system
    if system is None:
        _missing(notes, mysql.MYSQL_DB_SYSTEM)
        return {}
    shown = held(mysql.MYSQL_DB_SYSTEM.all_fields, system)
    administrator = mysql.Administrator.of(system.get("_administrator"))
    made = {
        **_placed("mysql", system),
        "mysql_name": system["display_name"],
        **_told_apart(found, "mysql_db_system_id", system),
        "mysql_subnet_id": system["subnet_id"],
        "mysql_nsg_ids": system.get("nsg_ids") or [],
        "mysql_network_policy": "assumed",
        "mysql_availability_domain": system.get("availability_domain"),
        "mysql_hostname_label": system.get("hostname_label") or "",
        "mysql_admin_password_secret_id": administrator.secret_id,
        **({"mysql_admin_username": administrator.name} if administrator.name else {}),
    }
    if not administrator.name:
        what = "the service does not tell the administrator's name: say mysql_admin_username where it is not admin"
        notes.append(Note(CHOICE, "mysql_db_system", system["display_name"], system["id"], what))
    fixed = shown.get("shape_name") == "MySQL.Free"
    for one in _SYSTEM:
        variable = one if one.startswith("mysql_") else f"mysql_{one}"
        if one in shown and not (fixed and one in ("backup_policy", "is_highly_available")):
            made[variable] = shown[one]
    made |= _heatwave(system)
    made["mysql_freeform_tags"] = _tagged(system, tags, "mysql")
    said = (
        "subnet_id",
        "nsg_ids",
        "availability_domain",
        "hostname_label",
        "admin_username",
        "admin_password_secret_id",
    )
    _unheld(notes, mysql.MYSQL_DB_SYSTEM, system, *_SYSTEM, *said)
    return made


def _heatwave(system: Mapping[str, Any]) -> Document:
    cluster = system.get("heat_wave_cluster") or {}
    if cluster.get("lifecycle_state") not in ("ACTIVE", "INACTIVE"):
        return {}
    fields = ("shape_name", "cluster_size", "is_lakehouse_enabled")
    return {"mysql_heatwave": {n: cluster[n] for n in fields if cluster.get(n) is not None}}


def _cluster(found: Found, tags: Mapping[str, str], notes: list[Note]) -> Document:
    cluster, pool = found.cluster, found.pool
    if cluster is None:
        _missing(notes, kubernetes_engine.OKE_CLUSTER)
        return {}
    endpoint, options = cluster.get("endpoint_config") or {}, cluster.get("options") or {}
    made = {
        **_placed("oke_virtual_pool", cluster),
        "oke_virtual_pool_name": cluster["name"],
        **_told_apart(found, "oke_virtual_pool_cluster_id", cluster),
        "oke_virtual_pool_tenancy_policy": "assumed",
        "oke_virtual_pool_key_policy": "assumed",
        "oke_virtual_pool_kubernetes_version": cluster.get("kubernetes_version"),
        "oke_virtual_pool_vcn_id": cluster["vcn_id"],
        "oke_virtual_pool_endpoint_subnet_id": endpoint.get("subnet_id"),
        "oke_virtual_pool_endpoint_nsg_ids": endpoint.get("nsg_ids") or [],
        "oke_virtual_pool_endpoint_is_public": bool(endpoint.get("is_public_ip_enabled")),
        "oke_virtual_pool_load_balancer_subnet_ids": options.get("service_lb_subnet_ids") or [],
        "oke_virtual_pool_services_cidr": (options.get("kubernetes_network_config") or {}).get("services_cidr"),
        "oke_virtual_pool_kms_key_id": cluster.get("kms_key_id") or "",
    }
    if cluster.get("type") != "ENHANCED_CLUSTER":
        what = "type BASIC_CLUSTER: virtual nodes need an enhanced one, which site.yml makes of it"
        notes.append(Note(CHOICE, "oke_cluster", cluster["name"], cluster["id"], what))
    said = ("vcn_id", "kubernetes_version", "type", "kms_key_id", "cluster_pod_network_options")
    rest = {**cluster, "endpoint_config": {k: v for k, v in endpoint.items() if k == "security_attributes"}}
    rest["options"] = {
        k: v
        for k, v in held(kubernetes_engine.OKE_CLUSTER.all_fields, cluster).get("options", {}).items()
        if k not in ("service_lb_subnet_ids", "kubernetes_network_config") and _says(v)
    }
    _unheld(notes, kubernetes_engine.OKE_CLUSTER, rest, *said)
    if pool is None:
        _missing(notes, kubernetes_engine.VIRTUAL_NODE_POOL)
    else:
        made |= _pool(found, pool, notes)
    if found.addons:
        made["oke_virtual_pool_addons"] = [_addon(row) for row in found.addons]
    private = [d for d in found.repositories if not d.get("is_public")]
    made["oke_virtual_pool_repositories"] = [d["display_name"] for d in private]
    for one in found.repositories:
        if one.get("is_public"):
            what = "it is public, and the site keeps private ones"
            notes.append(Note(UNHELD, "container_repository", one["display_name"], one["id"], what))
        else:
            _unheld(notes, registry.CONTAINER_REPOSITORY, one, "is_public")
    made["oke_virtual_pool_freeform_tags"] = {**tags, COMPONENT: "oke-virtual-pool"}
    return made


def _says(value: Any) -> bool:
    """Whether there is anything in a value but nothing and no."""
    if isinstance(value, Mapping):
        return any(_says(v) for v in value.values())
    return value not in (None, False, "", [])


def _pool(found: Found, pool: Document, notes: list[Note]) -> Document:
    shown = held(kubernetes_engine.VIRTUAL_NODE_POOL.all_fields, pool)
    pods, places = shown.get("pod_configuration") or {}, shown.get("placement_configurations") or []
    first = places[0].get("subnet_id") if places else None
    said = (
        "cluster_id", "size", "placement_configurations", "pod_configuration", "nsg_ids", "initial_virtual_node_labels",
        "taints", "virtual_node_tags",
    )  # fmt: skip
    _unheld(notes, kubernetes_engine.VIRTUAL_NODE_POOL, pool, *said)
    return {
        "oke_virtual_pool_pool_name": pool["display_name"],
        **_told_apart(found, "oke_virtual_pool_pool_id", pool),
        "oke_virtual_pool_node_subnet_id": first,
        "oke_virtual_pool_node_nsg_ids": pool.get("nsg_ids") or [],
        "oke_virtual_pool_pod_subnet_id": pods.get("subnet_id"),
        "oke_virtual_pool_pod_nsg_ids": pods.get("nsg_ids") or [],
        "oke_virtual_pool_pod_shape": pods.get("shape"),
        "oke_virtual_pool_size": pool.get("size"),
        "oke_virtual_pool_placements": [
            {k: v for k, v in row.items() if k != "subnet_id" or v != first} for row in places
        ],
        "oke_virtual_pool_labels": {
            row["key"]: row.get("value") or "" for row in shown.get("initial_virtual_node_labels") or []
        },
        "oke_virtual_pool_taints": shown.get("taints") or [],
    }


def _addon(document: Mapping[str, Any]) -> Document:
    shown = held(kubernetes_engine.OKE_ADDON.all_fields, document)
    made = {"name": shown["addon_name"], "version": shown.get("version"), "configurations": shown.get("configurations")}
    return {k: v for k, v in made.items() if v}


def _application(found: Found, settings: Mapping[str, Any], notes: list[Note]) -> Document:
    made = {k: v for k, v in settings.items() if k.startswith("app_ingress_") and v not in (None, "")}
    if not made.get("app_ingress_image"):
        made["app_ingress_image"] = "<image of the application>"
        notes.append(Note(CHOICE, "application", "", None, "app_ingress_image: say which image the application is"))
    balancers = ((found.cluster or {}).get("options") or {}).get("service_lb_subnet_ids") or []
    if balancers:
        made["app_ingress_load_balancer_subnet_id"] = balancers[0]
        made["app_ingress_load_balancer_nsg_ids"] = []
        made["app_ingress_proxy_protocol_trusted_cidrs"] = [
            d["cidr_block"] for d in found.parts.get("subnets", ()) if d["id"] == balancers[0]
        ]
    return made


# --- files -------------------------------------------------------------------------------------------------------


class _Plain(str):
    """A text that Ansible must not take for a template."""


def text_of(variables: Mapping[str, Any]) -> str:
    """Variables as the text of a file. A name or a tag with braces in it stays what it is (``!unsafe``)."""

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(_Plain, lambda dumper, value: dumper.represent_scalar("!unsafe", str(value), style="'"))
    text: str = yaml.dump(_marked(variables), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{text}"


def _marked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _marked(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_marked(v) for v in value]
    if isinstance(value, str):
        return _Plain(value) if any(mark in value for mark in UNMARKED) else str(value)
    return value


HOSTS = """---
okestack:
  hosts:
    {name}:
      ansible_connection: local
      ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
"""


def table(notes: Sequence[Note], counts: Mapping[str, int]) -> list[str]:
    """What was found, then a line for each note."""
    lines = [f"found      {', '.join(f'{n} {name}' for name, n in counts.items()) or 'nothing'}"]
    for one in notes:
        id_ = f" ({one.id})" if one.id else ""
        lines.append(f"{one.kind:11}{f'{one.type} {one.name}'.strip()}{id_}{f': {one.what}' if one.what else ''}")
    return lines


# --- looking -----------------------------------------------------------------------------------------------------

Rows = Mapping[str, Sequence[Document]]
"""What lists show, by the name of the type: what lives and stays."""


def _the_one(rows: Sequence[Document], type_: ResourceType, given: set[str], wanted: Any = None) -> Document | None:
    """The one that was given, that something else is in, or that is alone. Raises ResourceError where that is open."""
    fitting = [d for d in rows if d["id"] in given] or [d for d in rows if wanted and d["id"] == wanted] or list(rows)
    if len(fitting) > 1:
        summary = ", ".join(f"{d.get(type_.name_field)} ({d['id']})" for d in fitting)
        raise ResourceError(
            f"there are {len(fitting)} of the type {type_.name}: {summary}. Give the OCID of the one in ids"
        )
    return fitting[0] if fitting else None


class SiteInventory:
    """Reads a site and gives the inventory for it."""

    name = "site_inventory"
    constraints: Mapping[str, Any] = {"required_one_of": [("compartment_ids", "ids")]}

    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return {
            "compartment_ids": {"type": "list", "elements": "str", "default": []},
            "ids": {"type": "list", "elements": "str", "default": []},
            "secrets": {"type": "dict", "default": {}, "no_log": False},
            "settings": {"type": "dict", "required": True},
        }

    def execute(self, params: Document, context: Context) -> Document:
        settings = params["settings"]
        problem = deployment(str(settings.get("okestack_deployment") or ""))
        if problem:
            raise ResourceError(f"settings.okestack_deployment: {settings.get('okestack_deployment')!r} {problem}")
        wrong = sorted(set(params["secrets"]) - set(SECRETS))
        if wrong:
            raise ResourceError(f"secrets: there is no {', '.join(wrong)}; there are {', '.join(SECRETS)}")
        look = _Look(context, params["ids"])
        found = look.site(params["compartment_ids"])
        files, notes = inventory(found, settings, params["secrets"])
        notes = [*look.notes, *notes]
        lines = table(notes, look.counts(found))
        for line in lines:
            context.report(line)
        name = str(settings["okestack_deployment"])
        texts = {f"group_vars/all/{file}.yml": text_of(variables) for file, variables in files.items()}
        return {
            "changed": False,
            "variables": {k: v for variables in files.values() for k, v in variables.items()},
            "files": [{"path": p, "content": t} for p, t in {"hosts": HOSTS.format(name=name), **texts}.items()],
            "notes": [one.document() for one in notes],
            "counts": {kind: sum(one.kind == kind for one in notes) for kind in KINDS},
            "table": lines,
        }


class _Look:
    """One look at a site."""

    def __init__(self, context: Context, ids: Sequence[str]) -> None:
        self.context, self.session, self.notes = context, context.session, list[Note]()
        self.given = set(ids)

    def site(self, compartments: Sequence[str]) -> Found:
        places = [*compartments, *(d["compartment_id"] for d in side_by_side(self._given, sorted(self.given)))]
        rows = self._rows(list(dict.fromkeys(places)))
        of = {type_.name: rows.get(type_.name, []) for type_ in SITE}
        cluster = self._chosen(kubernetes_engine.OKE_CLUSTER, of)
        pools = [d for d in of["virtual_node_pool"] if cluster and d.get("cluster_id") == cluster["id"]]
        pool = self._chosen(kubernetes_engine.VIRTUAL_NODE_POOL, {"virtual_node_pool": pools})
        system = self._chosen(mysql.MYSQL_DB_SYSTEM, of)
        subnets = {d["id"]: d for d in of["subnet"]}
        around = (cluster or {}).get("vcn_id") or subnets.get(str((system or {}).get("subnet_id")), {}).get("vcn_id")
        vcn = _the_one(of["vcn"], network.VCN, self.given, around)
        key_id = (cluster or {}).get("kms_key_id")
        boxes = {d["id"]: d["vault_id"] for d in of["vault_key"]}
        box = _the_one(of["vault"], vault.VAULT, self.given, boxes.get(str(key_id)))
        secrets, key = self._of_vault(box, of, key_id)
        return Found(
            vcn=vcn,
            parts=self._parts(vcn, of),
            vault=box,
            key=key,
            secrets=secrets,
            db_system=system,
            cluster=cluster,
            pool=pool,
            addons=self._addons(cluster),
            repositories=self._whole(registry.CONTAINER_REPOSITORY, of["container_repository"]),
            twins=frozenset(_twins(of)),
        )

    def counts(self, found: Found) -> dict[str, int]:
        single = {"vcn": found.vcn, "vault": found.vault, "vault_key": found.key, "mysql_db_system": found.db_system,
                  "oke_cluster": found.cluster, "virtual_node_pool": found.pool}  # fmt: skip
        many = {**{PARTS[o].name: rows for o, rows in found.parts.items()}, "vault_secret": found.secrets,
                "container_repository": found.repositories}  # fmt: skip
        return {n: 1 for n, d in single.items() if d} | {n: len(rows) for n, rows in many.items() if rows}

    def _given(self, id_: str) -> Document:
        """One by its OCID. Raises ResourceError where it is of no type that can be given, or not there."""
        word = id_.split(".")[1] if id_.count(".") > 1 else ""
        if word not in GIVEN:
            raise ResourceError(f"ids: {id_!r} is not an OCID of a {', '.join(t.name for t in GIVEN.values())}")
        document = Listing(self.session, GIVEN[word], {}).get({"id": id_})
        if document is None:
            raise ResourceError(f"ids: {id_}: there is none, or the policies do not let you look at it")
        return document

    def _rows(self, compartments: Sequence[str]) -> dict[str, list[Document]]:
        """One list a type and compartment; what lives in vaults is listed there."""

        def refused(name: str, error: CloudError) -> None:
            self.notes.append(Note(UNKNOWN, name, "", None, f"not listed: {error}"))

        rows: dict[str, list[Document]] = {}
        for compartment in compartments:
            for type_, document in survey(self.session, [t.name for t in SITE], compartment, refused):
                if type_.states.living(document) and type_.states.of(document) not in type_.states.scheduled:
                    there = rows.setdefault(type_.name, [])
                    if document.get("id") not in {d.get("id") for d in there}:
                        there.append(document)
        return rows

    def _chosen(self, type_: ResourceType, of: Rows) -> Document | None:
        one = _the_one(of[type_.name], type_, self.given)
        whole = self._whole(type_, [one]) if one else []
        return whole[0] if whole else None

    def _whole(self, type_: ResourceType, rows: Sequence[Document], **known: Any) -> list[Document]:
        return Listing(self.session, type_, known).whole(rows)

    def _parts(self, vcn: Document | None, of: Rows) -> dict[str, list[Document]]:
        """The parts of a VCN, and what is beside it that they use."""
        if vcn is None:
            return {}
        found = {
            option: self._whole(type_, [d for d in of[type_.name] if d.get("vcn_id") == vcn["id"]])
            for option, type_ in PARTS.items()
            if type_.parent
        }
        used = {str(v) for rows in found.values() for d in rows for v in d.values() if isinstance(v, str)}
        for option, type_ in PARTS.items():
            if not type_.parent:
                found[option] = self._whole(type_, [d for d in of[type_.name] if d["id"] in used])
        apart = [(o, d) for o, rows in found.items() for d in rows if d["compartment_id"] != vcn["compartment_id"]]
        for option, document in apart:
            found[option].remove(document)
            what = "it is in another compartment than the VCN: left alone, and named by its OCID"
            self.notes.append(Note(UNHELD, PARTS[option].name, document["display_name"], document["id"], what))
        return {option: rows for option, rows in found.items() if rows}

    def _of_vault(self, box: Document | None, of: Rows, key_id: Any) -> tuple[list[Document], Document | None]:
        if box is None:
            return [], None
        inside = [d for d in of["vault_secret"] if d.get("vault_id") == box["id"]]
        secrets = self._whole(vault.VAULT_SECRET, [d for d in inside if d["compartment_id"] == box["compartment_id"]])
        keys = [
            d
            for d in of["vault_key"]
            if d.get("vault_id") == box["id"]
            and d["compartment_id"] == box["compartment_id"]
            and vault.VAULT_KEY.states.of(d) in vault.VAULT_KEY.states.ready
        ]
        counts = Counter(d["key_id"] for d in secrets)
        keys.sort(key=lambda d: (-counts[d["id"]], d["id"] != key_id, str(d["time_created"])))
        if not keys:
            return secrets, None
        for other in keys[1:]:
            what = "the site keeps one key: this is left alone, and named by its OCID where it is used"
            self.notes.append(Note(UNHELD, "vault_key", other["display_name"], other["id"], what))
        endpoint = {"management_endpoint": box["management_endpoint"]}
        whole = self._whole(vault.VAULT_KEY, keys[:1], **endpoint)
        return secrets, whole[0] if whole else None

    def _addons(self, cluster: Document | None) -> list[Document]:
        if cluster is None:
            return []
        listing = Listing(self.session, kubernetes_engine.OKE_ADDON, {"cluster_id": cluster["id"]})
        return listing.whole(listing.rows())


def _twins(of: Rows) -> Iterator[str]:
    """OCIDs of what shares type, place and name with another, so that a name does not tell which it is."""
    for type_ in SITE:
        rows = of.get(type_.name, [])

        def place(document: Document, type_: ResourceType = type_) -> tuple[Any, ...]:
            return (document.get(type_.name_field), document.get("compartment_id"), document.get(type_.parent or ""))

        counts = Counter(place(d) for d in rows)
        yield from (str(d["id"]) for d in rows if counts[place(d)] > 1)


TASKS: tuple[Task, ...] = (SiteInventory(),)
