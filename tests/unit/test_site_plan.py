# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a site for machines: each thing once, in its part, with the calls it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.run import Context
from ansible_collections.okestack.oci.plugins.module_utils.site_plan import SitePlan, plan


def row(name: str, change: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "change": change, **more}


@pytest.mark.parametrize(
    ("change", "part", "calls"),
    [
        ("created", "add", ["kubernetes.apply"]),
        ("changed", "change", ["kubernetes.apply"]),
        ("replaced", "replace", ["kubernetes.delete", "kubernetes.apply"]),
        ("removed", "remove", ["kubernetes.delete"]),
    ],
)
def test_parts(change: str, part: str, calls: list[str]) -> None:
    made = plan("shop", [{"changes": [row("Secret crud/db", change, before={"a": 1})]}])
    assert made[part] == [{"type": "Secret", "name": "crud/db", "before": {"a": 1}, "after": None, "calls": calls}]
    assert made["counts"] == {name: int(name == part) for name in ("add", "change", "replace", "remove")}


def test_each_thing_is_listed_once_by_name_with_the_calls_of_its_own() -> None:
    subnet = row("subnet pods", "created", calls=["core.create_subnet"])
    made = plan("shop", [{"changes": [subnet, row("kubeconfig ~/a", "created")]}, {}, {"changes": [subnet]}])
    assert [(one["type"], one["name"], one["calls"]) for one in made["add"]] == [
        ("kubeconfig", "~/a", ["file.apply"]),
        ("subnet", "pods", ["core.create_subnet"]),
    ]


def test_it_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    lines: list[str] = []
    params = {"deployment": "shop", "seen": [], "path": str(tmp_path / "plan.json")}
    answer = SitePlan().execute(params, Context(report=lines.append))
    assert not answer["anything"] and lines == ["shop: nothing is to be done"]
    assert json.loads((tmp_path / "plan.json").read_text()) == answer["plan"]
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
    with pytest.raises(ResourceError, match=r"the plan cannot be written to .*nowhere"):
        SitePlan().execute({**params, "path": str(tmp_path / "nowhere" / "plan.json")}, Context())
