# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys: what their operations check and answer."""

from __future__ import annotations

from localregion import ocids
from localregion.core.errors import incorrect_state, not_implemented
from localregion.core.store import Document
from localregion.services.base import Part
from localregion.services.checks import in_state
from localregion.services.kms import material
from localregion.services.kms.endpoints import VaultEndpoints
from localregion.services.kms.key_versions import KeyVersions
from localregion.services.kms.rotation import rotation
from localregion.services.registration import operation
from localregion.services.resources import SECOND, Call, Reply
from localregion.services.schedule import DeletesLater


class Keys(Part):
    """The operations of keys."""

    service: DeletesLater

    def __init__(self, service: DeletesLater, endpoints: VaultEndpoints, versions: KeyVersions) -> None:
        super().__init__(service)
        self._endpoints, self._versions = endpoints, versions

    @operation
    async def create_key(self, call: Call) -> Reply:
        """Create a key with its first version; about ten seconds."""
        vault = in_state(self._endpoints.vault(call), "ACTIVE")
        body = call.body
        if body.get("protectionMode") == "EXTERNAL" or body.get("externalKeyReference"):
            raise not_implemented("external keys")
        shape = material.shape(body["keyShape"])
        details = rotation(self.clock, vault, body, {})
        prefix = ocids.vault_prefix(vault.id)
        key = self.service.create(
            "key",
            call,
            {
                "id": self.service.kind("key").ocid(prefix),
                "vaultId": vault.id,
                "keyShape": shape,
                "protectionMode": body.get("protectionMode") or "HSM",
                "isPrimary": True,
                **details,
            },
            state="CREATING",
            parent=vault.id,
        )
        return self.service.show(self._versions.make_first(key))

    @operation
    async def get_key(self, call: Call) -> Reply:
        """A key, at any vault's endpoint that is its own."""
        return self.service.show(self._endpoints.key(call, dead=True))

    @operation
    async def list_keys(self, call: Call) -> Reply:
        """The keys of a compartment in the vault whose endpoint is called."""
        vault = self._endpoints.vault(call)
        reply = self.service.list(
            "key",
            call,
            {
                "algorithm": lambda key, value: key.doc["keyShape"]["algorithm"] == value,
                "length": lambda key, value: str(key.doc["keyShape"]["length"]) == str(value),
                "curve_id": lambda key, value: key.doc["keyShape"].get("curveId") == value,
            },
            where=lambda key: key.parent == vault.id,
        )
        reply.doc = [doc | {"algorithm": doc["keyShape"]["algorithm"]} for doc in reply.doc]
        return reply

    @operation
    async def update_key(self, call: Call) -> Reply:
        """Change name, tags and automatic rotation; of a key that is ENABLED only (`update_key` in the SDK)."""
        key = in_state(self._endpoints.key(call), "ENABLED")
        changes: Document = {}
        if "isAutoRotationEnabled" in call.body or "autoKeyRotationDetails" in call.body:
            changes = rotation(self.clock, self.service.get("vault", key.parent), call.body, key.doc)
        changes |= {
            name: call.body[name] for name in ("displayName", "freeformTags", "definedTags") if name in call.body
        }
        return self.service.show(self.service.update(key, changes))

    @operation
    async def change_key_compartment(self, call: Call) -> Reply:
        """Move a key and its versions."""
        key = in_state(self._endpoints.key(call), "ENABLED", "DISABLED")
        reply = self.service.move(key, call)
        for version in self.service.living("key_version", parent=key.id):
            self.service.update(version, {"compartmentId": call.body["compartmentId"]})
        return reply

    @operation
    async def enable_key(self, call: Call) -> Reply:
        """DISABLED to ENABLED."""
        key = in_state(self._endpoints.key(call), "DISABLED")
        return self.service.show(self.service.transition(key, 2 * SECOND, "ENABLED", via="ENABLING"))

    @operation
    async def disable_key(self, call: Call) -> Reply:
        """ENABLED to DISABLED: it neither encrypts nor decrypts."""
        key = in_state(self._endpoints.key(call), "ENABLED")
        return self.service.show(self.service.transition(key, 2 * SECOND, "DISABLED", via="DISABLING"))

    @operation
    async def schedule_key_deletion(self, call: Call) -> Reply:
        """Schedule a key for deletion in 7 to 30 days; it is unusable at once."""
        key = in_state(self._endpoints.key(call), "ENABLED", "DISABLED")
        when = self.service.deletion_time(call.body.get("timeOfDeletion"), 7)
        key = self.service.update(
            self.service.schedule(key, when), {}, private={"before": key.state, "with_vault": False}
        )
        self.service.transition(key, 3 * SECOND, "PENDING_DELETION", via="SCHEDULING_DELETION")
        return self.service.show(key)

    @operation
    async def cancel_key_deletion(self, call: Call) -> Reply:
        """Cancel a deletion; the key is again in the state that it was in."""
        key = in_state(self._endpoints.key(call), "PENDING_DELETION")
        if key.private.get("with_vault"):
            raise incorrect_state(f"Vault {key.parent} is scheduled for deletion: cancel that")
        before = key.private.get("before", "ENABLED")
        return self.service.show(self.service.keep(key, 3 * SECOND, before))
