# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is deleted in a cluster and what is left: declared absent, not declared any more, held by others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import ApiError, KubeError
from ansible_collections.okestack.oci.plugins.module_utils.kube.changes import Options
from ansible_collections.okestack.oci.plugins.module_utils.kube.client import FIELD_MANAGER, WELL_KNOWN, Resource
from ansible_collections.okestack.oci.plugins.module_utils.kube.objects import Item, key_of
from ansible_collections.okestack.oci.plugins.module_utils.kube.removal import Remover
from ansible_collections.okestack.oci.plugins.module_utils.model import OWNER_LABEL

CONFIG, SERVICE, NAMESPACE = (WELL_KNOWN["v1", kind] for kind in ("ConfigMap", "Service", "Namespace"))
WIDGET = Resource("example.com/v1", "Widget", "widgets", True)
DEFINITION = WELL_KNOWN["apiextensions.k8s.io/v1", "CustomResourceDefinition"]
Object = dict[str, Any]


def thing(resource: Resource, name: str, owner: str = "shop", ours: bool = True, **more: Any) -> Object:
    """An object with an owner's label, applied by us or not."""
    manager = {"manager": FIELD_MANAGER if ours else "endpoint-controller", "operation": "Apply"}
    metadata = {"name": name, "labels": {OWNER_LABEL: owner}, "managedFields": [manager], "uid": f"uid-{name}"}
    if resource.namespaced:
        metadata["namespace"] = "n"
    return {
        "apiVersion": resource.api_version, "kind": resource.kind, "metadata": {**metadata, **more.pop("metadata", {})},
        **more,
    }  # fmt: skip


class Cluster:
    """A cluster in memory, which notes what is deleted."""

    shares = False

    def __init__(self, *objects: Object, denied: Mapping[str, int] | None = None) -> None:
        self.objects = list(objects)
        self.denied = denied or {}
        self.deleted: list[str] = []
        self.connection = type("Connection", (), {"namespace": "n"})

    def all_resources(self) -> list[Resource]:
        return [CONFIG, SERVICE, NAMESPACE, WIDGET, DEFINITION]

    def resource(self, api_version: str, kind: str) -> Resource:
        return next(one for one in self.all_resources() if (one.api_version, one.kind) == (api_version, kind))

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        return next((o for o in self.list(resource) if o["metadata"]["name"] == name), None)

    def list(self, resource: Resource, label_selector: str = "", **_: Any) -> list[Object]:
        if status := self.denied.get(resource.plural):
            raise ApiError("GET", resource.plural, status)
        owner = label_selector.partition("=")[2]
        return [
            o for o in self.objects
            if o["kind"] == resource.kind and (not owner or o["metadata"]["labels"].get(OWNER_LABEL) == owner)
        ]  # fmt: skip

    def delete(self, resource: Resource, namespace: str | None, name: str, uid: str | None) -> bool:
        assert uid == f"uid-{name}", "only what was looked at"
        self.deleted.append(name)
        self.objects = [o for o in self.objects if o["metadata"]["name"] != name]
        return True


def remover(cluster: Cluster | None, **options: Any) -> tuple[Remover, list[str]]:
    warnings: list[str] = []
    made = Remover(
        cluster,  # type: ignore[arg-type]
        Options(**{"owner": "shop", "timeout": 0, **options}),
        report=lambda line: None,
        warn=warnings.append,
        unknown=lambda value: value == "planned",
        sleep=lambda seconds: None,
    )
    return made, warnings


def declared(*objects: Object) -> list[Item]:
    return [Item(o, f"definition[{number}]") for number, o in enumerate(objects)]


@pytest.mark.parametrize(
    ("there", "options", "deleted"),
    [
        (thing(CONFIG, "a"), {}, ["a"]),
        (None, {}, []),
        (thing(CONFIG, "a", owner="other"), {}, []),
        (thing(CONFIG, "a", owner="other"), {"owner": None}, ["a"]),
        (thing(CONFIG, "a", ours=False), {}, ["a"]),
        (thing(CONFIG, "a"), {"check_mode": True}, []),
    ],
    ids=["there", "not there", "another's", "whosever", "made by hand", "check mode"],
)
def test_what_is_declared_absent(there: Object | None, options: dict[str, Any], deleted: list[str]) -> None:
    cluster = Cluster(*([there] if there else []))
    one, warnings = remover(cluster, **options)
    (change,) = one.absent(declared(thing(CONFIG, "a")))
    assert cluster.deleted == deleted
    assert change.action == ("delete" if deleted or options.get("check_mode") else "none")
    anothers = there is not None and "other" in str(there) and not options
    assert warnings == (["ConfigMap n/a is left: it belongs to other"] if anothers else [])


@pytest.mark.parametrize(
    ("there", "pruned"),
    [
        (thing(CONFIG, "old"), True),
        (thing(CONFIG, "kept"), False),
        (thing(CONFIG, "old", owner="other"), False),
        (thing(CONFIG, "old", ours=False), False),
        (thing(CONFIG, "old", metadata={"annotations": {"helm.sh/resource-policy": "keep"}}), False),
        (thing(NAMESPACE, "old"), False),
        (thing(DEFINITION, "old"), False),
        (thing(WIDGET, "old"), True),
    ],
    ids=["ours", "declared", "another's", "a controller's copy", "to be kept", "a namespace", "a definition", "custom"],
)
def test_what_is_not_declared_any_more(there: Object, pruned: bool) -> None:
    found = remover(Cluster(there))[0].to_prune([key_of(thing(CONFIG, "kept"))])
    assert [change.key.name for change in found] == (["old"] if pruned else [])


def test_pruning_needs_an_owner_and_says_what_it_may_not_list() -> None:
    with pytest.raises(KubeError, match="prune needs owner"):
        remover(Cluster(), owner=None)[0].to_prune([])
    one, warnings = remover(Cluster(thing(CONFIG, "old"), denied={"services": 403, "widgets": 405}))
    assert [change.key.name for change in one.to_prune([])] == ["old"]
    assert warnings == ["prune may not list services: what was once applied of these stays"]
    with pytest.raises(ApiError):
        remover(Cluster(denied={"services": 500}))[0].to_prune([])


def definition() -> Object:
    spec = {
        "group": "example.com", "names": {"kind": "Widget", "plural": "widgets"}, "scope": "Namespaced",
        "versions": [{"name": "v1", "served": True}],
    }  # fmt: skip
    return thing(DEFINITION, "widgets.example.com", spec=spec)


@pytest.mark.parametrize(
    ("widget", "spared"),
    [
        (None, False),
        (thing(WIDGET, "w"), False),
        (thing(WIDGET, "w", owner="other"), True),
        (thing(WIDGET, "w", owner="other", metadata={"deletionTimestamp": "2027-01-01T00:00:00Z"}), False),
    ],
    ids=["nobody's", "ours", "another's", "another's, which goes"],
)
def test_a_definition_stays_while_others_have_objects_of_its_kind(widget: Object | None, spared: bool) -> None:
    cluster = Cluster(definition(), *([widget] if widget else []))
    one, warnings = remover(cluster)
    one.absent(declared(definition()))
    assert cluster.deleted == ([] if spared else ["widgets.example.com"])
    assert [line.partition(":")[0] for line in warnings] == (
        ["CustomResourceDefinition widgets.example.com is left"] if spared else []
    )


def test_the_last_of_the_order_goes_first() -> None:
    cluster = Cluster(thing(NAMESPACE, "ns"), thing(CONFIG, "a"), thing(WIDGET, "w"))
    remover(cluster)[0].absent(declared(thing(NAMESPACE, "ns"), thing(CONFIG, "a"), thing(WIDGET, "w")))
    assert cluster.deleted == ["w", "a", "ns"]


def test_in_a_cluster_that_is_only_planned_there_is_nothing() -> None:
    assert remover(None)[0].absent(declared(thing(CONFIG, "a"))) == []
    assert remover(None)[0].to_prune([]) == []
    assert remover(Cluster(thing(CONFIG, "a")))[0].absent(declared(thing(CONFIG, "planned"))) == []
