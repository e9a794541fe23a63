#!/usr/bin/env python
"""What Galaxy and the community check of a collection, on the tarball: `make galaxy`.

galaxy-importer from an environment of its own, whose every warning counts; ansible-lint with the options that Galaxy
gives it, but with the time that it needs (the importer stops it after three minutes); antsibull-docs' lint and
ansible-test sanity are the tests that `make lint` and `make sanity` play.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SKIPPED = "yaml,var-naming,avoid-dot-notation,import-task-no-when,single-entry-point,use-loop"
"""Rules that galaxy-importer leaves out."""


def said(folder: Path, *command: str | Path, **env: str) -> tuple[int, str]:
    """A command's status and output."""
    ended = subprocess.run(
        [str(word) for word in command], cwd=folder, env=os.environ | env, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return ended.returncode, ended.stdout


def main(importer: Path, tarball: Path) -> int:
    """Check; a line for each check. 1 where one found something."""
    mine = Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="okestack-galaxy-") as name:
        base = Path(name)
        # The importer finds ansible-doc by PATH.
        env = {"PATH": f"{importer}:{os.environ['PATH']}", "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "no"}
        status, out = said(base, importer / "python", "-m", "galaxy_importer.main", tarball, **env)
        found = re.findall(r"^(?:WARNING|ERROR): .*", out, re.M)
        good = status == 0 and not found and "Importer processing completed successfully" in out
        rest = found or ([] if good else [out])
        print(f"galaxy-importer: {'no warning' if good else 'NOT PASSED'}", *rest, sep="\n  ", flush=True)

        install = (mine / "ansible-galaxy", "collection", "install", "--offline", "--no-deps")
        status, out = said(base, *install, "-p", base / "installed", tarball)
        assert status == 0, out
        folder = base / "installed" / "ansible_collections" / "okestack" / "oci"
        env = {"ANSIBLE_COLLECTIONS_PATH": str(base / "installed"), "ANSIBLE_HOME": str(base / "home")}
        options = ("--offline", "--profile", "production", "--nocolor", "--format=pep8", "-x", SKIPPED)
        linted, out = said(folder, mine / "ansible-lint", *options, **env)
        print(f"ansible-lint, production: {'passed' if linted == 0 else out}", flush=True)
    tests = ["tests/lint/test_sanity.py", "tests/lint/test_lint.py::test_documentation"]
    played = subprocess.run([mine / "pytest", "-q", "--whole", *tests], cwd=ROOT).returncode
    print(f"ansible-test sanity, antsibull-docs' lint: {'passed' if played == 0 else 'NOT PASSED'}")
    return 0 if good and linted == played == 0 else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).resolve()))
