# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of a definition: refused or kept out of sight."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.kube.objects import (
    items_of,
    refuse_odd_secrets,
    secret_texts,
)
from ansible_collections.okestack.oci.plugins.module_utils.kube.tasks import ManifestTask
from ansible_collections.okestack.oci.plugins.module_utils.model import holds_unknown, placeholder
from ansible_collections.okestack.oci.plugins.module_utils.run import Context, run_task


def secret(name: str = "db", **sections: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **sections}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("section", "value", "why"),
    [
        ("stringData", {"pin": 98765432}, "stringData.pin is a number: quote it"),
        ("stringData", {"pin": 1.5}, "stringData.pin is a number: quote it"),
        ("stringData", {"pin": True}, "stringData.pin is true or false: quote it"),
        ("stringData", {"pin": ["hunter2"]}, "stringData.pin is a list: write it as text"),
        ("stringData", {"pin": {"k": "hunter2"}}, "stringData.pin is a mapping: write it as text"),
        ("data", {"pin": 98765432}, "data.pin is a number: quote it"),
        ("data", {"pin": "hunter2!"}, "data.pin is not base64: give text as stringData"),
        ("data", {"pin": "aHVudGVyMg"}, "data.pin is not base64"),
        ("data", "hunter2", "data is a text: it must be a mapping"),
        ("stringData", ["hunter2"], "stringData is a list: it must be a mapping"),
    ],
)
def test_a_value_that_is_no_text_is_refused_without_repeating_it(section: str, value: Any, why: str) -> None:
    with pytest.raises(KubeError) as caught:
        refuse_odd_secrets(items_of([secret(**{section: value})], "definition"), holds_unknown)
    text = str(caught.value)
    assert text.startswith("Secret db (definition[0]): ") and why in text
    assert "hunter2" not in text and "98765432" not in text


def test_what_is_well_formed_or_planned_passes() -> None:
    planned = placeholder("vault_secret", "db", "content")
    good = secret(stringData={"a": "1"}, data={"b": "YQ==\n", "c": planned})
    refuse_odd_secrets(items_of([good, secret("empty")], "definition"), holds_unknown)


def test_all_forms_of_a_value_are_secret() -> None:
    rows = [{"kind": "List", "apiVersion": "v1", "items": [secret(data={"a": encoded('hunter2"x')})]}]
    found = secret_texts(items_of([*rows, secret("pin", stringData={"p": [{"q": 98765432}]})], "definition"))
    assert {'hunter2"x', 'hunter2\\"x', encoded('hunter2"x'), "98765432", encoded("98765432")} <= found


def test_names_of_objects_are_no_secret() -> None:
    shown = secret_texts(items_of([secret(stringData={"user": "db", "password": "hunter2"})], "definition"))
    assert "db" not in shown and "hunter2" in shown


@pytest.mark.parametrize("check", [False, True])
def test_the_task_says_no_value(check: bool) -> None:
    options = {"definition": [secret(stringData={"pin": 98765432})], "kubeconfig": "/nonexistent"}
    result = run_task(ManifestTask(), options, Context(check_mode=check))
    assert result["failed"] and "quote it" in result["msg"] and "98765432" not in str(result)
