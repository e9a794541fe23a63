"""The settings of a local region: its name, folders, addresses and the length of a cloud minute."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from localregion import ocids

REGION = ocids.REGION
REGION_KEY = "LCL"
OTHER_REGION = "local-2"
OTHER_REGION_KEY = "LC2"
REALM = ocids.REALM
REALM_DOMAIN = "okestack.test"
AVAILABILITY_DOMAIN = "Lcl1:LOCAL-1-AD-1"
FAULT_DOMAINS = ("FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3")
TENANCY_ID = ocids.fixed("tenancy", "okestack")
TENANCY_NAME = "okestack"
COMPARTMENT_ID = ocids.fixed("compartment", "okestack")
COMPARTMENT_NAME = "okestack"
OPERATOR_ID = ocids.fixed("user", "operator")
OPERATOR_NAME = "operator"
ADMINISTRATORS_ID = ocids.fixed("group", "administrators")
NAMESPACE = "okestacklocal"
INSTANCE_ID = ocids.fixed("instance", "machine", start=ocids.PLACED, region=REGION)
"""The machine that the region runs on, to its own metadata service."""
SERVICE_ADDRESS = "198.18.0.10"
"""Where the region's services answer over TLS inside the VCNs."""


def _state_dir(name: str) -> Path:
    if value := os.environ.get("OKESTACK_STATE"):
        return Path(value)
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "okestack" / name


def _cache_dir() -> Path:
    if value := os.environ.get("OKESTACK_CACHE"):
        return Path(value)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "okestack"


class BadSettings(ValueError):
    """Variables of the environment that no region can be made of; the text names each, with what it is to be."""


def _network(text: str) -> str:
    network = ipaddress.IPv4Network(text)
    if not network.subnet_of(ipaddress.IPv4Network("127.0.0.0/8")) or network.prefixlen > 16:
        raise ValueError
    return str(network)


def _port(text: str) -> int:
    if not 1 <= int(text) <= 65535 - PORTS:
        raise ValueError
    return int(text)


def _minute(text: str) -> float:
    if not (math.isfinite(float(text)) and float(text) >= 0):
        raise ValueError
    return float(text)


def _versions(text: str) -> tuple[str, ...]:
    found = text.replace(",", " ").split()
    if not found or not all(_VERSION.fullmatch(version) for version in found):
        raise ValueError
    return tuple(sorted(set(found), key=release))


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version of Kubernetes, such as v1.36.1, by which versions are put in order."""
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def _offered_versions() -> tuple[str, ...]:
    text = os.environ.get("OKESTACK_KUBERNETES_VERSIONS")
    return _versions(text) if text else ("v1.35.2", "v1.36.0", "v1.36.1")


_VERSION = re.compile(r"v[1-9]\d?\.\d{1,2}\.\d{1,2}")
PORTS = 60
"""How many ports from the API's on are the region's: the registry's follow fifty after it."""

_VARIABLES: dict[str, tuple[str, Callable[[str], object], str]] = {
    "OKESTACK_NETWORK": ("host_network", _network, "a network of loopback with its length, such as 127.77.0.0/16"),
    "OKESTACK_PORT": ("port", _port, f"a port from 1 to {65535 - PORTS}, such as 14000"),
    "OKESTACK_KUBERNETES_VERSIONS": (
        "kubernetes_versions",
        _versions,
        "versions of Kubernetes with commas between them, such as v1.35.2,v1.36.1",
    ),
    "OKESTACK_MINUTE": ("minute", _minute, "the seconds of a cloud's minute, 0 or more, such as 1.0"),
}
_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")


@dataclass(frozen=True)
class Settings:
    """Settings of one local region.

    ``minute`` is the length of a cloud minute in seconds: 1.0 as a rule, 0 in unit tests (nothing waits, nothing that
    ended is forgotten). ``pure`` leaves out fabric and parts: the API alone, for unit tests. ``strict_replies`` checks
    what the services answer against the SDK's models, so that a mistake of a service fails a test instead of a client.
    ``kubernetes_versions`` are what a region of the API alone offers, by default what OKE offered in August 2026; with
    real parts those are offered that the region can build (``localregion.host.programs``).
    """

    name: str = "local"
    state: Path = field(default_factory=lambda: _state_dir("local"))
    cache: Path = field(default_factory=_cache_dir)
    host_network: str = "127.77.0.0/16"
    port: int = 14000
    minute: float = 1.0
    pure: bool = False
    strict_replies: bool = False
    kubernetes_versions: tuple[str, ...] = field(default_factory=_offered_versions)

    @classmethod
    def from_environment(cls, name: str = "local", **overrides: object) -> Settings:
        """The settings of the region called `name`.

        OKESTACK_STATE, OKESTACK_CACHE, OKESTACK_NETWORK, OKESTACK_PORT, OKESTACK_MINUTE (seconds) and
        OKESTACK_KUBERNETES_VERSIONS apply. Raises BadSettings, which says all that is wrong.
        """
        values: dict[str, object] = {"name": name, "state": _state_dir(name)}
        wrong = []
        if not _NAME.fullmatch(name):
            wrong.append(
                f"the region's name (--name, OKESTACK_REGION) is {name!r}: 1 to 16 of a-z and 0-9, a letter first"
            )
        for variable, (field_name, read, wanted) in _VARIABLES.items():
            if text := os.environ.get(variable):
                try:
                    values[field_name] = read(text)
                except ValueError:
                    wrong.append(f"{variable} is {text!r}: it has to be {wanted}")
        if wrong:
            raise BadSettings("\n".join(wrong))
        values["pure"] = (Path(str(values["state"])) / "api-only").exists()
        return cls(**(values | overrides))  # type: ignore[arg-type]

    def host_address(self, offset: int) -> str:
        """The address of the host's loopback network at `offset` (1 is the API's)."""
        return str(ipaddress.ip_network(self.host_network)[offset])

    @property
    def api_address(self) -> str:
        """The host's address of the API."""
        return self.host_address(1)

    @property
    def other_api_address(self) -> str:
        """The host's address that plays the second region."""
        return self.host_address(2)

    @property
    def metadata_address(self) -> str:
        """The host's address of the instance metadata service, in place of 169.254.169.254."""
        return self.host_address(3)

    @property
    def metadata_url(self) -> str:
        """What OCI_METADATA_BASE_URL is to be where this machine is to play an instance of the region."""
        return f"http://{self.metadata_address}:{self.port}/opc/v2"

    @property
    def endpoint(self) -> str:
        """The API's URL on the host."""
        return f"http://{self.api_address}:{self.port}"

    @property
    def other_endpoint(self) -> str:
        """The second region's URL on the host."""
        return f"http://{self.other_api_address}:{self.port}"

    @property
    def realm_domain(self) -> str:
        """The realm's domain on this machine: a region of another name than `local` has one of its own beside it."""
        return REALM_DOMAIN if self.name == "local" else f"{self.name}.{REALM_DOMAIN}"

    @property
    def registry_address(self) -> str:
        """host:port of the registry on the host."""
        return f"{self.api_address}:{self.port + 50}"

    @property
    def prefix(self) -> str:
        """Prefix of all that the region makes in the kernel: network namespaces and the like."""
        return f"okestack-{self.name}"

    @property
    def operator_dir(self) -> Path:
        """Folder of the operator's own files: OCI config, key, registry token."""
        return self.state / "operator"

    @property
    def logs_dir(self) -> Path:
        """Folder of the region's logs."""
        return self.state / "logs"

    @property
    def control_socket(self) -> Path:
        """Socket of the admin API; in /run, since a socket's path may have 107 characters only. Another user's than
        root's is in that user's own such folder, or with the state."""
        if os.geteuid() == 0:
            return Path("/run") / f"{self.prefix}.sock"
        folder = os.environ.get("XDG_RUNTIME_DIR")
        return Path(folder) / f"{self.prefix}.sock" if folder else self.state / "control.sock"

    @property
    def bundle(self) -> Path:
        """The certificates that clients of the region trust: the machine's and the region's own."""
        return self.operator_dir / "ca-bundle.pem"

    @property
    def api_only_mark(self) -> Path:
        """The file by which a state without real parts (`up --api-only`) is recognized."""
        return self.state / "api-only"
