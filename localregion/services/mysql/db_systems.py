# SPDX-License-Identifier: GPL-3.0-or-later
"""DB systems: what their operations check and answer, and what happens with their changes of state.

The administrator's password is kept, sealed, only until the server has it.
"""

from __future__ import annotations

import contextlib

from localregion.core.errors import ServiceError, conflict, incorrect_state, invalid, not_implemented
from localregion.core.store import Document, Record
from localregion.services import lookup
from localregion.services.base import Part, Service
from localregion.services.mysql import model
from localregion.services.mysql.backups import Backups
from localregion.services.mysql.checks import Checks
from localregion.services.mysql.configurations import Configurations
from localregion.services.mysql.heatwave import HeatWave
from localregion.services.mysql.requests import begun, db_system
from localregion.services.mysql.running_systems import RunningSystems
from localregion.services.mysql.servers import Servers
from localregion.services.registration import operation, step
from localregion.services.resources import SECOND, Call, Reply
from localregion.services.work_requests import WorkRequest

CREATE_MINUTES = 10.0
# Cloud minutes.
_DELETE, _START, _STOP, _RESTART = 3.0, 2.0, 2.0, 2.0
_LIGHT_UPDATE, _UPDATE = 10 * SECOND, 4.0

_DB = "mysqldbsystem"
_RESTARTING = frozenset(
    ("port", "portX", "databaseMode", "shapeName", "crashRecovery", "configurationId", "isHighlyAvailable")
)
"""What a server has to restart for."""


class DbSystems(Part):
    """The operations of DB systems."""

    def __init__(
        self,
        service: Service,
        servers: Servers,
        running: RunningSystems,
        configurations: Configurations,
        backups: Backups,
        heatwave: HeatWave,
    ) -> None:
        super().__init__(service)
        self._servers, self._running, self._configurations = servers, running, configurations
        self._backups, self._heatwave, self._checks = backups, heatwave, Checks(service, backups)

    @operation
    async def create_db_system(self, call: Call) -> Reply:
        """Create a DB system; about ten minutes."""
        body = call.body
        backup, source = self._checks.source(body)
        restored: Document | None = backup.doc["dbSystemSnapshot"] if backup else None
        doc = model.new(body, restored, self.clock.now(), self._configurations.known())
        if restored and not body.get("adminPassword"):
            raise not_implemented("a DB system from a backup without a new administrator's name and password")
        self._checks.labels(body)
        self._checks.network(doc)
        self._checks.groups(doc, body["compartmentId"])
        self._checks.key(call.principal, doc["encryptData"])
        self._checks.free(doc)
        doc |= {"id": self.service.kind("db_system").ocid(), "timeUpdated": self.clock.timestamp()}
        # The address is taken at once: a taken one, or a full subnet, is refused, and the subnet is in use from now on.
        await self._running.attach(str(doc["id"]), doc)
        try:
            system = self.service.create("db_system", call, doc, state="CREATING")
        except ServiceError:
            await self._running.detach(str(doc["id"]))
            raise
        private: Document = {"admin": body.get("adminUsername") or (restored or {}).get("adminUsername")}
        if body.get("adminPassword"):
            private["password"] = self.region.sealer.seal(body["adminPassword"].encode(), system.id)
        if backup:
            private |= {"backup": backup.id, "recovery_point": body["source"].get("recoveryPoint")}
        system = self.service.update(system, {}, private=private)
        if source:
            try:
                await self._servers.keep_logs(source, system)
            except ServiceError:
                await self._running.detach(system.id)
                self.service.retire(system)
                raise
        request = begun(self.service, "CREATE_DBSYSTEM", [("CREATED", _DB, system)])
        self.region.tasks.spawn(self._begin(system.id, request), f"mysql {system.id}")
        self.service.transition(system, CREATE_MINUTES, "ACTIVE", also=self._created, request=request)
        return self.service.show(system, request=request)

    async def _begin(self, system_id: str, request: WorkRequest) -> None:
        """Make the server while the DB system is still CREATING; what goes wrong shows when it is to be ACTIVE."""
        with contextlib.suppress(Exception):
            endpoint = (await self._running.ensure(system_id))["endpoints"][0]
            if request.status == "IN_PROGRESS":
                request.progress(60, f"The server answers at {endpoint['ipAddress']}:{endpoint['port']}")

    @step
    async def _created(self, system: Record, request: WorkRequest | None) -> Document:
        changes = await self._running.ensure(system.id)
        self._forget_password(system.id)
        return changes

    def _forget_password(self, system_id: str) -> None:
        system = self.service.get("db_system", system_id)
        system.private.pop("password", None)
        self.store.save(system, etag=False)

    @operation
    async def list_db_systems(self, call: Call) -> Reply:
        """The DB systems of a compartment."""
        return self.service.list(
            "db_system",
            call,
            {
                "db_system_id": lambda system, value: system.id == value,
                "is_up_to_date": lambda system, value: (model.plain(system.doc["mysqlVersion"]) in _newest()) is value,
            },
        )

    @operation
    async def update_db_system(self, call: Call) -> Reply:
        """Change a DB system: plain fields at once, the others when the work request is done."""
        system = db_system(self.service, call, "ACTIVE", "INACTIVE")
        new = model.changed(system.doc, call.body, self._configurations.known())
        if call.body.get("adminUsername", system.private.get("admin")) != system.private.get("admin"):
            raise invalid("adminUsername cannot be changed")
        self._checks.labels(call.body)
        self._checks.network(new, owner=system.id)
        if "nsgIds" in call.body or "subnetId" in call.body:
            self._checks.groups(new, system.compartment or "")
        if "encryptData" in call.body:
            self._checks.key(call.principal, new["encryptData"])
        changes = {name: value for name, value in new.items() if system.doc.get(name) != value}
        light = {name: value for name, value in changes.items() if name in model.LIGHT_FIELDS}
        heavy = {name: value for name, value in changes.items() if name not in model.LIGHT_FIELDS}
        if system.state == "INACTIVE" and ("adminPassword" in call.body or {"mysqlVersion"} & heavy.keys()):
            raise incorrect_state(f"DB System {system.id} is INACTIVE: start it for this update")
        private: Document = {"update": heavy, "before": system.state}
        if "adminPassword" in call.body:
            private["password"] = self.region.sealer.seal(call.body["adminPassword"].encode(), system.id)
        system = self.service.update(system, light, private=private)
        request = begun(self.service, "UPDATE_DBSYSTEM", [("UPDATED", _DB, system)])
        minutes = _UPDATE if heavy or "password" in private else _LIGHT_UPDATE
        self.service.transition(
            system, minutes, system.state, via="UPDATING", also=self._updated, request=request, failed=system.state
        )
        return self.service.accepted(request, 202, system)

    @step
    async def _updated(self, system: Record, request: WorkRequest | None) -> Document:
        """Carry out what an update asked for. Runs again after a restart, so each step looks first."""
        heavy: Document = system.private.get("update") or {}
        old = dict(system.doc)
        moved = "subnetId" in heavy or ("ipAddress" in heavy and heavy["ipAddress"] != old.get("ipAddress"))
        if moved and "ipAddress" not in heavy:
            heavy["ipAddress"] = None
        changes = dict(heavy)
        system = self.service.update(system, heavy)
        running = system.private.get("before") == "ACTIVE"
        if moved or "hostnameLabel" in heavy:
            async with self._servers.lock(system.id):
                await self._servers.stop(system)
                await self._running.detach(system.id)
        elif running and _RESTARTING & heavy.keys():
            async with self._servers.lock(system.id):
                await self._servers.stop(system)
        if "nsgIds" in heavy:
            for vnic in lookup.network(self.region).vnics.of(system.id):
                await lookup.network(self.region).vnics.set_groups(vnic.id, heavy["nsgIds"])
        if running:
            changes |= await self._running.ensure(system.id)
            await self._servers.set_password(self.service.get("db_system", system.id))
            if "accessMode" in heavy:
                await self._servers.set_access(self.service.get("db_system", system.id))
        elif heavy:
            async with self._servers.lock(system.id):
                changes |= self._running.addresses(system, await self._running.attach(system.id, system.doc))
        self._forget_password(system.id)
        fresh = self.service.get("db_system", system.id)
        fresh.private.pop("update", None)
        self.store.save(fresh, etag=False)
        return changes

    @operation
    async def delete_db_system(self, call: Call) -> Reply:
        """Delete a DB system, as its deletion policy allows."""
        system = db_system(self.service, call, "ACTIVE", "INACTIVE", "FAILED")
        policy = system.doc["deletionPolicy"]
        if policy["isDeleteProtected"]:
            raise conflict(f"DB System {system.id} is protected against deletion by its deletionPolicy")
        if policy["finalBackup"] == "REQUIRE_FINAL_BACKUP" and system.state != "ACTIVE":
            raise incorrect_state("The deletionPolicy requires a final backup, which needs an ACTIVE DB System")
        if policy["finalBackup"] == "REQUIRE_FINAL_BACKUP":
            model.recovers(system.doc, "The final backup of the deletionPolicy")
        request = begun(self.service, "DELETE_DBSYSTEM", [("DELETED", _DB, system)])
        system = self.service.update(system, {}, private={"before": system.state})
        self.service.transition(system, _DELETE, "DELETED", via="DELETING", also=self._deleted, request=request)
        return self.service.accepted(request, 202)

    @step
    async def _deleted(self, system: Record, request: WorkRequest | None) -> Document:
        policy = system.doc["deletionPolicy"]
        if policy["finalBackup"] == "REQUIRE_FINAL_BACKUP":
            await self._backups.make_final(system)
        if policy["automaticBackupRetention"] == "DELETE":
            for backup in self._backups.of(system):
                if backup.doc["creationType"] == "AUTOMATIC" and not backup.private.get("final"):
                    await self._backups.remove(backup)
        async with self._servers.lock(system.id):
            await self._servers.destroy(system)
            await self._running.detach(system.id)
        self._forget_password(system.id)
        return {"endpoints": []} | self._heatwave.remove(system)

    @operation
    async def start_db_system(self, call: Call) -> Reply:
        """INACTIVE to ACTIVE."""
        system = db_system(self.service, call, "INACTIVE")
        request = begun(self.service, "START_DBSYSTEM", [("UPDATED", _DB, system)])
        self.service.transition(
            system, _START, "ACTIVE", via="UPDATING", also=self._started, request=request, failed="INACTIVE"
        )
        return self.service.accepted(request, 202, system)

    @step
    async def _started(self, system: Record, request: WorkRequest | None) -> Document:
        return await self._running.ensure(system.id) | self._heatwave.follow(system, "INACTIVE", "ACTIVE")

    @operation
    async def stop_db_system(self, call: Call) -> Reply:
        """ACTIVE to INACTIVE; its HeatWave cluster stops with it."""
        system = db_system(self.service, call, "ACTIVE")
        model.recovers(system.doc, "Stopping a DB System")
        system = self.service.update(system, {}, private={"shutdown": call.body["shutdownType"]})
        request = begun(self.service, "STOP_DBSYSTEM", [("UPDATED", _DB, system)])
        self.service.transition(
            system, _STOP, "INACTIVE", via="UPDATING", also=self._stopped, request=request, failed="ACTIVE"
        )
        return self.service.accepted(request, 202, system)

    @step
    async def _stopped(self, system: Record, request: WorkRequest | None) -> Document:
        async with self._servers.lock(system.id):
            await self._servers.stop(system, system.private.get("shutdown"))
        endpoints = [endpoint | {"status": "INACTIVE"} for endpoint in system.doc.get("endpoints", [])]
        return {"endpoints": endpoints} | self._heatwave.follow(system, "ACTIVE", "INACTIVE")

    @operation
    async def restart_db_system(self, call: Call) -> Reply:
        """ACTIVE to ACTIVE, with a new server process."""
        system = db_system(self.service, call, "ACTIVE")
        model.recovers(system.doc, "Restarting a DB System")
        system = self.service.update(system, {}, private={"shutdown": call.body["shutdownType"]})
        request = begun(self.service, "RESTART_DBSYSTEM", [("UPDATED", _DB, system)])
        self.service.transition(system, _RESTART, "ACTIVE", via="UPDATING", also=self._restarted, request=request)
        return self.service.accepted(request, 202, system)

    @step
    async def _restarted(self, system: Record, request: WorkRequest | None) -> Document:
        async with self._servers.lock(system.id):
            await self._servers.stop(system, system.private.get("shutdown"))
        return await self._running.ensure(system.id)

    async def patch(self) -> list[str]:
        """Do what the service does in a maintenance window: the next update (-u1 to -u2) of each ACTIVE DB system's
        version. For tests and `POST /maintenance` of the control socket; gives the OCIDs."""
        patched = []
        for system in self.service.living("db_system"):
            if system.state == "ACTIVE":
                wanted = model.patched(system.doc["mysqlVersion"])
                system = self.service.update(
                    system, {}, private={"update": {"mysqlVersion": wanted}, "before": system.state}
                )
                self.service.transition(system, _UPDATE, "ACTIVE", via="UPDATING", also=self._updated, failed="ACTIVE")
                patched.append(system.id)
        return patched


def _newest() -> set[str]:
    return {all_of[-1] for all_of in model.VERSIONS.values()}
