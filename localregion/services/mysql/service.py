# SPDX-License-Identifier: GPL-3.0-or-later
"""The MySQL Database Service: documents by `mysql_model`, the server itself a MariaDB in a VNIC of the DB system's
subnet.

What MariaDB has no counterpart for is kept as the service shows it and no more: the MySQL version, the two
secondaries of high availability (the address survives a failover there, so clients see no difference), encryption by a
key (which is checked), security attributes, telling contacts, HeatWave clusters (`mysql_heatwave`). Of a custom
configuration the server takes numbers and switches, not sizes of memory. REST, console, read endpoints, own
certificates, telemetry, copies of backups in other regions, replicas and channels answer 501.

The administrator's password is kept, sealed, only until the server has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from localregion.backends.mysql import MysqlError, MysqlServer
from localregion.core.validate import Form
from localregion.host.pki import Authority
from localregion.services.base import (
    SECOND,
    Call,
    Document,
    Kind,
    Record,
    Reply,
    ServiceError,
    WorkRequest,
    conflict,
    incorrect_state,
    invalid,
    limit_exceeded,
    not_found,
    not_implemented,
)
from localregion.services.mysql import model
from localregion.services.mysql.heatwave import ACCESS, KIND, HeatWave
from localregion.services.network.rules import check_security_attributes
from localregion.services.registration import operation, step
from localregion.services.sealing import Sealer, sealer

if TYPE_CHECKING:
    from localregion.access.policies import Principal
    from localregion.services.context import Context
    from localregion.services.identity.service import Identity
    from localregion.services.kms import Kms
    from localregion.services.network.addresses import Vnic
    from localregion.services.network.service import Network

# Cloud minutes.
_CREATE, _DELETE, _START, _STOP, _RESTART = 10.0, 3.0, 2.0, 2.0, 2.0
_LIGHT_UPDATE, _UPDATE, _BACKUP, _BACKUP_DELETE = 10 * SECOND, 4.0, 2.0, 0.5

_DB, _BK = "mysqldbsystem", "mysqlbackup"
_SNAPSHOT = [
    "id",
    "displayName",
    "description",
    "compartmentId",
    "subnetId",
    "nsgIds",
    "availabilityDomain",
    "faultDomain",
    "shapeName",
    "mysqlVersion",
    "backupPolicy",
    "configurationId",
    "dataStorageSizeInGBs",
    "dataStorage",
    "hostnameLabel",
    "ipAddress",
    "port",
    "portX",
    "isHighlyAvailable",
    "endpoints",
    "maintenance",
    "deletionPolicy",
    "freeformTags",
    "definedTags",
    "crashRecovery",
    "databaseManagement",
    "secureConnections",
    "encryptData",
]


FORM = Form(
    nulls=True,
    empty={
        "nsgIds": [], "endpoints": [], "channels": [], "customerContacts": [], "excludeIps": [], "logs": [],
        "options": [], "maintenanceDisabledWindows": [], "copyPolicies": [],
    },
    nullable=frozenset({"DbSystem.mysqlVersion", "DbSystemSummary.mysqlVersion"}),
)  # fmt: skip
"""How the service writes: recorded of a DB system that is made; of the rest a guess by that."""


class Mysql(HeatWave):
    """DB systems, their backups and HeatWave clusters."""

    name = "mysql"
    package = "mysql"
    form = FORM
    etag_without_document = False
    kinds = (
        Kind("db_system", model="DbSystem", resource="mysql-instances", entity=_DB),
        Kind(
            "configuration",
            model="Configuration",
            resource="mysql-configurations",
            entity="mysqlconfiguration",
            label="mysqlconfiguration",
            operations=(),
        ),
        KIND,
        Kind("backup", model="Backup", resource="mysql-backups", entity=_BK, label="mysqlbackup"),
    )
    work_request_entity = "mysqlworkrequest"
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
        self._locks: dict[str, asyncio.Lock] = {}
        self._servers: dict[str, MysqlServer] = {}

    @property
    def _network(self) -> Network:
        return cast("Network", self.region.services["network"])

    @property
    def _identity(self) -> Identity:
        return cast("Identity", self.region.services["identity"])

    @property
    def _kms(self) -> Kms:
        return cast("Kms", self.region.services["kms"])

    @property
    def _sealer(self) -> Sealer:
        return sealer(self.region.settings.state)

    def _lock(self, record_id: str) -> asyncio.Lock:
        return self._locks.setdefault(record_id, asyncio.Lock())

    async def resume(self) -> None:
        """Start the servers that ran, then take up what was under way."""
        for system in self.living("db_system"):
            stopping = any(t.record == system.id and t.target == "INACTIVE" for t in self.store.transitions(self.name))
            if system.state in ("ACTIVE", "UPDATING") and system.doc.get("endpoints") and not stopping:
                self.region.tasks.spawn(self._ensure(system.id), f"mysql {system.id}")
        await super().resume()

    def finish(self, call: Call, reply: Reply) -> None:
        """Show DB systems that are being made as the service does."""
        if call.operation.response in ("DbSystem", "list[DbSystemSummary]") and reply.doc is not None:
            if isinstance(reply.doc, list):
                reply.doc = [_as_shown(doc) for doc in reply.doc]
            else:
                reply.doc = _as_shown(reply.doc)

    def work_request_ocid(self) -> str:
        """As in the base; this service's have a UUID in them."""
        return self.kind("work_request").ocid(str(uuid.uuid4()))

    def _begun(self, call: Call, kind: str, resources: Sequence[tuple[str, str, Record | str]]) -> WorkRequest:
        """A work request that is under way from the start."""
        request = self.work_request(call, kind, resources)
        request._change({"status": "IN_PROGRESS", "timeStarted": self.clock.timestamp()})
        request.progress(5, "The request is being carried out")
        return request

    # DB systems

    @operation
    async def create_db_system(self, call: Call) -> Reply:
        """Create a DB system; about ten minutes."""
        body = call.body
        restored = self._source(body)
        doc = model.new(body, restored, self.clock.now(), self._known())
        if restored and not body.get("adminPassword"):
            raise not_implemented("a DB system from a backup without a new administrator's name and password")
        self._check_labels(body)
        self._check_network(doc)
        self._check_groups(doc, body["compartmentId"])
        self._check_key(call.principal, doc["encryptData"])
        self._check_free(doc)
        doc |= {"id": self.kind("db_system").ocid(), "timeUpdated": self.clock.timestamp()}
        # The address is taken at once: a taken one, or a full subnet, is refused, and the subnet is in use from now on.
        await self._attach(str(doc["id"]), doc)
        try:
            system = self.create("db_system", call, doc, state="CREATING")
        except ServiceError:
            await self._detach(str(doc["id"]))
            raise
        private: Document = {"admin": body.get("adminUsername") or (restored or {}).get("adminUsername")}
        if body.get("adminPassword"):
            private["password"] = self._sealer.seal(body["adminPassword"].encode(), system.id)
        if restored:
            private["backup"] = body["source"]["backupId"]
        system = self.update(system, {}, private=private)
        request = self._begun(call, "CREATE_DBSYSTEM", [("CREATED", _DB, system)])
        self.region.tasks.spawn(self._begin(system.id, request), f"mysql {system.id}")
        self.transition(system, _CREATE, "ACTIVE", also=self._created, request=request)
        return self.show(system, request=request)

    def _source(self, body: Document) -> Document | None:
        """The document of the DB system that a backup named in the body was made of."""
        source = body.get("source") or {"sourceType": "NONE"}
        if source["sourceType"] == "NONE":
            return None
        if source["sourceType"] != "BACKUP":
            raise not_implemented(f"DB systems from a source of type {source['sourceType']}")
        backup = self.get("backup", source["backupId"], related=True)
        if backup.state != "ACTIVE":
            raise incorrect_state(f"Backup {backup.id} is in state {backup.state}, not ACTIVE")
        snapshot: Document = backup.doc["dbSystemSnapshot"]
        return snapshot

    def _check_network(self, doc: Document, *, owner: str = "") -> None:
        subnet = self._network.check_placement(doc["subnetId"], doc["nsgIds"])
        label = doc.get("hostnameLabel")
        for vnic in self._network.living("vnic", parent=subnet.id):
            if label and vnic.doc.get("hostnameLabel") == label and vnic.private["owner"] != owner:
                raise invalid(f"hostnameLabel '{label}' is in use in subnet {subnet.id}")

    def _check_groups(self, doc: Document, compartment: str) -> None:
        """What the DB system itself needs to join its groups, whoever makes it. The status is a guess: only the code is
        known of the service."""
        groups = [self._network.get("network_security_group", group).compartment or "" for group in doc["nsgIds"]]
        subnet = self._network.get("subnet", doc["subnetId"]).compartment or ""
        if lacking := self.region.iam.missing_for_db_system(compartment, subnet=subnet, groups=groups):
            raise ServiceError(
                404,
                "AuthorizationFailed",
                f"DB Systems of compartment {compartment} may not join network security groups: a policy has to give"
                f" request.principal.type='mysqldbsystem' {', '.join(lacking)}",
            )

    def _check_free(self, doc: Document) -> None:
        """A tenancy has one Always Free DB system."""
        if doc["shapeName"] != "MySQL.Free":
            return
        if there := [system.id for system in self.living("db_system") if system.doc["shapeName"] == "MySQL.Free"]:
            raise limit_exceeded(f"A tenancy has one Always Free DB System: {there[0]}")

    def _check_labels(self, body: Document) -> None:
        """The tags of the backups to come, and security attributes: labels, since the region has no policies of ZPR."""
        self._identity.check_tags(body.get("backupPolicy") or {})
        check_security_attributes(body.get("securityAttributes") or {})

    def _check_key(self, principal: Principal, encryption: Document) -> None:
        if encryption.get("keyGenerationType") == "BYOK":
            self._kms.may_use(principal, encryption["keyId"])

    async def _begin(self, system_id: str, request: WorkRequest) -> None:
        """Make the server while the DB system is still CREATING; what goes wrong shows when it is to be ACTIVE."""
        with contextlib.suppress(Exception):
            endpoint = (await self._ensure(system_id))["endpoints"][0]
            if request._fresh().doc["status"] == "IN_PROGRESS":
                request.progress(60, f"The server answers at {endpoint['ipAddress']}:{endpoint['port']}")

    @step
    async def _created(self, system: Record, request: WorkRequest | None) -> Document:
        changes = await self._ensure(system.id)
        self._forget_password(system.id)
        return changes

    def _forget_password(self, system_id: str) -> None:
        system = self.get("db_system", system_id)
        system.private.pop("password", None)
        self.store.save(system, etag=False)

    async def _ensure(self, system_id: str) -> Document:
        """Give the DB system its VNIC and its server; idempotent. The document's fields that follow from them."""
        async with self._lock(system_id):
            system = self.get("db_system", system_id)
            vnic = await self._attach(system.id, system.doc)
            await self._start_server(system, vnic)
            return self._addresses(system, vnic)

    async def _attach(self, system_id: str, doc: Document) -> Vnic:
        return await self._network.attach_vnic(
            subnet_id=doc["subnetId"],
            display_name="mysql",  # not the DB system's name: that changes
            owner_id=system_id,
            nsg_ids=doc["nsgIds"],
            hostname=doc.get("hostnameLabel"),
            private_ip=doc.get("ipAddress"),
        )

    async def _detach(self, system_id: str) -> None:
        for vnic in self._network.vnics_of(system_id):
            await self._network.detach_vnic(vnic.id)

    def _addresses(self, system: Record, vnic: Vnic) -> Document:
        doc = system.doc
        endpoint = {
            "ipAddress": vnic.private_ip,
            "ipAddressVersion": "IPV4",
            "port": doc["port"],
            "portX": doc["portX"],
            "modes": ["READ", "WRITE"] if doc["databaseMode"] == "READ_WRITE" else ["READ"],
            "status": "ACTIVE",
            "resourceType": "DBSYSTEM",
            "resourceId": system.id,
        }
        if doc.get("hostnameLabel") and vnic.fqdn:
            endpoint["hostname"] = vnic.fqdn
        return {"ipAddress": vnic.private_ip, "endpoints": [endpoint]}

    @operation
    async def list_db_systems(self, call: Call) -> Reply:
        """The DB systems of a compartment."""
        return self.list(
            "db_system",
            call,
            {
                "db_system_id": lambda system, value: system.id == value,
                "is_up_to_date": lambda system, value: (model.plain(system.doc["mysqlVersion"]) in _newest()) is value,
            },
        )

    def _steady(self, call: Call, *states: str) -> Record:
        """The DB system of a call in one of these states; else 409."""
        system = self.get("db_system", call.path["db_system_id"])
        if system.state not in states:
            raise incorrect_state(f"DB System {system.id} is in state {system.state}, not {' or '.join(states)}")
        return system

    @operation
    async def update_db_system(self, call: Call) -> Reply:
        """Change a DB system: plain fields at once, the others when the work request is done."""
        system = self._steady(call, "ACTIVE", "INACTIVE")
        new = model.changed(system.doc, call.body, self._known())
        if call.body.get("adminUsername", system.private.get("admin")) != system.private.get("admin"):
            raise invalid("adminUsername cannot be changed")
        self._check_labels(call.body)
        self._check_network(new, owner=system.id)
        if "nsgIds" in call.body or "subnetId" in call.body:
            self._check_groups(new, system.compartment or "")
        if "encryptData" in call.body:
            self._check_key(call.principal, new["encryptData"])
        changes = {name: value for name, value in new.items() if system.doc.get(name) != value}
        light = {name: value for name, value in changes.items() if name in model.LIGHT_FIELDS}
        heavy = {name: value for name, value in changes.items() if name not in model.LIGHT_FIELDS}
        if system.state == "INACTIVE" and ("adminPassword" in call.body or {"mysqlVersion"} & heavy.keys()):
            raise incorrect_state(f"DB System {system.id} is INACTIVE: start it for this update")
        private: Document = {"update": heavy, "before": system.state}
        if "adminPassword" in call.body:
            private["password"] = self._sealer.seal(call.body["adminPassword"].encode(), system.id)
        system = self.update(system, light, private=private)
        request = self._begun(call, "UPDATE_DBSYSTEM", [("UPDATED", _DB, system)])
        minutes = _UPDATE if heavy or "password" in private else _LIGHT_UPDATE
        self.transition(
            system, minutes, system.state, via="UPDATING", also=self._updated, request=request, failed=system.state
        )
        return self.accepted(request, 202, system)

    @step
    async def _updated(self, system: Record, request: WorkRequest | None) -> Document:
        """Carry out what an update asked for. Runs again after a restart, so each step looks first."""
        heavy: Document = system.private.get("update") or {}
        old = dict(system.doc)
        moved = "subnetId" in heavy or ("ipAddress" in heavy and heavy["ipAddress"] != old.get("ipAddress"))
        if moved and "ipAddress" not in heavy:
            heavy["ipAddress"] = None
        changes = dict(heavy)
        system = self.update(system, heavy)
        running = system.private.get("before") == "ACTIVE"
        if moved or "hostnameLabel" in heavy:
            async with self._lock(system.id):
                await self._stop_server(system)
                await self._detach(system.id)
        elif (
            running
            and {"port", "portX", "databaseMode", "shapeName", "crashRecovery", "configurationId"} & heavy.keys()
        ):
            async with self._lock(system.id):
                await self._stop_server(system)
        if "nsgIds" in heavy:
            for vnic in self._network.vnics_of(system.id):
                await self._network.set_vnic_groups(vnic.id, heavy["nsgIds"])
        if running:
            changes |= await self._ensure(system.id)
            await self._set_password(self.get("db_system", system.id))
            if "accessMode" in heavy:
                await self._set_access(self.get("db_system", system.id))
        elif heavy:
            async with self._lock(system.id):
                changes |= self._addresses(system, await self._attach(system.id, system.doc))
        self._forget_password(system.id)
        fresh = self.get("db_system", system.id)
        fresh.private.pop("update", None)
        self.store.save(fresh, etag=False)
        return changes

    @operation
    async def delete_db_system(self, call: Call) -> Reply:
        """Delete a DB system, as its deletion policy allows."""
        system = self._steady(call, "ACTIVE", "INACTIVE", "FAILED")
        policy = system.doc["deletionPolicy"]
        if policy["isDeleteProtected"]:
            raise conflict(f"DB System {system.id} is protected against deletion by its deletionPolicy")
        if policy["finalBackup"] == "REQUIRE_FINAL_BACKUP" and system.state != "ACTIVE":
            raise incorrect_state("The deletionPolicy requires a final backup, which needs an ACTIVE DB System")
        if policy["finalBackup"] == "REQUIRE_FINAL_BACKUP":
            model.recovers(system.doc, "The final backup of the deletionPolicy")
        request = self._begun(call, "DELETE_DBSYSTEM", [("DELETED", _DB, system)])
        system = self.update(system, {}, private={"before": system.state})
        self.transition(system, _DELETE, "DELETED", via="DELETING", also=self._deleted, request=request)
        return self.accepted(request, 202)

    @step
    async def _deleted(self, system: Record, request: WorkRequest | None) -> Document:
        policy = system.doc["deletionPolicy"]
        backups = [b for b in self.living("backup") if b.doc["dbSystemId"] == system.id]
        if policy["finalBackup"] == "REQUIRE_FINAL_BACKUP" and not any(b.private.get("final") for b in backups):
            labels = {name: system.doc["backupPolicy"][name] for name in ("freeformTags", "definedTags")}
            backup = self._new_backup(
                system, None, {"displayName": f"{system.doc['displayName']} - final backup"} | labels, "AUTOMATIC"
            )
            self.update(backup, {}, private={"final": True})
            await self._dump(system, backup)
            self.update(self.get("backup", backup.id), {}, state="ACTIVE")
        if policy["automaticBackupRetention"] == "DELETE":
            for backup in backups:
                if backup.doc["creationType"] == "AUTOMATIC" and not backup.private.get("final"):
                    await self._backup_deleted(backup, None)
                    self.retire(backup)
        async with self._lock(system.id):
            await self._destroy_server(system)
            await self._detach(system.id)
        self._forget_password(system.id)
        return {"endpoints": []} | self.cluster_goes(system)

    @operation
    async def start_db_system(self, call: Call) -> Reply:
        """INACTIVE to ACTIVE."""
        system = self._steady(call, "INACTIVE")
        request = self._begun(call, "START_DBSYSTEM", [("UPDATED", _DB, system)])
        self.transition(
            system, _START, "ACTIVE", via="UPDATING", also=self._started, request=request, failed="INACTIVE"
        )
        return self.accepted(request, 202, system)

    @step
    async def _started(self, system: Record, request: WorkRequest | None) -> Document:
        return await self._ensure(system.id) | self.cluster_follows(system, "INACTIVE", "ACTIVE")

    @operation
    async def stop_db_system(self, call: Call) -> Reply:
        """ACTIVE to INACTIVE; its HeatWave cluster stops with it."""
        system = self._steady(call, "ACTIVE")
        model.recovers(system.doc, "Stopping a DB System")
        system = self.update(system, {}, private={"shutdown": call.body["shutdownType"]})
        request = self._begun(call, "STOP_DBSYSTEM", [("UPDATED", _DB, system)])
        self.transition(system, _STOP, "INACTIVE", via="UPDATING", also=self._stopped, request=request, failed="ACTIVE")
        return self.accepted(request, 202, system)

    @step
    async def _stopped(self, system: Record, request: WorkRequest | None) -> Document:
        async with self._lock(system.id):
            await self._stop_server(system, system.private.get("shutdown"))
        endpoints = [endpoint | {"status": "INACTIVE"} for endpoint in system.doc.get("endpoints", [])]
        return {"endpoints": endpoints} | self.cluster_follows(system, "ACTIVE", "INACTIVE")

    @operation
    async def restart_db_system(self, call: Call) -> Reply:
        """ACTIVE to ACTIVE, with a new server process."""
        system = self._steady(call, "ACTIVE")
        model.recovers(system.doc, "Restarting a DB System")
        system = self.update(system, {}, private={"shutdown": call.body["shutdownType"]})
        request = self._begun(call, "RESTART_DBSYSTEM", [("UPDATED", _DB, system)])
        self.transition(system, _RESTART, "ACTIVE", via="UPDATING", also=self._restarted, request=request)
        return self.accepted(request, 202, system)

    @step
    async def _restarted(self, system: Record, request: WorkRequest | None) -> Document:
        async with self._lock(system.id):
            await self._stop_server(system, system.private.get("shutdown"))
        return await self._ensure(system.id)

    # maintenance of the service's own

    async def patch_db_systems(self) -> list[str]:
        """Do what the service does in a maintenance window: the next update (-u1 to -u2) of each ACTIVE DB system's
        version. For tests and `POST /maintenance` of the control socket; gives the OCIDs."""
        patched = []
        for system in self.living("db_system"):
            if system.state == "ACTIVE":
                wanted = model.patched(system.doc["mysqlVersion"])
                system = self.update(system, {}, private={"update": {"mysqlVersion": wanted}, "before": system.state})
                self.transition(system, _UPDATE, "ACTIVE", via="UPDATING", also=self._updated, failed="ACTIVE")
                patched.append(system.id)
        return patched

    # backups

    @operation
    async def create_backup(self, call: Call) -> Reply:
        """Back a DB system up."""
        body = call.body
        system = self.get("db_system", body["dbSystemId"], related=True)
        if system.state != "ACTIVE":
            raise incorrect_state(f"DB System {system.id} is in state {system.state}, not ACTIVE")
        model.recovers(system.doc, "A backup")
        _retention(body)
        backup = self._new_backup(system, call, {}, "MANUAL")
        request = self._begun(call, "CREATE_BACKUP", [("CREATED", _BK, backup), ("RELATED", _DB, system)])
        self.transition(backup, _BACKUP, "ACTIVE", also=self._backed_up, request=request)
        return self.show(backup, request=request)

    def _new_backup(self, system: Record, call: Call | None, doc: Document, creation: str) -> Record:
        body = call.body if call else {}
        snapshot = {name: system.doc[name] for name in _SNAPSHOT if system.doc.get(name) is not None}
        if admin := system.private.get("admin"):
            snapshot["adminUsername"] = admin
        now = self.clock.timestamp()
        return self.create(
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

    @step
    async def _backed_up(self, backup: Record, request: WorkRequest | None) -> None:
        await self._dump(self.get("db_system", backup.doc["dbSystemId"]), backup)

    @operation
    async def list_backups(self, call: Call) -> Reply:
        """The backups of a compartment."""
        return self.list("backup", call, {"backup_id": lambda backup, value: backup.id == value})

    def _backup_in(self, call: Call, *states: str) -> Record:
        backup = self.get("backup", call.path["backup_id"])
        if backup.state not in states:
            raise incorrect_state(f"Backup {backup.id} is in state {backup.state}, not {' or '.join(states)}")
        return backup

    @operation
    async def update_backup(self, call: Call) -> Reply:
        """Change names, tags and retention of a backup."""
        backup = self._backup_in(call, "ACTIVE")
        _retention(call.body)
        fields = ("displayName", "description", "softDelete", "retentionInDays", "freeformTags", "definedTags")
        return self.show(self.apply(backup, call, *fields))

    @operation
    async def change_backup_compartment(self, call: Call) -> Reply:
        """Move a backup."""
        return self.move(self._backup_in(call, "ACTIVE"), call)

    @operation
    async def delete_backup(self, call: Call) -> Reply:
        """Delete a backup; with soft delete in seven days."""
        backup = self._backup_in(call, "ACTIVE", "INACTIVE", "FAILED")
        request = self._begun(call, "DELETE_BACKUP", [("DELETED", _BK, backup)])
        if backup.doc["softDelete"] == "ENABLED" and backup.state == "ACTIVE":
            when = self.clock.now() + dt.timedelta(days=7)
            self.update(backup, {}, state="DELETE_SCHEDULED", private={"delete_at": when.timestamp()})
            request.finish()
        else:
            self.transition(
                backup, _BACKUP_DELETE, "DELETED", via="DELETING", also=self._backup_deleted, request=request
            )
        return self.accepted(request)

    @operation
    async def cancel_backup_deletion(self, call: Call) -> Reply:
        """Keep a backup that soft delete holds."""
        backup = self._backup_in(call, "DELETE_SCHEDULED")
        return self.accepted(record=self.update(backup, {}, state="ACTIVE", private={"delete_at": None}))

    async def expire(self, record: Record) -> None:
        """The seven days of a deleted backup are over."""
        await self._delete_dump(record)
        self.retire(record)

    @step
    async def _backup_deleted(self, backup: Record, request: WorkRequest | None) -> None:
        await self._delete_dump(backup)

    # catalogues

    @operation
    async def list_shapes(self, call: Call) -> Reply:
        """Shapes of DB systems and HeatWave clusters."""
        shapes = [
            {"name": name, "cpuCoreCount": cpus, "memorySizeInGBs": memory, "isSupportedFor": ["DBSYSTEM"]}
            for name, (cpus, memory) in model.SHAPES.items()
        ] + [
            {"name": name, "cpuCoreCount": cpus, "memorySizeInGBs": memory, "isSupportedFor": ["HEATWAVECLUSTER"]}
            for name, (cpus, memory, _) in model.HEATWAVE_SHAPES.items()
        ]
        if wanted := call.query.get("is_supported_for"):
            shapes = [shape for shape in shapes if set(wanted) & set(cast("list[str]", shape["isSupportedFor"]))]
        if name := call.query.get("name"):
            shapes = [shape for shape in shapes if shape["name"] == name]
        return self.page(call, shapes)

    @operation
    async def list_versions(self, call: Call) -> Reply:
        """MySQL versions by family."""
        return self.page(
            call,
            [
                {
                    "versionFamily": family,
                    "versions": [
                        {"version": version, "description": f"MySQL {version}"} for version in reversed(all_of)
                    ],
                }
                for family, all_of in model.VERSIONS.items()
            ],
        )

    @operation
    async def list_configurations(self, call: Call) -> Reply:
        """The default configurations of the shapes."""
        query = call.query
        if not self.region.compartment_exists(query["compartment_id"]):
            raise not_found()
        compartment = query["compartment_id"]
        custom = [record.doc for record in self.living("configuration", compartment=compartment)]
        found = [*model.configurations().values(), *custom]
        for name, field in (
            ("configuration_id", "id"),
            ("lifecycle_state", "lifecycleState"),
            ("display_name", "displayName"),
            ("shape_name", "shapeName"),
        ):
            if name in query:
                found = [doc for doc in found if doc[field] == query[name]]
        if "type" in query:
            found = [doc for doc in found if doc["type"] in query["type"]]
        # DEFAULT before CUSTOM
        found.sort(key=lambda doc: (doc["shapeName"], doc["type"] == "CUSTOM", doc["displayName"]))
        return self.page(call, found)

    def _known(self) -> dict[str, Document]:
        """Default and custom configurations by OCID."""
        custom = {record.id: record.doc for record in self.living("configuration")}
        return model.configurations() | custom

    @operation
    async def get_configuration(self, call: Call) -> Reply:
        """A configuration, default or custom."""
        default = model.configurations().get(call.path["configuration_id"])
        if default is not None:
            return Reply(200, default)
        return self.show(self.get("configuration", call.path["configuration_id"], dead=True))

    @operation
    async def create_configuration(self, call: Call) -> Reply:
        """Create a custom configuration: variables over those of a parent or of the shape's default."""
        body = call.body
        if body.get("options") or body.get("initVariables"):
            raise not_implemented("options and initialization variables of configurations")
        model.shape(body["shapeName"])
        parent_id = body.get("parentConfigurationId") or model.configuration_id(body["shapeName"], False)
        parent = self._known().get(parent_id)
        if parent is None:
            raise not_found()
        if parent["shapeName"] != body["shapeName"]:
            raise invalid(f"parentConfigurationId: {parent_id} is for shape {parent['shapeName']}")
        made = self.create(
            "configuration",
            call,
            {
                "type": "CUSTOM",
                "variables": parent["variables"] | (body.get("variables") or {}),
                "options": [],
                "parentConfigurationId": parent_id,
                "timeUpdated": self.clock.timestamp(),
            },
            state="ACTIVE",
            private={"given": _given_variables(self.store.find(parent_id)) | (body.get("variables") or {})},
        )
        return self.show(made)

    @operation
    async def update_configuration(self, call: Call) -> Reply:
        """Change names and tags; the variables of a configuration never change."""
        found = self.get("configuration", call.path["configuration_id"])
        return self.show(self.apply(found, call, "displayName", "description", "freeformTags", "definedTags"))

    @operation
    async def delete_configuration(self, call: Call) -> Reply:
        """Delete a custom configuration that no DB system uses."""
        found = self.get("configuration", call.path["configuration_id"])
        users = [system.id for system in self.living("db_system") if system.doc["configurationId"] == found.id]
        if users:
            raise conflict(f"Configuration {found.id} is in use by {', '.join(users)}")
        self.retire(found)
        return self.accepted()

    # the server: MariaDB

    def _server(self, system: Record) -> MysqlServer:
        if system.id not in self._servers:
            state = self.region.settings.state
            authority = Authority.load_or_create(state, f"okestack {self.region.settings.name} region")
            self._servers[system.id] = MysqlServer(
                state / "mysql" / system.id.rsplit(".", 1)[-1][-16:], authority=authority
            )
        return self._servers[system.id]

    async def _start_server(self, system: Record, vnic: Vnic) -> None:
        """Let the server run in the VNIC's namespace and answer; makes it from nothing the first time."""
        if self.region.settings.pure:
            return
        doc, private = system.doc, system.private
        password = self._sealer.open(private["password"], system.id).decode() if "password" in private else None
        backup = self.store.find(private.get("backup", ""))
        try:
            await self._server(system).start(
                netns=vnic.netns,
                address=vnic.private_ip,
                names=(vnic.fqdn,) if vnic.fqdn else (),
                port=doc["port"],
                admin=private.get("admin"),
                password=password,
                configuration=_given_variables(self.store.find(doc["configurationId"]), server=True) | _variables(doc),
                restore=self._dump_path(backup) if backup else None,
            )
        except MysqlError as error:
            raise ServiceError(500, "InternalError", f"The server of the DB System does not start: {error}") from error

    async def _stop_server(self, system: Record, shutdown: str | None = None) -> None:
        """Stop the server, FAST unless `shutdown` says SLOW or IMMEDIATE; its data stay."""
        if not self.region.settings.pure:
            await self._server(system).stop(shutdown or "FAST")

    async def _destroy_server(self, system: Record) -> None:
        """Stop the server and delete its data."""
        if not self.region.settings.pure:
            await self._server(system).destroy()
            self._servers.pop(system.id, None)

    async def stop(self) -> None:
        """End the servers; their data stay."""
        await asyncio.gather(*(server.stop() for server in self._servers.values()))

    async def _set_password(self, system: Record) -> None:
        """Give the administrator the password that an update brought, if it did."""
        if self.region.settings.pure or "password" not in system.private:
            return
        password = self._sealer.open(system.private["password"], system.id).decode()
        try:
            await self._server(system).set_admin(system.private["admin"], password)
        except MysqlError as error:
            raise ServiceError(500, "InternalError", f"The password was not changed: {error}") from error

    async def _set_access(self, system: Record) -> None:
        """RESTRICTED lets only the administrator in: the other accounts are locked, and unlocked afterwards.

        In the service that is MySQL's `offline_mode`, which MariaDB does not have.
        """
        if self.region.settings.pure:
            return
        server = self._server(system)
        try:
            if system.doc["accessMode"] == "RESTRICTED":
                locked = await server.lock_accounts()
            else:
                await server.unlock_accounts(system.private.get("locked", []))
                locked = []
        except MysqlError as error:
            raise ServiceError(500, "InternalError", f"The access mode was not changed: {error}") from error
        self.update(self.get("db_system", system.id), {}, private={"locked": locked})

    def _dump_path(self, backup: Record) -> Path:
        return self.region.settings.state / "mysql" / "backups" / f"{backup.id.rsplit('.', 1)[-1]}.sql"

    async def _dump(self, system: Record, backup: Record) -> None:
        """Write the data of a DB system into a backup's file."""
        if self.region.settings.pure:
            return
        try:
            await self._server(system).dump(self._dump_path(backup))
        except MysqlError as error:
            raise ServiceError(500, "InternalError", f"The backup failed: {error}") from error

    async def _delete_dump(self, backup: Record) -> None:
        """Delete a backup's file."""
        self._dump_path(backup).unlink(missing_ok=True)


def _as_shown(doc: Document) -> Document:
    return model.while_creating(doc) if doc["lifecycleState"] == "CREATING" else doc


def _given_variables(configuration: Record | None, *, server: bool = False) -> dict[str, Any]:
    """The variables that a custom configuration was given, in wire names or (`server`) as MariaDB's options."""
    given = dict(configuration.private.get("given", {})) if configuration else {}
    return dict(model.server_variables(given)) if server else given


def _variables(doc: Document) -> dict[str, str]:
    """The document's modes as variables of the server."""
    variables = {}
    if doc["databaseMode"] == "READ_ONLY":
        variables["read_only"] = "ON"
    if doc["crashRecovery"] == "DISABLED":
        variables["innodb_doublewrite"] = "OFF"
    return variables


def _newest() -> set[str]:
    return {all_of[-1] for all_of in model.VERSIONS.values()}


def _retention(body: Document) -> None:
    days = body.get("retentionInDays")
    if days is not None and not 1 <= days <= 36500:
        raise invalid(f"retentionInDays must be between 1 and 36500: {days}")


__all__ = ["Mysql"]
