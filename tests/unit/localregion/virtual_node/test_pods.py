# SPDX-License-Identifier: GPL-3.0-or-later
"""Phases, back-off, restarts, conditions: by tables."""

from __future__ import annotations

from typing import Any

import pytest

from localregion.virtual_node import pods
from localregion.virtual_node.pods import ContainerRun, PodRun, Terminated

NOW = 1_700_000_000.0


def spec(policy: str = "Always", containers: int = 1, **more: Any) -> dict[str, Any]:
    names = ["a", "b", "c"][:containers]
    return {"restartPolicy": policy, "containers": [{"name": n, "image": "i"} for n in names], **more}


def pod(policy: str = "Always", containers: int = 1, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": spec(policy, containers, **more)}


def container(word: str) -> ContainerRun:
    """`r` runs, `w` never ran, `0` ended well, `1` ended badly, `c` waits after an end."""
    run = ContainerRun("x")
    if word == "r":
        run.state, run.started, run.ready = "running", True, True
    elif word in "01":
        run.state, run.terminated = "terminated", Terminated(int(word), "", finished_at=NOW)
    elif word == "c":
        run.last = Terminated(1, "Error")
    return run


def run_of(states: str) -> PodRun:
    run = PodRun(start_time=NOW - 5)
    for name, word in zip("abc", states, strict=False):
        run.containers[name] = container(word)
        run.containers[name].name = name
    return run


@pytest.mark.parametrize(
    ("policy", "states", "phase"),
    [
        ("Always", "w", "Pending"),
        ("Always", "r", "Running"),
        ("Always", "rw", "Pending"),
        ("Always", "rc", "Running"),
        ("Always", "c", "Running"),
        ("Always", "0", "Running"),
        ("Always", "1", "Running"),
        ("OnFailure", "0", "Succeeded"),
        ("OnFailure", "1", "Running"),
        ("OnFailure", "c", "Running"),
        ("OnFailure", "00", "Succeeded"),
        ("OnFailure", "0r", "Running"),
        ("Never", "0", "Succeeded"),
        ("Never", "1", "Failed"),
        ("Never", "01", "Failed"),
        ("Never", "1r", "Running"),
    ],
)
def test_phase(policy: str, states: str, phase: str) -> None:
    assert pods.phase(spec(policy, len(states)), run_of(states)) == phase


@pytest.mark.parametrize(("states", "phase"), [("0", "Succeeded"), ("1", "Failed"), ("w", "Failed"), ("0w", "Failed")])
def test_phase_of_a_pod_that_was_deleted(states: str, phase: str) -> None:
    run = run_of(states)
    run.ended = True
    assert pods.phase(spec("Always", len(states)), run) == phase


@pytest.mark.parametrize(("policy", "phase"), [("Always", "Pending"), ("OnFailure", "Pending"), ("Never", "Failed")])
def test_refused(policy: str, phase: str) -> None:
    run = run_of("w")
    run.refusal = ("ProviderFailed", "no")
    status = pods.status(pod(policy), run, "10.0.0.1", NOW)
    assert (status["phase"], status["reason"], status["message"]) == (phase, "ProviderFailed", "no")
    assert pods.decide(spec(policy), run, NOW) == pods.Decision()


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_restarts(policy: str, code: int, again: bool) -> None:
    run = PodRun.of(spec(policy))
    one = run.containers["a"]
    pods.note_running(one, "1", "", NOW)
    pods.note_exit(one, Terminated(code, "", finished_at=NOW + 1), policy, "p", NOW + 1)
    assert pods.decide(spec(policy), run, NOW + 1).start == (("a",) if again else ())


def test_backoff_grows_and_is_forgotten() -> None:
    run = PodRun.of(spec())
    one = run.containers["a"]
    now, waits = NOW, []
    for count in range(8):
        pods.note_running(one, str(count), "", now)
        assert one.restart_count == count
        now += 1
        pods.note_exit(one, Terminated(1, "Error", finished_at=now), "Always", "p_n(u)", now)
        waits.append(one.retry_at - now)
        if waits[-1]:
            assert (one.state, one.reason) == ("waiting", "CrashLoopBackOff")
            assert one.last == Terminated(1, "Error", finished_at=now)
            assert pods.decide(spec(), run, one.retry_at - 0.1) == pods.Decision(wake_at=one.retry_at)
        now = one.retry_at
        assert pods.decide(spec(), run, now).start == ("a",)
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
    pods.note_running(one, "x", "", now)
    now += pods.BACKOFF_RESET + 1
    pods.note_exit(one, Terminated(1, "Error", finished_at=now), "Always", "p", now)
    assert one.retry_at == now


def test_crash_loop_message() -> None:
    one = ContainerRun("a")
    pods.note_running(one, "1", "", NOW)
    one.backoff, one.backoff_changed = 160, NOW
    pods.note_exit(one, Terminated(1, "Error", finished_at=NOW + 1), "Always", "p_n(u)", NOW + 1)
    assert one.message == "back-off 2m40s restarting failed container=a pod=p_n(u)"


def test_decide_starts_in_order_and_wakes_for_the_next() -> None:
    run = run_of("wwr")
    run.containers["b"].retry_at = NOW + 7
    assert pods.decide(spec("Always", 3), run, NOW) == pods.Decision(("a",), NOW + 7)


def test_deadline() -> None:
    run = run_of("r")
    limited = spec(activeDeadlineSeconds=10)
    assert pods.decide(limited, run, NOW) == pods.Decision(wake_at=NOW + 5)
    assert pods.decide(limited, run, NOW + 5).expired
    run.failure = ("DeadlineExceeded", "late")
    assert pods.decide(limited, run, NOW + 6) == pods.Decision()
    assert pods.phase(limited, run) == "Failed"


def conditions(status: dict[str, Any]) -> dict[str, Any]:
    return {c["type"]: c for c in status["conditions"]}


def test_conditions_keep_the_time_of_their_last_change() -> None:
    object_ = pod()
    run = run_of("r")
    run.ip = "10.0.32.2"
    first = pods.status(object_, run, "10.0.16.2", NOW)
    assert conditions(first)["Ready"]["status"] == "True"
    object_["status"] = first
    assert pods.status(object_, run, "10.0.16.2", NOW + 50) == first
    run.containers["a"].ready = False
    later = conditions(pods.status(object_, run, "10.0.16.2", NOW + 60))
    assert later["Ready"]["reason"] == "ContainersNotReady"
    assert later["Ready"]["message"] == "containers with unready status: [a]"
    assert later["Ready"]["lastTransitionTime"] == pods.timestamp(NOW + 60)
    assert later["Initialized"]["lastTransitionTime"] == pods.timestamp(NOW)


@pytest.mark.parametrize(
    ("have", "ready", "reason"),
    [
        ([], "False", "ReadinessGatesNotReady"),
        ([{"type": "g", "status": "False"}], "False", "ReadinessGatesNotReady"),
        ([{"type": "g", "status": "True"}], "True", None),
    ],
)
def test_readiness_gates(have: list[Any], ready: str, reason: str | None) -> None:
    object_ = pod(readinessGates=[{"conditionType": "g"}])
    object_["status"] = {"conditions": have}
    found = conditions(pods.status(object_, run_of("r"), "h", NOW))
    assert (found["Ready"]["status"], found["Ready"]["reason"]) == (ready, reason)
    assert found["ContainersReady"]["status"] == "True"
    assert "g" not in found


@pytest.mark.parametrize(("states", "reason"), [("0", "PodCompleted"), ("1", "PodFailed")])
def test_conditions_of_the_end(states: str, reason: str) -> None:
    found = conditions(pods.status(pod("Never"), run_of(states), "h", NOW))
    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("False", reason)


def test_container_status() -> None:
    run = run_of("r")
    one = run.containers["a"]
    one.container_id, one.image_id, one.restart_count, one.started_at = "abc", "i@sha256:1", 2, NOW
    one.last = Terminated(137, "OOMKilled", "", NOW - 9, NOW - 3, "old")
    (status,) = pods.status(pod(), run, "h", NOW)["containerStatuses"]
    assert status == {
        "name": "a",
        "image": "i",
        "imageID": "i@sha256:1",
        "containerID": "podman://abc",
        "ready": True,
        "started": True,
        "restartCount": 2,
        "state": {"running": {"startedAt": pods.timestamp(NOW)}},
        "lastState": {
            "terminated": {
                "exitCode": 137,
                "reason": "OOMKilled",
                "startedAt": pods.timestamp(NOW - 9),
                "finishedAt": pods.timestamp(NOW - 3),
                "containerID": "podman://old",
            }
        },
    }


def test_recall_counts_running_containers_as_lost() -> None:
    object_ = pod()
    run = run_of("r")
    run.ip = "10.0.32.9"
    one = run.containers["a"]
    one.container_id, one.restart_count, one.started_at = "abc", 1, NOW
    object_["status"] = pods.status(object_, run, "h", NOW)
    again = pods.recall(object_, NOW + 100)
    found = again.containers["a"]
    assert (again.ip, found.restart_count, found.container_id, found.created_before) == ("10.0.32.9", 1, "abc", True)
    assert found.state == "terminated"
    assert found.terminated is not None
    assert (found.terminated.exit_code, found.terminated.reason) == (255, "Unknown")
    assert pods.decide(object_["spec"], again, NOW + 100).start == ("a",)
    pods.note_running(found, "new", "", NOW + 101)
    assert found.restart_count == 2
    assert found.last is not None
    assert found.last.container_id == "abc"


def test_times() -> None:
    assert pods.timestamp(pods.seconds("2026-11-22T02:04:20Z")) == "2026-11-22T02:04:20Z"
    assert pods.seconds("2026-11-22T02:04:20.500Z") == pods.seconds("2026-11-22T02:04:20Z") + 0.5
    assert pods.seconds(None) == 0.0


def test_pull_delays() -> None:
    delay, found = 0.0, []
    for _ in range(7):
        delay = pods.next_pull_delay(delay)
        found.append(delay)
    assert found == [10, 20, 40, 80, 160, 300, 300]
