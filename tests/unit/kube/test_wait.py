# SPDX-License-Identifier: GPL-3.0-or-later
"""What ready means, kind by kind, and the loop that waits for it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import WELL_KNOWN
from ansible_collections.okestack.oci.plugins.module_utils.kube.wait import (
    Target,
    Waiter,
    condition,
    duration,
    predicate_for,
)


def live(spec: dict[str, Any] | None = None, generation: int = 2, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "generation": generation}, "spec": spec or {}, "status": status}


def row(kind: str, status: str = "True", **more: Any) -> list[dict[str, Any]]:
    return [{"type": kind, "status": status, **more}]


DONE: dict[str, Any] = {
    "observedGeneration": 2,
    "replicas": 2,
    "updatedReplicas": 2,
    "readyReplicas": 2,
    "availableReplicas": 2,
}
TWO: dict[str, Any] = {"replicas": 2}
SET: dict[str, Any] = {"currentRevision": "a", "updateRevision": "a", "observedGeneration": 2}
BALANCER: dict[str, Any] = {"type": "LoadBalancer"}
TABLE: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("apps/v1", "Deployment", live(TWO, **DONE), "ready", "2 of 2 available"),
    ("apps/v1", "Deployment", live(TWO), "waiting", "not yet seen"),
    ("apps/v1", "Deployment", live(TWO, **{**DONE, "observedGeneration": 1}), "waiting", "not yet seen"),
    ("apps/v1", "Deployment", live(TWO, **{**DONE, "updatedReplicas": 1}), "waiting", "1 of 2 replicas updated"),
    ("apps/v1", "Deployment", live(TWO, **{**DONE, "replicas": 3}), "waiting", "1 old replicas"),
    ("apps/v1", "Deployment", live(TWO, **{**DONE, "availableReplicas": 1}), "waiting", "1 of 2 available"),
    ("apps/v1", "Deployment", live({"replicas": 0}, observedGeneration=2), "ready", "0 of 0"),
    (
        "apps/v1",
        "Deployment",
        live(TWO, observedGeneration=2, conditions=row("Progressing", "False", reason="ProgressDeadlineExceeded")),
        "waiting",
        "0 of 2 replicas updated, ProgressDeadlineExceeded",
    ),
    ("apps/v1", "Deployment", live({**TWO, "paused": True}, **{**DONE, "updatedReplicas": 0}), "held", "spec.paused"),
    ("apps/v1", "Deployment", live({**TWO, "paused": True}, **DONE), "ready", "2 of 2 available"),
    ("apps/v1", "StatefulSet", live(TWO, **SET, readyReplicas=2, updatedReplicas=2), "ready", "2 of 2 ready"),
    ("apps/v1", "StatefulSet", live(TWO, **SET, readyReplicas=1), "waiting", "1 of 2 ready"),
    (
        "apps/v1",
        "StatefulSet",
        live(TWO, **{**SET, "updateRevision": "b"}, readyReplicas=2, updatedReplicas=1),
        "waiting",
        "1 of 2 replicas updated",
    ),
    ("apps/v1", "DaemonSet", live(observedGeneration=2, desiredNumberScheduled=1), "waiting", "0 of 1"),
    ("batch/v1", "Job", live(conditions=row("Complete")), "ready", "complete"),
    ("batch/v1", "Job", live(active=1), "waiting", "1 active"),
    ("batch/v1", "Job", live(), "waiting", "not started"),
    ("batch/v1", "Job", live({"suspend": True}), "held", "suspended (spec.suspend)"),
    ("batch/v1", "Job", live({"suspend": True}, conditions=row("Complete")), "ready", "complete"),
    ("batch/v1", "Job", live(conditions=row("Failed", reason="Deadline", message="late")), "failed", "Deadline: late"),
    ("v1", "Pod", live(phase="Running", conditions=row("Ready")), "ready", "Ready"),
    ("v1", "Pod", live(phase="Succeeded"), "ready", "Succeeded"),
    ("v1", "Pod", live(phase="Failed", reason="Evicted"), "failed", "Evicted"),
    (
        "v1",
        "Pod",
        live(
            phase="Pending",
            containerStatuses=[{"name": "a", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no"}}}],
        ),
        "waiting",
        "a: ImagePullBackOff no",
    ),
    (
        "v1",
        "Pod",
        live(
            phase="Pending",
            containerStatuses=[
                {"name": "a", "state": {"waiting": {"reason": "ContainerCreating", "message": "built"}}}
            ],
        ),
        "waiting",
        "Pending, a: built",
    ),
    ("v1", "Pod", live(phase="Pending", conditions=row("PodScheduled", "False", message="full")), "waiting", "full"),
    ("v1", "Service", live(BALANCER, loadBalancer={"ingress": [{"ip": "1.2.3.4"}]}), "ready", "1.2.3.4"),
    ("v1", "Service", live(BALANCER), "waiting", "no address yet"),
    ("v1", "Service", live({"type": "ClusterIP"}), "ready", "there"),
    ("networking.k8s.io/v1", "Ingress", live(loadBalancer={"ingress": [{"hostname": "h"}]}), "ready", "h"),
    ("networking.k8s.io/v1", "Ingress", live(), "waiting", "no address yet"),
    ("v1", "PersistentVolumeClaim", live(phase="Bound"), "ready", "Bound"),
    ("v1", "PersistentVolumeClaim", live(phase="Pending"), "waiting", "Pending"),
    ("v1", "PersistentVolumeClaim", live(phase="Lost"), "failed", "Lost"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", live(conditions=row("Established")), "ready", "True"),
    (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        live(conditions=row("NamesAccepted", "False", message="taken")),
        "failed",
        "taken",
    ),
    ("v1", "Namespace", live(phase="Active"), "ready", "Active"),
    ("v1", "Namespace", live(phase="Terminating"), "waiting", "Terminating"),
    ("apiregistration.k8s.io/v1", "APIService", live(conditions=row("Available")), "ready", "True"),
]


@pytest.mark.parametrize(("api_version", "kind", "state", "meaning", "text"), TABLE)
def test_predicates(api_version: str, kind: str, state: dict[str, Any], meaning: str, text: str) -> None:
    predicate = predicate_for(api_version, kind)
    assert predicate is not None
    status = predicate(state)
    assert (status.ready, status.failed, status.held) == tuple(meaning == one for one in ("ready", "failed", "held"))
    assert text in status.text


@pytest.mark.parametrize(
    ("written", "refreshed", "ready", "meaning"),
    [
        (5, 5, "True", True),
        (5, 4, "True", True),
        (5, 6, "True", False),
        (5, None, "True", False),
        (5, 4, "False", False),
        (60, 90, "True", True),
    ],
    ids=["same second", "since", "before", "never", "failed", "long ago: only managers changed"],
)
def test_external_secret_is_looked_up_since_it_was_written(
    written: int, refreshed: int | None, ready: str, meaning: bool
) -> None:
    def ago(seconds: int | None) -> str | None:
        form = "%Y-%m-%dT%H:%M:%SZ"
        return None if seconds is None else time.strftime(form, time.gmtime(time.time() - seconds))

    state = live(refreshTime=ago(refreshed), conditions=row("Ready", ready))
    state["metadata"]["managedFields"] = [
        {"manager": "okestack", "operation": "Apply", "time": ago(written)},
        {"manager": "external-secrets", "operation": "Update", "time": ago(0)},
    ]
    predicate = predicate_for("external-secrets.io/v1", "ExternalSecret")
    assert predicate is not None and predicate(state).ready is meaning


def test_kinds_of_other_groups_are_not_taken_for_known_ones() -> None:
    assert predicate_for("serving.knative.dev/v1", "Service") is None
    assert predicate_for("v1", "ConfigMap") is None


@pytest.mark.parametrize(
    ("wanted", "state", "ready"),
    [
        (["Ready"], live(conditions=row("Ready")), True),
        (["Ready"], live(conditions=row("Ready", "False", reason="R", message="m")), False),
        (["Ready=False"], live(conditions=row("Ready", "False")), True),
        (["Ready"], live(conditions=row("Ready", observedGeneration=1)), False),
        (["Ready"], live(), False),
        (["Ready", "Synced"], live(conditions=row("Ready")), False),
    ],
)
def test_conditions(wanted: list[str], state: dict[str, Any], ready: bool) -> None:
    predicate = predicate_for("example.com/v1", "Thing", wanted)
    assert predicate is not None and predicate(state).ready is ready


class Story:
    """A client that shows one state after another, the last one for ever."""

    def __init__(self, *states: dict[str, Any] | None) -> None:
        self.states = list(states)
        self.looks = 0

    def get(self, *_: Any) -> dict[str, Any] | None:
        self.looks += 1
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def list(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        return []

    def resource(self, api_version: str, kind: str) -> Any:
        return WELL_KNOWN[(api_version, kind)]


def waiter(story: Story, timeout: float = 60.0) -> tuple[Waiter, list[str], list[float]]:
    lines: list[str] = []
    pauses: list[float] = []
    made = Waiter(story, lines.append, timeout=timeout, sleep=pauses.append)  # type: ignore[arg-type]
    return made, lines, pauses


def target() -> Target:
    return Target(WELL_KNOWN[("v1", "Pod")], "shop", "x", condition("Ready"))


def test_the_loop_looks_soon_again_after_a_change_and_then_more_and_more_rarely() -> None:
    waiting = live(conditions=row("Ready", "False"))
    made, lines, pauses = waiter(Story(None, *[waiting] * 9, live(conditions=row("Ready"))))
    made.ready([target()])
    assert pauses == [0.2, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]
    assert lines == ["Pod shop/x: not there yet 0s", "Pod shop/x: Ready=False 0s", "Pod shop/x: Ready=True 0s"]


def test_a_heartbeat_says_what_it_is_stuck_on() -> None:
    class Stuck(Story):
        def list(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
            about = {"kind": "Pod", "name": "x"}
            return [{"involvedObject": about, "type": "Warning", "reason": "Failed", "message": "no such image"}]

    waiting = live(conditions=row("Ready", "False"))
    made, lines, _pauses = waiter(Stuck(waiting, waiting, live(conditions=row("Ready"))))
    made.heartbeat = 0.0
    made.ready([target()])
    assert lines == [
        "Pod shop/x: Ready=False 0s",
        "Pod shop/x: Ready=False 0s (Pod x: Failed: no such image)",
        "Pod shop/x: Ready=True 0s",
    ]


class Cluster(Story):
    """A client that shows a pending object, and others by kind."""

    def __init__(self, pending: dict[str, Any], **others: Any) -> None:
        super().__init__(pending)
        self.others = others

    def get(self, resource: Any, *_: Any) -> dict[str, Any] | None:
        return self.others.get(resource.kind, self.states[0])

    def list(self, resource: Any, *_: Any, **__: Any) -> list[dict[str, Any]]:
        return list(self.others.get(f"{resource.kind}s", []))


def web(**more: Any) -> dict[str, Any]:
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}}
    metadata = {"name": "web", "annotations": {"deployment.kubernetes.io/revision": "2"}}
    return {"kind": "Deployment", "metadata": metadata, "spec": spec, "status": {"replicas": 1}, **more}


def refusal(reason: str, pod: str) -> dict[str, Any]:
    about = {"kind": "Pod", "name": pod}
    return {"involvedObject": about, "reason": "ProviderCreateFailed", "message": f"Error creating pod: [{reason}]"}


def replica_set(name: str, revision: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "annotations": {"deployment.kubernetes.io/revision": revision}}}


def pod_of(name: str, message: str = "") -> dict[str, Any]:
    waiting = {"reason": "ContainerCreating", "message": message}
    state = [{"name": "c", "state": {"waiting": waiting}}] if message else []
    metadata = {"name": f"{name}-x", "ownerReferences": [{"name": name}]}
    return {"kind": "Pod", "metadata": metadata, "status": {"phase": "Pending", "containerStatuses": state}}


@pytest.mark.parametrize(
    ("reason", "pod", "ends"),
    [
        ("unsupported VolumeMount option: subPath: data", "web-2", True),
        ("initContainers are not supported", "web-2", True),
        ("cannot provision pod due to insufficient capacity", "web-2", False),
        ("initContainers are not supported", "web-1", False),
    ],
    ids=["refused", "refused too", "capacity passes", "of the template before"],
)
def test_a_pod_that_is_refused_for_good_ends_the_wait(reason: str, pod: str, ends: bool) -> None:
    story = Cluster(
        web(),
        Pods=[pod_of("web-1"), pod_of("web-2")],
        ReplicaSets=[replica_set("web-1", "1"), replica_set("web-2", "2")],
        Events=[refusal(reason, f"{pod}-x")],
    )
    made, _lines, _pauses = waiter(story, timeout=0.5)
    made.sleep, made.patience = lambda seconds: time.sleep(0.05), 0.1
    predicate = predicate_for("apps/v1", "Deployment")
    assert predicate is not None
    with pytest.raises(KubeError) as caught:
        made.ready([Target(WELL_KNOWN[("apps/v1", "Deployment")], "shop", "web", predicate)])
    assert str(caught.value).startswith("not ready within") is not ends
    assert (reason in str(caught.value)) is (pod == "web-2")


@pytest.mark.parametrize(
    ("kind", "spec", "others"),
    [
        (("apps/v1", "Deployment"), {"replicas": 1, "selector": {"matchLabels": {"app": "x"}}}, {}),
        (("v1", "Service"), {"type": "LoadBalancer", "selector": {"app": "x"}}, {}),
        (
            ("networking.k8s.io/v1", "Ingress"),
            {"ingressClassName": "traefik"},
            {
                "IngressClass": {"metadata": {"labels": {"okestack.oci/owner": "shop.ingress"}}},
                "Deployments": [{**web(), "metadata": {"name": "traefik", "namespace": "ingress"}}],
            },
        ),
    ],
    ids=["Deployment", "Service", "Ingress"],
)
def test_what_the_pods_wait_for_stands_on_the_line(
    kind: tuple[str, str], spec: dict[str, Any], others: dict[str, Any]
) -> None:
    pending = {"kind": kind[1], "metadata": {"name": "web", "generation": 0}, "spec": spec, "status": {}}
    story = Cluster(pending, Pods=[pod_of("web", "building traefik (9 of 9), 3m20s")], **others)
    made, lines, _pauses = waiter(story, timeout=0.2)
    made.sleep, made.heartbeat = lambda seconds: time.sleep(0.1), 0.0
    predicate = predicate_for(*kind)
    assert predicate is not None
    with pytest.raises(KubeError, match=r"Pod web-x: c: building traefik \(9 of 9\), 3m20s"):
        made.ready([Target(WELL_KNOWN[kind], "shop", "web", predicate)])
    assert lines[1].endswith("(Pod web-x: c: building traefik (9 of 9), 3m20s)")


def test_times_in_a_text_are_no_news() -> None:
    def building(time: str) -> dict[str, Any]:
        waiting = {"reason": "ContainerCreating", "message": f"building traefik (9 of 9), {time}"}
        return live(phase="Pending", containerStatuses=[{"name": "c", "state": {"waiting": waiting}}])

    predicate = predicate_for("v1", "Pod")
    assert predicate is not None
    made, lines, _pauses = waiter(Story(building("59s"), building("1m00s"), building("1h02m"), live(phase="Succeeded")))
    made.ready([Target(WELL_KNOWN[("v1", "Pod")], "shop", "x", predicate)])
    assert len(lines) == 2


CLAIM, INGRESS = ("v1", "PersistentVolumeClaim"), ("networking.k8s.io/v1", "Ingress")


@pytest.mark.parametrize(
    ("kind", "spec", "classes", "held", "text"),
    [
        (CLAIM, {"storageClassName": "late"}, {"volumeBindingMode": "WaitForFirstConsumer"}, True, "first consumer"),
        (CLAIM, {"storageClassName": "late"}, {"volumeBindingMode": "Immediate"}, False, "Pending"),
        (CLAIM, {"storageClassName": "none"}, None, False, "there is no StorageClass none"),
        (INGRESS, {"ingressClassName": "nobody"}, None, False, "there is no IngressClass nobody"),
        (INGRESS, {"ingressClassName": "some"}, {}, False, "no address yet"),
    ],
)
def test_classes(kind: tuple[str, str], spec: dict[str, Any], classes: Any, held: bool, text: str) -> None:
    pending = {"kind": kind[1], "metadata": {"name": "x"}, "spec": spec}
    made, lines, _pauses = waiter(Cluster(pending, StorageClass=classes, IngressClass=classes), timeout=0)
    predicate = predicate_for(*kind)
    assert predicate is not None
    one = Target(WELL_KNOWN[kind], "shop", "x", predicate)
    if held:
        made.ready([one])
        assert text in one.held and lines == [f"{one}: {one.held}: not waited for"]
    else:
        with pytest.raises(KubeError, match=text):
            made.ready([one])


@pytest.mark.parametrize("chosen", [False, True], ids=["no pod came", "a pod came"])
def test_a_claim_is_waited_for_where_its_pod_comes(chosen: bool) -> None:
    notes = {"volume.kubernetes.io/selected-node": "n"} if chosen else {}
    pending = {"metadata": {"name": "x", "annotations": notes}, "spec": {"storageClassName": "late"}}
    story = Cluster(pending, StorageClass={"volumeBindingMode": "WaitForFirstConsumer"})
    made, _lines, _pauses = waiter(story, timeout=0)
    made.consumers_come = not chosen
    with pytest.raises(KubeError, match="Pending" if chosen else "first consumer"):
        made.ready([Target(WELL_KNOWN[CLAIM], "shop", "x", predicate_for(*CLAIM) or condition("Ready"))])


def test_a_namespace_says_what_is_left_in_it() -> None:
    left = row("NamespaceContentRemaining", message="configmaps. has 1 resource instances")
    held = {"kind": "Namespace", "metadata": {"finalizers": ["keep"]}, "status": {"conditions": left}}
    made, lines, _pauses = waiter(Story(held, None))
    made.gone([target()])
    assert "held by keep; configmaps. has 1 resource instances" in lines[0]


def test_what_is_ready_at_once_is_not_talked_about() -> None:
    made, lines, pauses = waiter(Story(live(conditions=row("Ready"))))
    made.ready([target()])
    assert (lines, pauses) == ([], [])


def test_a_time_out_says_the_last_state() -> None:
    made, _lines, _pauses = waiter(Story(live(conditions=row("Ready", "False", reason="NoLuck"))), timeout=0)
    with pytest.raises(KubeError, match=r"not ready within 0s: Pod shop/x: Ready=False \(NoLuck\)"):
        made.ready([target()])


def test_gone() -> None:
    held = {"metadata": {"finalizers": ["keep"]}}
    made, lines, _pauses = waiter(Story(held, held, None))
    made.gone([target()])
    assert lines == ["Pod shop/x: being deleted, held by keep 0s", "Pod shop/x: gone 0s"]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (59.9, "59s"), (150, "2m30s"), (3900, "1h05m")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("status", "meaning", "text"),
    [
        ({}, "", "0 replicas, to be from 3 to 6"),
        ({"currentReplicas": 3, "desiredReplicas": 3}, "ready", "3 replicas, from 3 to 6"),
        ({"currentReplicas": 3, "desiredReplicas": 5}, "", "to be from 3 to 6"),
        ({"currentReplicas": 2, "desiredReplicas": 2}, "", "2 replicas, to be from 3 to 6"),
        ({"conditions": row("AbleToScale", "False", message="no such deployment")}, "", "no such deployment"),
        ({"conditions": row("ScalingActive", "False", reason="ScalingDisabled")}, "held", "0 replicas"),
    ],
)
def test_an_autoscaler_is_ready_within_its_bounds(status: dict[str, Any], meaning: str, text: str) -> None:
    predicate = predicate_for("autoscaling/v2", "HorizontalPodAutoscaler")
    assert predicate is not None
    seen = predicate({"spec": {"minReplicas": 3, "maxReplicas": 6}, "status": status})
    assert (seen.ready, seen.held) == (meaning == "ready", meaning == "held") and text in seen.text
