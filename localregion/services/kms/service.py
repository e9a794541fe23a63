# SPDX-License-Identifier: GPL-3.0-or-later
"""Key Management: vaults, keys and their versions, and what is done with them.

Not here (501): external vaults and keys, replicas, import and export, backups, signatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localregion import ocids
from localregion.core.errors import ServiceError, not_found
from localregion.core.store import Record
from localregion.core.validate import Form
from localregion.services.kms.cryptography import Cryptography
from localregion.services.kms.endpoints import VaultEndpoints
from localregion.services.kms.key_versions import KeyVersions
from localregion.services.kms.keys import Keys
from localregion.services.kms.rotation import may_not_be_null
from localregion.services.kms.vaults import Vaults
from localregion.services.resources import Call, Kind, Reply
from localregion.services.schedule import DeletesLater

if TYPE_CHECKING:
    from localregion.services.context import Context

FORM = Form(
    nulls=True,
    # recorded: a new key has no date of deletion, its shape no curve
    left_out={"Key": frozenset({"timeOfDeletion"}), "KeyShape": frozenset({"curveId"})},
)
"""How the service writes: recorded of vaults and keys; of the rest a guess by what they do."""


class Kms(DeletesLater):
    """Vaults, keys and cryptography."""

    name = "kms"
    etag_form = "040x"
    package = "key_management"
    kinds = (
        Kind("vault", model="Vault", resource="vaults", start=ocids.VAULT),
        Kind("key", model="Key", resource="keys", start=ocids.VAULT),
        Kind("key_version", model="KeyVersion", resource="keys", operations=(), start=ocids.VAULT),
    )
    form = FORM
    access = {
        # The body names the key: the methods ask themselves.
        "encrypt": None,
        "decrypt": None,
        "generate_data_encryption_key": None,
        "get_vault_usage": ("read", "vaults"),
        "list_key_versions": ("inspect", "keys"),
        "get_key_version": ("read", "keys"),
        "create_key_version": ("use", "keys"),
        "enable_key": ("use", "keys"),
        "disable_key": ("use", "keys"),
        "update_key": ("use", "keys"),
        "update_vault": ("use", "vaults"),
    }

    def __init__(self, region: Context) -> None:
        super().__init__(region)
        self._endpoints = VaultEndpoints(self)
        self._versions = self.add(KeyVersions(self, self._endpoints))
        self.add(Vaults(self, self._endpoints))
        self.add(Keys(self, self._endpoints, self._versions))
        self.cryptography = self.add(Cryptography(self, self._endpoints))

    def finish(self, call: Call, reply: Reply) -> None:
        """Show the endpoints of vaults by the kind of address that the caller used. What is read comes compressed to
        who takes that, and its etag says so."""
        compressed = call.operation.method == "GET" and "gzip" in call.headers.get("accept-encoding", "")
        if compressed and reply.record is not None:
            reply.headers |= {"etag": f"{reply.record.etag}--gzip", "content-encoding": "gzip"}
        if call.operation.response in ("Vault", "list[VaultSummary]") and reply.doc is not None:
            for doc in reply.doc if isinstance(reply.doc, list) else [reply.doc]:
                self._endpoints.show(call, doc)

    async def do_due(self) -> None:
        """Rotate the keys whose day has come."""
        self._versions.rotate_due()

    async def resume(self) -> None:
        """As in the base; this machine resolves the vaults' names again."""
        await super().resume()
        self._endpoints.announce()

    def target(self, call: Call) -> Record | None:
        """As in the base, at an endpoint that serves the call. Raises 404, or Drop for a name that is not known yet."""
        self._endpoints.check(call)
        return super().target(call)

    def lacking(self, field: str) -> ServiceError:
        """As in the base, in the service's own words."""
        return may_not_be_null(field)

    def unseen(self, kind: str | None) -> ServiceError:
        """As in the base; of vaults the service's own words are recorded."""
        if kind == "vault":
            return not_found("Vault does not exist or you are not authorized to access it.")
        return super().unseen(kind)

    async def expire(self, record: Record) -> None:
        """A vault goes with its keys, a key with its versions; material is erased."""
        if record.kind == "vault":
            for key in self.living("key", parent=record.id):
                await self.expire(key)
        elif record.kind == "key":
            for version in self.living("key_version", parent=record.id):
                await self.expire(version)
        record.private.pop("material", None)
        self.retire(record)
        if record.kind == "vault":
            self._endpoints.announce()

    def target_variables(self, record: Record) -> dict[str, str]:
        """Variables of policies: a key names its vault too."""
        variables = dict(super().target_variables(record))
        if record.kind == "key":
            variables["target.vault.id"] = record.parent or ""
        return variables
