# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, the groups they are in, and their API keys."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import rsa

from localregion import settings as names
from localregion.access.policies import Principal
from localregion.access.signatures import fingerprint, load_public_key
from localregion.core.errors import ServiceError, invalid, limit_exceeded
from localregion.core.store import Record
from localregion.services.base import Part
from localregion.services.identity.naming import check_free
from localregion.services.registration import operation
from localregion.services.resources import Call, Reply

_MAX_API_KEYS = 3


class Users(Part):
    """The operations of users, groups and API keys."""

    @operation
    async def create_user(self, call: Call) -> Reply:
        """Create a user."""
        check_free(self.service, "user", call.body["name"], "User", call.body["compartmentId"])
        return self.service.show(self.service.create("user", call, {"isMfaActivated": False}, state="ACTIVE"))

    @operation
    async def delete_user(self, call: Call) -> Reply:
        """Delete a user that is in no group."""
        user = self.service.get("user", call.path["user_id"])
        if any(membership.doc["userId"] == user.id for membership in self.service.living("user_group_membership")):
            raise ServiceError(409, "Conflict", "The user is a member of a group.")
        for key in self.service.living("api_key", parent=user.id):
            self.service.retire(key)
        self.service.retire(user)
        self.region.authenticator.forget()
        return self.service.accepted()

    @operation
    async def add_user_to_group(self, call: Call) -> Reply:
        """Add a user to a group."""
        self.service.get("user", call.body["userId"], related=True)
        self.service.get("group", call.body["groupId"], related=True)
        record = self.service.create("user_group_membership", call, state="ACTIVE", compartment=names.TENANCY_ID)
        self.region.authenticator.forget()
        return self.service.show(record)

    @operation
    async def remove_user_from_group(self, call: Call) -> Reply:
        """Remove a user from a group."""
        self.service.retire(self.service.get("user_group_membership", call.path["user_group_membership_id"]))
        self.region.authenticator.forget()
        return self.service.accepted()

    @operation
    async def create_group(self, call: Call) -> Reply:
        """Create a group."""
        check_free(self.service, "group", call.body["name"], "Group", call.body["compartmentId"])
        return self.service.show(self.service.create("group", call, state="ACTIVE"))

    @operation
    async def delete_group(self, call: Call) -> Reply:
        """Delete a group without members."""
        group = self.service.get("group", call.path["group_id"])
        if any(membership.doc["groupId"] == group.id for membership in self.service.living("user_group_membership")):
            raise ServiceError(409, "Conflict", "The group has members.")
        self.service.retire(group)
        return self.service.accepted()

    @operation
    async def upload_api_key(self, call: Call) -> Reply:
        """Add an API key to a user; three at most."""
        user = self.service.get("user", call.path["user_id"])
        if len(self.service.living("api_key", parent=user.id)) >= _MAX_API_KEYS:
            raise limit_exceeded(f"A user may have at most {_MAX_API_KEYS} API keys.")
        return self.service.show(self.register_key(user.id, call.body["key"]))

    @operation
    async def list_api_keys(self, call: Call) -> Reply:
        """The API keys of a user."""
        user = self.service.get("user", call.path["user_id"])
        return Reply(doc=[key.doc for key in self.service.living("api_key", parent=user.id)])

    @operation
    async def delete_api_key(self, call: Call) -> Reply:
        """Delete an API key of a user."""
        key_id = f"{names.TENANCY_ID}/{call.path['user_id']}/{call.path['fingerprint']}"
        self.service.retire(self.service.get("api_key", key_id))
        self.region.authenticator.forget()
        return self.service.accepted()

    def register_key(self, user_id: str, pem: str) -> Record:
        """Add an API key (public PEM) to a user, once. Raises 400 unless it is an RSA key."""
        try:
            key = load_public_key(pem)
        except ValueError:
            raise invalid("The API key is not an RSA public key in PEM form.") from None
        mark = fingerprint(key)
        key_id = f"{names.TENANCY_ID}/{user_id}/{mark}"
        if record := self.store.find(key_id):
            return record
        doc = {"keyId": key_id, "keyValue": pem, "fingerprint": mark, "userId": user_id}
        return self.service.create("api_key", None, doc, state="ACTIVE", parent=user_id, record_id=key_id)

    def find_key(self, tenancy: str, user_id: str, mark: str) -> tuple[Principal, rsa.RSAPublicKey] | None:
        """The user and the key of a `keyId`; None when the region knows no such key."""
        user, key = self.store.find(user_id), self.store.find(f"{tenancy}/{user_id}/{mark}")
        if user is None or key is None or key.kind != "api_key" or user.state != "ACTIVE":
            return None
        return self.principal(user_id), load_public_key(key.doc["keyValue"])

    def principal(self, user_id: str) -> Principal:
        """A user with the groups it is in."""
        groups = set()
        for membership in self.service.living("user_group_membership"):
            if membership.doc["userId"] == user_id and (group := self.store.find(membership.doc["groupId"])):
                groups |= {group.id.lower(), group.name.lower()}
        return Principal("user", user_id, frozenset(groups))
