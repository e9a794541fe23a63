"""The policy language, without a region: what parses, and what it allows."""

from __future__ import annotations

import pytest

from localregion.access.policies import Grant, Iam, Principal, parse, resource_principal, workload
from localregion.core.errors import ServiceError

ROOT, TEAM, APP = "ocid1.tenancy.oc1..t", "ocid1.compartment.oc1..team", "ocid1.compartment.oc1..app"
TREE = {ROOT: [ROOT], TEAM: [TEAM, ROOT], APP: [APP, TEAM, ROOT]}
USER = Principal("user", "ocid1.user.oc1..u", frozenset({"developers", "ocid1.group.oc1..d"}))
POD = workload(cluster_id="ocid1.cluster.oc1..c", namespace="shop", service_account="reader")


def iam(*statements: str, place: str = TEAM) -> Iam:
    made = Iam(lambda compartment: TREE.get(compartment, []))
    made.replace(Grant(parse(text), place) for text in statements)
    return made


@pytest.mark.parametrize(
    "text",
    [
        "Allow group Administrators to manage all-resources in tenancy",
        "allow any-user to use keys in compartment X where all {request.principal.type='cluster', target.key.id='k'}",
        "ALLOW DYNAMIC-GROUP 'a b' TO READ secret-family IN COMPARTMENT ID ocid1.compartment.oc1..x",
        "allow group a, b to inspect vcns in compartment one:two where any {request.user.id!='x', target.vcn.id=/y*/}",
        "allow group id ocid1.group.oc1..g to use subnets in tenancy where target.subnet.name in ('a','b')",
        "allow service PSM to use keys in tenancy",
        "define tenancy ske as ocid1.tenancy.oc1..x",
        "define compartment s as ocid1.compartment.oc1..x",
        "endorse any-user to associate compute-container-instances in compartment s of tenancy ske with subnets in"
        " tenancy where ALL {request.principal.type='virtualnode',request.principal.subnet=2.subnet.id}",
        "endorse group a to manage buckets in any-tenancy",
        "admit group a of tenancy b to use vcns in compartment c",
        "allow any-user to {VNIC_CREATE, VNIC_UPDATE} in compartment x where request.principal.type='mysqldbsystem'",
    ],
)
def test_statements_that_parse(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "allow",
        "permit any-user to read keys in tenancy",
        "allow users to read keys in tenancy",
        "allow any-user to look keys in tenancy",
        "allow any-user to read keyz in tenancy",
        "allow any-user to read keys",
        "allow any-user to read keys in compartment",
        "allow any-user to read keys in tenancy where",
        "allow any-user to read keys in tenancy where all {}",
        "allow any-user to read keys in tenancy where all {request.user.id='x'",
        "allow any-user to read keys in tenancy where request.user.id 'x'",
        "allow any-user to read keys in tenancy where user='x'",
        "allow any-user to read keys in tenancy where request.user.id=''x",
        "allow any-user to read keys in tenancy twice",
        "allow any-user to {VNIC_CREATE in tenancy",
        "allow any-user to associate vnics in tenancy",
        "define tenancy ske as somebody",
        "define tenancy ske as ocid1.compartment.oc1..x",
        "endorse any-user to associate compute-container-instances in compartment s of tenancy ske",
        "endorse any-user to associate gadgets in tenancy ske with subnets in tenancy",
    ],
)
def test_statements_that_do_not(text: str) -> None:
    with pytest.raises(ServiceError) as caught:
        parse(text)
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameter")


def test_nothing_is_allowed_by_default() -> None:
    assert not iam().allows(USER, "inspect", "vcns", TEAM)


def test_verbs_hold_those_below_and_families_their_members() -> None:
    rules = iam("allow group developers to use virtual-network-family in compartment id " + TEAM)
    for verb, allowed in (("inspect", True), ("read", True), ("use", True), ("manage", False)):
        assert rules.allows(USER, verb, "subnets", TEAM) is allowed
    assert not rules.allows(USER, "read", "keys", TEAM)
    assert not rules.allows(POD, "read", "subnets", TEAM)


def test_a_grant_reaches_down_not_up() -> None:
    rules = iam("allow group Developers to read vcns in tenancy")
    assert rules.allows(USER, "read", "vcns", APP)
    assert not rules.allows(USER, "read", "vcns", ROOT)
    assert not rules.allows(USER, "read", "vcns", "ocid1.compartment.oc1..unknown")


WORKLOAD = (
    "Allow any-user to read secret-bundles in compartment x where all {request.principal.type='workload',"
    " request.principal.namespace='shop', request.principal.service_account='reader',"
    " request.principal.cluster_id='ocid1.cluster.oc1..c', target.secret.name='password'}"
)


def test_a_workload_reads_just_its_secret() -> None:
    rules = iam(WORKLOAD)
    secret = {"target.secret.name": "password"}
    assert rules.allows(POD, "read", "secret-bundles", APP, secret)
    assert not rules.allows(POD, "read", "secret-bundles", APP, {"target.secret.name": "other"})
    assert not rules.allows(POD, "read", "secret-bundles", APP)
    for other in (
        workload(cluster_id="ocid1.cluster.oc1..c", namespace="shop", service_account="writer"),
        workload(cluster_id="ocid1.cluster.oc1..c", namespace="test", service_account="reader"),
        workload(cluster_id="ocid1.cluster.oc1..d", namespace="shop", service_account="reader"),
        resource_principal("cluster", "ocid1.cluster.oc1..c"),
        USER,
    ):
        assert not rules.allows(other, "read", "secret-bundles", APP, secret)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("target.vcn.name='SHOP'", True),
        ("target.vcn.name='shop'", True),
        ("target.vcn.name!='shop'", False),
        ("target.vcn.name!='other'", True),
        ("target.vcn.none!='other'", False),
        ("target.vcn.name=/sh*/", True),
        ("target.vcn.name=/*op/", True),
        ("target.vcn.name=/h*/", False),
        ("target.vcn.name in ('a', 'shop')", True),
        ("target.vcn.name not in ('a', 'shop')", False),
        ("any {target.vcn.name='x', request.user.id='ocid1.user.oc1..u'}", True),
        ("all {target.vcn.name='shop', any {target.vcn.id='1', target.vcn.id='2'}}", True),
        ("all {target.vcn.name='shop', target.vcn.id='2'}", False),
        ("request.operation='GetVcn'", True),
        ("request.operation='ListVcns'", False),
        ("target.compartment.id='" + TEAM + "'", True),
    ],
)
def test_conditions(condition: str, holds: bool) -> None:
    rules = iam(f"allow any-user to read vcns in tenancy where {condition}", place=ROOT)
    variables = {"target.vcn.name": "shop", "target.vcn.id": "1"}
    assert rules.allows(USER, "read", "vcns", TEAM, variables, "GetVcn") is holds


DB_SYSTEM = "request.principal.type='mysqldbsystem'"
MEMBERS, JOINS = "NETWORK_SECURITY_GROUP_UPDATE_MEMBERS", (
    "VNIC_CREATE, VNIC_UPDATE, VNIC_ASSOCIATE_NETWORK_SECURITY_GROUP, VNIC_DISASSOCIATE_NETWORK_SECURITY_GROUP"
)  # fmt: skip


@pytest.mark.parametrize(
    ("statements", "missing"),
    [
        ((), 5),
        ((f"allow any-user to {{{MEMBERS}}} in tenancy where {DB_SYSTEM}",), 4),
        (
            (
                f"allow any-user to {{{MEMBERS}}} in tenancy where all {{{DB_SYSTEM},"
                f" request.resource.compartment.id='{APP}'}}",
                f"allow any-user to {{{JOINS}}} in tenancy where {DB_SYSTEM}",
            ),
            0,
        ),
        (
            (
                f"allow any-user to {{{MEMBERS}}} in tenancy where all {{{DB_SYSTEM},"
                f" request.resource.compartment.id='{TEAM}'}}",
                f"allow any-user to {{{JOINS}}} in tenancy where {DB_SYSTEM}",
            ),
            1,
        ),
        (("allow any-user to use virtual-network-family in tenancy",), 0),
        (("allow group developers to manage all-resources in tenancy",), 5),
        (("allow any-user to read virtual-network-family in tenancy",), 5),
    ],
)
def test_what_a_db_system_needs_for_its_groups(statements: tuple[str, ...], missing: int) -> None:
    made = iam(*statements, place=ROOT)
    assert len(made.missing_for_db_system(APP, subnet=APP, groups=[APP])) == missing
    assert made.missing_for_db_system(APP, subnet=APP, groups=[]) == []


def test_permissions_of_a_user_follow_from_verbs() -> None:
    assert iam("allow group developers to manage all-resources in tenancy", place=ROOT).permits(
        USER, "VNIC_CREATE", APP
    )
    assert not iam("allow any-user to read vnics in tenancy", place=ROOT).permits(USER, "VNIC_CREATE", APP)
    named = iam("allow any-user to {VNIC_CREATE} in tenancy", place=ROOT)
    assert named.permits(USER, "VNIC_CREATE", APP) and not named.permits(USER, "VNIC_UPDATE", APP)
    assert not named.allows(USER, "use", "vnics", APP)


def test_an_unknown_permission_says_so() -> None:
    with pytest.raises(ServiceError) as caught:
        parse("allow any-user to {VCN_READ} in tenancy")
    assert caught.value.status == 501
