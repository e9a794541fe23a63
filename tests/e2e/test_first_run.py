"""A first run on a slow machine: each build is held back by hand beyond the deadlines of what waits for it."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import kubernetes
import pytest

from tests import programs
from tests.e2e.site import Region, Run, Site, eventually

GO = """#!/bin/sh
# Stands in for Go: "builds" a program by taking the built one, once the test lets it.
case "$1" in
version) echo "go version go1.99.0 linux/amd64" ;;
mod) echo '{"Dir": "@module@"}' ;;
build)
  while [ "$1" != -o ]; do shift; done
  out=$2; shift 2
  for package in "$@"; do
    linked=$(basename "${package%/v3}"); name=$linked; [ "$name" != server ] || name=etcd
    while [ -e "@gates@/$name" ]; do sleep 0.2; done
    if [ -e "@gates@/$name.broken" ]; then
      echo "$package/main.go:7:2: undefined: lost"; exit 1
    fi
    cp -L "@built@/$name" "$out.linked" && mv "$out.linked" "$out/$linked"
  done ;;
*) echo "not in a test: go $*" >&2; exit 1 ;;
esac
"""
# In the order in which they are built: the first of what a wait needs, and what its line has to say meanwhile.
HELD = {
    "kube-apiserver": r"oke_cluster okestack: CREATING \S+ - .*building kube-apiserver \(\d+ of \d+\), \d",
    "coredns": r"virtual_node_pool okestack: CREATING \S+ - .*building coredns \(\d+ of \d+\), \d",
    "external-secrets": r"Deployment external-secrets/external-secrets: 0 of 1 available, ProgressDeadlineExceeded"
    r" \S+ \(Pod external-secrets-\S+: external-secrets: building external-secrets \(\d+ of \d+\), \d",
    "traefik": r"Ingress crud/crud: no address yet \S+ \(Pod traefik-\S+: traefik: building traefik \(\d+ of \d+\), \d",
}


@pytest.fixture
def slow() -> Iterator[tuple[Region, Path]]:
    """A region with an empty cache, and the folder whose files hold builds back."""
    built = programs.folder()
    folder = Path(tempfile.mkdtemp(prefix="okestack-first-"))
    gates, tools, module, cache = folder / "gates", folder / "tools", folder / "module", folder / "cache"
    for made in (gates, tools, module, cache / "images"):
        made.mkdir(parents=True)
    script = GO.replace("@gates@", str(gates)).replace("@built@", str(built)).replace("@module@", str(module))
    (tools / "go").write_text(script)
    (tools / "go").chmod(0o755)
    # What is made of no program is there: its making is another test's.
    kept = built.parents[1]
    for pattern in ("charts", "mysql", "*.json", "images/base-*", "images/crud-*"):
        for path in kept.glob(pattern):
            (cache / path.relative_to(kept)).symlink_to(path)
    region = Region("first", "127.79.0.0/16", folder)
    region.env["PATH"] = f"{tools}:{region.env['PATH']}"
    region.env["OKESTACK_CACHE"] = str(cache)
    yield region, gates
    region.remove()
    shutil.rmtree(folder, ignore_errors=True)


def said(run: Run, pattern: str, seconds: float = 120) -> None:
    """Until a line fits the pattern."""
    deadline = time.monotonic() + seconds
    while not any(re.search(pattern, line) for line in run.lines):
        assert run.process.poll() is None, f"ended before {pattern!r}:\n{run.end}"
        assert time.monotonic() < deadline, f"no {pattern!r} in {seconds:.0f} s:\n{run.end}"
        time.sleep(0.1)


def beyond_its_deadline(site: Site, namespace: str, name: str) -> None:
    """Give a Deployment a short deadline and wait until it has passed."""
    apps = kubernetes.client.AppsV1Api(site.kubernetes())

    def shortened() -> bool:
        apps.patch_namespaced_deployment(name, namespace, {"spec": {"progressDeadlineSeconds": 2}})
        return True

    def passed() -> bool:
        conditions = apps.read_namespaced_deployment(name, namespace).status.conditions or ()
        return any(row.reason == "ProgressDeadlineExceeded" for row in conditions)

    eventually(shortened, f"Deployment {name} is there", 60)
    eventually(passed, f"Deployment {name} is beyond its deadline", 30)


def test_the_first_run_waits_for_every_build_and_says_which(slow: tuple[Region, Path]) -> None:
    """What does not build is said and tried again: a program that the cluster waits for, one that is in an image."""
    region, gates = slow
    again = r"tried again every 30 s: building \S+ .*with Go failed \(1\); "
    broken = {
        "kube-apiserver": rf"oke_cluster okestack: CREATING \S+ - .*waiting for etcd, {again}.*undefined: lost",
        "traefik": rf"Ingress crud/crud: no address yet .*traefik:\S+ is not made yet, {again}",
    }
    for name in (*HELD, *(f"{name}.broken" for name in broken)):
        (gates / name).touch()
    region.localregion("up")
    run = region.playbook()
    site = Site(region, "")
    for name, line in HELD.items():
        if name == "external-secrets":
            said(run, r"TASK .*Keep the operator")
            beyond_its_deadline(site, "external-secrets", "external-secrets")
        if name == "traefik":
            said(run, r"TASK .*Keep the application\]")
            beyond_its_deadline(site, "ingress", "traefik")
        said(run, line)
        (gates / name).unlink()
        if name in broken:
            said(run, broken[name])
            (gates / f"{name}.broken").unlink()
    run.wait()
    assert run.recap()["failed"] == 0
    assert re.fullmatch(r"https://127\.79\.\d+\.\d+/", run.lines[-1].strip()), run.end
    assert not re.search("ErrImagePull|ImagePullBackOff", run.text), run.text
    events = site.core().list_event_for_all_namespaces().items
    assert [event.message for event in events if event.reason in ("Failed", "BackOff")] == []
