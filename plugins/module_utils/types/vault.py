# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults and keys (SDK package ``key_management``) and secrets (``vault``, read through ``secrets``)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import to_document
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Action,
    Call,
    Change,
    Deletion,
    Document,
    Field,
    Read,
    ResourceType,
    States,
    holds_unknown,
    moment,
    time_of,
)


def _states(*, busy: tuple[str, ...] = (), **own: tuple[str, ...]) -> States:
    """The states of what lives in a vault: its deletion is set for a day."""
    return States(
        gone=("DELETED",),
        going=("DELETING",),
        scheduled=("PENDING_DELETION", "SCHEDULING_DELETION"),
        busy=("CREATING", "UPDATING", "CANCELLING_DELETION", *busy),
        **own,  # type: ignore[arg-type]
    )


def day(value: Any) -> Any:
    """A time of which the service keeps the day only."""
    try:
        return time_of(value).date().isoformat()
    except ValueError:
        return value


def _is_older(time_created: Any, days: float) -> bool:
    return datetime.now(UTC) - time_of(time_created) >= timedelta(days=days)


ROTATE_AFTER_DAYS = {"rotate_after_days": {"type": "int"}}


def _rotation_problems(desired: Document) -> Iterable[str]:
    days = desired.get("rotate_after_days")
    if isinstance(days, int) and days < 1:
        yield f"rotate_after_days: {days} is less than a day"


# --- vaults ------------------------------------------------------------------------------------------------------


def _endpoint_answers(session: Any, document: Document) -> str | None:
    """A vault's own endpoint may not resolve for a while after the vault is ACTIVE (its name is made with it)."""
    if _is_older(document["time_created"], 1 / 24):
        return None  # it would be no news by now, and costs each run a call
    client = session.client("key_management.KmsManagementClient", endpoint=document["management_endpoint"])
    try:
        client.list_keys(document["compartment_id"], limit=1)
    except Exception as error:
        return None if getattr(error, "status", 0) >= 400 else "its management endpoint does not answer yet"
    return None


_NEVER_FAILED = "the service knows no failed state of it: a creation that fails is refused"

VAULT = ResourceType(
    name="vault",
    client="key_management.KmsVaultClient",
    name_filter=None,
    states=_states(ready=("ACTIVE",), busy=("BACKUP_IN_PROGRESS", "RESTORING")),
    deletion=Deletion("schedule_vault_deletion", cancel="cancel_vault_deletion", days=(7, 30)),
    lacks={"failed": _NEVER_FAILED},
    usable=_endpoint_answers,
    fields=(
        Field("vault_type", choices=("DEFAULT", "VIRTUAL_PRIVATE"), change=Change.REPLACE, create_default="DEFAULT"),
    ),
    unmanaged={"external_key_manager_metadata": "vaults of type EXTERNAL hold references to keys, and no secrets"},
)

# --- keys --------------------------------------------------------------------------------------------------------

MANAGEMENT_ENDPOINT = {"management_endpoint": {"type": "str"}}


def _key_is_due(read: Read, key: Document, options: Document) -> bool:
    days = options.get("rotate_after_days")
    if days is None:
        return True
    return _is_older(read("get_key_version", key["id"], key["current_key_version"])["time_created"], days)


def _key_rests(key: Document) -> str | None:
    if key.get("lifecycle_state") == "DISABLED":
        return "it is DISABLED, and the service rotates a key that is ENABLED only: enable it first (state: enabled)"
    return None


def _key_problems(desired: Document) -> Iterable[str]:
    yield from _rotation_problems(desired)
    details = desired.get("auto_key_rotation_details") or {}
    if details and desired.get("is_auto_rotation_enabled") is False:
        yield "auto_key_rotation_details: cannot stand beside is_auto_rotation_enabled: false"
    interval = details.get("rotation_interval_in_days")
    if isinstance(interval, int) and not 60 <= interval <= 365:
        yield f"auto_key_rotation_details.rotation_interval_in_days: {interval} is outside of 60 to 365"
    start = details.get("time_of_schedule_start")
    if start is not None and not holds_unknown(start) and day(start) == start and not _is_day(start):
        yield f"auto_key_rotation_details.time_of_schedule_start: {start!r} is not a date of ISO 8601, like 2027-01-31"


def _is_day(value: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None


VAULT_KEY = ResourceType(
    name="vault_key",
    noun="key",
    client="key_management.KmsManagementClient",
    endpoint_option="management_endpoint",
    extra_options={**MANAGEMENT_ENDPOINT, **ROTATE_AFTER_DAYS},
    name_filter=None,
    list_complete=False,
    states=_states(
        ready=("ENABLED",),
        frozen=("DISABLED",),
        busy=("ENABLING", "DISABLING", "BACKUP_IN_PROGRESS", "RESTORING"),
    ),
    deletion=Deletion("schedule_key_deletion", cancel="cancel_key_deletion", days=(7, 30)),
    actions={
        "enabled": Action("enable_key", "ENABLED", token=True),
        "disabled": Action("disable_key", "DISABLED", token=True),
        "rotated": Action(
            "create_key_version", "ENABLED", always=True, due=_key_is_due, refusal=_key_rests, token=True
        ),
    },
    lacks={"failed": _NEVER_FAILED},
    checks=(_key_problems,),
    fields=(
        Field(
            "key_shape",
            type="dict",
            change=Change.REPLACE,
            required=True,
            discriminator="algorithm",
            fields=(
                Field("algorithm", choices=("AES", "RSA", "ECDSA"), required=True),
                Field("length", type="int", required=True),
                Field("curve_id", choices=("NIST_P256", "NIST_P384", "NIST_P521")),
            ),
        ),
        Field("protection_mode", choices=("HSM", "SOFTWARE"), change=Change.REPLACE),
        Field("is_auto_rotation_enabled", type="bool"),
        Field(
            "auto_key_rotation_details",
            type="dict",
            fields=(
                Field("rotation_interval_in_days", type="int"),
                Field("time_of_schedule_start", canonical=day),
            ),
        ),
    ),
    unmanaged={
        "external_key_reference": "keys that are kept outside of the Vault encrypt no secrets",
        "auto_key_rotation_details.time_of_next_rotation": "set by the service",
        "auto_key_rotation_details.time_of_last_rotation": "set by the service",
        "auto_key_rotation_details.last_rotation_status": "set by the service",
        "auto_key_rotation_details.last_rotation_message": "set by the service",
    },
)

# --- secrets -----------------------------------------------------------------------------------------------------


def encoded(text: str, stage: str = "CURRENT") -> Document:
    """A secret's content as the service takes it (Base64SecretContentDetails)."""
    return {"content_type": "BASE64", "stage": stage, "content": base64.b64encode(text.encode()).decode()}


def _read(session: Any, secret_id: str, stage: str) -> tuple[int, str]:
    """The number and the content of a secret's version, in memory only (GetSecretBundle). Raises CloudError."""
    client = session.client("secrets.SecretsClient")
    bundle = session.call(client, "get_secret_bundle", secret_id, stage=stage).data
    return bundle.version_number, _text(bundle)


def _text(bundle: Any) -> str:
    """What a bundle holds. What is not text differs from all text."""
    return base64.b64decode(bundle.secret_bundle_content.content).decode(errors="surrogateescape")


def read_secret(session: Any, secret_id: str) -> str:
    """The content of a secret, in memory only. Raises CloudError."""
    return read_version(session, secret_id)[1]


def read_version(session: Any, secret_id: str) -> tuple[int, str]:
    """The number and the content of a secret's current version, in memory only. Raises CloudError."""
    return _read(session, secret_id, "CURRENT")


def read_secret_by_name(session: Any, vault_id: str, name: str) -> tuple[int, str]:
    """The same by the secret's name in its vault (GetSecretBundleByName). Raises CloudError."""
    client = session.client("secrets.SecretsClient")
    bundle = session.call(client, "get_secret_bundle_by_name", name, vault_id, stage="CURRENT").data
    return bundle.version_number, _text(bundle)


def current_version(session: Any, secret_id: str) -> int:
    """The number of a secret's current version, without its content. Raises CloudError."""
    client = session.client("vault.VaultsClient")
    return int(session.call(client, "get_secret", secret_id).data.current_version_number)


def version_made(session: Any, secret_id: str, number: int) -> str:
    """When a version of a secret was made, as ISO 8601. Raises CloudError."""
    client = session.client("vault.VaultsClient")
    return str(to_document(session.call(client, "get_secret_version", secret_id, number).data)["time_created"])


def _with_content(session: Any, document: Document, desired: Document) -> Document:
    """The secret together with its content, read only where the task declares content to compare it with.

    ``_promote`` is the number of a PENDING version that holds what is to be current, ``_stage`` that of a new one.
    """
    wanted = desired.get("content")
    if wanted is None or document.get("lifecycle_state") != "ACTIVE":
        return document
    if desired.get("stage") == "PENDING":
        pending = _pending(session, document["id"])
        if pending and pending[1] == wanted:
            return {**document, "content": wanted}
        return {**document, "content": _current(session, document), "_stage": "PENDING"}
    current = _current(session, document)
    pending = _pending(session, document["id"]) if current != wanted else None
    promoted = {"_promote": pending[0]} if pending and pending[1] == wanted else {}
    return {**document, "content": current, **promoted}


def _pending(session: Any, secret_id: str) -> tuple[int, str] | None:
    try:
        return _read(session, secret_id, "PENDING")
    except CloudError as error:
        if error.status == 404:
            return None
        raise


def _current(session: Any, document: Document) -> str | None:
    """The current content; None where its expiry keeps the service from giving it, so that it is written again."""
    rules = [r for r in document.get("secret_rules") or [] if r.get("is_secret_content_retrieval_blocked_on_expiry")]
    expiry = document.get("time_of_current_version_expiry")
    if not rules or not expiry or time_of(expiry) > datetime.now(UTC):
        return read_secret(session, document["id"])
    over = [t for r in rules if (t := r.get("time_of_absolute_expiry")) and time_of(t) <= datetime.now(UTC)]
    if over:
        raise CloudError(
            f"vault_secret {document['secret_name']} ({document['id']}): it expired at {over[0]}, and its rule keeps "
            "the service from giving its content to compare it. Declare secret_rules with a later "
            "time_of_absolute_expiry, or without is_secret_content_retrieval_blocked_on_expiry, and content in a "
            "task after that"
        )
    return None


def _content_steps(before: Any, after: Any, observed: Document) -> list[Call]:
    """New content is a version of its own, which neither rules nor a version's number may come with. What waits as
    PENDING already is promoted."""
    del before
    if number := observed.get("_promote"):
        return [Call("update_secret", {"current_version_number": number}, guarded=True)]
    body: Document = {"secret_content": encoded(after, observed.get("_stage", "CURRENT"))}
    if observed.get("is_auto_generation_enabled"):
        body["enable_auto_generation"] = False
    return [Call("update_secret", body, guarded=True)]


def _encode_secret(session: Any, body: Document, there: Document | None) -> Document:
    del session
    if there is not None:
        return body
    content = body.pop("content", None)
    if content is not None:
        body["secret_content"] = encoded(content)  # the first version is the current one, whatever is declared
    return body


def _generated_again(secret: Document) -> Document:
    """What an update holds to have the content generated again, as it was the last time."""
    names = {f.name for f in _GENERATION.fields}
    context = {k: v for k, v in (secret.get("secret_generation_context") or {}).items() if k in names and v is not None}
    return {"enable_auto_generation": True, "secret_generation_context": context}


def _given(secret: Document) -> str | None:
    if not secret.get("is_auto_generation_enabled"):
        return "its content is given, not generated by the service: to rotate it declare other content"
    return None


def _secret_is_due(read: Read, secret: Document, options: Document) -> bool:
    days = options.get("rotate_after_days")
    if days is None:
        return True
    version = read("get_secret_version", secret["id"], secret["current_version_number"])
    return _is_older(version["time_created"], days)


_KEYWORDS = {
    "PASSPHRASE": ("%GENERATED_PASSPHRASE%",),
    "SSH_KEY": ("%GENERATED_PUBLIC_KEY%", "%GENERATED_PRIVATE_KEY%"),
    "BYTES": ("%GENERATED_BYTES%",),
}
_RULE_FIELDS = {
    "SECRET_EXPIRY_RULE": (
        "secret_version_expiry_interval",
        "time_of_absolute_expiry",
        "is_secret_content_retrieval_blocked_on_expiry",
    ),
    "SECRET_REUSE_RULE": ("is_enforced_on_deleted_secret_versions",),
}


def _secret_problems(desired: Document) -> Iterable[str]:
    yield from _rotation_problems(desired)
    content, generate = desired.get("content"), desired.get("enable_auto_generation")
    if content is not None and generate:
        yield "content: cannot stand beside enable_auto_generation: the service generates the content"
    if content is not None and desired.get("current_version_number") is not None:
        yield "current_version_number: cannot stand beside content: content says what is current"
    if content is None and desired.get("stage") == "PENDING":
        yield "stage: PENDING is for content, and none is given"
    if content == "":
        yield "content: the service takes no empty content"
    if generate and not desired.get("secret_generation_context"):
        yield "secret_generation_context: enable_auto_generation needs it"
    if not holds_unknown(desired.get("secret_generation_context")):
        yield from _generation_problems(desired.get("secret_generation_context") or {})
    if not holds_unknown(desired.get("secret_rules")):
        yield from _rule_problems(desired.get("secret_rules") or [])


def _generation_problems(context: Document) -> Iterable[str]:
    kind, template = context.get("generation_type"), context.get("secret_template")
    if context.get("passphrase_length") is not None and kind not in (None, "PASSPHRASE"):
        yield f"secret_generation_context.passphrase_length: {kind} has none"
    lacking = [word for word in _KEYWORDS.get(kind or "", ()) if template is not None and word not in template]
    if lacking:
        yield f"secret_generation_context.secret_template: it must hold {' and '.join(lacking)}"


def _rule_problems(rules: list[Document]) -> Iterable[str]:
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        where, kind = f"secret_rules[{index}]", rule.get("rule_type", "")
        if kind in seen:
            yield f"{where}.rule_type: a second {kind}; there is at most one of each"
        seen.add(kind)
        for other, names in _RULE_FIELDS.items():
            yield from (f"{where}.{n}: {kind} has none" for n in names if other != kind and rule.get(n) is not None)
        if kind == "SECRET_EXPIRY_RULE":
            yield from _expiry_problems(where, rule)


def _expiry_problems(where: str, rule: Document) -> Iterable[str]:
    interval, absolute = rule.get("secret_version_expiry_interval"), rule.get("time_of_absolute_expiry")
    if interval is None and absolute is None:
        yield f"{where}: SECRET_EXPIRY_RULE needs secret_version_expiry_interval or time_of_absolute_expiry"
    if interval is not None:
        days = re.fullmatch(r"P(\d{1,4})D", interval)
        if not days or not 1 <= int(days[1]) <= 90:
            yield f"{where}.secret_version_expiry_interval: {interval!r} is not P1D to P90D"
    if absolute is not None:
        try:
            time_of(absolute)
        except ValueError:
            yield f"{where}.time_of_absolute_expiry: {absolute!r} is not a time of ISO 8601, like 2027-01-31T00:00:00Z"


_GENERATION = Field(
    "secret_generation_context",
    type="dict",
    discriminator="generation_type",
    fields=(
        Field("generation_type", choices=("PASSPHRASE", "SSH_KEY", "BYTES"), required=True),
        Field("generation_template", required=True),
        Field("passphrase_length", type="int"),
        Field("secret_template"),
    ),
)

VAULT_SECRET = ResourceType(
    name="vault_secret",
    noun="secret",
    client="vault.VaultsClient",
    parent="vault_id",
    name_field="secret_name",
    name_filter="name",
    list_complete=False,  # nor is there a get by name: the number of the current version needs a get after the list
    states=_states(ready=("ACTIVE",), failed=("FAILED",)),
    deletion=Deletion("schedule_secret_deletion", cancel="cancel_secret_deletion", days=(1, 30)),
    actions={
        # Not rotate_secret: it is for secrets with a target system, which this collection has none of.
        "rotated": Action(
            "update_secret", "ACTIVE", always=True, due=_secret_is_due, refusal=_given, body=_generated_again
        ),
    },
    lacks={
        "rename": "UpdateSecretDetails has no secret_name",
        "replace": "its name stays taken until it is deleted, a day later at the earliest",
        "twins": "a vault has one secret of a name",
    },
    extra_options={
        "stage": {"type": "str", "choices": ["CURRENT", "PENDING"], "default": "CURRENT"},
        **ROTATE_AFTER_DAYS,
    },
    complete=_with_content,
    encode=_encode_secret,
    checks=(_secret_problems,),
    fields=(
        Field("secret_name", change=Change.REPLACE, required=True),
        Field("vault_id", change=Change.REPLACE, required=True, reference="vault"),
        Field("key_id", change=Change.REPLACE, required=True, reference="vault_key"),
        Field("description"),
        Field("metadata", type="dict"),
        Field(
            "secret_rules",
            type="list",
            elements="dict",
            alone=True,
            fields=(
                Field("rule_type", choices=("SECRET_EXPIRY_RULE", "SECRET_REUSE_RULE"), required=True),
                Field("secret_version_expiry_interval"),
                Field("time_of_absolute_expiry", canonical=moment),
                Field("is_secret_content_retrieval_blocked_on_expiry", type="bool", default=False),
                Field("is_enforced_on_deleted_secret_versions", type="bool", default=False),
            ),
        ),
        Field("content", secret=True, change=Change.STEPS, steps=_content_steps),
        Field("current_version_number", type="int", alone=True, on_create=False),
        Field("enable_auto_generation", type="bool", read="is_auto_generation_enabled"),
        _GENERATION,
    ),
    unmanaged={
        "secret_content": "the options content and stage",
        "rotation_config": "it drives functions and autonomous databases, which this collection does not keep",
        "replication_config": "it copies secrets to other regions, while a task keeps what is in one",
    },
)
