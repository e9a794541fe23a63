# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies: statements are parsed and their places looked up when they are written, and take effect a little later.

Known differences: statements that name a compartment follow its new name, but not its move to another parent; what a
move would take away from or give to those who hold a policy is not asked.
"""

from __future__ import annotations

import re
from dataclasses import replace

from localregion import settings as names
from localregion.access.policies import Condition, Grant, Statement, parse, parse_rule
from localregion.core.errors import ServiceError, invalid, limit_exceeded
from localregion.core.store import Record
from localregion.services.base import Part
from localregion.services.identity.naming import check_free, check_texts
from localregion.services.registration import operation
from localregion.services.resources import SECOND, Call, Reply

POLICY_DELAY = 45 * SECOND
"""How long it takes until the other services know what is written here: policies, compartments."""


class Policies(Part):
    """The operations of policies, and what they allow."""

    @operation
    async def create_policy(self, call: Call) -> Reply:
        """Create a policy; its statements must parse, and name compartments and groups that exist."""
        check_texts(call.body)
        check_free(self.service, "policy", call.body["name"], "Policy", call.body["compartmentId"])
        self._check_statements(call.body["statements"], call.body["compartmentId"])
        policy = self.service.create("policy", call, state="ACTIVE")
        self.changed()
        return self.service.show(policy)

    @operation
    async def update_policy(self, call: Call) -> Reply:
        """Change statements, description or tags; the name stays."""
        policy = self.service.get("policy", call.path["policy_id"])
        check_texts(call.body)
        if "statements" in call.body:
            self._check_statements(call.body["statements"], str(policy.compartment))
        self.service.apply(policy, call, "description", "statements", "versionDate", "freeformTags", "definedTags")
        self.changed()
        return self.service.show(policy)

    @operation
    async def delete_policy(self, call: Call) -> Reply:
        """Delete a policy."""
        self.service.retire(self.service.get("policy", call.path["policy_id"]))
        self.changed()
        return self.service.accepted()

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
        """A policy's statements, with the names that it defines resolved. Raises 400."""
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
        groups = self.service.living(statement.subject.replace("-", "_"))
        known = {text.lower() for group in groups for text in (group.id, group.name)}
        for name in sorted(statement.names):
            if name.lower() not in known:
                raise invalid(
                    f"The {statement.subject} {name} specified in the policy statement does not exist under current"
                    " compartment hierarchy."
                )

    def _place(self, statement: Statement, compartment: str) -> str:
        """The compartment that a statement is about. Raises 400 if it is not below the policy's compartment."""
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
            children = self.service.living("compartment", compartment=found)
            child = next((record for record in children if record.name.lower() == name.lower()), None)
            if child is None:
                return None
            found = child.id
        return found

    def rename(self, compartment: Record, name: str) -> None:
        """Put a compartment's new name into the statements that name it; call it before the compartment is renamed."""
        for policy in self.service.living("policy"):
            place = str(policy.compartment)
            statements = [self._renamed_in(text, place, compartment.id, name) for text in policy.doc["statements"]]
            if statements != policy.doc["statements"]:
                self.service.update(policy, {"statements": statements})

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

    def changed(self) -> None:
        """Apply a change, but not at once."""
        self.region.tasks.spawn(self._reload_later(), "policies")

    async def _reload_later(self) -> None:
        await self.clock.sleep(POLICY_DELAY)
        self.reload()

    def reload(self) -> None:
        """Apply the policies and dynamic groups."""
        grants = []
        for policy in self.service.living("policy"):
            place = str(policy.compartment)
            for statement in self._parsed(policy.doc["statements"], place):
                try:
                    if statement.effect != "define":
                        grants.append(Grant(statement, self._place(statement, place)))
                except ServiceError as error:  # what it names was deleted, so it allows nothing
                    self.log.warning("policy %s: %s", policy.name, error.message)
        rules: dict[str, Condition] = {}
        for group in self.service.living("dynamic_group"):
            rules |= dict.fromkeys((group.id.lower(), group.name.lower()), parse_rule(group.doc["matchingRule"]))
        self.region.iam.replace(grants, rules)
