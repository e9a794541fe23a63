"""Identity: the tenancy and its compartments, policies, users and their API keys, regions and domains.

Everything here is written in the home region only; reads answer in every region. A compartment's deletion and move are
work requests, as in the cloud: https://docs.oracle.com/en-us/iaas/Content/Identity/compartments/managingcompartments.htm.

Known differences: statements that name a compartment follow its new name, but not its move to another parent; what a
move would take away from or give to whoever holds a policy is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from localregion import ocids
from localregion import settings as names
from localregion.access.policies import Condition, Grant, Principal, Statement, parse, parse_rule
from localregion.access.signatures import fingerprint, load_public_key
from localregion.services.base import (
    SECOND,
    Call,
    Document,
    Kind,
    Record,
    Reply,
    ServiceError,
    WorkRequest,
    incorrect_state,
    invalid,
    limit_exceeded,
    not_found,
)
from localregion.services.identity.tags import TAG_KINDS, Tags
from localregion.services.registration import operation, step

POLICY_DELAY = 45 * SECOND
"""What is written here takes about this long to be known to the other services: policies, compartments."""
_MOVE_TIME = 20 * SECOND
_DELETION_TIME = 2.0
"""Cloud minutes; the documentation says several."""

_NAME = re.compile(r"[\w.-]{1,100}")
_MAX_DESCRIPTION = 400
_MAX_API_KEYS = 3
_MAX_DEPTH = 6
"""Levels of compartments below the root."""
_DELETED_DAYS = 90
"""How long a deleted compartment is shown."""


def _kind(name: str, model: str, resource: str, **values: Any) -> Kind:
    return Kind(name, model=model, resource=resource, everywhere=True, name_field="name", **values)


class Identity(Tags):
    """The identity service."""

    name = "identity"
    package = "identity"
    kinds = (
        *TAG_KINDS,
        _kind("compartment", "Compartment", "compartments", remember=_DELETED_DAYS * 24 * 60, operations=("get",)),
        _kind("policy", "Policy", "policies", plural="policies", remember=None, operations=("get", "list")),
        _kind("user", "User", "users", remember=None, operations=("get", "list")),
        _kind("group", "Group", "groups", remember=None, operations=("get", "list")),
        _kind("dynamic_group", "DynamicGroup", "dynamic-groups", remember=None, operations=("get", "list")),
        _kind("user_group_membership", "UserGroupMembership", "groups", remember=None, entity="groupmembership",
              operations=("get", "list")),
        _kind("api_key", "ApiKey", "users", remember=None, operations=()),
        _kind("tenancy", "Tenancy", "tenancies", operations=()),
    )  # fmt: skip
    access = {
        # every member of a tenancy may read these
        "list_regions": ("inspect", "compartments"),
        "list_availability_domains": ("inspect", "compartments"),
        "list_fault_domains": ("inspect", "compartments"),
        "list_region_subscriptions": ("inspect", "tenancies"),
        "get_tenancy": ("inspect", "tenancies"),
        "get_compartment": ("inspect", "compartments"),
        "get_work_request": ("inspect", "compartments"),
        "list_work_requests": ("inspect", "compartments"),
    }

    async def resume(self) -> None:
        """Seed a new region; let its policies hold."""
        self._seed()
        self.seed_tags()
        self._reload()
        await super().resume()

    def check_region(self, call: Call) -> None:
        """Writes outside the home region are refused."""
        if call.operation.method not in ("GET", "HEAD"):
            raise ServiceError(
                403,
                "NotAllowed",
                f"Please go to your home region {names.REGION_KEY} to execute CREATE, UPDATE and DELETE operations.",
            )

    def stale(self, record: Record) -> ServiceError:
        """As in the base, in the service's own way."""
        message = f"The entity {record.id} has been modified. Etag is outdated."
        return ServiceError(409, "NoEtagMatch", message)

    def knows_compartment(self, compartment: str) -> bool:
        """Its own at once."""
        return self.region.compartment_is_active(compartment)

    # seeds

    def _seed(self) -> None:
        if self.store.find(names.TENANCY_ID):
            return
        root = {
            "id": names.TENANCY_ID, "compartmentId": names.TENANCY_ID, "name": names.TENANCY_NAME,
            "description": "The root compartment of the tenancy",
        }  # fmt: skip
        tenancy = self.create("compartment", None, root, state="ACTIVE")
        tenancy.compartment = None
        self.store.save(tenancy)
        self._seed_one("compartment", names.COMPARTMENT_ID, names.COMPARTMENT_NAME, "A compartment to work in")
        self._seed_one("group", names.ADMINISTRATORS_ID, "Administrators", "Administrators")
        self._seed_one(
            "user", names.OPERATOR_ID, names.OPERATOR_NAME, "Operator of the local region", {"isMfaActivated": False}
        )
        membership = {"userId": names.OPERATOR_ID, "groupId": names.ADMINISTRATORS_ID}
        self.create("user_group_membership", None, membership, state="ACTIVE", compartment=names.TENANCY_ID)
        policy = {
            "name": "Tenant Admin Policy",
            "description": "Tenant Admin Policy",
            "statements": ["ALLOW GROUP Administrators to manage all-resources IN TENANCY"],
        }
        self.create("policy", None, policy, state="ACTIVE", compartment=names.TENANCY_ID)

    def _seed_one(
        self, kind: str, record_id: str, name: str, description: str, more: Mapping[str, Any] | None = None
    ) -> None:
        doc = {"id": record_id, "name": name, "description": description, **(more or {})}
        self.create(kind, None, doc, state="ACTIVE", compartment=names.TENANCY_ID)

    # keys

    def register_key(self, user_id: str, pem: str) -> Record:
        """Put an API key (public PEM) on a user, once. Raises 400 when it is no RSA key."""
        try:
            key = load_public_key(pem)
        except ValueError:
            raise invalid("The API key is not an RSA public key in PEM form.") from None
        mark = fingerprint(key)
        key_id = f"{names.TENANCY_ID}/{user_id}/{mark}"
        if record := self.store.find(key_id):
            return record
        doc = {"keyId": key_id, "keyValue": pem, "fingerprint": mark, "userId": user_id}
        return self.create("api_key", None, doc, state="ACTIVE", parent=user_id, record_id=key_id)

    def find_key(self, tenancy: str, user_id: str, mark: str) -> tuple[Principal, rsa.RSAPublicKey] | None:
        """The user and the key of a `keyId`; None when the region knows no such key."""
        user, key = self.store.find(user_id), self.store.find(f"{tenancy}/{user_id}/{mark}")
        if user is None or key is None or key.kind != "api_key" or user.state != "ACTIVE":
            return None
        return self.user_principal(user_id), load_public_key(key.doc["keyValue"])

    def user_principal(self, user_id: str) -> Principal:
        """A user with the groups it is in."""
        groups = set()
        for membership in self.living("user_group_membership"):
            if membership.doc["userId"] == user_id and (group := self.store.find(membership.doc["groupId"])):
                groups |= {group.id.lower(), group.name.lower()}
        return Principal("user", user_id, frozenset(groups))

    # tenancy, regions, domains

    @operation
    async def get_tenancy(self, call: Call) -> Reply:
        """The tenancy."""
        if call.path["tenancy_id"] != names.TENANCY_ID:
            raise not_found()
        return Reply(
            doc={
                "id": names.TENANCY_ID, "name": names.TENANCY_NAME, "description": "A tenancy of the local region",
                "homeRegionKey": names.REGION_KEY, "freeformTags": {}, "definedTags": {},
            }
        )  # fmt: skip

    @operation
    async def list_regions(self, call: Call) -> Reply:
        """The regions of the realm."""
        known = {names.REGION_KEY: names.REGION, names.OTHER_REGION_KEY: names.OTHER_REGION}
        return Reply(doc=[{"key": key, "name": name} for key, name in known.items()])

    @operation
    async def list_region_subscriptions(self, call: Call) -> Reply:
        """The regions that the tenancy uses; one is its home."""
        if call.path["tenancy_id"] != names.TENANCY_ID:
            raise not_found()
        known = {names.REGION_KEY: names.REGION, names.OTHER_REGION_KEY: names.OTHER_REGION}
        return Reply(
            doc=[
                {"regionKey": key, "regionName": name, "status": "READY", "isHomeRegion": name == names.REGION}
                for key, name in known.items()
            ]
        )

    @operation
    async def list_availability_domains(self, call: Call) -> Reply:
        """The one availability domain."""
        self._known_compartment(call)
        domain = {"name": names.AVAILABILITY_DOMAIN, "id": ocids.fixed("availabilitydomain", names.AVAILABILITY_DOMAIN)}
        return Reply(doc=[domain | {"compartmentId": names.TENANCY_ID}])

    @operation
    async def list_fault_domains(self, call: Call) -> Reply:
        """The three fault domains of the availability domain."""
        self._known_compartment(call)
        if call.query["availability_domain"] != names.AVAILABILITY_DOMAIN:
            raise not_found()
        return Reply(
            doc=[
                {
                    "name": name, "id": ocids.fixed("faultdomain", name),
                    "compartmentId": call.query["compartment_id"], "availabilityDomain": names.AVAILABILITY_DOMAIN,
                }
                for name in names.FAULT_DOMAINS
            ]
        )  # fmt: skip

    def _known_compartment(self, call: Call) -> None:
        if not self.region.compartment_exists(call.query["compartment_id"]):
            raise not_found()

    # compartments

    @operation
    async def list_compartments(self, call: Call) -> Reply:
        """The children of a compartment, or all below the tenancy."""
        below = call.query["compartment_id"]
        deep = call.query.get("compartment_id_in_subtree", False)
        if deep and below != names.TENANCY_ID:
            raise invalid("compartmentIdInSubtree can be true only for the tenancy (the root compartment).")
        return self.list(
            "compartment",
            call,
            {
                "compartment_id": lambda record, _: deep or record.compartment == below,
                "compartment_id_in_subtree": lambda record, _: True,
                "access_level": lambda record, _: True,
            },
            where=lambda record: record.id != names.TENANCY_ID,
        )

    @operation
    async def create_compartment(self, call: Call) -> Reply:
        """A compartment in another; its name is its parent's only one of that name."""
        self._check_texts(call)
        parent = call.body["compartmentId"]
        self._check_free("compartment", call.body["name"], "Compartment", parent)
        self._check_depth(parent, 1)
        heard = {"heard_of": self.clock.due(POLICY_DELAY)} if self.clock.minute else {}
        compartment = self.create("compartment", call, {"isAccessible": True}, state="CREATING", private=heard)
        self.transition(compartment, SECOND, "ACTIVE")
        return self.show(compartment)

    @operation
    async def update_compartment(self, call: Call) -> Reply:
        """New name, description or tags."""
        compartment = self._changeable(call, "updated")
        self._check_texts(call)
        if "name" in call.body and call.body["name"] != compartment.name:
            self._check_free("compartment", call.body["name"], "Compartment", compartment.compartment, compartment.id)
            self._rewrite_statements(compartment, call.body["name"])
        self.apply(compartment, call, "name", "description", "freeformTags", "definedTags")
        self._changed()
        return self.show(compartment)

    @operation
    async def move_compartment(self, call: Call) -> Reply:
        """Put a compartment with all that is in it below another parent; a work request."""
        compartment = self._changeable(call, "moved")
        target = self.get("compartment", call.body["targetCompartmentId"], related=True)
        if target.state != "ACTIVE":
            raise incorrect_state(f"Compartment {target.id} is in state {target.state}, not ACTIVE")
        if compartment.id in self.region.ancestry(target.id):
            raise invalid("A compartment cannot be moved to itself or to a compartment below it.")
        if target.id == compartment.compartment:
            raise invalid("The compartment is already in the target compartment.")
        self._check_free("compartment", compartment.name, "Compartment", target.id)
        self._check_depth(target.id, self._levels(compartment.id))
        request = self.work_request(call, "MOVE_COMPARTMENT", [("UPDATED", "compartment", compartment)])
        self.update(compartment, {}, private={"target": target.id})
        self.transition(compartment, _MOVE_TIME, "ACTIVE", also=self._moved, request=request, failed="ACTIVE")
        return self.accepted(request, 202, compartment)

    @step
    async def _moved(self, record: Record, request: WorkRequest | None) -> Mapping[str, Any]:
        self._changed()
        return {"compartmentId": record.private["target"]}

    @operation
    async def delete_compartment(self, call: Call) -> Reply:
        """Delete an empty compartment; a work request tells whether it was empty."""
        compartment = self._changeable(call, "deleted")
        request = self.work_request(call, "DELETE_COMPARTMENT", [("DELETED", "compartment", compartment)])
        self.transition(
            compartment, _DELETION_TIME, "DELETED", via="DELETING", also=self._deleted, request=request, failed="ACTIVE"
        )
        return self.accepted(request, 202)

    @step
    async def _deleted(self, record: Record, request: WorkRequest | None) -> Mapping[str, Any]:
        """Refuses where something is left in it; the name is free again, since the deleted one gets another."""
        left = [r for r in self.store.select(compartment=record.id) if r.kind != "work_request"]
        if left:
            raise ServiceError(409, "Conflict", f"The compartment is not empty: {left[0].kind} {left[0].id}.")
        name = f"{record.name}.{record.id[-8:]}"
        self._rewrite_statements(record, name)
        self._changed()
        return {"name": name}

    @operation
    async def recover_compartment(self, call: Call) -> Reply:
        """Take back a deletion; the name stays the one that the deleted compartment got."""
        compartment = self.get("compartment", call.path["compartment_id"], dead=True)
        if compartment.state != "DELETED":
            raise incorrect_state(f"Compartment {compartment.id} is in state {compartment.state}, not DELETED")
        if not self.region.compartment_is_active(str(compartment.compartment)):
            raise incorrect_state(f"The parent of compartment {compartment.id} is not ACTIVE")
        self._check_free("compartment", compartment.name, "Compartment", compartment.compartment)
        compartment.dead, compartment.forget = False, None
        return self.show(self.update(compartment, {}, state="ACTIVE"))

    def _changeable(self, call: Call, verb: str) -> Record:
        compartment = self.get("compartment", call.path["compartment_id"], dead=True)
        if compartment.id == names.TENANCY_ID:
            raise invalid(f"The root compartment cannot be {verb}.")
        if compartment.state != "ACTIVE":
            raise incorrect_state(f"Compartment {compartment.id} is in state {compartment.state}, not ACTIVE")
        return compartment

    def _levels(self, compartment: str) -> int:
        """How many levels a compartment with those below it has."""
        children = self.living("compartment", compartment=compartment)
        return 1 + max((self._levels(child.id) for child in children), default=0)

    def _check_depth(self, parent: str, levels: int) -> None:
        if len(self.region.ancestry(parent)) - 1 + levels > _MAX_DEPTH:
            raise limit_exceeded(f"The compartment would be nested deeper than {_MAX_DEPTH} levels.")

    def _rewrite_statements(self, compartment: Record, name: str) -> None:
        """Statements that name a compartment get its new name; to be called before it has it."""
        for policy in self.living("policy"):
            place = str(policy.compartment)
            statements = [self._renamed_in(text, place, compartment.id, name) for text in policy.doc["statements"]]
            if statements != policy.doc["statements"]:
                self.update(policy, {"statements": statements})

    def _renamed_in(self, text: str, place: str, compartment: str, name: str) -> str:
        kind, path = parse(text).location
        if kind != "compartment":
            return text
        parts = path.split(":")
        new = [
            name if self._named(parts[: number + 1], place) == compartment else part
            for number, part in enumerate(parts)
        ]
        return re.sub(rf"(?i)(\bcompartment\s+){re.escape(path)}(?=\s|$)", lambda match: match[1] + ":".join(new), text)

    def work_request_doc(self, record: Record) -> Document:
        """Here a work request shows its errors and log itself."""
        return record.doc | {"errors": record.private["errors"], "logs": record.private["logs"]}

    # policies

    @operation
    async def create_policy(self, call: Call) -> Reply:
        """A policy; its statements must parse, and name compartments and groups that exist."""
        self._check_texts(call)
        self._check_free("policy", call.body["name"], "Policy", call.body["compartmentId"])
        self._check_statements(call.body["statements"], call.body["compartmentId"])
        policy = self.create("policy", call, state="ACTIVE")
        self._changed()
        return self.show(policy)

    @operation
    async def update_policy(self, call: Call) -> Reply:
        """New statements, description or tags; the name stays."""
        policy = self.get("policy", call.path["policy_id"])
        self._check_texts(call)
        if "statements" in call.body:
            self._check_statements(call.body["statements"], str(policy.compartment))
        self.apply(policy, call, "description", "statements", "versionDate", "freeformTags", "definedTags")
        self._changed()
        return self.show(policy)

    @operation
    async def delete_policy(self, call: Call) -> Reply:
        """Delete a policy."""
        self.retire(self.get("policy", call.path["policy_id"]))
        self._changed()
        return self.accepted()

    def _check_statements(self, statements: list[str], compartment: str) -> None:
        if not statements:
            raise invalid("A policy must have at least one statement.")
        if len(statements) > 50:
            raise limit_exceeded("A policy may have at most 50 statements.")
        for statement in self._parsed(statements, compartment):
            if statement.effect == "define":
                continue
            self._place(statement, compartment)
            if statement.effect == "allow" and statement.subject in ("group", "dynamic-group"):
                self._check_groups(statement)

    def _parsed(self, statements: list[str], compartment: str) -> list[Statement]:
        """A policy's statements, the names that it defines replaced by what they stand for. Raises 400."""
        parsed = [parse(text) for text in statements]
        defined = {(one.defines[0], one.defines[1].lower()): one.defines[2] for one in parsed if one.defines}
        if compartment != names.TENANCY_ID and any(one.effect != "allow" for one in parsed):
            raise invalid("Define, endorse and admit are possible only in a policy of the root compartment.")

        def known(kind: str, name: str, text: str) -> str:
            if not name or name.startswith("ocid1.") or name == "any-tenancy":
                return name
            if (kind, name.lower()) not in defined:
                raise invalid(f"The {kind} {name} is not defined in this policy. Statement: {text}")
            return defined[kind, name.lower()]

        return [
            one if one.effect in ("allow", "define") else replace(
                one,
                abroad=(known("compartment", one.abroad[0], one.text), known("tenancy", one.abroad[1], one.text)),
            )
            for one in parsed
        ]  # fmt: skip

    def _check_groups(self, statement: Statement) -> None:
        groups = self.living(statement.subject.replace("-", "_"))
        known = {text.lower() for group in groups for text in (group.id, group.name)}
        for name in sorted(statement.names):
            if name.lower() not in known:
                raise invalid(
                    f"The {statement.subject} {name} specified in the policy statement does not exist under current"
                    " compartment hierarchy."
                )

    def _place(self, statement: Statement, compartment: str) -> str:
        """The compartment that a statement holds in. Raises 400 when the policy's compartment has no such below it."""
        kind, value = statement.location
        if kind == "tenancy":
            if compartment != names.TENANCY_ID:
                raise invalid("A statement about the tenancy is possible only in a policy of the root compartment.")
            return names.TENANCY_ID
        if kind == "id":
            place = self.store.find(value)
            if place and place.kind == "compartment" and not place.dead and compartment in self.region.ancestry(value):
                return value
        else:
            found = self._named(value.split(":"), compartment)
            if found:
                return found
        raise invalid(f"Compartment {{{value}}} does not exist or is not part of the policy compartment subtree")

    def _named(self, path: list[str], compartment: str) -> str | None:
        """The compartment at a path below another; a policy may also name its own compartment."""
        found = self._below(path, compartment)
        here = self.store.find(compartment)
        if found is None and here and here.name.lower() == path[0].lower():
            return self._below(path[1:], compartment)
        return found

    def _below(self, path: list[str], compartment: str) -> str | None:
        found = compartment
        for name in path:
            children = self.living("compartment", compartment=found)
            child = next((record for record in children if record.name.lower() == name.lower()), None)
            if child is None:
                return None
            found = child.id
        return found

    def _changed(self) -> None:
        """What is allowed changes, but not at once."""
        self.region.tasks.spawn(self._reload_later(), "policies")

    async def _reload_later(self) -> None:
        await self.clock.sleep(POLICY_DELAY)
        self._reload()

    def _reload(self) -> None:
        grants = []
        for policy in self.living("policy"):
            place = str(policy.compartment)
            for statement in self._parsed(policy.doc["statements"], place):
                try:
                    if statement.effect != "define":
                        grants.append(Grant(statement, self._place(statement, place)))
                except ServiceError as error:  # what it names is gone: it allows nothing any more
                    self.log.warning("policy %s: %s", policy.name, error.message)
        rules: dict[str, Condition] = {}
        for group in self.living("dynamic_group"):
            rules |= dict.fromkeys((group.id.lower(), group.name.lower()), parse_rule(group.doc["matchingRule"]))
        self.region.iam.replace(grants, rules)

    # users, groups, keys

    @operation
    async def create_user(self, call: Call) -> Reply:
        """A user."""
        self._check_free("user", call.body["name"], "User", call.body["compartmentId"])
        return self.show(self.create("user", call, {"isMfaActivated": False}, state="ACTIVE"))

    @operation
    async def delete_user(self, call: Call) -> Reply:
        """Delete a user that is in no group."""
        user = self.get("user", call.path["user_id"])
        if any(membership.doc["userId"] == user.id for membership in self.living("user_group_membership")):
            raise ServiceError(409, "Conflict", "The user is a member of a group.")
        for key in self.living("api_key", parent=user.id):
            self.retire(key)
        self.retire(user)
        self.region.authenticator.forget()
        return self.accepted()

    @operation
    async def create_group(self, call: Call) -> Reply:
        """A group."""
        self._check_free("group", call.body["name"], "Group", call.body["compartmentId"])
        return self.show(self.create("group", call, state="ACTIVE"))

    @operation
    async def delete_group(self, call: Call) -> Reply:
        """Delete a group without members."""
        group = self.get("group", call.path["group_id"])
        if any(membership.doc["groupId"] == group.id for membership in self.living("user_group_membership")):
            raise ServiceError(409, "Conflict", "The group has members.")
        self.retire(group)
        return self.accepted()

    @operation
    async def create_dynamic_group(self, call: Call) -> Reply:
        """A group of instances and other resources, by a rule; in the tenancy only."""
        self._check_texts(call)
        if call.body["compartmentId"] != names.TENANCY_ID:
            raise invalid("compartmentId must be the tenancy's: dynamic groups are in the root compartment.")
        self._check_free("dynamic_group", call.body["name"], "DynamicGroup", names.TENANCY_ID)
        parse_rule(call.body["matchingRule"])
        group = self.create("dynamic_group", call, state="ACTIVE")
        self._changed()
        return self.show(group)

    @operation
    async def update_dynamic_group(self, call: Call) -> Reply:
        """Another rule, description or tags; the name stays."""
        self._check_texts(call)
        group = self.get("dynamic_group", call.path["dynamic_group_id"])
        if "matchingRule" in call.body:
            parse_rule(call.body["matchingRule"])
        self.apply(group, call, "description", "matchingRule", "freeformTags", "definedTags")
        self._changed()
        return self.show(group)

    @operation
    async def delete_dynamic_group(self, call: Call) -> Reply:
        """Delete a dynamic group; statements about it allow nothing any more."""
        self.retire(self.get("dynamic_group", call.path["dynamic_group_id"]))
        self._changed()
        return self.accepted()

    @operation
    async def add_user_to_group(self, call: Call) -> Reply:
        """Put a user into a group."""
        self.get("user", call.body["userId"], related=True)
        self.get("group", call.body["groupId"], related=True)
        record = self.create("user_group_membership", call, state="ACTIVE", compartment=names.TENANCY_ID)
        self.region.authenticator.forget()
        return self.show(record)

    @operation
    async def remove_user_from_group(self, call: Call) -> Reply:
        """Take a user out of a group."""
        self.retire(self.get("user_group_membership", call.path["user_group_membership_id"]))
        self.region.authenticator.forget()
        return self.accepted()

    @operation
    async def upload_api_key(self, call: Call) -> Reply:
        """An API key for a user; three at most."""
        user = self.get("user", call.path["user_id"])
        if len(self.living("api_key", parent=user.id)) >= _MAX_API_KEYS:
            raise limit_exceeded(f"A user may have at most {_MAX_API_KEYS} API keys.")
        return self.show(self.register_key(user.id, call.body["key"]))

    @operation
    async def list_api_keys(self, call: Call) -> Reply:
        """The API keys of a user."""
        user = self.get("user", call.path["user_id"])
        return Reply(doc=[key.doc for key in self.living("api_key", parent=user.id)])

    @operation
    async def delete_api_key(self, call: Call) -> Reply:
        """Take an API key from a user."""
        key_id = f"{names.TENANCY_ID}/{call.path['user_id']}/{call.path['fingerprint']}"
        self.retire(self.get("api_key", key_id))
        self.region.authenticator.forget()
        return self.accepted()

    # small things

    def _check_texts(self, call: Call) -> None:
        if not _NAME.fullmatch(call.body.get("name", "-")):
            raise invalid("Name must be 1 to 100 letters, digits, periods, hyphens or underscores.")
        if not 1 <= len(call.body.get("description", "-")) <= _MAX_DESCRIPTION:
            raise invalid(f"description must have 1 to {_MAX_DESCRIPTION} characters.")

    def _check_free(self, kind: str, name: str, what: str, compartment: str | None, but: str | None = None) -> None:
        for record in self.living(kind, compartment=compartment):
            if record.name.lower() == name.lower() and record.id != but:
                raise ServiceError(409, f"{what}AlreadyExists", f"{what} '{name}' already exists.")


__all__ = ["POLICY_DELAY", "Identity"]
