# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MySQL DB Systems (SDK package ``mysql``)."""

from __future__ import annotations

from typing import Any

from ansible_collections.okestack.oci.plugins.module_utils.model import (
    Change,
    Document,
    Field,
    ResourceType,
    States,
    caseless,
)
from ansible_collections.okestack.oci.plugins.module_utils.types.vault import read_secret


def _with_password(session: Any, body: Document) -> Document:
    """The password, read at the moment it is sent; the service takes no reference to a secret."""
    secret_id = body.pop("admin_password_secret_id", None)
    if secret_id:
        body["admin_password"] = read_secret(session, secret_id)
    return body


MYSQL_DB_SYSTEM = ResourceType(
    name="mysql_db_system",
    title="MySQL DB System",
    noun="db_system",
    client="mysql.DbSystemClient",
    work_requests="mysql.WorkRequestsClient",
    list_complete=False,
    lacks={"move": "there is no ChangeDbSystemCompartment"},
    states=States(ready=("ACTIVE",), resting=("INACTIVE",), failed=("FAILED",), gone=("DELETED",), going=("DELETING",)),
    encode=_with_password,
    wait_timeout=3600,
    fields=(
        Field("shape_name", required=True),
        Field("subnet_id", required=True, reference="subnet"),
        Field("admin_username", change=Change.ONCE),
        Field("admin_password_secret_id", change=Change.ONCE, reference="vault_secret"),
        Field("availability_domain", canonical=caseless),
        Field("fault_domain", canonical=caseless),
        Field("description"),
        Field("configuration_id"),
        Field("mysql_version"),
        Field("hostname_label", canonical=caseless),
        Field("ip_address"),
        Field("port", type="int"),
        Field("port_x", type="int"),
        Field("is_highly_available", type="bool"),
        Field("crash_recovery", choices=("ENABLED", "DISABLED")),
        Field("database_management", choices=("ENABLED", "DISABLED")),
        Field("database_mode", choices=("READ_WRITE", "READ_ONLY")),
        Field("access_mode", choices=("UNRESTRICTED", "RESTRICTED")),
        Field("nsg_ids", type="list", elements="str", reference="network_security_group"),
        Field("data_storage_size_in_gbs", type="int"),
        Field(
            "data_storage",
            type="dict",
            fields=(Field("is_auto_expand_storage_enabled", type="bool"), Field("max_storage_size_in_gbs", type="int")),
        ),
        Field(
            "secure_connections",
            type="dict",
            fields=(
                Field("certificate_generation_type", choices=("SYSTEM", "BYOC"), required=True),
                Field("certificate_id"),
            ),
        ),
        Field(
            "backup_policy",
            type="dict",
            alone=True,
            fields=(
                Field("is_enabled", type="bool"),
                Field("retention_in_days", type="int"),
                Field("window_start_time"),
                Field("soft_delete", choices=("ENABLED", "DISABLED")),
                Field("pitr_policy", type="dict", fields=(Field("is_enabled", type="bool", required=True),)),
            ),
        ),
        Field(
            "maintenance",
            type="dict",
            alone=True,
            fields=(
                Field("window_start_time"),
                Field("version_preference"),
                Field("version_track_preference"),
                Field("maintenance_schedule_type"),
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
    ),
    unmanaged={
        "admin_password": "the option admin_password_secret_id: passwords never enter a variable",
        "source": "restores are an operator's act, not a declared state",
        "is_ipv6_enabled": "IPv4 only",
        "ipv6_address_ipv6_subnet_cidr_pair_details": "IPv4 only",
        "backup_policy.copy_policies": "one region",
        "backup_policy.freeform_tags": "not managed yet",
        "backup_policy.defined_tags": "not managed yet",
        "maintenance.maintenance_disabled_windows": "not managed yet",
        "encrypt_data": "not managed yet",
        "database_console": "not managed yet",
        "read_endpoint": "not managed yet",
        "rest": "not managed yet",
        "security_attributes": "not managed yet",
        "telemetry_configuration": "not managed yet",
    },
)
