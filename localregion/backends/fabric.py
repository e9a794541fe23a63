"""The region's network: namespaces, bridges, addresses, and what joins them to the host.

One root namespace `okestack-<name>` holds a bridge for each subnet (its address: the gateway, the subnet's first) and
routes between them. Every VNIC is a namespace of its own, `okestack-<name>-<10 hex digits of its key>`, joined to its
subnet's bridge by a veth pair whose end inside is `eth0`; its MAC address is made from its IP address, so a
neighbour's cache stays right when an address is used again.

The root namespace also holds
* 203.0.113.1, from where public clients seem to come, on a bridge without ports that the default route leads to: so
  cluster addresses can be dialled from the root namespace (a packet needs a route before it is rewritten);
* 169.254.169.254, the VCN's resolver, and 198.18.0.10, the services' own address, on another.

Everything is in one routing table: two subnets whose CIDRs overlap are refused, also in different VCNs.
Packets are filtered by nftables in the root namespace, as the network's documents say (`packet_filter`): br_netfilter
brings one subnet's own traffic there, too. Node ports at pods' addresses are led on there (`node_ports`).

On the host nothing changes but files in /run/netns and sockets of the daemon; sysctls are set in the namespaces.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import ipaddress
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from localregion.backends.coredns import Resolver
from localregion.backends.mirrors import PORT, Mirror, compile_mirrors
from localregion.backends.node_ports import NodePort, compile_node_ports
from localregion.backends.packet_filter import Documents, compile_table, mac
from localregion.host import namespaces
from localregion.host.process import ProcessError, run
from localregion.host.relay import Relay, connect

__all__ = ["CLIENT_ADDRESS", "RESOLVER_ADDRESS", "SERVICE_ADDRESS", "Fabric", "FabricError"]

log = logging.getLogger(__name__)

CLIENT_ADDRESS = "203.0.113.1"
"""Source of connections that come through a public address."""
RESOLVER_ADDRESS = "169.254.169.254"
SERVICE_ADDRESS = "198.18.0.10"

_ROOT_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    # A pod that reaches a neighbour through a cluster address would get a redirect to it.
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    # for flow logs
    "net.netfilter.nf_conntrack_acct": "1",
    "net.netfilter.nf_conntrack_events": "1",
    # A thousand pods are more neighbours than the default of 1,024 allows.
    "net.ipv4.neigh.default.gc_thresh3": "16384",
    "net.ipv4.neigh.default.gc_thresh2": "8192",
    "net.ipv4.neigh.default.gc_thresh1": "4096",
}
_VNIC_SYSCTLS = {
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
    # As container runtimes do: a program that is not root may serve port 80.
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
}


_BRIDGE_PORTS = 1000
"""A Linux bridge has 1,024 ports; a subnet with more VNICs gets further bridges, each joined to its first."""


class FabricError(Exception):
    """The network could not be made as asked."""


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:10]


class Fabric:
    """The network of one region. One object for each daemon, used from its event loop.

    `folder`: `<state>/fabric`, for the resolver's files. `coredns`: gives the program's path, and may take as long as
    building it does; the resolver starts when it is there.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        coredns: Callable[[], Awaitable[Path]] | None = None,
        service_zones: tuple[str, ...] = ("local-1.okestack.test", "local-1.oci.okestack.test"),
    ) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", name):
            raise FabricError(f"a region's name is 1 to 16 of a-z and 0-9, beginning with a letter: {name}")
        self.name = name
        self.root = f"okestack-{name}"
        self.folder = folder
        self.resolver = Resolver(
            folder / "dns",
            netns=self.root,
            address=RESOLVER_ADDRESS,
            service_zones=service_zones,
            service=SERVICE_ADDRESS,
        )
        self._coredns = coredns
        self._resolver_task: asyncio.Task[None] | None = None
        self._pattern = re.compile(rf"okestack-{re.escape(name)}(-[0-9a-f]{{10}})?")
        self._lock = asyncio.Lock()
        self._subnets: dict[str, ipaddress.IPv4Network] = {}
        self._vnics: dict[str, tuple[str, str]] = {}
        self._ports: dict[str, set[str]] = {}
        """Bridge to the VNICs that are ports of it."""
        self._relays: dict[tuple[str, int], tuple[tuple[str, int], Relay]] = {}
        """Public address and port to the target and the relay."""
        self._filter = ""
        self._mirrors: set[str] = set()
        """The VXLAN links of VTAPs."""
        self.started = False

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Make the root namespace. What a killed daemon left of this region is removed first."""
        if self.started:
            return
        await asyncio.to_thread(self._destroy)
        await asyncio.to_thread(namespaces.create, self.root, _ROOT_SYSCTLS)
        await self._ip(
            "link add internet type bridge",
            f"addr add {CLIENT_ADDRESS}/24 dev internet",
            "link set internet up",
            "route add default via 203.0.113.254 dev internet",
            "link add services type bridge",
            f"addr add {RESOLVER_ADDRESS}/32 dev services",
            f"addr add {SERVICE_ADDRESS}/32 dev services",
            "link set services up",
        )
        self.started = True
        if self._coredns is not None:
            self._resolver_task = asyncio.create_task(self._start_resolver(self._coredns), name="resolver")

    async def _start_resolver(self, coredns: Callable[[], Awaitable[Path]]) -> None:
        while True:
            try:
                await self.resolver.start(await coredns())
                return
            except Exception:
                # Whoever needs the program says so too; names are all that is missing meanwhile.
                log.exception("the VCNs' resolver does not start")
                await self.resolver.stop()
                await asyncio.sleep(30)

    async def stop(self) -> None:
        """Remove everything; the daemon makes it again from its records when it starts."""
        if self._resolver_task is not None:
            self._resolver_task.cancel()
            await asyncio.gather(self._resolver_task, return_exceptions=True)
            self._resolver_task = None
        await self.resolver.stop()
        await asyncio.gather(*(relay.stop() for _, relay in self._relays.values()))
        self._relays.clear()
        await self.destroy()

    async def destroy(self) -> None:
        """Remove every namespace of the region and every process in one, found by name: also after a crash."""
        await asyncio.to_thread(self._destroy)
        self._subnets.clear()
        self._vnics.clear()
        self._ports.clear()
        self._mirrors.clear()
        self._filter = ""
        self.started = False

    def _destroy(self) -> None:
        names = namespaces.matching(self._pattern)
        namespaces.kill_processes(names)
        for name in names:
            namespaces.remove(name)
        with contextlib.suppress(OSError):  # it holds others' namespaces, or ip(8) has mounted it on itself
            namespaces.FOLDER.rmdir()

    async def _ip(self, *lines: str, netns: str | None = None, force: bool = False) -> None:
        """Commands of ip(8) in a namespace (default: the root), in one process."""
        command = ["ip", "-n", netns or self.root] + (["-force"] if force else []) + ["-batch", "-"]
        try:
            await run(command, stdin="\n".join(lines) + "\n", check=not force)
        except ProcessError as error:
            raise FabricError(str(error)) from error

    # -- subnets and VNICs ----------------------------------------------------------------------------------------

    @staticmethod
    def _bridge(subnet_id: str) -> str:
        return f"br{_short(subnet_id)}"

    def netns_of(self, vnic_key: str) -> str:
        """The name of a VNIC's namespace, whether it exists or not."""
        return f"{self.root}-{_short(vnic_key)}"

    async def _ensure_subnet(self, subnet_id: str, network: ipaddress.IPv4Network) -> None:
        """The subnet's bridge, with the gateway's address; of the subnet's new size where that has changed. Raises
        FabricError when the CIDR overlaps another's."""
        old = self._subnets.get(subnet_id)
        if old == network:
            return
        for other_id, other in self._subnets.items():
            if other_id != subnet_id and other.overlaps(network):
                raise FabricError(f"{network} of {subnet_id} overlaps {other} of {other_id}: one region has one table")
        bridge = self._bridge(subnet_id)
        gateway = network[1]
        if old is not None:  # what is there reaches what is new by the gateway, which stays
            await self._ip(
                f"addr add {gateway}/{network.prefixlen} dev {bridge}",
                f"addr del {gateway}/{old.prefixlen} dev {bridge}",
            )
            self._subnets[subnet_id] = network
            return
        await self._ip(
            f"link add {bridge} address {mac(str(gateway))} type bridge",
            f"addr add {gateway}/{network.prefixlen} dev {bridge}",
            f"link set {bridge} up",
        )
        self._subnets[subnet_id] = network

    async def remove_subnet(self, subnet_id: str) -> None:
        """Remove a subnet's bridge; nothing when it has none."""
        async with self._lock:
            if self._subnets.pop(subnet_id, None) is not None:
                bridges = [bridge for bridge in self._ports if bridge.endswith(_short(subnet_id))]
                for bridge in {self._bridge(subnet_id), *bridges}:
                    self._ports.pop(bridge, None)
                    await self._ip(f"link del {bridge}", force=True)

    async def _bridge_with_room(self, subnet_id: str) -> str:
        """The subnet's first bridge, or the first further one, that has a free port."""
        first = self._bridge(subnet_id)
        for number in range(1000):
            bridge = first if number == 0 else f"b{number}{_short(subnet_id)}"
            if bridge not in self._ports:
                self._ports[bridge] = set()
                if number:
                    # Hairpin only at VNICs: a frame must not come back from the other bridge.
                    near, far = f"n{bridge}", f"f{bridge}"
                    await self._ip(
                        f"link add {bridge} type bridge",
                        f"link set {bridge} up",
                        f"link add {near} type veth peer name {far}",
                        f"link set {near} master {first}",
                        f"link set {far} master {bridge}",
                        f"link set {near} up",
                        f"link set {far} up",
                    )
            if len(self._ports[bridge]) < _BRIDGE_PORTS:
                return bridge
        raise FabricError(f"{subnet_id} has no room for one more VNIC")

    async def attach(self, vnic_key: str, subnet_id: str, cidr: str, address: str) -> str:
        """A VNIC: its namespace's name, with `address` on eth0 and a default route. The same call again does nothing;
        another address under the same key is refused."""
        network = ipaddress.IPv4Network(cidr)
        if ipaddress.IPv4Address(address) not in network:
            raise FabricError(f"{address} is not in {cidr}")
        netns = self.netns_of(vnic_key)
        async with self._lock:
            if (known := self._vnics.get(vnic_key)) is not None:
                if known != (subnet_id, address):
                    raise FabricError(f"the VNIC {vnic_key} has {known[1]} already")
                return netns
            await self._ensure_subnet(subnet_id, network)
            await asyncio.to_thread(namespaces.create, netns, _VNIC_SYSCTLS)
            port = f"v{_short(vnic_key)}"
            bridge = await self._bridge_with_room(subnet_id)
            try:
                await self._ip(
                    f"link add {port} type veth peer name eth0 address {mac(address)} netns {netns}",
                    f"link set {port} master {bridge}",
                    f"link set {port} type bridge_slave hairpin on",
                    f"link set {port} up",
                )
                await self._ip(
                    f"addr add {address}/{network.prefixlen} dev eth0",
                    "link set eth0 up",
                    f"route add default via {network[1]}",
                    netns=netns,
                )
            except BaseException:
                await asyncio.to_thread(namespaces.remove, netns)
                raise
            self._vnics[vnic_key] = (subnet_id, address)
            self._ports[bridge].add(vnic_key)
        return netns

    async def detach(self, vnic_key: str) -> None:
        """Remove a VNIC with all processes in its namespace; nothing when there is none."""
        netns = self.netns_of(vnic_key)
        async with self._lock:
            self._vnics.pop(vnic_key, None)
            for ports in self._ports.values():
                ports.discard(vnic_key)
            if namespaces.exists(netns):
                # Taken away by name: a socket of the daemon may keep the namespace alive, and with it the address.
                await self._ip(f"link del v{_short(vnic_key)}", force=True)
                await asyncio.to_thread(namespaces.kill_processes, [netns])
            await asyncio.to_thread(namespaces.remove, netns)

    async def add_address(self, subnet_id: str, cidr: str, address: str) -> None:
        """An address of a subnet that the root namespace holds itself (a virtual node's)."""
        async with self._lock:
            await self._ensure_subnet(subnet_id, ipaddress.IPv4Network(cidr))
            await self._ip(f"addr replace {address}/32 dev {self._bridge(subnet_id)}")

    async def remove_address(self, subnet_id: str, address: str) -> None:
        """Take such an address away; nothing when it is not there."""
        async with self._lock:
            if subnet_id in self._subnets:
                await self._ip(f"addr del {address}/32 dev {self._bridge(subnet_id)}", force=True)

    async def filter(self, documents: Documents) -> None:
        """Filter packets as the network's documents say, from now on: the whole table is replaced at once. Raises
        FabricError; what was in force stays."""
        ports = {f"v{_short(key)}": address for key, (_subnet, address) in self._vnics.items()}
        table = await asyncio.to_thread(compile_table, replace(documents, ports=ports))
        async with self._lock:
            if table == self._filter:
                return
            await self._nft(table)
            self._filter = table

    async def mirror(self, mirrors: Collection[Mirror]) -> None:
        """Copy what these VTAPs are for, nothing else. Raises FabricError; what was copied may stop."""
        wanted = {mirror.link: mirror for mirror in mirrors}
        async with self._lock:
            if not wanted and not self._mirrors:
                return
            ports = {key: f"v{_short(key)}" for key in self._vnics}
            await self._nft(compile_mirrors((), ports))
            for gone in self._mirrors - wanted.keys():
                await self._ip(f"link del {gone}", force=True)
            self._mirrors &= wanted.keys()
            for link in wanted.keys() - self._mirrors:
                one = wanted[link]
                await self._ip(
                    f"link add {link} type vxlan id {one.identifier} remote {one.target} local {one.gateway}"
                    f" dstport {PORT} nolearning",
                    f"link set {link} up",
                )
                self._mirrors.add(link)
            await self._nft(compile_mirrors(mirrors, ports))

    async def lead_node_ports(self, ports: Collection[NodePort]) -> None:
        """Lead node ports at pods' addresses to where they say, these and no others. Connections that stand go on."""
        if self.started:
            await self._nft(compile_node_ports(ports))

    async def _nft(self, table: str) -> None:
        """Put a table of nft(8) in the place of the one of its name, at once or not at all."""
        try:
            await run(["nft", "-f", "-"], netns=self.root, stdin=table)
        except ProcessError as error:
            raise FabricError(str(error)) from error

    # -- host and region ------------------------------------------------------------------------------------------

    async def expose(self, public_ip: str, port: int, address: str, target_port: int) -> None:
        """Relay TCP from `public_ip:port` on the host to `address:target_port` in the region, where the client seems
        to be 203.0.113.1. The same call again does nothing, another target replaces the old one. Raises FabricError
        when the port is taken on the host."""
        target = (address, target_port)
        known = self._relays.get((public_ip, port))
        if known is not None:
            if known[0] == target:
                return
            await known[1].stop()
        relay = Relay((public_ip, port), functools.partial(connect, self.root, target, CLIENT_ADDRESS))
        try:
            await relay.start()
        except OSError as error:
            raise FabricError(f"{public_ip}:{port} cannot be listened at: {error.strerror or error}") from error
        self._relays[public_ip, port] = (target, relay)

    async def unexpose(self, public_ip: str, port: int | None = None) -> None:
        """End the relays of an address, or of one of its ports."""
        for key in [key for key in self._relays if key[0] == public_ip and port in (None, key[1])]:
            await self._relays.pop(key)[1].stop()

    def socket_in(
        self, netns: str, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, *, blocking: bool = False
    ) -> socket.socket:
        """A socket of a namespace, non-blocking unless said; other processes: `localregion.host.namespaces`."""
        return namespaces.socket_in(netns, family, kind, blocking=blocking)

    async def serve_in(self, netns: str, address: str, port: int) -> socket.socket:
        """A listening socket at an address of a namespace, for uvicorn or asyncio servers in the daemon."""
        try:
            return namespaces.listen_in(netns, address, port)
        except OSError as error:
            raise FabricError(f"{address}:{port} in {netns}: {error.strerror or error}") from error

    async def open_connection(
        self, address: str, port: int, *, netns: str | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TCP connection from a namespace (default: the root) to an address of the region."""
        return await connect(netns or self.root, (address, port))

    def set_hosts(self, names: Mapping[str, str]) -> None:
        """All names the VCNs' resolver knows, with their addresses; takes hold within a second."""
        self.resolver.set_hosts(names)
