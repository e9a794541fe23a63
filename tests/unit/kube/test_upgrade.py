# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What blocks an upgrade to another version of Kubernetes: by tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.findings import Finding
from ansible_collections.okestack.oci.plugins.module_utils.kube.upgrade_task import (
    budgets,
    chosen,
    deprecated,
    pinned,
    requested,
    way,
)

OFFERED = ["v1.35.4", "v1.36.0", "v1.36.1"]


def texts_of(findings: Iterable[Finding], status: str = "broken") -> list[str]:
    rows = list(findings)
    assert all(f.todo for f in rows if f.status == "broken"), "each says what to do"
    return [f.what for f in rows if f.status == status]


@pytest.mark.parametrize(
    ("now", "wanted", "version"),
    [
        ("v1.35.2", "", "v1.36.1"),
        ("v1.35.2", "v1.36", "v1.36.1"),
        ("v1.35.2", "v1.36.0", "v1.36.0"),
        ("v1.35.2", "v1.35", "v1.35.2"),  # a series is satisfied by what is of it, as for oke_cluster
        ("v1.36.1", "v1.36.1", "v1.36.1"),
        ("v1.35.2", "v1.38", "v1.38"),
    ],
)
def test_the_version_that_is_meant(now: str, wanted: str, version: str) -> None:
    assert chosen(now, wanted, OFFERED) == version
    assert chosen(now, "", []) == now


@pytest.mark.parametrize(
    ("now", "version", "broken", "todo"),
    [
        ("v1.35.2", "v1.36.1", "", ""),
        ("v1.35.2", "v1.35.2", "", ""),
        ("v1.36.1", "v1.35.2", "never goes back", "newer"),
        ("v1.34.1", "v1.36.1", "minor releases are skipped", "upgrade to v1.35.4 first"),
        ("v1.35.2", "v2.0.0", "minor releases are skipped", "first"),
        ("v1.35.2", "v1.36.7", "v1.36.7 is not offered for a cluster of v1.35.2", "v1.35.4, v1.36.0, v1.36.1"),
        ("v1.36.1", "v1.36.2", "is not offered", "wait"),
    ],
)
def test_the_way(now: str, version: str, broken: str, todo: str) -> None:
    found = list(way(now, version, OFFERED))
    assert [f.status for f in found] == (["broken"] if broken else ["ok"])
    assert broken in found[0].what and todo in found[0].todo


METRICS = """# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been requested
# TYPE apiserver_requested_deprecated_apis gauge
apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",version="v1"} 1
apiserver_requested_deprecated_apis{group="flow.k8s.io",removed_release="1.36",resource="f",version="v1beta3"} 1
apiserver_requested_deprecated_apis{group="x.io",removed_release="1.37",resource="xs",subresource="s",version="v1"} 1
apiserver_requested_deprecated_apis{group="x.io",removed_release="1.36",resource="xs",subresource="",version="v2"} 0
apiserver_request_total{code="200"} 12
"""


def test_deprecated_versions_in_use() -> None:
    rows = requested(METRICS)
    assert [(r["group"], r["resource"], r["removed_release"]) for r in rows] == [
        ("", "endpoints", ""), ("flow.k8s.io", "f", "1.36"), ("x.io", "xs", "1.37")
    ]  # fmt: skip
    assert texts_of(deprecated(rows, "v1.36.1")) == [
        "f of flow.k8s.io/v1beta3 is in use, and v1.36.1 does not have it (1.36 dropped it)"
    ]
    assert texts_of(deprecated(rows, "v1.36.1"), "ok") == [
        "endpoints of v1 is in use and deprecated: not yet gone",
        "xs of x.io/v1 is in use and deprecated, until 1.37: not yet gone",
    ]
    assert len(texts_of(deprecated(rows, "v1.37.0"))) == 2
    assert texts_of(deprecated([], "v1.36.1"), "ok") == [
        "none is in use that v1.36.1 lacks, as far as the API server saw since it started"
    ]


def budget(name: str, expected: int, allowed: int) -> dict[str, Any]:
    status = {"expectedPods": expected, "disruptionsAllowed": allowed, "currentHealthy": expected}
    return {"metadata": {"name": name, "namespace": "shop"}, "status": status}


def test_budgets_that_allow_nothing() -> None:
    rows = [budget("a", 3, 1), budget("b", 1, 0), budget("of-nothing", 0, 0), {"metadata": {"name": "new"}}]
    assert texts_of(budgets(rows)) == ["shop/b allows no pod to be moved (1 of 1 pods serve)"]
    assert texts_of(budgets(rows[:1]), "ok") == ["1 allow pods to be moved"]


def test_addons() -> None:
    options = {"CoreDNS": ["v1.12", "v1.11"]}
    addons = [{"name": "CoreDNS"}, {"name": "CoreDNS", "version": "v1.11"}]
    assert texts_of(pinned(addons, options, "v1.36.1")) == []
    addons = [{"name": "CoreDNS", "version": "v1.9"}, {"name": "Istio"}]
    assert texts_of(pinned(addons, options, "v1.36.1")) == [
        "CoreDNS v1.9 is not offered for v1.36.1", "Istio is not offered for v1.36.1"
    ]  # fmt: skip
