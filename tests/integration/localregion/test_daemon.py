"""The daemon and its command line on this machine: up, used by the SDK, killed, up again, down; nothing is left."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import oci
import pytest

from localregion import cli, daemon
from localregion.settings import COMPARTMENT_ID, SERVICE_ADDRESS, Settings

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

NAME = "daemontest"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    for name, value in {
        "OKESTACK_STATE": str(tmp_path / "state"),
        "OKESTACK_NETWORK": "127.79.0.0/16",
        "OKESTACK_PORT": "14900",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_environment(NAME)
    yield settings
    localregion("reset")


def localregion(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`localregion --name ...`."""
    return subprocess.run(
        [sys.executable, "-m", "localregion", "--name", NAME, *arguments],
        capture_output=True, text=True, cwd=ROOT, timeout=200,
    )  # fmt: skip


def client(settings: Settings) -> Any:
    config = oci.config.from_file(str(settings.operator_dir / "config"))
    return oci.core.VirtualNetworkClient(
        config, service_endpoint=settings.endpoint, retry_strategy=oci.retry.NoneRetryStrategy()
    )


def left_over(settings: Settings) -> dict[str, list[str]]:
    """What a region of this name has on the machine."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"--name {NAME} run" in command or str(settings.state) in command:
            commands.append(command)
    found = {
        "namespaces": [path.name for path in Path("/run/netns").glob(f"{settings.prefix}*")],
        "mounts": [line for line in mounts if str(settings.state) in line or settings.prefix in line],
        "processes": commands,
        "run": [path.name for path in Path("/run").glob(f"{settings.prefix}*")],
    }
    return {name: values for name, values in found.items() if values}


def test_a_region_from_up_to_down(environment: Settings) -> None:
    settings = environment
    assert localregion("status").returncode == 3
    first = localregion("up")
    assert first.returncode == 0, first.stderr
    assert settings.endpoint in first.stdout
    assert "is up already" in localregion("up").stdout

    vcns = client(settings)
    made = vcns.create_vcn(
        oci.core.models.CreateVcnDetails(compartment_id=COMPARTMENT_ID, cidr_blocks=["10.0.0.0/16"], display_name="net")
    ).data
    assert "core.create_vcn" in localregion("logs").stdout
    assert "vcn" in localregion("status").stdout
    assert (settings.operator_dir / "key.pem").stat().st_mode & 0o77 == 0
    assert settings.state.stat().st_mode & 0o77 == 0

    pid = daemon.daemon_pid(settings)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while daemon.daemon_pid(settings) is not None:
        time.sleep(0.05)
    assert localregion("status").returncode == 3
    assert left_over(settings)  # a killed daemon cannot tidy up: the next up or down does

    again = localregion("up")
    assert again.returncode == 0, again.stderr
    found = client(settings).get_vcn(made.id).data
    assert (found.display_name, found.lifecycle_state) == ("net", "AVAILABLE")

    stopped = localregion("down")
    assert stopped.returncode == 0, stopped.stderr
    assert left_over(settings) == {}
    assert "was not running" in localregion("down").stdout


def test_down_after_a_crash_leaves_nothing(environment: Settings) -> None:
    settings = environment
    assert localregion("up").returncode == 0
    pid = daemon.daemon_pid(settings)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert localregion("down").returncode == 0
    assert left_over(settings) == {}
    assert localregion("reset").returncode == 0
    assert not settings.state.exists()


def test_inside_the_network_it_answers_by_tls(environment: Settings) -> None:
    settings = environment
    assert localregion("up").returncode == 0
    script = (
        "import socket, ssl, sys\n"
        f"context = ssl.create_default_context(cafile={str(settings.state / 'ca.pem')!r})\n"
        f"raw = socket.create_connection(({SERVICE_ADDRESS!r}, 443), 5)\n"
        "sock = context.wrap_socket(raw, server_hostname='secrets.vaults.local-1.oci.okestack.test')\n"
        "sock.sendall(b'GET /20160918/regions HTTP/1.1\\r\\nHost: identity.local-1.oci.okestack.test\\r\\n"
        "Connection: close\\r\\n\\r\\n')\n"
        "print(sock.recv(4096).decode())\n"
    )
    command = ["nsenter", f"--net=/run/netns/{settings.prefix}", sys.executable, "-c", script]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert said.stdout.startswith("HTTP/1.1 401"), said.stderr
    with pytest.raises((httpx.HTTPError, ssl.SSLError)):
        httpx.get(f"https://{SERVICE_ADDRESS}/", timeout=2, trust_env=False)


def test_a_taken_address_is_one_clear_message(environment: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    from localregion.host.http_server import listen

    sock = listen(environment.api_address, environment.port)
    try:
        assert cli.main(["--name", NAME, "up"]) == 1
    finally:
        sock.close()
    assert f"{environment.api_address}:{environment.port}" in capsys.readouterr().err
    assert left_over(environment) == {}
