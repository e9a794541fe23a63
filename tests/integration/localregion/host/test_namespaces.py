"""Network namespaces beside those of others: the folder of their names is everybody's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

# In a mount namespace of its own, with the folder as it is on a machine where nobody has made a namespace yet.
FRESH = """
while mountpoint -q /run/netns; do umount -l /run/netns; done
{body}
"""
BEFORE_OTHERS = """
import subprocess
from localregion.backends.fabric import namespaces
namespaces.create("tns-1", {})
subprocess.run(["ip", "netns", "add", "tns-2"], check=True)
assert namespaces.exists("tns-1") and namespaces.exists("tns-2")
namespaces.remove("tns-1")
assert not namespaces.exists("tns-1") and namespaces.exists("tns-2")
"""
COVERED = """
import subprocess
from localregion.backends.fabric import namespaces
namespaces._share_folder = lambda: namespaces.FOLDER.mkdir(parents=True, exist_ok=True)
namespaces.create("tns-1", {})
subprocess.run(["ip", "netns", "add", "tns-2"], check=True)
namespaces.remove("tns-1")
assert not (namespaces.FOLDER / "tns-1").exists() and namespaces.exists("tns-2")
assert not any("tns-1" in line for line in open("/proc/self/mountinfo"))
"""


@pytest.mark.parametrize("script", [BEFORE_OTHERS, COVERED], ids=["before others", "covered by others"])
def test_a_namespace_is_removed_beside_others(script: str) -> None:
    root = Path(__file__).parents[4]
    body = FRESH.format(
        body=f'"{sys.executable}" -c "$SCRIPT"; code=$?; ip netns del tns-2; rm -f /run/netns/tns-1; exit $code'
    )
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", body],
        cwd=root, env=os.environ | {"SCRIPT": script}, text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
