#!/usr/bin/env python
"""Measures the site, a whole network, a module's task and the region's API, and prints the numbers with their aims.

    make bench                          programs built and cached
    make bench ARGS="network tasks"     these parts only; --help names all

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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "collections")]

import oci  # noqa: E402

from localregion import testing  # noqa: E402
from tests.e2e.second_machine import Machine  # noqa: E402
from tests.e2e.site import ROOT, Region, Site  # noqa: E402

PARTS = ("network", "resources", "tasks", "site", "calls", "nodes", "bundle", "drift", "build")
TASKS = 40
CALLS = 300
ADDED = 0.1
"""Seconds added to each call of the API where a far region is played."""
SUBNETS, RULES_A_GROUP = 100, 5


def line(what: str, value: str, aim: str = "") -> None:
    print(f"{what:<66} {value:>10}  {'aim ' + aim if aim else ''}".rstrip(), flush=True)


def operations(names: Iterable[str]) -> None:
    for operation, count in Counter(names).most_common():
        line(f"      {operation}", str(count))


# --- the site --------------------------------------------------------------------------------------------------------


def measure_site(region: Region) -> str:
    """From nothing to the URL, then the same again: near, and with time added to each call. The URL."""
    began = time.monotonic()
    region.localregion("up")
    first = region.playbook().wait()
    line("from nothing to the URL, programs cached", f"{time.monotonic() - began:.0f} s", "180 s")
    line("    of it ansible-playbook", f"{time.monotonic() - first.began:.0f} s")
    region.playbook().wait()  # what the first run left to be looked up has been by now
    no_op_site(region, "a second run of site.yml", "20 s")
    region.localregion("fault", "*", "--delay", str(ADDED), "--times", "0")
    try:
        no_op_site(region, f"the same with {ADDED * 1000:.0f} ms added to each call", "15 s", told=True)
    finally:
        region.localregion("fault", "--clear")
    return first.lines[-1].strip()


def no_op_site(region: Region, what: str, aim: str, told: bool = False) -> None:
    """One run that changes nothing, its time set out: what of it is Ansible, what waits for whom."""
    seen = len(region.calls())
    spans = region.folder / f"spans-{seen}.jsonl"
    kept = dict(region.env)
    region.env |= {
        "OKESTACK_SPANS": str(spans),
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "okestack.oci.survey,okestack.oci.summary,spans",
    }
    try:
        run = region.playbook().wait()
    finally:
        region.env = kept
    took = time.monotonic() - run.began
    rows = [json.loads(text) for text in spans.read_text().splitlines()]

    def of(*kinds: str) -> list[tuple[float, float]]:
        return [(row["began"], row["ended"]) for row in rows if row["kind"] in kinds]

    line(what, f"{took:.1f} s", aim)
    tasks = len(of("task"))
    empty = empty_playbook(region, tasks)
    line(f"    an empty playbook of {tasks} tasks", f"{empty:.1f} s")
    line("    the run over that", f"{took - empty:.1f} s", "0.7 s")
    line(f"    Ansible: start, {tasks} tasks, templates", f"{took - covered(of('api', 'kubernetes', 'chart')):.1f} s")
    line(f"    API: {len(of('api'))} calls, waited for", f"{covered(of('api')):.1f} s", "10 calls")
    line(f"    Kubernetes: {len(of('kubernetes'))} requests, waited for", f"{covered(of('kubernetes')):.1f} s")
    line("    helm template, its objects read", f"{covered(of('chart')):.1f} s")
    line("    changed", str(run.recap()["changed"]), "0")
    if told:
        made = region.operators_calls(seen)
        line("    calls by operation", str(len(made)))
        operations(c["operation"] for c in made)


def empty_playbook(region: Region, tasks: int) -> float:
    """Seconds of a playbook with so many tasks that do nothing, by the same settings and inventory."""
    path = region.folder / "empty.yml"
    nothing = {"ansible.builtin.debug": {"msg": "x"}}
    play = {"hosts": "okestack", "connection": "local", "gather_facts": False, "tasks": [nothing] * tasks}
    path.write_text(json.dumps([play]))
    run = region.playbook(playbook=str(path)).wait()
    return time.monotonic() - run.began


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds that lie within at least one of the spans."""
    total = end = 0.0
    for began, ended in sorted(spans):
        if ended > end:
            total += ended - max(began, end)
            end = ended
    return total


# --- a whole network against single tasks ----------------------------------------------------------------------------


def measure_network(region: testing.Region) -> None:
    """A no-op of a network with many parts as one task, and of the same parts as a task each."""
    names = [f"part-{number:03}" for number in range(SUBNETS)]
    rules = {
        name: [
            {
                "direction": "INGRESS",
                "protocol": "6",
                "source": f"192.0.2.{number}/32",
                "source_type": "CIDR_BLOCK",
                "tcp_options": {"destination_port_range": {"min": port, "max": port}},
            }
            for port in range(8000, 8000 + RULES_A_GROUP)
        ]
        for number, name in enumerate(names)
    }
    vcn = {"display_name": "wide", "cidr_blocks": ["10.0.0.0/16"]}
    cidrs = {name: f"10.0.{number}.0/24" for number, name in enumerate(names)}
    whole = {
        "compartment_id": region.compartment_id,
        "vcn": vcn,
        "subnets": [{"display_name": name, "cidr_block": cidrs[name]} for name in names],
        "network_security_groups": [{"display_name": name, "security_rules": rules[name]} for name in names],
    }
    once: list[dict[str, Any]] = [{"okestack.oci.virtual_network": whole}]
    in_it = {"compartment_id": region.compartment_id, "vcn_id": "{{ made.vcn.id }}"}
    single: list[dict[str, Any]] = [
        {"okestack.oci.vcn": {"compartment_id": region.compartment_id, **vcn}, "register": "made"},
        *(
            {"okestack.oci.subnet": {**in_it, "display_name": name, "cidr_block": cidrs[name]}}
            for name in names
        ),
        *(
            {"okestack.oci.network_security_group": {**in_it, "display_name": name, "security_rules": rules[name]}}
            for name in names
        ),
    ]  # fmt: skip
    shape = f"{SUBNETS} subnets, {SUBNETS} NSGs, {SUBNETS * RULES_A_GROUP} rules"
    with tempfile.TemporaryDirectory(prefix="okestack-network-") as folder:
        play = Play(region, Path(folder))
        play(once)
        took, calls = {}, {}
        for name, tasks in (("virtual_network", once), ("single tasks", single)):
            region.forget_calls()
            took[name] = play(tasks, changed=0)
            calls[name] = [call.operation for call in region.calls]
            assert region.writes() == []
        for name, seconds in took.items():
            line(f"a no-op of {shape}: {name}", f"{seconds:.1f} s")
            line("    calls by operation, all of them reads", str(len(calls[name])))
            operations(calls[name])
        line("    single tasks to one, time", f"{took['single tasks'] / took['virtual_network']:.1f}")
        line("    single tasks to one, calls", f"{len(calls['single tasks']) / len(calls['virtual_network']):.1f}")
        region.faults.add("*", delay=ADDED, times=None)
        try:
            line(f"    virtual_network with {ADDED * 1000:.0f} ms added to each call", f"{play(once, changed=0):.1f} s")
        finally:
            region.faults.clear()


# --- thirty resources in seventeen tasks -----------------------------------------------------------------------------


def thirty_resources(region: testing.Region) -> list[dict[str, Any]]:
    """Tasks that keep a VCN with gateways, route tables, security lists, groups and subnets, policies and a vault."""
    place = {"compartment_id": region.compartment_id}
    in_it = {**place, "vcn_id": "{{ made.vcn.id }}"}

    def task(module: str, **options: Any) -> dict[str, Any]:
        return {f"okestack.oci.{module}": options}

    def loop(count: int, prefix: str) -> dict[str, Any]:
        return {"loop": [f"{prefix}-{number}" for number in range(count)]}

    policy = {**place, "description": "x"}
    statement = f"Allow group Administrators to read all-resources in compartment id {region.compartment_id}"
    cidr = "10.0.{{ item[-1] }}.0/24"
    return [
        {**task("vcn", **place, display_name="thirty", cidr_blocks=["10.0.0.0/16"]), "register": "made"},
        task("internet_gateway", **in_it, display_name="internet"),
        task("nat_gateway", **in_it, display_name="nat"),
        task("route_table", **in_it, display_name="public"),
        task("route_table", **in_it, display_name="private"),
        task("security_list", **in_it, display_name="none", ingress_security_rules=[], egress_security_rules=[]),
        {**task("security_list", **in_it, display_name="{{ item }}", ingress_security_rules=[],
                egress_security_rules=[]), **loop(2, "list")},
        *(task("network_security_group", **in_it, display_name=name) for name in ("group-a", "group-b")),
        {**task("network_security_group", **in_it, display_name="{{ item }}"), **loop(5, "group")},
        *(
            task("subnet", **in_it, display_name=f"subnet-{number}", cidr_block=f"10.0.{number}.0/24")
            for number in (7, 8)
        ),
        {**task("subnet", **in_it, display_name="{{ item }}", cidr_block=cidr), **loop(7, "subnet")},
        *(task("policy", **policy, name=name, statements=[statement]) for name in ("policy-a", "policy-b")),
        {**task("policy", **policy, name="{{ item }}", statements=[statement]), **loop(3, "policy")},
        task("vault", **place, display_name="thirty", vault_type="DEFAULT"),
    ]  # fmt: skip


def measure_resources(region: testing.Region) -> None:
    """A no-op of thirty resources in seventeen tasks beside an empty playbook, also with time added to each call."""
    tasks = thirty_resources(region)
    count = sum(len(task.get("loop", [1])) for task in tasks)
    empty: list[dict[str, Any]] = [{"ansible.builtin.debug": {"msg": "x"}}] * len(tasks)
    with tempfile.TemporaryDirectory(prefix="okestack-resources-") as folder:
        play = Play(region, Path(folder))
        play(tasks)
        line(f"an empty playbook of {len(tasks)} tasks", f"{play(empty):.1f} s")
        region.forget_calls()
        line(f"{count} resources in {len(tasks)} tasks, nothing to do", f"{play(tasks, changed=0):.1f} s")
        line("    calls by operation, all of them reads", str(len(region.calls)))
        operations(call.operation for call in region.calls)
        region.faults.add("*", delay=ADDED, times=None)
        try:
            line(f"    with {ADDED * 1000:.0f} ms added to each call", f"{play(tasks, changed=0):.1f} s", "2.6 s")
        finally:
            region.faults.clear()


# --- tasks and calls -------------------------------------------------------------------------------------------------


def measure_tasks(region: testing.Region) -> None:
    """A module's task over `debug`: plays of one and of many tasks, so that what comes once is told apart."""
    module = {"okestack.oci.vcn": {"compartment_id": region.compartment_id, "display_name": "one"}}
    made = {"okestack.oci.vcn": {**module["okestack.oci.vcn"], "cidr_blocks": ["10.1.0.0/16"]}}
    kinds: dict[str, dict[str, Any]] = {"debug": {"ansible.builtin.debug": {"msg": "x"}}, "module": module}
    with tempfile.TemporaryDirectory(prefix="okestack-tasks-") as folder:
        play = Play(region, Path(folder))
        play([made])
        region.forget_calls()
        took = {
            (name, count): min(play([task] * count, changed=0) for _ in range(3))
            for name, task in kinds.items()
            for count in (1, TASKS + 1)
        }
    once = {name: took[name, 1] for name in kinds}
    each = {name: (took[name, TASKS + 1] - took[name, 1]) / TASKS * 1000 for name in kinds}
    call = statistics.median(row.ms for row in region.calls)
    over = each["module"] - each["debug"]
    line("a task of debug", f"{each['debug']:.0f} ms")
    line("a task of a module that finds nothing to do", f"{each['module']:.0f} ms")
    line("    over debug", f"{over:.0f} ms", "20 ms")
    line("    of it the region's answer to its one call", f"{call:.0f} ms")
    line("    ratio", f"{each['module'] / each['debug']:.2f}")
    line("    once a run: importing the SDKs", f"{once['module'] - once['debug']:.1f} s")


class Play:
    """Plays tasks against a region by ansible-playbook."""

    def __init__(self, region: testing.Region, folder: Path) -> None:
        self.region = region
        self.folder = folder

    def __call__(self, tasks: list[dict[str, Any]], changed: int | None = None) -> float:
        """Seconds of it; it must end well."""
        defaults = {"config_file": str(self.region.config_file), "endpoints": {"default": self.region.endpoint}}
        head = {"hosts": "localhost", "gather_facts": False, "connection": "local"}
        path = self.folder / "play.yml"
        path.write_text(json.dumps([{**head, "module_defaults": {"group/okestack.oci.all": defaults}, "tasks": tasks}]))
        env = {**os.environ, "ANSIBLE_NOCOLOR": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        began = time.monotonic()
        done = subprocess.run(
            ["ansible-playbook", "-i", "localhost,", str(path)], cwd=ROOT, env=env, capture_output=True, text=True
        )
        took = time.monotonic() - began
        wanted = rf"ok={len(tasks)}\s" + ("" if changed is None else rf"+changed={changed}\s")
        if done.returncode or not re.search(wanted, done.stdout):
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
        return took


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
        line("    of it in the region's API", f"{statistics.median(own):.1f} ms", "5 ms")


def measure_bundle(region: Region) -> None:
    """Of a bundle: its making, and a second machine's first run with it and no network."""
    with tempfile.TemporaryDirectory(prefix="okestack-bundle-") as folder:
        file, machine = Path(folder) / "site.bundle", Machine(Path(folder))
        try:
            took = {"save": timed(region.localregion, "bundle", "save", str(file), seconds=900)}
            took |= {name: timed(machine.make, name, f"FILE={file}") for name in ("bundle-load", "site")}
        finally:
            machine.remove()
        line("a bundle's size", f"{file.stat().st_size / 1e6:.0f} MB", "500 MB")
        line("    bundle save", f"{took['save']:.0f} s")
        line("    make bundle-load on a second machine", f"{took['bundle-load']:.0f} s")
        line("    make site there, without network", f"{took['site']:.0f} s", "120 s")


def timed(call: Callable[..., object], *arguments: str, **more: Any) -> float:
    """Seconds of a call."""
    began = time.monotonic()
    call(*arguments, **more)
    return time.monotonic() - began


@contextmanager
def site_region() -> Iterator[Region]:
    """A region with its real parts."""
    region = Region("bench", "127.79.0.0/16", Path(tempfile.mkdtemp(prefix="okestack-bench-")))
    try:
        yield region
    finally:
        region.remove()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help=f"of {', '.join(PARTS)}; all unless given")
    options = parser.parse_args()
    parts = options.parts or PARTS
    if {"network", "resources", "tasks"} & set(parts):
        with (
            tempfile.TemporaryDirectory(prefix="okestack-api-") as folder,
            testing.Region.started(Path(folder)) as api,
        ):
            if "network" in parts:
                measure_network(api)
            if "resources" in parts:
                measure_resources(api)
            if "tasks" in parts:
                measure_tasks(api)
    if {"site", "calls", "nodes", "bundle", "drift"} & set(parts):
        with site_region() as region:
            if "site" in parts:
                url = measure_site(region)
            else:
                region.localregion("up")
                url = region.playbook().wait().lines[-1].strip()
            if "calls" in parts:
                measure_calls(region)
            if "nodes" in parts:
                from tests.bench import nodes

                nodes.measure(region, Site(region, url))
            if "bundle" in parts:
                measure_bundle(region)
            if "drift" in parts:
                from tests.bench import drift

                drift.measure(region)
    if "build" in parts:
        from tests.bench import life_cycle

        life_cycle.measure()


if __name__ == "__main__":
    main()
