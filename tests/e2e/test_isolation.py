"""Who reaches what of a site that stands: a pod that wants out, other users of the machine, other machines."""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import oci
import pytest

from localregion.backends.fabric import CLIENT_ADDRESS, RESOLVER_ADDRESS, SERVICE_ADDRESS
from localregion.host import cleanup, namespaces
from tests.e2e.site import Region, Site, eventually, processes

T = TypeVar("T")
NOBODY = 65534
# Dials all places at once, looks for files, prints what was there.
INTRUDER = """
import concurrent.futures, os, socket
def tried(place):
    address, _, port = place.rpartition(":")
    try:
        socket.create_connection((address, int(port)), 5).close()
    except OSError:
        return ""
    return place
with concurrent.futures.ThreadPoolExecutor(400) as pool:
    for place in filter(None, pool.map(tried, os.environ["PLACES"].split())):
        print("OPEN", place)
for path in os.environ["FILES"].split():
    if os.path.exists(path):
        print("FILE", path)
print("END")
"""


class Machine:
    """What a region has on this machine."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.prefix = f"okestack-{region.name}"
        """How everything begins that the region makes outside of its state."""
        self.namespaces = namespaces.matching(re.compile(rf"{self.prefix}(-[0-9a-f]{{10}})?"))
        self.pids = {*namespaces.processes(self.namespaces), *cleanup.cgroup_processes(f"/{self.prefix}")}
        marks = (str(region.state).encode(), f"--name\0{region.name}\0".encode(), self.prefix.encode())
        for pid, command, environment in processes():
            if any(mark in command + environment for mark in marks):
                self.pids.add(int(pid))
        self.owners = {inode: pid for pid in self.pids for inode in _sockets(pid)}
        """Inode of a socket to a process that has it."""

    def command(self, pid: int) -> str:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""

    def listeners(self) -> Iterator[tuple[str, int]]:
        """Where the region's processes take TCP connections or any datagrams in the host's network."""
        for name, state in (
            ("tcp", "0A"),
            ("tcp6", "0A"),
            ("udp", "07"),
            ("udp6", "07"),
            ("raw", "07"),
            ("raw6", "07"),
        ):
            for line in Path("/proc/self/net", name).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == state and fields[9] in self.owners:
                    address, port = fields[1].split(":")
                    packed = b"".join(bytes.fromhex(address[n : n + 8])[::-1] for n in range(0, len(address), 8))
                    yield str(ipaddress.ip_address(packed)), int(port, 16)

    def sockets(self) -> Iterator[tuple[str, int]]:
        """The names of unix sockets at which the region's processes listen or take datagrams, and whose they are. Those
        that the kernel named are the near ends of connections."""
        for line in Path("/proc/self/net/unix").read_text().splitlines()[1:]:
            _number, _count, _protocol, flags, kind, _state, inode, *name = line.split(maxsplit=7)
            if inode not in self.owners or not name:
                continue
            if int(flags, 16) & 0x10000 or (kind == "0002" and not re.fullmatch("@[0-9a-f]{5}", name[0])):
                yield name[0], self.owners[inode]


def _sockets(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):  # it has ended
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if (target := str(entry.readlink())).startswith("socket:["):
                    yield target[8:-1]


def as_nobody(work: Callable[[], T]) -> T:
    """What comes of work with files where it has the rights of a user nobody, in a thread of its own."""

    def body() -> T:
        libc = ctypes.CDLL(None)
        libc.setfsgid(NOBODY)
        libc.setfsuid(NOBODY)
        return work()

    return namespaces.in_thread(body)


@pytest.fixture
def machine(site: Site, region: Region) -> Machine:
    return Machine(region)


def test_nothing_listens_beyond_loopback_and_the_regions_namespaces(machine: Machine, site: Site) -> None:
    region = machine.region
    found = sorted(set(machine.listeners()))
    assert {(region.address, 14000), (region.address, 14050), (site.url.split("/")[2], 443)} <= set(found), found
    own = ipaddress.ip_network(region.env["OKESTACK_NETWORK"])
    assert [place for place in found if ipaddress.ip_address(place[0]) not in own] == []
    known = {Path("/proc/self/ns/net").stat().st_ino}
    known |= {(namespaces.FOLDER / name).stat().st_ino for name in machine.namespaces}
    elsewhere = []
    for pid in machine.pids:
        with contextlib.suppress(OSError):  # it has ended
            if Path(f"/proc/{pid}/ns/net").stat().st_ino not in known:
                elsewhere.append(machine.command(pid)[:200])
    assert elsewhere == [], "in a network without a name"


def test_sockets_tokens_and_state_are_roots_alone(machine: Machine) -> None:
    state = machine.region.state
    tops = [state, *Path("/run").glob(f"{machine.prefix}*")]
    assert len(tops) >= 3, tops
    for top in tops:
        at = top.stat()
        assert (at.st_uid, at.st_gid, at.st_mode & 0o077) == (0, 0, 0), top
    for name, pid in machine.sockets():
        below = any(name == str(top) or name.startswith(f"{top}/") for top in tops)
        # A container's monitor names its socket by a file handle; it is beside the container in the state.
        monitor = name.startswith("/proc/self/fd/") and str(state) in machine.command(pid)
        assert below or monitor, f"{name} of {machine.command(pid)[:200]}"
    for path in (path for top in tops for path in top.rglob("*")):
        if {"storage", "volumes"} & set(path.parts) or path.is_symlink() or not path.exists():
            continue  # of images and pods, whose users are theirs
        at = path.stat()
        assert at.st_uid == 0, path
        closed = at.st_mode & 0o077 == 0
        holds = path.is_file() and at.st_size < 2**20 and b"PRIVATE KEY" in path.read_bytes()
        secret = holds or path.parent == state / "operator" or path.name.startswith("region.sqlite")
        assert closed or not secret, path


def test_another_user_opens_none_of_the_sockets(machine: Machine) -> None:
    assert as_nobody(lambda: Path("/etc/passwd").read_text())
    for path in (Path(f"/run/{machine.prefix}.sock"), Path(f"/run/{machine.prefix}/podman.sock")):
        assert path.is_socket(), path
        with socket.socket(socket.AF_UNIX) as one, pytest.raises(PermissionError):
            as_nobody(partial(one.connect, str(path)))
    with socket.socket(socket.AF_UNIX) as one, pytest.raises(ConnectionRefusedError):
        one.connect(f"\0/run/{machine.prefix}.sock")  # the mark that keeps the name


def places(site: Site, everywhere: int) -> tuple[list[str], set[str]]:
    """What a pod tries to reach, and what of it the site's rules open to it."""
    region = site.region
    network = region.client(oci.core.VirtualNetworkClient)
    groups = network.list_network_security_groups(compartment_id=region.compartment_id).data
    vnics: dict[str, list[str]] = {}
    for group in groups:
        rows = network.list_network_security_group_vnics(group.id).data
        vnics[group.display_name] = [network.get_vnic(row.vnic_id).data.private_ip for row in rows]
    nodes = [node.status.addresses[0].address for node in site.core().list_node().items]
    subnets = network.list_subnets(region.compartment_id).data
    gateways = [str(ipaddress.ip_network(subnet.cidr_block)[1]) for subnet in subnets]
    said = subprocess.run(["ip", "-4", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    host = [line.split()[3].partition("/")[0] for line in said.splitlines()]
    region_own = [region.address, region.other_address, region.address[:-1] + "3", site.url.split("/")[2]]
    (api,), (mysql,), (balancer,) = vnics["api"], vnics["mysql"], vnics["lb"]
    addresses = {RESOLVER_ADDRESS, SERVICE_ADDRESS, CLIENT_ADDRESS, api, mysql, balancer}
    addresses |= {*nodes, *gateways, *host, *region_own}
    ports = {22, 53, 80, 443, 2379, 2380, 3306, 5301, 6443, 8080, 10249, 10250, 10256, 10257, 10259, 12250, 12251}
    ports |= {14000, 14050, 33060, everywhere}
    opened = {f"{RESOLVER_ADDRESS}:53", f"{SERVICE_ADDRESS}:443", f"{api}:6443", f"{api}:12250"}
    opened |= {f"{mysql}:3306", f"{mysql}:33060", *(f"{node}:{port}" for node in nodes for port in (10250, 10256))}
    return [f"{address}:{port}" for address in sorted(addresses) for port in sorted(ports)], opened


def test_a_pod_reaches_no_metadata_and_nothing_of_the_host(machine: Machine, site: Site) -> None:
    """With all capabilities that it can have, as root, in the site's own groups."""
    region, core = site.region, site.core()
    like = site.pods("crud", "crud")[0].spec
    files = [str(region.state), "/run/netns", f"/run/{machine.prefix}", f"/run/{machine.prefix}.sock", "/dev/kmsg"]
    with socket.create_server(("0.0.0.0", 0)) as everywhere:
        tried, opened = places(site, everywhere.getsockname()[1])
        container: dict[str, Any] = {
            "name": "main", "image": like.containers[0].image, "command": ["python3", "-c", INTRUDER],
            "env": [{"name": "PLACES", "value": " ".join(tried)}, {"name": "FILES", "value": " ".join(files)}],
            "securityContext": {"runAsUser": 0, "capabilities": {"add": ["ALL"]}},
        }  # fmt: skip
        spec = {
            "containers": [container], "restartPolicy": "Never",
            "imagePullSecrets": [{"name": each.name} for each in like.image_pull_secrets],
        }  # fmt: skip
        core.create_namespaced_pod("crud", {"metadata": {"name": "intruder"}, "spec": spec})
        try:
            phase = lambda: core.read_namespaced_pod("intruder", "crud").status.phase  # noqa: E731
            assert eventually(lambda: phase() in ("Succeeded", "Failed") and phase(), "it ends", 300) == "Succeeded"
            said = core.read_namespaced_pod_log("intruder", "crud", _preload_content=False).data.decode()
        finally:
            core.delete_namespaced_pod("intruder", "crud", grace_period_seconds=0)
    assert set(said.splitlines()) == {"END", *(f"OPEN {place}" for place in opened)}
