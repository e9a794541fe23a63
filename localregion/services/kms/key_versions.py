# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of keys: their material, and rotation. Material is made off the event loop and kept sealed."""

from __future__ import annotations

import asyncio
import datetime as dt

from localregion import ocids
from localregion.core.errors import incorrect_state, not_found
from localregion.core.store import Record
from localregion.services.base import Part
from localregion.services.checks import in_state
from localregion.services.kms import material
from localregion.services.kms.endpoints import VaultEndpoints
from localregion.services.kms.rotation import day
from localregion.services.registration import operation, step
from localregion.services.resources import SECOND, Call, Reply
from localregion.services.schedule import DeletesLater, parse_time
from localregion.services.work_requests import WorkRequest


class KeyVersions(Part):
    """The operations of key versions."""

    service: DeletesLater

    def __init__(self, service: DeletesLater, endpoints: VaultEndpoints) -> None:
        super().__init__(service)
        self._endpoints = endpoints

    def _new(self, key: Record) -> Record:
        """A new version of a key, CREATING until its material is made."""
        return self.service.create(
            "key_version",
            None,
            {
                "id": self.service.kind("key_version").ocid(ocids.vault_prefix(key.id), ocids.prefix()),
                "keyId": key.id,
                "vaultId": key.doc["vaultId"],
                "compartmentId": key.doc["compartmentId"],
                "origin": "INTERNAL",
                "isPrimary": True,
                "isAutoRotated": False,
            },
            state="CREATING",
            compartment=key.compartment,
            parent=key.id,
        )

    def make_first(self, key: Record) -> Record:
        """Give a new key its first version; the key is ENABLED ten seconds later."""
        version = self._new(key)
        key = self.service.update(key, {"currentKeyVersion": version.id})
        return self.service.transition(key, 10 * SECOND, "ENABLED", also=self._make_first)

    @step
    async def _make_first(self, key: Record, request: WorkRequest | None) -> None:
        await self._make_material(self.service.get("key_version", key.doc["currentKeyVersion"]), None)

    @step
    async def _make_material(self, version: Record, request: WorkRequest | None) -> None:
        """Make a version's key, once: seconds for large RSA keys, so not in the loop."""
        if "material" in version.private:
            self.service.update(version, {}, state="ENABLED")
            return
        key = self.service.get("key", version.parent)
        made, public = await asyncio.to_thread(material.generate, key.doc["keyShape"])
        self.service.update(
            version,
            {"publicKey": public},
            state="ENABLED",
            private={"material": self.region.sealer.seal(made, version.id)},
        )

    def _version_of(self, call: Call, *, dead: bool = False) -> Record:
        version = self.service.get("key_version", call.path["key_version_id"], dead=dead)
        if version.parent != call.path["key_id"]:
            raise not_found()
        return version

    @operation
    async def create_key_version(self, call: Call) -> Reply:
        """Rotate a key: a new version that is the current one from then on."""
        return self.service.show(self._rotate(in_state(self._endpoints.key(call), "ENABLED")))

    def _rotate(self, key: Record, *, automatic: bool = False) -> Record:
        """Give a key a new version, which becomes the current one; the version."""
        version = self.service.update(self._new(key), {"isAutoRotated": automatic})
        self.service.transition(key, 2 * SECOND, "ENABLED", via="UPDATING")
        self.service.transition(version, 1 * SECOND, "ENABLED", also=self._make_material)
        self.service.update(self.service.get("key", key.id), {"currentKeyVersion": version.id})
        return self.service.get("key_version", version.id)

    @operation
    async def get_key_version(self, call: Call) -> Reply:
        """A version of a key."""
        return self.service.show(self._version_of(call, dead=True))

    @operation
    async def list_key_versions(self, call: Call) -> Reply:
        """The versions of a key, the newest first."""
        key = self._endpoints.key(call)
        return self.service.list("key_version", call, where=lambda version: version.parent == key.id)

    @operation
    async def schedule_key_version_deletion(self, call: Call) -> Reply:
        """Schedule a version that is not the current one for deletion in 7 to 30 days."""
        key = in_state(self._endpoints.key(call), "ENABLED", "DISABLED")
        version = in_state(self._version_of(call), "ENABLED", "DISABLED")
        if key.doc["currentKeyVersion"] == version.id:
            raise incorrect_state(f"Key version {version.id} is the current version of its key")
        when = self.service.deletion_time(call.body.get("timeOfDeletion"), 7)
        version = self.service.schedule(version, when)
        self.service.transition(version, 2 * SECOND, "PENDING_DELETION", via="SCHEDULING_DELETION")
        return self.service.show(version)

    @operation
    async def cancel_key_version_deletion(self, call: Call) -> Reply:
        """Cancel a deletion."""
        version = in_state(self._version_of(call), "PENDING_DELETION")
        return self.service.show(self.service.keep(version, 2 * SECOND, "ENABLED"))

    def rotate_due(self) -> None:
        """Rotate the keys whose day has come. One that is not ENABLED waits until it is."""
        now = self.clock.now()
        for key in self.service.living("key"):
            details = key.doc.get("autoKeyRotationDetails") or {}
            due = details.get("timeOfNextRotation")
            if key.state == "ENABLED" and due and parse_time(due, "timeOfNextRotation") <= now:
                self._rotate(key, automatic=True)
                days = dt.timedelta(days=details["rotationIntervalInDays"])
                done = {
                    "timeOfLastRotation": self.clock.timestamp(now),
                    "timeOfNextRotation": self.clock.timestamp(day(now) + days),
                    "lastRotationStatus": "SUCCESS",
                }
                self.service.update(self.service.get("key", key.id), {"autoKeyRotationDetails": details | done})
