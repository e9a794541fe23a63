# SPDX-License-Identifier: GPL-3.0-or-later
"""Log groups and logs, and limits, through the SDK's own clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import oci
import pytest
from oci.limits import LimitsClient
from oci.logging import LoggingManagementClient, models

from localregion.settings import AVAILABILITY_DOMAIN
from localregion.testing import Region
from tests.unit.localregion.support import Net, make_vault, refused


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with Region.started(tmp_path_factory.mktemp("region")) as started:
        yield started


@pytest.fixture(scope="module")
def logs(region: Region) -> Any:
    return region.client(LoggingManagementClient)


@pytest.fixture(scope="module")
def subnet(region: Region) -> Any:
    return Net(region).subnet("10.0.1.0/24", "logged")


def make_group(region: Region, name: str) -> str:
    client = region.client(LoggingManagementClient)
    answer = client.create_log_group(
        models.CreateLogGroupDetails(compartment_id=region.compartment_id, display_name=name)
    )
    region.settle()
    request = client.get_work_request(answer.headers["opc-work-request-id"]).data
    assert (request.status, request.operation_type) == ("SUCCEEDED", "CREATE_LOG_GROUP")
    return str(request.resources[0].identifier)


def flow_log(name: str, resource: str, **values: Any) -> Any:
    source = models.OciService(
        service=values.pop("service", "flowlogs"),
        resource=resource,
        category=values.pop("category", "subnet"),
        parameters=values.pop("parameters", None),
    )
    details = {"display_name": name, "log_type": "SERVICE", "configuration": models.Configuration(source=source)}
    return models.CreateLogDetails(**(details | values))


def make_log(region: Region, group: str, details: Any) -> Any:
    client = region.client(LoggingManagementClient)
    answer = client.create_log(group, details)
    region.settle()
    request = client.get_work_request(answer.headers["opc-work-request-id"]).data
    assert request.status == "SUCCEEDED"
    made = {(row.entity_type, row.action_type): row.identifier for row in request.resources}
    assert made["loggroup", "RELATED"] == group
    return client.get_log(group, made["log", "CREATED"]).data


def test_log_groups(region: Region, logs: Any) -> None:
    group = make_group(region, "site")
    found = logs.get_log_group(group).data
    assert (found.display_name, found.lifecycle_state) == ("site", "ACTIVE")
    with refused(409, "Conflict"):
        make_group(region, "site")
    logs.update_log_group(group, models.UpdateLogGroupDetails(display_name="renamed", freeform_tags={"a": "b"}))
    region.settle()
    assert [each.display_name for each in logs.list_log_groups(region.compartment_id).data] == ["renamed"]
    below = logs.list_log_groups(region.tenancy_id, is_compartment_id_in_subtree=True).data
    assert [each.id for each in below] == [group]
    assert logs.list_log_groups(region.tenancy_id).data == []
    with refused(400, "MissingParameter"):
        logs.change_log_group_compartment(group, models.ChangeLogGroupCompartmentDetails())
    logs.delete_log_group(group)
    region.settle()
    with refused(404, "NotAuthorizedOrNotFound"):
        logs.get_log_group(group)


def test_flow_logs(region: Region, logs: Any, subnet: Any) -> None:
    group = make_group(region, "flows")
    log = make_log(region, group, flow_log("lb", subnet.id))
    assert (log.lifecycle_state, log.retention_duration, log.configuration.source.resource) == ("ACTIVE", 30, subnet.id)
    with refused(409, "Conflict"):  # the subnet is logged already
        logs.create_log(group, flow_log("again", subnet.id))
    with refused(409, "Conflict"):  # the name is taken
        logs.create_log(group, flow_log("lb", subnet.id, category="all"))
    with refused(409, "Conflict"):
        logs.delete_log_group(group)
    with refused(409, "Conflict"):  # by the older word as well
        logs.create_log(group, flow_log("again", subnet.id, category="all"))
    assert [each.id for each in logs.list_logs(group, source_resource=subnet.id).data] == [log.id]
    assert [each.id for each in logs.list_logs(group, display_name="lb", log_type="SERVICE").data] == [log.id]
    assert logs.list_logs(group, source_service="loadbalancer").data == []
    logs.update_log(group, log.id, models.UpdateLogDetails(is_enabled=False, retention_duration=90))
    region.settle()
    off = logs.get_log(group, log.id).data
    assert (off.lifecycle_state, off.is_enabled, off.retention_duration) == ("INACTIVE", False, 90)
    gone = models.ChangeLogLogGroupDetails(target_log_group_id="ocid1.loggroup.oc1..none")
    with refused(400, "RelatedResourceNotAuthorizedOrNotFound"):
        logs.change_log_log_group(group, log.id, gone)
    with refused(400, "MissingParameter"):
        logs.change_log_log_group(group, log.id, models.ChangeLogLogGroupDetails())
    other = make_group(region, "others")
    logs.change_log_log_group(group, log.id, models.ChangeLogLogGroupDetails(target_log_group_id=other))
    region.settle()
    assert logs.get_log(other, log.id).data.log_group_id == other
    with refused(404, "NotAuthorizedOrNotFound"):
        logs.get_log(group, log.id)
    logs.delete_log(other, log.id)
    region.settle()
    logs.delete_log_group(group)


@pytest.mark.parametrize(
    ("details", "code"),
    [
        (models.CreateLogDetails(display_name="x", log_type="SERVICE"), "MissingParameter"),
        (flow_log("x", "ocid1.subnet.oc1..none"), "RelatedResourceNotAuthorizedOrNotFound"),
        (flow_log("x", "ocid1.subnet.oc1..none", category="some"), "InvalidParameter"),
        (models.CreateLogDetails(display_name="x", log_type="CUSTOM", retention_duration=31), "InvalidParameter"),
        (flow_log("x", "ocid1.loadbalancer.oc1..x", service="loadbalancer", category="audit"), "InvalidParameter"),
        (flow_log("x", "ocid1.cluster.oc1..x", service="nothing", category="all"), "InvalidParameter"),
    ],
)
def test_a_log_that_cannot_be_is_refused(region: Region, logs: Any, details: Any, code: str) -> None:
    groups = logs.list_log_groups(region.compartment_id, display_name="refusals").data
    group = groups[0].id if groups else make_group(region, "refusals")
    with refused(400, code):
        logs.create_log(group, details)


def test_flow_logs_of_a_vcn_name_a_vcn(region: Region, logs: Any, subnet: Any) -> None:
    group = make_group(region, "kinds")
    with refused(400, "InvalidParameter"):
        logs.create_log(group, flow_log("x", subnet.id, category="vcn"))
    assert make_log(region, group, flow_log("x", subnet.vcn_id, category="vcn")).lifecycle_state == "ACTIVE"


def test_a_flow_log_takes_a_capture_filter_for_flow_logs(region: Region, logs: Any) -> None:
    net = Net(region, "10.9.0.0/16", "filtered")
    logged, group = net.subnet("10.9.0.0/24", "filtered"), make_group(region, "filtered")
    core = oci.core.models

    def capture_filter(kind: str, **rules: Any) -> str:
        details = core.CreateCaptureFilterDetails(
            compartment_id=region.compartment_id, filter_type=kind, display_name=kind, **rules
        )
        made = net.client.create_capture_filter(details).data
        region.settle()
        return str(made.id)

    mirror = capture_filter("VTAP", vtap_capture_filter_rules=[core.VtapCaptureFilterRuleDetails(
        traffic_direction="INGRESS")])  # fmt: skip
    flows = capture_filter("FLOWLOG", flow_log_capture_filter_rules=[core.FlowLogCaptureFilterRuleDetails(
        is_enabled=True, priority=1, sampling_rate=1)])  # fmt: skip
    for code, parameters in (
        ("InvalidParameter", {"capture_filter": mirror}),
        ("RelatedResourceNotAuthorizedOrNotFound", {"capture_filter": logged.id}),
        ("InvalidParameter", {"sampling": "1"}),
    ):
        with refused(400, code):
            logs.create_log(group, flow_log("x", logged.id, parameters=parameters))
    log = make_log(region, group, flow_log("x", logged.id, parameters={"capture_filter": flows}))
    assert log.configuration.source.parameters == {"capture_filter": flows}

    def update(parameters: dict[str, str]) -> None:
        source = models.SourceUpdateDetails(parameters=parameters)
        configuration = models.UpdateConfigurationDetails(source=source)
        logs.update_log(group, log.id, models.UpdateLogDetails(configuration=configuration))
        region.settle()

    with refused(400, "InvalidParameter"):
        update({"capture_filter": mirror})
    update({})
    now = logs.get_log(group, log.id).data.configuration
    assert (now.source.parameters, now.source.category) == ({}, "subnet")


def test_services_that_log(logs: Any) -> None:
    found = {service.name: service for service in logs.list_services().data}
    assert "flowlogs" in found


def test_limits(region: Region) -> None:
    limits = region.client(LimitsClient)
    assert "container-engine" in [service.name for service in limits.list_services(region.tenancy_id).data]
    with refused(404, "NotAuthorizedOrNotFound"):
        limits.list_services(region.compartment_id)
    values = {limit.name: limit for limit in limits.list_limit_values(region.tenancy_id, "container-engine").data}
    assert values["cluster-count"].value == 15
    cores = limits.list_limit_values(region.tenancy_id, "compute", scope_type="AD").data
    assert {limit.availability_domain for limit in cores} == {AVAILABILITY_DOMAIN}
    definitions = limits.list_limit_definitions(region.tenancy_id, service_name="kms").data
    assert "vault-count" in [definition.name for definition in definitions]
    before = limits.get_resource_availability("kms", "vault-count", region.tenancy_id).data
    make_vault(region)
    after = limits.get_resource_availability("kms", "vault-count", region.tenancy_id).data
    assert (after.used, after.available) == (before.used + 1, before.available - 1)
    with refused(404, "NotAuthorizedOrNotFound"):
        limits.get_resource_availability("kms", "no-such-limit", region.tenancy_id)
