"""The VCN's resolver: CoreDNS at 169.254.169.254 in the region's root namespace.

It answers VCN host names (`<host>.<subnet label>.<vcn label>.oraclevcn.com`) from a hosts file, every name in the
services' zones with the services' address, and NXDOMAIN for all else: the region has no way to the internet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from localregion.host.process import Process, ProcessError, run

__all__ = ["Resolver"]

_NOWHERE = 5301


class Resolver:
    """CoreDNS with a hosts file that it reads again when it changes."""

    def __init__(
        self, folder: Path, *, netns: str, address: str, service_zones: Iterable[str], service: str, port: int = 53
    ) -> None:
        self.folder = folder
        self.netns = netns
        self.address = address
        self.port = port
        self.service_zones = tuple(service_zones)
        self.service = service
        self.hosts = folder / "hosts"
        self._process: Process | None = None

    def corefile(self) -> str:
        """CoreDNS' configuration."""
        listen = f"bind {self.address}\n    errors"
        service = ""
        for zone in self.service_zones:
            service += f"""{zone}:{self.port} {{
    {listen}
    template IN A {{
        answer "{{{{ .Name }}}} 60 IN A {self.service}"
    }}
    template ANY ANY {{
        rcode NOERROR
    }}
}}
"""
        # The hosts plugin answers SERVFAIL to what it does not know, and a template in the same block would come before
        # it: the NXDOMAIN is a block of its own on the loopback address.
        return f"""{service}.:{self.port} {{
    {listen}
    hosts {self.hosts} {{
        ttl 5
        reload 1s
        fallthrough
    }}
    forward . 127.0.0.1:{_NOWHERE} {{
        max_fails 0
    }}
}}
.:{_NOWHERE} {{
    bind 127.0.0.1
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""

    def set_hosts(self, names: Mapping[str, str]) -> None:
        """Replace all names (fully qualified, no final dot) by these."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{address}\t{name}\n" for name, address in sorted(names.items()))
        new = self.hosts.with_suffix(".new")
        new.write_text(text)
        new.replace(self.hosts)

    async def start(self, coredns: Path) -> None:
        """Start CoreDNS; ready when it answers its port. Raises ProcessError when it does not."""
        if self._process is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.hosts.exists():
            self.set_hosts({})
        config = self.folder / "Corefile"
        config.write_text(self.corefile())
        process = Process(
            "coredns",
            [str(coredns), "-conf", str(config), "-quiet"],
            log=self.folder / "coredns.log",
            netns=self.netns,
            # Small: it shares two processors with everything else.
            env={"GOMAXPROCS": "1"},
        )
        self._process = process
        await process.start()
        await process.wait_ready(self._listens)

    async def _listens(self) -> bool:
        with contextlib.suppress(ProcessError):
            said = await run(["ss", "-H", "-l", "-n", "-u", "src", f"{self.address}:{self.port}"], netns=self.netns)
            return bool(said.stdout.strip())
        return False

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()
            self._process = None
