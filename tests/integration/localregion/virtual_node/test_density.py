# SPDX-License-Identifier: GPL-3.0-or-later
"""A full virtual node: 1,000 pods, without containers."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from pathlib import Path

import pytest

from tests.integration.localregion.virtual_node import harness

pytestmark = [pytest.mark.programs, pytest.mark.root, pytest.mark.timeout(600), pytest.mark.whole]
PODS, PART = 1000, 100
ADDRESS = "10.9.1.14"


def cpu_seconds(number: int) -> float:
    """What a process has used."""
    words = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_a_thousand_pods_on_one_node(lab: harness.Lab) -> None:
    harness.ip("addr", "add", f"{ADDRESS}/16", "dev", "nodes")
    base = lab.config()
    one = dataclasses.replace(base.nodes[0], name=ADDRESS, address=ADDRESS, id="ocid1.virtualnode.oc1.lcl.full")
    dense = dataclasses.replace(
        base,
        runtime="none",
        pool_id="ocid1.virtualnodepool.oc1.lcl.full",
        nodes=(one,),
        state_dir=str(lab.folder / "full"),
    )
    kubelet = lab.another_kubelet(dense)
    path = "/api/v1/namespaces/dense/pods"
    lab.api.post("/api/v1/namespaces", {"metadata": {"name": "dense"}})
    lab.until(lambda: lab.api.try_get("/api/v1/namespaces/dense/serviceaccounts/default"), 20, "service account")

    def ready() -> int:
        return sum(
            any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())
            for pod in lab.api.get(path)["items"]
        )

    def asked() -> float:
        """How many requests about pods the API server has answered, lists (the test's own) and watches left out."""
        lines = [line for line in lab.api.text("/metrics").splitlines() if line.startswith("apiserver_request_total{")]
        wanted = [line for line in lines if 'resource="pods"' in line and not re.search('verb="(LIST|WATCH)"', line)]
        return sum(float(line.rpartition(" ")[2]) for line in wanted)

    def more(until: int) -> float:
        """Have so many pods; the requests that each new one took."""
        there, before = ready(), asked()
        for index in range(there, until):
            container = {"name": "main", "image": "r.example/none:1"}
            spec = {"nodeName": ADDRESS, "containers": [container], "automountServiceAccountToken": False}
            lab.api.post(path, {"metadata": {"name": f"p{index}"}, "spec": spec})
        lab.until(lambda: ready() == until, 300, f"{until} pods Ready")
        return (asked() - before) / (until - there)

    try:
        began = time.monotonic()
        first, _, last = more(PART), more(PODS - PART), more(PODS)
        done = time.monotonic()
        used = cpu_seconds(kubelet.pid)
        time.sleep(10)
        idle = cpu_seconds(kubelet.pid) - used
        print(
            f"\n{PODS} pods on a node: all Ready after {done - began:.0f} s; {used / PODS * 1000:.0f} ms of CPU and"
            f" {first:.1f} requests each, the last ones {last:.1f}; {idle * 100:.0f} ms a second when idle"
        )
        assert last <= first * 1.1, "a pod's start asks for more the more pods there are"
        assert idle < 1.0
        addresses = {pod["status"]["podIP"] for pod in lab.api.get(path)["items"]}
        assert len(addresses) == PODS
        lab.api.delete(path)
        lab.until(lambda: not lab.api.get(path)["items"], 180, "all pods gone")
    finally:
        kubelet.terminate()
        assert kubelet.wait(20) == 0
        lab.api.delete(f"/api/v1/nodes/{ADDRESS}")
        lab.api.delete("/api/v1/namespaces/dense")
