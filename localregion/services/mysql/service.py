# SPDX-License-Identifier: GPL-3.0-or-later
"""The MySQL Database Service: documents by `model`, the server itself in a VNIC of the DB system's subnet.

What the region does not do is kept as the service shows it and no more: which MySQL version it is, encryption by a
key (which is checked), security attributes, telling contacts, HeatWave clusters (`heatwave`). Of a custom
configuration the server takes numbers and switches, not sizes of memory. REST, console, read endpoints, own
certificates, telemetry, copies of backups in other regions, replicas and channels answer 501.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from localregion.core.store import Document, Record
from localregion.core.validate import Form
from localregion.services.mysql import model
from localregion.services.mysql.backups import Backups
from localregion.services.mysql.configurations import Configurations
from localregion.services.mysql.db_systems import DbSystems
from localregion.services.mysql.heatwave import ACCESS, KIND, HeatWave
from localregion.services.mysql.running_systems import RunningSystems
from localregion.services.mysql.servers import Servers
from localregion.services.resources import Call, Kind, Reply
from localregion.services.schedule import DeletesLater
from localregion.services.work_requests import WorkRequestForm

if TYPE_CHECKING:
    from localregion.services.context import Context

FORM = Form(
    nulls=True,
    empty={
        "nsgIds": [], "endpoints": [], "channels": [], "customerContacts": [], "excludeIps": [], "logs": [],
        "options": [], "maintenanceDisabledWindows": [], "copyPolicies": [],
    },
    nullable=frozenset({"DbSystem.mysqlVersion", "DbSystemSummary.mysqlVersion"}),
)  # fmt: skip
"""How the service writes: recorded of a DB system that is made; of the rest a guess by that."""


class Mysql(DeletesLater):
    """DB systems, their backups and HeatWave clusters."""

    name = "mysql"
    etag_form = "064x"
    package = "mysql"
    form = FORM
    etag_without_document = False
    kinds = (
        Kind("db_system", model="DbSystem", resource="mysql-instances", entity="mysqldbsystem"),
        Kind(
            "configuration",
            model="Configuration",
            resource="mysql-configurations",
            entity="mysqlconfiguration",
            label="mysqlconfiguration",
            operations=(),
        ),
        KIND,
        Kind("backup", model="Backup", resource="mysql-backups", entity="mysqlbackup", label="mysqlbackup"),
    )
    work_request_form = WorkRequestForm("mysqlworkrequest", ocid_parts=lambda: (str(uuid.uuid4()),))
    access = {
        "list_shapes": ("inspect", "mysql-configurations"),
        "list_versions": ("inspect", "mysql-configurations"),
        "list_configurations": ("inspect", "mysql-configurations"),
        "get_configuration": ("read", "mysql-configurations"),
        **ACCESS,
        "get_work_request": ("read", "mysql-work-requests"),
        "list_work_requests": ("inspect", "mysql-work-requests"),
        "list_work_request_errors": ("inspect", "mysql-work-requests"),
        "list_work_request_logs": ("inspect", "mysql-work-requests"),
        **dict.fromkeys(
            ("update_db_system", "start_db_system", "stop_db_system", "restart_db_system"), ("use", "mysql-instances")
        ),
        "create_backup": ("manage", "mysql-backups"),
    }

    def __init__(self, region: Context) -> None:
        super().__init__(region)
        self.configurations = self.add(Configurations(self))
        self.servers = Servers(self)
        self._running_systems = RunningSystems(self, self.servers)
        self.backups = self.add(Backups(self, self.servers))
        heatwave = self.add(HeatWave(self))
        self.db_systems = self.add(
            DbSystems(self, self.servers, self._running_systems, self.configurations, self.backups, heatwave)
        )

    async def resume(self) -> None:
        """Start the servers that ran, then take up what was under way."""
        for system in self.living("db_system"):
            stopping = any(t.record == system.id and t.target == "INACTIVE" for t in self.store.transitions(self.name))
            if system.state in ("ACTIVE", "UPDATING") and system.doc.get("endpoints") and not stopping:
                self.region.tasks.spawn(self._running_systems.ensure(system.id), f"mysql {system.id}")
        await super().resume()

    async def stop(self) -> None:
        """End the servers; their data stay."""
        await self.servers.stop_all()

    def finish(self, call: Call, reply: Reply) -> None:
        """Show DB systems that are being made as the service does."""
        if call.operation.response in ("DbSystem", "list[DbSystemSummary]") and reply.doc is not None:
            if isinstance(reply.doc, list):
                reply.doc = [_as_shown(doc) for doc in reply.doc]
            else:
                if (system := self.store.find(reply.doc["id"])) and (span := self.backups.recovery(system)):
                    reply.doc = reply.doc | {"pointInTimeRecoveryDetails": span}
                waits = self.region.mysql.progress() if reply.doc["lifecycleState"] == "CREATING" else ""
                reply.doc = _as_shown(reply.doc) | ({"lifecycleDetails": waits} if waits else {})

    async def do_due(self) -> None:
        """The daily backups."""
        now = self.clock.now()
        self.backups.make_due(now)
        await self.backups.remove_old(now)

    async def expire(self, record: Record) -> None:
        """The seven days of a deleted backup are over."""
        await self.backups.remove(record)


def _as_shown(doc: Document) -> Document:
    return model.while_creating(doc) if doc["lifecycleState"] == "CREATING" else doc
