# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the region's services share."""

from __future__ import annotations

import base64
from typing import Any

import oci
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from oci.core import VirtualNetworkClient
from oci.key_management import KmsManagementClient, KmsVaultClient, models

from localregion.testing import Region


def make_vault(region: Region, name: str = "site", kind: str = "DEFAULT") -> Any:
    vaults = region.client(KmsVaultClient)
    made = vaults.create_vault(
        models.CreateVaultDetails(compartment_id=region.compartment_id, display_name=name, vault_type=kind)
    ).data
    region.settle()
    return vaults.get_vault(made.id).data


def of_an_unknown_curve(kind: str) -> str:
    """A PRIVATE or PUBLIC KEY in PEM whose curve no library knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    data = (
        key.private_bytes(serialization.Encoding.DER, *private)
        if kind == "PRIVATE"
        else key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    known, unknown = (bytes.fromhex(f"06082a8648ce3d0301{number}") for number in ("07", "10"))
    text = base64.b64encode(data.replace(known, unknown)).decode()
    return f"-----BEGIN {kind} KEY-----\n{text}\n-----END {kind} KEY-----\n"


def management(region: Region, vault: Any) -> Any:
    return region.client(KmsManagementClient, endpoint=vault.management_endpoint)


def make_key(region: Region, vault: Any, name: str = "key", **shape: Any) -> Any:
    keys = management(region, vault)
    made = keys.create_key(
        models.CreateKeyDetails(
            compartment_id=region.compartment_id,
            display_name=name,
            key_shape=models.KeyShape(**(shape or {"algorithm": "AES", "length": 32})),
        )
    ).data
    region.settle()
    return keys.get_key(made.id).data


def refused(status: int, code: str) -> Any:
    """The service error that a call must end with."""
    return pytest.raises(oci.exceptions.ServiceError, check=lambda error: (error.status, error.code) == (status, code))


class Net:
    """A VCN with subnets and groups, for what has to be placed somewhere."""

    def __init__(self, region: Region, cidr: str = "10.0.0.0/16", label: str = "vcn") -> None:
        self.region = region
        self.client = region.client(VirtualNetworkClient)
        core = oci.core.models
        details = core.CreateVcnDetails(
            compartment_id=region.compartment_id, cidr_blocks=[cidr], display_name=label, dns_label=label
        )
        self.vcn = self.client.create_vcn(details).data
        region.settle()

    def subnet(self, cidr: str, label: str, *, private: bool = False) -> Any:
        """An available subnet."""
        details = oci.core.models.CreateSubnetDetails(
            compartment_id=self.region.compartment_id,
            vcn_id=self.vcn.id,
            cidr_block=cidr,
            display_name=label,
            dns_label=label,
            prohibit_public_ip_on_vnic=private,
        )
        made = self.client.create_subnet(details).data
        self.region.settle()
        return made

    def open(self) -> None:
        """Let everything pass, also from the internet."""
        core = oci.core.models
        place = {"compartment_id": self.region.compartment_id, "vcn_id": self.vcn.id}
        gateway = self.client.create_internet_gateway(core.CreateInternetGatewayDetails(is_enabled=True, **place)).data
        out = [core.RouteRule(destination="0.0.0.0/0", network_entity_id=gateway.id)]
        self.client.update_route_table(self.vcn.default_route_table_id, core.UpdateRouteTableDetails(route_rules=out))
        all_in = [core.IngressSecurityRule(source="0.0.0.0/0", protocol="all")]
        self.client.update_security_list(
            self.vcn.default_security_list_id, core.UpdateSecurityListDetails(ingress_security_rules=all_in)
        )
        self.region.settle()

    def group(self, name: str) -> Any:
        """A network security group."""
        details = oci.core.models.CreateNetworkSecurityGroupDetails(
            compartment_id=self.region.compartment_id, vcn_id=self.vcn.id, display_name=name
        )
        made = self.client.create_network_security_group(details).data
        self.region.settle()
        return made


def call_by_name(region: Region, host: str, method: str, path: str, body: Any = None) -> requests.Response:
    """A call of the region as who resolves its names makes it."""
    made = requests.Request(
        method, f"http://{host}{path}", json=body, auth=oci.Signer.from_config(region.config)
    ).prepare()
    made.url = f"{region.endpoint}{path}"
    return requests.Session().send(made, timeout=10)
