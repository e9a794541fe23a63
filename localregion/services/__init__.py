"""The services of the region, by name."""

from __future__ import annotations

import importlib
import importlib.util
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
    """The services that exist, in the order they start."""
    found: dict[str, type[Service]] = {}
    for name, class_name in SERVICES.items():
        module_name = f"{__name__}.{name}"
        if importlib.util.find_spec(module_name) is None:
            continue
        service: type[Service] = getattr(importlib.import_module(module_name), class_name)
        service.name = name
        found[name] = service
    return found
