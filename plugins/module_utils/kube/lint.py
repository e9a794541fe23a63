# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What virtual nodes of OKE do not run, found in manifests before anything is applied.

A pure function. Source: Oracle's documentation of virtual nodes, "Kubernetes features and capabilities not
supported", as of November 2026, and what nodes were seen to refuse and to take (subPath; probes of kind tcpSocket).
Fields that virtual nodes only ignore (terminationGracePeriodSeconds) are not a problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .objects import key_of

MESH_AND_NETWORK_GROUPS = (
    "istio.io",
    "linkerd.io",
    "servicemesh.oci.oracle.com",
    "consul.hashicorp.com",
    "kuma.io",
    "cilium.io",
    "projectcalico.org",
    "antrea.io",
    "k8s.cni.cncf.io",
)
"""Groups of service meshes and of networks other than OCI's own."""

MESH_INJECTION = {
    "istio-injection": "enabled",
    "sidecar.istio.io/inject": "true",
    "linkerd.io/inject": "enabled",
    "kuma.io/sidecar-injection": "enabled",
    "consul.hashicorp.com/connect-inject": "true",
    "servicemesh.oracle.com/sidecar-injection": "enabled",
}

BLOCK_CLASSES = ("oci", "oci-bv", "oci-bv-encrypted")
FILE_STORAGE = "fss.csi.oraclecloud.com"
NODE_PORTS = range(30000, 32768)
FILE_MODE = 0o644


@dataclass(frozen=True)
class Problem:
    """One thing that virtual nodes do not run."""

    object: str
    """`Deployment shop/web`"""
    path: str
    """`spec.template.spec.containers[0].ports[1].hostPort`; empty for the object itself."""
    message: str

    def __str__(self) -> str:
        where = f"{self.object}: {self.path}" if self.path else self.object
        return f"{where}: {self.message}"


def lint(manifests: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """Everything in the manifests that virtual nodes do not run, in the manifests' order."""
    return [
        Problem(str(key_of(manifest)), path, message)
        for manifest in manifests
        for path, message in _object(manifest, _provisioners(manifests))
    ]


Found = Iterator[tuple[str, str]]


def _object(manifest: Mapping[str, Any], provisioners: Mapping[str, str]) -> Found:
    kind = manifest.get("kind")
    api_version = str(manifest.get("apiVersion") or "")
    group = api_version.partition("/")[0] if "/" in api_version else ""
    spec = _dict(manifest.get("spec"))
    if kind == "DaemonSet" and group == "apps":
        yield "", "virtual nodes run no DaemonSets"
    elif kind == "NetworkPolicy":
        yield "", "virtual nodes enforce no NetworkPolicies: use network security groups"
    elif kind == "VerticalPodAutoscaler":
        yield "", "there is no vertical pod autoscaler on virtual nodes"
    elif any(group == known or group.endswith("." + known) for known in MESH_AND_NETWORK_GROUPS):
        yield "", f"virtual nodes run no service mesh and no other network ({group})"
    elif kind == "PersistentVolumeClaim":
        yield from _claim(spec, "spec", provisioners)
    elif kind == "PersistentVolume":
        yield from _volume_source(spec)
    elif kind == "Service" and group == "":
        for number, port in enumerate(_rows(spec.get("ports"))):
            if port.get("targetPort") in NODE_PORTS:
                yield f"spec.ports[{number}].targetPort", "containers on virtual nodes have no ports 30000-32767"
    yield from _mesh(manifest, "metadata")
    for path, template in _templates(manifest):
        if path:
            yield from _mesh(template, f"{path}.metadata")
        yield from _pod(_dict(template.get("spec")), f"{path}.spec" if path else "spec")
    for number, claim in enumerate(_rows(spec.get("volumeClaimTemplates"))):
        yield from _claim(_dict(claim.get("spec")), f"spec.volumeClaimTemplates[{number}].spec", provisioners)


def _templates(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The pod templates of an object, with their paths."""
    kind, spec = manifest.get("kind"), _dict(manifest.get("spec"))
    if kind == "Pod":
        yield "", manifest
    elif kind == "PodTemplate":
        yield "template", _dict(manifest.get("template"))
    elif kind == "CronJob":
        inner = _dict(_dict(_dict(spec.get("jobTemplate")).get("spec")).get("template"))
        yield "spec.jobTemplate.spec.template", inner
    elif kind in ("Deployment", "ReplicaSet", "StatefulSet", "Job", "ReplicationController") or _makes_pods(spec):
        yield "spec.template", _dict(spec.get("template"))


def _makes_pods(spec: Mapping[str, Any]) -> bool:
    """Whether an object of a kind that we do not know has a template of pods where the known ones have it."""
    return isinstance(_dict(_dict(spec.get("template")).get("spec")).get("containers"), list)


def _mesh(holder: Mapping[str, Any], path: str) -> Found:
    metadata = _dict(holder.get("metadata"))
    for section in ("labels", "annotations"):
        for name, value in _dict(metadata.get(section)).items():
            if name in MESH_INJECTION and str(value).lower() == MESH_INJECTION[name]:
                yield f"{path}.{section}[{name}]", "virtual nodes run no service mesh"


_POD_FLAGS = {
    "hostIPC": "the host's IPC namespace",
    "hostNetwork": "the host's network",
    "hostPID": "the host's process namespace",
    "setHostnameAsFQDN": "a host name as FQDN",
    "shareProcessNamespace": "a process namespace shared by containers",
}
_POD_FIELDS = {
    "hostname": "a host name of the pod's own",
    "os": "the field os",
    "overhead": "an overhead",
    "ephemeralContainers": "ephemeral containers",
    "initContainers": "init containers",
}
_POD_SECURITY = ("runAsNonRoot", "runAsUser", "runAsGroup")
_CONTAINER_SECURITY = (
    *_POD_SECURITY,
    "readOnlyRootFilesystem",
    "allowPrivilegeEscalation",
    "capabilities",
    "privileged",
)


def _pod(spec: Mapping[str, Any], path: str) -> Found:
    for name, what in _POD_FLAGS.items():
        if spec.get(name):
            yield f"{path}.{name}", f"virtual nodes do not have {what}"
    for name, what in _POD_FIELDS.items():
        if spec.get(name):
            yield f"{path}.{name}", f"virtual nodes do not have {what}"
    for name, value in _dict(spec.get("securityContext")).items():
        if value is not None and name not in _POD_SECURITY:
            yield f"{path}.securityContext.{name}", "not supported in a pod's securityContext by virtual nodes"
    yield from _volumes(_rows(spec.get("volumes")), f"{path}.volumes")
    for section in ("containers", "initContainers", "ephemeralContainers"):
        for number, container in enumerate(_rows(spec.get(section))):
            yield from _container(container, f"{path}.{section}[{number}]")


def _volumes(volumes: Sequence[Mapping[str, Any]], path: str) -> Found:
    empty = [number for number, volume in enumerate(volumes) if "emptyDir" in volume]
    for number in empty[1:]:
        yield f"{path}[{number}].emptyDir", "virtual nodes take at most one emptyDir a pod"
    for number, volume in enumerate(volumes):
        here = f"{path}[{number}]"
        for source, content in volume.items():
            if source == "name":
                continue
            body = _dict(content)
            if source == "emptyDir":
                if body.get("sizeLimit") is not None:
                    yield f"{here}.emptyDir.sizeLimit", "virtual nodes have no sizeLimit"
                if body.get("medium") not in (None, "", "Memory"):
                    yield f"{here}.emptyDir.medium", "only Memory or the default medium"
            elif source in ("configMap", "secret"):
                yield from _modes(body, f"{here}.{source}")
            elif source == "projected":
                injected = str(volume.get("name") or "").startswith("kube-api-access-")
                yield from _projected(body, f"{here}.projected", injected)
            elif source != "persistentVolumeClaim":
                yield f"{here}.{source}", "virtual nodes have no volumes of this kind"


def _modes(body: Mapping[str, Any], path: str) -> Found:
    if body.get("defaultMode") not in (None, FILE_MODE):
        yield f"{path}.defaultMode", "files have mode 0644 on virtual nodes"
    for number, item in enumerate(_rows(body.get("items"))):
        if item.get("mode") not in (None, FILE_MODE):
            yield f"{path}.items[{number}].mode", "files have mode 0644 on virtual nodes"


def _projected(body: Mapping[str, Any], path: str, injected: bool) -> Found:
    if body.get("defaultMode") not in (None, FILE_MODE):
        yield f"{path}.defaultMode", "files have mode 0644 on virtual nodes"
    for number, row in enumerate(_rows(body.get("sources"))):
        for source, content in row.items():
            here = f"{path}.sources[{number}].{source}"
            if injected:
                continue  # what Kubernetes itself adds for the service account is accepted as it is
            if source not in ("serviceAccountToken", "configMap", "secret"):
                yield here, "virtual nodes do not project this"
            elif source == "serviceAccountToken":
                if _dict(content).get("expirationSeconds") is not None:
                    yield f"{here}.expirationSeconds", "virtual nodes have no expirationSeconds of their own"
            else:
                yield from _modes(_dict(content), here)


def _container(container: Mapping[str, Any], path: str) -> Found:
    for name, value in _dict(container.get("securityContext")).items():
        here = f"{path}.securityContext.{name}"
        if value is None:
            continue
        if name not in _CONTAINER_SECURITY:
            yield here, "not supported in a container's securityContext by virtual nodes"
        elif name in ("privileged", "allowPrivilegeEscalation") and value:
            yield here, "virtual nodes give no privileges: only false"
        elif name == "capabilities":
            yield from _capabilities(_dict(value), here)
    for number, port in enumerate(_rows(container.get("ports"))):
        here = f"{path}.ports[{number}]"
        if port.get("hostPort"):
            yield f"{here}.hostPort", "virtual nodes have no host ports"
        if port.get("hostIP"):
            yield f"{here}.hostIP", "virtual nodes have no host addresses"
        if port.get("containerPort") in NODE_PORTS:
            yield f"{here}.containerPort", "outside of 30000-32767 only"
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = _dict(container.get(name))
        if probe.get("grpc") is not None:
            yield f"{path}.{name}.grpc", "virtual nodes have no gRPC probes"
        if probe.get("terminationGracePeriodSeconds") is not None:
            yield f"{path}.{name}.terminationGracePeriodSeconds", "a probe has none of its own on virtual nodes"
    for name in ("terminationMessagePath", "terminationMessagePolicy", "volumeDevices", "stdin", "stdinOnce", "tty"):
        if container.get(name):
            yield f"{path}.{name}", "not supported by virtual nodes"
    for number, mount in enumerate(_rows(container.get("volumeMounts"))):
        for name in ("mountPropagation", "subPathExpr", "recursiveReadOnly"):
            if mount.get(name):
                yield f"{path}.volumeMounts[{number}].{name}", "not supported by virtual nodes"
        if mount.get("subPath"):
            advice = "mount the whole volume, or the one key by items of a projected volume"
            yield f"{path}.volumeMounts[{number}].subPath", f"not supported by virtual nodes: {advice}"
    for number, variable in enumerate(_rows(container.get("env"))):
        if _dict(variable.get("valueFrom")).get("resourceFieldRef") is not None:
            yield f"{path}.env[{number}].valueFrom.resourceFieldRef", "not supported by virtual nodes"


CAPABILITIES = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
]
"""Those of the service that runs the containers (`ContainerCapabilities` of its API); it has ALL too, which is all of
them to drop and not one of the host's to add."""


def _capabilities(body: Mapping[str, Any], path: str) -> Found:
    for side, known in (("add", CAPABILITIES), ("drop", [*CAPABILITIES, "ALL"])):
        names = body.get(side)
        for number, name in enumerate(names if isinstance(names, (list, tuple)) else ()):
            if str(name).upper().removeprefix("CAP_") not in known:
                yield f"{path}.{side}[{number}]", f"{name} is not one of the service's: {', '.join(known)}"


def _provisioners(manifests: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Provisioners of the storage classes that the set itself brings."""
    return {
        str(_dict(manifest.get("metadata")).get("name")): str(manifest.get("provisioner"))
        for manifest in manifests
        if manifest.get("kind") == "StorageClass"
    }


def _claim(spec: Mapping[str, Any], path: str, provisioners: Mapping[str, str]) -> Found:
    name = spec.get("storageClassName")
    if spec.get("volumeMode") == "Block":
        yield f"{path}.volumeMode", "virtual nodes have no block volumes"
    if name in BLOCK_CLASSES or (name in provisioners and provisioners[str(name)] != FILE_STORAGE):
        yield f"{path}.storageClassName", "virtual nodes mount volumes of the File Storage service only"
    elif name is None and not spec.get("volumeName"):
        yield f"{path}.storageClassName", "the default class makes block volumes: name one of the File Storage service"


_VOLUME_FIELDS = (
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
)


def _volume_source(spec: Mapping[str, Any]) -> Found:
    for source, content in spec.items():
        if source in _VOLUME_FIELDS:
            continue
        if source != "csi":
            yield f"spec.{source}", "virtual nodes mount volumes of the File Storage service only"
        elif _dict(content).get("driver") != FILE_STORAGE:
            yield "spec.csi.driver", f"virtual nodes mount volumes of {FILE_STORAGE} only"


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [_dict(row) for row in value] if isinstance(value, (list, tuple)) else []
