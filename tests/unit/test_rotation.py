# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose turn a password is, and which old versions go: by tables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import ResourceError
from ansible_collections.okestack.oci.plugins.module_utils.rotation import rolling, surplus, turns

Doc = dict[str, Any]


def deployment(user: str | None = "crud", replicas: int = 3, generation: int = 4, **status: Any) -> Doc:
    env = [{"name": "PORT", "value": "8080"}, *([{"name": "DB_USER", "value": user}] if user else [])]
    told = {
        "observedGeneration": 4, "updatedReplicas": replicas, "replicas": replicas, "availableReplicas": replicas
    } | status  # fmt: skip
    return {
        "metadata": {"name": "crud", "namespace": "crud", "generation": generation},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "crud", "env": env}]}}},
        "status": told,
    }


def asked(name: str, deployments: list[Doc], tag: str = "admin ocid1.s/4", user: str = "crud") -> tuple[str, str]:
    (turn,) = turns(
        [name],
        {"mysql-app": 3, "mysql-admin": 4, "mail": 9},
        {"secret": "mysql-app", "user": user, "variable": "DB_USER", "deployments": deployments},
        {"secret": "mysql-admin", "secret_id": "ocid1.s", "tag": tag},
    )
    return turn.step, turn.why


@pytest.mark.parametrize(
    ("deployments", "user", "step", "why"),
    [
        ([deployment()], "crud", "rotate", "version 3 is in use"),
        ([deployment("crud_2")], "crud_2", "rotate", "version 3 is in use"),
        # killed behind the new version, or rotated by hand
        ([deployment("crud_2")], "crud", "finish", "of the user crud, the application signs in as crud_2"),
        ([deployment(None)], "crud", "finish", "signs in as nobody"),
        # killed while pods were replaced
        ([deployment(generation=5)], "crud", "finish", "about to be replaced"),
        ([deployment(updatedReplicas=1)], "crud", "finish", "1 of 3 are new, 3 serve"),
        ([deployment(replicas=3) | {"status": {"observedGeneration": 4}}], "crud", "finish", "0 of 3 are new, 0 serve"),
        ([], "crud", "finish", "not there yet"),
    ],
)
def test_the_application_s_turn(deployments: list[Doc], user: str, step: str, why: str) -> None:
    found = asked("mysql-app", deployments, user=user)
    assert found[0] == step and why in found[1]


@pytest.mark.parametrize(
    ("tag", "step"),
    [
        ("admin ocid1.s/4", "rotate"),
        ("admin ocid1.s/3", "finish"),
        ("admin ocid1.another/1", "rotate"),  # another secret than the declared one: the DB system's own task says so
        ("", "rotate"),
    ],
)
def test_the_administrator_s_turn(tag: str, step: str) -> None:
    assert asked("mysql-admin", [], tag)[0] == step


def test_other_secrets_and_such_as_are_not_there() -> None:
    assert asked("mail", [])[0] == "rotate"
    with pytest.raises(ResourceError, match=r"nobody: there is no such secret; there are mail, mysql-admin, mysql-app"):
        asked("nobody", [])
    assert [t.secret for t in turns(["a", "a"], {"a": 1}, None, None)] == ["a"]


def test_while_one_is_unfinished_nothing_new_is_begun() -> None:
    application = {"secret": "mysql-app", "user": "crud", "variable": "DB_USER", "deployments": [deployment("crud_2")]}
    versions = {"mysql-app": 3, "mysql-admin": 4}
    administrator = {"secret": "mysql-admin", "secret_id": "ocid1.s", "tag": "admin ocid1.s/4"}
    found = turns(["mysql-app", "mysql-admin"], versions, application, administrator)
    assert [(t.secret, t.step) for t in found] == [("mysql-app", "finish"), ("mysql-admin", "leave")]
    assert [t.step for t in turns(["mysql-admin"], versions, application, administrator)] == ["rotate"]


def test_a_roll_that_is_done() -> None:
    assert rolling(deployment()) == ""
    assert rolling(deployment(replicas=0)) == ""
    assert "2 serve" in rolling(deployment(availableReplicas=2))


def versions(count: int, leaving: int = 0) -> list[Doc]:
    rows: list[Doc] = []
    for number in range(1, count + 1):
        stages = {count: ["CURRENT", "LATEST"], count - 1: ["PREVIOUS"]}.get(number, ["DEPRECATED"])
        gone = {"time_of_deletion": "2027-01-01T00:00:00Z"} if number <= leaving else {"time_of_deletion": None}
        rows.append({"version_number": number, "stages": stages, **gone})
    return rows


@pytest.mark.parametrize(
    ("rows", "keep", "going"),
    [
        (versions(1), 10, []),
        (versions(10), 10, []),
        (versions(12), 10, [1, 2]),
        (versions(12, leaving=2), 10, []),
        (versions(13, leaving=2), 10, [3]),
        (versions(5), 2, [1, 2, 3]),
        (versions(59, leaving=29), 2, [30]),  # 30 can be on their way out
        (
            [{"version_number": 1, "stages": ["CURRENT"]}, *versions(4)[1:3], {"version_number": 4, "stages": []}],
            2,
            [2],
        ),
    ],
)
def test_old_versions(rows: list[Doc], keep: int, going: list[int]) -> None:
    assert surplus(list(reversed(rows)), keep) == going
