"""The policy language: parsed, and evaluated for users, resources and workloads.

Source: https://docs.oracle.com/en-us/iaas/Content/Identity/policysyntax/policy-syntax.htm and conditions.htm. What no
statement allows is forbidden. A condition on a variable that the request does not have does not hold. Comparisons of
text ignore case.

What a service of Oracle's does in the tenancy for itself needs statements too, also where the user may do everything:
virtual nodes, which run in a tenancy of the service, `endorse` (`Iam.missing_for_virtual_nodes`); a DB system that
joins a network security group, permissions for its own principal (`Iam.missing_for_db_system`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from localregion.core.errors import ServiceError, invalid

VERBS = ("inspect", "read", "use", "manage")
ASSOCIATE = "associate"
"""The verb of statements across tenancies that join a resource of one with a resource of the other."""

PERMISSIONS: Mapping[str, tuple[str, str]] = {
    "NETWORK_SECURITY_GROUP_UPDATE_MEMBERS": ("use", "network-security-groups"),
    **dict.fromkeys(
        (
            "VNIC_CREATE",
            "VNIC_UPDATE",
            "VNIC_DELETE",
            "VNIC_ATTACH",
            "VNIC_DETACH",
            "VNIC_ASSOCIATE_NETWORK_SECURITY_GROUP",
            "VNIC_DISASSOCIATE_NETWORK_SECURITY_GROUP",
        ),
        ("use", "vnics"),
    ),
}
"""The permissions that can be granted by name, and the verb that holds each. Others answer 501: the region asks for no
other by name."""

DB_SYSTEM_PERMISSIONS = {
    "group": ("NETWORK_SECURITY_GROUP_UPDATE_MEMBERS",),
    "subnet": (
        "VNIC_CREATE", "VNIC_UPDATE", "VNIC_ASSOCIATE_NETWORK_SECURITY_GROUP",
        "VNIC_DISASSOCIATE_NETWORK_SECURITY_GROUP",
    ),
}  # fmt: skip
"""What a DB system needs where its groups are, and where its subnet is."""

SKE_TENANCY = "ocid1.tenancy.oc1..aaaaaaaacrvwsphodcje6wfbc3xsixhzcan5zihki6bvc7xkwqds4tqhzbaq"
SKE_COMPARTMENT = "ocid1.compartment.oc1..aaaaaaaa2bou6r766wmrh5zt3vhu2rwdya7ahn4dfdtwzowb662cmtdc5fea"
"""Tenancy and compartment of the service in which virtual nodes run; public constants, of Oracle's documentation."""

FAMILIES: Mapping[str, frozenset[str]] = {
    name: frozenset(members.split())
    for name, members in {
        "virtual-network-family": (
            "vcns subnets route-tables network-security-groups security-lists dhcp-options private-ips public-ips ipv6s"
            " internet-gateways nat-gateways service-gateways local-peering-gateways local-peering-from"
            " local-peering-to remote-peering-connections remote-peering-from remote-peering-to drg-object drgs"
            " drg-route-tables drg-attachments drg-route-distributions cpes ipsec-connections cross-connects"
            " cross-connect-groups virtual-circuits vnics vnic-attachments vlans byoiprange publicip-pools"
            " capture-filters vtaps work-requests"
        ),
        "cluster-family": (
            "clusters cluster-node-pools cluster-virtualnode-pools cluster-work-requests cluster-workload-mappings"
            " cluster-pod-shapes"
        ),
        "secret-family": "secrets secret-versions secret-bundles",
        "mysql-family": (
            "mysql-instances mysql-backups mysql-configurations mysql-channels mysql-heatwave mysql-replicas"
            " mysql-work-requests"
        ),
        "logging-family": "log-groups log-content unified-configuration",
        "instance-family": (
            "instances instance-images instance-console-connection console-histories volume-attachments"
            " app-catalog-listing instance-configurations instance-pools cluster-networks"
        ),
        "compute-container-family": "compute-containers compute-container-instances",
        "volume-family": "volumes volume-attachments volume-backups boot-volume-backups backup-policies volume-groups",
        "object-family": "objects buckets objectstorage-namespaces",
        "file-family": "file-systems mount-targets export-sets",
    }.items()
}

_SINGLE = (
    "all-resources compartments users groups dynamic-groups policies tenancies tag-namespaces tag-defaults "
    "domains identity-providers network-sources authentication-policies credentials vaults keys key-delegate "
    "load-balancers network-load-balancers repos resource-availability limits quotas objectstorage-namespaces "
    "network-security-group dns-zones dns-records dns dns-resolvers leaf-certificates leaf-certificate-family "
    "certificate-authorities certificate-authority-family metrics alarms ons-topics ons-subscriptions ons-family "
    "cloudevents-rules audit-events functions-family fn-app fn-function fn-invocation bastion bastion-session "
    "bastion-family tagnamespaces serviceconnectors orm-stacks orm-jobs orm-family waas-family waf-family "
    "web-app-firewall usage-report cluster-request-header app-catalog-listing generative-ai-family "
    "autonomous-database-family database-family streams stream-family inspect-family security-zone "
    "cloud-guard-family vn-path-analyzer-test"
)

RESOURCE_TYPES = frozenset(_SINGLE.split()).union(FAMILIES, *FAMILIES.values())


@dataclass(frozen=True)
class Principal:
    """Who calls.

    ``type`` is the principal's type as conditions name it: user, workload, cluster, virtualnode, service. ``variables``
    are those it brings for conditions (`request.principal.namespace`, ...); ``groups`` the names and OCIDs of a user's
    groups, in lower case.
    """

    type: str
    id: str
    groups: frozenset[str] = frozenset()
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def all_variables(self) -> dict[str, str]:
        """Its variables, with what every principal has."""
        own = {"request.principal.type": self.type, "request.principal.id": self.id}
        if self.type == "user":
            own["request.user.id"] = self.id
        return own | dict(self.variables)

    def rule_variables(self) -> dict[str, str]:
        """What the matching rules of dynamic groups ask of it: instances and other resources are members; users and
        workloads of clusters never are."""
        if self.type in ("user", "workload", "service"):
            return {}
        place = self.variables.get("request.principal.compartment.id", "")
        if self.type == "instance":
            return {"instance.id": self.id, "instance.compartment.id": place}
        return {"resource.id": self.id, "resource.compartment.id": place, "resource.type": self.type}


def workload(*, cluster_id: str, namespace: str, service_account: str, compartment_id: str = "") -> Principal:
    """A workload of a cluster: a service account of a namespace."""
    variables = {
        "request.principal.cluster_id": cluster_id,
        "request.principal.namespace": namespace,
        "request.principal.service_account": service_account,
        "request.principal.compartment.id": compartment_id,
    }
    return Principal("workload", f"{cluster_id}/{namespace}/{service_account}", variables=variables)


def instance(instance_id: str, compartment_id: str) -> Principal:
    """A compute instance that signs in as itself."""
    return resource_principal("instance", instance_id, compartment_id)


def resource_principal(kind: str, resource_id: str, compartment_id: str = "", **variables: str) -> Principal:
    """A resource that makes calls itself: a cluster that uses a key, a virtual node."""
    own = {f"request.principal.{name}": value for name, value in variables.items()}
    return Principal(kind, resource_id, variables=own | {"request.principal.compartment.id": compartment_id})


Condition = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True)
class Statement:
    """A statement, parsed.

    ``location`` is ("tenancy", ""), ("compartment", "a:b") or ("id", an OCID). ``permissions``: those that it names in
    place of verb and resource type. ``defines``: (kind, name, OCID) of a `define`. ``abroad`` and ``joined``, of
    statements across tenancies: (names or OCIDs of) the compartment, "" for all, and the tenancy in which the resource
    is, and the type of the resource that it is associated with.
    """

    text: str
    effect: str
    subject: str = ""
    names: frozenset[str] = frozenset()
    verb: str = ""
    resource: str = ""
    location: tuple[str, str] = ("tenancy", "")
    condition: Condition | None = None
    permissions: frozenset[str] = frozenset()
    defines: tuple[str, str, str] | None = None
    abroad: tuple[str, str] = ("", "")
    joined: str = ""

    def fits(
        self,
        principal: Principal,
        verb: str,
        resource: str,
        variables: Mapping[str, str],
        dynamic_groups: frozenset[str] = frozenset(),
    ) -> bool:
        """Whether it allows the principal the verb on the resource type, wherever.

        ``dynamic_groups``: names and OCIDs, in lower case, of those that the principal is in.
        """
        if self.effect != "allow" or self.permissions or VERBS.index(verb) > VERBS.index(self.verb):
            return False
        if self.resource not in ("all-resources", resource) and resource not in FAMILIES.get(self.resource, ()):
            return False
        return self._concerns(principal, variables, dynamic_groups)

    def permits(
        self,
        principal: Principal,
        permission: str,
        variables: Mapping[str, str],
        dynamic_groups: frozenset[str] = frozenset(),
    ) -> bool:
        """Whether it gives the principal a permission: by its name, or by a verb that includes it; wherever."""
        if self.permissions:
            return (
                self.effect == "allow"
                and permission in self.permissions
                and self._concerns(principal, variables, dynamic_groups)
            )
        return self.fits(principal, *PERMISSIONS[permission], variables, dynamic_groups)

    def endorses(
        self, principal: Principal, resource: str, joined: str, abroad: tuple[str, str], variables: Mapping[str, str]
    ) -> bool:
        """Whether it lets a principal of another tenancy associate its resource with one of this tenancy. ``abroad``:
        OCIDs of compartment and tenancy of the former."""
        return (
            (self.effect, self.verb, self.resource, self.joined) == ("endorse", ASSOCIATE, resource, joined)
            and self.abroad[1] == abroad[1]
            and self.abroad[0] in ("", abroad[0])
            and self.subject == "any-user"
            and (self.condition is None or self.condition(variables))
        )

    def _concerns(self, principal: Principal, variables: Mapping[str, str], dynamic_groups: frozenset[str]) -> bool:
        named = {name.lower() for name in self.names}
        if self.subject == "group":
            if not named & principal.groups:
                return False
        elif self.subject == "service":
            if principal.type != "service" or principal.id.lower() not in named:
                return False
        elif self.subject == "dynamic-group" and not named & dynamic_groups:
            return False
        return self.condition is None or self.condition(variables)


_TOKEN = re.compile(
    r"""\s*(?:'(?P<text>[^']*)'|/(?P<pattern>[^/\s]*)/|(?P<mark>!=|=|[{}(),])|(?P<word>[^\s'{}(),=!]+))""", re.VERBOSE
)


class _Reader:
    """The words of a statement, one after another; raises 400 at what does not fit."""

    def __init__(self, text: str, what: str = "Policy statement") -> None:
        self.text = text
        self._what = what
        self._tokens = list(self._split(text))
        self._at = 0

    def _split(self, text: str) -> Iterator[tuple[str, str]]:
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise self.error(f"unexpected '{text[at:].strip()[:20]}'")
            yield match.lastgroup, match.group(match.lastgroup)
            at = match.end()

    def error(self, what: str) -> ServiceError:
        return invalid(f"{self._what} could not be parsed: {what}. Statement: {self.text}")

    @property
    def done(self) -> bool:
        return self._at >= len(self._tokens)

    def peek(self) -> str:
        """The next word or mark in lower case; empty at the end and for quoted text."""
        if self.done or self._tokens[self._at][0] in ("text", "pattern"):
            return ""
        return self._tokens[self._at][1].lower()

    def take(self) -> tuple[str, str]:
        if self.done:
            raise self.error("unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]

    def word(self, *allowed: str) -> str:
        """The next word; it must be one of those allowed, if any are named."""
        group, value = self.take()
        if group != "word" or (allowed and value.lower() not in allowed):
            raise self.error(f"expected {' or '.join(allowed) or 'a word'} instead of '{value}'")
        return value.lower() if allowed else value

    def name(self) -> str:
        """A name, which may be quoted."""
        group, value = self.take()
        if group not in ("word", "text"):
            raise self.error(f"expected a name instead of '{value}'")
        return value

    def mark(self, mark: str) -> None:
        group, value = self.take()
        if group != "mark" or value != mark:
            raise self.error(f"expected '{mark}' instead of '{value}'")


def parse(text: str) -> Statement:
    """Parse a statement. Raises 400 InvalidParameter when it is not one."""
    reader = _Reader(text)
    effect = reader.word("allow", "define", "endorse", "admit")
    if effect == "define":
        kind, name = reader.word("tenancy", "compartment", "group", "dynamic-group"), reader.name()
        reader.word("as")
        ocid = reader.word()
        if not ocid.lower().startswith(f"ocid1.{kind.replace('-', '')}."):
            raise reader.error(f"expected the OCID of a {kind}")
        statement = Statement(text, effect, defines=(kind, name, ocid))
    elif effect in ("endorse", "admit"):
        statement = _parse_foreign(reader, text, effect)
    else:
        statement = _parse_allow(reader, text)
    if not reader.done:
        raise reader.error(f"unexpected '{reader.take()[1]}'")
    return statement


def _parse_allow(reader: _Reader, text: str) -> Statement:
    subject, names = _subject(reader)
    reader.word("to")
    verb, resource, permissions = "", "", frozenset[str]()
    if reader.peek() == "{":
        permissions = _permissions(reader)
    else:
        verb, resource = reader.word(*VERBS), _resource(reader)
    reader.word("in")
    location = _location(reader)
    condition = None
    if not reader.done:
        reader.word("where")
        condition = _condition(reader)
    return Statement(text, "allow", subject, names, verb, resource, location, condition, permissions)


def _resource(reader: _Reader) -> str:
    resource = reader.word().lower()
    if resource not in RESOURCE_TYPES:
        raise reader.error(f"unknown resource type '{resource}'")
    return resource


def _permissions(reader: _Reader) -> frozenset[str]:
    reader.mark("{")
    found = {reader.word().upper()}
    while reader.peek() == ",":
        reader.mark(",")
        found.add(reader.word().upper())
    reader.mark("}")
    if unknown := sorted(found - set(PERMISSIONS)):
        raise ServiceError(501, "NotImplemented", f"The local region knows no permission {unknown[0]}.")
    return frozenset(found)


def _parse_foreign(reader: _Reader, text: str, effect: str) -> Statement:
    """Statements across tenancies. Of those, only what virtual nodes need has an effect in a region of one tenancy."""
    subject, names = _subject(reader)
    if effect == "admit":
        reader.word("of")
        reader.word("tenancy")
        reader.name()
    reader.word("to")
    verb, resource, joined = reader.word(*VERBS, ASSOCIATE), _resource(reader), ""
    reader.word("in")
    abroad, location = _abroad(reader)
    if verb == ASSOCIATE:
        reader.word("with")
        joined = _resource(reader)
        reader.word("in")
        there, location = _abroad(reader)
        abroad = abroad if abroad[1] else there
    condition = None
    if not reader.done:
        reader.word("where")
        condition = _condition(reader)
    return Statement(text, effect, subject, names, verb, resource, location, condition, abroad=abroad, joined=joined)


def _abroad(reader: _Reader) -> tuple[tuple[str, str], tuple[str, str]]:
    """A place of a statement across tenancies: compartment and tenancy of another (empty if it is in this one), and
    the place in this one."""
    place = reader.word("tenancy", "compartment", "any-tenancy")
    if place == "any-tenancy":
        return ("", place), ("tenancy", "")
    if place == "tenancy":
        if reader.done or reader.peek() in ("with", "where"):
            return ("", ""), ("tenancy", "")
        return ("", reader.name()), ("tenancy", "")
    own = reader.peek() == "id"
    if own:
        reader.word("id")
    name = reader.name()
    if not reader.done and reader.peek() == "of":
        reader.word("of")
        reader.word("tenancy")
        return (name, reader.name()), ("tenancy", "")
    return ("", ""), (("id" if own else "compartment"), name)


def _subject(reader: _Reader) -> tuple[str, frozenset[str]]:
    subject = reader.word("any-user", "any-group", "group", "dynamic-group", "service")
    if subject in ("any-user", "any-group"):
        return "any-user", frozenset()
    if reader.peek() == "id":
        reader.word("id")
    found = {reader.name().removeprefix("Default/")}
    while reader.peek() == ",":
        reader.mark(",")
        if reader.peek() in ("group", "dynamic-group", "service"):
            reader.take()
        if reader.peek() == "id":
            reader.word("id")
        found.add(reader.name().removeprefix("Default/"))
    return subject, frozenset(found)


def _location(reader: _Reader) -> tuple[str, str]:
    if reader.word("tenancy", "compartment") == "tenancy":
        return "tenancy", ""
    if reader.peek() == "id":
        reader.word("id")
        return "id", reader.word()
    return "compartment", reader.name()


def parse_rule(text: str) -> Condition:
    """The matching rule of a dynamic group, to be asked with a principal's `rule_variables`. Raises 400 and 501."""
    reader = _Reader(text, "Matching rule")
    rule = _condition(reader, _RULE_VARIABLES)
    if not reader.done:
        raise reader.error(f"unexpected '{reader.take()[1]}'")
    return rule


_POLICY_VARIABLES = ("request.", "target.", "sourcecompartment.", "1.", "2.")
_RULE_VARIABLES = ("instance.id", "instance.compartment.id", "resource.id", "resource.compartment.id", "resource.type")


def _condition(reader: _Reader, known: tuple[str, ...] = _POLICY_VARIABLES) -> Condition:
    if reader.peek() in ("any", "all"):
        joined = any if reader.word("any", "all") == "any" else all
        reader.mark("{")
        parts = [_condition(reader, known)]
        while reader.peek() == ",":
            reader.mark(",")
            parts.append(_condition(reader, known))
        reader.mark("}")
        return lambda variables: joined(part(variables) for part in parts)
    variable = reader.word()
    if known is _RULE_VARIABLES and variable.lower().startswith("tag."):
        raise ServiceError(501, "NotImplemented", "The local region knows no tags in matching rules.")
    if not variable.lower().startswith(known) or (known is _RULE_VARIABLES and variable.lower() not in known):
        raise reader.error(f"unknown variable '{variable}'")
    return _comparison(reader, variable.lower())


def _comparison(reader: _Reader, variable: str) -> Condition:
    operator = reader.take()[1].lower()
    if operator == "not":
        reader.word("in")
        operator = "not in"
    if operator in ("in", "not in"):
        reader.mark("(")
        tests = [_value(reader)]
        while reader.peek() == ",":
            reader.mark(",")
            tests.append(_value(reader))
        reader.mark(")")
    elif operator in ("=", "!="):
        tests = [_value(reader)]
    else:
        raise reader.error(f"unknown operator '{operator}'")
    wanted = operator in ("=", "in")

    def holds(variables: Mapping[str, str]) -> bool:
        value = variables.get(variable)
        return value is not None and any(test(value, variables) for test in tests) is wanted

    return holds


def _value(reader: _Reader) -> Callable[[str, Mapping[str, str]], bool]:
    group, value = reader.take()
    if group == "text":
        return lambda actual, _: actual.lower() == value.lower()
    if group == "pattern":
        pattern = re.compile(".*".join(re.escape(part) for part in value.split("*")), re.IGNORECASE)
        return lambda actual, _: pattern.fullmatch(actual) is not None
    if group == "word" and value.lower().startswith(("request.", "target.", "1.", "2.")):
        return lambda actual, variables: actual.lower() == variables.get(value.lower(), "\0").lower()
    if group == "word" and re.fullmatch(r"[\w.:-]+", value):
        return lambda actual, _: actual.lower() == value.lower()
    raise reader.error(f"expected a value instead of '{value}'")


@dataclass(frozen=True)
class Grant:
    """A statement and the place it holds in: the OCID of a compartment (the tenancy's for all)."""

    statement: Statement
    place: str


class Iam:
    """The grants that hold now. `ancestry` gives a compartment's OCID and those above it, up to the tenancy's."""

    def __init__(self, ancestry: Callable[[str], list[str]]) -> None:
        self._ancestry = ancestry
        self._grants: tuple[Grant, ...] = ()
        self._dynamic_groups: dict[str, Condition] = {}

    def _places(self, compartment: str) -> set[str]:
        return set(self._ancestry(compartment))

    def _groups_of(self, principal: Principal) -> frozenset[str]:
        """The dynamic groups that a principal is in."""
        asked = principal.rule_variables()
        return frozenset(name for name, rule in self._dynamic_groups.items() if asked and rule(asked))

    def permits(
        self, principal: Principal, permission: str, compartment: str, variables: Mapping[str, str] | None = None
    ) -> bool:
        """Whether a grant gives the principal one of `PERMISSIONS` in the compartment."""
        places = self._places(compartment)
        known = principal.all_variables() | {"target.compartment.id": compartment} | dict(variables or {})
        groups = self._groups_of(principal)
        return any(
            grant.place in places and grant.statement.permits(principal, permission, known, groups)
            for grant in self._grants
        )

    def missing_for_db_system(self, compartment: str, *, subnet: str, groups: Iterable[str]) -> list[str]:
        """The permissions that DB systems of a compartment lack to join network security groups: "PERMISSION in
        compartment OCID". ``subnet`` and ``groups``: the compartments of these. Nothing is needed without groups.
        """
        principal = resource_principal("mysqldbsystem", "", compartment)
        known = {"request.resource.compartment.id": compartment}
        places = [("group", place) for place in dict.fromkeys(groups)]
        places += [("subnet", subnet)] if places else []
        return [
            f"{permission} in compartment {place}"
            for what, place in places
            for permission in DB_SYSTEM_PERMISSIONS[what]
            if not self.permits(principal, permission, place, known)
        ]

    def missing_for_virtual_nodes(self, subnet_id: str, compartment: str, *, groups: bool = True) -> list[str]:
        """What virtual nodes may not associate their container instances with: subnets, vnics, and (if they are to be
        in `groups`) network-security-group. Pods start only when it is nothing.

        https://docs.oracle.com/iaas/Content/ContEng/Tasks/contengvirtualnodes-Required_IAM_Policies.htm
        """
        principal = resource_principal("virtualnode", "", compartment, subnet=subnet_id)
        known = principal.all_variables() | {
            "request.operation": "CreateContainerInstance", "2.subnet.id": subnet_id,
            "target.compartment.id": compartment,
        }  # fmt: skip
        places = self._places(compartment)
        return [
            joined
            for joined in ("subnets", "vnics", *(("network-security-group",) if groups else ()))
            if not any(
                grant.place in places
                and grant.statement.endorses(
                    principal, "compute-container-instances", joined, (SKE_COMPARTMENT, SKE_TENANCY), known
                )
                for grant in self._grants
            )
        ]

    def replace(self, grants: Iterable[Grant], dynamic_groups: Mapping[str, Condition] | None = None) -> None:
        """Replace the grants in force. ``dynamic_groups``: a rule by each name and OCID, in lower
        case."""
        self._grants = tuple(grants)
        self._dynamic_groups = dict(dynamic_groups or {})

    def allows(
        self,
        principal: Principal,
        verb: str,
        resource: str,
        compartment: str | None,
        variables: Mapping[str, str] | None = None,
        operation: str = "",
    ) -> bool:
        """Whether a grant lets the principal do it in the compartment (None: somewhere in the tenancy).

        ``operation`` is the API's name of the operation (`GetSecretBundle`), for `request.operation`.
        """
        places = self._places(compartment) if compartment else None
        known = principal.all_variables() | dict(variables or {})
        groups = self._groups_of(principal)
        if operation:
            known["request.operation"] = operation
        if compartment:
            known["target.compartment.id"] = compartment
        return any(
            (places is None or grant.place in places) and grant.statement.fits(principal, verb, resource, known, groups)
            for grant in self._grants
        )
