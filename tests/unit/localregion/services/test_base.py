"""What the framework does for all services: checks, retry tokens, etags, paging, faults, life over a restart."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import oci
import pytest
from oci.core import models as m

from localregion import settings as names
from localregion.testing import Region
from tests.unit.localregion.support import call_by_name


def details(region: Any, name: str = "net", cidr: str = "10.0.0.0/16", **values: Any) -> Any:
    return m.CreateVcnDetails(compartment_id=region.compartment_id, display_name=name, cidr_blocks=[cidr], **values)


def raw(region: Any, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """A signed call that the SDK itself would not make. Gives status and document."""
    signer = oci.Signer.from_config(region.config)
    import requests

    answer = requests.request(method, region.endpoint + path, auth=signer, data=body, headers=headers, timeout=10)
    return answer.status_code, answer.json()


NOT_WRITTEN = ("/20160918/drgs?compartmentId=x", "core.list_drgs")
"""A path and its operation that the region lacks. Once it has them, put another in their place."""


# checks


@pytest.mark.parametrize(
    ("body", "code", "word"),
    [
        ("{}", "MissingParameter", "compartmentId"),
        ('{"compartmentId": 1}', "InvalidParameter", "compartmentId must be a string"),
        ('{"compartmentId": "x", "cidrBlocks": "10.0.0.0/16"}', "InvalidParameter", "cidrBlocks must be a list"),
        ('{"compartmentId": "x", "cidrBlocks": [1]}', "InvalidParameter", "cidrBlocks[0]"),
        ('{"compartmentId": "x", "colour": "red"}', "InvalidParameter", "colour"),
        ('{"compartmentId": "x", "isIpv6Enabled": "yes"}', "InvalidParameter", "isIpv6Enabled"),
        ('{"compartmentId": "x", "freeformTags": {"a": 1}}', "InvalidParameter", "freeformTags.a"),
        ("[]", "InvalidParameter", "must be an object"),
        ("", "MissingParameter", "compartmentId"),
        ("{", "CannotParseRequest", "JSON"),
    ],
)
def test_bodies_are_checked(region: Any, body: str, code: str, word: str) -> None:
    status, answer = raw(region, "POST", "/20160918/vcns", body)
    assert (status, answer["code"]) == (400, code)
    assert word in answer["message"]


def test_deep_fields_and_enums_are_checked(region: Any) -> None:
    start = f'{{"compartmentId": "{region.compartment_id}", "vcnId": "x", "routeRules": '
    for rules, word in (
        ('[{"destination": "0.0.0.0/0"}]}', "routeRules[0].networkEntityId"),
        ('[{"networkEntityId": "x", "destinationType": "HOST"}]}', "routeRules[0].destinationType must be one of"),
    ):
        status, answer = raw(region, "POST", "/20160918/routeTables", start + rules)
        assert status == 400
        assert word in answer["message"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/20160918/vcns", 400, "MissingParameter"),
        ("/20160918/vcns?compartmentId=x&colour=red", 400, "InvalidParameter"),
        ("/20160918/vcns?compartmentId=x&limit=many", 400, "InvalidParameter"),
        ("/20160918/vcns?compartmentId=x&sortOrder=UP", 400, "InvalidParameter"),
        ("/20160918/vcns?compartmentId=x", 404, "NotAuthorizedOrNotFound"),
        ("/20160918/vcns/ocid1.vcn.oc1.local-1.none", 404, "NotAuthorizedOrNotFound"),
        ("/20160918/networks", 404, "NotFound"),
        (NOT_WRITTEN[0], 501, "NotImplemented"),
    ],
)
def test_parameters_and_paths_are_checked(region: Any, path: str, status: int, code: str) -> None:
    answer = raw(region, "GET", path)
    assert (answer[0], answer[1]["code"]) == (status, code)


def test_methods_and_names(region: Any) -> None:
    assert raw(region, "PUT", "/20160918/vcns", "{}")[0] == 405
    _, answer = raw(region, "GET", NOT_WRITTEN[0])
    assert NOT_WRITTEN[1] in answer["message"]


def test_every_answer_has_a_request_id(region: Any, vcns: Any) -> None:
    answer = vcns.list_vcns(region.compartment_id)
    assert answer.headers["opc-request-id"].count("/") == 2
    assert region.calls[-1].request_id == answer.headers["opc-request-id"]
    refused = httpx.get(f"{region.endpoint}/20160918/vcns", trust_env=False)
    assert refused.headers["opc-request-id"]


# etags and retry tokens


def test_if_match(region: Any, vcns: Any, refused: Any) -> None:
    made = vcns.create_vcn(details(region))
    region.settle()
    before = vcns.get_vcn(made.data.id).headers["etag"]
    changed = vcns.update_vcn(made.data.id, m.UpdateVcnDetails(display_name="other"), if_match=before)
    assert changed.headers["etag"] != before
    with refused(412, "NoEtagMatch"):
        vcns.update_vcn(made.data.id, m.UpdateVcnDetails(display_name="third"), if_match=before)
    with refused(412, "NoEtagMatch"):
        vcns.delete_vcn(made.data.id, if_match=before)
    vcns.delete_vcn(made.data.id, if_match=changed.headers["etag"])


def test_a_retry_token_makes_one_resource(region: Any, vcns: Any, refused: Any) -> None:
    first = vcns.create_vcn(details(region), opc_retry_token="token")
    again = vcns.create_vcn(details(region), opc_retry_token="token")
    assert again.data.id == first.data.id
    assert len(vcns.list_vcns(region.compartment_id).data) == 1
    with refused(409, "InvalidatedRetryToken"):
        vcns.create_vcn(details(region, "other"), opc_retry_token="token")
    region.settle()
    vcns.delete_vcn(first.data.id)
    region.settle()
    with refused(409, "InvalidatedRetryToken"):
        vcns.create_vcn(details(region), opc_retry_token="token")
    assert vcns.create_vcn(details(region), opc_retry_token="token-2").data.id != first.data.id


def test_a_refused_call_does_not_spend_its_token(region: Any, vcns: Any, refused: Any) -> None:
    with refused(400, "InvalidParameter"):
        vcns.create_vcn(details(region, cidr="10.0.0.0/8"), opc_retry_token="token")
    assert vcns.create_vcn(details(region), opc_retry_token="token").status == 200


def test_the_same_token_at_the_same_time(region: Any) -> None:
    clients = [region.client(oci.core.VirtualNetworkClient) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda client: client.create_vcn(details(region), opc_retry_token="t").data.id, clients))
    assert len(set(made)) == 1


# lists


def test_lists_page_sort_and_filter(region: Any, vcns: Any, refused: Any) -> None:
    for number in range(5):
        vcns.create_vcn(details(region, f"net{4 - number}", f"10.{number}.0.0/16"))
    region.settle()

    def list_names(**values: Any) -> list[str]:
        found = oci.pagination.list_call_get_all_results(vcns.list_vcns, region.compartment_id, **values)
        return [vcn.display_name for vcn in found.data]

    assert list_names(limit=2) == ["net0", "net1", "net2", "net3", "net4"]  # the newest first
    assert list_names(sort_by="DISPLAYNAME", sort_order="DESC") == ["net4", "net3", "net2", "net1", "net0"]
    assert list_names(sort_by="TIMECREATED", sort_order="ASC") == ["net4", "net3", "net2", "net1", "net0"]
    assert list_names(display_name="net3") == ["net3"]
    assert list_names(lifecycle_state="TERMINATED") == []
    first = vcns.list_vcns(region.compartment_id, limit=2)
    assert first.has_next_page
    with refused(400, "InvalidParameter", "page"):
        vcns.list_vcns(region.compartment_id, limit=2, page="wrong")
    with refused(400, "InvalidParameter", "page"):
        vcns.list_vcns(region.compartment_id, display_name="net3", page=first.next_page)


# faults


def test_faults(region: Any, vcns: Any, refused: Any) -> None:
    region.faults.add("core.create_*", status=429, times=2, skip=1)
    vcns.create_vcn(details(region))
    for _ in range(2):
        with refused(429, "TooManyRequests"):
            vcns.create_vcn(details(region))
    vcns.create_vcn(details(region))
    assert region.count("core.create_vcn") == 4
    region.faults.add("core.list_vcns", delay=0.2)
    began = time.monotonic()
    assert len(vcns.list_vcns(region.compartment_id).data) == 2
    assert time.monotonic() - began >= 0.2


def test_dropped_answers(region: Any, vcns: Any) -> None:
    for when, made in (("before", 0), ("after", 1)):
        region.faults.add("core.create_vcn", drop=when)
        with pytest.raises(oci.exceptions.RequestException):
            vcns.create_vcn(details(region), opc_retry_token=when)
        assert len(vcns.list_vcns(region.compartment_id).data) == made
    vcns.create_vcn(details(region), opc_retry_token="after")
    assert len(vcns.list_vcns(region.compartment_id).data) == 1


def test_new_resources_can_be_hidden(region: Any, vcns: Any, refused: Any) -> None:
    region.faults.hidden = 0.5
    made = vcns.create_vcn(details(region)).data
    assert vcns.list_vcns(region.compartment_id).data == []
    with refused(404, "NotAuthorizedOrNotFound"):
        vcns.get_vcn(made.id)
    time.sleep(0.6)
    assert [vcn.id for vcn in vcns.list_vcns(region.compartment_id).data] == [made.id]


# time


def test_life_cycles_take_their_time(tmp_path: Path, refused: Any) -> None:
    with Region.started(tmp_path, minute=30.0) as region:
        vcns = region.client(oci.core.VirtualNetworkClient)
        made = vcns.create_vcn(details(region)).data
        answer = vcns.add_vcn_cidr(made.id, m.AddVcnCidrDetails(cidr_block="10.1.0.0/16"))
        assert vcns.get_vcn(made.id).data.lifecycle_state == "UPDATING"
        with refused(409, "IncorrectState", "AVAILABLE"):
            vcns.create_subnet(
                m.CreateSubnetDetails(compartment_id=region.compartment_id, vcn_id=made.id, cidr_block="10.0.0.0/24")
            )
        requests = region.client(oci.work_requests.WorkRequestClient)
        assert requests.get_work_request(answer.headers["opc-work-request-id"]).data.status == "ACCEPTED"
        region.settle()
        assert vcns.get_vcn(made.id).data.lifecycle_state == "AVAILABLE"


def test_a_restarted_region_goes_on(tmp_path: Path) -> None:
    with Region.started(tmp_path, minute=60.0) as region:
        vcns = region.client(oci.core.VirtualNetworkClient)
        made = vcns.create_vcn(details(region), opc_retry_token="token").data
        vcns.add_vcn_cidr(made.id, m.AddVcnCidrDetails(cidr_block="10.1.0.0/16"))
        etag = vcns.get_vcn(made.id).headers["etag"]
    with Region.started(tmp_path, minute=60.0) as region:
        vcns = region.client(oci.core.VirtualNetworkClient)
        found = vcns.get_vcn(made.id)
        assert found.data.lifecycle_state == "UPDATING"
        assert found.headers["etag"] == etag
        assert vcns.create_vcn(details(region), opc_retry_token="token").data.id == made.id
        region.settle()
        assert vcns.get_vcn(made.id).data.lifecycle_state == "AVAILABLE"


def test_calls_are_fast(region: Any, vcns: Any) -> None:
    made = vcns.create_vcn(details(region)).data
    region.forget_calls()
    for _ in range(100):
        vcns.get_vcn(made.id)
    taken = sorted(call.ms for call in region.calls)
    assert taken[len(taken) // 2] < 5


def test_the_log_tells_calls_without_bodies(region: Any, vcns: Any) -> None:
    vcns.create_vcn(details(region, "a name in a body"))
    text = (region.settings.logs_dir / "api.jsonl").read_text()
    assert '"core.create_vcn"' in text
    assert "a name in a body" not in text


@pytest.mark.parametrize(
    ("host", "method", "path", "status", "words"),
    [
        ("iaas.local-1.okestack.test", "GET", "/20160918/vcns?compartmentId=C", 200, ""),
        ("identity.local-1.oci.okestack.test", "GET", "/20160918/vcns?compartmentId=C", 404, "No operation is known"),
        ("iaas.local-1.okestack.test", "GET", "/20160918/workRequests?compartmentId=C", 200, ""),
        ("identity.local-1.oci.okestack.test", "GET", "/20160918/workRequests?compartmentId=C", 200, ""),
        ("query.local-1.oci.okestack.test", "POST", "/20180409/resources", 501, "resource_search.search_resources"),
        ("query.local-1.oci.okestack.test", "GET", "/20991231/new", 501, "GET /20991231/new of resource_search"),
        ("audit.local-1.okestack.test", "GET", "/20160918/vcns?compartmentId=C", 501, "audit"),
        ("artifacts.local-1.oci.okestack.test", "GET", "/20160918/repositories?compartmentId=C", 501, "artifacts.list"),
        ("artifacts.local-1.oci.okestack.test", "GET", "/20160918/container/configuration?compartmentId=T", 200, ""),
        ("mysql.local-1.ocp.okestack.test", "GET", "/20991231/new", 404, "No operation is known"),
        ("nobody.local-1.okestack.test", "GET", "/20160918/vcns?compartmentId=C", 200, ""),
    ],
)  # fmt: skip
def test_a_service_called_by_its_name_answers_for_itself(
    region: Any, host: str, method: str, path: str, status: int, words: str
) -> None:
    path = path.replace("=C", f"={region.compartment_id}").replace("=T", f"={names.TENANCY_ID}")
    answer = call_by_name(region, host, method, path, {} if method == "POST" else None)
    assert answer.status_code == status, answer.text
    assert words in answer.text


def test_no_body_is_an_empty_one(region: Any) -> None:
    """Oracle's SDK for TypeScript sends nothing where others send `{}`."""
    assert raw(region, "POST", "/20160918/vcns", "") == raw(region, "POST", "/20160918/vcns", "{}")
    assert raw(region, "POST", "/20160918/vcns", "")[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/20180409/resources?limit=3", "resource_search.search_resources"),
        ("GET", "/20190901/auditEvents?compartmentId=x", "audit.list_events"),
        ("GET", "/20160918/instances?compartmentId=x", "core.list_instances"),
        ("POST", "/20160918/vnicAttachments", "core.attach_vnic"),
        ("DELETE", "/20160918/vnicAttachments/x", "core.detach_vnic"),
    ],
)
def test_an_operation_that_the_region_lacks_says_so_by_its_name(
    region: Any, method: str, path: str, operation: str
) -> None:
    status, answer = raw(region, method, path, "{}" if method == "POST" else None)
    assert (status, answer["code"]) == (501, "NotImplemented")
    assert operation in answer["message"]


@pytest.mark.parametrize(
    "body",
    [
        "[" * 500 + "]" * 500,
        "[" * 100_000,
        '{"compartmentId": "x", "displayName": "\\ud800"}',
        '{"compartmentId": "x", "\\udfff": 1}',
        '{"compartmentId": NaN}',
        '{"compartmentId": 1e999}',
        '{"compartmentId": ' + "9" * 5000 + "}",
        '{"compartmentId": ' + "9" * 30 + "}",
        b"\xff\xfe",
    ],
    ids=repr,
)
def test_what_is_no_json_that_can_be_kept_is_refused(region: Any, body: Any) -> None:
    for path in ("/20160918/vcns", "/v1/x509"):
        status, answer = raw(region, "POST", path, body)
        assert (status, answer["code"]) == (400, "CannotParseRequest"), path
