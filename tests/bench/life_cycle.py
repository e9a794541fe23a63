"""How long a site takes to build over the longest chain of the life-cycle times that its region was set to."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from localregion.services.containerengine.clusters import CREATE_MINUTES as CLUSTER
from localregion.services.containerengine.virtual_node_pools import CREATE_MINUTES as POOL
from localregion.services.identity.policies import POLICY_DELAY
from localregion.services.load_balancer.service import CREATE_MINUTES as LOAD_BALANCER
from localregion.services.mysql.db_systems import CREATE_MINUTES as DB_SYSTEM
from tests.bench.bench import line
from tests.e2e.site import Region

MINUTE = 20.0
"""Seconds of the cloud's minute: long enough that what the machine computes weighs as little as on the cloud."""
CHAINS = {
    "policy, DB system": POLICY_DELAY + DB_SYSTEM,
    "cluster, virtual node pool, load balancer": CLUSTER + POOL + LOAD_BALANCER,
}
"""What can only begin when the thing before it is there, in cloud minutes."""


def measure() -> None:
    """Prints the ratio. It builds a site in a region of its own, whose life-cycle times are longer."""
    region = Region("slow", "127.78.0.0/16", Path(tempfile.mkdtemp(prefix="okestack-bench-")))
    region.env["OKESTACK_MINUTE"] = str(MINUTE)
    try:
        region.localregion("up")
        run = region.playbook().wait(3600)
        took = time.monotonic() - run.began
    finally:
        region.remove()
    names, minutes = max(CHAINS.items(), key=lambda chain: chain[1])
    line(f"a site whose region's minute is {MINUTE:.0f} s, from nothing to the URL", f"{took:.0f} s")
    line(f"    over the longest chain ({names}: {minutes * MINUTE:.0f} s)", f"{took / minutes / MINUTE:.2f}", "1.10")
