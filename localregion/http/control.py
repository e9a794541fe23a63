"""The region's admin API, on a socket that only root can open: status, stop, faults, calls, maintenance,
session tokens, kubeconfigs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from localregion import settings as names

if TYPE_CHECKING:
    from localregion.region import Region


def control_app(region: Region, stop: Callable[[], None], more: Callable[[], dict[str, Any]]) -> Starlette:
    """The application. `stop` ends the daemon; `more` gives what else belongs into the status."""
    began = time.time()

    async def status(_: Request) -> JSONResponse:
        resources: dict[str, dict[str, int]] = {}
        for record in region.store.select():
            if record.kind not in ("work_request", "api_key", "user_group_membership"):
                resources.setdefault(record.kind, Counter())[record.state or "-"] += 1
        return JSONResponse(
            {
                "name": region.settings.name, "endpoint": region.settings.endpoint, "state": str(region.settings.state),
                "uptime": time.time() - began, "calls": len(region.calls), "resources": resources, **more(),
            }
        )  # fmt: skip

    async def end(_: Request) -> JSONResponse:
        stop()
        return JSONResponse({})

    async def list_faults(_: Request) -> JSONResponse:
        faults = region.faults
        return JSONResponse({"faults": faults.list(), "hidden": faults.hidden, "unresolved": faults.unresolved})

    async def add_fault(request: Request) -> JSONResponse:
        values = await request.json()
        try:
            for name in ("hidden", "unresolved"):
                setattr(region.faults, name, float(values.pop(name, getattr(region.faults, name))))
            made = asdict(region.faults.add(**values)) if values else {}
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(made)

    async def clear_faults(_: Request) -> JSONResponse:
        region.faults.clear()
        return JSONResponse({})

    async def maintenance(_: Request) -> JSONResponse:
        return JSONResponse({"patched": await region.services["mysql"].patch_db_systems()})

    async def session(request: Request) -> JSONResponse:
        values = await request.json()
        operator = region.services["identity"].user_principal(names.OPERATOR_ID)
        token = region.tokens.issue(operator, values["public_key"], int(values.get("seconds", 3600)))
        return JSONResponse({"token": token})

    async def kubeconfigs(_: Request) -> JSONResponse:
        return JSONResponse(await region.services["containerengine"].clusters.kubeconfigs())

    async def calls(request: Request) -> JSONResponse:
        start = int(request.query_params.get("start", "0"))
        return JSONResponse([asdict(call) for call in list(region.calls)[start:]])

    return Starlette(
        routes=[
            Route("/status", status),
            Route("/stop", end, methods=["POST"]),
            Route("/faults", list_faults),
            Route("/faults", add_fault, methods=["POST"]),
            Route("/faults", clear_faults, methods=["DELETE"]),
            Route("/calls", calls),
            Route("/maintenance", maintenance, methods=["POST"]),
            Route("/kubeconfigs", kubeconfigs),
            Route("/session", session, methods=["POST"]),
        ]
    )
