"""The host names of the region's services are those that Oracle's clients make of OCI_REGION_METADATA."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localregion.core import endpoints

DOMAIN = "okestack.test"

_ASK = """
import importlib, json, sys
import oci
import oci.auth.signers
Signer = oci.auth.signers.SecurityTokenSigner  # as a principal's: no profile is asked for
found = {}
for package, name in json.load(sys.stdin):
    client = getattr(importlib.import_module(f"oci.{package}"), name)
    made = client({"region": "local-1"}, signer=Signer.__new__(Signer))
    found[name] = made.base_client.update_endpoint_template_for_options()
print(json.dumps(found))
"""


def test_the_sdk_s_own_clients_call_these_names() -> None:
    classes = [
        ("core", "VirtualNetworkClient"), ("core", "ComputeClient"), ("identity", "IdentityClient"),
        ("key_management", "KmsVaultClient"), ("vault", "VaultsClient"), ("secrets", "SecretsClient"),
        ("mysql", "DbSystemClient"), ("mysql", "WorkRequestsClient"), ("container_engine", "ContainerEngineClient"),
        ("load_balancer", "LoadBalancerClient"), ("artifacts", "ArtifactsClient"), ("limits", "LimitsClient"),
        ("logging", "LoggingManagementClient"), ("object_storage", "ObjectStorageClient"),
        ("work_requests", "WorkRequestClient"), ("resource_search", "ResourceSearchClient"), ("audit", "AuditClient"),
        ("monitoring", "MonitoringClient"), ("dns", "DnsClient"), ("streaming", "StreamAdminClient"),
    ]  # fmt: skip
    environment = {**os.environ, "OCI_REGION_METADATA": endpoints.region_metadata(DOMAIN)}
    done = subprocess.run(
        [sys.executable, "-c", _ASK], env=environment, input=json.dumps(classes), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    names = set(endpoints.service_hosts(DOMAIN, "local-1"))
    for package, name in classes:
        host = made[name].partition("://")[2].partition("/")[0]
        assert host in names, f"{package}.{name} calls {made[name]}"
        assert package in endpoints.packages_at(host, DOMAIN)
    assert made["VirtualNetworkClient"].startswith("https://iaas.local-1.")


@pytest.mark.parametrize(
    ("host", "package"),
    [
        ("iaas.local-1.okestack.test", "core"),
        ("iaas.local-2.okestack.test:443", "core"),
        ("identity.local-1.oci.okestack.test", "identity"),
        ("mysql.local-1.ocp.okestack.test", "mysql"),
        ("auth.local-1.okestack.test", "auth"),
        ("abc-management.kms.local-1.okestack.test", "key_management"),
        ("iaas.local-1.two.okestack.test", "core"),
        ("iaas.local-3.okestack.test", None),
        ("127.77.0.1:14000", None),
    ],
)
def test_packages_at(host: str, package: str | None) -> None:
    found = endpoints.packages_at(host, "okestack.test", "two.okestack.test")
    assert package in found if package else not found


def test_zones_and_certificate_hold_all_names_of_the_two_regions() -> None:
    zones = endpoints.zones(DOMAIN)
    assert {"local-1.okestack.test", "local-1.oci.okestack.test", "local-1.ocp.okestack.test"} <= set(zones)
    assert all(zone.startswith(("local-1.", "local-2.")) for zone in zones)
    certified = endpoints.certificate_names(DOMAIN)
    for host in (*endpoints.service_hosts(DOMAIN, "local-1"), *endpoints.vault_hosts("abc", DOMAIN).values()):
        assert any(host.endswith(f".{zone}") for zone in zones)
        assert "*." + host.partition(".")[2] in certified


def test_every_client_of_the_sdk_is_known() -> None:
    oci = importlib.import_module("oci")
    packages = {path.parent.name for path in Path(str(oci.__file__)).parent.glob("*/*_client.py")}
    assert packages - {one.package for one in endpoints.services()} <= {"auth"}
