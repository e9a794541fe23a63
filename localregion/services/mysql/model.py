# SPDX-License-Identifier: GPL-3.0-or-later
"""What the MySQL Database Service makes of requests: defaults, refusals, catalogues. No I/O.

Rules from the SDK's models (password, storage growth and its limits, what excludes what) and the service's
documentation (https://docs.oracle.com/en-us/iaas/mysql-database/): shapes, reserved user names, ports. The catalogue
of versions is an example.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from localregion import ocids
from localregion.core.errors import ServiceError, incorrect_state, invalid, missing, not_implemented
from localregion.settings import AVAILABILITY_DOMAIN, FAULT_DOMAINS

Doc = dict[str, Any]

# name: (ECPUs, GB of memory)
SHAPES = {
    "MySQL.Free": (1, 8),
    "MySQL.2": (2, 16),
    "MySQL.4": (4, 32),
    "MySQL.8": (8, 64),
    "MySQL.16": (16, 128),
    "MySQL.32": (32, 256),
    "MySQL.48": (48, 384),
    "MySQL.64": (64, 512),
    "MySQL.256": (256, 1024),
}
# name: (ECPUs, GB of memory, most nodes)
HEATWAVE_SHAPES = {
    "HeatWave.Free": (1, 16, 1),
    "HeatWave.32GB": (4, 32, 1),
    "HeatWave.512GB": (32, 512, 512),
}
VERSIONS = {
    "8.0": ("8.0.42", "8.0.43"),
    "8.4": ("8.4.5", "8.4.6"),
    "9": ("9.3.2", "9.4.0"),
}
DEFAULT_VERSION = "8.4.6"
RESERVED_USERS = frozenset(
    (
        "ociadmin",
        "ocidbm",
        "ocimonitor",
        "ocirpl",
        "oracle-cloud-agent",
        "rrhhuser",
        "mysql.infoschema",
        "mysql.session",
        "mysql.sys",
        "mysql_option_tracker_persister",
        "mariadb.sys",
        "root",
    )
)
"""The service's list and the accounts of the server that plays it here."""
MINIMUM_STORAGE, MAXIMUM_STORAGE = 50, 131072
LIGHT_FIELDS = frozenset(
    (
        "displayName",
        "description",
        "freeformTags",
        "definedTags",
        "maintenance",
        "backupPolicy",
        "deletionPolicy",
        "customerContacts",
        "securityAttributes",
        "databaseManagement",
    )
)
"""Fields whose update needs no work on the server."""

_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(:[0-5]\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?\Z")
_LABEL = re.compile(r"[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\Z")
_USER = re.compile(r"[A-Za-z0-9_.$@%-]{1,32}\Z")


def versions() -> dict[str, str]:
    """Version: its family."""
    return {version: family for family, all_of in VERSIONS.items() for version in all_of}


def password(value: str) -> None:
    """Refuse an administrator's password that breaks the service's rule; the message does not repeat it."""
    wanted = {
        "1 numeric character": any(c.isdigit() for c in value),
        "1 lowercase character": any(c.islower() for c in value),
        "1 uppercase character": any(c.isupper() for c in value),
        "1 special (nonalphanumeric) character": any(not c.isalnum() for c in value),
    }
    if not 8 <= len(value) <= 32:
        raise invalid("adminPassword must be between 8 and 32 characters long")
    for what, there in wanted.items():
        if not there:
            raise invalid(f"adminPassword must contain at least {what}")


def username(value: str) -> None:
    """Refuse an administrator's name that is malformed or reserved."""
    if not _USER.match(value):
        raise invalid("adminUsername must have 1 to 32 characters")
    if value.lower() in RESERVED_USERS:
        raise invalid(f"adminUsername '{value}' is reserved")


def moment(value: str, field: str) -> dt.datetime:
    """A date and time with its zone, or 400."""
    try:
        made = dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        made = None
    if made is None or made.tzinfo is None:
        raise invalid(f"{field} must be an RFC 3339 timestamp: '{value}'")
    return made.astimezone(dt.UTC)


def disabled_windows(given: list[Doc]) -> list[Doc]:
    """The window without maintenance, one at most, shown in UTC."""
    if len(given) > 1:
        raise invalid("maintenance.maintenanceDisabledWindows holds at most one window")
    made = []
    for window in given:
        where = "maintenance.maintenanceDisabledWindows"
        start, end = (moment(window[name], f"{where}.{name}") for name in ("timeStart", "timeEnd"))
        if start >= end:
            raise invalid(f"{where}.timeStart must be before timeEnd")
        made.append({"timeStart": f"{start:%Y-%m-%dT%H:%M:%S.000Z}", "timeEnd": f"{end:%Y-%m-%dT%H:%M:%S.000Z}"})
    return made


def time_of_day(value: str, field: str) -> str:
    """A time of day with its seconds cut to zero, as the service does."""
    match = _TIME.match(value)
    if not match:
        raise invalid(f"{field} must be the time portion of an RFC 3339 timestamp: '{value}'")
    hour, minute, seconds, zone = match.groups()
    return f"{hour}:{minute}{':00' if seconds else ''}{zone or ''}"


def window_begin(value: str, now: dt.datetime) -> dt.datetime:
    """When a daily window (a time of day, in UTC unless it says where) last began, as seen at `now`."""
    time = dt.time.fromisoformat(value.replace("Z", "+00:00"))
    if time.tzinfo is None:
        time = time.replace(tzinfo=dt.UTC)
    begin = dt.datetime.combine(now.astimezone(time.tzinfo).date(), time)
    return begin if begin <= now else begin - dt.timedelta(days=1)


def maintenance_window(value: str) -> str:
    """`{day-of-week} {time-of-day}`, of which the service shows the day's full name in capitals."""
    day, _, time = value.strip().partition(" ")
    for name in _DAYS:
        if day.upper() in (name, name[:3]):
            return f"{name} {time_of_day(time.strip(), 'maintenance.windowStartTime')}"
    raise invalid(f"maintenance.windowStartTime must begin with a day of the week: '{value}'")


def shape(name: str) -> str:
    """A DB system's shape, or 400."""
    if name not in SHAPES:
        raise invalid(f"Shape '{name}' is not available for DB Systems: valid values are {', '.join(SHAPES)}")
    return name


def version(value: str) -> str:
    """The version that a DB system gets for the one asked for, as the service shows it: the first update of it.

    A series (`8.4`) means its newest version, an update (`8.4.5-u1-cloud`) its version. Raises 400.
    """
    asked = plain(value)
    fitting = [one for one in versions() if one == asked or one.startswith(f"{asked}.")]
    if not fitting:
        raise invalid(f"MySQL version '{value}' is not available: valid values are {', '.join(versions())}")
    return f"{fitting[-1]}-u1-cloud"


def plain(shown: str) -> str:
    """The version alone, of one with its update."""
    return shown.partition("-")[0]


def patched(shown: str) -> str:
    """The version with its next update."""
    match = re.search(r"-u(\d+)-cloud\Z", shown)
    return f"{plain(shown)}-u{int(match[1]) + 1 if match else 2}-cloud"


def placement(body: Doc) -> None:
    """Refuse another availability or fault domain than the region's."""
    if body.get("availabilityDomain") not in (None, AVAILABILITY_DOMAIN):
        raise invalid(f"availabilityDomain '{body['availabilityDomain']}' does not exist in this region")
    if body.get("faultDomain") not in (None, *FAULT_DOMAINS):
        raise invalid(f"faultDomain '{body['faultDomain']}' does not exist in this region")


def port(value: int, field: str) -> int:
    """A port of the DB system, or 400."""
    if not 1024 <= value <= 65535:
        raise invalid(f"{field} must be between 1024 and 65535: {value}")
    return value


def storage_limit(initial: int) -> int:
    """How far storage may ever grow, in GB, by the size at creation."""
    for bound, limit in ((400, 32), (800, 64), (1200, 96)):
        if initial <= bound:
            return limit * 1024
    return 128 * 1024


def storage(size: int, details: Doc | None, limit: int) -> Doc:
    """The `dataStorage` of a DB system of `size` GB."""
    if not MINIMUM_STORAGE <= size <= MAXIMUM_STORAGE:
        raise invalid(f"dataStorageSizeInGBs must be between {MINIMUM_STORAGE} and {MAXIMUM_STORAGE}: {size}")
    if size > limit:
        raise invalid(f"dataStorageSizeInGBs must not exceed {limit}, the limit of this DB System: {size}")
    details = details or {}
    made: Doc = {
        "allocatedStorageSizeInGBs": size,
        "dataStorageSizeInGBs": size,
        "dataStorageSizeLimitInGBs": limit,
        "isAutoExpandStorageEnabled": bool(details.get("isAutoExpandStorageEnabled")),
    }
    most = details.get("maxStorageSizeInGBs")
    if most is not None:
        if not made["isAutoExpandStorageEnabled"]:
            raise invalid("dataStorage.maxStorageSizeInGBs requires isAutoExpandStorageEnabled")
        if not size <= most <= limit:
            raise invalid(f"dataStorage.maxStorageSizeInGBs must be between {size} and {limit}: {most}")
        made["maxStorageSizeInGBs"] = most
    elif made["isAutoExpandStorageEnabled"]:
        made["maxStorageSizeInGBs"] = limit
    return made


def backup_policy(given: Doc | None, old: Doc | None) -> Doc:
    """A backup policy: what is given over what was, or over the service's defaults."""
    base = old or {
        "isEnabled": True,
        "softDelete": "DISABLED",
        "windowStartTime": "00:00",
        "retentionInDays": 7,
        "pitrPolicy": {"isEnabled": False},
        "copyPolicies": [],
        "freeformTags": {},
        "definedTags": {},
    }
    given = _given(given)
    if given.get("copyPolicies"):
        raise not_implemented("backup copies to other regions")
    made = base | given
    if "windowStartTime" in given:
        made["windowStartTime"] = time_of_day(given["windowStartTime"], "backupPolicy.windowStartTime")
    if not 1 <= made["retentionInDays"] <= 35:
        raise invalid(f"backupPolicy.retentionInDays must be between 1 and 35: {made['retentionInDays']}")
    if made["pitrPolicy"]["isEnabled"] and not made["isEnabled"]:
        raise invalid("backupPolicy.pitrPolicy requires automatic backups")
    return made


def maintenance(given: Doc | None, old: Doc | None) -> Doc:
    """Maintenance settings: what is given over what was, or over the service's defaults."""
    base = old or {
        "windowStartTime": "SUNDAY 03:00",
        "versionPreference": "OLDEST",
        "versionTrackPreference": "FOLLOW",
        "maintenanceScheduleType": "REGULAR",
        "maintenanceDisabledWindows": [],
    }
    given = _given(given)
    made = base | given
    made["maintenanceDisabledWindows"] = disabled_windows(made["maintenanceDisabledWindows"])
    if "windowStartTime" in given:
        made["windowStartTime"] = maintenance_window(given["windowStartTime"])
    return made


def deletion_policy(given: Doc | None, old: Doc | None) -> Doc:
    """A deletion policy: what is given over what was, or over the service's defaults."""
    base = old or {
        "automaticBackupRetention": "DELETE",
        "finalBackup": "SKIP_FINAL_BACKUP",
        "isDeleteProtected": False,
    }
    return base | _given(given)


def contacts(given: list[Doc] | None) -> list[Doc]:
    """Customer contacts: at most ten addresses, each of them one."""
    given = given or []
    if len(given) > 10:
        raise invalid("customerContacts holds at most 10 addresses")
    for each in given:
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", each["email"]):
            raise invalid(f"customerContacts: '{each['email']}' is not an e-mail address")
    return [{"email": each["email"]} for each in given]


def configuration_id(shape_name: str, highly_available: bool) -> str:
    """The OCID of a shape's default configuration."""
    kind = "ha" if highly_available else "standalone"
    return ocids.fixed("mysqlconfiguration", f"{shape_name} {kind}")


def configurations() -> dict[str, Doc]:
    """The default configurations, by OCID. They belong to no compartment of a customer."""
    made = {}
    for name, (_, memory) in SHAPES.items():
        for available in (False, True):
            if available and name == "MySQL.Free":
                continue
            ocid = configuration_id(name, available)
            made[ocid] = {
                "id": ocid,
                "compartmentId": "null",
                "displayName": f"{name}.{'HA' if available else 'Standalone'}",
                "description": f"Default {'highly available' if available else 'standalone'} configuration of {name}",
                "shapeName": name,
                "type": "DEFAULT",
                "lifecycleState": "ACTIVE",
                "timeCreated": "2024-01-01T00:00:00.000Z",
                "timeUpdated": "2024-01-01T00:00:00.000Z",
                "options": [],
                "variables": {
                    "innodbBufferPoolSize": memory * 1024**3 // 2,
                    "maxConnections": 500 * max(1, memory // 16),
                },
                "freeformTags": {},
                "definedTags": {},
            }
    return made


def server_variables(variables: Doc) -> dict[str, str]:
    """A custom configuration's variables for the server: numbers and switches, but not sizes of memory.

    A server of this machine is not of the shape's size; names that it does not know are ignored by it (`loose_`).
    """
    made = {}
    for name, value in variables.items():
        if isinstance(value, str) or re.search(r"Size|Mem|Ram|Pool|Capacity|Chunk|mysqlx", name):
            continue
        word = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: f"_{match[1].lower()}", name)
        made[f"loose_{word}"] = {True: "ON", False: "OFF"}[value] if isinstance(value, bool) else str(value)
    return made


def unsupported(body: Doc) -> None:
    """Refuse with 501 what the region's database has no counterpart for."""
    if (body.get("rest") or {}).get("configuration") == "DBSYSTEM_ONLY":
        raise not_implemented("the REST service of DB systems")
    if (body.get("databaseConsole") or {}).get("status") == "ENABLED":
        raise not_implemented("the console of DB systems")
    if {k: v for k, v in (body.get("readEndpoint") or {}).items() if (k, v) != ("isEnabled", False) and v != []}:
        raise not_implemented("read endpoints of DB systems")
    if body.get("isIpv6Enabled"):
        raise not_implemented("DB systems with IPv6")
    if (body.get("telemetryConfiguration") or {}).get("logs"):
        raise not_implemented("telemetry of DB systems")
    if (body.get("secureConnections") or {}).get("certificateGenerationType") == "BYOC":
        raise not_implemented("own certificates (BYOC) of DB systems")


def new(body: Doc, restored: Doc | None, now: dt.datetime, known: Mapping[str, Doc]) -> Doc:
    """The parts of a new DB system's document that its request decides.

    :param known: configurations by OCID.

    :param restored: the document of the DB system that a backup was made of: defaults come from it.
    """
    unsupported(body)
    placement(body)
    restored = restored or {}
    _check_account(body, required=not restored)
    name = shape(body["shapeName"])
    available = bool(body.get("isHighlyAvailable"))
    if name == "MySQL.Free":
        always_free(body, "CreateDbSystem")
    size = _initial_size(body, restored)
    _check_label(body.get("hostnameLabel"))
    ports = {"port": port(body.get("port") or 3306, "port"), "portX": port(body.get("portX") or 33060, "portX")}
    if ports["port"] == ports["portX"]:
        raise invalid("port and portX must differ")
    doc: Doc = {
        "displayName": body.get("displayName") or f"mysqldbsystem{now:%Y%m%d%H%M%S}",
        "subnetId": body["subnetId"],
        "nsgIds": groups(body.get("nsgIds")),
        "isHighlyAvailable": available,
        "availabilityDomain": body.get("availabilityDomain") or AVAILABILITY_DOMAIN,
        "faultDomain": body.get("faultDomain") or FAULT_DOMAINS[0],
        "shapeName": name,
        "mysqlVersion": version(body.get("mysqlVersion") or restored.get("mysqlVersion") or DEFAULT_VERSION),
        "configurationId": configuration(body.get("configurationId"), name, available, known),
        "dataStorageSizeInGBs": size,
        "dataStorage": storage(size, body.get("dataStorage"), storage_limit(size)),
        **ports,
        "isIpv6Enabled": False,
        "endpoints": [],
        "channels": [],
        "isHeatWaveClusterAttached": False,
        "backupPolicy": backup_policy(body.get("backupPolicy"), None),
        "maintenance": maintenance(body.get("maintenance"), None),
        "deletionPolicy": deletion_policy(body.get("deletionPolicy"), None),
        "crashRecovery": body.get("crashRecovery") or "ENABLED",
        "databaseManagement": body.get("databaseManagement") or "DISABLED",
        "secureConnections": {"certificateGenerationType": "SYSTEM"},
        "telemetryConfiguration": {"logs": []},
        "encryptData": body.get("encryptData") or {"keyGenerationType": "SYSTEM"},
        "databaseMode": mode(body.get("databaseMode"), "databaseMode", ("READ_WRITE", "READ_ONLY")),
        "accessMode": mode(body.get("accessMode"), "accessMode", ("UNRESTRICTED", "RESTRICTED")),
        "customerContacts": contacts(body.get("customerContacts")),
        "rest": {"configuration": "DISABLED"},
        "databaseConsole": {"status": "DISABLED"},
        "readEndpoint": {"isEnabled": False, "excludeIps": []},
    }
    doc["currentPlacement"] = {key: doc[key] for key in ("availabilityDomain", "faultDomain")}
    if body.get("source"):
        doc["source"] = body["source"]
    for field in ("description", "hostnameLabel", "ipAddress", "securityAttributes"):
        if body.get(field) is not None:
            doc[field] = body[field]
    _encryption(doc["encryptData"])
    return doc


def _check_account(body: Doc, *, required: bool) -> None:
    """The administrator's name and password: both or, unless they are required, neither."""
    for field, other in (("adminUsername", "adminPassword"), ("adminPassword", "adminUsername")):
        if not body.get(field) and (required or body.get(other)):
            raise missing(field)
    if body.get("adminUsername"):
        username(body["adminUsername"])
        password(body["adminPassword"])


def _initial_size(body: Doc, restored: Doc) -> int:
    """GB of data storage of a new DB system, at least those of the one that it is restored from."""
    size: int | None = body.get("dataStorageSizeInGBs") or restored.get("dataStorageSizeInGBs")
    if size is None:
        raise missing("dataStorageSizeInGBs")
    if restored and size < restored["dataStorageSizeInGBs"]:
        raise invalid(f"dataStorageSizeInGBs must be at least {restored['dataStorageSizeInGBs']}, the backup's size")
    if body["shapeName"] == "MySQL.Free" and size != 50:
        raise invalid("dataStorageSizeInGBs of shape MySQL.Free must be 50")
    return size


def _check_label(label: str | None) -> None:
    if label is not None and not _LABEL.match(label):
        raise invalid(f"hostnameLabel must comply with RFC 952 and RFC 1123: '{label}'")


_LATER = ("mysqlVersion", "ipAddress", "port", "portX", "faultDomain")


def while_creating(doc: Doc) -> Doc:
    """The document of a DB system as the service shows it until it is made: what is not decided yet is null."""
    later = dict.fromkeys(name for name in _LATER if name in doc)
    return doc | later | {"currentPlacement": dict.fromkeys(doc["currentPlacement"]), "endpoints": []}


def _encryption(value: Doc) -> None:
    if (value["keyGenerationType"] == "BYOK") != bool(value.get("keyId")):
        raise invalid("encryptData.keyId is required with BYOK, and only then")


def groups(given: list[str] | None) -> list[str]:
    """NSGs without repetition, at most five."""
    made = list(dict.fromkeys(given or []))
    if len(made) > 5:
        raise ServiceError(400, "LimitExceeded", "A DB System has at most 5 network security groups")
    return made


def mode(value: str | None, field: str, allowed: tuple[str, ...]) -> str:
    """One of `allowed`, the first by default."""
    if value is not None and value not in allowed:
        raise invalid(f"{field} must be one of {', '.join(allowed)}: '{value}'")
    return value or allowed[0]


def configuration(given: str | None, shape_name: str, highly_available: bool, known: Mapping[str, Doc]) -> str:
    """A configuration that fits the shape, or the shape's default."""
    if given is None:
        return configuration_id(shape_name, highly_available)
    found = known.get(given)
    if found is None:
        raise ServiceError(404, "NotAuthorizedOrNotFound", "Authorization failed or requested resource not found.")
    if found["shapeName"] != shape_name:
        raise invalid(f"Configuration {given} is for shape {found['shapeName']}, not {shape_name}")
    return given


_AS_GIVEN = (
    "displayName", "description", "freeformTags", "definedTags", "securityAttributes", "availabilityDomain",
    "faultDomain", "crashRecovery", "databaseManagement", "subnetId", "ipAddress", "hostnameLabel", "isHighlyAvailable",
)  # fmt: skip
"""Fields that an update sets to what it gives."""
_MERGED = {"backupPolicy": backup_policy, "maintenance": maintenance, "deletionPolicy": deletion_policy}
"""Fields of which an update may give a part."""


def changed(doc: Doc, body: Doc, known: Mapping[str, Doc]) -> Doc:
    """The document after an update, or 400. `doc` is not altered; `known`: configurations by OCID.

    Passwords and user names are not part of it; `subnetId`, `ipAddress`, `hostnameLabel` and `nsgIds` are, and are
    acted on elsewhere.
    """
    body = _given(body)
    if "maintenance" in body and "backupPolicy" in body:
        raise invalid("maintenance and backupPolicy cannot be updated in the same request")
    unsupported(body)
    placement(body)
    new_doc = dict(doc)
    new_doc |= {field: body[field] for field in _AS_GIVEN if field in body}
    if body.get("displayName") == "":
        raise invalid("displayName must not be empty")
    if "adminPassword" in body:
        password(body["adminPassword"])
    if "adminUsername" in body:
        username(body["adminUsername"])
    _check_label(body.get("hostnameLabel"))
    if "nsgIds" in body:
        new_doc["nsgIds"] = groups(body["nsgIds"])
    if "shapeName" in body:
        new_doc["shapeName"] = shape(body["shapeName"])
        if body["shapeName"] == "MySQL.Free" != doc["shapeName"]:
            raise invalid("A DB System cannot be changed to shape MySQL.Free")
    if new_doc["shapeName"] == "MySQL.Free":
        always_free(body, "UpdateDbSystem")
    if "configurationId" in body or any(new_doc[f] != doc[f] for f in ("shapeName", "isHighlyAvailable")):
        new_doc["configurationId"] = configuration(
            body.get("configurationId"), new_doc["shapeName"], new_doc["isHighlyAvailable"], known
        )
    if "mysqlVersion" in body:
        new_doc["mysqlVersion"] = _upgraded(doc["mysqlVersion"], body["mysqlVersion"])
    if "dataStorageSizeInGBs" in body or "dataStorage" in body:
        new_doc |= _grown(doc, body)
    for field in ("port", "portX"):
        if field in body:
            new_doc[field] = port(body[field], field)
    if new_doc["port"] == new_doc["portX"]:
        raise invalid("port and portX must differ")
    for field, merged in _MERGED.items():
        if field in body:
            new_doc[field] = merged(body[field], doc[field])
    if "customerContacts" in body:
        new_doc["customerContacts"] = contacts(body["customerContacts"])
    if "secureConnections" in body:
        new_doc["secureConnections"] = {
            "certificateGenerationType": body["secureConnections"]["certificateGenerationType"]
        }
    if "encryptData" in body:
        _encryption(body["encryptData"])
        new_doc["encryptData"] = body["encryptData"]
    if "databaseMode" in body:
        new_doc["databaseMode"] = mode(body["databaseMode"], "databaseMode", ("READ_WRITE", "READ_ONLY"))
    if "accessMode" in body:
        new_doc["accessMode"] = mode(body["accessMode"], "accessMode", ("UNRESTRICTED", "RESTRICTED"))
    new_doc["currentPlacement"] = {key: new_doc[key] for key in ("availabilityDomain", "faultDomain")}
    return new_doc


def _upgraded(current: str, given: str) -> str:
    """The version after an update. Raises 400 for an older one; the same one stays as it is shown."""
    wanted = version(given)
    if _numbers(wanted) < _numbers(current):
        raise invalid(f"MySQL cannot be downgraded from {current} to {given}")
    return wanted if _numbers(wanted) > _numbers(current) else current


def always_free(body: Doc, operation: str) -> None:
    """Refuse what an Always Free DB system cannot have; the words are the service's of a backup policy."""
    for field, what in (("backupPolicy", "backup policy"), ("isHighlyAvailable", "high availability")):
        if body.get(field) is not None:  # even where it says that there is none
            raise invalid(f"Cannot specify {what} with '{operation}' operation for an Always Free DB system")


def _grown(doc: Doc, body: Doc) -> Doc:
    """The storage fields after an update: they only grow."""
    have: int = doc["dataStorageSizeInGBs"]
    size: int = body.get("dataStorageSizeInGBs", have)
    if size < have:
        raise invalid(f"dataStorageSizeInGBs can only grow: {size} is less than the current {have}")
    if doc["shapeName"] == "MySQL.Free" and size != 50:
        raise invalid("dataStorageSizeInGBs of shape MySQL.Free must be 50")
    given = _given(body.get("dataStorage"))
    old = {name: doc["dataStorage"].get(name) for name in ("isAutoExpandStorageEnabled", "maxStorageSizeInGBs")}
    details = _given(old) | given
    if not details.get("isAutoExpandStorageEnabled") and "maxStorageSizeInGBs" not in given:
        details.pop("maxStorageSizeInGBs", None)
    grown = storage(size, details, doc["dataStorage"]["dataStorageSizeLimitInGBs"])
    return {"dataStorageSizeInGBs": size, "dataStorage": grown}


def recovers(doc: Doc, what: str) -> None:
    """Refuse what the service cannot do while crash recovery is disabled: stop, restart, back up."""
    if doc["crashRecovery"] == "DISABLED":
        raise incorrect_state(f"{what} needs crash recovery, which is DISABLED: enable it first")


def heatwave(shape_name: str, size: int, doc: Doc) -> None:
    """Refuse a HeatWave cluster that a DB system cannot have."""
    if shape_name not in HEATWAVE_SHAPES:
        raise invalid(
            f"Shape '{shape_name}' is not available for HeatWave: valid values are {', '.join(HEATWAVE_SHAPES)}"
        )
    most = HEATWAVE_SHAPES[shape_name][2]
    if not 1 <= size <= most:
        raise invalid(f"clusterSize of {shape_name} must be between 1 and {most}: {size}")
    if (shape_name == "HeatWave.Free") != (doc["shapeName"] == "MySQL.Free"):
        raise invalid(f"Shape {shape_name} cannot be used with a DB System of shape {doc['shapeName']}")


def _numbers(value: str) -> tuple[int, ...]:
    return tuple(int(part) for part in plain(value).split("."))


def _given(details: Doc | None) -> Doc:
    return {key: value for key, value in (details or {}).items() if value is not None}
