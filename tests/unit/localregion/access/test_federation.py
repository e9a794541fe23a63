"""Machines and resources that sign in as themselves: metadata, the auth service, dynamic groups."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import oci
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from oci.auth.federation_client import AuthTokenRequestSigner
from oci.identity import models as m

from localregion.access import policies
from localregion.core.errors import ServiceError
from localregion.host.pki import Authority, new_key, public_key_pem
from localregion.settings import COMPARTMENT_ID, INSTANCE_ID, TENANCY_ID

BEARER = {"Authorization": "Bearer Oracle"}


def metadata(region: Any, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.get(f"{region.metadata_url}/{path}", headers=BEARER if headers is None else headers)


# --- metadata ----------------------------------------------------------------------------------------------------


def test_metadata_tells_what_the_instance_is(region: Any) -> None:
    whole = metadata(region, "instance/").json()
    assert (whole["id"], whole["compartmentId"], whole["region"]) == (INSTANCE_ID, COMPARTMENT_ID, "local-1")
    assert metadata(region, "instance/id").text == INSTANCE_ID
    assert metadata(region, "instance/region").text == "local-1"
    assert metadata(region, "instance/regionInfo/regionKey").text == "LCL"
    assert metadata(region, "instance/regionInfo").json()["realmKey"] == "oc99"
    for nowhere in ("instance/none", "instance/id/more", "identity/none.pem", "vnics/"):
        assert metadata(region, nowhere).status_code == 404
    old = httpx.get(region.metadata_url.replace("/v2", "/v1") + "/instance/", headers=BEARER)
    assert old.status_code == 404, "version 1 is switched off"


FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host")


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer other"}, *({**BEARER, name: "a"} for name in FORWARDED)], ids=str
)
def test_metadata_is_for_the_instance_alone(region: Any, headers: dict[str, str]) -> None:
    for path in ("instance/id", "identity/key.pem"):
        answer = metadata(region, path, headers)
        assert answer.status_code == 403 and "PRIVATE" not in answer.text


def test_the_instances_certificate_names_it(region: Any) -> None:
    certificate = x509.load_pem_x509_certificate(metadata(region, "identity/cert.pem").content)
    assert oci.auth.auth_utils.get_tenancy_id_from_certificate(certificate) == TENANCY_ID
    units = {str(unit.value) for unit in certificate.subject}
    assert {f"opc-instance:{INSTANCE_ID}", f"opc-compartment:{COMPARTMENT_ID}"} < units
    intermediate = x509.load_pem_x509_certificate(metadata(region, "identity/intermediate.pem").content)
    certificate.verify_directly_issued_by(intermediate)
    assert metadata(region, "identity/cert.pem").content == metadata(region, "identity/cert.pem").content


# --- the auth service --------------------------------------------------------------------------------------------


class Request:
    """A request for a token, whose parts a test may spoil."""

    def __init__(self, region: Any) -> None:
        self.region = region
        self.certificate = metadata(region, "identity/cert.pem").content
        self.key: Any = serialization.load_pem_private_key(metadata(region, "identity/key.pem").content, None)
        self.tenancy = TENANCY_ID
        self.session = public_key_pem(new_key("rsa"))
        self.more: dict[str, Any] = {}

    def get_private_key(self) -> Any:
        """As the SDK's signer asks for it."""
        return self.key

    def send(self) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        certificate = x509.load_pem_x509_certificate(self.certificate)
        mark = ":".join(f"{byte:02X}" for byte in certificate.fingerprint(hashes.SHA1()))
        der = certificate.public_bytes(serialization.Encoding.DER)
        public = "".join(self.session.decode().splitlines()[1:-1])
        body = {"certificate": base64.b64encode(der).decode(), "publicKey": public, **self.more}
        requests = oci._vendor.requests
        answer = requests.post(
            f"{self.region.endpoint}/v1/x509",
            json={name: value for name, value in body.items() if value is not None},
            auth=AuthTokenRequestSigner(self.tenancy, mark, self),
        )
        return answer.status_code, answer.json()


def test_an_instance_gets_a_token_for_its_session_key(region: Any) -> None:
    status, body = Request(region).send()
    principal, _, _ = region.inner.tokens.read(body["token"])
    assert (status, principal.type, principal.id) == (200, "instance", INSTANCE_ID)
    assert region.calls[-1].operation == "auth.get_security_token" and region.calls[-1].principal == INSTANCE_ID


def test_who_is_no_instance_gets_none(region: Any, tmp_path: Path) -> None:
    stranger = Request(region)
    stranger.key = new_key("rsa")
    assert stranger.send()[0] == 401
    assert region.calls[-1].reason == "the signature does not fit"

    elsewhere = Request(region)
    elsewhere.tenancy = "ocid1.tenancy.oc1..other"
    assert elsewhere.send()[0] == 401

    forged = Request(region)
    forged.key = new_key("rsa")
    units = [f"opc-tenant:{TENANCY_ID}", f"opc-instance:{INSTANCE_ID}"]
    forged.certificate = Authority.load_or_create(tmp_path, "other").sign(forged.key, "forged", units=units)
    assert forged.send()[0] == 401
    assert "authority" in region.calls[-1].reason

    server = Request(region)
    server.key = new_key("rsa")
    server.certificate = region.inner.federation._authority().sign(server.key, "server")
    assert server.send()[0] == 401
    assert "no instance" in region.calls[-1].reason

    replayed = Request(region)
    status, _ = replayed.send()
    assert status == 200
    assert httpx.post(f"{region.endpoint}/v1/x509", json={}).status_code in (400, 401), "unsigned"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"publicKey": None}, "publicKey"),
        ({"certificate": None}, "certificate"),
        ({"certificate": "bm90aGluZw=="}, "certificate"),
        ({"publicKey": "bm90aGluZw=="}, "publicKey"),
    ],
    ids=str,
)
def test_a_bad_request_for_a_token_is_told(region: Any, more: dict[str, Any], message: str) -> None:
    request = Request(region)
    request.more = more
    status, body = request.send()
    assert status == 400 and message in body["message"]


# --- dynamic groups ----------------------------------------------------------------------------------------------

HERE = "ocid1.compartment.oc1..c"
PRINCIPALS = {
    "machine": policies.instance("ocid1.instance.oc1..a", HERE),
    "function": policies.resource_principal("fnfunc", "ocid1.fnfunc.oc1..f", HERE),
    "pod": policies.workload(cluster_id="k", namespace="n", service_account="s", compartment_id=HERE),
    "user": policies.Principal("user", "ocid1.user.oc1..u"),
}


@pytest.mark.parametrize(
    ("rule", "members"),
    [
        (f"instance.compartment.id = '{HERE}'", {"machine"}),
        (f"ALL {{instance.id = 'ocid1.instance.oc1..a', instance.compartment.id = '{HERE}'}}", {"machine"}),
        ("All {instance.id = 'ocid1.instance.oc1..a', instance.compartment.id = 'other'}", set()),
        ("Any {instance.id = 'ocid1.instance.oc1..b', resource.type = 'fnfunc'}", {"function"}),
        (
            f"ANY {{ALL {{resource.type='fnfunc', resource.compartment.id='{HERE}'}}, instance.id != 'x'}}",
            {"machine", "function"},
        ),
        ("resource.id = 'k/n/s'", set()),
    ],
)
def test_a_matching_rule_says_who_is_in_a_dynamic_group(rule: str, members: set[str]) -> None:
    holds = policies.parse_rule(rule)
    asked = {name: principal.rule_variables() for name, principal in PRINCIPALS.items()}
    assert {name for name, variables in asked.items() if variables and holds(variables)} == members


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ("", 400),
        ("all", 400),
        ("request.user.id = 'x'", 400),
        ("instance.idx = 'x'", 400),
        ("instance.id = 'x' or", 400),
        ("ALL {instance.id = 'x'", 400),
        ("tag.team.name.value = 'x'", 501),
    ],
)
def test_a_rule_that_is_none_is_refused(rule: str, status: int) -> None:
    with pytest.raises(ServiceError) as refusal:
        policies.parse_rule(rule)
    assert refusal.value.status == status


def test_a_dynamic_group_is_granted_something(region: Any, identity: Any, refused: Any, tmp_path: Path) -> None:
    statement = "Allow dynamic-group Deployers to read vcns in compartment okestack"
    policy = m.CreatePolicyDetails(
        compartment_id=region.compartment_id, name="dynamic", description="d", statements=[statement]
    )
    with refused(400, "InvalidParameter", "dynamic-group Deployers"):
        identity.create_policy(policy)
    rule = f"ALL {{instance.compartment.id = '{region.compartment_id}'}}"
    details = m.CreateDynamicGroupDetails(
        compartment_id=region.tenancy_id, name="Deployers", description="d", matching_rule=rule
    )
    with refused(400, "InvalidParameter", "root compartment"):
        identity.create_dynamic_group(
            m.CreateDynamicGroupDetails(
                compartment_id=region.compartment_id, name="Deployers", description="d", matching_rule=rule
            )
        )
    group = identity.create_dynamic_group(details).data
    with refused(409, "DynamicGroupAlreadyExists"):
        identity.create_dynamic_group(details)
    assert [one.id for one in identity.list_dynamic_groups(region.tenancy_id, name="Deployers").data] == [group.id]
    identity.create_policy(policy)
    region.settle()
    config = oci.config.from_file(str(region.session(policies.instance(INSTANCE_ID, region.compartment_id), tmp_path)))
    signer = oci.auth.signers.SecurityTokenSigner(
        Path(config["security_token_file"]).read_text(), oci.signer.load_private_key_from_file(config["key_file"])
    )
    vcns = oci.core.VirtualNetworkClient({}, signer=signer, service_endpoint=region.endpoint)
    assert vcns.list_vcns(region.compartment_id).data == []
    with refused(404, "NotAuthorizedOrNotFound"):
        vcns.create_vcn(m_core(region))
    identity.update_dynamic_group(group.id, m.UpdateDynamicGroupDetails(matching_rule="instance.id = 'another'"))
    region.settle()
    with refused(404, "NotAuthorizedOrNotFound"):
        vcns.list_vcns(region.compartment_id)
    identity.update_dynamic_group(group.id, m.UpdateDynamicGroupDetails(matching_rule=rule))
    region.settle()
    assert vcns.list_vcns(region.compartment_id).data == []
    identity.delete_dynamic_group(group.id)
    region.settle()
    with refused(404, "NotAuthorizedOrNotFound"):
        vcns.list_vcns(region.compartment_id)


def m_core(region: Any) -> Any:
    return oci.core.models.CreateVcnDetails(compartment_id=region.compartment_id, cidr_blocks=["10.0.0.0/16"])
