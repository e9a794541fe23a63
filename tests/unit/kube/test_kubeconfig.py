# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's kubeconfig: what they added stays, and tasks side by side lose nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.kube.kubeconfig_task import KubeconfigTask
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, run_task

WAY = {"cluster_id": "ocid1.cluster.oc1..x", "cluster_endpoint": "https://10.0.0.1:6443", "cluster_ca_certificate": "P"}


def keep(path: Path, check: bool = False, **more: Any) -> dict[str, Any]:
    context = Context(check_mode=check)
    profile = SimpleNamespace(config_file="~/.oci/config", profile="DEFAULT", auth_type="api_key")
    context._session = SimpleNamespace(region="r-1", connection=profile)  # type: ignore[assignment]
    options = {"state": "present", "path": str(path), "context": "oke", **WAY, **more}
    return dict(run_task(KubeconfigTask(), options, context))


def read(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


def test_what_a_person_added_stays(tmp_path: Path) -> None:
    path = tmp_path / "config"
    assert keep(path)["changed"]
    document = read(path)
    document["contexts"][0]["context"]["namespace"] = "shop"
    document["contexts"][0]["extensions"] = [{"name": "x"}]
    document["clusters"][0]["cluster"]["proxy-url"] = "socks5://localhost:1080"
    document["users"][0]["user"]["exec"]["env"] = [{"name": "A", "value": "1"}]
    document["contexts"].append({"name": "mine", "context": {"cluster": "oke", "user": "oke"}})
    document["current-context"] = "mine"
    path.write_text(yaml.safe_dump(document))
    assert not keep(path)["changed"]
    assert read(path) == document
    assert keep(path, namespace="other", cluster_proxy_url="http://proxy:3128")["changed"]
    changed = read(path)
    assert changed["contexts"][0]["context"]["namespace"] == "other"
    assert changed["clusters"][0]["cluster"]["proxy-url"] == "http://proxy:3128"


def test_another_way_of_proving_who_one_is_goes(tmp_path: Path) -> None:
    path = tmp_path / "config"
    keep(path)
    document = read(path)
    document["users"][0]["user"]["token"] = "hunter2"
    document["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
    path.write_text(yaml.safe_dump(document))
    told = keep(path)
    assert told["changed"] and "hunter2" not in str(told) + path.read_text()
    assert "insecure-skip-tls-verify" not in path.read_text()


@pytest.mark.parametrize(
    ("before", "set_current", "after"),
    [
        (None, None, "oke"),
        (None, True, "oke"),
        (None, False, None),
        ("mine", None, "mine"),
        ("mine", True, "oke"),
        ("mine", False, "mine"),
    ],
)
def test_the_current_context(tmp_path: Path, before: str | None, set_current: bool | None, after: str | None) -> None:
    path = tmp_path / "config"
    if before:
        path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": before}))
    keep(path, set_current=set_current)
    assert read(path).get("current-context") == after


def test_tasks_side_by_side_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config"
    names = [f"c{number:02d}" for number in range(12)]
    threads = [threading.Thread(target=keep, args=(path,), kwargs={"context": name}) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row["name"] for row in read(path)["contexts"]) == names
    assert [file.name for file in path.parent.iterdir()] == ["config"], "nothing else is left there"


@pytest.mark.parametrize(
    "text",
    ["{", "- a", "kind: Pod", "clusters: 5", "users: [x]", "contexts: [{name: a, context: 5}]", "\0"],
)
def test_what_is_no_kubeconfig_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    told = keep(path)
    assert told["failed"] and "it is left as it is" in told["msg"] and str(path) in told["msg"]
    assert path.read_text() == text


def test_a_name_is_no_ocid(tmp_path: Path) -> None:
    told = keep(tmp_path / "config", cluster_id="mycluster")
    assert told["failed"] and told["msg"] == "cluster_id: 'mycluster' is not an OCID of a cluster"


def test_check_mode_makes_no_folder(tmp_path: Path) -> None:
    assert keep(tmp_path / "a" / "config", check=True)["changed"] and not (tmp_path / "a").exists()
