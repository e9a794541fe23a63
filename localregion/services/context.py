"""What all services of a region share: its store, clock, tasks, policies and network, and what they ask of each other.

A service gets the context when it is made and needs no more of the region.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from localregion.access.federation import Federation
from localregion.access.policies import Iam, Principal
from localregion.access.signatures import Authenticator, Tokens
from localregion.core.clock import Clock
from localregion.core.faults import Faults
from localregion.core.schema import Schema
from localregion.core.store import Record, Store
from localregion.core.tasks import Tasks
from localregion.host.mysql_programs import MysqlPrograms
from localregion.services.sealing import Sealer
from localregion.settings import Settings


class Context:
    """The things of one region. ``fabric`` makes its network real; see localregion.backends.fabric."""

    def __init__(self, settings: Settings, fabric: Any, schema: Schema) -> None:
        self.settings = settings
        self.fabric = fabric
        self.schema = schema
        self.programs: Any = None
        """The programs that no package ships (localregion.host.programs.Programs); None in a pure region."""
        self.podman: Any = None
        """The region's containers (localregion.host.podman_service.PodmanService); None in a pure region."""
        self.images: Any = None
        """The images that the region makes (localregion.backends.images.Images); None where it makes none."""
        self.mysql = MysqlPrograms(settings.cache)
        """MySQL's programs, fetched when they are first asked for."""
        self.clock = Clock(settings.minute)
        self.store = Store(settings.state / "region.sqlite")
        self.sealer = Sealer(settings.state / "root.key")
        """Encrypts what is kept of secrets, keys and passwords."""
        self.tasks = Tasks()
        self.faults = Faults()
        self.iam = Iam(self.ancestry)
        self.tokens = Tokens(settings.state / "token-key.pem")
        self.federation = Federation(settings.state / "instance", self.tokens)
        self.services: dict[str, Any] = {}
        """The region's services by name, for what one asks of another (see `lookup`)."""
        self.authenticator = Authenticator(lambda *of: self.services["identity"].users.find_key(*of), self.tokens)
        self.announce: Callable[[str, Sequence[str]], None] = lambda owner, hosts: None
        """Makes this machine resolve the host names of a kind of resource (vaults), instead of the earlier ones."""

    def compartment_exists(self, compartment: str) -> bool:
        """Whether a compartment (or the tenancy) is there."""
        record = self.store.find(compartment)
        return record is not None and record.kind == "compartment"

    def compartment_is_active(self, compartment: str) -> bool:
        """Whether something can be made in a compartment."""
        record = self.store.find(compartment)
        return record is not None and record.kind == "compartment" and record.state == "ACTIVE"

    def heard_of(self, record_id: str) -> bool:
        """Whether the other services have heard of what identity has made or changed."""
        record = self.store.find(record_id)
        return record is None or record.private.get("heard_of", 0) <= time.time()

    def ancestry(self, compartment: str) -> list[str]:
        """A compartment and those above it, the tenancy last."""
        found = []
        record = self.store.find(compartment)
        while record is not None and record.kind == "compartment" and record.id not in found:
            found.append(record.id)
            record = self.store.find(record.compartment) if record.compartment else None
        return found

    def visible(self, record: Record) -> bool:
        """Whether readers see a record yet (a fault may hide new ones for a while)."""
        if not self.faults.hidden:
            return True
        created = record.doc.get("timeCreated")
        return created is None or created < self.clock.timestamp_before(self.faults.hidden)

    def default_tags(self, principal: Principal) -> dict[str, Any]:
        """The defined tags that a resource gets which this principal makes."""
        user = self.store.find(principal.id)
        tags: dict[str, Any] = self.services["identity"].tags.defaults(user.name if user else principal.id)
        return tags
