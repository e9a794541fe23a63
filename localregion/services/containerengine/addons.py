# SPDX-License-Identifier: GPL-3.0-or-later
"""Add-ons of clusters: which there are, in which versions, with which keys of configuration, and those of a cluster.

State only: the region's clusters run CoreDNS and kube-proxy as they are (backends/control_plane.py), whatever version
or configuration is asked for here, and of the other add-ons nothing. Names, essential ones and keys are those of OKE's
documentation ("Working with Cluster Add-ons", "Cluster Add-on Configuration Arguments").
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localregion.core.errors import conflict, incorrect_state, invalid, missing, not_found, not_implemented
from localregion.core.store import Record
from localregion.host.programs import KUBERNETES_VERSION
from localregion.services.base import Part
from localregion.services.containerengine import model
from localregion.services.registration import operation, step
from localregion.services.resources import Call, Reply
from localregion.services.work_requests import WorkRequest

Doc = dict[str, Any]

ADDON_MINUTES = 1.0
_CREATED = "2025-11-01T00:00:00.000Z"
_JSON = ("affinity", "nodeSelectors", "rollingUpdate", "tolerations", "topologySpreadConstraints")
"""Keys of every add-on whose values are JSON, plain or in base64."""
_RESOURCES = re.compile(r"[A-Za-z0-9.-]*[cC]ontainerResources\Z")


@dataclass(frozen=True)
class Addon:
    """An add-on that clusters can have. `versions`: the newest last; `keys`: of its own, True where it is required."""

    name: str
    versions: tuple[str, ...]
    description: str
    essential: bool = False
    keys: Mapping[str, bool] | None = None


ADDONS: dict[str, Addon] = {
    addon.name: addon
    for addon in (
        Addon(
            "CoreDNS", ("v1.13.1", "v1.14.7"), "DNS of the cluster", True,
            {"nodesPerReplica": False, "minReplica": False, "customizeCoreDNSConfigMap": False},
        ),
        Addon("KubeProxy", (), "Network rules of Services", True),
        Addon("OciVcnIpNative", ("v3.0.1", "v3.0.3"), "Addresses of pods from the VCN", True),
        Addon("CertManager", ("v1.17.4", "v1.18.2"), "Certificates of workloads", keys={"numOfReplicas": False}),
        Addon(
            "KubernetesMetricsServer", ("v0.7.2", "v0.8.0"), "Resource metrics of pods and nodes",
            keys={"numOfReplicas": False, "skipAddonDependenciesCheck": False},
        ),
        Addon(
            "ClusterAutoscaler", ("v1.32.0", "v1.33.0"), "Sizes node pools by demand",
            keys={"nodes": True, "authType": False, "numOfReplicas": False, "maxNodeProvisionTime": False,
                  "scaleDownDelayAfterAdd": False, "scaleDownUnneededTime": False},
        ),
        Addon(
            "Istio", ("v1.25.5", "v1.26.3"), "Service mesh",
            keys={"numOfReplicas": False, "enableIngressGateway": False, "profile": False},
        ),
        Addon("KubernetesDashboard", ("v2.7.0",), "Web page of the cluster", keys={"numOfReplicas": False}),
        Addon(
            "NativeIngressController", ("v1.4.0", "v1.4.2"), "OCI load balancers for Ingress objects",
            keys={"compartmentId": True, "loadBalancerSubnetId": True, "authType": False, "numOfReplicas": False,
                  "logVerbosity": False},
        ),
    )
}  # fmt: skip


def versions(addon: Addon, kubernetes: str) -> tuple[str, ...]:
    """The versions of an add-on for a version of Kubernetes; kube-proxy's is that itself."""
    return addon.versions or (kubernetes,)


def option(addon: Addon, kubernetes: Sequence[str]) -> Doc:
    """An entry of ListAddonOptions, for some versions of Kubernetes."""
    offered = dict.fromkeys(version for each in kubernetes for version in versions(addon, each))
    configurations = [{"key": key, "displayName": key, "isRequired": False} for key in _JSON]
    configurations += [
        {"key": key, "displayName": key, "isRequired": required} for key, required in (addon.keys or {}).items()
    ]
    return {
        "name": addon.name,
        "addonSchemaVersion": "v1.0.0",
        "lifecycleState": "ACTIVE",
        "description": addon.description,
        "isEssential": addon.essential,
        "timeCreated": _CREATED,
        "versions": [
            {
                "versionNumber": version,
                "status": "ACTIVE",
                "description": addon.description,
                "kubernetesVersionFilters": {"exactKubernetesVersions": list(kubernetes)},
                "configurations": configurations,
            }
            for version in offered
        ],
    }


def in_order(call: Call, documents: Iterable[Doc]) -> list[Doc]:
    """Documents as a list's query wants them sorted: by name unless it says otherwise."""
    field = {"TIME_CREATED": "timeCreated", "ID": "id"}.get(call.query.get("sort_by") or "NAME")

    def key(document: Doc) -> str:
        return str(document.get(field) if field else document.get("displayName") or document.get("name"))

    return sorted(documents, key=key, reverse=call.query.get("sort_order") == "DESC")


def known(name: str) -> Addon:
    """The add-on of that name. Raises 400."""
    if name not in ADDONS:
        raise invalid(f"Invalid addonName: {name}. See ListAddonOptions")
    return ADDONS[name]


def configurations(addon: Addon, given: Iterable[Doc] | None) -> list[Doc]:
    """Configuration as stored. Raises 400 for an unknown, repeated or missing key, or an invalid value."""
    result: list[Doc] = []
    own = addon.keys or {}
    for item in given or []:
        key, value = item.get("key") or "", item.get("value")
        if not (key in own or key in _JSON or _RESOURCES.match(key)):
            raise invalid(f"configurations: the add-on {addon.name} has no key {key!r}. See ListAddonOptions")
        if key in (each["key"] for each in result):
            raise invalid(f"configurations: {key} is given twice")
        if value is None:
            raise missing(f"configurations: the value of {key}")
        if key in _JSON or _RESOURCES.match(key):
            _check_json(key, value)
        elif key in ("numOfReplicas", "minReplica", "nodesPerReplica") and not re.fullmatch(r"[1-9]\d*", value):
            raise invalid(f"configurations: {key} must be a number above 0, not {value!r}")
        result.append({"key": key, "value": value})
    lacking = [key for key, required in own.items() if required and key not in (each["key"] for each in result)]
    if lacking:
        raise missing(f"configurations: {', '.join(lacking)}")
    return result


def _check_json(key: str, value: str) -> None:
    try:
        text = value if value.lstrip().startswith(("{", "[")) else base64.b64decode(value, validate=True).decode()
        json.loads(text)
    except (ValueError, binascii.Error) as error:
        raise invalid(f"configurations: the value of {key} is not JSON, plain or in base64") from error


class Addons(Part):
    """The add-ons of clusters."""

    def find(self, cluster_id: str, name: str) -> Record | None:
        """An add-on of a cluster by its name."""
        return self.store.find(f"{cluster_id}/{name}")

    def _put_addon(self, cluster: Record, doc: Doc, state: str) -> Record:
        return self.service.create(
            "addon", None, doc, state=state, compartment=cluster.compartment, parent=cluster.id,
            record_id=f"{cluster.id}/{doc['name']}",
        )  # fmt: skip

    def make_essential(self, cluster: Record) -> None:
        """The add-ons that a new cluster has, in versions that the service chooses."""
        for addon in ADDONS.values():
            if addon.essential and self.find(cluster.id, addon.name) is None:
                current = versions(addon, cluster.doc["kubernetesVersion"])[-1]
                document = {"name": addon.name, "currentInstalledVersion": current, "configurations": []}
                self._put_addon(cluster, document, "ACTIVE")

    def upgrade(self, cluster_id: str, kubernetes: str) -> None:
        """Bring the add-ons whose version the service chooses to those of a new version of Kubernetes."""
        for record in self.service.living("addon", parent=cluster_id):
            if not record.doc.get("version"):
                current = versions(ADDONS[record.doc["name"]], kubernetes)[-1]
                self.service.update(record, {"currentInstalledVersion": current})

    def drop(self, cluster_id: str) -> None:
        """Forget the add-ons of a cluster that is gone."""
        for record in self.service.living("addon", parent=cluster_id):
            self.store.remove(record.id)

    @operation
    async def list_addon_options(self, call: Call) -> Reply:
        """The add-ons that there are, for a Kubernetes version."""
        version, name = call.query["kubernetes_version"], call.query.get("addon_name")
        if version not in model.offered_versions(self.region.settings):
            raise invalid(f"Invalid kubernetesVersion: {version}")
        found = [option(addon, [version]) for addon in ADDONS.values() if name in (None, addon.name)]
        return self.service.page(call, in_order(call, found))

    @operation
    async def list_addons(self, call: Call) -> Reply:
        """The add-ons of a cluster."""
        cluster = self.service.get("cluster", call.path["cluster_id"])
        return self.service.page(
            call, in_order(call, [record.doc for record in self.service.living("addon", parent=cluster.id)])
        )

    @operation
    async def get_addon(self, call: Call) -> Reply:
        """One add-on of a cluster."""
        return self.service.show(self._installed(call))

    def _installed(self, call: Call) -> Record:
        cluster = self.service.get("cluster", call.path["cluster_id"])
        record = self.find(cluster.id, call.path["addon_name"])
        if record is None:
            raise not_found()
        return record

    def _changeable(self, cluster: Record, record: Record | None = None) -> None:
        """Whether add-ons of the cluster can be changed now, and this one. Raises 400 or 409."""
        if cluster.doc["type"] != "ENHANCED_CLUSTER":
            raise invalid("Add-ons of basic clusters cannot be changed: this needs an enhanced cluster")
        if cluster.state != "ACTIVE":
            raise incorrect_state(f"cluster {cluster.id} is {cluster.state}; it must be ACTIVE")
        if record is not None and record.state not in ("ACTIVE", "NEEDS_ATTENTION", "FAILED"):
            raise incorrect_state(f"The add-on {record.doc['name']} is {record.state}")

    def _checked_version(self, addon: Addon, cluster: Record, version: str | None) -> str | None:
        offered = versions(addon, cluster.doc["kubernetesVersion"])
        if version is not None and version not in offered:
            raise invalid(f"Invalid version: {version}. The add-on {addon.name} has {', '.join(offered)}")
        return version

    def _begin(self, record: Record, operation: str, via: str, to: str) -> Reply:
        action = {"ENABLE_ADDON": "CREATED", "UPDATE_ADDON": "UPDATED"}.get(operation, "DELETED")
        cluster = self.service.get("cluster", record.parent)
        request = self.service.work_request(operation, [(action, "cluster", cluster)])
        self.service.transition(record, ADDON_MINUTES, to, via=via, also=self._addon_changed, request=request)
        return self.service.accepted(request, 202)

    @step
    async def _addon_changed(self, record: Record, request: WorkRequest | None) -> Mapping[str, Any]:
        cluster = self.store.find(record.parent or "")
        kubernetes = cluster.doc["kubernetesVersion"] if cluster else KUBERNETES_VERSION
        current = record.doc.get("version") or versions(ADDONS[record.doc["name"]], kubernetes)[-1]
        return {"currentInstalledVersion": current}

    @operation
    async def install_addon(self, call: Call) -> Reply:
        """Install an add-on (state only)."""
        cluster = self.service.get("cluster", call.path["cluster_id"])
        body = call.body
        addon = known(body["addonName"])
        document = {
            "name": addon.name,
            "version": self._checked_version(addon, cluster, body.get("version")),
            "configurations": configurations(addon, body.get("configurations")),
        }
        record = self.find(cluster.id, addon.name)
        self._changeable(cluster, record)
        if record is not None and not body.get("isOverrideExisting"):
            raise conflict(f"The add-on {addon.name} is installed already")
        if record is None:
            record = self._put_addon(cluster, document, "CREATING")
        else:
            record = self.service.update(record, document)
        return self._begin(record, "ENABLE_ADDON", "CREATING", "ACTIVE")

    @operation
    async def update_addon(self, call: Call) -> Reply:
        """Change an add-on's version or configuration (state only). What is not given stays."""
        record, body = self._installed(call), call.body
        cluster, addon = self.service.get("cluster", record.parent), ADDONS[record.doc["name"]]
        changes: Doc = {}
        if "version" in body:
            changes["version"] = self._checked_version(addon, cluster, body["version"])
        if "configurations" in body:
            changes["configurations"] = configurations(addon, body["configurations"])
        self._changeable(cluster, record)
        return self._begin(self.service.update(record, changes), "UPDATE_ADDON", "UPDATING", "ACTIVE")

    @operation
    async def disable_addon(self, call: Call) -> Reply:
        """Disable an add-on, and remove it or leave it where it is (which is the same here: state only)."""
        record = self._installed(call)
        if ADDONS[record.doc["name"]].essential:
            raise not_implemented(f"disabling {record.doc['name']}: the local region's clusters do not run without it")
        self._changeable(self.service.get("cluster", record.parent), record)
        return self._begin(record, "DISABLE_ADDON", "DELETING", "DELETED")


__all__ = ["ADDONS", "Addon", "Addons", "configurations", "in_order", "known", "option", "versions"]
