# SPDX-License-Identifier: GPL-3.0-or-later
"""From a pod's specification and what its containers do to its status and to what is to be done next.

Nothing here reads a clock, talks to anybody or waits: `now` is given (seconds since the epoch), so that tables test it.
The rules are kubelet's (pkg/kubelet/kubelet_pods.go getPhase, status/generate.go, kuberuntime doBackOff).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

BACKOFF_FIRST = 10.0
BACKOFF_LAST = 300.0
# A container that ran this long before it ended starts with a fresh back-off (twice the longest one, as in client-go).
BACKOFF_RESET = 2 * BACKOFF_LAST

Json = dict[str, Any]


@dataclass(frozen=True)
class Terminated:
    """How one run of a container ended. Times in seconds since the epoch; 0 where it never started."""

    exit_code: int
    reason: str
    message: str = ""
    started_at: float = 0.0
    finished_at: float = 0.0
    container_id: str = ""


@dataclass
class ContainerRun:
    """What is known of one container of a pod."""

    name: str
    state: Literal["waiting", "running", "terminated"] = "waiting"
    reason: str = "ContainerCreating"
    message: str = ""
    container_id: str = ""
    image: str = ""
    image_id: str = ""
    started_at: float = 0.0
    terminated: Terminated | None = None
    last: Terminated | None = None
    restart_count: int = 0
    started: bool = False
    """The startup probe has succeeded (or there is none)."""
    ready: bool = False
    """The readiness probe succeeds (or there is none)."""
    backoff: float = 0.0
    """How long the next restart waits after the end of this run; 0 before the first restart."""
    backoff_changed: float = 0.0
    retry_at: float = 0.0
    """Not started before this moment."""
    created_before: bool = False
    """A container was made once: the next one is a restart."""


@dataclass
class PodRun:
    """What is known of one pod on its node."""

    containers: dict[str, ContainerRun] = field(default_factory=dict)
    ip: str = ""
    start_time: float = 0.0
    refusal: tuple[str, str] | None = None
    """Reason and message when the node does not run this pod at all."""
    failure: tuple[str, str] | None = None
    """Reason and message when the node ended the pod (deadline)."""
    ended: bool = False
    """The pod is being deleted and its containers have been stopped: none is restarted."""

    @classmethod
    def of(cls, spec: Json) -> PodRun:
        return cls(
            containers={c["name"]: ContainerRun(c["name"], image=c.get("image", "")) for c in spec["containers"]}
        )


@dataclass(frozen=True)
class Decision:
    """What a pod's worker does next: containers to start, in order; when to look again (None: only after a change)."""

    start: tuple[str, ...] = ()
    wake_at: float | None = None
    expired: bool = False
    """activeDeadlineSeconds has passed."""


def restarts(policy: str, exit_code: int) -> bool:
    """Whether a container that ended like this is started again."""
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def exit_reason(exit_code: int, oom_killed: bool = False) -> str:
    """The reason Kubernetes shows for an exit."""
    if oom_killed:
        return "OOMKilled"
    return "Completed" if exit_code == 0 else "Error"


def note_running(run: ContainerRun, container_id: str, image_id: str, now: float) -> None:
    """A container has been started."""
    if run.terminated is not None:
        run.last = run.terminated
    if run.created_before:
        run.restart_count += 1
        run.backoff = min(run.backoff * 2, BACKOFF_LAST) if run.backoff else BACKOFF_FIRST
        run.backoff_changed = now
    run.created_before = True
    run.state, run.reason, run.message = "running", "", ""
    run.container_id, run.image_id, run.started_at = container_id, image_id, now
    run.terminated = None
    run.started = run.ready = False


def note_exit(run: ContainerRun, end: Terminated, policy: str, pod_name: str, now: float) -> None:
    """A container has ended: it stays so, is started again at once, or waits (CrashLoopBackOff)."""
    run.state, run.reason, run.message, run.terminated = "terminated", "", "", end
    run.container_id = end.container_id or run.container_id
    run.started = run.ready = False
    run.created_before = True
    if not restarts(policy, end.exit_code):
        return
    if run.backoff and end.finished_at - run.backoff_changed > BACKOFF_RESET:
        run.backoff = 0.0
    run.retry_at = end.finished_at + run.backoff
    if run.retry_at > now:
        note_waiting(
            run,
            "CrashLoopBackOff",
            f"back-off {_duration(run.backoff)} restarting failed container={run.name} pod={pod_name}",
            run.retry_at,
        )


def note_waiting(run: ContainerRun, reason: str, message: str, retry_at: float) -> None:
    """A container cannot run now; it is tried again at `retry_at`."""
    if run.terminated is not None:
        run.last, run.terminated = run.terminated, None
    run.state, run.reason, run.message, run.retry_at = "waiting", reason, message, retry_at
    run.started = run.ready = False


def next_pull_delay(delay: float) -> float:
    """Seconds until an image is asked for again after it could not be had: 10, 20, 40 ... 300."""
    return min(delay * 2, BACKOFF_LAST) if delay else BACKOFF_FIRST


def decide(spec: Json, run: PodRun, now: float) -> Decision:
    """What is to be done for a pod that is neither refused nor being deleted."""
    if run.refusal or run.failure or run.ended:
        return Decision()
    wake: list[float] = []
    start: list[str] = []
    policy = spec.get("restartPolicy", "Always")
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and run.start_time and phase(spec, run) not in ("Succeeded", "Failed"):
        ends = run.start_time + float(deadline)
        if ends <= now:
            return Decision(expired=True)
        wake.append(ends)
    for container in spec["containers"]:
        one = run.containers[container["name"]]
        if one.state == "running":
            continue
        if one.state == "terminated" and one.terminated and not restarts(policy, one.terminated.exit_code):
            continue
        if one.retry_at <= now:
            start.append(one.name)
        else:
            wake.append(one.retry_at)
    return Decision(tuple(start), min(wake) if wake else None)


def phase(spec: Json, run: PodRun) -> str:
    """Pending, Running, Succeeded or Failed."""
    policy = spec.get("restartPolicy", "Always")
    if run.refusal:
        # As Virtual Kubelet does: only a pod that is never restarted fails for good. A failed pod of a ReplicaSet or a
        # DaemonSet would be replaced at once by another of the same fate, without end.
        return "Failed" if policy == "Never" else "Pending"
    if run.failure:
        return "Failed"
    waiting = running = stopped = succeeded = 0
    for container in spec["containers"]:
        one = run.containers[container["name"]]
        if one.state == "running":
            running += 1
        elif one.state == "terminated" and one.terminated:
            stopped += 1
            succeeded += one.terminated.exit_code == 0
        elif one.last is not None:
            stopped += 1
        else:
            waiting += 1
    if run.ended:
        return "Succeeded" if stopped and stopped == succeeded and not waiting else "Failed"
    if waiting:
        return "Pending"
    if running:
        return "Running"
    if policy == "Always":
        return "Running"
    if stopped == succeeded:
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def status(pod: Json, run: PodRun, host_ip: str, now: float) -> Json:
    """The pod's status as it is to be sent; keeps the times of conditions that did not change.

    `pod` is the object as the API server shows it: conditions that others own (readiness gates, PodScheduled) are read
    from it and left out of the answer, because a strategic merge patch leaves those alone.
    """
    spec = pod["spec"]
    old = pod.get("status") or {}
    conditions = {c["type"]: c for c in old.get("conditions") or ()}
    what = phase(spec, run)
    result: Json = {"phase": what, "hostIP": host_ip, "hostIPs": [{"ip": host_ip}]}
    if "generation" in pod["metadata"]:
        result["observedGeneration"] = pod["metadata"]["generation"]
    if run.start_time:
        result["startTime"] = timestamp(run.start_time)
    if run.ip:
        result["podIP"] = run.ip
        result["podIPs"] = [{"ip": run.ip}]
    why = run.refusal or run.failure
    if why:
        result["reason"], result["message"] = why
    if not run.refusal:
        result["containerStatuses"] = [_container_status(c, run.containers[c["name"]]) for c in spec["containers"]]
    unready = [c["name"] for c in spec["containers"] if not _is_ready(run.containers[c["name"]])]
    contents = _readiness(what, unready)
    wanted = {
        "PodReadyToStartContainers": (bool(run.ip), "", ""),
        "Initialized": (True, "PodCompleted" if what == "Succeeded" else "", ""),
        "ContainersReady": contents,
        "Ready": contents if not contents[0] else _gates(spec, conditions),
    }
    result["conditions"] = [
        _condition(kind, value, conditions.get(kind), now, pod["metadata"].get("generation"))
        for kind, value in wanted.items()
    ]
    return result


def recall(pod: Json, host_now: float) -> PodRun:
    """What an earlier process knew of a pod, from the status it left in the API server.

    Containers that were running count as lost until the runtime says otherwise.
    """
    run = PodRun.of(pod["spec"])
    old = pod.get("status") or {}
    run.start_time = seconds(old.get("startTime"))
    run.ip = old.get("podIP", "")
    for item in old.get("containerStatuses") or ():
        one = run.containers.get(item["name"])
        if one is None:
            continue
        one.restart_count = int(item.get("restartCount", 0))
        one.image_id = item.get("imageID", "")
        one.last = _terminated((item.get("lastState") or {}).get("terminated"))
        state = item.get("state") or {}
        one.container_id = (item.get("containerID") or "").rpartition("/")[2]
        one.created_before = bool(one.container_id)
        if "terminated" in state:
            one.state, one.terminated = "terminated", _terminated(state["terminated"])
            one.reason = ""
        elif "running" in state:
            one.state, one.reason = "terminated", ""
            one.terminated = Terminated(
                255,
                "Unknown",
                "the container was gone when its node came back",
                seconds(state["running"].get("startedAt")),
                host_now,
                one.container_id,
            )
            one.ready, one.started = bool(item.get("ready")), bool(item.get("started"))
        if one.restart_count:
            one.backoff = min(BACKOFF_FIRST * 2 ** (one.restart_count - 1), BACKOFF_LAST)
            one.backoff_changed = host_now
    return run


def timestamp(at: float) -> str:
    """RFC 3339 with whole seconds, as Kubernetes writes times."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(text: str | None) -> float:
    """Seconds since the epoch of an RFC 3339 time; 0 for nothing."""
    if not text:
        return 0.0
    head, _, rest = text.rstrip("Z").partition(".")
    at = dt.datetime.fromisoformat(head).replace(tzinfo=dt.UTC).timestamp()
    digits = rest[:9]
    return at + (int(digits) / 10 ** len(digits) if digits.isdigit() else 0.0)


def _is_ready(run: ContainerRun) -> bool:
    return run.state == "running" and run.started and run.ready


def _container_status(container: Json, run: ContainerRun) -> Json:
    result: Json = {
        "name": run.name,
        "image": container.get("image", ""),
        "imageID": run.image_id,
        "ready": _is_ready(run),
        "started": run.state == "running" and run.started,
        "restartCount": run.restart_count,
        "state": {},
        "lastState": {},
    }
    if run.container_id:
        result["containerID"] = f"podman://{run.container_id}"
    if run.state == "running":
        result["state"] = {"running": {"startedAt": timestamp(run.started_at)}}
    elif run.state == "terminated" and run.terminated:
        result["state"] = {"terminated": _terminated_json(run.terminated)}
    else:
        result["state"] = {"waiting": {"reason": run.reason, **({"message": run.message} if run.message else {})}}
    if run.last:
        result["lastState"] = {"terminated": _terminated_json(run.last)}
    return result


def _terminated_json(end: Terminated) -> Json:
    result: Json = {"exitCode": end.exit_code, "reason": end.reason}
    if end.message:
        result["message"] = end.message
    # Kubernetes has no "never": the epoch is used for it.
    result["startedAt"] = timestamp(end.started_at)
    result["finishedAt"] = timestamp(end.finished_at)
    if end.container_id:
        result["containerID"] = f"podman://{end.container_id}"
    return result


def _terminated(item: Json | None) -> Terminated | None:
    if not item:
        return None
    return Terminated(
        int(item.get("exitCode", 0)),
        item.get("reason", ""),
        item.get("message", ""),
        seconds(item.get("startedAt")),
        seconds(item.get("finishedAt")),
        (item.get("containerID") or "").rpartition("/")[2],
    )


def _readiness(what: str, unready: Sequence[str]) -> tuple[bool, str, str]:
    if what == "Succeeded":
        return False, "PodCompleted", ""
    if what == "Failed":
        return False, "PodFailed", ""
    if unready:
        return False, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    return True, "", ""


def _gates(spec: Json, conditions: Mapping[str, Json]) -> tuple[bool, str, str]:
    problems = []
    for gate in spec.get("readinessGates") or ():
        kind = gate["conditionType"]
        if kind not in conditions:
            problems.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif conditions[kind]["status"] != "True":
            state = conditions[kind]["status"]
            problems.append(f'the status of pod readiness gate "{kind}" is not "True", but {state}')
    return (False, "ReadinessGatesNotReady", ", ".join(problems)) if problems else (True, "", "")


def _condition(kind: str, value: tuple[bool, str, str], old: Json | None, now: float, generation: int | None) -> Json:
    true, reason, message = value
    state = "True" if true else "False"
    since = old["lastTransitionTime"] if old and old.get("status") == state else None
    result: Json = {
        "type": kind,
        "status": state,
        # A merge patch keeps what is not named: an empty reason must be named to go.
        "reason": reason or None,
        "message": message or None,
        "lastProbeTime": None,
        "lastTransitionTime": since or timestamp(now),
    }
    if generation is not None:
        result["observedGeneration"] = generation
    return result


def _duration(length: float) -> str:
    minutes, rest = divmod(int(length), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
