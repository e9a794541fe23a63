# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the region's services share."""

from __future__ import annotations

from typing import Any

import oci
import pytest
import requests
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
