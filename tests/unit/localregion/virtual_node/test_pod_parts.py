# SPDX-License-Identifier: GPL-3.0-or-later
"""Environment, volumes, images, probes, logs, nodes: the pure parts."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from localregion.host.containers import Credentials, Mount
from localregion.virtual_node import env, images, logs, node, probes, volumes
from localregion.virtual_node.config import Config, Taint, VirtualNode
from localregion.virtual_node.quantity import quantity

POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"app": "x"}, "annotations": {"a/b": "c"}},
    "spec": {"serviceAccountName": "sa", "containers": [{"name": "m"}]},
}


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


OBJECTS: dict[tuple[str, str], Any] = {
    ("secret", "s"): {"data": {"word": b64("geheim"), "other": b64("o")}},
    ("configmap", "c"): {"data": {"k": "v"}, "binaryData": {"bin": base64.b64encode(b"\0\1").decode()}},
    ("secret", "gone"): None,
    ("configmap", "gone"): None,
}


# --- environment


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("$(A)", "1"),
        ("$(A)$(B)", "12"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(NOPE)", "$(NOPE)"),
        ("$A", "$A"),
        ("$(A", "$(A"),
        ("100%$", "100%$"),
        ("$()", "$()"),
    ],
)
def test_expand(text: str, result: str) -> None:
    assert env.expand(text, {"A": "1", "B": "2"}) == result


def variables(container: dict[str, Any], services: dict[str, str] | None = None) -> dict[str, str]:
    return env.environment(
        POD, container, OBJECTS, services or {}, pod_ip="10.0.32.9", host_ip="10.0.16.2", node_name="10.0.16.2"
    )


def test_environment() -> None:
    def ref(path: str) -> dict[str, Any]:
        return {"fieldRef": {"fieldPath": path}}

    container = {
        "env": [
            {"name": "A", "value": "$(FROM_k)-$(SVC)-$(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "SVC", "value": "mine"},
            {"name": "B", "value": "$(SVC)"},
            {"name": "IP", "valueFrom": ref("status.podIP")},
            {"name": "HOST", "valueFrom": ref("status.hostIP")},
            {"name": "LABEL", "valueFrom": ref("metadata.labels['app']")},
            {"name": "NOTE", "valueFrom": ref("metadata.annotations['a/b']")},
            {"name": "SA", "valueFrom": ref("spec.serviceAccountName")},
            {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "word"}}},
            {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "x", "optional": True}}},
            {"name": "NONE2", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "x", "optional": True}}},
        ],
        "envFrom": [
            {"prefix": "FROM_", "configMapRef": {"name": "c"}},
            {"secretRef": {"name": "gone", "optional": True}},
        ],
    }
    found = variables(container, {"SVC": "service"})
    assert found == {
        "FROM_k": "v",
        "A": "v-service-$(LATER)",
        "LATER": "x",
        "SVC": "mine",
        "B": "mine",
        "IP": "10.0.32.9",
        "HOST": "10.0.16.2",
        "LABEL": "x",
        "NOTE": "c",
        "SA": "sa",
        "WORD": "geheim",
    }
    assert env.references(container) == {
        env.Reference("configmap", "c"),
        env.Reference("secret", "s"),
        env.Reference("secret", "gone"),
    }


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "k"}}}]}, 'secret "gone" not'),
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            "couldn't find key k in Secret ns/s",
        ),
        ({"envFrom": [{"configMapRef": {"name": "gone"}}]}, 'configmap "gone" not found'),
        ({"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]}, "unsupported fieldPath"),
    ],
)
def test_environment_that_cannot_be(container: dict[str, Any], message: str) -> None:
    with pytest.raises(env.ConfigError, match=message):
        variables(container)


def service(own: str, namespace: str = "ns", ip: str = "10.96.0.7", **port: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": own, "namespace": namespace},
        "spec": {"clusterIP": ip, "ports": [{"port": 80, "protocol": "TCP"} | port]},
    }


def test_service_variables() -> None:
    services = [
        service("my-web", name="http"),
        service("far", "other"),
        service("headless", ip="None"),
        service("kubernetes", "default", "10.96.0.1", port=443),
    ]
    found = env.service_variables(services, "ns", True, "10.0.0.5", 6443)
    assert found["MY_WEB_SERVICE_HOST"] == "10.96.0.7"
    assert found["MY_WEB_SERVICE_PORT"] == "80"
    assert found["MY_WEB_SERVICE_PORT_HTTP"] == "80"
    assert found["MY_WEB_PORT_80_TCP_ADDR"] == "10.96.0.7"
    assert found["MY_WEB_PORT"] == "tcp://10.96.0.7:80"
    assert found["KUBERNETES_SERVICE_HOST"] == "10.0.0.5"
    assert found["KUBERNETES_SERVICE_PORT"] == found["KUBERNETES_SERVICE_PORT_HTTPS"] == "6443"
    assert not [name for name in found if name.startswith(("FAR", "HEADLESS"))]
    alone = env.service_variables(services, "ns", False, "10.0.0.5", 6443)
    assert {name.split("_")[0] for name in alone} == {"KUBERNETES"}


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (
            {},
            "search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.5.5\noptions ndots:5\n",
        ),
        ({"dnsPolicy": "Default"}, "nameserver 169.254.169.254\n"),
        (
            {
                "dnsPolicy": "None",
                "dnsConfig": {
                    "nameservers": ["1.1.1.1"],
                    "searches": ["a.b"],
                    "options": [{"name": "ndots", "value": "2"}, {"name": "rotate"}],
                },
            },
            "search a.b\nnameserver 1.1.1.1\noptions ndots:2 rotate\n",
        ),
        (
            {"dnsConfig": {"options": [{"name": "ndots", "value": "1"}]}},
            "search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.5.5\noptions ndots:1\n",
        ),
    ],
)
def test_resolv_conf(spec: dict[str, Any], text: str) -> None:
    assert env.resolv_conf(spec, "ns", "10.96.5.5", "cluster.local", "169.254.169.254") == text


# --- volumes


def test_volumes() -> None:
    projected = {
        "name": "v",
        "projected": {
            "sources": [
                {"secret": {"name": "s", "items": [{"key": "word", "path": "deep/w"}]}},
                {"configMap": {"name": "c"}},
                {"serviceAccountToken": {"path": "token", "audience": "vault"}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
                {"secret": {"name": "gone", "optional": True}},
            ]
        },
    }
    spec = {"volumes": [projected, {"name": "e", "emptyDir": {}}]}
    (need,) = volumes.token_needs(spec)
    assert need == volumes.TokenNeed("v", "token", "vault", 3600)
    assert volumes.references(spec) == {
        env.Reference("secret", "s"),
        env.Reference("secret", "gone"),
        env.Reference("configmap", "c"),
    }
    assert volumes.render(projected, POD, OBJECTS, {need: "jwt"}) == {
        "deep/w": b"geheim",
        "k": b"v",
        "bin": b"\0\1",
        "token": b"jwt",
        "namespace": b"ns",
    }
    assert volumes.render({"name": "e", "emptyDir": {}}, POD, OBJECTS, {}) is None


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"secret": {"secretName": "gone"}}, 'secret "gone" not found'),
        ({"configMap": {"name": "c", "items": [{"key": "zz", "path": "p"}]}}, "no key zz"),
    ],
)
def test_volumes_that_cannot_be(volume: dict[str, Any], message: str) -> None:
    with pytest.raises(volumes.VolumeError, match=message):
        volumes.render({"name": "v", **volume}, POD, OBJECTS, {})


def test_folders(tmp_path: Path) -> None:
    folders = volumes.PodFolders(tmp_path / "pods" / "u", tmp_path / "mem" / "u")
    folders.make()
    spec = {
        "volumes": [
            {"name": "c", "configMap": {"name": "c"}},
            {"name": "e", "emptyDir": {"medium": "Memory"}},
        ]
    }
    folders.write(spec["volumes"][0], {"k": b"v", "deep/x": b"y"})
    folders.write(spec["volumes"][1], None)
    assert (tmp_path / "pods/u").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "pods/u/volumes/c/deep/x").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "mem/u/e").stat().st_mode & 0o777 == 0o777
    pod = {**POD, "spec": spec}

    def mounts(**mount: Any) -> list[Mount]:
        return folders.mounts(pod, {"volumeMounts": [{"mountPath": "/m", **mount}]})

    base = tmp_path / "pods/u/volumes/c"
    assert mounts(name="c") == [Mount(base, "/m", True)]
    assert mounts(name="e") == [Mount(tmp_path / "mem/u/e", "/m", False)]
    assert mounts(name="e", readOnly=True)[0].read_only
    (tmp_path / "mem/u/e/out").symlink_to(tmp_path)
    for path in ("made", "out/made"):
        with pytest.raises(env.ConfigError, match="unsupported VolumeMount option: subPath"):
            mounts(name="e", subPath=path)
        assert not (tmp_path / "mem/u/e" / path).exists()
    folders.remove()
    assert not (tmp_path / "pods/u").exists()
    assert not (tmp_path / "mem/u").exists()


# --- images


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("a/b:1", "docker.io/a/b:1"),
        ("r.example/a/b", "r.example/a/b:latest"),
        ("localhost:5000/x:2", "localhost:5000/x:2"),
        ("r.example/x@sha256:" + "a" * 64, "r.example/x@sha256:" + "a" * 64),
    ],
)
def test_full_name(image: str, name: str) -> None:
    assert images.full_name(image) == name


@pytest.mark.parametrize("image", ["UPPER/x", "a b", "r.example/x:", "r.example/-x", ""])
def test_names_that_are_none(image: str) -> None:
    with pytest.raises(images.ImageError) as error:
        images.full_name(image)
    assert error.value.reason == "InvalidImageName"


def pull_secret(auths: dict[str, Any]) -> dict[str, Any]:
    return {"data": {".dockerconfigjson": b64(json.dumps({"auths": auths}))}}


@pytest.mark.parametrize(
    ("registry", "image", "fits"),
    [
        ("r.example", "r.example/a:1", True),
        ("https://r.example/v2/", "r.example/a:1", True),
        ("r.example/a", "r.example/a/b:1", True),
        ("r.example/z", "r.example/a/b:1", False),
        ("*.example", "r.example/a:1", True),
        ("*.example", "x.r.example/a:1", False),
        ("r.example:5000", "r.example/a:1", False),
        ("https://index.docker.io/v1/", "docker.io/library/a:1", True),
    ],
)
def test_credentials(registry: str, image: str, fits: bool) -> None:
    secret = pull_secret({registry: {"auth": b64("me:geheim")}})
    assert images.credentials(image, [secret]) == ([Credentials("me", "geheim")] if fits else [])


def test_credentials_most_specific_first_and_never_shown() -> None:
    secret = pull_secret(
        {"r.example": {"username": "all", "password": "x"}, "r.example/a": {"username": "a", "password": "geheim"}}
    )
    found = images.credentials("r.example/a/b:1", [secret, {"data": {".dockerconfigjson": b64("no json")}}])
    assert [one.username for one in found] == ["a", "all"]
    assert "geheim" not in repr(found)


# --- probes


def test_tally() -> None:
    tally = probes.Tally.of({"successThreshold": 2, "failureThreshold": 3})
    said = [tally.note(ok) for ok in (True, True, False, False, True, False, False, False, False, True, True)]
    assert said == [None, True, None, None, None, None, None, False, False, None, True]


def test_http_target() -> None:
    container = {"ports": [{"name": "web", "containerPort": 8080}]}
    target = probes.HttpTarget.of({"port": "web", "path": "x"}, container, "10.0.32.2")
    assert (target.scheme, target.host, target.port, target.path) == ("http", "10.0.32.2", 8080, "/x")
    with pytest.raises(ValueError, match="unknown port"):
        probes.HttpTarget.of({"port": "nope"}, container, "x")
    own = dataclasses.replace(target, headers={"host": "app.example", "Accept": "", "X-A": "1"})
    text = probes.request_text(own, "1.35").decode()
    assert text.startswith("GET /x HTTP/1.1\r\n")
    assert "host: app.example\r\n" in text
    assert "Accept" not in text
    assert "X-A: 1\r\n" in text
    assert "User-Agent: kube-probe/1.35\r\n" in text


# --- logs

LINES = [
    "2026-11-22T02:00:01.000000001+00:00 stdout F one",
    "2026-11-22T02:00:02.000000000+00:00 stderr F two  spaced",
    "2026-11-22T02:00:03.000000000+00:00 stdout P thr",
    "2026-11-22T02:00:03.100000000+00:00 stdout F ee",
    "2026-11-22T02:00:04.000000000+00:00 stdout F ",
    "2026-11-22T02:00:05.000000000+00:00 stdout P end",
]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "one\ntwo  spaced\nthree\n\nend"),
        ({"tailLines": "2"}, "\nend"),
        ({"tailLines": "0"}, ""),
        ({"limitBytes": "5"}, "one\nt"),
        ({"sinceTime": "2026-11-22T02:00:04Z"}, "\nend"),
        ({"sinceSeconds": "6"}, "\nend"),
        ({"stream": "Stderr"}, "two  spaced\n"),
        ({"timestamps": "true", "stream": "Stderr"}, "2026-11-22T02:00:02.000000000Z two  spaced\n"),
    ],
)
def test_logs(query: dict[str, str], text: str) -> None:
    from localregion.virtual_node.pods import seconds

    now = seconds("2026-11-22T02:00:10Z")
    assert logs.select(iter(line + "\n" for line in LINES), logs.Options.of(query), now).decode() == text


# --- nodes


def config(**changes: Any) -> Config:
    values: dict[str, Any] = dict.fromkeys(
        ("cluster_id", "compartment_id", "apiserver", "ca_file", "client_certificate", "client_key"), ""
    )
    values |= dict.fromkeys(
        ("serving_certificate", "serving_key", "cluster_dns", "cluster_domain", "service_cidr", "region_netns"), ""
    )
    values |= dict.fromkeys(("internal_socket", "state_dir", "containers_dir"), "")
    values |= {"pool_id": "ocid1.pool", "region": "local-1", "kubernetes_version": "v1.36.1"}
    return Config(**(values | changes))


NODE = VirtualNode("ocid1.virtualnode", "10.0.16.2", "n1", "10.0.16.2", "Lcl1:LOCAL-1-AD-1", "FAULT-DOMAIN-2", "s")


def test_node_labels_win_over_the_pools() -> None:
    found = node.labels(config(labels={"mine": "1", "kubernetes.io/os": "plan9"}), NODE)
    assert found["mine"] == "1"
    assert found["kubernetes.io/os"] == "linux"
    assert found["topology.kubernetes.io/zone"] == "LOCAL-1-AD-1"
    assert found["oci.oraclecloud.com/fault-domain"] == "FAULT-DOMAIN-2"


@pytest.mark.parametrize(
    ("current", "applied", "wanted", "result"),
    [
        ([], [], [Taint("a", "NoSchedule")], ["a"]),
        (["node.kubernetes.io/not-ready"], [], [Taint("a", "NoSchedule")], ["node.kubernetes.io/not-ready", "a"]),
        (["a", "mine"], ["a"], [], ["mine"]),
        (["mine", "a"], ["a"], [Taint("b", "NoSchedule")], ["mine", "b"]),
        (["a"], ["a"], [Taint("a", "NoSchedule")], ["a"]),
    ],
)
def test_taints(current: list[str], applied: list[str], wanted: list[Taint], result: list[str]) -> None:
    def taints(keys: list[str]) -> list[dict[str, str]]:
        return [{"key": key, "effect": "NoSchedule"} for key in keys]

    assert node.taints(taints(current), taints(applied), wanted) == taints(result)


def test_node_status_keeps_times() -> None:
    first = node.status(config(), NODE, 1_700_000_000.0, None)
    later = node.status(config(), NODE, 1_700_000_100.0, first)
    ready = {c["type"]: c for c in later["conditions"]}["Ready"]
    assert ready["lastTransitionTime"] < ready["lastHeartbeatTime"]
    assert later["capacity"]["pods"] == "1000"


@pytest.mark.parametrize(
    ("text", "number"),
    [("250m", 0.25), ("1.5", 1.5), (2, 2), ("512Mi", 512 * 2**20), ("1e3", 1000), ("1k", 1000), ("100u", 1e-4)],
)
def test_quantity(text: str, number: float) -> None:
    assert quantity(text) == pytest.approx(number)
