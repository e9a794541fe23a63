#!/usr/bin/env python
"""Builds all programs of the region with nothing compiled, reduced (as `localregion programs build` does) and not, and
prints side by side what it takes.

    make bench-builds                    both
    make bench-builds ARGS=reduced       one of them: reduced, whole
    make bench-builds ARGS=--count       packages and lines alone, in seconds
    make bench-builds ARGS=--download    Go's modules are fetched again too, so the network's time is in the figures

"whole" is how they were built before: no module's files swapped but those without which nothing would compile, one
program after the other, with debug information.
It judges nothing: minutes depend on the machine and on what else it does; the ratio travels.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from localregion.host import programs

PACKAGES = [program.package for program in programs.PROGRAMS]
WHOLE_FLAGS = ("-mod=mod", "-gcflags=all=-N -l")
MENDS = ("sigs.k8s.io/controller-runtime",)
"""Modules whose swaps cut nothing: without them they do not fit the release of Kubernetes."""


def silent(line: str) -> None:
    """No progress in a table."""


def cpu_seconds() -> float:
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def empty_caches(download: bool) -> Iterator[Path]:
    """A folder in which Go's cache lies meanwhile."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="okestack-builds-") as name:
        os.environ["GOCACHE"] = f"{name}/go"
        if download:
            os.environ["GOMODCACHE"] = f"{name}/modules"
            os.environ["GOFLAGS"] = "-modcacherw"
        try:
            yield Path(name)
        finally:
            os.environ.clear()
            os.environ.update(before)


def uncut(target: Path) -> Path:
    """The builds' module with the mends alone."""
    shutil.copytree(programs.BUILDS, target)
    for swap in programs.swaps(target):
        if not swap.relative_to(target / "swaps").as_posix().startswith(MENDS):
            swap.unlink()
    return target


def count(go: Path, arguments: list[str], of: programs.Programs) -> tuple[int, int]:
    """Packages to compile, and lines in them. (Go's sums of modules that are cut are not kept: they are added.)"""
    listed = subprocess.run(
        [go, "list", *arguments, "-mod=mod", "-deps", "-json=Dir,GoFiles,SFiles", *PACKAGES],
        cwd=of.builds, env=of.environment(go), stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip
    decoder, at, packages, lines = json.JSONDecoder(), 0, 0, 0
    while at < len(listed.rstrip()):
        package, at = decoder.raw_decode(listed, at)
        at += 1
        packages += 1
        for file in [*package.get("GoFiles", ()), *package.get("SFiles", ())]:
            lines += Path(package["Dir"], file).read_bytes().count(b"\n")
    return packages, lines


def measure(whole: bool, options: argparse.Namespace) -> dict[str, Any]:
    """One way of building."""
    with empty_caches(options.download) as folder:
        builds = uncut(folder / "builds") if whole else programs.BUILDS
        of = programs.Programs(folder, builds, search_path=os.environ["PATH"])
        of.folder.mkdir(parents=True)
        go = asyncio.run(of.go(silent))
        began, used, seconds = time.monotonic(), cpu_seconds(), {}
        arguments: list[str] = []
        out = folder / "out"
        if not options.count and whole:
            arguments = asyncio.run(of.reduced(go, folder / "count", silent))
            environment = {**of.environment(go), "GOGC": "400"}
            environment.pop("GOMEMLIMIT")
            for program in programs.PROGRAMS:
                since = time.monotonic()
                command = [str(go), "build", *arguments, *WHOLE_FLAGS, "-o", str(out / program.name), program.package]
                subprocess.run(command, cwd=of.builds, env=environment, check=True)
                seconds[program.name] = time.monotonic() - since
        elif not options.count:
            out = of.folder
            since = time.monotonic()

            def note(line: str) -> None:
                nonlocal since
                if line.startswith("built "):
                    seconds[line.split()[1]] = time.monotonic() - since
                    since = time.monotonic()

            asyncio.run(of.build_missing(go, list(programs.PROGRAMS), note))
        figures: dict[str, Any] = {"wall": time.monotonic() - began, "cpu": cpu_seconds() - used, "seconds": seconds}
        figures["bytes"] = sum(file.stat().st_size for file in out.iterdir()) if seconds else 0
        if not (folder / "count").exists():
            arguments = asyncio.run(of.reduced(go, folder / "count", silent))
        figures["packages"], figures["lines"] = count(go, arguments, of)
        return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ways", nargs="*", choices=("reduced", "whole", []), default=[])
    parser.add_argument("--count", action="store_true", help="build nothing, count packages and lines")
    parser.add_argument("--download", action="store_true", help="with Go's module cache empty as well")
    options = parser.parse_args()
    ways = options.ways or ["reduced", "whole"]
    if shutil.which("go") is None:
        print("a Go on PATH is needed", file=sys.stderr)
        return 1
    found = {way: measure(way == "whole", options) for way in ways}

    def row(what: str, values: dict[str, str]) -> None:
        print(f"{what:<26}" + "".join(f"{values[way]:>12}" for way in ways), flush=True)

    row("", {way: way for way in ways})
    if not options.count:
        for name in programs.NAMES:
            row(name, {way: programs.human_time(found[way]["seconds"][name]) for way in ways})
        row("all, wall", {way: programs.human_time(found[way]["wall"]) for way in ways})
        row("all, CPU seconds", {way: f"{found[way]['cpu']:.0f}" for way in ways})
        row("MB of programs", {way: f"{found[way]['bytes'] / 1e6:.0f}" for way in ways})
    row("packages", {way: f"{found[way]['packages']:,}" for way in ways})
    row("lines", {way: f"{found[way]['lines']:,}" for way in ways})
    if len(ways) == 2 and not options.count:
        small, large = (found[way] for way in ("reduced", "whole"))
        print(f"reduced / whole: wall {small['wall'] / large['wall']:.2f}, CPU {small['cpu'] / large['cpu']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
