# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric that makes nothing: for a region of the API alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class NullFabric:
    """A fabric that makes nothing."""

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""

    async def destroy(self) -> None:
        """Nothing."""

    async def remove_subnet(self, subnet_id: str) -> None:
        """Nothing."""

    async def attach(self, vnic_key: str, subnet_id: str, cidr: str, address: str) -> str:
        """No namespace; a name all the same."""
        return f"none-{vnic_key[-8:]}"

    async def detach(self, vnic_key: str) -> None:
        """Nothing."""

    async def add_address(self, subnet_id: str, cidr: str, address: str) -> None:
        """Nothing."""

    async def remove_address(self, subnet_id: str, address: str) -> None:
        """Nothing."""

    async def filter(self, documents: Any) -> None:
        """Nothing."""

    async def expose(self, public_ip: str, port: int, address: str, target_port: int) -> None:
        """Nothing."""

    async def unexpose(self, public_ip: str, port: int | None = None) -> None:
        """Nothing."""

    def set_hosts(self, names: Mapping[str, str]) -> None:
        """Nothing."""
