# SPDX-License-Identifier: GPL-3.0-or-later
"""The region by HTTPS under its services' own names, on port 443 of its addresses, and what makes them resolve.

A machine may have something else at that port, and only root can take it or write the hosts file: then the region does
without, `problem` says why, and its plain address serves every client that can be given one.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
from collections.abc import Sequence

from localregion import settings as names
from localregion.core import endpoints
from localregion.host import prerequisites
from localregion.host.hosts_file import HostsFile
from localregion.host.http_server import listen
from localregion.host.pki import Authority, Leaf
from localregion.settings import Settings

log = logging.getLogger(__name__)

PORT = 443


class Front:
    """Names, certificate and sockets of a region."""

    def __init__(self, settings: Settings, hosts: HostsFile | None = None) -> None:
        self.settings = settings
        self.problem = ""
        """Why the region is not served by names; empty while it is."""
        self._hosts = hosts or HostsFile(settings.name)
        self._told: dict[str, Sequence[str]] = {}

    @property
    def authority(self) -> Authority:
        """The region's own certificate authority."""
        return Authority.load_or_create(self.settings.state, f"okestack {self.settings.name} region")

    def leaf(self) -> Leaf:
        """The certificate of all services, for callers on this machine and in the VCNs."""
        domains = dict.fromkeys((names.REALM_DOMAIN, self.settings.realm_domain))
        wanted = [name for domain in domains for name in endpoints.certificate_names(domain)]
        addresses = [names.SERVICE_ADDRESS, self.settings.api_address, self.settings.other_api_address]
        return self.authority.issue(
            self.settings.state / "tls", "services", common_name="services", names=[*wanted, *addresses]
        )

    def listen(self) -> list[socket.socket]:
        """Sockets at port 443 of both regions' addresses, and names that lead to them; none, with `problem` set, where
        this machine does not let us."""
        sockets: list[socket.socket] = []
        address = self.settings.api_address
        try:
            for address in (self.settings.api_address, self.settings.other_api_address):
                sockets.append(listen(address, PORT))
        except OSError as error:
            self._give_up(sockets, _refusal(address, error))
            return []
        try:
            self._write()
        except OSError as error:
            why = "only root may write it" if error.errno in (errno.EACCES, errno.EPERM) else error.strerror
            self._give_up(sockets, f"no names in {self._hosts.path}: {why}")
            return []
        return sockets

    def _give_up(self, sockets: list[socket.socket], problem: str) -> None:
        for sock in sockets:
            sock.close()
        self.problem = problem
        log.warning("no HTTPS under the services' names: %s", problem)

    def announce(self, owner: str, hosts: Sequence[str]) -> None:
        """Let further names of the first region resolve, in place of those that `owner` had before."""
        self._told[owner] = tuple(hosts)
        if not self.problem:
            try:
                self._write()
            except OSError:
                log.exception("%s", self._hosts.path)

    def _write(self) -> None:
        domain = self.settings.realm_domain
        found = dict.fromkeys(endpoints.service_hosts(domain, names.OTHER_REGION), self.settings.other_api_address)
        found |= dict.fromkeys(endpoints.service_hosts(domain, names.REGION), self.settings.api_address)
        for hosts in self._told.values():
            found |= dict.fromkeys(hosts, self.settings.api_address)
        self._hosts.write(found)

    def close(self) -> None:
        """Take the names away."""
        clean_up(self.settings, self._hosts)


def clean_up(settings: Settings, hosts: HostsFile | None = None) -> None:
    """Take away the names that a region may have left; where another user's is all that could be there, nothing."""
    with contextlib.suppress(PermissionError):
        (hosts or HostsFile(settings.name)).clear()


def _refusal(address: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        holder = prerequisites.listener(address, PORT)
        return f"{address}:{PORT} is taken{f' by {holder}' if holder else ''}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"only root may listen at {address}:{PORT}"
    return f"{address}:{PORT}: {error.strerror}"
