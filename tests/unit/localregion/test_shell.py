"""What `localregion env` sets and writes."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from localregion import shell
from localregion.services.containerengine import model
from localregion.settings import Settings

PROXY = {"HTTPS_PROXY": "http://proxy:3128"}
OURS = "two.okestack.test,127.77.0.0/16"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(name="two", state=tmp_path)


@pytest.mark.parametrize(
    ("environment", "value", "after"),
    [
        ({}, None, None),
        ({"no_proxy": "localhost"}, None, None),
        (PROXY, OURS, ""),
        (PROXY | {"NO_PROXY": "localhost, .corp"}, f"localhost,.corp,{OURS}", "localhost,.corp"),
        (PROXY | {"no_proxy": f"localhost,{OURS}"}, f"localhost,{OURS}", "localhost"),
        ({"all_proxy": "socks5://x", "no_proxy": OURS}, OURS, ""),
    ],
)
def test_the_region_goes_around_a_proxy(
    settings: Settings, environment: dict[str, str], value: str | None, after: str | None
) -> None:
    values = shell.variables(settings, environment)
    assert values.get("NO_PROXY") == values.get("no_proxy") == value
    undone = [line for line in shell.unset(settings, environment | values).splitlines() if "NO_PROXY" in line]
    assert undone == ([] if after is None else [f"export NO_PROXY={after}" if after else "unset NO_PROXY"])


def test_a_shell_that_evaluated_it_is_as_before_after_unset(settings: Settings) -> None:
    before = {"PATH": "/usr/bin:/bin", "https_proxy": "http://proxy", "no_proxy": "a b"}
    values = shell.variables(settings, before)
    script = "\n".join([shell.export(values), shell.unset(settings, before | values), "env -0"])
    ended = subprocess.run(["sh", "-c", script], env=before, capture_output=True, check=True).stdout.decode()
    after = dict(line.split("=", 1) for line in ended.split("\0") if line)
    assert {name: after.get(name) for name in before} == before
    assert not set(values) & set(after) - {"no_proxy", "NO_PROXY"}


def test_a_region_of_the_api_alone_has_no_registry(tmp_path: Path) -> None:
    values = shell.variables(Settings(state=tmp_path, pure=True), {})
    assert not {"OKESTACK_REGISTRY", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG"} & set(values)


def test_the_files(settings: Settings) -> None:
    settings.operator_dir.mkdir()
    (settings.operator_dir / "auth_token").write_text("secret")
    values = shell.variables(settings, {})
    shell.write_files(settings, [])
    kubeconfig = Path(values["KUBECONFIG"])
    empty = yaml.safe_load(kubeconfig.read_text())
    assert (empty["kind"], empty["clusters"]) == ("Config", []) and "current-context" not in empty
    made = [
        model.kubeconfig(f"ocid1.cluster.oc99.local-1.{letter * 60}", "https://127.0.0.1:6443", b"") for letter in "ab"
    ]
    shell.write_files(settings, made)
    both = yaml.safe_load(kubeconfig.read_text())
    assert [one["name"] for one in both["contexts"]] == ["context-aaaaaaaaaaa", "context-bbbbbbbbbbb"]
    assert both["current-context"] == "context-bbbbbbbbbbb"
    login = Path(values["REGISTRY_AUTH_FILE"])
    assert login == Path(values["DOCKER_CONFIG"]) / "config.json"
    auths = json.loads(login.read_text())["auths"]
    assert set(auths) == {"lcl.ocir.okestack.test", values["OKESTACK_REGISTRY"]}
    assert {base64.b64decode(one["auth"]) for one in auths.values()} == {b"okestacklocal/operator:secret"}
    assert {path.stat().st_mode & 0o77 for path in (kubeconfig, login)} == {0}
