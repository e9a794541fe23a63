"""Linters over the whole tree, and what no linter knows."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lint.conftest import BIN, ROOT, Collection, run
from tests.matrix import LINES

pytestmark = [pytest.mark.lint, pytest.mark.timeout(1800)]  # beside other work, a linter takes its time


def test_ruff() -> None:
    run(["ruff", "check", "."])


def test_mypy() -> None:
    run(["mypy", "localregion", "plugins", "examples/crud/crud"])


def test_mypy_tests() -> None:
    run(["mypy", "tests"])


def test_yamllint() -> None:
    run(["yamllint", "--strict", "."])


def test_ansible_lint(tmp_path: Path) -> None:
    run(["ansible-lint", "--offline", "--profile", "production", "--strict"], ANSIBLE_HOME=str(tmp_path))


PLAYED = """---
- name: Modules of the collection
  hosts: localhost
  connection: local
  gather_facts: false
  module_defaults:
    group/okestack.oci.all:
      region: eu-frankfurt-1
    okestack.oci.vcn:
      wait_timeout: 300
  tasks:
    - name: Keep the VCN
      okestack.oci.vcn:
        compartment_id: "{{ compartment_id }}"
        display_name: shop
        cidr_blocks: [10.0.0.0/16]
    - name: Look it up
      okestack.oci.vcn_info:
        compartment_id: "{{ compartment_id }}"
      register: found
    - name: Wait for the page
      okestack.oci.url_wait:
        url: https://shop.example.com/
    - name: Keep objects
      okestack.oci.kubernetes_manifest:
        kubeconfig: /tmp/config
        definition:
          apiVersion: v1
          kind: Namespace
          metadata:
            name: shop
"""


def test_ansible_lint_leaves_the_names_of_modules_alone(tmp_path: Path) -> None:
    """A redirect is a new name to it, which `--fix` writes into people's playbooks."""
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYED)
    options = ["--offline", "--profile", "production", "--strict", "--fix"]
    run(
        ["ansible-lint", *options, str(playbook)],
        cwd=tmp_path,
        ANSIBLE_HOME=str(tmp_path / "home"),
        ANSIBLE_COLLECTIONS_PATH=str(ROOT / "collections"),
    )
    assert playbook.read_text() == PLAYED


def test_documentation(collection: Collection) -> None:
    options = ["--plugin-docs", "--skip-rstcheck", "--validate-collection-refs", "self"]
    run(
        ["antsibull-docs", "lint-collection-docs", *options, str(collection.folder)],
        ANSIBLE_COLLECTIONS_PATH=str(collection.path),
    )


def test_changelog() -> None:
    run(["antsibull-changelog", "lint"])


@pytest.mark.whole
def test_release(tmp_path: Path, sources: list[Path]) -> None:
    """`make release` in a copy: one version everywhere, the fragments in the changelog, a tarball that holds it."""
    for name in sources:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name, follow_symlinks=False)
    who: dict[str, Any] = {
        f"GIT_{role}_{what}": "somebody@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    for command in (["init", "--quiet", "-b", "main"], ["add", "-A"], ["commit", "--quiet", "-m", "All"]):
        run(["git", *command], cwd=tmp_path, **who)
    make = ["make", "--old-file=venv", f"BIN={BIN}", "release"]
    assert (
        "name the version" in subprocess.run([*make, "VERSION=1"], cwd=tmp_path, capture_output=True, text=True).stderr
    )
    run([*make, "VERSION=7.8.9-rc.1"], cwd=tmp_path, **who)

    assert "version: 7.8.9-rc.1\n" in (tmp_path / "galaxy.yml").read_text()
    assert tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]["version"] == "7.8.9-rc.1"
    changelog = (tmp_path / "CHANGELOG.rst").read_text()
    assert "\nv7.8.9-rc.1\n" in changelog  # the line by which the workflow finds the notes
    assert not list((tmp_path / "changelogs" / "fragments").glob("*.yml"))
    with tarfile.open(tmp_path / "dist" / "okestack-oci-7.8.9-rc.1.tar.gz") as tar:
        held = tar.extractfile("CHANGELOG.rst")
        assert held is not None and held.read().decode() == changelog
    assert run(["git", "status", "--porcelain"], cwd=tmp_path) == ""
    assert run(["git", "log", "-1", "--format=%s"], cwd=tmp_path) == "Release 7.8.9-rc.1\n"


def test_workflows(actionlint: str) -> None:
    workflows = sorted(str(path) for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    assert workflows
    run([actionlint, *workflows])


def test_the_workflows_play_the_lines_of_the_matrix() -> None:
    """Each line of ansible-core with each Python that it takes, as `make matrix` does here."""
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]
    unit = jobs["unit"]["strategy"]["matrix"]
    left_out = {(pair["core"], pair["python"]) for pair in unit["exclude"]}
    played = {(core, python) for core in unit["core"] for python in unit["python"]} - left_out
    assert played == {(core, python) for core, pythons in LINES.items() for python in pythons}
    sanity = {(pair["core"], pair["python"]) for pair in jobs["sanity"]["strategy"]["matrix"]["include"]}
    assert sanity == {(core, pythons[0]) for core, pythons in LINES.items()}


def test_issue_forms() -> None:
    """What GitHub refuses to show: a form without a name, a field of a kind that there is not, two fields of one id."""
    forms = [path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"]
    assert forms
    for path in forms:
        form = yaml.safe_load(path.read_text())
        assert form.keys() <= {"name", "description", "labels", "title", "assignees", "body"}, path
        assert form["name"] and form["description"]
        ids = [field["id"] for field in form["body"]]
        assert len(set(ids)) == len(ids), path
        for field in form["body"]:
            assert field["type"] in ("input", "textarea", "dropdown", "checkboxes"), path
            assert field["attributes"]["label"]
            assert (field["type"] == "dropdown") == ("options" in field["attributes"])


def test_decisions() -> None:
    """Each record is listed by its title, says three things, and is short."""
    folder = ROOT / "docs" / "decisions"
    listed = dict(re.findall(r"^(\d+\. \[.+\])\((.+)\)$", (folder / "README.md").read_text(), re.M))
    titles = {name: title for title, name in listed.items()}
    records = sorted(folder.glob("[0-9]*.md"))
    assert [path.name for path in records] == list(titles)
    for path in records:
        text = path.read_text()
        assert text.startswith("# " + titles[path.name].replace("[", "").replace("]", "") + "\n"), path
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.M) == ["Context", "Decision", "Consequence"], path
        assert len(text.split()) < 400, path


def test_hooks_call_what_the_environment_has() -> None:
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repo["hooks"]:
        program = hook["entry"].split()[0]
        assert hook["language"] == "system" and program.startswith(".venv/bin/"), hook
        assert (BIN / program.removeprefix(".venv/bin/")).exists(), program


def test_every_plugin_has_its_documentation(collection: Collection) -> None:
    out = run(
        ["ansible-doc", "--metadata-dump", "--no-fail-on-errors", "okestack.oci"],
        cwd=collection.folder,
        ANSIBLE_COLLECTIONS_PATH=str(collection.path),
    )
    assert '"error"' not in out, [line for line in out.splitlines() if '"error"' in line]
    for path in (ROOT / "plugins" / "modules").glob("*.py"):
        assert f'"okestack.oci.{path.stem}"' in out


@pytest.mark.parametrize("inventory", ["local", "dev", "staging", "prod"])
def test_playbooks_parse_with_every_inventory(inventory: str) -> None:
    run(["ansible-playbook", "-i", f"inventories/{inventory}", "site.yml", "--syntax-check"])


def test_the_collection_knows_of_no_local_region(sources: list[Path]) -> None:
    """Where a thing runs is the inventory's business."""
    found = [
        str(name)
        for name in sources
        if name.parts[0] in ("plugins", "roles", "playbooks", "site.yml", "meta")
        and re.search(
            r"localregion|local_region|local region|okestack\.test|127\.77\.", (ROOT / name).read_text(errors="ignore")
        )
    ]
    assert found == []


def test_no_traces_of_a_machine(sources: list[Path]) -> None:
    """No private paths and no registries' hosts beside the public ones that users need."""
    needles = ("/wor" + "k/", "/ro" + "ot/", "deb.debian" + ".org", "proxy.golang" + ".org", "pypi.org/sim" + "ple")
    found = []
    for name in sources:
        text = (ROOT / name).read_text(errors="ignore")
        found += [f"{name}: {needle}" for needle in needles if needle in text]
    assert found == []
