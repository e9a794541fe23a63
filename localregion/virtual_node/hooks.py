# SPDX-License-Identifier: GPL-3.0-or-later
"""The lifecycle hooks of containers."""

from __future__ import annotations

import asyncio
from typing import Any

from localregion.virtual_node import probes
from localregion.virtual_node.containers import RuntimeFailure
from localregion.virtual_node.pod_state import PodState

Json = dict[str, Any]


async def run_hook(pod: PodState, container: Json, kind: str) -> str:
    """Run a container's lifecycle hook (postStart, preStop); what went wrong, empty if nothing did."""
    hook = (container.get("lifecycle") or {}).get(kind)
    if not hook or not pod.host.runtime.with_files:
        return ""
    seconds = pod.host.config.termination_grace_seconds
    one = pod.run.containers[container["name"]]
    try:
        if "exec" in hook:
            code, output = await pod.host.runtime.execute(one.container_id, hook["exec"]["command"], seconds)
            if code != 0:
                return f"{kind} hook of {one.name} failed: {'timed out' if code is None else output.strip()}"
        elif "httpGet" in hook:
            target = probes.HttpTarget.of(hook["httpGet"], container, pod.run.ip)
            result = await probes.http(target, seconds, pod.host.version)
            if not result.ok:
                return f"{kind} hook of {one.name} failed: {result.message}"
        elif "sleep" in hook:
            await asyncio.sleep(float(hook["sleep"]["seconds"]))
    except (RuntimeFailure, ValueError) as error:
        return f"{kind} hook of {one.name} failed: {error}"
    return ""
