# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node that goes is emptied: nothing more is scheduled on it, and its pods are asked to leave."""

from __future__ import annotations

from typing import Any

from localregion.host.kubernetes_client import MERGE, KubeClient, KubeError

Json = dict[str, Any]


async def cordon(api: KubeClient, path: str) -> None:
    """Have nothing more scheduled on a node, if it is there."""
    try:
        await api.call("PATCH", path, {"spec": {"unschedulable": True}}, content_type=MERGE)
    except KubeError as error:
        if error.status != 404:
            raise


async def evict(api: KubeClient, pod: Json, *, force: bool) -> None:
    """Ask a pod to leave, as far as its PodDisruptionBudget lets it; with `force`, delete it."""
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
    if force:
        await api.delete(path, {"preconditions": {"uid": meta["uid"]}})
        return
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
        "deleteOptions": {"preconditions": {"uid": meta["uid"]}},
    }
    try:
        await api.call("POST", f"{path}/eviction", body)
    except KubeError as error:
        # 429: a PodDisruptionBudget says not now.
        if error.status not in (404, 409, 429):
            raise
