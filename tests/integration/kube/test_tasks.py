# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks behind the modules, through the door's own function, against a real API server."""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.okestack.oci.plugins.module_utils.kube import certificates
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import Client
from ansible_collections.okestack.oci.plugins.module_utils.kube.look_tasks import TASKS as LOOK_TASKS
from ansible_collections.okestack.oci.plugins.module_utils.kube.tasks import TASKS
from ansible_collections.okestack.oci.plugins.module_utils.model import placeholder
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, run_task

from tests.integration.kube.control_plane import ADDRESS, free_port
from tests.integration.kube.control_plane import TOKEN as TOKEN_OF_TESTS
from tests.programs import program

NAMED = {task.name: task for task in (*TASKS, *LOOK_TASKS)}
UNKNOWN_CLUSTER = placeholder("oke_cluster", "c", "id")


def run(module: str, check: bool = False, within: Context | None = None, **params: Any) -> dict[str, Any]:
    """Run a task with its defaults filled in, as the door does after validation."""
    task = NAMED[module]
    filled = _defaults(task.argument_spec())
    filled.update(params)
    for key, option in task.argument_spec().items():
        if option.get("options") and isinstance(params.get(key), dict):
            filled[key] = {**_defaults(option["options"]), **params[key]}
    return dict(run_task(task, filled, within or Context(check_mode=check)))


def _defaults(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: option.get("default") for name, option in spec.items()}


def succeeded(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result["msg"]
    return result


@pytest.fixture
def kube(kubeconfig: Path) -> dict[str, Any]:
    return {"kubeconfig": str(kubeconfig)}


MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {a: "1"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two}
"""


def test_manifest_from_text_file_and_folder(kube: dict[str, Any], space: str, tmp_path: Path) -> None:
    first = succeeded(run("kubernetes_manifest", definition=MANIFEST, namespace=space, **kube))
    assert first["changed"] and [row["action"] for row in first["objects"]] == ["create", "create"]
    (tmp_path / "a.yml").write_text(MANIFEST)
    for src in (tmp_path, tmp_path / "a.yml"):
        assert not succeeded(run("kubernetes_manifest", src=str(src), namespace=space, **kube))["changed"]
    gone = succeeded(
        run("kubernetes_manifest", check=True, state="absent", definition=MANIFEST, namespace=space, **kube)
    )
    assert [row["action"] for row in gone["objects"]] == ["delete", "delete"]


def test_all_sources_are_one_set(kube: dict[str, Any], space: str, tmp_path: Path) -> None:
    """Options, a folder (YAML and JSON, by name, no subfolders) and a list of texts and dictionaries."""
    (tmp_path / "b.json").write_text(json.dumps(config("from-json")))
    (tmp_path / "a.yaml").write_text(yaml.safe_dump_all([config("from-yaml"), None, config("second")]))
    (tmp_path / "notes.txt").write_text("not read")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "c.yml").write_text(MANIFEST)
    definition = [
        config("from-dict"),
        yaml.safe_dump(config("from-text")),
        {"kind": "List", "items": [config("in-a-list")]},
    ]
    options = {"definition": definition, "src": str(tmp_path), "namespace": space, **kube}
    made = succeeded(run("kubernetes_manifest", **options))
    names = ["from-dict", "from-text", "in-a-list", "from-yaml", "second", "from-json"]
    assert [row["name"] for row in made["objects"]] == names
    (tmp_path / "z.yml").write_text(yaml.safe_dump(config("second")))
    twice = run("kubernetes_manifest", **options)
    assert twice["failed"] and "ConfigMap second is declared twice" in twice["msg"] and "z.yml" in twice["msg"]
    (tmp_path / "z.yml").write_text("a: [")
    broken = run("kubernetes_manifest", **options)
    assert broken["failed"] and "z.yml line 2: not YAML" in broken["msg"]


def config(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_the_diff_is_the_servers_and_shown_before_anything_is_written(
    kube: dict[str, Any], client: Client, space: str
) -> None:
    """A quantity in another form is not a change; a real one is shown as the server would store it."""
    spec = {"hard": {"cpu": "1000m"}}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": spec}
    options = {"namespace": space, **kube}
    succeeded(run("kubernetes_manifest", definition=quota, **options))
    assert not succeeded(run("kubernetes_manifest", definition=quota, **options))["changed"]
    spec["hard"]["cpu"] = "2000m"
    planned = succeeded(run("kubernetes_manifest", check=True, definition=quota, **options))
    assert planned["diff"]["before"] == {f"ResourceQuota {space}/q": {"spec": {"hard": {"cpu": "1"}}}}
    assert planned["diff"]["after"] == {f"ResourceQuota {space}/q": {"spec": {"hard": {"cpu": "2"}}}}
    live = client.get(client.resource("v1", "ResourceQuota"), space, "q")
    assert live is not None and live["spec"]["hard"] == {"cpu": "1"}


def test_prune_by_owner_removes_what_is_not_declared_any_more(kube: dict[str, Any], client: Client, space: str) -> None:
    options = {"namespace": space, "owner": f"{space}.shop", "prune": True, "wait": False, **kube}
    succeeded(run("kubernetes_manifest", definition=[config("a"), config("b")], **options))
    other = {**options, "owner": f"{space}.other"}
    succeeded(run("kubernetes_manifest", definition=[config("c")], **other))
    planned = succeeded(run("kubernetes_manifest", check=True, definition=[config("a")], **options))
    assert planned["changes"] == [{"name": f"ConfigMap {space}/b", "change": "removed"}]
    done = succeeded(run("kubernetes_manifest", definition=[config("a")], **options))
    assert done["changes"] == planned["changes"] and done["diff"] == planned["diff"]
    # No garbage collector runs here, so what is deleted in the foreground stays with its mark.
    left = client.list(client.resource("v1", "ConfigMap"), space)
    marked = [row["metadata"]["name"] for row in left if row["metadata"].get("deletionTimestamp")]
    assert marked == ["b"] and [row["metadata"]["name"] for row in left] == ["a", "b", "c"]
    path = client.resource("v1", "ConfigMap").path(space, "b")
    body = {"metadata": {"finalizers": None}}
    client.request("PATCH", path, body=body, content_type="application/merge-patch+json")
    assert not succeeded(run("kubernetes_manifest", definition=[config("a")], **options))["changed"]


def test_a_conflict_names_manager_and_field(kube: dict[str, Any], client: Client, space: str) -> None:
    path = client.resource("v1", "ConfigMap").path(space)
    client.request("POST", path, {"fieldManager": "somebody"}, config("c", a="theirs"))
    options = {"definition": config("c", a="ours"), "namespace": space, **kube}
    refused = run("kubernetes_manifest", force=False, **options)
    assert refused["failed"] and ".data.a by somebody" in refused["msg"] and "force: true" in refused["msg"]
    taken = succeeded(run("kubernetes_manifest", **options))
    assert taken["changed"] and taken["objects"][0]["note"] == "undoes somebody: .data.a"


def test_what_is_begun_without_waiting_tells_whether_it_is_ready(
    kube: dict[str, Any], client: Client, space: str
) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "files"},
        "spec": {
            "storageClassName": "fss",
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    options = {"definition": [claim, config("c")], "namespace": space, "wait": False, **kube}
    assert succeeded(run("kubernetes_manifest", check=True, **options))["ready"] is False
    assert succeeded(run("kubernetes_manifest", **options))["ready"] is False, "just made"
    assert succeeded(run("kubernetes_manifest", **options))["ready"] is False, "not bound"
    late = run("kubernetes_manifest", **{**options, "wait": True, "wait_timeout": 1})
    assert late["failed"] and "PersistentVolumeClaim" in late["msg"] and "Pending" in late["msg"]
    path = client.resource("v1", "PersistentVolumeClaim").path(space, "files") + "/status"
    client.request("PATCH", path, body={"status": {"phase": "Bound"}}, content_type="application/merge-patch+json")
    assert succeeded(run("kubernetes_manifest", **options))["ready"] is True
    assert succeeded(run("kubernetes_manifest", **{**options, "wait": True}))["ready"] is True


def test_any_condition_of_any_kind_can_be_waited_for(kube: dict[str, Any], client: Client, space: str) -> None:
    account = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    account["spec"] = {"containers": [{"name": "a", "image": "i"}]}
    options = {"definition": account, "namespace": space, "wait_conditions": {"Pod": ["Warm", "Busy=False"]}, **kube}
    late = run("kubernetes_manifest", wait_timeout=1, **options)
    assert late["failed"] and "no condition Warm yet" in late["msg"]
    rows = [{"type": "Warm", "status": "True"}, {"type": "Busy", "status": "True", "reason": "Loading"}]
    path = client.resource("v1", "Pod").path(space, "p") + "/status"
    body = {"status": {"conditions": rows}}
    client.request("PATCH", path, body=body, content_type="application/merge-patch+json")
    late = run("kubernetes_manifest", wait_timeout=1, **options)
    assert late["failed"] and "Busy=True (Loading)" in late["msg"]
    rows[1] = {"type": "Busy", "status": "False"}
    client.request("PATCH", path, body=body, content_type="application/merge-patch+json")
    assert not succeeded(run("kubernetes_manifest", **options))["changed"]
    waited = run("kubernetes_wait", kind="Pod", name="p", namespace=space, conditions=["Warm", "Busy=False"], **kube)
    assert succeeded(waited)["resources"]


def test_a_planned_cluster_needs_no_server() -> None:
    result = succeeded(run("kubernetes_manifest", check=True, definition=MANIFEST, cluster_id=UNKNOWN_CLUSTER))
    assert result["changed"] and result["diff"]["after"]["ConfigMap default/one"]["data"] == {"a": "1"}
    assert succeeded(run("kubernetes_info", check=True, kind="Pod", cluster_id=UNKNOWN_CLUSTER))["resources"] == []


def test_missing_namespaces_are_made_once(kube: dict[str, Any], client: Client, space: str) -> None:
    options = {"definition": MANIFEST, "namespace": f"{space}-new", "create_namespaces": True, **kube}
    planned = succeeded(run("kubernetes_manifest", check=True, **options))
    assert next((row["kind"], row["action"]) for row in planned["objects"]) == ("Namespace", "create")
    succeeded(run("kubernetes_manifest", **options))
    assert not succeeded(run("kubernetes_manifest", **options))["changed"]


def test_lint_stops_before_the_server_is_asked() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    pod["spec"] = {"hostNetwork": True, "containers": [{"name": "a", "image": "i", "tty": True}]}
    result = run("kubernetes_manifest", definition=pod, virtual_nodes=True, kubeconfig="/nonexistent")
    assert result["failed"]
    assert "Pod p: spec.hostNetwork" in result["msg"] and "spec.containers[0].tty" in result["msg"]


def test_load_balancer_address(kube: dict[str, Any], client: Client, space: str) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "lb"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }
    options = {"definition": service, "namespace": space, **kube}
    planned = succeeded(run("kubernetes_manifest", check=True, **options))
    assert planned["addresses"] == ["(known after apply: Service lb address)"]
    succeeded(run("kubernetes_manifest", wait=False, **options))
    path = client.resource("v1", "Service").path(space, "lb") + "/status"
    body = {"status": {"loadBalancer": {"ingress": [{"ip": "127.84.0.9"}]}}}
    client.request("PATCH", path, body=body, content_type="application/merge-patch+json")
    again = succeeded(run("kubernetes_manifest", **options))
    assert not again["changed"] and again["addresses"] == ["127.84.0.9"]


def test_pods_are_replaced_when_a_secret_changes(kube: dict[str, Any], client: Client, space: str) -> None:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [{"name": "web", "image": "i"}],
            "volumes": [{"name": "s", "secret": {"secretName": "s"}}],
        },
    }
    web = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "1"}}
    resource = client.resource("v1", "Secret")
    client.request("POST", resource.path(space), body=secret)
    options = {"definition": web, "namespace": space, "restart_on_change": True, "wait": False, **kube}
    assert succeeded(run("kubernetes_manifest", **options))["changed"]
    assert not succeeded(run("kubernetes_manifest", **options))["changed"]
    body = {"stringData": {"a": "2"}}
    client.request("PATCH", resource.path(space, "s"), body=body, content_type="application/merge-patch+json")
    changed = succeeded(run("kubernetes_manifest", **options))
    assert changed["changed"]
    assert "okestack.oci/contents" in json.dumps(changed["diff"]["after"])


def test_chart_with_values_and_patches(kube: dict[str, Any], space: str, tmp_path: Path) -> None:
    helm = str(program("helm"))
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "crds").mkdir()
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: demo\nversion: 1.0.0\n")
    (chart / "values.yaml").write_text("colour: red\n")
    text = """
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-c", namespace: "{{ .Release.Namespace }}"}
data: {colour: "{{ .Values.colour }}", drop: "me"}
---
apiVersion: v1
kind: Pod
metadata: {name: hook, annotations: {helm.sh/hook: test}}
"""
    (chart / "templates" / "all.yaml").write_text(text)
    options: dict[str, Any] = {
        "chart": {"path": str(chart), "release": "r", "values": {"colour": "green"}},
        "patches": [{"kind": "ConfigMap", "remove": ["data.drop"], "set": {"data.added": "yes"}}],
        "namespace": space,
        "helm_path": helm,
        **kube,
    }
    done = succeeded(run("kubernetes_manifest", **options))
    assert [(row["kind"], row["name"]) for row in done["objects"]] == [("ConfigMap", "r-c")]
    assert done["diff"]["after"][f"ConfigMap {space}/r-c"]["data"] == {"colour": "green", "added": "yes"}
    assert not succeeded(run("kubernetes_manifest", **options))["changed"]
    broken = run("kubernetes_manifest", **{**options, "chart": {"path": str(tmp_path / "none"), "release": "r"}})
    assert broken["failed"] and "helm template" in broken["msg"]


TOKEN = "correct-horse-battery-staple"


def test_registry_secret(kube: dict[str, Any], client: Client, space: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    registry = {"server": "r.example", "username": "ns/me", "auth_token_file": str(tmp_path / "token")}
    options = {"name": "registry", "namespace": space, "registry": registry, **kube}
    planned = succeeded(run("kubernetes_secret", check=True, **options))
    made = succeeded(run("kubernetes_secret", **options))
    assert planned["changed"] and made["changed"]
    assert not succeeded(run("kubernetes_secret", **options))["changed"]
    live = client.get(client.resource("v1", "Secret"), space, "registry")
    assert live is not None and live["type"] == "kubernetes.io/dockerconfigjson"
    login = json.loads(base64.b64decode(live["data"][".dockerconfigjson"]))["auths"]["r.example"]
    assert login["password"] == TOKEN and base64.b64decode(login["auth"]).decode() == f"ns/me:{TOKEN}"
    (tmp_path / "token").write_text("another-token")
    changed = succeeded(run("kubernetes_secret", **options))
    assert changed["diff"]["after"] == {
        f"Secret {space}/registry": {"data": {".dockerconfigjson": "(secret, changed)"}}
    }
    for result in (planned, made, changed):
        assert TOKEN not in json.dumps(result) and login["auth"] not in json.dumps(result)


def test_registry_secret_from_the_vault(kube: dict[str, Any], client: Client, space: str) -> None:
    content = SimpleNamespace(content=base64.b64encode(TOKEN.encode()).decode())
    bundle = SimpleNamespace(data=SimpleNamespace(secret_bundle_content=content, version_number=1))
    session = SimpleNamespace(client=lambda name: name, call=lambda *args, **kwargs: bundle)
    context = Context()
    context._session = session  # type: ignore[assignment]
    registry = {"server": "r.example", "username": "me", "auth_token_secret_id": "ocid1.vaultsecret.oc1..x"}
    options = {"name": "registry", "namespace": space, "registry": registry, **kube}
    result = succeeded(run("kubernetes_secret", within=context, **options))
    assert result["changed"] and TOKEN in context.secrets
    unknown = {**registry, "auth_token_secret_id": placeholder("vault_secret", "s", "id")}
    planned = succeeded(run("kubernetes_secret", check=True, **{**options, "name": "other", "registry": unknown}))
    assert planned["changed"]


def test_self_signed_secret(kube: dict[str, Any], client: Client, space: str) -> None:
    options: dict[str, Any] = {"name": "tls", "namespace": space, **kube}
    first = {"dns_names": ["a.example"]}
    planned = succeeded(run("kubernetes_secret", check=True, self_signed=first, **options))
    assert planned["changed"] and "known after apply" in planned["secret"]["certificate"]
    made = succeeded(run("kubernetes_secret", self_signed=first, **options))
    again = succeeded(run("kubernetes_secret", self_signed=first, **options))
    assert made["changed"] and not again["changed"] and again["secret"] == made["secret"]
    assert made["secret"]["names"] == ["a.example"]
    live = client.get(client.resource("v1", "Secret"), space, "tls")
    assert live is not None and live["data"]["tls.key"] not in json.dumps([planned, made, again])
    address = succeeded(run("kubernetes_secret", self_signed={"ip_addresses": ["127.84.0.9"]}, **options))
    assert address["changed"] and address["secret"]["names"] == ["127.84.0.9"]
    unknown = {"ip_addresses": [placeholder("Service", "lb", "address")]}
    assert succeeded(run("kubernetes_secret", check=True, self_signed=unknown, **options))["changed"]


def test_secret_from_files(kube: dict[str, Any], space: str, tmp_path: Path) -> None:
    import datetime

    wanted = certificates.Wanted(("a.example",), (), 10, 1)
    certificate, key = certificates.make(wanted, datetime.datetime.now(datetime.UTC))
    _other, foreign = certificates.make(wanted, datetime.datetime.now(datetime.UTC))
    for name, text in (("c", certificate), ("k", key), ("f", foreign)):
        (tmp_path / name).write_text(text)
    options = {"name": "tls", "namespace": space, "certificate_file": str(tmp_path / "c"), **kube}
    assert "is not the key" in run("kubernetes_secret", key_file=str(tmp_path / "f"), **options)["msg"]
    assert succeeded(run("kubernetes_secret", key_file=str(tmp_path / "k"), **options))["changed"]
    assert not succeeded(run("kubernetes_secret", key_file=str(tmp_path / "k"), **options))["changed"]


def test_info_hides_the_values_of_secrets(kube: dict[str, Any], client: Client, space: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": TOKEN}}
    client.request("POST", client.resource("v1", "Secret").path(space), body=secret)
    by_name = succeeded(run("kubernetes_info", kind="Secret", name="s", namespace=space, **kube))["resources"]
    listed = succeeded(run("kubernetes_info", kind="Secret", namespace=space, **kube))["resources"]
    assert by_name == listed and by_name[0]["data"] == {"a": "(secret)"}
    assert succeeded(run("kubernetes_info", kind="Secret", name="none", namespace=space, **kube))["resources"] == []


def test_wait(kube: dict[str, Any], client: Client, space: str) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"a": "b"}}}
    client.request(
        "POST",
        client.resource("v1", "Pod").path(space),
        body={**pod, "spec": {"containers": [{"name": "a", "image": "i"}]}},
    )
    late = run("kubernetes_wait", kind="Pod", name="p", namespace=space, wait_timeout=1, **kube)
    assert late["failed"] and "Pod" in late["msg"] and "Pending" in late["msg"]
    body = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    path = client.resource("v1", "Pod").path(space, "p") + "/status"
    client.request("PATCH", path, body=body, content_type="application/merge-patch+json")
    assert succeeded(run("kubernetes_wait", kind="Pod", label_selector="a=b", namespace=space, **kube))["resources"]
    unknown = run("kubernetes_wait", kind="ConfigMap", name="c", namespace=space, **kube)
    assert unknown["failed"] and "set conditions" in unknown["msg"]
    assert succeeded(run("kubernetes_wait", kind="Pod", name="none", namespace=space, state="absent", **kube))


class Session:
    """As much of a cloud session as kubeconfigs need."""

    region = "r-1"
    connection = SimpleNamespace(config_file="~/.oci/config", profile="DEFAULT", auth_type="api_key")

    def __init__(self, kubeconfig: Path) -> None:
        self.text = kubeconfig.read_text()
        self.calls: list[Any] = []

    @property
    def signer(self) -> Any:
        raise AssertionError("nothing is signed to write a file")

    def look(self) -> Session:
        return self

    def client(self, name: str) -> str:
        return name

    def call(self, client: str, operation: str, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((operation, args, kwargs))
        return SimpleNamespace(data=SimpleNamespace(text=self.text))


@pytest.fixture
def session(kubeconfig: Path) -> Session:
    return Session(kubeconfig)


def keep(session: Session, path: Path, check: bool = False, **params: Any) -> dict[str, Any]:
    context = Context(check_mode=check)
    context._session = session  # type: ignore[assignment]
    options = {"path": str(path), "cluster_id": "ocid1.cluster.oc1..x", "context": "mine"}
    return run("kubeconfig", within=context, **{**options, **params})


def test_a_second_run_leaves_the_kubeconfig_unchanged(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "sub" / "config"
    assert succeeded(keep(session, path, check=True))["changed"] and not path.exists()
    first = succeeded(keep(session, path))
    assert first["changed"] and first["changes"] == [{"name": f"kubeconfig {path}", "change": "created"}]
    before = (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
    for check in (False, True):
        again = succeeded(keep(session, path, check=check))
        assert not again["changed"] and "diff" not in again
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == before
    document = yaml.safe_load(path.read_text())
    assert document["current-context"] == "mine"
    helper = document["users"][0]["user"]["exec"]
    assert helper["args"][1:3] == ["--cluster-id=ocid1.cluster.oc1..x", "--region=r-1"]
    assert Path(helper["args"][0]).is_file()


def test_only_its_owner_can_read_a_kubeconfig(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "sub" / "config"
    succeeded(keep(session, path))
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    path.chmod(0o644)
    told = succeeded(keep(session, path))
    assert told["changed"] and path.stat().st_mode & 0o777 == 0o600
    assert (told["diff"]["before"]["mode"], told["diff"]["after"]["mode"]) == ("0644", "0600")


def test_no_secret_is_in_a_kubeconfig_or_its_diff(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "config"
    # The entry that is replaced was somebody's with a secret of its own.
    user = {"name": "mine", "user": {"token": "hunter2", "client-key-data": "aHVudGVyMw=="}}
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "users": [user]}))
    told = succeeded(keep(session, path))
    assert told["changed"]
    for secret in ("hunter2", "aHVudGVyMw==", TOKEN_OF_TESTS):
        assert secret not in json.dumps(told) and secret not in path.read_text()


def test_entries_of_others_stay_in_a_kubeconfig_and_the_last_takes_it_away(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "config"
    succeeded(keep(session, path))
    succeeded(keep(session, path, context="second", set_current=False, namespace="shop"))
    document = yaml.safe_load(path.read_text())
    assert [row["name"] for row in document["contexts"]] == ["mine", "second"]
    assert document["current-context"] == "mine" and document["contexts"][1]["context"]["namespace"] == "shop"
    planned = succeeded(keep(session, path, check=True, state="absent"))
    assert planned["changed"] and len(yaml.safe_load(path.read_text())["users"]) == 2
    assert succeeded(keep(session, path, state="absent"))["changed"]
    assert [row["name"] for row in yaml.safe_load(path.read_text())["users"]] == ["second"]
    assert not succeeded(keep(session, path, state="absent"))["changed"]
    assert succeeded(keep(session, path, state="absent", context="second"))["changed"] and not path.exists()
    assert not succeeded(keep(session, path, state="absent", context="second"))["changed"]


def test_a_kubeconfig_of_a_planned_cluster_is_planned(session: Session, tmp_path: Path) -> None:
    planned = succeeded(keep(session, tmp_path / "config", check=True, cluster_id=UNKNOWN_CLUSTER))
    assert planned["changed"] and planned["access"] == {"cluster_id": UNKNOWN_CLUSTER} and session.calls == []


def test_what_is_no_kubeconfig_is_left_alone(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("just text")
    assert keep(session, path)["failed"] and path.read_text() == "just text"


def test_without_a_path_only_the_way_is_told(session: Session) -> None:
    context = Context()
    context._session = session  # type: ignore[assignment]
    told = succeeded(run("kubeconfig", within=context, cluster_id="ocid1.cluster.oc1..x"))
    assert not told["changed"] and told["access"]["cluster_endpoint"] == told["server"]
    assert "BEGIN CERTIFICATE" in told["access"]["cluster_ca_certificate"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """An HTTPS server for site.example; its port and certificate."""
    import datetime

    wanted = certificates.Wanted(("site.example",), (), 10, 1)
    certificate, key = certificates.make(wanted, datetime.datetime.now(datetime.UTC))
    (tmp_path / "pem").write_text(certificate + key)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ok = self.path == "/ok?x=1" and self.headers["Host"].startswith("site.example")
            self.send_response(200 if ok else 503)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: Any) -> None:
            pass

    port = free_port()
    made = http.server.ThreadingHTTPServer((ADDRESS, port), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "pem")
    made.socket = tls.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield port, certificate
    made.shutdown()
    made.server_close()


def test_url(server: tuple[int, str]) -> None:
    port, certificate = server

    def ask(path: str, **params: Any) -> dict[str, Any]:
        options: dict[str, Any] = {"address": ADDRESS, "ca_certificate": certificate, "wait_timeout": 1}
        return run("url_wait", **{**options, "url": f"https://site.example:{port}{path}", **params})

    assert succeeded(ask("/ok?x=1", contains="hello"))["status"] == 200
    assert "status 503" in ask("/no")["msg"]
    assert "without the text" in ask("/ok?x=1", contains="bye")["msg"]
    assert "certificate does not hold" in ask("/ok?x=1", ca_certificate=None)["msg"]
    assert "certificate does not hold" in ask("/ok?x=1", url=f"https://other.example:{port}/ok")["msg"]
    assert "no answer" in ask("/", url=f"https://site.example:{free_port()}/")["msg"]
    assert "not an http" in ask("/", url="ftp://x/")["msg"]
    unknown = f"https://{placeholder('Service', 'lb', 'address')}/"
    assert succeeded(run("url_wait", check=True, url=unknown))["status"] is None


# --- what looks where lists do not show it -------------------------------------------------------------------------


LIKE_IT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      initContainers: [{name: before, image: "r.example/web:1"}]
      topologySpreadConstraints: []
      containers:
        - name: web
          image: r.example/web:1
          args: [serve]
          env: [{name: A, value: b}]
          ports: [{containerPort: 80}]
          readinessProbe: {httpGet: {path: /, port: 80}}
        - {name: beside, image: "r.example/beside:1"}
"""


def test_a_pod_like_a_deployments_runs_one_command(kube: dict[str, Any], client: Client, space: str) -> None:
    """Nobody runs pods here: the test says how it ended, as a node would."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": space}}
    for name in ("web", "default"):
        account["metadata"] = {"name": name, "namespace": space}
        client.apply(client.resource("v1", "ServiceAccount"), account, force=True)
    succeeded(run("kubernetes_manifest", definition=LIKE_IT, namespace=space, wait=False, **kube))
    pods = client.resource("v1", "Pod")
    seen: list[dict[str, Any]] = []

    def node(phase: str) -> None:
        while not (found := [p for p in client.list(pods, space) if not p["metadata"].get("deletionTimestamp")]):
            time.sleep(0.05)
        seen.append(found[0])
        name, state = (
            found[0]["metadata"]["name"],
            {"exitCode": 1, "startedAt": "2026-11-29T00:00:00Z", "message": "no"},
        )
        rows = [{"name": "web", "image": "x", "imageID": "x", "ready": False, "restartCount": 0}]
        status = {"phase": phase, "containerStatuses": [{**rows[0], "state": {"terminated": state}}]}
        path = f"{pods.path(space, name)}/status"
        client.request("PATCH", path, body={"status": status}, content_type="application/merge-patch+json")

    options: dict[str, Any] = {"deployment": "web", "namespace": space, "command": ["python3", "-m", "check"], **kube}
    options["wait_timeout"] = 60
    for phase, ok in (("Succeeded", True), ("Failed", False)):
        thread = threading.Thread(target=node, args=(phase,))
        thread.start()
        result = succeeded(run("kubernetes_run", **options))
        thread.join()
        assert (result["ok"], result["changed"]) == (ok, False) and result["output"]
        assert [p for p in client.list(pods, space) if not p["metadata"].get("deletionTimestamp")] == []
    spec = seen[0]["spec"]
    (only,) = spec["containers"]
    assert (only["command"], only.get("args"), only["env"]) == (
        ["python3", "-m", "check"],
        None,
        [{"name": "A", "value": "b"}],
    )
    assert not {"readinessProbe", "ports"} & only.keys() and "initContainers" not in spec
    assert (spec["restartPolicy"], spec["serviceAccountName"]) == ("Never", "web")
    assert "app" not in seen[0]["metadata"]["labels"] and seen[0]["metadata"]["name"] != seen[1]["metadata"]["name"]

    told = succeeded(run("kubernetes_run", **{**options, "wait_timeout": 1}))
    assert told["ok"] is False and "no pod ran it" in told["output"]
    assert succeeded(run("kubernetes_run", check=True, **options))["ok"] is None
    assert "there is no Deployment" in run("kubernetes_run", **{**options, "deployment": "other"})["msg"]


def test_secrets_are_compared_with_the_vaults(kube: dict[str, Any], client: Client, space: str) -> None:
    answers = {"shop-app": (3, "same"), "shop-admin": (2, "newer")}

    def call(_client: Any, operation: str, name: str, vault_id: str, **_more: Any) -> Any:
        assert (operation, vault_id) == ("get_secret_bundle_by_name", "ocid1.vault.oc1..v")
        number, text = answers[name]
        content = SimpleNamespace(content=base64.b64encode(text.encode()).decode())
        return SimpleNamespace(data=SimpleNamespace(version_number=number, secret_bundle_content=content))

    data = {"password": base64.b64encode(b"same").decode(), "admin": base64.b64encode(b"older").decode()}
    made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": space}, "data": data}
    client.apply(client.resource("v1", "Secret"), made)
    context = Context()
    context._session = SimpleNamespace(client=lambda name: None, call=call)  # type: ignore[assignment]
    keys = {"password": "shop-app", "admin": "shop-admin", "none": "shop-app"}
    secrets = [{"name": "db", "namespace": space, "keys": keys}, {"name": "no", "namespace": space, "keys": {}}]
    result = succeeded(
        run("kubernetes_secret_check", within=context, vault_id="ocid1.vault.oc1..v", secrets=secrets, **kube)
    )
    assert [(row["status"], row["what"].replace(space, "s")) for row in result["findings"]] == [
        ("broken", "admin of s/db is not what version 2 of shop-admin holds"),
        ("broken", "Secret s/db has no none"),
        ("ok", "password of s/db is what version 3 of shop-app holds"),
        ("broken", "there is no Secret s/no"),
    ]
    assert {"same", "newer"} <= context.secrets


def test_what_outlives_a_cluster_is_named(kube: dict[str, Any], client: Client, space: str) -> None:
    services, volumes = client.resource("v1", "Service"), client.resource("v1", "PersistentVolume")
    ids = {}
    for name, type_, labels in (
        ("theirs", "LoadBalancer", {}),
        ("ours", "LoadBalancer", {"okestack.oci/owner": "shop.load-balancer"}),
        ("inside", "ClusterIP", {}),
    ):
        meta = {"name": name, "namespace": space, "labels": labels}
        spec = {"type": type_, "ports": [{"port": 80}]}
        made = client.apply(services, {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
        ids[name] = made["metadata"]["uid"]
    volume = {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Delete",
        "csi": {"driver": "blockvolume.csi.oraclecloud.com", "volumeHandle": "ocid1.volume.oc1..v"},
        "claimRef": {"name": "data", "namespace": space},
    }  # fmt: skip
    client.apply(volumes, {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": space}, "spec": volume})
    rows = [
        {"id": f"ocid1.loadbalancer.oc1..{n}", "display_name": ids[n], "lifecycle_state": "ACTIVE"}
        for n in ("ours", "theirs")
    ]
    context = Context()
    context._session = SimpleNamespace(client=lambda name: None, rows=lambda *a, **k: rows)  # type: ignore[assignment]

    def left(**more: Any) -> list[str]:
        found = succeeded(
            run("kubernetes_leftovers", within=context, compartment_id="ocid1.compartment.oc1..c", **kube, **more)
        )
        return [row["what"].replace(space, "s") for row in found["leftovers"] if space in row["name"]]

    claim = "PersistentVolumeClaim s/data has volume ocid1.volume.oc1..v"
    theirs = "Service s/theirs has load balancer ocid1.loadbalancer.oc1..theirs"
    assert left(leaving_owner="shop") == [theirs, claim]
    assert sorted(left()) == sorted([theirs, "Service s/ours has load balancer ocid1.loadbalancer.oc1..ours", claim])
    client.delete(volumes, None, space)
