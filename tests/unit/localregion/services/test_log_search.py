"""Flow logs written, and found again by searches."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from oci.logging import LoggingManagementClient
from oci.logging import models as m
from oci.loggingsearch import LogSearchClient
from oci.loggingsearch.models import SearchLogsDetails

from localregion.backends.flow_records import Flow
from localregion.host.netfilter import Tuple
from localregion.services import lookup
from tests.unit.localregion.support import Net

NOW = dt.datetime.now(dt.UTC)


def search(region: Any, query: str, days: float = 1, **options: Any) -> Any:
    details = SearchLogsDetails(
        time_start=NOW - dt.timedelta(days=days), time_end=NOW + dt.timedelta(hours=1), search_query=query,
        is_return_field_info=True,
    )  # fmt: skip
    return region.client(LogSearchClient).search_logs(details, **options)


@pytest.fixture
def written(region: Any) -> str:
    """A flow log of a subnet in which two flows of a VNIC stand; the scope that names it."""
    net = Net(region)
    subnet = net.subnet("10.0.4.0/24", "pods")
    attach = lookup.network(region.inner).vnics.attach(subnet_id=subnet.id, display_name="pod", owner_id="test")
    vnic = region.run(attach)
    logs = region.client(LoggingManagementClient)
    logs.create_log_group(m.CreateLogGroupDetails(compartment_id=region.compartment_id, display_name="net"))
    region.settle()
    (group,) = logs.list_log_groups(region.compartment_id).data
    source = m.OciService(service="flowlogs", resource=subnet.id, category="subnet")
    details = m.CreateLogDetails(
        display_name="pods", log_type="SERVICE", configuration=m.Configuration(source=source), is_enabled=True
    )
    logs.create_log(group.id, details)
    region.settle()
    service = region.inner.services["logging"]
    at = NOW.timestamp() - 60
    flows = [
        Flow(vnic.private_ip, Tuple(vnic.private_ip, "192.0.2.7", 6, 40000, 443), "ACCEPT", 9, 900, at, at + 1),
        Flow(vnic.private_ip, Tuple("192.0.2.9", vnic.private_ip, 6, 5, 22), "REJECT", 1, 60, at + 2, at + 2),
        Flow("10.0.9.9", Tuple("10.0.9.9", "192.0.2.9", 6, 5, 22), "REJECT", 1, 60, at, at),
    ]
    vnics = {one.doc["privateIp"]: one for one in region.inner.store.select("network", "vnic")}
    service._flow_logs.write(region.inner.store.select("logging", "log"), vnics, flows)
    return f"{region.compartment_id}/net/pods"


def test_records_are_found(region: Any, written: str) -> None:
    answer = search(region, f"search \"{written}\" | where data.action = 'REJECT' | sort by datetime desc").data
    (found,) = answer.results
    content = found.data["logContent"]
    assert (content["data"]["sourceAddress"], content["data"]["destinationPort"]) == ("192.0.2.9", 22)
    assert content["type"] == "com.oraclecloud.vcn.flowlogs.DataEvent"
    assert content["oracle"]["vnicocid"].startswith("ocid1.vnic.") and content["data"]["version"] == "2"
    assert answer.summary.result_count == 1
    place = written.partition("/")[0]
    rows = search(region, f'search "{place}" | summarize sum(data.packets) as n by data.action | sort by n').data
    assert [row.data for row in rows.results] == [{"data.action": "REJECT", "n": 1}, {"data.action": "ACCEPT", "n": 9}]
    assert {each.field_name: each.field_type for each in rows.fields} == {"data.action": "STRING", "n": "NUMBER"}
    first = search(region, f'search "{place}"', limit=1)
    again = search(region, f'search "{place}"', limit=1, page=first.headers["opc-next-page"])
    assert [each.data.results[0].data["logContent"]["data"]["action"] for each in (first, again)] == [
        "REJECT",
        "ACCEPT",
    ]


def test_searches_that_are_refused(region: Any, written: str, refused: Any) -> None:
    for query, days, status, code, words in (
        (f'search "{written}"', 15, 400, "CannotParseRequest", "14 days"),
        (f'search "{written}" | where', 1, 400, "CannotParseRequest", "expected a field"),
        (f'search "{written}" | dedup data.action', 1, 501, "NotImplemented", "dedup"),
        ('search "ocid1.compartment.none"', 1, 404, "NotAuthorizedOrNotFound", ""),
        (f'search "{written}x"', 1, 404, "NotAuthorizedOrNotFound", ""),
    ):
        with refused(status, code, words):
            search(region, query, days)


def test_a_log_that_is_deleted_takes_its_entries_along(region: Any, written: str) -> None:
    (log,) = region.inner.store.select("logging", "log")
    content = region.inner.services["logging"].content
    assert len(list(content.between(log.id, 0, 2**60))) == 2
    region.client(LoggingManagementClient).delete_log(log.parent, log.id)
    assert list(content.between(log.id, 0, 2**60)) == []
