# SPDX-License-Identifier: GPL-3.0-or-later
"""How helm is called, and what is said of what it renders."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.okestack.oci.plugins.module_utils.errors import KubeError
from ansible_collections.okestack.oci.plugins.module_utils.kube.chart import Chart, render

HELM = """#!{python}
import json, pathlib, sys
log = pathlib.Path(__file__).with_name("calls")
calls = log.read_text().splitlines() if log.exists() else []
calls.append(json.dumps(sys.argv[1:]))
log.write_text("\\n".join(calls))
values = json.load(sys.stdin)
if values.get("fail"):
    sys.exit("Error: execution error at (x.yaml): bad " + values["fail"])
print(values["text"].replace("CALL", str(len(calls))))
"""
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, annotations: {%s}}\ndata: {a: '%s'}\n---\n"


class Helm:
    """A program that takes the place of helm and prints what the values say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "helm"
        self.program.write_text(HELM.format(python=sys.executable))
        self.program.chmod(0o755)
        self.warnings: list[str] = []
        (folder / "chart/templates").mkdir(parents=True)

    def __call__(self, text: str = "", template: str = "", **more: Any) -> list[str]:
        (self.folder / "chart/templates/a.yaml").write_text(template)
        options: dict[str, Any] = {"path": str(self.folder / "chart"), "release": "r", "namespace": "n", **more}
        options["values"] = {"text": text, **more.get("values", {})}
        return [str(item.key) for item in render(Chart(**options), str(self.program), self.warnings.append)]

    @property
    def calls(self) -> list[list[str]]:
        log = self.folder / "calls"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    return Helm(tmp_path)


def test_each_value_is_one_word_with_its_option(helm: Helm) -> None:
    assert helm(version="1.0", repo="https://x", kube_version="v1.36.1", api_versions=("apps/v1",), path="p") == []
    assert helm.calls[0] == [
        "template",
        "--namespace=n",
        "--skip-tests",
        "--values=-",
        "--include-crds",
        "--repo=https://x",
        "--version=1.0",
        "--kube-version=v1.36.1",
        "--api-versions=apps/v1",
        "--",
        "r",
        "p",
    ]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("release", "--post-renderer=/tmp/x"),
        ("release", "Shop"),
        ("release", "a" * 54),
        ("release", "a b"),
        ("path", "--post-renderer=/tmp/x"),
        ("repo", "-x"),
        ("version", "--debug"),
        ("version", "1\n2"),
    ],
)
def test_no_value_is_an_option_of_helm(helm: Helm, option: str, value: str) -> None:
    with pytest.raises(KubeError, match=f"chart.{option}: "):
        helm(**{option: value})
    assert helm.calls == []


@pytest.mark.parametrize("option", ["repo", "path"])
def test_no_password_of_an_address_gets_into_a_process_list(helm: Helm, option: str) -> None:
    with pytest.raises(KubeError, match=f"chart.{option}: https://charts.example") as refused:
        helm(**{option: "https://me:canary@charts.example/x"})
    assert helm.calls == [] and "canary" not in str(refused.value)


def test_hooks_are_named_and_left_out(helm: Helm) -> None:
    text = MAP % ("m", "", 1) + MAP % ("h", "helm.sh/hook: pre-install", 1)
    assert helm(text) == ["ConfigMap m"]
    assert len(helm.warnings) == 1 and "ConfigMap h (pre-install)" in helm.warnings[0]


@pytest.mark.parametrize(
    ("template", "text", "calls", "warned"),
    [
        ("{{ .Values.a }}", "1", 1, False),
        ("description: look it up now", "1", 1, False),
        ("{{ randAlphaNum 20 }}", "CALL", 2, True),
        ("{{ randAlphaNum 20 }}", "1", 2, False),
        ('{{ lookup "v1" "Secret" "n" "x" }}', "CALL", 2, True),
        ("{{ now | date }}", "CALL", 2, True),
    ],
)
def test_what_differs_at_each_rendering_is_warned_of(
    helm: Helm, template: str, text: str, calls: int, warned: bool
) -> None:
    assert helm(MAP % ("m", "", text), template) == ["ConfigMap m"]
    assert len(helm.calls) == calls
    assert [("ConfigMap m differs" in warning) for warning in helm.warnings] == [True] * warned


def test_an_error_repeats_no_secret_of_the_values(helm: Helm) -> None:
    with pytest.raises(KubeError, match=r"helm template r .*bad") as caught:
        helm(values={"fail": "hunter2", "auth": {"rootPassword": "hunter2"}})
    assert "hunter2" not in str(caught.value)
