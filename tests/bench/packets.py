"""How long it takes until a changed rule is in force: the whole packet filter of 1,000 VNICs and 500 rules replaced."""

from __future__ import annotations

import asyncio
import ipaddress
import tempfile
import time
from pathlib import Path
from typing import Any

from localregion.backends.fabric import Fabric
from localregion.backends.packet_filter import Documents, compile_table
from tests.bench.bench import line

Doc = dict[str, Any]
VNICS, RULES = 1000, 500


def documents(combinations: int) -> Documents:
    """VNICs of one subnet in this many combinations of groups, each with as many of the rules as make them all."""
    first = int(ipaddress.IPv4Address("10.7.0.10"))
    per = RULES // combinations
    groups: dict[str, list[Doc]] = {
        f"g{group}": [
            {"direction": "INGRESS", "source": f"172.16.{rule % 250}.0/24", "sourceType": "CIDR_BLOCK", "protocol": "6",
             "tcpOptions": {"destinationPortRange": {"min": 1000 + rule, "max": 1000 + rule}}}
            for rule in range(per)
        ]
        for group in range(combinations)
    }  # fmt: skip
    return Documents(
        vcns=[{"id": "vcn", "cidrBlocks": ["10.7.0.0/16"]}],
        subnets=[{"id": "s", "vcnId": "vcn", "cidrBlock": "10.7.0.0/16", "routeTableId": "r", "securityListIds": []}],
        groups=groups,
        vnics=[
            {"id": f"v{n}", "privateIp": str(ipaddress.IPv4Address(first + n)), "subnetId": "s",
             "nsgIds": [f"g{n % combinations}"]}
            for n in range(VNICS)
        ],
    )  # fmt: skip


async def _measure() -> None:
    fabric = Fabric("bench", Path(tempfile.mkdtemp(prefix="okestack-bench-")))
    await fabric.start()
    try:
        for combinations in (1, 50):
            now = documents(combinations)
            began = time.perf_counter()
            compile_table(now)
            compiled = time.perf_counter() - began
            began = time.perf_counter()
            await fabric.filter(now)
            took = time.perf_counter() - began
            what = f"{VNICS:,} VNICs, {RULES} rules, {combinations} sets of groups: filter replaced"
            line(what, f"{took:.2f} s", "1 s")
            line("    of it compiling", f"{compiled:.2f} s")
    finally:
        await fabric.stop()


if __name__ == "__main__":
    asyncio.run(_measure())
