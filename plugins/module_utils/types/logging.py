# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log groups and logs, flow logs of subnets among them (SDK package ``logging``).

Every write is a work request. A log is found in its group's path only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.cloud import Session
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Change,
    Document,
    Field,
    ResourceType,
    States,
    is_unknown,
)

_CLIENT = "logging.LoggingManagementClient"
_STATES = States(
    ready=("ACTIVE",),
    failed=("FAILED",),
    gone=(),  # what is deleted answers 404
    going=("DELETING",),
    resting=("INACTIVE",),
    busy=("CREATING", "UPDATING"),
)
_RETENTION = tuple(range(30, 181, 30))

LOG_GROUP = ResourceType(
    name="log_group",
    client=_CLIENT,
    work_requests=_CLIENT,
    states=_STATES,
    lacks={"revive": "its deletion is not set for later"},
    fields=(Field("description"),),
)


def _check_log(options: Document) -> Iterator[str]:
    days = options.get("retention_duration")
    if days is not None and not is_unknown(days) and days not in _RETENTION:
        yield f"retention_duration: {days} must be one of {', '.join(map(str, _RETENTION))} days"
    if options.get("log_type") == "CUSTOM" and (options.get("configuration") or {}).get("source"):
        yield "configuration.source: a CUSTOM log has none"


def _group_of(session: Session, options: Mapping[str, Any], id_: str) -> tuple[str] | None:
    """The group that a log is in now: looked for below the declared group's compartment, then in the whole tenancy."""
    client = session.client(_CLIENT)
    declared = options["log_group_id"]
    looked_at = {declared}
    places = [session.call(client, "get_log_group", declared).data.compartment_id, session.tenancy]
    for compartment in places:
        try:
            groups = session.rows(client, "list_log_groups", compartment, is_compartment_id_in_subtree=True)
        except CloudError as error:
            if error.status != 404:
                raise
            continue  # not shown to who asks
        for group in [g["id"] for g in groups if g["id"] not in looked_at]:
            looked_at.add(group)
            try:
                session.call(client, "get_log", group, id_)
            except CloudError as error:
                if error.status != 404:
                    raise
            else:
                return (group,)
    return None


LOG = ResourceType(
    name="log",
    client=_CLIENT,
    work_requests=_CLIENT,
    address=("log_group_id", "id"),
    scope=(),
    moves_by=("change_log_log_group", "target_log_group_id"),
    elsewhere=_group_of,
    states=_STATES,
    lacks={"revive": "its deletion is not set for later"},
    checks=(_check_log,),
    fields=(
        Field("log_group_id", change=Change.MOVE, required=True, on_create=False, reference="log_group"),
        Field("log_type", choices=("CUSTOM", "SERVICE"), change=Change.REPLACE, required=True),
        Field("is_enabled", type="bool"),
        Field("retention_duration", type="int"),
        Field(
            "configuration",
            type="dict",
            fields=(
                Field("compartment_id", change=Change.REPLACE, on_update=False, reference="compartment"),
                Field(
                    "source",
                    type="dict",
                    required=True,
                    fields=(
                        Field("source_type", change=Change.REPLACE, required=True, on_update=False),
                        Field("service", change=Change.REPLACE, required=True, on_update=False),
                        Field("resource", change=Change.REPLACE, required=True, on_update=False),
                        Field("category", change=Change.REPLACE, required=True, on_update=False),
                        Field("parameters", type="dict"),
                    ),
                ),
                Field("archiving", type="dict", fields=(Field("is_enabled", type="bool"),)),
            ),
        ),
    ),
)
