"""The services of the region, by name, in the order in which they start."""

from __future__ import annotations

from localregion.services.artifacts import Artifacts
from localregion.services.base import Service
from localregion.services.containerengine.service import ContainerEngine
from localregion.services.identity.service import Identity
from localregion.services.kms.service import Kms
from localregion.services.limits import Limits
from localregion.services.load_balancer.service import LoadBalancer
from localregion.services.log_search import LogSearch
from localregion.services.logging import Logging
from localregion.services.mysql.service import Mysql
from localregion.services.network.service import Network
from localregion.services.network.work_requests import WorkRequests
from localregion.services.secrets import Secrets
from localregion.services.vault import Vault
from localregion.services.vn_monitoring import VnMonitoring

_CLASSES: tuple[type[Service], ...] = (
    Identity, Network, Kms, Vault, Secrets, Mysql, ContainerEngine, LoadBalancer, Artifacts, Logging, LogSearch, Limits,
    WorkRequests, VnMonitoring,
)  # fmt: skip

SERVICES = {service.name: service for service in _CLASSES}
