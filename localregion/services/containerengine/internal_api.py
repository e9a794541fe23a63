# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's internal API: what the processes of virtual nodes ask of the region, over a unix socket of root's own.

* `POST /internal/vnics` `{subnetId, displayName, ownerId, nsgIds}`: a VNIC for a pod; the same owner and name give the
  same VNIC. Answers `{id, privateIp, netns, fqdn, privateIpId}`. The step `container_engine.pod_created` of faults
  is a lack of capacity for the pod.
* `DELETE /internal/vnics/{id}`: 204; also when it is gone.
* `GET /internal/vnics?ownerId=`: `{items: [{id, displayName, privateIp}]}`, for finding what a crash left behind.
* `GET /internal/policy?subnetId=&groups=`: `{missing: [...]}`, what virtual nodes may not associate their container
  instances with in a subnet (`subnets`, `vnics`, and with `groups=true` `network-security-group`): pods start when that
  is nothing. It is asked for each pod, so a policy that comes later helps.
* `GET /internal/images?name=`: `{making: "..."}`, what an image of the region's own (`repository:tag`) still waits for,
  for people; empty when it can be pulled, and for every other image.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localregion.core.errors import ServiceError, not_found
from localregion.services import lookup

if TYPE_CHECKING:
    from localregion.services.context import Context


NO_CAPACITY = "cannot provision pod due to insufficient capacity"


def _shown(vnic: Any) -> dict[str, Any]:
    return {
        "id": vnic.id,
        "displayName": vnic.display_name,
        "privateIp": vnic.private_ip,
        "netns": vnic.netns,
        "fqdn": vnic.fqdn,
    }


class _Internal:
    """What the routes answer."""

    def __init__(self, region: Context) -> None:
        self._region, self._network = region, lookup.network(region)

    async def attach(self, request: Request) -> Response:
        """A VNIC for a pod."""
        try:
            body = await request.json()
            wanted = {
                "subnet_id": str(body["subnetId"]),
                "display_name": str(body["displayName"]),
                "owner_id": str(body["ownerId"]),
                "nsg_ids": tuple(body.get("nsgIds") or ()),
                "hostname": body.get("hostname"),
            }
        except (ValueError, KeyError, TypeError) as error:
            return JSONResponse({"code": "InvalidParameter", "message": f"{type(error).__name__}: {error}"}, 400)
        if (fault := self._region.faults.hit("container_engine.pod_created", step=True)) is not None:
            await asyncio.sleep(fault.delay)
            if fault.status:
                raise ServiceError(fault.status, "OutOfHostCapacity", NO_CAPACITY)
        vnic = await self._network.vnics.attach(**wanted)
        addresses = self._network.living("private_ip", parent=vnic.id)
        return JSONResponse(_shown(vnic) | {"privateIpId": addresses[0].id if addresses else ""})

    async def detach(self, request: Request) -> Response:
        """Give a VNIC back."""
        try:
            await self._network.vnics.detach(request.path_params["vnic_id"])
        except ServiceError as error:
            if error.status != 404:
                raise
        return Response(status_code=204)

    async def find(self, request: Request) -> Response:
        """The VNICs of an owner."""
        return JSONResponse({"items": [_shown(v) for v in self._network.vnics.of(request.query_params["ownerId"])]})

    async def policy(self, request: Request) -> Response:
        """What virtual nodes may not do yet."""
        subnet = self._region.store.find(request.query_params["subnetId"])
        if subnet is None or subnet.dead:
            raise not_found()
        groups = request.query_params.get("groups") == "true"
        missing = self._region.iam.missing_for_virtual_nodes(subnet.id, subnet.compartment or "", groups=groups)
        return JSONResponse({"missing": missing})

    async def images(self, request: Request) -> Response:
        """What an image still waits for."""
        made = self._region.images
        return JSONResponse({"making": await made.making(request.query_params["name"]) if made is not None else ""})


async def _failed(request: Request, error: Exception) -> Response:
    if isinstance(error, ServiceError):
        return JSONResponse({"code": error.code, "message": error.message}, error.status)
    return JSONResponse({"code": "InternalError", "message": f"{type(error).__name__}: {error}"}, 500)


def internal_app(region: Context) -> Starlette:
    """The application."""
    api = _Internal(region)
    return Starlette(
        routes=[
            Route("/internal/vnics", api.attach, methods=["POST"]),
            Route("/internal/vnics", api.find, methods=["GET"]),
            Route("/internal/vnics/{vnic_id}", api.detach, methods=["DELETE"]),
            Route("/internal/policy", api.policy, methods=["GET"]),
            Route("/internal/images", api.images, methods=["GET"]),
        ],
        exception_handlers={ServiceError: _failed, Exception: _failed},
    )
