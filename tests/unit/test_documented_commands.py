"""Each command that README and the guides show is one that something plays; a new one is entered here.

Commands are held by their first words, playbooks by their names: `site.yml --check` is another than `site.yml`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGION = ROOT / "localregion" / "README.md"
SHOWN = sorted((*ROOT.glob("docs/docsite/rst/*.rst"), ROOT / "README.md", REGION))
PROGRAMS = ("git", "make", "eval", "oci", "kubectl", "podman", "ansible-playbook", "ansible-doc", "localregion", "pip")
SITE = "tests/e2e/test_site.py"
TRACE = "tests/clients/test_trace.py"
DAEMON = "tests/integration/localregion/test_daemon.py"
CLI = "tests/clients/cli/journey.sh"
BUNDLE = "tests/e2e/test_bundle.py"
COMMANDS = "tests/unit/localregion/test_cli.py"
PLAYED = {
    # The command, and what plays it: a file, and the words there.
    "git clone": ("tests/bare", "git clone"),
    "make site": (BUNDLE, 'make("site")'),
    "make bundle-save": ("tests/bench/bench.py", "bundle"),
    "make bundle-load": (BUNDLE, 'make("bundle-load"'),
    "make test": (".ci/run", "make test"),
    "make destroy": ("tests/bare", "make destroy"),
    "make upgrade-test": ("tests/e2e/test_upgrade.py", "make upgrade-test"),
    "localregion up": (TRACE, 'run("up"'),
    "localregion status": (DAEMON, 'localregion("status")'),
    "localregion down": (SITE, 'localregion("down")'),
    "localregion reset": (TRACE, 'run("reset"'),
    "localregion bundle": (BUNDLE, 'localregion("bundle"'),
    "localregion env": ("tests/clients/journey.py", 'run("env"'),
    "localregion logs": (COMMANDS, '"logs"'),
    "localregion fault": (COMMANDS, '"fault"'),
    "localregion session": ("tests/unit", '"session"'),
    "eval localregion": ("tests/clients/journey.py", 'run("env"'),
    "oci iam": (CLI, "oci iam compartment list"),
    "oci network": (CLI, "network vcn list"),
    "ansible-doc": ("tests/lint/test_lint.py", '"ansible-doc"'),
    "preflight.yml": ("tests/integration/modules/test_preflight.py", "playbooks/preflight.yml"),
    "site.yml --check": (SITE, "test_check_mode_plans_everything_from_nothing"),
    "site.yml": (SITE, "test_the_site_is_built_and_its_url_comes_last"),
    "verify.yml": ("tests/e2e/test_verify.py", "test_nothing_is_broken_and_nothing_is_changed"),
    "drift.yml": ("tests/integration/modules/test_drift.py", "playbooks/drift.yml"),
    "report.yml": ("tests/integration/modules/test_report.py", "playbooks/report.yml"),
    "rotate_secret.yml": ("tests/e2e/test_operations.py", '"rotate_secret"'),
    "scale.yml": ("tests/e2e/test_operations.py", "scale.yml"),
    "upgrade.yml": ("tests/integration/modules/test_operations.py", '"upgrade"'),
    "adopt.yml": ("tests/integration/modules/test_adopt.py", "playbooks/adopt.yml"),
    "destroy.yml": ("tests/e2e/test_deployment.py", "playbooks/destroy.yml"),
}
WRAPPED = {"status": "status", "down": "down", "logs": "logs", "up": "up"}
"""Targets of make that are a command of the region's, which is played."""
BY_HAND = {
    "make help": "it lists the Makefile's own comments",
    "make bench": "measures; printed figures are read by a person",
    "make bench-builds": "builds everything, ten minutes",
    "make density": "measures, ten minutes; test_density.py fills one node",
    "make clients": "a part of make test",
    "make matrix": "on GitHub, with each push",
    "make docs": "before a release, and where pages change",
    "pip install": "of a user's own environment",
    "oci session": "opens a person's browser; the session's file is what tests make",
    "kubectl get": "a person's client: tests use Kubernetes' own by the same kubeconfig",
    "kubectl top": "a person's client, as above",
    "oci ce": "a person looks for what is wrong",
    "oci lb": "a person looks for what is wrong",
    "podman login": "a person's client: the site's images are pushed with the same login",
}


def commands(page: Path) -> list[str]:
    """The commands that a page shows, in blocks and within sentences. What the region's page says of virtual nodes in
    its table is asked line by line by tests of the nodes."""
    text = page.read_text().replace("\\\n", " ")
    rst = r"^\.\. code-block:: shell\n\n((?:   .*\n|\n)+)"
    rows = [row for block in re.findall(r"^```\n(.*?)^```", text, re.M | re.S) for row in block.splitlines()]
    rows += [row for block in re.findall(rst, text, re.M) for row in block.splitlines()]
    prose = "" if page == REGION else re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    rows += [" ".join(words.split()) for words in re.findall(r"(?<!`)``?([^`]+)``?(?!`)", prose)]
    parts = [part.split("#")[0].strip() for row in rows for part in row.split("&&")]
    return [part for part in parts if len(part.split()) > 1 and part.split()[0] in PROGRAMS]


def short(command: str) -> str:
    """What a command is held by."""
    words = command.split()
    if words[0] == "ansible-playbook":
        name = next(Path(word).name for word in words if word.endswith(".yml"))
        return f"{name} --check" if (name, "--check" in words) == ("site.yml", True) else name
    if words[0] == "eval":
        return "eval localregion"
    if words[0] == "oci":
        words = [word for word in words if not word.startswith(("-", "~", "http"))]
    return words[0] if words[0] == "ansible-doc" else " ".join(words[:2])


@pytest.mark.parametrize("page", SHOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_command_is_played(page: Path) -> None:
    known = PLAYED.keys() | BY_HAND.keys() | {f"make {target}" for target in WRAPPED}
    assert {short(command) for command in commands(page)} - known == set()


def test_what_plays_it_does() -> None:
    missing = {}
    for command, (place, words) in PLAYED.items():
        path = ROOT / place
        files = path.rglob("*.py") if path.is_dir() else [path]
        if not any(words in file.read_text() for file in files if file != Path(__file__)):
            missing[command] = f"{words} in {place}"
    assert missing == {}


def test_what_is_entered_is_shown() -> None:
    shown = {short(command) for page in SHOWN for command in commands(page)}
    assert (PLAYED.keys() | BY_HAND.keys()) - shown == set()


def test_what_wraps_a_command_is_that_command() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target, command in WRAPPED.items():
        assert re.search(rf"^{target}:.*\n\t@\$\(BIN\)/localregion {command}\b", makefile, re.M), target


def test_what_make_is_asked_for_is_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    asked = {short(command).split()[1] for page in SHOWN for command in commands(page) if command.startswith("make ")}
    assert [target for target in sorted(asked) if not re.search(rf"^{target}:", makefile, re.M)] == []
