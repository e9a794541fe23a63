# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: copies of the servers' data, made when they are asked for, and each day by a DB system's policy."""

from __future__ import annotations

import datetime as dt

from localregion.core.errors import invalid, not_implemented
from localregion.core.store import Document, Record
from localregion.services.base import Part, Service
from localregion.services.checks import in_state
from localregion.services.mysql import model
from localregion.services.mysql.requests import begun
from localregion.services.mysql.servers import Servers
from localregion.services.registration import operation, step
from localregion.services.resources import Call, Reply
from localregion.services.work_requests import WorkRequest

# Cloud minutes.
_BACKUP, _BACKUP_DELETE = 2.0, 0.5

_DB, _BK = "mysqldbsystem", "mysqlbackup"
_SNAPSHOT = (
    "id", "displayName", "description", "compartmentId", "subnetId", "nsgIds", "availabilityDomain", "faultDomain",
    "shapeName", "mysqlVersion", "backupPolicy", "configurationId", "dataStorageSizeInGBs", "dataStorage",
    "hostnameLabel", "ipAddress", "port", "portX", "isHighlyAvailable", "endpoints", "maintenance",
    "deletionPolicy", "freeformTags", "definedTags", "crashRecovery", "databaseManagement", "secureConnections",
    "encryptData",
)  # fmt: skip
"""What a backup keeps of its DB system's document."""


class Backups(Part):
    """The operations of backups."""

    def __init__(self, service: Service, servers: Servers) -> None:
        super().__init__(service)
        self._servers = servers

    @operation
    async def create_backup(self, call: Call) -> Reply:
        """Back a DB system up."""
        body = call.body
        system = self.service.get("db_system", body["dbSystemId"], related=True)
        in_state(system, "ACTIVE", kind="DB System")
        model.recovers(system.doc, "A backup")
        _check_retention(body)
        backup = self.new(system, call, {}, "MANUAL")
        request = begun(self.service, "CREATE_BACKUP", [("CREATED", _BK, backup), ("RELATED", _DB, system)])
        self.service.transition(backup, _BACKUP, "ACTIVE", also=self._backed_up, request=request)
        return self.service.show(backup, request=request)

    def new(self, system: Record, call: Call | None, doc: Document, creation: str) -> Record:
        """A backup that is being made. `creation`: MANUAL or AUTOMATIC."""
        body = call.body if call else {}
        snapshot = {name: system.doc[name] for name in _SNAPSHOT if system.doc.get(name) is not None}
        if admin := system.private.get("admin"):
            snapshot["adminUsername"] = admin
        now = self.clock.timestamp()
        return self.service.create(
            "backup",
            call,
            {
                "compartmentId": system.compartment,
                "dbSystemId": system.id,
                "dbSystemSnapshot": snapshot,
                "creationType": creation,
                "backupType": body.get("backupType") or "INCREMENTAL",
                "retentionInDays": body.get("retentionInDays") or 365,
                "softDelete": body.get("softDelete") or "DISABLED",
                "lifecycleDetails": "",
                "backupSizeInGBs": 1,
                "dataStorageSizeInGBs": system.doc["dataStorageSizeInGBs"],
                "mysqlVersion": system.doc["mysqlVersion"],
                "shapeName": system.doc["shapeName"],
                "timeUpdated": now,
            }
            | doc,
            state="CREATING",
            compartment=system.compartment,
        )

    def make_due(self, now: dt.datetime) -> list[str]:
        """Make the automatic backups whose time has come, and give their OCIDs. A DB system is backed up once a day,
        after its window's begin."""
        made = []
        for system in self.service.living("db_system"):
            policy = system.doc["backupPolicy"]
            if system.state != "ACTIVE" or not policy["isEnabled"] or system.doc["crashRecovery"] == "DISABLED":
                continue
            last = system.private.get("backed_up") or system.doc["timeCreated"]
            if model.moment(last, "timeCreated") >= model.window_begin(policy["windowStartTime"], now):
                continue
            system.private["backed_up"] = self.clock.timestamp(now)
            self.store.save(system, etag=False)
            name = f"{system.doc['displayName']} - automatic backup {now:%Y-%m-%d}"
            doc = {
                "displayName": name,
                "retentionInDays": policy["retentionInDays"],
                "softDelete": policy["softDelete"],
            }
            doc |= {label: policy[label] for label in ("freeformTags", "definedTags")}
            backup = self.new(system, None, doc, "AUTOMATIC")
            self.service.update(backup, {}, private={"daily": True})
            self.service.transition(backup, _BACKUP, "ACTIVE", also=self._backed_up)
            made.append(backup.id)
        return made

    async def remove_old(self, now: dt.datetime) -> None:
        """Remove the daily backups that were kept for their days."""
        for backup in self.service.living("backup"):
            until = model.moment(backup.doc["timeCreated"], "timeCreated") + dt.timedelta(
                days=backup.doc["retentionInDays"]
            )
            if backup.private.get("daily") and backup.state == "ACTIVE" and until <= now:
                await self.remove(backup)

    @step
    async def _backed_up(self, backup: Record, request: WorkRequest | None) -> None:
        await self._servers.dump(self.service.get("db_system", backup.doc["dbSystemId"]), backup)

    @operation
    async def list_backups(self, call: Call) -> Reply:
        """The backups of a compartment."""
        return self.service.list("backup", call, {"backup_id": lambda backup, value: backup.id == value})

    @operation
    async def update_backup(self, call: Call) -> Reply:
        """Change names, tags and retention of a backup."""
        backup = self._named(call, "ACTIVE")
        _check_retention(call.body)
        fields = ("displayName", "description", "softDelete", "retentionInDays", "freeformTags", "definedTags")
        return self.service.show(self.service.apply(backup, call, *fields))

    @operation
    async def change_backup_compartment(self, call: Call) -> Reply:
        """Move a backup."""
        return self.service.move(self._named(call, "ACTIVE"), call)

    @operation
    async def delete_backup(self, call: Call) -> Reply:
        """Delete a backup; with soft delete in seven days."""
        backup = self._named(call, "ACTIVE", "INACTIVE", "FAILED")
        request = begun(self.service, "DELETE_BACKUP", [("DELETED", _BK, backup)])
        if backup.doc["softDelete"] == "ENABLED" and backup.state == "ACTIVE":
            when = self.clock.now() + dt.timedelta(days=7)
            self.service.update(backup, {}, state="DELETE_SCHEDULED", private={"delete_at": when.timestamp()})
            request.finish()
        else:
            self.service.transition(
                backup, _BACKUP_DELETE, "DELETED", via="DELETING", also=self._backup_deleted, request=request
            )
        return self.service.accepted(request)

    @operation
    async def cancel_backup_deletion(self, call: Call) -> Reply:
        """Cancel the deletion of a backup with soft delete."""
        backup = self._named(call, "DELETE_SCHEDULED")
        return self.service.accepted(
            record=self.service.update(backup, {}, state="ACTIVE", private={"delete_at": None})
        )

    @step
    async def _backup_deleted(self, backup: Record, request: WorkRequest | None) -> None:
        await self._servers.delete_dump(backup)

    async def remove(self, backup: Record) -> None:
        """Delete a backup and its data now."""
        await self._servers.delete_dump(backup)
        self.service.retire(backup)

    async def make_final(self, system: Record) -> None:
        """Make the backup that a deletion policy requires, once."""
        if any(backup.private.get("final") for backup in self.of(system)):
            return
        labels = {name: system.doc["backupPolicy"][name] for name in ("freeformTags", "definedTags")}
        name = f"{system.doc['displayName']} - final backup"
        backup = self.new(system, None, {"displayName": name} | labels, "AUTOMATIC")
        self.service.update(backup, {}, private={"final": True})
        await self._servers.dump(system, backup)
        self.service.update(self.service.get("backup", backup.id), {}, state="ACTIVE")

    def recovery(self, system: Record) -> Document | None:
        """From when to when a DB system can be recovered to a point in time; None where its policy does not say so, or
        no backup is there yet."""
        copied = [backup.private["copied"] for backup in self._copies(system)]
        if not system.doc["backupPolicy"]["pitrPolicy"]["isEnabled"] or not copied:
            return None
        return {"timeEarliestRecoveryPoint": min(copied), "timeLatestRecoveryPoint": self.clock.timestamp()}

    def before(self, system: Record, point: str | None) -> Record:
        """The backup that a recovery begins with. Raises the service's error where the DB system cannot be recovered to
        that point (RFC 3339; None: the last change)."""
        span = self.recovery(system)
        if span is None:
            raise invalid(
                f"DB System {system.id} has no point-in-time recovery: its policy, or the first backup, is lacking"
            )
        if not self._servers.keeps_logs(system):
            raise not_implemented("recovery to a point in time where the server is MariaDB")
        earliest, latest = (model.moment(value, name) for name, value in span.items())
        wanted = model.moment(point, "source.recoveryPoint") if point else latest
        if not earliest <= wanted <= latest:
            raise invalid(f"source.recoveryPoint must be from {' to '.join(span.values())}: '{point}'")
        fitting = [one for one in self._copies(system) if model.moment(one.private["copied"], "copied") <= wanted]
        return max(fitting, key=lambda one: str(one.private["copied"]))

    def _copies(self, system: Record) -> list[Record]:
        return [backup for backup in self.of(system) if backup.state == "ACTIVE" and "copied" in backup.private]

    def of(self, system: Record) -> list[Record]:
        """The backups of a DB system."""
        return [backup for backup in self.service.living("backup") if backup.doc["dbSystemId"] == system.id]

    def _named(self, call: Call, *states: str) -> Record:
        return in_state(self.service.get("backup", call.path["backup_id"]), *states)


def _check_retention(body: Document) -> None:
    days = body.get("retentionInDays")
    if days is not None and not 1 <= days <= 36500:
        raise invalid(f"retentionInDays must be between 1 and 36500: {days}")
