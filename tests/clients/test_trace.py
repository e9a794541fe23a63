"""Of a region that answers by names nothing is left once it is down: no name, no listener, no file, no process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localregion import daemon
from localregion.host.hosts_file import HOSTS
from localregion.settings import Settings
from tests.clients.journey import Region

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="port 443 and /etc/hosts need root")]

NAME = "ttrace"


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    made = Region(tmp_path / "home" / "states" / "one", NAME, "127.95.0.0/16")
    try:
        yield made
    finally:
        made.run("reset", check=False)


def traces(folder: Path) -> dict[str, list[str]]:
    """What of a region is on the machine, by where it is; what lies in `folder` too."""
    listening = subprocess.run(["ss", "-Hlntu"], capture_output=True, text=True, check=True).stdout
    processes = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"--name {NAME} " in command:
            processes.append(command)
    found = {
        "names": [line for line in HOSTS.read_text().splitlines() if NAME in line],
        "beside": [path.name for path in HOSTS.parent.glob(f".{HOSTS.name}*{NAME}*")],
        "listeners": [line for line in listening.splitlines() if "127.95." in line],
        "run": [path.name for path in Path("/run").glob(f"*{NAME}*")],
        "processes": processes,
        "files": [str(path.relative_to(folder)) for path in folder.rglob("*")],
    }
    return {where: those for where, those in found.items() if those}


def test_down_and_reset_leave_nothing(region: Region, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert traces(home) == {}
    region.run("up", "--api-only")
    told = region.shell(home)
    for name in ("OCI_CONFIG_FILE", "SSL_CERT_FILE", "KUBECONFIG"):
        assert Path(told[name]).is_relative_to(region.state), "its files go with its state"
    up = traces(home)
    assert {"names", "listeners", "run", "processes", "files"} <= set(up)
    assert any("iaas.local-1.ttrace.okestack.test" in line for line in up["names"])
    assert any("127.95.0.1:443" in line for line in up["listeners"])

    region.run("down")
    assert set(traces(home)) == {"files"}, "its state alone stays"

    region.run("up", "--api-only")
    number = daemon.daemon_pid(Settings(name=NAME, state=region.state))
    assert number is not None
    os.kill(number, signal.SIGKILL)
    while any(line.startswith("tcp") for line in traces(home).get("listeners", [])):
        time.sleep(0.05)
    assert traces(home)["names"], "one that was killed can take nothing away"
    region.run("down")
    assert set(traces(home)) == {"files"}

    region.run("up", "--api-only")
    region.run("reset")
    assert traces(home) == {"files": ["states"]}
