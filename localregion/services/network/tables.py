# SPDX-License-Identifier: GPL-3.0-or-later
"""Route tables, security lists and DHCP options."""

from __future__ import annotations

from localregion.core.errors import invalid, limit_exceeded, missing, not_found
from localregion.core.store import Document, Record
from localregion.services.base import Part
from localregion.services.network import rules
from localregion.services.network.gateways import GATEWAYS

MAX_LIST_RULES = 200
MAX_ROUTE_RULES = 200


class Tables(Part):
    """Makes and checks the documents of what subnets refer to."""

    def route_table(self, vcn: Record, body: Document, _: Record | None) -> Document:
        """The rules of a route table. Raises 400 or 404."""
        if "routeRules" not in body:
            return {}
        shown = [rules.route_rule(rule) for rule in body["routeRules"]]
        if len(shown) > MAX_ROUTE_RULES:
            raise limit_exceeded(f"A route table has at most {MAX_ROUTE_RULES} rules.")
        seen: set[str] = set()
        for rule in shown:
            if rule["destination"] in seen:
                raise invalid(f"There is more than one route rule for {rule['destination']}.")
            seen.add(rule["destination"])
            self._check_route(vcn, rule)
        return {"routeRules": shown}

    def _check_route(self, vcn: Record, rule: Document) -> None:
        target = self.store.find(rule["networkEntityId"])
        if target is None or target.dead or target.service != self.service.name or target.state == "TERMINATING":
            raise not_found()
        if target.kind not in (*GATEWAYS, "private_ip"):
            raise invalid(f"{target.id} cannot be the target of a route rule.")
        if target.kind in GATEWAYS and target.parent != vcn.id:
            raise invalid(f"The target {target.id} of a route rule is not of VCN {vcn.id}.")
        if (target.kind == "service_gateway") != (rule["destinationType"] == "SERVICE_CIDR_BLOCK"):
            raise invalid(f"A route rule to {target.id} cannot have a destination of type {rule['destinationType']}.")
        if target.kind == "service_gateway":
            enabled = {entry["serviceId"] for entry in target.doc["services"]}
            if not any(s["id"] in enabled and s["cidrBlock"] == rule["destination"] for s in rules.SERVICES):
                raise invalid(f"{rule['destination']} is not enabled on the service gateway {target.id}.")

    def security_list(self, _vcn: Record, body: Document, _: Record | None) -> Document:
        """The rules of a security list. Raises 400."""
        changes = {}
        for field, shape in (("ingressSecurityRules", rules.ingress_rule), ("egressSecurityRules", rules.egress_rule)):
            if field in body:
                if len(body[field]) > MAX_LIST_RULES:
                    raise limit_exceeded(f"A security list has at most {MAX_LIST_RULES} rules of a direction.")
                changes[field] = [shape(rule) for rule in body[field]]
        return changes

    def dhcp_options(self, _vcn: Record, body: Document, _: Record | None) -> Document:
        """The options of a set of DHCP options. Raises 400."""
        if "options" not in body:
            return {}
        kinds = [option["type"] for option in body["options"]]
        if "DomainNameServer" not in kinds or len(set(kinds)) != len(kinds):
            raise invalid("options must have one DomainNameServer and at most one SearchDomain.")
        for option in body["options"]:
            if option.get("serverType") == "CustomDnsServer" and not option.get("customDnsServers"):
                raise missing("options.customDnsServers")
        return {"options": body["options"]}
