# SPDX-License-Identifier: GPL-3.0-or-later
"""Key Management: vaults, keys and their versions, and what is done with them.

Each vault has a management and a crypto endpoint of its own, and a request to create or list keys names no vault: the
host does, `<prefix>-management.kms.<region>.<realm's domain>`. Who calls the region by such names is told such names.
Who calls it by its address (which no name could stand for without a resolver) is told that address with a path in front
of the API's own, `/vault/<prefix>`: the SDK of Python takes it, that of Go does not.

Keys are real: AES-GCM, RSA and EC material, sealed with the region's root key (`sealing.py`). What `encrypt` gives
names the key version inside, as the service's ciphertexts do: `decrypt` needs no version.

Not here (501): external vaults and keys, replicas, import and export, backups, signatures.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import datetime as dt
import json
import os
import re
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from localregion import ocids
from localregion import settings as names
from localregion.core.endpoints import vault_hosts
from localregion.core.errors import ServiceError
from localregion.core.faults import Drop
from localregion.core.schema import Parameter
from localregion.core.validate import Form
from localregion.services.base import (
    SECOND,
    Call,
    Document,
    Kind,
    Record,
    Reply,
    WorkRequest,
    conflict,
    incorrect_state,
    invalid,
    not_found,
    not_implemented,
)
from localregion.services.registration import operation, step
from localregion.services.schedule import DeletesLater, parse_time
from localregion.services.sealing import Sealer, sealer

if TYPE_CHECKING:
    from localregion.access.policies import Principal
    from localregion.services.context import Context

_LENGTHS = {"AES": (16, 24, 32), "RSA": (256, 384, 512), "ECDSA": (32, 48, 66)}
_CURVES: dict[str, tuple[int, type[ec.EllipticCurve]]] = {
    "NIST_P256": (32, ec.SECP256R1),
    "NIST_P384": (48, ec.SECP384R1),
    "NIST_P521": (66, ec.SECP521R1),
}
_MAGIC = b"\x01LR"
_NONCE = 12
_MOST_PLAINTEXT = 4096
_PREFIXES_AHEAD = 8


_ENDPOINT = re.compile(r"([a-z2-7]{13})-(management|crypto)\.kms\.")
FORM = Form(
    nulls=True,
    # recorded: a new key has no date of deletion, its shape no curve
    left_out={"Key": frozenset({"timeOfDeletion"}), "KeyShape": frozenset({"curveId"})},
)
"""How the service writes: recorded of vaults and keys; of the rest a guess by what they do."""


def _host(call: Call) -> str:
    return call.headers.get("host", "").partition(":")[0].lower()


class Kms(DeletesLater):
    """Vaults, keys and cryptography."""

    name = "kms"
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
        self._ahead: list[str] = []
        """Prefixes of the next vaults' endpoints."""
        self._add_vault_endpoints()

    def _add_vault_endpoints(self) -> None:
        """Let every management and crypto operation be called below `/vault/<vault>` too."""
        schema = self.region.schema
        vault = Parameter("vault_key", "vaultKey", True)
        below = [
            replace(operation, path=f"/vault/{{vaultKey}}{operation.path}", path_params=(vault, *operation.path_params))
            for operation in schema.operations.values()
            if operation.package == self.package and operation.client in ("kms_management", "kms_crypto")
        ]
        schema.routes = type(schema.routes)([*schema.operations.values(), *below])

    @property
    def _sealer(self) -> Sealer:
        return sealer(self.region.settings.state)

    # vaults

    def finish(self, call: Call, reply: Reply) -> None:
        """Tell a vault's endpoints by names to who came by one, else below the region's address."""
        if call.operation.response in ("Vault", "list[VaultSummary]") and reply.doc is not None:
            called = _host(call)
            domains = (self.region.settings.realm_domain, names.REALM_DOMAIN)
            domain = next((domain for domain in domains if called.endswith(f".{domain}")), None)
            for doc in reply.doc if isinstance(reply.doc, list) else [reply.doc]:
                doc |= self.endpoints(doc["id"], domain)

    def endpoints(self, vault_id: str, domain: str | None) -> Document:
        """The endpoints of a vault as its document shows them: by names below a realm's domain, or by address."""
        prefix = ocids.vault_prefix(vault_id)
        if domain is None:
            endpoint = f"{self.region.settings.endpoint}/vault/{prefix}"
            return {"managementEndpoint": endpoint, "cryptoEndpoint": endpoint}
        return {f"{use}Endpoint": f"https://{host}" for use, host in vault_hosts(prefix, domain).items()}

    async def resume(self) -> None:
        """As in the base; this machine resolves the vaults' names again."""
        await super().resume()
        self._announce()

    def _announce(self) -> None:
        """Let this machine resolve the host names of the vaults that are, and of those to come: a program in Go keeps
        what it read in the hosts file for 5 seconds, and has read it before its vault was made."""
        domain = self.region.settings.realm_domain
        self._ahead += [ocids.prefix() for _ in range(_PREFIXES_AHEAD - len(self._ahead))]
        prefixes = [*(ocids.vault_prefix(vault.id) for vault in self.living("vault")), *self._ahead]
        self.region.announce("vaults", [h for prefix in prefixes for h in vault_hosts(prefix, domain).values()])

    def target(self, call: Call) -> Record | None:
        """As in the base. A vault's own endpoints answer what they are for, 404 else, and 404 without a vault.

        Raises Drop while the endpoint of a new vault is not to be found.
        """
        prefix, use = self._addressed(call)
        if prefix is not None:
            vault = self._at(prefix, dead=None)
            if vault is None or (use is not None and call.operation.client != f"kms_{use}"):
                raise not_found()
            if vault.doc["timeCreated"] > self.clock.timestamp_before(self.region.faults.unresolved):
                raise Drop
        return super().target(call)

    def _addressed(self, call: Call) -> tuple[str | None, str | None]:
        """Prefix of the vault whose endpoint is called, and which of its endpoints, by host or path."""
        if match := _ENDPOINT.match(_host(call)):
            return match[1], match[2]
        return call.path.get("vault_key"), None

    def _at(self, prefix: str, *, dead: bool | None = False) -> Record | None:
        """The living vault of a prefix, or any."""
        for vault in self.store.select(self.name, "vault", dead=dead):
            if ocids.vault_prefix(vault.id) == prefix:
                return vault
        return None

    def lacking(self, field: str) -> ServiceError:
        """As in the base, in the service's own words."""
        return invalid(f"{field} may not be null")

    def unseen(self, kind: str | None) -> ServiceError:
        """As in the base; of vaults the service's own words are recorded."""
        if kind == "vault":
            return not_found("Vault does not exist or you are not authorized to access it.")
        return super().unseen(kind)

    @operation
    async def create_vault(self, call: Call) -> Reply:
        """Create a vault; about a minute."""
        if call.body["vaultType"] == "EXTERNAL":
            raise not_implemented("vaults of type EXTERNAL")
        prefix = self._ahead.pop(0) if self._ahead else ocids.prefix()
        vault = self.create(
            "vault",
            call,
            {
                "id": self.kind("vault").ocid(prefix),
                "wrappingkeyId": self.kind("key").ocid(prefix),
                "isPrimary": True,
                "isVaultReplicable": call.body["vaultType"] == "VIRTUAL_PRIVATE",
            },
            state="CREATING",
        )
        self._announce()
        self.transition(vault, 1.0, "ACTIVE")
        return self.show(vault)

    @operation
    async def update_vault(self, call: Call) -> Reply:
        """Change name and tags."""
        vault = self._in(self.get("vault", call.path["vault_id"]), "ACTIVE")
        return self.show(self.apply(vault, call, "displayName", "freeformTags", "definedTags"))

    @operation
    async def change_vault_compartment(self, call: Call) -> Reply:
        """Move a vault; its keys stay where they are."""
        return self.move(self._in(self.get("vault", call.path["vault_id"]), "ACTIVE"), call)

    @operation
    async def get_vault_usage(self, call: Call) -> Reply:
        """How many keys a vault holds, by protection."""
        vault = self.get("vault", call.path["vault_id"])
        keys = self.living("key", parent=vault.id)
        software = [key for key in keys if key.doc["protectionMode"] == "SOFTWARE"]
        versions = {key.id: len(self.living("key_version", parent=key.id)) for key in keys}
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
        """Let a vault and all its keys be deleted in 7 to 30 days."""
        vault = self._in(self.get("vault", call.path["vault_id"]), "ACTIVE")
        when = self.deletion_time(call.body.get("timeOfDeletion"), 7)
        due = parse_time(when, "timeOfDeletion").timestamp()
        for key in self.living("key", parent=vault.id):
            if (key.private.get("delete_at") or 0) > due:
                raise conflict(f"Key {key.id} is to be deleted at {key.doc['timeOfDeletion']}, after its vault")
        vault = self.schedule(vault, when)
        self.transition(vault, 3 * SECOND, "PENDING_DELETION", via="SCHEDULING_DELETION", also=self._vault_scheduled)
        return self.show(vault)

    @step
    async def _vault_scheduled(self, vault: Record, request: WorkRequest | None) -> None:
        for key in self.living("key", parent=vault.id):
            if key.state != "PENDING_DELETION":
                before = key.state if key.state in ("ENABLED", "DISABLED") else "ENABLED"
                key = self.update(
                    await self.settled(key.id) or key,
                    {"timeOfDeletion": vault.doc["timeOfDeletion"]},
                    private={"before": before, "with_vault": True},
                )
                self.update(key, {}, state="PENDING_DELETION")

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
            self._announce()

    @operation
    async def cancel_vault_deletion(self, call: Call) -> Reply:
        """Keep a vault and the keys that were to go with it."""
        vault = self._in(self.get("vault", call.path["vault_id"]), "PENDING_DELETION")
        self.transition(vault, 3 * SECOND, "ACTIVE", via="CANCELLING_DELETION", also=self._vault_kept)
        return self.show(vault)

    @step
    async def _vault_kept(self, vault: Record, request: WorkRequest | None) -> Document:
        for key in self.living("key", parent=vault.id):
            if key.private.get("with_vault"):
                state = key.private.get("before", "ENABLED")
                self.update(key, {"timeOfDeletion": None}, state=state, private={"with_vault": False})
        return await self._kept(vault, request)

    @step
    async def _kept(self, record: Record, request: WorkRequest | None) -> Document:
        self.update(record, {}, private={"delete_at": None})
        return {"timeOfDeletion": None}

    # keys

    def _vault_of(self, call: Call) -> Record:
        """The vault whose endpoint was called. 404 at the region's plain address, which is no vault's endpoint."""
        prefix, _ = self._addressed(call)
        vault = self._at(prefix) if prefix else None
        if vault is None:
            raise not_found("Keys are created and listed at their vault's managementEndpoint.")
        return vault

    def _key_of(self, call: Call, *, dead: bool = False) -> Record:
        """The key of a call, at the endpoint of its vault or the region's plain address. Raises 404."""
        return self._here(call, self.get("key", call.path["key_id"], dead=dead))

    def _here(self, call: Call, key: Record) -> Record:
        prefix, _ = self._addressed(call)
        if prefix is not None and ocids.vault_prefix(key.id) != prefix:
            raise not_found()
        return key

    @operation
    async def create_key(self, call: Call) -> Reply:
        """Create a key with its first version; about ten seconds."""
        vault = self._in(self._vault_of(call), "ACTIVE")
        body = call.body
        if body.get("protectionMode") == "EXTERNAL" or body.get("externalKeyReference"):
            raise not_implemented("external keys")
        shape = _shape(body["keyShape"])
        details = self._rotation(vault, body, {})
        prefix = ocids.vault_prefix(vault.id)
        key = self.create(
            "key",
            call,
            {
                "id": self.kind("key").ocid(prefix),
                "vaultId": vault.id,
                "keyShape": shape,
                "protectionMode": body.get("protectionMode") or "HSM",
                "isPrimary": True,
                **details,
            },
            state="CREATING",
            parent=vault.id,
        )
        version = self._new_version(key, "CREATING")
        key = self.update(key, {"currentKeyVersion": version.id})
        self.transition(key, 10 * SECOND, "ENABLED", also=self._make_first)
        return self.show(key)

    def _new_version(self, key: Record, state: str) -> Record:
        return self.create(
            "key_version",
            None,
            {
                "id": self.kind("key_version").ocid(ocids.vault_prefix(key.id), ocids.prefix()),
                "keyId": key.id,
                "vaultId": key.doc["vaultId"],
                "compartmentId": key.doc["compartmentId"],
                "origin": "INTERNAL",
                "isPrimary": True,
                "isAutoRotated": False,
            },
            state=state,
            compartment=key.compartment,
            parent=key.id,
        )

    @step
    async def _make_first(self, key: Record, request: WorkRequest | None) -> None:
        await self._make_material(self.get("key_version", key.doc["currentKeyVersion"]), None)

    @step
    async def _make_material(self, version: Record, request: WorkRequest | None) -> None:
        """Make a version's key, once: seconds for large RSA keys, so not in the loop."""
        if "material" in version.private:
            self.update(version, {}, state="ENABLED")
            return
        key = self.get("key", version.parent)
        material, public = await asyncio.to_thread(_generate, key.doc["keyShape"])
        self.update(
            version,
            {"publicKey": public},
            state="ENABLED",
            private={"material": self._sealer.seal(material, version.id)},
        )

    def _rotation(self, vault: Record, body: Document, old: Document) -> Document:
        """Fields of automatic rotation after a create or an update."""
        enabled = body.get("isAutoRotationEnabled", old.get("isAutoRotationEnabled", False))
        given = body.get("autoKeyRotationDetails") or {}
        if not enabled:
            if given:
                raise invalid("autoKeyRotationDetails requires isAutoRotationEnabled")
            return {"isAutoRotationEnabled": False, "autoKeyRotationDetails": None}
        if vault.doc["vaultType"] != "VIRTUAL_PRIVATE":
            raise invalid("Automatic key rotation is supported in virtual private vaults only")
        details = (old.get("autoKeyRotationDetails") or {}) | given
        days = details.get("rotationIntervalInDays")
        if days is None:
            raise self.lacking("autoKeyRotationDetails.rotationIntervalInDays")
        if not 60 <= days <= 365:
            raise invalid(f"rotationIntervalInDays must be between 60 and 365: {days}")
        today = _day(self.clock.now())
        start = today
        if details.get("timeOfScheduleStart"):
            start = _day(parse_time(details["timeOfScheduleStart"], "timeOfScheduleStart").astimezone(dt.UTC))
        # The next one by the interval that is still to come: a schedule may have begun long ago.
        passed = max(0, (today - start).days // days)
        details |= {
            "timeOfScheduleStart": self.clock.timestamp(start),
            "timeOfNextRotation": self.clock.timestamp(start + dt.timedelta(days=(passed + 1) * days)),
        }
        return {"isAutoRotationEnabled": True, "autoKeyRotationDetails": details}

    async def do_due(self) -> None:
        """Rotate the keys whose day has come. One that is not ENABLED waits until it is."""
        now = self.clock.now()
        for key in self.living("key"):
            details = key.doc.get("autoKeyRotationDetails") or {}
            due = details.get("timeOfNextRotation")
            if key.state == "ENABLED" and due and parse_time(due, "timeOfNextRotation") <= now:
                self._rotate(key, automatic=True)
                days = dt.timedelta(days=details["rotationIntervalInDays"])
                done = {
                    "timeOfLastRotation": self.clock.timestamp(now),
                    "timeOfNextRotation": self.clock.timestamp(_day(now) + days),
                    "lastRotationStatus": "SUCCESS",
                }
                self.update(self.get("key", key.id), {"autoKeyRotationDetails": details | done})

    @operation
    async def get_key(self, call: Call) -> Reply:
        """A key, at any vault's endpoint that is its own."""
        return self.show(self._key_of(call, dead=True))

    @operation
    async def list_keys(self, call: Call) -> Reply:
        """The keys of a compartment in the vault whose endpoint is called."""
        vault = self._vault_of(call)
        reply = self.list(
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
        key = self._in(self._key_of(call), "ENABLED")
        changes: Document = {}
        if "isAutoRotationEnabled" in call.body or "autoKeyRotationDetails" in call.body:
            changes = self._rotation(self.get("vault", key.parent), call.body, key.doc)
        changes |= {
            name: call.body[name] for name in ("displayName", "freeformTags", "definedTags") if name in call.body
        }
        return self.show(self.update(key, changes))

    @operation
    async def change_key_compartment(self, call: Call) -> Reply:
        """Move a key and its versions."""
        key = self._in(self._key_of(call), "ENABLED", "DISABLED")
        reply = self.move(key, call)
        for version in self.living("key_version", parent=key.id):
            self.update(version, {"compartmentId": call.body["compartmentId"]})
        return reply

    @operation
    async def enable_key(self, call: Call) -> Reply:
        """DISABLED to ENABLED."""
        key = self._in(self._key_of(call), "DISABLED")
        return self.show(self.transition(key, 2 * SECOND, "ENABLED", via="ENABLING"))

    @operation
    async def disable_key(self, call: Call) -> Reply:
        """ENABLED to DISABLED: it neither encrypts nor decrypts."""
        key = self._in(self._key_of(call), "ENABLED")
        return self.show(self.transition(key, 2 * SECOND, "DISABLED", via="DISABLING"))

    @operation
    async def schedule_key_deletion(self, call: Call) -> Reply:
        """Let a key be deleted in 7 to 30 days; it is unusable at once."""
        key = self._in(self._key_of(call), "ENABLED", "DISABLED")
        when = self.deletion_time(call.body.get("timeOfDeletion"), 7)
        key = self.update(self.schedule(key, when), {}, private={"before": key.state, "with_vault": False})
        self.transition(key, 3 * SECOND, "PENDING_DELETION", via="SCHEDULING_DELETION")
        return self.show(key)

    @operation
    async def cancel_key_deletion(self, call: Call) -> Reply:
        """Keep a key; it becomes what it was before."""
        key = self._in(self._key_of(call), "PENDING_DELETION")
        if key.private.get("with_vault"):
            raise incorrect_state(f"Vault {key.parent} is scheduled for deletion: cancel that")
        before = key.private.get("before", "ENABLED")
        self.transition(key, 3 * SECOND, before, via="CANCELLING_DELETION", also=self._kept)
        return self.show(key)

    # versions of keys

    def _version_of(self, call: Call, *, dead: bool = False) -> Record:
        version = self.get("key_version", call.path["key_version_id"], dead=dead)
        if version.parent != call.path["key_id"]:
            raise not_found()
        return version

    @operation
    async def create_key_version(self, call: Call) -> Reply:
        """Rotate a key: a new version that is the current one from then on."""
        return self.show(self._rotate(self._in(self._key_of(call), "ENABLED")))

    def _rotate(self, key: Record, *, automatic: bool = False) -> Record:
        version = self.update(self._new_version(key, "CREATING"), {"isAutoRotated": automatic})
        self.transition(key, 2 * SECOND, "ENABLED", via="UPDATING")
        self.transition(version, 1 * SECOND, "ENABLED", also=self._make_material)
        self.update(self.get("key", key.id), {"currentKeyVersion": version.id})
        return self.get("key_version", version.id)

    @operation
    async def get_key_version(self, call: Call) -> Reply:
        """A version of a key."""
        return self.show(self._version_of(call, dead=True))

    @operation
    async def list_key_versions(self, call: Call) -> Reply:
        """The versions of a key, the newest first."""
        key = self._key_of(call)
        return self.list("key_version", call, where=lambda version: version.parent == key.id)

    @operation
    async def schedule_key_version_deletion(self, call: Call) -> Reply:
        """Let a version that is not the current one be deleted in 7 to 30 days."""
        key = self._in(self._key_of(call), "ENABLED", "DISABLED")
        version = self._in(self._version_of(call), "ENABLED", "DISABLED")
        if key.doc["currentKeyVersion"] == version.id:
            raise incorrect_state(f"Key version {version.id} is the current version of its key")
        when = self.deletion_time(call.body.get("timeOfDeletion"), 7)
        version = self.schedule(version, when)
        self.transition(version, 2 * SECOND, "PENDING_DELETION", via="SCHEDULING_DELETION")
        return self.show(version)

    @operation
    async def cancel_key_version_deletion(self, call: Call) -> Reply:
        """Keep a version."""
        version = self._in(self._version_of(call), "PENDING_DELETION")
        self.transition(version, 2 * SECOND, "ENABLED", via="CANCELLING_DELETION", also=self._kept)
        return self.show(version)

    # cryptography

    @operation
    async def encrypt(self, call: Call) -> Reply:
        """Encrypt up to 4 KB."""
        key = self._usable(call.body["keyId"], call=call)
        plaintext = _decoded(call.body["plaintext"], "plaintext")
        if len(plaintext) > _MOST_PLAINTEXT:
            raise invalid(f"plaintext must not be longer than {_MOST_PLAINTEXT} bytes")
        algorithm = _algorithm(key, call.body.get("encryptionAlgorithm"))
        version = self._version(key, call.body.get("keyVersionId"))
        ciphertext = self._encrypt(version, plaintext, call.body.get("associatedData"), algorithm)
        return Reply(
            200,
            {
                "ciphertext": base64.b64encode(ciphertext).decode(),
                "keyId": key.id,
                "keyVersionId": version.id,
                "encryptionAlgorithm": algorithm,
            },
        )

    @operation
    async def decrypt(self, call: Call) -> Reply:
        """Decrypt what `encrypt` gave."""
        key = self._usable(call.body["keyId"], call=call)
        algorithm = _algorithm(key, call.body.get("encryptionAlgorithm"))
        version, plaintext = self._decrypt(
            key, _decoded(call.body["ciphertext"], "ciphertext"), call.body.get("associatedData"), algorithm
        )
        if call.body.get("keyVersionId") not in (None, version.id):
            raise invalid("The ciphertext is of another key version")
        return Reply(
            200,
            {
                "plaintext": base64.b64encode(plaintext).decode(),
                "plaintextChecksum": _checksum(plaintext),
                "keyId": key.id,
                "keyVersionId": version.id,
                "encryptionAlgorithm": algorithm,
            },
        )

    @operation
    async def generate_data_encryption_key(self, call: Call) -> Reply:
        """A new key for the caller, encrypted by a key of the vault, and in clear if asked."""
        key = self._usable(call.body["keyId"], call=call)
        shape = _shape(call.body["keyShape"])
        if shape["algorithm"] != "AES":
            raise invalid("keyShape of a data encryption key must be AES")
        _algorithm(key, "AES_256_GCM")
        plaintext = os.urandom(shape["length"])
        ciphertext = self._encrypt(self._version(key, None), plaintext, call.body.get("associatedData"), "AES_256_GCM")
        doc = {"ciphertext": base64.b64encode(ciphertext).decode()}
        if call.body["includePlaintextKey"]:
            doc |= {"plaintext": base64.b64encode(plaintext).decode(), "plaintextChecksum": _checksum(plaintext)}
        return Reply(200, doc)

    # for the region's other services

    def may_use(self, principal: Principal, key_id: str) -> Record:
        """The key, if `principal` may use it (`use keys`, `target.key.id`) and it is ENABLED; else 404 or 409."""
        return self._usable(key_id, principal=principal)

    def encrypt_as(self, principal: Principal, key_id: str, plaintext: bytes) -> bytes:
        """Encrypt in a principal's name (a cluster's etcd): 404 without a grant, 409 when not ENABLED."""
        return self._encrypt(self._version(self.may_use(principal, key_id), None), plaintext, None, "AES_256_GCM")

    def decrypt_as(self, principal: Principal, key_id: str, ciphertext: bytes) -> bytes:
        """Decrypt in a principal's name; 400 when the ciphertext is not of this key."""
        return self._decrypt(self.may_use(principal, key_id), ciphertext, None, "AES_256_GCM")[1]

    def seal_with(self, key_id: str, plaintext: bytes, context: str) -> str:
        """Encrypt for the region's own keeping (contents of secrets); the key need not be asked for."""
        key = self._in(self.get("key", key_id), "ENABLED")
        ciphertext = self._encrypt(self._version(key, None), plaintext, {"context": context}, "AES_256_GCM")
        return base64.b64encode(ciphertext).decode()

    def open_with(self, key_id: str, sealed: str, context: str) -> bytes:
        """What :meth:`seal_with` sealed; 409 when the key is not ENABLED (any more)."""
        key = self._in(self.get("key", key_id), "ENABLED")
        return self._decrypt(key, base64.b64decode(sealed), {"context": context}, "AES_256_GCM")[1]

    def _usable(self, key_id: str, *, call: Call | None = None, principal: Principal | None = None) -> Record:
        key = self.get("key", key_id)
        if call is not None:
            self.authorize(call, "use", "keys", key.compartment, self.target_variables(key))
            self._here(call, key)
        elif principal is None or not self.region.iam.allows(
            principal, "use", "keys", key.compartment, self.target_variables(key)
        ):
            raise not_found()
        return self._in(key, "ENABLED")

    def _version(self, key: Record, version_id: str | None) -> Record:
        version = self.get("key_version", version_id or key.doc["currentKeyVersion"])
        if version.parent != key.id:
            raise not_found()
        if version.state == "CREATING":  # being rotated: the version before it still serves
            version = [v for v in self.living("key_version", parent=key.id) if v.state == "ENABLED"][-1]
        return self._in(version, "ENABLED")

    def _material(self, version: Record) -> bytes:
        return self._sealer.open(version.private["material"], version.id)

    def _encrypt(self, version: Record, plaintext: bytes, data: Document | None, algorithm: str) -> bytes:
        head = _MAGIC + bytes([len(version.id)]) + version.id.encode()
        material = self._material(version)
        if algorithm == "AES_256_GCM":
            nonce = os.urandom(_NONCE)
            return head + nonce + AESGCM(material).encrypt(nonce, plaintext, _associated(data))
        private = serialization.load_der_private_key(material, None)
        assert isinstance(private, rsa.RSAPrivateKey)
        try:
            return head + private.public_key().encrypt(plaintext, _oaep(algorithm))
        except ValueError:
            raise invalid("plaintext is too long for this key") from None

    def _decrypt(self, key: Record, ciphertext: bytes, data: Document | None, algorithm: str) -> tuple[Record, bytes]:
        wrong = invalid("The ciphertext cannot be decrypted with this key and these associated data")
        if not ciphertext.startswith(_MAGIC) or len(ciphertext) < 5:
            raise wrong
        length = ciphertext[3]
        version_id = ciphertext[4 : 4 + length].decode(errors="replace")
        version = self.store.find(version_id)
        if version is None or version.parent != key.id or version.kind != "key_version":
            raise wrong
        self._in(version, "ENABLED")
        rest = ciphertext[4 + length :]
        material = self._material(version)
        try:
            if algorithm == "AES_256_GCM":
                return version, AESGCM(material).decrypt(rest[:_NONCE], rest[_NONCE:], _associated(data))
            private = serialization.load_der_private_key(material, None)
            assert isinstance(private, rsa.RSAPrivateKey)
            return version, private.decrypt(rest, _oaep(algorithm))
        except (InvalidTag, ValueError):
            raise wrong from None

    def _in(self, record: Record, *states: str) -> Record:
        """The record, when it is in one of these states; else 409."""
        if record.state not in states:
            word = record.kind.replace("_", " ").capitalize()
            raise incorrect_state(f"{word} {record.id} is in state {record.state}, not {' or '.join(states)}")
        return record

    def target_variables(self, record: Record) -> dict[str, str]:
        """Variables of policies: a key names its vault too."""
        variables = dict(super().target_variables(record))
        if record.kind == "key":
            variables["target.vault.id"] = record.parent or ""
        return variables


def _day(when: dt.datetime) -> dt.datetime:
    """The beginning of a time's day: schedules of rotation go by days."""
    return when.replace(hour=0, minute=0, second=0, microsecond=0)


def _shape(shape: Document) -> Document:
    algorithm, length, curve = shape["algorithm"], shape["length"], shape.get("curveId")
    if length not in _LENGTHS[algorithm]:
        raise invalid(
            f"keyShape.length of {algorithm} must be one of {', '.join(map(str, _LENGTHS[algorithm]))}: {length}"
        )
    if algorithm == "ECDSA":
        curve = curve or next(name for name, (size, _) in _CURVES.items() if size == length)
        if _CURVES[curve][0] != length:
            raise invalid(f"keyShape.curveId {curve} requires length {_CURVES[curve][0]}")
        return {"algorithm": algorithm, "length": length, "curveId": curve}
    if curve:
        raise invalid(f"keyShape.curveId is only allowed with ECDSA, not with {algorithm}")
    return {"algorithm": algorithm, "length": length}


def _generate(shape: Document) -> tuple[bytes, str | None]:
    """New material of a shape, and its public key (PEM) if it has one."""
    if shape["algorithm"] == "AES":
        return os.urandom(shape["length"]), None
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if shape["algorithm"] == "RSA":
        private = rsa.generate_private_key(public_exponent=65537, key_size=shape["length"] * 8)
    else:
        private = ec.generate_private_key(_CURVES[shape["curveId"]][1]())
    material = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return material, public.decode()


def _algorithm(key: Record, given: str | None) -> str:
    kind = key.doc["keyShape"]["algorithm"]
    fitting = {"AES": ("AES_256_GCM",), "RSA": ("RSA_OAEP_SHA_1", "RSA_OAEP_SHA_256"), "ECDSA": ()}[kind]
    # AES_256_GCM is the request's default, also for keys that it does not fit.
    wanted = given or "AES_256_GCM"
    if wanted not in fitting:
        raise invalid(f"encryptionAlgorithm {wanted} does not fit a key of {kind}")
    return wanted


def _oaep(algorithm: str) -> padding.OAEP:
    digest: hashes.HashAlgorithm = hashes.SHA256() if algorithm.endswith("SHA_256") else hashes.SHA1()
    return padding.OAEP(padding.MGF1(digest), digest, None)


def _associated(data: Any) -> bytes | None:
    if not data:
        return None
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    if len(text) >= 4096:
        raise invalid("associatedData must have fewer than 4096 characters")
    return text.encode()


def _decoded(value: str, field: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"{field} is not base64") from None


def _checksum(data: bytes) -> str:
    return str(zlib.crc32(data))


__all__ = ["Kms"]
