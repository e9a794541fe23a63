#!/usr/bin/env python
"""Measures the site, the region's API and a module's task, and prints the numbers with their aims and ratios.

    make bench                    programs built and cached
    make bench ARGS=--build       the build of all programs from an empty cache as well (minutes)

It judges nothing: the numbers depend on the machine and on what else it does; the ratios travel.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "collections")]

import oci  # noqa: E402

from tests.e2e.site import ROOT, Region  # noqa: E402

TASKS = 40
CALLS = 300


def line(what: str, value: str, aim: str = "") -> None:
    print(f"{what:<58} {value:>12}  {'aim ' + aim if aim else ''}".rstrip(), flush=True)


def build_from_nothing() -> None:
    """All programs, with an empty cache of ours and of Go's."""
    with tempfile.TemporaryDirectory(prefix="okestack-build-") as folder:
        env = {
            **os.environ,
            "OKESTACK_CACHE": f"{folder}/okestack",
            "GOCACHE": f"{folder}/go",
            "GOMODCACHE": f"{folder}/mod",
        }
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "localregion", "programs", "build"], cwd=ROOT, env=env, check=True)
        line("all programs from an empty cache", f"{(time.monotonic() - began) / 60:.1f} min", "20 min on 2 cores")
        subprocess.run(["chmod", "-R", "u+w", folder], check=True)


def measure_site(region: Region) -> None:
    """From nothing to the URL, then the same again."""
    began = time.monotonic()
    region.localregion("up")
    first = region.playbook().wait()
    line("from nothing to the URL, programs cached", f"{time.monotonic() - began:.0f} s", "180 s")
    line("  of it ansible-playbook", f"{time.monotonic() - first.began:.0f} s")
    seen = len(region.calls())
    again = region.playbook().wait()
    line("a second run's ansible-playbook", f"{time.monotonic() - again.began:.1f} s", "20 s")
    line("  changed", str(again.recap()["changed"]), "0")
    made = [c for c in region.calls()[seen:] if "user" in json.dumps(c.get("principal"))]
    line("  calls of the operator", str(len(made)))
    for operation, count in Counter(c["operation"] for c in made).most_common():
        line(f"    {operation}", str(count))


def measure_calls(region: Region) -> None:
    """The median of one call, through the unmodified SDK: read and list."""
    network = region.client(oci.core.VirtualNetworkClient)
    vcn = network.list_vcns(region.compartment_id).data[0].id
    for name, call in (
        ("get_vcn", lambda: network.get_vcn(vcn)),
        ("list_vcns", lambda: network.list_vcns(region.compartment_id)),
    ):
        times = []
        for _ in range(CALLS):
            began = time.perf_counter()
            call()
            times.append((time.perf_counter() - began) * 1000)
        line(f"median of {CALLS} calls as the SDK sees them: {name}", f"{statistics.median(times):.1f} ms")
    own = [c["ms"] for c in region.calls()[-2 * CALLS :] if "ms" in c]
    if own:
        line("  of it in the region's API", f"{statistics.median(own):.1f} ms", "5 ms")


def measure_tasks(region: Region) -> None:
    """A module's task over `debug`: plays of one and of many tasks, so that what comes once is told apart."""
    module: dict[str, Any] = {
        "okestack.oci.vcn": {
            "compartment_id": region.compartment_id,
            "display_name": "okestack",
            "config_file": str(region.config_file),
            "endpoints": {"default": region.endpoint},
        }
    }
    kinds: dict[str, dict[str, Any]] = {"debug": {"ansible.builtin.debug": {"msg": "x"}}, "module": module}
    with tempfile.TemporaryDirectory(prefix="okestack-tasks-") as folder:
        took = {
            (name, count): _fastest(region, Path(folder) / f"{name}-{count}.yml", [task] * count)
            for name, task in kinds.items()
            for count in (1, TASKS + 1)
        }
    once = {name: took[name, 1] for name in kinds}
    each = {name: (took[name, TASKS + 1] - took[name, 1]) / TASKS * 1000 for name in kinds}
    line("a task of debug", f"{each['debug']:.0f} ms")
    line("a task of a module that finds nothing to do", f"{each['module']:.0f} ms")
    line("  over debug", f"{each['module'] - each['debug']:.0f} ms", "20 ms")
    line("  ratio", f"{each['module'] / each['debug']:.2f}")
    line("  once a run: importing the SDKs", f"{once['module'] - once['debug']:.1f} s")


def _fastest(region: Region, play: Path, tasks: list[dict[str, Any]]) -> float:
    """Seconds of the fastest of three runs of a play with these tasks."""
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "connection": "local", "tasks": tasks}]))
    took = []
    for _ in range(3):
        began = time.monotonic()
        done = subprocess.run(
            ["ansible-playbook", "-i", "localhost,", str(play)],
            cwd=ROOT,
            env=region.env,
            capture_output=True,
            text=True,
        )
        if done.returncode or not re.search(rf"ok={len(tasks)}\b", done.stdout):
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
        took.append(time.monotonic() - began)
    return min(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", action="store_true", help="also build all programs from an empty cache")
    options = parser.parse_args()
    region = Region("bench", "127.79.0.0/16", Path(tempfile.mkdtemp(prefix="okestack-bench-")))
    try:
        measure_site(region)
        measure_calls(region)
        measure_tasks(region)
    finally:
        region.remove()
    if options.build:
        build_from_nothing()


if __name__ == "__main__":
    main()
