"""drift.yml of a compartment with 10,000 resources that are nobody's."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import oci

from tests.bench.bench import line, operations
from tests.e2e.site import Region, Run

RESOURCES, VCNS = 10_000, 10
MEGABYTE = 1024


def measure(region: Region) -> None:
    """Prints time, calls and memory. The site has to stand; what is made stays."""
    _make(region)
    seen = len(region.calls())
    run = region.playbook(playbook="playbooks/drift.yml")
    most = [0]
    watch = threading.Thread(target=_watch, args=(run, most), daemon=True)
    watch.start()
    run.wait()
    took = time.monotonic() - run.began
    watch.join(5)
    made = region.operators_calls(seen)
    line(f"drift.yml beside {RESOURCES:,} resources", f"{took:.1f} s", "10 s")
    line("    the most memory that a process of it had", f"{most[0] / MEGABYTE:.0f} MB", "200 MB")
    line("    calls by operation", str(len(made)))
    operations(call["operation"] for call in made)


def _make(region: Region) -> None:
    network = region.client(oci.core.VirtualNetworkClient)
    models, compartment = oci.core.models, region.compartment_id
    vcns = [
        network.create_vcn(
            models.CreateVcnDetails(compartment_id=compartment, cidr_block="10.200.0.0/16", display_name=f"many-{one}")
        ).data.id
        for one in range(VCNS)
    ]

    def group(number: int) -> None:
        network.create_network_security_group(
            models.CreateNetworkSecurityGroupDetails(
                compartment_id=compartment, vcn_id=vcns[number % VCNS], display_name=f"many-{number}"
            )
        )

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(group, range(RESOURCES - VCNS)))


def _watch(run: Run, most: list[int]) -> None:
    """Keep the largest resident memory, in KB, of the playbook's process and of its workers."""
    while run.process.poll() is None:
        for pid in (run.process.pid, *_children(run.process.pid)):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            most[0] = max([most[0], *(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmHWM"))])
        time.sleep(0.05)


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
