# SPDX-License-Identifier: GPL-3.0-or-later
"""What people may give by mistake, or on purpose: refused in words, at once, before a cluster is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.errors import BadOptions, KubeError
from ansible_collections.okestack.oci.plugins.module_utils.kube import secret_task, tasks
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, run_task, validated

NAMED = {task.name: task for task in tasks.TASKS}
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
HALF = "a\ud800b"
CIRCLE: dict[str, Any] = {**MAP}
CIRCLE["data"] = {"inner": CIRCLE}


def bomb(levels: int = 6, width: int = 9, merged: bool = False) -> str:
    lines = ["a0: &a0 [x]" if not merged else "a0: &a0 {x: y}"]
    for level in range(1, levels + 1):
        aliases = ", ".join([f"*a{level - 1}"] * width)
        lines.append(f"a{level}: &a{level} {{<<: [{aliases}]}}" if merged else f"a{level}: &a{level} [{aliases}]")
    return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n" + "\n".join(lines)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A cluster that nobody may ask."""
    found: list[str] = []

    def client_for(*_: Any) -> None:
        found.append("asked")
        raise KubeError("a cluster was asked")

    monkeypatch.setattr(tasks, "client_for", client_for)
    monkeypatch.setattr(secret_task, "client_for", client_for)
    return found


def refuse(*_: Any) -> None:
    raise KubeError("the cloud was asked")


def run(module: str, options: dict[str, Any]) -> dict[str, Any]:
    task = NAMED[module]
    began = time.process_time()
    try:
        params, secrets = validated(task, options)
    except BadOptions as error:
        return {"failed": True, "msg": str(error)}
    except (TypeError, OverflowError) as error:  # of Ansible's own checks, which are not this room's
        return {"failed": True, "msg": str(error)}
    context = Context(check_mode=True, secrets=secrets)
    context._session = SimpleNamespace(region="r-1", client=refuse)  # type: ignore[assignment]
    result = run_task(task, params, context)
    assert time.process_time() - began < 5.0, "refused, not worked through"
    return dict(result)


MANIFEST: list[tuple[dict[str, Any], str]] = [
    ({"definition": bomb()}, "its aliases make"),
    ({"definition": bomb(merged=True)}, "its aliases make"),
    ({"definition": "&a\napiVersion: v1\ndata: *a"}, "an anchor is in itself"),
    ({"definition": "a: " + "[" * 20000}, "definition"),
    ({"definition": "a: [" + "b: {" * 300}, "not YAML"),
    ({"definition": f"a: {HALF}"}, "definition: holds half a character"),
    ({"definition": {**MAP, "data": {"a": [HALF]}}}, "definition.data.a[0]: holds half a character"),
    ({"definition": {**MAP, "data": {"a": float("nan")}}}, "definition.data.a: nan is not a number"),
    ({"definition": [5]}, "definition[0]: a int, not an object"),
    ({"definition": {**MAP, "spec": 5}}, "definition[0].spec: a number where a mapping belongs"),
    ({"definition": {**MAP, "metadata": {"name": "c", "labels": ["a"]}}}, "labels: a list where a mapping belongs"),
    ({"definition": "a: 2026-99-99"}, "definition"),
    ({"definition": MAP, "wait_conditions": {"ConfigMap": 5}}, "wait_conditions.ConfigMap: 5 is not a condition"),
    ({"definition": MAP, "wait_conditions": {"ConfigMap": [5]}}, "wait_conditions.ConfigMap: 5 is not a condition"),
    ({"definition": MAP, "wait_conditions": {"ConfigMap": ["=True"]}}, "'=True' is not a condition"),
    ({"definition": MAP, "wait_conditions": {"ConfigMap": []}}, "wait_conditions.ConfigMap"),
    ({"definition": MAP, "wait_conditions": {"ConfigMap": {"a": 1}}}, "wait_conditions.ConfigMap"),
    ({"definition": MAP, "namespace": "A b"}, "namespace: 'A b' is not a name"),
    ({"definition": MAP, "namespace": ".."}, "namespace: '..' is not a name"),
    ({"definition": MAP, "owner": "a b"}, "owner: 'a b' is not a value of a label"),
    ({"definition": MAP, "patches": [{"set": {"metadata": 5}}]}, "patches change which object it is"),
    ({"definition": MAP, "patches": [{"set": {"metadata.labels": 5}}]}, "labels: a number where"),
    ({"definition": MAP, "patches": [{"set": {"a[": 5}}]}, "is not a path"),
    ({"src": "/nonexistent\0"}, "src: holds a character NUL"),
    ({"src": "/nonexistent"}, "/nonexistent: No such file"),
]


@pytest.mark.parametrize(("options", "told"), MANIFEST, ids=[told for _options, told in MANIFEST])
def test_bad_manifests(asked: list[str], options: dict[str, Any], told: str) -> None:
    result = run("kubernetes_manifest", {"kubeconfig": "/dev/null", **options})
    assert result["failed"] and told in result["msg"] and "a fault" not in result["msg"] and not asked


def test_a_circle_is_told(asked: list[str]) -> None:
    with pytest.raises(KubeError, match="definition: more than 200 levels deep, or in itself"):
        NAMED["kubernetes_manifest"].execute({"definition": CIRCLE, "kubeconfig": "x"}, Context())
    assert not asked


@pytest.mark.parametrize(
    ("state", "prune", "told"),
    [
        ("present", True, ["prune removes everything"]),
        ("present", False, ["nothing is done"]),
        ("absent", False, ["nothing is done"]),
        ("absent", True, []),  # it is meant
    ],
)
def test_an_empty_set_says_what_it_means(asked: list[str], state: str, prune: bool, told: list[str]) -> None:
    warnings: list[str] = []
    options = {"state": state, "definition": [], "kubeconfig": "x", "prune": prune, "owner": "shop"}
    run_task(NAMED["kubernetes_manifest"], options, Context(warn=warnings.append))
    assert len(warnings) == len(told) and all(part in line for part, line in zip(told, warnings, strict=True))


CLUSTER = {"server": "https://10.0.0.1"}


def kubeconfig(**parts: Any) -> str:
    document = {
        "clusters": [{"name": "c", "cluster": CLUSTER}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "hunter2"}}],
        "current-context": "x",
    }
    return yaml.safe_dump({**document, **parts})


def cluster(**parts: Any) -> str:
    return kubeconfig(clusters=[{"name": "c", "cluster": {**CLUSTER, **parts}}])


def user(**parts: Any) -> str:
    return kubeconfig(users=[{"name": "u", "user": parts}])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "5",
        "- a",
        bomb(),
        "a: &a [*a]",
        kubeconfig(clusters=5),
        kubeconfig(clusters=["c"]),
        kubeconfig(clusters=[{"name": "c", "cluster": 5}]),
        kubeconfig(contexts={"name": "x"}),
        kubeconfig(users=[5]),
        cluster(server=5),
        cluster(server="10.0.0.1"),
        cluster(server="https://"),
        cluster(server="https://a:99999"),
        cluster(server="https://[::1"),
        cluster(server="ftp://a"),
        cluster(**{"certificate-authority-data": "%%%"}),
        cluster(**{"certificate-authority-data": "aHVudGVyMg=="}),
        cluster(**{"certificate-authority-data": 5}),
        cluster(**{"certificate-authority": "/nonexistent"}),
        cluster(**{"proxy-url": "http://u:hunter2@ x"}),
        user(exec=5),
        user(exec={"command": 5}),
        user(exec={"command": "true", "args": [5]}),
        user(exec={"command": "true", "env": [5]}),
        user(username="u", password="hunter2"),
        user(tokenFile="/nonexistent"),
        user(**{"client-certificate-data": "YQ==", "client-key-data": "YQ=="}),
        kubeconfig(**{"current-context": "nobody"}),
        kubeconfig(**{"current-context": 5}),
    ],
)
def test_what_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    result = run("kubernetes_info", {"kubeconfig": str(path), "kind": "Pod"})
    assert result["failed"] and "a fault" not in result["msg"] and "hunter2" not in result["msg"]


def test_a_kubeconfig_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"\xff\xfe\0")
    assert "not text" in run("kubernetes_info", {"kubeconfig": str(tmp_path / "config"), "kind": "Pod"})["msg"]


@pytest.mark.parametrize(
    "options",
    [
        {"url": "https://u:hunter2@"},
        {"url": "ftp://u:hunter2@a"},
        {"url": "https://u:hunter2@a:99999"},
        {"url": "https://u:hunter2@[::1"},
        {"url": "https://u:hunter2@a b"},
        {"url": f"https://u:hunter2@{'a' * 80}.x"},
        {"url": "https://u:hunter2@a\nb"},
        {"url": "https://a", "ca_certificate": "hunter2"},
        {"url": "https://a", "status": []},
        {"url": "https://a", "address": "b" * 80},
        {"url": HALF},
    ],
)
def test_what_is_no_url(options: dict[str, Any]) -> None:
    result = run("url_wait", options)
    assert result["failed"] and "a fault" not in result["msg"] and "hunter2" not in str(result)


def test_no_line_repeats_the_password_of_a_url() -> None:
    lines: list[str] = []
    options = {"url": "http://u:hunter2@127.0.0.1:1/", "status": [200], "wait_timeout": 0, "wait_interval": 1.0}
    result = run_task(NAMED["url_wait"], options, Context(report=lines.append))
    assert result["failed"] and result["msg"].startswith("http://127.0.0.1:1/ is not ready within 0s")
    assert "hunter2" not in str(result) + str(lines)


ODD: list[Any] = [
    *("", " ", "x", "-x", "..", "../x", "\0", HALF, "a" * 5000, "{{ x }}", "\n", "ocid1.x", "0", "-1", "nan", "true"),
    *(0, -1, 10**30, 1.5, float("nan"), float("inf"), True, None, [], {}, [None], [[]], [{}], {"a": None}, {"": 1}),
]


def odd_options() -> Iterator[tuple[str, str, Any]]:
    for name, task in NAMED.items():
        for option, spec in task.argument_spec().items():
            for value in ODD:
                yield name, option, value
                for inner in spec.get("options") or ():
                    yield name, option, {inner: value}
                    yield name, option, [{inner: value}]


BASE: dict[str, dict[str, Any]] = {
    "kubernetes_manifest": {"kubeconfig": "/nonexistent", "definition": MAP},
    "kubernetes_secret": {
        "kubeconfig": "/nonexistent",
        "name": "a",
        "namespace": "b",
        "self_signed": {"dns_names": ["a"]},
    },
    "kubernetes_info": {"kubeconfig": "/nonexistent", "kind": "Pod"},
    "kubernetes_wait": {"kubeconfig": "/nonexistent", "kind": "Pod", "name": "a"},
    "kubeconfig": {
        "cluster_id": "ocid1.cluster.oc1..x",
        "cluster_endpoint": "https://a",
        "cluster_ca_certificate": "x",
    },
    "url_wait": {"url": "http://127.0.0.1:1/", "wait_timeout": 0},
}


@pytest.mark.parametrize("module", NAMED)
def test_no_odd_option_is_a_fault_of_ours(module: str, asked: list[str], tmp_path: Path) -> None:
    for name, option, value in odd_options():
        if name == module and not (module == "kubeconfig" and option == "path"):
            result = run(module, {**BASE[module], option: value})
            assert "a fault in" not in str(result.get("msg")), (option, value, result["msg"])
