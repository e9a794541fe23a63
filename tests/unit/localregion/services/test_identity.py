"""The identity service: regions, compartments, policies and what they allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import oci
from oci.identity import models as m

from localregion.access import policies
from localregion.host.pki import key_pem, new_key, public_key_pem


def test_one_home_region_of_two(region: Any, identity: Any) -> None:
    subscriptions = identity.list_region_subscriptions(region.tenancy_id).data
    assert [(one.region_name, one.is_home_region) for one in subscriptions] == [("local-1", True), ("local-2", False)]
    domains = identity.list_availability_domains(region.compartment_id).data
    assert [domain.name for domain in domains] == ["Lcl1:LOCAL-1-AD-1"]
    faults = identity.list_fault_domains(region.compartment_id, domains[0].name).data
    assert [domain.name for domain in faults] == [f"FAULT-DOMAIN-{number}" for number in (1, 2, 3)]


def test_writes_go_to_the_home_region(region: Any, identity: Any, refused: Any) -> None:
    elsewhere = region.client(oci.identity.IdentityClient, endpoint=region.other_endpoint)
    assert [one.id for one in elsewhere.list_compartments(region.tenancy_id).data] == [region.compartment_id]
    details = policy(region, "allow any-user to read vaults in compartment okestack")
    with refused(403, "NotAllowed", "home region LCL"):
        elsewhere.create_policy(details)
    assert identity.list_policies(region.compartment_id).data == []


def policy(region: Any, *statements: str, name: str = "p", compartment: str | None = None) -> Any:
    return m.CreatePolicyDetails(
        compartment_id=compartment or region.compartment_id, name=name, description="d", statements=list(statements)
    )


def test_policies(region: Any, identity: Any, refused: Any) -> None:
    text = "allow any-user to read vaults in compartment id " + region.compartment_id
    made = identity.create_policy(policy(region, text)).data
    assert (made.lifecycle_state, made.statements) == ("ACTIVE", [text])
    with refused(409, "PolicyAlreadyExists"):
        identity.create_policy(policy(region, text))
    with refused(400, "InvalidParameter", "could not be parsed"):
        identity.create_policy(policy(region, "allow all", name="q"))
    with refused(400, "InvalidParameter", "does not exist or is not part of the policy compartment subtree"):
        identity.create_policy(policy(region, "allow any-user to read vaults in compartment elsewhere", name="q"))
    with refused(400, "InvalidParameter", "The group Nobody specified"):
        identity.create_policy(policy(region, "allow group Nobody to read vaults in compartment okestack", name="q"))
    with refused(400, "InvalidParameter"):
        identity.create_policy(policy(region, "allow any-user to read vaults in tenancy", name="q"))
    identity.delete_policy(made.id)
    with refused(404, "NotAuthorizedOrNotFound"):
        identity.get_policy(made.id)


def test_compartments(region: Any, identity: Any, refused: Any) -> None:
    details = m.CreateCompartmentDetails(compartment_id=region.compartment_id, name="team", description="d")
    team = identity.create_compartment(details).data
    region.settle()
    with refused(409, "CompartmentAlreadyExists"):
        identity.create_compartment(details)
    assert identity.get_compartment(team.id).data.lifecycle_state == "ACTIVE"
    deep = identity.list_compartments(region.tenancy_id, compartment_id_in_subtree=True).data
    assert {one.name for one in deep} == {"okestack", "team"}
    vcns = region.client(oci.core.VirtualNetworkClient)
    vcns.create_vcn(oci.core.models.CreateVcnDetails(compartment_id=team.id, cidr_blocks=["10.0.0.0/16"]))
    region.settle()
    failed = identity.delete_compartment(team.id).headers["opc-work-request-id"]
    region.settle()
    request = identity.get_work_request(failed).data
    assert (request.operation_type, request.status) == ("DELETE_COMPARTMENT", "FAILED")
    assert [(e.code, "not empty" in e.message) for e in request.errors] == [("Conflict", True)]
    assert identity.get_compartment(team.id).data.lifecycle_state == "ACTIVE"


def compartment(region: Any, identity: Any, name: str, parent: str | None = None) -> str:
    details = m.CreateCompartmentDetails(compartment_id=parent or region.compartment_id, name=name, description="d")
    made = identity.create_compartment(details).data
    region.settle()
    return str(made.id)


def test_a_deleted_compartment_leaves_its_name(region: Any, identity: Any, refused: Any) -> None:
    team = compartment(region, identity, "team")
    text = "allow any-user to read vaults in compartment okestack:team where request.user.name='team'"
    made = identity.create_policy(policy(region, text, compartment=region.tenancy_id)).data.id
    done = identity.delete_compartment(team).headers["opc-work-request-id"]
    region.settle()
    assert identity.get_work_request(done).data.status == "SUCCEEDED"
    gone = identity.get_compartment(team).data
    assert gone.lifecycle_state == "DELETED" and gone.name.startswith("team.")
    named = text.replace("okestack:team", f"okestack:{gone.name}")
    assert identity.get_policy(made).data.statements == [named], "statements follow the name"
    with refused(409, "IncorrectState"):
        identity.delete_compartment(team)
    again = compartment(region, identity, "team")
    assert [one.id for one in identity.list_compartments(region.compartment_id, name="team").data] == [again]
    both = identity.list_compartments(region.compartment_id, lifecycle_state="DELETED").data
    assert [one.id for one in both] == [team]
    back = identity.recover_compartment(team).data
    assert (back.lifecycle_state, back.name) == ("ACTIVE", gone.name)
    with refused(409, "IncorrectState"):
        identity.recover_compartment(team)


def test_a_renamed_compartment_keeps_its_grants(region: Any, identity: Any, refused: Any) -> None:
    team = compartment(region, identity, "team")
    made = identity.create_policy(policy(region, "allow any-user to read vaults in compartment team")).data.id
    identity.update_compartment(team, m.UpdateCompartmentDetails(name="crew", description="x" * 400))
    assert identity.get_policy(made).data.statements == ["allow any-user to read vaults in compartment crew"]
    compartment(region, identity, "other")
    with refused(409, "CompartmentAlreadyExists"):
        identity.update_compartment(team, m.UpdateCompartmentDetails(name="OTHER"))
    identity.update_compartment(team, m.UpdateCompartmentDetails(name="Crew"))
    for wrong in ({"name": "a b"}, {"description": "x" * 401}):
        with refused(400, "InvalidParameter"):
            identity.update_compartment(team, m.UpdateCompartmentDetails(**wrong))
    with refused(400, "InvalidParameter"):
        identity.update_compartment(region.tenancy_id, m.UpdateCompartmentDetails(name="root"))


def test_a_compartment_moves_with_what_is_in_it(region: Any, identity: Any, refused: Any) -> None:
    def move(what: str, where: str) -> Any:
        return identity.move_compartment(what, m.MoveCompartmentDetails(target_compartment_id=where))

    team, other = (compartment(region, identity, name) for name in ("team", "other"))
    inner = compartment(region, identity, "inner", team)
    answer = move(team, other)
    region.settle()
    assert answer.status == 202
    assert identity.get_work_request(answer.headers["opc-work-request-id"]).data.status == "SUCCEEDED"
    assert identity.get_compartment(team).data.compartment_id == other
    assert identity.get_compartment(inner).data.compartment_id == team
    for what, where in ((other, inner), (team, team), (team, other), (region.tenancy_id, team)):
        with refused(400, "InvalidParameter"):
            move(what, where)
    with refused(400, "RelatedResourceNotAuthorizedOrNotFound"):
        move(team, "ocid1.compartment.oc1..none")
    deep = compartment(region, identity, "team")
    with refused(409, "CompartmentAlreadyExists"):
        move(deep, other)
    for level in range(2):
        inner = compartment(region, identity, f"level{level}", inner)
    with refused(400, "LimitExceeded"):
        compartment(region, identity, "seventh", inner)
    with refused(400, "LimitExceeded"):
        move(compartment(region, identity, "leaf"), inner)


def test_a_user_may_do_what_policies_say(region: Any, identity: Any, refused: Any) -> None:
    group = identity.create_group(
        m.CreateGroupDetails(compartment_id=region.tenancy_id, name="Readers", description="d")
    ).data
    user = identity.create_user(m.CreateUserDetails(compartment_id=region.tenancy_id, name="ann", description="d")).data
    identity.add_user_to_group(m.AddUserToGroupDetails(user_id=user.id, group_id=group.id))
    key = new_key("rsa")
    uploaded = identity.upload_api_key(user.id, m.CreateApiKeyDetails(key=public_key_pem(key).decode())).data
    config = region.config | {
        "user": user.id, "fingerprint": uploaded.fingerprint, "key_content": key_pem(key).decode(), "key_file": None,
    }  # fmt: skip
    config.pop("key_file")
    vcns = oci.core.VirtualNetworkClient(
        config, service_endpoint=region.endpoint, retry_strategy=oci.retry.NoneRetryStrategy()
    )
    details = oci.core.models.CreateVcnDetails(compartment_id=region.compartment_id, cidr_blocks=["10.0.0.0/16"])
    with refused(404, "NotAuthorizedOrNotFound"):
        vcns.list_vcns(region.compartment_id)
    identity.create_policy(policy(region, "allow group Readers to read vcns in compartment okestack"))
    region.settle()
    assert vcns.list_vcns(region.compartment_id).data == []
    with refused(404, "NotAuthorizedOrNotFound"):
        vcns.create_vcn(details)
    made = region.client(oci.core.VirtualNetworkClient).create_vcn(details).data
    region.settle()
    assert vcns.get_vcn(made.id).data.id == made.id
    with refused(404, "NotAuthorizedOrNotFound"):
        vcns.delete_vcn(made.id)


def test_a_workload_has_no_rights_of_its_own(region: Any, tmp_path: Path, refused: Any) -> None:
    pod = policies.workload(cluster_id="c", namespace="n", service_account="s")
    path = region.session(pod, tmp_path / "session")
    config = oci.config.from_file(str(path))
    signer = oci.auth.signers.SecurityTokenSigner(
        Path(config["security_token_file"]).read_text(), oci.signer.load_private_key_from_file(config["key_file"])
    )
    client = oci.identity.IdentityClient(
        config, signer=signer, service_endpoint=region.endpoint, retry_strategy=oci.retry.NoneRetryStrategy()
    )
    with refused(404, "NotAuthorizedOrNotFound"):
        client.list_compartments(region.tenancy_id)


def test_what_is_made_gets_default_tags(region: Any) -> None:
    vcns = region.client(oci.core.VirtualNetworkClient)
    details = oci.core.models.CreateVcnDetails(compartment_id=region.compartment_id, cidr_blocks=["10.0.0.0/16"])
    tags = vcns.create_vcn(details).data.defined_tags
    assert tags["Oracle-Tags"]["CreatedBy"] == "operator"
    assert set(tags["Oracle-Tags"]) == {"CreatedBy", "CreatedOn"}


def test_defined_tags_need_their_namespace(region: Any, identity: Any, refused: Any) -> None:
    vcns = region.client(oci.core.VirtualNetworkClient)

    def create(**tags: str) -> Any:
        details = oci.core.models.CreateVcnDetails(
            compartment_id=region.compartment_id, cidr_blocks=["10.0.0.0/16"], defined_tags={"cost": tags}
        )
        return vcns.create_vcn(details).data

    with refused(400, "RelatedResourceNotAuthorizedOrNotFound", "TagNamespace cost"):
        create(centre="42")
    namespace = identity.create_tag_namespace(
        m.CreateTagNamespaceDetails(compartment_id=region.tenancy_id, name="cost", description="d")
    ).data
    with refused(400, "RelatedResourceNotAuthorizedOrNotFound", "centre"):
        create(centre="42")
    values = m.EnumTagDefinitionValidator(values=["42", "43"])
    identity.create_tag(namespace.id, m.CreateTagDetails(name="centre", description="d", validator=values))
    assert create(centre="42").defined_tags["cost"] == {"centre": "42"}
    with refused(400, "InvalidParameter"):
        create(centre="44")
    identity.update_tag(namespace.id, "centre", m.UpdateTagDetails(is_retired=True))
    with refused(400, "RelatedResourceNotAuthorizedOrNotFound"):
        create(centre="43")


def test_limits_of_tags_and_names(region: Any, refused: Any) -> None:
    vcns = region.client(oci.core.VirtualNetworkClient)
    for code, values in (
        ("LimitExceeded", {"freeform_tags": {str(number): "x" for number in range(11)}}),
        ("InvalidParameter", {"freeform_tags": {"k" * 101: "x"}}),
        ("InvalidParameter", {"freeform_tags": {"k": "x" * 257}}),
        ("InvalidParameter", {"display_name": "n" * 256}),
    ):
        with refused(400, code):
            vcns.create_vcn(
                oci.core.models.CreateVcnDetails(
                    compartment_id=region.compartment_id, cidr_blocks=["10.0.0.0/16"], **values
                )
            )


SKE = (
    f"define tenancy ske as {policies.SKE_TENANCY}",
    f"define compartment ske_compartment as {policies.SKE_COMPARTMENT}",
    *(
        "endorse any-user to associate compute-container-instances in compartment ske_compartment of tenancy ske with"
        f" {joined} in tenancy where ALL {{request.principal.type='virtualnode',"
        f"request.operation='CreateContainerInstance'{own}}}"
        for joined, own in (
            ("subnets", ",request.principal.subnet=2.subnet.id"),
            ("vnics", ",request.principal.subnet=2.subnet.id"),
            ("network-security-group", ""),
        )
    ),
)
"""As Oracle's documentation has them: evidence/oke-11."""


def test_virtual_nodes_need_a_policy_of_the_root_compartment(region: Any, identity: Any, refused: Any) -> None:
    def missing(**options: Any) -> list[str]:
        region.settle()

        async def asked() -> list[str]:
            return region.inner.iam.missing_for_virtual_nodes("ocid1.subnet.x", region.compartment_id, **options)

        return region.run(asked())

    def policy(*statements: str, place: str = region.tenancy_id) -> Any:
        details = m.CreatePolicyDetails(
            compartment_id=place, name=f"ske{len(statements)}", description="d", statements=list(statements)
        )
        return identity.create_policy(details).data

    assert missing() == ["subnets", "vnics", "network-security-group"]
    with refused(400, "InvalidParameter", "root compartment"):
        policy(*SKE, place=region.compartment_id)
    with refused(400, "InvalidParameter", "ske_compartment is not defined"):
        policy(SKE[0], *SKE[2:])
    partly = policy(*SKE[:4])
    assert missing() == ["network-security-group"]
    assert missing(groups=False) == []
    whole = policy(*SKE)
    assert missing() == []
    identity.delete_policy(whole.id)
    identity.delete_policy(partly.id)
    other = [text.replace(policies.SKE_TENANCY, policies.SKE_TENANCY.replace("aaaa", "bbbb")) for text in SKE]
    policy(*other)
    assert missing() == ["subnets", "vnics", "network-security-group"]


def test_what_a_body_names_the_caller_must_have_the_right_to_use(
    region: Any, identity: Any, refused: Any, tmp_path: Path
) -> None:
    core = oci.core.models
    mine, theirs = (compartment(region, identity, name) for name in ("mine", "theirs"))
    user = identity.create_user(m.CreateUserDetails(compartment_id=region.tenancy_id, name="u", description="d")).data
    group = identity.create_group(
        m.CreateGroupDetails(compartment_id=region.tenancy_id, name="g", description="d")
    ).data
    identity.add_user_to_group(m.AddUserToGroupDetails(user_id=user.id, group_id=group.id))
    statement = "allow group g to manage virtual-network-family in compartment mine"
    identity.create_policy(policy(region, statement))
    region.settle()

    async def principal() -> policies.Principal:
        found: policies.Principal = region.inner.services["identity"].users.principal(user.id)
        return found

    config = oci.config.from_file(str(region.session(region.run(principal()), tmp_path / "session")))
    key = oci.signer.load_private_key_from_file(config["key_file"])
    signer = oci.auth.signers.SecurityTokenSigner(Path(config["security_token_file"]).read_text(), key)
    vcns = oci.core.VirtualNetworkClient(
        config, signer=signer, service_endpoint=region.endpoint, retry_strategy=oci.retry.NoneRetryStrategy()
    )
    operator = region.client(oci.core.VirtualNetworkClient)

    def vcn(client: Any, place: str) -> Any:
        return client.create_vcn(core.CreateVcnDetails(compartment_id=place, cidr_blocks=["10.0.0.0/16"])).data.id

    def subnet(vcn_id: str, cidr: str, **values: Any) -> Any:
        return core.CreateSubnetDetails(compartment_id=mine, vcn_id=vcn_id, cidr_block=cidr, **values)

    own, foreign = vcn(vcns, mine), vcn(operator, theirs)
    vcns.create_subnet(subnet(own, "10.0.1.0/24"))
    table = operator.get_vcn(foreign).data.default_route_table_id
    for attempt in (
        lambda: vcns.create_subnet(subnet(foreign, "10.0.2.0/24")),
        lambda: vcns.create_subnet(subnet(own, "10.0.2.0/24", route_table_id=table)),
        lambda: vcns.change_vcn_compartment(own, core.ChangeVcnCompartmentDetails(compartment_id=theirs)),
    ):
        with refused(404, "NotAuthorizedOrNotFound"):
            attempt()
    assert operator.get_vcn(own).data.compartment_id == mine
