# SPDX-License-Identifier: GPL-3.0-or-later
"""The Secrets service: what secrets hold, for those whom a policy lets read `secret-bundles`.

A secret that is pending deletion reads as 404 (seen in public reports: external-secrets issue 6771). Contents go into
the answer and nowhere else.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, cast

from localregion.core.errors import invalid, not_found
from localregion.core.store import Document, Record
from localregion.services.base import Service
from localregion.services.registration import operation
from localregion.services.resources import Call, Reply
from localregion.services.vault import FORM, sort_versions

if TYPE_CHECKING:
    from localregion.services.vault import Vault

_LIVING = ("ACTIVE", "UPDATING")


class Secrets(Service):
    """Secret bundles."""

    name = "secrets"
    package = "secrets"
    form = FORM
    access = {
        "get_secret_bundle": ("read", "secret-bundles"),
        "list_secret_bundle_versions": ("inspect", "secret-bundles"),
        # The query names the secret: the method asks itself.
        "get_secret_bundle_by_name": None,
    }

    @property
    def _vault(self) -> Vault:
        return cast("Vault", self.region.services["vault"])

    @operation
    async def get_secret_bundle(self, call: Call) -> Reply:
        """The content of a secret, its current version unless the query asks for another."""
        return self._bundle(call, self._readable(self._vault.get("secret", call.path["secret_id"])))

    @operation
    async def get_secret_bundle_by_name(self, call: Call) -> Reply:
        """The same by the secret's name in a vault."""
        name, vault_id = call.query["secret_name"], call.query["vault_id"]
        for secret in self._vault.living("secret", parent=vault_id):
            if secret.doc["secretName"] == name:
                variables = self._vault.target_variables(secret)
                if not self.region.iam.allows(
                    call.principal, "read", "secret-bundles", secret.compartment, variables, "GetSecretBundleByName"
                ):
                    raise not_found()
                return self._bundle(call, self._readable(secret))
        raise not_found()

    @operation
    async def list_secret_bundle_versions(self, call: Call) -> Reply:
        """The versions of a secret, without content, the newest first."""
        secret = self._readable(self._vault.get("secret", call.path["secret_id"]))
        return self.page(call, [_shown(version) for version in sort_versions(self._vault.versions(secret), call)])

    def _readable(self, secret: Record) -> Record:
        if secret.state not in _LIVING:
            raise not_found()
        return secret

    def _bundle(self, call: Call, secret: Record) -> Reply:
        version = self._chosen(call, secret)
        content = base64.b64encode(self._vault.read(secret, version)).decode()
        doc = _shown(version) | {
            "metadata": secret.doc.get("metadata") or {},
            "secretBundleContent": {"contentType": "BASE64", "content": content},
        }
        return Reply(200, doc, record=version)

    def _chosen(self, call: Call, secret: Record) -> Record:
        given = {
            name: call.query[name] for name in ("version_number", "secret_version_name", "stage") if name in call.query
        }
        if len(given) > 1:
            raise invalid(f"Only one of {', '.join(given)} can be given")
        number = call.query.get("version_number")
        for version in self._vault.versions(secret):
            doc = version.doc
            if number is not None:
                found = doc["versionNumber"] == int(number)
            elif "secret_version_name" in given:
                found = doc.get("name") == given["secret_version_name"]
            else:
                found = given.get("stage", "CURRENT") in doc["stages"]
            if found:
                return version
        raise not_found()


def _shown(version: Record) -> Document:
    doc = version.doc
    shown: Document = {
        name: doc[name] for name in ("secretId", "timeCreated", "versionNumber", "stages") if name in doc
    }
    for name, field in (
        ("versionName", "name"),
        ("timeOfDeletion", "timeOfDeletion"),
        ("timeOfExpiry", "timeOfCurrentVersionExpiry"),
    ):
        if doc.get(field) is not None:
            shown[name] = doc[field]
    return shown


__all__ = ["Secrets"]
