# SPDX-License-Identifier: GPL-3.0-or-later
"""The Vault service: secrets, their versions and stages.

Rules of stages, deletion and what excludes what in an update are those of the SDK's models. A name that is taken
answers 400 InvalidParameter, also while its secret is pending deletion (seen in public reports: external-secrets
issue 6771), and in the same vault for good (terraform-provider-oci issue 1765: likely).

Contents are encrypted with the secret's own key of the vault, whose material is sealed with the region's root key.
They are never part of a document, a log line or an error.
"""

from __future__ import annotations

import datetime as dt
import re

from localregion import ocids
from localregion.core.errors import (
    ServiceError,
    incorrect_state,
    invalid,
    limit_exceeded,
    missing,
    not_found,
    not_implemented,
)
from localregion.core.store import Document, Record
from localregion.core.validate import Form
from localregion.services import lookup
from localregion.services.base import Service
from localregion.services.checks import in_state
from localregion.services.registration import operation
from localregion.services.resources import SECOND, Call, Kind, Reply
from localregion.services.schedule import DeletesLater, parse_time
from localregion.services.secret_content import content as content_of

_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}\Z")
_DAYS = re.compile(r"P(\d{1,4})D\Z")
_MOST_VERSIONS = 30
_ONE_OF = ("secretContent", "currentVersionNumber", "secretRules")


FORM = Form(nulls=True, empty={"metadata": {}, "secretRules": [], "stages": []})
"""How the service writes: nothing is recorded of it, so a guess by what Key Management does."""


class Vault(DeletesLater):
    """Secrets."""

    name = "vault"
    package = "vault"
    kinds = (
        Kind(
            "secret",
            model="Secret",
            resource="secrets",
            entity="vaultsecret",
            name_field="secretName",
            start=ocids.TENANCY,
        ),
        Kind("secret_version", model="SecretVersion", resource="secret-versions", name_field="name", operations=()),
    )
    form = FORM
    access = {
        "list_secret_versions": ("inspect", "secret-versions"),
        "get_secret_version": ("read", "secret-versions"),
        "update_secret": ("use", "secrets"),
        "rotate_secret": ("use", "secrets"),
    }

    # secrets

    @operation
    async def create_secret(self, call: Call) -> Reply:
        """Create a secret with given or generated content; a few seconds."""
        body = call.body
        vault = in_state(lookup.kms(self.region).get("vault", body["vaultId"]), "ACTIVE")
        key = lookup.kms(self.region).get("key", body["keyId"])
        self.authorize(call, "use", "keys", key.compartment, lookup.kms(self.region).target_variables(key))
        if key.parent != vault.id:
            raise invalid(f"keyId: key {key.id} is not in vault {vault.id}")
        if key.doc["keyShape"]["algorithm"] != "AES":
            raise invalid("keyId: secrets can only be encrypted with a symmetric (AES) key")
        in_state(key, "ENABLED")
        name = body["secretName"]
        if not _NAME.match(name):
            raise invalid(
                "secretName: valid characters are letters, numbers, hyphens, underscores and periods (1 to 255)"
            )
        if body.get("replicationConfig"):
            raise not_implemented("replication of secrets")
        rules, rotation = _rules(self, body.get("secretRules") or []), _rotation(body.get("rotationConfig"))
        automatic = bool(body.get("enableAutoGeneration"))
        context = body.get("secretGenerationContext")
        content = await content_of(body, automatic, context)
        given = body.get("secretContent") or {}
        if given.get("stage") == "PENDING":
            raise invalid("secretContent.stage of a new secret must be CURRENT")
        version_name = _version_name(given.get("name"))
        # Generation took its time: from here to the record nothing else can come in between.
        taken: list[str] = self.store.get_fact(f"secrets of {vault.id}") or []
        if name in taken:
            raise _taken()
        secret = self.create(
            "secret",
            call,
            {
                "currentVersionNumber": 1,
                "secretRules": rules,
                "isAutoGenerationEnabled": automatic,
                "rotationConfig": rotation,
                "rotationStatus": _rotation_status(rotation),
                "isReplica": False,
                "metadata": body.get("metadata") or {},
            },
            state="CREATING",
            parent=vault.id,
        )
        self.store.put_fact(f"secrets of {vault.id}", [*taken, name])
        self._add_version(secret, content, version_name, ["CURRENT", "LATEST"], automatic)
        self.transition(secret, 5 * SECOND, "ACTIVE")
        return self.show(secret)

    def _add_version(
        self, secret: Record, content: bytes, name: str | None, stages: list[str], automatic: bool
    ) -> Record:
        """A new version, its stages not yet taken from others."""
        number = secret.private.get("last_version", 0) + 1
        version = self.create(
            "secret_version",
            None,
            {
                "secretId": secret.id,
                "versionNumber": number,
                "contentType": "BASE64",
                "stages": stages,
                "name": name,
                "isContentAutoGenerated": automatic,
            },
            state="ACTIVE",
            compartment=secret.compartment,
            parent=secret.id,
        )
        if name is None:
            version.doc.pop("name", None)
        self.update(
            version,
            {},
            private={
                "content": lookup.kms(self.region).cryptography.seal_with(secret.doc["keyId"], content, version.id),
                "digest": self.region.sealer.digest(content, secret.id),
            },
        )
        self.update(secret, self._expiry(secret, version), private={"last_version": number})
        return version

    def _expiry(self, secret: Record, version: Record) -> Document:
        """When the version expires by the secret's rule; noted on the version, given for the secret."""
        expiry = None
        for rule in secret.doc.get("secretRules") or []:
            if rule["ruleType"] != "SECRET_EXPIRY_RULE":
                continue
            moments = []
            if interval := rule.get("secretVersionExpiryInterval"):
                made = parse_time(version.doc["timeCreated"], "timeCreated")
                moments.append(made + dt.timedelta(days=_days(interval)))
            if absolute := rule.get("timeOfAbsoluteExpiry"):
                moments.append(parse_time(absolute, "timeOfAbsoluteExpiry"))
            expiry = self.clock.timestamp(min(moments)) if moments else None
        self.update(version, {"timeOfCurrentVersionExpiry": expiry})
        return {"timeOfCurrentVersionExpiry": expiry}

    @operation
    async def list_secrets(self, call: Call) -> Reply:
        """The secrets of a compartment."""
        return self.list("secret", call, {"name": lambda secret, value: secret.doc["secretName"] == value})

    @operation
    async def update_secret(self, call: Call) -> Reply:
        """Change a secret: description, tags, rules, the current version, or its content (a new version)."""
        secret = in_state(self.get("secret", call.path["secret_id"]), "ACTIVE")
        body = call.body
        given = [name for name in _ONE_OF if name in body]
        if len(given) > 1:
            raise invalid(f"{' and '.join(given)} cannot be updated at the same time")
        if body.get("replicationConfig"):
            raise not_implemented("replication of secrets")
        changes: Document = {
            name: body[name] for name in ("description", "freeformTags", "definedTags", "metadata") if name in body
        }
        if "rotationConfig" in body:
            rotation = _rotation(body["rotationConfig"])
            changes |= {"rotationConfig": rotation, "rotationStatus": _rotation_status(rotation)}
        if "secretRules" in body:
            changes["secretRules"] = _rules(self, body["secretRules"])
        content = await self._new_content(secret, body, changes)
        # Generation took its time: another update may have come first. From here on nothing comes in between.
        secret = in_state(self.get("secret", secret.id), "ACTIVE")
        if content is not None:
            details = body.get("secretContent") or {}
            self._check_version_limit(secret)
            name = _version_name(details.get("name"))
            used = self.store.select(self.name, "secret_version", parent=secret.id, dead=None)
            if name and any(version.doc.get("name") == name for version in used):
                raise _taken()
            self._check_reuse(secret, content)
        elif "currentVersionNumber" in body:
            wanted = self._numbered(secret, body["currentVersionNumber"], related=True)
            if wanted.doc.get("timeOfDeletion"):
                raise incorrect_state(f"Version {body['currentVersionNumber']} is scheduled for deletion")
        secret = self.update(secret, changes)
        if content is not None:
            automatic = bool(secret.doc.get("isAutoGenerationEnabled"))
            version = self._add_version(secret, content, name, [], automatic)
            self._stage(secret, version, "PENDING" if details.get("stage") == "PENDING" else "CURRENT", newest=True)
        elif "currentVersionNumber" in body:
            self._stage(secret, wanted, "CURRENT")
        if "secretRules" in body:
            current = self._numbered(secret, secret.doc["currentVersionNumber"])
            secret = self.update(secret, self._expiry(secret, current))
        self.transition(secret, 2 * SECOND, "ACTIVE", via="UPDATING")
        return self.show(secret)

    async def _new_content(self, secret: Record, body: Document, changes: Document) -> bytes | None:
        """The content of a new version, None if the request makes none; how it is generated goes to `changes`."""
        automatic = body.get("enableAutoGeneration", secret.doc.get("isAutoGenerationEnabled", False))
        context = body.get("secretGenerationContext")
        if automatic:
            if "secretContent" in body:
                raise invalid("secretContent cannot be given for a secret whose content is generated")
            if "enableAutoGeneration" not in body and context is None:
                return None
            if "currentVersionNumber" in body or "secretRules" in body:
                raise invalid("New content, currentVersionNumber and secretRules cannot be updated at the same time")
            context = context or secret.doc.get("secretGenerationContext")
            content = await content_of({}, True, context)
            changes |= {"isAutoGenerationEnabled": True, "secretGenerationContext": context}
            return content
        if context:
            raise invalid("secretGenerationContext requires enableAutoGeneration")
        if "enableAutoGeneration" in body:
            changes |= {"isAutoGenerationEnabled": False, "secretGenerationContext": None}
        return await content_of(body, False, None) if "secretContent" in body else None

    def _check_version_limit(self, secret: Record) -> None:
        active = [version for version in self.versions(secret) if not version.doc.get("timeOfDeletion")]
        if len(active) >= _MOST_VERSIONS:
            raise limit_exceeded(f"A secret has at most {_MOST_VERSIONS} versions that are not scheduled for deletion")

    def _check_reuse(self, secret: Record, content: bytes) -> None:
        rule = next(
            (rule for rule in secret.doc.get("secretRules") or [] if rule["ruleType"] == "SECRET_REUSE_RULE"), None
        )
        if rule is None:
            return
        versions = self.store.select(self.name, "secret_version", parent=secret.id, dead=None)
        if not rule.get("isEnforcedOnDeletedSecretVersions"):
            versions = [version for version in versions if not version.dead and not version.doc.get("timeOfDeletion")]
        digest = self.region.sealer.digest(content, secret.id)
        if any(version.private["digest"] == digest for version in versions):
            raise invalid("The secret's reuse rule forbids content that another version has or had")

    def _stage(self, secret: Record, chosen: Record, stage: str, *, newest: bool = False) -> None:
        """Give `chosen` the stage CURRENT or PENDING, and the others what follows from it."""
        for version in self.versions(secret):
            old = set(version.doc["stages"])
            if version.id == chosen.id:
                stages = {stage} | ({"LATEST"} if newest or "LATEST" in old else set())
                if stage == "PENDING" and "CURRENT" in old:
                    stages |= {"CURRENT"}
            else:
                stages = old - ({"LATEST"} if newest else set())
                if stage == "CURRENT" and "CURRENT" in stages:
                    stages = (stages - {"CURRENT"}) | {"PREVIOUS"}
                elif stage == "CURRENT":
                    stages -= {"PREVIOUS"}
                elif stage == "PENDING":
                    stages -= {"PENDING"}
                if not stages & {"CURRENT", "PENDING", "PREVIOUS"}:
                    stages |= {"DEPRECATED"}
            ordered = [name for name in ("CURRENT", "PENDING", "LATEST", "PREVIOUS", "DEPRECATED") if name in stages]
            if ordered != version.doc["stages"]:
                self.update(version, {"stages": ordered})
        if stage == "CURRENT":
            expiry = {"timeOfCurrentVersionExpiry": chosen.doc.get("timeOfCurrentVersionExpiry")}
            self.update(secret, {"currentVersionNumber": chosen.doc["versionNumber"], **expiry})

    @operation
    async def change_secret_compartment(self, call: Call) -> Reply:
        """Move a secret and its versions."""
        secret = in_state(self.get("secret", call.path["secret_id"]), "ACTIVE")
        reply = self.move(secret, call)
        for version in self.versions(secret):
            version.compartment = call.body["compartmentId"]
            self.store.save(version, etag=False)
        return reply

    @operation
    async def rotate_secret(self, call: Call) -> Reply:
        """Rotation drives a target system, of which the region has neither (Autonomous Database, Functions)."""
        secret = in_state(self.get("secret", call.path["secret_id"]), "ACTIVE")
        if not secret.doc.get("rotationConfig"):
            raise invalid("The secret has no rotationConfig with a target system to rotate")
        raise not_implemented("the rotation of a secret in an Autonomous Database or by a Function")

    @operation
    async def cancel_secret_rotation(self, call: Call) -> Reply:
        """There is never a rotation under way (see `rotate_secret`)."""
        secret = in_state(self.get("secret", call.path["secret_id"]), "ACTIVE")
        raise incorrect_state(f"No rotation of secret {secret.id} is in progress")

    @operation
    async def schedule_secret_deletion(self, call: Call) -> Reply:
        """Schedule a secret for deletion in 1 to 30 days. Its name stays taken, its content is not readable."""
        secret = in_state(self.get("secret", call.path["secret_id"]), "ACTIVE", "FAILED")
        when = self.deletion_time(call.body.get("timeOfDeletion"), 1)
        secret = self.schedule(secret, when)
        self.transition(secret, 2 * SECOND, "PENDING_DELETION", via="SCHEDULING_DELETION")
        return self.accepted(record=secret)

    async def expire(self, record: Record) -> None:
        """Contents are erased with a secret or a version."""
        if record.kind == "secret_version":
            self._erase(record)
            return
        for version in self.versions(record):
            self._erase(version)
        self.retire(record)

    def _erase(self, version: Record) -> None:
        """Forget a version's content; its digest stays for the reuse rule, as long as the secret does."""
        version.private.pop("content", None)
        version.dead = True
        self.store.save(version)

    @operation
    async def cancel_secret_deletion(self, call: Call) -> Reply:
        """Cancel a deletion."""
        secret = in_state(self.get("secret", call.path["secret_id"]), "PENDING_DELETION")
        self.keep(secret, 2 * SECOND, "ACTIVE")
        return self.accepted(record=secret)

    # versions

    def versions(self, secret: Record) -> list[Record]:
        """The versions that are not deleted, oldest first."""
        return self.living("secret_version", parent=secret.id)

    def _numbered(self, secret: Record, number: int, *, related: bool = False) -> Record:
        for version in self.versions(secret):
            if version.doc["versionNumber"] == number:
                return version
        raise invalid(f"currentVersionNumber: the secret has no version {number}") if related else not_found()

    def _version_of(self, call: Call) -> Record:
        secret = self.get("secret", call.path["secret_id"])
        number = call.path["secret_version_number"]
        if not number.isdecimal():
            raise invalid("secretVersionNumber must be an integer")
        return self._numbered(secret, int(number))

    @operation
    async def get_secret_version(self, call: Call) -> Reply:
        """A version (never its content: that is the secrets service's)."""
        return self.show(self._version_of(call))

    @operation
    async def list_secret_versions(self, call: Call) -> Reply:
        """The versions of a secret, the newest first."""
        secret = self.get("secret", call.path["secret_id"])
        docs = [
            version.doc | {"timeOfExpiry": version.doc.get("timeOfCurrentVersionExpiry")}
            for version in sort_versions(self.versions(secret), call)
        ]
        return self.page(call, docs)

    @operation
    async def schedule_secret_version_deletion(self, call: Call) -> Reply:
        """Schedule a DEPRECATED version for deletion in 1 to 30 days."""
        secret = in_state(self.get("secret", call.path["secret_id"]), "ACTIVE")
        version = self._version_of(call)
        if version.doc["stages"] != ["DEPRECATED"]:
            raise incorrect_state("Only secret versions marked DEPRECATED can be scheduled for deletion")
        if version.doc.get("timeOfDeletion"):
            raise incorrect_state("The secret version is already scheduled for deletion")
        leaving = [each for each in self.versions(secret) if each.doc.get("timeOfDeletion")]
        if len(leaving) >= _MOST_VERSIONS:
            raise limit_exceeded(f"A secret has at most {_MOST_VERSIONS} versions that are scheduled for deletion")
        when = self.deletion_time(call.body.get("timeOfDeletion"), 1)
        return self.accepted(record=self.schedule(version, when))

    @operation
    async def cancel_secret_version_deletion(self, call: Call) -> Reply:
        """Cancel the deletion of a version."""
        version = self._version_of(call)
        if not version.doc.get("timeOfDeletion"):
            raise incorrect_state("The secret version is not scheduled for deletion")
        return self.accepted(record=self.schedule(version, None))

    # for the secrets service

    def read(self, secret: Record, version: Record) -> bytes:
        """The content of a version; 409 when it is expired and blocked, or its key is not ENABLED."""
        rules = secret.doc.get("secretRules") or []
        blocked = any(rule.get("isSecretContentRetrievalBlockedOnExpiry") for rule in rules)
        expiry = version.doc.get("timeOfCurrentVersionExpiry")
        if blocked and expiry and parse_time(expiry, "expiry") <= self.clock.now():
            raise incorrect_state("The secret version has expired and its rule blocks retrieval")
        return lookup.kms(self.region).cryptography.open_with(
            secret.doc["keyId"], version.private["content"], version.id
        )

    def target_variables(self, record: Record) -> dict[str, str]:
        """Variables of policies, of a secret or of the secret that a version belongs to."""
        secret = record if record.kind == "secret" else self.store.find(record.parent or "") or record
        return {
            "target.secret.id": secret.id,
            "target.secret.name": str(secret.doc.get("secretName", "")),
            "target.vault.id": str(secret.doc.get("vaultId", "")),
            "target.key.id": str(secret.doc.get("keyId", "")),
        }


def sort_versions(versions: list[Record], call: Call) -> list[Record]:
    """Versions by number: descending unless the call says otherwise."""
    ascending = call.query.get("sort_order") == "ASC"
    return sorted(versions, key=lambda version: int(version.doc["versionNumber"]), reverse=not ascending)


def _taken() -> ServiceError:
    """What the service says of the name of a secret, or of a version, that is or was another's."""
    return invalid("name already exists")


def _version_name(name: str | None) -> str | None:
    if name is not None and not _NAME.match(name):
        raise invalid("secretContent.name: valid characters are letters, numbers, hyphens, underscores and periods")
    return name


def _days(interval: str) -> int:
    match = _DAYS.match(interval)
    if not match:
        raise invalid(f"'{interval}' is not an ISO 8601 interval in days, like P30D")
    return int(match[1])


def _rules(service: Service, rules: list[Document]) -> list[Document]:
    kinds = [rule["ruleType"] for rule in rules]
    if len(kinds) != len(set(kinds)):
        raise invalid("secretRules holds at most one rule of each type")
    now = service.clock.now()
    shown = []
    for rule in rules:
        if rule["ruleType"] == "SECRET_REUSE_RULE":
            shown.append({"isEnforcedOnDeletedSecretVersions": False} | rule)
            continue
        interval, absolute = rule.get("secretVersionExpiryInterval"), rule.get("timeOfAbsoluteExpiry")
        if not interval and not absolute:
            raise invalid("A secret expiry rule needs secretVersionExpiryInterval or timeOfAbsoluteExpiry")
        if interval and not 1 <= _days(interval) <= 90:
            raise invalid(f"secretVersionExpiryInterval must be between P1D and P90D: {interval}")
        made: Document = {"isSecretContentRetrievalBlockedOnExpiry": False} | rule
        if absolute:
            when = parse_time(absolute, "timeOfAbsoluteExpiry").astimezone(dt.UTC)
            if not dt.timedelta(days=1) <= when - now <= dt.timedelta(days=365):
                raise invalid(f"timeOfAbsoluteExpiry must be between 1 and 365 days from now: {absolute}")
            made["timeOfAbsoluteExpiry"] = service.clock.timestamp(when)
        shown.append(made)
    return shown


def _rotation_status(config: Document | None) -> str:
    return "SCHEDULED" if config and config.get("isScheduledRotationEnabled") else "NOT_ENABLED"


def _rotation(config: Document | None) -> Document | None:
    if not config:
        return None
    if config.get("isScheduledRotationEnabled") and not config.get("rotationInterval"):
        raise missing("rotationConfig.rotationInterval")
    if (interval := config.get("rotationInterval")) and not 1 <= _days(interval) <= 360:
        raise invalid(f"rotationConfig.rotationInterval must be between P1D and P360D: {interval}")
    return config


__all__ = ["Vault", "sort_versions"]
