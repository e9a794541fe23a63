# SPDX-License-Identifier: GPL-3.0-or-later
"""A VNIC for each pod, asked from the region's daemon."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from localregion.host.http_client import http_client
from localregion.virtual_node.config import Config, VirtualNode

Json = dict[str, Any]
NO_CAPACITY = "OutOfHostCapacity"


class NetworkError(Exception):
    """A pod's VNIC could not be attached or detached; the message is the region's, `code` too."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Attachment:
    """A pod's VNIC."""

    vnic_id: str
    ip: str
    netns: str
    """Name of its network namespace."""
    private_ip_id: str = ""
    """OCID of its private IP."""


class Network(Protocol):
    """Gives pods their addresses. `attach` is idempotent for a pod's uid; `attached` is what the pool has: pod uid to
    VNIC; `making` says what an image of the region's own (`repository:tag`) waits for until it can be pulled, empty
    when it can; `forbidden` what the tenancy's policy keeps the pods' container instances from. Raises NetworkError."""

    async def attach(self, node: VirtualNode, pod: Json) -> Attachment: ...
    async def detach(self, vnic_id: str) -> None: ...
    async def attached(self) -> dict[str, str]: ...
    async def making(self, image: str) -> str: ...
    async def forbidden(self) -> list[str]: ...
    async def close(self) -> None: ...


class RegionNetwork:
    """VNICs of the region, over the daemon's internal API."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._http = http_client("http://region", timeout=60.0, socket=Path(config.internal_socket))

    async def close(self) -> None:
        await self._http.aclose()

    async def attach(self, node: VirtualNode, pod: Json) -> Attachment:
        body = {
            "subnetId": self.config.pod_subnet_id,
            "displayName": pod["metadata"]["uid"],
            "ownerId": self.config.pool_id,
            "nsgIds": list(self.config.pod_nsg_ids),
        }
        answer = (await self._call("POST", "/internal/vnics", json=body)).json()
        return Attachment(answer["id"], answer["privateIp"], answer["netns"], answer.get("privateIpId", ""))

    async def detach(self, vnic_id: str) -> None:
        await self._call("DELETE", f"/internal/vnics/{vnic_id}")

    async def attached(self) -> dict[str, str]:
        answer = (await self._call("GET", "/internal/vnics", params={"ownerId": self.config.pool_id})).json()
        return {item["displayName"]: item["id"] for item in answer["items"] if item.get("displayName")}

    async def making(self, image: str) -> str:
        return str((await self._call("GET", "/internal/images", params={"name": image})).json()["making"])

    async def forbidden(self) -> list[str]:
        query = {"subnetId": self.config.pod_subnet_id, "groups": str(bool(self.config.pod_nsg_ids)).lower()}
        missing: list[str] = (await self._call("GET", "/internal/policy", params=query)).json()["missing"]
        return missing

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise NetworkError(f"the region does not answer: {type(error).__name__} {error}") from error
        if response.status_code == 404 and method == "DELETE":
            return response
        if response.status_code >= 400:
            code = ""
            try:
                document = response.json()
                message, code = document["message"], document.get("code", "")
            except (ValueError, KeyError, TypeError):
                message = response.text[:300]
            raise NetworkError(message if code == NO_CAPACITY else f"{response.status_code}: {message}", code)
        return response


class AddressesOnly:
    """Addresses without VNICs, for pods without containers: counted down from the end of the pod subnet."""

    def __init__(self, cidr: str) -> None:
        self._network = ipaddress.ip_network(cidr)
        self._next = self._network.num_addresses - 2
        self._free: list[str] = []

    async def close(self) -> None:
        pass

    async def attach(self, node: VirtualNode, pod: Json) -> Attachment:
        del node
        known = (pod.get("status") or {}).get("podIP")
        if known:
            return Attachment(known, known, "")
        if self._free:
            address = self._free.pop()
        elif self._next > 1:
            address = str(self._network[self._next])
            self._next -= 1
        else:
            raise NetworkError("the pod subnet has no free address")
        return Attachment(address, address, "")

    async def detach(self, vnic_id: str) -> None:
        self._free.append(vnic_id)

    async def attached(self) -> dict[str, str]:
        return {}

    async def making(self, image: str) -> str:
        return ""

    async def forbidden(self) -> list[str]:
        return []
