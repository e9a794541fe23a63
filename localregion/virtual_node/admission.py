# SPDX-License-Identifier: GPL-3.0-or-later
"""What virtual nodes do not run: one pure function from a pod, as the API server holds it, to a list of problems.

Source: Oracle's "Comparing Virtual Nodes with Managed Nodes" and the pages it names, as of November 2026. A field that
the API server itself fills with a default is a problem only where it has another value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]

_POD_FIELDS = (
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "os",
    "overhead",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "runtimeClassName",
    "resourceClaims",
    "resources",
    "hostnameOverride",
)
_POD_SECURITY = ("runAsNonRoot", "runAsUser", "runAsGroup")
_CONTAINER_SECURITY = (
    *_POD_SECURITY,
    "readOnlyRootFilesystem",
    "allowPrivilegeEscalation",
    "capabilities",
)
_CONTAINER_FIELDS = ("volumeDevices", "stdin", "stdinOnce", "tty", "restartPolicy", "restartPolicyRules")
# The enumeration of the container instances that pods are (ContainerCapabilities of the SDK); ALL means these.
CAPABILITIES = (
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
)
_VOLUMES = ("emptyDir", "configMap", "secret", "projected", "persistentVolumeClaim")
_PROJECTED = ("serviceAccountToken", "configMap", "secret")
_MODE = 0o644
# What the API server and its ServiceAccount admission write for a token nobody gave a life time.
_TOKEN_SECONDS = (None, 3600, 3607)
_NODE_PORTS = range(30000, 32768)


def problems(pod: Json) -> list[str]:
    """Everything of a pod that virtual nodes refuse, each as `path: reason`, or as the service was seen to say it;
    empty if the pod can run."""
    return [f"{path}: {reason}" if path else reason for path, reason in _pod(pod)]


def capabilities(wanted: Iterable[str]) -> tuple[str, ...]:
    """Capabilities without CAP_, ALL as those that virtual nodes know."""
    names = [name.upper().removeprefix("CAP_") for name in wanted]
    return CAPABILITIES if "ALL" in names else tuple(names)


def _pod(pod: Json) -> Iterator[tuple[str, str]]:
    spec = pod["spec"]
    for owner in pod["metadata"].get("ownerReferences") or ():
        if owner.get("kind") == "DaemonSet":
            yield "metadata.ownerReferences", "pods of a DaemonSet are not supported by virtual nodes"
    if spec.get("initContainers"):
        yield "", "initContainers are not supported"
    if spec.get("ephemeralContainers"):
        yield "spec.ephemeralContainers", "ephemeral containers are not supported by virtual nodes"
    for name in _POD_FIELDS:
        if spec.get(name):
            yield f"spec.{name}", "not supported by virtual nodes"
    # A StatefulSet writes the pod's own name here, which asks for nothing.
    if spec.get("hostname") not in (None, "", pod["metadata"].get("name")):
        yield "spec.hostname", "not supported by virtual nodes"
    if spec.get("hostUsers") is False:
        yield "spec.hostUsers", "user namespaces are not supported by virtual nodes"
    for name, value in (spec.get("securityContext") or {}).items():
        if name not in _POD_SECURITY and value not in (None, {}, []):
            yield f"spec.securityContext.{name}", "not supported by virtual nodes"
    yield from _volumes(spec.get("volumes") or ())
    for index, container in enumerate(spec["containers"]):
        yield from _container(f"spec.containers[{index}]", container)


def _volumes(volumes: Any) -> Iterator[tuple[str, str]]:
    empty = [index for index, volume in enumerate(volumes) if "emptyDir" in volume]
    if len(empty) > 1:
        yield "spec.volumes", f"at most 1 emptyDir volume is supported by virtual nodes, found {len(empty)}"
    for index, volume in enumerate(volumes):
        path = f"spec.volumes[{index}]"
        kind = next((key for key in volume if key != "name"), "emptyDir")
        body = volume.get(kind) or {}
        path = f"{path}.{kind}"
        if kind not in _VOLUMES:
            yield path, f"volumes of type {kind} are not supported by virtual nodes"
        elif kind == "persistentVolumeClaim":
            yield path, "virtual nodes mount claims of the File Storage service only, which this region does not have"
        elif kind == "emptyDir":
            if body.get("sizeLimit"):
                yield f"{path}.sizeLimit", "not supported by virtual nodes"
            if body.get("medium", "") not in ("", "Memory"):
                yield f"{path}.medium", 'virtual nodes support "" and "Memory" only'
        elif kind == "projected":
            yield from _projected(path, volume["name"], body)
        else:
            yield from _modes(path, body)


def _projected(path: str, name: str, body: Json) -> Iterator[tuple[str, str]]:
    yield from _modes(path, body)
    # The volume that Kubernetes itself injects also projects the namespace from the downward API.
    injected = name.startswith("kube-api-access-")
    for index, source in enumerate(body.get("sources") or ()):
        for kind, content in source.items():
            where = f"{path}.sources[{index}].{kind}"
            if injected and kind == "downwardAPI":
                continue
            if kind not in _PROJECTED:
                yield where, f"projected sources of type {kind} are not supported by virtual nodes"
            elif kind == "serviceAccountToken":
                if content.get("expirationSeconds") not in _TOKEN_SECONDS and not injected:
                    yield f"{where}.expirationSeconds", "not supported by virtual nodes"
            else:
                yield from _modes(where, content)


def _modes(path: str, body: Json) -> Iterator[tuple[str, str]]:
    if body.get("defaultMode") not in (None, _MODE):
        yield f"{path}.defaultMode", "virtual nodes support file mode 0644 only"
    for index, item in enumerate(body.get("items") or ()):
        if item.get("mode") not in (None, _MODE):
            yield f"{path}.items[{index}].mode", "virtual nodes support file mode 0644 only"


def _container(path: str, container: Json) -> Iterator[tuple[str, str]]:
    for name in _CONTAINER_FIELDS:
        if container.get(name):
            yield f"{path}.{name}", "not supported by virtual nodes"
    if container.get("terminationMessagePath") not in (None, "/dev/termination-log"):
        yield f"{path}.terminationMessagePath", "not supported by virtual nodes"
    if container.get("terminationMessagePolicy") not in (None, "File"):
        yield f"{path}.terminationMessagePolicy", "not supported by virtual nodes"
    for index, port in enumerate(container.get("ports") or ()):
        for name in ("hostPort", "hostIP"):
            if port.get(name):
                yield f"{path}.ports[{index}].{name}", "not supported by virtual nodes"
        if port.get("containerPort") in _NODE_PORTS:
            yield f"{path}.ports[{index}].containerPort", "virtual nodes keep ports 30000-32767 for node ports"
    for mount in container.get("volumeMounts") or ():
        # The API server fills in none of these: `mountPropagation: None` is refused too, as it was seen to be.
        for name in ("subPath", "subPathExpr", "mountPropagation", "recursiveReadOnly"):
            if mount.get(name):
                yield "", f"unsupported VolumeMount option: {name}: {mount[name]}"
    for index, item in enumerate(container.get("env") or ()):
        source = item.get("valueFrom") or {}
        for name in ("resourceFieldRef", "fileKeyRef"):
            if source.get(name):
                yield f"{path}.env[{index}].valueFrom.{name}", "not supported by virtual nodes"
    if (container.get("resources") or {}).get("claims"):
        yield f"{path}.resources.claims", "not supported by virtual nodes"
    if (container.get("lifecycle") or {}).get("stopSignal"):
        yield f"{path}.lifecycle.stopSignal", "not supported by virtual nodes"
    for hook in ("postStart", "preStop"):
        if ((container.get("lifecycle") or {}).get(hook) or {}).get("tcpSocket"):
            yield f"{path}.lifecycle.{hook}.tcpSocket", "not supported by virtual nodes"
    yield from _security(f"{path}.securityContext", container.get("securityContext") or {})
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container.get(name) or {}
        for kind in ("grpc", "terminationGracePeriodSeconds"):
            if probe.get(kind):
                yield f"{path}.{name}.{kind}", "not supported by virtual nodes"


def _security(path: str, security: Json) -> Iterator[tuple[str, str]]:
    for name, value in security.items():
        if name not in _CONTAINER_SECURITY:
            # `privileged: false` and a default procMount ask for nothing.
            if value not in (None, False, {}, []) and (name, value) != ("procMount", "Default"):
                yield f"{path}.{name}", "not supported by virtual nodes"
        elif name == "allowPrivilegeEscalation" and value:
            yield f"{path}.{name}", "virtual nodes support false only"
        elif name == "capabilities":
            for kind in ("add", "drop"):
                known = set(capabilities(value.get(kind) or ())) - set(CAPABILITIES)
                for capability in sorted(known):
                    yield f"{path}.capabilities.{kind}", f"{capability} is not supported by virtual nodes"
