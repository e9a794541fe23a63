# SPDX-License-Identifier: GPL-3.0-or-later
"""What virtual nodes refuse, field by field, and what they take."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from localregion.virtual_node.admission import CAPABILITIES, capabilities, problems

# As the API server holds it: with every default it fills in.
PLAIN: dict[str, Any] = {
    "metadata": {
        "name": "p",
        "namespace": "default",
        "uid": "u",
        "ownerReferences": [{"kind": "ReplicaSet", "name": "r"}],
    },
    "spec": {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "volumes": [
            {
                "name": "kube-api-access-x7k2p",
                "projected": {
                    "defaultMode": 420,
                    "sources": [
                        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                        {
                            "downwardAPI": {
                                "items": [
                                    {
                                        "path": "namespace",
                                        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                                    }
                                ]
                            }
                        },
                    ],
                },
            }
        ],
        "containers": [
            {
                "name": "main",
                "image": "i",
                "imagePullPolicy": "Always",
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "resources": {},
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "volumeMounts": [{"name": "kube-api-access-x7k2p", "mountPath": "/var/run/secrets", "readOnly": True}],
            }
        ],
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The plain pod with one value set; `spec.containers.0.x` leads into lists, `+` appends."""
    pod = copy.deepcopy(PLAIN)
    at: Any = pod
    *way, last = path.split(".")
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
    if last == "+":
        at.append(value)
    else:
        at[last] = value
    return pod


C = "spec.containers.0"
SA = {"serviceAccountToken": {"path": "t", "expirationSeconds": 600}}

REFUSED = [
    ("metadata.ownerReferences", [{"kind": "DaemonSet", "name": "d"}], "metadata.ownerReferences"),
    ("spec.ephemeralContainers", [{"name": "e"}], "spec.ephemeralContainers"),
    ("spec.hostNetwork", True, "spec.hostNetwork"),
    ("spec.hostPID", True, "spec.hostPID"),
    ("spec.hostIPC", True, "spec.hostIPC"),
    ("spec.hostname", "other", "spec.hostname"),
    ("spec.os", {"name": "linux"}, "spec.os"),
    ("spec.overhead", {"cpu": "1"}, "spec.overhead"),
    ("spec.setHostnameAsFQDN", True, "spec.setHostnameAsFQDN"),
    ("spec.shareProcessNamespace", True, "spec.shareProcessNamespace"),
    ("spec.runtimeClassName", "kata", "spec.runtimeClassName"),
    ("spec.hostUsers", False, "spec.hostUsers"),
    ("spec.securityContext.fsGroup", 0, "spec.securityContext.fsGroup"),
    ("spec.securityContext.fsGroupChangePolicy", "Always", "spec.securityContext.fsGroupChangePolicy"),
    ("spec.securityContext.supplementalGroups", [1], "spec.securityContext.supplementalGroups"),
    ("spec.securityContext.seLinuxOptions", {"level": "s0"}, "spec.securityContext.seLinuxOptions"),
    ("spec.securityContext.sysctls", [{"name": "a"}], "spec.securityContext.sysctls"),
    ("spec.securityContext.seccompProfile", {"type": "RuntimeDefault"}, "spec.securityContext.seccompProfile"),
    ("spec.volumes.+", {"name": "v", "hostPath": {"path": "/"}}, "spec.volumes[1].hostPath"),
    ("spec.volumes.+", {"name": "v", "nfs": {}}, "spec.volumes[1].nfs"),
    ("spec.volumes.+", {"name": "v", "downwardAPI": {}}, "spec.volumes[1].downwardAPI"),
    ("spec.volumes.+", {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}, "persistentVolumeClaim"),
    ("spec.volumes.+", {"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}, "spec.volumes[1].emptyDir.sizeLimit"),
    ("spec.volumes.+", {"name": "v", "emptyDir": {"medium": "HugePages"}}, "spec.volumes[1].emptyDir.medium"),
    ("spec.volumes.+", {"name": "v", "secret": {"defaultMode": 256}}, "spec.volumes[1].secret.defaultMode"),
    ("spec.volumes.+", {"name": "v", "configMap": {"items": [{"mode": 493}]}}, "configMap.items[0].mode"),
    ("spec.volumes.+", {"name": "v", "projected": {"sources": [SA]}}, "serviceAccountToken.expirationSeconds"),
    ("spec.volumes.+", {"name": "v", "projected": {"sources": [{"downwardAPI": {}}]}}, "sources[0].downwardAPI"),
    ("spec.volumes.+", {"name": "v", "projected": {"sources": [{"clusterTrustBundle": {}}]}}, "clusterTrustBundle"),
    (f"{C}.stdin", True, "spec.containers[0].stdin"),
    (f"{C}.tty", True, "spec.containers[0].tty"),
    (f"{C}.volumeDevices", [{"name": "d"}], "spec.containers[0].volumeDevices"),
    (f"{C}.terminationMessagePath", "/x", "terminationMessagePath"),
    (f"{C}.terminationMessagePolicy", "FallbackToLogsOnError", "terminationMessagePolicy"),
    (f"{C}.restartPolicy", "Never", "spec.containers[0].restartPolicy"),
    (f"{C}.ports.0.hostPort", 80, "ports[0].hostPort"),
    (f"{C}.ports.0.hostIP", "1.2.3.4", "ports[0].hostIP"),
    (f"{C}.ports.0.containerPort", 30000, "ports[0].containerPort"),
    (f"{C}.ports.0.containerPort", 32767, "ports[0].containerPort"),
    (f"{C}.env", [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}], "resourceFieldRef"),
    (f"{C}.securityContext", {"privileged": True}, "securityContext.privileged"),
    (f"{C}.securityContext", {"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation"),
    (f"{C}.securityContext", {"procMount": "Unmasked"}, "securityContext.procMount"),
    (f"{C}.securityContext", {"seccompProfile": {"type": "RuntimeDefault"}}, "securityContext.seccompProfile"),
    (f"{C}.livenessProbe", {"grpc": {"port": 1}}, "livenessProbe.grpc"),
    (f"{C}.securityContext", {"capabilities": {"add": ["SYS_ADMIN"]}}, "securityContext.capabilities.add"),
    (f"{C}.securityContext", {"capabilities": {"add": ["CAP_NET_ADMIN"]}}, "securityContext.capabilities.add"),
    (f"{C}.securityContext", {"capabilities": {"drop": ["SYS_TIME"]}}, "securityContext.capabilities.drop"),
    (f"{C}.startupProbe", {"exec": {}, "terminationGracePeriodSeconds": 1}, "terminationGracePeriodSeconds"),
    (f"{C}.lifecycle", {"stopSignal": "SIGINT"}, "lifecycle.stopSignal"),
]


@pytest.mark.parametrize(("path", "value", "word"), REFUSED)
def test_refused(path: str, value: Any, word: str) -> None:
    (problem,) = problems(changed(path, value))
    assert word in problem.partition(": ")[0]


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("spec.initContainers", [{"name": "i"}], "initContainers are not supported"),
        (f"{C}.volumeMounts.0.subPath", "deep", "unsupported VolumeMount option: subPath: deep"),
        (f"{C}.volumeMounts.0.subPathExpr", "$(A)", "unsupported VolumeMount option: subPathExpr: $(A)"),
        (f"{C}.volumeMounts.0.mountPropagation", "None", "unsupported VolumeMount option: mountPropagation: None"),
    ],
)
def test_refused_in_the_words_of_the_service(path: str, value: Any, text: str) -> None:
    assert problems(changed(path, value)) == [text]


def test_all_capabilities_are_those_that_the_service_knows() -> None:
    assert capabilities(["ALL"]) == CAPABILITIES
    assert capabilities(["CAP_CHOWN", "kill"]) == ("CHOWN", "KILL")
    assert not {"SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "NET_ADMIN", "SYS_RAWIO"} & set(CAPABILITIES)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{C}.readinessProbe", {"tcpSocket": {"port": 1}}),
        (f"{C}.securityContext", {"capabilities": {"add": ["ALL"], "drop": ["NET_RAW"]}}),
        ("metadata.labels", {"a": "b"}),
        ("spec.hostname", "p"),
        ("spec.subdomain", "s"),
        ("spec.terminationGracePeriodSeconds", 1),
        ("spec.shareProcessNamespace", False),
        ("spec.securityContext", {"runAsNonRoot": True, "runAsUser": 1, "runAsGroup": 0}),
        ("spec.volumes.+", {"name": "v", "emptyDir": {}}),
        ("spec.volumes.+", {"name": "v", "emptyDir": {"medium": "Memory"}}),
        ("spec.volumes.+", {"name": "v", "secret": {"secretName": "s", "defaultMode": 420}}),
        ("spec.volumes.+", {"name": "v", "projected": {"sources": [{"secret": {}}, {"configMap": {}}]}}),
        (
            "spec.volumes.+",
            {"name": "v", "projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 3600}}]}},
        ),
        (f"{C}.ports.0.containerPort", 29999),
        (f"{C}.ports.0.containerPort", 32768),
        (
            f"{C}.securityContext",
            {
                "readOnlyRootFilesystem": True,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "privileged": False,
                "procMount": "Default",
                "runAsUser": 1,
            },
        ),
        (f"{C}.livenessProbe", {"httpGet": {"port": 1, "scheme": "HTTPS"}}),
        (f"{C}.startupProbe", {"exec": {"command": ["a"]}}),
        (f"{C}.lifecycle", {"preStop": {"exec": {"command": ["a"]}}, "postStart": {"httpGet": {"port": 1}}}),
        (f"{C}.resources", {"limits": {"cpu": "1"}}),
    ],
)
def test_taken(path: str, value: Any) -> None:
    assert problems(changed(path, value)) == []


def test_two_empty_dirs_and_everything_at_once() -> None:
    pod = changed("spec.volumes.+", {"name": "a", "emptyDir": {}})
    pod["spec"]["volumes"].append({"name": "b", "emptyDir": {}})
    pod["spec"]["hostNetwork"] = True
    assert [p.partition(":")[0] for p in problems(pod)] == ["spec.hostNetwork", "spec.volumes"]
