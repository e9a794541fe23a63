# SPDX-License-Identifier: GPL-3.0-or-later
"""What OKE makes of requests: defaults, refusals, placement of virtual nodes. No I/O.

Sources: the SDK's models, OKE's documentation of virtual nodes (docs.oracle.com, "Working with Virtual Nodes"), answers
of the service in public issues.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from localregion import settings as names
from localregion.core.errors import invalid, missing
from localregion.host.programs import KUBERNETES_VERSION, OTHER_VERSIONS

Doc = dict[str, Any]

PODS_CIDR = "10.244.0.0/16"
SERVICES_CIDR = "10.96.0.0/16"
ACCEPTED_MINUTES = 5 / 60
"""How long a work request is ACCEPTED before its work begins."""
MAX_NSGS = 5
MAX_POOL_SIZE = 500
POD_SHAPES: tuple[Doc, ...] = tuple(
    {
        "name": f"Pod.Standard.{series}.Flex",
        "processorDescription": processor,
        "ocpuOptions": [{"min": 1.0, "max": ocpus}],
        "memoryOptions": [
            {
                "minInGBs": 1.0, "maxInGBs": memory, "defaultPerOcpuInGBs": per_ocpu,
                "minPerOcpuInGBs": 1.0, "maxPerOcpuInGBs": 64.0,
            }
        ],
        "networkBandwidthOptions": [{"minInGbps": 1.0, "maxInGbps": 40.0, "defaultPerOcpuInGbps": 1.0}],
    }
    for series, processor, ocpus, memory, per_ocpu in (
        ("A1", "3.0 GHz Ampere Altra", 76.0, 472.0, 6.0),
        ("E3", "2.25 GHz AMD EPYC 7742 (Rome)", 64.0, 1024.0, 16.0),
        ("E4", "2.55 GHz AMD EPYC 7J13 (Milan)", 64.0, 1024.0, 16.0),
    )
)  # fmt: skip

_LABEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z")
_LABEL_PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")
_DURATION = re.compile(r"PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?\Z")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


# Clusters


def cluster_type(body: Doc) -> str:
    """Type as stored: the API's default is a basic cluster (the Console's is not)."""
    return str(body.get("type") or "BASIC_CLUSTER")


def offered_versions(settings: names.Settings) -> tuple[str, ...]:
    """The versions that clusters can have: with real parts, those that the region has a Go module for."""
    return settings.kubernetes_versions if settings.pure else (*OTHER_VERSIONS, KUBERNETES_VERSION)


def kubernetes_version(version: str, offered: Sequence[str]) -> str:
    """The version if OKE offers it. Raises 400, in the service's own words."""
    if version not in offered:
        raise invalid("Invalid kubernetesVersion")
    return version


def upgrades(current: str, offered: Sequence[str]) -> list[str]:
    """The versions that a control plane can be upgraded to: newer ones of its minor release and of the next."""
    here = names.release(current)
    return [
        version for version in offered
        if (found := names.release(version)) > here and found[0] == here[0] and found[1] - here[1] <= 1
    ]  # fmt: skip


def upgraded(current: str, wanted: str, offered: Sequence[str]) -> str:
    """The version after an update. Raises 400 for a downgrade and for one that skips a minor release."""
    kubernetes_version(wanted, offered)
    if wanted != current and wanted not in upgrades(current, offered):
        reason = "a control plane cannot be downgraded" if names.release(wanted) < names.release(current) else (
            "minor versions cannot be skipped"
        )  # fmt: skip
        available = ", ".join(upgrades(current, offered)) or "none"
        raise invalid(f"Invalid kubernetesVersion: {wanted}: {reason}. Available upgrades of {current}: {available}")
    return wanted


def cluster_name(name: str) -> str:
    """The name if it is one. Raises 400."""
    if not name or len(name) > 255 or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise invalid(
            "Invalid name: it starts with a letter or digit and holds letters, digits, hyphens, underscores and dots"
        )
    return name


def pod_network_options(given: Sequence[Doc] | None) -> list[Doc]:
    """The pod network options as stored: Flannel unless said otherwise. Raises 400."""
    if not given:
        return [{"cniType": "FLANNEL_OVERLAY"}]
    if len(given) > 1:
        raise invalid("clusterPodNetworkOptions must have one entry")
    return [{"cniType": given[0]["cniType"]}]


def cluster_options(given: Doc | None, vcn_cidrs: Iterable[str], *, native: bool) -> Doc:
    """The options as stored, with the service's defaults. Raises 400 for networks that cannot be.

    `native`: pods have addresses of the VCN, podsCidr means nothing.
    """
    options = dict(given or {})
    network = dict(options.get("kubernetesNetworkConfig") or {})
    network.setdefault("podsCidr", PODS_CIDR)
    network.setdefault("servicesCidr", SERVICES_CIDR)
    services = _network(network["servicesCidr"], "options.kubernetesNetworkConfig.servicesCidr")
    pods = _network(network["podsCidr"], "options.kubernetesNetworkConfig.podsCidr")
    if services.prefixlen > 21:
        # The cluster's DNS address is the 1285th of the range.
        raise invalid("options.kubernetesNetworkConfig.servicesCidr must be a /21 or larger")
    if services.overlaps(pods):
        raise invalid(f"servicesCidr {services} overlaps with podsCidr {pods}")
    for cidr in vcn_cidrs:
        if services.overlaps(_network(cidr, "cidr")):
            raise invalid(f"servicesCidr {services} overlaps with the VCN's CIDR block {cidr}")
        if not native and pods.overlaps(_network(cidr, "cidr")):
            raise invalid(f"podsCidr {pods} overlaps with the VCN's CIDR block {cidr}")
    subnets = list(options.get("serviceLbSubnetIds") or [])
    if len(subnets) > 2:
        raise invalid("options.serviceLbSubnetIds must have at most 2 entries")
    add_ons = {"isKubernetesDashboardEnabled": False, "isTillerEnabled": False} | (options.get("addOns") or {})
    if add_ons["isTillerEnabled"]:
        raise invalid("options.addOns.isTillerEnabled: Tiller is not supported by this Kubernetes version")
    admission = {"isPodSecurityPolicyEnabled": False} | (options.get("admissionControllerOptions") or {})
    if admission["isPodSecurityPolicyEnabled"]:
        raise invalid("options.admissionControllerOptions: pod security policies are gone since Kubernetes 1.25")
    families = options.get("ipFamilies") or ["IPv4"]
    if families != ["IPv4"]:
        raise invalid("options.ipFamilies: the local region's subnets have IPv4 only")
    _check_open_id(options)
    return options | {
        "serviceLbSubnetIds": subnets,
        "ipFamilies": families,
        "kubernetesNetworkConfig": network,
        "addOns": add_ons,
        "admissionControllerOptions": admission,
        "persistentVolumeConfig": _tags(options.get("persistentVolumeConfig")),
        "serviceLbConfig": _tags(options.get("serviceLbConfig")),
        "openIdConnectDiscovery": {"isOpenIdConnectDiscoveryEnabled": False}
        | (options.get("openIdConnectDiscovery") or {}),
    }


def merged_options(stored: Doc, given: Doc) -> Doc:
    """The options after an update: what is given replaces what is stored, part by part."""
    result = dict(stored)
    for key, value in given.items():
        result[key] = {**(stored.get(key) or {}), **value} if isinstance(value, dict) else value
    if (result.get("admissionControllerOptions") or {}).get("isPodSecurityPolicyEnabled"):
        raise invalid("options.admissionControllerOptions: pod security policies are gone since Kubernetes 1.25")
    _check_open_id(result)
    return result


def _check_open_id(options: Doc) -> None:
    config = options.get("openIdConnectTokenAuthenticationConfig") or {}
    if config.get("isOpenIdConnectAuthEnabled") and not config.get("configurationFile"):
        for name in ("issuerUrl", "clientId"):
            if not config.get(name):
                raise missing(f"options.openIdConnectTokenAuthenticationConfig.{name}")
        if not str(config["issuerUrl"]).startswith("https://"):
            raise invalid("options.openIdConnectTokenAuthenticationConfig.issuerUrl must begin with https://")


def without_configuration_file(doc: Doc) -> Doc:
    """A cluster as it is shown unless its OpenID Connect configuration file is asked for as well."""
    key = "openIdConnectTokenAuthenticationConfig"
    if not (config := doc["options"].get(key)):
        return doc
    shown = {name: value for name, value in config.items() if name != "configurationFile"}
    return doc | {"options": doc["options"] | {key: shown}}


def only_recorded(options: Doc, policy: Doc) -> list[str]:
    """What is asked for that the region's real parts do not do."""
    auth = options.get("openIdConnectTokenAuthenticationConfig") or {}
    discovery = options.get("openIdConnectDiscovery") or {}
    asked = {
        "options.openIdConnectTokenAuthenticationConfig": auth.get("isOpenIdConnectAuthEnabled"),
        "options.openIdConnectDiscovery": discovery.get("isOpenIdConnectDiscoveryEnabled"),
        "imagePolicyConfig": policy.get("isPolicyEnabled"),
    }
    return [name for name, wanted in asked.items() if wanted]


def image_policy(given: Doc | None, stored: Doc | None = None) -> Doc:
    """Image policy as stored. Raises 400 for one that is enabled without keys."""
    policy = {"isPolicyEnabled": False, "keyDetails": []} | (stored or {}) | (given or {})
    if policy["isPolicyEnabled"] and not policy["keyDetails"]:
        raise missing("imagePolicyConfig.keyDetails")
    return policy


def service_addresses(services_cidr: str) -> tuple[str, str]:
    """Cluster addresses of the API server (the first) and of DNS (x.y.5.5)."""
    network = ipaddress.ip_network(services_cidr)
    return str(network[1]), str(network[5 * 256 + 5])


def _tags(given: Doc | None) -> Doc:
    return {"freeformTags": {}, "definedTags": {}} | (given or {})


def _network(cidr: str, field: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise invalid(f"{field}: {error}") from error


# Virtual node pools


def pool_size(size: int) -> int:
    """The size if it is one. Raises 400."""
    if not 1 <= size <= MAX_POOL_SIZE:
        raise invalid(f"size must be between 1 and {MAX_POOL_SIZE}")
    return size


def pod_shape(name: str) -> str:
    """The pod shape if the region has it. Raises 400."""
    if name not in (shape["name"] for shape in POD_SHAPES):
        raise invalid(f"Invalid podConfiguration.shape: {name}. See ListPodShapes")
    return name


def labels(given: Sequence[Doc] | None) -> list[Doc]:
    """Labels as stored. Raises 400 for one that Kubernetes would refuse."""
    result = []
    seen = set()
    for label in given or []:
        key, value = label.get("key") or "", label.get("value") or ""
        _check_key(key, "initialVirtualNodeLabels")
        if value and not _LABEL_NAME.match(value):
            raise invalid(f"initialVirtualNodeLabels: {value!r} is not a value of a label")
        if key in seen:
            raise invalid(f"initialVirtualNodeLabels: {key} is given twice")
        seen.add(key)
        result.append({"key": key, "value": value})
    return result


def taints(given: Sequence[Doc] | None) -> list[Doc]:
    """Taints as stored. Raises 400 for one that Kubernetes would refuse."""
    result = []
    seen = set()
    for taint in given or []:
        key, value, effect = taint.get("key") or "", taint.get("value") or "", taint.get("effect") or ""
        _check_key(key, "taints")
        if value and not _LABEL_NAME.match(value):
            raise invalid(f"taints: {value!r} is not a value of a taint")
        if effect not in _EFFECTS:
            raise invalid(f"taints: the effect of {key} must be one of {', '.join(_EFFECTS)}")
        if (key, effect) in seen:
            raise invalid(f"taints: {key} with {effect} is given twice")
        seen.add((key, effect))
        result.append({"key": key, "value": value, "effect": effect})
    return result


def _check_key(key: str, field: str) -> None:
    prefix, slash, name = key.rpartition("/")
    if not _LABEL_NAME.match(name) or (slash and not _LABEL_PREFIX.match(prefix)):
        raise invalid(f"{field}: {key!r} is not a key of Kubernetes")


def nsg_ids(given: Sequence[str] | None, field: str) -> list[str]:
    """Network security groups: at most five, none twice. Raises 400."""
    result = list(given or [])
    if len(result) > MAX_NSGS:
        raise invalid(f"{field} must have at most {MAX_NSGS} entries")
    if len(set(result)) < len(result):
        raise invalid(f"{field} must not have an entry twice")
    return result


def placement(given: Sequence[Doc]) -> list[Doc]:
    """Placement configurations as stored: one for each availability domain. Raises 400 for a domain that the region
    lacks.

    OKE keeps one configuration of a domain, of managed node pools (a public report). Here several rows of one domain
    become one with all their fault domains, and several subnets in one domain are refused: both are guesses.
    """
    if not given:
        raise missing("placementConfigurations")
    result: dict[str, Doc] = {}
    for row in given:
        if row["availabilityDomain"] != names.AVAILABILITY_DOMAIN:
            raise invalid(f"Invalid availabilityDomain: {row['availabilityDomain']}")
        domains = list(row.get("faultDomain") or [])
        for domain in domains:
            if domain not in names.FAULT_DOMAINS:
                raise invalid(f"Invalid faultDomain: {domain}")
        if len(set(domains)) < len(domains):
            raise invalid("faultDomain must not have an entry twice")
        kept = result.setdefault(row["availabilityDomain"], row | {"faultDomain": domains})
        if kept["subnetId"] != row["subnetId"]:
            raise invalid(f"placementConfigurations: {row['availabilityDomain']} is given with several subnets")
        # Without fault domains a row means all of them.
        several = list(dict.fromkeys([*kept["faultDomain"], *domains]))
        kept["faultDomain"] = several if kept["faultDomain"] and domains else []
    return list(result.values())


Place = tuple[str, str, str]
"""Availability domain, fault domain, subnet."""


def places(rows: Sequence[Doc]) -> list[Place]:
    """Every place that the placement allows."""
    return [
        (row["availabilityDomain"], domain, row["subnetId"])
        for row in rows
        for domain in (row["faultDomain"] or names.FAULT_DOMAINS)
    ]


def plan_nodes(rows: Sequence[Doc], size: int, present: Mapping[str, Place]) -> tuple[list[Place], list[str]]:
    """Where to add nodes, and which to remove, so that `size` nodes are spread evenly over the placement.

    Nodes outside of the placement go; of the others those leave first that share their place with most.
    """
    allowed = places(rows)
    gone = [node for node, place in present.items() if place not in allowed]
    staying = {node: place for node, place in present.items() if place in allowed}
    while len(staying) > size:
        crowd = Counter(staying.values())
        # The youngest of the fullest place.
        node = max(staying, key=lambda node: (crowd[staying[node]], list(staying).index(node)))
        gone.append(node)
        del staying[node]
    crowd = Counter(staying.values())
    added = []
    for _ in range(size - len(staying)):
        place = min(allowed, key=lambda place: (crowd[place], allowed.index(place)))
        crowd[place] += 1
        added.append(place)
    return added, gone


def cycling(given: Doc | None, size: int) -> Doc:
    """How nodes are cycled, as stored. Raises 400."""
    details = {"isVirtualNodeCyclingEnabled": False, "maximumSurge": "1", "maximumUnavailable": "0"} | (given or {})
    surge, unavailable = cycling_limits(details, size)
    if max(surge, unavailable) > size:
        raise invalid(f"virtualNodePoolCyclingDetails: at most {size}, the size of the pool, or 100%")
    return details


def cycling_limits(details: Doc, size: int) -> tuple[int, int]:
    """How many nodes may be too many and how many missing while a pool is cycled (`"1"` or `"25%"`). Raises 400."""
    limits = []
    for field, default, up in (("maximumSurge", "1", True), ("maximumUnavailable", "0", False)):
        text = str(details.get(field) or default)
        if not re.fullmatch(r"\d+%?", text):
            raise invalid(f"virtualNodePoolCyclingDetails.{field}: {text!r} is neither a number nor a percentage")
        number = int(text.removesuffix("%"))
        if text.endswith("%") and number > 100:
            raise invalid(f"virtualNodePoolCyclingDetails.{field}: {text} is more than 100%")
        if text.endswith("%"):
            number = -(-size * number // 100) if up else size * number // 100
        limits.append(number)
    surge, unavailable = limits
    if details.get("isVirtualNodeCyclingEnabled") and surge + unavailable == 0:
        raise invalid("virtualNodePoolCyclingDetails: maximumSurge and maximumUnavailable cannot both be 0")
    return surge, unavailable


def duration_minutes(text: str, most: float = 60.0) -> float:
    """An ISO 8601 duration (`PT10M`) in minutes. Raises 400."""
    match = _DURATION.match(text)
    if match is None:
        raise invalid(f"Invalid duration: {text}. Use PT0M to PT60M")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 60 + minutes + seconds / 60
    if total > most:
        raise invalid(f"Invalid duration: {text}. Use PT0M to PT60M")
    return total


# Names and addresses


def short_name(cluster_id: str) -> str:
    """What OKE calls a cluster in host names and kubeconfigs: the last 11 letters of its OCID."""
    return cluster_id[-11:]


def folder_name(record_id: str) -> str:
    """A short name for folders: they hold sockets, whose paths are short."""
    return hashlib.sha256(record_id.encode()).hexdigest()[:12]


def endpoint_name(cluster_id: str) -> str:
    """The host name of a cluster's endpoint that is outside of its VCN."""
    return f"{short_name(cluster_id)}.{names.REGION}.clusters.oci.{names.REALM_DOMAIN}"


def kubeconfig(cluster_id: str, server: str, ca: bytes) -> str:
    """What CreateKubeconfig answers for token version 2.0.0."""
    short = short_name(cluster_id)
    document = {
        "apiVersion": "v1",
        "kind": "",
        "clusters": [
            {
                "name": f"cluster-{short}",
                "cluster": {"server": server, "certificate-authority-data": base64.b64encode(ca).decode()},
            }
        ],
        "users": [
            {
                "name": f"user-{short}",
                "user": {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1beta1",
                        "command": "oci",
                        "args": [
                            *("ce", "cluster", "generate-token"),
                            *("--cluster-id", cluster_id, "--region", names.REGION),
                        ],
                        "env": [],
                    }
                },
            }
        ],
        "contexts": [{"name": f"context-{short}", "context": {"cluster": f"cluster-{short}", "user": f"user-{short}"}}],
        "current-context": f"context-{short}",
    }
    return "---\n" + yaml.safe_dump(document, sort_keys=False)
