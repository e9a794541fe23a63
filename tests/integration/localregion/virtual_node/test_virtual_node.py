# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual nodes against a real control plane, with real containers."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import platform
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from localregion.virtual_node.config import Taint
from tests.integration.localregion.podman_tools import execute
from tests.integration.localregion.virtual_node.harness import (
    IMAGE,
    NAME,
    NODES,
    PASSWORD,
    PRIVATE,
    PUBLIC,
    REGISTRY,
    USER,
    Json,
    Lab,
)

pytestmark = [pytest.mark.programs, pytest.mark.root, pytest.mark.timeout(300)]


def state_of(pod: Json) -> Json:
    """The state of the pod's only container."""
    found: Json = pod["status"]["containerStatuses"][0]
    return found


def running(lab: Lab, name: str, restarts: int) -> Json:
    """Wait until a pod's container runs for the `restarts`th time."""

    def question() -> Json | None:
        pod = lab.pod(name)
        statuses = (pod or {}).get("status", {}).get("containerStatuses") or ()
        return pod if any(s["restartCount"] == restarts and "running" in s["state"] for s in statuses) else None

    found: Json = lab.until(question, 30, f"{name} running, {restarts} restarts")
    return found


def waiting(lab: Lab, name: str, reason: str) -> Json:
    """Wait until a pod's container waits for a reason; its status."""

    def question() -> Json | None:
        statuses = (lab.pod(name) or {}).get("status", {}).get("containerStatuses") or ()
        return next((s for s in statuses if s["state"].get("waiting", {}).get("reason") == reason), None)

    found: Json = lab.until(question, 30, f"{name} waiting: {reason}")
    return found


def test_nodes_say_what_oke_says(lab: Lab) -> None:
    domains = set()
    for name in NODES:
        node = lab.api.get(f"/api/v1/nodes/{name}")
        labels = node["metadata"]["labels"]
        assert labels["topology.kubernetes.io/zone"] == "LOCAL-1-AD-1"
        assert labels["topology.kubernetes.io/region"] == "local-1"
        assert labels["kubernetes.io/hostname"] == name
        assert "node-role.kubernetes.io/virtual-node" in labels
        assert labels["tier"] == "app"
        domains.add(labels["oci.oraclecloud.com/fault-domain"])
        annotation = node["metadata"]["annotations"]["oci.oraclecloud.com/virtual-node-pool-id"]
        assert annotation == "ocid1.virtualnodepool.oc1.lcl.test"
        assert node["spec"]["providerID"].startswith("ocid1.virtualnode.")
        assert node["status"]["allocatable"]["pods"] == "1k" or node["status"]["allocatable"]["pods"] == "1000"
        assert {"type": "InternalIP", "address": name} in node["status"]["addresses"]
        assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.1"
        lease = lab.api.get(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}")
        assert lease["spec"]["holderIdentity"] == name
    assert domains == {"FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"}


def test_environment_files_and_names(lab: Lab) -> None:
    namespace = "/api/v1/namespaces/default"
    lab.api.post(f"{namespace}/configmaps", {"metadata": {"name": "conf"}, "data": {"color": "blue", "a.txt": "A"}})
    secret = {"metadata": {"name": "pass"}, "stringData": {"word": "geheim"}}
    lab.api.post(f"{namespace}/secrets", secret)
    lab.api.post(
        f"{namespace}/services",
        {"metadata": {"name": "my-db"}, "spec": {"ports": [{"name": "sql", "port": 3306}], "selector": {"a": "b"}}},
    )
    time.sleep(0.5)
    script = (
        "env; echo; cat /etc/resolv.conf /etc/hosts; cat /conf/a.txt /one/renamed /all/w /all/token; echo;"
        " ls -ld /scratch /mem; cat /proc/mounts; touch /scratch/x /mem/y; ls /scratch /mem /sub; hostname; id -u; echo $0 $1;"  # noqa: E501
        " touch /conf/new || echo read only"
    )
    lab.make_pod(
        "wide",
        {
            "command": ["sh", "-c", script, "$(NAME)"],
            "args": ["$(COMBINED)"],
            "env": [
                {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "pass", "key": "word"}}},
                {"name": "COMBINED", "value": "$(WORD)-$(MY_DB_SERVICE_PORT)-$$(NAME)-$(NOPE)"},
                {"name": "MAYBE", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "k", "optional": True}}},
            ],
            "envFrom": [{"prefix": "C_", "configMapRef": {"name": "conf"}}],
            "volumeMounts": [
                {"name": "conf", "mountPath": "/conf"},
                {"name": "one", "mountPath": "/one"},
                {"name": "all", "mountPath": "/all"},
                {"name": "mem", "mountPath": "/scratch"},
                {"name": "mem", "mountPath": "/mem"},
                {"name": "mem", "mountPath": "/sub"},
            ],
        },
        restartPolicy="Never",
        hostAliases=[{"ip": "10.1.2.3", "hostnames": ["old.example", "old"]}],
        dnsConfig={"searches": ["extra.example"], "options": [{"name": "timeout", "value": "1"}]},
        volumes=[
            {"name": "conf", "configMap": {"name": "conf"}},
            {"name": "one", "configMap": {"name": "conf", "items": [{"key": "color", "path": "renamed"}]}},
            {
                "name": "all",
                "projected": {
                    "sources": [
                        {"secret": {"name": "pass", "items": [{"key": "word", "path": "w"}]}},
                        {"serviceAccountToken": {"path": "token", "audience": "vault"}},
                    ]
                },
            },
            {"name": "mem", "emptyDir": {"medium": "Memory"}},
        ],
    )
    pod = lab.phase("wide", "Succeeded")
    text = lab.logs("wide")
    ip = pod["status"]["podIP"]
    values = dict(line.split("=", 1) for line in text.split("\n\n")[0].splitlines() if "=" in line)
    assert values["NAME"] == "wide"
    assert values["IP"] == ip
    assert values["NODE"] == pod["spec"]["nodeName"]
    assert values["WORD"] == "geheim"
    assert values["COMBINED"] == "geheim-3306-$(NAME)-$(NOPE)"
    assert values["C_color"] == "blue"
    assert "MAYBE" not in values
    assert values["KUBERNETES_SERVICE_HOST"] == "10.9.0.5"
    assert values["KUBERNETES_SERVICE_PORT"] == "6443"
    assert values["MY_DB_SERVICE_PORT_SQL"] == "3306"
    assert "search default.svc.cluster.local svc.cluster.local cluster.local extra.example" in text
    assert "nameserver 10.96.5.5" in text
    assert "options ndots:5 timeout:1" in text
    assert f"{ip}\twide" in text
    assert "10.1.2.3\told.example\told" in text
    assert "Ablue" in text.replace("\n", "")
    token = next(word for word in text.split() if word.count(".") == 2 and len(word) > 300).removeprefix("bluegeheim")
    body = token.removeprefix("Abluegeheim").split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert claims["aud"] == ["vault"]
    assert claims["kubernetes.io"]["pod"]["name"] == "wide"
    assert "drwxrwxrwx" in text
    assert "tmpfs /scratch" in text.replace("okestack-memory", "tmpfs")
    assert text.split("/sub:")[1].split()[:2] == ["x", "y"]
    assert "\nwide\n0\nwide geheim-3306-$(NAME)-$(NOPE)\n" in text
    assert "read only" in text
    lab.delete("wide")
    lab.gone("wide")


def test_crash_loop(lab: Lab) -> None:
    lab.make_pod("crash", {"command": ["sh", "-c", "echo run; exit 3"]})
    status = waiting(lab, "crash", "CrashLoopBackOff")
    # The first restart is at once, the second waits 10 s.
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["lastState"]["terminated"]["reason"] == "Error"
    assert lab.pod("crash")["status"]["phase"] == "Running"  # type: ignore[index]
    assert lab.logs("crash", previous="true") == "run\n"
    assert ("Warning", "BackOff") in [event[:2] for event in lab.events("crash")]
    lab.delete("crash")
    lab.gone("crash")


def test_pods_that_end(lab: Lab) -> None:
    for name, script, policy, phase in (
        ("done", "echo fertig", "Never", "Succeeded"),
        ("bad", "exit 4", "Never", "Failed"),
        ("done2", "exit 0", "OnFailure", "Succeeded"),
    ):
        lab.make_pod(name, {"command": ["sh", "-c", script]}, restartPolicy=policy)
        ended = state_of(lab.phase(name, phase))["state"]["terminated"]
        assert ended["exitCode"] == (4 if name == "bad" else 0)
        assert ended["startedAt"] <= ended["finishedAt"]
    assert lab.logs("done") == "fertig\n"
    assert lab.logs("done", timestamps="true").split()[0].startswith("20")
    for name in ("done", "bad", "done2"):
        lab.delete(name)
        lab.gone(name)


def test_no_such_program(lab: Lab) -> None:
    lab.make_pod("missing", {"command": ["/no/such"]}, restartPolicy="Never")
    ended = state_of(lab.phase("missing", "Failed"))["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert "/no/such" in ended["message"]
    lab.delete("missing")
    lab.gone("missing")


def test_readiness_and_liveness(lab: Lab) -> None:
    probe = {"httpGet": {"path": "/", "port": "web"}, "periodSeconds": 1, "failureThreshold": 1}
    lab.make_pod(
        "web",
        {
            "command": ["perl", "/srv/http.pl"],
            "ports": [{"name": "web", "containerPort": 8080}],
            "readinessProbe": probe,
            "livenessProbe": {"exec": {"command": ["sh", "-c", "test ! -e /tmp/dead"]}, "periodSeconds": 1},
            "startupProbe": {"exec": {"command": ["ls", "/tmp"]}, "periodSeconds": 1},  # noqa: S108
        },
    )
    pod = running(lab, "web", 0)
    assert state_of(pod)["ready"] is False
    number = state_of(pod)["containerID"].removeprefix("podman://")
    lab.run(execute(number, "touch", "/tmp/ok"))  # noqa: S108
    pod = lab.ready("web")
    assert state_of(pod)["started"] is True
    lab.run(execute(number, "rm", "/tmp/ok"))  # noqa: S108
    lab.until(lambda: not state_of(lab.pod("web"))["ready"], 10, "web unready")  # type: ignore[arg-type]
    assert any("503" in message for _, reason, message in lab.events("web") if reason == "Unhealthy")
    lab.run(execute(number, "touch", "/tmp/dead"))  # noqa: S108
    pod = running(lab, "web", 1)
    assert "lastState" in state_of(pod)
    assert ("Normal", "Killing", "Container main failed liveness probe, will be restarted") in lab.events("web")
    lab.delete("web")
    lab.gone("web")


@pytest.mark.parametrize(
    ("name", "container", "spec", "word"),
    [
        (
            "init",
            {},
            {"initContainers": [{"name": "i", "image": IMAGE}]},
            "Error creating pod: [initContainers are not",
        ),
        ("admin", {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}, {}, "SYS_ADMIN is not supported"),
        (
            "sub",
            {"volumeMounts": [{"name": "e", "mountPath": "/e", "subPath": "out/made"}]},
            {"volumes": [{"name": "e", "emptyDir": {}}]},
            "Error creating pod: [unsupported VolumeMount option: subPath: out/made]",
        ),
        ("group", {}, {"securityContext": {"fsGroup": 1}}, "spec.securityContext.fsGroup"),
        ("grpc", {"livenessProbe": {"grpc": {"port": 1}}}, {}, "livenessProbe.grpc"),
        ("seccomp", {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}, {}, "seccompProfile"),
        ("path", {}, {"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}, "hostPath"),
    ],
)
def test_refused(lab: Lab, name: str, container: Json, spec: Json, word: str) -> None:
    lab.make_pod(name, container, **spec)

    def refused() -> Any:
        status = (lab.pod(name) or {}).get("status", {})
        return status if status.get("reason") == "ProviderFailed" else None

    status = lab.until(refused, 10, f"{name} refused")
    assert status["phase"] == "Pending"
    assert word in status["message"]
    assert lab.until(lambda: any(kind == "Warning" and word in text for kind, _, text in lab.events(name)), 5, "event")
    lab.delete(name)
    lab.gone(name)
    lab.make_pod(f"{name}-once", container, restartPolicy="Never", **spec)
    assert lab.phase(f"{name}-once", "Failed")["status"]["reason"] == "ProviderFailed"
    lab.delete(f"{name}-once")
    lab.gone(f"{name}-once")


def test_image_that_is_not_there(lab: Lab) -> None:
    lab.make_pod("noimage", {"image": "localhost/nothing:1"})
    status = waiting(lab, "noimage", "ImagePullBackOff")
    assert "Back-off pulling image" in status["state"]["waiting"]["message"]
    reasons = [reason for _, reason, _ in lab.events("noimage")]
    assert "Failed" in reasons
    assert lab.pod("noimage")["status"]["phase"] == "Pending"  # type: ignore[index]
    with pytest.raises(httpx.HTTPStatusError, match="is waiting to start: ImagePullBackOff"):
        lab.logs("noimage")
    lab.make_pod("badname", {"image": "UPPER/case"})
    waiting(lab, "badname", "InvalidImageName")
    for name in ("noimage", "badname"):
        lab.delete(name)
        lab.gone(name)


def test_pull_secret(lab: Lab) -> None:
    lab.make_pod("open", {"image": PUBLIC})
    assert state_of(lab.ready("open"))["imageID"].startswith(PUBLIC.rpartition(":")[0] + "@sha256:")
    lab.make_pod("closed", {"image": PRIVATE})
    status = waiting(lab, "closed", "ImagePullBackOff")
    assert "unauthorized" in status["state"]["waiting"]["message"].lower()
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    registry = PRIVATE.partition("/")[0]
    lab.api.post(
        "/api/v1/namespaces/default/secrets",
        {
            "metadata": {"name": "pull"},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": json.dumps({"auths": {registry: {"auth": auth}}})},
        },
    )
    lab.make_pod("let", {"image": PRIVATE, "imagePullPolicy": "IfNotPresent"}, imagePullSecrets=[{"name": "pull"}])
    lab.ready("let")
    # The image is on this machine now, but another pod is another container instance: it needs a secret as well.
    lab.make_pod("closed2", {"image": PRIVATE, "imagePullPolicy": "IfNotPresent"})
    waiting(lab, "closed2", "ImagePullBackOff")
    assert PASSWORD not in (lab.folder / "kubelet.log").read_text()
    assert not [event for event in lab.events("let") + lab.events("closed") if PASSWORD in event[2]]
    for name in ("open", "closed", "let", "closed2"):
        lab.delete(name)
        lab.gone(name)


def test_an_image_that_the_region_still_makes_is_waited_for_beyond_every_deadline(lab: Lab) -> None:
    name = PUBLIC.partition("/")[2]
    lab.region.making[name] = "building traefik (9 of 9), 3m20s"
    try:
        labels = {"app": "slow"}
        container = {"name": "main", "image": PUBLIC, "command": ["sleep", "1000"]}
        lab.api.post(
            "/apis/apps/v1/namespaces/default/deployments",
            {
                "metadata": {"name": "slow"},
                "spec": {
                    "progressDeadlineSeconds": 3,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
                },
            },
        )

        def condition(kind: str, reason: str) -> bool:
            found = lab.api.get("/apis/apps/v1/namespaces/default/deployments/slow")
            rows = found.get("status", {}).get("conditions") or ()
            return any(row["type"] == kind and row["reason"] == reason for row in rows)

        lab.until(lambda: condition("Progressing", "ProgressDeadlineExceeded"), 30, "beyond its deadline")
        lab.region.making[name] = "building traefik (9 of 9), 3m40s"
        time.sleep(3)
        items = lab.api.get("/api/v1/namespaces/default/pods?labelSelector=app%3Dslow")["items"]
        assert len(items) == 1
        pod = items[0]["metadata"]["name"]
        told = state_of(items[0])["state"]["waiting"]
        assert told["reason"] == "ContainerCreating"
        assert told["message"].startswith("building traefik (9 of 9), 3m")
        events = lab.events(pod)
        assert len([event for event in events if event[1] == "Pulling"]) == 1
        assert not [event for event in events if event[0] == "Warning"]
        del lab.region.making[name]
        lab.until(lambda: condition("Available", "MinimumReplicasAvailable"), 20, "available once the image is there")
        assert not [event for event in lab.events(pod) if event[0] == "Warning"]
    finally:
        lab.region.making.clear()
        lab.api.delete("/apis/apps/v1/namespaces/default/deployments/slow")


def test_secrets_that_come_later(lab: Lab) -> None:
    lab.make_pod(
        "early",
        {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "late", "key": "word"}}}]},
    )
    lab.make_pod("early2", volumes=[{"name": "v", "secret": {"secretName": "late"}}])
    status = waiting(lab, "early", "CreateContainerConfigError")
    assert status["state"]["waiting"]["message"] == 'secret "late" not found'
    lab.until(lambda: any(r == "FailedMount" for _, r, _ in lab.events("early2")), 10, "FailedMount")
    lab.api.post("/api/v1/namespaces/default/secrets", {"metadata": {"name": "late"}, "stringData": {"word": "x"}})
    lab.ready("early")
    lab.ready("early2")
    for name in ("early", "early2"):
        lab.delete(name)
        lab.gone(name)


def test_security(lab: Lab) -> None:
    lab.make_pod(
        "safe",
        {
            "command": ["sh", "-c", "id; touch /x || echo no; touch /tmp/x || echo none; cat /proc/self/status"],
            "securityContext": {
                "runAsUser": 1000,
                "runAsGroup": 1001,
                "runAsNonRoot": True,
                "readOnlyRootFilesystem": True,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
            "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}},
        },
        restartPolicy="Never",
    )
    lab.phase("safe", "Succeeded")
    text = lab.logs("safe")
    assert "uid=1000(app) gid=1001" in text
    assert "no\n" in text
    assert "none\n" in text
    assert "CapEff:\t0000000000000000" in text
    assert "NoNewPrivs:\t1" in text
    lab.make_pod("root", {"securityContext": {"runAsNonRoot": True}})
    status = waiting(lab, "root", "CreateContainerConfigError")
    assert "runAsNonRoot" in status["state"]["waiting"]["message"]
    for name in ("safe", "root"):
        lab.delete(name)
        lab.gone(name)


def test_a_pod_waits_for_capacity_and_for_the_tenancys_policy(lab: Lab) -> None:
    def told(name: str, word: str) -> Any:
        statuses = (lab.pod(name) or {}).get("status", {}).get("containerStatuses") or ()
        return any(word in one["state"].get("waiting", {}).get("message", "") for one in statuses)

    try:
        lab.region.full = True
        lab.make_pod("full")
        text = "Error creating pod: [cannot provision pod due to insufficient capacity]"
        lab.until(lambda: told("full", text), 10, "no capacity")
        assert ("Warning", "ProviderCreateFailed", text) in lab.events("full")
        assert lab.phase("full", "Pending")
        lab.region.full = False
        pod = lab.ready("full")
        assert pod["metadata"]["annotations"]["oci.oraclecloud.com/pod.info.private_ip_ocid"].startswith(
            "ocid1.privateip."
        )
        lab.region.forbidden = ["subnets", "vnics"]
        lab.make_pod("forbidden")
        lab.until(lambda: told("forbidden", "with subnets, vnics"), 10, "no policy")
        assert lab.phase("forbidden", "Pending")
        lab.region.forbidden = []
        assert "message" not in state_of(lab.ready("forbidden"))["state"]["running"]
    finally:
        lab.region.full, lab.region.forbidden = False, []
        for name in ("full", "forbidden"):
            lab.delete(name)
            lab.gone(name)


def test_a_pod_with_all_capabilities_is_kept_from_the_host(lab: Lab) -> None:
    script = (
        f"cat /proc/self/status; ls /dev; ls {lab.folder} /run/netns && echo SEEN; "
        "cat /proc/kcore >/dev/null && echo KCORE; echo b > /proc/sysrq-trigger && echo SYSRQ; "
        "echo x > /proc/sys/kernel/core_pattern && echo PATTERN; true"
    )
    lab.make_pod(
        "bold",
        {"command": ["sh", "-c", script], "securityContext": {"capabilities": {"add": ["ALL"]}}},
        restartPolicy="Never",
    )
    lab.phase("bold", "Succeeded")
    text = lab.logs("bold")
    effective = int(next(line for line in text.splitlines() if line.startswith("CapEff:")).split()[1], 16)
    # SYS_MODULE, SYS_RAWIO, SYS_PTRACE, SYS_ADMIN, NET_ADMIN, DAC_READ_SEARCH, SYS_BOOT, SYS_TIME, BPF.
    assert not effective & sum(1 << bit for bit in (16, 17, 19, 21, 12, 2, 22, 25, 39))
    assert effective & 1 << 27, "MKNOD is one of the service's"
    for word in ("SEEN", "KCORE", "SYSRQ", "PATTERN", "sda", "vda", "kmsg"):
        assert word not in text, text
    lab.delete("bold")
    lab.gone("bold")


# Tries what it is given, prints what it got.
INTRUDER = """
use IO::Socket::INET; use IO::Socket::UNIX; $| = 1; open(STDERR, ">", "/dev/null");
for my $place (split / /, $ENV{PLACES}) {
  my $made = $place =~ m{^/} ? IO::Socket::UNIX->new(Peer => $place)
    : $place =~ m{^@} ? IO::Socket::UNIX->new(Peer => "\\0" . substr($place, 1))
    : IO::Socket::INET->new(PeerAddr => $place, Timeout => 2);
  print "OPEN $place\\n" if $made;
}
for my $file (split / /, $ENV{FILES}) { print "FILE $file\\n" if -e $file; }
system("mknod /tmp/disk b $ENV{DISK} && dd if=/tmp/disk of=/dev/null count=1 && echo DISK");
system("unshare --user true && echo NAMESPACE");
system("mount -t tmpfs none /tmp && echo MOUNT");
my ($clone, $keyctl, $syslog) = split / /, $ENV{CALLS};
my $child = syscall($clone, 0x10000011, 0, 0, 0, 0); exit if $child == 0; print "CLONE\n" if $child > 0;
syscall(435, 0, 0) == -1 && $! == 38 or print "CLONE3 $!\n";
print "KEYRING\n" if syscall($keyctl, 0, -4, 1) > 0;
print "LOG\n" if syscall($syslog, 10, 0, 0) >= 0;
opendir(my $list, "/proc"); my @processes = grep { /^[0-9]+$/ } readdir $list;
print "PROCESSES @processes\\n" if @processes > 2;
open(my $mounts, "<", "/proc/self/mountinfo"); print grep { /$ENV{OTHER}/ } <$mounts>;
open(my $status, "<", "/proc/self/status"); print grep { /^Seccomp:/ } <$status>;
print "token\\n" if -s "/var/run/secrets/kubernetes.io/serviceaccount/token";
print "END\\n";
"""


# The numbers of clone, keyctl and syslog.
CALLS = {"x86_64": "56 250 103", "aarch64": "220 219 116"}


def test_a_pod_reaches_nothing_of_the_host_nor_of_other_pods(lab: Lab) -> None:
    lab.make_pod("neighbour")
    other = lab.ready("neighbour")["metadata"]["uid"]
    runtime = lab.podman.runtime
    abstract = f"okestack-{os.getpid()}-of-the-host"
    with (
        socket.create_server(("127.0.0.1", 0)) as loopback,
        socket.create_server(("0.0.0.0", 0)) as everywhere,
        socket.socket(socket.AF_UNIX) as unnamed,
    ):
        unnamed.bind(f"\0{abstract}")
        unnamed.listen()
        ports = [server.getsockname()[1] for server in (loopback, everywhere)]
        places = [f"{address}:{port}" for port in ports for address in ("127.0.0.1", "127.83.0.9", "127.77.0.1")]
        places += [f"{address}:{ports[1]}" for address in _addresses_of_the_host()]
        places += [f"{REGISTRY[0]}:{REGISTRY[1]}", f"@{abstract}"]
        sockets = [
            str(lab.podman.socket),
            str(lab.region.socket),
            f"/run/okestack-{NAME}.sock",
            "/run/podman/podman.sock",
        ]
        files = [
            str(runtime),
            str(lab.folder),
            f"{lab.folder}/pool/pods/{other}",
            "/run/netns",
            "/dev/kmsg",
            "/dev/mem",
        ]
        disk = Path("/").stat().st_dev
        variables = {
            "PLACES": " ".join(places + sockets), "FILES": " ".join(sockets + files),
            "DISK": f"{os.major(disk)} {os.minor(disk)}", "OTHER": other, "CALLS": CALLS[platform.machine()],
        }  # fmt: skip
        lab.make_pod(
            "intruder",
            {
                "command": ["perl", "-e", INTRUDER],
                "env": [{"name": key, "value": value} for key, value in variables.items()],
                "securityContext": {"capabilities": {"add": ["ALL"]}},
            },
            restartPolicy="Never",
        )
        lab.phase("intruder", "Succeeded", 60)
    assert lab.logs("intruder").splitlines() == ["Seccomp:\t2", "token", "END"]
    for name in ("intruder", "neighbour"):
        lab.delete(name)
        lab.gone(name)


def _addresses_of_the_host() -> list[str]:
    """The addresses of the host's interfaces, loopback's left out."""
    said = subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    found = [line.split()[3].partition("/")[0] for line in said.splitlines()]
    return [address for address in found if not address.startswith("127.")]


def test_a_container_whose_monitor_was_killed_is_started_again(lab: Lab) -> None:
    # One that dies with its monitor, as it writes, and one that would not.
    lab.make_pod("writer", {"command": ["sh", "-c", "while sleep 0.2; do echo x; done"]})
    lab.make_pod("silent")
    for name in ("writer", "silent"):
        number = state_of(lab.ready(name))["containerID"].removeprefix("podman://")
        monitor = lab.run(lab.podman.client.inspect(number)).conmon
        began = time.monotonic()
        os.kill(monitor, signal.SIGKILL)
        pod = running(lab, name, 1)
        assert time.monotonic() - began < 15
        assert state_of(pod)["lastState"]["terminated"]["exitCode"] == 255
        lab.ready(name)
    for name in ("writer", "silent"):
        lab.delete(name)
        lab.gone(name)


def test_out_of_memory(lab: Lab) -> None:
    command = ["dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=2"]
    container = {"command": command, "resources": {"limits": {"memory": "32Mi"}}}
    lab.make_pod("greedy", container, restartPolicy="Never")
    ended = state_of(lab.phase("greedy", "Failed"))["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    lab.delete("greedy")
    lab.gone("greedy")


def test_deletion(lab: Lab) -> None:
    # SIGTERM is heard: gone at once, long before the grace has passed.
    lab.make_pod(
        "polite",
        {
            "command": ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done"],
            "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "echo bye > /proc/1/fd/1"]}}},
        },
    )
    lab.make_pod("deaf", {"command": ["sh", "-c", "trap '' TERM; while true; do sleep 0.1; done"]})
    polite, deaf = lab.ready("polite"), lab.ready("deaf")
    uids = {polite["metadata"]["uid"], deaf["metadata"]["uid"]}
    began = time.monotonic()
    lab.delete("polite")
    lab.gone("polite")
    assert time.monotonic() - began < 1.8
    # Nobody waits for a pod that is deleted by force.
    lab.delete("deaf")
    time.sleep(0.5)
    assert lab.pod("deaf") is not None
    lab.delete("deaf", gracePeriodSeconds=0)
    lab.gone("deaf", 2)

    def no_container() -> bool:
        return not any(one.labels.get("okestack.pod-uid") in uids for one in lab.containers())

    lab.until(no_container, 3, "containers removed")
    for uid in uids:
        folder = lab.folder / "pool" / "pods" / uid
        lab.until(partial(_gone, folder), 3, "folder removed")
        assert not [v for v in lab.region.vnics.values() if v["key"].endswith(uid)]


def test_grace_is_the_regions(lab: Lab) -> None:
    # terminationGracePeriodSeconds is ignored: 2 s here, whatever the pod says.
    deaf = {"command": ["sh", "-c", "trap '' TERM; while true; do sleep 0.1; done"]}
    lab.make_pod("deaf2", deaf, terminationGracePeriodSeconds=60)
    lab.ready("deaf2")
    began = time.monotonic()
    lab.delete("deaf2")
    lab.gone("deaf2")
    assert 1.5 < time.monotonic() - began < 6


def test_deadline(lab: Lab) -> None:
    lab.make_pod("slow", activeDeadlineSeconds=2, restartPolicy="Never")
    assert lab.phase("slow", "Failed")["status"]["reason"] == "DeadlineExceeded"
    lab.delete("slow")
    lab.gone("slow")


def test_readiness_gate(lab: Lab) -> None:
    lab.make_pod("gated", readinessGates=[{"conditionType": "example.test/lb"}])
    pod = running(lab, "gated", 0)

    def ready(pod: Json | None) -> Json:
        found: Json = next(c for c in (pod or {})["status"]["conditions"] if c["type"] == "Ready")
        return found

    assert ready(pod)["reason"] == "ReadinessGatesNotReady"
    lab.api.strategic(
        "/api/v1/namespaces/default/pods/gated/status",
        {"status": {"conditions": [{"type": "example.test/lb", "status": "True"}]}},
    )
    pod = lab.ready("gated")
    assert not ready(pod).get("reason")
    assert any(c["type"] == "example.test/lb" for c in pod["status"]["conditions"])
    lab.delete("gated")
    lab.gone("gated")


def test_vnic_that_cannot_be_had(lab: Lab) -> None:
    lab.region.broken = True
    try:
        lab.make_pod("lonely")
        lab.until(lambda: any(r == "FailedCreatePodSandBox" for _, r, _ in lab.events("lonely")), 10, "event")
    finally:
        lab.region.broken = False
    lab.ready("lonely")
    lab.delete("lonely")
    lab.gone("lonely")


def test_virtual_nodes_do_what_the_readme_says(lab: Lab) -> None:
    text = (Path(__file__).parents[4] / "localregion" / "README.md").read_text()
    table = text.partition("## What virtual nodes do")[2].partition("|---|---|")[2].partition("\n\n")[0]
    told = dict(line.strip("| ").split(" | ") for line in table.splitlines() if line)
    hook = {"exec": {"command": ["sh", "-c", "echo hooked > /proc/1/fd/1"]}}
    script = "if test -e /s/once; then echo second; exec sleep 1000; fi; touch /s/once; echo first; sleep 1; exit 1"
    lab.make_pod(
        "plain",
        {
            "command": ["sh", "-c", script],
            "readinessProbe": {
                "exec": {"command": ["ls", "/s/once"]},
                "periodSeconds": 1,
                "timeoutSeconds": 30,
            },
            "lifecycle": {"postStart": hook},
            "volumeMounts": [{"name": "s", "mountPath": "/s"}],
        },
        volumes=[{"name": "s", "emptyDir": {}}],
    )
    node = running(lab, "plain", 1)["spec"]["nodeName"]
    lab.ready("plain", 120)
    base = "/api/v1/namespaces/default/pods/plain"

    def refusal(ask: Callable[[], Any]) -> str:
        with pytest.raises(httpx.HTTPStatusError) as refused:
            ask()
        return str(refused.value)

    seen = {
        "`kubectl logs`": lambda: {"second", "hooked"} == set(lab.logs("plain").split()),
        "`kubectl logs -p`": lambda: "first" in lab.logs("plain", previous="true"),
        "`kubectl logs -f`": lambda: refusal(lambda: lab.logs("plain", follow="true")),
        "`kubectl exec`": lambda: refusal(lambda: lab.api.upgrade(f"{base}/exec?command=ls&stdout=true")),
        "`kubectl attach`": lambda: refusal(lambda: lab.api.upgrade(f"{base}/attach?stdout=true")),
        "`kubectl port-forward`": lambda: refusal(lambda: lab.api.upgrade(f"{base}/portforward?ports=80")),
        "readiness and liveness probes": lambda: bool(lab.ready("plain")),
        "lifecycle hooks": lambda: "hooked" in lab.logs("plain"),
        "metrics": lambda: all(
            f'{kind}{{container="main",namespace="default",pod="plain"'
            in lab.api.text(f"/api/v1/nodes/{node}/proxy/metrics/resource")
            for kind in ("container_cpu_usage_seconds_total", "container_memory_working_set_bytes")
        ),
        "init containers": lambda: lab.phase("initial", "Failed")["status"]["message"],
    }
    lab.make_pod("initial", restartPolicy="Never", initContainers=[{"name": "before", "image": IMAGE}])
    assert set(seen) == set(told)
    for name, ask in seen.items():
        if told[name].startswith("refused: "):
            assert told[name].removeprefix("refused: ") in ask(), name
        else:
            lab.until(ask, 30, name)
    for name in ("plain", "initial"):
        lab.delete(name)
        lab.gone(name)


def test_kubelet_port(lab: Lab) -> None:
    lab.make_pod("busy", {"command": ["sh", "-c", "i=0; while test $i -lt 200000; do i=$((i+1)); done; sleep 1000"]})
    node = lab.ready("busy")["spec"]["nodeName"]
    context = ssl.create_default_context(cafile=lab.ca)
    url = f"https://{node}:10250/metrics/resource"
    assert lab.api.raw(lambda client: client.get(url), context).status_code == 401
    token = lab.api.post(
        "/api/v1/namespaces/default/serviceaccounts/default/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    )["status"]["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert lab.api.raw(lambda client: client.get(url, headers=headers), context).status_code == 403
    rule = {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]}
    group = "/apis/rbac.authorization.k8s.io/v1"
    lab.api.post(f"{group}/clusterroles", {"metadata": {"name": "metrics"}, "rules": [rule]})
    lab.api.post(
        f"{group}/clusterrolebindings",
        {
            "metadata": {"name": "metrics"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "metrics"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}],
        },
    )
    # The refusal is remembered for a minute for this user and node, so another node answers.
    proxied = lab.api.text(f"/api/v1/nodes/{node}/proxy/metrics/resource")
    lines = [line for line in proxied.splitlines() if 'container="main",namespace="default",pod="busy"' in line]
    names = {line.partition("{")[0] for line in lines}
    assert "container_cpu_usage_seconds_total" in names
    memory = next(line for line in lines if line.startswith("container_memory_working_set_bytes"))
    assert float(memory.split()[-2]) > 100_000
    summary = json.loads(lab.api.text(f"/api/v1/nodes/{node}/proxy/stats/summary"))
    assert [pod["podRef"]["name"] for pod in summary["pods"]] == ["busy"], summary
    lab.make_pod("busy2", nodeName=node)
    lab.ready("busy2")

    def told() -> bool:
        text = lab.api.text(f"/api/v1/nodes/{node}/proxy/metrics/resource")
        kinds = ("container_cpu_usage_seconds_total", "container_memory_working_set_bytes")
        return all(
            f'{kind}{{container="main",namespace="default",pod="{pod}"' in text
            for kind in kinds
            for pod in ("busy", "busy2")
        )

    lab.until(told, 15, "numbers of both pods")
    lab.delete("busy2")
    lab.gone("busy2")
    assert lab.api.text(f"/api/v1/nodes/{node}/proxy/healthz") == "ok"
    lab.delete("busy")
    lab.gone("busy")


def test_changed_labels_and_taints(lab: Lab) -> None:
    base = lab.config()
    path = f"/api/v1/nodes/{NODES[0]}"
    lab.api.merge(path, {"metadata": {"labels": {"mine": "yes"}}})
    lab.change(dataclasses.replace(base, labels={"other": "1"}, taints=(Taint("only", "NoSchedule", "x"),)))
    taint = {"key": "only", "effect": "NoSchedule", "value": "x"}
    node = lab.until(
        lambda: (lambda n: n if n["spec"].get("taints") == [taint] else None)(lab.api.get(path)), 10, "taint"
    )
    labels = node["metadata"]["labels"]
    assert labels["other"] == "1"
    assert "tier" not in labels
    assert labels["mine"] == "yes"
    lab.change(base)
    lab.until(lambda: lab.schedulable() == 3, 10, "no taint")
    assert lab.api.get(path)["metadata"]["labels"]["tier"] == "app"


def test_a_killed_kubelet_takes_its_containers_over(lab: Lab) -> None:
    lab.make_pod("stays", {"readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1}})
    lab.make_pod("dies", {"command": ["sh", "-c", "echo begun; exec sleep 1000"]})
    lab.make_pod("leaves")
    before = {name: state_of(lab.ready(name)) for name in ("stays", "dies", "leaves")}
    lab.stop_kubelet(signal.SIGKILL)
    number = before["dies"]["containerID"].removeprefix("podman://")
    lab.run(lab.podman.client.kill(number))
    lab.delete("leaves", gracePeriodSeconds=0)
    lab.gone("leaves")
    lab.start_kubelet()
    again = running(lab, "dies", 1)
    assert state_of(again)["lastState"]["terminated"]["exitCode"] == 137
    time.sleep(1.5)
    stays = state_of(lab.ready("stays"))
    assert (stays["containerID"], stays["restartCount"]) == (before["stays"]["containerID"], 0)
    assert stays["state"] == before["stays"]["state"]
    gone = before["leaves"]["containerID"].removeprefix("podman://")
    lab.until(lambda: gone not in [one.id for one in lab.containers()], 10, "orphan removed")
    lab.until(lambda: len(lab.region.vnics) == 2, 10, "orphan's VNIC detached")
    for name in ("stays", "dies"):
        lab.delete(name)
        lab.gone(name)


def test_one_of_two_members_takes_over_from_a_killed_and_from_a_hung_one(lab: Lab) -> None:
    assert lab.stop_kubelet() == 0
    members = {name: lab.member(name) for name in ("1", "2")}

    def state(name: str) -> Json:
        files = (lab.podman.socket.parent / "memory").glob(f"*.members/{name}.json")
        return next((json.loads(path.read_text()) for path in files), {"pid": 0, "leads": False})

    def lives(name: str) -> bool:
        return members[name].poll() is None and bool(state(name)["pid"] == members[name].pid)

    def leader() -> str:
        return next((name for name in members if lives(name) and state(name)["leads"]), "")

    def answered() -> None:
        # A connection that the one that is gone had taken is lost; the next ones are not.
        lab.until(lambda: lab.api.try_text(f"{base}/stays/log") == "here\n", 60, "the log")
        for _ in range(6):
            assert lab.logs("stays") == "here\n"
            figures = lab.api.text(f"/api/v1/nodes/{node}/proxy/metrics/resource")
            assert 'container_cpu_usage_seconds_total{container="main",namespace="default",pod="stays"' in figures

    def works(name: str, since: float) -> None:
        lab.make_pod(name)
        lab.ready(name, 60)
        print(f"\n{name}: a new pod is Ready {time.monotonic() - since:.1f} s later")

    base = "/api/v1/namespaces/default/pods"
    try:
        first = lab.until(leader, 60, "one leads")
        lab.make_pod("stays", {"command": ["sh", "-c", "echo here; exec sleep 1000"]})
        pod = lab.ready("stays", 60)
        before, node = state_of(pod), pod["spec"]["nodeName"]
        answered()
        began = time.monotonic()
        members[first].kill()
        members[first].wait(10)
        second = lab.until(lambda: leader() if leader() != first else "", 60, "the other leads")
        answered()
        works("after-a-kill", began)
        members[first] = lab.member(first)
        lab.until(lambda: lives(first), 60, "the first is back")
        began = time.monotonic()
        members[second].send_signal(signal.SIGSTOP)
        assert members[second].wait(60) == -signal.SIGKILL, "the other one ends it: it would go on taking connections"
        lab.until(lambda: leader() == first, 60, "the first leads again")
        answered()
        works("after-a-hang", began)
        members[second] = lab.member(second)
        lab.until(lambda: lives(second), 60, "the second is back")
        # The one that only answers is ended as well where it hangs.
        members[second].send_signal(signal.SIGSTOP)
        assert members[second].wait(60) == -signal.SIGKILL
        answered()
        after = state_of(lab.ready("stays"))
        assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)
        assert lab.schedulable() == 3
    finally:
        for process in members.values():
            process.kill()
            process.wait(10)
        lab.start_kubelet()
    for name in ("stays", "after-a-kill", "after-a-hang"):
        lab.delete(name)
        lab.gone(name)


def test_the_region_stops_and_comes_back(lab: Lab) -> None:
    secrets = "/api/v1/namespaces/default/secrets"
    lab.api.post(secrets, {"metadata": {"name": "old"}, "stringData": {"word": "before"}})
    lab.make_pod(
        "back",
        {
            "command": ["sh", "-c", "cat /s/word; ls /mem; exec sleep 1000"],
            "volumeMounts": [{"name": "s", "mountPath": "/s"}, {"name": "mem", "mountPath": "/mem"}],
        },
        volumes=[
            {"name": "s", "secret": {"secretName": "old"}},
            {"name": "mem", "emptyDir": {"medium": "Memory"}},
        ],
    )
    lab.make_pod("job", {"command": ["sh", "-c", "echo done"]}, restartPolicy="Never")
    before = lab.ready("back")["status"]["podIP"]
    lab.phase("job", "Succeeded")
    assert lab.stop_kubelet() == 0
    lab.run(lab.podman.stop())
    lab.api.merge(f"{secrets}/old", {"stringData": {"word": "after"}})
    lab.region.again()
    lab.run(lab.podman.start())
    lab.start_kubelet()
    pod = running(lab, "back", 1)
    assert pod["status"]["podIP"] == before
    assert state_of(pod)["lastState"]["terminated"]["reason"] == "Unknown"
    # What was mounted stays as it was. (Its container has begun; what it says comes when it comes.)
    lab.until(lambda: lab.logs("back") == "before", 30, "what the container says")
    assert state_of(lab.phase("job", "Succeeded"))["restartCount"] == 0
    assert lab.logs("job") == "done\n"
    for name in ("back", "job"):
        lab.delete(name)
        lab.gone(name)


def _gone(path: Path) -> bool:
    return not path.exists()


def test_a_node_leaves(lab: Lab) -> None:
    base = lab.config()
    leaving = base.nodes[2]
    lab.make_pod("guest", nodeName=leaving.name)
    lab.ready("guest")
    lab.change(dataclasses.replace(base, nodes=(*base.nodes[:2], dataclasses.replace(leaving, state="DELETING"))))
    lab.until(lambda: lab.api.try_get(f"/api/v1/nodes/{leaving.name}") is None, 20, "node gone")
    assert lab.pod("guest") is None
    lab.change(dataclasses.replace(base, nodes=base.nodes[:2]))
    time.sleep(0.5)
    lab.change(base)
    lab.until(lambda: lab.schedulable() == 3, 20, "node back")


def test_nothing_is_left(lab: Lab) -> None:
    """The last test: with all pods deleted there is no container, VNIC or folder."""
    lab.until(lambda: not lab.containers(), 10, "no container")
    assert lab.region.vnics == {}
    pods = Path(lab.folder / "pool" / "pods")
    assert list(pods.iterdir()) == []
