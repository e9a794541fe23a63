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


class _Control:
    """What the routes answer."""

    def __init__(self, region: Region, stop: Callable[[], None], more: Callable[[], dict[str, Any]]) -> None:
        self._region, self._stop, self._more = region, stop, more
        self._began = time.time()

    async def status(self, _: Request) -> JSONResponse:
        """What runs, and how many resources there are in which state."""
        settings = self._region.settings
        resources: dict[str, dict[str, int]] = {}
        for record in self._region.store.select():
            if record.kind not in ("work_request", "api_key", "user_group_membership"):
                resources.setdefault(record.kind, Counter())[record.state or "-"] += 1
        return JSONResponse(
            {
                "name": settings.name, "endpoint": settings.endpoint, "state": str(settings.state),
                "uptime": time.time() - self._began, "calls": len(self._region.calls), "resources": resources,
                **self._more(),
            }
        )  # fmt: skip

    async def end(self, _: Request) -> JSONResponse:
        """Stop the daemon."""
        self._stop()
        return JSONResponse({})

    async def list_faults(self, _: Request) -> JSONResponse:
        """The faults in force."""
        faults = self._region.faults
        return JSONResponse({"faults": faults.list(), "hidden": faults.hidden, "unresolved": faults.unresolved})

    async def add_fault(self, request: Request) -> JSONResponse:
        """Add a fault; 400 if it makes no sense."""
        values = await request.json()
        try:
            for name in ("hidden", "unresolved"):
                setattr(self._region.faults, name, float(values.pop(name, getattr(self._region.faults, name))))
            made = asdict(self._region.faults.add(**values)) if values else {}
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(made)

    async def clear_faults(self, _: Request) -> JSONResponse:
        """Clear all faults."""
        self._region.faults.clear()
        return JSONResponse({})

    async def maintenance(self, _: Request) -> JSONResponse:
        """Do what the MySQL service does in a maintenance window."""
        return JSONResponse({"patched": await self._region.services["mysql"].db_systems.patch()})

    async def session(self, request: Request) -> JSONResponse:
        """A session token for the operator."""
        values = await request.json()
        operator = self._region.services["identity"].users.principal(names.OPERATOR_ID)
        token = self._region.tokens.issue(operator, values["public_key"], int(values.get("seconds", 3600)))
        return JSONResponse({"token": token})

    async def kubeconfigs(self, _: Request) -> JSONResponse:
        """The kubeconfigs of all clusters."""
        return JSONResponse(await self._region.services["containerengine"].clusters.kubeconfigs())

    async def calls(self, request: Request) -> JSONResponse:
        """The calls from a number on."""
        start = int(request.query_params.get("start", "0"))
        return JSONResponse([asdict(call) for call in list(self._region.calls)[start:]])


def control_app(region: Region, stop: Callable[[], None], more: Callable[[], dict[str, Any]]) -> Starlette:
    """The application. `stop` ends the daemon; `more` gives what else belongs into the status."""
    api = _Control(region, stop, more)
    return Starlette(
        routes=[
            Route("/status", api.status),
            Route("/stop", api.end, methods=["POST"]),
            Route("/faults", api.list_faults),
            Route("/faults", api.add_fault, methods=["POST"]),
            Route("/faults", api.clear_faults, methods=["DELETE"]),
            Route("/calls", api.calls),
            Route("/maintenance", api.maintenance, methods=["POST"]),
            Route("/kubeconfigs", api.kubeconfigs),
            Route("/session", api.session, methods=["POST"]),
        ]
    )
