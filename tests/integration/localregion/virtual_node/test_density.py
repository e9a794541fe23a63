# SPDX-License-Identifier: GPL-3.0-or-later
"""A full virtual node: 1,000 pods, without containers."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest

from tests.integration.localregion.virtual_node import harness

pytestmark = [pytest.mark.programs, pytest.mark.root, pytest.mark.timeout(600)]
PODS = 1000
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

    try:
        began = time.monotonic()
        for index in range(PODS):
            container = {"name": "main", "image": "r.example/none:1"}
            spec = {"nodeName": ADDRESS, "containers": [container], "automountServiceAccountToken": False}
            lab.api.post(path, {"metadata": {"name": f"p{index}"}, "spec": spec})
        made = time.monotonic()
        lab.until(lambda: ready() == PODS, 120, "all pods Ready")
        done = time.monotonic()
        used = cpu_seconds(kubelet.pid)
        time.sleep(10)
        idle = cpu_seconds(kubelet.pid) - used
        print(
            f"\n{PODS} pods on a node: made in {made - began:.0f} s, all Ready {done - made:.1f} s later;"
            f" {used / PODS * 1000:.0f} ms of CPU each, {idle * 100:.0f} ms a second when idle"
        )
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
