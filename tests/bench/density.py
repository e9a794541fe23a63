#!/usr/bin/env python
"""Fills virtual nodes: 1,000 pods on one and 3,000 on three, without containers, made Ready and deleted again.

    make density                    both
    make density ARGS="3000"        so many, spread over three nodes

A control plane of its own, in a namespace of its own, as root. It judges nothing but that all of them get Ready.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "collections")]

from tests.integration.localregion.virtual_node import harness  # noqa: E402
from tests.programs import folder  # noqa: E402

ONE_NODE = 1000
PATIENCE = 1800.0


def fill(lab: harness.Lab, count: int) -> None:
    """So many pods on as many nodes as they need."""
    nodes = min(3, -(-count // ONE_NODE))
    base = lab.config()
    config = dataclasses.replace(
        base, runtime="none", nodes=base.nodes[:nodes], labels={"dense": str(count)}, state_dir=f"{lab.folder}/{count}"
    )
    kubelet = lab.another_kubelet(config)
    path = "/apis/apps/v1/namespaces/default/deployments"
    name = f"dense-{count}"
    container = {"name": "main", "image": "r.example/none:1"}
    spec = {"automountServiceAccountToken": False, "nodeSelector": {"dense": str(count)}, "containers": [container]}
    try:
        lab.until(lambda: lab.schedulable() >= nodes, 120, "the nodes are Ready")
        began = time.monotonic()
        template = {"metadata": {"labels": {"app": name}}, "spec": spec}
        body = {"replicas": count, "selector": {"matchLabels": {"app": name}}, "template": template}
        lab.api.post(path, {"metadata": {"name": name}, "spec": body})

        def ready() -> bool:
            time.sleep(1)
            return bool(lab.api.get(f"{path}/{name}").get("status", {}).get("readyReplicas", 0) == count)

        lab.until(ready, PATIENCE, f"{count} pods Ready")
        took = time.monotonic() - began
        pods = lab.api.get("/api/v1/namespaces/default/pods")["items"]
        each = Counter(pod["spec"]["nodeName"] for pod in pods)
        assert len({pod["status"]["podIP"] for pod in pods}) == count
        tainted = [
            node["metadata"]["name"] for node in lab.api.get("/api/v1/nodes")["items"] if node["spec"].get("taints")
        ]
        assert tainted == [], "nodes were taken for lost"
        began = time.monotonic()
        lab.api.delete(f"{path}/{name}", {"propagationPolicy": "Background"})

        def gone() -> bool:
            time.sleep(1)
            return not lab.api.get("/api/v1/namespaces/default/pods?limit=1")["items"]

        lab.until(gone, PATIENCE, "all of them gone")
        rest = time.monotonic() - began
        shares = "+".join(str(share) for share in sorted(each.values(), reverse=True))
        print(f"{count:>5} pods ({shares}): Ready after {took:.0f} s, deleted in {rest:.0f} s", flush=True)
    finally:
        kubelet.terminate()
        kubelet.wait(60)
        for node in config.nodes:
            if lab.api.try_get(f"/api/v1/nodes/{node.name}"):
                lab.api.delete(f"/api/v1/nodes/{node.name}")


def main() -> int:
    """The command line."""
    counts = [int(word) for word in sys.argv[1:]] or [ONE_NODE, 3 * ONE_NODE]
    with tempfile.TemporaryDirectory(prefix="density-", dir="/var/tmp") as place:
        for lab in harness.lab(Path(place), folder()):
            for count in counts:
                fill(lab, count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
