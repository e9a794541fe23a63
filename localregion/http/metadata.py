# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata service of an instance: what it is, and the certificate that it signs in with.

Source: https://docs.oracle.com/en-us/iaas/Content/Compute/Tasks/gettingmetadata.htm. Version 2 only: each request says
`Authorization: Bearer Oracle`, and none has come through a proxy. With which status others are refused the page does
not say; version 1 is a 404.

The region has no instances of its own. The one that asks here is the machine that the region runs on: it listens on
loopback, not at 169.254.169.254, and clients are led to it by the SDK's own OCI_METADATA_BASE_URL.
"""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from localregion import settings as names
from localregion.access.federation import Federation

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host")


def metadata_app(
    federation: Federation, instance_id: str = names.INSTANCE_ID, compartment_id: str = names.COMPARTMENT_ID
) -> Starlette:
    """The service as one instance sees it."""
    document: dict[str, Any] = {
        "id": instance_id,
        "compartmentId": compartment_id,
        "tenantId": names.TENANCY_ID,
        "displayName": "machine",
        "hostname": "machine",
        "availabilityDomain": names.AVAILABILITY_DOMAIN,
        "faultDomain": names.FAULT_DOMAINS[0],
        "region": names.REGION,
        "canonicalRegionName": names.REGION,
        "regionInfo": {
            "realmKey": names.REALM,
            "realmDomainComponent": names.REALM_DOMAIN,
            "regionKey": names.REGION_KEY,
            "regionIdentifier": names.REGION,
        },
        "state": "Running",
    }

    def refusal(request: Request) -> Response | None:
        if request.headers.get("authorization") != "Bearer Oracle":
            return PlainTextResponse("The Authorization header must be: Bearer Oracle\n", 403)
        if any(name in request.headers for name in _FORWARDED):
            return PlainTextResponse("Forwarded requests are refused\n", 403)
        return None

    async def instance(request: Request) -> Response:
        if refused := refusal(request):
            return refused
        found: Any = document
        for name in filter(None, request.path_params["path"].split("/")):
            found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            return PlainTextResponse("404 - Not Found\n", 404)
        return JSONResponse(found) if isinstance(found, dict) else PlainTextResponse(found)

    async def identity(request: Request) -> Response:
        if refused := refusal(request):
            return refused
        mine = federation.identity(instance_id, compartment_id)
        files = {"cert.pem": mine.certificate, "key.pem": mine.key, "intermediate.pem": mine.intermediate}
        content = files.get(request.path_params["name"])
        return PlainTextResponse("404 - Not Found\n", 404) if content is None else PlainTextResponse(content)

    return Starlette(
        routes=[
            Route("/opc/v2/instance/{path:path}", instance, methods=["GET"]),
            Route("/opc/v2/identity/{name}", identity, methods=["GET"]),
        ]
    )


__all__ = ["metadata_app"]
