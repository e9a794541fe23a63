"""The services of the region, by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localregion.services.base import Service

SERVICES = {
    "identity": "Identity",
    "network": "Network",
    "kms": "Kms",
    "vault": "Vault",
    "secrets": "Secrets",
    "mysql": "Mysql",
    "containerengine": "ContainerEngine",
    "load_balancer": "LoadBalancer",
    "artifacts": "Artifacts",
    "logging": "Logging",
    "limits": "Limits",
    "work_requests": "WorkRequests",
}
"""Name (and module) to class."""


def service_classes() -> dict[str, type[Service]]:
    """The services, in the order they start."""
    found: dict[str, type[Service]] = {}
    for name, class_name in SERVICES.items():
        service: type[Service] = getattr(importlib.import_module(f"{__name__}.{name}"), class_name)
        service.name = name
        found[name] = service
    return found
