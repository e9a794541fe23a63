# SPDX-License-Identifier: GPL-3.0-or-later
"""The host names of the region's services, from the endpoint templates of the SDK's own clients.

Every SDK makes a service's URL of the client's template (`https://iaas.{region}.oci.{secondLevelDomain}`), the region
and its realm's domain, which a person gives it in `OCI_REGION_METADATA`. A vault has two host names of its own.
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from localregion import settings as names

REGIONS = (names.REGION, names.OTHER_REGION)

OTHERS = ("https://auth.{region}.{secondLevelDomain}", "https://auth.{region}.oci.{secondLevelDomain}")
"""Templates that no client has: of the service that gives instances their tokens."""

_TEMPLATE = re.compile(r"'service_endpoint_template': [\"'](.+?)[\"']")
_BASE_PATH = re.compile(r"'base_path': [\"'](.*?)[\"']")
_DUAL_STACK = re.compile(r"\{dualStack\?([^:}]*):([^}]*)\}")
_HEAD = 16 * 1024
"""A client's template is within its first 10,000 characters."""

_VAULT = re.compile(r"[a-z0-9]+-(management|crypto)\.kms\.")


@dataclass(frozen=True)
class Service:
    """A client of the SDK: its package, its endpoint's template and what all its paths begin with."""

    package: str
    template: str
    base_path: str

    def hosts(self, region: str, domain: str) -> list[str]:
        """Its host names in a region, without and with dual stack; none where the template leads out of the realm."""
        found = []
        for choice in (r"\2", r"\1"):
            text = _DUAL_STACK.sub(choice, self.template)
            host = text.replace("{region}", region).replace("{secondLevelDomain}", domain).partition("://")[2].lower()
            if "{" not in host and host.endswith(f".{domain}") and host not in found:
                found.append(host)
        return found


@cache
def services() -> tuple[Service, ...]:
    """All clients of the installed SDK, read from their source (30 ms)."""
    spec = importlib.util.find_spec("oci")
    if spec is None or spec.origin is None:
        raise RuntimeError("the Python package `oci` is not installed")
    found = [Service("auth", template, "/v1") for template in OTHERS]
    for path in sorted(Path(spec.origin).parent.glob("*/*_client.py")):
        if path.name.startswith("async_"):
            continue
        with path.open() as file:
            head = file.read(_HEAD)
        template, base_path = _TEMPLATE.search(head), _BASE_PATH.search(head)
        if template:
            found.append(Service(path.parent.name, template[1], base_path[1] if base_path else ""))
    return tuple(found)


@cache
def _packages(domain: str) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for service in services():
        for region in REGIONS:
            for host in service.hosts(region, domain):
                found.setdefault(host, set()).add(service.package)
    return {host: frozenset(packages) for host, packages in found.items()}


def service_hosts(domain: str, region: str) -> list[str]:
    """The host names of all services in a region of the realm with a domain, sorted."""
    return sorted({host for service in services() for host in service.hosts(region, domain)})


def packages_at(host: str, *domains: str) -> frozenset[str]:
    """The SDK's packages whose clients call a host name (a port may follow); none for an address, or a name that no
    client makes. `domains`: of the realm."""
    name = host.partition(":")[0].lower()
    for domain in domains:
        if found := _packages(domain).get(name):
            return found
        if _VAULT.match(name) and name.endswith(f".{domain}"):
            return frozenset({"key_management"})
    return frozenset()


def zones(domain: str) -> list[str]:
    """The DNS zones that hold the host names of both regions' services (`local-1.oci.okestack.test`)."""
    hosts = [(region, host) for region in REGIONS for host in service_hosts(domain, region)]
    return sorted({region + host.partition(f".{region}")[2] for region, host in hosts})


def certificate_names(domain: str) -> list[str]:
    """The names of a certificate that holds for all services and vaults: a wildcard covers one label."""
    above = {host.partition(".")[2] for region in REGIONS for host in service_hosts(domain, region)}
    above |= {host.partition(".")[2] for region in REGIONS for host in vault_hosts("-", domain, region).values()}
    return sorted(f"*.{parent}" for parent in above)


def vault_hosts(prefix: str, domain: str, region: str = names.REGION) -> dict[str, str]:
    """The host names that a vault has of its own, by what they are for: `management` and `crypto`."""
    return {use: f"{prefix}-{use}.kms.{region}.{domain}" for use in ("management", "crypto")}


def region_metadata(domain: str) -> str:
    """What OCI_REGION_METADATA is to be, so that an SDK knows the region."""
    return json.dumps(
        {
            "realmKey": names.REALM,
            "realmDomainComponent": domain,
            "regionKey": names.REGION_KEY,
            "regionIdentifier": names.REGION,
        },
        separators=(",", ":"),
    )
