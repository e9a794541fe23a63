# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths and patches."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.kube.objects import items_of
from ansible_collections.okestack.oci.plugins.module_utils.kube.patch import parse_path, patch, put, remove


def document() -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"annotations": {"a.b/c": "1"}},
        "list": [{"name": "one", "x": {"deep": 1}}, {"name": "two", "x": {"deep": 2}}],
    }


@pytest.mark.parametrize(
    ("path", "count", "left"),
    [
        ("kind", 1, lambda d: "kind" not in d),
        ('metadata.annotations["a.b/c"]', 1, lambda d: d["metadata"]["annotations"] == {}),
        ("list[0]", 1, lambda d: [row["name"] for row in d["list"]] == ["two"]),
        ("list[-1]", 1, lambda d: [row["name"] for row in d["list"]] == ["one"]),
        ("list[*]", 2, lambda d: d["list"] == []),
        ("list[name=two].x", 1, lambda d: "x" not in d["list"][1] and "x" in d["list"][0]),
        ("list[*].x.deep", 2, lambda d: [row["x"] for row in d["list"]] == [{}, {}]),
        ("**.deep", 2, lambda d: [row["x"] for row in d["list"]] == [{}, {}]),
        ("list[7]", 0, lambda d: d == document()),
        ("nothing.here", 0, lambda d: d == document()),
        ("kind.deeper", 0, lambda d: d == document()),
    ],
)
def test_remove(path: str, count: int, left: Any) -> None:
    found = document()
    assert remove(found, path) == count
    assert left(found)


def test_put_makes_what_is_missing_on_the_way() -> None:
    found = document()
    assert put(found, "spec.template.replicas", 3) == 1
    assert found["spec"] == {"template": {"replicas": 3}}
    assert put(found, "list[*].y", 1) == 2
    assert put(found, "list[name=none].y", 1) == 0


@pytest.mark.parametrize("path", ["", "a..b", "[", "a[b", "a.**"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(KubeError, match="patches"):
        parse_path(path)


def test_patch_chooses_by_kind_and_name_and_says_what_fits_nothing() -> None:
    rows = [
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "x": 1}
        for kind, name in (("A", "a-1"), ("B", "b"))
    ]
    items = items_of(rows, "definition")
    patch(items, [{"kind": "A", "name": "a-*", "remove": ["x"], "set": {"y.z": 2}}])
    assert "x" not in items[0].manifest and items[0].manifest["y"] == {"z": 2}
    assert items[1].manifest["x"] == 1
    with pytest.raises(KubeError) as caught:
        patch(items, [{"kind": "C", "remove": ["x"]}, {"kind": "B", "remove": ["nothing"]}])
    assert "patches[0]: no object fits kind C" in str(caught.value)
    assert "patches[1].remove: nothing at nothing" in str(caught.value)
