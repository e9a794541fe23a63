# SPDX-License-Identifier: GPL-3.0-or-later
"""Server-side apply, its plan, conflicts, pruning and deletion against a real API server."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import ApiError, KubeError, UnknownKind
from ansible_collections.okestack.oci.plugins.module_utils.kube.apply import Applier
from ansible_collections.okestack.oci.plugins.module_utils.kube.changes import Change, Options, diff_of
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import WELL_KNOWN, Client
from ansible_collections.okestack.oci.plugins.module_utils.kube.config import read_kubeconfig
from ansible_collections.okestack.oci.plugins.module_utils.kube.objects import items_of
from ansible_collections.okestack.oci.plugins.module_utils.kube.patch import put


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deployment(name: str, image: str = "example/app:1", replicas: int = 1) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": image, "env": [{"name": "A", "value": "1"}]}]},
            },
        },
    }


def definition(group: str = "test.okestack.example") -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                        }
                    },
                }
            ],
        },
    }


def widget(name: str, group: str) -> dict[str, Any]:
    return {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1}}


def present(client: Client, *objects: dict[str, Any], lines: list[str] | None = None, **options: Any) -> list[Change]:
    options.setdefault("wait", False)
    report = (lambda line: None) if lines is None else lines.append
    return Applier(client, Options(**options), report).present(items_of(objects, "definition"))


def absent(client: Client, *objects: dict[str, Any], **options: Any) -> list[Change]:
    return Applier(client, Options(**options), lambda line: None).absent(items_of(objects, "definition"))


def actions(changes: list[Change]) -> list[str]:
    return [change.action for change in changes]


def test_well_known_kinds_are_what_the_server_says(client: Client) -> None:
    told = {(found.api_version, found.kind): found for found in client.all_resources()}
    for key, resource in WELL_KNOWN.items():
        assert told[key] == resource


def test_create_again_change_drift(client: Client, space: str) -> None:
    assert actions(present(client, deployment("web"), namespace=space, check_mode=True)) == ["create"]
    assert client.get(client.resource("apps/v1", "Deployment"), space, "web") is None
    assert actions(present(client, deployment("web"), namespace=space)) == ["create"]
    assert actions(present(client, deployment("web"), namespace=space)) == ["none"]

    planned = present(client, deployment("web", replicas=3), namespace=space, check_mode=True)
    assert diff_of(planned) == (
        {f"Deployment {space}/web": {"spec": {"replicas": 1}}},
        {f"Deployment {space}/web": {"spec": {"replicas": 3}}},
    )
    assert actions(present(client, deployment("web", replicas=3), namespace=space)) == ["update"]
    assert actions(present(client, deployment("web", replicas=3), namespace=space)) == ["none"]

    # Drift that another client makes without taking the field over by apply is set right.
    path = client.resource("apps/v1", "Deployment").path(space, "web")
    client.request("PATCH", path, body={"spec": {"paused": True}}, content_type="application/merge-patch+json")
    assert actions(present(client, deployment("web", replicas=3), namespace=space)) == ["none"], "unset is untouched"


def everything() -> list[dict[str, Any]]:
    """Objects with lists of every kind that the server manages, by members and as a whole, and with defaults."""
    web = deployment("web")
    pod = web["spec"]["template"]["spec"]
    pod["containers"][0] |= {
        "ports": [{"name": "http", "containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}],
        "args": ["--a", "--b"],
        "securityContext": {"capabilities": {"drop": ["ALL"]}},
        "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    pod["volumes"] = [{"name": "scratch", "emptyDir": {}}, {"name": "c", "configMap": {"name": "c"}}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "annotations": {"a/b.c": "d"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
    }
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "dg=="}}
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}, "rules": rules}
    return [web, service, account, secret, role, config_map("c", a="1", b="2")]


def asked(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of the requests from now on."""
    methods: list[str] = []
    send = client._send

    def note(method: str, *rest: Any) -> Any:
        methods.append(method)
        return send(method, *rest)

    monkeypatch.setattr(client, "_send", note)
    return methods


def test_what_stands_as_declared_is_only_read(client: Client, space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    present(client, *everything(), namespace=space, owner="o")
    methods = asked(client, monkeypatch)
    assert set(actions(present(client, *everything(), namespace=space, owner="o"))) == {"none"}
    assert methods == ["GET"] * len(everything())


# A path, another value than the declared one, and whether it is declared at all.
CHANGES: list[tuple[str, Any, bool]] = [
    ("spec.template.spec.containers[0].ports[1].containerPort", 54, True),
    ("spec.template.spec.containers[0].ports[1].protocol", "TCP", True),
    ("spec.template.spec.containers[0].args[1]", "--c", True),
    ("spec.template.spec.containers[0].env[0].value", "2", True),
    ("spec.template.spec.containers[0].securityContext.capabilities.drop", ["NET_RAW"], True),
    ("spec.template.spec.containers[0].resources.limits.cpu", "501m", True),
    ("spec.template.spec.containers[0].volumeMounts[0].readOnly", True, False),
    ("spec.template.spec.volumes[0].emptyDir.medium", "Memory", False),
    ("spec.template.spec.volumes[1].configMap.name", "d", True),
    ("spec.paused", True, False),
    ("metadata.labels", {"more": "1"}, False),
]


@pytest.mark.parametrize(("path", "value", "declared"), CHANGES, ids=[row[0] for row in CHANGES])
def test_no_difference_is_overlooked(client: Client, space: str, path: str, value: Any, declared: bool) -> None:
    """Told where the declaration changes, and where another client changes what is declared."""
    present(client, *everything(), namespace=space)
    changed = everything()[0]
    assert put(changed, path, value) == 1
    assert actions(present(client, changed, namespace=space, check_mode=True)) == ["update"]
    resource = client.resource("apps/v1", "Deployment")
    live = client.get(resource, space, "web")
    assert put(live, path, value) == 1
    client.request("PUT", resource.path(space, "web"), {"fieldManager": "somebody"}, live)
    again = present(client, everything()[0], namespace=space, force=True, check_mode=True)
    assert actions(again) == ["update" if declared else "none"]


def test_list_entries_are_compared_by_name(client: Client, space: str) -> None:
    present(client, deployment("web"), namespace=space)
    before, after = diff_of(present(client, deployment("web", image="example/app:2"), namespace=space))
    containers = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "example/app:1"}]}}}}
    assert before[f"Deployment {space}/web"] == containers
    assert after[f"Deployment {space}/web"]["spec"]["template"]["spec"]["containers"][0]["image"] == "example/app:2"


def test_field_left_out_is_removed(client: Client, space: str) -> None:
    present(client, config_map("c", a="1", b="2"), namespace=space)
    before, _after = diff_of(present(client, config_map("c", a="1"), namespace=space))
    assert before == {f"ConfigMap {space}/c": {"data": {"b": "2"}}}
    live = client.get(client.resource("v1", "ConfigMap"), space, "c")
    assert live is not None and live["data"] == {"a": "1"}


def autoscaler(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {
            "minReplicas": 2,
            "maxReplicas": 9,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        },
    }


def test_replicas_are_an_autoscalers_from_the_moment_it_is_declared(client: Client, space: str) -> None:
    declared = deployment("web", replicas=5)
    present(client, declared, namespace=space)
    del declared["spec"]["replicas"]
    both = [declared, autoscaler("web")]
    changes = present(client, *both, namespace=space, check_mode=True)
    assert "replicas" not in str(diff_of(changes)), "it is not said that they go back to one"
    path = f"/apis/apps/v1/namespaces/{space}/deployments/web"
    present(client, *both, namespace=space)
    assert client.request("GET", path)["spec"]["replicas"] == 5
    # As the controller does it.
    more = {"spec": {"replicas": 7}}
    client.request("PATCH", f"{path}/scale", body=more, content_type="application/merge-patch+json")
    assert actions(present(client, *both, namespace=space)) == ["none", "none"]
    assert client.request("GET", path)["spec"]["replicas"] == 7
    # Back to a number of one's own.
    present(client, deployment("web", replicas=3), autoscaler("web"), namespace=space)
    assert client.request("GET", path)["spec"]["replicas"] == 3


def test_without_an_autoscaler_a_number_left_out_is_the_servers_own(client: Client, space: str) -> None:
    declared = deployment("web", replicas=5)
    present(client, declared, autoscaler("other"), namespace=space)
    del declared["spec"]["replicas"]
    present(client, declared, autoscaler("other"), namespace=space)
    assert client.request("GET", f"/apis/apps/v1/namespaces/{space}/deployments/web")["spec"]["replicas"] == 1


def test_conflict_names_manager_and_field_and_force_takes_over(client: Client, space: str) -> None:
    resource = client.resource("v1", "ConfigMap")
    client.request("POST", resource.path(space), {"fieldManager": "somebody"}, config_map("c", a="theirs"))
    with pytest.raises(KubeError, match=r"\.data\.a by somebody.*force: true"):
        present(client, config_map("c", a="ours"), namespace=space, check_mode=True, force=False)
    live = client.get(resource, space, "c")
    assert live is not None and live["data"] == {"a": "theirs"}
    lines: list[str] = []
    taken = present(client, config_map("c", a="ours"), namespace=space, lines=lines)
    assert actions(taken) == ["update"] and taken[0].note == "undoes somebody: .data.a"
    assert lines == [f"ConfigMap {space}/c: changed (undoes somebody: .data.a)"]
    assert actions(present(client, config_map("c", a="ours"), namespace=space)) == ["none"]


def edited(client: Client, path: str, manager: str, change: Callable[[dict[str, Any]], None]) -> None:
    """What a person does with kubectl edit."""
    live = client.request("GET", path)
    change(live)
    live["metadata"].pop("managedFields")
    client.request("PUT", path, {"fieldManager": manager}, live)


def service(**annotations: str) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    prefix = "service.beta.kubernetes.io/oci-load-balancer-"
    notes = {f"{prefix}{name}": value for name, value in annotations.items()}
    kind = "LoadBalancer" if annotations else "ClusterIP"
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "annotations": notes},
        "spec": {"type": kind, "selector": {"app": "x"}, "ports": ports},
    }


def test_a_list_whose_key_was_edited_is_healed(client: Client, space: str) -> None:
    path = client.resource("v1", "Service").path(space, "web")
    present(client, service(), namespace=space)
    edited(client, path, "kubectl-edit", lambda live: live["spec"]["ports"][0].update(port=81))
    planned = present(client, service(), namespace=space, check_mode=True)
    assert actions(planned) == ["update"] and "spec.ports" in planned[0].note
    assert actions(present(client, service(), namespace=space)) == ["update"]
    assert [row["port"] for row in client.request("GET", path)["spec"]["ports"]] == [80]
    assert actions(present(client, service(), namespace=space)) == ["none"]


def test_what_kubectl_apply_declared_is_adopted(client: Client, space: str) -> None:
    resource = client.resource("v1", "ConfigMap")
    made = config_map("c", a="1", b="2")
    client.request("POST", resource.path(space), {"fieldManager": "kubectl-client-side-apply"}, made)
    planned = present(client, config_map("c", a="1"), namespace=space, check_mode=True)
    assert diff_of(planned)[0] == {f"ConfigMap {space}/c": {"data": {"b": "2"}}}
    assert actions(present(client, config_map("c", a="1"), namespace=space, force=False)) == ["update"]
    assert (client.get(resource, space, "c") or {})["data"] == {"a": "1", "b": "2"}, "force: false takes nothing"
    assert actions(present(client, config_map("c", a="1"), namespace=space)) == ["update"]
    assert (client.get(resource, space, "c") or {})["data"] == {"a": "1"}
    assert actions(present(client, config_map("c", a="1"), namespace=space)) == ["none"]


def test_a_load_balancer_does_not_change_its_kind_in_place(client: Client, space: str) -> None:
    path = client.resource("v1", "Service").path(space, "web")
    public, internal = service(shape="flexible"), service(shape="flexible", internal="true")
    present(client, public, namespace=space)
    assert actions(present(client, internal, namespace=space)) == ["update"], "there is none yet"
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}
    client.request("PATCH", f"{path}/status", body=status, content_type="application/merge-patch+json")
    assert actions(present(client, service(shape="100Mbps", internal="true"), namespace=space)) == ["update"]
    for other in (public, service(internal="true", subnet1="ocid1.subnet.oc1..b")):
        with pytest.raises(KubeError, match=r"cannot change .* in place.*allow_replace"):
            present(client, other, namespace=space)
    assert actions(present(client, public, namespace=space, allow_replace=True, check_mode=True)) == ["replace"]


def test_a_failed_job_is_replaced_only_if_allowed(client: Client, space: str) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    wanted = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": template}}
    present(client, wanted, namespace=space)
    path = client.resource("batch/v1", "Job").path(space, "j")
    rows = [{"type": kind, "status": "True", "reason": "Late"} for kind in ("FailureTarget", "Failed")]
    status = {"status": {"startTime": "2026-01-01T00:00:00Z", "conditions": rows}}
    client.request("PATCH", f"{path}/status", body=status, content_type="application/merge-patch+json")
    with pytest.raises(KubeError, match=r"Late.*Set allow_replace: true"):
        present(client, wanted, namespace=space, wait=True)
    assert actions(present(client, wanted, namespace=space)) == ["none"]
    replaced = present(client, wanted, namespace=space, allow_replace=True, check_mode=True)
    assert actions(replaced) == ["replace"] and "Late" in replaced[0].note


def test_what_is_once_in_a_cluster_is_not_taken_from_its_owner(client: Client, space: str) -> None:
    name = f"class-{space}"
    spec = {"controller": "example.com/c"}
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": name}, "spec": spec}
    assert actions(present(client, kind, owner="one")) == ["create"]
    assert actions(present(client, kind, owner="one")) == ["none"]
    for owner in ("two", None):
        with pytest.raises(KubeError, match=f"IngressClass {name} belongs to one"):
            present(client, kind, owner=owner)


@pytest.mark.parametrize("together", [True, False])
def test_a_kind_is_waited_for_that_the_server_names_late(
    client: Client, space: str, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    """By the task that brings its definition, whether an object of it is in the same set or in the next task's."""
    group = f"{space}.late.example.com"
    discover, looks = client._discover, iter((f"{group}/v1",) * 3)

    def late(api_version: str) -> None:
        if api_version == next(looks, ""):
            client._discovered.add(api_version)  # looked, and not there
        else:
            discover(api_version)

    monkeypatch.setattr(client, "_discover", late)
    if not together:
        assert actions(present(client, definition(group), namespace=space)) == ["create"]
        assert list(looks) == []
    wanted = ["create", "create"] if together else ["none", "create"]
    assert actions(present(client, definition(group), widget("w", group), namespace=space)) == wanted


def test_a_definition_stays_while_somebody_else_has_objects_of_it(client: Client, space: str) -> None:
    group = f"{space}.example.com"
    mine, theirs = widget("mine", group), widget("theirs", group)
    present(client, definition(group), mine, namespace=space, owner="one")
    present(client, theirs, namespace=space, owner="two")
    warnings: list[str] = []

    def remove(*objects: dict[str, Any], **more: Any) -> list[Change]:
        options = Options(namespace=space, wait=False, **more)
        return Applier(client, options, lambda line: None, warnings.append).absent(items_of(objects, "definition"))

    assert actions(remove(definition(group), mine, owner="one")) == ["none", "delete"]
    assert len(warnings) == 1 and f"Widget {space}/theirs of two is of its kind" in warnings[0]
    assert actions(remove(theirs, owner="one")) == ["none"] and "it belongs to two" in warnings[1]
    assert actions(remove(definition(group), check_mode=True)) == ["none"]
    assert actions(remove(definition(group), theirs, check_mode=True)) == ["delete", "delete"]
    assert actions(remove(theirs, owner="two")) == ["delete"]
    assert actions(remove(definition(group), owner="one")) == ["delete"]


def test_conflicts_of_all_objects_are_told_at_once_before_any_write(client: Client, space: str) -> None:
    resource = client.resource("v1", "ConfigMap")
    for name in ("one", "two"):
        client.request("POST", resource.path(space), {"fieldManager": "somebody"}, config_map(name, a="theirs"))
    with pytest.raises(KubeError) as caught:
        objects = [config_map("new", a="x"), config_map("one", a="ours"), config_map("two", a="ours")]
        present(client, *objects, namespace=space, force=False)
    assert "one" in str(caught.value) and "two" in str(caught.value)
    assert client.get(resource, space, "new") is None


def test_equal_values_of_another_manager_become_ours_once(client: Client, space: str) -> None:
    resource = client.resource("v1", "ConfigMap")
    client.request("POST", resource.path(space), {"fieldManager": "somebody"}, config_map("c", a="1"))
    assert actions(present(client, config_map("c", a="1"), namespace=space)) == ["update"]
    assert actions(present(client, config_map("c", a="1"), namespace=space)) == ["none"]


def test_secret_values_are_not_in_the_diff(client: Client, space: str) -> None:
    def secret(value: str) -> dict[str, Any]:
        metadata = {"name": "s"}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "stringData": {"password": value, "user": "me"},
        }

    created = present(client, secret("hunter2"), namespace=space)
    assert "hunter2" not in str(diff_of(created))
    assert actions(present(client, secret("hunter2"), namespace=space)) == ["none"]
    before, after = diff_of(present(client, secret("hunter3"), namespace=space))
    assert before == {f"Secret {space}/s": {"data": {"password": "(secret)"}}}
    assert after == {f"Secret {space}/s": {"data": {"password": "(secret, changed)"}}}
    live = client.get(client.resource("v1", "Secret"), space, "s")
    assert live is not None and base64.b64decode(live["data"]["password"]) == b"hunter3"


def test_namespace_definition_and_custom_object_in_one_set(client: Client) -> None:
    group, space = "all.okestack.example", "all-at-once"
    objects = [
        widget("w", group),
        config_map("c", a="1"),
        definition(group),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}},
    ]
    planned = present(client, *objects, namespace=space, check_mode=True)
    assert actions(planned) == ["create"] * 4
    assert actions(present(client, *objects, namespace=space)) == ["create"] * 4
    # A client that has not seen the kind before finds it with one discovery call.
    fresh = Client(client.connection)
    assert actions(present(fresh, *objects, namespace=space)) == ["none"] * 4


def test_unknown_kind(client: Client, space: str) -> None:
    stray = widget("w", "nowhere.okestack.example")
    with pytest.raises(UnknownKind, match="Widget"):
        present(client, stray, namespace=space)
    warnings: list[str] = []
    applier = Applier(client, Options(namespace=space, check_mode=True), lambda line: None, warnings.append)
    assert actions(applier.present(items_of([stray], "definition"))) == ["create"]
    assert warnings and "Widget" in warnings[0]


def test_namespace_that_is_not_there(client: Client) -> None:
    with pytest.raises(KubeError, match='namespaces "not-there" not found'):
        present(client, config_map("c"), namespace="not-there")
    assert actions(present(client, config_map("c"), namespace="not-there", check_mode=True)) == ["create"]


def test_without_a_cluster_everything_is_a_create() -> None:
    applier = Applier(None, Options(namespace="x", check_mode=True), lambda line: None)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    changes = applier.present(items_of([config_map("c", a="1"), deployment("web"), namespace], "definition"))
    assert [str(change.key) for change in changes] == ["Namespace n", "ConfigMap x/c", "Deployment x/web"]
    assert actions(changes) == ["create"] * 3
    assert diff_of(changes)[1]["ConfigMap x/c"]["data"] == {"a": "1"}


def test_unknown_field_is_refused_before_any_write(client: Client, space: str) -> None:
    wrong = deployment("web")
    wrong["spec"]["replicsa"] = 3
    with pytest.raises(KubeError, match="replicsa"):
        present(client, config_map("c"), wrong, namespace=space)
    assert client.get(client.resource("v1", "ConfigMap"), space, "c") is None


def test_immutable_field(client: Client, space: str) -> None:
    def work(image: str) -> dict[str, Any]:
        container = {"name": "work", "image": image}
        spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"}, "spec": spec}

    present(client, work("one"), namespace=space)
    with pytest.raises(KubeError, match="allow_replace: true"):
        present(client, work("two"), namespace=space)
    before, after = diff_of(present(client, work("two"), namespace=space, allow_replace=True, check_mode=True))
    name = f"Job {space}/work"
    assert before[name]["spec"]["template"]["spec"]["containers"] == [{"name": "work", "image": "one"}]
    assert after[name]["spec"]["template"]["spec"]["containers"] == [{"name": "work", "image": "two"}]
    assert actions(work_done := present(client, work("one"), namespace=space, allow_replace=True)) == ["none"], (
        work_done
    )


def test_replace(client: Client, space: str) -> None:
    # No garbage collector runs here that would end a foreground deletion: play it.
    def role_binding(role: str) -> dict[str, Any]:
        return {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "b"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "x", "namespace": space}],
        }

    present(client, role_binding("one"), namespace=space)
    stop = collect(client, client.resource("rbac.authorization.k8s.io/v1", "RoleBinding").path(space, "b"))
    assert actions(present(client, role_binding("two"), namespace=space, allow_replace=True)) == ["replace"]
    stop.set()
    assert actions(present(client, role_binding("two"), namespace=space)) == ["none"]


def collect(client: Client, path: str) -> threading.Event:
    """A garbage collector for one object: ends its foreground deletion."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                live = client.request("GET", path)
                if live["metadata"].get("deletionTimestamp"):
                    patch = {"metadata": {"finalizers": None}}
                    client.request("PATCH", path, body=patch, content_type="application/merge-patch+json")
                    return
            except ApiError:
                pass
            time.sleep(0.1)

    threading.Thread(target=run, daemon=True).start()
    return stop


def test_prune_removes_only_what_we_applied_for_this_owner(client: Client, space: str) -> None:
    present(client, config_map("keep", a="1"), config_map("drop", a="1"), namespace=space, owner=space)
    present(client, config_map("other", a="1"), namespace=space, owner="somebody-else")
    copied = config_map("copied")
    copied["metadata"]["labels"] = {"okestack.oci/owner": space}
    resource = client.resource("v1", "ConfigMap")
    client.request("POST", resource.path(space), {"fieldManager": "a-controller"}, copied)

    planned = present(client, config_map("keep", a="1"), namespace=space, owner=space, prune=True, check_mode=True)
    assert [(change.action, change.key.name) for change in planned] == [("none", "keep"), ("delete", "drop")]
    stop = collect(client, resource.path(space, "drop"))
    present(client, config_map("keep", a="1"), namespace=space, owner=space, prune=True, wait=True)
    stop.set()
    left = {row["metadata"]["name"] for row in client.list(resource, space)}
    assert left == {"keep", "other", "copied"}


def test_prune_leaves_what_holds_the_objects_of_others(client: Client) -> None:
    space = "never-pruned"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}
    objects = [namespace, definition("never.okestack.example"), config_map("c")]
    present(client, *objects, namespace=space, owner=space)
    planned = present(client, config_map("c"), namespace=space, owner=space, prune=True, check_mode=True)
    assert [(change.action, change.key.kind) for change in planned] == [("none", "ConfigMap")]


def test_absent(client: Client, space: str) -> None:
    present(client, config_map("c", a="1"), namespace=space)
    assert actions(absent(client, config_map("c"), namespace=space, check_mode=True)) == ["delete"]
    stop = collect(client, client.resource("v1", "ConfigMap").path(space, "c"))
    assert actions(absent(client, config_map("c"), namespace=space)) == ["delete"]
    stop.set()
    assert actions(absent(client, config_map("c"), namespace=space)) == ["none"]
    assert actions(absent(client, widget("w", "nowhere.okestack.example"), namespace=space)) == []


def test_absent_names_the_finalizer_that_holds_an_object(client: Client, space: str) -> None:
    held = config_map("c")
    held["metadata"]["finalizers"] = ["okestack.example/held"]
    present(client, held, namespace=space)
    with pytest.raises(KubeError, match=r"held by .*okestack\.example/held"):
        absent(client, config_map("c"), namespace=space, timeout=1)
    path = client.resource("v1", "ConfigMap").path(space, "c")
    client.request("PATCH", path, body={"metadata": {"finalizers": None}}, content_type="application/merge-patch+json")


def test_wait_reports_each_state_and_says_why_it_timed_out(client: Client, space: str) -> None:
    lines: list[str] = []
    with pytest.raises(KubeError) as caught:
        present(client, deployment("web"), namespace=space, wait=True, timeout=1.5, lines=lines)
    assert "not ready within 1.5s" in str(caught.value)
    assert any("not yet seen by its controller" in line for line in lines)

    status = {
        "observedGeneration": 1,
        "replicas": 1,
        "updatedReplicas": 1,
        "readyReplicas": 1,
        "availableReplicas": 1,
    }
    path = client.resource("apps/v1", "Deployment").path(space, "web") + "/status"

    def become_ready() -> None:
        time.sleep(0.5)
        client.request("PATCH", path, body={"status": status}, content_type="application/merge-patch+json")

    threading.Thread(target=become_ready).start()
    lines.clear()
    changes = present(client, deployment("web"), namespace=space, wait=True, timeout=20, lines=lines)
    assert actions(changes) == ["none"]
    assert "1 of 1 available" in lines[-1]


def test_wait_ends_at_a_failed_job(client: Client, space: str) -> None:
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "w", "image": "i"}]}}}
    work = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"}, "spec": spec}
    present(client, work, namespace=space)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    path = client.resource("batch/v1", "Job").path(space, "work") + "/status"
    rows = [
        {"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "message": "it broke"}
        for kind in ("FailureTarget", "Failed")
    ]
    body = {"status": {"startTime": now, "conditions": rows}}
    client.request("PATCH", path, body=body, content_type="application/merge-patch+json")
    began = time.monotonic()
    with pytest.raises(KubeError, match="BackoffLimitExceeded: it broke"):
        present(client, work, namespace=space, wait=True, timeout=60)
    assert time.monotonic() - began < 10


WRONG_ANSWERS: list[tuple[int, bytes]] = [
    (200, b""),
    (200, b"{}"),
    (200, b"<html>a proxy's page</html>"),
    (200, b'{"kind": "ConfigMap", "metadata"'),
    (404, b"<html>not here</html>"),
    (500, b'{"kind": "Status", "reason": "InternalError", "message": "etcd"}'),
    (502, b""),
    (503, b""),
    (504, b"<html>late</html>"),
    (409, b'{"kind": "Status", "reason": "Conflict", "message": "the object has been modified"}'),
    (403, b'{"kind": "Status", "reason": "Forbidden", "message": "User \\"tester\\" cannot get resource"}'),
]


@pytest.mark.parametrize("status_and_body", WRONG_ANSWERS, ids=[f"{row[0]} {row[1][:20]!r}" for row in WRONG_ANSWERS])
@pytest.mark.parametrize("lost", [False, True], ids=["not done", "done, the answer lost"])
def test_a_wrong_answer_to_any_call_does_no_harm(
    kubeconfig: Path, space: str, monkeypatch: pytest.MonkeyPatch, status_and_body: tuple[int, bytes], lost: bool
) -> None:
    """Every call is answered wrongly once, before or after the server did what it asks."""
    client = Client(read_kubeconfig(str(kubeconfig)), retry_timeout=10.0)
    sent, send, pause = set(), client._send, time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.01)))

    def wrong(method: str, path: str, query: Any, *rest: Any) -> Any:
        call = (method, path, str(query))
        if call in sent or (status_and_body[0] == 409 and method == "GET"):
            return send(method, path, query, *rest)
        sent.add(call)
        if lost:
            send(method, path, query, *rest)
        return SimpleNamespace(status=status_and_body[0], data=status_and_body[1], headers={})

    monkeypatch.setattr(client, "_send", wrong)
    objects = [config_map("a", x="1"), config_map("b", x="1"), deployment("web")]
    assert actions(present(client, *objects, namespace=space, owner=space)) == ["create"] * 3
    sent.clear()
    changes = present(client, config_map("a", x="2"), deployment("web"), namespace=space, owner=space, prune=True)
    assert sorted(actions(changes)) == ["delete", "none", "update"]
    monkeypatch.setattr(client, "_send", send)
    live = client.list(client.resource("v1", "ConfigMap"), space, f"okestack.oci/owner={space}")
    there = {row["metadata"]["name"]: row["data"] for row in live if "deletionTimestamp" not in row["metadata"]}
    assert there == {"a": {"x": "2"}}
