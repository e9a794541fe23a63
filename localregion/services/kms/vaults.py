# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults: what their operations check and answer, and what happens to their keys with them."""

from __future__ import annotations

from localregion.core.errors import conflict, not_implemented
from localregion.core.store import Document, Record
from localregion.services.base import Part
from localregion.services.checks import in_state
from localregion.services.kms.endpoints import VaultEndpoints
from localregion.services.registration import operation, step
from localregion.services.resources import SECOND, Call, Reply
from localregion.services.schedule import DeletesLater, parse_time
from localregion.services.work_requests import WorkRequest


class Vaults(Part):
    """The operations of vaults."""

    service: DeletesLater

    def __init__(self, service: DeletesLater, endpoints: VaultEndpoints) -> None:
        super().__init__(service)
        self._endpoints = endpoints

    @operation
    async def create_vault(self, call: Call) -> Reply:
        """Create a vault; about a minute."""
        if call.body["vaultType"] == "EXTERNAL":
            raise not_implemented("vaults of type EXTERNAL")
        prefix = self._endpoints.new_prefix()
        vault = self.service.create(
            "vault",
            call,
            {
                "id": self.service.kind("vault").ocid(prefix),
                "wrappingkeyId": self.service.kind("key").ocid(prefix),
                "isPrimary": True,
                "isVaultReplicable": call.body["vaultType"] == "VIRTUAL_PRIVATE",
            },
            state="CREATING",
        )
        self._endpoints.announce()
        self.service.transition(vault, 1.0, "ACTIVE")
        return self.service.show(vault)

    @operation
    async def update_vault(self, call: Call) -> Reply:
        """Change name and tags."""
        vault = in_state(self.service.get("vault", call.path["vault_id"]), "ACTIVE")
        return self.service.show(self.service.apply(vault, call, "displayName", "freeformTags", "definedTags"))

    @operation
    async def change_vault_compartment(self, call: Call) -> Reply:
        """Move a vault; its keys stay where they are."""
        return self.service.move(in_state(self.service.get("vault", call.path["vault_id"]), "ACTIVE"), call)

    @operation
    async def get_vault_usage(self, call: Call) -> Reply:
        """How many keys a vault holds, by protection."""
        vault = self.service.get("vault", call.path["vault_id"])
        keys = self.service.living("key", parent=vault.id)
        software = [key for key in keys if key.doc["protectionMode"] == "SOFTWARE"]
        versions = {key.id: len(self.service.living("key_version", parent=key.id)) for key in keys}
        software_versions = sum(versions[key.id] for key in software)
        return Reply(
            200,
            {
                "keyCount": len(keys) - len(software),
                "keyVersionCount": sum(versions.values()) - software_versions,
                "softwareKeyCount": len(software),
                "softwareKeyVersionCount": software_versions,
            },
        )

    @operation
    async def schedule_vault_deletion(self, call: Call) -> Reply:
        """Schedule a vault with all its keys for deletion in 7 to 30 days."""
        vault = in_state(self.service.get("vault", call.path["vault_id"]), "ACTIVE")
        when = self.service.deletion_time(call.body.get("timeOfDeletion"), 7)
        due = parse_time(when, "timeOfDeletion").timestamp()
        for key in self.service.living("key", parent=vault.id):
            if (key.private.get("delete_at") or 0) > due:
                raise conflict(f"Key {key.id} is to be deleted at {key.doc['timeOfDeletion']}, after its vault")
        vault = self.service.schedule(vault, when)
        self.service.transition(
            vault, 3 * SECOND, "PENDING_DELETION", via="SCHEDULING_DELETION", also=self._vault_scheduled
        )
        return self.service.show(vault)

    @step
    async def _vault_scheduled(self, vault: Record, request: WorkRequest | None) -> None:
        for key in self.service.living("key", parent=vault.id):
            if key.state != "PENDING_DELETION":
                before = key.state if key.state in ("ENABLED", "DISABLED") else "ENABLED"
                key = self.service.update(
                    await self.service.settled(key.id) or key,
                    {"timeOfDeletion": vault.doc["timeOfDeletion"]},
                    private={"before": before, "with_vault": True},
                )
                self.service.update(key, {}, state="PENDING_DELETION")

    @operation
    async def cancel_vault_deletion(self, call: Call) -> Reply:
        """Cancel the deletion of a vault and its keys."""
        vault = in_state(self.service.get("vault", call.path["vault_id"]), "PENDING_DELETION")
        return self.service.show(self.service.keep(vault, 3 * SECOND, "ACTIVE", also=self._vault_kept))

    @step
    async def _vault_kept(self, vault: Record, request: WorkRequest | None) -> Document:
        for key in self.service.living("key", parent=vault.id):
            if key.private.get("with_vault"):
                state = key.private.get("before", "ENABLED")
                self.service.update(key, {"timeOfDeletion": None}, state=state, private={"with_vault": False})
        return self.service.unschedule(vault)
