"""`localregion up` and `down` as a person types them; of a region, also of one that was killed, nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import oci
import pymysql
import pytest

from localregion import settings as names
from localregion.host import namespaces
from localregion.host.containers import ContainerSpec
from localregion.host.podman import Podman

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="a region needs root")]

NAME, NETWORK, API = "tupdown", "127.93.0.0/16", "127.93.0.1"
ROOT = Path(__file__).parents[3]
PASSWORD = "Up-And-Down-Passw0rd"


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def host() -> dict[str, Any]:
    """What of the host a region could change or leave, with other regions' traces left out."""
    found: dict[str, Any] = {
        "links": said("ip", "-o", "link"),
        "addresses": said("ip", "-o", "addr"),
        "routes": said("ip", "route", "show", "table", "all"),
        "iptables": [line for line in said("iptables-save").splitlines() if not line.startswith("#")],
        "nft": said("nft", "list", "ruleset"),
        "namespaces": [line for line in said("ip", "netns").splitlines() if NAME in line],
        "mounts": [line for line in Path("/proc/self/mounts").read_text().splitlines() if NAME in line],
        "listeners": [line for line in said("ss", "-H", "-l", "-n", "-t", "-u").splitlines() if "127.93." in line],
        "cgroups": [str(path) for path in Path("/sys/fs/cgroup").glob("**/*") if NAME in path.name],
        "run": [str(path) for path in Path("/run").glob("*") if NAME in path.name],
    }
    found["processes"] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                text = (entry / "cmdline").read_bytes() + b" " + (entry / "environ").read_bytes()
                if f"okestack-{NAME}".encode() in text or f"--name\0{NAME}\0".encode() in text:
                    found["processes"].append(f"{entry.name} {text[:200]!r}")
    for path in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables", "net/ipv4/conf/all/rp_filter",
                 "net/ipv4/ip_unprivileged_port_start", "net/ipv6/conf/all/disable_ipv6"):  # fmt: skip
        with contextlib.suppress(OSError):
            found[path] = (Path("/proc/sys") / path).read_text()
    return found


class Cli:
    """The command line on a region of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.environment = os.environ | {
            "OKESTACK_STATE": str(state), "OKESTACK_NETWORK": NETWORK, "OKESTACK_MINUTE": "0.02",
        }  # fmt: skip

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "localregion", "--name", NAME, *arguments],
            capture_output=True, text=True, cwd=ROOT, env=self.environment, timeout=180,
        )  # fmt: skip

    def ok(self, *arguments: str) -> str:
        done = self(*arguments)
        log = self.state / "logs" / "daemon.log"
        assert done.returncode == 0, done.stderr + (log.read_text()[-3000:] if log.exists() else "")
        return done.stdout

    def client(self, kind: Any) -> Any:
        config = oci.config.from_file(str(self.state / "operator" / "config"))
        return kind(config, service_endpoint=f"http://{API}:14000", retry_strategy=oci.retry.NoneRetryStrategy())

    @property
    def pid(self) -> int:
        return int((self.state / "daemon.lock").read_text())


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    made = Cli(tmp_path / NAME)
    try:
        yield made
    finally:
        made("down")


def until(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.1)
    return answer


def furnish(cli: Cli) -> Any:
    """A DB system, a public load balancer and a container; the DB system."""
    core = oci.core.models
    network = cli.client(oci.core.VirtualNetworkClient)
    compartment = names.COMPARTMENT_ID
    vcn = network.create_vcn(
        core.CreateVcnDetails(compartment_id=compartment, cidr_blocks=["10.77.0.0/16"], display_name="v", dns_label="v")
    ).data
    until(lambda: network.get_vcn(vcn.id).data.lifecycle_state == "AVAILABLE")
    subnets = [
        network.create_subnet(
            core.CreateSubnetDetails(
                compartment_id=compartment, vcn_id=vcn.id, cidr_block=f"10.77.{number}.0/24", dns_label=f"s{number}"
            )
        ).data
        for number in (1, 2)
    ]

    def available(subnet_id: str) -> bool:
        return bool(network.get_subnet(subnet_id).data.lifecycle_state == "AVAILABLE")

    for subnet in subnets:
        until(partial(available, subnet.id))
    mysql, models = cli.client(oci.mysql.DbSystemClient), oci.mysql.models
    system = mysql.create_db_system(
        models.CreateDbSystemDetails(
            compartment_id=compartment, shape_name="MySQL.2", subnet_id=subnets[0].id, admin_username="manager",
            admin_password=PASSWORD, data_storage_size_in_gbs=50,
        )
    ).data  # fmt: skip
    balancers, shapes = cli.client(oci.load_balancer.LoadBalancerClient), oci.load_balancer.models
    balancers.create_load_balancer(
        shapes.CreateLoadBalancerDetails(
            compartment_id=compartment, display_name="lb", shape_name="flexible", subnet_ids=[subnets[1].id],
            shape_details=shapes.ShapeDetails(minimum_bandwidth_in_mbps=10, maximum_bandwidth_in_mbps=10),
            backend_sets={
                "web": shapes.BackendSetDetails(
                    policy="ROUND_ROBIN", health_checker=shapes.HealthCheckerDetails(protocol="TCP", port=80)
                )
            },
            listeners={"web": shapes.ListenerDetails(default_backend_set_name="web", port=80, protocol="HTTP")},
        )
    )  # fmt: skip
    found = until(lambda: balancers.list_load_balancers(compartment).data)[0]
    until(lambda: balancers.get_load_balancer(found.id).data.lifecycle_state == "ACTIVE")
    until(lambda: mysql.get_db_system(system.id).data.lifecycle_state == "ACTIVE")
    return mysql.get_db_system(system.id).data


def sql(cli: Cli, address: str, text: str) -> str:
    """The rows of the last of some statements. Raises what pymysql raises."""
    context = ssl.create_default_context(cafile=str(cli.state / "ca.pem"))

    def ask() -> str:
        login: dict[str, Any] = {"user": "manager", "password": PASSWORD, "host": address, "ssl": context}
        with pymysql.connect(**login, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.cursor()
            for statement in filter(str.strip, text.split(";")):
                cursor.execute(statement)
            return "\n".join("\t".join(map(str, row)) for row in cursor.fetchall())

    return namespaces.inside(f"okestack-{NAME}", ask)


async def start_container(cli: Cli, tar: Path) -> None:
    podman = Podman.open(cli.state / "containers")
    await podman.import_tar(tar, "localhost/tiny:1")
    spec = ContainerSpec(name="c", image="localhost/tiny:1", netns=f"okestack-{NAME}", command=["sleep", "1000"])
    await podman.start(await podman.create(spec))
    await podman.close()


def test_nothing_is_left_and_the_data_are_kept(cli: Cli, tiny_rootfs: Path) -> None:
    before = host()
    assert "is up" in cli.ok("up")
    system = furnish(cli)
    assert sql(cli, system.ip_address, "CREATE DATABASE d; CREATE TABLE d.t (v INT); INSERT INTO d.t VALUES (7);") == ""
    asyncio.run(start_container(cli, tiny_rootfs))
    running = host()
    assert len(running["namespaces"]) >= 3 and running["mounts"] and running["cgroups"] and running["processes"]
    for same in ("links", "addresses", "routes", "iptables", "nft", "net/ipv4/ip_forward"):
        assert running[same] == before[same], same

    # An orderly end.
    assert "is down" in cli.ok("down")
    assert host() == before
    assert "was not running" in cli.ok("down")

    # Up again with its data; then the daemon is killed, and `down` removes what is left.
    cli.ok("up")
    mysql = cli.client(oci.mysql.DbSystemClient)
    assert mysql.get_db_system(system.id).data.lifecycle_state == "ACTIVE"

    def kept() -> bool:
        try:
            return sql(cli, system.ip_address, "SELECT v FROM d.t") == "7"
        except Exception:
            return False

    until(kept)
    asyncio.run(start_container(cli, tiny_rootfs))
    daemon = cli.pid
    os.kill(daemon, signal.SIGKILL)
    left = host()
    assert left["namespaces"] and left["mounts"]
    cli.ok("down")
    assert host() == before

    # Killed, and started again at once: the same region, nothing doubled.
    cli.ok("up")
    until(kept)
    os.kill(cli.pid, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{daemon}").exists())
    cli.ok("up")
    until(kept)
    servers = [number for number in namespaces.processes(_all()) if _program(number) == "mysqld"]
    assert len(servers) == 1
    cli.ok("down")
    assert host() == before


def _all() -> list[str]:
    return [line.split()[0] for line in said("ip", "netns").splitlines() if NAME in line]


def _program(number: int) -> str:
    """The program that a process runs, also one that its own loader has started."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{number}/cmdline").read_bytes().decode().split("\0")
        return next((Path(word).name for word in words if word.endswith("/mysqld")), "")
    return ""


def test_a_taken_address_is_told_before_anything_starts(cli: Cli) -> None:
    import socket

    before = host()
    with socket.create_server((API, 14050)):
        taken = cli("up")
        assert taken.returncode == 1
        assert f"{API}:14050 is taken" in taken.stderr and str(os.getpid()) in taken.stderr
        assert "Traceback" not in taken.stderr
        assert not (cli.state / "daemon.lock").exists() and host()["processes"] == before["processes"]
    assert host() == before
