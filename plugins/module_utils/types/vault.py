# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults and keys (SDK package ``key_management``) and secrets (``vault``, read through ``secrets``)."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Call,
    Change,
    Deletion,
    Document,
    Field,
    ResourceType,
    States,
)


def _states(**own: tuple[str, ...]) -> States:
    """The states of what lives in a vault: its deletion is set for a day."""
    return States(gone=("DELETED",), going=("DELETING",), scheduled=("PENDING_DELETION", "SCHEDULING_DELETION"), **own)  # type: ignore[arg-type]


def _endpoint_answers(session: Any, document: Document) -> str | None:
    """A vault's own endpoint may not resolve for a while after the vault is ACTIVE (its name is made with it)."""
    client = session.client("key_management.KmsManagementClient", endpoint=document["management_endpoint"])
    try:
        client.list_keys(document["compartment_id"], limit=1)
    except Exception as error:
        return None if getattr(error, "status", 0) else "its management endpoint does not answer yet"
    return None


VAULT = ResourceType(
    name="vault",
    title="Vault",
    client="key_management.KmsVaultClient",
    name_filter=None,
    states=_states(ready=("ACTIVE",)),
    deletion=Deletion("schedule_vault_deletion", cancel="cancel_vault_deletion", days=(7, 30)),
    usable=_endpoint_answers,
    fields=(
        Field("vault_type", choices=("DEFAULT", "VIRTUAL_PRIVATE"), change=Change.REPLACE, create_default="DEFAULT"),
    ),
    unmanaged={"external_key_manager_metadata": "vaults of type EXTERNAL hold no secrets"},
)

MANAGEMENT_ENDPOINT = {"management_endpoint": {"type": "str"}}

VAULT_KEY = ResourceType(
    name="vault_key",
    title="Vault key",
    noun="key",
    client="key_management.KmsManagementClient",
    endpoint_option="management_endpoint",
    extra_options=MANAGEMENT_ENDPOINT,
    name_filter=None,
    list_complete=False,
    states=_states(ready=("ENABLED",), resting=("DISABLED",)),
    deletion=Deletion("schedule_key_deletion", cancel="cancel_key_deletion", days=(7, 30)),
    fields=(
        Field(
            "key_shape",
            type="dict",
            change=Change.REPLACE,
            required=True,
            fields=(
                Field("algorithm", choices=("AES", "RSA", "ECDSA"), required=True),
                Field("length", type="int", required=True),
                Field("curve_id"),
            ),
        ),
        Field("protection_mode", choices=("HSM", "SOFTWARE"), change=Change.REPLACE),
        Field("is_auto_rotation_enabled", type="bool"),
        Field("auto_key_rotation_details", type="dict", fields=(Field("rotation_interval_in_days", type="int"),)),
    ),
    unmanaged={
        "external_key_reference": "keys outside of the Vault encrypt no secrets",
        "auto_key_rotation_details.time_of_schedule_start": "the day it is declared",
        "auto_key_rotation_details.time_of_next_rotation": "told by the service",
        "auto_key_rotation_details.time_of_last_rotation": "told by the service",
        "auto_key_rotation_details.last_rotation_status": "told by the service",
        "auto_key_rotation_details.last_rotation_message": "told by the service",
    },
)

# --- secrets -----------------------------------------------------------------------------------------------------


def encoded(text: str) -> Document:
    """A secret's content as the service takes it (Base64SecretContentDetails)."""
    return {"content_type": "BASE64", "stage": "CURRENT", "content": base64.b64encode(text.encode()).decode()}


def read_secret(session: Any, secret_id: str, stage: str = "CURRENT") -> str:
    """The content of a secret, in memory only (GetSecretBundle). Raises CloudError."""
    client = session.client("secrets.SecretsClient")
    bundle = session.call(client, "get_secret_bundle", secret_id, stage=stage).data
    return base64.b64decode(bundle.secret_bundle_content.content).decode()


def _content_steps(before: Any, after: Any, observed: Document) -> list[Call]:
    """New content is a version of its own, which no other field may come with."""
    del before, observed
    return [Call("update_secret", {"secret_content": encoded(after)}, guarded=True)]


def _with_content(session: Any, document: Document, desired: Document) -> Document:
    """The secret together with its content, read only where the task declares content to compare it with."""
    if desired.get("content") is None or document.get("lifecycle_state") != "ACTIVE":
        return document
    return {**document, "content": read_secret(session, document["id"])}


def _encode_secret(session: Any, body: Document) -> Document:
    del session
    content = body.pop("content", None)
    if content is not None:
        body["secret_content"] = encoded(content)
    return body


def _secret_problems(desired: Document) -> Iterable[str]:
    if desired.get("content") is not None and desired.get("enable_auto_generation"):
        yield "content: cannot stand beside enable_auto_generation: the service generates the content"
    if desired.get("enable_auto_generation") and not desired.get("secret_generation_context"):
        yield "secret_generation_context: enable_auto_generation needs it"


VAULT_SECRET = ResourceType(
    name="vault_secret",
    title="Vault secret",
    noun="secret",
    client="vault.VaultsClient",
    parent="vault_id",
    name_field="secret_name",
    name_filter="name",
    list_complete=False,
    states=_states(ready=("ACTIVE",), failed=("FAILED",)),
    deletion=Deletion("schedule_secret_deletion", cancel="cancel_secret_deletion", days=(1, 30)),
    complete=_with_content,
    encode=_encode_secret,
    checks=(_secret_problems,),
    fields=(
        Field("secret_name", change=Change.REPLACE, required=True),
        Field("vault_id", change=Change.REPLACE, required=True, reference="vault"),
        Field("key_id", change=Change.REPLACE, required=True, reference="vault_key"),
        Field("description"),
        Field("metadata", type="dict"),
        Field("content", secret=True, change=Change.STEPS, steps=_content_steps),
        Field("enable_auto_generation", type="bool", read="is_auto_generation_enabled"),
        Field(
            "secret_generation_context",
            type="dict",
            fields=(
                Field("generation_type", choices=("PASSPHRASE", "SSH_KEY", "BYTES"), required=True),
                Field("generation_template", required=True),
                Field("passphrase_length", type="int"),
                Field("secret_template"),
            ),
        ),
    ),
    unmanaged={
        "current_version_number": "moves between stages by rotation, not by declaration",
        "secret_content": "the option content",
        "secret_rules": "not managed yet",
        "rotation_config": "its targets are functions and autonomous databases",
        "replication_config": "one region",
    },
)
