# SPDX-License-Identifier: GPL-3.0-or-later
"""Network security groups: their rules and the VNICs in them."""

from __future__ import annotations

import secrets
from typing import Any

from localregion.core.errors import invalid, limit_exceeded, not_found
from localregion.core.store import Document, Record
from localregion.services.base import Part
from localregion.services.network import checks, rules
from localregion.services.registration import operation
from localregion.services.resources import Call, Reply

MAX_GROUP_RULES = 120
MAX_RULES_A_CALL = 25


class SecurityGroups(Part):
    """The operations of the rules of network security groups."""

    def document(self, _vcn: Record, _body: Document, _: Record | None) -> Document:
        """A group has nothing but its name and tags."""
        return {}

    def _rules(self, call: Call) -> tuple[Record, list[Document]]:
        group = self.service.get("network_security_group", call.path["network_security_group_id"])
        return group, group.private.get("rules", [])

    def _rule(self, group: Record, rule: Document) -> Document:
        """A rule as it is stored; a group that it names must be in the same VCN. Raises 400 or 404."""
        shown, vcn = rules.group_rule(rule), self.service.get("vcn", group.parent)
        for side in ("source", "destination"):
            if shown.get(f"{side}Type") == "NETWORK_SECURITY_GROUP":
                checks.of_vcn(self.service, "network_security_group", shown[side], vcn)
        return shown

    @operation
    async def list_network_security_group_security_rules(self, call: Call) -> Reply:
        """The rules of a group, all or of one direction."""
        _, present = self._rules(call)
        wanted = call.query.get("direction")
        newest_first = call.query.get("sort_order", "ASC") == "DESC"
        shown = [rule for rule in present if wanted in (None, rule["direction"])]
        return self.service.page(call, reversed(shown) if newest_first else shown)

    @operation
    async def add_network_security_group_security_rules(self, call: Call) -> Reply:
        """Add up to 25 rules; a repeated call adds them again (there is no retry token)."""
        group, present = self._rules(call)
        added = call.body.get("securityRules", [])
        _check_batch(added)
        if len(present) + len(added) > MAX_GROUP_RULES:
            raise limit_exceeded(f"A network security group has at most {MAX_GROUP_RULES} rules.")
        now = self.clock.timestamp()
        new = [
            self._rule(group, rule) | {"id": secrets.token_hex(3).upper(), "isValid": True, "timeCreated": now}
            for rule in added
        ]
        self.service.update(group, {}, private={"rules": present + new})
        return Reply(doc={"securityRules": new})

    @operation
    async def update_network_security_group_security_rules(self, call: Call) -> Reply:
        """Replace up to 25 rules, by their ids."""
        group, present = self._rules(call)
        changed = call.body.get("securityRules", [])
        _check_batch(changed)
        by_id = {rule["id"]: rule for rule in present}
        for rule in changed:
            old = by_id.get(rule["id"])
            if old is None:
                raise not_found()
            kept = {name: old[name] for name in ("id", "isValid", "timeCreated")}
            by_id[rule["id"]] = self._rule(group, rule) | kept | {"isValid": True}
        self.service.update(group, {}, private={"rules": [by_id[rule["id"]] for rule in present]})
        return Reply(doc={"securityRules": [by_id[rule["id"]] for rule in changed]})

    @operation
    async def remove_network_security_group_security_rules(self, call: Call) -> Reply:
        """Remove up to 25 rules by their ids."""
        group, present = self._rules(call)
        gone = call.body.get("securityRuleIds", [])
        _check_batch(gone)
        if set(gone) - {rule["id"] for rule in present}:
            raise not_found()
        self.service.update(group, {}, private={"rules": [rule for rule in present if rule["id"] not in gone]})
        return self.service.accepted()

    async def gone(self, deleted: Record) -> None:
        """Rules about a group that is deleted are no longer valid."""
        group_id = deleted.id
        for group in self.service.living("network_security_group"):
            present = group.private.get("rules", [])
            if any(group_id in (rule.get("source"), rule.get("destination")) for rule in present):
                for rule in present:
                    rule["isValid"] = rule["isValid"] and group_id not in (rule.get("source"), rule.get("destination"))
                self.service.update(group, {}, private={"rules": present})

    @operation
    async def list_network_security_group_vnics(self, call: Call) -> Reply:
        """The VNICs in a group."""
        group, _ = self._rules(call)
        return self.service.page(
            call,
            [
                {"vnicId": vnic.id, "resourceId": vnic.private["owner"], "timeAssociated": vnic.doc["timeCreated"]}
                for vnic in self.service.living("vnic")
                if group.id in vnic.doc.get("nsgIds", [])
            ],
        )


def _check_batch(items: list[Any]) -> None:
    if not 1 <= len(items) <= MAX_RULES_A_CALL:
        raise invalid(f"A call takes 1 to {MAX_RULES_A_CALL} rules; these are {len(items)}.")
