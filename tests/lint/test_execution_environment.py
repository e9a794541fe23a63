"""The execution environment's context is made of the tarball, the collection is installed by it, and helm is in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from .conftest import BIN, ROOT, Collection, run

pytestmark = pytest.mark.lint


def test_a_context_is_made_of_the_tarball(collection: Collection, tmp_path: Path) -> None:
    shutil.copy2(ROOT / "execution-environment.yml", tmp_path)
    (tmp_path / "dist").mkdir()
    shutil.copy2(collection.tarball, tmp_path / "dist/okestack-oci.tar.gz")  # as `make ee` does
    run(["ansible-builder", "create", "-c", str(tmp_path / "context")], cwd=tmp_path)
    made = tmp_path / "context" / "_build"
    installed = tmp_path / "installed"
    command = ["ansible-galaxy", "collection", "install", "--offline", "-r", "requirements.yml", "-p", str(installed)]
    run(command, cwd=made, ANSIBLE_COLLECTIONS_PATH=str(installed))
    assert (installed / "ansible_collections/okestack/oci/playbooks/site.yml").is_file()
    # What the collection asks its image for: meta/execution-environment.yml, for those who only depend on it, too.
    script = [str(BIN / "python"), str(made / "scripts/introspect.py"), "introspect", str(installed)]
    asked = " ".join(map(str, yaml.safe_load(run(script, cwd=tmp_path))["python"]))
    wanted = [line for line in (ROOT / "requirements/python.txt").read_text().splitlines() if not line.startswith("#")]
    assert wanted and [line for line in wanted if line not in asked] == []
    steps = (tmp_path / "context/Containerfile").read_text()
    assert "helm" in steps and "sha256sum -c" in steps


def test_its_versions_are_those_of_the_collection() -> None:
    whole = yaml.safe_load((ROOT / "execution-environment.yml").read_text())
    said = whole["dependencies"]
    assert "python3.12" in said["python_interpreter"]["python_path"]
    assert said["ansible_core"]["package_pip"] == "ansible-core>=2.20,<2.22"
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    assert runtime["requires_ansible"] == ">=2.19.0"
    pinned = (ROOT / "localregion/builds/go.mod").read_text()
    (argument,) = [one for one in whole["additional_build_steps"]["append_final"] if one.startswith("ARG HELM")]
    assert f"helm.sh/helm/v3 {argument.partition('=')[2]}" in pinned
