# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server's record of our fields says: an object is as declared, or the server must be asked."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.kube.field_ownership import (
    below,
    client_side,
    is_applied,
    minus,
    taken_over,
    union,
    without,
)
from ansible_collections.okestack.oci.plugins.module_utils.kube.patch import put, remove

DECLARED: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Thing",
    "metadata": {"name": "x", "namespace": "n", "labels": {"a": "1"}, "finalizers": ["keep"]},
    "spec": {"size": 1, "whole": [1, 2], "ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}], "empty": {}},
}
FIELDS: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:a": {}}, "f:finalizers": {".": {}, 'v:"keep"': {}}},
    "f:spec": {
        "f:size": {},
        "f:whole": {},
        "f:empty": {},
        "f:ports": {
            'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}},
            'k:{"port":53,"protocol":"UDP"}': {".": {}, "f:port": {}, "f:protocol": {}},
        },
    },
}


def there(operation: str = "Apply", version: str = "v1", manager: str = "okestack") -> dict[str, Any]:
    """The object with defaults of the server's and fields of others."""
    live = copy.deepcopy(DECLARED)
    live["metadata"]["labels"]["others"] = "2"
    live["metadata"]["finalizers"].append("others")
    live["metadata"]["managedFields"] = [
        {"manager": manager, "operation": operation, "apiVersion": version, "fieldsV1": FIELDS},
        {"manager": "others", "operation": "Update", "apiVersion": version, "fieldsV1": {}},
    ]
    live["spec"] |= {"defaulted": True}
    live["spec"]["ports"][0]["protocol"] = "TCP"
    live["status"] = {"ready": True}
    return live


def test_an_object_as_declared_stands() -> None:
    assert is_applied(DECLARED, there(), "okestack")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.labels.a", "2"),
        ("metadata.labels.b", "1"),
        ("metadata.labels", {}),
        ("metadata.finalizers", ["another"]),
        ("metadata.finalizers", ["keep", "another"]),
        ("spec.size", 2),
        ("spec.size", "1"),
        ("spec.size", True),
        ("spec.more", 1),
        ("spec.whole", [2, 1]),
        ("spec.whole", [1]),
        ("spec.empty", {"a": 1}),
        ("spec.ports[0].port", 81),
        ("spec.ports[0].protocol", "UDP"),
        ("spec.ports[0].name", "http"),
        ("spec.ports[1].protocol", "TCP"),
        ("spec.ports", []),
    ],
)
def test_another_declaration_does_not(path: str, value: Any) -> None:
    changed = copy.deepcopy(DECLARED)
    assert put(changed, path, value) == 1
    assert not is_applied(changed, there(), "okestack")


@pytest.mark.parametrize(
    "path", ["metadata.labels", "metadata.labels.a", "spec", "spec.size", "spec.empty", "spec.ports[1]"]
)
def test_what_is_no_longer_declared_does_not(path: str) -> None:
    changed = copy.deepcopy(DECLARED)
    assert remove(changed, path) == 1
    assert not is_applied(changed, there(), "okestack")


@pytest.mark.parametrize(
    ("path", "value"),
    [("metadata.labels.a", "2"), ("spec.size", 2), ("spec.whole[0]", 9), ("spec.ports[1].port", 54)],
)
def test_drift_does_not(path: str, value: Any) -> None:
    live = there()
    assert put(live, path, value) == 1
    assert not is_applied(DECLARED, live, "okestack")


@pytest.mark.parametrize("path", ["metadata.labels.a", "spec.size", "spec.ports[0]", "metadata.managedFields"])
def test_what_is_lost_does_not(path: str) -> None:
    live = there()
    assert remove(live, path) == 1
    assert not is_applied(DECLARED, live, "okestack")


@pytest.mark.parametrize("record", [{"operation": "Update"}, {"version": "v2"}, {"manager": "kubectl"}])
def test_what_was_not_applied_by_us_as_this_version_does_not(record: dict[str, str]) -> None:
    assert not is_applied(DECLARED, there(**record), "okestack")


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        ({"f:a": {}}, {}, {"f:a": {}}),
        ({"f:a": {}}, {"f:a": {}}, {}),
        ({"f:a": {".": {}, "f:b": {}}}, {"f:a": {"f:b": {}}}, {"f:a": {}}),
        ({"f:a": {".": {}, "f:b": {}}}, {"f:a": {}}, {"f:a": {"f:b": {}}}),
        ({"f:a": {"f:b": {}, "f:c": {}}}, {"f:a": {"f:b": {}}}, {"f:a": {"f:c": {}}}),
    ],
)
def test_fields_without_others(one: dict[str, Any], other: dict[str, Any], left: dict[str, Any]) -> None:
    assert minus(one, other) == left


def test_fields_of_either() -> None:
    both = union({"f:a": {"f:b": {}}, "f:l": {}}, {"f:a": {".": {}, "f:c": {}}, "f:l": {"f:x": {}}})
    assert both == {"f:a": {".": {}, "f:b": {}, "f:c": {}}, "f:l": {".": {}, "f:x": {}}}


def test_a_value_without_fields() -> None:
    value = {"a": "1", "b": "2", "l": [{"port": 80, "name": "x"}, {"port": 81}], "s": ["p", "q"], "m": {"n": "1"}}
    fields = {
        "f:b": {},
        "f:l": {'k:{"port":81}': {".": {}, "f:port": {}}, 'k:{"port":80}': {"f:name": {}}},
        "f:s": {'v:"p"': {}},
        "f:m": {".": {}, "f:n": {}},
    }
    assert without(value, fields) == {"a": "1", "l": [{"port": 80}], "s": ["q"]}


def test_taken_over() -> None:
    mine = {"manager": "okestack", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:a": {}}}}
    fields: dict[str, Any] = {"f:data": {".": {}, "f:b": {}}, "f:metadata": {"f:annotations": {}}}
    theirs = {"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "v1", "fieldsV1": fields}
    status = {"manager": "x", "operation": "Update", "subresource": "status", "fieldsV1": {"f:data": {}}}
    live = {"metadata": {"managedFields": [theirs, status, mine]}}
    all_of: dict[str, Any] = {"f:data": {".": {}, "f:a": {}, "f:b": {}}, "f:metadata": {"f:annotations": {}}}
    assert taken_over(live, "okestack", "v1", client_side) == [{**mine, "fieldsV1": all_of}, status]
    part = {**mine, "fieldsV1": {"f:data": {".": {}, "f:a": {}, "f:b": {}}}}
    rest = {**theirs, "fieldsV1": {"f:metadata": {"f:annotations": {}}}}
    assert taken_over(live, "okestack", "v1", below("data.x[0].y")) is None
    assert taken_over(live, "okestack", "v1", below("data[0].y")) == [part, rest, status]
    assert taken_over({"metadata": {"managedFields": [mine]}}, "okestack", "v1", client_side) is None
