# SPDX-License-Identifier: GPL-3.0-or-later
"""What is checked of a DB system against the region's other resources before anything changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localregion.core.errors import ServiceError, invalid, limit_exceeded, not_implemented
from localregion.core.store import Document, Record
from localregion.services import lookup
from localregion.services.base import Part, Service
from localregion.services.checks import in_state
from localregion.services.mysql.backups import Backups
from localregion.services.network.rules import check_security_attributes

if TYPE_CHECKING:
    from localregion.access.policies import Principal


class Checks(Part):
    """Each raises the service's error."""

    def __init__(self, service: Service, backups: Backups) -> None:
        super().__init__(service)
        self._backups = backups

    def network(self, doc: Document, *, owner: str = "") -> None:
        """The subnet and groups, and that the host name is free. `owner`: the DB system itself, when it changes."""
        subnet = lookup.network(self.region).vnics.check_placement(doc["subnetId"], doc["nsgIds"])
        label = doc.get("hostnameLabel")
        for vnic in lookup.network(self.region).living("vnic", parent=subnet.id):
            if label and vnic.doc.get("hostnameLabel") == label and vnic.private["owner"] != owner:
                raise invalid(f"hostnameLabel '{label}' is in use in subnet {subnet.id}")

    def groups(self, doc: Document, compartment: str) -> None:
        """What the DB system itself needs to join its groups, whoever makes it. The status is a guess: only the code is
        known of the service."""
        groups = [
            lookup.network(self.region).get("network_security_group", group).compartment or ""
            for group in doc["nsgIds"]
        ]
        subnet = lookup.network(self.region).get("subnet", doc["subnetId"]).compartment or ""
        if lacking := self.region.iam.missing_for_db_system(compartment, subnet=subnet, groups=groups):
            raise ServiceError(
                404,
                "AuthorizationFailed",
                f"DB Systems of compartment {compartment} may not join network security groups: a policy has to give"
                f" request.principal.type='mysqldbsystem' {', '.join(lacking)}",
            )

    def free(self, doc: Document) -> None:
        """A tenancy has one Always Free DB system."""
        if doc["shapeName"] != "MySQL.Free":
            return
        if there := [
            system.id for system in self.service.living("db_system") if system.doc["shapeName"] == "MySQL.Free"
        ]:
            raise limit_exceeded(f"A tenancy has one Always Free DB System: {there[0]}")

    def labels(self, body: Document) -> None:
        """The tags of the backups to come, and security attributes: labels, since the region has no policies of ZPR."""
        lookup.identity(self.region).tags.check(body.get("backupPolicy") or {})
        check_security_attributes(body.get("securityAttributes") or {})

    def key(self, principal: Principal, encryption: Document) -> None:
        """A key of one's own has to be one that the caller may use."""
        if encryption.get("keyGenerationType") == "BYOK":
            lookup.kms(self.region).cryptography.may_use(principal, encryption["keyId"])

    def source(self, body: Document) -> tuple[Record | None, Record | None]:
        """The backup that a new DB system is made of, and the DB system whose later changes it is to have."""
        source = body.get("source") or {"sourceType": "NONE"}
        match source["sourceType"]:
            case "NONE":
                return None, None
            case "BACKUP":
                return in_state(self.service.get("backup", source["backupId"], related=True), "ACTIVE"), None
            case "PITR":
                system = in_state(self.service.get("db_system", source["dbSystemId"], related=True), "ACTIVE")
                return self._backups.before(system, source.get("recoveryPoint")), system
            case other:
                raise not_implemented(f"DB systems from a source of type {other}")
