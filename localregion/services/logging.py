# SPDX-License-Identifier: GPL-3.0-or-later
"""The Logging service: log groups and logs. Flow logs are written (`flow_logs`); logs of other services and custom ones
stay empty.

Every write is a work request, and its answer names no resource. As in the cloud a log belongs to a group, in whose path
alone it is found, and a subnet, VCN or VNIC has one flow log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from localregion import ocids
from localregion.core.errors import conflict, incorrect_state, invalid, missing, not_found, related_not_found
from localregion.core.store import Document, Record
from localregion.services.base import Service
from localregion.services.flow_logs import CAPTURE_FILTER, SERVICE, FlowLogs
from localregion.services.lists import in_subtree
from localregion.services.log_content import LogContent
from localregion.services.registration import operation, step
from localregion.services.resources import SECOND, Call, Kind, Reply
from localregion.services.work_requests import WorkRequest, WorkRequestForm

if TYPE_CHECKING:
    from localregion.services.context import Context

_TIME = 5 * SECOND
_CATEGORIES = {"vcn": "vcn", "subnet": "subnet", "vnic": "vnic", "all": "subnet"}
"""Categories of flow logs and the kind of resource each is for (`all`: the older word, for subnets)."""


class Logging(Service):
    """Log groups and logs."""

    name = "logging"
    package = "logging"
    kinds = (
        Kind(
            "log_group",
            model="LogGroup",
            resource="log-groups",
            remember=None,
            operations=("get",),
            start=ocids.TENANCY,
        ),
        Kind("log", model="Log", resource="log-groups", remember=None, operations=(), start=ocids.TENANCY),
    )
    work_request_form = WorkRequestForm("logworkrequest")
    access = {
        "list_services": ("inspect", "log-groups"),
        "get_work_request": ("read", "log-groups"),
        "list_work_requests": ("inspect", "log-groups"),
        "list_work_request_errors": ("inspect", "log-groups"),
        "list_work_request_logs": ("inspect", "log-groups"),
    }

    def __init__(self, region: Context) -> None:
        super().__init__(region)
        self.content = LogContent(region.settings.state / "logs")
        self._flow_logs = FlowLogs(region, self.content)

    async def resume(self) -> None:
        """Write the flow logs that are on."""
        await super().resume()
        self._flow_logs.start()

    # log groups

    @operation
    async def create_log_group(self, call: Call) -> Reply:
        """Create a log group; the work request names it."""
        self._unique_group(call.body["compartmentId"], call.body["displayName"])
        group = self.create("log_group", call, {"timeLastModified": self.clock.timestamp()}, state="CREATING")
        request = self.work_request("CREATE_LOG_GROUP", [("CREATED", "loggroup", group)])
        self.transition(group, _TIME, "ACTIVE", request=request)
        return self.accepted(request, 202, group)

    def _unique_group(self, compartment: str, name: str, but: str | None = None) -> None:
        for group in self.living("log_group", compartment=compartment):
            if group.doc["displayName"] == name and group.id != but:
                raise conflict(f"A log group of the name {name} already exists in this compartment")

    @operation
    async def list_log_groups(self, call: Call) -> Reply:
        """The log groups of a compartment, or of all below it too."""
        return self.list("log_group", call, in_subtree(self.region, call, "is_compartment_id_in_subtree"), dead=False)

    @operation
    async def update_log_group(self, call: Call) -> Reply:
        """Change name, description and tags."""
        group = self._group(call, "ACTIVE")
        if "displayName" in call.body:
            self._unique_group(str(group.compartment), call.body["displayName"], group.id)
        group = self.apply(group, call, "displayName", "description", "freeformTags", "definedTags")
        group = self.update(group, {"timeLastModified": self.clock.timestamp()})
        request = self.work_request("UPDATE_LOG_GROUP", [("UPDATED", "loggroup", group)])
        self.transition(group, _TIME, "ACTIVE", via="UPDATING", request=request)
        return self.accepted(request, 202, group)

    @operation
    async def delete_log_group(self, call: Call) -> Reply:
        """Delete an empty log group."""
        group = self._group(call, "ACTIVE", "FAILED")
        if self.living("log", parent=group.id):
            raise conflict(f"Log group {group.id} is not empty")
        request = self.work_request("DELETE_LOG_GROUP", [("DELETED", "loggroup", group)])
        # The service has no state for what is deleted: it is not there any more.
        self.transition(group, _TIME, "DELETED", via="DELETING", request=request)
        return self.accepted(request, 202)

    @operation
    async def change_log_group_compartment(self, call: Call) -> Reply:
        """Move a log group and its logs."""
        group = self._group(call, "ACTIVE")
        if "compartmentId" not in call.body:  # The model lets it be left out.
            raise self.lacking("compartmentId")
        self._unique_group(call.body["compartmentId"], group.doc["displayName"], group.id)
        self.move(group, call)
        for log in self.living("log", parent=group.id):
            self.update(log, {"compartmentId": call.body["compartmentId"]})
        request = self.work_request("MOVE_LOG_GROUP", [("UPDATED", "loggroup", group)])
        self.transition(group, _TIME, "ACTIVE", via="UPDATING", request=request)
        return self.accepted(request, 202, group)

    def _group(self, call: Call, *states: str) -> Record:
        return self._in(self.get("log_group", call.path["log_group_id"]), *states)

    def _in(self, record: Record, *states: str) -> Record:
        if states and record.state not in states:
            raise incorrect_state(f"{record.id} is in state {record.state}, not {' or '.join(states)}")
        return record

    # logs

    @operation
    async def create_log(self, call: Call) -> Reply:
        """Create a log in a group; of a service's resource, or a custom one."""
        group = self._group(call, "ACTIVE")
        body = call.body
        self._unique_log(group, body["displayName"])
        configuration = body.get("configuration")
        if body["logType"] == "SERVICE":
            if not configuration:
                raise missing("configuration")
            self._check_source(configuration["source"])
        elif configuration and configuration.get("source"):
            raise invalid("A CUSTOM log has no configuration.source")
        enabled = body.get("isEnabled", True)
        log = self.create(
            "log",
            call,
            {
                "tenancyId": self._tenancy(),
                "logGroupId": group.id,
                "compartmentId": group.compartment,
                "isEnabled": enabled,
                "retentionDuration": _retention(body.get("retentionDuration", 30)),
                "configuration": _configured(configuration, str(group.compartment)),
                "timeLastModified": self.clock.timestamp(),
            },
            state="CREATING",
            compartment=group.compartment,
            parent=group.id,
        )
        request = self.work_request("CREATE_LOG", [("RELATED", "loggroup", group), ("CREATED", "log", log)])
        self.transition(log, _TIME, "ACTIVE" if enabled else "INACTIVE", request=request)
        return self.accepted(request, 202, log)

    def _tenancy(self) -> str:
        return self.region.ancestry(self._root())[-1]

    def _root(self) -> str:
        found = self.store.select("identity", "compartment")
        return found[0].id

    def _unique_log(self, group: Record, name: str, but: str | None = None) -> None:
        for log in self.living("log", parent=group.id):
            if log.doc["displayName"] == name and log.id != but:
                raise conflict(f"A log of the name {name} already exists in this log group")

    def _check_source(self, source: Document) -> None:
        """Refuse a source that the region has not, or that has its log already."""
        service, category, resource = source["service"], source["category"], source["resource"]
        if service == SERVICE:
            if category not in _CATEGORIES:
                raise invalid(f"configuration.source.category of {service} must be one of {', '.join(_CATEGORIES)}")
            found = self.store.find(resource)
            if found is None or found.dead:
                raise related_not_found()
            if found.kind != _CATEGORIES[category]:
                raise invalid(f"configuration.source: {resource} is not a {_CATEGORIES[category]}")
        else:
            known = {entry["name"]: entry for entry in _registry("")}
            if service not in known:
                raise invalid(f"configuration.source.service '{service}' is not known")
            categories = [each["name"] for kind in known[service]["resourceTypes"] for each in kind["categories"]]
            if category not in categories:
                raise invalid(f"configuration.source.category of {service} must be one of {', '.join(categories)}")
        self._check_parameters(service, source.get("parameters") or {})
        for log in self.living("log"):
            old = (log.doc.get("configuration") or {}).get("source") or {}
            same = service == SERVICE or old.get("category") == category
            if same and (old.get("service"), old.get("resource")) == (service, resource):
                raise conflict(f"Log {log.id} already logs category {old['category']} of {resource}")

    def _check_parameters(self, service: str, parameters: Document) -> None:
        """Refuse parameters that a service does not know, and a capture filter that is not for flow logs."""
        unknown = sorted(set(parameters) - ({CAPTURE_FILTER} if service == SERVICE else set()))
        if unknown:
            raise invalid(f"configuration.source.parameters of {service}: {unknown[0]} is not known")
        if CAPTURE_FILTER in parameters:
            found = self.store.find(parameters[CAPTURE_FILTER])
            if found is None or found.dead or found.kind != "capture_filter":
                raise related_not_found()
            if found.doc.get("filterType") != "FLOWLOG":
                raise invalid(f"Capture filter {found.id} is of type {found.doc.get('filterType')}, not FLOWLOG")

    def _log(self, call: Call, *states: str) -> Record:
        log = self.get("log", call.path["log_id"])
        if log.parent != call.path["log_group_id"]:
            raise not_found()
        return self._in(log, *states)

    @operation
    async def get_log(self, call: Call) -> Reply:
        """A log of a group."""
        return self.show(self._log(call))

    @operation
    async def list_logs(self, call: Call) -> Reply:
        """The logs of a group."""
        group = self._group(call)

        def source(name: str) -> Callable[[Record, Any], bool]:
            return lambda log, value: (log.doc.get("configuration") or {}).get("source", {}).get(name) == value

        filters = {"source_service": source("service"), "source_resource": source("resource")}
        return self.list("log", call, filters, where=lambda log: log.parent == group.id, dead=False)

    @operation
    async def update_log(self, call: Call) -> Reply:
        """Change name, tags, retention, archiving; switch a log on or off."""
        log = self._log(call, "ACTIVE", "INACTIVE")
        body = call.body
        if "displayName" in body:
            self._unique_log(self.get("log_group", log.parent), body["displayName"], log.id)
        if "retentionDuration" in body:
            _retention(body["retentionDuration"])
        changes: Document = {
            name: body[name]
            for name in ("displayName", "isEnabled", "freeformTags", "definedTags", "retentionDuration")
            if name in body
        }
        if "configuration" in body:
            old, new = log.doc.get("configuration") or {}, body["configuration"]
            if log.doc["logType"] != "SERVICE":
                raise invalid("A CUSTOM log has no configuration.source")
            # Of the source only the parameters can change.
            self._check_parameters(old["source"]["service"], new["source"].get("parameters") or {})
            changes["configuration"] = old | new | {"source": old["source"] | new["source"]}
        log = self.update(log, {**changes, "timeLastModified": self.clock.timestamp()})
        request = self.work_request("UPDATE_LOG", [("UPDATED", "log", log)])
        state = "ACTIVE" if log.doc["isEnabled"] else "INACTIVE"
        self.transition(log, _TIME, state, via="UPDATING", request=request)
        return self.accepted(request, 202, log)

    @operation
    async def delete_log(self, call: Call) -> Reply:
        """Delete a log."""
        log = self._log(call, "ACTIVE", "INACTIVE", "FAILED")
        request = self.work_request("DELETE_LOG", [("DELETED", "log", log)])
        self.content.forget(log.id)
        self.transition(log, _TIME, "DELETED", via="DELETING", request=request)
        return self.accepted(request, 202)

    @operation
    async def change_log_log_group(self, call: Call) -> Reply:
        """Move a log to another group."""
        log = self._log(call, "ACTIVE", "INACTIVE")
        if not call.body.get("targetLogGroupId"):
            raise missing("targetLogGroupId")
        target = self._in(self.get("log_group", call.body["targetLogGroupId"], related=True), "ACTIVE")
        self._unique_log(target, log.doc["displayName"], log.id)
        request = self.work_request("MOVE_LOG", [("UPDATED", "log", log), ("RELATED", "loggroup", target)])
        state = log.state
        log = self.update(log, {}, private={"target": target.id})
        self.transition(log, _TIME, state, via="UPDATING", also=self._moved, request=request, failed=state)
        return self.accepted(request, 202, log)

    @step
    async def _moved(self, log: Record, request: WorkRequest | None) -> Document | None:
        """The group is another one from now on; nothing to do where that was done before a restart."""
        group = self.get("log_group", log.private["target"])
        if log.parent != group.id:
            log.parent = group.id
            self.update(log, {"logGroupId": group.id, "compartmentId": group.compartment})
        return None

    @operation
    async def list_services(self, call: Call) -> Reply:
        """The services that can log, with their categories."""
        return self.page(call, _registry(self._tenancy()))


def _registry(tenancy: str) -> list[Document]:
    def entry(name: str, resources: dict[str, list[str]], parameters: Sequence[Document] = ()) -> Document:
        return {
            "id": name,
            "name": name,
            "namespace": f"oci_{name}",
            "tenantId": tenancy,
            "servicePrincipalName": name,
            "endpoint": "https://logging.local-1.oci.okestack.test",
            "resourceTypes": [
                {
                    "name": kind,
                    "categories": [
                        {"name": each, "displayName": each, "parameters": parameters} for each in categories
                    ],
                }
                for kind, categories in resources.items()
            ],
        }

    return [
        entry(
            SERVICE,
            {"vcn": ["vcn"], "subnet": ["all", "subnet"], "vnic": ["vnic"]},
            [{"name": CAPTURE_FILTER, "type": "string", "required": False, "rank": 1}],
        ),
        entry("loadbalancer", {"loadbalancer": ["access", "error"]}),
        entry(
            "oke-k8s-cp-prod",
            {
                "cluster": [
                    "kube-controller-manager",
                    "cloud-controller-manager",
                    "kube-scheduler",
                    "kube-apiserver",
                    "all-service-logs",
                ]
            },
        ),
    ]


def _retention(days: int) -> int:
    if days not in (30, 60, 90, 120, 150, 180):
        raise invalid(f"retentionDuration must be 30, 60, 90, 120, 150 or 180 days: {days}")
    return days


def _configured(configuration: Document | None, compartment: str) -> Document | None:
    if configuration is None:
        return None
    return {"compartmentId": compartment, "archiving": {"isEnabled": False}} | configuration
