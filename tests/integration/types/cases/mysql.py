# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values for databases and their HeatWave clusters."""

from __future__ import annotations

from ..case import Case, Leaf

_COPIES = "the region copies no backups to others: there is no other"
_REST = "MariaDB has no REST service"
_CONSOLE = "MariaDB has no console"
_READS = "the region has no read replicas"
_TELEMETRY = "the region has none of the destinations"
_CERTIFICATES = "the region has no Certificates service"

_COPY = {"copy_to_region": "local-2", "backup_copy_retention_in_days": 5}
_LOG = {
    "destination": "OPEN_TELEMETRY",
    "log_types": ["ERROR_LOG"],
    "destination_configurations": [{"key": "url", "value": "https://logs.example.org"}],
}
_COPIED = {"backup_policy.copy_policies": [_COPY]}
_LOGGED = {"telemetry_configuration.logs": [_LOG]}
_LOGS = "telemetry_configuration.logs[]"
_BYOC = {"secure_connections.certificate_generation_type": "BYOC"}
_WINDOW = {"time_start": "2027-12-20T00:00:00Z", "time_end": "2028-01-03T00:00:00Z"}


def _certificate(letter: str) -> str:
    return f"ocid1.certificate.oc1..{letter}"


CASES = {
    "mysql_db_system": Case(
        leaves={
            "description": Leaf("the shop's orders", "the shop's Orders"),
            "shape_name": Leaf("MySQL.2", "MySQL.4", drift="MySQL.8"),
            "mysql_version": Leaf("8.4.5", "8.4.6", kept="it is upgraded and never downgraded"),
            "configuration_id": Leaf(second=lambda g: g.mysql_configuration_id),
            "is_highly_available": Leaf(False, True),
            "availability_domain": Leaf(
                lambda g: g.ad,
                "AD-2",
                spellings=(lambda g: g.ad.lower(),),
                unsupported="the region has one domain",
            ),
            "fault_domain": Leaf("FAULT-DOMAIN-2", "FAULT-DOMAIN-3", spellings=("fault-domain-2",)),
            "subnet_id": Leaf(lambda g: g.subnets["db"], lambda g: g.subnets["nodes"]),
            "nsg_ids": Leaf(lambda g: [g.nsg_id], lambda g: [g.nsg_id, g.other_nsg_id], drift=[]),
            "security_attributes": Leaf(
                {"oracle-zpr": {"app": {"value": "walk", "mode": "enforce"}}},
                {"oracle-zpr": {"app": {"value": "Walk", "mode": "enforce"}}},
            ),
            "hostname_label": Leaf("walk", "walk2", spellings=("WALK",)),
            "ip_address": Leaf(second="10.0.2.77"),
            "port": Leaf(3306, 3307),
            "port_x": Leaf(33060, 33061),
            "admin_username": Leaf("manager", only="the administrator's name stays", implied="another one is refused"),
            "admin_password_secret_id": Leaf(
                lambda g: g.secret_id, lambda g: g.other_secret_id, kept="a tag of ours tells it: nobody else sets that"
            ),
            "crash_recovery": Leaf("ENABLED", "DISABLED"),
            "database_management": Leaf("DISABLED", "ENABLED"),
            "database_mode": Leaf("READ_WRITE", "READ_ONLY"),
            "access_mode": Leaf("UNRESTRICTED", "RESTRICTED"),
            "data_storage_size_in_gbs": Leaf(50, 100, kept="it never shrinks"),
            "data_storage.is_auto_expand_storage_enabled": Leaf(
                True,
                False,
                along={"data_storage.max_storage_size_in_gbs": None},
                implied="only with it is there a limit",
            ),
            "data_storage.max_storage_size_in_gbs": Leaf(200, 400),
            "encrypt_data.key_generation_type": Leaf(
                "SYSTEM",
                "BYOK",
                along={"encrypt_data.key_id": lambda g: g.key_id},
                implied="only with BYOK is there a key",
            ),
            "encrypt_data.key_id": Leaf(
                second=lambda g: g.other_key_id,
                beside={"encrypt_data.key_generation_type": "BYOK", "encrypt_data.key_id": lambda g: g.key_id},
            ),
            "secure_connections.certificate_generation_type": Leaf(
                "SYSTEM",
                "BYOC",
                along={"secure_connections.certificate_id": _certificate("a")},
                implied="only with BYOC is there a certificate",
                unsupported=_CERTIFICATES,
            ),
            "secure_connections.certificate_id": Leaf(
                second=_certificate("b"),
                beside={**_BYOC, "secure_connections.certificate_id": _certificate("a")},
                unsupported=_CERTIFICATES,
            ),
            "backup_policy.is_enabled": Leaf(True, False),
            "backup_policy.retention_in_days": Leaf(7, 9),
            "backup_policy.window_start_time": Leaf(
                "02:00", "03:00", spellings=("02:00Z", "02:00:59.5Z", "04:30+02:30", "01:00-01:00")
            ),
            "backup_policy.soft_delete": Leaf("DISABLED", "ENABLED"),
            "backup_policy.pitr_policy.is_enabled": Leaf(False, True),
            "backup_policy.freeform_tags": Leaf({"of": "walk"}, {"of": "Walk"}),
            "backup_policy.defined_tags": Leaf(
                lambda g: {g.tag_namespace: {"of": "walk"}}, lambda g: {g.tag_namespace: {"of": "Walk"}}
            ),
            "backup_policy.copy_policies": Leaf(second=[_COPY], unsupported=_COPIES),
            "backup_policy.copy_policies[].copy_to_region": Leaf(second="local-3", beside=_COPIED, unsupported=_COPIES),
            "backup_policy.copy_policies[].backup_copy_retention_in_days": Leaf(
                second=6, beside=_COPIED, unsupported=_COPIES
            ),
            "maintenance.window_start_time": Leaf(
                "sun 02:00", "mon 02:00", spellings=("SUN 02:00", "Sunday 02:00:15Z", "sat 23:00-03:00")
            ),
            "maintenance.version_preference": Leaf("OLDEST", "NEWEST"),
            "maintenance.version_track_preference": Leaf("FOLLOW", "LONG_TERM_SUPPORT"),
            "maintenance.maintenance_schedule_type": Leaf("REGULAR", "EARLY"),
            "maintenance.maintenance_disabled_windows": Leaf([_WINDOW], []),
            "maintenance.maintenance_disabled_windows[].time_start": Leaf(
                _WINDOW["time_start"],
                "2027-12-21T00:00:00Z",
                spellings=("2027-12-20T01:00:00+01:00", "2027-12-20T00:00:00.000Z"),
            ),
            "maintenance.maintenance_disabled_windows[].time_end": Leaf(
                _WINDOW["time_end"], "2028-01-04T00:00:00Z", spellings=("2028-01-02T22:00:00-02:00",)
            ),
            "deletion_policy.automatic_backup_retention": Leaf("DELETE", "RETAIN"),
            "deletion_policy.final_backup": Leaf("SKIP_FINAL_BACKUP", "REQUIRE_FINAL_BACKUP"),
            "deletion_policy.is_delete_protected": Leaf(False, True),
            "customer_contacts": Leaf(
                [{"email": "dba@example.org"}], [{"email": "dba@example.org"}, {"email": "ops@example.org"}]
            ),
            "customer_contacts[].email": Leaf("dba@example.org", "DBA@example.org"),
            "rest.configuration": Leaf("DISABLED", "DBSYSTEM_ONLY", unsupported=_REST),
            "rest.port": Leaf(
                second=8443, beside={"rest.configuration": "DBSYSTEM_ONLY", "rest.port": 443}, unsupported=_REST
            ),
            "database_console.status": Leaf("DISABLED", "ENABLED", unsupported=_CONSOLE),
            "database_console.port": Leaf(
                second=8443,
                beside={"database_console.status": "ENABLED", "database_console.port": 443},
                unsupported=_CONSOLE,
            ),
            "read_endpoint.is_enabled": Leaf(False, True, unsupported=_READS),
            "read_endpoint.read_endpoint_ip_address": Leaf(
                second="10.0.2.91",
                beside={"read_endpoint.is_enabled": True, "read_endpoint.read_endpoint_ip_address": "10.0.2.90"},
                unsupported=_READS,
            ),
            "read_endpoint.read_endpoint_hostname_label": Leaf(
                second="reads2",
                beside={"read_endpoint.is_enabled": True, "read_endpoint.read_endpoint_hostname_label": "reads"},
                unsupported=_READS,
            ),
            "read_endpoint.exclude_ips": Leaf(
                second=["10.0.2.93"],
                beside={"read_endpoint.is_enabled": True, "read_endpoint.exclude_ips": ["10.0.2.92"]},
                unsupported=_READS,
            ),
            "telemetry_configuration.logs": Leaf(second=[], beside=_LOGGED, unsupported=_TELEMETRY),
            f"{_LOGS}.destination": Leaf(second="LOG_ANALYTICS", beside=_LOGGED, unsupported=_TELEMETRY),
            f"{_LOGS}.log_types": Leaf(second=["ERROR_LOG", "AUDIT_LOG"], beside=_LOGGED, unsupported=_TELEMETRY),
            f"{_LOGS}.destination_configurations": Leaf(
                second=[{"key": "token", "value": "x"}], beside=_LOGGED, unsupported=_TELEMETRY
            ),
            f"{_LOGS}.destination_configurations[].key": Leaf(second="URL", beside=_LOGGED, unsupported=_TELEMETRY),
            f"{_LOGS}.destination_configurations[].value": Leaf(
                second="https://logs.example.org/Two", beside=_LOGGED, unsupported=_TELEMETRY
            ),
        },
    ),
    "mysql_heatwave_cluster": Case(
        options={"db_system_id": lambda g: g.db_system_id},
        leaves={
            "shape_name": Leaf("HeatWave.512GB", "HeatWave.32GB"),
            "cluster_size": Leaf(1, 2, beside={"shape_name": "HeatWave.512GB"}),
            "is_lakehouse_enabled": Leaf(False, True),
        },
    ),
}
