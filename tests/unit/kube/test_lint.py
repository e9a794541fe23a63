# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that virtual nodes do not run is found, with its path; what they do run passes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.kube.lint import lint
from ansible_collections.okestack.oci.plugins.module_utils.kube.patch import put

CONTAINER = "spec.template.spec.containers[0]"
CAPABILITIES = f"{CONTAINER}.securityContext.capabilities"
POD = "spec.template.spec"


def deployment() -> dict[str, Any]:
    """One that virtual nodes run, with much of what they allow."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}, "annotations": {"sidecar.istio.io/inject": "false"}},
                "spec": {
                    "serviceAccountName": "web",
                    "automountServiceAccountToken": True,
                    "terminationGracePeriodSeconds": 5,
                    "hostNetwork": False,
                    "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000},
                    "tolerations": [{"operator": "Exists"}],
                    "containers": [
                        {
                            "name": "web",
                            "image": "example/web:1",
                            "ports": [{"name": "http", "containerPort": 8080}],
                            "env": [
                                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                                {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                            ],
                            "resources": {
                                "requests": {"cpu": "1", "memory": "1Gi"},
                                "limits": {"cpu": "1", "memory": "1Gi"},
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "privileged": False,
                                "readOnlyRootFilesystem": True,
                                "runAsNonRoot": True,
                                "runAsUser": 1000,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "startupProbe": {"exec": {"command": ["true"]}},
                            "readinessProbe": {"httpGet": {"path": "/", "port": 8080, "scheme": "HTTPS"}},
                            "livenessProbe": {"httpGet": {"path": "/", "port": 8080}},
                            "volumeMounts": [{"name": "config", "mountPath": "/etc/web"}],
                        }
                    ],
                    "volumes": [
                        {"name": "config", "configMap": {"name": "c", "defaultMode": 0o644}},
                        {"name": "secret", "secret": {"secretName": "s", "items": [{"key": "k", "path": "p"}]}},
                        {"name": "scratch", "emptyDir": {"medium": "Memory"}},
                        {"name": "files", "persistentVolumeClaim": {"claimName": "files"}},
                        {
                            "name": "token",
                            "projected": {
                                "sources": [
                                    {"serviceAccountToken": {"path": "token", "audience": "x"}},
                                    {"configMap": {"name": "c"}},
                                    {"secret": {"name": "s"}},
                                ]
                            },
                        },
                    ],
                },
            },
        },
    }


def plain(kind: str, api_version: str, spec: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An object with no more than it needs."""
    found: dict[str, Any] = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **more}
    if spec is not None:
        found["spec"] = spec
    return found


# What is put into the good Deployment: where, what, and the path that must be named (the same unless given).
FIELDS: list[tuple[str, Any, str | None]] = [
    (f"{POD}.initContainers", [{"name": "i", "image": "i"}], None),
    (f"{POD}.ephemeralContainers", [{"name": "e", "image": "e"}], None),
    (f"{POD}.hostIPC", True, None),
    (f"{POD}.hostNetwork", True, None),
    (f"{POD}.hostPID", True, None),
    (f"{POD}.hostname", "web", None),
    (f"{POD}.os", {"name": "linux"}, None),
    (f"{POD}.overhead", {"cpu": "1"}, None),
    (f"{POD}.setHostnameAsFQDN", True, None),
    (f"{POD}.shareProcessNamespace", True, None),
    (f"{POD}.securityContext.fsGroup", 1000, None),
    (f"{POD}.securityContext.fsGroupChangePolicy", "Always", None),
    (f"{POD}.securityContext.supplementalGroups", [1000], None),
    (f"{POD}.securityContext.seLinuxOptions", {"level": "s0"}, None),
    (f"{POD}.securityContext.sysctls", [{"name": "a", "value": "b"}], None),
    (f"{POD}.securityContext.seccompProfile", {"type": "RuntimeDefault"}, None),
    (f"{POD}.securityContext.appArmorProfile", {"type": "RuntimeDefault"}, None),
    (f"{CONTAINER}.securityContext.allowPrivilegeEscalation", True, None),
    (f"{CONTAINER}.securityContext.privileged", True, None),
    (f"{CONTAINER}.securityContext.procMount", "Default", None),
    (f"{CONTAINER}.securityContext.seccompProfile", {"type": "RuntimeDefault"}, None),
    (f"{CONTAINER}.securityContext.seLinuxOptions", {"level": "s0"}, None),
    (f"{CONTAINER}.ports[0].hostPort", 8080, None),
    (f"{CONTAINER}.ports[0].hostIP", "127.0.0.1", None),
    (f"{CONTAINER}.ports[0].containerPort", 30000, None),
    (f"{CONTAINER}.ports[0].containerPort", 32767, None),
    (f"{CONTAINER}.livenessProbe", {"grpc": {"port": 1}}, f"{CONTAINER}.livenessProbe.grpc"),
    (f"{CONTAINER}.readinessProbe", {"grpc": {"port": 1}}, f"{CONTAINER}.readinessProbe.grpc"),
    (f"{CONTAINER}.startupProbe", {"grpc": {"port": 1}}, f"{CONTAINER}.startupProbe.grpc"),
    (f"{CONTAINER}.livenessProbe.terminationGracePeriodSeconds", 5, None),
    (f"{CONTAINER}.startupProbe.terminationGracePeriodSeconds", 5, None),
    (f"{CONTAINER}.terminationMessagePath", "/dev/x", None),
    (f"{CONTAINER}.terminationMessagePolicy", "File", None),
    (f"{CONTAINER}.volumeDevices", [{"name": "d", "devicePath": "/dev/x"}], None),
    (f"{CONTAINER}.stdin", True, None),
    (f"{CONTAINER}.stdinOnce", True, None),
    (f"{CONTAINER}.tty", True, None),
    (f"{CONTAINER}.volumeMounts[0].mountPropagation", "Bidirectional", None),
    (f"{CONTAINER}.volumeMounts[0].mountPropagation", "None", None),
    (f"{CONTAINER}.volumeMounts[0].subPathExpr", "$(POD)", None),
    (f"{CONTAINER}.volumeMounts[0].subPath", "a", None),
    (f"{CONTAINER}.securityContext.capabilities", {"add": ["SYS_ADMIN"]}, f"{CAPABILITIES}.add[0]"),
    (f"{CONTAINER}.securityContext.capabilities", {"add": ["CHOWN", "ALL"]}, f"{CAPABILITIES}.add[1]"),
    (f"{CONTAINER}.securityContext.capabilities", {"drop": ["SYS_PTRACE"]}, f"{CAPABILITIES}.drop[0]"),
    (
        f"{CONTAINER}.env[0].valueFrom",
        {"resourceFieldRef": {"resource": "limits.cpu"}},
        f"{CONTAINER}.env[0].valueFrom.resourceFieldRef",
    ),
    (f"{POD}.volumes[0].configMap.defaultMode", 0o400, None),
    (f"{POD}.volumes[1].secret.defaultMode", 0o600, None),
    (f"{POD}.volumes[1].secret.items[0].mode", 0o755, None),
    (
        f"{POD}.volumes[0].configMap.items",
        [{"key": "k", "path": "p", "mode": 0o400}],
        f"{POD}.volumes[0].configMap.items[0].mode",
    ),
    (
        f"{POD}.volumes[4].projected.sources[2].secret.items",
        [{"key": "k", "path": "p", "mode": 0o400}],
        f"{POD}.volumes[4].projected.sources[2].secret.items[0].mode",
    ),
    (f"{POD}.volumes[2].emptyDir.sizeLimit", "1Gi", None),
    (f"{POD}.volumes[2].emptyDir.medium", "HugePages", None),
    (f"{POD}.volumes[4].projected.defaultMode", 0o600, None),
    (
        f"{POD}.volumes[4].projected.sources[0].serviceAccountToken.expirationSeconds",
        600,
        None,
    ),
    (
        f"{POD}.volumes[4].projected.sources[1]",
        {"downwardAPI": {"items": []}},
        f"{POD}.volumes[4].projected.sources[1].downwardAPI",
    ),
    (
        f"{POD}.volumes[4].projected.sources[1]",
        {"clusterTrustBundle": {"path": "x"}},
        f"{POD}.volumes[4].projected.sources[1].clusterTrustBundle",
    ),
    (
        'spec.template.metadata.labels["sidecar.istio.io/inject"]',
        "true",
        "spec.template.metadata.labels[sidecar.istio.io/inject]",
    ),
    (
        'spec.template.metadata.annotations["linkerd.io/inject"]',
        "enabled",
        "spec.template.metadata.annotations[linkerd.io/inject]",
    ),
]
OTHER_VOLUMES = (
    "awsElasticBlockStore azureDisk azureFile cephfs cinder csi downwardAPI ephemeral fc flexVolume "
    "flocker gcePersistentDisk gitRepo glusterfs hostPath image iscsi nfs photonPersistentDisk "
    "portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)
# Every volume but those that virtual nodes have.
for _kind in OTHER_VOLUMES.split():
    FIELDS.append((f"{POD}.volumes[3]", {"name": "v", _kind: {}}, f"{POD}.volumes[3].{_kind}"))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (f"{CONTAINER}.livenessProbe", {"tcpSocket": {"port": 8080}}),
        (f"{CONTAINER}.startupProbe", {"tcpSocket": {"port": 8080}}),
        (f"{CONTAINER}.securityContext.capabilities", {"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "CAP_CHOWN"]}),
    ],
)
def test_what_nodes_were_seen_to_take_passes(place: str, value: Any) -> None:
    manifest = deployment()
    assert put(manifest, place, value) == 1
    assert lint([manifest]) == []


def test_local_traffic_policy_passes() -> None:
    spec = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80, "targetPort": 8080}]}
    assert lint([{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}]) == []


@pytest.mark.parametrize(
    ("place", "value", "told"), FIELDS, ids=[f"{row[2] or row[0]}={row[1]}"[:90] for row in FIELDS]
)
def test_field_is_refused_with_its_path(place: str, value: Any, told: str | None) -> None:
    manifest = deployment()
    assert put(manifest, place, value) == 1
    problems = lint([manifest])
    assert [problem.path for problem in problems] == [told or place]
    assert problems[0].object == "Deployment shop/web"
    assert str(problems[0]).startswith(f"Deployment shop/web: {told or place}: ")


def test_good_deployment_passes() -> None:
    assert lint([deployment()]) == []


OBJECTS: list[tuple[dict[str, Any], str]] = [
    (plain("DaemonSet", "apps/v1", {}), ""),
    (plain("NetworkPolicy", "networking.k8s.io/v1", {}), ""),
    (plain("VerticalPodAutoscaler", "autoscaling.k8s.io/v1", {}), ""),
    (plain("VirtualService", "networking.istio.io/v1", {}), ""),
    (plain("Server", "policy.linkerd.io/v1beta1", {}), ""),
    (plain("CiliumNetworkPolicy", "cilium.io/v2", {}), ""),
    (plain("IPPool", "crd.projectcalico.org/v1", {}), ""),
    (plain("NetworkAttachmentDefinition", "k8s.cni.cncf.io/v1", {}), ""),
    (plain("Mesh", "servicemesh.oci.oracle.com/v1beta1", {}), ""),
    (plain("Mesh", "kuma.io/v1alpha1", {}), ""),
    (plain("ServiceDefaults", "consul.hashicorp.com/v1alpha1", {}), ""),
    (plain("ClusterNetworkPolicy", "crd.antrea.io/v1beta1", {}), ""),
    (plain("PersistentVolumeClaim", "v1", {"storageClassName": "oci"}), "spec.storageClassName"),
    (plain("PersistentVolumeClaim", "v1", {"storageClassName": "oci-bv-encrypted"}), "spec.storageClassName"),
    (plain("PersistentVolume", "v1", {"nfs": {"server": "x"}}), "spec.nfs"),
    (plain("PersistentVolumeClaim", "v1", {"storageClassName": "oci-bv"}), "spec.storageClassName"),
    (plain("PersistentVolumeClaim", "v1", {"accessModes": ["ReadWriteOnce"]}), "spec.storageClassName"),
    (
        plain("PersistentVolumeClaim", "v1", {"storageClassName": "fss", "volumeMode": "Block"}),
        "spec.volumeMode",
    ),
    (plain("PersistentVolume", "v1", {"hostPath": {"path": "/"}}), "spec.hostPath"),
    (plain("PersistentVolume", "v1", {"csi": {"driver": "blockvolume.csi.oraclecloud.com"}}), "spec.csi.driver"),
    (plain("Service", "v1", {"ports": [{"port": 80, "targetPort": 31000}]}), "spec.ports[0].targetPort"),
]


@pytest.mark.parametrize(("manifest", "path"), OBJECTS, ids=[row[0]["kind"] + row[1] for row in OBJECTS])
def test_object_is_refused(manifest: dict[str, Any], path: str) -> None:
    assert [problem.path for problem in lint([manifest])] == [path]


def test_namespace_with_mesh_injection() -> None:
    manifest = plain("Namespace", "v1")
    manifest["metadata"]["labels"] = {"istio-injection": "enabled"}
    assert [problem.path for problem in lint([manifest])] == ["metadata.labels[istio-injection]"]


@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda spec: plain("Pod", "v1", spec), "spec.hostNetwork"),
        (lambda spec: plain("Job", "batch/v1", {"template": {"spec": spec}}), "spec.template.spec.hostNetwork"),
        (lambda spec: plain("ReplicaSet", "apps/v1", {"template": {"spec": spec}}), "spec.template.spec.hostNetwork"),
        (lambda spec: plain("StatefulSet", "apps/v1", {"template": {"spec": spec}}), "spec.template.spec.hostNetwork"),
        (
            lambda spec: plain("CronJob", "batch/v1", {"jobTemplate": {"spec": {"template": {"spec": spec}}}}),
            "spec.jobTemplate.spec.template.spec.hostNetwork",
        ),
        (lambda spec: plain("PodTemplate", "v1", template={"spec": spec}), "template.spec.hostNetwork"),
        (
            lambda spec: plain("ReplicationController", "v1", {"template": {"spec": spec}}),
            "spec.template.spec.hostNetwork",
        ),
        (
            lambda spec: plain("Rollout", "argoproj.io/v1alpha1", {"template": {"spec": spec}}),
            "spec.template.spec.hostNetwork",
        ),
    ],
)
def test_pods_are_found_in_every_kind_that_has_them(wrap: Any, path: str) -> None:
    assert [problem.path for problem in lint([wrap({"hostNetwork": True, "containers": []})])] == [path]


def test_second_empty_dir() -> None:
    manifest = deployment()
    manifest["spec"]["template"]["spec"]["volumes"].append({"name": "more", "emptyDir": {}})
    assert [problem.path for problem in lint([manifest])] == [f"{POD}.volumes[5].emptyDir"]


def test_init_containers_are_looked_into_as_well() -> None:
    manifest = deployment()
    manifest["spec"]["template"]["spec"]["initContainers"] = [{"name": "i", "image": "i", "tty": True}]
    paths = [problem.path for problem in lint([manifest])]
    assert paths == [f"{POD}.initContainers", f"{POD}.initContainers[0].tty"]


def test_all_problems_of_all_objects_at_once() -> None:
    one, other = deployment(), deployment()
    put(one, f"{POD}.hostPID", True)
    put(one, f"{CONTAINER}.tty", True)
    other["metadata"]["name"] = "other"
    put(other, f"{POD}.hostname", "x")
    found = [(problem.object, problem.path) for problem in lint([one, other])]
    assert found == [
        ("Deployment shop/web", f"{POD}.hostPID"),
        ("Deployment shop/web", f"{CONTAINER}.tty"),
        ("Deployment shop/other", f"{POD}.hostname"),
    ]


def test_volume_that_kubernetes_injects_is_accepted() -> None:
    manifest = plain("Pod", "v1", {"containers": [{"name": "a"}]})
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt"}},
        {"downwardAPI": {"items": [{"path": "namespace"}]}},
    ]
    volume = {"name": "kube-api-access-abcde", "projected": {"defaultMode": 420, "sources": sources}}
    manifest["spec"]["volumes"] = [volume]
    assert lint([manifest]) == []
    volume["name"] = "mine"
    assert len(lint([manifest])) == 2


def test_storage_class_of_the_same_set_decides() -> None:
    claim = plain("PersistentVolumeClaim", "v1", {"storageClassName": "mine"})
    files = plain("StorageClass", "storage.k8s.io/v1", provisioner="fss.csi.oraclecloud.com")
    files["metadata"]["name"] = "mine"
    blocks = copy.deepcopy(files)
    blocks["provisioner"] = "blockvolume.csi.oraclecloud.com"
    assert lint([claim, files]) == []
    assert [problem.path for problem in lint([claim, blocks])] == ["spec.storageClassName"]


def test_claims_of_a_stateful_set() -> None:
    manifest = plain("StatefulSet", "apps/v1", {"template": {"spec": {"containers": []}}})
    manifest["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "d"}, "spec": {"storageClassName": "oci-bv"}}]
    assert [problem.path for problem in lint([manifest])] == ["spec.volumeClaimTemplates[0].spec.storageClassName"]


def test_static_volume_of_file_storage_passes() -> None:
    volume = plain("PersistentVolume", "v1", {"capacity": {}, "csi": {"driver": "fss.csi.oraclecloud.com"}})
    claim = plain("PersistentVolumeClaim", "v1", {"volumeName": "x"})
    assert lint([volume, claim]) == []


def test_nonsense_does_not_stop_it() -> None:
    odd = [
        {},
        {"kind": "Deployment"},
        plain("Pod", "v1", {"containers": "none", "volumes": {"a": 1}, "securityContext": []}),
        plain("Pod", "v1", {"containers": [None, "x"], "volumes": [None]}),
    ]
    assert lint(odd) == []
