"""The collection without its shortcuts (`preload`): the same results, only slower."""

from __future__ import annotations

import os
import subprocess
import sys

from ansible_collections.okestack.oci.plugins.module_utils import preload

from .playbook import ROOT

SAMPLE = (
    "test_playbook.py::test_what_is_under_way_is_told",
    "test_playbook.py::test_a_module_as_a_process_of_its_own",
    "test_playbook.py::test_defaults_of_one_module_are_that_modules_alone",
    "test_authentication.py::test_no_token_is_written_to_disk",
    "test_identity.py",
    "test_deletion.py",
    "test_logging.py",
)


def test_a_sample_of_the_modules_tests_passes_without_them() -> None:
    folder = "tests/integration/modules"
    command = [sys.executable, "-m", "pytest", "-x", "-q", *(f"{folder}/{name}" for name in SAMPLE)]
    environment = {**os.environ, preload.SWITCH: "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
