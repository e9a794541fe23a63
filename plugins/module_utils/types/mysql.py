# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MySQL DB Systems and their HeatWave clusters (SDK package ``mysql``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.okestack.oci.plugins.module_utils.cloud import to_document
from ansible_collections.okestack.oci.plugins.module_utils.errors import CloudError
from ansible_collections.okestack.oci.plugins.module_utils.model import (
    TAGS,
    Action,
    Change,
    Deletion,
    Document,
    Field,
    ResourceType,
    States,
    caseless,
    is_unknown,
    moment,
    time_of,
)
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import (
    current_version,
    read_version,
    version_made,
)

CLIENT = "mysql.DbSystemClient"
CATALOGUES = "mysql.MysqlaasClient"
_STATES = States(
    ready=("ACTIVE",),
    resting=("INACTIVE",),
    failed=("FAILED",),
    gone=("DELETED",),
    going=("DELETING",),
    busy=("CREATING", "UPDATING"),
)


# --- how the service writes what it is given ---------------------------------------------------------------------

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::[0-5]\d(?:\.\d+)?)?(?:[zZ]|([+-])(\d\d):(\d\d))?\Z")


def _minutes(text: str) -> int | None:
    """A time of day in minutes from midnight in UTC, maybe of the day before or after; None: it is not one.

    The service cuts seconds off; a time without a zone is in UTC.
    """
    match = _CLOCK.match(text.strip())
    if match is None:
        return None
    hour, minute, sign, hours, minutes = match.groups()
    ahead = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1) if sign else 0
    return int(hour) * 60 + int(minute) - ahead


def time_of_day(value: Any) -> Any:
    """``02:00``, ``02:00:30Z`` and ``04:00+02:00`` are the same; other text as it is."""
    minutes = _minutes(value) if isinstance(value, str) else None
    return value if minutes is None else "{:02d}:{:02d}".format(*divmod(minutes % 1440, 60))


def day_and_time(value: Any) -> Any:
    """``Sun 02:00Z`` and ``sun 02:00`` are the same; other text as it is."""
    day, _blank, time = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    minutes = _minutes(time)
    if minutes is None or day.lower()[:3] not in _DAYS:
        return value
    shifted = (_DAYS.index(day.lower()[:3]) + minutes // 1440) % 7
    return f"{_DAYS[shifted]} {time_of_day(time)}"


# --- what a region offers ----------------------------------------------------------------------------------------


def _shapes(session: Any, compartment_id: str | None, use: str) -> list[str] | None:
    if not compartment_id or is_unknown(compartment_id):
        return None

    def ask() -> list[str]:
        rows = session.rows(session.client(CATALOGUES), "list_shapes", compartment_id, is_supported_for=[use])
        return [str(row["name"]) for row in rows]

    names: list[str] = session.remembered(("mysql shapes", compartment_id, use), ask)
    return names


def _db_system_shapes(session: Any, document: Document) -> list[str] | None:
    return _shapes(session, document.get("compartment_id"), "DBSYSTEM")


def _heatwave_shapes(session: Any, document: Document) -> list[str] | None:
    """Those for the compartment of the DB System; None where that is only planned, or hidden."""
    system_id = document.get("db_system_id")
    if not system_id or is_unknown(system_id):
        return None
    system = _db_system(session, system_id)
    return _shapes(session, system["compartment_id"], "HEATWAVECLUSTER")


def _versions(session: Any, document: Document) -> list[str] | None:
    compartment_id = document.get("compartment_id")
    if not compartment_id or is_unknown(compartment_id):
        return None

    def ask() -> list[str]:
        families = session.rows(session.client(CATALOGUES), "list_versions", compartment_id)
        return [str(row["version"]) for family in families for row in family["versions"]]

    names: list[str] = session.remembered(("mysql versions", compartment_id), ask)
    wanted = document.get("mysql_version")
    if wanted and any(_numbers(name)[: len(_numbers(wanted))] == _numbers(wanted) for name in names):
        return [*names, str(wanted)]  # a series, or a version with its update
    return names


def _numbers(version: Any) -> list[int]:
    """The numbers of a version, without its update: [8, 4, 5] of `8.4.5-u1-cloud`."""
    return [int(number) for number in re.findall(r"\d+", str(version).partition("-")[0])]


def _does(there: Any, declared: Any) -> bool:
    """Whether a version does for the one declared: the same, or ahead of it within its series. The service patches a DB
    System, and moves it on from a version that it withdraws; a series (8.4) means any version of it."""
    old, new = _numbers(there), _numbers(declared)
    series = 1 if new[:1] >= [9] else 2  # innovation releases (9.x) are one series
    return bool(new) and old[: min(series, len(new))] == new[:series] and old[: len(new)] >= new


def _db_system(session: Any, system_id: str) -> Document:
    """A DB System as it is now. Raises CloudError."""
    shown: Document = to_document(session.call(session.client(CLIENT), "get_db_system", system_id).data)
    return shown


# --- what it never does ------------------------------------------------------------------------------------------


def _grows(before: Any, after: Any) -> str | None:
    if isinstance(before, int) and isinstance(after, int) and after < before:
        return f"storage grows and never shrinks; declare at least {before}, or move the data to a new DB System"
    return None


def _keeps_its_name(before: Any, after: Any) -> str | None:
    if before and not is_unknown(after) and before != after:
        return "the administrator's name stays as long as the DB System; declare the name that is there"
    return None


def _upgrades(before: Any, after: Any) -> str | None:
    """Versions go up only."""
    old, new = _numbers(before), _numbers(after)
    if before and not is_unknown(after) and new < old:
        return "MySQL is upgraded and never downgraded; declare the version that is there or a newer one"
    return None


def _without_recovery(observed: Document) -> str | None:
    if observed.get("crash_recovery") != "DISABLED":
        return None
    return (
        "crash_recovery is DISABLED, and without it the service neither stops nor restarts a DB System. "
        "Set it to ENABLED first (state: present)"
    )


def _protected(observed: Document) -> str | None:
    if not (observed.get("deletion_policy") or {}).get("is_delete_protected"):
        return None
    return (
        "deletion_policy.is_delete_protected is true, so the service refuses to delete it. "
        "Set it to false first (state: present), then remove it"
    )


def _problems(desired: Document) -> Iterable[str]:
    for name, most in (("nsg_ids", 5), ("customer_contacts", 10)):
        if len(desired.get(name) or []) > most:
            yield f"{name}: the service takes at most {most}"
    if desired.get("shape_name") == "MySQL.Free":
        for name in ("backup_policy", "is_highly_available"):
            if desired.get(name) is not None:
                yield f"{name}: a DB System of shape MySQL.Free takes none, whatever it says; leave it out"
    if len((desired.get("maintenance") or {}).get("maintenance_disabled_windows") or []) > 1:
        yield "maintenance.maintenance_disabled_windows: the service takes at most 1"
    if len((desired.get("backup_policy") or {}).get("copy_policies") or []) > 1:
        yield "backup_policy.copy_policies: the service takes at most 1"
    storage = desired.get("data_storage") or {}
    if storage.get("max_storage_size_in_gbs") is not None and storage.get("is_auto_expand_storage_enabled") is False:
        yield "data_storage.max_storage_size_in_gbs: goes with is_auto_expand_storage_enabled true only"
    for path, option, value in (
        ("secure_connections.certificate_id", "certificate_generation_type", "BYOC"),
        ("encrypt_data.key_id", "key_generation_type", "BYOK"),
    ):
        holder, _dot, inner = path.partition(".")
        given = desired.get(holder) or {}
        kind = given.get(option)
        if kind is not None and not is_unknown(kind) and (kind == value) != (given.get(inner) is not None):
            yield f"{path}: goes with {option} {value}, and only with it"


# --- the types ---------------------------------------------------------------------------------------------------


def _endpoints(system: Mapping[str, Any]) -> Iterable[tuple[str, Any, Any]]:
    for row in system.get("endpoints") or []:
        yield "private", row.get("ip_address"), row.get("port")
        yield "hostname", row.get("hostname"), row.get("port")


ADMINISTRATOR = "okestack-administrator"
"""The free-form tag that says who a DB System's administrator is and which version of which secret holds the password,
as ``NAME SECRET/VERSION``: the service shows neither, and nothing is kept elsewhere."""


class Administrator(NamedTuple):
    """What the tag says; each empty where it does not."""

    name: str
    secret_id: str
    version: str

    @classmethod
    def of(cls, tag: Any) -> Administrator:
        """Read from the tag's value, or from a document's ``_administrator``."""
        name, _blank, password = str(tag or "").partition(" ")
        secret_id, _slash, version = password.partition("/")
        return cls(name, secret_id, version)

    def __str__(self) -> str:
        """The tag's value."""
        return f"{self.name} {self.secret_id}/{self.version}"


def _administrator(session: Any, document: Document, desired: Document) -> Document:
    """A DB System with its administrator, as its tag says, which is shown to nobody. A secret's version that is not the
    current one differs from what is declared; of a DB System without the tag, one that was made after it does."""
    tags = dict(document.get("freeform_tags") or {})
    tag = tags.pop(ADMINISTRATOR, "")
    name, secret_id, version = Administrator.of(tag)
    found = {**document, "freeform_tags": tags, "_administrator": tag}
    found["admin_username"] = name or desired.get("admin_username")
    wanted = desired.get("admin_password_secret_id")
    if wanted and not is_unknown(wanted):
        found["admin_password_secret_id"] = wanted
        if secret_id and secret_id != wanted:
            found["admin_password_secret_id"] = secret_id
        elif document.get("lifecycle_state") == "ACTIVE":  # the password of a stopped one cannot be changed
            old = _old_version(session, wanted, version, document)
            if old:
                found["admin_password_secret_id"] = f"{wanted} (version {old})"
    return found


def _old_version(session: Any, secret_id: str, version: str, system: Document) -> str:
    """The number of the version that a DB System has the password of, where that is not the secret's current one;
    empty where it is, or where nobody may tell."""
    try:
        current = current_version(session, secret_id)
        if not version and current > 1:
            later = time_of(version_made(session, secret_id, current)) > time_of(system["time_created"])
            version = str(current - 1) if later else ""
    except CloudError as error:
        if error.status == 404:
            return ""
        raise
    return version if version != str(current) else ""


def _with_password(session: Any, body: Document, there: Document | None) -> Document:
    """The password, read at the moment it is sent (the service takes no reference to a secret), and the tag that says
    so, which an update of tags keeps."""
    now = Administrator.of((there or {}).get("_administrator"))
    now = now._replace(name=body.get("admin_username") or now.name or str((there or {}).get("admin_username") or ""))
    secret_id = body.pop("admin_password_secret_id", None)
    if secret_id:
        try:
            version, body["admin_password"] = read_version(session, secret_id)
        except CloudError as error:
            raise CloudError(f"admin_password_secret_id: {error}", status=error.status, code=error.code) from None
        now = now._replace(secret_id=secret_id, version=str(version))
    if now.name and now.secret_id and (secret_id or "freeform_tags" in body):
        tags = body.get("freeform_tags") or (there or {}).get("freeform_tags") or {}
        body["freeform_tags"] = {**tags, ADMINISTRATOR: str(now)}
    return body


_IPV4 = "IPv4 only: pods on virtual nodes have no other addresses"
_PORT_TYPE = Field("port", type="int")
_ON_OFF = ("ENABLED", "DISABLED")
_HOW = {"shutdown_type": "shutdown_type"}

MYSQL_DB_SYSTEM = ResourceType(
    name="mysql_db_system",
    noun="db_system",
    client=CLIENT,
    work_requests="mysql.WorkRequestsClient",
    list_complete=False,
    lacks={
        "move": "the service has no operation that moves a DB System",
        "revive": "its deletion is not set for later",
    },
    states=_STATES,
    actions={
        "started": Action("start_db_system", "ACTIVE", token=True),
        "stopped": Action("stop_db_system", "INACTIVE", options=_HOW, token=True, refusal=_without_recovery),
        "restarted": Action(
            "restart_db_system", "ACTIVE", always=True, options=_HOW, token=True, refusal=_without_recovery
        ),
    },
    extra_options={"shutdown_type": {"type": "str", "choices": ["IMMEDIATE", "FAST", "SLOW"], "default": "FAST"}},
    deletion=Deletion(protected=_protected),
    checks=(_problems,),
    complete=_administrator,
    encode=_with_password,
    answers_at=_endpoints,
    wait_timeout=3600,
    fields=(
        Field("shape_name", required=True, among=_db_system_shapes),
        Field("subnet_id", required=True, reference="subnet"),
        Field("admin_username", refusal=_keeps_its_name),
        Field("admin_password_secret_id", reference="vault_secret"),
        Field("availability_domain", canonical=caseless),
        Field("fault_domain", canonical=caseless),
        Field("description"),
        Field("configuration_id", reference="configuration"),
        Field("mysql_version", among=_versions, refusal=_upgrades, fulfils=_does),
        Field("hostname_label", canonical=caseless),
        Field("ip_address"),
        Field("port", type="int"),
        Field("port_x", type="int"),
        Field("is_highly_available", type="bool"),
        Field("crash_recovery", choices=_ON_OFF),
        Field("database_management", choices=_ON_OFF),
        Field("database_mode", choices=("READ_WRITE", "READ_ONLY")),
        Field("access_mode", choices=("UNRESTRICTED", "RESTRICTED")),
        Field("nsg_ids", type="list", elements="str", reference="network_security_group"),
        Field("security_attributes", type="dict"),
        Field("data_storage_size_in_gbs", type="int", refusal=_grows),
        Field(
            "data_storage",
            type="dict",
            discriminator="is_auto_expand_storage_enabled",
            fields=(Field("is_auto_expand_storage_enabled", type="bool"), Field("max_storage_size_in_gbs", type="int")),
        ),
        Field(
            "encrypt_data",
            type="dict",
            discriminator="key_generation_type",
            fields=(
                Field("key_generation_type", choices=("SYSTEM", "BYOK"), required=True),
                Field("key_id", reference="vault_key"),
            ),
        ),
        Field(
            "secure_connections",
            type="dict",
            discriminator="certificate_generation_type",
            fields=(
                Field("certificate_generation_type", choices=("SYSTEM", "BYOC"), required=True),
                Field("certificate_id", reference="certificate"),
            ),
        ),
        Field(
            "backup_policy",
            type="dict",
            alone=True,
            fields=(
                Field("is_enabled", type="bool"),
                Field("retention_in_days", type="int"),
                Field("window_start_time", canonical=time_of_day),
                Field("soft_delete", choices=_ON_OFF),
                Field("pitr_policy", type="dict", fields=(Field("is_enabled", type="bool", required=True),)),
                Field(
                    "copy_policies",
                    type="list",
                    elements="dict",
                    fields=(
                        Field("copy_to_region", required=True),
                        Field("backup_copy_retention_in_days", type="int"),
                    ),
                ),
                *TAGS,
            ),
        ),
        Field(
            "maintenance",
            type="dict",
            alone=True,
            fields=(
                Field("window_start_time", canonical=day_and_time),
                Field("version_preference"),
                Field("version_track_preference"),
                Field("maintenance_schedule_type"),
                Field(
                    "maintenance_disabled_windows",
                    type="list",
                    elements="dict",
                    fields=(
                        Field("time_start", required=True, canonical=moment),
                        Field("time_end", required=True, canonical=moment),
                    ),
                ),
            ),
        ),
        Field(
            "deletion_policy",
            type="dict",
            fields=(
                Field("automatic_backup_retention", choices=("DELETE", "RETAIN")),
                Field("final_backup", choices=("SKIP_FINAL_BACKUP", "REQUIRE_FINAL_BACKUP")),
                Field("is_delete_protected", type="bool"),
            ),
        ),
        Field("customer_contacts", type="list", elements="dict", fields=(Field("email", required=True),)),
        Field("rest", type="dict", fields=(Field("configuration", required=True), _PORT_TYPE)),
        Field("database_console", type="dict", fields=(Field("status", choices=_ON_OFF, required=True), _PORT_TYPE)),
        Field(
            "read_endpoint",
            type="dict",
            fields=(
                Field("is_enabled", type="bool"),
                Field("read_endpoint_ip_address"),
                Field("read_endpoint_hostname_label", canonical=caseless),
                Field("exclude_ips", type="list", elements="str"),
            ),
        ),
        Field(
            "telemetry_configuration",
            type="dict",
            fields=(
                Field(
                    "logs",
                    type="list",
                    elements="dict",
                    fields=(
                        Field("destination", required=True),
                        Field("log_types", type="list", elements="str", required=True),
                        Field(
                            "destination_configurations",
                            type="list",
                            elements="dict",
                            required=True,
                            fields=(Field("key", required=True), Field("value", required=True)),
                        ),
                    ),
                ),
            ),
        ),
    ),
    unmanaged={
        "admin_password": "the option admin_password_secret_id: passwords never enter a variable",
        "source": "restores are an operator's act, not a declared state",
        "is_ipv6_enabled": _IPV4,
        "ipv6_address_ipv6_subnet_cidr_pair_details": _IPV4,
        "read_endpoint.read_endpoint_ipv6_address_ipv6_subnet_cidr_pair_details": _IPV4,
    },
)


def _system_changes(session: Any, desired: Document) -> str | None:
    """A DB System that is made or changed refuses what is asked of its cluster until it is ACTIVE again."""
    system_id = desired["db_system_id"]
    state = _db_system(session, system_id)["lifecycle_state"]
    if state in _STATES.busy:
        return f"its DB System is {state}"
    if state not in _STATES.ready:
        raise CloudError(
            f"the HeatWave cluster of {system_id} cannot be changed: its DB System is {state}. "
            "Start it first (mysql_db_system, state: started)"
        )
    return None


def _system_is_back(session: Any, document: Document) -> str | None:
    """A change of the cluster keeps its DB System UPDATING a little longer than the cluster."""
    state = _db_system(session, document["db_system_id"])["lifecycle_state"]
    return f"its DB System is {state}" if state in _STATES.busy else None


MYSQL_HEATWAVE_CLUSTER = ResourceType(
    name="mysql_heatwave_cluster",
    noun="heat_wave_cluster",
    client=CLIENT,
    work_requests="mysql.WorkRequestsClient",
    create="add_heat_wave_cluster",
    address=("db_system_id",),
    scope=(),
    name_field="db_system_id",
    name_filter=None,
    lacks={
        "move": "it is a part of its DB System",
        "tags": "the service has none for it; its DB System's are what is billed by",
        "rename": "it has no name",
        "twins": "a DB System has one at most",
        "revive": "its deletion is not set for later",
    },
    states=_STATES,
    actions={
        "started": Action("start_heat_wave_cluster", "ACTIVE", token=True),
        "stopped": Action("stop_heat_wave_cluster", "INACTIVE", token=True),
        "restarted": Action("restart_heat_wave_cluster", "ACTIVE", always=True, token=True),
    },
    held=_system_changes,
    usable=_system_is_back,
    wait_timeout=3600,
    fields=(
        Field("db_system_id", change=Change.REPLACE, required=True, on_create=False, reference="mysql_db_system"),
        Field("shape_name", required=True, among=_heatwave_shapes),
        Field("cluster_size", type="int", required=True),
        Field("is_lakehouse_enabled", type="bool"),
    ),
)
